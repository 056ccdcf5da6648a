package incident_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
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
	w.must2(w.service.TokenActor(t.Context(), plain, ""))
	w.clock.Add(time.Second)
	_, _, err = w.service.TokenActor(t.Context(), plain, "")
	wantCode(t, err, incident.Unauthorized)
}

// Comparing with the hash for unknown users must take as long as with a real one.
// Otherwise the response time shows which users exist.
func TestDummyHash(t *testing.T) {
	t.Parallel()
	params, salt, key, err := argon2id.DecodeHash(incident.DummyHash)
	if err != nil {
		t.Fatal(err)
	}
	if *params != *incident.HashParams || len(salt) != int(incident.HashParams.SaltLength) || len(key) != int(incident.HashParams.KeyLength) {
		t.Errorf("the dummy is made with %+v (salt %d, key %d bytes), passwords with %+v", *params, len(salt), len(key), *incident.HashParams)
	}
}

func TestLogIn(t *testing.T) {
	w := newWorld(t)
	ana := w.person("ana", incident.Responder)
	gone := w.person("gone", incident.Viewer)
	w.person("root", incident.Admin)
	w.ok(w.service.SetDisabled(t.Context(), admin, gone.ID, true))
	addresses := 0
	// Each attempt comes from its own network, so that none has to wait.
	logIn := func(email, secret string) (incident.User, error) {
		addresses++
		return w.service.LogIn(t.Context(), email, secret, fmt.Sprintf("10.%d.%d.1", addresses/250, addresses%250))
	}

	t.Run("A-02 unknown user, wrong password and disabled user get the same answer", func(t *testing.T) {
		_, wrong := logIn(ana.Email, "wrong horse battery")
		wantCode(t, wrong, incident.Unauthorized)
		for _, who := range []struct{ email, secret string }{
			{"nobody@example.com", password}, {gone.Email, password}, {gone.Email, "wrong"}, {"", password}, {ana.Email, ""}, {"' OR 1=1 --", password},
		} {
			if u, err := logIn(who.email, who.secret); err == nil || err.Error() != wrong.Error() || u != (incident.User{}) {
				t.Errorf("%q: %v and user %+v, want %v", who.email, err, u, wrong)
			}
		}
	})
	t.Run("A-03 an unknown user costs a hash too", func(t *testing.T) {
		cost := func(email string) uint64 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := logIn(email, password)
			runtime.ReadMemStats(&after)
			wantCode(t, err, incident.Unauthorized)
			return after.TotalAlloc - before.TotalAlloc
		}
		if got, want := cost("nobody@example.com"), uint64(incident.HashParams.Memory)<<10; got < want {
			t.Errorf("took %d bytes, want the %d of a hash", got, want)
		}
	})
	t.Run("A-06 one user for all spellings of the email address", func(t *testing.T) {
		for _, email := range []string{"ANA@example.com", " ana@EXAMPLE.com ", "\tAna@Example.Com\r\n", "ana@example.com\u00a0"} {
			if u, err := logIn(email, password); err != nil || u.ID != ana.ID {
				t.Errorf("%q: %v", email, err)
			}
		}
		for _, email := range []string{"ａｎａ@example.com", "a\u0301na@example.com", "ana@example.com\x00", "ana", "an%@example.com", "ana@example.com,root@example.com"} {
			if _, err := logIn(email, password); incident.CodeOf(err) != incident.Unauthorized {
				t.Errorf("%q: %v, want it refused", email, err)
			}
		}
	})
	t.Run("A-08 passwords are used exactly as typed", func(t *testing.T) {
		for n, secret := range []string{
			" leading and trailing ", strings.Repeat("a", 73), "пароль из двенадцати", "🐎🔋📎✅🐎🔋📎✅🐎🔋📎✅", "a\x00b a\x00b a\x00b a\x00b", "e\u0301" + strings.Repeat("x", 12), strings.Repeat("b", 1024),
		} {
			u := w.person(fmt.Sprint("p", n), incident.Viewer)
			hash, err := argon2id.CreateHash(secret, &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
			w.ok(err)
			u.PasswordHash = hash
			w.ok(w.store.UpdateUser(t.Context(), u.ID, false, "", dbtest.Become(u, incident.AuditEntry{})))
			if _, err := logIn(u.Email, secret); err != nil {
				t.Errorf("%.20q: %v", secret, err)
			}
			for _, near := range []string{strings.TrimSpace(secret) + " ", secret + "\x00", secret[:len(secret)-1], strings.ReplaceAll(secret, "e\u0301", "é") + "!"} {
				if _, err := logIn(u.Email, near); near != secret && incident.CodeOf(err) != incident.Unauthorized {
					t.Errorf("%.20q opens the account of %.20q", near, secret)
				}
			}
		}
		if _, err := logIn(ana.Email, strings.Repeat("a", 1<<20)); incident.CodeOf(err) != incident.Unauthorized {
			t.Errorf("a password of 1 MB: %v", err)
		}
	})
	t.Run("a damaged hash matches no password", func(t *testing.T) {
		for n, hash := range []string{"", "x", cheapHash()[:len(cheapHash())-3]} {
			u := w.person(fmt.Sprint("damaged", n), incident.Viewer)
			u.PasswordHash = hash
			w.ok(w.store.UpdateUser(t.Context(), u.ID, false, "", dbtest.Become(u, incident.AuditEntry{})))
			for _, secret := range []string{"", password} {
				if _, err := logIn(u.Email, secret); incident.CodeOf(err) != incident.Unauthorized {
					t.Errorf("hash %q: %v", hash, err)
				}
			}
		}
	})
	t.Run("broken: the store is closed", func(t *testing.T) {
		w.ok(w.store.Close())
		_, err := logIn(ana.Email, password)
		wantCode(t, err, incident.Unavailable)
	})
}

