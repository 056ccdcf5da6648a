package db_test

import (
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestSavedFilters(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		stale := incident.SavedFilter{ID: id(), Name: "stale ones", Query: "stale=1", CreatedBy: id(), CreatedAt: now}
		joins := incident.SavedFilter{ID: id(), Name: "Joins of today", Query: "event=meeting.participant_joined&range=24h", CreatedBy: id(), CreatedAt: after(5)}
		check(t, s.InsertSavedFilter(ctx, stale))
		check(t, s.InsertSavedFilter(ctx, joins))
		twice := stale
		twice.ID = id()
		wantCode(t, s.InsertSavedFilter(ctx, twice), incident.Conflict)

		all, err := s.SavedFilters(ctx)
		check(t, err)
		same(t, all, []incident.SavedFilter{joins, stale})
		got, err := s.SavedFilter(ctx, stale.ID)
		check(t, err)
		same(t, got, stale)

		check(t, s.DeleteSavedFilter(ctx, stale.ID))
		wantCode(t, s.DeleteSavedFilter(ctx, stale.ID), incident.NotFound)
		_, err = s.SavedFilter(ctx, stale.ID)
		wantCode(t, err, incident.NotFound)
		check(t, s.InsertSavedFilter(ctx, twice))
	})
}
