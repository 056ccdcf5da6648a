package incident

import (
	"context"
	"time"
)

// How long links to create the first admin work, and invitations.
const (
	setupFor      = 30 * time.Minute
	InvitationFor = 3 * 24 * time.Hour
)

// SetupLink creates the one-time token for creating the first admin. It is valid
// for 30 minutes and replaces any earlier one. SetupLink returns "" if there is
// an admin.
func (s *Service) SetupLink(ctx context.Context) (token string, err error) {
	n, err := s.store.CountAdmins(ctx)
	if err != nil || n > 0 {
		return "", err
	}
	token = newToken()
	return token, s.store.SaveSetupLink(ctx, SetupLink{Hash: hashToken(token), ExpiresAt: s.now().Add(setupFor)}, nil, AuditEntry{})
}

// CheckSetup checks whether a setup link can still be used, and returns the user who
// sets a password with it, also for a link that can't be used; the zero User for the
// link of the first admin. It returns NotFound if the link is unknown or expired, and
// Conflict if it was used.
func (s *Service) CheckSetup(ctx context.Context, token string) (User, error) {
	gone := refuse(NotFound, "This link is no longer valid. Restart Drawbridge: it prints a new link as long as there is no admin.")
	link, err := s.store.SetupLink(ctx, hashToken(token))
	if CodeOf(err) == NotFound {
		return User{}, gone
	}
	var u User
	if err == nil && link.UserID != "" {
		u, err = s.store.User(ctx, link.UserID)
	}
	switch {
	case err != nil:
		return u, err
	case !link.UsedAt.IsZero():
		return u, refuse(Conflict, "This link has already been used. If that wasn’t you, find out who can read the server’s log, and reset the password with “drawbridge user reset-password EMAIL --password-stdin”.")
	case !s.now().Before(link.ExpiresAt), !u.DisabledAt.IsZero():
		return u, gone
	}
	return u, nil
}

// FirstAdmin creates the first admin. It works only once for each setup link.
func (s *Service) FirstAdmin(ctx context.Context, token, email, name, password, address string) (User, error) {
	if _, err := s.CheckSetup(ctx, token); err != nil {
		return User{}, err
	}
	u, err := s.newUser(ctx, email, name, Admin, password)
	if err != nil {
		return User{}, err
	}
	actor := Actor{Kind: ActorUser, Email: u.Email, Address: address}
	err = s.store.UseSetupLink(ctx, hashToken(token), s.now(), u, s.audit(actor, AuditUserFirstAdmin, u.Email, changesOf(nil, u)...))
	return u, err
}

// InviteUser adds a user who has no password yet, and returns the token of the
// one-time link with which they set one. Field errors are keyed email, name and role.
func (s *Service) InviteUser(ctx context.Context, actor Actor, email, name string, role Role) (token string, u User, err error) {
	if err := need(actor, Admin); err != nil {
		return "", User{}, err
	}
	u, fields := s.someone(email, name, role)
	if len(fields) > 0 {
		return "", User{}, invalid("Some fields are missing or invalid.", fields)
	}
	token, link := s.newInvitation(u.ID)
	return token, u, s.store.SaveSetupLink(ctx, link, &u, s.audit(actor, AuditUserInvite, u.Email, changesOf(nil, u)...))
}

// NewPasswordLink returns the token of a new one-time link for a user who was invited
// or forgot the password. The earlier link stops working; the password, if there is
// one, works until the link is used.
func (s *Service) NewPasswordLink(ctx context.Context, actor Actor, userID string) (token string, u User, err error) {
	if err := need(actor, Admin); err != nil {
		return "", User{}, err
	}
	if u, err = s.store.User(ctx, userID); err != nil {
		return "", User{}, err
	}
	if !u.DisabledAt.IsZero() {
		return "", u, refuse(Conflict, "This user is disabled. Enable them first.")
	}
	token, link := s.newInvitation(u.ID)
	return token, u, s.store.SaveSetupLink(ctx, link, nil, s.audit(actor, AuditUserLink, u.Email))
}

func (s *Service) newInvitation(userID string) (token string, l SetupLink) {
	token = newToken()
	return token, SetupLink{Hash: hashToken(token), UserID: userID, ExpiresAt: s.now().Add(InvitationFor)}
}

// Join sets the password of the user of a link. It works once for each link. Field
// errors are keyed password.
func (s *Service) Join(ctx context.Context, token, password, address string) (User, error) {
	u, err := s.CheckSetup(ctx, token)
	if err != nil {
		return User{}, err
	}
	if problem := passwordProblem(password); problem != "" {
		return User{}, invalid(problem, map[string]string{"password": problem})
	}
	if u.PasswordHash, err = s.hashPassword(ctx, password); err != nil {
		return User{}, err
	}
	actor := Actor{Kind: ActorUser, UserID: u.ID, Email: u.Email, Address: address}
	return u, s.store.UseInvitation(ctx, hashToken(token), s.now(), u.PasswordHash, s.audit(actor, AuditUserJoin, u.Email))
}
