package e2e

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

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
