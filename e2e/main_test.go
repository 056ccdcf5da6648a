// Package e2e tests the whole program: commands, journeys through the API and
// the browser, crashes, floods, several servers. It also holds the rules that all
// code of the module must follow.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/cli"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

func TestMain(m *testing.M) {
	if os.Getenv(runsProgram) != "" {
		os.Exit(cli.Main())
	}
	code := m.Run()
	chromium.stop()
	if dir, err := buildDir(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// The programs of this module that tests run. Each is built once, when a test first
// needs it. controlProgram is Drawbridge without waiting for the disk.
var (
	realProgram    = built("drawbridge", "..")
	controlProgram = built("control", "..", "-ldflags", "-X github.com/drawbridge-hq/drawbridge/db.synchronous=NORMAL")
	inspectProgram = built("inspect", "../db/dbtest/inspect")
)

var buildDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "drawbridge-e2e-") })

// built returns a function that builds a program once and returns its path.
func built(name, source string, flags ...string) func(t *testing.T) string {
	build := sync.OnceValues(func() (string, error) {
		dir, err := buildDir()
		if err != nil {
			return "", err
		}
		path := filepath.Join(dir, name)
		cmd := exec.Command("go", slices.Concat([]string{"build", "-buildvcs=false", "-o", path}, flags, []string{source})...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
		return path, nil
	})
	return func(t *testing.T) string {
		t.Helper()
		path, err := build()
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
}

// allTests is set in CI. Without it, the longest tests are skipped and each page is
// looked at less often, so that all tests take a few minutes.
var allTests = os.Getenv("DRAWBRIDGE_TESTS") == "all"

// long skips a test that takes half a minute or more, unless all tests run.
func long(t *testing.T) {
	t.Helper()
	if !allTests {
		t.Skip("takes more than half a minute: run with DRAWBRIDGE_TESTS=all")
	}
}

// slow skips a test that takes more than five seconds when tests run with -short.
func slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes more than five seconds: run without -short")
	}
}

// alone runs the test in an empty directory without the DRAWBRIDGE_ variables of the
// machine.
func alone(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, setting := range os.Environ() {
		if name, _, _ := strings.Cut(setting, "="); strings.HasPrefix(name, "DRAWBRIDGE_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
}

// result is the exit status and the output of a command.
type result struct {
	code     int
	out, err string
}

// command runs a command to its end.
func command(t *testing.T, in string, args ...string) result {
	t.Helper()
	var out, errOut bytes.Buffer
	code := cli.Run(t.Context(), args, strings.NewReader(in), &out, &errOut)
	return result{code, out.String(), errOut.String()}
}

// ok runs a command that must succeed, and returns its output.
func ok(t *testing.T, in string, args ...string) string {
	t.Helper()
	r := command(t, in, args...)
	if r.code != 0 || r.err != "" {
		t.Fatalf("%s: status %d, %s", strings.Join(args, " "), r.code, r.err)
	}
	return r.out
}

// server is a running program.
type server struct {
	url  string
	out  lockedBuffer
	err  lockedBuffer
	stop func() int // the exit status
}

// start runs a command that serves, and waits until it is ready and has printed its
// address.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()

	s := &server{url: "http://" + addr}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int, 1)
	go func() { done <- cli.Run(ctx, append(args, "--addr", addr), strings.NewReader(""), &s.out, &s.err) }()
	stopped := false
	s.stop = func() int {
		cancel()
		if stopped {
			return 0
		}
		stopped = true
		select {
		case code := <-done:
			return code
		case <-time.After(90 * time.Second):
			t.Fatal("the server did not stop")
			return -1
		}
	}
	t.Cleanup(func() { s.stop() })
	until(t, "the server prints its address: "+s.err.String(), func() bool {
		select {
		case code := <-done:
			t.Fatalf("the server exited with %d: %s", code, s.err.String())
		default:
		}
		response, err := http.Get(s.url + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK && strings.Contains(s.out.String(), s.url)
	})
	return s
}

// until waits until a condition is true.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for late := time.After(90 * time.Second); !condition(); {
		select {
		case <-look.C:
		case <-late:
			t.Fatal("timed out waiting until " + what)
		}
	}
}

