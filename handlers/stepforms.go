package handlers

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

// stepForms has the icon and the settings of each kind of step, as the editor shows them.
// The fields of create_meeting are a form of their own.
var stepForms = map[incident.StepKind]stepForm{
	incident.StepCreateMeeting: {icon: views.IconVideo},
	incident.StepChecklist: {views.IconListDetails, []stepInput{
		{views.StepInput{Name: "text", Label: "What is to be done", Template: true, Placeholder: "Tell {{ vars.customer }} that we are on it"}, func(s *incident.Step) any { return &s.Text }},
	}},
	incident.StepEndMeeting: {views.IconCircleX, []stepInput{
		{views.StepInput{Name: "with_people", Label: "Also while people are inside", Help: "Otherwise the step waits until everybody has left."}, func(s *incident.Step) any { return &s.WithPeople }},
	}},
	incident.StepResolve: {icon: views.IconCircleCheck},
}

type stepForm struct {
	icon   templ.Component
	inputs []stepInput
}

// stepInput is one setting of a kind of step. Its name is that of the step's field in the
// form and in errors. of points to it: a text, or a yes or no.
type stepInput struct {
	views.StepInput
	of func(*incident.Step) any
}

// stepInputs are the settings of a step.
func stepInputs(step incident.Step) (list []views.StepInput) {
	for _, in := range stepForms[step.Kind].inputs {
		switch v := in.of(&step).(type) {
		case *string:
			in.Value = *v
		case *bool:
			in.Check, in.Checked = true, *v
		}
		list = append(list, in.StepInput)
	}
	return list
}

// setInputs sets the settings of a step as they were typed.
func setInputs(step *incident.Step, typed []views.StepInput) {
	for n, in := range stepForms[step.Kind].inputs {
		switch v := in.of(step).(type) {
		case *string:
			*v = typed[n].Value
		case *bool:
			*v = typed[n].Checked
		}
	}
}

// maxConditionRows bounds the work for a hostile form, as maxRows does.
const maxConditionRows = 30

var (
	scheduleKeys  = []string{"schedule_open", "when", "after_step", "after_outcome", "wait", "match", "repeat", "every", "times"}
	conditionKeys = []string{"field", "is", "value", "zone"}
)

// isStepKey reports whether a step has this field in the form.
func isStepKey(key string) bool {
	for _, form := range stepForms {
		if slices.ContainsFunc(form.inputs, func(in stepInput) bool { return in.Name == key }) {
			return true
		}
	}
	return slices.Contains(stepKeys, key) || slices.Contains(scheduleKeys, key) || strings.HasPrefix(key, "if.")
}

// isConditionKey also knows the fields of a condition with a field for each value, such as
// "value.0".
func isConditionKey(key string) bool {
	number, isValue := strings.CutPrefix(key, "value.")
	n, err := strconv.Atoi(number)
	return slices.Contains(conditionKeys, key) || isValue && err == nil && n >= 0 && n < maxRows && strconv.Itoa(n) == number
}

// readSchedule reads the section "Conditions & scheduling" of the step whose fields begin
// with p.
func readSchedule(form Form, p string) (f views.ScheduleForm, err error) {
	f = views.ScheduleForm{
		Open: form.Get(p+"schedule_open") == "true",
		When: form.Get(p + "when"), AfterStep: form.Get(p + "after_step"), AfterOutcome: form.Get(p + "after_outcome"), Wait: form.Get(p + "wait"),
		Match: form.Get(p + "match"), Repeat: form.Get(p + "repeat"), Every: form.Get(p + "every"), Times: form.Get(p + "times"),
	}
	rows, err := rowsOf(form, p+"if.", isConditionKey, maxConditionRows)
	if err != nil {
		return f, err
	}
	for _, row := range rows {
		c := views.ConditionForm{Field: form.Get(row + "field"), Is: form.Get(row + "is"), Value: strings.ReplaceAll(form.Raw(row+"value"), "\r\n", "\n"), Zone: form.Get(row + "zone")}
		for n := range maxRows {
			if name := row + "value." + strconv.Itoa(n); form.Has(name) {
				c.Value += form.Get(name) + "\n"
			}
		}
		f.Conditions = append(f.Conditions, c)
	}
	return f, nil
}

