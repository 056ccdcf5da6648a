package zoomsim_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

func TestSignVectors(t *testing.T) {
	var file struct {
		Vectors []struct {
			ID, Secret, Timestamp, Signature, Expect string
			Body                                     string `json:"body_b64"`
		}
	}
	readFile(t, "signature-vectors.json", &file)
	tried := 0
	for _, v := range file.Vectors {
		seconds, err := strconv.ParseInt(v.Timestamp, 10, 64)
		if err != nil || seconds > 1e11 || v.Body == "" {
			continue // not about a signature, or a timestamp that Zoom does not send
		}
		tried++
		t.Run(v.ID, func(t *testing.T) {
			body, err := base64.StdEncoding.DecodeString(v.Body)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, func(o *zoomsim.Options) { o.SecretToken = v.Secret })
			h := w.Sign(body, time.Unix(seconds, 0))
			if same := h.Get("X-Zm-Signature") == v.Signature; same != (v.Expect == "valid") {
				t.Errorf("signature %s, vector %s is %s", h.Get("X-Zm-Signature"), v.Signature, v.Expect)
			}
			if h.Get("X-Zm-Request-Timestamp") != v.Timestamp || h.Get("User-Agent") != "Zoom Marketplace/1.0a" || h.Get("Content-Type") != "application/json; charset=utf-8" {
				t.Errorf("headers %v", h)
			}
		})
	}
	if tried < 8 {
		t.Errorf("only %d vectors", tried)
	}
}

// story plays a complete meeting and returns its events.
func story(t *testing.T, w *world) []zoomsim.Event {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		w.clock.add(time.Second)
	}
	m := id(w.create(ana, `{"topic":"Test 🚒🚒 ? - ’ - – 🚗 <b>","password":"x","settings":{"auto_recording":"cloud","waiting_room":true}}`))
	w.call("PATCH", "/v2/meetings/"+m, `{"agenda":"now"}`)
	early, err := w.Join(ctx, m, zoomsim.Person{Name: "Early", Email: backup})
	must(err)
	_, err = w.Join(ctx, m, zoomsim.Person{Name: "Gone"})
	must(err)
	must(w.Leave(ctx, m, w.Meetings()[0].People[1].Key))
	_, err = w.Join(ctx, m, zoomsim.Person{Email: ana})
	must(err)
	must(w.Admit(ctx, m, early))
	waiting, err := w.Join(ctx, m, zoomsim.Person{Name: "Stranger", Email: "guest@elsewhere.example"})
	must(err)
	must(w.Leave(ctx, m, waiting))
	must(w.End(ctx, m))
	must(w.CompleteRecording(ctx, m))
	w.call("DELETE", "/v2/meetings/"+m, "")
	return w.events()
}

func TestEventsOfAMeeting(t *testing.T) {
	got := story(t, newWorld(t))
	want := []string{
		"meeting.created", "meeting.updated", "meeting.participant_jbh_waiting", "meeting.participant_jbh_waiting", "meeting.participant_jbh_waiting_left",
		"meeting.started", "recording.started", "meeting.participant_joined", "meeting.participant_jbh_joined", "meeting.participant_joined_waiting_room",
		"meeting.participant_admitted", "meeting.participant_joined", "meeting.participant_joined_waiting_room", "meeting.participant_left_waiting_room",
		"meeting.participant_left", "meeting.participant_left", "recording.stopped", "meeting.ended", "recording.completed", "meeting.deleted",
	}
	if diff := cmp.Diff(want, names(got)); diff != "" {
		t.Error(diff)
	}
}

