package incident

import (
	"cmp"
	"context"
)

// Difference is one thing that changed when an event was read again.
type Difference string

const (
	NowCounts       Difference = "counts"          // it is no longer stale
	NowRead         Difference = "read"            // it could not be read before
	NowUnreadable   Difference = "unreadable"      //
	OtherContent    Difference = "content"         // the entry in the event log
	OtherBridge     Difference = "bridge"          // it belongs to another bridge, or to none
	OtherState      Difference = "bridge_state"    //
	OtherBridgeTime Difference = "bridge_times"    // the start or end of the bridge
	OtherStay       Difference = "stay"            // when someone was in the call
	OtherWaiting    Difference = "waiting"         // how many people wait to get in
	MoreRecordings  Difference = "recordings"      //
	GoneRecordings  Difference = "recordings_gone" // how many of them are gone
	MoreTimeline    Difference = "timeline_entry"  //
)

// Reprocessed is the result of reading an event again.
type Reprocessed struct {
	Read        bool // false: it could not be read at once, and will be read with the new events
	Differences []Difference
	Incident    int64 // of the bridge that it belongs to; 0: none
	Was, Is     BridgeState
	Who         string // the person whose presence changed
}

// ReprocessEvent reads a stored event again and returns what changed. A stale
// event now has its effects. Reading an event again is safe: it never applies an
// effect twice.
func (s *Service) ReprocessEvent(ctx context.Context, actor Actor, id int64) (done Reprocessed, err error) {
	if err := need(actor, Admin); err != nil {
		return done, err
	}
	e, err := s.store.Event(ctx, id)
	if err != nil {
		return done, err
	}
	fresh := e
	fresh.Stale = false
	readings, err := s.readings(ctx, []Event{fresh})
	if err != nil {
		return done, err
	}
	r := readings[0]
	bridgeID := cmp.Or(r.BridgeID, e.BridgeID)
	before, err := s.aftermath(ctx, id, bridgeID)
	if err != nil {
		return done, err
	}
	if err := s.store.ReprocessEvent(ctx, id, s.audit(actor, AuditEventReprocess, e.Event)); err != nil {
		return done, err
	}
	// If another reader was faster, this does nothing.
	err = s.apply(ctx, readings)
	var after aftermath
	if err == nil {
		after, err = s.aftermath(ctx, id, bridgeID)
	}
	if err != nil {
		s.log.Warn("a reprocessed event waits to be read", "event", id, "error", err)
		nudge(s.wakeReader)
		return done, nil
	}
	return after.since(before, r), nil
}

// aftermath is an event with all its effects.
type aftermath struct {
	event     Event
	bridge    Bridge // the zero Bridge if there is none
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

// stay returns the presence that a reading is about, or the zero Presence.
func (a aftermath) stay(r Reading) Presence {
	for _, p := range a.presences {
		if r.Presence != nil && p.UUID == r.Presence.UUID && p.SessionID == r.Presence.SessionID {
			return p
		}
	}
	return Presence{}
}

// since returns what changed compared with was.
func (a aftermath) since(was aftermath, r Reading) Reprocessed {
	done := Reprocessed{Read: true, Incident: a.event.IncidentNumber, Was: was.bridge.State, Is: a.bridge.State, Who: a.stay(r).Name}
	differs := func(yes bool, d Difference) {
		if yes {
			done.Differences = append(done.Differences, d)
		}
	}
	differs(was.event.Stale, NowCounts)
	differs(a.event.State != was.event.State && a.event.State == EventRead, NowRead)
	differs(a.event.State != was.event.State && a.event.State == EventUnreadable, NowUnreadable)
	differs(a.event.Event != was.event.Event || a.event.MeetingID != was.event.MeetingID || a.event.MeetingUUID != was.event.MeetingUUID ||
		a.event.Topic != was.event.Topic || a.event.Who != was.event.Who, OtherContent)
	differs(a.event.BridgeID != was.event.BridgeID, OtherBridge)
	differs(a.bridge.State != was.bridge.State, OtherState)
	differs(a.bridge.State == was.bridge.State && (!a.bridge.StartedAt.Equal(was.bridge.StartedAt) || !a.bridge.EndedAt.Equal(was.bridge.EndedAt)), OtherBridgeTime)
	differs(a.stay(r) != was.stay(r), OtherStay)
	differs(a.bridge.Waiting != was.bridge.Waiting, OtherWaiting)
	differs(len(a.bridge.Recordings) > len(was.bridge.Recordings), MoreRecordings)
	differs(a.bridge.recordingsGone() != was.bridge.recordingsGone(), GoneRecordings)
	differs(len(a.entries) > len(was.entries), MoreTimeline)
	return done
}

// LeadsToZoom reports whether a link may be shown: it leads to Zoom, or to what
// the operator configured instead of Zoom.
func (s *Service) LeadsToZoom(link string) bool { return s.links.Accepts(link) }
