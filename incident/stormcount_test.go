package incident_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// The storm brake counts meetings that Zoom made or may have made, and not calls that
// gave none.
func TestStormCountsMeetings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		faults zoomsim.Faults
		want   incident.Kind // of the next incident, once Zoom is well
	}{
		{"Zoom is well", zoomsim.Faults{}, incident.KindStatic},
		{"the answers are lost", zoomsim.Faults{ResetAfterCommit: true, Only: createOnly}, incident.KindStatic},
		{"Zoom answers that it is down", zoomsim.Faults{Down: true}, incident.KindMeeting},
		{"creating fails", zoomsim.Faults{Down: true, Only: createOnly}, incident.KindMeeting},
		{"Zoom refuses", zoomsim.Faults{RateLimited: "day"}, incident.KindMeeting},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			limit := 3
			w.saveAccount(func(f *incident.AccountForm) { f.StormLimit, f.StaticLinks = &limit, &[]incident.StaticLink{warRoom} })
			alert := func(n int) incident.Bridge {
				i, _, err := w.service.OpenIncident(t.Context(), incident.Actor{Kind: incident.ActorToken, Email: "alerts", Role: incident.Responder},
					incident.OpenRequest{RunbookID: w.runbook.ID, Name: fmt.Sprint("db down ", n), Source: incident.SourceAPI})
				w.ok(err)
				return w.bridge(i)
			}
			w.faults(tt.faults)
			for n := range limit + 3 {
				b := alert(n)
				w.Logf("%d: %s, %s: %s", n, b.State, b.Kind, why(b))
				if stormy := strings.Contains(why(b), `"storm"`); stormy && (tt.want == incident.KindMeeting || n < limit) {
					t.Errorf("%d: %s", n, why(b))
				}
			}
			w.faults(zoomsim.Faults{})
			w.work(6 * time.Second)
			if b := alert(10); b.Kind != tt.want {
				t.Errorf("afterwards: %s, %s: %s", b.State, b.Kind, why(b))
			}
		})
	}
}
