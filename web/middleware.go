package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/drawbridge-hq/drawbridge/handlers"
	"github.com/drawbridge-hq/drawbridge/incident"
)

type middleware struct {
	site       *handlers.Site
	kinds      map[string]Kind // by route path
	recalls    map[string]bool // by route path
	origins    *http.CrossOriginProtection
	metrics    *metrics
	errorLines *rate.Sometimes // limits how fast errors are logged, so that a broken disk does not fill another one with log lines

	logins    *limiter // by client address
	apiReads  *limiter // by token
	apiWrites *limiter // by token
}

func newMiddleware(site *handlers.Site) *middleware {
	m := &middleware{
		site:       site,
		kinds:      map[string]Kind{},
		recalls:    map[string]bool{joinPath: true},
		origins:    http.NewCrossOriginProtection(),
		metrics:    newMetrics(site),
		errorLines: &rate.Sometimes{First: 20, Interval: time.Second},
		logins:     newLimiter(rate.Every(3*time.Second), 20),
		apiReads:   newLimiter(20, 200),
		apiWrites:  newLimiter(2, 100),
	}
	if u, err := url.Parse(site.PublicURL); err == nil && u.Host != "" {
		// A proxy may change the Host header. Requests from browsers that send no
		// Sec-Fetch-Site are then recognized by the public address.
		_ = m.origins.AddTrustedOrigin(u.Scheme + "://" + u.Host)
	}
	return m
}

// extractors return functions that tell the client's address and its scheme:
// those of the connection, or what a trusted proxy says.
func extractors(trusted []netip.Prefix) (echo.IPExtractor, echo.SchemeExtractor) {
	if len(trusted) == 0 {
		return echo.ExtractIPDirect(), echo.ExtractSchemeDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range trusted {
		_, ipNet, _ := net.ParseCIDR(p.String())
		options = append(options, echo.TrustIPRange(ipNet))
	}
	extract := echo.ExtractIPFromXFFHeader(options...)
	return func(r *http.Request) string {
		bare := http.Request{RemoteAddr: r.RemoteAddr, Header: http.Header{}}
		for _, line := range r.Header.Values(echo.HeaderXForwardedFor) {
			hops := strings.Split(line, ",")
			for i, hop := range hops {
				hops[i] = withoutPort(strings.TrimSpace(hop))
			}
			bare.Header.Add(echo.HeaderXForwardedFor, strings.Join(hops, ","))
		}
		return extract(&bare)
	}, echo.ExtractSchemeFromHeaders(options...)
}

// withoutPort returns the address in one hop of X-Forwarded-For. Some proxies add
// the client's port: 203.0.113.9:51234, [2001:db8::9]:51234.
func withoutPort(hop string) string {
	if a, err := netip.ParseAddrPort(hop); err == nil {
		return a.Addr().String()
	}
	return strings.TrimSuffix(strings.TrimPrefix(hop, "["), "]")
}

const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// everyAnswer holds the headers of every answer. Answers share the values.
var everyAnswer = http.Header{
	"Content-Security-Policy": {contentSecurityPolicy},
	"X-Content-Type-Options":  {"nosniff"},
	// Not no-referrer: with it, browsers send "Origin: null" with our own forms.
	// On plain http the origin is the only way to recognize them.
	"Referrer-Policy":              {"same-origin"},
	"X-Frame-Options":              {"DENY"},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Permissions-Policy":           {"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"},
	"Cache-Control":                {"no-store"}, // static files override this
}

// headers sets the headers of the answer. One of them is an id of ours for the
// request; an id that the client sent is ignored.
func (m *middleware) headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		maps.Copy(h, everyAnswer)
		h.Set(echo.HeaderXRequestID, rand.Text()[:16])
		if m.site.HTTPS(c) {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		return next(c)
	}
}

// observe counts and logs each request. It logs the path without the query, and
// no body.
func (m *middleware) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := m.site.Now()
		err := next(c)
		took := m.site.Now().Sub(start)
		r := c.Request()
		m.metrics.observe(c.Path(), r.Method, c.Response().Status, took)
		if ctx := r.Context(); m.site.Log.Enabled(ctx, slog.LevelDebug) {
			m.site.Log.DebugContext(ctx, "request", "id", handlers.RequestID(c), "method", clip(r.Method), "path", clip(r.URL.Path),
				"status", c.Response().Status, "bytes", c.Response().Size, "took", took, "client", c.RealIP())
		}
		return err
	}
}

