package views

import (
	"cmp"
	"strings"
)

// JoinPage is GET /j/{key}.
type JoinPage struct {
	Key      string // "INC-42"
	Name     string
	Severity string // "" for none
	Resolved bool

	// Bridge tells this bridge apart from the Others; "": it is the only one.
	Bridge string
	Others []Link

	State     string // of the bridge; "" when the incident has none
	Kind      string // meeting, static
	Verdict   Verdict
	JoinURL   string // "" while nobody can join
	LinkHost  string // where JoinURL leads, if that isn’t Zoom; else ""
	LinkName  string // of a static link of the account, or its host; else ""
	MovedAt   When   // when people who had a link had to use this one; zero: never
	Shares    []Link // the other open incidents whose bridge has the same link
	PageURL   string // this page's permanent link, absolute
	Passcode  string
	Phone     string // the passcode for people who call: only digits
	MeetingID string // in Zoom's groups: "876 8562 1847"
	DialIn    []DialIn
	Inside    int  // people inside now
	Unseen    bool // Zoom did not say who is inside
	Told      Told
	Alarms    []CallAlarm
	Waiting   int    // people who wait to get in
	Cause     string // why there is no bridge, for people who can't change it
	Retry     string // when Drawbridge tries again; "": it doesn't
	ChangedAt When   // of the bridge

	AsOf        When   // when this was so, if nothing newer is known; zero: now
	IncidentURL string // "" for people who may not see it
	Theme       string // as in Frame
	Demo        bool
}

func (p JoinPage) waiting() bool { return p.State == "new" || p.State == "creating" }

func (p JoinPage) joinable() bool { return p.JoinURL != "" }

// markState is the state to show; see BridgeBlock.markState.
func (p JoinPage) markState() string {
	return BridgeBlock{State: p.State, Resolved: p.Resolved, JoinURL: p.JoinURL, Verdict: p.Verdict}.markState()
}

func (p JoinPage) tone() string {
	switch p.State {
	case "failed":
		return "bad"
	case "unknown":
		return "warning"
	case "new", "creating":
		return "busy"
	}
	return "over"
}

func (p JoinPage) title() string {
	switch {
	case p.waiting():
		return "Creating the bridge"
	case p.State == "failed":
		return "Couldn’t create the bridge"
	case p.State == "unknown":
		return "We don’t know yet whether Zoom created the meeting"
	case p.Resolved:
		return "This incident is resolved"
	case p.State == "":
		return "No bridge yet"
	}
	return "The meeting has ended"
}

// advice is what a person outside can do.
func (p JoinPage) advice() string {
	if p.Verdict.Help == "start_as_host" {
		return "Join and wait to be let in. The people handling the incident see that somebody waits."
	}
	return "If you can’t get in, tell the people handling the incident. They can provide another link; it will appear here."
}

func (p JoinPage) says() string {
	switch {
	case p.waiting():
		return "This page updates when Zoom answers, usually within seconds."
	case p.State == "failed":
		return strings.TrimSpace(cmp.Or(p.Cause, "Drawbridge couldn’t create the bridge.")+" "+p.Retry) + " The people handling the incident can provide another link. It will appear here. Keep this page open; it updates automatically."
	case p.State == "unknown":
		return strings.TrimSpace(p.Cause + " Drawbridge checks again automatically. Keep this page open.")
	case shownState(p.State, p.Resolved) == "resolved":
		return stillLeadsHere
	case p.joinable() && p.LinkName != "":
		return "Static link “" + p.LinkName + "”. Drawbridge can’t see who joins."
	case p.joinable() && p.Kind == "static":
		return "Drawbridge can’t see who joins."
	case p.joinable() && p.Inside > 0:
		return Plural(p.Inside, "person inside", "people inside")
	case p.joinable():
		return nobody(p.State, p.Unseen)
	case p.Resolved:
		return "Its bridge is closed. If the incident is reopened, this link leads to its next bridge."
	case p.State == "":
		return "This incident has no bridge yet. When it gets one, it appears here."
	}
	return "If the incident continues, this link leads to its next bridge."
}
