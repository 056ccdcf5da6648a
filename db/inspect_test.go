package db_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
)

// A missing database is never replaced by an empty one: D-07.
func TestOpenGone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		lose func(path string) error
	}{
		{"removed", func(path string) error {
			return errors.Join(os.Remove(path), os.RemoveAll(path+"-wal"), os.RemoveAll(path+"-shm"))
		}},
		{"emptied", func(path string) error { return os.Truncate(path, 0) }},
	} {
		t.Run("D-07 "+tt.name, func(t *testing.T) {
			cfg := dbtest.SQLite(t)
			s, err := db.Open(t.Context(), cfg)
			check(t, err)
			check(t, s.Close())
			path := filepath.Join(cfg.DataDir, db.SQLiteFile)
			check(t, tt.lose(path))
			_, err = db.Open(t.Context(), cfg)
			if err == nil || !strings.Contains(err.Error(), "cp BACKUP "+path) || !strings.Contains(err.Error(), "DRAWBRIDGE_DATA_DIR") {
				t.Fatalf("got %v", err)
			}
			if info, err := os.Stat(path); err == nil && info.Size() > 0 {
				t.Error("a new database was created")
			}
		})
	}
}

// damagedDB returns a database with at least one row of everything, and its
// bytes.
func damagedDB(t *testing.T) (cfg db.Config, path string, content []byte) {
	t.Helper()
	cfg = dbtest.SQLite(t)
	s, err := db.Open(t.Context(), cfg)
	check(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	addRunbook(t, s, "outage")
	for n := range 200 {
		addEvent(t, s, 0, fmt.Sprintf(`{"event":"meeting.started","n":%d,"x":"%x"}`, n, rand.Uint64()))
	}
	stop()
	check(t, <-done)
	check(t, s.Close())
	path = filepath.Join(cfg.DataDir, db.SQLiteFile)
	content, err = os.ReadFile(path)
	check(t, err)
	return cfg, path, content
}

// D-06: whatever is damaged, either the start reports it or reads keep working.
// It never panics and never creates an empty database, and it leaves a rejected
// file unchanged.
func TestOpenDamaged(t *testing.T) {
	t.Parallel()
	cfg, path, whole := damagedDB(t)
	refused := 0
	for n := range 40 {
		random := rand.New(rand.NewPCG(uint64(n), 0))
		content := bytes.Clone(whole)
		for range 1 << (n % 11) {
			bit := random.IntN(8 * len(content))
			content[bit/8] ^= 1 << (bit % 8)
		}
		check(t, os.WriteFile(path, content, 0o600))
		s, err := db.Open(t.Context(), cfg)
		if err != nil {
			refused++
			if !strings.Contains(err.Error(), path) {
				t.Errorf("try %d does not say which file: %v", n, err)
			}
		} else {
			_, _ = s.EventRows(t.Context(), db.EventFilter{}, "", 200)
			_, _ = s.Runbooks(t.Context(), false)
			check(t, s.Close())
		}
		for _, name := range []string{path + "-wal", path + "-shm"} {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}

	for name, damage := range map[string]func([]byte) []byte{
		"the first page": func(b []byte) []byte { copy(b, make([]byte, 100)); return b },
		"cut off":        func(b []byte) []byte { return b[:len(b)/2] },
		"a page of zeros in the middle of a small table": func(b []byte) []byte {
			i := bytes.Index(b, []byte("outage")) // the runbook
			copy(b[i/4096*4096:], make([]byte, 4096))
			return b
		},
	} {
		t.Run("D-06 "+name, func(t *testing.T) {
			content := damage(bytes.Clone(whole))
			check(t, os.WriteFile(path, content, 0o600))
			_, err := db.Open(t.Context(), cfg)
			if err == nil || !strings.Contains(err.Error(), "cp BACKUP "+path) {
				t.Fatalf("got %v", err)
			}
			after, err := os.ReadFile(path)
			check(t, err)
			if !bytes.Equal(content, after) {
				t.Error("the refused file was changed")
			}
		})
	}
}

// D-08: the log of another database is not applied unnoticed.
func TestOpenForeignLog(t *testing.T) {
	t.Parallel()
	cfg, path, whole := damagedDB(t)
	other := dbtest.SQLite(t)
	s := dbtest.Open(t, other)
	for n := range 50 {
		addEvent(t, s, 0, fmt.Sprintf(`{"n":%d}`, n))
	}
	log, err := os.ReadFile(filepath.Join(other.DataDir, db.SQLiteFile+"-wal"))
	check(t, err)
	check(t, os.WriteFile(path+"-wal", log, 0o600))
	again, err := db.Open(t.Context(), cfg)
	if err == nil {
		page, err := again.EventRows(t.Context(), db.EventFilter{}, "", 200)
		t.Errorf("it was taken: %d events, %v", len(page.Items), err)
		check(t, again.Close())
		return
	}
	after, err := os.ReadFile(path)
	check(t, err)
	if !bytes.Equal(whole, after) {
		t.Error("the database was changed before the log was refused")
	}
}

// D-08: without the -shm file nothing is lost, and without the log the database
// is in the state of the last checkpoint.
func TestOpenWithoutLog(t *testing.T) {
	t.Parallel()
	cfg, path, _ := damagedDB(t)
	for _, name := range []string{path + "-wal", path + "-shm"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	s := dbtest.Open(t, cfg)
	page, err := s.EventRows(t.Context(), db.EventFilter{}, "", 200)
	if err != nil || len(page.Items) != 200 {
		t.Errorf("%d events, %v", len(page.Items), err)
	}
}
