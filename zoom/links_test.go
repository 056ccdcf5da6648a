package zoom_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

func TestLinksOfZoomsDomains(t *testing.T) {
	raw, err := os.ReadFile("testdata/domains.json")
	if err != nil {
		t.Fatal(err)
	}
	var hosts struct {
		Zoom    []string `json:"zoom"`
		NotZoom []string `json:"not_zoom"`
	}
	if err := json.Unmarshal(raw, &hosts); err != nil {
		t.Fatal(err)
	}
	for want, list := range map[bool][]string{true: hosts.Zoom, false: hosts.NotZoom} {
		for _, host := range list {
			t.Run(host, func(t *testing.T) {
				var l zoom.Links
				if got := l.Accepts("https://" + host + "/j/1?pwd=x"); got != want {
					t.Errorf("accepted %v, want %v", got, want)
				}
				if l.Accepts("http://" + host + "/j/1") {
					t.Error("accepted http")
				}
			})
		}
	}
}

func TestForeignLink(t *testing.T) {
	for _, tt := range []struct{ name, answer, want string }{
		{"other host", `{"id":1,"join_url":"https://evil.example/j/1"}`, "evil.example"},
		{"port", `{"id":1,"join_url":"https://zoom.us:8443/j/1"}`, "zoom.us:8443"},
		{"http", `{"id":1,"join_url":"http://zoom.us/j/1"}`, "http://zoom.us"},
		{"no link", `{"id":1}`, ""},
		{"not a link", `{"id":1,"join_url":"javascript:alert(1)"}`, ""},
		{"no meeting", `{"join_url":"https://evil.example/j/1"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := inMemory(&fake{api: replies(201, tt.answer)}, serverToServer)
			_, err := c.CreateMeeting(t.Context(), "x@example.com", zoom.MeetingRequest{})
			p := zoom.ProblemOf(err)
			if p.LinkHost != tt.want || (p.Code == zoom.ProblemForeignLink) != (tt.want != "") || p.AccountWide != (tt.want != "") {
				t.Errorf("got %+v, want the host %q", p, tt.want)
			}
		})
	}
}
