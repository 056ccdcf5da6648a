package handlers

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// maxRows is how many steps and how many variables a form may have. The
// service allows fewer and says so. This only bounds the work for a hostile form.
const maxRows = 50

var (
	stepKeys = []string{"id", "kind", "name", "topic", "agenda", "recording", "execute_automatically", "duration", "host",
		"waiting_room", "join_before_host", "alternative_hosts",
		"alarm_nobody_minutes", "alarm_empty_minutes", "alarm_long_hours", "end_empty", "open"}
	variableKeys = []string{"name", "label", "type", "required", "default", "help", "choices"}
)

// runbookForm is the posted editor of a runbook, with everything as typed.
// Its rows are fields such as "step.0.topic" and "variable.1.name".
type runbookForm struct {
	Op                              string // the pressed button
	Version                         int64
	Name, IncidentType, Description string
	Default                         bool
	Steps                           []views.StepForm
	Variables                       []views.VariableForm
	PreviewIncident                 int64 // number of the incident to preview with, 0 for a made-up one
	PreviewNumber, PreviewOpener    string
}

func readRunbookForm(c echo.Context) (f runbookForm, err error) {
	form, err := ReadForm(c, "version", "name", "incident_type", "description", "default", "step.*", "variable.*", "preview_incident", "preview_number", "preview_opener", "op")
	if err != nil {
		return f, err
	}
	f = runbookForm{Op: form.Get("op"), Name: form.Get("name"), IncidentType: form.Get("incident_type"), Description: form.Get("description"), Default: form.Has("default"),
		PreviewNumber: strings.TrimSpace(form.Get("preview_number")), PreviewOpener: form.Get("preview_opener")}
	if f.Version, err = form.Int("version"); err != nil {
		return f, err
	}
	if f.PreviewIncident, err = form.Int("preview_incident"); err != nil {
		return f, err
	}
	steps, err := rowsOf(form, "step.", isStepKey, maxRows)
	if err != nil {
		return f, err
	}
	for _, p := range steps {
		step := views.StepForm{
			ID: form.Get(p + "id"), Kind: form.Get(p + "kind"), Name: form.Get(p + "name"), Open: form.Get(p+"open") == "true",
			Topic: form.Get(p + "topic"), Agenda: form.Get(p + "agenda"), Recording: form.Get(p + "recording"),
			ExecuteAutomatically: form.Has(p + "execute_automatically"),
			Duration:             form.Get(p + "duration"), Host: form.Get(p + "host"),
			WaitingRoom: form.Has(p + "waiting_room"), JoinBeforeHost: form.Has(p + "join_before_host"),
			AlternativeHosts: form.Get(p + "alternative_hosts"),
			NobodyMinutes:    form.Get(p + "alarm_nobody_minutes"), EmptyMinutes: form.Get(p + "alarm_empty_minutes"),
			LongHours: form.Get(p + "alarm_long_hours"), EndEmpty: form.Has(p + "end_empty"),
			Inputs: stepInputs(incident.Step{Kind: incident.StepKind(form.Get(p + "kind"))}),
		}
		for n, in := range step.Inputs {
			step.Inputs[n].Value, step.Inputs[n].Checked = form.Get(p+in.Name), form.Has(p+in.Name)
		}
		if step.Schedule, err = readSchedule(form, p); err != nil {
			return f, err
		}
		f.Steps = append(f.Steps, step)
	}
	variables, err := rowPrefixes(form, "variable.", variableKeys)
	if err != nil {
		return f, err
	}
	for _, p := range variables {
		f.Variables = append(f.Variables, views.VariableForm{
			Name: form.Get(p + "name"), Label: form.Get(p + "label"), Type: form.Get(p + "type"), Required: form.Has(p + "required"),
			Default: form.Get(p + "default"), Help: form.Get(p + "help"), Choices: form.Get(p + "choices"),
		})
	}
	return f, nil
}

