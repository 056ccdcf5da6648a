package incident_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

const (
	readOnly   = "GET /meetings/{meetingId}"
	deleteOnly = "DELETE /meetings/{meetingId}"
)

// drill starts a drill by button and does everything that is due at once and, after the
// events about its meeting arrived, a second later.
func (w *world) drill() {
	w.Helper()
	w.ok(w.service.RunDrill(w.Context(), anaAdmin, "d1", ""))
	w.work(0)
	w.work(time.Second)
}

// anaAdmin is the opener of other tests as an admin.
var anaAdmin = incident.Actor{Kind: "user", UserID: "u2", Email: opener, Name: "Ana", Role: incident.Admin}

func (w *world) drilled(id string) incident.Drill {
	w.Helper()
	d, err := w.store.Drill(w.Context(), id)
	w.ok(err)
	return d
}

// stages returns what a drill says about each stage, and its result.
func stages(d incident.Drill) (lines []string) {
	for _, s := range d.Stages {
		line := fmt.Sprint(s.Code, " ", s.Level)
		if s.Rung != "" {
			line += " " + string(s.Rung)
		}
		for _, r := range s.Reasons {
			line += " " + string(r.Code)
			if r.Zoom != nil {
				line += ":" + string(r.Zoom.Code)
			}
			if r.Count > 0 {
				line += fmt.Sprint(" ", r.Count)
			}
		}
		for _, f := range s.Findings {
			line += " " + string(f.Code)
		}
		lines = append(lines, line)
	}
	return append(lines, "result "+string(d.Result))
}

func (w *world) wantStages(id string, want ...string) {
	w.Helper()
	if diff := cmp.Diff(want, stages(w.drilled(id))); diff != "" {
		w.Errorf("stages (-want +got):\n%s", diff)
	}
}

func TestDrill(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.drill()

	w.wantStages("d1", "open ok", "link ok opener", "verdict ok", "delete ok", "event ok", "resolve ok", "result ok")
	d := w.drilled("d1")
	if d.StartedBy != opener || d.RunbookName != w.runbook.Name || d.FinishedAt.IsZero() {
		t.Errorf("the drill is %+v", d)
	}
	i, err := w.store.Incident(t.Context(), d.IncidentNumber)
	w.ok(err)
	if !i.IsDrill() || i.Name != "Drill" || i.Status != incident.StatusResolved || i.OpenerEmail != opener {
		t.Errorf("the incident is %+v", i)
	}
	if left := w.ledger(); len(left) > 0 {
		t.Errorf("Zoom still has %v", left)
	}
	// Zoom's event about the deletion does not make the bridge look like a failure.
	if b := w.bridge(i); b.State != incident.BridgeEnded || len(b.Reasons) > 0 {
		t.Errorf("the bridge is %s, %v", b.State, b.Reasons)
	}
	if again := w.service.RunDrill(t.Context(), anaAdmin, "d1", ""); again != nil || w.creates() != 1 {
		t.Errorf("the same form again: %v, %d meetings", again, w.creates())
	}
	trail := w.trail()
	at := slices.IndexFunc(trail, func(e incident.AuditEntry) bool { return e.Action == incident.AuditDrillRun })
	if at < 0 {
		t.Fatal("the audit trail has no drill")
	}
	wantEntry(t, trail[at], incident.AuditDrillRun, w.runbook.Name)
}

func TestDrillTimes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.edit = func(call string, _ map[string]any) {
		if call == "POST meetings" {
			w.clock.Add(800 * time.Millisecond)
		}
	}
	w.drill()
	link, _ := w.drilled("d1").Stage(incident.DrillLink)
	if link.Took != 800*time.Millisecond || link.Host != opener || link.Level != incident.LevelOK {
		t.Errorf("the link is %+v", link)
	}

	w.edit = func(call string, _ map[string]any) {
		if call == "POST meetings" {
			w.clock.Add(3100 * time.Millisecond)
		}
	}
	w.ok(w.service.RunDrill(t.Context(), anaAdmin, "d2", ""))
	w.work(0)
	w.work(time.Second)
	w.wantStages("d2", "open ok", "link warning opener", "verdict ok", "delete ok", "event ok", "resolve ok", "result warning")
}

