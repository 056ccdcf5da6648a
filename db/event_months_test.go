package db_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// Each month is dropped as a whole, and events that arrive before their month
// has a partition are kept.
func TestMonths(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Postgres(t)
	clock := now
	cfg.Now = func() time.Time { return clock }
	s := dbtest.Open(t, cfg)
	conn := raw(t, cfg)
	same(t, rows(t, conn, `SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'events\_2%' ORDER BY 1`),
		[][]string{{"events_2026_11"}, {"events_2026_12"}, {"events_2027_01"}, {"events_2027_02"}})

	november := addEvent(t, s, 0, "november")
	december := addEvent(t, s, 24*3600*20, "december")
	april := addEvent(t, s, 24*3600*150, "april, before it has a partition")
	clock = now.AddDate(0, 4, 0)
	check(t, s.PrepareMonths(t.Context()))
	check(t, s.PrepareMonths(t.Context())) // nothing to do
	may := addEvent(t, s, 24*3600*170, "may")
	page, err := s.EventRows(t.Context(), db.EventFilter{}, "", 10)
	check(t, err)
	same(t, eventIDs(page.Items), []int64{may, april, december, november})
	same(t, rows(t, conn, `SELECT COUNT(*) FROM events_rest`), [][]string{{"1"}})

	_, err = s.DropMonthsBefore(t.Context(), december)
	check(t, err)
	page, err = s.EventRows(t.Context(), db.EventFilter{}, "", 10)
	check(t, err)
	same(t, eventIDs(page.Items), []int64{may, april, december})
	_, err = s.Event(t.Context(), november)
	wantCode(t, err, incident.NotFound)
}

// BenchmarkRetention deletes the events of a month, b.N of them: row by row on
// both engines, and as a partition on PostgreSQL.
func BenchmarkRetention(b *testing.B) {
	for _, tt := range []struct {
		name   string
		cfg    func(testing.TB) db.Config
		remove func(b *testing.B, s *db.Store, end time.Time)
	}{
		{"sqlite/rows", dbtest.SQLite, removeRows},
		{"postgres/rows", dbtest.Postgres, removeRows},
		{"postgres/month", dbtest.Postgres, func(b *testing.B, s *db.Store, end time.Time) {
			if dropped, err := s.DropEventMonths(b.Context(), end); err != nil || dropped != 1 {
				b.Fatal(dropped, err)
			}
		}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			cfg := tt.cfg(b)
			begin := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
			end := begin.AddDate(0, 1, 0)
			cfg.Now = func() time.Time { return begin }
			s := dbtest.Open(b, cfg)
			check(b, s.SeedEvents(b.Context(), b.N, begin, end, func(int) {}))
			_, _, err := s.AppendEvent(b.Context(), incident.NewEvent{ReceivedAt: end, SignedAt: end, Body: []byte(`{"event":"one that stays"}`)})
			check(b, err)
			b.ResetTimer()
			tt.remove(b, s, end)
			b.StopTimer()
			page, err := s.EventRows(b.Context(), db.EventFilter{}, "", 10)
			check(b, err)
			if len(page.Items) != 1 {
				b.Fatalf("%d events are left", len(page.Items))
			}
		})
	}
}

func removeRows(b *testing.B, s *db.Store, end time.Time) {
	for {
		n, err := s.DeleteEventsBefore(b.Context(), end, 500)
		check(b, err)
		if n == 0 {
			return
		}
	}
}
