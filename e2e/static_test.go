package e2e

import (
	"database/sql"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// Zoom is down: the incident gets a static link, and later a Zoom meeting of its own. An
// open join page follows.
func TestJourneyStaticLink(t *testing.T) { onTwoServers(t, journeyStaticLink) }

func journeyStaticLink(t *testing.T, w *world) {
	w.seeded(t)
	b := newTab(t, w.url)
	b.logIn(demoEmail)
	b.open("/account")
	b.click("button >> Add static link")
	b.fill("#static-0-name", "War room")
	b.fill("#static-0-url", "http://meet.example.com/war")
	b.fill("#static-0-phone", "+47 21 00 00 00")
	b.fill("#static-0-pin", "4711")
	b.click("button >> Save static links")
	b.wait("the error at the field", `document.querySelector("#static-0-url[aria-invalid=true]") && document.querySelector("#static-0-pin").value === "4711"`)
	b.fill("#static-0-url", "https://meet.example.com/war")
	b.click("button >> Save static links")
	b.see("The static links were saved.")

	w.sim.SetFaults(func(f *zoomsim.Faults) { f.TokenRefused = true })
	b.open("/runbooks/" + w.runbookID(t, "Security incident") + "/run")
	b.fill("#f-name", "Zoom is down")
	b.click("label >> SEV1")
	b.click("button >> Open incident")
	b.at("/incidents/3")
	b.wait("the static link as the bridge", find("main a >> Join")+`.href === "https://meet.example.com/war"`)
	b.see("Static link “War room” at meet.example.com.")

	join := newTab(t, w.url)
	join.logIn(demoEmail)
	join.open("/j/INC-3")
	join.wait("the static link on the join page", find("a >> Join at meet.example.com"))
	join.see("4711")

	w.sim.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{} })
	b.click("a >> Move to a Zoom meeting of its own")
	b.click("dialog[open] button >> Move")
	b.see("The link changed at")
	b.wait("the meeting as the bridge", `!`+find("main a >> Join")+`.href.includes("meet.example.com")`)
	bridge := w.bridge(t, 3)
	join.wait("the meeting on the open join page", find("a >> Join")+`.href === "`+bridge.JoinURL+`"`)
	join.see("The link changed at")
}

// lockDatabase makes every write of the server fail until the returned function is called,
// and leaves reads alone.
func lockDatabase(t *testing.T, dir string) (unlock func()) {
	t.Helper()
	conn, err := sql.Open("sqlite", filepath.Join(dir, db.SQLiteFile)+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetMaxOpenConns(1)
	run := func(statement string) {
		t.Helper()
		if _, err := conn.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	run(`BEGIN IMMEDIATE`)
	return func() { run(`ROLLBACK`) }
}

// The database accepts no writes. Programs and people get the static link within three
// seconds, and the incidents are stored after a restart.
func TestOpenFromMemory(t *testing.T) {
	alone(t)
	data := t.TempDir()
	t.Setenv("DRAWBRIDGE_DATA_DIR", data)
	sim := zoomsim.New(zoomsim.Options{Now: time.Now, AccountID: demoAccountID, ClientID: demoClientID, ClientSecret: demoClientSecret})
	zoom := httptest.NewServer(sim.API())
	defer zoom.Close()
	t.Setenv("DRAWBRIDGE_ZOOM_API_URL", zoom.URL+"/v2")
	t.Setenv("DRAWBRIDGE_ZOOM_OAUTH_URL", zoom.URL+"/oauth/token")
	t.Setenv("ZOOM_CLIENT_SECRET", demoClientSecret)
	t.Setenv("ZOOM_WEBHOOK_SECRET", demoSecretToken)
	ok(t, strings.Replace(applied, "runbooks:", "  static_links: [{name: War room, url: \"https://meet.example.com/war\", pin: \"4711\"}]\nrunbooks:", 1), "apply", "-")
	ok(t, demoPassword, "user", "add", demoEmail, "--role", "admin", "--password-stdin")
	token := strings.TrimSpace(ok(t, "", "token", "create", "--name", "pager", "--scope", "read,incidents:write"))
	s := start(t, "serve")
	ada := newPerson(t, s.url)
	if !ada.canLogIn(demoEmail, demoPassword) {
		t.Fatal("cannot log in")
	}
	_, list := api(t, s, token, "GET", "/api/v1/runbooks", nil)
	id := list["items"].([]any)[0].(map[string]any)["id"].(string)

	ask := func() (int, map[string]any) {
		t.Helper()
		began := time.Now()
		status, answer := api(t, s, token, "POST", "/api/v1/incidents", map[string]any{"runbook": "Production outage", "name": "db down", "dedup_key": "alert-7", "vars": map[string]string{"customer": "all"}})
		if took := time.Since(began); took > slowly {
			t.Errorf("the answer took %v", took)
		}
		return status, answer
	}
	form := url.Values{"name": {"by hand"}, "idempotency_key": {"0199aaaa-0000-7000-8000-000000000001"}, "vars.customer": {"all"}}
	unlock := lockDatabase(t, data)
	status, answer := ask()
	if status != http.StatusCreated || answer["number"] != 0.0 || inside(answer, "bridges.0.join_url", nil) != "https://meet.example.com/war" {
		t.Fatalf("status %d, %v", status, answer)
	}
	began := time.Now()
	if status, body := ada.do("POST", "/runbooks/"+id+"/run", form); status != http.StatusOK || !strings.Contains(body, "https://meet.example.com/war") {
		t.Errorf("the form: status %d\n%s", status, body)
	}
	if took := time.Since(began); took > slowly {
		t.Errorf("the form took %v", took)
	}
	s.stop()
	if info, err := os.Stat(filepath.Join(data, "journal.jsonl")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the journal: %v, %v", info, err)
	}
	unlock()

	s = start(t, "serve")
	until(t, "both incidents are stored", func() bool {
		_, list := api(t, s, token, "GET", "/api/v1/incidents", nil)
		items := list["items"].([]any)
		return len(items) == 2 && inside(items[1], "bridges.0.join_url", nil) == "https://meet.example.com/war" && inside(items[1], "dedup_key", nil) == "alert-7"
	})
	if status, answer := ask(); status != http.StatusOK || answer["number"] != 1.0 {
		t.Errorf("the repeated alert: status %d, %v", status, answer)
	}
	until(t, "the journal is gone", func() bool { _, err := os.Stat(filepath.Join(data, "journal.jsonl")); return os.IsNotExist(err) })
	if n := len(sim.Meetings()); n != 0 {
		t.Errorf("Zoom has %d meetings", n)
	}
}
