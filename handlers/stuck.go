package handlers

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

const stuckPath = "/unstored"

// StuckPage is GET /unstored: the incidents that were opened while the database didn't answer and
// can't be stored.
func (s *Site) StuckPage(c echo.Context) error {
	page := views.StuckPage{Frame: s.Frame(c, "Incidents that can’t be stored", "overview")}
	for _, p := range s.Service.StuckIncidents() {
		page.Rows = append(page.Rows, s.stuckRow(c, p))
	}
	return Render(c, http.StatusOK, views.Stuck(page))
}

func (s *Site) stuckRow(c echo.Context, p incident.Pending) views.StuckRow {
	r := p.Request
	row := views.StuckRow{
		ID: p.ID, Name: cmp.Or(r.Name, "The link of a stored incident"), Why: words.Stuck(string(p.Not.Code), p.Not.Fields), Description: r.Description, Saved: p.Saved,
		Tries: fmt.Sprintf("Tried %s, next at %s.", views.Plural(p.Not.Failures, "time", "times"), s.When(c, p.Not.TryAt).Clock),
		Facts: []views.KeyValue{{Key: "Opened", When: s.When(c, r.OpenedAt)}, {Key: "By", Value: p.Actor.Email}, {Key: "Link that people got", Value: incident.LinkHost(r.Given.URL)}},
	}
	if r.RunbookName == "" {
		if runbook, err := s.Store.Runbook(c.Request().Context(), r.RunbookID); err == nil {
			r.RunbookName = runbook.Name
		}
	}
	if row.Runbooks = slices.Contains(p.Not.Fields, "runbook"); row.Runbooks {
		row.Why = words.StuckRunbook
	}
	for _, kv := range []views.KeyValue{
		{Key: "Runbook", Value: cmp.Or(r.RunbookName, r.RunbookID)}, {Key: "Severity", Value: r.Severity}, {Key: "Type", Value: r.Type},
		{Key: "Opener", Value: r.OpenerEmail}, {Key: "Deduplication key", Value: r.DedupKey}, {Key: "Bridge", Value: p.BridgeID},
	} {
		if kv.Value != "" {
			row.Facts = append(row.Facts, kv)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Vars)) {
		row.Facts = append(row.Facts, views.KeyValue{Key: name, Value: r.Vars[name]})
	}
	return row
}

// TryStuck is POST /unstored/:id/try.
func (s *Site) TryStuck(c echo.Context) error {
	stored, err := s.Service.TryPending(c.Request().Context(), Actor(c), c.Param("id"))
	if err == nil && !stored {
		s.Flash(c, views.LevelWarning, "The incident still can’t be stored.")
		return c.Redirect(http.StatusSeeOther, stuckPath)
	}
	return s.finish(c, err, stuckPath, "The incident is stored.")
}

// DiscardStuck is POST /unstored/:id/discard.
func (s *Site) DiscardStuck(c echo.Context) error {
	return s.finish(c, s.Service.DiscardPending(c.Request().Context(), Actor(c), c.Param("id")), stuckPath, "The incident was discarded.")
}

// unstored are the incidents of this server's journal, newest first.
func (s *Site) unstored(c echo.Context) (rows []views.UnstoredRow) {
	for _, p := range slices.Backward(s.Service.Unstored()) {
		row := views.UnstoredRow{
			Name: p.Request.Name, Severity: p.Request.Severity, OpenedAt: s.When(c, p.Request.OpenedAt), Stuck: p.Stuck(),
			LinkName: cmp.Or(p.Request.Given.Name, incident.LinkHost(p.Request.Given.URL)), JoinURL: p.Request.Given.URL,
		}
		switch {
		case !Actor(c).Role.Includes(incident.Responder):
		case !row.Stuck:
			row.Href = pendingPath(p)
		case Actor(c).Role.Includes(incident.Admin):
			row.Href = stuckPath
		}
		rows = append(rows, row)
	}
	return rows
}

// UnstoredOnError are these incidents for the page that says that the database doesn't answer.
func (s *Site) UnstoredOnError(c echo.Context, status int) []views.UnstoredRow {
	if status != http.StatusServiceUnavailable || CurrentUser(c) == nil {
		return nil
	}
	return s.unstored(c)
}

// addStuck says on Overview that incidents can't be stored.
func (s *Site) addStuck(c echo.Context, page *views.OverviewPage) {
	n := len(s.Service.StuckIncidents())
	if n == 0 {
		return
	}
	need := views.Need{Level: views.LevelBad, Text: views.Plural(n, "incident that was opened while the database didn’t answer", "incidents that were opened while the database didn’t answer") + " can’t be stored."}
	if Actor(c).Role.Includes(incident.Admin) {
		need.LinkText, need.Href = "View", stuckPath
	}
	page.Needs = append([]views.Need{need}, page.Needs...)
}
