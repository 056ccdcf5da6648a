// Package words puts into words what happened: every text that is read later than
// it happened, on pages, in the API and on the command line, one file per subject. It
// takes codes and data. The codes are those of packages incident and zoom, which it must
// not know.
//
// A code without words is shown as it is, so that nothing is hidden because
// someone forgot to word it. A test in package handlers finds such codes.
package words

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Text is what happened and what to do about it. Fix is "" if there is nothing to do.
type Text struct{ Cause, Fix string }

// Key is how people name incident n: "INC-42".
func Key(n int64) string { return fmt.Sprintf("INC-%d", n) }

// code is the text for a code without words.
func code(c string) string { return strings.ReplaceAll(c, "_", " ") }

// sentence adds a period to a text that someone else wrote, unless it ends with punctuation.
func sentence(s string) string {
	if s = strings.TrimSpace(s); s == "" || strings.ContainsAny(s[len(s)-1:], ".!?") || strings.HasSuffix(s, "…") {
		return s
	}
	return s + "."
}

// join joins the sentences that aren't empty.
func join(sentences ...string) string {
	var all []string
	for _, s := range sentences {
		if s != "" {
			all = append(all, s)
		}
	}
	return strings.Join(all, " ")
}

// Bridge names the nth bridge of an incident.
func Bridge(n int, about string) string {
	name := "Bridge " + strconv.Itoa(n)
	if about = strings.TrimSpace(about); about != "" {
		name += " (" + about + ")"
	}
	return name
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// span writes a duration for a sentence: "45 s", "4 min", "26 hours", "3 days".
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
