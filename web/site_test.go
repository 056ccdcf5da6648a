package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/handlers"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/web"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

var update = flag.Bool("update", false, "write golden files")

const (
	secretToken = "test-secret-token-0123456789"
	oldToken    = "old-secret-token-9876543210"
	password    = "correct horse battery"
)

// world is a complete site with its own database and the simulator as Zoom.
type world struct {
	t       testing.TB
	clock   *clock
	store   *db.Store
	service *incident.Service
	site    *handlers.Site
	config  web.Config
	server  *web.Server
	url     string // the server's address
	sim     *zoomsim.Sim
	log     *syncBuffer
	journal string // the file of incidents that are not in the database yet
}

type options struct {
	db        db.Config // default: a new SQLite database
	publicURL string
	proxies   []netip.Prefix
	bare      bool // no Zoom account
}

func newWorld(t testing.TB, opts ...func(*options)) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{at: time.Date(2026, 11, 22, 2, 14, 7, 0, time.UTC)}, log: &syncBuffer{}, journal: filepath.Join(t.TempDir(), "journal.jsonl")}
	o := options{db: dbtest.Migrated(t)}
	for _, opt := range opts {
		opt(&o)
	}
	o.db.Now = w.clock.now
	w.store = dbtest.Open(t, o.db)
	log := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))

	w.sim = zoomsim.New(zoomsim.Options{
		Now: w.clock.now, AccountID: "AccountAAAAAAAAAAAAAAA", ClientID: "ClientAAAAAAAAAAAAAAAA",
		ClientSecret: "CANARY-client-secret-7d1f0c", SecretToken: secretToken,
	})
	w.sim.AddUser(zoomsim.User{Email: "ana@example.com", DisplayName: "Ana", JoinBeforeHost: true})
	w.sim.AddUser(zoomsim.User{Email: "oncall@example.com", DisplayName: "On call", JoinBeforeHost: true})
	api := httptest.NewServer(w.sim.API())
	t.Cleanup(api.Close)

	w.service = incident.New(incident.Config{
		Store: w.store, Now: w.clock.now, Log: log, ZoomHTTP: &http.Client{Timeout: 5 * time.Second},
		ZoomAPIURL: api.URL + "/v2", ZoomOAuthURL: api.URL + "/oauth/token", PublicURL: o.publicURL, JournalPath: w.journal,
	})
	w.site = handlers.New(handlers.Site{
		Service: w.service, Store: w.store, Now: w.clock.now, Log: log, PublicURL: o.publicURL, Version: "v1.2.3",
	})
	w.config = web.Config{Site: w.site, TrustedProxies: o.proxies}
	w.server = web.New(w.config)
	http := httptest.NewServer(w.server)
	t.Cleanup(func() {
		w.site.Live.Stop()
		http.Close()
	})
	w.url = http.URL

	if !o.bare {
		w.saveAccount(incident.AccountForm{
			Auth: "server_to_server", ZoomAccountID: "AccountAAAAAAAAAAAAAAA", ClientID: "ClientAAAAAAAAAAAAAAAA", BackupUsers: []string{"oncall@example.com"},
			Secrets: map[incident.SecretName]string{incident.ClientSecret: "CANARY-client-secret-7d1f0c", incident.WebhookToken1: secretToken},
		})
	}
	return w
}

var commandLine = incident.Actor{Kind: "cli", Email: "test"}

func (w *world) saveAccount(f incident.AccountForm) {
	w.t.Helper()
	account, err := w.store.Account(context.Background())
	w.must(err)
	f.Version = account.Version
	_, err = w.service.SaveAccount(context.Background(), commandLine, f)
	w.must(err)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) user(email string, role incident.Role) incident.User {
	w.t.Helper()
	u, err := w.service.CreateUser(context.Background(), commandLine, email, "", role, password)
	w.must(err)
	return u
}

func (w *world) token(scopes ...string) string {
	w.t.Helper()
	plain, _, err := w.service.CreateToken(context.Background(), commandLine, strings.Join(scopes, "+"), scopes, 0)
	w.must(err)
	return plain
}

func (w *world) runbook(name string) incident.Runbook {
	w.t.Helper()
	r, _, err := w.service.SaveRunbook(context.Background(), commandLine, incident.Runbook{
		Name: name, IncidentType: "outage",
		Variables: []incident.Variable{{Name: "customer", Label: "Customer", Type: "text", Default: "all"}},
		Steps:     []incident.Step{{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: incident.NewMeetingTemplate()}},
	})
	w.must(err)
	return r
}

// breakStore makes every later use of the database fail.
func (w *world) breakStore() { w.must(w.store.Close()) }

// browser keeps cookies, sends the headers that browsers send, and follows no
// redirects.
type browser struct {
	w       *world
	cookies map[string]string
}

func (w *world) browser() *browser { return &browser{w: w, cookies: map[string]string{}} }

// loggedIn returns a browser in which a new user with this role is logged in.
func (w *world) loggedIn(role incident.Role) *browser {
	w.t.Helper()
	w.user(string(role)+"@example.com", role)
	return w.logIn(string(role) + "@example.com")
}

func (w *world) logIn(email string) *browser {
	w.t.Helper()
	b := w.browser()
	r := b.post("/login", url.Values{"email": {email}, "password": {password}})
	if r.status != http.StatusSeeOther {
		w.t.Fatalf("log in as %s: status %d: %s", email, r.status, r.body)
	}
	return b
}

// answer is a response with its whole body.
type answer struct {
	status int
	header http.Header
	body   string
}

func (b *browser) get(path string) answer { return b.do(http.MethodGet, path, nil) }

func (b *browser) post(path string, form url.Values) answer {
	return b.do(http.MethodPost, path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
}

// do sends a request. header holds names and values in turn.
func (b *browser) do(method, path string, body io.Reader, header ...string) answer {
	b.w.t.Helper()
	r, err := http.NewRequest(method, b.w.url+path, body)
	b.w.must(err)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	r.Header.Set("Accept", "text/html,*/*") // as browsers do
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	return b.send(r)
}

func (b *browser) send(r *http.Request) answer {
	b.w.t.Helper()
	response, err := noRedirect.Do(r)
	b.w.must(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	b.w.must(err)
	for _, c := range response.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

var noRedirect = &http.Client{
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
}

// api sends a request with a token; body is JSON or nil.
func (w *world) api(token, method, path string, body any, header ...string) answer {
	w.t.Helper()
	var reader io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(body)
	default:
		text, err := json.Marshal(body)
		w.must(err)
		reader = bytes.NewReader(text)
	}
	if reader != nil && len(header) == 0 {
		header = []string{"Content-Type", "application/json"}
	}
	if token != "" {
		header = append(header, "Authorization", "Bearer "+token)
	}
	return w.browser().do(method, path, reader, header...)
}

func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("status %d, not JSON: %v\n%s", a.status, err, a.body)
	}
	return v
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
