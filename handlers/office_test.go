package handlers_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/go-cmp/cmp"

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
	zoomURL string

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
	o.url, o.site, o.zoomURL = server.URL, site, api.URL
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

// open opens an incident from the command line, so that the backup user hosts.
func (o *office) open(r incident.Runbook, change ...func(*incident.OpenRequest)) incident.Incident {
	o.t.Helper()
	req := incident.OpenRequest{RunbookID: r.ID, Name: "db down", Severity: "SEV1", Description: "It does not answer.", Source: "form"}
	for _, f := range change {
		f(&req)
	}
	i, _, err := o.service.OpenIncident(context.Background(), theConsole, req)
	o.must(err)
	return i
}

func (o *office) incident(number int64) incident.Incident {
	o.t.Helper()
	i, err := o.store.Incident(context.Background(), number)
	o.must(err)
	return i
}

// api sends a program's request and returns the answer's JSON.
func (o *office) api(t *testing.T, token, method, path, body string) (status int, answer map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, o.url+path, strings.NewReader(body))
	o.must(err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	o.must(err)
	defer response.Body.Close()
	o.must(json.NewDecoder(response.Body).Decode(&answer))
	return response.StatusCode, answer
}

// bridge returns the only bridge of an incident.
func (o *office) bridge(number int64) incident.Bridge {
	o.t.Helper()
	list, err := o.store.Bridges(context.Background(), number)
	o.must(err)
	if len(list) != 1 {
		o.t.Fatalf("the incident has %d bridges, want 1", len(list))
	}
	return list[0]
}

func (o *office) stepRun(number int64) incident.StepRun {
	o.t.Helper()
	list, err := o.store.StepRuns(context.Background(), number)
	o.must(err)
	return list[0]
}

// manual returns a runbook with a step that waits for a person.
func (o *office) manual() incident.Runbook {
	o.t.Helper()
	r, _, err := o.service.SaveRunbook(context.Background(), theConsole, incident.Runbook{
		Name: "By hand", Steps: []incident.Step{{Kind: incident.StepCreateMeeting, Meeting: incident.NewMeetingTemplate()}},
	})
	o.must(err)
	return r
}

func (o *office) faults(f zoomsim.Faults) {
	o.sim.SetFaults(func(have *zoomsim.Faults) { *have = f })
}

// asked counts the calls of a Zoom operation.
func (o *office) asked(operation string) (n int) {
	for _, c := range o.sim.Calls() {
		if c.Operation == operation {
			n++
		}
	}
	return n
}

const create = "POST /users/{userId}/meetings"

func (o *office) nobody() *tab { return &tab{o: o, cookies: map[string]string{}} }

// deliver posts a signed webhook, read or not.
func (o *office) deliver(body string, signed time.Time) {
	o.t.Helper()
	for try := 0; ; try++ {
		r, err := http.NewRequest(http.MethodPost, o.url+"/webhook", strings.NewReader(body))
		o.must(err)
		for name, values := range o.sim.Sign([]byte(body), signed) {
			r.Header[name] = values
		}
		response, err := http.DefaultTransport.RoundTrip(r)
		o.must(err)
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return
		}
		// A slow machine answers 503, and Zoom retries.
		if response.StatusCode != http.StatusServiceUnavailable || try == 5 {
			o.t.Fatalf("the webhook is answered with %d", response.StatusCode)
		}
	}
}

// work runs the due jobs.
func (o *office) work() {
	o.t.Helper()
	for range 100 {
		n, err := o.service.RunOnce(context.Background())
		o.must(err)
		if n == 0 {
			return
		}
	}
	o.t.Fatal("the worker does not come to an end")
}

// event is the body of a webhook about a meeting. more are names and values of
// its object.
func (o *office) event(name, meetingID string, more ...any) string {
	o.t.Helper()
	object := map[string]any{"id": meetingID, "uuid": "uuid-" + meetingID, "host_id": "h1", "topic": "INC-1 Acme", "type": 2, "duration": 60, "timezone": "UTC"}
	for n := 0; n < len(more); n += 2 {
		object[more[n].(string)] = more[n+1]
	}
	b, err := json.Marshal(map[string]any{"event": name, "event_ts": o.clock().UnixMilli(), "payload": map[string]any{"account_id": zoomAccount, "object": object}})
	o.must(err)
	return string(b)
}

func (o *office) participant(name string) map[string]any {
	return map[string]any{"user_id": "u-" + name, "participant_uuid": "p-" + name, "user_name": name, "email": "", "id": "", "join_time": o.clock().UTC().Format(time.RFC3339), "date_time": o.clock().UTC().Format(time.RFC3339)}
}

// happened delivers an event and runs the worker.
func (o *office) happened(name, meetingID string, more ...any) {
	o.t.Helper()
	o.deliver(o.event(name, meetingID, more...), o.clock())
	o.work()
}

func (o *office) sql(statement string, args ...any) {
	o.t.Helper()
	conn, err := sql.Open("sqlite", filepath.Join(o.dataDir, db.SQLiteFile)+"?_pragma=busy_timeout(5000)")
	o.must(err)
	defer conn.Close()
	_, err = conn.Exec(statement, args...)
	o.must(err)
}
