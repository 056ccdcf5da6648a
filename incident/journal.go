package incident

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// While the database accepts no writes, an incident gets a static link from memory, and
// waits in the journal until it can be written down.
const (
	// How long a caller waits for the database, for reads and then for the write,
	// before the incident is answered from memory.
	readsFromMemory = time.Second
	writeFromMemory = 1500 * time.Millisecond
	// leaveAt is when the caller no longer waits for a climb that should have given the
	// static link: storing it takes too long.
	leaveAt = humanBudget - staticMargin/2
	// replayPause is how often the journal is tried again.
	replayPause = 2 * time.Second
	// linksEvery is how often the static links in memory are read again, because
	// another server or command may have changed them.
	linksEvery = 10 * time.Second
	// linkLook is the time for finding out whether an incident has its link, or which
	// static links are in use.
	linkLook = 100 * time.Millisecond
)

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

func (b *Bridge) fromMemory(l StaticLink, at time.Time) {
	b.leadTo(l, at)
	b.Rung = RungStatic
	b.Reasons = []Reason{{Code: ReasonFromMemory}, {Code: ReasonStaticLink, Text: l.Name}}
}

// same reports whether a request asks for the same incident.
func (p Pending) same(req OpenRequest) bool {
	return req.DedupKey != "" && storedKey(req.DedupKey) == storedKey(p.Request.DedupKey) || req.FormKey != "" && req.FormKey == p.Request.FormKey
}

// journal has the incidents that are not in the database yet, in memory and in a file.
type journal struct {
	path string // "": only in memory

	mu      sync.Mutex
	loaded  bool
	pending []Pending
	tried   time.Time

	links     []StaticLink // the account's, as last read
	runbooks  []Runbook    // those that can be used, as last read
	linksRead time.Time
}

// Opened is the outcome of Open.
type Opened struct {
	Incident Incident
	Bridges  []Bridge // from memory if the database does not answer any more; empty if it is in no memory
	Created  bool
	Pending  *Pending // not nil: the database accepted no write, so there is no Incident yet
}

// Open is OpenIncident, but if the database does not answer or accepts no writes, and
// the account has static links, the incident gets one of them from memory. It is written
// down as soon as the database accepts it, with req.FormKey or a key that is made here,
// so that this happens once.
func (s *Service) Open(ctx context.Context, actor Actor, req OpenRequest) (Opened, error) {
	if err := need(actor, Responder); err != nil {
		return Opened{}, err
	}
	if p := s.pendingLike(req); p != nil {
		return Opened{Pending: p}, nil
	}
	if req.FormKey == "" {
		req.FormKey = newID()
	}
	ctx, cancel := attached(ctx, humanBudget)
	defer cancel()
	if actor.Recalled && s.hasLinks() {
		return s.openFromMemory(ctx, actor, req)
	}
	o, err := s.openInTime(ctx, actor, req)
	if err == nil {
		return s.ensureLink(ctx, actor, req, o), nil
	}
	if CodeOf(err) != Unavailable || !s.hasLinks() {
		return o, err
	}
	s.log.Error("could not store an incident; it gets a static link from memory", "error", err)
	return s.openFromMemory(ctx, actor, req)
}

// openFromMemory gives an incident its link without the database. It refuses what could
// never be stored.
func (s *Service) openFromMemory(ctx context.Context, actor Actor, req OpenRequest) (Opened, error) {
	for _, r := range s.KnownRunbooks() {
		if r.ID == req.RunbookID || req.RunbookID == "" && r.Name == req.RunbookName {
			if _, _, err := s.newIncident(actor, r, req); err != nil {
				return Opened{}, err
			}
		}
	}
	p := s.remember(ctx, Pending{Actor: actor, Request: req})
	if p == nil {
		return Opened{}, ErrNoAnswer
	}
	return Opened{Created: true, Pending: p}, nil
}

// openInTime is OpenIncident for a caller who does not wait for a database that hangs. It
// returns Unavailable at leaveAt, and OpenIncident goes on.
func (s *Service) openInTime(ctx context.Context, actor Actor, req OpenRequest) (Opened, error) {
	type answer struct {
		Opened
		err error
	}
	began := s.now().Truncate(time.Millisecond) // as times are stored
	answers := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if p := recover(); p != nil {
				a.err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
			answers <- a
		}()
		if s.hasLinks() {
			reads, cancel := attached(ctx, readsFromMemory)
			defer cancel()
			ctx = reads
		}
		a.Incident, a.Created, a.err = s.OpenIncident(ctx, actor, req)
	}()
	leave := time.NewTimer(leaveAt)
	defer leave.Stop()
	select {
	case a := <-answers:
		return a.Opened, a.err
	case <-leave.C:
	}
	go func() {
		if a := <-answers; a.err != nil {
			s.log.Error("an incident was not stored after its caller had an answer", "name", req.Name, "error", a.err)
		}
	}()
	if c, ok := s.calls.find(func(c Call) bool { return c.Incident.FormKey == req.FormKey && !c.Incident.CreatedAt.Before(began) }); ok {
		return Opened{Incident: c.Incident, Created: true}, nil
	}
	look, cancel := context.WithTimeout(ctx, linkLook)
	defer cancel()
	i, err := s.store.IncidentByFormKey(look, req.FormKey)
	if CodeOf(err) == NotFound && req.DedupKey != "" {
		i, err = s.store.IncidentByDedupKey(look, storedKey(req.DedupKey)) // it waits for another caller's bridge
	}
	if err != nil {
		return Opened{}, ErrNoAnswer
	}
	return Opened{Incident: i, Created: i.FormKey == req.FormKey && !i.CreatedAt.Before(began)}, nil
}

