package handlers_test

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// hostile is text that would run as a script if a page treated it as HTML.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'{{7*7}}` + "\u202e"

// open opens an incident from the command line, so that the backup user hosts.
func (o *office) open(r incident.Runbook, change ...func(*incident.OpenRequest)) incident.Incident {
	o.t.Helper()
	req := incident.OpenRequest{RunbookID: r.ID, Name: "db down", Severity: "SEV1", Description: "It does not answer.", Source: "form"}
	for _, f := range change {
		f(&req)
	}
	i, _, err := o.service.OpenIncident(context.Background(), theConsole, req)
	o.must(err)
	return i
}

func (o *office) incident(number int64) incident.Incident {
	o.t.Helper()
	i, err := o.store.Incident(context.Background(), number)
	o.must(err)
	return i
}

// bridge returns the only bridge of an incident.
func (o *office) bridge(number int64) incident.Bridge {
	o.t.Helper()
	list, err := o.store.Bridges(context.Background(), number)
	o.must(err)
	if len(list) != 1 {
		o.t.Fatalf("the incident has %d bridges, want 1", len(list))
	}
	return list[0]
}

func (o *office) stepRun(number int64) incident.StepRun {
	o.t.Helper()
	list, err := o.store.StepRuns(context.Background(), number)
	o.must(err)
	return list[0]
}

// manual returns a runbook with a step that waits for a person.
func (o *office) manual() incident.Runbook {
	o.t.Helper()
	r, _, err := o.service.SaveRunbook(context.Background(), theConsole, incident.Runbook{
		Name: "By hand", Steps: []incident.Step{{Kind: incident.StepCreateMeeting, Meeting: incident.NewMeetingTemplate()}},
	})
	o.must(err)
	return r
}

func (o *office) faults(f zoomsim.Faults) {
	o.sim.SetFaults(func(have *zoomsim.Faults) { *have = f })
}

// asked counts the calls of a Zoom operation.
func (o *office) asked(operation string) (n int) {
	for _, c := range o.sim.Calls() {
		if c.Operation == operation {
			n++
		}
	}
	return n
}

const create = "POST /users/{userId}/meetings"

func (o *office) nobody() *tab { return &tab{o: o, cookies: map[string]string{}} }

// guardPage checks that a page is shown only to people who are logged in with the role
// that it needs, or a higher one.
func guardPage(t *testing.T, o *office, path string, below *tab) {
	t.Helper()
	want := "/login"
	if path != "/" {
		want += "?next=" + url.QueryEscape(path)
	}
	if r := o.nobody().get(path); r.status != http.StatusSeeOther || r.header.Get("Location") != want {
		t.Errorf("%s: nobody gets status %d to %q, want %q", path, r.status, r.header.Get("Location"), want)
	}
	if below != nil {
		below.get(path).want(t, http.StatusForbidden, "Your role doesn’t allow this")
	}
}

// wantInert checks that hostile text on a page is only text: no script but ours, no
// handler, no frame, and no link that runs code.
func wantInert(t testing.TB, r reply) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		src := ""
		for _, a := range n.Attr {
			value := strings.ToLower(strings.TrimSpace(a.Val))
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "srcdoc":
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			case a.Key == "value":
			case strings.HasPrefix(value, "javascript:"), strings.HasPrefix(value, "data:text"):
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			case a.Key == "src":
				src = a.Val
			}
		}
		switch n.Data {
		case "script":
			if !strings.HasPrefix(src, "/static/") || n.FirstChild != nil {
				t.Errorf("a script that is not ours: %q", src)
			}
		case "iframe", "object", "embed", "base", "img":
			t.Errorf("<%s src=%q>", n.Data, src)
		}
	}
}

// Open incident leads to the form of the runbook that was used last, where another can be
// chosen.
func TestNewIncident(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	testGuard(t, o, "/runbooks/sample", incident.Admin)
	guardPage(t, o, "/incidents/new", o.as(incident.Viewer))
	b, admin := o.logIn("responder@example.com"), o.as(incident.Admin)

	b.get("/incidents/new").want(t, http.StatusOK, "No runbook yet", "An admin writes the first one.")
	admin.get("/incidents/new").want(t, http.StatusOK, "No runbook yet", "Create the sample runbook")
	admin.post("/runbooks/sample").leadsTo(admin, "/incidents/new", "The runbook “Incident” was created.", "What’s wrong?")
	if got := o.trail(); got[len(got)-1] != "runbook.create Incident" {
		t.Errorf("audit trail %q", got)
	}
	if page := b.get("/incidents/new"); strings.Contains(page.body, `name="runbook"`) {
		t.Error("the only runbook has to be chosen")
	}

	o.connect()
	first, used := o.outage(), o.manual()
	o.open(used)
	page := b.get("/incidents/new")
	page.want(t, http.StatusOK, "Open incident", "By hand", "Production outage", "Incident")
	if !strings.Contains(page.body, `action="/runbooks/`+used.ID+`/run"`) {
		t.Error("the runbook that was used last is not the first choice")
	}
	page = b.get("/incidents/new?runbook=" + first.ID + "&name=db+down&severity=SEV2&description=Since+9.&opener_email=bo%40example.com")
	page.want(t, http.StatusOK, "Customer", "Since 9.")
	if !strings.Contains(page.body, `action="/runbooks/`+first.ID+`/run"`) || page.value("name") != "db down" || page.value("opener_email") != "bo@example.com" {
		t.Errorf("what was typed is lost: %q, %q", page.value("name"), page.value("opener_email"))
	}
	b.get("/incidents/new?runbook=nothing").want(t, http.StatusNotFound)
	o.must(o.service.SetRunbookDisabled(context.Background(), theConsole, used.ID, true))
	if page := b.get("/incidents/new"); strings.Contains(page.text(), "By hand") {
		t.Error("a disabled runbook can be chosen")
	}
	testBroken(t, o, "runbooks", func() reply { return b.get("/incidents/new") })
}

