package incident

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// stepsFor returns the steps of the runbook for an incident. A drill only tries whether
// people get a meeting.
func (r Runbook) stepsFor(i Incident) (steps []Step) {
	if i.Source != SourceDrill {
		return r.Steps
	}
	for _, step := range r.Steps {
		if step.Kind == StepCreateMeeting && step.ExecuteAutomatically {
			step.Schedule = Schedule{}
			steps = append(steps, step)
		}
	}
	return steps
}

// beginAtOnce starts the steps that run when an incident is opened. It returns the jobs
// that make its bridges, which the caller does.
func (s *Service) beginAtOnce(n *NewIncident) (mine []Job) {
	i := n.Incident
	then := s.followSteps(StepFacts{At: i.CreatedAt, Incident: i, Runs: n.StepRuns, Bridges: n.Bridges})
	for _, c := range then.Runs {
		n.StepRuns[c.Run.Position] = c.Run
	}
	for _, job := range then.Jobs {
		// While a person waits, the caller runs the job, which it claims with the
		// incident: a claim of its own would cost them another commit. The worker
		// takes over only after humanBudget.
		if slices.ContainsFunc(then.Bridges, func(b Bridge) bool { return b.StepRunID == job.Subject }) {
			job.RunAt = i.CreatedAt.Add(humanBudget)
			job.State, job.Attempt, job.Worker, job.LeaseUntil = JobRunning, 1, s.worker, s.now().Add(jobLease)
			mine = append(mine, job)
		}
		n.Jobs = append(n.Jobs, job)
	}
	n.Bridges, n.Next = append(n.Bridges, then.Bridges...), then.Next
	for _, entry := range then.Timeline {
		if entry.Data.Step != StepCreateMeeting { // the bridge says so itself
			n.Timeline = append(n.Timeline, entry)
		}
	}
	return mine
}

// RunStep runs a step that waits, was skipped or has failed. It returns when the step is
// done, or after humanBudget at the latest. It returns Conflict if the step is running or
// done.
func (s *Service) RunStep(ctx context.Context, actor Actor, stepRunID string) error {
	if err := need(actor, Responder); err != nil {
		return err
	}
	ctx, cancel := attached(ctx, humanBudget)
	defer cancel()
	run, err := s.store.StepRun(ctx, stepRunID)
	if err != nil {
		return err
	}
	i, err := s.store.Incident(ctx, run.IncidentNumber)
	if err != nil {
		return err
	}
	if i.Status != StatusOpen {
		return refuse(Conflict, "The incident is resolved. Reopen it to run its steps.")
	}
	if run.RunBy = ""; actor.Kind == ActorUser {
		run.RunBy = actor.Email
	}
	audit := s.audit(actor, AuditStepRun, Key(run.IncidentNumber))
	if run.Step.Kind != StepCreateMeeting {
		return s.runStep(ctx, actor, i, run, audit)
	}
	bridge, err := s.store.BridgeOfStepRun(ctx, run.ID)
	insert := CodeOf(err) == NotFound
	if err != nil && !insert {
		return err
	}
	if insert {
		bridge = s.newBridge(run)
	}
	bridge.State, bridge.Reasons = BridgeNew, nil
	return s.schedule(ctx, actor, BridgeChange{
		Bridge: bridge, Insert: insert, From: []BridgeState{BridgeFailed},
		StepRun: &run, StepRunFrom: []StepState{StepWaiting, StepFailed, StepSkipped},
		Audit: audit,
	})
}

// schedule stores the change with a job for its step, and does the job.
func (s *Service) schedule(ctx context.Context, actor Actor, c BridgeChange) error {
	now := s.now()
	job := s.newJob(JobRunStep, c.StepRun.ID, now.Add(humanBudget)) // until then, the worker leaves it to us
	c.StepRun.State, c.StepRun.Reason = StepScheduled, Reason{}
	c.Jobs = []Job{job}
	c.Timeline = []TimelineEntry{{ID: newID(), IncidentNumber: c.Bridge.IncidentNumber, BridgeID: c.Bridge.ID,
		At: now, Kind: EntryStepStarted, Data: TimelineData{Step: c.StepRun.Step.Kind, StepName: c.StepRun.Step.Name}, Actor: actor.Email}}
	if err := s.store.ChangeBridge(ctx, c); err != nil {
		return err
	}
	s.runNow(ctx, job.ID)
	return nil
}

// runStep runs a step that makes no bridge.
func (s *Service) runStep(ctx context.Context, actor Actor, i Incident, run StepRun, audit AuditEntry) error {
	was := RunChange{From: run.State, Times: run.Times}
	if run.State != StepWaiting && run.State != StepFailed && run.State != StepSkipped {
		return refuse(Conflict, "This step is running or done. Reload the page to see its current state.")
	}
	change := s.begin(i, &run, s.now(), s.now())
	was.Run, change.Audit = run, audit
	change.Runs = []RunChange{was}
	for n := range change.Timeline {
		change.Timeline[n].Actor = actor.Email
	}
	if err := s.store.ChangeSteps(ctx, i.Number, change); err != nil {
		return err
	}
	for _, job := range change.Jobs {
		s.runNow(ctx, job.ID)
	}
	return nil
}

