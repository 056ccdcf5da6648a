package db_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestOpenIncident(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		b := addRunbook(t, s, "outage")
		n := newIncident(b)
		n.Incident.DedupKey, n.Incident.FormKey = "alert-1", "form-1"
		var got incident.Incident
		changed := topics(t, s, func() {
			var created bool
			var err error
			got, created, err = s.OpenIncident(ctx, n)
			check(t, err)
			if !created {
				t.Error("not created")
			}
		})
		same(t, changed, []string{db.TopicBridges, db.TopicIncidents, db.TopicRunbooks})
		want := n.Incident
		want.Number = 1
		same(t, got, want)

		got, err := s.Incident(ctx, 1)
		check(t, err)
		same(t, got, want)
		runs, err := s.StepRuns(ctx, 1)
		check(t, err)
		n.StepRuns[0].IncidentNumber = 1
		same(t, runs, n.StepRuns)
		run, err := s.StepRun(ctx, n.StepRuns[0].ID)
		check(t, err)
		same(t, run, n.StepRuns[0])
		bridges, err := s.Bridges(ctx, 1)
		check(t, err)
		n.Bridges[0].IncidentNumber = 1
		same(t, bridges, n.Bridges)
		bridge, err := s.BridgeOfStepRun(ctx, run.ID)
		check(t, err)
		same(t, bridge, n.Bridges[0])
		timeline, err := s.Timeline(ctx, 1, 10)
		check(t, err)
		n.Timeline[0].IncidentNumber = 1
		same(t, timeline, n.Timeline)
		jobs, err := s.ClaimJobs(ctx, "w", now, lease, 10)
		check(t, err)
		if len(jobs) != 1 || jobs[0].Subject != run.ID {
			t.Errorf("the jobs are %+v", jobs)
		}
		same(t, actions(t, s), []string{"incident.open"})

		// Opening it again, in each of these ways, returns the first incident
		// and writes nothing.
		for _, change := range []func(*incident.Incident){
			func(i *incident.Incident) { i.DedupKey = "alert-1" },
			func(i *incident.Incident) { i.FormKey = "form-1" },
			func(i *incident.Incident) { i.DedupKey, i.FormKey = "alert-1", "form-1" },
			func(i *incident.Incident) { i.DedupKey, i.FormKey = "alert-2", "form-1" },
		} {
			again := newIncident(b)
			change(&again.Incident)
			got, created, err := s.OpenIncident(ctx, again)
			check(t, err)
			if created {
				t.Fatal("created a second one")
			}
			same(t, got, want)
		}
		same(t, actions(t, s), []string{"incident.open"})

		// The next number follows; none was used up.
		second, _ := openIncident(t, s, b)
		if second.Number != 2 {
			t.Errorf("the second incident is %d", second.Number)
		}

		// Resolving frees the dedup key, but never the form key.
		check(t, s.SetIncidentStatus(ctx, 1, incident.StatusOpen, incident.StatusResolved, after(9), incident.TimelineEntry{ID: id(), At: after(9), Kind: "resolved"}, entry("incident.resolve")))
		next := newIncident(b)
		next.Incident.DedupKey = "alert-1"
		third, created, err := s.OpenIncident(ctx, next)
		check(t, err)
		if !created || third.Number != 3 {
			t.Errorf("created %v, number %d", created, third.Number)
		}
		form := newIncident(b)
		form.Incident.FormKey = "form-1"
		first, created, err := s.OpenIncident(ctx, form)
		check(t, err)
		if created || first.Number != 1 {
			t.Errorf("created %v, number %d", created, first.Number)
		}

		unknown := newIncident(b)
		unknown.Incident.RunbookID = "none"
		_, _, err = s.OpenIncident(ctx, unknown)
		wantCode(t, err, incident.Conflict)
		for _, read := range []func() error{
			func() error { _, err := s.Incident(ctx, 99); return err },
			func() error { _, err := s.StepRun(ctx, "none"); return err },
			func() error { _, err := s.BridgeOfStepRun(ctx, "none"); return err },
			func() error { _, err := s.Bridge(ctx, "none"); return err },
			func() error { _, err := s.Attempt(ctx, "none"); return err },
			func() error { _, err := s.Event(ctx, 99); return err },
		} {
			wantCode(t, read(), incident.NotFound)
		}
	})
}

