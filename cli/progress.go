package cli

import (
	"fmt"
	"io"
	"time"
)

// progress shows how far a long command is. On a terminal it updates one line,
// elsewhere it writes a line from time to time.
type progress struct {
	w        io.Writer
	unit     string
	terminal bool

	what  string // what is being counted
	began time.Time
	first int64 // how many were done at that time
	shown time.Time
	open  bool // the current line has no line end yet
}

func newProgress(w io.Writer, unit string) *progress {
	return &progress{w: w, unit: unit, terminal: isTerminal(w)}
}

func (p *progress) step(what string, done, total int64) {
	now := time.Now()
	if what != p.what {
		p.end()
		p.what, p.began, p.first, p.shown = what, now, done, now
	}
	every := 10 * time.Second
	if p.terminal {
		every = 200 * time.Millisecond
	}
	if now.Sub(p.shown) < every {
		return
	}
	p.shown = now
	text := fmt.Sprintf("%s: %d of %d %s", what, done, total, p.unit)
	if spent := now.Sub(p.began); done > p.first && spent > time.Second {
		rate := float64(done-p.first) / spent.Seconds()
		left := time.Duration(float64(max(total-done, 0)) / rate * float64(time.Second))
		text += fmt.Sprintf(", %.0f a second, %s left", rate, left.Round(time.Second))
	}
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[K%s", text)
		p.open = true
	} else {
		fmt.Fprintln(p.w, text)
	}
}

// end clears the line.
func (p *progress) end() {
	if p.open {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.open = false
	}
}
