package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const stepRunColumns = `id, incident_number, position, step, state, reason, started_at, finished_at, run_by, times, due_at, seen, said`

func stepRunFields(run *incident.StepRun) []any {
	return []any{&run.ID, &run.IncidentNumber, &run.Position, jsonOf(&run.Step), &run.State, jsonOf(&run.Reason),
		timeOf(&run.StartedAt), timeOf(&run.FinishedAt), &run.RunBy, &run.Times, timeOf(&run.DueAt), &run.Seen, &run.Said}
}

func insertStepRun(ctx context.Context, tx *sql.Tx, run incident.StepRun) error {
	return exec(ctx, tx, `INSERT INTO step_runs (`+stepRunColumns+`) VALUES (`+placeholders(1, 13)+`)`,
		run.ID, run.IncidentNumber, run.Position, asJSON(run.Step), run.State, reasonJSON(run.Reason), run.StartedAt, run.FinishedAt, run.RunBy,
		run.Times, run.DueAt, run.Seen, run.Said)
}

// StepRun returns the step run with this id.
func (s *Store) StepRun(ctx context.Context, id string) (incident.StepRun, error) {
	return one(ctx, s.r, "step", stepRunFields, `SELECT `+stepRunColumns+` FROM step_runs WHERE id = $1`, id)
}

// StepRuns returns the steps of incidents, those of each in the order of its runbook.
func (s *Store) StepRuns(ctx context.Context, numbers ...int64) ([]incident.StepRun, error) {
	return list(ctx, s.r, stepRunFields, `SELECT `+stepRunColumns+` FROM step_runs
		WHERE incident_number IN (`+placeholders(1, len(numbers))+`) ORDER BY incident_number, position, id`, anys(numbers)...)
}

// watchSteps lets FollowSteps find a new incident if one of its steps may run by itself
// later.
func watchSteps(ctx context.Context, tx *sql.Tx, number int64, runs []incident.StepRun, next time.Time) error {
	if !slices.ContainsFunc(runs, incident.StepRun.Watched) {
		return nil
	}
	return exec(ctx, tx, `INSERT INTO step_looks (incident_number, look_at, changes) VALUES ($1, $2, 0)`, number, next)
}

// changeSteps writes transitions of step runs, and what comes with them.
func changeSteps(ctx context.Context, tx *sql.Tx, c incident.StepsChange) error {
	for _, r := range c.Runs {
		run := r.Run
		err := execOne(ctx, tx, errStepMoved(), `
			UPDATE step_runs SET state = $4, reason = $5, started_at = $6, finished_at = $7, run_by = $8, times = $9, due_at = $10, seen = $11, said = $12
			WHERE id = $1 AND state = $2 AND times = $3`,
			run.ID, r.From, r.Times, run.State, reasonJSON(run.Reason), run.StartedAt, run.FinishedAt, run.RunBy, run.Times, run.DueAt, run.Seen, run.Said)
		if err != nil {
			return err
		}
	}
	for _, b := range c.Bridges {
		if err := insertBridge(ctx, tx, b); err != nil {
			return err
		}
	}
	for _, e := range c.Timeline {
		if err := insertTimeline(ctx, tx, e); err != nil {
			return err
		}
	}
	return insertJobs(ctx, tx, c.Jobs)
}

func errStepMoved() error {
	return conflict("This step has just changed. Reload the page to see its current state.")
}

// stepTopics are the topics that a transition of an incident's steps changes.
func stepTopics(number int64) []string {
	return []string{TopicBridges, TopicIncidents, TopicIncident(number)}
}

// ChangeSteps implements incident.Incidents.
func (s *Store) ChangeSteps(ctx context.Context, number int64, c incident.StepsChange) error {
	return s.change(ctx, c.Audit, stepTopics(number), func(tx *sql.Tx) error { return changeSteps(ctx, tx, c) })
}

// FollowSteps implements incident.Incidents. Of two servers that look at an incident at the
// same time, one gets Conflict, because the steps are no longer as it saw them.
func (s *Store) FollowSteps(ctx context.Context, now time.Time, rule incident.StepRule) (n int, err error) {
	number, due, err := first(ctx, s.r, scalar[int64], `SELECT incident_number FROM step_looks WHERE look_at <= $1 ORDER BY look_at, incident_number LIMIT 1`, now)
	if err != nil || !due {
		return 0, err
	}
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		// What changes from here on makes the last statement find no row, so that the
		// incident is looked at once more.
		changes, err := one(ctx, tx, "incident", scalar[int64], `SELECT changes FROM step_looks WHERE incident_number = $1`, number)
		if err != nil {
			return err
		}
		f := incident.StepFacts{At: now}
		if f.Incident, err = one(ctx, tx, "incident", incidentFields, `SELECT `+incidentColumns+` FROM incidents i WHERE i.number = $1`, number); err != nil {
			return err
		}
		if err := readSteps(ctx, tx, &f); err != nil {
			return err
		}
		then := rule(f)
		if err := changeSteps(ctx, tx, then); err != nil {
			return err
		}
		if len(then.Runs) > 0 {
			if err := bump(ctx, tx, stepTopics(number)...); err != nil {
				return err
			}
		}
		return exec(ctx, tx, `UPDATE step_looks SET look_at = $3 WHERE incident_number = $1 AND changes = $2`, number, changes, then.Next)
	})
	if e, ok := errors.AsType[*incident.Error](err); err == nil || ok && e.Code == incident.Conflict {
		return 1, err
	}
	// An incident that can't be looked at, such as one with a damaged row, must not hold back
	// the others.
	later := s.write(ctx, func(tx *sql.Tx) error {
		return exec(ctx, tx, `UPDATE step_looks SET look_at = $2 WHERE incident_number = $1`, number, now.Add(lookAgain))
	})
	return 1, errors.Join(fmt.Errorf("the steps of incident %d: %w", number, err), later)
}

// lookAgain is when an incident is looked at again that could not be looked at.
const lookAgain = 10 * time.Second

// readSteps fills in what is stored beside an incident about its steps.
func readSteps(ctx context.Context, q queryer, f *incident.StepFacts) (err error) {
	number := f.Incident.Number
	if f.Runs, err = list(ctx, q, stepRunFields, `SELECT `+stepRunColumns+` FROM step_runs WHERE incident_number = $1 ORDER BY position, id`, number); err != nil {
		return err
	}
	if f.Bridges, err = list(ctx, q, bridgeFields, `SELECT `+bridgeColumns+` FROM bridges b WHERE b.incident_number = $1 ORDER BY b.created_at, b.id`, number); err != nil {
		return err
	}
	f.FirstJoined, err = one(ctx, q, "bridge", func(at *time.Time) []any { return []any{timeOf(at)} }, `
		SELECT MIN(p.joined_at) FROM bridges b JOIN presences p ON p.bridge_id = b.id WHERE b.incident_number = $1`, number)
	return err
}

// StepFacts returns what decides which steps of an incident run.
func (s *Store) StepFacts(ctx context.Context, i incident.Incident, now time.Time) (incident.StepFacts, error) {
	f := incident.StepFacts{At: now, Incident: i}
	return f, readSteps(ctx, s.r, &f)
}
