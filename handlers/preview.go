package handlers

import (
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

// preview says what the form's steps would do for the chosen incident.
func (s *Site) preview(c echo.Context, form runbookForm) (views.RunbookPreviewPart, error) {
	ctx := c.Request().Context()
	part := views.RunbookPreviewPart{Number: form.PreviewNumber, Opener: form.PreviewOpener, Me: Actor(c).Email}
	of := incident.Pretend{Number: form.PreviewIncident, Opener: form.PreviewOpener}
	if form.PreviewNumber != "" {
		number, ok := incident.ParseKey(form.PreviewNumber)
		if ok {
			_, err := s.Store.Incident(ctx, number)
			if ok = err == nil; !ok && incident.CodeOf(err) != incident.NotFound {
				return part, err
			}
		}
		if of.Number = number; !ok {
			of.Number, part.Problem = 0, words.NoSuchIncident
		}
	}
	part.Samples = []views.PreviewSample{{Label: "A made-up incident", Selected: of.Number == 0}}
	// Others can't edit, so they don't choose an incident either.
	if Actor(c).Role.Includes(incident.Admin) {
		past, err := s.Store.Incidents(ctx, db.IncidentFilter{}, "", 10)
		if err != nil {
			return part, err
		}
		for _, i := range past.Items {
			part.Samples = append(part.Samples, views.PreviewSample{
				Value: strconv.FormatInt(i.Number, 10), Label: i.Key() + " · " + i.Name, Selected: i.Number == of.Number,
			})
		}
	}
	runbook := form.runbook("")
	steps, err := s.Service.Preview(ctx, Actor(c), runbook, of)
	if err != nil {
		return part, err
	}
	for n, p := range steps {
		outlook := outlookWords(p.Outlook, runbook.Steps[n], runbook.Steps)
		step := views.StepPreview{Index: n, Label: stepWords(runbook.Steps[n]), When: outlook.Preview(), At: s.When(c, p.Outlook.At)}
		for _, condition := range outlook.Schedule.Conditions {
			step.Conditions = append(step.Conditions, views.IncidentCondition{Says: condition.IsNow(), Holds: condition.Holds})
		}
		switch runbook.Steps[n].Kind {
		case incident.StepChecklist:
			step.Texts = []views.TextPreview{{Label: "Line", Field: "text", Text: p.Line, Instead: words.PlainLine, Length: p.TopicLength, Max: incident.MaxLine, Errors: templateErrors(p.TopicErrors), Hints: templateErrors(p.TopicHints)}}
			part.Steps = append(part.Steps, step)
			continue
		case incident.StepCreateMeeting:
		default:
			part.Steps = append(part.Steps, step)
			continue
		}
		step.Asks = meetingWords(runbook.Steps[n].Meeting).Asks()
		step.Texts = []views.TextPreview{
			{Label: "Topic", Field: "topic", Text: p.Topic, Instead: words.PlainTopic(p.PlainTopic), Length: p.TopicLength, Max: incident.MaxTopic, Errors: templateErrors(p.TopicErrors), Hints: templateErrors(p.TopicHints)},
			{Label: "Agenda", Field: "agenda", Text: p.Agenda, Instead: words.NoAgenda, Length: p.AgendaLength, Max: incident.MaxAgenda, Errors: templateErrors(p.AgendaErrors), Hints: templateErrors(p.AgendaHints)},
		}
		s.previewWay(c, p, &step)
		part.Steps = append(part.Steps, step)
	}
	return part, nil
}

// previewWay words how the incident of a preview would get its link.
func (s *Site) previewWay(c echo.Context, p incident.Preview, step *views.StepPreview) {
	now := s.Now()
	checked := true
	for _, h := range p.Hosts {
		w := words.PreviewHost{
			Rung: string(h.Rung), Asked: h.Asked, Chosen: h.Rung == p.Rung && h.Email == p.Host, Unchecked: h.Check.Outdated(),
			Room: h.Room(), Left: incident.HostDayLimit - h.Creates,
		}
		row := views.HostPreview{Email: h.Email, Role: w.Role(), Level: views.LevelNote}
		if !h.Check.Outdated() {
			row.Checked = s.When(c, h.Check.At)
		}
		switch {
		case w.Chosen && w.Unchecked:
			checked, row.Level = false, views.LevelUnknown
		case w.Chosen:
			row.Level = views.LevelOK
		}
		if f, cannot := h.CannotHost(); cannot {
			said := findingWords(f, now)
			w.Finding, row.Level = &said, views.LevelBad
		}
		if h.Why.Code != "" {
			why := reasonWords(told(c, h.Why)[0], now)
			w.Why, row.Level = &why, views.LevelWarning
			if h.RestsUntil.After(now) {
				w.RestsFor = h.RestsUntil.Sub(now)
			}
		}
		row.Says = w.Says()
		step.Hosts = append(step.Hosts, row)
	}
	if p.Refused {
		return
	}
	step.Link, step.LinkLevel = words.PreviewLink(string(p.Rung), p.Host, p.LinkName, checked), views.LevelWarning
	switch {
	case p.Rung == "":
		step.LinkLevel = views.LevelBad
	case !checked:
		step.LinkLevel = views.LevelUnknown
	case p.Rung != incident.RungStandby && p.Rung != incident.RungStatic:
		step.LinkLevel = views.LevelOK
	}
	step.Why = words.Reasons(reasonsWords(told(c, p.Why...), now)).Cause
	if p.Rung == "" && step.Why == "" {
		step.Why = words.PreviewNoHost
	}
	step.Storm, step.CallsNote = words.PreviewStorm(p.StormHad, p.StormLimit), words.PreviewCalls
	for _, call := range p.Calls {
		step.Calls = append(step.Calls, views.CallPreview{Line: call.Method + " " + call.Path, Body: call.Body})
	}
}
