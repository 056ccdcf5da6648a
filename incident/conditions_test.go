package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// noon is a Saturday, 12:00 in UTC and 13:00 in Oslo.
var noon = time.Date(2026, time.November, 28, 12, 0, 0, 0, time.UTC)

// about returns the facts of an incident with the severity SEV3, which was SEV2 before.
func about(change func(*incident.StepFacts)) incident.StepFacts {
	f := incident.StepFacts{At: noon, Incident: incident.Incident{
		Number: 42, Name: "db down", Severity: "SEV3", SeverityBefore: "SEV2", Type: "Outage", Source: incident.SourceAPI, OpenerEmail: opener,
		Status: incident.StatusOpen, CreatedAt: noon.Add(-90 * time.Minute),
		Vars: map[string]string{"customer": "Acme Nord", "users": "250", "due": "2026-12-24", "none": ""},
	}}
	if change != nil {
		change(&f)
	}
	return f
}

func TestConditions(t *testing.T) {
	t.Parallel()
	live := func(f *incident.StepFacts) {
		f.Bridges = []incident.Bridge{{Kind: incident.KindStandby, State: incident.BridgeLive, JoinURL: "https://zoom.us/j/1", Inside: 3}, {State: incident.BridgeFailed}}
	}
	unranked := func(f *incident.StepFacts) { f.Incident.Severity = "very bad" }
	for _, tt := range []struct {
		condition string // as a file has it
		change    func(*incident.StepFacts)
		holds     bool
		now       string
	}{
		{`{field: severity, is: equals, value: sev3}`, nil, true, "SEV3"},
		{`{field: severity, is: is, value: SEV1}`, nil, false, "SEV3"},
		{`{field: severity, is: is_not, value: SEV1}`, nil, true, "SEV3"},
		{`{field: severity, is: not_equals, value: SEV3}`, nil, false, "SEV3"},
		{`{field: severity, is: one_of, value: [SEV1, SEV3]}`, nil, true, "SEV3"},
		{`{field: severity, is: none_of, value: [SEV1, SEV2]}`, nil, true, "SEV3"},
		{`{field: severity, is: none_of, value: [SEV1, SEV3]}`, nil, false, "SEV3"},
		{`{field: severity, is: at_least, value: SEV3}`, nil, true, "SEV3"},
		{`{field: severity, is: at_least, value: SEV4}`, nil, true, "SEV3"},
		{`{field: severity, is: at_least, value: critical}`, nil, false, "SEV3"},
		{`{field: severity, is: at_least, value: SEV4}`, unranked, false, "very bad"},
		{`{field: severity, is: at_most, value: P2}`, nil, true, "SEV3"},
		{`{field: severity, is: at_most, value: SEV4}`, nil, false, "SEV3"},
		{`{field: severity, is: went_down}`, nil, true, "SEV3"},
		{`{field: severity, is: went_up}`, nil, false, "SEV3"},
		{`{field: severity, is: went_up}`, func(f *incident.StepFacts) { f.Incident.Severity = "SEV1" }, true, "SEV1"},
		{`{field: severity, is: went_up}`, func(f *incident.StepFacts) { f.Incident.Severity, f.Incident.SeverityBefore = "SEV1", "" }, false, "SEV1"},
		{`{field: severity, is: went_up}`, unranked, false, "very bad"},
		{`{field: severity, is: empty}`, nil, false, "SEV3"},
		{`{field: severity, is: not_empty}`, nil, true, "SEV3"},
		{`{field: type, is: equals, value: outage}`, nil, true, "Outage"},
		{`{field: type, is: contains, value: OUT}`, nil, true, "Outage"},
		{`{field: type, is: not_contains, value: out}`, nil, false, "Outage"},
		{`{field: source, is: equals, value: api}`, nil, true, "api"},
		{`{field: source, is: equals, value: form}`, nil, false, "api"},
		{`{field: opener, is: one_of, value: [ANA@example.com]}`, nil, true, opener},
		{`{field: opener, is: empty}`, func(f *incident.StepFacts) { f.Incident.OpenerEmail = "" }, true, ""},
		{`{field: opened_for, is: at_least, value: 90m}`, nil, true, "1h30m"},
		{`{field: opened_for, is: at_least, value: 2h}`, nil, false, "1h30m"},
		{`{field: opened_for, is: less_than, value: 120}`, nil, true, "1h30m"},
		{`{field: bridge_state, is: equals, value: none}`, nil, true, "none"},
		{`{field: bridge_state, is: equals, value: live}`, live, true, "live"},
		{`{field: bridge_state, is: one_of, value: [making, failed]}`, live, false, "live"},
		{`{field: bridge_state, is: equals, value: making}`, func(f *incident.StepFacts) { f.Bridges = []incident.Bridge{{State: incident.BridgeCreating}} }, true, "making"},
		{`{field: bridge_kind, is: equals, value: standby}`, live, true, "standby"},
		{`{field: bridge_kind, is: equals, value: static}`, nil, false, "none"},
		{`{field: people_inside, is: greater_than, value: 2}`, live, true, "3"},
		{`{field: people_inside, is: less_than, value: 3}`, live, false, "3"},
		{`{field: people_inside, is: at_most, value: 3}`, live, true, "3"},
		{`{field: people_inside, is: equals, value: 0}`, nil, true, "0"},
		{`{field: weekday, is: one_of, value: [Saturday, sun], zone: Europe/Oslo}`, nil, true, "sat"},
		{`{field: weekday, is: none_of, value: [sat, sun]}`, nil, false, "sat"},
		{`{field: weekday, is: one_of, value: sun, zone: Pacific/Kiritimati}`, nil, true, "sun"},
		{`{field: time_of_day, is: between, value: ["09:00", "17:00"], zone: Europe/Oslo}`, nil, true, "13:00"},
		{`{field: time_of_day, is: between, value: ["13:00", "14:00"], zone: Europe/Oslo}`, nil, true, "13:00"},
		{`{field: time_of_day, is: between, value: ["09:00", "12:00"]}`, nil, false, "12:00"},
		{`{field: time_of_day, is: between, value: ["22:00", "06:00"]}`, nil, false, "12:00"},
		{`{field: time_of_day, is: not_between, value: ["22:00", "06:00"]}`, nil, true, "12:00"},
		{`{field: time_of_day, is: between, value: ["22:00", "06:00"], zone: Asia/Tokyo}`, func(f *incident.StepFacts) { f.At = noon.Add(7 * time.Hour) }, true, "04:00"},
		{`{field: vars.customer, is: equals, value: acme nord}`, nil, true, "Acme Nord"},
		{`{field: vars.customer, is: contains, value: acme}`, nil, true, "Acme Nord"},
		{`{field: vars.customer, is: empty}`, nil, false, "Acme Nord"},
		{`{field: vars.users, is: greater_than, value: 249.5}`, nil, true, "250"},
		{`{field: vars.users, is: less_than, value: 1000}`, nil, true, "250"},
		{`{field: vars.users, is: equals, value: "250.0"}`, nil, true, "250"},
		{`{field: vars.users, is: less_than, value: 1}`, func(f *incident.StepFacts) { f.Incident.Vars["users"] = "" }, false, ""},
		{`{field: vars.users, is: not_equals, value: 1}`, func(f *incident.StepFacts) { f.Incident.Vars["users"] = "many" }, true, "many"},
		{`{field: vars.due, is: before, value: 2026-12-25}`, nil, true, "2026-12-24"},
		{`{field: vars.due, is: after, value: 2026-12-24}`, nil, false, "2026-12-24"},
		{`{field: vars.due, is: equals, value: 2026-12-24}`, nil, true, "2026-12-24"},
	} {
		t.Run(strings.Trim(tt.condition, "{}")+" of "+tt.now, func(t *testing.T) {
			step := stepOf(t, "only_if: {all: ["+tt.condition+"]}")
			saved, err := check(t, step)
			if err != nil {
				t.Fatalf("it can't be saved: %v", fieldsOf(t, err))
			}
			f := about(tt.change)
			f.Runs = []incident.StepRun{{Step: saved, State: incident.StepWaiting}}
			o := f.Outlook(f.Runs[0])
			if len(o.Conditions) != 1 || o.Conditions[0].Holds != tt.holds || o.Conditions[0].Now != tt.now || o.Conditions[0].Broken {
				t.Errorf("got %+v, want holds %t and now %q", o.Conditions, tt.holds, tt.now)
			}
			if runs := o.Code == incident.OutlookNow; runs != tt.holds {
				t.Errorf("the outlook is %s", o.Code)
			}
		})
	}
}

