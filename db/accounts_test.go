package db_test

import (
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

func TestAccount(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		got, err := s.Account(ctx)
		check(t, err)
		same(t, got, incident.Account{})
		wantCode(t, s.SaveCheck(ctx, incident.CheckReport{}), incident.NotFound)
		wantCode(t, s.SetWebhookValidated(ctx, now), incident.NotFound)

		want := incident.Account{
			Auth: zoom.ServerToServer, ZoomAccountID: "abc", ClientID: "def", APIKey: "key", Cluster: "zoom.us",
			BackupUsers: []string{"oncall@example.com"}, StandbyMeetings: 2,
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

		report := incident.CheckReport{At: now, Lines: []incident.Finding{{Code: incident.FoundToken, Topic: incident.TopicToken, Level: incident.LevelOK, Until: after(60)}}}
		check(t, s.SaveCheck(ctx, report))
		check(t, s.SetWebhookValidated(ctx, after(1)))
		want.Check, want.WebhookValidatedAt = report, after(1)

		// A second save changes the values that it has and leaves the others.
		want.Auth, want.StaticLinks = zoom.JWT, nil
		check(t, s.SaveAccount(ctx, want, map[incident.SecretName]incident.Secret{incident.ClientSecret: zoom.NewSecret("CANARY-3")},
			[]incident.SecretName{incident.WebhookToken1}, entry("account.save")))
		want.Version = 2
		delete(want.Secrets, incident.WebhookToken1)
		want.Secrets[incident.ClientSecret] = incident.StoredSecret{Value: zoom.NewSecret("CANARY-3"), SetAt: now, SetBy: "root@example.com"}
		got, err = s.Account(ctx)
		check(t, err)
		same(t, got, want)

		// A save with an older version changes nothing.
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

// A secret opens only in its own row: K-08 in the database itself.
func TestAccountSecretMoved(t *testing.T) {
	t.Parallel()
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
