package views_test

import (
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

// The fixtures take their words from package words, so that no page is tested with a text that the program
// never writes.

func entry(ago time.Duration, e words.Entry) views.TimelineEntry {
	return views.TimelineEntry{At: when(ago), Kind: e.Kind, Text: e.Says()}
}

func by(who string, e views.TimelineEntry) views.TimelineEntry {
	e.Who = who
	return e
}

func found(level views.Level, f words.Finding) views.CheckLine {
	f.Fine = level == views.LevelOK
	l := f.Says()
	return views.CheckLine{Level: level, Subject: l.Subject, Reason: l.Reason, Fix: l.Fix}
}

func zoomSays(code string) words.Reason {
	return words.Reason{Code: "zoom", Zoom: &words.Problem{Code: code}}
}

func notAUser() words.Reason {
	return words.Reason{Code: "zoom", Host: "ana@example.com", Zoom: &words.Problem{Code: "no_such_user"}}
}

func dialIn() []views.DialIn {
	return []views.DialIn{
		{Place: "Norway, Oslo", Number: "+47 2393 0588", Tel: "tel:+4723930588,,87685621847#,,,,*771204#"},
		{Place: "United States, New York", Number: "+1 646 931 3860", Tel: "tel:+16469313860,,87685621847#,,,,*771204#"},
		{Place: "United States", Number: "+1 888 788 0099", Tel: "tel:+18887880099,,87685621847#,,,,*771204#", Free: true},
	}
}

func liveBridge() views.BridgeBlock {
	return views.BridgeBlock{
		ID: "b1", State: "live", Kind: "meeting", JoinURL: "https://us05web.zoom.us/j/87685621847?pwd=abc", PagePath: "/j/INC-42", PageURL: "https://bridge.example.com/j/INC-42",
		MeetingID: "876 8562 1847", Passcode: "7Yx4Qp", PhonePasscode: "800645960", DialIn: dialIn(), Host: "oncall@example.com", UsedBackup: true, Why: notAUser().Says().Cause,
		Recording: "none", Inside: 3, Told: views.Told{At: when(time.Minute)}, StartedAt: when(13 * time.Minute), Lasted: "13 min", CanStart: true,
		Mends: []views.Mend{{Code: "sign_in_needed", Setting: "Sign-in", Before: "Required", After: "Not required", Effect: "Everyone with the link gets in."}},
		Checks: []views.CheckLine{
			{Level: "warning", Subject: "Sign-in", Reason: "Only people who are signed in to Zoom get in.", FixID: "fix-sign_in_needed-b1"},
			found("warning", words.Finding{Code: "other_recording", Value: "none", Asked: "cloud"}),
			found("bad", words.Finding{Code: "waiting_room_on"}),
		},
	}
}

func incidentFull() views.IncidentPage {
	return views.IncidentPage{
		Frame: in("INC-42 · db down", "incidents"), Number: 42, Key: "INC-42", Name: "db down", Severity: "SEV1", Type: "outage",
		Description: "Checkout answers 500 since 02:10.\nStarted right after the 02:05 deploy.", OpenedAt: when(14 * time.Minute), OpenedBy: "ana@example.com", Lasted: "14 min",
		Source: "Form", RunbookName: "Production outage", RunbookURL: "/runbooks/1", CanAct: true,
		Variables: []views.KeyValue{{Key: "Customer", Value: "Acme"}, {Key: "Region", Value: "eu-north-1"}},
		Bridges:   []views.BridgeBlock{liveBridge()},
		Steps: []views.IncidentStep{
			{ID: "r1", Label: "Create Zoom meeting", State: "done", Note: "0.8 s"},
			{ID: "r2", Label: "Create Zoom meeting", State: "waiting", CanRun: true},
		},
		Inside: []views.Participant{{Name: "Ana Ruud", Email: "ana@example.com", Since: when(13 * time.Minute), Host: true}, {Name: "Bo", Since: when(9 * time.Minute)}, {Name: "+47 900 00 000", Since: when(1 * time.Minute)}},
		Entries: []views.TimelineEntry{
			entry(1*time.Minute, words.Entry{Kind: "joined", Who: "+47 900 00 000"}),
			entry(9*time.Minute, words.Entry{Kind: "joined", Who: "Bo"}),
			entry(13*time.Minute, words.Entry{Kind: "joined", Who: "Ana Ruud"}),
			entry(13*time.Minute, words.Entry{Kind: "call_started"}),
			entry(14*time.Minute, words.Entry{Kind: "bridge_ready", Host: "oncall@example.com"}),
			entry(14*time.Minute, words.Entry{Kind: "attempt_failed", Host: "ana@example.com", Reasons: []words.Reason{notAUser()}}),
			by("ana@example.com", entry(14*time.Minute, words.Entry{Kind: "opened", Runbook: "Production outage"})),
		},
		MoreURL: "/incidents/42?before=120",
	}
}

func TestIncident(t *testing.T) {
	t.Parallel()
	bare := views.IncidentPage{Frame: in("INC-43 · Disk full", "incidents"), Number: 43, Key: "INC-43", Name: "Disk full", OpenedAt: when(0), OpenedBy: "API token pager", Lasted: "0 s", Source: "API token pager"}

	long := incidentFull()
	long.Name, long.Description, long.OpenedBy = longWord, longWords, longWord
	long.Inside = append(long.Inside, views.Participant{Name: longWord, Email: longWord, Since: when(1 * time.Minute)}, views.Participant{Name: longWords, Since: when(1 * time.Minute)})
	long.Entries[0].Text, long.Entries[1].Text = longWord, longWords
	long.Variables = append(long.Variables, views.KeyValue{Key: longWord, Value: longWords})
	long.Bridges[0].Host, long.Bridges[0].Name, long.Bridges[0].Passcode = longWord, longWords, longWord

	nasty := incidentFull()
	nasty.Name, nasty.Severity, nasty.Description, nasty.OpenedBy, nasty.RunbookName = hostile, hostile, hostile, hostile, hostile
	nasty.Running = &views.Running{Inside: 3}
	nasty.Bridges[0].Attendance = []views.Attendee{{Name: hostile, Email: hostile, Joined: when(9 * time.Minute), Length: "8 min"}, {Name: "Bo", Joined: when(9 * time.Minute), Left: when(time.Minute), Length: "8 min"}}
	nasty.Bridges[0].Alarms = []views.CallAlarm{{Level: "bad", Title: hostile, Text: hostile, Since: when(time.Minute)}}
	nasty.Inside[0].Name, nasty.Entries[0].Text = hostile, hostile
	nasty.Bridges[0].JoinURL, nasty.Bridges[0].PagePath = "javascript:alert(1)", "javascript:alert(1)"
	nasty.Bridges[0].DialIn[0] = views.DialIn{Place: hostile, Number: hostile, Tel: "javascript:alert(1)"}
	nasty.Bridges[0].Recordings = []views.Recording{{Link: views.Link{Text: hostile, Href: "javascript:alert(1)"}, Passcode: hostile}}
	nasty.Bridges[0].Host, nasty.Bridges[0].Why, nasty.Bridges[0].Passcode = hostile, hostile, hostile
	nasty.Variables[0] = views.KeyValue{Key: hostile, Value: hostile}

	kinds := incidentFull()
	kinds.Entries = nil
	for _, kind := range views.EntryKinds() {
		var reasons []words.Reason
		if kind == "attempt_failed" || strings.HasPrefix(kind, "bridge_") {
			reasons = []words.Reason{zoomSays("timed_out")}
		}
		kinds.Entries = append(kinds.Entries, entry(time.Minute, words.Entry{
			Kind: kind, Runbook: "Production outage", Step: "create_meeting", Who: "Bo", Host: "oncall@example.com", Link: "meet.example.com",
			Field: "topic", Topic: "INC-42 db down", Text: "Rolled back.", Template: []string{"Line 1: “incident.nam” isn’t known."}, Reasons: reasons,
		}))
	}

	crowd := incidentFull()
	crowd.Bridges[0].Verdict = views.Verdict{Level: "bad", State: "live", Title: "2 people are waiting for a host to let them in", Help: "start_as_host"}
	for range 12 {
		crowd.Inside = append(crowd.Inside, views.Participant{Name: "Guest", Since: when(2 * time.Minute)})
	}
	crowd.Waiting = []views.Participant{{Name: hostile, Since: when(time.Minute)}, {Name: "Cy", Email: "cy@example.com", Since: when(time.Minute)}}
	came := entry(2*time.Minute, words.Entry{Kind: "joined", Who: "Guest"})
	came.Text, came.Folded, came.Since = words.Comings(3, 1), crowd.Entries[:4], when(9*time.Minute)
	crowd.Entries = append([]views.TimelineEntry{came}, crowd.Entries[4:]...)

	left := incidentFull()
	left.Inside, left.Waiting, left.Bridges[0].Inside, left.Bridges[0].Most = nil, nil, 0, 3

	viewer := incidentFull()
	viewer.CanAct, viewer.RunbookURL = false, ""
	viewer.Bridges[0].CanStart, viewer.Steps[1].CanRun = false, false

	cases := []struct {
		name string
		page views.IncidentPage
	}{
		{"empty", bare}, {"full", incidentFull()}, {"kinds", kinds}, {"long", long}, {"hostile", nasty}, {"viewer", viewer}, {"crowd", crowd}, {"left", left},
	}
	var all []golden
	for _, c := range cases {
		all = append(all, golden{"incident-" + c.name, views.Incident(c.page)})
	}
	testGolden(t, all)
}

func TestIncidentStart(t *testing.T) {
	t.Parallel()
	ok := views.IncidentStartPage{Frame: in("Start as host", "incidents"), Key: "INC-42", Name: "db down", StartURL: "https://us05web.zoom.us/s/87685621847?zak=eyJ", Host: "oncall@example.com", BackURL: "/incidents/42"}
	refused := ok
	refused.StartURL, refused.Error = "", "Zoom did not answer."
	nasty := ok
	nasty.Name, nasty.Host, nasty.StartURL = hostile, hostile, "javascript:alert(1)"
	cases := []struct {
		name string
		page views.IncidentStartPage
	}{{"full", ok}, {"error", refused}, {"hostile", nasty}}
	var all []golden
	for _, c := range cases {
		all = append(all, golden{"incident-start-" + c.name, views.IncidentStart(c.page)})
	}
	testGolden(t, all)
}

func incidentsFull() views.IncidentsPage {
	return views.IncidentsPage{
		Frame: in("Incidents", "incidents"), CanOpen: true, RunURL: "/runbooks/1/run", Open: 2, OpenFound: 2,
		Runbooks: []views.Choice{{Value: "1", Label: "Production outage"}, {Value: "2", Label: "Security incident"}},
		Rows: []views.IncidentRow{
			{Number: 43, Key: "INC-43", Name: "Disk full on db-3", OpenedAt: when(2 * time.Minute), Opener: "API token pager", RunbookName: "Production outage", Lasted: "2 min", Verdict: views.Verdict{State: "creating"}},
			{Number: 42, Key: "INC-42", Name: "db down", Severity: "SEV1", OpenedAt: when(14 * time.Minute), Opener: "ana@example.com", RunbookName: "Production outage", Lasted: "14 min", Verdict: views.Verdict{State: "live"}, Inside: 12, JoinPath: "/j/INC-42"},
			{Number: 41, Key: "INC-41", Name: "Checkout slow", Severity: "SEV2", Resolved: true, OpenedAt: when(25 * time.Hour), Opener: "bo@example.com", RunbookName: "Production outage", Lasted: "1 h 12 min", Verdict: views.Verdict{State: "ended"}},
			{Number: 40, Key: "INC-40", Name: "Login refused for everyone in the staging environment since the certificate was renewed", Severity: "SEV3", Resolved: true, OpenedAt: when(5 * 24 * time.Hour), Opener: "ana@example.com", RunbookName: "Security incident", Lasted: "22 min", Verdict: views.Verdict{State: "failed"}},
			{Number: 39, Key: "INC-39", Name: "Drill", Severity: "SEV4", Resolved: true, OpenedAt: when(1 * 7 * 24 * time.Hour), Opener: "ana@example.com", Lasted: "3 min"},
		},
		Pager: views.Pager{Older: "/incidents?cursor=39"},
	}
}

func TestIncidents(t *testing.T) {
	t.Parallel()
	nothing := incidentsFull()
	nothing.Rows, nothing.Pager, nothing.Query, nothing.Status, nothing.Severity, nothing.Runbook = nil, views.Pager{}, "nosuch", "open", "SEV2", "2"
	long := incidentsFull()
	long.Rows[0].Name, long.Rows[0].Opener, long.Rows[0].RunbookName = longWord, longWord, longWords
	long.Rows[1].Name = longWords
	nasty := incidentsFull()
	nasty.Query = hostile
	nasty.Rows[0].Name, nasty.Rows[0].Severity, nasty.Rows[0].Opener, nasty.Rows[0].Verdict.State = hostile, hostile, hostile, hostile
	nasty.Rows[1].JoinPath = "javascript:alert(1)"
	cases := []struct {
		name string
		page views.IncidentsPage
	}{
		{"empty", views.IncidentsPage{Frame: in("Incidents", "incidents"), CanOpen: true, RunURL: "/runbooks"}},
		{"full", incidentsFull()}, {"nothing", nothing}, {"long", long}, {"hostile", nasty},
	}
	var all []golden
	for _, c := range cases {
		all = append(all, golden{"incidents-" + c.name, views.Incidents(c.page)})
	}
	testGolden(t, all)
}
