package db

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrations has two folders with a file for each version. If a version is Go code,
// its file says where the code is. Never edit a released file.
//
//go:embed migrations/sqlite migrations/postgres
var migrations embed.FS

// migrate updates the schema to this program's version, each step in its own
// transaction. On PostgreSQL several servers may start at once; one of them
// does the work and the others wait. On SQLite openSQLite holds a lock.
func (s *Store) migrate(ctx context.Context) error {
	p, err := s.migrations()
	if err != nil {
		return err
	}
	// Check before taking the lock, so that a start with nothing to do never
	// waits for it.
	current, known, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the schema: %w", err)
	}
	if current > known {
		return fmt.Errorf("the database has schema version %d, but this program knows versions only up to %d: "+
			"a newer Drawbridge has used it; start that version, or restore a backup made before the update", current, known)
	}
	// Not current == known: a step that was added with a number in a gap would be
	// skipped. Goose refuses it.
	if pending, err := p.HasPending(ctx); err != nil || !pending {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		var partial *goose.PartialError
		if errors.As(err, &partial) && partial.Failed != nil {
			return fmt.Errorf("update the schema to version %d: %w; the database is as it was before that step", partial.Failed.Source.Version, partial.Err)
		}
		return fmt.Errorf("update the schema: %w", err)
	}
	s.log.Info("schema updated", "engine", s.Engine(), "from", current, "to", known)
	return nil
}

// migrations returns the steps for the engine. The writer runs them.
func (s *Store) migrations() (*goose.Provider, error) {
	dialect := goose.DialectSQLite3
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(s.fillEvents(), s.splitWords(), s.keepFacts(), s.searchIncidents())}
	if s.postgres {
		locker, err := lock.NewPostgresTableLocker(lock.WithTableLockTimeout(100*time.Millisecond, 3000))
		if err != nil {
			return nil, err
		}
		dialect = goose.DialectPostgres
		options = append(options, goose.WithLocker(locker))
	}
	files, err := fs.Sub(migrations, "migrations/"+s.Engine())
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, s.w, files, options...)
}

// knownSchema returns the newest version of SQLite's schema that this program
// knows.
func knownSchema() (int64, error) {
	db, err := sql.Open("sqlite", ":memory:") // this never connects
	if err != nil {
		return 0, err
	}
	defer db.Close()
	p, err := (&Store{w: db}).migrations()
	if err != nil {
		return 0, err
	}
	steps := p.ListSources()
	return steps[len(steps)-1].Version, nil
}
