package db_test

import (
	"fmt"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// O-08, D-16: after the upgrade, all events of a database of version 1 exist,
// can be found, and are recognized when Zoom sends them again.
func TestUpgradeFromVersion1(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		bytesOf := func(text string) string { return fmt.Sprintf(`x'%x'`, text) }
		if cfg.DatabaseURL != "" {
			bytesOf = func(text string) string { return fmt.Sprintf(`'\x%x'::bytea`, text) }
		}
		conn := version1(t, cfg)
		const events = 700
		body := func(n int) string {
			return fmt.Sprintf(`{"event":"meeting.started","n":"needle%d","event_ts":%d}`, n, n)
		}
		tx, err := conn.Begin()
		check(t, err)
		for n := range events {
			state, event := "read", "meeting.started"
			if n == 5 {
				state, event = "new", ""
			}
			_, err := tx.Exec(`INSERT INTO events (id, received_at, signed_at, slot, stale, body_hash, body, headers, state, read_error, event, event_at,
				account_id, meeting_id, meeting_uuid, topic, who, bridge_id)
				VALUES ($1, $2, $2, 0, FALSE, `+bytesOf(body(n))+`, `+bytesOf(body(n))+`, '{"A":"b"}', $3, '', $4, 7, 'acc', '111', 'u', 'topic', 'who', '')`,
				int64(n+1)<<12, n+1, state, event)
			check(t, err)
		}
		check(t, tx.Commit())

		s := dbtest.Open(t, cfg)
		page, err := s.EventRows(t.Context(), db.EventFilter{MeetingID: "111"}, "", 200)
		check(t, err)
		if len(page.Items) != 200 || page.Items[0].ID != events<<12 {
			t.Errorf("%d events, the newest is %d", len(page.Items), page.Items[0].ID)
		}
		total, err := s.EventTotal(t.Context())
		check(t, err)
		if total != events {
			t.Errorf("%d events in all", total)
		}
		page, err = s.EventRows(t.Context(), db.EventFilter{Text: "needle42"}, "", 10)
		check(t, err)
		same(t, eventIDs(page.Items), []int64{43 << 12})
		e, err := s.Event(t.Context(), 43<<12)
		check(t, err)
		if string(e.Body) != body(42) || e.Headers["A"] != "b" || e.State != incident.EventRead || e.Topic != "topic" || e.Origin != incident.OriginWebhook {
			t.Errorf("got %+v", e)
		}
		unread, err := s.NewEvents(t.Context(), 10)
		check(t, err)
		if len(unread) != 1 || unread[0].ID != 6<<12 {
			t.Errorf("unread are %v", unread)
		}
		id, duplicate, err := s.AppendEvent(t.Context(), incident.NewEvent{ReceivedAt: now, SignedAt: now, Body: []byte(body(42))})
		check(t, err)
		if id != 43<<12 || !duplicate {
			t.Errorf("sent again it is %d, duplicate %v", id, duplicate)
		}
	})
}
