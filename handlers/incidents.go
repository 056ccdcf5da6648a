package handlers

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/incident/severity"
	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

// IncidentsPage is GET /incidents.
func (s *Site) IncidentsPage(c echo.Context) error {
	ctx := c.Request().Context()
	q, err := ReadQuery(c, "status", "severity", "runbook", "q", "cursor")
	if err != nil {
		return err
	}
	filter := db.IncidentFilter{Status: incident.Status(q.Get("status")), Severity: q.Get("severity"), RunbookID: q.Get("runbook"), Text: q.Get("q")}
	var counts [3]int
	open, resolved := filter, filter
	open.Status, resolved.Status = incident.StatusOpen, incident.StatusResolved
	for n, f := range []db.IncidentFilter{{Status: incident.StatusOpen}, open, resolved} {
		if counts[n], err = s.Store.CountIncidents(ctx, f); err != nil {
			return err
		}
	}
	rows, err := s.incidentRows(c, filter, q.Get("cursor"), counts[0])
	if err != nil {
		return err
	}
	runbooks, err := s.Store.Runbooks(ctx, false)
	if err != nil {
		return err
	}

	page := views.IncidentsPage{
		Frame:   s.Frame(c, "Incidents", "incidents"),
		CanOpen: Actor(c).Role.Includes(incident.Responder), RunURL: newIncidentPath,
		Status: string(filter.Status), Severity: filter.Severity, Runbook: filter.RunbookID, Query: filter.Text,
		Open: counts[0], OpenFound: counts[1], ResolvedFound: counts[2], Pager: pager(c, q.Get("cursor"), rows.Next),
	}
	if err := s.knownRunbook(c, filter.RunbookID, &runbooks); err != nil {
		return err
	}
	for _, r := range runbooks {
		page.Runbooks = append(page.Runbooks, views.Choice{Value: r.ID, Label: r.Name})
	}
	for _, row := range rows.Items {
		page.Rows = append(page.Rows, s.incidentRow(c, row))
	}
	return Render(c, http.StatusOK, views.Incidents(page))
}

// mostOpen is how many open incidents are listed by severity, before all resolved ones. If
// there are more, all incidents are listed by time.
const mostOpen = 200

// incidentRows is a page of the list of incidents. open is how many are open in all.
func (s *Site) incidentRows(c echo.Context, f db.IncidentFilter, cursor string, open int) (page db.Page[db.IncidentRow], err error) {
	const size = 50
	ctx := c.Request().Context()
	if f.Status != "" && f.Status != incident.StatusOpen || open > mostOpen {
		return s.Store.Incidents(ctx, f, cursor, size)
	}
	status := f.Status
	if cursor == "" {
		if page.Items, err = s.openIncidents(ctx, f); err != nil || status == incident.StatusOpen {
			return page, err
		}
	}
	f.Status = incident.StatusResolved
	rest, err := s.Store.Incidents(ctx, f, cursor, size)
	return db.Page[db.IncidentRow]{Items: append(page.Items, rest.Items...), Next: rest.Next}, err
}

// openIncidents are the open incidents, the most severe first, then the newest.
func (s *Site) openIncidents(ctx context.Context, f db.IncidentFilter) ([]db.IncidentRow, error) {
	f.Status = incident.StatusOpen
	page, err := s.Store.Incidents(ctx, f, "", mostOpen)
	slices.SortStableFunc(page.Items, func(a, b db.IncidentRow) int { return severity.Compare(a.Severity, b.Severity) })
	return page.Items, err
}

// knownRunbook adds the runbook of a filter if it is archived, and refuses one that
// doesn't exist: the page would show no incident and no reason.
func (s *Site) knownRunbook(c echo.Context, id string, runbooks *[]db.RunbookRow) error {
	if id == "" || slices.ContainsFunc(*runbooks, func(r db.RunbookRow) bool { return r.ID == id }) {
		return nil
	}
	r, err := s.Store.Runbook(c.Request().Context(), id)
	if incident.CodeOf(err) == incident.NotFound {
		return BadRequest("There is no runbook %s. It may have been deleted. Choose another one on the page of incidents.", quote(id))
	}
	*runbooks = append(*runbooks, db.RunbookRow{Runbook: r})
	return err
}

