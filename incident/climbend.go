package incident

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// write stores a transition even if the caller's time is over, because the
// storage must know what was done at Zoom.
func (c *climber) write(ctx context.Context, change BridgeChange) error {
	ctx, cancel := attached(ctx, stateWrite)
	defer cancel()
	change.Bridge.UpdatedAt = c.s.now()
	change.FromLink = c.leaves
	// Should the program stop now, the job is what looks for the meetings of calls that are
	// under way.
	change.EndsJob = c.answers != nil && c.leaves == "" && len(c.calls) == 0 && change.StepRun != nil && change.StepRun.State == StepDone
	err := c.s.store.ChangeBridge(ctx, change)
	if err == nil {
		c.s.keepBridge(change.Bridge)
	}
	if change.AttemptFrom == AttemptCalling {
		c.s.asked(*change.Attempt, err)
	}
	return err
}

// refused stores that a rung gave no meeting, and reports whether to try the next
// one.
func (c *climber) refused(ctx context.Context, r rung, attempt Attempt, err error) (goOn bool, writeErr error) {
	why := reasonOf(err, r.host)
	c.why = append(c.why, why)
	c.busy = perSecond(err)
	c.news = c.news || why.AccountWide() || r.name == RungBackup
	state, code := AttemptRefused, 0
	var jobs []Job
	if z, ok := errors.AsType[*zoom.Error](err); ok {
		code = z.Code
		if z.Outcome == zoom.Unknown && !foreignLink(err) {
			state = AttemptUnknown
			c.doubt = true
			jobs = append(jobs, c.s.newJob(JobReconcile, attempt.ID, c.s.now().Add(firstLook)))
		}
	}
	c.s.log.Warn("could not create a meeting with this host", "incident", c.incident.Key(), "rung", r.name, "error", err)
	return !why.AccountWide() || state == AttemptUnknown, c.finish(ctx, attempt, state, code, why, jobs)
}

// finish closes an attempt and leaves the bridge as it is. If that fails, the
// climb must stop: the attempt stays "calling", and the next climb treats it as
// unknown and looks for its meeting.
func (c *climber) finish(ctx context.Context, attempt Attempt, state AttemptState, code int, why Reason, jobs []Job) error {
	attempt.State, attempt.Code, attempt.Reason, attempt.FinishedAt = state, code, why, c.s.now()
	change := BridgeChange{
		Bridge: c.bridge, From: []BridgeState{c.bridge.State},
		Attempt: &attempt, AttemptFrom: AttemptCalling, Jobs: jobs,
	}
	if !c.told(why) {
		change.Timeline = []TimelineEntry{c.s.bridgeEntry(c.bridge, EntryAttemptFailed, TimelineData{Host: attempt.HostEmail, Reasons: []Reason{why}})}
	}
	return c.write(ctx, change)
}

// told reports whether the last climb failed for this reason too.
func (c *climber) told(why Reason) bool {
	return slices.ContainsFunc(c.before, func(b Reason) bool {
		return b.Code == why.Code && b.Host == why.Host && (b.Zoom == nil) == (why.Zoom == nil) && (b.Zoom == nil || b.Zoom.Code == why.Zoom.Code)
	})
}

