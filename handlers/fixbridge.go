package handlers

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

// mends fills in what the person can fix about the bridge's meeting.
func (s *Site) mends(c echo.Context, b incident.Bridge, block *views.BridgeBlock) {
	if !Actor(c).Role.Includes(incident.Responder) {
		return
	}
	for _, code := range b.Mendable() {
		w := words.MendOf(string(code))
		at := slices.IndexFunc(b.Findings, func(f incident.Finding) bool { return f.Code == code })
		m := views.Mend{Kept: words.KeptBefore(b.Findings[at].Locked), Code: string(code), Setting: w.Setting, Before: w.Before, After: w.After, Effect: w.Effect}
		line := &block.Checks[at]
		line.Fix, line.FixID = "", block.MendID(m.Code)
		block.Mends = append(block.Mends, m)
	}
}

// FixBridge is POST /bridges/:id/fix: it changes a setting of the meeting in Zoom.
func (s *Site) FixBridge(c echo.Context) error {
	b, err := s.Store.Bridge(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	form, err := ReadForm(c, "code")
	if err != nil {
		return err
	}
	path := incidentPath(b.IncidentNumber)
	fixed, err := s.Service.FixBridge(c.Request().Context(), Actor(c), b.ID, incident.FindingCode(form.Get("code")))
	switch incident.CodeOf(err) {
	case incident.Conflict, incident.Unavailable:
		if text := s.refusalText(c, err); text != "" {
			s.Flash(c, views.LevelWarning, text)
			return c.Redirect(http.StatusSeeOther, path)
		}
	default:
	}
	said := words.Mended(form.Get("code"), fixed)
	if err == nil && !fixed {
		s.Flash(c, views.LevelWarning, said)
		return c.Redirect(http.StatusSeeOther, path)
	}
	return s.finish(c, err, path, said)
}
