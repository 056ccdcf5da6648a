package words

import (
	"cmp"
	"strings"
)

// Entry is one thing that happened to an incident; see incident.TimelineEntry.
type Entry struct {
	Kind                                               string
	Runbook, Step, Who, Host, Link, Field, Topic, Text string
	Template                                           []string // the errors of a template, one sentence each
	Reasons                                            []Reason
}

// Person names a person. A guest may have no name, or one of spaces.
func Person(name string) string { return cmp.Or(strings.TrimSpace(name), "Someone") }

// entryTexts has the words of each kind of entry.
var entryTexts = map[string]string{
	"opened":          "Opened with the runbook “{runbook}”.",
	"resolved":        "Resolved.",
	"reopened":        "Reopened.",
	"step_started":    "Started “{step}”.",
	"template_failed": "The topic’s template failed, so the meeting is called “{topic}”.",
	"attempt_failed":  "Couldn’t create a meeting hosted by {host}.",
	"bridge_ready":    "The bridge is ready, hosted by {host}.",
	"bridge_failed":   "Couldn’t create the bridge.",
	"bridge_unknown":  "We don’t know yet whether Zoom created the meeting.",
	"asking_again":    "Zoom has no meeting for this bridge. Asking again.",
	"link_given":      "The bridge uses a link to {link}.",
	"second_meeting":  "A second meeting of this bridge, hosted by {host}, is in use. Drawbridge left it alone.",
	"call_started":    "The call started.",
	"call_ended":      "The call ended.",
	"joined":          "{who} joined.",
	"left":            "{who} left.",
	"waits_for_host":  "{who} is waiting for the host to start the call.",
	"in_waiting_room": "{who} is in the waiting room.",
	"meeting_deleted": "Someone deleted the meeting in Zoom. Its link no longer works.",
	"recording":       "The recording started.",
	"recording_ready": "The recording is ready.",
	"note":            "{text}",
}

// Says words the entry, without the person who did it.
func (e Entry) Says() string {
	form, ok := entryTexts[e.Kind]
	if !ok {
		form = sentence(code(e.Kind))
	}
	because := Reasons(e.Reasons).Cause
	switch e.Kind {
	case "attempt_failed":
		for _, r := range e.Reasons {
			form = cmp.Or(r.attempt(), form)
		}
	case "template_failed":
		if e.Field == "agenda" {
			form = "The agenda’s template failed, so the meeting has no agenda."
		}
		because = join(join(e.Template...), e.Text)
	}
	return join(strings.NewReplacer("{runbook}", e.Runbook, "{step}", StepKind(e.Step), "{topic}", e.Topic, "{host}", e.Host,
		"{link}", e.Link, "{who}", Person(e.Who), "{text}", e.Text).Replace(form), because)
}
