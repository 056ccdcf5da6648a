package incident_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const password = "correct horse battery"

// cheapHash returns a hash of password that needs little work, so that tests can
// log in often.
var cheapHash = sync.OnceValue(func() string {
	hash, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		panic(err)
	}
	return hash
})

// person adds a user with the password password.
func (w *world) person(name string, role incident.Role) incident.User {
	w.Helper()
	u := incident.User{ID: "id-of-" + name, Email: name + "@example.com", Name: name, Role: role, PasswordHash: cheapHash(), CreatedAt: w.clock.Now()}
	w.ok(w.store.InsertUser(w.Context(), u, incident.AuditEntry{}))
	return u
}

// session returns the session token of a user who has logged in.
func (w *world) session(u incident.User) string {
	w.Helper()
	token, err := w.service.StartSession(w.Context(), u)
	w.ok(err)
	return token
}

func (w *world) wantSessions(u incident.User, want int) {
	w.Helper()
	if n, err := w.store.SessionCount(w.Context(), u.ID); err != nil || n != want {
		w.Errorf("%s has %d sessions, want %d (%v)", u.Email, n, want, err)
	}
}

func actorOf(u incident.User) incident.Actor {
	return incident.Actor{Kind: "user", UserID: u.ID, Email: u.Email, Name: u.Name, Role: u.Role, Address: "192.0.2.7"}
}

func TestFirstAdmin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := func() string {
		t.Helper()
		token, err := w.service.SetupLink(t.Context())
		w.ok(err)
		return token
	}
	first := func(token, email, secret string) (incident.User, error) {
		return w.service.FirstAdmin(t.Context(), token, email, " Ana ", secret, "192.0.2.1")
	}

	old := link()
	token := link()
	if len(token) != 43 || token == old {
		t.Fatalf("links %q and %q", old, token)
	}
	checkSetup := func(token string) error {
		u, err := w.service.CheckSetup(t.Context(), token)
		if u.ID != "" {
			t.Errorf("the link is of %+v", u)
		}
		return err
	}
	w.ok(checkSetup(token))
	t.Run("A-18 only the newest link is valid", func(t *testing.T) {
		wantCode(t, checkSetup(old), incident.NotFound)
		_, err := first(old, "a@example.com", password)
		wantCode(t, err, incident.NotFound)
	})
	t.Run("unknown link", func(t *testing.T) {
		for _, token := range []string{"", "x", strings.Repeat("A", 43), token[:42], token + "A", strings.ToLower(token)} {
			wantCode(t, checkSetup(token), incident.NotFound)
		}
	})
	t.Run("refused: the link stays valid", func(t *testing.T) {
		for _, test := range []struct {
			name, email, secret string
			want                []string
		}{
			{"no address", "", password, []string{"email"}},
			{"no domain", "ana@", password, []string{"email"}},
			{"address of two lines", "ana@example.com\nx", password, []string{"email"}},
			{"A-06 address in full-width letters", "ＡＤＭＩＮ@example.com", password, []string{"email"}},
			{"short password", "ana@example.com", "elevenchars", []string{"password"}},
			{"A-08 password of 1025 bytes", "ana@example.com", strings.Repeat("a", 1025), []string{"password"}},
			{"both", "", "", []string{"email", "password"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				_, err := first(token, test.email, test.secret)
				wantFields(t, err, test.want...)
				if test.secret != "" && strings.Contains(err.Error(), test.secret) {
					t.Error("the refusal repeats the password")
				}
			})
		}
		w.ok(checkSetup(token))
	})
	t.Run("A-01 thirty minutes", func(t *testing.T) {
		w.clock.Add(30*time.Minute - time.Second)
		w.ok(checkSetup(token))
		w.clock.Add(time.Second)
		wantCode(t, checkSetup(token), incident.NotFound)
		_, err := first(token, "a@example.com", password)
		wantCode(t, err, incident.NotFound)
	})
	t.Run("A-01 only one of eight browsers can create the admin", func(t *testing.T) {
		token := link()
		var won atomic.Int32
		var wg sync.WaitGroup
		for n := range 8 {
			wg.Go(func() {
				_, err := first(token, fmt.Sprintf("admin%d@example.com", n), password)
				switch incident.CodeOf(err) {
				case "":
					won.Add(1)
				case incident.Conflict:
				default:
					t.Errorf("%v, want done or a conflict", err)
				}
			})
		}
		wg.Wait()
		users, err := w.store.Users(t.Context())
		w.ok(err)
		if won.Load() != 1 || len(users) != 1 || users[0].Role != incident.Admin || users[0].Name != "Ana" {
			t.Fatalf("%d won, users %+v; want one admin", won.Load(), users)
		}
		wantCode(t, checkSetup(token), incident.Conflict)
		e := w.trail()[0]
		if e.Actor != users[0].Email || e.Address != "192.0.2.1" {
			t.Errorf("audit entry %+v", e)
		}
		wantEntry(t, e, "user.first_admin", users[0].Email, incident.Change{Field: "email", After: users[0].Email},
			incident.Change{Field: "name", After: "Ana"}, incident.Change{Field: "role", After: "admin"})
		if strings.Contains(fmt.Sprintf("%+v", w.trail()), password) {
			t.Error("the audit trail holds the password")
		}
		if again := link(); again != "" {
			t.Error("there is a new link although there is an admin")
		}
		u, err := w.service.LogIn(t.Context(), users[0].Email, password, "192.0.2.1")
		if err != nil || u.ID != users[0].ID {
			t.Errorf("the admin cannot log in: %v", err)
		}
	})
	t.Run("the command line creates the admin while a link exists", func(t *testing.T) {
		w := newWorld(t)
		token, err := w.service.SetupLink(t.Context())
		w.ok(err)
		w.person("root", incident.Admin)
		_, err = w.service.FirstAdmin(t.Context(), token, "eve@example.com", "", password, "192.0.2.1")
		wantCode(t, err, incident.Conflict)
	})
}

func TestInviteUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.person("root", incident.Admin)
	rootIs := incident.Actor{Kind: "user", UserID: root.ID, Email: root.Email, Role: incident.Admin}
	for _, test := range []struct {
		name, email, called string
		role                incident.Role
		want                []string
	}{
		{"no address", "", "Ana", "viewer", []string{"email"}},
		{"address in full-width letters", "ＡＮＡ@example.com", "Ana", "viewer", []string{"email"}},
		{"unknown role", "ana@example.com", "Ana", "root", []string{"role"}},
		{"everything", "x", strings.Repeat("n", 101), "", []string{"email", "name", "role"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := w.service.InviteUser(t.Context(), rootIs, test.email, test.called, test.role)
			wantFields(t, err, test.want...)
		})
	}
	first, ana, err := w.service.InviteUser(t.Context(), rootIs, " Ana@example.com ", "", incident.Responder)
	w.ok(err)
	if len(first) != 43 || ana.Email != "ana@example.com" || ana.Name != "ana" || ana.PasswordHash != "" {
		t.Errorf("link %q for %+v", first, ana)
	}
	for _, secret := range []string{"", password} {
		if _, err := w.service.LogIn(t.Context(), ana.Email, secret, "192.0.2.1"); incident.CodeOf(err) != incident.Unauthorized {
			t.Errorf("before a password is set, logging in with %q gives %v", secret, err)
		}
	}
	token, _, err := w.service.NewPasswordLink(t.Context(), rootIs, ana.ID)
	w.ok(err)
	join := func(token, secret string) error {
		_, err := w.service.Join(t.Context(), token, secret, "192.0.2.7")
		return err
	}
	wantCode(t, join(first, password), incident.NotFound) // replaced
	wantFields(t, join(token, "short"), "password")
	_, err = w.service.FirstAdmin(t.Context(), token, "eve@example.com", "", password, "192.0.2.1")
	wantCode(t, err, incident.NotFound)
	if u, err := w.service.CheckSetup(t.Context(), token); err != nil || u.ID != ana.ID {
		t.Errorf("the link is of %+v, %v", u, err)
	}
	w.clock.Add(3*24*time.Hour - time.Second)
	w.ok(join(token, password))
	wantCode(t, join(token, password), incident.Conflict)
	if u, err := w.service.LogIn(t.Context(), ana.Email, password, "192.0.2.1"); err != nil || u.ID != ana.ID {
		t.Errorf("she can't log in: %v", err)
	}
	wantEntry(t, w.trail()[0], "user.join", ana.Email)
	if e := w.trail()[0]; e.Actor != ana.Email || e.Address != "192.0.2.7" {
		t.Errorf("audit entry %+v", e)
	}

	expired, _, err := w.service.NewPasswordLink(t.Context(), rootIs, ana.ID)
	w.ok(err)
	w.clock.Add(3 * 24 * time.Hour)
	wantCode(t, join(expired, "another horse battery"), incident.NotFound)
	for _, secret := range []string{first, token, expired, password} {
		if strings.Contains(fmt.Sprintf("%+v", w.trail())+w.log.String(), secret) {
			t.Error("a link or a password is in the audit trail or the log")
		}
	}
	w.ok(w.service.SetDisabled(t.Context(), rootIs, ana.ID, true))
	_, _, err = w.service.NewPasswordLink(t.Context(), rootIs, ana.ID)
	wantCode(t, err, incident.Conflict)
	_, _, err = w.service.NewPasswordLink(t.Context(), rootIs, "nobody")
	wantCode(t, err, incident.NotFound)
}

func TestTokenExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, days := range []int{-1, 3651} {
		_, _, err := w.service.CreateToken(t.Context(), admin, "pager", []string{"read"}, days)
		wantFields(t, err, "days")
	}
	plain, token, err := w.service.CreateToken(t.Context(), admin, "pager", []string{"read"}, 30)
	w.ok(err)
	if !strings.HasSuffix(plain, token.Suffix) || len(token.Suffix) != 4 {
		t.Errorf("the token %q ends in %q", plain, token.Suffix)
	}
	w.clock.Add(30*24*time.Hour - time.Second)
	w.must2(w.service.TokenActor(t.Context(), plain, "", true))
	w.clock.Add(time.Second)
	_, _, err = w.service.TokenActor(t.Context(), plain, "", true)
	wantCode(t, err, incident.Unauthorized)
}