// statusGone is what logs and metrics count for a request whose client ended it. Nobody
// reads that answer.
const statusGone = 499

// hungUp reports whether the client ended the request. What failed since then failed
// because of that, whatever the error says: a database, for one, calls it an interrupt.
func hungUp(r *http.Request) bool { return errors.Is(r.Context().Err(), context.Canceled) }

// clientGone reports whether the client ended the request, or err says that it ended its
// connection.
func clientGone(r *http.Request, err error) bool {
	var lost *net.OpError
	return hungUp(r) || errors.As(err, &lost) && lost.Addr != nil && lost.Addr.String() == r.RemoteAddr
}

// logError logs the cause of an error answer, once. Answers of 500 and above are
// logged as errors, all others as debug, and so is what failed because the client has gone.
func (m *middleware) logError(c echo.Context, status int, err error) {
	r := c.Request()
	line := func(level slog.Level) {
		m.site.Log.Log(r.Context(), level, "request refused", "id", handlers.RequestID(c), "method", clip(r.Method),
			"path", clip(r.URL.Path), "status", status, "error", err)
	}
	if status < 500 || clientGone(r, err) {
		line(slog.LevelDebug)
		return
	}
	m.errorLines.Do(func() { line(slog.LevelError) })
}

// clip shortens and escapes text from outside so that it fits on one line of the
// log.
func clip(s string) string {
	if len(s) > 256 {
		s = s[:256] + "…"
	}
	return strings.Trim(strconv.QuoteToGraphic(s), `"`)
}

// answers turns errors into responses. It must run inside observe, so that
// observe sees their status.
func (m *middleware) answers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := next(c); err != nil {
			m.answer(err, c)
		}
		return nil
	}
}

// recovers turns a panic into an error that contains the stack.
func (m *middleware) recovers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if r := recover(); r != nil {
				if err, ok := r.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(r)
				}
				err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
			}
		}()
		return next(c)
	}
}

// The errors for requests that another site made a browser send.
var (
	errForeign    = &incident.Error{Code: incident.Forbidden, Message: "This request didn’t come from a Drawbridge page at this address, so nothing was done. Another site may have sent it. If you clicked in Drawbridge, reload the page and try again. If that doesn’t help, ask an admin whether the public URL is the address in your browser."}
	errForeignAPI = &incident.Error{Code: incident.Forbidden, Message: "This request came from a web page of another site. Call the API from a program."}
)

// webhookAddress forgives slips in the address that someone entered in Zoom, such
// as /webhook/: Zoom doesn't repeat what was answered with 404.
func webhookAddress(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		u := c.Request().URL
		if u.RawPath == "" && strings.EqualFold(strings.Trim(u.Path, "/"), "webhook") {
			u.Path = "/webhook"
		}
		return next(c)
	}
}

// zooms reports whether a request appears to be one of Zoom's.
func zooms(r *http.Request) bool {
	return r.Method == http.MethodPost && r.Header.Get("X-Zm-Signature") != ""
}

// sameOrigin rejects requests that another site made a browser send. Only signed
// routes are exempt, by their exact paths: browsers do not use them, and they
// ignore cookies.
func (m *middleware) sameOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		switch kind := m.kinds[c.Path()]; {
		case kind == Signed: // other methods are answered with 405
			return next(c)
		case kind != Program && zooms(r):
			return m.site.NotTheWebhook()
		}
		fetchSite, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
		foreign := fetchSite == "cross-site" || fetchSite == "same-site"
		if strings.HasPrefix(r.URL.Path, "/api/") {
			if foreign || m.origins.Check(r) != nil {
				return errForeignAPI
			}
			return next(c)
		}
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions:
			// Another site may link to a page, but may not load it as a part of
			// its own page.
			if foreign && r.Header.Get("Sec-Fetch-Mode") != "navigate" && r.Header.Get("Sec-Fetch-Mode") != "" {
				return errForeign
			}
		default:
			// Every browser sends the origin of a form, so a request without one
			// does not come from our forms. Check accepts such requests, and it
			// compares only hosts, not schemes.
			if m.origins.Check(r) != nil || fetchSite == "" && !m.pageScheme(c, origin) {
				return errForeign
			}
		}
		return next(c)
	}
}

// pageScheme reports whether origin has the scheme our pages have. https is
// always right: a proxy that nobody told us about may speak it.
func (m *middleware) pageScheme(c echo.Context, origin string) bool {
	return strings.HasPrefix(origin, "https://") || strings.HasPrefix(origin, "http://") && !m.site.HTTPS(c)
}

