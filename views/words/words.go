// Package words puts what happened into words: every text that is read later than
// it happened, for pages, API and command line, one file a subject. What it is given
// are codes and data; the codes are those of packages incident and zoom, which it must
// not know.
//
// A code without words is shown as itself: nothing that happened is hidden because
// somebody forgot to word it. A test of package handlers finds such codes.
package words

import (
	"fmt"
	"strings"
	"time"
)

// Text is what happened and what to do about it. Fix is "" when there is nothing to do.
type Text struct{ Cause, Fix string }

// Key is how people name incident n: "INC-42".
func Key(n int64) string { return fmt.Sprintf("INC-%d", n) }

// code is the text of a code that has no words.
func code(c string) string { return strings.ReplaceAll(c, "_", " ") }

// sentence ends a text that somebody else wrote with a period, if it has no end.
func sentence(s string) string {
	if s = strings.TrimSpace(s); s == "" || strings.ContainsAny(s[len(s)-1:], ".!?") || strings.HasSuffix(s, "…") {
		return s
	}
	return s + "."
}

// join puts sentences one after the other; empty ones are left out.
func join(sentences ...string) string {
	var all []string
	for _, s := range sentences {
		if s != "" {
			all = append(all, s)
		}
	}
	return strings.Join(all, " ")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// span writes a length of time for a sentence: "45 s", "4 min", "26 hours", "3 days".
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(1, int(d.Round(time.Second)/time.Second)))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute)/time.Minute))
	case d < 96*time.Hour:
		return plural(int(d.Round(time.Hour)/time.Hour), "hour", "hours")
	}
	return plural(int(d.Round(24*time.Hour)/(24*time.Hour)), "day", "days")
}
