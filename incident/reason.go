package incident

import (
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// ReasonCode says why a bridge, an attempt, a step or a look is as it is. The
// codes are stored, so a code keeps its meaning for ever. The comment names the
// data that goes with a code.
type ReasonCode string

const (
	ReasonZoom            ReasonCode = "zoom"             // Host, Zoom: a call that failed
	ReasonNotConnected    ReasonCode = "not_connected"    // no Zoom app
	ReasonNobodyHosts     ReasonCode = "nobody_hosts"     // no opener and no backup user
	ReasonResolved        ReasonCode = "resolved"         // the incident was, before its bridge was ready
	ReasonPersonalMeeting ReasonCode = "personal_meeting" // Host: whose personal meeting id Zoom used
	ReasonMeetingIDTaken  ReasonCode = "meeting_id_taken" // Host
	ReasonNoAlternatives  ReasonCode = "no_alternatives"  // Host: asked again without alternative hosts
	ReasonRestarted       ReasonCode = "restarted"        // Drawbridge was, in the middle of a call
	ReasonFoundLate       ReasonCode = "found_late"       // Zoom answered late; the meeting was found
	ReasonNotCreated      ReasonCode = "not_created"      // Zoom did not create the meeting
	ReasonNoAnswer        ReasonCode = "no_answer"        // Zoom did not answer for an hour
	ReasonTriedOften      ReasonCode = "tried_often"      // Count: calls for a meeting
	ReasonRunbook         ReasonCode = "runbook"          // the runbook wants the backup user
	ReasonLinkGiven       ReasonCode = "link_given"       // By
	ReasonMeetingDeleted  ReasonCode = "meeting_deleted"  // in Zoom
	ReasonGaveUp          ReasonCode = "gave_up"          // Drawbridge failed too often; its log says why
	ReasonLogTooLong      ReasonCode = "log_too_long"     // Zoom's log of deliveries, to be read at once
	ReasonNotStored       ReasonCode = "not_stored"       // events that Zoom keeps could not be stored here
	ReasonNote            ReasonCode = "note"             // Text, from an older version
)

// Reason is one reason, as a code with its data.
type Reason struct {
	Code    ReasonCode    `json:"code"`
	Host    string        `json:"host,omitempty"` // e-mail of the Zoom user it is about
	By      string        `json:"by,omitempty"`
	Count   int           `json:"count,omitempty"`
	RetryAt time.Time     `json:"retry_at,omitzero"` // when Drawbridge tries again by itself
	Zoom    *zoom.Problem `json:"zoom,omitempty"`
	Text    string        `json:"text,omitempty"`
}

// reasonOf is why a call to Zoom for a host failed. host is "" for a call that is
// about nobody.
func reasonOf(err error, host string) Reason {
	if err == errNotConnected {
		return Reason{Code: ReasonNotConnected}
	}
	problem := zoom.ProblemOf(err)
	return Reason{Code: ReasonZoom, Host: host, Zoom: &problem}
}

// AccountWide reports that every call of the Zoom app fails in this way. Only an
// admin can mend that.
func (r Reason) AccountWide() bool {
	return r.Code == ReasonNotConnected || r.Zoom != nil && r.Zoom.AccountWide
}