// rowPrefixes are "step.0.", "step.1." … for the posted rows, in
// order. The numbers may have gaps. Fields other than keys are rejected.
func rowPrefixes(form Form, prefix string, keys []string) ([]string, error) {
	return rowsOf(form, prefix, func(key string) bool { return slices.Contains(keys, key) }, maxRows)
}

// rowsOf is rowPrefixes for at most so many rows with the fields that isKey knows.
func rowsOf(form Form, prefix string, isKey func(string) bool, most int) ([]string, error) {
	rows := map[int]bool{}
	for _, name := range form.Names(prefix) {
		number, key, _ := strings.Cut(strings.TrimPrefix(name, prefix), ".")
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || strconv.Itoa(n) != number || !isKey(key) {
			return nil, BadRequest("There is no field %s here.", quote(name))
		}
		if rows[n] = true; len(rows) > most {
			return nil, BadRequest("The form has too many rows.")
		}
	}
	prefixes := make([]string, 0, len(rows))
	for _, n := range slices.Sorted(maps.Keys(rows)) {
		prefixes = append(prefixes, prefix+strconv.Itoa(n)+".")
	}
	return prefixes, nil
}

// change does what a button other than Save does, and returns where to put the
// focus: a field's name, or a button's value.
func (f *runbookForm) change() (focus string, err error) {
	verb, arg, _ := strings.Cut(f.Op, ":")
	switch verb {
	case "preview":
		return "", nil
	case "add-step":
		kind := incident.StepKind(arg)
		if !slices.Contains(incident.StepKinds(), kind) {
			return "", BadRequest("There is no step of this kind.")
		}
		if len(f.Steps) < maxRows {
			step := stepFormOf(incident.NewStep(kind))
			step.Open = true
			f.Steps = append(f.Steps, step)
		}
		first := "name"
		if kind == incident.StepCreateMeeting {
			first = "topic"
		} else if inputs := stepForms[kind].inputs; len(inputs) > 0 {
			first = inputs[0].Name
		}
		return "step." + strconv.Itoa(len(f.Steps)-1) + "." + first, nil
	case "add-variable":
		if len(f.Variables) < maxRows {
			f.Variables = append(f.Variables, views.VariableForm{Type: "text"})
		}
		return "variable." + strconv.Itoa(len(f.Variables)-1) + ".name", nil
	case "remove-step", "step-up", "step-down":
		for i := range f.Steps {
			f.Steps[i].Was = i + 1
		}
		if f.Steps, focus, err = changeRow(f.Steps, "step", verb, arg); err == nil {
			f.follow(func(number int) int {
				return 1 + slices.IndexFunc(f.Steps, func(s views.StepForm) bool { return s.Was == number })
			})
		}
	case "add-condition", "remove-condition":
		return f.changeConditions(verb, arg)
	case "remove-variable", "variable-up", "variable-down":
		f.Variables, focus, err = changeRow(f.Variables, "variable", verb, arg)
	default:
		err = BadRequest("The form has no button %s.", quote(f.Op))
	}
	return focus, err
}

// changeRow removes row arg or moves it by one. A row that can't move stays.
func changeRow[T any](rows []T, what, verb, arg string) (changed []T, focus string, err error) {
	i, err := strconv.Atoi(arg)
	if err != nil || i < 0 || i >= len(rows) {
		return rows, "", BadRequest("The form has no such row.")
	}
	to := i
	switch verb {
	case "remove-" + what:
		return slices.Delete(rows, i, i+1), "", nil
	case what + "-up":
		to = max(0, i-1)
	case what + "-down":
		to = min(len(rows)-1, i+1)
	}
	rows[i], rows[to] = rows[to], rows[i]
	// The button that moved the row may be disabled at its new place.
	switch {
	case to == 0:
		verb = what + "-down"
	case to == len(rows)-1:
		verb = what + "-up"
	}
	return rows, verb + ":" + strconv.Itoa(to), nil
}

