package incident

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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
		readings[i].believe(&bodies[i], e.ReceivedAt.Add(s.skew()))
		if bodies[i].Meeting != nil && e.counts() {
			meetings = append(meetings, readings[i].MeetingUUID, readings[i].MeetingID)
		}
		for _, b := range bodies[i].Batch {
			meetings = append(meetings, cutRunes(b.UUID, 100))
		}
	}
	if err := s.doubtStandbys(ctx, events, readings); err != nil {
		return nil, err
	}
	if err := s.addRechecks(ctx, events, readings, bodies); err != nil {
		return nil, err
	}
	// Most events belong to no bridge's meeting. One query finds those that do.
	ours, err := s.store.MeetingsOfBridges(ctx, meetings)
	if err != nil {
		return nil, err
	}
	for i := range readings {
		r := &readings[i]
		if r.Awaits = events[i].counts(); r.Awaits && len(bodies[i].Batch) > 0 {
			if err := s.followBatch(ctx, r, bodies[i].Batch, ours); err != nil {
				return nil, err
			}
			continue
		}
		if !r.Awaits || !ours[r.MeetingUUID] && !ours[r.MeetingID] {
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

// addRechecks adds what the events about users mean for the check of the account, and for
// the bridges that they host.
func (s *Service) addRechecks(ctx context.Context, events []Event, readings []Reading, bodies []zoom.Event) error {
	var account Account
	read := false
	for i, e := range events {
		if !e.counts() || !slices.Contains(userEvents, readings[i].Event) {
			continue
		}
		if !read {
			var err error
			if account, err = s.store.Account(ctx); err != nil {
				return err
			}
			read = true
		}
		readings[i].Recheck = s.recheck(account, e, bodies[i].User)
		changed := s.changedHost(e, bodies[i].User)
		readings[i].ChangedHost = changed
		if changed == nil || readings[i].Event != "user.settings_updated" {
			continue
		}
		emails := slices.Clone(changed.Emails)
		for email, id := range account.Check.Users {
			if id != "" && strings.EqualFold(id, changed.ZoomID) {
				emails = append(emails, email)
			}
		}
		var err error
		if readings[i].Changed, err = s.store.BridgesOfHost(ctx, emails, changed.ZoomID); err != nil {
			return err
		}
	}
	return nil
}

// apply calls Store.ApplyReadings and turns a panic into an Internal error.
func (s *Service) apply(ctx context.Context, readings []Reading) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if err := s.store.ApplyReadings(ctx, readings, s.now(), FollowEvents); err != nil {
		return err
	}
	if slices.ContainsFunc(readings, func(r Reading) bool { return r.Recheck != nil }) {
		nudge(s.wakeJobs)
	}
	return nil
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

// longestCall is longer than any call: Zoom ends one after 30 hours.
const longestCall = 48 * time.Hour

// believe sets when the event happened, and takes times that can't be out of its body: what
// lies in the future happened when the event arrived, and no call began long before its
// event. Nothing would correct such a time later, because the latest end and the earliest
// start count.
func (r *Reading) believe(z *zoom.Event, arrived time.Time) {
	past := func(t time.Time) time.Time {
		if t.After(arrived.Add(signedAfter)) {
			return arrived
		}
		return t
	}
	r.At = past(r.EventAt)
	if z.Meeting != nil {
		m := *z.Meeting
		m.StartTime, m.EndTime = past(m.StartTime), past(m.EndTime)
		if m.StartTime.Before(r.At.Add(-longestCall)) {
			m.StartTime = time.Time{}
		}
		z.Meeting = &m
	}
	if z.Participant != nil {
		p := *z.Participant
		p.JoinTime, p.LeaveTime = past(p.JoinTime), past(p.LeaveTime)
		z.Participant = &p
	}
}

// follow adds the effects of the event on its bridge.
func (r *Reading) follow(z zoom.Event, number int64, links zoom.Links) {
	entry := func(kind TimelineKind) {
		r.Timeline = append(r.Timeline, TimelineEntry{
			ID: EventEntryID(r.EventID), IncidentNumber: number, BridgeID: r.BridgeID,
			At: r.At, Kind: kind,
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
			instance.StartedAt = r.At
		}
		r.Instance = &instance
		entry(EntryCallStarted)
	case "meeting.ended":
		instance.StartedAt, instance.EndedAt = z.Meeting.StartTime, z.Meeting.EndTime
		if instance.EndedAt.IsZero() {
			instance.EndedAt = r.At
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
				r.Presence.JoinedAt = r.At
			}
			person(EntryJoined)
		} else if !p.Breakout {
			if r.Presence.LeftAt = p.LeaveTime; p.LeaveTime.IsZero() {
				r.Presence.LeftAt = r.At
			}
			person(EntryLeft)
		}
	case "meeting.participant_jbh_waiting":
		r.wait(z.Participant, Wait{UUID: instance.UUID, Place: WaitsForHost, Since: r.At})
		person(EntryWaitsForHost)
	case "meeting.participant_jbh_waiting_left", "meeting.participant_jbh_joined":
		r.wait(z.Participant, Wait{UUID: instance.UUID, Place: WaitsForHost, Until: r.At})
	case "meeting.participant_joined_waiting_room", "meeting.participant_put_in_waiting_room":
		r.wait(z.Participant, Wait{UUID: instance.UUID, Place: WaitsInRoom, Since: r.At})
		person(EntryInWaitingRoom)
	case "meeting.participant_admitted", "meeting.participant_left_waiting_room":
		r.wait(z.Participant, Wait{UUID: instance.UUID, Place: WaitsInRoom, Until: r.At})
	case "meeting.updated":
		r.Changed = []string{r.BridgeID}
	case "meeting.deleted", "meeting.permanently_deleted":
		r.DeletedAt = r.At
		entry(EntryMeetingDeleted)
	case "meeting.recovered":
		r.RestoredAt = r.At
		entry(EntryMeetingRestored)
	case "meeting.alert":
		if len(z.Issues) > 0 {
			entry(EntryBadQuality)
			for _, issue := range z.Issues[:min(len(z.Issues), 10)] {
				data := &r.Timeline[len(r.Timeline)-1].Data
				data.Issues = append(data.Issues, cutRunes(issue, 200))
			}
		}
	case "meeting.summary_completed":
		entry(EntrySummary)
	case "meeting.summary_trashed", "meeting.summary_deleted":
		entry(EntrySummaryGone)
	case "meeting.summary_recovered":
		entry(EntrySummaryBack)
	case "recording.started":
		entry(EntryRecording)
	case "recording.completed":
		if z.Recording == nil {
			return
		}
		if z.Recording.ShareURL == "" && len(z.Recording.Files) == 0 {
			entry(EntryNoRecording)
			return
		}
		dropped := r.addLinks(z.Recording, instance.UUID, links)
		r.changeFiles(r.BridgeID, instance.UUID, recordingFiles(z.Recording), false)
		if len(dropped) > 0 {
			entry(EntryRecordingLinkDropped)
			r.Timeline[len(r.Timeline)-1].Data.Link = dropped[0]
			return
		}
		entry(EntryRecordingReady)
	case "recording.transcript_completed":
		entry(EntryTranscript)
		if z.Recording != nil {
			r.addLinks(z.Recording, instance.UUID, links)
			for i := range r.Recordings { // a recording without its transcript is gone as well
				if r.Recordings[i].URL == z.Recording.ShareURL {
					r.Recordings[i].Files = nil
				}
			}
		}
	case "recording.trashed", "recording.deleted", "recording.recovered":
		if z.Recording == nil {
			return
		}
		r.addLinks(z.Recording, instance.UUID, links)
		r.changeFiles(r.BridgeID, instance.UUID, recordingFiles(z.Recording), z.Name != "recording.recovered")
		entry(recordingEntries[z.Name])
	}
}

// recordingEntries are the entries of events that take a recording back or bring
// it back.
var recordingEntries = map[string]TimelineKind{
	"recording.trashed": EntryRecordingGone, "recording.deleted": EntryRecordingGone, "recording.recovered": EntryRecordingBack,
	"recording.batch_trashed": EntryRecordingGone, "recording.batch_deleted": EntryRecordingGone, "recording.batch_recovered": EntryRecordingBack,
}

// followBatch adds the effects of an event about recordings of several meetings,
// each of which may have a bridge of its own.
func (s *Service) followBatch(ctx context.Context, r *Reading, batch []zoom.BatchRecording, ours map[string]bool) error {
	kind, ok := recordingEntries[r.Event]
	if !ok {
		return nil
	}
	for _, b := range batch {
		uuid := cutRunes(b.UUID, 100)
		if !ours[uuid] || uuid == "" {
			continue
		}
		bridgeID, number, err := s.store.BridgeForMeeting(ctx, uuid, "", r.EventAt)
		if err != nil {
			return err
		}
		if bridgeID == "" {
			continue
		}
		entry := TimelineEntry{ID: EventEntryID(r.EventID), IncidentNumber: number, BridgeID: bridgeID, At: r.At, Kind: kind}
		if r.BridgeID == "" {
			r.BridgeID = bridgeID
		} else {
			entry.ID += "-" + uuid
		}
		r.Awaits = false
		r.changeFiles(bridgeID, uuid, b.Files, kind == EntryRecordingGone)
		r.Timeline = append(r.Timeline, entry)
	}
	return nil
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

// EventFamily returns the group of an event for charts and filters: meeting,
// participant, recording, user, or whatever precedes the first dot of its name.
func EventFamily(event string) string {
	if strings.HasPrefix(event, "meeting.participant_") {
		return "participant"
	}
	family, _, _ := strings.Cut(event, ".")
	return family
}
