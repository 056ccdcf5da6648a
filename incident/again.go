package incident

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// StartAgain makes a bridge whose call has ended ready again. If Zoom still has its
// meeting, people use the same link; else the rungs give the bridge a new meeting.
func (s *Service) StartAgain(ctx context.Context, actor Actor, bridgeID string) error {
	if err := need(actor, Responder); err != nil {
		return err
	}
	ctx, cancel := attached(ctx, humanBudget)
	defer cancel()
	b, err := s.store.Bridge(ctx, bridgeID)
	if err != nil {
		return err
	}
	i, err := s.store.Incident(ctx, b.IncidentNumber)
	if err != nil {
		return err
	}
	switch {
	case i.Status != StatusOpen:
		return refuse(Conflict, "The incident is resolved. Reopen it to start its meeting again.")
	case b.State != BridgeEnded:
		return refuse(Conflict, "This meeting hasn’t ended, or has been started again. Check it again.")
	}
	now := s.now()
	change := BridgeChange{
		From:  []BridgeState{BridgeEnded},
		Audit: s.audit(actor, AuditBridgeAgain, Key(b.IncidentNumber)),
	}
	m, err := s.meetingOf(ctx, b)
	if gone(err) {
		run, err := s.store.StepRun(ctx, b.StepRunID)
		if err != nil {
			return err
		}
		b.changeLink("", now) // it leads nowhere
		b.State, b.Reasons, b.EndedAt, b.AgainAt = BridgeNew, nil, time.Time{}, now
		change.Bridge, change.StepRun, change.StepRunFrom = b, &run, []StepState{StepDone, StepFailed}
		return s.schedule(ctx, actor, change)
	}
	change.Timeline = []TimelineEntry{{ID: newID(), IncidentNumber: b.IncidentNumber, BridgeID: b.ID, At: now, Kind: EntryAgain, Actor: actor.Email}}
	// If Zoom does not answer, the link is as good as it was.
	if err == nil {
		change.Timeline = append(change.Timeline, b.reread(m, false, now)...)
	}
	b.State, b.EndedAt, b.AgainAt, b.AskAt, b.UpdatedAt = BridgeReady, time.Time{}, now, now.Add(askSoon), now
	change.Bridge = b
	return s.store.ChangeBridge(ctx, change)
}

// meetingOf asks Zoom for the meeting of a bridge.
func (s *Service) meetingOf(ctx context.Context, b Bridge) (zoom.Meeting, error) {
	client, err := s.accountClient(ctx)
	if err != nil {
		return zoom.Meeting{}, err
	}
	return client.GetMeeting(ctx, cmp.Or(b.PMI, b.MeetingID))
}

// EndCall ends the call of a bridge for everyone. seen is how many people the actor
// knows to be inside; if there are more, it returns Conflict and the call goes on.
func (s *Service) EndCall(ctx context.Context, actor Actor, bridgeID string, seen int) error {
	if err := need(actor, Responder); err != nil {
		return err
	}
	ctx, cancel := attached(ctx, humanBudget)
	defer cancel()
	b, err := s.store.Bridge(ctx, bridgeID)
	if err != nil {
		return err
	}
	switch {
	case b.State != BridgeLive || b.Kind == KindStatic:
		return refuse(Conflict, "This meeting isn’t running, as far as Drawbridge knows. Check it again.")
	case b.Inside > seen:
		return refuse(Conflict, fmt.Sprintf("The meeting is still running, with %s inside. End it on the incident’s page.", map[bool]string{true: "1 person", false: fmt.Sprint(b.Inside, " people")}[b.Inside == 1]))
	}
	if err := s.endMeeting(ctx, b); err != nil {
		why := reasonOf(err, b.HostEmail)
		return &Error{Code: Unavailable, Message: "Zoom didn’t end the meeting. End it in Zoom, or try again.", Reason: &why, Err: err}
	}
	return s.saidEnded(ctx, b, TimelineEntry{Kind: EntryEndedBy, Data: TimelineData{Count: b.Inside}, Actor: actor.Email}, s.audit(actor, AuditBridgeEnd, Key(b.IncidentNumber)))
}

// EndCalls ends all running calls of an incident; see EndCall.
func (s *Service) EndCalls(ctx context.Context, actor Actor, number int64, seen int) error {
	bridges, err := s.store.Bridges(ctx, number)
	if err != nil {
		return err
	}
	inside := 0
	for _, b := range bridges {
		inside += b.Inside
	}
	for _, b := range bridges {
		if b.State != BridgeLive || b.Kind == KindStatic {
			continue
		}
		if err := s.EndCall(ctx, actor, b.ID, b.Inside+seen-inside); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) endMeeting(ctx context.Context, b Bridge) error {
	client, err := s.accountClient(ctx)
	if err != nil {
		return err
	}
	err = client.EndMeeting(ctx, cmp.Or(b.PMI, b.MeetingID))
	if gone(err) {
		err = nil
	}
	return err
}

// saidEnded stores that Drawbridge ended a call. That it has ended follows from Zoom's
// event, or from asking.
func (s *Service) saidEnded(ctx context.Context, b Bridge, e TimelineEntry, audit AuditEntry) error {
	ctx, cancel := attached(ctx, stateWrite)
	defer cancel()
	now := s.now()
	b, err := s.store.Bridge(ctx, b.ID) // Zoom may have said more meanwhile
	if err != nil {
		return err
	}
	b.AskAt = now.Add(5 * time.Second)
	e.ID, e.IncidentNumber, e.BridgeID, e.At = newID(), b.IncidentNumber, b.ID, now
	err = s.store.ChangeBridge(ctx, BridgeChange{Bridge: b, From: []BridgeState{BridgeLive}, Timeline: []TimelineEntry{e}, Audit: audit})
	if CodeOf(err) != Conflict {
		return err
	}
	// The bridge has changed meanwhile, most likely because the end was noticed.
	if err := s.store.AddTimeline(ctx, e); err != nil || audit.Action == "" {
		return err
	}
	return s.store.AddAudit(ctx, audit)
}
