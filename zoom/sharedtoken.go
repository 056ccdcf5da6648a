package zoom

import (
	"context"
	"time"
)

// SharedToken is an access token as servers share it.
type SharedToken struct {
	Token
	Value   Secret
	RenewAt time.Time // from here on a new one is asked for
	Version int64     // each new token of an app has the next; 0 = none
}

// TokenStore keeps the access token of an app where every server that speaks
// for the app finds it, and lets one of them at a time ask Zoom for the next:
// Zoom may end a token when another is asked for. While it answers errors, each
// server asks for a token of its own.
type TokenStore interface {
	// Load returns the token in use. Its Version is right also when its Value
	// is empty: when there was no token yet, or it cannot be read any more.
	Load(ctx context.Context) (SharedToken, error)
	// Claim gives the right to ask for the successor of a version to one caller,
	// until Save, Release or the end of the lease.
	Claim(ctx context.Context, version int64, lease time.Duration) (bool, error)
	// Save makes t the token in use if the one in use has the version before
	// t's, and reports whether it did.
	Save(ctx context.Context, t SharedToken) (bool, error)
	// Release ends the claim on the successor of a version.
	Release(ctx context.Context, version int64) error
}

const (
	// For so long the others wait for a server that is asking Zoom, or has died
	// over it.
	tokenLease = 5 * time.Second
	tokenLook  = 50 * time.Millisecond
	// A store that is slower than this is as good as none.
	tokenStoreTime = time.Second
)

// Renew is Token, but never a token that is in use now: a new one has the
// scopes that the app has now.
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

// renew gets a token that is newer than every one that was refused: from the
// store when another server was faster, else from Zoom.
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
		mine, err := c.claim(ctx, t.Version)
		// Who has waited for the whole lease asks too, whatever the clocks of
		// the servers say.
		if mine || err != nil || !sleep(patience, tokenLook) {
			return c.fetchShared(ctx, t.Version)
		}
	}
}

// fetchShared asks Zoom for the successor of a version and shares it. A token
// that cannot be shared is used all the same, as one that any other may replace.
func (c *Client) fetchShared(ctx context.Context, version int64) (SharedToken, *Error) {
	t, e := c.fetchToken(ctx)
	// The others wait for this, also when the time of the caller is over.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenStoreTime)
	defer cancel()
	if e != nil {
		_ = c.shared.Release(ctx, version) // else the lease ends by itself
		return t, e
	}
	t.Version = version + 1
	if saved, err := c.shared.Save(ctx, t); err != nil || !saved {
		t.Version = version
	}
	return t, nil
}

func (c *Client) load(ctx context.Context) (SharedToken, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenStoreTime)
	defer cancel()
	return c.shared.Load(ctx)
}

func (c *Client) claim(ctx context.Context, version int64) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenStoreTime)
	defer cancel()
	return c.shared.Claim(ctx, version, tokenLease)
}
