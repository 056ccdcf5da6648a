package zoomsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// Event is a webhook before it is signed: its name and its exact bytes.
type Event struct {
	Event string
	Body  []byte
}

// object returns a JSON object with its keys in the given order: key, value, key, value …
func object(pairs ...any) json.RawMessage {
	b := []byte{'{'}
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, encode(pairs[i])...), ':'), encode(pairs[i+1])...)
	}
	return append(b, '}')
}

// event returns an event with its body. Zoom orders the keys of participant events and validation events
// differently from all others. It writes characters outside the Basic Multilingual Plane as two \u escapes, and
// all other characters unescaped.
func (s *Sim) event(name string, payload json.RawMessage, now time.Time, extra ...any) Event {
	ts := now.Add(s.faults.ClockSkew).UnixMilli() // the headers use seconds
	pairs := []any{"event", name, "payload", payload, "event_ts", ts}
	if strings.HasPrefix(name, "meeting.participant") || name == "endpoint.url_validation" {
		pairs = []any{"payload", payload, "event_ts", ts, "event", name}
	}
	return Event{name, escapeAstral(object(append(pairs, extra...)...))}
}

func escapeAstral(b []byte) []byte {
	if bytes.IndexFunc(b, func(r rune) bool { return r > 0xffff }) < 0 {
		return b
	}
	var out []byte
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r > 0xffff {
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04X\u%04X`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		} else {
			out = append(out, b[:n]...)
		}
		b = b[n:]
	}
	return out
}

func (i *instance) duration() int {
	if i.room.body.Type == 1 {
		return 0
	}
	return i.room.body.Duration
}

// instanceEvent returns meeting.started or meeting.ended.
func (s *Sim) instanceEvent(name string, i *instance, now time.Time) Event {
	b := i.room.body
	pairs := []any{"duration", i.duration(), "start_time", utc(i.started), "timezone", b.Timezone}
	if !i.ended.IsZero() {
		pairs = append(pairs, "end_time", utc(i.ended))
	}
	pairs = append(pairs, "topic", b.Topic, "id", number(b.ID), "type", b.Type, "uuid", i.uuid, "host_id", b.HostID, "host_email", b.HostEmail)
	return s.event(name, object("account_id", s.opts.AccountID, "object", object(pairs...)), now)
}

func (s *Sim) participantEvent(name string, i *instance, who *participant, now time.Time) Event {
	timeKey := "date_time"
	if name == "meeting.participant_joined" {
		timeKey = "join_time"
	}
	return s.participantObject(name, i, now, object(
		"public_ip", who.ip, "user_id", who.session, "user_name", who.Name, "participant_user_id", who.userID, "id", who.userID,
		timeKey, utc(now), "email", who.shownEmail, "participant_uuid", who.Key))
}

func (s *Sim) participantLeft(i *instance, who *participant, now time.Time, reason string) Event {
	return s.participantObject("meeting.participant_left", i, now, object(
		"leave_time", utc(now), "public_ip", who.ip, "user_id", who.session, "user_name", who.Name, "registrant_id", "",
		"participant_user_id", who.userID, "id", who.userID, "leave_reason", reason, "email", who.shownEmail,
		"private_ip", "192.168.1.20", "participant_uuid", who.Key))
}

func (s *Sim) participantObject(name string, i *instance, now time.Time, who json.RawMessage) Event {
	b := i.room.body
	return s.event(name, object("account_id", s.opts.AccountID, "object", object(
		"uuid", i.uuid, "participant", who, "id", number(b.ID), "type", b.Type, "topic", b.Topic, "host_id", b.HostID,
		"duration", i.duration(), "start_time", utc(i.started), "timezone", b.Timezone)), now)
}

// lobbyEvent returns an event about someone who waits for the host. Such events say little about the person,
// and do not say when they happened.
func (s *Sim) lobbyEvent(name string, m *meeting, who *participant, now time.Time) Event {
	b := m.body
	var id any = number(b.ID)
	if name == "meeting.participant_jbh_waiting_left" {
		id = b.ID // the only waiting event in which the id is a number
	}
	person := object("user_name", who.Name)
	if who.userID != "" {
		person = object("user_name", who.Name, "id", who.userID)
	}
	return s.event(name, object("account_id", s.opts.AccountID, "object", object(
		"uuid", b.UUID, "participant", person, "id", id, "type", b.Type, "topic", b.Topic, "host_id", b.HostID,
		"duration", b.Duration, "start_time", b.StartTime, "timezone", b.Timezone)), now)
}

// meetingEvent returns meeting.created, meeting.deleted or meeting.recovered. Their id is a number.
func (s *Sim) meetingEvent(name string, m *meeting, now time.Time) Event {
	b := m.body
	pairs := []any{"uuid", b.UUID, "id", m.place().body.ID, "host_id", b.HostID, "topic", b.Topic, "type", b.Type}
	if b.StartTime != "" {
		pairs = append(pairs, "start_time", b.StartTime)
	}
	pairs = append(pairs, "duration", b.Duration, "timezone", b.Timezone)
	if name == "meeting.created" {
		pairs = append(pairs, "join_url", b.JoinURL, "password", b.Password)
		if b.PMI != "" {
			pairs = append(pairs, "pmi", b.PMI)
		}
		set := b.Settings
		pairs = append(pairs, "settings", object("use_pmi", set.UsePMI, "alternative_hosts", set.AlternativeHosts,
			"join_before_host", set.JoinBeforeHost, "jbh_time", set.JBHTime))
	}
	return s.event(name, object("account_id", s.opts.AccountID, "operator", m.host.Email, "operator_id", m.host.ID,
		"operation", "single", "object", object(pairs...)), now)
}

// updatedEvent returns meeting.updated, with the new and the previous values of what changed.
func (s *Sim) updatedEvent(m *meeting, before meetingBody, now time.Time) Event {
	was, is := changes(before, m.body)
	id := m.place().body.ID
	was["id"], is["id"] = id, id
	return s.event("meeting.updated", object("account_id", s.opts.AccountID, "operator", m.host.Email, "operator_id", m.host.ID,
		"object", is, "old_object", was, "scope", "single", "time_stamp", now.UnixMilli()), now)
}

// changes returns the members that differ between the JSON objects of two values.
func changes(before, after any) (was, is map[string]any) {
	was, is = map[string]any{}, map[string]any{}
	var a, b map[string]any
	_ = json.Unmarshal(encode(before), &a)
	_ = json.Unmarshal(encode(after), &b)
	for k := range b {
		inner, nested := b[k].(map[string]any)
		switch {
		case reflect.DeepEqual(a[k], b[k]):
		case nested:
			was[k], is[k] = changes(a[k], inner)
		default:
			was[k], is[k] = a[k], b[k]
		}
	}
	return was, is
}

// recordingEvent returns recording.started, paused, resumed or stopped. end is nil while the recording
// continues. The id is a number.
func (s *Sim) recordingEvent(name string, i *instance, end any, now time.Time) Event {
	b := i.room.body
	return s.event(name, object("account_id", s.opts.AccountID, "object", object(
		"id", b.ID, "uuid", i.uuid, "host_id", b.HostID, "topic", b.Topic, "type", b.Type, "start_time", utc(i.started),
		"timezone", b.Timezone, "duration", i.duration(),
		"recording_file", object("recording_start", utc(i.wasRecorded), "recording_end", end))), now)
}

const recordingSize = 18_874_368 + 3_145_728

// recordingFiles returns a video, its audio and a timeline. The timeline has neither id nor status.
func (s *Sim) recordingFiles(i *instance) []json.RawMessage {
	start, end := utc(i.wasRecorded), utc(i.ended)
	base := s.link("/rec/")
	if s.opts.BaseURL == "" {
		base = "https://us05web.zoom.us/rec/play/"
	}
	file := func(id, kind, extension, recording string, size int) json.RawMessage {
		link := hash(s.seed, "recording "+kind, 0, i.uuid)[:27]
		return object("id", id, "meeting_id", i.uuid, "recording_start", start, "recording_end", end, "file_type", kind,
			"file_extension", extension, "file_size", size, "play_url", base+link, "download_url", "https://us05web.zoom.us/rec/download/"+link,
			"status", "completed", "recording_type", recording)
	}
	return []json.RawMessage{
		file(guid(hash(s.seed, "film", 0, i.uuid)), "MP4", "MP4", "shared_screen_with_speaker_view", 18_874_368),
		file(guid(hash(s.seed, "sound", 0, i.uuid)), "M4A", "M4A", "audio_only", 3_145_728),
		object("meeting_id", i.uuid, "recording_start", start, "recording_end", end, "file_type", "TIMELINE",
			"file_extension", "JSON", "download_url", "https://us05web.zoom.us/rec/download/"+hash(s.seed, "timeline", 0, i.uuid)[:27], "recording_type", "timeline"),
	}
}

func guid(text string) string {
	x := fmt.Sprintf("%x", text[:16])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:32]
}

// completedEvent returns recording.completed, the only event with a secret outside its payload.
func (s *Sim) completedEvent(i *instance, now time.Time) Event {
	b := i.room.body
	files := s.recordingFiles(i)
	return s.event("recording.completed", object("account_id", s.opts.AccountID, "object", object(
		"uuid", i.uuid, "id", b.ID, "account_id", s.opts.AccountID, "host_id", b.HostID, "topic", b.Topic, "type", b.Type,
		"start_time", utc(i.started), "timezone", b.Timezone, "host_email", b.HostEmail, "duration", minutes(i.ended.Sub(i.started)),
		"total_size", recordingSize, "recording_count", len(files), "share_url", s.link("/rec/"+hash(s.seed, "share", 0, i.uuid)[:27]),
		"recording_files", files, "password", i.playPasscode[:6], "recording_play_passcode", i.playPasscode, "on_prem", false)),
		now, "download_token", "abJhbGciOiJIUzUxMiJ9."+s.random("download", 40))
}
