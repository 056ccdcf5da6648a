package zoomsim_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

func settingsOf(m map[string]any) map[string]any { return m["settings"].(map[string]any) }

func TestCreateChangesSettings(t *testing.T) {
	tests := []struct {
		name, body string
		user       func(*zoomsim.User)
		faults     func(*zoomsim.Faults)
		want       map[string]any
	}{
		{name: "as requested", body: bridge, want: map[string]any{"waiting_room": false, "join_before_host": true, "auto_recording": "cloud", "use_pmi": false}},
		{name: "waiting room switches join before host off", body: `{"password":"x","settings":{"waiting_room":true,"join_before_host":true}}`,
			want: map[string]any{"waiting_room": true, "join_before_host": false}},
		{name: "cloud recording not allowed", body: bridge, user: func(u *zoomsim.User) { u.CloudRecording = false }, want: map[string]any{"auto_recording": "none"}},
		{name: "basic license", body: bridge, user: func(u *zoomsim.User) { u.Type = 1 }, want: map[string]any{"auto_recording": "none"}},
		{name: "e2ee", body: `{"password":"x","settings":{"auto_recording":"cloud","encryption_type":"e2ee"}}`, want: map[string]any{"auto_recording": "none"}},
		{name: "no passcode, waiting room or authentication", body: `{"settings":{"join_before_host":true}}`, want: map[string]any{"waiting_room": true, "join_before_host": false}},
		{name: "overwritten", body: bridge, faults: func(f *zoomsim.Faults) { f.OverwriteSettings = true }, want: map[string]any{"waiting_room": true, "join_before_host": false}},
		{name: "breakout rooms dropped", body: `{"password":"x","settings":{"breakout_room":{"enable":true}}}`, want: map[string]any{"breakout_room": map[string]any{"enable": false}}},
		{name: "user's settings are not inherited", body: `{"password":"x"}`, user: func(u *zoomsim.User) { u.JoinBeforeHost, u.WaitingRoom = true, true },
			want: map[string]any{"waiting_room": false, "join_before_host": false}},
		{name: "keys are lower case", body: `{"password":"x","settings":{"waiting_room":false},"Type":1,"TOPIC":"no"}`, want: map[string]any{"waiting_room": false}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.user != nil {
				w.SetUser(ana, tt.user)
			}
			if tt.faults != nil {
				w.SetFaults(tt.faults)
			}
			m := w.create(ana, tt.body)
			for k, want := range tt.want {
				if got := settingsOf(m)[k]; fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s = %v, want %v", k, got, want)
				}
			}
			again := w.call("GET", "/v2/meetings/"+id(m), "").json(t)
			if fmt.Sprint(settingsOf(again)) != fmt.Sprint(settingsOf(m)) || again["start_url"] == m["start_url"] {
				t.Errorf("GET shows other settings, or an old start_url")
			}
		})
	}
}

// These are the scenarios of "Meeting API security enhancements" in Zoom's documentation for requests without
// passcode, waiting room and authentication.
func TestSecurityScenarios(t *testing.T) {
	const on, off, free = zoomsim.LockedOn, zoomsim.LockedOff, zoomsim.Unlocked
	tests := []struct {
		n                                  int
		room, passcode, auth               zoomsim.Lock
		wantRoom, wantPasscode, wantAuthed bool
	}{
		{1, on, on, on, true, true, true},
		{2, off, free, free, false, true, false},
		{3, free, free, off, true, false, false},
		{4, free, off, free, true, false, false},
		{5, off, off, free, false, false, true},
		{6, off, free, off, false, true, false},
		{7, free, off, off, true, false, false},
		{8, on, free, free, true, false, false},
		{9, free, on, free, false, true, false},
		{10, free, free, on, false, false, true},
		{11, on, on, free, true, true, false},
		{12, on, free, on, true, false, true},
		{13, free, on, on, false, true, true},
		{14, free, on, off, false, true, false},
		{15, free, off, on, false, false, true},
		{16, on, free, off, true, false, false},
		{17, off, free, on, false, false, true},
		{18, on, off, free, true, false, false},
		{19, off, on, free, false, true, false},
		{20, off, on, on, false, true, true},
		{21, on, off, on, true, false, true},
		{22, on, on, off, true, true, false},
		{23, free, free, free, true, false, false},
	}
	for _, tt := range tests {
		t.Run(strconv.Itoa(tt.n), func(t *testing.T) {
			w := newWorld(t)
			w.SetUser(ana, func(u *zoomsim.User) { u.WaitingRoomLock, u.PasscodeLock, u.AuthLock = tt.room, tt.passcode, tt.auth })
			m := w.create(ana, `{"topic":"x","settings":{"waiting_room":false,"meeting_authentication":false}}`)
			password, _ := m["password"].(string)
			set := settingsOf(m)
			if set["waiting_room"] != tt.wantRoom || (password != "") != tt.wantPasscode || set["meeting_authentication"] != tt.wantAuthed {
				t.Errorf("create: waiting room %v, passcode %q, authentication %v", set["waiting_room"], password, set["meeting_authentication"])
			}
			if option, _ := set["authentication_option"].(string); (option != "") != tt.wantAuthed {
				t.Errorf("authentication option %q", option)
			}
			if strings.Contains(m["join_url"].(string), "pwd=") != tt.wantPasscode {
				t.Errorf("join_url %v", m["join_url"])
			}
			// An update that switches everything off has the same result as the create: what was on stays on.
			w.call("PATCH", "/v2/meetings/"+id(m), `{"password":"","settings":{"waiting_room":false,"meeting_authentication":false}}`)
			after := w.call("GET", "/v2/meetings/"+id(m), "").json(t)
			was, is := settingsOf(m), settingsOf(after)
			if after["password"] != m["password"] || is["waiting_room"] != was["waiting_room"] || is["meeting_authentication"] != was["meeting_authentication"] {
				t.Errorf("update: waiting room %v, passcode %v, authentication %v", is["waiting_room"], after["password"], is["meeting_authentication"])
			}
		})
	}
}

