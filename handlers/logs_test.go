package handlers_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// deliver posts a signed webhook, read or not.
func (o *office) deliver(body string, signed time.Time) {
	o.t.Helper()
	for try := 0; ; try++ {
		r, err := http.NewRequest(http.MethodPost, o.url+"/webhook", strings.NewReader(body))
		o.must(err)
		for name, values := range o.sim.Sign([]byte(body), signed) {
			r.Header[name] = values
		}
		response, err := http.DefaultTransport.RoundTrip(r)
		o.must(err)
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return
		}
		// A slow machine answers 503, and Zoom retries.
		if response.StatusCode != http.StatusServiceUnavailable || try == 5 {
			o.t.Fatalf("the webhook is answered with %d", response.StatusCode)
		}
	}
}

// work runs the due jobs.
func (o *office) work() {
	o.t.Helper()
	for range 100 {
		n, err := o.service.RunOnce(context.Background())
		o.must(err)
		if n == 0 {
			return
		}
	}
	o.t.Fatal("the worker does not come to an end")
}

// event is the body of a webhook about a meeting. more are names and values of
// its object.
func (o *office) event(name, meetingID string, more ...any) string {
	o.t.Helper()
	object := map[string]any{"id": meetingID, "uuid": "uuid-" + meetingID, "host_id": "h1", "topic": "INC-1 Acme", "type": 2, "duration": 60, "timezone": "UTC"}
	for n := 0; n < len(more); n += 2 {
		object[more[n].(string)] = more[n+1]
	}
	b, err := json.Marshal(map[string]any{"event": name, "event_ts": o.clock().UnixMilli(), "payload": map[string]any{"account_id": zoomAccount, "object": object}})
	o.must(err)
	return string(b)
}

func (o *office) participant(name string) map[string]any {
	return map[string]any{"user_id": "u-" + name, "participant_uuid": "p-" + name, "user_name": name, "email": "", "id": "", "join_time": o.clock().UTC().Format(time.RFC3339), "date_time": o.clock().UTC().Format(time.RFC3339)}
}

// happened delivers an event and runs the worker.
func (o *office) happened(name, meetingID string, more ...any) {
	o.t.Helper()
	o.deliver(o.event(name, meetingID, more...), o.clock())
	o.work()
}

func (o *office) sql(statement string, args ...any) {
	o.t.Helper()
	conn, err := sql.Open("sqlite", filepath.Join(o.dataDir, db.SQLiteFile)+"?_pragma=busy_timeout(5000)")
	o.must(err)
	defer conn.Close()
	_, err = conn.Exec(statement, args...)
	o.must(err)
}

var (
	rowOfEvent    = regexp.MustCompile(`id="e-(\d+)"`)
	rowOfIncident = regexp.MustCompile(`<span class="db-inc">(INC-\d+)</span>`)
	rowOfBridge   = regexp.MustCompile(`<span class="db-key">(INC-\d+)</span>`)
	olderPage     = regexp.MustCompile(`rel="next" href="([^"]+)"`)
	newerPage     = regexp.MustCompile(`rel="prev" href="([^"]+)"`)
)

// rows returns the matches of a pattern on a page, in order.
func (r reply) rows(pattern *regexp.Regexp) (list []string) {
	for _, m := range pattern.FindAllStringSubmatch(r.body, -1) {
		list = append(list, m[1])
	}
	return list
}

// wantRows checks the rows of a list, newest first.
func wantRows(t *testing.T, b *tab, path string, pattern *regexp.Regexp, want ...string) {
	t.Helper()
	r := b.get(path)
	r.want(t, http.StatusOK)
	if got := r.rows(pattern); !slices.Equal(got, want) {
		t.Errorf("%s lists %q, want %q", path, got, want)
	}
}

// allPages follows the links from a page to the last one and returns all rows.
func allPages(t *testing.T, b *tab, path string, pattern *regexp.Regexp) (rows []string, pages int) {
	t.Helper()
	for path != "" && pages < 300 {
		r := b.get(path)
		r.want(t, http.StatusOK)
		rows = append(rows, r.rows(pattern)...)
		pages++
		if back := newerPage.MatchString(r.body); back != (pages > 1) {
			t.Errorf("page %d leads back to the first: %v", pages, back)
		}
		next := olderPage.FindStringSubmatch(r.body)
		if path = ""; next != nil {
			path = html.UnescapeString(next[1])
		}
	}
	return rows, pages
}

