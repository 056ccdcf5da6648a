// Package dbtest gives each test its own empty, migrated database: SQLite
// always, PostgreSQL if one is available.
//
// PostgreSQL is the server in TEST_POSTGRES_URL, whose user must be allowed to
// create databases. Without that, each test program starts a server from the
// binaries on this machine. If there is neither, tests on PostgreSQL are
// skipped; with REQUIRE_POSTGRES=1 they fail.
package dbtest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// Now is what the clock of these databases always shows.
var Now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// Each runs test on every engine, each time with a fresh database.
func Each(t *testing.T, test func(t *testing.T, s *db.Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, New(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Open(t, MigratedPostgres(t))) })
}

// EachConfig is Each for tests that open the database themselves.
func EachConfig(t *testing.T, test func(t *testing.T, cfg db.Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// New returns a fresh SQLite database, for tests that do not depend on the
// engine.
func New(t testing.TB) *db.Store {
	t.Helper()
	return Open(t, Migrated(t))
}

// SQLite returns the configuration of a SQLite database that does not exist yet.
func SQLite(t testing.TB) db.Config {
	t.Helper()
	return config(t, t.TempDir(), "")
}

// Migrated is SQLite for a database that already has the schema. Copying one is much
// faster than running every migration.
func Migrated(t testing.TB) db.Config {
	t.Helper()
	content, err := schema()
	if err != nil {
		t.Fatal(err)
	}
	cfg := SQLite(t)
	if err := os.WriteFile(filepath.Join(cfg.DataDir, db.SQLiteFile), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// schema is the file of a SQLite database with the schema and nothing else.
var schema = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "drawbridge-schema-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s, err := db.Open(context.Background(), db.Config{DataDir: dir, Now: func() time.Time { return Now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, db.SQLiteFile))
})

// Postgres returns the configuration of a fresh PostgreSQL database, which is
// dropped when the test ends. It skips the test if there is no server.
func Postgres(t testing.TB) db.Config {
	t.Helper()
	return config(t, t.TempDir(), PostgresURL(t))
}

// MigratedPostgres is Postgres for a database that already has the schema.
func MigratedPostgres(t testing.TB) db.Config {
	t.Helper()
	return config(t, t.TempDir(), migratedURL(t))
}

func config(t testing.TB, dir, url string) db.Config {
	t.Helper()
	return db.Config{
		DataDir: dir, DatabaseURL: url,
		Keys: Keys(t, "test"),
		Now:  func() time.Time { return Now },
		Log:  slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// Keys returns a keyring with a key for each name, newest first.
func Keys(t testing.TB, names ...string) *db.Keyring {
	t.Helper()
	var keys []string
	for _, name := range names {
		key := sha256.Sum256([]byte(name))
		keys = append(keys, base64.StdEncoding.EncodeToString(key[:]))
	}
	k, err := db.NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Open opens a database and runs its writer until the test ends.
func Open(t testing.TB, cfg db.Config) *db.Store {
	t.Helper()
	s, err := db.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("run the database's writer: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	return s
}

// Become returns a change for Store.UpdateUser that stores u.
func Become(u incident.User, audit incident.AuditEntry) func(*incident.User) (incident.AuditEntry, error) {
	return func(stored *incident.User) (incident.AuditEntry, error) {
		*stored = u
		return audit, nil
	}
}