func TestRunForm(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.sim.AddUser(zoomsim.User{Email: "responder@example.com", JoinBeforeHost: true, CloudRecording: true})
	r := o.outage()
	path := "/runbooks/" + r.ID + "/run"
	testGuard(t, o, path, incident.Responder, "name", "db down", "idempotency_key", "k")
	viewer := o.logIn("viewer@example.com")
	guardPage(t, o, path, viewer)
	if o.asked(create) > 0 {
		t.Fatal("Zoom was asked for a meeting")
	}
	b := o.as(incident.Responder)

	page := b.get(path)
	page.want(t, http.StatusOK, "Production outage", "When customers notice.", "Customer", "Create Zoom meeting", "automatically")
	if page.value("opener_email") != "responder@example.com" || page.value("vars.customer") != "all" {
		t.Errorf("opener %q, customer %q", page.value("opener_email"), page.value("vars.customer"))
	}
	key := page.value("idempotency_key")
	if len(key) < 20 || key == b.get(path).value("idempotency_key") {
		t.Errorf("two forms have the key %q", key)
	}
	fields := func(changes ...string) []string {
		return append([]string{"name", "db down", "severity", "SEV2", "description", "Since 9.\r\nAll of it.", "opener_email", "responder@example.com", "vars.customer", "Acme", "idempotency_key", key}, changes...)
	}

	t.Run("rejected: what was typed comes back", func(t *testing.T) {
		r := b.post(path, "name", "", "severity", "SEV2", "description", hostile, "opener_email", "x"+hostile, "vars.customer", hostile, "idempotency_key", key)
		r.want(t, http.StatusUnprocessableEntity, "Describe in a few words what is wrong.", "This isn’t an email address.")
		for name, want := range map[string]string{"description": hostile, "opener_email": "x" + hostile, "vars.customer": hostile, "idempotency_key": key} {
			if got := r.value(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if strings.Contains(r.text(), "The bridge may be delayed") {
			t.Error("a form that is refused says that Zoom is the problem")
		}
		if !regexp.MustCompile(`value="SEV2"[^>]*checked`).MatchString(r.body) {
			t.Error("the severity that was chosen is not chosen any more")
		}
		wantInert(t, r)
	})
	t.Run("F-34 too long", func(t *testing.T) {
		r := b.post(path, "name", strings.Repeat("ø", 201), "description", strings.Repeat("é", 4001), "vars.customer", strings.Repeat("å", 1001))
		r.want(t, http.StatusUnprocessableEntity, "Use at most 200 characters", "Use at most 4000 characters", "Use at most 1000 characters")
		if got := r.value("name"); got != strings.Repeat("ø", 201) {
			t.Errorf("name is cut to %d bytes", len(got))
		}
	})
	t.Run("F-31 unknown fields", func(t *testing.T) {
		b.post(path, fields("role", "admin")...).want(t, http.StatusBadRequest)
		b.post(path, fields("name", "twice")...).want(t, http.StatusBadRequest)
		b.post(path, fields("dedup_key", "x")...).want(t, http.StatusBadRequest)
	})
	t.Run("a runbook that doesn’t exist", func(t *testing.T) {
		b.get("/runbooks/nothing/run").want(t, http.StatusNotFound)
		b.post("/runbooks/nothing/run", fields()...).want(t, http.StatusNotFound)
	})
	if n := o.asked(create); n > 0 || len(o.trail()) > 2 {
		t.Fatalf("Zoom was asked %d times, audit trail %q; want nothing done yet", n, o.trail())
	}

	t.Run("done", func(t *testing.T) {
		next := b.post(path, fields()...).leadsTo(b, "/incidents/1", "INC-1", "db down", "SEV2", "Everyone can get in", "Hosted by responder@example.com", "Join", "Passcode", "Acme", "Since 9. All of it.")
		i, bridge := o.incident(1), o.bridge(1)
		if i.Vars["customer"] != "Acme" || i.Source != "form" || i.CreatedBy != "responder@example.com" || i.Description != "Since 9.\nAll of it." {
			t.Errorf("stored %+v", i)
		}
		if bridge.State != incident.BridgeReady || bridge.Topic != "INC-1 Acme" || !strings.Contains(next.body, bridge.JoinURL) {
			t.Errorf("bridge %+v", bridge)
		}
		if strings.Contains(next.body, "zak=") {
			t.Error("the page holds the start link")
		}
		if got := o.trail(); got[len(got)-1] != "incident.open db down" {
			t.Errorf("audit trail %q", got)
		}
		if o.asked(create) != 1 || o.asked("POST /oauth/token") != 1 || len(o.sim.Calls()) != 2 {
			t.Errorf("calls %+v, want one for a token and one for the meeting", o.sim.Calls())
		}
	})
	t.Run("F-35 the back button", func(t *testing.T) {
		b.post(path, fields()...).leadsTo(b, "/incidents/1", "This form was already submitted. This is the incident it opened.")
		if n := o.asked(create); n != 1 {
			t.Errorf("Zoom was asked %d times", n)
		}
	})
	t.Run("F-35 a double click", func(t *testing.T) {
		var wg sync.WaitGroup
		replies := make([]reply, 4)
		twice := b.get(path).value("idempotency_key")
		for n := range replies {
			mine := &tab{o: o, cookies: map[string]string{}}
			for name, value := range b.cookies {
				mine.cookies[name] = value
			}
			wg.Go(func() {
				replies[n] = mine.post(path, "name", "twice", "vars.customer", "x", "idempotency_key", twice)
			})
		}
		wg.Wait()
		for _, r := range replies {
			if r.status != http.StatusSeeOther || r.header.Get("Location") != "/incidents/2" {
				t.Errorf("status %d to %q", r.status, r.header.Get("Location"))
			}
		}
		if n := len(o.sim.Meetings()); n != 2 {
			t.Errorf("Zoom has %d meetings, want one for each of two incidents", n)
		}
	})
	t.Run("F-35 the back button, to the address with the form's key", func(t *testing.T) {
		again := b.get(path).value("idempotency_key")
		if got := b.get(path + "?form=" + again).value("idempotency_key"); got != again {
			t.Errorf("the form of the key %s has the key %s", again, got)
		}
		mine := fields()
		mine[len(mine)-1] = again
		opened := b.post(path, mine...).header.Get("Location")
		if r := b.get(path + "?form=" + again); r.status != http.StatusSeeOther || r.header.Get("Location") != opened || !strings.HasPrefix(opened, "/incidents/") {
			t.Errorf("status %d to %q, want the incident the form opened", r.status, r.header.Get("Location"))
		}
		b.get(path+"?form=x%22").want(t, http.StatusOK, "What’s wrong?")
	})
	t.Run("disabled", func(t *testing.T) {
		o.must(o.service.SetRunbookDisabled(context.Background(), theConsole, r.ID, true))
		b.get(path).want(t, http.StatusOK, "This runbook can’t be used", "An admin can enable it")
		b.post(path, "name", "x", "vars.customer", "y").want(t, http.StatusUnprocessableEntity, "This runbook can’t be used")
		o.must(o.service.SetRunbookDisabled(context.Background(), theConsole, r.ID, false))
	})
	t.Run("deleted", func(t *testing.T) {
		archived, err := o.service.DeleteRunbook(context.Background(), theConsole, r.ID)
		o.must(err)
		if !archived {
			t.Fatal("not archived")
		}
		b.get(path).want(t, http.StatusOK, "This runbook is archived")
		b.post(path, "name", "x", "vars.customer", "y").want(t, http.StatusUnprocessableEntity, "This runbook is archived")
	})
	t.Run("broken", func(t *testing.T) {
		path := "/runbooks/" + o.manual().ID + "/run"
		testBroken(t, o, "incidents", func() reply { return b.post(path, "name", "x") })
		testBroken(t, o, "runbooks", func() reply { return b.get(path) })
	})
}

func TestRunWithoutZoom(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := o.outage()
	b := o.as(incident.Responder)
	b.get("/runbooks/"+r.ID+"/run").want(t, http.StatusOK, "Zoom isn’t connected yet")
	b.post("/runbooks/"+r.ID+"/run", "name", "", "vars.customer", "y").want(t, http.StatusUnprocessableEntity, "Zoom isn’t connected yet", "Describe in a few words")
	b.post("/runbooks/"+r.ID+"/run", "name", "db down", "vars.customer", "y").
		leadsTo(b, "/incidents/1", "No Zoom app is connected.", "Retry", "Use another link")
	join := b.get("/j/INC-1")
	join.want(t, http.StatusOK, "Couldn’t create the bridge", "Drawbridge couldn’t create the bridge. The people")
	if strings.Contains(join.text(), "Zoom") {
		t.Errorf("the join page speaks of the Zoom app: %s", join.text())
	}
}

func TestIncidentPage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	r := o.outage()
	o.open(r, func(q *incident.OpenRequest) {
		q.Name, q.Description, q.Severity, q.Vars = hostile, hostile, `"><b>`, map[string]string{"customer": hostile}
	})
	responder, viewer := o.as(incident.Responder), o.as(incident.Viewer)
	guardPage(t, o, "/incidents/1", nil)

	t.Run("F-10 hostile text is text", func(t *testing.T) {
		for _, path := range []string{"/incidents/1", "/incidents", "/bridges", "/j/INC-1", "/"} {
			r := responder.get(path)
			r.want(t, http.StatusOK, "<script>alert(1)</script>")
			wantInert(t, r)
		}
	})
	t.Run("a viewer isn’t offered what only others may do", func(t *testing.T) {
		page := viewer.get("/incidents/1")
		page.want(t, http.StatusOK, "Join")
		if strings.Contains(page.body, `<form method="post" action="/incidents`) || strings.Contains(page.body, `action="/bridges`) {
			t.Error("a viewer is offered an action")
		}
	})
	t.Run("T-ids numbers in every way", func(t *testing.T) {
		for _, id := range []string{"1", "INC-1", "inc-1"} {
			viewer.get("/incidents/"+id).want(t, http.StatusOK, "INC-1")
		}
		for _, id := range []string{"2", "0", "-1", "+1", "1e0", "0x1", "1.0", "INC-", "INC--1", "９", "99999999999999999999", "1;x", "1%00", "%2e%2e", "1%0a"} {
			if r := viewer.get("/incidents/" + id); r.status != http.StatusNotFound && r.status != http.StatusBadRequest {
				t.Errorf("/incidents/%s: status %d, want 404", id, r.status)
			}
		}
	})
	t.Run("how to allow the host of a recording is for admins", func(t *testing.T) {
		o.must(o.store.AddTimeline(context.Background(), incident.TimelineEntry{ID: "rec", IncidentNumber: 1, At: o.clock(),
			Kind: incident.EntryRecordingLinkDropped, Data: incident.TimelineData{Link: "rec.example"}}))
		const fix = "add its domain to DRAWBRIDGE_ZOOM_DOMAINS"
		page := responder.get("/incidents/1")
		page.want(t, http.StatusOK, "A link to it leads to rec.example")
		if strings.Contains(page.text(), fix) {
			t.Error("a responder reads it")
		}
		o.as(incident.Admin).get("/incidents/1").want(t, http.StatusOK, "A link to it leads to rec.example", fix)
	})
	t.Run("a long timeline is shown in parts", func(t *testing.T) {
		var entries []incident.TimelineEntry
		for n := range 150 {
			entries = append(entries, incident.TimelineEntry{ID: fmt.Sprint("e", n), IncidentNumber: 1, At: o.clock().Add(time.Duration(n) * time.Second), Kind: incident.EntryNote, Data: incident.TimelineData{Text: fmt.Sprintf("Note %03d.", n)}})
		}
		o.must(o.store.AddTimeline(context.Background(), entries...))
		page := viewer.get("/incidents/1")
		page.want(t, http.StatusOK, "Note 149.", "Note 050.", "Earlier entries")
		if strings.Contains(page.text(), "Note 049.") || strings.Contains(page.text(), "Opened with") {
			t.Error("more than the first hundred entries are shown")
		}
		all := viewer.get("/incidents/1?timeline=all")
		all.want(t, http.StatusOK, "Note 000.", "Opened with the runbook")
		if strings.Contains(all.text(), "Earlier entries") {
			t.Error("there is more than all")
		}
	})
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "timeline_entries", func() reply { return viewer.get("/incidents/1") })
	})
}