func TestEventsFollowZoomsTypes(t *testing.T) {
	var types struct{ Events map[string]map[string]any }
	readFile(t, "events.json", &types)
	seen := map[string]bool{}
	for _, e := range story(t, newWorld(t)) {
		want := types.Events[e.Event]
		if want == nil {
			t.Errorf("no type for %s", e.Event)
			continue
		}
		seen[e.Event] = true
		for _, p := range compare("", want, readJSON(t, e.Body)) {
			// In live events it is null during the recording, and a timeline has no id, status and size.
			if p != ".payload.object.recording_file.recording_end: <nil> is not a string" && !strings.HasPrefix(p, ".payload.object.recording_files[2]: lacks") {
				t.Errorf("%s%s", e.Event, p)
			}
		}
		order := []string{`{"event":`, `,"payload":`, `,"event_ts":`}
		if strings.HasPrefix(e.Event, "meeting.participant") {
			order = []string{`{"payload":`, `,"event_ts":`, `,"event":"meeting.`}
		}
		at := -1
		for _, key := range order {
			i := bytes.LastIndex(e.Body, []byte(key))
			if i <= at {
				t.Errorf("%s: keys not in the order %v: %s", e.Event, order, e.Body)
			}
			at = i
		}
		if bytes.Contains(e.Body, []byte(`"topic"`)) && !bytes.Contains(e.Body, []byte(`"topic":"Test \uD83D\uDE92\uD83D\uDE92 ? - ’ - – \uD83D\uDE97 <b>"`)) {
			t.Errorf("%s: emoji are escaped, the rest is raw: %s", e.Event, e.Body)
		}
		if bytes.Contains(e.Body, []byte("elsewhere.example")) {
			t.Errorf("%s shows a guest's address", e.Event)
		}
	}
	for name := range types.Events {
		if !seen[name] {
			t.Errorf("%s did not happen", name)
		}
	}
}

func readJSON(t *testing.T, b []byte) map[string]any {
	t.Helper()
	return reply{body: b}.json(t)
}

// live are keys of captured events, and of the documentation's samples, that the published types do not have.
var live = []string{"host_email", "public_ip", "private_ip", "participant_user_id"}

// compare checks a value against a type of events.json: "string", "number", "boolean", {"array_of": …} or an
// object whose keys may end in "?".
func compare(path string, want any, got any) (problems []string) {
	switch w := want.(type) {
	case string:
		kinds := map[string]string{"string": "string", "number": "json.Number", "boolean": "bool"}
		if fmt.Sprintf("%T", got) != kinds[w] {
			problems = append(problems, fmt.Sprintf("%s: %v is not a %s", path, got, w))
		}
	case map[string]any:
		if of, ok := w["array_of"]; ok {
			for i, inner := range list(got) {
				problems = append(problems, compare(fmt.Sprintf("%s[%d]", path, i), of, inner)...)
			}
			return problems
		}
		g, ok := got.(map[string]any)
		if !ok {
			return []string{path + ": not an object"}
		}
		for k, inner := range w {
			name, optional := strings.CutSuffix(k, "?")
			if v, ok := g[name]; ok {
				problems = append(problems, compare(path+"."+name, inner, v)...)
			} else if !optional && !strings.HasPrefix(path, ".payload.old_object") && !strings.HasPrefix(path, ".payload.object.settings") {
				problems = append(problems, path+": lacks "+name)
			}
		}
		for k := range g {
			_, a := w[k]
			_, b := w[k+"?"]
			if !a && !b && !slices.Contains(live, k) {
				problems = append(problems, path+": unknown key "+k)
			}
		}
	}
	return problems
}

func TestGuestsAndUsers(t *testing.T) {
	w := newWorld(t)
	m := id(w.create(ana, bridge))
	w.events()
	for _, p := range []zoomsim.Person{{Name: "Guest", Email: "guest@elsewhere.example"}, {Email: backup}} {
		if _, err := w.Join(t.Context(), m, p); err != nil {
			t.Fatal(err)
		}
	}
	who := func(e zoomsim.Event) map[string]any {
		return readJSON(t, e.Body)["payload"].(map[string]any)["object"].(map[string]any)["participant"].(map[string]any)
	}
	got := w.events()
	if names := names(got); len(got) != 4 || got[2].Event != "meeting.participant_joined" {
		t.Fatalf("%v", names)
	}
	if g := who(got[2]); g["id"] != "" || g["email"] != "" || g["participant_user_id"] != "" || g["user_name"] != "Guest" {
		t.Errorf("guest: %v", g)
	}
	if u := who(got[3]); u["id"] == "" || u["email"] != backup || u["user_name"] != "On Call" {
		t.Errorf("user: %v", u)
	}
}