func TestLogInWaits(t *testing.T) {
	t.Parallel()
	const here = "192.0.2.9"
	// guess tries a wrong password and returns how long the next attempt has to
	// wait.
	guess := func(w *world, email, address string) time.Duration {
		t.Helper()
		_, err := w.service.LogIn(t.Context(), email, "wrong horse battery", address)
		var refused *incident.Error
		if !errors.As(err, &refused) || (refused.Code != incident.Unauthorized && refused.Code != incident.Limited) {
			t.Fatalf("a wrong password: %v", err)
		}
		if refused.Code == incident.Unauthorized {
			return 0
		}
		return refused.RetryAfter
	}
	fives := func(w *world, email, address string) {
		t.Helper()
		for n := range 5 {
			if wait := guess(w, email, address); wait != 0 {
				t.Fatalf("try %d has to wait %s", n+1, wait)
			}
		}
	}

	t.Run("A-04 the wait grows but never locks the user out", func(t *testing.T) {
		w := newWorld(t)
		ana := w.person("ana", incident.Responder)
		fives(w, ana.Email, here)
		var waits []time.Duration
		for range 10 {
			wait := guess(w, ana.Email, here)
			waits = append(waits, wait)
			if _, err := w.service.LogIn(t.Context(), ana.Email, password, here); incident.CodeOf(err) != incident.Limited {
				t.Fatalf("the right password meanwhile: %v, want the same answer, so that nobody guesses on", err)
			}
			w.clock.Add(wait)
			if wait := guess(w, ana.Email, here); wait != 0 {
				t.Fatalf("after the wait there is another of %s", wait)
			}
		}
		s := time.Second
		if want := []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s, 60 * s, 60 * s}; !slices.Equal(waits, want) {
			t.Errorf("waits %v, want %v", waits, want)
		}
		if _, err := w.service.LogIn(t.Context(), ana.Email, password, "198.51.100.1"); err != nil {
			t.Errorf("another network has to wait too: %v", err)
		}
		if wait := guess(w, "ben@example.com", here); wait != 0 {
			t.Errorf("another account has to wait %s too", wait)
		}
		w.clock.Add(time.Minute)
		if _, err := w.service.LogIn(t.Context(), ana.Email, password, here); err != nil {
			t.Errorf("after the wait: %v", err)
		}
		fives(w, ana.Email, here) // the right password has reset the count
	})
	t.Run("A-02 an unknown user waits as long as a known one", func(t *testing.T) {
		w := newWorld(t)
		fives(w, "nobody@example.com", here)
		if wait := guess(w, "nobody@example.com", here); wait != time.Second {
			t.Errorf("the next try waits %s, want 1s", wait)
		}
	})
	t.Run("A-06 one counter for all spellings of the email address", func(t *testing.T) {
		w := newWorld(t)
		ana := w.person("ana", incident.Responder)
		for _, email := range []string{"ana@example.com", "ANA@example.com", " ana@example.com", "Ana@Example.com\n", "ana@example.COM\u00a0"} {
			guess(w, email, here)
		}
		if wait := guess(w, ana.Email, here); wait != time.Second {
			t.Errorf("the sixth try waits %s, want 1s", wait)
		}
	})
	t.Run("A-05 addresses of one network share a counter", func(t *testing.T) {
		for _, test := range []struct {
			name        string
			addresses   []string
			same, other string
		}{
			{name: "IPv4 /24", addresses: []string{"192.0.2.1", "192.0.2.2", "192.0.2.255", "::ffff:192.0.2.7", "192.0.2.1"}, same: "192.0.2.77", other: "192.0.3.1"},
			{name: "IPv6 /64", addresses: []string{"2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::1", "2001:db8::1%eth0", "2001:db8::9"}, same: "2001:db8::abcd", other: "2001:db8:0:1::1"},
			{name: "no address at all", addresses: []string{"", "", "", "", ""}, same: "", other: "192.0.2.1"},
		} {
			t.Run(test.name, func(t *testing.T) {
				w := newWorld(t)
				ana := w.person("ana", incident.Responder)
				for _, a := range test.addresses {
					guess(w, ana.Email, a)
				}
				if wait := guess(w, ana.Email, test.same); wait == 0 {
					t.Errorf("%q does not have to wait", test.same)
				}
				if wait := guess(w, ana.Email, test.other); wait != 0 {
					t.Errorf("%q has to wait %s", test.other, wait)
				}
			})
		}
	})
	t.Run("the count is forgotten after an hour", func(t *testing.T) {
		w := newWorld(t)
		ana := w.person("ana", incident.Responder)
		fives(w, ana.Email, here)
		w.clock.Add(time.Hour + time.Second)
		if wait := guess(w, ana.Email, here); wait != 0 {
			t.Errorf("the next try waits %s", wait)
		}
	})
	t.Run("A-04 guesses at the same time are counted too", func(t *testing.T) {
		w := newWorld(t)
		ana := w.person("ana", incident.Responder)
		var looked atomic.Int32
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				if guess(w, ana.Email, here) == 0 {
					looked.Add(1)
				}
			})
		}
		wg.Wait()
		if n := looked.Load(); n > 8 {
			t.Errorf("%d of 40 guesses were looked at; want about the five that are free", n)
		}
	})
	t.Run("the limit also applies to changing one's own password", func(t *testing.T) {
		w := newWorld(t)
		ana := w.person("ana", incident.Responder)
		for range 5 {
			wantFields(t, w.service.ChangePassword(t.Context(), actorOf(ana), "wrong", "another horse battery", ""), "old_password")
		}
		wantCode(t, w.service.ChangePassword(t.Context(), actorOf(ana), password, "another horse battery", ""), incident.Limited)
	})
}

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

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	create := func(name string, scopes ...string) (string, incident.Token) {
		t.Helper()
		plain, token, err := w.service.CreateToken(t.Context(), admin, name, scopes, 0)
		w.ok(err)
		return plain, token
	}
	plain, token := create(" Monitoring ", "read", "incidents:write", "read")
	reader, _ := create("Reader", "read")

	t.Run("A-20 shown once, the hash stored", func(t *testing.T) {
		stored, err := w.store.Tokens(t.Context())
		w.ok(err)
		i := slices.IndexFunc(stored, func(s incident.Token) bool { return s.ID == token.ID })
		got := stored[i]
		if len(plain) != 46 || !strings.HasPrefix(plain, "db_") || got.Name != "Monitoring" || !slices.Equal(got.Scopes, []string{"incidents:write", "read"}) || got.CreatedBy != admin.Email {
			t.Errorf("token of %d characters, stored %+v", len(plain), got)
		}
		if len(got.Hash) != 64 || strings.Contains(fmt.Sprintf("%+v %+v %s", stored, w.trail(), w.log.String()), plain[3:20]) {
			t.Errorf("the token itself is kept: hash %q", got.Hash)
		}
		wantEntry(t, w.trail()[1], "token.create", "Monitoring", incident.Change{Field: "name", After: "Monitoring"}, incident.Change{Field: "scopes", After: "incidents:write, read"})
	})
	t.Run("acts with the role of its scopes", func(t *testing.T) {
		actor, got, err := w.service.TokenActor(t.Context(), plain, "192.0.2.8")
		w.ok(err)
		if want := (incident.Actor{Kind: "token", Email: "Monitoring", Name: "Monitoring", Role: incident.Responder, Address: "192.0.2.8"}); actor != want || got.ID != token.ID {
			t.Errorf("actor %+v, want %+v", actor, want)
		}
		actor, _, err = w.service.TokenActor(t.Context(), reader, "")
		w.ok(err)
		if actor.Role != incident.Viewer {
			t.Errorf("a token that may read acts as %s", actor.Role)
		}
	})
	t.Run("last used, once a minute", func(t *testing.T) {
		used := func() time.Time {
			t.Helper()
			w.must2(w.service.TokenActor(t.Context(), plain, ""))
			_, got, err := w.service.TokenActor(t.Context(), plain, "")
			w.ok(err)
			return got.LastUsedAt
		}
		first := used()
		w.clock.Add(30 * time.Second)
		if got := used(); !first.Equal(dbtest.Now) || !got.Equal(first) {
			t.Errorf("used at %s, half a minute later %s; want no write", first, got)
		}
		w.clock.Add(31 * time.Second)
		if got := used(); !got.Equal(w.clock.Now()) {
			t.Errorf("a minute later used at %s, want %s", got, w.clock.Now())
		}
	})
	t.Run("A-24 almost correct", func(t *testing.T) {
		near := []string{"", "db_", plain + "A", plain + " ", " " + plain, plain[3:], "zz_" + plain[3:], plain[:3] + reader[3:20] + plain[20:], strings.ToUpper(plain), strings.ToLower(plain), "DB_" + plain[3:]}
		for n := 1; n <= len(plain); n++ {
			near = append(near, plain[:len(plain)-n])
		}
		for i := range plain {
			changed := []byte(plain)
			changed[i] ^= 1
			near = append(near, string(changed))
		}
		near = append(near, token.Hash, "db_"+token.Hash[:43])
		for _, s := range near {
			if s == plain {
				continue
			}
			if _, _, err := w.service.TokenActor(t.Context(), s, ""); incident.CodeOf(err) != incident.Unauthorized || strings.Contains(err.Error(), plain[3:10]) {
				t.Errorf("%q is taken for the token: %v", s, err)
			}
		}
	})
	t.Run("refused", func(t *testing.T) {
		for _, test := range []struct {
			name, called string
			scopes       []string
			want         []string
		}{
			{"no name", " ", []string{"read"}, []string{"name"}},
			{"F-34 name of 101 characters", strings.Repeat("ø", 101), []string{"read"}, []string{"name"}},
			{"no scope", "x", nil, []string{"scopes"}},
			{"F-31 unknown scope", "x", []string{"read", "admin"}, []string{"scopes"}},
			{"both", "", []string{""}, []string{"name", "scopes"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				plain, _, err := w.service.CreateToken(t.Context(), admin, test.called, test.scopes, 0)
				wantFields(t, err, test.want...)
				if plain != "" {
					t.Error("a token came out")
				}
			})
		}
	})
	t.Run("A-18 revoking ends it at once", func(t *testing.T) {
		w.ok(w.service.RevokeToken(t.Context(), admin, token.ID))
		_, _, err := w.service.TokenActor(t.Context(), plain, "")
		wantCode(t, err, incident.Unauthorized)
		if e := w.trail()[0]; e.Action != "token.revoke" || e.Target != "Monitoring" {
			t.Errorf("audit entry %+v", e)
		}
		wantCode(t, w.service.RevokeToken(t.Context(), admin, token.ID), incident.Conflict)
		wantCode(t, w.service.RevokeToken(t.Context(), admin, "nothing"), incident.NotFound)
		if _, _, err := w.service.TokenActor(t.Context(), reader, ""); err != nil {
			t.Errorf("the other token: %v", err)
		}
	})
	t.Run("broken: the store is closed", func(t *testing.T) {
		w.ok(w.store.Close())
		_, _, err := w.service.TokenActor(t.Context(), reader, "")
		wantCode(t, err, incident.Unavailable)
		_, _, err = w.service.CreateToken(t.Context(), admin, "x", []string{"read"}, 0)
		wantCode(t, err, incident.Unavailable)
	})
}

