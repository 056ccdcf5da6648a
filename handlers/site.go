package handlers

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// Site has what every handler needs. Make it with New.
type Site struct {
	Service   *incident.Service
	Store     *db.Store
	Now       func() time.Time
	Log       *slog.Logger
	PublicURL string // address of this server, without a slash at the end; "" if not known
	Version   string
	Demo      bool
	Live      *Live // pages are live only while Live.Run runs

	httpsHost    string // host of PublicURL if that is https, else ""
	webhookBytes *inFlight
	exports      *exports
	database     *recently[string] // for Readyz
	total        *recently[int64]  // number of events in the log
	busy         *recently[busyLog]
	lastDay      *recently[db.Histogram] // of all events
	recentEvents *recently[[]incident.EventTimes]
}

// New completes a Site: it makes Live if that is nil. It starts nothing.
func New(s Site) *Site {
	site := &s
	site.webhookBytes, site.database = &inFlight{}, &recently[string]{}
	site.total, site.busy, site.lastDay = &recently[int64]{}, &recently[busyLog]{}, &recently[db.Histogram]{}
	site.recentEvents = &recently[[]incident.EventTimes]{}
	site.exports = &exports{running: map[*export]struct{}{}, known: map[string]*export{}}
	site.PublicURL = strings.TrimRight(site.PublicURL, "/")
	if u, err := url.Parse(site.PublicURL); err == nil && u.Scheme == "https" {
		site.httpsHost = u.Host
	}
	if site.Live == nil {
		site.Live = NewLive(site.Store.Pulse, site.Log)
	}
	return site
}

// base is PublicURL, or the address of the request if that isn't known.
func (s *Site) base(c echo.Context) string {
	return cmp.Or(s.PublicURL, c.Scheme()+"://"+c.Request().Host)
}

type contextKey int

const (
	actorKey contextKey = iota
	tokenKey
	userKey
)

// SetToken sets who makes a request with an API token, and what the token may do.
// The middleware of package web calls it.
func SetToken(c echo.Context, a incident.Actor, t incident.Token) {
	set(c, actorKey, a)
	set(c, tokenKey, t)
}

// tokenOf is the API token of the request, the zero Token if there is none.
func tokenOf(c echo.Context) incident.Token {
	t, _ := c.Request().Context().Value(tokenKey).(incident.Token)
	return t
}

// SetActor sets who makes the request. The middleware of package web calls it.
func SetActor(c echo.Context, a incident.Actor) { set(c, actorKey, a) }

// Actor is who makes the request, the zero Actor if nobody is logged in.
func Actor(c echo.Context) incident.Actor {
	a, _ := c.Request().Context().Value(actorKey).(incident.Actor)
	return a
}

// Bearer is the API token of the request, "" for none. It must be in the Authorization
// header: addresses end up in logs, and any page can make a browser send a cookie.
func Bearer(c echo.Context) string {
	headers := c.Request().Header.Values(echo.HeaderAuthorization)
	if len(headers) != 1 {
		return ""
	}
	scheme, plain, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") { // RFC 9110, 11.1
		return ""
	}
	return strings.TrimLeft(plain, " ")
}

func set(c echo.Context, key contextKey, value any) {
	r := c.Request()
	c.SetRequest(r.WithContext(context.WithValue(r.Context(), key, value)))
}

// RequestID is the ID that a person can quote. It is also in the log.
func RequestID(c echo.Context) string {
	return c.Response().Header().Get(echo.HeaderXRequestID)
}

// Frame is the frame of a page: who is logged in, what is live, what is
// wrong. It never fails, because pages must work without the database.
// It consumes the flash of the last action, so call it once per page.
func (s *Site) Frame(c echo.Context, title, section string) views.Frame {
	f := s.ErrorFrame(c)
	f.Title, f.Section = title, section
	if f.User == nil {
		return f
	}
	ctx := c.Request().Context()
	if Actor(c).Recalled {
		f.Banner = s.banner(c, section, incident.ErrNoAnswer)
		return f
	}
	live, err := s.Store.CountCalls(ctx)
	if err == nil {
		f.LiveBridges = live
		f.RefusedLastHour, err = s.refusedLastHour(ctx)
	}
	f.Banner = s.banner(c, section, err)
	return f
}

