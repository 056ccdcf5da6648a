package incident

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/drawbridge-hq/drawbridge/incident/template"
)

// The limits of a runbook.
const (
	maxSteps     = 20
	maxVariables = 30
	maxChoices   = 50
	maxStepName  = 100 // characters
)

var variableName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// normalise trims the texts, fills in defaults, and rejects values that cannot
// work.
func (r *Runbook) normalise() error {
	fields := map[string]string{}
	text := func(key string, s *string, limit int, missing string) {
		*s = strings.TrimSpace(*s)
		if *s == "" && missing != "" {
			fields[key] = missing
		}
		notShort(fields, key, *s, limit)
	}
	text("name", &r.Name, 120, "Give the runbook a name.")
	text("incident_type", &r.IncidentType, 100, "")
	r.Description = strings.TrimSpace(r.Description)
	tooLong(fields, "description", r.Description, 2000)

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
			fields[p+"name"] = "Use lowercase letters, digits and _, starting with a letter."
		case slices.Index(names, v.Name) < i:
			fields[p+"name"] = "Another variable already has this name."
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
				notShort(fields, p+"choices", c, maxVar)
			}
		}
		v.Choices = choices
		if v.Type == "choice" && (len(v.Choices) == 0 || len(v.Choices) > maxChoices) {
			fields[p+"choices"] = fmt.Sprintf("Enter 1 to %d choices.", maxChoices)
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
		return invalid("Some fields are missing or invalid. Nothing was saved.", fields)
	}
	return nil
}

// VariableNames returns the names of the runbook's variables, in order.
func (r Runbook) VariableNames() []string {
	names := make([]string, len(r.Variables))
	for i, v := range r.Variables {
		names[i] = strings.TrimSpace(v.Name)
	}
	return names
}

func (step *Step) normalise(p string, names []string, fields map[string]string) {
	if step.Kind != StepCreateMeeting {
		fields[p+"kind"] = "This kind of step doesn’t exist."
		return
	}
	step.Name = strings.TrimSpace(step.Name)
	notShort(fields, p+"name", step.Name, maxStepName)
	m := &step.Meeting
	m.Topic, m.Agenda = strings.TrimSpace(m.Topic), strings.TrimSpace(m.Agenda)
	if m.Topic == "" {
		fields[p+"topic"] = "Give the meeting a topic."
	}
	for key, src := range map[string]string{"topic": m.Topic, "agenda": m.Agenda} {
		if _, err := template.Parse(src, templateNames(names)); err != nil {
			fields[p+key] = err.Error()
		}
	}
	if m.Recording == "" {
		m.Recording = RecordingNone
	}
	if !slices.Contains([]Recording{RecordingNone, RecordingLocal, RecordingCloud}, m.Recording) {
		fields[p+"recording"] = "Choose none, cloud or local."
	}
	if m.DurationMinutes == 0 {
		m.DurationMinutes = 60
	}
	if m.DurationMinutes < 1 || m.DurationMinutes > 24*60 {
		fields[p+"duration_minutes"] = "Enter a length from 1 to 1440 minutes."
	}
	for key, minutes := range map[string]int{"alarm_nobody_minutes": m.NobodyMinutes, "alarm_empty_minutes": m.EmptyMinutes} {
		if minutes < 0 || minutes > 24*60 {
			fields[p+key] = "Enter 1 to 1440 minutes, or 0 for no alarm."
		}
	}
	if m.LongHours < 0 || m.LongHours > 7*24 {
		fields[p+"alarm_long_hours"] = "Enter 1 to 168 hours, or 0 for no alarm."
	}
	if m.EndEmpty && m.EmptyMinutes == 0 {
		fields[p+"alarm_empty_minutes"] = "Enter after how many minutes an empty call is ended."
	}
	if m.Host == "" {
		m.Host = HostOpener
	}
	if m.Host != HostOpener && m.Host != HostBackup {
		fields[p+"host"] = "Choose the opener with the backup user as a fallback, or always the backup user."
	}
	if m.WaitingRoom && m.JoinBeforeHost {
		m.JoinBeforeHost = false // Zoom: a waiting room switches join before host off
	}
	var hosts []string
	for _, h := range m.AlternativeHosts {
		if h = CanonicalEmail(h); h == "" {
			continue
		}
		if !validEmail(h) || strings.ContainsAny(h, ";,") {
			fields[p+"alternative_hosts"] = "“" + cutRunes(h, 60) + "” isn’t an email address."
		}
		hosts = append(hosts, h)
	}
	if m.AlternativeHosts = hosts; len(hosts) > 10 {
		fields[p+"alternative_hosts"] = "Use at most 10 alternative hosts."
	}
}
