package incident

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a runbook.
const (
	maxSteps     = 20
	maxVariables = 30
	maxChoices   = 50
)

var variableName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// SaveRunbook creates a runbook (ID "") or changes it, and says what changed in
// words. Fields of a refusal are keyed "name", "variables.0.name",
// "steps.0.topic" and so on. A runbook that somebody else saved meanwhile is a
// Conflict.
func (s *Service) SaveRunbook(ctx context.Context, actor Actor, r Runbook) (saved Runbook, changed []string, err error) {
	if err := need(actor, Admin); err != nil {
		return Runbook{}, nil, err
	}
	if err := r.normalise(); err != nil {
		return Runbook{}, nil, err
	}
	now := s.now()
	r.UpdatedAt = now
	if r.ID == "" {
		r.ID, r.CreatedAt, r.Version = newID(), now, 1
		r.stepIDs(nil)
		_, after := diff(nil, r.lines())
		return r, []string{"created"}, s.store.InsertRunbook(ctx, r, s.audit(actor, "runbook.create", r.Name, nil, after))
	}
	old, err := s.store.Runbook(ctx, r.ID)
	if err != nil {
		return Runbook{}, nil, err
	}
	r.CreatedAt, r.DisabledAt, r.ArchivedAt = old.CreatedAt, old.DisabledAt, old.ArchivedAt
	r.stepIDs(old.Steps)
	before, after := diff(old.lines(), r.lines())
	if len(before) == 0 && len(after) == 0 {
		return old, nil, nil
	}
	if err := s.store.UpdateRunbook(ctx, r, s.audit(actor, "runbook.update", r.Name, before, after)); err != nil {
		return Runbook{}, nil, err
	}
	r.Version++
	for _, l := range append(after, before...) {
		name, _, _ := strings.Cut(l, ":")
		if !slices.Contains(changed, name) {
			changed = append(changed, name)
		}
	}
	return r, changed, nil
}

// stepIDs keeps the ids of steps that the runbook has already, and only those,
// each once.
func (r *Runbook) stepIDs(old []Step) {
	for i := range r.Steps {
		same := func(s Step) bool { return s.ID == r.Steps[i].ID }
		if !slices.ContainsFunc(old, same) || slices.ContainsFunc(r.Steps[:i], same) {
			r.Steps[i].ID = newID()
		}
	}
}

// lines is the runbook as "field: value", for the audit trail and for saying
// what changed.
func (r Runbook) lines() []string {
	list := []string{"name: " + r.Name, "incident type: " + r.IncidentType, "description: " + r.Description}
	if !r.DisabledAt.IsZero() {
		list = append(list, "disabled: yes")
	}
	for i, v := range r.Variables {
		list = append(list, fmt.Sprintf("variable %d: %s (%s, %s, required %v, default %q, help %q, choices %q)", i+1, v.Name, v.Label, v.Type, v.Required, v.Default, v.Help, v.Choices))
	}
	for i, step := range r.Steps {
		p := fmt.Sprintf("step %d ", i+1)
		m := step.Meeting
		list = append(list,
			p+"kind: "+step.Kind,
			p+"execute automatically: "+strconv.FormatBool(step.ExecuteAutomatically),
			p+"topic: "+m.Topic, p+"agenda: "+m.Agenda, p+"recording: "+m.Recording,
			p+"duration: "+strconv.Itoa(m.DurationMinutes)+" minutes", p+"host: "+m.Host,
			p+"waiting room: "+strconv.FormatBool(m.WaitingRoom), p+"join before host: "+strconv.FormatBool(m.JoinBeforeHost),
			p+"alternative hosts: "+strings.Join(m.AlternativeHosts, ", "))
	}
	return list
}

// normalise trims what was typed, fills in what may be left out, and refuses
// what cannot work.
func (r *Runbook) normalise() error {
	fields := map[string]string{}
	text := func(key string, s *string, limit int, missing string) {
		*s = strings.TrimSpace(*s)
		if *s == "" && missing != "" {
			fields[key] = missing
		}
		tooLong(fields, key, *s, limit)
	}
	text("name", &r.Name, 120, "Give the runbook a name.")
	text("incident_type", &r.IncidentType, 100, "")
	text("description", &r.Description, 2000, "")

	if len(r.Variables) > maxVariables {
		fields["variables"] = fmt.Sprintf("Use at most %d variables.", maxVariables)
	}
	names := r.VariableNames()
	for i := range r.Variables {
		v := &r.Variables[i]
		p := fmt.Sprintf("variables.%d.", i)
		v.Name = strings.TrimSpace(v.Name)
		switch {
		case !variableName.MatchString(v.Name):
			fields[p+"name"] = "Use lower-case letters, digits and _, beginning with a letter."
		case slices.Index(names, v.Name) < i:
			fields[p+"name"] = "Another variable has this name."
		}
		text(p+"label", &v.Label, 100, "")
		text(p+"help", &v.Help, 300, "")
		text(p+"default", &v.Default, maxVar, "")
		if v.Label == "" {
			v.Label = v.Name
		}
		if v.Type == "" {
			v.Type = "text"
		}
		if !slices.Contains([]string{"text", "number", "choice", "date"}, v.Type) {
			fields[p+"type"] = "Choose text, number, choice or date."
		}
		var choices []string
		for _, c := range v.Choices {
			if c = strings.TrimSpace(c); v.Type == "choice" && c != "" && !slices.Contains(choices, c) {
				choices = append(choices, c)
				tooLong(fields, p+"choices", c, maxVar)
			}
		}
		v.Choices = choices
		if v.Type == "choice" && (len(v.Choices) == 0 || len(v.Choices) > maxChoices) {
			fields[p+"choices"] = fmt.Sprintf("Give the choices, from 1 to %d of them.", maxChoices)
		}
		if v.Default != "" {
			if problem := v.check(v.Default); problem != "" && fields[p+"type"] == "" && fields[p+"choices"] == "" {
				fields[p+"default"] = problem
			}
		}
	}

	if len(r.Steps) > maxSteps {
		fields["steps"] = fmt.Sprintf("Use at most %d steps.", maxSteps)
	}
	for i := range r.Steps {
		r.Steps[i].normalise(fmt.Sprintf("steps.%d.", i), names, fields)
	}
	if len(fields) > 0 {
		return invalid("Something is missing or wrong. Nothing was saved.", fields)
	}
	return nil
}