// stepOf reads a line of a checklist from a file.
func stepOf(t *testing.T, more string) (step incident.Step) {
	t.Helper()
	if err := yaml.UnmarshalWithOptions([]byte("kind: checklist\nexecute_automatically: true\ntext: Do it\n"+more), &step, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return step
}

// check saves a step in a runbook with variables, and returns it as it was saved.
func check(t *testing.T, steps ...incident.Step) (incident.Step, error) {
	t.Helper()
	w := newEmptyWorld(t)
	r, _, err := w.service.SaveRunbook(t.Context(), admin, incident.Runbook{Name: "Steps", Steps: steps, Variables: []incident.Variable{
		{Name: "customer"}, {Name: "users", Type: "number"}, {Name: "due", Type: "date"}, {Name: "region", Type: "choice", Choices: []string{"eu", "us"}},
	}})
	if err != nil {
		return incident.Step{}, err
	}
	if r, err = w.store.Runbook(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	return r.Steps[len(r.Steps)-1], nil
}

func TestConditionsTogether(t *testing.T) {
	t.Parallel()
	const yes, no = `{field: severity, is: equals, value: SEV3}`, `{field: type, is: equals, value: other}`
	for _, tt := range []struct {
		conditions string
		want       incident.OutlookCode
	}{
		{"all: []", incident.OutlookNow},
		{"all: [" + yes + "]", incident.OutlookNow},
		{"all: [" + yes + ", " + no + "]", incident.OutlookConditions},
		{"any: [" + no + ", " + yes + "]", incident.OutlookNow},
		{"any: [" + no + "]", incident.OutlookConditions},
	} {
		f := about(nil)
		f.Runs = []incident.StepRun{{Step: stepOf(t, "only_if: {"+tt.conditions+"}"), State: incident.StepWaiting}}
		if o := f.Outlook(f.Runs[0]); o.Code != tt.want || o.All == strings.HasPrefix(tt.conditions, "any") {
			t.Errorf("%s: %+v, want %s", tt.conditions, o, tt.want)
		}
	}
}

// What can't work is refused, and each refusal names the field with the cure.
func TestScheduleRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ step, field, says string }{
		{"when: sometime", "when", "Choose when"},
		{"when: after_step", "after.step", "first step has no step before"},
		{"when: nobody_joined", "wait", "Enter after how many minutes"},
		{"wait: -5", "wait", "0 to 10080"},
		{"wait: 8000h", "wait", "0 to 10080"},
		{"repeat: {every: 4m}", "repeat.every", "5 to 10080"},
		{"repeat: {every: 5m, on_change: true}", "repeat.every", "either by time or at changes"},
		{"repeat: {on_change: true}", "repeat.on_change", "Add a condition"},
		{"repeat: {on_change: true}\nonly_if: {all: [{field: opened_for, is: at_least, value: 5m}]}", "repeat.on_change", "Add a condition"},
		{"when: resolved\nrepeat: {every: 5m}", "repeat.times", "Enter how often"},
		{"repeat: {every: 5m, times: 5000}", "repeat.times", "1 to 1000"},
		{"only_if: {all: [{field: nothing, is: equals, value: x}]}", "only_if.all.0.field", "Choose what"},
		{"only_if: {any: [{field: severity, is: at_least, value: huge}]}", "only_if.any.0.value", "how severe"},
		{"only_if: {all: [{field: vars.gone, is: equals, value: x}]}", "only_if.all.0.field", "no variable “gone”"},
		{"only_if: {all: [{field: severity, is: between, value: x}]}", "only_if.all.0.is", "Choose how"},
		{"only_if: {all: [{field: severity, is: equals}]}", "only_if.all.0.value", "Enter a value"},
		{"only_if: {all: [{field: severity, is: equals, value: [a, b]}]}", "only_if.all.0.value", "at most 1"},
		{"only_if: {all: [{field: vars.users, is: greater_than, value: many}]}", "only_if.all.0.value", "Enter a number"},
		{"only_if: {all: [{field: vars.due, is: before, value: tomorrow}]}", "only_if.all.0.value", "Enter a date"},
		{"only_if: {all: [{field: vars.region, is: equals, value: mars}]}", "only_if.all.0.value", "Choose one of: eu, us"},
		{"only_if: {all: [{field: opened_for, is: at_least, value: soon}]}", "only_if.all.0.value", "Enter a length"},
		{"only_if: {all: [{field: time_of_day, is: between, value: [\"9\", \"17:00\"]}]}", "only_if.all.0.value", "Enter times"},
		{"only_if: {all: [{field: time_of_day, is: between, value: \"09:00\"}]}", "only_if.all.0.value", "Enter two times"},
		{"only_if: {all: [{field: weekday, is: one_of, value: mon, zone: Mars/Olympus}]}", "only_if.all.0.zone", "Enter a time zone"},
		{"only_if: {all: [{field: bridge_state, is: equals, value: broken}]}", "only_if.all.0.value", "Choose one of"},
		{"only_if: {all: [{field: type, is: empty}], any: [{field: type, is: empty}]}", "only_if.any", "either"},
	} {
		t.Run(tt.step, func(t *testing.T) {
			_, err := check(t, stepOf(t, tt.step))
			wantCode(t, err, incident.Invalid)
			if says := fieldsOf(t, err)["steps.0."+tt.field]; !strings.Contains(says, tt.says) {
				t.Errorf("the fields are %q, want %s to say %q", fieldsOf(t, err), tt.field, tt.says)
			}
		})
	}
	t.Run("a step that comes later", func(t *testing.T) {
		_, err := check(t, stepOf(t, ""), stepOf(t, "when: after_step\nafter: {step: 3}"), stepOf(t, ""))
		wantFields(t, err, "steps.1.after.step")
	})
	t.Run("a meeting that repeats", func(t *testing.T) {
		_, err := check(t, meetingStep(incident.Schedule{Repeat: incident.Repeat{Every: 30}}))
		wantFields(t, err, "steps.0.repeat.every")
	})
	t.Run("settings of another kind", func(t *testing.T) {
		_, err := check(t, incident.Step{Kind: incident.StepResolve, Text: "Do it"})
		wantFields(t, err, "steps.0.kind")
	})
}

