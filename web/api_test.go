package web_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestOpenIncident(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runbook("Outage")
	token, read := w.token("incidents:write", "read"), w.token("read")
	open := func(body any) answer { return w.api(token, http.MethodPost, "/api/v1/incidents", body) }
	good := func(more ...string) map[string]any {
		body := map[string]any{"runbook": "Outage", "name": "db down", "severity": "SEV1", "description": "db-1 is gone", "opener_email": "ana@example.com", "vars": map[string]any{"customer": "ACME"}}
		for i := 0; i < len(more); i += 2 {
			body[more[i]] = more[i+1]
		}
		return body
	}
	before := w.fingerprint()

	t.Run("guard", func(t *testing.T) {
		if r := w.api("", http.MethodPost, "/api/v1/incidents", good()); r.status != http.StatusUnauthorized {
			t.Errorf("no token: status %d", r.status)
		}
		if r := w.api(read, http.MethodPost, "/api/v1/incidents", good()); r.status != http.StatusForbidden {
			t.Errorf("A-21 token without the scope incidents:write: status %d", r.status)
		}
	})
	t.Run("refused", func(t *testing.T) {
		for name, tt := range map[string]struct {
			body   any
			status int
			says   string
		}{
			"no name":                     {map[string]any{"runbook": "Outage"}, 422, `"name"`},
			"unknown runbook":             {good("runbook", "Nothing"), 422, "GET /api/v1/runbooks lists the runbooks."},
			"no runbook":                  {good("runbook", ""), 422, "GET /api/v1/runbooks lists the runbooks."},
			"F-31 wrong case":             {`{"Name":"x","runbook":"Outage"}`, 422, `"name"`},
			"F-31 Kelvin sign":            {`{"runboo` + "\u212a" + `":"Outage","name":"x"}`, 422, `"runbook"`},
			"no text in the name":         {good("name", "\n \u0000"), 422, `"name"`},
			"name is a list":              {`{"runbook":"Outage","name":[7]}`, 422, `"name"`},
			"F-31 same key twice":         {`{"name":"a","name":"b"}`, 400, "more than once"},
			"F-31 same key twice in vars": {`{"runbook":"Outage","name":"a","vars":{"customer":"a","customer":"b"}}`, 400, "more than once"},
			"data after the object":       {`{"name":"a"} {}`, 400, "text after"},
			"array":                       {`[]`, 400, "object"},
			"not JSON":                    {`{"name":`, 400, "JSON"},
			"empty":                       {``, 400, "object"},
			"null":                        {`null`, 400, "object"},
			"deep":                        {`{"vars":` + strings.Repeat(`{"a":`, 20_000) + strings.Repeat(`}`, 20_001), 400, ""},
			"deeply nested":               {`{"vars":` + strings.Repeat(`[`, 11_000) + strings.Repeat(`]`, 11_000) + `}`, 400, ""},
			"over 4 MiB":                  {good("description", strings.Repeat("x", 4<<20)), 413, ""},
		} {
			r := open(tt.body)
			if r.status != tt.status || !strings.Contains(r.body, tt.says) || r.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: status %d, want %d: %.300s", name, r.status, tt.status, r.body)
			}
			w.clock.add(time.Second)
		}
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data; boundary=x", "application/json; charset=utf-16", ""} {
			r := w.api(token, http.MethodPost, "/api/v1/incidents", good(), "Content-Type", kind)
			if r.status != http.StatusUnsupportedMediaType {
				t.Errorf("F-07 %q: status %d, want 415", kind, r.status)
			}
		}
		if after := w.fingerprint(); after != before {
			t.Errorf("a rejected request changed the database:\n%s", cmp.Diff(before, after))
		}
	})
	t.Run("done: 201 with the bridge", func(t *testing.T) {
		r := open(good("dedup_key", "alert-7"))
		if r.status != http.StatusCreated || r.header.Get("Location") != "/api/v1/incidents/1" {
			t.Fatalf("status %d to %q: %s", r.status, r.header.Get("Location"), r.body)
		}
		v := r.json(t)
		for field, want := range map[string]any{
			"number": float64(1), "key": "INC-1", "name": "db down", "severity": "SEV1", "type": "outage", "description": "db-1 is gone", "status": "open",
			"opener_email": "ana@example.com", "dedup_key": "alert-7", "runbook": "Outage", "runbook_version": float64(1), "created_at": w.clock.now().Format("2006-01-02T15:04:05.000Z"), "resolved_at": nil,
		} {
			if v[field] != want {
				t.Errorf("%s is %v, want %v", field, v[field], want)
			}
		}
		if diff := cmp.Diff(map[string]any{"customer": "ACME"}, v["vars"]); diff != "" {
			t.Error(diff)
		}
		wantFields(t, v, "number key runbook runbook_version name severity type description status opener_email dedup_key vars created_at resolved_at join_page warnings steps bridges")
		b := v["bridges"].([]any)[0].(map[string]any)
		wantFields(t, b, "id state kind meeting_id join_url passcode host_email used_backup_user reason topic agenda recording created_at started_at ended_at participants verdict waiting alarm alarm_since")
		meetings := w.sim.Meetings()
		if len(meetings) != 1 {
			t.Fatalf("%d meetings at Zoom", len(meetings))
		}
		if b["state"] != "ready" || b["kind"] != "meeting" || b["meeting_id"] != fmt.Sprint(meetings[0].ID) || b["passcode"] != meetings[0].Password ||
			b["host_email"] != "ana@example.com" || b["used_backup_user"] != false || b["topic"] != "INC-1 db down" || b["participants"] != float64(0) || b["started_at"] != nil {
			t.Errorf("bridge %v, meeting %+v", b, meetings[0])
		}
		page, err := w.store.Audit(t.Context(), db.AuditFilter{}, "", 10)
		w.must(err)
		if a := page.Items[0]; a.Action != "incident.open" || a.ActorKind != "token" || a.Address != "127.0.0.1" {
			t.Errorf("audit entry %+v", a)
		}
	})
	t.Run("done: 200 with the same bridge for the same dedup_key", func(t *testing.T) {
		first := w.api(read, http.MethodGet, "/api/v1/incidents/1", nil)
		again := open(good("dedup_key", "alert-7"))
		if again.status != http.StatusOK || again.body != first.body {
			t.Errorf("status %d:\n%s\nwant\n%s", again.status, again.body, first.body)
		}
		if n := len(w.sim.Meetings()); n != 1 {
			t.Errorf("%d meetings at Zoom", n)
		}
	})
	t.Run("variables can be numbers and booleans", func(t *testing.T) {
		r := open(`{"runbook":"Outage","name":"x","vars":{"customer":7.50}}`)
		if vars := r.json(t)["vars"]; r.status != http.StatusCreated || vars.(map[string]any)["customer"] != "7.50" {
			t.Errorf("status %d, vars %v", r.status, vars)
		}
	})
	t.Run("broken", func(t *testing.T) {
		w := newWorld(t)
		token := w.token("incidents:write")
		w.breakStore()
		r := w.api(token, http.MethodPost, "/api/v1/incidents", good())
		wantBroken(t, r)
		if !strings.Contains(w.log.String(), "closed") {
			t.Error("the cause is not in the log")
		}
	})
}

