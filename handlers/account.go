package handlers

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

// The ways to connect, as the form names them.
const (
	serverToServer = "server_to_server"
	webhookOnly    = "webhook_only"
	jwtApp         = "jwt"
)

var authMethods = []string{serverToServer, webhookOnly, jwtApp}

// AccountPage is GET /account. ?auth= chooses the tab.
func (s *Site) AccountPage(c echo.Context) error {
	q, err := ReadQuery(c, "auth")
	if err != nil {
		return err
	}
	stored, err := s.Store.Account(c.Request().Context())
	if err != nil {
		return err
	}
	page, err := s.accountPage(c, stored)
	if err != nil {
		return err
	}
	if auth := q.Get("auth"); slices.Contains(authMethods, auth) {
		page.Auth = auth
	}
	return Render(c, http.StatusOK, views.Account(page))
}

// SaveAccount is POST /account. It also checks the connection.
func (s *Site) SaveAccount(c echo.Context) error {
	form, err := ReadForm(c, "auth", "account_id", "client_id", "client_secret", "app_id", "api_key", "api_secret", "backup_user_emails", "standby_meetings", "storm_limit",
		"webhook_secret_token_1", "webhook_secret_token_2", "keep_webhook_secret_token_1", "cluster", "version", "op")
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	stored, err := s.Store.Account(ctx)
	if err != nil {
		return err
	}
	said, err := accountForm(form, stored)
	if err != nil {
		return err
	}

	changed, err := s.Service.SaveAccount(ctx, Actor(c), said)

	if message, fields, ok := Refusal(err); ok {
		if incident.CodeOf(err) == incident.Conflict { // someone saved since we read it
			if stored, err = s.Store.Account(ctx); err != nil {
				return err
			}
		}
		return s.refuseAccount(c, stored, form, said, message, fields)
	}
	if err != nil {
		return err
	}

	level, text := views.LevelOK, "Nothing was changed."
	switch {
	case len(said.Remove) > 0 && len(changed) == 1:
		text = "The older secret token was removed."
	case stored.Auth == "":
		text = "The account was saved."
	case len(changed) > 0:
		text = "Saved: " + strings.Join(changedFields(changed), ", ") + "."
	}
	report, err := s.Service.CheckConnection(ctx, Actor(c))
	if err != nil {
		s.Log.Warn("saved the Zoom account but could not check the connection", "id", RequestID(c), "error", err)
		level, text = views.LevelWarning, text+" Drawbridge couldn’t check the connection."
	} else {
		// Before Zoom has validated the address, that is the next step and not a problem.
		problems := slices.DeleteFunc(report.Lines, func(f incident.Finding) bool { return f.Level.Fine() || f.Code == incident.FoundNotValidated })
		if len(problems) > 0 {
			level, text = views.LevelWarning, text+" The check found "+views.Plural(len(problems), "problem", "problems")+"."
		} else {
			if said.Auth != webhookOnly { // such an app has nothing to check
				text += " The check found nothing wrong."
			}
			if stored.WebhookValidatedAt.IsZero() {
				text += " Next, validate the webhook address in Zoom."
			}
		}
	}
	s.Flash(c, level, text)
	return c.Redirect(http.StatusSeeOther, "/account")
}

