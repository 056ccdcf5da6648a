package views_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

var long = strings.Repeat("Payments-in-the-Nordics-fail-with-a-timeout ", 5) + strings.Repeat("x", 120)

func hours() views.Chart {
	counts := [][]int{{4, 31, 1, 0}, {2, 12, 0, 0}, {0, 0, 0, 0}, {1, 4, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {3, 18, 1, 0}, {9, 64, 0, 2}, {22, 141, 2, 3}, {48, 262, 3, 5}, {61, 334, 4, 2}, {52, 301, 2, 4}, {30, 160, 1, 1}, {44, 251, 3, 2}, {70, 402, 5, 6}, {66, 371, 3, 4}, {41, 220, 2, 2}, {28, 133, 1, 1}, {12, 70, 1, 0}, {8, 39, 0, 0}, {5, 22, 0, 0}, {3, 14, 1, 0}, {19, 97, 0, 0}, {31, 184, 1, 1}}
	c := views.Chart{Title: "Events per hour, last 24 hours", Unit: "events", Series: []views.Series{{Name: "meeting"}, {Name: "participant"}, {Name: "recording"}, {Name: "other"}}}
	for i, parts := range counts {
		from := (i + 4) % 24
		b := views.Bar{Label: pad(from) + ":00–" + pad((from+1)%24) + ":00", Parts: parts, Href: "/events?after=" + strconv.Itoa(i)}
		if from%3 == 0 {
			b.Tick = pad(from) + ":00"
		}
		for k, n := range parts {
			c.Series[k].Total += n
		}
		c.Bars = append(c.Bars, b)
	}
	return c
}

func pad(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

func TestEntryPages(t *testing.T) {
	t.Parallel()
	bare := views.Frame{Title: "Log in", Version: "v0.1.0", Theme: "light"}
	evil := views.Frame{Title: hostile, Theme: "light"}
	id := "01J9Z6K3QF8W2M"
	testGolden(t, []golden{
		{"setup-form", views.Setup(views.SetupPage{Frame: bare, Token: "tok", MinPassword: 12})},
		{"setup-refused", views.Setup(views.SetupPage{Frame: bare, Token: "tok", MinPassword: 12, Name: "Ana", Email: "ana@", EmailError: "This isn’t an email address.", PasswordError: "It has 5 characters; 12 are needed."})},
		{"setup-hostile", views.Setup(views.SetupPage{Frame: evil, Token: hostile, Name: hostile, Email: hostile, NameError: hostile, EmailError: hostile, PasswordError: hostile})},
		{"setup-expired", views.Setup(views.SetupPage{Frame: bare, State: "expired"})},
		{"setup-used", views.Setup(views.SetupPage{Frame: bare, State: "used"})},
		{"setup-unknown", views.Setup(views.SetupPage{Frame: bare, State: "unknown"})},
		{"login-empty", views.Login(views.LoginPage{Frame: bare, Next: "/bridges"})},
		{"login-first", views.Login(views.LoginPage{Frame: bare, NoAdmin: true})},
		{"login-refused", views.Login(views.LoginPage{Frame: bare, Email: "ana@example.com", Error: "Email and password don’t match."})},
		{"login-hostile", views.Login(views.LoginPage{Frame: evil, Email: hostile, Next: hostile, Error: hostile})},
		{"error-403", views.Error(views.ErrorPage{Frame: in("", "settings"), Status: 403, RequestID: id})},
		{"error-foreign", views.Error(views.ErrorPage{Frame: in("", "settings"), Status: 403, Foreign: true, Text: "This request didn’t come from a Drawbridge page at this address.", RequestID: id})},
		{"error-404", views.Error(views.ErrorPage{Frame: in("", ""), Status: 404, RequestID: id})},
		{"error-405", views.Error(views.ErrorPage{Frame: in("", ""), Status: 405, RequestID: id})},
		{"error-500", views.Error(views.ErrorPage{Frame: in("", "events"), Status: 500, RequestID: id})},
		{"error-503", views.Error(views.ErrorPage{Frame: in("", "bridges"), Status: 503, RequestID: id})},
		{"error-503-open", views.Error(views.ErrorPage{Frame: in("", ""), Status: 503, RequestID: id, OpenURL: "/incidents/new", Unstored: unstored()})},
		{"error-401-bare", views.Error(views.ErrorPage{Frame: bare, Status: 401})},
		{"error-404-bare", views.Error(views.ErrorPage{Frame: bare, Status: 404, RequestID: id})},
		{"error-hostile", views.Error(views.ErrorPage{Frame: evil, Status: 400, Text: hostile, RequestID: hostile})},
	})
}

func unstored() []views.UnstoredRow {
	return []views.UnstoredRow{
		{Name: "Checkout down", Severity: "SEV1", OpenedAt: when(4 * time.Minute), LinkName: "War room", JoinURL: "https://meet.example.com/war", Href: "/incidents/new?form=f1"},
		{Name: hostile, Severity: hostile, OpenedAt: when(time.Hour), LinkName: hostile, JoinURL: "https://meet.example.com/war", Stuck: true},
	}
}

func overview() views.OverviewPage {
	f := in("Overview", "overview")
	f.LiveBridges, f.RefusedLastHour = 2, 14
	return views.OverviewPage{
		Frame:     f,
		Ready:     views.Ready{Level: "ok", Title: "Ready. New incidents will get a bridge.", Facts: []string{"Zoom token 42 min left", "backup user ok", "last bridge 1.2 s"}, AsOf: when(20 * time.Second)},
		OpenHref:  "/runbooks",
		OpenCount: 12,
		Open: []views.IncidentRow{
			{Number: 42, Key: "INC-42", Name: "db down", Severity: "SEV1", OpenedAt: when(14 * time.Minute), Lasted: "14 min", Verdict: views.Verdict{Level: "ok", State: "live", Title: "Everyone can get in"}, Inside: 12, JoinPath: "/j/INC-42"},
			{Number: 41, Key: "INC-41", Name: "Checkout slow in eu-north-1", Severity: "SEV3", OpenedAt: when(2 * time.Hour), Lasted: "2 h 05 min", Verdict: views.Verdict{Level: "warning", State: "needs_host", Title: "People wait until a host lets them in", Help: "start_as_host"}, JoinPath: "/j/INC-41"},
		},
		Needs: []views.Need{
			{Level: "warning", Text: "A personal meeting id is on for ana@example.com: her bridges would share one room.", LinkText: "Fix", Href: "/account"},
			{Level: "bad", Text: "14 webhooks came with a wrong signature in the last hour.", LinkText: "See", Href: "/events"},
		},
		Health: healthy(),
		Hours:  hours(),
		Resolved: []views.IncidentRow{
			{Number: 40, Key: "INC-40", Name: "Certificate of status.example.com expired", Severity: "SEV2", Resolved: true, OpenedAt: when(26 * time.Hour)},
			{Number: 39, Key: "INC-39", Name: "Drill", Severity: "info", Resolved: true, OpenedAt: when(75 * time.Hour)},
		},
		Events: rows()[:5],
	}
}

func healthy() *views.HealthPanel {
	return &views.HealthPanel{
		Level: "ok", Title: "Zoom’s events are arriving.", LastEvent: when(0), Validated: when(20 * time.Hour), ValidationDue: when(-52 * time.Hour),
		FailedOf: "0 of 6", Median: "0.4 s", P95: "1.9 s", Measured: 500, DetailsHref: "/account#health", TypesTotal: 4963,
		Types: []views.TypeCount{
			{Words: "participant joined", Event: "meeting.participant_joined", Family: "participant", Href: "/events?event=meeting.participant_joined", Count: 2104},
			{Words: "participant left", Event: "meeting.participant_left", Family: "participant", Href: "/events?event=meeting.participant_left", Count: 2016},
			{Words: "meeting started", Event: "meeting.started", Family: "meeting", Href: "/events?event=meeting.started", Count: 812},
			{Words: "recording completed", Event: "recording.completed", Family: "recording", Href: "/events?event=recording.completed", Count: 31},
		},
	}
}

func unwell() *views.HealthPanel {
	p := healthy()
	p.Level, p.Title, p.DetailsHref = "bad", "Zoom can’t reach Drawbridge.", ""
	p.LastEvent, p.Validated, p.ValidationDue = when(4*time.Hour), when(13*24*time.Hour), when(10*24*time.Hour)
	p.Overdue, p.FailedOf, p.Failing, p.P95 = true, "4 of 6", true, "25 min"
	p.Problems = []views.CheckLine{
		found("bad", words.Finding{Code: "validations_failed", Span: 13 * 24 * time.Hour, Count: 4}),
		found("warning", words.Finding{Code: "silence", Span: 4 * time.Hour, Incident: 42}),
	}
	p.Refused = []views.RefusedReason{{Count: 14, Reason: "with a wrong signature", Advice: "Check that the secret token here is the Zoom app’s. If it is, someone other than Zoom sent them."}}
	return p
}

func rows() []views.EventRow {
	at := func(s int) views.When { return when(time.Duration(s) * time.Second) }
	return []views.EventRow{
		{ID: "908", Href: "/events/908", At: at(0), Event: "meeting.participant_joined", Words: "participant joined", Family: "participant", MeetingID: "87685621847", Topic: "SEV1 db down", Who: "Ana, from Oslo", Key: "INC-42", IncidentHref: "/incidents/42", Delay: "0.4 s"},
		{ID: "907", Href: "/events/907", At: at(31), Event: "meeting.participant_joined", Words: "participant joined", Family: "participant", MeetingID: "87685621847", Topic: "SEV1 db down", Who: "Bo Lindqvist", Key: "INC-42", IncidentHref: "/incidents/42", Delay: "0.3 s"},
		{ID: "906", Href: "/events/906", At: at(33), Event: "meeting.started", Words: "meeting started", Family: "meeting", MeetingID: "87685621847", Topic: "SEV1 db down", Who: "SEV1 db down", Key: "INC-42", IncidentHref: "/incidents/42", Delay: "0.4 s"},
		{ID: "905", Href: "/events/905", At: at(64), Event: "meeting.created", Words: "meeting created", Family: "meeting", MeetingID: "87685621847", Topic: "SEV1 db down", Who: "SEV1 db down", Key: "INC-42", IncidentHref: "/incidents/42", Delay: "0.6 s"},
		{ID: "904", Href: "/events/904", At: at(302), Event: "recording.completed", Words: "recording completed", Family: "recording", MeetingID: "81234567890", Topic: "Drill", Who: "Drill, 3 files", Key: "INC-39", IncidentHref: "/incidents/39", Delay: "2.1 s"},
		{ID: "903", Href: "/events/903", At: at(8100), Event: "meeting.ended", Words: "meeting ended", Family: "meeting", MeetingID: "9123456789", Topic: "Weekly", Who: "Weekly", Delay: "1 h 40 min", Slow: true, Stale: true},
		{ID: "902", Href: "/events/902", At: at(9100), Event: "user.presence_status_updated", Words: "user presence status updated", Family: "other", Who: "", Delay: "0.2 s", Unread: true},
		{ID: "901", Href: "/events/901", At: at(9300), Event: "meeting.participant_left", Words: "participant left", Family: "participant", MeetingID: "87685621847", Topic: "SEV1 db down", Who: "Kitchen iPad", Key: "INC-41", IncidentHref: "/incidents/41", Delay: "0.4 s"},
	}
}

func TestOverview(t *testing.T) {
	t.Parallel()
	first := views.OverviewPage{Frame: in("Overview", "overview"), Hours: views.Chart{Title: "Events per hour, last 24 hours", Unit: "events"}, Steps: []views.SetupStep{
		{State: "done", Title: "Connect Zoom", Text: "Server-to-Server OAuth as example.com; the check is green.", LinkText: "See account", Href: "/account"},
		{State: "next", Title: "Write a runbook", Text: "What to do for one type of incident. The first step makes the Zoom meeting.", LinkText: "Write a runbook", Href: "/runbooks/new"},
		{State: "later", Title: "Try it", Text: "Open a first incident and watch its bridge being created."},
	}}
	quiet := overview()
	quiet.Frame.LiveBridges, quiet.Frame.RefusedLastHour = 0, 0
	quiet.Open, quiet.Needs, quiet.Resolved, quiet.Events = nil, nil, nil, nil
	quiet.Health = &views.HealthPanel{Level: "warning", Title: "No event has arrived from Zoom yet."}
	bad := overview()
	bad.Unstored = unstored()
	bad.Ready = views.Ready{Level: "bad", Title: "Not ready. Not ready. New incidents won’t get a bridge.", Facts: []string{"Zoom refuses the token: the app's secret was changed", "no static link"}, AsOf: when(3 * time.Minute)}
	amber := overview()
	bad.Alarms = []views.CallAlarm{{Level: "bad", Key: "INC-42", Title: "3 people are waiting to get in, and nobody has let them in", Text: "They wait for the host.", Since: when(time.Minute), StartPath: "/bridges/8/start", Href: "/incidents/42"}}
	amber.Ready = views.Ready{Level: "warning", Title: "Ready, on the backup user only.", Facts: []string{"2 of 5 openers are not Zoom users", "backup user ok"}, AsOf: when(time.Minute)}
	amber.Health = unwell()
	wide := overview()
	wide.Open[0].Name, wide.Open[0].Verdict.Title, wide.Open[0].Verdict.Level, wide.Open[0].Severity = long, long, "bad", long
	wide.Resolved[0].Name, wide.Resolved[0].Severity, wide.Events[0].Who, wide.Events[0].Words, wide.Needs[0].Text = long, long, long, long, long
	wide.Ready.Facts = append(wide.Ready.Facts, long)
	evil := overview()
	evil.Open = []views.IncidentRow{{Key: hostile, Name: hostile, Severity: hostile, Lasted: hostile, JoinPath: "javascript:alert(1)", Verdict: views.Verdict{Level: "bad", State: hostile, Title: hostile}}}
	evil.Needs = []views.Need{{Level: hostile, Text: hostile, LinkText: hostile, Href: "javascript:alert(1)"}}
	evil.Resolved = []views.IncidentRow{{Key: hostile, Name: hostile, Severity: hostile}}
	evil.Events = []views.EventRow{{ID: "1", Words: hostile, Who: hostile, Key: hostile, Family: hostile, Event: hostile}}
	evil.Ready = views.Ready{Level: hostile, Title: hostile, Facts: []string{hostile}}
	evil.Health = &views.HealthPanel{Level: hostile, Title: hostile, FailedOf: hostile, DetailsHref: "javascript:alert(1)", Problems: []views.CheckLine{{Level: hostile, Reason: hostile, Fix: hostile}},
		Types: []views.TypeCount{{Words: hostile, Event: hostile, Family: hostile, Href: "javascript:alert(1)"}}}
	testGolden(t, []golden{
		{"overview-first", views.Overview(first)},
		{"overview-quiet", views.Overview(quiet)},
		{"overview-full", views.Overview(overview())},
		{"overview-amber", views.Overview(amber)},
		{"overview-bad", views.Overview(bad)},
		{"overview-long", views.Overview(wide)},
		{"overview-hostile", views.Overview(evil)},
	})
}

// bridgeTotals are those of a month.
func bridgeTotals() views.BridgeTotals {
	t := views.BridgeTotals{Bridges: "128", Wait: "0.8 s", BackupOf: "12 of 128", Per: "day", Note: "Counted back to 22 Oct 2026, 03:14:07 CET."}
	for day := range 30 {
		p := views.BridgePeriod{Label: fmt.Sprint(day+1, " Nov 2026"), Bridges: day * 7 % 11, Backup: day % 3 % 2, Wait: float64(day%5) / 2, WaitSays: fmt.Sprintf("%.1f s", float64(day%5)/2)}
		if p.Bridges == 0 {
			p.Wait, p.WaitSays = 0, ""
		}
		t.Periods = append(t.Periods, p)
	}
	return t
}

func TestBridges(t *testing.T) {
	t.Parallel()
	chips := []views.Chip{{Label: "All", Href: "/bridges", On: true}, {Label: "Live", Href: "/bridges?view=live", Count: "2"}, {Label: "Needs attention", Href: "/bridges?view=attention", Count: "1"}, {Label: "Backup user used", Href: "/bridges?view=backup"}}
	f := in("Bridges", "bridges")
	f.LiveBridges = 2
	full := views.BridgesPage{Frame: f, Filter: views.BridgeFilter{Views: chips, Ranges: []views.Chip{{Label: "7 d", Href: "/bridges?range=7d"}, {Label: "All", Href: "/bridges?range=all", On: true}}, Hosts: []string{"ana@example.com", "oncall@example.com"}},
		Totals: bridgeTotals(), ExportHref: "/bridges/export", AsOf: when(0),
		Pager: views.Pager{Older: "/bridges?cursor=abc"},
		Rows: []views.BridgeRow{
			{ID: "9", Verdict: views.Verdict{State: "creating"}, Key: "INC-43", IncidentName: "Queue grows", Severity: "SEV3", Href: "/incidents/43", Topic: "SEV3 Queue grows", Kind: "meeting", Host: "ana@example.com", Created: when(2 * time.Second)},
			{ID: "8", Verdict: views.Verdict{State: "live"}, Key: "INC-42", IncidentName: "db down", Severity: "SEV1", Href: "/incidents/42", Topic: "SEV1 db down (Acme)", MeetingID: "87685621847", JoinURL: "https://zoom.us/j/87685621847", Kind: "meeting", Host: "oncall@example.com", UsedBackupUser: true, Reason: notAUser().Says().Cause, Unseen: true, Told: views.Told{At: when(time.Minute), Asked: true}, Most: 15, Created: when(15 * time.Minute), Started: when(14 * time.Minute), Length: "14 min"},
			{ID: "7", Verdict: views.Verdict{State: "unknown"}, Attention: zoomSays("timed_out").Says().Cause, Key: "INC-41", IncidentName: "Checkout slow in eu-north-1", Severity: "SEV2", Href: "/incidents/41", Topic: "SEV2 Checkout slow in eu-north-1", Kind: "meeting", Host: "oncall@example.com", Created: when(2 * time.Hour)},
			{ID: "6", Verdict: views.Verdict{State: "ended"}, Key: "INC-40", IncidentName: "Certificate of status.example.com expired", Severity: "SEV2", Href: "/incidents/40", Topic: "SEV2 Certificate expired", MeetingID: "9123456789", JoinURL: "https://zoom.us/j/9123456789", Kind: "meeting", Host: "bo@example.com", Most: 6, Created: when(26 * time.Hour), Started: when(26 * time.Hour), Length: "48 min", Recordings: []views.Link{{Text: "Video", Href: "https://zoom.us/rec/1"}, {Text: "Audio", Href: "https://zoom.us/rec/2"}}},
			{ID: "5", Verdict: views.Verdict{State: "failed"}, Attention: zoomSays("wrong_client").Says().Cause, Key: "INC-39", IncidentName: "Drill", Severity: "info", Href: "/incidents/39", Topic: "Drill", Kind: "meeting", Host: "", Created: when(75 * time.Hour)},
			{ID: "4", Verdict: views.Verdict{State: "ready"}, Key: "INC-38", IncidentName: "Phones down", Severity: "P1", Href: "/incidents/38", Topic: "Phones down", JoinURL: "https://meet.example.com/war", Kind: "static", Reason: words.Reason{Code: "link_given", By: "ana@example.com"}.Says().Cause, Host: "", Created: when(100 * time.Hour)},
		}}
	wide := full
	wide.Rows = []views.BridgeRow{{ID: "8", Verdict: views.Verdict{State: "live"}, Attention: long, Key: "INC-123456", IncidentName: long, Severity: long, Href: "/incidents/42", Topic: long, MeetingID: "87685621847", JoinURL: "https://zoom.us/j/1", Kind: "meeting", Host: long, UsedBackupUser: true, Reason: long, Inside: 1204, Most: 10000, Created: when(0), Started: when(0), Length: "102 h 05 min", Recordings: []views.Link{{Text: long, Href: "https://zoom.us/rec/1"}}}}
	evil := full
	evil.Filter = views.BridgeFilter{View: hostile, Host: hostile, Range: hostile, After: hostile, Before: hostile, AfterError: hostile, Hosts: []string{hostile}, ClearHref: "javascript:alert(1)"}
	evil.Totals.Bridges, evil.Totals.Wait, evil.Totals.BackupOf, evil.Totals.Per, evil.Totals.Note = hostile, hostile, hostile, hostile, hostile
	evil.Totals.Periods = []views.BridgePeriod{{Label: hostile, Bridges: 1, Wait: 1, WaitSays: hostile}}
	evil.ExportHref = "javascript:alert(1)"
	evil.Rows = []views.BridgeRow{{ID: "8", Verdict: views.Verdict{State: hostile}, Attention: hostile, Key: hostile, IncidentName: hostile, Severity: hostile, Href: "javascript:alert(1)", Topic: hostile, MeetingID: hostile, JoinURL: "javascript:alert(1)", Kind: hostile, Host: hostile, UsedBackupUser: true, Reason: hostile, Length: hostile, Recordings: []views.Link{{Text: hostile, Href: "javascript:alert(1)"}}}}
	none := full
	none.Rows, none.Pager, none.Totals, none.Filter.Host, none.Filter.ClearHref = nil, views.Pager{}, views.BridgeTotals{}, "nobody@example.com", "/bridges"
	refused := full
	refused.Filter.After, refused.Filter.AfterError, refused.Filter.ClearHref = "2026-02-30", "There is no 30 February.", "/bridges"
	testGolden(t, []golden{
		{"bridges-empty", views.Bridges(views.BridgesPage{Frame: in("Bridges", "bridges"), Empty: true, RunHref: "/runbooks"})},
		{"bridges-full", views.Bridges(full)},
		{"bridges-none-fits", views.Bridges(none)},
		{"bridges-refused", views.Bridges(refused)},
		{"bridges-long", views.Bridges(wide)},
		{"bridges-hostile", views.Bridges(evil)},
	})
}

const payload = `{"event":"meeting.participant_joined","payload":{"account_id":"AAAAAABBBB","object":{"id":"87685621847","uuid":"4444AAAiAAAAAiAiAiiAii==","host_id":"x1yCzABCDEfg23HiJKl4mN","topic":"SEV1 db down","type":2,"start_time":"2026-11-22T02:00:03Z","timezone":"Europe/Oslo","duration":60,"participant":{"user_id":"1234567890","user_name":"Ana","email":"","join_time":"2026-11-22T02:14:07Z","registrant_id":null,"is_host":false}}},"event_ts":1795313647000}`

func TestEvents(t *testing.T) {
	t.Parallel()
	f := in("Events", "events")
	f.LiveBridges, f.RefusedLastHour = 2, 17
	filter := views.EventFilter{
		Types:  []views.Choice{{Value: "meeting.*", Label: "every meeting event"}, {Value: "meeting.started", Label: "meeting started"}, {Value: "meeting.participant_joined", Label: "participant joined"}},
		Ranges: []views.Chip{{Label: "1 h", Href: "/events?range=1h"}, {Label: "24 h", Href: "/events?range=24h"}, {Label: "7 d", Href: "/events?range=7d"}, {Label: "30 d", Href: "/events?range=30d"}, {Label: "All", Href: "/events?range=all"}},
		Saved:  []views.Chip{{Label: "Late ones", Href: "/events?stale=1"}, {Label: "Recordings of a week", Href: "/events?event=recording.%2A&range=7d"}},
	}
	reasons := []views.RefusedReason{
		{Count: 14, Reason: "with a wrong signature", Advice: "Is the secret token here the one of the Zoom app?", LinkText: "Check it", Href: "/account"},
		{Count: 3, Reason: "without a signature", Advice: "Someone who is not Zoom knocks. Nothing to do."},
	}
	full := views.EventsPage{
		Frame: f, Live: true, Tail: "1,012/s now · Showing the newest 50; 1,950 more arrived in between", Link: "https://drawbridge.example.com/events",
		Count: views.EventCount{Number: "1,204", Words: "in the last hour", Total: "about 9.8 million in the log"}, Chart: hours(), Filter: filter,
		Rows: rows(), Pager: views.Pager{Older: "/events?cursor=abc"},
	}
	full.Rows[5].Day, full.Rows[5].Recovered, full.Rows[6].Twin = "Saturday 21 November 2026", true, true
	filtered := full
	filtered.Live, filtered.Tail = false, ""
	filtered.Count = views.EventCount{Number: "10,000+", Words: "match"}
	filtered.Chart.Bars = append([]views.Bar{{Label: "01:00–02:00", Uncounted: true, Parts: []int{0, 0, 0, 0}}}, filtered.Chart.Bars...)
	filtered.Chart.Note = "Too many events to draw at once. Counted back to 21 Nov 2026, 03:14:07 CET."
	filtered.Filter.Event, filtered.Filter.Stale, filtered.Filter.Twin, filtered.Filter.ClearHref, filtered.Filter.Query = "meeting.*, user.created", true, true, "/events", "stale=1"
	filtered.Filter.On = []views.Chip{{Label: "meeting.*, user.created", Href: "/events?stale=1&twin=1"}, {Label: "stale", Href: "/events?twin=1"}, {Label: "twins", Href: "/events?stale=1"}}
	filtered.Filter.ZoomOut, filtered.Filter.Around = "/events?after=2026-11-21T00%3A00", "7353605300224000"
	filtered.Filter.Save = views.SaveFilter{Allowed: true, Name: "Late ones", Error: "A saved filter with this name already exists. Choose another name."}
	filtered.Pager = views.Pager{Newest: "/events", Newer: "/events?newer=9", Older: "/events?cursor=1", Says: "Searched back to 22 Nov 2026, 03:14:07 CET", GoesOn: true}
	filtered.Rows = rows()
	filtered.Rows[2].Moment, filtered.Rows[2].Here, filtered.Rows[2].AroundHref = when(33*time.Second), true, "/events?around=906#here"
	saved := full
	saved.Filter.Saved = []views.Chip{{Label: "Late ones", Href: "/events?stale=1", On: true}}
	saved.Filter.Delete = &views.ConfirmForm{ID: "delete-filter", Title: "Delete the saved filter “Late ones”?", Text: "It goes for everyone.", Action: "/events/filters/1/delete", Button: "Delete filter"}
	searching := filtered
	searching.Rows, searching.Moment = nil, when(0)
	withRefused := full
	withRefused.Refused = reasons
	detail := views.EventDetail{
		ID: "908", Words: "participant joined", Event: "meeting.participant_joined", Sentence: "Ana joined the bridge of INC-42. It is her first time in this meeting; 12 are inside now.",
		At: when(0), Received: when(0), Key: "INC-42", IncidentName: "db down", IncidentHref: "/incidents/42", State: "read",
		Facts:   []views.KeyValue{{Key: "Who", Value: "Ana"}, {Key: "Zoom user", Value: "No: guest or user of another account"}, {Key: "Joined", When: when(0)}, {Key: "Topic", Value: "SEV1 db down"}, {Key: "Meeting", Value: "876 8562 1847", Copied: "87685621847", Mono: true, Copy: true}},
		IDs:     []views.KeyValue{{Key: "Meeting UUID", Value: "4444AAAiAAAAAiAiAiiAii==", Mono: true, Copy: true}},
		Effects: []views.EventEffect{{Text: "Ana joined.", Detail: "Inside from 03:14:07, and still there."}},
		Checks:  []views.Check{{Level: "ok", Text: "Signature ok with the newest secret"}, {Level: "ok", Text: "0.4 s old when it came"}, {Level: "ok", Text: "First delivery"}},
		Headers: []views.KeyValue{{Key: "x-zm-request-timestamp", Value: "1795313647", Mono: true}, {Key: "x-zm-trackingid", Value: "v=2.0;clid=us04;rid=WEB_f1", Mono: true}, {Key: "content-type", Value: "application/json; charset=utf-8", Mono: true}},
		Body:    payload, RawHref: "/events/908/raw", Bytes: len(payload), Earlier: rows()[1:4], CloseHref: "/events", AroundHref: "/events?around=908",
	}
	open := full
	open.Rows = rows()
	open.Rows[0].Open = true
	open.Detail = &detail
	stale := open
	stale.Rows = rows()
	stale.Rows[5].Open = true
	old := detail
	old.ID, old.Words, old.Event, old.Sentence, old.Stale = "903", "meeting ended", "meeting.ended", "The meeting “Weekly” ended.", true
	old.Why = "It was signed 1 h 40 min before it came. It is kept, but it changed no bridge."
	old.ReprocessAction, old.Body, old.Later, old.Earlier, old.Key = "/events/903/reprocess", strings.Repeat("[", 200), rows()[:1], nil, ""
	old.Effects, old.NoEffect = nil, "Nothing, because it is stale."
	old.Notes = []views.EventNote{{Text: "It was not delivered: it comes from Zoom’s log of its deliveries."}, {Text: "Another writing of", LinkText: "an earlier event", Href: "/events/902"}}
	old.Curl, old.CurlNote = "curl -sS\n", "It signs with openssl."
	old.Checks = []views.Check{{Level: "ok", Text: "Signature ok with the older secret"}, {Level: "warning", Text: "1 h 40 min old when it came"}}
	stale.Detail = &old
	wide := open
	wide.Rows = []views.EventRow{{ID: "1", Href: "/events/1", At: when(0), Event: long, Words: long, MeetingID: long, Topic: long, Who: long, Key: "INC-123456", IncidentHref: "/", Delay: "102 h 05 min", Stale: true, Unread: true, Open: true}}
	wider := detail
	wider.Words, wider.Event, wider.Sentence, wider.IncidentName = long, long, long, long
	wider.Facts = []views.KeyValue{{Key: long, Value: long, Mono: true, Copy: true}}
	wider.IDs, wider.Changes, wider.Files = wider.Facts, []views.ValueChange{{Name: long, Was: long, Is: ""}}, []views.EventFile{{Kind: long, Format: long, Size: "3.3 MB", Length: "14 min", PlayHref: "https://zoom.us/rec/play/x", DownloadHref: "https://zoom.us/rec/download/x"}}
	wider.Effects, wider.Notes, wider.ReprocessAction = []views.EventEffect{{Text: long, Detail: long}}, []views.EventNote{{Text: long, LinkText: long, Href: "/"}}, "/events/1/reprocess"
	wider.Curl, wider.CurlNote = long, long
	wider.Headers, wider.Checks, wider.Body = wider.Facts, []views.Check{{Level: "ok", Text: long}}, `{"`+long+`":"`+long+`"}`
	wider.Earlier = wide.Rows
	wide.Detail = &wider
	wide.Filter.On, wide.Filter.Saved, wide.Filter.Event, wide.Filter.ClearHref = []views.Chip{{Label: long, Href: "/events"}}, []views.Chip{{Label: long, Href: "/events?q=1"}}, long, "/events"
	wide.Refused = []views.RefusedReason{{Count: 123456, Reason: long, Advice: long, LinkText: long, Href: "/account"}}
	evil := open
	badChip := []views.Chip{{Label: hostile, Href: "javascript:alert(1)", On: true}}
	evil.Filter = views.EventFilter{
		Event: hostile, Types: []views.Choice{{Value: hostile, Label: hostile}}, Unknown: []string{hostile}, MeetingID: hostile, Bridge: hostile, Q: hostile, Range: hostile,
		After: hostile, Before: hostile, Around: hostile, AfterError: hostile, Ranges: badChip, On: badChip, Saved: badChip, ZoomOut: "javascript:alert(1)", Query: hostile,
		Save: views.SaveFilter{Allowed: true, Name: hostile, Error: hostile}, Delete: &views.ConfirmForm{ID: "delete-filter", Title: hostile, Text: hostile, Action: "javascript:alert(1)", Button: "Delete filter"},
	}
	evil.Tail, evil.Link, evil.Chart.Note = hostile, hostile, hostile
	evil.Rows = []views.EventRow{{ID: "1", Href: "javascript:alert(1)", Event: hostile, Words: hostile, Family: hostile, MeetingID: hostile, Topic: hostile, Who: hostile, Key: hostile, IncidentHref: "javascript:alert(1)", AroundHref: "javascript:alert(1)", Day: hostile, Delay: hostile}}
	worse := detail
	worse.Words, worse.Event, worse.Sentence, worse.Why, worse.IncidentName, worse.Stale = hostile, hostile, hostile, hostile, hostile, true
	worse.Changes, worse.Files = []views.ValueChange{{Name: hostile, Was: hostile, Is: hostile}}, []views.EventFile{{Kind: hostile, Format: hostile, Size: hostile, Length: hostile, PlayHref: "javascript:alert(1)", DownloadHref: "javascript:alert(1)"}}
	worse.Effects, worse.Notes, worse.AroundHref = []views.EventEffect{{Text: hostile, Detail: hostile}}, []views.EventNote{{Text: hostile, LinkText: hostile, Href: "javascript:alert(1)"}}, "javascript:alert(1)"
	worse.IDs, worse.NoEffect, worse.Curl, worse.CurlNote = nil, hostile, hostile, hostile
	worse.Facts = []views.KeyValue{{Key: hostile, Value: hostile, Copy: true}, {Key: hostile, Value: hostile, Href: "javascript:alert(1)"}}
	worse.Headers, worse.Checks = worse.Facts, []views.Check{{Level: hostile, Text: hostile}}
	worse.Body = `{"a":` + strconv.Quote(hostile) + `,"` + "</pre><script>alert(1)</script>" + `":["` + `</script>` + `"]}`
	worse.RawHref, worse.CloseHref, worse.ReprocessAction = "javascript:alert(1)", "javascript:alert(1)", "javascript:alert(1)"
	worse.Earlier = []views.EventRow{evil.Rows[0]}
	evil.Detail = &worse
	evil.Refused = []views.RefusedReason{{Count: 1, Reason: hostile, Advice: hostile, LinkText: hostile, Href: "javascript:alert(1)"}}
	none := full
	none.Rows, none.Pager, none.Filter.Q, none.Filter.ClearHref = nil, views.Pager{}, "nothing like it", "/events"
	unknown := none
	unknown.Filter.Event, unknown.Filter.Unknown = "meeting.startet", []string{"meeting.startet"}
	bad := full
	bad.Filter.After, bad.Filter.AfterError = "yesterday", "Write a date and a time."
	testGolden(t, []golden{
		{"events-empty", views.Events(views.EventsPage{Frame: in("Events", "events"), Empty: true, WebhookURL: "https://drawbridge.example.com/webhook"})},
		{"events-empty-refused", views.Events(views.EventsPage{Frame: in("Events", "events"), Empty: true, Refused: reasons})},
		{"events-full", views.Events(withRefused)},
		{"events-filtered", views.Events(filtered)},
		{"events-saved", views.Events(saved)},
		{"events-searching", views.Events(searching)},
		{"events-none-fits", views.Events(none)},
		{"events-unknown-type", views.Events(unknown)},
		{"events-refused-filter", views.Events(bad)},
		{"events-open", views.Events(open)},
		{"events-stale", views.Events(stale)},
		{"events-long", views.Events(wide)},
		{"events-hostile", views.Events(evil)},
	})
}

func TestExport(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("K", 26)
	f := in("Export events", "events")
	all := views.ExportPage{Frame: f, Count: "about 9.8 million events", Bodies: true, Progress: views.ExportProgress{Key: key}, Back: "/events"}
	some := views.ExportPage{Frame: f, Count: "10,000+ events", What: []string{"meeting.ended", "last 7 d"}, Fields: []views.KeyValue{{Key: "event", Value: "meeting.ended"}, {Key: "range", Value: "7d"}}, Back: "/events?event=meeting.ended&range=7d",
		Progress: views.ExportProgress{Key: key, Running: true, Text: "Exported 120,000 events, back to 22 Nov 2026, 03:14:07 CET."}}
	evil := some
	evil.What, evil.Count, evil.Back, evil.Fields = []string{hostile, long}, hostile, "javascript:alert(1)", []views.KeyValue{{Key: "q", Value: hostile}}
	evil.Progress = views.ExportProgress{Key: key, State: "broken", Text: hostile}
	testGolden(t, []golden{
		{"export-all", views.Export(all)},
		{"export-running", views.Export(some)},
		{"export-hostile", views.Export(evil)},
	})
}
