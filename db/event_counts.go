package db

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// The widths of event_counts.
const (
	minuteWidth = int64(time.Minute / time.Millisecond)
	hourWidth   = int64(time.Hour / time.Millisecond)
)

// keepMinutes is how long counts by the minute are kept. Counts by the hour
// stay as long as their events.
const keepMinutes = 8 * 24 * time.Hour

// eventCount is the key of a row of event_counts.
type eventCount struct {
	width, start int64
	event        string
}

// eventCounts collects what to add to event_counts.
type eventCounts map[eventCount]int64

// add counts an event by the time of its arrival, which its id contains.
func (c *eventCounts) add(id int64, event string) {
	if *c == nil {
		*c = eventCounts{}
	}
	at := id >> eventIDShift
	for _, width := range []int64{minuteWidth, hourWidth} {
		(*c)[eventCount{width, at - at%width, event}]++
	}
}

// write adds the counts in a fixed order, so that two servers cannot deadlock.
func (c eventCounts) write(ctx context.Context, tx queryer) error {
	rows := make([]eventCount, 0, len(c))
	for k := range c {
		rows = append(rows, k)
	}
	slices.SortFunc(rows, func(a, b eventCount) int {
		return cmp.Or(cmp.Compare(a.width, b.width), cmp.Compare(a.start, b.start), cmp.Compare(a.event, b.event))
	})
	for _, k := range rows {
		err := exec(ctx, tx, `
			INSERT INTO event_counts (width, start, event, count) VALUES ($1, $2, $3, $4)
			ON CONFLICT (width, start, event) DO UPDATE SET count = event_counts.count + excluded.count`,
			k.width, k.start, k.event, c[k])
		if err != nil {
			return err
		}
	}
	return nil
}

// CountEvents returns how many events arrived since a time, rounded down to a
// full minute, or to a full hour if the time is more than eight days ago. An
// event that is being read again counts twice for the moment.
func (s *Store) CountEvents(ctx context.Context, since time.Time) (int64, error) {
	width := minuteWidth
	if s.now().Sub(since) > keepMinutes {
		width = hourWidth
	}
	start := since.UnixMilli()
	start -= start % width
	return one(ctx, s.r, "event", scalar[int64], `
		SELECT (SELECT COALESCE(SUM(count), 0) FROM event_counts WHERE width = $1 AND start >= $2)
			+ (SELECT COUNT(*) FROM events WHERE state = 'new' AND id >= $3)`,
		width, start, start<<eventIDShift)
}

// EventTotal returns approximately how many events the log contains.
func (s *Store) EventTotal(ctx context.Context) (int64, error) {
	return s.CountEvents(ctx, time.UnixMilli(0))
}

// HistogramBucket is how many events of each family arrived in a bucket that
// starts at Start.
type HistogramBucket struct {
	Start    time.Time
	ByFamily map[string]int64
}

// Histogram shows when the events of a filter arrived. Buckets are Width long
// and sorted, oldest first. Buckets without events are left out.
type Histogram struct {
	From    time.Time // the start of the first bucket
	Width   time.Duration
	Buckets []HistogramBucket
	// CountedFrom is set if there were too many events to count. Buckets then
	// contain only events that arrived from that time on.
	CountedFrom time.Time
}

// Total returns how many events are in all buckets.
func (h Histogram) Total() (n int64) {
	for _, b := range h.Buckets {
		for _, count := range b.ByFamily {
			n += count
		}
	}
	return n
}

// histogramWidths are the widths that people can read easily on an axis.
var histogramWidths = []time.Duration{
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 2 * 24 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour, 364 * 24 * time.Hour,
}

// histogramMatches is how many events of a filter EventHistogram looks at if it
// has to look at each one.
const histogramMatches = 2_000

// histogramWidth returns the smallest width that needs at most this number of
// buckets.
func histogramWidth(from, to time.Time, buckets int, smallest time.Duration) time.Duration {
	for _, w := range histogramWidths {
		if w >= smallest && to.Sub(from) <= w*time.Duration(max(buckets-1, 1)) {
			return w
		}
	}
	return histogramWidths[len(histogramWidths)-1]
}

