package db

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// sqliteCode returns the extended result code of SQLite in err, or 0 if there
// is none.
func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

// sqlState returns PostgreSQL's SQLSTATE in err, or "" if there is none.
// Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// isUnique reports whether err says that a unique key is taken.
func isUnique(err error) bool {
	code := sqliteCode(err)
	return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || sqlState(err) == "23505"
}

// isForeignKey reports whether err says that a row refers to one that does not
// exist, or that a row to delete is still referred to.
func isForeignKey(err error) bool {
	return sqliteCode(err) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY || sqlState(err) == "23503"
}

// canRetry reports whether PostgreSQL asks to repeat the whole transaction.
// SQLite's BUSY does not count, because its busy timeout has already waited.
func canRetry(err error) bool {
	state := sqlState(err)
	return state == "40001" || state == "40P01"
}

// coded turns an error of the database into an *incident.Error: Conflict for a
// taken key, Internal for a wrong statement, and Unavailable for any failure of
// the database, its disk or the network. An *incident.Error stays unchanged.
func coded(err error) error {
	var known *incident.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if isUnique(err) {
		return &incident.Error{Code: incident.Conflict, Message: "Someone else has just saved the same thing. Reload the page and check it before you continue.", Err: err}
	}
	if isForeignKey(err) {
		return &incident.Error{Code: incident.Conflict, Message: "Something that this refers to has just been changed or removed. Reload the page and check it before you continue.", Err: err}
	}
	var bug *scanError
	if isWrongStatement(err) || errors.As(err, &bug) {
		return &incident.Error{Code: incident.Internal, Message: "Drawbridge could not read or write its database because of an internal error. The log has the details.", Err: err}
	}
	if broken := brokenFile(err); broken != nil {
		return broken
	}
	return unavailable("The database doesn’t answer. Try again in a moment.", err)
}

// brokenFile is what is wrong with the database's file or its disk, or nil.
func brokenFile(err error) error {
	switch sqliteCode(err) & 0xff {
	case sqlite3.SQLITE_FULL:
		return errDiskFull(err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return unavailable("The database file "+SQLiteFile+" is damaged. Stop Drawbridge and restore the last backup as described in docs/backup.md.", err)
	}
	return nil
}

// isWrongStatement reports whether the statement or its values are wrong, so
// that a retry would fail in the same way.
func isWrongStatement(err error) bool {
	switch sqliteCode(err) & 0xff {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE:
		return true
	}
	state := sqlState(err)
	if len(state) != 5 {
		return false
	}
	switch state[:2] {
	case "08", "25", "40", "53", "55", "57", "58", "XX", "F0":
		return false // connection, read-only, resources, locks, shutdown, system
	}
	return true
}

// scanError is the error of a row that does not fit the Go values. The schema
// and the program disagree, or someone changed a stored JSON text.
type scanError struct{ err error }

func (e *scanError) Error() string { return "read a row: " + e.err.Error() }
func (e *scanError) Unwrap() error { return e.err }

func notFound(noun string) error {
	message := "This " + noun + " doesn’t exist."
	if noun == "event" || noun == "runbook" {
		message += " It may have been deleted."
	}
	return &incident.Error{Code: incident.NotFound, Message: message}
}

func conflict(message string) error {
	return &incident.Error{Code: incident.Conflict, Message: message}
}

func unavailable(message string, cause error) error {
	return &incident.Error{Code: incident.Unavailable, Message: message, Err: cause}
}
