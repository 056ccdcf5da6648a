package handlers

import (
	"fmt"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/views"
)

// countedBridges is how many bridges the totals count, the newest of those that a filter matches: more would take
// longer to read than the page itself.
const countedBridges = 10_000

// periods are the units of the charts. Each returns the start of the period of t, and of the one after it.
var periods = []struct {
	word, layout string
	start        func(t time.Time) time.Time
	next         func(t time.Time) time.Time
}{
	{"hour", "2 Jan 15:04",
		func(t time.Time) time.Time {
			return t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
		},
		func(t time.Time) time.Time { return t.Add(time.Hour) }},
	{"day", "2 Jan 2006", func(t time.Time) time.Time { return date(t, t.Month(), t.Day()) }, func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
	{"week", "2 Jan 2006", func(t time.Time) time.Time { return date(t, t.Month(), t.Day()-(int(t.Weekday())+6)%7) }, func(t time.Time) time.Time { return t.AddDate(0, 0, 7) }},
	{"month", "Jan 2006", func(t time.Time) time.Time { return date(t, t.Month(), 1) }, func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
	{"quarter", "Jan 2006", func(t time.Time) time.Time { return date(t, t.Month()-(t.Month()-1)%3, 1) }, func(t time.Time) time.Time { return t.AddDate(0, 3, 0) }},
	{"year", "2006", func(t time.Time) time.Time { return date(t, 1, 1) }, func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
}

func date(t time.Time, m time.Month, day int) time.Time {
	return time.Date(t.Year(), m, day, 0, 0, 0, 0, t.Location())
}

// mostPeriods is how many bars fit next to each other.
const mostPeriods = 31

// bridgeTotals sums up the bridges that a filter matches, per hour, day, week and so on, whichever gives a readable
// number of bars. It is empty if there are none. Drills don't count.
func (s *Site) bridgeTotals(c echo.Context, f db.BridgeFilter) (v views.BridgeTotals, err error) {
	f.NoDrills = true
	bridges, more, err := s.Store.BridgeTimes(c.Request().Context(), f, countedBridges)
	if err != nil || len(bridges) == 0 {
		return v, err
	}
	zone, last := Zone(c), s.Now()
	if !f.Before.IsZero() && f.Before.Before(last) {
		last = f.Before.Add(-1)
	}
	first := bridges[len(bridges)-1].CreatedAt
	if !f.After.IsZero() && !more {
		first = f.After
	}
	first, last = first.In(zone), last.In(zone)
	if last.Before(bridges[0].CreatedAt) { // the clock of another server is ahead
		last = bridges[0].CreatedAt.In(zone)
	}
	unit := 0
	var starts []time.Time
	for ; ; unit++ {
		starts = nil
		p := periods[unit]
		for at := p.start(first); !at.After(last) && (len(starts) <= mostPeriods || unit == len(periods)-1); at = p.next(at) {
			starts = append(starts, at)
		}
		if len(starts) <= mostPeriods || unit == len(periods)-1 {
			break
		}
	}
	starts = starts[max(0, len(starts)-mostPeriods):]

	waits := make([][]time.Duration, len(starts))
	v.Periods = make([]views.BridgePeriod, len(starts))
	var all []time.Duration
	backup := 0
	for _, b := range bridges {
		n := len(starts) - 1
		for n > 0 && b.CreatedAt.Before(starts[n]) {
			n--
		}
		v.Periods[n].Bridges++
		if b.UsedBackupUser {
			backup++
			v.Periods[n].Backup++
		}
		if !b.ReadyAt.IsZero() {
			wait := max(0, b.ReadyAt.Sub(b.CreatedAt))
			waits[n], all = append(waits[n], wait), append(all, wait)
		}
	}
	for n, at := range starts {
		v.Periods[n].Label = at.Format(periods[unit].layout)
		v.Periods[n].Wait, v.Periods[n].WaitSays = median(waits[n])
	}
	v.Per, v.Bridges = periods[unit].word, views.Capped(len(bridges), more)
	v.BackupOf = fmt.Sprintf("%s of %s", views.Count(backup), v.Bridges)
	_, v.Wait = median(all)
	if more {
		v.Note = "Counted back to " + s.When(c, bridges[len(bridges)-1].CreatedAt).Exact + "."
	}
	return v, nil
}

// median is the median of durations, in seconds and in words. The words are "" without any.
func median(all []time.Duration) (float64, string) {
	if len(all) == 0 {
		return 0, ""
	}
	slices.Sort(all)
	middle := (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	return middle.Seconds(), views.Length(middle)
}