// ensureLink gives a stored incident a static link from memory if it has no link yet,
// because its bridge could not be written, or can't be read.
func (s *Service) ensureLink(ctx context.Context, actor Actor, req OpenRequest, o Opened) Opened {
	err := s.readBridges(ctx, &o)
	if !s.hasLinks() || o.Incident.Status != StatusOpen {
		return o
	}
	if err != nil {
		s.log.Error("could not read the bridges of an incident; it gets a static link from memory", "incident", o.Incident.Key(), "error", err)
		if p := s.remember(ctx, Pending{Actor: actor, Request: req}); p != nil {
			return Opened{Created: o.Created, Pending: p}
		}
		return o
	}
	made := slices.IndexFunc(o.Bridges, Bridge.isBeingMade)
	if made < 0 || slices.ContainsFunc(o.Bridges, func(b Bridge) bool { return s.Shown(b).JoinURL != "" }) {
		return o
	}
	s.log.Error("could not store a bridge; its incident gets a static link from memory", "incident", o.Incident.Key())
	s.remember(ctx, Pending{Actor: actor, BridgeID: o.Bridges[made].ID})
	return o
}

// readBridges reads the bridges of an incident that was opened. A caller whose time is over
// has linkLook for that.
func (s *Service) readBridges(ctx context.Context, o *Opened) error {
	end, _ := ctx.Deadline()
	ctx, cancel := attached(ctx, max(time.Until(end), linkLook))
	defer cancel()
	call, err := s.RecallCall(ctx, Actor{}, o.Incident.Number)
	o.Bridges = call.Bridges
	return err
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

// Shown returns the bridge as people shall see it: with the link from memory that it has
// until the database accepts writes.
func (s *Service) Shown(b Bridge) Bridge {
	j := &s.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if i := slices.IndexFunc(j.pending, func(p Pending) bool { return p.BridgeID == b.ID }); i >= 0 && b.isBeingMade() {
		b.fromMemory(*j.pending[i].Request.Given, j.pending[i].Request.OpenedAt)
	}
	return b
}

// giveLink makes the link that people got from memory the bridge of a stored incident. If
// the bridge has got another one meanwhile, people learn that the link changed.
func (s *Service) giveLink(ctx context.Context, p Pending) error {
	c := climber{s: s, account: Account{StaticLinks: []StaticLink{*p.Request.Given}}, why: []Reason{{Code: ReasonFromMemory}}}
	var err error
	if c.bridge, err = s.store.Bridge(ctx, p.BridgeID); err != nil {
		return err
	}
	if c.run, err = s.store.StepRun(ctx, c.bridge.StepRunID); err != nil {
		return err
	}
	if c.incident, err = s.store.Incident(ctx, c.bridge.IncidentNumber); err != nil {
		return err
	}
	if c.bridge.isBeingMade() || c.bridge.State == BridgeUnknown || c.bridge.State == BridgeFailed {
		if _, err := c.useStatic(ctx); err != nil {
			return err
		}
		if c.bridge, err = s.store.Bridge(ctx, p.BridgeID); err != nil {
			return err
		}
		if c.bridge.JoinURL == p.Request.Given.URL {
			return nil
		}
	}
	if b := c.bridge; b.JoinURL != "" && b.JoinURL != p.Request.Given.URL && b.LinkChangedAt.Before(p.Request.OpenedAt) {
		b.LinkChangedAt, b.UpdatedAt = s.now(), s.now()
		if err := s.store.ChangeBridge(ctx, BridgeChange{Bridge: b, From: []BridgeState{b.State}, FromLink: b.JoinURL}); err != nil {
			return err
		}
	}
	return s.store.AddTimeline(ctx, memoryEntry(p, c.incident.Number))
}

// giveLinkTo is giveLink for an incident that exists already: another alert opened it
// meanwhile, the database stored it although it gave no answer, or the journal is read
// again after a crash.
func (s *Service) giveLinkTo(ctx context.Context, p Pending, number int64) error {
	bridges, err := s.store.Bridges(ctx, number)
	switch {
	case err != nil:
		return err
	case len(bridges) == 0 || slices.ContainsFunc(bridges, func(b Bridge) bool { return b.JoinURL == p.Request.Given.URL }):
		return s.store.AddTimeline(ctx, memoryEntry(p, number))
	}
	p.BridgeID = bridges[0].ID
	return s.giveLink(ctx, p)
}

func (s *Service) hasLinks() bool {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	return len(s.journal.links) > 0
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

// remember gives an incident a static link and puts it into the journal. It returns nil if
// the last link was removed meanwhile.
func (s *Service) remember(ctx context.Context, p Pending) *Pending {
	look, cancel := context.WithTimeout(ctx, linkLook)
	uses, _ := s.store.StaticUses(look) // without them, the first link is as good as any
	cancel()
	s.load()
	j := &s.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if i := slices.IndexFunc(j.pending, func(other Pending) bool {
		return !other.Stuck() && other.same(p.Request) || p.BridgeID != "" && p.BridgeID == other.BridgeID
	}); i >= 0 { // two callers at once
		p := j.pending[i]
		return &p
	}
	if len(j.links) == 0 {
		return nil
	}
	for _, other := range j.pending {
		uses = append(uses, StaticUse{URL: other.Request.Given.URL})
	}
	link := freeStatic(j.links, uses)
	p.ID, p.Request.Given, p.Request.OpenedAt = newID(), &link, s.now()
	err := j.append(j.path, p)
	if p.Saved = err == nil; err != nil {
		s.log.Error("could not write the journal; an incident is only in memory", "error", err)
	}
	j.pending = append(j.pending, p)
	return &p
}

// append adds lines to a file. It returns once they are on the disk. The PIN of a link is
// not in them: the account has it.
func (j *journal) append(path string, list ...Pending) error {
	if path == "" {
		return errors.New("there is no file for the journal")
	}
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
// got no answer.
func (s *Service) load() {
	j := &s.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.loaded {
		return
	}
	content, err := os.ReadFile(j.path)
	if err != nil && j.path != "" && !errors.Is(err, fs.ErrNotExist) {
		s.log.Error("could not read the journal", "error", err)
		return // and never rewrite what was not read
	}
	j.loaded = true
	for line := range bytes.Lines(content) {
		p := Pending{Saved: true}
		if err := json.Unmarshal(line, &p); err != nil || p.Request.Given == nil {
			s.log.Warn("a line of the journal can’t be read", "error", err)
			continue
		}
		j.pending = append(j.pending, p)
	}
	if len(content) > 0 && !bytes.HasSuffix(content, []byte("\n")) {
		if err := j.rewrite(); err != nil {
			s.log.Error("could not repair the journal", "error", err)
		}
	}
}

// drop removes incidents that are in the database now. If the program stops before,
// their keys prevent second ones.
func (s *Service) drop(ids []string) {
	if len(ids) == 0 {
		return
	}
	j := &s.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pending = slices.DeleteFunc(j.pending, func(p Pending) bool { return slices.Contains(ids, p.ID) })
	if err := j.rewrite(); err != nil {
		s.log.Error("could not shorten the journal", "error", err)
	}
}

// rewrite replaces the file by what is pending.
func (j *journal) rewrite() error {
	if j.path == "" || !j.loaded {
		return nil
	}
	if len(j.pending) == 0 {
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
	if err := j.append(rest, j.pending...); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(rest, j.path), syncDir(filepath.Dir(j.path))); err != nil {
		return err
	}
	for i := range j.pending {
		j.pending[i].Saved = true
	}
	return nil
}

// replayOnce keeps the static links in memory current, and writes down the incidents of
// the journal, oldest first.
func (s *Service) replayOnce(ctx context.Context) (did int, err error) {
	s.load()
	s.readLinks(ctx)
	j := &s.journal
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

// memoryEntry says which link people got from memory. Its id is always the same, so that
// it is added once.
func memoryEntry(p Pending, number int64) TimelineEntry {
	l := p.Request.Given
	return TimelineEntry{ID: "memory-" + cmp.Or(p.Request.FormKey, p.ID), IncidentNumber: number, At: p.Request.OpenedAt, Kind: EntryFromMemory,
		Data: TimelineData{Link: l.Host(), Text: l.Name}, Actor: p.Actor.Email}
}

// readLinks reads the static links and the runbooks again from time to time. If that
// fails, the last ones stay.
func (s *Service) readLinks(ctx context.Context) {
	j := &s.journal
	j.mu.Lock()
	due := s.now().Sub(j.linksRead) >= linksEvery
	j.mu.Unlock()
	if !due {
		return
	}
	a, err := s.store.Account(ctx)
	if err != nil {
		return
	}
	s.keepLinks(a.StaticLinks)
	if len(a.StaticLinks) == 0 {
		return
	}
	if runbooks, err := s.store.ActiveRunbooks(ctx); err == nil {
		runbooks = slices.DeleteFunc(runbooks, func(r Runbook) bool { return !r.DisabledAt.IsZero() })
		j.mu.Lock()
		j.runbooks = runbooks
		j.mu.Unlock()
	}
}

func (s *Service) keepLinks(links []StaticLink) {
	j := &s.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	j.links, j.linksRead = slices.Clone(links), s.now()
	if len(links) == 0 {
		j.runbooks = nil // nothing can be opened from memory
	}
	for i, p := range j.pending { // the file has no PINs
		if n := slices.IndexFunc(links, func(l StaticLink) bool { return l.URL == p.Request.Given.URL && l.Name == p.Request.Given.Name }); n >= 0 && p.Request.Given.PIN == "" {
			j.pending[i].Request.Given = &j.links[n]
		}
	}
}
