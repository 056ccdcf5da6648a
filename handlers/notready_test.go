package handlers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// Overview doesn't call Drawbridge ready while it can't store incidents, whatever the last
// check of Zoom found.
func TestNotReadyWhileNothingIsStored(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	outage := o.outage()
	o.open(outage, func(r *incident.OpenRequest) { r.Vars = map[string]string{"customer": "ACME"} }) // so that it is no new installation
	_, err := o.service.CheckConnection(t.Context(), theConsole)
	o.must(err)
	admin := o.as(incident.Admin)
	const green, static = "Ready. New incidents will get a bridge.", "Drawbridge can’t store incidents right now. New ones get a static link."
	admin.get("/").want(t, http.StatusOK, green)
	o.must(o.saveStatic(incident.StaticLink{Name: "War room", URL: "https://meet.example.com/war"}))
	o.must(workOff(o))
	_, err = o.service.CheckConnection(t.Context(), theConsole)
	o.must(err)
	admin.get("/").want(t, http.StatusOK, green)

	unlock := o.lock()
	_, err = o.service.Open(t.Context(), theConsole, incident.OpenRequest{RunbookID: outage.ID, Name: "db down", Source: incident.SourceAPI, Vars: map[string]string{"customer": "ACME"}})
	o.must(err)
	page := admin.get("/")
	page.want(t, http.StatusOK, static)
	if strings.Contains(page.text(), green) {
		t.Error("Overview is green")
	}
	unlock()
	for range 5 {
		o.wait(time.Minute)
		o.must(workOff(o))
	}
	if page := admin.get("/"); strings.Contains(page.text(), "can’t store incidents") {
		t.Error("Overview still says that nothing can be stored")
	}
}
