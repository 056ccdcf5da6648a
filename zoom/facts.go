package zoom

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// Facts is the content of a webhook in words, in the order in which a page shows
// it. The program acts on what ReadEvent returns; Facts is only for people. All
// texts are printable and none of them can be trusted. They include no passcode,
// no token and no link that starts a meeting.
type Facts struct {
	About   []Fact
	Changes []Change // the values that an update changed, in Zoom's order
	Files   []RecordedFile
}

// Fact is one statement of a webhook. Exactly one of Text, At, For and Bytes is
// set.
type Fact struct {
	Name  string // such as "Leave reason", or one of FactWho and so on
	Text  string
	At    time.Time
	For   time.Duration
	Bytes int64
	ID    bool   // Text is an id or an address, for machines
	Link  string // URL of the fact; show it as a link only if Links accepts it
}

// The names of the facts that code looks for.
const (
	FactWho     = "Who"
	FactEmail   = "Email"
	FactMeeting = "Meeting"
	FactPhone   = "Phone"
)

// Text returns the text of the first fact with that name, or "" if there is none.
func (f Facts) Text(name string) string {
	for _, x := range f.About {
		if x.Name == name {
			return x.Text
		}
	}
	return ""
}

// Change is one value before and after an update. "" means that the value was
// missing.
type Change struct{ Name, Was, Is string }

// RecordedFile is one file of a recording. Its URLs carry no passcode and no
// token. Show them as links only if Links accepts them.
type RecordedFile struct {
	Kind        string // such as "Shared screen with speaker view"
	Format      string // such as MP4
	Start, End  time.Time
	Bytes       int64
	PlayURL     string
	DownloadURL string
}

const (
	maxChanges = 100
	maxFiles   = 200
)

// ReadFacts reads the content of a webhook. It leaves out values that it cannot
// read, and returns empty Facts if raw is not a JSON object.
func ReadFacts(raw []byte) Facts {
	j, ok := readObject(raw)
	if !ok {
		return Facts{}
	}
	r := factReader{payload: part(j, "payload")}
	r.object = part(r.payload, "object")
	name := word(j.Get("event"))
	family, _, _ := strings.Cut(name, ".")
	if p := part(r.object, "participant"); p.Exists() {
		r.participant(name, p)
	}
	switch family {
	case "recording":
		r.recording()
		r.meeting()
	case "user":
		r.user()
	case "meeting", "webinar":
		r.meeting()
	default:
		r.text("Topic", cmp.Or(word(r.object.Get("topic")), word(r.object.Get("name"))))
		r.id("Zoom user id", word(r.payload.Get("user_id")))
	}
	r.text("By", cmp.Or(word(r.payload.Get("operator")), word(r.payload.Get("operator_id"))))
	r.id("Zoom account", word(r.payload.Get("account_id")))
	r.change("", part(r.payload, "old_object"), r.object)
	return r.Facts
}

// factReader collects facts and skips empty values.
type factReader struct {
	Facts
	payload, object gjson.Result
}

func (r *factReader) add(f Fact) {
	if f != (Fact{Name: f.Name, ID: f.ID}) {
		r.About = append(r.About, f)
	}
}

func (r *factReader) text(name, text string)            { r.add(Fact{Name: name, Text: text}) }
func (r *factReader) id(name, text string)              { r.add(Fact{Name: name, Text: text, ID: true}) }
func (r *factReader) at(name string, t time.Time)       { r.add(Fact{Name: name, At: t}) }
func (r *factReader) took(name string, d time.Duration) { r.add(Fact{Name: name, For: max(0, d)}) }

func (r *factReader) meeting() {
	o := r.object
	r.text("Topic", cmp.Or(word(o.Get("topic")), word(o.Get("meeting_topic"))))
	r.id(FactMeeting, cmp.Or(number(o.Get("id")), number(o.Get("meeting_id")), number(r.payload.Get("meeting_id"))))
	r.id("Meeting UUID", cmp.Or(word(o.Get("uuid")), word(o.Get("meeting_uuid")), word(r.payload.Get("meeting_uuid"))))
	r.text("Type", typeName(meetingTypes, word(o.Get("type"))))
	host := cmp.Or(word(o.Get("host_email")), word(o.Get("meeting_host_email")))
	r.text("Host", host)
	if host == "" {
		r.id("Host", cmp.Or(word(o.Get("host_id")), word(o.Get("meeting_host_id"))))
	}
	start, end := instant(o.Get("start_time")), instant(o.Get("end_time"))
	if part(o, "participant").Exists() {
		r.at("Meeting start", start)
	} else {
		r.at("Start", start)
	}
	r.at("End", end)
	if !start.IsZero() && !end.IsZero() {
		r.took("Duration", end.Sub(start))
	}
	r.took("Planned duration", time.Duration(count(o.Get("duration")))*time.Minute)
	r.text("Time zone", word(o.Get("timezone")))
	if issues := o.Get("issues"); issues.IsArray() {
		for i, issue := range issues.Array() {
			if i < 20 {
				r.text("Issue", word(issue))
			}
		}
	}
	if s := part(r.object, "settings"); s.Exists() && !part(r.payload, "old_object").Exists() {
		r.text("Join before host", yes(s.Get("join_before_host")))
		r.text("Waiting room", yes(s.Get("waiting_room")))
		r.text("Alternative hosts", strings.ReplaceAll(word(s.Get("alternative_hosts")), ";", ", "))
	}
}

