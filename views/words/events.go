package words

import (
	"cmp"
	"strings"
)

// Event says what an event of Zoom's means. who is the person it names, "" for none;
// number is the incident whose bridge it is about, 0 for none.
func Event(event, who string, number int64) string {
	of := ""
	if number != 0 {
		of = " of " + Key(number)
	}
	if form, ok := eventSentences[event]; ok {
		return strings.NewReplacer("{who}", Person(who), "{of}", of).Replace(form)
	}
	if event == "" {
		return "Drawbridge can’t read this event."
	}
	return "Zoom says: " + EventName(event) + "."
}

var eventSentences = map[string]string{
	"meeting.started":                         "The meeting{of} started.",
	"meeting.ended":                           "The meeting{of} ended.",
	"meeting.created":                         "The meeting{of} was created.",
	"meeting.updated":                         "The meeting{of} was changed.",
	"meeting.deleted":                         "The meeting{of} was deleted.",
	"meeting.permanently_deleted":             "The meeting{of} was permanently deleted.",
	"meeting.recovered":                       "The meeting{of} was restored after it was deleted.",
	"meeting.participant_joined":              "{who} joined the meeting{of}.",
	"meeting.participant_left":                "{who} left the meeting{of}.",
	"meeting.participant_jbh_waiting":         "{who} is waiting for the host to start the meeting{of}.",
	"meeting.participant_jbh_joined":          "{who} waited and joined the meeting{of} before its host.",
	"meeting.participant_jbh_waiting_left":    "{who} stopped waiting for the host of the meeting{of}.",
	"meeting.participant_joined_waiting_room": "{who} is in the waiting room of the meeting{of}.",
	"meeting.participant_put_in_waiting_room": "{who} was sent to the waiting room of the meeting{of}.",
	"meeting.participant_admitted":            "{who} was let in from the waiting room of the meeting{of}.",
	"meeting.participant_left_waiting_room":   "{who} left the waiting room of the meeting{of}.",
	"meeting.participant_role_changed":        "{who} has a new role in the meeting{of}.",
	"meeting.sharing_started":                 "{who} started sharing in the meeting{of}.",
	"meeting.sharing_ended":                   "{who} stopped sharing in the meeting{of}.",
	"meeting.alert":                           "Zoom noticed a problem in the meeting{of}.",
	"meeting.summary_completed":               "Zoom’s AI summary of the meeting{of} is ready.",
	"recording.started":                       "The recording{of} started.",
	"recording.paused":                        "The recording{of} was paused.",
	"recording.resumed":                       "The recording{of} resumed.",
	"recording.stopped":                       "The recording{of} stopped.",
	"recording.completed":                     "The recording{of} is ready.",
	"recording.transcript_completed":          "The transcript of the recording{of} is ready.",
	"recording.renamed":                       "The recording{of} was renamed.",
	"recording.trashed":                       "The recording{of} was moved to the trash.",
	"recording.deleted":                       "The recording{of} was permanently deleted.",
	"recording.recovered":                     "The recording{of} was restored from the trash.",
	"user.created":                            "{who} was added to the Zoom account.",
	"user.activated":                          "{who} was reactivated.",
	"user.deactivated":                        "{who} was deactivated.",
	"user.deleted":                            "{who} was deleted from the Zoom account.",
	"user.disassociated":                      "{who} left the Zoom account.",
	"user.invitation_accepted":                "{who} accepted the invitation to the Zoom account.",
	"user.updated":                            "The profile of {who} was changed.",
	"user.settings_updated":                   "The settings of a Zoom user were changed.",
	"user.signed_in":                          "{who} signed in to Zoom.",
	"user.signed_out":                         "{who} signed out of Zoom.",
	"app_deauthorized":                        "Someone removed the Zoom app from the Zoom account. Zoom sends no more events.",
}

// EventName is an event's name for people: its whole type, such as "webinar started".
// Only the people in a meeting go without its name, "participant joined", because they
// are most of the log.
func EventName(event string) string {
	if name, ok := eventNames[event]; ok {
		return name
	}
	if strings.HasPrefix(event, "meeting.participant_") {
		event = strings.TrimPrefix(event, "meeting.")
	}
	return strings.NewReplacer("_", " ", ".", " ").Replace(event)
}

// eventNames are the names of events whose types people don't understand. JBH is Zoom's short
// form of “join before host”.
var eventNames = map[string]string{
	"meeting.participant_jbh_waiting":      "participant waits for the host",
	"meeting.participant_jbh_waiting_left": "participant stopped waiting for the host",
	"meeting.participant_jbh_joined":       "participant joined before the host",
}

