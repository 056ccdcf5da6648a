package incident_test

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// accountForm returns the form of the current account, with changes.
func (w *world) accountForm(change func(*incident.AccountForm)) incident.AccountForm {
	w.Helper()
	a := w.account()
	f := incident.AccountForm{
		Auth: string(a.Auth), ZoomAccountID: a.ZoomAccountID, ClientID: a.ClientID, APIKey: a.APIKey,
		Cluster: a.Cluster, BackupUsers: a.BackupUsers, Secrets: map[incident.SecretName]string{}, Version: a.Version,
	}
	if change != nil {
		change(&f)
	}
	return f
}

func (w *world) saveAccount(change func(*incident.AccountForm)) []string {
	w.Helper()
	changed, err := w.service.SaveAccount(w.Context(), admin, w.accountForm(change))
	w.ok(err)
	return fieldsIn(changed)
}

// noSecretIn checks that a text contains none of these tests' secrets.
func noSecretIn(t testing.TB, where, text string) {
	t.Helper()
	for _, secret := range []string{"CANARY", simSecretToken} {
		if strings.Contains(text, secret) {
			t.Errorf("%s holds %q: %s", where, secret, text)
		}
	}
}

func TestSaveAccountRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	version, entries := w.account().Version, len(w.trail())
	secret := func(name incident.SecretName, value string) func(*incident.AccountForm) {
		return func(f *incident.AccountForm) { f.Secrets[name] = value }
	}
	jwt := func(key string) func(*incident.AccountForm) {
		return func(f *incident.AccountForm) { f.Auth, f.APIKey = "jwt", key }
	}
	links := func(urls ...string) func(*incident.AccountForm) {
		return func(f *incident.AccountForm) {
			list := []incident.StaticLink{}
			for _, u := range urls {
				list = append(list, incident.StaticLink{Name: "War room", URL: u})
			}
			f.StaticLinks = &list
		}
	}
	standby := func(n int) func(*incident.AccountForm) {
		return func(f *incident.AccountForm) { f.StandbyMeetings = &n }
	}
	for _, test := range []struct {
		name   string
		change func(*incident.AccountForm)
		want   []string
	}{
		{"no authentication method", func(f *incident.AccountForm) { f.Auth = "" }, []string{"auth"}},
		{"unknown authentication method", func(f *incident.AccountForm) { f.Auth = "oauth1" }, []string{"auth"}},
		{"no account id", func(f *incident.AccountForm) { f.ZoomAccountID = " \n" }, []string{"account_id"}},
		{"F-34 account id of 201 characters", func(f *incident.AccountForm) { f.ZoomAccountID = strings.Repeat("a", 201) }, []string{"account_id"}},
		{"account id that is not text", func(f *incident.AccountForm) { f.ZoomAccountID = "a\xff" }, []string{"account_id"}},
		{"no client id", func(f *incident.AccountForm) { f.ClientID = "" }, []string{"client_id"}},
		{"client id with NUL", func(f *incident.AccountForm) { f.ClientID = "a\x00b" }, []string{"client_id"}},
		{"client secret removed and not given", func(f *incident.AccountForm) { f.Remove = []incident.SecretName{incident.ClientSecret} }, []string{"client_secret"}},
		{"client secret with a space", secret(incident.ClientSecret, "CANARY two"), []string{"client_secret"}},
		{"client secret of two lines", secret(incident.ClientSecret, "CANARY\ntwo"), []string{"client_secret"}},
		{"client secret that is not ASCII", secret(incident.ClientSecret, "CANARY“”"), []string{"client_secret"}},
		{"W-61 client secret of 4 KB", secret(incident.ClientSecret, "CANARY"+strings.Repeat("a", 4<<10)), []string{"client_secret"}},
		{"W-61 secret token of one character", secret(incident.WebhookToken1, "x"), []string{"webhook_secret_token_1"}},
		{"W-61 secret token of 15 characters", secret(incident.WebhookToken2, "CANARY-90123456"[:15]), []string{"webhook_secret_token_2"}},
		{"only events, without a secret token", func(f *incident.AccountForm) {
			f.Auth, f.Remove = "webhook_only", []incident.SecretName{incident.WebhookToken1}
			delete(f.Secrets, incident.WebhookToken1)
		}, []string{"webhook_secret_token_1"}},
		{"no API key", jwt(""), []string{"api_key", "api_secret"}},
		{"API key without a secret", jwt("key"), []string{"api_secret"}},
		{"API secret with a tab", func(f *incident.AccountForm) {
			jwt("key")(f)
			f.Secrets[incident.APISecret] = "CANARY\tx"
		}, []string{"api_secret"}},
		{"unknown cluster", func(f *incident.AccountForm) { f.Cluster = "zoom.us.evil.example" }, []string{"cluster"}},
		{"backup user that is not an address", func(f *incident.AccountForm) { f.BackupUsers = []string{"oncall"} }, []string{"backup_user_emails"}},
		{"backup user with a path", func(f *incident.AccountForm) { f.BackupUsers = []string{"a@example.com/../me"} }, []string{"backup_user_emails"}},
		{"backup user with a name", func(f *incident.AccountForm) { f.BackupUsers = []string{"On Call <oncall@example.com>"} }, []string{"backup_user_emails"}},
		{"two backup users", func(f *incident.AccountForm) { f.BackupUsers = []string{"a@example.com,b@example.com"} }, []string{"backup_user_emails"}},
		{"backup user of two lines", func(f *incident.AccountForm) { f.BackupUsers = []string{"a@example.com\nX: y"} }, []string{"backup_user_emails"}},
		{"negative number of standby meetings", standby(-1), []string{"standby_meetings"}},
		{"too many standby meetings", standby(11), []string{"standby_meetings"}},
		{"I-11 static links that are not https", links("https://meet.example.com/war", "http://meet.example.com", "javascript:alert(1)", "https://", "//meet.example.com", "https://a b"),
			[]string{"static_links.1.url", "static_links.2.url", "static_links.3.url", "static_links.4.url", "static_links.5.url"}},
		{"everything at once", func(f *incident.AccountForm) {
			*f = incident.AccountForm{Auth: "server_to_server", Cluster: "x", BackupUsers: []string{"x"}, Remove: []incident.SecretName{incident.ClientSecret}, Version: f.Version}
		}, []string{"account_id", "backup_user_emails", "client_id", "client_secret", "cluster"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			changed, err := w.service.SaveAccount(t.Context(), admin, w.accountForm(test.change))
			wantFields(t, err, test.want...)
			noSecretIn(t, "the refusal", fmt.Sprintf("%v %+v", err, fieldsOf(t, err)))
			if changed != nil {
				t.Errorf("says that %q changed", changed)
			}
		})
	}
	t.Run("secret with an unknown name", func(t *testing.T) {
		_, err := w.service.SaveAccount(t.Context(), admin, w.accountForm(secret("master_key", "CANARY")))
		wantCode(t, err, incident.Internal)
		noSecretIn(t, "the error", err.Error())
	})
	t.Run("guard: role", func(t *testing.T) {
		for _, actor := range []incident.Actor{anaIs, viewer, {}, {Kind: "token", Email: "script", Role: incident.Responder}} {
			_, err := w.service.SaveAccount(t.Context(), actor, w.accountForm(func(f *incident.AccountForm) { f.BackupUsers = []string{"eve@example.com"} }))
			wantCode(t, err, incident.Forbidden)
		}
	})
	if a := w.account(); a.Version != version || len(w.trail()) != entries {
		t.Errorf("version %d with %d audit entries, want %d and %d: something was written", a.Version, len(w.trail()), version, entries)
	}
	noSecretIn(t, "the log", w.log.String())
}

