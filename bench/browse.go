package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	readers    = 4
	exportTime = 10 * time.Second
)

// kind is a kind of page that is asked for.
type kind struct {
	name   string
	path   func() string
	filter bool // it looks for something
	api    bool
}

// browsed is how a kind of page was answered, without and with events arriving.
type browsed struct {
	kind
	alone, busy cell
}

// browsingResult is all that is measured on a database of many events.
type browsingResult struct {
	events        int64
	size          int64
	made          time.Duration
	start         time.Duration
	pages         []browsed
	openAlone     cell // 2,000 a second, nobody reads
	openRead      cell // with readers
	mixed         cell // what the readers got meanwhile
	empty, full   []cell
	exportLines   int64
	exportRate    float64
	exportFirst   time.Duration
	exportProblem error
	peak          int64
}

// browsing measures a database of many events.
func (h *harness) browsing(ctx context.Context, p plan, dataDir string, count int64) (string, error) {
	var r browsingResult
	if dataDir == "" {
		dataDir = filepath.Join(h.dir, "data")
		if err := os.MkdirAll(dataDir, 0o700); err != nil {
			return "", err
		}
		progress("making %s events in %s", thousands(count), dataDir)
		begin := time.Now()
		if _, err := h.command(ctx, dataDir, "", "", "seed-events", "--count", fmt.Sprint(count)); err != nil {
			return "", err
		}
		r.made = time.Since(begin)
	}
	dataDir, err := filepath.Abs(dataDir)
	if err != nil {
		return "", err
	}
	addr, err := freeAddr()
	if err != nil {
		return "", err
	}
	s, err := h.drawbridgeAt(ctx, dataDir, "", addr, func() {})
	if err != nil {
		return "", err
	}
	if r.start, err = s.begin(ctx); err != nil {
		return "", err
	}
	defer s.end()
	site, err := h.visitor(ctx, dataDir, addr, 20)
	if err != nil {
		return "", err
	}
	progress("waiting for what is still to be read, and looking round")
	awaitIdle(ctx, s.pids, 5*time.Minute)
	v, err := site.survey(ctx)
	if err != nil {
		return "", err
	}
	if r.size, err = dirSize(dataDir); err != nil {
		return "", err
	}
	if ids, err := query(ctx, "sqlite", "file:"+filepath.Join(dataDir, "drawbridge.db")+"?mode=ro", `SELECT COUNT(*) FROM events`); err == nil && len(ids) == 1 {
		r.events = ids[0]
	}
	if err := h.browse(ctx, p, s, site, v, &r); err != nil {
		return "", err
	}
	if err := h.receiveWhileBrowsed(ctx, p, s, site, v, &r); err != nil {
		return "", err
	}
	return browsingReport(&r), nil
}

