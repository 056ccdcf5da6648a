package handlers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// A bridge whose host runs another call isn't shown as one that people can get into.
func TestHostFullPages(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	_, err := o.service.CheckConnection(t.Context(), theConsole)
	o.must(err)
	outage := o.outage()
	first, second := o.open(outage), o.open(outage)
	admin, viewer := o.as(incident.Admin), o.logIn(o.person("vera", incident.Viewer).Email)
	const (
		page  = "/incidents/2"
		title = "Can’t start while its host runs the call of INC-1"
	)
	admin.get(page).want(t, http.StatusOK, "Everyone can get in", "oncall@example.com also hosts 1 other meeting of open incidents. Only 1 can run at the same time.")
	admin.get("/account").want(t, http.StatusOK, "Runs 0 of 1 call at once. Nobody has joined 2 other meetings of open incidents. Only 1 can run at the same time.")

	meeting := o.bridge(first.Number).MeetingID
	o.happened("meeting.started", meeting, "start_time", o.clock().Format(time.RFC3339))
	o.happened("meeting.participant_joined", meeting, "participant", o.participant("Ana"))
	admin.get(page).want(t, http.StatusOK, title, "host busy", "oncall@example.com runs the call of INC-1 and can’t run another at the same time. This one can start when one ends.",
		"Use another link, or move to a new Zoom meeting.", "Use another link", "Open INC-1")
	if p := viewer.get(page); !strings.Contains(p.text(), title) || strings.Contains(p.text(), "move to a new Zoom meeting") {
		t.Errorf("a viewer reads %s", p.text())
	}
	admin.get("/j/INC-2").want(t, http.StatusOK, title, "tell the people handling the incident")
	admin.get("/").want(t, http.StatusOK, "INC-2: "+title+".")
	admin.get("/bridges?view=attention").want(t, http.StatusOK, "INC-2", "host busy")
	admin.get("/account").want(t, http.StatusOK, "Runs 1 of 1 call at once. Nobody has joined 1 other meeting of open incidents. Only 1 can run at the same time.")
	admin.get("/incidents/1").want(t, http.StatusOK, "Everyone can get in")

	// Somebody waits, but starting the call as its host doesn't help.
	o.happened("meeting.participant_jbh_waiting", o.bridge(second.Number).MeetingID, "participant", o.participant("Mia"))
	o.wait(31 * time.Second)
	o.work()
	admin.get(page).want(t, http.StatusOK, title, "Its host runs another call, and most hosts can run only one. Use another link, or end the other call.")
	start := "/bridges/" + o.bridge(second.Number).ID + "/start"
	for _, path := range []string{"/", page} {
		if strings.Contains(admin.get(path).body, start) {
			t.Errorf("%s offers to start the call, which would end the other", path)
		}
	}

	o.happened("meeting.participant_left", meeting, "participant", o.participant("Ana"))
	o.happened("meeting.ended", meeting, "end_time", o.clock().Format(time.RFC3339))
	if p := admin.get(page); strings.Contains(p.text(), "Can’t start") || !strings.Contains(p.body, start) {
		t.Errorf("the page still says %s", p.text())
	}
}
