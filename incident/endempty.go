package incident

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// NotEnded says why a call in which nobody was seen goes on: somebody of whom Drawbridge
// does not know may be inside. The codes are stored.
type NotEnded string

const (
	NotEndedHost     NotEnded = ""         // Zoom did not say when the host was inside
	NotEndedShared   NotEnded = "shared"   // the meeting is a personal room, or another bridge has it as well
	NotEndedForeign  NotEnded = "foreign"  // this Drawbridge did not make the meeting, or a person changed it
	NotEndedOther    NotEnded = "other"    // Zoom names another call than the one of which the people are known
	NotEndedAgain    NotEnded = "again"    // Zoom had said that the call is over
	NotEndedEvents   NotEnded = "events"   // an event about the meeting had no effect: it is stale or can't be read
	NotEndedNames    NotEnded = "names"    // Zoom gave a name in place of an id, so two people may count as one
	NotEndedBreakout NotEnded = "breakout" // it had breakout rooms, and Zoom does not say who is in them
)

// endEmpty ends the call of a bridge that everybody left, if its step asks for that. Zoom
// has no call that says who is inside, so a call goes on if anything suggests that somebody
// of whom no event told may be. A guest whose join event was lost can't be known.
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
	why, unsure, err := s.mayHold(ctx, f, m)
	if err != nil {
		return time.Time{}, err
	}
	if unsure {
		return time.Time{}, s.store.AddTimeline(ctx, TimelineEntry{
			ID: "not" + job.ID, IncidentNumber: b.IncidentNumber, BridgeID: b.ID, At: s.now(), Kind: EntryNotEnded, Data: TimelineData{Field: string(why)},
		})
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

// mayHold reports whether the running call that m describes may hold people of whom no
// event told, and why.
func (s *Service) mayHold(ctx context.Context, f BridgeFacts, m zoom.Meeting) (why NotEnded, unsure bool, err error) {
	b := f.Bridge
	other, err := s.store.OpenBridgeWithMeeting(ctx, b.MeetingID, b.ID)
	if err != nil {
		return "", false, err
	}
	unapplied, err := s.store.UnappliedAbout(ctx, b.MeetingID, b.CreatedAt)
	if err != nil {
		return "", false, err
	}
	said, err := s.store.EventsOf(ctx, b.MeetingID)
	if err != nil {
		return "", false, err
	}
	switch {
	case b.PMI != "" || personalID(m) || other != "":
		return NotEndedShared, true, nil
	case !s.made(m.Agenda):
		return NotEndedForeign, true, nil
	case unapplied:
		return NotEndedEvents, true, nil
	case slices.ContainsFunc(said, func(event string) bool { return strings.Contains(event, "breakout") }):
		return NotEndedBreakout, true, nil
	}
	why, unsure = f.mayHold(m.UUID)
	return why, unsure, nil
}

// mayHold reports the same about the instances, of which Zoom says that the one with this
// uuid runs.
func (f BridgeFacts) mayHold(uuid string) (why NotEnded, unsure bool) {
	known := false
	for _, in := range f.Instances {
		if !in.Ended().IsZero() {
			continue
		}
		known = known || in.UUID == uuid
		if in.resumed() {
			return NotEndedAgain, true
		}
		host := false
		for _, p := range f.Presences {
			if p.UUID != in.UUID {
				continue
			}
			if !p.sure() {
				return NotEndedNames, true
			}
			host = host || p.Email != "" && strings.EqualFold(p.Email, f.Bridge.HostEmail)
		}
		if !host {
			return NotEndedHost, true
		}
		if slices.ContainsFunc(f.Waits, func(w Wait) bool { return w.UUID == in.UUID && w.Place == WaitsInRoom && w.Person == w.Name }) {
			return NotEndedNames, true
		}
	}
	return NotEndedOther, !known
}