func TestResolveIncident(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	i := o.open(o.outage(), func(q *incident.OpenRequest) { q.DedupKey = "alert-7" })
	testGuard(t, o, "/incidents/1/resolve", incident.Responder)
	b := o.as(incident.Responder)
	o.logIn("viewer@example.com").post("/incidents/1/reopen").want(t, http.StatusForbidden)

	o.wait(90 * time.Minute)
	b.post("/incidents/1/reopen").leadsTo(b, "/incidents/1", "The incident is no longer resolved.")
	b.post("/incidents/1/resolve").leadsTo(b, "/incidents/1", "INC-1 is resolved.", "Reopen", "by responder@example.com", "1 h 30 min")
	if got := o.incident(1); got.Status != incident.StatusResolved || got.ResolvedAt.IsZero() {
		t.Errorf("stored %+v", got)
	}
	b.post("/incidents/1/resolve").leadsTo(b, "/incidents/1", "The incident is no longer open.")

	second := o.open(o.runbook(i.RunbookID), func(q *incident.OpenRequest) { q.DedupKey = "alert-7" })
	b.post("/incidents/1/reopen").leadsTo(b, "/incidents/1", "Another open incident has the same deduplication key. Resolve that one first.")
	b.post(fmt.Sprintf("/incidents/INC-%d/resolve", second.Number)).leadsTo(b, "/incidents/2", "INC-2 is resolved.")
	b.post("/incidents/1/reopen").leadsTo(b, "/incidents/1", "INC-1 is open again.", "Resolve")
	if got := o.incident(1); got.Status != incident.StatusOpen || !got.ResolvedAt.IsZero() {
		t.Errorf("stored %+v", got)
	}
	b.post("/incidents/999/resolve").want(t, http.StatusNotFound)
	b.post("/incidents/abc/resolve").want(t, http.StatusNotFound)
	o.wantTrail("account.save", "runbook.create Production outage", "incident.open db down", "incident.resolved INC-1",
		"incident.open db down", "incident.resolved INC-2", "incident.reopened INC-1")
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "audit_entries", func() reply { return b.post("/incidents/1/resolve") })
		if o.incident(1).Status != incident.StatusOpen {
			t.Error("it was resolved without an audit entry")
		}
	})
}

