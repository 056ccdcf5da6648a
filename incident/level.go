package incident

// Level is the severity of a finding. The levels are stored.
type Level string

const (
	LevelOK      Level = "ok"      // checked and fine
	LevelNote    Level = "note"    // nothing needs to be done
	LevelWarning Level = "warning" // someone should look at it
	LevelBad     Level = "bad"     // something does not work
	LevelUnknown Level = "unknown" // Zoom did not say
)

// Fine reports whether nobody needs to do anything.
func (l Level) Fine() bool { return l == LevelOK || l == LevelNote }

// grave orders the levels. A note counts as ok.
var grave = map[Level]int{LevelOK: 1, LevelNote: 1, LevelUnknown: 2, LevelWarning: 3, LevelBad: 4}

// Compare returns a positive number if l is worse than other, a negative one if it is
// better, and 0 if neither is.
func (l Level) Compare(other Level) int { return grave[l] - grave[other] }

// WorstLevel returns the worst level of the findings, or "" if there are none. A
// note counts as ok.
func WorstLevel(findings []Finding) (worst Level) {
	for _, f := range findings {
		if grave[f.Level] > grave[worst] {
			worst = f.Level
		}
	}
	if worst == LevelNote {
		return LevelOK
	}
	return worst
}
