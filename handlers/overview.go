package handlers

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// Overview is GET /: would a bridge come out right now?
func (s *Site) Overview(c echo.Context) error {
	ctx := c.Request().Context()
	account, err := s.Store.Account(ctx)
	if err != nil {
		return err
	}
	runbooks, err := s.Store.Runbooks(ctx, false)
	if err != nil {
		return err
	}
	live, err := s.Store.BridgeRows(ctx, db.BridgeFilter{State: "live"}, "", 20)
	if err != nil {
		return err
	}
	needy, err := s.Store.BridgeRows(ctx, db.BridgeFilter{State: "attention"}, "", 20)
	if err != nil {
		return err
	}
	newest, err := s.Store.BridgeRows(ctx, db.BridgeFilter{}, "", 1)
	if err != nil {
		return err
	}
	incidents, err := s.Store.Incidents(ctx, db.IncidentFilter{}, "", 6)
	if err != nil {
		return err
	}
	events, err := s.Store.EventRows(ctx, db.EventFilter{}, "", 8)
	if err != nil {
		return err
	}
	hours, err := s.eventHours(c, s.Now().Add(-24*time.Hour))
	if err != nil {
		return err
	}

	health, err := s.deliveryHealth(ctx, account)
	if err != nil {
		return err
	}

	page := views.OverviewPage{
		Frame: s.Frame(c, "Overview", "overview"),
		Steps: setupSteps(account, runbooks, len(incidents.Items) > 0, Actor(c).Role),
		Ready: s.ready(c, account, newest.Items),
		Hours: hours,
		Needs: needs(account.Report(s.Now()), health, needy.Items),
	}
	if page.Health, err = s.healthPanel(c, account, health); err != nil {
		return err
	}
	if page.Health != nil {
		page.Health.DetailsHref = "/account#health"
	}
	if page.Frame.RefusedLastHour > 0 {
		page.Needs = append(page.Needs, views.Need{State: "warning", LinkText: "See why", Href: "/events",
			Text: fmt.Sprintf("%s refused in the last hour", views.Plural(page.Frame.RefusedLastHour, "webhook request", "webhook requests"))})
	}
	if Actor(c).Role.Includes(incident.Responder) {
		page.OpenHref = runHref(runbooks)
	}
	for _, b := range live.Items {
		page.Live = append(page.Live, views.LiveBridge{
			Key: incident.Key(b.IncidentNumber), Name: b.IncidentName, Severity: b.Severity, Href: incidentPath(b.IncidentNumber),
			Inside: b.Inside, Length: s.lasted(b.StartedAt, time.Time{}), Host: b.HostEmail, UsedBackupUser: b.UsedBackupUser,
			JoinHref: "/j/" + incident.Key(b.IncidentNumber),
		})
	}
	for _, row := range incidents.Items {
		page.Incidents = append(page.Incidents, views.IncidentLine{
			Key: row.Key(), Name: row.Name, Severity: row.Severity, State: row.Status, Href: incidentPath(row.Number), Opened: s.When(c, row.CreatedAt),
		})
	}
	for _, e := range events.Items {
		page.Events = append(page.Events, s.eventRow(c, e, "", ""))
	}
	return Render(c, http.StatusOK, views.Overview(page))
}

// setupSteps are the way to the first bridge; the first that is not done is next.
func setupSteps(a incident.Account, runbooks []db.RunbookRow, tried bool, role incident.Role) []views.SetupStep {
	steps := []views.SetupStep{
		{Title: "Connect Zoom", Text: "Enter the credentials of a Zoom app and a backup user. A guide stands beside the form.", LinkText: "Connect Zoom", Href: "/account"},
		{Title: "Write a runbook", Text: "Say what a bridge is called, who hosts it and whether it is recorded.", LinkText: "Write a runbook", Href: "/runbooks/new"},
		{Title: "Try it", Text: "Open an incident, and see its bridge come out.", LinkText: "Open an incident", Href: runHref(runbooks)},
	}
	connected := a.Connected() && (tried || !slices.ContainsFunc(a.Check.Lines, func(l incident.CheckLine) bool { return l.Topic == "token" && l.Level == "red" }))
	done := []bool{connected, len(runbooks) > 0, tried}
	next := true
	for i := range steps {
		switch {
		case done[i]:
			steps[i].State = "done"
		case next:
			steps[i].State, next = "next", false
		default:
			steps[i].State = "later"
		}
		if i < 2 && !role.Includes(incident.Admin) || !role.Includes(incident.Responder) {
			steps[i].LinkText, steps[i].Href = "", ""
		}
	}
	return steps
}

