package incident

// Level says how grave a finding is. The levels are stored.
type Level string

const (
	LevelOK      Level = "ok"      // checked, and fine
	LevelNote    Level = "note"    // may be left as it is
	LevelWarning Level = "warning" // somebody should look at it
	LevelBad     Level = "bad"     // something does not work
)

func (l Level) rank() int {
	switch l {
	case LevelOK:
		return 1
	case LevelNote:
		return 2
	case LevelWarning:
		return 3
	case LevelBad:
		return 4
	}
	return 0
}

// Fine reports whether nobody has to look at it.
func (l Level) Fine() bool { return l == LevelOK || l == LevelNote }

// WorstLevel is the gravest level of findings, a note counting as ok; "" for none.
func WorstLevel(findings []Finding) (worst Level) {
	for _, f := range findings {
		level := f.Level
		if level == LevelNote {
			level = LevelOK
		}
		if level.rank() > worst.rank() {
			worst = level
		}
	}
	return worst
}
