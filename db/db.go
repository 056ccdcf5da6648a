// Package db is the storage of Drawbridge: every SQL statement of the program,
// on SQLite or PostgreSQL, and the sealing of secrets.
//
// One SQL text serves both engines, with $1 placeholders, integer Unix
// milliseconds and JSON kept as text. Reads are methods of *Store that pages
// call directly; writes are called by incident.Service, which owns the rules.
// Refusals are *incident.Error with a sentence for people.
//
// The package knows no HTTP and no page.
package db

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

var _ incident.Store = (*Store)(nil)

// Config says where the data is.
type Config struct {
	DataDir     string           // directory of the SQLite file and the lock; made with mode 0700
	DatabaseURL string           // postgres://…; empty means SQLite in DataDir
	Keys        *Keyring         // nil: sealed values stay locked
	Now         func() time.Time // required
	Log         *slog.Logger     // nil: slog.Default()

	copying bool // an unfinished copy is welcome
}

// Store is the open database. It is safe for concurrent use. Each method is one
// transaction, in which an AuditEntry with an Action is written too. Besides the
// errors that a method names, it answers Unavailable when the database does not
// answer, and Internal.
type Store struct {
	w        *sql.DB   // writes; one connection on SQLite
	r        *readPool // reads; the same pool as w on PostgreSQL
	postgres bool
	keys     *Keyring
	now      func() time.Time
	log      *slog.Logger

	appends   chan *pendingEvent
	batchSize atomic.Int64  // of the last batchMemory commits of events together, about
	batchAt   atomic.Int64  // when the last one began, in Unix milliseconds
	stopped   chan struct{} // closed when Run has answered its last event
	fatal     chan error    // an error after which the process must not go on
	broken    atomic.Bool   // set before fatal: nothing is written any more
	disk      disk
	retiredAt atomic.Int64 // when RetireWordParts last did, in Unix milliseconds
	readOnly  bool
}

// Open opens the database, makes it if there is none, and brings its schema up
// to this program's. It starts no goroutine of ours: see Run. A schema newer
// than this program is refused.
//
// A key that Keys has not written yet (see LoadOrCreateKey) is written now,
// unless the database already holds sealed values, which a new key could not
// open: then they stay locked and KeyProblem says so.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	s := &Store{
		keys:    cfg.Keys,
		now:     cfg.Now,
		log:     cfg.Log,
		appends: make(chan *pendingEvent, appendQueue),
		stopped: make(chan struct{}),
		fatal:   make(chan error, 1),
	}
	if s.keys == nil {
		s.keys = &Keyring{problem: "No master key is given, so stored secrets are locked. Set DRAWBRIDGE_KEY or DRAWBRIDGE_KEY_FILE."}
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.disk = disk{log: s.log, now: s.now, h: Health{FreeBytes: -1, DatabaseBytes: -1, WALBytes: -1}}
	var err error
	if cfg.DatabaseURL != "" {
		err = s.openPostgres(ctx, cfg.DatabaseURL, cfg.copying)
	} else {
		err = s.openSQLite(ctx, cfg.DataDir)
	}
	if err == nil {
		err = s.admitKeys(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// ReadOnly is the same database for reading. Each write is an Internal error.
func (s *Store) ReadOnly() incident.Store {
	return &Store{w: s.w, r: s.r, postgres: s.postgres, keys: s.keys, now: s.now, log: s.log, readOnly: true}
}

// Close closes the database. Calls after it answer with the code unavailable.
func (s *Store) Close() error {
	var errs []error
	if s.r != nil && s.r.DB != s.w {
		errs = append(errs, s.r.Close())
	}
	if s.w != nil {
		errs = append(errs, s.w.Close())
	}
	return errors.Join(errs...)
}

// Ping reports whether the database can be written to now, by writing.
func (s *Store) Ping(ctx context.Context) error {
	return s.write(ctx, func(tx *sql.Tx) error { return bump(ctx, tx, "ping") })
}

// Engine is "sqlite" or "postgres".
func (s *Store) Engine() string {
	if s.postgres {
		return "postgres"
	}
	return "sqlite"
}

// forUpdate is what a SELECT ends with that reads rows in order to change them.
// SQLite has one writer at a time and needs no word for it.
func (s *Store) forUpdate() string {
	if s.postgres {
		return " FOR UPDATE"
	}
	return ""
}

// skipLocked ends the subquery that claims rows.
func (s *Store) skipLocked() string {
	if s.postgres {
		return " FOR UPDATE SKIP LOCKED"
	}
	return ""
}
