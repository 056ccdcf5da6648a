package zoomsim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Meeting is the state of one meeting in the simulator.
type Meeting struct {
	ID             int64 // the id in the answer to the create call; always above 2^32
	PMI            int64 // the host's personal meeting ID if the meeting takes place in the personal room; events carry it instead of ID; otherwise 0
	HostEmail      string
	Topic          string
	Agenda         string
	Type           int
	Status         string // "waiting", "started", "ended", "deleted"
	Password       string
	Recording      string // auto_recording: "none", "local", "cloud"
	WaitingRoom    bool
	JoinBeforeHost bool
	People         []Participant
	Recorded       bool // the recording of the last instance is complete
}

// meeting is a scheduled meeting or a user's personal room.
type meeting struct {
	body     meetingBody
	host     *User
	created  time.Time
	deleted  bool
	room     *meeting // the personal room in which this meeting takes place; nil: it has its own
	personal bool     // this is a personal room
	last     *instance
	lobby    []*participant // the people who wait for the host to start
}

// meetingBody is a meeting as the API shows it.
type meetingBody struct {
	UUID              string   `json:"uuid"`
	ID                int64    `json:"id"`
	HostID            string   `json:"host_id"`
	HostEmail         string   `json:"host_email"`
	Topic             string   `json:"topic"`
	Type              int      `json:"type"`
	Status            string   `json:"status"`
	StartTime         string   `json:"start_time,omitempty"`
	Duration          int      `json:"duration"`
	Timezone          string   `json:"timezone"`
	Agenda            string   `json:"agenda"`
	CreatedAt         string   `json:"created_at"`
	StartURL          string   `json:"start_url"`
	JoinURL           string   `json:"join_url"`
	Password          string   `json:"password,omitempty"`
	H323Password      string   `json:"h323_password,omitempty"`
	PSTNPassword      string   `json:"pstn_password,omitempty"`
	EncryptedPassword string   `json:"encrypted_password,omitempty"`
	PMI               string   `json:"pmi,omitempty"` // a string here, a number in the user
	Settings          settings `json:"settings"`
	CreationSource    string   `json:"creation_source"`
	PreSchedule       bool     `json:"pre_schedule"`
}

// meeting finds a meeting that is not deleted by its id, personal meeting ID or uuid, and the instance with
// that uuid. key has been decoded once. A uuid is decoded again, and one that begins with "/" or contains "//"
// is found only if it was encoded twice.
func (s *Sim) meeting(key string) (*meeting, *instance) {
	uuid := ""
	if !strings.HasPrefix(key, "/") && !strings.Contains(key, "//") {
		uuid = key
		if strings.Contains(key, "%") {
			uuid, _ = url.PathUnescape(key)
		}
	}
	for _, i := range s.past {
		if i.uuid == uuid && !i.room.deleted {
			return i.room, i
		}
	}
	for _, m := range s.meetings {
		if !m.deleted && (number(m.body.ID) == key || m.body.UUID == uuid) {
			return m, nil
		}
	}
	return nil, nil
}

// place returns where the meeting takes place: the meeting itself or the host's personal room.
func (m *meeting) place() *meeting {
	if m.room != nil {
		return m.room
	}
	return m
}

func (m *meeting) running() *instance {
	if i := m.place().last; i != nil && i.ended.IsZero() {
		return i
	}
	return nil
}

// gone reports whether this is an instant meeting that has ended. Its id no longer works.
func (m *meeting) gone() bool { return m.body.Type == 1 && m.last != nil && m.running() == nil }

// named returns the meeting named in the path of the call, or an error answer.
func (s *Sim) named(q *request) (*meeting, answer, bool) {
	m, _ := s.meeting(q.id)
	if m == nil || q.faults.Lag > 0 && q.now.Before(m.created.Add(q.faults.Lag)) {
		key := q.id
		if decoded, err := url.PathUnescape(key); err == nil {
			key = decoded
		}
		message := "Meeting does not exist: " + key + "."
		if q.Method == http.MethodDelete {
			message = "Meeting with this " + key + " is not found or has expired."
		}
		return nil, fail(http.StatusNotFound, 3001, message), false
	}
	if m.host.OtherAccount {
		return nil, fail(http.StatusBadRequest, 1010, "User does not belong to this account: "+s.opts.AccountID+"."), false
	}
	if a, ok := m.host.mayHost(q); !ok {
		return nil, a, false
	}
	return m, answer{}, true
}

