package views

// Level says how grave something is: one scale for findings, banners, flashes and alerts.
type Level string

const (
	LevelOK      Level = "ok"
	LevelNote    Level = "note" // may be left as it is; plain information
	LevelWarning Level = "warning"
	LevelBad     Level = "bad"
	LevelUnknown Level = "unknown" // it could not be looked at
)

// known closes the set of levels a message can have.
func (l Level) known() Level {
	switch l {
	case LevelOK, LevelWarning, LevelBad:
		return l
	default:
		return LevelNote
	}
}

// found closes the set of levels a finding can have.
func (l Level) found() Level {
	if l == LevelNote {
		return l
	}
	if l = l.known(); l == LevelNote {
		return LevelUnknown
	}
	return l
}

// judged closes the set of levels a verdict can have: what is not ok asks for a look.
func (l Level) judged() Level {
	if l == LevelOK || l == LevelBad {
		return l
	}
	return LevelWarning
}

// gravest is the worst of levels, ok for none. What could not be looked at is worse than ok.
func gravest(levels []Level) Level {
	worst, grave := LevelOK, map[Level]int{LevelUnknown: 1, LevelWarning: 2, LevelBad: 3}
	for _, l := range levels {
		if grave[l] > grave[worst] {
			worst = l
		}
	}
	return worst
}
