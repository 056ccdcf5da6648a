package zoom

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/tidwall/gjson"
)

// Event is what we understand of one webhook. What cannot be read is empty.
// All texts are printable, none is trustworthy.
type Event struct {
	Name        string    // such as meeting.started
	At          time.Time // when it happened, to the millisecond; zero if not said
	AccountID   string
	Meeting     *EventMeeting     // nil: the event is not about a meeting
	Participant *EventParticipant // nil: not about a participant
	Recording   *EventRecording   // nil: not about a recording

	object string // the id of what the event is about, whatever that is
}

// Meaning is equal for two webhooks that tell of one thing that happened,
// however they are written: Zoom sends an event once for each subscription that
// has it, and not always with the same keys. "" means that too little is said to
// tell.
func (e Event) Meaning() string {
	var m EventMeeting
	if e.Meeting != nil {
		m = *e.Meeting
	}
	if e.At.IsZero() || e.object == "" && m.UUID == "" {
		return ""
	}
	parts := []string{strconv.FormatInt(e.At.UnixMilli(), 10), e.Name, e.AccountID, e.object, m.UUID}
	if p := e.Participant; p != nil {
		parts = append(parts, p.Key, p.UserID, p.Name, p.Email)
	}
	if r := e.Recording; r != nil {
		for _, f := range r.Files {
			parts = append(parts, f.Type, f.Start.String(), f.End.String())
		}
	}
	return strings.Join(parts, "\x00")
}

// EventMeeting is the meeting of an event. Key on UUID: a personal meeting id
// is used again, and events of two of its meetings overlap.
type EventMeeting struct {
	ID        string // digits, whether Zoom sent a number or a string
	UUID      string
	HostID    string
	HostEmail string
	Topic     string
	StartTime time.Time
	EndTime   time.Time // only of an end
	// DurationMinutes is the planned length. How long it took is EndTime - StartTime.
	DurationMinutes int
}

// EventParticipant is one session of one person.
type EventParticipant struct {
	Key         string // tells sessions apart: participant_uuid, else user_id; may be empty
	UserID      string // of the session, not of a Zoom user
	Name        string
	Email       string // empty for guests and for people of other accounts
	JoinTime    time.Time
	LeaveTime   time.Time
	LeaveReason string // may contain HTML, as text
}

// EventRecording is a recording without the token that downloads it.
type EventRecording struct {
	ShareURL string // an absolute http or https URL; make it a link only if ZoomLink says so
	Passcode string
	Files    []RecordingFile
}

// RecordingFile is one file of a recording.
type RecordingFile struct {
	Type    string // such as MP4, M4A, TRANSCRIPT; empty while it is made
	PlayURL string // as ShareURL
	Start   time.Time
	End     time.Time // zero while it is made
	Size    int64     // bytes; 0: not said
}

var errNotAnObject = errors.New("zoom event: not a JSON object")

// ReadEvent reads a webhook. It does not verify it. The only error is that raw
// is not a JSON object (or one nested deeper than 10,000 levels): everything
// else is as empty as it is unreadable. Of two equal keys the first counts;
// keys are case-sensitive.
func ReadEvent(raw []byte) (Event, error) {
	j, ok := readObject(raw)
	if !ok {
		return Event{}, errNotAnObject
	}
	payload := part(j, "payload")
	object := part(payload, "object")
	e := Event{
		Name:      word(j.Get("event")),
		At:        eventTime(j.Get("event_ts")),
		AccountID: word(payload.Get("account_id")),
		object:    first(word(object.Get("id")), word(object.Get("uuid")), word(payload.Get("meeting_id"))),
	}
	family, _, _ := strings.Cut(e.Name, ".")
	if family != "meeting" && family != "recording" && family != "webinar" {
		return e, nil
	}
	// Some events have other names for the same, and some have no object.
	m := EventMeeting{
		ID:              first(number(object.Get("id")), number(object.Get("meeting_id")), number(payload.Get("meeting_id"))),
		UUID:            first(word(object.Get("uuid")), word(object.Get("meeting_uuid")), word(payload.Get("meeting_uuid"))),
		HostID:          first(word(object.Get("host_id")), word(object.Get("meeting_host_id"))),
		HostEmail:       first(word(object.Get("host_email")), word(object.Get("meeting_host_email"))),
		Topic:           first(word(object.Get("topic")), word(object.Get("meeting_topic"))),
		StartTime:       instant(object.Get("start_time")),
		EndTime:         instant(object.Get("end_time")),
		DurationMinutes: count(object.Get("duration")),
	}
	if m != (EventMeeting{}) {
		e.Meeting = &m
	}
	if p := part(object, "participant"); p.Exists() {
		e.Participant = &EventParticipant{
			Key:         first(word(p.Get("participant_uuid")), word(p.Get("user_id"))),
			UserID:      word(p.Get("user_id")),
			Name:        word(p.Get("user_name")),
			Email:       word(p.Get("email")),
			JoinTime:    instant(p.Get("join_time")),
			LeaveTime:   instant(p.Get("leave_time")),
			LeaveReason: word(p.Get("leave_reason")),
		}
	}
	if family == "recording" && object.Exists() {
		e.Recording = readRecording(object)
	}
	return e, nil
}

