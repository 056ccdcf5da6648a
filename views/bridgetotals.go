package views

import (
	"strconv"
	"strings"
)

// BridgeTotals sums up the bridges in the list. Periods is empty if there are none.
type BridgeTotals struct {
	Bridges  string // "128", "10,000+"
	Wait     string // median time from asking to the link, "1.2 s"; "" if no bridge got a link from Zoom
	BackupOf string // "12 of 128"
	Per      string // "day": the length of a period
	Periods  []BridgePeriod
	Note     string // what the totals leave out
}

// BridgePeriod is one bar of the charts.
type BridgePeriod struct {
	Label           string // "22 Nov 2026"
	Bridges, Backup int
	Wait            float64 // median, in seconds
	WaitSays        string  // the same as "1.2 s"; "" if unknown
}

// says names a chart and its highest bar.
func (t BridgeTotals) says(what string, value func(BridgePeriod) (float64, string)) string {
	high, text := 0.0, ""
	for _, p := range t.Periods {
		if n, says := value(p); n > high {
			high, text = n, ", at most "+says+" ("+p.Label+")"
		}
	}
	return what + " per " + t.Per + text
}

func perBridges(p BridgePeriod) (float64, string) { return float64(p.Bridges), Count(p.Bridges) }
func perBackup(p BridgePeriod) (float64, string)  { return float64(p.Backup), Count(p.Backup) }
func perWait(p BridgePeriod) (float64, string)    { return p.Wait, p.WaitSays }

// barsHeight is the height of the charts. A bar has 8 units, and 2 units are between bars. There is room for fewBars at
// least, so that two bars aren't as wide as a table; the newest is at the right.
const barsHeight, fewBars = 40, 24

func (t BridgeTotals) box() string {
	return "0 0 " + strconv.Itoa(10*max(fewBars, len(t.Periods))) + " " + strconv.Itoa(barsHeight)
}

// path draws all bars. A value above 0 is at least 2 high, so that it can be seen.
func (t BridgeTotals) path(value func(BridgePeriod) (float64, string)) string {
	high := 0.0
	for _, p := range t.Periods {
		n, _ := value(p)
		high = max(high, n)
	}
	var b strings.Builder
	left := 10*max(0, fewBars-len(t.Periods)) + 1
	for i, p := range t.Periods {
		if n, _ := value(p); n > 0 {
			b.WriteString("M" + strconv.Itoa(left+10*i) + " " + strconv.Itoa(barsHeight) + "v-" + strconv.Itoa(max(2, int(barsHeight*n/high))) + "h8V" + strconv.Itoa(barsHeight))
		}
	}
	return b.String()
}