// ready says whether a bridge would come out, from the last check, unless the
// newest bridge is younger and failed: what happened counts more.
func (s *Site) ready(c echo.Context, a incident.Account, newest []db.BridgeRow) views.Ready {
	level, reasons := a.Readiness(s.Now())
	r := views.Ready{State: "ok", Title: "Ready. A bridge would come out now.", AsOf: s.When(c, a.Check.At)}
	for _, b := range newest {
		if b.CreatedAt.After(a.Check.At) && (b.State == incident.BridgeFailed || b.State == incident.BridgeUnknown) {
			return views.Ready{State: "bad", Title: "The last bridge did not come out.", AsOf: s.When(c, b.CreatedAt),
				Facts: []string{incident.Key(b.IncidentNumber) + ": " + b.Reason}}
		}
	}
	switch level {
	case "amber":
		r.State, r.Title = "warning", "A bridge would come out, but look at what needs you."
	case "red":
		r.State, r.Title = "bad", "No bridge would come out now."
		for _, l := range reasons {
			if l.Level == "red" {
				r.Facts = append(r.Facts, l.Subject+": "+l.Reason)
			}
		}
		return r
	}
	for _, l := range a.Check.Lines {
		if l.Level == "green" && (l.Topic == "token" || l.Topic == "backup_user") {
			r.Facts = append(r.Facts, l.Subject+": "+l.Reason)
		}
	}
	return r
}

// needs is what asks for a person: bridges that failed, what the last check
// found, and how Zoom talks to us.
func needs(report incident.CheckReport, health incident.Health, bridges []db.BridgeRow) []views.Need {
	var list []views.Need
	for _, b := range bridges {
		if b.IncidentStatus != incident.StatusOpen {
			continue
		}
		n := views.Need{State: "bad", LinkText: "Open", Href: incidentPath(b.IncidentNumber), Text: incident.Key(b.IncidentNumber) + " has no bridge. " + b.Reason}
		if b.State == incident.BridgeUnknown {
			n.State, n.Text = "warning", incident.Key(b.IncidentNumber)+": it is not known whether Zoom made the meeting."
		} else if b.State != incident.BridgeFailed && len(b.Findings) > 0 {
			n.Text = incident.Key(b.IncidentNumber) + ": " + b.Findings[0].Text
		}
		list = append(list, n)
	}
	// Of the webhook, health knows all that the report does.
	lines := slices.DeleteFunc(report.Lines, func(l incident.CheckLine) bool { return l.Topic == "webhook" })
	for _, l := range append(lines, health.Lines...) {
		if l.Fine() || len(list) >= 8 {
			continue
		}
		state := "warning"
		if l.Level == "red" {
			state = "bad"
		}
		need := views.Need{State: state, Text: l.Subject + ": " + l.Reason, LinkText: "Fix", Href: "/account"}
		if slices.Contains([]string{"silence", "delay", "gaps"}, l.Topic) {
			need.Text, need.LinkText, need.Href = l.Reason, "See", "/account#health"
		}
		list = append(list, need)
	}
	return list
}

// eventFamilies are the series of the chart, in the order of their colours.
var eventFamilies = []string{"meeting", "participant", "recording", "other"}

// eventHours is the chart of events per hour since a time.
func (s *Site) eventHours(c echo.Context, since time.Time) (views.Chart, error) {
	counts, err := s.eventCounts(c.Request().Context(), since)
	if err != nil {
		return views.Chart{}, err
	}
	chart := views.Chart{Title: "Events per hour, last 24 hours", Unit: "events"}
	for _, f := range eventFamilies {
		chart.Series = append(chart.Series, views.Series{Name: f})
	}
	zone := Zone(c)
	first := since.Truncate(time.Hour).Add(time.Hour)
	for h := first; !h.After(s.Now()); h = h.Add(time.Hour) {
		local := h.In(zone)
		bar := views.Bar{
			Label: local.Format("15:04") + "–" + local.Add(time.Hour).Format("15:04"), Parts: make([]int, len(eventFamilies)),
			Href: "/events?after=" + local.Format(inputTime) + "&before=" + local.Add(time.Hour).Format(inputTime),
		}
		if local.Hour()%6 == 0 {
			bar.Tick = local.Format("15:04")
		}
		for i, f := range eventFamilies {
			n := counts[hourFamily{h.Unix(), f}]
			bar.Parts[i] = n
			chart.Series[i].Total += n
		}
		chart.Bars = append(chart.Bars, bar)
	}
	return chart, nil
}

type hourFamily struct {
	hour   int64
	family string
}

func (s *Site) eventCounts(ctx context.Context, since time.Time) (map[hourFamily]int, error) {
	rows, err := s.Store.EventsPerHour(ctx, since)
	counts := map[hourFamily]int{}
	for _, r := range rows {
		family := r.Family
		switch family {
		case "meeting", "participant", "recording":
		default:
			family = "other"
		}
		counts[hourFamily{r.Hour.Unix(), family}] += int(r.Count)
	}
	return counts, err
}
