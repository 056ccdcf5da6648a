package incident_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// slowly is longer than an answer may take on a machine that does other things as well.
// docs/ladder.md has the times on a clock without load.
const slowly = 20 * time.Second

const (
	opener = "ana@example.com"
	backup = "oncall@example.com"

	simAppID        = "nqSreNVsQ2eGzUMGnA8AHA"
	simSecretToken  = "SimSecretTokenAAAAAAAAA"
	simClientSecret = "CANARY-client-secret-0123456789"
	simAPISecret    = "CANARY-api-secret-0123456789"
)

var (
	admin  = incident.Actor{Kind: "user", UserID: "u1", Email: "root@example.com", Name: "Root", Role: incident.Admin, Address: "192.0.2.1"}
	anaIs  = incident.Actor{Kind: "user", UserID: "u2", Email: opener, Name: "Ana", Role: incident.Responder, Address: "192.0.2.2"}
	viewer = incident.Actor{Kind: "user", UserID: "u3", Email: "vera@example.com", Role: incident.Viewer}
)

// clock is the time of the program and of the simulator.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// world is the program with its database and the simulator as Zoom.
type world struct {
	*testing.T
	clock   *clock
	store   *db.Store
	sim     *zoomsim.Sim
	service *incident.Service
	cfg     incident.Config
	log     *bytes.Buffer
	logger  *slog.Logger
	runbook incident.Runbook
	edit    func(call string, answer map[string]any) // if set: what Zoom answers differently; call is "POST meetings"
	during  func(call string)                        // if set: what happens before Zoom answers; call is "GET /v2/meetings/123"
	answers atomic.Int32                             // the status to answer instead of storing webhooks, if not 0
}

// newWorld returns a world with a connected account, the opener and the backup
// user in Zoom, and a runbook with one automatic step.
func newWorld(t *testing.T) *world {
	t.Helper()
	return worldWith(t, dbtest.New(t))
}

func worldWith(t *testing.T, store *db.Store) *world {
	t.Helper()
	w := emptyWorld(t, store)
	w.must(w.service.SaveAccount(t.Context(), admin, incident.AccountForm{
		Auth: "server_to_server", ZoomAccountID: "acc", ClientID: "cid", BackupUsers: []string{backup},
		Secrets: map[incident.SecretName]string{incident.ClientSecret: simClientSecret, incident.WebhookToken1: simSecretToken},
	}))
	w.runbook = w.save(meeting())
	return w
}

// newEmptyWorld returns a world without an account and without a runbook.
func newEmptyWorld(t *testing.T) *world {
	t.Helper()
	return emptyWorld(t, dbtest.New(t))
}

func emptyWorld(t *testing.T, store *db.Store) *world {
	t.Helper()
	w := &world{T: t, clock: &clock{t: dbtest.Now}, store: store, log: &bytes.Buffer{}}
	w.sim = zoomsim.New(zoomsim.Options{
		Now: w.clock.Now, AccountID: "acc", ClientID: "cid", ClientSecret: simClientSecret, AppID: simAppID,
		APIKey: "key", APISecret: simAPISecret, SecretToken: simSecretToken, Client: &http.Client{Transport: deliverTo{w}}, WebhookURL: "http://drawbridge.test/webhook",
	})
	w.sim.AddUser(zoomsim.User{Email: opener, DisplayName: "Ana", JoinBeforeHost: true, CloudRecording: true})
	w.sim.AddUser(zoomsim.User{Email: backup, DisplayName: "On-call", JoinBeforeHost: true, CloudRecording: true})
	server := httptest.NewServer(w.edited(w.sim.API()))
	t.Cleanup(server.Close)
	w.logger = slog.New(slog.NewTextHandler(w.log, nil))
	w.cfg = incident.Config{
		Store: store, Now: w.clock.Now, Log: w.logger,
		ZoomHTTP: server.Client(), ZoomAPIURL: server.URL + "/v2", ZoomOAuthURL: server.URL + "/oauth/token",
		PublicURL:   "https://bridge.example.com",
		JournalPath: filepath.Join(t.TempDir(), "journal.jsonl"),
	}
	w.service = incident.New(w.cfg)
	return w
}

