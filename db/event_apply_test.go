package db_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestApplyReadings(t *testing.T) {
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
				Timeline:   []incident.TimelineEntry{{ID: "event-1-joined", IncidentNumber: 1, BridgeID: b.ID, At: after(9), Kind: "joined", Text: "Ana joined."}}},
			{EventID: second, State: incident.EventUnreadable, ReadError: "not JSON"},
		}
		changed := topics(t, s, func() { check(t, s.ApplyReadings(ctx, readings, after(20))) })
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
		if e.State != incident.EventUnreadable || e.ReadError != "not JSON" || string(e.Body) != "2\x00" {
			t.Errorf("the unreadable event is %+v", e)
		}

		got, err := s.Bridge(ctx, b.ID)
		check(t, err)
		b.State, b.StartedAt, b.Inside, b.InsideMost, b.UpdatedAt = incident.BridgeLive, after(8), 1, 1, after(20)
		b.Recordings = readings[0].Recordings
		same(t, got, b)
		people, err := s.Presences(ctx, b.ID)
		check(t, err)
		same(t, people, []incident.Presence{*readings[0].Presence})
		timeline, err := s.Timeline(ctx, 1, 1)
		check(t, err)
		same(t, timeline, readings[0].Timeline)

		// The same again changes nothing: the event is not new.
		again := readings[0]
		again.Who, again.Presence = "Eve", &incident.Presence{UUID: "u1", SessionID: "s9", JoinedAt: after(9)}
		check(t, s.ApplyReadings(ctx, []incident.Reading{again}, after(30)))
		people, err = s.Presences(ctx, b.ID)
		check(t, err)
		if len(people) != 1 {
			t.Errorf("inside are %+v", people)
		}

		// The same URL is one recording; an empty name does not wipe a name.
		third := addEvent(t, s, 12, "3")
		check(t, s.ApplyReadings(ctx, []incident.Reading{{EventID: third, State: incident.EventRead, BridgeID: b.ID,
			Presence:   &incident.Presence{UUID: "u1", SessionID: "s1", LeftAt: after(12)},
			Recordings: []incident.RecordingLink{readings[0].Recordings[0], {URL: "https://zoom.us/rec/2", Start: after(1), End: after(2)}}}}, after(31)))
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
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		wantCode(t, s.ReprocessEvent(ctx, 99, entry("event.reprocess")), incident.NotFound)
		id, _, err := s.AppendEvent(ctx, incident.NewEvent{ReceivedAt: now, SignedAt: now, Stale: true, Body: []byte("{}")})
		check(t, err)
		check(t, s.ApplyReadings(ctx, []incident.Reading{{EventID: id, State: incident.EventUnreadable, ReadError: "x"}}, now))
		check(t, s.ReprocessEvent(ctx, id, entry("event.reprocess")))
		events, err := s.NewEvents(ctx, 10)
		check(t, err)
		if len(events) != 1 || events[0].Stale {
			t.Errorf("the new events are %+v", events)
		}
		same(t, actions(t, s), []string{"event.reprocess"})
	})
}

