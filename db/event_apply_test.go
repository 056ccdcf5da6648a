package db_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestApplyReadings(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		_, b := openIncident(t, s, addRunbook(t, s, "outage"))
		b = readyBridge(t, s, b, "111")
		first, second := addEvent(t, s, 10, "1"), addEvent(t, s, 11, "2\x00")
		events, err := s.NewEvents(ctx, 1)
		check(t, err)
		if len(events) != 1 || events[0].ID != first || string(events[0].Body) != "1" || events[0].Headers["X-Zm-Trackingid"] != "t1" {
			t.Fatalf("the new events are %+v", events)
		}
		readings := []incident.Reading{
			{EventID: first, State: incident.EventRead, Event: "meeting.participant_joined", EventAt: after(9), AccountID: "acc",
				MeetingID: "111", MeetingUUID: "u1", Topic: "INC-1 \x00", Who: "Ana", BridgeID: b.ID,
				Instance:   &incident.Instance{UUID: "u1", StartedAt: after(8)},
				Presence:   &incident.Presence{UUID: "u1", SessionID: "s1", Person: "p1", Name: "Ana", Email: "ana@example.com", JoinedAt: after(9)},
				Recordings: []incident.RecordingLink{{URL: "https://zoom.us/rec/1", Type: "mp4", Start: after(1), End: after(2)}},
				Timeline:   []incident.TimelineEntry{{ID: "event-1", IncidentNumber: 1, BridgeID: b.ID, At: after(9), Kind: incident.EntryJoined, Data: incident.TimelineData{Who: "Ana"}}}},
			{EventID: second, State: incident.EventUnreadable, Problem: incident.ReadNotJSON},
		}
		changed := topics(t, s, func() { check(t, s.ApplyReadings(ctx, readings, after(20), incident.FollowEvents)) })
		same(t, changed, []string{db.TopicBridges, db.TopicEvents, db.TopicIncident(1), db.TopicIncidents})

		events, err = s.NewEvents(ctx, 10)
		check(t, err)
		same(t, events, []incident.Event{})
		e, err := s.Event(ctx, first)
		check(t, err)
		same(t, e, incident.Event{ID: first, State: incident.EventRead, Event: "meeting.participant_joined", EventAt: after(9), AccountID: "acc",
			MeetingID: "111", MeetingUUID: "u1", Topic: "INC-1 \uFFFD", Who: "Ana", BridgeID: b.ID, IncidentNumber: 1,
			NewEvent: incident.NewEvent{Origin: incident.OriginWebhook, ReceivedAt: after(10), SignedAt: after(9), Body: []byte("1"), Headers: map[string]string{"X-Zm-Trackingid": "t1"}}})
		e, err = s.Event(ctx, second)
		check(t, err)
		if e.State != incident.EventUnreadable || e.Problem != incident.ReadNotJSON || string(e.Body) != "2\x00" {
			t.Errorf("the unreadable event is %+v", e)
		}

		got, err := s.Bridge(ctx, b.ID)
		check(t, err)
		b.State, b.StartedAt, b.Inside, b.InsideMost, b.UpdatedAt = incident.BridgeLive, after(8), 1, 1, after(20)
		b.Recordings = readings[0].Recordings
		b.ToldAt, b.ToldBy, b.AskAt, b.AlarmAt = got.ToldAt, incident.ToldByEvent, got.AskAt, after(8).Add(4*time.Hour)
		if b.ToldAt.IsZero() || b.AskAt.IsZero() {
			t.Errorf("nothing says when Zoom told it, or when to ask again: %+v", got)
		}
		same(t, got, b)
		people, err := s.Presences(ctx, b.ID)
		check(t, err)
		same(t, people, []incident.Presence{*readings[0].Presence})
		timeline, err := s.Timeline(ctx, 1, 1)
		check(t, err)
		same(t, timeline, readings[0].Timeline)

		// Applying the same reading again changes nothing, because the event is
		// no longer new.
		again := readings[0]
		again.Who, again.Presence = "Eve", &incident.Presence{UUID: "u1", SessionID: "s9", JoinedAt: after(9)}
		check(t, s.ApplyReadings(ctx, []incident.Reading{again}, after(30), incident.FollowEvents))
		people, err = s.Presences(ctx, b.ID)
		check(t, err)
		if len(people) != 1 {
			t.Errorf("inside are %+v", people)
		}

		// The same URL counts as one recording, and an empty name does not
		// replace a name.
		third := addEvent(t, s, 12, "3")
		check(t, s.ApplyReadings(ctx, []incident.Reading{{EventID: third, State: incident.EventRead, BridgeID: b.ID,
			Presence:   &incident.Presence{UUID: "u1", SessionID: "s1", LeftAt: after(12)},
			Recordings: []incident.RecordingLink{readings[0].Recordings[0], {URL: "https://zoom.us/rec/2", Start: after(1), End: after(2)}}}}, after(31), incident.FollowEvents))
		got, err = s.Bridge(ctx, b.ID)
		check(t, err)
		if len(got.Recordings) != 2 || got.Inside != 0 || got.InsideMost != 1 || got.State != incident.BridgeLive {
			t.Errorf("the bridge is %+v", got)
		}
		people, err = s.Presences(ctx, b.ID)
		check(t, err)
		want := *readings[0].Presence
		want.LeftAt = after(12)
		same(t, people, []incident.Presence{want})
	})
}

