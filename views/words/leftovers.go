package words

// Leftover is what became of a left-over meeting; see incident.Leftover.
type Leftover struct {
	Outcome, Kept string
	Reasons       []Reason // what Zoom answered
}

// leftoverWhys says why no incident uses a meeting.
var leftoverWhys = map[string]string{
	"twin":     "Zoom made it, and the bridge has another link.",
	"replaced": "The bridge had it, and has another link now.",
	"unused":   "The incident is resolved, and nobody joined.",
	"standby":  "It was made in advance, and Drawbridge no longer keeps it ready.",
	"unknown":  "It has Drawbridge’s mark, but this installation has no record of it.",
}

// leftoverOutcomes says what became of it.
var leftoverOutcomes = map[string]string{
	"checking": "Drawbridge is checking whether anyone joined it.",
	"deleting": "Drawbridge is deleting it.",
	"deleted":  "Drawbridge deleted it.",
	"kept":     "Drawbridge left it.",
}

// leftoverKept says why it was not deleted, and what a person can do.
var leftoverKept = map[string]Text{
	"running":  {"Left: the call is running.", "Drawbridge checks again within a day."},
	"held":     {"Left: someone joined it, so it may have a recording.", "Delete it in Zoom if nobody needs it."},
	"unsaid":   {"Left: Zoom didn’t say whether anyone joined or recorded it.", "Look in Zoom, and delete it there if nobody needs it."},
	"open":     {"Left while the incident is open.", "Drawbridge checks again once it is resolved."},
	"young":    {"Left for a day, in case it is needed.", "Drawbridge then checks again."},
	"unread":   {"Left: an event about it may be unread.", "Drawbridge checks again within a day."},
	"recorded": {"Left: Zoom has a recording of it.", "Delete it in Zoom if nobody needs it."},
	"foreign":  {"Left: this installation has no record of it.", "Delete it in Zoom if nobody needs it."},
	"changed":  {"Left: someone changed it in Zoom, so it may be in use.", "Delete it in Zoom if nobody needs it."},
	"restored": {"Left: it was deleted, and someone recovered it in Zoom.", "Delete it in Zoom if nobody needs it."},
	"personal": {"Left: it uses a personal meeting ID.", "Delete it in Zoom if nobody needs it."},
	"refused":  {"Left: Zoom didn’t delete it.", "Drawbridge tries again within a day."},
}

// LeftoverWhy says why no incident uses a meeting.
func LeftoverWhy(why string) string {
	if says, ok := leftoverWhys[why]; ok {
		return says
	}
	return code(why)
}

// Says words what became of the meeting, and what to do about it.
func (l Leftover) Says() Text {
	if l.Kept == "" {
		if says, ok := leftoverOutcomes[l.Outcome]; ok {
			return Text{Cause: says}
		}
		return Text{Cause: code(l.Outcome)}
	}
	says, ok := leftoverKept[l.Kept]
	if !ok {
		return Text{Cause: code(l.Kept)}
	}
	why := reasons(l.Reasons, false)
	says.Cause = join(says.Cause, why.Cause)
	if why.Fix != "" {
		says.Fix = why.Fix
	}
	return says
}
