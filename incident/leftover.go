package incident

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// LeftoverWhy says why no incident uses a meeting. The codes are stored.
type LeftoverWhy string

const (
	LeftTwin     LeftoverWhy = "twin"     // Zoom made it, and the bridge has another link
	LeftReplaced LeftoverWhy = "replaced" // the bridge had it, and has another link now
	LeftUnused   LeftoverWhy = "unused"   // its incident is resolved, and nobody came
	LeftStandby  LeftoverWhy = "standby"  // it was made in advance, and Drawbridge no longer keeps it
	LeftUnknown  LeftoverWhy = "unknown"  // it has the mark of a Drawbridge, and this one did not make it
)

// LeftoverOutcome says what became of a left-over meeting. The codes are stored.
type LeftoverOutcome string

const (
	LeftoverChecking LeftoverOutcome = "checking" // Zoom is being asked whether somebody was in it
	LeftoverDeleting LeftoverOutcome = "deleting" // stored before the call that deletes it
	LeftoverDeleted  LeftoverOutcome = "deleted"
	LeftoverKept     LeftoverOutcome = "kept"
)

// LeftoverReason says why a left-over meeting was not deleted. The codes are stored.
type LeftoverReason string

const (
	KeptRunning   LeftoverReason = "running"  // the call runs, so people may be in it
	KeptHeld      LeftoverReason = "held"     // somebody was in it
	KeptUnsaid    LeftoverReason = "unsaid"   // Zoom did not say whether somebody was in it; Reason
	KeptOpen      LeftoverReason = "open"     // its incident is open
	KeptYoung     LeftoverReason = "young"    // it is new, or its incident was resolved a short time ago
	KeptForeign   LeftoverReason = "foreign"  // this Drawbridge did not make it: another one did, or a person copied a meeting
	KeptChanged   LeftoverReason = "changed"  // a person changed it: it recurs, or has lost its mark
	KeptUnread    LeftoverReason = "unread"   // an event that names it can't be read
	KeptRecorded  LeftoverReason = "recorded" // Zoom has a recording of it
	KeptRestored  LeftoverReason = "restored" // it was deleted, and a person recovered it
	KeptPersonal  LeftoverReason = "personal" // it uses a personal meeting id
	KeptNotByZoom LeftoverReason = "refused"  // Zoom did not delete it; Reason
)

// Leftover is a meeting that Drawbridge made and that no incident uses any more.
type Leftover struct {
	MeetingID      string
	HostEmail      string
	Topic          string
	Why            LeftoverWhy
	IncidentNumber int64  // 0: none, or not known
	BridgeID       string // "": none, or not known
	Outcome        LeftoverOutcome
	Kept           LeftoverReason
	Reason         Reason // what Zoom answered; zero: nothing to say
	CreatedAt      time.Time
	LookedAt       time.Time
}

func (w *sweeper) save(ctx context.Context, l Leftover) error {
	ctx, cancel := attached(ctx, stateWrite)
	defer cancel()
	l.LookedAt = w.s.now()
	if l.CreatedAt.IsZero() { // Zoom did not say, and this Drawbridge did not make it
		l.CreatedAt = l.LookedAt
	}
	return w.s.store.SaveLeftover(ctx, l)
}

// keep stores that a left-over meeting stays.
func (w *sweeper) keep(ctx context.Context, l Leftover, why LeftoverReason, err error) error {
	l.Outcome, l.Kept = LeftoverKept, why
	if l.Reason = (Reason{}); err != nil {
		l.Reason = reasonOf(err, l.HostEmail)
	}
	return w.save(ctx, l)
}

// standby returns the standby meeting that a meeting is, by its mark or its id, or nil. The
// mark goes when an incident gets the meeting.
func (w *sweeper) standby(m zoom.Meeting) *Standby {
	mark := markOf(m.Agenda)
	i := slices.IndexFunc(w.standbys, func(s Standby) bool { return s.ID == mark || s.Meeting.ID == m.ID })
	if i < 0 {
		return nil
	}
	return &w.standbys[i]
}