func TestReprocessEvent(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		wantCode(t, s.ReprocessEvent(ctx, 99, entry("event.reprocess")), incident.NotFound)
		id, _, err := s.AppendEvent(ctx, incident.NewEvent{ReceivedAt: now, SignedAt: now, Stale: true, Body: []byte("{}")})
		check(t, err)
		check(t, s.ApplyReadings(ctx, []incident.Reading{{EventID: id, State: incident.EventUnreadable, Problem: incident.ReadCrashed}}, now, incident.FollowEvents))
		check(t, s.ReprocessEvent(ctx, id, entry("event.reprocess")))
		events, err := s.NewEvents(ctx, 10)
		check(t, err)
		if len(events) != 1 || events[0].Stale {
			t.Errorf("the new events are %+v", events)
		}
		same(t, actions(t, s), []string{"event.reprocess"})
	})
}

// Q6 in the database: the events of a meeting give the same bridge in any
// order.
func TestReadingsInAnyOrder(t *testing.T) {
	t.Parallel()
	readings := []incident.Reading{
		{Event: "meeting.started", Instance: &incident.Instance{UUID: "u1", StartedAt: after(10)}},
		{Event: "meeting.participant_joined", Instance: &incident.Instance{UUID: "u1"}, Presence: &incident.Presence{UUID: "u1", SessionID: "1", Person: "a", Name: "A", JoinedAt: after(11)}},
		{Event: "meeting.participant_joined", Instance: &incident.Instance{UUID: "u1"}, Presence: &incident.Presence{UUID: "u1", SessionID: "2", Person: "b", Name: "B", JoinedAt: after(12)}},
		{Event: "meeting.participant_left", Instance: &incident.Instance{UUID: "u1"}, Presence: &incident.Presence{UUID: "u1", SessionID: "1", Person: "a", LeftAt: after(13)}},
		{Event: "meeting.ended", Instance: &incident.Instance{UUID: "u1", StartedAt: after(10), EndedAt: after(20)}},
		{Event: "meeting.started", Instance: &incident.Instance{UUID: "u2", StartedAt: after(30)}},
		{Event: "meeting.participant_joined", Instance: &incident.Instance{UUID: "u2"}, Presence: &incident.Presence{UUID: "u2", SessionID: "1", Person: "a", JoinedAt: after(31)}},
	}
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		runbook := addRunbook(t, s, "outage")
		random := rand.New(rand.NewPCG(1, 2))
		for round := range 8 {
			_, b := openIncident(t, s, runbook)
			for n, at := range random.Perm(len(readings)) {
				if round == 0 {
					at = n
				}
				r := readings[at]
				r.BridgeID = b.ID
				addRead(t, s, 100+n, r)
			}
			got, err := s.Bridge(t.Context(), b.ID)
			check(t, err)
			if got.State != incident.BridgeLive || !got.StartedAt.Equal(after(10)) || !got.EndedAt.IsZero() || got.Inside != 1 || got.InsideMost != 2 {
				t.Fatalf("round %d: %+v", round, got)
			}
		}
	})
}

