package incident

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// While the database does not answer, Drawbridge still lets in the sessions and tokens
// that it let in lately, so that people and programs can open incidents. Only their
// hashes are kept. What another server has ended meanwhile is let in until recallFor is
// over.
const (
	recallFor = 15 * time.Minute
	// recallAfter is how long the database may take to say something that is in memory, if
	// an answer from memory helps; noAnswerAfter is how long otherwise, because a busy
	// database is no reason to refuse a page.
	recallAfter   = 500 * time.Millisecond
	noAnswerAfter = 2 * time.Second
	// recalledMost limits the memory.
	recalledMost = 10_000
)

// ErrNoAnswer says that the database does not answer.
var ErrNoAnswer = refuse(Unavailable, "The database doesn’t answer. Try again in a moment.")

// recalled is what the database said lately about sessions, tokens or incidents, by their
// hash or number.
type recalled[T any] struct {
	mu    sync.Mutex
	known map[string]known[T]
}

type known[T any] struct {
	T  T
	at time.Time // when the database said so
}

// read returns what the database says about a hash. If it does not answer, it returns
// what it said last, with recalled set, or the error; urgent is whether that helps.
func (r *recalled[T]) read(ctx context.Context, now func() time.Time, hash string, urgent bool, ask func(context.Context, string) (T, error)) (t T, recalled bool, err error) {
	r.mu.Lock()
	last, ok := r.known[hash]
	r.mu.Unlock()
	wait := noAnswerAfter
	if ok = ok && now().Sub(last.at) <= recallFor; ok && urgent {
		wait = recallAfter
	}
	asking, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	t, err = ask(asking, hash)
	switch {
	case errors.Is(ctx.Err(), context.Canceled): // the caller has gone, which says nothing about the database
	case ok && CodeOf(err) == Unavailable:
		return last.T, true, nil
	case ok && CodeOf(err) == NotFound:
		r.forget(func(h string, _ T) bool { return h == hash })
	}
	return t, false, err
}

// keep remembers what the database has just said.
func (r *recalled[T]) keep(hash string, t T, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[string]known[T]{}
	}
	if len(r.known) >= recalledMost {
		for other, k := range r.known {
			if now.Sub(k.at) > recallFor {
				delete(r.known, other)
			}
		}
	}
	if _, ok := r.known[hash]; ok || len(r.known) < recalledMost {
		r.known[hash] = known[T]{t, now}
	}
}

// find returns what is remembered and fits.
func (r *recalled[T]) find(fits func(T) bool) (t T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.known {
		if fits(k.T) {
			return k.T, true
		}
	}
	return t, false
}

// change changes what is remembered, if anything is.
func (r *recalled[T]) change(hash string, f func(*T)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k, ok := r.known[hash]; ok {
		f(&k.T)
		r.known[hash] = k
	}
}

// forget removes what is no longer true.
func (r *recalled[T]) forget(which func(hash string, t T) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for hash, k := range r.known {
		if which(hash, k.T) {
			delete(r.known, hash)
		}
	}
}

// forgetSessions removes the sessions of a user, but for the one with the hash keep.
func (s *Service) forgetSessions(userID, keep string) {
	s.sessions.forget(func(hash string, x Session) bool { return x.User.ID == userID && hash != keep })
}

// RecallUser is SessionUser for a request of the user, which keeps the session alive. If
// the database does not answer, it returns the user of a session that was used lately, with
// recalled set. Such a user is a responder at most. An urgent request can be answered
// from memory, and waits less for the database.
func (s *Service) RecallUser(ctx context.Context, token string, urgent bool) (u User, recalled bool, err error) {
	if token == "" {
		return User{}, false, nil
	}
	x, recalled, err := s.sessions.read(ctx, s.now, hashToken(token), urgent, s.store.Session)
	if !recalled {
		u, err = s.useSession(ctx, x, err)
		return u, false, err
	}
	if !s.valid(x) {
		return User{}, false, nil
	}
	if x.User.Role.Includes(Responder) {
		x.User.Role = Responder
	}
	return x.User, true, nil
}

// KnownRunbooks returns the runbooks that can be used, as last read, for the form that
// opens an incident while the database does not answer.
func (s *Service) KnownRunbooks() []Runbook {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	return s.journal.runbooks
}

// KnownLinks returns the static links of the account, as last read: one of them is the
// bridge of such an incident.
func (s *Service) KnownLinks() []StaticLink {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	return s.journal.links
}

// PendingForm returns the incident that the form with this key opened, if it is not in the
// database yet, or nil.
func (s *Service) PendingForm(key string) *Pending {
	return s.pendingLike(OpenRequest{FormKey: key})
}

// Call is what people need to join the call of an incident.
type Call struct {
	Incident Incident // without the description
	Bridges  []Bridge
	AsOf     time.Time // zero: now; else the database does not answer, and this is what it said then
}

// same reports whether a request asks for the incident again, and people can join its call.
func (c Call) same(req OpenRequest) bool {
	i := c.Incident
	return (req.FormKey != "" && req.FormKey == i.FormKey || req.DedupKey != "" && storedKey(req.DedupKey) == i.DedupKey && i.Status == StatusOpen) &&
		slices.ContainsFunc(c.Bridges, Bridge.Joinable)
}

// RecallCall returns the call of an incident, from memory if the database does not answer
// and somebody looked at it lately.
func (s *Service) RecallCall(ctx context.Context, actor Actor, number int64) (Call, error) {
	if actor.Recalled { // the database has just not answered
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, recallAfter)
		defer cancel()
	}
	call, recalled, err := s.calls.read(ctx, s.now, Key(number), true, func(ctx context.Context, _ string) (c Call, err error) {
		if c.Incident, err = s.store.Incident(ctx, number); err == nil {
			c.Bridges, err = s.store.Bridges(ctx, number)
		}
		return c, err
	})
	if err == nil && !recalled {
		s.KeepCall(call.Incident, call.Bridges)
	}
	call.Bridges = slices.Clone(call.Bridges) // the caller changes them
	return call, err
}

// keepBridge remembers what a bridge has just become, if the call of its incident is known.
func (s *Service) keepBridge(b Bridge) {
	s.calls.change(Key(b.IncidentNumber), func(c *Call) {
		bridges := slices.Clone(c.Bridges) // others read the old ones
		for i := range bridges {
			if bridges[i].ID == b.ID {
				bridges[i] = b
			}
		}
		c.Bridges = bridges
	})
}

// KeepCall remembers the call of an incident, as the database has just told it.
func (s *Service) KeepCall(i Incident, bridges []Bridge) {
	i.Description = ""
	s.calls.keep(i.Key(), Call{i, slices.Clone(bridges), s.now()}, s.now())
}
