package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// wantLine is one line of a report: its topic and level, and parts of the rest.
type wantLine struct{ topic, level, subject, reason, fix, copy string }

func TestCheckConnection(t *testing.T) {
	user := func(email string, f func(*zoomsim.User)) func(*world) {
		return func(w *world) { w.sim.SetUser(email, f) }
	}
	fault := func(f zoomsim.Faults) func(*world) { return func(w *world) { w.faults(f) } }
	account := func(f func(*incident.AccountForm)) func(*world) { return func(w *world) { w.saveAccount(f) } }
	jwt := func(w *world) {
		w.saveAccount(func(f *incident.AccountForm) {
			f.Auth, f.APIKey = "jwt", "key"
			f.Secrets[incident.APISecret] = simAPISecret
		})
	}
	const ben = "ben@example.com"
	// One world for all, made whole again before each case. That Zoom has
	// validated the address stays, so those cases come last.
	w := newWorld(t)
	users := w.sim.Users()
	whole := func() {
		w.faults(zoomsim.Faults{})
		for _, u := range users {
			w.sim.SetUser(u.Email, func(now *zoomsim.User) { *now = u })
		}
		w.saveAccount(func(f *incident.AccountForm) {
			f.Auth, f.ZoomAccountID, f.BackupUser = "server_to_server", "acc", backup
			f.Secrets = map[incident.SecretName]string{incident.ClientSecret: simClientSecret, incident.WebhookToken1: simSecretToken}
		})
	}
	for _, test := range []struct {
		name   string
		wrong  func(*world)
		emails []string
		want   []wantLine
		no     []string // topics no line may have
	}{
		{name: "all is well", want: []wantLine{
			{"token", "green", "Access token", "valid until ", "", ""},
			{"scopes", "green", "Open a bridge", "", "", ""},
			{"backup_user", "green", backup, "active and licensed", "", ""},
			{"pmi", "green", "scheduled meetings, " + backup, "Off", "", ""},
			{"pmi", "green", "instant meetings, " + backup, "Off", "", ""},
			{"settings", "green", "Waiting room, " + backup, "Off", "", ""},
			{"settings", "green", "Join before host, " + backup, "On", "", ""},
			{"settings", "green", "Cloud recording, " + backup, "On", "", ""},
			{"webhook", "amber", "Webhook", "has not validated", "press Validate", ""},
		}, no: []string{"clock", "person"}},

		{name: "Z-12 token refused", wrong: fault(zoomsim.Faults{TokenRefused: true}), want: []wantLine{
			{"token", "red", "Access token", "client secret is wrong", "Copy both again", ""}, {"webhook", "amber", "", "", "", ""},
		}, no: []string{"scopes", "backup_user"}},
		{name: "K-03 wrong client secret", wrong: account(func(f *incident.AccountForm) { f.Secrets[incident.ClientSecret] = "CANARY-wrong" }), want: []wantLine{
			{"token", "red", "Access token", "client secret is wrong", "Copy both again", ""},
		}},
		{name: "wrong account id", wrong: account(func(f *incident.AccountForm) { f.ZoomAccountID = "other" }), want: []wantLine{
			{"token", "red", "", "does not know the account ID", "Copy the account ID again", ""},
		}},
		{name: "Z-20 Zoom cannot be reached", wrong: fault(zoomsim.Faults{Reset: true}), want: []wantLine{{"token", "red", "", "", "network", ""}}},
		{name: "Zoom is down", wrong: fault(zoomsim.Faults{Down: true}), want: []wantLine{{"token", "red", "", "HTTP 502", "status.zoom.us", ""}}},
		{name: "JWT app", wrong: jwt, want: []wantLine{
			{"token", "amber", "Access token", "2023-09-08", "Move to Server-to-Server", ""}, {"backup_user", "green", backup, "", "", ""},
		}, no: []string{"scopes"}},
		{name: "JWT app that Zoom refuses", wrong: func(w *world) { jwt(w); w.faults(zoomsim.Faults{JWTEnded: true}) }, want: []wantLine{
			{"token", "amber", "", "2023-09-08", "", ""}, {"backup_user", "red", backup, "does not accept", "need a Server-to-Server OAuth app", ""},
		}},

		{name: "Z-13 a scope that bridges need", wrong: fault(zoomsim.Faults{MissingScopes: []string{"meeting:write:meeting:admin"}}), want: []wantLine{
			{"scopes", "red", "Open a bridge", "meeting:write:meeting:admin (classic: meeting:write:admin)", "Add scopes", "meeting:write:meeting:admin"},
			{"scopes", "green", "Check people", "", "", ""},
		}},
		{name: "scopes of the check itself", wrong: fault(zoomsim.Faults{MissingScopes: []string{"user:read:user:admin", "user:read:settings:admin"}}), want: []wantLine{
			{"scopes", "red", "Check people", "user:read:user:admin, user:read:settings:admin (classic: user:read:admin)", "", "user:read:user:admin\nuser:read:settings:admin"},
			{"backup_user", "red", backup, "lacks a permission", "user:read:user:admin", ""},
		}},
		{name: "settings cannot be read", wrong: fault(zoomsim.Faults{MissingScopes: []string{"user:read:settings:admin"}}), want: []wantLine{
			{"backup_user", "green", backup, "", "", ""}, {"settings", "amber", backup, "cannot be read", "user:read:settings:admin", ""},
		}, no: []string{"pmi"}},
		{name: "a scope that a bridge comes out without", wrong: fault(zoomsim.Faults{MissingScopes: []string{"meeting:delete:meeting:admin"}}), want: []wantLine{
			{"scopes", "amber", "Delete a meeting that was created twice", "meeting:delete:meeting:admin", "", "meeting:delete:meeting:admin"},
		}},
		{name: "the scope of Zoom's log of deliveries, which nobody needs", wrong: fault(zoomsim.Faults{MissingScopes: []string{"marketplace_app:read:admin"}}), want: []wantLine{
			{"scopes", "grey", "Find events that were not delivered", "Bridges do not need it", "Add scopes", "marketplace_app:read:admin"},
		}},

		{name: "no backup user", wrong: account(func(f *incident.AccountForm) { f.BackupUser = "" }), want: []wantLine{
			{"backup_user", "red", "Backup user", "No backup user is set", "e-mail address", ""},
		}, no: []string{"pmi", "settings"}},
		{name: "Z-14 backup user unknown", wrong: user(backup, func(u *zoomsim.User) { u.Unknown = true }), want: []wantLine{
			{"backup_user", "red", backup, "not a user of the connected Zoom account", "", ""},
		}, no: []string{"pmi", "settings"}},
		{name: "backup user of another account", wrong: user(backup, func(u *zoomsim.User) { u.OtherAccount = true }), want: []wantLine{{"backup_user", "red", backup, "another Zoom account", "", ""}}},
		{name: "backup user never accepted", wrong: user(backup, func(u *zoomsim.User) { u.InvitationLost = true }), want: []wantLine{{"backup_user", "red", backup, "invitation", "Send the invitation again", ""}}},
		{name: "backup user inactive", wrong: user(backup, func(u *zoomsim.User) { u.Status = "inactive" }), want: []wantLine{{"backup_user", "red", backup, "is inactive and cannot host", "activate", ""}}},
		{name: "backup user pending", wrong: user(backup, func(u *zoomsim.User) { u.Status = "pending" }), want: []wantLine{{"backup_user", "red", backup, "is pending and cannot host", "", ""}}},
		{name: "backup user without a licence", wrong: user(backup, func(u *zoomsim.User) { u.Type = 1 }), want: []wantLine{{"backup_user", "amber", backup, "40 minutes", "licence", ""}}},
		{name: "backup user who may not host", wrong: user(backup, func(u *zoomsim.User) { u.Type = 99 }), want: []wantLine{{"backup_user", "red", backup, "not allowed to host", "licence", ""}}},

		{name: "personal meeting id of the backup user, scheduled", wrong: user(backup, func(u *zoomsim.User) { u.UsePMIForScheduled = true }), want: []wantLine{
			{"pmi", "amber", "scheduled meetings, " + backup, "use_pmi_for_scheduled_meetings", "In Zoom: Settings → Meeting", ""},
			{"pmi", "green", "instant meetings, " + backup, "", "", ""},
		}},
		{name: "personal meeting id of the backup user, instant", wrong: user(backup, func(u *zoomsim.User) { u.UsePMIForInstant = true }), want: []wantLine{
			{"pmi", "green", "scheduled meetings, " + backup, "", "", ""},
			{"pmi", "amber", "instant meetings, " + backup, "use_pmi_for_instant_meetings", "In Zoom: Settings → Meeting", ""},
		}},
		{name: "waiting room, join before host, cloud recording", wrong: user(backup, func(u *zoomsim.User) {
			u.WaitingRoom, u.JoinBeforeHost, u.CloudRecording = true, false, false
		}), want: []wantLine{
			{"settings", "amber", "Waiting room, " + backup, "On.", "In Zoom: Settings → Meeting → Security", ""},
			{"settings", "amber", "Join before host, " + backup, "Off.", "Allow participants to join before host", ""},
			{"settings", "amber", "Cloud recording, " + backup, "Off.", "In Zoom: Settings → Recording", ""},
		}},

		{name: "an e-mail that was typed", emails: []string{" Ana@Example.com "}, wrong: user(opener, func(u *zoomsim.User) { u.UsePMIForScheduled = true }), want: []wantLine{
			{"person", "green", opener, "active and licensed", "", ""},
			{"pmi", "amber", "scheduled meetings, " + opener, "use_pmi_for_scheduled_meetings", "", ""},
			{"pmi", "green", "scheduled meetings, " + backup, "", "", ""},
		}},
		{name: "a person Zoom does not know: the backup user hosts", emails: []string{ben, "", opener}, want: []wantLine{
			{"person", "amber", ben, "not a user", "", ""}, {"person", "green", opener, "", "", ""},
		}},
		{name: "the backup user typed again is looked at once", emails: []string{strings.ToUpper(backup)}, want: []wantLine{{"backup_user", "green", backup, "", "", ""}}, no: []string{"person"}},

		{name: "no secret token", wrong: account(func(f *incident.AccountForm) { f.Remove = []incident.SecretName{incident.WebhookToken1} }), want: []wantLine{
			{"webhook", "red", "Webhook", "No webhook secret token", "Copy the secret token", ""},
		}},
		{name: "W-15 the clock is behind", wrong: fault(zoomsim.Faults{ClockSkew: 5 * time.Minute}), want: []wantLine{{"clock", "amber", "Clock", "5m0s", "NTP", ""}}},
		{name: "W-15 the clock is ahead", wrong: fault(zoomsim.Faults{ClockSkew: -5 * time.Minute}), want: []wantLine{{"clock", "amber", "Clock", "5m0s", "NTP", ""}}},
		{name: "half a minute is no matter", wrong: fault(zoomsim.Faults{ClockSkew: 30 * time.Second}), want: []wantLine{{"token", "green", "", "", "", ""}}, no: []string{"clock"}},

		{name: "validated", wrong: func(w *world) { w.ok(w.service.NoteValidation(w.Context())) }, want: []wantLine{{"webhook", "green", "Webhook", "has validated", "", ""}}},
		{name: "validated too long ago", wrong: func(w *world) {
			w.ok(w.service.NoteValidation(w.Context()))
			w.clock.Add(81 * time.Hour)
		}, want: []wantLine{{"webhook", "amber", "Webhook", "1 of the 6 failures", "press Validate", ""}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			whole()
			if test.wrong != nil {
				test.wrong(w)
			}
			report, err := w.service.CheckConnection(t.Context(), admin, test.emails...)
			w.ok(err)
			for _, want := range test.want {
				if !slices.ContainsFunc(report.Lines, want.is) {
					t.Errorf("no line %q in\n%s", want, lines(report))
				}
			}
			seen := map[string]int{}
			for _, l := range report.Lines {
				if slices.Contains(test.no, l.Topic) {
					t.Errorf("a line of the topic %s: %+v", l.Topic, l)
				}
				if l.Subject == "" || l.Reason == "" || (l.Level != "green" && l.Fix == "") || (l.Level == "green") != (l.Fix == "") {
					t.Errorf("a line that does not say what to do, or says too much: %+v", l)
				}
				if seen[l.Topic+l.Subject]++; seen[l.Topic+l.Subject] > 1 && l.Topic != "settings" {
					t.Errorf("twice: %+v", l)
				}
			}
			if diff := cmp.Diff(report, w.account().Check); diff != "" || !report.At.Equal(w.clock.Now()) {
				t.Errorf("the report of %s is not kept as it is:\n%s", report.At, diff)
			}
			noSecretIn(t, "the report", lines(report))
			noSecretIn(t, "the log", w.log.String())
			if n := w.creates(); n > 0 {
				t.Errorf("a check made %d meetings", n)
			}
		})
	}
}

