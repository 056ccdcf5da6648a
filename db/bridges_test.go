package db_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

func TestChangeBridge(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		_, b := openIncident(t, s, addRunbook(t, s, "outage"))
		run, err := s.StepRun(ctx, b.StepRunID)
		check(t, err)

		// new → creating with an attempt.
		attempt := incident.Attempt{ID: id(), BridgeID: b.ID, Rung: incident.RungOpener, HostEmail: "ana@example.com", State: incident.AttemptCalling, StartedAt: now}
		b.State, b.Rung, b.UpdatedAt = incident.BridgeCreating, incident.RungOpener, after(1)
		run.State, run.StartedAt = incident.StepRunning, after(1)
		changed := topics(t, s, func() {
			check(t, s.ChangeBridge(ctx, incident.BridgeChange{
				Bridge: b, From: []incident.BridgeState{incident.BridgeNew}, Attempt: &attempt,
				StepRun: &run, StepRunFrom: []incident.StepState{incident.StepScheduled},
			}))
		})
		same(t, changed, []string{db.TopicBridges, db.TopicIncident(1), db.TopicIncidents})

		// creating → ready with everything.
		ready := b
		ready.State, ready.Kind, ready.Rung = incident.BridgeReady, incident.KindMeeting, incident.RungBackup
		ready.Asked.Topic = "asked"
		ready.MeetingID, ready.MeetingUUID, ready.PMI = "87685621847", "uuid==", "123"
		ready.Topic, ready.Agenda, ready.Recording = "INC-1 db down", "agenda", "cloud"
		ready.JoinURL, ready.Passcode, ready.HostEmail, ready.UsedBackupUser = "https://zoom.us/j/1", "7Yx4Qp", "oncall@example.com", true
		ready.DialIn = []incident.DialIn{{Country: "NO", Number: "+47 21 00 00 00", Type: "toll"}}
		ready.Findings = []incident.Finding{{Code: incident.FoundOtherRecording, Topic: incident.TopicMeeting, Level: incident.LevelWarning, Value: "none", Asked: "cloud"}}
		ready.Reasons = []incident.Reason{{Code: incident.ReasonZoom, Host: "ana@example.com", Zoom: &zoom.Problem{Code: zoom.ProblemNoSuchUser}}}
		ready.ReadyAt, ready.UpdatedAt = after(2), after(2)
		ready.LinkName, ready.LinkChangedAt = "War room", after(2)
		done := run
		done.State, done.Reason, done.FinishedAt = incident.StepDone, incident.Reason{}, after(2)
		finished := attempt
		finished.State, finished.MeetingID, finished.Code, finished.Reason, finished.FinishedAt = incident.AttemptDone, "87685621847", 0, incident.Reason{}, after(2)
		change := incident.BridgeChange{
			Bridge: ready, From: []incident.BridgeState{incident.BridgeCreating, incident.BridgeUnknown},
			Attempt: &finished, AttemptFrom: incident.AttemptCalling,
			StepRun: &done, StepRunFrom: []incident.StepState{incident.StepRunning},
			Timeline: []incident.TimelineEntry{{ID: id(), IncidentNumber: 1, BridgeID: b.ID, At: after(2), Kind: incident.EntryBridgeReady, Data: incident.TimelineData{Host: "oncall@example.com"}}},
			Jobs:     []incident.Job{{ID: id(), Kind: incident.JobDiscard, Subject: attempt.ID, State: incident.JobQueued, RunAt: after(2), CreatedAt: after(2)}},
			Audit:    entry("bridge.ready"),
		}

		// Each of the three conditions prevents the whole change.
		for name, spoil := range map[string]func(*incident.BridgeChange){
			"bridge":        func(c *incident.BridgeChange) { c.From = []incident.BridgeState{incident.BridgeNew} },
			"other link":    func(c *incident.BridgeChange) { c.FromLink = "https://zoom.us/j/2" },
			"no state":      func(c *incident.BridgeChange) { c.StepRunFrom = nil },
			"other bridge":  func(c *incident.BridgeChange) { c.Bridge.ID = "none" },
			"attempt":       func(c *incident.BridgeChange) { c.AttemptFrom = incident.AttemptUnknown },
			"step run":      func(c *incident.BridgeChange) { c.StepRunFrom = []incident.StepState{incident.StepWaiting} },
			"attempt twice": func(c *incident.BridgeChange) { c.AttemptFrom = "" },
		} {
			spoiled := change
			spoil(&spoiled)
			if err := s.ChangeBridge(ctx, spoiled); incident.CodeOf(err) != incident.Conflict {
				t.Errorf("%s: %v", name, err)
			}
			got, err := s.Bridge(ctx, b.ID)
			check(t, err)
			same(t, got, b)
			gotRun, err := s.StepRun(ctx, run.ID)
			check(t, err)
			same(t, gotRun, run)
			gotAttempt, err := s.Attempt(ctx, attempt.ID)
			check(t, err)
			same(t, gotAttempt, attempt)
		}
		same(t, actions(t, s), []string{"incident.open"})

		check(t, s.ChangeBridge(ctx, change))
		got, err := s.Bridge(ctx, b.ID)
		check(t, err)
		ready.AskAt = ready.FirstAsk()
		same(t, got, ready)
		gotRun, err := s.StepRun(ctx, run.ID)
		check(t, err)
		same(t, gotRun, done)
		attempts, err := s.Attempts(ctx, b.ID)
		check(t, err)
		same(t, attempts, []incident.Attempt{finished})
		timeline, err := s.Timeline(ctx, 1, 1)
		check(t, err)
		same(t, timeline, change.Timeline)
		jobs, err := s.ClaimJobs(ctx, "w", after(2), lease, 10)
		check(t, err)
		if len(jobs) != 2 || jobs[1].Subject != attempt.ID {
			t.Errorf("the jobs are %+v", jobs)
		}
		same(t, actions(t, s), []string{"bridge.ready", "incident.open"})

		// The bridge of a step that a person runs is inserted.
		n := newIncident(addRunbook(t, s, "by hand"))
		n.Bridges, n.Jobs, n.StepRuns[0].State = nil, nil, incident.StepWaiting
		i, _, err := s.OpenIncident(ctx, n)
		check(t, err)
		fresh := incident.Bridge{ID: id(), IncidentNumber: i.Number, StepRunID: n.StepRuns[0].ID, Kind: incident.KindMeeting, State: incident.BridgeNew, CreatedAt: now, UpdatedAt: now}
		insert := incident.BridgeChange{Bridge: fresh, Insert: true, StepRun: &n.StepRuns[0], StepRunFrom: []incident.StepState{incident.StepWaiting}}
		check(t, s.ChangeBridge(ctx, insert))
		insert.Bridge.ID = id()
		wantCode(t, s.ChangeBridge(ctx, insert), incident.Conflict) // the step has one
	})
}