// every verb that changes something, with the lowest role that may use it.
// The arguments are chosen so that nothing changes for those who may.
func TestNeed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{TokenRefused: true})
	i, b := w.open()
	runs, err := w.store.StepRuns(t.Context(), i.Number)
	w.ok(err)
	ctx, s := t.Context(), w.service
	verbs := []struct {
		name string
		need incident.Role
		do   func(incident.Actor) error
	}{
		{"SaveAccount", incident.Admin, func(a incident.Actor) error { _, err := s.SaveAccount(ctx, a, incident.AccountForm{}); return err }},
		{"CheckConnection", incident.Admin, func(a incident.Actor) error { _, err := s.CheckConnection(ctx, a, "x"); return err }},
		{"SaveRunbook", incident.Admin, func(a incident.Actor) error { _, _, err := s.SaveRunbook(ctx, a, incident.Runbook{}); return err }},
		{"DuplicateRunbook", incident.Admin, func(a incident.Actor) error { _, err := s.DuplicateRunbook(ctx, a, "x"); return err }},
		{"SetRunbookDisabled", incident.Admin, func(a incident.Actor) error { return s.SetRunbookDisabled(ctx, a, "x", true) }},
		{"DeleteRunbook", incident.Admin, func(a incident.Actor) error { _, err := s.DeleteRunbook(ctx, a, "x"); return err }},
		{"CreateUser", incident.Admin, func(a incident.Actor) error { _, err := s.CreateUser(ctx, a, "", "", "", ""); return err }},
		{"SetRole", incident.Admin, func(a incident.Actor) error { return s.SetRole(ctx, a, "x", "") }},
		{"SetDisabled", incident.Admin, func(a incident.Actor) error { return s.SetDisabled(ctx, a, "x", true) }},
		{"SetName", incident.Admin, func(a incident.Actor) error { return s.SetName(ctx, a, "x", "y") }},
		{"InviteUser", incident.Admin, func(a incident.Actor) error { _, _, err := s.InviteUser(ctx, a, "", "", ""); return err }},
		{"NewPasswordLink", incident.Admin, func(a incident.Actor) error { _, _, err := s.NewPasswordLink(ctx, a, "x"); return err }},
		{"ResetPassword", incident.Admin, func(a incident.Actor) error { return s.ResetPassword(ctx, a, "x", "") }},
		{"CreateToken", incident.Admin, func(a incident.Actor) error { _, _, err := s.CreateToken(ctx, a, "", nil, 0); return err }},
		{"RevokeToken", incident.Admin, func(a incident.Actor) error { return s.RevokeToken(ctx, a, "x") }},
		{"ReprocessEvent", incident.Admin, func(a incident.Actor) error { _, err := s.ReprocessEvent(ctx, a, 1); return err }},
		{"OpenIncident", incident.Responder, func(a incident.Actor) error { _, _, err := s.OpenIncident(ctx, a, incident.OpenRequest{}); return err }},
		{"ResolveIncident", incident.Responder, func(a incident.Actor) error { return s.ResolveIncident(ctx, a, 999) }},
		{"ReopenIncident", incident.Responder, func(a incident.Actor) error { return s.ReopenIncident(ctx, a, i.Number) }},
		{"RunStep", incident.Responder, func(a incident.Actor) error { return s.RunStep(ctx, a, runs[0].ID+"x") }},
		{"RetryBridge", incident.Responder, func(a incident.Actor) error { return s.RetryBridge(ctx, a, b.ID) }},
		{"UseLink", incident.Responder, func(a incident.Actor) error { return s.UseLink(ctx, a, b.ID, "", "") }},
	}
	actors := []struct {
		name  string
		actor incident.Actor
	}{
		{"nobody", incident.Actor{}},
		{"unknown role", incident.Actor{Kind: "user", UserID: "x1", Role: "owner"}},
		{"viewer", viewer},
		{"token that reads", incident.Actor{Kind: "token", Email: "reader", Role: incident.Viewer}},
		{"responder", anaIs},
		{"token that writes", incident.Actor{Kind: "token", Email: "writer", Role: incident.Responder}},
		{"admin", admin},
		{"command line", incident.Actor{Kind: "cli", Email: "root"}},
	}
	for _, verb := range verbs {
		t.Run(verb.name, func(t *testing.T) {
			for _, who := range actors {
				may := who.actor.Role.Includes(verb.need) || who.actor.Kind == incident.ActorCommandLine
				err := verb.do(who.actor)
				if got := incident.CodeOf(err) != incident.Forbidden; got != may {
					t.Errorf("%s: %v, want allowed %v", who.name, err, may)
				}
			}
		})
	}
	t.Run("one's own name and sessions, with any role", func(t *testing.T) {
		vera := w.person("vera", incident.Viewer)
		w.ok(s.SetName(ctx, actorOf(vera), vera.ID, "Vera"))
		w.ok(s.EndOtherSessions(ctx, actorOf(vera), ""))
		for _, a := range []incident.Actor{{}, {Kind: "token", Role: incident.Responder}} {
			wantCode(t, s.EndOtherSessions(ctx, a, ""), incident.NotFound)
			wantCode(t, s.ChangePassword(ctx, a, password, password, ""), incident.NotFound)
			wantCode(t, s.SetName(ctx, a, "", "x"), incident.Forbidden)
		}
	})
}

func TestRoleIncludes(t *testing.T) {
	t.Parallel()
	order := []incident.Role{incident.Viewer, incident.Responder, incident.Admin}
	for i, have := range order {
		for j, need := range order {
			if got := have.Includes(need); got != (i >= j) {
				t.Errorf("%s includes %s: %v", have, need, got)
			}
		}
		for _, none := range []incident.Role{"", "owner", "Admin"} {
			if none.Includes(have) {
				t.Errorf("the role %q includes %s", none, have)
			}
		}
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