func TestIncidentsPage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	viewer := o.as(incident.Viewer)
	guardPage(t, o, "/incidents", nil)
	if page := viewer.get("/incidents"); !strings.Contains(page.text(), "No incidents yet") || strings.Contains(page.text(), "Open incident") {
		t.Errorf("the empty page for a viewer: %s", page.text())
	}
	o.as(incident.Responder).get("/incidents").want(t, http.StatusOK, "Open incident")

	o.connect()
	r, manual := o.outage(), o.manual()
	change := func(name, severity, description string) func(*incident.OpenRequest) {
		return func(q *incident.OpenRequest) { q.Name, q.Severity, q.Description = name, severity, description }
	}
	o.open(r, change("db down", "SEV1", "All of it."))
	o.open(manual, change("100% full_disk", "SEV2", "A\\B"))
	o.open(manual, change("slow", "SEV1", "The DB is slow."))
	o.must(o.service.ResolveIncident(context.Background(), theConsole, 3))

	for _, test := range []struct {
		name, query string
		want        []string
	}{
		{"open ones by severity, then resolved ones", "", []string{"INC-1", "INC-2", "INC-3"}},
		{"open", "?status=open", []string{"INC-1", "INC-2"}},
		{"resolved", "?status=resolved", []string{"INC-3"}},
		{"severity", "?severity=SEV1", []string{"INC-1", "INC-3"}},
		{"runbook", "?runbook=" + manual.ID, []string{"INC-2", "INC-3"}},
		{"text of name and description", "?q=dB", []string{"INC-1", "INC-3"}},
		{"all at once", "?status=open&severity=SEV1&runbook=" + r.ID + "&q=down", []string{"INC-1"}},
		{"F-20 % is a sign", "?q=%25", []string{"INC-2"}},
		{"F-20 _ is a sign", "?q=l_d", []string{"INC-2"}},
		{"F-20 \\ is a sign", "?q=%5C", []string{"INC-2"}},
		{"F-20 a statement", "?q=" + url.QueryEscape("' OR 1=1 --"), nil},
		{"no match", "?severity=evil", nil},
		{"after the last", "?cursor=1", nil},
	} {
		t.Run(test.name, func(t *testing.T) { wantRows(t, viewer, "/incidents"+test.query, rowOfIncident, test.want...) })
	}
	t.Run("contents of the rows", func(t *testing.T) {
		viewer.get("/incidents?severity=SEV1").want(t, http.StatusOK, "2 open", "All 2", "Open 1", "Resolved 1")
		viewer.get("/incidents?q=down").want(t, http.StatusOK, "2 open", "SEV1", "Production outage", "command line", "Join", "Clear")
		page := viewer.get("/incidents?q=" + url.QueryEscape(hostile))
		page.want(t, http.StatusOK, "No incidents match")
		if page.value("q") != hostile {
			t.Errorf("q is %q", page.value("q"))
		}
		wantInert(t, page)
	})
	t.Run("invalid queries", func(t *testing.T) {
		for _, query := range []string{"?evil=1", "?q=a&q=b", "?cursor=x", "?cursor=-1", "?cursor=1e3", "?cursor=99999999999999999999", "?q=%zz", "?q=%ff", "?q=%00"} {
			viewer.get("/incidents"+query).want(t, http.StatusBadRequest)
		}
	})
	t.Run("500 incidents", func(t *testing.T) {
		o.sql(`
			WITH RECURSIVE n (i) AS (SELECT 4 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
			INSERT INTO incidents (number, runbook_id, runbook_name, name, severity, type, description, status, opener_email, opener_name,
				vars, source, created_by, join_key, created_at, updated_at)
			SELECT i, ?, 'By hand', 'incident ' || i, 'SEV' || (i % 4 + 1), '', '', 'open', '', '', '{}', 'api', 'script', 'key', ?, ? FROM n`,
			manual.ID, o.clock().UnixMilli(), o.clock().UnixMilli())
		rows, pages := allPages(t, viewer, "/incidents", rowOfIncident)
		var want []string
		for n := 500; n > 0; n-- {
			want = append(want, fmt.Sprint("INC-", n))
		}
		if !slices.Equal(rows, want) || pages != 10 {
			t.Errorf("%d rows on %d pages, want 500 on 10, each once", len(rows), pages)
		}
		rows, pages = allPages(t, viewer, "/incidents?severity=SEV2&status=open", rowOfIncident)
		if len(rows) != 125 || pages != 3 || slices.Contains(rows, "INC-3") {
			t.Errorf("of one severity %d rows on %d pages, want 125 on 3", len(rows), pages)
		}
	})
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "incidents", func() reply { return viewer.get("/incidents") })
	})
}

