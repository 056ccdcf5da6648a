//go:build linux

package e2e

import (
	"bytes"
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
)

// answerTime is how long Zoom waits for an answer.
const answerTime = 3 * time.Second

// faults are tests of what can happen to the running program, in addition to the
// crashes that the replay checks.
var faults = []struct {
	name string
	test func(t *testing.T, k *kit)
}{
	{"D-03 killed at the n-th write", testKilled},
	{"D-04 disk full from the n-th write on", testDiskFullAt},
	{"D-04 disk full for a while", func(t *testing.T, k *kit) { testForAWhile(t, k, writes, "ENOSPC") }},
	{"D-09 read-only for a while", func(t *testing.T, k *kit) { testForAWhile(t, k, writes, "EROFS") }},
	{"D-06 unreadable for a while", func(t *testing.T, k *kit) { testForAWhile(t, k, "pread64", "EIO") }},
	{"D-09 read-only at the start", testReadOnlyStart},
	{"D-05 fsync fails", testFsync},
	{"D-05 one fsync of the log fails", testOneFsync},
	{"W-80 locked by another program", testLockedOut},
	{"W-80 slow disk", testSlowDisk},
	{"W-81 the sender hangs up", testHangUp},
	{"D-13 second server", testSecondServer},
	{"D-06 flipped bits", testFlippedBits},
	{"D-07 replaced database", testReplaced},
}

const writes = "pwrite64,pwritev,ftruncate,fallocate"

// points lists the writes at which a fault begins. strace counts writes separately for
// each thread of the program.
func points(full bool) []int {
	if !full {
		return []int{3, 40, 150}
	}
	var list []int
	for n := 1; n < 600; n += n/8 + 1 {
		list = append(list, n)
	}
	return list
}

func testKilled(t *testing.T, k *kit) {
	all := bodies(60)
	c := newChecker(t, k, all)
	killed := 0
	for _, n := range points(k.full) {
		dir := configured(t, k.real)
		p := spawnServer(t, k.real, dir, "strace", "-D", "-f", "-qq", "-o", os.DevNull, "-e", "trace=pwrite64", "-e", fmt.Sprintf("inject=pwrite64:signal=KILL:when=%d", n))
		d := deliver(p.url, all, 4)
		if !p.running() {
			killed++
		}
		_ = p.cmd.Process.Kill()
		p.wait(t)
		c.must(t, dir, d)
		c.goesOn(t, dir, all)
		t.Logf("killed at write %d: %d events acknowledged", n, len(d.acked()))
	}
	if killed == 0 {
		t.Error("strace killed no server")
	}
}

func testDiskFullAt(t *testing.T, k *kit) {
	all := bodies(60)
	c := newChecker(t, k, all)
	for _, n := range points(k.full) {
		dir := configured(t, k.real)
		p := spawnServer(t, k.real, dir, "strace", "-D", "-f", "-qq", "-o", os.DevNull, "-e", "trace=pwrite64", "-e", fmt.Sprintf("inject=pwrite64:error=ENOSPC:when=%d+", n))
		d := deliver(p.url, all, 4)
		// A server that failed at its start may be about to exit.
		if !slices.Contains(d.status, 0) && p.running() {
			refuses(t, d)
			p.stopped(t) // it cannot store its counts, so its status is not 0
		} else if code := p.wait(t); code != 1 || !strings.Contains(p.err.String(), "full") {
			t.Errorf("with a full disk at its start, the server exited with status %d and printed: %s", code, p.err.String())
		}
		p.noPanic(t)
		c.must(t, dir, d)
		c.goesOn(t, dir, all)
		t.Logf("full from write %d on: %d events acknowledged", n, len(d.acked()))
	}
}

// refuses checks that every event was answered in time with 200 or 503.
func refuses(t *testing.T, d delivery) {
	t.Helper()
	for i, status := range d.status {
		if status != http.StatusOK && status != http.StatusServiceUnavailable {
			t.Errorf("event %d: status %d", i, status)
		}
	}
	if d.slowest > answerTime {
		t.Errorf("an answer took %v, but Zoom waits %v", d.slowest, answerTime)
	}
}

