package handlers_test

import (
	"context"
	"encoding/json"
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

// manyEvents is an office with n events of five types, one every four seconds until now.
func (o *office) manyEvents(n int) {
	o.t.Helper()
	now := o.clock().UnixMilli()
	o.sql(`
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO events (id, received_at, signed_at, slot, stale, origin, encoding, content,
			state, read_error, event, event_at, account_id, meeting_id, meeting_uuid, topic, who, bridge_id)
		SELECT (? - (? - i) * 4000) * 4096, ? - (? - i) * 4000, ? - (? - i) * 4000, 0, FALSE, 'webhook', 0, CAST(i AS BLOB),
			'read', '', 'meeting.type_' || (i % 5), ? - (? - i) * 4000, '', CAST(80000000000 + i % 100 AS TEXT), '', CASE WHEN i % 4000 = 7 THEN 'needle' ELSE 'hay' END, '', '' FROM n`,
		n, now, n, now, n, now, n, now, n)
	o.sql(`INSERT INTO event_words (rowid, words) SELECT id, topic FROM events`)
	o.sql(`
		INSERT INTO event_counts (width, start, event, count)
		SELECT w.width, id / 4096 / w.width * w.width, event, COUNT(*) FROM events, (SELECT 60000 AS width UNION SELECT 3600000) w GROUP BY 1, 2, 3`)
}

func (o *office) eventIDs(f db.EventFilter) (ids []string) {
	o.t.Helper()
	page, err := o.store.EventRows(context.Background(), f, "", 200)
	o.must(err)
	for _, e := range page.Items {
		ids = append(ids, fmt.Sprint(e.ID))
	}
	return ids
}

func TestEventFilters(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.happened("meeting.started", "111")
	o.wait(25 * time.Hour)
	o.happened("meeting.ended", "111")
	o.wait(time.Minute)
	o.happened("recording.completed", "111")
	o.wait(time.Minute)
	o.happened("user.updated", "222")
	o.deliver(o.event("meeting.deleted", "333"), o.clock().Add(-3*time.Hour))
	o.deliver(`{"event":"meeting.ended"`, o.clock())
	o.work()
	viewer := o.as(incident.Viewer)
	ids := o.eventIDs(db.EventFilter{})
	if len(ids) != 6 {
		t.Fatalf("%d events", len(ids))
	}
	unread, stale, user, recording, ended, started := ids[0], ids[1], ids[2], ids[3], ids[4], ids[5]

	for _, test := range []struct {
		name, query string
		want        []string
	}{
		{"several types", "?event=recording.completed,+user.updated", []string{user, recording}},
		{"a family", "?event=meeting.*", []string{stale, ended, started}},
		{"a family and a type", "?event=meeting.*,user.updated", []string{stale, user, ended, started}},
		{"stale", "?stale=1", []string{stale}},
		{"unread", "?unread=1", []string{unread}},
		{"stale and unread", "?stale=1&unread=1", nil},
		{"recovered", "?recovered=1", nil},
		{"twins", "?twin=1", nil},
		{"an hour", "?range=1h", []string{unread, stale, user, recording, ended}},
		{"a week of a type", "?range=7d&event=meeting.started", []string{started}},
		{"all", "?range=all", ids},
		{"two times override a range", "?range=1h&before=2026-11-22T12:00", []string{started}},
	} {
		t.Run(test.name, func(t *testing.T) { wantRows(t, viewer, "/events"+test.query, rowOfEvent, test.want...) })
	}
	t.Run("shows the active filters with links that remove them", func(t *testing.T) {
		page := viewer.get("/events?event=meeting.*&stale=1&range=7d&cursor=" + ids[0])
		page.want(t, http.StatusOK, "Copy link", "Newest")
		for _, link := range []string{`db-chip-drop" href="/events?range=7d&amp;stale=1"`, `db-chip-drop" href="/events?event=meeting.%2A&amp;range=7d"`, `href="/events">Clear`,
			`data-db-copy="https://bridge.example.com/events?cursor=`} {
			if !strings.Contains(page.body, link) {
				t.Errorf("the page has no %s", link)
			}
		}
	})
	t.Run("a type that has never arrived", func(t *testing.T) {
		viewer.get("/events?event=meeting.startet").want(t, http.StatusOK, "No event of the type meeting.startet has ever arrived.")
	})
	t.Run("each day has a line, and a late event its date", func(t *testing.T) {
		viewer.get("/events").want(t, http.StatusOK, "Sunday 22 November 2026")
	})
	t.Run("invalid queries", func(t *testing.T) {
		for _, query := range []string{"?range=2h", "?newer=x", "?newer=-1", "?seen=x", "?event=" + strings.Repeat("a,", 21)} {
			viewer.get("/events"+query).want(t, http.StatusBadRequest)
		}
	})
	t.Run("an invalid time", func(t *testing.T) {
		for _, at := range []string{"now", "2026-02-30T10:00", "-5", "99999999999999999999", hostile} {
			viewer.get("/events?around="+url.QueryEscape(at)).want(t, http.StatusUnprocessableEntity, "Enter a time such as 2026-01-31T14:30.")
		}
	})
	t.Run("the API accepts them too", func(t *testing.T) {
		_, err := o.store.EventTypes(context.Background())
		o.must(err)
		plain, _, err := o.service.CreateToken(context.Background(), theConsole, "script", []string{"read"}, 0)
		o.must(err)
		for query, want := range map[string][]string{"event=recording.completed,user.updated": {user, recording}, "stale=1": {stale}, "unread=true": {unread}, "twin=1": nil, "recovered=1": nil} {
			r, err := http.NewRequest(http.MethodGet, o.url+"/api/v1/events?"+query, nil)
			o.must(err)
			r.Header.Set("Authorization", "Bearer "+plain)
			response, err := http.DefaultTransport.RoundTrip(r)
			o.must(err)
			var list struct{ Items []struct{ ID string } }
			o.must(json.NewDecoder(response.Body).Decode(&list))
			response.Body.Close()
			var got []string
			for _, e := range list.Items {
				got = append(got, e.ID)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s gives %q, want %q", query, got, want)
			}
		}
	})
}

// Paging by cursor through a long log, forwards, backwards, and from the middle.
func TestEventPages(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	viewer := o.as(incident.Viewer)
	o.manyEvents(1000)

	t.Run("back to the newest page by page", func(t *testing.T) {
		var down, up []string
		path := "/events?event=meeting.type_2,meeting.type_3"
		var last string
		for path != "" {
			r := viewer.get(path)
			r.want(t, http.StatusOK)
			down = append(down, r.rows(rowOfEvent)...)
			last, path = path, ""
			if next := olderPage.FindStringSubmatch(r.body); next != nil {
				path = html.UnescapeString(next[1])
			}
		}
		for path = last; path != ""; {
			r := viewer.get(path)
			for r.status == http.StatusSeeOther {
				r = viewer.get(r.header.Get("Location"))
			}
			r.want(t, http.StatusOK)
			up = append(r.rows(rowOfEvent), up...)
			path = ""
			if next := newerPage.FindStringSubmatch(r.body); next != nil {
				path = html.UnescapeString(next[1])
			}
		}
		if len(down) != 400 || !slices.Equal(slices.Compact(up), down) {
			t.Errorf("%d down, %d up", len(down), len(up))
		}
	})
	t.Run("around an event", func(t *testing.T) {
		page, err := o.store.EventRows(context.Background(), db.EventFilter{}, "", 200)
		o.must(err)
		here := page.Items[150]
		for name, at := range map[string]string{
			"id": fmt.Sprint(here.ID), "milliseconds": fmt.Sprint(here.ReceivedAt.UnixMilli()), "time": here.ReceivedAt.UTC().Format("2006-01-02T15:04:05"),
		} {
			r := viewer.get("/events?around=" + url.QueryEscape(at))
			r.want(t, http.StatusOK, "newer above, older below", "Newest")
			rows := r.rows(rowOfEvent)
			if want := o.eventIDs(db.EventFilter{})[125:175]; !slices.Equal(rows, want) {
				t.Errorf("%s: %d rows from %s to %s, want from %s", name, len(rows), rows[0], rows[len(rows)-1], want[0])
			}
			if !regexp.MustCompile(`(?s)id="here".*?id="e-` + fmt.Sprint(here.ID) + `"`).MatchString(r.body) {
				t.Errorf("%s: the moment is not marked above its event", name)
			}
			for _, way := range []*regexp.Regexp{olderPage, newerPage} {
				link := way.FindStringSubmatch(r.body)
				if link == nil {
					t.Fatalf("%s: no way on", name)
				}
				if next := viewer.get(html.UnescapeString(link[1])).rows(rowOfEvent); len(next) != 50 || slices.Contains(rows, next[0]) || slices.Contains(rows, next[49]) {
					t.Errorf("%s: the next page has %d rows, or some of this", name, len(next))
				}
			}
		}
	})
	t.Run("around a time before or after all events", func(t *testing.T) {
		viewer.get("/events?around=1000").want(t, http.StatusOK, "newer above, older below")
		viewer.get("/events?around=2030-01-01T00:00").want(t, http.StatusOK, "newer above, older below")
	})
	t.Run("a page of newer events that is the first page redirects to it", func(t *testing.T) {
		if r := viewer.get("/events?event=meeting.*&newer=" + o.eventIDs(db.EventFilter{})[10]); r.status != http.StatusSeeOther || r.header.Get("Location") != "/events?event=meeting.%2A" {
			t.Errorf("status %d, to %q", r.status, r.header.Get("Location"))
		}
	})
	t.Run("counts", func(t *testing.T) {
		for query, says := range map[string]string{
			"": "about 1,000 in the log", "?event=meeting.type_1": "200 match (approximate)", "?event=meeting.type_1&meeting_id=80000000001": "10 match", "?q=needle": "1 matches", "?q=nothing": "0 match", "?range=7d&event=meeting.type_1": "200 in this time",
		} {
			if text := strings.Join(strings.Fields(viewer.get("/events"+query).text()), " "); !strings.Contains(text, says) {
				t.Errorf("%s does not say %q", query, says)
			}
		}
	})
	t.Run("the chart zooms in, and a link zooms out", func(t *testing.T) {
		page := viewer.get("/events?event=meeting.type_1&cursor=" + o.eventIDs(db.EventFilter{})[0])
		bar := regexp.MustCompile(`<a href="([^"]+)" title="02:00–03:00: 42 events"`).FindStringSubmatch(page.body)
		if bar == nil {
			t.Fatalf("no bar of an hour: %s", regexp.MustCompile(`title="[^"]+ events"`).FindAllString(page.body, -1))
		}
		narrow := html.UnescapeString(bar[1])
		if narrow != "/events?event=meeting.type_1&after=2026-11-22T02%3A00&before=2026-11-22T03%3A00" {
			t.Errorf("the bar leads to %s", narrow)
		}
		page = viewer.get(narrow)
		page.want(t, http.StatusOK, "22 Nov 2026 02:00–03:00", "42 in this time", "Events per minute")
		if !strings.Contains(page.body, `href="/events?after=2026-11-22T01%3A00&amp;before=2026-11-22T02%3A15&amp;event=meeting.type_1"`) {
			t.Error("there is no way to three times the time, up to now")
		}
	})
}

// A search without an index reads a limited number of events. The page says how far it
// went, and continues from there.
func TestEventSearchGoesOn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	viewer := o.as(incident.Viewer)
	o.manyEvents(25_000)
	o.sql(`UPDATE events SET meeting_id = '80000000001'`)
	o.sql(`UPDATE events SET event = 'user.rare' WHERE id IN (SELECT id FROM events ORDER BY id LIMIT 3)`)

	get := func(path string) (r reply) { // a machine with too much to do may answer 503 first
		for range 20 {
			if r = viewer.get(html.UnescapeString(path)); r.status != http.StatusServiceUnavailable {
				break
			}
		}
		return r
	}
	first := get("/events?meeting_id=80000000001&event=user.rare")
	first.want(t, http.StatusOK, "No match so far", "Searched back to", "Continue search", "found so far")
	next := olderPage.FindStringSubmatch(first.body)
	if next == nil {
		t.Fatal("no way on")
	}
	r := get(next[1])
	r.want(t, http.StatusOK, "Newest")
	if rows := r.rows(rowOfEvent); len(rows) != 3 || strings.Contains(r.text(), "Continue search") {
		t.Errorf("%d rows, want the 3 there are", len(rows))
	}
	back := newerPage.FindStringSubmatch(r.body)
	if back == nil {
		t.Fatal("no way back")
	}
	get(back[1]).want(t, http.StatusOK, "Searched forward to", "Newer")
}

