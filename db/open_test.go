package db_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// raw opens the database in addition to the store, as another program would.
func raw(t testing.TB, cfg db.Config) *sql.DB {
	t.Helper()
	driver, source := "pgx", cfg.DatabaseURL
	if source == "" {
		driver, source = "sqlite", "file:"+filepath.Join(cfg.DataDir, db.SQLiteFile)
	}
	conn, err := sql.Open(driver, source)
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestOpenAgain(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		s := dbtest.Open(t, cfg)
		addRunbook(t, s, "Production outage")
		again := dbtest.Open(t, cfg)
		_, err := again.RunbookByName(t.Context(), "Production outage")
		check(t, err)
		check(t, again.Ping(t.Context()))
	})
}

// Servers and commands that start at the same time on a new database: D-16.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				s, err := db.Open(t.Context(), cfg)
				if err != nil {
					t.Error(err)
					return
				}
				s.Close()
			})
		}
		wg.Wait()
	})
}

func TestOpenNewerSchema(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		dbtest.Open(t, cfg)
		_, err := raw(t, cfg).Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)`)
		check(t, err)
		_, err = db.Open(t.Context(), cfg)
		if err == nil || !strings.Contains(err.Error(), "schema version 99999") {
			t.Fatalf("a newer schema: %v", err)
		}
	})
}

// A step with a number below the newest one is not skipped.
func TestOpenMissingStep(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		dbtest.Open(t, cfg)
		_, err := raw(t, cfg).Exec(`DELETE FROM goose_db_version WHERE version_id = 5`)
		check(t, err)
		if _, err := db.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "version 5") {
			t.Fatalf("a missing step: %v", err)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		write func(path string) error
		want  string
	}{
		{"text", func(path string) error {
			return os.WriteFile(path, bytes.Repeat([]byte("not a database "), 100), 0o600)
		}, "is not a SQLite database"},
		{"directory", func(path string) error { return os.Mkdir(path, 0o700) }, "is not a file"},
		{"another program", func(path string) error {
			other, err := sql.Open("sqlite", "file:"+path)
			if err != nil {
				return err
			}
			_, err = other.Exec(`CREATE TABLE bookmarks (url TEXT)`)
			return errors.Join(err, other.Close())
		}, "was made by another program"},
		{"missing, but the key exists", func(path string) error {
			return os.WriteFile(filepath.Join(filepath.Dir(path), db.KeyFile), []byte("key"), 0o600)
		}, "cp BACKUP"},
		{"empty, but its log exists", func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.WriteFile(path+"-wal", []byte("log"), 0o600))
		}, "cp BACKUP"},
	} {
		t.Run("D-07 "+tt.name, func(t *testing.T) {
			cfg := dbtest.SQLite(t)
			check(t, tt.write(filepath.Join(cfg.DataDir, db.SQLiteFile)))
			_, err := db.Open(t.Context(), cfg)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("address", func(t *testing.T) {
		for _, address := range []string{"mysql://root:hunter2@localhost/x", "postgres://root:hunter2@local host/x"} {
			_, err := db.Open(t.Context(), db.Config{DatabaseURL: address, Now: time.Now})
			if err == nil || !strings.Contains(err.Error(), "DRAWBRIDGE_DATABASE_URL") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v", address, err)
			}
		}
	})
}

// A path is data and not a part of the address with its options.
func TestOpenPath(t *testing.T) {
	t.Parallel()
	cfg := dbtest.SQLite(t)
	cfg.DataDir = filepath.Join(cfg.DataDir, "a b?_pragma=x#%41&é;")
	dbtest.Open(t, cfg)
	_, err := os.Stat(filepath.Join(cfg.DataDir, db.SQLiteFile))
	check(t, err)
}

// K-12.
func TestOpenModes(t *testing.T) {
	t.Parallel()
	cfg := dbtest.SQLite(t)
	cfg.DataDir = filepath.Join(cfg.DataDir, "data")
	path := filepath.Join(cfg.DataDir, "key")
	keys, err := db.LoadOrCreateKey(path)
	check(t, err)
	cfg.Keys = keys
	s := dbtest.Open(t, cfg)
	addEvent(t, s, 0, "{}") // so that -wal and -shm exist
	release, err := db.Lock(cfg.DataDir)
	check(t, err)
	defer release()
	err = filepath.WalkDir(cfg.DataDir, func(path string, d fs.DirEntry, _ error) error {
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	check(t, err)
	for _, name := range []string{"key", db.SQLiteFile, db.SQLiteFile + "-wal", "lock"} {
		if _, err := os.Stat(filepath.Join(cfg.DataDir, name)); err != nil {
			t.Error(err)
		}
	}

	loose := dbtest.SQLite(t)
	file := filepath.Join(loose.DataDir, db.SQLiteFile)
	check(t, os.WriteFile(file, nil, 0o666))
	check(t, os.Chmod(file, 0o666))
	dbtest.Open(t, loose)
	info, err := os.Stat(file)
	check(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("a database that others may read stays so: %v", info.Mode())
	}
}

// D-13.
func TestLock(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	release, err := db.Lock(dir)
	check(t, err)
	_, err = db.Lock(dir)
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "lock")) || !strings.Contains(err.Error(), "DRAWBRIDGE_DATA_DIR") {
		t.Fatalf("a second server: %v", err)
	}
	release()
	release, err = db.Lock(dir)
	check(t, err)
	release()
}

// call calls a method by name with arguments that are not empty.
func call(s *db.Store, m reflect.Method) error {
	args := []reflect.Value{reflect.ValueOf(s)}
	for i := 1; i < m.Type.NumIn(); i++ {
		in := m.Type.In(i)
		if m.Type.IsVariadic() && i == m.Type.NumIn()-1 {
			in = in.Elem()
		}
		v := reflect.New(in).Elem()
		switch {
		case in == reflect.TypeFor[context.Context]():
			v.Set(reflect.ValueOf(context.Background()))
		case in == reflect.TypeFor[incident.NewEvent]():
			v.Set(reflect.ValueOf(incident.NewEvent{ReceivedAt: now, SignedAt: now}))
		case in == reflect.TypeFor[[]string]():
			v.Set(reflect.ValueOf([]string{"x"}))
		case in.Kind() == reflect.String && !(m.Name == "Audit" || strings.Contains(m.Name, "Rows") || m.Name == "Incidents" || m.Name == "ExportEvents"):
			v.SetString("x")
		}
		args = append(args, v)
	}
	results := m.Func.Call(args)
	err, _ := results[len(results)-1].Interface().(error)
	return err
}

// After the database is closed, every method returns Unavailable and shows
// people no cause: W-80.
func TestClosed(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		s := dbtest.Open(t, cfg)
		check(t, s.Close())
		called := 0
		for m := range reflect.TypeFor[*db.Store]().Methods() {
			last := m.Type.NumOut() - 1
			if m.Type.NumIn() < 2 || m.Type.In(1) != reflect.TypeFor[context.Context]() || last < 0 ||
				m.Type.Out(last) != reflect.TypeFor[error]() || m.Name == "Run" ||
				m.Name == "ImportEvents" || // asks another database first
				s.Engine() == "sqlite" && strings.Contains(m.Name, "Months") || // only PostgreSQL has partitions
				s.Engine() == "postgres" && (strings.Contains(m.Name, "WordParts") || m.Name == "FreeJobs") { // and only SQLite does those
				continue
			}
			called++
			err := call(s, m)
			if incident.CodeOf(err) != incident.Unavailable {
				t.Errorf("%s: %v", m.Name, err)
				continue
			}
			var e *incident.Error
			if errors.As(err, &e); strings.Contains(e.Message, "sql") || e.Message == "" {
				t.Errorf("%s: people read %q", m.Name, e.Message)
			}
		}
		if called < 70 {
			t.Errorf("only %d methods were called", called)
		}
	})
}

// No method of a read-only store writes anything.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	cfg := dbtest.SQLite(t)
	s := dbtest.Open(t, cfg)
	conn, err := raw(t, cfg).Conn(t.Context())
	check(t, err)
	version := func() (n int64) {
		check(t, conn.QueryRowContext(t.Context(), `PRAGMA data_version`).Scan(&n))
		return n
	}
	before, refused := version(), 0
	for m := range reflect.TypeFor[*db.Store]().Methods() {
		if _, ok := reflect.TypeFor[incident.Store]().MethodByName(m.Name); !ok || m.Type.NumIn() < 2 || m.Type.NumOut() == 0 {
			continue
		}
		if err := call(s.ReadOnly().(*db.Store), m); incident.CodeOf(err) == incident.Internal {
			refused++
		}
		if version() != before {
			t.Fatalf("%s wrote", m.Name)
		}
	}
	if refused < 35 {
		t.Errorf("only %d methods were refused", refused)
	}
	check(t, s.Ping(t.Context()))
	if version() == before {
		t.Error("the test would not have noticed a write")
	}
}

func TestCanceled(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.User(ctx, "x")
		wantCode(t, err, incident.Unavailable)
		wantCode(t, s.Ping(ctx), incident.Unavailable)
		check(t, s.Ping(t.Context()))
	})
}

// Another program holds the write lock: W-80, D-14.
func TestLocked(t *testing.T) {
	t.Parallel()
	cfg := dbtest.SQLite(t)
	s := dbtest.Open(t, cfg)
	conn, err := raw(t, cfg).Conn(t.Context())
	check(t, err)
	_, err = conn.ExecContext(t.Context(), `BEGIN IMMEDIATE`)
	check(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
	defer cancel()
	_, _, err = s.AppendEvent(ctx, incident.NewEvent{ReceivedAt: now, SignedAt: now, Body: []byte("{}")})
	wantCode(t, err, incident.Unavailable)
	if ctx.Err() != nil {
		t.Error("the answer came after Zoom's time limit")
	}
	_, err = s.Users(t.Context())
	check(t, err) // reads go on
	if s.Health().WriteProblem == "" {
		t.Error("P22: Health does not say that writes fail")
	}
	_, err = conn.ExecContext(t.Context(), `ROLLBACK`)
	check(t, err)
	s.WatchOnce(t.Context())
	if problem := s.Health().WriteProblem; problem != "" {
		t.Error("P22: " + problem)
	}
	addEvent(t, s, 0, "{}")
}

// An error that a retry cannot help is Internal, not Unavailable.
func TestMistakes(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		s := dbtest.Open(t, cfg)
		conn := raw(t, cfg)
		b := addRunbook(t, s, "outage")
		_, err := conn.Exec(`UPDATE runbooks SET variables = '{'`)
		check(t, err)
		_, err = s.Runbook(t.Context(), b.ID)
		wantCode(t, err, incident.Internal)
		_, err = conn.Exec(`ALTER TABLE runbooks RENAME COLUMN variables TO fields`)
		check(t, err)
		_, err = s.Runbook(t.Context(), b.ID)
		wantCode(t, err, incident.Internal)
		wantCode(t, s.AddAudit(t.Context(), incident.AuditEntry{ID: "x", Action: "x"}), incident.Internal) // no time
	})
}