// leftover returns what a meeting of ours is, and false if it is none that is left over. Its
// outcome is checking if only Zoom can say whether it may be deleted.
func (w *sweeper) leftover(ctx context.Context, host string, m zoom.Meeting) (l Leftover, ok bool, err error) {
	l = Leftover{MeetingID: m.ID, HostEmail: host, Topic: cutRunes(m.Topic, MaxTopic), CreatedAt: m.CreatedAt, Outcome: LeftoverChecking}
	kept := func(why LeftoverReason) (Leftover, bool, error) {
		l.Outcome, l.Kept = LeftoverKept, why
		return l, true, nil
	}
	var made time.Time
	var known bool // Zoom gave us this id
	mark, standby := markOf(m.Agenda), w.standby(m)
	switch {
	case standby != nil && standby.Meeting.ID != m.ID && (standby.Meeting.ID != "" || standby.HostEmail != host):
		l.Why = LeftUnknown
		return kept(KeptForeign)
	case standby != nil && standby.State != StandbyClaimed && standby.State != StandbyGone && standby.State != StandbyRefused:
		return l, false, nil // it is looked after
	case standby != nil:
		made, l.BridgeID, l.Why, known = standby.CreatedAt, standby.BridgeID, LeftStandby, standby.Meeting.ID == m.ID
	case mark != "":
		a, err := w.s.store.Attempt(ctx, mark)
		if err != nil && CodeOf(err) != NotFound {
			return l, false, err
		}
		if err != nil || a.MeetingID != m.ID && (a.MeetingID != "" || a.HostEmail != host) {
			l.Why = LeftUnknown
			return kept(KeptForeign)
		}
		made, l.BridgeID, l.Why, known = a.StartedAt, a.BridgeID, LeftTwin, a.MeetingID == m.ID
		if a.State == AttemptDone {
			l.Why = LeftReplaced
		}
	default: // a bridge has it, but a person has taken the mark out
		if l.BridgeID, _, err = w.s.store.BridgeForMeeting(ctx, "", m.ID, time.Time{}); err != nil || l.BridgeID == "" {
			return l, false, err
		}
	}
	var i Incident
	if l.BridgeID != "" {
		b, err := w.s.store.Bridge(ctx, l.BridgeID)
		if err != nil {
			return l, false, err
		}
		if i, err = w.s.store.Incident(ctx, b.IncidentNumber); err != nil {
			return l, false, err
		}
		l.IncidentNumber = i.Number
		switch has := b.MeetingID == m.ID && b.Kind != KindStatic; {
		case has && (i.Status == StatusOpen || b.Used()):
			return l, false, nil
		case has:
			l.Why = LeftUnused
		case l.Why == "":
			return l, false, nil
		case l.Why == LeftStandby:
			l.Why = LeftReplaced
		}
	}
	if l.CreatedAt.IsZero() {
		l.CreatedAt = made
	}
	now, asked := w.s.now(), typeScheduled
	if standby != nil {
		asked = cmp.Or(standby.Meeting.Type, typeRecurring)
	}
	from := made.Add(w.s.skew() - 5*time.Minute) // on Zoom's clock
	switch {
	case !known && !made.IsZero() && (l.CreatedAt.Before(from) || l.CreatedAt.After(from.Add(giveUpLook))):
		l.Why = LeftUnknown
		return kept(KeptForeign)
	case mark != "" && !w.s.made(m.Agenda):
		l.Why = LeftUnknown
		return kept(KeptForeign)
	case personalID(m), m.PMI != "":
		return kept(KeptPersonal)
	case mark == "", made.IsZero(), m.Type != 0 && m.Type != asked:
		return kept(KeptChanged)
	case l.BridgeID != "" && i.Status == StatusOpen:
		return kept(KeptOpen)
	case now.Sub(l.CreatedAt) < sweepAge || l.BridgeID != "" && now.Sub(i.ResolvedAt) < sweepAge:
		return kept(KeptYoung)
	}
	return l, true, nil
}

