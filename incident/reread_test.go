package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// meetingSays changes what Zoom answers about a meeting.
func (w *world) meetingSays(change func(meeting, settings map[string]any)) {
	w.edit = func(call string, answer map[string]any) {
		if settings, ok := answer["settings"].(map[string]any); ok && call == "GET meeting" {
			change(answer, settings)
		}
	}
}

const meetingUpdated = `{"event":"meeting.updated","payload":{"account_id":"acc","object":{"id":$ID,"password":"n3w"},"old_object":{"id":$ID}},"event_ts":$MS}`

// What somebody changes about the meeting in Zoom shows on its bridge within seconds, and the
// timeline says it once.
func TestMeetingChangedInZoom(t *testing.T) {
	t.Parallel()
	on, off := true, false
	newPasscode := func(m, _ map[string]any) {
		m["password"], m["pstn_password"] = "n3w", "123123"
		m["join_url"] = strings.Split(fmt.Sprint(m["join_url"]), "?")[0] + "?pwd=NEW.1"
	}
	for _, tt := range []struct {
		name     string
		setup    func(w *world)
		do       func(w *world, b incident.Bridge)
		within   time.Duration
		want     []string // what is found
		passcode bool     // it is new
		link     bool     // people who had it must use another one
		says     []string
	}{
		{"waiting room on", nil, func(w *world, b incident.Bridge) {
			w.ok(w.zoom().UpdateMeetingSettings(w.Context(), b.MeetingID, zoom.MeetingSettings{WaitingRoom: &on, JoinBeforeHost: &off}))
		}, 5 * time.Second, []string{"waiting_room_on", "no_join_before_host"}, false, false, []string{"changed_in_zoom"}},
		{"waiting room on, of a live call", nil, func(w *world, b incident.Bridge) {
			w.join(b, zoomsim.Person{Name: "Ana", Email: opener})
			w.work(time.Minute)
			w.ok(w.zoom().UpdateMeetingSettings(w.Context(), b.MeetingID, zoom.MeetingSettings{WaitingRoom: &on}))
		}, 5 * time.Second, []string{"waiting_room_on", "no_join_before_host"}, false, false, []string{"changed_in_zoom"}},
		{"waiting room on, and no event", func(w *world) { w.faults(zoomsim.Faults{LoseEvents: "*"}) }, func(w *world, b incident.Bridge) {
			w.ok(w.zoom().UpdateMeetingSettings(w.Context(), b.MeetingID, zoom.MeetingSettings{WaitingRoom: &on}))
		}, time.Minute, []string{"waiting_room_on", "no_join_before_host"}, false, false, []string{"changed_in_zoom"}},
		{"waiting room off", func(w *world) { w.faults(zoomsim.Faults{OverwriteSettings: true}) }, func(w *world, b incident.Bridge) {
			w.faults(zoomsim.Faults{})
			w.ok(w.zoom().UpdateMeetingSettings(w.Context(), b.MeetingID, zoom.MeetingSettings{WaitingRoom: &off, JoinBeforeHost: &on}))
		}, 5 * time.Second, nil, false, false, []string{"mended_in_zoom"}},
		{"another passcode", nil, func(w *world, b incident.Bridge) {
			w.meetingSays(newPasscode)
			w.send(b, meetingUpdated)
		}, 5 * time.Second, nil, true, true, []string{"new_passcode"}},
		{"another passcode, and no event", nil, func(w *world, _ incident.Bridge) { w.meetingSays(newPasscode) }, time.Minute, nil, true, true, []string{"new_passcode"}},
		{"another link", nil, func(w *world, b incident.Bridge) {
			w.meetingSays(func(m, _ map[string]any) { m["join_url"] = "https://us06web.zoom.us/j/" + b.MeetingID })
			w.send(b, meetingUpdated)
		}, 5 * time.Second, nil, false, true, []string{"new_link"}},
		{"the host's settings, by email address", nil, func(w *world, b incident.Bridge) {
			w.meetingSays(func(_, s map[string]any) { s["meeting_authentication"] = true })
			w.send(b, `{"event":"user.settings_updated","payload":{"account_id":"acc","object":{"id":"x","email":"Ana@Example.com","settings":{}}},"event_ts":$MS}`)
		}, 5 * time.Second, []string{"sign_in_needed"}, false, false, []string{"changed_in_zoom"}},
		{"the host's settings, by id", func(w *world) {
			w.must(w.service.CheckConnection(w.Context(), admin))
			w.sim.SetUser(opener, func(u *zoomsim.User) { u.Unknown = true })
		}, func(w *world, b incident.Bridge) {
			w.meetingSays(func(_, s map[string]any) { s["meeting_authentication"] = true })
			at := slices.IndexFunc(w.sim.Users(), func(u zoomsim.User) bool { return u.Email == backup })
			w.send(b, `{"event":"user.settings_updated","payload":{"account_id":"acc","object":{"id":"`+w.sim.Users()[at].ID+`","settings":{}}},"event_ts":$MS}`)
		}, 5 * time.Second, []string{"sign_in_needed"}, false, false, []string{"changed_in_zoom"}},
		{"another host's settings", nil, func(w *world, b incident.Bridge) {
			w.meetingSays(func(_, s map[string]any) { s["meeting_authentication"] = true })
			w.send(b, `{"event":"user.settings_updated","payload":{"account_id":"acc","object":{"id":"x","email":"mia@example.com","settings":{}}},"event_ts":$MS}`)
		}, 5 * time.Second, nil, false, false, []string{"changed_in_zoom"}}, // later
		{"Zoom says nothing of it", nil, func(w *world, _ incident.Bridge) {
			w.meetingSays(func(m, _ map[string]any) { delete(m, "settings"); delete(m, "password"); delete(m, "pstn_password") })
		}, time.Minute, nil, false, false, nil},
		{"Zoom says nothing of a setting that may have changed", nil, func(w *world, b incident.Bridge) {
			w.meetingSays(func(_, s map[string]any) { delete(s, "waiting_room") })
			w.send(b, meetingUpdated)
		}, 5 * time.Second, []string{"not_said"}, false, false, []string{"changed_in_zoom"}},
		{"Zoom had not said how the meeting is set up", func(w *world) {
			w.edit = func(call string, answer map[string]any) {
				if call == "POST meetings" {
					delete(answer, "settings")
				}
			}
		}, func(*world, incident.Bridge) {}, time.Minute, nil, false, false, nil},
		{"the link has the passcode in other words", nil, func(w *world, b incident.Bridge) {
			w.meetingSays(func(m, _ map[string]any) {
				m["join_url"] = strings.Split(fmt.Sprint(m["join_url"]), "?")[0] + "?pwd=OTHER.1"
			})
			w.send(b, meetingUpdated)
		}, time.Minute, nil, false, false, nil},
		{"a link elsewhere", nil, func(w *world, b incident.Bridge) {
			w.meetingSays(func(m, _ map[string]any) { m["join_url"], m["password"] = "https://evil.example/j/1", "n3w" })
			w.send(b, meetingUpdated)
		}, time.Minute, nil, false, false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, store *db.Store) {
				w := worldWith(t, store)
				if tt.setup != nil {
					tt.setup(w)
				}
				i, b := w.open()
				w.work(time.Minute)
				tt.do(w, b)
				w.sim.Settle()
				w.work(0)
				w.work(tt.within)
				got := w.bridge(i)
				if diff := cmp.Diff(tt.want, foundIn(got), cmp.Transformer("", func(s []string) string { return strings.Join(s, " ") })); diff != "" {
					t.Errorf("found (-want +got):\n%s", diff)
				}
				if (got.Passcode == "n3w" && got.PhonePasscode == "123123") != tt.passcode || got.Passcode == "" || !tt.passcode && got.PhonePasscode != b.PhonePasscode ||
					(got.JoinURL != b.JoinURL) != tt.link || got.LinkChangedAt.IsZero() == tt.link {
					t.Errorf("the passcode is %q, %q, the link %s, changed at %v", got.Passcode, got.PhonePasscode, got.JoinURL, got.LinkChangedAt)
				}
				w.minutes(5)
				var says []string
				for _, k := range w.kinds(i) {
					if slices.Contains([]string{"changed_in_zoom", "mended_in_zoom", "new_passcode", "new_link"}, k) {
						says = append(says, k)
					}
				}
				if diff := cmp.Diff(tt.says, says); diff != "" {
					t.Errorf("the timeline says (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// However many events say that a meeting changed, Zoom is asked about it every few seconds at
// most, and less often while it does not answer.
func TestManyMeetingChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.open()
	w.work(time.Minute)
	for _, down := range []bool{false, true} {
		w.faults(zoomsim.Faults{Down: down})
		before := w.asks()
		for range 60 {
			w.clock.Add(time.Second)
			w.send(b, meetingUpdated)
			w.work(0)
		}
		if n := w.asks() - before; n < 1 || n > 13 {
			t.Errorf("down %v: %d questions in a minute", down, n)
		}
	}
}
