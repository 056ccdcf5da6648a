package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// SettingsPage is GET /settings, which redirects to the first tab that the person may open.
func (s *Site) SettingsPage(c echo.Context) error {
	if Actor(c).Role.Includes(incident.Admin) {
		return c.Redirect(http.StatusSeeOther, "/settings/users")
	}
	return c.Redirect(http.StatusSeeOther, "/settings/me")
}

// UsersPage is GET /settings/users. ?new=1 opens the form for a new user, and
// ?edit={id} the form for an existing one.
func (s *Site) UsersPage(c echo.Context) error {
	q, err := ReadQuery(c, "new", "edit")
	if err != nil {
		return err
	}
	page, err := s.usersPage(c, q.Get("edit"))
	if err != nil {
		return err
	}
	page.New = q.Get("new") != "" && page.EditID == ""
	return Render(c, http.StatusOK, views.SettingsUsers(page))
}

// usersPage is the page with the form of the user edit open, or with none for "".
func (s *Site) usersPage(c echo.Context, edit string) (views.SettingsUsersPage, error) {
	users, err := s.Store.Users(c.Request().Context())
	if err != nil {
		return views.SettingsUsersPage{}, err
	}
	isAdmin := func(u incident.User) bool { return u.Role == incident.Admin && u.DisabledAt.IsZero() }
	admins := 0
	for _, u := range users {
		if isAdmin(u) {
			admins++
		}
	}
	page := views.SettingsUsersPage{Frame: s.Frame(c, "Users", "settings")}
	for _, u := range users {
		page.Rows = append(page.Rows, views.UserRow{
			ID: u.ID, Name: u.Name, Email: u.Email, Role: string(u.Role), Me: u.ID == Actor(c).UserID, Disabled: !u.DisabledAt.IsZero(),
			LastSeenAt: s.When(c, u.LastSeenAt), CreatedAt: s.When(c, u.CreatedAt), LastAdmin: admins == 1 && isAdmin(u),
			Invited: u.PasswordHash == "",
		})
		if u.ID == edit {
			page.EditID, page.Name, page.Email, page.Role = u.ID, u.Name, u.Email, string(u.Role)
		}
	}
	if edit != "" && page.EditID == "" {
		return page, &incident.Error{Code: incident.NotFound, Message: "There is no such user."}
	}
	return page, nil
}

// InviteUser is POST /settings/users. Only this answer shows the link.
func (s *Site) InviteUser(c echo.Context) error {
	form, err := ReadForm(c, "name", "email", "role")
	if err != nil {
		return err
	}

	token, user, err := s.Service.InviteUser(c.Request().Context(), Actor(c), form.Get("email"), form.Get("name"), incident.Role(form.Get("role")))

	if _, fields, ok := Refusal(err); ok {
		page, err := s.usersPage(c, "")
		if err != nil {
			return err
		}
		page.New, page.Errors = true, fields
		page.Name, page.Email, page.Role = form.Get("name"), form.Get("email"), form.Get("role")
		return Render(c, http.StatusUnprocessableEntity, views.SettingsUsers(page))
	}
	if err != nil {
		return err
	}
	return s.showLink(c, token, user)
}

// LinkUser is POST /settings/users/:id/link: a new one-time link to set a password.
// Only this answer shows it.
func (s *Site) LinkUser(c echo.Context) error {
	token, user, err := s.Service.NewPasswordLink(c.Request().Context(), Actor(c), c.Param("id"))
	if _, _, refused := Refusal(err); refused {
		return s.finish(c, err, "/settings/users", "")
	}
	if err != nil {
		return err
	}
	return s.showLink(c, token, user)
}

func (s *Site) showLink(c echo.Context, token string, user incident.User) error {
	page, err := s.usersPage(c, "")
	if err != nil {
		return err
	}
	page.Link, page.LinkFor, page.LinkUntil = s.base(c)+"/setup?token="+token, user.Email, s.When(c, s.Now().Add(incident.InvitationFor))
	return Render(c, http.StatusOK, views.SettingsUsers(page))
}

