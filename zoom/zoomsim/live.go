package zoomsim

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"
)

// instance is one occurrence of a meeting.
type instance struct {
	room           *meeting
	uuid           string
	started, ended time.Time
	people         []*participant // everyone who was ever inside or in the waiting room
	recording      time.Time      // start of the current cloud recording; zero: not recording
	wasRecorded    time.Time      // start of the recording that is not complete yet
	recorded       bool           // the recording is complete
	playPasscode   string
}

// Participant is someone who is in a meeting or waiting to get in.
type Participant struct {
	Key      string // for Leave and Admit
	Name     string
	JoinedAt time.Time // when they joined or began to wait
	Waiting  string    // "": inside; "host": waiting for the host to start; "room": in the waiting room
}

type participant struct {
	Participant
	host       bool
	userID     string // "" for guests, in events as well
	shownEmail string // the same
	session    string // digits, new for each join
	ip         string
	left       time.Time
}

// Person is someone who joins a meeting. A person with the email address of the host or of an alternative host
// is the host.
type Person struct{ Name, Email string }

var (
	errNoMeeting = errors.New("there is no such meeting; it may have been deleted or may have expired")
	errNotOn     = errors.New("the meeting is not running")
	errNobody    = errors.New("this person is not in the meeting")
	errHostBusy  = errors.New("the host has another meeting in progress")
)

// act changes a meeting while holding the lock, and then delivers the resulting events.
func (s *Sim) act(ctx context.Context, id string, change func(*meeting, time.Time) ([]Event, error)) error {
	s.mu.Lock()
	m, _ := s.meeting(url.PathEscape(id))
	if m == nil || m.gone() {
		s.mu.Unlock()
		return errNoMeeting
	}
	events, err := change(m.place(), s.opts.Now())
	if err != nil {
		s.mu.Unlock()
		return err
	}
	turn := s.takeTurn() // every change has an event
	s.mu.Unlock()
	s.emit(ctx, turn, events)
	return nil
}

// Join lets a person join the meeting with this id, personal meeting ID or uuid, and returns the key for Leave.
// The host starts the meeting by joining, and so does anyone else if people may join before the host.
// Otherwise the person waits for the host or, with a waiting room, for Admit; Meetings shows for which.
func (s *Sim) Join(ctx context.Context, meetingID string, p Person) (string, error) {
	var key string
	err := s.act(ctx, meetingID, func(m *meeting, now time.Time) ([]Event, error) {
		who := s.newParticipant(m, p, now)
		key = who.Key
		if m.running() == nil {
			if !who.host && (!m.body.Settings.JoinBeforeHost || m.body.Settings.WaitingRoom) {
				who.Waiting = "host"
				m.lobby = append(m.lobby, who)
				return []Event{s.lobbyEvent("meeting.participant_jbh_waiting", m, who, now)}, nil
			}
			if s.busy(m.host) {
				return nil, errHostBusy
			}
			events := s.start(m, now)
			events = append(events, s.enter(m.last, who, now)...)
			for _, w := range m.lobby {
				events = append(events, s.lobbyEvent("meeting.participant_jbh_joined", m, w, now))
				events = append(events, s.enter(m.last, w, now)...)
			}
			m.lobby = nil
			return events, nil
		}
		return s.enter(m.last, who, now), nil
	})
	return key, err
}

func (s *Sim) newParticipant(m *meeting, p Person, now time.Time) *participant {
	s.serial++
	who := &participant{Participant: Participant{Key: s.random("participant", 22), Name: p.Name, JoinedAt: now},
		host: m.isHost(p.Email), session: number(16778240 + int64(s.serial)*1024), ip: "203.0.113." + number(1+int64(s.serial%250))}
	// Zoom leaves the id and the email address of people outside the account empty.
	if u := s.user(p.Email); u != nil && !u.OtherAccount && p.Email != "" {
		who.userID, who.shownEmail = u.ID, u.Email
		if who.Name == "" {
			who.Name = u.DisplayName
		}
	}
	return who
}

func (s *Sim) busy(host *User) bool {
	running := 0
	for _, m := range s.meetings {
		if m.host == host && m.room == nil && m.running() != nil {
			running++
		}
	}
	return host.ConcurrentMeetings > 0 && running >= host.ConcurrentMeetings
}

// start begins an instance. The first one has the uuid of the meeting, later ones have their own.
func (s *Sim) start(m *meeting, now time.Time) []Event {
	if m.last != nil {
		m.body.UUID = s.newUUID()
	}
	m.last = &instance{room: m, uuid: m.body.UUID, started: now}
	s.past = append(s.past, m.last)
	events := []Event{s.instanceEvent("meeting.started", m.last, now)}
	if m.body.Settings.AutoRecording == "cloud" {
		events = append(events, s.record(m.last, now))
	}
	return events
}