// edited changes the simulator's answers.
func (w *world) edited(sim http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if w.during != nil {
			w.during(r.Method + " " + r.URL.Path)
		}
		if w.edit == nil {
			sim.ServeHTTP(out, r)
			return
		}
		rec := httptest.NewRecorder()
		sim.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		var answer map[string]any
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber() // a meeting's id does not fit into a float
		if d.Decode(&answer) == nil && rec.Code < 300 {
			parts := strings.Split(r.URL.Path, "/")
			last := parts[len(parts)-1]
			if len(parts) > 1 && (parts[len(parts)-2] == "meetings" || parts[len(parts)-2] == "users") {
				last = strings.TrimSuffix(parts[len(parts)-2], "s")
			}
			w.edit(r.Method+" "+last, answer)
			body, _ = json.Marshal(answer)
		}
		maps.Copy(out.Header(), rec.Header())
		out.Header().Del("Content-Length")
		out.WriteHeader(rec.Code)
		_, _ = out.Write(body)
	})
}

// deliverTo receives the simulator's webhooks and stores them, as the webhook
// page does.
type deliverTo struct{ w *world }

func (d deliverTo) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	answer := func(status int) (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
	}
	if status := d.w.answers.Load(); status != 0 {
		return answer(int(status))
	}
	sig, err := zoom.Verify(r.Header, body, []incident.Secret{zoom.NewSecret(simSecretToken)})
	if err != nil {
		return answer(http.StatusUnauthorized)
	}
	if _, err := d.w.service.KeepEvent(r.Context(), sig, map[string]string{"X-Zm-Request-Id": r.Header.Get("X-Zm-Request-Id")}, body); err != nil {
		return answer(http.StatusServiceUnavailable)
	}
	return answer(http.StatusOK)
}

// must fails the test if a call with two results returns an error.
func (w *world) must(_ any, err error) {
	w.Helper()
	w.ok(err)
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// meeting returns a meeting template for tests.
func meeting() incident.MeetingTemplate {
	m := incident.NewMeetingTemplate()
	m.Topic = "{{ incident.severity }} {{ incident.name }}"
	m.Recording = "cloud"
	return m
}

func (w *world) save(m incident.MeetingTemplate) incident.Runbook {
	w.Helper()
	r, _, err := w.service.SaveRunbook(w.Context(), admin, incident.Runbook{
		Name: "Outage " + m.Topic, IncidentType: "outage",
		Steps: []incident.Step{{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: m}},
	})
	w.ok(err)
	return r
}

// open opens an incident as the opener and returns it with its bridge.
func (w *world) open(change ...func(*incident.OpenRequest)) (incident.Incident, incident.Bridge) {
	w.Helper()
	req := incident.OpenRequest{RunbookID: w.runbook.ID, Name: "db down", Severity: "SEV1", Description: "It does not answer.", Source: "form"}
	for _, f := range change {
		f(&req)
	}
	i, created, err := w.service.OpenIncident(w.Context(), anaIs, req)
	w.ok(err)
	if !created {
		w.Fatal("the incident was not created")
	}
	return i, w.bridge(i)
}

func (w *world) bridge(i incident.Incident) incident.Bridge {
	w.Helper()
	bridges, err := w.store.Bridges(w.Context(), i.Number)
	w.ok(err)
	if len(bridges) != 1 {
		w.Fatalf("the incident has %d bridges, want 1", len(bridges))
	}
	return bridges[0]
}

// work advances the clock by d and does everything that is due.
func (w *world) work(d time.Duration) {
	w.Helper()
	w.clock.Add(d)
	for range 100 {
		n, err := w.service.RunOnce(w.Context())
		w.ok(err)
		if n == 0 {
			return
		}
	}
	w.Fatal("the worker does not come to an end")
}

func (w *world) account() incident.Account {
	w.Helper()
	a, err := w.store.Account(w.Context())
	w.ok(err)
	return a
}

// trail returns the audit trail, newest first.
func (w *world) trail() []incident.AuditEntry {
	w.Helper()
	page, err := w.store.Audit(w.Context(), db.AuditFilter{}, "", 200)
	w.ok(err)
	return page.Items
}

// wantEntry wants an entry of the audit trail that says this and nothing more.
func wantEntry(t testing.TB, e incident.AuditEntry, action incident.AuditAction, target string, changes ...incident.Change) {
	t.Helper()
	if diff := cmp.Diff([]any{action, target, changes}, []any{e.Action, e.Target, e.Changes}); diff != "" {
		t.Errorf("audit entry (-want +got):\n%s", diff)
	}
}

// fieldsIn are the fields that changes are of.
func fieldsIn(changes []incident.Change) (fields []string) {
	for _, c := range changes {
		fields = append(fields, c.Field)
	}
	return fields
}

// wantCode checks that err has this code.
func wantCode(t testing.TB, err error, want incident.Code) {
	t.Helper()
	if got := incident.CodeOf(err); got != want {
		t.Errorf("error %v, want code %q", err, want)
	}
}

// fieldsOf returns the field errors of err.
func fieldsOf(t testing.TB, err error) map[string]string {
	t.Helper()
	var refused *incident.Error
	if !errors.As(err, &refused) || refused.Code != incident.Invalid {
		t.Fatalf("error %v, want a refusal that names fields", err)
	}
	for field, text := range refused.Fields {
		if text == "" {
			t.Errorf("the field %s is refused without a word", field)
		}
	}
	return refused.Fields
}

// wantFields checks that err has errors for exactly these fields.
func wantFields(t testing.TB, err error, want ...string) {
	t.Helper()
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(maps.Keys(fieldsOf(t, err)))); diff != "" {
		t.Errorf("refused fields (-want +got):\n%s%v", diff, err)
	}
}

