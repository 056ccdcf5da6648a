package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

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
	if r := command(t, "account:\n  auth: webhook_only\n", "apply", "-"); r.code == 0 || !strings.Contains(r.err, "webhook_secret_tokens[0]: Copy the Secret Token") {
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

// The schedule of drills may need the default runbook of the same file, also where there is
// no runbook yet. A dry run writes nothing but what would change.
func TestApplyDrills(t *testing.T) {
	alone(t)
	t.Setenv("ZOOM_CLIENT_SECRET", demoClientSecret)
	t.Setenv("ZOOM_WEBHOOK_SECRET", demoSecretToken)
	file := strings.Replace(applied, "runbooks:\n", "drills: {schedule: daily, hour: 5}\nrunbooks:\n", 1) + "    default: true\n"
	dry := command(t, file, "apply", "--dry-run", "-")
	if dry.code != 0 || dry.err != "" {
		t.Errorf("--dry-run: status %d, %s", dry.code, dry.err)
	}
	if did := ok(t, file, "apply", "-"); did != strings.ReplaceAll(dry.out, "would change: ", "") {
		t.Errorf("apply printed\n%s--dry-run printed\n%s", did, dry.out)
	}
	if out := ok(t, ok(t, "", "export"), "apply", "-"); out != "nothing to change\n" {
		t.Errorf("applying the export prints %s", out)
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

// The runbook of the README can be applied, and comes back from an export.
func TestApplyReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	alone(t)
	ok(t, example, "apply", "-")
	if out := ok(t, ok(t, "", "export"), "apply", "-"); out != "nothing to change\n" {
		t.Errorf("applying the export prints %s", out)
	}
}