// Used reports whether somebody was in the call of the bridge.
func (b Bridge) Used() bool {
	return !b.StartedAt.IsZero() || b.State == BridgeLive || b.InsideMost > 0 || len(b.Recordings) > 0
}

// settleAll asks Zoom about the meetings that may be deleted, and deletes those in which
// nobody ever was. It returns when to go on.
func (w *sweeper) settleAll(ctx context.Context) (again time.Time, err error) {
	list, err := w.s.store.Leftovers(ctx)
	if err != nil {
		return time.Time{}, err
	}
	did := 0
	for _, l := range list {
		if l.Outcome != LeftoverChecking && l.Outcome != LeftoverDeleting {
			continue
		}
		if did++; did > sweepBatch || w.outOfTime(ctx) {
			return w.s.now().Add(sweepPause), nil
		}
		if again, err := w.settle(ctx, l); err != nil || !again.IsZero() {
			return again, err
		}
	}
	return time.Time{}, nil
}

// settle deletes a meeting if nobody ever was in it, or stores why it stays. While an event
// about the meeting waits to be read, settle must be called again.
func (w *sweeper) settle(ctx context.Context, was Leftover) (again time.Time, err error) {
	client, err := w.s.zoomClient(w.account)
	if err != nil {
		return time.Time{}, w.keep(ctx, was, KeptUnsaid, err)
	}
	m, err := client.GetMeeting(ctx, was.MeetingID)
	if foreignLink(err) {
		err = nil
	}
	switch {
	case gone(err) && was.Outcome == LeftoverDeleting: // the program stopped after the call
		return time.Time{}, w.deleted(ctx, was)
	case gone(err):
		return time.Time{}, w.s.store.DeleteLeftover(ctx, was.MeetingID)
	case err != nil:
		return time.Time{}, w.keep(ctx, was, KeptUnsaid, err)
	}
	_, past := client.GetPastMeeting(ctx, m.ID)
	recorded, notSaid := client.Recorded(ctx, m.ID)
	// Whatever has changed during these calls counts.
	l, ok, err := w.leftover(ctx, was.HostEmail, m)
	switch {
	case err != nil:
		return time.Time{}, err
	case !ok:
		return time.Time{}, w.s.store.DeleteLeftover(ctx, was.MeetingID)
	case l.Outcome == LeftoverKept:
		return time.Time{}, w.save(ctx, l)
	case m.Status == "started":
		return time.Time{}, w.keep(ctx, l, KeptRunning, nil)
	}
	if why, again, err := w.heard(ctx, l); err != nil || !again.IsZero() {
		return again, err
	} else if why != "" {
		return time.Time{}, w.keep(ctx, l, why, nil)
	}
	switch {
	case past == nil:
		return time.Time{}, w.keep(ctx, l, KeptHeld, nil)
	case recorded:
		return time.Time{}, w.keep(ctx, l, KeptRecorded, nil)
	case !gone(past) || m.Status != "waiting":
		return time.Time{}, w.keep(ctx, l, KeptUnsaid, past)
	case notSaid != nil:
		return time.Time{}, w.keep(ctx, l, KeptUnsaid, notSaid)
	}
	l.Outcome = LeftoverDeleting
	if err := w.save(ctx, l); err != nil {
		return time.Time{}, err
	}
	if err := w.endUnused(ctx, l); err != nil {
		if CodeOf(err) == Conflict {
			return time.Time{}, w.s.store.DeleteLeftover(ctx, l.MeetingID)
		}
		return time.Time{}, err
	}
	// What has changed meanwhile counts too: nothing gets a deleted meeting back for sure.
	if why, again, err := w.heard(ctx, l); err != nil || !again.IsZero() {
		return again, err
	} else if why != "" {
		return time.Time{}, w.keep(ctx, l, why, nil)
	}
	if bridge, err := w.s.store.OpenBridgeWithMeeting(ctx, l.MeetingID, ""); err != nil {
		return time.Time{}, err
	} else if bridge != "" {
		return time.Time{}, w.s.store.DeleteLeftover(ctx, l.MeetingID)
	}
	switch err := client.DeleteMeeting(ctx, l.MeetingID); {
	case err == nil, gone(err):
		return time.Time{}, w.deleted(ctx, l)
	case zoom.ProblemOf(err).Code == zoom.ProblemMeetingInProgress:
		return time.Time{}, w.keep(ctx, l, KeptRunning, nil)
	case !refusedByZoom(err) && was.Outcome == LeftoverChecking: // it may be deleted: look again
		return time.Time{}, err
	default:
		return time.Time{}, w.keep(ctx, l, KeptNotByZoom, err)
	}
}

