package db_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

func standby(state incident.StandbyState, host string) incident.Standby {
	return incident.Standby{ID: id(), HostEmail: host, State: state, CreatedAt: now, CheckedAt: after(5),
		Meeting: zoom.Meeting{ID: "81", JoinURL: "https://zoom.us/j/81", Passcode: "abc", DialIn: []zoom.DialIn{{Number: "+47"}}}}
}

func TestStandbys(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		kept := func(since time.Time) []incident.Standby {
			t.Helper()
			rows, err := s.Standbys(t.Context(), since)
			check(t, err)
			return rows
		}
		m, refused := standby(incident.StandbyCalling, "a@example.com"), standby(incident.StandbyRefused, "a@example.com")
		refused.Reason = incident.Reason{Code: incident.ReasonNotCreated, Host: "a@example.com"}
		refused.CreatedAt = after(1)
		check(t, s.SaveStandby(t.Context(), m, ""))
		check(t, s.SaveStandby(t.Context(), refused, ""))
		same(t, kept(now), []incident.Standby{m, refused})
		same(t, kept(after(2)), []incident.Standby{m})

		m.State, m.TryAt, m.Looks = incident.StandbyReady, after(9), 2
		check(t, s.SaveStandby(t.Context(), m, incident.StandbyCalling))
		same(t, kept(after(2)), []incident.Standby{m})
		wantCode(t, s.SaveStandby(t.Context(), m, incident.StandbyCalling), incident.Conflict)

		check(t, s.DoubtStandbys(t.Context(), []string{m.ID}, after(7)))
		wantCode(t, s.SaveStandby(t.Context(), m, incident.StandbyReady), incident.Conflict)
		m.CheckedAt = after(8)
		check(t, s.SaveStandby(t.Context(), m, incident.StandbyReady))

		loads, err := s.HostLoads(t.Context(), incident.LoadsAt(now, []string{"a@example.com"}))
		check(t, err)
		same(t, loads["a@example.com"].Creates, 1)
		_, b := openIncident(t, s, addRunbook(t, s, "Outage"))
		b.UpdatedAt = now
		check(t, s.ChangeBridge(t.Context(), incident.BridgeChange{Bridge: b, From: []incident.BridgeState{b.State}, Standby: m.ID}))
		same(t, kept(after(2)), []incident.Standby(nil))
		if loads, err = s.HostLoads(t.Context(), incident.LoadsAt(now, []string{"a@example.com"})); err != nil || loads["a@example.com"].Creates != 2 {
			t.Errorf("a claimed standby meeting counts as %d changes, want 2: %v", loads["a@example.com"].Creates, err)
		}
		for _, days := range []int{399, 401} { // the sweep must know it for a year
			later := standby(incident.StandbyGone, "a@example.com")
			later.CreatedAt = now.AddDate(0, 0, days)
			check(t, s.SaveStandby(t.Context(), later, ""))
			all, err := s.AllStandbys(t.Context())
			check(t, err)
			same(t, slices.ContainsFunc(all, func(a incident.Standby) bool { return a.ID == m.ID }), days < 400)
		}

		j := incident.Job{ID: "standby", Kind: incident.JobStandby, State: incident.JobQueued, RunAt: after(60), CreatedAt: now}
		check(t, s.EnsureJob(t.Context(), j))
		j.RunAt = now
		check(t, s.EnsureJob(t.Context(), j))
		claimed, ok, err := s.ClaimJob(t.Context(), "standby", "w", now, time.Minute)
		check(t, err)
		if !ok || !claimed.RunAt.Equal(now) {
			t.Errorf("claimed %v, due at %s", ok, claimed.RunAt)
		}
		check(t, s.EnsureJob(t.Context(), j))
		if _, ok, err := s.ClaimJob(t.Context(), "standby", "w2", now, time.Minute); ok || err != nil {
			t.Errorf("a second worker has it too: %v", err)
		}
	})
}

// Each standby meeting becomes that of one bridge, however many servers ask at once.
func TestStandbyRace(t *testing.T) {
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		servers := []*db.Store{dbtest.Open(t, cfg)}
		if cfg.DatabaseURL != "" {
			servers = append(servers, dbtest.Open(t, cfg))
		}
		m := standby(incident.StandbyReady, "a@example.com")
		check(t, servers[0].SaveStandby(t.Context(), m, ""))
		book := addRunbook(t, servers[0], "Outage")
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := map[string]int{}
		for n := range 8 {
			_, b := openIncident(t, servers[0], book)
			wg.Go(func() {
				c := incident.BridgeChange{Bridge: b, From: []incident.BridgeState{b.State}, Standby: m.ID}
				c.Bridge.State, c.Bridge.MeetingID = incident.BridgeReady, m.Meeting.ID
				err := servers[n%len(servers)].ChangeBridge(t.Context(), c)
				mu.Lock()
				defer mu.Unlock()
				if err != nil && !errors.Is(err, incident.ErrStandbyTaken) {
					t.Error(err)
				}
				got[fmt.Sprint(err == nil)]++
			})
		}
		wg.Wait()
		same(t, got, map[string]int{"true": 1, "false": 7})
	})
}
