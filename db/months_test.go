package db_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// Each month is dropped whole, and what comes before a month has its place is
// kept all the same.
func TestMonths(t *testing.T) {
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
