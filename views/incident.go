package views

import (
	"slices"
	"strconv"
	"unicode/utf8"
)

// IncidentPage is GET /incidents/{number}.
//
// Its buttons post to: /incidents/{number}/resolve, /incidents/{number}/reopen,
// /incidents/{number}/notes (fields note, idempotency_key),
// /incidents/{number}/steps/{id}/run, /bridges/{id}/start, /bridges/{id}/retry, /bridges/{id}/move
// and /bridges/{id}/link (field join_url).
type IncidentPage struct {
	Frame Frame

	Number      int64
	Key         string // "INC-42"
	Name        string
	Severity    string // "" for none
	Type        string
	Description string
	Resolved    bool
	OpenedAt    When
	OpenedBy    string // email address of the opener, or the name of the API token
	ResolvedAt  When
	ResolvedBy  string
	Lasted      string // "14 min": how long it has been open, or was
	Source      string // "Form", "API token pager", "Alertmanager"
	RunbookName string
	RunbookURL  string // "" if there is none, or the person may not see it
	Variables   []KeyValue

	CanAct  bool          // responders: resolve, reopen, run steps, retry, use another link
	Bridges []BridgeBlock // the first is the one people are sent to
	Steps   []IncidentStep
	Running *Running // nil: no call runs
	Inside  []Participant
	Waiting []Participant // to get in
	Entries []TimelineEntry
	MoreURL string // all timeline entries; "" if they are on the page

	NoteKey   string // makes submitting the form of a note twice harmless
	NoteTyped string // rejected POST …/notes: what was typed
	NoteError string
}

// IncidentStep is one step run.
type IncidentStep struct {
	ID         string
	Label      string // its name, or the line of a checklist
	State      string // waiting, scheduled, running, done, failed, skipped
	Note       string // "0.8 s", who ticked it, or the reason it failed
	Waits      string // what it waits for; "" for nothing
	At         When   // its next time; zero if no time is known
	Conditions []IncidentCondition
	CanRun     bool // it waits, was skipped or failed, and the person may run it
	Line       bool // it is a line of a checklist
	CanTick    bool // the person may tick the line, or take the tick back
}

// IncidentCondition is one condition of a step, as it is now.
type IncidentCondition struct {
	Says  string
	Holds bool
}

// IncidentStartPage is the answer to POST /bridges/{id}/start. It is a page and not a redirect
// because form-action 'self' in the Content-Security-Policy also restricts where the answer to
// a form may redirect to.
type IncidentStartPage struct {
	Frame    Frame
	Key      string
	Name     string
	StartURL string // shown once and never stored; "" if Error is set
	Host     string
	Error    string
	Fix      string // what an admin can do about it
	BackURL  string
}

func (p IncidentStartPage) says() string {
	if p.Host == "" {
		return "Zoom opens with you as host."
	}
	return "Zoom opens with you as host (" + p.Host + ")."
}

// here is the page's own path if the page is the answer to a form, else "".
func (p IncidentPage) here() string {
	if p.NoteError != "" || slices.ContainsFunc(p.Bridges, func(b BridgeBlock) bool { return b.LinkError != "" }) {
		return "/incidents/" + strconv.FormatInt(p.Number, 10)
	}
	return ""
}

func (p IncidentPage) path(verb string) string {
	return "/incidents/" + strconv.FormatInt(p.Number, 10) + "/" + verb
}

func (p IncidentPage) anyRunnable() bool {
	return slices.ContainsFunc(p.Steps, func(s IncidentStep) bool { return s.CanRun })
}

func (p IncidentPage) mayRetry(b BridgeBlock) bool { return p.CanAct && b.CanRetry }

// mayMove reports whether the person may ask Zoom for a meeting in place of the link.
func (p IncidentPage) mayMove(b BridgeBlock) bool { return p.CanAct && b.CanMove }

// mayReplace reports whether the person may replace this bridge with another link.
func (p IncidentPage) mayReplace(b BridgeBlock) bool {
	return p.CanAct && b.CanReplace
}

// helps is what gets people into this bridge, if the person may do it, or "".
func (p IncidentPage) helps(b BridgeBlock) string {
	switch help := b.Verdict.Help; {
	case !b.open() || b.Resolved || !b.Verdict.held():
	case help == "start_as_host" && b.CanStart, help == "use_another_link" && p.mayReplace(b):
		return help
	}
	return ""
}

func (p IncidentPage) details() []KeyValue {
	var all []KeyValue
	if utf8.RuneCountInString(p.Name) > 100 { // the title is cut on a phone
		all = append(all, KeyValue{Key: "Name", Value: p.Name})
	}
	for _, kv := range []KeyValue{
		{Key: "Runbook", Value: p.RunbookName, Href: p.RunbookURL},
		{Key: "Type", Value: p.Type},
		{Key: "Opened", When: p.OpenedAt},
		{Key: "Source", Value: p.Source},
	} {
		if kv.Value != "" || kv.When.ISO != "" {
			all = append(all, kv)
		}
	}
	return append(all, p.Variables...)
}

// Running says whom ending the calls of an incident would throw out.
type Running struct {
	Inside int
	Unseen bool // Zoom did not say who is inside
}

func (r Running) says() string {
	switch {
	case r.Unseen:
		return "Zoom didn’t say who is inside."
	case r.Inside == 0:
		return "Nobody is inside."
	}
	return Plural(r.Inside, "person is", "people are") + " inside."
}

// topics are what the page watches: other incidents can begin and end to share a link, and
// show that Zoom works again.
func (p IncidentPage) topics() string {
	topics := "incident:" + strconv.FormatInt(p.Number, 10)
	if slices.ContainsFunc(p.Bridges, func(b BridgeBlock) bool { return b.Kind == "static" }) {
		topics += ",bridges,account"
	}
	return topics
}

func (s IncidentStep) says() string {
	if s.Line && s.State == "running" {
		return "To do"
	}
	return capital(s.State)
}
