package handlers_test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// accountFields is the form of a complete account.
func accountFields(version int64, changes ...string) []string {
	v := pairs("auth", "server_to_server", "account_id", zoomAccount, "client_id", zoomClient, "client_secret", zoomSecret,
		"backup_user_emails", "oncall@example.com", "webhook_secret_token_1", webhookToken, "cluster", "zoom.us",
		"version", strconv.FormatInt(version, 10), "op", "save")
	for i := 0; i < len(changes); i += 2 {
		v.Set(changes[i], changes[i+1])
	}
	var fields []string
	for name := range v {
		fields = append(fields, name, v.Get(name))
	}
	return fields
}

func TestAccountPage(t *testing.T) {
	t.Parallel()
	t.Run("before anything is saved", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		page := o.as(incident.Admin).get("/account")
		page.want(t, http.StatusOK, "Not connected yet", "https://bridge.example.com/webhook", "Zoom hasn’t validated this address yet",
			"meeting:write:meeting:admin", "meeting:write:admin", "meeting.participant_joined", "Not checked yet")
	})
	t.Run("connected", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		o.wait(3 * 24 * time.Hour)
		page := o.as(incident.Admin).get("/account")
		page.want(t, http.StatusOK, "Uses Server-to-Server OAuth", "Set 3 days ago by command line", "1f0c")
		if got := page.value("account_id"); got != zoomAccount {
			t.Errorf("account_id is %q", got)
		}
		if strings.Contains(page.body, "CANARY") {
			t.Error("the page holds a secret")
		}
	})
	t.Run("the other tab", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		o.as(incident.Admin).get("/account?auth=jwt").want(t, http.StatusOK, "Zoom ended JWT apps on 2023-09-08", "API key", "Move to Server-to-Server")
	})
	t.Run("a viewer changes nothing", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		page := o.as(incident.Viewer).get("/account")
		page.want(t, http.StatusOK)
		for _, text := range []string{"Replace secret", webhookToken[len(webhookToken)-4:], zoomSecret[len(zoomSecret)-4:], "press Check connection", "when you press"} {
			if strings.Contains(page.text(), text) {
				t.Errorf("a viewer reads %q", text)
			}
		}
		if strings.Contains(page.text(), "Save account and check") || strings.Contains(page.body, `action="/account/check"`) {
			t.Error("a viewer is offered to change the account")
		}
	})
	t.Run("an unknown query", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).get("/account?evil=1").want(t, http.StatusBadRequest)
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		testBroken(t, o, "accounts", func() reply { return b.get("/account") })
	})
}

