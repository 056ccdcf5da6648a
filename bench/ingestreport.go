package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ingestReport is the section on receiving.
func ingestReport(all []*ingest, p plan, disk []time.Duration, page float64) string {
	of := map[string]*ingest{}
	for _, i := range all {
		of[i.key] = i
	}
	text := []fmt.Stringer{rateTable(all, p), ratioTable(of, p), openTable(all), restTable(all)}
	var b strings.Builder
	for _, t := range text {
		b.WriteString(t.String() + "\n")
	}
	fmt.Fprintf(&b, "Appending and syncing 4 KiB (fdatasync): p50 %s ms, p99 %s ms.\n\n", millis(pick(disk, .5)), millis(pick(disk, .99)))
	b.WriteString(goalTable(append(ingestGoals(of, p, disk),
		goal{17, "CPU time of a page of 50 events", page, inMicros, 150, 150, true})).String())
	return b.String()
}

func pick(sorted []time.Duration, share float64) time.Duration {
	return result{latencies: sorted}.at(share)
}

func rateTable(all []*ingest, p plan) *table {
	t := &table{title: "Receiving: requests answered with 2xx per second", left: 2}
	head := []string{"server", "stored when 200 is sent?"}
	for _, conns := range p.conns {
		head = append(head, fmt.Sprintf("c=%d", conns))
	}
	t.add(append(head, "p50 / p99 / p99.9 / max ms at c=64", "CPU µs per request", "peak MiB")...)
	for _, i := range all {
		row := []string{i.name, i.stored}
		for _, conns := range p.conns {
			row = append(row, whole(each(i.closed[conns], cell.rate)))
		}
		at := i.closed[64]
		t.add(append(row, latencies(at), whole(each(at, func(c cell) float64 { return float64(c.cpu.Nanoseconds()) / 1000 })),
			mebi(each(at, func(c cell) int64 { return c.memory })))...)
	}
	return t
}

func latencies(cells []cell) string {
	var s []string
	for _, share := range []float64{.5, .99, .999, 1} {
		s = append(s, millis(each(cells, func(c cell) time.Duration { return c.at(share) })))
	}
	return strings.Join(s, " / ")
}

// ratio compares two contenders in each round and returns the median. The lowest
// and the highest show how reliable it is.
func ratio(a, b []cell, f func(cell) float64) (mid, low, high float64) {
	var values []float64
	for n := range min(len(a), len(b)) {
		values = append(values, f(a[n])/f(b[n]))
	}
	if len(values) == 0 {
		return 0, 0, 0
	}
	return median(values), slices.Min(values), slices.Max(values)
}

// comparisons lists the ratios to show.
var comparisons = []struct{ a, b, text string }{
	{"sqlite", "verify", "SQLite / verify and discard"},
	{"sqlite", "sample", "SQLite / sample"},
	{"sqlite", "awaiting", "SQLite / sample that awaits INSERT"},
	{"sqlite", "each", "SQLite / one transaction per event"},
	{"postgres", "verify", "PostgreSQL / verify and discard"},
	{"postgres", "sample", "PostgreSQL / sample"},
	{"postgres", "awaiting", "PostgreSQL / sample that awaits INSERT"},
}

func ratioTable(of map[string]*ingest, p plan) *table {
	t := &table{title: "Ratios within a round: median (lowest–highest)", left: 1}
	head := []string{"Drawbridge on … / peer"}
	for _, conns := range p.conns {
		head = append(head, fmt.Sprintf("c=%d", conns))
	}
	t.add(head...)
	for _, c := range comparisons {
		a, b := of[c.a], of[c.b]
		if a == nil || b == nil {
			continue
		}
		row := []string{c.text}
		for _, conns := range p.conns {
			mid, low, high := ratio(a.closed[conns], b.closed[conns], cell.rate)
			row = append(row, fmt.Sprintf("%.2f (%.2f–%.2f)", mid, low, high))
		}
		t.add(row...)
	}
	return t
}

func openTable(all []*ingest) *table {
	t := &table{title: fmt.Sprintf("Open loop: %s requests a second, however long answers take", thousands(openRate)), left: 1}
	t.add("server", "answered/s", "p50 / p99 / p99.9 / max ms", "CPU µs per request")
	for _, i := range all {
		t.add(i.name, whole(each(i.open, cell.rate)), latencies(i.open),
			whole(each(i.open, func(c cell) float64 { return float64(c.cpu.Nanoseconds()) / 1000 })))
	}
	return t
}

