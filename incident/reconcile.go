package incident

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// Drawbridge looks for meetings that may or may not exist. Zoom's list can be
// delayed, so several answered searches must miss a meeting before it counts as
// not created.
const (
	firstLook    = 2 * time.Second
	betweenLooks = 10 * time.Second
	looksNeeded  = 3
	// maxAttempts is how many times Drawbridge tries to create a meeting for a bridge
	// one right after another. Then it pauses.
	maxAttempts = 6
	// waitFor is how long a bridge waits for the outcome of an attempt before
	// Drawbridge asks Zoom for another meeting. It keeps looking for the first
	// meeting, less often, so that a duplicate is found and deleted.
	waitFor    = time.Hour
	lateLook   = time.Hour
	giveUpLook = 24 * time.Hour
	// lastLook is when Drawbridge looks once more for a meeting that it counts as not
	// created, because Zoom can create a meeting long after the call was cut off.
	lastLook = 3 * time.Minute
)

// reconcile looks for the meeting of an attempt with unknown outcome, by the mark
// in its agenda. If it finds the meeting, the meeting becomes the bridge. If the
// bridge has another link by now and nobody is in the meeting, it is deleted.
// again is the time of the next search; zero means that the job is done.
func (s *Service) reconcile(ctx context.Context, job Job) (again time.Time, err error) {
	attempt, err := s.store.Attempt(ctx, job.Subject)
	if err != nil {
		return time.Time{}, err
	}
	if attempt.State == AttemptCalling { // the program that called has stopped, or doesn't get an answer
		attempt.State, attempt.Reason, attempt.FinishedAt = AttemptUnknown, s.lost(attempt, Reason{Code: ReasonRestarted}), s.now()
		if err := s.writeAttempt(ctx, attempt, AttemptCalling); err != nil {
			return time.Time{}, err
		}
	}
	if attempt.State != AttemptUnknown { // whoever closed it may not have gone on with the bridge
		why := attempt.Reason
		if why.Code == "" {
			why.Code = ReasonOverdue
		}
		return time.Time{}, s.goOn(ctx, attempt.BridgeID, why)
	}
	age := s.now().Sub(attempt.StartedAt)
	meeting, found, err := s.findMarked(ctx, attempt, job.RunAt)
	switch {
	case found:
		return s.adopt(ctx, attempt, AttemptUnknown, meeting, err)
	case err == nil && age < betweenLooks*time.Duration(attempt.Looks):
		// A person asked for this look. It counts only if Zoom had time to list the meeting.
		return s.now().Add(betweenLooks), nil
	case err == nil && attempt.Looks+1 < looksNeeded:
		attempt.Looks++
		return s.now().Add(betweenLooks), errors.Join(s.closeAttempt(ctx, attempt, AttemptUnknown, attempt.Reason), s.standIn(ctx, attempt.BridgeID))
	case err == nil:
		last := s.newJob(JobLastLook, attempt.ID, attempt.StartedAt.Add(lastLook))
		return time.Time{}, s.notMade(ctx, attempt, Reason{Code: ReasonNotCreated}, last)
	case cannotHost(err) || age > giveUpLook:
		return time.Time{}, s.notMade(ctx, attempt, reasonOf(err, attempt.HostEmail))
	case age > waitFor:
		return s.now().Add(lateLook), s.goOn(ctx, attempt.BridgeID, Reason{Code: ReasonNoAnswer})
	}
	s.log.Warn("could not look for a meeting", "attempt", attempt.ID, "error", err)
	return s.now().Add(backoff(job.Attempt)), errors.Join(s.sayWhy(ctx, attempt, err), s.standIn(ctx, attempt.BridgeID))
}

