package incident

import (
	"cmp"
	"slices"
	"time"
)

// Attendee is a person who was in the calls of a bridge.
type Attendee struct {
	Name, Email string
	JoinedAt    time.Time     // first
	LeftAt      time.Time     // last; zero: still inside, or Zoom did not say
	Total       time.Duration // inside, without the time between
}

// Attendance returns who was in the calls of a bridge, in the order in which they first
// came. Sessions of one person that overlap count once. Somebody who never left was
// inside until the call ended.
func Attendance(f BridgeFacts) (list []Attendee) {
	ended := map[string]time.Time{}
	for _, in := range f.Instances {
		ended[in.UUID] = in.Ended()
	}
	presences := slices.Clone(withoutWaiting(f.Presences, Waiting(f)))
	slices.SortStableFunc(presences, func(a, b Presence) int { return a.JoinedAt.Compare(b.JoinedAt) })
	at := map[string]int{}          // the index of a person
	until := map[string]time.Time{} // the end of the sessions that are counted
	for _, p := range presences {
		if p.JoinedAt.IsZero() {
			continue
		}
		key := cmp.Or(CanonicalEmail(p.Email), p.UUID+" "+p.Person)
		left := p.LeftAt
		if p.Inside() {
			left = ended[p.UUID]
		}
		n, known := at[key]
		if !known {
			n, list = len(list), append(list, Attendee{JoinedAt: p.JoinedAt, LeftAt: p.JoinedAt})
			at[key] = n
		}
		a := &list[n]
		a.Name, a.Email = cmp.Or(a.Name, p.Name), cmp.Or(a.Email, p.Email)
		if left.IsZero() {
			a.LeftAt, left = time.Time{}, f.At
		} else if !a.LeftAt.IsZero() && left.After(a.LeftAt) {
			a.LeftAt = left
		}
		from := p.JoinedAt
		if from.Before(until[key]) {
			from = until[key]
		}
		if left.After(from) {
			a.Total += left.Sub(from)
			until[key] = left
		}
	}
	return list
}
