package zoom_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

var update = flag.Bool("update", false, "write the golden files")

// TestReadFacts compares the facts of every sample with a golden file.
func TestReadFacts(t *testing.T) {
	files, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	slices.Sort(files)
	var b bytes.Buffer
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		fmt.Fprintf(&b, "%s\n%s\n", name, factsText(zoom.ReadFacts(event(t, name))))
	}
	const golden = "testdata/facts.golden"
	if *update {
		if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); diff != "" {
		t.Errorf("go test ./zoom -update accepts it (-want +got):\n%s", diff)
	}
	for _, secret := range []string{"132456", "PaSsWoRd", "yNYIS408EJygs7rE5vVsJwXIz4", "abJhbGciOiJIUzUxMiJ9", "c21EQzg0SXY2dlNTOFF2TENpSm1aQT09"} {
		if strings.Contains(b.String(), secret) {
			t.Errorf("K-02 the facts hold %s", secret)
		}
	}
}

func factsText(f zoom.Facts) string {
	var b strings.Builder
	for _, x := range f.About {
		value := x.Text
		switch {
		case !x.At.IsZero():
			value = x.At.Format(time.RFC3339)
		case x.For > 0:
			value = x.For.String()
		case x.Bytes > 0:
			value = fmt.Sprint(x.Bytes, " bytes")
		}
		if x.ID {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&b, "  %s: %q\n", x.Name, value)
	}
	for _, c := range f.Changes {
		fmt.Fprintf(&b, "  changed %s: %q -> %q\n", c.Name, c.Was, c.Is)
	}
	for _, x := range f.Files {
		fmt.Fprintf(&b, "  file %s (%s) %s-%s %d bytes play %s download %s\n", x.Kind, x.Format,
			x.Start.Format("15:04:05"), x.End.Format("15:04:05"), x.Bytes, x.PlayURL, x.DownloadURL)
	}
	return b.String()
}

func TestReadFactsOfAnything(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"not JSON", `{"event":`, ""},
		{"array", `[1]`, ""},
		{"empty object", `{}`, ""},
		{"wrong types", `{"event":7,"payload":{"object":{"topic":{},"id":[],"type":true,"duration":-3,"start_time":5,"participant":"x"},"old_object":[]}}`, ""},
		{"deeply nested object", `{"event":"user.updated","payload":{"old_object":{},"object":` + strings.Repeat(`{"a":`, 2000) + `1` + strings.Repeat(`}`, 2000) + `}}`, ""},
		{"guest", `{"event":"meeting.participant_joined","payload":{"object":{"participant":{"user_name":"Ana","id":""}}}}`,
			"  Who: \"Ana\"\n  Zoom user: \"No: guest or user of another account\"\n"},
		{"no id at all", `{"event":"meeting.participant_joined","payload":{"object":{"participant":{"user_name":"Ana"}}}}`, "  Who: \"Ana\"\n"},
		{"type as a string", `{"event":"user.updated","payload":{"object":{"type":"3"}}}`, "  Type: \"On-premises\"\n"},
		{"unknown type", `{"event":"user.updated","payload":{"object":{"type":77}}}`, "  Type: \"Type 77\"\n"},
		{"end before start", `{"event":"meeting.ended","payload":{"object":{"start_time":"2026-01-02T03:04:05Z","end_time":"2026-01-02T03:04:04Z"}}}`,
			"  Start: \"2026-01-02T03:04:05Z\"\n  End: \"2026-01-02T03:04:04Z\"\n"},
		{"changed passcodes", `{"event":"meeting.updated","payload":{"object":{"password":"new","join_url":"https://zoom.us/j/1?pwd=b"},"old_object":{"password":"old","join_url":"https://zoom.us/j/1?pwd=a","agenda":"x"}}}`,
			"  changed Password: \"••••\" -> \"••••\"\n  changed Agenda: \"x\" -> \"\"\n"},
		{"F-11 hostile key names", "{\"event\":\"user.updated\",\"payload\":{\"old_object\":{\"a\\u0000\\u001b<b>\":1},\"object\":{\"a\\u0000\\u001b<b>\":2}}}",
			"  changed A\ufffd\ufffd<b>: \"1\" -> \"2\"\n"},
		{"lists", `{"event":"user.updated","payload":{"old_object":{"a":[1,2]},"object":{"a":[1,3,true]}}}`, "  changed A, 2: \"2\" -> \"3\"\n  changed A, 3: \"\" -> \"Yes\"\n"},
		{"links with passcodes and tokens", `{"event":"recording.completed","payload":{"object":{"share_url":"https://zoom.us/rec/share/x?pwd=secret&a=1#secret","recording_files":[{"file_type":"MP4","play_url":"https://zoom.us/rec/play/x?access_token=secret","download_url":"https://zoom.us/rec/download/x?Access_Token=secret&download_token=secret"}]}}}`,
			"  Recording: \"`https://zoom.us/rec/share/x?a=1`\"\n  file MP4 (MP4) 00:00:00-00:00:00 0 bytes play https://zoom.us/rec/play/x download https://zoom.us/rec/download/x\n"},
		{"unsafe links", `{"event":"recording.completed","payload":{"object":{"share_url":"javascript:alert(1)","recording_files":[{"file_type":"MP4","play_url":"data:text/html,x"}]}}}`,
			"  file MP4 (MP4) 00:00:00-00:00:00 0 bytes play  download \n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, factsText(zoom.ReadFacts([]byte(tt.body)))); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("W-40 1,000 changes", func(t *testing.T) {
		was, is := bytes.Repeat([]byte("1,"), 100_000), bytes.Repeat([]byte("2,"), 100_000)
		f := zoom.ReadFacts(fmt.Appendf(nil, `{"event":"user.updated","payload":{"old_object":{"a":[%s0]},"object":{"a":[%s0]}}}`, was, is))
		if len(f.Changes) != 100 {
			t.Errorf("%d changes, want 100", len(f.Changes))
		}
	})
}

func FuzzReadFacts(f *testing.F) {
	for _, name := range []string{"meeting.updated", "recording.completed", "meeting.participant_left", "user.settings_updated"} {
		f.Add(event(f, name))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		facts := zoom.ReadFacts(body)
		for _, x := range facts.About {
			if x.Name == "" || !utf8.ValidString(x.Text) {
				t.Errorf("the fact %+v", x)
			}
		}
		if len(facts.Changes) > 100 || len(facts.Files) > 200 {
			t.Error("too much")
		}
	})
}