// kinds are the pages of the log, each with other values at every call.
func (s *site) kinds(v survey) []kind {
	anyOf := func(list []string) string { return list[rand.IntN(len(list))] }
	anyEvent := func() event { return v.events[rand.IntN(len(v.events))] }
	page := func(pairs ...string) string {
		q := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		return "/events?" + q.Encode()
	}
	minute := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04") }
	day := func(pairs ...string) string {
		at := anyEvent().ReceivedAt
		return page(append(pairs, "after", minute(at.Add(-12*time.Hour)), "before", minute(at.Add(12*time.Hour)))...)
	}
	const nothing = "xyzzyqqq"
	common, rare := v.types[0], v.types[len(v.types)-1]
	word, rareWord := v.words[0], v.words[len(v.words)-1]
	list := []kind{
		{name: "first page", path: func() string { return "/events" }},
		{name: "deep page", path: func() string { return page("cursor", anyOf(v.cursors)) }},
		{name: "one event", path: func() string { return "/events/" + anyEvent().ID }},
		{name: "around a moment", path: func() string { return page("around", minute(anyEvent().ReceivedAt)) }},
		{name: "all time, with its chart", path: func() string { return page("range", "all") }},
		{name: "type, the most frequent", filter: true, path: func() string { return page("event", common) }},
		{name: "same, deep", filter: true, path: func() string { return page("event", common, "cursor", anyOf(v.cursors)) }},
		{name: "type, the rarest", filter: true, path: func() string { return page("event", rare) }},
		{name: "type that nothing has", filter: true, path: func() string { return page("event", "meeting."+nothing) }},
		{name: "three types", filter: true, path: func() string { return page("event", anyOf(v.types)+","+anyOf(v.types)+",meeting."+nothing) }},
		{name: "meeting", filter: true, path: func() string { return page("meeting_id", anyEvent().MeetingID) }},
		{name: "meeting that nothing has", filter: true, path: func() string { return page("meeting_id", fmt.Sprint(10_000_000+rand.IntN(10_000_000))) }},
		{name: "one day", filter: true, path: func() string { return day() }},
		{name: "one day and type", filter: true, path: func() string { return day("event", anyOf(v.types)) }},
		{name: "meeting and type", filter: true, path: func() string { return page("meeting_id", anyEvent().MeetingID, "event", anyOf(v.types)) }},
		{name: "incident that nothing has", filter: true, path: func() string { return page("bridge", "INC-1") }},
		{name: "stale", filter: true, path: func() string { return page("stale", "1") }},
		{name: "unread", filter: true, path: func() string { return page("unread", "1") }},
		{name: "recovered", filter: true, path: func() string { return page("recovered", "1") }},
		{name: "near-duplicates", filter: true, path: func() string { return page("twin", "1") }},
		{name: "text, the most frequent word", filter: true, path: func() string { return page("q", word) }},
		{name: "text, two words", filter: true, path: func() string { return page("q", word+" "+anyOf(v.words)) }},
		{name: "text, the rarest word seen", filter: true, path: func() string { return page("q", rareWord) }},
		{name: "text that nothing has", filter: true, path: func() string { return page("q", nothing) }},
		{name: "text and type", filter: true, path: func() string { return page("q", word, "event", anyOf(v.types)) }},
		{name: "frequent word and a type that is rare", filter: true, path: func() string { return page("q", word, "event", rare) }},
		{name: "text and one day", filter: true, path: func() string { return day("q", word) }},
		{name: "text and meeting that do not meet", filter: true, path: func() string { return page("q", word, "meeting_id", "10000000") }},
		{name: "API, first page", api: true, path: func() string { return "/api/v1/events" }},
		{name: "API, deep page", api: true, path: func() string { return "/api/v1/events?cursor=" + url.QueryEscape(anyOf(v.cursors)) }},
	}
	return list
}

// load asks for one kind of page. What may be asked of the API is limited, so
// its pages are counted.
func (s *site) load(k kind, length time.Duration) load {
	l := load{conns: readers, length: length, source: func(int) func() []byte {
		return func() []byte {
			if k.api {
				return s.api(k.path())
			}
			return s.page(k.path())
		}
	}}
	if k.api {
		l.count = 500
	}
	return l
}

// browse asks for every kind of page, alone and while events arrive.
func (h *harness) browse(ctx context.Context, p plan, s *server, site *site, v survey, r *browsingResult) error {
	all := site.kinds(v)
	for _, k := range all {
		progress("browsing: %s", k.name)
		one, err := s.measure(ctx, site.load(k, p.length))
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		r.pages = append(r.pages, browsed{kind: k, alone: one})
	}
	progress("the same with %s events a second", thousands(openRate))
	arriving, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		_, err := (load{conns: 64, length: time.Hour, rate: openRate}).run(arriving, s.addr)
		done <- err
	}()
	defer func() {
		stop()
		<-done
	}()
	for i, k := range all {
		one, err := s.measure(ctx, site.load(k, p.length))
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		r.pages[i].busy = one
	}
	return nil
}

