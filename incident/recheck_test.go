package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// reads returns how many times Zoom was asked about a user.
func (w *world) reads() (n int) {
	for _, c := range w.sim.Calls() {
		if c.Operation == "GET /users/{userId}" {
			n++
		}
	}
	return n
}

// codes returns what the check says about users, and what readiness lacks.
func (w *world) said() (users, why []string) {
	a := w.account()
	for _, l := range a.Report(w.clock.Now()).Lines {
		if l.Topic == incident.TopicBackupUser {
			users = append(users, string(l.Code))
		}
	}
	_, findings := a.Readiness(w.clock.Now())
	for _, l := range findings {
		why = append(why, string(l.Code))
	}
	return users, why
}

// What Zoom says about the backup user renews the check.
func TestHostChangeRenewsCheck(t *testing.T) {
	t.Parallel()
	user := func(event, object string) string {
		return `{"event":"user.` + event + `","payload":{"account_id":"acc","operator":"ana@example.com","object":` + object + `},"event_ts":$MS}`
	}
	deactivate := func(u *zoomsim.User) { u.Status = "inactive" }
	basic := func(u *zoomsim.User) { u.Type = zoom.UserBasic }
	for _, tt := range []struct {
		name, body string
		change     func(*zoomsim.User)
		want       incident.FindingCode
		wantReads  int
	}{
		{"deactivated, by id", user("deactivated", `{"id":"$BACKUP","type":2}`), deactivate, incident.FoundUserInactive, 1},
		{"deactivated, by id in lower case", user("deactivated", `{"id":"$LOWER","type":2}`), deactivate, incident.FoundUserInactive, 1},
		{"deactivated, by email address", user("deactivated", `{"id":"x","email":"OnCall@Example.com"}`), deactivate, incident.FoundUserInactive, 1},
		{"deleted", user("deleted", `{"id":"$BACKUP","email":"oncall@example.com"}`), deactivate, incident.FoundUserInactive, 1},
		{"disassociated", user("disassociated", `{"id":"$BACKUP"}`), deactivate, incident.FoundUserInactive, 1},
		{"lost the license", user("updated", `{"id":"$BACKUP","type":1}`), basic, incident.FoundUserBasic, 1},
		{"settings", user("settings_updated", `{"id":"$BACKUP","settings":{}}`), nil, incident.FoundUser, 1},
		{"somebody else", user("deactivated", `{"id":"other","email":"bo@example.com"}`), deactivate, incident.FoundUser, 0},
		{"somebody else's settings", user("settings_updated", `{"id":"other"}`), deactivate, incident.FoundUser, 0},
		{"presence", user("presence_status_updated", `{"id":"$BACKUP"}`), deactivate, incident.FoundUser, 0},
		{"without an object", user("deactivated", `"x"`), deactivate, incident.FoundUser, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.must(w.service.CheckConnection(t.Context(), admin))
			w.clock.Add(time.Hour)
			if tt.change != nil {
				w.sim.SetUser(backup, tt.change)
			}
			before := w.reads()
			id := w.account().Check.Users[backup]
			w.send(incident.Bridge{}, strings.NewReplacer("$BACKUP", id, "$LOWER", strings.ToLower(id)).Replace(tt.body))

			w.must(w.service.ReadEvents(t.Context()))
			if users, why := w.said(); tt.wantReads > 0 && (!slices.Equal(users, []string{"host_changed"}) || !slices.Equal(why, users)) {
				t.Errorf("after the event the check says %q, readiness lacks %q; want host_changed", users, why)
			}
			w.work(0)
			if users, _ := w.said(); !slices.Equal(users, []string{string(tt.want)}) {
				t.Errorf("then the check says %q, want %q", users, tt.want)
			}
			if got := w.reads() - before; got != tt.wantReads {
				t.Errorf("Zoom was asked %d times about a user, want %d", got, tt.wantReads)
			}
			rows, err := w.store.EventRows(t.Context(), db.EventFilter{}, "", 1)
			w.ok(err)
			w.reprocess(rows.Items[0].ID)
			w.work(time.Hour)
			if got := w.reads() - before; got != tt.wantReads {
				t.Errorf("after reprocessing it was asked %d times, want %d", got, tt.wantReads)
			}
		})
	}
}

// A burst of events causes one check, and later ones another.
func TestBurstOfHostChanges(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, store *db.Store) {
		w := worldWith(t, store)
		w.must(w.service.CheckConnection(t.Context(), admin))
		w.clock.Add(time.Hour)
		before := w.reads()
		burst := func() {
			for n := range 150 {
				w.send(incident.Bridge{}, fmt.Sprintf(`{"event":"user.updated","payload":{"object":{"email":"oncall@example.com","dept":"%d"}},"event_ts":%d}`, n, w.clock.Now().UnixMilli()+int64(n)))
			}
		}
		burst()
		w.work(0)
		if got := w.reads() - before; got != 1 {
			t.Errorf("a burst asked Zoom %d times, want once", got)
		}
		w.clock.Add(time.Second)
		burst()
		w.work(0)
		if got := w.reads() - before; got != 1 {
			t.Errorf("another burst a second later asked Zoom %d times at once, want not yet", got-1)
		}
		w.work(2 * time.Minute)
		if got := w.reads() - before; got != 2 {
			t.Errorf("afterwards Zoom was asked %d times, want twice", got)
		}
		if users, why := w.said(); len(why) != 0 {
			t.Errorf("the check says %q, readiness lacks %q", users, why)
		}
	})
}

// An account without credentials, or without a check, stays calm, and a check
// that Zoom does not answer does not replace what is known.
func TestHostChangeStaysCalm(t *testing.T) {
	t.Parallel()
	const event = `{"event":"user.deactivated","payload":{"object":{"email":"oncall@example.com"}},"event_ts":$MS}`
	t.Run("never checked", func(t *testing.T) {
		w := newWorld(t)
		w.send(incident.Bridge{}, event)
		w.work(time.Minute)
		if n := w.reads(); n != 0 {
			t.Errorf("Zoom was asked %d times", n)
		}
	})
	t.Run("Zoom does not answer", func(t *testing.T) {
		w := newWorld(t)
		w.must(w.service.CheckConnection(t.Context(), admin))
		w.clock.Add(time.Hour)
		w.faults(zoomsim.Faults{Reset: true})
		w.send(incident.Bridge{}, event)
		w.work(time.Second)
		if users, why := w.said(); !slices.Equal(why, []string{"host_changed"}) {
			t.Errorf("the check says %q, readiness lacks %q; want host_changed", users, why)
		}
		w.faults(zoomsim.Faults{})
		w.work(time.Hour)
		if users, why := w.said(); len(why) != 0 {
			t.Errorf("when Zoom answers again the check says %q, readiness lacks %q", users, why)
		}
	})
}