// SaveUser is POST /settings/users/:id.
func (s *Site) SaveUser(c echo.Context) error {
	form, err := ReadForm(c, "name", "role")
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	user, err := s.Store.User(ctx, c.Param("id"))
	if err != nil {
		return err
	}

	said := "Nothing was changed."
	if form.Get("name") != user.Name {
		said = "The name was changed."
		err = s.Service.SetName(ctx, Actor(c), user.ID, form.Get("name"))
	}
	// Setting a role ends the user's sessions, so set it only if it changes.
	if role := incident.Role(form.Get("role")); err == nil && role != user.Role {
		said = user.Email + " is " + string(role) + " now and has to log in again."
		err = s.Service.SetRole(ctx, Actor(c), user.ID, role)
	}

	if message, fields, ok := Refusal(err); ok {
		page, err := s.usersPage(c, user.ID)
		if err != nil {
			return err
		}
		if len(fields) == 0 { // this is the only admin
			fields = map[string]string{"role": message}
		}
		page.Errors, page.Name, page.Role = fields, form.Get("name"), form.Get("role")
		return Render(c, http.StatusUnprocessableEntity, views.SettingsUsers(page))
	}
	if err != nil {
		return err
	}

	return s.done(c, "/settings/users", said)
}

// DisableUser is POST /settings/users/:id/disable.
func (s *Site) DisableUser(c echo.Context) error {
	return s.switchUser(c, true, "The user was disabled and logged out everywhere.")
}

// EnableUser is POST /settings/users/:id/enable.
func (s *Site) EnableUser(c echo.Context) error {
	return s.switchUser(c, false, "The user was enabled and can log in again.")
}

func (s *Site) switchUser(c echo.Context, disabled bool, said string) error {
	ctx := c.Request().Context()
	err := s.Service.SetDisabled(ctx, Actor(c), c.Param("id"), disabled)
	if err == nil && disabled {
		said, err = s.tokensLeft(ctx, c.Param("id"), said)
	}
	return s.finish(c, err, "/settings/users", said)
}

// tokensLeft adds to said how many API tokens of a user still work. They
// belong to scripts, which must not stop because someone left, so an admin decides.
func (s *Site) tokensLeft(ctx context.Context, userID, said string) (string, error) {
	user, err := s.Store.User(ctx, userID)
	if err != nil {
		return said, err
	}
	tokens, err := s.Store.Tokens(ctx)
	n := 0
	for _, t := range tokens {
		if t.CreatedBy == user.Email && t.RevokedAt.IsZero() && !t.Expired(s.Now()) {
			n++
		}
	}
	if n > 0 {
		said += " " + views.Plural(n, "API token", "API tokens") + " they created still work. Review them under API tokens."
	}
	return said, err
}

// tokenDays is the choice of the form for a new token.
const tokenDays = 365

// TokensPage is GET /settings/tokens. ?new=1 opens the form.
func (s *Site) TokensPage(c echo.Context) error {
	q, err := ReadQuery(c, "new")
	if err != nil {
		return err
	}
	page, err := s.tokensPage(c)
	if err != nil {
		return err
	}
	page.Open, page.ScopeWrite, page.Days = q.Get("new") != "", true, tokenDays
	return Render(c, http.StatusOK, views.SettingsTokens(page))
}

func (s *Site) tokensPage(c echo.Context) (views.SettingsTokensPage, error) {
	tokens, err := s.Store.Tokens(c.Request().Context())
	if err != nil {
		return views.SettingsTokensPage{}, err
	}
	page := views.SettingsTokensPage{Frame: s.Frame(c, "API tokens", "settings")}
	for _, t := range tokens {
		page.Rows = append(page.Rows, views.TokenRow{
			ID: t.ID, Name: t.Name, Scopes: t.Scopes, CreatedBy: t.CreatedBy,
			CreatedAt: s.When(c, t.CreatedAt), LastUsedAt: s.When(c, t.LastUsedAt), RevokedAt: s.When(c, t.RevokedAt),
			EndsIn: t.Suffix, ExpiresAt: s.When(c, t.ExpiresAt), Expired: t.Expired(s.Now()),
		})
	}
	return page, nil
}

