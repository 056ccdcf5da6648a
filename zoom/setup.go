package zoom

import "slices"

// Endpoints returns the addresses of a Zoom cluster, "zoom.us" or "zoomgov.com"
// (Zoom for Government). It returns empty addresses for anything else.
func Endpoints(cluster string) (apiURL, oauthURL string) {
	switch cluster {
	case "zoom.us", "zoomgov.com":
		return "https://api." + cluster + "/v2", "https://" + cluster + "/oauth/token"
	}
	return "", ""
}

// Feature is a feature for which the app needs scopes. The names are stored.
type Feature string

const (
	OpenBridge        Feature = "open_bridge"
	CheckPeople       Feature = "check_people"
	Reconcile         Feature = "reconcile"   // find a meeting again after Zoom did not answer the call that created it
	DeleteTwin        Feature = "delete_twin" // delete a meeting that was created twice
	HostStartLink     Feature = "host_start_link"
	MeetingEvents     Feature = "meeting_events"
	ParticipantEvents Feature = "participant_events"
	RecordingEvents   Feature = "recording_events"
	PastMeetings      Feature = "past_meetings"    // read when a call ended and who was in it
	DeleteLeftovers   Feature = "delete_leftovers" // delete meetings that no incident uses and nobody was in
	EndMeetings       Feature = "end_meetings"
	FixSettings       Feature = "fix_settings"    // change settings of people that don't suit bridges
	ChangeMeetings    Feature = "change_meetings" // name a standby meeting after its incident, and change settings that keep people out
	FindGaps          Feature = "find_gaps"       // find events that were not delivered
)

// FeatureScopes says whether the app's scopes are enough for one feature. Apps
// created before 2024 have classic scopes, newer apps have granular scopes.
type FeatureScopes struct {
	Name     Feature
	Classic  []string // all of these are enough …
	Granular []string // … and so are all of these
	OK       bool
	Missing  []string // the granular scopes to add; nil when OK
}

// features lists the scopes of each feature, according to Zoom's reference of
// granular scopes. Server-to-Server apps need the :admin variants to act for
// other users.
var features = []FeatureScopes{
	{Name: OpenBridge, Classic: []string{"meeting:write:admin"}, Granular: []string{"meeting:write:meeting:admin"}},
	{Name: CheckPeople, Classic: []string{"user:read:admin"}, Granular: []string{"user:read:user:admin", "user:read:settings:admin"}},
	{Name: Reconcile, Classic: []string{"meeting:read:admin"}, Granular: []string{"meeting:read:list_meetings:admin", "meeting:read:meeting:admin"}},
	{Name: DeleteTwin, Classic: []string{"meeting:write:admin", "meeting:read:admin"}, Granular: []string{"meeting:delete:meeting:admin", "meeting:read:meeting:admin"}},
	{Name: HostStartLink, Classic: []string{"meeting:read:admin"}, Granular: []string{"meeting:read:meeting:admin"}},
	{Name: MeetingEvents, Classic: []string{"meeting:read:admin"}, Granular: []string{"meeting:read:meeting:admin"}},
	{Name: ParticipantEvents, Classic: []string{"meeting:read:admin"}, Granular: []string{"meeting:read:participant:admin"}},
	{Name: RecordingEvents, Classic: []string{"recording:read:admin"}, Granular: []string{"cloud_recording:read:recording:admin"}},
	{Name: PastMeetings, Classic: []string{"meeting:read:admin"}, Granular: []string{"meeting:read:past_meeting:admin", "meeting:read:list_past_participants:admin"}},
	{Name: DeleteLeftovers, Classic: []string{"meeting:read:admin", "meeting:write:admin", "recording:read:admin"},
		Granular: []string{"meeting:read:list_meetings:admin", "meeting:read:past_meeting:admin", "cloud_recording:read:list_recording_files:admin", "meeting:delete:meeting:admin"}},
	{Name: EndMeetings, Classic: []string{"meeting:write:admin"}, Granular: []string{"meeting:update:status:admin"}},
	{Name: FixSettings, Classic: []string{"user:write:admin"}, Granular: []string{"user:update:settings:admin"}},
	{Name: ChangeMeetings, Classic: []string{"meeting:write:admin"}, Granular: []string{"meeting:update:meeting:admin"}},
	// Zoom's reference names the same scope for both kinds of app.
	{Name: FindGaps, Classic: []string{"marketplace_app:read:admin"}, Granular: []string{"marketplace_app:read:admin"}},
}

// CheckScopes reports for each feature whether the scopes of a token are enough.
// nil means all scopes, as in Token.Scopes of a JWT app.
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

// EventType is one event type to subscribe to in the Zoom app.
type EventType struct {
	Name  string // as in Event.Name
	Label string // similar to the label in Zoom's app settings
}

// EventTypes are the event types that Drawbridge uses. Subscribing to others does
// no harm.
var EventTypes = []EventType{
	{"meeting.started", "Start Meeting"},
	{"meeting.ended", "End Meeting"},
	{"meeting.participant_joined", "Participant/Host joined meeting"},
	{"meeting.participant_left", "Participant/Host left meeting"},
	{"meeting.participant_jbh_waiting", "Participant waiting for host to join"},
	{"meeting.participant_jbh_waiting_left", "Participant stopped waiting for host to join"},
	{"meeting.participant_jbh_joined", "Participant joined meeting before host"},
	{"meeting.participant_joined_waiting_room", "Participant joined waiting room"},
	{"meeting.participant_put_in_waiting_room", "Participant has been put in waiting room"},
	{"meeting.participant_admitted", "Participant has been admitted"},
	{"meeting.participant_left_waiting_room", "Participant left waiting room"},
	{"meeting.updated", "Meeting has been updated"},
	{"meeting.deleted", "Meeting has been deleted"},
	{"meeting.recovered", "Meeting has been recovered"},
	{"meeting.alert", "Meeting Alerts"},
	{"meeting.summary_completed", "Meeting summary completed"},
	{"recording.started", "Recording Started"},
	{"recording.stopped", "Recording Stopped"},
	{"recording.completed", "All Recordings have completed"},
	{"recording.transcript_completed", "Recording transcript files have completed"},
	{"recording.trashed", "Recording moved to trash"},
	{"recording.deleted", "Recording permanently deleted"},
	{"recording.recovered", "Recording recovered from trash"},
	{"user.activated", "User has been activated"},
	{"user.deactivated", "User has been deactivated"},
	{"user.deleted", "User has been deleted"},
	{"user.disassociated", "User has been disassociated"},
	{"user.updated", "User's profile has been updated"},
	{"user.settings_updated", "User's settings have been updated"},
}
