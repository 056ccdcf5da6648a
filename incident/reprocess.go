package incident

import (
	"cmp"
	"context"
	"strings"
)

// ReprocessEvent reads a stored event again, one that was kept as stale with
// its effects, and says in sentences what is other than before: none when
// nothing is. What follows from an event is known by the event, so reading it
// twice changes nothing the second time. read is false when the event could not
// be read at once; then it is read with the new ones.
func (s *Service) ReprocessEvent(ctx context.Context, actor Actor, id int64) (changes []string, read bool, err error) {
	if err := need(actor, Admin); err != nil {
		return nil, false, err
	}
	e, err := s.store.Event(ctx, id)
	if err != nil {
		return nil, false, err
	}
	fresh := e
	fresh.Stale = false
	readings, err := s.readings(ctx, []Event{fresh})
	if err != nil {
		return nil, false, err
	}
	r := readings[0]
	bridgeID := cmp.Or(r.BridgeID, e.BridgeID)
	before, err := s.aftermath(ctx, id, bridgeID)
	if err != nil {
		return nil, false, err
	}
	if err := s.store.ReprocessEvent(ctx, id, s.audit(actor, "event.reprocess", e.Event, nil, nil)); err != nil {
		return nil, false, err
	}
	// Another reader may be quicker: then applying does nothing.
	err = s.apply(ctx, readings)
	var after aftermath
	if err == nil {
		after, err = s.aftermath(ctx, id, bridgeID)
	}
	if err != nil {
		s.log.Warn("a reprocessed event waits to be read", "event", id, "error", err)
		nudge(s.wakeReader)
		return nil, false, nil
	}
	return after.since(before, r), true, nil
}

// aftermath is an event with all that followed from it.
type aftermath struct {
	event     Event
	bridge    Bridge // the zero Bridge when there is none
	presences []Presence
	entries   []TimelineEntry
}

func (s *Service) aftermath(ctx context.Context, id int64, bridgeID string) (a aftermath, err error) {
	if a.event, err = s.store.Event(ctx, id); err != nil || bridgeID == "" {
		return a, err
	}
	if a.bridge, err = s.store.Bridge(ctx, bridgeID); err != nil {
		return a, err
	}
	if a.presences, err = s.store.Presences(ctx, bridgeID); err != nil {
		return a, err
	}
	a.entries, err = s.store.EventEntries(ctx, a.event)
	return a, err
}

// stay is the presence that a reading tells of, the zero one if there is none.
func (a aftermath) stay(r Reading) Presence {
	for _, p := range a.presences {
		if r.Presence != nil && p.UUID == r.Presence.UUID && p.SessionID == r.Presence.SessionID {
			return p
		}
	}
	return Presence{}
}

// since says what is other than it was.
func (a aftermath) since(was aftermath, r Reading) (changes []string) {
	say := func(parts ...string) { changes = append(changes, strings.Join(parts, "")) }
	if was.event.Stale {
		say("The event counts now.")
	}
	if a.event.State != was.event.State {
		switch a.event.State {
		case EventRead:
			say("It could be read.")
		case EventUnreadable:
			say("It could not be read.")
		}
	}
	if a.event.Event != was.event.Event || a.event.MeetingID != was.event.MeetingID || a.event.MeetingUUID != was.event.MeetingUUID ||
		a.event.Topic != was.event.Topic || a.event.Who != was.event.Who {
		say("What the log says of it is other than before.")
	}
	switch {
	case a.event.BridgeID == was.event.BridgeID:
	case a.event.BridgeID == "":
		say("It belongs to no bridge any more.")
	default:
		say("It belongs to the bridge of ", Key(a.event.IncidentNumber), " now.")
	}
	switch {
	case a.bridge.State != was.bridge.State:
		say("The bridge is ", string(a.bridge.State), "; it was ", string(was.bridge.State), ".")
	case !a.bridge.StartedAt.Equal(was.bridge.StartedAt), !a.bridge.EndedAt.Equal(was.bridge.EndedAt):
		say("The bridge began or ended at another time than was known.")
	}
	if p := a.stay(r); p != was.stay(r) {
		say("When ", cmp.Or(p.Name, "somebody"), " was in the call is other than before.")
	}
	if len(a.bridge.Recordings) > len(was.bridge.Recordings) {
		say("The bridge has a recording more.")
	}
	if len(a.entries) > len(was.entries) {
		say("The timeline of ", Key(a.event.IncidentNumber), " says so.")
	}
	return changes
}

// LeadsToZoom reports a link that leads to Zoom, or to what the operator set in
// Zoom's place, and may be shown as one.
func (s *Service) LeadsToZoom(link string) bool { return s.trusted(link) }
