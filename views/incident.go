package views

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
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

// Recording is one recording of a call in Zoom.
type Recording struct {
	Link
	Passcode string // what people enter to see it; "": none, or not known
	Deletes  string // when Zoom deletes it, in a sentence; "": Zoom did not say
}

// BridgeBlock is one bridge on its incident's page.
type BridgeBlock struct {
	ID       string
	State    string // new, creating, ready, live, ended, unknown, failed
	Kind     string // meeting, static
	Resolved bool   // its incident is

	Verdict   Verdict
	Alarms    []CallAlarm
	JoinURL   string // "" until there is one
	PagePath  string // "/j/INC-42"
	PageURL   string // the same, absolute: what Copy link copies
	MeetingID string // in Zoom's groups: "876 8562 1847"; "" for a static link
	Passcode  string
	DialIn    []DialIn
	// PhonePasscode is what people enter on a phone: only digits.
	PhonePasscode string
	QR            QR // of PageURL

	Attendance []Attendee // once the call has ended

	Name       string // tells it apart from the others: "Bridge 2 (Customers)"; "": it is the only one
	Host       string // email address of the host
	UsedBackup bool
	Why        string // why it differs from what was asked for, in sentences; "" if it doesn't
	Recording  string // "none", "cloud" or "local", as Zoom set it
	Recordings []Recording

	Inside    int
	Most      int  // the most people who were inside at once
	Unseen    bool // Zoom did not say who is inside
	Told      Told
	StartedAt When
	EndedAt   When
	Lasted    string // "1 h 11 min", once it has started

	Progress   []BridgeProgress // while creating
	Cause      string           // of a failed or unknown bridge: what happened
	Fix        string           // and what to do
	FixHref    string           // page where the reader can do it; "" for none
	Looks      string           // of an unknown bridge: how often Drawbridge looked for the meeting, and when it looks again
	CanLook    bool             // it can be looked for at once
	Checks     []CheckLine      // differences between what was asked for and what Zoom set
	Mends      []Mend           // what Fix can change in Zoom
	CanAgain   bool             // the call has ended, and the person may start it again
	CanEnd     bool             // the call runs, and the person may end it
	CanStart   bool             // the person may start it as the host
	LinkName   string           // of a static link of the account, or its host; else ""
	LinkHost   string           // where JoinURL leads, if that isn’t Zoom; else ""
	ChangedAt  When             // when people who had a link had to use this one; zero: never
	CanMove    bool             // a Zoom meeting may take its place
	ZoomIsBack string           // what shows that Zoom works again since it got its link; "": nothing
	MoveFails  string           // why asking for that meeting will probably fail; "": nothing is known
	Shares     []Link           // the other open incidents whose bridge has the same link
	CanRetry   bool
	CanReplace bool   // another link may take its place
	Rooms      []Link // the static links of the account that may
	NeedsLink  bool   // no outage: the Zoom app can't create meetings, so people give the bridge its link
	LinkTyped  string // rejected POST …/link: what was typed
	LinkError  string
}

// Mend is a setting of the meeting that Fix changes in Zoom.
type Mend struct {
	Code                           string
	Setting, Before, After, Effect string
	Kept                           string // what happened last time; "": it wasn't tried, or it worked
}

// MendID is the id of the dialog that fixes a finding.
func (b BridgeBlock) MendID(code string) string { return "fix-" + code + "-" + b.ID }

// BridgeProgress is one attempt at creating a bridge, in words.
type BridgeProgress struct {
	Text  string // "Asking Zoom for a meeting hosted by ana@example.com"
	State string // "running", "done", "failed"
	Note  string // "not a Zoom user", "0.8 s"
}