func TestBridgesPage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	viewer := o.as(incident.Viewer)
	guardPage(t, o, "/bridges", nil)
	viewer.get("/bridges").want(t, http.StatusOK, "No bridges yet")
	viewer.get("/bridges?view=live").want(t, http.StatusOK, "No bridges match")

	o.connect()
	o.sim.AddUser(zoomsim.User{Email: "ana@example.com", DisplayName: "Ana", JoinBeforeHost: true, CloudRecording: true})
	r := o.outage()
	byAna := func(q *incident.OpenRequest) { q.OpenerEmail = "ana@example.com" }
	o.open(r, byAna) // yesterday evening
	one := o.bridge(1)
	o.happened("meeting.started", one.MeetingID, "start_time", "2026-11-22T02:14:07Z")
	o.happened("meeting.participant_joined", one.MeetingID, "participant", o.participant(hostile))
	o.wait(24 * time.Hour)
	o.open(r)
	o.wait(time.Hour)
	o.faults(zoomsim.Faults{TokenRefused: true})
	o.open(r, byAna)
	viewer = o.logIn("viewer@example.com") // a day has passed

	for _, test := range []struct {
		name, query string
		want        []string
	}{
		{"all, newest first", "", []string{"INC-3", "INC-2", "INC-1"}},
		{"live", "?view=live", []string{"INC-1"}},
		{"needs attention", "?view=attention", []string{"INC-3"}},
		{"backup user", "?view=backup", []string{"INC-2"}},
		{"nobody came", "?view=nobody", nil},
		{"last 24 hours", "?range=24h", []string{"INC-3", "INC-2"}},
		{"last 7 days", "?range=7d", []string{"INC-3", "INC-2", "INC-1"}},
		{"two days instead of a range", "?range=24h&before=2026-11-22", []string{"INC-1"}},
		{"all conditions", "?view=backup&range=7d&host=ana%40example.com", nil},
		{"host, including one that failed", "?host=+ANA%40example.com", []string{"INC-3", "INC-1"}},
		{"from", "?after=2026-11-23", []string{"INC-3", "INC-2"}},
		{"until, including the day", "?before=2026-11-22", []string{"INC-1"}},
		{"one day", "?after=2026-11-22&before=2026-11-22", []string{"INC-1"}},
		{"F-36 the last day there is", "?before=9999-12-31", []string{"INC-3", "INC-2", "INC-1"}},
		{"no match", "?host=nobody%40example.com", nil},
	} {
		t.Run(test.name, func(t *testing.T) { wantRows(t, viewer, "/bridges"+test.query, rowOfBridge, test.want...) })
	}
	t.Run("days are in the viewer’s zone", func(t *testing.T) {
		far := &tab{o: o, cookies: map[string]string{"tz": "America/Los_Angeles"}}
		for name, value := range viewer.cookies {
			far.cookies[name] = value
		}
		wantRows(t, far, "/bridges?before=2026-11-21", rowOfBridge, "INC-1") // 02:14 UTC is the evening before
	})
	t.Run("F-36 invalid days", func(t *testing.T) {
		for _, day := range []string{"2026-02-30", "yesterday", "0000-01-01", "2026-11-22T10:00", "99999-01-01", hostile} {
			for _, field := range []string{"after", "before"} {
				r := viewer.get("/bridges?" + field + "=" + url.QueryEscape(day))
				r.want(t, http.StatusUnprocessableEntity, "Enter a date such as 2026-01-31.")
				if got := r.value(field); got != day {
					t.Errorf("%s %q comes back as %q", field, day, got)
				}
				wantInert(t, r)
			}
		}
	})
	t.Run("F-36 invalid zones", func(t *testing.T) {
		for _, zone := range []string{"../../etc/passwd", "Local", "", strings.Repeat("A", 10<<10), "Europe/Nowhere", "/etc/localtime"} {
			odd := &tab{o: o, cookies: map[string]string{"tz": zone}}
			for name, value := range viewer.cookies {
				odd.cookies[name] = value
			}
			wantRows(t, odd, "/bridges?before=2026-11-22", rowOfBridge, "INC-1")
		}
	})
	t.Run("invalid queries", func(t *testing.T) {
		viewer.get("/bridges?range=evil").want(t, http.StatusBadRequest, "There is no time range \"evil\".")
		viewer.get("/bridges?view=evil").want(t, http.StatusBadRequest, "Use live, attention, backup, static or nobody.")
		viewer.get("/bridges?after=2026-11-23&before=2026-11-22").want(t, http.StatusUnprocessableEntity, "This day is before the first one.")
		for _, query := range []string{"?view=evil", "?evil=1", "?cursor=x", "?cursor=1", "?cursor=-1.a", "?host=a&host=b", "?host=%00"} {
			viewer.get("/bridges"+query).want(t, http.StatusBadRequest)
		}
	})
	t.Run("pages", func(t *testing.T) {
		page := viewer.get("/bridges?host=ana%40example.com&cursor=" + fmt.Sprint(o.clock().UnixMilli()) + ".zzz")
		back := newerPage.FindStringSubmatch(page.body)
		if back == nil || html.UnescapeString(back[1]) != "/bridges?host=ana%40example.com" {
			t.Errorf("the way back to the first page is %q, want it with its filter", back)
		}
	})
	page := viewer.get("/bridges")
	page.want(t, http.StatusOK, "Drawbridge can’t use Zoom right now.", "backup")
	wantInert(t, page)
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "bridges", func() reply { return viewer.get("/bridges") })
	})
}

