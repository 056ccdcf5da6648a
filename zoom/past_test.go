package zoom_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

func TestPastMeetings(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	f := &fake{t: t, api: replies(200, string(sample(t, "get-past-meeting.200.json")))}
	m, err := onTheNet(t, f).GetPastMeeting(t.Context(), "4444AAAiAAAAAiAiAiiAii==")
	if want := (zoom.PastMeeting{StartedAt: at("2021-07-13T21:44:51Z"), EndedAt: at("2021-07-13T23:00:51Z")}); err != nil || m != want {
		t.Errorf("the meeting is %+v, %v; want %+v", m, err, want)
	}
	first := true
	f = &fake{t: t, api: func(w http.ResponseWriter, r *http.Request) {
		if first {
			reply(w, 200, string(sample(t, "get-past-meeting-participants.200.json")))
		} else {
			reply(w, 200, `{"participants":[{"id":"","name":"Bo\u0000b","user_id":12,"user_email":"","join_time":"2022-03-23T06:58:10Z","status":"in_waiting_room"}],"next_page_token":""}`)
		}
		first = false
	}}
	list, err := onTheNet(t, f).ListPastParticipants(t.Context(), "a//b")
	want := []zoom.PastParticipant{
		{SessionID: "27423744", Name: "Jill Chill", Email: "jchill@example.com", JoinedAt: at("2022-03-23T06:58:09Z"), LeftAt: at("2022-03-23T07:02:28Z")},
		{SessionID: "12", Name: "Bo�b", JoinedAt: at("2022-03-23T06:58:10Z"), Waited: true},
	}
	if diff := cmp.Diff(want, list); diff != "" || err != nil {
		t.Errorf("participants (-want +got):\n%s%v", diff, err)
	}
	calls, _ := f.log()
	if len(calls) != 2 || calls[0] != "GET /v2/past_meetings/a%252F%252Fb/participants?page_size=300" {
		t.Errorf("calls: %q", calls)
	}
}

// The examples are from Zoom's documentation ("Meeting ID and UUID").
func TestUUIDsInPaths(t *testing.T) {
	for _, tt := range []struct{ name, uuid, want string }{
		{"begins with a slash", "/abcABC123==", "%252FabcABC123%253D%253D"},
		{"two slashes", "/ab//c+d=", "%252Fab%252F%252Fc%252Bd%253D"},
		{"a slash", "RO/Xx7M7R4eZCjLejz4wdg==", "RO%2FXx7M7R4eZCjLejz4wdg%3D%3D"},
		{"plain", "4444AAAiAAAAAiAiAiiAii==", "4444AAAiAAAAAiAiAiiAii%3D%3D"},
		{"changes the path", "../users", ""},
		{"empty", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{t: t, api: replies(200, `{}`)}
			_, err := onTheNet(t, f).GetPastMeeting(t.Context(), tt.uuid)
			calls, _ := f.log()
			if tt.want == "" {
				if len(calls) != 0 || err == nil {
					t.Errorf("calls %q, error %v; want no call", calls, err)
				}
			} else if len(calls) != 1 || calls[0] != "GET /v2/past_meetings/"+tt.want {
				t.Errorf("calls %q, want %s", calls, tt.want)
			}
		})
	}
}

func TestEndMeeting(t *testing.T) {
	f := &fake{t: t, api: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) }}
	if err := onTheNet(t, f).EndMeeting(t.Context(), "87685621847"); err != nil {
		t.Error(err)
	}
	calls, _ := f.log()
	if diff := cmp.Diff([]string{"PUT /v2/meetings/87685621847/status"}, calls); diff != "" {
		t.Error(diff)
	}
}
