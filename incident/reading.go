package incident

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// readBatch is how many events are read in one transaction. It is small because
// SQLite cannot store events during the transaction.
const readBatch = 100

// ReadEvents reads new events, oldest first, and applies their effects. It
// returns how many it read.
func (s *Service) ReadEvents(ctx context.Context) (int, error) {
	events, err := s.store.NewEvents(ctx, readBatch)
	if err != nil || len(events) == 0 {
		return 0, err
	}
	readings, err := s.readings(ctx, events)
	if err != nil {
		return 0, err
	}
	err = s.apply(ctx, readings)
	if CodeOf(err) != Internal {
		return len(readings), err
	}
	// One event that cannot be applied must not block the others forever.
	for _, r := range readings {
		if err := s.apply(ctx, []Reading{r}); CodeOf(err) == Internal {
			s.log.Error("could not apply an event", "event", r.EventID, "error", err)
			err = s.apply(ctx, []Reading{{EventID: r.EventID, State: EventUnreadable, Problem: ReadNotStored, Nameless: true}})
			if err != nil {
				return 0, err
			}
		} else if err != nil {
			return 0, err
		}
	}
	return len(readings), nil
}

// readings returns what the events mean and to which bridges they belong.
func (s *Service) readings(ctx context.Context, events []Event) ([]Reading, error) {
	readings := make([]Reading, len(events))
	bodies := make([]zoom.Event, len(events))
	var meetings []string
	for i, e := range events {
		readings[i], bodies[i] = s.read(e)
		if bodies[i].Meeting != nil && e.counts() {
			meetings = append(meetings, readings[i].MeetingUUID, readings[i].MeetingID)
		}
	}
	// Most events belong to no bridge's meeting. One query finds those that do.
	ours, err := s.store.MeetingsOfBridges(ctx, meetings)
	if err != nil {
		return nil, err
	}
	for i := range readings {
		r := &readings[i]
		if r.Awaits = events[i].counts(); !r.Awaits || !ours[r.MeetingUUID] && !ours[r.MeetingID] {
			continue
		}
		bridgeID, number, err := s.store.BridgeForMeeting(ctx, r.MeetingUUID, r.MeetingID, r.EventAt)
		if err != nil {
			return nil, err
		}
		if bridgeID != "" {
			r.BridgeID, r.Awaits = bridgeID, false
			r.follow(bodies[i], number, s.links)
			if r.Nameless && r.Presence != nil && r.Presence.SessionID == "" {
				r.Presence = nil // without the name it cannot be told apart from others
			}
		}
	}
	return readings, nil
}

// apply calls Store.ApplyReadings and turns a panic into an Internal error.
func (s *Service) apply(ctx context.Context, readings []Reading) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return s.store.ApplyReadings(ctx, readings, s.now(), FollowEvents)
}

// read returns what one event means, and its parsed body. An event that cannot be
// read stays stored.
func (s *Service) read(e Event) (r Reading, z zoom.Event) {
	r = Reading{EventID: e.ID, State: EventRead, Again: e.Event != "" || e.Problem != "", Nameless: !e.BlankedAt.IsZero()}
	defer func() {
		// A body that makes the reader panic must not block the events behind it.
		if p := recover(); p != nil {
			s.log.Error("reading an event panicked", "event", e.ID, "panic", p)
			r, z = Reading{EventID: e.ID, State: EventUnreadable, Problem: ReadCrashed, Again: r.Again, Nameless: r.Nameless}, zoom.Event{}
		}
	}()
	r.Text = zoom.EventText(e.Body)
	z, err := zoom.ReadEvent(e.Body)
	if err != nil {
		r.State, r.Problem = EventUnreadable, ReadNotJSON // the only possible error
		return r, z
	}
	if !r.Nameless { // without names, two different events may look the same
		r.Meaning = z.Meaning()
	}
	r.Event, r.EventAt, r.AccountID = cutRunes(z.Name, 100), z.At, cutRunes(z.AccountID, 100)
	if r.EventAt.IsZero() {
		r.EventAt = e.SignedAt
	}
	if z.Participant != nil {
		r.Who = cutRunes(z.Participant.Name, 200)
	}
	if z.Meeting != nil {
		r.MeetingID, r.MeetingUUID, r.Topic = cutRunes(z.Meeting.ID, 100), cutRunes(z.Meeting.UUID, 100), cutRunes(z.Meeting.Topic, 500)
	}
	return r, z
}

