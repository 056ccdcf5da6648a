package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// versions saves a runbook three times and returns it.
func (o *office) versions() incident.Runbook {
	o.t.Helper()
	r := o.outage()
	for _, topic := range []string{"second {{ incident.key }}", "third {{ incident.key }}"} {
		r.Steps[0].Meeting.Topic = topic
		var err error
		r, _, err = o.service.SaveRunbook(context.Background(), theConsole, r)
		o.must(err)
	}
	return r
}

var rowOfVersion = regexp.MustCompile(`>Version (\d+)</a>`)

func TestRunbookVersionsPage(t *testing.T) {
	t.Parallel()
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		guardPage(t, o, "/runbooks/"+o.outage().ID+"/versions", nil)
		o.as(incident.Viewer).get("/runbooks/none/versions").want(t, http.StatusNotFound)
	})
	t.Run("one", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.outage()
		b := o.as(incident.Viewer)
		b.get("/runbooks/"+r.ID+"/versions").want(t, http.StatusOK, "Version 1 newest", "command line Created")
		b.get("/runbooks/"+r.ID+"/versions/1").want(t, http.StatusOK, "There is no other version to compare it with.", "name: Production outage")
	})
	t.Run("who changed what", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.versions()
		o.wait(time.Minute)
		b := o.as(incident.Admin)
		b.post("/runbooks/" + r.ID + "/disable")
		page := b.get("/runbooks/" + r.ID + "/versions")
		page.want(t, http.StatusOK, "Version 4 newest just now admin@example.com disabled 2026-11-22T02:15:07Z",
			"Version 3 1 min ago command line step 1 topic second {{ incident.key }} → third {{ incident.key }}", "Created")
		b.get("/runbooks/"+r.ID).want(t, http.StatusOK, "Versions")
	})
	t.Run("many, and some that were not kept", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.outage()
		for n := range 29 {
			r.Description = fmt.Sprint(n)
			var err error
			r, _, err = o.service.SaveRunbook(context.Background(), theConsole, r)
			o.must(err)
		}
		o.sql(`DELETE FROM runbook_versions WHERE version IN (1, 2, 3, 28)`)
		b := o.as(incident.Viewer)
		rows, pages := allPages(t, b, "/runbooks/"+r.ID+"/versions", rowOfVersion)
		if len(rows) != 26 || pages != 2 || rows[0] != "30" || rows[2] != "27" {
			t.Errorf("%d pages with the versions %v", pages, rows)
		}
		b.get("/runbooks/"+r.ID+"/versions").want(t, http.StatusOK, "Version 28 Saved by an earlier Drawbridge, which didn’t keep versions.")
		b.get("/runbooks/"+r.ID+"/versions?cursor=5").want(t, http.StatusOK, "Unknown. The version before it wasn’t kept.", "Versions 1 to 3 Saved by")
		b.get("/runbooks/"+r.ID+"/versions/28").want(t, http.StatusNotFound)
		b.get("/runbooks/"+r.ID+"/versions?cursor=x").want(t, http.StatusBadRequest)
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.outage()
		b := o.as(incident.Admin)
		testBroken(t, o, "runbook_versions", func() reply { return b.get("/runbooks/" + r.ID + "/versions") })
		testBroken(t, o, "steps", func() reply { return b.get("/runbooks/" + r.ID + "/versions/1") })
	})
}

func TestRunbookVersionPage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := o.versions()
	path := "/runbooks/" + r.ID + "/versions/"
	b, viewer := o.as(incident.Admin), o.as(incident.Viewer)
	guardPage(t, o, path+"2", nil)
	for _, tt := range []struct {
		path, says string
	}{
		{"2", "What changed from version 1 to version 2 What changed Changed From To step 1 topic {{ incident.key }} {{ vars.customer }} second {{ incident.key }}"},
		{"2?with=3", "What changed from version 2 to version 3 What changed Changed From To step 1 topic second {{ incident.key }} third {{ incident.key }}"},
		{"3?with=1", "What changed from version 1 to version 3"},
		{"1", "What changed from version 1 to version 3"},
		{"3?with=9", "There is no such version, or it wasn’t kept."},
		{"3?with=x", "There is no such version, or it wasn’t kept."},
		{"3?with=9", "What changed from version 2 to version 3"},
		{"2", "This saves version 2 again, as version 4. It changes: step 1 topic ."},
		{"2", "Newest version 3"},
	} {
		b.get(path+tt.path).want(t, http.StatusOK, tt.says)
	}
	for _, none := range []string{"0", "4", "-1", "x", "99999999999999999999"} {
		b.get(path+none).want(t, http.StatusNotFound)
	}
	if strings.Contains(b.get(path+"3").text(), "Bring back") || strings.Contains(viewer.get(path+"2").text(), "Bring back") {
		t.Error("the newest version can be brought back, or by a viewer")
	}
	b.post("/runbooks/" + r.ID + "/enable")
	r.Description = "x"
	_, _, err := o.service.SaveRunbook(context.Background(), theConsole, r)
	o.must(err)
	b.post(path+"3/bring-back", "latest", "4")
	b.get(path+"3").want(t, http.StatusOK, "Nothing would change: the newest version holds the same.")

	// An incident names the version that it runs, and leads to it.
	i := o.open(o.runbook(r.ID))
	page := viewer.get("/incidents/" + i.Key())
	page.want(t, http.StatusOK, "Production outage, version 5")
	if !strings.Contains(page.body, `href="`+path+`5"`) {
		t.Error("no link leads to the version")
	}
	token, _, err := o.service.CreateToken(context.Background(), theConsole, "reader", []string{incident.ScopeRead}, 0)
	o.must(err)
	if status, answer := o.api(t, token, http.MethodGet, "/api/v1/incidents/"+i.Key(), ""); status != http.StatusOK || answer["runbook"] != "Production outage" || answer["runbook_version"] != 5.0 {
		t.Errorf("the API answers %d: %v, version %v", status, answer["runbook"], answer["runbook_version"])
	}
	o.sql(`UPDATE incidents SET runbook_version = 0`)
	if page := viewer.get("/incidents/" + i.Key()); strings.Contains(page.text(), ", version") || !strings.Contains(page.text(), "Production outage") {
		t.Error("a version that isn’t known is shown")
	}
}

