package incident

import (
	"context"
	"time"
)

// endTries is how often Zoom is asked to end a call until the step has failed.
const endTries = 5

// endMeeting ends the running calls of the incident for everyone.
var endMeeting = stepKind{
	kind: StepEndMeeting,
	do: func(s *Service, ctx context.Context, run StepRun, job Job) (why Reason, again time.Time, err error) {
		bridges, err := s.store.Bridges(ctx, run.IncidentNumber)
		if err != nil {
			return Reason{}, time.Time{}, err
		}
		why.Code = ReasonNoCall
		for _, b := range bridges {
			if b.State != BridgeLive || b.Kind == KindStatic {
				continue
			}
			if b.Inside > 0 && !run.Step.WithPeople {
				return Reason{Code: ReasonWaitsEmpty, Count: b.Inside}, s.now().Add(peopleWait), nil
			}
			doubt, unsure, err := s.endCall(ctx, run, b)
			switch {
			case err != nil && job.Attempt%endTries != 0:
				return Reason{}, s.now().Add(backoff(job.Attempt % endTries)), nil
			case err != nil:
				return reasonOf(err, b.HostEmail), time.Time{}, nil
			case unsure:
				return Reason{Code: ReasonMayHold, Doubt: doubt}, time.Time{}, nil
			}
			why = Reason{}
		}
		return why, time.Time{}, nil
	},
}

// peopleWait is how long a step waits that ends only empty calls, while people are inside.
const peopleWait = 15 * time.Second

// endCall ends one call for a step, unless people may be inside of whom Drawbridge doesn't
// know, or other people than those of the incident.
func (s *Service) endCall(ctx context.Context, run StepRun, b Bridge) (why NotEnded, unsure bool, err error) {
	f, err := s.store.Call(ctx, b.ID)
	if err != nil {
		return "", false, err
	}
	m, err := s.meetingOf(ctx, b)
	switch {
	case gone(err):
		return "", false, nil
	case err != nil && !foreignLink(err):
		return "", false, err
	}
	why, unsure, err = s.mayHold(ctx, f, m)
	if err != nil || unsure && (!run.Step.WithPeople || why == NotEndedShared || why == NotEndedForeign) {
		return why, unsure, err
	}
	if err := s.endMeeting(ctx, b); err != nil {
		return "", false, err
	}
	return "", false, s.saidEnded(ctx, b, TimelineEntry{Kind: EntryEndedBy, Actor: run.RunBy, Data: TimelineData{
		Count: b.Inside, Step: run.Step.Kind, StepName: run.Step.Name,
	}}, AuditEntry{})
}
