package db

import (
	"context"
	"database/sql"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const userColumns = `id, email, name, role, password_hash, disabled_at, last_seen_at, created_at`

func userFields(u *incident.User) []any {
	return []any{&u.ID, &u.Email, &u.Name, &u.Role, &u.PasswordHash, timeOf(&u.DisabledAt), timeOf(&u.LastSeenAt), timeOf(&u.CreatedAt)}
}

// User returns the user with this id.
func (s *Store) User(ctx context.Context, id string) (incident.User, error) {
	return one(ctx, s.r, "user", userFields, `SELECT `+userColumns+` FROM users WHERE id = $1`, id)
}

// UserByEmail returns the user with this canonical email address.
func (s *Store) UserByEmail(ctx context.Context, email string) (incident.User, error) {
	return one(ctx, s.r, "user", userFields, `SELECT `+userColumns+` FROM users WHERE email = $1`, email)
}

// Users returns all users, sorted by name.
func (s *Store) Users(ctx context.Context) ([]incident.User, error) {
	return list(ctx, s.r, userFields, `SELECT `+userColumns+` FROM users ORDER BY LOWER(name), email`)
}

// CountAdmins returns how many admins are not disabled.
func (s *Store) CountAdmins(ctx context.Context) (int, error) {
	admins, err := activeAdmins(ctx, s.r, "")
	return len(admins), err
}

// activeAdmins returns the ids of the admins who are not disabled.
func activeAdmins(ctx context.Context, q queryer, suffix string) ([]string, error) {
	return list(ctx, q, scalar[string],
		`SELECT id FROM users WHERE role = 'admin' AND disabled_at IS NULL ORDER BY id`+suffix)
}

func insertUser(ctx context.Context, tx *sql.Tx, u incident.User) error {
	err := exec(ctx, tx, `INSERT INTO users (`+userColumns+`) VALUES (`+placeholders(1, 8)+`)`,
		u.ID, u.Email, u.Name, u.Role, u.PasswordHash, u.DisabledAt, u.LastSeenAt, u.CreatedAt)
	if isUnique(err) {
		return &incident.Error{Code: incident.Conflict, Message: "Another user has this email address.",
			Fields: map[string]string{"email": "Another user has this email address."}, Err: err}
	}
	return err
}

// InsertUser adds a user. It returns Conflict if the email address is taken.
func (s *Store) InsertUser(ctx context.Context, u incident.User, audit incident.AuditEntry) error {
	return s.change(ctx, audit, nil, func(tx *sql.Tx) error { return insertUser(ctx, tx, u) })
}

// UpdateUser implements incident.People.
func (s *Store) UpdateUser(ctx context.Context, id string, endSessions bool, keepSession string, change func(*incident.User) (incident.AuditEntry, error)) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		// Two admins may take the role from each other at the same time.
		admins, err := activeAdmins(ctx, tx, s.forUpdate())
		if err != nil {
			return err
		}
		u, err := one(ctx, tx, "user", userFields, `SELECT `+userColumns+` FROM users WHERE id = $1`+s.forUpdate(), id)
		if err != nil {
			return err
		}
		audit, err := change(&u)
		if err != nil {
			return err
		}
		isAdmin := u.Role == incident.Admin && u.DisabledAt.IsZero()
		if len(admins) == 1 && admins[0] == id && !isAdmin {
			return conflict("This is the only admin. Make someone else an admin first.")
		}
		err = exec(ctx, tx, `UPDATE users SET name = $2, role = $3, password_hash = $4, disabled_at = $5 WHERE id = $1`,
			id, u.Name, u.Role, u.PasswordHash, u.DisabledAt)
		if err != nil {
			return err
		}
		if endSessions {
			if err := exec(ctx, tx, `DELETE FROM sessions WHERE user_id = $1 AND token_hash <> $2`, id, keepSession); err != nil {
				return err
			}
		}
		return insertAudit(ctx, tx, audit)
	})
}

// SaveSetupLink implements incident.People.
func (s *Store) SaveSetupLink(ctx context.Context, l incident.SetupLink, add *incident.User, audit incident.AuditEntry) error {
	return s.change(ctx, audit, nil, func(tx *sql.Tx) error {
		if add != nil {
			if err := insertUser(ctx, tx, *add); err != nil {
				return err
			}
		}
		if err := exec(ctx, tx, `DELETE FROM setup_links WHERE user_id = $1`, l.UserID); err != nil {
			return err
		}
		return exec(ctx, tx, `INSERT INTO setup_links (token_hash, user_id, expires_at) VALUES ($1, $2, $3)`, l.Hash, l.UserID, l.ExpiresAt)
	})
}

