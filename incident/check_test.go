package incident_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// wantLine is one expected line of a report: topic, level and code, and a part of
// its data.
type wantLine struct {
	topic incident.Topic
	level incident.Level
	code  incident.FindingCode
	more  string
}

func TestCheckConnection(t *testing.T) {
	t.Parallel()
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
	// All cases share one world, which is repaired before each case. Zoom's
	// validation of the address cannot be undone, so those cases come last.
	w := newWorld(t)
	users := w.sim.Users()
	whole := func() {
		w.faults(zoomsim.Faults{})
		for _, u := range users {
			w.sim.SetUser(u.Email, func(now *zoomsim.User) { *now = u })
		}
		w.saveAccount(func(f *incident.AccountForm) {
			f.Auth, f.ZoomAccountID, f.BackupUsers = "server_to_server", "acc", []string{backup}
			f.Secrets = map[incident.SecretName]string{incident.ClientSecret: simClientSecret, incident.WebhookToken1: simSecretToken}
		})
	}
	for _, test := range []struct {
		name   string
		wrong  func(*world)
		emails []string
		want   []wantLine
		no     []incident.Topic // topics that no line may have
	}{
		{name: "everything is fine", want: []wantLine{
			{"token", "ok", incident.FoundToken, "until"},
			{"scopes", "ok", incident.FoundScopes, string(zoom.OpenBridge)},
			{"backup_user", "ok", incident.FoundUser, backup},
			{"pmi", "ok", incident.FoundPMIScheduled, backup},
			{"pmi", "ok", incident.FoundPMIInstant, backup},
			{"settings", "ok", incident.FoundWaitingRoom, backup},
			{"settings", "ok", incident.FoundJoinBeforeHost, backup},
			{"settings", "ok", incident.FoundCloudRecording, backup},
			{"webhook", "warning", incident.FoundNotValidated, ""},
		}, no: []incident.Topic{"clock", "person"}},

		{name: "Z-12 token rejected", wrong: fault(zoomsim.Faults{TokenRefused: true}), want: []wantLine{
			{"token", "bad", incident.FoundNoToken, "wrong_client"}, {"webhook", "warning", incident.FoundNotValidated, ""},
		}, no: []incident.Topic{"scopes", "backup_user"}},
		{name: "K-03 wrong client secret", wrong: account(func(f *incident.AccountForm) { f.Secrets[incident.ClientSecret] = "CANARY-wrong" }), want: []wantLine{
			{"token", "bad", incident.FoundNoToken, "wrong_client"},
		}},
		{name: "wrong account id", wrong: account(func(f *incident.AccountForm) { f.ZoomAccountID = "other" }), want: []wantLine{
			{"token", "bad", incident.FoundNoToken, "wrong_account"},
		}},
		{name: "Z-20 Zoom is unreachable", wrong: fault(zoomsim.Faults{Reset: true}), want: []wantLine{{"token", "bad", incident.FoundNoToken, "unreachable"}}},
		{name: "Zoom is down", wrong: fault(zoomsim.Faults{Down: true}), want: []wantLine{{"token", "bad", incident.FoundNoToken, `"code":"server_error","status":502`}}},
		{name: "an app that only sends events", wrong: account(func(f *incident.AccountForm) { f.Auth = "webhook_only" }), want: []wantLine{
			{"token", "note", incident.FoundOnlyEvents, ""}, {"webhook", "warning", incident.FoundNotValidated, ""},
		}, no: []incident.Topic{"scopes", "backup_user"}},
		{name: "JWT app", wrong: jwt, want: []wantLine{
			{"token", "warning", incident.FoundJWTToken, ""}, {"backup_user", "ok", incident.FoundUser, backup},
		}, no: []incident.Topic{"scopes"}},
		{name: "JWT app that Zoom rejects", wrong: func(w *world) { jwt(w); w.faults(zoomsim.Faults{JWTEnded: true}) }, want: []wantLine{
			{"token", "warning", incident.FoundJWTToken, ""}, {"backup_user", "bad", incident.FoundUserUnknown, "access_refused"},
		}},

		{name: "Z-13 a scope that bridges need", wrong: fault(zoomsim.Faults{MissingScopes: []string{"meeting:write:meeting:admin"}}), want: []wantLine{
			{"scopes", "bad", incident.FoundScopes, `"feature":"open_bridge","scopes":["meeting:write:meeting:admin"],"classic":["meeting:write:admin"]`},
			{"scopes", "ok", incident.FoundScopes, string(zoom.CheckPeople)},
		}},
		{name: "scopes of the check itself", wrong: fault(zoomsim.Faults{MissingScopes: []string{"user:read:user:admin", "user:read:settings:admin"}}), want: []wantLine{
			{"scopes", "bad", incident.FoundScopes, `"feature":"check_people","scopes":["user:read:user:admin","user:read:settings:admin"],"classic":["user:read:admin"]`},
			{"backup_user", "bad", incident.FoundUserUnknown, `"code":"missing_scopes","scopes":["user:read:user:admin"`},
		}},
		{name: "settings cannot be read", wrong: fault(zoomsim.Faults{MissingScopes: []string{"user:read:settings:admin"}}), want: []wantLine{
			{"backup_user", "ok", incident.FoundUser, ""}, {"settings", "warning", incident.FoundNoSettings, `"code":"missing_scopes"`},
		}, no: []incident.Topic{"pmi"}},
		{name: "missing scope that bridges do not need", wrong: fault(zoomsim.Faults{MissingScopes: []string{"meeting:delete:meeting:admin"}}), want: []wantLine{
			{"scopes", "warning", incident.FoundScopes, `"feature":"delete_twin","scopes":["meeting:delete:meeting:admin"]`},
		}},
		{name: "missing scope for Zoom's log of deliveries", wrong: fault(zoomsim.Faults{MissingScopes: []string{"marketplace_app:read:admin"}}), want: []wantLine{
			{"scopes", "note", incident.FoundScopes, `"feature":"find_gaps","scopes":["marketplace_app:read:admin"]`},
		}},

		{name: "no backup user", wrong: account(func(f *incident.AccountForm) { f.BackupUsers = nil }), want: []wantLine{
			{"backup_user", "bad", incident.FoundNoBackupUser, ""},
		}, no: []incident.Topic{"pmi", "settings"}},
		{name: "Z-14 backup user unknown", wrong: user(backup, func(u *zoomsim.User) { u.Unknown = true }), want: []wantLine{
			{"backup_user", "bad", incident.FoundUserUnknown, `"code":"no_such_user"`},
		}, no: []incident.Topic{"pmi", "settings"}},
		{name: "backup user of another account", wrong: user(backup, func(u *zoomsim.User) { u.OtherAccount = true }), want: []wantLine{{"backup_user", "bad", incident.FoundUserUnknown, `"code":"other_account"`}}},
		{name: "backup user did not accept the invitation", wrong: user(backup, func(u *zoomsim.User) { u.InvitationLost = true }), want: []wantLine{{"backup_user", "bad", incident.FoundUserUnknown, `"code":"invitation_pending"`}}},
		{name: "backup user inactive", wrong: user(backup, func(u *zoomsim.User) { u.Status = "inactive" }), want: []wantLine{{"backup_user", "bad", incident.FoundUserInactive, `"value":"inactive"`}}},
		{name: "backup user pending", wrong: user(backup, func(u *zoomsim.User) { u.Status = "pending" }), want: []wantLine{{"backup_user", "bad", incident.FoundUserInactive, `"value":"pending"`}}},
		{name: "backup user without a license", wrong: user(backup, func(u *zoomsim.User) { u.Type = 1 }), want: []wantLine{{"backup_user", "warning", incident.FoundUserBasic, backup}}},
		{name: "backup user who may not host", wrong: user(backup, func(u *zoomsim.User) { u.Type = 99 }), want: []wantLine{{"backup_user", "bad", incident.FoundUserMayNotHost, backup}}},

		{name: "personal meeting id of the backup user, scheduled", wrong: user(backup, func(u *zoomsim.User) { u.UsePMIForScheduled = true }), want: []wantLine{
			{"pmi", "warning", incident.FoundPMIScheduled, backup}, {"pmi", "ok", incident.FoundPMIInstant, backup},
		}},
		{name: "personal meeting id of the backup user, instant", wrong: user(backup, func(u *zoomsim.User) { u.UsePMIForInstant = true }), want: []wantLine{
			{"pmi", "ok", incident.FoundPMIScheduled, backup}, {"pmi", "warning", incident.FoundPMIInstant, backup},
		}},
		{name: "waiting room, join before host, cloud recording", wrong: user(backup, func(u *zoomsim.User) {
			u.WaitingRoom, u.JoinBeforeHost, u.CloudRecording = true, false, false
		}), want: []wantLine{
			{"settings", "warning", incident.FoundWaitingRoom, backup},
			{"settings", "warning", incident.FoundJoinBeforeHost, backup},
			{"settings", "warning", incident.FoundCloudRecording, backup},
		}},

		{name: "other person by email address", emails: []string{" Ana@Example.com "}, wrong: user(opener, func(u *zoomsim.User) { u.UsePMIForScheduled = true }), want: []wantLine{
			{"person", "ok", incident.FoundUser, opener}, {"pmi", "warning", incident.FoundPMIScheduled, opener}, {"pmi", "ok", incident.FoundPMIScheduled, backup},
		}},
		{name: "person unknown to Zoom: the backup user hosts", emails: []string{ben, "", opener}, want: []wantLine{
			{"person", "warning", incident.FoundUserUnknown, ben}, {"person", "ok", incident.FoundUser, opener},
		}},
		{name: "the backup user as other person is checked once", emails: []string{strings.ToUpper(backup)}, want: []wantLine{{"backup_user", "ok", incident.FoundUser, backup}}, no: []incident.Topic{"person"}},

		{name: "no secret token", wrong: account(func(f *incident.AccountForm) { f.Remove = []incident.SecretName{incident.WebhookToken1} }), want: []wantLine{
			{"webhook", "bad", incident.FoundNoWebhookToken, ""},
		}},
		{name: "W-15 the clock is behind", wrong: fault(zoomsim.Faults{ClockSkew: 5 * time.Minute}), want: []wantLine{{"clock", "warning", incident.FoundClock, `"span":300000000000`}}},
		{name: "W-15 the clock is ahead", wrong: fault(zoomsim.Faults{ClockSkew: -5 * time.Minute}), want: []wantLine{{"clock", "warning", incident.FoundClock, `"span":300000000000`}}},
		{name: "half a minute does not matter", wrong: fault(zoomsim.Faults{ClockSkew: 30 * time.Second}), want: []wantLine{{"token", "ok", incident.FoundToken, ""}}, no: []incident.Topic{"clock"}},

		{name: "validated", wrong: func(w *world) { w.ok(w.service.NoteValidation(w.Context())) }, want: []wantLine{{"webhook", "ok", incident.FoundValidated, ""}}},
		{name: "validated too long ago", wrong: func(w *world) {
			w.ok(w.service.NoteValidation(w.Context()))
			w.clock.Add(81 * time.Hour)
		}, want: []wantLine{{"webhook", "warning", incident.FoundValidationsFailed, `"count":1`}}},
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
				if l.Code == "" || l.Topic == "" || l.Level == "" {
					t.Errorf("a line that says nothing: %+v", l)
				}
				key := string(l.Topic) + string(l.Code) + l.Email + string(l.Feature)
				if seen[key]++; seen[key] > 1 {
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

// is reports whether a line has this topic, level and code, and data that
// contains more.
func (want wantLine) is(l incident.Finding) bool {
	data, err := json.Marshal(l)
	return err == nil && l.Topic == want.topic && l.Level == want.level && l.Code == want.code && strings.Contains(string(data), want.more)
}

func lines(r incident.CheckReport) string {
	var b strings.Builder
	for _, l := range r.Lines {
		data, _ := json.Marshal(l)
		fmt.Fprintf(&b, "%s\n", data)
	}
	return b.String()
}

func TestCheckConnectionAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scope := func() incident.Level {
		report, err := w.service.CheckConnection(t.Context(), admin)
		w.ok(err)
		i := slices.IndexFunc(report.Lines, func(l incident.Finding) bool { return l.Feature == zoom.OpenBridge })
		return report.Lines[i].Level
	}
	w.faults(zoomsim.Faults{MissingScopes: []string{"meeting:write:meeting:admin"}})
	if got := scope(); got != incident.LevelBad {
		t.Fatalf("without the scope: %s", got)
	}
	// The admin adds the scope in Zoom. A token has only the scopes from the time
	// when it was issued.
	w.faults(zoomsim.Faults{})
	if got := scope(); got != incident.LevelOK {
		t.Errorf("after the scope was added: %s, want ok at once and not when the old token is over", got)
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
		t.Errorf("bridge is %s (%s), with %d more tokens; want ready, with the token of the check", b.State, why(b), tokens()-asked)
	}

	// A failed check must not discard a token that works.
	w.faults(zoomsim.Faults{Down: true, Only: "POST /oauth/token"})
	report, err := w.service.CheckConnection(t.Context(), admin)
	w.ok(err)
	if incident.WorstLevel(report.Lines) != incident.LevelBad {
		t.Errorf("without a token the report is %s", incident.WorstLevel(report.Lines))
	}
	if _, b := w.open(); b.State != incident.BridgeReady {
		t.Errorf("bridge is %s (%s), want ready with the token there is", b.State, why(b))
	}
}

func TestCheckConnectionRefuses(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	for _, test := range []struct {
		name   string
		levels []incident.Level
		want   incident.Level
	}{
		{"no findings", nil, ""},
		{"ok", []incident.Level{incident.LevelOK}, incident.LevelOK},
		{"a note counts as ok", []incident.Level{incident.LevelNote}, incident.LevelOK},
		{"one warning", []incident.Level{incident.LevelOK, incident.LevelWarning, incident.LevelNote, incident.LevelOK}, incident.LevelWarning},
		{"bad after a warning", []incident.Level{incident.LevelWarning, incident.LevelBad, incident.LevelOK}, incident.LevelBad},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r incident.CheckReport
			for _, level := range test.levels {
				r.Lines = append(r.Lines, incident.Finding{Level: level})
			}
			if got := incident.WorstLevel(r.Lines); got != test.want {
				t.Errorf("level %q, want %q", got, test.want)
			}
		})
	}
}

