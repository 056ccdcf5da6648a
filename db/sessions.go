package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/alexedwards/scs/v2"
)

// SessionUser is the key of session data that holds the id of the user.
const SessionUser = "user_id"

var (
	_ scs.CtxStore = (*Sessions)(nil)
	_ scs.Codec    = SessionCodec{}
)

// Sessions keeps the data of alexedwards/scs. It hashes tokens itself, so leave
// SessionManager.HashTokenInStore false, and leave IdleTimeout 0: it would write
// on every request. It needs SessionCodec.
type Sessions struct{ s *Store }

// Sessions is the store of web sessions.
func (s *Store) Sessions() *Sessions { return &Sessions{s} }

// SessionHash is the form in which a session's token is stored, and which
// UpdateUser takes as keepSession.
func SessionHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// FindCtx returns the data of a session that is not over.
func (s *Sessions) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	data, err := list(ctx, s.s.r, scalar[[]byte],
		`SELECT data FROM sessions WHERE token_hash = $1 AND expires_at > $2`,
		SessionHash(token), s.s.now())
	if err != nil || len(data) == 0 {
		return nil, false, err
	}
	return data[0], true, nil
}

// CommitCtx stores the data of a session, with the user beside it.
func (s *Sessions) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	_, values, err := SessionCodec{}.Decode(b)
	if err != nil {
		return err
	}
	user, _ := values[SessionUser].(string)
	return s.s.write(ctx, func(tx *sql.Tx) error {
		_, err := exec(ctx, tx, `
			INSERT INTO sessions (token_hash, user_id, data, expires_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (token_hash) DO UPDATE SET
				user_id = excluded.user_id, data = excluded.data, expires_at = excluded.expires_at`,
			SessionHash(token), user, b, expiry)
		return err
	})
}

// DeleteCtx ends a session; one that is not there is no error.
func (s *Sessions) DeleteCtx(ctx context.Context, token string) error {
	return s.s.write(ctx, func(tx *sql.Tx) error {
		_, err := exec(ctx, tx, `DELETE FROM sessions WHERE token_hash = $1`, SessionHash(token))
		return err
	})
}

// Find, Commit and Delete are there because scs asks for them; it calls the
// methods above.

func (s *Sessions) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

func (s *Sessions) Commit(token string, b []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, b, expiry)
}

func (s *Sessions) Delete(token string) error {
	return s.DeleteCtx(context.Background(), token)
}

// SessionCodec writes session data as JSON. Values must be strings, numbers
// (which come back as float64), booleans or maps and lists of these.
type SessionCodec struct{}

type sessionData struct {
	Deadline time.Time      `json:"deadline"`
	Values   map[string]any `json:"values"`
}

func (SessionCodec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	return json.Marshal(sessionData{deadline, values})
}

func (SessionCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	var d sessionData
	err := json.Unmarshal(b, &d)
	if d.Values == nil {
		d.Values = map[string]any{}
	}
	return d.Deadline, d.Values, err
}

// SessionCount is how many sessions of a user are not over.
func (s *Store) SessionCount(ctx context.Context, userID string) (int, error) {
	return one(ctx, s.r, "user", scalar[int],
		`SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND expires_at > $2`, userID, s.now())
}

// DeleteExpiredSessions removes sessions that are over and returns how many.
func (s *Store) DeleteExpiredSessions(ctx context.Context) (n int64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		n, err = exec(ctx, tx, `DELETE FROM sessions WHERE expires_at <= $1`, s.now())
		return err
	})
	return n, err
}
