package views

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

func (p RunbookPage) editable() bool { return p.CanEdit && !p.Archived }

// refusedField is one entry of the list of errors: where it leads, and what it says.
type refusedField struct{ id, label, text string }

// refused lists the errors in the order of the fields on the page.
func (p RunbookPage) refused() (list []refusedField) {
	left := maps.Clone(p.Errors)
	add := func(name, id, label string) {
		if text := left[name]; text != "" {
			list = append(list, refusedField{id, label, text})
			delete(left, name)
		}
	}
	add("name", "f-name", "Name")
	add("incident_type", "f-incident_type", "Incident type")
	add("description", "f-description", "Description")
	add("steps", "steps-title", "Steps")
	for i := range p.Steps {
		of := "Step " + strconv.Itoa(i+1)
		add(stepName(i, "kind"), stepID(i, "card"), of)
		fields := [][2]string{{"name", "name"}, {"topic", "topic"}, {"agenda", "agenda"}, {"recording", "recording"}, {"host", "host"},
			{"duration", "length"}, {"alternative_hosts", "alternative hosts"},
			{"alarm_nobody_minutes", "nobody has joined"}, {"alarm_empty_minutes", "everybody left"}, {"alarm_long_hours", "running for long"}}
		for _, in := range p.Steps[i].Inputs {
			fields = append(fields, [2]string{in.Name, strings.ToLower(in.Label)})
		}
		fields = append(fields, [][2]string{{"when", "when"}, {"after_step", "which step"}, {"after_outcome", "how it ended"}, {"wait", "minutes"}, {"if", "only if"}}...)
		for j := range p.Steps[i].Schedule.Conditions {
			for _, key := range []string{"field", "is", "value", "zone"} {
				fields = append(fields, [2]string{condKey(j, key), "condition " + strconv.Itoa(j+1) + ", " + map[string]string{"field": "field", "is": "comparison", "value": "value", "zone": "time zone"}[key]})
			}
		}
		fields = append(fields, [][2]string{{"repeat", "repeat"}, {"every", "every"}, {"times", "times"}}...)
		for _, f := range fields {
			add(stepName(i, f[0]), stepID(i, f[0]), of+", "+f[1])
		}
	}
	add("variables", "variables-title", "Variables")
	for i := range p.Variables {
		for _, key := range []string{"name", "label", "type", "default", "help", "choices"} {
			add(varName(i, key), varID(i, key), "Variable "+strconv.Itoa(i+1)+", "+key)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		add(name, "runbook", name)
	}
	return list
}

// stepErrors counts the rejected fields of step i.
func (p RunbookPage) stepErrors(i int) int {
	n := 0
	for name := range p.Errors {
		if strings.HasPrefix(name, stepName(i, "")) {
			n++
		}
	}
	return n
}

func (p RunbookPage) stepOpen(i int) bool { return p.Steps[i].Open || p.stepErrors(i) > 0 }

// moreOpen reports whether a field under More of step i was rejected.
func (p RunbookPage) moreOpen(i int) bool {
	for _, key := range []string{"host", "duration", "waiting_room", "join_before_host", "alternative_hosts"} {
		if p.Errors[stepName(i, key)] != "" {
			return true
		}
	}
	return false
}

// alarmsOpen reports whether a field under Alarms of step i was rejected.
func (p RunbookPage) alarmsOpen(i int) bool {
	for _, key := range []string{"alarm_nobody_minutes", "alarm_empty_minutes", "alarm_long_hours"} {
		if p.Errors[stepName(i, key)] != "" {
			return true
		}
	}
	return false
}

// alarmField is a number of minutes or hours under Alarms of step i.
func (p RunbookPage) alarmField(i int, key, label, value string) Field {
	name := stepName(i, key)
	return Field{Label: label, Name: name, ID: stepID(i, key), Value: value, Error: p.Errors[name], InputMode: "numeric", MaxLength: 4}
}

// alarmSummary describes the settings under Alarms while they are closed.
func alarmSummary(s StepForm) string {
	var parts []string
	add := func(after, unit, text string) {
		if after != "" && after != "0" {
			parts = append(parts, text+" "+after+" "+unit)
		}
	}
	add(s.NobodyMinutes, "min", "nobody joined for")
	add(s.EmptyMinutes, "min", "empty for")
	add(s.LongHours, "h", "running for")
	if len(parts) == 0 {
		return "only when people can’t get in"
	}
	return strings.Join(parts, ", ")
}

// templateField is a field of step i that holds a template.
func (p RunbookPage) templateField(i int, key, label, value string) Field {
	name := stepName(i, key)
	return Field{
		Label: label, Name: name, ID: stepID(i, key), Value: value, Error: p.Errors[name], MaxLength: 4096,
		Template: true, Insert: p.editable(), Autofocus: p.Focus == name,
	}
}

// inputField is a setting of step i.
func (p RunbookPage) inputField(i int, in StepInput) Field {
	f := Field{Label: in.Label, Name: stepName(i, in.Name), ID: stepID(i, in.Name), Value: in.Value, MaxLength: 4096}
	if in.Template {
		f = p.templateField(i, in.Name, in.Label, in.Value)
	}
	if in.Check {
		f.Value = "true"
	}
	f.Help, f.Placeholder, f.Error, f.Autofocus = in.Help, in.Placeholder, p.Errors[f.Name], p.Focus == f.Name
	return f
}

// stepError is what is wrong with a field of step i.
func (p RunbookPage) stepError(i int, key string) string {
	return cmp.Or(p.Errors[stepName(i, key)], p.Broken[stepName(i, key)])
}

// scheduleOpen reports whether the section "Conditions & scheduling" of step i is open:
// because it says something, because something in it is wrong, or because somebody opened it.
func (p RunbookPage) scheduleOpen(i int) bool {
	s := p.Steps[i].Schedule
	if s.Open || s.When != "" || len(s.Conditions) > 0 || s.Repeat != "" || zeroEmpty(s.Wait) != "" {
		return true
	}
	return slices.ContainsFunc([]string{"when", "after_step", "after_outcome", "wait", "if", "repeat", "every", "times"}, func(key string) bool { return p.stepError(i, key) != "" })
}

func (p RunbookPage) scheduleField(i int, key, label string) Field {
	return Field{Label: label, Name: stepName(i, key), ID: stepID(i, key), Error: p.stepError(i, key)}
}

func (p RunbookPage) numberField(i int, key, label, value, placeholder string) Field {
	f := p.scheduleField(i, key, label)
	f.Class, f.Value, f.Placeholder, f.InputMode, f.MaxLength = "db-sched-"+key, value, placeholder, "numeric", 10
	return f
}

func (p RunbookPage) conditionField(i, j int, key, label string) Field {
	f := p.scheduleField(i, condKey(j, key), label)
	f.LabelHidden, f.Autofocus = true, p.Focus == f.Name
	return f
}

// zeroEmpty leaves out a number of minutes that says nothing.
func zeroEmpty(minutes string) string {
	if minutes == "0" {
		return ""
	}
	return minutes
}

// chosen selects one of the choices.
func chosen(choices []Choice, value string) []Choice {
	choices = slices.Clone(choices)
	for i := range choices {
		choices[i].Selected = choices[i].Value == value
	}
	return choices
}

// orChoose adds a first choice if none is selected.
func orChoose(choices []Choice, value, label string) []Choice {
	if slices.ContainsFunc(choices, func(c Choice) bool { return c.Selected }) {
		return choices
	}
	return slices.Insert(slices.Clone(choices), 0, Choice{Value: value, Label: label, Selected: true})
}

// earlier are the steps that step i can run after. A step that runs at another time is
// offered the one before it.
func (p RunbookPage) earlier(i int) []Choice {
	s := p.Steps[i].Schedule
	after := s.AfterStep
	if s.When != "after_step" && (after == "" || after == "0") {
		after = strconv.Itoa(i)
	}
	return orChoose(chosen(s.Earlier, after), "0", "Choose a step")
}

// fields are the fields that a condition can be about, and the one that it is about.
func (c ConditionForm) fields(all []Choice) []Choice {
	if c.Missing != "" {
		all = slices.Insert(slices.Clone(all), 0, Choice{Value: c.Field, Label: c.Missing + " (doesn’t exist)"})
	}
	return orChoose(chosen(all, c.Field), "", "Choose a field")
}

func (c ConditionForm) comparisons() []Choice {
	return orChoose(chosen(c.Comparisons, c.Is), c.Is, "Choose how to compare")
}

func (c ConditionForm) oneValue() []Choice { return orChoose(c.Values, "", "Choose a value") }

// line is value i of the condition.
func (c ConditionForm) line(i int) string {
	lines := strings.FieldsFunc(c.Value, func(r rune) bool { return r == ',' })
	if strings.Contains(c.Value, "\n") {
		lines = strings.Split(c.Value, "\n")
	}
	if i >= len(lines) {
		return ""
	}
	return strings.TrimSpace(lines[i])
}

// removal is what deleting the runbook does.
func (p RunbookPage) removal() string {
	if p.Incidents > 0 {
		return "Archive"
	}
	return "Delete"
}

func (p RunbookPage) deleteForm() ConfirmForm {
	c := ConfirmForm{
		ID:     "delete",
		Title:  p.removal() + " runbook “" + p.Name + "”?",
		Text:   "This deletes it permanently, with " + Plural(len(p.Steps), "step", "steps") + " and " + Plural(len(p.Variables), "variable", "variables") + ". No incident was opened with it.",
		Action: "/runbooks/" + p.ID + "/delete",
		Button: p.removal() + " runbook",
		Hidden: []Hidden{{Name: "version", Value: strconv.FormatInt(p.Version, 10)}},
	}
	if p.Incidents > 0 {
		c.Text = Plural(p.Incidents, "incident used it and stays as it is", "incidents used it and stay as they are") + ". People can view an archived runbook but not use or change it."
	}
	if p.Drilled {
		c.Text += " Scheduled drills use it. They fail until you choose another runbook for them."
	}
	return c
}

func runbookTitle(p RunbookPage) string {
	switch {
	case p.Name != "":
		return p.Name
	case p.ID == "":
		return "New runbook"
	}
	return "Runbook"
}

func runbookSub(p RunbookPage) string {
	switch {
	case p.ID == "":
		return "What happens when an incident of this type is opened"
	case p.Archived:
		return "Archived · " + Plural(p.Incidents, "incident", "incidents")
	case !p.Enabled:
		return "Off: nobody can use it · " + Plural(p.Incidents, "incident", "incidents")
	case p.Incidents == 0:
		return "Never used"
	}
	return Plural(p.Incidents, "incident", "incidents")
}

func stepName(i int, key string) string { return "step." + strconv.Itoa(i) + "." + key }
func stepID(i int, key string) string {
	return "step-" + strconv.Itoa(i) + "-" + strings.ReplaceAll(key, ".", "-")
}
func condKey(j int, key string) string { return "if." + strconv.Itoa(j) + "." + key }
func varName(i int, key string) string { return "variable." + strconv.Itoa(i) + "." + key }
func varID(i int, key string) string   { return "variable-" + strconv.Itoa(i) + "-" + key }
func op(name string, i int) string     { return name + ":" + strconv.Itoa(i) }

// stepSummary describes a meeting step on its closed card.
func stepSummary(s StepForm) string {
	var parts []string
	switch s.Recording {
	case "cloud":
		parts = append(parts, "recorded to the cloud")
	case "local":
		parts = append(parts, "recorded by the host")
	}
	if s.Host == "always_backup" {
		parts = append(parts, "hosted by a backup user")
	}
	if len(parts) == 0 {
		return ""
	}
	return capital(strings.Join(parts, ", ")) + "."
}

// moreSummary describes the settings under More while it is closed.
func moreSummary(s StepForm) string {
	host := "opener hosts"
	if s.Host == "always_backup" {
		host = "backup user hosts"
	}
	door := "nobody joins before the host"
	switch {
	case s.WaitingRoom:
		door = "waiting room"
	case s.JoinBeforeHost:
		door = "people can join right away"
	}
	return host + ", " + door
}