func TestRunStep(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	r := o.manual()
	o.open(r)
	o.open(r)
	run := o.stepRun(1)
	path := "/incidents/1/steps/" + run.ID + "/run"
	testGuard(t, o, path, incident.Responder)
	b := o.as(incident.Responder)
	b.get("/incidents/1").want(t, http.StatusOK, "This incident has no bridge.", "Run a step to create one.")

	b.post("/incidents/1/steps/nothing/run").want(t, http.StatusNotFound)
	b.post("/incidents/999/steps/"+run.ID+"/run").want(t, http.StatusNotFound)
	b.post("/incidents/2/steps/"+run.ID+"/run").want(t, http.StatusNotFound) // a step of another incident
	if got := o.stepRun(1); got.State != incident.StepWaiting || o.asked(create) > 0 {
		t.Fatalf("the step is %s and Zoom was asked %d times", got.State, o.asked(create))
	}
	b.post(path).leadsTo(b, "/incidents/1", "The step was started.", "Everyone can get in", "Hosted by oncall@example.com, the backup user")
	if o.bridge(1).State != incident.BridgeReady || o.stepRun(1).State != incident.StepDone || o.asked(create) != 2 { // the responder isn’t a Zoom user
		t.Errorf("bridge is %s, step %s, Zoom was asked %d times", o.bridge(1).State, o.stepRun(1).State, o.asked(create))
	}
	if got := o.trail(); got[len(got)-1] != "step.run INC-1" {
		t.Errorf("audit trail %q", got)
	}
	// The button was pressed twice, or in another tab.
	if page := b.post(path).leadsTo(b, "/incidents/1"); o.asked(create) != 2 || strings.Contains(page.text(), "The step was started.") {
		t.Errorf("Zoom was asked %d times, and the page says that the step was run", o.asked(create))
	}
	t.Run("broken", func(t *testing.T) {
		other := o.stepRun(2)
		testBroken(t, o, "jobs", func() reply { return b.post("/incidents/2/steps/" + other.ID + "/run") })
		if o.asked(create) != 2 || o.stepRun(2).State != incident.StepWaiting {
			t.Error("it was run all the same")
		}
	})
}

