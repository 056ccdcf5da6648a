package e2e

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/cli"
	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/handlers"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/web"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// spot is a page in one state.
type spot struct {
	name string
	path string
	act  func(*tab) // what the test does on the page first
}

// scene is a world with data, and the spots to look at.
type scene struct {
	name  string
	email string // the user who is logged in; "" for nobody
	seed  func(context.Context, *world) error
	spots func(*testing.T, *world) []spot
}

var scenes = []scene{
	{"day", demoEmail, seedDay, daySpots},
	{"log", demoEmail, seedLog, logSpots},
	{"worst", demoEmail, seedWorst, worstSpots},
	{"empty", demoEmail, seedEmpty, emptySpots},
	{"stranger", "", seedStranger, strangerSpots},
	{"visitor", "", seedEmpty, visitorSpots},
}

// --- a day with incidents

// seedDay simulates a day without trouble.
func seedDay(ctx context.Context, w *world) error {
	w.clock.set(30 * time.Hour)
	if err := w.program.SeedDemo(ctx, w.sim, true); err != nil {
		return err
	}
	admin, err := w.admin(ctx)
	if err != nil {
		return err
	}
	for _, u := range []struct {
		email, name string
		role        incident.Role
	}{
		{"ravi@example.com", "Ravi Responder", incident.Responder},
		{"noor@example.com", "Noor Haddad", incident.Responder},
		{"vera@example.com", "Vera Viewer", incident.Viewer},
	} {
		if _, err := w.service.CreateUser(ctx, admin, u.email, u.name, u.role, demoPassword); err != nil {
			return err
		}
	}
	if err := w.connect(ctx, admin); err != nil {
		return err
	}
	if err := w.service.SaveOnCall(ctx, admin, []string{"ravi@example.com"}); err != nil {
		return err
	}
	for _, l := range []incident.Leftover{
		{MeetingID: "87685621847", HostEmail: "gone@example.com", Topic: "SEV2 Checkout answers slowly", Why: incident.LeftTwin, IncidentNumber: 2, Outcome: incident.LeftoverKept, Kept: incident.KeptHeld},
		{MeetingID: "87685621848", HostEmail: "gone@example.com", Topic: "SEV4 Backup of eu-west failed", Why: incident.LeftUnused, IncidentNumber: 4, Outcome: incident.LeftoverDeleted},
		{MeetingID: "87685621849", HostEmail: "gone@example.com", Topic: "Standby meeting", Why: incident.LeftStandby, Outcome: incident.LeftoverKept, Kept: incident.KeptUnsaid, Reason: incident.Reason{Code: incident.ReasonZoomSilent}},
	} {
		l.CreatedAt, l.LookedAt = w.clock.now().Add(-50*time.Hour), w.clock.now()
		if err := w.store.SaveLeftover(ctx, l); err != nil {
			return err
		}
	}
	outage, err := w.program.SeedRunbooks(ctx, admin)
	if err != nil {
		return err
	}
	outage.Steps[0].Meeting.LongHours, outage.Steps[0].Meeting.EmptyMinutes, outage.Steps[0].Name = 6, 10, "War room"
	if _, _, err := w.service.SaveRunbook(ctx, admin, outage); err != nil {
		return err
	}
	for _, name := range []string{"pager", "status page"} {
		if _, _, err := w.service.CreateToken(ctx, admin, name, []string{"incidents:write", "read"}, 0); err != nil {
			return err
		}
	}

	for _, i := range []struct {
		ago, lasts     time.Duration
		name, severity string
		opener, says   string
		people         []string
	}{
		{28 * time.Hour, 41 * time.Minute, "Search index is a day old", "SEV3", demoEmail, "The nightly build of the index did not run.", []string{"Ada Admin", "Ravi Responder"}},
		{19 * time.Hour, 95 * time.Minute, "Checkout answers slowly", "SEV2", "noor@partner.example", "p99 of POST /checkout went from 300 ms to 9 s after the 13:40 deploy.", []string{"Ravi Responder", "Noor Haddad", "Søren Ødegård", "Ada Admin", "Kim from payments"}},
		{11 * time.Hour, 18 * time.Minute, "Login page shows a blank screen", "SEV2", demoEmail, "", []string{"Ada Admin", "Vera Viewer"}},
		{5 * time.Hour, 52 * time.Minute, "Backup of eu-west failed", "SEV4", demoEmail, "Disk of backup-2 is full.", []string{"Ravi Responder"}},
		{14 * time.Minute, 0, "Database primary is down", "SEV1", "noor@partner.example", "Primary db-1 in eu-north does not answer since 02:10. Replicas serve reads.", []string{"Ravi Responder", "Noor Haddad", "Ada Admin", "Søren Ødegård"}},
		{3 * time.Minute, 0, "Certificates of the API gateway expire tonight", "SEV3", demoEmail, "", nil},
	} {
		w.clock.set(i.ago)
		opened, meeting, err := w.openIncident(ctx, admin, incident.OpenRequest{
			RunbookID: outage.ID, Name: i.name, Severity: i.severity, OpenerEmail: i.opener, Description: i.says,
			Source: "form", Vars: map[string]string{"customer": "all customers", "region": "eu-north"},
		})
		if err != nil {
			return err
		}
		var keys []string
		for n, name := range i.people {
			w.clock.set(i.ago - time.Duration(n+1)*50*time.Second)
			key, err := w.sim.Join(ctx, meeting, zoomsim.Person{Name: name})
			if err != nil {
				return err
			}
			keys = append(keys, key)
		}
		if i.lasts == 0 {
			continue
		}
		w.clock.set(i.ago - i.lasts/2)
		if err := w.sim.Leave(ctx, meeting, keys[0]); err != nil {
			return err
		}
		w.clock.set(i.ago - i.lasts)
		if err := w.sim.End(ctx, meeting); err != nil {
			return err
		}
		w.clock.set(i.ago - i.lasts - 4*time.Minute)
		if err := w.sim.CompleteRecording(ctx, meeting); err != nil {
			return err
		}
		if err := w.service.ResolveIncident(ctx, admin, opened.Number); err != nil {
			return err
		}
	}
	w.clock.set(6 * time.Minute)
	if _, err := w.service.CheckConnection(ctx, admin); err != nil {
		return err
	}
	if err := w.settled(ctx); err != nil {
		return err
	}
	return w.deliverSamples(ctx, "meeting.ended", "meeting.updated", "meeting.participant_left", "recording.completed", "user.updated")
}