// CreateToken is POST /settings/tokens. Only this answer shows the token.
func (s *Site) CreateToken(c echo.Context) error {
	form, scopes, err := readTokenForm(c)
	if err != nil {
		return err
	}

	days, err := form.Int("days")
	if err != nil {
		return err
	}

	plain, token, err := s.Service.CreateToken(c.Request().Context(), Actor(c), form.Get("name"), scopes, int(days))

	_, fields, refused := Refusal(err)
	if err != nil && !refused {
		return err
	}

	page, err := s.tokensPage(c)
	if err != nil {
		return err
	}
	if refused {
		page.Open, page.Name, page.Errors = true, form.Get("name"), map[string]string{"name": fields["name"], "scope": fields["scopes"], "days": fields["days"]}
		page.Days = int(days)
		page.ScopeWrite, page.ScopeRead = slices.Contains(scopes, incident.ScopeIncidentsWrite), slices.Contains(scopes, incident.ScopeRead)
		page.ScopeRaw, page.ScopeMetrics = slices.Contains(scopes, incident.ScopeEventsRaw), slices.Contains(scopes, incident.ScopeMetrics)
		return Render(c, http.StatusUnprocessableEntity, views.SettingsTokens(page))
	}
	page.New, page.NewName = plain, token.Name
	if page.Example, err = s.tokenExample(c, plain, token.Scopes); err != nil {
		return err
	}
	return Render(c, http.StatusOK, views.SettingsTokens(page))
}

// tokenExample is a command that tries a new token as it stands: it lists incidents, or
// opens one or reads metrics if the token can't. It is "" if there is no runbook to open
// one with.
func (s *Site) tokenExample(c echo.Context, token string, scopes []string) (string, error) {
	curl := "curl -H " + shellQuote("Authorization: Bearer "+token) + " "
	url := shellQuote(s.base(c) + "/api/v1/incidents")
	switch {
	case slices.Contains(scopes, incident.ScopeRead):
		return curl + url, nil
	case slices.Contains(scopes, incident.ScopeIncidentsWrite):
	case slices.Contains(scopes, incident.ScopeMetrics):
		return curl + shellQuote(s.base(c)+"/metrics"), nil
	default:
		return "", nil
	}
	runbooks, err := s.Store.Runbooks(c.Request().Context(), false)
	i := slices.IndexFunc(runbooks, func(r db.RunbookRow) bool { return r.DisabledAt.IsZero() })
	if err != nil || i < 0 {
		return "", err
	}
	body := map[string]any{"runbook": runbooks[i].Name, "name": "Try the API"}
	vars := map[string]string{}
	for _, v := range runbooks[i].Variables {
		if v.Required && v.Default == "" {
			vars[v.Name] = sampleValue(v)
		}
	}
	if len(vars) > 0 {
		body["vars"] = vars
	}
	text, err := json.Marshal(body)
	return curl + "-H 'Content-Type: application/json' -d " + shellQuote(string(text)) + " " + url, err
}

// sampleValue is a value that a variable of a runbook accepts.
func sampleValue(v incident.Variable) string {
	switch {
	case len(v.Choices) > 0:
		return v.Choices[0]
	case v.Type == "number":
		return "1"
	case v.Type == "date":
		return "2026-01-31"
	}
	return "test"
}

// readTokenForm takes the checkboxes, which share a name, out of the form before
// ReadForm reads the rest.
func readTokenForm(c echo.Context) (form Form, scopes []string, err error) {
	body, err := readBody(c, maxForm)
	if err != nil {
		return form, nil, err
	}
	values, err := url.ParseQuery(string(body))
	if err != nil || len(values["scope"]) > 10 {
		return form, nil, BadRequest("Drawbridge can’t read the form.")
	}
	scopes = values["scope"]
	values.Del("scope")
	c.Request().Body = io.NopCloser(bytes.NewReader([]byte(values.Encode())))
	form, err = ReadForm(c, "name", "days")
	return form, scopes, err
}