func TestEventTail(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	viewer := o.as(incident.Viewer)
	guardPage(t, o, "/events/tail", nil)
	o.manyEvents(500)
	ids := o.eventIDs(db.EventFilter{})

	for _, test := range []struct{ query, want string }{
		{"seen=" + ids[0], ""},
		{"seen=" + ids[100], "100 new since you paused"},
		{"seen=" + ids[100] + "&event=meeting.type_1", "20 new since you paused"},
		{"seen=" + ids[100] + "&q=nothing", ""},
	} {
		if r := viewer.get("/events/tail?" + test.query); r.status != http.StatusOK || r.body != test.want || !strings.HasPrefix(r.header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d %q, want %q", test.query, r.status, r.body, test.want)
		}
	}
	t.Run("a refreshed page says how many events it skips", func(t *testing.T) {
		viewer.get("/events?seen="+ids[100]).want(t, http.StatusOK, "Showing the newest 50; 50 more arrived in between")
		for _, query := range []string{"?seen=" + ids[49], "?seen=" + ids[100] + "&cursor=" + ids[0], ""} {
			if r := viewer.get("/events" + query); strings.Contains(r.text(), "arrived in between") {
				t.Errorf("%q says that something was left out", query)
			}
		}
		if r := viewer.get("/events?seen=" + ids[100]); strings.Contains(r.body, "seen=") {
			t.Error("a link goes on with what was seen")
		}
	})
	t.Run("how fast events arrive", func(t *testing.T) {
		o.sql(`
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
			INSERT INTO events (id, received_at, signed_at, slot, stale, origin, encoding, content, state, read_error, event, event_at, account_id, meeting_id, meeting_uuid, topic, who, bridge_id)
			SELECT (? + 1000) * 4096 + i, ? + 1000, 0, 0, FALSE, 'webhook', 0, CAST('x' AS BLOB), 'read', '', 'user.updated', 0, '', '', '', '', '', '' FROM n`, o.clock().UnixMilli(), o.clock().UnixMilli())
		o.wait(2 * time.Second)
		viewer.get("/events").want(t, http.StatusOK, "100/s now")
		viewer.get("/events?event=user.updated").want(t, http.StatusOK, "100/s now")
		if r := viewer.get("/events?event=meeting.type_1"); strings.Contains(r.body, "/s now") {
			t.Error("the rate is not that of the filter")
		}
	})
	t.Run("invalid queries", func(t *testing.T) {
		for _, query := range []string{"seen=x", "cursor=1", "evil=1"} {
			viewer.get("/events/tail?"+query).want(t, http.StatusBadRequest)
		}
	})
}