// seedSteps saves a runbook with every kind of step, and with every way to enter what a
// condition compares with.
func seedSteps(ctx context.Context, w *world, admin incident.Actor) error {
	r := incident.Runbook{
		Name: "Every kind of step",
		Variables: []incident.Variable{
			{Name: "region", Label: "Region", Type: "choice", Choices: []string{"eu-north", "us-east", "ap-south"}},
			{Name: "customers", Label: "Customers", Type: "number"}, {Name: "release", Label: "Release", Type: "date"},
		},
	}
	for _, kind := range incident.StepKinds() {
		step := incident.NewStep(kind)
		if kind == incident.StepChecklist {
			step.Text = "Tell {{ vars.region }}"
		}
		r.Steps = append(r.Steps, step)
	}
	war := incident.NewStep(incident.StepCreateMeeting)
	war.Name, war.Schedule = "War room", incident.Schedule{
		When: incident.TriggerNobody, Wait: 5, OnlyIf: incident.Conditions{Any: []incident.Condition{
			{Field: "severity", Is: incident.IsOneOf, Value: []string{"SEV1", "SEV2"}},
			{Field: "vars.region", Is: incident.IsEqual, Value: []string{"us-east"}},
			{Field: "vars.release", Is: incident.IsAfter, Value: []string{"2026-11-01"}},
		}},
	}
	again := incident.NewStep(incident.StepChecklist)
	again.Name, again.Text, again.Schedule = "Status page", "Write what is known on the status page", incident.Schedule{
		When: incident.TriggerAfter, After: incident.After{Step: 1, Outcome: incident.OutcomeEither}, Wait: 10, Repeat: incident.Repeat{Every: 30, Times: 4},
		OnlyIf: incident.Conditions{All: []incident.Condition{
			{Field: "weekday", Is: incident.IsOneOf, Value: []string{"mon", "tue", "wed", "thu", "fri"}, Zone: "Europe/Oslo"},
			{Field: "time_of_day", Is: incident.IsBetween, Value: []string{"09:00", "17:00"}, Zone: "Europe/Oslo"},
			{Field: "severity", Is: incident.WentUp},
		}},
	}
	r.Steps = append(r.Steps, war, again)
	_, _, err := w.service.SaveRunbook(ctx, admin, r)
	return err
}

