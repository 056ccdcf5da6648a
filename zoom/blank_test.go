package zoom_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestBlank(t *testing.T) {
	for _, tt := range []struct{ name, raw, want string }{
		{"nothing personal", ` { "a" : [1, 2.50e1, null ,true], "b":{} , "b": "<x>"  }` + "\n", ` { "a" : [1, 2.50e1, null ,true], "b":{} , "b": "<x>"  }` + "\n"},
		{"keys", `{"user_name":"Jill","User_Name":"Jill","email":"a@b.c","id":"x","user_id":"1","public_ip":"192.0.2.1","phone_number":4712345678}`,
			`{"user_name":"","User_Name":"","email":"","id":"x","user_id":"1","public_ip":"","phone_number":0}`},
		{"escaped key", `{"user\u005fname":"Jill"}`, `{"user\u005fname":""}`},
		{"nested under a personal key", `{"meeting_invitees":[{"who":"Jill","n":[1,true]}],"registrant":{"zip":1,"status":"approved"}}`,
			`{"meeting_invitees":[{"who":"","n":[0,true]}],"registrant":{"zip":0,"status":""}}`},
		{"in an array", `{"participant":[{"name":"Jill"},{"name":"Arya","uuid":"x"}]}`, `{"participant":[{"name":""},{"name":"","uuid":"x"}]}`},
		{"email in a text", `{"topic":"Call jchill@example.com & <me@x.y>, now"}`, `{"topic":"Call [blanked] & <[blanked]>, now"}`},
		{"email in a link", `{"url":"https://zoom.us/rec?who=jchill%40example.com&n=1"}`, `{"url":"https://zoom.us/rec?who=[blanked]&n=1"}`},
		{"IP address under another key", `{"seen":["192.0.2.7","2001:db8::1","192.0.2"],"version":"5.17.11.34"}`, `{"seen":["","","192.0.2"],"version":"5.17.11.34"}`},
		{"settings are kept", `{"settings":{"email_notification":{"jbh_reminder":true},"zoom_phone":false}}`, `{"settings":{"email_notification":{"jbh_reminder":true},"zoom_phone":false}}`},
		{"empty values are kept", `{"email":"","name":null,"phone_number":0}`, `{"email":"","name":null,"phone_number":0}`},
		{"not JSON", `{"user_name":"Jill`, ``},
		{"not an object", ` ["Jill"]`, ``},
		{"a text", `"Jill"`, ``},
		{"nothing", ``, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, string(zoom.Blank([]byte(tt.raw)))); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// Blanking every event that Zoom documents leaves the same event, without
// personal data.
func TestBlankEvents(t *testing.T) {
	files, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(files) < 40 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := zoom.Blank(raw)
			if m := regexp.MustCompile(`(?i)jill|chill|arya|dana|"Lee"|@[a-z]+\.|86152500|349589|j0-klmnopq|\b\d+\.\d+\.\d+\.\d+\b`).Find(
				regexp.MustCompile(`"version": *"[^"]*"`).ReplaceAll(got, nil)); m != nil {
				t.Errorf("%s is left in\n%s", m, got)
			}
			want, _ := zoom.ReadEvent(raw)
			if want.User != nil {
				want.User.Emails = nil
			}
			if want.Participant != nil {
				want.Participant.Name, want.Participant.Email = "", ""
			}
			read, err := zoom.ReadEvent(got)
			if d := cmp.Diff(want, read, cmpopts.IgnoreUnexported(zoom.Event{})); d != "" || err != nil {
				t.Errorf("%v (-want +got)\n%s", err, d)
			}
		})
	}
}

// Blanked JSON is JSON of the same structure, blanking it again changes nothing,
// and no text or number is left under a personal key.
func FuzzBlank(f *testing.F) {
	files, _ := filepath.Glob("testdata/events/*.json")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"email":{"a":[1e400,"x",{"b":-0}]},"t":"a@b@@c@d","\ud800name":"x","n":"%40a@b%40c"}`))
	f.Add([]byte(" {\t}\n"))
	personal := regexp.MustCompile(`(?i)(name|_ip)$|email|phone|ip_addr`)
	f.Fuzz(func(t *testing.T, raw []byte) {
		in := bytes.Clone(raw)
		got := zoom.Blank(raw)
		if !bytes.Equal(in, raw) {
			t.Fatal("the input was changed")
		}
		if again := zoom.Blank(got); !bytes.Equal(again, got) {
			t.Errorf("%q is blanked to %q, and again to %q", raw, got, again)
		}
		if !json.Valid(raw) || bytes.TrimSpace(raw)[0] != '{' {
			if len(got) > 0 {
				t.Errorf("%q is left of %q", got, raw)
			}
			return
		}
		before, after := map[string]any{}, map[string]any{}
		if json.Unmarshal(raw, &before) != nil {
			return // a number that Go cannot hold
		}
		if err := json.Unmarshal(got, &after); err != nil {
			t.Fatalf("%q became %q: %v", raw, got, err)
		}
		sameShape(t, any(before), any(after), "", personal, false)
	})
}

func sameShape(t *testing.T, before, after any, key string, keys *regexp.Regexp, personal bool) {
	switch a := after.(type) {
	case map[string]any:
		b, _ := before.(map[string]any)
		if len(a) != len(b) {
			t.Errorf("%d keys became %d", len(b), len(a))
		}
		for k, v := range a {
			sameShape(t, b[k], v, k, keys, personal || keys.MatchString(k))
		}
	case []any:
		b, _ := before.([]any)
		if len(a) != len(b) {
			t.Fatalf("%d items became %d", len(b), len(a))
		}
		for i, v := range a {
			sameShape(t, b[i], v, key, keys, personal)
		}
	case string:
		if b, ok := before.(string); !ok || (personal && a != "") || zoom.BlankText(a) != a && !strings.HasSuffix(strings.ToLower(key), "version") {
			t.Errorf("%q: %q became %q", key, b, a)
		}
	case float64:
		if b, ok := before.(float64); !ok || (a != b || personal) && a != 0 {
			t.Errorf("%q: %v became %v", key, before, a)
		}
	default:
		if before != after {
			t.Errorf("%q: %v became %v", key, before, after)
		}
	}
}

func BenchmarkBlank(b *testing.B) {
	raw := event(b, "meeting.participant_joined")
	for b.Loop() {
		zoom.Blank(raw)
	}
}
