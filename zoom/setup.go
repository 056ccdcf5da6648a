package zoom

import "slices"

// Endpoints returns the addresses of a Zoom cluster, "zoom.us" or
// "zoomgov.com" (Zoom for Government); empty ones for anything else.
func Endpoints(cluster string) (apiURL, oauthURL string) {
	switch cluster {
	case "zoom.us", "zoomgov.com":
		return "https://api." + cluster + "/v2", "https://" + cluster + "/oauth/token"
	}
	return "", ""
}

// FeatureScopes says whether the app's scopes suffice for one thing we do.
// Apps made before 2024 have classic scopes, newer ones granular scopes.
type FeatureScopes struct {
	Name     string   // open_bridge, check_people, reconcile, delete_twin, host_start_link, meeting_events, participant_events, recording_events, find_gaps
	Label    string   // for people
	Classic  []string // these suffice, all of them …
	Granular []string // … or these, all of them
	OK       bool
	Missing  []string // granular names to tick; nil when OK
}

// Scopes by feature, after Zoom's reference of granular scopes. Server-to-Server
// apps need the :admin forms to act for other users.
var features = []FeatureScopes{
	{Name: "open_bridge", Label: "Open a bridge",
		Classic: []string{"meeting:write:admin"}, Granular: []string{"meeting:write:meeting:admin"}},
	{Name: "check_people", Label: "Check people and their settings",
		Classic: []string{"user:read:admin"}, Granular: []string{"user:read:user:admin", "user:read:settings:admin"}},
	{Name: "reconcile", Label: "Find a bridge again after Zoom did not answer",
		Classic: []string{"meeting:read:admin"}, Granular: []string{"meeting:read:list_meetings:admin", "meeting:read:meeting:admin"}},
	{Name: "delete_twin", Label: "Delete a meeting that was created twice",
		Classic: []string{"meeting:write:admin", "meeting:read:admin"}, Granular: []string{"meeting:delete:meeting:admin", "meeting:read:meeting:admin"}},
	{Name: "host_start_link", Label: "Give the host the start link",
		Classic: []string{"meeting:read:admin"}, Granular: []string{"meeting:read:meeting:admin"}},
	{Name: "meeting_events", Label: "See when a bridge starts and ends",
		Classic: []string{"meeting:read:admin"}, Granular: []string{"meeting:read:meeting:admin"}},
	{Name: "participant_events", Label: "See who is inside",
		Classic: []string{"meeting:read:admin"}, Granular: []string{"meeting:read:participant:admin"}},
	{Name: "recording_events", Label: "Get the recording",
		Classic: []string{"recording:read:admin"}, Granular: []string{"cloud_recording:read:recording:admin"}},
	// Zoom's reference names one scope for it, in both kinds of app.
	{Name: "find_gaps", Label: "Find events that were not delivered",
		Classic: []string{"marketplace_app:read:admin"}, Granular: []string{"marketplace_app:read:admin"}},
}

// CheckScopes says for each feature whether the scopes of a token suffice. nil
// stands for all of them, as in Token.Scopes of a JWT app.
func CheckScopes(have []string) []FeatureScopes {
	has := func(s string) bool { return have == nil || slices.Contains(have, s) }
	lacks := func(s string) bool { return !has(s) }
	list := make([]FeatureScopes, len(features))
	for i, f := range features {
		f.Classic, f.Granular = slices.Clone(f.Classic), slices.Clone(f.Granular)
		f.OK = !slices.ContainsFunc(f.Classic, lacks) || !slices.ContainsFunc(f.Granular, lacks)
		if !f.OK {
			f.Missing = slices.DeleteFunc(slices.Clone(f.Granular), has)
		}
		list[i] = f
	}
	return list
}

// EventType is one event to subscribe to in the Zoom app.
type EventType struct {
	Name  string // as in Event.Name
	Label string // about as Zoom's app settings call it
	Why   string
}

// EventTypes are the events worth a subscription. Others do no harm.
var EventTypes = []EventType{
	{"meeting.started", "Start Meeting", "The bridge turns live."},
	{"meeting.ended", "End Meeting", "The bridge turns ended."},
	{"meeting.participant_joined", "Participant/Host joined meeting", "Shows who is inside."},
	{"meeting.participant_left", "Participant/Host left meeting", "Shows who is inside."},
	{"meeting.participant_jbh_waiting", "Participant waiting for host to join", "Somebody cannot get in because the host is not there."},
	{"meeting.participant_joined_waiting_room", "Participant joined waiting room", "Somebody cannot get in before the host admits them."},
	{"meeting.participant_left_waiting_room", "Participant left waiting room", "Nobody is kept out any more."},
	{"meeting.updated", "Meeting has been updated", "Somebody changed the bridge in Zoom."},
	{"meeting.deleted", "Meeting has been deleted", "Somebody deleted the bridge in Zoom."},
	{"recording.started", "Recording Started", "Shows that the bridge is recorded."},
	{"recording.stopped", "Recording Stopped", "Shows that the bridge is no longer recorded."},
	{"recording.completed", "All Recordings have completed", "Puts the recording on the incident."},
	{"user.deactivated", "User has been deactivated", "The backup user may be gone."},
	{"user.deleted", "User has been deleted", "The backup user may be gone."},
	{"user.settings_updated", "User's settings have been updated", "A setting may keep people out of the next bridge."},
}