func TestDrillFails(t *testing.T) {
	t.Parallel()
	hosts := func(f func(*zoomsim.User)) func(*world) {
		return func(w *world) {
			w.sim.SetUser(opener, f)
			w.sim.SetUser(backup, f)
		}
	}
	for _, test := range []struct {
		name  string
		wrong func(*world)
		want  []string
		left  int // meetings that Zoom still has
	}{
		{"token", func(w *world) { w.faults(zoomsim.Faults{TokenRefused: true}) },
			[]string{"open ok", "link bad zoom:wrong_client", "resolve ok", "result bad"}, 0},
		{"hosts", hosts(func(u *zoomsim.User) { u.Unknown = true }),
			[]string{"open ok", "link bad zoom:no_such_user zoom:no_such_user", "resolve ok", "result bad"}, 0},
		{"static link", func(w *world) {
			w.links(warRoom)
			hosts(func(u *zoomsim.User) { u.Unknown = true })(w)
		}, []string{"open ok", "link bad static zoom:no_such_user zoom:no_such_user static_link", "resolve ok", "result bad"}, 0},
		{"opener", func(w *world) { w.sim.SetUser(opener, func(u *zoomsim.User) { u.Unknown = true }) },
			[]string{"open ok", "link ok backup_user zoom:no_such_user", "verdict ok", "delete ok", "event ok", "resolve ok", "result ok"}, 0},
		{"people wait", func(w *world) { w.faults(zoomsim.Faults{OverwriteSettings: true}) },
			[]string{"open ok", "link ok opener", "verdict warning waiting_room_on no_join_before_host", "delete ok", "event ok", "resolve ok", "result warning"}, 0},
		{"another bridge's meeting", func(w *world) {
			_, b := w.open()
			w.edit = with("POST meetings", map[string]any{"id": json.Number(b.MeetingID)})
		}, []string{"open ok", "link ok opener meeting_id_taken meeting_id_taken", "verdict bad meeting_id_taken other_meeting_link", "delete bad not_made", "event ok", "resolve ok", "result bad"}, 3},
		{"another bridge's meeting at first", func(w *world) {
			_, b := w.open()
			w.edit = func(call string, answer map[string]any) {
				if call == "POST meetings" {
					answer["id"], w.edit = json.Number(b.MeetingID), nil
				}
			}
		}, []string{"open ok", "link ok opener meeting_id_taken", "verdict ok", "delete ok", "event ok", "resolve ok", "result ok"}, 2},
		{"personal meeting", func(w *world) { w.faults(zoomsim.Faults{PMI: true}) },
			[]string{"open ok", "link ok backup_user personal_meeting personal_meeting", "verdict bad personal_meeting", "delete ok", "event ok", "resolve ok", "result bad"}, 0},
		{"delete refused", func(w *world) {
			w.faults(zoomsim.Faults{Only: deleteOnly, MissingScopes: []string{"meeting:delete:meeting:admin", "meeting:delete:meeting", "meeting:write:admin", "meeting:write"}})
		}, []string{"open ok", "link ok opener", "verdict ok", "delete bad zoom:missing_scopes", "event ok", "resolve ok", "result bad"}, 1},
		{"delete unanswered", func(w *world) {
			w.faults(zoomsim.Faults{Only: deleteOnly, Down: true})
			w.drill()
			for range 40 {
				w.work(5 * time.Second)
			}
		}, []string{"open ok", "link ok opener", "verdict ok", "delete bad zoom:server_error", "event ok", "resolve ok", "result bad"}, 1},
		{"no event", func(w *world) {
			w.faults(zoomsim.Faults{LoseEvents: "*"})
			w.drill()
			w.wantStages("d1", "open ok", "link ok opener", "verdict ok", "delete ok", "result ")
			w.work(30 * time.Second)
		}, []string{"open ok", "link ok opener", "verdict ok", "delete ok", "event note", "resolve ok", "result ok"}, 0},
		{"no runbook", func(w *world) {
			w.ok(w.service.RunDrill(t.Context(), anaAdmin, "d1", ""))
			w.ok(w.service.SetRunbookDisabled(t.Context(), admin, w.runbook.ID, true))
			w.work(0)
		}, []string{"open bad no_runbook", "result bad"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			test.wrong(w)
			if _, err := w.store.Drill(t.Context(), "d1"); err != nil {
				w.drill()
			}
			w.wantStages("d1", test.want...)
			if got := len(w.ledger()); got != test.left {
				t.Errorf("Zoom has %d meetings, want %d", got, test.left)
			}
			if d := w.drilled("d1"); d.IncidentNumber > 0 {
				i, err := w.store.Incident(t.Context(), d.IncidentNumber)
				w.ok(err)
				if i.Status != incident.StatusResolved {
					t.Error("the incident is still open")
				}
			}
			w.faults(zoomsim.Faults{})
			created := w.creates()
			w.work(time.Hour)
			if got := w.creates(); got != created {
				t.Errorf("a drill that is over asks Zoom for %d more meetings", got-created)
			}
		})
	}
}

