package zoom

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tidwall/gjson"
)

// Token describes the access token in use, without its value.
type Token struct {
	Scopes    []string // nil: Zoom did not say, or all scopes (JWT); empty but not nil: none
	ExpiresAt time.Time
}

const (
	tokenLife    = time.Hour // Zoom's lifetime, and the longest that we accept
	tokenMargin  = 5 * time.Minute
	tokenTimeout = 10 * time.Second
	jwtLife      = 120 * time.Second
	// tokenPatience is how long a call waits for a new token while the old one
	// still works.
	tokenPatience = time.Second
	// tokenHoldOff is the pause after a failed renewal while the old token still
	// works.
	tokenHoldOff = 30 * time.Second
)

var errIncomplete = errors.New("the credentials are incomplete")

// newToken returns a token with its times. It is renewed five minutes before it
// expires, or a tenth of its lifetime if that is shorter.
func newToken(value string, scopes []string, now time.Time, life time.Duration) SharedToken {
	return SharedToken{
		Value:   NewSecret(value),
		Token:   Token{Scopes: scopes, ExpiresAt: now.Add(life)},
		RenewAt: now.Add(life - min(tokenMargin, life/10)),
	}
}

// Token returns the token in use, or a new one if there is none or it is about to
// expire. Concurrent calls share one request to Zoom. If Config.Tokens is set, so
// do those of other servers.
func (c *Client) Token(ctx context.Context) (Token, error) {
	t, e := c.token(ctx)
	if e != nil {
		return Token{}, e
	}
	return t.Token, nil
}

func (c *Client) token(ctx context.Context) (SharedToken, *Error) {
	cur, now := c.cached(), c.now()
	if now.Before(cur.RenewAt) {
		return cur, nil
	}
	if c.creds.Method == JWT {
		return c.signToken(now)
	}
	// The request must not end with the context of the first caller, because the
	// others wait for the same answer.
	fetched := c.flight.DoChan("", func() (any, error) {
		if t := c.cached(); c.now().Before(t.RenewAt) {
			return t, nil // another caller has renewed it
		}
		fctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenTimeout)
		defer cancel()
		t, e := c.renew(fctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		if e != nil {
			c.current.RenewAt = c.now().Add(tokenHoldOff)
			if c.current.RenewAt.After(c.current.ExpiresAt) {
				c.current.RenewAt = c.current.ExpiresAt
			}
			return nil, e
		}
		c.current = t
		return t, nil
	})
	var enough <-chan time.Time
	usable := now.Before(cur.ExpiresAt)
	if usable {
		timer := time.NewTimer(tokenPatience)
		defer timer.Stop()
		enough = timer.C
	}
	select {
	case r := <-fetched:
		if r.Err == nil {
			return r.Val.(SharedToken), nil
		}
		if usable {
			return cur, nil
		}
		e, _ := errors.AsType[*Error](r.Err)
		own := *e // the other callers hold the same error
		return SharedToken{}, &own
	case <-enough:
		return cur, nil
	case <-ctx.Done():
		return SharedToken{}, &Error{Op: "get token", Outcome: NotSent, Err: ctx.Err()}
	}
}

func (c *Client) cached() SharedToken {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// dropToken forgets t unless a newer token has already replaced it. It reports whether
// nobody knew yet that t is of no use any more, although it has not expired.
func (c *Client) dropToken(t SharedToken) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	news = t.Version > c.refused && c.now().Before(t.ExpiresAt)
	c.refused = max(c.refused, t.Version)
	if c.current.Value.Equal(t.Value) {
		c.current = SharedToken{}
	}
	return news
}

// isOwn reports whether this Client requested t, rather than another server.
func (c *Client) isOwn(t SharedToken) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return t.Version > 0 && t.Version == c.fetched
}

// signToken creates the token of a JWT app: HS256, with the API key as iss and
// exp in seconds. (Zoom's own sample has milliseconds, which makes the token
// valid forever.)
func (c *Client) signToken(now time.Time) (SharedToken, *Error) {
	if c.creds.APIKey == "" || c.creds.APISecret.IsZero() {
		return SharedToken{}, &Error{Op: "get token", Outcome: NotSent, Err: errIncomplete}
	}
	skew, _ := c.Skew()
	value, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Issuer:    c.creds.APIKey,
		ExpiresAt: jwt.NewNumericDate(now.Add(skew + jwtLife)),
	}).SignedString([]byte(c.creds.APISecret.Reveal()))
	if err != nil {
		return SharedToken{}, &Error{Op: "get token", Outcome: NotSent, Err: errors.New("the token could not be signed")}
	}
	t := newToken(value, nil, now, jwtLife)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = t
	return t, nil
}

// fetchToken requests a token for a Server-to-Server OAuth app. The parameters go
// into the form: Zoom also accepts them in the query, but queries are logged. The
// outcome of every error is NotSent, because the call that needed the token was
// not sent.
func (c *Client) fetchToken(ctx context.Context) (SharedToken, *Error) {
	const op = "get token"
	if c.creds.AccountID == "" || c.creds.ClientID == "" || c.creds.ClientSecret.IsZero() {
		return SharedToken{}, &Error{Op: op, Outcome: NotSent, Err: errIncomplete}
	}
	form := url.Values{"grant_type": {"account_credentials"}, "account_id": {c.creds.AccountID}}.Encode()
	var t SharedToken
	e := tryAgain(ctx, false, func() *Error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.oauth, strings.NewReader(form))
		if err != nil {
			return &Error{Op: op, Outcome: NotSent, Err: errors.New("the address of Zoom's token endpoint is not a URL")}
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth(c.creds.ClientID, c.creds.ClientSecret.Reveal())
		a, e := c.exchange(req, op, Secret{})
		if e == nil {
			e = c.answerError(a, op, Secret{})
		}
		if e == nil {
			var ok bool
			if t, ok = c.readToken(a); !ok {
				e = &Error{Op: op, Status: a.status, Err: errUnusable}
			}
		}
		if e != nil {
			e.Outcome = NotSent
		}
		return e
	})
	return t, e
}

func (c *Client) readToken(a answer) (SharedToken, bool) {
	j, ok := readObject(a.body)
	if !ok || a.broken {
		return SharedToken{}, false
	}
	value := j.Get("access_token")
	if value.Type != gjson.String || value.Str == "" || len(value.Str) > 16<<10 ||
		strings.IndexFunc(value.Str, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return SharedToken{}, false
	}
	// expires_in is a number, but sometimes a string of digits. If it is invalid,
	// the token is used until Zoom rejects it.
	life := tokenLife
	if s := j.Get("expires_in").Int(); s > 0 && s < int64(tokenLife/time.Second) {
		life = time.Duration(s) * time.Second
	}
	var scopes []string
	if s := j.Get("scope"); s.Type == gjson.String {
		scopes = strings.Fields(printable(s.Str))
	}
	// The answer may name a regional api_url. We ignore it: the configured
	// address always works, and nobody chose a host that comes from an answer.
	return newToken(value.Str, scopes, c.now(), life), true
}
