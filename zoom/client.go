package zoom

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidwall/gjson"
	"golang.org/x/sync/singleflight"
)

// AuthMethod is the way a Zoom app authenticates.
type AuthMethod string

const (
	ServerToServer AuthMethod = "server_to_server"
	// Zoom switched JWT apps off in September 2023. Old installations behind
	// their own gateway still use them.
	JWT AuthMethod = "jwt"
	// WebhookOnly apps receive events and can't call Zoom's API.
	WebhookOnly AuthMethod = "webhook_only"
)

// Credentials are the credentials of one Zoom app. ServerToServer uses AccountID,
// ClientID and ClientSecret; JWT uses APIKey and APISecret; WebhookOnly has none.
type Credentials struct {
	Method       AuthMethod
	AccountID    string
	ClientID     string
	ClientSecret Secret
	APIKey       string
	APISecret    Secret
}

// Config holds what New needs.
type Config struct {
	APIURL      string   // such as https://api.zoom.us/v2; see Endpoints
	OAuthURL    string   // such as https://zoom.us/oauth/token
	Domains     []string // see NewLinks
	Credentials Credentials
	HTTP        *http.Client     // nil: a client of its own with a timeout of 15 s
	Now         func() time.Time // required
	Tokens      TokenStore       // nil: this Client keeps its access token to itself; JWT does not use it
}

const (
	maxAnswer = 4 << 20 // a page of 300 meetings is much smaller
	maxTries  = 3
	// When Zoom asks for a longer wait than this, the Client returns the error
	// and leaves the wait to the caller.
	maxWait = 15 * time.Second
)

// Client calls Zoom's API for one app. It is safe for concurrent use and needs no
// closing.
//
// Calls run until their context ends. A read is tried up to three times. Any
// other call is repeated only when Zoom certainly did not act on it: Zoom was
// unreachable, rejected the token (repeated once), or answered that the
// per-second limit was exceeded. The Client does not follow redirects.
type Client struct {
	api    string
	links  Links
	oauth  string
	creds  Credentials
	http   *http.Client
	now    func() time.Time
	shared TokenStore

	mu      sync.Mutex
	current SharedToken
	fetched int64 // the last version that this Client requested itself
	refused int64 // versions up to this one must not be used again
	skews   []skew
	flight  singleflight.Group
}

// New returns a Client. It makes no call and starts no goroutine.
func New(cfg Config) *Client {
	hc := http.Client{Timeout: 15 * time.Second}
	if cfg.HTTP != nil {
		hc = *cfg.HTTP
	}
	// A redirect would send the request, even without its Authorization header,
	// to a host that nobody configured.
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	hc.Jar = nil
	c := &Client{
		api:   strings.TrimRight(cfg.APIURL, "/"),
		links: NewLinks(cfg.APIURL, cfg.Domains),
		oauth: cfg.OAuthURL,
		creds: cfg.Credentials,
		http:  &hc,
		now:   cfg.Now,
	}
	if cfg.Credentials.Method != JWT {
		c.shared = cfg.Tokens
	}
	return c
}

// Format prints only the address of the API, whatever the verb, so that
// credentials cannot leak.
func (c *Client) Format(f fmt.State, _ rune) { io.WriteString(f, "zoom.Client of "+c.api) }

// skew is one measurement of Zoom's clock minus ours, and when it was taken.
type skew struct {
	d  time.Duration
	at time.Time
}

// skewHolds is how long a measurement is valid. Clocks drift by seconds a day.
const skewHolds = 24 * time.Hour

// Skew returns Zoom's clock minus ours: the median over the Date headers of the
// last five answers, accurate to a second or two. It returns false before the
// first answer, from a day after the last one, and when our clock has been set
// since.
func (c *Client) Skew() (time.Duration, bool) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	var ds []time.Duration
	for _, s := range c.skews {
		// The wall clock and the monotonic clock advance by the same amount,
		// unless someone set one of them or the machine was suspended.
		wall, mono := now.Round(0).Sub(s.at.Round(0)), now.Sub(s.at)
		if wall < skewHolds && (wall-mono).Abs() < 10*time.Second {
			ds = append(ds, s.d)
		}
	}
	if len(ds) == 0 {
		return 0, false
	}
	slices.Sort(ds)
	return ds[len(ds)/2], true
}