// A meeting is deleted only when nobody is in it.
func TestDrillPeopleInside(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		after func(w *world, meeting, person string)
		want  []string
		left  int
	}{
		{"they leave", func(w *world, meeting, person string) {
			w.ok(w.sim.Leave(t.Context(), meeting, person))
			w.work(20 * time.Second)
		}, []string{"delete ok", "event ok", "resolve ok", "result ok"}, 0},
		{"they stay", func(w *world, _, _ string) {
			for range 31 {
				w.work(20 * time.Second)
			}
		}, []string{"delete bad people_inside 1", "event ok", "resolve ok", "result bad"}, 1},
		{"nobody says who is inside", func(w *world, meeting, person string) {
			w.faults(zoomsim.Faults{LoseEvents: "*"})
			for range 31 {
				w.work(20 * time.Second)
			}
		}, []string{"delete bad people_inside 1", "event ok", "resolve ok", "result bad"}, 1},
		{"nobody says that the host left", func(w *world, meeting, person string) {
			guest, err := w.sim.Join(t.Context(), meeting, zoomsim.Person{Name: "Guest"})
			w.ok(err)
			w.ok(w.sim.Leave(t.Context(), meeting, guest))
			for range 31 {
				w.work(20 * time.Second)
			}
		}, []string{"delete bad people_inside", "event ok", "resolve ok", "result bad"}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.faults(zoomsim.Faults{Only: readOnly, Down: true})
			w.drill()
			meeting := fmt.Sprint(w.ledger()[0].ID)
			w.faults(zoomsim.Faults{})
			if strings.Contains(test.name, "that the host") {
				w.faults(zoomsim.Faults{LoseEvents: "meeting.participant_joined"})
			}
			person, err := w.sim.Join(t.Context(), meeting, zoomsim.Person{Name: "Ana", Email: opener})
			w.faults(zoomsim.Faults{})
			w.ok(err)
			w.work(2 * time.Second)
			w.wantStages("d1", "open ok", "link ok opener", "verdict ok", "result ")

			test.after(w, meeting, person)

			w.wantStages("d1", append([]string{"open ok", "link ok opener", "verdict ok"}, test.want...)...)
			if got := len(w.ledger()); got != test.left {
				t.Errorf("Zoom has %d meetings, want %d", got, test.left)
			}
		})
	}
}

// A meeting that Zoom made although its answer was lost is deleted, also if it is found
// after the drill.
func TestDrillLateMeeting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{Only: createOnly, ResetAfterCommit: true})
	w.drill()
	w.wantStages("d1", "open ok", "result ")
	w.faults(zoomsim.Faults{Only: "GET /users/{userId}/meetings", Down: true})
	for range 13 {
		w.work(5 * time.Second)
	}
	if d := w.drilled("d1"); d.Result != incident.LevelBad {
		t.Fatalf("the drill is %v", stages(d))
	}
	w.faults(zoomsim.Faults{})
	for range 30 {
		w.work(time.Minute)
	}
	if left := w.ledger(); len(left) > 0 {
		t.Errorf("Zoom still has %v", left)
	}
}

// A drill goes on where it was when the program stopped.
func TestDrillRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{Only: readOnly, Down: true})
	w.drill()
	w.wantStages("d1", "open ok", "link ok opener", "verdict ok", "result ")
	jobs, err := w.store.ClaimJobs(t.Context(), "a server that dies", w.clock.Now().Add(time.Minute), time.Second, 10)
	w.ok(err)
	if len(jobs) == 0 {
		t.Fatal("no job is left")
	}

	w.faults(zoomsim.Faults{})
	w.service = w.another(w.store)
	w.work(2 * time.Minute)

	w.wantStages("d1", "open ok", "link ok opener", "verdict ok", "delete ok", "event ok", "resolve ok", "result ok")
	if w.creates() != 1 {
		t.Errorf("%d meetings were created, want 1", w.creates())
	}
}

