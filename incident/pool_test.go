package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// pool gives the account these backup users, who are Zoom users too.
func (w *world) pool(hosts ...string) {
	w.Helper()
	for _, h := range hosts {
		w.sim.AddUser(zoomsim.User{Email: h, JoinBeforeHost: true, CloudRecording: true})
	}
	w.saveAccount(func(f *incident.AccountForm) { f.BackupUsers = hosts })
}

// byStranger opens an incident whose opener isn't a Zoom user.
func (w *world) byStranger() incident.Bridge {
	w.Helper()
	_, b := w.open(func(r *incident.OpenRequest) { r.OpenerEmail = "noor@partner.example" })
	return b
}

func TestHostPoolSharesMeetings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pool("a@example.com", "b@example.com", "c@example.com")
	hosts := map[string]int{}
	for range 3 {
		b := w.byStranger()
		if b.State != incident.BridgeReady || !b.UsedBackupUser || b.Rung != incident.RungBackup {
			t.Fatalf("%s on %s: %s", b.State, b.Rung, why(b))
		}
		hosts[b.HostEmail]++
	}
	if len(hosts) != 3 {
		t.Errorf("three incidents got the hosts %v, want each one", hosts)
	}
	if b := w.byStranger(); b.State != incident.BridgeReady || hosts[b.HostEmail] != 1 {
		t.Errorf("with every host busy: %s, hosted by %s", b.State, b.HostEmail)
	}
}

