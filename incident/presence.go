package incident

import (
	"cmp"
	"slices"
	"time"
)

// BridgeFacts is the input of a BridgeRule.
type BridgeFacts struct {
	Bridge    Bridge // as stored
	StepRun   StepRun
	Blanked   bool // its personal data was removed
	Instances []Instance
	Presences []Presence
	Waits     []Wait
	Readings  []Reading // the readings being applied, in the order of arrival
	Answer    *Answer   // what Zoom said when asked, if that is being applied
	Open      bool      // the incident is open
	At        time.Time
}

// BridgeRule returns what changes when events of a bridge's meeting were read, or when
// Zoom was asked about it.
type BridgeRule func(BridgeFacts) Followed

// Followed is the result of a BridgeRule. Only these parts of the bridge are written:
// state, times, link, reasons, people inside and waiting, recordings, what Zoom changed
// later, and what belongs to asking Zoom; after an answer with a meeting, also what the
// bridge has from it.
type Followed struct {
	Bridge   Bridge
	StepRun  *StepRun // nil: it does not change
	Timeline []TimelineEntry
	Jobs     []Job // those that exist already are left as they are
}

// FollowEvents is the program's BridgeRule. Its result does not depend on the
// order in which the events arrived.
func FollowEvents(f BridgeFacts) Followed {
	var r Followed
	r.Bridge, r.StepRun = f.follow()
	r.Timeline, r.Jobs = f.watch(&r.Bridge)
	if f.Open && f.Bridge.State == BridgeReady && r.Bridge.State == BridgeFailed {
		r.Jobs = append(r.Jobs, Job{ // once for each meeting that is deleted
			ID: "again-" + r.Bridge.ID + "-" + r.Bridge.MeetingID, Kind: JobRunStep, Subject: r.StepRun.ID, State: JobQueued, RunAt: f.At, CreatedAt: f.At,
		})
	}
	return r
}

// follow returns the state of the call and its people.
func (f BridgeFacts) follow() (Bridge, *StepRun) {
	b := f.Bridge
	if b.Later.MeetingID != b.MeetingID { // the rest is about an earlier meeting
		b.Later = Later{Files: b.Later.Files, EarlierUntil: b.earlierUntil()}
	}
	b.Recordings, b.Later.Files = slices.Clone(b.Recordings), slices.Clone(b.Later.Files)
	readings := f.Readings
	if a := f.Answer; a != nil && !a.DeletedAt.IsZero() {
		readings = append(slices.Clip(readings), Reading{MeetingID: a.MeetingID, DeletedAt: a.DeletedAt})
	}
	for _, r := range readings {
		b.addRecordings(r)
		if r.MeetingID == "" || r.MeetingID != b.MeetingID || r.DeletedAt.IsZero() && r.RestoredAt.IsZero() {
			continue
		}
		b.Later.MeetingID = b.MeetingID
		if r.DeletedAt.After(b.Later.DeletedAt) {
			b.Later.DeletedAt = r.DeletedAt
		}
		if r.RestoredAt.After(b.Later.RestoredAt) {
			b.Later.RestoredAt = r.RestoredAt
		}
	}
	waiting := Waiting(f)
	if b.Waiting != len(waiting) {
		b.Waiting, b.UpdatedAt = len(waiting), f.At
	}
	if len(f.Instances) > 0 {
		d := DeriveBridge(b.State, f.Instances, f.Presences, waiting)
		if d.State == BridgeEnded && b.AgainAt.After(d.EndedAt) {
			d.State, d.EndedAt = b.State, time.Time{} // that was the last call
		}
		b.State, b.EndedAt, b.Inside, b.InsideMost, b.UpdatedAt = d.State, d.EndedAt, d.Inside, d.InsideMost, f.At
		if !d.StartedAt.IsZero() {
			b.StartedAt = d.StartedAt
		}
	}
	run := f.StepRun
	if !b.Later.DeletedAt.After(b.Later.RestoredAt) {
		if b.State != BridgeFailed || b.Later.JoinURL == "" {
			return b, nil
		}
		b.State, b.JoinURL, b.Later.JoinURL, b.UpdatedAt = BridgeReady, b.Later.JoinURL, "", f.At
		b.Reasons = nil
		run.State, run.Reason = StepDone, Reason{}
		return b, &run
	}
	if b.State != BridgeReady || b.Kind == KindStatic {
		return b, nil
	}
	// The meeting of a bridge that nobody has joined yet was deleted. While the incident
	// is open, the rungs are climbed again; later, recovering it in Zoom brings its link back.
	b.Later.JoinURL = b.JoinURL
	b.State, b.JoinURL, b.Waiting, b.UpdatedAt = BridgeFailed, "", 0, f.At
	b.Reasons = []Reason{{Code: ReasonMeetingDeleted}}
	if f.Open {
		b.Reasons[0].RetryAt = f.At
	}
	run.State, run.Reason = StepFailed, b.Reasons[0]
	return b, &run
}

