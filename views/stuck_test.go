package views_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/views"
)

func TestStuck(t *testing.T) {
	t.Parallel()
	full := func() views.StuckPage {
		return views.StuckPage{Frame: in("Incidents that can’t be stored", "overview"), Rows: []views.StuckRow{
			{ID: "1", Name: "db down", Why: "Drawbridge refuses these fields: runbook.", Tries: "Tried 7 times, next at 02:18:07.", Saved: true, Description: "All of it.",
				Facts: []views.KeyValue{{Key: "Opened", When: when(time.Hour)}, {Key: "By", Value: "pager"}, {Key: "customer", Value: "ACME"}}},
			{ID: "2", Name: "The link of a stored incident", Why: "What it belongs to has been deleted.", Tries: "Tried 3 times, next at 02:18:09."},
		}}
	}
	long, nasty := full(), full()
	long.Rows[0].Name, long.Rows[0].Description, long.Rows[0].Facts[1].Value = longWords, longWord, longWord
	nasty.Rows[0].Name, nasty.Rows[0].Why, nasty.Rows[0].Description, nasty.Rows[0].Facts[2] = hostile, hostile, hostile, views.KeyValue{Key: hostile, Value: hostile}
	testGolden(t, []golden{
		{"stuck-full", views.Stuck(full())}, {"stuck-empty", views.Stuck(views.StuckPage{Frame: in("Incidents that can’t be stored", "overview")})},
		{"stuck-long", views.Stuck(long)}, {"stuck-hostile", views.Stuck(nasty)},
	})
}