func (s *Site) incidentRow(c echo.Context, row db.IncidentRow) views.IncidentRow {
	i := row.Incident
	v := views.IncidentRow{
		Number: i.Number, Key: i.Key(), Name: i.Name, Severity: i.Severity, Resolved: i.Status == incident.StatusResolved,
		OpenedAt: s.When(c, i.CreatedAt), Opener: cmp.Or(i.OpenerEmail, i.CreatedBy), RunbookName: i.RunbookName, Lasted: s.lasted(i.CreatedAt, i.ResolvedAt),
		Drill: i.IsDrill(),
	}
	if row.Bridge != nil {
		b := s.Service.Shown(*row.Bridge)
		v.Verdict, v.Inside = verdict(b, s.Now()), b.Inside
		if b.State == incident.BridgeLive {
			v.Told = s.told(c, b)
		}
		if row.Link || b.Joinable() {
			v.JoinPath = "/j/" + i.Key()
		}
	}
	return v
}

// lasted is how long something took, or has taken so far, or "" before it began.
func (s *Site) lasted(from, to time.Time) string {
	if from.IsZero() {
		return ""
	}
	if to.IsZero() {
		if to = s.Now(); to.Sub(from) < time.Minute {
			return "under a minute" // the page doesn't count seconds
		}
	}
	return views.Length(max(0, to.Sub(from)))
}

// timelineShown is how many timeline entries a page shows at first.
const timelineShown = 100

// IncidentPage is GET /incidents/:number.
func (s *Site) IncidentPage(c echo.Context) error {
	if Actor(c).Recalled {
		if c.Request().Header.Get("HX-Request") != "" {
			return incident.ErrNoAnswer // the open page stays, and tries again
		}
		return c.Redirect(http.StatusSeeOther, "/j/"+url.PathEscape(c.Param("number"))) // which works from memory
	}
	return s.showIncident(c, http.StatusOK, refusedInput{})
}

// refusedInput is what a person typed on an incident's page and what is wrong with it:
// a new link of a bridge, or a note.
type refusedInput struct {
	bridgeID, link, note, noteKey string
	problem                       string
}

// showIncident renders the incident's page.
func (s *Site) showIncident(c echo.Context, status int, refused refusedInput) error {
	ctx := c.Request().Context()
	number, err := incidentNumber(c)
	if err != nil {
		return err
	}
	i, err := s.Store.Incident(ctx, number)
	if err != nil {
		return err
	}
	runs, err := s.Store.StepRuns(ctx, number)
	if err != nil {
		return err
	}
	bridges, err := s.Store.Bridges(ctx, number)
	if err != nil {
		return err
	}
	s.Service.KeepCall(i, bridges)
	names, err := s.bridgeNames(c, bridges)
	if err != nil {
		return err
	}
	limit := timelineShown
	if c.QueryParam("timeline") == "all" {
		limit = 5000
	}
	entries, err := s.Store.Timeline(ctx, number, limit+1)
	if err != nil {
		return err
	}

	page := s.incidentHead(c, i)
	page.CanAct = Actor(c).Role.Includes(incident.Responder)
	page.NoteKey = cmp.Or(refused.noteKey, uuid.NewString())
	if refused.bridgeID == "" {
		page.NoteTyped, page.NoteError = refused.note, refused.problem
	}
	if len(entries) > limit {
		entries, page.MoreURL = entries[:limit], incidentPath(number)+"?timeline=all"
	}
	for _, e := range entries {
		e.Data.Reasons = told(c, e.Data.Reasons...)
		said := entryWords(e, s.Now())
		entry := views.TimelineEntry{At: s.When(c, e.At), Kind: string(e.Kind), Text: said.Says(), Who: e.Actor, Bridge: names[e.BridgeID]}
		if fix := said.Fix(); fix != "" && Actor(c).Role.Includes(incident.Admin) {
			entry.Text += " " + fix
		}
		for _, a := range e.Data.Adjusted {
			if a.Text != "" {
				entry.More = append(entry.More, views.TimelineMore{Title: "“" + a.Field + "” as it arrived", Text: a.Text})
			}
		}
		for _, change := range said.Changes {
			for _, v := range change.Values() {
				entry.More = append(entry.More, views.TimelineMore{Title: v.Name, Text: v.Text})
			}
		}
		page.Entries = append(page.Entries, entry)
		if e.Kind == incident.EntryResolved && page.ResolvedBy == "" {
			page.ResolvedBy = e.Actor
		}
	}
	page.Entries = folded(page.Entries, entries)
	for n, b := range bridges {
		b = s.Service.Shown(b)
		block, err := s.bridgeBlock(c, i, b)
		if err != nil {
			return err
		}
		block.Name = names[b.ID]
		if n > 0 { // the incident's permanent link leads to the first
			block.PagePath += "?bridge=" + b.ID
			block.PageURL += "&bridge=" + b.ID
		}
		if b.ID == refused.bridgeID {
			block.LinkTyped, block.LinkError = refused.link, refused.problem
		}
		block.QR = qrCode(block.PageURL)
		if block.Attendance, err = s.attendance(c, b); err != nil {
			return err
		}
		if block.Alarms, err = s.callAlarm(c, i, b, false); err != nil {
			return err
		}
		page.Bridges = append(page.Bridges, block)
		if block.CanEnd {
			if page.Running == nil {
				page.Running = &views.Running{}
			}
			page.Running.Inside, page.Running.Unseen = page.Running.Inside+b.Inside, page.Running.Unseen || b.Watch.Unseen
		}
		// What a bridge says about the Zoom app needs no banner.
		if block.Cause != "" && slices.ContainsFunc(b.Reasons, incident.Reason.AccountWide) && page.Frame.Banner != nil && page.Frame.Banner.NoMeetings {
			page.Frame.Banner = nil
		}
		inside, waiting, err := s.people(c, b)
		if err != nil {
			return err
		}
		for _, people := range [][]views.Participant{inside, waiting} {
			for n := range people {
				people[n].Bridge = names[b.ID]
			}
		}
		page.Inside, page.Waiting = append(page.Inside, inside...), append(page.Waiting, waiting...)
	}
	if page.Steps, err = s.stepLines(c, i, runs, page.CanAct); err != nil {
		return err
	}
	return Render(c, status, views.Incident(page))
}