// If two callers make the same transition at once, only one succeeds.
func TestChangeBridgeRace(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		_, b := openIncident(t, s, addRunbook(t, s, "outage"))
		states := []incident.BridgeState{incident.BridgeNew, incident.BridgeCreating, incident.BridgeUnknown, incident.BridgeReady, incident.BridgeFailed}
		for step := 1; step < len(states); step++ {
			var done atomic.Int64
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					next := b
					next.State = states[step]
					switch err := s.ChangeBridge(t.Context(), incident.BridgeChange{Bridge: next, From: states[step-1 : step]}); incident.CodeOf(err) {
					case "":
						done.Add(1)
					case incident.Conflict:
					default:
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if done.Load() != 1 {
				t.Fatalf("%d made the step to %s", done.Load(), states[step])
			}
		}
	})
}

// A change of state keeps what events said about a bridge, even if the caller
// read the bridge before those events.
func TestChangeBridgeKeepsEvents(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		_, b := openIncident(t, s, addRunbook(t, s, "outage"))
		b = readyBridge(t, s, b, "1")
		addRead(t, s, 5, incident.Reading{Event: "meeting.participant_joined", BridgeID: b.ID,
			Instance: &incident.Instance{UUID: "u", StartedAt: after(4)}, Presence: &incident.Presence{UUID: "u", SessionID: "1", Person: "p", JoinedAt: after(5)},
			Recordings: []incident.RecordingLink{{URL: "https://zoom.us/rec/1", Type: "mp4", Start: now, End: after(1)}}})
		b.Passcode, b.State = "changed", incident.BridgeLive // read before the event
		check(t, s.ChangeBridge(t.Context(), incident.BridgeChange{Bridge: b, From: []incident.BridgeState{incident.BridgeReady, incident.BridgeLive}}))
		got, err := s.Bridge(t.Context(), b.ID)
		check(t, err)
		if got.Passcode != "changed" || got.Inside != 1 || got.InsideMost != 1 || len(got.Recordings) != 1 || !got.StartedAt.Equal(after(4)) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestBridgeForMeeting(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		runbook := addRunbook(t, s, "outage")
		open := func(seconds int, meetingID, pmi string) incident.Bridge {
			n := newIncident(runbook)
			n.Bridges[0].CreatedAt = after(seconds)
			i, _, err := s.OpenIncident(ctx, n)
			check(t, err)
			b := n.Bridges[0]
			b.IncidentNumber, b.PMI = i.Number, pmi
			return readyBridge(t, s, b, meetingID)
		}
		one := open(0, "111", "")
		two := open(1000, "111", "") // the same id, later
		three := open(2000, "333", "999")
		addRead(t, s, 3000, incident.Reading{Event: "meeting.started", BridgeID: one.ID, Instance: &incident.Instance{UUID: "instance-of-one", StartedAt: after(1)}})

		for _, tt := range []struct {
			name, uuid, meeting string
			at                  time.Time
			want                string
		}{
			{"unknown meeting", "x", "y", after(9000), ""},
			{"no uuid and no id", "", "", after(9000), ""},
			{"uuid of an instance", "instance-of-one", "", time.Time{}, one.ID},
			{"uuid has priority over the id", "instance-of-one", "333", after(9000), one.ID},
			{"uuid of the created meeting", "uuid-333", "", time.Time{}, three.ID},
			{"id, the newest", "x", "111", after(9000), two.ID},
			{"id, before the newest was created", "x", "111", after(939), one.ID},
			{"id, a minute of grace", "x", "111", after(940), two.ID},
			{"id, no time", "", "111", time.Time{}, two.ID},
			{"id, long ago", "", "111", after(-61), ""},
			{"personal meeting id", "x", "999", after(9000), three.ID},
		} {
			t.Run(tt.name, func(t *testing.T) {
				got, number, err := s.BridgeForMeeting(ctx, tt.uuid, tt.meeting, tt.at)
				check(t, err)
				if got != tt.want || (number == 0) != (tt.want == "") {
					t.Errorf("got %s of incident %d, want %s", got, number, tt.want)
				}
			})
		}

		for _, tt := range []struct{ meeting, except, want string }{
			{"111", "", two.ID}, {"111", two.ID, ""}, {"333", one.ID, three.ID}, {"none", "", ""},
		} {
			got, err := s.OpenBridgeWithMeeting(ctx, tt.meeting, tt.except)
			check(t, err)
			want := tt.want
			if tt.meeting == "111" && tt.except == two.ID {
				want = one.ID // live
			}
			if got != want {
				t.Errorf("meeting %s but %s: got %s, want %s", tt.meeting, tt.except, got, want)
			}
		}
		two.State = incident.BridgeFailed
		check(t, s.ChangeBridge(ctx, incident.BridgeChange{Bridge: two, From: []incident.BridgeState{incident.BridgeReady}}))
		if got, err := s.OpenBridgeWithMeeting(ctx, "111", one.ID); got != "" || err != nil {
			t.Errorf("a failed bridge is found: %s, %v", got, err)
		}
	})
}

