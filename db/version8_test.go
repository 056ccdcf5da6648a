package db_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
)

// A database of version 8 of the schema opens, and nothing in it is lost.
func TestUpgradeFromVersion8(t *testing.T) {
	want := map[string]int{}
	for _, r := range dbtest.Version8Rows(t) {
		want[r.Table]++
	}
	told := map[string]int{}
	for _, line := range dbtest.Version8History(t) {
		kind, _, _ := strings.Cut(line, " ")
		told[kind]++
	}
	for kind, table := range map[string]string{"incident": "incidents", "timeline": "timeline_entries", "step": "step_runs", "bridge": "bridges",
		"attempt": "bridge_attempts", "audit": "audit_entries", "look": "gap_looks", "check": "accounts"} {
		if told[kind] != want[table] || want[table] == 0 {
			t.Errorf("the history tells of %d rows of %s, which has %d", told[kind], table, want[table])
		}
	}
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		cfg = dbtest.Version8(t, cfg)
		s := dbtest.Open(t, cfg)
		if problem := s.KeyProblem(); problem != "" {
			t.Error(problem)
		}
		conn := raw(t, cfg)
		for table, rows := range want {
			if table == "event_words_parts" && cfg.DatabaseURL != "" { // SQLite's own
				continue
			}
			var n int
			check(t, conn.QueryRow(`SELECT COUNT(*) FROM `+table).Scan(&n))
			if n != rows {
				t.Errorf("%s has %d rows, want %d", table, n, rows)
			}
		}
		account, err := s.Account(t.Context())
		check(t, err)
		if !account.Connected() {
			t.Error("the secrets do not open")
		}
		for _, word := range []string{"joined", "ravi", "call"} {
			page, err := s.EventRows(t.Context(), db.EventFilter{Text: word}, "", 10)
			check(t, err)
			if len(page.Items) == 0 {
				t.Errorf("a search for %q finds nothing", word)
			}
		}

		// It has become what a new database is.
		fresh := dbtest.SQLite(t)
		of := sqliteSchema
		if cfg.DatabaseURL != "" {
			fresh, of = dbtest.Postgres(t), postgresSchema
		}
		dbtest.Open(t, fresh)
		same(t, of(t, conn), of(t, raw(t, fresh)))
		same(t, versions(t, conn), versions(t, raw(t, fresh)))
	})
}

// versions are the steps that the schema has taken.
func versions(t *testing.T, conn *sql.DB) [][]string {
	t.Helper()
	return rows(t, conn, `SELECT version_id, is_applied FROM goose_db_version ORDER BY id`)
}
