package handlers_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// Overview lists first the open incidents that need a person, whatever their severity and
// age, and says how many more there are.
func TestOverviewNeedyFirst(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.sim.AddUser(zoomsim.User{Email: "ana@example.com", DisplayName: "Ana", JoinBeforeHost: true})
	r := o.outage()
	open := func(severity string) int64 {
		return o.open(r, func(q *incident.OpenRequest) {
			q.OpenerEmail, q.Severity, q.DedupKey = "ana@example.com", severity, ""
		}).Number
	}
	open("SEV3") // INC-1: people wait
	o.happened("meeting.participant_joined_waiting_room", o.bridge(1).MeetingID, "participant", o.participant("Wanda"))
	for range 9 {
		open("SEV1")
	}
	open("SEV2") // INC-11
	o.faults(zoomsim.Faults{RateLimited: "user_day"})
	open("SEV4") // INC-12 has no link

	page := o.as(incident.Viewer).get("/")
	page.want(t, http.StatusOK, "All 12", "4 more")
	_, list, _ := strings.Cut(page.body, ">Open incidents<")
	list, _, _ = strings.Cut(list, "</section>")
	var got []string
	for _, m := range regexp.MustCompile(`class="db-key">(INC-\d+)<`).FindAllStringSubmatch(list, -1) {
		got = append(got, m[1])
	}
	want := []string{"INC-1", "INC-12", "INC-10", "INC-9", "INC-8", "INC-7", "INC-6", "INC-5"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the open incidents (-want +got):\n%s", diff)
	}
	if !strings.Contains(list, `<a href="/incidents?status=open">4 more</a>`) {
		t.Error("the rest can’t be reached")
	}
}
