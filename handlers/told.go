package handlers

import (
	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// told says as of when the page's facts about a bridge's call are.
func (s *Site) told(c echo.Context, b incident.Bridge) views.Told {
	if !b.Joinable() && b.State != incident.BridgeEnded || b.Kind == incident.KindStatic {
		return views.Told{}
	}
	return views.Told{At: s.When(c, b.ToldAt), Asked: b.ToldBy == incident.ToldAsked, Silent: s.When(c, b.Watch.Since)}
}
