package incident_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// slowStore is a store that takes long to store what became of a bridge.
type slowStore struct{ *db.Store }

func (s slowStore) ChangeBridge(ctx context.Context, c incident.BridgeChange) error {
	if c.Bridge.JoinURL != "" || c.Attempt != nil && c.Attempt.State != incident.AttemptCalling {
		time.Sleep(20 * time.Second)
	}
	return s.Store.ChangeBridge(context.WithoutCancel(ctx), c)
}

// The server that makes a bridge dies or is slow. Who calls at another server gets a standby
// meeting or the static link within three seconds, whatever the slow one stores later, and in
// the end Zoom has no other meeting.
func TestCallersOfASlowServer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		standby bool
		dies    bool
		fault   zoomsim.Faults
		want    incident.Kind
	}{
		{"it dies, a standby meeting is ready", true, true, zoomsim.Faults{Stall: true, Only: createOnly}, incident.KindStandby},
		{"it dies, Zoom creates the meeting late", true, true, zoomsim.Faults{Latency: 10 * time.Second, Only: createOnly}, incident.KindStandby},
		{"it is slow, a standby meeting is ready", true, false, zoomsim.Faults{}, incident.KindStandby},
		{"it is slow, there is a static link", false, false, zoomsim.Faults{}, incident.KindStatic},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := dbtest.MigratedPostgres(t)
			synctest.Test(t, func(t *testing.T) {
				seed := uint64(1) // with a static link
				if tt.standby {
					seed = 0
				}
				w := newTown(t, cfg, 2, true, seed)
				w.static = true // so that a caller without a link is an error
				standby := func(n int) {
					t.Helper()
					s := w.servers[1]
					a, err := s.store.Account(t.Context())
					if err == nil {
						_, err = s.SaveAccount(t.Context(), admin, incident.AccountForm{
							Auth: string(a.Auth), ZoomAccountID: a.ZoomAccountID, ClientID: a.ClientID, BackupUsers: a.BackupUsers, StandbyMeetings: &n, Version: a.Version,
						})
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				if tt.standby {
					standby(1)
					time.Sleep(time.Minute) // it is made
				}
				if !tt.dies {
					w.servers[0].kill()
					w.wrap = func(s *db.Store) incident.Store { return slowStore{s} }
					w.servers[0] = w.start(true)
					w.wrap = nil
				}
				w.sim.SetFaults(func(f *zoomsim.Faults) { *f = tt.fault })
				go w.servers[0].Open(context.Background(), anaIs, incident.OpenRequest{
					RunbookID: w.runbook, Name: "db down", Severity: "SEV1", DedupKey: "alert", Source: incident.SourceAPI,
				})
				time.Sleep(500 * time.Millisecond) // it is asking Zoom, or storing what Zoom said
				if tt.dies {
					w.servers[0].kill()
				}
				w.call(1, "alert") // within three seconds
				b := w.bridge(w.servers[1], 1)
				if b.Kind != tt.want || b.JoinURL == "" {
					t.Errorf("the caller got %s %q: %s", b.Kind, b.JoinURL, why(b))
				}
				time.Sleep(time.Minute) // the slow one has stored what it wanted to
				if after := w.bridge(w.servers[1], 1); after.JoinURL != b.JoinURL {
					t.Errorf("the link changed to %s %q", after.Kind, after.JoinURL)
				}
				w.sim.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{} })
				if tt.standby {
					standby(0) // what is ready for the next incident goes
				}
				for _, s := range w.servers {
					s.kill()
				}
				s := w.start(false)
				w.work(s, time.Hour, 2*time.Minute)
				w.check(s, 1)
			})
		})
	}
}
