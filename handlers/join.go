package handlers

import (
	"context"
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

// extrasTime is how long the database may take for what nobody needs to join.
const extrasTime = time.Second

// JoinPage is GET /j/:key, the permanent link of an incident. It shows the passcode and
// the people to everyone who is logged in or has the whole link with its key k, because
// the numbers of incidents can be guessed. A program that wants no page is led to the call.
func (s *Site) JoinPage(c echo.Context) error {
	// The key of the link must not reach the meeting's server.
	c.Response().Header().Set("Referrer-Policy", "no-referrer")
	c.Response().Header().Set("X-Robots-Tag", "noindex")
	number, ok := incident.ParseKey(c.Param("key"))
	loggedIn := CurrentUser(c) != nil
	var call incident.Call
	var err error
	if ok {
		call, err = s.Service.RecallCall(c.Request().Context(), Actor(c), number)
	}
	i, bridges := call.Incident, call.Bridges
	if err != nil && incident.CodeOf(err) != incident.NotFound {
		return err
	}
	found := ok && err == nil
	if !loggedIn && (!found || subtle.ConstantTimeCompare([]byte(c.QueryParam("k")), []byte(i.JoinKey)) != 1) {
		return c.Redirect(http.StatusSeeOther, "/login?next="+url.QueryEscape(c.Request().URL.Path))
	}
	if !found {
		return echo.NewHTTPError(http.StatusNotFound, "There is no incident with this number.")
	}
	for n, b := range bridges {
		bridges[n] = s.Service.Shown(b)
	}

	page := views.JoinPage{
		Key: i.Key(), Name: i.Name, Severity: i.Severity, Resolved: i.Status == incident.StatusResolved,
		ChangedAt: s.When(c, i.UpdatedAt), AsOf: s.When(c, call.AsOf), Theme: theme(c), Demo: s.Demo,
	}
	if loggedIn {
		page.IncidentURL = incidentPath(number)
	}
	if b, ok := bridgeToJoin(bridges, c.QueryParam("bridge")); ok {
		page.State, page.Kind, page.Inside, page.ChangedAt = string(b.State), string(b.Kind), b.Inside, s.When(c, b.UpdatedAt)
		page.Verdict, page.PageURL = verdict(b, s.Now()), s.Service.JoinPage(i)
		page.Unseen, page.Told, page.Waiting = b.Watch.Unseen, s.told(c, b), b.Waiting
		if b.Joinable() {
			page.MovedAt = s.When(c, b.LinkChangedAt)
			if b.Kind == incident.KindStatic {
				page.LinkHost, page.LinkName = incident.LinkHost(b.JoinURL), linkName(b)
			}
			if !wantsPage(c) {
				return c.Redirect(http.StatusFound, b.JoinURL)
			}
			page.Phone = b.PhonePasscode
			page.JoinURL, page.Passcode, page.MeetingID, page.DialIn = b.JoinURL, b.Passcode, views.MeetingGroups(b.LinkedID()), dialIn(b)
		}
		var names map[string]string
		if call.AsOf.IsZero() {
			if names, err = s.joinExtras(c, i, b, bridges, &page); err != nil && incident.CodeOf(err) != incident.Unavailable {
				return err
			}
		}
		if page.Bridge = names[b.ID]; b.ID != bridges[0].ID {
			page.PageURL += "&bridge=" + b.ID
		}
		for _, other := range bridges {
			if other.ID != b.ID {
				page.Others = append(page.Others, views.Link{Text: names[other.ID], Href: hrefWith(c, "bridge", other.ID)})
			}
		}
		switch {
		case onlyEvents(b) && b.State == incident.BridgeFailed:
			page.State = "" // it waits for a link
		case b.State == incident.BridgeFailed, b.State == incident.BridgeUnknown:
			if i.Status == incident.StatusOpen {
				page.Retry = words.Retry(reasonsWords(b.Reasons, s.Now()))
			}
			// Problems with the Zoom app, such as its credentials, are for admins only.
			b.Reasons = slices.DeleteFunc(slices.Clone(b.Reasons), incident.Reason.AccountWide)
			page.Cause = why(b, s.Now()).Cause
		}
	}
	return Render(c, http.StatusOK, views.Join(page))
}

// joinExtras fills in what nobody needs to join the bridge b, and returns the names of the
// bridges.
func (s *Site) joinExtras(c echo.Context, i incident.Incident, b incident.Bridge, bridges []incident.Bridge, page *views.JoinPage) (names map[string]string, err error) {
	r := c.Request()
	ctx, cancel := context.WithTimeout(r.Context(), extrasTime)
	defer cancel()
	c.SetRequest(r.WithContext(ctx))
	defer c.SetRequest(r)
	if page.Alarms, err = s.callAlarm(c, i, b, true); err != nil {
		return nil, err
	}
	if page.LinkHost != "" {
		if page.Shares, err = s.sharing(c, b); err != nil {
			return nil, err
		}
	}
	return s.bridgeNames(c, bridges)
}

// wantsPage reports whether a browser asks, in contrast to curl or a script, which get
// the link itself.
func wantsPage(c echo.Context) bool {
	h := c.Request().Header
	return h.Get("HX-Request") != "" || strings.Contains(h.Get(echo.HeaderAccept), echo.MIMETextHTML)
}

// bridgeToJoin is the bridge with the ID that the link names, else the first bridge that
// people can join, else the newest.
func bridgeToJoin(bridges []incident.Bridge, id string) (incident.Bridge, bool) {
	for _, fits := range []func(incident.Bridge) bool{func(b incident.Bridge) bool { return b.ID == id }, incident.Bridge.Joinable} {
		if i := slices.IndexFunc(bridges, fits); i >= 0 {
			return bridges[i], true
		}
	}
	if len(bridges) == 0 {
		return incident.Bridge{}, false
	}
	return bridges[len(bridges)-1], true
}