// personalRoom returns the host's room with the personal meeting ID, which has type 4.
func (s *Sim) personalRoom(host *User, now time.Time) *meeting {
	for _, m := range s.meetings {
		if m.personal && m.host == host {
			return m
		}
	}
	m := &meeting{host: host, created: now, personal: true}
	m.body = meetingBody{UUID: s.newUUID(), ID: host.PMI, HostID: host.ID, HostEmail: host.Email, Type: 4, Timezone: "UTC",
		Topic: host.DisplayName + "'s Personal Meeting Room", CreatedAt: utc(now), PMI: number(host.PMI), Settings: newSettings(), CreationSource: "other"}
	m.body.Settings.UsePMI, m.body.Settings.JoinBeforeHost = true, true
	s.setPassword(m, s.digits("pmi password", 6))
	s.meetings = append(s.meetings, m)
	return m
}

func (s *Sim) setPassword(m *meeting, password string) {
	b := &m.body
	if password != b.Password || password == "" {
		b.Password, b.EncryptedPassword, b.PSTNPassword, b.H323Password = password, "", "", ""
		if password != "" {
			b.EncryptedPassword = s.random("pwd", 30) + ".1"
			b.PSTNPassword = s.digits("pstn", 9)
			b.H323Password = b.PSTNPassword
		}
	}
	id := number(m.place().body.ID)
	b.JoinURL = s.link("/j/" + id)
	if pwd := m.place().body.EncryptedPassword; pwd != "" {
		b.JoinURL += "?pwd=" + pwd
	}
}

// link returns an address at Zoom or, if browsers can reach the simulator, on its page.
func (s *Sim) link(path string) string {
	if s.opts.BaseURL != "" {
		return strings.TrimSuffix(s.opts.BaseURL, "/") + "/simulator" + path
	}
	return "https://us05web.zoom.us" + path
}

func (s *Sim) createMeeting(q *request) answer {
	host, a, ok := s.target(q)
	if !ok {
		return a
	}
	if a, ok = host.mayHost(q); !ok {
		return a
	}
	if a, ok = s.countUpdate(q, host); !ok {
		return a
	}
	r, a, ok := q.parseMeeting(2)
	if !ok {
		return a
	}
	if a, ok = s.mayScheduleFor(r, host); !ok {
		return a
	}
	m := &meeting{host: host, created: q.now}
	m.body = meetingBody{UUID: s.newUUID(), ID: s.newMeetingID(), HostID: host.ID, HostEmail: host.Email, Topic: "Zoom Meeting",
		Type: 2, Duration: 60, Timezone: "UTC", CreatedAt: utc(q.now), Settings: newSettings(), CreationSource: "open_api"}
	if a, ok = s.apply(q, m, r, true); !ok {
		return a
	}
	if r.usePMI(q.faults, host) {
		m.room = s.personalRoom(host, q.now)
		room := m.room.body
		m.body.PMI, m.body.Settings.UsePMI, m.body.JoinURL = number(host.PMI), true, room.JoinURL
		m.body.Password, m.body.EncryptedPassword, m.body.PSTNPassword, m.body.H323Password = room.Password, room.EncryptedPassword, room.PSTNPassword, room.H323Password
	}
	s.meetings = append(s.meetings, m)
	q.events = append(q.events, s.meetingEvent("meeting.created", m, q.now))
	return answer{status: http.StatusCreated, body: s.shown(m)}
}

// shown returns the body of a meeting with its current state and a new start_url.
func (s *Sim) shown(m *meeting) meetingBody {
	b := m.body
	b.Status = "waiting"
	if i := m.running(); i != nil {
		b.Status, b.UUID = "started", i.uuid
	}
	// It is valid for two hours, and makes anyone who opens it host.
	b.StartURL = s.link("/s/"+number(m.place().body.ID)) + "?zak=eyJ0eXAiOiJKV1QiLCJzdiI6IjAwMDAwMSJ9." + s.random("zak", 40) + "." + s.random("zak", 40)
	return b
}

func (s *Sim) getMeeting(q *request) answer {
	m, a, ok := s.named(q)
	if ok && m.gone() {
		a, ok = fail(http.StatusNotFound, 3001, "Meeting does not exist: "+q.id+"."), false
	}
	if !ok {
		return a
	}
	return answer{status: http.StatusOK, body: s.shown(m)}
}

func (s *Sim) updateMeeting(q *request) answer {
	m, a, ok := s.named(q)
	if !ok {
		return a
	}
	if a, ok = s.countUpdate(q, m.host); !ok {
		return a
	}
	r, a, ok := q.parseMeeting(m.body.Type)
	if !ok {
		return a
	}
	if a, ok = s.mayScheduleFor(r, m.host); !ok {
		return a
	}
	before := m.body
	if a, ok = s.apply(q, m, r, false); !ok {
		return a
	}
	q.events = append(q.events, s.updatedEvent(m, before, q.now))
	return noContent
}

