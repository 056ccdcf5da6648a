// Package views turns plain structs into pages. What a page shows is declared next to the
// component that shows it, as strings, numbers and booleans, so that no secret and no row
// of the database can reach a page. It must not know databases, Zoom or HTTP.
//
// Every component follows these rules, which the Content-Security-Policy and the tests enforce:
// no style=, no inline script, no on… attribute, no hx-… attribute whose value is data, no
// templ.Raw; text from outside goes through Text.
package views

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/drawbridge-hq/drawbridge/views/words"
)

// Frame is what every page shows around its content.
type Frame struct {
	Title   string // "INC-42 · db down"; the product's name is added
	Section string // the current entry of the sidebar: overview, incidents, bridges, runbooks, events, account, settings
	User    *Person

	LiveBridges     int // count next to Bridges; 0 shows none
	RefusedLastHour int // rejected webhook requests of the last hour, next to Events; 0 shows none

	Banner  *Banner // the worst current problem; nil for none
	Flash   *Flash  // the result of the person's last action, shown once
	Demo    bool    // shows a strip with a link to the simulator
	Version string
	Now     string // the time of the demo, which people can move, for relative times; "": that of the browser
	Theme   string // cookie "theme": "", "light" or "dark"
}

// Person is the user who is logged in. Role is admin, responder or viewer.
type Person struct{ Name, Email, Role string }

// CanAdmin reports whether the person may change the configuration.
func (p *Person) CanAdmin() bool { return p != nil && p.Role == "admin" }

// Banner says what is wrong with Drawbridge right now. Href may be empty.
type Banner struct {
	Level                Level
	Text, LinkText, Href string
	// NoMeetings says that it is about why hosts get no meetings, which a page may say itself.
	NoMeetings bool
}

// Flash is one sentence about the last action.
type Flash struct {
	Level Level
	Text  string
}

// When is one moment, written in the viewer's zone by NewWhen.
type When struct {
	ISO   string // 2026-11-22T02:14:07Z
	Ago   string // "2 min ago"
	For   string // "36 s", "2 min": how long it has lasted since
	Exact string // "22 Nov 2026, 03:14:07 CET"
	Clock string // "03:14:07", for dense lists
	UTC   string // "22 Nov 2026, 02:14:07 UTC"
}

// NewWhen writes t for a viewer in loc, relative to now. The zero time becomes the zero When, which shows as a dash.
func NewWhen(t, now time.Time, loc *time.Location) When {
	if t.IsZero() {
		return When{}
	}
	const exact = "2 Jan 2006, 15:04:05 MST"
	return When{
		ISO:   t.UTC().Format("2006-01-02T15:04:05Z"),
		Ago:   Ago(now.Sub(t)),
		For:   lasting(now.Sub(t)),
		Exact: t.In(loc).Format(exact),
		Clock: t.In(loc).Format("15:04:05"),
		UTC:   t.UTC().Format(exact),
	}
}

// title is the whole time in the viewer's zone and in UTC, where it differs, without the date if it is the same.
func (w When) title() string {
	date, clock, _ := strings.Cut(w.UTC, ", ")
	switch {
	case w.Exact == w.UTC:
		return w.UTC
	case strings.HasPrefix(w.Exact, date+", "):
		return w.Exact + "\n" + clock
	}
	return w.Exact + "\n" + w.UTC
}

// Ago says how long ago something was, or for a negative d, how long until it happens.
// static/app.js updates these texts in the browser and must use the same words.
func Ago(d time.Duration) string {
	switch {
	case d <= -45*time.Second:
		return "in " + span(-d, 0.5)
	case d < 0:
		return "now"
	case d < time.Minute:
		return "just now"
	}
	return span(d, 0) + " ago"
}

// lasting says how long something has lasted so far.
func lasting(d time.Duration) string {
	if d < time.Minute {
		return strconv.Itoa(max(1, int(d/time.Second))) + " s"
	}
	return span(d, 0)
}

// span is d in the largest unit that fits. What has passed never counts more than it was, as in Length:
// plus is 0 for it, and 0.5 for what is to come.
func span(d time.Duration, plus float64) string {
	in := func(unit time.Duration) int { return int(float64(d)/float64(unit) + plus) }
	switch {
	case d < 90*time.Minute:
		return strconv.Itoa(max(1, in(time.Minute))) + " min"
	case d < 36*time.Hour:
		return strconv.Itoa(in(time.Hour)) + " h"
	}
	return Plural(in(24*time.Hour), "day", "days")
}

// Length writes a duration: "under 0.1 s", "0.8 s", "42 s", "14 min", "2 h 05 min", "12 days".
func Length(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return words.Seconds(d)
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d >= 72*time.Hour:
		return Plural(int(d.Hours())/24, "day", "days")
	}
	return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
}

// Count writes n with a comma between thousands: "1,204".
func Count(n int) string {
	if n < 0 {
		return "-" + Count(-n)
	}
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Bytes writes a size: "512 bytes", "3.3 MB".
func Bytes(n int64) string {
	if n < 1000 {
		return Plural(int(n), "byte", "bytes")
	}
	size := float64(n) / 1000
	for _, unit := range []string{"kB", "MB", "GB", "TB"} {
		switch {
		case size < 99.95:
			return fmt.Sprintf("%.1f %s", size, unit)
		case size < 999.5:
			return fmt.Sprintf("%.0f %s", size, unit)
		}
		size /= 1000
	}
	return fmt.Sprintf("%.1f PB", size)
}

// Plural writes "1 bridge" or "2 bridges".
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// Visible shows characters that would hide or reorder text (controls, bidi overrides,
// zero-width spaces) as escapes, and keeps at most four combining marks in a row. Line
// feeds and tabs stay, and so does the joiner that emoji are made with.
func Visible(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) { // most texts
		return s
	}
	var b strings.Builder
	marks := 0
	for _, r := range s {
		if !unicode.In(r, unicode.Mn, unicode.Me) {
			marks = 0
		} else if marks++; marks > 4 {
			continue
		}
		switch {
		case !hides(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func hides(r rune) bool {
	switch r {
	case '\n', '\t', '\u200d':
		return false
	case '\u2028', '\u2029', '\ufffc':
		return true
	}
	return unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Variation_Selector, r)
}
