package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// plan says how much to measure.
type plan struct {
	rounds  int
	length  time.Duration // of one cell
	warm    time.Duration
	conns   []int
	starts  int   // cold starts of each
	kills   int   // of each under load
	divisor int64 // of the number of events for measuring the size
	opens   int   // incidents opened with a healthy Zoom
	outages int   // of each kind
	storm   int   // incidents in a storm
}

var (
	wholePlan = plan{rounds: 3, length: 2 * time.Second, warm: 700 * time.Millisecond, conns: []int{1, 16, 64, 256}, starts: 5, kills: 3, divisor: 1, opens: 200, outages: 3, storm: 100}
	quickPlan = plan{rounds: 1, length: 800 * time.Millisecond, warm: 300 * time.Millisecond, conns: []int{1, 16, 64}, starts: 2, kills: 1, divisor: 10, opens: 20, outages: 1, storm: 20}
)

// openRate is the rate of the open loop in events a second: a hundred times what
// we have seen Zoom send.
const openRate = 2000

// cell is one load on one contender.
type cell struct {
	result
	cpu    time.Duration // of all its processes per request, including work other than answering
	memory int64         // peak of the server, plus PostgreSQL's share
}

// ingest holds all measurements of one contender.
type ingest struct {
	contender
	closed   map[int][]cell // by connections, one for each round
	open     []cell
	starts   []time.Duration
	idle     int64 // resident memory of the idle server
	perEvent int64 // bytes of the database
	perRow   int64 // bytes of the events and of two indexes alone
	settled  time.Duration
	filled   cell
	acked    int
	lost     int
}

// measureIngest measures the contenders in turns, so that a change in the machine
// affects all of them.
func (h *harness) measureIngest(ctx context.Context, p plan) ([]*ingest, error) {
	var all []*ingest
	for _, c := range h.contenders() {
		all = append(all, &ingest{contender: c, closed: map[int][]cell{}})
	}
	for round := range p.rounds {
		for _, conns := range p.conns {
			progress("round %d of %d, %d connections", round+1, p.rounds, conns)
			for _, i := range all {
				one, err := h.cell(ctx, i.contender, load{conns: conns, length: p.length}, p.warm)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", i.key, err)
				}
				i.closed[conns] = append(i.closed[conns], one)
			}
		}
		progress("round %d of %d, %d requests a second", round+1, p.rounds, openRate)
		for _, i := range all {
			one, err := h.cell(ctx, i.contender, load{conns: 64, length: p.length, rate: openRate}, p.warm)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", i.key, err)
			}
			i.open = append(i.open, one)
		}
	}
	for _, i := range all {
		progress("start, size and kill -9: %s", i.key)
		if err := h.startTimes(ctx, i, p.starts); err != nil {
			return nil, fmt.Errorf("%s: %w", i.key, err)
		}
		if i.fill > 0 {
			if err := h.fill(ctx, i, i.fill/p.divisor); err != nil {
				return nil, fmt.Errorf("%s: %w", i.key, err)
			}
		}
		for range p.kills {
			if err := h.kill(ctx, i); err != nil {
				return nil, fmt.Errorf("%s: %w", i.key, err)
			}
		}
	}
	return all, nil
}

// cell starts a contender on an empty database and measures one load.
func (h *harness) cell(ctx context.Context, c contender, l load, warm time.Duration) (cell, error) {
	s, err := c.start(ctx)
	if err != nil {
		return cell{}, err
	}
	if _, err := s.begin(ctx); err != nil {
		s.remove()
		return cell{}, err
	}
	defer s.end()
	warmUp := l
	warmUp.length = warm
	if _, err := warmUp.run(ctx, s.addr); err != nil {
		return cell{}, err
	}
	return s.measure(ctx, l)
}

