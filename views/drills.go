package views

import (
	"slices"
	"strings"
)

// DrillsPage is GET /drills. Live topic: drills.
//
// POST /drills starts a drill and takes key, so that one form starts one drill, and runbook. POST /drills/schedule takes
// schedule and hour.
type DrillsPage struct {
	Frame    Frame
	CanRun   bool // admins
	Key      string
	Runbooks []Choice // those that a drill can use; the default first
	Problem  string   // why nothing was done
	Errors   map[string]string

	Schedules, Hours []Choice
	Planned          []Choice // the runbooks of the schedule: "" is the default one
	Schedule         string   // "Every day at 06:00 UTC", "Never"
	Next             When     // of the next drill that starts by itself

	Chart DrillChart
	Says  string // sums up the chart
	Rows  []DrillRow
	More  int // older drills that are not listed
}

// DrillRow is one drill.
type DrillRow struct {
	At          When
	By          string // "schedule", or who pressed the button
	RunbookName string
	Key, Href   string // of the incident; empty until there is one
	Result      string // "Passed"
	Level       Level  // of the result
	Now         string // what it does now; empty if it is over
	Stages      []DrillStage
}

func (r DrillRow) mark() string {
	if r.Now != "" {
		return "running"
	}
	return string(r.Level.judged())
}

// DrillStage is one stage that is over.
type DrillStage struct {
	Level              Level
	Subject, Text, Fix string
}

// DrillChart shows how long each drill took to its link. Marks are by result: passed, with a warning, failed.
type DrillChart struct {
	Title    string
	From, To string // the first and the last day
	Limit    float64
	Points   []DrillPoint
}

// DrillPoint is one drill of the chart.
type DrillPoint struct {
	Label   string  // when it was
	At      float64 // 0 is the start of the chart, 1 its end
	Seconds float64 // to the link
	Linked  bool    // there was a link
	Level   Level
	Result  string
	Took    string // "0.8 s", "no link"
}

const drillWidth, drillHeight, drillEdge = 720.0, 150.0, 12.0

// drillLevels are the series of the chart, with their names.
var drillLevels = []struct {
	level Level
	name  string
}{{LevelOK, "passed"}, {LevelWarning, "passed with a warning"}, {LevelBad, "failed"}}

// series is the level of the series that a result belongs to.
func (p DrillPoint) series() Level {
	switch p.Level {
	case LevelOK, LevelNote:
		return LevelOK
	case LevelBad:
		return LevelBad
	default:
		return LevelWarning
	}
}

func (c DrillChart) count(l Level) (n int) {
	for _, p := range c.Points {
		if p.series() == l {
			n++
		}
	}
	return n
}

// y is the height of a time, from the top. The limit is always inside.
func (c DrillChart) y(seconds float64) float64 {
	most := c.Limit * 1.25
	for _, p := range c.Points {
		most = max(most, p.Seconds)
	}
	return drillHeight - drillEdge - (drillHeight-2*drillEdge)*seconds/most
}

// path draws the marks of a level. A drill without a link is at the top.
func (c DrillChart) path(l Level) string {
	var path strings.Builder
	for _, p := range c.Points {
		if p.series() != l {
			continue
		}
		y := drillEdge
		if p.Linked {
			y = c.y(p.Seconds)
		}
		path.WriteString(drillMark(l, drillEdge+(drillWidth-2*drillEdge)*min(max(p.At, 0), 1), y))
	}
	return path.String()
}

// drillMark is a circle, a triangle or a cross around a point.
func drillMark(l Level, x, y float64) string {
	switch l {
	case LevelOK:
		return "M" + num(x-5) + " " + num(y) + "a5 5 0 1 0 10 0a5 5 0 1 0-10 0z"
	case LevelWarning:
		return "M" + num(x) + " " + num(y-7) + "l7 12h-14z"
	default:
		return "M" + num(x-7) + " " + num(y-4.5) + "l2.5-2.5l4.5 4.5l4.5-4.5l2.5 2.5l-4.5 4.5l4.5 4.5l-2.5 2.5l-4.5-4.5l-4.5 4.5l-2.5-2.5l4.5-4.5z"
	}
}

// newestFirst are the points as the table lists them.
func (c DrillChart) newestFirst() []DrillPoint {
	points := slices.Clone(c.Points)
	slices.Reverse(points)
	return points
}
