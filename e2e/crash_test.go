//go:build linux

package e2e

import (
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
)

// TestCrash checks that an event answered with 200 is never lost, whenever the program
// is killed, the power is cut or the disk fails. The long form, DRAWBRIDGE_CRASH=full or
// task crash, checks every point of the recording. docs/durability.md says what is
// tested and what is not.
func TestCrash(t *testing.T) {
	long(t)
	needStrace(t)
	k := newKit(t)
	t.Run("replay", func(t *testing.T) { testReplay(t, k) })
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) { f.test(t, k) })
	}
}

func testReplay(t *testing.T, k *kit) {
	real, control, starts := plan{most: 100, seeds: 2}, plan{most: 30, seeds: 1}, 4
	if k.full {
		real, control, starts = plan{every: true, seeds: 8}, plan{most: 1000, seeds: 1}, 100
	}
	all := bodies(200)
	c := newChecker(t, k, all)

	r := record(t, k.real, all)
	r.worthIt(t)
	got := c.replay(t, r.ops, real)
	t.Run("D-01 kill", func(t *testing.T) {
		t.Log(got["kill"])
		if v := got["kill"]; v.states == 0 || v.violations() > 0 {
			t.Errorf("%v:\n%s", v, strings.Join(v.texts, "\n"))
		}
	})
	t.Run("D-02 power cut", func(t *testing.T) {
		t.Log(got["power"])
		if v := got["power"]; v.states == 0 || v.violations() > 0 {
			t.Errorf("%v:\n%s", v, strings.Join(v.texts, "\n"))
		}
	})
	t.Run("start after a crash", func(t *testing.T) {
		for n, point := range spread(real.points(r.ops), starts) {
			c.startAt(t, r.ops, point, n, all)
		}
	})
	// The controls check that the tests above can fail. After a kill, they must find
	// answers that were given too early.
	t.Run("D-01 control", func(t *testing.T) {
		early := control
		early.early = 60
		got := c.replay(t, r.ops, early)
		t.Log("kill:", got["kill"])
		if got["kill"].broken[eventsLost] == 0 {
			t.Error("the test does not find lost events although answers were given before the commit")
		}
	})
	// The same program without waiting for the disk loses events in a power cut, and
	// only there.
	t.Run("D-02 control", func(t *testing.T) {
		got := c.replay(t, record(t, k.control, all).ops, control)
		t.Log("kill: ", got["kill"])
		t.Log("power:", got["power"])
		if got["power"].broken[eventsLost] == 0 {
			t.Error("the test does not find lost events with synchronous=NORMAL")
		}
		if v := got["kill"]; v.violations() > 0 {
			t.Errorf("%v:\n%s", v, strings.Join(v.texts, "\n"))
		}
	})
}

// record traces apply and the server while all bodies are delivered.
func record(t *testing.T, binary string, all [][]byte) *recorder {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	traces := t.TempDir()
	r := &recorder{dir: dir, size: map[string]int64{}, ports: map[string]int{}, sent: map[int][]int{}, responses: map[string]int{}}

	trace := filepath.Join(traces, "apply")
	p := configure(t, binary, dir, straceRecord(trace)...)
	if code := p.wait(t); code != 0 {
		t.Fatalf("apply: status %d, %s", code, p.err.String())
	}
	if err := r.read(trace); err != nil {
		t.Fatal(err)
	}
	r.ops = append(r.ops, operation{kind: "applied"})

	trace = filepath.Join(traces, "serve")
	p = spawnServer(t, binary, dir, straceRecord(trace)...)
	d := deliver(p.url, all, 5)
	p.terminate(t)
	if n := len(d.acked()); n != len(all) {
		t.Fatalf("%d of %d events were answered with 200: %v\n%s", n, len(all), d.status, p.err.String())
	}
	for _, s := range d.senders {
		r.sent[s.port] = s.sent
	}
	if err := r.read(trace); err != nil {
		t.Fatal(err)
	}
	sameAsReal(t, r)
	return r
}

// worthIt checks that the recording contains the cases in which a crash could do harm:
// answers that share a commit, and answers after a checkpoint, which moves pages from
// the log into the database. It logs the number of each.
func (r *recorder) worthIt(t *testing.T) {
	t.Helper()
	count := map[string]int{}
	row, checkpointed := 0, false
	for _, op := range r.ops {
		count[op.kind]++
		switch {
		case op.kind == "ack":
			if row++; row == 2 {
				count["shared commit"]++
			}
			if checkpointed {
				count["ack after a checkpoint"]++
			}
		case op.kind == "sync":
			row = 0
			checkpointed = checkpointed || count["ack"] > 0 && filepath.Base(op.path) == db.SQLiteFile
		}
	}
	t.Logf("recorded %d operations: %v", len(r.ops), count)
	if count["shared commit"] == 0 || count["ack after a checkpoint"] == 0 {
		t.Error("the recording has no shared commit, or no answer after a checkpoint: send more events")
	}
}

// startAt starts the program on the disk as a crash at a point left it, and redelivers
// everything. The program must serve and have each event once.
func (c checker) startAt(t *testing.T, ops []operation, point, n int, all [][]byte) {
	t.Helper()
	d := newDisk()
	for _, op := range ops[:point] {
		d.play(op)
	}
	s := d.kill()
	if n%2 == 0 {
		s = d.cut(rand.New(rand.NewPCG(uint64(point), 0)))
	}
	dir := filepath.Join(memoryDir(t), "data")
	if err := s.write(dir); err != nil {
		t.Fatal(err)
	}
	if !s.applied {
		if p := configure(t, c.real, dir); p.wait(t) != 0 {
			t.Errorf("apply after a %s at operation %d: %s", s.mode, point, p.err.String())
			return
		}
	}
	c.goesOn(t, dir, all)
	if t.Failed() {
		t.Logf("after a %s at operation %d", s.mode, point)
	}
}

// goesOn starts the server on a data directory after a fault and redelivers everything.
func (c checker) goesOn(t *testing.T, dir string, all [][]byte) {
	t.Helper()
	c.hasAll(t, serving(t, c.real, dir), dir, all)
}

// hasAll delivers everything, again or for the first time, and checks that each event is
// there once.
func (c checker) hasAll(t *testing.T, p *process, dir string, all [][]byte) {
	t.Helper()
	deliverAll(t, p.url, all)
	p.terminate(t)
	p.noPanic(t)
	c.must(t, dir, delivery{status: slices.Repeat([]int{http.StatusOK}, len(all))})
}

// must fails the test if a data directory breaks a promise.
func (c checker) must(t *testing.T, dir string, d delivery) {
	t.Helper()
	if v := c.check(dir, d.acked(), true); v != nil {
		t.Errorf("%s: %s", v.what, v.text)
	}
}
