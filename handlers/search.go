package handlers

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/unicode/norm"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// hitsShown is how many hits of each kind the search shows.
const hitsShown = 5

// SearchPage is GET /search?q=. The key of an incident and the exact ID of an event or a
// runbook lead straight to it.
func (s *Site) SearchPage(c echo.Context) error {
	form, err := ReadQuery(c, "q")
	if err != nil {
		return err
	}
	q := norm.NFC.String(form.Get("q"))
	page := views.SearchPage{Frame: s.Frame(c, "Search", ""), Query: q}
	if q == "" {
		return Render(c, http.StatusOK, views.Search(page))
	}
	to, err := s.exactly(c.Request().Context(), q)
	if err != nil {
		return err
	}
	if to != "" {
		return c.Redirect(http.StatusSeeOther, to)
	}
	for _, find := range []func(echo.Context, string) (views.SearchGroup, error){s.findIncidents, s.findRunbooks, s.findPeople, s.findSettings, s.findEvents} {
		g, err := find(c, q)
		if err != nil {
			return err
		}
		if len(g.Hits) > 0 {
			page.Groups = append(page.Groups, g)
		}
	}
	return Render(c, http.StatusOK, views.Search(page))
}

// incidentNumberForm has the ways in which people write the number of an incident.
var incidentNumberForm = regexp.MustCompile(`(?i)^\s*(?:inc(?:ident)?[\s-]*#?|#)\s*([0-9]{1,15})\s*$`)

// exactly returns the page of the one thing that q names, or "".
func (s *Site) exactly(ctx context.Context, q string) (string, error) {
	found := func(path string, err error) (string, error) {
		if incident.CodeOf(err) == incident.NotFound {
			return "", nil
		}
		return path, err
	}
	if m := incidentNumberForm.FindStringSubmatch(q); m != nil {
		if number, ok := incident.ParseKey(m[1]); ok {
			_, err := s.Store.Incident(ctx, number)
			return found(incidentPath(number), err)
		}
	}
	if id, err := strconv.ParseInt(q, 10, 64); err == nil && len(q) >= 15 {
		_, err := s.Store.Event(ctx, id)
		return found("/events/"+q, err)
	}
	if len(q) == 36 && strings.Count(q, "-") == 4 {
		if b, err := s.Store.Bridge(ctx, q); incident.CodeOf(err) != incident.NotFound {
			return incidentPath(b.IncidentNumber), err
		}
		_, err := s.Store.Runbook(ctx, q)
		return found("/runbooks/"+q, err)
	}
	return "", nil
}

func (s *Site) findIncidents(c echo.Context, q string) (g views.SearchGroup, err error) {
	ctx := c.Request().Context()
	g.Title = "Incidents"
	if _, id, _ := zoom.FindMeetingID(q); id != "" {
		_, number, err := s.Store.BridgeForMeeting(ctx, "", id, s.Now())
		if err != nil {
			return g, err
		}
		if number != 0 {
			i, err := s.Store.Incident(ctx, number)
			if err != nil {
				return g, err
			}
			g.Hits = append(g.Hits, s.incidentHit(c, i))
		}
	}
	rows, err := s.Store.Incidents(ctx, db.IncidentFilter{Text: q}, "", hitsShown)
	for _, row := range rows.Items {
		if len(g.Hits) == 0 || g.Hits[0].Href != incidentPath(row.Number) {
			g.Hits = append(g.Hits, s.incidentHit(c, row.Incident))
		}
	}
	if rows.Next != "" {
		g.MoreText, g.MoreHref = "All incidents found", "/incidents?"+url.Values{"q": {q}}.Encode()
	}
	return g, err
}

func (s *Site) incidentHit(c echo.Context, i incident.Incident) views.SearchHit {
	return views.SearchHit{Text: i.Key() + " " + i.Name, Detail: cmp.Or(i.OpenerEmail, i.CreatedBy), Href: incidentPath(i.Number), At: s.When(c, i.CreatedAt)}
}

func (s *Site) findRunbooks(c echo.Context, q string) (g views.SearchGroup, err error) {
	g.Title = "Runbooks"
	rows, err := s.Store.Runbooks(c.Request().Context(), false)
	for _, r := range rows {
		if len(g.Hits) == hitsShown {
			g.MoreText, g.MoreHref = "All runbooks", "/runbooks"
			break
		}
		if hasWords(q, r.Name, r.IncidentType, r.Description) {
			g.Hits = append(g.Hits, views.SearchHit{Text: r.Name, Detail: r.IncidentType, Href: "/runbooks/" + r.ID})
		}
	}
	return g, err
}

