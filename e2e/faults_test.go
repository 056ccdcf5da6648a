package e2e

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

var update = flag.Bool("update", false, "write docs/faults.md anew")

const createMeeting = "POST /users/{userId}/meetings"

// faultWalk lists every fault of the simulator, in the words of the table in docs/faults.md.
var faultWalk = []struct {
	name  string
	fault zoomsim.Faults
}{
	{"nothing", zoomsim.Faults{}},
	{"Zoom answers after 4 s", zoomsim.Faults{Latency: 4 * time.Second, Only: createMeeting}},
	{"the connection is reset", zoomsim.Faults{Reset: true}},
	{"502 with an HTML page", zoomsim.Faults{Down: true}},
	{"503 while a meeting is created", zoomsim.Faults{Down: true, DownStatus: 503, Only: createMeeting}},
	{"a redirect to another host", zoomsim.Faults{Redirect: "https://elsewhere.example/"}},
	{"limit of calls a second", zoomsim.Faults{RateLimited: "second", RetryAfter: "1", Only: createMeeting}},
	{"limit of calls a day", zoomsim.Faults{RateLimited: "day", Only: createMeeting}},
	{"limit of the host's meetings a day", zoomsim.Faults{RateLimited: "user_day", DocumentedRateHeaders: true, Only: createMeeting}},
	{"one call a second", zoomsim.Faults{PerSecond: 1}},
	{"the secret is wrong", zoomsim.Faults{TokenRefused: true}},
	{"the app has lost its scopes", zoomsim.Faults{MissingScopes: []string{"meeting:write:admin", "meeting:write:meeting:admin"}}},
	{"the same, with the statuses swapped", zoomsim.Faults{MissingScopes: []string{"meeting:write:admin", "meeting:write:meeting:admin"}, SwapAuthStatus: true}},
	{"an error that is not JSON", zoomsim.Faults{InvalidJSONError: true}},
	{"200 with an error in it", zoomsim.Faults{OKWithError: true, Only: createMeeting}},
	{"the personal meeting ID", zoomsim.Faults{PMI: true}},
	{"waiting room on, join before host off", zoomsim.Faults{OverwriteSettings: true}},
	{"new meetings can't be read yet", zoomsim.Faults{Lag: time.Minute}},
	{"the answer is lost", zoomsim.Faults{ResetAfterCommit: true, Only: createMeeting}},
	{"half an answer", zoomsim.Faults{TruncatedBody: true, Only: createMeeting}},
	{"an answer that doesn't end", zoomsim.Faults{Stall: true, Only: createMeeting}},
	{"an answer without settings", zoomsim.Faults{Mangle: func(operation string, body map[string]any) { delete(body, "settings") }}},
	{"a join link to another host", zoomsim.Faults{Mangle: func(operation string, body map[string]any) {
		if operation == createMeeting {
			body["join_url"] = "https://zoom.us.evil.example/j/1"
		}
	}}},
	{"a new token ends the old one", zoomsim.Faults{NewTokenKillsOld: true}},
	{"Zoom's clock is two minutes ahead", zoomsim.Faults{ClockSkew: 2 * time.Minute}},
	{"each event arrives twice", zoomsim.Faults{DuplicateEvents: true}},
	{"events don't arrive", zoomsim.Faults{Unreachable: true}},
	{"events are lost", zoomsim.Faults{LoseEvents: "*"}},
}

// notInWalk are the fields of zoomsim.Faults that no row needs, and why.
var notInWalk = map[string]string{
	"Times":    "says for how long",
	"JWTEnded": "concerns apps of the kind that ended in 2023",
	"PastLag":  "concerns calls that have ended",
	"NotPaid":  "the same",
}

// varies is what differs from run to run.
var varies = regexp.MustCompile(`\d\d:\d\d UTC`)

// hasClass reports whether an element has one of the classes.
func hasClass(n *html.Node, classes ...string) bool {
	return slices.ContainsFunc(strings.Fields(attribute(n, "class")), func(c string) bool { return slices.Contains(classes, c) })
}