func (c *Client) noteDate(h http.Header) {
	t, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	now := c.now()
	// Round(0) drops our monotonic reading, because this compares wall clocks.
	d := t.Sub(now.Round(0))
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.skews) == 5 {
		c.skews = slices.Delete(c.skews, 0, 1)
	}
	c.skews = append(c.skews, skew{d, now})
}

// request is one API call. The path is escaped and begins with a slash. If err is
// set, the call fails with it before anything is sent.
type request struct {
	op, method, path string
	body             any
	err              error
}

// payload returns the bytes to send.
func (r request) payload() ([]byte, error) {
	if r.body == nil {
		return nil, nil
	}
	return json.Marshal(r.body)
}

// call makes an API call and returns the body of a successful answer. Every error
// is an *Error.
func (c *Client) call(ctx context.Context, r request) ([]byte, error) {
	if r.err != nil {
		return nil, &Error{Op: r.op, Outcome: NotSent, Err: r.err}
	}
	payload, err := r.payload()
	if err != nil {
		return nil, &Error{Op: r.op, Outcome: NotSent, Err: err}
	}
	tok, e := c.token(ctx)
	if e != nil {
		return nil, e
	}
	body, e := c.send(ctx, r, payload, tok)
	if e != nil && e.tokenRefused() {
		news := c.dropToken(tok)
		fresh, te := c.token(ctx)
		if te != nil {
			return nil, te
		}
		if !fresh.Value.Equal(tok.Value) {
			tok = fresh
			body, e = c.send(ctx, r, payload, tok)
			if news && c.isOwn(fresh) && (e == nil || !e.tokenRefused()) {
				c.shared.Ended(ctx)
			}
		}
	}
	if e != nil {
		if len(e.Scopes) > 0 {
			// Only tokens issued later include scopes that are added to the app.
			c.dropToken(tok)
		}
		return nil, e
	}
	return body, nil
}

// do makes an API call that Zoom answers without content. A page of a proxy is no answer.
func (c *Client) do(ctx context.Context, r request) error {
	body, err := c.call(ctx, r)
	if err == nil && len(bytes.TrimSpace(body)) > 0 && !json.Valid(body) {
		err = &Error{Op: r.op, Outcome: Unknown, Err: errUnusable}
	}
	return err
}

// pages calls f with every page of a list, whose records are under key. It
// returns the first error of f, or an *Error.
func (c *Client) pages(ctx context.Context, r request, query url.Values, key string, most int, f func(page gjson.Result) error) error {
	path := r.path
	for range most {
		r.path = path + "?" + query.Encode()
		body, err := c.call(ctx, r)
		if err != nil {
			return err
		}
		j, ok := readObject(body)
		list := j.Get(key)
		if !ok || !list.IsArray() && list.Type != gjson.Null { // no list: it is empty
			return &Error{Op: r.op, Outcome: Unknown, Err: errUnusable}
		}
		if err := f(list); err != nil {
			return err
		}
		next := j.Get("next_page_token").String()
		if next == "" {
			return nil
		}
		if next == query.Get("next_page_token") {
			break
		}
		query.Set("next_page_token", next)
	}
	return &Error{Op: r.op, Outcome: Unknown, Err: errors.New("the list does not end")}
}

// send makes one call with one token, and retries where tryAgain allows it.
func (c *Client) send(ctx context.Context, r request, payload []byte, tok SharedToken) (body []byte, e *Error) {
	e = tryAgain(ctx, r.method == http.MethodGet, func() *Error {
		req, err := http.NewRequestWithContext(ctx, r.method, c.api+r.path, bytes.NewReader(payload))
		if err != nil {
			return &Error{Op: r.op, Outcome: NotSent, Err: errors.New("the address of Zoom's API is not a URL")}
		}
		if payload != nil {
			req.Header.Set("Content-Type", "application/json")
		}
		req.Header.Set("Authorization", "Bearer "+tok.Value.Reveal())
		a, e := c.exchange(req, r.op, tok.Value)
		if e != nil {
			return e
		}
		if e := c.answerError(a, r.op, tok.Value); e != nil {
			return e
		}
		if a.broken {
			return &Error{Op: r.op, Status: a.status, Outcome: Unknown, Err: errBroken}
		}
		body = a.body
		return nil
	})
	return body, e
}

