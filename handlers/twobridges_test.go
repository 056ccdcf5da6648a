package handlers_test

import (
	"html"
	"net/http"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// Two meetings of one incident can be told apart wherever they are shown.
func TestTwoBridges(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	r, _, err := o.service.SaveRunbook(t.Context(), theConsole, incident.Runbook{Name: "Two", Steps: []incident.Step{
		{Kind: incident.StepCreateMeeting, Name: "War room", ExecuteAutomatically: true, Meeting: incident.NewMeetingTemplate()},
		{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: incident.NewMeetingTemplate()},
	}})
	o.must(err)
	i := o.open(r)
	bridges, err := o.store.Bridges(t.Context(), 1)
	o.must(err)
	one, two := "Bridge 1 (War room)", "Bridge 2 ("+bridges[1].Topic+")"
	o.happened("meeting.started", bridges[1].MeetingID)
	o.happened("meeting.participant_joined", bridges[1].MeetingID, "participant", o.participant("Bo"))

	page := o.as(incident.Viewer).get("/incidents/1")
	page.want(t, http.StatusOK, one, two, "The call started. "+two, "Bo joined. "+two)
	wantInert(t, page)

	first := o.nobody().get("/j/INC-1?k=" + i.JoinKey)
	first.want(t, http.StatusOK, one+" "+two)
	to := "/j/INC-1?bridge=" + bridges[1].ID + "&k=" + i.JoinKey
	if !strings.Contains(html.UnescapeString(first.body), `href="`+to+`"`) {
		t.Error("the join page doesn’t lead to the second bridge")
	}
	second := o.nobody().get(to)
	second.want(t, http.StatusOK, two+" "+one)
	if !strings.Contains(second.body, html.EscapeString(bridges[1].JoinURL)) || !strings.Contains(second.body, "&amp;bridge="+bridges[1].ID) {
		t.Error("the page of the second bridge has another link")
	}
	if page := o.nobody().get("/j/INC-2?k=" + o.open(o.outage()).JoinKey); strings.Contains(page.text(), "Bridge 1") {
		t.Error("the only bridge has a number")
	}
}

// In a host's personal room, the ID on the pages is the one in the link, which people
// dial and events have. Both IDs find the events.
func TestPersonalMeetingID(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.faults(zoomsim.Faults{PMI: true})
	i := o.open(o.outage())
	b := o.bridge(1)
	pmi, shown := b.PMI, b.PMI[:3]+" "+b.PMI[3:6]+" "+b.PMI[6:]
	if pmi == "" || pmi == b.MeetingID || !strings.Contains(b.JoinURL, "/j/"+pmi) {
		t.Fatalf("the bridge is %+v", b)
	}
	o.happened("meeting.started", pmi)
	viewer := o.as(incident.Viewer)
	for _, path := range []string{"/incidents/1", "/j/INC-1?k=" + i.JoinKey, "/bridges"} {
		if page := viewer.get(path); !strings.Contains(page.text(), shown) || strings.Contains(page.body, b.MeetingID) {
			t.Errorf("%s shows another meeting ID than that of the link", path)
		}
	}
	if !strings.Contains(viewer.get("/bridges").body, "/events?meeting_id="+pmi+`"`) {
		t.Error("the log of bridges leads to the events of another ID")
	}
	if rows := rowsOf(t, viewer.get("/bridges/export").body); rows[0]["meeting_id"] != pmi {
		t.Errorf("the export has %q", rows[0]["meeting_id"])
	}
	want := o.eventIDs(db.EventFilter{MeetingID: pmi})
	if len(want) == 0 {
		t.Fatal("no events")
	}
	for _, query := range []string{"meeting_id=" + b.MeetingID, "meeting_id=" + b.MeetingID + "&event=meeting.*", "meeting_id=" + b.MeetingID + "&q=meeting"} {
		wantRows(t, viewer, "/events?"+query, rowOfEvent, want...)
	}
}

// A bridge that the log shows as amber needs attention everywhere, also if its runbook
// asked for what keeps people out.
func TestAskedWaitingRoomNeedsAttention(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, says string
		change     func(*incident.MeetingTemplate)
		whileLive  bool
	}{
		{"waiting room", "People wait until a host lets them in, as the runbook asks", func(m *incident.MeetingTemplate) { m.WaitingRoom, m.JoinBeforeHost = true, false }, true},
		{"no join before host", "Nobody gets in before the host, as the runbook asks", func(m *incident.MeetingTemplate) { m.JoinBeforeHost = false }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOffice(t)
			o.connect()
			meeting := incident.NewMeetingTemplate()
			tt.change(&meeting)
			r, _, err := o.service.SaveRunbook(t.Context(), theConsole, incident.Runbook{Name: "Drill", Steps: []incident.Step{
				{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: meeting},
			}})
			o.must(err)
			o.open(r)
			viewer := o.as(incident.Viewer)
			check := func(needs bool) {
				t.Helper()
				row := viewer.get("/bridges")
				if got := strings.Contains(row.body, "db-warned"); got != needs {
					t.Errorf("the row is amber: %v, want %v", got, needs)
				}
				if got := strings.Contains(viewer.get("/bridges?view=attention").text(), "INC-1"); got != needs {
					t.Errorf("it is in the filter: %v, want %v", got, needs)
				}
				if got := strings.Contains(viewer.get("/").text(), "INC-1: "+tt.says); got != needs {
					t.Errorf("it is on Overview: %v, want %v", got, needs)
				}
			}
			check(true)
			o.happened("meeting.started", o.bridge(1).MeetingID)
			check(tt.whileLive)
		})
	}
}

func TestFailedBridgeForThoseWhoCantAct(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.faults(zoomsim.Faults{RateLimited: "user_day"})
	i := o.open(o.outage())
	viewer := o.as(incident.Viewer)
	page := viewer.get("/incidents/1")
	page.want(t, http.StatusOK, "Drawbridge retries in 15 s. A responder can use another link.")
	if strings.Contains(page.text(), "Retry") || strings.Contains(page.text(), "Use another link") {
		t.Error("a viewer is told to do what they can’t")
	}
	join := "/j/INC-1?k=" + i.JoinKey
	o.nobody().get(join).want(t, http.StatusOK, "Drawbridge retries in 15 s. The people handling the incident")
	o.must(o.service.ResolveIncident(t.Context(), theConsole, 1))
	if page := o.nobody().get(join); strings.Contains(page.text(), "retries") {
		t.Error("Drawbridge retries for a resolved incident")
	}
	o.faults(zoomsim.Faults{ResetAfterCommit: true, Only: create})
	o.open(o.runbook(i.RunbookID))
	page = o.as(incident.Responder).get("/incidents/2")
	page.want(t, http.StatusOK, "Can’t wait? Use another link.", "It checks again in 2 s.")
	if strings.Contains(page.text(), "checks again automatically") {
		t.Error("the page says twice that Drawbridge checks again")
	}
}