func TestEventsPage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	viewer := o.as(incident.Viewer)
	guardPage(t, o, "/events", nil)
	guardPage(t, o, "/events/1", nil)
	viewer.get("/events").want(t, http.StatusOK, "No events yet", "https://bridge.example.com/webhook")

	o.connect()
	o.open(o.outage())
	meeting := o.bridge(1).MeetingID
	o.happened("meeting.started", meeting, "start_time", "2026-11-22T02:14:07Z")
	o.wait(time.Minute)
	o.happened("meeting.participant_joined", meeting, "participant", o.participant(hostile))
	o.wait(time.Minute)
	o.happened("meeting.participant_joined", "12345678901", "participant", o.participant("Ravi 50%"), "topic", hostile)
	o.wait(time.Hour)
	o.happened("meeting.ended", meeting, "end_time", "2026-11-22T03:16:07Z")
	o.deliver(`{"not":"a Zoom event"`, o.clock())
	o.work()
	all, err := o.store.EventRows(context.Background(), db.EventFilter{}, "", 50)
	o.must(err)
	var ids []string
	for _, e := range all.Items {
		ids = append(ids, fmt.Sprint(e.ID))
	}
	if len(ids) != 5 {
		t.Fatalf("%d events", len(ids))
	}
	unread, ended, elsewhere, joined, started := ids[0], ids[1], ids[2], ids[3], ids[4]

	for _, test := range []struct {
		name, query string
		want        []string
	}{
		{"all, newest first", "", ids},
		{"type", "?event=meeting.participant_joined", []string{elsewhere, joined}},
		{"meeting", "?meeting_id=" + meeting, []string{ended, joined, started}},
		{"meeting as Zoom writes it", "?meeting_id=123+4567+8901", []string{elsewhere}},
		{"bridge", "?bridge=inc-1", []string{ended, joined, started}},

		{"text", "?q=ravi+50%25", []string{elsewhere}},
		{"text with wildcards", "?q=av__", nil},
		{"time", "?after=2026-11-22T02:15&before=2026-11-22T03:00", []string{elsewhere, joined}},
		{"seconds", "?before=2026-11-22T02:15:00", []string{started}},
		{"all at once", "?event=meeting.ended&meeting_id=" + meeting + "&bridge=INC-1&q=acme&after=2026-11-22T03:00", []string{ended}},
	} {
		t.Run(test.name, func(t *testing.T) { wantRows(t, viewer, "/events"+test.query, rowOfEvent, test.want...) })
	}
	t.Run("contents of a row", func(t *testing.T) {
		page := viewer.get("/events")
		page.want(t, http.StatusOK, "participant joined", "meeting ended", "INC-1", "unread", "<script>alert(1)</script>", "in the last hour")
		wantInert(t, page)
	})
	t.Run("invalid filters are said", func(t *testing.T) {
		for path, want := range map[string]string{
			"/events?bridge=evil":                                           "Enter the key of an incident, such as INC-42.",
			"/events?bridge=INC-99":                                         "There is no incident INC-99.",
			"/events?meeting_id=12345678":                                   "Enter the 9 to 11 digits of a meeting ID, or a link to the meeting.",
			"/events?meeting_id=standup":                                    "Enter the 9 to 11 digits of a meeting ID, or a link to the meeting.",
			"/events/export?meeting_id=standup":                             "Enter the 9 to 11 digits of a meeting ID, or a link to the meeting.",
			"/events/export?bridge=evil":                                    "Enter the key of an incident, such as INC-42.",
			"/incidents?status=closed":                                      "Use open or resolved.",
			"/incidents?runbook=nobody-has-this-id":                         "There is no runbook",
			"/bridges?view=dead":                                            "Use live, attention, backup, static or nobody.",
			"/events?range=9x":                                              "There is no time range",
			"/events?after=2026-11-22T03:00&before=2026-11-22T02:00":        "This time isn’t after the first one.",
			"/events/export?after=2026-11-22T03:00&before=2026-11-22T03:00": "This time isn’t after the first one.",
			"/bridges?after=2026-11-23&before=2026-11-22":                   "This day is before the first one.",
			"/events?evil=1":                                                "There is no field",
			"/bridges?evil=1":                                               "There is no field",
			"/incidents?evil=1":                                             "There is no field",
		} {
			page := viewer.get(path)
			if page.status != http.StatusUnprocessableEntity && page.status != http.StatusBadRequest {
				t.Errorf("%s: status %d", path, page.status)
			}
			page.want(t, page.status, want)
		}
	})
	t.Run("the time range in force is marked", func(t *testing.T) {
		for query, want := range map[string]string{
			"": "All", "?range=all": "All", "?range=7d&q=acme": "7 d", "?meeting_id=" + meeting: "All", "?after=2026-11-22T02:15": "", "?range=1h&cursor=" + joined: "1 h",
		} {
			ranges := regexp.MustCompile(`(?s)aria-label="Time range">.*?</ul>`).FindString(viewer.get("/events" + query).body)
			on := ""
			if m := regexp.MustCompile(`(?s)aria-current="true"[^>]*>([^<]*)<`).FindAllStringSubmatch(ranges, -1); len(m) == 1 {
				on = strings.TrimSpace(m[0][1])
			}
			if on != want {
				t.Errorf("%q: %q is marked, want %q", query, on, want)
			}
		}
	})
	t.Run("the payload follows what the event means", func(t *testing.T) {
		page, at := viewer.get("/events/"+joined).text(), 0
		for _, part := range []string{"joined the meeting of INC-1.", "Payload", "Headers", "Verification", "Same meeting"} {
			i := strings.Index(page[at:], part)
			if i < 0 {
				t.Fatalf("%q is missing or comes too early", part)
			}
			at += i
		}
	})
	t.Run("filters survive reprocessing", func(t *testing.T) {
		admin := o.logIn(o.person("alma", incident.Admin).Email)
		page := admin.get("/events/" + joined + "?event=meeting.participant_joined&q=ravi")
		action := "/events/" + joined + "/reprocess?event=meeting.participant_joined&q=ravi"
		page.want(t, http.StatusOK)
		if !strings.Contains(strings.ReplaceAll(page.body, "&amp;", "&"), `action="`+action+`"`) {
			t.Errorf("the form of the event does not keep the filters")
		}
		a := admin.post(action)
		if want := "/events/" + joined + "?event=meeting.participant_joined&q=ravi"; a.status != http.StatusSeeOther || a.header.Get("Location") != want {
			t.Errorf("status %d to %s, want %s", a.status, a.header.Get("Location"), want)
		}
	})
	t.Run("links to the events", func(t *testing.T) {
		viewer.get("/incidents/1").want(t, http.StatusOK)
		for path, want := range map[string]string{"/incidents/1": "/events?bridge=INC-1", "/bridges": "/events?meeting_id=" + meeting, "/events/" + joined: "/incidents/1"} {
			if !strings.Contains(strings.ReplaceAll(viewer.get(path).body, "&amp;", "&"), `href="`+want+`"`) {
				t.Errorf("%s does not link to %s", path, want)
			}
		}
	})
	t.Run("F-36 invalid times", func(t *testing.T) {
		for _, at := range []string{"2026-02-30T10:00", "noon", "2026-11-22T24:00", "0000-01-01T00:00", hostile} {
			r := viewer.get("/events?before=" + url.QueryEscape(at))
			r.want(t, http.StatusUnprocessableEntity, "Enter a time such as 2026-01-31T14:30.")
			if got := r.value("before"); got != at {
				t.Errorf("%q comes back as %q", at, got)
			}
		}
	})
	t.Run("invalid queries", func(t *testing.T) {
		for _, query := range []string{"?evil=1", "?cursor=x", "?cursor=-1", "?q=a&q=b", "?q=%ff"} {
			viewer.get("/events"+query).want(t, http.StatusBadRequest)
			viewer.get("/events/"+joined+query).want(t, http.StatusBadRequest)
		}
	})
	t.Run("one event", func(t *testing.T) {
		page := viewer.get("/events/" + joined + "?meeting_id=" + meeting)
		page.want(t, http.StatusOK, "<script>alert(1)</script>", "joined the meeting of INC-1.", "Valid signature, made with the newest secret token", "First delivery of this body",
			"participant_uuid", "Same meeting", "meeting ended", "meeting started", "X-Zm-Request-Timestamp")
		wantInert(t, page)
		if strings.Contains(strings.ToLower(page.body), "x-zm-signature") {
			t.Error("the signature is shown")
		}
		close := regexp.MustCompile(`href="([^"]+)" hx-boost="true" aria-label="Close"`).FindStringSubmatch(page.body)
		if close == nil || html.UnescapeString(close[1]) != "/events?meeting_id="+meeting {
			t.Errorf("closing leads to %q, want the list with its filter", close)
		}
		for _, neighbour := range []string{ended, started} {
			if !strings.Contains(page.body, `class="db-sibling" href="/events/`+neighbour) {
				t.Errorf("no way to the neighbour %s", neighbour)
			}
		}
		if strings.Contains(page.body, `class="db-sibling" href="/events/`+elsewhere) {
			t.Error("an event of another meeting is called a neighbour")
		}
		viewer.get("/events/"+unread).want(t, http.StatusOK, "It is stored unchanged, but Drawbridge can’t read it. Its body isn’t a JSON object.", "Drawbridge can’t show this body as a tree")
		viewer.get("/events/"+elsewhere+"?q=nothing").want(t, http.StatusOK, "No events match", "Ravi 50% joined the meeting.")
	})
	admin := o.as(incident.Admin)
	t.Run("T-ids an event that doesn’t exist", func(t *testing.T) {
		for _, id := range []string{"1", "0", "-1", "x", "99999999999999999999", "1e3", joined + "0", "%2e%2e"} {
			viewer.get("/events/"+id).want(t, http.StatusNotFound)
			admin.get("/events/"+id+"/raw").want(t, http.StatusNotFound)
		}
	})
	t.Run("the bytes as received", func(t *testing.T) {
		guardPage(t, o, "/events/"+joined+"/raw", viewer) // it contains passcodes and download tokens
		r := admin.get("/events/" + unread + "/raw")
		if r.body != `{"not":"a Zoom event"` || r.header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(r.header.Get("Content-Disposition"), "attachment") || r.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%q as %v", r.body, r.header)
		}
		if r := admin.get("/events/" + joined + "/raw"); !strings.Contains(r.body, `"user_name":"\"\u003e\u003cscript`) {
			t.Errorf("the body is not what came: %s", r.body)
		}
	})
	t.Run("rejected requests are counted by reason", func(t *testing.T) {
		for range 3 {
			r, err := http.NewRequest(http.MethodPost, o.url+"/webhook", strings.NewReader(`{}`))
			o.must(err)
			r.Header = o.sim.Sign([]byte(`other`), o.clock())
			response, err := http.DefaultTransport.RoundTrip(r)
			o.must(err)
			response.Body.Close()
			if response.StatusCode != http.StatusUnauthorized {
				t.Fatalf("status %d", response.StatusCode)
			}
		}
		o.work()
		page := viewer.get("/events")
		page.want(t, http.StatusOK, "3 requests rejected in the last hour", "with a wrong signature")
		if strings.Contains(page.body, `<a href="/account">Zoom account</a>`) || strings.Contains(page.text(), "secret") {
			t.Error("a viewer is sent to change the secret token")
		}
		if page := admin.get("/events"); !strings.Contains(page.text(), "Check that the secret token here is the Zoom app’s.") || !strings.Contains(page.body, `<a href="/account">Zoom account</a>`) {
			t.Error("an admin is not sent to change the secret token")
		}
		viewer.get("/").want(t, http.StatusOK, "3 webhook requests rejected in the last hour")
		o.wait(61 * time.Minute)
		if page := viewer.get("/events"); strings.Contains(page.text(), "rejected in the last hour") {
			t.Error("they are still called those of the last hour")
		}
	})
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "events", func() reply { return viewer.get("/events") })
	})
}

