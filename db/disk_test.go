package db_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

const diskDir = "DRAWBRIDGE_TEST_DISK_DIR"

// TestDisk runs itself under strace, which makes the disk fail, and checks the
// content of the database afterwards: D-04, D-05, W-80.
func TestDisk(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv(diskDir); dir != "" {
		appendUntilRefused(t, dir)
		return
	}
	if err := exec.Command("strace", "-f", "-o", "/dev/null", "true").Run(); err != nil {
		t.Skip("strace cannot be used here; on Debian: apt-get install strace, and let the tests trace their own processes")
	}
	for _, tt := range []struct {
		name, inject string
		ends         bool // the process must end
	}{
		{"D-05 fsync fails", "fsync,fdatasync:error=EIO:when=20+", true},
		{"D-04 disk full", "pwrite64:error=ENOSPC:when=60+", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := dbtest.SQLite(t)
			first, err := db.Open(t.Context(), cfg)
			check(t, err)
			check(t, first.Close())
			cmd := exec.Command("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync,pwrite64", "-e", "inject="+tt.inject,
				os.Args[0], "-test.run=^TestDisk$")
			cmd.Env = append(os.Environ(), diskDir+"="+cfg.DataDir)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			var acked, ended int
			_, after, _ := strings.Cut(string(out), "RESULT ")
			if _, err := fmt.Sscanf(after, "acked=%d ended=%d", &acked, &ended); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if (ended == 1) != tt.ends {
				t.Errorf("the writer ended: %d\n%s", ended, out)
			}
			s := dbtest.Open(t, cfg)
			stored, err := s.CountEvents(t.Context(), time.UnixMilli(0))
			check(t, err)
			if acked == 0 || stored < int64(acked) {
				t.Errorf("%d events were acknowledged, %d are stored", acked, stored)
			}
			same(t, rows(t, raw(t, cfg), `PRAGMA integrity_check`), [][]string{{"ok"}})
			// A rejected event is delivered again and stored once.
			for n := range acked + 2 {
				_, _, err := s.AppendEvent(t.Context(), diskEvent(n))
				check(t, err)
			}
			stored, err = s.CountEvents(t.Context(), time.UnixMilli(0))
			check(t, err)
			if stored != int64(acked)+2 {
				t.Errorf("%d events are stored, want %d", stored, acked+2)
			}
		})
	}
}

func diskEvent(n int) incident.NewEvent {
	return incident.NewEvent{ReceivedAt: now, SignedAt: now, Body: fmt.Appendf(nil, "%d %s", n, strings.Repeat("x", 3000))}
}

// appendUntilRefused returns how many events it could store, and whether the
// writer ended by itself.
func appendUntilRefused(t *testing.T, dir string) {
	s, err := db.Open(t.Context(), db.Config{DataDir: dir, Keys: dbtest.Keys(t, "test"), Now: func() time.Time { return now }})
	check(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	acked := 0
	for ; acked < 10_000; acked++ {
		if _, _, err = s.AppendEvent(t.Context(), diskEvent(acked)); err != nil {
			break
		}
	}
	wantCode(t, err, incident.Unavailable)
	stop()
	end := <-ended
	byItself := 0
	if end != nil {
		byItself = 1
	}
	fmt.Printf("RESULT acked=%d ended=%d %v, %v\n", acked, byItself, err, end)
}