func (r *factReader) participant(event string, p gjson.Result) {
	r.text(FactWho, word(p.Get("user_name")))
	r.text(FactEmail, word(p.Get("email")))
	// Zoom sends an empty id for guests and for people from other accounts.
	switch id := p.Get("id"); {
	case word(id) != "":
		r.text("Zoom user", "Yes")
		r.id("Zoom user id", word(id))
	case id.Exists():
		r.text("Zoom user", "No: guest or user of another account")
	}
	r.id(FactPhone, word(p.Get("phone_number")))
	r.text("Waiting room", waitingRoom[event])
	r.at("When", instant(p.Get("date_time")))
	joined, left := instant(p.Get("join_time")), instant(p.Get("leave_time"))
	r.at("Joined", joined)
	r.at("Left", left)
	if !joined.IsZero() && !left.IsZero() {
		r.took("Stayed", left.Sub(joined))
	}
	r.text("Leave reason", withoutTags(word(p.Get("leave_reason"))))
	if was, is := word(p.Get("old_role")), word(p.Get("new_role")); was != "" || is != "" {
		r.Changes = append(r.Changes, Change{"Role", was, is})
	}
	if s := part(p, "sharing_details"); s.Exists() {
		r.text("Shared", word(s.Get("content")))
		r.text("Shared from", word(s.Get("source")))
		r.at("When", instant(s.Get("date_time")))
	}
	r.id("Session id", word(p.Get("user_id")))
	r.id("Participant UUID", word(p.Get("participant_uuid")))
	r.id("Registrant", word(p.Get("registrant_id")))
	r.id("Customer key", word(p.Get("customer_key")))
	r.id("Public IP address", word(p.Get("public_ip")))
	r.id("Private IP address", word(p.Get("private_ip")))
}

var waitingRoom = map[string]string{
	"meeting.participant_joined_waiting_room": "Waiting to be admitted",
	"meeting.participant_put_in_waiting_room": "Moved there by the host",
	"meeting.participant_admitted":            "Admitted",
	"meeting.participant_left_waiting_room":   "Left the waiting room",
}

func (r *factReader) recording() {
	o := r.object
	link := openLink(o.Get("share_url"))
	r.add(Fact{Name: "Recording", Text: link, ID: true, Link: link})
	add := func(f gjson.Result) {
		if len(r.Files) == maxFiles {
			return
		}
		r.Files = append(r.Files, RecordedFile{
			Kind:        sentence(cmp.Or(word(f.Get("recording_type")), word(f.Get("file_name")), word(f.Get("file_type")))),
			Format:      cmp.Or(word(f.Get("file_extension")), word(f.Get("file_type"))),
			Start:       instant(f.Get("recording_start")),
			End:         instant(f.Get("recording_end")),
			Bytes:       size(f.Get("file_size")),
			PlayURL:     openLink(f.Get("play_url")),
			DownloadURL: openLink(f.Get("download_url")),
		})
	}
	each(o.Get("recording_files"), maxFiles, add)
	each(o.Get("participant_audio_files"), maxFiles, add)
	if f := part(o, "recording_file"); f.Exists() { // of recording.started, recording.paused, recording.stopped …
		r.at("Recorded from", instant(f.Get("recording_start")))
		r.at("Recorded to", instant(f.Get("recording_end")))
	}
	r.add(Fact{Name: "Size", Bytes: size(o.Get("total_size"))})
	r.text("Zoom deletes it on", word(o.Get("auto_delete_date")))
}

