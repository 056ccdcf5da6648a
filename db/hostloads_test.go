package db_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// asks returns the change with which a bridge asks a host for a meeting.
func asks(b incident.Bridge, host string, atOnce int) incident.BridgeChange {
	from := b.State
	b.State, b.HostEmail, b.UpdatedAt = incident.BridgeCreating, host, now
	return incident.BridgeChange{Bridge: b, From: []incident.BridgeState{from}, Room: incident.Room{AtOnce: atOnce, Ready: after(-3600)}, Attempt: &incident.Attempt{
		ID: id(), BridgeID: b.ID, Rung: incident.RungBackup, HostEmail: host, State: incident.AttemptCalling, StartedAt: now,
	}}
}

func TestHostLoads(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		book := addRunbook(t, s, "Outage")
		loads := func(at time.Time) map[string]incident.HostLoad {
			t.Helper()
			l, err := s.HostLoads(t.Context(), incident.LoadsAt(at, []string{"a@example.com", "b@example.com"}))
			check(t, err)
			return l
		}
		same(t, loads(now), map[string]incident.HostLoad{})
		i, b := openIncident(t, s, book)
		c := asks(b, "a@example.com", 1)
		check(t, s.ChangeBridge(t.Context(), c))
		same(t, loads(now), map[string]incident.HostLoad{"a@example.com": {Open: 1, Creates: 1}})

		// Nothing was created, so nothing counts.
		refused := *c.Attempt
		refused.State, refused.Reason, refused.FinishedAt = incident.AttemptRefused, incident.Reason{Code: incident.ReasonNotCreated}, now
		c.Bridge.State = incident.BridgeFailed
		check(t, s.ChangeBridge(t.Context(), incident.BridgeChange{Bridge: c.Bridge, From: []incident.BridgeState{incident.BridgeCreating}, Attempt: &refused, AttemptFrom: incident.AttemptCalling}))
		same(t, loads(now), map[string]incident.HostLoad{"a@example.com": {Last: refused}})

		c = asks(c.Bridge, "b@example.com", 1)
		check(t, s.ChangeBridge(t.Context(), c))
		c.Bridge.State, c.Bridge.MeetingID = incident.BridgeReady, "81"
		done := *c.Attempt
		done.State, done.MeetingID, done.FinishedAt = incident.AttemptDone, "81", now
		check(t, s.ChangeBridge(t.Context(), incident.BridgeChange{Bridge: c.Bridge, From: []incident.BridgeState{incident.BridgeCreating}, Attempt: &done, AttemptFrom: incident.AttemptCalling}))
		same(t, loads(now)["b@example.com"], incident.HostLoad{Open: 1, Creates: 1, Last: done})
		_, other := openIncident(t, s, book)
		check(t, s.ChangeBridge(t.Context(), asks(other, "other@example.com", 1)))
		if l, asked := loads(now)["other@example.com"]; asked {
			t.Errorf("the loads of a host that nobody asked for are %+v", l)
		}
		same(t, loads(after(3 * 3600))["b@example.com"].Open, 0) // nobody came
		same(t, loads(after(24*3600)), map[string]incident.HostLoad{})

		check(t, s.SetIncidentStatus(t.Context(), i.Number, incident.StatusOpen, incident.StatusResolved, now,
			incident.TimelineEntry{ID: id(), IncidentNumber: i.Number, At: now, Kind: incident.EntryResolved}, entry("incident.resolved")))
		same(t, loads(now)["b@example.com"].Open, 0)
		c.Bridge.State, c.Bridge.StartedAt = incident.BridgeLive, now
		check(t, s.ChangeBridge(t.Context(), incident.BridgeChange{Bridge: c.Bridge, From: []incident.BridgeState{incident.BridgeReady}}))
		people := loads(after(9 * 3600))["b@example.com"] // are inside
		same(t, []int{people.Open, people.Runs}, []int{1, 1})
	})
}

// Of many bridges that two servers give a host at the same time, only as many get it as
// it may have.
func TestHostRoom(t *testing.T) {
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		servers := []*db.Store{dbtest.Open(t, cfg)}
		if cfg.DatabaseURL != "" {
			servers = append(servers, dbtest.Open(t, cfg))
		}
		check(t, servers[0].SaveAccount(t.Context(), incident.Account{Auth: "server_to_server"}, nil, nil, incident.AuditEntry{}))
		book := addRunbook(t, servers[0], "Outage")
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := map[string]int{}
		for n := range 8 {
			_, b := openIncident(t, servers[0], book)
			wg.Go(func() {
				err := servers[n%len(servers)].ChangeBridge(t.Context(), asks(b, "a@example.com", 3))
				mu.Lock()
				defer mu.Unlock()
				if err != nil && !errors.Is(err, incident.ErrNoRoom) {
					t.Error(err)
				}
				got[fmt.Sprint(err == nil)]++
			})
		}
		wg.Wait()
		same(t, got, map[string]int{"true": 3, "false": 5})
	})
}
