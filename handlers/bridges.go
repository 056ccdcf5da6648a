package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// bridgeFilterNames are the query fields of the bridge log that filter it.
var bridgeFilterNames = []string{"view", "host", "range", "after", "before"}

// bridgeRanges are the time spans up to now that are one click away.
var bridgeRanges = []timeRange{
	{"24h", "24 h", "last 24 hours", 24 * time.Hour},
	{"7d", "7 d", "last 7 days", 7 * 24 * time.Hour},
	{"30d", "30 d", "last 30 days", 30 * 24 * time.Hour},
	{"90d", "90 d", "last 90 days", 90 * 24 * time.Hour},
	{"all", "All time", "the whole log", 0},
}

// bridgeQuery reads the filter of the bridge log, and fills the form with it.
func (s *Site) bridgeQuery(c echo.Context, q Form, v *views.BridgeFilter) (db.BridgeFilter, error) {
	now := s.Now()
	*v = views.BridgeFilter{View: q.Get("view"), Host: q.Get("host"), Range: q.Get("range"), After: q.Get("after"), Before: q.Get("before")}
	f := db.BridgeFilter{State: v.View, Waited: now.Add(-incident.NobodyCameAfter), Host: v.Host, HasPeople: v.View == "live"}
	f.After, v.AfterError = s.day(c, v.After, 0)
	f.Before, v.BeforeError = s.day(c, v.Before, 1)
	if !f.After.IsZero() && !f.Before.IsZero() && !f.After.Before(f.Before) {
		v.BeforeError = dayBefore
	}
	if v.After != "" || v.Before != "" {
		v.Range = "" // the two days are more specific
	}
	n := slices.IndexFunc(bridgeRanges, func(r timeRange) bool { return r.name == v.Range })
	if v.Range != "" && n < 0 {
		return f, BadRequest("There is no time range %s.", quote(v.Range))
	}
	if v.Range != "" && bridgeRanges[n].back > 0 {
		f.After = now.Add(-bridgeRanges[n].back)
	}
	for _, o := range []struct{ view, label string }{{"", "All"}, {"live", "Live"}, {"attention", "Needs attention"}, {"backup", "Backup user"}, {"static", "Other link"}, {"nobody", "Nobody came"}} {
		v.Views = append(v.Views, views.Chip{Label: o.label, Href: hrefWith(c, "view", o.view, "cursor", ""), On: o.view == v.View})
	}
	unbounded := ""
	if v.After == "" && v.Before == "" {
		unbounded = "all"
	}
	for _, r := range bridgeRanges {
		v.Ranges = append(v.Ranges, views.Chip{Label: r.label, Href: hrefWith(c, "range", r.name, "after", "", "before", "", "cursor", ""), On: r.name == cmp.Or(v.Range, unbounded)})
	}
	if v.View != "" || v.Host != "" || v.After != "" || v.Before != "" || v.Range != "" {
		v.ClearHref = "/bridges"
	}
	return f, nil
}

// BridgesPage is GET /bridges: the log of bridges.
func (s *Site) BridgesPage(c echo.Context) error {
	ctx := c.Request().Context()
	q, err := ReadQuery(c, append(slices.Clone(bridgeFilterNames), "cursor")...)
	if err != nil {
		return err
	}
	page := views.BridgesPage{Frame: s.Frame(c, "Bridges", "bridges"), AsOf: s.When(c, s.Now())}
	filter, err := s.bridgeQuery(c, q, &page.Filter)
	if err != nil {
		return err
	}
	rows, err := s.Store.BridgeRows(ctx, filter, q.Get("cursor"), 50)
	if err != nil {
		return err
	}
	if page.Totals, err = s.bridgeTotals(c, filter); err != nil {
		return err
	}
	if page.Filter.Hosts, err = s.Store.BridgeHosts(ctx); err != nil {
		return err
	}
	page.Empty = page.Filter.ClearHref == "" && q.Get("cursor") == "" && len(rows.Items) == 0
	if page.Empty {
		page.RunHref = newIncidentPath
	}
	_, query, _ := strings.Cut(hrefWith(c, "cursor", ""), "?")
	page.ExportHref = strings.TrimSuffix("/bridges/export?"+query, "?")
	page.Pager = pager(c, q.Get("cursor"), rows.Next)
	for _, row := range rows.Items {
		page.Rows = append(page.Rows, s.bridgeRow(c, row))
	}
	status := http.StatusOK
	if page.Filter.Refused() {
		status = http.StatusUnprocessableEntity
	}
	return Render(c, status, views.Bridges(page))
}

