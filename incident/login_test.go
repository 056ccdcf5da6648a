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

	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

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
	t.Parallel()
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
