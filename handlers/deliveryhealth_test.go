package handlers_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

func TestHealthPanel(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	email := o.person("viewer", incident.Viewer).Email
	viewer := o.logIn(email)
	if page := o.as(incident.Admin).get("/account"); strings.Contains(page.text(), "Zoom webhook health") {
		t.Error("asked before anything is connected")
	}
	o.connect()
	o.open(o.outage())

	t.Run("nothing yet", func(t *testing.T) {
		for _, path := range []string{"/", "/account"} {
			viewer.get(path).want(t, http.StatusOK, "Zoom webhook health", "No event has arrived from Zoom yet.", "Zoom hasn’t validated this server’s webhook address yet.")
		}
	})
	t.Run("well", func(t *testing.T) {
		o.must(o.service.NoteValidation(context.Background()))
		o.happened("meeting.started", o.bridge(1).MeetingID)
		o.wait(10 * time.Minute)
		for _, path := range []string{"/", "/account"} {
			viewer.get(path).want(t, http.StatusOK, "Zoom’s events are arriving.", "10 min ago", "in 3 days", "0 of 6", "0.1 s", "1 event in the last 24 hours, by type", "meeting started")
		}
	})
	t.Run("an event in twenty is late", func(t *testing.T) {
		for i := range 20 {
			body := o.event("user.updated", "", "n", i)
			if i%2 == 0 {
				o.wait(6 * time.Minute)
			}
			o.deliver(body, o.clock())
		}
		o.work()
		viewer.get("/").want(t, http.StatusOK, "Events arrive, but some are late.", "Zoom needs a second attempt", "p95 delay 6 min")
	})
	t.Run("silence", func(t *testing.T) {
		o.wait(4 * time.Hour)
		page := viewer.get("/")
		page.want(t, http.StatusOK, "Zoom has sent nothing for 4 hours, although the call of INC-1 is running.")
		if strings.Count(page.text(), "nothing for 4 hours") != 2 || !strings.Contains(page.body, `href="/account#health"`) {
			t.Error("it is not among what needs someone, with a way to more")
		}
	})
	t.Run("missing validations", func(t *testing.T) {
		o.wait(10 * 24 * time.Hour)
		viewer = o.logIn(email)
		viewer.get("/").want(t, http.StatusOK, "3 of 6", "That makes 3 failures in a row")
		admin := o.logIn("admin@example.com")
		admin.get("/").want(t, http.StatusOK, "press Validate")
		o.wait(20 * 24 * time.Hour)
		viewer, admin = o.logIn(email), o.logIn("admin@example.com")
		page := viewer.get("/account")
		page.want(t, http.StatusOK, "Zoom can’t reach Drawbridge.", "6 of 6")
		for _, fix := range []string{"Validate", "Marketplace", "secret"} {
			if strings.Contains(page.text(), fix) {
				t.Errorf("a viewer reads %q: %s", fix, page.text())
			}
		}
		admin.get("/account").want(t, http.StatusOK, "6 of 6", "turn the subscription on again")
	})
	t.Run("refused requests", func(t *testing.T) {
		o.service.CountRefusal("wrong_validation")
		o.work()
		const said = "1 request rejected in the last hour: asking for validation, with a wrong signature"
		viewer.get("/account").want(t, http.StatusOK, said)
		o.logIn("admin@example.com").get("/account").want(t, http.StatusOK, said, "don’t count toward Zoom’s six failures")
	})
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "events", func() reply { return viewer.get("/account") })
	})
}

// A call that runs although no event said so shows that Zoom's events don't arrive.
func TestUntoldCall(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.must(o.service.NoteValidation(t.Context()))
	o.open(o.outage())
	o.deliver(o.event("user.updated", ""), o.clock())
	o.work()
	viewer := o.as(incident.Viewer)
	viewer.get("/account").want(t, http.StatusOK, "Zoom’s events are arriving.")
	_, err := o.sim.Join(t.Context(), o.bridge(1).MeetingID, zoomsim.Person{Name: "Ana"})
	o.must(err)
	for range 10 {
		o.wait(time.Minute)
		o.work()
	}
	for _, path := range []string{"/", "/account"} {
		viewer.get(path).want(t, http.StatusOK, "A call started, but Zoom sent no event.", "The call of INC-1 started 9 min ago, but Zoom sent no event.")
	}
	o.happened("meeting.started", o.bridge(1).MeetingID)
	viewer.get("/").want(t, http.StatusOK, "Zoom’s events are arriving.")
}