// deliverSamples delivers events as Zoom documents them, dated an hour ago. They are
// about meetings that are not bridges.
func (w *world) deliverSamples(ctx context.Context, names ...string) error {
	w.clock.set(time.Hour)
	defer w.clock.set(0)
	for _, name := range names {
		body, err := os.ReadFile("../zoom/testdata/events/" + name + ".json")
		if err != nil {
			return err
		}
		body = bytes.ReplaceAll(body, []byte("https://example.com/recording/"), []byte("https://zoom.us/rec/"))
		if err := w.deliver(ctx, body, w.clock.now()); err != nil {
			return err
		}
	}
	return w.settled(ctx)
}

// deliver posts a webhook that was signed at the given time.
func (w *world) deliver(ctx context.Context, body []byte, signed time.Time) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/webhook", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header = w.sim.Sign(body, signed)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// eventOf returns the path of the newest event of a type.
func (w *world) eventOf(t *testing.T, name string) string {
	t.Helper()
	page, err := w.store.EventRows(t.Context(), db.EventFilter{Events: []string{name}}, "", 1)
	if err != nil || len(page.Items) == 0 {
		t.Fatalf("no event of type %s: %v", name, err)
	}
	return fmt.Sprint("/events/", page.Items[0].ID)
}

// connect connects the simulator's app and checks the connection.
func (w *world) connect(ctx context.Context, admin incident.Actor) error {
	appID := demoAppID
	if _, err := w.service.SaveAccount(ctx, admin, incident.AccountForm{
		Auth: "server_to_server", ZoomAccountID: demoAccountID, ClientID: demoClientID, AppID: &appID, BackupUsers: cli.DemoPool,
		Secrets: map[incident.SecretName]string{incident.ClientSecret: demoClientSecret, incident.WebhookToken1: demoSecretToken},
	}); err != nil {
		return err
	}
	if _, err := w.sim.Validate(ctx); err != nil {
		return err
	}
	if err := w.validated(ctx); err != nil {
		return err
	}
	_, err := w.service.CheckConnection(ctx, admin, "ravi@example.com")
	return err
}

// openIncident opens an incident and returns the meeting ID of its bridge, "" if there
// is none.
func (w *world) openIncident(ctx context.Context, actor incident.Actor, r incident.OpenRequest) (incident.Incident, string, error) {
	i, _, err := w.service.OpenIncident(ctx, actor, r)
	if err != nil {
		return i, "", err
	}
	bridges, err := w.store.Bridges(ctx, i.Number)
	if err != nil || len(bridges) == 0 {
		return i, "", err
	}
	return i, bridges[0].MeetingID, nil
}

// settled waits until the stored events are read.
func (w *world) settled(ctx context.Context) error {
	for {
		did, err := w.service.ReadEvents(ctx)
		if did == 0 || err != nil {
			return err
		}
	}
}

// withPages adds a spot for each page of the route table, public or not, that list does
// not show in its initial state. A new page needs no spot of its own, unless its path
// has a parameter that only the scene knows.
func withPages(t *testing.T, public bool, list []spot) []spot {
	t.Helper()
	routes := web.Routes(web.Config{Site: &handlers.Site{}})
	seen := map[string]bool{}
	for _, s := range list {
		i := slices.IndexFunc(routes, func(r web.Route) bool {
			return r.Kind == web.Page && regexp.MustCompile("^"+parameter.ReplaceAllString(r.Path, "[^/]+")+"$").MatchString(s.path)
		})
		if i >= 0 && s.act == nil {
			seen[routes[i].Path] = true
		}
	}
	for _, r := range routes {
		name := cmp.Or(strings.ReplaceAll(r.Path[1:], "/", "-"), "overview")
		switch {
		case r.Kind != web.Page || (r.Need == web.Public) != public || seen[r.Path]:
		case slices.ContainsFunc(list, func(s spot) bool { return s.name == name }):
		case parameter.MatchString(r.Path):
			t.Fatalf("no spot shows %s: add one with such a path", r.Path)
		default:
			list = append(list, spot{name, r.Path, nil})
		}
	}
	return list
}

var parameter = regexp.MustCompile(`:\w+`)