// EventUse says why to subscribe to an event.
func EventUse(event string) string { return eventUses[event] }

var eventUses = map[string]string{
	"meeting.started":                         "The call of the bridge starts.",
	"meeting.ended":                           "The bridge is marked as ended.",
	"meeting.participant_joined":              "Shows who is inside.",
	"meeting.participant_left":                "Shows who is inside.",
	"meeting.participant_jbh_waiting":         "Someone can’t get in because the host isn’t there.",
	"meeting.participant_jbh_waiting_left":    "Someone stopped waiting for the host.",
	"meeting.participant_jbh_joined":          "Someone who waited for the host got in.",
	"meeting.participant_joined_waiting_room": "Someone can’t get in until the host admits them.",
	"meeting.participant_put_in_waiting_room": "The host moved someone to the waiting room.",
	"meeting.participant_admitted":            "The host admitted someone from the waiting room.",
	"meeting.participant_left_waiting_room":   "Someone left the waiting room.",
	"meeting.updated":                         "Someone changed the bridge in Zoom.",
	"meeting.deleted":                         "Someone deleted the bridge in Zoom.",
	"meeting.recovered":                       "Someone recovered the bridge in Zoom.",
	"meeting.alert":                           "Puts bad call quality on the incident’s timeline.",
	"meeting.summary_completed":               "Puts the AI summary on the incident’s timeline.",
	"recording.started":                       "Shows that the bridge is recorded.",
	"recording.stopped":                       "Shows that the bridge is no longer recorded.",
	"recording.completed":                     "Puts the recording on the incident.",
	"recording.transcript_completed":          "Puts the transcript on the incident’s timeline.",
	"recording.trashed":                       "Marks the recording’s link.",
	"recording.deleted":                       "Marks the recording’s link.",
	"recording.recovered":                     "The recording’s link works again.",
	"user.activated":                          "Checks the backup user again.",
	"user.deactivated":                        "Checks the backup user again: they may be gone.",
	"user.deleted":                            "Checks the backup user again: they may be gone.",
	"user.disassociated":                      "Checks the backup user again: they may be gone.",
	"user.updated":                            "Checks the backup user again: they may have lost their license.",
	"user.settings_updated":                   "Checks the backup user’s settings again.",
}

var unreadable = map[string]string{
	"not_json":   "Its body isn’t a JSON object.",
	"crashed":    "Drawbridge failed while reading it. The server’s log says why.",
	"not_stored": "What it says couldn’t be stored. The server’s log says why.",
}

// Unreadable says why an event can't be read.
func Unreadable(problem string) string { return cmp.Or(unreadable[problem], sentence(code(problem))) }

// Reprocessed is the result of reading an event again; see incident.Reprocessed.
type Reprocessed struct {
	Differences  []string
	Incident     int64
	Was, Is, Who string
}

// Says words the differences; "" for none.
func (r Reprocessed) Says() (s string) {
	for _, d := range r.Differences {
		s = join(s, r.difference(d))
	}
	return s
}

var differences = map[string]string{
	"counts":          "The event counts now.",
	"read":            "Drawbridge could read it this time.",
	"unreadable":      "Drawbridge couldn’t read it this time.",
	"content":         "The log shows other details than before.",
	"bridge":          "It now belongs to the bridge of {incident}.",
	"bridge_state":    "The bridge is {is}; it was {was}.",
	"bridge_times":    "The bridge started or ended at another time than Drawbridge had recorded.",
	"stay":            "The times when {who} was in the call changed.",
	"recordings_gone": "Whether the recording is still in Zoom changed.",
	"waiting":         "The number of people who wait to get in changed.",
	"recordings":      "The bridge has one more recording.",
	"timeline_entry":  "The timeline of {incident} has a new entry.",
}

func (r Reprocessed) difference(d string) string {
	if d == "bridge" && r.Incident == 0 {
		return "It no longer belongs to a bridge."
	}
	return strings.NewReplacer("{incident}", Key(r.Incident), "{is}", bridgeState(r.Is), "{was}", bridgeState(r.Was), "{who}", cmp.Or(r.Who, "someone")).
		Replace(cmp.Or(differences[d], sentence(code(d))))
}

// bridgeState is a state of a bridge at a time of which we don't know who was in its call.
func bridgeState(state string) string {
	if state == "live" {
		return "running"
	}
	return state
}

// families has what the events of each family are about.
var families = map[string]string{
	"meeting": "Meetings", "participant": "People who join and leave", "recording": "Recordings", "user": "Users and their settings",
}

// EventFamily says what the events of a family are about.
func EventFamily(family string) string { return cmp.Or(families[family], sentence(code(family))) }
