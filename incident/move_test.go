package incident_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// onStatic returns a world in which Zoom just came back, and an incident that has a
// static link.
func onStatic(t *testing.T) (*world, incident.Incident, incident.Bridge) {
	t.Helper()
	w := newWorld(t)
	w.links(warRoom)
	w.faults(zoomsim.Faults{Reset: true, Only: "POST /oauth/token"})
	i, b := w.open()
	if b.Kind != incident.KindStatic {
		t.Fatalf("the bridge is a %s (%s)", b.Kind, why(b))
	}
	w.faults(zoomsim.Faults{})
	w.clock.Add(time.Minute)
	return w, i, b
}

func TestMoveToZoom(t *testing.T) {
	t.Parallel()
	w, i, b := onStatic(t)
	w.ok(w.service.MoveToZoom(t.Context(), anaIs, b.ID))
	after := w.bridge(i)
	if after.Kind != incident.KindMeeting || after.State != incident.BridgeReady || after.Rung != incident.RungOpener || after.HostEmail != opener ||
		after.MeetingID == "" || after.JoinURL == warRoom.URL || after.LinkName != "" || after.Passcode == warRoom.PIN || !after.LinkChangedAt.Equal(w.clock.Now()) {
		t.Errorf("the bridge is %+v", after)
	}
	if n := len(w.ledger()); n != 1 {
		t.Errorf("Zoom has %d meetings", n)
	}
	if first := w.timeline(i)[0]; first != `moved {"host":"ana@example.com"}` {
		t.Errorf("the timeline's newest entry is %s", first)
	}
	if e := w.trail()[0]; e.Action != incident.AuditBridgeMove || e.Actor != anaIs.Email {
		t.Errorf("audit entry %+v", e)
	}
	w.work(time.Minute)
	if again := w.bridge(i); again.JoinURL != after.JoinURL || len(w.ledger()) != 1 {
		t.Errorf("a minute later, the link is %s and Zoom has %d meetings", again.JoinURL, len(w.ledger()))
	}
	times, _, err := w.store.BridgeTimes(t.Context(), db.BridgeFilter{}, 10)
	w.ok(err)
	if !times[0].ReadyAt.IsZero() {
		t.Error("the move counts as the time that people waited")
	}

	// Nothing to move.
	wantCode(t, w.service.MoveToZoom(t.Context(), anaIs, b.ID), incident.Conflict)
	wantCode(t, w.service.MoveToZoom(t.Context(), viewer, b.ID), incident.Forbidden)
	w.faults(zoomsim.Faults{TokenRefused: true})
	j, c := w.open()
	w.ok(w.service.ResolveIncident(t.Context(), anaIs, j.Number))
	wantCode(t, w.service.MoveToZoom(t.Context(), anaIs, c.ID), incident.Conflict)
}

// If Zoom still gives no meeting, the link stays, and no meeting is left behind.
func TestMoveToZoomThatFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		faults zoomsim.Faults
		want   string
	}{
		{"rejected", zoomsim.Faults{TokenRefused: true}, "wrong_client"},
		{"cut off after creating", zoomsim.Faults{ResetAfterCommit: true, Only: createOnly}, "unreadable"},
		{"daily limit", zoomsim.Faults{RateLimited: "user_day", Only: createOnly}, "day_limit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, i, b := onStatic(t)
			w.faults(test.faults)
			err := w.service.MoveToZoom(t.Context(), anaIs, b.ID)
			wantCode(t, err, incident.Unavailable)
			refused, ok := errors.AsType[*incident.Error](err)
			if !ok || refused.Reason == nil || refused.Reason.Zoom == nil || !strings.Contains(string(refused.Reason.Zoom.Code), test.want) {
				t.Errorf("error %+v, want the reason %s", refused.Reason.Zoom, test.want)
			}
			if after := w.bridge(i); after.JoinURL != b.JoinURL || after.State != incident.BridgeReady || after.Kind != incident.KindStatic || !after.LinkChangedAt.IsZero() {
				t.Errorf("the bridge is %s with %s", after.State, after.JoinURL)
			}
			w.faults(zoomsim.Faults{})
			for range 8 {
				w.work(30 * time.Second)
			}
			if after := w.bridge(i); after.JoinURL != b.JoinURL || len(w.ledger()) != 0 {
				t.Errorf("after four minutes the link is %s, and Zoom has %d meetings", after.JoinURL, len(w.ledger()))
			}
		})
	}
}