func daySpots(t *testing.T, w *world) []spot {
	t.Helper()
	outage := w.runbookID(t, "Production outage")
	admin, err := w.admin(t.Context())
	if err == nil {
		err = seedSteps(t.Context(), w, admin)
	}
	if err != nil {
		t.Fatal(err)
	}
	steps := w.runbookID(t, "Every kind of step")
	openSteps := func(b *tab) {
		get[bool](b, `(document.querySelectorAll(".db-sc > details, .db-sched").forEach((d) => { d.open = true }), true)`)
	}
	ravi, err := w.store.UserByEmail(t.Context(), "ravi@example.com")
	if err != nil {
		t.Fatal(err)
	}
	return withPages(t, false, []spot{
		{"incident-live", "/incidents/5", nil},
		{"incident-note", "/incidents/5", func(b *tab) { b.click("a >> Add note") }},
		{"incident-ready", "/incidents/6", nil},
		{"incident-resolved", "/incidents/2", nil},
		{"incident-edit", "/incidents/6/edit", nil},
		{"incident-edit-conflict", "/incidents/6/edit", func(b *tab) { // somebody else edits it before Save
			b.allow("dialog beforeunload")
			edit := incident.IncidentEdit{Fields: map[string]string{"severity": "SEV4", "description": "It began at 14:02 UTC.\n\n" + strings.Repeat("Orders fail in every region. ", 8)}}
			if _, err := w.service.EditIncident(t.Context(), commandLine, 6, edit); err != nil {
				t.Fatal(err)
			}
			b.click("label >> SEV1")
			b.fill("#f-name", "")
			b.fill("#f-description", "Orders fail since 14:00.")
			b.click("button >> Save")
			b.wait("the refusal", `document.querySelector(".db-errors")`)
		}},
		{"incident-edited", "/incidents/6", nil},
		{"incidents-none-fits", "/incidents?q=nothing+is+called+this", nil},
		{"runbook", "/runbooks/" + outage, nil},
		{"runbook-open-step", "/runbooks/" + outage, func(b *tab) {
			b.click(".db-sc summary")
			b.click(".db-sc .db-fold summary")
			get[bool](b, `(document.activeElement.blur(), scrollTo(0, 0), true)`)
		}},
		{"runbook-insert", "/runbooks/" + outage, func(b *tab) {
			b.click(".db-sc summary")
			b.click("button[data-insert-for]")
		}},
		{"runbook-dry-run", "/runbooks/" + outage, func(b *tab) {
			get[bool](b, `(document.querySelectorAll("#preview details").forEach((d) => { d.open = true }), true)`)
		}},
		{"runbook-versions", "/runbooks/" + outage + "/versions", nil},
		{"runbook-version", "/runbooks/" + outage + "/versions/1", func(b *tab) { b.click("summary >> YAML of this version") }},
		{"runbook-version-newest", "/runbooks/" + outage + "/versions/2", nil},
		{"runbook-yaml", "/runbooks/" + outage + "/yaml", nil},
		{"runbook-yaml-refused", "/runbooks/" + outage + "/yaml", func(b *tab) {
			b.fill("#f-yaml", "runbooks:\n  - description: a\n    steps:\n      - kind: create_meeting\n        topic: \"{{ x\"\n")
			b.click("button >> Save")
			b.wait("the refusal", `document.querySelector("[role=alert]")`)
			get[bool](b, `(document.querySelector("form[data-guard]").removeAttribute("data-changed"), true)`)
		}},
		{"runbook-add-step", "/runbooks/" + outage, func(b *tab) { b.click("button[popovertarget=add-step]") }},
		{"runbook-steps", "/runbooks/" + steps, openSteps},
		{"runbook-steps-refused", "/runbooks/" + steps, func(b *tab) {
			b.allow("htmx:sendAbort") // a newer preview aborts an older one
			b.allow("htmx:afterRequest")
			openSteps(b)
			b.fill("[name='step.4.wait']", "soon")
			b.fill("[name='step.4.if.0.value']", ", ,")
			b.fill("[name='step.5.if.0.zone']", "Oslo")
			b.fill("[name='step.5.every']", "1")
			b.choose("[name='step.3.when']", "after_step")
			b.click("button[value='remove-variable:0']")
			b.wait("what is broken", `document.body.innerText.includes("The runbook has no variable “region”.")`)
			b.click("button >> Save")
			b.wait("the refusal", `document.querySelector("[name='step.5.every'][aria-invalid=true]")`)
			get[bool](b, `(document.querySelector("form[data-guard]").removeAttribute("data-changed"), true)`)
		}},
		{"runbook-delete", "/runbooks/" + outage, func(b *tab) { b.click("a[href='#delete']") }},
		{"run", "/runbooks/" + outage + "/run", nil},
		{"event", "/events", func(b *tab) {
			b.click("table.db-events tbody a.db-row-main")
			b.wait("the event", `document.querySelector("[data-db-detail]") && location.pathname !== "/events"`)
			b.click("[data-db-detail] summary >> Raw body")
			b.click("[data-db-detail] summary >> Headers")
			b.click("[data-db-detail] summary >> IDs")
		}},
		{"events-export", "/events/export?event=meeting.ended&range=7d", nil},
		{"events-exported", "/events/export?event=meeting.ended", func(b *tab) {
			b.click("button >> Download")
			b.wait("the end", `document.body.innerText.includes("Done: ")`)
		}},
		{"event-open", "/events", func(b *tab) {
			b.click("table.db-events tbody a.db-row-main >> participant joined")
			b.wait("the event", `document.querySelector("[data-db-detail]") && location.pathname !== "/events"`)
		}},
		{"event-recording", w.eventOf(t, "recording.completed"), nil},
		{"event-changed", w.eventOf(t, "meeting.updated"), func(b *tab) { b.click("[data-db-detail] summary >> Send it again with curl") }},
		{"event-user", w.eventOf(t, "user.updated"), func(b *tab) { b.click(".db-j-fold .db-j-fold summary") }},
		{"event-reprocessed", w.eventOf(t, "meeting.started"), func(b *tab) {
			b.click("button >> Reprocess")
			b.wait("what it changed", `document.body.innerText.includes("Drawbridge read the event again. Nothing changed.")`)
		}},
		{"events-filter", "/events", func(b *tab) { b.click("#more-filters summary") }},
		{"events-none-fits", "/events?q=nothing+says+this", nil},
		{"account-check", "/account", func(b *tab) {
			get[bool](b, `(document.activeElement.blur(), document.querySelector("#check").scrollIntoView({ block: "start" }), scrollBy(0, -20), true)`)
		}},
		{"account-jwt", "/account?auth=jwt", nil},
		{"user-new", "/settings/users?new=1", nil},
		{"user-edit", "/settings/users?edit=" + ravi.ID, nil},
		{"user-disable", "/settings/users?edit=" + ravi.ID, func(b *tab) { b.click("a[href='#disable-user']") }},
		{"token-new", "/settings/tokens?new=1", func(b *tab) {
			b.fill("#token-name", "pager of the night shift")
			b.click("button >> Create token")
			b.wait("the new token", `document.querySelector("#new-token-title")`)
		}},
		{"retention-preview", "/settings/retention", func(b *tab) {
			b.fill("#f-keep-0", "400")
			b.fill("#f-blank-0", "30")
			b.click("button >> Preview")
			b.wait("the preview", `document.querySelector("#preview")`)
		}},
		{"retention-refused", "/settings/retention", func(b *tab) {
			b.fill("#f-keep-0", "4")
			b.click("button >> Preview")
			b.wait("the refusal", `document.querySelector("[aria-invalid=true]")`)
		}},
		{"help", "/", func(b *tab) { b.press("?") }},
		{"not-found", "/nothing/here", nil},
		{"join", "/j/INC-5", nil},
		{"join-ready", "/j/INC-6", nil},
		{"join-over", "/j/INC-2", nil},
	})
}