// ErrorFrame is the frame of the page about an error. It reads nothing from the database,
// which may be what failed.
func (s *Site) ErrorFrame(c echo.Context) views.Frame {
	f := views.Frame{Flash: s.takeFlash(c), Demo: s.Demo, Version: s.Version, Theme: theme(c)}
	if s.Demo {
		f.Now = s.When(c, s.Now()).ISO
	}
	if user := CurrentUser(c); user != nil {
		f.User = &views.Person{Name: user.Name, Email: user.Email, Role: string(user.Role)}
	}
	return f
}

func (s *Site) refusedLastHour(ctx context.Context) (int, error) {
	counts, err := s.Store.Refusals(ctx, s.Now().Add(-time.Hour))
	var n int64
	for _, c := range counts {
		n += c.Count
	}
	return int(n), err
}

// banner says the worst current problem, nil for none.
// readErr is the error of the frame's reads. Overview and the Zoom account page say
// themselves what the last check found.
func (s *Site) banner(c echo.Context, section string, readErr error) *views.Banner {
	health := s.Store.Health()
	if n := s.Service.PendingIncidents(); n > 0 {
		return &views.Banner{Level: views.LevelBad, Text: strings.TrimSpace(views.Plural(n, "incident isn’t", "incidents aren’t") + " stored completely. People got a static link from memory. Drawbridge stores the rest as soon as the database accepts it. " + health.WriteProblem)}
	}
	if health.DiskFull {
		return &views.Banner{Level: views.LevelBad, Text: fmt.Sprintf("The disk of the server is full. Zoom’s events are rejected for now; Zoom retries each for about 85 minutes. "+
			"Incidents and bridges continue in a small reserve. Free %d MB or more where the data directory is: Drawbridge then continues automatically.", (health.NeedBytes+1<<20-1)>>20)}
	}
	if readErr != nil {
		return &views.Banner{Level: views.LevelBad, Text: "The database doesn’t answer. This page may be incomplete."}
	}
	if health.WriteProblem != "" {
		return &views.Banner{Level: views.LevelBad, Text: "Drawbridge can’t store anything right now. Zoom’s events are rejected; Zoom retries each for about 85 minutes. " + health.WriteProblem}
	}
	if problem := s.Store.KeyProblem(); problem != "" {
		return &views.Banner{Level: views.LevelBad, Text: problem}
	}
	account, err := s.Store.Account(c.Request().Context())
	if err != nil {
		return &views.Banner{Level: views.LevelBad, Text: "The database doesn’t answer. This page may be incomplete."}
	}
	for _, secret := range account.Secrets {
		if secret.Locked {
			return &views.Banner{Level: views.LevelBad, Text: "The current master key can’t open a stored secret.", LinkText: "Zoom account", Href: "/account", NoMeetings: true}
		}
	}
	if b := s.zoomBanner(c, section, account); b != nil {
		return b
	}
	if b := s.clockBanner(c.Request().Context()); b != nil {
		return b
	}
	if s.Service.TokensEnded() && Actor(c).Role.Includes(incident.Admin) {
		return &views.Banner{Level: views.LevelWarning, LinkText: "Zoom account", Href: "/account",
			Text: "Another program uses this Zoom app, and each access token it requests ends Drawbridge’s. Bridges take longer. Give that program a Zoom app of its own, or give Drawbridge one."}
	}
	peer, _, _ := net.SplitHostPort(c.Request().RemoteAddr)
	if c.Request().Header.Get(echo.HeaderXForwardedFor) != "" && peer == c.RealIP() && Actor(c).Role.Includes(incident.Admin) {
		return &views.Banner{Level: views.LevelWarning, Text: "Requests come through a proxy that isn’t trusted, so all clients count as one. Add it to DRAWBRIDGE_TRUSTED_PROXIES."}
	}
	if !s.HTTPS(c) && !isLoopback(c.RealIP()) {
		return &views.Banner{Level: views.LevelWarning, Text: "This connection isn’t encrypted. Others on the network can read it, including passwords."}
	}
	return nil
}

// zoomBanner says that hosts get no meetings from Zoom and what incidents get instead. It is
// nil if they do get them.
func (s *Site) zoomBanner(c echo.Context, section string, a incident.Account) *views.Banner {
	level, reasons := a.Readiness(s.Now())
	why, bad := s.zoomSilent(c), level == incident.LevelBad
	if section == "overview" || section == "account" && bad || !a.Connected() || why == "" && !bad {
		return nil
	}
	for _, f := range toldFindings(c, reasons) {
		if why == "" && f.Level == incident.LevelBad {
			why = checkLine(f, s.Now()).Reason
		}
	}
	o, err := s.outlook(c.Request().Context(), a)
	if err != nil {
		return nil // the next read says that the database doesn't answer
	}
	next := nextWords(o)
	b := &views.Banner{LinkText: "View it", Href: "/account", Text: why + " " + next.Gets(), NoMeetings: true}
	b.Level, _ = notReady(next, why)
	return b
}

