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

// Token is what may be known about the access token in use.
type Token struct {
	Scopes    []string // nil: all (JWT); empty but not nil: none
	ExpiresAt time.Time
}

const (
	tokenLife    = time.Hour // Zoom's; also the most we believe
	tokenMargin  = 5 * time.Minute
	tokenTimeout = 10 * time.Second
	jwtLife      = 120 * time.Second
	// For so long a call waits for the successor of a token that still works.
	tokenPatience = time.Second
	// After a failed renewal of a token that still works.
	tokenHoldOff = 30 * time.Second
)

var errIncomplete = errors.New("the credentials are incomplete")

// newToken sets the times. The margin is five minutes, or a tenth of a short life.
func newToken(value string, scopes []string, now time.Time, life time.Duration) SharedToken {
	return SharedToken{
		Value:   NewSecret(value),
		Token:   Token{Scopes: scopes, ExpiresAt: now.Add(life)},
		RenewAt: now.Add(life - min(tokenMargin, life/10)),
	}
}

// Token returns the token in use, or a new one if there is none or it is about
// to expire. Calls at the same time share one request, also those of other
// servers when Config.Tokens is set.
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
	// The request outlives the caller who happened to come first: others wait
	// for the same answer.
	fetched := c.flight.DoChan("", func() (any, error) {
		if t := c.cached(); c.now().Before(t.RenewAt) {
			return t, nil // somebody was faster
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
		e := *r.Err.(*Error) // a copy: others hold the same
		return SharedToken{}, &e
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

// dropToken forgets t, unless another has taken its place already.
func (c *Client) dropToken(t SharedToken) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = max(c.refused, t.Version)
	if c.current.Value.Equal(t.Value) {
		c.current = SharedToken{}
	}
}

// signToken makes the token of a JWT app: HS256, iss the API key, exp in
// seconds (Zoom's own sample has milliseconds, which makes it valid for ever).
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

// fetchToken asks for a token of a Server-to-Server OAuth app. The parameters
// are in the form: Zoom also takes them in the query, where they would be
// logged. Whatever goes wrong here, the call that needed the token was not
// sent.
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
	// A number, sometimes a string of digits. If it makes no sense, the token
	// is used until Zoom refuses it.
	life := tokenLife
	if s := j.Get("expires_in").Int(); s > 0 && s < int64(tokenLife/time.Second) {
		life = time.Duration(s) * time.Second
	}
	scopes := strings.Fields(printable(j.Get("scope").String()))
	// The answer may name a regional api_url. It is not used: the configured
	// address always works, and a host from an answer is a host nobody chose.
	return newToken(value.Str, scopes, c.now(), life), true
}
