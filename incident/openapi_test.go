package incident_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// schema is a part of Zoom's OpenAPI documents.
type schema struct {
	Type       string
	Properties map[string]schema
	Items      *schema
	Enum       []any
	AllOf      []schema
}

func (s schema) properties() map[string]schema {
	all := maps.Clone(s.Properties)
	for _, part := range s.AllOf {
		if all == nil {
			all = map[string]schema{}
		}
		maps.Copy(all, part.properties())
	}
	return all
}

// example returns a value of this schema, with every optional part.
func (s schema) example() any {
	switch {
	case s.properties() != nil:
		object := map[string]any{}
		for name, p := range s.properties() {
			object[name] = p.example()
		}
		return object
	case s.Items != nil:
		return []any{s.Items.example()}
	case len(s.Enum) > 0:
		return s.Enum[0]
	}
	return map[string]any{"array": []any{}, "boolean": false, "integer": 1, "number": 1, "string": "text"}[s.Type]
}

// paths returns where the optional parts of this schema are; of a list, in its
// first element.
func (s schema) paths(prefix ...string) (all [][]string) {
	if s.Items != nil {
		return s.Items.paths(append(prefix, "0")...)
	}
	for name, p := range s.properties() {
		path := append(slices.Clone(prefix), name)
		all = append(append(all, path), p.paths(path...)...)
	}
	return all
}

// overlay puts values into an answer wherever the document has a place for them.
func overlay(answer, values map[string]any) {
	for name, v := range values {
		inner, nested := answer[name].(map[string]any)
		if given, ok := v.(map[string]any); ok && nested {
			overlay(inner, given)
		} else if _, known := answer[name]; known {
			answer[name] = v
		}
	}
}

// documented is a Zoom that knows only Zoom's OpenAPI documents: it answers with
// everything that they list, and repeats what it was asked for. It shares no code with the
// simulator.
type documented struct {
	t         *testing.T
	now       func() time.Time
	responses map[string]schema

	mu       sync.Mutex
	change   func(call string, answer map[string]any)
	lost     int // how many of the next answers that a meeting was created get lost
	calls    map[string]int
	meetings []map[string]any
}

func newDocumented(t *testing.T, now func() time.Time) *documented {
	t.Helper()
	text, err := os.ReadFile("../zoom/zoomsim/testdata/responses.json")
	if err != nil {
		t.Fatal(err)
	}
	d := &documented{t: t, now: now, calls: map[string]int{}}
	var file struct{ Responses map[string]schema }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	d.responses = file.Responses
	return d
}

// calls of the documents, by the path of a request.
var documentedCalls = []struct {
	method string
	path   *regexp.Regexp
	name   string
}{
	{"POST", regexp.MustCompile(`^/v2/users/([^/]+)/meetings$`), "POST /users/{userId}/meetings 201"},
	{"GET", regexp.MustCompile(`^/v2/users/([^/]+)/meetings$`), "GET /users/{userId}/meetings 200"},
	{"GET", regexp.MustCompile(`^/v2/meetings/([^/]+)$`), "GET /meetings/{meetingId} 200"},
	{"GET", regexp.MustCompile(`^/v2/users/([^/]+)/settings$`), "GET /users/{userId}/settings 200"},
	{"GET", regexp.MustCompile(`^/v2/users/([^/]+)$`), "GET /users/{userId} 200"},
	{"GET", regexp.MustCompile(`^/v2/marketplace/apps/([^/]+)/webhook_logs$`), "GET /marketplace/apps/{appId}/webhook_logs 200"},
}

