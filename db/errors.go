package db

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// SQLite result codes, https://www.sqlite.org/rescode.html.
const (
	sqliteError             = 1
	sqliteInterrupt         = 9
	sqliteCorrupt           = 11
	sqliteFull              = 13
	sqliteTooBig            = 18
	sqliteConstraint        = 19
	sqliteMismatch          = 20
	sqliteMisuse            = 21
	sqliteRange             = 25
	sqliteNotADB            = 26
	sqliteIOErrFsync        = 1034
	sqliteIOErrShmSize      = 4874
	sqliteConstraintFK      = 787
	sqliteConstraintPrimary = 1555
	sqliteConstraintUnique  = 2067
)

// sqliteCode is the extended result code in err, 0 when there is none.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// sqlState is PostgreSQL's SQLSTATE in err, "" when there is none.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// isUnique reports whether err says that a unique key is taken.
func isUnique(err error) bool {
	code := sqliteCode(err)
	return code == sqliteConstraintUnique || code == sqliteConstraintPrimary || sqlState(err) == "23505"
}

// isForeignKey reports whether err says that a row points at one that is not
// there, or that one which others point at was to go.
func isForeignKey(err error) bool {
	return sqliteCode(err) == sqliteConstraintFK || sqlState(err) == "23503"
}

// canRetry reports whether PostgreSQL asked for the whole transaction again.
// SQLite's BUSY is not among them: its busy timeout has waited already.
func canRetry(err error) bool {
	state := sqlState(err)
	return state == "40001" || state == "40P01"
}

// coded gives an error of the database a code and a sentence: conflict for a
// taken key, internal for a statement that is wrong, and unavailable for all
// that the database, its disk or the network did. An *incident.Error stays.
func coded(err error) error {
	var known *incident.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if isUnique(err) {
		return &incident.Error{Code: incident.Conflict, Message: "Somebody else has just saved the same. Reload the page and look at it before you go on.", Err: err}
	}
	if isForeignKey(err) {
		return &incident.Error{Code: incident.Conflict, Message: "What this belongs to has just been changed or removed. Reload the page and look at it before you go on.", Err: err}
	}
	var bug *scanError
	if isWrongStatement(err) || errors.As(err, &bug) {
		return &incident.Error{Code: incident.Internal, Message: "Drawbridge made a mistake in reading or writing its database. The log says more.", Err: err}
	}
	switch sqliteCode(err) & 0xff {
	case sqliteFull:
		return errDiskFull(err)
	case sqliteCorrupt, sqliteNotADB:
		return unavailable("The database file "+SQLiteFile+" is damaged. Stop Drawbridge and restore the last backup; docs/backup.md says how.", err)
	}
	return unavailable("The database does not answer. Try again in a moment.", err)
}

// isWrongStatement reports whether the statement or its values are at fault,
// so that another try would end the same.
func isWrongStatement(err error) bool {
	switch sqliteCode(err) & 0xff {
	case sqliteError, sqliteTooBig, sqliteConstraint, sqliteMismatch, sqliteMisuse, sqliteRange:
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

// scanError is a row that did not fit the Go values: the schema and the program
// disagree, or a stored JSON text was changed by hand.
type scanError struct{ err error }

func (e *scanError) Error() string { return "read a row: " + e.err.Error() }
func (e *scanError) Unwrap() error { return e.err }

func notFound(noun string) error {
	return &incident.Error{Code: incident.NotFound, Message: fmt.Sprintf("There is no such %s. It may have been deleted.", noun)}
}

func conflict(message string) error {
	return &incident.Error{Code: incident.Conflict, Message: message}
}

func unavailable(message string, cause error) error {
	return &incident.Error{Code: incident.Unavailable, Message: message, Err: cause}
}