// LookNow looks at once for the meetings that a bridge in the state unknown may have,
// instead of at the time that is planned.
func (s *Service) LookNow(ctx context.Context, actor Actor, bridgeID string) error {
	if err := need(actor, Responder); err != nil {
		return err
	}
	bridge, err := s.store.Bridge(ctx, bridgeID)
	if err != nil {
		return err
	}
	if bridge.State != BridgeUnknown {
		return refuse(Conflict, "The bridge has just changed. Check it again.")
	}
	jobs, err := s.store.LookJobs(ctx, bridgeID)
	if err != nil {
		return err
	}
	ctx, cancel := attached(ctx, humanBudget)
	defer cancel()
	for _, job := range jobs {
		s.runNow(ctx, job.ID)
	}
	return nil
}

// cannotHost reports whether Zoom answered that the host is not a user who can
// have meetings. Then the meeting cannot exist.
func cannotHost(err error) bool {
	z, ok := errors.AsType[*zoom.Error](err)
	if !ok || z.Outcome != zoom.Refused {
		return false
	}
	return slices.Contains(noUser, zoom.ProblemOf(err).Code)
}

// noUser are Zoom's answers that somebody is not a user who can have meetings.
var noUser = []zoom.ProblemCode{zoom.ProblemNoSuchUser, zoom.ProblemOtherAccount, zoom.ProblemInvitationPending}

// sayWhy stores on a waiting bridge why Drawbridge cannot look for its meeting,
// if a person can do something about it.
func (s *Service) sayWhy(ctx context.Context, attempt Attempt, cause error) error {
	why := reasonOf(cause, attempt.HostEmail)
	z, ok := errors.AsType[*zoom.Error](cause)
	if !ok || z.Outcome == zoom.Unknown || !why.AccountWide() {
		return nil
	}
	bridge, err := s.store.Bridge(ctx, attempt.BridgeID)
	if err != nil || bridge.State != BridgeUnknown || len(bridge.Reasons) == 1 && reflect.DeepEqual(bridge.Reasons[0], why) {
		return err
	}
	bridge.Reasons, bridge.UpdatedAt = []Reason{why}, s.now()
	return moved(s.store.ChangeBridge(ctx, BridgeChange{Bridge: bridge, From: []BridgeState{BridgeUnknown}}))
}

// moved treats a conflict as success: someone else was faster, so the work is
// done or no longer needed.
func moved(err error) error {
	if CodeOf(err) == Conflict {
		return nil
	}
	return err
}

// backoff returns a pause that grows from 2 s to a minute.
func backoff(attempt int) time.Duration {
	return min(time.Minute, time.Second<<min(attempt, 6))
}

// lookAgain looks once more for the meeting of an attempt that counts as not
// created.
func (s *Service) lookAgain(ctx context.Context, job Job) (again time.Time, err error) {
	attempt, err := s.store.Attempt(ctx, job.Subject)
	if err != nil || attempt.State != AttemptRefused {
		return time.Time{}, err
	}
	meeting, found, err := s.findMarked(ctx, attempt, job.RunAt)
	switch {
	case found:
		return s.adopt(ctx, attempt, AttemptRefused, meeting, err)
	case err == nil || cannotHost(err) || s.now().Sub(attempt.StartedAt) > giveUpLook:
		return time.Time{}, nil
	}
	return s.now().Add(backoff(job.Attempt)), nil
}

// findMarked searches the host's meetings, as Zoom lists them after since, for
// the attempt's mark. If found is true, err is nil or says that the meeting's link
// is foreign.
func (s *Service) findMarked(ctx context.Context, a Attempt, since time.Time) (m zoom.Meeting, found bool, err error) {
	account, err := s.store.Account(ctx)
	if err != nil {
		return zoom.Meeting{}, false, err
	}
	client, err := s.zoomClient(account)
	if err != nil {
		return zoom.Meeting{}, false, err
	}
	if now := s.now(); since.After(now) {
		since = now
	}
	list, unread := s.meetingsOf(ctx, account, a.HostEmail, since)
	from := a.StartedAt.Add(s.skew() - 5*time.Minute) // on Zoom's clock
	for _, m := range list {
		// Any clock may be wrong, so the date counts only if the agenda doesn't show the mark.
		shown, old := strings.Contains(m.Agenda, a.ID), m.CreatedAt.Before(from) && !m.CreatedAt.IsZero()
		if !shown && (old || !mayHaveMark(m.Agenda)) {
			continue
		}
		whole, err := client.GetMeeting(ctx, m.ID)
		switch {
		case gone(err), !shown && whole.ID != "" && !strings.Contains(whole.Agenda, a.ID):
			continue
		case err != nil && !foreignLink(err):
			return zoom.Meeting{}, false, err
		}
		return whole, true, err
	}
	return zoom.Meeting{}, false, unread
}

