package handlers_test

import (
	"bytes"
	"database/sql"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// slowly is longer than an answer may take on a machine that does other things as well.
// docs/ladder.md has the times on a clock without load.
const slowly = 20 * time.Second

// lock makes every write fail until the returned function is called.
func (o *office) lock() (unlock func()) {
	o.t.Helper()
	conn, err := sql.Open("sqlite", filepath.Join(o.dataDir, db.SQLiteFile))
	o.must(err)
	o.t.Cleanup(func() { conn.Close() })
	conn.SetMaxOpenConns(1)
	_, err = conn.Exec(`BEGIN IMMEDIATE`)
	o.must(err)
	return func() {
		_, err := conn.Exec(`ROLLBACK`)
		o.must(err)
	}
}

// Programs and people open incidents while the database accepts no writes.
func TestPending(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.connect()
	o.must(o.saveStatic(incident.StaticLink{Name: "War room", URL: "https://meet.example.com/war", Phone: "+47 21", PIN: "4711"}))
	outage := o.outage()
	blind, _, err := o.service.CreateToken(t.Context(), theConsole, "blind", []string{incident.ScopeIncidentsWrite}, 0)
	o.must(err)
	full, _, err := o.service.CreateToken(t.Context(), theConsole, "full", []string{incident.ScopeIncidentsWrite, incident.ScopeRead}, 0)
	o.must(err)
	responder := o.as(incident.Responder)
	o.wait(2 * time.Minute) // the use of sessions and tokens is due to be stored
	unlock := o.lock()

	ask := func(token, body string) (status int, answer map[string]any) {
		t.Helper()
		began := time.Now()
		status, answer = o.api(t, token, http.MethodPost, "/api/v1/incidents", body)
		if took := time.Since(began); took > slowly {
			t.Errorf("the answer took %v", took)
		}
		return status, answer
	}
	const body = `{"runbook": "Production outage", "name": "db down", "dedup_key": "alert-7", "vars": {"customer": "ACME"}}`
	status, answer := ask(blind, body)
	bridge := answer["bridges"].([]any)[0].(map[string]any)
	if status != http.StatusCreated || answer["number"] != 0.0 || answer["key"] != "" || answer["join_page"] != "" || answer["status"] != "open" || len(answer["steps"].([]any)) != 0 ||
		bridge["join_url"] != "https://meet.example.com/war" || bridge["kind"] != "static" || bridge["state"] != "ready" || bridge["verdict"] != "unknown" {
		t.Errorf("status %d, %v", status, answer)
	}
	if _, ok := bridge["passcode"]; ok {
		t.Error("a token that only writes gets the PIN")
	}
	if got := answer["warnings"].([]any); len(got) != 1 || !strings.Contains(got[0].(string), "has no number yet") {
		t.Errorf("warnings %q", got)
	}
	if status, answer = ask(full, body); status != http.StatusOK || answer["name"] != "db down" || answer["bridges"].([]any)[0].(map[string]any)["passcode"] != "4711" {
		t.Errorf("the repeated alert: status %d, %v", status, answer)
	}
	if status, answer = ask(full, `{"runbook": "Nope", "name": "db down"}`); status != http.StatusUnprocessableEntity {
		t.Errorf("no such runbook: status %d, %v", status, answer)
	}

	form := []string{"name", "Form by night", "severity", "SEV1", "idempotency_key", "0199aaaa-0000-7000-8000-000000000001", "vars.customer", "ACME"}
	for range 2 { // the second time it is the same one
		began := time.Now()
		page := responder.post("/runbooks/"+outage.ID+"/run", form...)
		page.want(t, http.StatusOK, "Form by night", "has no number yet", "Static link “War room” at meet.example.com.", "4711", "+47 21")
		if took := time.Since(began); took > slowly || !strings.Contains(page.body, `href="https://meet.example.com/war"`) {
			t.Errorf("the page took %v, or has no link", took)
		}
	}
	responder.get("/runbooks/"+outage.ID+"/run?form=0199aaaa-0000-7000-8000-000000000001").want(t, http.StatusOK, "Form by night", "has no number yet")

	home := responder.get("/")
	home.want(t, http.StatusOK, "2 incidents aren’t stored completely. People got a static link from memory.", "The database doesn’t answer.", "db down", "Form by night", "not stored yet", "Static link “War room”")
	if strings.Contains(home.text(), "ry again in a moment") {
		t.Error("Overview asks people to try what Drawbridge does itself")
	}
	if got := strings.Count(home.body, `href="https://meet.example.com/war"`); got != 2 {
		t.Errorf("Overview has %d links to the room, want that of each incident", got)
	}
	kept := "/incidents/new?form=0199aaaa-0000-7000-8000-000000000001"
	if !strings.Contains(home.body, `href="`+kept+`"`) {
		t.Error("Overview doesn’t lead to the page of an incident that isn’t stored")
	}
	responder.get(kept).want(t, http.StatusOK, "Form by night", "has no number yet", "4711")

	unlock()
	o.must(workOff(o))
	if status, answer = ask(blind, body); status != http.StatusOK || answer["key"] != "INC-1" || answer["bridges"].([]any)[0].(map[string]any)["join_url"] != "https://meet.example.com/war" {
		t.Errorf("after it was stored: status %d, %v", status, answer)
	}
	responder.get("/incidents/1").want(t, http.StatusOK, "Drawbridge couldn’t store this incident at first. People got the static link to meet.example.com.")
	if at := responder.get("/runbooks/" + outage.ID + "/run?form=0199aaaa-0000-7000-8000-000000000001").header.Get("Location"); at != "/incidents/2" {
		t.Errorf("the form leads to %s", at)
	}
	if at := responder.get(kept).header.Get("Location"); at != "/incidents/2" {
		t.Errorf("the page of the incident leads to %s once it is stored", at)
	}
	if strings.Contains(responder.get("/").text(), "not stored yet") {
		t.Error("Overview calls stored incidents not stored")
	}
	if bytes.Contains([]byte(o.log.String()), []byte("4711")) {
		t.Error("the log has the PIN")
	}
}

// workOff does what is due.
func workOff(o *office) error {
	o.wait(time.Minute)
	_, err := o.service.RunOnce(o.t.Context())
	return err
}