func TestReprocessEvent(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.open(o.outage())
	meeting := o.bridge(1).MeetingID
	o.deliver(o.event("meeting.started", meeting, "start_time", "2026-11-22T02:14:07Z"), o.clock().Add(-3*time.Hour))
	o.work()
	all, err := o.store.EventRows(context.Background(), db.EventFilter{}, "", 50)
	o.must(err)
	stale := all.Items[0]
	if !stale.Stale || o.bridge(1).State != incident.BridgeReady {
		t.Fatalf("stale %v, and the bridge is %s", stale.Stale, o.bridge(1).State)
	}
	page := fmt.Sprint("/events/", stale.ID)
	path := page + "/reprocess"
	testGuard(t, o, path, incident.Admin)
	responder := o.logIn("responder@example.com")
	if r := responder.get(page); !strings.Contains(r.text(), "Stored, without effect") || strings.Contains(r.text(), "Accept event") {
		t.Errorf("a responder sees %s", r.text())
	}
	b := o.as(incident.Admin)
	b.get(page).want(t, http.StatusOK, "Signed outside the time window", "Accept event")
	b.get("/events").want(t, http.StatusOK, "stale")
	b.post("/events/1/reprocess").want(t, http.StatusNotFound)
	b.post("/events/x/reprocess").want(t, http.StatusNotFound)

	b.post(path).leadsTo(b, page, "Drawbridge read the event again. The event counts now. It now belongs to the bridge of INC-1. The bridge is live; it was ready. The timeline of INC-1 has a new entry.",
		"The meeting of INC-1 started.", "A call on the bridge of INC-1 started.")
	if got := o.bridge(1); got.State != incident.BridgeLive {
		t.Errorf("the bridge is %s, want live", got.State)
	}
	if r := b.get(page); strings.Contains(r.text(), "Accept event") || !strings.Contains(r.text(), "Reprocess") {
		t.Errorf("an admin sees %s", r.text())
	}
	b.post(path).leadsTo(b, page, "Drawbridge read the event again. Nothing changed.")
	if r := responder.get(page); strings.Contains(r.body, "/reprocess") || strings.Contains(r.body, "curl") {
		t.Error("a responder is shown what an admin may do")
	}
	if got := o.trail(); got[len(got)-1] != "event.reprocess meeting.started" {
		t.Errorf("audit trail %q", got)
	}
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "audit_entries", func() reply { return b.post(path) })
	})
}

