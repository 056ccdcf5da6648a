package views_test

import (
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/views"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

var (
	longWord  = strings.Repeat("incident", 37) + "four"
	longWords = strings.Repeat("the database of the shop does not answer ", 7) + "since then"
)

func accountGuide() views.AccountGuide {
	return views.AccountGuide{
		WebhookURL:  "https://bridge.example.com/webhook",
		ValidatedAt: when(3 * 24 * time.Hour),
		LastEventAt: when(40 * time.Second),
		Scopes: []views.AccountScope{
			{Granular: "meeting:write:meeting:admin", Classic: "meeting:write:admin", For: "Create bridges"},
			{Granular: "meeting:delete:meeting:admin", Classic: "meeting:write:admin", For: "Delete a duplicate meeting"},
			{Granular: "cloud_recording:read:recording:admin", Classic: "recording:read:admin", For: "Get the recording", Optional: true},
		},
		Events: []views.AccountEvent{{Event: "meeting.started", Name: "Start Meeting", For: "The call of the bridge starts."}},
	}
}

func accountFull() views.AccountPage {
	return views.AccountPage{
		Frame: in("Zoom account", "account"),
		Auth:  "server_to_server", InUse: "server_to_server",
		AccountID: "Xk3fPz8rQ1uWvB7nLm2T9A", ClientID: "h7Gd2kLqRvOeXp4sYw8Tn", AppID: "nqSreNVsQ2eGzUMGnA8AHA",
		ClientSecret:  views.StoredSecret{Set: true, SetAgo: "3 days ago", By: "root@example.com", EndsIn: "9f2c"},
		WebhookToken1: views.StoredSecret{Set: true, SetAgo: "20 min ago", By: "root@example.com", EndsIn: "Qx7A"},
		WebhookToken2: views.StoredSecret{Set: true, SetAgo: "3 days ago", By: "root@example.com", EndsIn: "m0Zk"},
		BackupUsers:   "oncall@example.com", Cluster: "zoom.us", Version: 4, CanEdit: true,
		Guide: accountGuide(), Health: unwell(),
		Gaps: &views.DeliveriesCard{AppID: true, CanLook: true, LastLook: when(20 * time.Minute), Compared: 1204, NextLook: when(-40 * time.Minute), Recovered: 3, RecoveredHref: "/events?recovered=1"},
		Check: views.AccountCheck{
			CheckedAt: when(2 * time.Minute),
			Steps: []views.AccountStep{
				{Level: "ok", Title: "Connect", Text: "Server-to-Server OAuth"},
				{Level: "bad", Title: "Check", Text: "3 problems", At: when(2 * time.Minute)},
				{Level: "unknown", Title: "Webhook", Text: "Zoom hasn’t validated this address yet"},
			},
			Lines: []views.CheckLine{
				found("ok", words.Finding{Code: "token", Until: now.Add(42 * time.Minute)}),
				found("ok", words.Finding{Code: "user", Topic: "backup_user", Email: "oncall@example.com"}),
				found("bad", words.Finding{Code: "pmi_scheduled", Email: "oncall@example.com"}),
				found("warning", words.Finding{Code: "waiting_room", Email: "oncall@example.com"}),
				found("ok", words.Finding{Code: "join_before_host", Email: "oncall@example.com"}),
				found("ok", words.Finding{Code: "cloud_recording", Email: "oncall@example.com"}),
				found("unknown", words.Finding{Code: "not_validated"}),
			},
			Features: []views.ScopeFeature{
				{Level: "ok", Feature: words.Feature("open_bridge"), Scope: "meeting:write:meeting:admin"},
				{Level: "ok", Feature: words.Feature("reconcile"), Scope: "meeting:read:meeting:admin"},
				{Level: "warning", Feature: words.Feature("delete_twin"), Scope: "meeting:delete:meeting:admin", Classic: "meeting:write:admin"},
				{Level: "ok", Feature: words.Feature("check_people"), Scope: "user:read:admin"},
			},
			Email: "ana@example.com", Typed: "ana@example.com",
			Other: []views.CheckLine{
				found("ok", words.Finding{Code: "user", Email: "ana@example.com"}),
				found("ok", words.Finding{Code: "pmi_scheduled", Email: "ana@example.com"}),
			},
		},
	}
}

func TestAccount(t *testing.T) {
	t.Parallel()
	jwt := accountFull()
	jwt.Auth, jwt.InUse = "jwt", "jwt"
	jwt.APIKey, jwt.APISecret = "k9-LegacyKey", views.StoredSecret{Set: true, SetAgo: "2 years ago", By: "root@example.com", EndsIn: "77aa"}
	jwt.ClientSecret = views.StoredSecret{}
	jwt.AccountID, jwt.ClientID = "", ""
	jwt.WebhookToken2 = views.StoredSecret{}
	jwt.Check.Lines = []views.CheckLine{found("bad", words.Finding{Code: "no_token", Zoom: &words.Problem{Code: "wrong_api_key"}})}
	jwt.Check.Features, jwt.Check.Other, jwt.Check.Email, jwt.Check.Typed = nil, nil, "", ""

	onlyEvents := accountFull()
	onlyEvents.Auth, onlyEvents.InUse = "webhook_only", "webhook_only"
	onlyEvents.ClientSecret, onlyEvents.Gaps = views.StoredSecret{}, nil
	onlyEvents.Check = views.AccountCheck{CheckedAt: when(2 * time.Minute), OnlyEvents: true, Steps: []views.AccountStep{
		{Level: "ok", Title: "Connect", Text: "Webhooks only"}, {Level: "note", Title: "Check", Text: "Doesn’t apply: the app can’t create meetings"},
		{Level: "ok", Title: "Webhook", Text: "Zoom validated this address", At: when(time.Hour)},
	}, Lines: []views.CheckLine{
		found("note", words.Finding{Code: "only_events"}), found("ok", words.Finding{Code: "validated", Fine: true}),
	}}

	refused := accountFull()
	refused.BackupUsers = "oncall@"
	refused.AccountID = ""
	refused.Errors = map[string]string{
		"backup_user_emails": "That isn’t an email address. Type it in full, such as oncall@example.com.",
		"account_id":         "Copy the account ID from the app's page in Zoom's marketplace.",
		"client_secret":      "A client secret has no spaces in it.",
	}
	refused.Conflict = "ana@example.com changed this page 1 min ago. Saving now replaces that change."
	refused.Check.EmailErr = "Type an email address."

	refused.Static = views.StaticLinksForm{Version: 3, Links: []views.StaticLink{{Name: "War room", URL: "http://meet.example.com/war", Host: "meet.example.com", Phone: "+47 21 00 00 00", PIN: "4711"}, {}},
		Errors: map[string]string{"static_links.0.url": "Paste a complete link that starts with https://."}, Focus: "static_links.1.name"}

	responder := accountFull()
	responder.CanEdit, responder.Frame.User = false, &views.Person{Name: "Ravi Responder", Email: "ravi@example.com", Role: "responder"}
	notSaved := accountFull()
	notSaved.Problem = "The store is full."

	hostilePage := accountFull()
	hostilePage.AccountID, hostilePage.ClientID, hostilePage.BackupUsers = hostile, longWord, hostile
	hostilePage.Check.Lines = append(hostilePage.Check.Lines, views.CheckLine{Level: "bad", Subject: hostile, Reason: longWord, Fix: hostile})
	hostilePage.Check.Email, hostilePage.Check.Typed = hostile, hostile
	hostilePage.Static = views.StaticLinksForm{Problem: hostile, Links: []views.StaticLink{{Name: hostile, URL: "javascript:alert(1)", Host: hostile, Phone: hostile, PIN: longWord}}}
	hostilePage.ClientSecret.By = longWord
	hostilePage.Gaps = &views.DeliveriesCard{AppID: true, CanLook: true, Scope: hostile, LastLook: when(0), By: hostile, Lost: 1204, Recovered: 2, RecoveredHref: "javascript:alert(1)", Problem: hostile, Fix: longWord}

	cases := []struct {
		name string
		page views.AccountPage
	}{
		{"full", accountFull()}, {"only-events", onlyEvents}, {"responder", responder}, {"not-saved", notSaved}, {"jwt", jwt}, {"error", refused}, {"hostile", hostilePage},
	}
	var all []golden
	for _, c := range cases {
		all = append(all, golden{"account-" + c.name, views.Account(c.page)})
	}
	testGolden(t, all)
}