func wantFields(t *testing.T, v map[string]any, names string) {
	t.Helper()
	want := strings.Fields(names)
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(v))); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestResolveIncident(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runbook("Outage")
	token := w.token("incidents:write", "read")
	open := func() answer {
		return w.api(token, http.MethodPost, "/api/v1/incidents", map[string]any{"runbook": "Outage", "name": "x", "dedup_key": "k"})
	}
	open()
	t.Run("guard", func(t *testing.T) {
		if r := w.api(w.token("read"), http.MethodPost, "/api/v1/incidents/1/resolve", nil); r.status != http.StatusForbidden {
			t.Errorf("status %d", r.status)
		}
	})
	t.Run("refused", func(t *testing.T) {
		for _, number := range []string{"2", "0", "-1", "x", "INC-", "99999999999999999999"} {
			if r := w.api(token, http.MethodPost, "/api/v1/incidents/"+number+"/resolve", nil); r.status != http.StatusNotFound {
				t.Errorf("%s: status %d, want 404", number, r.status)
			}
		}
	})
	t.Run("done", func(t *testing.T) {
		r := w.api(token, http.MethodPost, "/api/v1/incidents/INC-1/resolve", nil)
		if v := r.json(t); r.status != http.StatusOK || v["status"] != "resolved" || v["resolved_at"] == nil {
			t.Errorf("status %d: %s", r.status, r.body)
		}
		if r := w.api(token, http.MethodPost, "/api/v1/incidents/1/resolve", nil); r.status != http.StatusOK {
			t.Errorf("second time: status %d, want 200", r.status)
		}
		if r := open(); r.status != http.StatusCreated {
			t.Errorf("same dedup_key after resolving: status %d, want 201", r.status)
		}
	})
	t.Run("broken", func(t *testing.T) {
		w := newWorld(t)
		token := w.token("incidents:write")
		w.breakStore()
		wantBroken(t, w.api(token, http.MethodPost, "/api/v1/incidents/1/resolve", nil))
	})
}

