package words

import (
	"strconv"
	"strings"
)

// Verdict names what keeps people out of a bridge.
type Verdict struct {
	State string // one or two words, as a state
	Title string // a sentence without a full stop
}

var verdictTexts = map[string]Verdict{
	"people_wait":         {"needs_host", "{people} for a host to let them in"},
	"waiting_room_on":     {"needs_host", "People wait until a host lets them in{asked}"},
	"no_join_before_host": {"needs_host", "Nobody gets in before the host{asked}"},
	"sign_in_needed":      {"restricted", "Only people who are signed in to Zoom get in"},
	"registration":        {"restricted", "People must register before they get in"},
	"end_to_end":          {"restricted", "Nobody can join by phone or browser"},
	"personal_meeting":    {"shared", "Other calls use the same meeting ID"},
	"meeting_id_taken":    {"shared", "Another incident’s bridge has the same meeting ID"},
	"personal_link":       {"shared", "The link leads to the host’s personal room"},
	"other_meeting_link":  {"shared", "The link leads to another meeting"},
	"host_full":           {"host_busy", "Can’t start while its host runs {calls}"},
	"host_may_be_full":    {"host_busy", "May not start while its host runs {calls}"},
	"not_said":            {"unconfirmed", "Zoom didn’t say whether everyone can get in"},
	"static_link":         {"static", "Not checked: the static link leads to {value}"},
	"other_host":          {"external", "Not checked: the link leads to {value}"},
}

// Verdict words what the finding means for the people who want to get in.
func (f Finding) Verdict() Verdict {
	v, ok := verdictTexts[f.Code]
	if !ok {
		return Verdict{"unknown", code(f.Code)}
	}
	asked := ""
	if f.Asked != "" {
		asked = ", as the runbook asks"
	}
	calls := "the call of " + Key(f.Incident)
	if f.Count > 1 {
		calls = strconv.Itoa(f.Count) + " other calls"
	}
	v.Title = strings.NewReplacer("{calls}", calls, "{people}", waitingPeople(f.Count), "{asked}", asked, "{value}", f.Value).Replace(v.Title)
	return v
}

// calls are the other calls that a host runs.
func (f Finding) calls() string {
	if f.Count > 1 {
		return strconv.Itoa(f.Count) + " other calls, one of them of " + Key(f.Incident)
	}
	return "the call of " + Key(f.Incident)
}

// EveryoneGetsIn is the title of a bridge that nothing keeps people out of.
const EveryoneGetsIn = "Everyone can get in"
