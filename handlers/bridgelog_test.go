package handlers_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// bridgeLog is an office with five incidents. On 22 November Ana hosted. On 23 November
// the backup user hosted and nobody came. On 24 November one has a person inside, one
// couldn't get a bridge, and one is too new to say that nobody came.
func bridgeLog(t *testing.T) *office {
	o := newOffice(t)
	o.connect()
	o.sim.AddUser(zoomsim.User{Email: "ana@example.com", DisplayName: "Ana", JoinBeforeHost: true, CloudRecording: true, ConcurrentMeetings: 5})
	_, err := o.service.CheckConnection(t.Context(), theConsole, "ana@example.com") // finds that she may host several
	o.must(err)
	r := o.outage()
	byAna := func(q *incident.OpenRequest) { q.OpenerEmail = "ana@example.com" }
	o.open(r, byAna, func(q *incident.OpenRequest) { q.Name = `=HYPERLINK("https://evil.example.com")` })
	o.happened("meeting.started", o.bridge(1).MeetingID)
	o.happened("meeting.participant_joined", o.bridge(1).MeetingID, "participant", o.participant("Ana"))
	o.wait(24 * time.Hour)
	o.open(r)
	o.wait(24 * time.Hour)
	o.open(r, byAna)
	o.happened("meeting.started", o.bridge(3).MeetingID)
	o.happened("meeting.participant_joined", o.bridge(3).MeetingID, "participant", o.participant("Bo"))
	o.faults(zoomsim.Faults{TokenRefused: true})
	o.open(r, byAna)
	o.faults(zoomsim.Faults{})
	o.wait(time.Minute)
	o.open(r, byAna)
	for number, ms := range map[int]int{1: 1200, 2: 3000, 3: 700, 5: 2400} {
		o.sql(`UPDATE bridges SET ready_at = created_at + ? WHERE incident_number = ?`, ms, number)
	}
	return o
}

func TestBridgeTotals(t *testing.T) {
	t.Parallel()
	o := bridgeLog(t)
	viewer := o.as(incident.Viewer)
	for _, test := range []struct {
		name, query                    string
		wantBridges, wantMedian        string
		wantBackup, wantPer, wantChart string
	}{
		{"all", "", "5 bridges", "1.8 s median time", "1 of 5 needed the backup user", "Per day", "Bridges per day, at most 3"},
		{"backup user", "?view=backup", "1 bridge", "3.0 s median time", "1 of 1 needed the backup user", "Per hour", "Bridges per hour, at most 1 ("},
		{"host", "?host=ana%40example.com&range=30d", "4 bridges", "1.2 s median time", "0 of 4 needed the backup user", "Per day", "Median time from asking to link per day, at most 1.6 s"},
		{"without a link from Zoom, or nobody came", "?view=attention", "2 bridges", "3.0 s median time", "1 of 2 needed the backup user", "Per hour", "Bridges per hour, at most 1 ("},
		{"nobody came", "?view=nobody", "1 bridge", "3.0 s median time", "1 of 1 needed the backup user", "Per hour", "Bridges per hour, at most 1 ("},
		{"last 90 days", "?range=90d", "5 bridges", "1.8 s median time", "1 of 5 needed the backup user", "Per week", "Bridges per week, at most 4 ("},
		{"since long ago", "?after=1970-01-01", "5 bridges", "1.8 s median time", "1 of 5 needed the backup user", "Per year", "Bridges per year, at most 5 (2026)"},
		{"a day", "?after=2026-11-22&before=2026-11-22", "1 bridge", "1.2 s median time", "0 of 1 needed the backup user", "Per hour", "Bridges per hour, at most 1 ("},
	} {
		t.Run(test.name, func(t *testing.T) {
			page := viewer.get("/bridges" + test.query)
			page.want(t, http.StatusOK, test.wantBridges, test.wantMedian, test.wantBackup, test.wantPer)
			if !strings.Contains(page.body, `aria-label="`+test.wantChart) {
				t.Errorf("no chart is called %q", test.wantChart)
			}
			wantInert(t, page)
		})
	}
	if page := viewer.get("/bridges?host=nobody%40example.com"); strings.Contains(page.body, "median") {
		t.Error("there are totals of no bridge")
	}
}

