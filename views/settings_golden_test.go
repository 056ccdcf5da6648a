package views_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/views"
)

func usersFull() views.SettingsUsersPage {
	return views.SettingsUsersPage{
		Frame: in("Settings", "settings"), Role: "responder",
		Rows: []views.UserRow{
			{ID: "1", Name: "Root", Email: "root@example.com", Role: "admin", Me: true, LastSeenAt: when(0), CreatedAt: when(3 * 24 * time.Hour), LastAdmin: true},
			{ID: "2", Name: "Ana Ruud", Email: "ana@example.com", Role: "responder", LastSeenAt: when(14 * time.Minute), CreatedAt: when(2 * 24 * time.Hour)},
			{ID: "3", Name: "Bo", Email: "bo@example.com", Role: "viewer", CreatedAt: when(1 * 24 * time.Hour)},
			{ID: "4", Name: "Cy", Email: "cy@example.com", Role: "responder", Disabled: true, LastSeenAt: when(2 * 30 * 24 * time.Hour), CreatedAt: when(1 * 365 * 24 * time.Hour)},
		},
	}
}

func TestSettingsUsers(t *testing.T) {
	t.Parallel()
	refused := usersFull()
	refused.New, refused.Name, refused.Email, refused.Role = true, "Di", "ana@example.com", "admin"
	refused.Errors = map[string]string{"email": "ana@example.com is already a user.", "password": "Use at least 12 characters."}
	long := usersFull()
	long.Rows[1].Name, long.Rows[1].Email = longWords, longWord
	nasty := usersFull()
	nasty.Rows[1].Name, nasty.Rows[1].Email, nasty.Rows[1].Role = hostile, hostile, hostile
	edit := usersFull()
	edit.EditID, edit.Name, edit.Email, edit.Role = "2", "Ana Ruud", "ana@example.com", "responder"
	alone := usersFull()
	alone.Rows = alone.Rows[:1]
	invited := usersFull()
	invited.Rows[1].Invited = true
	invited.Link, invited.LinkFor, invited.LinkUntil = "https://bridge.example.com/setup?token="+longWord[:43], invited.Rows[1].Email, when(-72*time.Hour)
	cases := []struct {
		name string
		page views.SettingsUsersPage
	}{{"empty", alone}, {"full", usersFull()}, {"error", refused}, {"long", long}, {"hostile", nasty}, {"edit", edit}, {"invited", invited}}
	var all []golden
	for _, c := range cases {
		all = append(all, golden{"settings-users-" + c.name, views.SettingsUsers(c.page)})
	}
	testGolden(t, all)
}

func tokensFull() views.SettingsTokensPage {
	return views.SettingsTokensPage{
		Frame: in("Settings", "settings"), Days: 365, ScopeWrite: true,
		Rows: []views.TokenRow{
			{ID: "1", Name: "pager", Scopes: []string{"incidents:write", "read"}, CreatedBy: "root@example.com", CreatedAt: when(3 * 24 * time.Hour), LastUsedAt: when(2 * time.Minute), EndsIn: "9f2c", ExpiresAt: when(-90 * 24 * time.Hour)},
			{ID: "2", Name: "Reports", Scopes: []string{"read"}, CreatedBy: "root@example.com", CreatedAt: when(1 * 24 * time.Hour)},
			{ID: "3", Name: "Old script", Scopes: []string{"read"}, CreatedBy: "ana@example.com", CreatedAt: when(1 * 365 * 24 * time.Hour), LastUsedAt: when(8 * 30 * 24 * time.Hour), RevokedAt: when(2 * 30 * 24 * time.Hour)},
		},
	}
}

func TestSettingsTokens(t *testing.T) {
	t.Parallel()
	made := tokensFull()
	made.New, made.NewName = "dbt_9vJ2fXq0TzB7mK4sLwRcY1uN6aHdEoPg", "pager"
	made.Example = "curl -H 'Authorization: Bearer dbt_9vJ2fXq0TzB7mK4sLwRcY1uN6aHdEoPg' 'https://bridge.example.com/api/v1/incidents'"
	made.Rows[1].ExpiresAt, made.Rows[1].Expired = when(24*time.Hour), true
	refused := tokensFull()
	refused.Open, refused.ScopeWrite, refused.Errors = true, false, map[string]string{"name": "Give the token a name that says what uses it.", "scope": "Tick at least one."}
	nasty := tokensFull()
	nasty.Rows[0].Name, nasty.Rows[0].Scopes = hostile, []string{hostile}
	long := tokensFull()
	long.Rows[0].Name, long.Rows[0].CreatedBy = longWords, longWord
	cases := []struct {
		name string
		page views.SettingsTokensPage
	}{
		{"empty", views.SettingsTokensPage{Frame: in("Settings", "settings"), Days: 365, ScopeWrite: true}},
		{"full", tokensFull()}, {"new", made}, {"error", refused}, {"long", long}, {"hostile", nasty},
	}
	var all []golden
	for _, c := range cases {
		all = append(all, golden{"settings-tokens-" + c.name, views.SettingsTokens(c.page)})
	}
	testGolden(t, all)
}

