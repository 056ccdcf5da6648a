package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// RunbooksPage is GET /runbooks.
func (s *Site) RunbooksPage(c echo.Context) error {
	ctx := c.Request().Context()
	rows, err := s.Store.Runbooks(ctx, false)
	if err != nil {
		return err
	}
	archived, err := s.Store.Runbooks(ctx, true)
	if err != nil {
		return err
	}

	page := views.RunbooksPage{
		Frame:   s.Frame(c, "Runbooks", "runbooks"),
		CanEdit: Actor(c).Role.Includes(incident.Admin), CanRun: Actor(c).Role.Includes(incident.Responder),
	}
	account, err := s.Store.Account(ctx)
	if err != nil {
		return err
	}
	page.NoBridges = noBridges(account)
	if page.Rows, err = s.runbookRows(c, rows); err != nil {
		return err
	}
	if page.Archived, err = s.runbookRows(c, archived); err != nil {
		return err
	}
	return Render(c, http.StatusOK, views.Runbooks(page))
}

func (s *Site) runbookRows(c echo.Context, rows []db.RunbookRow) ([]views.RunbookRow, error) {
	var list []views.RunbookRow
	for _, r := range rows {
		row := views.RunbookRow{
			ID: r.ID, Name: r.Name, IncidentType: r.IncidentType, Description: r.Description, Default: r.Default,
			Incidents: r.Incidents, LastRunAt: s.When(c, r.LastRunAt), Enabled: r.DisabledAt.IsZero() && r.ArchivedAt.IsZero(),
		}
		for _, step := range r.Steps {
			row.Steps = append(row.Steps, stepWords(step)+", "+whenItRuns(step))
		}
		if len(r.Steps) == 0 {
			row.Problem = "It has no steps, so it creates no bridge."
		}
		if r.Incidents > 0 {
			last, err := s.Store.Incidents(c.Request().Context(), db.IncidentFilter{RunbookID: r.ID}, "", 1)
			if err != nil {
				return nil, err
			}
			for _, i := range last.Items {
				row.LastRunKey, row.LastRunURL = i.Key(), incidentPath(i.Number)
			}
		}
		list = append(list, row)
	}
	return list, nil
}

func whenItRuns(step incident.Step) string {
	switch {
	case step.AtOnce():
		return "automatically"
	case step.ExecuteAutomatically:
		return "later"
	}
	return "manually"
}

// NewRunbookPage is GET /runbooks/new.
func (s *Site) NewRunbookPage(c echo.Context) error {
	first := incident.NewStep(incident.StepCreateMeeting)
	return s.showEditor(c, http.StatusOK, incident.Runbook{}, formOf(incident.Runbook{Steps: []incident.Step{first}}), editorNotes{})
}

