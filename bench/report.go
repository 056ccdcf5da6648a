package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// table is a Markdown table that is also readable on a terminal.
type table struct {
	title string
	left  int        // number of text columns; the others are numbers, aligned right
	rows  [][]string // the first is the heading
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) String() string {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	if t.title != "" {
		b.WriteString("### " + t.title + "\n\n")
	}
	for n, row := range t.rows {
		b.WriteString("|")
		for i, c := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if i < t.left {
				b.WriteString(" " + c + pad + " |")
			} else {
				b.WriteString(" " + pad + c + " |")
			}
		}
		b.WriteString("\n")
		if n == 0 {
			for i, w := range widths {
				if i == 0 {
					b.WriteString("|" + strings.Repeat("-", w+2) + "|")
				} else {
					b.WriteString(strings.Repeat("-", w+1) + ":|")
				}
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// goal is one line of the table of goals.
type goal struct {
	number        int
	text          string
	value         float64
	show          func(float64) string
	gate, stretch float64
	below         bool // lower is better
}

// reached says which of the two limits the value meets.
func (g goal) reached() string {
	beyond := func(line float64) bool {
		if g.below {
			return g.value <= line
		}
		return g.value >= line
	}
	switch {
	case beyond(g.stretch) && beyond(g.gate):
		return "goal"
	case beyond(g.gate):
		return "gate"
	}
	return "ALARM"
}

func goalTable(goals []goal) *table {
	slices.SortStableFunc(goals, func(a, b goal) int { return a.number - b.number })
	t := &table{title: "Goals", left: 2}
	t.add("no.", "what", "measured", "gate", "goal", "reached")
	for _, g := range goals {
		sign := "≥ "
		if g.below {
			sign = "≤ "
		}
		t.add(strconv.Itoa(g.number), g.text, g.show(g.value), sign+g.show(g.gate), sign+g.show(g.stretch), g.reached())
	}
	return t
}

func times(v float64) string    { return strconv.FormatFloat(v, 'f', 1, 64) + "×" }
func share(v float64) string    { return strconv.FormatFloat(v, 'f', 2, 64) }
func whole(v float64) string    { return thousands(int64(v + 0.5)) }
func inMillis(v float64) string { return millis(time.Duration(v*float64(time.Millisecond))) + " ms" }
func inMicros(v float64) string { return fmt.Sprintf("%.0f µs", v) }
func inMiB(v float64) string    { return strconv.FormatFloat(v, 'f', 0, 64) + " MiB" }

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// millis is a duration in milliseconds with two or three significant digits.
func millis(d time.Duration) string {
	ms := d.Seconds() * 1000
	switch {
	case ms < 1:
		return strconv.FormatFloat(ms, 'f', 2, 64)
	case ms < 20:
		return strconv.FormatFloat(ms, 'f', 1, 64)
	}
	return thousands(int64(ms + 0.5))
}

func mebi(n int64) string { return strconv.FormatFloat(float64(n)/(1<<20), 'f', 0, 64) }

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// writeSection replaces the text between the markers of a section.
func writeSection(file, section, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	begin, end := "<!-- bench "+section+": begin -->", "<!-- bench "+section+": end -->"
	between := regexp.MustCompile("(?s)" + regexp.QuoteMeta(begin) + ".*" + regexp.QuoteMeta(end))
	if !between.Match(old) {
		return fmt.Errorf("%s has no markers for section %s", file, section)
	}
	written := between.ReplaceAllLiteral(old, []byte(begin+"\n\n"+strings.TrimSpace(text)+"\n\n"+end))
	if bytes.Equal(old, written) {
		return nil
	}
	return os.WriteFile(file, written, 0o644)
}
