package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// configFile is the YAML of apply and export. Applying it leaves a missing section
// as it is.
type configFile struct {
	Account   *fileAccount     `yaml:"account,omitempty"`
	Retention *[]fileRetention `yaml:"retention,omitempty"`
	Runbooks  []fileRunbook    `yaml:"runbooks,omitempty"`
}

// fileRetention says how long events of a family are kept. The family others
// stands for all families without an entry.
type fileRetention struct {
	Family    string `yaml:"family"`
	KeepDays  int    `yaml:"keep_days"`
	BlankDays int    `yaml:"blank_days"`
}

type fileAccount struct {
	Auth                string                 `yaml:"auth"`
	AccountID           string                 `yaml:"account_id,omitempty"`
	ClientID            string                 `yaml:"client_id,omitempty"`
	ClientSecret        string                 `yaml:"client_secret,omitempty"`
	AppID               *string                `yaml:"app_id,omitempty"`
	APIKey              string                 `yaml:"api_key,omitempty"`
	APISecret           string                 `yaml:"api_secret,omitempty"`
	WebhookSecretTokens []string               `yaml:"webhook_secret_tokens,omitempty"`
	BackupUserEmail     string                 `yaml:"backup_user_email,omitempty"`
	Cluster             string                 `yaml:"cluster,omitempty"`
	StandbyMeetings     *int                   `yaml:"standby_meetings,omitempty"`
	StaticLinks         *[]incident.StaticLink `yaml:"static_links,omitempty"`
}

type fileRunbook struct {
	Name         string              `yaml:"name"`
	IncidentType string              `yaml:"incident_type,omitempty"`
	Description  string              `yaml:"description,omitempty"`
	Disabled     bool                `yaml:"disabled,omitempty"`
	Variables    []incident.Variable `yaml:"variables,omitempty"`
	Steps        []fileStep          `yaml:"steps,omitempty"`
}

// fileStep has pointers where a missing field does not mean the zero value.
type fileStep struct {
	Kind                 incident.StepKind   `yaml:"kind"`
	ExecuteAutomatically bool                `yaml:"execute_automatically"`
	Topic                *string             `yaml:"topic,omitempty"`
	Agenda               *string             `yaml:"agenda,omitempty"`
	Recording            incident.Recording  `yaml:"recording,omitempty"`
	DurationMinutes      int                 `yaml:"duration_minutes,omitempty"`
	Host                 incident.HostChoice `yaml:"host,omitempty"`
	WaitingRoom          bool                `yaml:"waiting_room,omitempty"`
	JoinBeforeHost       *bool               `yaml:"join_before_host,omitempty"`
	AlternativeHosts     []string            `yaml:"alternative_hosts,omitempty"`
}

func readFile(name string, in io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(in)
	}
	return os.ReadFile(name)
}