func (d *documented) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Date", d.now().Format(http.TimeFormat))
	if r.URL.Path == "/oauth/token" {
		fmt.Fprintf(w, `{"access_token":"CANARY-%d","token_type":"bearer","expires_in":3599,"scope":%q,"api_url":"https://api.zoom.us"}`, d.calls["token"],
			"meeting:write:meeting:admin meeting:read:meeting:admin meeting:delete:meeting:admin meeting:read:list_meetings:admin meeting:read:participant:admin cloud_recording:read:recording:admin user:read:user:admin user:read:settings:admin marketplace:read:list_event_subscriptions:admin")
		d.calls["token"]++
		return
	}
	if r.Method == http.MethodDelete {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	for _, call := range documentedCalls {
		m := call.path.FindStringSubmatch(r.URL.EscapedPath())
		if m == nil || call.method != r.Method {
			continue
		}
		d.calls[call.name]++
		answer := d.responses[call.name].example().(map[string]any)
		overlay(answer, d.facts(call.name, m[1], r))
		if d.change != nil {
			d.change(call.name, answer)
		}
		if call.method == "POST" && d.lost > 0 {
			d.lost--
			panic(http.ErrAbortHandler)
		}
		if call.method == "POST" {
			w.WriteHeader(http.StatusCreated)
		}
		_ = json.NewEncoder(w).Encode(answer)
		return
	}
	d.t.Errorf("Zoom's documents have no %s %s", r.Method, r.URL.Path)
	w.WriteHeader(http.StatusNotFound)
}

// facts are what is true about the account that this Zoom plays: everybody can join.
func (d *documented) facts(call, of string, r *http.Request) map[string]any {
	switch {
	case strings.HasPrefix(call, "POST"):
		body, _ := io.ReadAll(r.Body)
		var m map[string]any
		if err := json.Unmarshal(body, &m); err != nil {
			d.t.Error(err)
		}
		id := 81100000000 + len(d.meetings)
		maps.Copy(m, map[string]any{"id": id, "uuid": fmt.Sprintf("uuid%d==", id), "host_email": strings.ReplaceAll(of, "%40", "@"), "status": "waiting",
			"created_at": d.now().Format(time.RFC3339), "start_time": d.now().Format(time.RFC3339),
			"join_url": fmt.Sprintf("https://us02web.zoom.us/j/%d?pwd=abc", id), "start_url": fmt.Sprintf("https://us02web.zoom.us/s/%d?zak=CANARY", id)})
		d.meetings = append(d.meetings, m)
		return m
	case strings.HasPrefix(call, "GET /users/{userId}/meetings"):
		var list []any
		for _, m := range d.meetings {
			item := d.responses[call].properties()["meetings"].Items.example().(map[string]any)
			overlay(item, m)
			list = append(list, item)
		}
		slices.Reverse(list) // the newest first
		return map[string]any{"meetings": list, "next_page_token": "", "page_count": 1, "page_number": 1, "page_size": 300, "total_records": len(list)}
	case strings.HasPrefix(call, "GET /meetings/"):
		for _, m := range d.meetings {
			if fmt.Sprint(m["id"]) == of {
				return m
			}
		}
	case strings.HasSuffix(call, "webhook_logs 200"):
		return map[string]any{"next_page_token": "", "webhook_logs": []any{}}
	case strings.HasPrefix(call, "GET /users/{userId}/settings"):
		return map[string]any{"schedule_meeting": map[string]any{"join_before_host": true}, "recording": map[string]any{"cloud_recording": true}}
	case strings.HasPrefix(call, "GET /users/{userId} "):
		return map[string]any{"email": strings.ReplaceAll(of, "%40", "@"), "status": "active", "type": 2, "id": "u"}
	}
	return nil
}

// needed are the parts of a meeting without which nobody can join or start it.
var needed = [][]string{{"id"}, {"join_url"}, {"start_url"}}

