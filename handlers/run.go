package handlers

import (
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

// RunForm is GET /runbooks/:id/run, the form that opens an incident. The page's script
// puts the form's key into the address, so that going back after submitting leads
// to the incident and not to another form.
func (s *Site) RunForm(c echo.Context) error {
	ctx := c.Request().Context()
	runbook, err := s.Store.Runbook(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	key := c.QueryParam("form")
	if uuid.Validate(key) != nil {
		key = uuid.NewString()
	} else if sent, err := s.Store.IncidentByFormKey(ctx, key); err == nil {
		return s.done(c, incidentPath(sent.Number), "This form was already submitted. This is the incident it opened.")
	} else if incident.CodeOf(err) != incident.NotFound {
		return err
	}
	page := s.runPage(c, runbook)
	page.IdempotencyKey = key
	page.OpenerEmail = Actor(c).Email
	return Render(c, http.StatusOK, views.Run(page))
}

// Run is POST /runbooks/:id/run, which opens the incident. The key of the form makes
// submitting it twice harmless.
func (s *Site) Run(c echo.Context) error {
	runbook, err := s.Store.Runbook(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	form, err := ReadForm(c, "name", "severity", "description", "opener_email", "idempotency_key", "vars.*")
	if err != nil {
		return err
	}
	req := incident.OpenRequest{
		RunbookID: runbook.ID, Name: form.Get("name"), Severity: form.Get("severity"), Description: form.Get("description"),
		OpenerEmail: form.Get("opener_email"), FormKey: form.Get("idempotency_key"), Source: incident.SourceForm, Vars: map[string]string{},
	}
	for _, v := range runbook.Variables {
		req.Vars[v.Name] = form.Get("vars." + v.Name)
	}

	opened, created, err := s.Service.OpenIncident(c.Request().Context(), Actor(c), req)

	if message, fields, ok := Refusal(err); ok {
		page := s.runPage(c, runbook)
		page.IdempotencyKey, page.Errors = req.FormKey, fields
		if len(fields) == 0 {
			page.Problem = message
		}
		page.Name, page.Severity, page.Text, page.OpenerEmail = req.Name, req.Severity, req.Description, req.OpenerEmail
		for i := range page.Variables {
			page.Variables[i].Value = req.Vars[page.Variables[i].Name]
		}
		return Render(c, http.StatusUnprocessableEntity, views.Run(page))
	}
	if err != nil {
		return err
	}

	if !created {
		s.Flash(c, views.LevelOK, "This form was already submitted. This is the incident it opened.")
	}
	return c.Redirect(http.StatusSeeOther, incidentPath(opened.Number))
}

func (s *Site) runPage(c echo.Context, r incident.Runbook) views.RunPage {
	page := views.RunPage{
		Frame:     s.Frame(c, r.Name, "runbooks"),
		RunbookID: r.ID, RunbookName: r.Name, Description: r.Description, Errors: map[string]string{},
	}
	for _, step := range r.Steps {
		if step.ExecuteAutomatically {
			page.Automatic = append(page.Automatic, words.StepKind(string(step.Kind)))
		} else {
			page.Manual = append(page.Manual, words.StepKind(string(step.Kind)))
		}
	}
	for _, v := range r.Variables {
		page.Variables = append(page.Variables, views.RunVariable{
			Name: v.Name, Label: v.Label, Type: v.Type, Required: v.Required, Value: v.Default, Help: v.Help, Choices: v.Choices,
		})
	}
	switch {
	case !r.ArchivedAt.IsZero():
		page.Disabled = "This runbook is archived. Choose another one."
	case !r.DisabledAt.IsZero():
		page.Disabled = "This runbook is disabled. An admin can enable it."
	}
	if account, err := s.Store.Account(c.Request().Context()); err == nil {
		page.NoBridges = noBridges(account)
	}
	return page
}

// noBridges says why no incident gets a Zoom meeting, and what people do instead; ""
// if nothing is known to prevent it.
func noBridges(a incident.Account) string {
	switch {
	case a.OnlyEvents():
		return "Drawbridge only receives events from Zoom here and can’t create meetings. Open incidents as usual and use your own link as the bridge."
	case !a.Connected():
		return "Zoom isn’t connected yet, so Drawbridge can’t create bridges. You can open incidents anyway and use your own link as the bridge."
	}
	return ""
}

func incidentPath(number int64) string { return fmt.Sprintf("/incidents/%d", number) }
