package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// SaveStaticLinks is POST /account/links. Its buttons other than Save change the rows
// of the form and save nothing.
func (s *Site) SaveStaticLinks(c echo.Context) error {
	form, err := ReadForm(c, "version", "static_links.*", "op")
	if err != nil {
		return err
	}
	version, err := form.Int("version")
	if err != nil {
		return err
	}
	prefixes, err := rowPrefixes(form, "static_links.", []string{"name", "url", "phone", "pin"})
	if err != nil {
		return err
	}
	var links []incident.StaticLink
	for _, p := range prefixes {
		links = append(links, incident.StaticLink{Name: form.Get(p + "name"), URL: form.Get(p + "url"), Phone: form.Get(p + "phone"), PIN: form.Get(p + "pin")})
	}
	stored, err := s.Store.Account(c.Request().Context())
	if err != nil {
		return err
	}
	show := func(status int, shown views.StaticLinksForm) error {
		page, err := s.accountPage(c, stored)
		if err != nil {
			return err
		}
		shown.Links, shown.Version = staticRows(links), version
		page.Static = shown
		return Render(c, status, views.Account(page))
	}
	if op := form.Get("op"); op == "add-static" {
		if len(links) < maxRows {
			links = append(links, incident.StaticLink{})
		}
		return show(http.StatusOK, views.StaticLinksForm{Focus: views.StaticField(len(links)-1, "name")})
	} else if op != "save" && op != "" {
		verb, row, _ := strings.Cut(op, ":")
		var focus string
		if links, focus, err = changeRow(links, "static", verb, row); err != nil {
			return err
		}
		return show(http.StatusOK, views.StaticLinksForm{Focus: focus})
	}

	changed, err := s.Service.SaveStaticLinks(c.Request().Context(), Actor(c), links, version)

	if message, fields, ok := Refusal(err); ok {
		shown := views.StaticLinksForm{Errors: fields}
		if len(fields) == 0 { // someone saved since the form was shown, which may now be saved
			shown.Problem, version = s.lastChange(c, "", incident.AuditAccountSave)+" Saving now replaces that change.", stored.Version
		}
		if incident.CodeOf(err) != incident.Conflict && len(fields) == 0 {
			shown.Problem = message
		}
		return show(http.StatusUnprocessableEntity, shown)
	}
	said := "The static links were saved."
	if len(changed) == 0 {
		said = "Nothing was changed."
	}
	return s.finish(c, err, "/account#static-links", said)
}

func staticRows(links []incident.StaticLink) (rows []views.StaticLink) {
	for _, l := range links {
		rows = append(rows, views.StaticLink{Name: l.Name, URL: l.URL, Phone: l.Phone, PIN: l.PIN, Host: l.Host()})
	}
	return rows
}

// staticNames lists the static links of the account, "" for none.
func staticNames(links []incident.StaticLink) string {
	var names []string
	for _, l := range links {
		names = append(names, cmp.Or(l.Name, l.Host()))
	}
	return strings.Join(names, ", ")
}

// linkName is what people call the static link of the account that the bridge uses, ""
// for other bridges.
func linkName(b incident.Bridge) string {
	if b.Rung != incident.RungStatic {
		return ""
	}
	return cmp.Or(b.LinkName, incident.LinkHost(b.JoinURL))
}

// sharing are the other open incidents whose bridge has the same link as b. They have
// addresses for people who are logged in.
func (s *Site) sharing(c echo.Context, b incident.Bridge) (others []views.Link, err error) {
	uses, err := s.Store.StaticUses(c.Request().Context())
	mine := slices.ContainsFunc(uses, func(u incident.StaticUse) bool { return u.BridgeID == b.ID })
	for _, u := range uses {
		if mine && u.URL == b.JoinURL && u.IncidentNumber != b.IncidentNumber {
			l := views.Link{Text: incident.Key(u.IncidentNumber)}
			if CurrentUser(c) != nil {
				l.Href = incidentPath(u.IncidentNumber)
			}
			others = append(others, l)
		}
	}
	return others, err
}

// otherLinks fills in which static links may take the place of the bridge's link, whether a
// new Zoom meeting may, and what shows that Zoom works again.
func (s *Site) otherLinks(c echo.Context, i incident.Incident, b incident.Bridge, block *views.BridgeBlock) error {
	if i.Status != incident.StatusOpen || !b.Replaceable() {
		return nil
	}
	account, err := s.Store.Account(c.Request().Context())
	for _, l := range account.StaticLinks {
		if l.URL != b.JoinURL {
			block.Rooms = append(block.Rooms, views.Link{Text: cmp.Or(l.Name, l.Host()), Href: l.URL})
		}
	}
	if err != nil || !b.Movable() || !account.Connected() {
		return err
	}
	block.CanMove = true
	newest, err := s.Store.BridgeRows(c.Request().Context(), db.BridgeFilter{}, "", lastBridges)
	if err != nil {
		return err
	}
	var others []incident.Bridge
	for _, row := range newest.Items {
		others = append(others, row.Bridge)
	}
	level, _ := account.Readiness(s.Now())
	switch number, back := b.ZoomIsBack(account, others, s.Now()); {
	case !s.Service.SilentSince().IsZero():
		block.MoveFails = "Zoom doesn’t answer right now, so a move will probably fail."
	case b.Kind == incident.KindMeeting: // which Zoom gave
	case back && number > 0:
		block.ZoomIsBack = "Zoom works again: " + incident.Key(number) + " got a meeting since then."
	case back:
		block.ZoomIsBack = "The last Zoom check found no blocking problem."
	case level == incident.LevelBad:
		block.MoveFails = "The last Zoom check found a blocking problem, so Zoom will probably reject a move."
	}
	return nil
}

// MoveBridge is POST /bridges/:id/move: a Zoom meeting takes the place of the bridge's link.
func (s *Site) MoveBridge(c echo.Context) error {
	bridge, err := s.Store.Bridge(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	err = s.Service.MoveToZoom(c.Request().Context(), Actor(c), bridge.ID)
	if refused, ok := errors.AsType[*incident.Error](err); ok && refused.Reason != nil {
		said := reasonWords(told(c, *refused.Reason)[0], s.Now()).Says()
		s.Flash(c, views.LevelWarning, refused.Message+" "+said.Cause)
		return c.Redirect(http.StatusSeeOther, incidentPath(bridge.IncidentNumber))
	}
	return s.finish(c, err, incidentPath(bridge.IncidentNumber), "The incident has a Zoom meeting of its own, and the join page leads to it.")
}
