package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// Looking for a meeting whose fate is unknown. Zoom's list may lag, so it must
// be missing from several looks before it counts as not made.
const (
	firstLook    = 2 * time.Second
	betweenLooks = 10 * time.Second
	looksNeeded  = 3
	// maxAttempts bounds how often one bridge asks Zoom by itself: creating
	// counts against 100 calls a day for each host (Zoom, "Rate limits").
	maxAttempts = 6
	// reconcileFor is how long a meeting is looked for while Zoom does not answer.
	reconcileFor = time.Hour
)

// reconcile looks for the meeting of an attempt whose outcome is unknown, by
// the mark in its agenda. A meeting that is found becomes the bridge, or is
// deleted when the bridge has a link by now and nobody is in it. again is when
// to look next, zero for done.
func (s *Service) reconcile(ctx context.Context, job Job) (again time.Time, err error) {
	attempt, err := s.store.Attempt(ctx, job.Subject)
	if err != nil {
		return time.Time{}, err
	}
	if attempt.State != AttemptUnknown {
		return time.Time{}, nil
	}
	meeting, found, err := s.findMarked(ctx, attempt)
	switch {
	case err != nil && s.now().Sub(attempt.StartedAt) > reconcileFor:
		return time.Time{}, s.notMade(ctx, attempt, "Zoom did not answer for an hour: "+explain(err).Cause)
	case err != nil:
		s.log.Warn("look for a meeting", "attempt", attempt.ID, "err", err)
		return s.now().Add(backoff(job.Attempt)), nil
	case found:
		return time.Time{}, s.adopt(ctx, attempt, meeting)
	case job.Attempt < looksNeeded:
		return s.now().Add(betweenLooks), nil
	}
	return time.Time{}, s.notMade(ctx, attempt, "Zoom did not make the meeting.")
}

// backoff grows from 2 s to a minute.
func backoff(attempt int) time.Duration {
	return min(time.Minute, time.Second<<min(attempt, 6))
}

// findMarked lists the host's meetings. The list cuts agendas to 250
// characters (Zoom, "List meetings"), so a likely one is asked for whole.
func (s *Service) findMarked(ctx context.Context, a Attempt) (zoom.Meeting, bool, error) {
	account, err := s.store.Account(ctx)
	if err != nil {
		return zoom.Meeting{}, false, err
	}
	client, err := s.zoomClient(account)
	if err != nil {
		return zoom.Meeting{}, false, err
	}
	list, err := client.ListMeetings(ctx, a.HostEmail)
	if err != nil {
		return zoom.Meeting{}, false, err
	}
	for _, m := range list {
		if m.CreatedAt.Before(a.StartedAt.Add(-5*time.Minute)) && !m.CreatedAt.IsZero() {
			continue
		}
		whole, err := client.GetMeeting(ctx, m.ID)
		if err != nil {
			return zoom.Meeting{}, false, err
		}
		if strings.Contains(whole.Agenda, a.ID) {
			return whole, true, nil
		}
	}
	return zoom.Meeting{}, false, nil
}

