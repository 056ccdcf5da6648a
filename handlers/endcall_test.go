package handlers_test

import (
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// Resolving ends the meeting if the form says so, but not if more people came than it said.
func TestResolveEndsTheMeeting(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		form     []string
		wantEnds bool
		wantSays string
	}{
		{"not asked for", []string{"inside", "1"}, false, "is resolved."},
		{"asked for", []string{"inside", "1", "end", "on"}, true, "is resolved. The meeting has ended."},
		{"one more came", []string{"inside", "0", "end", "on"}, false, "The meeting is still running, with 1 person inside."},
		{"no number", []string{"inside", "many", "end", "on"}, false, "The meeting is still running"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOffice(t)
			o.connect()
			i := o.open(o.outage())
			b := o.bridge(i.Number)
			o.happened("meeting.started", b.MeetingID, "start_time", o.clock().Format(time.RFC3339))
			o.happened("meeting.participant_joined", b.MeetingID, "participant", o.participant("Ana"))
			responder := o.as(incident.Responder)
			page := responder.get("/incidents/" + i.Key())
			if !strings.Contains(page.body, "1 person is inside.") {
				t.Error("the form does not say how many are inside")
			}
			responder.post("/incidents/"+i.Key()+"/resolve", tt.form...).want(t, 303)
			ended := 0
			for _, c := range o.sim.Calls() {
				if c.Operation == "PUT /meetings/{meetingId}/status" {
					ended++
				}
			}
			if (ended == 1) != tt.wantEnds {
				t.Errorf("Zoom was asked %d times to end a meeting", ended)
			}
			if page = responder.get("/incidents/" + i.Key()); !strings.Contains(page.body, tt.wantSays) {
				t.Errorf("the page does not say %q", tt.wantSays)
			}
		})
	}
}

func TestStartAgainForm(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	i := o.open(o.outage())
	b := o.bridge(i.Number)
	o.happened("meeting.started", b.MeetingID, "start_time", o.clock().Format(time.RFC3339))
	o.wait(time.Minute)
	o.happened("meeting.ended", b.MeetingID, "end_time", o.clock().Format(time.RFC3339))
	o.wait(time.Minute)
	responder, viewer := o.as(incident.Responder), o.as(incident.Viewer)
	if page := responder.get("/incidents/" + i.Key()); !strings.Contains(page.body, "Start again") {
		t.Error("the page does not offer to start the call again")
	}
	if page := viewer.get("/incidents/" + i.Key()); strings.Contains(page.body, "Start again") {
		t.Error("the page offers a viewer to start the call again")
	}
	viewer.post("/bridges/"+b.ID+"/again").want(t, 403)
	responder.post("/bridges/"+b.ID+"/again").want(t, 303)
	if got := o.bridge(i.Number); got.State != incident.BridgeReady {
		t.Errorf("the bridge is %s, want ready", got.State)
	}
}

// Who was in the call is on the page and in a file that no spreadsheet runs.
func TestAttendance(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	i := o.open(o.outage())
	b := o.bridge(i.Number)
	o.happened("meeting.started", b.MeetingID, "start_time", o.clock().Format(time.RFC3339))
	o.happened("meeting.participant_joined", b.MeetingID, "participant", o.participant("=HYPERLINK(1)"))
	o.wait(12 * time.Minute)
	o.happened("meeting.ended", b.MeetingID, "end_time", o.clock().Format(time.RFC3339))
	viewer := o.as(incident.Viewer)
	viewer.get("/incidents/"+i.Key()).want(t, 200, "Attendance 1 person", "=HYPERLINK(1)", "12 min")
	file := viewer.get("/bridges/" + b.ID + "/attendance")
	if !strings.Contains(file.body, "name,email,joined_at,left_at,seconds_inside") || !strings.Contains(file.body, "'=HYPERLINK(1)") || !strings.Contains(file.body, ",720") || strings.Contains(file.body, b.Passcode) {
		t.Errorf("the file is %q", file.body)
	}
	viewer.get("/bridges/none/attendance").want(t, 404)
	o.nobody().get("/bridges/"+b.ID+"/attendance").want(t, 303)
}