func TestExportBridges(t *testing.T) {
	t.Parallel()
	o := bridgeLog(t)
	guardPage(t, o, "/bridges/export", nil)
	viewer := o.as(incident.Viewer)
	for _, test := range []struct {
		name, query string
		want        []string
	}{
		{"all, newest first", "", []string{"INC-5", "INC-4", "INC-3", "INC-2", "INC-1"}},
		{"nobody came", "?view=nobody", []string{"INC-2"}},
		{"host and days", "?before=2026-11-22&host=ana%40example.com", []string{"INC-1"}},
		{"range", "?range=24h&view=attention", []string{"INC-4"}},
		{"none", "?host=nobody%40example.com", nil},
		{"part of a host", "?host=ANA", []string{"INC-5", "INC-4", "INC-3", "INC-1"}},
		{"no wildcard", "?host=a_a", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := viewer.get("/bridges/export" + test.query)
			r.want(t, http.StatusOK)
			var got []string
			for _, row := range rowsOf(t, r.body) {
				got = append(got, row["incident"])
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("the file has %q, want %q", got, test.want)
			}
			if at := "/bridges" + test.query; !strings.Contains(html.UnescapeString(viewer.get(at).body), `href="/bridges/export`+test.query+`"`) {
				t.Errorf("%s doesn’t lead to the export", at)
			}
		})
	}
	r := viewer.get("/bridges/export")
	if got := r.header.Get("Content-Type"); got != "text/csv; charset=utf-8" {
		t.Errorf("the type is %q", got)
	}
	if got := r.header.Get("Content-Disposition"); !strings.HasPrefix(got, `attachment; filename="bridges-20`) {
		t.Errorf("the file is %q", got)
	}
	rows := rowsOf(t, r.body)
	for name, want := range map[string]string{
		"incident_name": `'=HYPERLINK("https://evil.example.com")`, "host_email": "ana@example.com", "used_backup_user": "false", "state": "live", "kind": "meeting", "verdict": "ok",
		"meeting_id": o.bridge(1).MeetingID, "most_participants": "1", "severity": "SEV1", "attention": "", "created_at": o.bridge(1).CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z"),
	} {
		if got := rows[4][name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := rows[1]["attention"]; got != "Drawbridge can’t use Zoom right now." {
		t.Errorf("a viewer reads %q about the credentials", got)
	}
	for n := range 5 {
		if b := o.bridge(int64(n + 1)); b.Passcode != "" && strings.Contains(r.body, b.Passcode) {
			t.Errorf("the file has the passcode of INC-%d", n+1)
		}
	}
	for _, query := range []string{"?after=yesterday", "?range=evil", "?view=evil", "?evil=1", "?cursor=1"} {
		viewer.get("/bridges/export"+query).want(t, http.StatusBadRequest)
	}
	t.Run("more than one read", func(t *testing.T) {
		o.sql(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450)
			INSERT INTO step_runs (id, incident_number, position, step, state, reason) SELECT 'many-' || i, 1, i, '{}', 'done', '' FROM n`)
		o.sql(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450)
			INSERT INTO bridges (id, incident_number, step_run_id, kind, state, rung, asked, topic, agenda, recording, join_url, passcode, host_email, used_backup_user, dial_in, findings, worst_finding, reasons, created_at, updated_at, inside, inside_most, recordings)
			SELECT 'many-' || i, 1, 'many-' || i, 'meeting', 'ended', 'opener', '{}', 'x', '', '', '', '', 'many@example.com', FALSE, '[]', '[]', '', '[]', 1, 1, 0, 0, '[]' FROM n`)
		r := viewer.get("/bridges/export?host=many%40example.com")
		seen := map[string]bool{}
		for _, row := range rowsOf(t, r.body) {
			seen[row["id"]] = true
		}
		if len(seen) != 450 {
			t.Errorf("the file has %d bridges, want 450", len(seen))
		}
	})
	t.Run("broken", func(t *testing.T) {
		testBroken(t, o, "bridges", func() reply { return viewer.get("/bridges/export") })
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
		{"host, including one that failed", "?host=+ONCALL%40example.com", []string{"INC-3", "INC-2"}},
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
