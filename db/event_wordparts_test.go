package db_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// A search goes through the parts of SQLite's index in order, and only through
// those that it needs. Events are read again and deleted in their own part. A
// part whose events are all deleted is dropped as a whole.
func TestWordParts(t *testing.T) {
	t.Parallel()
	cfg, clock := dbtest.SQLite(t), now
	cfg.Now = func() time.Time { return clock }
	s := dbtest.Open(t, cfg)
	ctx, conn := t.Context(), raw(t, cfg)
	find := func(f db.EventFilter) (found []int64) {
		t.Helper()
		for cursor := ""; ; {
			page, err := s.EventRows(ctx, f, cursor, 7)
			check(t, err)
			found = append(found, eventIDs(page.Items)...)
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if f.Events == nil {
			n, more, err := s.CountMatches(ctx, f, 100)
			check(t, err)
			if n != len(found) || more {
				t.Errorf("counted %d, more %v, of %d", n, more, len(found))
			}
		}
		slices.Reverse(found)
		return found
	}
	tables := func() (names []string) {
		for _, r := range rows(t, conn, `SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL%' ORDER BY name`) {
			names = append(names, r[0])
		}
		return names
	}

	// Three parts of ten events each, and a fourth.
	_, bridge := openIncident(t, s, addRunbook(t, s, "Outage"))
	var ids []int64
	for n := range 35 {
		if n > 0 && n%10 == 0 {
			_, err := conn.Exec(`UPDATE event_words_parts SET events = 400000`)
			check(t, err)
		}
		r := incident.Reading{Event: "meeting.started", Topic: fmt.Sprintf("db down number%d", n)}
		if n == 12 {
			r.BridgeID = bridge.ID
		}
		ids = append(ids, addRead(t, s, daysAgo(40)+n*60, r))
	}
	same(t, tables(), []string{"event_words", "event_words_1", "event_words_2", "event_words_3"})
	same(t, find(db.EventFilter{Text: "down"}), ids)
	same(t, find(db.EventFilter{Text: "down db"}), ids)
	same(t, find(db.EventFilter{Text: "number9"}), ids[9:10])
	same(t, find(db.EventFilter{Text: "number1*"}), slices.Concat(ids[1:2], ids[10:20]))
	same(t, find(db.EventFilter{Text: "nothing"}), []int64{})
	same(t, find(db.EventFilter{Text: "down", Events: []string{"meeting.*"}}), ids)
	same(t, find(db.EventFilter{Text: "down", After: after(daysAgo(40) + 8*60), Before: after(daysAgo(40) + 22*60)}), ids[8:22])
	same(t, find(db.EventFilter{Text: "down", IncidentNumber: 1}), ids[12:13]) // which no index has
	page, err := s.EventRowsAfter(ctx, db.EventFilter{Text: "down"}, strconv.FormatInt(ids[7], 10), 5)
	check(t, err)
	same(t, page.Next, strconv.FormatInt(ids[12], 10))
	page, err = s.EventRowsAfter(ctx, db.EventFilter{Text: "down"}, page.Next, 200)
	check(t, err)
	slices.Reverse(page.Items)
	same(t, eventIDs(page.Items), ids[13:])
	h, err := s.EventHistogram(ctx, db.EventFilter{Text: "down"}, after(daysAgo(40)), now, 60)
	check(t, err)
	same(t, h.Total(), int64(35))

	// Read again, in the part that has the event.
	check(t, s.ReprocessEvent(ctx, ids[5], incident.AuditEntry{}))
	check(t, s.ApplyReadings(ctx, []incident.Reading{{EventID: ids[5], State: incident.EventRead, Event: "meeting.ended", Text: "up again", Again: true}}, now, incident.FollowEvents))
	same(t, find(db.EventFilter{Text: "number5"}), []int64{})
	same(t, find(db.EventFilter{Text: "again"}), ids[5:6])

	// Everything before the fourth part and a few of its events. The second
	// part has an event that stays.
	cut := after(daysAgo(40) + 32*60)
	same(t, all(t, func() (int64, error) { return s.DeleteEventsBefore(ctx, cut, 3) }), int64(31))
	same(t, find(db.EventFilter{Text: "down"}), append(ids[12:13], ids[32:]...))
	same(t, all(t, func() (int64, error) { return s.RetireWordParts(ctx) }), int64(2))
	same(t, tables(), []string{"event_words", "event_words_1", "event_words_2", "event_words_3"})
	same(t, find(db.EventFilter{Text: "down"}), append(ids[12:13], ids[32:]...))
	n, err := s.FreeWordParts(ctx, 1)
	check(t, err)
	same(t, n, int64(0)) // a search may still be in it
	clock = clock.Add(2 * time.Minute)
	freed := 0
	all(t, func() (int64, error) {
		freed++
		same(t, rows(t, raw(t, cfg), `PRAGMA integrity_check`), [][]string{{"ok"}})
		return s.FreeWordParts(ctx, 1)
	})
	if freed < 10 {
		t.Errorf("only %d steps", freed)
	}
	same(t, tables(), []string{"event_words", "event_words_1", "event_words_3"})
	same(t, rows(t, conn, `SELECT (SELECT COUNT(*) FROM event_words_docsize), (SELECT COUNT(*) FROM event_words_idx)`), [][]string{{"0", "0"}})

	// Events between the remaining parts are found.
	ids = append(ids[12:13:13], ids[32:]...)
	ids = append(ids, addRead(t, s, daysAgo(39), incident.Reading{Event: "meeting.started", Topic: "down"}))
	same(t, find(db.EventFilter{Text: "down"}), ids)
	check(t, s.SetIncidentStatus(ctx, 1, "open", "resolved", now, incident.TimelineEntry{ID: id(), IncidentNumber: 1, At: now}, incident.AuditEntry{}))
	same(t, all(t, func() (int64, error) { return s.DeleteEventsBefore(ctx, now, 3) }), int64(5))
	same(t, all(t, func() (int64, error) { return s.RetireWordParts(ctx) }), int64(1))
	clock = clock.Add(2 * time.Minute)
	all(t, func() (int64, error) { return s.FreeWordParts(ctx, 1) })
	same(t, tables(), []string{"event_words", "event_words_3"})
	e := addRead(t, s, 0, incident.Reading{Event: "meeting.started", Topic: "down"})
	same(t, find(db.EventFilter{Text: "down"}), []int64{e})

	same(t, rows(t, raw(t, cfg), `PRAGMA integrity_check`), [][]string{{"ok"}})
}
