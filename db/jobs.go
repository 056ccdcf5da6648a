package db

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const jobColumns = `id, kind, subject, state, run_at, attempt, lease_until, worker, created_at`

func jobFields(j *incident.Job) []any {
	return []any{&j.ID, &j.Kind, &j.Subject, &j.State, timeOf(&j.RunAt), &j.Attempt, timeOf(&j.LeaseUntil), &j.Worker, timeOf(&j.CreatedAt)}
}

// jobValues are the values of jobColumns.
func jobValues(j incident.Job) []any {
	return []any{j.ID, j.Kind, j.Subject, j.State, j.RunAt, j.Attempt, millis(j.LeaseUntil), j.Worker, j.CreatedAt}
}

// insertJobs stores jobs in the transaction of their cause. The job of a step or of a
// check takes the place of one that is queued.
func insertJobs(ctx context.Context, tx *sql.Tx, jobs []incident.Job) error {
	for _, j := range jobs {
		if j.Kind == incident.JobRunStep || j.Kind == incident.JobRecheck {
			if err := exec(ctx, tx, `DELETE FROM jobs WHERE kind = $1 AND subject = $2 AND state = 'queued'`, j.Kind, j.Subject); err != nil {
				return err
			}
		}
		if err := exec(ctx, tx, `INSERT INTO jobs (`+jobColumns+`) VALUES (`+placeholders(1, 9)+`)`, jobValues(j)...); err != nil {
			return err
		}
	}
	return nil
}

// dueJob selects the jobs that are due at $1 and that no worker has.
const dueJob = `state IN ('queued', 'running') AND run_at <= $1 AND lease_until <= $1`

// QueueJob implements incident.Incidents.
func (s *Store) QueueJob(ctx context.Context, j incident.Job) error {
	return s.write(ctx, func(tx *sql.Tx) error { return queueJob(ctx, tx, j) })
}

// queueJob stores a job in the transaction of its cause, as QueueJob does.
func queueJob(ctx context.Context, tx *sql.Tx, j incident.Job) error {
	_, queued, err := first(ctx, tx, scalar[string], `
		SELECT id FROM jobs WHERE kind = $1 AND state = 'queued' AND (subject = $2 OR $2 = '') LIMIT 1`, j.Kind, j.Subject)
	if err != nil || queued {
		return err
	}
	return insertJobs(ctx, tx, []incident.Job{j})
}

// ClaimJobs implements incident.Incidents. It claims queued jobs, and running
// jobs whose lease has ended, in the order in which they are due.
func (s *Store) ClaimJobs(ctx context.Context, worker string, now time.Time, lease time.Duration, limit int) ([]incident.Job, error) {
	// Workers ask every second. Looking first keeps them from making others wait who write.
	_, due, err := first(ctx, s.r, scalar[string], `SELECT id FROM jobs WHERE `+dueJob+` LIMIT 1`, now)
	if err != nil || !due {
		return nil, err
	}
	var jobs []incident.Job
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		skipLocked := ""
		if s.postgres {
			skipLocked = " FOR UPDATE SKIP LOCKED"
		}
		// Without MATERIALIZED, PostgreSQL may run a subquery with locks and a
		// limit more than once and claim more jobs than the limit. The outer
		// query repeats the conditions, because PostgreSQL checks them again
		// after it waited for a row.
		jobs, err = list(ctx, tx, jobFields, `
			WITH due AS MATERIALIZED (
				SELECT id FROM jobs
				WHERE `+dueJob+`
				ORDER BY run_at, id LIMIT $4`+skipLocked+`
			)
			UPDATE jobs SET state = 'running', attempt = attempt + 1, lease_until = $2, worker = $3
			WHERE id IN (SELECT id FROM due) AND state IN ('queued', 'running') AND lease_until <= $1
			RETURNING `+jobColumns, now, now.Add(lease), worker, limit)
		return err
	})
	slices.SortFunc(jobs, func(a, b incident.Job) int {
		return cmp.Or(a.RunAt.Compare(b.RunAt), cmp.Compare(a.ID, b.ID))
	})
	return jobs, err
}

