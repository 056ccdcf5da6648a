package incident

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// endEmpty ends the call of a bridge that everybody left, if its step asks for that. Zoom
// may send no event when the host of a call joins, and has no call that says who is inside,
// so a call whose host was never seen goes on. A guest whose join event was lost can't be
// known.
func (s *Service) endEmpty(ctx context.Context, job Job) (again time.Time, err error) {
	soon := s.now().Add(backoff(job.Attempt))
	f, err := s.emptyCall(ctx, job)
	if err != nil || f.Bridge.ID == "" {
		return time.Time{}, err
	}
	m, err := s.meetingOf(ctx, f.Bridge)
	if foreignLink(err) {
		err = nil
	}
	switch {
	case gone(err):
		return time.Time{}, nil
	case err != nil, m.Status == "":
		return soon, nil
	case m.Status != "started": // its end has not been noticed yet
		return time.Time{}, nil
	}
	// Somebody may have joined meanwhile. An event that is not read yet may say so.
	if news, err := s.store.NewEvents(ctx, 1); err != nil || len(news) > 0 {
		return s.now().Add(time.Second), err
	}
	if f, err = s.emptyCall(ctx, job); err != nil || f.Bridge.ID == "" {
		return time.Time{}, err
	}
	b := f.Bridge
	entry := TimelineEntry{ID: "not" + job.ID, IncidentNumber: b.IncidentNumber, BridgeID: b.ID, At: s.now(), Kind: EntryNotEnded}
	if !f.hostSeen() {
		return time.Time{}, s.store.AddTimeline(ctx, entry)
	}
	if err := s.endMeeting(ctx, b); err != nil {
		s.log.Warn("could not end an empty call", "incident", Key(b.IncidentNumber), "error", err)
		return soon, nil
	}
	return time.Time{}, s.saidEnded(ctx, b, TimelineEntry{Kind: EntryEndedEmpty, Data: TimelineData{Count: b.Asked.EmptyMinutes}}, AuditEntry{})
}

// emptyCall returns the call that the job is about if it is still empty, and else the
// zero BridgeFacts.
func (s *Service) emptyCall(ctx context.Context, job Job) (f BridgeFacts, err error) {
	if f, err = s.store.Call(ctx, job.Subject); err != nil {
		return BridgeFacts{}, err
	}
	b := f.Bridge
	since := f.emptySince(b)
	if !f.Open || b.State != BridgeLive || b.Alarm != AlarmEmpty || !b.Asked.EndEmpty || job.ID != endJob(b.ID, since) {
		return BridgeFacts{}, nil
	}
	return f, nil
}

// endJob is the id of the job that ends a call which has been empty since then.
func endJob(bridgeID string, since time.Time) string {
	return fmt.Sprintf("end-%s-%d", bridgeID, since.UnixMilli())
}

// hostSeen reports whether Zoom said of every running instance when its host was inside.
func (f BridgeFacts) hostSeen() bool {
	for _, in := range f.Instances {
		seen := !in.Ended().IsZero()
		for _, p := range f.Presences {
			seen = seen || p.UUID == in.UUID && p.Email != "" && strings.EqualFold(p.Email, f.Bridge.HostEmail)
		}
		if !seen {
			return false
		}
	}
	return true
}
