package handlers_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

var update = flag.Bool("update", false, "write testdata/golden anew")

// TestStates drives the service with the simulator through the states of a bridge and
// compares what the pages say with files. Unlike the fixtures of package views, these
// pages show rows that the program really writes.
func TestStates(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx := context.Background()
	o.sim.AddUser(zoomsim.User{Email: "bo@example.com", JoinBeforeHost: true, CloudRecording: true})
	admin, responder := o.as(incident.Admin), o.as(incident.Responder)
	o.golden(t, "account-new", admin.get("/account").body)
	o.connect()
	_, err := o.service.CheckConnection(ctx, theConsole, "bo@example.com")
	o.must(err)
	o.golden(t, "account-connected", admin.get("/account").body)
	o.golden(t, "account-responder", responder.get("/account").body)
	outage := o.outage()
	golden := func(name string, i incident.Incident) {
		t.Helper()
		for path, kind := range map[string]string{"/incidents/" + i.Key(): "incident", "/j/" + i.Key(): "join"} {
			page := responder.get(path)
			page.want(t, 200)
			o.golden(t, kind+"-"+name, page.body)
		}
	}
	open := func(opener string, faults zoomsim.Faults) incident.Incident {
		t.Helper()
		o.faults(faults)
		defer o.faults(zoomsim.Faults{})
		return o.open(outage, func(q *incident.OpenRequest) { q.OpenerEmail = opener })
	}

	golden("ready", open("bo@example.com", zoomsim.Faults{}))
	golden("findings", open("bo@example.com", zoomsim.Faults{OverwriteSettings: true}))
	golden("personal-meeting", open("bo@example.com", zoomsim.Faults{PMI: true}))
	golden("unknown", open("bo@example.com", zoomsim.Faults{ResetAfterCommit: true, Only: create}))
	golden("refused", open("bo@example.com", zoomsim.Faults{TokenRefused: true}))
	failed := open("bo@example.com", zoomsim.Faults{RateLimited: "user_day"})
	golden("failed", failed)
	o.must(o.service.UseLink(ctx, theConsole, o.bridge(failed.Number).ID, "https://meet.example.com/war", ""))
	golden("static", failed)
	golden("no-bridge", o.open(o.manual()))

	live := open("stranger@example.com", zoomsim.Faults{})
	golden("backup-user", live)
	b := o.bridge(live.Number)
	o.happened("meeting.participant_jbh_waiting", b.MeetingID, "participant", o.participant("Bo"))
	o.happened("meeting.started", b.MeetingID, "start_time", o.clock().Format(time.RFC3339))
	o.happened("meeting.participant_joined", b.MeetingID, "participant", o.participant("Ana"))
	golden("live", live)
	o.wait(time.Minute)
	o.happened("meeting.participant_left", b.MeetingID, "participant", o.participant("Ana"))
	o.happened("meeting.ended", b.MeetingID, "end_time", o.clock().Format(time.RFC3339))
	golden("ended", live)
	o.must(o.service.ResolveIncident(ctx, theConsole, live.Number))
	golden("resolved", live)

	// The page of a bridge that is being created is read before Zoom answers.
	var page, join string
	open("stranger@example.com", zoomsim.Faults{Only: create, Mangle: func(string, map[string]any) {
		if page == "" {
			key := incident.Key(live.Number + 1)
			page, join = responder.get("/incidents/"+key).body, responder.get("/j/"+key).body
		}
	}})
	o.golden(t, "incident-creating", page)
	o.golden(t, "join-creating", join)

	o.must(o.saveStatic(incident.StaticLink{Name: "War room", URL: "https://meet.example.com/war", Phone: "+47 21 00 00 00", PIN: "4711"}))
	golden("static-link", open("bo@example.com", zoomsim.Faults{TokenRefused: true}))

	stuck := open("bo@example.com", zoomsim.Faults{OverwriteSettings: true})
	for _, name := range []string{"Mia", "Ravi"} {
		o.happened("meeting.participant_jbh_waiting", o.bridge(stuck.Number).MeetingID, "participant", o.participant(name))
	}
	o.wait(31 * time.Second)
	o.work()
	golden("stuck", stuck)
	o.golden(t, "overview-stuck", admin.get("/").body)
}

var (
	tones    = regexp.MustCompile(`\bdb-(tl|bridge|join|progress|found|found-sum|st)-(ok|note|warning|bad|busy|over|plain|done|running|failed|creating|open|ready|live|ended|unknown)\b`)
	mainPart = regexp.MustCompile(`(?s)<main.*</main>`)
	random   = []struct {
		pattern *regexp.Regexp
		name    string
	}{
		{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}`), "ID"},
		{regexp.MustCompile(`(/static/[a-z/]+)\.[0-9a-f]{12}`), "$1"},
		{regexp.MustCompile(`\bk=[A-Za-z0-9_-]{16,}`), "k=KEY"},
		{regexp.MustCompile(`(/j/|meeting_id=|,,)[0-9]{9,12}\b`), "${1}MEETING"},
		{regexp.MustCompile(`\b[0-9]{3} [0-9]{3,4} [0-9]{3,4}\b`), "MEETING"},
		{regexp.MustCompile(`pwd=[A-Za-z0-9._-]+`), "pwd=PASSCODE"},
	}
)

// golden compares the texts, links and tones of a page, one per line, with a file.
func (o *office) golden(t *testing.T, name, page string) {
	t.Helper()
	page = mainPart.FindString(drawings.ReplaceAllString(page, ""))
	for _, b := range o.passcodes() {
		page = strings.ReplaceAll(page, b, "PASSCODE")
	}
	for _, r := range random {
		page = r.pattern.ReplaceAllString(page, r.name)
	}
	var lines []string
	z := html.NewTokenizer(strings.NewReader(page))
	for z.Next() != html.ErrorToken {
		token := z.Token()
		if token.Type == html.TextToken {
			if text := strings.Join(strings.Fields(token.Data), " "); text != "" {
				lines = append(lines, text)
			}
			continue
		}
		for _, a := range token.Attr {
			if a.Key == "href" || a.Key == "action" {
				lines = append(lines, "  "+a.Key+" "+a.Val)
			} else if found := tones.FindAllString(a.Val, -1); a.Key == "class" && found != nil {
				lines = append(lines, "  class "+strings.Join(found, " "))
			}
		}
	}
	got := strings.Join(lines, "\n") + "\n"
	file := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		o.must(os.MkdirAll(filepath.Dir(file), 0o755))
		o.must(os.WriteFile(file, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	o.must(err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s changed (-want +got); go test ./handlers -run States -update accepts it:\n%s", file, diff)
	}
}

// passcodes returns the passcodes of all bridges.
func (o *office) passcodes() (all []string) {
	o.t.Helper()
	for number := int64(1); ; number++ {
		bridges, err := o.store.Bridges(context.Background(), number)
		o.must(err)
		if _, err := o.store.Incident(context.Background(), number); err != nil {
			return all
		}
		for _, b := range bridges {
			if b.Passcode != "" {
				all = append(all, b.Passcode)
			}
		}
	}
}