func readRecording(object gjson.Result) *EventRecording {
	r := EventRecording{
		ShareURL: linkText(object.Get("share_url")),
		Passcode: first(word(object.Get("password")), word(object.Get("recording_play_passcode"))),
	}
	add := func(f gjson.Result) {
		r.Files = append(r.Files, RecordingFile{
			Type:    first(word(f.Get("file_type")), word(f.Get("recording_type"))),
			PlayURL: linkText(f.Get("play_url")),
			Start:   instant(f.Get("recording_start")),
			End:     instant(f.Get("recording_end")),
			Size:    size(f.Get("file_size")),
		})
	}
	each(object.Get("recording_files"), 200, add)
	if f := part(object, "recording_file"); f.Exists() { // started, paused, stopped …
		add(f)
	}
	return &r
}

// readObject reads a JSON object. Not with gjson's own validation: it recurses as
// deep as the sender likes; this one stops at 10,000.
func readObject(b []byte) (gjson.Result, bool) {
	if !json.Valid(b) {
		return gjson.Result{}, false
	}
	j := gjson.ParseBytes(b)
	return j, j.IsObject()
}

// part is the object at key, or nothing. (Get on a string would look for JSON
// inside of the string.)
func part(r gjson.Result, key string) gjson.Result {
	if p := r.Get(key); p.IsObject() {
		return p
	}
	return gjson.Result{}
}

// each calls f with the objects of an array, at most limit of them.
func each(list gjson.Result, limit int, f func(gjson.Result)) {
	if !list.IsArray() {
		return
	}
	list.ForEach(func(_, item gjson.Result) bool {
		if item.IsObject() {
			f(item)
			limit--
		}
		return limit > 0
	})
}

// The functions below read one value each and return the zero value for what
// they do not expect.

// word reads a string, or a number as it is written.
func word(r gjson.Result) string {
	switch r.Type {
	case gjson.String:
		return printable(r.Str)
	case gjson.Number:
		if len(r.Raw) <= 32 {
			return r.Raw
		}
	}
	return ""
}

// number reads an id that Zoom sends as a number here and as a string there,
// without a detour over a float.
func number(r gjson.Result) string {
	if s := word(r); len(s) <= 20 && digits.MatchString(s) {
		return s
	}
	return ""
}

// count reads a small number that is not negative.
func count(r gjson.Result) int {
	if s := number(r); s != "" && len(s) <= 9 {
		return int(r.Int())
	}
	return 0
}

// size reads a number of bytes.
func size(r gjson.Result) int64 {
	if s := number(r); s != "" && len(s) <= 18 {
		return r.Int()
	}
	return 0
}

// instant reads a time in RFC 3339. Zoom's other form is local to a time zone
// named elsewhere, and does not occur in answers and events.
func instant(r gjson.Result) time.Time {
	t, err := time.Parse(time.RFC3339, r.Str)
	t = t.UTC()
	// A year beyond 9999 is no time that JSON or a page could show.
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// eventTime reads milliseconds, as a number or digits in a string.
func eventTime(r gjson.Result) time.Time {
	if s := number(r); len(s) == 13 {
		return time.UnixMilli(r.Int()).UTC()
	}
	return time.Time{}
}

func linkText(r gjson.Result) string {
	if r.Type != gjson.String || link(r.Str) == nil {
		return ""
	}
	return r.Str
}

// printable replaces invalid UTF-8 and control characters, NUL among them, by
// U+FFFD. Line breaks and tabs stay.
func printable(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' {
			return '\ufffd'
		}
		return r
	}, s)
}
