package db_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestDeliveryLog(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		save := func(appID string) {
			t.Helper()
			a, err := s.Account(t.Context())
			check(t, err)
			a.Auth, a.AppID = "server_to_server", appID
			check(t, s.SaveAccount(t.Context(), a, nil, nil, incident.AuditEntry{}))
		}
		claim := func(now, before int) (time.Time, bool) {
			t.Helper()
			to, ok, err := s.ClaimGapLook(t.Context(), after(now), after(before))
			check(t, err)
			return to, ok
		}
		if _, ok := claim(0, 0); ok {
			t.Error("claimed without an account")
		}
		save("")
		if _, ok := claim(0, 0); ok {
			t.Error("claimed without an App ID")
		}
		save("nqSreNVsQ2eGzUMGnA8AHA")
		if to, ok := claim(10, 0); !ok || !to.IsZero() {
			t.Errorf("the first claim: %v %v", to, ok)
		}
		if _, ok := claim(11, 5); ok {
			t.Error("another server claims the same look")
		}
		look := incident.GapLook{ID: id(), AppID: "nqSreNVsQ2eGzUMGnA8AHA", At: after(10), Actor: "root@example.com", To: after(9), Deliveries: 12, Recovered: 3, Lost: 1,
			Problem: incident.Reason{Code: incident.ReasonLogTooLong}, FailedValidations: 2, ValidationFailedAt: after(7)}
		changed := topics(t, s, func() { check(t, s.SaveGapLook(t.Context(), look, entry("gaps.find"))) })
		same(t, changed, []string{db.TopicAccount})
		looks, err := s.GapLooks(t.Context(), after(0))
		check(t, err)
		same(t, looks, []incident.GapLook{look}, cmpopts.IgnoreFields(incident.GapLook{}, "AppID", "To", "FailedValidations", "ValidationFailedAt"))
		a, err := s.Account(t.Context())
		check(t, err)
		if a.LoggedFailures != 2 || !a.ValidationFailedAt.Equal(after(7)) {
			t.Errorf("%d failures, the last %v", a.LoggedFailures, a.ValidationFailedAt)
		}
		if to, ok := claim(20, 10); !ok || !to.Equal(after(9)) {
			t.Errorf("the second claim: %v %v", to, ok)
		}
		save("nqSreNVsQ2eGzUMGnA8AHA") // nothing is forgotten
		if to, _ := claim(30, 20); !to.Equal(after(9)) {
			t.Errorf("after the account was saved the log is read from %v", to)
		}
		save("anotherAppAAAAAAAAAAAA")
		if to, ok := claim(31, 0); !ok || !to.IsZero() {
			t.Errorf("another app: %v %v", to, ok)
		}
		look.ID = id()
		check(t, s.SaveGapLook(t.Context(), look, incident.AuditEntry{})) // of the app before
		if to, _ := claim(40, 31); !to.IsZero() {
			t.Errorf("a look into the log of another app counts: %v", to)
		}
	})
}
