package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/static"
)

// Route is one line of the route table.
type Route struct {
	Method, Path string
	Need         Need
	Handler      echo.HandlerFunc
}

// Need is who may use a route.
type Need struct {
	role     incident.Role // a person with at least this role
	scope    string        // an API token with this scope
	loopback bool          // or a client on this machine
}

// Public is for everybody.
var Public = Need{}

// Session is for people who are logged in and may do what role may.
func Session(role incident.Role) Need { return Need{role: role} }

// Scope is for API tokens.
func Scope(scope string) Need { return Need{scope: scope} }

// String is how the golden matrix names a Need.
func (n Need) String() string {
	switch {
	case n.role != "":
		return "session:" + string(n.role)
	case n.loopback:
		return "loopback or scope:" + n.scope
	case n.scope != "":
		return "scope:" + n.scope
	}
	return "public"
}

// routes is every address of the site, and who may use it. HEAD goes with GET.
func routes(cfg Config, m *middleware) []Route {
	const (
		GET  = http.MethodGet
		POST = http.MethodPost
	)
	var (
		s         = cfg.Site
		viewer    = Session(incident.Viewer)
		responder = Session(incident.Responder)
		admin     = Session(incident.Admin)
		read      = Scope(incident.ScopeRead)
		write     = Scope(incident.ScopeIncidentsWrite)
	)
	table := []Route{
		{GET, "/livez", Public, s.Livez},
		{GET, "/readyz", Public, s.Readyz},
		{GET, "/metrics", Need{scope: incident.ScopeRead, loopback: true}, m.metrics.serve},
		{GET, static.Prefix + "*", Public, echo.WrapHandler(static.Handler())},

		{POST, "/webhook", Public, s.Webhook}, // signed by Zoom

		{POST, "/api/v1/incidents", write, s.OpenIncident},
		{POST, "/api/v1/incidents/:number/resolve", write, s.ResolveIncident},
		{GET, "/api/v1/incidents", read, s.ListIncidents},
		{GET, "/api/v1/incidents/:number", read, s.GetIncident},
		{GET, "/api/v1/bridges", read, s.ListBridges},
		{GET, "/api/v1/events", read, s.ListEvents},
		{GET, "/api/v1/events/export", read, s.ExportAPI},
		{GET, "/api/v1/events/:id/raw", read, s.RawEvent},
		{GET, "/api/v1/runbooks", read, s.ListRunbooks},

		{GET, "/login", Public, s.LoginPage},
		{POST, "/login", Public, s.Login},
		{POST, "/logout", Public, s.Logout},
		{GET, "/setup", Public, s.SetupPage},
		{POST, "/setup", Public, s.Setup},

		{GET, "/live", viewer, s.Stream},
		{GET, "/j/:key", Public, s.JoinPage}, // with a session, or the key of the link

		{GET, "/", viewer, s.Overview},
		{GET, "/incidents", viewer, s.IncidentsPage},
		{GET, "/incidents/:number", viewer, s.IncidentPage},
		{POST, "/incidents/:number/resolve", responder, s.ResolveIncidentForm},
		{POST, "/incidents/:number/reopen", responder, s.ReopenIncidentForm},
		{POST, "/incidents/:number/steps/:id/run", responder, s.RunStep},
		{GET, "/runbooks/:id/run", responder, s.RunForm},
		{POST, "/runbooks/:id/run", responder, s.Run},
		{GET, "/bridges", viewer, s.BridgesPage},
		{POST, "/bridges/:id/retry", responder, s.RetryBridge},
		{POST, "/bridges/:id/link", responder, s.UseLink},
		{POST, "/bridges/:id/start", responder, s.StartBridge},
		{GET, "/events", viewer, s.EventsPage},
		{GET, "/events/tail", viewer, s.EventTail},
		{POST, "/events/filters", responder, s.SaveFilter},
		{POST, "/events/filters/:id/delete", responder, s.DeleteFilter},
		{GET, "/events/export", viewer, s.ExportEvents},
		{GET, "/events/exports/:key", viewer, s.ExportProgress},
		{POST, "/events/exports/:key/cancel", viewer, s.CancelExport},
		{GET, "/events/:id", viewer, s.EventsPage},
		{GET, "/events/:id/raw", admin, s.EventRaw},
		{POST, "/events/:id/reprocess", admin, s.ReprocessEvent},

		{GET, "/account", viewer, s.AccountPage},
		{POST, "/account", admin, s.SaveAccount},
		{POST, "/account/check", admin, s.CheckAccount},
		{POST, "/account/gaps", admin, s.FindGaps},
		{GET, "/runbooks", viewer, s.RunbooksPage},
		{POST, "/runbooks", admin, s.CreateRunbook},
		{GET, "/runbooks/new", admin, s.NewRunbookPage},
		{POST, "/runbooks/preview", admin, s.PreviewRunbook},
		{GET, "/runbooks/:id", viewer, s.RunbookPage},
		{POST, "/runbooks/:id", admin, s.SaveRunbook},
		{POST, "/runbooks/:id/duplicate", admin, s.DuplicateRunbook},
		{POST, "/runbooks/:id/enable", admin, s.EnableRunbook},
		{POST, "/runbooks/:id/disable", admin, s.DisableRunbook},
		{POST, "/runbooks/:id/delete", admin, s.DeleteRunbook},
		{GET, "/settings", viewer, s.SettingsPage},
		{GET, "/settings/users", admin, s.UsersPage},
		{POST, "/settings/users", admin, s.CreateUser},
		{POST, "/settings/users/:id", admin, s.SaveUser},
		{POST, "/settings/users/:id/password", admin, s.ResetPassword},
		{POST, "/settings/users/:id/disable", admin, s.DisableUser},
		{POST, "/settings/users/:id/enable", admin, s.EnableUser},
		{GET, "/settings/tokens", admin, s.TokensPage},
		{POST, "/settings/tokens", admin, s.CreateToken},
		{POST, "/settings/tokens/:id/revoke", admin, s.RevokeToken},
		{GET, "/settings/audit", admin, s.AuditPage},
		{GET, "/settings/retention", admin, s.RetentionPage},
		{POST, "/settings/retention", admin, s.SaveRetention},
		{POST, "/settings/retention/preview", admin, s.PreviewRetention},
		{GET, "/settings/me", viewer, s.MePage},
		{POST, "/settings/me", viewer, s.SaveMe},
		{POST, "/settings/me/password", viewer, s.ChangePassword},
		{POST, "/settings/me/sessions", viewer, s.EndOtherSessions},
		{GET, "/settings/about", viewer, s.AboutPage},
	}
	if cfg.Simulator != nil {
		// Its links to join must work for everybody, as Zoom's do.
		simulator := echo.WrapHandler(http.MaxBytesHandler(cfg.Simulator, 256<<10))
		table = append(table,
			Route{GET, "/simulator/*", Public, simulator},
			Route{POST, "/simulator/*", Public, simulator},
		)
	}
	return table
}
