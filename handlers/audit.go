package handlers

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

const (
	auditShown    = 50 // rows on a page
	maxAuditWords = 20 // in a search
)

// AuditPage is GET /settings/audit.
func (s *Site) AuditPage(c echo.Context) error {
	q, err := ReadQuery(c, "q", "who", "action", "from", "to", "cursor")
	if err != nil {
		return err
	}
	page := views.SettingsAuditPage{
		Frame: s.Frame(c, "Audit trail", "settings"), Query: q.Get("q"), Who: q.Get("who"), From: q.Get("from"), To: q.Get("to"),
		Actions: []views.Choice{{Label: "Any action"}},
	}
	filter := db.AuditFilter{Actor: page.Who}
	filter.From, page.FromError = s.day(c, page.From, 0)
	filter.To, page.ToError = s.day(c, page.To, 1)
	if !filter.From.IsZero() && !filter.To.IsZero() && !filter.From.Before(filter.To) {
		page.ToError = dayBefore
	}
	for _, a := range words.AllAuditActions() {
		page.Actions = append(page.Actions, views.Choice{Value: a.Code, Label: a.Did, Selected: a.Code == q.Get("action")})
		if a.Code == q.Get("action") {
			filter.Actions = []incident.AuditAction{incident.AuditAction(a.Code)}
		}
	}
	if q.Get("action") != "" && len(filter.Actions) == 0 {
		return BadRequest("There is no such action.")
	}
	page.Filtered = page.Query+page.Who+page.From+page.To+q.Get("action") != ""
	for _, word := range strings.Fields(page.Query) {
		filter.Words = append(filter.Words, db.AuditWord{Text: word, Actions: words.AuditActions(word)})
	}
	if len(filter.Words) > maxAuditWords {
		return BadRequest("Search for fewer words.")
	}
	entries, err := s.Store.Audit(c.Request().Context(), filter, q.Raw("cursor"), auditShown)
	if err != nil {
		return err
	}
	for _, e := range entries.Items {
		page.Rows = append(page.Rows, s.auditRow(c, e))
	}
	page.Pager = pager(c, q.Raw("cursor"), entries.Next)
	return Render(c, http.StatusOK, views.SettingsAudit(page))
}

func (s *Site) auditRow(c echo.Context, e incident.AuditEntry) views.AuditRow {
	row := views.AuditRow{At: s.When(c, e.At), Who: words.Actor(string(e.ActorKind), e.Actor), From: e.Address}
	row.What, row.Subject = words.Audit(string(e.Action), e.Target)
	row.Changes = auditChanges(e.Changes)
	if e.ActorKind == incident.ActorCommandLine {
		row.From = "command line"
	}
	switch e.Action {
	case incident.AuditAccountSave:
		row.URL = "/account"
	case incident.AuditRetentionSave:
		row.URL = "/settings/retention"
	case incident.AuditIncidentResolved, incident.AuditIncidentReopened, incident.AuditIncidentEdit, incident.AuditIncidentNote, incident.AuditStepRun, incident.AuditBridgeUseLink, incident.AuditBridgeStart:
		if number, ok := incident.ParseKey(e.Target); ok {
			row.URL = incidentPath(number)
		}
	default: // the target is a name, which can look like the key of an incident
	}
	return row
}

func auditChanges(changes []incident.Change) (list []views.AuditChange) {
	for _, c := range changes {
		list = append(list, views.AuditChange{Field: words.Field(c.Field), Before: c.Before, After: c.After})
	}
	return list
}

// changedFields names the changed fields.
func changedFields(changes []incident.Change) (fields []string) {
	for _, c := range changes {
		if field := words.Field(c.Field); !slices.Contains(fields, field) {
			fields = append(fields, field)
		}
	}
	return fields
}
