package incident_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.person("root", incident.Admin)
	ana := w.person("ana", incident.Responder)
	w.session(ana)
	w.session(ana)
	ana.LastSeenAt = w.clock.Now()
	read := func(u incident.User) incident.User {
		t.Helper()
		u, err := w.store.User(t.Context(), u.ID)
		w.ok(err)
		return u
	}

	t.Run("refused", func(t *testing.T) {
		entries := len(w.trail())
		for _, test := range []struct {
			name, email, called string
			role                incident.Role
			secret              string
			want                []string
		}{
			{"no address", "", "", incident.Viewer, password, []string{"email"}},
			{"address with a name", "Ben <ben@example.com>", "", incident.Viewer, password, []string{"email"}},
			{"A-06 address with a look-alike letter", "аna@example.com", "", incident.Viewer, password, []string{"email"}},
			{"F-34 name of 101 characters", "ben@example.com", strings.Repeat("ø", 101), incident.Viewer, password, []string{"name"}},
			{"role", "ben@example.com", "", "owner", password, []string{"role"}},
			{"no role", "ben@example.com", "", "", password, []string{"role"}},
			{"password of eleven characters", "ben@example.com", "", incident.Viewer, "øøøøøøøøøøø", []string{"password"}},
			{"everything", "", strings.Repeat("x", 101), "", "", []string{"email", "name", "role", "password"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				_, err := w.service.CreateUser(t.Context(), admin, test.email, test.called, test.role, test.secret)
				wantFields(t, err, test.want...)
			})
		}
		_, err := w.service.CreateUser(t.Context(), admin, " ANA@example.com ", "", incident.Admin, password)
		wantCode(t, err, incident.Conflict)
		wantFields(t, w.service.SetRole(t.Context(), admin, ana.ID, "owner"), "role")
		wantFields(t, w.service.SetName(t.Context(), admin, ana.ID, " "), "name")
		wantFields(t, w.service.SetName(t.Context(), admin, ana.ID, strings.Repeat("x", 101)), "name")
		wantFields(t, w.service.ResetPassword(t.Context(), admin, ana.ID, "short"), "password")
		wantFields(t, w.service.ChangePassword(t.Context(), actorOf(ana), "wrong", "another horse battery", ""), "old_password")
		wantFields(t, w.service.ChangePassword(t.Context(), actorOf(ana), password, "short", ""), "new_password")
		for _, err := range []error{
			w.service.SetRole(t.Context(), admin, "nobody", incident.Admin), w.service.SetDisabled(t.Context(), admin, "nobody", true),
			w.service.SetName(t.Context(), admin, "nobody", "x"), w.service.ResetPassword(t.Context(), admin, "nobody", password),
		} {
			wantCode(t, err, incident.NotFound)
		}
		if len(w.trail()) != entries || read(ana) != ana {
			t.Error("something was written")
		}
		w.wantSessions(ana, 2)
	})
	t.Run("created", func(t *testing.T) {
		u, err := w.service.CreateUser(t.Context(), admin, " Ben@Example.com ", "", incident.Viewer, password)
		w.ok(err)
		if u.Email != "ben@example.com" || u.Name != "ben" || u.Role != incident.Viewer || !strings.HasPrefix(u.PasswordHash, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("created %+v", u)
		}
		wantEntry(t, w.trail()[0], "user.create", u.Email, incident.Change{Field: "email", After: u.Email},
			incident.Change{Field: "name", After: "ben"}, incident.Change{Field: "role", After: "viewer"})
		if _, err := w.service.LogIn(t.Context(), u.Email, password, "192.0.2.1"); err != nil {
			t.Errorf("cannot log in: %v", err)
		}
	})
	t.Run("A-17 changing the role ends sessions", func(t *testing.T) {
		w.ok(w.service.SetRole(t.Context(), admin, ana.ID, incident.Viewer))
		if got := read(ana); got.Role != incident.Viewer {
			t.Errorf("role %s", got.Role)
		}
		wantEntry(t, w.trail()[0], "user.set_role", ana.Email, incident.Change{Field: "role", Before: "responder", After: "viewer"})
		w.wantSessions(ana, 0)
	})
	t.Run("A-16 disabling ends sessions and prevents login", func(t *testing.T) {
		w.session(ana)
		w.ok(w.service.SetDisabled(t.Context(), admin, ana.ID, true))
		w.wantSessions(ana, 0)
		_, err := w.service.LogIn(t.Context(), ana.Email, password, "192.0.2.2")
		wantCode(t, err, incident.Unauthorized)
		w.ok(w.service.SetDisabled(t.Context(), admin, ana.ID, false))
		if _, err := w.service.LogIn(t.Context(), ana.Email, password, "192.0.2.3"); err != nil {
			t.Errorf("after enabling: %v", err)
		}
		if e := w.trail(); e[0].Action != "user.enable" || e[1].Action != "user.disable" {
			t.Errorf("audit entries %+v", e[:2])
		}
	})
	t.Run("A-15 resetting the password ends sessions", func(t *testing.T) {
		w.session(ana)
		w.ok(w.service.ResetPassword(t.Context(), admin, ana.ID, "reset horse battery"))
		w.wantSessions(ana, 0)
		if _, err := w.service.LogIn(t.Context(), ana.Email, "reset horse battery", "192.0.2.4"); err != nil {
			t.Errorf("the new password: %v", err)
		}
		_, err := w.service.LogIn(t.Context(), ana.Email, password, "192.0.2.4")
		wantCode(t, err, incident.Unauthorized)
	})
	t.Run("A-15 changing one's own password keeps only the current session", func(t *testing.T) {
		ana := read(ana)
		w.session(ana)
		mine := w.session(ana)
		w.ok(w.service.ChangePassword(t.Context(), actorOf(ana), "reset horse battery", "changed horse battery", mine))
		w.wantSessions(ana, 1)
		if u, err := w.service.SessionUser(t.Context(), mine); u.ID != ana.ID || err != nil {
			t.Errorf("the session that asked is gone (%v)", err)
		}
		if _, err := w.service.LogIn(t.Context(), ana.Email, "changed horse battery", "192.0.2.5"); err != nil {
			t.Errorf("the new password: %v", err)
		}
		mine = w.session(read(ana))
		w.ok(w.service.EndOtherSessions(t.Context(), actorOf(ana), mine))
		w.wantSessions(ana, 1)
		if u, err := w.service.SessionUser(t.Context(), mine); u.ID != ana.ID || err != nil {
			t.Errorf("the session that asked is gone (%v)", err)
		}
	})
	t.Run("names", func(t *testing.T) {
		w.ok(w.service.SetName(t.Context(), actorOf(read(ana)), ana.ID, " Ana B. "))
		if got := read(ana).Name; got != "Ana B." {
			t.Errorf("name %q", got)
		}
		w.wantSessions(ana, 1)
	})
	t.Run("there is always an admin", func(t *testing.T) {
		for name, err := range map[string]error{
			"demoted":           w.service.SetRole(t.Context(), admin, root.ID, incident.Responder),
			"demoted to viewer": w.service.SetRole(t.Context(), actorOf(root), root.ID, incident.Viewer),
			"disabled":          w.service.SetDisabled(t.Context(), admin, root.ID, true),
		} {
			if incident.CodeOf(err) != incident.Conflict {
				t.Errorf("the only admin is %s: %v", name, err)
			}
		}
		second := w.person("second", incident.Admin)
		w.ok(w.service.SetDisabled(t.Context(), admin, second.ID, true))
		wantCode(t, w.service.SetRole(t.Context(), admin, root.ID, incident.Viewer), incident.Conflict) // a disabled admin does not count
		w.ok(w.service.SetDisabled(t.Context(), admin, second.ID, false))

		// Two admins take the admin role from each other at the same time.
		var wg sync.WaitGroup
		wg.Go(func() { _ = w.service.SetRole(t.Context(), actorOf(root), second.ID, incident.Viewer) })
		wg.Go(func() { _ = w.service.SetRole(t.Context(), actorOf(second), root.ID, incident.Viewer) })
		wg.Wait()
		if n, err := w.store.CountAdmins(t.Context()); n != 1 || err != nil {
			t.Errorf("%d admins are left, want 1 (%v)", n, err)
		}
	})
	if strings.Contains(fmt.Sprintf("%+v", w.trail()), "horse battery") || strings.Contains(w.log.String(), "horse battery") {
		t.Error("a password is in the audit trail or the log")
	}
}

