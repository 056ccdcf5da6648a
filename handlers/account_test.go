package handlers_test

import (
	"bytes"
	"context"
	"database/sql"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/go-cmp/cmp"
	xhtml "golang.org/x/net/html"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/handlers"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/web"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

const (
	zoomAccount  = "AccountAAAAAAAAAAAAAAA"
	zoomApp      = "nqSreNVsQ2eGzUMGnA8AHA"
	zoomClient   = "ClientAAAAAAAAAAAAAAAA"
	zoomSecret   = "CANARY-client-secret-7d1f0c"
	webhookToken = "CANARY-webhook-token-4b22aa"
	thePassword  = "correct horse battery"
)

// office is a whole site with its own database and
// the simulator as Zoom.
type office struct {
	t       testing.TB
	url     string
	store   *db.Store
	service *incident.Service
	sim     *zoomsim.Sim
	dataDir string
	log     *logBuffer
	site    *handlers.Site

	mu  sync.Mutex
	now time.Time
}

func (o *office) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func (o *office) wait(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = o.now.Add(d)
}

func newOffice(t testing.TB) *office {
	t.Helper()
	return officeOn(t, dbtest.Migrated(t))
}

// officeOn is newOffice with another database.
func officeOn(t testing.TB, cfg db.Config) *office {
	t.Helper()
	o := &office{t: t, log: &logBuffer{}, now: time.Date(2026, 11, 22, 2, 14, 7, 0, time.UTC)}
	cfg.Now = o.clock
	o.dataDir, o.store = cfg.DataDir, dbtest.Open(t, cfg)
	log := slog.New(slog.NewJSONHandler(o.log, &slog.HandlerOptions{Level: slog.LevelDebug}))

	// Nobody listens there. Tests deliver events themselves or read them from Zoom's log.
	o.sim = zoomsim.New(zoomsim.Options{Now: o.clock, AccountID: zoomAccount, AppID: zoomApp, ClientID: zoomClient, ClientSecret: zoomSecret, SecretToken: webhookToken, WebhookURL: "http://127.0.0.1:1/webhook"})
	o.sim.AddUser(zoomsim.User{Email: "oncall@example.com", JoinBeforeHost: true, CloudRecording: true})
	o.sim.AddUser(zoomsim.User{Email: "pmi@example.com", JoinBeforeHost: true, CloudRecording: true, UsePMIForScheduled: true})
	api := httptest.NewServer(o.sim.API())
	t.Cleanup(api.Close)

	o.service = incident.New(incident.Config{
		Store: o.store, Now: o.clock, Log: log, ZoomHTTP: &http.Client{Timeout: 5 * time.Second},
		ZoomAPIURL: api.URL + "/v2", ZoomOAuthURL: api.URL + "/oauth/token", PublicURL: "https://bridge.example.com",
		JournalPath: filepath.Join(cfg.DataDir, "journal.jsonl"),
	})
	site := handlers.New(handlers.Site{
		Service: o.service, Store: o.store, Now: o.clock, Log: log, PublicURL: "https://bridge.example.com", Version: "v1.2.3",
	})
	server := httptest.NewServer(web.New(web.Config{Site: site}))
	t.Cleanup(func() {
		site.Live.Stop()
		server.Close()
	})
	o.url, o.site = server.URL, site
	return o
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// connect saves the simulator's app as the Zoom account.
func (o *office) connect() incident.Account {
	o.t.Helper()
	calm := 100 // the office opens many incidents at once
	_, err := o.service.SaveAccount(context.Background(), theConsole, incident.AccountForm{
		Auth: "server_to_server", ZoomAccountID: zoomAccount, ClientID: zoomClient, BackupUsers: []string{"oncall@example.com"}, StormLimit: &calm,
		Secrets: map[incident.SecretName]string{incident.ClientSecret: zoomSecret, incident.WebhookToken1: webhookToken},
	})
	o.must(err)
	return o.account()
}

func (o *office) account() incident.Account {
	o.t.Helper()
	a, err := o.store.Account(context.Background())
	o.must(err)
	return a
}

var theConsole = incident.Actor{Kind: "cli", Email: "command line", Role: incident.Admin}

// cheapHash is a hash of thePassword, cheap enough that tests can log in often.
var cheapHash = sync.OnceValue(func() string {
	hash, err := argon2id.CreateHash(thePassword, &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		panic(err)
	}
	return hash
})

func (o *office) person(name string, role incident.Role) incident.User {
	o.t.Helper()
	u := incident.User{ID: "id-of-" + name, Email: name + "@example.com", Name: name, Role: role, PasswordHash: cheapHash(), CreatedAt: o.clock()}
	o.must(o.store.InsertUser(context.Background(), u, incident.AuditEntry{}))
	return u
}

// as returns a browser in which a new user with this role is logged in.
func (o *office) as(role incident.Role) *tab {
	o.t.Helper()
	return o.logIn(o.person(string(role), role).Email)
}

func (o *office) logIn(email string) *tab {
	o.t.Helper()
	b := &tab{o: o, cookies: map[string]string{}}
	if a := b.post("/login", "email", email, "password", thePassword); a.status != http.StatusSeeOther {
		o.t.Fatalf("log in as %s: status %d: %s", email, a.status, a.text())
	}
	return b
}

// breakTable makes everything fail that uses a table, while sessions still work.
func (o *office) breakTable(name string) {
	o.t.Helper()
	conn, err := sql.Open("sqlite", filepath.Join(o.dataDir, db.SQLiteFile))
	o.must(err)
	defer conn.Close()
	_, err = conn.Exec(`ALTER TABLE ` + name + ` RENAME TO broken_` + name)
	o.must(err)
}

// trail returns the audit trail, oldest first, as "action target".
func (o *office) trail() []string {
	o.t.Helper()
	page, err := o.store.Audit(context.Background(), db.AuditFilter{}, "", 200)
	o.must(err)
	var list []string
	for _, e := range slices.Backward(page.Items) {
		list = append(list, strings.TrimSpace(string(e.Action)+" "+e.Target))
	}
	return list
}

func (o *office) wantTrail(want ...string) {
	o.t.Helper()
	if diff := cmp.Diff(want, o.trail()); diff != "" {
		o.t.Errorf("audit trail (-want +got):\n%s", diff)
	}
}

// tab is a browser that keeps cookies and doesn't follow redirects.
type tab struct {
	o       *office
	cookies map[string]string
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (b *tab) get(path string) reply { return b.send(http.MethodGet, path, nil) }

// post posts a form, given as name, value, name, value ….
func (b *tab) post(path string, fields ...string) reply {
	return b.send(http.MethodPost, path, pairs(fields...))
}

func pairs(fields ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	return v
}

func (b *tab) send(method, path string, form url.Values, header ...string) reply {
	b.o.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, b.o.url+path, body)
	b.o.must(err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	r.Header.Set("Accept", "text/html,*/*") // as browsers do
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	b.o.must(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	b.o.must(err)
	for _, c := range response.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return reply{response.StatusCode, response.Header, string(text)}
}

var drawings = regexp.MustCompile(`(?s)<svg.*?</svg>`)

// text returns what a person reads on the page.
func (r reply) text() string {
	var words []string
	for z, svg := xhtml.NewTokenizer(strings.NewReader(r.body)), 0; ; {
		switch z.Next() {
		case xhtml.ErrorToken:
			return strings.Join(words, " ")
		case xhtml.StartTagToken:
			if name, _ := z.TagName(); string(name) == "svg" {
				svg++
			}
		case xhtml.EndTagToken:
			if name, _ := z.TagName(); string(name) == "svg" {
				svg--
			}
		case xhtml.TextToken:
			if svg == 0 {
				words = append(words, strings.Fields(string(z.Text()))...)
			}
		default:
		}
	}
}

// value returns the value of a form's field on the page.
func (r reply) value(name string) string {
	m := regexp.MustCompile(`<(?:input|textarea)[^>]*\sname="` + regexp.QuoteMeta(name) + `"[^>]*?(?:\svalue="([^"]*)"|>([^<]*)</textarea>)`).FindStringSubmatch(r.body[max(0, strings.Index(r.body, "<main")):]) // the menu has a search of its own
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1] + m[2])
}

func (r reply) want(t testing.TB, status int, texts ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("status %d, want %d: %.300s", r.status, status, r.text())
	}
	says := r.text()
	for _, text := range texts {
		if !strings.Contains(says, text) {
			t.Errorf("the page does not say %q:\n%s", text, says)
		}
	}
}

// leadsTo follows a redirect to path and checks what that page says.
func (r reply) leadsTo(b *tab, path string, texts ...string) reply {
	b.o.t.Helper()
	if r.status != http.StatusSeeOther || r.header.Get("Location") != path {
		b.o.t.Fatalf("status %d to %q, want 303 to %q: %.300s", r.status, r.header.Get("Location"), path, r.text())
	}
	next := b.get(path)
	next.want(b.o.t, http.StatusOK, texts...)
	return next
}

// testGuard checks that an action is rejected without a login, for a role below the
// required one, and from another site, and that nothing is written then.
func testGuard(t *testing.T, o *office, path string, need incident.Role, fields ...string) {
	t.Helper()
	before := o.trail()
	nobody := &tab{o: o, cookies: map[string]string{}}
	nobody.post(path, fields...).want(t, http.StatusUnauthorized)
	below := map[incident.Role]incident.Role{incident.Admin: incident.Responder, incident.Responder: incident.Viewer}
	if role, ok := below[need]; ok {
		o.as(role).post(path, fields...).want(t, http.StatusForbidden, "Your role doesn’t allow this")
	}
	o.person("crossed", need)
	o.logIn("crossed@example.com").send(http.MethodPost, path, pairs(fields...), "Sec-Fetch-Site", "cross-site").want(t, http.StatusForbidden)
	if diff := cmp.Diff(before, o.trail()); diff != "" {
		t.Errorf("something was written:\n%s", diff)
	}
}

// testBroken checks that a page doesn't show the cause if a table is broken. The request
// fails in the action itself, after the session was read.
func testBroken(t *testing.T, o *office, table string, request func() reply) {
	t.Helper()
	o.breakTable(table)
	r := request()
	if r.status != http.StatusInternalServerError && r.status != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 500 or 503", r.status)
	}
	for _, cause := range []string{"SQL", "sqlite", "no such", "_entries"} {
		if strings.Contains(r.body, cause) {
			t.Errorf("the page tells the cause: %q", cause)
		}
	}
	if !strings.Contains(r.text(), "Request ID") {
		t.Errorf("the page has no request id to quote: %s", r.text())
	}
}

