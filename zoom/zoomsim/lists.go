package zoomsim

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

type listedMeeting struct {
	UUID      string `json:"uuid"`
	ID        int64  `json:"id"`
	HostID    string `json:"host_id"`
	Topic     string `json:"topic"`
	Type      int    `json:"type"`
	StartTime string `json:"start_time,omitempty"`
	Duration  int    `json:"duration"`
	Timezone  string `json:"timezone"`
	Agenda    string `json:"agenda,omitempty"`
	CreatedAt string `json:"created_at"`
	JoinURL   string `json:"join_url"`
	PMI       string `json:"pmi,omitempty"`
}

func (s *Sim) listMeetings(q *request) answer {
	u, a, ok := s.target(q)
	if !ok {
		return a
	}
	if a, ok = u.mayHost(q); !ok {
		return a
	}
	kind := q.URL.Query().Get("type")
	var list []listedMeeting
	for _, m := range s.meetings {
		b := m.body
		var in bool
		switch kind {
		case "live":
			in = m.room == nil && m.running() != nil
		case "previous_meetings":
			in = m.room == nil && m.last != nil && m.running() == nil
		case "upcoming", "upcoming_meetings":
			start, err := time.Parse(time.RFC3339, b.StartTime)
			in = b.Type != 1 && !m.personal && (err != nil || start.Add(time.Duration(b.Duration)*time.Minute).After(q.now))
		default: // scheduled
			in = b.Type != 1 && !m.personal
		}
		if m.host != u || m.deleted || !in || q.now.Before(m.created.Add(q.faults.Lag)) {
			continue
		}
		agenda := []rune(b.Agenda)
		agenda = agenda[:min(len(agenda), 250)] // only GET /meetings/{meetingId} has all of it
		list = append(list, listedMeeting{b.UUID, b.ID, b.HostID, b.Topic, b.Type, b.StartTime, b.Duration, b.Timezone, string(agenda), b.CreatedAt, b.JoinURL, b.PMI})
	}
	return paged(s, q, list, 300, func(p pageBody, part []listedMeeting) any {
		return struct {
			pageBody
			PageNumber int             `json:"page_number"`
			Meetings   []listedMeeting `json:"meetings"`
		}{p, 1, part}
	})
}

func (s *Sim) getInvitation(q *request) answer {
	m, a, ok := s.named(q)
	if !ok {
		return a
	}
	b := m.body
	text := m.host.DisplayName + " is inviting you to a scheduled Zoom meeting.\r\n\r\nTopic: " + b.Topic + "\r\n"
	if start, err := time.Parse(time.RFC3339, b.StartTime); err == nil {
		text += "Time: " + start.Format("Jan 2, 2006 03:04 PM") + " UTC\r\n"
	}
	text += "\r\nJoin Zoom Meeting\r\n" + b.JoinURL + "\r\n\r\nMeeting ID: " + spaced(m.place().body.ID) + "\r\n"
	if b.Password != "" {
		text += "Passcode: " + b.Password + "\r\n"
	}
	return answer{status: http.StatusOK, body: map[string]any{"invitation": text + "\r\n", "sip_links": []string{}}}
}

// spaced formats a meeting id as Zoom shows it to people: 876 8562 1847.
func spaced(id int64) string {
	n := number(id)
	if len(n) < 10 {
		return n
	}
	return n[:3] + " " + n[3:len(n)-4] + " " + n[len(n)-4:]
}

// pastInstance returns an ended instance, by its uuid, or the last one of a meeting, by the meeting's id.
func (s *Sim) pastInstance(q *request) (*instance, answer, bool) {
	key := q.id
	if strings.Contains(key, "%") {
		key, _ = url.PathUnescape(key)
	} else if strings.HasPrefix(key, "/") || strings.Contains(key, "//") {
		key = "" // such a uuid must be encoded twice
	}
	for _, i := range slices.Backward(s.past) {
		if !i.ended.IsZero() && (i.uuid == key || number(i.room.body.ID) == key) {
			if i.room.host.Type == 1 {
				return nil, fail(http.StatusBadRequest, 200, "Only available for paid account: "+s.opts.AccountID), false
			}
			return i, answer{}, true
		}
	}
	return nil, fail(http.StatusNotFound, 3001, "This meeting is not available or ID is not valid."), false
}

