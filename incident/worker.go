package incident

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// tick is how often the worker looks for work without being woken.
const tick = time.Second

// jobWorkers is how many jobs are done at the same time. Most of a job's time is
// waiting for Zoom, which accepts at least ten calls a second (Zoom, "Rate limits").
const jobWorkers = 4

// jobLimit is the worker's timeout for a job.
const jobLimit = 10 * time.Second

// A claimed job belongs to its claimer for jobLease, which is renewed while the job runs.
// If the claimer crashes, another server takes the job over after that.
const (
	jobLease   = 6 * time.Second
	leaseRenew = jobLease / 4
)

// maxTries is how many times a job may fail before it is dead.
const maxTries = 20

// Run does the work that needs no person: it reads events, starts drills, does jobs, asks
// Zoom about calls, applies retention rules, checks for missing events and stores counts. It returns nil
// when ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if err := s.store.FreeJobs(ctx); err != nil {
		s.log.Warn("jobs that were interrupted continue later", "error", err)
	}
	if a, err := s.store.Account(ctx); err == nil && a.StandbyMeetings > 0 {
		s.wakeStandby(ctx)
	}
	// Each has its own loop: a job may wait for Zoom while events must not, and a
	// missing-event check takes longer than a job.
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.loop(ctx, s.wakeReader, s.readCalmly) })
	for range jobWorkers {
		g.Go(func() error { return s.loop(ctx, s.wakeJobs, s.jobsOnce) })
	}
	g.Go(func() error { return s.loop(ctx, nil, s.alarmOnce) })
	g.Go(func() error { return s.loop(ctx, s.wakeSteps, s.stepsOnce) })
	for range askers {
		g.Go(func() error { return s.loop(ctx, nil, s.askOnce) })
	}
	g.Go(func() error { return s.loop(ctx, nil, s.probeOnce) })
	g.Go(func() error { return s.loop(ctx, nil, s.warmOnce) })
	g.Go(func() error { return s.loop(ctx, nil, s.drillOnce) })
	g.Go(func() error { return s.loop(ctx, nil, s.openersOnce) })
	g.Go(func() error { return s.loop(ctx, s.wakeRetention, s.retainCalmly) })
	g.Go(func() error { return s.loop(ctx, s.wakeGaps, s.gapsOnce) })
	g.Go(func() error { return s.loop(ctx, nil, s.replayOnce) })
	return g.Wait()
}

// loop calls once until nothing is left to do, and then waits for a wake or a
// tick.
func (s *Service) loop(ctx context.Context, wake <-chan struct{}, once func(context.Context) (int, error)) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		for {
			did, err := once(ctx)
			if ctx.Err() != nil {
				break
			}
			if err != nil {
				s.log.Error("the worker failed; it will retry", "error", err)
			}
			if did == 0 || err != nil {
				break
			}
		}
		select {
		case <-ctx.Done():
			// The counts of the last second must not get lost.
			last, cancel := attached(ctx, time.Second)
			defer cancel()
			return s.flushRefusals(last)
		case <-ticker.C:
		case <-wake:
		}
	}
}

// RunOnce does everything that is due now, and returns the number of things done.
func (s *Service) RunOnce(ctx context.Context) (did int, err error) {
	read, readErr := s.readOnce(ctx)
	drilled, drillErr := s.drillOnce(ctx)
	_, openersErr := s.openersOnce(ctx)
	done, jobsErr := s.jobsOnce(ctx)
	asked, askErr := s.askOnce(ctx)
	probed, probeErr := s.probeOnce(ctx)
	alarmed, alarmErr := s.alarmOnce(ctx)
	stepped, stepErr := s.stepsOnce(ctx)
	retained, retainErr := s.retainOnce(ctx)
	found, gapsErr := s.gapsOnce(ctx)
	replayed, replayErr := s.replayOnce(ctx)
	return read + drilled + done + asked + probed + alarmed + stepped + retained + found + replayed, errors.Join(readErr, drillErr, openersErr, jobsErr, askErr, probeErr, alarmErr, stepErr, retainErr, gapsErr, replayErr)
}