// --- everything is too long or broken

const (
	longWord = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft"
	longName = longWord + " in the north-west and in the south-east has lost both uplinks, and the third one is slow " + longWord
)

// seedWorst creates an account with long names, failures and problems that need
// attention.
func seedWorst(ctx context.Context, w *world) error {
	if err := seedEmpty(ctx, w); err != nil {
		return err
	}
	admin, err := w.admin(ctx)
	if err != nil {
		return err
	}
	if err := w.connect(ctx, admin); err != nil {
		return err
	}
	if _, err := w.service.CreateUser(ctx, admin, strings.ToLower(longWord[:60])+"@"+strings.ToLower(longWord[:60])+".example.com", longWord, incident.Responder, demoPassword); err != nil {
		return err
	}
	meeting := incident.NewMeetingTemplate()
	meeting.Topic = "{{ incident.name }} {{ vars." + strings.ToLower(longWord[:40]) + " }}"
	runbook, _, err := w.service.SaveRunbook(ctx, admin, incident.Runbook{
		Name: longWord + " " + longWord[:30], IncidentType: longWord[:60], Description: longName,
		Variables: []incident.Variable{
			{Name: strings.ToLower(longWord[:40]), Label: longWord[:80], Type: "choice", Choices: []string{longWord, longName}, Help: longName[:200]},
			{Name: "when", Label: "When", Type: "date"}, {Name: "many", Label: "How many", Type: "number", Required: true, Default: "3"},
		},
		Steps: []incident.Step{{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: meeting}, {Kind: incident.StepCreateMeeting, Meeting: meeting}},
	})
	if err != nil {
		return err
	}
	runbook.Steps[0].Meeting.Agenda, runbook.Steps[1].Name, runbook.Description = longName+"\n\n"+longWord, longWord, longWord
	if _, _, err := w.service.SaveRunbook(ctx, admin, runbook); err != nil {
		return err
	}
	open := func(name string) (string, error) {
		_, meeting, err := w.openIncident(ctx, admin, incident.OpenRequest{RunbookID: runbook.ID, Name: name, Severity: "SEV1",
			Description: longName + "\n\n" + longWord, Source: "form", Vars: map[string]string{"many": "3", strings.ToLower(longWord[:40]): longWord}})
		return meeting, err
	}
	w.clock.set(time.Hour)
	id, err := open(longName[:200]) // INC-1: live
	if err != nil {
		return err
	}
	for _, name := range []string{longWord, longName, "\u202etxt.exe\u202c Ana\u200b", "يوم سيئ للشبكة"} {
		if _, err := w.sim.Join(ctx, id, zoomsim.Person{Name: name}); err != nil {
			return err
		}
	}
	// INC-2: Zoom overwrites settings. INC-3: failed bridge. INC-4: unknown bridge.
	w.sim.SetFaults(func(f *zoomsim.Faults) { f.OverwriteSettings = true })
	if _, err := open("Settings overwritten"); err != nil {
		return err
	}
	w.sim.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{TokenRefused: true} })
	if _, err := open("The bridge failed"); err != nil {
		return err
	}
	w.sim.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{Down: true, Only: "POST /users/{userId}/meetings"} })
	if _, err := open("Zoom does not answer"); err != nil {
		return err
	}
	w.sim.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{Down: true} })
	w.clock.set(0)
	if _, err := w.service.CheckConnection(ctx, admin, "basic@example.com"); err != nil {
		return err
	}
	// Rejected requests, and a stale event.
	for range 3 {
		response, err := http.Post(w.url+"/webhook", "application/json", strings.NewReader(`{"event":"meeting.ended"}`))
		if err != nil {
			return err
		}
		response.Body.Close()
	}
	w.clock.set(3 * time.Hour)
	body := fmt.Sprintf(`{"event":"meeting.%s","payload":{"account_id":"x","object":{"id":"1","topic":%q}},"event_ts":%d}`, strings.ToLower(longWord), longName, w.clock.now().UnixMilli())
	signed := w.clock.now()
	w.clock.set(0)
	if err := w.deliver(ctx, []byte(body), signed); err != nil {
		return err
	}
	return w.settled(ctx)
}

