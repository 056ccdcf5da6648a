package incident_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// minutes lets time pass in steps, as the worker works.
func (w *world) minutes(n int) {
	w.Helper()
	for range n {
		w.work(time.Minute)
	}
}

func TestQuietCalls(t *testing.T) {
	t.Parallel()
	ana := zoomsim.Person{Name: "Ana", Email: opener}
	leaves := func(w *world, b incident.Bridge) {
		key := w.join(b, ana)
		w.minutes(1)
		w.ok(w.sim.Leave(w.Context(), b.MeetingID, key))
	}
	for _, tt := range []struct {
		name   string
		edit   func(*incident.MeetingTemplate)
		do     func(w *world, i incident.Incident, b incident.Bridge)
		before int // minutes without an alarm
		want   incident.Alarm
		says   string
	}{
		{"nobody joins", nil, nil, 9, incident.AlarmNobody, `nobody_came {"count":10}`},
		{"no alarm about nobody", func(m *incident.MeetingTemplate) { m.NobodyMinutes = 0 }, nil, 120, incident.AlarmNone, ""},
		{"Zoom says nothing", nil, func(w *world, _ incident.Incident, _ incident.Bridge) { w.faults(zoomsim.Faults{Down: true}) }, 60, incident.AlarmNone, ""},
		{"everybody left", nil, func(w *world, _ incident.Incident, b incident.Bridge) { leaves(w, b) }, 14, incident.AlarmEmpty, `all_left {"count":15}`},
		{"somebody came back", nil, func(w *world, _ incident.Incident, b incident.Bridge) {
			leaves(w, b)
			w.minutes(14)
			w.join(b, ana)
		}, 200, incident.AlarmNone, ""},
		{"the call is over", nil, func(w *world, _ incident.Incident, b incident.Bridge) {
			w.join(b, ana)
			w.minutes(1)
			w.ok(w.sim.End(w.Context(), b.MeetingID))
		}, 14, incident.AlarmOver, `over_for_long {"count":15}`},
		{"it runs for long", nil, func(w *world, _ incident.Incident, b incident.Bridge) { w.join(b, ana) }, 239, incident.AlarmLong, `runs_long {"count":4}`},
		{"the incident is resolved", nil, func(w *world, i incident.Incident, _ incident.Bridge) {
			w.ok(w.service.ResolveIncident(w.Context(), anaIs, i.Number))
		}, 60, incident.AlarmNone, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, store *db.Store) {
				w := worldWith(t, store)
				if tt.edit != nil {
					step := meeting()
					step.Topic += " quietly"
					tt.edit(&step)
					w.runbook = w.save(step)
				}
				i, b := w.open()
				if tt.do != nil {
					tt.do(w, i, b)
				}
				w.minutes(tt.before)
				if got := w.bridge(i); got.Alarm != incident.AlarmNone {
					t.Errorf("after %d minutes the alarm is %q", tt.before, got.Alarm)
				}
				if tt.want == "" {
					return
				}
				topic := db.TopicIncident(i.Number)
				pulse := func() int64 {
					versions, err := w.store.Pulse(t.Context(), []string{topic})
					w.ok(err)
					return versions[topic]
				}
				before := pulse()
				w.minutes(2)
				if got := w.bridge(i); got.Alarm != tt.want || pulse() == before {
					t.Errorf("the alarm is %q, want %q; pages learned of it: %v", got.Alarm, tt.want, pulse() != before)
				}
				if lines := w.timeline(i); !slices.Contains(lines, tt.says) {
					t.Errorf("timeline %q, want %s", lines, tt.says)
				}
				w.ok(w.service.ResolveIncident(t.Context(), anaIs, i.Number))
				w.work(time.Second)
				if got := w.bridge(i); got.Alarm != incident.AlarmNone {
					t.Errorf("after the incident was resolved, the alarm is %q", got.Alarm)
				}
			})
		})
	}
}