// Q6 in the database: any order of a meeting's events gives the same bridge.
func TestReadingsInAnyOrder(t *testing.T) {
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

// Two servers that read events of one bridge at once: nobody is lost.
func TestApplyReadingsRace(t *testing.T) {
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
				err := stores[n/2%2].ApplyReadings(t.Context(), []incident.Reading{
					{EventID: id, State: incident.EventRead, BridgeID: b.ID,
						Instance:   &incident.Instance{UUID: "u", StartedAt: now},
						Presence:   &incident.Presence{UUID: "u", SessionID: fmt.Sprint(n), Person: fmt.Sprint(n), JoinedAt: after(n)},
						Recordings: []incident.RecordingLink{{URL: fmt.Sprint("https://zoom.us/rec/", n)}}},
					{EventID: -1, State: incident.EventRead, BridgeID: other.ID},
				}, now)
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

func eventIDs(items []incident.Event) (ids []int64) {
	for _, e := range items {
		ids = append(ids, e.ID)
	}
	return ids
}

func TestEventRows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		_, b := openIncident(t, s, addRunbook(t, s, "outage"))
		b = readyBridge(t, s, b, "111")
		const (
			started, joined, recording = "meeting.started", "meeting.participant_joined", "recording.completed"
		)
		ids := []int64{
			addRead(t, s, 0, incident.Reading{Event: started, MeetingID: "111", Topic: "INC-1 DB down", BridgeID: b.ID}),
			addRead(t, s, 10, incident.Reading{Event: joined, MeetingID: "111", Topic: "INC-1 DB down", Who: "Ana_1", BridgeID: b.ID}),
			addRead(t, s, 20, incident.Reading{Event: joined, MeetingID: "222", Topic: "Lunch 100%", Who: "Bo"}),
			addRead(t, s, 30, incident.Reading{Event: recording, MeetingID: "222", Topic: "Lunch 100%"}),
			addEvent(t, s, 40, "new"),
		}
		stale, _, err := s.AppendEvent(ctx, incident.NewEvent{ReceivedAt: after(50), SignedAt: now, Stale: true, Body: []byte("stale")})
		check(t, err)
		check(t, s.ApplyReadings(ctx, []incident.Reading{{EventID: stale, State: incident.EventRead, Event: started, MeetingID: "111"}}, after(51)))
		ids = append(ids, stale)
		for _, tt := range []struct {
			name   string
			filter db.EventFilter
			want   []int // positions in ids
		}{
			{"all", db.EventFilter{}, []int{5, 4, 3, 2, 1, 0}},
			{"event", db.EventFilter{Events: []string{joined}}, []int{2, 1}},
			{"part of an event is none", db.EventFilter{Events: []string{"meeting"}}, nil},
			{"family", db.EventFilter{Events: []string{"meeting.*"}}, []int{5, 2, 1, 0}},
			{"family with %", db.EventFilter{Events: []string{"%*"}}, nil},
			{"meeting", db.EventFilter{MeetingID: "111"}, []int{5, 1, 0}},
			{"bridge", db.EventFilter{IncidentNumber: b.IncidentNumber}, []int{1, 0}},
			{"text of the topic, any case", db.EventFilter{Text: "db DOWN"}, []int{1, 0}},
			{"text of who", db.EventFilter{Text: "ana_1"}, []int{1}},
			{"text of the event", db.EventFilter{Text: "recording"}, []int{3}},
			{"a part of a word is none", db.EventFilter{Text: "record"}, nil},
			{"the beginning of a word", db.EventFilter{Text: "RECORD*"}, []int{3}},
			{"text without words", db.EventFilter{Text: "%%"}, nil},
			{"text and event", db.EventFilter{Text: "lunch", Events: []string{joined, started}}, []int{2}},
			{"two events", db.EventFilter{Events: []string{started, recording}}, []int{5, 3, 0}},
			{"participants", db.EventFilter{Events: []string{"participant.*"}}, []int{2, 1}},
			{"twin", db.EventFilter{Twin: true}, nil},
			{"recovered", db.EventFilter{Recovered: true}, nil},
			{"stale and event", db.EventFilter{Stale: true, Events: []string{joined}}, nil},
			{"text with %", db.EventFilter{Text: "100%"}, []int{3, 2}},
			{"text with quotes", db.EventFilter{Text: `'; DROP TABLE events; -- \`}, nil},
			{"after", db.EventFilter{After: after(30)}, []int{5, 4, 3}},
			{"before", db.EventFilter{Before: after(30)}, []int{2, 1, 0}},
			{"stale", db.EventFilter{Stale: true}, []int{5}},
			{"unread", db.EventFilter{Unread: true}, []int{4}},
			{"bridge and event", db.EventFilter{IncidentNumber: b.IncidentNumber, Events: []string{joined}}, []int{1}},
			{"bridge and meeting", db.EventFilter{IncidentNumber: b.IncidentNumber, MeetingID: "222"}, nil},
			{"meeting and event", db.EventFilter{MeetingID: "222", Events: []string{recording}}, []int{3}},
			{"all at once", db.EventFilter{IncidentNumber: b.IncidentNumber, MeetingID: "111", Events: []string{"meeting.*"}, Text: "ana", After: now, Before: after(30)}, []int{1}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				page, err := s.EventRows(ctx, tt.filter, "", 0)
				check(t, err)
				var want []int64
				for _, at := range tt.want {
					want = append(want, ids[at])
				}
				same(t, eventIDs(page.Items), want)
				if page.Next != "" || !page.SearchedTo.IsZero() {
					t.Errorf("more than all: next %q, searched to %v", page.Next, page.SearchedTo)
				}
				// The same in pages of one.
				var got []int64
				for cursor := ""; ; {
					page, err := s.EventRows(ctx, tt.filter, cursor, 1)
					check(t, err)
					got = append(got, eventIDs(page.Items)...)
					if cursor = page.Next; cursor == "" {
						break
					}
				}
				same(t, got, want)
			})
		}

		page, err := s.EventRows(ctx, db.EventFilter{IncidentNumber: b.IncidentNumber}, "", 0)
		check(t, err)
		if e := page.Items[0]; e.IncidentNumber != 1 || e.Body != nil || e.Topic != "INC-1 DB down" || !e.ReceivedAt.Equal(after(10)) {
			t.Errorf("got %+v", e)
		}
		before, later, err := s.EventsAround(ctx, "111", ids[1], 5)
		check(t, err)
		same(t, eventIDs(before), ids[:1])
		same(t, eventIDs(later), ids[5:])
		n, err := s.CountEvents(ctx, after(60))
		check(t, err)
		if n != 0 {
			t.Errorf("%d events after the last", n)
		}
		n, err = s.CountEvents(ctx, after(20))
		check(t, err)
		if n != 6 { // all of that minute
			t.Errorf("%d events", n)
		}
	})
}

// A page of a filter without an index looks at 20,000 events, says how far it
// came, and goes on from there.
func TestEventRowsBounded(t *testing.T) {
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		s := dbtest.Open(t, cfg)
		_, err := raw(t, cfg).Exec(`
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 45000)
			INSERT INTO events (id, received_at, signed_at, slot, stale, origin, encoding, content,
				state, read_error, event, account_id, meeting_id, meeting_uuid, topic, who, bridge_id)
			SELECT i * 4096, i, i, 0, TRUE, 'webhook', 0, ` + map[bool]string{true: `'\x'::bytea`, false: `x''`}[cfg.DatabaseURL != ""] + `,
				'read', '', CASE WHEN i % 20000 = 10 THEN 'needle' ELSE 'hay' END, '', '', '', '', '', '' FROM n`)
		check(t, err)
		var found []int64
		var searched []int64
		for cursor := ""; ; {
			page, err := s.EventRows(t.Context(), db.EventFilter{Stale: true, Events: []string{"needle"}}, cursor, 10)
			check(t, err)
			found = append(found, eventIDs(page.Items)...)
			if cursor = page.Next; cursor == "" {
				break
			}
			searched = append(searched, page.SearchedTo.UnixMilli())
		}
		same(t, found, []int64{40010 << 12, 20010 << 12, 10 << 12})
		same(t, searched, []int64{25001, 5001})
	})
}

// Q15: the pages of the log hold every event once while others arrive.
func TestEventRowsWhileInserting(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		const old = 10_000
		var wg sync.WaitGroup
		add := func(from, to int) {
			for n := from; n < to; n++ {
				_, _, err := s.AppendEvent(t.Context(), incident.NewEvent{ReceivedAt: now, SignedAt: now, Body: fmt.Append(nil, n)})
				if err != nil {
					t.Error(err)
				}
			}
		}
		for w := range 100 {
			wg.Go(func() { add(w*old/100, (w+1)*old/100) })
		}
		wg.Wait()
		first, err := s.EventRows(t.Context(), db.EventFilter{}, "", 1)
		check(t, err)
		newest := first.Items[0].ID

		stop := make(chan struct{})
		for w := range 4 {
			wg.Go(func() {
				for n := old * (w + 2); ; n++ {
					select {
					case <-stop:
						return
					default:
						add(n, n+1)
					}
				}
			})
		}
		var got []int64
		for cursor := ""; ; {
			page, err := s.EventRows(t.Context(), db.EventFilter{}, cursor, 200)
			check(t, err)
			got = append(got, eventIDs(page.Items)...)
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		close(stop)
		wg.Wait()
		if !slices.IsSortedFunc(got, func(a, b int64) int { return int(b - a) }) {
			t.Error("the pages are not newest first")
		}
		if n := len(got); len(slices.Compact(got)) != n {
			t.Error("an event is on two pages")
		}
		got = slices.DeleteFunc(got, func(id int64) bool { return id > newest })
		if len(got) != old {
			t.Errorf("%d of %d events are on a page", len(got), old)
		}
	})
}

func TestEventsPerHour(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		none, err := s.EventsPerHour(ctx, now)
		check(t, err)
		same(t, none, []db.HourCount{})
		for n, event := range []string{"meeting.started", "meeting.started", "meeting.ended", "recording.completed"} {
			addRead(t, s, n*60, incident.Reading{Event: event})
		}
		addRead(t, s, 3600, incident.Reading{Event: "meeting.ended"})
		addEvent(t, s, 3601, "not read")
		addRead(t, s, 7200, incident.Reading{Event: "user.created"})
		hour := func(n int) time.Time { return now.Truncate(time.Hour).Add(time.Duration(n) * time.Hour) }
		got, err := s.EventsPerHour(ctx, after(30))
		check(t, err)
		same(t, got, []db.HourCount{
			{Hour: hour(0), Family: "meeting", Count: 3}, {Hour: hour(0), Family: "recording", Count: 1},
			{Hour: hour(1), Family: "meeting", Count: 1},
			{Hour: hour(2), Family: "user", Count: 1},
		})
	})
}

func TestRefusals(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		changed := topics(t, s, func() {
			check(t, s.AddRefusals(ctx, after(61), map[string]int64{"signature": 3, "shape": 1}))
		})
		same(t, changed, []string{db.TopicEvents})
		check(t, s.AddRefusals(ctx, after(119), map[string]int64{"signature": 2}))
		check(t, s.AddRefusals(ctx, after(300), map[string]int64{"signature": 1}))
		want := func(seconds int, want ...db.RefusalCount) {
			t.Helper()
			got, err := s.Refusals(ctx, after(seconds))
			check(t, err)
			same(t, got, want)
		}
		want(0, db.RefusalCount{Reason: "signature", Count: 6, LastAt: after(300)}, db.RefusalCount{Reason: "shape", Count: 1, LastAt: after(60)})
		want(120, db.RefusalCount{Reason: "signature", Count: 1, LastAt: after(300)})
		want(400)
		n, err := s.DeleteRefusals(ctx, after(120))
		check(t, err)
		if n != 2 {
			t.Errorf("%d rows were deleted", n)
		}
		want(0, db.RefusalCount{Reason: "signature", Count: 1, LastAt: after(300)})
	})
}

func TestSizes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		openIncident(t, s, addRunbook(t, s, "outage"))
		addEvent(t, s, 0, "1")
		addEvent(t, s, 0, "2")
		got, err := s.Sizes(t.Context())
		check(t, err)
		if got.Engine != s.Engine() || got.Version == "" || got.Bytes < 100_000 || got.Events != 2 || got.Incidents != 1 || got.Bridges != 1 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestPulse(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		got, err := s.Pulse(t.Context(), nil)
		check(t, err)
		same(t, got, map[string]int64{})
		check(t, s.AddRefusals(t.Context(), now, map[string]int64{"x": 1}))
		check(t, s.AddRefusals(t.Context(), now, map[string]int64{"x": 1}))
		got, err = s.Pulse(t.Context(), []string{"events", "incident:42", "' OR 1=1"})
		check(t, err)
		same(t, got, map[string]int64{"events": 2, "incident:42": 0, "' OR 1=1": 0})
	})
}
