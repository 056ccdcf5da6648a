package incident_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// While a person gives a bridge a link, it gets another one. None is lost silently: the
// other one stays, and the person learns where it leads.
func TestUseLinkMeanwhile(t *testing.T) {
	t.Parallel()
	const mine, other = "https://meet.example.com/mine", "https://talk.example.org/other"
	for _, tt := range []struct {
		name      string
		before    string // the link that the bridge has before; "": none
		meanwhile func(w *world, b incident.Bridge)
		want      string // the host of the link in the end
		lost      bool
		again     bool // a person may give the link again
	}{
		{name: "nothing", meanwhile: func(*world, incident.Bridge) {}, want: "meet.example.com"},
		{name: "another person gives the first one", want: "talk.example.org", lost: true, again: true,
			meanwhile: func(w *world, b incident.Bridge) { w.ok(w.service.UseLink(w.Context(), admin, b.ID, other, "")) }},
		{name: "another person replaces the old one", before: "https://old.example.com/", want: "talk.example.org", lost: true, again: true,
			meanwhile: func(w *world, b incident.Bridge) { w.ok(w.service.UseLink(w.Context(), admin, b.ID, other, "")) }},
		{name: "another person gives the same", before: "https://old.example.com/", want: "meet.example.com",
			meanwhile: func(w *world, b incident.Bridge) { w.ok(w.service.UseLink(w.Context(), admin, b.ID, mine, "")) }},
		{name: "Zoom gives a meeting", want: "zoom", lost: true,
			meanwhile: func(w *world, b incident.Bridge) {
				w.clock.Add(time.Minute)
				w.ok(w.service.RetryBridge(w.Context(), admin, b.ID))
			}},
		{name: "a person moves it to Zoom", before: "https://old.example.com/", want: "zoom", lost: true,
			meanwhile: func(w *world, b incident.Bridge) {
				w.clock.Add(time.Minute)
				w.ok(w.service.MoveToZoom(w.Context(), admin, b.ID))
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.faults(zoomsim.Faults{TokenRefused: true})
			i, b := w.open()
			if tt.before != "" {
				w.ok(w.service.UseLink(t.Context(), admin, b.ID, tt.before, ""))
			}
			w.faults(zoomsim.Faults{})
			s := w.another(&faultyStore{Store: w.store, change: func(incident.BridgeChange) error {
				tt.meanwhile(w, b)
				return nil
			}})
			err := s.UseLink(t.Context(), anaIs, b.ID, mine, "")
			after := w.bridge(i)
			if !strings.Contains(after.JoinURL, tt.want) {
				t.Errorf("the bridge leads to %s", after.JoinURL)
			}
			if !tt.lost {
				w.ok(err)
				return
			}
			var refused *incident.Error
			if !errors.As(err, &refused) || refused.Code != incident.Conflict || !strings.Contains(refused.Message, "Yours wasn’t used") || (refused.Fields["url"] != "") != tt.again {
				t.Errorf("the person learns %v", err)
			}
			if strings.Contains(strings.Join(w.timeline(i), "\n"), "meet.example.com") {
				t.Errorf("timeline %q", w.timeline(i))
			}
		})
	}
}

// Who gives a bridge another link while its meeting runs has left that meeting: whatever
// Zoom says about it afterwards doesn't take the link away, nor that of a later meeting.
func TestUseLinkDuringCall(t *testing.T) {
	t.Parallel()
	const link = "https://meet.example.com/mine"
	ana := zoomsim.Person{Name: "Ana", Email: opener}
	for _, tt := range []struct {
		name      string
		meanwhile func(w *world, b incident.Bridge) // while the person gives the link
		moves     bool                              // the bridge gets a Zoom meeting before the old call ends
	}{
		{"the call ends", func(*world, incident.Bridge) {}, false},
		{"somebody joins it again", func(w *world, b incident.Bridge) { w.join(b, ana); w.work(time.Second) }, false},
		{"the bridge is moved to Zoom", func(*world, incident.Bridge) {}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, store *db.Store) {
				w := worldWith(t, store)
				w.faults(zoomsim.Faults{OverwriteSettings: true})
				i, old := w.open()
				w.faults(zoomsim.Faults{})
				key := w.join(old, ana)
				w.work(time.Second)
				w.ok(w.sim.Leave(t.Context(), old.MeetingID, key))
				w.work(time.Second)
				s := w.another(&faultyStore{Store: w.store, change: func(incident.BridgeChange) error {
					tt.meanwhile(w, old)
					return nil
				}})
				w.ok(s.UseLink(t.Context(), anaIs, old.ID, link, ""))
				want, kind := link, incident.KindStatic
				if tt.moves {
					w.clock.Add(time.Minute)
					w.ok(w.service.MoveToZoom(t.Context(), anaIs, old.ID))
					want, kind = w.bridge(i).JoinURL, incident.KindMeeting
				}
				w.ok(w.sim.End(t.Context(), old.MeetingID))
				w.wait(5 * time.Minute)
				b := w.bridge(i)
				if b.State != incident.BridgeReady || b.Kind != kind || b.JoinURL != want || b.Inside != 0 {
					t.Fatalf("the bridge is %s with %s, and %d inside", b.State, b.JoinURL, b.Inside)
				}
				if !tt.moves {
					w.ok(w.service.MoveToZoom(t.Context(), anaIs, old.ID))
				}
				w.join(w.bridge(i), ana)
				w.work(time.Second)
				if b = w.bridge(i); b.State != incident.BridgeLive || b.Inside != 1 {
					t.Errorf("the new meeting is %s with %d inside", b.State, b.Inside)
				}
				w.ok(w.sim.End(t.Context(), b.MeetingID))
				w.work(time.Second)
				if b = w.bridge(i); b.State != incident.BridgeEnded {
					t.Errorf("after its end, the new meeting is %s", b.State)
				}
			})
		})
	}
}

// The audit trail says where a bridge led before a person changed its link, and where after.
func TestLinkInAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{TokenRefused: true})
	i, b := w.open()
	w.ok(w.service.UseLink(t.Context(), anaIs, b.ID, "https://meet.example.com/war", ""))
	wantEntry(t, w.trail()[0], incident.AuditBridgeUseLink, i.Key(), incident.Change{Field: "host", After: "meet.example.com"})
	w.ok(w.service.UseLink(t.Context(), anaIs, b.ID, "https://talk.example.org/other", ""))
	wantEntry(t, w.trail()[0], incident.AuditBridgeUseLink, i.Key(), incident.Change{Field: "host", Before: "meet.example.com", After: "talk.example.org"})

	w = newWorld(t)
	w.faults(zoomsim.Faults{OverwriteSettings: true})
	i, b = w.open()
	w.faults(zoomsim.Faults{})
	w.edit = func(call string, answer map[string]any) { // Zoom gives the meeting another address
		if link, ok := answer["join_url"].(string); ok && call == "GET meeting" {
			answer["join_url"] = strings.Replace(link, "https://", "https://www.", 1)
		}
	}
	before := strings.Split(b.JoinURL, "/")[2]
	w.must(w.service.FixBridge(t.Context(), anaIs, b.ID, incident.FoundWaitingRoomOn))
	wantEntry(t, w.trail()[0], incident.AuditBridgeFix, i.Key(), incident.Change{Field: "waiting_room", Before: "true", After: "false"},
		incident.Change{Field: "host", Before: before, After: strings.Split(w.bridge(i).JoinURL, "/")[2]})
	if w.bridge(i).JoinURL == b.JoinURL {
		t.Error("the link did not change")
	}
}