// VariableNames are the names of the runbook's variables, in order.
func (r Runbook) VariableNames() []string {
	names := make([]string, len(r.Variables))
	for i, v := range r.Variables {
		names[i] = strings.TrimSpace(v.Name)
	}
	return names
}

func (step *Step) normalise(p string, names []string, fields map[string]string) {
	if step.Kind != KindCreateMeeting {
		fields[p+"kind"] = "There is no step of this kind."
		return
	}
	m := &step.Meeting
	m.Topic, m.Agenda = strings.TrimSpace(m.Topic), strings.TrimSpace(m.Agenda)
	if m.Topic == "" {
		fields[p+"topic"] = "Give the meeting a topic."
	}
	for key, src := range map[string]string{"topic": m.Topic, "agenda": m.Agenda} {
		if _, err := ParseTemplate(src, names); err != nil {
			fields[p+key] = templateProblem(err)
		}
	}
	if m.Recording == "" {
		m.Recording = "none"
	}
	if !slices.Contains([]string{"none", "local", "cloud"}, m.Recording) {
		fields[p+"recording"] = "Choose none, cloud or local."
	}
	if m.DurationMinutes == 0 {
		m.DurationMinutes = 60
	}
	if m.DurationMinutes < 1 || m.DurationMinutes > 24*60 {
		fields[p+"duration_minutes"] = "Give minutes from 1 to 1440."
	}
	if m.Host == "" {
		m.Host = HostOpener
	}
	if m.Host != HostOpener && m.Host != HostBackup {
		fields[p+"host"] = "Choose the opener with the backup user behind, or always the backup user."
	}
	if m.WaitingRoom && m.JoinBeforeHost {
		m.JoinBeforeHost = false // Zoom: a waiting room turns join before host off
	}
	var hosts []string
	for _, h := range m.AlternativeHosts {
		if h = CanonicalEmail(h); h == "" {
			continue
		}
		if !validEmail(h) || strings.ContainsAny(h, ";,") {
			fields[p+"alternative_hosts"] = "“" + cutRunes(h, 60) + "” is not an e-mail address."
		}
		hosts = append(hosts, h)
	}
	if m.AlternativeHosts = hosts; len(hosts) > 10 {
		fields[p+"alternative_hosts"] = "Use at most 10 alternative hosts."
	}
}

// templateProblem is what is wrong with a template, in one text.
func templateProblem(err error) string {
	var list TemplateErrors
	if !errors.As(err, &list) {
		return sentence(err)
	}
	lines := make([]string, len(list))
	for i, e := range list {
		lines[i] = e.Error()
	}
	return strings.Join(lines, " ")
}

// DuplicateRunbook makes a copy that is disabled until somebody has looked at it.
func (s *Service) DuplicateRunbook(ctx context.Context, actor Actor, id string) (Runbook, error) {
	if err := need(actor, Admin); err != nil {
		return Runbook{}, err
	}
	r, err := s.store.Runbook(ctx, id)
	if err != nil {
		return Runbook{}, err
	}
	r.ID, r.DisabledAt, r.ArchivedAt = "", s.now(), time.Time{}
	base := cutRunes(r.Name, 100)
	for n := 1; n < 100; n++ {
		r.Name = base + " (copy)"
		if n > 1 {
			r.Name = fmt.Sprintf("%s (copy %d)", base, n)
		}
		saved, _, err := s.SaveRunbook(ctx, actor, r)
		if CodeOf(err) != Conflict {
			return saved, err
		}
	}
	return Runbook{}, refuse(Conflict, "There are too many copies of this runbook. Rename one first.")
}