// EventHistogram counts the events of a filter that arrived at from ≤ t < to,
// in at most this number of buckets. It ignores f's After and Before.
func (s *Store) EventHistogram(ctx context.Context, f EventFilter, from, to time.Time, buckets int) (Histogram, error) {
	f.After, f.Before = time.Time{}, time.Time{}
	smallest := time.Minute
	if s.now().Sub(from) >= keepMinutes {
		smallest = time.Hour
	}
	width := histogramWidth(from, to, buckets, smallest)
	h := Histogram{From: from.Truncate(width), Width: width}
	types, found, err := s.eventTypes(ctx, f.Events)
	if err != nil || !found {
		return h, err
	}
	f.Events = nil
	if f.IsZero() {
		counted := minuteWidth
		if width >= time.Hour {
			counted = hourWidth
		}
		h.Buckets, err = s.countBuckets(ctx, counted, width, h.From, to, types)
		return h, err
	}
	f.Events, f.After, f.Before = types, h.From, to
	matches, more, err := s.eventMatches(ctx, f, histogramMatches)
	if more != 0 {
		h.CountedFrom = EventArrival(more)
	}
	h.fill(matches)
	return h, err
}

// HistogramOf is EventHistogram for events that the caller has.
func HistogramOf(events []incident.Event, from, to time.Time, buckets int) Histogram {
	width := histogramWidth(from, to, buckets, time.Minute)
	h := Histogram{From: from.Truncate(width), Width: width}
	var matches []eventMatch
	for _, e := range events {
		if at := EventArrival(e.ID); !at.Before(h.From) && at.Before(to) {
			matches = append(matches, eventMatch{e.ID, e.Event})
		}
	}
	h.fill(matches)
	return h
}

func (h *Histogram) fill(matches []eventMatch) {
	byStart := map[int64]map[string]int64{}
	for _, m := range matches {
		start := EventArrival(m.id).Truncate(h.Width).UnixMilli()
		if byStart[start] == nil {
			byStart[start] = map[string]int64{}
		}
		byStart[start][incident.EventFamily(m.event)]++
	}
	for start, families := range byStart {
		h.Buckets = append(h.Buckets, HistogramBucket{time.UnixMilli(start).UTC(), families})
	}
	slices.SortFunc(h.Buckets, func(a, b HistogramBucket) int { return a.Start.Compare(b.Start) })
}

// countBuckets sums the rows of event_counts that have one width into buckets
// of another width, by family, oldest first. A zero to is no limit, and no
// types means all.
func (s *Store) countBuckets(ctx context.Context, counted int64, width time.Duration, from, to time.Time, types []string) ([]HistogramBucket, error) {
	var w where
	w.add(`width = $?`, counted)
	w.add(`start >= $?`, from)
	if !to.IsZero() {
		w.add(`start < $?`, to)
	}
	addIn(&w, `event`, types)
	// Truncate counts from the zero time, whose distance from 1970 is not a
	// multiple of a week. So the buckets are made here and not by the database.
	buckets := []HistogramBucket{}
	err := each(ctx, s.r, func(r row) error {
		var at time.Time
		var event string
		var n int64
		if err := r.Scan(timeOf(&at), &event, &n); err != nil {
			return err
		}
		if at = at.Truncate(width); len(buckets) == 0 || !buckets[len(buckets)-1].Start.Equal(at) {
			buckets = append(buckets, HistogramBucket{Start: at, ByFamily: map[string]int64{}})
		}
		buckets[len(buckets)-1].ByFamily[incident.EventFamily(event)] += n
		return nil
	}, `SELECT start, event, count FROM event_counts`+w.String()+` ORDER BY start`, w.args...)
	return buckets, err
}

// DeleteMinuteCounts deletes counts by the minute that are older than
// keepMinutes. The counts by the hour include them.
func (s *Store) DeleteMinuteCounts(ctx context.Context, now time.Time) (n int64, err error) {
	return s.writeRows(ctx, `DELETE FROM event_counts WHERE width = $1 AND start < $2`, minuteWidth, now.Add(-keepMinutes))
}
