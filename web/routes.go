package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/static"
)

// Route is one line of the route table, the only place where an address is registered: the middleware, the golden
// matrix of roles, and the tests in a browser go by it.
type Route struct {
	Kind         Kind
	Method, Path string
	Need         Need
	Handler      echo.HandlerFunc
}

// Kind is what a route is for.
type Kind string

const (
	Page    Kind = "page"    // a person looks at it
	Form    Kind = "form"    // a page of ours posts it; one from elsewhere is refused
	Part    Kind = "part"    // a page fetches it: a stream, a piece of the page, a file
	Program Kind = "program" // a program calls it: there is no session, and errors are problem details
	Signed  Kind = "signed"  // a program that no token names: what it sends is signed, so it may come from anywhere
)

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

// routes is every address of the site, what it is for, and who may use it. HEAD goes with GET.
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
		{Program, GET, "/livez", Public, s.Livez},
		{Program, GET, "/readyz", Public, s.Readyz},
		{Program, GET, "/metrics", Need{scope: incident.ScopeRead, loopback: true}, m.metrics.serve},
		{Program, GET, static.Prefix + "*", Public, echo.WrapHandler(static.Handler())},

		{Signed, POST, "/webhook", Public, s.Webhook},

		{Program, POST, "/api/v1/incidents", write, s.OpenIncident},
		{Program, POST, "/api/v1/incidents/:number/resolve", write, s.ResolveIncident},
		{Program, GET, "/api/v1/incidents", read, s.ListIncidents},
		{Program, GET, "/api/v1/incidents/:number", read, s.GetIncident},
		{Program, GET, "/api/v1/bridges", read, s.ListBridges},
		{Program, GET, "/api/v1/events", read, s.ListEvents},
		{Program, GET, "/api/v1/events/export", read, s.ExportAPI},
		{Program, GET, "/api/v1/events/:id/raw", read, s.RawEvent},
		{Program, GET, "/api/v1/runbooks", read, s.ListRunbooks},

		{Page, GET, "/login", Public, s.LoginPage},
		{Form, POST, "/login", Public, s.Login},
		{Form, POST, "/logout", Public, s.Logout},
		{Page, GET, "/setup", Public, s.SetupPage},
		{Form, POST, "/setup", Public, s.Setup},

		{Part, GET, "/live", viewer, s.Stream},
		{Page, GET, "/j/:key", Public, s.JoinPage}, // with a session, or the key of the link

		{Page, GET, "/", viewer, s.Overview},
		{Page, GET, "/incidents", viewer, s.IncidentsPage},
		{Page, GET, "/incidents/:number", viewer, s.IncidentPage},
		{Form, POST, "/incidents/:number/resolve", responder, s.ResolveIncidentForm},
		{Form, POST, "/incidents/:number/reopen", responder, s.ReopenIncidentForm},
		{Form, POST, "/incidents/:number/steps/:id/run", responder, s.RunStep},
		{Page, GET, "/runbooks/:id/run", responder, s.RunForm},
		{Form, POST, "/runbooks/:id/run", responder, s.Run},
		{Page, GET, "/bridges", viewer, s.BridgesPage},
		{Form, POST, "/bridges/:id/retry", responder, s.RetryBridge},
		{Form, POST, "/bridges/:id/link", responder, s.UseLink},
		{Form, POST, "/bridges/:id/start", responder, s.StartBridge},
		{Page, GET, "/events", viewer, s.EventsPage},
		{Part, GET, "/events/tail", viewer, s.EventTail},
		{Form, POST, "/events/filters", responder, s.SaveFilter},
		{Form, POST, "/events/filters/:id/delete", responder, s.DeleteFilter},
		{Page, GET, "/events/export", viewer, s.ExportEvents},
		{Part, GET, "/events/exports/:key", viewer, s.ExportProgress},
		{Form, POST, "/events/exports/:key/cancel", viewer, s.CancelExport},
		{Page, GET, "/events/:id", viewer, s.EventsPage},
		{Part, GET, "/events/:id/raw", admin, s.EventRaw},
		{Form, POST, "/events/:id/reprocess", admin, s.ReprocessEvent},

		{Page, GET, "/account", viewer, s.AccountPage},
		{Form, POST, "/account", admin, s.SaveAccount},
		{Form, POST, "/account/check", admin, s.CheckAccount},
		{Form, POST, "/account/gaps", admin, s.FindGaps},
		{Page, GET, "/runbooks", viewer, s.RunbooksPage},
		{Form, POST, "/runbooks", admin, s.CreateRunbook},
		{Page, GET, "/runbooks/new", admin, s.NewRunbookPage},
		{Form, POST, "/runbooks/preview", admin, s.PreviewRunbook},
		{Page, GET, "/runbooks/:id", viewer, s.RunbookPage},
		{Form, POST, "/runbooks/:id", admin, s.SaveRunbook},
		{Form, POST, "/runbooks/:id/duplicate", admin, s.DuplicateRunbook},
		{Form, POST, "/runbooks/:id/enable", admin, s.EnableRunbook},
		{Form, POST, "/runbooks/:id/disable", admin, s.DisableRunbook},
		{Form, POST, "/runbooks/:id/delete", admin, s.DeleteRunbook},
		{Page, GET, "/settings", viewer, s.SettingsPage},
		{Page, GET, "/settings/users", admin, s.UsersPage},
		{Form, POST, "/settings/users", admin, s.CreateUser},
		{Form, POST, "/settings/users/:id", admin, s.SaveUser},
		{Form, POST, "/settings/users/:id/password", admin, s.ResetPassword},
		{Form, POST, "/settings/users/:id/disable", admin, s.DisableUser},
		{Form, POST, "/settings/users/:id/enable", admin, s.EnableUser},
		{Page, GET, "/settings/tokens", admin, s.TokensPage},
		{Form, POST, "/settings/tokens", admin, s.CreateToken},
		{Form, POST, "/settings/tokens/:id/revoke", admin, s.RevokeToken},
		{Page, GET, "/settings/audit", admin, s.AuditPage},
		{Page, GET, "/settings/retention", admin, s.RetentionPage},
		{Form, POST, "/settings/retention", admin, s.SaveRetention},
		{Form, POST, "/settings/retention/preview", admin, s.PreviewRetention},
		{Page, GET, "/settings/me", viewer, s.MePage},
		{Form, POST, "/settings/me", viewer, s.SaveMe},
		{Form, POST, "/settings/me/password", viewer, s.ChangePassword},
		{Form, POST, "/settings/me/sessions", viewer, s.EndOtherSessions},
		{Page, GET, "/settings/about", viewer, s.AboutPage},
	}
	if cfg.Simulator != nil {
		// Its links to join must work for everybody, as Zoom's do.
		simulator := echo.WrapHandler(http.MaxBytesHandler(cfg.Simulator, 256<<10))
		table = append(table,
			Route{Part, GET, "/simulator/*", Public, simulator},
			Route{Form, POST, "/simulator/*", Public, simulator},
		)
	}
	return table
}
