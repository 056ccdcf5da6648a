package zoomsim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// newer lists keys of live answers that the published schemas do not have yet, and keys whose type differs in
// live answers: the id and type of a recording are strings.
var newer = []string{"uuid", "host_id", "status", "encrypted_password", "pstn_password", "creation_source", "has_meeting_summary", "internal_user", "auto_delete",
	"show_join_info", "device_testing", "question_and_answer", "email_in_attendee_report", "request_permission_to_unmute_participants", "enable_dedicated_group_chat"}

// check compares a value with an OpenAPI schema: types, required keys, enumerations, lengths and unknown keys.
func check(path string, schema map[string]any, value any) (problems []string) {
	report := func(format string, args ...any) {
		problems = append(problems, path+": "+fmt.Sprintf(format, args...))
	}
	props := map[string]any{}
	merge := func(s map[string]any) {
		p, _ := s["properties"].(map[string]any)
		for k, v := range p {
			props[k] = v
		}
	}
	merge(schema)
	if all, ok := schema["allOf"].([]any); ok {
		for _, s := range all {
			s := s.(map[string]any)
			merge(s)
			if required, ok := s["required"].([]any); ok {
				schema = map[string]any{"type": "object", "required": append(required, list(schema["required"])...)}
			}
		}
	}
	if allowed := list(schema["enum"]); allowed != nil && !slices.ContainsFunc(allowed, func(a any) bool { return fmt.Sprint(a) == fmt.Sprint(value) }) && value != "" {
		report("%v is not one of %v", value, allowed)
	}
	kind, _ := schema["type"].(string)
	switch v := value.(type) {
	case map[string]any:
		if kind != "object" && len(props) == 0 {
			report("an object, want %s", kind)
		}
		for _, k := range list(schema["required"]) {
			if _, ok := v[k.(string)]; !ok {
				report("lacks %s", k)
			}
		}
		for k, inner := range v {
			if p, ok := props[k].(map[string]any); ok {
				problems = append(problems, check(path+"."+k, p, inner)...)
			} else if !slices.Contains(newer, k) {
				report("unknown key %s", k)
			}
		}
	case []any:
		if kind != "array" {
			report("an array, want %s", kind)
		}
		items, _ := schema["items"].(map[string]any)
		for i, inner := range v {
			problems = append(problems, check(fmt.Sprintf("%s[%d]", path, i), items, inner)...)
		}
	case string:
		if kind != "string" {
			report("text %q, want %s", v, kind)
		}
		if n, ok := schema["maxLength"].(json.Number); ok {
			if most, _ := n.Int64(); int64(utf8.RuneCountInString(v)) > most {
				report("longer than %d", most)
			}
		}
	case json.Number:
		if kind != "number" && (kind != "integer" || strings.Contains(v.String(), ".")) {
			report("number %s, want %s", v, kind)
		}
	case bool:
		if kind != "boolean" {
			report("a boolean, want %s", kind)
		}
	default:
		report("%v", value)
	}
	return problems
}

func list(v any) []any { l, _ := v.([]any); return l }

