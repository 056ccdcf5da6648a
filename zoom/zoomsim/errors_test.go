package zoomsim_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

func TestRefusals(t *testing.T) {
	const other = "ben@example.com"
	create := "/v2/users/" + ana + "/meetings"
	user := func(f func(*zoomsim.User)) func(*world) {
		return func(w *world) { w.SetUser(ana, f) }
	}
	tests := []struct {
		name, method, path, body string
		prepare                  func(*world)
		wantError                string
		replace                  map[string]string
	}{
		{name: "unknown endpoint", method: "GET", path: "/v2/nothing", wantError: "api.unknown"},
		{name: "unknown user", method: "GET", path: "/v2/users/nobody@example.com", wantError: "user.1001"},
		{name: "unknown user creates", method: "POST", path: "/v2/users/nobody@example.com/meetings", body: bridge, wantError: "user.1001"},
		{name: "unknown user lists", method: "GET", path: "/v2/users/nobody@example.com/meetings", wantError: "user.1001b"},
		{name: "me", method: "GET", path: "/v2/users/me", wantError: "user.1001", replace: map[string]string{"nobody@example.com": "me"}},
		{name: "user set to unknown", method: "POST", path: create, body: bridge, prepare: user(func(u *zoomsim.User) { u.Unknown = true }),
			wantError: "user.1001", replace: map[string]string{"nobody@example.com": ana}},
		{name: "other account", method: "POST", path: create, body: bridge, prepare: user(func(u *zoomsim.User) { u.OtherAccount = true }),
			wantError: "user.1010", replace: map[string]string{"AAAAAABBBB": "acc_1"}},
		{name: "lost invitation", method: "GET", path: "/v2/users/" + ana, prepare: user(func(u *zoomsim.User) { u.InvitationLost = true }), wantError: "user.1120"},
		{name: "lost invitation, settings", method: "GET", path: "/v2/users/" + ana + "/settings", prepare: user(func(u *zoomsim.User) { u.InvitationLost = true }), wantError: "user.1120"},
		{name: "inactive", method: "POST", path: create, body: bridge, prepare: user(func(u *zoomsim.User) { u.Status = "inactive" }), wantError: "mtg.3161"},
		{name: "pending", method: "POST", path: create, body: bridge, prepare: user(func(u *zoomsim.User) { u.Status = "pending" }), wantError: "mtg.3161"},
		{name: "no meetings", method: "POST", path: create, body: bridge, prepare: user(func(u *zoomsim.User) { u.NoMeetings = true }), wantError: "mtg.3161"},
		{name: "email missing", method: "GET", path: "/v2/users/email", wantError: "val.email_required"},
		{name: "page token", method: "GET", path: create + "?next_page_token=x", wantError: "val.next_page"},
		{name: "not JSON", method: "POST", path: create, body: `{"topic":`, wantError: "val.notjson"},
		{name: "array", method: "POST", path: create, body: `[]`, wantError: "val.notjson"},
		{name: "null", method: "POST", path: create, body: `null`, wantError: "val.notjson"},
		{name: "topic of 201 characters", method: "POST", path: create, body: `{"topic":"` + strings.Repeat("é", 201) + `"}`, wantError: "val.meeting.topic"},
		{name: "topic of the wrong type", method: "POST", path: create, body: `{"topic":1}`, wantError: "val.meeting.topic"},
		{name: "agenda of 2001 characters", method: "POST", path: create, body: `{"agenda":"` + strings.Repeat("a", 2001) + `"}`, wantError: "val.meeting.topic", replace: map[string]string{`"topic"`: `"agenda"`}},
		{name: "type 4", method: "POST", path: create, body: `{"type":4}`, wantError: "val.meeting.topic", replace: map[string]string{`"topic"`: `"type"`}},
		{name: "start time", method: "POST", path: create, body: `{"start_time":"tomorrow"}`, wantError: "val.meeting.topic", replace: map[string]string{`"topic"`: `"start_time"`}},
		{name: "start time with milliseconds", method: "POST", path: create, body: `{"start_time":"2026-11-22T01:15:00.000Z"}`, wantError: "val.meeting.topic", replace: map[string]string{`"topic"`: `"start_time"`}},
		{name: "password of 11 characters", method: "POST", path: create, body: `{"password":"12345678901"}`, wantError: "val.meeting.topic", replace: map[string]string{`"topic"`: `"password"`}},
		{name: "jbh_time", method: "POST", path: create, body: `{"settings":{"jbh_time":7}}`, wantError: "val.meeting.jbh"},
		{name: "auto_recording", method: "POST", path: create, body: `{"settings":{"auto_recording":"yes"}}`, wantError: "val.meeting.topic", replace: map[string]string{`"topic"`: `"settings.auto_recording"`}},
		{name: "waiting_room as text", method: "POST", path: create, body: `{"settings":{"waiting_room":"false"}}`, wantError: "val.meeting.topic", replace: map[string]string{`"topic"`: `"settings.waiting_room"`}},
		{name: "domains", method: "POST", path: create, body: `{"settings":{"enforce_login_domains":"a.com,b.com"}}`, wantError: "mtg.300.domains"},
		{name: "alternative host", method: "POST", path: create, body: `{"settings":{"alternative_hosts":"x@example.com"}}`, wantError: "user.1114"},
		{name: "instant meeting for another user", method: "POST", path: create, body: `{"type":1,"schedule_for":"` + backup + `"}`, wantError: "mtg.3000.instant"},
		{name: "schedule for another user", method: "POST", path: create, body: `{"schedule_for":"` + backup + `"}`, wantError: "mtg.3000.schedule_for", replace: map[string]string{"other@example.com": backup}},
		{name: "schedule for an unknown user", method: "POST", path: create, body: `{"schedule_for":"` + other + `"}`, wantError: "mtg.300.schedule_for"},
		{name: "user set to daily limit reached", method: "POST", path: create, body: bridge, prepare: user(func(u *zoomsim.User) { u.DailyLimitReached = true }), wantError: "rate.user100"},
		{name: "no meeting", method: "GET", path: "/v2/meetings/1", wantError: "mtg.3001"},
		{name: "no meeting to delete", method: "DELETE", path: "/v2/meetings/85393847045", wantError: "mtg.3001.delete"},
		{name: "no past meeting", method: "GET", path: "/v2/past_meetings/1", wantError: "past.3001"},
		{name: "scope", method: "POST", path: create, body: bridge, prepare: func(w *world) {
			w.SetFaults(func(f *zoomsim.Faults) { f.MissingScopes = []string{"meeting:write:meeting:admin"} })
		}, wantError: "scope.4711"},
		{name: "per second", method: "GET", path: "/v2/users/" + ana, prepare: func(w *world) { w.SetFaults(func(f *zoomsim.Faults) { f.RateLimited = "second" }) }, wantError: "rate.qps"},
		{name: "per day", method: "GET", path: "/v2/users/" + ana, prepare: func(w *world) { w.SetFaults(func(f *zoomsim.Faults) { f.RateLimited = "day" }) }, wantError: "rate.daily"},
		{name: "daily limit of the user", method: "POST", path: create, body: bridge, prepare: func(w *world) { w.SetFaults(func(f *zoomsim.Faults) { f.RateLimited = "user_day" }) }, wantError: "rate.user100"},
		{name: "OK with error", method: "GET", path: "/v2/users/" + ana, prepare: func(w *world) { w.SetFaults(func(f *zoomsim.Faults) { f.OKWithError = true }) }, wantError: "rec.200"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.token = w.newToken()
			if tt.prepare != nil {
				tt.prepare(w)
			}
			wantError(t, w.call(tt.method, tt.path, tt.body), tt.wantError, tt.replace)
			if n := len(w.Meetings()); n != 0 {
				t.Errorf("%d meetings were made", n)
			}
		})
	}
	t.Run("wrong content type", func(t *testing.T) {
		w := newWorld(t)
		wantError(t, w.call("POST", create, bridge, "Content-Type", "text/plain"), "val.notjson", nil)
	})
	t.Run("classic scopes are enough", func(t *testing.T) {
		w := newWorld(t, func(o *zoomsim.Options) { o.Scopes = []string{"meeting:write:admin"} })
		w.create(ana, bridge)
		r := w.call("GET", "/v2/users/"+ana, "")
		if r.json(t)["message"] != "Invalid access token, does not contain scopes:[user:read:user:admin, user:read:user]." {
			t.Errorf("%s", r.body)
		}
	})
}

