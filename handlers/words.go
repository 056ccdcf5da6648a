package handlers

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// The functions below convert facts for package words, which must not import the
// packages that define them.

func problemWords(p *zoom.Problem) *words.Problem {
	if p == nil {
		return nil
	}
	w := &words.Problem{
		Code: string(p.Code), Said: cmp.Or(p.Said, http.StatusText(p.Status)), ZoomCode: p.ZoomCode, Status: p.Status, Scopes: p.Scopes,
		RetrySeconds: p.RetrySeconds, LinkHost: p.LinkHost, MaybeCreated: p.MaybeCreated, AccountWide: p.AccountWide,
	}
	for _, f := range p.Fields {
		w.Fields = append(w.Fields, words.FieldProblem(f))
	}
	return w
}

func reasonWords(r incident.Reason, now time.Time) words.Reason {
	w := words.Reason{Code: string(r.Code), Host: r.Host, By: r.By, Text: r.Text, Doubt: string(r.Doubt), Count: r.Count, Retries: !r.RetryAt.IsZero(), Zoom: problemWords(r.Zoom)}
	if w.Retries {
		w.RetryIn = r.RetryAt.Sub(now)
	}
	if r.Waited != nil {
		waited := outlookWords(*r.Waited, incident.Step{}, nil)
		w.Waited = &waited
	}
	return w
}

// conditionWords words conditions of a step with what is so now.
func conditionWords(list []incident.Checked) (all []words.Condition) {
	for _, c := range list {
		all = append(all, words.Condition{Field: c.Field, Is: string(c.Is), Values: c.Value, Zone: c.Zone, Now: c.Now, Holds: c.Holds, Broken: c.Broken})
	}
	return all
}

// scheduleWords words when a step of these runs.
func scheduleWords(step incident.Step, steps []incident.Step) words.Schedule {
	c := step.Schedule
	w := words.Schedule{
		Manual: !step.ExecuteAutomatically, When: string(c.When), Outcome: string(c.After.Outcome), Wait: int(c.Wait),
		All: len(c.OnlyIf.Any) == 0, Every: int(c.Repeat.Every), Times: c.Repeat.Times, OnChange: c.Repeat.OnChange,
	}
	if n := c.After.Step; n > 0 && n <= len(steps) {
		w.After = stepWords(steps[n-1])
	}
	var list []incident.Checked
	for _, one := range slices.Concat(c.OnlyIf.All, c.OnlyIf.Any) {
		list = append(list, incident.Checked{Condition: one})
	}
	w.Conditions = conditionWords(list)
	return w
}

func outlookWords(o incident.StepOutlook, step incident.Step, steps []incident.Step) words.StepOutlook {
	w := words.StepOutlook{Code: string(o.Code), Left: o.Left, Schedule: scheduleWords(step, steps)}
	w.Schedule.Conditions, w.Schedule.All = conditionWords(o.Conditions), o.All
	return w
}

func reasonsWords(list []incident.Reason, now time.Time) []words.Reason {
	all := make([]words.Reason, len(list))
	for i, r := range list {
		all[i] = reasonWords(r, now)
	}
	return all
}

// told is what a person may read of reasons. Only admins, who can change the Zoom app,
// read what is wrong with it.
func told(c echo.Context, list ...incident.Reason) []incident.Reason {
	list = slices.Clone(list)
	for i, r := range list {
		if r.Zoom != nil && r.Zoom.AccountWide && !Actor(c).Role.Includes(incident.Admin) {
			list[i] = incident.Reason{Code: incident.ReasonZoomApp, RetryAt: r.RetryAt}
		}
	}
	return list
}

// toldFindings is what a person may read of findings; see told. Others read once that
// Zoom can't be used, and nothing about tokens and scopes that are fine or that
// bridges work without.
func toldFindings(c echo.Context, list []incident.Finding) []incident.Finding {
	if Actor(c).Role.Includes(incident.Admin) {
		return list
	}
	var told []incident.Finding
	for _, f := range list {
		switch {
		case f.Code == incident.FoundNotConnected, f.Code == incident.FoundNeverChecked, f.Code == incident.FoundOnlyEvents:
		case f.Code == incident.FoundNoWebhookToken, f.Code == incident.FoundWebhookLocked:
			f = incident.Finding{Code: incident.FoundEventsRejected, Topic: f.Topic, Level: f.Level}
		case f.Level == incident.LevelBad && (f.Topic == incident.TopicToken || f.Topic == incident.TopicScopes), f.Zoom != nil && f.Zoom.AccountWide:
			f = incident.Finding{Code: incident.FoundZoomApp, Topic: incident.TopicToken, Level: f.Level}
		case f.Topic == incident.TopicToken, f.Topic == incident.TopicScopes:
			continue
		}
		i := slices.IndexFunc(told, func(t incident.Finding) bool { return t.Code == incident.FoundZoomApp })
		switch {
		case f.Code != incident.FoundZoomApp || i < 0:
			told = append(told, f)
		case f.Level == incident.LevelBad:
			told[i].Level = f.Level
		}
	}
	return told
}

// toldLine words a finding. Only admins read what to do about it: it is done in Zoom or
// on pages that only they can change.
func (s *Site) toldLine(c echo.Context, f incident.Finding) views.CheckLine {
	line := checkLine(f, s.Now())
	if !Actor(c).Role.Includes(incident.Admin) {
		line.Fix = ""
	}
	return line
}

