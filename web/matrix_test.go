package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/web"
)

// address returns a route's path with values for its parameters.
func address(path string) string {
	for name, value := range map[string]string{":number": "1", ":key": "INC-1", ":id": "0190a000-0000-7000-8000-000000000000", "*": "nothing"} {
		path = strings.ReplaceAll(path, name, value)
	}
	if path == "/live" {
		path += "?topic=nothing" // an unknown topic, because a stream would not end
	}
	return path
}

// actor is one column of the golden matrix.
type actor struct {
	name  string
	roles string // the needs that it meets, as Need.String names them
	send  func(method, path string) answer
}

func (w *world) actors() []actor {
	var all []actor
	person := func(name string, b *browser) actor {
		return actor{name, "session:" + name, func(method, path string) answer {
			cookies := map[string]string{}
			for k, v := range b.cookies { // logging out would end the shared session
				cookies[k] = v
			}
			return (&browser{w: w, cookies: cookies}).do(method, path, nil, "Sec-Fetch-Site", "same-origin")
		}}
	}
	token := func(name, plain string) actor {
		return actor{name, name, func(method, path string) answer {
			return w.api(plain, method, path, nil, "Sec-Fetch-Site", "same-origin")
		}}
	}
	all = append(all, person("anonymous", w.browser()))
	for _, role := range []incident.Role{incident.Viewer, incident.Responder, incident.Admin} {
		all = append(all, person(string(role), w.loggedIn(role)))
	}
	return append(all, token("read", w.token("read")), token("events:raw", w.token("events:raw")), token("metrics", w.token("metrics")), token("incidents:write", w.token("incidents:write")))
}

// TestMatrix is A-30. It compares the answer of every route to every actor with a
// golden file. It uses the route table itself, so that a new route must be in the
// golden file.
func TestMatrix(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	runbook := w.runbook("Outage")
	_, _, err := w.service.OpenIncident(t.Context(), commandLine, incident.OpenRequest{RunbookID: runbook.ID, Name: "db down", Source: "api"})
	w.must(err)
	actors := w.actors()

	var b strings.Builder
	fmt.Fprintf(&b, "%-8s %-6s %-44s %-24s", "", "", "", "needs")
	for _, a := range actors {
		fmt.Fprintf(&b, " %-15s", a.name)
	}
	b.WriteString("\n")
	for _, route := range web.Routes(w.config) {
		fmt.Fprintf(&b, "%-8s %-6s %-44s %-24s", route.Kind, route.Method, route.Path, route.Need)
		for _, a := range actors {
			said := "ends sessions"
			if route.Path != "/logout" {
				said = a.send(route.Method, address(route.Path)).said()
			}
			fmt.Fprintf(&b, " %-15s", said)
		}
		b.WriteString("\n")
	}
	compare(t, "testdata/matrix.golden", strings.ReplaceAll(b.String(), " \n", "\n"))
}

// said returns the answer in a word. If access was granted, it is the handler's status.
func (a answer) said() string {
	switch {
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return fmt.Sprint("no ", a.status)
	case strings.HasPrefix(a.header.Get("Location"), "/login"):
		return "no, log in"
	}
	return fmt.Sprint("yes ", a.status)
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; go test ./web -update writes it", err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s changed (-want +got); go test ./web -update accepts it:\n%s", file, diff)
	}
}

// TestMatrixHolds checks the access rules without the golden matrix, so that accepting
// a diff unread cannot open a route.
func TestMatrixHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rank := map[string]int{"session:viewer": 1, "session:responder": 2, "session:admin": 3}
	before := w.fingerprint()
	actors := w.actors()
	afterActors := w.fingerprint()
	if before == afterActors {
		t.Fatal("the fingerprint does not show changes")
	}
	for _, route := range web.Routes(w.config) {
		need := route.Need.String()
		if need == "public" || strings.HasPrefix(need, "loopback") {
			continue
		}
		for _, a := range actors {
			allowed := need == "scope:"+a.name || rank[need] > 0 && rank[a.roles] >= rank[need]
			if allowed {
				continue
			}
			r := a.send(route.Method, address(route.Path))
			if said := r.said(); !strings.HasPrefix(said, "no") {
				t.Errorf("%s %s needs %s, but answers %q to %s", route.Method, route.Path, need, said, a.name)
			}
			if r.status != http.StatusForbidden {
				continue
			}
			why := "Your role is " + strings.TrimPrefix(a.roles, "session:") + ", and only "
			if scope, ok := strings.CutPrefix(need, "scope:"); ok {
				why = "This token doesn’t have the scope " + scope + "."
			}
			if !strings.Contains(r.body, why) {
				t.Errorf("%s %s doesn’t say to %s: %s", route.Method, route.Path, a.name, why)
			}
		}
	}
	if after := w.fingerprint(); after != afterActors {
		t.Errorf("A-32: rejected requests changed the database:\n%s", cmp.Diff(afterActors, after))
	}
}

