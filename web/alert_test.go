package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// TestOpenIncidentAnyway opens incidents although their requests can't be used as
// they are: a program can't correct itself.
func TestOpenIncidentAnyway(t *testing.T) {
	t.Parallel()
	type object = map[string]any
	read := func(name string, into any) {
		t.Helper()
		text, err := os.ReadFile("testdata/" + name)
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var reported map[string]object
	read("alerts-too-long.json", &reported)
	var openers []string
	read("openers.json", &openers)

	const (
		cut      = "“%s” was longer than %d characters, so it was cut."
		lines    = "“%s” had line breaks. They became spaces."
		hashed   = "“dedup_key” can’t be stored as it is, so a hash of it is used. Repeats are still recognized."
		unranked = "“severity” is “%s”, which Drawbridge can’t rank. It was kept, and the incident is listed last. Use SEV1 to SEV4."
		noText   = "“%s” isn’t a text, so it was ignored."
	)
	long := strings.Repeat("ü", 5000)
	for _, tt := range []struct {
		name     string
		send     object
		want     object // fields of the answer
		warnings []string
	}{
		{name: "long title", send: reported["long title"], warnings: []string{fmt.Sprintf(cut, "name", 200)}},
		{name: "long text", send: reported["long text"], warnings: []string{fmt.Sprintf(cut, "description", 4000)}},
		{name: "long key", send: reported["long key"], warnings: []string{hashed}},
		{name: "opener as in a mail", send: object{"opener_email": openers[0]}, want: object{"opener_email": "ana@example.com"}},
		{name: "opener as in Slack", send: object{"opener_email": openers[1]}, want: object{"opener_email": "ana@example.com"}},
		{name: "opener is a user name", send: object{"opener_email": openers[2]}, want: object{"opener_email": ""},
			warnings: []string{"“opener_email” has no email address in it, so the opener isn’t known."}},
		{name: "opener with a quoted name", send: object{"opener_email": `"Example, Ana" <Ana@Example.com>`}, want: object{"opener_email": "ana@example.com"}},
		{name: "opener with spaces", send: object{"opener_email": " Ana@example.com "}, want: object{"opener_email": "ana@example.com"}},
		{name: "long name in UTF-8", send: object{"name": long}, want: object{"name": strings.Repeat("ü", 199) + "…"}, warnings: []string{fmt.Sprintf(cut, "name", 200)}},
		{name: "line breaks", send: object{"name": "db\r\ndown", "severity": "SEV\n1", "type": "out\nage", "description": "a\nb"},
			want:     object{"name": "db down", "severity": "SEV 1", "type": "out age", "description": "a\nb"},
			warnings: []string{fmt.Sprintf(lines, "name"), fmt.Sprintf(lines, "severity"), fmt.Sprintf(lines, "type")}},
		{name: "NUL", send: object{"name": "d\x00b", "dedup_key": "k\x00"}, want: object{"name": "db"},
			warnings: []string{hashed, "“name” had characters that can’t be stored. They were removed."}},
		{name: "long severity and type", send: object{"severity": long, "type": long}, warnings: []string{fmt.Sprintf(unranked, strings.Repeat("ü", 39)+"…"), fmt.Sprintf(cut, "severity", 40), fmt.Sprintf(cut, "type", 100)}},
		{name: "unknown severity", send: object{"severity": "P1 (Critical)"}, want: object{"severity": "P1 (Critical)"}, warnings: []string{fmt.Sprintf(unranked, "P1 (Critical)")}},
		{name: "severity of another tool", send: object{"severity": "critical"}, want: object{"severity": "critical"}},
		{name: "unknown variable", send: object{"vars": object{"other": "y"}}, warnings: []string{"The runbook has no variable for “vars.other”, so the value was dropped."}},
		{name: "long variable", send: object{"vars": object{"customer": long}}, warnings: []string{fmt.Sprintf(cut, "vars.customer", 1000)}},
		{name: "variable is a list", send: object{"vars": object{"customer": []string{"a"}}}, want: object{"vars": object{"customer": "all", "count": "", "region": ""}}, warnings: []string{fmt.Sprintf(noText, "vars.customer")}},
		{name: "vars is a text", send: object{"vars": "customer=a"}, warnings: []string{fmt.Sprintf(noText, "vars")}},
		{name: "value that the variable can't have", send: object{"vars": object{"count": "many", "region": "eu"}}, want: object{"vars": object{"customer": "all", "count": "", "region": "eu"}},
			warnings: []string{"“vars.count” can’t have this value, so the value was dropped."}},
		{name: "required variable is missing", send: object{"runbook": "Strict"}, warnings: []string{"“vars.team” is required, but the request had no value for it."}},
		{name: "F-31 unknown fields", send: object{"role": "admin", "number": 7, "created_at": "2020-01-01T00:00:00Z"},
			warnings: []string{"There is no field “created_at”, so it was ignored.", "There is no field “number”, so it was ignored.", "There is no field “role”, so it was ignored."}},
		{name: "other types", send: object{"name": 7, "severity": true, "type": object{"a": 1}, "opener_email": []int{1}}, want: object{"name": "7", "severity": "true", "type": "outage"},
			warnings: []string{fmt.Sprintf(noText, "opener_email"), fmt.Sprintf(noText, "type"), fmt.Sprintf(unranked, "true")}},
		{name: "description of 3 MB", send: object{"description": strings.Repeat("x", 3_000_000)}, warnings: []string{fmt.Sprintf(cut, "description", 4000)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for name, vars := range map[string][]incident.Variable{
				"Outage": {{Name: "customer", Type: "text", Default: "all"}, {Name: "count", Type: "number"}, {Name: "region", Type: "choice", Choices: []string{"eu", "us"}}},
				"Strict": {{Name: "team", Type: "text", Required: true}},
			} {
				_, _, err := w.service.SaveRunbook(context.Background(), commandLine, incident.Runbook{Name: name, IncidentType: "outage", Variables: vars,
					Steps: []incident.Step{{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: incident.NewMeetingTemplate()}}})
				w.must(err)
			}
			token := w.token("incidents:write", "read")
			body := object{"runbook": "Outage", "name": "db"}
			for k, v := range tt.send {
				body[k] = v
			}
			r := w.api(token, http.MethodPost, "/api/v1/incidents", body)
			if r.status != http.StatusCreated {
				t.Fatalf("status %d: %.300s", r.status, r.body)
			}
			v := r.json(t)
			if state := v["bridges"].([]any)[0].(object)["state"]; state != "ready" {
				t.Errorf("the bridge is %v", state)
			}
			if v["opener_email"] == "" && v["bridges"].([]any)[0].(object)["reason"] != "The opener isn’t known, so the backup user hosts." {
				t.Errorf("the bridge doesn’t say why the backup user hosts: %v", v["bridges"])
			}
			got := []string{}
			for _, text := range v["warnings"].([]any) {
				got = append(got, text.(string))
			}
			if diff := cmp.Diff(append([]string{}, tt.warnings...), got); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			for field, want := range tt.want {
				if diff := cmp.Diff(want, v[field]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", field, diff)
				}
			}
			if n := utf8.RuneCountInString(v["name"].(string)); n > 200 {
				t.Errorf("the name has %d characters", n)
			}
			page := w.loggedInPage("/incidents/1")
			for _, warning := range tt.warnings {
				if !strings.Contains(page, warning) {
					t.Errorf("the timeline doesn’t say: %s", warning)
				}
			}
			// Nothing that was cut is lost.
			if text, ok := tt.send["name"].(string); ok && len(tt.warnings) > 0 && strings.HasPrefix(tt.warnings[0], "“name” was longer") && !strings.Contains(page, text) {
				t.Error("the timeline doesn’t have the whole name")
			}
			if _, given := body["dedup_key"]; given {
				if again := w.api(token, http.MethodPost, "/api/v1/incidents", body); again.status != http.StatusOK || again.json(t)["number"] != v["number"] {
					t.Errorf("the repeat: status %d", again.status)
				}
			}
		})
	}
}

func (w *world) loggedInPage(path string) string {
	w.t.Helper()
	return w.loggedIn(incident.Admin).get(path).body
}

// A token that may only open incidents reads nothing else.
func TestWriteScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runbook("Outage")
	r := w.api(w.token("incidents:write"), http.MethodPost, "/api/v1/incidents", map[string]any{"runbook": "Outage", "name": "CANARY-name", "description": "CANARY", "opener_email": "ana@example.com"})
	brief := func(r answer, status int) {
		t.Helper()
		v := r.json(t)
		wantFields(t, v, "number key status created_at join_page warnings steps bridges")
		wantFields(t, v["steps"].([]any)[0].(map[string]any), "id kind name state")
		wantFields(t, v["bridges"].([]any)[0].(map[string]any), "id state kind join_url reason verdict")
		if r.status != status || strings.Contains(r.body, "CANARY") || strings.Contains(r.body, "ana@example.com") {
			t.Errorf("status %d: %s", r.status, r.body)
		}
	}
	brief(r, http.StatusCreated)
	brief(w.api(w.token("incidents:write"), http.MethodPost, "/api/v1/incidents/1/resolve", nil), http.StatusOK)
	w.deliver(secretToken, started(1))
	_, err := w.service.RunOnce(t.Context())
	w.must(err)
	id := w.api(w.token("read"), http.MethodGet, "/api/v1/events", nil).json(t)["items"].([]any)[0].(map[string]any)["id"].(string)
	for scope, want := range map[string]int{"read": http.StatusForbidden, "metrics": http.StatusForbidden, "incidents:write": http.StatusForbidden, "events:raw": http.StatusOK} {
		if r := w.api(w.token(scope), http.MethodGet, "/api/v1/events/"+id+"/raw", nil); r.status != want {
			t.Errorf("raw event with %s: status %d, want %d", scope, r.status, want)
		}
	}
}