func TestSettingsAudit(t *testing.T) {
	t.Parallel()
	full := views.SettingsAuditPage{
		Frame: in("Settings", "settings"), Pager: views.Pager{Older: "/settings/audit?cursor=10"},
		Rows: []views.AuditRow{
			{At: when(2 * time.Minute), Who: "root@example.com", What: "changed the Zoom account", From: "10.0.4.7", URL: "/account", Changes: []views.AuditChange{{Field: "Backup user", Before: "ops@example.com", After: "oncall@example.com"}, {Field: "Client secret", Before: "set", After: "changed"}}},
			{At: when(14 * time.Minute), Who: "ana@example.com", What: "opened an incident", Subject: "INC-42", URL: "/incidents/42", From: "10.0.4.9"},
			{At: when(1 * time.Hour), Who: "root@example.com", What: "made an API token", Subject: "pager", From: "command line"},
			{At: when(2 * 24 * time.Hour), Who: "root@example.com", What: "changed a user", Subject: "ana@example.com", From: "10.0.4.7", Changes: []views.AuditChange{{Field: "Role", Before: "viewer", After: "responder"}}},
		},
	}
	nasty := full
	nasty.Query = hostile
	nasty.Rows = []views.AuditRow{{At: when(1 * time.Minute), Who: hostile, What: hostile, Subject: hostile, URL: "javascript:alert(1)", From: hostile, Changes: []views.AuditChange{{Field: hostile, Before: hostile, After: longWord}}}}
	nothing := full
	nothing.Rows, nothing.Pager, nothing.Query = nil, views.Pager{}, "nosuch"
	cases := []struct {
		name string
		page views.SettingsAuditPage
	}{
		{"empty", views.SettingsAuditPage{Frame: in("Settings", "settings")}}, {"nothing", nothing}, {"full", full}, {"hostile", nasty},
	}
	var all []golden
	for _, c := range cases {
		all = append(all, golden{"settings-audit-" + c.name, views.SettingsAudit(c.page)})
	}
	testGolden(t, all)
}

func TestSettingsMe(t *testing.T) {
	t.Parallel()
	full := views.SettingsMePage{Frame: in("Settings", "settings"), Name: "Ana Ruud", Email: "ana@example.com", Role: "responder", Sessions: 3}
	refused := full
	refused.Errors = map[string]string{"current_password": "That is not your current password.", "new_password_again": "The two new passwords differ."}
	nasty := full
	nasty.Name, nasty.Email, nasty.Role = hostile, longWord, hostile
	cases := []struct {
		name string
		page views.SettingsMePage
	}{{"full", full}, {"error", refused}, {"hostile", nasty}}
	var all []golden
	for _, c := range cases {
		all = append(all, golden{"settings-me-" + c.name, views.SettingsMe(c.page)})
	}
	testGolden(t, all)
}

func TestSettingsAbout(t *testing.T) {
	t.Parallel()
	full := views.SettingsAboutPage{
		Frame: in("Settings", "settings"), Version: "v0.1.0", Revision: "19e3fd0", GoVersion: "go1.26.8", Database: "SQLite", DBVersion: "3.53.4", DBSize: "48 MB",
		Counts:    []views.KeyValue{{Key: "Incidents", Value: "42"}, {Key: "Bridges", Value: "44"}, {Key: "Events", Value: "128,204"}, {Key: "Audit entries", Value: "310"}},
		PublicURL: "https://bridge.example.com",
	}
	nasty := full
	nasty.PublicURL, nasty.Version = hostile, hostile
	cases := []struct {
		name string
		page views.SettingsAboutPage
	}{{"full", full}, {"hostile", nasty}}
	var all []golden
	for _, c := range cases {
		all = append(all, golden{"settings-about-" + c.name, views.SettingsAbout(c.page)})
	}
	testGolden(t, all)
}

func TestSettingsRetention(t *testing.T) {
	t.Parallel()
	empty := views.SettingsRetentionPage{
		Frame: in("Settings", "settings"), MinKeep: 7,
		Rows: []views.RetentionRow{{Family: "others", Others: true}, {Family: "meeting"}, {Family: "participant"}, {Family: "recording"}, {Family: "user"}},
	}
	full := empty
	full.Saved, full.Removed, full.ToRemove, full.Blanked = true, 12400, 3100, 1
	full.Rows = []views.RetentionRow{{Family: "others", Others: true, Keep: "400", Blank: "0"}, {Family: "meeting"}, {Family: "participant", Keep: "90", Blank: "30"}}
	preview := full
	preview.Saved, preview.Previewed, preview.Shown, preview.People = false, true, "others: keep 400 days, never blank", 3
	preview.Preview = []views.RetentionEffect{
		{Family: "others", Others: true, Remove: 12400, Held: 1, Oldest: when(400 * 24 * time.Hour)},
		{Family: "participant", Blank: 3100},
	}
	changed := preview
	changed.Message = "These rules differ from the previewed ones. Check what they do, then save."
	changed.Preview, changed.People = []views.RetentionEffect{{Family: "others", Others: true}}, 0
	refused := full
	refused.Errors = map[string]string{"keep_participant": "Give 7 to 3660 days, or 0 to keep them for ever.", "blank_others": "Enter a number of days."}
	nasty := preview
	nasty.Rows = []views.RetentionRow{{Family: hostile, Keep: hostile, Blank: longWord}}
	nasty.Errors = map[string]string{"keep_" + hostile: hostile}
	nasty.Preview = []views.RetentionEffect{{Family: hostile}}
	var all []golden
	for _, c := range []struct {
		name string
		page views.SettingsRetentionPage
	}{{"empty", empty}, {"full", full}, {"preview", preview}, {"changed", changed}, {"error", refused}, {"hostile", nasty}} {
		all = append(all, golden{"settings-retention-" + c.name, views.SettingsRetention(c.page)})
	}
	testGolden(t, all)
}
