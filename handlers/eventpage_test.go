package handlers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// events returns the IDs in the log, newest first.
func (o *office) events() (ids []int64) {
	o.t.Helper()
	all, err := o.store.EventRows(context.Background(), db.EventFilter{}, "", 200)
	o.must(err)
	for _, e := range all.Items {
		ids = append(ids, e.ID)
	}
	return ids
}

// Every event that Zoom documents has a page with its contents, and none
// shows a passcode or a token.
func TestEventPageOfEverySample(t *testing.T) {
	if testing.Short() {
		t.Skip("takes about five seconds: run without -short")
	}
	t.Parallel()
	o := newOffice(t)
	o.connect()
	viewer, admin := o.as(incident.Viewer), o.as(incident.Admin)
	files, err := filepath.Glob("../zoom/testdata/events/*.json")
	o.must(err)
	names := map[int64]string{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if name == "endpoint.url_validation" {
			continue // is answered, not kept
		}
		body, err := os.ReadFile(file)
		o.must(err)
		o.deliver(string(body), o.clock())
		names[o.events()[0]] = name
	}
	o.work()
	for id, name := range names {
		path := fmt.Sprint("/events/", id)
		for _, page := range []reply{viewer.get(path), admin.get(path)} {
			page.want(t, http.StatusOK, name, "What it changed")
			wantInert(t, page)
			for _, secret := range []string{"132456", "PaSsWoRd", "yNYIS408EJygs7rE5vVsJwXIz4", "abJhbGciOiJIUzUxMiJ9", "c21EQzg0SXY2dlNTOFF2TENpSm1aQT09"} {
				if strings.Contains(page.body, secret) {
					t.Errorf("K-02 the page of %s shows %s", name, secret)
				}
			}
			if want := eventPageSays[name]; want != nil {
				page.want(t, http.StatusOK, want...)
			}
		}
	}
}

var eventPageSays = map[string][]string{
	"meeting.ended":              {"The meeting ended.", "Duration 1 h 16 min", "Planned duration 1 h 00 min", "Recurring meeting with a fixed time", "Nothing: no bridge has this meeting."},
	"meeting.updated":            {"The meeting was changed.", "Settings, audio telephony voip", "By someone@example.com"},
	"meeting.participant_left":   {"Jill Chill left the meeting.", "jchill@example.com", "Zoom user Yes", "Reason: Host ended the meeting.", "8615250064084"},
	"meeting.participant_joined": {"Jill Chill joined the meeting.", "Joined 13 Jul 2021"},
	"recording.completed":        {"The recording is ready.", "Shared screen with speaker view", "MP4, 283 kB, 1 h 00 min", "Size 3.3 MB"},
	"user.created":               {"Jill Chill was added to the Zoom account.", "On-premises", "Nothing: it isn’t about a meeting."},
	"user.updated":               {"Email xxxxxx.old@zoom.us xxxxxx@zoom.us"},
}

// The page of an event shows its effects and the person's stay.
func TestEventPageEffects(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.open(o.outage())
	meeting := o.bridge(1).MeetingID
	viewer := o.as(incident.Viewer)
	newest := func(want ...string) {
		t.Helper()
		viewer.get(fmt.Sprint("/events/", o.events()[0])).want(t, http.StatusOK, want...)
	}
	ana := o.participant("Ana")
	o.happened("meeting.started", meeting, "start_time", "2026-11-22T02:14:07Z")
	newest("A call on the bridge of INC-1 started.")
	o.happened("meeting.participant_joined", meeting, "participant", ana)
	newest("Ana joined. Inside from", "and still inside.")
	o.happened("meeting.sharing_started", meeting)
	newest("Nothing. Drawbridge doesn’t act on this event type.")
	ana["leave_time"] = ana["join_time"]
	o.happened("meeting.participant_left", meeting, "participant", ana)
	newest("Ana left. Inside from", " to ")
	o.happened("meeting.ended", meeting, "end_time", "2026-11-22T03:16:07Z")
	newest("Ended the bridge of INC-1.")
	o.happened("recording.completed", meeting, "share_url", "https://zoom.us/rec/share/x?pwd=secret", "recording_files", []any{
		map[string]any{"file_type": "MP4", "play_url": "https://zoom.us/rec/play/y?pwd=secret", "download_url": "https://evil.example/z"},
	})
	newest("The bridge of INC-1 has its recording.")
	page := viewer.get(fmt.Sprint("/events/", o.events()[0]))
	if !strings.Contains(page.body, `href="https://zoom.us/rec/share/x"`) || !strings.Contains(page.body, `href="https://zoom.us/rec/play/y"`) {
		t.Error("no link to the recording at Zoom")
	}
	if strings.Contains(page.body, `href="https://evil.example`) || strings.Contains(page.body, `pwd=secret`) {
		t.Error("a link to another host, or one that opens a recording")
	}
	o.happened("recording.completed", meeting, "share_url", "https://recordings.acme.example/x", "recording_files", []any{})
	path := fmt.Sprint("/events/", o.events()[0])
	o.as(incident.Admin).get(path).want(t, http.StatusOK, "leads to recordings.acme.example", "add its domain to DRAWBRIDGE_ZOOM_DOMAINS, restart Drawbridge and reprocess the event")
	if page := viewer.get(path); strings.Contains(page.text(), "DRAWBRIDGE_ZOOM_DOMAINS") {
		t.Error("a viewer is told to change the configuration")
	}
}

