package views

import (
	"math"
	"strconv"
	"strings"
)

// Bar is one time span of a chart. Parts are counts in the order of the chart's series.
type Bar struct {
	Label string // "02:00–03:00", for the tooltip and the table
	Tick  string // label under the axis; empty for most bars
	Parts []int
	Href  string // the list of this span; empty for none

	Uncounted bool // the counts aren't known
}

// Series is one family of a chart. Its position decides its color.
type Series struct {
	Name  string
	Total int
}

// Chart is a small stacked bar chart, drawn on the server, with a table for screen readers.
type Chart struct {
	Title  string // for screen readers: "Events per hour, last 24 hours"
	Unit   string // "events"
	Series []Series
	Bars   []Bar
	Note   string // what the counts leave out
}

// Total is the sum of all bars.
func (c Chart) Total() int {
	n := 0
	for _, b := range c.Bars {
		n += b.total()
	}
	return n
}

func (c Chart) max() int {
	m := 1
	for _, b := range c.Bars {
		m = max(m, b.total())
	}
	return m
}

func (b Bar) total() int {
	n := 0
	for _, p := range b.Parts {
		n += p
	}
	return n
}

const chartWidth, chartHeight = 720.0, 112.0

// layer is everything that one series draws, as one path, because a page has many bars.
type layer struct{ class, path string }

// layers stacks the bars from the bottom. A part that isn't 0 is at least 1.5 high, so that one event on a busy day is visible.
func (c Chart) layers() []layer {
	step := chartWidth / float64(len(c.Bars))
	gap := min(3, step*0.2)
	width, highest := num(step-gap), float64(c.max())
	paths := make([]strings.Builder, len(c.Series)+1) // the last is for uncounted bars
	box := func(k int, x, y, h float64) {
		paths[k].WriteString("M" + num(x) + " " + num(y) + "h" + width + "v" + num(h) + "h-" + width + "z")
	}
	for i, b := range c.Bars {
		x, y := float64(i)*step+gap/2, chartHeight
		if b.Uncounted {
			box(len(c.Series), x, 0, y)
			continue
		}
		for k, p := range b.Parts {
			if p > 0 {
				h := max(1.5, (chartHeight-4)*float64(p)/highest)
				y = max(0, y-h)
				box(k, x, y, h)
			}
		}
	}
	var layers []layer
	for k := range paths {
		class := "db-series-" + strconv.Itoa(k+1)
		if k == len(c.Series) {
			class = "db-uncounted"
		}
		if paths[k].Len() > 0 {
			layers = append(layers, layer{class, paths[k].String()})
		}
	}
	return layers
}

// says is the tooltip of one bar.
func (c Chart) says(b Bar) string {
	if b.Uncounted {
		return b.Label + ": not counted"
	}
	return b.Label + ": " + Count(b.total()) + " " + c.Unit
}

// num is a length in the chart, to a tenth.
func num(f float64) string { return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) }
