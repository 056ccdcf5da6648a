// Package severity ranks the severities of incidents by the names that teams and monitoring
// tools use. It must know nothing of incidents.
package severity

import (
	"strconv"
	"strings"
)

// Level is how severe a severity is: 1 is the most severe, 4 the least, and 0 means that
// the name has no rank.
func Level(name string) int {
	s := strings.ToLower(strings.TrimSpace(name))
	switch s {
	case "critical", "blocker", "disaster":
		return 1
	case "high", "major", "error":
		return 2
	case "medium", "moderate", "minor", "warning", "average":
		return 3
	case "low", "info", "informational", "cosmetic":
		return 4
	}
	if n, err := strconv.Atoi(strings.TrimLeft(s, "sevpriotyl -_")); err == nil && n <= 5 {
		return min(max(n, 1), 4)
	}
	return 0
}

// Compare orders severities for lists: the most severe comes first, and names without a
// rank come last.
func Compare(a, b string) int { return place(a) - place(b) }

func place(name string) int {
	if level := Level(name); level > 0 {
		return level
	}
	return 5
}