// runbook is the form as the service takes it. A value that can't be parsed becomes one
// that the service rejects in its own words.
func (f runbookForm) runbook(id string) incident.Runbook {
	r := incident.Runbook{ID: id, Version: f.Version, Name: f.Name, IncidentType: f.IncidentType, Description: f.Description, Default: f.Default}
	r.Variables = f.variables()
	for _, s := range f.Steps {
		minutes, err := strconv.Atoi(s.Duration)
		if err != nil && s.Duration != "" || s.Duration == "0" {
			minutes = -1
		}
		step := incident.Step{ID: s.ID, Kind: incident.StepKind(s.Kind), Name: s.Name, ExecuteAutomatically: s.ExecuteAutomatically}
		if setInputs(&step, s.Inputs); s.ExecuteAutomatically {
			step.Schedule = schedule(s.Schedule, step.Kind)
		}
		if step.Kind == incident.StepCreateMeeting {
			step.Meeting = incident.MeetingTemplate{
				Topic: s.Topic, Agenda: s.Agenda, Recording: incident.Recording(s.Recording), DurationMinutes: minutes, Host: incident.HostChoice(s.Host),
				WaitingRoom: s.WaitingRoom, JoinBeforeHost: s.JoinBeforeHost, AlternativeHosts: fieldsOf(s.AlternativeHosts, ",;\n"),
				NobodyMinutes: alarmAfter(s.NobodyMinutes), EmptyMinutes: alarmAfter(s.EmptyMinutes), LongHours: alarmAfter(s.LongHours), EndEmpty: s.EndEmpty,
			}
		}
		r.Steps = append(r.Steps, step)
	}
	return r
}

// variables are those of the form as the service takes them.
func (f runbookForm) variables() (list []incident.Variable) {
	for _, v := range f.Variables {
		list = append(list, incident.Variable{
			Name: v.Name, Label: v.Label, Type: v.Type, Required: v.Required, Default: v.Default, Help: v.Help,
			Choices: fieldsOf(v.Choices, "\n"),
		})
	}
	return list
}

// alarmAfter reads after how many minutes or hours something is an alarm. An empty field
// means never.
func alarmAfter(text string) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil && strings.TrimSpace(text) != "" {
		return -1
	}
	return n
}

// fieldsOf splits text at any of the separators and drops empty parts.
func fieldsOf(text, separators string) []string {
	var list []string
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// formOf is the form of a stored runbook.
func formOf(r incident.Runbook) runbookForm {
	f := runbookForm{Version: r.Version, Name: r.Name, IncidentType: r.IncidentType, Description: r.Description, Default: r.Default}
	for _, s := range r.Steps {
		f.Steps = append(f.Steps, stepFormOf(s))
	}
	if len(f.Steps) == 1 {
		f.Steps[0].Open = true
	}
	for _, v := range r.Variables {
		f.Variables = append(f.Variables, views.VariableForm{
			Name: v.Name, Label: v.Label, Type: v.Type, Required: v.Required, Default: v.Default, Help: v.Help,
			Choices: strings.Join(v.Choices, "\n"),
		})
	}
	return f
}

func stepFormOf(s incident.Step) views.StepForm {
	m := s.Meeting
	return views.StepForm{
		ID: s.ID, Kind: string(s.Kind), Name: s.Name, ExecuteAutomatically: s.ExecuteAutomatically,
		Topic: m.Topic, Agenda: m.Agenda, Recording: string(m.Recording), Duration: strconv.Itoa(m.DurationMinutes), Host: string(m.Host),
		WaitingRoom: m.WaitingRoom, JoinBeforeHost: m.JoinBeforeHost, AlternativeHosts: strings.Join(m.AlternativeHosts, ", "),
		NobodyMinutes: strconv.Itoa(m.NobodyMinutes), EmptyMinutes: strconv.Itoa(m.EmptyMinutes), LongHours: strconv.Itoa(m.LongHours), EndEmpty: m.EndEmpty,
		Inputs: stepInputs(s), Schedule: scheduleForm(s.Schedule),
	}
}

// unlike reports whether saving f could change the runbook whose form is stored.
func (f runbookForm) unlike(stored runbookForm) bool {
	f.Version = stored.Version
	return !reflect.DeepEqual(f.runbook(""), stored.runbook(""))
}
