package words

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Entry is one thing that happened to an incident; see incident.TimelineEntry.
type Entry struct {
	Kind                                                         string
	Runbook, Step, StepName, Who, Host, Link, Field, Topic, Text string
	Template                                                     []string // the errors of a template, one sentence each
	Issues                                                       []string // what is wrong with the quality of a call, in Zoom's words
	Findings                                                     []Finding
	Reasons                                                      []Reason
	Adjusted                                                     []Adjustment
	Changes                                                      []Change
	Count                                                        int
	Place                                                        string // where people wait
}

// Person names a person. A guest may have no name, or one of spaces.
func Person(name string) string { return cmp.Or(strings.TrimSpace(name), "Someone") }

// entryTexts has the words of each kind of entry.
var entryTexts = map[string]string{
	"opened":                 "Opened with the runbook “{runbook}”.",
	"adjusted":               "The request that opened this incident couldn’t be used as it was.",
	"resolved":               "Resolved.",
	"reopened":               "Reopened.",
	"step_started":           "Started “{step}”.",
	"step_due":               "To do: {text}",
	"step_loop":              "The step “{step}” ran {often} because something changed. It doesn’t do so again.",
	"step_done":              "The step “{step}” is done.",
	"step_failed":            "The step “{step}” failed.",
	"ticked":                 "Done: {text}",
	"unticked":               "Not done after all: {text}",
	"template_failed":        "The topic’s template failed, so the meeting is called “{topic}”.",
	"attempt_failed":         "Couldn’t create a meeting hosted by {host}.",
	"bridge_ready":           "The bridge is ready, hosted by {host}.",
	"bridge_failed":          "Couldn’t create the bridge.",
	"bridge_unknown":         "We don’t know yet whether Zoom created the meeting.",
	"asking_again":           "Zoom has no meeting for this bridge. Asking again.",
	"link_given":             "The bridge uses a link to {link}.",
	"static_link":            "{static}, at {link}.",
	"from_memory":            "Drawbridge couldn’t store this incident at first. People got the static link to {link}.",
	"moved":                  "The bridge moved to a Zoom meeting of its own, hosted by {host}.",
	"twin_deleted":           "Zoom had made a second meeting, hosted by {host}. Nobody was in it, and Drawbridge deleted it.",
	"renamed":                "Zoom applied the topic “{topic}” and the step’s other settings to the standby meeting.",
	"second_meeting":         "A second meeting of this bridge, hosted by {host}, is in use. Drawbridge left it alone.",
	"call_started":           "The call started.",
	"call_ended":             "The call ended.",
	"seen_running":           "Zoom says that the call is running. No event said so.",
	"seen_ended":             "Zoom says that the call has ended. No event said so.",
	"meeting_gone":           "Zoom says that the meeting no longer exists. No event said so.",
	"again":                  "The ended call can start again. Its link works as before.",
	"ended_by":               "Ended the call for everyone, with {inside} inside.",
	"stuck":                  "{waiting} to get in. Nobody has let them in for 30 seconds. {where}",
	"nobody_came":            "Nobody has joined for {minutes}.",
	"all_left":               "Everybody left {minutes} ago, and the call is still running.",
	"over_for_long":          "The call ended {minutes} ago, and the incident is still open.",
	"runs_long":              "The call has been running for {hours}.",
	"ended_empty":            "Nobody was inside for {minutes}, so Drawbridge ended the call.",
	"not_ended":              "Drawbridge saw nobody inside, but {unsure}. It left the call running.",
	"joined":                 "{who} joined.",
	"left":                   "{who} left.",
	"waits_for_host":         "{who} is waiting for the host to start the call.",
	"in_waiting_room":        "{who} is in the waiting room.",
	"meeting_deleted":        "Someone deleted the meeting in Zoom. Its link no longer works.",
	"unused_deleted":         "Nobody had joined the meeting, hosted by {host}. Drawbridge deleted it in Zoom.",
	"replaced_deleted":       "Nobody had joined the bridge’s earlier meeting, hosted by {host}. Drawbridge deleted it in Zoom.",
	"drill_ended":            "The drill is done with its meeting. Drawbridge deletes it.",
	"meeting_restored":       "Someone recovered the meeting in Zoom. Its link works again.",
	"bad_quality":            "Zoom reports bad call quality: {issues}.",
	"recording":              "The recording started.",
	"recording_ready":        "The recording is ready.",
	"recording_link_dropped": "The recording is ready. A link to it leads to {link}, which isn’t one of Zoom’s domains, so Drawbridge left it out.",
	"no_recording":           "Zoom kept no recording. It keeps none of very short calls.",
	"recording_gone":         "The recording, or a part of it, was deleted or moved to the trash in Zoom.",
	"recording_back":         "The recording was recovered from the trash in Zoom.",
	"transcript":             "The transcript of the recording is ready in Zoom.",
	"summary":                "Zoom’s AI summary of the call is ready in Zoom.",
	"summary_gone":           "Zoom’s AI summary was deleted or moved to the trash in Zoom.",
	"summary_back":           "Zoom’s AI summary was recovered from the trash in Zoom.",
	"changed_in_zoom":        "The meeting changed in Zoom.",
	"mended_in_zoom":         "The meeting changed in Zoom. No longer a problem: {subjects}.",
	"new_passcode":           "The passcode of the meeting changed in Zoom. People need the new one.",
	"new_link":               "The link of the meeting changed in Zoom. The new one leads to {link}.",
	"fixed":                  "Fixed “{setting}” of the meeting in Zoom.",
	"fix_kept":               "Tried to fix “{setting}” of the meeting. " + keptSetting,
	"fix_unsaid":             "Zoom accepted a change of “{setting}”, but didn’t say what the setting is now.",
	"edited":                 "{changes}",
	"note":                   "{text}",
}

