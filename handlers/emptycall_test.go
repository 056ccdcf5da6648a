package handlers_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// Live is a call with people in it, on every page.
func TestEmptyCall(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.sim.AddUser(zoomsim.User{Email: "ana@example.com", DisplayName: "Ana", JoinBeforeHost: true})
	o.open(o.outage(), func(q *incident.OpenRequest) { q.OpenerEmail = "ana@example.com" })
	meeting, viewer, ana := o.bridge(1).MeetingID, o.as(incident.Viewer), o.participant("Ana")
	started := func() { o.happened("meeting.started", meeting, "start_time", "2026-11-22T02:14:07Z") }
	joined := func() { o.happened("meeting.participant_joined", meeting, "participant", ana) }
	left := func() { o.happened("meeting.participant_left", meeting, "participant", ana) }
	badge := regexp.MustCompile(`(?s)id="nav-bridges"[^>]*>(.*?)</span>`)
	mark := regexp.MustCompile(`class="db-state db-st-[a-z]+">([a-z ]+)<`)
	for _, tt := range []struct {
		name, want, says string
		happens          func()
		live             bool
	}{
		{"nobody came", "ready", "Nobody has joined yet.", func() {}, false},
		{"started, and Zoom named nobody", "started", "The call is running. Zoom didn’t say who is inside.", started, false},
		{"one came", "live", "1 ", joined, true},
		{"all left", "empty", "Nobody is inside now.", left, false},
		{"one came back", "live", "1 ", func() {
			o.wait(time.Minute)
			ana = o.participant("Ana")
			joined()
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.happens()
			for _, path := range []string{"/", "/incidents", "/incidents/1", "/bridges", "/j/INC-1"} {
				page := viewer.get(path)
				page.want(t, http.StatusOK)
				head, _, _ := strings.Cut(page.body, `<dialog id="help"`)
				var marks []string
				for _, m := range mark.FindAllStringSubmatch(head, -1) {
					marks = append(marks, m[1])
				}
				all := " " + strings.Join(marks, " ") + " "
				if !strings.Contains(all, " "+tt.want+" ") || tt.want != "live" && strings.Contains(all, " live ") {
					t.Errorf("%s calls the call%s, want %s", path, all, tt.want)
				}
				if path == "/incidents/1" || path == "/j/INC-1" {
					page.want(t, http.StatusOK, tt.says)
				}
				if path == "/incidents/1" && tt.want != "ready" {
					page.want(t, http.StatusOK, map[string]string{"started": "Inside now ?", "live": "Inside now 1", "empty": "Inside now 0"}[tt.want])
				}
				if m := badge.FindStringSubmatch(page.body); path != "/j/INC-1" && (m != nil && strings.Contains(m[1], "1")) != tt.live {
					t.Errorf("%s: the menu shows the count %q, live: %t", path, m, tt.live)
				}
			}
			listed := strings.Contains(viewer.get("/bridges?view=live").text(), "INC-1")
			if listed != tt.live {
				t.Errorf("the log of live bridges has it: %t, want %t", listed, tt.live)
			}
		})
	}
}
