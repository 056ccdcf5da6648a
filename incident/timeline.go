package incident

import (
	"strconv"
	"time"
)

// TimelineKind says what happened to an incident. The kinds are stored, so the
// meaning of a kind must never change. The comment of each kind names the data
// that it comes with.
type TimelineKind string

const (
	EntryOpened               TimelineKind = "opened"                 // Runbook
	EntryAdjusted             TimelineKind = "adjusted"               // Adjusted: what Drawbridge changed in the request that opened the incident
	EntryResolved             TimelineKind = "resolved"               //
	EntryReopened             TimelineKind = "reopened"               //
	EntryStepStarted          TimelineKind = "step_started"           // Step, StepName
	EntryStepDue              TimelineKind = "step_due"               // Text: a line of a checklist, Count: the how many-th time it is to be done
	EntryStepLoop             TimelineKind = "step_loop"              // Step, StepName, Count: so often it ran because something changed, and does not do so again
	EntryStepDone             TimelineKind = "step_done"              // Step, StepName
	EntryStepFailed           TimelineKind = "step_failed"            // Step, StepName, Reasons
	EntryTicked               TimelineKind = "ticked"                 // Text: a line of a checklist that somebody did
	EntryUnticked             TimelineKind = "unticked"               // Text: a line whose tick somebody took back
	EntryTemplateFailed       TimelineKind = "template_failed"        // Field; Topic: the topic used instead; Template
	EntryAttemptFailed        TimelineKind = "attempt_failed"         // Host; Reasons: why this host gave no meeting
	EntryBridgeReady          TimelineKind = "bridge_ready"           // Host; Reasons: why it differs from what was asked for
	EntryBridgeFailed         TimelineKind = "bridge_failed"          // Reasons
	EntryBridgeUnknown        TimelineKind = "bridge_unknown"         // Reasons: why we don't know whether Zoom created the meeting
	EntryAskingAgain          TimelineKind = "asking_again"           // Zoom has no such meeting, so Drawbridge asks again
	EntryLinkGiven            TimelineKind = "link_given"             // Link: the host name of the link
	EntryStaticLink           TimelineKind = "static_link"            // Link: the host of the static link; Text: its name; Reasons: why there is no meeting
	EntryFromMemory           TimelineKind = "from_memory"            // Link: the host of the static link that people got while the incident could not be stored; Text: its name
	EntryMoved                TimelineKind = "moved"                  // Host, Reasons
	EntrySecondMeeting        TimelineKind = "second_meeting"         // Host: of a second meeting that is in use and was not deleted
	EntryTwinDeleted          TimelineKind = "twin_deleted"           // Host: of a second meeting that was not needed and that Drawbridge deleted
	EntryCallStarted          TimelineKind = "call_started"           //
	EntryCallEnded            TimelineKind = "call_ended"             //
	EntrySeenRunning          TimelineKind = "seen_running"           // Zoom answered that the call runs; no event had said so
	EntrySeenEnded            TimelineKind = "seen_ended"             // Zoom answered that the call has ended; no event had said so
	EntryMeetingGone          TimelineKind = "meeting_gone"           // Zoom answered that there is no such meeting; no event had said so
	EntryAgain                TimelineKind = "again"                  // a person started the call again after it had ended, with the same link
	EntryEndedBy              TimelineKind = "ended_by"               // Count: people inside; a person, or a step (Step, StepName), ended the call for everyone
	EntryStuck                TimelineKind = "stuck"                  // Count, Place: people wait to get in, and nobody lets them in
	EntryNobody               TimelineKind = "nobody_came"            // Count: for so many minutes nobody has joined
	EntryEmpty                TimelineKind = "all_left"               // Count: so many minutes ago everybody left, and the call still runs
	EntryOver                 TimelineKind = "over_for_long"          // Count: so many minutes ago the call ended, and the incident is still open
	EntryLong                 TimelineKind = "runs_long"              // Count: for so many hours the call has been running
	EntryEndedEmpty           TimelineKind = "ended_empty"            // Count: for so many minutes nobody was inside, and Drawbridge ended the call
	EntryNotEnded             TimelineKind = "not_ended"              // Field: NotEnded; nobody was seen inside, but somebody may be: the call goes on
	EntryJoined               TimelineKind = "joined"                 // Who
	EntryLeft                 TimelineKind = "left"                   // Who
	EntryWaitsForHost         TimelineKind = "waits_for_host"         // Who
	EntryInWaitingRoom        TimelineKind = "in_waiting_room"        // Who
	EntryMeetingDeleted       TimelineKind = "meeting_deleted"        // it was deleted in Zoom
	EntryUnusedDeleted        TimelineKind = "unused_deleted"         // Host: of the bridge's meeting, which nobody had joined and which Drawbridge deleted after the incident
	EntryReplacedDeleted      TimelineKind = "replaced_deleted"       // Host: of a meeting that the bridge had before, which nobody had joined and which Drawbridge deleted
	EntryDrillEnded           TimelineKind = "drill_ended"            // the bridge of a drill: its meeting is deleted next
	EntryMeetingRestored      TimelineKind = "meeting_restored"       // it was recovered in Zoom
	EntryBadQuality           TimelineKind = "bad_quality"            // Issues
	EntryRecording            TimelineKind = "recording"              // the recording started
	EntryRecordingReady       TimelineKind = "recording_ready"        //
	EntryRecordingLinkDropped TimelineKind = "recording_link_dropped" // Link: the recording is ready, but a link to it leads to this host, which is not Zoom's
	EntryNoRecording          TimelineKind = "no_recording"           // Zoom kept none
	EntryRecordingGone        TimelineKind = "recording_gone"         // it, or a part of it, was deleted or moved to the trash
	EntryRecordingBack        TimelineKind = "recording_back"         // it was recovered
	EntryTranscript           TimelineKind = "transcript"             // the transcript is ready
	EntrySummary              TimelineKind = "summary"                // the AI summary is ready
	EntrySummaryGone          TimelineKind = "summary_gone"           // it was deleted or moved to the trash
	EntrySummaryBack          TimelineKind = "summary_back"           // it was recovered
	EntryRenamed              TimelineKind = "renamed"                // Topic: a standby meeting got it in Zoom
	EntryChangedInZoom        TimelineKind = "changed_in_zoom"        // Findings: how the meeting in Zoom differs since from what was asked for
	EntryMendedInZoom         TimelineKind = "mended_in_zoom"         // Findings: what is no longer so, because the meeting changed in Zoom
	EntryNewPasscode          TimelineKind = "new_passcode"           // the passcode of the meeting changed in Zoom
	EntryNewLink              TimelineKind = "new_link"               // Link: the host name of the meeting's new link; it changed in Zoom
	EntryFixed                TimelineKind = "fixed"                  // Field: code of the finding about the meeting that a person had Zoom mend
	EntryFixKept              TimelineKind = "fix_kept"               // Field; Zoom kept the setting
	EntryFixUnsaid            TimelineKind = "fix_unsaid"             // Field; Zoom accepted the change and did not say what the setting is
	EntryEdited               TimelineKind = "edited"                 // Changes; Adjusted: what Drawbridge changed in the request that edited the incident
	EntryNote                 TimelineKind = "note"                   // Text: written by a person or an older version; Adjusted: see EntryEdited
)