func TestSaveAccount(t *testing.T) {
	t.Parallel()
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		testGuard(t, o, "/account", incident.Admin, accountFields(0)...)
		if o.account().Version != 0 {
			t.Error("the account was saved")
		}
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		page := b.post("/account", accountFields(0, "account_id", "", "backup_user_emails", "oncall@", "client_secret", "SHY has spaces", "webhook_secret_token_1", "short")...)
		page.want(t, http.StatusUnprocessableEntity, "Not saved", "fields need another look", "Copy the account ID", "This isn’t an email address.", "This doesn’t look like a value from Zoom", "at least 16 characters")
		if got := page.value("client_id"); got != zoomClient {
			t.Errorf("what was typed is not kept: client_id is %q", got)
		}
		if got := page.value("backup_user_emails"); got != "oncall@" {
			t.Errorf("what was typed is not kept: backup_user_emails is %q", got)
		}
		if strings.Contains(page.body, "SHY") || strings.Contains(o.log.String(), "SHY") {
			t.Error("a typed secret came back")
		}
		if o.account().Version != 0 {
			t.Error("the account was saved")
		}
	})
	t.Run("a valid secret next to an invalid field", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		page := o.as(incident.Admin).post("/account", accountFields(0, "account_id", "")...)
		page.want(t, http.StatusUnprocessableEntity, "Copy the account ID", "Enter it again.")
		if strings.Contains(page.body, "CANARY") {
			t.Error("a typed secret came back")
		}
		if n := strings.Count(page.text(), "Enter it again."); n != 2 {
			t.Errorf("%d secrets have to be typed again, want 2", n)
		}
	})
	t.Run("only a conflict says that someone else changed it", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		page := b.post("/account", accountFields(0, "account_id", "")...)
		page.want(t, http.StatusUnprocessableEntity, "Not saved")
		if strings.Contains(page.text(), "Someone else changed") {
			t.Errorf("nobody else did: %s", page.text())
		}
		o.connect()
		b.post("/account", accountFields(0)...).want(t, http.StatusUnprocessableEntity, "Someone else changed this page")
	})
	t.Run("unknown field", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).post("/account", accountFields(0, "role", "admin")...).want(t, http.StatusBadRequest)
	})
	t.Run("version that isn’t a number", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).post("/account", accountFields(0, "version", "1; DROP")...).want(t, http.StatusBadRequest)
	})
	t.Run("conflict", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		o.wait(2 * time.Minute)
		page := b.post("/account", accountFields(0, "client_id", "Typed")...)
		page.want(t, http.StatusUnprocessableEntity, "command line changed this 2 min ago. Saving now replaces that change.")
		if got := page.value("client_id"); got != "Typed" {
			t.Errorf("client_id is %q", got)
		}
		if got := page.value("version"); got != "1" {
			t.Errorf("the form comes back with version %q, so it can never be saved", got)
		}
		if o.account().ClientID != zoomClient {
			t.Error("the account was overwritten")
		}
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		testBroken(t, o, "audit_entries", func() reply { return b.post("/account", accountFields(0)...) })
		if o.account().Version != 0 {
			t.Error("half of the account was saved")
		}
		if strings.Contains(o.log.String(), "CANARY") {
			t.Error("a secret is in the log")
		}
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		page := b.post("/account", accountFields(0)...).leadsTo(b, "/account", "The account was saved.", "client secret", "The check found nothing wrong. Next, validate the webhook address in Zoom.", "Active and licensed.")
		if strings.Contains(page.body, "CANARY") || strings.Contains(o.log.String(), "CANARY") {
			t.Error("a secret came out")
		}
		a := o.account()
		if a.Secrets[incident.ClientSecret].Value.Reveal() != zoomSecret || a.Secrets[incident.ClientSecret].SetBy != "admin@example.com" || !slices.Equal(a.BackupUsers, []string{"oncall@example.com"}) {
			t.Errorf("stored: %+v", a)
		}
		if a.Check.At.IsZero() {
			t.Error("the account was not checked")
		}
		o.wantTrail("account.save")
		if calls := o.sim.Calls(); len(calls) == 0 {
			t.Error("Zoom was not asked")
		}
	})
	t.Run("blank keeps the secrets", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		b.post("/account", accountFields(1, "client_secret", "", "webhook_secret_token_1", "", "backup_user_emails", "pmi@example.com")...).
			leadsTo(b, "/account", "Saved: backup users.")
		a := o.account()
		if a.Secrets[incident.ClientSecret].Value.Reveal() != zoomSecret || a.Secrets[incident.WebhookToken1].Value.Reveal() != webhookToken {
			t.Error("a secret is gone")
		}
	})
	t.Run("nothing changed", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		b.post("/account", accountFields(1, "client_secret", "", "webhook_secret_token_1", "")...).leadsTo(b, "/account", "Nothing was changed.")
		if v := o.account().Version; v != 1 {
			t.Errorf("version %d, want 1", v)
		}
	})
	t.Run("rotate the secret token", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		const next = "next-webhook-token-0123456789"
		b.post("/account", accountFields(1, "client_secret", "", "webhook_secret_token_1", next, "keep_webhook_secret_token_1", "true")...).
			leadsTo(b, "/account", "Saved: secret token, older secret token.", "6789", "22aa")
		a := o.account()
		if got := a.Secrets[incident.WebhookToken1].Value.Reveal(); got != next {
			t.Errorf("the newest token is %q", got)
		}
		if got := a.Secrets[incident.WebhookToken2].Value.Reveal(); got != webhookToken {
			t.Errorf("the older token is %q", got)
		}

		b.post("/account", accountFields(2, "client_secret", "", "webhook_secret_token_1", "", "op", "remove_webhook_secret_token_2")...).
			leadsTo(b, "/account", "The older secret token was removed.")
		if _, there := o.account().Secrets[incident.WebhookToken2]; there {
			t.Error("the older token is still there")
		}
	})
	t.Run("replace the secret token without overlap", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		b.post("/account", accountFields(1, "client_secret", "", "webhook_secret_token_1", "next-webhook-token-0123456789")...).leadsTo(b, "/account", "Saved: secret token.")
		if _, there := o.account().Secrets[incident.WebhookToken2]; there {
			t.Error("the token that was replaced is still accepted")
		}
	})
	t.Run("move from a JWT app to Server-to-Server", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		b.post("/account", "auth", "jwt", "api_key", "TheApiKey", "api_secret", "the-api-secret-of-the-app", "backup_user_emails", "oncall@example.com",
			"webhook_secret_token_1", webhookToken, "cluster", "zoom.us", "version", "0", "op", "save").leadsTo(b, "/account", "Uses a JWT app")
		b.get("/account?auth=server_to_server").want(t, http.StatusOK, "Moving from the JWT app")
		b.post("/account", accountFields(1, "webhook_secret_token_1", "")...).leadsTo(b, "/account", "Uses Server-to-Server OAuth", "connection type")
		a := o.account()
		if a.APIKey != "TheApiKey" || a.Secrets[incident.APISecret].Value.IsZero() || a.Secrets[incident.WebhookToken1].Value.Reveal() != webhookToken {
			t.Error("moving lost something besides the way to get a token")
		}
	})
	t.Run("Zoom doesn’t know the secret", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		b.post("/account", accountFields(0, "client_secret", "another-secret-altogether")...).leadsTo(b, "/account", "The account was saved.", "The check found 1 problem.", "bad Access token")
	})
}

