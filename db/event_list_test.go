package db_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func eventIDs(items []incident.Event) (ids []int64) {
	for _, e := range items {
		ids = append(ids, e.ID)
	}
	return ids
}

func TestEventRows(t *testing.T) {
	t.Parallel()
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
		check(t, s.ApplyReadings(ctx, []incident.Reading{{EventID: stale, State: incident.EventRead, Event: started, MeetingID: "111"}}, after(51), incident.FollowEvents))
		ids = append(ids, stale)
		for _, tt := range []struct {
			name   string
			filter db.EventFilter
			want   []int // positions in ids
		}{
			{"all", db.EventFilter{}, []int{5, 4, 3, 2, 1, 0}},
			{"event", db.EventFilter{Events: []string{joined}}, []int{2, 1}},
			{"a part of an event type does not match", db.EventFilter{Events: []string{"meeting"}}, nil},
			{"family", db.EventFilter{Events: []string{"meeting.*"}}, []int{5, 2, 1, 0}},
			{"family with %", db.EventFilter{Events: []string{"%*"}}, nil},
			{"meeting", db.EventFilter{MeetingID: "111"}, []int{5, 1, 0}},
			{"bridge", db.EventFilter{IncidentNumber: b.IncidentNumber}, []int{1, 0}},
			{"text of the topic, any case", db.EventFilter{Text: "db DOWN"}, []int{1, 0}},
			{"text of who", db.EventFilter{Text: "ana_1"}, []int{1}},
			{"text of the event", db.EventFilter{Text: "recording"}, []int{3}},
			{"a part of a word does not match", db.EventFilter{Text: "ecording"}, nil},
			{"the start of a word, if nothing has the word", db.EventFilter{Text: "record"}, []int{3}},
			{"the start of a word", db.EventFilter{Text: "RECORD*"}, []int{3}},
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
				// The same rows in pages of one.
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
// got, and continues from there.
func TestEventRowsBounded(t *testing.T) {
	t.Parallel()
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

// Q15: the pages of the log contain every event once while others arrive.
func TestEventRowsWhileInserting(t *testing.T) {
	t.Parallel()
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

// EventRowsAfter returns the pages of EventRows in reverse order.
func TestEventRowsAfter(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		var ids []int64
		for n := range 25 {
			ids = append(ids, addRead(t, s, n, incident.Reading{Event: "meeting.started", Topic: "db down"}))
		}
		for name, f := range map[string]db.EventFilter{"all": {}, "text": {Text: "down"}, "type": {Events: []string{"meeting.started"}}} {
			t.Run(name, func(t *testing.T) {
				page, err := s.EventRowsAfter(ctx, f, fmt.Sprint(ids[4]), 10)
				check(t, err)
				var want []int64
				for n := 14; n > 4; n-- {
					want = append(want, ids[n])
				}
				same(t, eventIDs(page.Items), want)
				if page.Next != fmt.Sprint(ids[14]) {
					t.Errorf("goes on from %s", page.Next)
				}
				page, err = s.EventRowsAfter(ctx, f, page.Next, 10)
				check(t, err)
				if len(page.Items) != 10 || page.Next != "" {
					t.Errorf("%d events on the newest page, then %q", len(page.Items), page.Next)
				}
			})
		}
	})
}
