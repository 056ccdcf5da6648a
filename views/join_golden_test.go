package views_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/views"
)

func joinFull() views.JoinPage {
	return views.JoinPage{
		Key: "INC-42", Name: "db down", Severity: "SEV1", State: "live", Kind: "meeting", JoinURL: "https://us05web.zoom.us/j/87685621847?pwd=abc",
		Passcode: "7Yx4Qp", Phone: "800645960", MeetingID: "876 8562 1847", DialIn: dialIn(), Inside: 12, Told: views.Told{At: when(12 * time.Minute), Asked: true, Silent: when(11 * time.Minute)}, ChangedAt: when(13 * time.Minute), IncidentURL: "/incidents/42",
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	state := func(s string, change func(*views.JoinPage)) views.JoinPage {
		p := joinFull()
		p.State = s
		change(&p)
		return p
	}
	none := func(p *views.JoinPage) { p.JoinURL, p.Passcode, p.MeetingID, p.DialIn, p.Inside = "", "", "", nil, 0 }
	cases := []struct {
		name string
		page views.JoinPage
	}{
		{"full", joinFull()},
		{"creating", state("creating", none)},
		{"unknown", state("unknown", none)},
		{"remembered", state("live", func(p *views.JoinPage) {
			p.AsOf, p.Verdict.State = when(12*time.Minute), "live"
		})},
		{"long", state("live", func(p *views.JoinPage) {
			p.Name, p.Passcode, p.DialIn[0].Place = longWords+longWord, longWord, longWords
			p.Bridge, p.Others = "Bridge 1 ("+longWord+")", []views.Link{{Text: "Bridge 2 (" + longWords + ")", Href: "/j/INC-42?bridge=b2"}}
		})},
		{"static", state("ready", func(p *views.JoinPage) {
			p.Kind, p.JoinURL, p.LinkHost, p.LinkName, p.MeetingID, p.Inside = "static", "https://meet.example.com/war", "meet.example.com", hostile, "", 0
			p.Verdict = views.Verdict{Level: "unknown", State: "static", Title: "Not checked: the static link leads to meet.example.com"}
			p.DialIn, p.Shares = []views.DialIn{{Number: "+47 21 00 00 00", Tel: "tel:+4721000000"}}, []views.Link{{Text: "INC-41"}, {Text: "INC-40"}}
		})},
		{"hostile", state("live", func(p *views.JoinPage) {
			p.Name, p.Severity, p.Passcode, p.JoinURL = hostile, hostile, hostile, "javascript:alert(1)"
			p.DialIn[0] = views.DialIn{Place: hostile, Number: hostile, Tel: "javascript:alert(1)"}
		})},
	}
	var all []golden
	for _, c := range cases {
		all = append(all, golden{"join-" + c.name, views.Join(c.page)})
	}
	testGolden(t, all)
}
