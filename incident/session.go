package incident

import (
	"context"
	"time"
)

// How long a session lives: at all, and without a request.
const (
	SessionLifetime = 7 * 24 * time.Hour
	sessionIdle     = 12 * time.Hour
	seenEvery       = time.Minute
)

// Session is a browser in which a person is logged in.
type Session struct {
	Hash    string // hex SHA-256 of its token, which only the browser keeps
	User    User
	BeganAt time.Time
	SeenAt  time.Time // updated at most once a minute
}

// ExpiresAt is when the session is over unless it is used again.
func (x Session) ExpiresAt() time.Time {
	idle, end := x.SeenAt.Add(sessionIdle), x.BeganAt.Add(SessionLifetime)
	if idle.Before(end) {
		return idle
	}
	return end
}

// StartSession logs a person in and returns the token of the session. It is
// always a new one, so that one planted before the login is worth nothing.
func (s *Service) StartSession(ctx context.Context, u User) (token string, err error) {
	token = newToken()
	now := s.now()
	return token, s.store.InsertSession(ctx, Session{Hash: hashToken(token), User: u, BeganAt: now, SeenAt: now})
}

// SessionUser is the person whose session has the token: the zero User, who may
// do nothing, when there is no such session, it is over, or the person is
// disabled. The person is read each time, so that disabling them, or another
// role, counts from the next request on.
func (s *Service) SessionUser(ctx context.Context, token string) (User, error) {
	x, err := s.session(ctx, token)
	return x.User, err
}

// UseSession is SessionUser for a request of the person, which keeps the session
// from going idle. That is written at most once a minute.
func (s *Service) UseSession(ctx context.Context, token string) (User, error) {
	x, err := s.session(ctx, token)
	now := s.now()
	if err != nil || x.User.ID == "" || now.Sub(x.SeenAt).Abs() < seenEvery {
		return x.User, err
	}
	x.SeenAt = now
	return x.User, s.store.TouchSession(ctx, x)
}

func (s *Service) session(ctx context.Context, token string) (Session, error) {
	if token == "" {
		return Session{}, nil
	}
	x, err := s.store.Session(ctx, hashToken(token))
	if CodeOf(err) == NotFound || err == nil && (!s.now().Before(x.ExpiresAt()) || !x.User.DisabledAt.IsZero()) {
		return Session{}, nil
	}
	return x, err
}

// EndSession logs out the browser that has the token, if there is one.
func (s *Service) EndSession(ctx context.Context, token string) error {
	if token == "" {
		return nil
	}
	return s.store.DeleteSession(ctx, hashToken(token))
}

// EndOtherSessions logs the actor out everywhere but in the session of the token
// keepSession.
func (s *Service) EndOtherSessions(ctx context.Context, actor Actor, keepSession string) error {
	u, err := s.store.User(ctx, actor.UserID)
	if err != nil {
		return err
	}
	return s.store.UpdateUser(ctx, u, true, hashToken(keepSession), s.audit(actor, AuditUserEndSessions, u.Email))
}
