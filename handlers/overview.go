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

// lastBridges is how many of the newest bridges count for whether people can join the next.
const lastBridges = 5

// Overview is GET /, which says whether the next incident will get a bridge.
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
	open, count, err := s.openOnOverview(ctx)
	if err != nil {
		return err
	}
	needy, err := s.Store.BridgeRows(ctx, db.BridgeFilter{State: "attention", NoDrills: true}, "", 20)
	if err != nil {
		return err
	}
	newest, err := s.Store.BridgeRows(ctx, db.BridgeFilter{}, "", lastBridges)
	if err != nil {
		return err
	}
	resolved, err := s.Store.Incidents(ctx, db.IncidentFilter{Status: incident.StatusResolved, NoDrills: true}, "", 6)
	if err != nil {
		return err
	}
	events, err := s.Store.EventRows(ctx, db.EventFilter{}, "", 8)
	if err != nil {
		return err
	}
	account.Check.Lines = toldFindings(c, account.Check.Lines)
	for _, rows := range [][]db.BridgeRow{needy.Items, newest.Items} {
		for i := range rows {
			rows[i].Reasons = told(c, rows[i].Reasons...)
		}
	}
	now := s.Now()
	hours, err := s.eventChart(c, eventQuery{from: now.Add(-24 * time.Hour), to: now.Add(time.Millisecond), lastDay: true}, eventList{}, views.EventFilter{})
	if err != nil {
		return err
	}

	health, err := s.deliveryHealth(ctx, account)
	if err != nil {
		return err
	}

	outlook, err := s.outlook(ctx, account)
	if err != nil {
		return err
	}
	ready, err := s.ready(c, account, newest.Items, outlook)
	if err != nil {
		return err
	}

	unstored := s.unstored(c)
	page := views.OverviewPage{
		Frame: s.Frame(c, "Overview", "overview"),
		Steps: setupSteps(account, runbooks, count+len(unstored)+len(resolved.Items) > 0, Actor(c).Role, now),
		Ready: ready.Ready,
		Hours: hours,
	}
	if len(runbooks) == 0 && page.Ready.Level != views.LevelNote && page.Ready.Level != views.LevelBad {
		page.Ready = views.Ready{Level: views.LevelBad, Title: "Not ready. Incidents need a runbook, and there is none."}
	}
	report := account.Report(now)
	var quiet []db.BridgeRow
	if page.Alarms, quiet, err = s.alarms(c, needy.Items); err != nil {
		return err
	}
	people, err := s.preflightPeople(c, account)
	if err != nil {
		return err
	}
	report.Lines = slices.DeleteFunc(report.Lines, func(f incident.Finding) bool { // the headline or the pre-flight check says these
		return ready.says(f) || slices.ContainsFunc(people, func(h incident.PossibleHost) bool { return h.Email == f.Email })
	})
	if page.Needs, err = s.needs(c, account, outlook, report, health, quiet); err != nil {
		return err
	}
	addPreflight(people, &page)
	drill, err := s.drillNeed(c)
	if err != nil {
		return err
	}
	if drill != nil {
		page.Needs = append([]views.Need{*drill}, page.Needs...)
	}
	s.addStuck(c, &page)
	// What the headline says needs no banner.
	if len(page.Ready.Facts) > 0 && page.Ready.Level != views.LevelOK && page.Frame.Banner != nil && page.Frame.Banner.NoMeetings {
		page.Frame.Banner = nil
	}
	if page.Health, err = s.healthPanel(c, account, health); err != nil {
		return err
	}
	if page.Health != nil {
		page.Health.DetailsHref = "/account#health"
	}
	if page.Frame.RefusedLastHour > 0 {
		page.Needs = append(page.Needs, views.Need{Level: views.LevelWarning, LinkText: "View them", Href: "/events",
			Text: fmt.Sprintf("%s rejected in the last hour", views.Plural(page.Frame.RefusedLastHour, "webhook request", "webhook requests"))})
	}
	if Actor(c).Role.Includes(incident.Responder) {
		page.OpenHref = newIncidentPath
	}
	page.OpenCount, page.Unstored = count, unstored
	for _, row := range open {
		page.Open = append(page.Open, s.incidentRow(c, row))
	}
	for _, row := range resolved.Items {
		page.Resolved = append(page.Resolved, s.incidentRow(c, row))
	}
	for _, e := range events.Items {
		page.Events = append(page.Events, s.eventRow(c, e, "", ""))
	}
	return Render(c, http.StatusOK, views.Overview(page))
}