// ready gives the bridge its meeting. If the bridge has got a link meanwhile,
// from a person or another try, the meeting is not needed and will be deleted.
func (c *climber) ready(ctx context.Context, r rung, attempt Attempt, from AttemptState, m zoom.Meeting, findings []Finding) error {
	before := c.bridge.State
	c.bridge.changeLink(m.JoinURL, c.s.now())
	c.bridge.take(m)
	c.bridge.Findings = append(findings, compare(c.bridge.Asked, m)...)
	c.bridge.Rung, c.bridge.UsedBackupUser = r.name, slices.Contains(c.account.BackupUsers, r.host)
	if c.bridge.HostEmail = r.host; m.HostEmail != "" {
		c.bridge.HostEmail = CanonicalEmail(m.HostEmail)
	}
	c.bridge.State, c.bridge.ReadyAt = BridgeReady, c.s.now()
	c.bridge.Reasons = c.why
	switch {
	case len(c.why) > 0:
	case r.name == RungBackup && c.bridge.Asked.Host == HostBackup:
		c.bridge.Reasons = []Reason{{Code: ReasonRunbook}}
	case r.name == RungBackup && c.incident.OpenerEmail == "":
		c.bridge.Reasons = []Reason{{Code: ReasonNoOpener}}
	case r.name == RungRunner && r.host != c.incident.OpenerEmail:
		c.bridge.Reasons = []Reason{{Code: ReasonRanStep, Host: r.host}}
	}
	c.bridge.Reasons = append(c.passedOver(r.host, c.bridge.Reasons), c.bridge.Reasons...)
	attempt.State, attempt.MeetingID, attempt.FinishedAt = AttemptDone, m.ID, c.s.now()
	c.run.State, c.run.Reason, c.run.FinishedAt = StepDone, Reason{}, c.s.now()

	back := c.s.zoomIsBack()
	entry, audit := c.readyEntry()
	err := c.write(ctx, BridgeChange{
		Bridge: c.bridge, From: []BridgeState{before},
		Attempt: &attempt, AttemptFrom: from,
		StepRun: &c.run, StepRunFrom: []StepState{StepScheduled, StepRunning, StepFailed, StepDone},
		// Zoom may send events of a meeting before it answers the call that
		// creates it.
		ReadAgain: &UnlinkedEvents{MeetingID: m.ID, Since: c.bridge.CreatedAt, Origins: countingOrigins},
		Timeline:  []TimelineEntry{entry}, Audit: audit,
		Jobs: c.recheckIf(c.news || back),
	})
	if CodeOf(err) == Conflict {
		return c.s.discard(ctx, attempt, from)
	}
	if err == nil && back {
		c.s.retryNow(ctx)
	}
	return err
}

// zoomIsBack reports whether bridges failed because of the Zoom account or the network
// since it was called last.
func (s *Service) zoomIsBack() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	back := s.zoomDown
	s.zoomDown = false
	return back
}

// recheckIf returns the job that checks the account, because a bridge showed that the
// last check may no longer be true.
func (c *climber) recheckIf(news bool) []Job {
	if !news {
		return nil
	}
	at := c.s.now()
	if soonest := c.account.Check.At.Add(recheckSoon); soonest.After(at) {
		at = soonest
	}
	return []Job{c.s.newJob(JobRecheck, RecheckBridge, at)}
}

// retryNow makes every retry of a bridge due, because something has changed that
// may help. If that fails, the retries come at their times.
func (s *Service) retryNow(ctx context.Context) {
	if err := s.store.HastenRetries(ctx, s.now()); err != nil {
		s.log.Warn("could not retry bridges early", "error", err)
	}
	nudge(s.wakeJobs)
}

// take copies the meeting that Zoom returned, without the start URL. The start
// URL gives host rights, so it is requested only when a host asks for it.
func (b *Bridge) take(m zoom.Meeting) {
	b.MeetingID, b.MeetingUUID, b.PMI = m.ID, m.UUID, m.PMI
	b.Kind, b.JoinURL, b.Passcode, b.PhonePasscode, b.LinkName = KindMeeting, m.JoinURL, m.Passcode, m.PhonePasscode, ""
	if m.Topic != "" {
		b.Topic = m.Topic
	}
	if m.Settings.AutoRecording != "" {
		b.Recording = Recording(m.Settings.AutoRecording)
	}
	b.DialIn = nil
	for _, d := range m.DialIn {
		b.DialIn = append(b.DialIn, DialIn{Country: cmp.Or(d.CountryName, d.Country), City: d.City, Number: d.Number, Type: d.Type})
	}
}

