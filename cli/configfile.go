package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views/words"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// configFile is the YAML of apply and export. Applying it leaves a missing section
// as it is.
type configFile struct {
	Account   *fileAccount              `yaml:"account,omitempty"`
	Retention *[]incident.RetentionRule `yaml:"retention,omitempty"` // the family others means all families without an entry
	Drills    *incident.DrillPlan       `yaml:"drills,omitempty"`
	Runbooks  []incident.RunbookFile    `yaml:"runbooks,omitempty"`
}

type fileAccount struct {
	Auth                string                 `yaml:"auth,omitempty"`
	AccountID           string                 `yaml:"account_id,omitempty"`
	ClientID            string                 `yaml:"client_id,omitempty"`
	ClientSecret        string                 `yaml:"client_secret,omitempty"`
	AppID               *string                `yaml:"app_id,omitempty"`
	APIKey              string                 `yaml:"api_key,omitempty"`
	APISecret           string                 `yaml:"api_secret,omitempty"`
	WebhookSecretTokens []string               `yaml:"webhook_secret_tokens,omitempty"`
	BackupUserEmail     string                 `yaml:"backup_user_email,omitempty"` // the only one of the host pool
	BackupUserEmails    []string               `yaml:"backup_user_emails,omitempty"`
	Cluster             string                 `yaml:"cluster,omitempty"`
	StandbyMeetings     *int                   `yaml:"standby_meetings,omitempty"`
	StormLimit          *int                   `yaml:"storm_limit,omitempty"`
	StaticLinks         *[]incident.StaticLink `yaml:"static_links,omitempty"`
	OnCallEmails        *[]string              `yaml:"on_call_emails,omitempty"`
}

func readFile(name string, in io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(in)
	}
	return os.ReadFile(name)
}