func (s *Sim) getPast(q *request) answer {
	i, a, ok := s.pastInstance(q)
	if !ok {
		return a
	}
	b := i.room.body
	var total time.Duration
	for _, p := range i.people {
		total += p.left.Sub(p.JoinedAt)
	}
	return answer{status: http.StatusOK, body: object(
		"uuid", i.uuid, "id", b.ID, "host_id", b.HostID, "type", b.Type, "topic", b.Topic,
		"user_name", i.room.host.DisplayName, "user_email", i.room.host.Email,
		"start_time", utc(i.started), "end_time", utc(i.ended), "duration", minutes(i.ended.Sub(i.started)),
		"total_minutes", minutes(total), "participants_count", len(i.people), "dept", "", "source", "Zoom", "has_meeting_summary", false)}
}

// minutes converts to minutes and rounds up.
func minutes(d time.Duration) int { return int((d + time.Minute - 1) / time.Minute) }

type pastParticipant struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	UserID       string `json:"user_id"`
	RegistrantID string `json:"registrant_id"`
	UserEmail    string `json:"user_email"`
	JoinTime     string `json:"join_time"`
	LeaveTime    string `json:"leave_time"`
	Duration     int    `json:"duration"` // seconds
	Failover     bool   `json:"failover"`
	Status       string `json:"status"`
	InternalUser bool   `json:"internal_user"`
}

func (s *Sim) listPastParticipants(q *request) answer {
	i, a, ok := s.pastInstance(q)
	if !ok {
		return a
	}
	var list []pastParticipant
	for _, p := range i.people {
		list = append(list, pastParticipant{p.userID, p.Name, p.session, "", p.shownEmail, utc(p.JoinedAt), utc(p.left),
			int(p.left.Sub(p.JoinedAt) / time.Second), false, "in_meeting", p.userID != ""})
	}
	return paged(s, q, list, 300, func(p pageBody, part []pastParticipant) any {
		return struct {
			pageBody
			Participants []pastParticipant `json:"participants"`
		}{p, part}
	})
}

func (s *Sim) listPastInstances(q *request) answer {
	list := []any{}
	found := false
	for _, i := range s.past {
		if number(i.room.body.ID) == q.id {
			found = true
			if !i.ended.IsZero() {
				list = append(list, object("uuid", i.uuid, "start_time", utc(i.started)))
			}
		}
	}
	if m, _ := s.meeting(q.id); m == nil && !found {
		return fail(http.StatusNotFound, 3001, "Meeting does not exist: "+q.id+".")
	}
	return answer{status: http.StatusOK, body: map[string]any{"meetings": list}}
}

// getRecordings answers 3301 until a recording is complete, including while Zoom processes it.
func (s *Sim) getRecordings(q *request) answer {
	m, i := s.meeting(q.id)
	if m == nil {
		return fail(http.StatusNotFound, 3001, "Meeting does not exist: "+q.id+".")
	}
	if i == nil {
		i = m.place().last
	}
	if i == nil || !i.recorded {
		return fail(http.StatusNotFound, 3301, "There is no recording for this meeting.")
	}
	extra := []any{"password", i.playPasscode[:6], "recording_play_passcode", i.playPasscode, "participant_audio_files", []any{}}
	if q.URL.Query().Get("include_fields") == "download_access_token" {
		extra = append(extra, "download_access_token", "abJhbGciOiJIUzUxMiJ9."+s.random("download", 40))
	}
	return answer{status: http.StatusOK, body: object(append(s.recordingFields(i), extra...)...)}
}

// recordingFields returns the first fields of a recording's body. The id and the type are strings here.
func (s *Sim) recordingFields(i *instance) []any {
	b := i.room.body
	files := s.recordingFiles(i)
	return []any{"uuid", i.uuid, "id", number(b.ID), "account_id", s.opts.AccountID, "host_id", b.HostID, "topic", i.topic(),
		"type", number(int64(b.Type)), "start_time", utc(i.started), "duration", minutes(i.ended.Sub(i.started)),
		"total_size", recordingSize, "recording_count", len(files), "auto_delete", false, "recording_files", files}
}

func (s *Sim) listRecordings(q *request) answer {
	u, a, ok := s.target(q)
	if !ok {
		return a
	}
	// The range is one month at most, ending at to. By default it is the last day.
	from, to := q.URL.Query().Get("from"), q.URL.Query().Get("to")
	if to == "" {
		to = q.now.UTC().Format(time.DateOnly)
	}
	if from == "" {
		from = q.now.UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	}
	var list []any
	for _, i := range s.past {
		day := i.started.UTC().Format(time.DateOnly)
		if i.recorded && i.room.host == u && from <= day && day <= to {
			list = append(list, object(s.recordingFields(i)...))
		}
	}
	return paged(s, q, list, 300, func(p pageBody, part []any) any {
		return struct {
			From string `json:"from"`
			To   string `json:"to"`
			pageBody
			Meetings []any `json:"meetings"`
		}{from, to, p, part}
	})
}