func worstSpots(t *testing.T, w *world) []spot {
	t.Helper()
	runbook := w.runbookID(t, longWord+" "+longWord[:30])
	return []spot{
		{"overview", "/", nil},
		{"incidents", "/incidents", nil},
		{"incident-long", "/incidents/1", nil},
		{"incident-overwritten", "/incidents/2", nil},
		{"incident-failed", "/incidents/3", nil},
		{"incident-link", "/incidents/3", func(b *tab) { b.click("a >> Use another link") }},
		{"incident-link-refused", "/incidents/3", func(b *tab) {
			b.click("a >> Use another link")
			b.fill("dialog[open] input[name=join_url]", "not a link")
			b.click("dialog[open] button >> Use this link")
			b.wait("the refusal", `document.querySelector("input[name=join_url][aria-invalid=true]")`)
		}},
		{"incident-unknown", "/incidents/4", nil},
		{"runbooks", "/runbooks", nil},
		{"runbook", "/runbooks/" + runbook, nil},
		{"runbook-refused", "/runbooks/" + runbook, func(b *tab) {
			b.click(".db-sc summary")
			b.fill("[name='step.0.topic']", "{{ incident.nam }} {% for x in (1..9) %}")
			b.wait("errors in the preview", `document.querySelector("#preview-body .db-preview-error")`)
			b.click("button >> Save")
			b.wait("the refusal", `document.querySelector("[aria-invalid=true]")`)
			get[bool](b, `(document.querySelector("form[data-guard]").removeAttribute("data-changed"), true)`)
		}},
		{"runbook-versions", "/runbooks/" + runbook + "/versions", nil},
		{"runbook-version", "/runbooks/" + runbook + "/versions/2", nil},
		{"runbook-yaml", "/runbooks/" + runbook + "/yaml", nil},
		{"run", "/runbooks/" + runbook + "/run", nil},
		{"run-refused", "/runbooks/" + runbook + "/run", func(b *tab) {
			b.fill("[name='vars.many']", "many")
			b.click("button >> Open incident")
			b.wait("the refusal", `document.querySelector("[aria-invalid=true]")`)
		}},
		{"bridges", "/bridges", nil},
		{"events", "/events", nil},
		{"event-stale", "/events", func(b *tab) {
			b.click("table.db-events tbody a.db-row-main")
			b.wait("the event", `document.querySelector("[data-db-detail]") && location.pathname !== "/events"`)
		}},
		{"account", "/account", nil},
		{"account-refused", "/account", func(b *tab) {
			b.fill("#f-backup_user_emails", "nobody")
			b.fill("#f-account_id", "")
			b.click("button >> Save account and check")
			b.wait("the refusal", `document.querySelector("[aria-invalid=true]")`)
		}},
		{"users", "/settings/users", nil},
		{"user-refused", "/settings/users?new=1", func(b *tab) {
			b.click("button >> Create invitation link")
			b.wait("the refusal", `document.querySelector("[aria-invalid=true]")`)
		}},
		{"audit", "/settings/audit", nil},
		{"join-long", "/j/INC-1", nil},
		{"join-overwritten", "/j/INC-2", nil},
		{"join-failed", "/j/INC-3", nil},
		{"join-unknown", "/j/INC-4", nil},
	}
}