func TestClockBanner(t *testing.T) {
	t.Parallel()
	t.Run("C-04 Zoom's answers say it", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		o.faults(zoomsim.Faults{ClockSkew: -3 * time.Minute})
		_, err := o.service.CheckConnection(context.Background(), theConsole)
		o.must(err)
		o.as(incident.Viewer).get("/bridges").want(t, http.StatusOK, "This server’s clock is 3 min ahead of Zoom’s.", "timedatectl", "chronyc")
	})
	t.Run("W-16 events show the skew before any answer", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		for i := range 3 {
			o.deliver(o.event("user.updated", "", "n", i), o.clock().Add(4*time.Minute))
		}
		o.as(incident.Viewer).get("/bridges").want(t, http.StatusOK, "This server’s clock is 4 min behind Zoom’s.")
	})
	t.Run("many stale ones", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		for i := range 6 {
			o.deliver(o.event("user.updated", "", "n", i), o.clock().Add(-3*time.Hour))
		}
		o.deliver(o.event("user.updated", "", "n", 7), o.clock())
		o.as(incident.Viewer).get("/bridges").want(t, http.StatusOK, "6 of the last 7 events were signed long before they arrived")
	})
}

func TestFindGaps(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	admin, viewer := o.as(incident.Admin), o.as(incident.Viewer)
	account := func(changes ...string) {
		t.Helper()
		admin.post("/account", accountFields(o.account().Version, changes...)...).want(t, http.StatusSeeOther)
	}

	t.Run("guard", func(t *testing.T) { testGuard(t, o, "/account/gaps", incident.Admin) })
	t.Run("refused without an App ID", func(t *testing.T) {
		admin.get("/account").want(t, http.StatusOK, "Deliveries", "Enter the App ID in the form")
		if page := viewer.get("/account"); strings.Contains(page.text(), "App ID") {
			t.Errorf("a viewer reads how to set it up: %s", page.text())
		}
		admin.post("/account/gaps").want(t, http.StatusSeeOther)
		admin.get("/account").want(t, http.StatusOK, "Enter the App ID of the Zoom app first.")
	})
	t.Run("an invalid App ID", func(t *testing.T) {
		page := admin.post("/account", accountFields(o.account().Version, "app_id", "my app")...)
		page.want(t, http.StatusUnprocessableEntity, "This isn’t an App ID.")
		if got := page.value("app_id"); got != "my app" {
			t.Errorf("what was typed is not kept: %q", got)
		}
	})
	t.Run("without the scope", func(t *testing.T) {
		o.faults(zoomsim.Faults{MissingScopes: []string{"marketplace_app:read:admin"}})
		account("app_id", "https://marketplace.zoom.us/develop/apps/"+zoomApp+"/scopes")
		page := admin.get("/account")
		page.want(t, http.StatusOK, "Add Scopes, and add marketplace_app:read:admin", "App ID")
		if page.value("app_id") != zoomApp || strings.Contains(page.text(), "Copy missing scopes") {
			t.Error("the App ID is not there, or a scope that nobody needs is called missing")
		}
		admin.post("/account/gaps")
		admin.get("/account").want(t, http.StatusOK, "The Zoom app lacks a permission.", "Scopes: add marketplace_app:read:admin")
		viewer.get("/").want(t, http.StatusOK, "The last missing-event check didn’t finish.")
		o.faults(zoomsim.Faults{})
		account()
	})
	t.Run("done", func(t *testing.T) {
		r := o.outage()
		i, _, err := o.service.OpenIncident(context.Background(), theConsole, incident.OpenRequest{RunbookID: r.ID, Name: "db down", Source: "api", OpenerEmail: "oncall@example.com"})
		o.must(err)
		_, err = o.sim.Join(context.Background(), o.bridge(i.Number).MeetingID, zoomsim.Person{Name: "Ravi"})
		o.must(err)
		o.sim.Settle()
		o.wait(2 * time.Hour)

		if got := admin.post("/account/gaps"); got.status != http.StatusSeeOther || got.header.Get("Location") != "/account#deliveries" {
			t.Errorf("status %d to %q", got.status, got.header.Get("Location"))
		}
		page := admin.get("/account")
		page.want(t, http.StatusOK, "missing events from Zoom’s delivery log.", "Missing in 7 days", "in 60 min")
		if !strings.Contains(page.body, `href="/events?recovered=1"`) {
			t.Error("no way to the events")
		}
		o.work()
		viewer.get("/incidents/1").want(t, http.StatusOK, "1 inside", "Ravi joined.")
		viewer.get("/").want(t, http.StatusOK, "didn’t arrive. Drawbridge recovered them from Zoom’s delivery log.")
		admin.post("/account/gaps")
		admin.get("/account").want(t, http.StatusOK, "Nothing is missing.")
	})
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "gap_looks", func() reply { return admin.post("/account/gaps") })
	})
}