func TestSavedFilters(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.happened("meeting.started", "111")
	const list = "/events/filters"
	testGuard(t, o, list, incident.Responder, "name", "Late ones", "query", "stale=1")
	ana := o.as(incident.Responder)
	o.person("ravi", incident.Responder)
	ravi, admin := o.logIn("ravi@example.com"), o.as(incident.Admin)

	t.Run("refused", func(t *testing.T) {
		for name, why := range map[string]string{"": "Enter a name for the filter.", strings.Repeat("x", 61): "Use at most 60 characters"} {
			r := ana.post(list, "name", name, "query", "stale=1")
			r.want(t, http.StatusUnprocessableEntity, why)
			if got := r.value("name"); got != name {
				t.Errorf("%q comes back as %q", name, got)
			}
			if !strings.Contains(r.body, `data-db-path="/events?stale=1"`) {
				t.Error("the page would ask again at the address of the form")
			}
		}
		ana.post(list, "name", "all", "query", "").want(t, http.StatusUnprocessableEntity, "The filter wasn’t saved.")
		ana.post(list, "name", "all", "query", "evil=1&cursor=5").want(t, http.StatusUnprocessableEntity)
		ana.post(list, "name", "all", "query", "%zz").want(t, http.StatusBadRequest)
	})
	t.Run("done", func(t *testing.T) {
		// Fields that aren't filters are dropped, and the rest is normalized.
		ana.post(list, "name", "Late <b>ones", "query", "stale=1&event=meeting.*&cursor=5&q=&range=7d&before=2026-11-22T12:00").leadsTo(ana, "/events?before=2026-11-22T12%3A00&event=meeting.%2A&stale=1",
			"The filter was saved.", "Late <b>ones", "Delete filter")
		ana.post(list, "name", "Late <b>ones", "query", "unread=1").want(t, http.StatusUnprocessableEntity, "A saved filter with this name already exists.")
		page := ravi.get("/events?stale=1&event=meeting.%2A&before=2026-11-22T12:00")
		page.want(t, http.StatusOK, "Late <b>ones")
		if strings.Contains(page.text(), "Delete filter") || strings.Contains(page.text(), "Save filter") {
			t.Error("someone else may delete it, or save it again")
		}
		wantInert(t, page)
	})
	saved, err := o.store.SavedFilters(context.Background())
	o.must(err)
	path := list + "/" + saved[0].ID + "/delete"
	t.Run("only its maker and admins delete it", func(t *testing.T) {
		o.logIn("viewer@example.com").post(path).want(t, http.StatusForbidden, "Your role is viewer, and only a responder or an admin can do this.")
		ravi.post(path).want(t, http.StatusForbidden, "Someone else saved this filter.")
		ana.post(path).leadsTo(ana, "/events", "The saved filter was deleted.")
		ana.post(path).want(t, http.StatusNotFound)
		ana.post(list, "name", "Late ones", "query", "stale=1")
		saved, err := o.store.SavedFilters(context.Background())
		o.must(err)
		admin.post(list+"/"+saved[0].ID+"/delete").leadsTo(admin, "/events", "The saved filter was deleted.")
	})
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "saved_filters", func() reply { return ana.post(list, "name", "x", "query", "stale=1") })
	})
}