// follow adds the effects of the event on its bridge.
func (r *Reading) follow(z zoom.Event, number int64, links zoom.Links) {
	entry := func(kind TimelineKind) {
		r.Timeline = append(r.Timeline, TimelineEntry{
			ID: EventEntryID(r.EventID), IncidentNumber: number, BridgeID: r.BridgeID,
			At: r.EventAt, Kind: kind,
		})
	}
	person := func(kind TimelineKind) {
		entry(kind)
		r.Timeline[len(r.Timeline)-1].Data.Who = r.Who
	}
	instance := Instance{UUID: r.MeetingUUID}
	if instance.UUID == "" {
		instance.UUID = r.MeetingID // Zoom left it out, so all instances count as one
	}
	switch z.Name {
	case "meeting.started":
		instance.StartedAt = z.Meeting.StartTime
		if instance.StartedAt.IsZero() {
			instance.StartedAt = r.EventAt
		}
		r.Instance = &instance
		entry(EntryCallStarted)
	case "meeting.ended":
		instance.StartedAt, instance.EndedAt = z.Meeting.StartTime, z.Meeting.EndTime
		if instance.EndedAt.IsZero() {
			instance.EndedAt = r.EventAt
		}
		r.Instance = &instance
		entry(EntryCallEnded)
	case "meeting.participant_joined", "meeting.participant_left":
		p := z.Participant
		if p == nil {
			return
		}
		r.Instance = &instance
		r.Presence = &Presence{
			UUID: instance.UUID, SessionID: cutRunes(p.UserID, 100), Person: cutRunes(p.Key, 100),
			Name: r.Who, Email: cutRunes(p.Email, 254),
		}
		if r.Presence.SessionID == "" {
			r.Presence.SessionID = r.Presence.Person
		}
		if r.Presence.Person == "" {
			r.Presence.SessionID, r.Presence.Person = r.Who, r.Who
		}
		if z.Name == "meeting.participant_joined" {
			if r.Presence.JoinedAt = p.JoinTime; p.JoinTime.IsZero() {
				r.Presence.JoinedAt = r.EventAt
			}
			person(EntryJoined)
		} else {
			if r.Presence.LeftAt = p.LeaveTime; p.LeaveTime.IsZero() {
				r.Presence.LeftAt = r.EventAt
			}
			person(EntryLeft)
		}
	case "meeting.participant_jbh_waiting":
		r.wait(z.Participant, Wait{UUID: instance.UUID, Place: WaitsForHost, Since: r.EventAt})
		person(EntryWaitsForHost)
	case "meeting.participant_jbh_waiting_left", "meeting.participant_jbh_joined":
		r.wait(z.Participant, Wait{UUID: instance.UUID, Place: WaitsForHost, Until: r.EventAt})
	case "meeting.participant_joined_waiting_room", "meeting.participant_put_in_waiting_room":
		r.wait(z.Participant, Wait{UUID: instance.UUID, Place: WaitsInRoom, Since: r.EventAt})
		person(EntryInWaitingRoom)
	case "meeting.participant_admitted", "meeting.participant_left_waiting_room":
		r.wait(z.Participant, Wait{UUID: instance.UUID, Place: WaitsInRoom, Until: r.EventAt})
	case "meeting.deleted", "meeting.permanently_deleted":
		r.Deleted = true
		entry(EntryMeetingDeleted)
	case "recording.started":
		entry(EntryRecording)
	case "recording.completed":
		if z.Recording == nil {
			return
		}
		r.Recordings = recordingLinks(z.Recording, links)
		entry(EntryRecordingReady)
	}
}

// wait adds what the event says about someone who waits. Its time is that of the
// event, because some of these events have no other.
func (r *Reading) wait(p *zoom.EventParticipant, w Wait) {
	if p == nil {
		return
	}
	w.Person = cutRunes(cmp.Or(p.Key, p.ID, p.Name), 200)
	w.Name, w.Email = r.Who, cutRunes(p.Email, 254)
	if w.Person != "" {
		r.Wait = &w
	}
}

// recordingLinks returns the links to show: the page with all files, or else the
// files. It drops links that do not lead to Zoom.
func recordingLinks(rec *zoom.EventRecording, links zoom.Links) []RecordingLink {
	var list []RecordingLink
	if links.Accepts(rec.ShareURL) {
		link := RecordingLink{URL: rec.ShareURL, Type: "recording"}
		for _, f := range rec.Files {
			if link.Start.IsZero() || (!f.Start.IsZero() && f.Start.Before(link.Start)) {
				link.Start = f.Start
			}
			if f.End.After(link.End) {
				link.End = f.End
			}
		}
		return []RecordingLink{link}
	}
	for _, f := range rec.Files {
		if links.Accepts(f.PlayURL) {
			list = append(list, RecordingLink{URL: f.PlayURL, Type: strings.ToLower(f.Type), Start: f.Start, End: f.End})
		}
	}
	return list
}

// EventFamily returns the group of an event for charts and filters: meeting,
// participant, recording, user, or whatever precedes the first dot of its name.
func EventFamily(event string) string {
	if strings.HasPrefix(event, "meeting.participant_") {
		return "participant"
	}
	family, _, _ := strings.Cut(event, ".")
	return family
}