func TestSaveAccount(t *testing.T) {
	t.Parallel()
	t.Run("blank keeps the stored value, and no change writes nothing", func(t *testing.T) {
		w := newWorld(t)
		before, entries := w.account(), len(w.trail())
		if changed := w.saveAccount(func(f *incident.AccountForm) {
			f.Secrets = map[incident.SecretName]string{incident.ClientSecret: "", incident.WebhookToken1: " \n"}
			f.BackupUsers = []string{" OnCall@Example.com "}
		}); changed != nil {
			t.Errorf("changed %q, want nothing", changed)
		}
		if diff := cmp.Diff(before, w.account(), cmp.Comparer(incident.Secret.Equal)); diff != "" || len(w.trail()) != entries {
			t.Errorf("the account changed (%d audit entries, %d before):\n%s", len(w.trail()), entries, diff)
		}
	})
	t.Run("each field, with its audit entry", func(t *testing.T) {
		w := newWorld(t)
		changed := w.saveAccount(func(f *incident.AccountForm) {
			f.ZoomAccountID, f.ClientID, f.Cluster, f.BackupUsers = " acc2 ", "cid2", "zoomgov.com", []string{"new@example.com", " New@example.com", "second@example.com"}
			f.Secrets[incident.ClientSecret] = "CANARY-second"
			standby, links := 2, []incident.StaticLink{{Name: "War room", URL: "https://meet.example.com/war", Phone: "+47 21 00 00 00"}}
			f.StandbyMeetings, f.StaticLinks = &standby, &links
		})
		if diff := cmp.Diff([]string{"account_id", "client_id", "cluster", "backup_user_emails", "standby_meetings", "static_links.0.name", "static_links.0.url", "static_links.0.phone", "client_secret"}, changed); diff != "" {
			t.Errorf("changed (-want +got):\n%s", diff)
		}
		a := w.account()
		if a.ZoomAccountID != "acc2" || a.ClientID != "cid2" || a.Cluster != "zoomgov.com" || !slices.Equal(a.BackupUsers, []string{"new@example.com", "second@example.com"}) ||
			a.StandbyMeetings != 2 || len(a.StaticLinks) != 1 || a.Secrets[incident.ClientSecret].Value.Reveal() != "CANARY-second" || a.Version != 2 {
			t.Errorf("stored: %+v", a)
		}
		e := w.trail()[0]
		if e.Actor != admin.Email || e.Address != admin.Address {
			t.Errorf("audit entry %+v", e)
		}
		sum := sha256.Sum256([]byte("https://meet.example.com/war"))
		wantEntry(t, e, "account.save", "", incident.Change{Field: "account_id", Before: "acc", After: "acc2"}, incident.Change{Field: "client_id", Before: "cid", After: "cid2"},
			incident.Change{Field: "cluster", Before: "zoom.us", After: "zoomgov.com"}, incident.Change{Field: "backup_user_emails", Before: backup, After: "new@example.com, second@example.com"},
			incident.Change{Field: "standby_meetings", Before: "0", After: "2"}, incident.Change{Field: "static_links.0.name", After: "War room"},
			incident.Change{Field: "static_links.0.url", After: fmt.Sprintf("meet.example.com (%x)", sum[:4])}, incident.Change{Field: "static_links.0.phone", After: "+47 21 00 00 00"},
			incident.Change{Field: "client_secret", After: "replaced"})
		noSecretIn(t, "the audit trail", fmt.Sprintf("%+v", w.trail()))
		noSecretIn(t, "the account when printed", fmt.Sprintf("%v %+v %#v", a, a, a))
	})
	t.Run("pages leave standby meetings and static links out, so they stay", func(t *testing.T) {
		w := newWorld(t)
		w.saveAccount(func(f *incident.AccountForm) {
			standby, links := 3, []incident.StaticLink{{URL: "https://meet.example.com/war"}}
			f.StandbyMeetings, f.StaticLinks = &standby, &links
		})
		w.saveAccount(func(f *incident.AccountForm) { f.BackupUsers = nil })
		if a := w.account(); a.StandbyMeetings != 3 || len(a.StaticLinks) != 1 || len(a.BackupUsers) > 0 {
			t.Errorf("stored: %+v", a)
		}
	})
	t.Run("W-61 spaces and line ends are trimmed, + is kept", func(t *testing.T) {
		w := newWorld(t)
		w.saveAccount(func(f *incident.AccountForm) {
			f.Secrets[incident.WebhookToken1] = "\t a+b/c=d'e\"f+0123456789 \r\n"
			f.Secrets[incident.ClientSecret] = "CANARY+/=\n"
		})
		a := w.account()
		if got := a.Secrets[incident.WebhookToken1].Value.Reveal(); got != `a+b/c=d'e"f+0123456789` {
			t.Errorf("secret token %q", got)
		}
		if got := a.Secrets[incident.ClientSecret].Value.Reveal(); got != "CANARY+/=" {
			t.Errorf("client secret %q", got)
		}
	})
	t.Run("a replaced client secret is used at once", func(t *testing.T) {
		w := newWorld(t)
		w.saveAccount(func(f *incident.AccountForm) { f.Secrets[incident.ClientSecret] = "CANARY-wrong" })
		if _, b := w.open(); b.State != incident.BridgeFailed {
			t.Errorf("with the wrong secret the bridge is %s", b.State)
		}
		w.saveAccount(func(f *incident.AccountForm) { f.Secrets[incident.ClientSecret] = simClientSecret })
		if _, b := w.open(); b.State != incident.BridgeReady {
			t.Errorf("with the right secret the bridge is %s: %s", b.State, why(b))
		}
		if s := w.account().Secrets[incident.ClientSecret]; s.SetBy != admin.Email || s.SetAt.IsZero() {
			t.Errorf("set by %q at %s", s.SetBy, s.SetAt)
		}
	})
	t.Run("a new secret token is valid at once", func(t *testing.T) {
		w := newWorld(t)
		w.must2(w.service.WebhookTokens(t.Context(), false)) // caches them
		const next = "next-webhook-token-0123"
		w.saveAccount(func(f *incident.AccountForm) {
			f.Secrets[incident.WebhookToken1], f.Secrets[incident.WebhookToken2] = next, simSecretToken
		})
		if got := w.webhookTokens(); !slices.Equal(got, []string{next, simSecretToken}) {
			t.Errorf("tokens %q, want the new one first", got)
		}
		if changed := w.saveAccount(func(f *incident.AccountForm) { f.Remove = []incident.SecretName{incident.WebhookToken2} }); !slices.Equal(changed, []string{"webhook_secret_token_2"}) {
			t.Errorf("changed %q", changed)
		}
		if got := w.webhookTokens(); !slices.Equal(got, []string{next}) {
			t.Errorf("tokens %q, want only the new one: the removed one must not sign for another moment", got)
		}
		wantEntry(t, w.trail()[0], "account.save", "", incident.Change{Field: "webhook_secret_token_2", After: "removed"})
	})
	t.Run("removing a secret that is not stored changes nothing", func(t *testing.T) {
		w := newWorld(t)
		entries := len(w.trail())
		changed := w.saveAccount(func(f *incident.AccountForm) { f.Remove = []incident.SecretName{incident.WebhookToken2} })
		if changed != nil || w.account().Version != 1 || len(w.trail()) != entries {
			t.Errorf("changed %q, version %d, %d audit entries more", changed, w.account().Version, len(w.trail())-entries)
		}
	})
	t.Run("a secret that is entered and removed is replaced", func(t *testing.T) {
		w := newWorld(t)
		w.saveAccount(func(f *incident.AccountForm) {
			f.Secrets[incident.ClientSecret] = "CANARY-typed"
			f.Remove = []incident.SecretName{incident.ClientSecret}
		})
		if got := w.account().Secrets[incident.ClientSecret].Value.Reveal(); got != "CANARY-typed" {
			t.Errorf("client secret %q, want the one that was typed", got)
		}
	})
	t.Run("F-35 two tabs", func(t *testing.T) {
		w := newWorld(t)
		first := w.accountForm(func(f *incident.AccountForm) { f.BackupUsers = []string{"one@example.com"} })
		second := w.accountForm(func(f *incident.AccountForm) { f.BackupUsers = []string{"two@example.com"} })
		w.must(w.service.SaveAccount(t.Context(), admin, first))
		entries := len(w.trail())
		_, err := w.service.SaveAccount(t.Context(), admin, second)
		wantCode(t, err, incident.Conflict)
		if a := w.account(); !slices.Equal(a.BackupUsers, []string{"one@example.com"}) || len(w.trail()) != entries {
			t.Errorf("backup users %s: the second tab wrote over the first", a.BackupUsers)
		}
	})
	t.Run("switching from JWT to Server-to-Server and back keeps the rest", func(t *testing.T) {
		w := newWorld(t)
		if changed := w.saveAccount(func(f *incident.AccountForm) {
			f.Auth, f.APIKey = "jwt", " key "
			f.Secrets[incident.APISecret] = simAPISecret
		}); !slices.Equal(changed, []string{"auth", "api_key", "api_secret"}) {
			t.Errorf("changed %q", changed)
		}
		if _, b := w.open(); b.State != incident.BridgeReady {
			t.Errorf("with the JWT app the bridge is %s: %s", b.State, why(b))
		}
		if changed := w.saveAccount(func(f *incident.AccountForm) { f.Auth = "server_to_server" }); !slices.Equal(changed, []string{"auth"}) {
			t.Errorf("changed %q, want only the way to connect", changed)
		}
		if _, b := w.open(); b.State != incident.BridgeReady {
			t.Errorf("after the move the bridge is %s: %s", b.State, why(b))
		}
		a := w.account()
		if a.APIKey != "key" || !slices.Equal(a.BackupUsers, []string{backup}) || a.Secrets[incident.APISecret].Value.Reveal() != simAPISecret ||
			a.Secrets[incident.WebhookToken1].Value.Reveal() != simSecretToken {
			t.Errorf("the move lost something: %+v", a)
		}
	})
	t.Run("starting with events only and moving on keeps everything", func(t *testing.T) {
		w := newWorld(t)
		w.ok(w.service.NoteValidation(t.Context()))
		full := w.account()
		if changed := w.saveAccount(func(f *incident.AccountForm) { f.Auth = "webhook_only" }); !slices.Equal(changed, []string{"auth"}) {
			t.Errorf("changed %q, want only the way to connect", changed)
		}
		_, b := w.open()
		if b.State != incident.BridgeFailed || why(b) != `[{"code":"only_events"}]` || w.creates() > 0 {
			t.Errorf("bridge is %s because %s, and Zoom was asked %d times; want failed at once because the app only sends events", b.State, why(b), w.creates())
		}
		if n, err := w.service.RunOnce(t.Context()); err != nil || w.creates() > 0 {
			t.Errorf("the worker did %d things, error %v, and asked Zoom: an app that can't create meetings is no outage to wait for", n, err)
		}
		w.ok(w.service.UseLink(t.Context(), admin, b.ID, "https://meet.example.com/war", ""))
		if a := w.account(); !a.WebhookValidatedAt.Equal(full.WebhookValidatedAt) || len(a.Secrets) != len(full.Secrets) {
			t.Errorf("lost something: %+v", a)
		}
		w.saveAccount(func(f *incident.AccountForm) { f.Auth = "server_to_server" })
		if _, b := w.open(); b.State != incident.BridgeReady {
			t.Errorf("after moving on the bridge is %s: %s", b.State, why(b))
		}
		if a := w.account(); !a.WebhookValidatedAt.Equal(full.WebhookValidatedAt) || a.Secrets[incident.WebhookToken1].Value.Reveal() != simSecretToken {
			t.Errorf("moving on lost something: %+v", a)
		}
	})
	t.Run("broken: the store is closed", func(t *testing.T) {
		w := newWorld(t)
		form := w.accountForm(func(f *incident.AccountForm) { f.Secrets[incident.ClientSecret] = "CANARY-new" })
		w.ok(w.store.Close())
		_, err := w.service.SaveAccount(t.Context(), admin, form)
		wantCode(t, err, incident.Unavailable)
		noSecretIn(t, "the error", fmt.Sprintf("%v %+v", err, err))
	})
	t.Run("a dry run reports changes and saves nothing", func(t *testing.T) {
		w := newWorld(t)
		entries := len(w.trail())
		dry := w.service.DryRun()
		changed, err := dry.SaveAccount(t.Context(), admin, w.accountForm(func(f *incident.AccountForm) { f.BackupUsers = []string{"new@example.com"} }))
		w.ok(err)
		if !slices.Equal(fieldsIn(changed), []string{"backup_user_emails"}) {
			t.Errorf("changed %q", changed)
		}
		_, err = dry.SaveAccount(t.Context(), admin, w.accountForm(func(f *incident.AccountForm) { f.BackupUsers = []string{"x"} }))
		wantFields(t, err, "backup_user_emails")
		r := w.runbook
		r.Name = "Renamed"
		_, changed, err = dry.SaveRunbook(t.Context(), admin, r)
		w.ok(err)
		if !slices.Equal(fieldsIn(changed), []string{"name"}) {
			t.Errorf("changed %q", changed)
		}
		r.ID = ""
		_, changed, err = dry.SaveRunbook(t.Context(), admin, r)
		w.ok(err)
		if !slices.Contains(changed, incident.Change{Field: "name", After: r.Name}) {
			t.Errorf("changed %q", changed)
		}
		books, err := w.store.Runbooks(t.Context(), false)
		w.ok(err)
		if !slices.Equal(w.account().BackupUsers, []string{backup}) || len(books) != 1 || books[0].Name != w.runbook.Name || len(w.trail()) != entries {
			t.Errorf("the dry run wrote: backup users %s, runbooks %+v", w.account().BackupUsers, books)
		}
		if _, _, err = dry.OpenIncident(t.Context(), admin, incident.OpenRequest{RunbookID: w.runbook.ID, Name: "db down"}); incident.CodeOf(err) != incident.Internal {
			t.Errorf("what a dry run does not know: %v, want it refused", err)
		}
	})
}

