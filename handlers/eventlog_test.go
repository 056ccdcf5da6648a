package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
)

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

	b.post(path).leadsTo(b, page, "Drawbridge read the event again. The event counts now. It now belongs to the bridge of INC-1. The bridge is running; it was ready. The timeline of INC-1 has a new entry.",
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

// The log never seems to hold fewer events than its last hour.
func TestBusyHour(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.manyEvents(1000)
	o.sql(`UPDATE event_counts SET count = 2 * count WHERE width = 60000`) // as if the total were older than the count of the hour
	o.as(incident.Viewer).get("/events").want(t, http.StatusOK, "1,804 in the last hour", "about 1,804 in the log")
}

func TestManyEvents(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	viewer := o.as(incident.Viewer)
	o.manyEvents(10_000)

	viewer.get("/events").want(t, http.StatusOK, "902 in the last hour", "about 10,000 in the log")
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