// adopt makes a meeting that was found the bridge, if the bridge has no link.
func (s *Service) adopt(ctx context.Context, a Attempt, m zoom.Meeting) error {
	bridge, err := s.store.Bridge(ctx, a.BridgeID)
	if err != nil {
		return err
	}
	a.MeetingID = m.ID
	if !slices.Contains([]BridgeState{BridgeUnknown, BridgeFailed}, bridge.State) {
		return s.discard(ctx, a, AttemptUnknown)
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
	c.bridge.HostEmail = a.HostEmail
	c.why = []string{"Zoom answered late; the meeting was found."}
	finding, isShared, err := c.shared(ctx, m)
	if err != nil {
		return err
	}
	var findings []Finding
	if isShared {
		findings = []Finding{finding}
	}
	return c.ready(ctx, rung{a.Rung, a.HostEmail}, a, AttemptUnknown, m, findings)
}

// notMade closes an unknown attempt. When the bridge still waits and no other
// attempt is unknown, the rungs are tried again from the first.
func (s *Service) notMade(ctx context.Context, a Attempt, cause string) error {
	bridge, err := s.store.Bridge(ctx, a.BridgeID)
	if err != nil {
		return err
	}
	run, err := s.store.StepRun(ctx, bridge.StepRunID)
	if err != nil {
		return err
	}
	attempts, err := s.store.Attempts(ctx, bridge.ID)
	if err != nil {
		return err
	}
	from := bridge.State
	a.State, a.Cause, a.FinishedAt = AttemptRefused, cause, s.now()
	c := BridgeChange{Bridge: bridge, From: []BridgeState{from}, Attempt: &a, AttemptFrom: AttemptUnknown}
	waiting := slices.ContainsFunc(attempts, func(o Attempt) bool { return o.ID != a.ID && o.State == AttemptUnknown })
	if bridge.State == BridgeUnknown && !waiting {
		c.StepRun, c.StepRunFrom = &run, []StepState{StepScheduled, StepRunning}
		if len(attempts) < maxAttempts {
			c.Bridge.State, c.Bridge.Reason, c.Bridge.Fix = BridgeNew, "", ""
			run.State = StepScheduled
			c.Jobs = []Job{s.newJob(JobRunStep, run.ID, s.now())}
			c.Timeline = []TimelineEntry{s.bridgeEntry(bridge, "There is no meeting in Zoom; asking again.")}
		} else {
			c.Bridge.State, c.Bridge.Reason = BridgeFailed, fmt.Sprintf("%s It was asked %d times.", cause, len(attempts))
			c.Bridge.Fix = "Try again when Zoom answers, or use another link."
			run.State, run.Reason, run.FinishedAt = StepFailed, cause, s.now()
			c.Timeline = []TimelineEntry{s.bridgeEntry(bridge, "No bridge came out. "+c.Bridge.Reason)}
		}
	}
	c.Bridge.UpdatedAt = s.now()
	return s.store.ChangeBridge(ctx, c)
}

func (s *Service) bridgeEntry(b Bridge, text string) TimelineEntry {
	return TimelineEntry{ID: newID(), IncidentNumber: b.IncidentNumber, BridgeID: b.ID, At: s.now(), Kind: "bridge", Text: text}
}

// discard marks the attempt's meeting as not used and leaves a job to delete it.
func (s *Service) discard(ctx context.Context, a Attempt, from AttemptState) error {
	ctx, cancel := attached(ctx, stateWrite)
	defer cancel()
	a.State, a.FinishedAt = AttemptDiscarded, s.now()
	var err error
	for range 3 { // the bridge may move while we look at it
		var bridge Bridge
		if bridge, err = s.store.Bridge(ctx, a.BridgeID); err != nil {
			return err
		}
		err = s.store.ChangeBridge(ctx, BridgeChange{
			Bridge: bridge, From: []BridgeState{bridge.State}, Attempt: &a, AttemptFrom: from,
			Jobs: []Job{s.newJob(JobDiscard, a.ID, s.now())},
		})
		if CodeOf(err) != Conflict {
			return err
		}
	}
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
	meeting, err := client.GetMeeting(ctx, attempt.MeetingID)
	if err == nil && meeting.Status == "started" {
		bridge, err := s.store.Bridge(ctx, attempt.BridgeID)
		if err != nil {
			return time.Time{}, err
		}
		return time.Time{}, s.store.AddTimeline(ctx, s.bridgeEntry(bridge,
			"A second meeting of this bridge, hosted by "+attempt.HostEmail+", is in use and was left alone."))
	}
	if err == nil {
		err = client.DeleteMeeting(ctx, attempt.MeetingID)
	}
	if err == nil || gone(err) {
		return time.Time{}, nil
	}
	if job.Attempt >= 10 {
		return time.Time{}, err
	}
	return s.now().Add(backoff(job.Attempt)), nil
}

// gone reports Zoom's answer that a meeting does not exist (code 3001).
func gone(err error) bool {
	var z *zoom.Error
	return errors.As(err, &z) && z.Code == 3001
}