func theme(c echo.Context) string {
	cookie, err := c.Cookie("theme")
	if err == nil && (cookie.Value == "light" || cookie.Value == "dark") {
		return cookie.Value
	}
	return ""
}

// When writes t for the viewer, in the zone of the cookie "tz", which
// static/theme.js sets, else in UTC.
func (s *Site) When(c echo.Context, t time.Time) views.When {
	return views.NewWhen(t, s.Now(), Zone(c))
}

// Zone is the time zone of the viewer, UTC if it isn't known.
func Zone(c echo.Context) *time.Location {
	if zone, ok := c.Get(zoneKey).(*time.Location); ok {
		return zone
	}
	zone := time.UTC
	if cookie, err := c.Cookie("tz"); err == nil && isZoneName(cookie.Value) {
		if loc, err := time.LoadLocation(cookie.Value); err == nil {
			zone = loc
		}
	}
	c.Set(zoneKey, zone) // a page needs it for each time, and loading a zone reads a file
	return zone
}

// zoneKey is where a request keeps its Zone.
const zoneKey = "zone"

func isZoneName(name string) bool {
	return name != "" && name != "Local" && len(name) <= 64 && name[0] != '/' && !strings.Contains(name, "..") && !strings.ContainsFunc(name, notInZoneName)
}

func notInZoneName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_+-/", r))
}

// Flash keeps one sentence for the next page. The level is ok or warning.
// It is in a cookie, so that it costs no write to the database.
func (s *Site) Flash(c echo.Context, level views.Level, text string) {
	if len(text) > 1000 {
		text = strings.ToValidUTF8(text[:1000], "") + "…"
	}
	value := base64.RawURLEncoding.EncodeToString([]byte(string(level) + " " + text))
	c.SetCookie(s.cookie(c, "flash", value, 60))
}

// done redirects to path, where text says what was done.
func (s *Site) done(c echo.Context, path, text string) error {
	s.Flash(c, views.LevelOK, text)
	return c.Redirect(http.StatusSeeOther, path)
}

// finish is done, unless the action failed with err: then path says why it was
// refused. An error that is not a Refusal is returned.
func (s *Site) finish(c echo.Context, err error, path, text string) error {
	if message, _, ok := Refusal(err); ok {
		s.Flash(c, views.LevelWarning, message)
		return c.Redirect(http.StatusSeeOther, path)
	}
	if err != nil {
		return err
	}
	return s.done(c, path, text)
}

func (s *Site) takeFlash(c echo.Context) *views.Flash {
	cookie := s.cookie(c, "flash", "", -1)
	sent, err := c.Cookie(cookie.Name)
	if err != nil {
		return nil
	}
	c.SetCookie(cookie)
	text, err := base64.RawURLEncoding.DecodeString(sent.Value)
	level, said, ok := strings.Cut(string(text), " ")
	if err != nil || !ok {
		return nil
	}
	return &views.Flash{Level: views.Level(level), Text: said}
}

// cookie is a cookie of Drawbridge's. With https, its prefix __Host- means that no
// other host and no unencrypted page can have set it. maxAge is in seconds; -1 deletes it.
func (s *Site) cookie(c echo.Context, name, value string, maxAge int) *http.Cookie {
	cookie := &http.Cookie{Name: "drawbridge_" + name, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if s.HTTPS(c) {
		cookie.Name, cookie.Secure = "__Host-"+cookie.Name, true
	}
	return cookie
}

// HTTPS reports whether the browser uses https: with Drawbridge, with a trusted proxy
// that says so, or at the public address.
func (s *Site) HTTPS(c echo.Context) bool {
	return c.Scheme() == "https" || s.httpsHost != "" && c.Request().Host == s.httpsHost
}

func isLoopback(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && ip.Unmap().IsLoopback()
}

// Refusal is what to show after a rejected form: a sentence, and what is wrong
// with each field. ok is false for errors that a form can't show; return those.
func Refusal(err error) (message string, fields map[string]string, ok bool) {
	var refused *incident.Error
	if !errors.As(err, &refused) || refused.Code != incident.Invalid && refused.Code != incident.Conflict {
		return "", nil, false
	}
	return refused.Message, refused.Fields, true
}