// Whom the next incident gets, after what happened before.
func TestNextHost(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		before  func(w *world)
		opener  bool // the opener is a Zoom user
		want    string
		wantWhy string // part of the reasons; "-": none
	}{
		{"the first of the list", func(*world) {}, false, "a@example.com", "-"},
		{"the one with room", func(w *world) { w.byStranger() }, false, "b@example.com", `{"code":"host_busy","host":"a@example.com","count":1}`},
		{"the one that was asked less often today", func(w *world) {
			w.resolve(w.byStranger())
		}, false, "b@example.com", "-"},
		{"a new day", func(w *world) {
			w.resolve(w.byStranger())
			w.clock.Add(24 * time.Hour)
		}, false, "a@example.com", "-"},
		{"nobody joined for hours", func(w *world) {
			w.byStranger()
			w.byStranger()
			w.clock.Add(3 * time.Hour)
		}, false, "a@example.com", "-"},
		{"with a plan for two meetings at once", func(w *world) {
			w.sim.SetUser("b@example.com", func(u *zoomsim.User) { u.ConcurrentMeetings = 2 })
			w.must(w.service.CheckConnection(w.Context(), admin))
			w.byStranger()
			w.byStranger()
		}, false, "b@example.com", `{"code":"host_busy","host":"a@example.com","count":1}`},
		{"the opener", func(*world) {}, true, opener, "-"},
		{"the opener hosts a call", func(w *world) { w.open() }, true, "a@example.com", `{"code":"host_busy","host":"ana@example.com","count":1}`},
		{"the opener has room and a backup user doesn’t", func(w *world) { w.byStranger() }, true, opener, "-"},
		{"the opener runs a call", func(w *world) {
			_, b := w.open()
			w.join(b, zoomsim.Person{Name: "Mia"})
			w.work(0)
		}, true, "a@example.com", `{"code":"host_runs","host":"ana@example.com","count":1}`},
		{"the opener runs a call, and nobody has joined the meetings of the others", func(w *world) {
			_, b := w.open()
			w.byStranger()
			w.byStranger()
			w.join(b, zoomsim.Person{Name: "Mia"})
			w.work(0)
		}, true, "a@example.com", `{"code":"host_runs","host":"ana@example.com","count":1}`},
		{"a backup user that comes later is busy", func(w *world) {
			w.sim.SetUser("a@example.com", func(u *zoomsim.User) { u.ConcurrentMeetings = 2 })
			w.must(w.service.CheckConnection(w.Context(), admin))
			first := w.byStranger()
			w.byStranger()
			w.byStranger()
			w.resolve(first)
		}, false, "a@example.com", "-"},
		{"everybody hosts a call", func(w *world) { w.open(); w.byStranger(); w.byStranger() }, true, opener, "-"},
		{"Zoom refused a host", func(w *world) {
			w.sim.SetUser("a@example.com", func(u *zoomsim.User) { u.NoMeetings = true })
			w.resolve(w.byStranger())
			w.sim.SetUser("b@example.com", func(u *zoomsim.User) { u.ConcurrentMeetings = 2 })
		}, false, "b@example.com", `{"code":"host_rests","host":"a@example.com","zoom":{"code":"may_not_host"`},
		{"Zoom refused a host an hour ago", func(w *world) {
			w.sim.SetUser("a@example.com", func(u *zoomsim.User) { u.NoMeetings = true })
			w.resolve(w.byStranger())
			w.sim.SetUser("a@example.com", func(u *zoomsim.User) { u.NoMeetings = false })
			w.clock.Add(time.Hour)
		}, false, "a@example.com", "-"},
		{"Zoom refused a host that was mended", func(w *world) {
			w.sim.SetUser("a@example.com", func(u *zoomsim.User) { u.NoMeetings = true })
			w.resolve(w.byStranger())
			w.sim.SetUser("a@example.com", func(u *zoomsim.User) { u.NoMeetings = false })
			w.clock.Add(time.Minute)
			w.must(w.service.CheckConnection(w.Context(), admin))
		}, false, "a@example.com", "-"},
		{"a host's day is over", func(w *world) {
			w.sim.SetUser("a@example.com", func(u *zoomsim.User) { u.DailyLimitReached = true })
			w.resolve(w.byStranger())
			w.sim.SetUser("a@example.com", func(u *zoomsim.User) { u.DailyLimitReached = false })
			w.clock.Add(4 * time.Hour)
		}, false, "b@example.com", `{"code":"host_rests","host":"a@example.com","zoom":{"code":"host_day_limit"`},
		{"all hosts rest", func(w *world) {
			for _, h := range []string{"a@example.com", "b@example.com"} {
				w.sim.SetUser(h, func(u *zoomsim.User) { u.NoMeetings = true })
			}
			w.resolve(w.byStranger())
			w.sim.SetUser("b@example.com", func(u *zoomsim.User) { u.NoMeetings = false })
		}, false, "b@example.com", `{"code":"zoom","host":"a@example.com","zoom":{"code":"may_not_host"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.clock.Add(time.Hour)
			w.pool("a@example.com", "b@example.com")
			tt.before(w)
			var b incident.Bridge
			if tt.opener {
				_, b = w.open()
			} else {
				b = w.byStranger()
			}
			if b.State != incident.BridgeReady || b.HostEmail != tt.want {
				t.Errorf("%s, hosted by %s, want %s: %s", b.State, b.HostEmail, tt.want, why(b))
			}
			said := slices.DeleteFunc(b.Reasons, func(r incident.Reason) bool { return r.Host == "noor@partner.example" })
			if tt.wantWhy == "-" && len(said) > 0 || tt.wantWhy != "-" && !strings.Contains(why(b), tt.wantWhy) {
				t.Errorf("reasons %s, want %s", why(b), tt.wantWhy)
			}
		})
	}
}

// resolve ends the incident of a bridge.
func (w *world) resolve(b incident.Bridge) {
	w.Helper()
	w.ok(w.service.ResolveIncident(w.Context(), anaIs, b.IncidentNumber))
}

// Incidents that are opened at the same time share the hosts too, and those that don't
// find room wait for nobody.
func TestHostPoolInParallel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var hosts []string
	for n := range 6 {
		hosts = append(hosts, fmt.Sprintf("host%d@example.com", n))
	}
	w.pool(hosts...)
	w.faults(zoomsim.Faults{Latency: 100 * time.Millisecond, Only: createOnly})
	var got sync.Map
	var wg sync.WaitGroup
	for n := range len(hosts) {
		wg.Go(func() {
			i, _, err := w.service.OpenIncident(t.Context(), anaIs, incident.OpenRequest{RunbookID: w.runbook.ID, Name: fmt.Sprint("db down ", n), OpenerEmail: "noor@partner.example"})
			if err != nil {
				t.Error(err)
				return
			}
			b := w.bridge(i)
			if was, taken := got.LoadOrStore(b.HostEmail, i.Key()); taken || b.State != incident.BridgeReady {
				t.Errorf("%s is %s, hosted by %s like %v: %s", i.Key(), b.State, b.HostEmail, was, why(b))
			}
		})
	}
	wg.Wait()
}