func (s *Site) incidentHead(c echo.Context, i incident.Incident) views.IncidentPage {
	page := views.IncidentPage{
		Frame:  s.Frame(c, i.Key()+" · "+i.Name, "incidents"),
		Number: i.Number, Key: i.Key(), Name: i.Name, Severity: i.Severity, Type: i.Type, Description: i.Description,
		Resolved: i.Status == incident.StatusResolved, OpenedAt: s.When(c, i.CreatedAt), OpenedBy: cmp.Or(i.OpenerEmail, i.CreatedBy),
		ResolvedAt: s.When(c, i.ResolvedAt), Lasted: s.lasted(i.CreatedAt, i.ResolvedAt),
		Source: "Form", RunbookName: i.RunbookName,
	}
	switch i.Source {
	case incident.SourceForm:
		if page.OpenedBy != i.CreatedBy {
			page.Source = "Form, filled in by " + i.CreatedBy
		}
	case incident.SourceDrill:
		page.Source = "Drill"
	case incident.SourceAPI:
		page.Source = "API, token " + i.CreatedBy
	}
	if i.RunbookVersion > 0 {
		page.RunbookName = fmt.Sprintf("%s, version %d", i.RunbookName, i.RunbookVersion)
		page.RunbookURL = versionPath(i.RunbookID, i.RunbookVersion)
	} else if Actor(c).Role.Includes(incident.Admin) {
		page.RunbookURL = "/runbooks/" + i.RunbookID
	}
	for _, name := range sortedNames(i.Vars) {
		if i.Vars[name] != "" {
			page.Variables = append(page.Variables, views.KeyValue{Key: name, Value: i.Vars[name]})
		}
	}
	return page
}

// people are those in a bridge and those who wait to get in.
func (s *Site) people(c echo.Context, b incident.Bridge) (inside, waiting []views.Participant, err error) {
	if b.State != incident.BridgeLive && b.Waiting == 0 {
		return nil, nil, nil
	}
	people, waits, err := s.Store.People(c.Request().Context(), b.ID)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range people {
		inside = append(inside, views.Participant{
			Name: words.Person(cmp.Or(strings.TrimSpace(p.Name), p.Email)), Email: p.Email, Since: s.When(c, p.JoinedAt),
			Host: p.Email != "" && strings.EqualFold(p.Email, b.HostEmail),
		})
	}
	for _, w := range waits {
		waiting = append(waiting, views.Participant{Name: words.Person(cmp.Or(strings.TrimSpace(w.Name), w.Email)), Email: w.Email, Since: s.When(c, w.Since)})
	}
	return inside, waiting, nil
}

