package incident

import (
	"errors"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// ReasonCode says why a bridge, an attempt, a step or a missing-event check is in
// its state. The codes are stored, so the meaning of a code must never change.
// The comment of each code names the data that it comes with.
type ReasonCode string

const (
	ReasonZoom            ReasonCode = "zoom"             // Host, Zoom: a call failed
	ReasonNotConnected    ReasonCode = "not_connected"    // no Zoom app is connected
	ReasonOnlyEvents      ReasonCode = "only_events"      // the Zoom app only sends events
	ReasonNobodyHosts     ReasonCode = "nobody_hosts"     // there is no opener and no backup user
	ReasonResolved        ReasonCode = "resolved"         // the incident was resolved before its bridge was ready
	ReasonPersonalMeeting ReasonCode = "personal_meeting" // Host: the owner of the personal meeting id that Zoom used
	ReasonMeetingIDTaken  ReasonCode = "meeting_id_taken" // Host
	ReasonNoAlternatives  ReasonCode = "no_alternatives"  // Host: Drawbridge repeated the call without alternative hosts
	ReasonRestarted       ReasonCode = "restarted"        // Drawbridge restarted during a call
	ReasonFoundLate       ReasonCode = "found_late"       // Zoom answered late, but the meeting was found
	ReasonNotCreated      ReasonCode = "not_created"      // Zoom did not create the meeting
	ReasonNoAnswer        ReasonCode = "no_answer"        // Zoom did not answer for an hour
	ReasonTriedOften      ReasonCode = "tried_often"      // Count: calls that tried to create a meeting
	ReasonNoOpener        ReasonCode = "no_opener"        // the opener is not known, so the backup user hosts
	ReasonRunbook         ReasonCode = "runbook"          // the runbook asks for the backup user
	ReasonRanStep         ReasonCode = "ran_step"         // Host: they ran the step by hand, so they host
	ReasonLinkGiven       ReasonCode = "link_given"       // By
	ReasonStaticLink      ReasonCode = "static_link"      // Text: the name of the static link that the bridge uses instead; "": it has none
	ReasonFromMemory      ReasonCode = "from_memory"      // the database accepted no writes when the incident was opened
	ReasonOverdue         ReasonCode = "overdue"          // no link came in time, and no outcome of a call
	ReasonOutOfTime       ReasonCode = "out_of_time"      // no time was left to ask Zoom
	ReasonZoomSilent      ReasonCode = "zoom_silent"      // Zoom answered none of the last calls, so it was not asked
	ReasonNoRunbook       ReasonCode = "no_runbook"       // of a drill: no enabled runbook creates a meeting automatically
	ReasonPeopleInside    ReasonCode = "people_inside"    // of a drill, which did not delete its meeting; Count: people in it; 0: Zoom didn't say how many
	ReasonNotMade         ReasonCode = "not_made"         // of a drill, which did not delete its meeting: another bridge has it, or a person changed it
	ReasonMeetingDeleted  ReasonCode = "meeting_deleted"  // it was deleted in Zoom
	ReasonGaveUp          ReasonCode = "gave_up"          // Drawbridge failed too often; its log has the cause
	ReasonLogTooLong      ReasonCode = "log_too_long"     // Zoom's log of deliveries is too long to read in time
	ReasonNotStored       ReasonCode = "not_stored"       // events that Zoom has kept could not be stored here
	ReasonHostBusy        ReasonCode = "host_busy"        // Host: has as many meetings of ours as may run at once, some of which nobody has joined; Count: how many; 0: another one just took the place
	ReasonHostRuns        ReasonCode = "host_runs"        // Host: runs as many calls as it may at once; Count: how many
	ReasonHostRests       ReasonCode = "host_rests"       // Host, Zoom: refused this host recently, so it is not asked now
	ReasonHostSpent       ReasonCode = "host_spent"       // Host, Count: meetings of today, as many as Zoom allows a user
	ReasonReserved        ReasonCode = "reserved"         // Host, Count: meetings of the host's day that are kept for people
	ReasonStorm           ReasonCode = "storm"            // Count: new Zoom meetings that one source gets in ten minutes (storm_limit), all of which were or may have been made
	ReasonStandby         ReasonCode = "standby"          // the bridge has a meeting that was made in advance
	ReasonMissed          ReasonCode = "missed"           // of a step: the incident was resolved before it could run; Waited
	ReasonNoCall          ReasonCode = "no_call"          // of a step that ends calls: none was running
	ReasonWaitsEmpty      ReasonCode = "waits_empty"      // of a step that ends calls; Count: people inside
	ReasonMayHold         ReasonCode = "may_hold"         // of a step that ends calls: Doubt; somebody may be inside, so the call goes on
	ReasonZoomApp         ReasonCode = "zoom_app"         // replaces an account-wide reason for people who aren't admins; never stored
	ReasonNote            ReasonCode = "note"             // Text: from an older version
)

// Reason is one reason, as a code with its data.
type Reason struct {
	Code    ReasonCode    `json:"code"`
	Host    string        `json:"host,omitempty"` // email address of the Zoom user that it is about
	By      string        `json:"by,omitempty"`
	Count   int           `json:"count,omitempty"`
	RetryAt time.Time     `json:"retry_at,omitzero"` // when Drawbridge retries automatically
	Zoom    *zoom.Problem `json:"zoom,omitempty"`
	Text    string        `json:"text,omitempty"` // what a person wrote, or an older version
	Doubt   NotEnded      `json:"doubt,omitempty"`
	Waited  *StepOutlook  `json:"waited,omitempty"` // what a step waited for
}

// reasonOf returns why a call to Zoom failed. host is "" if the call was not
// about a host.
func reasonOf(err error, host string) Reason {
	if errors.Is(err, errNotConnected) {
		return Reason{Code: ReasonNotConnected}
	}
	if errors.Is(err, errOnlyEvents) {
		return Reason{Code: ReasonOnlyEvents}
	}
	problem := zoom.ProblemOf(err)
	return Reason{Code: ReasonZoom, Host: host, Zoom: &problem}
}

// awaitsAccount reports whether only a change of the account helps.
func (c ReasonCode) awaitsAccount() bool {
	return c == ReasonNotConnected || c == ReasonOnlyEvents || c == ReasonNobodyHosts
}

// AccountWide reports whether every call of the Zoom app fails for this reason.
// Only an admin can fix that.
func (r Reason) AccountWide() bool {
	return r.Code == ReasonNotConnected || r.Zoom != nil && r.Zoom.AccountWide
}
