package incident

// Level is the severity of a finding. The levels are stored.
type Level string

const (
	LevelOK      Level = "ok"      // checked and fine
	LevelNote    Level = "note"    // nothing needs to be done
	LevelWarning Level = "warning" // someone should look at it
	LevelBad     Level = "bad"     // something does not work
)

// Fine reports whether nobody needs to do anything.
func (l Level) Fine() bool { return l == LevelOK || l == LevelNote }

// WorstLevel returns the worst level of the findings, or "" if there are none. A
// note counts as ok.
func WorstLevel(findings []Finding) (worst Level) {
	for _, f := range findings {
		switch {
		case f.Level == LevelBad:
			return LevelBad
		case f.Level == LevelWarning:
			worst = LevelWarning
		case worst == "" && f.Level != "":
			worst = LevelOK
		}
	}
	return worst
}
