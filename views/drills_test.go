package views_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/views"
)

func drillsFull() views.DrillsPage {
	stages := []views.DrillStage{
		{Level: views.LevelOK, Subject: "Incident", Text: "Opened in 0.1 s."},
		{Level: views.LevelOK, Subject: "Link", Text: "Here after 0.8 s, hosted by ana@example.com."},
		{Level: views.LevelOK, Subject: "Getting in", Text: "Everyone can get in."},
		{Level: views.LevelOK, Subject: "Deletion", Text: "Deleted in 0.3 s."},
		{Level: views.LevelNote, Subject: "Event", Text: "No event about the meeting arrived."},
		{Level: views.LevelOK, Subject: "Resolved", Text: "The incident is resolved."},
	}
	point := func(at float64, level views.Level, result, took string, seconds float64) views.DrillPoint {
		return views.DrillPoint{Label: "22 Nov 2026", At: at, Level: level, Result: result, Took: took, Seconds: seconds, Linked: seconds > 0}
	}
	return views.DrillsPage{
		Frame: in("Drills", "account"), CanRun: true, Key: "KEY",
		Runbooks:  []views.Choice{{Value: "1", Label: "Production outage", Selected: true}, {Value: "2", Label: "Security incident"}},
		Schedules: []views.Choice{{Value: "off", Label: "Never"}, {Value: "daily", Label: "Every day", Selected: true}},
		Hours:     []views.Choice{{Value: "6", Label: "06:00 UTC", Selected: true}},
		Schedule:  "Every day at 06:00 UTC", Next: when(-4 * time.Hour),
		Says: "3 drills, 1 failed.",
		Chart: views.DrillChart{Title: "Time from incident to link", From: "24 Aug", To: "22 Nov", Limit: 3, Points: []views.DrillPoint{
			point(0.2, views.LevelOK, "Passed", "0.8 s", 0.8), point(0.5, views.LevelWarning, "Passed with a warning", "4.1 s", 4.1), point(1, views.LevelBad, "Failed", "no link", 0),
		}},
		Rows: []views.DrillRow{
			{At: when(0), By: "ana@example.com", RunbookName: "Production outage", Key: "INC-44", Href: "/incidents/44", Result: "Running", Stages: stages[:1], Now: "Waiting for its link."},
			{At: when(time.Hour), By: "the schedule", RunbookName: "Production outage", Key: "INC-43", Href: "/incidents/43", Result: "Failed", Level: views.LevelBad,
				Stages: []views.DrillStage{stages[0], {Level: views.LevelBad, Subject: "Link", Text: "There was no link. Zoom rejected the token.", Fix: "Replace the client secret."}, stages[5]}},
			{At: when(25 * time.Hour), By: "the schedule", RunbookName: "Production outage", Key: "INC-42", Href: "/incidents/42", Result: "Passed", Level: views.LevelOK, Stages: stages},
		},
		More: 60,
	}
}

func TestDrills(t *testing.T) {
	t.Parallel()
	empty := drillsFull()
	empty.Rows, empty.Chart, empty.Runbooks, empty.Next, empty.More = nil, views.DrillChart{}, nil, views.When{}, 0
	viewer := drillsFull()
	viewer.CanRun = false
	refused := drillsFull()
	refused.Problem, refused.Errors = "No drill was started.", map[string]string{"runbook": "Choose another runbook.", "planned": "Choose another runbook.", "hour": "Enter an hour from 0 to 23."}
	long := drillsFull()
	long.Runbooks[0].Label, long.Rows[1].By, long.Rows[1].RunbookName, long.Rows[1].Stages[1].Text = longWords, longWord, longWords, longWord
	nasty := drillsFull()
	nasty.Runbooks[0].Label, nasty.Rows[1].By, nasty.Rows[1].RunbookName, nasty.Rows[1].Stages[1].Text = hostile, hostile, hostile, hostile
	var all []golden
	for _, c := range []struct {
		name string
		page views.DrillsPage
	}{{"full", drillsFull()}, {"empty", empty}, {"viewer", viewer}, {"error", refused}, {"long", long}, {"hostile", nasty}} {
		all = append(all, golden{"drills-" + c.name, views.Drills(c.page)})
	}
	testGolden(t, all)
}