// notEnded says why somebody may be in a call in which Drawbridge sees nobody.
var notEnded = map[string]string{
	"":         "Zoom doesn’t say whether the host is",
	"shared":   "the meeting is also used for something else",
	"foreign":  "this Drawbridge didn’t create the meeting, or someone changed it in Zoom",
	"other":    "Zoom says that another call of this meeting is running",
	"again":    "Zoom had said before that the call was over",
	"events":   "an event about the meeting is stale or can’t be read",
	"names":    "Zoom sent names without IDs, so two people may count as one",
	"breakout": "there were breakout rooms, and Drawbridge can’t see who is in them",
}

// Comings says how many people joined and left.
func Comings(joined, left int) string {
	switch {
	case left == 0:
		return plural(joined, "person joined", "people joined") + "."
	case joined == 0:
		return plural(left, "person left", "people left") + "."
	}
	return plural(joined, "person joined", "people joined") + ", " + strconv.Itoa(left) + " left."
}

// Fix is what an admin can do about the entry, "" for nothing.
func (e Entry) Fix() string {
	if e.Kind == "recording_link_dropped" {
		return allowHost + ", restart Drawbridge and reprocess the event recording.completed."
	}
	return ""
}

// Says words the entry, without the person who did it.
func (e Entry) Says() string {
	form, ok := entryTexts[e.Kind]
	if !ok {
		form = sentence(code(e.Kind))
	}
	told := e.Reasons
	if e.Kind == "bridge_ready" || e.Kind == "static_link" { // the entries of the attempts say these
		told = slices.DeleteFunc(slices.Clone(told), Reason.ofAttempt)
	}
	because := Reasons(told).Cause
	changes := ""
	for _, c := range e.Changes {
		changes = join(changes, c.Says())
	}
	switch e.Kind {
	case "attempt_failed":
		for _, r := range e.Reasons {
			form = cmp.Or(r.attempt(), form)
		}
	case "adjusted", "edited":
		for _, a := range e.Adjusted {
			because = join(because, a.Says())
		}
	case "changed_in_zoom":
		for _, f := range e.Findings {
			l := f.Says()
			because = join(because, l.Subject+": "+l.Reason)
		}
	case "step_due":
		if e.Count > 1 {
			form = "To do again: {text}"
		}
	case "resolved", "ended_by":
		if e.Step != "" {
			form = strings.TrimSuffix(form, ".") + ", as the step “{step}” says."
		}
	case "mended_in_zoom":
		var subjects []string
		for _, f := range e.Findings {
			subjects = append(subjects, f.Says().Subject)
		}
		form = strings.ReplaceAll(form, "{subjects}", cmp.Or(strings.Join(subjects, ", "), "a setting"))
	case "template_failed":
		if e.Field == "agenda" {
			form = "The agenda’s template failed, so the meeting has no agenda."
		}
		because = join(join(e.Template...), e.Text)
	}
	return join(strings.NewReplacer("{runbook}", e.Runbook, "{step}", Step(e.Step, e.StepName), "{often}", plural(e.Count, "time", "times"), "{topic}", e.Topic, "{host}", e.Host,
		"{waiting}", waitingPeople(e.Count), "{inside}", plural(e.Count, "person", "people"), "{minutes}", plural(e.Count, "minute", "minutes"), "{hours}", plural(e.Count, "hour", "hours"), "{where}", stuckIn[e.Place], "{link}", cmp.Or(e.Link, "another host"), "{who}", Person(e.Who), "{text}", e.Text, "{changes}", changes, "{issues}", strings.Join(e.Issues, ", "), "{static}", staticLink(e.Text), "{unsure}", cmp.Or(notEnded[e.Field], code(e.Field)), "{setting}", cmp.Or(mends[e.Field].Setting, code(e.Field))).Replace(form), because)
}
