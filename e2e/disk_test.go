//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// smallDisk mounts a small disk and returns its directory. Only root can do this.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("drawbridge-test", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("cannot mount a disk (%v); run the tests as root, in a container only if it may mount", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill fills a disk with one file.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, block := range [][]byte{make([]byte, 1<<20), make([]byte, 1<<12)} {
		for err == nil {
			_, err = f.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
}

// fetch returns the body of a page that needs no login.
func fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

// D-10: the disk fills up while the server runs, and later has free space again.
func TestDiskFull(t *testing.T) {
	disk := smallDisk(t, "48m")
	alone(t)
	data := filepath.Join(disk, "data")
	t.Setenv("DRAWBRIDGE_DATA_DIR", data)
	sim := zoomsim.New(zoomsim.Options{Now: time.Now, AccountID: demoAccountID, ClientID: demoClientID, ClientSecret: demoClientSecret, SecretToken: demoSecretToken})
	sim.AddUser(zoomsim.User{Email: demoBackup, JoinBeforeHost: true, CloudRecording: true})
	zoom := httptest.NewServer(sim.API())
	defer zoom.Close()
	t.Setenv("DRAWBRIDGE_ZOOM_API_URL", zoom.URL+"/v2")
	t.Setenv("DRAWBRIDGE_ZOOM_OAUTH_URL", zoom.URL+"/oauth/token")
	t.Setenv("ZOOM_CLIENT_SECRET", demoClientSecret)
	t.Setenv("ZOOM_WEBHOOK_SECRET", demoSecretToken)
	ok(t, applied, "apply", "-")
	ok(t, demoPassword, "user", "add", demoEmail, "--role", "admin", "--password-stdin")
	token := strings.TrimSpace(ok(t, "", "token", "create", "--name", "pager", "--scope", "read,incidents:write"))
	s := start(t, "serve")
	ada := newPerson(t, s.url)
	if !ada.canLogIn(demoEmail, demoPassword) {
		t.Fatal("cannot log in")
	}
	post := func(body []byte) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/webhook", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = sim.Sign(body, time.Now())
		began := time.Now()
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if took := time.Since(began); took > slowly {
			t.Errorf("an answer took %v, but Zoom waits 3 s", took)
		}
		return response.StatusCode
	}
	events, stored := 0, 0
	send := func() int {
		t.Helper()
		events++
		status := post(fmt.Appendf(nil, `{"event":"meeting.started","event_ts":%d,"payload":{"n":%d,"object":{"id":"1","topic":"%x"}}}`,
			time.Now().UnixMilli(), events, bytes.Repeat([]byte{byte(events)}, 20_000)))
		if status == http.StatusOK {
			stored++
		}
		return status
	}
	open := func(name string) (int, map[string]any) {
		t.Helper()
		return api(t, s, token, "POST", "/api/v1/incidents", map[string]any{
			"runbook": "Production outage", "name": name, "opener_email": demoBackup, "vars": map[string]string{"customer": "all"},
		})
	}
	ballast := filepath.Join(data, "ballast")
	exists := func() bool { _, err := os.Stat(ballast); return err == nil }
	until(t, "the ballast exists", exists)
	if info, err := os.Stat(ballast); err != nil || info.Sys().(*syscall.Stat_t).Blocks*512 < info.Size() || info.Mode().Perm() != 0o600 {
		t.Errorf("the ballast uses no disk space, or others may read it: %+v, %v", info, err)
	}
	if status := send(); status != http.StatusOK {
		t.Fatalf("with free space, an event gets status %d", status)
	}

	fill(t, filepath.Join(disk, "other"))
	until(t, "an event is rejected", func() bool { return send() != http.StatusOK })

	if status := send(); status != http.StatusServiceUnavailable {
		t.Errorf("on a full disk, an event gets status %d, want 503", status)
	}
	if exists() {
		t.Error("the ballast was not deleted")
	}
	if status, opened := open("disk full"); status != http.StatusCreated || opened["bridges"].([]any)[0].(map[string]any)["state"] != "ready" {
		t.Errorf("opening an incident: status %d, %v", status, opened)
	}
	if status := send(); status != http.StatusServiceUnavailable {
		t.Errorf("an event gets status %d after an incident was written, but the reserve is for incidents", status)
	}
	if status := post([]byte(`{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}`)); status != http.StatusOK {
		t.Errorf("W-56: Zoom's validation of the address gets status %d", status)
	}
	if status, list := api(t, s, token, "GET", "/api/v1/events?limit=1", nil); status != http.StatusOK || len(list["items"].([]any)) != 1 {
		t.Errorf("the event log: status %d, %v", status, list)
	}
	for _, page := range []string{"/", "/events", "/incidents/1"} {
		if status, body := ada.do("GET", page, nil); status != http.StatusOK || !strings.Contains(body, "The disk of the server is full.") {
			t.Errorf("P22: %s has status %d and no banner about the disk", page, status)
		}
	}
	if status, body := fetch(t, s.url+"/readyz"); status != http.StatusOK || !strings.Contains(body, `"disk":"full`) {
		t.Errorf("P22: /readyz: status %d, %s", status, body)
	}
	if _, body := fetch(t, s.url+"/metrics"); !strings.Contains(body, "drawbridge_disk_full 1\n") {
		t.Error("P22: /metrics does not report the full disk")
	}
	if !strings.Contains(s.err.String(), "the disk is full") {
		t.Error("the log does not report the full disk")
	}
	if !strings.Contains(s.err.String(), "The data directory is in memory") {
		t.Error("D-17: the log does not warn about the file system")
	}

	if err := os.Remove(filepath.Join(disk, "other")); err != nil {
		t.Fatal(err)
	}
	until(t, "the ballast is made again", exists)
	if status := send(); status != http.StatusOK {
		t.Errorf("with free space again, an event gets status %d", status)
	}
	if status, body := ada.do("GET", "/", nil); status != http.StatusOK || strings.Contains(body, "The disk of the server is full.") {
		t.Errorf("the banner is still there (status %d)", status)
	}
	until(t, "all acknowledged events are in the log", func() bool {
		_, list := api(t, s, token, "GET", "/api/v1/events?limit=200", nil)
		return len(list["items"].([]any)) == min(stored, 200)
	})
	if code := s.stop(); code != 0 {
		t.Errorf("exit status %d: %s", code, s.err.String())
	}
}

