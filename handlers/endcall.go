package handlers

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// StartAgain is POST /bridges/:id/again: a call that has ended can start again.
func (s *Site) StartAgain(c echo.Context) error {
	b, err := s.Store.Bridge(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	return s.finish(c, s.Service.StartAgain(c.Request().Context(), Actor(c), b.ID), incidentPath(b.IncidentNumber), "The call can start again.")
}

// EndCall is POST /bridges/:id/end: it ends the call for everyone.
func (s *Site) EndCall(c echo.Context) error {
	b, err := s.Store.Bridge(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	form, err := ReadForm(c, "inside")
	if err != nil {
		return err
	}
	return s.ended(c, s.Service.EndCall(c.Request().Context(), Actor(c), b.ID, peopleSeen(form)), incidentPath(b.IncidentNumber), "")
}

// peopleSeen is how many people the page said are inside. A page that did not say is
// treated as if it had said nobody.
func peopleSeen(form Form) int {
	n, err := strconv.Atoi(form.Get("inside"))
	if err != nil {
		return 0
	}
	return n
}

// ended answers with what became of a call that a person ended, after what was said
// before.
func (s *Site) ended(c echo.Context, err error, path, before string) error {
	if before != "" {
		before += " "
	}
	switch incident.CodeOf(err) {
	case incident.Conflict, incident.Unavailable:
		if text := s.refusalText(c, err); text != "" {
			s.Flash(c, views.LevelWarning, before+text)
			return c.Redirect(http.StatusSeeOther, path)
		}
	default:
	}
	return s.finish(c, err, path, before+"The meeting has ended.")
}
