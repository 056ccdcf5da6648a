package handlers

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

const leftoversPath = "/bridges/left-over"

// LeftoversPage is GET /bridges/left-over: the meetings that no incident uses any more.
func (s *Site) LeftoversPage(c echo.Context) error {
	ctx, now := c.Request().Context(), s.Now()
	account, err := s.Store.Account(ctx)
	if err != nil {
		return err
	}
	sweep, err := s.Store.Sweep(ctx)
	if err != nil {
		return err
	}
	list, err := s.Store.Leftovers(ctx)
	if err != nil {
		return err
	}
	page := views.LeftoversPage{
		Frame: s.Frame(c, "Left-over meetings", "bridges"), CanLook: Actor(c).Role.Includes(incident.Admin),
		Connected: account.Connected() && !account.OnlyEvents(), Runs: sweep.Runs(now), Looked: s.When(c, sweep.FinishedAt), Level: views.LevelUnknown,
	}
	answered := 0
	for _, h := range sweep.Hosts {
		switch {
		case h.NoUser(): // such as a guest who opened an incident
		case h.Reason.Code == "":
			answered++
		default:
			said := fixForAdmins(c, words.Reasons(reasonsWords(told(c, h.Reason), now)))
			page.Problems = append(page.Problems, views.LeftoverProblem{Host: h.Email, Text: said.Cause, Fix: said.Fix})
		}
	}
	kept := 0
	for _, l := range list {
		row := views.LeftoverRow{
			Topic: l.Topic, MeetingID: l.MeetingID, Host: l.HostEmail, Since: s.When(c, l.CreatedAt), Looked: s.When(c, l.LookedAt), Why: words.LeftoverWhy(string(l.Why)),
		}
		w := words.Leftover{Outcome: string(l.Outcome), Kept: string(l.Kept)}
		if l.Reason.Code != "" {
			w.Reasons = reasonsWords(told(c, l.Reason), now)
		}
		said := fixForAdmins(c, w.Says())
		row.Outcome, row.Fix = said.Cause, said.Fix
		if l.IncidentNumber > 0 {
			row.Key, row.Href = incident.Key(l.IncidentNumber), incidentPath(l.IncidentNumber)
		}
		if l.Outcome == incident.LeftoverKept {
			kept++
		}
		page.Rows = append(page.Rows, row)
	}
	switch {
	case !page.Connected && sweep.StartedAt.IsZero():
		page.Says = "Connect a Zoom app that can create meetings. Drawbridge then checks once a day."
	case sweep.StartedAt.IsZero():
		page.Says = "Drawbridge checks once a day, first when somebody has checked the connection to Zoom."
	case page.Runs:
		page.Says = fmt.Sprintf("%s checked so far.", views.Plural(len(sweep.Hosts), "host", "hosts"))
	case sweep.FinishedAt.IsZero():
		page.Says = "The last check didn’t finish. Drawbridge checks again within a day."
	case len(page.Problems) > 0:
		page.Level = views.LevelWarning
		page.Says = fmt.Sprintf("Zoom listed the meetings of %d of %s. Nothing is known about the others:", answered, views.Plural(answered+len(page.Problems), "host", "hosts"))
	case answered == 0:
		page.Says = "No hosts to check: Drawbridge has made no meeting lately."
	case kept == 0:
		page.Level = views.LevelOK
		page.Says = fmt.Sprintf("Nothing is left over. Zoom listed the meetings of %s.", views.Plural(answered, "host", "hosts"))
	default:
		page.Level = views.LevelNote
		page.Says = fmt.Sprintf("%s left. Zoom listed the meetings of %s.", views.Plural(kept, "meeting is", "meetings are"), views.Plural(answered, "host", "hosts"))
	}
	return Render(c, http.StatusOK, views.Leftovers(page))
}

// fixForAdmins is the text without what to do about it, unless an admin reads it.
func fixForAdmins(c echo.Context, said words.Text) words.Text {
	if !Actor(c).Role.Includes(incident.Admin) {
		said.Fix = ""
	}
	return said
}

// SweepNow is POST /bridges/left-over.
func (s *Site) SweepNow(c echo.Context) error {
	return s.finish(c, s.Service.SweepNow(c.Request().Context(), Actor(c)), leftoversPath, "The check has started. Its result appears here.")
}