// limits bounds how often one network may try to log in. The service bounds the
// attempts for each user separately.
func (m *middleware) limits(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.Method == http.MethodPost && (r.URL.Path == "/login" || r.URL.Path == "/setup") {
			ip, _ := netip.ParseAddr(c.RealIP())
			if wait := m.logins.take(network(ip).String(), m.site.Now()); wait > 0 {
				return &incident.Error{Code: incident.Limited, RetryAfter: wait, Message: "Too many login attempts from this network. Wait a moment, then try again."}
			}
		}
		return next(c)
	}
}

// session loads the session of a request for a page.
func (m *middleware) session(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !m.forPrograms(c) {
			err := m.site.LoadSession(c, m.recalls[c.Path()])
			switch {
			case c.Path() == joinPath && incident.CodeOf(err) == incident.Unavailable:
				handlers.SetActor(c, incident.Actor{Recalled: true})
			case err != nil:
				return err
			case handlers.Actor(c).Recalled && !m.recalls[c.Path()]:
				return incident.ErrNoAnswer
			}
		}
		return next(c)
	}
}

// patience is how long the database may take in all for an answer that only reads.
const patience = 2500 * time.Millisecond

// reads ends a request that only reads while the database hangs, so that people learn
// within three seconds that it does. What works from memory is then answered from memory.
func (m *middleware) reads(need Need) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			if need.streams || r.Method != http.MethodGet && r.Method != http.MethodHead {
				return next(c)
			}
			ctx, cancel := context.WithTimeout(r.Context(), patience)
			defer cancel()
			c.SetRequest(r.WithContext(ctx))
			err := next(c)
			c.SetRequest(r)
			if actor := handlers.Actor(c); need.recalled && !actor.Recalled && !c.Response().Committed && !hungUp(r) && incident.CodeOf(err) == incident.Unavailable {
				actor.Recalled = true
				handlers.SetActor(c, actor)
				if again := next(c); incident.CodeOf(again) != incident.Unavailable {
					return again
				}
			}
			return err
		}
	}
}

// needs rejects requests that do not meet the access rule of the route.
func (m *middleware) needs(need Need) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			switch user := handlers.CurrentUser(c); {
			case need.role != "" && user == nil:
				return askToLogIn(c)
			case need.role != "" && !user.Role.Includes(need.role):
				return incident.RefuseRole(user.Role, need.role)
			case need.scope != "" && !(need.loopback && isLocal(c)):
				if err := m.checkToken(c, need); err != nil {
					return err
				}
				if handlers.Actor(c).Recalled && !need.recalled {
					return incident.ErrNoAnswer
				}
			}
			return next(c)
		}
	}
}

// askToLogIn redirects to the login page, which leads back afterwards. Requests
// that cannot be repeated that way, such as forms, get 401.
func askToLogIn(c echo.Context) error {
	r := c.Request()
	if (r.Method != http.MethodGet && r.Method != http.MethodHead) || r.URL.Path == "/live" {
		return &incident.Error{Code: incident.Unauthorized}
	}
	target := "/login"
	if next := r.URL.RequestURI(); next != "/" && handlers.SafeNext(next) == next {
		target += "?next=" + url.QueryEscape(next)
	}
	return c.Redirect(http.StatusSeeOther, target)
}

// checkToken rejects a request that has no API token with the needed scope, or whose
// token is used too often.
func (m *middleware) checkToken(c echo.Context, need Need) error {
	actor, token, err := m.site.Service.TokenActor(c.Request().Context(), handlers.Bearer(c), c.RealIP(), need.recalled)
	if err != nil {
		return err
	}
	if !slices.Contains(token.Scopes, need.scope) {
		return incident.RefuseScope(need.scope)
	}
	limit := m.apiReads
	if need.scope == incident.ScopeIncidentsWrite {
		limit = m.apiWrites
	}
	var wait time.Duration
	if !need.freely {
		wait = limit.take(token.ID, m.site.Now())
	}
	if wait > 0 {
		return &incident.Error{Code: incident.Limited, RetryAfter: wait, Message: "Too many requests with this token. Wait for the time in the Retry-After header."}
	}
	handlers.SetToken(c, actor, token)
	return nil
}

// isLocal reports whether the client runs on this machine. It returns false for
// requests that came through a proxy on this machine.
func isLocal(c echo.Context) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if c.Request().Header.Get(name) != "" {
			return false
		}
	}
	ip, err := netip.ParseAddr(c.RealIP())
	return err == nil && ip.Unmap().IsLoopback()
}
