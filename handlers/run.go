package handlers

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

// newIncidentPath is where a person opens an incident.
const newIncidentPath = "/incidents/new"

// NewIncident is GET /incidents/new: the form of the runbook in the parameter runbook, or
// of the one that was used last. Other parameters fill in the form.
func (s *Site) NewIncident(c echo.Context) error {
	if done, err := s.sentForm(c); done || err != nil {
		return err
	}
	if Actor(c).Recalled {
		return s.runFromMemory(c, c.QueryParam("runbook"))
	}
	usable, err := s.usableRunbooks(c.Request().Context())
	if err != nil {
		return err
	}
	if len(usable) == 0 {
		return Render(c, http.StatusOK, views.RunNothing(views.RunNothingPage{
			Frame: s.Frame(c, "Open incident", "incidents"), CanEdit: Actor(c).Role.Includes(incident.Admin),
		}))
	}
	id := cmp.Or(c.QueryParam("runbook"), usable[0].ID)
	c.SetParamNames("id")
	c.SetParamValues(id)
	return s.RunForm(c)
}

// usableRunbooks are the enabled runbooks, the last used first.
func (s *Site) usableRunbooks(ctx context.Context) ([]db.RunbookRow, error) {
	rows, err := s.Store.Runbooks(ctx, false)
	rows = slices.DeleteFunc(rows, func(r db.RunbookRow) bool { return !r.DisabledAt.IsZero() })
	slices.SortStableFunc(rows, func(a, b db.RunbookRow) int { return b.LastRunAt.Compare(a.LastRunAt) })
	return rows, err
}

// SampleRunbook is POST /runbooks/sample: the first runbook, ready to use.
func (s *Site) SampleRunbook(c echo.Context) error {
	_, _, err := s.Service.SaveRunbook(c.Request().Context(), Actor(c), incident.SampleRunbook())
	return s.finish(c, err, newIncidentPath, "The runbook “Incident” was created. You can change it under Runbooks.")
}