// The disk is full, and even the reserve is used up. Incidents get the static link from
// memory, and are stored when there is free space again.
func TestDiskFullFromMemory(t *testing.T) {
	disk := smallDisk(t, "48m")
	alone(t)
	data := filepath.Join(disk, "data")
	t.Setenv("DRAWBRIDGE_DATA_DIR", data)
	t.Setenv("DRAWBRIDGE_ZOOM_API_URL", "http://127.0.0.1:1/v2") // nobody listens there
	t.Setenv("DRAWBRIDGE_ZOOM_OAUTH_URL", "http://127.0.0.1:1/oauth/token")
	t.Setenv("ZOOM_CLIENT_SECRET", demoClientSecret)
	t.Setenv("ZOOM_WEBHOOK_SECRET", demoSecretToken)
	ok(t, strings.Replace(applied, "runbooks:", "  static_links: [{url: \"https://meet.example.com/war\"}]\nrunbooks:", 1), "apply", "-")
	token := strings.TrimSpace(ok(t, "", "token", "create", "--name", "pager", "--scope", "read,incidents:write"))
	s := start(t, "serve")
	ballast := filepath.Join(data, "ballast")
	exists := func() bool { _, err := os.Stat(ballast); return err == nil }
	until(t, "the ballast exists", exists)
	fill(t, filepath.Join(disk, "other"))

	opened, pending := 0, 0
	for pending < 2 && opened < 5000 {
		opened++
		if !exists() && opened%50 == 0 { // what the ballast gave back
			more := filepath.Join(disk, fmt.Sprint("more", opened))
			fill(t, more)
		}
		began := time.Now()
		status, answer := api(t, s, token, "POST", "/api/v1/incidents", map[string]any{"runbook": "Production outage", "name": fmt.Sprint("number ", opened),
			"description": strings.Repeat("x", 4000), "vars": map[string]string{"customer": "all"}})
		if took := time.Since(began); took > slowly {
			t.Errorf("the answer took %v", took)
		}
		if status != http.StatusCreated || inside(answer, "bridges.0.join_url", nil) != "https://meet.example.com/war" {
			t.Fatalf("incident %d: status %d, %v", opened, status, answer)
		}
		if answer["number"] == 0.0 {
			pending++
		}
	}
	if pending < 2 {
		t.Fatalf("the disk took %d incidents", opened)
	}
	t.Logf("%d incidents were stored on the full disk", opened-pending)

	others, err := filepath.Glob(filepath.Join(disk, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range others {
		if other != data {
			if err := os.Remove(other); err != nil {
				t.Fatal(err)
			}
		}
	}
	until(t, "all incidents are stored", func() bool {
		_, list := api(t, s, token, "GET", "/api/v1/incidents?limit=1", nil)
		return inside(list, "items.0.number", nil) == float64(opened)
	})
}