func (s *Sim) record(i *instance, now time.Time) Event {
	i.recording, i.wasRecorded = now, now
	return s.recordingEvent("recording.started", i, nil, now)
}

// enter puts a person into a running instance or into its waiting room.
func (s *Sim) enter(i *instance, who *participant, now time.Time) []Event {
	i.people = append(i.people, who)
	who.JoinedAt = now
	if i.room.body.Settings.WaitingRoom && !who.host {
		who.Waiting = "room"
		return []Event{s.participantEvent("meeting.participant_joined_waiting_room", i, who, now)}
	}
	who.Waiting = ""
	return []Event{s.participantEvent("meeting.participant_joined", i, who, now)}
}

// Admit moves a person from the waiting room into the meeting.
func (s *Sim) Admit(ctx context.Context, meetingID, participantKey string) error {
	return s.act(ctx, meetingID, func(m *meeting, now time.Time) ([]Event, error) {
		who := m.inside(participantKey)
		if who == nil || who.Waiting != "room" {
			return nil, errNobody
		}
		who.Waiting, who.JoinedAt = "", now
		return []Event{s.participantEvent("meeting.participant_admitted", m.last, who, now), s.participantEvent("meeting.participant_joined", m.last, who, now)}, nil
	})
}

func (m *meeting) inside(key string) *participant {
	if i := m.running(); i != nil {
		for _, who := range i.people {
			if who.Key == key && who.left.IsZero() {
				return who
			}
		}
	}
	return nil
}

// Leave removes a person from a meeting or its waiting room. Zoom ends a meeting some time after the last
// person left; the simulator waits for End.
func (s *Sim) Leave(ctx context.Context, meetingID, participantKey string) error {
	return s.act(ctx, meetingID, func(m *meeting, now time.Time) ([]Event, error) {
		if n := slices.IndexFunc(m.lobby, func(w *participant) bool { return w.Key == participantKey }); n >= 0 {
			who := m.lobby[n]
			m.lobby = slices.Delete(m.lobby, n, n+1)
			return []Event{s.lobbyEvent("meeting.participant_jbh_waiting_left", m, who, now)}, nil
		}
		who := m.inside(participantKey)
		if who == nil {
			return nil, errNobody
		}
		return []Event{s.leave(m.last, who, now, "left the meeting. Reason : left the meeting")}, nil
	})
}

func (s *Sim) leave(i *instance, who *participant, now time.Time, reason string) Event {
	who.left = now
	if who.Waiting != "" {
		return s.participantEvent("meeting.participant_left_waiting_room", i, who, now)
	}
	return s.participantLeft(i, who, now, reason)
}

// End ends a running meeting for everyone.
func (s *Sim) End(ctx context.Context, meetingID string) error {
	return s.act(ctx, meetingID, func(m *meeting, now time.Time) ([]Event, error) {
		if m.running() == nil {
			return nil, errNotOn
		}
		return s.end(m, now), nil
	})
}

// end ends the meeting and returns the events. It returns none if the meeting is not running.
func (s *Sim) end(m *meeting, now time.Time) []Event {
	i := m.running()
	if i == nil {
		return nil
	}
	var events []Event
	for _, who := range i.people {
		if who.left.IsZero() {
			events = append(events, s.leave(i, who, now, "left the meeting. Reason : Host ended the meeting"))
		}
	}
	i.ended = now
	if !i.recording.IsZero() {
		i.recording = time.Time{}
		events = append(events, s.recordingEvent("recording.stopped", i, utc(now), now))
	}
	return append(events, s.instanceEvent("meeting.ended", i, now))
}

// CompleteRecording completes the cloud recording of the meeting's last instance after it has ended. A meeting
// without automatic recording counts as recorded manually, if its host may do that.
func (s *Sim) CompleteRecording(ctx context.Context, meetingID string) error {
	s.mu.Lock()
	m, i := s.meeting(url.PathEscape(meetingID))
	if m == nil {
		s.mu.Unlock()
		return errNoMeeting
	}
	if i == nil {
		i = m.place().last
	}
	switch {
	case i == nil || i.ended.IsZero():
		s.mu.Unlock()
		return errors.New("a recording cannot be complete before its meeting has ended")
	case !m.host.cloud():
		s.mu.Unlock()
		return errors.New("the host may not record to the cloud")
	}
	now := s.opts.Now()
	i.recorded = true
	if i.wasRecorded.IsZero() {
		i.wasRecorded = i.started
	}
	if i.playPasscode == "" {
		i.playPasscode = s.random("play", 32)
	}
	event := s.completedEvent(i, now)
	turn := s.takeTurn()
	s.mu.Unlock()
	s.emit(ctx, turn, []Event{event})
	return nil
}