// timeline returns what happened to an incident, newest first, as "kind data"
// with the data as JSON.
func (w *world) timeline(i incident.Incident) (lines []string) {
	w.Helper()
	entries, err := w.store.Timeline(w.Context(), i.Number, 200)
	w.ok(err)
	for _, e := range entries {
		data, err := json.Marshal(e.Data)
		w.ok(err)
		lines = append(lines, strings.TrimSuffix(string(e.Kind)+" "+string(data), " {}"))
	}
	return lines
}

// why returns the reasons of a bridge as they are stored.
func why(b incident.Bridge) string {
	data, _ := json.Marshal(b.Reasons)
	return string(data)
}

// ledger returns the meetings that exist in Zoom.
func (w *world) ledger() (live []zoomsim.Meeting) {
	for _, m := range w.sim.Meetings() {
		if m.Status != "deleted" {
			live = append(live, m)
		}
	}
	return live
}

// creates returns how many times Zoom was asked to create a meeting.
func (w *world) creates() (n int) {
	for _, c := range w.sim.Calls() {
		if c.Operation == "POST /users/{userId}/meetings" {
			n++
		}
	}
	return n
}

func (w *world) faults(f zoomsim.Faults) { w.sim.SetFaults(func(have *zoomsim.Faults) { *have = f }) }

// zoom returns a client of the simulator that is independent of the program's.
func (w *world) zoom() *zoom.Client {
	server := httptest.NewServer(w.edited(w.sim.API()))
	w.Cleanup(server.Close)
	return zoom.New(zoom.Config{
		APIURL: server.URL + "/v2", OAuthURL: server.URL + "/oauth/token", Now: w.clock.Now, HTTP: server.Client(),
		Credentials: zoom.Credentials{Method: zoom.ServerToServer, AccountID: "acc", ClientID: "cid", ClientSecret: zoom.NewSecret(simClientSecret)},
	})
}

func request(agenda string) zoom.MeetingRequest {
	return zoom.MeetingRequest{Topic: "db down", Agenda: agenda, DurationMinutes: 60}
}
