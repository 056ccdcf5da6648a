package incident

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// JobSweep looks for left-over meetings. Job.Subject is when the look started, in Unix
// milliseconds.
const JobSweep JobKind = "sweep"

const (
	sweepEvery = 24 * time.Hour
	// sweepRetry is the pause after a look in which Zoom did not answer for a host.
	sweepRetry = time.Hour
	// sweepAge is how old a meeting is, and how long its incident is resolved, before it
	// is deleted. Until then other jobs look after it, and people may reopen the incident.
	sweepAge = giveUpLook
	// sweepBack is how long hosts are looked at after their last meeting. Zoom keeps the id
	// of a meeting that nobody uses for 30 days.
	sweepBack = 35 * 24 * time.Hour
	// sweepBatch hosts are listed in a row. The pause leaves Zoom's limit of calls in a
	// second to bridges.
	sweepBatch = 5
	sweepPause = time.Second
	listLag    = time.Hour        // how long Zoom may list a meeting that was deleted
	sweepYield = 10 * time.Second // while incidents wait for their bridges
	// sweepLimit is when a look that did not come to an end counts as over.
	sweepLimit = 3 * time.Hour
	// leftoverKept is how long a deleted meeting is shown.
	leftoverKept = 30 * 24 * time.Hour
)

// Sweep is the last look for left-over meetings.
type Sweep struct {
	StartedAt  time.Time // zero: there was none
	FinishedAt time.Time // zero: it runs
	Hosts      []SweptHost
}

// SweptHost is a host whose meetings were looked at.
type SweptHost struct {
	Email  string `json:"email"`
	Reason Reason `json:"reason,omitzero"` // why Zoom did not list the meetings; zero: it did
}

// NoUser reports whether the host is no Zoom user of the account, so that it has no meeting
// that Drawbridge made.
func (h SweptHost) NoUser() bool {
	return h.Reason.Zoom != nil && slices.Contains(noUser, h.Reason.Zoom.Code)
}

// Runs reports whether the look has not come to its end.
func (w Sweep) Runs(now time.Time) bool {
	return !w.StartedAt.IsZero() && w.FinishedAt.IsZero() && now.Sub(w.StartedAt) < sweepLimit
}

// Sweeps stores looks for left-over meetings.
type Sweeps interface {
	Sweep(ctx context.Context) (Sweep, error)
	// StartSweep stores a look that begins, with its job, and forgets meetings that were
	// deleted before a time. It returns Conflict and writes nothing if another one began
	// after idle, or has not finished and began after stuck.
	StartSweep(ctx context.Context, w Sweep, idle, stuck, deleted time.Time, job Job, audit AuditEntry) error
	// UpdateSweep writes what changes during a look, if it is still the last one.
	UpdateSweep(ctx context.Context, w Sweep) error
	// MeetingHosts returns who has hosted meetings of ours since then, and the hosts of
	// standby meetings and of left-over meetings that are not deleted.
	MeetingHosts(ctx context.Context, since time.Time) ([]string, error)
	// AllStandbys returns the standby meetings in all states that are still stored.
	AllStandbys(ctx context.Context) ([]Standby, error)
	Leftovers(ctx context.Context) ([]Leftover, error) // the newest first
	SaveLeftover(ctx context.Context, l Leftover) error
	DeleteLeftover(ctx context.Context, meetingID string) error
	// EventsOf returns the names of the events about a meeting that have been read, each once.
	EventsOf(ctx context.Context, meetingID string) ([]string, error)
	// UnreadAbout reports whether an event since then in the state new or unreadable names a
	// meeting, or whether there are too many to tell.
	UnreadAbout(ctx context.Context, state EventState, meetingID string, since time.Time) (bool, error)
	// UnappliedAbout reports whether an event since then that had no effect names a meeting:
	// it is stale or unreadable.
	UnappliedAbout(ctx context.Context, meetingID string, since time.Time) (bool, error)
}

// SweepNow looks for left-over meetings, soon.
func (s *Service) SweepNow(ctx context.Context, actor Actor) error {
	if err := need(actor, Admin); err != nil {
		return err
	}
	if _, err := s.accountClient(ctx); err != nil {
		return err
	}
	return s.startSweep(ctx, s.now(), s.audit(actor, AuditSweepRun, ""))
}

// startSweep starts a look unless one runs, or one began after idle.
func (s *Service) startSweep(ctx context.Context, idle time.Time, audit AuditEntry) error {
	now := s.now().Truncate(time.Millisecond)
	w := Sweep{StartedAt: now}
	err := s.store.StartSweep(ctx, w, idle, now.Add(-sweepLimit), now.Add(-leftoverKept), s.newJob(JobSweep, strconv.FormatInt(now.UnixMilli(), 10), now), audit)
	nudge(s.wakeJobs)
	return err
}

