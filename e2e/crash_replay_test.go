//go:build linux

package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// file is the content of one file.
type file struct {
	synced []byte
	later  []written // not synced
}

// written is an operation on a file, with its index in the recording.
type written struct {
	operation
	index int
}

// on applies a write or truncation.
func (w written) on(content []byte) []byte {
	if w.kind == "truncate" {
		return append(content[:min(w.at, int64(len(content)))], make([]byte, max(0, w.at-int64(len(content))))...)
	}
	if short := w.at + int64(len(w.data)) - int64(len(content)); short > 0 {
		content = append(content, make([]byte, short)...)
	}
	copy(content[w.at:], w.data)
	return content
}

// torn applies only some sectors of a write.
func (w written) torn(content []byte, random *rand.Rand) []byte {
	const sector = 512
	for from := w.at; from < w.at+int64(len(w.data)); {
		to := min((from/sector+1)*sector, w.at+int64(len(w.data)))
		if random.IntN(2) == 0 {
			content = written{operation{at: from, data: w.data[from-w.at : to-w.at]}, 0}.on(content)
		}
		from = to
	}
	return content
}

// naming is a change of the directory, with its file.
type naming struct {
	operation
	index int
	file  *file
}

func (n naming) on(names map[string]*file) {
	switch n.kind {
	case "create":
		names[n.path] = n.file
	case "link":
		names[n.to] = n.file
	case "rename":
		names[n.to] = n.file
		delete(names, n.path)
	case "remove":
		delete(names, n.path)
	}
}

// disk is the data directory at one point of the recording.
type disk struct {
	done    int
	names   map[string]*file // as programs see the directory
	durable map[string]*file // as a power cut leaves the directory
	naming  []naming         // changes that are not durable yet
	acked   map[int]bool
	applied bool
}

func newDisk() *disk {
	return &disk{names: map[string]*file{}, durable: map[string]*file{}, acked: map[int]bool{}}
}

// play applies the next operation of the recording.
func (d *disk) play(op operation) {
	index := d.done
	d.done++
	f := d.names[op.path] // nil if the file was removed while open
	switch op.kind {
	case "ack":
		d.acked[op.event] = true
	case "applied":
		d.applied = true
	case "write", "truncate":
		if f != nil {
			f.later = append(f.later, written{op, index})
		}
	case "sync":
		// The sync may not include what was written after it began.
		for f != nil && len(f.later) > 0 && f.later[0].index < op.began {
			f.synced = f.later[0].on(f.synced)
			f.later = f.later[1:]
		}
	case "sync dir":
		for len(d.naming) > 0 && d.naming[0].index < op.began {
			d.naming[0].on(d.durable)
			d.naming = d.naming[1:]
		}
	default:
		if op.kind == "create" {
			f = &file{}
		}
		n := naming{op, index, f}
		n.on(d.names)
		d.naming = append(d.naming, n)
	}
}

// state is a data directory after a crash, and what it must contain.
type state struct {
	mode    string // kill or power
	point   int    // number of operations that were done
	files   map[string][]byte
	acked   map[int]bool
	applied bool
}

func (d *disk) state(mode string, names map[string]*file, content func(*file) []byte) state {
	s := state{mode, d.done, map[string][]byte{}, maps.Clone(d.acked), d.applied}
	contents := map[*file][]byte{}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		f := names[path]
		if contents[f] == nil {
			contents[f] = content(f)
		}
		s.files[filepath.Base(path)] = contents[f]
	}
	return s
}

// kill returns the state after the program was killed: everything it wrote is there.
func (d *disk) kill() state {
	return d.state("kill", d.names, func(f *file) []byte {
		content := slices.Clone(f.synced)
		for _, w := range f.later {
			content = w.on(content)
		}
		return content
	})
}