func TestSecondInstance(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	m := w.create(ana, bridge)
	w.events()
	w.Hold(true)
	for range 2 {
		if _, err := w.Join(ctx, id(m), zoomsim.Person{Name: "x"}); err != nil {
			t.Fatal(err)
		}
		if err := w.End(ctx, id(m)); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.events(); got != nil {
		t.Fatalf("events were held, but %v arrived", names(got))
	}
	var uuids []string
	w.Release(ctx, func(all []zoomsim.Event) []zoomsim.Event {
		// Deliver the end of the first instance after the start of the second.
		late := slices.IndexFunc(all, func(e zoomsim.Event) bool { return e.Event == "meeting.ended" })
		e := all[late]
		return append(slices.Delete(all, late, late+1), e, e)
	})
	for _, e := range w.events() {
		if e.Event == "meeting.started" || e.Event == "meeting.ended" {
			uuids = append(uuids, readJSON(t, e.Body)["payload"].(map[string]any)["object"].(map[string]any)["uuid"].(string))
		}
	}
	if len(uuids) != 5 || uuids[0] != m["uuid"] || uuids[1] == uuids[0] || uuids[2] != uuids[1] || uuids[3] != uuids[0] || uuids[4] != uuids[0] {
		t.Errorf("uuids %v, meeting %v", uuids, m["uuid"])
	}
	if err := w.End(ctx, id(m)); err == nil {
		t.Error("ended a meeting that is not running")
	}
}

func TestOneMeetingAtATime(t *testing.T) {
	w := newWorld(t)
	w.SetUser(ana, func(u *zoomsim.User) { u.ConcurrentMeetings = 1 })
	a, b := id(w.create(ana, bridge)), id(w.create(ana, bridge))
	if _, err := w.Join(t.Context(), a, zoomsim.Person{Name: "x"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Join(t.Context(), b, zoomsim.Person{Name: "y"}); err == nil {
		t.Error("a second meeting of the same host started")
	}
}

func TestRetries(t *testing.T) {
	tests := []struct {
		name   string
		status int // the receiver's status; 0: nobody listens
		want   int // total number of attempts
	}{
		{"200", 200, 1}, {"204", 204, 1}, {"302", 302, 1}, {"400", 400, 1}, {"401", 401, 1}, {"404", 404, 1}, {"429", 429, 1},
		{"500", 500, 4}, {"503", 503, 4}, {"nobody listens", 0, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, func(o *zoomsim.Options) {
				if tt.status == 0 {
					o.WebhookURL = "http://127.0.0.1:1/"
				}
			})
			w.answer(tt.status)
			start := w.clock.now()
			body := []byte(`{"event":"meeting.started","payload":{}}`)
			if _, err := w.Send(t.Context(), "meeting.started", body); (err != nil) != (tt.status == 0) {
				t.Errorf("error %v", err)
			}
			for range 100 {
				w.clock.add(time.Minute)
				w.RetryDue(t.Context())
			}
			var at []string
			stamps := map[string]bool{}
			for i, d := range w.Deliveries() {
				at = append(at, d.At.Sub(start).String())
				stamps[d.Header.Get("X-Zm-Request-Timestamp")] = true
				if d.Attempt != i+1 || !bytes.Equal(d.Body, body) {
					t.Errorf("%+v", d)
				}
			}
			if want := []string{"0s", "5m0s", "25m0s", "1h25m0s"}[:tt.want]; !slices.Equal(at, want) {
				t.Errorf("attempts at %v, want %v", at, want)
			}
			if len(stamps) != tt.want {
				t.Errorf("timestamps %v: each attempt must have a new signature", stamps)
			}
		})
	}
	t.Run("all due at once, first timestamp kept", func(t *testing.T) {
		w := newWorld(t, func(o *zoomsim.Options) { o.RetryKeepsTimestamp = true })
		w.answer(503)
		if _, err := w.Send(t.Context(), "x", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		w.clock.add(2 * time.Hour)
		if n := w.RetryDue(t.Context()); n != 3 {
			t.Errorf("%d retries", n)
		}
		for _, d := range w.Deliveries() {
			if d.Header.Get("X-Zm-Signature") != w.Deliveries()[0].Header.Get("X-Zm-Signature") {
				t.Error("a retry has a new signature")
			}
		}
	})
	t.Run("recovered", func(t *testing.T) {
		w := newWorld(t)
		w.answer(500)
		if _, err := w.Send(t.Context(), "x", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		w.answer(200)
		w.clock.add(2 * time.Hour)
		if n := w.RetryDue(t.Context()); n != 1 {
			t.Errorf("%d retries", n)
		}
	})
}

func TestDuplicates(t *testing.T) {
	w := newWorld(t)
	w.SetFaults(func(f *zoomsim.Faults) { f.DuplicateEvents = true })
	w.create(ana, bridge)
	got := w.events()
	if len(got) != 2 || !bytes.Equal(got[0].Body, got[1].Body) {
		t.Fatalf("%v", names(got))
	}
	d := w.Deliveries()
	if d[0].Header.Get("X-Zm-Request-Id") == d[1].Header.Get("X-Zm-Request-Id") {
		t.Error("duplicates must not have the same request id")
	}
}

func TestSettleAfterABrokenAnswer(t *testing.T) {
	w := newWorld(t)
	w.token = w.newToken()
	w.SetFaults(func(f *zoomsim.Faults) { f.ResetAfterCommit = true })
	if _, err := w.try("POST", createPath, bridge); err == nil {
		t.Fatal("answered")
	}
	if got := names(w.events()); !slices.Equal(got, []string{"meeting.created"}) {
		t.Errorf("%v", got)
	}
}

func TestValidate(t *testing.T) {
	const secret = "zoomwebhooksecret"
	answer := func(change func(plain, encrypted string) (int, string)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			var e struct{ Payload struct{ PlainToken string } }
			_ = json.Unmarshal(body, &e)
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(e.Payload.PlainToken))
			status, text := change(e.Payload.PlainToken, hex.EncodeToString(mac.Sum(nil)))
			if !bytes.HasPrefix(body, []byte(`{"payload":{"plainToken":"`)) || len(e.Payload.PlainToken) != 22 || r.Header.Get("X-Zm-Signature") == "" {
				status = 500
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	tests := []struct {
		name   string
		change func(plain, encrypted string) (int, string)
		wantOK bool
	}{
		{"right", func(p, e string) (int, string) { return 200, `{"plainToken":"` + p + `","encryptedToken":"` + e + `"}` }, true},
		{"204", func(p, e string) (int, string) { return 204, "" }, false},
		{"wrong secret", func(p, e string) (int, string) {
			return 200, `{"plainToken":"` + p + `","encryptedToken":"` + strings.Repeat("0", 64) + `"}`
		}, false},
		{"other token", func(p, e string) (int, string) { return 200, `{"plainToken":"x","encryptedToken":"` + e + `"}` }, false},
		{"login page", func(p, e string) (int, string) { return 200, "<html>" }, false},
		{"redirect", func(p, e string) (int, string) { return 302, "" }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(answer(tt.change))
			defer srv.Close()
			w := newWorld(t, func(o *zoomsim.Options) { o.WebhookURL, o.SecretToken = srv.URL, secret })
			v, err := w.Validate(t.Context())
			if err != nil || v.OK != tt.wantOK || (v.Problem == "") != tt.wantOK {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
	t.Run("every 72 hours, disabled after six failures, enabled again by Validate", func(t *testing.T) {
		status := 200
		srv := httptest.NewServer(answer(func(p, e string) (int, string) {
			return status, `{"plainToken":"` + p + `","encryptedToken":"` + e + `"}`
		}))
		defer srv.Close()
		w := newWorld(t, func(o *zoomsim.Options) { o.WebhookURL, o.SecretToken = srv.URL, secret })
		if _, did := w.ValidateDue(t.Context()); did {
			t.Error("validated without being asked")
		}
		if v, _ := w.Validate(t.Context()); !v.OK {
			t.Fatalf("%+v", v)
		}
		status = 503
		for n := 1; n <= 6; n++ {
			w.clock.add(71 * time.Hour)
			if _, did := w.ValidateDue(t.Context()); did {
				t.Error("validated too early")
			}
			w.clock.add(time.Hour)
			v, did := w.ValidateDue(t.Context())
			if !did || v.Failures != n || v.Disabled != (n == 6) {
				t.Errorf("failure %d: %+v, %t", n, v, did)
			}
		}
		before := len(w.Deliveries())
		w.create(ana, bridge)
		w.Settle()
		if len(w.Deliveries()) != before {
			t.Error("events are sent to a disabled subscription")
		}
		status = 200
		if v, _ := w.Validate(t.Context()); !v.OK || v.Disabled {
			t.Errorf("%+v", v)
		}
	})
}

func TestReceiverTooSlow(t *testing.T) {
	gone := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		<-r.Context().Done()
		close(gone)
	}))
	defer srv.Close()
	w := newWorld(t, func(o *zoomsim.Options) { o.WebhookURL = srv.URL })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	d, err := w.Send(ctx, "x", []byte(`{}`))
	if err == nil || d.Status != 0 || d.RetryAt.Sub(d.At) != 5*time.Minute {
		t.Errorf("%+v, %v", d, err)
	}
	<-gone
}
