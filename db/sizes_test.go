package db_test

import (
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
)

func TestSizes(t *testing.T) {
	t.Parallel()
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