func TestAddNote(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.open(o.outage())
	const path = "/incidents/1/notes"
	testGuard(t, o, path, incident.Responder, "note", "Restarted db-1.")
	b := o.as(incident.Responder)
	before := o.trail()
	notes := func() (list []string) {
		entries, err := o.store.Timeline(context.Background(), 1, 100)
		o.must(err)
		for _, e := range entries {
			if e.Kind == incident.EntryNote {
				list = append(list, e.Actor+": "+e.Data.Text)
			}
		}
		return list
	}

	t.Run("refused", func(t *testing.T) {
		for _, tt := range []struct{ name, note, want string }{
			{"nothing", "", "Write a note."},
			{"only spaces", " \r\n\t", "Write a note."},
			{"4001 characters", strings.Repeat("🚨", 4001), "Use at most 4000 characters. This text has 4001."},
			{"hostile and long", strings.Repeat(hostile, 100), "Use at most 4000 characters."},
		} {
			r := b.post(path, "note", tt.note, "idempotency_key", "k")
			r.want(t, http.StatusUnprocessableEntity, tt.want)
			if wantInert(t, r); html.UnescapeString(r.value("note")) != strings.TrimSpace(tt.note) || r.value("idempotency_key") != "k" {
				t.Errorf("%s: what was typed is not kept: %.50q", tt.name, r.value("note"))
			}
		}
		b.post("/incidents/2/notes", "note", "x").want(t, http.StatusNotFound)
		b.post(path, "note", "x", "actor", "root@example.com").want(t, http.StatusBadRequest)
		if got := notes(); got != nil || len(o.trail()) != len(before) {
			t.Errorf("notes %q, audit trail %q: something was written", got, o.trail())
		}
	})
	t.Run("done", func(t *testing.T) {
		key := b.get("/incidents/1").value("idempotency_key")
		page := b.post(path, "note", " Restarted db-1.\r\n\r\n  It {who} helped: https://example.com/ "+hostile, "idempotency_key", key).leadsTo(b, "/incidents/1",
			"The note was added.", "It {who} helped", "by responder@example.com")
		wantInert(t, page)
		if strings.Contains(page.body, `href="https://example.com/`) {
			t.Error("a link in a note is a link")
		}
		b.post(path, "note", " Restarted db-1.\r\n\r\n  It {who} helped: https://example.com/ "+hostile, "idempotency_key", key).leadsTo(b, "/incidents/1")
		want := []string{"responder@example.com: Restarted db-1.\n\n  It {who} helped: https://example.com/ " + hostile}
		if diff := cmp.Diff(want, notes()); diff != "" {
			t.Errorf("notes (-want +got):\n%s", diff)
		}
		if next := page.value("idempotency_key"); next == "" || next == key {
			t.Errorf("the key of the next note is %q", next)
		}
		b.post("/incidents/1/resolve")
		long := strings.Repeat("🚨", 4000)
		b.post(path, "note", long).leadsTo(b, "/incidents/1", long)
		if got := notes(); len(got) != 2 {
			t.Errorf("%d notes after the incident was resolved, want 2", len(got))
		}
		if diff := cmp.Diff([]string{"incident.note INC-1", "incident.resolved INC-1", "incident.note INC-1"}, o.trail()[len(before):]); diff != "" {
			t.Errorf("audit trail (-want +got):\n%s", diff)
		}
	})
	t.Run("a viewer isn’t offered it", func(t *testing.T) {
		if page := o.logIn("viewer@example.com").get("/incidents/1"); strings.Contains(page.body, "/notes") || strings.Contains(page.text(), "Add note") {
			t.Error("a viewer is offered a form")
		}
	})
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "audit_entries", func() reply { return b.post(path, "note", "x") })
		if len(notes()) != 2 {
			t.Error("it was added without an audit entry")
		}
	})
}

// A bridge says itself what is wrong with the Zoom app; the banner of the failed check
// doesn't say it again.
func TestBannerOfCheck(t *testing.T) {
	t.Parallel()
	o, _ := failedBridge(t)
	const banner = "The last Zoom check found a blocking problem."
	_, err := o.service.CheckConnection(context.Background(), theConsole)
	o.must(err)
	for _, role := range []incident.Role{incident.Admin, incident.Responder} {
		b := o.as(role)
		page := b.get("/incidents/1")
		page.want(t, http.StatusOK, "Couldn’t create the bridge")
		if strings.Contains(page.text(), banner) {
			t.Errorf("%s: the page says it twice: %s", role, page.text())
		}
		b.get("/bridges").want(t, http.StatusOK, banner)
	}
	b := o.logIn("responder@example.com")
	b.post("/bridges/"+o.bridge(1).ID+"/link", "join_url", "https://meet.example.com/war")
	b.get("/incidents/1").want(t, http.StatusOK, banner) // the bridge no longer says it
}

func TestNamedStep(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	r := o.manual()
	r.Steps[0].Name = "War room {text} " + hostile
	r, _, err := o.service.SaveRunbook(context.Background(), theConsole, r)
	o.must(err)
	o.open(r)
	b := o.as(incident.Responder)
	b.get("/runbooks").want(t, http.StatusOK, "War room {text}", "<script>", "manually")
	b.get("/runbooks/"+r.ID+"/run").want(t, http.StatusOK, "War room {text}", "<script>")

	page := b.post("/incidents/1/steps/"+o.stepRun(1).ID+"/run").leadsTo(b, "/incidents/1", "Started “War room {text}")

	wantInert(t, page)
	if text := page.text(); strings.Contains(text, "Create Zoom meeting") || strings.Count(text, "War room") < 2 {
		t.Errorf("the steps and the timeline call the step by its kind:\n%s", text)
	}
}