// receiveWhileBrowsed loads with events what has many, against an empty one.
func (h *harness) receiveWhileBrowsed(ctx context.Context, p plan, s *server, site *site, v survey, r *browsingResult) error {
	long := 5 * p.length
	settle := func() { awaitIdle(ctx, s.pids, time.Minute) }
	var err error
	settle()
	progress("%s events a second, nobody reads", thousands(openRate))
	if r.openAlone, err = s.measure(ctx, load{conns: 64, length: long, rate: openRate}); err != nil {
		return err
	}
	settle()
	progress("%s events a second, %d readers", thousands(openRate), readers)
	kinds := slices.DeleteFunc(site.kinds(v), func(k kind) bool { return k.api })
	mixed := load{conns: readers, length: long, source: func(int) func() []byte {
		return func() []byte { return site.page(kinds[rand.IntN(len(kinds))].path()) }
	}}
	read := make(chan error, 1)
	go func() {
		var err error
		r.mixed.result, err = mixed.run(ctx, s.addr)
		read <- err
	}()
	if r.openRead, err = s.measure(ctx, load{conns: 64, length: long, rate: openRate}); err != nil {
		return err
	}
	if err := <-read; err != nil {
		return err
	}
	r.peak = memory(s.process.pid(), "status", "VmHWM")

	for round := range p.rounds {
		progress("round %d of %d, full rate, empty and with all", round+1, p.rounds)
		one, err := h.cell(ctx, contender{key: "sqlite", start: h.drawbridge(false)}, load{conns: 64, length: p.length}, p.warm)
		if err != nil {
			return err
		}
		r.empty = append(r.empty, one)
		settle()
		if _, err := (load{conns: 64, length: p.warm}).run(ctx, s.addr); err != nil {
			return err
		}
		if one, err = s.measure(ctx, load{conns: 64, length: p.length}); err != nil {
			return err
		}
		r.full = append(r.full, one)
	}
	settle()
	progress("exporting")
	lines, first, took, err := site.stream(ctx, "/events/export?format=ndjson", exportTime)
	r.exportProblem, r.exportLines, r.exportFirst = err, lines, first
	if err == nil {
		r.exportRate = float64(lines) / took.Seconds()
	}
	return ctx.Err()
}

func browsingReport(r *browsingResult) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s events, %.1f GB (%s bytes an event); start to first durable 200 in %s ms.\n\n",
		thousands(r.events), float64(r.size)/1e9, thousands(r.size/max(1, r.events)), millis(r.start))
	t := &table{title: fmt.Sprintf("Pages of 50 events, %d readers that ask again at once, ms", readers), left: 1}
	t.add("page", "p50 / p99 / max", fmt.Sprintf("with %s events/s arriving", thousands(openRate)), "CPU µs a page", "not 2xx")
	show := func(c cell) string { return millis(c.at(.5)) + " / " + millis(c.at(.99)) + " / " + millis(c.at(1)) }
	for _, k := range r.pages {
		t.add(k.name, show(k.alone), show(k.busy), whole(float64(k.alone.cpu.Microseconds())), cmp.Or(k.alone.problem(), k.busy.problem(), "–"))
	}
	b.WriteString(t.String() + "\n")

	t = &table{title: "Receiving", left: 1}
	t.add("load", "answered/s", "p50 / p99 / p99.9 / max ms")
	t.add(fmt.Sprintf("%s/s, nobody reads", thousands(openRate)), whole(r.openAlone.rate()), latencies([]cell{r.openAlone}))
	t.add(fmt.Sprintf("%s/s, %d readers of all pages", thousands(openRate), readers), whole(r.openRead.rate()), latencies([]cell{r.openRead}))
	t.add("full rate, c=64, empty database", whole(each(r.empty, cell.rate)), latencies(r.empty))
	t.add("full rate, c=64, this database", whole(each(r.full, cell.rate)), latencies(r.full))
	b.WriteString(t.String() + "\n")
	fmt.Fprintf(&b, "The readers were answered %s pages a second meanwhile, p50 / p99 / max %s ms. Peak memory %s MiB.\n\n",
		whole(r.mixed.rate()), show(r.mixed), mebi(r.peak))
	if r.exportProblem != nil {
		fmt.Fprintf(&b, "Export: %v.\n\n", r.exportProblem)
	} else {
		fmt.Fprintf(&b, "Export as NDJSON: first byte after %s ms, %s events/s.\n\n", millis(r.exportFirst), whole(r.exportRate))
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
	return []goal{
		{8, "rate with all events / empty, c=64", kept, share, .6, .75, false},
		{9, fmt.Sprintf("p99 of an event at %s/s with %d readers", thousands(openRate), readers), milliseconds(r.openRead.at(.99)), inMillis, 30, 20, true},
		{9, "longest of them", milliseconds(r.openRead.at(1)), inMillis, 250, 250, true},
		{10, "p99 of first and deep pages", page, inMillis, 10, 5, true},
		{10, fmt.Sprintf("same with %s events/s", thousands(openRate)), pageBusy, inMillis, 15, 5, true},
		{11, "p99 of the slowest filter: " + slowest, filter, inMillis, 500, 100, true},
		{11, "same with events arriving: " + slowestBusy, filterBusy, inMillis, 500, 100, true},
		{14, "peak memory with browsing", float64(r.peak) / (1 << 20), inMiB, 96, 64, true},
	}
}

func byCount(counts map[string]int) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if d := counts[b] - counts[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
}