func TestEditIncident(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runbook("Outage")
	token, writer := w.token("incidents:write", "read"), w.token("incidents:write")
	w.api(token, http.MethodPost, "/api/v1/incidents", map[string]any{"runbook": "Outage", "name": "x", "severity": "SEV3", "dedup_key": "k", "mood": "bad"})
	const path = "/api/v1/incidents/INC-1"
	edit := func(body any) answer { return w.api(token, http.MethodPost, path, body) }
	t.Run("guard", func(t *testing.T) {
		if r := w.api("", http.MethodPost, path, map[string]any{"name": "y"}); r.status != http.StatusUnauthorized {
			t.Errorf("no token: status %d", r.status)
		}
		if r := w.api(w.token("read"), http.MethodPost, path, map[string]any{"name": "y"}); r.status != http.StatusForbidden {
			t.Errorf("token without the scope incidents:write: status %d", r.status)
		}
	})
	t.Run("refused", func(t *testing.T) {
		before := w.fingerprint()
		for name, tt := range map[string]struct {
			path   string
			body   any
			status int
		}{
			"not JSON":      {path, `name=y`, 400},
			"twice":         {path, `{"name":"a","name":"b"}`, 400},
			"an array":      {path, `[]`, 400},
			"no incident":   {"/api/v1/incidents/2", `{"name":"y"}`, 404},
			"no number":     {"/api/v1/incidents/x", `{"name":"y"}`, 404},
			"over 4 MiB":    {path, map[string]any{"description": strings.Repeat("x", 4<<20)}, 413},
			"nothing":       {path, `{}`, 200},
			"null":          {path, `{"name":null,"vars":null,"note":null,"opener_email":null}`, 200},
			"the same":      {path, `{"name":"x ","severity":"SEV3","runbook":"Outage","dedup_key":"k","vars":{"customer":"all"}}`, 200},
			"what isn’t it": {path, `{"name":["y"],"mood":"good","vars":{"planet":"mars"},"status":"resolved"}`, 200},
		} {
			if r := w.api(token, http.MethodPost, tt.path, tt.body); r.status != tt.status {
				t.Errorf("%s: status %d, want %d: %.300s", name, r.status, tt.status, r.body)
			}
			w.clock.add(time.Second)
		}
		if after := w.fingerprint(); after != before {
			t.Errorf("a request that changes nothing changed the database:\n%s", cmp.Diff(before, after))
		}
	})
	t.Run("done", func(t *testing.T) {
		r := edit(map[string]any{"name": strings.Repeat("y", 201), "severity": "SEV1", "opener_email": "Bo <bo@example.com>", "vars": map[string]any{"customer": 7}, "note": "Worse.", "runbook": "Other", "status": "x"})
		v := r.json(t)
		if r.status != http.StatusOK || v["name"] != strings.Repeat("y", 199)+"…" || v["severity"] != "SEV1" || v["opener_email"] != "bo@example.com" || v["vars"].(map[string]any)["customer"] != "7" {
			t.Errorf("status %d: %s", r.status, r.body)
		}
		want := []any{"There is no field “status”, so it was ignored.", "“name” was longer than 200 characters, so it was cut.", "“runbook” of an incident can’t be changed, so it was ignored."}
		if diff := cmp.Diff(want, v["warnings"]); diff != "" {
			t.Errorf("warnings (-want +got):\n%s", diff)
		}
		entries, err := w.store.Timeline(t.Context(), 1, 2)
		w.must(err)
		if entries[0].Data.Text != "Worse." || len(entries[1].Data.Changes) != 4 || len(entries[1].Data.Adjusted) != 3 || entries[1].Data.Adjusted[1].Text != strings.Repeat("y", 201) {
			t.Errorf("timeline %+v", entries)
		}
		// Later, the warnings are about the request that opened it.
		v = w.api(token, http.MethodGet, path, nil).json(t)
		if diff := cmp.Diff([]any{"There is no field “mood”, so it was ignored."}, v["warnings"]); diff != "" {
			t.Errorf("warnings (-want +got):\n%s", diff)
		}
		v = w.api(writer, http.MethodPost, path, map[string]any{"name": "z"}).json(t)
		if got := slices.Sorted(maps.Keys(v)); !slices.Equal(got, []string{"bridges", "created_at", "join_page", "key", "number", "status", "steps", "warnings"}) {
			t.Errorf("without the scope read, the answer has %q", got)
		}
	})
	t.Run("resolved", func(t *testing.T) {
		w.api(token, http.MethodPost, path+"/resolve", nil)
		if r := edit(map[string]any{"name": "late"}); r.status != http.StatusConflict || !strings.Contains(r.body, "Reopen it") {
			t.Errorf("status %d: %s", r.status, r.body)
		}
	})
	t.Run("broken", func(t *testing.T) {
		w := newWorld(t)
		token := w.token("incidents:write")
		w.breakStore()
		wantBroken(t, w.api(token, http.MethodPost, path, map[string]any{"name": "y"}))
	})
}

func TestRunStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.runbook("Outage")
	r.Steps[0].ExecuteAutomatically = false
	_, _, err := w.service.SaveRunbook(t.Context(), commandLine, r)
	w.must(err)
	token, writer := w.token("incidents:write", "read"), w.token("incidents:write")
	for range 2 {
		w.api(token, http.MethodPost, "/api/v1/incidents", map[string]any{"runbook": "Outage", "name": "x"})
	}
	steps := w.api(token, http.MethodGet, "/api/v1/incidents/1", nil).json(t)["steps"].([]any)
	id := steps[0].(map[string]any)["id"].(string)
	path := "/api/v1/incidents/INC-1/steps/" + id + "/run"
	t.Run("guard", func(t *testing.T) {
		if r := w.api(w.token("read"), http.MethodPost, path, nil); r.status != http.StatusForbidden {
			t.Errorf("status %d", r.status)
		}
	})
	t.Run("refused", func(t *testing.T) {
		for _, other := range []string{"/api/v1/incidents/1/steps/x/run", "/api/v1/incidents/2/steps/" + id + "/run", "/api/v1/incidents/9/steps/" + id + "/run", "/api/v1/incidents/x/steps/" + id + "/run"} {
			if r := w.api(token, http.MethodPost, other, nil); r.status != http.StatusNotFound {
				t.Errorf("%s: status %d, want 404", other, r.status)
			}
		}
	})
	t.Run("done", func(t *testing.T) {
		r := w.api(token, http.MethodPost, path, nil)
		if v := r.json(t); r.status != http.StatusOK || len(v["bridges"].([]any)) != 1 || v["name"] != "x" {
			t.Errorf("status %d: %s", r.status, r.body)
		}
		if r := w.api(writer, http.MethodPost, "/api/v1/incidents/2/resolve", nil); r.status != http.StatusOK {
			t.Fatal(r.body)
		}
		runs, err := w.store.StepRuns(t.Context(), 2)
		w.must(err)
		if r := w.api(writer, http.MethodPost, "/api/v1/incidents/2/steps/"+runs[0].ID+"/run", nil); r.status != http.StatusConflict || !strings.Contains(r.body, "Reopen it") {
			t.Errorf("of a resolved incident: status %d: %s", r.status, r.body)
		}
	})
	t.Run("broken", func(t *testing.T) {
		w := newWorld(t)
		token := w.token("incidents:write")
		w.breakStore()
		wantBroken(t, w.api(token, http.MethodPost, path, nil))
	})
}

