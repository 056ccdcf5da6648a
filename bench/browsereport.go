package main

import (
	"cmp"
	"fmt"
	"strings"
)

func browsingReport(r *browsingResult) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s events, %.1f GB (%s bytes per event). Start to first durable 200: %s ms.\n\n",
		thousands(r.events), float64(r.size)/1e9, thousands(r.size/max(1, r.events)), millis(r.start))
	t := &table{title: fmt.Sprintf("Pages of 50 events, %d readers back to back, ms", readers), left: 1}
	t.add("page", "p50 / p99 / max", fmt.Sprintf("with %s events/s arriving", thousands(openRate)), "CPU µs per page", "not 2xx")
	show := func(c cell) string { return millis(c.at(.5)) + " / " + millis(c.at(.99)) + " / " + millis(c.at(1)) }
	for _, k := range r.pages {
		t.add(k.name, show(k.alone), show(k.busy), whole(float64(k.alone.cpu.Microseconds())), cmp.Or(k.alone.problem(), k.busy.problem(), "–"))
	}
	b.WriteString(t.String() + "\n")

	t = &table{title: "Receiving", left: 1}
	t.add("load", "answered/s", "p50 / p99 / p99.9 / max ms")
	t.add(fmt.Sprintf("%s/s, no readers", thousands(openRate)), whole(r.openAlone.rate()), latencies([]cell{r.openAlone}))
	t.add(fmt.Sprintf("%s/s, %d readers of all pages", thousands(openRate), readers), whole(r.openRead.rate()), latencies([]cell{r.openRead}))
	t.add("full rate, c=64, empty database", whole(each(r.empty, cell.rate)), latencies(r.empty))
	t.add("full rate, c=64, this database", whole(each(r.full, cell.rate)), latencies(r.full))
	t.add("same, without search index", whole(each(r.wordless, cell.rate)), latencies(r.wordless))
	b.WriteString(t.String() + "\n")
	fmt.Fprintf(&b, "Meanwhile the readers got %s pages a second, p50 / p99 / max %s ms. Peak memory: %s MiB.\n\n",
		whole(r.mixed.rate()), show(r.mixed), mebi(r.peak))
	t = &table{title: "Export", left: 1}
	t.add("export", "first byte, ms", "lines/s")
	for _, e := range r.exports {
		if e.err != nil {
			t.add(e.name, e.err.Error(), "–")
		} else {
			t.add(e.name, millis(e.first), whole(float64(e.lines)/e.took.Seconds()))
		}
	}
	b.WriteString(t.String() + "\n")
	if r.retained.err != nil {
		fmt.Fprintf(&b, "Deleting old events was not measured: %v.\n\n", r.retained.err)
	} else {
		fmt.Fprintf(&b, "Deleting old events while %s/s arrive: %s deleted a second. Arriving events were acknowledged in %s ms (p50 / p99 / p99.9 / max).\n\n",
			thousands(openRate), whole(r.retained.rate()), latencies([]cell{r.retained.arrived}))
	}
	b.WriteString(goalTable(browsingGoals(r)).String())
	return b.String()
}

func browsingGoals(r *browsingResult) []goal {
	worst := func(want func(kind) bool, of func(browsed) cell) (v float64, name string) {
		for _, k := range r.pages {
			if ms := milliseconds(of(k).at(.99)); want(k.kind) && ms >= v {
				v, name = ms, k.name
			}
		}
		return v, name
	}
	alone, busy := func(k browsed) cell { return k.alone }, func(k browsed) cell { return k.busy }
	isPage := func(k kind) bool { return k.name == "first page" || k.name == "deep page" }
	isFilter := func(k kind) bool { return k.filter }
	page, _ := worst(isPage, alone)
	pageBusy, _ := worst(isPage, busy)
	filter, slowest := worst(isFilter, alone)
	filterBusy, slowestBusy := worst(isFilter, busy)
	kept, _, _ := ratio(r.full, r.empty, cell.rate)
	indexed, _, _ := ratio(r.full, r.wordless, cell.rate)
	goals := []goal{
		{8, "rate with a full log / an empty log, c=64", kept, share, .6, .75, false},
		{9, fmt.Sprintf("p99 of an event at %s/s with %d readers", thousands(openRate), readers), milliseconds(r.openRead.at(.99)), inMillis, 30, 20, true},
		{9, "slowest of them", milliseconds(r.openRead.at(1)), inMillis, 250, 250, true},
		{10, "p99 of first and deep pages", page, inMillis, 10, 5, true},
		{10, fmt.Sprintf("same with %s events/s", thousands(openRate)), pageBusy, inMillis, 15, 5, true},
		{11, "p99 of the slowest filter: " + slowest, filter, inMillis, 500, 100, true},
		{11, "same with events arriving: " + slowestBusy, filterBusy, inMillis, 500, 100, true},
		{12, "rate with the search index / without, c=64", indexed, share, .6, .8, false},
		{14, "peak memory while browsing", float64(r.peak) / (1 << 20), inMiB, 96, 64, true},
	}
	if r.retained.err == nil {
		goals = append(goals,
			goal{13, "events deleted a second while others arrive", r.retained.rate(), whole, 5000, 5000, false},
			goal{13, "p99 of an event meanwhile", milliseconds(r.retained.arrived.at(.99)), inMillis, 50, 25, true},
			goal{13, "slowest of them", milliseconds(r.retained.arrived.at(1)), inMillis, 500, 500, true})
	}
	return goals
}
