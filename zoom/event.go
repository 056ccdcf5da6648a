package zoom

import (
	"cmp"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/tidwall/gjson"
)

// Event holds the parts of a webhook that the program uses. Values that could not
// be read are empty. All texts are printable and none of them can be trusted.
type Event struct {
	Name        string    // such as meeting.started
	At          time.Time // when it happened, in milliseconds; zero if unknown
	AccountID   string
	Meeting     *EventMeeting     // nil if the event is not about a meeting
	Participant *EventParticipant // nil if it is not about a participant
	Recording   *EventRecording   // nil if it is not about a recording
	Batch       []BatchRecording  // of an event about recordings of several meetings
	User        *EventUser        // nil if it is not about a Zoom user
	Issues      []string          // what is wrong with the quality of a call, in Zoom's words

	object string // the id of whatever the event is about
}

// Meaning returns the same text for two webhooks about the same occurrence, even
// if their bodies differ: Zoom sends an event once for each subscription to it,
// and not always with the same keys. It returns "" if the event does not say
// enough to compare.
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

// EventMeeting is the meeting of an event. Match by UUID: a personal meeting id
// is reused, and events of two meetings with the same id can overlap.
type EventMeeting struct {
	ID        string // digits, whether Zoom sent a number or a string
	UUID      string
	Topic     string
	StartTime time.Time
	EndTime   time.Time // only in events about the end
}

// EventParticipant is one session of one person in a meeting.
type EventParticipant struct {
	Key       string // identifies the session: participant_uuid, or else user_id; may be empty
	ID        string // of the Zoom user; empty for guests
	UserID    string // id of the session, not of a Zoom user
	Name      string
	Email     string // empty for guests and for people from other accounts
	JoinTime  time.Time
	LeaveTime time.Time
	Breakout  bool // Zoom's reason for leaving names a breakout room: they may still be in the call
}

// EventRecording is a recording. It does not include the token for downloads.
type EventRecording struct {
	ShareURL   string // an absolute http or https URL; show it as a link only if Links accepts it
	Files      []RecordingFile
	Passcode   Secret    // what people enter to see it; zero: none, or Zoom did not say
	AutoDelete *bool     // whether Zoom deletes it by itself; nil: Zoom did not say
	DeletesOn  time.Time // the day on which it does; zero: never, or Zoom did not say
}

// BatchRecording is the recording of one meeting among several.
type BatchRecording struct {
	UUID  string   // of the meeting
	Files []string // ids of files; empty: all
}

// EventUser is the Zoom user of an event. Which values it has depends on what
// happened.
type EventUser struct {
	ID     string // some events have it in lower case
	Emails []string
}

// RecordingFile is one file of a recording.
type RecordingFile struct {
	ID      string // may be empty
	Type    string // such as MP4, M4A or TRANSCRIPT; empty while Zoom processes it
	PlayURL string // same rules as ShareURL
	Start   time.Time
	End     time.Time // zero while Zoom processes it
}

var errNotAnObject = errors.New("zoom event: not a JSON object")

// ReadEvent reads a webhook. It does not verify the signature. It fails only if
// raw is not a JSON object, or is nested deeper than 10,000 levels. Any value
// that it cannot read is empty in the Event. Keys are case-sensitive, and of two
// equal keys the first one counts.
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
		object:    cmp.Or(word(object.Get("id")), word(object.Get("uuid")), word(payload.Get("meeting_id"))),
	}
	family, _, _ := strings.Cut(e.Name, ".")
	if family == "user" {
		e.User = &EventUser{ID: word(object.Get("id"))}
		for _, email := range []string{word(object.Get("email")), word(payload.Get("old_object.email"))} {
			if email != "" {
				e.User.Emails = append(e.User.Emails, email)
			}
		}
		return e, nil
	}
	if family != "meeting" && family != "recording" && family != "webinar" {
		return e, nil
	}
	// Some events name the same values differently, and some have no object.
	m := EventMeeting{
		ID:        cmp.Or(number(object.Get("id")), number(object.Get("meeting_id")), number(payload.Get("meeting_id"))),
		UUID:      cmp.Or(word(object.Get("uuid")), word(object.Get("meeting_uuid")), word(payload.Get("meeting_uuid"))),
		Topic:     cmp.Or(word(object.Get("topic")), word(object.Get("meeting_topic"))),
		StartTime: instant(object.Get("start_time")),
		EndTime:   instant(object.Get("end_time")),
	}
	if m != (EventMeeting{}) {
		e.Meeting = &m
	}
	if p := part(object, "participant"); p.Exists() {
		e.Participant = &EventParticipant{
			Key:       cmp.Or(word(p.Get("participant_uuid")), word(p.Get("user_id"))),
			ID:        word(p.Get("id")),
			UserID:    word(p.Get("user_id")),
			Name:      word(p.Get("user_name")),
			Email:     word(p.Get("email")),
			JoinTime:  instant(p.Get("join_time")),
			LeaveTime: instant(p.Get("leave_time")),
			Breakout:  strings.Contains(strings.ToLower(p.Get("leave_reason").String()), "breakout"),
		}
	}
	if family == "recording" && object.Exists() {
		e.Recording = readRecording(object)
		texts(object.Get("meeting_uuids"), func(uuid string) {
			e.Batch = append(e.Batch, BatchRecording{UUID: uuid})
		})
		each(object.Get("meetings"), maxList, func(m gjson.Result) {
			b := BatchRecording{UUID: word(m.Get("meeting_uuid"))}
			texts(m.Get("recording_file_ids"), func(id string) { b.Files = append(b.Files, id) })
			e.Batch = append(e.Batch, b)
		})
	}
	if e.Name == "meeting.alert" {
		texts(object.Get("issues"), func(issue string) { e.Issues = append(e.Issues, issue) })
	}
	return e, nil
}