func TestPersonalMeetingID(t *testing.T) {
	tests := []struct {
		name, body string
		prepare    func(*world)
		want       bool
	}{
		{"requested", `{"password":"x","settings":{"use_pmi":true}}`, nil, true},
		{"refused", bridge, func(w *world) { w.SetUser(ana, func(u *zoomsim.User) { u.UsePMIForScheduled = true }) }, false},
		{"the user's setting", `{"password":"x"}`, func(w *world) { w.SetUser(ana, func(u *zoomsim.User) { u.UsePMIForScheduled = true }) }, true},
		{"instant", `{"type":1,"password":"x"}`, func(w *world) { w.SetUser(ana, func(u *zoomsim.User) { u.UsePMIForInstant = true }) }, true},
		{"account's setting overrides", bridge, func(w *world) { w.SetFaults(func(f *zoomsim.Faults) { f.PMI = true }) }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.prepare != nil {
				tt.prepare(w)
			}
			m := w.create(ana, tt.body)
			pmi, _ := m["pmi"].(string)
			if (pmi != "") != tt.want || settingsOf(m)["use_pmi"] != tt.want || id(m) == pmi {
				t.Fatalf("pmi %q, use_pmi %v, id %s", pmi, settingsOf(m)["use_pmi"], id(m))
			}
			if !tt.want {
				return
			}
			if !strings.Contains(m["join_url"].(string), "/j/"+pmi+"?pwd="+m["encrypted_password"].(string)) {
				t.Errorf("join_url %v", m["join_url"])
			}
			w.events()
			if _, err := w.Join(t.Context(), id(m), zoomsim.Person{Name: "Ben"}); err != nil {
				t.Fatal(err)
			}
			var e struct {
				Payload struct {
					Object struct {
						ID, Topic      string
						Type, Duration int
					}
				}
			}
			if err := json.Unmarshal(w.events()[0].Body, &e); err != nil {
				t.Fatal(err)
			}
			if o := e.Payload.Object; o.ID != pmi || o.Type != 4 || o.Duration != 0 || o.Topic != "Ana Lima's Personal Meeting Room" {
				t.Errorf("started: %+v", o)
			}
			wantError(t, w.call("DELETE", "/v2/meetings/"+pmi, ""), "mtg.del.3018", nil)
			// A second meeting with the personal meeting ID takes place in the same room, which is already
			// running.
			second := w.create(ana, `{"password":"x","settings":{"use_pmi":true}}`)
			if second["status"] != "started" || second["pmi"] != pmi || id(second) == id(m) {
				t.Errorf("second: %v", second)
			}
		})
	}
}

func TestIDs(t *testing.T) {
	w := newWorld(t)
	seen := map[string]bool{}
	slash, double := 0, 0
	for i := range 12 {
		host := ana
		if i%2 == 1 {
			host = backup
		}
		m := w.create(host, bridge)
		uuid := m["uuid"].(string)
		n, err := strconv.ParseInt(id(m), 10, 64)
		if err != nil || n <= 1<<32 || n >= 1<<53 || len(id(m)) != 11 || seen[id(m)] || seen[uuid] || len(uuid) != 24 || !strings.HasSuffix(uuid, "==") {
			t.Fatalf("id %s, uuid %s", id(m), uuid)
		}
		seen[id(m)], seen[uuid] = true, true
		once := url.PathEscape(uuid)
		twice := url.PathEscape(once)
		get := func(path string) int { return w.call("GET", "/v2/meetings/"+path, "").status }
		if got := get(twice); got != 200 {
			t.Errorf("%s encoded twice: %d", uuid, got)
		}
		wantOnce := 200
		if strings.HasPrefix(uuid, "/") || strings.Contains(uuid, "//") {
			wantOnce = 404
		}
		if got := get(once); got != wantOnce {
			t.Errorf("%s encoded once: %d, want %d", uuid, got, wantOnce)
		}
		if strings.HasPrefix(uuid, "/") {
			slash++
		} else if strings.Contains(uuid, "//") {
			double++
		}
		if _, err := w.Join(t.Context(), uuid, zoomsim.Person{Name: "x"}); err != nil {
			t.Errorf("join by uuid %s: %v", uuid, err)
		}
	}
	if slash == 0 || double == 0 {
		t.Errorf("%d uuids begin with a slash, %d hold two", slash, double)
	}
}