// What an admin does to a user is not undone by what the user does at the same time,
// and a login that began before it opens no session after it.
func TestUserChangesAtTheSameTime(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		w := worldWith(t, dbtest.Open(t, cfg))
		w.person("root", incident.Admin)
		ana := w.person("ana", incident.Responder)
		self := incident.Actor{Kind: "user", UserID: ana.ID, Email: ana.Email, Role: ana.Role}
		stored := func() incident.User {
			t.Helper()
			u, err := w.store.User(t.Context(), ana.ID)
			w.ok(err)
			return u
		}

		var wg sync.WaitGroup
		for worker := range 4 {
			wg.Go(func() {
				for n := range 8 {
					if err := w.service.SetName(t.Context(), self, ana.ID, fmt.Sprint("Ana ", worker, n)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		w.ok(w.service.SetRole(t.Context(), admin, ana.ID, incident.Viewer))
		w.ok(w.service.SetDisabled(t.Context(), admin, ana.ID, true))
		wg.Wait()
		if u := stored(); u.Role != incident.Viewer || u.DisabledAt.IsZero() {
			t.Errorf("the user is %s, disabled at %v", u.Role, u.DisabledAt)
		}
		_, err := w.service.StartSession(t.Context(), ana)
		wantCode(t, err, incident.Unauthorized)
		w.ok(w.service.SetDisabled(t.Context(), admin, ana.ID, false))

		const reset = "the password of the admin"
		wg.Go(func() {
			err := w.service.ChangePassword(t.Context(), self, password, "the password of the user", "")
			if err != nil && incident.CodeOf(err) != incident.Invalid {
				t.Error(err)
			}
		})
		w.ok(w.service.ResetPassword(t.Context(), admin, ana.ID, reset))
		wg.Wait()
		if _, err := w.service.LogIn(t.Context(), ana.Email, reset, "192.0.2.9"); err != nil {
			t.Errorf("the new password: %v", err)
		}
		_, err = w.service.StartSession(t.Context(), ana) // LogIn returned it before
		wantCode(t, err, incident.Unauthorized)
		w.wantSessions(ana, 0)
	})
}
