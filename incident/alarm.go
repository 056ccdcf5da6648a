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

	// The others are alarms only while the incident is open.
	AlarmEmpty  Alarm = "empty"  // everybody left, and the call still runs
	AlarmOver   Alarm = "over"   // the call is over, and its incident is still open
	AlarmNobody Alarm = "nobody" // nobody has joined
	AlarmLong   Alarm = "long"   // the call has been running for long
)

// Level says how serious the alarm is.
func (a Alarm) Level() Level {
	switch a {
	case AlarmStuck:
		return LevelBad
	case AlarmEmpty, AlarmNobody:
		return LevelWarning
	case AlarmOver, AlarmLong:
		return LevelNote
	case AlarmNone:
	}
	return LevelOK
}

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
// event. It returns what the timeline says about a new one, and what is to be done.
func (f BridgeFacts) alarms(b *Bridge) (entries []TimelineEntry, jobs []Job) {
	before, since := b.Alarm, b.AlarmSince
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
	if f.Open && b.Kind != KindStatic {
		f.quiet(*b, begins)
	}
	if b.Alarm != before {
		b.UpdatedAt = f.At
	}
	if b.Alarm == AlarmEmpty && b.Asked.EndEmpty && (before != AlarmEmpty || !since.Equal(b.AlarmSince)) {
		jobs = append(jobs, Job{
			ID: endJob(b.ID, b.AlarmSince), Kind: JobEndEmpty, Subject: b.ID, State: JobQueued, RunAt: f.At, CreatedAt: f.At,
		})
	}
	return entries, jobs
}

// quiet begins the alarms about calls that nobody uses, or for long.
func (f BridgeFacts) quiet(b Bridge, begins func(a Alarm, since time.Time, after time.Duration, kind TimelineKind, data TimelineData)) {
	minutes := func(n int) time.Duration { return time.Duration(n) * time.Minute }
	nobody, empty, long := b.Asked.NobodyMinutes, b.Asked.EmptyMinutes, b.Asked.LongHours
	switch {
	case b.State == BridgeReady && nobody > 0 && b.Waiting == 0:
		since := b.ReadyAt
		if b.AgainAt.After(since) {
			since = b.AgainAt
		}
		// Without a word from Zoom it is not known that nobody came.
		if b.ToldAt.After(since) && b.Watch.Failures == 0 {
			begins(AlarmNobody, since, minutes(nobody), EntryNobody, TimelineData{Count: nobody})
		}
	case b.State == BridgeLive:
		if since := f.emptySince(b); empty > 0 && !since.IsZero() {
			begins(AlarmEmpty, since, minutes(empty), EntryEmpty, TimelineData{Count: empty})
		}
		var began time.Time
		for _, in := range f.Instances {
			if in.Ended().IsZero() && (began.IsZero() || in.Began().Before(began)) {
				began = in.Began()
			}
		}
		if began.Before(b.CreatedAt) && !began.IsZero() {
			began = b.CreatedAt // such as in a personal room that people used before
		}
		if long > 0 && !began.IsZero() {
			begins(AlarmLong, began, time.Duration(long)*time.Hour, EntryLong, TimelineData{Count: long})
		}
	case b.State == BridgeEnded && empty > 0 && !b.EndedAt.IsZero():
		begins(AlarmOver, b.EndedAt, minutes(empty), EntryOver, TimelineData{Count: empty})
	}
}

// emptySince returns when the last person left a call that runs; zero if somebody is
// inside or waits, or if Zoom has not said who was inside.
func (f BridgeFacts) emptySince(b Bridge) (last time.Time) {
	if b.Inside > 0 || b.Waiting > 0 || f.unseen() {
		return time.Time{}
	}
	for _, p := range f.sessions() {
		if p.LeftAt.After(last) {
			last = p.LeftAt
		}
	}
	return last
}

// FirstAlarm returns when the alarms of a bridge that has just changed are looked at;
// zero: not before Zoom says something about its call.
func (b Bridge) FirstAlarm() time.Time {
	if b.Alarm != AlarmNone || b.State == BridgeLive || b.State == BridgeEnded {
		return b.UpdatedAt
	}
	return b.AlarmAt
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