func TestDrillGuards(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wantCode(t, w.service.RunDrill(t.Context(), anaIs, "d1", ""), incident.Forbidden)
	wantFields(t, w.service.RunDrill(t.Context(), admin, "d1", "another"), "runbook")
	w.ok(w.service.RunDrill(t.Context(), admin, "d1", w.runbook.ID))
	wantCode(t, w.service.RunDrill(t.Context(), admin, "d2", ""), incident.Conflict)
	_, err := w.service.SaveDrillPlan(t.Context(), anaIs, incident.DrillPlan{Schedule: incident.DrillsDaily})
	wantCode(t, err, incident.Forbidden)
	_, err = w.service.SaveDrillPlan(t.Context(), admin, incident.DrillPlan{Schedule: "hourly", Hour: 24})
	wantFields(t, err, "schedule", "hour")
}

// A variable that people must fill in does not stop a drill.
func TestDrillVariables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.runbook
	r.Variables = []incident.Variable{{Name: "customer", Label: "Customer", Type: "choice", Required: true, Choices: []string{"a", "b"}}}
	_, _, err := w.service.SaveRunbook(t.Context(), admin, r)
	w.ok(err)
	w.drill()
	if d := w.drilled("d1"); d.Result != incident.LevelOK {
		t.Errorf("the drill is %v", stages(d))
	}
}

func TestDrillSchedule(t *testing.T) {
	t.Parallel()
	day := func(text string) time.Time {
		at, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, test := range []struct {
		name     string
		schedule incident.DrillSchedule
		saved    string
		looks    []string
		want     []string // ids
	}{
		{"off", incident.DrillsOff, "2026-11-30 05:00", []string{"2026-11-30 06:00", "2026-12-01 06:30"}, nil},
		{"daily", incident.DrillsDaily, "2026-11-30 05:00", []string{"2026-11-30 05:59", "2026-11-30 06:00", "2026-11-30 06:30", "2026-11-30 07:00", "2026-12-01 06:10"}, []string{"drill-2026-11-30", "drill-2026-12-01"}},
		{"weekly", incident.DrillsWeekly, "2026-11-28 05:00", []string{"2026-11-28 06:00", "2026-11-29 06:00", "2026-11-30 06:00", "2026-12-01 06:00"}, []string{"drill-2026-11-30"}},
		{"saved in its hour", incident.DrillsDaily, "2026-11-30 06:10", []string{"2026-11-30 06:20"}, nil},
		{"stopped during its hour", incident.DrillsDaily, "2026-11-30 05:00", []string{"2026-11-30 05:10", "2026-12-02 07:00"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.clock.Add(day(test.saved).Sub(w.clock.Now()))
			_, err := w.service.SaveDrillPlan(t.Context(), admin, incident.DrillPlan{Schedule: test.schedule, Hour: 6, Runbook: w.runbook.Name})
			w.ok(err)
			for _, at := range test.looks {
				w.work(day(at).Sub(w.clock.Now()))
				w.work(time.Minute) // for an event that is late
			}
			if diff := cmp.Diff(test.want, w.drillIDs()); diff != "" {
				t.Errorf("drills (-want +got):\n%s", diff)
			}
			for _, id := range test.want {
				w.wantStages(id, "open ok", "link ok backup_user no_opener", "verdict ok", "delete ok", "event ok", "resolve ok", "result ok")
			}
		})
	}
}

func (w *world) drillIDs() (ids []string) {
	w.Helper()
	all, err := w.store.Drills(w.Context(), time.Unix(1, 0), 10)
	w.ok(err)
	for _, d := range all {
		ids = append([]string{d.ID}, ids...)
	}
	return ids
}

// A drill of the schedule uses the runbook of the plan, and fails if that can't be used.
func TestDrillPlanRunbook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := meeting()
	m.Topic = "Another {{ incident.name }}"
	other := w.save(m)
	w.clock.Add(time.Date(2026, 11, 30, 5, 0, 0, 0, time.UTC).Sub(w.clock.Now()))
	_, err := w.service.SaveDrillPlan(t.Context(), admin, incident.DrillPlan{Schedule: incident.DrillsDaily, Hour: 6, Runbook: " " + other.Name})
	w.ok(err)
	w.work(time.Hour)
	w.work(time.Minute)
	if d := w.drilled("drill-2026-11-30"); d.RunbookName != other.Name || d.Result != incident.LevelOK {
		t.Errorf("the drill used %q: %v", d.RunbookName, stages(d))
	}
	other.Name = "Renamed"
	w.runbook, _, err = w.service.SaveRunbook(t.Context(), admin, other)
	w.ok(err)
	w.work(24 * time.Hour)
	w.work(time.Minute)
	if d := w.drilled("drill-2026-12-01"); d.RunbookName != "Renamed" || d.Result != incident.LevelOK {
		t.Errorf("after the runbook was renamed, the drill used %q: %v", d.RunbookName, stages(d))
	}
	w.ok(w.service.SetRunbookDisabled(t.Context(), admin, other.ID, true))
	w.work(24 * time.Hour)
	w.wantStages("drill-2026-12-02", "open bad no_runbook", "result bad")
}