func TestManyEvents(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	viewer := o.as(incident.Viewer)
	o.manyEvents(10_000)

	viewer.get("/events").want(t, http.StatusOK, "902 in the last hour")
	for _, test := range []struct {
		name, path  string
		rows, pages int
	}{
		{"type", "/events?event=meeting.type_3", 2000, 40},
		{"meeting", "/events?meeting_id=80000000042", 100, 2},
		{"meeting and type", "/events?meeting_id=80000000042&event=meeting.type_2", 100, 2},
		{"meeting and another type", "/events?meeting_id=80000000042&event=meeting.type_1", 0, 1},
		{"rare text", "/events?q=needle", 3, 1},
		{"the last hour", "/events?after=2026-11-22T01:14", 902, 19},
	} {
		t.Run(test.name, func(t *testing.T) {
			rows, pages := allPages(t, viewer, test.path, rowOfEvent)
			if len(rows) != test.rows || pages != test.pages || !slices.IsSortedFunc(rows, func(a, b string) int { return strings.Compare(b, a) }) {
				t.Errorf("%d rows on %d pages, want %d on %d, newest first", len(rows), pages, test.rows, test.pages)
			}
			if slices.Sort(rows); len(slices.Compact(rows)) != test.rows {
				t.Error("a row is there twice")
			}
		})
	}
}

