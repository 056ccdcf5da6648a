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

// insertJobs adds work in the transaction of its cause.
func insertJobs(ctx context.Context, tx *sql.Tx, jobs []incident.Job) error {
	for _, j := range jobs {
		err := exec(ctx, tx, `INSERT INTO jobs (`+jobColumns+`) VALUES (`+placeholders(1, 9)+`)`,
			j.ID, j.Kind, j.Subject, j.State, j.RunAt, j.Attempt, millis(j.LeaseUntil), j.Worker, j.CreatedAt)
		if err != nil {
			return err
		}
	}
	return nil
}

// ClaimJobs leases up to limit jobs that are due to a worker: queued ones, and
// running ones whose lease has ended. They come in the order in which they are
// due.
func (s *Store) ClaimJobs(ctx context.Context, worker string, now time.Time, lease time.Duration, limit int) ([]incident.Job, error) {
	var jobs []incident.Job
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		// MATERIALIZED: PostgreSQL may otherwise run a subquery that locks and
		// limits more than once, and claim more than the limit. The state stands
		// outside of it too, for that is looked at again after a row was waited for.
		jobs, err = list(ctx, tx, jobFields, `
			WITH due AS MATERIALIZED (
				SELECT id FROM jobs
				WHERE state IN ('queued', 'running') AND run_at <= $1 AND lease_until <= $1
				ORDER BY run_at, id LIMIT $4`+s.skipLocked()+`
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

// ClaimJob leases one job to a worker, even if it is not due. false if somebody
// has it, or if it is done or dead.
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

// FinishJob ends a job as done or dead. It does nothing if the worker has lost
// the lease. Worker and attempt together are the lease: a worker that was
// paused beyond it has an attempt that is over.
func (s *Store) FinishJob(ctx context.Context, j incident.Job, state incident.JobState) error {
	_, err := s.writeRows(ctx, `
		UPDATE jobs SET state = $4, lease_until = 0, worker = ''
		WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'`,
		j.ID, j.Worker, j.Attempt, state)
	return err
}

// RetryJob queues a job again. It does nothing if the worker has lost the
// lease.
func (s *Store) RetryJob(ctx context.Context, j incident.Job, runAt time.Time) error {
	_, err := s.writeRows(ctx, `
		UPDATE jobs SET state = 'queued', run_at = $4, lease_until = 0, worker = ''
		WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'`,
		j.ID, j.Worker, j.Attempt, runAt)
	return err
}

// DeleteFinishedJobs forgets jobs that are done and were made before a time.
// Dead ones stay: somebody may want to know.
func (s *Store) DeleteFinishedJobs(ctx context.Context, before time.Time) (n int64, err error) {
	return s.writeRows(ctx, `DELETE FROM jobs WHERE state = 'done' AND created_at < $1`, before)
}
