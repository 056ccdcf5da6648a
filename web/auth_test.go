package web_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

const sessionCookie = "drawbridge_session"

func TestSetup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, err := w.service.SetupLink(t.Context())
	w.must(err)
	form := func(token, email, secret string) url.Values {
		return url.Values{"token": {token}, "email": {email}, "name": {"Ana"}, "password": {secret}}
	}

	t.Run("guard: an unknown link answers 410", func(t *testing.T) {
		for _, token := range []string{"", "x", strings.Repeat("A", 43)} {
			if r := w.browser().get("/setup?token=" + token); r.status != http.StatusGone {
				t.Errorf("GET with token %q: status %d, want 410", token, r.status)
			}
			if r := w.browser().post("/setup", form(token, "ana@example.com", password)); r.status != http.StatusGone {
				t.Errorf("POST with token %q: status %d, want 410", token, r.status)
			}
		}
	})
	t.Run("refused: the form keeps its values but not the password", func(t *testing.T) {
		r := w.browser().post("/setup", form(token, "ana@example.com", "tooshort"))
		if r.status != http.StatusUnprocessableEntity || !strings.Contains(r.body, `value="ana@example.com"`) || strings.Contains(r.body, "tooshort") {
			t.Errorf("status %d, body:\n%s", r.status, r.body)
		}
	})
	t.Run("A-01 only one of two browsers can create the admin", func(t *testing.T) {
		if r := w.browser().get("/setup?token=" + token); r.status != http.StatusOK {
			t.Fatalf("GET: status %d", r.status)
		}
		answers := make([]answer, 2)
		browsers := []*browser{w.browser(), w.browser()}
		var both sync.WaitGroup
		for i := range answers {
			both.Go(func() {
				answers[i] = browsers[i].post("/setup", form(token, []string{"a@example.com", "b@example.com"}[i], password))
			})
		}
		both.Wait()
		won := 0
		for i, a := range answers {
			switch a.status {
			case http.StatusSeeOther:
				won++
				if browsers[i].cookies[sessionCookie] == "" {
					t.Error("the admin is not logged in")
				}
			case http.StatusGone:
			default:
				t.Errorf("status %d: %s", a.status, a.body)
			}
		}
		users, err := w.store.Users(t.Context())
		w.must(err)
		if won != 1 || len(users) != 1 {
			t.Errorf("%d browsers won and there are %d users, want 1 and 1", won, len(users))
		}
		if r := w.browser().get("/setup?token=" + token); r.status != http.StatusGone {
			t.Errorf("the used link: status %d, want 410", r.status)
		}
	})
	t.Run("A-01 an expired link answers 410", func(t *testing.T) {
		w := newWorld(t)
		token, err := w.service.SetupLink(t.Context())
		w.must(err)
		w.clock.add(30 * time.Minute)
		if r := w.browser().get("/setup?token=" + token); r.status != http.StatusGone {
			t.Errorf("status %d, want 410", r.status)
		}
	})
	t.Run("broken: 503 without the cause", func(t *testing.T) {
		w := newWorld(t)
		w.breakStore()
		wantBroken(t, w.browser().get("/setup?token="+token))
		wantBroken(t, w.browser().post("/setup", form(token, "a@example.com", password)))
	})
}

