package handlers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

const greenReady = "Ready. New incidents will get a bridge."

// checkedOffice has an account that was checked, with these backup users beside
// oncall@example.com.
func checkedOffice(t *testing.T, standbys int, hosts ...string) *office {
	t.Helper()
	o := newOffice(t)
	a := o.connect()
	for _, email := range hosts {
		o.sim.AddUser(zoomsim.User{Email: email, JoinBeforeHost: true, CloudRecording: true})
	}
	_, err := o.service.SaveAccount(t.Context(), theConsole, incident.AccountForm{
		Auth: string(a.Auth), ZoomAccountID: a.ZoomAccountID, ClientID: a.ClientID, Version: a.Version,
		BackupUsers: append([]string{"oncall@example.com"}, hosts...), StandbyMeetings: &standbys,
	})
	o.must(err)
	o.check(t)
	return o
}

func (o *office) check(t *testing.T) {
	t.Helper()
	_, err := o.service.CheckConnection(t.Context(), theConsole)
	o.must(err)
}

// starts has the call of an incident run.
func (o *office) starts(i incident.Incident) {
	o.t.Helper()
	meeting := o.bridge(i.Number).MeetingID
	o.happened("meeting.started", meeting, "start_time", o.clock().Format(time.RFC3339))
	o.happened("meeting.participant_joined", meeting, "participant", o.participant("Ana"))
}

// Overview isn't green while no backup user can host another call, and says what the next
// incident gets.
func TestReadyPoolIsBusy(t *testing.T) {
	t.Parallel()
	o := checkedOffice(t, 0)
	admin := o.as(incident.Admin)
	first := o.open(o.outage())
	admin.get("/").want(t, http.StatusOK, greenReady)

	o.starts(first)
	admin.get("/").want(t, http.StatusOK, "Not ready. The next bridge can’t start.",
		"oncall@example.com runs 1 call, the most that Zoom allows at the same time.", "Openers who are Zoom users can still host.")

	o.must(o.saveStatic(incident.StaticLink{Name: "Room 1", URL: "https://meet.example.com/1"}))
	page := admin.get("/")
	page.want(t, http.StatusOK, "No backup user can host another call now. New incidents will get a static link.")
	if strings.Contains(page.body, "db-ready-bad") {
		t.Error("it is red although there is a link")
	}

	meeting := o.bridge(first.Number).MeetingID
	o.happened("meeting.participant_left", meeting, "participant", o.participant("Ana"))
	o.happened("meeting.ended", meeting, "end_time", o.clock().Format(time.RFC3339))
	admin.get("/").want(t, http.StatusOK, greenReady)
}

// Who opens more incidents than the storm brake lets through says nothing about Zoom.
func TestReadyAfterStorm(t *testing.T) {
	t.Parallel()
	o := checkedOffice(t, 0)
	o.must(o.saveStatic(incident.StaticLink{Name: "Room 1", URL: "https://meet.example.com/1"}))
	a, err := o.store.Account(t.Context())
	o.must(err)
	one := 1
	_, err = o.service.SaveAccount(t.Context(), theConsole, incident.AccountForm{
		Auth: string(a.Auth), ZoomAccountID: a.ZoomAccountID, ClientID: a.ClientID, BackupUsers: a.BackupUsers, StormLimit: &one, Version: a.Version,
	})
	o.must(err)
	o.check(t)
	outage := o.outage()
	o.open(outage)
	if b := o.bridge(o.open(outage).Number); b.Kind != incident.KindStatic || b.Reasons[0].Code != incident.ReasonStorm {
		t.Fatalf("the bridge is a %s: %+v", b.Kind, b.Reasons)
	}
	o.as(incident.Admin).get("/").want(t, http.StatusOK, greenReady)
}

// One of two backup users who runs a call keeps Overview green, and a standby meeting of the
// busy one doesn't count.
func TestReadyStandby(t *testing.T) {
	t.Parallel()
	o := checkedOffice(t, 2, "second@example.com")
	o.work()
	admin := o.as(incident.Admin)
	first := o.open(o.outage())
	admin.get("/account").want(t, http.StatusOK, "2 of 2 ready.")
	o.starts(first)
	admin.get("/").want(t, http.StatusOK, greenReady, "1 of 2 backup users can host another call now.",
		"Standby meetings: 2 of 2 ready. 1 can’t start now: the host already runs the most calls that Zoom allows.")
	admin.get("/account").want(t, http.StatusOK, "2 of 2 ready. 1 can’t start now")

	o.faults(zoomsim.Faults{TokenRefused: true})
	o.wait(2 * time.Hour)
	o.check(t)
	page := admin.get("/")
	page.want(t, http.StatusOK, "Zoom isn’t ready. New incidents will get a standby meeting (1 left).")
	if strings.Contains(page.text(), "Not ready") {
		t.Error("a standby meeting counts as nothing")
	}
	admin.get("/incidents").want(t, http.StatusOK, "New incidents will get a standby meeting (1 left).")
	o.must(o.saveStatic(incident.StaticLink{Name: "Room 1", URL: "https://meet.example.com/1"}))
	admin.get("/").want(t, http.StatusOK, "Zoom isn’t ready. New incidents will get a standby meeting (1 left), then a static link.")
}

