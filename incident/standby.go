package incident

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// MaxStandby is the limit for standby meetings.
const MaxStandby = 10

const (
	standbyEvery = 20 * time.Second // how often the standby meetings are looked after
	standbyCheck = 6 * time.Hour    // how often each is read back
	standbyRetry = time.Minute      // the pause after Zoom did not answer
	// standbyAge is when a standby meeting is replaced. Zoom keeps the id of a recurring
	// meeting that nobody uses for a year, and that of any other for 30 days.
	standbyAge      = 300 * 24 * time.Hour
	standbyAgeOther = 25 * 24 * time.Hour
	// peopleReserve is how many of a host's creates of a day are not spent on standby
	// meetings.
	peopleReserve = HostDayLimit / 5

	typeScheduled = 2
	typeRecurring = 3
)

// StandbyState is the state of a standby meeting: calling → made → ready → claimed.
type StandbyState string

const (
	StandbyCalling StandbyState = "calling" // stored before the call that creates it; after a restart it means unknown
	StandbyUnknown StandbyState = "unknown" // Zoom may have created it
	StandbyMade    StandbyState = "made"    // not read back yet
	StandbyReady   StandbyState = "ready"
	StandbyClaimed StandbyState = "claimed" // it is the meeting of a bridge
	StandbyStale   StandbyState = "stale"   // not needed, or not as it should be: it will be deleted
	StandbyRefused StandbyState = "refused" // Zoom did not create it
	StandbyGone    StandbyState = "gone"
)

// Standby is a meeting that was made in advance, so that a bridge exists while Zoom
// does not answer.
type Standby struct {
	ID        string // UUIDv7; it is also in the meeting's agenda, so that the meeting can be found
	HostEmail string
	State     StandbyState
	Meeting   zoom.Meeting // without StartURL
	Reason    Reason       // why it is not ready; zero: none
	Looks     int          // number of searches that Zoom answered and that did not find it
	BridgeID  string
	CreatedAt time.Time
	CheckedAt time.Time // when it was last read back
	TryAt     time.Time // do nothing with it before
	ClaimedAt time.Time
}

// Standbys stores standby meetings.
type Standbys interface {
	// Standbys returns the standby meetings that may exist in Zoom and belong to no
	// bridge, and those that Zoom refused since a time, oldest first.
	Standbys(ctx context.Context, refusedSince time.Time) ([]Standby, error)
	// SaveStandby inserts a standby meeting, or updates it if from is set. It returns
	// Conflict if it is not in that state, or if it was doubted after m.CheckedAt.
	SaveStandby(ctx context.Context, m Standby, from StandbyState) error
	// DoubtStandbys forgets when those of the standby meetings that are not claimed were
	// read back. at is when the doubt arose.
	DoubtStandbys(ctx context.Context, ids []string, at time.Time) error
	// EnsureJob stores a job, or makes the one with its id due if it is not running.
	EnsureJob(ctx context.Context, j Job) error
}

// checkStandby adds what is wrong with the number of standby meetings to fields.
func checkStandby(fields map[string]string, a Account) {
	n, hosts := a.StandbyMeetings, len(a.BackupUsers)
	day := hosts * (HostDayLimit - peopleReserve)
	switch {
	case n > day && hosts > 0:
		fields["standby_meetings"] = fmt.Sprintf("Zoom lets each backup user create %d meetings a day, and Drawbridge keeps %d of them for incidents. With %d × %d = %d a day, it can’t keep %d ready. Enter a number from 0 to %d.",
			HostDayLimit, peopleReserve, hosts, HostDayLimit-peopleReserve, day, n, MaxStandby)
	case n < 0 || n > MaxStandby:
		fields["standby_meetings"] = fmt.Sprintf("Enter a number from 0 to %d.", MaxStandby)
	}
}

// ErrStandbyTaken says that a standby meeting was claimed or replaced meanwhile.
// ChangeBridge returns it.
var ErrStandbyTaken = refuse(Conflict, "The standby meeting is not ready any more.")

// wakeStandby has the standby meetings looked after at once. The job never ends: it has
// one fixed id, so that only one server does it at a time.
func (s *Service) wakeStandby(ctx context.Context) {
	j := s.newJob(JobStandby, "", s.now())
	j.ID = "standby"
	if err := s.store.EnsureJob(ctx, j); err != nil {
		s.log.Error("could not queue the job for standby meetings", "error", err)
		return
	}
	nudge(s.wakeJobs)
}

// standbyEvents are the events that say that a meeting may no longer do as a standby meeting.
var standbyEvents = []string{"meeting.deleted", "meeting.permanently_deleted", "meeting.updated", "meeting.started"}

// doubtStandbys has the standby meetings that events are about read back at once. One
// that was deleted is never handed out again, even if Zoom falls silent now.
func (s *Service) doubtStandbys(ctx context.Context, events []Event, readings []Reading) error {
	var meetings, deleted, ids []string
	for i, r := range readings {
		if events[i].counts() && r.MeetingID != "" && slices.Contains(standbyEvents, r.Event) {
			meetings = append(meetings, r.MeetingID)
			if r.Event == "meeting.deleted" || r.Event == "meeting.permanently_deleted" {
				deleted = append(deleted, r.MeetingID)
			}
		}
	}
	if len(meetings) == 0 {
		return nil
	}
	rows, err := s.store.Standbys(ctx, s.now())
	if err != nil {
		return err
	}
	for _, m := range rows {
		if slices.Contains(meetings, m.Meeting.ID) {
			ids = append(ids, m.ID)
		}
		if from := m.State; slices.Contains(deleted, m.Meeting.ID) && (from == StandbyMade || from == StandbyReady) {
			m.State, m.TryAt = StandbyStale, time.Time{}
			if err := moved(s.store.SaveStandby(ctx, m, from)); err != nil {
				return err
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if err := s.store.DoubtStandbys(ctx, ids, s.now()); err != nil {
		return err
	}
	s.wakeStandby(ctx)
	return nil
}
