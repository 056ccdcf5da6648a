package incident_test

import (
	"context"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// A job that failed so often that it was given up is started again while the incident is
// open, without anybody asking, and not after that.
func TestGivenUpJobIsRetried(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		resolved bool
		want     incident.BridgeState
	}{
		{"open", false, incident.BridgeReady},
		{"resolved", true, incident.BridgeFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			store := &faultyStore{Store: w.store, account: &incident.Error{Code: incident.Internal, Message: "x"}}
			w.service = w.another(store)
			i, _ := w.open()
			for w.bridge(i).State != incident.BridgeFailed {
				w.clock.Add(time.Minute)
				_, _ = w.service.RunOnce(t.Context()) // everything that needs the account fails every time
			}
			b := w.bridge(i)
			if len(b.Reasons) != 1 || b.Reasons[0].Code != incident.ReasonGaveUp || !b.Reasons[0].RetryAt.After(w.clock.Now()) {
				t.Fatalf("the bridge failed because %s", why(b))
			}
			store.account = nil
			if tt.resolved {
				w.resolved(i)
			}
			w.work(b.Reasons[0].RetryAt.Sub(w.clock.Now()) + time.Second)
			if b = w.bridge(i); b.State != tt.want {
				t.Errorf("after the pause, the bridge is %s because %s", b.State, why(b))
			}
		})
	}
}

// A slow server has stored the outcome of an attempt and not gone on with its bridge. The job
// that looks for the meeting does.
func TestLateOutcomeGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{Reset: true, Only: createOnly})
	i, b := w.open()
	if b.State != incident.BridgeUnknown {
		t.Fatalf("the bridge is %s", b.State)
	}
	attempts, err := w.store.Attempts(t.Context(), b.ID)
	w.ok(err)
	for _, a := range attempts {
		a.State, a.FinishedAt = incident.AttemptRefused, w.clock.Now()
		w.ok(w.store.ChangeBridge(t.Context(), incident.BridgeChange{Bridge: b, Attempt: &a, AttemptFrom: incident.AttemptUnknown}))
	}
	w.faults(zoomsim.Faults{})
	w.work(5 * time.Second)
	if b = w.bridge(i); b.State != incident.BridgeReady || len(w.ledger()) != 1 {
		t.Errorf("the bridge is %s because %s, and Zoom has %d meetings", b.State, why(b), len(w.ledger()))
	}
}

// silentFor is a store that gives no answer to one incident, or to all.
type silentFor struct {
	incident.Store
	name string
	down bool
}

func (s *silentFor) OpenIncident(ctx context.Context, n incident.NewIncident) (incident.Incident, bool, error) {
	if s.down || n.Incident.Name == s.name {
		return incident.Incident{}, false, incident.ErrNoAnswer
	}
	return s.Store.OpenIncident(ctx, n)
}

// The database gives no answer to one incident of the journal. While that one is alone, the
// database may be silent. If it takes one behind it, the fault is the first one's: it blocks no
// other, and after three times an admin has to look.
func TestSilentJournalEntry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.links(warRoom)
	store := &silentFor{Store: w.store, name: "silent"}
	w.cfg.Store = store
	w.service = incident.New(w.cfg)
	w.work(time.Second) // reads the links
	named := func(name string) func(*incident.OpenRequest) {
		return func(r *incident.OpenRequest) { r.Name = name }
	}
	silent := w.ask(named("silent")).Pending
	for range 5 {
		w.work(time.Minute)
	}
	for n := range 3 {
		if stuck := w.service.StuckIncidents(); len(stuck) != 0 || w.service.PendingIncidents() != 1 {
			t.Fatalf("after %d others, stuck are %+v", n, stuck)
		}
		store.down = true
		w.ask(named("behind"))
		store.down = false
		w.work(time.Minute)
		if list := w.incidents(); len(list) != n+1 || list[0].Name != "behind" {
			t.Fatalf("stored are %+v", list)
		}
	}
	if stuck := w.service.StuckIncidents(); len(stuck) != 1 || stuck[0].ID != silent.ID || stuck[0].Not.Code != incident.Unavailable {
		t.Errorf("stuck are %+v", stuck)
	}
	store.name = ""
	w.work(20 * time.Minute)
	if list := w.incidents(); len(list) != 4 || len(w.service.StuckIncidents())+w.service.PendingIncidents() != 0 {
		t.Errorf("%d are stored, and stuck are %+v", len(list), w.service.StuckIncidents())
	}
}

// What a caller does with the call of an incident does not change what is remembered of it.
func TestRecalledCallIsACopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i, b := w.open()
	for range 2 {
		call, err := w.service.RecallCall(t.Context(), incident.Actor{}, i.Number)
		w.ok(err)
		if len(call.Bridges) != 1 || call.Bridges[0].JoinURL != b.JoinURL {
			t.Fatalf("the call is %+v", call)
		}
		call.Bridges[0].JoinURL, call.Bridges[0].Passcode = "https://changed.example.com/", "changed"
	}
	w.ok(w.store.Close())
	for range 2 {
		call, err := w.service.RecallCall(t.Context(), incident.Actor{}, i.Number)
		w.ok(err)
		if call.AsOf.IsZero() || len(call.Bridges) != 1 || call.Bridges[0].JoinURL != b.JoinURL || call.Bridges[0].Passcode != b.Passcode {
			t.Fatalf("from memory, the call is %+v", call)
		}
		call.Bridges[0].JoinURL, call.Bridges[0].Passcode = "https://changed.example.com/", "changed"
	}
}
