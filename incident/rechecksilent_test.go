package incident_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// A check that failed because Zoom was silent is repeated as soon as Zoom answers, so that
// pages don't go on saying that it is down.
func TestSilentCheckIsRenewed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		back func(w *world) // what happens once Zoom answers
	}{
		{"by asking", func(w *world) { w.work(5 * time.Second) }},
		{"by the next bridge", func(w *world) {
			w.open()
			w.work(0)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			level := func() incident.Level {
				level, _ := w.account().Readiness(w.clock.Now())
				return level
			}
			w.faults(zoomsim.Faults{Reset: true})
			_, err := w.service.CheckConnection(t.Context(), admin, "")
			w.ok(err)
			w.work(time.Second)
			if got := level(); got != incident.LevelBad {
				t.Fatalf("while Zoom is down the check is %s", got)
			}
			w.faults(zoomsim.Faults{})
			tt.back(w)
			if got := level(); got == incident.LevelBad {
				t.Error("Zoom is back, and the check still says that it is down")
			}
		})
	}
}
