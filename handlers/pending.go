package handlers

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

// sendPending answers with an incident that is not in the database yet. It has no number
// and no page.
func (s *Site) sendPending(c echo.Context, status int, p incident.Pending) error {
	b := p.Bridge()
	bridge := s.apiBridge(b)
	r := p.Request
	out := apiIncident{
		apiBrief: apiBrief{
			Status: string(incident.StatusOpen), CreatedAt: apiTime(r.OpenedAt), Warnings: words.Pending(p.Saved),
			Steps: []apiStepRun{}, Bridges: []apiBriefBridge{bridge.apiBriefBridge},
		},
		Name: r.Name, Severity: r.Severity, Type: r.Type, Description: r.Description, OpenerEmail: incident.CanonicalEmail(r.OpenerEmail),
		DedupKey: r.DedupKey, Vars: r.Vars, Bridges: []apiBridge{bridge},
	}
	if out.Vars == nil {
		out.Vars = map[string]string{}
	}
	if !slices.Contains(tokenOf(c).Scopes, incident.ScopeRead) {
		return c.JSON(status, out.apiBrief)
	}
	return c.JSON(status, out)
}

// showPending shows an incident that is not in the database yet.
func (s *Site) showPending(c echo.Context, p incident.Pending) error {
	b := p.Bridge()
	return Render(c, http.StatusOK, views.Pending(views.PendingPage{
		Frame: s.Frame(c, p.Request.Name, "incidents"), Name: p.Request.Name, Severity: p.Request.Severity, Warnings: words.Pending(p.Saved),
		JoinURL: b.JoinURL, LinkHost: linkHost(b.JoinURL), LinkName: cmp.Or(b.LinkName, linkHost(b.JoinURL)), PIN: b.Passcode, DialIn: dialIn(b),
		FormURL: runPath(p.Request.RunbookID) + "?form=" + p.Request.FormKey,
	}))
}

func runPath(runbookID string) string { return "/runbooks/" + runbookID + "/run" }
