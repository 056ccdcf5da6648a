package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	_ "modernc.org/sqlite"
)

// SQLiteFile is the name of the database in the data directory.
const SQLiteFile = "drawbridge.db"

// applicationID marks a SQLite file as ours ("DrBr"); see
// https://www.sqlite.org/pragma.html#pragma_application_id.
const applicationID = 0x44724272

// synchronous: with NORMAL a power cut may take the last commits. It is a
// variable only so that the crash test can link a program without this promise
// (go build -ldflags "-X …/db.synchronous=NORMAL") and see it fail; nothing
// sets it while a program runs.
var synchronous = "FULL"

// SQLite options of every connection. The busy timeout is below the 2.5 s in
// which a webhook must be answered. secure_delete: a deleted secret leaves no
// trace in free pages.
var sqliteOptions = "?_pragma=busy_timeout(2000)" +
	"&_pragma=foreign_keys(1)" +
	"&_pragma=synchronous(" + synchronous + ")" +
	"&_pragma=secure_delete(1)" +
	"&_pragma=cell_size_check(1)" +
	"&_pragma=temp_store(MEMORY)" +
	"&_pragma=journal_size_limit(67108864)" +
	"&_dqs=0"

var (
	// In KiB, for each connection. A larger cache of the writer makes every commit
	// slower, since it is searched, and readers have the system's beside their own.
	sqliteWriter = sqliteOptions + "&_pragma=journal_mode(WAL)&_pragma=cache_size(-2000)&_txlock=immediate" +
		// Pages go from the log into the database when it has so many. Each takes
		// the disk a while, those of a large log lie apart, and commits wait for them.
		"&_pragma=wal_autocheckpoint(250)"
	sqliteReader = sqliteOptions + "&_pragma=query_only(1)&_pragma=cache_size(-2000)"
)

// sqliteReaders is how many may read at once. More do not read faster on a few
// cores, and take the time of the events that arrive.
const sqliteReaders = 2

func (s *Store) openSQLite(ctx context.Context, dir string) error {
	if dir == "" {
		return errors.New("no data directory is given: set DRAWBRIDGE_DATA_DIR")
	}
	if err := makeDataDir(dir); err != nil {
		return err
	}
	path, err := filepath.Abs(filepath.Join(dir, SQLiteFile))
	if err != nil {
		return err
	}
	// Two programs that start at once would both switch the journal mode and
	// make the first table, and one would fail.
	release, err := lockFile(ctx, filepath.Join(dir, "migrate.lock"))
	if err != nil {
		return fmt.Errorf("wait for another program that is preparing %s: %w", dir, dirProblem(dir, err))
	}
	defer release()

	exists, marked, err := inspect(ctx, path)
	if err != nil {
		return err
	}
	if err := makePrivateFile(path); err != nil {
		return dirProblem(dir, err)
	}
	s.disk.dir = filepath.Dir(path)
	err = s.prepareSQLite(ctx, path, !marked)
	if code := sqliteCode(err); (code&0xff == sqliteFull || code == sqliteIOErrShmSize) && s.disk.giveUp() {
		err = errors.Join(s.w.Close(), s.prepareSQLite(ctx, path, !marked))
	}
	if isDamage(err) {
		return damaged(path, err)
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", path, dirProblem(dir, err))
	}
	if !exists {
		// The names last before the note that says they are there.
		if err := errors.Join(syncDir(dir), os.WriteFile(filepath.Join(dir, noteFile), []byte(note), 0o600)); err != nil {
			return fmt.Errorf("write in the data directory: %w", err)
		}
	}
	pool, err := sql.Open("sqlite", sqliteAddress(path)+sqliteReader)
	if err != nil {
		return err
	}
	s.r = &readPool{DB: pool, most: preparedReads, stmts: map[string]*sql.Stmt{}}
	s.r.SetMaxOpenConns(sqliteReaders)
	s.r.SetMaxIdleConns(sqliteReaders)
	return nil
}

// prepareSQLite opens the writer, marks a new file as ours and brings the schema
// up to date.
func (s *Store) prepareSQLite(ctx context.Context, path string, mark bool) (err error) {
	options := sqliteWriter
	if mark {
		options += "&_pragma=user_version(" + strconv.Itoa(int(newMark())) + ")"
	}
	if s.w, err = sql.Open("sqlite", sqliteAddress(path)+options); err != nil {
		return err
	}
	s.w.SetMaxOpenConns(1)
	id, err := one(ctx, s.w, "mark", scalar[int64], `PRAGMA application_id`)
	if err == nil && id != applicationID {
		_, err = s.w.ExecContext(ctx, fmt.Sprintf(`PRAGMA application_id = %d`, applicationID))
	}
	if err != nil {
		return err
	}
	return s.migrate(ctx)
}

// sqliteAddress is a path as a file: address; what stands in the path is no option.
func sqliteAddress(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

func makeDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	return nil
}

// makePrivateFile makes an empty file of mode 0600, or gives an existing one
// that mode. SQLite's own files beside it get the mode of the database.
func makePrivateFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if openToOthers(info) {
		return f.Chmod(0o600)
	}
	return nil
}

// openToOthers reports whether group or others may read or write a file.
// Windows keeps no such bits.
func openToOthers(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0
}