// schedule is what the section says. A value that can't be parsed becomes one that the
// service rejects in its own words.
func schedule(f views.ScheduleForm, kind incident.StepKind) (c incident.Schedule) {
	c.When, c.Wait = incident.Trigger(f.When), typedMinutes(f.Wait)
	if c.When == incident.TriggerAfter {
		c.After = incident.After{Step: typedNumber(f.AfterStep), Outcome: incident.Outcome(f.AfterOutcome)}
		if c.After.Step == 0 {
			c.After.Step = -1 // in a file, 0 is the step before
		}
	}
	for _, row := range f.Conditions {
		one := incident.Condition{Field: row.Field, Is: incident.Comparison(row.Is), Value: typedValues(row), Zone: row.Zone}
		if f.Match == "any" {
			c.OnlyIf.Any = append(c.OnlyIf.Any, one)
		} else {
			c.OnlyIf.All = append(c.OnlyIf.All, one)
		}
	}
	if f.Repeat == "" || !kind.Repeats() {
		return c
	}
	if c.Repeat.Times = typedNumber(f.Times); f.Repeat == "change" {
		c.Repeat.OnChange = true
	} else if c.Repeat.Every = typedMinutes(f.Every); c.Repeat.Every == 0 {
		c.Repeat.Every = -1
	}
	return c
}

// scheduleForm is the section of a stored step.
func scheduleForm(c incident.Schedule) views.ScheduleForm {
	f := views.ScheduleForm{
		When: string(c.When), AfterStep: strconv.Itoa(c.After.Step), AfterOutcome: string(c.After.Outcome), Wait: strconv.Itoa(int(c.Wait)), Match: "all",
	}
	if len(c.OnlyIf.Any) > 0 {
		f.Match = "any"
	}
	for _, one := range slices.Concat(c.OnlyIf.All, c.OnlyIf.Any) {
		f.Conditions = append(f.Conditions, views.ConditionForm{Field: one.Field, Is: string(one.Is), Value: valuesText(one.Value), Zone: one.Zone})
	}
	switch {
	case c.Repeat.OnChange:
		f.Repeat = "change"
	case c.Repeat.Every > 0:
		f.Repeat, f.Every = "every", strconv.Itoa(int(c.Repeat.Every))
	}
	if c.Repeat.Times > 0 {
		f.Times = strconv.Itoa(c.Repeat.Times)
	}
	return f
}

// typedNumber reads a number; an empty field is 0, and what isn't a number −1.
func typedNumber(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil && text != "" {
		return -1
	}
	return n
}

// typedMinutes reads a length, "5", "5m" or "1h30m", like typedNumber.
func typedMinutes(text string) incident.Minutes {
	m, err := incident.ParseMinutes(text)
	if err != nil && text != "" {
		return -1
	}
	return m
}

// typedValues are the values of a condition: one a line, or else, if its comparison takes
// several, separated by commas.
func typedValues(c views.ConditionForm) incident.Values {
	if incident.Comparison(c.Is).TakesMany() && !strings.Contains(c.Value, "\n") {
		return fieldsOf(c.Value, ",")
	}
	return fieldsOf(c.Value, "\n")
}

// valuesText is what somebody would type for the values.
func valuesText(values []string) string {
	if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, ",") }) {
		return strings.Join(values, "\n") + "\n"
	}
	return strings.Join(values, ", ")
}

// follow keeps what the steps after which others run mean. to has the new number of each
// step by its old one, 0 for a step that was removed.
func (f *runbookForm) follow(to func(number int) int) {
	for i := range f.Steps {
		if after := &f.Steps[i].Schedule.AfterStep; typedNumber(*after) > 0 {
			*after = strconv.Itoa(to(typedNumber(*after)))
		}
	}
}

