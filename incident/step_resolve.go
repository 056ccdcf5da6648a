package incident

import (
	"context"
	"time"
)

// resolveIncident resolves the incident.
var resolveIncident = stepKind{
	kind: StepResolve,
	do: func(s *Service, ctx context.Context, run StepRun, _ Job) (why Reason, again time.Time, err error) {
		now := s.now()
		entry := TimelineEntry{ID: "resolved-" + run.ID, IncidentNumber: run.IncidentNumber, At: now, Kind: EntryResolved, Actor: run.RunBy,
			Data: TimelineData{Step: run.Step.Kind, StepName: run.Step.Name}}
		err = s.store.SetIncidentStatus(ctx, run.IncidentNumber, StatusOpen, StatusResolved, now, entry, AuditEntry{})
		return Reason{}, time.Time{}, moved(err) // somebody resolved it meanwhile
	},
}
