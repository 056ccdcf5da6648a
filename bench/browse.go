package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// readers is how many clients ask for pages at the same time. Each asks for the
// next page as soon as it has one.
const readers = 4

// kind is a kind of page.
type kind struct {
	name   string
	path   func() string
	filter bool // it searches or filters
	api    bool
}

// browsed holds the measurements of a kind of page, without and with events
// arriving.
type browsed struct {
	kind
	alone, busy cell
}

// browsingResult holds everything that is measured on a large log.
type browsingResult struct {
	events      int64
	size        int64
	made        time.Duration
	start       time.Duration
	pages       []browsed
	openAlone   cell // 2,000 a second, no readers
	openRead    cell // with readers
	mixed       cell // the pages the readers got meanwhile
	empty, full []cell
	wordless    []cell // as full, but without a search index
	exports     []exported
	retained    retained
	peak        int64
}

// exported is one export of the log, stopped after a time limit.
type exported struct {
	name  string
	lines int64
	first time.Duration // until the first byte
	took  time.Duration
	err   error
}

// retained says how fast old events were deleted, and how fast new ones were
// acknowledged meanwhile.
type retained struct {
	removed int64
	took    time.Duration
	arrived cell
	err     error
}

func (r retained) rate() float64 { return float64(r.removed) / r.took.Seconds() }

// browsing measures a large log.
func (h *harness) browsing(ctx context.Context, p plan, dataDir string, count int64) (string, error) {
	var r browsingResult
	if dataDir == "" {
		dataDir = filepath.Join(h.dir, "data")
		if err := os.MkdirAll(dataDir, 0o700); err != nil {
			return "", err
		}
		progress("creating %s events in %s", thousands(count), dataDir)
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
	s, err := h.drawbridgeAt(ctx, h.binary, dataDir, "", addr, func() {})
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
	progress("waiting until all events are read, then taking samples")
	awaitIdle(ctx, s.pids, 5*time.Minute)
	v, err := site.survey(ctx)
	if err != nil {
		return "", err
	}
	if r.size, err = dirSize(dataDir); err != nil {
		return "", err
	}
	if r.events, err = h.stored(ctx, dataDir); err != nil {
		return "", err
	}
	if err := h.browse(ctx, p, s, site, v, &r); err != nil {
		return "", err
	}
	if err := h.receiveWhileBrowsed(ctx, p, dataDir, s, site, v, &r); err != nil {
		return "", err
	}
	h.export(ctx, p, s, site, v, &r)
	if err := h.retain(ctx, p, dataDir, s, site, v, &r); err != nil {
		return "", err
	}
	return browsingReport(&r), nil
}

// kinds returns the pages of the log. Each call of a path picks new values.
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
		{name: "around a time", path: func() string { return page("around", minute(anyEvent().ReceivedAt)) }},
		{name: "all time, with chart", path: func() string { return page("range", "all") }},
		{name: "most frequent type", filter: true, path: func() string { return page("event", common) }},
		{name: "same type, deep page", filter: true, path: func() string { return page("event", common, "cursor", anyOf(v.cursors)) }},
		{name: "rarest type", filter: true, path: func() string { return page("event", rare) }},
		{name: "type without events", filter: true, path: func() string { return page("event", "meeting."+nothing) }},
		{name: "three types", filter: true, path: func() string { return page("event", anyOf(v.types)+","+anyOf(v.types)+",meeting."+nothing) }},
		{name: "meeting", filter: true, path: func() string { return page("meeting_id", anyEvent().MeetingID) }},
		{name: "meeting without events", filter: true, path: func() string { return page("meeting_id", fmt.Sprint(10_000_000+rand.IntN(10_000_000))) }},
		{name: "one day", filter: true, path: func() string { return day() }},
		{name: "one day and type", filter: true, path: func() string { return day("event", anyOf(v.types)) }},
		{name: "meeting and type", filter: true, path: func() string { return page("meeting_id", anyEvent().MeetingID, "event", anyOf(v.types)) }},
		{name: "incident without events", filter: true, path: func() string { return page("bridge", "INC-1") }},
		{name: "stale", filter: true, path: func() string { return page("stale", "1") }},
		{name: "unread", filter: true, path: func() string { return page("unread", "1") }},
		{name: "recovered", filter: true, path: func() string { return page("recovered", "1") }},
		{name: "variants", filter: true, path: func() string { return page("twin", "1") }},
		{name: "most frequent word", filter: true, path: func() string { return page("q", word) }},
		{name: "two words", filter: true, path: func() string { return page("q", word+" "+anyOf(v.words)) }},
		{name: "rarest word", filter: true, path: func() string { return page("q", rareWord) }},
		{name: "word without events", filter: true, path: func() string { return page("q", nothing) }},
		{name: "word and type", filter: true, path: func() string { return page("q", word, "event", anyOf(v.types)) }},
		{name: "frequent word and rarest type", filter: true, path: func() string { return page("q", word, "event", rare) }},
		{name: "word and one day", filter: true, path: func() string { return day("q", word) }},
		{name: "word and meeting without a common event", filter: true, path: func() string { return page("q", word, "meeting_id", "10000000") }},
		{name: "API, first page", api: true, path: func() string { return "/api/v1/events" }},
		{name: "API, deep page", api: true, path: func() string { return "/api/v1/events?cursor=" + url.QueryEscape(anyOf(v.cursors)) }},
	}
	return list
}

