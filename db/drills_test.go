package db_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestDrills(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		job := func(d incident.Drill) incident.Job {
			return incident.Job{ID: id(), Kind: incident.JobDrill, Subject: d.ID, State: incident.JobQueued, RunAt: d.StartedAt, CreatedAt: d.StartedAt}
		}
		insert := func(d incident.Drill) (bool, error) {
			return s.InsertDrill(ctx, d, job(d), entry(incident.AuditDrillRun))
		}
		a := incident.Drill{ID: "drill-2026-11-30", RunbookID: id(), RunbookName: "Outage", StartedAt: now}
		changed := topics(t, s, func() {
			started, err := insert(a)
			check(t, err)
			same(t, started, true)
		})
		same(t, changed, []string{db.TopicDrills})
		started, err := insert(a)
		check(t, err)
		same(t, started, false)
		b := incident.Drill{ID: id(), RunbookID: id(), RunbookName: "Outage", StartedAt: after(60), StartedBy: "ana@example.com"}
		_, err = insert(b)
		wantCode(t, err, incident.Conflict)
		_, found, err := s.LastDrill(ctx)
		check(t, err)
		same(t, found, false)

		a.IncidentNumber, a.FinishedAt, a.Result = 7, after(5), incident.LevelBad
		a.Stages = []incident.DrillStage{{Code: incident.DrillLink, Level: incident.LevelBad, At: after(1), Took: 1500 * time.Millisecond, Reasons: []incident.Reason{{Code: incident.ReasonNobodyHosts}}}}
		check(t, s.UpdateDrill(ctx, a))
		wantCode(t, s.UpdateDrill(ctx, a), incident.Conflict)
		started, err = insert(b)
		check(t, err)
		same(t, started, true)

		got, err := s.Drill(ctx, a.ID)
		check(t, err)
		same(t, got, a)
		got, _, err = s.LastDrill(ctx)
		check(t, err)
		same(t, got, a)
		all, err := s.Drills(ctx, now, 10)
		check(t, err)
		same(t, all, []incident.Drill{b, a})
		all, err = s.Drills(ctx, after(1), 10)
		check(t, err)
		same(t, all, []incident.Drill{b})
		jobs, err := s.ClaimJobs(ctx, "w", after(100), time.Minute, 10)
		check(t, err)
		same(t, len(jobs), 2)
		same(t, actions(t, s), []string{"drill.run", "drill.run"})
	})
}

// Of drills that start at once on several servers, one runs.
func TestDrillRace(t *testing.T) {
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		servers := []*db.Store{dbtest.Open(t, cfg)}
		if cfg.DatabaseURL != "" {
			servers = append(servers, dbtest.Open(t, cfg))
		}
		var started atomic.Int32
		var wg sync.WaitGroup
		for n := range 8 {
			wg.Go(func() {
				d := incident.Drill{ID: id(), StartedAt: now}
				ok, err := servers[n%len(servers)].InsertDrill(t.Context(), d, incident.Job{ID: id(), Kind: incident.JobDrill, Subject: d.ID, State: incident.JobQueued, RunAt: now, CreatedAt: now}, incident.AuditEntry{})
				if ok {
					started.Add(1)
				} else if incident.CodeOf(err) != incident.Conflict {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		same(t, int(started.Load()), 1)
	})
}

func TestDrillPlan(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		for _, p := range []incident.DrillPlan{{Schedule: incident.DrillsDaily, Hour: 3, SavedAt: now}, {Schedule: incident.DrillsOff, Hour: 23, SavedAt: after(1)}} {
			check(t, s.SaveDrillPlan(ctx, p, entry(incident.AuditDrillPlan)))
			got, err := s.DrillPlan(ctx)
			check(t, err)
			same(t, got, p)
		}
	})
}

func TestFirstEventOf(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		for n, meeting := range []string{"111", "222", "111", "333"} {
			addRead(t, s, 10*n, incident.Reading{State: incident.EventRead, Event: "meeting.created", MeetingID: meeting})
		}
		for _, test := range []struct {
			name string
			ids  []string
			from time.Time
			want time.Time
		}{
			{"the first", []string{"111"}, now, now},
			{"from a time on", []string{"111"}, after(1), after(20)},
			{"of several meetings", []string{"333", "222"}, now, after(10)},
			{"none", []string{"444"}, now, time.Time{}},
		} {
			t.Run(test.name, func(t *testing.T) {
				sent, received, err := s.FirstEventOf(t.Context(), test.ids, test.from)
				check(t, err)
				same(t, []time.Time{sent, received}, []time.Time{test.want, test.want})
			})
		}
	})
}

// Drills are in the lists, and in no count of what people handle.
func TestNoDrills(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		book := addRunbook(t, s, "outage")
		openIncident(t, s, book)
		drill := newIncident(book)
		drill.Incident.Source = incident.SourceDrill
		_, _, err := s.OpenIncident(ctx, drill)
		check(t, err)

		for _, test := range []struct {
			no   bool
			want int
		}{{false, 2}, {true, 1}} {
			n, err := s.CountIncidents(ctx, db.IncidentFilter{NoDrills: test.no})
			check(t, err)
			times, _, err := s.BridgeTimes(ctx, db.BridgeFilter{NoDrills: test.no}, 10)
			check(t, err)
			rows, err := s.BridgeRows(ctx, db.BridgeFilter{NoDrills: test.no}, "", 10)
			check(t, err)
			same(t, []int{n, len(times), len(rows.Items)}, []int{test.want, test.want, test.want})
			same(t, rows.Items[0].Drill, !test.no)
		}
	})
}
