package views

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// IncidentPage is GET /incidents/{number}.
//
// Its buttons post to: /incidents/{number}/resolve, /incidents/{number}/reopen,
// /incidents/{number}/steps/{id}/run, /bridges/{id}/start, /bridges/{id}/retry and
// /bridges/{id}/link (field join_url).
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
	OpenedBy    string // who or what opened it
	Opener      string // the opener's e-mail
	ResolvedAt  When
	ResolvedBy  string
	Lasted      string // "14 min": open so far, or until it was resolved
	Source      string // "Form", "API token pager", "Alertmanager"
	RunbookName string
	RunbookURL  string // "" when there is none or it may not be seen
	Variables   []KeyValue

	CanAct  bool          // responder: resolve, reopen, run, retry, use another link
	Bridges []BridgeBlock // the first is the one people are sent to
	Steps   []IncidentStep
	Inside  []Participant
	Entries []TimelineEntry
	MoreURL string // older timeline entries; "" for none
}

// BridgeBlock is one bridge on its incident's page.
type BridgeBlock struct {
	ID    string
	State string // new, creating, ready, live, ended, unknown, failed
	Kind  string // meeting, static

	JoinURL   string // "" until there is one
	PagePath  string // "/j/INC-42"
	PageURL   string // the same, absolute: what Copy link copies
	MeetingID string // in Zoom's groups: "876 8562 1847"; "" for a static link
	Passcode  string
	DialIn    []DialIn

	Host       string // who hosts
	UsedBackup bool
	Why        string // why it is so: sentences; "" when it is as it was asked for
	Recording  string // "none", "cloud", "local": what Zoom set, not what was asked
	Recordings []Link
	Topic      string

	Inside    int
	StartedAt When
	EndedAt   When
	Lasted    string // "1 h 11 min", once it ended

	Progress  []BridgeProgress // while creating
	Cause     string           // failed or unknown: what happened
	Fix       string           // and the way out
	Checks    []CheckLine      // what was asked against what Zoom set
	CanStart  bool             // the viewer may start it as host
	CanRetry  bool
	LinkTyped string // refused POST …/link: what was typed
	LinkError string
}

// BridgeProgress is one attempt at getting a bridge, in words.
type BridgeProgress struct {
	Text  string // "Asking Zoom for a meeting hosted by ana@example.com"
	State string // "running", "done", "failed"
	Note  string // "not a Zoom user", "0.8 s"
}

// DialIn is one telephone number of a bridge.
type DialIn struct {
	Place  string // "Norway, Oslo"
	Number string // for people: "+47 2393 0588"
	Tel    string // dials, and enters meeting id and passcode: "tel:+4723930588,,87685621847#,,,,*123456#"
	Free   bool
}

// IncidentStep is one step run.
type IncidentStep struct {
	ID     string
	Label  string
	State  string // waiting, scheduled, running, done, failed
	Note   string // "0.8 s", or the reason it failed
	CanRun bool   // it waits for somebody, and the viewer may be that
}

// Participant is one person inside the bridge.
type Participant struct {
	Name  string
	Email string // "" when Zoom did not say
	Since When
	Host  bool
}

// TimelineEntry is one thing that happened.
type TimelineEntry struct {
	At   When
	Kind string // of incident.TimelineKind; see entryLooks
	Text string
	Who  string // "" when nobody of ours did it
}

// IncidentStartPage is the answer of POST /bridges/{id}/start. It is a page and not a redirect
// because form-action 'self' of the content security policy also governs where a form's answer
// may redirect to.
type IncidentStartPage struct {
	Frame    Frame
	Key      string
	Name     string
	StartURL string // on the page once, never stored; "" with Error
	Host     string
	Error    string
	BackURL  string
}

// here is the page's own path when the browser is at that of a form, "" otherwise.
func (p IncidentPage) here() string {
	for _, b := range p.Bridges {
		if b.LinkError != "" {
			return "/incidents/" + strconv.FormatInt(p.Number, 10)
		}
	}
	return ""
}

func (p IncidentPage) path(verb string) string {
	return "/incidents/" + strconv.FormatInt(p.Number, 10) + "/" + verb
}

func (p IncidentPage) anyRunnable() bool {
	return slices.ContainsFunc(p.Steps, func(s IncidentStep) bool { return s.CanRun })
}

// inside reports whether the list of people is useful: it is not before there is a Zoom
// meeting, and not after.
func (p IncidentPage) inside() bool {
	return len(p.Inside) > 0 || slices.ContainsFunc(p.Bridges, func(b BridgeBlock) bool {
		return b.Kind != "static" && (b.State == "ready" || b.State == "live")
	})
}

func (p IncidentPage) mayRetry(b BridgeBlock) bool { return p.CanAct && b.CanRetry }

// mayReplace says whether the viewer may put another link in this bridge's place.
func (p IncidentPage) mayReplace(b BridgeBlock) bool {
	return p.CanAct && (b.State == "failed" || b.State == "unknown" || b.State == "ready" && b.Kind == "static") // a wrong link can be put right
}