// scheduleSweep starts a look once a day, while no incident waits for its bridge.
func (s *Service) scheduleSweep(ctx context.Context) error {
	now := s.now()
	last, err := s.store.Sweep(ctx)
	if err != nil {
		return err
	}
	every := sweepEvery
	if slices.ContainsFunc(last.Hosts, func(h SweptHost) bool { return h.Reason.Zoom != nil && slices.Contains(passing, h.Reason.Zoom.Code) }) {
		every = sweepRetry
	}
	if now.Sub(last.StartedAt) < every {
		return nil
	}
	a, err := s.store.Account(ctx)
	if err != nil || !a.Connected() || a.OnlyEvents() || a.Check.At.IsZero() {
		return err
	}
	busy, err := s.store.BridgesBeingMade(ctx, now.Add(-waitFor))
	if err != nil || busy > 0 {
		return err
	}
	return moved(s.startSweep(ctx, now.Add(-every), AuditEntry{}))
}

// sweeper is one step of a look.
type sweeper struct {
	s        *Service
	account  Account
	sweep    Sweep
	standbys []Standby
}

// sweep does the next steps of a look. It returns when to go on, or zero if it is over.
func (s *Service) sweep(ctx context.Context, job Job) (again time.Time, err error) {
	w := sweeper{s: s}
	if w.sweep, err = s.store.Sweep(ctx); err != nil {
		return time.Time{}, err
	}
	if job.Subject != strconv.FormatInt(w.sweep.StartedAt.UnixMilli(), 10) || !w.sweep.Runs(s.now()) {
		return time.Time{}, nil
	}
	if busy, err := s.store.BridgesBeingMade(ctx, s.now().Add(-waitFor)); err != nil || busy > 0 {
		return s.now().Add(sweepYield), err
	}
	if w.account, err = s.store.Account(ctx); err != nil {
		return time.Time{}, err
	}
	if w.standbys, err = s.store.AllStandbys(ctx); err != nil {
		return time.Time{}, err
	}
	again, err = w.look(ctx)
	if err != nil || !again.IsZero() {
		return again, err
	}
	if again, err = w.settleAll(ctx); err != nil || !again.IsZero() {
		return again, err
	}
	w.sweep.FinishedAt = s.now()
	return time.Time{}, s.store.UpdateSweep(ctx, w.sweep)
}

// look lists the meetings of the next hosts, and stores which of them are left over.
func (w *sweeper) look(ctx context.Context) (again time.Time, err error) {
	hosts, err := w.s.store.MeetingHosts(ctx, w.s.now().Add(-sweepBack))
	if err != nil {
		return time.Time{}, err
	}
	hosts = append(hosts, w.account.BackupUsers...)
	slices.Sort(hosts)
	did := 0
	for _, host := range slices.Compact(hosts) {
		if slices.ContainsFunc(w.sweep.Hosts, func(h SweptHost) bool { return h.Email == host }) {
			continue
		}
		if did++; did > sweepBatch || w.outOfTime(ctx) {
			return w.s.now().Add(sweepPause), nil
		}
		h := SweptHost{Email: host}
		list, err := w.s.meetingsOf(ctx, w.account, host, w.sweep.StartedAt)
		if err != nil {
			h.Reason = reasonOf(err, host)
		}
		if err == nil || cannotHost(err) { // without the host, there are no meetings
			if err := w.sort(ctx, host, list); err != nil {
				return time.Time{}, err
			}
		}
		w.sweep.Hosts = append(w.sweep.Hosts, h)
		if err := w.s.store.UpdateSweep(ctx, w.sweep); err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, nil
}

func (w *sweeper) outOfTime(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ok && time.Until(end) < jobLimit/2
}

// sort stores which meetings of a host are left over, and forgets those that Zoom no longer
// has.
func (w *sweeper) sort(ctx context.Context, host string, list []zoom.Meeting) error {
	ids := make([]string, len(list))
	for i, m := range list {
		ids[i] = m.ID
	}
	used, err := w.s.store.MeetingsOfBridges(ctx, ids)
	if err != nil {
		return err
	}
	known, err := w.s.store.Leftovers(ctx)
	if err != nil {
		return err
	}
	for _, m := range list {
		var l Leftover
		ok := markOf(m.Agenda) != "" || used[m.ID] || w.standby(m) != nil // otherwise, a person made it
		if ok {
			if l, ok, err = w.leftover(ctx, host, m); err != nil {
				return err
			}
		}
		i := slices.IndexFunc(known, func(k Leftover) bool { return k.MeetingID == m.ID })
		if !ok {
			if i >= 0 && known[i].Outcome == LeftoverKept { // it is in use again
				if err := w.s.store.DeleteLeftover(ctx, m.ID); err != nil {
					return err
				}
			}
			continue
		}
		if i >= 0 && (known[i].Outcome == LeftoverDeleted || known[i].Kept == KeptRestored) {
			if w.s.now().Sub(known[i].LookedAt) < listLag {
				continue
			}
			l.Outcome, l.Kept = LeftoverKept, KeptRestored
		}
		if err := w.save(ctx, l); err != nil {
			return err
		}
	}
	for _, k := range known {
		if k.HostEmail != host || k.Outcome == LeftoverDeleted || slices.Contains(ids, k.MeetingID) {
			continue
		}
		if k.Outcome == LeftoverDeleting { // the program stopped after the call
			if err := w.deleted(ctx, k); err != nil {
				return err
			}
			continue
		}
		if err := w.s.store.DeleteLeftover(ctx, k.MeetingID); err != nil {
			return err
		}
	}
	return nil
}
