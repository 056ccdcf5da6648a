package incident

import "time"

// DefaultStormLimit is how many new Zoom meetings one source gets in stormSpan, unless
// the account says otherwise.
const (
	DefaultStormLimit = 5
	stormSpan         = 10 * time.Minute
)

// ErrStorm says that a source has had as many Zoom meetings as it may have for now.
// ChangeBridge returns it.
var ErrStorm = refuse(Conflict, "This source has had too many new Zoom meetings.")

// MayHaveMeeting reports whether Zoom made a meeting for the attempt, or may have made one.
// If Zoom answered that it failed, Drawbridge looks for a meeting all the same, but until
// it finds one the attempt has cost nothing.
func (a Attempt) MayHaveMeeting() bool {
	switch a.State {
	case AttemptUnknown:
		return a.Reason.Zoom == nil || a.Reason.Zoom.Status == 0
	case AttemptRefused:
		return a.MeetingID != ""
	case AttemptCalling, AttemptDone, AttemptDiscarded:
	}
	return true
}

// Storm limits how many bridges of one source get a new Zoom meeting; a zero Limit does
// not.
type Storm struct {
	Limit     int
	Since     time.Time
	Source    Source
	CreatedBy string // the person, or the API token
}

// storm returns the limit for a call. There is none if the incident has no other link at
// hand, and none for what a person does by hand.
func (c *climber) storm() Storm {
	if !c.atHand || c.leaves != "" || c.run.RunBy != "" {
		return Storm{}
	}
	return Storm{c.account.StormLimit, c.s.now().Add(-stormSpan), c.incident.Source, c.incident.CreatedBy}
}

// reserved reports whether what is left of a host's day is kept for people.
func (c *climber) reserved(h Host) bool {
	return c.atHand && c.incident.Source == SourceAPI && c.run.RunBy == "" && h.Creates >= HostDayLimit-peopleReserve
}
