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
	sqlite3 "modernc.org/sqlite/lib"
)

// SQLiteFile is the name of the database in the data directory.
const SQLiteFile = "drawbridge.db"

// applicationID marks a SQLite file as ours ("DrBr"); see
// https://www.sqlite.org/pragma.html#pragma_application_id.
const applicationID = 0x44724272

// synchronous is FULL, because with NORMAL a power cut may lose the last
// commits. It is a variable only so that the crash test can build a program
// without this promise (go build -ldflags "-X …/db.synchronous=NORMAL") and see
// it fail. Nothing sets it while a program runs.
var synchronous = "FULL"

// sqliteOptions are the options of every connection. The busy timeout is less
// than the 2.5 s within which a webhook must be answered. With secure_delete, a
// deleted secret leaves no trace in free pages.
var sqliteOptions = "?_pragma=busy_timeout(2000)" +
	"&_pragma=foreign_keys(1)" +
	"&_pragma=synchronous(" + synchronous + ")" +
	"&_pragma=secure_delete(1)" +
	"&_pragma=cell_size_check(1)" +
	"&_pragma=temp_store(MEMORY)" +
	"&_pragma=journal_size_limit(67108864)" +
	"&_dqs=0"

var (
	// The cache size is in KiB, for each connection. A larger cache of the
	// writer makes every commit slower, because it is searched, and readers
	// also have the cache of the system.
	sqliteWriter = sqliteOptions + "&_pragma=journal_mode(WAL)&_pragma=cache_size(-2000)&_txlock=immediate" +
		// When the log has this number of pages, they are copied into the
		// database. Each page takes the disk some time, because the pages of a
		// large log are far apart, and commits wait for that.
		"&_pragma=wal_autocheckpoint(250)"
	sqliteReader = sqliteOptions + "&_pragma=query_only(1)&_pragma=cache_size(-2000)"
)

// sqliteReaders is how many connections may read at the same time. More do not
// read faster on a few cores, and they take time from arriving events.
const sqliteReaders = 2

func (s *Store) openSQLite(ctx context.Context, dir string) error {
	if dir == "" {
		return errors.New("no data directory is set: set DRAWBRIDGE_DATA_DIR")
	}
	if err := makeDataDir(dir); err != nil {
		return err
	}
	path, err := filepath.Abs(filepath.Join(dir, SQLiteFile))
	if err != nil {
		return err
	}
	// Without this lock, two programs that start at the same time would both
	// switch the journal mode and create the first table, and one would fail.
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
	if code := sqliteCode(err); (code&0xff == sqlite3.SQLITE_FULL || code == sqlite3.SQLITE_IOERR_SHMSIZE) && s.disk.giveUp() {
		err = errors.Join(s.w.Close(), s.prepareSQLite(ctx, path, !marked))
	}
	if isDamage(err) {
		return damaged(path, err)
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", path, dirProblem(dir, err))
	}
	if !exists {
		// The names are on disk before the note that says that they exist.
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

// prepareSQLite opens the writer, marks a new file as ours and updates the
// schema.
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

// sqliteAddress returns a path as a file: address. Nothing in the path counts
// as an option.
func sqliteAddress(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

func makeDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create the data directory: %w", err)
	}
	return nil
}

// makePrivateFile creates an empty file with mode 0600, or gives an existing
// file that mode. SQLite gives its other files the mode of the database.
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

// openToOthers reports whether the group or others may read or write a file.
// Windows has no such bits.
func openToOthers(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0
}
