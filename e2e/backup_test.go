//go:build linux

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// P23, D-18: a backup made while webhooks arrive contains every event that was
// acknowledged before it started, and another server can run on it.
func TestBackup(t *testing.T) {
	slow(t)
	binary := realProgram(t)
	dir := configured(t, binary)
	p := serving(t, binary, dir)
	run := func(want int, args ...string) (out, errOut string) {
		t.Helper()
		c := spawn(t, nil, "", append([]string{binary}, args...)...)
		if code := c.wait(t); code != want {
			t.Fatalf("%s: status %d, want %d: %s%s", args[0], code, want, c.out.String(), c.err.String())
		}
		return c.out.String(), c.err.String()
	}

	// Four senders post one event after another until the backup is done.
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var mu sync.Mutex
	acked, refused := map[string]bool{}, 0
	var senders sync.WaitGroup
	for n := range 4 {
		senders.Go(func() {
			s, err := newSender(p.url)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.conn.Close()
			for i := 0; ctx.Err() == nil; i++ {
				body := fmt.Sprintf(`{"event":"meeting.started","event_ts":%d,"payload":{"object":{"id":"%d","topic":"%d %s"}}}`,
					time.Now().UnixMilli(), n, i, strings.Repeat("x", 500))
				status, err := s.post(i, []byte(body))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if status == http.StatusOK {
					acked[body] = true
				} else {
					refused++
				}
				mu.Unlock()
			}
		})
	}
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(acked) }
	until(t, "some events are stored", func() bool { return count() > 300 })

	mu.Lock()
	before := make([]string, 0, len(acked))
	for body := range acked {
		before = append(before, body)
	}
	mu.Unlock()
	file := filepath.Join(t.TempDir(), "backup.db")
	out, _ := run(0, "backup", file, "--data-dir", dir)
	during := count() - len(before)
	until(t, "more events are stored after the backup", func() bool { return count() > len(before)+during })
	stop()
	senders.Wait()
	if during == 0 || refused > 0 {
		t.Errorf("%d events were stored during the backup, and %d were rejected", during, refused)
	}
	for _, want := range []string{"events", "newest", "master key", "drawbridge verify"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in: %s", want, out)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup file: %v, %v", info, err)
	}
	if _, text := run(1, "backup", file, "--data-dir", dir); !strings.Contains(text, "already exists") {
		t.Errorf("a second backup to the same file: %s", text)
	}
	key := filepath.Join(dir, db.KeyFile)
	if out, _ := run(0, "verify", file, "--key-file", key); !strings.Contains(out, "No problems found") || !strings.Contains(out, "the master key opens them") {
		t.Errorf("verify printed: %s", out)
	}
	p.terminate(t)

	// Restore the backup and the key elsewhere.
	elsewhere := filepath.Join(t.TempDir(), "data")
	for from, to := range map[string]string{file: db.SQLiteFile, key: db.KeyFile} {
		content, err := os.ReadFile(from)
		if err == nil {
			err = os.MkdirAll(elsewhere, 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(elsewhere, to), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	restored := serving(t, binary, elsewhere)
	deliverAll(t, restored.url, [][]byte{[]byte(before[0]), []byte(`{"event":"meeting.ended","event_ts":1}`)}) // verifying them needs the sealed secret token
	restored.terminate(t)
	stored := bodiesIn(t, elsewhere)
	for _, body := range before {
		if stored[body] != 1 {
			t.Fatalf("an event that was acknowledged before the backup started is there %d times, of %d events", stored[body], len(stored))
		}
	}
	t.Logf("%d events before the backup, %d during it", len(before), during)

	// verify and the server detect a wrong restore.
	t.Run("wrong key", func(t *testing.T) {
		other := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(other, []byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, _ := run(1, "verify", file, "--key-file", other); !strings.Contains(out, "PROBLEM") || !strings.Contains(out, "does not open") {
			t.Errorf("verify printed: %s", out)
		}
	})
	t.Run("leftover log", func(t *testing.T) {
		// D-08: the backup was copied over the database, whose log is still there.
		dir := configured(t, binary)
		p := serving(t, binary, dir)
		deliverAll(t, p.url, bodies(20))
		_ = p.cmd.Process.Kill()
		p.wait(t)
		content, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, db.SQLiteFile), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		p = spawnServer(t, binary, dir)
		if p.running() || p.wait(t) != 1 || !strings.Contains(p.err.String(), "-wal does not belong to") {
			t.Errorf("the server printed: %s", p.err.String())
		}
	})
}

// A refused backup says what to do.
func TestBackupRefuses(t *testing.T) {
	alone(t)
	if r := command(t, "", "backup", "x.db"); r.code != 1 || !strings.Contains(r.err, "there is no database to back up") {
		t.Errorf("without a database: status %d, %s", r.code, r.err)
	}
	if r := command(t, "", "verify", "x.db"); r.code != 1 || !strings.Contains(r.err, "x.db") {
		t.Errorf("without a file: status %d, %s", r.code, r.err)
	}
	t.Setenv("DRAWBRIDGE_DATABASE_URL", "postgres://user:CANARY@127.0.0.1:1/x")
	r := command(t, "", "backup", "x.dump")
	if r.code != 1 || !strings.Contains(r.err, `pg_dump --format=custom --file=x.dump "$DRAWBRIDGE_DATABASE_URL"`) || strings.Contains(r.out+r.err, "CANARY") {
		t.Errorf("on PostgreSQL: status %d, %s", r.code, r.err)
	}
}

// bodiesIn returns how often each body is stored in a data directory.
func bodiesIn(t *testing.T, dir string) map[string]int {
	t.Helper()
	keys, err := db.LoadOrCreateKey(filepath.Join(dir, db.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	store, err := db.Open(t.Context(), db.Config{DataDir: dir, Keys: keys, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	stored := map[string]int{}
	for cursor, more := "", true; more; {
		page, err := store.EventRows(t.Context(), db.EventFilter{}, cursor, 200)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Items {
			var e incident.Event
			if e, err = store.Event(t.Context(), row.ID); err != nil {
				t.Fatal(err)
			}
			stored[string(bytes.Clone(e.Body))]++
		}
		cursor, more = page.Next, page.Next != ""
	}
	return stored
}