func (p IncidentPage) details() []KeyValue {
	var all []KeyValue
	for _, kv := range []KeyValue{
		{Key: "Runbook", Value: p.RunbookName, Href: p.RunbookURL},
		{Key: "Type", Value: p.Type},
		{Key: "Opened", When: p.OpenedAt},
		{Key: "Opener", Value: p.Opener},
		{Key: "Source", Value: p.Source},
	} {
		if kv.Value != "" || kv.When.ISO != "" {
			all = append(all, kv)
		}
	}
	return append(all, p.Variables...)
}

// tone colours the bridge's block: only what works is green, and only what does not is red.
func (b BridgeBlock) tone() string {
	switch b.State {
	case "ready", "live":
		levels := make([]Level, len(b.Checks))
		for i, c := range b.Checks {
			levels[i] = c.Level
		}
		return string(gravest(levels))
	case "unknown":
		return "warning"
	case "failed":
		return "bad"
	case "new", "creating":
		return "busy"
	}
	return "over"
}

func (b BridgeBlock) label(i int) string {
	if i == 0 {
		return "Bridge"
	}
	return "Bridge " + strconv.Itoa(i+1)
}

func (b BridgeBlock) open() bool {
	return b.JoinURL != "" && (b.State == "ready" || b.State == "live")
}

func (b BridgeBlock) making() bool { return b.State == "new" || b.State == "creating" }

func (b BridgeBlock) says() string {
	switch b.State {
	case "new", "creating":
		return "Creating the bridge"
	case "ready":
		if b.Kind == "static" {
			return "Ready to join. Drawbridge can’t see who joins."
		}
		return "Ready to join. Nobody has joined yet."
	case "live":
		return Plural(b.Inside, "inside", "inside")
	case "ended":
		if b.Lasted == "" {
			return "The meeting has ended"
		}
		return "The meeting has ended, after " + b.Lasted
	case "unknown":
		return "We don’t know yet whether Zoom created the meeting"
	case "failed":
		return "Couldn’t create the bridge"
	}
	return ""
}

// hostLine says who hosts, why that is so, and what is recorded.
func (b BridgeBlock) hostLine() string {
	var parts []string
	if b.Kind == "static" {
		parts = append(parts, "External link.")
	}
	if b.Host != "" {
		hosted := "Hosted by " + b.Host
		if b.UsedBackup {
			hosted += ", the backup user"
		}
		parts = append(parts, hosted+".")
	}
	if b.Why != "" {
		parts = append(parts, b.Why)
	}
	if b.Kind != "static" {
		switch b.Recording {
		case "cloud":
			parts = append(parts, "Recorded to the cloud.")
		case "local":
			parts = append(parts, "Recorded on the host’s computer.")
		case "none":
			parts = append(parts, "Not recorded.")
		}
	}
	return strings.Join(parts, " ")
}

// progress is never empty while a bridge is being made.
func (b BridgeBlock) progress() []BridgeProgress {
	if len(b.Progress) == 0 {
		return []BridgeProgress{{Text: "Asking Zoom for a meeting", State: "running"}}
	}
	return b.Progress
}

func (s BridgeProgress) tone() string {
	if s.State == "done" || s.State == "failed" {
		return s.State
	}
	return "running"
}

// shape: an attempt that failed while the next one runs is no alarm.
func (s BridgeProgress) shape() string {
	if s.State == "failed" {
		return "skipped"
	}
	return s.tone()
}

func (s IncidentStep) says() string {
	if s.CanRun && s.State == "waiting" {
		return "Waiting for someone to run it"
	}
	return capital(s.State)
}

// entryLook is the icon of an entry, and its tone: ok, bad, warning, busy, or plain.
type entryLook struct{ icon, tone string }

var entryLooks = map[string]entryLook{
	"opened":          {"flame", "busy"},
	"reopened":        {"flame", "busy"},
	"resolved":        {"check", "ok"},
	"step_started":    {"play", "plain"},
	"template_failed": {"alert", "warning"},
	"attempt_failed":  {"alert", "warning"},
	"bridge_ready":    {"video", "busy"},
	"bridge_failed":   {"cross", "bad"},
	"bridge_unknown":  {"alert", "warning"},
	"asking_again":    {"video", "plain"},
	"link_given":      {"video", "busy"},
	"second_meeting":  {"alert", "warning"},
	"call_started":    {"video", "plain"},
	"call_ended":      {"video", "plain"},
	"joined":          {"user", "plain"},
	"left":            {"user", "plain"},
	"waits_for_host":  {"user", "warning"},
	"in_waiting_room": {"user", "warning"},
	"meeting_deleted": {"cross", "bad"},
	"recording":       {"microphone", "plain"},
	"recording_ready": {"microphone", "plain"},
	"note":            {"notes", "plain"},
}

// EntryKinds are the kinds of timeline entries that have a look of their own.
func EntryKinds() []string { return slices.Sorted(maps.Keys(entryLooks)) }

func (e TimelineEntry) look() entryLook {
	if look, ok := entryLooks[e.Kind]; ok {
		return look
	}
	return entryLooks["note"]
}