// RevokeToken is POST /settings/tokens/:id/revoke.
func (s *Site) RevokeToken(c echo.Context) error {
	err := s.Service.RevokeToken(c.Request().Context(), Actor(c), c.Param("id"))
	return s.finish(c, err, "/settings/tokens", "The token was revoked. Requests with it are rejected from now on.")
}

// MePage is GET /settings/me.
func (s *Site) MePage(c echo.Context) error { return s.showMe(c, http.StatusOK, "", nil) }

// showMe renders the user's own account. name is what was typed, "" for the stored name.
func (s *Site) showMe(c echo.Context, status int, name string, problems map[string]string) error {
	user := CurrentUser(c)
	sessions, err := s.Store.SessionCount(c.Request().Context(), user.ID)
	if err != nil {
		return err
	}
	page := views.SettingsMePage{
		Frame: s.Frame(c, "My account", "settings"), Name: user.Name, Email: user.Email, Role: string(user.Role),
		Sessions: sessions, Errors: problems,
	}
	if name != "" {
		page.Name = name
	}
	return Render(c, status, views.SettingsMe(page))
}

// SaveMe is POST /settings/me.
func (s *Site) SaveMe(c echo.Context) error {
	form, err := ReadForm(c, "name")
	if err != nil {
		return err
	}

	err = s.Service.SetName(c.Request().Context(), Actor(c), Actor(c).UserID, form.Get("name"))

	if _, fields, ok := Refusal(err); ok {
		return s.showMe(c, http.StatusUnprocessableEntity, form.Get("name"), fields)
	}
	if err != nil {
		return err
	}

	return s.done(c, "/settings/me", "Your name was saved.")
}

// ChangePassword is POST /settings/me/password. It ends all other sessions of the user.
func (s *Site) ChangePassword(c echo.Context) error {
	form, err := ReadForm(c, "username", "current_password", "new_password", "new_password_again")
	if err != nil {
		return err
	}
	if form.Raw("new_password") != form.Raw("new_password_again") {
		return s.showMe(c, http.StatusUnprocessableEntity, "", map[string]string{"new_password_again": "The new passwords don’t match."})
	}

	err = s.Service.ChangePassword(c.Request().Context(), Actor(c), form.Raw("current_password"), form.Raw("new_password"), s.sessionToken(c))

	if _, fields, ok := Refusal(err); ok {
		return s.showMe(c, http.StatusUnprocessableEntity, "", map[string]string{
			"current_password": fields["old_password"], "new_password": fields["new_password"],
		})
	}
	if err != nil {
		return err
	}

	return s.done(c, "/settings/me", "The password was changed. Other browsers were logged out.")
}

// EndOtherSessions is POST /settings/me/sessions.
func (s *Site) EndOtherSessions(c echo.Context) error {
	if err := s.Service.EndOtherSessions(c.Request().Context(), Actor(c), s.sessionToken(c)); err != nil {
		return err
	}
	return s.done(c, "/settings/me", "The other browsers were logged out.")
}

// AboutPage is GET /settings/about.
func (s *Site) AboutPage(c echo.Context) error {
	sizes, err := s.Store.Sizes(c.Request().Context())
	if err != nil {
		return err
	}
	page := views.SettingsAboutPage{
		Frame: s.Frame(c, "About", "settings"), Version: s.Version, GoVersion: runtime.Version(),
		Database: "SQLite", DBVersion: sizes.Version, DBSize: views.Bytes(sizes.Bytes), PublicURL: s.PublicURL,
		Counts: []views.KeyValue{
			{Key: "Events", Value: manyOf(sizes.Events)},
			{Key: "Incidents", Value: views.Count(int(sizes.Incidents))},
			{Key: "Bridges", Value: views.Count(int(sizes.Bridges))},
		},
	}
	if sizes.Engine == "postgres" {
		page.Database = "PostgreSQL"
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				page.Revision = setting.Value
			}
		}
	}
	return Render(c, http.StatusOK, views.SettingsAbout(page))
}

// manyOf writes a count, which db.Sizes stops just above a million.
func manyOf(n int64) string { return views.Capped(int(min(n, 1_000_000)), n > 1_000_000) }
