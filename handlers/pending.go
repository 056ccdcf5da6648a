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
		Runbook: r.RunbookName, Name: r.Name, Severity: r.Severity, Type: r.Type, Description: r.Description, OpenerEmail: incident.CanonicalEmail(r.OpenerEmail),
		DedupKey: r.DedupKey, Vars: r.Vars, Bridges: []apiBridge{bridge},
	}
	if out.Vars == nil {
		out.Vars = map[string]string{}
	}
	return sendAPI(c, status, out, nil)
}

// showPending shows an incident that is not in the database yet.
func (s *Site) showPending(c echo.Context, p incident.Pending) error {
	b := p.Bridge()
	actor := Actor(c)
	actor.Recalled = true // this page reads nothing from the database
	SetActor(c, actor)
	frame := s.Frame(c, p.Request.Name, "incidents")
	frame.Banner = nil // the page says it
	return Render(c, http.StatusOK, views.Pending(views.PendingPage{
		Frame: frame, Name: p.Request.Name, Severity: p.Request.Severity, Warnings: words.Pending(p.Saved),
		JoinURL: b.JoinURL, LinkHost: incident.LinkHost(b.JoinURL), LinkName: cmp.Or(b.LinkName, incident.LinkHost(b.JoinURL)), PIN: b.Passcode, DialIn: dialIn(b),
		FormURL: pendingPath(p),
	}))
}

// runFromMemory shows the form that opens an incident while the database doesn't answer.
// id is that of the runbook, "" for any.
func (s *Site) runFromMemory(c echo.Context, id string) error {
	known := s.Service.KnownRunbooks()
	at := slices.IndexFunc(known, func(r incident.Runbook) bool { return r.ID == id || id == "" })
	if at < 0 {
		return incident.ErrNoAnswer
	}
	page := s.rememberedPage(c, known[at])
	s.fillRun(c, &page)
	return Render(c, http.StatusOK, views.Run(page))
}

// rememberedPage is the form while the database doesn't answer.
func (s *Site) rememberedPage(c echo.Context, r incident.Runbook) views.RunPage {
	page := s.runFields(c, r)
	for _, k := range s.Service.KnownRunbooks() {
		page.Runbooks = append(page.Runbooks, views.Choice{Value: k.ID, Label: k.Name, Selected: k.ID == r.ID})
	}
	names := staticNames(s.Service.KnownLinks())
	page.NoBridges = "The database doesn’t answer. The incident gets a static link (" + names + "), and Drawbridge stores it as soon as the database accepts it."
	page.FromMemory, page.Automatic, page.Manual = true, []string{words.StepInstead("", names)}, nil
	return page
}

// OpenFromMemory is where the user can open an incident although this request failed, ""
// if that is not known to work.
func (s *Site) OpenFromMemory(c echo.Context, status int) string {
	if status != http.StatusServiceUnavailable || !Actor(c).Role.Includes(incident.Responder) || len(s.Service.KnownRunbooks()) == 0 {
		return ""
	}
	return newIncidentPath
}

// pendingPath leads to an incident that is not in the database yet, and to its page once it is.
func pendingPath(p incident.Pending) string { return newIncidentPath + "?form=" + p.Request.FormKey }