// Two people press the button at the same time, and a third one gives another link.
func TestMoveToZoomOnce(t *testing.T) {
	t.Parallel()
	w, i, b := onStatic(t)
	var wg sync.WaitGroup
	before := w.creates()
	for range 12 {
		wg.Go(func() {
			if err := w.service.MoveToZoom(t.Context(), anaIs, b.ID); err != nil && incident.CodeOf(err) != incident.Conflict {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := w.creates() - before; n != 1 {
		t.Errorf("Zoom made %d meetings, want 1", n)
	}
	w.work(time.Minute)
	if after := w.bridge(i); after.Kind != incident.KindMeeting || len(w.ledger()) != 1 || after.MeetingID == "" {
		t.Errorf("the bridge is a %s, and Zoom has %d meetings", after.Kind, len(w.ledger()))
	}

	w, i, b = onStatic(t)
	w.faults(zoomsim.Faults{Only: createOnly, Mangle: func(string, map[string]any) {
		w.ok(w.service.UseLink(t.Context(), admin, b.ID, "https://other.example.com/", ""))
	}})
	wantNoLink := w.service.MoveToZoom(t.Context(), anaIs, b.ID)
	w.faults(zoomsim.Faults{})
	w.work(time.Minute)
	if after := w.bridge(i); after.JoinURL != "https://other.example.com/" || len(w.ledger()) != 0 {
		t.Errorf("the person's link is lost: %s, %d meetings (%v)", after.JoinURL, len(w.ledger()), wantNoLink)
	}
}

// The program stops while it moves a bridge.
func TestMoveToZoomInterrupted(t *testing.T) {
	t.Parallel()
	w, i, b := onStatic(t)
	a := incident.Attempt{ID: "0199aaaa-0000-7000-8000-000000000001", BridgeID: b.ID, Rung: incident.RungOpener, HostEmail: opener, State: incident.AttemptCalling, StartedAt: w.clock.Now()}
	w.ok(w.store.ChangeBridge(t.Context(), incident.BridgeChange{Bridge: b, From: []incident.BridgeState{b.State}, Attempt: &a,
		Jobs: []incident.Job{{ID: "job", Kind: incident.JobReconcile, Subject: a.ID, State: incident.JobQueued, RunAt: w.clock.Now().Add(30 * time.Second), CreatedAt: w.clock.Now()}}}))
	w.must(w.zoom().CreateMeeting(t.Context(), opener, request(ref(a.ID))))
	for range 8 {
		w.work(30 * time.Second)
	}
	if after := w.bridge(i); after.JoinURL != b.JoinURL || len(w.ledger()) != 0 {
		t.Errorf("after a restart the link is %s, and Zoom has %d meetings", after.JoinURL, len(w.ledger()))
	}
}

func TestZoomIsBack(t *testing.T) {
	t.Parallel()
	w, _, b := onStatic(t)
	back := func() (int64, bool) {
		t.Helper()
		page, err := w.store.BridgeRows(t.Context(), db.BridgeFilter{}, "", 5)
		w.ok(err)
		var newest []incident.Bridge
		for _, row := range page.Items {
			newest = append(newest, row.Bridge)
		}
		slices.Reverse(newest)
		return b.ZoomIsBack(w.account(), newest, w.clock.Now())
	}
	if number, ok := back(); ok {
		t.Errorf("nothing was checked, but INC-%d shows that Zoom is back", number)
	}
	w.must(w.service.CheckConnection(t.Context(), admin))
	if number, ok := back(); !ok || number != 0 {
		t.Errorf("after a check: INC-%d, %v", number, ok)
	}
	other, _ := w.open()
	if number, ok := back(); !ok || number != other.Number {
		t.Errorf("after another bridge: INC-%d, %v", number, ok)
	}
}
