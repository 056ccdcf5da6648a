package incident_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// A program that names no usable runbook gets the default one, and is told so.
func TestDefaultRunbook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	byDefault := w.runbook
	disabled := meeting()
	disabled.Topic = "disabled"
	other := w.save(disabled)
	w.ok(w.service.SetRunbookDisabled(t.Context(), admin, other.ID, true))
	archived := meeting()
	archived.Topic = "archived"
	gone := w.save(archived)
	w.must(w.service.DeleteRunbook(t.Context(), admin, gone.ID))

	open := func(source incident.Source, name string) (incident.Incident, error) {
		i, _, err := w.service.OpenIncident(t.Context(), anaIs, incident.OpenRequest{RunbookName: name, Name: "db down", Source: source, Vars: map[string]string{"x": "y"}})
		return i, err
	}
	names := []string{"", "Nope", other.Name, gone.Name, strings.Repeat("n", 5000) + "\xff\x00"}
	for _, name := range names {
		_, err := open(incident.SourceAPI, name)
		if fields := fieldsOf(t, err); !strings.Contains(fields["runbook"], "mark a runbook as the default one") {
			t.Errorf("without a default runbook, %.20q: %v", name, fields)
		}
	}
	byDefault.Default = true
	_, changes, err := w.service.SaveRunbook(t.Context(), admin, byDefault)
	w.ok(err)
	if got := fieldsIn(changes); !slices.Equal(got, []string{"default"}) {
		t.Errorf("changes %q", got)
	}
	for _, name := range names {
		i, err := open(incident.SourceAPI, name)
		w.ok(err)
		of, err := w.store.Adjustments(t.Context(), i.Number)
		w.ok(err)
		adjusted := of[i.Number]
		if i.RunbookID != byDefault.ID || w.bridge(i).State != incident.BridgeReady || adjusted[0].Code != incident.AdjustedRunbook || !strings.HasPrefix(adjusted[0].Text, strings.ToValidUTF8(name, "")[:min(len(name), 100)]) {
			data, _ := json.Marshal(adjusted)
			t.Errorf("%.20q: opened with %s, adjusted %.200s", name, i.RunbookName, data)
		}
		_, err = open(incident.SourceForm, name)
		fieldsOf(t, err)
	}
	if i, err := open(incident.SourceAPI, byDefault.Name); err != nil || i.RunbookID != byDefault.ID {
		t.Errorf("its own name: %v", err)
	}

	// Another runbook takes it.
	w.ok(w.service.SetRunbookDisabled(t.Context(), admin, other.ID, false))
	other, err = w.store.Runbook(t.Context(), other.ID)
	w.ok(err)
	other.Default = true
	_, _, err = w.service.SaveRunbook(t.Context(), admin, other)
	w.ok(err)
	wantEntry(t, w.trail()[0], incident.AuditRunbookUpdate, other.Name, incident.Change{Field: "default", Before: "false", After: "true"},
		incident.Change{Field: "default_runbook", Before: byDefault.Name, After: other.Name})
	if i, err := open(incident.SourceAPI, "Nope"); err != nil || i.RunbookID != other.ID {
		t.Errorf("the new default runbook isn't used: %s, %v", i.RunbookName, err)
	}
	_, _, err = w.service.SaveRunbook(t.Context(), admin, byDefault)
	wantCode(t, err, incident.Conflict) // from a form that was open meanwhile
	if copied, err := w.service.DuplicateRunbook(t.Context(), admin, other.ID); err != nil || copied.Default {
		t.Errorf("the copy is the default runbook: %v", err)
	}
	// Disabled or deleted, it takes nothing.
	w.ok(w.service.SetRunbookDisabled(t.Context(), admin, other.ID, true))
	_, err = open(incident.SourceAPI, "Nope")
	fieldsOf(t, err)
	w.ok(w.service.SetRunbookDisabled(t.Context(), admin, other.ID, false))
	w.must(w.service.DeleteRunbook(t.Context(), admin, other.ID))
	_, err = open(incident.SourceAPI, "Nope")
	fieldsOf(t, err)
	if _, err := w.store.DefaultRunbook(t.Context()); incident.CodeOf(err) != incident.NotFound {
		t.Errorf("a deleted runbook is the default one: %v", err)
	}
}

// Whoever names no runbook that can be used learns how to find one: a program from the API,
// a person from the form.
func TestNoRunbook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	disabled := w.save(incident.NewMeetingTemplate())
	w.ok(w.service.SetRunbookDisabled(t.Context(), admin, disabled.ID, true))
	for _, tt := range []struct {
		name, runbook string
		source        incident.Source
		program       bool
	}{
		{"none, by a program", "", incident.SourceAPI, true},
		{"unknown, by a program", "Nope", incident.SourceAPI, true},
		{"disabled, by a program", disabled.Name, incident.SourceAPI, true},
		{"none, by a person", "", incident.SourceForm, false},
		{"unknown, by a person", "Nope", incident.SourceForm, false},
		{"disabled, by a person", disabled.Name, incident.SourceForm, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := w.service.OpenIncident(t.Context(), anaIs, incident.OpenRequest{RunbookName: tt.runbook, Name: "db down", Source: tt.source})
			field := fieldsOf(t, err)["runbook"]
			if got := strings.Contains(err.Error(), "GET /api/v1/runbooks") && strings.Contains(field, "GET /api/v1/runbooks"); got != tt.program {
				t.Errorf("refused with %q, runbook: %q", err, field)
			}
			if got := field == "Choose a runbook." && !strings.Contains(err.Error(), "/api/"); got == tt.program {
				t.Errorf("refused with %q, runbook: %q", err, field)
			}
		})
	}
}
