package db_test

import (
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestPulse(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		got, err := s.Pulse(t.Context(), nil)
		check(t, err)
		same(t, got, map[string]int64{})
		check(t, s.AddRefusals(t.Context(), now, map[incident.Rejection]int64{"x": 1}))
		check(t, s.AddRefusals(t.Context(), now, map[incident.Rejection]int64{"x": 1}))
		got, err = s.Pulse(t.Context(), []string{"events", "incident:42", "' OR 1=1"})
		check(t, err)
		same(t, got, map[string]int64{"events": 2, "incident:42": 0, "' OR 1=1": 0})
	})
}