// answer is an answer of Zoom, whatever its status.
type answer struct {
	status int
	header http.Header
	body   []byte // at most maxAnswer
	broken bool   // the body was cut off or is too long
}

// exchange sends one request. The Outcome of its error says whether the request
// left this machine. Secrets are removed from the text of the error.
func (c *Client) exchange(req *http.Request, op string, token Secret) (answer, *Error) {
	if err := req.Context().Err(); err != nil {
		return answer{}, &Error{Op: op, Outcome: NotSent, Err: err}
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "drawbridge")
	// If the transport asked for a connection and did not get one, it sent
	// nothing. A transport that needs no connection (as in some tests) never
	// asks.
	var asked, connected atomic.Bool
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	res, err := c.http.Do(req)
	if err != nil {
		e := &Error{Op: op, Outcome: Unknown, Err: c.cause(err, token)}
		var op *net.OpError
		if asked.Load() && !connected.Load() || errors.As(err, &op) && op.Op == "dial" {
			e.Outcome = NotSent
		}
		return answer{}, e
	}
	defer res.Body.Close()
	c.noteDate(res.Header)
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	a := answer{status: res.StatusCode, header: res.Header, body: body, broken: err != nil}
	if len(body) > maxAnswer {
		a.body, a.broken = body[:maxAnswer], true
	}
	return a, nil
}

// tryAgain repeats send while that is safe, likely to help and possible before
// ctx ends. safe means that the request changes nothing at Zoom.
func tryAgain(ctx context.Context, safe bool, send func() *Error) *Error {
	for n := 1; ; n++ {
		e := send()
		if e == nil || n == maxTries {
			return e
		}
		wait, again := e.pause(safe, n)
		if !again || !sleep(ctx, wait) {
			return e
		}
	}
}

// pause reports whether try n+1 makes sense, and how long to wait before it.
func (e *Error) pause(safe bool, n int) (time.Duration, bool) {
	jitter := func(d time.Duration) time.Duration { return d + rand.N(d) }
	short := jitter(time.Duration(n) * 100 * time.Millisecond)
	switch {
	case e.RetryAfter > maxWait, e.Outcome == Unknown && !safe:
		return 0, false
	case e.RateLimit == "second" && e.RetryAfter == 0:
		return time.Second + rand.N(250*time.Millisecond), true
	case e.RateLimit == "second", e.RateLimit == "" && e.Status == http.StatusTooManyRequests && e.RetryAfter > 0:
		return e.RetryAfter + rand.N(time.Second), true
	case e.Status >= 500, errors.Is(e.Err, errBroken):
		return short, safe
	case e.Status == 0:
		if e.Outcome == NotSent {
			short = short * 2 / 5 // Zoom need not recover from it, and somebody may be waiting for another link
		}
		return short, (safe || e.Outcome == NotSent) && !e.outOfTime() && !e.distrusted()
	}
	return 0, false
}

// shortestTry is the time that a call needs at least. Cutting it off would make
// its outcome unknown.
const shortestTry = 300 * time.Millisecond

// sleep waits for d. If ctx would end before another try, it returns false at once
// without waiting.
func sleep(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d+shortestTry {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// scrub removes our secrets from a text that came from outside. A server or a
// proxy may have echoed them.
func (c *Client) scrub(s string, token Secret) string {
	id, secret := c.creds.ClientID, c.creds.ClientSecret.Reveal()
	for _, x := range []string{
		token.Reveal(), c.cached().Value.Reveal(), secret, c.creds.APISecret.Reveal(),
		base64.StdEncoding.EncodeToString([]byte(id + ":" + secret)),
	} {
		if len(x) >= 6 {
			s = strings.ReplaceAll(s, x, redacted)
		}
	}
	return s
}