// person is an HTTP client that keeps cookies, as a browser does, but follows no
// redirects.
type person struct {
	t      *testing.T
	home   string
	client http.Client
}

func newPerson(t *testing.T, home string) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t, home, http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (p *person) do(method, path string, form url.Values) (status int, body string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.home+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,*/*") // as browsers do
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", p.home)
	}
	response, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

// canLogIn tries a password and reports whether it opens the overview.
func (p *person) canLogIn(email, password string) bool {
	p.t.Helper()
	p.do("POST", "/login", url.Values{"email": {email}, "password": {password}})
	return p.in()
}

func (p *person) in() bool {
	p.t.Helper()
	status, _ := p.do("GET", "/", nil)
	return status == http.StatusOK
}

// api calls the API with a token and returns the status and the answer.
func api(t *testing.T, s *server, token, method, path string, body any) (int, map[string]any) {
	t.Helper()
	sent, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatalf("%s %s: status %d, %v", method, path, response.StatusCode, err)
	}
	return response.StatusCode, answer
}

// A server on an empty directory prints a link that creates one admin and works
// once. It exits with 0 when it is stopped.
func TestFirstAdmin(t *testing.T) {
	alone(t)
	s := start(t, "serve")
	link := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(s.url) + `(/setup\?token=\S+)$`).FindStringSubmatch(s.out.String())
	if link == nil {
		t.Fatalf("no setup link in:\n%s", s.out.String())
	}
	if info, err := os.Stat(filepath.Join("data", "master.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("master key file: %v, %v", info, err)
	}
	token := strings.TrimPrefix(link[1], "/setup?token=")

	first, second := newPerson(t, s.url), newPerson(t, s.url)
	for _, p := range []*person{first, second} {
		if status, body := p.do("GET", link[1], nil); status != http.StatusOK || !strings.Contains(body, "Create admin") {
			t.Errorf("the setup link: status %d", status)
		}
	}
	form := url.Values{"token": {token}, "name": {"Ada"}, "email": {"ada@example.com"}, "password": {demoPassword}}
	if status, body := first.do("POST", "/setup", form); status != http.StatusSeeOther {
		t.Fatalf("the first browser: status %d: %s", status, body)
	}
	if !first.in() {
		t.Error("the new admin is not logged in")
	}
	form.Set("email", "eve@example.com")
	if status, body := second.do("POST", "/setup", form); status != http.StatusGone || strings.Contains(body, "Create admin") {
		t.Errorf("the second browser: status %d", status)
	}
	if status, _ := second.do("GET", link[1], nil); status != http.StatusGone {
		t.Errorf("the used link: status %d", status)
	}
	if second.in() || second.canLogIn("eve@example.com", demoPassword) {
		t.Error("the second browser is logged in")
	}
	if strings.Contains(s.err.String(), token) {
		t.Error("the log contains the token of the link")
	}
	if code := s.stop(); code != 0 {
		t.Errorf("exit status %d: %s", code, s.err.String())
	}

	// Now there is an admin, so a restart prints no link. The session still works.
	again := start(t, "serve")
	if strings.Contains(again.out.String(), "setup") {
		t.Errorf("the second start prints a setup link:\n%s", again.out.String())
	}
	if first.home = again.url; !first.in() {
		t.Error("the session did not survive a restart")
	}
}

func TestWrongConfiguration(t *testing.T) {
	alone(t)
	t.Setenv("DRAWBRIDGE_ADDR", "nowhere")
	t.Setenv("DRAWBRIDGE_DATABASE_URL", "mysql://root:CANARY-database@db/x")
	t.Setenv("DRAWBRIDGE_KEY", "CANARY-key")
	t.Setenv("DRAWBRIDGE_PUBLIC_URL", "bridge.example.com")
	t.Setenv("DRAWBRIDGE_ZOOM_API_URL", "ftp://zoom")
	t.Setenv("DRAWBRIDGE_ZOOM_OAUTH_URL", "https://user@zoom.us/oauth/token")
	t.Setenv("DRAWBRIDGE_ZOOM_DOMAINS", "zoom.example.com,de")
	t.Setenv("DRAWBRIDGE_TRUSTED_PROXIES", "10.0.0.0/33")
	t.Setenv("DRAWBRIDGE_OUTBOUND_ALLOW_CIDRS", "everything")

	r := command(t, "", "serve")

	if r.code != 2 {
		t.Errorf("status %d", r.code)
	}
	for _, name := range []string{"ADDR", "DATABASE_URL", "KEY", "PUBLIC_URL", "ZOOM_API_URL", "ZOOM_OAUTH_URL", "ZOOM_DOMAINS", "TRUSTED_PROXIES", "OUTBOUND_ALLOW_CIDRS"} {
		if !strings.Contains(r.err, "  DRAWBRIDGE_"+name+": ") {
			t.Errorf("DRAWBRIDGE_%s is not named in:\n%s", name, r.err)
		}
	}
	if strings.Contains(r.out+r.err, "CANARY") {
		t.Errorf("the output contains a secret:\n%s", r.out+r.err)
	}
	if _, err := os.Stat("data"); !os.IsNotExist(err) {
		t.Error("the data directory was created")
	}
}

func TestUsage(t *testing.T) {
	alone(t)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		in   string
		want int
		says string
	}{
		{"unknown command", []string{"bridge"}, "", 2, "bridge"},
		{"unknown flag", []string{"serve", "--databse-url", "x"}, "", 2, "databse-url"},
		{"unknown role", []string{"user", "add", "a@example.com", "--role", "root", "--password-stdin"}, demoPassword, 2, "role"},
		{"no password", []string{"user", "add", "a@example.com", "--role", "admin", "--password-stdin"}, "", 2, "password"},
		{"short password", []string{"user", "add", "a@example.com", "--role", "admin", "--password-stdin"}, "short\n", 1, "12"},
		{"invalid email", []string{"user", "add", "nobody", "--role", "admin", "--password-stdin"}, demoPassword, 1, "email"},
		{"unknown user", []string{"user", "reset-password", "nobody@example.com", "--password-stdin"}, demoPassword, 1, "there is no user nobody@example.com in " + filepath.Join(here, "data")},
		{"unknown scope", []string{"token", "create", "--name", "x", "--scope", "admin"}, "", 1, "scope"},
		{"missing file", []string{"apply", "missing.yaml"}, "", 1, "missing.yaml"},
		{"help", []string{"--help"}, "", 0, "apply"},
		{"version", []string{"--version"}, "", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := command(t, tt.in, tt.args...)
			if r.code != tt.want || !strings.Contains(r.out+r.err, tt.says) {
				t.Errorf("status %d, want %d and a message that contains %q:\n%s", r.code, tt.want, tt.says, r.out+r.err)
			}
		})
	}
}

func TestPrintConfig(t *testing.T) {
	alone(t)
	t.Setenv("DRAWBRIDGE_DATABASE_URL", "postgres://user:CANARY-database@db/x")
	t.Setenv("DRAWBRIDGE_KEY", "Q0FOQVJZLUNBTkFSWS1DQU5BUlktQ0FOQVJZLUNBTkE=")
	if err := os.WriteFile(".env", []byte("DRAWBRIDGE_PUBLIC_URL=https://bridge.example.com/\nDRAWBRIDGE_ADDR=127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Unsetenv("DRAWBRIDGE_PUBLIC_URL"); os.Unsetenv("DRAWBRIDGE_ADDR") })

	out := ok(t, "", "--print-config", "--addr", ":9000")

	for _, want := range []string{"DRAWBRIDGE_ADDR=:9000\n", "DRAWBRIDGE_DATABASE_URL=(set)\n", "DRAWBRIDGE_KEY=(set)\n", "DRAWBRIDGE_PUBLIC_URL=https://bridge.example.com\n", "DRAWBRIDGE_DATA_DIR=data\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "CANARY") || strings.Contains(out, "Q0FOQ") {
		t.Errorf("the output contains a secret:\n%s", out)
	}
}

// A running server acts at once on what other commands change.
func TestCommandsWhileServing(t *testing.T) {
	alone(t)
	s := start(t, "serve")

	t.Run("user", func(t *testing.T) {
		ok(t, demoPassword+"\n", "user", "add", "Ada@Example.com", "--role", "admin", "--name", "Ada", "--password-stdin")
		ada := newPerson(t, s.url)
		if !ada.canLogIn("ada@example.com", demoPassword) {
			t.Error("the new user cannot log in")
		}
		if r := command(t, demoPassword, "user", "add", "ada@example.com", "--role", "viewer", "--password-stdin"); r.code != 1 {
			t.Errorf("adding the same address again: status %d, %s", r.code, r.err)
		}
		ok(t, "another long password\r\n", "user", "reset-password", "ada@example.com", "--password-stdin")
		if ada.in() {
			t.Error("the session still works after the password was reset")
		}
		if ada.canLogIn("ada@example.com", demoPassword) || !ada.canLogIn("ada@example.com", "another long password") {
			t.Error("the old password still works, or the new one does not")
		}
	})

	t.Run("token", func(t *testing.T) {
		out := ok(t, "", "token", "create", "--name", "script", "--scope", "read")
		token := strings.TrimSuffix(out, "\n")
		if strings.ContainsAny(token, "\n ") || len(token) < 32 {
			t.Errorf("standard output is %q, want a token alone on a line", out)
		}
		if status, _ := api(t, s, token, "GET", "/api/v1/runbooks", nil); status != http.StatusOK {
			t.Errorf("with the token: status %d", status)
		}
		if status, _ := api(t, s, token, "POST", "/api/v1/incidents", map[string]any{}); status != http.StatusForbidden {
			t.Errorf("without the scope: status %d", status)
		}
	})

	t.Run("second server", func(t *testing.T) {
		r := command(t, "", "serve", "--addr", "127.0.0.1:0")
		if r.code != 1 || !strings.Contains(r.err, "another Drawbridge server") || !strings.Contains(r.err, "DRAWBRIDGE_DATA_DIR") {
			t.Errorf("status %d, %s", r.code, r.err)
		}
	})
}

const applied = `account:
  auth: server_to_server
  account_id: DemoAccountIdAAAAAAAAA
  client_id: DemoClientIdAAAAAAAAAA
  client_secret: ${ZOOM_CLIENT_SECRET}
  webhook_secret_tokens: ["${ZOOM_WEBHOOK_SECRET}"]
  backup_user_email: oncall@example.com
runbooks:
  - name: Production outage
    incident_type: outage
    variables:
      - {name: customer, label: Customer, type: text, required: true, default: ""}
    steps:
      - kind: create_meeting
        execute_automatically: true
        topic: "{{ incident.severity }} {{ incident.name }} ({{ vars.customer }})"
        agenda: "{{ incident.description }}"
        recording: cloud
`

// An account that only receives events needs a secret token alone, and its export can be
// applied again.
func TestApplyWebhookOnly(t *testing.T) {
	alone(t)
	t.Setenv("ZOOM_WEBHOOK_SECRET", demoSecretToken)
	if r := command(t, "account:\n  auth: webhook_only\n", "apply", "-"); r.code == 0 || !strings.Contains(r.err, "webhook_secret_tokens.0: Copy the Secret Token") {
		t.Errorf("without a token: status %d, %s", r.code, r.err)
	}
	ok(t, "account:\n  auth: webhook_only\n  webhook_secret_tokens: [\"${ZOOM_WEBHOOK_SECRET}\"]\n", "apply", "-")
	file := ok(t, "", "export")
	if !strings.Contains(file, "auth: webhook_only") || strings.Contains(file, "client_id") {
		t.Errorf("the export is\n%s", file)
	}
	if out := ok(t, file, "apply", "-"); strings.Contains(out, "account:") {
		t.Errorf("applying the export changed %s", out)
	}
	if again := ok(t, "", "export"); again != file {
		t.Errorf("the export was\n%s\nand is now\n%s", file, again)
	}
}

// The host pool is a list, or one address in a file of an earlier version. The export
// has the plainest form.
func TestApplyHostPool(t *testing.T) {
	alone(t)
	t.Setenv("ZOOM_CLIENT_SECRET", demoClientSecret)
	const account = "account:\n  auth: server_to_server\n  account_id: acc\n  client_id: cid\n  client_secret: ${ZOOM_CLIENT_SECRET}\n"
	for _, tt := range []struct{ name, hosts, want string }{
		{"one address", "  backup_user_email: A@example.com\n", "  backup_user_email: a@example.com\n"},
		{"a list of one", "  backup_user_emails: [a@example.com]\n", "  backup_user_email: a@example.com\n"},
		{"a list, with one address twice", "  backup_user_emails: [a@example.com, b@example.com, A@Example.com]\n", "  backup_user_emails:\n    - a@example.com\n    - b@example.com\n"},
		{"none", "", ""},
	} {
		ok(t, account+tt.hosts, "apply", "-")
		file := ok(t, "", "export")
		_, hosts, _ := strings.Cut(file, "${ZOOM_CLIENT_SECRET}\n")
		if hosts, _, _ = strings.Cut(hosts, "  cluster:"); hosts != tt.want {
			t.Errorf("%s: the export has %q, want %q", tt.name, hosts, tt.want)
		}
		if out := ok(t, file, "apply", "-"); out != "nothing to change\n" {
			t.Errorf("%s: applying the export prints %s", tt.name, out)
		}
	}
	for _, tt := range []struct{ name, hosts, says string }{
		{"both", "  backup_user_email: a@example.com\n  backup_user_emails: [b@example.com]\n", "set either backup_user_email or backup_user_emails, not both"},
		{"not an address", "  backup_user_emails: [a@example.com, b]\n", "“b” isn’t an email address"},
	} {
		if r := command(t, account+tt.hosts, "apply", "-"); r.code == 0 || !strings.Contains(r.err, tt.says) {
			t.Errorf("%s: status %d, %s", tt.name, r.code, r.err)
		}
	}
}

// Exporting and applying retention rules changes nothing. An empty list removes all
// rules; a file without the section leaves them as they are.
func TestApplyRetention(t *testing.T) {
	alone(t)
	const rules = "retention:\n  - family: others\n    keep_days: 400\n    blank_days: 0\n  - family: participant\n    keep_days: 90\n    blank_days: 30\n"
	for _, tt := range []struct {
		name, text string
		code       int
		says       string
	}{
		{"unknown key", "retention:\n  - {family: others, keep: 30}\n", 2, "unknown field"},
		{"no family", "retention:\n  - {keep_days: 30}\n", 1, "each entry needs a family"},
		{"too short", "retention:\n  - {family: user, keep_days: 3}\n", 1, "user.keep_days: Enter 7 to"},
	} {
		if r := command(t, tt.text, "apply", "-"); r.code != tt.code || !strings.Contains(r.err, tt.says) {
			t.Errorf("%s: status %d, %s", tt.name, r.code, r.err)
		}
	}
	dry := ok(t, rules, "apply", "--dry-run", "-")
	if out := ok(t, "", "export"); strings.Contains(out, "retention") {
		t.Errorf("--dry-run saved:\n%s", out)
	}
	want := "retention: others: keep 400 days, never erase personal data\nretention: participant: keep 90 days, erase personal data after 30 days\nretention: deletes about 0 events now, erases personal data in about 0\n"
	if did := ok(t, rules, "apply", "-"); did != want || strings.ReplaceAll(dry, "would change: ", "") != want {
		t.Errorf("apply printed\n%s--dry-run printed\n%s", did, dry)
	}
	out := ok(t, "runbooks: []", "apply", "-") + ok(t, rules, "apply", "-") + ok(t, "", "export")
	if d := cmp.Diff("nothing to change\nnothing to change\n"+rules, out); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	out = ok(t, "retention: []", "apply", "-") + ok(t, "", "export")
	if !strings.Contains(out, "retention: participant: no rule of its own") || strings.Contains(out, "keep_days") {
		t.Errorf("removing the rules prints\n%s", out)
	}
}

// The main path with only apply and the API: configure the server, open an incident,
// let two people join, end the meeting, and read everything back.
func TestApplyAndAPI(t *testing.T) {
	alone(t)
	var webhook http.Handler
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { webhook.ServeHTTP(w, r) }))
	defer hook.Close()
	sim := zoomsim.New(zoomsim.Options{
		Now: time.Now, AccountID: demoAccountID, ClientID: demoClientID, ClientSecret: demoClientSecret,
		SecretToken: demoSecretToken, WebhookURL: hook.URL + "/webhook",
	})
	sim.AddUser(zoomsim.User{Email: demoBackup, JoinBeforeHost: true, CloudRecording: true})
	zoom := httptest.NewServer(sim.API())
	defer zoom.Close()
	t.Setenv("DRAWBRIDGE_ZOOM_API_URL", zoom.URL+"/v2")
	t.Setenv("DRAWBRIDGE_ZOOM_OAUTH_URL", zoom.URL+"/oauth/token")
	s := start(t, "serve")
	webhook = proxyTo(t, s)
	ok(t, demoPassword, "user", "add", demoEmail, "--role", "admin", "--password-stdin")
	if err := os.WriteFile("drawbridge.yaml", []byte(applied), 0o600); err != nil {
		t.Fatal(err)
	}

	// The error names every missing variable, and nothing changes.
	if r := command(t, "", "apply", "drawbridge.yaml"); r.code != 2 || !strings.Contains(r.err, "ZOOM_CLIENT_SECRET, ZOOM_WEBHOOK_SECRET") {
		t.Errorf("without the variables: status %d, %s", r.code, r.err)
	}
	t.Setenv("ZOOM_CLIENT_SECRET", demoClientSecret)
	t.Setenv("ZOOM_WEBHOOK_SECRET", demoSecretToken)

	for _, tt := range []struct{ name, text, says string }{
		{"unknown key", strings.Replace(applied, "incident_type", "incident_typ", 1), "[10:5]"},
		{"not YAML", "account: [", "1:"},
		{"three tokens", strings.Replace(applied, `["${ZOOM_WEBHOOK_SECRET}"]`, `[a, b, c]`, 1), "webhook_secret_tokens"},
	} {
		if r := command(t, tt.text, "apply", "-"); r.code != 2 || !strings.Contains(r.err, tt.says) {
			t.Errorf("%s: status %d, want 2 and %q in:\n%s", tt.name, r.code, tt.says, r.err)
		}
	}
	misspelt := strings.Replace(applied, "{{ incident.severity }}", "{{ incident.severtiy }}", 1)
	if r := command(t, misspelt, "apply", "-"); r.code != 1 || !strings.Contains(r.err, "incident.severity") {
		t.Errorf("a template with a typo: status %d, %s", r.code, r.err)
	}

	dry := ok(t, "", "apply", "--dry-run", "drawbridge.yaml")
	if !strings.Contains(dry, `would change: runbook "Production outage": `) {
		t.Errorf("--dry-run printed:\n%s", dry)
	}
	token := strings.TrimSpace(ok(t, "", "token", "create", "--name", "pager", "--scope", "read,incidents:write"))
	if _, list := api(t, s, token, "GET", "/api/v1/runbooks", nil); len(list["items"].([]any)) != 0 {
		t.Errorf("--dry-run created %v", list["items"])
	}
	did := ok(t, "", "apply", "drawbridge.yaml")
	if strings.ReplaceAll(dry, "would change: ", "") != did {
		t.Errorf("apply printed\n%s--dry-run printed\n%s", did, dry)
	}
	if strings.Contains(dry+did, demoClientSecret) || strings.Contains(dry+did, demoSecretToken) {
		t.Error("apply prints a secret")
	}
	if again := ok(t, "", "apply", "drawbridge.yaml"); again != "nothing to change\n" {
		t.Errorf("applying the file again printed %q", again)
	}

	// Applying the export changes nothing.
	out := ok(t, "", "export")
	if !strings.Contains(out, "${ZOOM_CLIENT_SECRET}") || strings.Contains(out, demoClientSecret) || strings.Contains(out, demoSecretToken) {
		t.Errorf("the export contains a secret, or lacks the reference to one:\n%s", out)
	}
	if back := ok(t, out, "apply", "-"); back != "nothing to change\n" {
		t.Errorf("applying the export printed %q", back)
	}
	ok(t, out, "apply", "-", "--data-dir", "other")
	if diff := cmp.Diff(out, ok(t, "", "export", "--data-dir", "other")); diff != "" {
		t.Errorf("the export from another server differs (-want +got):\n%s", diff)
	}

	// The server uses the new configuration at once.
	if v, err := sim.Validate(t.Context()); err != nil || !v.OK {
		t.Fatalf("Zoom's validation of the webhook: %+v, %v", v, err)
	}
	request := map[string]any{"runbook": "Production outage", "name": "db down", "severity": "SEV1", "description": "since 02:10",
		"opener_email": "nobody@example.com", "dedup_key": "db-1", "vars": map[string]string{"customer": "Ålesund"}}
	status, opened := api(t, s, token, "POST", "/api/v1/incidents", request)
	if status != http.StatusCreated {
		t.Fatalf("open the incident: status %d, %v", status, opened)
	}
	bridge := opened["bridges"].([]any)[0].(map[string]any)
	if bridge["state"] != "ready" || bridge["topic"] != "SEV1 db down (Ålesund)" || bridge["used_backup_user"] != true || bridge["host_email"] != demoBackup {
		t.Fatalf("bridge: %v", bridge)
	}
	if status, same := api(t, s, token, "POST", "/api/v1/incidents", request); status != http.StatusOK || same["number"] != opened["number"] {
		t.Errorf("the same dedup_key again: status %d, incident %v", status, same["number"])
	}
	meeting := bridge["meeting_id"].(string)
	key, err := sim.Join(t.Context(), meeting, zoomsim.Person{Name: "Ana"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sim.Join(t.Context(), meeting, zoomsim.Person{Name: "Bo"}); err != nil {
		t.Fatal(err)
	}
	now := func() map[string]any {
		_, i := api(t, s, token, "GET", fmt.Sprintf("/api/v1/incidents/%v", opened["number"]), nil)
		return i["bridges"].([]any)[0].(map[string]any)
	}
	until(t, "two people are in the call", func() bool { b := now(); return b["state"] == "live" && b["participants"] == 2.0 })
	if err := sim.Leave(t.Context(), meeting, key); err != nil {
		t.Fatal(err)
	}
	if err := sim.End(t.Context(), meeting); err != nil {
		t.Fatal(err)
	}
	until(t, "the bridge has ended", func() bool { b := now(); return b["state"] == "ended" && b["participants"] == 0.0 })
	_, events := api(t, s, token, "GET", "/api/v1/events?meeting_id="+meeting+"&event=meeting.participant_joined", nil)
	if items := events["items"].([]any); len(items) != 2 {
		t.Errorf("%d participant_joined events in the log", len(items))
	}

	// One token, one call for the opener, who is not a Zoom user, and one for the backup user.
	calls := map[string]int{}
	for _, c := range sim.Calls() {
		calls[c.Method+" "+strings.SplitN(strings.TrimPrefix(c.Path, "/v2"), "/", 3)[1]]++
	}
	if diff := cmp.Diff(map[string]int{"POST oauth": 1, "POST users": 2}, calls); diff != "" {
		t.Errorf("calls to Zoom (-want +got):\n%s", diff)
	}
}

// proxyTo forwards requests to a server. The simulator needs an address before the
// server has its port.
func proxyTo(t *testing.T, s *server) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		passed, err := http.NewRequestWithContext(r.Context(), r.Method, s.url+r.URL.Path, r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		passed.Header = r.Header
		response, err := http.DefaultClient.Do(passed)
		if err != nil {
			t.Error(err)
			return
		}
		defer response.Body.Close()
		w.Header().Set("Content-Type", response.Header.Get("Content-Type"))
		w.WriteHeader(response.StatusCode)
		_, _ = io.Copy(w, response.Body)
	})
}

// A server that stops while it is unknown whether Zoom created the meeting looks for
// it after the next start and creates no second one.
func TestRestartContinues(t *testing.T) {
	alone(t)
	sim := zoomsim.New(zoomsim.Options{Now: time.Now, AccountID: demoAccountID, ClientID: demoClientID, ClientSecret: demoClientSecret})
	sim.AddUser(zoomsim.User{Email: demoBackup, JoinBeforeHost: true, CloudRecording: true})
	zoom := httptest.NewServer(sim.API())
	defer zoom.Close()
	t.Setenv("DRAWBRIDGE_ZOOM_API_URL", zoom.URL+"/v2")
	t.Setenv("DRAWBRIDGE_ZOOM_OAUTH_URL", zoom.URL+"/oauth/token")
	t.Setenv("ZOOM_CLIENT_SECRET", demoClientSecret)
	t.Setenv("ZOOM_WEBHOOK_SECRET", demoSecretToken)
	ok(t, applied, "apply", "-")
	token := strings.TrimSpace(ok(t, "", "token", "create", "--name", "pager", "--scope", "read,incidents:write"))
	sim.SetFaults(func(f *zoomsim.Faults) {
		f.ResetAfterCommit, f.Only, f.Times = true, "POST /users/{userId}/meetings", 1
	})

	first := start(t, "serve")
	_, opened := api(t, first, token, "POST", "/api/v1/incidents", map[string]any{
		"runbook": "Production outage", "name": "db down", "opener_email": demoBackup, "vars": map[string]string{"customer": "all"},
	})
	state := func(i map[string]any) any { return i["bridges"].([]any)[0].(map[string]any)["state"] }
	if state(opened) != "unknown" {
		t.Fatalf("the bridge is %v after Zoom’s answer was lost", state(opened))
	}
	if code := first.stop(); code != 0 {
		t.Errorf("exit status %d", code)
	}

	second := start(t, "serve")
	until(t, "the meeting is found", func() bool {
		_, i := api(t, second, token, "GET", fmt.Sprintf("/api/v1/incidents/%v", opened["number"]), nil)
		return state(i) == "ready"
	})
	if meetings := sim.Meetings(); len(meetings) != 1 {
		t.Errorf("Zoom has %d meetings", len(meetings))
	}
}

// The demo needs no configuration and leaves no files.
func TestDemo(t *testing.T) {
	alone(t)
	t.Setenv("TMPDIR", t.TempDir())
	s := start(t, "demo")
	out := s.out.String()
	if !strings.Contains(out, demoEmail) || !strings.Contains(out, demoPassword) {
		t.Errorf("the demo does not print its login:\n%s", out)
	}
	p := newPerson(t, s.url)
	if !p.canLogIn(demoEmail, demoPassword) {
		t.Fatal("the demo's login does not work")
	}
	for path, want := range map[string]string{
		"/": "Database primary is down", "/incidents/2": "Noor (Partner AS)", "/runbooks": "Production outage",
		"/events": "participant", "/bridges": "INC-1", "/account": "Zoom validated this address", "/simulator/": "Ravi Responder",
	} {
		if status, body := p.do("GET", path, nil); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: status %d, contains %q: %v", path, status, want, strings.Contains(body, want))
		}
	}
	if code := s.stop(); code != 0 {
		t.Errorf("exit status %d: %s", code, s.err.String())
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("the demo left files: %v, %v", left, err)
	}
	if _, err := os.Stat("data"); !os.IsNotExist(err) {
		t.Error("the demo created ./data")
	}
}
