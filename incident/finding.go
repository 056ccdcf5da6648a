package incident

import (
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// Topic says what a finding is about. A page shows it in the place for that
// topic.
type Topic string

const (
	TopicToken      Topic = "token"
	TopicScopes     Topic = "scopes"
	TopicBackupUser Topic = "backup_user"
	TopicPerson     Topic = "person" // another Zoom user that was checked
	TopicPMI        Topic = "pmi"
	TopicSettings   Topic = "settings"
	TopicWebhook    Topic = "webhook"
	TopicClock      Topic = "clock"
	TopicSilence    Topic = "silence"
	TopicGaps       Topic = "gaps"
	TopicDelay      Topic = "delay"
	TopicMeeting    Topic = "meeting" // settings that Zoom changed from what was asked for
)

// FindingCode says what was found. The codes are stored, so the meaning of a code
// must never change. The comment of each code names the data that it comes with.
type FindingCode string

// The findings of CheckConnection.
const (
	FoundNotConnected   FindingCode = "not_connected"
	FoundOnlyEvents     FindingCode = "only_events" // the Zoom app only sends events, so nothing else applies
	FoundNeverChecked   FindingCode = "never_checked"
	FoundSecretLocked   FindingCode = "secret_locked"     // the master key cannot decrypt it
	FoundNoToken        FindingCode = "no_token"          // Zoom
	FoundToken          FindingCode = "token"             // Until
	FoundJWTToken       FindingCode = "jwt_token"         //
	FoundScopes         FindingCode = "scopes"            // Feature; Scopes and Classic: the missing ones
	FoundScopesUnsaid   FindingCode = "scopes_unsaid"     //
	FoundNoBackupUser   FindingCode = "no_backup_user"    //
	FoundUserUnknown    FindingCode = "user_unknown"      // Email; Zoom: why the user could not be read
	FoundUserInactive   FindingCode = "user_inactive"     // Email; Value: the user's status
	FoundHostChanged    FindingCode = "host_changed"      // Email: Zoom told that the user has changed since the check
	FoundUserBasic      FindingCode = "user_basic"        // Email
	FoundUserUnsaid     FindingCode = "user_unsaid"       // Email: Zoom did not say whether the user can host
	FoundUserMayNotHost FindingCode = "user_may_not_host" // Email
	FoundUser           FindingCode = "user"              // Email: active and licensed
	FoundNoSettings     FindingCode = "no_settings"       // Email; Zoom: why they could not be read
	FoundPMIScheduled   FindingCode = "pmi_scheduled"     // Email; Level says whether the setting suits a bridge
	FoundPMIInstant     FindingCode = "pmi_instant"       // the same
	FoundWaitingRoom    FindingCode = "waiting_room"      // the same
	FoundJoinBeforeHost FindingCode = "join_before_host"  // the same
	FoundCloudRecording FindingCode = "cloud_recording"   // the same
	FoundAtOnce         FindingCode = "at_once"           // Email; Count: meetings that may run at the same time; 0: Zoom did not say
	FoundAuthentication FindingCode = "authentication"    // the same
	FoundClock          FindingCode = "clock"             // Span: difference between Zoom's clock and ours
)

// The findings about Zoom's webhooks.
const (
	FoundWebhookLocked     FindingCode = "webhook_locked"     // the master key cannot decrypt the secret token
	FoundNoWebhookToken    FindingCode = "no_webhook_token"   //
	FoundNotValidated      FindingCode = "not_validated"      //
	FoundValidationsEnded  FindingCode = "validations_ended"  // Span: time since the last one
	FoundValidationsFailed FindingCode = "validations_failed" // Span; Count: failures in a row
	FoundValidated         FindingCode = "validated"          //
	FoundSilence           FindingCode = "silence"            // Span; Incident: one with a live bridge
	FoundSilenceOfMeeting  FindingCode = "silence_of_meeting" // Span, Incident
	FoundUntold            FindingCode = "untold"             // Span: since the call began; Incident
	FoundRecovered         FindingCode = "recovered"          // Count
	FoundLost              FindingCode = "lost"               // Count
	FoundLookUnfinished    FindingCode = "look_unfinished"    // Reason
	FoundLate              FindingCode = "late"               // Span: the delay is longer than this
)

// The findings about a meeting. All but the last ones say that Zoom changed a setting
// from what was asked for.
const (
	FoundPersonalMeeting  FindingCode = "personal_meeting"    // Email: the owner of the id
	FoundMeetingIDTaken   FindingCode = "meeting_id_taken"    // Email: the host
	FoundWaitingRoomOn    FindingCode = "waiting_room_on"     //
	FoundWaitingRoomOff   FindingCode = "waiting_room_off"    //
	FoundNoJoinBeforeHost FindingCode = "no_join_before_host" //
	FoundSignInNeeded     FindingCode = "sign_in_needed"      //
	FoundOtherRecording   FindingCode = "other_recording"     // Value: Zoom's setting; Asked
	FoundNoAlternative    FindingCode = "no_alternative_host" // Email
	FoundStandbyRecording FindingCode = "standby_recording"   // a standby meeting that Zoom was not asked to record yet
	FoundStandbyRoom      FindingCode = "standby_room"        // a standby meeting has no waiting room, because none was asked for when it was made
	FoundStandbyHost      FindingCode = "standby_host"        // Email: no alternative host of a standby meeting, for the same reason
	FoundPersonalLink     FindingCode = "personal_link"       // Email: the host; the join link is one of a personal room
	FoundOtherMeetingLink FindingCode = "other_meeting_link"  // Value: the meeting id in the join link
	FoundRegistration     FindingCode = "registration"        //
	FoundAudio            FindingCode = "audio"               // Value: Zoom's setting
	FoundEndToEnd         FindingCode = "end_to_end"          // end-to-end encryption
	FoundShort            FindingCode = "short"               // Count: minutes after which Zoom ends the meeting
	FoundNotSaid          FindingCode = "not_said"            // Settings: Zoom did not say what they are
	FoundPeopleWait       FindingCode = "people_wait"         // Count: people who wait to get in; see Bridge.Verdict
	FoundOtherHost        FindingCode = "other_host"          // Value: the host name of a link that a person gave; see Bridge.Verdict
	FoundStaticLink       FindingCode = "static_link"         // Value: the host of the static link; Asked: its name; see Bridge.Verdict
	FoundHostFull         FindingCode = "host_full"           // Email: the host; Count: other calls that it runs, as many as it may; Incident: one of them; see Bridge.Verdict
	FoundHostMayBeFull    FindingCode = "host_may_be_full"    // Email, Count, Incident: the same, if Zoom did not say how many calls the host may run
	FoundHostShared       FindingCode = "host_shared"         // Email: the host; Count: other meetings of ours that take up its room; Value: how many can run at once; see Account.HostShared
	FoundZoomApp          FindingCode = "zoom_app"            // replaces findings about the app's credentials for people who aren't admins; never stored
	FoundEventsRejected   FindingCode = "events_rejected"     // the same for the secret tokens
	FoundNote             FindingCode = "note"                // Text: from an older version
)

// Finding is the result of one check, as a code with its data.
type Finding struct {
	Code     FindingCode   `json:"code"`
	Topic    Topic         `json:"topic"`
	Level    Level         `json:"level"`
	Email    string        `json:"email,omitempty"` // the Zoom user that it is about; "": the account
	Value    string        `json:"value,omitempty"`
	Asked    string        `json:"asked,omitempty"`
	Feature  zoom.Feature  `json:"feature,omitempty"`
	Scopes   []string      `json:"scopes,omitempty"`
	Classic  []string      `json:"classic,omitempty"`
	Until    time.Time     `json:"until,omitzero"`
	Span     time.Duration `json:"span,omitempty"`
	Count    int           `json:"count,omitempty"`
	Incident int64         `json:"incident,omitempty"`
	Settings []Setting     `json:"settings,omitempty"`
	Zoom     *zoom.Problem `json:"zoom,omitempty"`
	Reason   *Reason       `json:"reason,omitempty"`
	Text     *NoteText     `json:"text,omitempty"`
	// Locked says that Zoom kept the setting when Drawbridge changed it, because the
	// account or a group locks it.
	Locked bool `json:"locked,omitempty"`
}

// Setting is a setting of a meeting.
type Setting string

const (
	SettingWaitingRoom    Setting = "waiting_room"
	SettingJoinBeforeHost Setting = "join_before_host"
	SettingAuthentication Setting = "meeting_authentication"
	SettingPersonalID     Setting = "use_pmi"
	SettingRegistration   Setting = "approval_type"
	SettingRecording      Setting = "auto_recording"
	SettingJoinLink       Setting = "join_url" // whether it leads to the meeting
)

// NoteText is the wording that an older version stored for a finding, if it could
// not be converted.
type NoteText struct {
	Subject string `json:"subject,omitempty"`
	Reason  string `json:"reason"`
	Fix     string `json:"fix,omitempty"`
}
