package handlers

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
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
		Ready: ready,
		Hours: hours,
	}
	if len(runbooks) == 0 && page.Ready.Level != views.LevelNote {
		page.Ready = views.Ready{Level: views.LevelBad, Title: "Not ready. Incidents need a runbook, and there is none."}
	}
	report := account.Report(now)
	if level, _ := account.Readiness(now); level == incident.LevelBad { // Ready says these
		report.Lines = slices.DeleteFunc(report.Lines, func(f incident.Finding) bool {
			return f.Level == incident.LevelBad && slices.Contains(page.Ready.Facts, factOf(f, now))
		})
	}
	if page.Alarms, err = s.alarms(c, needy.Items); err != nil {
		return err
	}
	people, err := s.preflightPeople(c, account)
	if err != nil {
		return err
	}
	report.Lines = slices.DeleteFunc(report.Lines, func(f incident.Finding) bool { // the pre-flight check says these
		return slices.ContainsFunc(people, func(h incident.PossibleHost) bool { return h.Email == f.Email })
	})
	if page.Needs, err = s.needs(c, account, outlook, report, health, needy.Items); err != nil {
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
	// What the headline says needs no second line, and no banner.
	page.Needs = slices.DeleteFunc(page.Needs, func(n views.Need) bool { return slices.Contains(page.Ready.Facts, n.Text) })
	if len(page.Ready.Facts) > 0 && page.Ready.Level != views.LevelOK && page.Frame.Banner != nil && page.Frame.Banner.Href == "/account" {
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

// ready says whether the next incident will get a bridge that people can join, judged by
// the last check, by the newest bridges since a person asked for a check, and by what the
// host pool runs now. A check that a bridge caused says less than the bridge: it creates no
// meeting.
func (s *Site) ready(c echo.Context, a incident.Account, newest []db.BridgeRow, o incident.Outlook) (views.Ready, error) {
	now := s.Now()
	level, reasons := a.Readiness(now)
	report := a.Report(now)
	r := views.Ready{Level: views.LevelOK, Title: "Ready. New incidents will get a bridge.", AsOf: s.When(c, report.At)}
	if level == incident.LevelNote {
		facts := []string{"It can’t create meetings: people use their own link as the bridge."}
		if names := staticNames(a.StaticLinks); names != "" {
			facts = []string{"It can’t create meetings: incidents get a static link as their bridge (" + names + ")."}
		}
		return views.Ready{Level: views.LevelNote, Title: "Drawbridge only receives events from Zoom here.", Facts: facts}, nil
	}
	if h := s.Store.Health(); h.WriteProblem != "" || s.Service.PendingIncidents() > 0 {
		r.Level, r.Title, r.AsOf = views.LevelBad, "Drawbridge can’t store incidents right now.", views.When{}
		if len(a.StaticLinks) > 0 {
			r.Level, r.Title = views.LevelWarning, "Drawbridge can’t store incidents right now. New ones get a static link."
		}
		return r, nil
	}
	since := cmp.Or(report.Asked, report.At)
	if len(newest) > 0 && newest[0].CreatedAt.After(since) && slices.Contains(incident.AttentionStates, newest[0].State) {
		r := lastBridge(newest[0], now)
		r.AsOf = s.When(c, newest[0].CreatedAt)
		r.Level, r.Title = views.LevelBad, "The last bridge failed."
		if newest[0].State == incident.BridgeUnknown {
			r.Level, r.Title = views.LevelWarning, "We don’t know yet whether Zoom created the last bridge’s meeting."
		}
		return r, nil
	}
	if len(newest) > 0 && newest[0].CreatedAt.After(since) && now.Sub(newest[0].CreatedAt) > usual && slices.Contains([]incident.BridgeState{incident.BridgeNew, incident.BridgeCreating}, newest[0].State) {
		key := incident.Key(newest[0].IncidentNumber)
		return views.Ready{
			Level: views.LevelWarning, Title: "The last bridge takes longer than usual.", AsOf: s.When(c, now),
			Facts: []string{key + " has no link yet. Drawbridge is still creating its bridge."}, LinkText: "View " + key, Href: incidentPath(newest[0].IncidentNumber),
		}, nil
	}
	silent := s.zoomSilent(c)
	if silent != "" || level == incident.LevelBad {
		r.Level, r.Title = notReady(nextWords(o), cmp.Or(silent, "Zoom isn’t ready."))
		r.Facts = facts(reasons, incident.LevelBad, now)
		if silent != "" && !strings.HasPrefix(r.Title, silent) {
			r.Facts = append([]string{silent}, r.Facts...)
		}
		if level != incident.LevelBad {
			r.AsOf = s.When(c, now)
		} else if Actor(c).Role.Includes(incident.Admin) {
			r.LinkText, r.Href = "Fix", "/account"
		}
		return r, nil
	}
	if len(o.Pool) > 0 && len(o.Hosts()) == 0 {
		next := nextWords(o)
		next.Blocked = next.Blocked || slices.ContainsFunc(o.Pool, incident.Host.RunsAll)
		r.Level, r.Title = notReady(next, "No backup user can host another call now.")
		r.AsOf = s.When(c, now)
		for _, h := range o.Pool[:min(len(o.Pool), maxFacts)] {
			if h.RunsAll() {
				r.Facts = append(r.Facts, words.HostRunsAll(h.Email, h.Runs))
			} else {
				r.Facts = append(r.Facts, reasonWords(told(c, h.Why)[0], now).Says().Cause)
			}
		}
		r.Facts = append(r.Facts, words.OpenersHost)
		return r, nil
	}
	if len(newest) > 0 && zoomGaveNone(newest[0].Bridge) && newest[0].CreatedAt.After(report.At) {
		r := lastBridge(newest[0], now)
		r.AsOf = s.When(c, newest[0].CreatedAt)
		r.Level, r.Title = views.LevelWarning, "The last incident got a static link instead of a Zoom meeting."
		if newest[0].Rung == incident.RungStandby {
			r.Title = "The last incident got a standby meeting, because Zoom created none."
		}
		r.Facts = append(r.Facts, nextWords(o).Left())
		return r, nil
	}
	keepsOut, err := s.keepsOut(c, newest, since)
	if err != nil {
		return r, err
	}
	if worst := incident.WorstLevel(keepsOut.Findings); worst.Compare(level) > 0 {
		r.Level, r.Title = views.LevelWarning, "New incidents will get a bridge, but people may not get in."
		if worst == incident.LevelUnknown {
			r.Level, r.Title = views.LevelUnknown, "New incidents will get a bridge, but Zoom didn’t say whether people get in."
		}
		key := incident.Key(keepsOut.IncidentNumber)
		f := keepsOut.Findings[slices.IndexFunc(keepsOut.Findings, func(f incident.Finding) bool { return f.Level == worst })]
		r.Facts = []string{"The bridge of " + key + ": " + factOf(f, now)}
		r.LinkText, r.Href = "View "+key, incidentPath(keepsOut.IncidentNumber)
		return r, nil
	}
	switch level {
	case incident.LevelUnknown:
		r.Level, r.Title = views.LevelUnknown, "New incidents should get a bridge, but Zoom didn’t say everything that was checked."
		r.Facts = facts(reasons, incident.LevelUnknown, now)
	case incident.LevelWarning:
		r.Level, r.Title = views.LevelWarning, "New incidents will get a bridge, but something needs attention."
		r.Facts = facts(reasons, incident.LevelWarning, now)
		if report.At.IsZero() {
			r.Level, r.Title, r.Facts = views.LevelUnknown, "Nobody has checked yet whether new incidents will get a bridge.", nil
			if Actor(c).Role.Includes(incident.Admin) {
				r.LinkText, r.Href = "Check connection", "/account"
			}
		}
	default:
		var users []string
		for _, l := range report.Lines {
			switch {
			case l.Level != incident.LevelOK:
			case l.Topic == incident.TopicToken:
				r.Facts = append(r.Facts, factOf(l, now))
			case l.Topic == incident.TopicBackupUser:
				users = append(users, factOf(l, now))
			}
		}
		if len(users) > 2 {
			users = []string{fmt.Sprintf("%d backup users are active and licensed.", len(users))}
		}
		r.Facts = append(r.Facts, users...)
		if free := len(o.Hosts()); free < len(o.Pool) {
			r.Facts = append(r.Facts, fmt.Sprintf("%d of %d backup users can host another call now.", free, len(o.Pool)))
		}
	}
	return r, nil
}

// usual is how soon an incident has its link if all is well.
const usual = 2 * time.Second

// maxFacts is how many reasons a headline has. What needs attention has all.
const maxFacts = 3

// facts words the reasons that are at least as bad as a level.
func facts(reasons []incident.Finding, level incident.Level, now time.Time) (list []string) {
	for _, f := range reasons {
		if f.Level.Compare(level) >= 0 && len(list) < maxFacts {
			list = append(list, factOf(f, now))
		}
	}
	return list
}

// notReady is the level and the headline while no host gives a meeting that can start.
func notReady(n words.Next, why string) (views.Level, string) {
	if n.AtHand() {
		return views.LevelWarning, why + " " + n.Gets()
	}
	return views.LevelBad, "Not ready. " + n.Gets()
}

// zoomSilent says since when Zoom has answered no call, "" if it answers.
func (s *Site) zoomSilent(c echo.Context) string {
	since := s.Service.SilentSince()
	if since.IsZero() {
		return ""
	}
	return "Zoom hasn’t answered since " + s.When(c, since).Clock + "."
}

// lastBridge says why the newest bridge is as it is.
func lastBridge(b db.BridgeRow, now time.Time) views.Ready {
	key := incident.Key(b.IncidentNumber)
	return views.Ready{Facts: []string{key + ": " + why(b.Bridge, now).Cause}, LinkText: "View " + key, Href: incidentPath(b.IncidentNumber)}
}

// zoomGaveNone reports whether a bridge has another link because Zoom created no meeting.
// Hosts that were busy then are no reason: whether they still are is known.
func zoomGaveNone(b incident.Bridge) bool {
	return (b.Rung == incident.RungStatic || b.Rung == incident.RungStandby) && slices.ContainsFunc(b.Reasons, func(r incident.Reason) bool {
		return !slices.Contains([]incident.ReasonCode{incident.ReasonHostBusy, incident.ReasonHostRuns, incident.ReasonStandby, incident.ReasonStaticLink}, r.Code)
	})
}

// keepsOut is the newest bridge with findings that keep people out, and only those, if
// they say something about the next one: it isn't of a drill, people may still join it, and
// nobody has changed its host's settings in Zoom since.
func (s *Site) keepsOut(c echo.Context, newest []db.BridgeRow, since time.Time) (worst db.BridgeRow, err error) {
	checks, err := s.Store.HostChecks(c.Request().Context())
	if err != nil {
		return worst, err
	}
	for _, b := range newest {
		if !b.CreatedAt.After(since) {
			break
		}
		if b.Drill || b.IncidentStatus != incident.StatusOpen || b.State != incident.BridgeReady && b.State != incident.BridgeLive {
			continue
		}
		if slices.ContainsFunc(checks, func(h incident.HostCheck) bool {
			return h.Email == b.HostEmail && h.ChangedAt.After(b.CreatedAt) && h.Level().Fine()
		}) {
			continue
		}
		b.Findings = incident.KeepingOut(b.Findings)
		if incident.WorstLevel(b.Findings).Compare(incident.WorstLevel(worst.Findings)) > 0 {
			worst = b
		}
	}
	return worst, nil
}

// factOf words a finding in one line, with whom it is about.
func factOf(f incident.Finding, now time.Time) string {
	l := checkLine(f, now)
	text := l.Subject + ": " + l.Reason
	if f.Email != "" && !strings.Contains(text, f.Email) {
		text = f.Email + ": " + text
	}
	return text
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