func TestLists(t *testing.T) {
	w := newWorld(t)
	for i := range 7 {
		w.create(ana, fmt.Sprintf(`{"topic":"%d","password":"x","agenda":"%s"}`, i, strings.Repeat("a", 300)))
	}
	var topics []string
	next := ""
	for range 4 {
		page := w.call("GET", "/v2/users/"+ana+"/meetings?page_size=3&next_page_token="+next, "").json(t)
		for _, m := range page["meetings"].([]any) {
			m := m.(map[string]any)
			topics = append(topics, m["topic"].(string))
			if len(m["agenda"].(string)) != 250 {
				t.Errorf("agenda of %d", len(m["agenda"].(string)))
			}
		}
		if page["total_records"] != json.Number("7") || page["page_count"] != json.Number("3") {
			t.Errorf("%v", page)
		}
		if next = page["next_page_token"].(string); next == "" {
			break
		}
	}
	if strings.Join(topics, "") != "0123456" {
		t.Errorf("topics %v", topics)
	}
	next = w.call("GET", "/v2/users/"+ana+"/meetings?page_size=3", "").json(t)["next_page_token"].(string)
	wantError(t, w.call("GET", "/v2/users/"+ana+"/meetings?page_size=4&next_page_token="+next, ""), "val.next_page", nil)
	w.clock.add(15*time.Minute + time.Second)
	wantError(t, w.call("GET", "/v2/users/"+ana+"/meetings?page_size=3&next_page_token="+next, ""), "val.next_page", nil)
}

func TestUsers(t *testing.T) {
	w := newWorld(t)
	w.AddUser(zoomsim.User{Email: "sso@example.com", ForeignLogin: true, UsePMIForScheduled: true, WaitingRoomLock: zoomsim.LockedOn})
	w.AddUser(zoomsim.User{Email: "new@example.com", Status: "pending", Type: 1})
	byMail := w.call("GET", "/v2/users/ANA@example.com", "").json(t)
	byID := w.call("GET", "/v2/users/"+byMail["id"].(string), "").json(t)
	if len(byMail["id"].(string)) != 22 || fmt.Sprint(byMail) != fmt.Sprint(byID) {
		t.Errorf("%v\n%v", byMail, byID)
	}
	if u := w.call("GET", "/v2/users/new@example.com", "").json(t); u["status"] != "pending" || u["type"] != json.Number("1") {
		t.Errorf("%v", u)
	}
	if got := w.call("GET", "/v2/users/email?email=sso@example.com", "").json(t)["existed_email"]; got != false {
		t.Error("GET /users/email knows an address that signs in by SSO")
	}
	set := w.call("GET", "/v2/users/sso@example.com/settings", "").json(t)
	if set["schedule_meeting"].(map[string]any)["use_pmi_for_scheduled_meetings"] != true || set["in_meeting"].(map[string]any)["waiting_room"] != true {
		t.Errorf("%v", set)
	}
}

func TestUpdate(t *testing.T) {
	w := newWorld(t)
	m := w.create(ana, bridge)
	w.events()
	r := w.call("PATCH", "/v2/meetings/"+id(m), `{"topic":"INC-42 again","settings":{"mute_upon_entry":true}}`)
	if r.status != 204 || len(r.body) != 0 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	after := w.call("GET", "/v2/meetings/"+id(m), "").json(t)
	if after["topic"] != "INC-42 again" || after["agenda"] != "marker" || settingsOf(after)["join_before_host"] != true || after["password"] != "q8wDSw" || after["join_url"] != m["join_url"] {
		t.Errorf("%v", after)
	}
	got := w.events()
	var e struct {
		Payload struct {
			Object, OldObject map[string]any
		}
	}
	if len(got) != 1 || json.Unmarshal(got[0].Body, &e) != nil {
		t.Fatalf("%v", names(got))
	}
	if fmt.Sprint(e.Payload.Object["settings"]) != "map[mute_upon_entry:true]" || e.Payload.Object["topic"] != "INC-42 again" || len(e.Payload.Object) != 3 {
		t.Errorf("want only the changed values: %v", e.Payload.Object)
	}
}

func TestAddresses(t *testing.T) {
	w := newWorld(t, func(o *zoomsim.Options) { o.BaseURL = "http://127.0.0.1:8080" })
	m := w.create(ana, bridge)
	if want := "http://127.0.0.1:8080/simulator/j/" + id(m) + "?pwd="; !strings.HasPrefix(m["join_url"].(string), want) {
		t.Errorf("join_url %v", m["join_url"])
	}
	if !strings.HasPrefix(newWorld(t).create(ana, bridge)["join_url"].(string), "https://us05web.zoom.us/j/8") {
		t.Error("join_url")
	}
}