func TestBridgeRows(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		runbook := addRunbook(t, s, "outage")
		var ids []string
		for i := range 5 {
			n := newIncident(runbook)
			n.Incident.Name = fmt.Sprint("incident ", i+1)
			b := &n.Bridges[0]
			b.CreatedAt, b.HostEmail = after(i/2), "ana@example.com" // two in one moment
			switch i {
			case 0:
				b.State, b.ReadyAt = incident.BridgeReady, b.CreatedAt.Add(time.Second)
			case 1:
				b.State = incident.BridgeFailed
			case 2:
				b.UsedBackupUser, b.HostEmail = true, "oncall@example.com"
				b.Kind, b.ReadyAt = incident.KindStatic, b.CreatedAt.Add(time.Hour) // nobody can say who came
			case 3:
				b.State, b.ReadyAt = incident.BridgeReady, b.CreatedAt.Add(3*time.Second)
				b.Findings = []incident.Finding{{Level: incident.LevelWarning}, {Level: incident.LevelBad}, {Level: incident.LevelWarning}}
			case 4:
				b.State, b.ReadyAt = incident.BridgeReady, b.CreatedAt.Add(2*time.Second)
				b.Findings = []incident.Finding{{Level: incident.LevelWarning}}
			}
			_, _, err := s.OpenIncident(ctx, n)
			check(t, err)
			ids = append([]string{b.ID}, ids...)
		}
		count, err := s.CountCalls(ctx)
		check(t, err)
		if count != 0 {
			t.Errorf("%d are live", count)
		}
		addRead(t, s, 9, incident.Reading{Event: "meeting.started", BridgeID: ids[0], Instance: &incident.Instance{UUID: "u", StartedAt: after(8)}})
		count, err = s.CountCalls(ctx)
		check(t, err)
		if count != 0 {
			t.Errorf("%d calls have people, and nobody joined", count)
		}
		page, err := s.BridgeRows(ctx, db.BridgeFilter{State: "live", HasPeople: true}, "", 0)
		check(t, err)
		if len(page.Items) != 0 {
			t.Errorf("the log has %d calls with people, and nobody joined", len(page.Items))
		}
		addRead(t, s, 10, incident.Reading{Event: "meeting.participant_joined", BridgeID: ids[0], Instance: &incident.Instance{UUID: "u", StartedAt: after(8)},
			Presence: &incident.Presence{UUID: "u", SessionID: "s", Person: "p", Name: "Ana", JoinedAt: after(9)}})
		count, err = s.CountCalls(ctx)
		check(t, err)
		if count != 1 {
			t.Errorf("%d calls have people, want 1", count)
		}

		t.Run("incidents that need a person", func(t *testing.T) {
			all, err := s.Incidents(ctx, db.IncidentFilter{}, "", 0)
			check(t, err)
			var want, got []int64
			for _, row := range all.Items {
				if row.Bridge.NeedsPerson() {
					want = append(want, row.Number)
				}
			}
			needy, err := s.Incidents(ctx, db.IncidentFilter{NeedPerson: true}, "", 0)
			check(t, err)
			for _, row := range needy.Items {
				got = append(got, row.Number)
			}
			same(t, got, want)
			same(t, len(got) > 0 && len(got) < 5, true)
		})
		for _, tt := range []struct {
			name   string
			filter db.BridgeFilter
			want   []int64
		}{
			{"all", db.BridgeFilter{}, []int64{5, 4, 3, 2, 1}},
			{"live", db.BridgeFilter{State: "live"}, []int64{5}},
			{"live, with people", db.BridgeFilter{State: "live", HasPeople: true}, []int64{5}},
			{"attention", db.BridgeFilter{State: "attention"}, []int64{5, 4, 2, 1}}, // the host of 1 runs another call
			{"backup", db.BridgeFilter{State: "backup"}, []int64{3}},
			{"nobody came, in the time that people have", db.BridgeFilter{State: "nobody", Waited: after(1)}, []int64{1}},
			{"nobody came, later", db.BridgeFilter{State: "nobody", Waited: after(9)}, []int64{4, 1}},
			{"nobody of nobody", db.BridgeFilter{State: "nobody", Waited: after(9), Host: "oncall@example.com"}, nil},
			{"host", db.BridgeFilter{Host: "oncall@example.com"}, []int64{3}},
			{"incident", db.BridgeFilter{IncidentNumber: 2}, []int64{2}},
			{"after", db.BridgeFilter{After: after(1)}, []int64{5, 4, 3}},
			{"before", db.BridgeFilter{Before: after(1)}, []int64{2, 1}},
			{"all at once", db.BridgeFilter{State: "backup", Host: "oncall@example.com", IncidentNumber: 3, After: now, Before: after(2)}, []int64{3}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				page, err := s.BridgeRows(ctx, tt.filter, "", 0)
				check(t, err)
				var got []int64
				for _, row := range page.Items {
					got = append(got, row.IncidentNumber)
					if row.IncidentName != fmt.Sprint("incident ", row.IncidentNumber) || row.IncidentStatus != "open" || row.Severity != "SEV1" {
						t.Errorf("got %+v", row)
					}
				}
				same(t, got, tt.want)
			})
		}
		t.Run("attention is not needed when the incident is resolved", func(t *testing.T) {
			check(t, s.SetIncidentStatus(ctx, 4, incident.StatusOpen, incident.StatusResolved, now, incident.TimelineEntry{ID: "resolved", IncidentNumber: 4, At: now}, incident.AuditEntry{}))
			page, err := s.BridgeRows(ctx, db.BridgeFilter{State: "attention"}, "", 0)
			check(t, err)
			if len(page.Items) != 3 || page.Items[1].IncidentNumber != 2 {
				t.Errorf("got %+v, want the bridges of incidents 5, 2 and 1", page.Items)
			}
		})
		t.Run("nobody comes any more when the incident is resolved", func(t *testing.T) {
			page, err := s.BridgeRows(ctx, db.BridgeFilter{State: "nobody"}, "", 0)
			check(t, err)
			if len(page.Items) != 1 || page.Items[0].IncidentNumber != 4 {
				t.Errorf("got %+v, want the bridge of incident 4", page.Items)
			}
		})
		t.Run("times", func(t *testing.T) {
			times, more, err := s.BridgeTimes(ctx, db.BridgeFilter{}, 3)
			check(t, err)
			same(t, times, []db.BridgeTime{
				{CreatedAt: after(2), ReadyAt: after(2).Add(2 * time.Second)},
				{CreatedAt: after(1), ReadyAt: after(1).Add(3 * time.Second)},
				{CreatedAt: after(1), UsedBackupUser: true},
			})
			if !more {
				t.Error("there are two more")
			}
			times, more, err = s.BridgeTimes(ctx, db.BridgeFilter{State: "nobody", Waited: after(9)}, 2)
			check(t, err)
			if len(times) != 2 || more {
				t.Errorf("got %v and more: %v, want the two bridges of the filter", times, more)
			}
		})
		var got []string
		cursor := ""
		for {
			page, err := s.BridgeRows(ctx, db.BridgeFilter{}, cursor, 2)
			check(t, err)
			for _, row := range page.Items {
				got = append(got, row.ID)
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		same(t, got, ids)
	})
}