// why words why a bridge is in its state, and what to do about it.
func why(b incident.Bridge, now time.Time) words.Text {
	reasons := reasonsWords(b.Reasons, now)
	if b.State == incident.BridgeUnknown {
		return words.Unknown(reasons)
	}
	return words.Reasons(reasons)
}

func adjustmentWords(a incident.Adjustment) words.Adjustment {
	return words.Adjustment{Code: string(a.Code), Field: a.Field, Text: a.Text, Limit: a.Limit}
}

func adjustmentsWords(list []incident.Adjustment) []string {
	all := []string{}
	for _, a := range list {
		all = append(all, adjustmentWords(a).Says())
	}
	return all
}

func entryWords(e incident.TimelineEntry, now time.Time) words.Entry {
	d := e.Data
	w := words.Entry{
		Kind: string(e.Kind), Runbook: d.Runbook, Step: string(d.Step), StepName: d.StepName, Who: d.Who, Host: d.Host, Link: d.Link,
		Field: d.Field, Topic: d.Topic, Text: d.Text, Issues: d.Issues, Count: d.Count, Place: string(d.Place), Reasons: reasonsWords(d.Reasons, now),
	}
	for _, f := range d.Findings {
		w.Findings = append(w.Findings, findingWords(f, now))
	}
	for _, a := range d.Adjusted {
		w.Adjusted = append(w.Adjusted, adjustmentWords(a))
	}
	for _, change := range d.Changes {
		w.Changes = append(w.Changes, words.Change(change))
	}
	for _, p := range d.Template {
		w.Template = append(w.Template, p.Error())
	}
	return w
}

func findingWords(f incident.Finding, now time.Time) words.Finding {
	w := words.Finding{
		Code: string(f.Code), Topic: string(f.Topic), Fine: f.Level == incident.LevelOK, Unsaid: f.Level == incident.LevelUnknown, Locked: f.Locked, Settings: plain(f.Settings), Email: f.Email, Value: f.Value, Asked: f.Asked,
		Feature: string(f.Feature), Scopes: f.Scopes, Classic: f.Classic, Until: f.Until, Span: f.Span, Count: f.Count, Incident: f.Incident,
		Zoom: problemWords(f.Zoom),
	}
	if f.Reason != nil {
		r := reasonWords(*f.Reason, now)
		w.Reason = &r
	}
	if f.Text != nil {
		w.Subject, w.Text, w.Fix = f.Text.Subject, f.Text.Reason, f.Text.Fix
	}
	return w
}

func drillWords(s incident.DrillStage, now time.Time) words.DrillStage {
	w := words.DrillStage{
		Code: string(s.Code), Level: string(s.Level), Host: s.Host, Took: s.Took, Linked: s.Rung != "",
		Made: slices.Contains(incident.MeetingRungs, s.Rung), Reasons: reasonsWords(s.Reasons, now),
	}
	for _, f := range s.Findings {
		w.Findings = append(w.Findings, findingWords(f, now))
	}
	return w
}

// stateWord is the state of a bridge as pages show it. A call is live only with people in it.
func stateWord(b incident.Bridge) string {
	switch {
	case b.State != incident.BridgeLive || b.HasPeople():
		return string(b.State)
	case b.Watch.Unseen:
		return "started"
	}
	return "empty"
}

// verdict is whether people can get into the bridge, as pages show it.
func verdict(b incident.Bridge, now time.Time) views.Verdict {
	judged := b.Verdict()
	v := views.Verdict{Level: views.Level(judged.Level), State: stateWord(b), Help: string(judged.Help)}
	switch {
	case len(judged.Causes) > 0:
		said := findingWords(judged.Causes[0], now).Verdict()
		v.Waits = judged.Causes[0].Code == incident.FoundPeopleWait
		if v.Title = said.Title; b.State == incident.BridgeReady {
			v.State = said.State
		}
	case judged.Level == incident.LevelOK:
		v.Title = words.EveryoneGetsIn
	}
	return v
}

// checkLine is a finding as pages show it.
func checkLine(f incident.Finding, now time.Time) views.CheckLine {
	said := findingWords(f, now).Says()
	line := views.CheckLine{Level: views.Level(f.Level), Subject: said.Subject, Reason: said.Reason, Fix: said.Fix}
	if f.Incident > 0 {
		line.Incident, line.IncidentPath = incident.Key(f.Incident), incidentPath(f.Incident)
	}
	return line
}

func checkLines(list []incident.Finding, now time.Time) (lines []views.CheckLine) {
	for _, f := range list {
		lines = append(lines, checkLine(f, now))
	}
	return lines
}

// stepWords is what pages and the API call a step.
func stepWords(s incident.Step) string { return words.Step(string(s.Kind), cmp.Or(s.Name, s.Text)) }

func meetingWords(m incident.MeetingTemplate) words.Meeting {
	return words.Meeting{
		BackupHosts: m.Host == incident.HostBackup, WaitingRoom: m.WaitingRoom, JoinBeforeHost: m.JoinBeforeHost,
		Recording: string(m.Recording), AlternativeHosts: m.AlternativeHosts, Minutes: m.DurationMinutes,
	}
}

func reprocessedWords(r incident.Reprocessed) words.Reprocessed {
	return words.Reprocessed{Differences: plain(r.Differences), Incident: r.Incident, Was: string(r.Was), Is: string(r.Is), Who: r.Who}
}

// plain converts codes to strings.
func plain[Code ~string](codes []Code) []string {
	list := make([]string, len(codes))
	for i, c := range codes {
		list[i] = string(c)
	}
	return list
}
