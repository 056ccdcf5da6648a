package views_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/views"
)

func TestRunbookVersions(t *testing.T) {
	t.Parallel()
	changes := []views.AuditChange{{Field: "step 1 topic", Before: "{{ incident.name }}", After: "{{ incident.key }} {{ incident.name }}"}, {Field: "default", Before: "true", After: "false"}, {Field: "description", Before: "When it is down"}}
	list := func(name string, rows ...views.VersionRow) views.RunbookVersionsPage {
		return views.RunbookVersionsPage{Frame: in("Versions of "+name, "runbooks"), ID: "1", Name: name, Rows: rows}
	}
	full := list("Production outage",
		views.VersionRow{Number: 9, Newest: true, At: when(time.Minute), Who: "ana@example.com", Changes: changes[:1]},
		views.VersionRow{Number: 8, At: when(time.Hour), Who: "bo@example.com", Changes: changes},
		views.VersionRow{Number: 7, NotKept: 6},
		views.VersionRow{Number: 5, First: true, At: when(50 * time.Hour)},
		views.VersionRow{Number: 4, NotKept: 4},
	)
	full.Pager = views.Pager{Older: "/runbooks/1/versions?cursor=5"}
	hostileChanges := []views.AuditChange{{Field: hostile, Before: hostile, After: hostile}}
	longChanges := []views.AuditChange{{Field: longWord, Before: longWords, After: longWord}}

	version := views.RunbookVersionPage{
		Frame: in("Version 3 of Production outage", "runbooks"), ID: "1", Name: "Production outage", Number: 3, Newest: 7, At: when(time.Hour), Who: "ana@example.com",
		With: "2", From: 2, To: 3, Changes: []views.ValueChange{{Name: "step 1 topic", Was: "a", Is: "b"}, {Name: "default", Is: "true"}},
		CanBringBack: true, Undoes: "step 1 topic, name", YAML: "runbooks:\n  - name: Production outage\n",
	}
	only := version
	only.Number, only.Newest, only.With, only.From, only.To, only.Changes, only.CanBringBack, only.Who = 1, 1, "", 0, 0, nil, false, ""
	same := version
	same.Changes, same.Undoes, same.With, same.WithError = nil, "", "900", "There is no such version, or it wasn’t kept."
	refused := version
	refused.Refused, refused.Fields = "Some fields are missing or invalid. Nothing was saved.", []views.RefusedField{{Field: "name", Text: "Another runbook has this name."}, {Field: "step 1 topic", Text: "Give the meeting a topic."}}
	nasty := refused
	nasty.Name, nasty.Who, nasty.With, nasty.WithError, nasty.Undoes, nasty.Refused, nasty.YAML = hostile, hostile, hostile, hostile, hostile, hostile, hostile
	nasty.Changes, nasty.Fields = []views.ValueChange{{Name: hostile, Was: hostile, Is: hostile}}, []views.RefusedField{{Field: hostile, Text: hostile, Line: 3, Source: hostile}}
	long := version
	long.Name, long.Who, long.Undoes, long.YAML = longWord, longWord, longWords, longWords
	long.Changes = []views.ValueChange{{Name: longWord, Was: longWords, Is: longWord}}
	testGolden(t, []golden{
		{"runbookversions-first", views.RunbookVersions(list("Incident", views.VersionRow{Number: 1, Newest: true, First: true, At: when(0), Who: "ana@example.com"}))},
		{"runbookversions-full", views.RunbookVersions(full)},
		{"runbookversions-long", views.RunbookVersions(list(longWord, views.VersionRow{Number: 123456, Newest: true, At: when(0), Who: longWord, Changes: longChanges}))},
		{"runbookversions-hostile", views.RunbookVersions(list(hostile, views.VersionRow{Number: 2, At: when(0), Who: hostile, Changes: hostileChanges}))},
		{"runbookversion-full", views.RunbookVersion(version)}, {"runbookversion-only", views.RunbookVersion(only)}, {"runbookversion-same", views.RunbookVersion(same)},
		{"runbookversion-refused", views.RunbookVersion(refused)}, {"runbookversion-long", views.RunbookVersion(long)}, {"runbookversion-hostile", views.RunbookVersion(nasty)},
	})
}

func TestRunbookYAML(t *testing.T) {
	t.Parallel()
	page := views.RunbookYAMLPage{Frame: in("YAML of Production outage", "runbooks"), ID: "1", Name: "Production outage", Version: 7, CanEdit: true, YAML: "runbooks:\n  - name: Production outage\n"}
	fresh := page
	fresh.Frame, fresh.ID, fresh.Name, fresh.Version = in("New runbook from YAML", "runbooks"), "", "", 0
	viewer := page
	viewer.CanEdit = false
	broken := page
	broken.Refused = []views.RefusedField{{Line: 3, Source: "topicc: b", Text: "unknown field \"topicc\"."}}
	refused := page
	refused.Refused = []views.RefusedField{{Line: 2, Source: "- name: a", Field: "name", Text: "Another runbook has this name."}, {Field: "steps", Text: "Use at most 20 steps."}}
	conflict := page
	conflict.Conflict = "bo@example.com changed this 1 min ago. What you typed is kept below; saving now replaces their version."
	nasty := page
	nasty.Name, nasty.YAML, nasty.Conflict, nasty.Refused = hostile, "</textarea>"+hostile, hostile, []views.RefusedField{{Line: 1, Source: hostile, Field: hostile, Text: hostile}}
	long := page
	long.Name, long.YAML, long.Refused = longWord, longWords, []views.RefusedField{{Line: 99999, Source: longWord, Field: longWord, Text: longWords}}
	testGolden(t, []golden{
		{"runbookyaml-full", views.RunbookYAML(page)}, {"runbookyaml-new", views.RunbookYAML(fresh)}, {"runbookyaml-viewer", views.RunbookYAML(viewer)},
		{"runbookyaml-broken", views.RunbookYAML(broken)}, {"runbookyaml-refused", views.RunbookYAML(refused)}, {"runbookyaml-conflict", views.RunbookYAML(conflict)},
		{"runbookyaml-hostile", views.RunbookYAML(nasty)}, {"runbookyaml-long", views.RunbookYAML(long)},
	})
}
