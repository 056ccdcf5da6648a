package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"

	"github.com/drawbridge-hq/drawbridge/db"
)

// While an incident is open, Drawbridge never gives up on its bridge, whatever is wrong.
func TestNeverGivesUp(t *testing.T) {
	t.Parallel()
	createOnly := "POST /users/{userId}/meetings"
	for _, tt := range []struct {
		name  string
		wrong zoomsim.Faults
	}{
		{"Z-12 token rejected", zoomsim.Faults{TokenRefused: true}},
		{"Z-01 daily limit", zoomsim.Faults{RateLimited: "day", Only: createOnly}},
		{"Z-13 scope missing", zoomsim.Faults{MissingScopes: []string{"meeting:write:meeting:admin", "meeting:write:admin"}}},
		{"Z-20 unreachable", zoomsim.Faults{Reset: true, Only: "POST /oauth/token"}},
		{"every answer is 502", zoomsim.Faults{Down: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.faults(tt.wrong)
			i, b := w.open()
			first := len(w.timeline(i))
			for range 60 {
				w.work(2 * time.Minute)
			}
			if b = w.bridge(i); b.JoinURL != "" {
				t.Fatalf("the bridge is %s with the link %q", b.State, b.JoinURL)
			}
			if n := len(w.timeline(i)); n > first+6 {
				t.Errorf("the timeline has %d entries after two hours, and had %d:\n%s", n, first, strings.Join(w.timeline(i), "\n"))
			}
			if n := w.creates(); n > 40 {
				t.Errorf("Zoom was asked for a meeting %d times", n)
			}
			w.faults(zoomsim.Faults{})
			for range 16 {
				w.work(2 * time.Minute)
			}
			if b = w.bridge(i); b.State != incident.BridgeReady || b.JoinURL == "" {
				t.Errorf("after Zoom works again the bridge is %s (%s)", b.State, why(b))
			}
			if n := len(w.ledger()); n != 1 {
				t.Errorf("Zoom has %d meetings", n)
			}
		})
	}
}

// A bridge that failed is tried again as soon as something happens that may help.
func TestRetriedAtOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		happens func(w *world, failed incident.Incident)
	}{
		{"the account is saved", func(w *world, _ incident.Incident) {
			other := "ana2@example.com"
			w.saveAccount(func(f *incident.AccountForm) { f.BackupUsers = []string{other} })
			w.work(0)
		}},
		{"the connection is checked", func(w *world, _ incident.Incident) {
			w.must(w.service.CheckConnection(w.Context(), admin))
			w.work(0)
		}},
		{"another incident gets its bridge", func(w *world, _ incident.Incident) {
			w.open(func(r *incident.OpenRequest) { r.DedupKey = "other" })
			w.work(0)
		}},
		{"the alert is repeated", func(w *world, failed incident.Incident) {
			again, created, err := w.service.OpenIncident(w.Context(), anaIs, incident.OpenRequest{RunbookID: w.runbook.ID, Name: "db down", DedupKey: "alert-7", Source: incident.SourceAPI})
			w.ok(err)
			if created || again.Number != failed.Number {
				w.Errorf("INC-%d, created %v", again.Number, created)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, store *db.Store) {
				w := worldWith(t, store)
				w.faults(zoomsim.Faults{TokenRefused: true})
				i, b := w.open(func(r *incident.OpenRequest) { r.DedupKey = "alert-7" })
				for range 40 { // by now, the pauses are long
					w.work(time.Minute)
				}
				w.faults(zoomsim.Faults{})
				w.clock.Add(10 * time.Second)
				tt.happens(w, i)
				if b = w.bridge(i); b.State != incident.BridgeReady {
					t.Errorf("the bridge is %s (%s)", b.State, why(b))
				}
			})
		})
	}
}

// A person who tries again, in vain, does not make Drawbridge try more often by itself.
func TestRetriesDoNotMultiply(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, store *db.Store) {
		w := worldWith(t, store)
		w.faults(zoomsim.Faults{TokenRefused: true})
		i, b := w.open()
		for range 3 {
			w.ok(w.service.RetryBridge(t.Context(), anaIs, b.ID))
			w.clock.Add(time.Second)
		}
		jobs, err := store.RetryJobs(t.Context(), i.Number)
		w.ok(err)
		if len(jobs) != 1 {
			t.Errorf("%d retries are planned, want 1", len(jobs))
		}
		w.ok(w.service.ResolveIncident(t.Context(), anaIs, i.Number))
		if jobs, err = store.RetryJobs(t.Context(), i.Number); err != nil || len(jobs) != 0 {
			t.Errorf("%d retries are planned for a resolved incident: %v", len(jobs), err)
		}
	})
}

