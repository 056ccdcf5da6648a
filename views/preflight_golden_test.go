package views_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

func preflightFull() views.PreflightPage {
	cell := func(level views.Level, f words.Finding) views.PreflightCell {
		said := f.Says()
		return views.PreflightCell{Level: level, Text: f.Cell(), Title: said.Subject + ": " + said.Reason, Fix: said.Fix}
	}
	pmi := cell("warning", words.Finding{Code: "pmi_scheduled"})
	pmi.Href = "/preflight/fix?code=pmi_scheduled&email=ravi%40example.com"
	return views.PreflightPage{
		Frame: in("Pre-flight", "preflight"), CanChange: true, Level: "bad", Title: words.Preflight(4, 1, 1, 2, 0), Waiting: 1, FixAll: "/preflight/fix",
		Checks: []string{"Zoom user", "PMI, scheduled", "Waiting room"}, OnCall: "bo@example.com",
		Rows: []views.PreflightRow{
			{Email: "oncall@example.com", Roles: "Backup user", Level: "ok", Checked: when(3 * time.Hour), Cells: []views.PreflightCell{
				cell("ok", words.Finding{Code: "user", Fine: true, Topic: "backup_user", Email: "oncall@example.com"}), cell("ok", words.Finding{Code: "pmi_scheduled", Fine: true}), cell("ok", words.Finding{Code: "waiting_room", Fine: true})}},
			{Email: "ravi@example.com", Roles: "Opened incidents", Level: "bad", Checked: when(3 * time.Hour), Cells: []views.PreflightCell{
				cell("bad", words.Finding{Code: "user_inactive", Value: "inactive", Email: "ravi@example.com"}), pmi, cell("warning", words.Finding{Code: "waiting_room", Locked: true})}},
			{Email: "bo@example.com", Roles: "On call", Level: "unknown", Cells: make([]views.PreflightCell, 3)},
		},
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	long, nasty, viewer := preflightFull(), preflightFull(), preflightFull()
	long.Rows[1].Email, long.Rows[1].Cells[0].Title, long.OnCall = longWord, longWords, longWords
	nasty.Rows[1].Email, nasty.Rows[1].Cells[0].Text, nasty.Rows[1].Cells[0].Title, nasty.OnCall = hostile, hostile, hostile, hostile
	nasty.Rows[1].Cells[1].Href = "javascript:alert(1)"
	viewer.CanChange, viewer.FixAll, viewer.Rows[1].Cells[1].Href = false, "", ""
	refused := preflightFull()
	refused.OnCall, refused.OnCallBad = "bo@", "“bo@” isn’t an email address. Enter one address a line."
	change := views.PreflightChange{Email: "ravi@example.com", Value: "ravi@example.com pmi_scheduled"}
	change.Setting, change.Before, change.After = words.SettingFix("pmi_scheduled")
	badChange := change
	badChange.Email, badChange.Value = hostile, hostile
	fix := func(list ...views.PreflightChange) views.PreflightFixPage {
		return views.PreflightFixPage{Frame: in("Fix settings", "preflight"), Changes: list}
	}
	testGolden(t, []golden{
		{"preflight-full", views.Preflight(preflightFull())},
		{"preflight-long", views.Preflight(long)},
		{"preflight-hostile", views.Preflight(nasty)},
		{"preflight-viewer", views.Preflight(viewer)},
		{"preflight-refused", views.Preflight(refused)},
		{"preflight-empty", views.Preflight(views.PreflightPage{Frame: in("Pre-flight", "preflight"), Empty: "Connect a Zoom app that can create meetings first."})},
		{"preflight-fix", views.PreflightFix(fix(change, change))},
		{"preflight-fix-hostile", views.PreflightFix(fix(badChange))},
		{"preflight-fix-none", views.PreflightFix(fix())},
	})
}