// RunForm is GET /runbooks/:id/run, the form that opens an incident. The page's script
// puts the form's key into the address, so that going back after submitting leads
// to the incident and not to another form.
func (s *Site) RunForm(c echo.Context) error {
	if done, err := s.sentForm(c); done || err != nil {
		return err
	}
	if Actor(c).Recalled {
		return s.runFromMemory(c, c.Param("id"))
	}
	ctx := c.Request().Context()
	runbook, err := s.Store.Runbook(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	page, err := s.runPage(c, runbook)
	if err != nil {
		return err
	}
	s.fillRun(c, &page)
	return Render(c, http.StatusOK, views.Run(page))
}

// sentForm leads to the incident that the form with the key in the address has opened, and
// reports whether there is one.
func (s *Site) sentForm(c echo.Context) (done bool, err error) {
	key := c.QueryParam("form")
	if p := s.Service.PendingForm(key); p != nil {
		return true, s.showPending(c, *p)
	}
	if Actor(c).Recalled || uuid.Validate(key) != nil {
		return false, nil
	}
	sent, err := s.Store.IncidentByFormKey(c.Request().Context(), key)
	if incident.CodeOf(err) == incident.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, s.done(c, incidentPath(sent.Number), "This form was already submitted. This is the incident it opened.")
}

// fillRun fills in what the address says.
func (s *Site) fillRun(c echo.Context, page *views.RunPage) {
	if page.IdempotencyKey = c.QueryParam("form"); uuid.Validate(page.IdempotencyKey) != nil {
		page.IdempotencyKey = uuid.NewString()
	}
	page.Name, page.Severity, page.Text = c.QueryParam("name"), c.QueryParam("severity"), c.QueryParam("description")
	page.OpenerEmail = cmp.Or(c.QueryParam("opener_email"), Actor(c).Email)
}

// Run is POST /runbooks/:id/run, which opens the incident. The key of the form makes
// submitting it twice harmless.
func (s *Site) Run(c echo.Context) error {
	runbook, err := s.runbookToRun(c)
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

	opened, err := s.Service.Open(c.Request().Context(), Actor(c), req)

	if message, fields, ok := Refusal(err); ok {
		page, err := s.runPage(c, runbook)
		if err != nil {
			return err
		}
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

	if opened.Pending != nil {
		return s.showPending(c, *opened.Pending)
	}
	if !opened.Created {
		s.Flash(c, views.LevelOK, "This form was already submitted. This is the incident it opened.")
	}
	return c.Redirect(http.StatusSeeOther, incidentPath(opened.Incident.Number))
}

// runbookTime is how long the database may take for a runbook that is in memory too.
const runbookTime = time.Second

// runbookToRun is the runbook of the form, from memory if the database doesn't answer.
func (s *Site) runbookToRun(c echo.Context) (incident.Runbook, error) {
	known := s.Service.KnownRunbooks()
	at := slices.IndexFunc(known, func(r incident.Runbook) bool { return r.ID == c.Param("id") })
	actor, ctx := Actor(c), c.Request().Context()
	if at < 0 && actor.Recalled {
		return incident.Runbook{}, incident.ErrNoAnswer
	}
	if at < 0 {
		return s.Store.Runbook(ctx, c.Param("id"))
	}
	if !actor.Recalled {
		ctx, cancel := context.WithTimeout(ctx, runbookTime)
		defer cancel()
		if r, err := s.Store.Runbook(ctx, c.Param("id")); incident.CodeOf(err) != incident.Unavailable {
			return r, err
		}
		actor.Recalled = true
		SetActor(c, actor)
	}
	return known[at], nil
}

// runFields is the form without what the database says about the account and the other
// runbooks.
func (s *Site) runFields(c echo.Context, r incident.Runbook) views.RunPage {
	page := views.RunPage{
		Frame:     s.Frame(c, "Open incident", "incidents"),
		RunbookID: r.ID, RunbookName: r.Name, Description: r.Description,
		IncidentFields: views.IncidentFields{Variables: runVariables(r.Variables), Errors: map[string]string{}},
	}
	for _, step := range r.Steps {
		switch {
		case step.AtOnce():
			page.Automatic = append(page.Automatic, stepWords(step))
		case step.ExecuteAutomatically:
			page.Later = append(page.Later, stepWords(step)+": "+scheduleWords(step, r.Steps).Says())
		default:
			page.Manual = append(page.Manual, stepWords(step))
		}
	}
	return page
}

func runVariables(list []incident.Variable) (inputs []views.RunVariable) {
	for _, v := range list {
		inputs = append(inputs, views.RunVariable{
			Name: v.Name, Label: v.Label, Type: v.Type, Required: v.Required, Value: v.Default, Help: v.Help, Choices: v.Choices,
		})
	}
	return inputs
}

func (s *Site) runPage(c echo.Context, r incident.Runbook) (views.RunPage, error) {
	if Actor(c).Recalled {
		return s.rememberedPage(c, r), nil
	}
	page := s.runFields(c, r)
	switch {
	case !r.ArchivedAt.IsZero():
		page.Disabled = "This runbook is archived. Choose another one."
	case !r.DisabledAt.IsZero():
		page.Disabled = "This runbook is disabled. An admin can enable it."
	}
	account, err := s.Store.Account(c.Request().Context())
	if err != nil {
		return page, err
	}
	if page.NoBridges = noBridges(account); page.NoBridges != "" {
		page.Automatic, page.Manual = insteadOf(r, true, account.StaticLinks), insteadOf(r, false, account.StaticLinks)
	}
	usable, err := s.usableRunbooks(c.Request().Context())
	for _, u := range usable {
		page.Runbooks = append(page.Runbooks, views.Choice{Value: u.ID, Label: u.Name, Selected: u.ID == r.ID})
	}
	return page, err
}

// insteadOf is what the steps of a runbook do that would create Zoom meetings.
func insteadOf(r incident.Runbook, automatic bool, links []incident.StaticLink) (all []string) {
	for _, step := range r.Steps {
		if step.Kind == incident.StepCreateMeeting && step.ExecuteAutomatically == automatic && (!automatic || step.AtOnce()) {
			all = append(all, words.StepInstead(step.Name, staticNames(links)))
		}
	}
	return all
}

// noBridges says why no incident gets a Zoom meeting, and what people do instead; ""
// if nothing is known to prevent it.
func noBridges(a incident.Account) string {
	instead := staticNames(a.StaticLinks)
	switch {
	case a.OnlyEvents() && instead != "":
		return "Drawbridge only receives events from Zoom here and can’t create meetings. Incidents get a static link as their bridge: " + instead + "."
	case !a.Connected() && instead != "":
		return "Zoom isn’t connected yet, so Drawbridge can’t create meetings. Incidents get a static link as their bridge: " + instead + "."
	case a.OnlyEvents():
		return "Drawbridge only receives events from Zoom here and can’t create meetings. Open incidents as usual and use your own link as the bridge."
	case !a.Connected():
		return "Zoom isn’t connected yet, so Drawbridge can’t create bridges. You can open incidents anyway and use your own link as the bridge."
	}
	return ""
}

func incidentPath(number int64) string { return fmt.Sprintf("/incidents/%d", number) }