// --- an empty database, and pages without login

func seedEmpty(ctx context.Context, w *world) error {
	_, err := w.service.CreateUser(ctx, commandLine, demoEmail, "Ada Admin", incident.Admin, demoPassword)
	return err
}

func emptySpots(t *testing.T, w *world) []spot {
	return []spot{
		{"overview", "/", nil},
		{"incidents", "/incidents", nil},
		{"runbooks", "/runbooks", nil},
		{"bridges", "/bridges", nil},
		{"events", "/events", nil},
		{"account", "/account", nil},
		{"users", "/settings/users", nil},
		{"tokens", "/settings/tokens", nil},
		{"audit", "/settings/audit", nil},
	}
}

func seedStranger(context.Context, *world) error { return nil }

// visitorSpots are for people who aren't logged in, once there is an admin.
func visitorSpots(*testing.T, *world) []spot {
	return []spot{
		{"login-forgot", "/login", func(b *tab) { b.click("summary >> Forgot your password?") }},
		{"login-refused", "/login", func(b *tab) {
			b.fill("#f-email", demoEmail)
			b.fill("#f-password", "not the password")
			b.click("button >> Log in")
			b.wait("the refusal", `document.querySelector("[role=alert]")`)
		}},
	}
}

func strangerSpots(t *testing.T, w *world) []spot {
	t.Helper()
	token, err := w.service.SetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return withPages(t, true, []spot{
		{"setup-unknown", "/setup?token=nonsense", nil},
		{"setup", "/setup?token=" + token, nil},
		{"setup-refused", "/setup?token=" + token, func(b *tab) {
			b.fill("#f-name", "Ada")
			b.fill("#f-email", demoEmail)
			b.fill("#f-password", "short")
			b.click("button >> Create admin")
			b.wait("the refusal", `document.querySelector("[aria-invalid=true]")`)
		}},
		{"not-found", "/nothing/here", nil},
		{"join", "/j/INC-1", nil},
	})
}
