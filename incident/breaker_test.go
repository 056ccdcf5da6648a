package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// When Zoom has not answered for a while, an incident that has a static link at hand
// gets it without asking Zoom. Zoom is asked something that creates nothing until it
// answers, and then it is used again.
func TestSilentZoom(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault zoomsim.Faults
	}{
		{"502", zoomsim.Faults{Down: true}},
		{"unreachable", zoomsim.Faults{Reset: true}},
		{"cut off after creating", zoomsim.Faults{ResetAfterCommit: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.must(w.zoom().Token(t.Context()))
			w.links(warRoom)
			open := func(key string) incident.Bridge {
				_, b := w.open(func(r *incident.OpenRequest) { r.DedupKey = key })
				return b
			}
			w.faults(tt.fault)
			for _, key := range []string{"1", "2", "3"} {
				if b := open(key); b.Kind != incident.KindStatic || strings.Contains(why(b), "zoom_silent") {
					t.Errorf("bridge %s is %s (%s)", key, b.Kind, why(b))
				}
			}
			before := w.creates()
			if b := open("4"); b.Kind != incident.KindStatic || !strings.Contains(why(b), "zoom_silent") || w.creates() != before {
				t.Errorf("bridge is %s, after %d calls (%s)", b.Kind, w.creates()-before, why(b))
			}
			w.work(time.Minute)
			if b := open("5"); b.Kind != incident.KindStatic || !strings.Contains(why(b), "zoom_silent") || w.creates() != before {
				t.Errorf("after a probe without an answer the bridge is %s, after %d calls (%s)", b.Kind, w.creates()-before, why(b))
			}
			w.faults(zoomsim.Faults{})
			w.work(time.Minute)
			if w.creates() != before {
				t.Error("a probe created a meeting")
			}
			if b := open("6"); b.Kind != incident.KindMeeting {
				t.Errorf("after Zoom answered a probe, the bridge is %s (%s)", b.Kind, why(b))
			}
		})
	}
}

// A Zoom that refuses is not silent, and a bridge that has no other link is asked for
// however silent Zoom is.
func TestNotSilent(t *testing.T) {
	t.Parallel()
	t.Run("refused", func(t *testing.T) {
		w := newWorld(t)
		w.links(warRoom)
		w.faults(zoomsim.Faults{TokenRefused: true})
		for n := range 4 {
			if _, b := w.open(func(r *incident.OpenRequest) { r.DedupKey = string(rune('a' + n)) }); strings.Contains(why(b), "zoom_silent") {
				t.Errorf("bridge %d: %s", n, why(b))
			}
		}
	})
	t.Run("no other link", func(t *testing.T) {
		w := newWorld(t)
		w.faults(zoomsim.Faults{Reset: true, Only: createOnly})
		for n := range 4 {
			w.open(func(r *incident.OpenRequest) { r.DedupKey = string(rune('a' + n)) })
		}
		w.faults(zoomsim.Faults{})
		if _, b := w.open(func(r *incident.OpenRequest) { r.DedupKey = "last" }); b.State != incident.BridgeReady || b.Kind != incident.KindMeeting {
			t.Errorf("bridge is %s, %s (%s)", b.State, b.Kind, why(b))
		}
	})
}
