package web_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/static"
	"github.com/drawbridge-hq/drawbridge/web"
)

var proxy = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// wantHeaders checks H-01 and H-02, which hold for every answer.
func wantHeaders(t *testing.T, name string, r answer) {
	t.Helper()
	referrer := "same-origin"
	if name == "/j/:key" { // its address has the key of the link
		referrer = "no-referrer"
	}
	for header, want := range map[string]string{
		"Content-Security-Policy":      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              referrer,
		"X-Frame-Options":              "DENY",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := r.header.Get(header); got != want {
			t.Errorf("%s (%d): %s is %q", name, r.status, header, got)
		}
	}
	if r.header.Get("Permissions-Policy") == "" || r.header.Get("Server") != "" || r.header.Get("X-Request-Id") == "" {
		t.Errorf("%s (%d): header %v", name, r.status, r.header)
	}
	if got := r.header.Get("Cache-Control"); got != "no-store" && !(strings.HasPrefix(name, "/static/") && strings.Contains(got, "immutable")) {
		t.Errorf("%s (%d): Cache-Control %q", name, r.status, got)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.loggedIn(incident.Admin)
	t.Run("H-01 H-02 every route, with and without a session", func(t *testing.T) {
		for _, route := range web.Routes(w.config) {
			if route.Path == "/logout" {
				continue
			}
			wantHeaders(t, route.Path, b.do(route.Method, address(route.Path), nil, "Sec-Fetch-Site", "same-origin"))
			wantHeaders(t, route.Path, w.browser().do(route.Method, address(route.Path), nil))
		}
	})
	t.Run("H-01 H-02 all other answers", func(t *testing.T) {
		wantHeaders(t, "404", b.get("/nothing"))
		wantHeaders(t, "404 without a session", w.browser().get("/nothing"))
		wantHeaders(t, "404 of the API", w.browser().get("/api/v1/nothing"))
		wantHeaders(t, "405", b.do("DELETE", "/login", nil, "Sec-Fetch-Site", "same-origin"))
		wantHeaders(t, "OPTIONS", b.do("OPTIONS", "/login", nil))
		wantHeaders(t, "/static/", b.get(static.URL("app.css")))
		wantHeaders(t, "413", b.do("POST", "/login", strings.NewReader(strings.Repeat("x", 1<<20)), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin"))
		wantHeaders(t, "logout", b.post("/logout", nil))
	})
	t.Run("H-01 500", func(t *testing.T) {
		w := newWorld(t)
		b := w.loggedIn(incident.Viewer)
		w.breakStore()
		for _, path := range []string{"/live?topic=events", "/nothing", "/readyz", "/login"} {
			r := b.get(path)
			wantHeaders(t, path, r)
			if r.status < 500 {
				t.Errorf("%s: status %d", path, r.status)
			}
			wantBroken(t, r)
		}
	})
}

func TestErrorPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.loggedIn(incident.Viewer)
	t.Run("with a session: page frame and request id", func(t *testing.T) {
		r := b.get("/nothing")
		if r.status != http.StatusNotFound || !strings.Contains(r.body, `action="/logout"`) || !strings.Contains(r.body, r.header.Get("X-Request-Id")) {
			t.Errorf("status %d:\n%s", r.status, r.body)
		}
	})
	t.Run("without a session: no frame", func(t *testing.T) {
		r := w.browser().get("/nothing")
		if r.status != http.StatusNotFound || strings.Contains(r.body, `action="/logout"`) || !strings.Contains(r.body, r.header.Get("X-Request-Id")) {
			t.Errorf("status %d:\n%s", r.status, r.body)
		}
	})
	t.Run("admins see the address of an untrusted proxy", func(t *testing.T) {
		const says = "DRAWBRIDGE_TRUSTED_PROXIES"
		if r := b.do(http.MethodGet, "/nothing", nil, "X-Forwarded-For", "203.0.113.7"); strings.Contains(r.body, says) {
			t.Error("viewers see the warning about the proxy")
		}
		admin := w.loggedIn(incident.Admin)
		if r := admin.do(http.MethodGet, "/nothing", nil, "X-Forwarded-For", "203.0.113.7"); !strings.Contains(r.body, says) {
			t.Error("admins do not see the warning")
		}
		if r := admin.get("/nothing"); strings.Contains(r.body, says) {
			t.Error("the warning is shown without a proxy")
		}
	})
	t.Run("F-10 the path of a 404 is not repeated as HTML", func(t *testing.T) {
		r := b.get("/" + url.PathEscape(`"><script>alert(1)</script>`))
		if strings.Contains(r.body, "<script>alert") {
			t.Error("the path is in the page")
		}
	})
	t.Run("a request id from the client is ignored", func(t *testing.T) {
		if r := b.do(http.MethodGet, "/livez", nil, "X-Request-Id", "mine"); r.header.Get("X-Request-Id") == "mine" {
			t.Error("the request id of the client is in the answer")
		}
	})
	t.Run("problem details for programs", func(t *testing.T) {
		r := w.api("", http.MethodGet, "/api/v1/nothing", nil)
		v := r.json(t)
		if r.header.Get("Content-Type") != "application/problem+json" || v["status"] != float64(404) || v["title"] != "Not Found" || v["request_id"] != r.header.Get("X-Request-Id") {
			t.Errorf("%v %v", r.header, v)
		}
		unauthorized := w.api("", http.MethodGet, "/api/v1/bridges", nil)
		if unauthorized.header.Get("WWW-Authenticate") != "Bearer" {
			t.Error("401 without WWW-Authenticate")
		}
	})
}

func TestHTTPS(t *testing.T) {
	t.Parallel()
	logIn := url.Values{"email": {"ana@example.com"}, "password": {password}}
	post := func(w *world, header ...string) answer {
		return w.browser().do(http.MethodPost, "/login", strings.NewReader(logIn.Encode()),
			append(header, "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")...)
	}
	t.Run("H-03 plain http", func(t *testing.T) {
		w := newWorld(t)
		w.user("ana@example.com", incident.Viewer)
		r := post(w)
		cookie := r.header.Get("Set-Cookie")
		if !strings.HasPrefix(cookie, "drawbridge_session=") || strings.Contains(cookie, "Secure") || r.header.Get("Strict-Transport-Security") != "" {
			t.Errorf("cookie %q, header %v", cookie, r.header)
		}
	})
	t.Run("H-06 X-Forwarded-Proto from an untrusted client is ignored", func(t *testing.T) {
		w := newWorld(t)
		w.user("ana@example.com", incident.Viewer)
		for _, header := range []string{"X-Forwarded-Proto", "X-Forwarded-Protocol", "X-Url-Scheme"} {
			r := post(w, header, "https")
			if strings.Contains(r.header.Get("Set-Cookie"), "Secure") || r.header.Get("Strict-Transport-Security") != "" {
				t.Errorf("%s is believed", header)
			}
		}
	})
	t.Run("H-03 H-06 behind a trusted proxy", func(t *testing.T) {
		w := newWorld(t, func(o *options) { o.proxies = proxy })
		w.user("ana@example.com", incident.Viewer)
		r := post(w, "X-Forwarded-Proto", "https", "X-Forwarded-For", "203.0.113.7")
		cookie := r.header.Get("Set-Cookie")
		if !strings.HasPrefix(cookie, "__Host-drawbridge_session=") || !strings.Contains(cookie, "; Secure") || strings.Contains(cookie, "Domain") || r.header.Get("Strict-Transport-Security") == "" {
			t.Errorf("cookie %q, header %v", cookie, r.header)
		}
	})
	t.Run("H-03 public address with https", func(t *testing.T) {
		w := newWorld(t, func(o *options) { o.publicURL = "https://bridge.example.com" })
		w.user("ana@example.com", incident.Viewer)
		if cookie := post(w, "Host", "bridge.example.com").header.Get("Set-Cookie"); !strings.HasPrefix(cookie, "__Host-") {
			t.Errorf("cookie %q", cookie)
		}
		if cookie := post(w).header.Get("Set-Cookie"); strings.HasPrefix(cookie, "__Host-") {
			t.Errorf("at another host over http: cookie %q, which browsers drop", cookie)
		}
	})
	t.Run("F-21 no header decides where links lead", func(t *testing.T) {
		w := newWorld(t, func(o *options) { o.publicURL = "https://bridge.example.com" })
		w.runbook("Outage")
		write, read := w.token("incidents:write"), w.token("read")
		evil := []string{"Host", "evil.example", "X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example", "Content-Type", "application/json"}
		r := w.api(write, http.MethodPost, "/api/v1/incidents", map[string]any{"runbook": "Outage", "name": "x"}, evil...)
		if r.status != http.StatusCreated || strings.Contains(r.body, "evil") || !strings.Contains(r.body, `"join_page":"https://bridge.example.com/j/INC-1`) {
			t.Errorf("status %d: %s", r.status, r.body)
		}
		for _, path := range []string{"/api/v1/incidents/1", "/login", "/", "/nothing"} {
			r := w.api(read, http.MethodGet, path, nil, evil...)
			if strings.Contains(r.body, "evil.example") || strings.Contains(r.header.Get("Location"), "evil.example") {
				t.Errorf("%s: %s %s", path, r.header.Get("Location"), r.body)
			}
		}
	})
}

func TestHealth(t *testing.T) {
	t.Parallel()
	t.Run("guard: metrics need this machine or a token", func(t *testing.T) {
		w := newWorld(t)
		if r := w.browser().get("/metrics"); r.status != http.StatusOK || !strings.Contains(r.body, `drawbridge_build_info{version="v1.2.3"} 1`) {
			t.Errorf("from this machine: status %d", r.status)
		}
		for _, header := range []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip"} {
			if r := w.browser().do(http.MethodGet, "/metrics", nil, header, "127.0.0.1"); r.status != http.StatusUnauthorized {
				t.Errorf("forwarded with %s: status %d, want 401", header, r.status)
			}
		}
		if r := w.api(w.token("metrics"), http.MethodGet, "/metrics", nil, "X-Forwarded-For", "203.0.113.7"); r.status != http.StatusOK {
			t.Errorf("with a token: status %d", r.status)
		}
		if r := w.api(w.token("read"), http.MethodGet, "/metrics", nil, "X-Forwarded-For", "203.0.113.7"); r.status != http.StatusForbidden {
			t.Errorf("with a token without the scope: status %d, want 403", r.status)
		}
	})
	t.Run("O-07 ready, without any secret", func(t *testing.T) {
		w := newWorld(t)
		for _, path := range []string{"/livez", "/readyz", "/metrics"} {
			r := w.browser().get(path)
			if r.status != http.StatusOK || strings.Contains(r.body, "CANARY") || strings.Contains(r.body, secretToken) {
				t.Errorf("%s: status %d: %s", path, r.status, r.body)
			}
		}
	})
	t.Run("not ready without the key", func(t *testing.T) {
		cfg := dbtest.Migrated(t)
		newWorld(t, func(o *options) { o.db = cfg })
		cfg.Keys = nil
		w := newWorld(t, func(o *options) { o.db, o.bare = cfg, true })
		if r := w.browser().get("/readyz"); r.status != http.StatusServiceUnavailable || !strings.Contains(r.body, `"key":"cannot be used"`) {
			t.Errorf("status %d: %s", r.status, r.body)
		}
		b := w.loggedIn(incident.Viewer)
		if r := b.get("/nothing"); !strings.Contains(r.body, "db-banner-bad") {
			t.Errorf("P22: the page has no banner:\n%s", r.body)
		}
	})
	t.Run("broken: alive but not ready", func(t *testing.T) {
		w := newWorld(t)
		w.breakStore()
		if r := w.browser().get("/livez"); r.status != http.StatusOK {
			t.Errorf("livez: status %d", r.status)
		}
		r := w.browser().get("/readyz")
		if r.status != http.StatusServiceUnavailable || !strings.Contains(r.body, `"database":"does not answer"`) {
			t.Errorf("readyz: status %d: %s", r.status, r.body)
		}
		wantBroken(t, r)
	})
}
