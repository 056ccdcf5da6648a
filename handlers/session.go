package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// How long a session lives: without a request, and at all.
const (
	sessionIdle     = 12 * time.Hour
	sessionLifetime = 7 * 24 * time.Hour
	seenEvery       = time.Minute
)

// tokenLength is that of session tokens and setup links: 32 bytes in base64.
const tokenLength = 43

// Keys of session data, beside db.SessionUser. Both are Unix seconds.
const (
	sessionBegan = "began"
	sessionSeen  = "seen"
)

// newSessions keeps sessions in the store, which hashes their tokens itself.
// Idle time is counted by this package: scs would write on every request.
func newSessions(store *db.Store) *scs.SessionManager {
	// scs.New would start a goroutine for a store in memory that nobody uses.
	return &scs.SessionManager{Store: store.Sessions(), Codec: db.SessionCodec{}, Lifetime: sessionLifetime}
}

// visitor is a person with a session.
type visitor struct {
	user  incident.User
	token string
}

// LoadSession finds out who makes the request and tells SetActor. Without a
// session that holds it does nothing. The user is read each time, so that
// disabling somebody, or another role, counts from the next request on.
func (s *Site) LoadSession(c echo.Context) error {
	token := s.sessionToken(c)
	if token == "" {
		return nil
	}
	ctx := c.Request().Context()
	user, session, err := s.sessionUser(ctx, token)
	if err != nil || session == nil {
		return err
	}
	now := s.Now()
	if now.Sub(seconds(s.Sessions.GetFloat(session, sessionSeen))).Abs() >= seenEvery {
		// Written at once, not after the handler: the session must not be
		// written back after a logout in another tab.
		s.Sessions.Put(session, sessionSeen, float64(now.Unix()))
		if _, _, err := s.Sessions.Commit(session); err != nil {
			return err
		}
		if err := s.Store.TouchUser(ctx, user.ID, now); err != nil {
			return err
		}
	}
	set(c, visitorKey, &visitor{user: user, token: token})
	SetActor(c, incident.Actor{Kind: "user", UserID: user.ID, Email: user.Email, Name: user.Name, Role: user.Role, Address: c.RealIP()})
	return nil
}

// sessionUser is the user of a session and its data; session is nil when there
// is no such session or it holds no longer. ctx must not hold a session.
func (s *Site) sessionUser(ctx context.Context, token string) (user incident.User, session context.Context, err error) {
	session, err = s.Sessions.Load(ctx, token)
	if err != nil {
		return user, nil, err
	}
	id := s.Sessions.GetString(session, db.SessionUser)
	if id == "" {
		return user, nil, nil
	}
	now := s.Now()
	if now.Sub(seconds(s.Sessions.GetFloat(session, sessionBegan))) >= sessionLifetime ||
		now.Sub(seconds(s.Sessions.GetFloat(session, sessionSeen))) >= sessionIdle {
		return user, nil, s.Sessions.Destroy(session)
	}
	user, err = s.Store.User(ctx, id)
	switch {
	case incident.CodeOf(err) == incident.NotFound:
		return user, nil, nil
	case err != nil:
		return user, nil, err
	case !user.DisabledAt.IsZero():
		return user, nil, nil
	}
	return user, session, nil
}

func seconds(f float64) time.Time { return time.Unix(int64(f), 0) }

func (s *Site) sessionToken(c echo.Context) string {
	cookies := c.Request().CookiesNamed(s.cookie(c, "session", "", 0).Name)
	// Two of one name: somebody who controls a neighbouring host set one of them.
	if len(cookies) != 1 || len(cookies[0].Value) != tokenLength {
		return ""
	}
	return cookies[0].Value
}

// CurrentUser is the person who is logged in, or nil.
func CurrentUser(c echo.Context) *incident.User {
	if v, ok := c.Request().Context().Value(visitorKey).(*visitor); ok {
		return &v.user
	}
	return nil
}

// SessionHash is the stored form of the request's session, which
// Service.ChangePassword takes to keep it. "" without a session.
func SessionHash(c echo.Context) string {
	if v, ok := c.Request().Context().Value(visitorKey).(*visitor); ok {
		return db.SessionHash(v.token)
	}
	return ""
}

// startSession logs a person in: always with a new token, so that one planted
// before the login is worth nothing.
func (s *Site) startSession(c echo.Context, user incident.User) error {
	ctx := c.Request().Context()
	if err := s.endSession(c); err != nil {
		return err
	}
	session, err := s.Sessions.Load(ctx, "")
	if err != nil {
		return err
	}
	now := s.Now()
	s.Sessions.Put(session, db.SessionUser, user.ID)
	s.Sessions.Put(session, sessionBegan, float64(now.Unix()))
	s.Sessions.Put(session, sessionSeen, float64(now.Unix()))
	s.Sessions.SetDeadline(session, now.Add(sessionLifetime))
	token, _, err := s.Sessions.Commit(session)
	if err != nil {
		return err
	}
	if err := s.Store.TouchUser(ctx, user.ID, now); err != nil {
		return err
	}
	c.SetCookie(s.cookie(c, "session", token, int(sessionLifetime/time.Second)))
	return nil
}

