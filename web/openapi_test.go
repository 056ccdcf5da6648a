package web_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/web"
)

type object = map[string]any

// openAPI is the document that the server publishes.
type openAPI struct {
	t testing.TB
	object
}

func (w *world) openAPI() openAPI {
	r := w.api("", http.MethodGet, "/api/v1/openapi.json", nil)
	if r.status != http.StatusOK || r.header.Get("Content-Type") != "application/json" {
		w.t.Fatalf("status %d, %s", r.status, r.header.Get("Content-Type"))
	}
	return openAPI{w.t, r.json(w.t)}
}

// at follows a reference, if v is one.
func (d openAPI) at(v any) object {
	o, _ := v.(object)
	ref, ok := o["$ref"].(string)
	if !ok {
		return o
	}
	o = d.object
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		o, _ = o[part].(object)
	}
	if o == nil {
		d.t.Fatalf("%s leads nowhere", ref)
	}
	return o
}

// operations returns the operations by method and path, as in the table of routes.
func (d openAPI) operations() map[string]object {
	all := map[string]object{}
	for path, item := range d.object["paths"].(object) {
		for method, op := range item.(object) {
			all[strings.ToUpper(method)+" "+path] = op.(object)
		}
	}
	return all
}

// wrong returns where a value differs from its schema. It knows the parts of JSON Schema
// that the document uses.
func (d openAPI) wrong(at string, schema, v any) (all []string) {
	s := d.at(schema)
	if either, ok := s["oneOf"].([]any); ok {
		fits := 0
		for _, one := range either {
			problems := d.wrong(at, one, v)
			if all = append(all, problems...); len(problems) == 0 {
				fits++
			}
		}
		if fits == 1 {
			return nil
		}
		return append(all, fmt.Sprintf("%s fits %d of %d schemas", at, fits, len(either)))
	}
	kind := "null"
	switch n := v.(type) {
	case string:
		kind = "string"
	case bool:
		kind = "boolean"
	case float64:
		if kind = "number"; n == float64(int64(n)) {
			kind = "integer"
		}
	case object:
		kind = "object"
	case []any:
		kind = "array"
	}
	types, several := s["type"].([]any)
	if !several {
		types = []any{s["type"]}
	}
	if !slices.Contains(types, any(kind)) {
		return []string{fmt.Sprintf("%s is %s, want %v", at, kind, types)}
	}
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, v) {
		all = append(all, fmt.Sprintf("%s is %q, want one of %q", at, v, enum))
	}
	if text, ok := v.(string); ok && s["format"] == "date-time" {
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", text); err != nil {
			all = append(all, fmt.Sprintf("%s is no time: %v", at, err))
		}
	}
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			all = append(all, d.wrong(fmt.Sprintf("%s[%d]", at, i), s["items"], item)...)
		}
	case object:
		known, _ := s["properties"].(object)
		required, _ := s["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				all = append(all, fmt.Sprintf("%s lacks %s", at, name))
			}
		}
		for name, value := range v {
			schema, ok := known[name]
			if !ok {
				schema = s["additionalProperties"]
			}
			if _, isSchema := schema.(object); !isSchema {
				all = append(all, fmt.Sprintf("%s.%s isn’t described", at, name))
				continue
			}
			all = append(all, d.wrong(at+"."+name, schema, value)...)
		}
	}
	return all
}

// The document has every route of the API, with the scope that it needs.
func TestOpenAPIRoutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.openAPI()
	if d.object["openapi"] != "3.1.0" {
		t.Errorf("the version is %v", d.object["openapi"])
	}
	want, got := map[string]string{}, map[string]string{}
	for _, r := range web.Routes(w.config) {
		if strings.HasPrefix(r.Path, "/api/") {
			want[r.Method+" "+parameter.ReplaceAllStringFunc(r.Path, func(p string) string { return "{" + p[1:] + "}" })] = r.Need.String()
		}
	}
	ids := map[any]bool{}
	for name, op := range d.operations() {
		got[name] = "public"
		for _, s := range op["security"].([]any) {
			got[name] = fmt.Sprint("scope:", s.(object)["token"].([]any)[0])
		}
		if ids[op["operationId"]] {
			t.Errorf("two operations are called %v", op["operationId"])
		}
		ids[op["operationId"]] = true
		var inPath []string
		params, _ := op["parameters"].([]any)
		for _, p := range params {
			if p := d.at(p); p["in"] == "path" {
				inPath = append(inPath, fmt.Sprint("{", p["name"], "}"))
			}
		}
		if want := bracketed.FindAllString(name, -1); !slices.Equal(want, inPath) {
			t.Errorf("%s describes the parameters %q", name, inPath)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes (-want +described):\n%s", diff)
	}
	// Every reference leads somewhere, and every part is used.
	used := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, one := range v {
				walk(one)
			}
		case object:
			if ref, ok := v["$ref"].(string); ok {
				d.at(v)
				used[ref] = true
			}
			for _, one := range v {
				walk(one)
			}
		}
	}
	walk(d.object)
	for _, kind := range []string{"schemas", "parameters", "responses"} {
		for name := range d.object["components"].(object)[kind].(object) {
			if !used["#/components/"+kind+"/"+name] {
				t.Errorf("nothing uses %s %s", kind, name)
			}
		}
	}
}