// A bridge that fails while its incident is resolved waits for the incident to be
// reopened, and keeps the reason.
func TestReopenedIncidentGetsItsBridge(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, store *db.Store) {
		w := worldWith(t, store)
		w.faults(zoomsim.Faults{TokenRefused: true})
		i, _ := w.open()
		w.ok(w.service.ResolveIncident(t.Context(), anaIs, i.Number))
		w.work(time.Hour)
		if b := w.bridge(i); b.State != incident.BridgeFailed || !strings.Contains(why(b), `"wrong_client"`) || strings.Contains(why(b), "retry_at") {
			t.Errorf("the bridge is %s (%s)", b.State, why(b))
		}
		w.faults(zoomsim.Faults{})
		w.ok(w.service.ReopenIncident(t.Context(), anaIs, i.Number))
		w.work(0)
		if b := w.bridge(i); b.State != incident.BridgeReady {
			t.Errorf("after reopening the bridge is %s (%s)", b.State, why(b))
		}
	})
}

// Neither Zoom's limits nor an alert that is repeated all the time makes Drawbridge
// spend the meetings that Zoom lets a host create in a day.
func TestRetriesSpareTheDay(t *testing.T) {
	t.Parallel()
	createOnly := "POST /users/{userId}/meetings"
	for _, tt := range []struct {
		name  string
		wrong zoomsim.Faults
		every time.Duration // how often the alert is repeated; 0: never
	}{
		{"too many calls, for a minute", zoomsim.Faults{RateLimited: "second", RetryAfter: "60", Only: createOnly}, 0},
		{"all meetings refused", zoomsim.Faults{MissingScopes: []string{"meeting:write:meeting:admin", "meeting:write:admin"}}, 0},
		{"all meetings refused, and the alert repeated", zoomsim.Faults{MissingScopes: []string{"meeting:write:meeting:admin", "meeting:write:admin"}}, 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.faults(tt.wrong)
			w.open(func(r *incident.OpenRequest) { r.DedupKey = "alert-7" })
			if tt.every == 0 {
				for range 24 * 12 {
					w.work(5 * time.Minute)
				}
			}
			for range 600 * min(tt.every, 1) {
				w.work(tt.every)
				_, _, err := w.service.OpenIncident(t.Context(), anaIs, incident.OpenRequest{RunbookID: w.runbook.ID, Name: "db down", DedupKey: "alert-7", Source: incident.SourceAPI})
				w.ok(err)
			}
			if n := w.creates(); n >= 2*100 {
				t.Errorf("Zoom was asked for a meeting of two hosts %d times", n)
			}
		})
	}
}

// The account's check is renewed by what bridges show, so that it is neither green
// after a bridge was refused nor red after one was made.
func TestBridgesRenewTheCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		topic      incident.Topic
		spoil, fix func(w *world)
	}{
		{"token", incident.TopicToken,
			func(w *world) { w.faults(zoomsim.Faults{TokenRefused: true}) },
			func(w *world) { w.faults(zoomsim.Faults{}) }},
		{"backup user", incident.TopicBackupUser,
			func(w *world) {
				w.sim.SetUser(opener, func(u *zoomsim.User) { u.Unknown = true })
				w.sim.SetUser(backup, func(u *zoomsim.User) { u.Status = "inactive" })
			},
			func(w *world) { w.sim.SetUser(backup, func(u *zoomsim.User) { u.Status = "active" }) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			worst := func() incident.Level {
				t.Helper()
				level := incident.LevelOK
				for _, l := range w.account().Check.Lines {
					if l.Topic == tt.topic && l.Level.Compare(level) > 0 {
						level = l.Level
					}
				}
				return level
			}
			w.must(w.service.CheckConnection(t.Context(), admin))
			if worst() != incident.LevelOK {
				t.Fatalf("the first check says: %s", worst())
			}
			tt.spoil(w)
			w.clock.Add(2 * time.Hour) // the token of the check has expired
			w.open()
			w.work(2 * time.Minute)
			if worst() != incident.LevelBad {
				t.Errorf("a bridge failed, and the check says: %s", worst())
			}
			tt.fix(w)
			w.open(func(r *incident.OpenRequest) { r.DedupKey = "next" })
			w.work(2 * time.Minute)
			if worst() != incident.LevelOK {
				t.Errorf("a bridge was made, and the check says: %s", worst())
			}
		})
	}
}
