package incident_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// A meeting whose host runs as many calls as Zoom lets it can't start, so an incident gets
// it only if there is nothing that people can use.
func TestHostRunsCalls(t *testing.T) {
	t.Parallel()
	const a, b = "a@example.com", "b@example.com"
	for _, tt := range []struct {
		name    string
		hosts   []string
		standby int
		links   []incident.StaticLink
		kind    incident.Kind
		host    string
	}{
		{"nothing else", []string{a}, 0, nil, incident.KindMeeting, a},
		{"a static link", []string{a}, 0, []incident.StaticLink{warRoom}, incident.KindStatic, ""},
		{"a standby meeting of the same host, and a static link", []string{a}, 1, []incident.StaticLink{warRoom}, incident.KindStatic, ""},
		{"only a standby meeting of the same host", []string{a}, 1, nil, incident.KindMeeting, a},
		{"another host", []string{a, b}, 0, []incident.StaticLink{warRoom}, incident.KindMeeting, b},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, store *db.Store) {
				w := worldWith(t, store)
				w.pool(tt.hosts...)
				if tt.standby > 0 {
					w.standby(tt.standby)
				}
				w.links(tt.links...)
				first := w.byStranger()
				w.join(first, zoomsim.Person{Name: "Mia"})
				w.work(0)
				before := w.creates()
				second := w.byStranger()
				if second.Kind != tt.kind || second.HostEmail != tt.host || second.JoinURL == "" {
					t.Fatalf("the second incident got %s of %q: %+v", second.Kind, second.HostEmail, second.Reasons)
				}
				if tt.kind != incident.KindStatic {
					return
				}
				if w.creates() != before+1 { // of its opener, who isn't a Zoom user
					t.Error("Zoom was asked for a meeting that can’t start")
				}
				if second.Reasons[1] != (incident.Reason{Code: incident.ReasonHostRuns, Host: a, Count: 1}) {
					t.Errorf("the reasons are %+v", second.Reasons)
				}
				// A move would give it a meeting that can't start.
				if err := w.service.MoveToZoom(t.Context(), admin, second.ID); incident.CodeOf(err) != incident.Unavailable {
					t.Errorf("a move says %v", err)
				}
			})
		})
	}
}

// A bridge that can't start can move to a meeting of a host that runs no call, or to a static
// link with its phone and PIN.
func TestLeaveBusyHost(t *testing.T) {
	t.Parallel()
	const a, b = "a@example.com", "b@example.com"
	stuck := func(t *testing.T, store *db.Store) (*world, incident.Bridge) {
		w := worldWith(t, store)
		w.pool(a)
		first, second := w.byStranger(), w.byStranger()
		w.join(first, zoomsim.Person{Name: "Mia"})
		w.work(0)
		return w, second
	}
	t.Run("to another host", func(t *testing.T) {
		dbtest.Each(t, func(t *testing.T, store *db.Store) {
			w, second := stuck(t, store)
			w.pool(a, b)
			w.ok(w.service.MoveToZoom(t.Context(), admin, second.ID))
			got, err := store.Bridge(t.Context(), second.ID)
			w.ok(err)
			if got.HostEmail != b || got.Verdict().Level != incident.LevelOK || got.LinkChangedAt.IsZero() {
				t.Errorf("the bridge is %+v", got)
			}
			if err := w.service.MoveToZoom(t.Context(), admin, second.ID); incident.CodeOf(err) != incident.Conflict {
				t.Errorf("moving a bridge that people can get into says %v", err)
			}
		})
	})
	t.Run("while somebody waits in it", func(t *testing.T) {
		dbtest.Each(t, func(t *testing.T, store *db.Store) {
			w := worldWith(t, store)
			w.pool(a)
			w.faults(zoomsim.Faults{OverwriteSettings: true})
			first, second := w.byStranger(), w.byStranger()
			w.faults(zoomsim.Faults{})
			w.join(first, zoomsim.Person{Name: "A", Email: a})
			w.join(second, zoomsim.Person{Name: "Mia"})
			w.work(time.Minute)
			got, err := store.Bridge(t.Context(), second.ID)
			w.ok(err)
			if got.Waiting != 1 || got.Alarm != incident.AlarmStuck || got.Verdict().Help != incident.HelpAnotherLink { // nobody can start it as host
				t.Fatalf("%d wait, the alarm is %q, and the verdict %+v", got.Waiting, got.Alarm, got.Verdict())
			}
			w.pool(a, b)
			w.ok(w.service.MoveToZoom(t.Context(), admin, second.ID))
			for range 3 {
				got, err = store.Bridge(t.Context(), second.ID)
				w.ok(err)
				if got.HostEmail != b || got.Waiting != 0 || got.Alarm != "" || got.Verdict().Level != incident.LevelOK {
					t.Fatalf("in the new meeting %d wait, the alarm is %q, and the verdict %+v", got.Waiting, got.Alarm, got.Verdict())
				}
				w.work(time.Minute)
			}
		})
	})
	t.Run("to a static link", func(t *testing.T) {
		dbtest.Each(t, func(t *testing.T, store *db.Store) {
			w, second := stuck(t, store)
			w.links(warRoom)
			w.ok(w.service.UseLink(t.Context(), admin, second.ID, warRoom.URL, ""))
			got, err := store.Bridge(t.Context(), second.ID)
			w.ok(err)
			if got.JoinURL != warRoom.URL || got.Passcode != warRoom.PIN || got.LinkName != warRoom.Name || len(got.DialIn) != 1 || got.DialIn[0].Number != warRoom.Phone {
				t.Errorf("the bridge is %+v", got)
			}
		})
	})
	t.Run("while Zoom is asked about the meeting that it leaves", func(t *testing.T) {
		dbtest.Each(t, func(t *testing.T, store *db.Store) {
			w, second := stuck(t, store)
			w.pool(a, b)
			var moved incident.Bridge
			w.during = func(call string) {
				if call != "GET /v2/meetings/"+second.MeetingID {
					return
				}
				w.during = nil
				w.ok(w.service.MoveToZoom(t.Context(), admin, second.ID))
				var err error
				moved, err = store.Bridge(t.Context(), second.ID)
				w.ok(err)
			}
			w.work(2 * time.Minute)
			got, err := store.Bridge(t.Context(), second.ID)
			w.ok(err)
			if moved.MeetingID == second.MeetingID || got.MeetingID != moved.MeetingID || !got.ToldAt.Equal(moved.ToldAt) {
				t.Errorf("the bridge was told of at %v; when it moved, at %v; its meeting is %q, it was %q", got.ToldAt, moved.ToldAt, got.MeetingID, second.MeetingID)
			}
			w.work(2 * time.Minute)
			got, err = store.Bridge(t.Context(), second.ID)
			w.ok(err)
			if !got.ToldAt.After(moved.ToldAt) {
				t.Error("Zoom is not asked about the new meeting")
			}
		})
	})
}
