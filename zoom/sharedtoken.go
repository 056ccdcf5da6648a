package zoom

import (
	"context"
	"time"
)

// SharedToken is an access token that several servers share.
type SharedToken struct {
	Token
	Value   Secret
	RenewAt time.Time // when to request a new token
	Version int64     // goes up by one with each new token of an app; 0: no token
}

// TokenStore shares the access token of an app between the servers that use the
// app, and lets only one of them at a time request the next token: Zoom may
// invalidate a token when another is requested. While the store returns errors,
// each server requests its own token.
type TokenStore interface {
	// Load returns the token in use. Its Version is correct even if its Value is
	// empty because there is no token yet or the stored one cannot be decrypted
	// any more.
	Load(ctx context.Context) (SharedToken, error)
	// Claim gives one caller the right to request the successor of a version,
	// until Save, Release or the end of the lease. It reports whether the caller
	// got it.
	Claim(ctx context.Context, version int64, lease time.Duration) (bool, error)
	// Save makes t the token in use if the version of the current one is one less
	// than t's. It reports whether it did.
	Save(ctx context.Context, t SharedToken) (bool, error)
	// Release gives up the claim on the successor of a version.
	Release(ctx context.Context, version int64) error
	// Ended says that Zoom refused a token that had not expired, and took its successor:
	// a program that does not use the store requested a token.
	Ended(ctx context.Context)
}

const (
	// tokenLease is how long the other servers wait for the one that is asking
	// Zoom, which may have crashed meanwhile.
	tokenLease = 5 * time.Second
	tokenLook  = 50 * time.Millisecond
	// tokenStoreTime is the timeout for each call of the store. A slower store is
	// treated as failing.
	tokenStoreTime = time.Second
)

// Renew is like Token but always gets a new token, so that it has the scopes that
// the app has now.
func (c *Client) Renew(ctx context.Context) (Token, error) {
	t := c.cached()
	if c.shared != nil {
		if stored, err := c.load(ctx); err == nil && stored.Version > t.Version {
			t = stored
		}
	}
	c.mu.Lock()
	c.refused = max(c.refused, t.Version)
	c.current = SharedToken{}
	c.mu.Unlock()
	return c.Token(ctx)
}

// renew gets a token that is newer than every rejected one: from the store if
// another server was faster, otherwise from Zoom.
func (c *Client) renew(ctx context.Context) (SharedToken, *Error) {
	if c.shared == nil {
		return c.fetchToken(ctx)
	}
	c.mu.Lock()
	refused := c.refused
	last := max(refused, c.current.Version)
	c.mu.Unlock()

	patience, cancel := context.WithTimeout(ctx, tokenLease)
	defer cancel()
	for {
		t, err := c.load(ctx)
		if err != nil {
			return c.fetchShared(ctx, last)
		}
		if t.Version > refused && !t.Value.IsZero() && c.now().Before(t.RenewAt) {
			return t, nil
		}
		claimCtx, cancel := context.WithTimeout(ctx, tokenStoreTime)
		mine, err := c.shared.Claim(claimCtx, t.Version, tokenLease)
		cancel()
		// A server that has waited for the whole lease asks Zoom too, even if the
		// clocks of the servers disagree.
		if mine || err != nil || !sleep(patience, tokenLook) {
			return c.fetchShared(ctx, t.Version)
		}
	}
}

// fetchShared requests the successor of a version from Zoom and shares it. If the
// token cannot be shared, this server uses it anyway, and any newer token
// replaces it.
func (c *Client) fetchShared(ctx context.Context, version int64) (SharedToken, *Error) {
	t, e := c.fetchToken(ctx)
	// Other servers wait for this step, so it must run even if the caller's time
	// is over.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenStoreTime)
	defer cancel()
	if e != nil {
		_ = c.shared.Release(ctx, version) // if this fails, the lease runs out
		return t, e
	}
	t.Version = version + 1
	if saved, err := c.shared.Save(ctx, t); err != nil || !saved {
		t.Version = version
		return t, nil
	}
	c.mu.Lock()
	c.fetched = t.Version
	c.mu.Unlock()
	return t, nil
}

func (c *Client) load(ctx context.Context) (SharedToken, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenStoreTime)
	defer cancel()
	return c.shared.Load(ctx)
}
