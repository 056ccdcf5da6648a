package handlers

import (
	"cmp"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// stepLines are the steps of an incident, with what each waits for.
func (s *Site) stepLines(c echo.Context, i incident.Incident, runs []incident.StepRun, canAct bool) (lines []views.IncidentStep, err error) {
	now := s.Now()
	facts, err := s.Store.StepFacts(c.Request().Context(), i, now)
	if err != nil {
		return nil, err
	}
	steps := make([]incident.Step, len(runs))
	for n, r := range runs {
		steps[n] = r.Step
	}
	for _, r := range runs {
		r.Reason = told(c, r.Reason)[0]
		outlook := facts.Outlook(r)
		says := outlookWords(outlook, r.Step, steps)
		line := views.IncidentStep{
			ID: r.ID, Label: cmp.Or(r.Said, stepWords(r.Step)), State: string(r.State), Note: reasonWords(r.Reason, now).Says().Cause,
			Waits: says.Says(), At: s.When(c, outlook.At),
		}
		open := canAct && i.Status == incident.StatusOpen
		if r.Step.Kind == incident.StepChecklist {
			line.Line, line.CanTick = true, canAct && (r.State == incident.StepRunning || r.State == incident.StepDone)
			line.Label = cmp.Or(r.Said, s.Service.Line(i, r.Step))
		} else {
			line.CanRun = open && (r.State == incident.StepWaiting || r.State == incident.StepSkipped || r.State == incident.StepFailed)
		}
		for _, condition := range says.Schedule.Conditions {
			line.Conditions = append(line.Conditions, views.IncidentCondition{Says: condition.IsNow(), Holds: condition.Holds})
		}
		switch {
		case line.Note != "" || r.State != incident.StepDone:
		case line.Line:
			line.Note = r.RunBy
		case !r.StartedAt.IsZero():
			line.Note = views.Length(max(0, r.FinishedAt.Sub(r.StartedAt)))
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// stepOf is the step of the path.
func (s *Site) stepOf(c echo.Context) (incident.StepRun, error) {
	number, err := incidentNumber(c)
	if err != nil {
		return incident.StepRun{}, err
	}
	run, err := s.Store.StepRun(c.Request().Context(), c.Param("id"))
	if err == nil && run.IncidentNumber != number {
		err = echo.NewHTTPError(http.StatusNotFound, "The incident has no such step.")
	}
	return run, err
}

// RunStepForm is POST /incidents/:number/steps/:id/run.
func (s *Site) RunStepForm(c echo.Context) error {
	run, err := s.stepOf(c)
	if err != nil {
		return err
	}
	return s.finish(c, s.Service.RunStep(c.Request().Context(), Actor(c), run.ID), incidentPath(run.IncidentNumber), "The step was started.")
}

// TickStepForm is POST /incidents/:number/steps/:id/tick. Without done, it takes a tick back.
func (s *Site) TickStepForm(c echo.Context) error {
	run, err := s.stepOf(c)
	if err != nil {
		return err
	}
	form, err := ReadForm(c, "done")
	if err != nil {
		return err
	}
	said := "“" + cmp.Or(run.Said, run.Step.Text) + "” is done."
	if !form.Has("done") {
		said = "The tick was taken back."
	}
	return s.finish(c, s.Service.TickStep(c.Request().Context(), Actor(c), run.ID, form.Has("done")), incidentPath(run.IncidentNumber), said)
}