// Of two servers that come to the hour at the same time, one starts the drill.
func TestDrillTwoServers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		w := worldWith(t, s)
		w.clock.Add(time.Date(2026, 11, 30, 5, 0, 0, 0, time.UTC).Sub(w.clock.Now()))
		_, err := w.service.SaveDrillPlan(t.Context(), admin, incident.DrillPlan{Schedule: incident.DrillsDaily, Hour: 6, Runbook: w.runbook.Name})
		w.ok(err)
		w.clock.Add(time.Hour)
		other := w.another(w.store)
		errs := make(chan error)
		for _, service := range []*incident.Service{w.service, other} {
			go func() {
				_, err := service.RunOnce(t.Context())
				errs <- err
			}()
		}
		w.ok(<-errs)
		w.ok(<-errs)
		w.work(time.Minute)
		if ids := w.drillIDs(); !slices.Equal(ids, []string{"drill-2026-11-30"}) || w.creates() != 1 {
			t.Errorf("drills %v with %d meetings", ids, w.creates())
		}
	})
}

func TestSaveDrillPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, err := w.store.DrillPlan(t.Context())
	w.ok(err)
	if p != incident.DefaultDrillPlan {
		t.Errorf("the plan at first is %v", p)
	}
	weekly := incident.DrillPlan{Schedule: incident.DrillsWeekly, Hour: 13}
	_, err = w.service.SaveDrillPlan(t.Context(), admin, weekly)
	if said := fieldsOf(t, err)["runbook"]; !strings.Contains(said, "Choose a runbook, or mark an enabled one as the default") {
		t.Errorf("without a default runbook it says %q, %v", said, err)
	}
	w.runbook.Default = true
	saved, _, err := w.service.SaveRunbook(t.Context(), admin, w.runbook)
	w.ok(err)
	_, err = w.service.SaveDrillPlan(t.Context(), admin, weekly)
	w.ok(err)
	wantEntry(t, w.trail()[0], incident.AuditDrillPlan, "", incident.Change{Field: "schedule", Before: "off", After: "weekly"}, incident.Change{Field: "hour", Before: "6", After: "13"})
	saved.Default = false // the plan that is saved stays
	_, _, err = w.service.SaveRunbook(t.Context(), admin, saved)
	w.ok(err)
	n := len(w.trail())
	changes, err := w.service.SaveDrillPlan(t.Context(), admin, weekly)
	if w.ok(err); len(changes) > 0 || len(w.trail()) > n {
		t.Error("saving the same plan again is a change")
	}
}

// A standby meeting that helped out is deleted like any other, but the drill has failed: no
// host gave a new meeting.
func TestDrillOnStandby(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kept := w.standby(1)[0].Meeting.ID
	w.faults(zoomsim.Faults{Down: true, Only: "POST /users/{userId}/meetings"})
	w.drill()
	w.work(time.Minute)
	w.wantStages("d1", "open ok", "link bad standby zoom:server_error zoom:server_error standby", "verdict ok", "delete ok", "event ok", "resolve ok", "result bad")
	if slices.Contains(w.live(), kept) {
		t.Error("the standby meeting is left over")
	}
}