func TestAddNote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.runbook("Outage")
	r.Steps[0].Name = "War room"
	_, _, err := w.service.SaveRunbook(t.Context(), commandLine, r)
	w.must(err)
	token := w.token("incidents:write", "read")
	w.api(token, http.MethodPost, "/api/v1/incidents", map[string]any{"runbook": "Outage", "name": "x"})
	const path = "/api/v1/incidents/INC-1/notes"
	add := func(body any) answer { return w.api(token, http.MethodPost, path, body) }
	notes := func() (list []string) {
		entries, err := w.store.Timeline(t.Context(), 1, 100)
		w.must(err)
		for _, e := range entries {
			if e.Kind == incident.EntryNote {
				list = append(list, e.Data.Text)
			}
		}
		return list
	}
	t.Run("guard", func(t *testing.T) {
		if r := w.api("", http.MethodPost, path, map[string]any{"note": "x"}); r.status != http.StatusUnauthorized {
			t.Errorf("no token: status %d", r.status)
		}
		if r := w.api(w.token("read"), http.MethodPost, path, map[string]any{"note": "x"}); r.status != http.StatusForbidden {
			t.Errorf("token without the scope incidents:write: status %d", r.status)
		}
	})
	t.Run("refused", func(t *testing.T) {
		for name, tt := range map[string]struct {
			body   any
			status int
			says   string
		}{
			"no note":           {`{}`, 422, `"note"`},
			"empty":             {map[string]any{"note": " \n"}, 422, `"note"`},
			"null":              {`{"note":null}`, 422, `"note"`},
			"too long":          {map[string]any{"note": strings.Repeat("ø", 4001)}, 422, `"note"`},
			"NUL":               {`{"note":"a\u0000b"}`, 422, `"note"`},
			"a list":            {`{"note":["a"]}`, 400, "note"},
			"an unknown field":  {`{"note":"a","text":"b"}`, 400, "text"},
			"a name in capital": {`{"Note":"a"}`, 400, "Note"},
			"twice":             {`{"note":"a","note":"b"}`, 400, "more than once"},
			"a long key":        {map[string]any{"note": "a", "dedup_key": strings.Repeat("k", 201)}, 422, `"dedup_key"`},
			"not JSON":          {`note=a`, 400, "JSON"},
		} {
			if r := add(tt.body); r.status != tt.status || !strings.Contains(string(r.body), tt.says) {
				t.Errorf("%s: status %d, want %d with %s: %s", name, r.status, tt.status, tt.says, r.body)
			}
		}
		if r := w.api(token, http.MethodPost, "/api/v1/incidents/2/notes", map[string]any{"note": "x"}); r.status != http.StatusNotFound {
			t.Errorf("no incident: status %d", r.status)
		}
		if got := notes(); got != nil {
			t.Errorf("notes %q", got)
		}
	})
	t.Run("done", func(t *testing.T) {
		long := strings.Repeat("🚨", 3998) + "\nz"
		for _, note := range []string{"First.\r\nSecond line.", long} {
			if r := add(map[string]any{"note": note}); r.status != http.StatusOK || r.json(t)["key"] != "INC-1" || !strings.Contains(string(r.body), `"name":"War room"`) {
				t.Errorf("status %d: %s", r.status, r.body)
			}
		}
		for range 2 {
			add(map[string]any{"note": "Once.", "dedup_key": "k"})
			add(map[string]any{"note": "Other text, same key.", "dedup_key": "k"})
		}
		w.api(w.token("incidents:write"), http.MethodPost, path, map[string]any{"note": "Of another token.", "dedup_key": "k"})
		got := notes()
		slices.Sort(got)
		if diff := cmp.Diff([]string{"First.\nSecond line.", "Of another token.", "Once.", "Other text, same key.", long}, got); diff != "" {
			t.Errorf("notes (-want +got):\n%s", diff)
		}
	})
	t.Run("broken", func(t *testing.T) {
		w := newWorld(t)
		token := w.token("incidents:write")
		w.breakStore()
		wantBroken(t, w.api(token, http.MethodPost, path, map[string]any{"note": "x"}))
	})
}

func TestLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runbook("Outage")
	token := w.token("incidents:write", "read", "events:raw")
	for i := range 7 {
		w.clock.add(time.Minute)
		w.api(token, http.MethodPost, "/api/v1/incidents", map[string]any{"runbook": "Outage", "name": fmt.Sprint("number ", i+1)})
		w.deliver(secretToken, started(i))
	}
	_, err := w.service.RunOnce(t.Context())
	w.must(err)
	get := func(path string) answer { return w.api(token, http.MethodGet, path, nil) }

	t.Run("each item once, newest first", func(t *testing.T) {
		for _, path := range []string{"/api/v1/incidents", "/api/v1/bridges", "/api/v1/events"} {
			var ids []string
			cursor := ""
			for {
				v := get(path + "?limit=3&cursor=" + cursor).json(t)
				for _, item := range v["items"].([]any) {
					item := item.(map[string]any)
					ids = append(ids, fmt.Sprint(item["number"], item["id"]))
				}
				next, more := v["next_cursor"].(string)
				if !more {
					break
				}
				cursor = next
			}
			if len(ids) != 7 || len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 7 {
				t.Errorf("%s: %v", path, ids)
			}
		}
	})
	t.Run("shapes", func(t *testing.T) {
		e := get("/api/v1/events?limit=1").json(t)["items"].([]any)[0].(map[string]any)
		wantFields(t, e, "id event event_ts received_at account_id meeting_id meeting_uuid topic bridge_id read stale")
		if e["event"] != "meeting.started" || e["meeting_id"] != "81234567896" || e["read"] != true || e["stale"] != false || e["event_ts"] != "2026-11-22T02:14:07.123Z" {
			t.Errorf("event %v", e)
		}
		raw := get("/api/v1/events/" + e["id"].(string) + "/raw")
		if raw.body != string(started(6)) || raw.header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(raw.header.Get("Content-Disposition"), "attachment") {
			t.Errorf("raw %q, %v", raw.body, raw.header)
		}
		r := get("/api/v1/runbooks").json(t)["items"].([]any)[0].(map[string]any)
		if r["name"] != "Outage" || r["incident_type"] != "outage" {
			t.Errorf("runbook %v", r)
		}
	})
	t.Run("filters", func(t *testing.T) {
		for path, want := range map[string]int{
			"/api/v1/incidents?status=open": 7, "/api/v1/incidents?status=resolved": 0, "/api/v1/incidents?q=number+3": 1,
			"/api/v1/events?event=meeting.started": 7, "/api/v1/events?event=meeting.ended": 0, "/api/v1/events?meeting_id=81234567892": 1, "/api/v1/events?meeting_id=812+3456+7892": 1,
			"/api/v1/events?q=db+down": 7, "/api/v1/events?q=%25": 0, "/api/v1/events?after=2026-11-22T02:19:00Z": 3, "/api/v1/events?before=2026-11-22T02:16:30Z": 2,
			"/api/v1/bridges?incident=INC-2": 1, "/api/v1/bridges?host=oncall@example.com": 7, "/api/v1/bridges?state=live": 0,
		} {
			r := get(path)
			if r.status != http.StatusOK || len(r.json(t)["items"].([]any)) != want {
				t.Errorf("%s: status %d, want %d items: %.200s", path, r.status, want, r.body)
			}
		}
	})
	t.Run("refused", func(t *testing.T) {
		for _, path := range []string{
			"/api/v1/events?limit=x", "/api/v1/events?limit=-1", "/api/v1/events?after=yesterday", "/api/v1/events?before=0000-01-01T00:00:00Z", "/api/v1/events?cursor=x",
			"/api/v1/events?sort=secret", "/api/v1/events?event=a&event=b", "/api/v1/incidents?cursor=%00", "/api/v1/bridges?incident=x", "/api/v1/runbooks?limit=1", "/api/v1/events?q=%ff",
			"/api/v1/events?meeting_id=standup", "/api/v1/events?meeting_id=12345678", "/api/v1/events/export?meeting_id=81234567892x",
		} {
			if r := get(path); r.status != http.StatusBadRequest {
				t.Errorf("%s: status %d, want 400: %s", path, r.status, r.body)
			}
		}
		for _, path := range []string{"/api/v1/events/x/raw", "/api/v1/events/0/raw", "/api/v1/events/1/raw", "/api/v1/incidents/99", "/api/v1/incidents/x"} {
			if r := get(path); r.status != http.StatusNotFound {
				t.Errorf("%s: status %d, want 404", path, r.status)
			}
		}
	})
	t.Run("broken", func(t *testing.T) {
		w := newWorld(t)
		token := w.token("read", "events:raw")
		w.breakStore()
		for _, path := range []string{"/api/v1/incidents", "/api/v1/incidents/1", "/api/v1/bridges", "/api/v1/events", "/api/v1/events/1/raw", "/api/v1/runbooks"} {
			wantBroken(t, w.api(token, http.MethodGet, path, nil))
		}
	})
	t.Run("an empty list is not null", func(t *testing.T) {
		w := newWorld(t)
		token := w.token("read")
		for _, path := range []string{"/api/v1/incidents", "/api/v1/bridges", "/api/v1/events", "/api/v1/runbooks"} {
			if r := w.api(token, http.MethodGet, path, nil); r.body != `{"items":[],"next_cursor":null}`+"\n" {
				t.Errorf("%s: %s", path, r.body)
			}
		}
	})
}
