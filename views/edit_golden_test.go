package views_test

import (
	"testing"

	"github.com/drawbridge-hq/drawbridge/views"
)

func editFull() views.IncidentEditPage {
	p := views.IncidentEditPage{
		Frame: in("Edit INC-42 · db down", "incidents"), Number: 42, Key: "INC-42", IncidentFields: incidentFields(), Type: "outage",
		Seen: []views.Hidden{{Name: "name", Value: "db down"}, {Name: "vars.customer", Value: "ACME"}}, NoteKey: "6f2c9f6e-5a35-4d0b-9d6e-2f3f6f0f0a11",
	}
	p.Name, p.Text, p.Variables[0].Value = "db down", "It does not answer.", "ACME"
	return p
}

func TestIncidentEdit(t *testing.T) {
	t.Parallel()
	refused := editFull()
	refused.Changed, refused.Note, refused.OpenerEmail = true, "Restarted db-1.", "ana@"
	refused.Errors = map[string]string{"name": "Describe in a few words what is wrong.", "vars.customer": "Customer is required.", "opener_email": "This isn’t an email address.", "vars.gone": "The runbook has no variable with this name."}
	conflict := editFull()
	conflict.Changed, conflict.Conflict = true, "bo@example.com changed this 2 min ago."
	conflict.Errors = map[string]string{"severity": "Someone else changed this.", "description": "Someone else changed this.", "type": "Someone else changed this.", "note": "Use at most 4000 characters. This text has 4001."}
	conflict.Theirs = map[string]string{"severity": "SEV1", "description": longWords, "type": ""}
	resolved := editFull()
	resolved.Changed, resolved.Problem = true, "The incident is resolved. Reopen it to edit it."
	long := editFull()
	long.Name, long.Text, long.Note, long.Type, long.Severity = longWord, longWords, longWords, longWord, longWord
	long.Variables[0].Label, long.Variables[1].Choices = longWords, []string{longWords, longWord}
	nasty := editFull()
	nasty.Key, nasty.Name, nasty.Text, nasty.OpenerEmail, nasty.Severity, nasty.Type, nasty.Note = hostile, hostile, hostile, hostile, hostile, hostile, hostile
	nasty.Variables[0] = views.RunVariable{Name: hostile, Label: hostile, Type: hostile, Value: hostile, Help: hostile}
	nasty.Variables[1].Choices = []string{hostile}
	nasty.Seen, nasty.Conflict = []views.Hidden{{Name: hostile, Value: hostile}}, hostile
	nasty.Errors, nasty.Theirs = map[string]string{"name": hostile, hostile: hostile}, map[string]string{"name": hostile}
	// What the runbook no longer allows, or a browser would drop, stays in the form.
	odd := editFull()
	odd.Severity, odd.Variables[1].Value, odd.Variables[3].Value = "Critical", "eu-west-9", "last week"

	var all []golden
	for name, page := range map[string]views.IncidentEditPage{"full": editFull(), "error": refused, "conflict": conflict, "resolved": resolved, "long": long, "hostile": nasty, "odd": odd} {
		all = append(all, golden{"edit-" + name, views.IncidentEdit(page)})
	}
	testGolden(t, all)
}
