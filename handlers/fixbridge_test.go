package handlers_test

import (
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

func TestFixBridgeForm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		locked   bool
		wantSays string
	}{
		{"fixed", false, "Zoom changed the meeting. Waiting room: Off."},
		{"kept", true, "Zoom kept the setting. An administrator of the Zoom account may have locked it."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.connect()
			o.sim.SetFaults(func(f *zoomsim.Faults) { f.OverwriteSettings = true })
			i := o.open(o.outage())
			o.sim.SetFaults(func(f *zoomsim.Faults) { f.OverwriteSettings = tt.locked })
			b := o.bridge(i.Number)
			fix, responder := "/bridges/"+b.ID+"/fix", (*tab)(nil)
			for _, role := range []incident.Role{incident.Viewer, incident.Responder, incident.Admin} {
				b := o.as(role)
				if role == incident.Responder {
					responder = b
				}
				page := b.get("/incidents/" + i.Key())
				if shows, may := strings.Contains(page.body, fix), role.Includes(incident.Responder); shows != may {
					t.Errorf("a %s sees Fix: %v", role, shows)
				}
			}
			responder.get("/incidents/"+i.Key()).want(t, 200, "On → Off. People get in with the link alone.")
			responder.post(fix, "code", "waiting_room_on").want(t, 303)
			page := responder.get("/incidents/" + i.Key())
			page.want(t, 200, tt.wantSays)
			if strings.Contains(page.body, fix) != tt.locked {
				t.Errorf("the page offers Fix: %v", !tt.locked)
			}
			responder.post(fix, "code", "waiting_room_on").want(t, 303)
			says := "There is nothing left to fix"
			if tt.locked {
				says = "Last time Zoom kept the setting."
			}
			responder.get("/incidents/"+i.Key()).want(t, 200, says)
		})
	}
}