// mayHaveMark reports whether a meeting may have a mark that its agenda in a list
// doesn't show. A list may leave the agenda out or cut it (listedAgenda), but then our
// mark comes first.
func mayHaveMark(listed string) bool {
	return listed == "" || len(listed) >= listedAgenda && !strings.HasPrefix(listed, markStart)
}

// markOf returns the id in the mark of a meeting, or "".
func markOf(agenda string) string {
	_, id, _ := strings.Cut(agenda, markStart)
	if id = id[:min(len(id), 36)]; uuid.Validate(id) != nil {
		return ""
	}
	return id
}

// made reports whether the mark of a meeting says that this installation made it. No other
// meeting is ever deleted.
func (s *Service) made(agenda string) bool {
	id := markOf(agenda)
	return id != "" && strings.Contains(agenda, markStart+id+"/"+s.installation)
}

// hostList is the latest list of a host's meetings. Many attempts that wait for
// the same host share it. A list stays until the account changes.
type hostList struct {
	turn     chan struct{} // who holds it may use the rest
	began    time.Time
	meetings []zoom.Meeting
}

type hostListKey struct {
	host    string
	version int64 // of the account
}

// listOf returns the shared list of a host, and forgets those of older versions of
// the account.
func (s *Service) listOf(host string, version int64) *hostList {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := hostListKey{host, version}
	for k := range s.hostLists {
		if k.version != version {
			delete(s.hostLists, k)
		}
	}
	if s.hostLists[key] == nil {
		s.hostLists[key] = &hostList{turn: make(chan struct{}, 1)}
	}
	return s.hostLists[key]
}

// meetingsOf returns the meetings of a host, as Zoom listed them after since.
func (s *Service) meetingsOf(ctx context.Context, a Account, host string, since time.Time) ([]zoom.Meeting, error) {
	client, err := s.zoomClient(a)
	if err != nil {
		return nil, err
	}
	return s.listOf(host, a.Version).at(ctx, since, func() ([]zoom.Meeting, error) { return client.ListMeetings(ctx, host) }, s.now)
}

// at returns a list that was asked for after since: the latest one if it is new
// enough, or else a new one. Callers wait for each other, so that one call serves all.
func (l *hostList) at(ctx context.Context, since time.Time, ask func() ([]zoom.Meeting, error), now func() time.Time) ([]zoom.Meeting, error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	began := now().Round(0) // compared by the wall clock, which may have been set back
	if l.began.After(since) && !l.began.After(began) {
		return l.meetings, nil
	}
	list, err := ask()
	if err == nil {
		l.began, l.meetings = began, list
	}
	return list, err
}

// adopt makes a meeting that was found the bridge, unless the bridge has a link.
// from is the state in which the attempt is stored: unknown, or refused if it counted
// as not created. foreign is not nil if the meeting's own link cannot be used. While
// the bridge is being made, it may still need the meeting, so adopt must be called
// again.
func (s *Service) adopt(ctx context.Context, a Attempt, from AttemptState, m zoom.Meeting, foreign error) (again time.Time, err error) {
	bridge, err := s.store.Bridge(ctx, a.BridgeID)
	if err != nil {
		return time.Time{}, err
	}
	if bridge.isBeingMade() {
		return s.now().Add(betweenLooks), nil
	}
	return time.Time{}, s.adoptFor(ctx, bridge, a, from, m, foreign)
}

