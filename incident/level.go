package incident

// Level is the severity of a finding. The levels are stored.
type Level string

const (
	LevelOK      Level = "ok"      // checked and fine
	LevelNote    Level = "note"    // nothing needs to be done
	LevelWarning Level = "warning" // someone should look at it
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

// Fine reports whether nobody needs to do anything.
func (l Level) Fine() bool { return l == LevelOK || l == LevelNote }

// WorstLevel returns the worst level of the findings, or "" if there are none. A
// note counts as ok.
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