func TestMeetingRefusals(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	m := id(w.create(ana, bridge))
	if _, err := w.Join(ctx, m, zoomsim.Person{Name: "Ben"}); err != nil {
		t.Fatal(err)
	}
	if got := w.call("GET", "/v2/meetings/"+m, "").json(t)["status"]; got != "started" {
		t.Errorf("status %v", got)
	}
	wantError(t, w.call("DELETE", "/v2/meetings/"+m, ""), "mtg.del.3002", nil)
	wantError(t, w.call("GET", "/v2/past_meetings/"+m, ""), "past.3001", nil)
	if r := w.call("PUT", "/v2/meetings/"+m+"/status", `{"action":"end"}`); r.status != 204 || len(r.body) > 0 {
		t.Errorf("end: %d %q", r.status, r.body)
	}
	if got := w.call("GET", "/v2/meetings/"+m, "").json(t)["status"]; got != "waiting" {
		t.Errorf("after the end: status %v; Zoom has no such status", got)
	}
	wantError(t, w.call("GET", "/v2/meetings/"+m+"/recordings", ""), "rec.3301", nil)
	if err := w.CompleteRecording(ctx, m); err != nil {
		t.Fatal(err)
	}
	if r := w.call("GET", "/v2/meetings/"+m+"/recordings", ""); r.status != 200 {
		t.Errorf("recordings: %d", r.status)
	}
	w.SetUser(ana, func(u *zoomsim.User) { u.Type = 1 })
	wantError(t, w.call("GET", "/v2/past_meetings/"+m, ""), "past.200", map[string]string{"{accountId}": "acc_1"})
	w.SetUser(ana, func(u *zoomsim.User) { u.Type = 2 })
	if r := w.call("DELETE", "/v2/meetings/"+m, ""); r.status != 204 || len(r.body) > 0 {
		t.Errorf("delete: %d %q", r.status, r.body)
	}
	wantError(t, w.call("GET", "/v2/meetings/"+m, ""), "mtg.3001", map[string]string{": 1.": ": " + m + "."})
	if r := w.call("PUT", "/v2/meetings/"+m+"/status", `{"action":"recover"}`); r.status != 204 {
		t.Errorf("recover: %d %s", r.status, r.body)
	}
	if r := w.call("GET", "/v2/meetings/"+m, ""); r.status != 200 {
		t.Errorf("recovered: %d", r.status)
	}
	instant := id(w.create(ana, `{"type":1,"password":"q8wDSw"}`))
	if _, err := w.Join(ctx, instant, zoomsim.Person{Email: ana}); err != nil {
		t.Fatal(err)
	}
	if err := w.End(ctx, instant); err != nil {
		t.Fatal(err)
	}
	wantError(t, w.call("DELETE", "/v2/meetings/"+instant, ""), "mtg.del.3007", nil)
	if _, err := w.Join(ctx, instant, zoomsim.Person{Name: "late"}); err == nil {
		t.Error("joined an instant meeting that has ended")
	}
}

func TestHundredADay(t *testing.T) {
	w := newWorld(t)
	m := id(w.create(ana, bridge))
	for range 99 {
		if r := w.call("PATCH", "/v2/meetings/"+m, `{"agenda":"x"}`); r.status != 204 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	r := w.call("POST", "/v2/users/"+ana+"/meetings", bridge)
	wantError(t, r, "rate.user100", nil)
	if r.header.Get("Retry-After") != "" || r.header.Get("X-Ratelimit-Remaining") != "5893" {
		t.Errorf("headers %v: the measured headers show healthy numbers despite this limit", r.header)
	}
	w.create(backup, bridge)
	w.clock.add(23 * time.Hour) // after 00:00 UTC
	w.token = ""
	w.create(ana, bridge)
	if got := json.Number(id(w.create(ana, bridge))); len(got) != 11 {
		t.Errorf("id %s", got)
	}
}