// Repeated alerts and forms that are sent twice, all at once, open one incident
// and leave no gap in the numbers.
func TestOpenIncidentRace(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		stores := []*db.Store{dbtest.Open(t, cfg), dbtest.Open(t, cfg)}
		b := addRunbook(t, stores[0], "outage")
		var created atomic.Int64
		var mu sync.Mutex
		numbers := map[string]map[int64]bool{}
		var wg sync.WaitGroup
		for n := range 60 {
			wg.Go(func() {
				ni := newIncident(b)
				key := fmt.Sprint(n / 2 % 3)
				if n%2 == 0 {
					key = "alert-" + key
					ni.Incident.DedupKey = key
				} else {
					key = "form-" + key
					ni.Incident.FormKey = key
				}
				i, fresh, err := stores[n%2].OpenIncident(t.Context(), ni)
				if err != nil {
					t.Error(err)
					return
				}
				if fresh {
					created.Add(1)
				}
				mu.Lock()
				defer mu.Unlock()
				if numbers[key] == nil {
					numbers[key] = map[int64]bool{}
				}
				numbers[key][i.Number] = true
			})
		}
		wg.Wait()
		if created.Load() != 6 {
			t.Errorf("%d were created, want 6", created.Load())
		}
		for key, got := range numbers {
			if len(got) != 1 {
				t.Errorf("%s has %d incidents", key, len(got))
			}
			for n := range got {
				if n < 1 || n > 6 {
					t.Errorf("%s has number %d", key, n)
				}
			}
		}
	})
}

func TestSetIncidentStatus(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		b := addRunbook(t, s, "outage")
		n := newIncident(b)
		n.Incident.DedupKey = "alert-1"
		i, _, err := s.OpenIncident(ctx, n)
		check(t, err)
		set := func(number int64, from, to incident.Status, seconds int) error {
			return s.SetIncidentStatus(ctx, number, from, to, after(seconds),
				incident.TimelineEntry{ID: id(), At: after(seconds), Kind: incident.TimelineKind(to)}, entry(incident.AuditAction("incident."+to)))
		}
		wantCode(t, set(99, "open", "resolved", 1), incident.NotFound)
		wantCode(t, set(1, "resolved", "open", 1), incident.Conflict)
		changed := topics(t, s, func() { check(t, set(1, "open", "resolved", 1)) })
		same(t, changed, []string{db.TopicBridges, db.TopicIncident(1), db.TopicIncidents})
		wantCode(t, set(1, "open", "resolved", 2), incident.Conflict)
		got, err := s.Incident(ctx, 1)
		check(t, err)
		i.Status, i.ResolvedAt, i.UpdatedAt, i.ChangedAt = incident.StatusResolved, after(1), after(1), after(1)
		same(t, got, i)

		// It cannot be reopened while another open incident has its key.
		_, created, err := s.OpenIncident(ctx, func() incident.NewIncident {
			n := newIncident(b)
			n.Incident.DedupKey = "alert-1"
			return n
		}())
		check(t, err)
		if !created {
			t.Fatal("the key is not free")
		}
		wantCode(t, set(1, "resolved", "open", 3), incident.Conflict)
		check(t, set(2, "open", "resolved", 4))
		check(t, set(1, "resolved", "open", 5))
		got, err = s.Incident(ctx, 1)
		check(t, err)
		if got.Status != incident.StatusOpen || !got.ResolvedAt.IsZero() {
			t.Errorf("opened again it is %+v", got)
		}

		timeline, err := s.Timeline(ctx, 1, 2)
		check(t, err)
		if len(timeline) != 2 || timeline[0].Kind != "open" || timeline[1].Kind != "resolved" {
			t.Errorf("the timeline is %+v", timeline)
		}
		same(t, actions(t, s), []string{"incident.open", "incident.resolved", "incident.open", "incident.resolved", "incident.open"})
	})
}