// A condition on a variable that is gone holds back its step, but no bridge.
func TestConditionBroken(t *testing.T) {
	t.Parallel()
	gone := incident.Schedule{OnlyIf: incident.Conditions{All: []incident.Condition{{Field: "vars.gone", Is: incident.IsEqual, Value: incident.Values{"x"}}}}}
	f := about(nil)
	f.Runs = []incident.StepRun{{Step: line("Do it", gone), State: incident.StepWaiting}, {Position: 1, Step: meetingStep(gone), State: incident.StepWaiting}}
	var codes []incident.OutlookCode
	for _, r := range f.Runs {
		o := f.Outlook(r)
		if codes = append(codes, o.Code); len(o.Conditions) != 1 || !o.Conditions[0].Broken {
			t.Errorf("the conditions are %+v", o.Conditions)
		}
	}
	if want := []incident.OutlookCode{incident.OutlookConditions, incident.OutlookNow}; !slices.Equal(codes, want) {
		t.Errorf("the outlooks are %q, want %q", codes, want)
	}
}

// Steps come back from a file as they were written to it.
func TestStepFile(t *testing.T) {
	t.Parallel()
	for _, step := range []incident.Step{
		incident.NewStep(incident.StepCreateMeeting),
		meetingStep(incident.Schedule{When: incident.TriggerAfter, After: incident.After{Step: 2, Outcome: incident.OutcomeFailed}, Wait: 90, OnlyIf: sev1()}),
		line("Do it", incident.Schedule{OnlyIf: incident.Conditions{Any: []incident.Condition{
			{Field: "weekday", Is: incident.IsOneOf, Value: incident.Values{"mon", "tue"}, Zone: "Europe/Oslo"}, {Field: "severity", Is: incident.WentUp},
		}}, Repeat: incident.Repeat{Every: 30, Times: 4}}),
		{Kind: incident.StepEndMeeting, WithPeople: true}, {Kind: incident.StepResolve, Name: "Close it", ExecuteAutomatically: true},
	} {
		text, err := yaml.Marshal(step)
		if err != nil {
			t.Fatal(err)
		}
		var back incident.Step
		if err := yaml.UnmarshalWithOptions(text, &back, yaml.Strict()); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if d := cmp.Diff(step, back); d != "" {
			t.Errorf("%s\n%s", d, text)
		}
		if fmt.Sprint(step.Kind) != "create_meeting" && strings.Contains(string(text), "topic") {
			t.Errorf("a step of the kind %s has a topic:\n%s", step.Kind, text)
		}
	}
}
