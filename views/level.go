package views

// Level is how serious something is: one scale for findings, banners, flashes and alerts.
type Level string

const (
	LevelOK      Level = "ok"
	LevelNote    Level = "note" // information; nothing to do
	LevelWarning Level = "warning"
	LevelBad     Level = "bad"
	LevelUnknown Level = "unknown" // it couldn't be checked
)

// Verdict says whether people can get into a bridge.
type Verdict struct {
	Level Level
	State string // the bridge's state, or what keeps people out, for StateMark
	Title string // "" for a bridge without a link
	Help  string // what gets people in: start_as_host, use_another_link, or ""
	Waits bool   // Title is that people wait to get in
}

// held reports whether something keeps people out.
func (v Verdict) held() bool { return v.Level == LevelWarning || v.Level == LevelBad }

// known is l, or LevelNote if a message can't have the level l.
func (l Level) known() Level {
	switch l {
	case LevelOK, LevelWarning, LevelBad:
		return l
	default:
		return LevelNote
	}
}

// found is l, or LevelUnknown if a finding can't have the level l.
func (l Level) found() Level {
	if l == LevelNote || l.known() != LevelNote {
		return l
	}
	return LevelUnknown
}

// judged is l, or LevelWarning if a verdict can't have the level l.
func (l Level) judged() Level {
	if l == LevelOK || l == LevelNote || l == LevelBad {
		return l
	}
	return LevelWarning
}

// grave ranks the levels that need attention.
var grave = map[Level]int{LevelUnknown: 1, LevelWarning: 2, LevelBad: 3}

// gravest is the worst of levels, LevelOK for none. LevelUnknown is worse than LevelOK.
func gravest(levels []Level) Level {
	worst := LevelOK
	for _, l := range levels {
		if grave[l] > grave[worst] {
			worst = l
		}
	}
	return worst
}