func TestTimeline(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		check(t, s.AddTimeline(ctx))
		openIncident(t, s, addRunbook(t, s, "outage"))
		e := incident.TimelineEntry{ID: "event-1", IncidentNumber: 1, BridgeID: "b", At: after(3), Kind: incident.EntryNote, Data: incident.TimelineData{Text: "Something."}, Actor: "ana@example.com"}
		changed := topics(t, s, func() { check(t, s.AddTimeline(ctx, e)) })
		same(t, changed, []string{db.TopicIncident(1)})
		check(t, s.AddTimeline(ctx, e)) // twice is once
		got, err := s.Timeline(ctx, 1, 10)
		check(t, err)
		if len(got) != 2 {
			t.Fatalf("%d entries", len(got))
		}
		same(t, got[0], e)
	})
}

func TestAddNote(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		openIncident(t, s, addRunbook(t, s, "outage"))
		e := incident.TimelineEntry{ID: "note-1", IncidentNumber: 1, At: after(3), Kind: incident.EntryNote, Data: incident.TimelineData{Text: "First.\nSecond."}, Actor: "ana@example.com"}
		add := func(e incident.TimelineEntry) error {
			return s.AddNote(ctx, e, incident.AuditEntry{ID: id(), At: now, Action: incident.AuditIncidentNote, Target: "INC-1"})
		}
		same(t, topics(t, s, func() { check(t, add(e)) }), []string{db.TopicIncident(1)})
		var group sync.WaitGroup
		for n := range 8 { // each of two notes four times at once
			group.Go(func() {
				e := e
				e.ID = fmt.Sprint("note-", 1+n%2)
				if err := add(e); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		same(t, topics(t, s, func() { check(t, add(e)) }), []string(nil)) // nothing changes
		got, err := s.Timeline(ctx, 1, 10)
		check(t, err)
		if len(got) != 3 {
			t.Fatalf("%d entries, want 3: opened and two notes", len(got))
		}
		same(t, got[1], e)
		same(t, actions(t, s), []string{"incident.note", "incident.note", "incident.open"})
		e.ID, e.IncidentNumber = "note-3", 7
		if err := add(e); incident.CodeOf(err) != incident.NotFound {
			t.Errorf("a note on no incident: %v", err)
		}
	})
}

func TestEditIncident(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		openIncident(t, s, addRunbook(t, s, "outage"))
		record := func(kind incident.TimelineKind, id string) incident.Record {
			return incident.Record{
				Entry: incident.TimelineEntry{ID: id, IncidentNumber: 1, At: after(3), Kind: kind, Data: incident.TimelineData{Text: "Østre"}, Actor: "ana@example.com"},
				Audit: entry(incident.AuditIncidentEdit),
			}
		}
		found := func(text string) int {
			n, err := s.CountIncidents(ctx, db.IncidentFilter{Text: text})
			check(t, err)
			return n
		}
		check(t, s.AddNote(ctx, record(incident.EntryNote, "note-1").Entry, entry(incident.AuditIncidentNote)))
		before, err := s.Incident(ctx, 1)
		check(t, err)
		want := before
		want.Name, want.Severity, want.Type, want.Description, want.OpenerEmail, want.OpenerName = "Payments", "SEV4", "other", "Ærlig", "bo@example.com", "Bo"
		want.Vars, want.UpdatedAt, want.SeverityBefore, want.ChangedAt = map[string]string{"customer": "b"}, after(3), before.Severity, after(3)
		edit := func(records ...incident.Record) (incident.Incident, error) {
			return s.EditIncident(ctx, 1, func(i incident.Incident) (incident.IncidentChange, error) {
				i.Name, i.Severity, i.Type, i.Description, i.OpenerEmail, i.OpenerName = want.Name, want.Severity, want.Type, want.Description, want.OpenerEmail, want.OpenerName
				i.Vars, i.UpdatedAt, i.SeverityBefore, i.ChangedAt = want.Vars, want.UpdatedAt, want.SeverityBefore, want.ChangedAt
				return incident.IncidentChange{Incident: i, Records: records}, nil
			})
		}

		// Without a new record, nothing is written.
		same(t, topics(t, s, func() {
			got, err := edit(record(incident.EntryNote, "note-1"))
			check(t, err)
			same(t, got, before)
		}), []string(nil))
		_, err = s.EditIncident(ctx, 1, func(incident.Incident) (incident.IncidentChange, error) {
			return incident.IncidentChange{}, &incident.Error{Code: incident.Conflict, Message: "No."}
		})
		wantCode(t, err, incident.Conflict)
		_, err = s.EditIncident(ctx, 7, nil)
		wantCode(t, err, incident.NotFound)
		got, err := s.Incident(ctx, 1)
		check(t, err)
		same(t, got, before)

		same(t, topics(t, s, func() {
			got, err := edit(record(incident.EntryEdited, "edit"), record(incident.EntryNote, "note-1"), record(incident.EntryNote, "note-2"))
			check(t, err)
			same(t, got, want)
		}), []string{db.TopicBridges, db.TopicIncident(1), db.TopicIncidents})
		got, err = s.Incident(ctx, 1)
		check(t, err)
		same(t, got, want)
		entries, err := s.Timeline(ctx, 1, 10)
		check(t, err)
		if len(entries) != 4 {
			t.Errorf("timeline %+v, want opened, a note, the edit and another note", entries)
		}
		same(t, actions(t, s), []string{"incident.edit", "incident.edit", "incident.note", "incident.open"})
		same(t, []int{found("PAYMENTS ærlig bo@ østre"), found(before.Name), found(before.Description)}, []int{1, 0, 0})

		check(t, s.SetIncidentStatus(ctx, 1, incident.StatusOpen, incident.StatusResolved, after(9), incident.TimelineEntry{ID: id(), At: now}, incident.AuditEntry{}))
		got, err = s.Incident(ctx, 1)
		check(t, err)
		same(t, got.ChangedAt, after(9))
	})
}