// failedBridge returns an office with an incident whose bridge failed.
func failedBridge(t *testing.T) (*office, incident.Bridge) {
	o := newOffice(t)
	o.connect()
	o.faults(zoomsim.Faults{TokenRefused: true})
	o.open(o.outage())
	b := o.bridge(1)
	if b.State != incident.BridgeFailed {
		t.Fatalf("the bridge is %s", b.State)
	}
	return o, b
}

func TestLookNow(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.faults(zoomsim.Faults{ResetAfterCommit: true, Only: create})
	o.open(o.outage())
	o.faults(zoomsim.Faults{Down: true})
	path := "/bridges/" + o.bridge(1).ID + "/look"
	testGuard(t, o, path, incident.Responder)
	b := o.as(incident.Responder)
	b.get("/incidents/1").want(t, http.StatusOK, "No check has been answered yet. It checks again in 2 s.", "Check now", "Use another link")
	if page := o.logIn("viewer@example.com").get("/incidents/1"); strings.Contains(page.text(), "Check now") {
		t.Error("a viewer can check")
	}
	b.post(path).leadsTo(b, "/incidents/1", "Drawbridge checked again.", "No check has been answered yet.")
	o.faults(zoomsim.Faults{Lag: time.Hour})
	b.post(path).leadsTo(b, "/incidents/1", "Drawbridge checked once and didn’t find the meeting. It checks again in 10 s.")
	o.faults(zoomsim.Faults{})
	b.post(path).leadsTo(b, "/incidents/1", "Drawbridge checked again.", "Everyone can get in")
	b.post(path).leadsTo(b, "/incidents/1", "The bridge’s state has changed meanwhile.")
	b.post("/bridges/nothing/look").want(t, http.StatusNotFound)
}

func TestRetryBridge(t *testing.T) {
	t.Parallel()
	o, bridge := failedBridge(t)
	path := "/bridges/" + bridge.ID + "/retry"
	testGuard(t, o, path, incident.Responder)
	b := o.as(incident.Responder)
	b.get("/incidents/1").want(t, http.StatusOK, "Drawbridge can’t use Zoom right now.", "An admin can fix it.", "Retry", "Use another link")
	o.as(incident.Admin).get("/incidents/1").want(t, http.StatusOK, "client secret is wrong", "copy the client ID and client secret again", "Retry", "Use another link")
	b.post("/bridges/nothing/retry").want(t, http.StatusNotFound)

	b.post(path).leadsTo(b, "/incidents/1", "Retrying.", "Drawbridge can’t use Zoom right now.")
	o.faults(zoomsim.Faults{})
	o.wait(time.Minute)
	b.post(path).leadsTo(b, "/incidents/1", "Retrying.", "Everyone can get in")
	if got := o.bridge(1); got.State != incident.BridgeReady || o.asked(create) != 2 { // the responder isn't a Zoom user
		t.Errorf("bridge is %s, Zoom was asked %d times", got.State, o.asked(create))
	}
	b.post(path).leadsTo(b, "/incidents/1")
	if len(o.sim.Meetings()) != 1 {
		t.Errorf("Zoom has %d meetings, want 1", len(o.sim.Meetings()))
	}
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "bridges", func() reply { return b.post(path) })
	})
}

func TestUseLink(t *testing.T) {
	t.Parallel()
	o, bridge := failedBridge(t)
	path := "/bridges/" + bridge.ID + "/link"
	testGuard(t, o, path, incident.Responder, "join_url", "https://meet.example.com/war")
	b := o.as(incident.Responder)
	before := o.trail()

	for _, link := range []string{"", "http://meet.example.com/x", "javascript:alert(1)", "https://a@evil.example/", hostile} {
		r := b.post(path, "join_url", link)
		r.want(t, http.StatusUnprocessableEntity, "link")
		if got := r.value("join_url"); got != strings.TrimSpace(link) {
			t.Errorf("typed %q, comes back as %q", link, got)
		}
		wantInert(t, r)
	}
	b.post(path, "join_url", "http://meet.example.com/x").want(t, http.StatusUnprocessableEntity, "Paste a complete link that starts with https://.")
	b.post(path, "join_url", "https://meet.example.com/war room").want(t, http.StatusUnprocessableEntity, "The link contains a space or another character that isn’t allowed.")
	b.post(path, "join_url", "https://meet.example.com/war", "passcode", strings.Repeat("1", 51)).want(t, http.StatusUnprocessableEntity, "Use at most 50 characters.")
	b.post(path, "join_url", "https://meet.example.com/war", "state", "live").want(t, http.StatusBadRequest)
	b.post("/bridges/nothing/link", "join_url", "https://meet.example.com/war").want(t, http.StatusNotFound)
	if o.bridge(1).State != incident.BridgeFailed || len(o.trail()) != len(before) {
		t.Fatalf("bridge is %s, audit trail %q: something was written", o.bridge(1).State, o.trail())
	}

	b.post(path, "join_url", " https://meet.example.com/war ", "passcode", "42").leadsTo(b, "/incidents/1", "The incident now uses this link", "42")
	if got := o.bridge(1); got.JoinURL != "https://meet.example.com/war" || got.Kind != incident.KindStatic {
		t.Errorf("bridge %+v", got)
	}
	b.get("/j/INC-1").want(t, http.StatusOK, "Join", "42", "Not checked: the link leads to meet.example.com", "Drawbridge can’t see who joins.")
	b.post(path, "join_url", "https://meet.example.com/other").leadsTo(b, "/incidents/1", "The incident now uses this link") // so that a wrong link can be corrected
	if got := o.bridge(1).JoinURL; got != "https://meet.example.com/other" {
		t.Errorf("the link is %s", got)
	}
	if got := o.trail(); got[len(got)-1] != "bridge.use_link INC-1" {
		t.Errorf("audit trail %q", got)
	}
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "bridges", func() reply { return b.post(path, "join_url", "https://meet.example.com/x") })
	})
}