// bridgeNames tells several bridges of an incident apart, by their numbers and the names
// of their steps, or their topics. It returns nil for a single bridge, which needs no name.
func (s *Site) bridgeNames(c echo.Context, bridges []incident.Bridge) (map[string]string, error) {
	if len(bridges) < 2 {
		return nil, nil
	}
	runs, err := s.Store.StepRuns(c.Request().Context(), bridges[0].IncidentNumber)
	names := map[string]string{}
	for n, b := range bridges {
		about := b.Topic
		if i := slices.IndexFunc(runs, func(r incident.StepRun) bool { return r.ID == b.StepRunID }); i >= 0 {
			about = cmp.Or(runs[i].Step.Name, about)
		}
		names[b.ID] = words.Bridge(n+1, about)
	}
	return names, err
}

// comings is how many joins and leaves in a row the timeline folds into one line.
const comings = 4

// folded puts joins and leaves in a row into one entry. entries are in the order of list.
func folded(entries []views.TimelineEntry, list []incident.TimelineEntry) (all []views.TimelineEntry) {
	for from := 0; from < len(entries); {
		to, joined, left := from, 0, 0
		for ; to < len(entries) && (list[to].Kind == incident.EntryJoined || list[to].Kind == incident.EntryLeft); to++ {
			if list[to].Kind == incident.EntryJoined {
				joined++
			} else {
				left++
			}
		}
		if to-from < comings {
			to = max(to, from+1)
			all = append(all, entries[from:to]...)
		} else {
			all = append(all, views.TimelineEntry{At: entries[from].At, Since: entries[to-1].At, Kind: string(incident.EntryJoined),
				Text: words.Comings(joined, left), Folded: entries[from:to]})
		}
		from = to
	}
	return all
}

// onlyEvents reports whether b failed because the Zoom app only sends events. That is
// no outage: people give such a bridge its link.
func onlyEvents(b incident.Bridge) bool {
	return slices.ContainsFunc(b.Reasons, func(r incident.Reason) bool { return r.Code == incident.ReasonOnlyEvents })
}

// canStart reports whether a page offers to start the call as its host. If the host runs
// another call, starting this one would end that.
func canStart(c echo.Context, i incident.Incident, b incident.Bridge) bool {
	_, full := b.HostFull()
	return !full && incident.MayHost(Actor(c), i, b) && b.Kind != incident.KindStatic && b.Joinable()
}