// partsMissing calls test with answers that lack some optional parts of the document,
// or have null there, or nothing in them. Each part is missing once in each way, and
// those that are needed alone. parts has the names of the missing ones.
func (d *documented) partsMissing(call string, test func(parts []string, how string)) {
	paths := d.responses[call].paths()
	slices.SortFunc(paths, slices.Compare)
	isNeeded := func(path []string) bool {
		return slices.ContainsFunc(needed, func(n []string) bool { return slices.Equal(n, path) })
	}
	alone := slices.DeleteFunc(slices.Clone(paths), func(p []string) bool { return !isNeeded(p) })
	groups := slices.Collect(slices.Chunk(slices.DeleteFunc(paths, isNeeded), 10))
	groups = slices.AppendSeq(groups, slices.Chunk(alone, 1))
	for _, how := range []struct {
		name   string
		change func(object map[string]any, key string)
	}{
		{"missing", func(o map[string]any, key string) { delete(o, key) }},
		{"null", func(o map[string]any, key string) { o[key] = nil }},
		{"empty", func(o map[string]any, key string) {
			switch o[key].(type) {
			case map[string]any:
				o[key] = map[string]any{}
			case []any:
				o[key] = []any{}
			case string:
				o[key] = ""
			}
		}},
	} {
		for _, group := range groups {
			d.setChange(func(c string, answer map[string]any) {
				for _, path := range group {
					if object, ok := inside(answer, path[:len(path)-1]).(map[string]any); ok && c == call {
						how.change(object, path[len(path)-1])
					}
				}
			})
			var parts []string
			for _, path := range group {
				parts = append(parts, strings.Join(path, "."))
			}
			test(parts, how.name)
		}
	}
	d.setChange(nil)
}

// inside returns the part of an answer at a path; of a list, its first element.
func inside(at any, path []string) any {
	for _, step := range path {
		switch v := at.(type) {
		case map[string]any:
			at = v[step]
		case []any:
			if at = nil; len(v) > 0 {
				at = v[0]
			}
		}
	}
	return at
}

func (d *documented) lose(answers int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lost = answers
}

func (d *documented) setChange(f func(string, map[string]any)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.change = f
}

