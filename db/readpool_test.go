package db_test

import (
	"sync"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// With more statements than the pool keeps, many readers at once get the same
// answers as the first one, also after the schema has changed.
func TestManyStatements(t *testing.T) {
	t.Parallel()
	cfg := dbtest.SQLite(t)
	s := dbtest.Open(t, cfg)
	const events = 80 // more than are kept
	for n := range events {
		addRead(t, s, n, incident.Reading{Event: "meeting.started"})
	}
	read := func() {
		var readers sync.WaitGroup
		for n := range 4 {
			readers.Go(func() {
				for i := range events { // the limit is in the text of the statement
					want := 1 + (i+n*17)%events
					page, err := s.EventRows(t.Context(), db.EventFilter{}, "", want)
					if err != nil || len(page.Items) != want {
						t.Errorf("%d of %d events: %v", len(page.Items), want, err)
					}
				}
			})
		}
		readers.Wait()
	}
	read()
	_, err := raw(t, cfg).Exec(`CREATE TABLE other (id INTEGER); DROP TABLE other`)
	check(t, err)
	read()
}
