package views_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/views"
)

func runbooksFull() views.RunbooksPage {
	return views.RunbooksPage{
		Frame: in("Runbooks", "runbooks"), CanEdit: true, CanRun: true,
		Rows: []views.RunbookRow{
			{ID: "1", Name: "Production outage", IncidentType: "outage", Description: "Customers cannot use the product.", Steps: []string{"Create Zoom meeting, automatically"}, Incidents: 41, LastRunAt: when(14 * time.Minute), LastRunKey: "INC-42", LastRunURL: "/incidents/42", Enabled: true},
			{ID: "2", Name: "Security incident", IncidentType: "security", Steps: []string{"Create Zoom meeting, automatically", "Create Zoom meeting, manually"}, Incidents: 3, LastRunAt: when(6 * 7 * 24 * time.Hour), LastRunKey: "INC-17", LastRunURL: "/incidents/17", Enabled: true, Problem: "The agenda of step 2 asks for a variable that was removed: vars.team."},
			{ID: "3", Name: "Database migration", IncidentType: "change", Enabled: false},
		},
		Archived: []views.RunbookRow{{ID: "4", Name: "Old data centre", IncidentType: "outage", Incidents: 12, LastRunAt: when(2 * 365 * 24 * time.Hour), LastRunKey: "INC-3", LastRunURL: "/incidents/3"}},
	}
}

func TestRunbooks(t *testing.T) {
	t.Parallel()
	long := runbooksFull()
	long.Rows[0].Name, long.Rows[0].IncidentType, long.Rows[0].Description = longWord, longWord, longWords
	long.Rows[0].Steps = []string{longWord, longWords}
	nasty := runbooksFull()
	nasty.Rows[0].Name, nasty.Rows[0].IncidentType, nasty.Rows[0].Description = hostile, hostile, hostile
	nasty.Rows[0].Steps, nasty.Rows[1].Problem = []string{hostile}, hostile
	viewer := runbooksFull()
	viewer.CanEdit, viewer.CanRun, viewer.Archived = false, false, nil

	cases := []struct {
		name string
		page views.RunbooksPage
	}{
		{"empty", views.RunbooksPage{Frame: in("Runbooks", "runbooks"), CanEdit: true, CanRun: true}},
		{"full", runbooksFull()}, {"long", long}, {"hostile", nasty}, {"viewer", viewer},
	}
	var all []golden
	for _, c := range cases {
		all = append(all, golden{"runbooks-" + c.name, views.Runbooks(c.page)})
	}
	testGolden(t, all)
}

func stepKinds() []views.StepKind {
	return []views.StepKind{
		{Kind: "create_meeting", Label: "Create Zoom meeting", Help: "Creates a Zoom bridge for the incident.", Icon: views.IconVideo},
		{Kind: "checklist", Label: "Checklist line", Help: "A line that somebody ticks once it is done.", Icon: views.IconListDetails},
	}
}

func choices(labels ...string) (list []views.Choice) {
	for i := 0; i < len(labels); i += 2 {
		list = append(list, views.Choice{Value: labels[i], Label: labels[i+1]})
	}
	return list
}

// scheduled is a step with every way to enter what a condition compares with.
func scheduled() views.StepForm {
	days := choices("mon", "Monday", "tue", "Tuesday")
	days[1].Selected = true
	regions := choices("eu", "eu", "us", "us")
	regions[0].Selected = true
	is := choices("equals", "is", "one_of", "is one of")
	return views.StepForm{
		ID: "s3", Kind: "checklist", Label: "Checklist line", Name: "Status page", Icon: views.IconListDetails, ExecuteAutomatically: true,
		Inputs: []views.StepInput{
			{Name: "text", Label: "What is to be done", Template: true, Value: "Tell {{ vars.customer }}"}, {Name: "long", Label: "Text", Rows: 3, Value: "One\ntwo"},
			{Name: "with_people", Label: "Also while people are inside", Help: "Otherwise it waits.", Check: true, Checked: true},
		},
		Schedule: views.ScheduleForm{
			When: "after_step", AfterStep: "2", AfterOutcome: "failed", Wait: "10", Match: "any", Repeat: "every", Every: "30", Times: "4", Repeats: true,
			Earlier: choices("1", "1. Create Zoom meeting", "2", "2. Create Zoom meeting"), Says: "Runs 10 minutes after “Create Zoom meeting” has failed.",
			Conditions: []views.ConditionForm{
				{Field: "severity", Is: "equals", Value: "SEV1", Comparisons: is, Input: views.InputLine, Example: "SEV1"},
				{Field: "severity", Is: "one_of", Value: "SEV1, SEV2", Comparisons: is, Input: views.InputLines, Example: "SEV1"},
				{Field: "severity", Is: "", Value: "SEV1", Comparisons: is, Input: views.InputLine},
				{Field: "severity", Is: "went_up", Comparisons: choices("went_up", "went up"), Input: views.InputNone},
				{Field: "vars.region", Is: "equals", Value: "eu", Comparisons: is, Values: regions, Input: views.InputSelect},
				{Field: "vars.day", Is: "equals", Value: "2026-11-22", Comparisons: is, Input: views.InputDate},
				{Field: "weekday", Is: "one_of", Value: "tue", Comparisons: is, Values: days, Input: views.InputChecks, Zoned: true, Zone: "Europe/Oslo"},
				{Field: "time_of_day", Is: "between", Value: "09:00\n17:00\n", Comparisons: choices("between", "is between"), Input: views.InputTimes, Zoned: true, Zone: "UTC"},
				{Field: "vars.gone", Is: "equals", Value: "x", Missing: "Variable gone", Comparisons: is, Input: views.InputLine},
			},
		},
	}
}

