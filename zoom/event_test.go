package zoom_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func event(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "events", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestReadEventSamples(t *testing.T) {
	meeting := func() *zoom.EventMeeting {
		return &zoom.EventMeeting{
			ID: "1234567890", UUID: "4444AAAiAAAAAiAiAiiAii==", Topic: "My Meeting",
			StartTime: at("2021-07-13T21:44:51Z"),
		}
	}
	ended := meeting()
	ended.EndTime = at("2021-07-13T23:00:51Z")
	recorded := meeting()
	recorded.Topic = "My Personal Recording"
	person := zoom.EventParticipant{Key: "55555AAAiAAAAAiAiAiiAii", ID: "iFxeBPYun6SAiWUzBcEkX", UserID: "55555AAAiAAAAAiAiAiiAii", Name: "Jill Chill", Email: "jchill@example.com"}
	joined, left := person, person
	joined.JoinTime = at("2021-07-13T21:44:51Z")
	left.LeaveTime = at("2021-07-13T21:44:51Z")
	when := time.UnixMilli(1626230691572).UTC()
	start, end := at("2021-03-23T22:14:57Z"), at("2021-03-23T23:15:41Z")

	for _, tt := range []struct {
		name string
		want zoom.Event
	}{
		{"meeting.started", zoom.Event{AccountID: "VjZoEArIT5y-HlWxkV-tVA", At: time.UnixMilli(1619016544371).UTC(), Meeting: meeting()}},
		{"meeting.ended", zoom.Event{Meeting: ended}},
		{"meeting.participant_joined", zoom.Event{Meeting: meeting(), Participant: &joined}},
		{"meeting.participant_left", zoom.Event{Meeting: meeting(), Participant: &left}},
		{"meeting.participant_jbh_waiting", zoom.Event{Meeting: meeting(), Participant: &zoom.EventParticipant{ID: "iFxeBPYun6SAiWUzBcEkX", Name: "Jill Chill"}}},
		{"meeting.alert", zoom.Event{Meeting: meeting(), Issues: []string{"Unstable audio quality"}}}, // the id is a number
		{"recording.started", zoom.Event{Meeting: recorded, Recording: &zoom.EventRecording{
			Files: []zoom.RecordingFile{{Start: start}},
		}}},
		{"recording.completed", zoom.Event{Meeting: recorded, Recording: &zoom.EventRecording{
			Passcode: zoom.NewSecret("132456"), AutoDelete: new(true), DeletesOn: time.Date(2028, 7, 12, 0, 0, 0, 0, time.UTC),
			ShareURL: "https://example.com",
			Files: []zoom.RecordingFile{
				{ID: "ed6c2f27-2ae7-42f4-b3d0-835b493e4fa8", Type: "M4A", PlayURL: "https://example.com/recording/play/Qg75t7xZBtEbAkjdlgbfdngBBBB", Start: start, End: end},
				{ID: "388ffb46-1541-460d-8447-4624451a1db7", Type: "MP4", PlayURL: "https://example.com/recording/play/Qg75t7xZBtEbAkjdlgbfdngCCCC", Start: start, End: end},
			},
		}}},
		{"user.deactivated", zoom.Event{User: &zoom.EventUser{ID: "abcD3ojfdbjfg", Emails: []string{"jchill@example.com"}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Name = tt.name
			if tt.want.AccountID == "" {
				tt.want.At, tt.want.AccountID = when, "AAAAAABBBB"
			}
			got, err := zoom.ReadEvent(event(t, tt.name))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(zoom.Event{})); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// Every sample can be read, and has what its family of events promises.
func TestReadEventAllSamples(t *testing.T) {
	files, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(files) < 40 {
		t.Fatal(err, len(files))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			e, err := zoom.ReadEvent(event(t, name))
			if err != nil || e.Name != name {
				t.Fatal(e, err)
			}
			about := strings.HasPrefix(name, "meeting.") || strings.HasPrefix(name, "recording.")
			if about != (e.Meeting != nil) || about && e.Meeting.ID == "" {
				t.Errorf("meeting is %+v", e.Meeting)
			}
			if strings.Contains(name, ".participant_") != (e.Participant != nil) && !strings.Contains(name, "sharing") {
				t.Errorf("participant is %+v", e.Participant)
			}
			if name != "app_deauthorized" && e.At.IsZero() { // this event has its time in the payload
				t.Error("no time")
			}
		})
	}
}

func TestReadEventHostile(t *testing.T) {
	id := func(v string) string {
		return `{"event":"meeting.started","payload":{"object":{"uuid":"u==","id":` + v + `}}}`
	}
	for _, tt := range []struct {
		name, raw string
		want      zoom.Event
	}{
		{"W-42 number", id("85393847045"), zoom.Event{Meeting: &zoom.EventMeeting{ID: "85393847045", UUID: "u=="}}},
		{"W-42 string", id(`"85393847045"`), zoom.Event{Meeting: &zoom.EventMeeting{ID: "85393847045", UUID: "u=="}}},
		{"W-42 leading zeros", id(`"007"`), zoom.Event{Meeting: &zoom.EventMeeting{ID: "007", UUID: "u=="}}},
		{"W-42 above 2^53", id("9007199254740993"), zoom.Event{Meeting: &zoom.EventMeeting{ID: "9007199254740993", UUID: "u=="}}},
		{"W-42 too large", id("123456789012345678901234567890"), zoom.Event{Meeting: &zoom.EventMeeting{UUID: "u=="}}},
		{"W-42 1e400", id("1e400"), zoom.Event{Meeting: &zoom.EventMeeting{UUID: "u=="}}},
		{"W-42 negative", id("-1"), zoom.Event{Meeting: &zoom.EventMeeting{UUID: "u=="}}},
		{"W-42 float", id("1.5"), zoom.Event{Meeting: &zoom.EventMeeting{UUID: "u=="}}},
		{"W-42 null", id("null"), zoom.Event{Meeting: &zoom.EventMeeting{UUID: "u=="}}},
		{"W-42 object", id(`{"id":5}`), zoom.Event{Meeting: &zoom.EventMeeting{UUID: "u=="}}},
		{"W-42 array", id("[5]"), zoom.Event{Meeting: &zoom.EventMeeting{UUID: "u=="}}},
		{"W-43 first of two", `{"event":"meeting.started","event":"meeting.ended","Event":"x"}`, zoom.Event{}},
		{"W-44 no payload", `{"event":"meeting.started"}`, zoom.Event{}},
		{"W-44 payload is a string", `{"event":"meeting.started","payload":"{\"object\":{\"id\":1}}"}`, zoom.Event{}},
		{"W-44 object is a string", `{"event":"meeting.started","payload":{"object":"{\"id\":1}"}}`, zoom.Event{}},
		{"W-41 NUL", `{"event":"meeting.started","payload":{"object":{"topic":"a\u0000b\u001b[31m"}}}`, zoom.Event{Meeting: &zoom.EventMeeting{Topic: "a\ufffdb\ufffd[31m"}}},
		{"W-40 invalid UTF-8", "{\"event\":\"meeting.started\",\"payload\":{\"object\":{\"topic\":\"a\xff\xfeb\"}}}", zoom.Event{Meeting: &zoom.EventMeeting{Topic: "a\ufffdb"}}},
		{"W-40 lone surrogate", `{"event":"meeting.started","payload":{"object":{"topic":"a\uD83D"}}}`, zoom.Event{Meeting: &zoom.EventMeeting{Topic: "a\ufffd"}}},
		{"escaped astral character", `{"event":"meeting.started","payload":{"object":{"topic":"\uD83D\uDE92’"}}}`, zoom.Event{Meeting: &zoom.EventMeeting{Topic: "🚒’"}}},
		{"event_ts as string", `{"event":"meeting.started","event_ts":"1626230691572"}`, zoom.Event{At: time.UnixMilli(1626230691572).UTC()}},
		{"event_ts in seconds", `{"event":"meeting.started","event_ts":1626230691}`, zoom.Event{At: time.Unix(1626230691, 0).UTC()}},
		{"event_ts as date", `{"event":"meeting.started","event_ts":"2024-09-08 15:58:40"}`, zoom.Event{}},
		{"other names for the meeting", `{"event":"meeting.started","payload":{"object":{"meeting_id":5,"meeting_uuid":"u","meeting_topic":"t","meeting_host_id":"h"}}}`, zoom.Event{Meeting: &zoom.EventMeeting{ID: "5", UUID: "u", Topic: "t"}}},
		{"no object", `{"event":"meeting.started","payload":{"meeting_uuid":"u"}}`, zoom.Event{Meeting: &zoom.EventMeeting{UUID: "u"}}},
		{"user id as number", `{"event":"meeting.started","payload":{"object":{"participant":{"user_id":16778240}}}}`, zoom.Event{Participant: &zoom.EventParticipant{Key: "16778240", UserID: "16778240"}}},
		{"duration too large", `{"event":"meeting.started","payload":{"object":{"duration":1e30,"topic":"t","start_time":"tomorrow"}}}`, zoom.Event{Meeting: &zoom.EventMeeting{Topic: "t"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Name = "meeting.started"
			got, err := zoom.ReadEvent([]byte(tt.raw))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(zoom.Event{})); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
	for _, raw := range []string{"", " ", "null", "[]", `"x"`, "0", "{", `{"a":1}x`, "\ufeff{}", "{\"a\":\"\x00\"}", strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000)} {
		t.Run("W-34 W-40 W-45 "+raw[:min(len(raw), 10)], func(t *testing.T) {
			if e, err := zoom.ReadEvent([]byte(raw)); err == nil {
				t.Errorf("read %+v", e)
			}
		})
	}
}

func TestReadEventLinks(t *testing.T) {
	for _, tt := range []struct{ name, url, want string }{
		{"Zoom", "https://us02web.zoom.us/rec/share/x", "https://us02web.zoom.us/rec/share/x"},
		{"script", "javascript:alert(1)", ""},
		{"data", "data:text/html,x", ""},
		{"no scheme", "//evil.example/x", ""},
		{"user", "https://zoom.us@evil.example/", ""},
		{"backslash", `https://evil.example\\@zoom.us/`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := zoom.ReadEvent([]byte(`{"event":"recording.completed","payload":{"object":{"share_url":"` + tt.url + `"}}}`))
			if err != nil || e.Recording.ShareURL != tt.want {
				t.Errorf("got %+v, %v", e.Recording, err)
			}
		})
	}
}

func TestRedact(t *testing.T) {
	for _, tt := range []struct{ name, raw, want string }{
		{"unchanged", `{"b":1,"a":[true,false,null,1.50e2,85393847045],"b":{}}`, "{\n  \"b\": 1,\n  \"a\": [\n    true,\n    false,\n    null,\n    1.50e2,\n    85393847045\n  ],\n  \"b\": {}\n}"},
		{"keys", `{"download_token":"x","o":{"start_url":"https://z/s?zak=x","Password":"x","passcode":12,"password":""}}`, "{\n  \"download_token\": \"••••\",\n  \"o\": {\n    \"start_url\": \"••••\",\n    \"Password\": \"••••\",\n    \"passcode\": \"••••\",\n    \"password\": \"\"\n  }\n}"},
		{"escaped key", `{"download\u005ftoken":"x"}`, "{\n  \"download_token\": \"••••\"\n}"},
		{"nested under a secret key", `{"passcode":{"a":["x"]}}`, "{\n  \"passcode\": {\n    \"a\": [\n      \"••••\"\n    ]\n  }\n}"},
		{"in a link", `{"join_url":"https://zoom.us/j/1?pwd=secret&x=1#tk=y"}`, "{\n  \"join_url\": \"https://zoom.us/j/1?pwd=••••&x=1#tk=y\"\n}"},
		{"hostile text", `{"a":"<script>\u0000"}`, "{\n  \"a\": \"<script>\ufffd\"\n}"},
		{"not an object", `[]`, "[]"},
		{"broken", "{\"download_token\":\"abc\",\"start_url\":\"x\x00", "{\"download_token\":\"••••\",\"start_url\":\"••••\""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, string(zoom.Redact([]byte(tt.raw)))); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
	t.Run("samples", func(t *testing.T) {
		shown := string(zoom.Redact(event(t, "recording.completed"))) + string(zoom.Redact(sample(t, "create-meeting.201.lean.json")))
		for _, secret := range []string{"abJhbGciOiJIUzUxMiJ9", "132456", "yNYIS408EJygs7rE5vVsJwXIz4", "zak=", "q8wDSw", "800645960", "uGBNumrMF6BPFw85hBNTApbDBeO7aI"} {
			if strings.Contains(shown, secret) {
				t.Errorf("%s shows", secret)
			}
		}
	})
	t.Run("deep", func(t *testing.T) {
		raw := bytes.Repeat([]byte("["), 9000)
		raw = append(raw, bytes.Repeat([]byte("]"), 9000)...)
		if n := len(zoom.Redact(raw)); n > 32*len(raw) {
			t.Errorf("%d bytes became %d", len(raw), n)
		}
	})
}

// F3: no input makes ReadEvent panic, and all its texts can be stored and shown.
func FuzzReadEvent(f *testing.F) {
	files, _ := filepath.Glob("testdata/events/*.json")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"event":"recording.completed","payload":{"object":{"id":1e400,"recording_files":[{"file_size":-1},5,"{\"a\":1}",null],"share_url":"javascript:x"}}}`))
	f.Add([]byte(`{"event":"meeting.x","payload":{"object":{"participant":[{"user_id":1}]}},"event_ts":"99999999999999"}`))
	f.Add([]byte(`[[[[[[[[`))
	f.Add([]byte("{\"event\":\"\xff\",\"a\":\"\\ud800\"}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		in := bytes.Clone(raw)
		e, err := zoom.ReadEvent(raw)
		shown := zoom.Redact(raw)
		if !bytes.Equal(in, raw) {
			t.Fatal("the input was changed")
		}
		if !utf8.Valid(shown) || bytes.IndexByte(shown, 0) >= 0 {
			t.Errorf("cannot be shown: %q", shown)
		}
		if json.Valid(raw) && !json.Valid(shown) {
			t.Errorf("no longer JSON: %s", shown)
		}
		if err != nil {
			if d := cmp.Diff(zoom.Event{}, e, cmpopts.IgnoreUnexported(zoom.Event{})); d != "" {
				t.Errorf("an event beside an error: %s", d)
			}
			return
		}
		texts := []string{e.Name, e.AccountID}
		if m := e.Meeting; m != nil {
			texts = append(texts, m.ID, m.UUID, m.Topic)
			if strings.Trim(m.ID, "0123456789") != "" {
				t.Errorf("meeting %+v", m)
			}
		}
		if p := e.Participant; p != nil {
			texts = append(texts, p.Key, p.UserID, p.Name, p.Email)
		}
		if r := e.Recording; r != nil {
			texts = append(texts, r.ShareURL)
			for _, file := range r.Files {
				texts = append(texts, file.Type, file.PlayURL)
			}
		}
		for _, s := range texts {
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				t.Errorf("text %q", s)
			}
		}
	})
}

func BenchmarkReadEvent(b *testing.B) {
	raw := event(b, "meeting.participant_joined")
	for b.Loop() {
		if _, err := zoom.ReadEvent(raw); err != nil {
			b.Fatal(err)
		}
	}
}