// load asks for one kind of page. The API is rate-limited, so the number of its
// pages is limited too.
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

// browse measures every kind of page, alone and while events arrive.
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
	progress("the same pages with %s events a second", thousands(openRate))
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

// receiveWhileBrowsed sends events to a large log: at a hundred times Zoom's rate,
// without and with readers, and at full rate compared with an empty log.
func (h *harness) receiveWhileBrowsed(ctx context.Context, p plan, dataDir string, s *server, site *site, v survey, r *browsingResult) (err error) {
	long := 5 * p.length
	settle := func() { awaitIdle(ctx, s.pids, time.Minute) }
	settle()
	progress("%s events a second, no readers", thousands(openRate))
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
	r.peak = r.openRead.memory

	for round := range p.rounds {
		progress("round %d of %d, full rate, empty and full log", round+1, p.rounds)
		one, err := h.cell(ctx, contender{key: "sqlite", start: h.drawbridge(h.binary, false)}, load{conns: 64, length: p.length}, p.warm)
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
	s.process.stop()
	return h.receiveWithoutIndex(ctx, p, dataDir, r, func() error { _, err := s.begin(ctx); return err })
}

// receiveWithoutIndex sends events to the same database with a program that has no
// search index. It calls again to start the usual program afterwards.
func (h *harness) receiveWithoutIndex(ctx context.Context, p plan, dataDir string, r *browsingResult, again func() error) error {
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	s, err := h.drawbridgeAt(ctx, h.wordless, dataDir, "", addr, func() {})
	if err != nil {
		return err
	}
	if _, err := s.begin(ctx); err != nil {
		return err
	}
	for round := range p.rounds {
		progress("round %d of %d, full rate without a search index", round+1, p.rounds)
		if _, err := (load{conns: 64, length: p.warm}).run(ctx, s.addr); err != nil {
			return err
		}
		one, err := s.measure(ctx, load{conns: 64, length: p.length})
		if err != nil {
			return err
		}
		r.wordless = append(r.wordless, one)
		awaitIdle(ctx, s.pids, time.Minute)
	}
	s.end()
	return again()
}

// export reads each export for a few seconds.
func (h *harness) export(ctx context.Context, p plan, s *server, site *site, v survey, r *browsingResult) {
	text := url.QueryEscape(v.words[0])
	for _, e := range []struct{ name, query string }{
		{"NDJSON", "format=ndjson"},
		{"CSV", "format=csv"},
		{"NDJSON with bodies", "format=ndjson&body=1"},
		{"NDJSON, frequent word", "format=ndjson&q=" + text},
		{"CSV, one type, all time", "format=csv&range=all&event=" + v.types[0]},
	} {
		progress("exporting: %s", e.name)
		one := exported{name: e.name}
		one.lines, one.first, one.took, one.err = site.stream(ctx, "/events/export?"+e.query, 2*p.length)
		r.exports = append(r.exports, one)
		awaitIdle(ctx, s.pids, 10*time.Second)
	}
}

// retain deletes the oldest events while others arrive. It is the last measurement
// on a database.
func (h *harness) retain(ctx context.Context, p plan, dataDir string, s *server, site *site, v survey, r *browsingResult) error {
	const shortest = 7 // days; a rule cannot be shorter
	days := int(time.Since(v.oldest).Hours()/24) - 1
	if days < shortest {
		r.retained.err = fmt.Errorf("the oldest event is younger than %d days", shortest+1)
		return nil
	}
	before, err := h.stored(ctx, dataDir)
	if err != nil {
		return err
	}
	progress("deleting events older than %d days, with %s events a second", days, thousands(openRate))
	if r.retained.err = site.retention(ctx, strconv.Itoa(days)); r.retained.err != nil {
		return nil
	}
	begin := time.Now()
	if r.retained.arrived, err = s.measure(ctx, load{conns: 64, length: 10 * p.length, rate: openRate}); err != nil {
		return err
	}
	if err := site.retention(ctx, "0"); err != nil { // keep events forever again
		return err
	}
	r.retained.took = time.Since(begin)
	after, err := h.stored(ctx, dataDir)
	r.retained.removed = before + int64(r.retained.arrived.ok) - after
	return err
}

// stored is the number of events in a database.
func (h *harness) stored(ctx context.Context, dataDir string) (int64, error) {
	n, err := query(ctx, "sqlite", "file:"+filepath.Join(dataDir, "drawbridge.db")+"?mode=ro", `SELECT COUNT(*) FROM events`)
	if err != nil || len(n) != 1 {
		return 0, fmt.Errorf("count events: %v, %w", n, err)
	}
	return n[0], nil
}