func (s *Service) adoptFor(ctx context.Context, bridge Bridge, a Attempt, from AttemptState, m zoom.Meeting, foreign error) error {
	a.MeetingID = m.ID
	i, err := s.store.Incident(ctx, bridge.IncidentNumber)
	if err != nil {
		return err
	}
	drilled := i.IsDrill() && i.Status != StatusOpen // nobody will use it
	if drilled || !slices.Contains([]BridgeState{BridgeUnknown, BridgeFailed}, bridge.State) {
		return s.discard(ctx, a, from)
	}
	if foreign != nil && from == AttemptRefused {
		return nil // as if it did not exist
	}
	if foreign != nil {
		return s.notMade(ctx, a, reasonOf(foreign, a.HostEmail))
	}
	run, err := s.store.StepRun(ctx, bridge.StepRunID)
	if err != nil {
		return err
	}
	account, err := s.store.Account(ctx)
	if err != nil {
		return err
	}
	c := climber{s: s, bridge: bridge, run: run, account: account}
	c.why = []Reason{{Code: ReasonFoundLate}}
	return c.found(ctx, a, from, m)
}

// found makes the meeting of an earlier attempt the bridge.
func (c *climber) found(ctx context.Context, a Attempt, from AttemptState, m zoom.Meeting) error {
	c.bridge.HostEmail = a.HostEmail
	finding, _, err := c.shared(ctx, m)
	if err != nil {
		return err
	}
	var findings []Finding
	if finding != nil {
		findings = []Finding{*finding}
	}
	return c.ready(ctx, rung{name: a.Rung, host: a.HostEmail}, a, from, m, findings)
}

// notMade closes an attempt whose meeting does not exist or cannot be used, and continues with the
// bridge.
func (s *Service) notMade(ctx context.Context, a Attempt, why Reason, jobs ...Job) error {
	if err := s.closeAttempt(ctx, a, AttemptRefused, why, jobs...); err != nil {
		return err
	}
	return s.goOn(ctx, a.BridgeID, why)
}

// closeAttempt stores the outcome of an attempt that was unknown, without
// changing its bridge.
func (s *Service) closeAttempt(ctx context.Context, a Attempt, state AttemptState, why Reason, jobs ...Job) error {
	a.State, a.Reason, a.FinishedAt = state, why, s.now()
	return s.writeAttempt(ctx, a, AttemptUnknown, jobs...)
}

func (s *Service) writeAttempt(ctx context.Context, a Attempt, from AttemptState, jobs ...Job) error {
	bridge, err := s.store.Bridge(ctx, a.BridgeID)
	if err != nil {
		return err
	}
	return s.store.ChangeBridge(ctx, BridgeChange{Bridge: bridge, Attempt: &a, AttemptFrom: from, Jobs: jobs})
}

// goOn tries the rungs again for a waiting bridge once none of its recent
// attempts is unknown. If two servers get here at the same time, only one of them
// succeeds.
func (s *Service) goOn(ctx context.Context, bridgeID string, why Reason) error {
	bridge, err := s.store.Bridge(ctx, bridgeID)
	if err != nil || bridge.State != BridgeUnknown {
		return err
	}
	attempts, err := s.store.Attempts(ctx, bridge.ID)
	if err != nil {
		return err
	}
	for _, a := range attempts {
		if (a.State == AttemptUnknown || a.State == AttemptCalling) && s.now().Sub(a.StartedAt) <= waitFor {
			return nil
		}
	}
	i, err := s.store.Incident(ctx, bridge.IncidentNumber)
	if err != nil {
		return err
	}
	run, err := s.store.StepRun(ctx, bridge.StepRunID)
	if err != nil {
		return err
	}
	c := BridgeChange{StepRun: &run, StepRunFrom: []StepState{StepScheduled, StepRunning}, From: []BridgeState{BridgeUnknown}}
	kind := EntryAskingAgain
	switch {
	case i.Status == StatusOpen && len(attempts) < maxAttempts:
		bridge.State, bridge.Reasons = BridgeNew, nil
		run.State = StepScheduled
		c.Jobs = []Job{s.newJob(JobRunStep, run.ID, s.now())}
	default:
		kind = EntryBridgeFailed
		bridge.Reasons = []Reason{{Code: ReasonResolved}}
		if i.Status == StatusOpen {
			at := s.now().Add(retryPause(s.now().Sub(bridge.CreatedAt)))
			bridge.Reasons = []Reason{why, {Code: ReasonTriedOften, Count: len(attempts), RetryAt: at}}
			c.Jobs = []Job{s.newJob(JobRunStep, run.ID, at)}
		}
		bridge.State = BridgeFailed
		run.State, run.Reason, run.FinishedAt = StepFailed, bridge.Reasons[len(bridge.Reasons)-1], s.now()
	}
	c.Timeline = []TimelineEntry{s.bridgeEntry(bridge, kind, TimelineData{Reasons: bridge.Reasons})}
	bridge.UpdatedAt = s.now()
	c.Bridge = bridge
	return moved(s.store.ChangeBridge(ctx, c))
}