// fingerprint returns the content of the database as far as its read methods show
// it.
func (w *world) fingerprint() string {
	w.t.Helper()
	ctx := context.Background()
	users, err := w.store.Users(ctx)
	w.must(err)
	for i := range users {
		users[i].LastSeenAt = users[i].CreatedAt
	}
	tokens, err := w.store.Tokens(ctx)
	w.must(err)
	for i := range tokens {
		tokens[i].LastUsedAt = tokens[i].CreatedAt
	}
	audit, err := w.store.Audit(ctx, db.AuditFilter{}, "", 200)
	w.must(err)
	runbooks, err := w.store.Runbooks(ctx, true)
	w.must(err)
	incidents, err := w.store.Incidents(ctx, db.IncidentFilter{}, "", 200)
	w.must(err)
	for i := range incidents.Items {
		incidents.Items[i].Bridge = nil // this is a pointer; the bridges follow below
	}
	bridges, err := w.store.BridgeRows(ctx, db.BridgeFilter{}, "", 200)
	w.must(err)
	events, err := w.store.EventRows(ctx, db.EventFilter{}, "", 200)
	w.must(err)
	account, err := w.store.Account(ctx)
	w.must(err)
	return fmt.Sprintf("%+v\n%+v\n%+v\n%+v\n%+v\n%+v\n%+v\n%d %v", users, tokens, audit.Items, runbooks, incidents.Items, bridges.Items, events.Items, account.Version, account.Check)
}

// TestReadsChangeNothing is F-04: a GET has no effects.
func TestReadsChangeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	runbook := w.runbook("Outage")
	_, _, err := w.service.OpenIncident(t.Context(), commandLine, incident.OpenRequest{RunbookID: runbook.ID, Name: "db down", Source: "api"})
	w.must(err)
	b, read := w.loggedIn(incident.Admin), w.token("read")
	before := w.fingerprint()
	for _, route := range web.Routes(w.config) {
		if route.Method != http.MethodGet {
			continue
		}
		for range 2 {
			b.get(address(route.Path))
			w.api(read, http.MethodGet, address(route.Path), nil)
		}
	}
	if after := w.fingerprint(); after != before {
		t.Errorf("a GET changed the database:\n%s", cmp.Diff(before, after))
	}
}