// logBuffer holds the log, so that tests can look for secrets in it.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// accountFields is the form of a complete account.
func accountFields(version int64, changes ...string) []string {
	v := pairs("auth", "server_to_server", "account_id", zoomAccount, "client_id", zoomClient, "client_secret", zoomSecret,
		"backup_user_emails", "oncall@example.com", "webhook_secret_token_1", webhookToken, "cluster", "zoom.us",
		"version", strconv.FormatInt(version, 10), "op", "save")
	for i := 0; i < len(changes); i += 2 {
		v.Set(changes[i], changes[i+1])
	}
	var fields []string
	for name := range v {
		fields = append(fields, name, v.Get(name))
	}
	return fields
}

func TestAccountPage(t *testing.T) {
	t.Parallel()
	t.Run("before anything is saved", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		page := o.as(incident.Admin).get("/account")
		page.want(t, http.StatusOK, "Not connected yet", "https://bridge.example.com/webhook", "Zoom hasn’t validated this address yet",
			"meeting:write:meeting:admin", "meeting:write:admin", "meeting.participant_joined", "Not checked yet")
	})
	t.Run("connected", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		o.wait(3 * 24 * time.Hour)
		page := o.as(incident.Admin).get("/account")
		page.want(t, http.StatusOK, "Uses Server-to-Server OAuth", "Set 3 days ago by command line", "1f0c")
		if got := page.value("account_id"); got != zoomAccount {
			t.Errorf("account_id is %q", got)
		}
		if strings.Contains(page.body, "CANARY") {
			t.Error("the page holds a secret")
		}
	})
	t.Run("the other tab", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		o.as(incident.Admin).get("/account?auth=jwt").want(t, http.StatusOK, "Zoom ended JWT apps on 2023-09-08", "API key", "Move to Server-to-Server")
	})
	t.Run("a viewer changes nothing", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		page := o.as(incident.Viewer).get("/account")
		page.want(t, http.StatusOK)
		for _, text := range []string{"Replace secret", webhookToken[len(webhookToken)-4:], zoomSecret[len(zoomSecret)-4:], "press Check connection", "when you press"} {
			if strings.Contains(page.text(), text) {
				t.Errorf("a viewer reads %q", text)
			}
		}
		if strings.Contains(page.text(), "Save and check") || strings.Contains(page.body, `action="/account/check"`) {
			t.Error("a viewer is offered to change the account")
		}
	})
	t.Run("an unknown query", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).get("/account?evil=1").want(t, http.StatusBadRequest)
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		testBroken(t, o, "accounts", func() reply { return b.get("/account") })
	})
}

