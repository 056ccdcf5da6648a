package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	admin, viewer := o.as(incident.Admin), o.as(incident.Viewer)
	admin.get("/settings").leadsTo(admin, "/settings/users")
	page := viewer.get("/settings").leadsTo(viewer, "/settings/me")
	if strings.Contains(page.body, `"/settings/users"`) {
		t.Error("a viewer is led to the users")
	}
	for _, path := range []string{"/settings/users", "/settings/tokens", "/settings/audit"} {
		viewer.get(path).want(t, http.StatusForbidden)
	}
	viewer.get("/settings/about").want(t, http.StatusOK)
}

func TestAboutPage(t *testing.T) {
	t.Parallel()
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.run(o.outage(), "db down")
		page := o.as(incident.Viewer).get("/settings/about")
		page.want(t, http.StatusOK, "v1.2.3", "SQLite 3.", " kB", "Incidents 1", "https://bridge.example.com")
		if strings.Contains(page.body, o.dataDir) {
			t.Error("a viewer learns where the data is")
		}
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Viewer)
		testBroken(t, o, "incidents", func() reply { return b.get("/settings/about") })
	})
}

func TestSetupGuide(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range incident.SetupScopes() {
		if s.Granular == "" || s.Classic == "" || len(s.Features) == 0 || seen[s.Granular] {
			t.Errorf("%+v", s)
		}
		seen[s.Granular] = true
	}
	want := incident.SetupScope{Granular: "meeting:write:meeting:admin", Classic: "meeting:write:admin", Features: []zoom.Feature{zoom.OpenBridge}}
	if diff := cmp.Diff(want, incident.SetupScopes()[0]); diff != "" {
		t.Error(diff)
	}
}