// bridgeBlock is one bridge as its incident's page shows it.
func (s *Site) bridgeBlock(c echo.Context, i incident.Incident, b incident.Bridge) (views.BridgeBlock, error) {
	accountWide := slices.ContainsFunc(b.Reasons, incident.Reason.AccountWide)
	b.Reasons = told(c, b.Reasons...)
	if i.Status == incident.StatusResolved {
		for n := range b.Reasons {
			b.Reasons[n].RetryAt = time.Time{} // not before it is reopened
		}
	}
	if b.Kind == incident.KindStatic && b.Joinable() { // the block names the link
		b.Reasons = slices.DeleteFunc(b.Reasons, func(r incident.Reason) bool { return r.Code == incident.ReasonStaticLink })
	}
	said := why(b, s.Now())
	block := views.BridgeBlock{
		ID: b.ID, State: string(b.State), Kind: string(b.Kind), Resolved: i.Status == incident.StatusResolved,
		JoinURL: b.JoinURL, PagePath: "/j/" + i.Key(), PageURL: s.Service.JoinPage(i),
		MeetingID: views.MeetingGroups(b.LinkedID()), Passcode: b.Passcode, PhonePasscode: b.PhonePasscode, DialIn: dialIn(b),
		Host: b.HostEmail, UsedBackup: b.UsedBackupUser, Why: said.Cause, Recording: string(b.Recording),
		Inside: b.Inside, Most: b.InsideMost, Unseen: b.Watch.Unseen, Told: s.told(c, b), StartedAt: s.When(c, b.StartedAt), EndedAt: s.When(c, b.EndedAt), Lasted: s.lasted(b.StartedAt, b.EndedAt),
		CanStart: canStart(c, i, b),
		CanAgain: b.State == incident.BridgeEnded && i.Status == incident.StatusOpen && Actor(c).Role.Includes(incident.Responder),
		CanEnd:   b.State == incident.BridgeLive && b.Kind != incident.KindStatic && Actor(c).Role.Includes(incident.Responder),
		CanRetry: b.State == incident.BridgeFailed && i.Status == incident.StatusOpen, CanReplace: b.Replaceable(), Verdict: verdict(b, s.Now()),
	}
	if b.Joinable() {
		block.ChangedAt = s.When(c, b.LinkChangedAt)
	}
	if b.Kind == incident.KindStatic && b.Joinable() {
		block.LinkName, block.LinkHost = linkName(b), incident.LinkHost(b.JoinURL)
		var err error
		if block.Shares, err = s.sharing(c, b); err != nil {
			return block, err
		}
	}
	if err := s.otherLinks(c, i, b, &block); err != nil {
		return block, err
	}
	if len(b.Recordings) > 0 {
		passcodes, err := s.Store.RecordingPasscodes(c.Request().Context(), b.ID)
		if err != nil {
			return block, err
		}
		for n, r := range b.Recordings {
			v := views.Recording{Link: recordingLink(n, b.Recordings), Passcode: passcodes[r.UUID].Reveal()}
			if !r.DeletesOn.IsZero() {
				v.Deletes = words.RecordingDeletes(r.DeletesOn, s.Now())
			}
			block.Recordings = append(block.Recordings, v)
		}
	}
	switch b.State {
	case incident.BridgeFailed, incident.BridgeUnknown:
		if onlyEvents(b) { // a retry helps only once the account can create meetings
			account, err := s.Store.Account(c.Request().Context())
			if err != nil {
				return block, err
			}
			block.CanRetry, block.NeedsLink = !account.OnlyEvents(), account.OnlyEvents()
		}
		block.Cause, block.Fix = said.Cause, said.Fix
		if !Actor(c).Role.Includes(incident.Responder) {
			block.Fix = words.ForViewers(reasonsWords(b.Reasons, s.Now()))
		}
		if b.State == incident.BridgeUnknown {
			if err := s.looks(c, b, &block); err != nil {
				return block, err
			}
		}
		if accountWide && Actor(c).Role.Includes(incident.Admin) {
			block.FixHref = "/account"
		}
		block.Host, block.Recording, block.Why = "", "", "" // they describe a meeting that doesn't exist
	case incident.BridgeNew, incident.BridgeCreating:
		attempts, err := s.Store.Attempts(c.Request().Context(), b.ID)
		if err != nil {
			return block, err
		}
		for _, a := range attempts[max(0, len(attempts)-latestAttempts):] {
			a.Reason = told(c, a.Reason)[0]
			block.Progress = append(block.Progress, progress(a, s.Now()))
		}
	case incident.BridgeReady, incident.BridgeLive:
		if b.Kind != incident.KindStatic {
			block.Checks = checkLines(b.Findings, s.Now())
			s.mends(c, b, &block)
			if f, full := b.HostFull(); full {
				block.Checks = append(checkLines([]incident.Finding{f}, s.Now()), block.Checks...)
			}
			if f, shared, err := s.hostShared(c, b); err != nil {
				return block, err
			} else if shared {
				block.Checks = append(block.Checks, checkLine(f, s.Now()))
			}
			for n := range block.Checks {
				if !Actor(c).Role.Includes(incident.Responder) {
					block.Checks[n].Fix = ""
				}
			}
		}
	case incident.BridgeEnded:
	}
	return block, nil
}

// hostShared is what is known about the other meetings of the host of a bridge.
func (s *Site) hostShared(c echo.Context, b incident.Bridge) (f incident.Finding, shared bool, err error) {
	if b.State != incident.BridgeReady {
		return f, false, nil
	}
	ctx := c.Request().Context()
	account, err := s.Store.Account(ctx)
	if err != nil {
		return f, false, err
	}
	loads, err := s.Store.HostLoads(ctx, incident.LoadsAt(s.Now(), []string{b.HostEmail}))
	f, shared = account.HostShared(b, loads[b.HostEmail], s.Now())
	return f, shared, err
}

// latestAttempts is how many attempts a page shows while another one runs.
const latestAttempts = 4

