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

// While a host runs as many calls as Zoom lets it, its other meetings can't start, and
// nobody is told that everyone can get in.
func TestHostFull(t *testing.T) {
	t.Parallel()
	mia := zoomsim.Person{Name: "Mia"}
	for _, tt := range []struct {
		name   string
		atOnce int // of the host's plan
		unsaid bool
		runs   int // how many of the other calls run
		level  incident.Level
		code   incident.FindingCode
	}{
		{"nobody has joined anything", 1, false, 0, incident.LevelOK, ""},
		{"one call runs", 1, false, 1, incident.LevelBad, incident.FoundHostFull},
		{"one of two that may run", 2, false, 1, incident.LevelOK, ""},
		{"two of two that may run", 2, false, 2, incident.LevelBad, incident.FoundHostFull},
		{"Zoom doesn’t say how many may run", 1, true, 1, incident.LevelWarning, incident.FoundHostMayBeFull},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, store *db.Store) {
				w := worldWith(t, store)
				w.edit = func(call string, answer map[string]any) {
					if feature, ok := answer["feature"].(map[string]any); ok && tt.unsaid {
						delete(feature, "concurrent_meeting")
					}
				}
				w.pool("a@example.com")
				w.sim.SetUser("a@example.com", func(u *zoomsim.User) { u.ConcurrentMeetings = tt.atOnce })
				w.must(w.service.CheckConnection(t.Context(), admin))
				running := []incident.Bridge{w.byStranger(), w.byStranger()}
				last := w.byStranger()
				topic := db.TopicIncident(last.IncidentNumber)
				version := func() int64 {
					v, err := store.Pulse(t.Context(), []string{topic})
					w.ok(err)
					return v[topic]
				}
				look := func() (incident.Verdict, bool) {
					b, err := store.Bridge(t.Context(), last.ID)
					w.ok(err)
					page, err := store.BridgeRows(t.Context(), db.BridgeFilter{State: "attention"}, "", 0)
					w.ok(err)
					return b.Verdict(), slices.ContainsFunc(page.Items, func(r db.BridgeRow) bool { return r.ID == last.ID })
				}
				w.work(0)
				before := version()
				for _, b := range running[:tt.runs] {
					w.join(b, mia)
				}
				w.work(0)
				v, attention := look()
				if v.Level != tt.level || attention != (tt.code != "") {
					t.Fatalf("the verdict is %+v, and it needs attention: %t", v, attention)
				}
				if tt.runs > 0 && version() == before {
					t.Error("open pages don’t learn of the call that began")
				}
				loads, err := store.HostLoads(t.Context(), incident.LoadsAt(w.clock.Now(), []string{"a@example.com"}))
				w.ok(err)
				if l := loads["a@example.com"]; l.Runs != tt.runs || l.Open != 3 {
					t.Errorf("the host has %+v", l)
				}
				if tt.code == "" {
					return
				}
				if f := v.Causes[0]; f.Code != tt.code || f.Email != "a@example.com" || f.Count != tt.runs || f.Incident != running[0].IncidentNumber || v.Help != incident.HelpAnotherLink {
					t.Errorf("the verdict is %+v", v)
				}
				if b, err := store.Bridge(t.Context(), running[0].ID); err != nil || b.Verdict().Level != incident.LevelOK {
					t.Errorf("the call that runs: %+v, %v", b.Verdict(), err)
				}

				before = version()
				w.ok(w.sim.End(t.Context(), running[0].MeetingID))
				w.work(time.Second)
				if v, attention := look(); v.Level != incident.LevelOK || attention || version() == before {
					t.Errorf("after the call ended the verdict is %+v; needs attention: %t", v, attention)
				}
			})
		})
	}
}