// measure measures one load on a running server.
func (s *server) measure(ctx context.Context, l load) (cell, error) {
	resetPeak(s.process.pid())
	before := cpuOf(s.pids())
	r, err := l.run(ctx, s.addr)
	if err != nil {
		return cell{}, err
	}
	one := cell{result: r, memory: memory(s.process.pid(), "status", "VmHWM")}
	one.cpu = (cpuOf(s.pids()) - before) / time.Duration(max(1, r.ok))
	if s.others != nil {
		for _, pid := range s.others() {
			one.memory += memory(pid, "smaps_rollup", "Pss")
		}
	}
	if p := r.problem(); p != "" {
		progress("  not answered with 2xx: %s (%v)", p, r.lastError)
	}
	return one, ctx.Err()
}

// startTimes measures starts on a database that exists but has no events.
func (h *harness) startTimes(ctx context.Context, i *ingest, n int) error {
	var idle []int64
	for range n {
		s, err := i.start(ctx)
		if err != nil {
			return err
		}
		if _, err := s.begin(ctx); err != nil { // the first start creates the database
			s.remove()
			return err
		}
		s.process.stop()
		took, err := s.begin(ctx)
		if err != nil {
			s.remove()
			return err
		}
		i.starts = append(i.starts, took)
		awaitIdle(ctx, s.pids, 3*time.Second)
		idle = append(idle, memory(s.process.pid(), "status", "VmRSS"))
		s.end()
	}
	i.idle = median(idle)
	return nil
}

// fill stores n events and measures their size when all work on them is done.
func (h *harness) fill(ctx context.Context, i *ingest, n int64) error {
	s, err := i.start(ctx)
	if err != nil {
		return err
	}
	if _, err := s.begin(ctx); err != nil {
		s.remove()
		return err
	}
	s.process.stop()
	empty, err := s.bytes(ctx)
	if err != nil {
		s.remove()
		return err
	}
	if _, err := s.begin(ctx); err != nil {
		s.remove()
		return err
	}
	defer s.end()
	if i.filled, err = s.measure(ctx, load{conns: 64, length: time.Minute, count: n}); err != nil {
		return err
	}
	i.settled = awaitIdle(ctx, s.pids, 2*time.Minute)
	s.process.stop()
	full, err := s.bytes(ctx)
	if err != nil {
		return err
	}
	i.perEvent = (full - empty) / int64(max(1, i.filled.ok))
	if s.rows != nil {
		rows, err := s.rows(ctx)
		if err != nil {
			return err
		}
		i.perRow = rows / int64(max(1, i.filled.ok))
	}
	return nil
}

// kill kills a contender under load, starts it again, and looks for every event
// that it acknowledged.
func (h *harness) kill(ctx context.Context, i *ingest) error {
	s, err := i.start(ctx)
	if err != nil || s.ids == nil {
		if err == nil {
			s.remove()
		}
		return err
	}
	if _, err := s.begin(ctx); err != nil {
		s.remove()
		return err
	}
	defer s.end()
	var acked []int64
	time.AfterFunc(1500*time.Millisecond, func() { _ = s.process.cmd.Process.Kill() })
	if _, err := (load{conns: 64, length: 10 * time.Second, acked: &acked}).run(ctx, s.addr); err != nil {
		return err
	}
	<-s.process.done
	if _, err := s.begin(ctx); err != nil {
		return err
	}
	// Drawbridge reads an event after it has stored it, so wait while more appear.
	lost := acked
	for last := -1; len(lost) > 0 && len(lost) != last && ctx.Err() == nil; {
		last = len(lost)
		awaitIdle(ctx, s.pids, time.Minute)
		stored, err := s.ids(ctx)
		if err != nil {
			return err
		}
		slices.Sort(stored)
		lost = slices.DeleteFunc(slices.Clone(acked), func(id int64) bool {
			_, found := slices.BinarySearch(stored, id)
			return found
		})
	}
	i.acked += len(acked)
	i.lost += len(lost)
	return ctx.Err()
}

func median[T interface{ ~int64 | ~float64 }](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// each is the median over rounds.
func each[T interface{ ~int64 | ~float64 }](cells []cell, f func(cell) T) T {
	var values []T
	for _, c := range cells {
		values = append(values, f(c))
	}
	return median(values)
}
