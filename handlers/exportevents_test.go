package handlers_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/handlers"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// lines parses an NDJSON export.
func lines(t *testing.T, text string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		all = append(all, e)
	}
	return all
}

// rowsOf parses a CSV export and drops its header.
func rowsOf(t *testing.T, text string) (rows []map[string]string) {
	t.Helper()
	text, hadBOM := strings.CutPrefix(text, "\ufeff")
	if !hadBOM {
		t.Error("a spreadsheet would not take it for UTF-8")
	}
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, cells := range all[1:] {
		row := map[string]string{}
		for i, name := range all[0] {
			row[name] = cells[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func TestExportEvents(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.open(o.outage())
	meeting := o.bridge(1).MeetingID
	viewer, admin := o.as(incident.Viewer), o.as(incident.Admin)
	guardPage(t, o, "/events/export", nil)
	o.happened("meeting.started", meeting, "start_time", "2026-11-22T02:14:07Z")
	o.wait(time.Minute)
	o.happened("meeting.participant_joined", meeting, "participant", o.participant("Søren\u202e, \"the\" = one"))
	o.wait(time.Minute)
	o.happened("meeting.ended", "12345678901", "topic", "other\nmeeting")
	o.deliver("not \xff an event", o.clock())
	o.work()
	ids := o.events()

	t.Run("the page", func(t *testing.T) {
		page := viewer.get("/events/export?meeting_id=" + meeting + "&range=7d")
		page.want(t, http.StatusOK, "meeting "+meeting[:3], "last 7 d", "2 events", "Download")
		if strings.Contains(page.body, `name="body"`) || !strings.Contains(admin.get("/events/export").body, `name="body"`) {
			t.Error("bodies are offered to others than admins, or not to admins")
		}
		viewer.get("/events/export").want(t, http.StatusOK, "The whole log", "4 events")
		viewer.get("/events").want(t, http.StatusOK, "Export")
		wantInert(t, viewer.get("/events/export?event=x&q="+"%22%3E%3Cscript%3E"))
	})
	t.Run("contents", func(t *testing.T) {
		for _, tt := range []struct {
			query string
			want  []int64
		}{
			{"", ids},
			{"&meeting_id=" + meeting, ids[2:]},
			{"&event=meeting.ended,meeting.started", []int64{ids[1], ids[3]}},
			{"&bridge=INC-1&event=participant.*", ids[2:3]},
			{"&unread=1", ids[:1]},
			{"&q=nothing", nil},
		} {
			var want, asLines, asRows []string
			for _, id := range tt.want {
				want = append(want, fmt.Sprint(id))
			}
			for _, e := range lines(t, viewer.get("/events/export?format=ndjson"+tt.query).body) {
				asLines = append(asLines, e["id"].(string))
			}
			for _, row := range rowsOf(t, viewer.get("/events/export?format=csv"+tt.query).body) {
				asRows = append(asRows, row["id"])
			}
			if !slices.Equal(asLines, want) || !slices.Equal(asRows, want) {
				t.Errorf("%q exports %q and %q, want %q", tt.query, asLines, asRows, want)
			}
		}
	})
	t.Run("contents of one event", func(t *testing.T) {
		r := viewer.get("/events/export?format=ndjson&event=participant.*")
		e := lines(t, r.body)[0]
		delete(e, "id")
		bridge := o.bridge(1).ID
		want := map[string]any{
			"event": "meeting.participant_joined", "event_ts": e["event_ts"], "received_at": e["received_at"], "account_id": e["account_id"],
			"meeting_id": meeting, "meeting_uuid": "uuid-" + meeting, "topic": "INC-1 Acme", "who": "Søren\u202e, \"the\" = one", "bridge_id": bridge, "incident": "INC-1",
			"origin": "webhook", "twin_of": "", "read": true, "stale": false,
		}
		if diff := cmp.Diff(want, e); diff != "" {
			t.Error(diff)
		}
		if _, err := time.Parse(time.RFC3339, e["received_at"].(string)); err != nil {
			t.Error(err)
		}
		if got := r.header.Get("Content-Disposition"); !strings.HasPrefix(got, `attachment; filename="events-2026`) || r.header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("it is %q, %q", got, r.header.Get("Content-Type"))
		}
		row := rowsOf(t, viewer.get("/events/export?format=csv&event=meeting.ended").body)[0]
		if row["topic"] != "other\nmeeting" || row["read"] != "true" || row["incident"] != "" {
			t.Errorf("the row %v", row)
		}
		if e := lines(t, viewer.get("/events/export?format=ndjson&unread=1").body)[0]; e["event_ts"] != nil || e["read"] != false {
			t.Errorf("the unread one %v", e)
		}
	})
	t.Run("K-02 bodies are for admins", func(t *testing.T) {
		viewer.get("/events/export?format=ndjson&body=1").want(t, http.StatusForbidden, "ask an admin")
		admin.get("/events/export?format=csv&body=1").want(t, http.StatusBadRequest, "ndjson only")
		all := lines(t, admin.get("/events/export?format=ndjson&body=1").body)
		if all[0]["body_base64"] != "bm90IP8gYW4gZXZlbnQ=" || !strings.Contains(all[1]["body"].(string), `"event":"meeting.ended"`) {
			t.Errorf("bodies %v", all[:2])
		}
	})
	t.Run("invalid queries", func(t *testing.T) {
		for _, query := range []string{"format=xml", "format=csv&evil=1", "format=csv&range=evil", "format=csv&after=noon", "format=csv&format=csv"} {
			viewer.get("/events/export?"+query).want(t, http.StatusBadRequest)
		}
		if r := viewer.send(http.MethodHead, "/events/export?format=csv", nil); r.status != http.StatusOK || r.body != "" {
			t.Errorf("HEAD is answered %d %q", r.status, r.body)
		}
	})
	t.Run("the API", func(t *testing.T) {
		plain, _, err := o.service.CreateToken(context.Background(), theConsole, "reader", []string{"read", "events:raw"}, 0)
		o.must(err)
		api := o.nobody()
		get := func(query string) reply {
			return api.send(http.MethodGet, "/api/v1/events/export?"+query, nil, "Authorization", "Bearer "+plain)
		}
		if got := lines(t, get("meeting_id="+meeting).body); len(got) != 2 {
			t.Errorf("%d events, want 2", len(got))
		}
		if r := get("format=csv&event=meeting.ended"); !strings.HasPrefix(r.body, "id,event,event_ts") || strings.Count(r.body, "\r\n") != 2 {
			t.Errorf("CSV for a program: %q", r.body)
		}
		if got := lines(t, get("body=1&event=meeting.ended").body); !strings.Contains(got[0]["body"].(string), "12345678901") {
			t.Errorf("%v", got)
		}
		get("format=xml").want(t, http.StatusBadRequest)
		blind, _, err := o.service.CreateToken(context.Background(), theConsole, "without bodies", []string{"read"}, 0)
		o.must(err)
		for query, want := range map[string]int{"": http.StatusOK, "body=1": http.StatusForbidden} {
			if r := api.send(http.MethodGet, "/api/v1/events/export?"+query, nil, "Authorization", "Bearer "+blind); r.status != want {
				t.Errorf("%q without the scope events:raw: status %d, want %d", query, r.status, want)
			}
		}
		if r := api.send(http.MethodGet, "/api/v1/events/export", nil); r.status != http.StatusUnauthorized {
			t.Errorf("without a token: %d", r.status)
		}
	})
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "events", func() reply { return viewer.get("/events/export?format=csv") })
	})
}

