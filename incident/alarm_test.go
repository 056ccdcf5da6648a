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

// People who wait for 30 seconds while nobody is let in are an alarm, without another
// event, and open pages learn of it.
func TestPeopleStuck(t *testing.T) {
	t.Parallel()
	ana := zoomsim.Person{Name: "Ana", Email: opener}
	for _, tt := range []struct {
		name      string
		do        func(w *world, b incident.Bridge)
		want      incident.Alarm
		wantPlace string // in the timeline
	}{
		{"three wait for the host", func(w *world, b incident.Bridge) {
			for _, name := range []string{"Mia", "Bo", "Ravi"} {
				w.join(b, zoomsim.Person{Name: name})
			}
		}, incident.AlarmStuck, `stuck {"count":3,"place":"host"}`},
		{"one waits in the room", func(w *world, b incident.Bridge) { w.join(b, ana); w.join(b, zoomsim.Person{Name: "Mia"}) }, incident.AlarmStuck, `stuck {"count":1,"place":"room"}`},
		{"the host lets one after another in", func(w *world, b incident.Bridge) {
			w.join(b, ana)
			mia := w.join(b, zoomsim.Person{Name: "Mia"})
			w.join(b, zoomsim.Person{Name: "Bo"})
			w.work(20 * time.Second)
			w.ok(w.sim.Admit(w.Context(), b.MeetingID, mia))
			w.work(0) // the other one has waited for 49 seconds when the alarm is looked at first
		}, incident.AlarmStuck, `stuck {"count":1,"place":"room"}`},
		{"somebody gave up", func(w *world, b incident.Bridge) {
			w.join(b, ana)
			mia := w.join(b, zoomsim.Person{Name: "Mia"})
			w.join(b, zoomsim.Person{Name: "Bo"})
			w.work(20 * time.Second)
			w.ok(w.sim.Leave(w.Context(), b.MeetingID, mia))
			w.clock.Add(-20 * time.Second)
		}, incident.AlarmStuck, `stuck {"count":1,"place":"room"}`},
		{"nobody waits", func(w *world, b incident.Bridge) { w.join(b, ana) }, incident.AlarmNone, ""},
		{"the host came in time", func(w *world, b incident.Bridge) {
			mia := w.join(b, zoomsim.Person{Name: "Mia"})
			w.work(20 * time.Second)
			w.join(b, ana)
			w.ok(w.sim.Admit(w.Context(), b.MeetingID, mia))
		}, incident.AlarmNone, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, store *db.Store) {
				w := worldWith(t, store)
				w.faults(zoomsim.Faults{OverwriteSettings: true})
				i, b := w.open()
				w.clock.Add(time.Second)
				tt.do(w, b)
				w.work(0)
				w.work(29 * time.Second)
				pulse := func() int64 {
					versions, err := w.store.Pulse(t.Context(), []string{db.TopicIncidents, db.TopicIncident(i.Number)})
					w.ok(err)
					return min(versions[db.TopicIncidents], versions[db.TopicIncident(i.Number)])
				}
				if got := w.bridge(i); got.Alarm != incident.AlarmNone {
					t.Errorf("after 29 seconds the alarm is %q", got.Alarm)
				}
				before := pulse()
				w.work(time.Second)
				got := w.bridge(i)
				if got.Alarm != tt.want || tt.want != "" && (w.clock.Now().Sub(got.AlarmSince) < 30*time.Second || pulse() == before || got.Verdict().Level != incident.LevelBad || got.Verdict().Help != incident.HelpStart) {
					t.Errorf("the bridge has the alarm %q since %s, verdict %+v; topics changed: %v", got.Alarm, got.AlarmSince, got.Verdict(), pulse() != before)
				}
				lines := w.timeline(i)
				if tt.wantPlace != "" && !slices.Contains(lines, tt.wantPlace) {
					t.Errorf("timeline %q, want %s", lines, tt.wantPlace)
				}
				if tt.want == "" {
					return
				}
				w.join(got, ana)
				for _, m := range w.sim.Meetings() {
					for _, p := range m.People {
						if p.Waiting == "room" {
							w.ok(w.sim.Admit(t.Context(), b.MeetingID, p.Key))
						}
					}
				}
				w.work(time.Second)
				if got := w.bridge(i); got.Alarm != incident.AlarmNone {
					t.Errorf("after all are in, the alarm is %q", got.Alarm)
				}
			})
		})
	}
}
