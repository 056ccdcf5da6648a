package words

import "strconv"

// Next is what incidents get that are opened now and that no host gives a meeting.
type Next struct {
	Standby int  // standby meetings that can start
	Static  bool // a static link
	// Blocked says that there are standby meetings, and that none can start.
	Blocked bool
}

// AtHand reports whether there is a link that people get into.
func (n Next) AtHand() bool { return n.Standby > 0 || n.Static }

// Gets says what they get.
func (n Next) Gets() string {
	switch {
	case n.AtHand():
		return "New incidents will get " + n.list() + "."
	case n.Blocked:
		return "The next bridge can’t start."
	}
	return "New incidents won’t get a bridge."
}

// Left says what is left for the next one.
func (n Next) Left() string {
	if n.AtHand() {
		return "If Zoom fails again, the next one gets " + n.list() + "."
	}
	return "If Zoom fails again, the next one gets no bridge."
}

func (n Next) list() string {
	if n.Standby == 0 {
		return "a static link"
	}
	said := "a standby meeting (" + strconv.Itoa(n.Standby) + " left)"
	if n.Static {
		said += ", then a static link"
	}
	return said
}

// HostRunsAll says that a host runs as many calls as it may.
func HostRunsAll(host string, calls int) string {
	return host + " runs " + plural(calls, "call", "calls") + ", the most that Zoom allows at the same time."
}

// OpenersHost says whom the host pool doesn't concern.
const OpenersHost = "Openers who are Zoom users can still host."

// StandbyBlocked says how many of the standby meetings that are ready can't start.
func StandbyBlocked(ready, blocked int) string {
	switch {
	case blocked < ready:
		return strconv.Itoa(blocked) + " can’t start now: the host already runs the most calls that Zoom allows."
	case ready == 1:
		return "It can’t start now: its host already runs the most calls that Zoom allows."
	}
	return "None can start now: their hosts already run the most calls that Zoom allows."
}
