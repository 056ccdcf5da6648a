package words

import (
	"fmt"
	"time"
)

// Reason is why a bridge, an attempt, a step or a look is as it is; see incident.Reason.
type Reason struct {
	Code, Host, By, Text string
	Count                int
	Retries              bool          // Drawbridge tries again by itself,
	RetryIn              time.Duration // in this time
	Zoom                 *Problem
}

const orAnotherLink = "Retry, or use another link."

// Says words one reason.
func (r Reason) Says() Text {
	switch r.Code {
	case "":
		return Text{}
	case "zoom":
		if r.Zoom == nil {
			return Text{Cause: "A call to Zoom failed."}
		}
		return r.Zoom.says(r.Host)
	case "not_connected":
		return Text{"No Zoom app is connected.", "An admin can connect one on the Zoom account page."}
	case "nobody_hosts":
		return Text{"There is nobody to host: the opener isn’t known, and no backup user is set.", "An admin can set the backup user on the Zoom account page."}
	case "resolved":
		return Text{"The incident was resolved before the bridge was ready.", "Reopen the incident to get a bridge."}
	case "personal_meeting":
		return Text{Cause: "Zoom used the personal meeting ID of " + or(r.Host, "the host") + ", which other calls use too."}
	case "meeting_id_taken":
		return Text{Cause: "Zoom returned a meeting ID that another incident’s bridge already has."}
	case "no_alternatives":
		return Text{Cause: "Zoom rejected the alternative hosts. Asking again without them."}
	case "restarted":
		return Text{"Drawbridge restarted while it was creating the meeting.", "Checking automatically. Can’t wait? Use another link."}
	case "found_late":
		return Text{Cause: "Zoom answered late. The meeting was found."}
	case "not_created":
		return Text{Cause: "Zoom didn’t create the meeting."}
	case "no_answer":
		return Text{Cause: "Zoom didn’t answer for an hour."}
	case "tried_often":
		return Text{fmt.Sprintf("Drawbridge asked Zoom %s.", plural(r.Count, "time", "times")), "Try again when Zoom answers, or use another link."}
	case "runbook":
		return Text{Cause: "The runbook wants the backup user to host."}
	case "link_given":
		return Text{Cause: r.By + " provided this link."}
	case "meeting_deleted":
		return Text{"Somebody deleted the meeting in Zoom.", orAnotherLink}
	case "gave_up":
		return Text{"Drawbridge couldn’t finish this step. Its log says why.", orAnotherLink}
	case "log_too_long":
		return Text{"Zoom’s delivery log was too long to read at once.", "The next check continues where this one stopped."}
	case "not_stored":
		return Text{"Events that Zoom still has couldn’t be stored here.", "Check the disk and the server’s log. The next check continues where this one stopped."}
	case "note":
		return Text{Cause: sentence(r.Text)}
	}
	return Text{Cause: sentence(code(r.Code))}
}

// Reasons words why a bridge is as it is: all causes, and what to do about the last.
func Reasons(list []Reason) (t Text) {
	last := ""
	for _, r := range list {
		said := r.Says()
		if said.Cause != last { // two hosts may have failed in the same way
			t.Cause = join(t.Cause, said.Cause)
		}
		t.Fix, last = said.Fix, said.Cause
		switch {
		case r.Retries && r.RetryIn > 0:
			t.Fix = join("Drawbridge tries again in "+span(r.RetryIn)+".", t.Fix)
		case r.Retries:
			t.Fix = join("Drawbridge is trying again.", t.Fix)
		}
	}
	return t
}

// Unknown words the reasons of a bridge of which nobody knows whether Zoom created
// its meeting.
func Unknown(list []Reason) Text {
	t := Reasons(list)
	const checking = "Checking automatically. Can’t wait? Use another link."
	if n := len(list); n == 0 || list[n-1].Zoom == nil || !list[n-1].Zoom.AccountWide {
		t.Fix = ""
	}
	t.Fix = join(t.Fix, checking)
	return t
}