// The pauses of readCalmly. readRest lets more events arrive, because committing
// every event separately would cost as much as receiving it. After a busy or a
// full batch, the pause is a multiple of the time that reading took: the factor
// depends on whether many events wait to be stored.
const (
	readRest     = 100 * time.Millisecond
	readRestBusy = 9
	readRestCalm = 1
	readRestMost = 500 * time.Millisecond // limits how late pages show new events on a slow machine
)

// readCalmly calls readOnce and then pauses, to leave time for storing new
// events.
func (s *Service) readCalmly(ctx context.Context) (int, error) {
	began := s.now()
	n, err := s.readOnce(ctx)
	if n == 0 || err != nil {
		return n, err
	}
	took := s.now().Sub(began)
	pause := readRestCalm * took
	switch {
	case s.store.Busy():
		pause = max(readRest, readRestBusy*took)
	case n < readBatch:
		pause = readRest
	}
	rest(ctx, min(pause, readRestMost))
	return n, nil
}

// rest waits, unless ctx ends before.
func rest(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (s *Service) readOnce(ctx context.Context) (int, error) {
	n, err := s.ReadEvents(ctx)
	return n, errors.Join(err, s.flushRefusals(ctx))
}

func (s *Service) jobsOnce(ctx context.Context) (int, error) {
	jobs, err := s.store.ClaimJobs(ctx, s.worker, s.now(), jobLease, 1)
	for _, job := range jobs {
		// A running job is finished even if the program is told to stop.
		jobCtx, cancel := attached(ctx, jobLimit)
		s.do(jobCtx, job)
		cancel()
	}
	return len(jobs), errors.Join(err, s.tidy(ctx))
}

// How often outdated rows are deleted, and how long they are kept. Events,
// incidents, bridges and the audit trail are not among them.
const (
	tidyEvery = time.Hour
	keepJobs  = 30 * 24 * time.Hour
)

func (s *Service) tidy(ctx context.Context) error {
	now := s.now()
	s.mu.Lock()
	due := now.Sub(s.tidied) >= tidyEvery
	if due {
		s.tidied = now
	}
	s.mu.Unlock()
	if !due {
		return nil
	}
	_, sessions := s.store.DeleteExpiredSessions(ctx)
	_, failures := s.store.DeleteLoginFailures(ctx, now.Add(-loginMemory))
	_, jobs := s.store.DeleteFinishedJobs(ctx, now.Add(-keepJobs))
	_, refusals := s.store.DeleteRefusals(ctx, now.Add(-keepJobs))
	_, counts := s.store.DeleteMinuteCounts(ctx, now)
	return errors.Join(sessions, failures, jobs, refusals, counts, s.store.PrepareMonths(ctx), s.schedulePreflight(ctx), s.scheduleSweep(ctx))
}

// do does a claimed job and stores the result.
func (s *Service) do(ctx context.Context, job Job) {
	held, release := s.hold(ctx, job)
	again, err := s.perform(held, job)
	release()
	ctx, cancel := attached(ctx, stateWrite)
	defer cancel()
	switch {
	case err == nil && again.IsZero():
		err = s.store.FinishJob(ctx, job, JobDone)
	case err == nil:
		err = s.store.RetryJob(ctx, job, again)
	case CodeOf(err) == NotFound, job.Attempt >= maxTries && s.mayGiveUp(job):
		s.log.Error("gave up on a job", "kind", job.Kind, "subject", job.Subject, "error", err)
		err = errors.Join(s.giveUpJob(ctx, job), s.store.FinishJob(ctx, job, JobDead))
	case errors.Is(err, errOutOfTime):
		err = s.store.RetryJob(ctx, job, s.now())
		nudge(s.wakeJobs)
	default:
		s.log.Warn("a job failed; it will be retried", "kind", job.Kind, "subject", job.Subject, "error", err)
		err = s.store.RetryJob(ctx, job, s.now().Add(backoff(job.Attempt)))
	}
	if err != nil {
		s.log.Error("could not store the result of a job", "kind", job.Kind, "subject", job.Subject, "error", err)
	}
}

// hold renews the lease of a job until release is called. Its context ends when the lease
// is lost or could not be renewed in time, because another server may have the job then.
func (s *Service) hold(ctx context.Context, job Job) (held context.Context, release func()) {
	held, cancel := context.WithCancel(ctx)
	end := time.AfterFunc(jobLease-leaseRenew, cancel)
	done := make(chan struct{})
	go func() {
		defer close(done)
		renew := time.NewTicker(leaseRenew)
		defer renew.Stop()
		for {
			select {
			case <-held.Done():
				return
			case <-renew.C:
			}
			renewing, stop := context.WithTimeout(held, leaseRenew)
			ok, err := s.store.RenewJob(renewing, job, s.now().Add(jobLease))
			stop()
			switch {
			case err == nil && ok:
				end.Reset(jobLease - leaseRenew) // it began so long ago at most
			case err == nil:
				cancel()
			}
		}
	}()
	return held, func() {
		cancel()
		end.Stop()
		<-done
	}
}

// mayGiveUp reports whether a job may end although it never succeeded. A meeting that
// may exist is looked for until that is certain or a day is over (giveUpLook), however
// often a look failed.
func (s *Service) mayGiveUp(job Job) bool {
	switch job.Kind {
	case JobReconcile, JobLastLook, JobDiscard:
		return s.now().Sub(job.CreatedAt) > 2*giveUpLook
	case JobDrill: // most of its attempts wait
		return s.now().Sub(job.CreatedAt) > time.Hour
	case JobSweep: // and some of these
		return s.now().Sub(job.CreatedAt) > sweepLimit
	default:
		return true
	}
}

// giveUpJob marks as failed what a dead job was to do: the bridge of its step, or its
// drill. People then know that nothing else will happen by itself.
func (s *Service) giveUpJob(ctx context.Context, job Job) error {
	if job.Kind == JobDrill {
		return s.giveUpDrill(ctx, job.Subject)
	}
	if job.Kind != JobRunStep {
		return nil
	}
	run, err := s.store.StepRun(ctx, job.Subject)
	if CodeOf(err) == NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	bridge, err := s.store.BridgeOfStepRun(ctx, job.Subject)
	if CodeOf(err) == NotFound {
		return s.giveUpStep(ctx, run)
	}
	if err != nil {
		return err
	}
	i, err := s.store.Incident(ctx, run.IncidentNumber)
	if err != nil {
		return err
	}
	now := s.now()
	why := Reason{Code: ReasonGaveUp}
	var jobs []Job
	if i.Status == StatusOpen {
		why.RetryAt = now.Add(retryMost)
		jobs = []Job{s.newJob(JobRunStep, run.ID, why.RetryAt)}
	}
	bridge.State, bridge.UpdatedAt = BridgeFailed, now
	bridge.Reasons = []Reason{why}
	run.State, run.Reason, run.FinishedAt = StepFailed, why, now
	return moved(s.store.ChangeBridge(ctx, BridgeChange{
		Bridge: bridge, From: []BridgeState{BridgeNew, BridgeCreating},
		StepRun: &run, StepRunFrom: []StepState{StepScheduled, StepRunning, StepFailed},
		Timeline: []TimelineEntry{s.bridgeEntry(bridge, EntryBridgeFailed, TimelineData{Reasons: bridge.Reasons})}, Jobs: jobs,
	}))
}

func (s *Service) perform(ctx context.Context, job Job) (again time.Time, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	switch job.Kind {
	case JobRunStep:
		return s.doStep(ctx, job)
	case JobReconcile:
		return s.reconcile(ctx, job)
	case JobLastLook:
		return s.lookAgain(ctx, job)
	case JobStandby:
		return s.keepStandby(ctx), nil
	case JobRename:
		return s.rename(ctx, job)
	case JobPreflight:
		return s.preflight(ctx, job)
	case JobRecheck:
		return time.Time{}, s.renewCheck(ctx, job.Subject)
	case JobDiscard:
		return s.deleteDiscarded(ctx, job)
	case JobEndEmpty:
		return s.endEmpty(ctx, job)
	case JobDrill:
		return s.drillOn(ctx, job.Subject)
	case JobSweep:
		return s.sweep(ctx, job)
	}
	return time.Time{}, fmt.Errorf("unknown kind of job %q", job.Kind)
}
