package incident

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"time"
)

// The lifetime of a session: in total, and without a request. seenEvery is how
// often its use is stored.
const (
	SessionLifetime = 7 * 24 * time.Hour
	sessionIdle     = 12 * time.Hour
	seenEvery       = time.Minute
)

// Session is a browser in which a user is logged in.
type Session struct {
	Hash    string // hex SHA-256 of its token, which only the browser has
	User    User
	BeganAt time.Time
	SeenAt  time.Time // updated at most once a minute
}

// ExpiresAt returns when the session ends unless it is used again.
func (x Session) ExpiresAt() time.Time {
	idle, end := x.SeenAt.Add(sessionIdle), x.BeganAt.Add(SessionLifetime)
	if idle.Before(end) {
		return idle
	}
	return end
}

// StartSession logs in a user whom LogIn returned, and returns the token of the
// session. It returns Unauthorized if the user was disabled or got another password
// meanwhile. The token is always new, so that a token planted in the browser before
// the login is useless.
func (s *Service) StartSession(ctx context.Context, u User) (token string, err error) {
	token = newToken()
	now := s.now()
	err = s.store.InsertSession(ctx, Session{Hash: hashToken(token), User: u, BeganAt: now, SeenAt: now})
	if CodeOf(err) == NotFound {
		return "", errLogin
	}
	return token, err
}

// SessionUser returns the user of the session with this token. It returns the
// zero User, who may do nothing, if there is no such session, if it has ended, or
// if the user is disabled. It reads the user each time, so that disabling a user
// or changing a role applies from the next request.
func (s *Service) SessionUser(ctx context.Context, token string) (User, error) {
	x, err := s.session(ctx, token)
	return x.User, err
}

// useSession returns the user of a session that the database has just told, or its error,
// and keeps the session alive. It stores that at most once a minute.
func (s *Service) useSession(ctx context.Context, x Session, err error) (User, error) {
	if x, err = s.noteSession(x, err); err != nil || x.User.ID == "" {
		return User{}, err
	}
	now := s.now()
	if now.Sub(x.SeenAt).Abs() < seenEvery {
		return x.User, nil
	}
	x.SeenAt = now
	if err := s.touch(ctx, func(ctx context.Context) error { return s.store.TouchSession(ctx, x) }); CodeOf(err) != Unavailable {
		return x.User, err
	}
	return x.User, nil // reads may still work, and people need their incidents
}

func (s *Service) session(ctx context.Context, token string) (Session, error) {
	if token == "" {
		return Session{}, nil
	}
	x, err := s.store.Session(ctx, hashToken(token))
	return s.noteSession(x, err)
}

// noteSession remembers a session that is valid, and returns the zero Session for any
// other.
func (s *Service) noteSession(x Session, err error) (Session, error) {
	switch {
	case CodeOf(err) == NotFound:
		return Session{}, nil
	case err != nil:
		return Session{}, err
	case !s.valid(x):
		s.sessions.forget(func(hash string, _ Session) bool { return hash == x.Hash })
		return Session{}, nil
	}
	s.sessions.keep(x.Hash, x, s.now())
	return x, nil
}

func (s *Service) valid(x Session) bool {
	return s.now().Before(x.ExpiresAt()) && x.User.DisabledAt.IsZero()
}

// EndSession ends the session with this token, if there is one.
func (s *Service) EndSession(ctx context.Context, token string) error {
	if token == "" {
		return nil
	}
	gone := hashToken(token)
	s.sessions.forget(func(hash string, _ Session) bool { return hash == gone })
	return s.store.DeleteSession(ctx, gone)
}

// EndOtherSessions ends all sessions of the actor except the one with the token
// keepSession.
func (s *Service) EndOtherSessions(ctx context.Context, actor Actor, keepSession string) error {
	defer s.forgetSessions(actor.UserID, hashToken(keepSession))
	return s.store.UpdateUser(ctx, actor.UserID, true, hashToken(keepSession), func(u *User) (AuditEntry, error) {
		return s.audit(actor, AuditUserEndSessions, u.Email), nil
	})
}

// touchWait is how long a request waits until the use of its token or session is stored.
const touchWait = 250 * time.Millisecond

// touch stores the use of a token or a session. While the database accepts no writes,
// nobody waits for it.
func (s *Service) touch(ctx context.Context, store func(context.Context) error) error {
	if !s.touching.TryLock() {
		return nil // another one is being stored, or can't be
	}
	ctx, cancel := attached(ctx, stateWrite)
	done := make(chan error, 1)
	go func() {
		defer s.touching.Unlock()
		defer cancel()
		done <- store(ctx)
	}()
	timer := time.NewTimer(touchWait)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return nil
	}
}

// newToken returns 256 random bits in a URL-safe form.
func newToken() string {
	var b [32]byte
	rand.Read(b[:]) // never fails: crypto/rand
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