func TestSaveAccount(t *testing.T) {
	t.Parallel()
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		testGuard(t, o, "/account", incident.Admin, accountFields(0)...)
		if o.account().Version != 0 {
			t.Error("the account was saved")
		}
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		page := b.post("/account", accountFields(0, "account_id", "", "backup_user_emails", "oncall@", "client_secret", "SHY has spaces", "webhook_secret_token_1", "short")...)
		page.want(t, http.StatusUnprocessableEntity, "Not saved", "fields need another look", "Copy the account ID", "This isn’t an email address.", "This doesn’t look like a value from Zoom", "at least 16 characters")
		if got := page.value("client_id"); got != zoomClient {
			t.Errorf("what was typed is not kept: client_id is %q", got)
		}
		if got := page.value("backup_user_emails"); got != "oncall@" {
			t.Errorf("what was typed is not kept: backup_user_emails is %q", got)
		}
		if strings.Contains(page.body, "SHY") || strings.Contains(o.log.String(), "SHY") {
			t.Error("a typed secret came back")
		}
		if o.account().Version != 0 {
			t.Error("the account was saved")
		}
	})
	t.Run("a valid secret next to an invalid field", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		page := o.as(incident.Admin).post("/account", accountFields(0, "account_id", "")...)
		page.want(t, http.StatusUnprocessableEntity, "Copy the account ID", "Enter it again.")
		if strings.Contains(page.body, "CANARY") {
			t.Error("a typed secret came back")
		}
		if n := strings.Count(page.text(), "Enter it again."); n != 2 {
			t.Errorf("%d secrets have to be typed again, want 2", n)
		}
	})
	t.Run("only a conflict says that someone else changed it", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		page := b.post("/account", accountFields(0, "account_id", "")...)
		page.want(t, http.StatusUnprocessableEntity, "Not saved")
		if strings.Contains(page.text(), "Someone else changed") {
			t.Errorf("nobody else did: %s", page.text())
		}
		o.connect()
		b.post("/account", accountFields(0)...).want(t, http.StatusUnprocessableEntity, "Someone else changed this page")
	})
	t.Run("unknown field", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).post("/account", accountFields(0, "role", "admin")...).want(t, http.StatusBadRequest)
	})
	t.Run("version that isn’t a number", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).post("/account", accountFields(0, "version", "1; DROP")...).want(t, http.StatusBadRequest)
	})
	t.Run("conflict", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		o.wait(2 * time.Minute)
		page := b.post("/account", accountFields(0, "client_id", "Typed")...)
		page.want(t, http.StatusUnprocessableEntity, "command line changed this 2 min ago. Saving now replaces that change.")
		if got := page.value("client_id"); got != "Typed" {
			t.Errorf("client_id is %q", got)
		}
		if got := page.value("version"); got != "1" {
			t.Errorf("the form comes back with version %q, so it can never be saved", got)
		}
		if o.account().ClientID != zoomClient {
			t.Error("the account was overwritten")
		}
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		testBroken(t, o, "audit_entries", func() reply { return b.post("/account", accountFields(0)...) })
		if o.account().Version != 0 {
			t.Error("half of the account was saved")
		}
		if strings.Contains(o.log.String(), "CANARY") {
			t.Error("a secret is in the log")
		}
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		page := b.post("/account", accountFields(0)...).leadsTo(b, "/account", "Saved:", "client secret", "The check found nothing wrong. Next, validate the webhook address in Zoom.", "Active and licensed.")
		if strings.Contains(page.body, "CANARY") || strings.Contains(o.log.String(), "CANARY") {
			t.Error("a secret came out")
		}
		a := o.account()
		if a.Secrets[incident.ClientSecret].Value.Reveal() != zoomSecret || a.Secrets[incident.ClientSecret].SetBy != "admin@example.com" || !slices.Equal(a.BackupUsers, []string{"oncall@example.com"}) {
			t.Errorf("stored: %+v", a)
		}
		if a.Check.At.IsZero() {
			t.Error("the account was not checked")
		}
		o.wantTrail("account.save")
		if calls := o.sim.Calls(); len(calls) == 0 {
			t.Error("Zoom was not asked")
		}
	})
	t.Run("blank keeps the secrets", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		b.post("/account", accountFields(1, "client_secret", "", "webhook_secret_token_1", "", "backup_user_emails", "pmi@example.com")...).
			leadsTo(b, "/account", "Saved: backup users.")
		a := o.account()
		if a.Secrets[incident.ClientSecret].Value.Reveal() != zoomSecret || a.Secrets[incident.WebhookToken1].Value.Reveal() != webhookToken {
			t.Error("a secret is gone")
		}
	})
	t.Run("nothing changed", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		b.post("/account", accountFields(1, "client_secret", "", "webhook_secret_token_1", "")...).leadsTo(b, "/account", "Nothing was changed.")
		if v := o.account().Version; v != 1 {
			t.Errorf("version %d, want 1", v)
		}
	})
	t.Run("rotate the secret token", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		const next = "next-webhook-token-0123456789"
		b.post("/account", accountFields(1, "client_secret", "", "webhook_secret_token_1", next, "keep_webhook_secret_token_1", "true")...).
			leadsTo(b, "/account", "Saved: secret token, older secret token.", "6789", "22aa")
		a := o.account()
		if got := a.Secrets[incident.WebhookToken1].Value.Reveal(); got != next {
			t.Errorf("the newest token is %q", got)
		}
		if got := a.Secrets[incident.WebhookToken2].Value.Reveal(); got != webhookToken {
			t.Errorf("the older token is %q", got)
		}

		b.post("/account", accountFields(2, "client_secret", "", "webhook_secret_token_1", "", "op", "remove_webhook_secret_token_2")...).
			leadsTo(b, "/account", "The older secret token was removed.")
		if _, there := o.account().Secrets[incident.WebhookToken2]; there {
			t.Error("the older token is still there")
		}
	})
	t.Run("replace the secret token without overlap", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		b.post("/account", accountFields(1, "client_secret", "", "webhook_secret_token_1", "next-webhook-token-0123456789")...).leadsTo(b, "/account", "Saved: secret token.")
		if _, there := o.account().Secrets[incident.WebhookToken2]; there {
			t.Error("the token that was replaced is still accepted")
		}
	})
	t.Run("move from a JWT app to Server-to-Server", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		b.post("/account", "auth", "jwt", "api_key", "TheApiKey", "api_secret", "the-api-secret-of-the-app", "backup_user_emails", "oncall@example.com",
			"webhook_secret_token_1", webhookToken, "cluster", "zoom.us", "version", "0", "op", "save").leadsTo(b, "/account", "Uses a JWT app")
		b.get("/account?auth=server_to_server").want(t, http.StatusOK, "Moving from the JWT app")
		b.post("/account", accountFields(1, "webhook_secret_token_1", "")...).leadsTo(b, "/account", "Uses Server-to-Server OAuth", "connection type")
		a := o.account()
		if a.APIKey != "TheApiKey" || a.Secrets[incident.APISecret].Value.IsZero() || a.Secrets[incident.WebhookToken1].Value.Reveal() != webhookToken {
			t.Error("moving lost something besides the way to get a token")
		}
	})
	t.Run("Zoom doesn’t know the secret", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		b.post("/account", accountFields(0, "client_secret", "another-secret-altogether")...).leadsTo(b, "/account", "Saved:", "The check found 1 problem.", "bad Access token")
	})
}