func (s *Site) bridgeRow(c echo.Context, row db.BridgeRow) views.BridgeRow {
	row.Bridge = s.Service.Shown(row.Bridge)
	row.Reasons = told(c, row.Reasons...)
	said := why(row.Bridge, s.Now())
	v := views.BridgeRow{
		ID: row.ID, Verdict: verdict(row.Bridge, s.Now()),
		Key: incident.Key(row.IncidentNumber), IncidentName: row.IncidentName, Severity: row.Severity, Href: incidentPath(row.IncidentNumber),
		Topic: row.Topic, MeetingID: row.LinkedID(), Kind: string(row.Kind), LinkName: linkName(row.Bridge), Host: row.HostEmail,
		UsedBackupUser: row.UsedBackupUser, Reason: said.Cause, Inside: row.Inside, Most: row.InsideMost,
		Created: s.When(c, row.CreatedAt), Started: s.When(c, row.StartedAt), Length: s.lasted(row.StartedAt, row.EndedAt), Drill: row.Drill,
	}
	if row.State == incident.BridgeLive {
		v.Unseen, v.Told = row.Watch.Unseen, s.told(c, row.Bridge)
	}
	if row.Bridge.Joinable() {
		v.JoinURL = row.JoinURL
	}
	v.AttentionLevel, v.Attention = attention(row.Bridge, s.Now())
	if row.IncidentStatus == incident.StatusResolved {
		v.AttentionLevel = views.LevelNote // what was wrong, but nobody has to act
	}
	for n := range row.Recordings {
		v.Recordings = append(v.Recordings, recordingLink(n, row.Recordings))
	}
	return v
}

// attention is why a bridge needs attention, in a sentence, or "".
func attention(b incident.Bridge, now time.Time) (views.Level, string) {
	switch v := verdict(b, now); {
	case slices.Contains(incident.AttentionStates, b.State):
		return v.Level, why(b, now).Cause
	case v.Title != "" && (v.Level == views.LevelWarning || v.Level == views.LevelBad):
		return v.Level, v.Title + "."
	case b.Alarm != incident.AlarmStuck && !b.Alarm.Level().Fine():
		return views.Level(b.Alarm.Level()), alarmWords(b).Says().Title + "."
	case len(b.Findings) > 0:
		worst := slices.MaxFunc(b.Findings, func(a, b incident.Finding) int { return a.Level.Compare(b.Level) })
		return views.Level(worst.Level), checkLine(worst, now).Reason
	}
	return "", ""
}

const dayBefore = "This day is before the first one."

// day reads a date of a filter in the viewer's zone and adds days. "" is the zero time.
func (s *Site) day(c echo.Context, text string, days int) (t time.Time, problem string) {
	if text == "" {
		return time.Time{}, ""
	}
	t, err := time.ParseInLocation(time.DateOnly, text, Zone(c))
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, "Enter a date such as 2026-01-31."
	}
	return t.AddDate(0, 0, days), ""
}

// RetryBridge is POST /bridges/:id/retry.
func (s *Site) RetryBridge(c echo.Context) error {
	bridge, err := s.Store.Bridge(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	return s.finish(c, s.Service.RetryBridge(c.Request().Context(), Actor(c), bridge.ID), incidentPath(bridge.IncidentNumber), "Retrying.")
}

// LookNow is POST /bridges/:id/look: Drawbridge looks for the bridge's meeting at once.
func (s *Site) LookNow(c echo.Context) error {
	bridge, err := s.Store.Bridge(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	return s.finish(c, s.Service.LookNow(c.Request().Context(), Actor(c), bridge.ID), incidentPath(bridge.IncidentNumber), "Drawbridge checked again.")
}

// UseLink is POST /bridges/:id/link: a link from a person replaces the bridge.
func (s *Site) UseLink(c echo.Context) error {
	bridge, err := s.Store.Bridge(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	form, err := ReadForm(c, "join_url", "passcode")
	if err != nil {
		return err
	}

	err = s.Service.UseLink(c.Request().Context(), Actor(c), bridge.ID, form.Get("join_url"), form.Get("passcode"))

	if _, fields, ok := Refusal(err); ok && fields != nil {
		c.SetParamNames("number")
		c.SetParamValues(incident.Key(bridge.IncidentNumber))
		return s.showIncident(c, http.StatusUnprocessableEntity, refusedInput{
			bridgeID: bridge.ID, link: form.Get("join_url"), problem: strings.TrimSpace(fields["url"] + " " + fields["passcode"]),
		})
	}
	return s.finish(c, err, incidentPath(bridge.IncidentNumber), "The incident now uses this link, and the join page leads to it.")
}

// StartBridge is POST /bridges/:id/start, which shows the host's start link once.
func (s *Site) StartBridge(c echo.Context) error {
	ctx := c.Request().Context()
	bridge, err := s.Store.Bridge(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	i, err := s.Store.Incident(ctx, bridge.IncidentNumber)
	if err != nil {
		return err
	}

	start, err := s.Service.StartURL(ctx, Actor(c), bridge.ID)

	page := views.IncidentStartPage{
		Frame: s.Frame(c, "Start "+i.Key()+" as host", "incidents"), Key: i.Key(), Name: i.Name,
		Host: bridge.HostEmail, BackURL: incidentPath(i.Number),
	}
	status := http.StatusOK
	if code := incident.CodeOf(err); code == incident.Unavailable || code == incident.Conflict {
		status, page.Error = http.StatusServiceUnavailable, s.refusalText(c, err)
		if refused, ok := errors.AsType[*incident.Error](err); ok && refused.Reason != nil && Actor(c).Role.Includes(incident.Admin) {
			page.Fix = reasonWords(*refused.Reason, s.Now()).Says().Fix
		}
		if code == incident.Conflict {
			status = http.StatusConflict
		}
	} else if err != nil {
		return err
	}

	page.StartURL = start.Reveal()
	return Render(c, status, views.IncidentStart(page))
}