// looks fills in how often Drawbridge has looked for the meeting of a bridge, and when it
// looks again.
func (s *Site) looks(c echo.Context, b incident.Bridge, block *views.BridgeBlock) error {
	jobs, err := s.Store.LookJobs(c.Request().Context(), b.ID)
	if err != nil || len(jobs) == 0 {
		return err
	}
	attempts, err := s.Store.Attempts(c.Request().Context(), b.ID)
	if err != nil {
		return err
	}
	times := 0
	for _, a := range attempts {
		if a.State == incident.AttemptUnknown {
			times = max(times, a.Looks)
		}
	}
	block.Looks, block.CanLook = words.Looks(times, jobs[0].RunAt.Sub(s.Now())), true
	return nil
}

func progress(a incident.Attempt, now time.Time) views.BridgeProgress {
	p := views.BridgeProgress{Text: "Asking Zoom for a meeting hosted by " + a.HostEmail, State: "running", Note: reasonWords(a.Reason, now).Says().Cause}
	switch a.State {
	case incident.AttemptDone:
		p.State = "done"
	case incident.AttemptCalling:
	default:
		p.State = "failed"
	}
	return p
}

func recordingLink(n int, all []incident.RecordingLink) views.Link {
	l := views.Link{Text: "Recording", Href: all[n].URL}
	if len(all) > 1 {
		l.Text += " " + string(rune('1'+min(n, 8)))
	}
	if all[n].Transcript {
		l.Text += " with transcript"
	}
	if all[n].Gone {
		l.Text, l.Href = l.Text+" (deleted in Zoom)", ""
	}
	return l
}

// dialIn lists the phone numbers of a meeting. A tap on one dials it and enters the meeting ID.
func dialIn(b incident.Bridge) []views.DialIn {
	var list []views.DialIn
	for _, d := range b.DialIn {
		place := d.Country
		if d.City != "" {
			place += ", " + d.City
		}
		list = append(list, views.DialIn{Place: place, Number: d.Number, Tel: tel(d.Number, b.LinkedID(), b.PhonePasscode), Free: d.Type == "tollfree"})
	}
	return list
}

// tel is a URI of RFC 3966 with pauses: the number, then the meeting ID, no participant ID,
// and the passcode for phones, which differs from the one on the page.
func tel(number, meetingID, passcode string) string {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '+' {
			return r
		}
		return -1
	}, number)
	switch {
	case digits == "":
		return ""
	case meetingID == "":
		return "tel:" + digits
	}
	uri := "tel:" + digits + ",," + meetingID + "#"
	if passcode != "" {
		uri += ",,,,*" + passcode + "#"
	}
	return uri
}

// ResolveIncidentForm is POST /incidents/:number/resolve.
func (s *Site) ResolveIncidentForm(c echo.Context) error {
	number, err := incidentNumber(c)
	if err != nil {
		return err
	}
	form, err := ReadForm(c, "end", "inside")
	if err != nil {
		return err
	}
	ctx, path := c.Request().Context(), incidentPath(number)
	err = s.Service.ResolveIncident(ctx, Actor(c), number)
	if err != nil || form.Get("end") == "" {
		return s.finish(c, err, path, incident.Key(number)+" is resolved.")
	}
	return s.ended(c, s.Service.EndCalls(ctx, Actor(c), number, peopleSeen(form)), path, incident.Key(number)+" is resolved.")
}

// ReopenIncidentForm is POST /incidents/:number/reopen.
func (s *Site) ReopenIncidentForm(c echo.Context) error {
	return s.incidentVerb(c, s.Service.ReopenIncident, "is open again.")
}

func (s *Site) incidentVerb(c echo.Context, verb func(context.Context, incident.Actor, int64) error, said string) error {
	number, err := incidentNumber(c)
	if err != nil {
		return err
	}
	return s.finish(c, verb(c.Request().Context(), Actor(c), number), incidentPath(number), incident.Key(number)+" "+said)
}

// AddNoteForm is POST /incidents/:number/notes. The key of the form makes submitting it
// twice harmless.
func (s *Site) AddNoteForm(c echo.Context) error {
	number, err := incidentNumber(c)
	if err != nil {
		return err
	}
	form, err := ReadForm(c, "note", "idempotency_key")
	if err != nil {
		return err
	}
	note, key := form.Get("note"), form.Get("idempotency_key")

	err = s.Service.AddNote(c.Request().Context(), Actor(c), number, note, key)

	if message, fields, ok := Refusal(err); ok {
		return s.showIncident(c, http.StatusUnprocessableEntity, refusedInput{note: note, noteKey: key, problem: cmp.Or(fields["note"], message)})
	}
	return s.finish(c, err, incidentPath(number), "The note was added.")
}
