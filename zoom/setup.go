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

// Feature is something that the app needs scopes for. The names are stored.
type Feature string

const (
	OpenBridge        Feature = "open_bridge"
	CheckPeople       Feature = "check_people"
	Reconcile         Feature = "reconcile"   // find a meeting again after Zoom did not answer
	DeleteTwin        Feature = "delete_twin" // delete a meeting that was created twice
	HostStartLink     Feature = "host_start_link"
	MeetingEvents     Feature = "meeting_events"
	ParticipantEvents Feature = "participant_events"
	RecordingEvents   Feature = "recording_events"
	FindGaps          Feature = "find_gaps" // find events that were not delivered
)

// FeatureScopes says whether the app's scopes suffice for one thing we do.
// Apps made before 2024 have classic scopes, newer ones granular scopes.
type FeatureScopes struct {
	Name     Feature
	Classic  []string // these suffice, all of them …
	Granular []string // … or these, all of them
	OK       bool
	Missing  []string // granular names to tick; nil when OK
}

// Scopes by feature, after Zoom's reference of granular scopes. Server-to-Server
// apps need the :admin forms to act for other users.
var features = []FeatureScopes{
	{Name: OpenBridge, Classic: []string{"meeting:write:admin"}, Granular: []string{"meeting:write:meeting:admin"}},
	{Name: CheckPeople, Classic: []string{"user:read:admin"}, Granular: []string{"user:read:user:admin", "user:read:settings:admin"}},
	{Name: Reconcile, Classic: []string{"meeting:read:admin"}, Granular: []string{"meeting:read:list_meetings:admin", "meeting:read:meeting:admin"}},
	{Name: DeleteTwin, Classic: []string{"meeting:write:admin", "meeting:read:admin"}, Granular: []string{"meeting:delete:meeting:admin", "meeting:read:meeting:admin"}},
	{Name: HostStartLink, Classic: []string{"meeting:read:admin"}, Granular: []string{"meeting:read:meeting:admin"}},
	{Name: MeetingEvents, Classic: []string{"meeting:read:admin"}, Granular: []string{"meeting:read:meeting:admin"}},
	{Name: ParticipantEvents, Classic: []string{"meeting:read:admin"}, Granular: []string{"meeting:read:participant:admin"}},
	{Name: RecordingEvents, Classic: []string{"recording:read:admin"}, Granular: []string{"cloud_recording:read:recording:admin"}},
	// Zoom's reference names one scope for it, in both kinds of app.
	{Name: FindGaps, Classic: []string{"marketplace_app:read:admin"}, Granular: []string{"marketplace_app:read:admin"}},
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
}

// EventTypes are the events worth a subscription. Others do no harm.
var EventTypes = []EventType{
	{"meeting.started", "Start Meeting"},
	{"meeting.ended", "End Meeting"},
	{"meeting.participant_joined", "Participant/Host joined meeting"},
	{"meeting.participant_left", "Participant/Host left meeting"},
	{"meeting.participant_jbh_waiting", "Participant waiting for host to join"},
	{"meeting.participant_joined_waiting_room", "Participant joined waiting room"},
	{"meeting.participant_left_waiting_room", "Participant left waiting room"},
	{"meeting.updated", "Meeting has been updated"},
	{"meeting.deleted", "Meeting has been deleted"},
	{"recording.started", "Recording Started"},
	{"recording.stopped", "Recording Stopped"},
	{"recording.completed", "All Recordings have completed"},
	{"user.deactivated", "User has been deactivated"},
	{"user.deleted", "User has been deleted"},
	{"user.settings_updated", "User's settings have been updated"},
}