// While system calls fail, each event is answered in time, with 503 if it could not be
// stored, and the log can be read. Afterwards everything works without a restart.
func testForAWhile(t *testing.T, k *kit, calls, errno string) {
	all := bodies(40)
	c := newChecker(t, k, all)
	dir := configured(t, k.real)
	made := spawn(t, nil, "", k.real, "token", "create", "--name", "test", "--scope", "read", "--data-dir", dir)
	if code := made.wait(t); code != 0 {
		t.Fatalf("token create: status %d, %s", code, made.err.String())
	}
	token := strings.TrimSpace(made.out.String())
	p := serving(t, k.real, dir)
	deliverAll(t, p.url, all[:20])

	end := p.inject(t, calls, "error="+errno)
	d := deliver(p.url, all[20:], 4)
	refuses(t, d)
	if calls == writes {
		if n := len(d.acked()); n > 0 {
			t.Errorf("%d events were acknowledged while nothing could be written", n)
		}
		status, list := api(t, &server{url: p.url}, token, "GET", "/api/v1/events?limit=100", nil)
		if items, _ := list["items"].([]any); status != http.StatusOK || len(items) != 20 {
			t.Errorf("reading the log: status %d, %d events, want 20", status, len(items))
		}
	}
	end()

	if !p.running() {
		t.Fatalf("the server exited:\n%s", p.err.String())
	}
	c.hasAll(t, p, dir, all)
}

func testReadOnlyStart(t *testing.T, k *kit) {
	all := bodies(10)
	dir := configured(t, k.real)
	p := serving(t, k.real, dir)
	deliverAll(t, p.url, all)
	_ = p.cmd.Process.Kill() // killed, so that SQLite's log stays: the harder case
	p.wait(t)

	readOnly := []string{"unshare", "-m", "sh", "-c", `mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"`, dir}
	if exec.Command(readOnly[0], append(readOnly[1:], "true")...).Run() != nil { // only root can mount
		readOnly = []string{"strace", "-D", "-f", "-qq", "-o", os.DevNull, "-P", filepath.Join(dir, "lock"), "-P", filepath.Join(dir, db.SQLiteFile),
			"-e", "trace=openat", "-e", "inject=openat:error=EROFS"}
	}
	p = spawnServer(t, k.real, dir, readOnly...)
	if p.running() {
		p.terminate(t)
	} else if code := p.wait(t); code != 1 || !strings.Contains(p.err.String(), "read-only") || !strings.Contains(p.err.String(), dir) {
		t.Errorf("the server exited with status %d and printed: %s", code, p.err.String())
	}
	p.noPanic(t)
	newChecker(t, k, all).goesOn(t, dir, all)
}

// After a failed fsync, SQLite cannot know what is on the disk. The event is answered
// 503, the process exits, and after a restart the retry is stored once.
func testFsync(t *testing.T, k *kit) {
	all := bodies(40)
	c := newChecker(t, k, all)
	for range 5 {
		dir := configured(t, k.real)
		p := serving(t, k.real, dir)
		deliverAll(t, p.url, all[:20])
		allRead(t, dir) // so that the next write is that of an event

		end := p.inject(t, "fsync,fdatasync", "error=EIO")
		d := deliver(p.url, all[20:], 4)
		code := p.wait(t)
		end()

		refuses(t, delivery{status: answered(d.status), slowest: d.slowest})
		if code != 1 || len(d.acked()) > 0 {
			t.Errorf("the server exited with status %d and answered %v", code, d.status)
		}
		p.noPanic(t)
		c.must(t, dir, delivery{status: slices.Repeat([]int{http.StatusOK}, 20)})
		c.goesOn(t, dir, all)
		if slices.Contains(d.status, http.StatusServiceUnavailable) || t.Failed() {
			return
		}
		// The fault hit another write before an event arrived, and the process exited.
	}
	t.Error("no event was answered 503")
}

