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

func TestForeignStartLink(t *testing.T) {
	for _, tt := range []struct{ name, start, want string }{
		{"Zoom's", `"https://zoom.us/s/1?zak=KEY"`, ""},
		{"other host", `"https://evil.example/s/1?zak=KEY"`, "evil.example"},
		{"port", `"https://zoom.us:8443/s/1?zak=KEY"`, "zoom.us:8443"},
		{"not a link", `"javascript:alert(1)"`, ""},
		{"none", `null`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := inMemory(&fake{api: replies(200, `{"id":1,"join_url":"https://zoom.us/j/1","start_url":`+tt.start+`}`)}, serverToServer)
			m, err := c.GetMeeting(t.Context(), "1")
			if err != nil || m.StartHost != tt.want || !m.StartURL.IsZero() != (tt.name == "Zoom's") {
				t.Errorf("host %q, a link: %v, error %v; want the host %q", m.StartHost, !m.StartURL.IsZero(), err, tt.want)
			}
		})
	}
}

func TestForeignLink(t *testing.T) {
	for _, tt := range []struct{ name, answer, want string }{
		{"other host", `{"id":1,"join_url":"https://evil.example/j/1"}`, "evil.example"},
		{"port", `{"id":1,"join_url":"https://zoom.us:8443/j/1"}`, "zoom.us:8443"},
		{"http", `{"id":1,"join_url":"http://zoom.us/j/1"}`, "http://zoom.us"},
		{"look-alike", `{"id":1,"join_url":"https://evil.example／.zoom.us/j/1"}`, "evil.example／.zoom.us"},
		{"writing direction", `{"id":1,"join_url":"https://\u202emoc.live.zoom.us/j/1"}`, `\u202emoc.live.zoom.us`},
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
