package incident

import (
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// Told says how we know what a bridge shows about its call.
type Told string

const (
	ToldByEvent Told = "event" // Zoom sent an event
	ToldAsked   Told = "asked" // Zoom answered when Drawbridge asked
)

// Watch is what Drawbridge remembers about asking Zoom about a call.
type Watch struct {
	TriedAt    time.Time `json:"tried_at,omitzero"` // when Drawbridge last asked
	Failures   int       `json:"failures,omitempty"`
	Since      time.Time `json:"since,omitzero"`        // of the first of these failures
	NotRunning int       `json:"not_running,omitempty"` // answers in a row that the call does not run, although an instance has not ended
	Gone       int       `json:"gone,omitempty"`        // answers in a row that there is no such meeting
	ChangedAt  time.Time `json:"changed_at,omitzero"`   // when an event said that the meeting may have been changed; zero: Zoom has been asked since
	Unseen     bool      `json:"unseen,omitempty"`      // the call runs, but Zoom did not say who is inside
}

// CallState is what Zoom says about a call when Drawbridge asks.
type CallState string

const (
	CallUnsaid     CallState = ""            // Zoom answered, but did not say
	CallNoAnswer   CallState = "no_answer"   // Zoom did not answer
	CallRunning    CallState = "running"     //
	CallNotRunning CallState = "not_running" // before it or after it
	CallGone       CallState = "gone"        // there is no such meeting
)

// Answer is what Zoom said when Drawbridge asked about the call of a bridge. Its
// instances and presences are upserts like those of a Reading.
type Answer struct {
	BridgeID  string
	MeetingID string // of the bridge when Drawbridge asked: the answer counts only while it has this meeting
	At        time.Time
	State     CallState
	Meeting   *zoom.Meeting // nil: it can't be used
	Instances []Instance
	Presences []Presence
	DeletedAt time.Time // when Drawbridge noticed that the meeting is gone
	Timeline  []TimelineEntry
}

// How often Zoom is asked about a call, if it answers: every minute while the call
// runs or may begin soon, later less often. Each question is one call of Zoom's
// category Light, of which the smallest account has four a second.
const (
	askSoon  = time.Minute
	askLate  = 5 * time.Minute
	askRare  = 30 * time.Minute
	askAgain = 20 * time.Second // to confirm a surprising answer
	askMost  = 15 * time.Minute // between attempts while Zoom does not answer

	// pastFor is how long after its end Drawbridge asks who was in a call.
	pastFor = time.Hour
)

// FirstAsk returns when Zoom is first asked about the call of a bridge that has just
// changed; zero if there is no call that Zoom knows.
func (b Bridge) FirstAsk() time.Time {
	switch {
	case b.Kind == KindStatic || b.MeetingID == "" || b.State != BridgeReady && b.State != BridgeLive && b.State != BridgeEnded:
		return time.Time{}
	case b.AskAt.IsZero():
		return b.UpdatedAt.Add(askSoon)
	}
	return b.AskAt
}

// watch stores on the bridge what asking and events say beside the call itself, and
// returns what the timeline says about it, and what is to be done.
func (f BridgeFacts) watch(b *Bridge) (entries []TimelineEntry, jobs []Job) {
	w := &b.Watch
	if a := f.Answer; a != nil {
		entries = a.Timeline
		if a.Meeting != nil && b.State != BridgeFailed && b.Kind != KindStatic && !f.Blanked && !a.At.Before(w.TriedAt) {
			entries = append(entries, b.reread(*a.Meeting, !w.ChangedAt.IsZero(), f.At)...)
		}
		if a.At.After(w.TriedAt) { // it may be the answer to an earlier question
			w.TriedAt = a.At
		}
		if a.State != CallNoAnswer && !a.At.Before(w.ChangedAt) {
			w.ChangedAt = time.Time{}
		}
		switch a.State {
		case CallNoAnswer:
			if w.Failures++; w.Failures == 1 {
				w.Since = a.At
			}
		default:
			w.Failures, w.Since = 0, time.Time{}
		}
		switch a.State {
		case CallRunning, CallNotRunning, CallGone:
			b.ToldAt, b.ToldBy, b.UpdatedAt = a.At, ToldAsked, f.At
			w.NotRunning, w.Gone = 0, 0
		case CallNoAnswer, CallUnsaid:
		}
		switch {
		case a.State == CallGone:
			w.Gone = f.Bridge.Watch.Gone + 1
		case a.State == CallNotRunning && b.State == BridgeLive:
			w.NotRunning = f.Bridge.Watch.NotRunning + 1
		}
	}
	for _, r := range f.Readings {
		if slices.Contains(r.Changed, b.ID) {
			w.ChangedAt = f.At
		}
		if r.BridgeID != b.ID || r.Instance == nil && r.Presence == nil && r.Wait == nil && r.DeletedAt.IsZero() && r.RestoredAt.IsZero() {
			continue
		}
		at := r.EventAt
		if at.After(f.At) {
			at = f.At // Zoom's clock is ahead
		}
		if at.After(b.ToldAt) {
			b.ToldAt, b.ToldBy = at, ToldByEvent
		}
	}
	w.Unseen = b.State == BridgeLive && b.Inside == 0 && f.unseen()
	b.AskAt = f.askAt(*b)
	alarms, jobs := f.alarms(b)
	return append(entries, alarms...), jobs
}

// unseen reports whether Zoom has not said who is inside one of the instances that run.
func (f BridgeFacts) unseen() bool {
	sessions := f.sessions()
	return len(sessions) == 0 || slices.ContainsFunc(f.Instances, func(in Instance) bool {
		return in.Ended().IsZero() && !slices.ContainsFunc(sessions, func(p Presence) bool { return p.UUID == in.UUID })
	})
}

// sessions are the sessions in the instances that run, also those that are over. If an
// instance was said to have ended and runs, those of before say nothing about it.
func (f BridgeFacts) sessions() (list []Presence) {
	for _, in := range f.Instances {
		for _, p := range f.Presences {
			if in.Ended().IsZero() && p.UUID == in.UUID && (!in.resumed() || p.Inside() || p.JoinedAt.After(in.lastEnd())) {
				list = append(list, p)
			}
		}
	}
	return list
}

// askAt returns when Zoom is asked about the bridge's call next; zero: never.
func (f BridgeFacts) askAt(b Bridge) time.Time {
	if b.FirstAsk().IsZero() {
		return time.Time{}
	}
	var pause time.Duration
	switch {
	case b.State == BridgeLive:
		pause = paced(f.At.Sub(b.StartedAt), 2*time.Hour, 24*time.Hour)
		if b.Watch.NotRunning > 0 {
			pause = askAgain
		}
	case b.State == BridgeReady && f.Open:
		pause = paced(min(f.At.Sub(b.ReadyAt), f.At.Sub(b.AgainAt)), time.Hour, 24*time.Hour)
	case b.State == BridgeEnded && f.Open: // its link works again
		pause = paced(f.At.Sub(b.EndedAt), time.Hour, 24*time.Hour)
	}
	for _, in := range f.Instances {
		if in.wantsPast(f.At) {
			pause = askSoon
		}
	}
	if b.Watch.Gone > 0 && b.State != BridgeEnded {
		pause = askAgain
	}
	if pause == 0 {
		return time.Time{}
	}
	if !b.Watch.ChangedAt.IsZero() {
		pause = askChanged
	}
	if n := b.Watch.Failures; n > 0 {
		pause = max(pause, min(askMost, askSoon<<min(n, 10)))
	}
	next := b.Watch.TriedAt.Add(pause)
	if b.Watch.TriedAt.IsZero() {
		next = b.ReadyAt.Add(pause)
	}
	if next.Before(f.At) && !b.Watch.ChangedAt.IsZero() {
		return f.At // what somebody is asking at the moment may be older
	}
	if !next.After(f.At) && b.AskAt.After(f.At) { // somebody is asking at the moment
		next = b.AskAt
	}
	return next
}

func paced(age, young, old time.Duration) time.Duration {
	switch {
	case age < young:
		return askSoon
	case age < old:
		return askLate
	}
	return askRare
}

// wantsPast reports whether Zoom is still to be asked who was in an instance.
func (i Instance) wantsPast(now time.Time) bool {
	return !i.Ended().IsZero() && i.AskedAt.IsZero() && now.Sub(i.Ended()) < pastFor
}