func TestOverview(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	guardPage(t, o, "/", nil)
	admin, viewer := o.as(incident.Admin), o.as(incident.Viewer)

	t.Run("nothing connected", func(t *testing.T) {
		admin.get("/").want(t, http.StatusOK, "Three steps to the first bridge", "Connect Zoom", "Write a runbook", "Try it")
		page := viewer.get("/")
		page.want(t, http.StatusOK, "Three steps to the first bridge")
		if strings.Contains(page.text(), "webhook secret token") {
			t.Error("the webhook needs attention before anybody told Zoom to send events")
		}
		if strings.Contains(page.body, `href="/runbooks/new"`) || strings.Contains(page.text(), "Open incident") {
			t.Error("a viewer is led where a viewer may not go")
		}
	})
	o.connect()
	o.sim.AddUser(zoomsim.User{Email: "ana@example.com", DisplayName: "Ana", JoinBeforeHost: true, CloudRecording: true})
	r := o.outage()
	t.Run("two of three steps", func(t *testing.T) {
		page := admin.get("/")
		page.want(t, http.StatusOK, "Three steps to the first bridge")
		if got := strings.Count(page.body, "db-step-done"); got != 2 || !strings.Contains(page.body, `href="/incidents/new"`) {
			t.Errorf("%d steps are done, want 2, and the third leads to the form", got)
		}
	})
	o.open(r, func(q *incident.OpenRequest) { q.OpenerEmail, q.Name = "ana@example.com", hostile })
	t.Run("never checked", func(t *testing.T) {
		admin.get("/").want(t, http.StatusOK, "Nobody has checked yet whether new incidents will get a bridge.")
	})
	check := func() {
		t.Helper()
		_, err := o.service.CheckConnection(context.Background(), theConsole, "pmi@example.com")
		o.must(err)
	}
	check()
	t.Run("ready", func(t *testing.T) {
		page := admin.get("/")
		page.want(t, http.StatusOK, "Ready. New incidents will get a bridge.", "as of", "Open incident", "ready",
			"Zoom hasn’t validated", "use_pmi_for_scheduled_meetings", "INC-1", "<script>alert(1)</script>")
		wantInert(t, page)
		if strings.Contains(viewer.get("/").body, "data-db-new") {
			t.Error("a viewer is offered to open an incident")
		}
	})
	t.Run("live", func(t *testing.T) {
		meeting := o.bridge(1).MeetingID
		o.happened("meeting.started", meeting, "start_time", "2026-11-22T02:14:07Z")
		o.wait(14 * time.Minute)
		o.happened("meeting.participant_joined", meeting, "participant", o.participant("Ravi"))
		page := viewer.get("/")
		page.want(t, http.StatusOK, "1 inside", "14 min", "live", "Join", "Ravi", "participant joined")
		if !strings.Contains(page.body, `href="/j/INC-1"`) {
			t.Error("no way to join")
		}
		viewer.get("/incidents/1").want(t, http.StatusOK, "1 inside", "Inside now", "Ravi")
	})
	t.Run("guests without a name", func(t *testing.T) {
		meeting := o.bridge(1).MeetingID
		for n, name := range []string{"", " ", "\t", "\u00a0"} {
			guest := o.participant(name)
			guest["participant_uuid"] = fmt.Sprint("nameless ", n)
			o.happened("meeting.participant_joined", meeting, "participant", guest)
			viewer.get("/incidents/1").want(t, http.StatusOK, "2 inside", "Someone joined.")
			viewer.get("/j/INC-1").want(t, http.StatusOK, "2 people inside")
			o.happened("meeting.participant_left", meeting, "participant", guest)
		}
	})
	t.Run("a crowd comes and goes", func(t *testing.T) {
		meeting := o.bridge(1).MeetingID
		for n := range 12 {
			guest := o.participant(fmt.Sprint("Guest ", n))
			guest["participant_uuid"] = fmt.Sprint("guest ", n)
			o.wait(time.Second)
			o.happened("meeting.participant_joined", meeting, "participant", guest)
		}
		waiting := o.participant("Wanda")
		waiting["participant_uuid"] = "wanda"
		o.happened("meeting.participant_joined_waiting_room", meeting, "participant", waiting)
		page := viewer.get("/incidents/1")
		page.want(t, http.StatusOK, "1 person waits outside, until a host lets them in", "Waiting to get in 1", "Wanda", "13 inside", "3 more", "people joined, 4 left.")
		const waits = "1 person waits outside, until a host lets them in"
		viewer.get("/").want(t, http.StatusOK, "INC-1: "+waits+".")
		viewer.get("/bridges?view=attention").want(t, http.StatusOK, "INC-1", waits)
		viewer.get("/incidents").want(t, http.StatusOK, waits)
		viewer.get("/j/INC-1").want(t, http.StatusOK, waits)
		if strings.Count(page.body, "<details id=\"folded-") != 1 {
			t.Error("the joins are not folded into one line")
		}
		for n := range 12 {
			guest := o.participant("")
			guest["participant_uuid"] = fmt.Sprint("guest ", n)
			o.happened("meeting.participant_left", meeting, "participant", guest)
		}
		o.happened("meeting.participant_left_waiting_room", meeting, "participant", waiting)
	})
	t.Run("a failed bridge while Zoom rejects calls", func(t *testing.T) {
		o.faults(zoomsim.Faults{TokenRefused: true})
		o.wait(2 * time.Hour)
		o.open(r)
		viewer.get("/").want(t, http.StatusOK, "INC-2 has no bridge. Drawbridge can’t use Zoom right now.")
		admin.get("/").want(t, http.StatusOK, "INC-2 has no bridge. Zoom doesn’t know the client ID")
		check()
		viewer.get("/").want(t, http.StatusOK, "Not ready. New incidents won’t get a bridge.", "Zoom: Drawbridge can’t use Zoom right now.")
		admin.get("/").want(t, http.StatusOK, "Not ready. New incidents won’t get a bridge.", "client secret is wrong", "Fix")
		responder := o.as(incident.Responder)
		for _, path := range []string{"/", "/incidents/2", "/bridges", "/account"} {
			for _, b := range []*tab{viewer, responder} {
				if page := b.get(path); strings.Contains(page.text(), "client secret is wrong") || strings.HasPrefix(path, "/incidents") && strings.Contains(page.text(), "Marketplace") || strings.Contains(page.body, ">Fix</a>") {
					t.Errorf("%s tells people about credentials who can’t change them: %s", path, page.text())
				}
			}
		}
		if page := admin.get("/incidents/2"); !strings.Contains(page.text(), "Marketplace") || !strings.Contains(page.body, `<a href="/account">Zoom account</a>`) {
			t.Error("the incident does not lead an admin to the Zoom account")
		}
		o.must(o.service.ResolveIncident(context.Background(), theConsole, 2))
		if page := viewer.get("/"); strings.Contains(page.text(), "INC-2 has no bridge") {
			t.Error("an incident that is resolved still needs someone")
		}
	})
	t.Run("only the second bridge failed", func(t *testing.T) {
		o := newOffice(t)
		o.connect()
		meeting := incident.NewMeetingTemplate()
		review := incident.NewMeetingTemplate()
		review.Topic = "Review of {{ incident.key }}"
		r, _, err := o.service.SaveRunbook(t.Context(), theConsole, incident.Runbook{Name: "Two", Steps: []incident.Step{
			{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: meeting},
			{Kind: incident.StepCreateMeeting, Meeting: review},
		}})
		o.must(err)
		i := o.open(r)
		o.faults(zoomsim.Faults{TokenRefused: true})
		o.wait(2 * time.Hour)
		runs, err := o.store.StepRuns(t.Context(), i.Number)
		o.must(err)
		o.must(o.service.RunStep(t.Context(), theConsole, runs[1].ID))
		page := o.as(incident.Viewer).get("/")
		page.want(t, http.StatusOK, "INC-1, Bridge 2 (Review of INC-1) failed. Drawbridge can’t use Zoom right now.")
		if strings.Contains(page.text(), "has no bridge") {
			t.Error("an incident with a bridge has none")
		}
	})
	t.Run("unknown whether there is a bridge", func(t *testing.T) {
		o.faults(zoomsim.Faults{ResetAfterCommit: true, Only: create})
		o.wait(time.Second) // since the check
		o.open(r)
		page := viewer.get("/")
		page.want(t, http.StatusOK, "INC-3: we don’t know yet whether Zoom created the meeting.", "We don’t know yet whether Zoom created the last bridge’s meeting.")
		if strings.Contains(page.text(), "The last bridge failed.") || strings.Contains(page.body, "db-ready-bad") {
			t.Error("a bridge that may exist is called failed")
		}
		viewer.get("/incidents/3").want(t, http.StatusOK, "The meeting may have been created anyway.")
		viewer.get("/bridges?view=attention").want(t, http.StatusOK, "INC-3")
	})
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "events", func() reply { return viewer.get("/") })
		testBroken(t, o, "accounts", func() reply { return viewer.get("/") })
	})
}

// The log of bridges shows a personal meeting ID as the incident does: as a blocking
// problem.
func TestBridgesPageLevel(t *testing.T) {
	t.Parallel()
	for level, fault := range map[incident.Level]zoomsim.Faults{incident.LevelBad: {PMI: true}, incident.LevelWarning: {OverwriteSettings: true}} {
		t.Run(string(level), func(t *testing.T) {
			o := newOffice(t)
			o.connect()
			o.faults(fault)
			o.open(o.outage())
			if got := incident.WorstLevel(o.bridge(1).Findings); got != level {
				t.Fatalf("the finding is %q", got)
			}
			if red := strings.Contains(o.as(incident.Viewer).get("/bridges").body, "db-warned-bad"); red != (level == incident.LevelBad) {
				t.Errorf("red is %v", red)
			}
		})
	}
}