// envReference matches a text that is ${NAME} and nothing else.
var envReference = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$`)

// parseConfigFile parses the YAML. An unknown key is an error with its position.
// Secrets written as ${NAME} come from the environment; one error reports all
// variables that are not set.
func parseConfigFile(text []byte) (configFile, error) {
	var f configFile
	if err := incident.ReadYAML(text, &f); err != nil {
		return configFile{}, err
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
	if f.Account.BackupUserEmail != "" && len(f.Account.BackupUserEmails) > 0 {
		return configFile{}, errors.New("set either backup_user_email or backup_user_emails, not both: put all addresses into backup_user_emails")
	}
	return f, nil
}

func (f *fileAccount) form(old incident.Account) incident.AccountForm {
	form := incident.AccountForm{
		Auth: f.Auth, ZoomAccountID: f.AccountID, ClientID: f.ClientID, APIKey: f.APIKey,
		Cluster: f.Cluster, BackupUsers: append([]string{f.BackupUserEmail}, f.BackupUserEmails...), Version: old.Version,
		AppID: f.AppID, StandbyMeetings: f.StandbyMeetings, StormLimit: f.StormLimit, StaticLinks: f.StaticLinks, OnCallUsers: f.OnCallEmails,
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
	for i, name := range fileTokens {
		if i < len(f.WebhookSecretTokens) {
			set(name, f.WebhookSecretTokens[i])
		} else if _, stored := old.Secrets[name]; stored {
			form.Remove = append(form.Remove, name)
		}
	}
	return form
}

// fileTokens are the secret tokens in the order of webhook_secret_tokens.
var fileTokens = []incident.SecretName{incident.WebhookToken1, incident.WebhookToken2}

// asInFile renames the fields of a refused account that have other names in the
// file.
func asInFile(err error) error {
	if refused, ok := errors.AsType[*incident.Error](err); ok {
		for i, name := range fileTokens {
			if text, wrong := refused.Fields[string(name)]; wrong {
				delete(refused.Fields, string(name))
				refused.Fields[fmt.Sprintf("webhook_secret_tokens.%d", i)] = text
			}
		}
	}
	return err
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
			return nil, fmt.Errorf("account: %w", asInFile(err))
		}
		for _, c := range changed {
			changes = append(changes, "account: "+words.Field(c.Field))
		}
	}
	if f.Retention != nil {
		if slices.ContainsFunc(*f.Retention, func(r incident.RetentionRule) bool { return r.Family == "" }) {
			return changes, errors.New("retention: each entry needs a family, such as meeting or participant; others means all families without an entry")
		}
		rules, err := incident.CheckRetention(*f.Retention)
		var changed []incident.Change
		if err == nil {
			changed, err = service.SaveRetention(ctx, commandLine, rules)
		}
		if err != nil {
			return changes, fmt.Errorf("retention: %w", err)
		}
		byFamily := map[string]incident.RetentionRule{incident.RetentionName(""): {}}
		for _, r := range rules {
			byFamily[incident.RetentionName(r.Family)] = r
		}
		for _, c := range changed {
			family, _, _ := strings.Cut(c.Field, ".")
			r, own := byFamily[family]
			if line := "retention: " + words.Retention(family, own, r.KeepDays, r.BlankDays); !slices.Contains(changes, line) {
				changes = append(changes, line)
			}
		}
		if len(changed) > 0 {
			does, err := p.retentionDoes(ctx, rules)
			if err != nil {
				return changes, err
			}
			changes = append(changes, does)
		}
	}
	byDefault := ""
	for _, file := range f.Runbooks {
		if file.Default && byDefault != "" {
			return changes, fmt.Errorf("runbook %q: %q is the default runbook already, and only one can be", file.Name, byDefault)
		}
		if file.Default {
			byDefault = file.Name
		}
	}
	for _, file := range f.Runbooks {
		old, err := p.Store.RunbookByName(ctx, strings.TrimSpace(file.Name))
		if err != nil && incident.CodeOf(err) != incident.NotFound {
			return changes, err
		}
		_, fields, err := service.SaveRunbookFile(ctx, commandLine, file, old)
		if err != nil {
			return changes, fmt.Errorf("runbook %q: %w", file.Name, err)
		}
		var changed []string
		for _, c := range fields {
			changed = append(changed, words.Field(c.Field))
		}
		if old.ID == "" {
			if changed = []string{"created"}; file.Disabled {
				changed = append(changed, "disabled")
			}
		}
		for _, c := range changed {
			changes = append(changes, fmt.Sprintf("runbook %q: %s", file.Name, c))
		}
	}
	if f.Drills != nil { // last: it may need a runbook of the file
		changed, err := service.SaveDrillPlan(ctx, commandLine, *f.Drills)
		if err != nil {
			return changes, fmt.Errorf("drills: %w", err)
		}
		for _, c := range changed {
			changes = append(changes, "drills: "+words.Field(c.Field))
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
			Cluster: a.Cluster,
		}
		if len(a.BackupUsers) == 1 {
			f.Account.BackupUserEmail = a.BackupUsers[0]
		} else {
			f.Account.BackupUserEmails = a.BackupUsers
		}
		if a.AppID != "" {
			f.Account.AppID = &a.AppID
		}
		if a.StandbyMeetings > 0 {
			f.Account.StandbyMeetings = &a.StandbyMeetings
		}
		if a.StormLimit != incident.DefaultStormLimit {
			f.Account.StormLimit = &a.StormLimit
		}
		if len(a.OnCallUsers) > 0 {
			f.Account.OnCallEmails = &a.OnCallUsers
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
	for i, r := range rules {
		rules[i].Family = incident.RetentionName(r.Family)
		f.Retention = &rules
	}
	plan, err := p.Store.DrillPlan(ctx)
	if err != nil {
		return nil, err
	}
	if plan != incident.DefaultDrillPlan {
		f.Drills = &plan
	}
	rows, err := p.Store.Runbooks(ctx, false)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		f.Runbooks = append(f.Runbooks, row.File())
	}
	return incident.WriteYAML(f)
}