// accountForm is the form as the service takes it. The values of the tabs that are
// not shown stay as they are, so that one can move to Server-to-Server OAuth and keep
// the rest.
func accountForm(form Form, stored incident.Account) (incident.AccountForm, error) {
	version, err := form.Int("version")
	f := incident.AccountForm{
		Auth: form.Get("auth"), ZoomAccountID: stored.ZoomAccountID, ClientID: stored.ClientID, APIKey: stored.APIKey,
		Cluster: stored.Cluster, BackupUsers: stored.BackupUsers, Version: version,
		Secrets: map[incident.SecretName]string{},
	}
	if f.Auth != webhookOnly {
		f.Cluster, f.BackupUsers = form.Get("cluster"), fieldsOf(form.Get("backup_user_emails"), ",;\n")
		f.StandbyMeetings, f.StormLimit = formCount(form, "standby_meetings"), formCount(form, "storm_limit")
	}
	switch f.Auth {
	case webhookOnly:
	case jwtApp:
		f.APIKey = form.Get("api_key")
	default:
		f.ZoomAccountID, f.ClientID = form.Get("account_id"), form.Get("client_id")
		if form.Has("app_id") {
			appID := form.Get("app_id")
			f.AppID = &appID
		}
	}
	for _, name := range incident.SecretNames {
		f.Secrets[name] = strings.TrimSpace(form.Raw(string(name)))
	}
	if form.Get("op") == "remove_webhook_secret_token_2" {
		f.Remove = []incident.SecretName{incident.WebhookToken2}
		delete(f.Secrets, incident.WebhookToken2)
	} else if typed := f.Secrets[incident.WebhookToken1]; typed != "" && form.Has("keep_webhook_secret_token_1") && f.Secrets[incident.WebhookToken2] == "" {
		// The current token becomes the older one. It goes back to the store, which seals it, and nowhere else.
		if present := stored.Secrets[incident.WebhookToken1].Value.Reveal(); present != typed {
			f.Secrets[incident.WebhookToken2] = present
		}
	}
	return f, err
}

// formCount is a number in the form, nil if the form lacks it. What is no number is
// refused like one that is too small.
func formCount(form Form, name string) *int {
	if !form.Has(name) {
		return nil
	}
	n, err := strconv.Atoi(cmp.Or(form.Get(name), "0"))
	if err != nil {
		n = -1
	}
	return &n
}

// refuseAccount shows the form again with what was typed, except for secrets:
// the page says which of them have to be typed again.
func (s *Site) refuseAccount(c echo.Context, stored incident.Account, form Form, said incident.AccountForm, message string, fields map[string]string) error {
	page, err := s.accountPage(c, stored)
	if err != nil {
		return err
	}
	page.Errors = map[string]string{}
	for _, name := range incident.SecretNames {
		if form.Raw(string(name)) != "" {
			page.Errors[string(name)] = "Enter it again. It wasn’t saved, and Drawbridge never sends secrets back to a page."
		}
	}
	maps.Copy(page.Errors, fields)
	if slices.Contains(authMethods, said.Auth) {
		page.Auth = said.Auth
	}
	page.AccountID, page.ClientID, page.APIKey = said.ZoomAccountID, said.ClientID, said.APIKey
	if said.AppID != nil {
		page.AppID = *said.AppID
	}
	page.BackupUsers, page.Cluster = strings.Join(said.BackupUsers, "\n"), said.Cluster
	if said.StandbyMeetings != nil {
		page.StandbyMeetings, page.StormLimit = form.Get("standby_meetings"), form.Get("storm_limit")
	}
	switch {
	case said.Version != stored.Version: // the form comes back with the current version, so that the person may still save it
		page.Conflict = s.lastChange(c, "", incident.AuditAccountSave) + " Saving now replaces that change."
	case len(fields) == 0:
		page.Problem = message
	}
	return Render(c, http.StatusUnprocessableEntity, views.Account(page))
}

// CheckAccount is POST /account/check. htmx gets the result, and a browser without
// JavaScript the page.
func (s *Site) CheckAccount(c echo.Context) error {
	form, err := ReadForm(c, "email")
	if err != nil {
		return err
	}
	ctx := c.Request().Context()

	report, err := s.Service.CheckConnection(ctx, Actor(c), form.Get("email"))

	message, fields, refused := Refusal(err)
	// Before anything is saved, the report can't be stored.
	if err != nil && !refused && incident.CodeOf(err) != incident.NotFound {
		return err
	}
	stored, err := s.Store.Account(ctx)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if refused {
		status = http.StatusUnprocessableEntity
	} else {
		stored.Check = report
	}

	part := c.Request().Header.Get("HX-Request") != ""
	var page views.AccountPage
	if part {
		status = http.StatusOK // htmx ignores the answer otherwise
		page.Check = s.accountCheck(c, stored)
	} else if page, err = s.accountPage(c, stored); err != nil {
		return err
	}
	if refused {
		page.Check.Typed = form.Get("email")
		if page.Check.EmailErr = fields["email"]; page.Check.EmailErr == "" {
			page.Check.EmailErr = message
		}
	}
	if part {
		return Render(c, status, views.AccountChecked(page.Check, true))
	}
	return Render(c, status, views.Account(page))
}

