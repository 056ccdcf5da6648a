package incident

import (
	"context"
	"sync"
	"time"
)

// While the database does not answer, Drawbridge still lets in the sessions and tokens
// that it let in lately, so that people and programs can open incidents. Only their
// hashes are kept. What another server has ended meanwhile is let in until recallFor is
// over.
const (
	recallFor = 15 * time.Minute
	// recallAfter is how long the database may take to say who someone is, before it is
	// taken from memory.
	recallAfter = 500 * time.Millisecond
	// recalledMost limits the memory.
	recalledMost = 10_000
)

// ErrNoAnswer says that the database does not answer.
var ErrNoAnswer = refuse(Unavailable, "The database doesn’t answer. Try again in a moment.")

// recalled is what the database said lately about sessions or tokens, by their hash.
type recalled[T any] struct {
	mu    sync.Mutex
	known map[string]known[T]
}

type known[T any] struct {
	T  T
	at time.Time // when the database said so
}

// read returns what the database says about a hash. If it does not answer, it returns
// what it said last, with recalled set, or the error.
func (r *recalled[T]) read(ctx context.Context, now func() time.Time, hash string, ask func(context.Context, string) (T, error)) (t T, recalled bool, err error) {
	r.mu.Lock()
	last, ok := r.known[hash]
	r.mu.Unlock()
	if ok = ok && now().Sub(last.at) <= recallFor; ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, recallAfter)
		defer cancel()
	}
	t, err = ask(ctx, hash)
	if ok && CodeOf(err) == Unavailable {
		return last.T, true, nil
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

// RecallUser is UseSession for the pages that open incidents: if the database does not
// answer, and there is a static link to give, it returns the user of a session that was
// used lately, with recalled set. Such a user is a responder at most.
func (s *Service) RecallUser(ctx context.Context, token string) (u User, recalled bool, err error) {
	if token == "" || !s.hasLinks() {
		u, err = s.UseSession(ctx, token)
		return u, false, err
	}
	x, recalled, err := s.sessions.read(ctx, s.now, hashToken(token), s.store.Session)
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