// The command on an event's page sends its body again, byte for byte, and the
// server recognizes the duplicate.
func TestCopyAsCurl(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	o := newOffice(t)
	o.connect()
	admin := o.as(incident.Admin)
	long, err := json.Marshal(map[string]any{"event": "x.long", "payload": strings.Repeat("$(reboot) ", 12_000)})
	o.must(err)
	for _, tt := range []struct{ name, body string }{
		{"a plain one", o.event("meeting.started", "1")},
		{"F-11 quotes and what a shell reads", `{"event":"x.y","a":"'\"$HOME ` + "`id`" + ` $(id) \\ \n END !! %s"}` + "\nEND\n'"},
		{"unicode", `{"event":"x.y","a":"Søren 🚒 ` + "\u202e" + `"}`},
		{"not UTF-8, and NUL", "{\"event\":\"x.y\",\"a\":\"\xff\xfe\x00\"}"},
		{"spaces at both ends", " \r\n{\"event\":\"x.y\"}\r\n\r\n"},
		{"empty", ""},
		{"longer than a command", string(long)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(o.events())
			o.deliver(tt.body, o.clock())
			o.work()
			id := o.events()[0]
			page := admin.get(fmt.Sprint("/events/", id))
			found := regexp.MustCompile(`(?s)<pre[^>]* id="curl-\d+"[^>]*>(.*?)</pre>`).FindStringSubmatch(page.body)
			if found == nil {
				t.Fatal("no command on the page")
			}
			command := strings.ReplaceAll(html.UnescapeString(found[1]), "https://bridge.example.com", o.url)
			run := func(env ...string) (string, error) {
				bash := exec.Command("bash")
				bash.Dir = t.TempDir()
				bash.Stdin = strings.NewReader(command)
				bash.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir()}, env...)
				if strings.Contains(command, "event-") {
					o.must(os.WriteFile(filepath.Join(bash.Dir, fmt.Sprintf("event-%d.json", id)), []byte(admin.get(fmt.Sprintf("/events/%d/raw", id)).body), 0o600))
				}
				said, err := bash.CombinedOutput()
				return string(said), err
			}
			said, err := run("ZOOM_WEBHOOK_SECRET=" + webhookToken)
			if err != nil || !strings.Contains(said, "200 OK") {
				t.Errorf("%v:\n%s", err, said)
			}
			if got := len(o.events()); got != before+1 {
				t.Errorf("%d rows more, want 1", got-before)
			}
			if said, _ := run("ZOOM_WEBHOOK_SECRET=another"); !strings.Contains(said, "401 Unauthorized") {
				t.Errorf("with another secret:\n%s", said)
			}
			if said, err := run(); err == nil || !strings.Contains(said, "ZOOM_WEBHOOK_SECRET") {
				t.Errorf("without the secret: %v\n%s", err, said)
			}
			if strings.Contains(page.body, webhookToken) {
				t.Error("the secret token is on the page")
			}
		})
	}
}

// The page of an event shows its origin, its variants and that it was blanked.
func TestEventPageNotes(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.open(o.outage())
	meeting := o.bridge(1).MeetingID
	admin := o.as(incident.Admin)
	ctx := context.Background()
	body := o.event("meeting.started", meeting, "start_time", "2026-11-22T02:14:07Z")
	o.deliver(body, o.clock())
	o.wait(time.Second)
	o.deliver(" "+body, o.clock())
	o.work()
	ids := o.events()
	first, second := fmt.Sprint("/events/", ids[1]), fmt.Sprint("/events/", ids[0])
	for _, page := range []struct{ path, says, leads string }{
		{first, "A variant of this event arrived", second},
		{second, "A variant of an earlier event", first},
		{first, "around this time", fmt.Sprintf("/events?around=%d#here", ids[1])},
	} {
		r := admin.get(page.path)
		r.want(t, http.StatusOK, page.says, "A call on the bridge of INC-1 started.")
		if !strings.Contains(r.body, `href="`+page.leads+`"`) {
			t.Errorf("%s does not lead to %s", page.path, page.leads)
		}
		admin.get(strings.TrimSuffix(page.leads, "#here")).want(t, http.StatusOK)
	}
	t.Run("reprocessing twice keeps one variant", func(t *testing.T) {
		for range 2 {
			admin.post(second+"/reprocess").leadsTo(admin, second, "Drawbridge read the event again. Nothing changed.", "A variant of an earlier event")
			admin.post(first+"/reprocess").leadsTo(admin, first, "Drawbridge read the event again. Nothing changed.", "A variant of this event arrived")
		}
	})

	for origin, want := range map[incident.Origin][]string{
		incident.OriginRecovered: {"Recovered: its delivery never arrived here", "Read from Zoom’s API with this account’s app"},
		incident.OriginImported:  {"Imported from another log", "it had no signature", "Nothing: imported events change no bridge."},
	} {
		_, _, err := o.store.AppendEvent(ctx, incident.NewEvent{Origin: origin, ReceivedAt: o.clock(), SignedAt: o.clock(), Body: []byte(o.event("meeting.ended", meeting, "end_time", string(origin)))})
		o.must(err)
		o.work()
		page := admin.get(fmt.Sprint("/events/", o.events()[0]))
		page.want(t, http.StatusOK, want...)
		if strings.Contains(page.text(), "The signature is right") {
			t.Errorf("a signature is said to be right of an event that was %s", origin)
		}
	}
}
