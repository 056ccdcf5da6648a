package zoom_test

import (
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

func TestEventText(t *testing.T) {
	for _, tt := range []struct {
		name, raw, want string
	}{
		{"texts and numbers", `{"event":"meeting.started","n":7,"on":true,"list":["a",{"b":"c"}],"none":null}`, "meeting.started\n7\na\nc\n"},
		{"K-01 no secrets", `{"password":"pw1","download_token":"dt","settings":{"start_url":"https://zoom.us/s/1?zak=z"},"join_url":"https://zoom.us/j/1?pwd=secret&x=1"}`,
			"https://zoom.us/j/1?pwd=&x=1\n"},
		{"not JSON", `{"password":"pw1", hello`, "{\"password\":\"••••\", hello"},
		{"W-41 NUL", `{"a":"x\u0000y"}`, "x\ufffdy\n"},
		{"W-45 deep", strings.Repeat(`[`, 9000) + `"deep"` + strings.Repeat(`]`, 9000), ""},
		{"nothing", ``, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := zoom.EventText([]byte(tt.raw)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if n := len(zoom.EventText([]byte(`{"a":"` + strings.Repeat("x ", 1<<19) + `"}`))); n > 40<<10 {
		t.Errorf("%d bytes of text", n)
	}
}

func TestMeaning(t *testing.T) {
	const joined = `{"event":"meeting.participant_joined","event_ts":1761955200123,"payload":{"account_id":"a","object":{"id":"1","uuid":"u","participant":{"user_id":"7","user_name":"Ana"}}}}`
	read := func(raw string) string {
		e, err := zoom.ReadEvent([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		return e.Meaning()
	}
	same := read(joined)
	for _, tt := range []struct {
		name, raw string
		same      bool
	}{
		{"other order and another key", `{"payload":{"object":{"uuid":"u","id":1,"extra":true,"participant":{"user_name":"Ana","user_id":"7"}},"account_id":"a"},"event":"meeting.participant_joined","event_ts":1761955200123}`, true},
		{"another person", strings.Replace(joined, `"7"`, `"8"`, 1), false},
		{"another moment", strings.Replace(joined, "200123", "200124", 1), false},
		{"another meeting", strings.Replace(joined, `"uuid":"u"`, `"uuid":"v"`, 1), false},
		{"another account", strings.Replace(joined, `"account_id":"a"`, `"account_id":"b"`, 1), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := read(tt.raw); (got == same) != tt.same {
				t.Errorf("%q and %q", same, got)
			}
		})
	}
	for _, raw := range []string{`{}`, `{"event":"x","event_ts":1761955200123}`, `{"event":"meeting.started","payload":{"object":{"id":"1"}}}`} {
		if got := read(raw); got != "" {
			t.Errorf("%s means %q", raw, got)
		}
	}
}