// TestFaultWalk opens an incident under each fault of the simulator and reads the pages.
// Nothing is green unless people can get in, and docs/faults.md holds what the pages say.
func TestFaultWalk(t *testing.T) {
	used := map[string]bool{}
	for _, row := range faultWalk {
		v := reflect.ValueOf(row.fault)
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				used[v.Type().Field(i).Name] = true
			}
		}
	}
	for f := range reflect.TypeFor[zoomsim.Faults]().Fields() {
		if !used[f.Name] && notInWalk[f.Name] == "" {
			t.Errorf("no row has the fault %s", f.Name)
		}
	}
	slow(t)
	long(t)
	t.Parallel()
	w := newWorldAt(t, "https://bridge.example.com").seeded(t)
	ctx := t.Context()
	admin, err := w.admin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	runbook := w.runbookID(t, "Production outage")
	p := newPerson(t, w.url)
	if !p.canLogIn(demoEmail, demoPassword) {
		t.Fatal("the admin can't log in")
	}

	if _, err := w.sim.Validate(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.validated(ctx); err != nil {
		t.Fatal(err)
	}
	table := bytes.NewBufferString(`# What the pages say when Zoom fails

Each row is a fault of the [simulator](../README.md#try-it): an incident is opened while Zoom behaves like that, then the
connection is checked. People can get in if the meeting exists, is the incident's own, and needs no host. Where they
can't, the incident, the join page, the lists and the overview aren't green. *Check connection* creates no meeting, so it can. ` + "`go test ./e2e -run TestFaultWalk -update`" + ` with
` + "`DRAWBRIDGE_TESTS=all`" + ` writes this table from the pages.

| Zoom | get in? | incident | join page | overview | check |
|---|---|---|---|---|---|
`)
	for _, row := range faultWalk {
		t.Run(row.name, func(t *testing.T) {
			p.t = t
			if _, err := w.service.CheckConnection(ctx, admin); err != nil {
				t.Fatal(err)
			}
			w.sim.SetFaults(func(f *zoomsim.Faults) { *f = row.fault })
			defer w.sim.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{} })
			i, _, err := w.openIncident(ctx, admin, incident.OpenRequest{RunbookID: runbook, Name: row.name, Severity: "SEV1", Source: incident.SourceForm})
			if err != nil {
				t.Fatal(err)
			}
			// canGetIn asks the simulator. It is asked after a page is read: a bridge may be
			// found or made meanwhile, on a slow machine.
			canGetIn := func() bool {
				bridges, err := w.store.Bridges(ctx, i.Number)
				if err != nil {
					t.Fatal(err)
				}
				return slices.ContainsFunc(w.sim.Meetings(), func(m zoomsim.Meeting) bool {
					return len(bridges) > 0 && fmt.Sprint(m.ID) == bridges[0].MeetingID && m.Status != "deleted" && m.PMI == 0 && !m.WaitingRoom && m.JoinBeforeHost
				})
			}
			getIn := canGetIn()
			// read returns what the first element with a class says, and whether it is green: in
			// a green frame, or with a green mark in it.
			read := func(path string, classes ...string) (text string, green bool) {
				t.Helper()
				status, body := p.do("GET", path, nil)
				root, err := html.Parse(strings.NewReader(body))
				if err != nil || status != http.StatusOK {
					t.Fatalf("%s: status %d, %v", path, status, err)
				}
				for n := range root.Descendants() {
					if !hasClass(n, classes...) {
						continue
					}
					if n.Data == "table" { // its newest row
						for in := range n.Descendants() {
							if in.Data == "td" {
								n = in.Parent
								break
							}
						}
					}
					for in := range n.Descendants() {
						if in.Type == html.TextNode {
							text += in.Data + " "
						}
						green = green || hasClass(in, "db-st-ready", "db-st-live")
					}
					for around := range n.Ancestors() {
						green = green || hasClass(around, "db-bridge-ok", "db-ready-ok", "db-checked-ok")
					}
					return strings.Join(strings.Fields(text), " "), green
				}
				t.Fatalf("%s has no element of the class %q", path, classes)
				return "", false
			}
			told := []string{}
			for _, page := range []struct {
				path    string
				classes []string
			}{
				{fmt.Sprint("/incidents/", i.Number), []string{"db-bridge-state"}},
				{"/j/" + i.Key(), []string{"db-join-note-title", "db-join-state"}},
				{"/", []string{"db-ready-text"}},
			} {
				text, green := read(page.path, page.classes...)
				if green && !canGetIn() {
					t.Errorf("%s is green, but people can't get in: %s", page.path, text)
				}
				text, _, _ = strings.Cut(varies.ReplaceAllString(text, "…"), " as of ")
				told = append(told, text)
			}
			for _, list := range []string{"/incidents", "/bridges"} {
				if text, green := read(list, "db-rowlinks"); green && !canGetIn() {
					t.Errorf("%s is green, but people can't get in: %s", list, text)
				}
			}
			check := "not checked"
			if row.fault.Latency == 0 && !row.fault.Stall {
				if _, err := w.service.CheckConnection(ctx, admin); err != nil {
					t.Fatal(err)
				}
				check, _ = read("/account", "db-checked-says")
			}
			fmt.Fprintf(table, "| %s | %s | %s | %s |\n", row.name, map[bool]string{true: "yes", false: "no"}[getIn], strings.Join(told, " | "), check)
			w.sim.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{} })
			if err := w.service.ResolveIncident(ctx, admin, i.Number); err != nil {
				t.Fatal(err)
			}
		})
	}
	if t.Failed() {
		return
	}
	if *update {
		if err := os.WriteFile("../docs/faults.md", table.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	// What the pages say under some faults depends on how fast the machine is, so only the
	// rows are compared.
	have, err := os.ReadFile("../docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(rowNames(string(have)), rowNames(table.String())); d != "" {
		t.Errorf("docs/faults.md is out of date: run with -update (-it has +there are)\n%s", d)
	}
}

func rowNames(table string) (names []string) {
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			names = append(names, strings.TrimSpace(cells[1]))
		}
	}
	return names
}