// RunbookPage is GET /runbooks/:id.
func (s *Site) RunbookPage(c echo.Context) error {
	stored, err := s.Store.Runbook(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	return s.showEditor(c, http.StatusOK, stored, formOf(stored), editorNotes{})
}

// CreateRunbook is POST /runbooks.
func (s *Site) CreateRunbook(c echo.Context) error { return s.saveRunbook(c, incident.Runbook{}) }

// SaveRunbook is POST /runbooks/:id.
func (s *Site) SaveRunbook(c echo.Context) error {
	stored, err := s.usableRunbook(c)
	if err != nil {
		return err
	}
	return s.saveRunbook(c, stored)
}

// saveRunbook saves what is in the editor. The editor's other buttons change the form
// and save nothing.
func (s *Site) saveRunbook(c echo.Context, stored incident.Runbook) error {
	form, err := readRunbookForm(c)
	if err != nil {
		return err
	}
	if form.Op != "" && form.Op != "save" {
		form.suit()
		focus, err := form.change()
		if err != nil {
			return err
		}
		return s.showEditor(c, http.StatusOK, stored, form, editorNotes{changed: form.unlike(formOf(stored)), focus: focus})
	}

	saved, changed, err := s.Service.SaveRunbook(c.Request().Context(), Actor(c), form.runbook(stored.ID))

	if _, fields, ok := Refusal(err); ok {
		notes := editorNotes{changed: true, errors: formFields(fields)}
		if len(fields) == 0 { // someone else saved in the meantime
			notes.conflict = s.lastRunbookChange(c, stored) + " What you typed is kept below; saving now replaces their version."
			form.Version = stored.Version
		}
		return s.showEditor(c, http.StatusUnprocessableEntity, stored, form, notes)
	}
	if err != nil {
		return err
	}

	return s.done(c, "/runbooks/"+saved.ID, runbookSaid(stored, saved, changed))
}

// runbookSaid says what was saved.
func runbookSaid(stored, saved incident.Runbook, changed []incident.Change) string {
	switch {
	case stored.ID == "":
		return "“" + saved.Name + "” was created."
	case len(changed) == 0:
		return "Nothing was changed."
	}
	return "Saved: " + someOf(changedFields(changed)) + "."
}

// usableRunbook is the runbook of the path; an archived one is a Conflict.
func (s *Site) usableRunbook(c echo.Context) (incident.Runbook, error) {
	r, err := s.Store.Runbook(c.Request().Context(), c.Param("id"))
	if err == nil && !r.ArchivedAt.IsZero() {
		err = &incident.Error{Code: incident.Conflict, Message: "This runbook is archived and can’t be changed."}
	}
	return r, err
}

// someOf lists the first few things.
func someOf(things []string) string {
	const shown = 6
	if len(things) > shown {
		things = append(things[:shown:shown], fmt.Sprintf("and %d more", len(things)-shown))
	}
	return strings.Join(things, ", ")
}

// lastChange says who last changed a target by one of the actions, and when.
func (s *Site) lastChange(c echo.Context, target string, actions ...incident.AuditAction) string {
	trail, err := s.Store.Audit(c.Request().Context(), db.AuditFilter{Actions: actions, Target: target}, "", 1)
	if err != nil || len(trail.Items) == 0 {
		return "Someone else changed this."
	}
	return trail.Items[0].Actor + " changed this " + s.When(c, trail.Items[0].At).Ago + "."
}

// PreviewRunbook is POST /runbooks/preview: what the editor's steps would do,
// as a part of its page.
func (s *Site) PreviewRunbook(c echo.Context) error {
	form, err := readRunbookForm(c)
	if err != nil {
		return err
	}
	form.suit()
	preview, err := s.preview(c, form)
	if err != nil {
		return err
	}
	return Render(c, http.StatusOK, views.RunbookTyped(preview, form.says()))
}

// DuplicateRunbook is POST /runbooks/:id/duplicate.
func (s *Site) DuplicateRunbook(c echo.Context) error {
	stored, err := s.usableRunbook(c)
	if err != nil {
		return err
	}

	twin, err := s.Service.DuplicateRunbook(c.Request().Context(), Actor(c), stored.ID)
	if err != nil {
		return err
	}

	return s.done(c, "/runbooks/"+twin.ID, "This is the copy. It stays off until you enable it.")
}

// EnableRunbook is POST /runbooks/:id/enable.
func (s *Site) EnableRunbook(c echo.Context) error { return s.switchRunbook(c, false) }

// DisableRunbook is POST /runbooks/:id/disable.
func (s *Site) DisableRunbook(c echo.Context) error { return s.switchRunbook(c, true) }

func (s *Site) switchRunbook(c echo.Context, disabled bool) error {
	stored, err := s.usableRunbook(c)
	if err != nil {
		return err
	}

	err = s.Service.SetRunbookDisabled(c.Request().Context(), Actor(c), stored.ID, disabled)

	said := "“" + stored.Name + "” is on. People can use it."
	if disabled {
		said = "“" + stored.Name + "” is off. Nobody can use it until you enable it."
	}
	path := "/runbooks/" + stored.ID
	if from, parseErr := url.Parse(c.Request().Referer()); parseErr == nil && from.Path == "/runbooks" {
		path = "/runbooks" // the list has the switch too
	}
	return s.finish(c, err, path, said)
}

// DeleteRunbook is POST /runbooks/:id/delete.
func (s *Site) DeleteRunbook(c echo.Context) error {
	stored, err := s.usableRunbook(c)
	if err != nil {
		return err
	}

	ctx := c.Request().Context()
	plan, err := s.Store.DrillPlan(ctx)
	if err != nil {
		return err
	}
	archived, err := s.Service.DeleteRunbook(ctx, Actor(c), stored.ID)
	if err != nil {
		return err
	}

	said := "“" + stored.Name + "” was deleted."
	if archived {
		said = "“" + stored.Name + "” was archived, because incidents used it."
	}
	if usedByDrills(plan, stored) {
		said += " Scheduled drills fail until you choose another runbook for them under Drills."
	}
	return s.done(c, "/runbooks", said)
}

// usedByDrills reports whether the schedule starts drills of this runbook, by its name.
func usedByDrills(plan incident.DrillPlan, r incident.Runbook) bool {
	return plan.Schedule != incident.DrillsOff && r.ID != "" && plan.Runbook == r.Name
}

// editorNotes is what the editor shows besides the form.
type editorNotes struct {
	changed  bool
	conflict string
	errors   map[string]string
	focus    string
}

// showEditor renders the editor of a runbook (zero for a new one) with
// the values of form.
func (s *Site) showEditor(c echo.Context, status int, stored incident.Runbook, form runbookForm, notes editorNotes) error {
	ctx := c.Request().Context()
	archived := !stored.ArchivedAt.IsZero()
	rows, err := s.Store.Runbooks(ctx, archived)
	if err != nil {
		return err
	}
	preview, err := s.preview(c, form)
	if err != nil {
		return err
	}

	title := stored.Name
	if stored.ID == "" {
		title = "New runbook"
	}
	page := views.RunbookPage{
		Frame: s.Frame(c, title, "runbooks"),
		ID:    stored.ID, Version: form.Version,
		Name: form.Name, IncidentType: form.IncidentType, Description: form.Description, Default: form.Default,
		Enabled: stored.DisabledAt.IsZero(), Archived: archived,
		Steps: form.Steps, Variables: form.Variables,
		CanEdit: Actor(c).Role.Includes(incident.Admin), CanRun: Actor(c).Role.Includes(incident.Responder),
		Changed: notes.changed, Conflict: notes.conflict, Errors: notes.errors, Focus: notes.focus,
		Preview: preview, Insert: insertGroups(form),
	}
	account, err := s.Store.Account(ctx)
	if err != nil {
		return err
	}
	page.NoBridges = noBridges(account)
	form.offer(&page)
	for _, r := range rows {
		if r.IncidentType != "" && !slices.Contains(page.Types, r.IncidentType) {
			page.Types = append(page.Types, r.IncidentType)
		}
		if r.ID == stored.ID {
			page.Incidents = r.Incidents
		}
	}
	plan, err := s.Store.DrillPlan(ctx)
	if err != nil {
		return err
	}
	page.Drilled = usedByDrills(plan, stored)
	return Render(c, status, views.Runbook(page))
}

func templateErrors(errs []incident.TemplateError) []views.TemplateError {
	var list []views.TemplateError
	for _, e := range errs {
		list = append(list, views.TemplateError{Line: e.Line, Column: e.Column, Message: e.Message(), DidYouMean: e.Suggestion})
	}
	return list
}

// insertGroups are the variables that can be inserted into a template.
func insertGroups(form runbookForm) []views.InsertGroup {
	own := views.InsertGroup{Title: "This runbook"}
	for _, v := range form.Variables {
		if v.Name != "" {
			own.Items = append(own.Items, views.InsertItem{Code: "{{ vars." + v.Name + " }}", Help: v.Label, Value: v.Default})
		}
	}
	groups := []views.InsertGroup{{Title: "Incident"}, {Title: "Opener"}, {Title: "Runbook"}}
	for _, v := range incident.TemplateVariables() {
		at := 0
		switch {
		case strings.HasPrefix(v.Name, "incident.opener."):
			at = 1
		case strings.HasPrefix(v.Name, "runbook."):
			at = 2
		}
		groups[at].Items = append(groups[at].Items, views.InsertItem{Code: "{{ " + v.Name + " }}", Help: v.Label, Value: v.Example})
	}
	if len(own.Items) > 0 {
		groups = slices.Insert(groups, 0, own)
	}
	return groups
}