// ClaimJob implements incident.Incidents.
func (s *Store) ClaimJob(ctx context.Context, id, worker string, now time.Time, lease time.Duration) (incident.Job, bool, error) {
	var j incident.Job
	var ok bool
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		j, ok, err = first(ctx, tx, jobFields, `
			UPDATE jobs SET state = 'running', attempt = attempt + 1, lease_until = $3, worker = $4
			WHERE id = $1 AND state IN ('queued', 'running') AND lease_until <= $2
			RETURNING `+jobColumns, id, now, now.Add(lease), worker)
		return err
	})
	return j, ok, err
}

// RenewJob implements incident.Incidents.
func (s *Store) RenewJob(ctx context.Context, j incident.Job, until time.Time) (bool, error) {
	n, err := s.writeRows(ctx, `
		UPDATE jobs SET lease_until = $4
		WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'`,
		j.ID, j.Worker, j.Attempt, until)
	return n > 0, err
}

// FinishJob implements incident.Incidents. Worker and attempt together identify
// the lease: if a worker was paused for longer than its lease, its attempt is
// no longer the current one.
func (s *Store) FinishJob(ctx context.Context, j incident.Job, state incident.JobState) error {
	_, err := s.writeRows(ctx, `
		UPDATE jobs SET state = $4, lease_until = 0, worker = ''
		WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'`,
		j.ID, j.Worker, j.Attempt, state)
	return err
}

// finishStep ends the running job of a step. FinishJob then changes nothing, so that nobody
// who waits for the step waits for another commit.
func finishStep(ctx context.Context, tx *sql.Tx, stepRun string) error {
	// The first condition lets both databases use the partial index jobs_due.
	return exec(ctx, tx, `
		UPDATE jobs SET state = 'done', lease_until = 0, worker = ''
		WHERE state IN ('queued', 'running') AND state = 'running' AND kind = $1 AND subject = $2`, incident.JobRunStep, stepRun)
}

// RetryJob implements incident.Incidents.
func (s *Store) RetryJob(ctx context.Context, j incident.Job, runAt time.Time) error {
	_, err := s.writeRows(ctx, `
		UPDATE jobs SET state = 'queued', run_at = $4, lease_until = 0, worker = ''
		WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'`,
		j.ID, j.Worker, j.Attempt, runAt)
	return err
}

// FreeJobs implements incident.Incidents. Only one server runs on a SQLite database
// (Lock).
func (s *Store) FreeJobs(ctx context.Context) error {
	if s.postgres {
		return nil
	}
	_, err := s.writeRows(ctx, `UPDATE jobs SET lease_until = 0 WHERE state = 'running' AND lease_until > 0`)
	return err
}

// LookJobs implements incident.Incidents.
func (s *Store) LookJobs(ctx context.Context, bridgeID string) ([]incident.Job, error) {
	return list(ctx, s.r, jobFields, `
		SELECT `+jobColumns+` FROM jobs
		WHERE kind = $1 AND state IN ('queued', 'running') AND subject IN (SELECT id FROM bridge_attempts WHERE bridge_id = $2)
		ORDER BY run_at, id`, incident.JobReconcile, bridgeID)
}

// retried selects the steps whose bridges are tried again.
const retried = `SELECT b.step_run_id FROM bridges b JOIN incidents i ON i.number = b.incident_number
	WHERE b.state = 'failed' AND i.status = 'open'`

// RetryJobs implements incident.Incidents.
func (s *Store) RetryJobs(ctx context.Context, number int64) ([]incident.Job, error) {
	return list(ctx, s.r, jobFields, `
		SELECT `+jobColumns+` FROM jobs WHERE kind = $1 AND state IN ('queued', 'running')
			AND subject IN (`+retried+` AND i.number = $2) ORDER BY run_at, id`, incident.JobRunStep, number)
}

// HastenRetries implements incident.Incidents.
func (s *Store) HastenRetries(ctx context.Context, now time.Time) error {
	_, err := s.writeRows(ctx, `
		UPDATE jobs SET run_at = $2 WHERE kind = $1 AND state = 'queued' AND subject IN (`+retried+`) AND run_at > $2`,
		incident.JobRunStep, now)
	return err
}

// DeleteFinishedJobs deletes jobs that are done and were created before a time.
// Dead jobs stay, because someone may want to examine them.
func (s *Store) DeleteFinishedJobs(ctx context.Context, before time.Time) (n int64, err error) {
	return s.writeRows(ctx, `DELETE FROM jobs WHERE state = 'done' AND created_at < $1`, before)
}
