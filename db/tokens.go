package db

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const tokenColumns = `id, name, token_hash, scopes, created_by, created_at, last_used_at, revoked_at, suffix, expires_at`

func tokenFields(t *incident.Token) []any {
	scopes := into(func(v any) error {
		var text sql.NullString
		err := text.Scan(v)
		t.Scopes = strings.Fields(text.String)
		return err
	})
	return []any{&t.ID, &t.Name, &t.Hash, scopes, &t.CreatedBy, timeOf(&t.CreatedAt), timeOf(&t.LastUsedAt), timeOf(&t.RevokedAt), &t.Suffix, timeOf(&t.ExpiresAt)}
}

// InsertToken adds an API token.
func (s *Store) InsertToken(ctx context.Context, t incident.Token, audit incident.AuditEntry) error {
	return s.change(ctx, audit, nil, func(tx *sql.Tx) error {
		return exec(ctx, tx, `INSERT INTO api_tokens (`+tokenColumns+`) VALUES (`+placeholders(1, 10)+`)`,
			t.ID, t.Name, t.Hash, strings.Join(t.Scopes, " "), t.CreatedBy, t.CreatedAt, t.LastUsedAt, t.RevokedAt, t.Suffix, t.ExpiresAt)
	})
}

// TokenByHash returns the API token with this hash, revoked or not.
func (s *Store) TokenByHash(ctx context.Context, hash string) (incident.Token, error) {
	return one(ctx, s.r, "token", tokenFields, `SELECT `+tokenColumns+` FROM api_tokens WHERE token_hash = $1`, hash)
}

// Tokens returns all API tokens, newest first.
func (s *Store) Tokens(ctx context.Context) ([]incident.Token, error) {
	return list(ctx, s.r, tokenFields, `SELECT `+tokenColumns+` FROM api_tokens ORDER BY created_at DESC, id DESC`)
}

// RevokeToken implements incident.People. It returns Conflict if the token is
// already revoked.
func (s *Store) RevokeToken(ctx context.Context, id string, at time.Time, audit incident.AuditEntry) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		t, err := one(ctx, tx, "token", tokenFields, `SELECT `+tokenColumns+` FROM api_tokens WHERE id = $1`+s.forUpdate(), id)
		if err != nil {
			return err
		}
		if !t.RevokedAt.IsZero() {
			return conflict("This token is already revoked.")
		}
		audit.Target = t.Name
		if err := exec(ctx, tx, `UPDATE api_tokens SET revoked_at = $2 WHERE id = $1`, id, at); err != nil {
			return err
		}
		return insertAudit(ctx, tx, audit)
	})
}

// TouchToken stores when an API token was last used.
func (s *Store) TouchToken(ctx context.Context, id string, at time.Time) error {
	_, err := s.writeRows(ctx, `UPDATE api_tokens SET last_used_at = $2 WHERE id = $1`, id, at)
	return err
}
