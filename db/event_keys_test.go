package db_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// Which deliveries count as the same event.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	const body = `{"event":"meeting.started","event_ts":1761955200123,"payload":{}}`
	for _, tt := range []struct {
		name      string
		body, id  string
		duplicate bool
	}{
		{"W-22 the same body, another request id", body, "r2", true},
		{"the same body without a request id", body, "", true},
		{"the same request id, written another way", `{"event_ts": 1761955200123, "event":"meeting.started"}`, "r1", true},
		{"W-24 another event_ts, the same request id", strings.Replace(body, "123", "124", 1), "r1", false},
		{"another body, another request id", strings.Replace(body, "started", "ended", 1), "r3", false},
		{"the same request id without event_ts", `{"event":"meeting.started"}`, "r1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
				s := dbtest.Open(t, cfg)
				add := func(body, id string) (int64, bool) {
					e := incident.NewEvent{ReceivedAt: now, SignedAt: now, Body: []byte(body)}
					if id != "" {
						e.Headers = map[string]string{"X-Zm-Request-Id": id}
					}
					got, duplicate, err := s.AppendEvent(t.Context(), e)
					check(t, err)
					return got, duplicate
				}
				first, _ := add(body, "r1")
				second, duplicate := add(tt.body, tt.id)
				if duplicate != tt.duplicate || (second == first) != tt.duplicate {
					t.Errorf("ids %d and %d, duplicate %v; want duplicate %v", first, second, duplicate, tt.duplicate)
				}
				// The new keys of the duplicate belong to the first event too.
				if third, duplicate := add(tt.body, "r9"); third != second || !duplicate {
					t.Errorf("a third is %d (duplicate %v), the second %d", third, duplicate, second)
				}
				n, err := s.CountEvents(t.Context(), now)
				check(t, err)
				if want := map[bool]int64{true: 1, false: 2}[tt.duplicate]; n != want {
					t.Errorf("%d rows, want %d", n, want)
				}
			})
		})
	}
}

// W-23: keys are deleted long after their event arrived, when Zoom has stopped
// retrying. What the event says about its time must not shorten that.
func TestDeleteEventKeys(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		body := func(n int, at time.Time) string { return fmt.Sprintf(`{"n":%d,"event_ts":%d}`, n, at.UnixMilli()) }
		for n := range 1200 {
			at := now.Add(-40 * 24 * time.Hour)
			_, _, err := s.AppendEvent(t.Context(), incident.NewEvent{ReceivedAt: at, SignedAt: at, Body: []byte(body(n, at))})
			check(t, err)
		}
		seconds, old := fmt.Sprintf(`{"n":0,"event_ts":%d}`, now.Unix()), body(0, now.Add(-4*365*24*time.Hour))
		inSeconds, yearsOld := addEvent(t, s, 1, seconds), addEvent(t, s, 1, old)
		young := addEvent(t, s, 1, body(0, now.Add(-30*24*time.Hour)))
		timeless := addEvent(t, s, 1, `{"n":0}`)
		for _, want := range []int64{800, 400, 0} {
			n, err := s.DeleteEventKeys(t.Context(), now.Add(-35*24*time.Hour), 800)
			check(t, err)
			if n != want {
				t.Errorf("%d keys forgotten, want %d", n, want)
			}
		}
		for want, b := range map[int64]string{young: body(0, now.Add(-30*24*time.Hour)), timeless: `{"n":0}`, inSeconds: seconds, yearsOld: old} {
			id, duplicate, err := s.AppendEvent(t.Context(), incident.NewEvent{ReceivedAt: now, SignedAt: now, Body: []byte(b)})
			check(t, err)
			if id != want || !duplicate {
				t.Errorf("%s is stored twice", b)
			}
		}
	})
}

// An event that Zoom sent in two variants is stored twice, marked, and in the
// timeline once.
func TestTwins(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		_, b := openIncident(t, s, addRunbook(t, s, "outage"))
		b = readyBridge(t, s, b, "111")
		read := func(id int64) {
			check(t, s.ApplyReadings(ctx, []incident.Reading{{
				EventID: id, State: incident.EventRead, Event: "meeting.started", EventAt: after(1), MeetingID: "111", BridgeID: b.ID, Meaning: "it began",
				Timeline: []incident.TimelineEntry{{ID: incident.EventEntryID(id), IncidentNumber: 1, BridgeID: b.ID, At: after(1), Kind: incident.EntryCallStarted}},
			}}, after(2), incident.FollowEvents))
		}
		first, second := addEvent(t, s, 1, "one"), addEvent(t, s, 2, "two")
		read(first)
		read(second)
		check(t, s.ReprocessEvent(ctx, first, incident.AuditEntry{}))
		read(first)
		for id, want := range map[int64]int64{first: 0, second: first} {
			e, err := s.Event(ctx, id)
			check(t, err)
			if e.TwinOf != want {
				t.Errorf("event %d is a twin of %d, want %d", id, e.TwinOf, want)
			}
		}
		page, err := s.EventRows(ctx, db.EventFilter{Twin: true}, "", 10)
		check(t, err)
		same(t, eventIDs(page.Items), []int64{second})
		entries, err := s.Timeline(ctx, 1, 100)
		check(t, err)
		told := 0
		for _, e := range entries {
			if e.Kind == incident.EntryCallStarted {
				told++
			}
		}
		if told != 1 {
			t.Errorf("the timeline tells it %d times", told)
		}
	})
}