// Sums over a large log may be a few seconds old; those over a
// small one may not.
func TestEventSummariesAreRemembered(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.manyEvents(300)
	viewer := o.as(incident.Viewer)
	hour := o.clock().Add(-10 * time.Hour).Truncate(time.Hour).UnixMilli()
	logged := func(n int, later time.Duration) {
		o.sql(`INSERT INTO event_counts (width, start, event, count) VALUES (3600000, ?, 'meeting.type_1', ?)
			ON CONFLICT (width, start, event) DO UPDATE SET count = excluded.count`, hour, n)
		o.wait(later)
	}
	want := func(path string, texts ...string) {
		t.Helper()
		page := viewer.get(path)
		for _, text := range texts {
			if !strings.Contains(page.body, text) {
				t.Errorf("%s does not say %q", path, text)
			}
		}
	}
	for _, step := range []struct {
		events        int
		later         time.Duration
		total, inHour string
	}{
		{90_000, 0, "about 90,300 in", ": 90,000 events"},
		{150_000, time.Second, "about 150,000 in", ": 150,000 events"},
		{250_000, time.Second, "about 150,000 in", ": 150,000 events"},
		{250_000, 5 * time.Second, "about 250,000 in", ": 250,000 events"},
		{350_000, 4 * time.Second, "about 250,000 in", ": 250,000 events"},
		{20_000, 2 * time.Second, "about 20,300 in", ": 20,000 events"},
		{30_000, time.Second, "about 30,300 in", ": 30,000 events"},
	} {
		logged(step.events, step.later)
		want("/events", step.total, step.inHour)
	}

	// A chart with a filter is current.
	logged(400_000, time.Second)
	want("/events", ": 400,000 events")
	logged(500_000, time.Second)
	want("/events?event=meeting.type_1", ": 500,000 events")
}
