package handlers

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/views"
)

// chartBars is the largest number of bars of a chart. A day is drawn by the hour, because
// there are sixty times as many counts by the minute to read for every page.
func chartBars(span time.Duration) int {
	if span > 3*time.Hour && span <= 25*time.Hour {
		return 30
	}
	return 64
}

// eventFamilies are the series of the chart, in the order of their colors.
var eventFamilies = []string{"meeting", "participant", "recording", "other"}

// eventChart draws when the events of a filter arrived. Each bar links to the list
// of its time.
func (s *Site) eventChart(c echo.Context, q eventQuery, l eventList, v views.EventFilter) (views.Chart, error) {
	ctx := c.Request().Context()
	if q.from.IsZero() {
		var err error
		if q.from, err = s.firstEvent(ctx); err != nil {
			return views.Chart{}, err
		}
	}
	h, err := s.histogram(ctx, q, l)
	if err != nil {
		return views.Chart{}, err
	}
	chart := views.Chart{Title: "Events per " + widthWords(h.Width) + ", " + s.chartSpan(c, q, v), Unit: "events"}
	for _, f := range eventFamilies {
		chart.Series = append(chart.Series, views.Series{Name: f})
	}
	counts := map[int64]map[string]int64{}
	for _, b := range h.Buckets {
		counts[b.Start.UnixMilli()] = b.ByFamily
	}
	zone := Zone(c)
	label := barLabel(h.Width, q.to.Sub(h.From))
	tick := tickEvery(q.to.Sub(h.From))
	href := eventsHref(c, "range", "", "after", "", "before", "")
	if strings.Contains(href, "?") {
		href += "&"
	} else {
		href += "?"
	}
	for at := h.From; at.Before(q.to) && len(chart.Bars) < 400; at = at.Add(h.Width) {
		end := at.Add(h.Width)
		local := at.In(zone)
		bar := views.Bar{
			Label: label(local, end.In(zone)), Parts: make([]int, len(eventFamilies)), Tick: tickAt(local, h.Width, tick),
			Href:      href + "after=" + url.QueryEscape(local.Format(inputTime)) + "&before=" + url.QueryEscape(end.In(zone).Format(inputTime)),
			Uncounted: !h.CountedFrom.IsZero() && at.Before(h.CountedFrom.Truncate(h.Width)),
		}
		for family, n := range counts[at.UnixMilli()] {
			i := seriesOf(family)
			bar.Parts[i] += int(n)
			chart.Series[i].Total += int(n)
		}
		chart.Bars = append(chart.Bars, bar)
	}
	if !h.CountedFrom.IsZero() {
		chart.Note = "Too many events to draw at once. Counted back to " + s.When(c, h.CountedFrom).Exact + "."
	}
	return chart, nil
}

// histogram counts the events of the chart, from the list if it has all of them.
func (s *Site) histogram(ctx context.Context, q eventQuery, l eventList) (db.Histogram, error) {
	bars := chartBars(q.to.Sub(q.from))
	if l.whole() {
		return db.HistogramOf(l.rows, q.from, q.to, bars), nil
	}
	load := func(ctx context.Context) (db.Histogram, error) {
		return s.Store.EventHistogram(ctx, q.filter, q.from, q.to, bars)
	}
	if q.filter.IsZero() && q.lastDay {
		return s.lastDay.get(ctx, s.Now(), summaryAge, load, func(h db.Histogram) bool { return h.Total() > manyEvents })
	}
	return load(ctx)
}

// firstEvent is when the oldest event arrived, or a day ago if there is none.
func (s *Site) firstEvent(ctx context.Context) (time.Time, error) {
	oldest, err := s.Store.EventRowsAfter(ctx, db.EventFilter{}, "0", 1)
	if err != nil || len(oldest.Items) == 0 {
		return s.Now().Add(-24 * time.Hour), err
	}
	return oldest.Items[0].ReceivedAt, nil
}

func seriesOf(family string) int {
	if i := slices.Index(eventFamilies, family); i >= 0 {
		return i
	}
	return len(eventFamilies) - 1
}

// chartSpan words the time span of the chart.
func (s *Site) chartSpan(c echo.Context, q eventQuery, v views.EventFilter) string {
	for _, r := range eventRanges {
		if r.name == v.Range {
			return r.words
		}
	}
	if words := s.spanWords(c, q.filter, &v); words != "" {
		return words
	}
	if q.around != 0 {
		return "half a day before and after"
	}
	return "last 24 hours"
}

// widthWords words the time span of a bar: "hour", "30 minutes".
func widthWords(d time.Duration) string {
	const day, week = 24 * time.Hour, 7 * 24 * time.Hour
	for _, unit := range []struct {
		length time.Duration
		one    string
	}{{week, "week"}, {day, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= unit.length && d%unit.length == 0 {
			if n := int(d / unit.length); n > 1 {
				return strconv.Itoa(n) + " " + unit.one + "s"
			}
			return unit.one
		}
	}
	return d.String()
}

// barLabel returns how to write the time of a bar, as short as the span of the chart allows.
func barLabel(width, span time.Duration) func(from, to time.Time) string {
	switch {
	case width > 24*time.Hour:
		return func(from, to time.Time) string { return from.Format("2 Jan 2006") + " – " + to.Format("2 Jan 2006") }
	case width == 24*time.Hour:
		return func(from, to time.Time) string {
			if from.Hour() == 0 && from.Minute() == 0 {
				return from.Format("2 Jan 2006")
			}
			return from.Format("2 Jan 15:04") + " – " + to.Format("2 Jan 15:04")
		}
	case span <= 25*time.Hour:
		return func(from, to time.Time) string { return from.Format("15:04") + "–" + to.Format("15:04") }
	}
	return func(from, to time.Time) string { return from.Format("2 Jan 15:04") + "–" + to.Format("15:04") }
}

// tickEvery is the distance between the times under the axis.
func tickEvery(span time.Duration) time.Duration {
	const day = 24 * time.Hour
	steps := []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 5 * day, 7 * day, 14 * day, 30 * day, 91 * day, 182 * day}
	for _, step := range steps {
		if span <= 6*step {
			return step
		}
	}
	return 365 * day
}

// tickAt is the label under a bar: the time of the first bar of each step.
func tickAt(local time.Time, width, step time.Duration) string {
	_, offset := local.Zone()
	seconds := local.Unix() + int64(offset)
	every := int64(step / time.Second)
	if seconds/every == (seconds-int64(width/time.Second))/every {
		return ""
	}
	if step >= 24*time.Hour || local.Hour() == 0 && local.Minute() == 0 {
		return local.Format("2 Jan")
	}
	return local.Format("15:04")
}
