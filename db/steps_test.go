package db_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// An incident with a damaged row, and a rule that fails, hold back no other incident.
func TestFollowStepsDamaged(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		s := dbtest.Open(t, cfg)
		runbook := addRunbook(t, s, "outage")
		for range 3 {
			openIncident(t, s, runbook)
		}
		_, err := raw(t, cfg).Exec(`UPDATE step_runs SET step = '{' WHERE incident_number = 1`)
		check(t, err)
		_, err = raw(t, cfg).Exec(`INSERT INTO step_looks (incident_number, look_at, changes) VALUES (1, 0, 0), (2, 0, 0), (3, 0, 0)`)
		check(t, err)
		var seen []int64
		failed := 0
		rule := func(f incident.StepFacts) incident.StepsChange {
			if seen = append(seen, f.Incident.Number); f.Incident.Number == 2 {
				panic("no")
			}
			return incident.StepsChange{}
		}
		for at := now; ; {
			n, err := s.FollowSteps(t.Context(), at, rule)
			if n == 0 {
				break
			}
			if err != nil {
				failed++
			}
		}
		same(t, seen, []int64{2, 3})
		if failed != 2 {
			t.Errorf("%d failures are told, want 2", failed)
		}
		if n, err := s.FollowSteps(t.Context(), now.Add(time.Minute), rule); n != 1 || err == nil {
			t.Errorf("later, %d incidents are looked at again (%v)", n, err)
		}
	})
}