// onDisk reports whether a file of the database contains the text.
func (o *office) onDisk(text string) bool {
	o.t.Helper()
	found := false
	o.must(filepath.WalkDir(o.dataDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		found = found || strings.Contains(string(content), text)
		return err
	}))
	return found
}

// K-16: the start link is shown to one person once, and stored nowhere.
func TestStartBridge(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.sim.AddUser(zoomsim.User{Email: "responder@example.com", JoinBeforeHost: true})
	o.open(o.outage(), func(q *incident.OpenRequest) { q.OpenerEmail = "responder@example.com" })
	bridge := o.bridge(1)
	path := "/bridges/" + bridge.ID + "/start"
	testGuard(t, o, path, incident.Responder)
	if o.asked("GET /meetings/{meetingId}") > 0 {
		t.Error("Zoom was asked for the link")
	}
	host := o.as(incident.Responder)
	other := o.logIn(o.person("other", incident.Responder).Email)
	other.post(path).want(t, http.StatusForbidden, "Only an admin, the opener of the incident or the host")
	if page := other.get("/incidents/1"); strings.Contains(page.text(), "Start as host") {
		t.Error("another responder is offered to start the meeting")
	}
	host.get("/incidents/1").want(t, http.StatusOK, "Start as host")
	host.get(path).want(t, http.StatusMethodNotAllowed)
	host.post("/bridges/nothing/start").want(t, http.StatusNotFound)

	page := host.post(path)
	page.want(t, http.StatusOK, "Start as host", "Start the meeting", "Zoom opens with you as host (responder@example.com).")
	link := regexp.MustCompile(`href="([^"]*zak=[^"]*)"`).FindStringSubmatch(page.body)
	if link == nil {
		t.Fatalf("no start link on the page: %s", page.text())
	}
	start := html.UnescapeString(link[1])
	if strings.Count(page.body, "zak=") != 1 || !strings.Contains(start, "/s/"+bridge.MeetingID) {
		t.Errorf("the link %q is there %d times", start, strings.Count(page.body, "zak="))
	}
	if cache := page.header.Get("Cache-Control"); !strings.Contains(cache, "no-store") {
		t.Errorf("the page may be kept: Cache-Control %q", cache)
	}
	secret := start[strings.Index(start, "zak="):]
	if o.onDisk(secret) || o.onDisk("zak=") || strings.Contains(o.log.String(), "zak=") {
		t.Error("the start link is kept")
	}
	if !o.onDisk(bridge.MeetingID) {
		t.Error("the look at the files finds nothing at all")
	}
	if again := host.get("/incidents/1"); strings.Contains(again.body, "zak=") {
		t.Error("the incident's page holds the start link")
	}
	if got := o.trail(); got[len(got)-1] != "bridge.start INC-1" {
		t.Errorf("audit trail %q", got)
	}
	o.as(incident.Admin).post(path).want(t, http.StatusOK, "Start the meeting")

	t.Run("Zoom is down", func(t *testing.T) {
		o.faults(zoomsim.Faults{Down: true})
		r := host.post(path)
		r.want(t, http.StatusServiceUnavailable, "Use the join link instead.", "Back to INC-1")
		if strings.Contains(r.body, "zak=") {
			t.Error("there is a link all the same")
		}
		o.faults(zoomsim.Faults{})
	})
	t.Run("a link to another host", func(t *testing.T) {
		o.faults(zoomsim.Faults{Mangle: func(_ string, body map[string]any) {
			if body["start_url"] != nil {
				body["start_url"] = "https://evil.example/s/1?zak=KEY"
			}
		}})
		r := host.post(path)
		r.want(t, http.StatusServiceUnavailable, "Zoom’s link to start the meeting leads to evil.example, which isn’t one of Zoom’s domains. Drawbridge doesn’t show it. Use the join link instead.")
		if strings.Contains(r.body, "zak=") || strings.Contains(r.body, "DRAWBRIDGE_ZOOM_DOMAINS") {
			t.Errorf("a responder reads %s", r.text())
		}
		o.logIn("admin@example.com").post(path).want(t, http.StatusServiceUnavailable, "evil.example", "add its domain to DRAWBRIDGE_ZOOM_DOMAINS")
		if o.onDisk("zak=") || strings.Contains(o.log.String(), "zak=") {
			t.Error("the start link is kept")
		}
		o.faults(zoomsim.Faults{})
	})
	t.Run("a bridge that isn’t a meeting", func(t *testing.T) {
		o.faults(zoomsim.Faults{TokenRefused: true})
		o.wait(2 * time.Hour)
		i := o.open(o.runbook(o.incident(1).RunbookID))
		o.faults(zoomsim.Faults{})
		o.logIn("admin@example.com").post("/bridges/"+o.bridge(i.Number).ID+"/start").want(t, http.StatusConflict, "This bridge has no Zoom meeting to start.")
	})
	t.Run("broken: without an audit entry there is no link", func(t *testing.T) {
		testBroken(t, o, "audit_entries", func() reply {
			r := host.post(path)
			if strings.Contains(r.body, "zak=") {
				t.Error("the link is shown, and nobody wrote down to whom")
			}
			return r
		})
	})
}

