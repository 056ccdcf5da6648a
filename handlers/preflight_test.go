package handlers_test

import (
	"html"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

func TestPreflightPage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	guardPage(t, o, "/preflight", nil)
	admin, viewer := o.as(incident.Admin), o.as(incident.Viewer)
	viewer.get("/preflight").want(t, http.StatusOK, "Nobody to check yet", "Connect a Zoom app that can create meetings first.")
	o.connect()
	_, err := o.service.CheckConnection(t.Context(), theConsole)
	o.must(err)
	o.open(o.outage()) // otherwise Overview shows the first steps
	o.wait(time.Minute)
	_, err = o.service.CheckConnection(t.Context(), theConsole)
	o.must(err)
	admin.post("/preflight/on-call", "on_call_emails", "pmi@example.com, gone@example.com").leadsTo(admin, "/preflight", "The list of people on call was saved.", "2 people not checked yet")
	o.work()

	page := admin.get("/preflight")
	page.want(t, http.StatusOK, "1 person has settings that don’t suit bridges, and 1 person isn’t a Zoom user of this account", "oncall@example.com Backup user, checked just now Licensed 1 Off Off Off On On Not required 99",
		"pmi@example.com On call, checked just now Licensed 1 warning On Fix", "gone@example.com On call, checked just now warning Not found – – – – – – – – 1 problem", "1 problem", "Fix all", "Check all")
	if page := viewer.get("/preflight"); strings.Contains(page.body, "/preflight/fix") || strings.Contains(page.body, "/preflight/check") || strings.Contains(page.text(), "Turn off") {
		t.Error("a viewer is offered what only admins may do")
	}
	viewer.get("/").want(t, http.StatusOK, "Pre-flight: 1 person has settings that don’t suit bridges, and 1 person isn’t a Zoom user of this account.", "Ready. New incidents will get a bridge.")

	t.Run("somebody who can't host is on Overview", func(t *testing.T) {
		o.sim.SetUser("pmi@example.com", func(u *zoomsim.User) { u.Status = "inactive" })
		o.wait(time.Minute)
		admin.post("/preflight/check").leadsTo(admin, "/preflight", "The check of everyone has started.")
		o.work()
		admin.get("/preflight").want(t, http.StatusOK, "1 person can’t host a bridge", "bad Inactive")
		page := viewer.get("/")
		page.want(t, http.StatusOK, "New incidents will get a bridge, but not everyone can host one.", "Pre-flight: 1 person can’t host a bridge, and 1 person isn’t a Zoom user of this account.")
		if strings.Contains(page.body, "db-ready-ok") {
			t.Error("Overview is green")
		}
		o.sim.SetUser("pmi@example.com", func(u *zoomsim.User) { u.Status = "active" })
		o.wait(time.Minute)
		admin.post("/preflight/check")
		o.work()
	})
	t.Run("a list that isn't one comes back as typed", func(t *testing.T) {
		r := admin.post("/preflight/on-call", "on_call_emails", "bo@example.com\n"+hostile)
		r.want(t, http.StatusUnprocessableEntity, "isn’t an email address. Enter one address a line.")
		if wantInert(t, r); !strings.Contains(html.UnescapeString(r.value("on_call_emails")), "bo@example.com") {
			t.Errorf("typed text comes back as %q", r.value("on_call_emails"))
		}
		if got := o.account().OnCallUsers; len(got) != 2 {
			t.Errorf("on call are %q", got)
		}
	})
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "host_checks", func() reply { return viewer.get("/preflight") })
	})
}

func TestFixPreflight(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	_, err := o.service.CheckConnection(t.Context(), theConsole)
	o.must(err)
	o.sim.SetUser("pmi@example.com", func(u *zoomsim.User) { u.WaitingRoom = true })
	o.must(o.service.SaveOnCall(t.Context(), theConsole, []string{"pmi@example.com"}))
	o.work()
	testGuard(t, o, "/preflight/fix", incident.Admin)
	admin := o.as(incident.Admin)
	one := "/preflight/fix?code=pmi_scheduled&email=pmi%40example.com"
	page := admin.get(one)
	page.want(t, http.StatusOK, "pmi@example.com Personal meeting ID, scheduled meetings On Off", "Change 1 setting")
	admin.get("/preflight/fix").want(t, http.StatusOK, "Waiting room On Off", "Change 2 settings")
	admin.get("/preflight/fix?email=nobody%40example.com&code=waiting_room").want(t, http.StatusOK, "There is nothing that Drawbridge can fix.")
	settings := func() (pmi, waitingRoom bool) {
		for _, u := range o.sim.Users() {
			if u.Email == "pmi@example.com" {
				pmi, waitingRoom = u.UsePMIForScheduled, u.WaitingRoom
			}
		}
		return pmi, waitingRoom
	}
	if pmi, room := settings(); !pmi || !room {
		t.Fatal("the preview changed something")
	}
	admin.post("/preflight/fix", "fix.0", page.value("fix.0")).leadsTo(admin, "/preflight", "Changed 1 setting in Zoom.")
	if pmi, room := settings(); pmi || !room {
		t.Errorf("personal meeting ID %v, waiting room %v", pmi, room)
	}
	admin.post("/preflight/fix", "fix.0", page.value("fix.0")).leadsTo(admin, "/preflight", "Nothing was changed.") // pressed twice
	o.sim.SetUser("pmi@example.com", func(u *zoomsim.User) { u.WaitingRoomLock = zoomsim.LockedOn })
	admin.post("/preflight/fix", "fix.0", "pmi@example.com waiting_room").leadsTo(admin, "/preflight", "Zoom kept 1 setting as it was: the account or a group locks it.", "A Zoom admin can unlock it under Account Management")
	admin.get("/preflight/fix").want(t, http.StatusOK, "There is nothing that Drawbridge can fix.")
	if got := o.trail(); !slices.Contains(got, "host.fix pmi@example.com") {
		t.Errorf("audit trail %q", got)
	}
	admin.post("/preflight/fix", "evil", "1").want(t, http.StatusBadRequest)
	admin.post("/preflight/fix", "fix.0", hostile).want(t, http.StatusSeeOther)
}