func TestEndEmpty(t *testing.T) {
	t.Parallel()
	ana, mia := zoomsim.Person{Name: "Ana", Email: opener}, zoomsim.Person{Name: "Mia"}
	for _, tt := range []struct {
		name  string
		setup func(w *world)
		do    func(w *world, b incident.Bridge)
		want  bool // ended
		says  string
	}{
		{"everybody left, with the host", nil, nil, true, `ended_empty {"count":15}`},
		{"it is not asked for", func(w *world) { m := meeting(); m.Topic += " again"; w.runbook = w.save(m) }, nil, false, ""},
		{"no event said that the host is inside", func(w *world) { w.faults(zoomsim.Faults{LoseEvents: "meeting.participant_joined"}) }, nil, false, ""},
		{"somebody joins in the last second", nil, func(w *world, b incident.Bridge) { w.clock.Add(14 * time.Minute); w.join(b, mia) }, false, ""},
		{"Zoom does not answer", nil, func(w *world, b incident.Bridge) {
			w.faults(zoomsim.Faults{Only: "GET /meetings/{meetingId}", Down: true})
		}, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, store *db.Store) {
				w := worldWith(t, store)
				step := meeting()
				step.Topic += " quietly"
				step.EndEmpty = true
				w.runbook = w.save(step)
				if tt.setup != nil {
					tt.setup(w)
				}
				i, b := w.open()
				hers := w.join(b, ana)
				w.faults(zoomsim.Faults{})
				his := w.join(b, mia)
				w.minutes(1)
				w.ok(w.sim.Leave(t.Context(), b.MeetingID, his))
				if tt.name != "no event said that the host is inside" {
					w.ok(w.sim.Leave(t.Context(), b.MeetingID, hers))
				}
				w.work(0)
				if tt.do != nil {
					tt.do(w, b)
				}
				for range 40 {
					w.work(30 * time.Second)
				}
				if got := w.bridge(i); (got.State == incident.BridgeEnded) != tt.want {
					t.Errorf("the bridge is %s with %d inside, alarm %q", got.State, got.Inside, got.Alarm)
				}
				if lines := w.timeline(i); tt.says != "" && !slices.Contains(lines, tt.says) || tt.says == "" && slices.Contains(lines, `ended_empty {"count":15}`) {
					t.Errorf("timeline %q", lines)
				}
				ends := 0
				for _, c := range w.sim.Calls() {
					if c.Operation == "PUT /meetings/{meetingId}/status" {
						ends++
					}
				}
				if want := map[bool]int{true: 1}[tt.want]; ends != want {
					t.Errorf("Zoom was asked %d times to end the meeting, want %d", ends, want)
				}
			})
		})
	}
}

// Of a call behind a static link nothing is known, so nothing is said about it.
func TestQuietStaticLink(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		do   func(w *world) incident.Incident
	}{
		{"Zoom gave no meeting", func(w *world) incident.Incident {
			w.faults(zoomsim.Faults{Down: true})
			i, _ := w.open()
			w.faults(zoomsim.Faults{})
			return i
		}},
		{"people waited in the meeting before", func(w *world) incident.Incident {
			w.faults(zoomsim.Faults{OverwriteSettings: true})
			i, b := w.open()
			w.join(b, zoomsim.Person{Name: "Mia"})
			w.work(time.Minute)
			if got := w.bridge(i); got.Alarm != incident.AlarmStuck {
				w.Errorf("before, the alarm is %q", got.Alarm)
			}
			w.ok(w.service.UseLink(w.Context(), anaIs, b.ID, "https://meet.example.com/other", ""))
			w.work(0)
			return i
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, store *db.Store) {
				w := worldWith(t, store)
				w.links(warRoom)
				i := tt.do(w)
				before := w.timeline(i)
				w.minutes(300)
				got := w.bridge(i)
				if got.Kind != incident.KindStatic || got.Alarm != incident.AlarmNone || got.Inside != 0 || got.Waiting != 0 {
					t.Errorf("it is a %s bridge with the alarm %q, %d inside and %d waiting", got.Kind, got.Alarm, got.Inside, got.Waiting)
				}
				if diff := cmp.Diff(before, w.timeline(i)); diff != "" {
					t.Errorf("the timeline says more (-before +after):\n%s", diff)
				}
			})
		})
	}
}