// held returns a world in which a meeting was held and recorded, with the meeting's id and uuid.
func held(t testing.TB) (*world, string, string) {
	w := newWorld(t)
	m := w.create(ana, bridge)
	ctx := t.Context()
	key, err := w.Join(ctx, id(m), zoomsim.Person{Name: "Ben"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Join(ctx, id(m), zoomsim.Person{Email: backup}); err != nil {
		t.Fatal(err)
	}
	w.clock.add(90_000_000_000)
	for _, err := range []error{w.Leave(ctx, id(m), key), w.End(ctx, id(m)), w.CompleteRecording(ctx, id(m))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return w, id(m), m["uuid"].(string)
}

func TestAnswersFollowZoomsSchemas(t *testing.T) {
	w, meeting, uuid := held(t)
	var schemas struct{ Responses map[string]map[string]any }
	readFile(t, "responses.json", &schemas)
	once := url.PathEscape(uuid)
	paths := map[string][]string{
		"POST /users/{userId}/meetings 201":               {"/users/" + ana + "/meetings"},
		"GET /meetings/{meetingId} 200":                   {"/meetings/" + meeting},
		"GET /users/{userId}/meetings 200":                {"/users/" + ana + "/meetings", "/users/" + ana + "/meetings?type=scheduled&page_size=1"},
		"GET /meetings/{meetingId}/recordings 200":        {"/meetings/" + meeting + "/recordings", "/meetings/" + meeting + "/recordings?include_fields=download_access_token"},
		"GET /past_meetings/{meetingId} 200":              {"/past_meetings/" + meeting, "/past_meetings/" + url.PathEscape(once)},
		"GET /past_meetings/{meetingId}/participants 200": {"/past_meetings/" + url.PathEscape(once) + "/participants"},
		"GET /users/{userId} 200":                         {"/users/" + ana},
		"GET /users/{userId}/settings 200":                {"/users/" + ana + "/settings"},
		"GET /users/email 200":                            {"/users/email?email=" + ana},
		"GET /marketplace/apps/{appId}/webhook_logs 200":  {"/marketplace/apps/" + appID + "/webhook_logs?type=1", "/marketplace/apps/" + appID + "/webhook_logs?type=3&page_size=2"},
	}
	for name, schema := range schemas.Responses {
		for _, path := range paths[name] {
			t.Run(name+" "+path, func(t *testing.T) {
				method, _, _ := strings.Cut(name, " ")
				body := ""
				if method == http.MethodPost {
					body = bridge
				}
				r := w.call(method, "/v2"+path, body)
				if !strings.HasSuffix(name, fmt.Sprint(r.status)) {
					t.Fatalf("status %d: %s", r.status, r.body)
				}
				for _, p := range check("body", schema, map[string]any(r.json(t))) {
					// The schema of 2024 says integer, but live answers and the current samples have strings.
					// It also omits TIMELINE from the file types, although its own description mentions it.
					if strings.Contains(name, "/recordings") && (strings.HasSuffix(p, "want integer") && strings.Contains(p, ".id: text") || strings.Contains(p, "TIMELINE is not one of")) {
						continue
					}
					t.Error(p)
				}
			})
		}
		if paths[name] == nil {
			t.Errorf("no call for %s", name)
		}
	}
}

func TestKeysOfTheSamples(t *testing.T) {
	w, meeting, _ := held(t)
	var request json.RawMessage
	readFile(t, "samples/create-meeting.request.bridge.json", &request)
	w.SetUser(ana, func(u *zoomsim.User) { u.PasscodeLock = zoomsim.LockedOn })
	tests := []struct{ name, sample, method, path, body string }{
		{"create", "create-meeting.201.lean.json", "POST", "/v2/users/" + ana + "/meetings", string(request)},
		{"past meeting", "get-past-meeting.200.json", "GET", "/v2/past_meetings/" + meeting, ""},
		{"past participants", "get-past-meeting-participants.200.json", "GET", "/v2/past_meetings/" + meeting + "/participants", ""},
		{"recordings", "get-meeting-recordings.200.json", "GET", "/v2/meetings/" + meeting + "/recordings?include_fields=download_access_token", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var want map[string]any
			readFile(t, "samples/"+tt.sample, &want)
			got := w.call(tt.method, tt.path, tt.body).json(t)
			for _, p := range missing("", want, got) {
				// These keys appear only for deleted recordings.
				if p != ".auto_delete_date" && p != ".recording_files[0].deleted_time" && p != ".recording_files[0].file_path" && !strings.HasPrefix(p, ".participant_audio_files[") {
					t.Errorf("lacks %s", p)
				}
			}
		})
	}
	t.Run("values of the shortest sample", func(t *testing.T) {
		var want map[string]any
		readFile(t, "samples/create-meeting.201.lean.json", &want)
		w := newWorld(t)
		w.SetUser(ana, func(u *zoomsim.User) { u.PasscodeLock = zoomsim.LockedOn })
		got := w.call("POST", "/v2/users/"+ana+"/meetings", string(request)).json(t)
		delete(got["settings"].(map[string]any), "global_dial_in_numbers")
		for k, v := range want["settings"].(map[string]any) {
			if k != "global_dial_in_numbers" && fmt.Sprint(got["settings"].(map[string]any)[k]) != fmt.Sprint(v) {
				t.Errorf("settings.%s = %v, want %v", k, got["settings"].(map[string]any)[k], v)
			}
		}
		for _, k := range []string{"topic", "type", "status", "start_time", "duration", "timezone", "agenda", "created_at", "pre_schedule"} {
			if fmt.Sprint(got[k]) != fmt.Sprint(want[k]) {
				t.Errorf("%s = %v, want %v", k, got[k], want[k])
			}
		}
	})
}

// missing lists the paths of want that got lacks or that have a different type.
func missing(path string, want, got any) (paths []string) {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return []string{path}
		}
		for k, v := range w {
			if _, ok := g[k]; !ok {
				paths = append(paths, path+"."+k)
				continue
			}
			paths = append(paths, missing(path+"."+k, v, g[k])...)
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) == 0 && len(w) > 0 {
			return []string{path + "[0]"}
		}
		if len(w) > 0 {
			paths = missing(path+"[0]", w[0], g[0])
		}
	default:
		if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
			return []string{path}
		}
	}
	return paths
}