// While Zoom answers no call, Overview says since when, before any check has noticed.
func TestReadyZoomIsSilent(t *testing.T) {
	t.Parallel()
	o := checkedOffice(t, 0)
	outage := o.outage()
	admin := o.as(incident.Admin)
	first := o.open(outage)
	o.wait(time.Second)
	o.must(o.saveStatic(incident.StaticLink{Name: "Room 1", URL: "https://meet.example.com/1"}))
	o.faults(zoomsim.Faults{Down: true})
	for range 3 {
		o.open(outage)
	}
	const says = "Zoom hasn’t answered since 02:14:08. New incidents will get a static link."
	admin.get("/").want(t, http.StatusOK, says)
	admin.get("/incidents/"+first.Key()).want(t, http.StatusOK, says)
	admin.get("/account").want(t, http.StatusOK, says)
}

// The headline says why it is amber.
func TestReadyReasons(t *testing.T) {
	t.Parallel()
	o := checkedOffice(t, 0, "basic@example.com")
	o.open(o.outage())
	o.sim.SetUser("basic@example.com", func(u *zoomsim.User) { u.Type = 1 })
	o.check(t)
	page := o.as(incident.Admin).get("/")
	page.want(t, http.StatusOK, "New incidents will get a bridge, but something needs attention.")
	_, headline, _ := strings.Cut(page.body, `id="ready"`)
	headline, _, _ = strings.Cut(headline, "</section>")
	if !strings.Contains(headline, "basic@example.com") || strings.Contains(headline, "Active and licensed") {
		t.Errorf("the headline doesn't say why: %s", headline)
	}
}

// What kept people out of one of the last bridges counts as long as it can happen again:
// not for a drill, nor for a bridge that has ended or whose setting was fixed.
func TestReadyKeepsOut(t *testing.T) {
	t.Parallel()
	o := checkedOffice(t, 0)
	outage := o.outage()
	admin := o.as(incident.Admin)
	o.open(outage)
	o.wait(time.Minute)
	o.faults(zoomsim.Faults{OverwriteSettings: true})
	o.must(o.service.RunDrill(t.Context(), theConsole, "0199f0a0-0000-7000-8000-000000000001", ""))
	admin.get("/").want(t, http.StatusOK, greenReady)

	o.wait(time.Minute)
	i := o.open(outage)
	const says = "but people may not get in."
	page := admin.get("/")
	page.want(t, http.StatusOK, says, "The bridge of "+i.Key()+": Waiting room", "View "+i.Key())
	if !strings.Contains(page.body, `href="`+"/incidents/"+i.Key()[4:]+`">View `) {
		t.Error("the headline doesn't lead to the incident")
	}
	o.faults(zoomsim.Faults{})
	b := o.bridge(i.Number)
	_, err := o.service.FixBridge(t.Context(), theConsole, b.ID, incident.FoundWaitingRoomOn)
	o.must(err)
	if page := admin.get("/"); strings.Contains(page.text(), says) {
		t.Errorf("it was fixed: %s", page.text())
	}

	o.faults(zoomsim.Faults{OverwriteSettings: true})
	o.wait(time.Minute)
	i = o.open(outage)
	admin.get("/").want(t, http.StatusOK, says)
	o.must(o.service.ResolveIncident(t.Context(), theConsole, i.Number))
	if page := admin.get("/"); strings.Contains(page.text(), says) {
		t.Error("the incident is resolved")
	}
}

// When the last runbook is archived, open incidents stay on Overview, with the step that is
// missing.
func TestReadyWithoutRunbook(t *testing.T) {
	t.Parallel()
	o := checkedOffice(t, 0)
	outage := o.outage()
	o.open(outage)
	_, err := o.service.DeleteRunbook(t.Context(), theConsole, outage.ID)
	o.must(err)
	page := o.as(incident.Admin).get("/")
	page.want(t, http.StatusOK, "Not ready. Incidents need a runbook, and there is none.", "INC-1", "Open incidents", "Write a runbook")
	if strings.Contains(page.text(), "Three steps to the first bridge") {
		t.Error("it is called new")
	}
}

// The timeline says once why Zoom created no meeting.
func TestStandbyReasonOnce(t *testing.T) {
	t.Parallel()
	o := checkedOffice(t, 1)
	o.work()
	o.faults(zoomsim.Faults{Down: true})
	i := o.open(o.outage())
	if b := o.bridge(i.Number); b.Kind != incident.KindStandby {
		t.Fatalf("the bridge is a %s", b.Kind)
	}
	page := o.as(incident.Responder).get("/incidents/" + i.Key())
	_, timeline, _ := strings.Cut(page.body, "Timeline")
	if n := strings.Count(timeline, "HTTP 502"); n != 1 {
		t.Errorf("the timeline says %d times what Zoom answered", n)
	}
}