func restTable(all []*ingest) *table {
	t := &table{title: "Start, memory, disk, kill -9 under load", left: 1}
	t.add("server", "start to first 200, ms", "idle MiB", "peak MiB while storing", "reading and indexing the rest", "bytes per event (row and two indexes)", "acknowledged and lost")
	for _, i := range all {
		row := []string{i.name, millis(median(i.starts)), mebi(i.idle), "–", "–", "–", "–"}
		if i.fill > 0 {
			row[3] = fmt.Sprintf("%s (%s)", mebi(i.filled.memory), thousands(int64(i.filled.ok)))
			row[4] = fmt.Sprintf("%.1f s", i.settled.Seconds())
			if row[5] = thousands(i.perEvent); i.perRow > 0 {
				row[5] += fmt.Sprintf(" (%s)", thousands(i.perRow))
			}
		}
		if i.acked > 0 {
			row[6] = fmt.Sprintf("%s of %s", thousands(int64(i.lost)), thousands(int64(i.acked)))
		}
		t.add(row...)
	}
	return t
}

// ingestGoals are the goals whose peers were measured.
func ingestGoals(of map[string]*ingest, p plan, disk []time.Duration) []goal {
	var goals []goal
	mid := func(a, b string, conns int) float64 {
		m, _, _ := ratio(of[a].closed[conns], of[b].closed[conns], cell.rate)
		return m
	}
	p99 := func(c cell) float64 { return milliseconds(c.at(.99)) }
	ours := of["sqlite"]
	goals = append(goals, goal{1, "rate / verify and discard, c=64", mid("sqlite", "verify", 64), share, .30, .40, false})
	if of["sample"] != nil {
		gates := map[int][2]float64{64: {4, 5}, 16: {3, 3}, 1: {1.4, 1.4}}
		for _, conns := range []int{64, 16, 1} {
			if slices.Contains(p.conns, conns) {
				goals = append(goals, goal{2, fmt.Sprintf("rate / Zoom’s sample, c=%d", conns), mid("sqlite", "sample", conns), times, gates[conns][0], gates[conns][1], false})
			}
		}
		slower, _, _ := ratio(ours.closed[64], of["sample"].closed[64], p99)
		goals = append(goals,
			goal{3, "rate / sample that awaits INSERT, c=64", mid("sqlite", "awaiting", 64), times, 4, 5, false},
			goal{5, "p99 / Zoom’s sample’s, c=64", slower, share, .5, .33, true})
	}
	goals = append(goals, goal{12, "rate with the search index / without, c=64", mid("sqlite", "wordless", 64), share, .85, .9, false})
	goals = append(goals, goal{4, "rate / one transaction per event, c=64", mid("sqlite", "each", 64), times, 4.5, 4.5, false})
	if slices.Contains(p.conns, 1) {
		alone := each(ours.closed[1], func(c cell) time.Duration { return c.at(.5) })
		goals = append(goals, goal{6, "p50 at c=1 / the disk’s fdatasync p50", alone.Seconds() / pick(disk, .5).Seconds(), times, 2, 1.5, true})
	}
	goals = append(goals,
		goal{7, "SQLite: acknowledged and lost after kill -9", float64(ours.lost), whole, 0, 0, true},
		goal{14, "peak memory storing 100,000 events, c=64", float64(ours.filled.memory) / (1 << 20), inMiB, 48, 32, true},
		goal{15, "start to first durable 200", milliseconds(median(ours.starts)), inMillis, 100, 30, true},
		goal{15, "idle memory", float64(ours.idle) / (1 << 20), inMiB, 32, 20, true},
		goal{16, "disk, row and two indexes / same uncompressed", float64(ours.perRow) / float64(max(1, of["each"].perRow)), share, .6, .45, true})
	if pg := of["postgres"]; pg != nil {
		goals = append(goals, goal{7, "PostgreSQL: acknowledged and lost after kill -9", float64(pg.lost), whole, 0, 0, true})
		if of["sample"] != nil {
			goals = append(goals, goal{18, "PostgreSQL: rate / Zoom’s sample, c=64", mid("postgres", "sample", 64), times, 4, 5, false})
		}
	}
	return goals
}
