package zoomsim

import "strings"

// operation is one entry of Zoom's reference. A call needs any one of its scopes. The granular scopes are in
// the order in which Zoom lists them when they are missing.
type operation struct {
	method, path string
	rate         string // name of the rate limit
	granular     []string
	classic      []string
	run          func(*Sim, *request) answer // nil: the token endpoint
}

func (o *operation) name() string {
	if o == nil {
		return ""
	}
	return o.method + " " + o.path
}

// both returns a granular scope in the form for account-wide apps and in the form for a user's own app.
func both(scope string) []string { return []string{scope + ":admin", scope} }

var (
	readMeetings  = []string{"meeting:read:admin", "meeting:read"}
	writeMeetings = []string{"meeting:write:admin", "meeting:write"}
	readUsers     = []string{"user:read:admin", "user:read"}
	readRecording = []string{"recording:read:admin", "recording:read", "cloud_recording:read"}
)

var operations = []operation{
	{method: "POST", path: "/oauth/token"},
	{"GET", "/users/email", "Light", both("user:read:email"), readUsers[:1], (*Sim).checkEmail},
	{"GET", "/users/{userId}", "Light", both("user:read:user"), readUsers, (*Sim).getUser},
	{"GET", "/users/{userId}/settings", "Medium", both("user:read:settings"), readUsers, (*Sim).getSettings},
	{"PATCH", "/users/{userId}/settings", "Medium", both("user:update:settings"), []string{"user:write:admin", "user:write"}, (*Sim).updateSettings},
	{"GET", "/users/{userId}/meetings", "Medium", both("meeting:read:list_meetings"), readMeetings, (*Sim).listMeetings},
	{"POST", "/users/{userId}/meetings", "Medium", both("meeting:write:meeting"), writeMeetings, (*Sim).createMeeting},
	{"GET", "/meetings/{meetingId}", "Light", both("meeting:read:meeting"), readMeetings, (*Sim).getMeeting},
	{"PATCH", "/meetings/{meetingId}", "Light", both("meeting:update:meeting"), writeMeetings, (*Sim).updateMeeting},
	{"DELETE", "/meetings/{meetingId}", "Light", both("meeting:delete:meeting"), writeMeetings, (*Sim).deleteMeeting},
	{"PUT", "/meetings/{meetingId}/status", "Light", both("meeting:update:status"), writeMeetings, (*Sim).changeStatus},
	{"GET", "/meetings/{meetingId}/recordings", "Light", both("cloud_recording:read:list_recording_files"), readRecording, (*Sim).getRecordings},
	{"GET", "/marketplace/apps/{appId}/webhook_logs", "Medium", []string{"marketplace_app:read:admin"}, []string{"marketplace_app:read"}, (*Sim).listDeliveries},
	{"GET", "/past_meetings/{meetingId}", "Light", both("meeting:read:past_meeting"), readMeetings, (*Sim).getPast},
	{"GET", "/past_meetings/{meetingId}/participants", "Medium", both("meeting:read:list_past_participants"), readMeetings, (*Sim).listPastParticipants},
}

// route finds the operation of a call by its escaped path, because a meeting's uuid may contain slashes. It
// also returns the segments of the path after /v2.
func route(method, escaped string) (*operation, []string) {
	path, versioned := strings.CutPrefix(escaped, "/v2/")
	segments := strings.Split(strings.Trim(path, "/"), "/")
	for i := range operations {
		o := &operations[i]
		if o.method != method || versioned != (o.run != nil) {
			continue
		}
		pattern := strings.Split(o.path[1:], "/")
		if len(pattern) != len(segments) {
			continue
		}
		matches := true
		for j, p := range pattern {
			matches = matches && (p == segments[j] || p[0] == '{' && segments[j] != "")
		}
		if matches {
			return o, segments
		}
	}
	return nil, segments
}

// defaultScopes returns all scopes that an account-wide app needs.
func defaultScopes() []string {
	var all []string
	for _, o := range operations {
		if len(o.granular) > 0 {
			all = append(all, o.granular[0])
		}
	}
	return append(all, "meeting:read:participant:admin", "cloud_recording:read:recording:admin")
}