// A script that puts a log into JSON without escaping it still gets its bridge.
func TestOpenIncidentFromBrokenJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runbook("Outage")
	token := w.token("incidents:write", "read")
	for name, tt := range map[string]struct{ body, description string }{
		"line breaks":                {"{\"description\":\"a\nb\tc\r\"", "a\nb\tc"},
		"a backslash before a break": {"{\"description\":\"a\\\nb\"", "a\\\nb"},
		"a break after a quote":      {"{\"description\":\"say \\\"a\\\"\nb\"", "say \"a\"\nb"},
		"a break between fields":     {"{\n\"type\":\"out\",\n\t\"description\":\"a\nb\"", "a\nb"},
		"colors of a terminal":       {"{\"description\":\"\x1b[31ma\x00\"", "[31ma"},
		"not UTF-8":                  {"{\"description\":\"caf\xe9\"", "caf\uFFFD"},
		"a byte order mark":          {"\uFEFF{\"description\":\"a\"", "a"},
	} {
		r := w.api(token, http.MethodPost, "/api/v1/incidents", tt.body+`,"name":"db","runbook":"Outage"}`)
		if r.status != http.StatusCreated {
			t.Errorf("%s: status %d: %s", name, r.status, r.body)
			continue
		}
		if got := r.json(t)["description"]; got != tt.description {
			t.Errorf("%s: description %q, want %q", name, got, tt.description)
		}
		w.clock.add(time.Hour)
	}
	if r := w.api(token, http.MethodPost, "/api/v1/incidents", "{\"name\":\"a\nb\",}"); r.status != http.StatusBadRequest {
		t.Errorf("JSON that can't be read: status %d", r.status)
	}
}