// Zoom may leave out every part that its documents call optional. Then Drawbridge
// finds nothing wrong that Zoom did not say, and a meeting with an id and a link is a bridge.
func TestOptionalPartsMissing(t *testing.T) {
	if testing.Short() {
		t.Skip("opens an incident for each group of optional parts: run without -short")
	}
	t.Parallel()
	store, clock, ctx := dbtest.New(t), &clock{t: dbtest.Now}, t.Context()
	d := newDocumented(t, clock.Now)
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	s := incident.New(incident.Config{
		Store: store, Now: clock.Now, Log: slog.New(slog.DiscardHandler),
		ZoomHTTP: server.Client(), ZoomAPIURL: server.URL + "/v2", ZoomOAuthURL: server.URL + "/oauth/token", PublicURL: "https://bridge.example.com",
	})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	app := simAppID
	_, err := s.SaveAccount(ctx, admin, incident.AccountForm{
		Auth: "server_to_server", ZoomAccountID: "acc", ClientID: "cid", BackupUsers: []string{backup}, AppID: &app,
		Secrets: map[incident.SecretName]string{incident.ClientSecret: simClientSecret, incident.WebhookToken1: simSecretToken},
	})
	must(err)
	runbook, _, err := s.SaveRunbook(ctx, admin, incident.Runbook{Name: "Outage", IncidentType: "outage",
		Steps: []incident.Step{{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: meeting()}}})
	must(err)
	work := func(after time.Duration) {
		t.Helper()
		clock.Add(after)
		for range 100 {
			n, err := s.RunOnce(ctx)
			must(err)
			if n == 0 {
				return
			}
		}
	}
	opened := 0
	open := func() incident.Bridge {
		t.Helper()
		opened++
		clock.Add(time.Hour) // no host's day fills up
		i, _, err := s.OpenIncident(ctx, anaIs, incident.OpenRequest{RunbookID: runbook.ID, Name: fmt.Sprint("db down ", opened), Severity: "SEV1", Source: "form"})
		must(err)
		bridges, err := store.Bridges(ctx, i.Number)
		must(err)
		return bridges[0]
	}
	judge := func(what string, b incident.Bridge) {
		t.Helper()
		if b.State != incident.BridgeReady {
			t.Errorf("%s: the bridge is %s because of %s", what, b.State, why(b))
		}
		if l := b.Verdict().Level; l != incident.LevelOK && l != incident.LevelUnknown {
			t.Errorf("%s: the verdict is %s; found %+v", what, l, b.Findings)
		}
		for _, f := range b.Findings {
			if f.Level == incident.LevelWarning || f.Level == incident.LevelBad {
				t.Errorf("%s: found %+v", what, f)
			}
		}
	}
	found := func() incident.Bridge {
		t.Helper()
		d.lose(2) // of the opener's and of the backup user's meeting
		b := open()
		for range 20 {
			if b.State == incident.BridgeReady {
				return b
			}
			work(10 * time.Second)
			b, err = store.Bridge(ctx, b.ID)
			must(err)
		}
		return b
	}
	cannotJoin := func(parts []string) bool { return parts[0] == "id" || parts[0] == "join_url" }

	ready := open()
	if b := ready; b.Verdict().Level != incident.LevelOK || len(b.Findings) > 0 {
		t.Fatalf("nothing is missing, but the verdict is %s, and found is %+v", b.Verdict().Level, b.Findings)
	}
	d.partsMissing("POST /users/{userId}/meetings 201", func(parts []string, how string) {
		if b := open(); !cannotJoin(parts) {
			judge(fmt.Sprint(parts, how), b)
		} else if b.Verdict().Level == incident.LevelOK && b.MeetingID == "" {
			t.Errorf("%s %s: the verdict is ok, but Zoom did not say how to join", parts, how)
		}
	})

	// The answers are lost, so the meetings are found in the list and read in full.
	d.partsMissing("GET /users/{userId}/meetings 200", func(parts []string, how string) { judge(fmt.Sprint(parts, how), found()) })
	d.partsMissing("GET /meetings/{meetingId} 200", func(parts []string, how string) {
		if !strings.HasPrefix(parts[0], "settings.") { // what the settings say was judged above
			if b := found(); !cannotJoin(parts) {
				judge(fmt.Sprint(parts, how), b)
			} else if b.Verdict().Level == incident.LevelOK && b.State != incident.BridgeReady {
				t.Errorf("%s %s: the verdict is ok, but Zoom did not say how to join", parts, how)
			}
		}
		link, err := s.StartURL(ctx, admin, ready.ID)
		if cannotJoin(parts) || parts[0] == "start_url" {
			if err != nil && incident.CodeOf(err) != incident.Unavailable {
				t.Errorf("%s %s: start the meeting: %v", parts, how, err)
			}
		} else if err != nil || !strings.HasPrefix(link.Reveal(), "https://us02web.zoom.us/s/") {
			t.Errorf("%s %s: the start link is %v, error %v", parts, how, link, err)
		}
	})

	for _, call := range []string{"GET /users/{userId} 200", "GET /users/{userId}/settings 200"} {
		d.partsMissing(call, func(parts []string, how string) {
			report, err := s.CheckConnection(ctx, admin, opener)
			must(err)
			for _, f := range report.Lines {
				if (f.Level == incident.LevelWarning || f.Level == incident.LevelBad) && f.Topic != incident.TopicWebhook {
					t.Errorf("%s %s: found %+v", parts, how, f)
				}
			}
		})
	}

	d.partsMissing("GET /marketplace/apps/{appId}/webhook_logs 200", func(parts []string, how string) {
		clock.Add(time.Minute)
		look, err := s.FindGaps(ctx, admin)
		must(err)
		if look.Problem.Code != "" || look.Recovered+look.Lost > 0 {
			t.Errorf("%s %s: looking for missing events: %+v", parts, how, look)
		}
	})

	for _, call := range documentedCalls {
		if d.calls[call.name] < 2 {
			t.Errorf("%s was called %d times", call.name, d.calls[call.name])
		}
	}
}
