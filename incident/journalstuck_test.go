package incident_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// An incident of the journal can never be stored, because its runbook was deleted. Drawbridge
// tries less and less often, says so, and an admin discards it. One beside it is stored.
func TestStuckJournal(t *testing.T) {
	t.Parallel()
	w, unlock := locked(t)
	gone := w.runbook
	stuck := w.ask(func(r *incident.OpenRequest) {
		r.Source, r.RunbookName, r.RunbookID, r.Name, r.FormKey = incident.SourceForm, "", gone.ID, "db down", "form-1"
	}).Pending
	unlock()
	w.runbook = w.save(incident.NewMeetingTemplate())
	w.must(w.service.DeleteRunbook(t.Context(), admin, gone.ID))
	fails := func() int { return strings.Count(w.log.String(), "can’t be stored; it stays there") }

	for range 3 {
		if got := w.service.StuckIncidents(); len(got) > 0 || w.service.PendingIncidents() != 1 {
			t.Fatalf("after %d failures, stuck are %+v", fails(), got)
		}
		wantCode(t, w.service.DiscardPending(t.Context(), admin, stuck.ID), incident.NotFound)
		for before := fails(); fails() == before; {
			w.work(time.Second)
		}
	}
	got := w.service.StuckIncidents()
	if len(got) != 1 || got[0].ID != stuck.ID || got[0].Not.Code != incident.Invalid || !slices.Contains(got[0].Not.Fields, "runbook") || w.service.PendingIncidents() != 0 {
		t.Fatalf("after %d failures, stuck are %+v", fails(), got)
	}
	before := fails()
	for range 60 {
		w.work(time.Minute)
	}
	if n := fails() - before; n < 3 || n > 15 {
		t.Errorf("%d attempts in an hour, want a few", n)
	}

	w.ask(func(r *incident.OpenRequest) { r.Name = "another" })
	if n := len(w.incidents()); n != 1 {
		t.Errorf("%d incidents are stored, want the other one", n)
	}
	wantCode(t, w.service.DiscardPending(t.Context(), anaIs, stuck.ID), incident.Forbidden)
	w.ok(w.service.DiscardPending(t.Context(), admin, stuck.ID))
	wantEntry(t, w.trail()[0], incident.AuditPendingDiscard, "db down")
	w.service = incident.New(w.cfg)
	before = fails()
	w.work(time.Hour)
	if len(w.service.StuckIncidents()) != 0 || w.service.PendingIncidents() != 0 || fails() != before {
		t.Error("after a restart, the discarded incident is back")
	}
}

// A database that is down for long is no reason to discard anything.
func TestJournalWhileDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.links(warRoom)
	w.ok(w.store.Close())
	w.ask()
	for range 5 {
		w.clock.Add(time.Minute)
		if _, err := w.service.RunOnce(t.Context()); err == nil {
			t.Fatal("the database answers")
		}
	}
	if n := len(w.service.StuckIncidents()); n != 0 || w.service.PendingIncidents() != 1 {
		t.Errorf("%d incidents count as stuck", n)
	}
}
