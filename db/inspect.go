package db

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// KeyFile is the name of the master key in the data directory.
const KeyFile = "master.key"

// noteFile tells people what is in the data directory, and tells Open that
// there was a database.
const noteFile = "contents.txt"

const note = SQLiteFile + ` is Drawbridge's database, together with its -wal and -shm files.
Do not copy it while Drawbridge runs: run "drawbridge backup FILE".
If this file or ` + KeyFile + ` exists and the database does not, Drawbridge does not
start, because it would start with an empty database.
`

// inspectTime limits how long a start checks the database. A full check reads
// the whole file, which takes minutes with millions of events; until then
// Zoom's events would be rejected and nobody could open an incident.
// "drawbridge verify" makes a full check of a backup.
const inspectTime = time.Second

// inspect checks the database file before anything writes to it, so that a
// damaged file stays unchanged and can be examined. It reports whether there is
// a database, and whether the database has its mark.
//
// After an unclean stop it does not check more. SQLite itself recovers: it
// takes from the write-ahead log what was committed completely, verified by
// checksums, and with synchronous=FULL that includes everything that was
// acknowledged. inspect checks the most recent events.
func inspect(ctx context.Context, path string) (exists, marked bool, err error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return false, false, fmt.Errorf("%s is not a file; move it away, or set another data directory", path)
	}
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return false, false, refuseNew(path)
	}
	if err != nil {
		return false, false, fmt.Errorf("open the database: %w", dirProblem(filepath.Dir(path), err))
	}
	mark, err := checkHeader(path)
	if errors.Is(err, errNotSQLite) {
		err = fmt.Errorf("%w; set another data directory or, if it was Drawbridge's database, %s", err, restoreHint(path))
	}
	if err != nil {
		return true, true, err
	}
	ctx, cancel := context.WithTimeout(ctx, inspectTime)
	defer cancel()
	conn, closeFile, err := openFile(ctx, path, "mode=ro")
	if err == nil {
		defer closeFile()
		marked, err = checkMark(ctx, conn, mark)
		if err == nil {
			err = checkPart(ctx, conn)
		}
	}
	switch {
	case errors.Is(err, errForeignLog):
		return true, true, fmt.Errorf("%[1]s-wal does not belong to %[1]s: a backup may have replaced the database while the old log stayed. "+
			"Move it away together with %[1]s-shm, then start again", path)
	case errors.Is(err, errForeign):
		return true, true, fmt.Errorf("%s was made by another program; set another data directory", path)
	case isDamage(err):
		return true, true, damaged(path, err)
	}
	// Otherwise nothing is known to be wrong. The time may be over, or the disk may
	// be full. Opening the database reports any serious error again.
	return true, marked || err != nil, nil
}

func damaged(path string, err error) error {
	return fmt.Errorf("the database %s is damaged (%w); %s", path, err, restoreHint(path))
}

// refuseNew returns an error if no new database may be created at path because
// there was one.
func refuseNew(path string) error {
	dir := filepath.Dir(path)
	for _, sign := range []string{SQLiteFile + "-wal", KeyFile, noteFile} {
		if info, err := os.Stat(filepath.Join(dir, sign)); err != nil || info.Size() == 0 {
			continue
		}
		return fmt.Errorf("%s is missing or empty, but %s shows that there was a database. Restore the last backup and start again: cp BACKUP %s. "+
			"To start with an empty database, set DRAWBRIDGE_DATA_DIR to an empty directory (DRAWBRIDGE_KEY_FILE=%s keeps the key)",
			path, sign, path, filepath.Join(dir, KeyFile))
	}
	return nil
}

func restoreHint(path string) string {
	return fmt.Sprintf("stop Drawbridge, move the file away together with its -wal and -shm files, and restore the last backup: "+
		"mkdir damaged && mv %[1]s* damaged/ && cp BACKUP %[1]s", path)
}

// errForeignLog means that the write-ahead log belongs to another database.
// SQLite would apply it, because a log does not say which database it belongs
// to. So every database and every backup has a random user_version, which its
// log contains too.
var errForeignLog = errors.New("the log belongs to another database")

