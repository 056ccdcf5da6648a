package db_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestSweep(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		none, err := s.Sweep(ctx)
		check(t, err)
		same(t, none, incident.Sweep{})
		start := func(w incident.Sweep, idle, stuck time.Time) error {
			job := incident.Job{ID: id(), Kind: incident.JobSweep, State: incident.JobQueued, RunAt: w.StartedAt, CreatedAt: w.StartedAt}
			return s.StartSweep(ctx, w, idle, stuck, after(0), job, entry(incident.AuditSweepRun))
		}
		a := incident.Sweep{StartedAt: now}
		changed := topics(t, s, func() { check(t, start(a, after(-60), after(-60))) })
		same(t, changed, []string{db.TopicLeftovers})
		wantCode(t, start(incident.Sweep{StartedAt: after(10)}, after(10), after(-60)), incident.Conflict) // it runs

		a.FinishedAt, a.Hosts = after(5), []incident.SweptHost{{Email: "ana@example.com", Reason: incident.Reason{Code: incident.ReasonZoomSilent}}, {Email: "bo@example.com"}}
		check(t, s.UpdateSweep(ctx, a))
		got, err := s.Sweep(ctx)
		check(t, err)
		same(t, got, a)

		old := incident.Leftover{MeetingID: "1", HostEmail: "ana@example.com", Topic: "down", Why: incident.LeftStandby, Outcome: incident.LeftoverDeleted, CreatedAt: now, LookedAt: after(-1)}
		kept := incident.Leftover{MeetingID: "87685621847", HostEmail: "ana@example.com", Topic: "down", Why: incident.LeftTwin, IncidentNumber: 7, BridgeID: id(), Outcome: incident.LeftoverKept, Kept: incident.KeptUnsaid,
			Reason: incident.Reason{Code: incident.ReasonZoomSilent}, CreatedAt: after(1), LookedAt: after(2)}
		check(t, s.SaveLeftover(ctx, old))
		check(t, s.SaveLeftover(ctx, incident.Leftover{MeetingID: kept.MeetingID, CreatedAt: now, LookedAt: now}))
		check(t, s.SaveLeftover(ctx, kept))
		list, err := s.Leftovers(ctx)
		check(t, err)
		same(t, list, []incident.Leftover{kept, old})

		wantCode(t, start(incident.Sweep{StartedAt: after(10)}, after(-60), after(-60)), incident.Conflict) // the last one is new enough
		check(t, start(incident.Sweep{StartedAt: after(10)}, after(0), after(-60)))
		check(t, s.UpdateSweep(ctx, a)) // it is no longer the last one
		check(t, start(incident.Sweep{StartedAt: after(20)}, after(10), after(10)))
		got, err = s.Sweep(ctx)
		check(t, err)
		same(t, got, incident.Sweep{StartedAt: after(20)})
		list, err = s.Leftovers(ctx)
		check(t, err)
		same(t, list, []incident.Leftover{kept})
		check(t, s.DeleteLeftover(ctx, kept.MeetingID))
		list, err = s.Leftovers(ctx)
		check(t, err)
		same(t, list, []incident.Leftover(nil))
	})
}

func TestMeetingHosts(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		check(t, s.SaveStandby(t.Context(), incident.Standby{ID: id(), HostEmail: "oncall@example.com", State: incident.StandbyGone, CreatedAt: now}, ""))
		_, b := openIncident(t, s, addRunbook(t, s, "outage"))
		for n, host := range []string{"ana@example.com", "ana@example.com", "bo@example.com"} {
			a := incident.Attempt{ID: id(), BridgeID: b.ID, Rung: incident.RungOpener, HostEmail: host, State: incident.AttemptCalling, StartedAt: after(-n)}
			check(t, s.ChangeBridge(t.Context(), incident.BridgeChange{Bridge: b, From: []incident.BridgeState{b.State}, Attempt: &a}))
		}
		for _, l := range []incident.Leftover{
			{MeetingID: "1", HostEmail: "cy@example.com", Outcome: incident.LeftoverKept, CreatedAt: now, LookedAt: now},
			{MeetingID: "2", HostEmail: "di@example.com", Outcome: incident.LeftoverDeleted, CreatedAt: now, LookedAt: now},
		} {
			check(t, s.SaveLeftover(t.Context(), l))
		}
		hosts, err := s.MeetingHosts(t.Context(), after(-1))
		check(t, err)
		same(t, hosts, []string{"ana@example.com", "cy@example.com", "oncall@example.com"})
		all, err := s.AllStandbys(t.Context())
		check(t, err)
		same(t, len(all), 1)
	})
}

