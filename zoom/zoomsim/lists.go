package zoomsim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// listMeetings answers as for type=scheduled, which is Zoom's default.
func (s *Sim) listMeetings(q *request) answer {
	u, a, ok := s.target(q)
	if !ok {
		return a
	}
	if a, ok = u.mayHost(q); !ok {
		return a
	}
	var list []json.RawMessage
	for _, m := range s.meetings {
		b := m.body
		if m.host != u || m.deleted || b.Type == 1 || m.personal || q.now.Before(m.created.Add(q.faults.Lag)) {
			continue
		}
		agenda := []rune(b.Agenda)
		agenda = agenda[:min(len(agenda), 250)] // only GET /meetings/{meetingId} has all of it
		pairs := []any{"uuid", b.UUID, "id", b.ID, "host_id", b.HostID, "topic", b.Topic, "type", b.Type, "duration", b.Duration,
			"timezone", b.Timezone, "created_at", b.CreatedAt, "join_url", b.JoinURL}
		for _, p := range [][2]string{{"start_time", b.StartTime}, {"agenda", string(agenda)}, {"pmi", b.PMI}} {
			if p[1] != "" {
				pairs = append(pairs, p[0], p[1])
			}
		}
		list = append(list, object(pairs...))
	}
	return s.paged(q, "meetings", list, "page_number", 1)
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
	notPaid := fail(http.StatusBadRequest, 200, "Only available for paid account: "+s.opts.AccountID)
	if q.faults.NotPaid {
		return nil, notPaid, false
	}
	for _, i := range slices.Backward(s.past) {
		if !i.ended.IsZero() && !q.now.Before(i.ended.Add(q.faults.PastLag)) && (i.uuid == key || number(i.room.body.ID) == key) {
			if i.room.host.Type == 1 {
				return nil, notPaid, false
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

func minutes(d time.Duration) int { return int((d + time.Minute - 1) / time.Minute) }

func (s *Sim) listPastParticipants(q *request) answer {
	i, a, ok := s.pastInstance(q)
	if !ok {
		return a
	}
	var list []json.RawMessage
	for _, p := range i.people {
		status := "in_meeting"
		if p.Waiting != "" {
			status = "in_waiting_room"
		}
		list = append(list, object("id", p.userID, "name", p.Name, "user_id", p.session, "registrant_id", "", "user_email", p.shownEmail,
			"join_time", utc(p.JoinedAt), "leave_time", utc(p.left), "duration", int(p.left.Sub(p.JoinedAt)/time.Second),
			"failover", false, "status", status, "internal_user", p.userID != ""))
	}
	if len(list) == 1 {
		list = nil // so Zoom's documentation says
	}
	return s.paged(q, "participants", list)
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
	b := i.room.body
	files := s.recordingFiles(i)
	// The id and the type are strings here.
	pairs := []any{"uuid", i.uuid, "id", number(b.ID), "account_id", s.opts.AccountID, "host_id", b.HostID, "topic", b.Topic,
		"type", number(int64(b.Type)), "start_time", utc(i.started), "duration", minutes(i.ended.Sub(i.started)),
		"total_size", recordingSize, "recording_count", len(files), "auto_delete", false, "recording_files", files,
		"password", i.playPasscode[:6], "recording_play_passcode", i.playPasscode, "participant_audio_files", []any{}}
	if q.URL.Query().Get("include_fields") == "download_access_token" {
		pairs = append(pairs, "download_access_token", "abJhbGciOiJIUzUxMiJ9."+s.random("download", 40))
	}
	return answer{status: http.StatusOK, body: object(pairs...)}
}