// heard returns why a meeting stays because of its events, or "". While one of them waits to
// be read, it returns when to call it again.
func (w *sweeper) heard(ctx context.Context, l Leftover) (why LeftoverReason, again time.Time, err error) {
	since := l.CreatedAt.Add(-sweepAge)
	waits, err := w.s.store.UnreadAbout(ctx, EventNew, l.MeetingID, since) // first: it may be read next
	if err != nil {
		return "", time.Time{}, err
	}
	if waits {
		return "", w.s.now().Add(sweepPause), nil
	}
	unreadable, err := w.s.store.UnreadAbout(ctx, EventUnreadable, l.MeetingID, since)
	if err != nil {
		return "", time.Time{}, err
	}
	said, err := w.s.store.EventsOf(ctx, l.MeetingID)
	switch {
	case err != nil:
		return "", time.Time{}, err
	case slices.ContainsFunc(said, func(event string) bool {
		return event == "meeting.started" || strings.HasPrefix(event, "meeting.participant_") // also of people who did not get in
	}):
		return KeptHeld, time.Time{}, nil
	case slices.Contains(said, "meeting.recovered"):
		return KeptRestored, time.Time{}, nil
	case unreadable:
		return KeptUnread, time.Time{}, nil
	}
	return "", time.Time{}, nil
}

// endUnused ends the bridge whose meeting is deleted next, so that Zoom's event about it is
// no surprise. It returns Conflict if the meeting is in use again.
func (w *sweeper) endUnused(ctx context.Context, l Leftover) error {
	if l.Why != LeftUnused {
		return nil
	}
	b, err := w.s.store.Bridge(ctx, l.BridgeID)
	if err != nil {
		return err
	}
	i, err := w.s.store.Incident(ctx, b.IncidentNumber)
	if err != nil {
		return err
	}
	switch {
	case i.Status == StatusOpen, b.Used(), b.MeetingID != l.MeetingID:
		return refuse(Conflict, "This meeting is in use.")
	case b.State != BridgeReady: // such as after the program stopped before the call
		return nil
	}
	b.State, b.EndedAt, b.UpdatedAt = BridgeEnded, w.s.now(), w.s.now()
	return w.s.store.ChangeBridge(ctx, BridgeChange{Bridge: b, From: []BridgeState{BridgeReady}, FromLink: b.JoinURL})
}

// deleted stores that a meeting was deleted, in the timeline of its incident too.
func (w *sweeper) deleted(ctx context.Context, l Leftover) error {
	l.Outcome = LeftoverDeleted
	if err := w.save(ctx, l); err != nil || l.IncidentNumber == 0 {
		return err
	}
	kind := EntryTwinDeleted
	switch l.Why {
	case LeftUnused:
		kind = EntryUnusedDeleted
	case LeftReplaced:
		kind = EntryReplacedDeleted
	case LeftTwin, LeftStandby, LeftUnknown:
	}
	ctx, cancel := attached(ctx, stateWrite)
	defer cancel()
	return w.s.store.AddTimeline(ctx, TimelineEntry{
		ID: "swept-" + l.MeetingID, IncidentNumber: l.IncidentNumber, BridgeID: l.BridgeID, At: w.s.now(), Kind: kind, Data: TimelineData{Host: l.HostEmail},
	})
}
