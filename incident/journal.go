package incident

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// replayPause is how often the journal is tried again.
const replayPause = 2 * time.Second

// Pending is an incident that was answered from memory and is not in the database yet.
type Pending struct {
	ID      string // UUIDv7
	Actor   Actor
	Request OpenRequest // with Given and OpenedAt
	// BridgeID is set if the incident is stored and only its bridge could not be written.
	BridgeID string      `json:",omitempty"`
	Saved    bool        `json:"-"` // it is in the journal's file; otherwise it is lost if the program stops
	Not      NotStorable `json:"-"` // why it could not be stored since the program started
}

// Bridge returns the static link of the incident as its bridge.
func (p Pending) Bridge() Bridge {
	b := Bridge{State: BridgeReady, CreatedAt: p.Request.OpenedAt}
	b.fromMemory(*p.Request.Given, p.Request.OpenedAt)
	return b
}

// same reports whether a request asks for the same incident.
func (p Pending) same(req OpenRequest) bool {
	return req.DedupKey != "" && storedKey(req.DedupKey) == storedKey(p.Request.DedupKey) || req.FormKey != "" && req.FormKey == p.Request.FormKey
}

// journal has the incidents that are not in the database yet, in memory and in a file.
type journal struct {
	path string // "": only in memory

	// file is held while the file is read or written, before mu if both are. A disk that
	// hangs may keep it for long, so nobody who needs a link waits for it.
	file sync.Mutex

	replays sync.Mutex // one at a time
	mu      sync.Mutex
	loaded  bool
	pending []Pending
	tried   time.Time

	links     []StaticLink // the account's, as last read
	runbooks  []Runbook    // those that can be used, as last read
	linksRead time.Time
}

// PendingIncidents returns how many incidents have a link from memory and are not in the
// database yet, without those that can't be stored.
func (s *Service) PendingIncidents() int {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	n := 0
	for _, p := range s.journal.pending {
		if !p.Stuck() {
			n++
		}
	}
	return n
}

// pendingLike returns the pending incident that a request asks for again, or nil.
func (s *Service) pendingLike(req OpenRequest) *Pending {
	j := &s.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if i := slices.IndexFunc(j.pending, func(p Pending) bool { return !p.Stuck() && p.same(req) }); i >= 0 {
		p := j.pending[i]
		return &p
	}
	return nil
}

// remember gives an incident a static link and puts it into the journal; created is false
// if another caller has just done so. It returns nil if the last link was removed
// meanwhile. If the disk takes longer than the caller can wait, the incident is only in
// memory until it is written.
func (s *Service) remember(ctx context.Context, p Pending) (given *Pending, created bool) {
	given, created = s.giveFromMemory(ctx, p)
	if given == nil {
		return nil, false
	}
	end, _ := ctx.Deadline()
	wait := time.NewTimer(max(time.Until(end), linkLook))
	defer wait.Stop()
	saved, p := make(chan bool, 1), *given
	go func() {
		err := s.journal.save(p)
		if err != nil {
			s.log.Error("could not write the journal; an incident is only in memory", "error", err)
		}
		saved <- err == nil
	}()
	select {
	case given.Saved = <-saved:
	case <-wait.C:
		s.log.Warn("writing the journal takes long; an incident is only in memory until then")
	}
	return given, created
}

// giveFromMemory gives an incident a static link, in memory. If it has one already, it
// returns that one and created is false.
func (s *Service) giveFromMemory(ctx context.Context, p Pending) (given *Pending, created bool) {
	look, cancel := context.WithTimeout(ctx, linkLook)
	defer cancel()
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		s.load()
	}()
	uses, _ := s.store.StaticUses(look) // without them, the first link is as good as any
	select {
	case <-loaded:
	case <-look.Done():
	}
	j := &s.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if i := slices.IndexFunc(j.pending, func(other Pending) bool {
		return !other.Stuck() && other.same(p.Request) || p.BridgeID != "" && p.BridgeID == other.BridgeID
	}); i >= 0 { // two callers at once
		p := j.pending[i]
		return &p, false
	}
	if len(j.links) == 0 {
		return nil, false
	}
	for _, other := range j.pending {
		uses = append(uses, StaticUse{URL: other.Request.Given.URL})
	}
	link := freeStatic(j.links, uses)
	p.ID, p.Request.Given, p.Request.OpenedAt = newID(), &link, s.now()
	j.pending = append(j.pending, p)
	return &p, true
}

// save adds an incident to the file, unless it is there or in the database by now.
func (j *journal) save(p Pending) error {
	j.file.Lock()
	defer j.file.Unlock()
	if !slices.ContainsFunc(j.snapshot(), func(other Pending) bool { return other.ID == p.ID && !other.Saved }) {
		return nil
	}
	err := j.append(j.path, p)
	if err == nil {
		j.saved([]Pending{p})
	}
	return err
}

func (j *journal) snapshot() []Pending {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.pending)
}

// saved notes that incidents are in the file.
func (j *journal) saved(list []Pending) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.pending {
		if slices.ContainsFunc(list, func(p Pending) bool { return p.ID == j.pending[i].ID }) {
			j.pending[i].Saved = true
		}
	}
}

