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
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/cli"
)

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
