package zoomsim_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

const (
	ana    = "ana@example.com"
	backup = "oncall@example.com"
	appID  = "nqSreNVsQ2eGzUMGnA8AHA"
)

// clock is the time of a test. Nothing in these tests sleeps.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// world is a simulator with two licensed users, its API on a port, and a receiver of webhooks.
type world struct {
	*zoomsim.Sim
	t     testing.TB
	clock *clock
	api   *httptest.Server
	token string

	mu       sync.Mutex
	received []zoomsim.Event // with the exact bytes
	status   int             // the status that the receiver answers
}

func newWorld(t testing.TB, change ...func(*zoomsim.Options)) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{t: time.Date(2026, 11, 22, 1, 14, 21, 0, time.UTC)}, status: http.StatusOK}
	receiver := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var e struct{ Event string }
		_ = json.Unmarshal(body, &e)
		w.mu.Lock()
		w.received = append(w.received, zoomsim.Event{Event: e.Event, Body: body})
		status := w.status
		w.mu.Unlock()
		if status == http.StatusFound {
			rw.Header().Set("Location", "/elsewhere")
		}
		rw.WriteHeader(status)
	}))
	t.Cleanup(receiver.Close)
	o := zoomsim.Options{Now: w.clock.now, AccountID: "acc_1", ClientID: "client_1", ClientSecret: "shh", AppID: appID, APIKey: "key_1", APISecret: "jwtshh",
		SecretToken: "4fv1RkqGQUq5sWbEz6hA5A", WebhookURL: receiver.URL}
	for _, f := range change {
		f(&o)
	}
	w.Sim = zoomsim.New(o)
	w.AddUser(zoomsim.User{Email: ana, DisplayName: "Ana Lima", CloudRecording: true})
	w.AddUser(zoomsim.User{Email: backup, DisplayName: "On Call", CloudRecording: true})
	w.api = httptest.NewServer(w.API())
	t.Cleanup(w.api.Close)
	return w
}

// reply is an answer of the API.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("body %q: %v", r.body, err)
	}
	return v
}

// try makes one request; body is JSON text or "".
func (w *world) try(method, path, body string, header ...string) (reply, error) {
	req, err := http.NewRequest(method, w.api.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if strings.HasPrefix(path, "/v2") && w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, b}, err
}

// call makes one request with a valid token.
func (w *world) call(method, path, body string, header ...string) reply {
	w.t.Helper()
	if w.token == "" {
		w.token = w.newToken()
	}
	r, err := w.try(method, path, body, header...)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (w *world) tokenRequest(form url.Values, id, secret string) reply {
	w.t.Helper()
	req, _ := http.NewRequest(http.MethodPost, w.api.URL+"/oauth/token", strings.NewReader(form.Encode()))
	req.SetBasicAuth(id, secret)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, b}
}

func (w *world) newToken() string {
	w.t.Helper()
	r := w.tokenRequest(url.Values{"grant_type": {"account_credentials"}, "account_id": {"acc_1"}}, "client_1", "shh")
	token, _ := r.json(w.t)["access_token"].(string)
	if r.status != http.StatusOK || token == "" {
		w.t.Fatalf("token: %d %s", r.status, r.body)
	}
	return token
}

// bridge is the request that Drawbridge sends for an incident.
const bridge = `{"topic":"INC-42 db down","type":2,"duration":60,"timezone":"UTC","agenda":"marker","password":"q8wDSw",
	"settings":{"join_before_host":true,"jbh_time":0,"waiting_room":false,"use_pmi":false,"auto_recording":"cloud"}}`

func (w *world) create(host, body string) map[string]any {
	w.t.Helper()
	r := w.call(http.MethodPost, "/v2/users/"+host+"/meetings", body)
	if r.status != http.StatusCreated {
		w.t.Fatalf("create: %d %s", r.status, r.body)
	}
	return r.json(w.t)
}

func id(m map[string]any) string { return m["id"].(json.Number).String() }

// events returns the events received since the last call of events.
func (w *world) events() []zoomsim.Event {
	w.Settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.received
	w.received = nil
	return got
}

func names(events []zoomsim.Event) []string {
	var n []string
	for _, e := range events {
		n = append(n, e.Event)
	}
	return n
}

func (w *world) answer(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status = status
}

func readFile(t testing.TB, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