// What the routes answer is what the document says: each status, type and field, and no
// query parameter more or less.
func TestOpenAPIAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.openAPI()
	r := w.runbook("Outage")
	r.Variables = append(r.Variables, incident.Variable{Name: "region", Label: "Region", Type: "choice", Choices: []string{"eu", "us"}, Required: true, Default: "eu", Help: "Where?"})
	r.Steps = append(r.Steps, incident.Step{Kind: incident.StepCreateMeeting, Meeting: incident.NewMeetingTemplate()})
	_, _, err := w.service.SaveRunbook(t.Context(), commandLine, r)
	w.must(err)
	w.deliver(secretToken, started(1))
	whole, writer := w.token("incidents:write", "read", "events:raw"), w.token("incidents:write")
	_, err = w.service.RunOnce(t.Context())
	w.must(err)

	called := map[string]bool{}
	call := func(token, operation, path string, body any, status int) answer {
		t.Helper()
		method, _, _ := strings.Cut(operation, " ")
		a := w.api(token, method, path, body)
		if a.status != status {
			t.Fatalf("%s %s: status %d, want %d: %s", method, path, a.status, status, a.body)
		}
		called[operation] = true
		responses := d.operations()[operation]["responses"].(object)
		response, ok := responses[fmt.Sprint(status)]
		if !ok {
			t.Errorf("%s: the status %d isn’t described", operation, status)
			return a
		}
		kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
		content, ok := d.at(response)["content"].(object)[kind].(object)
		if !ok {
			t.Errorf("%s: answers of the type %s aren’t described", operation, kind)
			return a
		}
		if strings.HasSuffix(kind, "json") && content["schema"] != nil && kind != "application/x-ndjson" {
			var v any
			w.must(json.Unmarshal([]byte(a.body), &v))
			if operation == "GET /api/v1/openapi.json" {
				return a
			}
			for _, problem := range d.wrong("answer", content["schema"], v) {
				t.Errorf("%s, status %d: %s", operation, status, problem)
			}
		}
		return a
	}

	const open = "POST /api/v1/incidents"
	alert := object{"runbook": "Outage", "name": "db down", "severity": "SEV1", "opener_email": "Ana <ana@example.com>", "dedup_key": "k", "vars": object{"customer": "x", "region": 7.5}, "mood": "bad"}
	call(whole, open, "/api/v1/incidents", alert, 201)
	call(writer, open, "/api/v1/incidents", alert, 200)
	call(whole, open, "/api/v1/incidents", "{", 400)
	call("nobody", open, "/api/v1/incidents", alert, 401)
	call(w.token("read"), open, "/api/v1/incidents", alert, 403)
	call(whole, open, "/api/v1/incidents", object{"runbook": "Outage"}, 422)
	for operation, path := range map[string]string{
		"GET /api/v1/incidents": "/api/v1/incidents?limit=1", "GET /api/v1/incidents/{number}": "/api/v1/incidents/INC-1", "GET /api/v1/bridges": "/api/v1/bridges",
		"GET /api/v1/events": "/api/v1/events", "GET /api/v1/runbooks": "/api/v1/runbooks", "GET /api/v1/openapi.json": "/api/v1/openapi.json",
		"GET /api/v1/events/export": "/api/v1/events/export?format=csv", "GET /api/v1/events/{id}/raw": "/api/v1/events/" + w.newestEvent() + "/raw",
	} {
		call(whole, operation, path, nil, 200)
	}
	call(whole, "GET /api/v1/events/export", "/api/v1/events/export?body=1", nil, 200)
	call(whole, "GET /api/v1/events/{id}/raw", "/api/v1/events/1/raw", nil, 404)
	const note, resolve = "POST /api/v1/incidents/{number}/notes", "POST /api/v1/incidents/{number}/resolve"
	call(whole, note, "/api/v1/incidents/1/notes", object{"note": "x", "dedup_key": "k"}, 200)
	call(writer, note, "/api/v1/incidents/1/notes", object{"note": "x"}, 200)
	call(writer, note, "/api/v1/incidents/1/notes", object{"note": ""}, 422)
	call(writer, note, "/api/v1/incidents/9/notes", object{"note": "x"}, 404)
	const edit, run = "POST /api/v1/incidents/{number}", "POST /api/v1/incidents/{number}/steps/{id}/run"
	call(whole, edit, "/api/v1/incidents/1", object{"severity": "SEV2", "opener_email": nil, "vars": object{"region": "us"}, "note": "x", "mood": "better"}, 200)
	call(writer, edit, "/api/v1/incidents/1", object{}, 200)
	call(writer, edit, "/api/v1/incidents/1", "{", 400)
	call(writer, edit, "/api/v1/incidents/9", object{}, 404)
	steps, err := w.store.StepRuns(t.Context(), 1)
	w.must(err)
	call(writer, run, "/api/v1/incidents/1/steps/nothing/run", nil, 404)
	call(whole, run, "/api/v1/incidents/1/steps/"+steps[1].ID+"/run", nil, 200)
	const tick = "POST /api/v1/incidents/{number}/steps/{id}/tick"
	check := incident.NewStep(incident.StepChecklist)
	check.Text, check.Schedule.Repeat = "Tell {{ incident.opener.name }}", incident.Repeat{Every: 30}
	check.Schedule.OnlyIf.Any = []incident.Condition{{Field: "severity", Is: incident.IsEmpty}}
	_, _, err = w.service.SaveRunbook(t.Context(), commandLine, incident.Runbook{Name: "Checks", Steps: []incident.Step{check}})
	w.must(err)
	call(whole, open, "/api/v1/incidents", object{"runbook": "Checks", "name": "x"}, 201)
	call(whole, "GET /api/v1/runbooks", "/api/v1/runbooks", nil, 200)
	lines, err := w.store.StepRuns(t.Context(), 2)
	w.must(err)
	line := "/api/v1/incidents/2/steps/" + lines[0].ID + "/tick"
	if a := call(whole, tick, line, nil, 200); !strings.Contains(a.body, `"state":"done"`) {
		t.Errorf("the line is not ticked: %s", a.body)
	}
	if a := call(writer, tick, line, object{"done": false}, 200); !strings.Contains(a.body, `"state":"running"`) {
		t.Errorf("the tick was not taken back: %s", a.body)
	}
	call(writer, tick, line, object{"done": "yes"}, 400)
	call(writer, tick, "/api/v1/incidents/1/steps/"+lines[0].ID+"/tick", nil, 404)
	call(writer, tick, "/api/v1/incidents/1/steps/"+steps[0].ID+"/tick", nil, 409)
	call(writer, resolve, "/api/v1/incidents/1/resolve", nil, 200)
	call(writer, edit, "/api/v1/incidents/1", object{}, 409)
	call(writer, run, "/api/v1/incidents/1/steps/"+steps[0].ID+"/run", nil, 409)
	call(whole, resolve, "/api/v1/incidents/1/resolve", nil, 200)
	call(whole, resolve, "/api/v1/incidents/9/resolve", nil, 404)

	names := map[string]bool{"limit": true, "cursor": true}
	for _, op := range d.operations() {
		for name := range d.inQuery(op) {
			names[name] = true
		}
	}
	for operation, op := range d.operations() {
		if !called[operation] {
			t.Errorf("%s isn’t tested", operation)
		}
		path, get := strings.CutPrefix(operation, "GET ")
		if !get || bracketed.MatchString(path) || strings.HasSuffix(path, ".json") {
			continue
		}
		described := d.inQuery(op)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			a := w.api(whole, http.MethodGet, path+"?"+url.Values{name: {""}}.Encode(), nil)
			_, ok := described[name]
			if unknown := a.status == http.StatusBadRequest && strings.Contains(a.body, "There is no field"); unknown == ok {
				t.Errorf("%s: the parameter %s is described: %v, and known: %v", operation, name, ok, !unknown)
			}
		}
		for name, p := range described {
			schema := d.at(p["schema"])
			enum, _ := schema["enum"].([]any)
			for _, value := range enum {
				if a := w.api(whole, http.MethodGet, path+"?"+url.Values{name: {fmt.Sprint(value)}}.Encode(), nil); a.status != http.StatusOK {
					t.Errorf("%s: %s=%v is refused: %s", operation, name, value, a.body)
				}
			}
		}
	}
}

// inQuery returns the query parameters of an operation.
func (d openAPI) inQuery(op object) map[string]object {
	all := map[string]object{}
	params, _ := op["parameters"].([]any)
	for _, p := range params {
		if p := d.at(p); p["in"] == "query" {
			all[p["name"].(string)] = p
		}
	}
	return all
}

func (w *world) newestEvent() string {
	w.t.Helper()
	a := w.api(w.token("read"), http.MethodGet, "/api/v1/events?limit=1", nil)
	return a.json(w.t)["items"].([]any)[0].(object)["id"].(string)
}