func setupLinkFields(l *incident.SetupLink) []any {
	return []any{&l.Hash, &l.UserID, timeOf(&l.ExpiresAt), timeOf(&l.UsedAt)}
}

const setupLinkByHash = `SELECT token_hash, user_id, expires_at, used_at FROM setup_links WHERE token_hash = $1`

// SetupLink returns the link with this hash, also if it has expired or was used.
func (s *Store) SetupLink(ctx context.Context, tokenHash string) (incident.SetupLink, error) {
	return one(ctx, s.r, "setup link", setupLinkFields, setupLinkByHash, tokenHash)
}

// takeSetupLink marks a link as used.
func (s *Store) takeSetupLink(ctx context.Context, tx *sql.Tx, tokenHash string, now time.Time) (incident.SetupLink, error) {
	l, err := one(ctx, tx, "setup link", setupLinkFields, setupLinkByHash+s.forUpdate(), tokenHash)
	switch {
	case err != nil:
		return l, err
	case !l.UsedAt.IsZero():
		return l, conflict("This link has already been used. Log in, or ask an admin for an account.")
	case !now.Before(l.ExpiresAt):
		return l, notFound("setup link")
	}
	return l, exec(ctx, tx, `UPDATE setup_links SET used_at = $2 WHERE token_hash = $1`, tokenHash, now)
}

// UseSetupLink implements incident.People.
func (s *Store) UseSetupLink(ctx context.Context, tokenHash string, now time.Time, u incident.User, audit incident.AuditEntry) error {
	return s.change(ctx, audit, nil, func(tx *sql.Tx) error {
		l, err := s.takeSetupLink(ctx, tx, tokenHash, now)
		if err != nil {
			return err
		}
		admins, err := activeAdmins(ctx, tx, "")
		switch {
		case err != nil:
			return err
		case l.UserID != "":
			return notFound("setup link")
		case len(admins) > 0:
			return conflict("This link has already been used. Log in, or ask an admin for an account.")
		}
		return insertUser(ctx, tx, u)
	})
}

// UseInvitation implements incident.People.
func (s *Store) UseInvitation(ctx context.Context, tokenHash string, now time.Time, passwordHash string, audit incident.AuditEntry) error {
	return s.change(ctx, audit, nil, func(tx *sql.Tx) error {
		l, err := s.takeSetupLink(ctx, tx, tokenHash, now)
		if err != nil {
			return err
		}
		err = execOne(ctx, tx, notFound("setup link"), `UPDATE users SET password_hash = $2 WHERE id = $1 AND disabled_at IS NULL`, l.UserID, passwordHash)
		if err != nil {
			return err
		}
		return exec(ctx, tx, `DELETE FROM sessions WHERE user_id = $1`, l.UserID)
	})
}

// LoginFailures returns the number of wrong passwords for a key, and the time
// of the last one.
func (s *Store) LoginFailures(ctx context.Context, key string) (incident.LoginFailures, error) {
	failures, _, err := first(ctx, s.r, func(f *incident.LoginFailures) []any {
		return []any{&f.Count, timeOf(&f.LastAt)}
	}, `SELECT count, last_at FROM login_failures WHERE key = $1`, key)
	return failures, err
}

// AddLoginFailure counts another wrong password for a key.
func (s *Store) AddLoginFailure(ctx context.Context, key string, at time.Time) error {
	_, err := s.writeRows(ctx, `
		INSERT INTO login_failures (key, count, last_at) VALUES ($1, 1, $2)
		ON CONFLICT (key) DO UPDATE SET count = login_failures.count + 1, last_at = excluded.last_at`, key, at)
	return err
}

// ClearLoginFailures deletes the count of wrong passwords for a key.
func (s *Store) ClearLoginFailures(ctx context.Context, key string) error {
	_, err := s.writeRows(ctx, `DELETE FROM login_failures WHERE key = $1`, key)
	return err
}

// DeleteLoginFailures deletes counts whose last wrong password is from before a
// time. Anyone can create such rows by guessing, so they must not stay.
func (s *Store) DeleteLoginFailures(ctx context.Context, before time.Time) (n int64, err error) {
	return s.writeRows(ctx, `DELETE FROM login_failures WHERE last_at < $1`, before)
}