// SetRunbookDisabled takes a runbook out of use, or back into it.
func (s *Service) SetRunbookDisabled(ctx context.Context, actor Actor, id string, disabled bool) error {
	if err := need(actor, Admin); err != nil {
		return err
	}
	r, err := s.store.Runbook(ctx, id)
	if err != nil {
		return err
	}
	old := r.lines()
	if disabled == !r.DisabledAt.IsZero() {
		return nil
	}
	action := "runbook.enable"
	if r.DisabledAt = r.ArchivedAt; disabled {
		r.DisabledAt, action = s.now(), "runbook.disable"
	}
	r.UpdatedAt = s.now()
	before, after := diff(old, r.lines())
	return s.store.UpdateRunbook(ctx, r, s.audit(actor, action, r.Name, before, after))
}

// DeleteRunbook deletes a runbook; one that incidents were opened with is
// archived, so that they keep what they refer to.
func (s *Service) DeleteRunbook(ctx context.Context, actor Actor, id string) (archived bool, err error) {
	if err := need(actor, Admin); err != nil {
		return false, err
	}
	r, err := s.store.Runbook(ctx, id)
	if err != nil {
		return false, err
	}
	return s.store.DeleteRunbook(ctx, id, s.now(), s.audit(actor, "runbook.delete", r.Name, r.lines(), nil))
}

// Preview is a meeting template filled in.
type Preview struct {
	Topic, Agenda             string
	TopicErrors, AgendaErrors []TemplateError
	TopicLength, AgendaLength int // in characters, before they are cut
	WillAsk                   []string
}

// Preview fills in a step's templates with the data of an incident, or with a
// sample (number 0) in which the runbook's variables have their defaults.
func (s *Service) Preview(ctx context.Context, m MeetingTemplate, vars []Variable, number int64) (Preview, error) {
	data := SampleTemplateData()
	if number > 0 {
		i, err := s.store.Incident(ctx, number)
		if err != nil {
			return Preview{}, err
		}
		data = s.templateData(i)
	}
	if data.Vars == nil {
		data.Vars = map[string]string{}
	}
	names := Runbook{Variables: vars}.VariableNames()
	for _, v := range vars {
		if data.Vars[v.Name] != "" {
			continue
		}
		switch {
		case v.Default != "":
			data.Vars[v.Name] = v.Default
		case len(v.Choices) > 0:
			data.Vars[v.Name] = v.Choices[0]
		default:
			data.Vars[v.Name] = v.label()
		}
	}
	p := Preview{WillAsk: willAsk(m)}
	p.Topic, p.TopicLength, p.TopicErrors = previewOne(m.Topic, names, data, maxTopic)
	p.Topic = oneLine(p.Topic)
	p.Agenda, p.AgendaLength, p.AgendaErrors = previewOne(m.Agenda, names, data, maxAgenda)
	return p, nil
}

func previewOne(src string, names []string, data TemplateData, limit int) (out string, length int, problems []TemplateError) {
	t, err := ParseTemplate(strings.TrimSpace(src), names)
	var list TemplateErrors
	if errors.As(err, &list) {
		return "", 0, list
	}
	if err == nil {
		out, _, err = t.Render(data, 4*limit)
	}
	if err != nil {
		return "", 0, []TemplateError{{Line: 1, Column: 1, Message: sentence(err)}}
	}
	return cutRunes(out, limit), utf8.RuneCountInString(out), nil
}

// willAsk says in words what Zoom will be asked for.
func willAsk(m MeetingTemplate) []string {
	var list []string
	add := func(yes bool, text string) {
		if yes {
			list = append(list, text)
		}
	}
	add(m.Host != HostBackup, "A meeting hosted by the opener, or by the backup user when the opener cannot")
	add(m.Host == HostBackup, "A meeting hosted by the backup user")
	add(true, "An id of its own, never a personal meeting id")
	add(true, "A passcode")
	add(m.JoinBeforeHost && !m.WaitingRoom, "Anybody with the link may come in before the host")
	add(!m.JoinBeforeHost && !m.WaitingRoom, "People wait for the host")
	add(m.WaitingRoom, "People wait in the waiting room until a host lets them in")
	add(m.Recording == "cloud", "Recording to the cloud, from the start")
	add(m.Recording == "local", "Recording on the host’s computer, from the start")
	add(m.Recording == "none" || m.Recording == "", "No recording by itself")
	add(len(m.AlternativeHosts) > 0, "Alternative hosts: "+strings.Join(m.AlternativeHosts, ", "))
	return list
}

// templateData is what templates see of an incident.
func (s *Service) templateData(i Incident) TemplateData {
	return TemplateData{
		Name: i.Name, Number: i.Number, Key: i.Key(), Severity: i.Severity, Type: i.Type,
		Description: i.Description, OpenerName: i.OpenerName, OpenerEmail: i.OpenerEmail,
		StartedAt: i.CreatedAt, URL: fmt.Sprintf("%s/incidents/%d", s.publicURL, i.Number),
		JoinPage: s.JoinPage(i), Vars: i.Vars, Runbook: i.RunbookName,
	}
}

// JoinPage is the address of an incident's join page, a link that never
// changes. Its key stands for a login: people join by phone, in a hurry, and the
// number alone could be guessed.
func (s *Service) JoinPage(i Incident) string {
	return s.publicURL + "/j/" + i.Key() + "?k=" + i.JoinKey
}
