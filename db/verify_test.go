package db_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/google/go-cmp/cmp"
)

// Verify finds what is wrong and changes nothing.
func TestVerify(t *testing.T) {
	t.Parallel()
	cfg, path, whole := damagedDB(t)
	change := func(query string) func(*testing.T) {
		return func(t *testing.T) {
			conn := raw(t, cfg)
			_, err := conn.Exec(query)
			check(t, errors.Join(err, conn.Close()))
		}
	}
	for _, tt := range []struct {
		name    string
		damage  func(t *testing.T)
		problem string // part of what is said, "" for a good file
	}{
		{"good", func(*testing.T) {}, ""},
		{"an event's content", change(`UPDATE events SET content = (SELECT content FROM events ORDER BY id DESC LIMIT 1) WHERE id = (SELECT MIN(id) FROM events)`), "not what Drawbridge acknowledged"},
		{"content in an unknown form", change(`UPDATE events SET encoding = 9 WHERE id = (SELECT MIN(id) FROM events)`), "encoding 9"},
		{"hashes deleted", change(`DELETE FROM event_keys WHERE at = 0`), "not what Drawbridge acknowledged"}, // those without event_ts are kept always
		{"a reference", change(`PRAGMA foreign_keys = 0; INSERT INTO presences VALUES ('x', 'x', 'x', '', '', '', 1, 1)`), "refer to a missing row"},
		{"a secret", change(`INSERT INTO secrets VALUES ('zoom', 'client_secret', 'v1.00000000.AAAA', 1, '')`), "does not open"},
		{"a newer schema", change(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)`), "version 99999"},
		{"an index", change(`PRAGMA writable_schema = 1; UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'events_meeting') WHERE name = 'events_event'`), "amaged"},
		{"another program's", change(`PRAGMA application_id = 7`), "not a Drawbridge database"},
		{"cut off", func(t *testing.T) { check(t, os.Truncate(path, int64(len(whole)/2/4096*4096))) }, "amaged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, name := range []string{path + "-wal", path + "-shm"} {
				check(t, os.RemoveAll(name))
			}
			check(t, os.WriteFile(path, whole, 0o600))
			tt.damage(t)
			before, err := os.ReadFile(path)
			check(t, err)
			names := files(t, filepath.Dir(path))
			report, err := db.Verify(t.Context(), path, cfg.Keys, nil)
			check(t, err)
			said := strings.Join(report.Problems, "\n")
			if tt.problem == "" {
				if said != "" || report.Events != 200 || report.Checked != 200 || report.SchemaVersion != report.SchemaKnown {
					t.Errorf("%+v", report)
				}
			} else if !strings.Contains(said, tt.problem) {
				t.Errorf("it says %q, not %q", said, tt.problem)
			}
			after, err := os.ReadFile(path)
			check(t, err)
			if !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
			if diff := cmp.Diff(names, files(t, filepath.Dir(path))); diff != "" {
				t.Errorf("the files next to it changed (-before +after):\n%s", diff)
			}
		})
	}
}

// An interrupted backup leaves nothing behind, and an existing backup is not
// overwritten.
func TestBackupFile(t *testing.T) {
	t.Parallel()
	cfg := dbtest.SQLite(t)
	s := dbtest.Open(t, cfg)
	addEvent(t, s, 0, "{}")
	dir := t.TempDir()
	file := filepath.Join(dir, "backup.db")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := db.Backup(ctx, cfg.DataDir, file, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	check(t, os.WriteFile(file+".partial", nil, 0o600))
	if _, err := db.Backup(t.Context(), cfg.DataDir, file, nil); err == nil || !strings.Contains(err.Error(), "backup.db.partial") {
		t.Errorf("beside another: %v", err)
	}
	check(t, os.Remove(file+".partial"))
	pages := int64(0)
	report, err := db.Backup(t.Context(), cfg.DataDir, file, func(done, whole int64) { pages = max(done, 1) * whole })
	check(t, err)
	if report.Events != 1 || report.Bytes == 0 || !report.Newest.Equal(now) || pages == 0 {
		t.Errorf("%+v after %d pages", report, pages)
	}
	if _, err := db.Backup(t.Context(), cfg.DataDir, file, nil); err == nil {
		t.Error("a backup was overwritten")
	}
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
