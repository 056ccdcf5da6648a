package incident

import (
	"context"
	"strings"
	"time"
	"unicode"
)

// someone is a new user without a password, and what is wrong with the fields.
func (s *Service) someone(email, name string, role Role) (u User, fields map[string]string) {
	u = User{ID: newID(), Email: CanonicalEmail(email), Name: strings.TrimSpace(name), Role: role, CreatedAt: s.now()}
	fields = map[string]string{}
	if !validEmail(u.Email) || strings.ContainsFunc(u.Email, func(r rune) bool { return r > unicode.MaxASCII }) {
		fields["email"] = "This isn’t an email address."
	}
	if tooLong(fields, "name", u.Name, 100); u.Name == "" {
		u.Name, _, _ = strings.Cut(u.Email, "@")
	}
	if rank(role) == 0 {
		fields["role"] = "Choose admin, responder or viewer."
	}
	return u, fields
}

func (s *Service) newUser(ctx context.Context, email, name string, role Role, password string) (User, error) {
	u, fields := s.someone(email, name, role)
	if problem := passwordProblem(password); problem != "" {
		fields["password"] = problem
	}
	if len(fields) > 0 {
		return User{}, invalid("Some fields are missing or invalid.", fields)
	}
	var err error
	u.PasswordHash, err = s.hashPassword(ctx, password)
	return u, err
}

// CreateUser creates a user who can log in. Field errors are keyed email, name,
// role and password.
func (s *Service) CreateUser(ctx context.Context, actor Actor, email, name string, role Role, password string) (User, error) {
	if err := need(actor, Admin); err != nil {
		return User{}, err
	}
	u, err := s.newUser(ctx, email, name, role, password)
	if err != nil {
		return User{}, err
	}
	return u, s.store.InsertUser(ctx, u, s.audit(actor, AuditUserCreate, u.Email, changesOf(nil, u)...))
}

// SetRole changes a user's role. It applies from the next request.
func (s *Service) SetRole(ctx context.Context, actor Actor, userID string, role Role) error {
	if err := need(actor, Admin); err != nil {
		return err
	}
	if rank(role) == 0 {
		return invalid("Choose a role.", map[string]string{"role": "Choose admin, responder or viewer."})
	}
	return s.changeUser(ctx, actor, userID, AuditUserSetRole, func(u *User) { u.Role = role })
}

// SetDisabled disables or enables a user. It ends the user's sessions at once.
func (s *Service) SetDisabled(ctx context.Context, actor Actor, userID string, disabled bool) error {
	if disabled {
		return s.changeUser(ctx, actor, userID, AuditUserDisable, func(u *User) { u.DisabledAt = s.now() })
	}
	return s.changeUser(ctx, actor, userID, AuditUserEnable, func(u *User) { u.DisabledAt = time.Time{} })
}

// ResetPassword sets a new password for a user and ends the user's sessions.
func (s *Service) ResetPassword(ctx context.Context, actor Actor, userID, password string) error {
	if err := need(actor, Admin); err != nil { // before the expensive hash
		return err
	}
	if problem := passwordProblem(password); problem != "" {
		return invalid(problem, map[string]string{"password": problem})
	}
	hash, err := s.hashPassword(ctx, password)
	if err != nil {
		return err
	}
	return s.changeUser(ctx, actor, userID, AuditUserResetPassword, func(u *User) { u.PasswordHash = hash })
}

// changeUser changes a user and ends the user's sessions.
func (s *Service) changeUser(ctx context.Context, actor Actor, userID string, action AuditAction, change func(*User)) error {
	if err := need(actor, Admin); err != nil {
		return err
	}
	defer s.forgetSessions(userID, "")
	return s.store.UpdateUser(ctx, userID, true, "", func(u *User) (AuditEntry, error) {
		old := *u
		change(u)
		return s.audit(actor, action, u.Email, changesOf(old, *u)...), nil
	})
}

// ChangePassword changes the actor's own password. It ends all of the actor's
// sessions except the one with the token keepSession. Field errors are keyed
// old_password and new_password.
func (s *Service) ChangePassword(ctx context.Context, actor Actor, old, password, keepSession string) error {
	u, err := s.store.User(ctx, actor.UserID)
	if err != nil {
		return err
	}
	// LogIn limits the attempts, so that the holder of a stolen session cannot
	// guess the password.
	wrong := invalid("The password wasn’t changed.", map[string]string{"old_password": "This isn’t your current password."})
	if u, err = s.LogIn(ctx, u.Email, old, actor.Address); CodeOf(err) == Unauthorized {
		return wrong
	} else if err != nil {
		return err
	}
	if problem := passwordProblem(password); problem != "" {
		return invalid("The password wasn’t changed.", map[string]string{"new_password": problem})
	}
	hash, err := s.hashPassword(ctx, password)
	if err != nil {
		return err
	}
	defer s.forgetSessions(u.ID, hashToken(keepSession))
	return s.store.UpdateUser(ctx, u.ID, true, hashToken(keepSession), func(now *User) (AuditEntry, error) {
		if now.PasswordHash != u.PasswordHash { // an admin has just reset it
			return AuditEntry{}, wrong
		}
		now.PasswordHash = hash
		return s.audit(actor, AuditUserPassword, u.Email), nil
	})
}

// SetName changes a user's display name. Admins may change any name, and everyone
// may change their own. Field errors are keyed name.
func (s *Service) SetName(ctx context.Context, actor Actor, userID, name string) error {
	if actor.UserID == "" || actor.UserID != userID {
		if err := need(actor, Admin); err != nil {
			return err
		}
	}
	fields := map[string]string{}
	if name = strings.TrimSpace(name); name == "" {
		fields["name"] = "Enter a name."
	}
	if tooLong(fields, "name", name, 100); len(fields) > 0 {
		return invalid("The name wasn’t changed.", fields)
	}
	u, err := s.store.User(ctx, userID)
	if err != nil || u.Name == name {
		return err
	}
	return s.store.UpdateUser(ctx, userID, false, "", func(u *User) (AuditEntry, error) {
		old := *u
		u.Name = name
		return s.audit(actor, AuditUserSetName, u.Email, changesOf(old, *u)...), nil
	})
}