// Derived is what the instances and presences of a bridge say about it.
type Derived struct {
	State      BridgeState
	StartedAt  time.Time // first start of any instance
	EndedAt    time.Time // last end; zero while an instance runs
	Inside     int
	InsideMost int
}

// DeriveBridge computes a bridge's state from what Zoom has sent so far. It
// treats its input as sets, so the result does not depend on the order in which
// the events arrived. A bridge without instances keeps its state. waiting is the
// result of Waiting.
func DeriveBridge(state BridgeState, instances []Instance, presences []Presence, waiting []Wait) Derived {
	presences = withoutWaiting(presences, waiting)
	d := Derived{State: state}
	if len(instances) == 0 {
		return d
	}
	ended := map[string]time.Time{}
	running, over := false, false
	for _, in := range instances {
		began, end := in.Began(), in.Ended()
		ended[in.UUID] = end
		if !began.IsZero() && (d.StartedAt.IsZero() || began.Before(d.StartedAt)) {
			d.StartedAt = began
		}
		switch {
		case !in.LeftAt.IsZero(): // it says nothing about the link that the bridge has now
		case end.IsZero():
			running = true
		default:
			over = true
			if end.After(d.EndedAt) {
				d.EndedAt = end
			}
		}
	}
	switch {
	case running:
		d.State, d.EndedAt = BridgeLive, time.Time{}
	case over:
		d.State = BridgeEnded
	}

	inside := map[string]bool{}
	// Zoom's times are whole seconds. Within a second, people leave who joined
	// earlier, then people join, then people leave who joined in this second.
	const leavesEarlier, joins, leavesSameSecond = 0, 1, 2
	type step struct {
		at           time.Time
		order, delta int
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
		steps = append(steps, step{p.JoinedAt, joins, +1})
		switch {
		case left.IsZero():
		case left.After(p.JoinedAt):
			steps = append(steps, step{left, leavesEarlier, -1})
		default:
			steps = append(steps, step{p.JoinedAt, leavesSameSecond, -1})
		}
	}
	d.Inside = len(inside)
	slices.SortFunc(steps, func(a, b step) int { return cmp.Or(a.at.Compare(b.at), a.order-b.order) })
	now := 0
	for _, s := range steps {
		now += s.delta
		d.InsideMost = max(d.InsideMost, now)
	}
	d.InsideMost = max(d.InsideMost, d.Inside)
	return d
}

// Inside returns the people in the running instances in the order in which they
// joined, each person once, with the earliest of their current sessions. waiting
// is the result of Waiting.
func Inside(instances []Instance, presences []Presence, waiting []Wait) []Presence {
	presences = withoutWaiting(presences, waiting)
	running := map[string]bool{}
	for _, in := range instances {
		running[in.UUID] = in.Ended().IsZero()
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

// Waiting returns the people who wait now, in the order in which they began to.
// Like DeriveBridge it treats its input as sets. The events that end a wait need
// not arrive: whoever joined no longer waits, nobody waits for the host of a call
// that started, and nobody waits for a call that ended.
//
// Nobody waits at a bridge that has no meeting, or no longer.
func Waiting(f BridgeFacts) []Wait {
	if f.Bridge.State == BridgeFailed || f.Bridge.Kind == KindStatic {
		return nil
	}
	var now []Wait
	for _, w := range f.Waits {
		// The other times are whole seconds.
		since := w.Since.Truncate(time.Second)
		after := func(t time.Time) bool { return !t.IsZero() && !t.Before(since) }
		over := w.Since.IsZero() || !w.Until.Before(w.Since) || !w.Since.After(f.Bridge.earlierUntil())
		for _, in := range f.Instances {
			switch w.Place {
			case WaitsForHost:
				over = over || after(in.Began()) || after(in.RunsAt) || after(in.Ended())
			case WaitsInRoom:
				over = over || in.UUID == w.UUID && after(in.Ended())
			}
		}
		for _, p := range f.Presences {
			switch w.Place {
			case WaitsForHost:
				over = over || after(p.JoinedAt)
			case WaitsInRoom:
				// The host may move someone to the waiting room in the second in
				// which they joined. Then they left as well.
				over = over || w.is(p) && after(p.JoinedAt) && (p.Inside() || p.JoinedAt.After(since))
			}
		}
		if !over {
			now = append(now, w)
		}
	}
	slices.SortFunc(now, func(a, b Wait) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.UUID, b.UUID), cmp.Compare(a.Person, b.Person))
	})
	return now
}

// is reports whether the presence is of the person who waits.
func (w Wait) is(p Presence) bool {
	return p.UUID == w.UUID && (p.Person == w.Person || w.Person == w.Name && p.Name == w.Name && w.Name != "")
}

// withoutWaiting returns the presences in which nobody is inside who was moved to
// the waiting room.
func withoutWaiting(presences []Presence, waiting []Wait) []Presence {
	if len(waiting) == 0 {
		return presences
	}
	presences = slices.Clone(presences)
	for i, p := range presences {
		for _, w := range waiting {
			if w.Place == WaitsInRoom && w.is(p) && p.Inside() {
				presences[i].LeftAt = w.Since
			}
		}
	}
	return presences
}
