package db_test

import (
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// D-20: PostgreSQL asks to repeat a transaction.
func TestPostgresRetries(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"40001", "40P01"} {
		t.Run(state, func(t *testing.T) {
			cfg := dbtest.Postgres(t)
			s := dbtest.Open(t, cfg)
			conn := raw(t, cfg)
			_, err := conn.Exec(`
				CREATE SEQUENCE tries;
				CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN
					IF nextval('tries') % 10 <> 3 THEN
						RAISE EXCEPTION 'again' USING ERRCODE = '` + state + `';
					END IF;
					RETURN NEW;
				END $$;
				CREATE TRIGGER refuse BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION refuse()`)
			check(t, err)
			check(t, s.InsertUser(t.Context(), user("ana@example.com", incident.Viewer), entry("user.add"))) // the third try
			same(t, actions(t, s), []string{"user.add"})
			wantCode(t, s.InsertUser(t.Context(), user("bo@example.com", incident.Viewer), entry("user.add")), incident.Unavailable)
			same(t, rows(t, conn, `SELECT nextval('tries')`), [][]string{{"9"}}) // five tries
		})
	}
}

// D-20: the server closes every connection, and the store opens new ones.
func TestPostgresRestart(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Postgres(t)
	s := dbtest.Open(t, cfg)
	addEvent(t, s, 0, "before")
	_, err := raw(t, cfg).Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	check(t, err)
	refused := 0
	for err = s.Ping(t.Context()); err != nil; err = s.Ping(t.Context()) {
		wantCode(t, err, incident.Unavailable)
		if refused++; refused > 16 { // each connection of the pool may be found dead once
			t.Fatal(err)
		}
	}
	addEvent(t, s, 1, "after")
	_, err = s.Users(t.Context())
	check(t, err)
}

// The store follows the settings for the pool and for timeouts in the address,
// and does not send them to the server.
func TestPostgresAddress(t *testing.T) {
	t.Parallel()
	address := dbtest.PostgresURL(t)
	for _, tt := range []struct{ name, add, wantErr string }{
		{"a pool and timeouts", "&pool_max_conns=2&connect_timeout=2&idle_in_transaction_session_timeout=1000", ""},
		{"not a number", "&pool_max_conns=many", "pool_max_conns"},
		{"too few", "&pool_max_conns=1", "pool_max_conns"},
		{"no such setting", "&statment_timeout=1", "statment_timeout"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := db.Open(t.Context(), db.Config{DatabaseURL: address + tt.add, Keys: dbtest.Keys(t, "test"), Now: func() time.Time { return now }})
			if err == nil {
				defer s.Close()
			}
			if (err != nil) != (tt.wantErr != "") || err != nil && !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("got %v, want %q", err, tt.wantErr)
			}
		})
	}
}