func (want wantLine) is(l incident.CheckLine) bool {
	return l.Topic == want.topic && l.Level == want.level && strings.Contains(l.Subject, want.subject) &&
		strings.Contains(l.Reason, want.reason) && strings.Contains(l.Fix, want.fix) && (want.copy == "" || l.Copy == want.copy)
}

func lines(r incident.CheckReport) string {
	var b strings.Builder
	for _, l := range r.Lines {
		fmt.Fprintf(&b, "%+v\n", l)
	}
	return b.String()
}

func TestCheckConnectionAgain(t *testing.T) {
	w := newWorld(t)
	scope := func() string {
		report, err := w.service.CheckConnection(t.Context(), admin)
		w.ok(err)
		i := slices.IndexFunc(report.Lines, func(l incident.CheckLine) bool { return l.Topic == "scopes" && l.Subject == "Open a bridge" })
		return report.Lines[i].Level
	}
	w.faults(zoomsim.Faults{MissingScopes: []string{"meeting:write:meeting:admin"}})
	if got := scope(); got != "red" {
		t.Fatalf("without the scope: %s", got)
	}
	// The admin ticks it in Zoom: a token has the scopes of the moment it was given.
	w.faults(zoomsim.Faults{})
	if got := scope(); got != "green" {
		t.Errorf("after the scope was added: %s, want green at once and not when the old token is over", got)
	}
	tokens := func() (n int) {
		for _, c := range w.sim.Calls() {
			if c.Operation == "POST /oauth/token" {
				n++
			}
		}
		return n
	}
	asked := tokens()
	if _, b := w.open(); b.State != incident.BridgeReady || tokens() != asked {
		t.Errorf("bridge is %s (%s), with %d more tokens; want ready, with the token of the check", b.State, b.Reason, tokens()-asked)
	}

	// A check that gets no token does not take away the one that works.
	w.faults(zoomsim.Faults{Down: true, Only: "POST /oauth/token"})
	report, err := w.service.CheckConnection(t.Context(), admin)
	w.ok(err)
	if report.Level() != "red" {
		t.Errorf("without a token the report is %s", report.Level())
	}
	if _, b := w.open(); b.State != incident.BridgeReady {
		t.Errorf("bridge is %s (%s), want ready with the token there is", b.State, b.Reason)
	}
}

