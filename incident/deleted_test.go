package incident_test

import (
	"slices"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// Somebody deletes the meeting of an open incident in Zoom. The incident gets another link
// by itself, and open pages say that it changed.
func TestDeletedMeetingIsReplaced(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, store *db.Store) {
		w := worldWith(t, store)
		i, b := w.open()
		w.ok(w.zoom().DeleteMeeting(t.Context(), b.MeetingID))
		w.sim.Settle()
		w.work(time.Second)
		got := w.bridge(i)
		if got.State != incident.BridgeReady || got.MeetingID == b.MeetingID || got.JoinURL == "" || got.JoinURL == b.JoinURL || got.LinkChangedAt.IsZero() {
			t.Fatalf("the bridge is %s with %s, changed at %v, because %s", got.State, got.JoinURL, got.LinkChangedAt, why(got))
		}
		if kinds := w.kinds(i); !slices.Contains(kinds, string(incident.EntryMeetingDeleted)) {
			t.Errorf("timeline %q", kinds)
		}
		if n := len(w.ledger()); n != 1 {
			t.Errorf("Zoom has %d meetings, want 1", n)
		}

		// The second one too, while Zoom fails: a static link, or another try.
		w.ok(w.zoom().DeleteMeeting(t.Context(), got.MeetingID))
		w.sim.Settle()
		w.faults(zoomsim.Faults{Down: true, Only: createOnly})
		w.work(time.Second)
		w.faults(zoomsim.Faults{})
		for range 5 {
			w.work(time.Minute)
		}
		if third := w.bridge(i); third.State != incident.BridgeReady || third.MeetingID == got.MeetingID {
			t.Errorf("the bridge is %s because %s", third.State, why(third))
		}

		// A resolved incident needs none.
		last := w.bridge(i)
		w.ok(w.service.ResolveIncident(t.Context(), admin, i.Number))
		w.ok(w.zoom().DeleteMeeting(t.Context(), last.MeetingID))
		w.sim.Settle()
		w.work(time.Minute)
		if after := w.bridge(i); after.State != incident.BridgeFailed || len(w.ledger()) != 0 {
			t.Errorf("after the incident, the bridge is %s and Zoom has %d meetings", after.State, len(w.ledger()))
		}
	})
}