// endSession deletes the session the browser sent, if any.
func (s *Site) endSession(c echo.Context) error {
	token := s.sessionToken(c)
	if token == "" {
		return nil
	}
	session, err := s.Sessions.Load(c.Request().Context(), token)
	if err != nil {
		return err
	}
	return s.Sessions.Destroy(session)
}

// LoginPage is GET /login.
func (s *Site) LoginPage(c echo.Context) error {
	next := SafeNext(c.QueryParam("next"))
	if CurrentUser(c) != nil {
		return c.Redirect(http.StatusSeeOther, next)
	}
	return Render(c, http.StatusOK, views.Login(views.LoginPage{Frame: s.Frame(c, "Log in", ""), Next: next}))
}

// Login is POST /login.
func (s *Site) Login(c echo.Context) error {
	form, err := ReadForm(c, "email", "password", "next")
	if err != nil {
		return err
	}
	next := SafeNext(form.Get("next"))

	user, err := s.Service.LogIn(c.Request().Context(), form.Raw("email"), form.Raw("password"), c.RealIP())

	if refused := (*incident.Error)(nil); errors.As(err, &refused) && refused.Code == incident.Unauthorized {
		return Render(c, http.StatusUnprocessableEntity, views.Login(views.LoginPage{
			Frame: s.Frame(c, "Log in", ""), Email: form.Get("email"), Next: next, Error: refused.Message,
		}))
	}
	if err != nil {
		return err
	}

	if err := s.startSession(c, user); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, next)
}

// Logout is POST /logout.
func (s *Site) Logout(c echo.Context) error {
	if err := s.endSession(c); err != nil {
		return err
	}
	c.SetCookie(s.cookie(c, "session", "", -1))
	c.Response().Header().Set("Clear-Site-Data", `"cache", "storage"`)
	return c.Redirect(http.StatusSeeOther, "/login")
}

// SetupPage is GET /setup: the one-time link that the server prints when there
// is no admin yet.
func (s *Site) SetupPage(c echo.Context) error {
	token := c.QueryParam("token")
	if err := s.Service.CheckSetup(c.Request().Context(), token); err != nil {
		return s.setupGone(c, token, err)
	}
	return Render(c, http.StatusOK, views.Setup(s.setupPage(c, token)))
}

// Setup is POST /setup. Of two browsers with the same link one makes the admin;
// the other is told that the link is used.
func (s *Site) Setup(c echo.Context) error {
	form, err := ReadForm(c, "token", "email", "name", "password")
	if err != nil {
		return err
	}
	token := form.Raw("token")

	user, err := s.Service.FirstAdmin(c.Request().Context(), token, form.Raw("email"), form.Get("name"), form.Raw("password"), c.RealIP())

	if _, fields, _ := Refusal(err); incident.CodeOf(err) == incident.Invalid {
		page := s.setupPage(c, token)
		page.Name, page.Email = form.Get("name"), form.Get("email")
		page.NameError, page.EmailError, page.PasswordError = fields["name"], fields["email"], fields["password"]
		return Render(c, http.StatusUnprocessableEntity, views.Setup(page))
	}
	if err != nil {
		return s.setupGone(c, token, err)
	}

	if err := s.startSession(c, user); err != nil {
		return err
	}
	s.Flash(c, "ok", "You are the first admin of this Drawbridge.")
	return c.Redirect(http.StatusSeeOther, "/")
}

func (s *Site) setupPage(c echo.Context, token string) views.SetupPage {
	return views.SetupPage{Frame: s.Frame(c, "First admin", ""), Token: token, MinPassword: incident.MinPassword}
}

// setupGone says of a link that is over, used or unknown that it is gone, with
// status 410. Other errors stay errors.
func (s *Site) setupGone(c echo.Context, token string, err error) error {
	page := s.setupPage(c, "")
	switch incident.CodeOf(err) {
	case incident.Conflict:
		page.State = "used"
	case incident.NotFound:
		page.State = "expired"
		if len(token) != tokenLength {
			page.State = "unknown"
		}
	default:
		return err
	}
	return Render(c, http.StatusGone, views.Setup(page))
}

// SafeNext is next if it is a path of this site, else "/". A browser reads
// "//host", "/\host" and "/<tab>/host" as another host, and who decodes the path
// once more must find none of these either.
func SafeNext(next string) string {
	path, _, _ := strings.Cut(next, "?")
	decoded, err := url.PathUnescape(path)
	if err != nil || len(next) > 2000 || !isPath(next) || !isPath(decoded) {
		return "/"
	}
	return next
}

func isPath(s string) bool {
	return strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f })
}