// An event that was read before its bridge had the meeting is read again if it
// may change a bridge.
func TestEventsReadAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		runbook := addRunbook(t, s, "outage")
		_, b := openIncident(t, s, runbook)
		_, other := openIncident(t, s, runbook)
		read := func(origin incident.Origin, stale bool, r incident.Reading) int64 {
			id, _, err := s.AppendEvent(ctx, incident.NewEvent{Origin: origin, ReceivedAt: after(5), SignedAt: after(5), Stale: stale, Body: []byte(id())})
			check(t, err)
			r.EventID, r.EventAt = id, after(5)
			check(t, s.ApplyReadings(ctx, []incident.Reading{r}, now, incident.FollowEvents))
			return id
		}
		of := func(meetingID string) incident.Reading {
			return incident.Reading{State: incident.EventRead, Event: "meeting.started", MeetingID: meetingID}
		}
		linked, unreadable := of("111"), of("111")
		linked.BridgeID, unreadable.State = other.ID, incident.EventUnreadable
		early, recovered := read("", false, of("111")), read(incident.OriginRecovered, false, of("111"))
		read(incident.OriginImported, false, of("111"))
		read("", true, of("111"))
		read("", false, of("222"))
		read("", false, linked)
		read("", false, unreadable)
		left := func(want ...int64) {
			t.Helper()
			events, err := s.NewEvents(ctx, 10)
			check(t, err)
			same(t, eventIDs(events), want)
		}
		left()

		from := b.State
		b.State, b.MeetingID = incident.BridgeReady, "111"
		check(t, s.ChangeBridge(ctx, incident.BridgeChange{Bridge: b, From: []incident.BridgeState{from},
			ReadAgain: &incident.UnlinkedEvents{MeetingID: "111", Since: b.CreatedAt, Origins: []incident.Origin{incident.OriginWebhook, incident.OriginRecovered}}}))
		left(early, recovered)

		// An event that was being read at that moment is read again too, if it
		// awaits a bridge.
		awaiting := of("111")
		awaiting.Awaits = true
		late := read("", false, awaiting)
		awaiting.MeetingID = "222"
		read("", false, awaiting)
		left(early, recovered, late)
	})
}

// While one server reads an event for the first time, another reads it and a bridge
// makes it new again. The late reading must not count it a second time.
func TestLateReadingOfEventReadAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		id := addEvent(t, s, 1, "1")
		late := incident.Reading{EventID: id, State: incident.EventRead, Event: "meeting.created", EventAt: now}
		read := func(r incident.Reading) {
			t.Helper()
			check(t, s.ApplyReadings(ctx, []incident.Reading{r}, now, incident.FollowEvents))
		}
		read(late)
		check(t, s.ReprocessEvent(ctx, id, entry("event.reprocess")))
		read(late)
		events, err := s.NewEvents(ctx, 10)
		check(t, err)
		same(t, eventIDs(events), []int64{id})
		again := late
		again.Again = true
		read(again)
		events, err = s.NewEvents(ctx, 10)
		check(t, err)
		same(t, eventIDs(events), []int64{})
		n, err := s.CountEvents(ctx, now.Add(-time.Hour))
		check(t, err)
		if n != 1 {
			t.Errorf("one event was counted as %d", n)
		}
	})
}

// Two servers read events of the same bridge at once, and no person is lost.
func TestApplyReadingsRace(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		stores := []*db.Store{dbtest.Open(t, cfg), dbtest.Open(t, cfg)}
		s := stores[0]
		runbook := addRunbook(t, s, "outage")
		_, one := openIncident(t, s, runbook)
		_, two := openIncident(t, s, runbook)
		var wg sync.WaitGroup
		for n := range 40 {
			id := addEvent(t, s, n, fmt.Sprint(n))
			wg.Go(func() {
				b := []incident.Bridge{one, two}[n%2]
				other := []incident.Bridge{two, one}[n%2]
				// Both bridges in one batch, in either order.
				readings := []incident.Reading{
					{EventID: id, State: incident.EventRead, BridgeID: b.ID,
						Instance:   &incident.Instance{UUID: "u", StartedAt: now},
						Presence:   &incident.Presence{UUID: "u", SessionID: fmt.Sprint(n), Person: fmt.Sprint(n), JoinedAt: after(n)},
						Recordings: []incident.RecordingLink{{URL: fmt.Sprint("https://zoom.us/rec/", n)}}},
					{EventID: -1, State: incident.EventRead, BridgeID: other.ID},
				}
				err := stores[n/2%2].ApplyReadings(t.Context(), readings, now, incident.FollowEvents)
				for incident.CodeOf(err) == incident.Unavailable && t.Context().Err() == nil { // too many wait on a slow machine; the reader tries again
					err = stores[n/2%2].ApplyReadings(t.Context(), readings, now, incident.FollowEvents)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, b := range []incident.Bridge{one, two} {
			got, err := s.Bridge(t.Context(), b.ID)
			check(t, err)
			if got.Inside != 20 || got.InsideMost != 20 || len(got.Recordings) != 20 {
				t.Errorf("%d inside, %d at most, %d recordings", got.Inside, got.InsideMost, len(got.Recordings))
			}
		}
	})
}
