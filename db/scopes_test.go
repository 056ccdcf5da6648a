package db_test

import (
	"os"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// Tokens from before raw events and metrics had scopes can still read them.
func TestOldTokensKeepWhatTheyCouldRead(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		s := dbtest.Open(t, cfg)
		for id, scopes := range map[string]string{"1": "read", "2": "incidents:write", "3": "incidents:write read"} {
			check(t, s.InsertToken(t.Context(), incident.Token{ID: id, Name: id, Hash: id, Scopes: strings.Fields(scopes), CreatedAt: now}, incident.AuditEntry{}))
		}
		file, err := os.ReadFile("migrations/" + s.Engine() + "/00013_scopes.sql")
		check(t, err)
		up, _, _ := strings.Cut(string(file), "-- +goose Down")
		_, err = raw(t, cfg).Exec(up)
		check(t, err)
		got := map[string]string{}
		tokens, err := s.Tokens(t.Context())
		check(t, err)
		for _, tok := range tokens {
			got[tok.ID] = strings.Join(tok.Scopes, " ")
		}
		same(t, got, map[string]string{"1": "read events:raw metrics", "2": "incidents:write", "3": "incidents:write read events:raw metrics"})
	})
}