// TimelineEntry is one thing that happened to an incident.
type TimelineEntry struct {
	ID             string // UUIDv7, or derived from the event that caused it
	IncidentNumber int64
	BridgeID       string
	At             time.Time
	Kind           TimelineKind
	Data           TimelineData
	Actor          string // "": Drawbridge or Zoom
}

// TimelineData holds the data of an entry. Its kind says which fields are set.
type TimelineData struct {
	Runbook  string          `json:"runbook,omitempty"`
	Step     StepKind        `json:"step,omitempty"`
	StepName string          `json:"step_name,omitempty"` // "": it has none
	Who      string          `json:"who,omitempty"`       // a person's name in Zoom; "": unknown or removed
	Host     string          `json:"host,omitempty"`
	Link     string          `json:"link,omitempty"`
	Field    string          `json:"field,omitempty"` // topic, agenda, or the code of a finding
	Topic    string          `json:"topic,omitempty"`
	Template []TemplateError `json:"template,omitempty"` // the errors of the template
	Findings []Finding       `json:"findings,omitempty"`
	Reasons  []Reason        `json:"reasons,omitempty"`
	Issues   []string        `json:"issues,omitempty"` // in Zoom's words
	Text     string          `json:"text,omitempty"`
	Adjusted []Adjustment    `json:"adjusted,omitempty"`
	Changes  []Change        `json:"changes,omitempty"`
	Count    int             `json:"count,omitempty"`
	Place    Place           `json:"place,omitempty"` // where people wait
}

// Blanked returns the entry without personal data.
func (e TimelineEntry) Blanked() TimelineEntry {
	e.Data.Who = ""
	return e
}

// EventEntryID returns the id of the timeline entry that an event causes. It
// depends only on the event, so that reading the event twice adds one entry.
func EventEntryID(eventID int64) string { return "event-" + strconv.FormatInt(eventID, 10) }