func TestBringBackVersion(t *testing.T) {
	t.Parallel()
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		testGuard(t, o, "/runbooks/"+o.versions().ID+"/versions/1/bring-back", incident.Admin, "latest", "3")
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.versions()
		b := o.as(incident.Admin)
		path := "/runbooks/" + r.ID + "/versions/1/bring-back"
		b.post(path, "latest", "2").want(t, http.StatusUnprocessableEntity, "Version 1 wasn’t brought back command line changed this just now. See what bringing it back would change now.")
		b.post(path, "latest", "3", "version", "1").want(t, http.StatusBadRequest)
		b.post(path, "latest", "x").want(t, http.StatusBadRequest)
		b.post("/runbooks/"+r.ID+"/versions/9/bring-back", "latest", "3").want(t, http.StatusNotFound)
		b.post("/runbooks/"+r.ID+"/versions/x/bring-back", "latest", "3").want(t, http.StatusNotFound)
		b.post("/runbooks/none/versions/1/bring-back", "latest", "3").want(t, http.StatusNotFound)

		r.Name = "Renamed"
		_, _, err := o.service.SaveRunbook(context.Background(), theConsole, r)
		o.must(err)
		o.outage()
		b.post(path, "latest", "4").want(t, http.StatusUnprocessableEntity, "Version 1 wasn’t brought back", "Name: Another runbook has this name.")
		o.sql(`UPDATE runbook_versions SET body = REPLACE(body, '{{ vars.customer }}', '{% for %}') WHERE version = 1`)
		b.post(path, "latest", "4").want(t, http.StatusUnprocessableEntity, "Step 1 topic: ")
		if got := o.runbook(r.ID); got.Version != 4 {
			t.Errorf("it is version %d", got.Version)
		}

		o.run(o.runbook(r.ID), "db down")
		b.post("/runbooks/" + r.ID + "/delete")
		b.post(path, "latest", "5").want(t, http.StatusConflict, "This runbook is archived and can’t be changed.")
		if strings.Contains(b.get("/runbooks/"+r.ID+"/versions/1").text(), "Bring back") {
			t.Error("an archived runbook offers to bring a version back")
		}
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.versions()
		b := o.as(incident.Admin)
		testBroken(t, o, "audit_entries", func() reply { return b.post("/runbooks/"+r.ID+"/versions/1/bring-back", "latest", "3") })
		if got := o.runbook(r.ID); got.Version != 3 {
			t.Errorf("it is version %d", got.Version)
		}
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.versions()
		b := o.as(incident.Admin)
		b.post("/runbooks/"+r.ID+"/versions/1/bring-back", "latest", "3").leadsTo(b, "/runbooks/"+r.ID+"/versions",
			"Version 1 was brought back. It is version 4 now.", "Version 4 newest just now admin@example.com step 1 topic third {{ incident.key }} → {{ incident.key }} {{ vars.customer }}")
		if got := o.runbook(r.ID).Steps[0].Meeting.Topic; got != "{{ incident.key }} {{ vars.customer }}" {
			t.Errorf("topic %q", got)
		}
		b.get("/settings/audit").want(t, http.StatusOK, "brought back a version of runbook “Production outage”", "version brought back 1")
		b.post("/runbooks/"+r.ID+"/versions/4/bring-back", "latest", "4").leadsTo(b, "/runbooks/"+r.ID+"/versions", "Nothing was changed.")
		o.wantTrail("runbook.create Production outage", "runbook.update Production outage", "runbook.update Production outage", "runbook.bring_back Production outage")
	})
}
