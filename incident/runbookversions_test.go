package incident_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestBringBackRunbook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	first := w.saveRunbook(outage())
	second := first
	second.Name, second.Variables = "Outage", nil
	second.Steps = append([]incident.Step{}, first.Steps...)
	second.Steps[0].Meeting.Topic = "{{ incident.key }}"
	second = w.saveRunbook(second)
	if i, _, err := w.service.OpenIncident(ctx, anaIs, incident.OpenRequest{RunbookID: first.ID, Name: "db down", Source: incident.SourceForm}); err != nil || i.RunbookVersion != 2 {
		t.Errorf("the incident runs version %d, %v", i.RunbookVersion, err)
	}
	w.ok(w.service.SetRunbookDisabled(ctx, admin, first.ID, true))

	back := func(version, latest int64) ([]incident.Change, error) {
		_, changes, err := w.service.BringBackRunbook(ctx, admin, first.ID, version, latest)
		return changes, err
	}
	entries := len(w.trail())
	_, err := back(1, 2)
	wantCode(t, err, incident.Conflict) // somebody disabled it meanwhile
	_, err = back(9, 3)
	wantCode(t, err, incident.NotFound)
	if changes, err := back(3, 3); err != nil || changes != nil {
		t.Errorf("bringing back the newest version: %v, %v", changes, err)
	}
	if got := len(w.trail()); got != entries {
		t.Errorf("%d entries were added", got-entries)
	}

	changes, err := back(1, 3)
	w.ok(err)
	got := w.readRunbook(first.ID)
	if got.Version != 4 || got.DisabledAt.IsZero() {
		t.Errorf("it is version %d, disabled at %s", got.Version, got.DisabledAt)
	}
	first.DisabledAt = got.DisabledAt
	if diff := cmp.Diff(incident.RunbookChanges(first, got), []incident.Change(nil)); diff != "" {
		t.Errorf("it is not what version 1 was (-it +version 1):\n%s", diff)
	}
	wantEntry(t, w.trail()[0], incident.AuditRunbookBringBack, first.Name, append([]incident.Change{{Field: "version_brought_back", After: "1"}}, changes...)...)

	// A version that can't be saved any more: its name is taken.
	second.Version, second.DisabledAt = 4, got.DisabledAt
	w.saveRunbook(second)
	taken := outage()
	taken.Name = first.Name
	w.saveRunbook(taken)
	_, err = back(1, 5)
	wantCode(t, err, incident.Conflict)
}
