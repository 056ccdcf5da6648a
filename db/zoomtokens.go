package db

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// tokenKey returns the key of the token of one version of the account.
func tokenKey(accountVersion int64) string {
	return accountID + "/" + strconv.FormatInt(accountVersion, 10)
}

func tokenCell(key string) Cell { return Cell{Table: "zoom_tokens", Column: "sealed", Row: key} }

// sealedToken is the sealed content. It includes the scopes, because they are
// confidential too.
type sealedToken struct {
	Value   string    `json:"value"`
	Scopes  []string  `json:"scopes"`
	RenewAt time.Time `json:"renew_at"`
}

// ZoomToken implements incident.Accounts. A token that the master key does not
// open counts as none, and the next one replaces it.
func (s *Store) ZoomToken(ctx context.Context, accountVersion int64) (t zoom.SharedToken, err error) {
	key := tokenKey(accountVersion)
	err = each(ctx, s.r, func(r row) error {
		var sealed string
		if err := r.Scan(&t.Version, &sealed, timeOf(&t.ExpiresAt)); err != nil || sealed == "" {
			return err
		}
		text, err := s.keys.Open(tokenCell(key), sealed)
		if err != nil {
			s.log.WarnContext(ctx, "the stored Zoom token is locked", "error", err)
			return nil
		}
		var stored sealedToken
		err = json.Unmarshal([]byte(text.Reveal()), &stored)
		t.Value, t.Scopes, t.RenewAt = zoom.NewSecret(stored.Value), stored.Scopes, stored.RenewAt
		return err
	}, `SELECT version, sealed, expires_at FROM zoom_tokens WHERE account = $1`, key)
	return t, err
}

// ClaimZoomToken implements incident.Accounts.
func (s *Store) ClaimZoomToken(ctx context.Context, accountVersion, version int64, now time.Time, lease time.Duration) (ok bool, err error) {
	n, err := s.writeRows(ctx, `
		INSERT INTO zoom_tokens (account, version, sealed, lease_until) VALUES ($1, 0, '', $2)
		ON CONFLICT (account) DO UPDATE SET lease_until = excluded.lease_until
		WHERE zoom_tokens.version = $3 AND zoom_tokens.lease_until <= $4`,
		tokenKey(accountVersion), now.Add(lease), version, now)
	return n > 0, err
}

// SaveZoomToken implements incident.Accounts: t follows version t.Version-1.
func (s *Store) SaveZoomToken(ctx context.Context, accountVersion int64, t zoom.SharedToken) (ok bool, err error) {
	key := tokenKey(accountVersion)
	sealed, err := s.keys.Seal(tokenCell(key), zoom.NewSecret(asJSON(sealedToken{t.Value.Reveal(), t.Scopes, t.RenewAt})))
	if err != nil {
		return false, err
	}
	n, err := s.writeRows(ctx, `
		UPDATE zoom_tokens SET sealed = $2, expires_at = $3, version = $4, lease_until = 0
		WHERE account = $1 AND version = $5`, key, sealed, t.ExpiresAt, t.Version, t.Version-1)
	return n > 0, err
}

// ReleaseZoomToken ends the lease without a new token.
func (s *Store) ReleaseZoomToken(ctx context.Context, accountVersion, version int64) error {
	_, err := s.writeRows(ctx, `UPDATE zoom_tokens SET lease_until = 0 WHERE account = $1 AND version = $2`, tokenKey(accountVersion), version)
	return err
}