// envReference matches ${NAME} and nothing around it.
var envReference = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$`)

// parseConfigFile parses the YAML. An unknown key is an error with its position.
// Secrets written as ${NAME} come from the environment; one error reports all
// variables that are not set.
func parseConfigFile(text []byte) (configFile, error) {
	var f configFile
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return configFile{}, errors.New(yaml.FormatError(err, false, false)) // without the source lines, which hold secrets
	}
	if f.Account == nil {
		return f, nil
	}
	var missing []string
	expand := func(s *string) {
		m := envReference.FindStringSubmatch(*s)
		if m == nil {
			return
		}
		value, ok := os.LookupEnv(m[1])
		if !ok || value == "" {
			missing = append(missing, m[1])
		}
		*s = value
	}
	expand(&f.Account.ClientSecret)
	expand(&f.Account.APISecret)
	for i := range f.Account.WebhookSecretTokens {
		expand(&f.Account.WebhookSecretTokens[i])
	}
	if len(missing) > 0 {
		return configFile{}, fmt.Errorf("the file uses environment variables that are not set: %s", strings.Join(missing, ", "))
	}
	if len(f.Account.WebhookSecretTokens) > 2 {
		return configFile{}, errors.New("webhook_secret_tokens: set at most two, the newest first and then the one you are replacing")
	}
	return f, nil
}

func (f *fileAccount) form(old incident.Account) incident.AccountForm {
	form := incident.AccountForm{
		Auth: f.Auth, ZoomAccountID: f.AccountID, ClientID: f.ClientID, APIKey: f.APIKey,
		Cluster: f.Cluster, BackupUser: f.BackupUserEmail, Version: old.Version,
		AppID: f.AppID, StandbyMeetings: f.StandbyMeetings, StaticLinks: f.StaticLinks,
		Secrets: map[incident.SecretName]string{},
	}
	// Do not set a secret that is already stored: apply is idempotent.
	set := func(name incident.SecretName, value string) {
		if value != "" && !old.Secrets[name].Value.Equal(zoom.NewSecret(value)) {
			form.Secrets[name] = value
		}
	}
	set(incident.ClientSecret, f.ClientSecret)
	set(incident.APISecret, f.APISecret)
	if f.WebhookSecretTokens == nil {
		return form
	}
	for i, name := range []incident.SecretName{incident.WebhookToken1, incident.WebhookToken2} {
		if i < len(f.WebhookSecretTokens) {
			set(name, f.WebhookSecretTokens[i])
		} else if _, stored := old.Secrets[name]; stored {
			form.Remove = append(form.Remove, name)
		}
	}
	return form
}

func (f fileRunbook) runbook() incident.Runbook {
	r := incident.Runbook{Name: f.Name, IncidentType: f.IncidentType, Description: f.Description, Variables: f.Variables}
	for _, s := range f.Steps {
		m := incident.NewMeetingTemplate()
		if s.Topic != nil {
			m.Topic = *s.Topic
		}
		if s.Agenda != nil {
			m.Agenda = *s.Agenda
		}
		if s.Recording != "" {
			m.Recording = s.Recording
		}
		if s.DurationMinutes != 0 {
			m.DurationMinutes = s.DurationMinutes
		}
		if s.Host != "" {
			m.Host = s.Host
		}
		m.WaitingRoom, m.AlternativeHosts = s.WaitingRoom, s.AlternativeHosts
		if s.JoinBeforeHost != nil {
			m.JoinBeforeHost = *s.JoinBeforeHost
		}
		r.Steps = append(r.Steps, incident.Step{Kind: s.Kind, ExecuteAutomatically: s.ExecuteAutomatically, Meeting: m})
	}
	return r
}

// apply makes the stored configuration match the file and returns what changed.
// It leaves runbooks that are not in the file as they are.
func (p *Program) apply(ctx context.Context, f configFile, dryRun bool) (changes []string, err error) {
	service := p.Service
	if dryRun {
		service = service.DryRun()
	}
	if f.Account != nil {
		old, err := p.Store.Account(ctx)
		if err != nil {
			return nil, err
		}
		changed, err := service.SaveAccount(ctx, commandLine, f.Account.form(old))
		if err != nil {
			return nil, fmt.Errorf("account: %w", err)
		}
		for _, c := range changed {
			changes = append(changes, "account: "+c)
		}
	}
	if f.Retention != nil {
		var rules []incident.RetentionRule
		for _, r := range *f.Retention {
			if r.Family == "" {
				return changes, errors.New("retention: each entry needs a family, such as meeting or participant; others stands for all families without an entry")
			}
			if r.Family == incident.RetentionName("") {
				r.Family = ""
			}
			rules = append(rules, incident.RetentionRule(r))
		}
		changed, err := service.SaveRetention(ctx, commandLine, rules)
		if err != nil {
			return changes, fmt.Errorf("retention: %w", err)
		}
		for _, c := range changed {
			changes = append(changes, "retention: "+c)
		}
		if len(changed) > 0 {
			does, err := p.retentionDoes(ctx, rules)
			if err != nil {
				return changes, err
			}
			changes = append(changes, does)
		}
	}
	for _, file := range f.Runbooks {
		r := file.runbook()
		old, err := p.Store.RunbookByName(ctx, strings.TrimSpace(r.Name))
		if err != nil && incident.CodeOf(err) != incident.NotFound {
			return changes, err
		}
		r.ID, r.Version = old.ID, old.Version
		for i := range min(len(r.Steps), len(old.Steps)) {
			r.Steps[i].ID = old.Steps[i].ID
		}
		saved, changed, err := service.SaveRunbook(ctx, commandLine, r)
		if err != nil {
			return changes, fmt.Errorf("runbook %q: %w", r.Name, err)
		}
		if file.Disabled == saved.DisabledAt.IsZero() {
			changed = append(changed, map[bool]string{true: "disabled", false: "enabled"}[file.Disabled])
			if !dryRun || old.ID != "" {
				if err := service.SetRunbookDisabled(ctx, commandLine, saved.ID, file.Disabled); err != nil {
					return changes, fmt.Errorf("runbook %q: %w", r.Name, err)
				}
			}
		}
		for _, c := range changed {
			changes = append(changes, fmt.Sprintf("runbook %q: %s", r.Name, c))
		}
	}
	return changes, nil
}

// retentionDoes says what the rules do to the events that are stored now.
func (p *Program) retentionDoes(ctx context.Context, rules []incident.RetentionRule) (string, error) {
	types, err := p.Store.EventTypes(ctx)
	if err != nil {
		return "", err
	}
	effects, err := p.Store.RetentionEffects(ctx, incident.RetentionCuts(rules, types, p.now()))
	var remove, blank int64
	for _, e := range effects {
		remove += e.Remove
		blank += e.Blank
	}
	return fmt.Sprintf("retention: deletes about %d events now, erases personal data in about %d", remove, blank), err
}

// export returns the stored configuration as YAML, with secrets as references to
// the environment.
func (p *Program) export(ctx context.Context) ([]byte, error) {
	a, err := p.Store.Account(ctx)
	if err != nil {
		return nil, err
	}
	var f configFile
	if a.Version > 0 {
		f.Account = &fileAccount{
			Auth: string(a.Auth), AccountID: a.ZoomAccountID, ClientID: a.ClientID, APIKey: a.APIKey,
			BackupUserEmail: a.BackupUser, Cluster: a.Cluster,
		}
		if a.AppID != "" {
			f.Account.AppID = &a.AppID
		}
		if a.StandbyMeetings > 0 {
			f.Account.StandbyMeetings = &a.StandbyMeetings
		}
		if len(a.StaticLinks) > 0 {
			f.Account.StaticLinks = &a.StaticLinks
		}
		reference := func(name incident.SecretName, env string) string {
			if _, ok := a.Secrets[name]; ok {
				return "${" + env + "}"
			}
			return ""
		}
		f.Account.ClientSecret = reference(incident.ClientSecret, "ZOOM_CLIENT_SECRET")
		f.Account.APISecret = reference(incident.APISecret, "ZOOM_API_SECRET")
		for _, t := range []string{reference(incident.WebhookToken1, "ZOOM_WEBHOOK_SECRET"), reference(incident.WebhookToken2, "ZOOM_WEBHOOK_SECRET_OLD")} {
			if t != "" {
				f.Account.WebhookSecretTokens = append(f.Account.WebhookSecretTokens, t)
			}
		}
	}
	rules, err := p.Store.Retention(ctx)
	if err != nil {
		return nil, err
	}
	if len(rules) > 0 {
		f.Retention = &[]fileRetention{}
	}
	for _, r := range rules {
		r.Family = incident.RetentionName(r.Family)
		*f.Retention = append(*f.Retention, fileRetention(r))
	}
	rows, err := p.Store.Runbooks(ctx, false)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		f.Runbooks = append(f.Runbooks, exportRunbook(row.Runbook))
	}
	return yaml.MarshalWithOptions(f, yaml.Indent(2), yaml.IndentSequence(true))
}

func exportRunbook(r incident.Runbook) fileRunbook {
	f := fileRunbook{Name: r.Name, IncidentType: r.IncidentType, Description: r.Description, Disabled: !r.DisabledAt.IsZero(), Variables: r.Variables}
	for _, s := range r.Steps {
		m := s.Meeting
		f.Steps = append(f.Steps, fileStep{
			Kind: s.Kind, ExecuteAutomatically: s.ExecuteAutomatically,
			Topic: &m.Topic, Agenda: &m.Agenda, Recording: m.Recording, DurationMinutes: m.DurationMinutes,
			Host: m.Host, WaitingRoom: m.WaitingRoom, JoinBeforeHost: &m.JoinBeforeHost, AlternativeHosts: slices.Clone(m.AlternativeHosts),
		})
	}
	return f
}
