package handlers_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// found are the links of a page of search results.
var found = regexp.MustCompile(`(?s)<li>\s*<a href="([^"]*)"`)

func TestSearchPage(t *testing.T) {
	o := newOffice(t)
	o.connect()
	outage := o.outage()
	i := o.open(outage, func(r *incident.OpenRequest) { r.Name = "Müller kann nicht zahlen" })
	meeting := o.bridge(i.Number).MeetingID
	o.happened("meeting.participant_joined", meeting, "participant", o.participant("田中太郎"))
	o.work()
	event := o.eventIDs(db.EventFilter{Text: "田中太郎"})[0]
	admin, viewer := o.as(incident.Admin), o.as(incident.Viewer)
	id := func(q string) string { return "/events/" + event + "?" + url.Values{"q": {q}}.Encode() }

	for _, tt := range []struct {
		name, query string
		by          *tab
		want        []string // where the results lead to
		wantTo      string   // a redirect
	}{
		{"nothing asked", "", viewer, nil, ""},
		{"nothing found", "xyzzy", viewer, nil, ""},
		{"an incident's key", "INC-1", viewer, nil, "/incidents/1"},
		{"an incident's key, other case", "inc-1", viewer, nil, "/incidents/1"},
		{"a key with a space", "inc 1", viewer, nil, "/incidents/1"},
		{"a key without its hyphen", "INC1", viewer, nil, "/incidents/1"},
		{"a number sign", "#1", viewer, nil, "/incidents/1"},
		{"the whole word", "Incident #1", viewer, nil, "/incidents/1"},
		{"a number sign of none", "#9", viewer, nil, ""},
		{"PMI", "PMI", viewer, []string{"/preflight"}, ""},
		{"left-over", "left-over", viewer, []string{"/bridges/left-over"}, ""},
		{"leftover", "leftover", viewer, []string{"/bridges/left-over"}, ""},
		{"standby", "standby meetings", viewer, []string{"/account"}, ""},
		{"a page of admins, as admin", "journal", admin, []string{"/unstored"}, ""},
		{"a page of admins, as viewer", "journal", viewer, nil, ""},
		{"an incident that is none", "INC-9", viewer, nil, ""},
		{"an event's id", event, viewer, nil, "/events/" + event},
		{"a runbook's id", outage.ID, viewer, nil, "/runbooks/" + outage.ID},
		{"a bridge's id", o.bridge(1).ID, viewer, nil, "/incidents/1"},
		{"an incident's name", "zahlen", viewer, []string{"/incidents/1"}, ""},
		{"a runbook's name", "production", viewer, []string{"/runbooks/" + outage.ID}, ""},
		{"a person, as admin", "viewer@example.com", admin, []string{"/settings/users?edit=id-of-viewer"}, ""},
		{"a person, as viewer", "viewer@example.com", viewer, nil, ""},
		{"settings, as admin", "personal data", admin, []string{"/settings/retention"}, ""},
		{"settings, as viewer", "personal data", viewer, nil, ""},
		{"settings", "password sessions", viewer, []string{"/settings/me"}, ""},
		{"part of a name in an event", "太郎", viewer, []string{id("太郎")}, ""},
		{"a meeting id as shown", meeting[:3] + " " + meeting[3:7] + " " + meeting[7:], viewer, []string{"/incidents/1", id(meeting[:3] + " " + meeting[3:7] + " " + meeting[7:])}, ""},
		{"too many starts of words", "a* b*", viewer, nil, ""},
		{"hostile", hostile, viewer, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := tt.by.get("/search?" + url.Values{"q": {tt.query}}.Encode())
			if tt.wantTo != "" {
				if a.status != http.StatusSeeOther || a.header.Get("Location") != tt.wantTo {
					t.Errorf("status %d to %s, want %s", a.status, a.header.Get("Location"), tt.wantTo)
				}
				return
			}
			var got []string
			for _, m := range found.FindAllStringSubmatch(a.body, -1) {
				got = append(got, strings.ReplaceAll(m[1], "&amp;", "&"))
			}
			if diff := cmp.Diff(tt.want, got); a.status != http.StatusOK || diff != "" {
				t.Errorf("status %d, found (-want +got):\n%s", a.status, diff)
			}
		})
	}
	o.breakTable("incidents")
	if a := viewer.get("/search?q=x"); a.status < 500 || strings.Contains(a.body, "incidents") && strings.Contains(a.body, "no such table") {
		t.Errorf("without the database: status %d: %s", a.status, a.text())
	}
}
