package incident

import (
	"context"
	"fmt"
	"time"
)

// Alarm says what is wrong with a call at the moment. The codes are stored.
type Alarm string

const (
	AlarmNone  Alarm = ""
	AlarmStuck Alarm = "stuck" // people wait to get in, and nobody lets them in
)

// StuckAfter is how long people wait, while nobody is let in, until that is an alarm.
const StuckAfter = 30 * time.Second

// StuckPlace returns where the people wait of whom the alarm is about.
func StuckPlace(waiting []Wait) Place {
	if len(waiting) == 0 {
		return ""
	}
	return waiting[0].Place
}

// alarms sets the alarm of the bridge, and when the next one may begin without any
// event. It returns what the timeline says about a new one.
func (f BridgeFacts) alarms(b *Bridge) (entries []TimelineEntry) {
	before := b.Alarm
	b.Alarm, b.AlarmSince, b.AlarmAt = AlarmNone, time.Time{}, time.Time{}
	begins := func(a Alarm, since time.Time, after time.Duration, kind TimelineKind, data TimelineData) {
		switch at := since.Add(after); {
		case b.Alarm != AlarmNone: // one alarm is enough; the first is the gravest
		case at.After(f.At):
			if b.AlarmAt.IsZero() || at.Before(b.AlarmAt) {
				b.AlarmAt = at
			}
		default:
			b.Alarm, b.AlarmSince = a, since
			entries = append(entries, TimelineEntry{
				ID: fmt.Sprintf("alarm-%s-%s-%d", b.ID, a, since.UnixMilli()), IncidentNumber: b.IncidentNumber, BridgeID: b.ID, At: at, Kind: kind, Data: data,
			})
		}
	}
	if waiting := Waiting(f); len(waiting) > 0 && (b.State == BridgeReady || b.State == BridgeLive) {
		begins(AlarmStuck, f.stuckSince(waiting), StuckAfter, EntryStuck, TimelineData{Count: len(waiting), Place: StuckPlace(waiting)})
	}
	if b.Alarm != before {
		b.UpdatedAt = f.At
	}
	return entries
}

// stuckSince returns since when people wait while nobody is let in.
func (f BridgeFacts) stuckSince(waiting []Wait) time.Time {
	since := waiting[0].Since
	for _, w := range f.Waits {
		for _, p := range f.Presences {
			if w.is(p) && !p.JoinedAt.Before(w.Since.Truncate(time.Second)) && p.JoinedAt.After(since) && w.Until.After(w.Since) {
				since = p.JoinedAt
			}
		}
	}
	return since
}

// alarmOnce begins the alarm of one bridge that is due without any event.
func (s *Service) alarmOnce(ctx context.Context) (int, error) {
	return s.store.FollowDue(ctx, s.now(), FollowEvents)
}