func (s *Service) bridgeEntry(b Bridge, kind TimelineKind, data TimelineData) TimelineEntry {
	return TimelineEntry{ID: newID(), IncidentNumber: b.IncidentNumber, BridgeID: b.ID, At: s.now(), Kind: kind, Data: data}
}

// discard marks the attempt's meeting as unused and adds a job that deletes it.
func (s *Service) discard(ctx context.Context, a Attempt, from AttemptState) error {
	ctx, cancel := attached(ctx, stateWrite)
	defer cancel()
	a.State, a.FinishedAt = AttemptDiscarded, s.now()
	err := s.writeAttempt(ctx, a, from, s.newJob(JobDiscard, a.ID, s.now()))
	s.asked(a, err)
	return err
}

// deleteDiscarded deletes a meeting that no bridge uses, unless people are in it.
func (s *Service) deleteDiscarded(ctx context.Context, job Job) (again time.Time, err error) {
	attempt, err := s.store.Attempt(ctx, job.Subject)
	if err != nil {
		return time.Time{}, err
	}
	account, err := s.store.Account(ctx)
	if err != nil {
		return time.Time{}, err
	}
	client, err := s.zoomClient(account)
	if err != nil {
		return s.now().Add(backoff(job.Attempt)), nil
	}
	// If Zoom gave the same meeting id twice, the meeting belongs to the bridge
	// that kept it.
	if other, err := s.store.OpenBridgeWithMeeting(ctx, attempt.MeetingID, ""); err != nil || other != "" {
		return time.Time{}, err
	}
	meeting, err := client.GetMeeting(ctx, attempt.MeetingID)
	if foreignLink(err) {
		err = nil
	}
	if err == nil && meeting.Status == "started" {
		return time.Time{}, s.sayTwin(ctx, attempt, EntrySecondMeeting)
	}
	if err == nil && !s.made(meeting.Agenda) {
		return time.Time{}, nil // the sweep lists it
	}
	if err == nil {
		// If Zoom didn't say whether the call runs, it refuses to delete one that does.
		err = client.DeleteMeeting(ctx, attempt.MeetingID)
	}
	if err == nil {
		return time.Time{}, s.sayTwin(ctx, attempt, EntryTwinDeleted)
	}
	if gone(err) {
		return time.Time{}, nil
	}
	if s.now().Sub(attempt.StartedAt) > giveUpLook {
		return time.Time{}, err
	}
	return s.now().Add(backoff(job.Attempt)), nil
}

// sayTwin writes what became of an attempt's unused meeting into the timeline.
func (s *Service) sayTwin(ctx context.Context, a Attempt, kind TimelineKind) error {
	bridge, err := s.store.Bridge(ctx, a.BridgeID)
	if err != nil {
		return err
	}
	return s.store.AddTimeline(ctx, s.bridgeEntry(bridge, kind, TimelineData{Host: a.HostEmail}))
}

// gone reports Zoom's answer that a meeting does not exist (code 3001).
func gone(err error) bool {
	return err != nil && zoom.ProblemOf(err).Code == zoom.ProblemMeetingGone
}