func insertGroups() []views.InsertGroup {
	return []views.InsertGroup{
		{Title: "This runbook", Items: []views.InsertItem{
			{Code: "{{ vars.customer }}", Help: "Customer", Value: "Acme"},
			{Code: "{{ vars.region }}", Help: "Region", Value: "eu-north-1"},
		}},
		{Title: "Incident", Items: []views.InsertItem{
			{Code: "{{ incident.name }}", Help: "What the opener called it", Value: "db down"},
			{Code: "{{ incident.key }}", Help: "Its key", Value: "INC-42"},
			{Code: "{{ incident.number }}", Help: "Its number", Value: "42"},
			{Code: "{{ incident.severity }}", Help: "Severity", Value: "SEV1"},
			{Code: "{{ incident.type }}", Help: "Type", Value: "outage"},
			{Code: "{{ incident.description }}", Help: "Description", Value: "Checkout answers 500 since 02:10."},
			{Code: "{{ incident.started_at | tz: \"Europe/Oslo\" }}", Help: "When it was opened, in a zone", Value: "22 Nov 2026 03:14"},
			{Code: "{{ incident.url }}", Help: "Its page here", Value: "https://bridge.example.com/incidents/42"},
			{Code: "{{ incident.join_page }}", Help: "The link that never changes", Value: "https://bridge.example.com/j/INC-42"},
		}},
		{Title: "Opener", Items: []views.InsertItem{
			{Code: "{{ incident.opener.name }}", Help: "Name", Value: "Ana Ruud"},
			{Code: "{{ incident.opener.email }}", Help: "Email", Value: "ana@example.com"},
		}},
	}
}

