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

func TestLeftoversPage(t *testing.T) {
	t.Parallel()
	const path = "/bridges/left-over"
	var o *office
	var admin, responder *tab
	sees := func(texts ...string) {
		t.Helper()
		page := responder.get(path)
		page.want(t, http.StatusOK)
		for _, text := range texts {
			if !strings.Contains(page.body, text) {
				t.Errorf("the page lacks %q", text)
			}
		}
	}
	looks := func() {
		o.work()
		for range 4 {
			o.wait(time.Second)
			o.work()
		}
	}
	o = newOffice(t)
	admin, responder = o.as(incident.Admin), o.as(incident.Responder)
	sees("Not checked yet", "Connect a Zoom app")
	admin.post(path).want(t, http.StatusServiceUnavailable, "No Zoom app is connected.")
	if page := admin.get(path).body; strings.Contains(page, "Check now") {
		t.Error("without a Zoom app, the page offers to check")
	}
	o.connect()
	sees("Not checked yet", "Drawbridge checks once a day")

	o = newOffice(t)
	o.connect()
	i := o.open(o.outage())
	o.must(o.service.ResolveIncident(context.Background(), theConsole, i.Number))
	o.wait(25 * time.Hour)
	admin, responder = o.as(incident.Admin), o.as(incident.Responder)
	responder.post(path).want(t, http.StatusForbidden)
	if page := responder.get(path).body; strings.Contains(page, "Check now") {
		t.Error("the page of a responder has the button")
	}
	o.faults(zoomsim.Faults{TokenRefused: true})
	admin.post(path).want(t, http.StatusSeeOther)
	sees("Checking now")
	looks()
	sees("Last checked", "Nothing is known about the others")
	if page := responder.get(path).body; strings.Contains(page, "Nothing is left over") || strings.Contains(page, "client secret") {
		t.Error("after a failure, the page says that all is well, or tells a responder too much")
	}
	if page := admin.get(path).body; !strings.Contains(page, "client secret") {
		t.Error("the page doesn’t tell an admin what is wrong")
	}
	o.faults(zoomsim.Faults{})
	admin.post(path).want(t, http.StatusSeeOther)
	looks()
	sees("Nothing is left over.", i.Key(), "The incident is resolved, and nobody joined.", "Drawbridge deleted it.")
	responder.get("/incidents/"+i.Key()).want(t, http.StatusOK, "Nobody had joined the meeting")

	o.store.Close()
	admin.post(path).want(t, http.StatusServiceUnavailable)
}