// openOnOverview are the open incidents that Overview lists, and how many there are: first
// those that need a person, each by severity, then by time.
func (s *Site) openOnOverview(ctx context.Context) (list []db.IncidentRow, count int, err error) {
	const most, mostNeedy = 8, 20
	if count, err = s.Store.CountIncidents(ctx, db.IncidentFilter{Status: incident.StatusOpen, NoDrills: true}); err != nil {
		return nil, 0, err
	}
	needy, err := s.openIncidents(ctx, db.IncidentFilter{NoDrills: true, NeedPerson: true})
	if err != nil {
		return nil, 0, err
	}
	all, err := s.openIncidents(ctx, db.IncidentFilter{NoDrills: true})
	list = needy[:min(len(needy), mostNeedy)]
	for _, row := range all {
		if len(list) < most && !slices.ContainsFunc(list, func(l db.IncidentRow) bool { return l.Number == row.Number }) {
			list = append(list, row)
		}
	}
	return list, count, err
}

// setupSteps are the steps to the first bridge. The first that isn't done is next.
// There are none for an account that only receives events: it creates no bridges.
func setupSteps(a incident.Account, runbooks []db.RunbookRow, tried bool, role incident.Role, now time.Time) []views.SetupStep {
	if a.OnlyEvents() {
		return nil
	}
	steps := []views.SetupStep{
		{Title: "Connect Zoom", Text: "Enter the credentials of a Zoom app and a backup user. A setup guide is next to the form.", LinkText: "Connect Zoom", Href: "/account"},
		{Title: "Write a runbook", Text: "Say what a bridge is called, who hosts it and whether it is recorded.", LinkText: "Write a runbook", Href: "/runbooks/new"},
		{Title: "Try it", Text: "Open an incident and watch its bridge being created.", LinkText: "Open an incident", Href: newIncidentPath},
	}
	if !role.Includes(incident.Admin) {
		steps[0].Text = "An admin connects a Zoom app and chooses a backup user."
	}
	connected := a.Connected() && (tried || !slices.ContainsFunc(a.Report(now).Lines, func(l incident.Finding) bool { return l.Topic == incident.TopicToken && l.Level == incident.LevelBad }))
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

// needs is what needs attention: failed bridges, findings of the last check, and
// problems with Zoom's deliveries.
func (s *Site) needs(c echo.Context, a incident.Account, o incident.Outlook, report incident.CheckReport, health incident.Health, bridges []db.BridgeRow) ([]views.Need, error) {
	now := s.Now()
	var list []views.Need
	for _, b := range bridges {
		if b.IncidentStatus != incident.StatusOpen {
			continue
		}
		all, err := s.Store.Bridges(c.Request().Context(), b.IncidentNumber)
		if err != nil {
			return nil, err
		}
		name, failed := incident.Key(b.IncidentNumber), " has no bridge. "
		names, err := s.bridgeNames(c, all)
		if err != nil {
			return nil, err
		}
		if names != nil {
			name, failed = name+", "+names[b.ID], " failed. "
		}
		n := views.Need{Level: views.LevelBad, LinkText: "Open", Href: incidentPath(b.IncidentNumber), Text: name + failed + why(b.Bridge, now).Cause}
		if onlyEvents(b.Bridge) {
			n.Level, n.Text = views.LevelNote, name+" needs a link."
			if Actor(c).Role.Includes(incident.Responder) {
				n.LinkText = "Use another link"
			}
		} else if b.State == incident.BridgeUnknown {
			n.Level, n.Text = views.LevelWarning, name+": we don’t know yet whether Zoom created the meeting."
		} else if b.State != incident.BridgeFailed {
			level, text := attention(b.Bridge, now)
			n.Level, n.Text = level, name+": "+text
		}
		list = append(list, n)
	}
	if a.StandbyMeetings > 0 && !a.OnlyEvents() {
		if l := standbyReady(a, o); l.Level != views.LevelOK {
			need := views.Need{Level: l.Level, Text: l.Subject + ": " + l.Reason}
			if Actor(c).Role.Includes(incident.Admin) {
				need.LinkText, need.Href = "View", "/account"
			}
			list = append(list, need)
		}
	}
	// health has everything that the report says about the webhook.
	found := slices.DeleteFunc(report.Lines, func(f incident.Finding) bool { return f.Topic == incident.TopicWebhook })
	for _, f := range append(found, toldFindings(c, health.Lines)...) {
		if f.Level.Fine() || len(list) >= 8 {
			continue
		}
		need := views.Need{Level: views.Level(f.Level), Text: factOf(f, now)}
		if Actor(c).Role.Includes(incident.Admin) {
			need.LinkText, need.Href = "Fix", "/account"
		}
		if slices.Contains([]incident.Topic{incident.TopicSilence, incident.TopicDelay, incident.TopicGaps}, f.Topic) {
			need.Text, need.LinkText, need.Href = checkLine(f, now).Reason, "View", "/account#health"
		}
		list = append(list, need)
	}
	return list, nil
}