// suit gives conditions whose field was changed a comparison and values that suit it.
func (f *runbookForm) suit() {
	fields := incident.FieldsOf(f.variables())
	for i := range f.Steps {
		for j := range f.Steps[i].Schedule.Conditions {
			c := &f.Steps[i].Schedule.Conditions[j]
			field, known := fieldOf(fields, c.Field)
			if !known {
				continue
			}
			if !slices.Contains(field.Comparisons, incident.Comparison(c.Is)) {
				c.Is = string(field.Comparisons[0])
			}
			if field.Values != nil {
				c.Value = valuesText(slices.DeleteFunc(typedValues(*c), func(v string) bool { return !slices.Contains(field.Values, v) }))
			}
			if field.Zoned {
				c.Zone = cmp.Or(c.Zone, "UTC")
			}
		}
	}
}

func fieldOf(fields []incident.ConditionField, name string) (field incident.ConditionField, known bool) {
	at := slices.IndexFunc(fields, func(f incident.ConditionField) bool { return f.Name == name })
	if at < 0 {
		return incident.ConditionField{}, false
	}
	return fields[at], true
}

// changeConditions adds a row to the conditions of a step, or removes one: arg is the
// number of the step, and of the row.
func (f *runbookForm) changeConditions(verb, arg string) (focus string, err error) {
	number, row, _ := strings.Cut(arg, ".")
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i >= len(f.Steps) {
		return "", BadRequest("The form has no such row.")
	}
	s := &f.Steps[i].Schedule
	s.Open, f.Steps[i].Open = true, true
	if verb == "add-condition" {
		if len(s.Conditions) < maxConditionRows {
			first := incident.ConditionFields[0]
			s.Conditions = append(s.Conditions, views.ConditionForm{Field: first.Name, Is: string(first.Comparisons[0])})
		}
		return "step." + number + ".if." + strconv.Itoa(len(s.Conditions)-1) + ".field", nil
	}
	j, err := strconv.Atoi(row)
	if err != nil || j < 0 || j >= len(s.Conditions) {
		return "", BadRequest("The form has no such row.")
	}
	s.Conditions = slices.Delete(s.Conditions, j, j+1)
	return "add-condition:" + number, nil
}

// offer fills in what the editor shows of the steps beside what was typed.
func (f runbookForm) offer(page *views.RunbookPage) {
	for _, kind := range incident.StepKinds() {
		page.Kinds = append(page.Kinds, views.StepKind{Kind: string(kind), Label: words.StepKind(string(kind)), Help: words.StepDoes(string(kind)), Icon: stepForms[kind].icon})
	}
	for _, t := range incident.Triggers {
		page.Triggers = append(page.Triggers, views.Choice{Value: string(t), Label: words.Trigger(string(t))})
	}
	for _, o := range []incident.Outcome{incident.OutcomeDone, incident.OutcomeFailed, incident.OutcomeEither} {
		page.Outcomes = append(page.Outcomes, views.Choice{Value: string(o), Label: words.Outcome(string(o))})
	}
	fields := incident.FieldsOf(f.variables())
	for _, field := range fields {
		page.Fields = append(page.Fields, views.Choice{Value: field.Name, Label: words.ConditionFieldChoice(field.Name)})
	}
	says := f.says()
	for i := range page.Steps {
		s, kind := &page.Steps[i], incident.StepKind(page.Steps[i].Kind)
		s.Label, s.Icon, s.Schedule.Repeats, s.Schedule.Says = words.StepKind(s.Kind), stepForms[kind].icon, kind.Repeats(), says[i]
		for n, before := range page.Steps {
			if number := strconv.Itoa(n + 1); n < i || number == s.Schedule.AfterStep {
				s.Schedule.Earlier = append(s.Schedule.Earlier, views.Choice{Value: number, Label: number + ". " + words.Step(before.Kind, before.Name)})
			}
		}
		for j := range s.Schedule.Conditions {
			offerCondition(&s.Schedule.Conditions[j], fields)
		}
	}
	page.Broken = map[string]string{}
	for name, text := range formFields(f.runbook("").Problems()) {
		if strings.HasSuffix(name, ".after_step") || strings.Contains(name, ".if.") && strings.HasSuffix(name, ".field") {
			page.Broken[name] = text
		}
	}
}

