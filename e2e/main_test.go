// Package e2e tests the whole program: commands, journeys through the API and
// the browser, crashes, floods, several servers. It also holds the rules that all
// code of the module must follow.
package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/cli"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

func TestMain(m *testing.M) {
	if os.Getenv(runsProgram) != "" {
		os.Exit(cli.Main())
	}
	os.Exit(dbtest.Run(m, chromium.stop, func() {
		if dir, err := buildDir(); err == nil {
			os.RemoveAll(dir)
		}
	}))
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
		"/": "Ready. New incidents will get a bridge.", "/incidents": "Database primary is down", "/incidents/2": "Noor (Partner AS)", "/runbooks": "Production outage",
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