// append adds lines to a file. It returns once they are on the disk. The PIN of a link is
// not in them: the account has it.
func (j *journal) append(path string, list ...Pending) error {
	var lines []byte
	for _, p := range list {
		given := *p.Request.Given
		given.PIN, p.Request.Given = "", &given
		line, err := json.Marshal(p)
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	return appendTo(path, lines)
}

// appendTo adds lines to a file. It returns once they are on the disk.
func appendTo(path string, lines []byte) error {
	if path == "" {
		return errors.New("there is no file for the journal")
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		if _, err = f.Write(lines); err == nil {
			err = f.Sync()
		}
		if err != nil { // the next line must not follow half of this one
			err = errors.Join(err, f.Truncate(info.Size()))
		}
	}
	return errors.Join(err, f.Close(), syncDir(filepath.Dir(path)))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// load reads the file once. A line that was cut off by a crash belongs to a request that
// got no answer. Any other that can't be read is kept in a file beside the journal, because
// the journal is rewritten without it.
func (s *Service) load() {
	j := &s.journal
	if j.isLoaded() {
		return
	}
	j.file.Lock()
	defer j.file.Unlock()
	if j.isLoaded() {
		return
	}
	content, err := os.ReadFile(j.path)
	if err != nil && j.path != "" && !errors.Is(err, fs.ErrNotExist) {
		s.log.Error("could not read the journal", "error", err)
		return // and never rewrite what was not read
	}
	var list []Pending
	var damaged []byte
	for line := range bytes.Lines(content) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		p := Pending{Saved: true}
		err := json.Unmarshal(line, &p)
		switch {
		case err == nil && p.Request.Given != nil:
			list = append(list, p)
		case bytes.HasSuffix(line, []byte("\n")):
			s.log.Error("a line of the journal can’t be read; it is moved to a file of its own", "file", j.path+".damaged", "error", err)
			damaged = append(damaged, line...)
		}
	}
	if len(damaged) > 0 {
		if err := appendTo(j.path+".damaged", damaged); err != nil {
			s.log.Error("could not keep what can’t be read of the journal", "error", err)
		}
	}
	j.mu.Lock()
	list = slices.DeleteFunc(list, func(p Pending) bool { // written while this waited for the file
		return slices.ContainsFunc(j.pending, func(other Pending) bool { return other.ID == p.ID })
	})
	j.loaded, j.pending = true, append(list, j.pending...)
	j.mu.Unlock()
	if len(damaged) > 0 || len(content) > 0 && !bytes.HasSuffix(content, []byte("\n")) {
		if err := j.rewrite(); err != nil {
			s.log.Error("could not repair the journal", "error", err)
		}
	}
}

func (j *journal) isLoaded() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.loaded
}

// drop removes incidents that are in the database now, and writes those down that could not
// be written before. If the program stops before, their keys prevent second ones.
func (s *Service) drop(ids []string) {
	j := &s.journal
	j.mu.Lock()
	j.pending = slices.DeleteFunc(j.pending, func(p Pending) bool { return slices.Contains(ids, p.ID) })
	complete := !slices.ContainsFunc(j.pending, func(p Pending) bool { return !p.Saved })
	j.mu.Unlock()
	if len(ids) == 0 && complete {
		return
	}
	j.file.Lock()
	defer j.file.Unlock()
	if err := j.rewrite(); err != nil {
		s.log.Error("could not rewrite the journal", "error", err)
	}
}

// rewrite replaces the file by what is pending. The caller holds file.
func (j *journal) rewrite() error {
	if j.path == "" || !j.isLoaded() {
		return nil
	}
	pending := j.snapshot()
	if len(pending) == 0 {
		err := os.Remove(j.path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return errors.Join(err, syncDir(filepath.Dir(j.path)))
	}
	rest := j.path + ".new"
	if err := os.Remove(rest); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := j.append(rest, pending...); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(rest, j.path), syncDir(filepath.Dir(j.path))); err != nil {
		return err
	}
	j.saved(pending)
	return nil
}

// replayOnce keeps the static links in memory current, and writes down the incidents of
// the journal, oldest first.
func (s *Service) replayOnce(ctx context.Context) (did int, err error) {
	j := &s.journal
	j.replays.Lock()
	defer j.replays.Unlock()
	s.load()
	s.readLinks(ctx)
	j.mu.Lock()
	if len(j.pending) == 0 || s.now().Sub(j.tried) < replayPause {
		j.mu.Unlock()
		return 0, nil
	}
	j.tried = s.now()
	pending := slices.Clone(j.pending)
	j.mu.Unlock()
	var stored []string
	var silent *Pending // the last entry, to which the database gave no answer
	defer func() { s.drop(stored) }()
	for _, p := range pending {
		if p.Not.TryAt.After(s.now()) {
			continue
		}
		err := s.replay(ctx, p)
		if CodeOf(err) == Invalid { // such as a runbook that was deleted meanwhile: take what a program may send
			p.Request.Source = SourceAPI
			err = s.replay(ctx, p)
		}
		switch {
		case err == nil:
			stored = append(stored, p.ID)
			if silent != nil { // the fault is the entry's
				j.notStored(silent.ID, ErrNoAnswer, s.now())
			}
			silent = nil
		case CodeOf(err) == Unavailable && silent == nil:
			silent = &p
		case CodeOf(err) == Unavailable:
			return len(stored), nil
		default:
			failures := j.notStored(p.ID, err, s.now())
			s.log.Error("an incident of the journal can’t be stored; it stays there", "name", p.Request.Name, "runbook", p.Request.RunbookName, "failures", failures, "error", err)
		}
	}
	return len(stored), nil
}

// replay writes down what was answered from memory.
func (s *Service) replay(ctx context.Context, p Pending) error {
	if p.BridgeID != "" {
		return s.giveLink(ctx, p)
	}
	i, created, err := s.OpenIncident(ctx, p.Actor, p.Request)
	if err != nil || created {
		return err
	}
	return s.giveLinkTo(ctx, p, i.Number)
}