func TestPageReads(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		runbook := addRunbook(t, s, "outage")
		_, one := openIncident(t, s, runbook)
		_, two := openIncident(t, s, runbook)
		readyBridge(t, s, one, "111")
		two.HostEmail = "ana@example.com"
		check(t, s.SetIncidentStatus(ctx, 2, incident.StatusOpen, incident.StatusResolved, now, incident.TimelineEntry{ID: id(), At: now}, incident.AuditEntry{}))
		open, err := s.CountIncidents(ctx, db.IncidentFilter{Status: incident.StatusOpen})
		check(t, err)
		if open != 1 {
			t.Errorf("%d are open", open)
		}
		hosts, err := s.BridgeHosts(ctx)
		check(t, err)
		same(t, hosts, []string{"ana@example.com"})

		types, err := s.EventTypes(ctx)
		check(t, err)
		same(t, types, []string{})
		stay := incident.Presence{UUID: "u", SessionID: "1", Person: "p", Name: "Ana", JoinedAt: after(2)}
		gone := incident.Presence{UUID: "u", SessionID: "2", Person: "q", Name: "Bo", JoinedAt: after(1), LeftAt: after(3)}
		for n, p := range []incident.Presence{stay, gone} {
			addRead(t, s, n, incident.Reading{Event: "meeting.participant_joined", BridgeID: one.ID, Instance: &incident.Instance{UUID: "u", StartedAt: now}, Presence: &p})
		}
		addRead(t, s, 5, incident.Reading{Event: "meeting.alert"})
		addEvent(t, s, 6, "new")
		inside, _, err := s.People(ctx, one.ID)
		check(t, err)
		same(t, inside, []incident.Presence{stay})
		types, err = s.EventTypes(ctx)
		check(t, err)
		same(t, types, []string{"meeting.alert", "meeting.participant_joined"})
	})
}