// TickStep ticks a line of a checklist, or takes the tick back. It returns Conflict if the
// line is not as the actor saw it.
func (s *Service) TickStep(ctx context.Context, actor Actor, stepRunID string, done bool) error {
	if err := need(actor, Responder); err != nil {
		return err
	}
	run, err := s.store.StepRun(ctx, stepRunID)
	if err != nil {
		return err
	}
	if run.Step.Kind != StepChecklist {
		return refuse(Conflict, "Only lines of a checklist can be ticked.")
	}
	i, err := s.store.Incident(ctx, run.IncidentNumber)
	if err != nil {
		return err
	}
	was := RunChange{From: run.State, Times: run.Times}
	now := s.now()
	kind := EntryTicked
	switch {
	case done && run.State != StepDone:
		run.State, run.RunBy, run.FinishedAt, run.Reason = StepDone, actor.Email, now, Reason{}
		if run.StartedAt.IsZero() { // ticked before it was due
			run.StartedAt, run.DueAt, run.Times, run.Said = now, now, run.Times+1, s.Line(i, run.Step)
		}
	case !done && run.State == StepDone:
		run.State, run.RunBy, run.FinishedAt, kind = StepRunning, "", time.Time{}, EntryUnticked
	default:
		return nil // it is so already
	}
	was.Run = run
	return s.store.ChangeSteps(ctx, i.Number, StepsChange{
		Runs:     []RunChange{was},
		Timeline: []TimelineEntry{{ID: newID(), IncidentNumber: i.Number, At: now, Kind: kind, Data: TimelineData{Text: run.Said}, Actor: actor.Email}},
		Audit:    s.audit(actor, AuditStepTick, Key(i.Number), Change{Field: "done", Before: fmt.Sprint(!done), After: fmt.Sprint(done)}),
	})
}

// doStep does a step whose job is due.
func (s *Service) doStep(ctx context.Context, job Job) (again time.Time, err error) {
	run, err := s.store.StepRun(ctx, job.Subject)
	if err != nil {
		return time.Time{}, err
	}
	k, known := kindOf(run.Step.Kind)
	switch {
	case !known || k.do == nil:
		return time.Time{}, fmt.Errorf("steps of kind %q are not done by the worker", run.Step.Kind)
	case run.Step.Kind == StepCreateMeeting:
		_, again, err = k.do(s, ctx, run, job)
		return again, err
	case run.State != StepScheduled:
		return time.Time{}, nil
	}
	was := RunChange{From: run.State, Times: run.Times}
	why, again, err := k.do(s, ctx, run, job)
	if err != nil {
		return again, err
	}
	entry := TimelineEntry{ID: newID(), IncidentNumber: run.IncidentNumber, At: s.now(), Kind: EntryStepDone, Data: TimelineData{Step: run.Step.Kind, StepName: run.Step.Name}, Actor: run.RunBy}
	change := StepsChange{Timeline: []TimelineEntry{entry}}
	switch {
	case !again.IsZero() && why.Code == run.Reason.Code && why.Count == run.Reason.Count:
		return again, nil
	case !again.IsZero():
		change.Timeline = nil
	case why.Code == "" || why.Code == ReasonNoCall:
		run.State, run.FinishedAt = StepDone, s.now()
	default:
		run.State, run.FinishedAt = StepFailed, s.now()
		change.Timeline[0].Kind, change.Timeline[0].Data.Reasons = EntryStepFailed, []Reason{why}
	}
	run.Reason = why
	was.Run = run
	change.Runs = []RunChange{was}
	return again, moved(s.store.ChangeSteps(ctx, run.IncidentNumber, change))
}

// giveUpStep marks a step as failed whose job is dead.
func (s *Service) giveUpStep(ctx context.Context, run StepRun) error {
	was := RunChange{From: StepScheduled, Times: run.Times}
	run.State, run.Reason, run.FinishedAt = StepFailed, Reason{Code: ReasonGaveUp}, s.now()
	was.Run = run
	return moved(s.store.ChangeSteps(ctx, run.IncidentNumber, StepsChange{Runs: []RunChange{was}, Timeline: []TimelineEntry{{
		ID: newID(), IncidentNumber: run.IncidentNumber, At: s.now(), Kind: EntryStepFailed,
		Data: TimelineData{Step: run.Step.Kind, StepName: run.Step.Name, Reasons: []Reason{run.Reason}},
	}}}))
}
