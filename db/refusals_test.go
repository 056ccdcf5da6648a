package db_test

import (
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		changed := topics(t, s, func() {
			check(t, s.AddRefusals(ctx, after(61), map[incident.Rejection]int64{"signature": 3, "shape": 1}))
		})
		same(t, changed, []string{db.TopicEvents})
		check(t, s.AddRefusals(ctx, after(119), map[incident.Rejection]int64{"signature": 2}))
		check(t, s.AddRefusals(ctx, after(300), map[incident.Rejection]int64{"signature": 1}))
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