// However many servers there are, and whenever one of them dies, an empty call is ended
// once, and never with people in it.
func TestEndEmptyOnTwoServers(t *testing.T) {
	ana, mia := zoomsim.Person{Name: "Ana", Email: opener}, zoomsim.Person{Name: "Mia"}
	for _, tt := range []struct {
		name string
		dies bool                              // the server that has the job
		then func(w *world, b incident.Bridge) // what happened until then, or until another one has it
		ends int
		says int
	}{
		{"both work", false, nil, 1, 1},
		{"somebody joins", false, func(w *world, b incident.Bridge) { w.join(b, mia) }, 0, 0},
		{"one dies before it asks Zoom", true, nil, 1, 1},
		{"one dies before it asks Zoom, and somebody joins", true, func(w *world, b incident.Bridge) { w.join(b, mia) }, 0, 0},
		{"one dies when Zoom has ended the call", true, func(w *world, b incident.Bridge) {
			w.faults(zoomsim.Faults{LoseEvents: "meeting."})
			w.ok(w.zoom().EndMeeting(w.Context(), b.MeetingID))
		}, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := dbtest.MigratedPostgres(t)
			w := worldWith(t, dbtest.Open(t, cfg))
			step := meeting()
			step.Topic += " quietly"
			step.EndEmpty = true
			w.runbook = w.save(step)
			i, b := w.open()
			key := w.join(b, ana)
			w.minutes(1)
			w.ok(w.sim.Leave(t.Context(), b.MeetingID, key))
			w.minutes(14)
			w.clock.Add(2 * time.Minute)
			w.must(w.service.RunOnce(t.Context())) // the alarm begins last
			if tt.dies {
				jobs, err := w.store.ClaimJobs(t.Context(), "the dead one", w.clock.Now(), 6*time.Second, 10)
				w.ok(err)
				if !slices.ContainsFunc(jobs, func(j incident.Job) bool { return j.Kind == incident.JobEndEmpty }) {
					t.Fatalf("the dead server had %+v", jobs)
				}
			}
			if tt.then != nil {
				tt.then(w, b)
			}
			w.faults(zoomsim.Faults{Only: "PUT /meetings/{meetingId}/status", Latency: 50 * time.Millisecond})
			other := w.cfg
			other.Store = dbtest.Open(t, cfg)
			servers := []*incident.Service{incident.New(w.cfg), incident.New(other)}
			for range 20 {
				w.clock.Add(10 * time.Second)
				var wg sync.WaitGroup
				for _, s := range servers {
					wg.Go(func() {
						for range 5 {
							if _, err := s.RunOnce(t.Context()); err != nil {
								t.Error(err)
							}
						}
					})
				}
				wg.Wait()
			}
			if got := w.bridge(i); (got.State == incident.BridgeEnded) != (tt.ends > 0) {
				t.Errorf("the bridge is %s with %d inside", got.State, got.Inside)
			}
			ends := 0
			for _, c := range w.sim.Calls() {
				if c.Operation == "PUT /meetings/{meetingId}/status" {
					ends++
				}
			}
			says := len(slices.DeleteFunc(w.timeline(i), func(line string) bool { return line != `ended_empty {"count":15}` }))
			if ends != tt.ends || says != tt.says {
				t.Errorf("Zoom was asked %d times to end the call, want %d; the timeline says so %d times, want %d", ends, tt.ends, says, tt.says)
			}
		})
	}
}
