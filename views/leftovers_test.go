package views_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/views"
)

func leftoversFull() views.LeftoversPage {
	return views.LeftoversPage{
		Frame: in("Left-over meetings", "bridges"), CanLook: true, Connected: true, Looked: when(2 * time.Hour), Level: views.LevelWarning,
		Says:     "Zoom listed the meetings of 2 of 3 hosts. Nothing is known about the others:",
		Problems: []views.LeftoverProblem{{Host: "ana@example.com", Text: "Zoom is unreachable.", Fix: "Check the network."}},
		Rows: []views.LeftoverRow{
			{Topic: "SEV1 db down", MeetingID: "87685621847", Host: "oncall@example.com", Since: when(50 * time.Hour), Looked: when(2 * time.Hour), Key: "INC-42", Href: "/incidents/42",
				Why: "The incident is resolved, and nobody joined.", Outcome: "Drawbridge deleted it."},
			{Topic: "SEV2 slow", MeetingID: "87685621848", Host: "bo@example.com", Since: when(90 * time.Hour), Looked: when(2 * time.Hour), Key: "INC-41", Href: "/incidents/41",
				Why: "Zoom made it, and the bridge has another link.", Outcome: "Left: someone joined it, so it may have a recording.", Fix: "Delete it in Zoom if nobody needs it."},
			{Topic: "Standby meeting", MeetingID: "87685621849", Host: "oncall@example.com", Since: when(100 * time.Hour), Looked: when(2 * time.Hour),
				Why: "It was made in advance, and Drawbridge no longer keeps it ready.", Outcome: "Drawbridge deleted it."},
		},
	}
}

func TestLeftovers(t *testing.T) {
	t.Parallel()
	empty := leftoversFull()
	empty.Rows, empty.Problems, empty.Level, empty.Says = nil, nil, views.LevelOK, "Nothing is left over. Zoom listed the meetings of 3 hosts."
	never := empty
	never.Looked, never.Level, never.Connected, never.Says = views.When{}, views.LevelUnknown, false, "Connect a Zoom app that can create meetings. Drawbridge then checks once a day."
	runs := leftoversFull()
	runs.Runs, runs.Looked, runs.CanLook, runs.Problems, runs.Says = true, views.When{}, false, nil, "1 host checked so far."
	long := leftoversFull()
	long.Rows[0].Topic, long.Rows[0].Host, long.Problems[0].Host, long.Problems[0].Text = longWords, longWord, longWord, longWords
	nasty := leftoversFull()
	nasty.Rows[0].Topic, nasty.Rows[0].MeetingID, nasty.Rows[0].Host, nasty.Problems[0].Host, nasty.Problems[0].Text = hostile, hostile, hostile, hostile, hostile
	var all []golden
	for _, c := range []struct {
		name string
		page views.LeftoversPage
	}{{"full", leftoversFull()}, {"empty", empty}, {"never", never}, {"runs", runs}, {"long", long}, {"hostile", nasty}} {
		all = append(all, golden{"leftovers-" + c.name, views.Leftovers(c.page)})
	}
	testGolden(t, all)
}