func TestCheckAccount(t *testing.T) {
	t.Parallel()
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		testGuard(t, o, "/account/check", incident.Admin, "email", "")
		if len(o.sim.Calls()) > 0 {
			t.Error("Zoom was asked")
		}
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		page := b.post("/account/check", "email", "ana@")
		page.want(t, http.StatusUnprocessableEntity, "This isn’t an email address.")
		if got := page.value("email"); got != "ana@" {
			t.Errorf("email is %q", got)
		}
		part := b.send(http.MethodPost, "/account/check", pairs("email", "ana@"), "HX-Request", "true")
		part.want(t, http.StatusOK, "This isn’t an email address.")
		if strings.Contains(part.body, "<html") {
			t.Error("htmx got a whole page")
		}
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		testBroken(t, o, "accounts", func() reply { return b.post("/account/check", "email", "") })
	})
	t.Run("before anything is saved", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).post("/account/check").want(t, http.StatusOK, "No Zoom app is connected.")
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		part := b.send(http.MethodPost, "/account/check", pairs("email", "PMI@example.com "), "HX-Request", "true")
		part.want(t, http.StatusOK, "Backup user oncall@example.com", "pmi@example.com", "use_pmi_for_scheduled_meetings", "ok Create bridges")
		if strings.Contains(part.body, "<html") {
			t.Error("htmx got a whole page")
		}
		b.get("/account").want(t, http.StatusOK, "use_pmi_for_scheduled_meetings")
		if o.account().Check.At.IsZero() {
			t.Error("the result is not kept")
		}
	})
	t.Run("the line above the form is replaced too", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		check := func() reply {
			return b.send(http.MethodPost, "/account/check", url.Values{}, "HX-Request", "true")
		}
		green := "Everything that was checked works."
		check()
		o.must(o.service.NoteValidation(t.Context()))
		check().want(t, http.StatusOK, green)
		b.get("/account").want(t, http.StatusOK, green)
		o.sim.SetFaults(func(f *zoomsim.Faults) { f.TokenRefused = true })
		part := check()
		part.want(t, http.StatusOK, "1 thing doesn’t work.")
		if !strings.HasPrefix(part.body, `<section`) || !strings.Contains(part.body, `id="check"`) || strings.Contains(part.body, green) {
			t.Errorf("the verdict is not replaced: %s", part.body)
		}
		// One failure is said once, above what is fine.
		page := b.get("/account")
		if n := strings.Count(page.text(), "Zoom doesn’t know the client ID"); n != 1 || strings.Contains(page.text(), "blocking problem") {
			t.Errorf("the failure is said %d times: %s", n, page.text())
		}
		// It disappears with the next check.
		o.sim.SetFaults(func(f *zoomsim.Faults) { f.TokenRefused = false })
		check().want(t, http.StatusOK, green, "checks are fine", "Check Nothing wrong")
		if page := b.get("/account"); strings.Contains(page.text(), "Zoom doesn’t know the client ID") {
			t.Errorf("the failure is still there: %s", page.text())
		}
	})
	t.Run("what fails comes first and what is fine is folded", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		o.sim.SetFaults(func(f *zoomsim.Faults) { f.MissingScopes = []string{"user:read:settings:admin"} })
		page := o.as(incident.Admin).post("/account/check")
		order := []string{"to check", "Connect", "They can’t be read.", "Add user:read:settings:admin", "checks are fine", "Zoom issued a token"}
		at := 0
		for _, text := range order {
			i := strings.Index(page.text()[at:], text)
			if i < 0 {
				t.Fatalf("%q isn’t there, or too early: %s", text, page.text())
			}
			at += i
		}
		// Others read what it means for them, not what an admin does about it.
		for _, role := range []incident.Role{incident.Responder, incident.Viewer} {
			text := o.as(role).get("/account").text()
			for _, word := range []string{"scope", "user:read", "token", "secret", "Marketplace", "Client ID", "Server’s"} {
				if strings.Contains(text, word) {
					t.Errorf("a %s reads %q: %s", role, word, text)
				}
			}
		}
	})
	t.Run("the line above the form counts what was found about the other user", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		b := o.as(incident.Admin)
		o.must(o.service.NoteValidation(t.Context()))
		const amber = "1 thing to check."
		b.post("/account/check", "email", "pmi@example.com").want(t, http.StatusOK, amber, "use_pmi_for_scheduled_meetings")
		b.get("/account").want(t, http.StatusOK, amber)
		b.post("/account/check", "email", "ana@").want(t, http.StatusUnprocessableEntity, amber, "use_pmi_for_scheduled_meetings")
	})
	t.Run("missing scopes", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		o.sim.SetFaults(func(f *zoomsim.Faults) { f.MissingScopes = []string{"user:read:settings:admin"} })
		o.as(incident.Admin).post("/account/check").want(t, http.StatusOK, "Add user:read:settings:admin", "user:read:admin", "Copy missing scopes")
	})
	t.Run("Zoom is down", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.connect()
		o.sim.SetFaults(func(f *zoomsim.Faults) { f.Down = true })
		o.as(incident.Admin).post("/account/check").want(t, http.StatusOK, "bad Access token")
	})
}
