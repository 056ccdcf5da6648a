package incident

import (
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// Topic says what a finding is about, which is where a page shows it.
type Topic string

const (
	TopicToken      Topic = "token"
	TopicScopes     Topic = "scopes"
	TopicBackupUser Topic = "backup_user"
	TopicPerson     Topic = "person" // one more Zoom user that was looked at
	TopicPMI        Topic = "pmi"
	TopicSettings   Topic = "settings"
	TopicWebhook    Topic = "webhook"
	TopicClock      Topic = "clock"
	TopicSilence    Topic = "silence"
	TopicGaps       Topic = "gaps"
	TopicDelay      Topic = "delay"
	TopicMeeting    Topic = "meeting" // what Zoom set otherwise than it was asked to
)

// FindingCode says what was found. The codes are stored, so a code keeps its
// meaning for ever. The comment names the data that goes with a code.
type FindingCode string

// What Check connection finds.
const (
	FoundNotConnected   FindingCode = "not_connected"
	FoundNeverChecked   FindingCode = "never_checked"
	FoundSecretLocked   FindingCode = "secret_locked"     // the master key does not open it
	FoundNoToken        FindingCode = "no_token"          // Zoom
	FoundToken          FindingCode = "token"             // Until
	FoundJWTToken       FindingCode = "jwt_token"         //
	FoundScopes         FindingCode = "scopes"            // Feature; Scopes and Classic: those that are missing
	FoundNoBackupUser   FindingCode = "no_backup_user"    //
	FoundUserUnknown    FindingCode = "user_unknown"      // Email, Zoom: why nothing is known of the user
	FoundUserInactive   FindingCode = "user_inactive"     // Email, Value: the status
	FoundUserBasic      FindingCode = "user_basic"        // Email
	FoundUserMayNotHost FindingCode = "user_may_not_host" // Email
	FoundUser           FindingCode = "user"              // Email: active and licensed
	FoundNoSettings     FindingCode = "no_settings"       // Email, Zoom: why they cannot be read
	FoundPMIScheduled   FindingCode = "pmi_scheduled"     // Email; Level says whether it is as it should be
	FoundPMIInstant     FindingCode = "pmi_instant"       // likewise
	FoundWaitingRoom    FindingCode = "waiting_room"      // likewise
	FoundJoinBeforeHost FindingCode = "join_before_host"  // likewise
	FoundCloudRecording FindingCode = "cloud_recording"   // likewise
	FoundClock          FindingCode = "clock"             // Span: how far Zoom's clock is from ours
)

// How Zoom talks to us.
const (
	FoundWebhookLocked     FindingCode = "webhook_locked"     // the master key does not open the secret token
	FoundNoWebhookToken    FindingCode = "no_webhook_token"   //
	FoundNotValidated      FindingCode = "not_validated"      //
	FoundValidationsEnded  FindingCode = "validations_ended"  // Span: since the last one
	FoundValidationsFailed FindingCode = "validations_failed" // Span, Count: failed in a row
	FoundValidated         FindingCode = "validated"          //
	FoundSilence           FindingCode = "silence"            // Span, Incident: one that is live
	FoundSilenceOfMeeting  FindingCode = "silence_of_meeting" // Span, Incident
	FoundRecovered         FindingCode = "recovered"          // Count
	FoundLost              FindingCode = "lost"               // Count
	FoundLookUnfinished    FindingCode = "look_unfinished"    // Reason
	FoundLate              FindingCode = "late"               // Span: more than that
)

// What Zoom set otherwise than it was asked to.
const (
	FoundPersonalMeeting  FindingCode = "personal_meeting"    // Email: whose id it is
	FoundMeetingIDTaken   FindingCode = "meeting_id_taken"    // Email: the host
	FoundWaitingRoomOn    FindingCode = "waiting_room_on"     //
	FoundWaitingRoomOff   FindingCode = "waiting_room_off"    //
	FoundNoJoinBeforeHost FindingCode = "no_join_before_host" //
	FoundSignInNeeded     FindingCode = "sign_in_needed"      //
	FoundOtherRecording   FindingCode = "other_recording"     // Value: what Zoom set, Asked
	FoundNoAlternative    FindingCode = "no_alternative_host" // Email
	FoundNote             FindingCode = "note"                // Text, from an older version
)

// Finding is one thing that was looked at, as a code with its data.
type Finding struct {
	Code     FindingCode   `json:"code"`
	Topic    Topic         `json:"topic"`
	Level    Level         `json:"level"`
	Email    string        `json:"email,omitempty"` // the Zoom user it is about; "" = the account
	Value    string        `json:"value,omitempty"`
	Asked    string        `json:"asked,omitempty"`
	Feature  zoom.Feature  `json:"feature,omitempty"`
	Scopes   []string      `json:"scopes,omitempty"`
	Classic  []string      `json:"classic,omitempty"`
	Until    time.Time     `json:"until,omitzero"`
	Span     time.Duration `json:"span,omitempty"`
	Count    int           `json:"count,omitempty"`
	Incident int64         `json:"incident,omitempty"`
	Zoom     *zoom.Problem `json:"zoom,omitempty"`
	Reason   *Reason       `json:"reason,omitempty"`
	Text     *NoteText     `json:"text,omitempty"`
}

// NoteText is a finding as an older version worded it, which could not be taken apart.
type NoteText struct {
	Subject string `json:"subject,omitempty"`
	Reason  string `json:"reason"`
	Fix     string `json:"fix,omitempty"`
}
