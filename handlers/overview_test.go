package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

func TestOverview(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	guardPage(t, o, "/", nil)
	admin, viewer := o.as(incident.Admin), o.as(incident.Viewer)

	t.Run("nothing connected", func(t *testing.T) {
		admin.get("/").want(t, http.StatusOK, "Three steps to the first bridge", "Connect Zoom", "Write a runbook", "Try it")
		page := viewer.get("/")
		page.want(t, http.StatusOK, "Three steps to the first bridge")
		if strings.Contains(page.text(), "webhook secret token") {
			t.Error("the webhook needs attention before anybody told Zoom to send events")
		}
		if strings.Contains(page.body, `href="/runbooks/new"`) || strings.Contains(page.text(), "Open incident") {
			t.Error("a viewer is led where a viewer may not go")
		}
	})
	o.connect()
	o.sim.AddUser(zoomsim.User{Email: "ana@example.com", DisplayName: "Ana", JoinBeforeHost: true, CloudRecording: true})
	r := o.outage()
	t.Run("two of three steps", func(t *testing.T) {
		page := admin.get("/")
		page.want(t, http.StatusOK, "Three steps to the first bridge")
		if got := strings.Count(page.body, "db-step-done"); got != 2 || !strings.Contains(page.body, `href="/incidents/new"`) {
			t.Errorf("%d steps are done, want 2, and the third leads to the form", got)
		}
	})
	o.open(r, func(q *incident.OpenRequest) { q.OpenerEmail, q.Name = "ana@example.com", hostile })
	t.Run("never checked", func(t *testing.T) {
		admin.get("/").want(t, http.StatusOK, "Nobody has checked yet whether new incidents will get a bridge.")
	})
	check := func() {
		t.Helper()
		_, err := o.service.CheckConnection(context.Background(), theConsole, "pmi@example.com")
		o.must(err)
	}
	check()
	t.Run("ready", func(t *testing.T) {
		page := admin.get("/")
		page.want(t, http.StatusOK, "Ready. New incidents will get a bridge.", "as of", "Open incident", "ready",
			"Zoom hasn’t validated", "use_pmi_for_scheduled_meetings", "INC-1", "<script>alert(1)</script>")
		wantInert(t, page)
		if strings.Contains(viewer.get("/").body, "data-db-new") {
			t.Error("a viewer is offered to open an incident")
		}
	})
	t.Run("live", func(t *testing.T) {
		meeting := o.bridge(1).MeetingID
		o.happened("meeting.started", meeting, "start_time", "2026-11-22T02:14:07Z")
		o.wait(14 * time.Minute)
		o.happened("meeting.participant_joined", meeting, "participant", o.participant("Ravi"))
		page := viewer.get("/")
		page.want(t, http.StatusOK, "1 inside", "14 min", "live", "Join", "Ravi", "participant joined")
		if !strings.Contains(page.body, `href="/j/INC-1"`) {
			t.Error("no way to join")
		}
		viewer.get("/incidents/1").want(t, http.StatusOK, "1 inside", "Inside now", "Ravi")
	})
	t.Run("guests without a name", func(t *testing.T) {
		meeting := o.bridge(1).MeetingID
		for n, name := range []string{"", " ", "\t", "\u00a0"} {
			guest := o.participant(name)
			guest["participant_uuid"] = fmt.Sprint("nameless ", n)
			o.happened("meeting.participant_joined", meeting, "participant", guest)
			viewer.get("/incidents/1").want(t, http.StatusOK, "2 inside", "Someone joined.")
			viewer.get("/j/INC-1").want(t, http.StatusOK, "2 people inside")
			o.happened("meeting.participant_left", meeting, "participant", guest)
		}
	})
	t.Run("a crowd comes and goes", func(t *testing.T) {
		meeting := o.bridge(1).MeetingID
		for n := range 12 {
			guest := o.participant(fmt.Sprint("Guest ", n))
			guest["participant_uuid"] = fmt.Sprint("guest ", n)
			o.wait(time.Second)
			o.happened("meeting.participant_joined", meeting, "participant", guest)
		}
		waiting := o.participant("Wanda")
		waiting["participant_uuid"] = "wanda"
		o.happened("meeting.participant_joined_waiting_room", meeting, "participant", waiting)
		page := viewer.get("/incidents/1")
		page.want(t, http.StatusOK, "1 person is waiting for a host to let them in", "Waiting to get in 1", "Wanda", "13 inside", "3 more", "people joined, 4 left.")
		const waits = "1 person is waiting for a host to let them in"
		viewer.get("/").want(t, http.StatusOK, "INC-1: "+waits+".")
		viewer.get("/bridges?view=attention").want(t, http.StatusOK, "INC-1", waits)
		viewer.get("/incidents").want(t, http.StatusOK, waits)
		viewer.get("/j/INC-1").want(t, http.StatusOK, waits)
		if strings.Count(page.body, "<details id=\"folded-") != 1 {
			t.Error("the joins are not folded into one line")
		}
		for n := range 12 {
			guest := o.participant("")
			guest["participant_uuid"] = fmt.Sprint("guest ", n)
			o.happened("meeting.participant_left", meeting, "participant", guest)
		}
		o.happened("meeting.participant_left_waiting_room", meeting, "participant", waiting)
	})
	t.Run("a failed bridge while Zoom rejects calls", func(t *testing.T) {
		o.faults(zoomsim.Faults{TokenRefused: true})
		o.wait(2 * time.Hour)
		o.open(r)
		viewer.get("/").want(t, http.StatusOK, "INC-2 has no bridge. Drawbridge can’t use Zoom right now.")
		admin.get("/").want(t, http.StatusOK, "INC-2 has no bridge. Zoom doesn’t know the client ID")
		check()
		viewer.get("/").want(t, http.StatusOK, "Not ready. New incidents won’t get a bridge.", "Zoom: Drawbridge can’t use Zoom right now.")
		admin.get("/").want(t, http.StatusOK, "Not ready. New incidents won’t get a bridge.", "client secret is wrong", "Fix")
		responder := o.as(incident.Responder)
		for _, path := range []string{"/", "/incidents/2", "/bridges", "/account"} {
			for _, b := range []*tab{viewer, responder} {
				if page := b.get(path); strings.Contains(page.text(), "client secret is wrong") || strings.HasPrefix(path, "/incidents") && strings.Contains(page.text(), "Marketplace") || strings.Contains(page.body, ">Fix</a>") {
					t.Errorf("%s tells people about credentials who can’t change them: %s", path, page.text())
				}
			}
		}
		if page := admin.get("/incidents/2"); !strings.Contains(page.text(), "Marketplace") || !strings.Contains(page.body, `<a href="/account">Zoom account</a>`) {
			t.Error("the incident does not lead an admin to the Zoom account")
		}
		o.must(o.service.ResolveIncident(context.Background(), theConsole, 2))
		if page := viewer.get("/"); strings.Contains(page.text(), "INC-2 has no bridge") {
			t.Error("an incident that is resolved still needs someone")
		}
	})
	t.Run("only the second bridge failed", func(t *testing.T) {
		o := newOffice(t)
		o.connect()
		meeting := incident.NewMeetingTemplate()
		review := incident.NewMeetingTemplate()
		review.Topic = "Review of {{ incident.key }}"
		r, _, err := o.service.SaveRunbook(t.Context(), theConsole, incident.Runbook{Name: "Two", Steps: []incident.Step{
			{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: meeting},
			{Kind: incident.StepCreateMeeting, Meeting: review},
		}})
		o.must(err)
		i := o.open(r)
		o.faults(zoomsim.Faults{TokenRefused: true})
		o.wait(2 * time.Hour)
		runs, err := o.store.StepRuns(t.Context(), i.Number)
		o.must(err)
		o.must(o.service.RunStep(t.Context(), theConsole, runs[1].ID))
		page := o.as(incident.Viewer).get("/")
		page.want(t, http.StatusOK, "INC-1, Bridge 2 (Review of INC-1) failed. Drawbridge can’t use Zoom right now.")
		if strings.Contains(page.text(), "has no bridge") {
			t.Error("an incident with a bridge has none")
		}
	})
	t.Run("unknown whether there is a bridge", func(t *testing.T) {
		o.faults(zoomsim.Faults{ResetAfterCommit: true, Only: create})
		o.wait(time.Second) // since the check
		o.open(r)
		page := viewer.get("/")
		page.want(t, http.StatusOK, "INC-3: we don’t know yet whether Zoom created the meeting.", "We don’t know yet whether Zoom created the last bridge’s meeting.")
		if strings.Contains(page.text(), "The last bridge failed.") || strings.Contains(page.body, "db-ready-bad") {
			t.Error("a bridge that may exist is called failed")
		}
		viewer.get("/incidents/3").want(t, http.StatusOK, "The meeting may have been created anyway.")
		viewer.get("/bridges?view=attention").want(t, http.StatusOK, "INC-3")
	})
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "events", func() reply { return viewer.get("/") })
		testBroken(t, o, "accounts", func() reply { return viewer.get("/") })
	})
}
