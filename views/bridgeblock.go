package views

import (
	"cmp"
	"slices"
	"strings"
)

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

// askHost says who can start the bridge, to a person who can't, until it has started.
func (b BridgeBlock) askHost() string {
	if !b.open() || b.Inside > 0 || b.Resolved || !b.Verdict.held() || b.Verdict.Help != "start_as_host" || b.CanStart || b.Host == "" {
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
			hosted += ", a backup user"
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