// F-11: a cell that looks like a formula is prefixed with an apostrophe, and
// nothing else changes.
func TestCells(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"plain", "SEV1 db down", "SEV1 db down"},
		{"empty", "", ""},
		{"comma", "a,b", `"a,b"`},
		{"semicolon, a separator in some locales", "a;b", `"a;b"`},
		{"quotes", `say "a"`, `"say ""a"""`},
		{"line feed", "a\nb", "\"a\nb\""},
		{"space at the ends", " a ", `" a "`},
		{"F-11 =", "=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"},
		{"F-11 +", "+1", "'+1"},
		{"F-11 -", "-1", "'-1"},
		{"F-11 @", "@SUM(A1)", "'@SUM(A1)"},
		{"F-11 tab", "\t=1", "\"'\t=1\""},
		{"F-11 CR", "\r=1", "\"'\r=1\""},
		{"F-11 behind space", "  =1", "'  =1"},
		{"F-11 wide", "＝1", "'＝1"},
		{"in the middle it is text", "a=1", "a=1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(handlers.AppendCell(nil, 0, tt.text)); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// F15: a CSV reader reads one cell for each cell written.
func FuzzExportFields(f *testing.F) {
	for _, s := range []string{"", "a", `"`, "\r\n", "=1,2", "\xff\x00", "\u2028", `\`, "a\"\r\n,b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line := handlers.AppendCell(handlers.AppendCell(handlers.AppendCell(nil, 0, "a"), 1, s), 2, "z")
		rows, err := csv.NewReader(strings.NewReader(string(line) + "\r\n")).ReadAll()
		if err != nil || len(rows) != 1 || len(rows[0]) != 3 || rows[0][0] != "a" || rows[0][2] != "z" {
			t.Fatalf("%q is read as %q: %v", line, rows, err)
		}
		// The reader turns CR LF into LF.
		if got, want := strings.TrimPrefix(rows[0][1], "'"), strings.TrimPrefix(strings.ReplaceAll(s, "\r\n", "\n"), "'"); got != want {
			t.Errorf("%q came out as %q", s, rows[0][1])
		}
		var text string
		if err := json.Unmarshal(handlers.AppendJSONText(nil, s), &text); err != nil || text != strings.ToValidUTF8(s, "\ufffd") && strings.ToValidUTF8(s, "") == s {
			t.Errorf("%q came out as %q: %v", s, text, err)
		}
	})
}

// longLog fills the log with n events, more than any buffer can hold.
func (o *office) longLog(n int) {
	o.t.Helper()
	now := o.clock().UnixMilli()
	o.sql(`
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO events (id, received_at, signed_at, slot, stale, origin, encoding, content,
			state, read_error, event, event_at, account_id, meeting_id, meeting_uuid, topic, who, bridge_id)
		SELECT (? - i) * 4096, ? - i, ? - i, 0, FALSE, 'webhook', 0, CAST('' AS BLOB),
			'read', '', 'meeting.started', ? - i, '', '', '', printf('%.300c', 'x'), '', '' FROM n`, n, now, now, now, now)
}

// download starts an export and reads its first line.
func (b *tab) download(ctx context.Context, path string) (*http.Response, *bufio.Reader) {
	b.o.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.o.url+path, nil)
	b.o.must(err)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	b.o.must(err)
	b.o.t.Cleanup(func() { response.Body.Close() })
	body := bufio.NewReader(response.Body)
	if _, err := body.ReadString('\n'); err != nil {
		b.o.t.Fatal(err)
	}
	return response, body
}

func TestExportBreaksOff(t *testing.T) {
	if testing.Short() {
		t.Skip("takes about five seconds: run without -short")
	}
	t.Parallel()
	o := newOffice(t)
	const all = 60_000
	o.longLog(all)
	viewer, other := o.as(incident.Viewer), o.as(incident.Responder)
	const key = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	path := "/events/export?format=ndjson&key=" + key
	says := func(b *tab, text string) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; {
			r := b.get("/events/exports/" + key + "?try=5")
			if strings.Contains(r.text(), text) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the page says %q, want %q", r.text(), text)
			}
		}
	}
	// brokenOff reads the rest, which must end with a line that says why and
	// with an aborted connection.
	brokenOff := func(body io.Reader, why string) {
		t.Helper()
		rest, err := io.ReadAll(body)
		last := rest[strings.LastIndex(strings.TrimSpace(string(rest)), "\n")+1:]
		if err == nil || !strings.Contains(string(last), why) || !strings.HasPrefix(string(last), `{"error":`) {
			t.Errorf("it ends with %q and %v", last, err)
		}
	}

	t.Run("whole", func(t *testing.T) {
		if n := strings.Count(viewer.get(path).body, "\n"); n != all {
			t.Errorf("%d lines, want %d", n, all)
		}
		says(viewer, "Done: 60,000 events.")
	})
	t.Run("cancelled from its page", func(t *testing.T) {
		_, body := viewer.download(t.Context(), path)
		says(viewer, ", back to ")
		if r := viewer.get("/events/exports/" + key); !strings.Contains(r.body, "/events/exports/"+key+"/cancel") {
			t.Errorf("there is no way to cancel it: %s", r.body)
		}
		viewer.get(path).want(t, http.StatusConflict, "This export is already running")
		other.post("/events/exports/"+key+"/cancel").want(t, http.StatusNotFound)
		if r := other.get("/events/exports/" + key + "?try=5"); strings.Contains(r.text(), "Exported") {
			t.Error("someone else is told of it")
		}
		viewer.post("/events/exports/"+key+"/cancel").leadsTo(viewer, "/events/export", "The export was cancelled.")
		brokenOff(body, "The export was cancelled.")
		says(viewer, "Cancelled after")
	})
	t.Run("the client disconnects", func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		viewer.download(ctx, path)
		leave()
		says(viewer, "Cancelled after")
	})
	t.Run("the session ends", func(t *testing.T) {
		guest := o.logIn("viewer@example.com")
		_, body := guest.download(t.Context(), path)
		guest.post("/logout")
		o.wait(time.Minute)
		brokenOff(body, "is no longer valid")
	})
	t.Run("no more than four at once", func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		for range 4 {
			viewer.download(ctx, "/events/export?format=csv")
		}
		other.get("/events/export?format=csv").want(t, http.StatusTooManyRequests, "Try again when one ends")
		leave()
		for deadline := time.Now().Add(time.Minute); other.get("/events/export?format=csv").status != http.StatusOK; {
			if time.Now().After(deadline) {
				t.Fatal("they go on without their readers")
			}
		}
	})
	t.Run("the server stops", func(t *testing.T) {
		_, body := viewer.download(t.Context(), "/events/export?format=ndjson")
		o.site.StopExports()
		brokenOff(body, "The server stopped.")
		other.get("/events/export?format=csv").want(t, http.StatusServiceUnavailable)
	})
}

func BenchmarkExport(b *testing.B) {
	for _, name := range []string{"csv", "ndjson"} {
		b.Run(name, func(b *testing.B) {
			e := incident.Event{ID: 7353604698112000, Event: "meeting.participant_joined", MeetingID: "87685621847", MeetingUUID: "4444AAAiAAAAAiAiAiiAii==", Topic: "SEV1 db down", Who: "Søren"}
			e.ReceivedAt, e.EventAt, e.Origin = time.Unix(1795313647, 0), time.Unix(1795313647, 0), "webhook"
			for b.Loop() {
				handlers.ExportLine(name, e)
			}
		})
	}
}
