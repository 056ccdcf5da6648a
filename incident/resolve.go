package incident

import "context"

// ResolveIncident resolves an open incident. Its bridge stays usable.
func (s *Service) ResolveIncident(ctx context.Context, actor Actor, number int64) error {
	return s.setStatus(ctx, actor, number, StatusResolved, EntryResolved, AuditIncidentResolved)
}

// ReopenIncident reopens a resolved incident. It returns Conflict if another open
// incident has its dedup key now.
func (s *Service) ReopenIncident(ctx context.Context, actor Actor, number int64) error {
	return s.setStatus(ctx, actor, number, StatusOpen, EntryReopened, AuditIncidentReopened)
}

func (s *Service) setStatus(ctx context.Context, actor Actor, number int64, to Status, kind TimelineKind, action AuditAction) error {
	if err := need(actor, Responder); err != nil {
		return err
	}
	from := StatusOpen
	if to == StatusOpen {
		from = StatusResolved
	}
	now := s.now()
	entry := TimelineEntry{ID: newID(), IncidentNumber: number, At: now, Kind: kind, Actor: actor.Email}
	err := s.store.SetIncidentStatus(ctx, number, from, to, now, entry,
		s.audit(actor, action, Key(number), Change{Field: "status", Before: string(from), After: string(to)}))
	nudge(s.wakeSteps)
	if err != nil || to != StatusOpen {
		return err
	}
	return s.goOnWithFailed(ctx, number)
}

// goOnWithFailed tries again to get links for the bridges of a reopened incident.
func (s *Service) goOnWithFailed(ctx context.Context, number int64) error {
	bridges, err := s.store.Bridges(ctx, number)
	if err != nil {
		return err
	}
	for _, b := range bridges {
		if b.State != BridgeFailed {
			continue
		}
		job := s.newJob(JobRunStep, b.StepRunID, s.now())
		if err := moved(s.store.ChangeBridge(ctx, BridgeChange{Bridge: b, From: []BridgeState{BridgeFailed}, Jobs: []Job{job}})); err != nil {
			return err
		}
	}
	nudge(s.wakeJobs)
	return nil
}
