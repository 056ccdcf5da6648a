package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// tokenLength is the length of session tokens and of tokens in setup links: 32 bytes in base64.
const tokenLength = 43

// LoadSession finds the user of the request's session and calls SetActor. Without a
// valid session it does nothing. While the database doesn't answer, a session that was used
// lately is valid, and the Actor is Recalled. An urgent request can be answered from memory.
func (s *Site) LoadSession(c echo.Context, urgent bool) error {
	user, recalled, err := s.Service.RecallUser(c.Request().Context(), s.sessionToken(c), urgent)
	if err != nil || user.ID == "" {
		return err
	}
	set(c, userKey, &user)
	SetActor(c, incident.Actor{Kind: incident.ActorUser, UserID: user.ID, Email: user.Email, Name: user.Name, Role: user.Role, Address: c.RealIP(), Recalled: recalled})
	return nil
}

// sessionToken is the session token in the request's cookie, "" for none.
func (s *Site) sessionToken(c echo.Context) string {
	cookies := c.Request().CookiesNamed(s.cookie(c, "session", "", 0).Name)
	// Of two cookies with the same name, an attacker on a neighboring host set one.
	if len(cookies) != 1 || len(cookies[0].Value) != tokenLength {
		return ""
	}
	return cookies[0].Value
}

// CurrentUser is the user who is logged in, or nil.
func CurrentUser(c echo.Context) *incident.User {
	user, _ := c.Request().Context().Value(userKey).(*incident.User)
	return user
}

// startSession logs a user in and ends the previous session of the browser.
func (s *Site) startSession(c echo.Context, user incident.User) error {
	ctx := c.Request().Context()
	if err := s.Service.EndSession(ctx, s.sessionToken(c)); err != nil {
		return err
	}
	token, err := s.Service.StartSession(ctx, user)
	if err != nil {
		return err
	}
	c.SetCookie(s.cookie(c, "session", token, int(incident.SessionLifetime/time.Second)))
	return nil
}

// LoginPage is GET /login.
func (s *Site) LoginPage(c echo.Context) error {
	next := SafeNext(c.QueryParam("next"))
	if CurrentUser(c) != nil {
		return c.Redirect(http.StatusSeeOther, next)
	}
	page := views.LoginPage{Frame: s.Frame(c, "Log in", ""), Next: next}
	if strings.HasPrefix(next, "/j/") { // JoinPage sends people here without saying whether the incident exists
		page.Note = "This link is incomplete or no longer valid. Copy it again, or log in."
	}
	page.NoAdmin = s.noAdmin(c)
	return Render(c, http.StatusOK, views.Login(page))
}

// noAdmin reports whether there is no admin yet. If the database can't say, logging in
// fails with the reason.
func (s *Site) noAdmin(c echo.Context) bool {
	n, err := s.Store.CountAdmins(c.Request().Context())
	return err == nil && n == 0
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
			Frame: s.Frame(c, "Log in", ""), Email: form.Get("email"), Next: next, Error: refused.Message, NoAdmin: s.noAdmin(c),
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
	if err := s.Service.EndSession(c.Request().Context(), s.sessionToken(c)); err != nil {
		return err
	}
	c.SetCookie(s.cookie(c, "session", "", -1))
	c.Response().Header().Set("Clear-Site-Data", `"cache", "storage"`)
	return c.Redirect(http.StatusSeeOther, "/login")
}

// SetupPage is GET /setup: the one-time link that the server prints when there is no
// admin yet, or the link with which an invited user sets a password.
func (s *Site) SetupPage(c echo.Context) error {
	token := c.QueryParam("token")
	invited, err := s.Service.CheckSetup(c.Request().Context(), token)
	if err != nil {
		return s.setupGone(c, token, invited, err)
	}
	return Render(c, http.StatusOK, views.Setup(s.setupPage(c, token, invited)))
}

// Setup is POST /setup. If two browsers use the same link, one sets the password and
// the other learns that the link was used.
func (s *Site) Setup(c echo.Context) error {
	form, err := ReadForm(c, "token", "email", "name", "password")
	if err != nil {
		return err
	}
	ctx, token := c.Request().Context(), form.Raw("token")
	invited, err := s.Service.CheckSetup(ctx, token)
	if err != nil {
		return s.setupGone(c, token, invited, err)
	}

	var user incident.User
	said := "Your password was set."
	if invited.ID != "" {
		user, err = s.Service.Join(ctx, token, form.Raw("password"), c.RealIP())
	} else {
		said = "You are the first admin of this Drawbridge."
		user, err = s.Service.FirstAdmin(ctx, token, form.Raw("email"), form.Get("name"), form.Raw("password"), c.RealIP())
	}

	if _, fields, _ := Refusal(err); incident.CodeOf(err) == incident.Invalid {
		page := s.setupPage(c, token, invited)
		page.Name, page.Email = form.Get("name"), form.Get("email")
		page.NameError, page.EmailError, page.PasswordError = fields["name"], fields["email"], fields["password"]
		return Render(c, http.StatusUnprocessableEntity, views.Setup(page))
	}
	if err != nil {
		return s.setupGone(c, token, invited, err)
	}

	if err := s.startSession(c, user); err != nil {
		return err
	}
	return s.done(c, "/", said)
}

func (s *Site) setupPage(c echo.Context, token string, invited incident.User) views.SetupPage {
	title := "First admin"
	if invited.ID != "" {
		title = "Set your password"
	}
	return views.SetupPage{Frame: s.Frame(c, title, ""), Token: token, Invited: invited.Email, MinPassword: incident.MinPassword}
}

// setupGone shows that a setup link is expired, used or unknown, with
// status 410. It returns other errors.
func (s *Site) setupGone(c echo.Context, token string, invited incident.User, err error) error {
	page := s.setupPage(c, "", invited)
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
// "//host", "/\host" and "/<tab>/host" as another host, so none of these may appear
// after another round of decoding either.
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