func readRecording(object gjson.Result) *EventRecording {
	r := EventRecording{
		ShareURL: linkText(object.Get("share_url")), Passcode: NewSecret(word(object.Get("password"))), AutoDelete: truth(object.Get("auto_delete")),
	}
	if r.AutoDelete != nil && *r.AutoDelete {
		r.DeletesOn, _ = time.Parse(time.DateOnly, word(object.Get("auto_delete_date"))) // zero if it is no date
	}
	add := func(f gjson.Result) {
		r.Files = append(r.Files, RecordingFile{
			ID:      word(f.Get("id")),
			Type:    cmp.Or(word(f.Get("file_type")), word(f.Get("recording_type"))),
			PlayURL: linkText(f.Get("play_url")),
			Start:   instant(f.Get("recording_start")),
			End:     instant(f.Get("recording_end")),
		})
	}
	each(object.Get("recording_files"), maxList, add)
	if f := part(object, "recording_file"); f.Exists() { // of recording.started, recording.paused, recording.stopped …
		add(f)
	}
	return &r
}

// readObject parses a JSON object and reports whether b is one. It checks with
// json.Valid, which stops at 10,000 levels, because gjson's own validation
// recurses as deep as the sender likes.
func readObject(b []byte) (gjson.Result, bool) {
	if !json.Valid(b) {
		return gjson.Result{}, false
	}
	j := gjson.ParseBytes(b)
	return j, j.IsObject()
}

// part returns the object at key, or an empty result if there is no object. (Get
// on a string would parse the string as JSON.)
func part(r gjson.Result, key string) gjson.Result {
	if p := r.Get(key); p.IsObject() {
		return p
	}
	return gjson.Result{}
}

// maxList is how many items of a list are read.
const maxList = 200

// texts calls f with the texts of an array that are not empty, at most maxList.
func texts(list gjson.Result, f func(string)) {
	if !list.IsArray() {
		return
	}
	limit := maxList
	list.ForEach(func(_, item gjson.Result) bool {
		if s := word(item); s != "" {
			f(s)
			limit--
		}
		return limit > 0
	})
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

// The functions below each read one value. They return the zero value if it is
// missing or not of the expected form.

// word reads a string, or a number in the form in which it was written.
func word(r gjson.Result) string {
	switch r.Type {
	case gjson.String:
		return printable(r.Str)
	case gjson.Number:
		if len(r.Raw) <= 32 {
			return r.Raw
		}
	default:
	}
	return ""
}

// number reads an id that Zoom sends sometimes as a number and sometimes as a
// string: with spaces, as people read it, or with a fraction of zeros, as a gateway
// writes it. It does not convert to a float, which would lose digits.
func number(r gjson.Result) string {
	s, fraction, _ := strings.Cut(strings.Join(strings.Fields(word(r)), ""), ".")
	if len(s) > 20 || !digits.MatchString(s) || strings.Trim(fraction, "0") != "" {
		return ""
	}
	return s
}

// count reads a small integer that is not negative.
func count(r gjson.Result) int {
	if n := size(r); n < 1e9 {
		return int(n)
	}
	return 0
}

// truth reads a setting. It returns nil if Zoom did not say what it is.
func truth(r gjson.Result) *bool {
	if !r.IsBool() {
		return nil
	}
	is := r.Bool()
	return &is
}

func size(r gjson.Result) int64 {
	n, err := strconv.ParseInt(number(r), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// instant reads a time in RFC 3339. Zoom's other format is local to a time zone
// in another field, and does not occur in answers and events.
func instant(r gjson.Result) time.Time {
	t, err := time.Parse(time.RFC3339, r.Str)
	t = t.UTC()
	// JSON and pages cannot show a year after 9999.
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// eventTime reads Unix milliseconds or seconds, as a number or as a string of
// digits.
func eventTime(r gjson.Result) time.Time {
	switch n := size(r); len(number(r)) {
	case 13:
		return time.UnixMilli(n).UTC()
	case 10:
		return time.Unix(n, 0).UTC()
	}
	return time.Time{}
}

func linkText(r gjson.Result) string {
	if r.Type != gjson.String || link(r.Str) == nil {
		return ""
	}
	return r.Str
}

// printable replaces invalid UTF-8 and control characters, including NUL, with
// U+FFFD. It keeps line breaks and tabs.
func printable(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' {
			return '\ufffd'
		}
		return r
	}, s)
}
