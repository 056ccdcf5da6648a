package words

import (
	"fmt"
	"time"
)

// DrillStage is one stage of a drill; see incident.DrillStage.
type DrillStage struct {
	Code, Level, Host string
	Linked            bool // there is a link
	Made              bool // it is of a meeting that Zoom made when it was asked
	Took              time.Duration
	Reasons           []Reason
	Findings          []Finding
}

// drillStage has the words of a stage: what it is about, and what goes on while it lasts.
type drillStage struct{ subject, now string }

var drillStages = map[string]drillStage{
	"open":    {"Incident", "Opening an incident."},
	"link":    {"Link", "Waiting for its link."},
	"verdict": {"Getting in", "Checking whether people can get in."},
	"delete":  {"Deletion", "Deleting the meeting."},
	"event":   {"Event", "Waiting for an event from Zoom about the meeting, 30 s at most."},
	"resolve": {"Resolved", "Resolving the incident."},
}

// DrillSubject names what a stage of a drill is about.
func DrillSubject(code string) string { return drillStages[code].subject }

// DrillNow says what a drill does in a stage.
func DrillNow(code string) string { return drillStages[code].now }

// Seconds writes a time that was measured: "0.8 s".
func Seconds(d time.Duration) string {
	if d < 100*time.Millisecond {
		return "under 0.1 s"
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// Says words the result of the stage, and what to do about it.
func (s DrillStage) Says() Text {
	why := reasons(s.Reasons, false)
	switch s.Code {
	case "open":
		if s.Level == "bad" {
			return Text{join("No incident was opened.", why.Cause), why.Fix}
		}
		return Text{Cause: "Opened in " + Seconds(s.Took) + "."}
	case "link":
		switch {
		case !s.Linked:
			return Text{join("There was no link.", why.Cause), why.Fix}
		case !s.Made:
			return Text{join("Got a link in "+Seconds(s.Took)+", but not of a new Zoom meeting.", why.Cause), why.Fix}
		case s.Level == "bad": // another bridge of the runbook
			return Text{join("One of the bridges got no link.", why.Cause), why.Fix}
		case s.Level == "warning":
			return Text{Cause: join("The link took "+Seconds(s.Took)+", hosted by "+s.Host+". It should take 3 s at most.", why.Cause)}
		}
		return Text{Cause: join("Ready in "+Seconds(s.Took)+", hosted by "+s.Host+".", why.Cause)}
	case "verdict":
		if len(s.Findings) == 0 {
			return Text{Cause: EveryoneGetsIn + "."}
		}
		return Text{Cause: s.Findings[0].Verdict().Title + ".", Fix: s.Findings[0].Says().Fix}
	case "delete":
		if s.Level == "bad" {
			return Text{join("The meeting wasn’t deleted.", why.Cause), join(why.Fix, "Delete it in Zoom.")}
		}
		return Text{Cause: "Deleted in " + Seconds(s.Took) + "."}
	case "event":
		if s.Level == "note" {
			return Text{Cause: "No event about the meeting arrived. The Zoom app may not subscribe to meeting.created and meeting.deleted."}
		}
		return Text{Cause: "Zoom’s first event arrived " + Seconds(s.Took) + " after Zoom sent it."}
	case "resolve":
		return Text{Cause: "The incident is resolved."}
	}
	return Text{Cause: sentence(code(s.Code))}
}

// drillResults has the words of the results of drills, which are levels.
var drillResults = map[string]string{
	"":        "Running",
	"ok":      "Passed",
	"note":    "Passed",
	"unknown": "Passed, not everything known",
	"warning": "Passed with a warning",
	"bad":     "Failed",
}

// DrillResult words the result of a drill; "" is one that runs.
func DrillResult(level string) string { return drillResults[level] }

var drillSchedules = map[string]string{"off": "Never", "daily": "Every day", "weekly": "Every Monday"}

// DrillSchedule words how often drills start by themselves.
func DrillSchedule(code string) string { return drillSchedules[code] }
