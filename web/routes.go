package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/static"
)

// Route is one line of the route table. Addresses are registered nowhere else,
// and the middleware, the golden access matrix and the browser tests use this
// table.
type Route struct {
	Kind         Kind
	Method, Path string
	Need         Need
	Handler      echo.HandlerFunc
}

// Kind says what a route is for.
type Kind string

const (
	Page    Kind = "page"    // a page that people look at
	Form    Kind = "form"    // our own pages post to it; requests from other sites are rejected
	Part    Kind = "part"    // our pages load it: a stream, a part of a page or a file
	Program Kind = "program" // programs call it: no session, and errors are problem details
	Signed  Kind = "signed"  // programs call it without a token; the requests are signed, so they may come from anywhere
)

// Need says who may use a route.
type Need struct {
	role     incident.Role // a session of a user with at least this role
	scope    string        // an API token with this scope
	loopback bool          // clients on this machine need no token
	recalled bool          // it works from memory while the database doesn't answer
	streams  bool          // the answer may take as long as it wants
	freely   bool          // the token is not limited: a call for help is answered, however many there are
}

// Public lets everyone in.
var Public = Need{}

// joinPath is the page for which nobody needs a session, and which works from memory.
const joinPath = "/j/:key"

// routes returns all routes of the site. New also registers HEAD for every GET.
func routes(cfg Config, m *middleware) []Route {
	const (
		GET  = http.MethodGet
		POST = http.MethodPost
	)
	var (
		s         = cfg.Site
		viewer    = Need{role: incident.Viewer}
		responder = Need{role: incident.Responder}
		looker    = Need{role: incident.Viewer, recalled: true}
		opener    = Need{role: incident.Responder, recalled: true}
		admin     = Need{role: incident.Admin}
		follower  = Need{role: incident.Viewer, streams: true}
		read      = Need{scope: incident.ScopeRead}
		reader    = Need{scope: incident.ScopeRead, streams: true}
		write     = Need{scope: incident.ScopeIncidentsWrite}
		alerts    = Need{scope: incident.ScopeIncidentsWrite, recalled: true, freely: true}
		raw       = Need{scope: incident.ScopeEventsRaw}
	)
	table := []Route{
		{Program, GET, "/livez", Public, s.Livez},
		{Program, GET, "/readyz", Public, s.Readyz},
		{Program, GET, "/metrics", Need{scope: incident.ScopeMetrics, loopback: true}, m.metrics.serve},
		{Program, GET, static.Prefix + "*", Public, echo.WrapHandler(static.Handler())},

		{Signed, POST, "/webhook", Public, s.Webhook},

		{Program, POST, "/api/v1/incidents", alerts, s.OpenIncident},
		{Program, POST, "/api/v1/incidents/:number", write, s.EditIncident},
		{Program, POST, "/api/v1/incidents/:number/resolve", write, s.ResolveIncident},
		{Program, POST, "/api/v1/incidents/:number/steps/:id/run", write, s.RunStep},
		{Program, POST, "/api/v1/incidents/:number/steps/:id/tick", write, s.TickStep},
		{Program, POST, "/api/v1/incidents/:number/notes", write, s.AddNote},
		{Program, GET, "/api/v1/incidents", read, s.ListIncidents},
		{Program, GET, "/api/v1/incidents/:number", read, s.GetIncident},
		{Program, GET, "/api/v1/bridges", read, s.ListBridges},
		{Program, GET, "/api/v1/events", read, s.ListEvents},
		{Program, GET, "/api/v1/events/export", reader, s.ExportAPI},
		{Program, GET, "/api/v1/events/:id/raw", raw, s.RawEvent},
		{Program, GET, "/api/v1/runbooks", read, s.ListRunbooks},
		{Program, GET, "/api/v1/openapi.json", Public, s.OpenAPI},

		{Page, GET, "/login", Public, s.LoginPage},
		{Form, POST, "/login", Public, s.Login},
		{Form, POST, "/logout", Public, s.Logout},
		{Page, GET, "/setup", Public, s.SetupPage},
		{Form, POST, "/setup", Public, s.Setup},

		{Part, GET, "/live", follower, s.Stream},
		{Page, GET, joinPath, Public, s.JoinPage}, // needs a session or the key of the link

		{Page, GET, "/", viewer, s.Overview},
		{Page, GET, "/search", viewer, s.SearchPage},
		{Page, GET, "/incidents", viewer, s.IncidentsPage},
		{Page, GET, "/incidents/new", opener, s.NewIncident},
		{Page, GET, "/incidents/:number", looker, s.IncidentPage},
		{Page, GET, "/incidents/:number/edit", responder, s.EditPage},
		{Form, POST, "/incidents/:number/edit", responder, s.EditIncidentForm},
		{Form, POST, "/incidents/:number/resolve", responder, s.ResolveIncidentForm},
		{Form, POST, "/incidents/:number/reopen", responder, s.ReopenIncidentForm},
		{Form, POST, "/incidents/:number/notes", responder, s.AddNoteForm},
		{Form, POST, "/incidents/:number/steps/:id/tick", responder, s.TickStepForm},
		{Form, POST, "/incidents/:number/steps/:id/run", responder, s.RunStepForm},
		{Page, GET, "/runbooks/:id/run", opener, s.RunForm},
		{Form, POST, "/runbooks/:id/run", opener, s.Run},
		{Page, GET, "/bridges", viewer, s.BridgesPage},
		{Part, GET, "/bridges/export", follower, s.ExportBridges},
		{Page, GET, "/bridges/left-over", viewer, s.LeftoversPage},
		{Form, POST, "/bridges/left-over", admin, s.SweepNow},
		{Part, GET, "/bridges/:id/attendance", viewer, s.ExportAttendance},
		{Form, POST, "/bridges/:id/retry", responder, s.RetryBridge},
		{Form, POST, "/bridges/:id/look", responder, s.LookNow},
		{Form, POST, "/bridges/:id/link", responder, s.UseLink},
		{Form, POST, "/bridges/:id/move", responder, s.MoveBridge},
		{Form, POST, "/bridges/:id/again", responder, s.StartAgain},
		{Form, POST, "/bridges/:id/end", responder, s.EndCall},
		{Form, POST, "/bridges/:id/fix", responder, s.FixBridge},
		{Form, POST, "/bridges/:id/start", responder, s.StartBridge},
		{Page, GET, "/events", viewer, s.EventsPage},
		{Part, GET, "/events/tail", viewer, s.EventTail},
		{Form, POST, "/events/filters", responder, s.SaveFilter},
		{Form, POST, "/events/filters/:id/delete", responder, s.DeleteFilter},
		{Page, GET, "/events/export", follower, s.ExportEvents},
		{Part, GET, "/events/exports/:key", viewer, s.ExportProgress},
		{Form, POST, "/events/exports/:key/cancel", viewer, s.CancelExport},
		{Page, GET, "/events/:id", viewer, s.EventsPage},
		{Part, GET, "/events/:id/raw", admin, s.RawEvent},
		{Form, POST, "/events/:id/reprocess", admin, s.ReprocessEvent},

		{Page, GET, "/account", viewer, s.AccountPage},
		{Form, POST, "/account", admin, s.SaveAccount},
		{Form, POST, "/account/check", admin, s.CheckAccount},
		{Form, POST, "/account/links", admin, s.SaveStaticLinks},
		{Form, POST, "/account/gaps", admin, s.FindGaps},
		{Page, GET, "/preflight", viewer, s.PreflightPage},
		{Form, POST, "/preflight/check", admin, s.CheckPreflight},
		{Form, POST, "/preflight/on-call", admin, s.SaveOnCall},
		{Page, GET, "/preflight/fix", admin, s.PreflightFixPage},
		{Form, POST, "/preflight/fix", admin, s.FixPreflight},
		{Page, GET, "/unstored", admin, s.StuckPage},
		{Form, POST, "/unstored/:id/try", admin, s.TryStuck},
		{Form, POST, "/unstored/:id/discard", admin, s.DiscardStuck},
		{Page, GET, "/drills", viewer, s.DrillsPage},
		{Form, POST, "/drills", admin, s.RunDrill},
		{Form, POST, "/drills/schedule", admin, s.SaveDrillPlan},
		{Page, GET, "/runbooks", viewer, s.RunbooksPage},
		{Form, POST, "/runbooks", admin, s.CreateRunbook},
		{Page, GET, "/runbooks/new", admin, s.NewRunbookPage},
		{Form, POST, "/runbooks/sample", admin, s.SampleRunbook},
		{Form, POST, "/runbooks/preview", admin, s.PreviewRunbook},
		{Page, GET, "/runbooks/yaml", admin, s.NewRunbookYAMLPage},
		{Form, POST, "/runbooks/yaml", admin, s.CreateRunbookYAML},
		{Page, GET, "/runbooks/:id", viewer, s.RunbookPage},
		{Form, POST, "/runbooks/:id", admin, s.SaveRunbook},
		{Page, GET, "/runbooks/:id/yaml", viewer, s.RunbookYAMLPage},
		{Form, POST, "/runbooks/:id/yaml", admin, s.SaveRunbookYAML},
		{Part, GET, "/runbooks/:id/export", viewer, s.ExportRunbook},
		{Page, GET, "/runbooks/:id/versions", viewer, s.RunbookVersionsPage},
		{Page, GET, "/runbooks/:id/versions/:version", viewer, s.RunbookVersionPage},
		{Form, POST, "/runbooks/:id/versions/:version/bring-back", admin, s.BringBackVersion},
		{Form, POST, "/runbooks/:id/duplicate", admin, s.DuplicateRunbook},
		{Form, POST, "/runbooks/:id/enable", admin, s.EnableRunbook},
		{Form, POST, "/runbooks/:id/disable", admin, s.DisableRunbook},
		{Form, POST, "/runbooks/:id/delete", admin, s.DeleteRunbook},
		{Page, GET, "/settings", viewer, s.SettingsPage},
		{Page, GET, "/settings/users", admin, s.UsersPage},
		{Form, POST, "/settings/users", admin, s.InviteUser},
		{Form, POST, "/settings/users/:id", admin, s.SaveUser},
		{Form, POST, "/settings/users/:id/link", admin, s.LinkUser},
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
		// Join links of the simulator must work for everyone, as Zoom's do.
		simulator := echo.WrapHandler(http.MaxBytesHandler(cfg.Simulator, 256<<10))
		table = append(table,
			Route{Part, GET, "/simulator/*", Public, simulator},
			Route{Form, POST, "/simulator/*", Public, simulator},
		)
	}
	return table
}
