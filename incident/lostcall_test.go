package incident_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// Why the outcome of a call isn't known: it takes too long in the process that makes it,
// or that process is another one, which may have stopped.
func TestLostCall(t *testing.T) {
	t.Parallel()
	const (
		tooLong = `{"code":"zoom","host":"ana@example.com","zoom":{"code":"timed_out","maybe_created":true}}`
		stopped = `{"code":"restarted"}`
	)
	for _, tt := range []struct {
		name  string
		other bool // another process looks
		kind  incident.JobKind
		want  string
	}{
		{"the search, in the same process", false, incident.JobReconcile, tooLong},
		{"the search, in another process", true, incident.JobReconcile, stopped},
		{"the step, in the same process", false, incident.JobRunStep, tooLong},
		{"the step, in another process", true, incident.JobRunStep, stopped},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			looks := w.service
			if tt.other {
				looks = incident.New(w.cfg)
			}
			var got string
			w.during = func(call string) {
				if !strings.HasPrefix(call, "POST /v2/users/") || got != "" {
					return
				}
				bridges, err := w.store.Bridges(t.Context(), 1)
				w.ok(err)
				attempts, err := w.store.Attempts(t.Context(), bridges[0].ID)
				w.ok(err)
				subject := attempts[0].ID
				if tt.kind == incident.JobRunStep {
					subject = bridges[0].StepRunID
				}
				w.ok(w.store.EnsureJob(t.Context(), incident.Job{ID: uuid.NewString(), Kind: tt.kind, Subject: subject, State: incident.JobQueued, RunAt: w.clock.Now(), CreatedAt: w.clock.Now()}))
				got = "nothing"
				w.must(looks.RunOnce(t.Context()))
				if tt.kind == incident.JobRunStep {
					b, err := w.store.Bridge(t.Context(), bridges[0].ID)
					w.ok(err)
					got = why(b)
					return
				}
				a, err := w.store.Attempt(t.Context(), attempts[0].ID)
				w.ok(err)
				got = why(incident.Bridge{Reasons: []incident.Reason{a.Reason}})
			}
			w.open()
			if !strings.Contains(got, tt.want) {
				t.Errorf("it says %s, want %s", got, tt.want)
			}
		})
	}
}