func (s *Site) accountPage(c echo.Context, a incident.Account) (views.AccountPage, error) {
	health, err := s.deliveryHealth(c.Request().Context(), a)
	if err != nil {
		return views.AccountPage{}, err
	}
	a.Check.Lines = toldFindings(c, a.Check.Lines)
	page := views.AccountPage{
		Frame: s.Frame(c, "Zoom account", "account"),
		Auth:  string(a.Auth), InUse: string(a.Auth), AccountID: a.ZoomAccountID, ClientID: a.ClientID, AppID: a.AppID, APIKey: a.APIKey,
		ClientSecret: s.storedSecret(a, incident.ClientSecret), APISecret: s.storedSecret(a, incident.APISecret),
		WebhookToken1: s.storedSecret(a, incident.WebhookToken1), WebhookToken2: s.storedSecret(a, incident.WebhookToken2),
		BackupUsers: strings.Join(a.BackupUsers, "\n"), StandbyMeetings: strconv.Itoa(a.StandbyMeetings), StormLimit: strconv.Itoa(cmp.Or(a.StormLimit, incident.DefaultStormLimit)), Cluster: a.Cluster, Version: a.Version,
		CanEdit: Actor(c).Role.Includes(incident.Admin),
		Guide:   s.accountGuide(c), Check: s.accountCheck(c, a),
		Static: views.StaticLinksForm{Links: staticRows(a.StaticLinks), Version: a.Version},
	}
	if page.Hosts, err = s.hostLines(c.Request().Context(), a); err != nil {
		return views.AccountPage{}, err
	}
	if page.Auth == "" {
		page.Auth = serverToServer
	}
	page.Guide.ValidatedAt, page.Guide.LastEventAt = s.When(c, a.WebhookValidatedAt), s.When(c, health.LastEventAt)
	page.Gaps = s.deliveriesCard(c, a, health)
	if page.Health, err = s.healthPanel(c, a, health); page.Health != nil && !a.Report(s.Now()).At.IsZero() { // the report has it
		page.Health.Problems = s.healthProblems(c, slices.DeleteFunc(health.Lines, func(f incident.Finding) bool { return f.Topic == incident.TopicWebhook }))
	}
	return page, err
}

// storedSecret is what a page may say about a secret.
func (s *Site) storedSecret(a incident.Account, name incident.SecretName) views.StoredSecret {
	stored, ok := a.Secrets[name]
	if !ok {
		return views.StoredSecret{}
	}
	return views.StoredSecret{Set: true, EndsIn: stored.Value.Ending(), SetAgo: views.Ago(s.Now().Sub(stored.SetAt)), By: stored.SetBy}
}

func (s *Site) accountGuide(c echo.Context) views.AccountGuide {
	base := s.base(c)
	g := views.AccountGuide{WebhookURL: base + "/webhook"}
	if !s.Demo {
		g.WebhookURLError = unreachable(base)
	}
	for _, scope := range incident.SetupScopes() {
		g.Scopes = append(g.Scopes, views.AccountScope{Granular: scope.Granular, Classic: scope.Classic, For: words.Features(plain(scope.Features)), Optional: scope.Optional})
	}
	for _, e := range incident.SetupEvents() {
		g.Events = append(g.Events, views.AccountEvent{Event: e.Name, Name: e.Label, For: words.EventUse(e.Name)})
	}
	return g
}