func (s *Sim) deleteMeeting(q *request) answer {
	m, a, ok := s.named(q)
	switch {
	case !ok:
		return a
	case q.URL.Query().Get("occurrence_id") != "":
		return fail(http.StatusBadRequest, 3000, "Cannot access meeting information.Invalid occurrence_id.")
	case m.personal:
		return fail(http.StatusBadRequest, 3018, "Not allowed to delete PMI.")
	case m.room == nil && m.running() != nil:
		return fail(http.StatusBadRequest, 3002, "Sorry, you cannot delete this meeting since it is in progress.")
	case m.gone():
		return fail(http.StatusBadRequest, 3007, "Sorry, you cannot delete this meeting since it has ended.")
	}
	m.deleted = true
	q.events = append(q.events, s.meetingEvent("meeting.deleted", m, q.now))
	return noContent
}

// changeStatus ends a meeting or recovers a deleted one. Zoom does not document the answer to "end" when the
// meeting is not running; here it is 204 as well.
func (s *Sim) changeStatus(q *request) answer {
	all, ok := q.object()
	if !ok {
		return notJSON
	}
	var action string
	_ = json.Unmarshal(all["action"], &action)
	if action == "recover" {
		for _, m := range s.meetings {
			if m.deleted && number(m.body.ID) == q.id {
				m.deleted = false
				q.events = append(q.events, s.meetingEvent("meeting.recovered", m, q.now))
				return noContent
			}
		}
	}
	m, a, ok := s.named(q)
	switch {
	case !ok:
		return a
	case action == "end":
		q.events = append(q.events, s.end(m, q.now)...)
	case action != "recover":
		return invalid(fieldError{"action", "Invalid field."})
	}
	return noContent
}

// ledger returns the meeting as Meetings and the page show it.
func (m *meeting) ledger() Meeting {
	b := m.body
	l := Meeting{ID: b.ID, HostEmail: b.HostEmail, Topic: b.Topic, Agenda: b.Agenda, Type: b.Type,
		Status: "waiting", Password: b.Password, Recording: b.Settings.AutoRecording,
		WaitingRoom: b.Settings.WaitingRoom, JoinBeforeHost: b.Settings.JoinBeforeHost}
	if m.room != nil {
		l.PMI = m.room.body.ID
	}
	p := m.place()
	if i := p.last; i != nil {
		l.Status, l.Recorded = "ended", i.recorded
		if i.ended.IsZero() {
			l.Status = "started"
		}
		for _, who := range i.people {
			if who.left.IsZero() {
				l.People = append(l.People, who.Participant)
			}
		}
	}
	for _, who := range p.lobby {
		l.People = append(l.People, who.Participant)
	}
	if m.deleted {
		l.Status = "deleted"
	}
	return l
}

// Meetings returns all meetings that calls have created, oldest first, including deleted ones.
func (s *Sim) Meetings() []Meeting {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Meeting
	for _, m := range s.meetings {
		if !m.personal {
			list = append(list, m.ledger())
		}
	}
	return list
}

// mayScheduleFor rejects schedule_for, because no user here has the scheduling privilege for another.
func (s *Sim) mayScheduleFor(r meetingRequest, host *User) (answer, bool) {
	if r.ScheduleFor == "" || strings.EqualFold(r.ScheduleFor, host.Email) || r.ScheduleFor == host.ID {
		return answer{}, true
	}
	message := "You cannot schedule a meeting for " + r.ScheduleFor + "."
	switch {
	case r.Type == 1:
		message = "Instant meetings do not support the `schedule_for` parameter, and you can't schedule an instant meeting for another user."
	case s.user(r.ScheduleFor) == nil:
		return fail(http.StatusBadRequest, 300, "The value that you entered in the schedule_for field is invalid. Enter a valid value and try again."), false
	}
	return fail(http.StatusBadRequest, 3000, message), false
}

// alternativeHosts checks that all alternative hosts are licensed users of the account.
func (s *Sim) alternativeHosts(list string) (answer, bool) {
	for _, key := range strings.FieldsFunc(list, func(r rune) bool { return r == ';' }) {
		key = strings.TrimSpace(key)
		if u := s.user(key); u == nil || u.Type != 2 || u.Status != "active" || u.Unknown {
			return fail(http.StatusBadRequest, 1114, "This user can't be an alternative host: "+key+"."), false
		}
	}
	return answer{}, true
}

func (m *meeting) isHost(email string) bool {
	return email != "" && (strings.EqualFold(email, m.host.Email) ||
		slices.ContainsFunc(strings.Split(m.body.Settings.AlternativeHosts, ";"), func(a string) bool { return strings.EqualFold(strings.TrimSpace(a), email) }))
}
