package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/drawbridge-hq/drawbridge/incident"
)

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
	b.post("/incidents/1/resolve").leadsTo(b, "/incidents/1", "INC-1 is resolved.", "Reopen", "· responder@example.com", "1 h 30 min")
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
	b.post(path).leadsTo(b, "/incidents/1", "The step was started.", "Everyone can get in", "Hosted by oncall@example.com, a backup user")
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
			"The note was added.", "It {who} helped", "· responder@example.com")
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
	const banner = "New incidents won’t get a bridge."
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