// fail ends a climb without a link. Its reasons are those of the rungs and more.
// The bridge is unknown if Zoom may have created a meeting, and failed otherwise.
// While the incident is open, the rungs are tried again.
func (c *climber) fail(ctx context.Context, more ...Reason) error {
	before := c.bridge.State
	c.why = slices.CompactFunc(append(c.why, more...), func(a, b Reason) bool { return reflect.DeepEqual(a, b) })
	// Whoever opens too many must not use up the standby meetings: people need them.
	storm := slices.ContainsFunc(c.why, func(r Reason) bool { return r.Code == ReasonStorm }) && len(c.account.StaticLinks) > 0
	if !storm {
		if done, err := c.useStandby(ctx); done {
			return err
		}
	}
	if done, err := c.useStatic(ctx); done {
		return err
	}
	change := BridgeChange{
		From:    []BridgeState{before},
		StepRun: &c.run, StepRunFrom: []StepState{StepScheduled, StepRunning, StepFailed},
	}
	kind := EntryBridgeFailed
	if c.doubt {
		kind = EntryBridgeUnknown
		c.bridge.State = BridgeUnknown
	} else {
		last := &c.why[len(c.why)-1]
		if c.incident.Status == StatusOpen {
			at := c.s.now().Add(retryPause(c.s.now().Sub(c.bridge.CreatedAt)))
			if c.busy && c.attempts < maxAttempts {
				at = c.s.now().Add(retryBusy)
			}
			if last.Zoom != nil {
				wait := time.Duration(last.Zoom.RetrySeconds) * time.Second
				at = c.s.now().Add(max(at.Sub(c.s.now()), min(wait, retryMost)))
			}
			if !last.Code.awaitsAccount() {
				last.RetryAt = at
			}
			change.Jobs = []Job{c.s.newJob(JobRunStep, c.run.ID, at)}
			if last.AccountWide() {
				c.s.mu.Lock()
				c.s.zoomDown = true
				c.s.mu.Unlock()
			}
		}
		change.Jobs = append(change.Jobs, c.recheckIf(c.news)...)
		c.bridge.State = BridgeFailed
		c.run.State, c.run.Reason, c.run.FinishedAt = StepFailed, *last, c.s.now()
	}
	c.bridge.Reasons = c.why
	change.Bridge = c.bridge
	if kind == EntryBridgeUnknown || slices.ContainsFunc(c.why, func(r Reason) bool { return !c.told(r) }) {
		change.Timeline = []TimelineEntry{c.s.bridgeEntry(c.bridge, kind, TimelineData{Reasons: c.why})}
	}
	err := c.write(ctx, change)
	if CodeOf(err) == Conflict {
		return nil // it has got a link meanwhile
	}
	return err
}

// rest leaves a failed bridge as it is until its incident is reopened.
func (c *climber) rest(ctx context.Context) error {
	c.bridge.Reasons = slices.Clone(c.bridge.Reasons)
	for n := range c.bridge.Reasons {
		c.bridge.Reasons[n].RetryAt = time.Time{}
	}
	return moved(c.write(ctx, BridgeChange{Bridge: c.bridge, From: []BridgeState{BridgeFailed}}))
}

// interrupted continues after the program stopped during a climb or takes too long for it.
// why is the reason for calls of another process; see lost. The outcome of the calls is
// unknown, so their meetings are looked for: before another is created, or, if the bridge
// has got a link, to delete them.
func (s *Service) interrupted(ctx context.Context, b Bridge, run StepRun, attempts []Attempt, why Reason) error {
	change := BridgeChange{}
	var reasons []Reason
	waits := b.isBeingMade() || b.State == BridgeFailed
	for _, a := range attempts {
		at := s.now()
		if !waits {
			at = a.StartedAt.Add(moveCheck) // it may be a move that is under way
		}
		if a.State == AttemptCalling {
			change.Jobs = append(change.Jobs, s.newJob(JobReconcile, a.ID, at))
			reasons = append(reasons, s.lost(a, why))
		}
	}
	if len(reasons) == 0 {
		reasons = []Reason{why}
	}
	if waits {
		change.From = []BridgeState{b.State}
		b.State = BridgeUnknown
		b.Reasons = slices.CompactFunc(reasons, func(a, b Reason) bool { return reflect.DeepEqual(a, b) })
		run.State, run.Reason, run.FinishedAt = StepRunning, Reason{}, time.Time{}
		if len(change.Jobs) == 0 { // between two rungs
			b.State, run.State = BridgeNew, StepScheduled
			change.Jobs = []Job{s.newJob(JobRunStep, run.ID, s.now())}
		}
		change.StepRun, change.StepRunFrom = &run, []StepState{StepScheduled, StepRunning, StepFailed}
	}
	b.UpdatedAt = s.now()
	change.Bridge = b
	if err := s.store.ChangeBridge(ctx, change); err != nil {
		return err
	}
	if b.State != BridgeUnknown {
		return nil
	}
	return s.standIn(ctx, b.ID)
}

// helpOut stores the link that the bridge got although no host gave one.
func (c *climber) helpOut(ctx context.Context, from BridgeState, change BridgeChange) error {
	c.run.State, c.run.FinishedAt = StepDone, c.s.now()
	change.Bridge, change.From = c.bridge, []BridgeState{from}
	change.StepRun, change.StepRunFrom = &c.run, []StepState{StepScheduled, StepRunning, StepFailed}
	return c.write(ctx, change)
}