func runbookFull() views.RunbookPage {
	return views.RunbookPage{
		Frame: in("Production outage", "runbooks"), ID: "1", Version: 7, CanEdit: true, CanRun: true,
		Name: "Production outage", IncidentType: "outage", Description: "Customers cannot use the product.", Enabled: true, Incidents: 41,
		Types: []string{"outage", "security", "change"}, Kinds: stepKinds(), Insert: insertGroups(),
		Steps: []views.StepForm{
			{ID: "s1", Kind: "create_meeting", Label: "Create Zoom meeting", Open: true, Topic: "{{ incident.severity }} {{ incident.name }} ({{ vars.customer }})", Agenda: "{{ incident.description }}\n\nOpened by {{ incident.opener.name }}. Join any time: {{ incident.join_page }}", Recording: "cloud", ExecuteAutomatically: true, Duration: "60", Host: "opener_with_backup", JoinBeforeHost: true},
			{ID: "s2", Kind: "create_meeting", Label: "Create Zoom meeting", Topic: "{{ incident.key }} customers", Recording: "none", Duration: "60", Host: "always_backup", WaitingRoom: true, AlternativeHosts: "ops@example.com"},
		},
		Variables: []views.VariableForm{
			{Name: "customer", Label: "Customer", Type: "text", Required: true, Help: "As it stands in the contract"},
			{Name: "region", Label: "Region", Type: "choice", Default: "eu-north-1", Choices: "eu-north-1\nus-east-1\nap-south-1"},
		},
		Preview: views.RunbookPreviewPart{
			Samples: []views.PreviewSample{{Label: "Sample incident", Selected: true}, {Value: "41", Label: "INC-41 · Checkout slow"}, {Value: "40", Label: "INC-40 · Login refused"}},
			Steps: []views.StepPreview{
				{Index: 0, Label: "Create Zoom meeting", When: "Runs at once.", Texts: []views.TextPreview{{Label: "Topic", Field: "topic", Text: "SEV1 db down (Acme)", Length: 19, Max: 200}, {Label: "Agenda", Field: "agenda", Text: "Checkout answers 500 since 02:10.\n\nOpened by Ana Ruud. Join any time: https://bridge.example.com/j/INC-42", Length: 107, Max: 2000}},
					Asks: []string{"A meeting of 60 minutes, starting now, with a passcode.", "Hosted by ana@example.com, or by oncall@example.com if that fails.", "Everyone can get in before the host; no waiting room.", "Recorded to the cloud.", "Never the host's personal meeting ID."},
					Link: "People would get a Zoom meeting hosted by oncall@example.com.", LinkLevel: views.LevelOK, Storm: "Storm brake: off. This source has had 1 of 5 new Zoom meetings within ten minutes.",
					Hosts: []views.HostPreview{
						{Email: "ana@example.com", Role: "Opener", Level: views.LevelBad, Says: "Drawbridge asks Zoom, which refuses. The user is inactive.", Checked: views.When{ISO: "2026-11-22T00:14:07Z", Ago: "2 h ago", Exact: "22 Nov 2026, 01:14:07 CET", UTC: "22 Nov 2026, 00:14:07 UTC"}},
						{Email: "oncall@example.com", Role: "Backup user", Level: views.LevelOK, Says: "Would host. Room for 1 call, 98 meetings left today.", Checked: views.When{ISO: "2026-11-22T00:14:07Z", Ago: "2 h ago", Exact: "22 Nov 2026, 01:14:07 CET", UTC: "22 Nov 2026, 00:14:07 UTC"}},
					},
					CallsNote: "Exactly what Drawbridge would send now.",
					Calls:     []views.CallPreview{{Line: "POST /users/ana@example.com/meetings", Body: `{"topic":"SEV1 db down (Acme)"}`}, {Line: "POST /users/oncall@example.com/meetings", Body: `{"topic":"SEV1 db down (Acme)"}`}}},
				{Index: 1, Label: "Create Zoom meeting", When: "Waits until this holds:", Conditions: []views.IncidentCondition{{Says: "severity is SEV3, not SEV1 or SEV2"}, {Says: "type is outage", Holds: true}}, Texts: []views.TextPreview{{Label: "Topic", Field: "topic", Text: "INC-42 customers", Length: 16, Max: 200}, {Label: "Agenda", Field: "agenda", Max: 2000, Hints: []views.TemplateError{{Line: 1, Column: 4, Message: "Drawbridge doesn’t know \"incident.priority\", so it stays empty.", DidYouMean: "incident.severity"}}}},
					Asks: []string{"A meeting of 60 minutes, starting now, with a passcode.", "Hosted by oncall@example.com.", "People wait in the waiting room.", "Not recorded."},
					Link: "People would get the static link “War room”.", LinkLevel: views.LevelWarning, Why: "Zoom hasn’t answered lately, so Drawbridge didn’t wait for it.", Storm: "Storm brake: off for this incident."},
			},
		},
	}
}