// allRead waits until the server has read every event.
func allRead(t *testing.T, dir string) {
	t.Helper()
	file, err := sql.Open("sqlite", "file:"+filepath.Join(dir, db.SQLiteFile)+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	until(t, "every event is read", func() bool {
		unread := -1
		if err := file.QueryRow(`SELECT COUNT(*) FROM events WHERE state = 'new'`).Scan(&unread); err != nil {
			t.Log(err)
		}
		return unread == 0
	})
}

// answered returns the statuses of the events that were answered.
func answered(status []int) []int {
	return slices.DeleteFunc(slices.Clone(status), func(s int) bool { return s == 0 })
}

// A single failed fsync of SQLite's log also ends the process, unless it belongs to a
// checkpoint, which commits nothing and is repeated.
func testOneFsync(t *testing.T, k *kit) {
	all := bodies(60)
	c := newChecker(t, k, all)
	ended := 0
	for _, n := range points(k.full) {
		n = n/20 + 1 // there are many writes per fsync
		dir := configured(t, k.real)
		p := spawnServer(t, k.real, dir, "strace", "-D", "-f", "-qq", "-o", os.DevNull, "-P", filepath.Join(dir, db.SQLiteFile+"-wal"),
			"-e", "trace=fsync,fdatasync", "-e", fmt.Sprintf("inject=fsync,fdatasync:error=EIO:when=%d", n))
		d := deliver(p.url, all, 4)
		refuses(t, delivery{status: answered(d.status), slowest: d.slowest})
		code := p.stopped(t)
		if code != 0 {
			ended++
		}
		t.Logf("fsync %d: %d events acknowledged, exit status %d", n, len(d.acked()), code)
		p.noPanic(t)
		c.must(t, dir, d)
		c.goesOn(t, dir, all)
	}
	if ended == 0 {
		t.Error("no server exited")
	}
}

func testLockedOut(t *testing.T, k *kit) {
	all := bodies(8)
	dir := configured(t, k.real)
	p := serving(t, k.real, dir)
	other, err := sql.Open("sqlite", "file:"+filepath.Join(dir, db.SQLiteFile))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	conn, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), `PRAGMA busy_timeout(5000); BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	d := deliver(p.url, all, 8)
	refuses(t, d)
	if len(d.acked()) > 0 {
		t.Error("events were acknowledged while nothing could be written")
	}
	if _, err := conn.ExecContext(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	newChecker(t, k, all).hasAll(t, p, dir, all)
}

// Each fsync takes longer than Zoom waits. Events are answered 503 in time, and a retry
// stores each event once.
func testSlowDisk(t *testing.T, k *kit) {
	all := bodies(24)
	dir := configured(t, k.real)
	p := serving(t, k.real, dir)
	deliverAll(t, p.url, all[:4])
	end := p.inject(t, "fsync,fdatasync", "delay_enter=4s")
	d := deliver(p.url, all[4:], 20)
	refuses(t, d)
	if len(d.acked()) > 0 {
		t.Error("events were acknowledged before they can be on the disk")
	}
	end()
	newChecker(t, k, all).hasAll(t, p, dir, all)
}

func testHangUp(t *testing.T, k *kit) {
	all := bodies(60)
	dir := configured(t, k.real)
	p := serving(t, k.real, dir)
	for i, body := range all {
		s, err := newSender(p.url)
		if err != nil {
			t.Fatal(err)
		}
		r, err := signed(t.Context(), p.url, body)
		if err != nil {
			t.Fatal(err)
		}
		var request bytes.Buffer
		_ = r.Write(&request)
		// Some senders hang up before their request is complete, the others after it.
		_, _ = s.conn.Write(request.Bytes()[:request.Len()-i%2*100])
		s.conn.Close()
	}
	newChecker(t, k, all).hasAll(t, p, dir, all)
}

func testSecondServer(t *testing.T, k *kit) {
	all := bodies(10)
	dir := configured(t, k.real)
	first := serving(t, k.real, dir)
	second := spawnServer(t, k.real, dir)
	if code := second.wait(t); code != 1 || !strings.Contains(second.err.String(), "another Drawbridge server") || !strings.Contains(second.err.String(), dir) {
		t.Errorf("the second server exited with status %d and printed: %s", code, second.err.String())
	}
	deliverAll(t, first.url, all)
	// The lock ends with the process, however the process ends.
	_ = first.cmd.Process.Signal(syscall.SIGKILL)
	first.wait(t)
	newChecker(t, k, all).goesOn(t, dir, all)
}

// Whatever is damaged, the program either says so or works. It never panics, and never
// shows an empty event log in place of a damaged one.
func testFlippedBits(t *testing.T, k *kit) {
	all := bodies(60)
	c := newChecker(t, k, all)
	dir := configured(t, k.real)
	p := serving(t, k.real, dir)
	deliverAll(t, p.url, all[:40])
	p.terminate(t) // the first events are in the database, the others in its log
	p = serving(t, k.real, dir)
	deliverAll(t, p.url, all[40:])
	_ = p.cmd.Process.Kill()
	p.wait(t)
	database, log := db.SQLiteFile, db.SQLiteFile+"-wal"
	whole := map[string][]byte{database: nil, log: nil, "master.key": nil}
	for name := range whole {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		whole[name] = content
	}
	tries := 8
	if k.full {
		tries = 200
	}
	outcome := map[string]int{}
	for n := range tries {
		random := rand.New(rand.NewPCG(uint64(n), 0))
		s := state{files: maps.Clone(whole)}
		name := []string{database, log}[n%2]
		damaged := bytes.Clone(whole[name])
		for range 1 << random.IntN(11) {
			bit := random.IntN(8 * len(damaged))
			damaged[bit/8] ^= 1 << (bit % 8)
		}
		s.files[name] = damaged
		if err := s.write(dir); err != nil {
			t.Fatal(err)
		}
		outcome[name+" "+c.startDamaged(t, dir)]++
	}
	for _, what := range slices.Sorted(maps.Keys(outcome)) {
		t.Logf("%s: %d", what, outcome[what])
	}
}

// startDamaged starts the server on a damaged database and returns the outcome.
func (c checker) startDamaged(t *testing.T, dir string) string {
	t.Helper()
	p := spawnServer(t, c.real, dir)
	defer p.noPanic(t)
	if !p.running() {
		if code := p.wait(t); code != 1 || !strings.Contains(p.err.String(), db.SQLiteFile) {
			t.Errorf("the server exited with status %d without naming the damaged file: %s", code, p.err.String())
		}
		return "refused"
	}
	p.stopped(t)
	v := c.check(dir, delivery{status: slices.Repeat([]int{http.StatusOK}, len(c.bodies))}.acked(), true)
	switch {
	case v == nil:
		return "served, nothing lost"
	case v.what == eventsLost && strings.HasPrefix(v.text, fmt.Sprintf("%d of", len(c.bodies))):
		t.Error("a damaged database shows as an empty one")
	}
	return "served, " + v.what
}

// If there is anything else in place of the database, the program names the file and
// creates nothing.
func testReplaced(t *testing.T, k *kit) {
	for _, tt := range []struct {
		name    string
		replace func(path string) error
	}{
		{"missing", os.Remove},
		{"empty", func(path string) error { return os.Truncate(path, 0) }},
		{"text", func(path string) error {
			return os.WriteFile(path, bytes.Repeat([]byte("not a database "), 1000), 0o600)
		}},
		{"half", func(path string) error { return os.Truncate(path, 40_000) }},
		{"directory", func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		}},
	} {
		dir := configured(t, k.real)
		path := filepath.Join(dir, db.SQLiteFile)
		if err := tt.replace(path); err != nil {
			t.Fatal(err)
		}
		p := spawnServer(t, k.real, dir)
		if code := p.stopped(t); code != 1 || !strings.Contains(p.err.String(), path) {
			t.Errorf("%s: the server exited with status %d and printed: %s", tt.name, code, p.err.String())
		}
		p.noPanic(t)
	}
}