// cut returns a state after a power cut. Each write that was not synced is there, lost or
// torn; of the changes of names that were not synced, any number of the first ones are
// there.
func (d *disk) cut(random *rand.Rand) state {
	names := maps.Clone(d.durable)
	for _, n := range d.naming[:random.IntN(len(d.naming)+1)] {
		n.on(names)
	}
	lost := []float64{1, 0.9, 0.5, 0.1}[random.IntN(4)]
	return d.state("power", names, func(f *file) []byte {
		content := slices.Clone(f.synced)
		for _, w := range f.later {
			switch {
			case random.Float64() < lost:
			case w.kind == "write" && random.IntN(2) == 0:
				content = w.torn(content, random)
			default:
				content = w.on(content)
			}
		}
		return content
	})
}

// promised adds answers that were given later, which the state must also satisfy.
func (s state) promised(ops []operation) state {
	for _, op := range ops {
		if op.kind == "ack" {
			s.acked[op.event] = true
		}
	}
	return s
}

// write writes the state to a directory.
func (s state) write(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, content := range s.files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// violation is a broken promise. what is its name in the table of results.
type violation struct{ what, text string }

// slow reports a state that could not be checked in time.
func (v *violation) slow() bool {
	return v != nil && strings.Contains(v.text, context.DeadlineExceeded.Error())
}

const eventsLost = "acknowledged events lost"

// checker checks data directories.
type checker struct {
	*kit
	bodies map[string]int // by SHA-256
	schema string         // of an undamaged database
}

func newChecker(t *testing.T, k *kit, all [][]byte) checker {
	t.Helper()
	c := checker{k, map[string]int{}, ""}
	for i, body := range all {
		hash := sha256.Sum256(body)
		c.bodies[hex.EncodeToString(hash[:])] = i
	}
	f, err := k.inspect(filepath.Join(t.TempDir(), "data"))
	if err != nil || f.Schema == "" {
		t.Fatalf("a new database: %+v, %v", f, err)
	}
	c.schema = f.Schema
	return c
}

// check returns the first broken promise of a data directory, or nil: it opens and is
// intact, has this program's schema, its secrets can be opened, each event is stored
// once and as it was sent, and every event in acked is there. If applied is set, the
// account must be there too.
func (c checker) check(dir string, acked map[int]bool, applied bool) *violation {
	f, err := c.inspect(dir)
	switch {
	case err != nil:
		return &violation{"panic", err.Error()}
	case f.OpenError != "":
		return &violation{"does not open", f.OpenError}
	case f.ReadError != "":
		return &violation{"corrupt", f.ReadError}
	case f.Integrity != "ok":
		return &violation{"corrupt", f.Integrity}
	case f.Schema != c.schema:
		return &violation{"half schema", f.Schema}
	case f.KeyProblem != "":
		return &violation{"key lost", f.KeyProblem}
	case applied && f.Tokens == 0:
		return &violation{"configuration lost", "the account has no secret token"}
	}
	stored := map[int]bool{}
	for _, hash := range f.Bodies {
		i, known := c.bodies[hash]
		switch {
		case !known:
			return &violation{"half an event", "an event has a body that was not sent"}
		case stored[i]:
			return &violation{"stored twice", fmt.Sprintf("body %d", i)}
		}
		stored[i] = true
	}
	missing := 0
	for i := range acked {
		if !stored[i] {
			missing++
		}
	}
	if missing > 0 {
		return &violation{eventsLost, fmt.Sprintf("%d of %d are missing", missing, len(acked))}
	}
	return nil
}

// verdicts counts the states of one mode.
type verdicts struct {
	states int
	broken map[string]int
	texts  []string // the first violations
}

func (v verdicts) violations() (n int) {
	for _, count := range v.broken {
		n += count
	}
	return n
}

func (v verdicts) String() string {
	text := fmt.Sprintf("%d states, %d violations", v.states, v.violations())
	for _, what := range slices.Sorted(maps.Keys(v.broken)) {
		text += fmt.Sprintf(", %s: %d", what, v.broken[what])
	}
	return text
}

// plan says which states of a recording are checked.
type plan struct {
	every bool // every point; otherwise the points around each sync and some between
	most  int  // number of points, unless every is set
	seeds int  // power cuts at each point
	early int  // answers count this many operations too early
}

// points returns where a crash may leave a new state: before each operation that changes
// the disk, with every answer that was given until then.
func (p plan) points(ops []operation) []int {
	var all, near []int
	for i, op := range ops {
		if op.kind == "ack" || op.kind == "applied" {
			continue
		}
		all = append(all, i)
		after := i > 0 && slices.Contains([]string{"sync", "sync dir", "ack", "applied"}, ops[i-1].kind)
		if op.kind == "sync" || op.kind == "sync dir" || after {
			near = append(near, i)
		}
	}
	all, near = append(all, len(ops)), append(near, len(ops))
	if p.every {
		return all
	}
	points := slices.Concat(spread(near, p.most*3/4), spread(all, p.most/4))
	slices.Sort(points)
	return slices.Compact(points)
}

// spread returns at most n elements of a list, evenly spread, including the last.
func spread[T any](list []T, n int) []T {
	if len(list) <= n {
		return list
	}
	var some []T
	for i := range n {
		some = append(some, list[(i+1)*len(list)/n-1])
	}
	return some
}

// replay checks the states of a recording that the plan selects. Equal states are
// checked once.
func (c checker) replay(t *testing.T, ops []operation, p plan) map[string]*verdicts {
	t.Helper()
	result := map[string]*verdicts{"kill": {broken: map[string]int{}}, "power": {broken: map[string]int{}}}
	var mu sync.Mutex
	var workers sync.WaitGroup
	states := make(chan state)
	for n := range runtime.GOMAXPROCS(0) {
		dir := filepath.Join(memoryDir(t), fmt.Sprint(n))
		workers.Go(func() {
			for s := range states {
				var broken *violation
				// On a busy machine the program may run into its own time limit,
				// which says nothing about the disk.
				for try := 0; try < 4 && (try == 0 || broken.slow()); try++ {
					if err := s.write(dir); err != nil {
						broken = &violation{"test", err.Error()}
					} else {
						broken = c.check(dir, s.acked, s.applied)
					}
				}
				mu.Lock()
				v := result[s.mode]
				v.states++
				if broken != nil {
					v.broken[broken.what]++
					if len(v.texts) < 20 {
						v.texts = append(v.texts, fmt.Sprintf("%s at operation %d of %d: %s: %.500s", s.mode, s.point, len(ops), broken.what, broken.text))
					}
				}
				mu.Unlock()
			}
		})
	}
	seed := maphash.MakeSeed()
	seen := map[uint64]bool{}
	look := func(s state) {
		var h maphash.Hash
		h.SetSeed(seed)
		fmt.Fprint(&h, s.mode, len(s.acked), s.applied)
		for _, name := range slices.Sorted(maps.Keys(s.files)) {
			fmt.Fprint(&h, "\x00", name, len(s.files[name]), "\x00")
			h.Write(s.files[name])
		}
		if sum := h.Sum64(); !seen[sum] {
			seen[sum] = true
			states <- s
		}
	}
	d := newDisk()
	for _, point := range p.points(ops) {
		for d.done < point {
			d.play(ops[d.done])
		}
		early := ops[point:min(point+p.early, len(ops))]
		look(d.kill().promised(early))
		for n := range p.seeds {
			look(d.cut(rand.New(rand.NewPCG(uint64(point), uint64(n)))).promised(early))
		}
	}
	close(states)
	workers.Wait()
	return result
}

// memoryDir returns a directory in memory, or on disk if there is none.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "drawbridge-crash-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// sameAsReal compares the end of a replay with the directory that the programs left.
// This proves that the recording misses no write.
func sameAsReal(t *testing.T, r *recorder) {
	t.Helper()
	d := newDisk()
	for _, op := range r.ops {
		d.play(op)
	}
	played := d.kill().files
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(r.dir, e.Name())
		if !r.kept(path) {
			continue
		}
		real, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, there := played[e.Name()]; !there || string(got) != string(real) {
			t.Errorf("%s has %d bytes, and %d after the replay, or its content differs: the recording misses writes", e.Name(), len(real), len(got))
		}
		delete(played, e.Name())
	}
	for name := range played {
		if !strings.HasSuffix(name, "-journal") {
			t.Errorf("the replay leaves a file %s", name)
		}
	}
}