var errNotSQLite = errors.New("not a SQLite database, or its first bytes were overwritten")

// markOffset is the position of user_version in a file. Source:
// https://www.sqlite.org/fileformat.html#user_version_number
const markOffset = 60

// newMark returns a random user_version other than 0.
func newMark() int32 { return rand.Int32N(math.MaxInt32) + 1 }

// checkHeader checks the first bytes of the file, before SQLite may change
// anything. mark is the user_version in the file, without the log; 0 means that
// there is none yet.
func checkHeader(path string) (mark int32, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("open the database: %w", dirProblem(filepath.Dir(path), err))
	}
	defer f.Close()
	head := make([]byte, 100)
	if _, err := io.ReadFull(f, head); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, fmt.Errorf("read the database %s: %w", path, err)
	}
	if !bytes.HasPrefix(head, []byte("SQLite format 3\x00")) {
		return 0, fmt.Errorf("%s is %w", path, errNotSQLite)
	}
	return int32(binary.BigEndian.Uint32(head[markOffset:])), nil
}

// checkMark compares the mark in the file with the one in the log, and reports
// whether the database has a mark.
func checkMark(ctx context.Context, db queryer, mark int32) (marked bool, err error) {
	now, err := one(ctx, db, "mark", scalar[int32], `PRAGMA user_version`)
	if err == nil && mark != 0 && now != mark {
		err = errForeignLog
	}
	return now != 0, err
}

// checkPart checks that the database is Drawbridge's, every table except those
// of events, which are too large, and the newest events.
func checkPart(ctx context.Context, db queryer) error {
	if err := checkOwner(ctx, db); err != nil {
		return err
	}
	tables, err := list(ctx, db, scalar[string], `SELECT name FROM sqlite_master
		WHERE type = 'table' AND name NOT LIKE 'event%' AND name NOT LIKE 'sqlite%' ORDER BY name`)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if err := quickCheck(ctx, db, `SELECT * FROM pragma_quick_check($1)`, table); err != nil {
			return err
		}
	}
	err = each(ctx, db, func(r row) error {
		_, err := r.(*sql.Rows).Columns()
		return err
	}, `SELECT * FROM events ORDER BY id DESC LIMIT 100`)
	if isWrongStatement(err) {
		return nil // the schema has no events yet
	}
	return err
}

var errForeign = errors.New("the database was made by another program")

func checkOwner(ctx context.Context, db queryer) error {
	ids, err := list(ctx, db, scalar[int64], `PRAGMA application_id`)
	if err != nil || ids[0] == applicationID {
		return err
	}
	tables, err := list(ctx, db, scalar[int64], `SELECT COUNT(*) FROM sqlite_master`)
	if err == nil && (ids[0] != 0 || tables[0] > 0) {
		err = errForeign
	}
	return err
}

// damage is what SQLite's own check found.
type damage struct{ found string }

func (d damage) Error() string { return d.found }

// quickCheck runs one of SQLite's checks, which answers "ok" or what is wrong.
func quickCheck(ctx context.Context, db queryer, query string, args ...any) error {
	found, err := list(ctx, db, scalar[string], query, args...)
	if err == nil && (len(found) != 1 || found[0] != "ok") {
		err = damage{strings.Join(found[:min(len(found), 5)], "; ")}
	}
	return err
}

// isDamage reports whether err says that the content of the file is damaged.
func isDamage(err error) bool {
	code := sqliteCode(err) & 0xff
	return errors.As(err, new(damage)) || code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// openFile opens a SQLite file for reading, on one connection. options are
// options of its address.
func openFile(ctx context.Context, path, options string) (*sql.Conn, func(), error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, nil, err
	}
	db, err := sql.Open("sqlite", sqliteAddress(abs)+"?"+options+
		"&_pragma=busy_timeout(2000)&_pragma=query_only(1)&_pragma=cell_size_check(1)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-16000)&_dqs=0")
	if err != nil {
		return nil, nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return conn, func() { conn.Close(); db.Close() }, nil
}