// DialIn is one telephone number of a bridge.
type DialIn struct {
	Place  string // "Norway, Oslo"
	Number string // as displayed: "+47 2393 0588"
	Tel    string // dials, and enters meeting id and passcode: "tel:+4723930588,,87685621847#,,,,*123456#"
	Free   bool
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

// Participant is one person inside the bridge.
type Participant struct {
	Name  string
	Email string // "" if Zoom didn't say
	Since When
	Host  bool

	Bridge string // as in BridgeBlock.Name
}

// TimelineEntry is one thing that happened to the incident.
type TimelineEntry struct {
	At   When
	Kind string // an incident.TimelineKind; see entryLooks
	Text string
	Who  string // name of the user who did it; "" for none
	// Bridge is the one that it is about, as in BridgeBlock.Name; "": the only one, or none.
	Bridge string
	// Folded are joins and leaves in a row, of which this entry says the numbers. Since is
	// when the first happened.
	Folded []TimelineEntry
	Since  When
	More   []TimelineMore
}

// TimelineMore is a long text of an entry, which a click shows.
type TimelineMore struct{ Title, Text string }

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

// inside reports whether the list of people is useful: it is not before there is a Zoom
// meeting, and not after.
func (p IncidentPage) inside() bool {
	return len(p.Inside)+len(p.Waiting) > 0 || slices.ContainsFunc(p.Bridges, func(b BridgeBlock) bool {
		return b.Kind != "static" && (b.State == "ready" || b.State == "live")
	})
}

// unseen reports whether a call runs, and nobody knows who is inside.
func (p IncidentPage) unseen() bool {
	return len(p.Inside) == 0 && slices.ContainsFunc(p.Bridges, func(b BridgeBlock) bool { return b.State == "live" && b.Unseen })
}

// nobody says that no one is known to be inside.
func (p IncidentPage) nobody() string {
	if p.unseen() {
		return unseen
	}
	most := 0
	for _, b := range p.Bridges {
		most = max(most, b.Most)
	}
	switch most {
	case 0:
		return "Nobody yet. People appear here when Zoom reports that they joined."
	case 1:
		return "Nobody now. 1 person was inside before."
	}
	return "Nobody now. Up to " + Count(most) + " people were inside at once."
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

// shownState is the state of a bridge as its incident's pages show it: an unused bridge of
// a resolved incident is no invitation to join.
func shownState(state string, resolved bool) string {
	if state == "ready" && resolved {
		return "resolved"
	}
	return state
}

const stillLeadsHere = "The link still leads to this bridge."

// tone is the color of the bridge's block: green only if it works, red only if it doesn't.
func (b BridgeBlock) tone() string {
	switch shownState(b.State, b.Resolved) {
	case "ready", "live":
		levels := []Level{b.Verdict.Level}
		for _, c := range b.Checks {
			levels = append(levels, c.Level)
		}
		return string(gravest(levels))
	case "unknown":
		return "warning"
	case "failed":
		if b.NeedsLink {
			return "over"
		}
		return "bad"
	case "new", "creating":
		return "busy"
	}
	return "over"
}

func (b BridgeBlock) label() string { return cmp.Or(b.Name, "Bridge") }

func (b BridgeBlock) open() bool {
	return b.JoinURL != "" && (b.State == "ready" || b.State == "live")
}

func (b BridgeBlock) making() bool { return b.State == "new" || b.State == "creating" }

func (b BridgeBlock) says() string {
	switch shownState(b.State, b.Resolved) {
	case "resolved":
		return stillLeadsHere
	case "new", "creating":
		return "Creating the bridge"
	case "ready", "live":
		if slices.ContainsFunc(b.Alarms, func(a CallAlarm) bool { return a.Waits }) && b.Verdict.Waits {
			return "" // the alarm says it
		}
		return b.Verdict.Title
	case "ended":
		if b.Lasted == "" {
			return "The meeting has ended"
		}
		return "The meeting has ended, after " + b.Lasted
	case "unknown":
		return "We don’t know yet whether Zoom created the meeting"
	case "failed":
		if b.NeedsLink {
			return "This bridge needs a link"
		}
		return "Couldn’t create the bridge"
	}
	return ""
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

const (
	unseen     = "The call is running. Zoom didn’t say who is inside."
	linkUnseen = "Drawbridge can’t see who joins." // of a static link
)

// people says who is inside.
func (b BridgeBlock) people() string {
	switch {
	case !b.open() || b.Resolved && b.State == "ready":
		return ""
	case b.Kind == "static":
		return linkUnseen
	case b.Inside > 0:
		return Plural(b.Inside, "inside", "inside")
	}
	return nobody(b.State, b.Unseen)
}

// nobody says that nobody is known to be in a call.
func nobody(state string, unsaid bool) string {
	switch {
	case state != "live":
		return "Nobody has joined yet."
	case unsaid:
		return unseen
	}
	return "Nobody is inside now."
}

// markState is the state to show: an unused bridge of a resolved incident is no
// invitation to join, and a ready one that people can't get into isn't ready.
func (b BridgeBlock) markState() string {
	if shown := shownState(b.State, b.Resolved); shown != b.State || !b.open() {
		return shown
	}
	return b.Verdict.State
}

// askHost says who can start the bridge, to a person who can't.
func (b BridgeBlock) askHost() string {
	if !b.open() || b.Resolved || !b.Verdict.held() || b.Verdict.Help != "start_as_host" || b.CanStart || b.Host == "" {
		return ""
	}
	return "Ask " + b.Host + " or an admin to start it as host."
}

// pinLabel is the name of the bridge's passcode.
func (b BridgeBlock) pinLabel() string { return pinLabel(b.LinkName) }

func pinLabel(linkName string) string {
	if linkName != "" {
		return "PIN"
	}
	return "Passcode"
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

// hostLine says who hosts, why, and what is recorded.
func (b BridgeBlock) hostLine() string {
	var parts []string
	switch {
	case b.LinkName != "":
		parts = append(parts, "Static link “"+b.LinkName+"” at "+b.LinkHost+".")
	case b.Kind == "static":
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

// progress is never empty while a bridge is being created.
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
	if s.Line && s.State == "running" {
		return "To do"
	}
	return capital(s.State)
}

// entryLook is the icon and the tone of an entry: ok, bad, warning, busy or plain.
type entryLook struct{ icon, tone string }

var entryLooks = map[string]entryLook{
	"opened":                 {"flame", "busy"},
	"adjusted":               {"alert", "warning"},
	"reopened":               {"flame", "busy"},
	"resolved":               {"check", "ok"},
	"step_started":           {"play", "plain"},
	"step_due":               {"notes", "warning"},
	"step_done":              {"check", "plain"},
	"step_failed":            {"cross", "bad"},
	"ticked":                 {"check", "ok"},
	"unticked":               {"notes", "warning"},
	"template_failed":        {"alert", "warning"},
	"attempt_failed":         {"alert", "warning"},
	"bridge_ready":           {"video", "busy"},
	"bridge_failed":          {"cross", "bad"},
	"bridge_unknown":         {"alert", "warning"},
	"asking_again":           {"video", "plain"},
	"link_given":             {"video", "busy"},
	"static_link":            {"video", "warning"},
	"from_memory":            {"alert", "warning"},
	"moved":                  {"video", "busy"},
	"twin_deleted":           {"video", "plain"},
	"unused_deleted":         {"video", "plain"},
	"replaced_deleted":       {"video", "plain"},
	"renamed":                {"video", "plain"},
	"drill_ended":            {"video", "plain"},
	"second_meeting":         {"alert", "warning"},
	"call_started":           {"video", "plain"},
	"call_ended":             {"video", "plain"},
	"seen_running":           {"video", "plain"},
	"seen_ended":             {"video", "plain"},
	"meeting_gone":           {"cross", "bad"},
	"again":                  {"video", "busy"},
	"ended_by":               {"video", "plain"},
	"nobody_came":            {"video", "warning"},
	"all_left":               {"video", "warning"},
	"over_for_long":          {"video", "plain"},
	"runs_long":              {"video", "plain"},
	"ended_empty":            {"video", "plain"},
	"not_ended":              {"video", "warning"},
	"stuck":                  {"alert", "bad"},
	"joined":                 {"user", "plain"},
	"left":                   {"user", "plain"},
	"waits_for_host":         {"user", "warning"},
	"in_waiting_room":        {"user", "warning"},
	"meeting_deleted":        {"cross", "bad"},
	"meeting_restored":       {"video", "busy"},
	"bad_quality":            {"alert", "warning"},
	"recording":              {"microphone", "plain"},
	"recording_ready":        {"microphone", "plain"},
	"recording_link_dropped": {"alert", "warning"},
	"no_recording":           {"microphone", "plain"},
	"recording_gone":         {"microphone", "warning"},
	"recording_back":         {"microphone", "plain"},
	"transcript":             {"notes", "plain"},
	"summary":                {"notes", "plain"},
	"summary_gone":           {"notes", "plain"},
	"summary_back":           {"notes", "plain"},
	"changed_in_zoom":        {"alert", "warning"},
	"mended_in_zoom":         {"check", "ok"},
	"new_passcode":           {"alert", "warning"},
	"new_link":               {"alert", "warning"},
	"fixed":                  {"check", "ok"},
	"fix_kept":               {"alert", "warning"},
	"fix_unsaid":             {"alert", "warning"},
	"note":                   {"notes", "plain"},
}

// EntryKinds are the kinds of timeline entries in entryLooks.
func EntryKinds() []string { return slices.Sorted(maps.Keys(entryLooks)) }

func (e TimelineEntry) look() entryLook {
	if look, ok := entryLooks[e.Kind]; ok {
		return look
	}
	return entryLooks["note"]
}
