package db_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestRunbooks(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		s := dbtest.Open(t, cfg)
		ctx := t.Context()
		_, err := s.Runbook(ctx, "none")
		wantCode(t, err, incident.NotFound)
		_, err = s.RunbookByName(ctx, "none")
		wantCode(t, err, incident.NotFound)

		var outage incident.Runbook
		changed := topics(t, s, func() { outage = addRunbook(t, s, "outage") })
		same(t, changed, []string{db.TopicRunbooks})
		got, err := s.Runbook(ctx, outage.ID)
		check(t, err)
		same(t, got, outage)
		got, err = s.RunbookByName(ctx, "outage")
		check(t, err)
		same(t, got, outage)

		twin := outage
		twin.ID, twin.Steps = id(), nil
		wantCode(t, s.InsertRunbook(ctx, twin, entry("runbook.create")), incident.Conflict)
		empty := incident.Runbook{ID: id(), Name: "Empty", CreatedAt: now, UpdatedAt: now}
		check(t, s.InsertRunbook(ctx, empty, entry("runbook.create")))
		empty.Version = 1

		// The steps are replaced and keep their new order.
		outage.Name, outage.Description, outage.DisabledAt, outage.UpdatedAt = "Outage 2", "", after(1), after(1)
		outage.Variables = nil
		outage.Steps[0], outage.Steps[1] = outage.Steps[1], outage.Steps[0]
		outage.Steps = append(outage.Steps, incident.Step{ID: id(), Kind: incident.StepCreateMeeting, Meeting: incident.NewMeetingTemplate()})
		check(t, s.UpdateRunbook(ctx, outage, entry("runbook.update")))
		outage.Version = 2
		got, err = s.Runbook(ctx, outage.ID)
		check(t, err)
		same(t, got, outage)

		stale := outage
		stale.Version, stale.Name = 1, "stale"
		wantCode(t, s.UpdateRunbook(ctx, stale, entry("runbook.update")), incident.Conflict)
		taken := outage
		taken.Name = "Empty"
		wantCode(t, s.UpdateRunbook(ctx, taken, entry("runbook.update")), incident.Conflict)
		got, err = s.Runbook(ctx, outage.ID)
		check(t, err)
		same(t, got, outage)

		i, _ := openIncident(t, s, outage)
		list, err := s.Runbooks(ctx, false)
		check(t, err)
		same(t, list, []db.RunbookRow{{Runbook: empty}, {Runbook: outage, Incidents: 1, LastRunAt: i.CreatedAt}})

		// A runbook without incidents is deleted with its steps; another one is
		// archived.
		archived, err := s.DeleteRunbook(ctx, empty.ID, after(5), entry("runbook.delete"))
		check(t, err)
		if archived {
			t.Error("a runbook without incidents was archived")
		}
		_, err = s.Runbook(ctx, empty.ID)
		wantCode(t, err, incident.NotFound)
		archived, err = s.DeleteRunbook(ctx, outage.ID, after(5), entry("runbook.delete"))
		check(t, err)
		if !archived {
			t.Error("a runbook with incidents was deleted")
		}
		_, err = s.DeleteRunbook(ctx, outage.ID, after(6), entry("runbook.delete"))
		wantCode(t, err, incident.NotFound)
		got, err = s.Runbook(ctx, outage.ID)
		check(t, err)
		outage.ArchivedAt, outage.UpdatedAt, outage.Version = after(5), after(5), 3
		same(t, got, outage)
		_, err = s.RunbookByName(ctx, "Outage 2")
		wantCode(t, err, incident.NotFound)
		list, err = s.Runbooks(ctx, false)
		check(t, err)
		same(t, list, []db.RunbookRow{})
		list, err = s.Runbooks(ctx, true)
		check(t, err)
		same(t, list, []db.RunbookRow{{Runbook: outage, Incidents: 1, LastRunAt: now}})

		addRunbook(t, s, "Outage 2") // the name is free again
		if left := rows(t, raw(t, cfg), `SELECT COUNT(*) FROM steps`); left[0][0] != "5" {
			t.Errorf("%s steps are left", left[0][0])
		}
		same(t, actions(t, s), []string{"runbook.delete", "runbook.delete", "incident.open", "runbook.update", "runbook.create"})
	})
}

// A runbook is deleted while incidents are opened with it. No incident is left
// without its runbook.
func TestDeleteRunbookRace(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		for range 10 {
			b := addRunbook(t, s, id())
			var opened atomic.Int64
			var archived bool
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					_, created, err := s.OpenIncident(t.Context(), newIncident(b))
					if created {
						opened.Add(1)
					} else if incident.CodeOf(err) != incident.Conflict {
						t.Error(err)
					}
				})
			}
			wg.Go(func() {
				var err error
				if archived, err = s.DeleteRunbook(t.Context(), b.ID, now, incident.AuditEntry{}); err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
			if opened.Load() > 0 && !archived {
				t.Fatalf("%d incidents have no runbook", opened.Load())
			}
		}
	})
}
