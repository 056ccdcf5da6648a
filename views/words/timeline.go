package words

import "fmt"

// Entry is one thing that happened to an incident; see incident.TimelineEntry.
type Entry struct {
	Kind                                               string
	Runbook, Step, Who, Host, Link, Field, Topic, Text string
	Template                                           []string // what is wrong with a template, a sentence each
	Reasons                                            []Reason
}

// Somebody stands for a person whose name isn't known, or not any more.
const Somebody = "Somebody"

// Says words the entry. Who did it is the actor, which stands beside it.
func (e Entry) Says() string {
	who, because := or(e.Who, Somebody), Reasons(e.Reasons).Cause
	switch e.Kind {
	case "opened":
		return "Opened with the runbook “" + e.Runbook + "”."
	case "resolved":
		return "Resolved."
	case "reopened":
		return "Reopened."
	case "step_started":
		return "Started “" + StepKind(e.Step) + "”."
	case "template_failed":
		wrong := join(join(e.Template...), e.Text)
		if e.Field == "agenda" {
			return join("The agenda’s template failed, so the meeting has no agenda.", wrong)
		}
		return join("The topic’s template failed, so the meeting is called “"+e.Topic+"”.", wrong)
	case "attempt_failed":
		return join(fmt.Sprintf("Couldn’t create a meeting hosted by %s.", e.Host), because)
	case "bridge_ready":
		return join("The bridge is ready, hosted by "+e.Host+".", because)
	case "bridge_failed":
		return join("Couldn’t create the bridge.", because)
	case "bridge_unknown":
		return join("We don’t know yet whether Zoom created the meeting.", because)
	case "asking_again":
		return "Zoom has no meeting for this bridge. Asking again."
	case "link_given":
		return "The bridge uses a link to " + e.Link + "."
	case "second_meeting":
		return "A second meeting of this bridge, hosted by " + e.Host + ", is in use. Drawbridge left it alone."
	case "call_started":
		return "The call started."
	case "call_ended":
		return "The call ended."
	case "joined":
		return who + " joined."
	case "left":
		return who + " left."
	case "waits_for_host":
		return who + " is waiting for the host to start the call."
	case "in_waiting_room":
		return who + " is in the waiting room."
	case "meeting_deleted":
		return "Somebody deleted the meeting in Zoom. Its link no longer works."
	case "recording":
		return "The recording started."
	case "recording_ready":
		return "The recording is ready."
	case "note":
		return e.Text
	}
	return sentence(code(e.Kind))
}