// valueExamples show how to write values of fields that can have any.
var valueExamples = map[string]string{"severity": "SEV1", "type": "outage", "opener": "ana@example.com", "opened_for": "30m", "people_inside": "5"}

// offerCondition fills in what suits the field of a condition.
func offerCondition(c *views.ConditionForm, fields []incident.ConditionField) {
	c.Input = views.InputLine
	field, known := fieldOf(fields, c.Field)
	if !known {
		c.Missing = words.ConditionFieldChoice(c.Field)
		c.Comparisons = []views.Choice{{Value: c.Is, Label: words.Comparison(c.Is)}}
		return
	}
	is := incident.Comparison(c.Is)
	for _, one := range field.Comparisons {
		c.Comparisons = append(c.Comparisons, views.Choice{Value: string(one), Label: words.Comparison(string(one))})
	}
	c.Zoned, c.Example = field.Zoned, valueExamples[field.Name]
	values := typedValues(*c)
	for _, v := range field.Values {
		c.Values = append(c.Values, views.Choice{Value: v, Label: words.ConditionValueChoice(field.Name, v), Selected: slices.Contains(values, v)})
	}
	switch {
	case !slices.Contains(field.Comparisons, is):
	case !is.TakesValues():
		c.Input = views.InputNone
	case field.Values != nil && is.TakesMany():
		c.Input = views.InputChecks
	case field.Values != nil:
		c.Input = views.InputSelect
	case is == incident.IsBetween, is == incident.IsNotBetween:
		c.Input = views.InputTimes
	case is.TakesMany():
		c.Input = views.InputLines
	case slices.Contains(field.Comparisons, incident.IsBefore):
		c.Input = views.InputDate
	}
}

// says words the schedule of each step. What is missing is "…", and what is wrong is left out.
func (f runbookForm) says() (list []string) {
	steps := f.runbook("").Steps
	for _, step := range steps {
		c := &step.Schedule
		c.Wait, c.Repeat.Every, c.Repeat.Times = max(c.Wait, 0), max(c.Repeat.Every, 0), max(c.Repeat.Times, 0)
		for _, rows := range []*[]incident.Condition{&c.OnlyIf.All, &c.OnlyIf.Any} {
			*rows = slices.DeleteFunc(*rows, func(one incident.Condition) bool { return one.Field == "" || one.Is == "" })
			for j, one := range *rows {
				if one.Is.TakesValues() && len(one.Value) == 0 {
					(*rows)[j].Value = incident.Values{"…"}
				}
			}
		}
		w := scheduleWords(step, steps)
		w.After = cmp.Or(w.After, "…")
		list = append(list, w.Says())
	}
	return list
}

// formNames translates what steps call their fields into what the form does.
var formNames = strings.NewReplacer(
	".duration_minutes", ".duration", ".after.step", ".after_step", ".after.outcome", ".after_outcome",
	".only_if.all", ".if", ".only_if.any", ".if", ".repeat.every", ".every", ".repeat.times", ".times", ".repeat.on_change", ".repeat",
)

// formFields translates the field names of the service into those of the form.
func formFields(fields map[string]string) map[string]string {
	named := make(map[string]string, len(fields))
	for name, text := range fields {
		name = strings.Replace(name, "steps.", "step.", 1)
		name = strings.Replace(name, "variables.", "variable.", 1)
		named[formNames.Replace(name)] = text
	}
	return named
}
