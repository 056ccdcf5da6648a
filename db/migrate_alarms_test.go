package db_test

import (
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// Steps that are older than the alarms about quiet calls get what a new step has.
func TestQuietCallsOfOldSteps(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		s := dbtest.Open(t, dbtest.Version8(t, cfg))
		runbooks, err := s.ActiveRunbooks(t.Context())
		check(t, err)
		fresh, steps := incident.NewMeetingTemplate(), 0
		for _, r := range runbooks {
			for _, step := range r.Steps {
				steps++
				m := step.Meeting
				if m.NobodyMinutes != fresh.NobodyMinutes || m.EmptyMinutes != fresh.EmptyMinutes || m.LongHours != fresh.LongHours || m.EndEmpty {
					t.Errorf("%s: %+v", r.Name, m)
				}
				if m.Topic == "" || m.Recording == "" {
					t.Errorf("%s lost what it had: %+v", r.Name, m)
				}
			}
		}
		if steps == 0 {
			t.Error("there are no steps")
		}
	})
}
