package incident

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
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
	// linksEvery is how often the static links in memory are read again, because
	// another server or command may have changed them.
	linksEvery = 10 * time.Second
	// linkLook is the time for finding out whether an incident has its link, or which
	// static links are in use.
	linkLook = 100 * time.Millisecond
)

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

// openFromMemory gives an incident its link without the database: that of an incident which
// the request asks for again, or else a static link. It refuses what could never be stored.
func (s *Service) openFromMemory(ctx context.Context, actor Actor, req OpenRequest) (Opened, error) {
	if c, ok := s.calls.find(func(c Call) bool { return s.now().Sub(c.AsOf) <= recallFor && c.same(req) }); ok {
		return Opened{Incident: c.Incident, Bridges: c.Bridges}, nil
	}
	for _, r := range s.KnownRunbooks() {
		if r.ID == req.RunbookID || req.RunbookID == "" && r.Name == req.RunbookName {
			if _, _, err := s.newIncident(actor, r, req); err != nil {
				return Opened{}, err
			}
		}
	}
	p, created := s.remember(ctx, Pending{Actor: actor, Request: req})
	if p == nil {
		return Opened{}, ErrNoAnswer
	}
	return Opened{Created: created, Pending: p}, nil
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
		reads := ctx
		if s.hasLinks() {
			var cancel context.CancelFunc
			reads, cancel = attached(ctx, readsFromMemory)
			defer cancel()
		}
		a.Incident, a.Created, a.err = s.OpenIncident(reads, actor, req)
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
		if p, _ := s.remember(ctx, Pending{Actor: actor, Request: req}); p != nil {
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
	err := c.load(ctx, p.BridgeID)
	if err != nil {
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

func (b *Bridge) fromMemory(l StaticLink, at time.Time) {
	b.leadTo(l, at)
	b.Rung = RungStatic
	b.Reasons = []Reason{{Code: ReasonFromMemory}, {Code: ReasonStaticLink, Text: l.Name}}
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