func (r *factReader) user() {
	o := r.object
	r.text(FactWho, cmp.Or(word(o.Get("display_name")), strings.TrimSpace(word(o.Get("first_name"))+" "+word(o.Get("last_name")))))
	r.text(FactEmail, word(o.Get("email")))
	r.text("Type", typeName(userTypes, word(o.Get("type"))))
	r.text("Department", word(o.Get("dept")))
	r.text("Status", word(o.Get("presence_status")))
	r.at("When", instant(o.Get("date_time")))
	r.at("When", instant(o.Get("date-time")))
	r.text("Client", strings.TrimSpace(word(o.Get("client_type"))+" "+word(o.Get("version"))))
	r.id("Zoom user id", word(o.Get("id")))
}

// change adds the values that differ between two objects, including nested ones.
func (r *factReader) change(path string, was, is gjson.Result) {
	if !was.Exists() {
		return
	}
	values, before := map[string]string{}, map[string]string{}
	var names []string
	collect(path, is, values, &names, 0)
	collect(path, was, before, &names, 0)
	for _, name := range names {
		if before[name] == values[name] || len(r.Changes) == maxChanges || name == "id" || name == "uuid" {
			continue
		}
		c := Change{sentence(strings.ReplaceAll(name, ".", ", ")), before[name], values[name]}
		if secretKeys[strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])] {
			c.Was, c.Is = masked(c.Was), masked(c.Is)
		}
		r.Changes = append(r.Changes, c)
	}
}

// collect stores every value in v under a path such as "settings.audio", and adds
// new paths to names in the order in which they appear.
func collect(path string, v gjson.Result, values map[string]string, names *[]string, depth int) {
	if depth > 8 || len(*names) >= 4*maxChanges {
		return
	}
	if v.IsObject() || v.IsArray() {
		n := 0
		v.ForEach(func(key, value gjson.Result) bool {
			name := printable(key.Str)
			if v.IsArray() {
				n++
				name = fmt.Sprint(n)
			}
			if path != "" {
				name = path + "." + name
			}
			collect(name, value, values, names, depth+1)
			return len(*names) < 4*maxChanges
		})
		return
	}
	if _, twice := values[path]; twice {
		return // of two equal keys the first one counts
	}
	text := word(v)
	if v.Type == gjson.True || v.Type == gjson.False {
		text = yes(v)
	}
	values[path] = secretParam.ReplaceAllString(text, "${1}"+mask)
	if !slices.Contains(*names, path) {
		*names = append(*names, path)
	}
}

func masked(s string) string {
	if s == "" {
		return ""
	}
	return mask
}

// Zoom's types of meetings and users, in words.
var (
	meetingTypes = map[string]string{
		"1": "Instant meeting", "2": "Scheduled meeting", "3": "Recurring meeting without a fixed time",
		"4": "Meeting with a personal meeting ID", "5": "Webinar", "6": "Recurring webinar without a fixed time",
		"7": "Personal audio conference", "8": "Recurring meeting with a fixed time",
		"9": "Recurring webinar with a fixed time", "10": "Screen share only",
	}
	userTypes = map[string]string{
		"1": "Basic, meetings end after 40 minutes", "2": "Licensed", "3": "On-premises", "4": "Unassigned", "99": "None",
	}
)

// typeName returns the type n in words, or "" if n is "".
func typeName(words map[string]string, n string) string {
	if n == "" {
		return ""
	}
	return cmp.Or(words[n], "Type "+n)
}

func yes(v gjson.Result) string {
	switch v.Type {
	case gjson.True:
		return "Yes"
	case gjson.False:
		return "No"
	default:
		return ""
	}
}

// sentence turns a key into words: "shared_screen" becomes "Shared screen".
func sentence(name string) string {
	name = strings.ReplaceAll(name, "_", " ")
	if name != "" && 'a' <= name[0] && name[0] <= 'z' {
		name = string(name[0]-'a'+'A') + name[1:]
	}
	return name
}

// withoutTags replaces the HTML line breaks in Zoom's leave reasons with
// newlines.
func withoutTags(s string) string {
	return strings.NewReplacer("<br>", "\n", "<br/>", "\n", "<br />", "\n").Replace(s)
}

// openLink returns the link without query parameters that hold a passcode or a
// token.
func openLink(r gjson.Result) string {
	u, err := url.Parse(linkText(r))
	if err != nil || u.Host == "" {
		return ""
	}
	q := u.Query()
	for name := range q {
		if secretParam.MatchString("?" + strings.ToLower(name) + "=x") {
			q.Del(name)
		}
	}
	u.RawQuery, u.Fragment = q.Encode(), ""
	return u.String()
}
