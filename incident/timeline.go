package incident

import (
	"strconv"
	"time"
)

// TimelineKind says what happened to an incident. The kinds are stored, so a
// kind keeps its meaning for ever. The comment names the data that goes with it.
type TimelineKind string

const (
	EntryOpened         TimelineKind = "opened"          // Runbook
	EntryResolved       TimelineKind = "resolved"        //
	EntryReopened       TimelineKind = "reopened"        //
	EntryStepStarted    TimelineKind = "step_started"    // Step
	EntryTemplateFailed TimelineKind = "template_failed" // Field, Topic: what the meeting is called instead, Template; Text of an older version
	EntryAttemptFailed  TimelineKind = "attempt_failed"  // Host, Reasons: why there is no meeting from this host
	EntryBridgeReady    TimelineKind = "bridge_ready"    // Host, Reasons: why it is not as it was asked for
	EntryBridgeFailed   TimelineKind = "bridge_failed"   // Reasons
	EntryBridgeUnknown  TimelineKind = "bridge_unknown"  // Reasons: why nobody knows whether Zoom created the meeting
	EntryAskingAgain    TimelineKind = "asking_again"    // there is no meeting in Zoom
	EntryLinkGiven      TimelineKind = "link_given"      // Link: its host
	EntrySecondMeeting  TimelineKind = "second_meeting"  // Host: of a meeting that is in use and was left alone
	EntryCallStarted    TimelineKind = "call_started"    //
	EntryCallEnded      TimelineKind = "call_ended"      //
	EntryJoined         TimelineKind = "joined"          // Who
	EntryLeft           TimelineKind = "left"            // Who
	EntryWaitsForHost   TimelineKind = "waits_for_host"  // Who
	EntryInWaitingRoom  TimelineKind = "in_waiting_room" // Who
	EntryMeetingDeleted TimelineKind = "meeting_deleted" // in Zoom
	EntryRecording      TimelineKind = "recording"       // it started
	EntryRecordingReady TimelineKind = "recording_ready" //
	EntryNote           TimelineKind = "note"            // Text: what a person or an older version wrote
)

// TimelineEntry is one thing that happened to an incident.
type TimelineEntry struct {
	ID             string // UUIDv7, or derived from the event that caused it
	IncidentNumber int64
	BridgeID       string
	At             time.Time
	Kind           TimelineKind
	Data           TimelineData
	Actor          string // "" = the program or Zoom
}

// TimelineData is what is known of an entry; which of it, its kind says.
type TimelineData struct {
	Runbook  string          `json:"runbook,omitempty"`
	Step     StepKind        `json:"step,omitempty"`
	Who      string          `json:"who,omitempty"` // a person's name in Zoom; "" = not known, or not any more
	Host     string          `json:"host,omitempty"`
	Link     string          `json:"link,omitempty"`
	Field    string          `json:"field,omitempty"` // topic, agenda
	Topic    string          `json:"topic,omitempty"`
	Template []TemplateError `json:"template,omitempty"` // what is wrong with it
	Reasons  []Reason        `json:"reasons,omitempty"`
	Text     string          `json:"text,omitempty"`
}

// Blanked is the entry without what says who somebody was.
func (e TimelineEntry) Blanked() TimelineEntry {
	e.Data.Who = ""
	return e
}

// EventEntryID is the id of the entry that follows from an event, so that what an
// event says twice stands there once.
func EventEntryID(eventID int64) string { return "event-" + strconv.FormatInt(eventID, 10) }
