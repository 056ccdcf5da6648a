package incident_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// over opens an incident whose call has ended.
func (w *world) over() (incident.Incident, incident.Bridge) {
	w.Helper()
	i, b := w.open()
	w.join(b, zoomsim.Person{Name: "Ana", Email: opener})
	w.wait(time.Minute)
	w.ok(w.sim.End(w.Context(), b.MeetingID))
	w.wait(5 * time.Minute)
	if b = w.bridge(i); b.State != incident.BridgeEnded {
		w.Fatalf("the bridge is %s, want ended", b.State)
	}
	return i, b
}

func TestStartAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		prepare  func(w *world, b incident.Bridge)
		wantSame bool // link
	}{
		{"the meeting exists", func(*world, incident.Bridge) {}, true},
		{"Zoom is down", func(w *world, _ incident.Bridge) { w.faults(zoomsim.Faults{Down: true}) }, true},
		{"the meeting was deleted", func(w *world, b incident.Bridge) { w.ok(w.zoom().DeleteMeeting(w.Context(), b.MeetingID)); w.work(0) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, store *db.Store) {
				w := worldWith(t, store)
				i, before := w.over()
				tt.prepare(w, before)
				w.ok(w.service.StartAgain(t.Context(), anaIs, before.ID))
				got := w.bridge(i)
				if got.State != incident.BridgeReady || got.ID != before.ID || got.JoinURL == "" || (got.JoinURL == before.JoinURL) != tt.wantSame || got.LinkChangedAt.IsZero() != tt.wantSame {
					t.Errorf("the bridge is %s with %s, before %s", got.State, got.JoinURL, before.JoinURL)
				}
				if !slices.Contains(w.kinds(i), map[bool]string{true: "again", false: "step_started"}[tt.wantSame]) {
					t.Errorf("timeline %q", w.kinds(i))
				}
				wantCode(t, w.service.StartAgain(t.Context(), anaIs, before.ID), incident.Conflict)

				w.faults(zoomsim.Faults{})
				w.wait(3 * time.Minute) // late events and answers do not end it again
				if got = w.bridge(i); got.State != incident.BridgeReady {
					t.Errorf("after three minutes the bridge is %s", got.State)
				}
				w.join(got, zoomsim.Person{Name: "Mia"})
				w.work(time.Second)
				if got = w.bridge(i); got.State != incident.BridgeLive || got.Inside != 1 {
					t.Errorf("the next call is %s with %d inside", got.State, got.Inside)
				}
				w.ok(w.sim.End(t.Context(), got.MeetingID))
				w.work(time.Second)
				if got = w.bridge(i); got.State != incident.BridgeEnded {
					t.Errorf("after its end the next call is %s", got.State)
				}
			})
		})
	}
}

// What Zoom says about the meeting when it is started again counts at once, and a meeting
// that is gone leaves no link behind.
func TestStartAgainTakesWhatZoomSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i, b := w.over()
	w.meetingSays(func(_, settings map[string]any) { settings["waiting_room"] = true })
	w.ok(w.service.StartAgain(t.Context(), anaIs, b.ID))
	if got := w.bridge(i); got.Verdict().Level != incident.LevelWarning || !slices.Contains(w.kinds(i), "changed_in_zoom") {
		t.Errorf("the verdict is %+v, the timeline %q", got.Verdict(), w.kinds(i))
	}

	w = newWorld(t)
	i, b = w.over()
	w.ok(w.zoom().DeleteMeeting(t.Context(), b.MeetingID))
	w.faults(zoomsim.Faults{Down: true, Only: createOnly})
	w.ok(w.service.StartAgain(t.Context(), anaIs, b.ID))
	if got := w.bridge(i); got.State != incident.BridgeUnknown || got.JoinURL != "" {
		t.Errorf("the bridge is %s with %s", got.State, got.JoinURL)
	}
	w.faults(zoomsim.Faults{})
	w.wait(5 * time.Minute)
	if got := w.bridge(i); got.State != incident.BridgeReady || got.JoinURL == "" || got.JoinURL == b.JoinURL || got.LinkChangedAt.IsZero() {
		t.Errorf("later the bridge is %s with %s", got.State, got.JoinURL)
	}
}

// What is stored about a meeting while Zoom ends its call stays.
func TestEndCallMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i, b := w.open()
	w.join(b, zoomsim.Person{Name: "Ana", Email: opener})
	w.work(time.Second)
	w.meetingSays(func(_, settings map[string]any) { settings["waiting_room"] = true })
	w.during = func(call string) {
		if call == "PUT /v2/meetings/"+b.MeetingID+"/status" {
			w.send(b, meetingUpdated)
			w.work(5 * time.Second)
		}
	}
	w.ok(w.service.EndCall(t.Context(), anaIs, b.ID, 1))
	if got := w.bridge(i); len(got.Findings) != 1 || got.Findings[0].Code != incident.FoundWaitingRoomOn {
		t.Errorf("findings %+v", got.Findings)
	}
}

func TestStartAgainRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i, b := w.over()
	wantCode(t, w.service.StartAgain(t.Context(), viewer, b.ID), incident.Forbidden)
	w.ok(w.service.ResolveIncident(t.Context(), anaIs, i.Number))
	wantCode(t, w.service.StartAgain(t.Context(), anaIs, b.ID), incident.Conflict)
}

func TestEndCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i, b := w.open()
	wantCode(t, w.service.EndCall(t.Context(), anaIs, b.ID, 9), incident.Conflict) // it does not run
	w.join(b, zoomsim.Person{Name: "Ana", Email: opener})
	w.join(b, zoomsim.Person{Name: "Mia"})
	w.work(time.Second)
	wantCode(t, w.service.EndCall(t.Context(), viewer, b.ID, 2), incident.Forbidden)
	wantCode(t, w.service.EndCalls(t.Context(), anaIs, i.Number, 1), incident.Conflict) // one more came
	if got := w.bridge(i); got.State != incident.BridgeLive {
		t.Errorf("the bridge is %s, want live", got.State)
	}
	w.faults(zoomsim.Faults{Down: true})
	wantCode(t, w.service.EndCall(t.Context(), anaIs, b.ID, 2), incident.Unavailable)
	w.faults(zoomsim.Faults{})
	w.ok(w.service.EndCalls(t.Context(), anaIs, i.Number, 2))
	w.sim.Settle()
	w.work(time.Second)
	if got := w.bridge(i); got.State != incident.BridgeEnded || got.Inside != 0 {
		t.Errorf("the bridge is %s with %d inside", got.State, got.Inside)
	}
	if lines := w.timeline(i); !slices.Contains(lines, `ended_by {"count":2}`) {
		t.Errorf("timeline %q", lines)
	}
	if last := w.trail()[0]; last.Action != incident.AuditBridgeEnd || !strings.HasPrefix(last.Target, "INC-") {
		t.Errorf("audit entry %+v", last)
	}
}
