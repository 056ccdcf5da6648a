package db_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

func TestAccount(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		got, err := s.Account(ctx)
		check(t, err)
		same(t, got, incident.Account{})
		wantCode(t, s.SaveCheck(ctx, incident.CheckReport{}), incident.NotFound)
		wantCode(t, s.SetWebhookValidated(ctx, now), incident.NotFound)

		want := incident.Account{
			Auth: zoom.ServerToServer, ZoomAccountID: "abc", ClientID: "def", APIKey: "key", Cluster: "zoom.us",
			BackupUser: "oncall@example.com", StandbyMeetings: 2,
			StaticLinks: []incident.StaticLink{{Name: "War room", URL: "https://meet.example.com/war", Phone: "+47 21 00 00 00"}},
		}
		changed := topics(t, s, func() {
			check(t, s.SaveAccount(ctx, want, map[incident.SecretName]incident.Secret{
				incident.ClientSecret: zoom.NewSecret("CANARY-1"), incident.WebhookToken1: zoom.NewSecret("CANARY-2"),
			}, nil, entry("account.save")))
		})
		same(t, changed, []string{db.TopicAccount})
		want.Version, want.UpdatedAt = 1, now
		want.Secrets = map[incident.SecretName]incident.StoredSecret{
			incident.ClientSecret:  {Value: zoom.NewSecret("CANARY-1"), SetAt: now, SetBy: "root@example.com"},
			incident.WebhookToken1: {Value: zoom.NewSecret("CANARY-2"), SetAt: now, SetBy: "root@example.com"},
		}
		got, err = s.Account(ctx)
		check(t, err)
		same(t, got, want)

		report := incident.CheckReport{At: now, Lines: []incident.CheckLine{{Topic: "token", Subject: "Token", Level: "green", Reason: "It works."}}}
		check(t, s.SaveCheck(ctx, report))
		check(t, s.SetWebhookValidated(ctx, after(1)))
		want.Check, want.WebhookValidatedAt = report, after(1)

		// Another save changes what it names and leaves the rest.
		want.Auth, want.StaticLinks = zoom.JWT, nil
		check(t, s.SaveAccount(ctx, want, map[incident.SecretName]incident.Secret{incident.ClientSecret: zoom.NewSecret("CANARY-3")},
			[]incident.SecretName{incident.WebhookToken1}, entry("account.save")))
		want.Version = 2
		delete(want.Secrets, incident.WebhookToken1)
		want.Secrets[incident.ClientSecret] = incident.StoredSecret{Value: zoom.NewSecret("CANARY-3"), SetAt: now, SetBy: "root@example.com"}
		got, err = s.Account(ctx)
		check(t, err)
		same(t, got, want)

		// A save that has not seen the last one changes nothing.
		for _, version := range []int64{0, 1, 3} {
			stale := want
			stale.Version, stale.ClientID = version, "other"
			wantCode(t, s.SaveAccount(ctx, stale, map[incident.SecretName]incident.Secret{incident.ClientSecret: zoom.NewSecret("x")}, nil, entry("x")), incident.Conflict)
		}
		got, err = s.Account(ctx)
		check(t, err)
		same(t, got, want)
		same(t, actions(t, s), []string{"account.save", "account.save"})
	})
}

// A secret belongs to its row: K-08 in the database itself.
func TestAccountSecretMoved(t *testing.T) {
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		s := dbtest.Open(t, cfg)
		check(t, s.SaveAccount(t.Context(), incident.Account{}, map[incident.SecretName]incident.Secret{
			incident.ClientSecret: zoom.NewSecret("CANARY-1"), incident.APISecret: zoom.NewSecret("CANARY-2")}, nil, incident.AuditEntry{}))
		_, err := raw(t, cfg).Exec(`UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 'api_secret')`)
		check(t, err)
		a, err := s.Account(t.Context())
		check(t, err)
		if c := a.Secrets[incident.ClientSecret]; !c.Locked || !c.Value.IsZero() {
			t.Errorf("the moved secret is %+v", c)
		}
		if a.Secrets[incident.APISecret].Locked {
			t.Error("the other secret is locked")
		}
	})
}

func TestSessions(t *testing.T) {
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		clock := now
		cfg.Now = func() time.Time { return clock }
		s := dbtest.Open(t, cfg)
		sessions := s.Sessions()
		data := func(user string) []byte {
			b, err := db.SessionCodec{}.Encode(after(60), map[string]any{db.SessionUser: user, "flash": "Saved."})
			check(t, err)
			return b
		}
		_, found, err := sessions.Find("CANARY-1")
		check(t, err)
		if found {
			t.Fatal("there is a session in an empty database")
		}
		check(t, sessions.Commit("CANARY-1", data(""), after(60)))
		check(t, sessions.Commit("CANARY-1", data("u1"), after(60)))
		check(t, sessions.Commit("CANARY-2", data("u1"), after(120)))
		check(t, sessions.Commit("CANARY-3", data("u2"), after(60)))
		b, found, err := sessions.Find("CANARY-1")
		check(t, err)
		deadline, values, err := db.SessionCodec{}.Decode(b)
		check(t, err)
		if !found || !deadline.Equal(after(60)) {
			t.Errorf("found %v, deadline %v", found, deadline)
		}
		same(t, values, map[string]any{"user_id": "u1", "flash": "Saved."})
		count := func(user string, want int) {
			t.Helper()
			n, err := s.SessionCount(t.Context(), user)
			check(t, err)
			if n != want {
				t.Errorf("%s has %d sessions, want %d", user, n, want)
			}
		}
		count("u1", 2)
		count("", 0)
		for _, row := range rows(t, raw(t, cfg), `SELECT token_hash FROM sessions`) {
			if len(row[0]) != 64 {
				t.Errorf("a token is stored as %s", row[0])
			}
		}

		check(t, sessions.Delete("CANARY-3"))
		check(t, sessions.Delete("CANARY-3"))
		count("u2", 0)

		clock = after(60) // the moment it is over
		if _, found, _ = sessions.Find("CANARY-1"); found {
			t.Error("a session that is over is found")
		}
		count("u1", 1)
		n, err := s.DeleteExpiredSessions(t.Context())
		check(t, err)
		if n != 1 {
			t.Errorf("%d were deleted", n)
		}

		// All of a user's sessions but the one that asks.
		clock = now
		check(t, s.InsertUser(t.Context(), incident.User{ID: "u1", Email: "a@example.com", Role: incident.Viewer, CreatedAt: now}, incident.AuditEntry{}))
		check(t, sessions.Commit("CANARY-4", data("u1"), after(60)))
		check(t, sessions.Commit("CANARY-5", data("u2"), after(60)))
		check(t, s.UpdateUser(t.Context(), incident.User{ID: "u1", Role: incident.Viewer}, true, db.SessionHash("CANARY-4"), incident.AuditEntry{}))
		count("u1", 1)
		if _, found, _ = sessions.Find("CANARY-4"); !found {
			t.Error("the session that asked is gone")
		}
		check(t, s.UpdateUser(t.Context(), incident.User{ID: "u1", Role: incident.Viewer}, true, "", incident.AuditEntry{}))
		count("u1", 0)
		count("u2", 1)
	})
}