func TestStaticUses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		r := addRunbook(t, s, "outage")
		var want []incident.StaticUse
		for n, change := range []func(*incident.Bridge){
			func(b *incident.Bridge) {},
			func(b *incident.Bridge) { b.Kind = incident.KindMeeting },
			func(b *incident.Bridge) { b.State = incident.BridgeFailed },
			func(b *incident.Bridge) {},
			func(b *incident.Bridge) {}, // resolved
		} {
			i, b := openIncident(t, s, r)
			b.Kind, b.State, b.JoinURL, b.ReadyAt = incident.KindStatic, incident.BridgeReady, fmt.Sprint("https://meet.example.com/", n), after(n)
			change(&b)
			check(t, s.ChangeBridge(ctx, incident.BridgeChange{Bridge: b, From: []incident.BridgeState{incident.BridgeNew}}))
			if n == 0 || n == 3 {
				want = append(want, incident.StaticUse{URL: b.JoinURL, BridgeID: b.ID, IncidentNumber: i.Number})
			}
		}
		check(t, s.SetIncidentStatus(ctx, 5, incident.StatusOpen, incident.StatusResolved, after(9), incident.TimelineEntry{ID: id(), At: after(9), Kind: incident.EntryResolved}, incident.AuditEntry{}))
		uses, err := s.StaticUses(ctx)
		check(t, err)
		same(t, uses, want)
		page, err := s.BridgeRows(ctx, db.BridgeFilter{State: "static"}, "", 10)
		check(t, err)
		if len(page.Items) != 4 {
			t.Errorf("%d static bridges, want 4", len(page.Items))
		}
	})
}