func TestCheckConnectionRefuses(t *testing.T) {
	w := newWorld(t)
	for _, email := range []string{"ana", "ana@", "a@example.com\r\nX: y", "../me", "a b@example.com", strings.Repeat("a", 260) + "@example.com"} {
		_, err := w.service.CheckConnection(t.Context(), admin, email)
		wantFields(t, err, "email")
	}
	for _, actor := range []incident.Actor{anaIs, viewer, {}} {
		_, err := w.service.CheckConnection(t.Context(), actor)
		wantCode(t, err, incident.Forbidden)
	}
	if calls := w.sim.Calls(); len(calls) > 0 {
		t.Errorf("Zoom was asked: %+v", calls)
	}
	if !w.account().Check.At.IsZero() {
		t.Error("a report was kept")
	}
	t.Run("broken: the store is closed", func(t *testing.T) {
		w.ok(w.store.Close())
		_, err := w.service.CheckConnection(t.Context(), admin)
		wantCode(t, err, incident.Unavailable)
	})
}

func TestReportLevel(t *testing.T) {
	for _, test := range []struct{ name, levels, want string }{
		{"nothing was checked", "", ""},
		{"green", "green", "green"},
		{"one amber", "green amber green", "amber"},
		{"red behind amber", "amber red green", "red"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r incident.CheckReport
			for _, level := range strings.Fields(test.levels) {
				r.Lines = append(r.Lines, incident.CheckLine{Level: level})
			}
			if got := r.Level(); got != test.want {
				t.Errorf("level %q, want %q", got, test.want)
			}
		})
	}
}
