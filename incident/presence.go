package incident

import (
	"slices"
	"time"
)

// Derived is what the instances and presences of a bridge say about it.
type Derived struct {
	State      BridgeState
	StartedAt  time.Time // first start of any instance
	EndedAt    time.Time // last end, zero while one runs
	Inside     int
	InsideMost int
}

// DeriveBridge computes a bridge's state from what Zoom has told so far. It is
// a function of sets, so it gives the same answer whatever the order in which
// the events arrived. A bridge that has seen no instance keeps its state.
func DeriveBridge(state BridgeState, instances []Instance, presences []Presence) Derived {
	d := Derived{State: state}
	if len(instances) == 0 {
		return d
	}
	ended := map[string]time.Time{}
	running := false
	for _, in := range instances {
		ended[in.UUID] = in.EndedAt
		if in.EndedAt.IsZero() {
			running = true
		}
		if !in.StartedAt.IsZero() && (d.StartedAt.IsZero() || in.StartedAt.Before(d.StartedAt)) {
			d.StartedAt = in.StartedAt
		}
		if in.EndedAt.After(d.EndedAt) {
			d.EndedAt = in.EndedAt
		}
	}
	d.State = BridgeEnded
	if running {
		d.State, d.EndedAt = BridgeLive, time.Time{}
	}

	inside := map[string]bool{}
	type step struct {
		at    time.Time
		delta int
	}
	var steps []step
	for _, p := range presences {
		end := ended[p.UUID]
		if p.Inside() && end.IsZero() {
			inside[p.UUID+"\x00"+p.Person] = true
		}
		if p.JoinedAt.IsZero() {
			continue
		}
		left := p.LeftAt
		if p.Inside() {
			left = end
		}
		steps = append(steps, step{p.JoinedAt, +1})
		if !left.IsZero() {
			steps = append(steps, step{left, -1})
		}
	}
	d.Inside = len(inside)
	// People who leave in the moment others join were not there together.
	slices.SortFunc(steps, func(a, b step) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.delta - b.delta
	})
	now := 0
	for _, s := range steps {
		now += s.delta
		d.InsideMost = max(d.InsideMost, now)
	}
	d.InsideMost = max(d.InsideMost, d.Inside)
	return d
}

// Inside are the people in the running instances, each once, with the earliest
// join of those stays that go on, in the order they came.
func Inside(instances []Instance, presences []Presence) []Presence {
	running := map[string]bool{}
	for _, in := range instances {
		running[in.UUID] = in.EndedAt.IsZero()
	}
	var people []Presence
	for _, p := range presences {
		if !p.Inside() || !running[p.UUID] {
			continue
		}
		same := slices.IndexFunc(people, func(o Presence) bool { return o.UUID == p.UUID && o.Person == p.Person })
		switch {
		case same < 0:
			people = append(people, p)
		case p.JoinedAt.Before(people[same].JoinedAt):
			people[same] = p
		}
	}
	slices.SortStableFunc(people, func(a, b Presence) int { return a.JoinedAt.Compare(b.JoinedAt) })
	return people
}
