// Package db is the storage of Drawbridge: all of its SQL, on SQLite or
// PostgreSQL, and the sealing of secrets.
//
// The same SQL runs on both engines, with $1 placeholders, times as integer
// Unix milliseconds, and JSON stored as text. Pages call the reads of *Store
// directly. Only incident.Service calls the writes, because it owns the rules.
// An error for people is an *incident.Error with a sentence.
//
// The package must not know HTTP and pages.
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
	DataDir     string           // directory of the SQLite file and the lock; created with mode 0700
	DatabaseURL string           // postgres://…; "" means SQLite in DataDir
	Keys        *Keyring         // nil: sealed values stay locked
	Now         func() time.Time // required
	Log         *slog.Logger     // nil: slog.Default()

	copying bool // allows an unfinished copy
}

// Store is the open database. It is safe for concurrent use. Each method is one
// transaction, which also stores the audit entry if it has an Action. The
// methods of incident.Store follow the contract there. A method that reads,
// changes or deletes one row returns NotFound if there is no such row. Any
// method returns Unavailable if the database does not answer.
type Store struct {
	w        *sql.DB   // writes; one connection on SQLite
	r        *readPool // reads; the same pool as w on PostgreSQL
	postgres bool
	keys     *Keyring
	now      func() time.Time
	log      *slog.Logger

	appends     chan *pendingEvent
	appendBytes atomic.Int64  // content of the events in appends and in the current commit
	batchSize   atomic.Int64  // approximate total size of the last batchMemory commits of events
	batchAt     atomic.Int64  // when the last of these commits started, in Unix milliseconds
	stopped     chan struct{} // closed when Run has answered its last event
	fatal       chan error    // an error after which the process must stop
	broken      atomic.Bool   // set before fatal; all writes fail from then on
	disk        disk
	retiredAt   atomic.Int64 // when RetireWordParts last retired a part, in Unix milliseconds
	readOnly    bool
}

// Open opens the database, creates it if there is none, and updates its schema
// to this program's version. It returns an error if the schema is newer. It
// starts no goroutine of ours; Run does the work of one.
//
// Open writes a key that LoadOrCreateKey created to its file, unless the
// database already has sealed values. The new key could not open these, so they
// stay locked, and KeyProblem says so.
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
		s.keys = &Keyring{problem: "No master key is set, so stored secrets are locked. Set DRAWBRIDGE_KEY or DRAWBRIDGE_KEY_FILE."}
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.disk = disk{log: s.log, h: Health{FreeBytes: -1, DatabaseBytes: -1, WALBytes: -1}}
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

// ReadOnly returns the same database for reading. Every write returns an
// Internal error.
func (s *Store) ReadOnly() incident.Store {
	return &Store{w: s.w, r: s.r, postgres: s.postgres, keys: s.keys, now: s.now, log: s.log, readOnly: true}
}

// Close closes the database. Later calls return Unavailable.
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

// Ping returns an error if the database cannot be written to now. It makes a
// small write to find out.
func (s *Store) Ping(ctx context.Context) error {
	return s.write(ctx, func(tx *sql.Tx) error { return bump(ctx, tx, "ping") })
}

// oneOf returns the condition that a text is one of values, and the argument for its
// parameter. All values are one parameter, because SQLite takes long to prepare a statement
// with hundreds of them.
func (s *Store) oneOf(parameter string, values []string) (condition string, argument any) {
	if s.postgres {
		return ` = ANY(CAST(` + parameter + ` AS TEXT[]))`, values
	}
	return ` IN (SELECT value FROM json_each(` + parameter + `))`, asJSON(values)
}

// Engine returns "sqlite" or "postgres".
func (s *Store) Engine() string {
	if s.postgres {
		return "postgres"
	}
	return "sqlite"
}

// forUpdate returns the end of a SELECT whose rows are then changed. SQLite
// needs none, because it has one writer at a time.
func (s *Store) forUpdate() string {
	if s.postgres {
		return " FOR UPDATE"
	}
	return ""
}
