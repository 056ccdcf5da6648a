package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// opening measures how long callers wait who open incidents, and is its section.
func (h *harness) opening(ctx context.Context, p plan) (string, error) {
	own := &table{title: "Zoom is well, p50 / p99 / max ms", left: 1}
	own.add("database", "the caller waited", "Zoom took", "Drawbridge’s own time", "fdatasync of 4 KiB")
	down := &table{title: "Zoom is down: the caller waited, p50 / p99 / max ms", left: 3}
	down.add("database", "Zoom", "link", "first incident", "second", fmt.Sprintf("third to %dth", inOutage))
	storms := &table{title: fmt.Sprintf("Storm of %d incidents, one each 100 ms", p.storm), left: 2}
	storms.add("database", "Zoom", "storm brake", "the caller waited, p50 / p99 / max ms", "opener", "host pool", "standby", "static", "no link", "meetings of one incident, at most")
	var goals []goal
	aim := func(number int, value float64, show func(float64) string, gate, stretch float64, text string, args ...any) {
		goals = append(goals, goal{number, fmt.Sprintf(text, args...), value, show, gate, stretch, true})
	}
	for _, on := range []string{"SQLite", "PostgreSQL"} {
		onPostgres := on == "PostgreSQL"
		if onPostgres && h.postgres == nil {
			continue
		}
		progress("opening incidents on %s", on)
		caller, zoom, ours, err := h.ownTime(ctx, onPostgres, p.opens)
		if err != nil {
			return "", err
		}
		disk, err := syncTimes(h.dir, 200)
		if err != nil {
			return "", err
		}
		own.add(on, waits(caller), waits(zoom), waits(ours), waits(result{latencies: disk}))
		aim(19, milliseconds(ours.at(.99)), inMillis, 5, 5, "%s: p99 of Drawbridge’s own time", on)

		for _, o := range outages {
			for _, rung := range []string{"standby", "static"} {
				progress("opening incidents on %s, Zoom %s, %s", on, o.name, rung)
				var at [3]result
				for range p.outages {
					list, err := h.outage(ctx, onPostgres, o.begin, rung)
					if err != nil {
						return "", err
					}
					for n, wait := range list {
						r := &at[min(n, 2)]
						r.latencies = append(r.latencies, wait)
					}
				}
				row := []string{on, o.name, rung}
				for n := range at {
					row = append(row, waits(at[n].sort()))
				}
				down.add(row...)
				const standby = "%s: standby link, %s, Zoom %s"
				switch {
				case rung == "standby" && o.definite:
					aim(20, milliseconds(at[0].at(1)), inMillis, 300, 300, standby, on, "first incident, slowest", o.name)
				case rung == "standby":
					aim(20, milliseconds(at[2].at(.99)), inMillis, 300, 300, standby, on, "third incident on, p99", o.name)
				case o.silent:
					limit := milliseconds(zoomLimit)
					aim(20, milliseconds(at[0].at(1)), inMillis, limit+1000, limit+300, "%s: static link, first incident, slowest, Zoom %s", on, o.name)
				}
			}
		}

		var slowest time.Duration
		var none, most int
		for _, down := range []bool{false, true} {
			for _, brake := range []int{5, 100} {
				progress("a storm on %s, Zoom down: %v, storm brake at %d", on, down, brake)
				s, err := h.storm(ctx, onPostgres, down, brake, p.storm)
				if err != nil {
					return "", err
				}
				row := []string{on, map[bool]string{false: "is well", true: "never answers"}[down], fmt.Sprint(brake), waits(s.waits)}
				for _, rung := range []string{"opener", "host pool", "standby", "static", ""} {
					row = append(row, fmt.Sprint(s.rungs[rung]))
				}
				storms.add(append(row, fmt.Sprint(s.most))...)
				slowest, none, most = max(slowest, s.waits.at(1)), none+s.rungs[""], max(most, s.most)
			}
		}
		aim(21, milliseconds(slowest), inMillis, 3000, 3000, "%s: slowest answer in a storm", on)
		aim(21, float64(none), whole, 0, 0, "%s: incidents without a link in a storm", on)
		aim(21, float64(most), whole, 1, 1, "%s: most meetings of one incident", on)
	}
	var b strings.Builder
	for _, t := range []*table{own, down, storms, goalTable(goals)} {
		b.WriteString(t.String() + "\n")
	}
	return b.String(), nil
}

func waits(r result) string {
	return millis(r.at(.5)) + " / " + millis(r.at(.99)) + " / " + millis(r.at(1))
}