// wantBroken checks that the answer is a failure on our side and does not reveal
// the cause.
func wantBroken(t testing.TB, r answer) {
	t.Helper()
	if r.status != http.StatusServiceUnavailable && r.status != http.StatusInternalServerError {
		t.Errorf("status %d, want 503 or 500:\n%s", r.status, r.body)
	}
	for _, cause := range []string{"sql:", "closed", "SELECT", "panic", ".go:"} {
		if strings.Contains(r.body, cause) {
			t.Errorf("the answer contains %q:\n%s", cause, r.body)
		}
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ana@example.com", incident.Admin)
	gone := w.user("gone@example.com", incident.Viewer)
	w.must(w.service.SetDisabled(t.Context(), commandLine, gone.ID, true))
	form := func(email, secret string) url.Values {
		return url.Values{"email": {email}, "password": {secret}, "next": {"/incidents?status=open"}}
	}

	t.Run("guard: a page redirects to the login and back", func(t *testing.T) {
		r := w.browser().get("/live?topic=events")
		if r.status != http.StatusUnauthorized {
			t.Errorf("a stream without a session: status %d, want 401", r.status)
		}
	})
	t.Run("A-02 unknown user, wrong password and disabled user get the same answer", func(t *testing.T) {
		same := func(r answer) string {
			r.header.Del("X-Request-Id")
			r.header.Del("Date")
			var b strings.Builder
			_ = r.header.Write(&b)
			return b.String() + r.body
		}
		wrong := w.browser().post("/login", form("ana@example.com", "wrong wrong wrong"))
		if wrong.status != http.StatusUnprocessableEntity {
			t.Fatalf("wrong password: status %d", wrong.status)
		}
		unknown := w.browser().post("/login", form("ben@example.com", "wrong wrong wrong"))
		disabled := w.browser().post("/login", form("gone@example.com", password))
		want := strings.ReplaceAll(same(wrong), "ana@example.com", "X")
		if got := strings.ReplaceAll(same(unknown), "ben@example.com", "X"); got != want {
			t.Errorf("an unknown user gets a different answer:\n%s\nwant\n%s", got, want)
		}
		// The length differs because this email address is longer.
		if disabled.status != wrong.status || strings.Contains(disabled.body, "disabled") {
			t.Errorf("a disabled user gets a different answer: status %d", disabled.status)
		}
	})
	t.Run("done: redirects to the requested page", func(t *testing.T) {
		b := w.browser()
		r := b.post("/login", form("ana@example.com", password))
		if r.status != http.StatusSeeOther || r.header.Get("Location") != "/incidents?status=open" {
			t.Errorf("status %d to %q", r.status, r.header.Get("Location"))
		}
		cookie := r.header.Get("Set-Cookie")
		for _, want := range []string{"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=604800"} {
			if !strings.Contains(cookie, want) {
				t.Errorf("cookie %q has no %s", cookie, want)
			}
		}
		if r := b.get("/login"); r.status != http.StatusSeeOther || r.header.Get("Location") != "/" {
			t.Errorf("login page with a session: status %d to %q", r.status, r.header.Get("Location"))
		}
	})
	t.Run("A-06 one user for all spellings of the email address", func(t *testing.T) {
		for _, email := range []string{"ANA@example.com", " ana@example.com ", "Ana@Example.COM"} {
			if r := w.browser().post("/login", form(email, password)); r.status != http.StatusSeeOther {
				t.Errorf("%q: status %d", email, r.status)
			}
		}
		for _, email := range []string{"ａｎａ@example.com", "ana\u0301@example.com", "ana"} {
			if r := w.browser().post("/login", form(email, password)); r.status != http.StatusUnprocessableEntity {
				t.Errorf("%q: status %d, want 422", email, r.status)
			}
		}
		if r := w.browser().post("/login", form("ana\x00@example.com", password)); r.status != http.StatusBadRequest {
			t.Errorf("NUL: status %d, want 400", r.status)
		}
	})
	t.Run("A-08 passwords of any kind and length", func(t *testing.T) {
		for i, secret := range []string{strings.Repeat("x", 73), " space at both ends ", "passwörd 🔑 with more", strings.Repeat("é", 512)} {
			email := string(rune('p'+i)) + "@example.com"
			_, err := w.service.CreateUser(t.Context(), commandLine, email, "", incident.Viewer, secret)
			w.must(err)
			if r := w.browser().post("/login", form(email, secret)); r.status != http.StatusSeeOther {
				t.Errorf("%.20q: status %d", secret, r.status)
			}
			if r := w.browser().post("/login", form(email, secret[:len(secret)-1])); r.status == http.StatusSeeOther {
				t.Errorf("%.20q without its last byte logs in", secret)
			}
		}
		if r := w.browser().post("/login", form("ana@example.com", strings.Repeat("x", 1<<20))); r.status != http.StatusRequestEntityTooLarge {
			t.Errorf("1 MB: status %d, want 413", r.status)
		}
	})
	t.Run("broken", func(t *testing.T) {
		w := newWorld(t)
		w.breakStore()
		wantBroken(t, w.browser().post("/login", form("ana@example.com", password)))
	})
}

func TestLoginLimits(t *testing.T) {
	t.Parallel()
	guess := func(w *world, header ...string) answer {
		body := url.Values{"email": {"ana@example.com"}, "password": {"wrong wrong wrong"}}
		return w.browser().do(http.MethodPost, "/login", strings.NewReader(body.Encode()),
			append(header, "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")...)
	}
	t.Run("A-05 X-Forwarded-For from an untrusted client is ignored", func(t *testing.T) {
		w := newWorld(t)
		w.user("ana@example.com", incident.Admin)
		for i := range 30 {
			r := guess(w, "X-Forwarded-For", "203.0.113."+string(rune('0'+i%10)))
			if r.status == http.StatusTooManyRequests {
				if r.header.Get("Retry-After") == "" {
					t.Error("429 without Retry-After")
				}
				return
			}
		}
		t.Error("30 guesses were not rate-limited")
	})
	t.Run("A-05 X-Forwarded-For from a trusted proxy counts", func(t *testing.T) {
		w := newWorld(t, func(o *options) { o.proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
		w.user("ana@example.com", incident.Admin)
		for range 8 {
			guess(w, "X-Forwarded-For", "203.0.113.7")
		}
		if r := guess(w, "X-Forwarded-For", "203.0.113.7"); r.status != http.StatusTooManyRequests {
			t.Errorf("the guessing client: status %d, want 429", r.status)
		}
		if r := guess(w, "X-Forwarded-For", "198.51.100.9"); r.status != http.StatusUnprocessableEntity {
			t.Errorf("another client: status %d, want 422", r.status)
		}
	})
	t.Run("X-Forwarded-For as proxies write it", func(t *testing.T) {
		text, err := os.ReadFile("testdata/forwarded-for.json")
		if err != nil {
			t.Fatal(err)
		}
		var headers map[string][2]string
		if err := json.Unmarshal(text, &headers); err != nil {
			t.Fatal(err)
		}
		headers["IPv6 in brackets"] = [2]string{"[2001:db8::9]", "[2001:db8:1::7]"}
		for name, pair := range headers {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, func(o *options) { o.proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
				w.user("ana@example.com", incident.Admin)
				for range 8 {
					guess(w, "X-Forwarded-For", pair[0])
				}
				if r := guess(w, "X-Forwarded-For", pair[0]); r.status != http.StatusTooManyRequests {
					t.Errorf("the guessing client: status %d, want 429", r.status)
				}
				body := url.Values{"email": {"ana@example.com"}, "password": {password}}
				r := w.browser().do(http.MethodPost, "/login", strings.NewReader(body.Encode()), "X-Forwarded-For", pair[1],
					"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
				if r.status != http.StatusSeeOther {
					t.Errorf("the right password from elsewhere: status %d", r.status)
				}
			})
		}
	})
	t.Run("A-04 guessing from one network does not lock the user out on another", func(t *testing.T) {
		w := newWorld(t, func(o *options) { o.proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
		w.user("ana@example.com", incident.Admin)
		for range 10 {
			guess(w, "X-Forwarded-For", "203.0.113.7")
		}
		body := url.Values{"email": {"ana@example.com"}, "password": {password}}
		r := w.browser().do(http.MethodPost, "/login", strings.NewReader(body.Encode()), "X-Forwarded-For", "198.51.100.9",
			"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
		if r.status != http.StatusSeeOther {
			t.Errorf("the right password from elsewhere: status %d", r.status)
		}
	})
}

func TestSession(t *testing.T) {
	t.Parallel()
	// page returns the status of a page that every logged-in user may see.
	page := func(b *browser) int { return b.do(http.MethodGet, "/live?topic=nothing", nil).status }
	const in, out = http.StatusBadRequest, http.StatusUnauthorized // the topic is unknown; there is no session

	t.Run("A-09 a session planted before the login is useless", func(t *testing.T) {
		w := newWorld(t)
		w.user("ana@example.com", incident.Viewer)
		victim := w.browser()
		planted := strings.Repeat("A", 43)
		victim.cookies[sessionCookie] = planted
		victim.post("/login", url.Values{"email": {"ana@example.com"}, "password": {password}})
		if victim.cookies[sessionCookie] == planted || page(victim) != in {
			t.Fatal("the login kept the planted session")
		}
		attacker := w.browser()
		attacker.cookies[sessionCookie] = planted
		if got := page(attacker); got != out {
			t.Errorf("the planted session: status %d, want %d", got, out)
		}
		first := victim.cookies[sessionCookie]
		victim.post("/login", url.Values{"email": {"ana@example.com"}, "password": {password}})
		attacker.cookies[sessionCookie] = first
		if got := page(attacker); got != out {
			t.Errorf("the session before the second login: status %d, want %d", got, out)
		}
	})
	t.Run("A-11 a modified cookie", func(t *testing.T) {
		w := newWorld(t)
		b := w.loggedIn(incident.Viewer)
		token := b.cookies[sessionCookie]
		other := "A"
		if strings.HasPrefix(token, other) {
			other = "B"
		}
		for name, value := range map[string]string{
			"edited": other + token[1:], "truncated": token[:42], "extended": token + "A", "upper": strings.ToUpper(token),
			"long": strings.Repeat(token, 90), "empty": "",
		} {
			c := w.browser()
			c.cookies[sessionCookie] = value
			if got := page(c); got != out {
				t.Errorf("%s: status %d, want %d", name, got, out)
			}
		}
		r := b.do(http.MethodGet, "/live?topic=nothing", nil, "Cookie", sessionCookie+"="+strings.Repeat("A", 43))
		if r.status != out {
			t.Errorf("two cookies with the same name: status %d, want %d", r.status, out)
		}
	})
	t.Run("A-12 the stored hash does not work as a session", func(t *testing.T) {
		w := newWorld(t)
		b := w.loggedIn(incident.Viewer)
		c := w.browser()
		hash := fmt.Sprintf("%x", sha256.Sum256([]byte(b.cookies[sessionCookie])))
		if _, err := w.store.Session(t.Context(), hash); err != nil {
			t.Fatalf("unexpected row in the database: %v", err)
		}
		c.cookies[sessionCookie] = hash
		if got := page(c); got != out {
			t.Errorf("status %d, want %d", got, out)
		}
		c.cookies[sessionCookie] = hash[:43]
		if got := page(c); got != out {
			t.Errorf("status %d, want %d", got, out)
		}
	})
	t.Run("A-13 logout ends the session everywhere", func(t *testing.T) {
		w := newWorld(t)
		b := w.loggedIn(incident.Viewer)
		copied := w.browser()
		copied.cookies[sessionCookie] = b.cookies[sessionCookie]
		r := b.post("/logout", nil)
		if r.status != http.StatusSeeOther || r.header.Get("Clear-Site-Data") == "" || r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("status %d, header %v", r.status, r.header)
		}
		if len(b.cookies) != 0 {
			t.Errorf("the browser still has %v", b.cookies)
		}
		if got := page(copied); got != out {
			t.Errorf("the copied cookie: status %d, want %d", got, out)
		}
		if r := w.browser().post("/logout", nil); r.status != http.StatusSeeOther {
			t.Errorf("logout without a session: status %d", r.status)
		}
	})
	t.Run("A-13 broken: a failed logout does not report success", func(t *testing.T) {
		w := newWorld(t)
		b := w.loggedIn(incident.Viewer)
		w.breakStore()
		wantBroken(t, b.post("/logout", nil))
	})
	t.Run("A-14 twelve hours without a request", func(t *testing.T) {
		w := newWorld(t)
		b := w.loggedIn(incident.Viewer)
		w.clock.add(12*time.Hour - time.Second)
		if got := page(b); got != in {
			t.Fatalf("just before: status %d", got)
		}
		w.clock.add(12 * time.Hour)
		if got := page(b); got != out {
			t.Errorf("after: status %d, want %d", got, out)
		}
	})
	t.Run("A-14 seven days in any case", func(t *testing.T) {
		w := newWorld(t)
		b := w.loggedIn(incident.Viewer)
		for range 15 {
			if got := page(b); got != in {
				t.Fatalf("status %d", got)
			}
			w.clock.add(11 * time.Hour)
		}
		w.clock.add(3 * time.Hour)
		if got := page(b); got != out {
			t.Errorf("after seven days: status %d, want %d", got, out)
		}
	})
	t.Run("A-15 a new password ends the other sessions", func(t *testing.T) {
		w := newWorld(t)
		mine := w.loggedIn(incident.Viewer)
		other := w.logIn("viewer@example.com")
		u, err := w.store.UserByEmail(t.Context(), "viewer@example.com")
		w.must(err)
		w.must(w.service.ChangePassword(t.Context(), incident.Actor{Kind: "user", UserID: u.ID, Email: u.Email, Role: u.Role}, password,
			"another long password", mine.cookies[sessionCookie]))
		if got := page(mine); got != in {
			t.Errorf("my session: status %d", got)
		}
		if got := page(other); got != out {
			t.Errorf("the other session: status %d, want %d", got, out)
		}
	})
	t.Run("A-16 disabling a user ends the session at once", func(t *testing.T) {
		w := newWorld(t)
		b := w.loggedIn(incident.Viewer)
		u, err := w.store.UserByEmail(t.Context(), "viewer@example.com")
		w.must(err)
		w.must(w.service.SetDisabled(t.Context(), commandLine, u.ID, true))
		if got := page(b); got != out {
			t.Errorf("status %d, want %d", got, out)
		}
	})
	t.Run("A-16 even if the session row still exists", func(t *testing.T) {
		w := newWorld(t)
		b := w.loggedIn(incident.Viewer)
		u, err := w.store.UserByEmail(t.Context(), "viewer@example.com")
		w.must(err)
		u.DisabledAt = w.clock.now()
		w.must(w.store.UpdateUser(t.Context(), u.ID, false, "", dbtest.Become(u, incident.AuditEntry{})))
		if got := page(b); got != out {
			t.Errorf("status %d, want %d", got, out)
		}
	})
	t.Run("A-17 the role is read for each request", func(t *testing.T) {
		w := newWorld(t)
		b := w.loggedIn(incident.Viewer)
		u, err := w.store.UserByEmail(t.Context(), "viewer@example.com")
		w.must(err)
		u.Role = "nobody"
		w.must(w.store.UpdateUser(t.Context(), u.ID, false, "", dbtest.Become(u, incident.AuditEntry{})))
		if r := b.get("/live?topic=nothing"); r.status != http.StatusForbidden {
			t.Errorf("status %d, want 403", r.status)
		}
	})
	t.Run("last seen is written once a minute", func(t *testing.T) {
		w := newWorld(t)
		b := w.loggedIn(incident.Viewer)
		seen := func() time.Time {
			u, err := w.store.UserByEmail(context.Background(), "viewer@example.com")
			w.must(err)
			return u.LastSeenAt
		}
		at := seen()
		w.clock.add(30 * time.Second)
		page(b)
		if got := seen(); !got.Equal(at) {
			t.Errorf("after 30 s it is %v, was %v", got, at)
		}
		w.clock.add(31 * time.Second)
		page(b)
		if got := seen(); !got.Equal(w.clock.now()) {
			t.Errorf("after 61 s it is %v, want %v", got, w.clock.now())
		}
	})
}

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runbook("Outage")
	read, write := w.token("read"), w.token("incidents:write")
	status := func(token, method, path string) int { return w.api(token, method, path, nil).status }

	t.Run("A-20 shown once, stored hashed", func(t *testing.T) {
		tokens, err := w.store.Tokens(t.Context())
		w.must(err)
		for _, tok := range tokens {
			if tok.Hash == read || strings.Contains(tok.Hash, read[4:]) {
				t.Error("the token is stored in plain text")
			}
		}
	})
	t.Run("A-22 accepted only in the header", func(t *testing.T) {
		if got := w.api("", http.MethodGet, "/api/v1/bridges?token="+read, nil).status; got != http.StatusUnauthorized {
			t.Errorf("in the query: status %d, want 401", got)
		}
		if got := w.browser().do(http.MethodGet, "/api/v1/bridges", nil, "Cookie", "token="+read).status; got != http.StatusUnauthorized {
			t.Errorf("in a cookie: status %d, want 401", got)
		}
		if strings.Contains(w.log.String(), read) {
			t.Error("the token is in the log")
		}
		for _, scheme := range []string{"bearer ", "BEARER ", "bEARER  "} { // RFC 9110, 11.1
			if got := w.browser().do(http.MethodGet, "/api/v1/bridges", nil, "Authorization", scheme+read).status; got != http.StatusOK {
				t.Errorf("%q: status %d, want 200", scheme, got)
			}
		}
		for _, scheme := range []string{"Basic ", "Token ", "", "Bearer"} {
			if got := w.browser().do(http.MethodGet, "/api/v1/bridges", nil, "Authorization", scheme+read).status; got != http.StatusUnauthorized {
				t.Errorf("%q: status %d, want 401", scheme, got)
			}
		}
		if got := w.browser().do(http.MethodGet, "/api/v1/bridges", nil, "Authorization", "Bearer "+read, "Authorization", "Bearer "+write).status; got != http.StatusUnauthorized {
			t.Errorf("two headers: status %d, want 401", got)
		}
	})
	t.Run("A-24 almost correct", func(t *testing.T) {
		want := w.api("", http.MethodGet, "/api/v1/bridges", nil)
		for n := range len(read) {
			if got := w.api(read[:n], http.MethodGet, "/api/v1/bridges", nil); got.status != http.StatusUnauthorized || got.body != want.body {
				t.Errorf("first %d characters: status %d, body %s", n, got.status, got.body)
			}
		}
		for _, bad := range []string{read + "A", strings.ToUpper(read), strings.ToLower(read), "x" + read[1:], "\t" + read} {
			if got := status(bad, http.MethodGet, "/api/v1/bridges"); got != http.StatusUnauthorized {
				t.Errorf("%q: status %d, want 401", bad, got)
			}
		}
	})
	t.Run("A-18 revoking ends it at once", func(t *testing.T) {
		plain, token, err := w.service.CreateToken(t.Context(), commandLine, "short", []string{"read"}, 0)
		w.must(err)
		if got := status(plain, http.MethodGet, "/api/v1/bridges"); got != http.StatusOK {
			t.Fatalf("status %d", got)
		}
		w.must(w.service.RevokeToken(t.Context(), commandLine, token.ID))
		if got := status(plain, http.MethodGet, "/api/v1/bridges"); got != http.StatusUnauthorized {
			t.Errorf("status %d, want 401", got)
		}
	})
}

func TestTokenLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	write, other := w.token("incidents:write"), w.token("incidents:write")
	const open, resolve = "/api/v1/incidents", "/api/v1/incidents/1/resolve"
	limited := 0
	for range 500 {
		if r := w.api(write, http.MethodPost, open, "{}"); r.status == http.StatusTooManyRequests {
			t.Fatal("opening an incident is rejected, but a call for help never is")
		}
	}
	for range 500 {
		r := w.api(write, http.MethodPost, resolve, nil)
		if r.status == http.StatusTooManyRequests {
			limited++
			if r.header.Get("Retry-After") != "1" {
				t.Fatalf("Retry-After %q", r.header.Get("Retry-After"))
			}
		}
	}
	if limited != 400 {
		t.Errorf("A-25: %d of 500 requests at the same moment were rejected, want 400", limited)
	}
	if got := w.api(write, http.MethodPost, open, "{}").status; got == http.StatusTooManyRequests {
		t.Error("opening an incident is rejected after other requests")
	}
	if got := w.api(other, http.MethodPost, resolve, nil).status; got == http.StatusTooManyRequests {
		t.Error("another token is rejected too")
	}
	w.clock.add(time.Second)
	if got := w.api(write, http.MethodPost, resolve, nil).status; got == http.StatusTooManyRequests {
		t.Error("a second later the token is still rejected")
	}
}
