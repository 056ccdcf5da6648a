package db

import (
	"context"
	"database/sql"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// Session implements incident.People.
func (s *Store) Session(ctx context.Context, hash string) (incident.Session, error) {
	return one(ctx, s.r, "session", func(x *incident.Session) []any {
		return append([]any{&x.Hash, timeOf(&x.BeganAt), timeOf(&x.SeenAt)}, userFields(&x.User)...)
	}, `SELECT token_hash, began_at, seen_at, `+userColumns+` FROM sessions JOIN users ON id = user_id WHERE token_hash = $1`, hash)
}

// InsertSession implements incident.People.
func (s *Store) InsertSession(ctx context.Context, x incident.Session) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := one(ctx, tx, "user", scalar[string],
			`SELECT id FROM users WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL`+s.forUpdate(), x.User.ID, x.User.PasswordHash)
		if err != nil {
			return err
		}
		err = exec(ctx, tx, `INSERT INTO sessions (token_hash, user_id, began_at, seen_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			x.Hash, x.User.ID, x.BeganAt, x.SeenAt, x.ExpiresAt())
		if err != nil {
			return err
		}
		return touchUser(ctx, tx, x)
	})
}

// TouchSession implements incident.People.
func (s *Store) TouchSession(ctx context.Context, x incident.Session) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		err := exec(ctx, tx, `UPDATE sessions SET seen_at = $2, expires_at = $3 WHERE token_hash = $1`, x.Hash, x.SeenAt, x.ExpiresAt())
		if err != nil {
			return err
		}
		return touchUser(ctx, tx, x)
	})
}

func touchUser(ctx context.Context, tx *sql.Tx, x incident.Session) error {
	return exec(ctx, tx, `UPDATE users SET last_seen_at = $2 WHERE id = $1`, x.User.ID, x.SeenAt)
}

// DeleteSession implements incident.People.
func (s *Store) DeleteSession(ctx context.Context, hash string) error {
	_, err := s.writeRows(ctx, `DELETE FROM sessions WHERE token_hash = $1`, hash)
	return err
}

// SessionCount returns how many sessions of a user have not expired.
func (s *Store) SessionCount(ctx context.Context, userID string) (int, error) {
	return one(ctx, s.r, "user", scalar[int],
		`SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND expires_at > $2`, userID, s.now())
}

// DeleteExpiredSessions deletes expired sessions and returns how many.
func (s *Store) DeleteExpiredSessions(ctx context.Context) (n int64, err error) {
	return s.writeRows(ctx, `DELETE FROM sessions WHERE expires_at <= $1`, s.now())
}