// What the check is not about can be saved without another check.
func TestCheckStaysValid(t *testing.T) {
	t.Parallel()
	cfg, clock := dbtest.Migrated(t), &clock{t: dbtest.Now}
	cfg.Now = clock.Now
	w := worldWith(t, dbtest.Open(t, cfg))
	w.clock.Add(time.Second)
	clock.Add(time.Second)
	w.must(w.service.CheckConnection(t.Context(), admin))
	at := w.account().Report(w.clock.Now()).At
	save := func(n int, hosts ...string) {
		t.Helper()
		w.clock.Add(time.Minute)
		clock.Add(time.Minute)
		w.must(w.service.SaveAccount(t.Context(), admin, incident.AccountForm{
			Auth: "server_to_server", ZoomAccountID: "acc", ClientID: "cid", BackupUsers: hosts, StandbyMeetings: &n, Version: w.account().Version,
		}))
	}
	w.clock.Add(time.Minute)
	clock.Add(time.Minute)
	w.links(warRoom)
	save(2, backup)
	if got := w.account().Report(w.clock.Now()).At; !got.Equal(at) || at.IsZero() {
		t.Errorf("the check is of %v, want %v", got, at)
	}
	save(2, backup, opener)
	w.clock.Add(time.Minute)
	clock.Add(time.Minute)
	w.links(zoomRoom)
	if got := w.account().Report(w.clock.Now()).At; !got.IsZero() {
		t.Errorf("the check of %v is still valid after another host was added", got)
	}
}