func TestJoinPage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	r := o.outage()
	i := o.open(r)
	bridge := o.bridge(1)
	whole := "/j/INC-1?k=" + i.JoinKey
	viewer := o.as(incident.Viewer)

	t.Run("with the key", func(t *testing.T) {
		page := o.nobody().get(whole)
		page.want(t, http.StatusOK, "INC-1", "db down", "Join", bridge.Passcode, "Nobody has joined yet.", "Or call")
		if !strings.Contains(page.body, html.EscapeString(bridge.JoinURL)) || strings.Contains(page.body, "/incidents/1") {
			t.Error("the page lacks the link, or leads someone who is not logged in to the incident")
		}
		for _, path := range []string{"/j/inc-1?k=" + i.JoinKey, "/j/1?k=" + i.JoinKey} {
			o.nobody().get(path).want(t, http.StatusOK, "INC-1")
		}
	})
	t.Run("logged in", func(t *testing.T) {
		viewer.get("/j/INC-1").want(t, http.StatusOK, "Join", bridge.Passcode, "Incident page")
		viewer.get("/j/INC-1?k=wrong").want(t, http.StatusOK, "Join")
		viewer.get("/j/INC-99").want(t, http.StatusNotFound, "There is no incident with this number.")
		viewer.get("/j/evil").want(t, http.StatusNotFound)
	})
	t.Run("without the key it doesn’t reveal whether the incident exists", func(t *testing.T) {
		for _, path := range []string{"/j/INC-1", "/j/INC-1?k=", "/j/INC-1?k=wrong", "/j/INC-1?k=" + i.JoinKey[:15], "/j/INC-1?k=" + i.JoinKey + "A", "/j/INC-1?k=" + strings.ToUpper(i.JoinKey) + "x", "/j/INC-99", "/j/INC-99?k=" + i.JoinKey, "/j/evil"} {
			r := o.nobody().get(path)
			to := r.header.Get("Location")
			if r.status != http.StatusSeeOther || !strings.HasPrefix(to, "/login?next=%2Fj%2F") || strings.Contains(r.body, "db down") || strings.Contains(to, "k%3D") {
				t.Errorf("%s: status %d to %q", path, r.status, to)
			}
			o.nobody().get(to).want(t, http.StatusOK, "This link is incomplete or no longer valid. Copy it again, or log in.")
		}
		if page := o.nobody().get("/login?next=%2Fbridges"); strings.Contains(page.text(), "This link is incomplete") {
			t.Error("another page than the join page is called an incomplete link")
		}
	})
	t.Run("resolved, with an ended bridge", func(t *testing.T) {
		o.must(o.service.ResolveIncident(context.Background(), theConsole, 1))
		for _, page := range []reply{o.nobody().get(whole), viewer.get("/incidents/1")} {
			page.want(t, http.StatusOK, "resolved The link still leads to this bridge.", "Join")
			if strings.Contains(page.text(), "Everyone can get in") {
				t.Errorf("a resolved incident invites to join: %s", page.text())
			}
		}
		b := bridge
		b.State, b.StartedAt, b.EndedAt = incident.BridgeEnded, o.clock(), o.clock()
		o.must(o.store.ChangeBridge(context.Background(), incident.BridgeChange{Bridge: b, From: []incident.BridgeState{incident.BridgeReady}}))
		page := o.nobody().get(whole)
		page.want(t, http.StatusOK, "This incident is resolved")
		if strings.Contains(page.body, bridge.JoinURL) || strings.Contains(page.text(), bridge.Passcode) {
			t.Error("a bridge that is over is still handed out")
		}
	})
	t.Run("no bridge yet", func(t *testing.T) {
		i := o.open(o.manual())
		o.nobody().get("/j/"+i.Key()+"?k="+i.JoinKey).want(t, http.StatusOK, "No bridge yet")
	})
	t.Run("failed: the cause, and no link", func(t *testing.T) {
		o.faults(zoomsim.Faults{RateLimited: "user_day"})
		i := o.open(r)
		const cause = "oncall@example.com has reached Zoom’s limit of 100 new or changed meetings a day."
		o.nobody().get("/j/"+i.Key()+"?k="+i.JoinKey).want(t, http.StatusOK, "Couldn’t create the bridge", cause, "Keep this page open")
		plain, _, err := o.service.CreateToken(context.Background(), theConsole, "reader", []string{"read"}, 0)
		o.must(err)
		answer := o.nobody().send(http.MethodGet, "/api/v1/incidents/"+i.Key()[4:], nil, "Authorization", "Bearer "+plain)
		if !strings.Contains(answer.body, `"reason":"`+cause+`"`) {
			t.Errorf("the API gives another reason: %s", answer.body)
		}
	})
	t.Run("a problem of the Zoom app is for admins only", func(t *testing.T) {
		o.faults(zoomsim.Faults{TokenRefused: true})
		o.wait(2 * time.Hour)
		i := o.open(r)
		o.as(incident.Admin).get("/incidents/"+i.Key()[4:]).want(t, http.StatusOK, "client secret is wrong")
		page := o.nobody().get("/j/" + i.Key() + "?k=" + i.JoinKey)
		page.want(t, http.StatusOK, "Couldn’t create the bridge", "Drawbridge couldn’t create the bridge. Drawbridge retries in 15 s. The people", "Keep this page open")
		if strings.Contains(page.text(), "client") || strings.Contains(page.text(), "Zoom") {
			t.Errorf("the join page speaks of credentials: %s", page.text())
		}
	})
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "bridges", func() reply { return o.nobody().get(whole) })
		testBroken(t, o, "incidents", func() reply { return o.nobody().get(whole) })
	})
}
