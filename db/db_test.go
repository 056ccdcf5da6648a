package db_test

import (
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
)

func TestOpenSmoke(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		z, err := s.Sizes(t.Context())
		t.Log(z, err)
	})
}
