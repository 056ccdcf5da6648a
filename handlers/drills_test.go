package handlers_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

func TestDrillsPage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	outage := o.outage()
	admin, responder := o.as(incident.Admin), o.as(incident.Responder)
	key := uuid.NewString()

	t.Run("guard", func(t *testing.T) {
		responder.post("/drills", "key", key, "runbook", "").want(t, http.StatusForbidden)
		responder.post("/drills/schedule", "schedule", "daily", "hour", "6").want(t, http.StatusForbidden)
		if page := responder.get("/drills").body; strings.Contains(page, `action="/drills"`) || !strings.Contains(page, "No drill has run yet") {
			t.Error("the page of a responder has the form, or no empty state")
		}
	})
	t.Run("refused", func(t *testing.T) {
		admin.post("/drills", "key", "not a key", "runbook", "").want(t, http.StatusBadRequest)
		page := admin.post("/drills", "key", key, "runbook", "no such runbook")
		page.want(t, http.StatusUnprocessableEntity)
		if !strings.Contains(page.body, "Choose an enabled runbook") {
			t.Error("the page doesn't say what is wrong with the runbook")
		}
		admin.post("/drills/schedule", "schedule", "hourly", "hour", "noon").want(t, http.StatusUnprocessableEntity)
	})
	t.Run("done", func(t *testing.T) {
		if page := admin.get("/drills").body; strings.Contains(page, "The default runbook") || !strings.Contains(page, "Choose a runbook") {
			t.Error("the page offers a default runbook, and there is none")
		}
		refused := admin.post("/drills/schedule", "schedule", "weekly", "hour", "13")
		refused.want(t, http.StatusUnprocessableEntity, "Choose a runbook, or mark an enabled one as the default")
		for _, kept := range []string{`<option value="weekly" selected>`, `<option value="13" selected>`} {
			if !strings.Contains(refused.body, kept) {
				t.Errorf("the refused form lacks what was entered: %s", kept)
			}
		}
		outage.Default = true
		_, _, err := o.service.SaveRunbook(t.Context(), theConsole, outage)
		o.must(err)
		if page := admin.get("/drills").body; !strings.Contains(page, "The default runbook") {
			t.Error("the page doesn't offer the default runbook")
		}
		admin.post("/drills/schedule", "schedule", "weekly", "hour", "13").want(t, http.StatusSeeOther)
		if page := responder.get("/drills").body; !strings.Contains(page, "Every Monday at 13:00 UTC") {
			t.Error("the page doesn't show the schedule")
		}
		admin.post("/drills", "key", key, "runbook", "").want(t, http.StatusSeeOther)
		if page := responder.get("/drills").body; !strings.Contains(page, "Opening an incident.") {
			t.Error("the page doesn't show the drill that runs")
		}
		o.drillRuns()
		page := responder.get("/drills").body
		for _, want := range []string{"Passed", "1 drill, none failed.", "Everyone can get in.", "db-drill-ok"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
	})
	t.Run("broken", func(t *testing.T) {
		o := newOffice(t)
		admin := o.as(incident.Admin)
		o.store.Close()
		admin.post("/drills", "key", uuid.NewString(), "runbook", "").want(t, http.StatusServiceUnavailable)
	})
}

// drillRuns does all stages of a drill.
func (o *office) drillRuns() {
	for range 40 {
		o.work()
		o.wait(time.Second)
	}
	o.work()
}

// A drill that failed is on Overview until one passes. It is not an open incident, and its
// incident is marked as a drill.
func TestDrillOnOverview(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.outage()
	admin, responder := o.as(incident.Admin), o.as(incident.Responder)
	run := func(f zoomsim.Faults) {
		o.faults(f)
		o.must(o.service.RunDrill(context.Background(), theConsole, uuid.NewString(), ""))
		o.drillRuns()
	}
	run(zoomsim.Faults{TokenRefused: true})
	page := admin.get("/").body
	if !strings.Contains(page, "The last drill failed. There was no link.") || !strings.Contains(page, `href="/drills"`) {
		t.Error("Overview doesn't say that the drill failed")
	}
	if page := responder.get("/").body; !strings.Contains(page, "The last drill failed.") || strings.Contains(page, "client secret") {
		t.Error("Overview doesn't tell a responder, or tells too much")
	}
	run(zoomsim.Faults{})
	if page := admin.get("/").body; strings.Contains(page, "The last drill failed") {
		t.Error("Overview still says that the drill failed")
	}
	for _, path := range []string{"/incidents", "/bridges"} {
		if page := admin.get(path).body; !strings.Contains(page, `<span class="db-tag">drill</span>`) {
			t.Errorf("%s doesn't mark drills", path)
		}
	}
}
