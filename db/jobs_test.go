package db_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

const lease = 30 * time.Second

// addJobs adds jobs that are due now, now+1s, now+2s …
func addJobs(t testing.TB, s *db.Store, n int) []incident.Job {
	t.Helper()
	_, b := openIncident(t, s, addRunbook(t, s, id()))
	opened, err := s.ClaimJobs(t.Context(), "setup", now, lease, 10)
	check(t, err)
	for _, j := range opened {
		check(t, s.FinishJob(t.Context(), j, incident.JobDone))
	}
	var jobs []incident.Job
	for i := range n {
		jobs = append(jobs, incident.Job{ID: id(), Kind: incident.JobReconcile, Subject: fmt.Sprint(i), State: incident.JobQueued, RunAt: after(i), CreatedAt: now})
	}
	check(t, s.ChangeBridge(t.Context(), incident.BridgeChange{Bridge: b, From: []incident.BridgeState{b.State}, Jobs: jobs}))
	return jobs
}

func TestClaimJobs(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		jobs := addJobs(t, s, 5)
		claim := func(worker string, seconds, limit int) []incident.Job {
			t.Helper()
			got, err := s.ClaimJobs(ctx, worker, after(seconds), lease, limit)
			check(t, err)
			return got
		}
		leased := func(j incident.Job, worker string, seconds, attempt int) incident.Job {
			j.State, j.Worker, j.LeaseUntil, j.Attempt = incident.JobRunning, worker, after(seconds).Add(lease), attempt
			return j
		}
		same(t, claim("a", 2, 2), []incident.Job{leased(jobs[0], "a", 2, 1), leased(jobs[1], "a", 2, 1)})
		same(t, claim("b", 2, 10), []incident.Job{leased(jobs[2], "b", 2, 1)})
		same(t, claim("b", 2, 10), []incident.Job{})

		check(t, s.FinishJob(ctx, leased(jobs[0], "a", 2, 1), incident.JobDone))
		check(t, s.RetryJob(ctx, leased(jobs[1], "a", 2, 1), after(100)))
		same(t, claim("b", 31, 10), []incident.Job{leased(jobs[3], "b", 31, 1), leased(jobs[4], "b", 31, 1)})

		// When a lease has ended, another worker can claim the job, and the
		// first worker has lost it.
		same(t, claim("c", 32, 10), []incident.Job{leased(jobs[2], "c", 32, 2)})
		check(t, s.FinishJob(ctx, leased(jobs[2], "b", 2, 1), incident.JobDone))
		check(t, s.RetryJob(ctx, leased(jobs[2], "b", 2, 1), after(0)))
		check(t, s.FinishJob(ctx, leased(jobs[2], "c", 2, 1), incident.JobDone)) // Q13: an older attempt of its own
		same(t, claim("d", 33, 10), []incident.Job{})
		check(t, s.FinishJob(ctx, leased(jobs[2], "c", 32, 2), incident.JobDead))

		retried := jobs[1]
		retried.RunAt = after(100)
		same(t, claim("d", 100, 10), []incident.Job{
			leased(jobs[3], "d", 100, 2), leased(jobs[4], "d", 100, 2), leased(retried, "d", 100, 2)})

		n, err := s.DeleteFinishedJobs(ctx, after(1000))
		check(t, err)
		if n != 2 { // the first one and that of the fixture; the dead one stays
			t.Errorf("%d were deleted", n)
		}
	})
}

func TestClaimJob(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		job := addJobs(t, s, 3)[2]
		claim := func(id string, seconds int) (incident.Job, bool) {
			t.Helper()
			j, ok, err := s.ClaimJob(ctx, id, "a", after(seconds), lease)
			check(t, err)
			return j, ok
		}
		if _, ok := claim("none", 0); ok {
			t.Error("claimed a job that is not there")
		}
		j, ok := claim(job.ID, 0) // before it is due
		if !ok || j.Attempt != 1 {
			t.Fatalf("claimed %v, %+v", ok, j)
		}
		if _, ok := claim(job.ID, 29); ok {
			t.Error("claimed while it was leased")
		}
		renew := func(j incident.Job, seconds int) bool {
			t.Helper()
			ok, err := s.RenewJob(ctx, j, after(seconds).Add(lease))
			check(t, err)
			return ok
		}
		if !renew(j, 20) {
			t.Error("not renewed")
		}
		if _, ok := claim(job.ID, 49); ok {
			t.Error("claimed while its renewed lease lasted")
		}
		first := j
		j, ok = claim(job.ID, 50)
		if !ok || j.Attempt != 2 {
			t.Errorf("not claimed after the lease: %v, %+v", ok, j)
		}
		if renew(first, 60) {
			t.Error("renewed a lease that is lost")
		}
		check(t, s.FinishJob(ctx, j, incident.JobDone))
		if renew(j, 60) {
			t.Error("renewed the lease of a job that is done")
		}
		if _, ok := claim(job.ID, 100); ok {
			t.Error("claimed when it was done")
		}
	})
}

// Sixteen workers never claim the same job twice.
func TestClaimJobsRace(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		const n = 400
		jobs := addJobs(t, s, n)
		var mu sync.Mutex
		claimed := map[string]int{}
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				for {
					var got []incident.Job
					var err error
					if w%4 == 0 { // some take one by its id
						for _, j := range jobs[w*n/16 : w*n/16+5] {
							if one, ok, e := s.ClaimJob(t.Context(), j.ID, fmt.Sprint(w), after(n), lease); e != nil {
								t.Error(e)
							} else if ok {
								got = append(got, one)
							}
						}
					}
					if len(got) == 0 {
						got, err = s.ClaimJobs(t.Context(), fmt.Sprint(w), after(n), lease, 7)
					}
					if err != nil {
						t.Error(err)
						return
					}
					if len(got) == 0 {
						return
					}
					mu.Lock()
					for _, j := range got {
						claimed[j.ID]++
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(claimed) != n {
			t.Errorf("%d of %d were claimed", len(claimed), n)
		}
		for id, times := range claimed {
			if times != 1 {
				t.Errorf("job %s was claimed %d times", id, times)
			}
		}
	})
}