func TestRunbook(t *testing.T) {
	t.Parallel()
	empty := views.RunbookPage{Frame: in("New runbook", "runbooks"), CanEdit: true, Kinds: stepKinds(), Insert: insertGroups()[1:], Types: []string{"outage"}, Enabled: true,
		Preview: views.RunbookPreviewPart{Samples: []views.PreviewSample{{Label: "Sample incident", Selected: true}}}}

	refused := runbookFull()
	refused.Changed = true
	refused.Name = ""
	refused.Steps[0].Topic = "{{ incident.severty }} {{ incident.name }"
	refused.Steps[1].Duration = "soon"
	refused.Variables[1].Name = "re gion"
	refused.Conflict = "bo@example.com saved this runbook 1 min ago while you were editing. What you typed is kept below; saving now replaces their version."
	refused.Errors = map[string]string{
		"name":                     "Give the runbook a name.",
		"step.0.topic":             "Line 1, column 4: there is no incident.severty. Did you mean incident.severity?",
		"step.1.duration":          "Type a number of minutes between 1 and 1440.",
		"variable.1.name":          "Use lower-case letters, digits and _ only.",
		"step.1.alternative_hosts": "ops@ isn’t an email address.",
	}
	refused.Preview.Steps[0].Texts[0] = views.TextPreview{Label: "Topic", Field: "topic", Text: "INC-42 db down", Length: 14, Max: 200, Errors: []views.TemplateError{
		{Line: 1, Column: 4, Message: "There is no incident.severty.", DidYouMean: "incident.severity"},
		{Line: 1, Column: 27, Message: "This {{ is never closed."},
	}}
	refused.Preview.Steps[0].Texts[1].Length = 2210
	refused.Preview.Steps[0].Link = ""
	refused.Preview.Number, refused.Preview.Problem = "INC-999", "There is no incident with this number. The preview is for a made-up one."

	scheduling := runbookFull()
	scheduling.Steps = append(scheduling.Steps, scheduled())
	scheduling.Steps[2].Open = true
	scheduling.Triggers = choices("", "The incident opens", "after_step", "An earlier step has ended")
	scheduling.Outcomes = choices("", "is done", "failed", "has failed")
	scheduling.Fields = choices("severity", "Severity", "weekday", "Weekday", "time_of_day", "Time", "vars.region", "Variable region", "vars.day", "Variable day")
	scheduling.Broken = map[string]string{"step.2.if.8.field": "The runbook has no variable “gone”. Add it, or delete this condition."}

	unscheduled := scheduling
	unscheduled.Steps = append(unscheduled.Steps[:2:2], scheduled())
	unscheduled.Steps[2].Schedule.AfterStep = "0"
	unscheduled.Errors = map[string]string{
		"step.2.after_step": "Choose a step that comes before this one.", "step.2.if.1.value": "Enter a value.", "step.2.if.6.zone": "Enter a time zone.", "step.2.if.7.value": "Enter two times.",
		"step.2.every": "Enter 5 to 10080 minutes.", "step.2.text": "Write what is to be done.", "step.2.if": "Use at most 20 conditions.", "step.2.wait": "Enter 0 to 10080 minutes.",
	}

	long := runbookFull()
	long.Name, long.Description = longWord, longWords
	long.Steps[0].Topic, long.Steps[0].Agenda = longWord, longWords
	long.Variables[0].Name, long.Variables[0].Label = longWord, longWords
	long.Preview.Steps[0].Texts[0] = views.TextPreview{Label: "Topic", Field: "topic", Text: longWord, Length: 300, Max: 200}

	nasty := runbookFull()
	nasty.Name, nasty.IncidentType, nasty.Description = hostile, hostile, hostile
	nasty.Steps[0].Topic, nasty.Steps[0].Agenda, nasty.Steps[0].AlternativeHosts = hostile, hostile, hostile
	nasty.Variables[0] = views.VariableForm{Name: hostile, Label: hostile, Type: hostile, Default: hostile, Help: hostile, Choices: hostile}
	nasty.Preview.Steps[0].Texts[0].Text, nasty.Preview.Steps[0].Asks = hostile, []string{hostile}
	nasty.Preview.Steps[0].Link, nasty.Preview.Steps[0].Calls[0] = hostile, views.CallPreview{Line: hostile, Body: hostile}
	nasty.Preview.Steps[0].Hosts[0] = views.HostPreview{Email: hostile, Says: hostile, Level: views.LevelNote}
	nasty.Preview.Number, nasty.Preview.Opener, nasty.Preview.Me = hostile, hostile, hostile
	nasty.Preview.Samples[1].Label, nasty.Preview.Samples[1].Value = hostile, hostile
	nasty.Steps = append(nasty.Steps, scheduled())
	nasty.Steps[2].Name, nasty.Steps[2].Label, nasty.Steps[2].Inputs[0].Value, nasty.Steps[2].Inputs[1].Value = hostile, hostile, hostile, hostile
	nasty.Steps[2].Schedule = views.ScheduleForm{When: hostile, AfterStep: hostile, AfterOutcome: hostile, Wait: hostile, Match: hostile, Repeat: hostile, Every: hostile, Times: hostile, Says: hostile,
		Conditions: []views.ConditionForm{{Field: hostile, Is: hostile, Value: hostile, Zone: hostile, Zoned: true, Missing: hostile, Input: views.InputLines}}}
	nasty.Insert[0].Items[0] = views.InsertItem{Code: hostile, Help: hostile, Value: hostile}

	archived := runbookFull()
	archived.Archived = true

	viewer := runbookFull()
	viewer.CanEdit, viewer.CanRun = false, false

	cases := []struct {
		name string
		page views.RunbookPage
	}{
		{"empty", empty}, {"full", runbookFull()}, {"error", refused}, {"schedule", scheduling}, {"schedule-error", unscheduled}, {"long", long}, {"hostile", nasty}, {"archived", archived}, {"viewer", viewer},
	}
	var all []golden
	for _, c := range cases {
		all = append(all, golden{"runbook-" + c.name, views.Runbook(c.page)})
	}
	testGolden(t, all)
	testGolden(t, []golden{{"runbook-preview", views.RunbookPreview(refused.Preview)}})
}