// forms returns the routes to which browsers post.
func forms(w *world) []web.Route {
	return slices.DeleteFunc(web.Routes(w.config), func(r web.Route) bool { return r.Kind != web.Form })
}

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.publicURL = "https://bridge.example.com" })
	host := strings.TrimPrefix(w.url, "http://")
	b := w.loggedIn(incident.Admin)
	before := w.fingerprint()

	t.Run("F-01 every form", func(t *testing.T) {
		for _, route := range forms(w) {
			for name, header := range map[string][]string{
				"no header":             nil,
				"cross-site":            {"Sec-Fetch-Site", "cross-site"},
				"same-site":             {"Sec-Fetch-Site", "same-site"},
				"Origin null":           {"Origin", "null"},
				"other origin":          {"Origin", "https://evil.example"},
				"other port":            {"Origin", "http://127.0.0.1:1"},
				"http instead of https": {"Origin", "http://bridge.example.com", "Host", "bridge.example.com"},
				"F-06 _method":          {"Sec-Fetch-Site", "cross-site", "X-HTTP-Method-Override", "GET"},
				"other scheme":          {"Origin", "javascript://" + host},
				"trailing garbage":      {"Origin", "http://" + host + ".evil.example"},
			} {
				header = append(header, "Content-Type", "application/x-www-form-urlencoded")
				r := b.do(route.Method, address(route.Path), strings.NewReader("_method=GET"), header...)
				if r.status != http.StatusForbidden || !strings.Contains(r.body, "didn’t come from a Drawbridge page") {
					t.Errorf("%s %s with %s: status %d, want 403", route.Method, route.Path, name, r.status)
				}
			}
		}
	})
	t.Run("F-05 login, logout and setup too", func(t *testing.T) {
		for _, path := range []string{"/login", "/logout", "/setup"} {
			r := w.browser().do(http.MethodPost, path, strings.NewReader(""), "Sec-Fetch-Site", "cross-site", "Content-Type", "application/x-www-form-urlencoded")
			if r.status != http.StatusForbidden {
				t.Errorf("%s: status %d, want 403", path, r.status)
			}
		}
	})
	t.Run("no form had an effect", func(t *testing.T) {
		if after := w.fingerprint(); after != before {
			t.Error(cmp.Diff(before, after))
		}
		if b.get("/live?topic=nothing").status != http.StatusBadRequest {
			t.Error("the session ended")
		}
	})
	t.Run("our own pages are accepted, even without Sec-Fetch-Site", func(t *testing.T) {
		for name, header := range map[string][]string{
			"same-origin":    {"Sec-Fetch-Site", "same-origin"},
			"typed":          {"Sec-Fetch-Site", "none"},
			"plain http":     {"Origin", "http://" + host},
			"public address": {"Origin", "https://bridge.example.com"},
		} {
			r := w.browser().do(http.MethodPost, "/logout", nil, header...)
			if r.status != http.StatusSeeOther {
				t.Errorf("%s: status %d, want 303", name, r.status)
			}
		}
	})
	t.Run("F-02 the API rejects pages of other sites", func(t *testing.T) {
		read, write := w.token("read"), w.token("incidents:write")
		if r := w.api(read, http.MethodGet, "/api/v1/bridges", nil); r.status != http.StatusOK {
			t.Errorf("a program: status %d", r.status)
		}
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}} {
			if r := w.api(read, http.MethodGet, "/api/v1/bridges", nil, header...); r.status != http.StatusForbidden {
				t.Errorf("GET with %v: status %d, want 403", header, r.status)
			}
			if r := w.api(write, http.MethodPost, "/api/v1/incidents", "{}", header...); r.status != http.StatusForbidden {
				t.Errorf("POST with %v: status %d, want 403", header, r.status)
			}
		}
		if r := w.api(write, http.MethodPost, "/api/v1/incidents", "{}", "Origin", "https://evil.example"); r.status != http.StatusForbidden {
			t.Errorf("POST with an origin: status %d, want 403", r.status)
		}
		if r := b.do(http.MethodPost, "/api/v1/incidents", strings.NewReader("{}"), "Sec-Fetch-Site", "same-origin", "Content-Type", "application/json"); r.status != http.StatusUnauthorized {
			t.Errorf("with a session and no token: status %d, want 401", r.status)
		}
	})
	t.Run("F-03 the exemption is one exact path", func(t *testing.T) {
		for _, path := range []string{"/webhook/../logout", "/webhook/..%2flogout", "/webhook/x", "/webhook%20"} {
			r := b.do(http.MethodPost, path, nil, "Sec-Fetch-Site", "cross-site")
			if r.status != http.StatusForbidden {
				t.Errorf("%s: status %d, want 403", path, r.status)
			}
		}
		for _, method := range []string{"PUT", "PATCH", "DELETE"} {
			if r := b.do(method, "/webhook", nil, "Sec-Fetch-Site", "cross-site"); r.status != http.StatusMethodNotAllowed {
				t.Errorf("%s: status %d, want 405", method, r.status)
			}
		}
	})
	t.Run("H-05 other sites cannot load our pages", func(t *testing.T) {
		for _, path := range []string{"/live?topic=nothing", "/login", "/readyz"} {
			if r := b.do(http.MethodGet, path, nil, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"); r.status != http.StatusForbidden {
				t.Errorf("%s: status %d, want 403", path, r.status)
			}
			if r := b.do(http.MethodGet, path, nil, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"); r.status == http.StatusForbidden {
				t.Errorf("a link to %s: status 403", path)
			}
		}
	})
	t.Run("H-04 no CORS", func(t *testing.T) {
		for _, path := range []string{"/", "/login", "/webhook", "/api/v1/incidents", "/live"} {
			r := b.do(http.MethodOptions, path, nil, "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
			for name := range r.header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s answers with %s", path, name)
				}
			}
		}
	})
}

func TestOddAddresses(t *testing.T) {
	w := newWorld(t)
	b := w.loggedIn(incident.Viewer)
	for _, path := range []string{"//login", "/login/", "/login/.", "/login%2f", "/login;x", "/LOGIN", "/./login", "/x/../login", "//api/v1/bridges", "/api/v1/bridges/", "/API/v1/bridges", "/api/v1/bridges;x"} {
		if r := w.browser().get(path); r.status != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, r.status)
		}
	}
	for _, route := range web.Routes(w.config) {
		for _, method := range []string{"PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get", "pOST"} {
			r := b.do(method, address(route.Path), nil, "Sec-Fetch-Site", "same-origin")
			if r.status != http.StatusMethodNotAllowed && r.status != http.StatusNotFound && r.status != http.StatusForbidden && r.status != http.StatusBadRequest {
				t.Errorf("%s %s: status %d, want 405 or 404", method, route.Path, r.status)
			}
		}
	}
	t.Run("HEAD has the same access rule as GET", func(t *testing.T) {
		for _, route := range web.Routes(w.config) {
			if route.Method != http.MethodGet || route.Path == "/live" {
				continue
			}
			get, head := w.browser().get(address(route.Path)), w.browser().do(http.MethodHead, address(route.Path), nil)
			if get.status != head.status || head.body != "" {
				t.Errorf("%s: GET %d, HEAD %d %q", route.Path, get.status, head.status, head.body)
			}
		}
	})
}

func TestForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ana@example.com", incident.Viewer)
	post := func(body string, header ...string) answer {
		w.clock.add(time.Minute) // avoids the limit on login attempts
		return w.browser().do(http.MethodPost, "/login", strings.NewReader(body), append(header, "Sec-Fetch-Site", "same-origin")...)
	}
	const form = "application/x-www-form-urlencoded"
	t.Run("F-07 only forms", func(t *testing.T) {
		for _, kind := range []string{"text/plain", "application/json", "application/xml", "multipart/form-data; boundary=x", ""} {
			if r := post("email=ana%40example.com&password=x", "Content-Type", kind); r.status != http.StatusUnsupportedMediaType {
				t.Errorf("%q: status %d, want 415", kind, r.status)
			}
		}
	})
	t.Run("F-31 unknown field", func(t *testing.T) {
		for _, field := range []string{"role=admin", "Role=admin", "id=1", "is_admin=true", "_id=1", "Email=x", "user[role]=admin", "email=b%40example.com", "password=y", "=x"} {
			r := post("email=ana%40example.com&password=x&"+field, "Content-Type", form)
			if r.status != http.StatusBadRequest {
				t.Errorf("%s: status %d, want 400", field, r.status)
			}
		}
	})
	t.Run("F-34 body too large or too complex", func(t *testing.T) {
		for name, tt := range map[string]struct {
			body string
			want int
		}{
			"10,000 fields": {strings.Repeat("a=1&", 10_000), http.StatusBadRequest},
			"1 MB value":    {"email=" + strings.Repeat("a", 1<<20), http.StatusRequestEntityTooLarge},
			"100 KB value":  {"email=" + strings.Repeat("a", 100<<10), http.StatusBadRequest},
			"deep name":     {"a" + strings.Repeat("[b]", 1000) + "=1", http.StatusBadRequest},
			"bad escape":    {"email=%zz", http.StatusBadRequest},
			"bad UTF-8":     {"email=%ff", http.StatusBadRequest},
			"semicolon":     {"email=a;password=b", http.StatusBadRequest},
		} {
			if r := post(tt.body, "Content-Type", form); r.status != tt.want {
				t.Errorf("%s: status %d, want %d", name, r.status, tt.want)
			}
		}
	})
	t.Run("F-20 next cannot lead to another site", func(t *testing.T) {
		for _, next := range []string{
			"//evil.example", `/\evil.example`, "/%09/evil.example", "/\t/evil.example", "https:evil.example", "///evil.example", "/%2f/evil.example", "/%5cevil.example",
			"javascript:alert(1)", "http://127.0.0.1@evil.example", "/ok\r\nLocation: x", "/%0d%0aLocation:x", "evil", "", "/" + strings.Repeat("a", 3000), "/%zz", "/\x00",
		} {
			w.clock.add(time.Minute)
			b := w.browser()
			r := b.post("/login", url.Values{"email": {"ana@example.com"}, "password": {password}, "next": {next}})
			if next == "/\x00" {
				if r.status != http.StatusBadRequest {
					t.Errorf("%q: status %d, want 400", next, r.status)
				}
				continue
			}
			if r.status != http.StatusSeeOther || r.header.Get("Location") != "/" {
				t.Errorf("%.40q leads to %q, status %d", next, r.header.Get("Location"), r.status)
			}
			if r := b.get("/login?next=" + url.QueryEscape(next)); r.header.Get("Location") != "/" {
				t.Errorf("%.40q leads to %q from the page", next, r.header.Get("Location"))
			}
		}
	})
	t.Run("F-20 next leads back to the page", func(t *testing.T) {
		for _, next := range []string{"/", "/incidents/42", "/events?event=meeting.started&q=a%20b", "/ok?u=//e"} {
			w.clock.add(time.Minute)
			r := w.browser().post("/login", url.Values{"email": {"ana@example.com"}, "password": {password}, "next": {next}})
			if r.header.Get("Location") != next {
				t.Errorf("%q leads to %q", next, r.header.Get("Location"))
			}
		}
	})
}
