package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// Zoom goes down: an incident gets the standby meeting, the next one the static link.
// Then people wait outside a meeting, and the open page raises the alarm by itself. When
// Zoom is well, a drill passes.
func TestJourneyAlwaysALink(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newSeededWorld(t)
	admin, err := w.admin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.store.Account(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.service.SaveStaticLinks(t.Context(), admin, []incident.StaticLink{{Name: "War room", URL: "https://meet.example.com/war"}}, a.Version); err != nil {
		t.Fatal(err)
	}
	b := newTab(t, w.url)
	b.logIn(demoEmail)

	b.open("/account")
	b.fill("#f-standby_meetings", "1")
	b.click("button >> Save account and check")
	until(t, "a standby meeting is ready", func() bool {
		all, err := w.store.Standbys(t.Context(), time.Time{})
		return err == nil && len(all) == 1 && all[0].State == incident.StandbyReady
	})
	b.see("Saved: standby meetings.")

	b.open("/preflight")
	b.fill("#f-on_call_emails", "ravi@example.com")
	b.click("button >> Save")
	b.see("The list of people on call was saved.")
	b.click("a >> Fix all") // it comes with the answer of the check, while the page is open
	b.at("/preflight/fix")
	b.see("Personal meeting ID, scheduled meetings")
	b.click("main form button[type=submit]")
	b.wait("a board without the personal meeting ID", `document.querySelector(".db-preflight") && ![...document.querySelectorAll("td[data-label='PMI, scheduled']")].some((e) => e.textContent.includes("On"))`)
	if hosts, err := w.store.HostChecks(t.Context()); err != nil || slices.ContainsFunc(hosts, func(h incident.HostCheck) bool { return slices.Contains(h.Fixable(), incident.FoundPMIScheduled) }) {
		t.Errorf("the board still finds the personal meeting ID: %v", err)
	}

	w.sim.SetFaults(func(f *zoomsim.Faults) { f.Down = true })
	open := func(name string) {
		b.open("/runbooks/" + w.runbookID(t, "Security incident") + "/run")
		b.fill("#f-name", name)
		b.click("label >> SEV1")
		b.click("button >> Open incident")
	}
	open("Zoom is down")
	b.at("/incidents/3")
	if got := w.bridge(t, 3); got.Kind != incident.KindStandby {
		t.Errorf("the first bridge is %s", got.Kind)
	}
	b.wait("its link", find("main a >> Join")+`.href === "`+w.bridge(t, 3).JoinURL+`"`)
	open("Zoom is still down")
	b.at("/incidents/4")
	if got := w.bridge(t, 4); got.Kind != incident.KindStatic {
		t.Errorf("the second bridge is %s", got.Kind)
	}
	b.see("Static link")

	w.sim.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{OverwriteSettings: true} })
	var meeting string
	for n := int64(5); meeting == ""; n++ { // until Drawbridge knows that Zoom answers again
		open("People can't get in")
		b.at(fmt.Sprintf("/incidents/%d", n))
		if meeting = w.bridge(t, n).MeetingID; n > 60 {
			t.Fatal("Zoom is not asked again")
		}
	}
	for _, name := range []string{"Ana", "Bo", "Cy"} {
		w.join(t, meeting, name)
	}
	w.clock.set(-31 * time.Second)
	b.see("3 people are waiting to get in, and nobody has let them in")

	w.sim.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{} })
	b.open("/drills")
	b.click("button >> Run a drill")
	b.wait("a passed drill in the chart", `document.querySelector(".db-drills svg path.db-drill-ok")`)
}