// unreachable says why Zoom can't send events to base, the address of this server,
// or "" if nothing suggests that. Zoom requires https with a public certificate
// ("Webhooks", requirements of an endpoint).
func unreachable(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	why := ""
	ip, err := netip.ParseAddr(u.Hostname())
	switch {
	case u.Hostname() == "localhost", err == nil && (ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()):
		why = "which isn’t reachable from the internet"
	case u.Scheme != "https":
		why = "which isn’t encrypted"
	default:
		return ""
	}
	return fmt.Sprintf("This server’s address is %s, %s. Zoom needs a public https address. Set DRAWBRIDGE_PUBLIC_URL to one. To try it on your own machine, run “ngrok http %s” and use the address that it prints.", base, why, cmp.Or(u.Port(), "8080"))
}

// accountCheck is the account's report as the page shows it, which lists separately what
// the app may do and what was found about another user.
func (s *Site) accountCheck(c echo.Context, a incident.Account) views.AccountCheck {
	r := a.Report(s.Now())
	check := views.AccountCheck{CheckedAt: s.When(c, r.At), OnlyEvents: a.OnlyEvents(), Steps: s.accountSteps(c, a, r)}
	if i := slices.IndexFunc(r.Lines, func(f incident.Finding) bool { return f.Topic == incident.TopicPerson }); i >= 0 {
		check.Email, check.Typed = r.Lines[i].Email, r.Lines[i].Email
	}
	for _, f := range toldFindings(c, r.Lines) {
		switch {
		case f.Topic == incident.TopicScopes:
			check.Features = append(check.Features, scopeFeature(f))
		case check.Email != "" && f.Email == check.Email:
			check.Other = append(check.Other, s.toldLine(c, f))
		default:
			check.Lines = append(check.Lines, s.toldLine(c, f))
		}
	}
	return check
}

// accountSteps are the three steps to a working account, with their states.
func (s *Site) accountSteps(c echo.Context, a incident.Account, r incident.CheckReport) []views.AccountStep {
	connect := views.AccountStep{Title: "Connect", Level: views.LevelOK, Text: map[string]string{serverToServer: "Server-to-Server OAuth", webhookOnly: "Webhooks only", jwtApp: "JWT app"}[string(a.Auth)]}
	switch {
	case a.Auth == "":
		connect.Level, connect.Text = views.LevelUnknown, "No Zoom app yet"
	case !a.Connected() && !a.OnlyEvents():
		connect.Level, connect.Text = views.LevelBad, "Something is missing"
	}
	check := views.AccountStep{Title: "Check", Level: views.LevelUnknown, Text: "Not checked yet", At: s.When(c, r.At)}
	if a.OnlyEvents() {
		check = views.AccountStep{Title: "Check", Level: views.LevelNote, Text: "Doesn’t apply: the app can’t create meetings"}
	} else if !r.At.IsZero() {
		lines := slices.DeleteFunc(slices.Clone(r.Lines), func(f incident.Finding) bool { return f.Topic == incident.TopicWebhook })
		check.Level, check.Text = views.Level(incident.WorstLevel(lines)), "Nothing wrong"
		if n := len(slices.DeleteFunc(lines, func(f incident.Finding) bool { return f.Level.Fine() })); n > 0 {
			check.Text = views.Plural(n, "problem", "problems")
		}
	}
	webhook := views.AccountStep{Title: "Webhook", Level: views.LevelUnknown, Text: "Zoom hasn’t validated this address yet"}
	if !a.WebhookValidatedAt.IsZero() {
		webhook.Level, webhook.Text, webhook.At = views.Level(a.WebhookFinding(s.Now()).Level), "Zoom validated this address", s.When(c, a.WebhookValidatedAt)
	}
	return []views.AccountStep{connect, check, webhook}
}

// scopeFeature is a finding about scopes, with their names in both schemes if they are
// missing. If they are not, the app may have either classic or granular ones.
func scopeFeature(f incident.Finding) views.ScopeFeature {
	feature := views.ScopeFeature{Level: views.Level(f.Level), Feature: words.Feature(string(f.Feature)), Scope: strings.Join(f.Scopes, "\n")}
	for _, scope := range incident.SetupScopes() {
		if f.Level != incident.LevelOK && slices.Contains(f.Scopes, scope.Granular) {
			feature.Classic = scope.Classic
		}
	}
	return feature
}