func (w *world) must2(_, _ any, err error) {
	w.Helper()
	w.ok(err)
}

func (w *world) webhookTokens() (list []string) {
	w.Helper()
	tokens, locked, err := w.service.WebhookTokens(w.Context(), false)
	w.ok(err)
	if locked {
		w.Error("a token is locked")
	}
	for _, token := range tokens {
		list = append(list, token.Reveal())
	}
	return list
}

// K-07: a store that was sealed with another key.
func TestLockedSecrets(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Migrated(t)
	worldWith(t, dbtest.Open(t, cfg))
	cfg.Keys = dbtest.Keys(t, "another")
	locked := dbtest.Open(t, cfg)
	a, err := locked.Account(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a.Connected() {
		t.Error("an account whose secret cannot be opened counts as connected")
	}
	if tokens, locked := a.WebhookTokens(); len(tokens) != 0 || !locked {
		t.Errorf("%d tokens, locked %v; want none, true", len(tokens), locked)
	}
	service := incident.New(incident.Config{Store: locked, Now: func() time.Time { return dbtest.Now }, Log: slog.New(slog.DiscardHandler)})
	report, err := service.CheckConnection(t.Context(), admin)
	if err != nil || len(report.Lines) != 1 || incident.WorstLevel(report.Lines) != incident.LevelBad || report.Lines[0].Code != incident.FoundSecretLocked {
		t.Errorf("error %v, report %+v; want that the key is wrong, not that nothing is connected", err, report)
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	now := dbtest.Now
	connected := func(lines ...incident.Finding) incident.Account {
		a := incident.Account{Auth: zoom.ServerToServer, ZoomAccountID: "acc", ClientID: "cid", BackupUsers: []string{backup}, WebhookValidatedAt: now,
			Secrets: map[incident.SecretName]incident.StoredSecret{
				incident.ClientSecret: {Value: zoom.NewSecret("x")}, incident.WebhookToken1: {Value: zoom.NewSecret("y")},
			}}
		if lines != nil {
			a.Check = incident.CheckReport{At: now.Add(-time.Hour), Lines: lines}
		}
		return a
	}
	line := func(topic incident.Topic, level incident.Level, email ...string) incident.Finding {
		return incident.Finding{Code: incident.FindingCode(topic), Topic: topic, Level: level, Email: strings.Join(email, "")}
	}
	onlyEvents := connected(line("token", "bad"))
	onlyEvents.Auth = zoom.WebhookOnly
	jwt := connected(line("token", "ok"))
	jwt.Auth = zoom.JWT
	noEvents := connected(line("token", "ok"))
	noEvents.WebhookValidatedAt = time.Time{}
	saved := connected(line("token", "ok"))
	saved.UpdatedAt = now
	for _, test := range []struct {
		name        string
		account     incident.Account
		want        incident.Level
		wantReasons []string
	}{
		{"not connected", incident.Account{}, "bad", []string{"bad not_connected"}},
		{"an app that only sends events", onlyEvents, "note", []string{"note only_events"}},
		{"secret of the other authentication method", jwt, "bad", []string{"bad not_connected"}},
		{"never checked", connected(), "warning", []string{"warning never_checked"}},
		{"saved since the check", saved, "warning", []string{"warning never_checked"}},
		{"everything is fine", connected(line("token", "ok"), line("backup_user", "ok", backup)), "ok", nil},
		{"warning", connected(line("token", "ok"), line("clock", "warning")), "warning", []string{"warning clock"}},
		{"token rejected", connected(line("token", "bad")), "bad", []string{"bad token"}},
		{"missing scope", connected(line("clock", "warning"), line("scopes", "bad")), "bad", []string{"warning clock", "bad scopes"}},
		{"backup user unknown", connected(line("backup_user", "bad", backup)), "warning", []string{"bad backup_user"}},
		{"a setting of the backup user", connected(line("pmi", "warning", backup)), "warning", []string{"warning pmi"}},
		{"other people do not prevent a bridge", connected(line("person", "bad", "ben@example.com"), line("pmi", "warning", "ben@example.com")), "ok", nil},
		{"the webhook does not prevent a bridge", noEvents, "ok", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			level, reasons := test.account.Readiness(now)
			var got []string
			for _, r := range reasons {
				got = append(got, string(r.Level)+" "+string(r.Code))
			}
			if level != test.want || !slices.Equal(got, test.wantReasons) {
				t.Errorf("%s %q, want %s %q", level, got, test.want, test.wantReasons)
			}
		})
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if r := (incident.Account{}).Report(w.clock.Now()); !r.At.IsZero() || len(r.Lines) > 0 || incident.WorstLevel(r.Lines) != "" {
		t.Errorf("before any check: %+v", r)
	}
	w.must(w.service.CheckConnection(t.Context(), admin))
	webhook := func() (level incident.Level) {
		for _, l := range w.account().Report(w.clock.Now()).Lines {
			if l.Topic == "webhook" {
				level += l.Level
			}
		}
		return level
	}
	if got := webhook(); got != incident.LevelWarning {
		t.Errorf("before the validation the webhook is %q, want warning", got)
	}
	w.ok(w.service.NoteValidation(t.Context()))
	if got := webhook(); got != incident.LevelOK {
		t.Errorf("after the validation the webhook is %q, want green without another check", got)
	}
	w.clock.Add(81 * time.Hour)
	if got := webhook(); got != incident.LevelWarning {
		t.Errorf("81 hours later the webhook is %q, want warning", got)
	}
}