func TestIncidents(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		outage, drill := addRunbook(t, s, "outage"), addRunbook(t, s, "drill")
		names := []string{"db down", "100% CPU", "DB slow", "a_b", "Ærlig æøå"}
		for i, name := range names {
			n := newIncident(outage)
			if i == 3 {
				n = newIncident(drill)
				n.Incident.Severity = "SEV3"
			}
			n.Incident.Name, n.Incident.Description, n.Incident.CreatedAt = name, "of customer "+fmt.Sprint(i), after(i)
			_, _, err := s.OpenIncident(ctx, n)
			check(t, err)
		}
		check(t, s.SetIncidentStatus(ctx, 2, incident.StatusOpen, incident.StatusResolved, after(9), incident.TimelineEntry{ID: id(), At: now}, incident.AuditEntry{}))
		check(t, s.AddNote(ctx, incident.TimelineEntry{ID: id(), IncidentNumber: 4, At: now, Kind: incident.EntryNote, Data: incident.TimelineData{Text: "Called “Østre” <b>\nab_c"}}, incident.AuditEntry{ID: id()}))
		for _, tt := range []struct {
			name   string
			filter db.IncidentFilter
			want   []int64
		}{
			{"note", db.IncidentFilter{Text: "called"}, []int64{4}},
			{"note, any case", db.IncidentFilter{Text: "ØSTRE"}, []int64{4}},
			{"note, as it is stored", db.IncidentFilter{Text: "\\u003c"}, nil},
			{"note and name", db.IncidentFilter{Text: "a_b <b>"}, []int64{4}},
			{"name, any case", db.IncidentFilter{Text: "ÆRLIG"}, []int64{5}},
			{"name, decomposed letters", db.IncidentFilter{Text: "a\u030a"}, []int64{5}},
			{"words in any order", db.IncidentFilter{Text: "slow db"}, []int64{3}},
			{"all", db.IncidentFilter{}, []int64{5, 4, 3, 2, 1}},
			{"open", db.IncidentFilter{Status: incident.StatusOpen}, []int64{5, 4, 3, 1}},
			{"resolved", db.IncidentFilter{Status: incident.StatusResolved}, []int64{2}},
			{"severity", db.IncidentFilter{Severity: "SEV3"}, []int64{4}},
			{"runbook", db.IncidentFilter{RunbookID: drill.ID}, []int64{4}},
			{"text, any case", db.IncidentFilter{Text: "Db"}, []int64{3, 1}},
			{"text of the description", db.IncidentFilter{Text: "customer 4"}, []int64{5}},
			{"key", db.IncidentFilter{Text: "inc-4"}, []int64{4}},
			{"text with %", db.IncidentFilter{Text: "0%"}, []int64{2}},
			{"text with _", db.IncidentFilter{Text: "_"}, []int64{4}},
			{"text with quotes", db.IncidentFilter{Text: "' OR 1=1 --"}, nil},
			{"text that is not UTF-8", db.IncidentFilter{Text: "\xff\x00"}, nil},
			{"after", db.IncidentFilter{After: after(3)}, []int64{5, 4}},
			{"before", db.IncidentFilter{Before: after(3)}, []int64{3, 2, 1}},
			{"all at once", db.IncidentFilter{Status: "open", Severity: "SEV1", RunbookID: outage.ID, Text: "d", After: after(1), Before: after(4)}, []int64{3}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				page, err := s.Incidents(ctx, tt.filter, "", 0)
				check(t, err)
				var got []int64
				for _, row := range page.Items {
					got = append(got, row.Number)
				}
				same(t, got, tt.want)
			})
		}

		// Pages of the list, and the newest bridge of each incident.
		page, err := s.Incidents(ctx, db.IncidentFilter{}, "", 2)
		check(t, err)
		if len(page.Items) != 2 || page.Next == "" {
			t.Fatalf("the first page is %+v", page)
		}
		page, err = s.Incidents(ctx, db.IncidentFilter{}, page.Next, 3)
		check(t, err)
		if len(page.Items) != 3 || page.Next != "" {
			t.Fatalf("the last page is %+v", page)
		}
		first := page.Items[2]
		bridges, err := s.Bridges(ctx, 1)
		check(t, err)
		same(t, *first.Bridge, bridges[0])
		run := incident.StepRun{ID: id(), Step: outage.Steps[1], State: incident.StepWaiting}
		n := newIncident(outage)
		second := n.Bridges[0]
		second.ID, second.StepRunID, second.CreatedAt = id(), run.ID, after(1)
		n.StepRuns, n.Bridges = append(n.StepRuns, run), append(n.Bridges, second)
		_, _, err = s.OpenIncident(ctx, n)
		check(t, err)
		page, err = s.Incidents(ctx, db.IncidentFilter{}, "", 1)
		check(t, err)
		if page.Items[0].Bridge == nil || page.Items[0].Bridge.ID != second.ID {
			t.Errorf("the newest bridge is %+v", page.Items[0].Bridge)
		}
	})
}

// Steps of past incidents are stored as this text. A field that is renamed in
// Go must still be readable.
func TestStoredStep(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		s := dbtest.Open(t, cfg)
		_, b := openIncident(t, s, addRunbook(t, s, "outage"))
		_, err := raw(t, cfg).Exec(`UPDATE step_runs SET step = '{"ID":"s1","Kind":"create_meeting","ExecuteAutomatically":true,` +
			`"Meeting":{"topic":"T","agenda":"A","recording":"cloud","duration_minutes":45,"host":"always_backup","waiting_room":true,"join_before_host":true,"alternative_hosts":["a@example.com"]},` +
			`"conditions":"","schedule":""}'`)
		check(t, err)
		run, err := s.StepRun(t.Context(), b.StepRunID)
		check(t, err)
		same(t, run.Step, incident.Step{ID: "s1", Kind: "create_meeting", ExecuteAutomatically: true,
			Meeting: incident.MeetingTemplate{Topic: "T", Agenda: "A", Recording: "cloud", DurationMinutes: 45, Host: incident.HostBackup,
				WaitingRoom: true, JoinBeforeHost: true, AlternativeHosts: []string{"a@example.com"}}})
	})
}