func TestCheckAccount(t *testing.T) {
	t.Parallel()
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		testGuard(t, o, "/account/check", incident.Admin, "email", "")
		if len(o.sim.Calls()) > 0 {
			t.Error("Zoom was asked")
		}
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		page := b.post("/account/check", "email", "ana@")
		page.want(t, http.StatusUnprocessableEntity, "This isn’t an email address.")
		if got := page.value("email"); got != "ana@" {
			t.Errorf("email is %q", got)
		}
		part := b.send(http.MethodPost, "/account/check", pairs("email", "ana@"), "HX-Request", "true")
		part.want(t, http.StatusOK, "This isn’t an email address.")
		if strings.Contains(part.body, "<html") {
			t.Error("htmx got a whole page")
		}
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		testBroken(t, o, "accounts", func() reply { return b.post("/account/check", "email", "") })
	})
	t.Run("before anything is saved", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).post("/account/check").want(t, http.StatusOK, "No Zoom app is connected.")
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		part := b.send(http.MethodPost, "/account/check", pairs("email", "PMI@example.com "), "HX-Request", "true")
		part.want(t, http.StatusOK, "Backup user oncall@example.com", "pmi@example.com", "use_pmi_for_scheduled_meetings", "ok Create bridges")
		if strings.Contains(part.body, "<html") {
			t.Error("htmx got a whole page")
		}
		b.get("/account").want(t, http.StatusOK, "use_pmi_for_scheduled_meetings")
		if o.account().Check.At.IsZero() {
			t.Error("the result is not kept")
		}
	})
	t.Run("the line above the form is replaced too", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		check := func() reply {
			return b.send(http.MethodPost, "/account/check", url.Values{}, "HX-Request", "true")
		}
		green := "Everything that was checked works."
		check()
		o.must(o.service.NoteValidation(t.Context()))
		check().want(t, http.StatusOK, green)
		b.get("/account").want(t, http.StatusOK, green)
		o.sim.SetFaults(func(f *zoomsim.Faults) { f.TokenRefused = true })
		part := check()
		part.want(t, http.StatusOK, "1 thing doesn’t work.")
		if !strings.HasPrefix(part.body, `<section`) || !strings.Contains(part.body, `id="check"`) || strings.Contains(part.body, green) {
			t.Errorf("the verdict is not replaced: %s", part.body)
		}
		// One failure is said once, above what is fine.
		page := b.get("/account")
		if n := strings.Count(page.text(), "Zoom doesn’t know the client ID"); n != 1 || strings.Contains(page.text(), "New incidents won’t get") {
			t.Errorf("the failure is said %d times: %s", n, page.text())
		}
		// It disappears with the next check.
		o.sim.SetFaults(func(f *zoomsim.Faults) { f.TokenRefused = false })
		check().want(t, http.StatusOK, green, "checks are fine", "Check Nothing wrong")
		if page := b.get("/account"); strings.Contains(page.text(), "Zoom doesn’t know the client ID") {
			t.Errorf("the failure is still there: %s", page.text())
		}
	})
	t.Run("what fails comes first and what is fine is folded", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		o.sim.SetFaults(func(f *zoomsim.Faults) { f.MissingScopes = []string{"user:read:settings:admin"} })
		page := o.as(incident.Admin).post("/account/check")
		order := []string{"to check", "Connect", "They can’t be read.", "Add user:read:settings:admin", "checks are fine", "Zoom issued a token"}
		at := 0
		for _, text := range order {
			i := strings.Index(page.text()[at:], text)
			if i < 0 {
				t.Fatalf("%q isn’t there, or too early: %s", text, page.text())
			}
			at += i
		}
		// Others read what it means for them, not what an admin does about it.
		for _, role := range []incident.Role{incident.Responder, incident.Viewer} {
			text := o.as(role).get("/account").text()
			for _, word := range []string{"scope", "user:read", "token", "secret", "Marketplace", "Client ID", "Server’s"} {
				if strings.Contains(text, word) {
					t.Errorf("a %s reads %q: %s", role, word, text)
				}
			}
		}
	})
	t.Run("the line above the form counts what was found about the other user", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		o.must(o.service.NoteValidation(t.Context()))
		const amber = "1 thing to check."
		b.post("/account/check", "email", "pmi@example.com").want(t, http.StatusOK, amber, "use_pmi_for_scheduled_meetings")
		b.get("/account").want(t, http.StatusOK, amber)
		b.post("/account/check", "email", "ana@").want(t, http.StatusUnprocessableEntity, amber, "use_pmi_for_scheduled_meetings")
	})
	t.Run("missing scopes", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		o.sim.SetFaults(func(f *zoomsim.Faults) { f.MissingScopes = []string{"user:read:settings:admin"} })
		o.as(incident.Admin).post("/account/check").want(t, http.StatusOK, "Add user:read:settings:admin", "user:read:admin", "Copy missing scopes")
	})
	t.Run("Zoom is down", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		o.sim.SetFaults(func(f *zoomsim.Faults) { f.Down = true })
		o.as(incident.Admin).post("/account/check").want(t, http.StatusOK, "bad Access token")
	})
}