// findPeople finds users. Only admins see them.
func (s *Site) findPeople(c echo.Context, q string) (g views.SearchGroup, err error) {
	g.Title = "People"
	if !Actor(c).Role.Includes(incident.Admin) {
		return g, nil
	}
	users, err := s.Store.Users(c.Request().Context())
	for _, u := range users {
		if len(g.Hits) == hitsShown {
			g.MoreText, g.MoreHref = "All users", "/settings/users"
			break
		}
		if hasWords(q, u.Name, u.Email) {
			g.Hits = append(g.Hits, views.SearchHit{Text: cmp.Or(u.Name, u.Email), Detail: u.Email, Href: "/settings/users?edit=" + u.ID})
		}
	}
	return g, err
}

// settingsPages are the pages and settings, with the words by which people look for them:
// those that stand on the page, and what else people call it.
var settingsPages = []struct {
	title, about, also, href string
	admin                    bool
}{
	{"Zoom account", "Connect Zoom: credentials, backup user, webhook secret token, scopes, check connection", "client ID secret JWT Server-to-Server OAuth app validation rate limit", "/account", false},
	{"Standby meetings", "Meetings kept ready in case Zoom doesn’t answer", "Zoom account hosts ready", "/account", false},
	{"Static links", "The last way to meet: another vendor’s room or a phone", "Zoom account war room PIN dial-in", "/account", false},
	{"Pre-flight", "Settings of everyone who may host: personal meeting ID, waiting room, join before host, recording, license", "PMI preflight on call on-call hosts basic licensed fix sign-in locked", "/preflight", false},
	{"Drills", "Try the whole way to a bridge, by hand or on a schedule", "drill schedule test rehearsal stages", "/drills", false},
	{"Left-over meetings", "Zoom meetings that Drawbridge made and no incident uses", "leftover left over orphan unused twin delete cleanup sweep", "/bridges/left-over", false},
	{"Incidents that can’t be stored", "Opened while the database didn’t answer", "unstored journal stuck discard", "/unstored", true},
	{"Overview", "Whether the next incident will get a bridge, and what needs attention", "ready home dashboard", "/", false},
	{"Incidents", "All incidents, open and resolved", "severity resolve", "/incidents", false},
	{"Bridges", "The log of all bridges", "calls meetings live backup host nobody came", "/bridges", false},
	{"Runbooks", "What is done for an incident: steps, variables, meeting templates", "topic agenda variable template preview", "/runbooks", false},
	{"Events", "What Zoom sent: webhooks, rejected requests, export", "delivery signature payload missing events recording", "/events", false},
	{"Users", "Invite people, change roles, reset a password", "admin responder viewer disable", "/settings/users", true},
	{"API tokens", "Create and revoke tokens for scripts and tools", "scope curl bearer", "/settings/tokens", true},
	{"Audit trail", "Who changed what, and when", "history log", "/settings/audit", true},
	{"Retention", "How long events are kept, and when personal data is erased", "delete privacy", "/settings/retention", true},
	{"My account", "Your name, password and sessions", "log out theme", "/settings/me", false},
	{"About", "Version, database, health, licence, documentation", "license size", "/settings/about", false},
}

func (s *Site) findSettings(c echo.Context, q string) (g views.SearchGroup, err error) {
	g.Title = "Pages and settings"
	for _, p := range settingsPages {
		if hasWords(q, p.title, p.about, p.also) && (!p.admin || Actor(c).Role.Includes(incident.Admin)) {
			g.Hits = append(g.Hits, views.SearchHit{Text: p.title, Detail: p.about, Href: p.href})
		}
	}
	return g, nil
}

func (s *Site) findEvents(c echo.Context, q string) (g views.SearchGroup, err error) {
	g.Title = "Events"
	query := url.Values{"q": {q}}.Encode()
	rows, err := s.Store.EventRows(c.Request().Context(), db.EventFilter{Text: q}, "", hitsShown)
	if _, _, refused := Refusal(err); refused {
		return g, nil // the page of events says why
	}
	for _, e := range rows.Items {
		g.Hits = append(g.Hits, views.SearchHit{
			Text: cmp.Or(words.EventName(e.Event), "no type"), Detail: joinSaid(e.Topic, e.Who),
			Href: "/events/" + strconv.FormatInt(e.ID, 10) + "?" + query, At: s.When(c, e.ReceivedAt),
		})
	}
	if rows.Next != "" {
		g.MoreText, g.MoreHref = "All events found", "/events?"+query
	}
	return g, err
}

// hasWords reports whether the texts have every word of q, in any case and in any form of
// its letters.
func hasWords(q string, texts ...string) bool {
	fold := func(s string) string { return strings.ToLower(norm.NFC.String(s)) }
	in := fold(strings.Join(texts, "\n"))
	for w := range strings.FieldsSeq(fold(q)) {
		if !strings.Contains(in, w) {
			return false
		}
	}
	return true
}
