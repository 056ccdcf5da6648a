package handlers

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

const (
	auditShown  = 50   // rows of a page, at least, when there are so many
	auditLooked = 5000 // rows a search looks at before it asks to go on
)

// AuditPage is GET /settings/audit.
func (s *Site) AuditPage(c echo.Context) error {
	q, err := ReadQuery(c, "q", "cursor")
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	page := views.SettingsAuditPage{Frame: s.Frame(c, "Audit trail", "settings"), Query: q.Get("q")}
	tokens, err := s.tokenNames(ctx)
	if err != nil {
		return err
	}
	cursor := q.Raw("cursor")
	for looked := 0; looked < auditLooked && len(page.Rows) < auditShown; looked += auditShown {
		entries, err := s.Store.Audit(ctx, cursor, auditShown)
		if err != nil {
			return err
		}
		for _, e := range entries.Items {
			if row := s.auditRow(c, e, tokens); matches(row, page.Query) {
				page.Rows = append(page.Rows, row)
			}
		}
		if cursor = entries.Next; cursor == "" {
			break
		}
	}

	p := pager(c, q.Raw("cursor"), cursor)
	page.NextURL, page.FirstURL = p.Older, p.Newer
	return Render(c, http.StatusOK, views.SettingsAudit(page))
}

// tokenNames maps ids of tokens, by which the trail knows them, to names.
func (s *Site) tokenNames(ctx context.Context) (map[string]string, error) {
	tokens, err := s.Store.Tokens(ctx)
	names := make(map[string]string, len(tokens))
	for _, t := range tokens {
		names[t.ID] = t.Name
	}
	return names, err
}

// matches reports whether all words of a search stand in a row.
func matches(r views.AuditRow, search string) bool {
	text := strings.ToLower(r.Who + " " + r.What + " " + r.Subject)
	for _, word := range strings.Fields(strings.ToLower(search)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// auditWords says what was done to the target that stands behind them.
var auditWords = map[string]string{
	"account.save":         "changed the",
	"runbook.create":       "created runbook",
	"runbook.update":       "changed runbook",
	"runbook.enable":       "enabled runbook",
	"runbook.disable":      "disabled runbook",
	"runbook.delete":       "deleted runbook",
	"incident.open":        "opened incident",
	"incident.resolved":    "resolved",
	"incident.reopened":    "reopened",
	"step.run":             "ran a step of",
	"bridge.use_link":      "gave a link for the bridge of",
	"bridge.start":         "started the bridge of",
	"event.reprocess":      "had an event read again,",
	"retention.save":       "changed the retention of",
	"token.create":         "made token",
	"token.revoke":         "revoked token",
	"user.first_admin":     "became the first admin,",
	"user.create":          "added user",
	"user.set_role":        "changed the role of",
	"user.set_name":        "changed the name of",
	"user.enable":          "enabled",
	"user.disable":         "disabled",
	"user.reset_password":  "set a new password for",
	"user.change_password": "changed the password of",
	"user.end_sessions":    "ended other sessions of",
}

func (s *Site) auditRow(c echo.Context, e incident.AuditEntry, tokens map[string]string) views.AuditRow {
	row := views.AuditRow{At: s.When(c, e.At), Who: e.Actor, What: auditWords[e.Action], Subject: e.Target, From: e.Address, Changes: auditChanges(e.Before, e.After)}
	if row.What == "" {
		row.What = strings.NewReplacer(".", " ", "_", " ").Replace(e.Action)
	}
	if e.ActorKind == "cli" {
		row.From = "command line"
	}
	if name, ok := tokens[e.Target]; ok && e.Action == "token.revoke" {
		row.Subject = name
	}
	if e.Action == "account.save" {
		row.URL = "/account"
	} else if e.Action == "retention.save" {
		row.URL = "/settings/retention"
	} else if number, ok := incident.ParseKey(e.Target); ok && e.Target == incident.Key(number) {
		row.URL = incidentPath(number)
	}
	return row
}

// auditField begins a line of an entry; a value of several lines goes on below it.
var auditField = regexp.MustCompile(`^[a-z][a-z0-9_ ]{0,60}:(?: |$)`)

// auditChanges pairs the lines "field: value" of before and after.
func auditChanges(before, after string) []views.AuditChange {
	var changes []views.AuditChange
	read := func(text string, into func(*views.AuditChange) *string) {
		var value *string
		for line := range strings.SplitSeq(text, "\n") {
			head := auditField.FindString(line)
			if head == "" {
				if value != nil {
					*value += "\n" + line
				}
				continue
			}
			field, _, _ := strings.Cut(head, ":")
			i := slices.IndexFunc(changes, func(c views.AuditChange) bool { return c.Field == field })
			if i < 0 {
				i = len(changes)
				changes = append(changes, views.AuditChange{Field: field})
			}
			value = into(&changes[i])
			*value = strings.TrimPrefix(line, head)
		}
	}
	read(before, func(c *views.AuditChange) *string { return &c.Before })
	read(after, func(c *views.AuditChange) *string { return &c.After })
	return changes
}