func TestEventsOf(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		for n, event := range []string{"meeting.started", "meeting.created", "meeting.started"} {
			addRead(t, s, n, incident.Reading{State: incident.EventRead, Event: event, MeetingID: "111"})
		}
		addRead(t, s, 4, incident.Reading{State: incident.EventRead, Event: "meeting.ended", MeetingID: "222"})
		names, err := s.EventsOf(t.Context(), "111")
		check(t, err)
		same(t, names, []string{"meeting.created", "meeting.started"})
	})
}

// An event that is not read, or can't be, may be about the meeting that its body names.
func TestUnreadAbout(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		about := func(state incident.EventState, id string, since time.Time) bool {
			t.Helper()
			named, err := s.UnreadAbout(t.Context(), state, id, since)
			check(t, err)
			return named
		}
		addRead(t, s, 1, incident.Reading{State: incident.EventRead, Event: "meeting.started", MeetingID: "111"})
		unreadable := addEvent(t, s, 2, `{"payload":{"object":{"id":"555"}}`)
		check(t, s.ApplyReadings(t.Context(), []incident.Reading{{EventID: unreadable, State: incident.EventUnreadable}}, after(2), incident.FollowEvents))
		addEvent(t, s, 3, `{"payload":{"object":{"id":"333"}}}`)
		for _, tt := range []struct {
			id              string
			new, unreadable bool
		}{{"111", false, false}, {"333", true, false}, {"444", false, false}, {"555", false, true}} {
			if got, can := about(incident.EventNew, tt.id, time.Time{}), about(incident.EventUnreadable, tt.id, time.Time{}); got != tt.new || can != tt.unreadable {
				t.Errorf("%s: new %v, unreadable %v", tt.id, got, can)
			}
		}
		if about(incident.EventNew, "333", time.Now().Add(time.Hour)) {
			t.Error("an event of before counts")
		}
	})
}

func TestUnappliedAbout(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		addRead(t, s, 1, incident.Reading{State: incident.EventRead, Event: "meeting.started", MeetingID: "111"})
		stale, _, err := s.AppendEvent(t.Context(), incident.NewEvent{ReceivedAt: after(2), SignedAt: after(2), Stale: true, Body: []byte(`{"payload":{"object":{"id":"222"}}}`)})
		check(t, err)
		check(t, s.ApplyReadings(t.Context(), []incident.Reading{{EventID: stale, State: incident.EventRead, Event: "meeting.started", MeetingID: "222"}}, after(2), incident.FollowEvents))
		unreadable := addEvent(t, s, 3, `{"payload":{"object":{"id":"333"}}`)
		check(t, s.ApplyReadings(t.Context(), []incident.Reading{{EventID: unreadable, State: incident.EventUnreadable}}, after(3), incident.FollowEvents))
		for id, want := range map[string]bool{"111": false, "222": true, "333": true, "444": false} {
			got, err := s.UnappliedAbout(t.Context(), id, time.Time{})
			check(t, err)
			if got != want {
				t.Errorf("%s: %v, want %v", id, got, want)
			}
			if got, err = s.UnappliedAbout(t.Context(), id, after(4)); got || err != nil {
				t.Errorf("%s: an event of before counts: %v, %v", id, got, err)
			}
		}
	})
}
