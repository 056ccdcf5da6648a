package incident_test

import (
	"slices"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// saveSteps saves a runbook with these steps and the variables of the tests.
func (w *world) saveSteps(steps ...incident.Step) incident.Runbook {
	w.Helper()
	r, _, err := w.service.SaveRunbook(w.Context(), admin, incident.Runbook{Name: "Steps " + time.Now().String(), Variables: []incident.Variable{
		{Name: "customer", Type: "text"}, {Name: "users", Type: "number"}, {Name: "due", Type: "date"},
	}, Steps: steps})
	w.ok(err)
	return r
}

// openWith opens an incident with a runbook.
func (w *world) openWith(r incident.Runbook, change ...func(*incident.OpenRequest)) incident.Incident {
	w.Helper()
	req := incident.OpenRequest{RunbookID: r.ID, Name: "db down", Severity: "SEV3", OpenerEmail: opener, Source: incident.SourceForm}
	for _, c := range change {
		c(&req)
	}
	i, _, err := w.service.OpenIncident(w.Context(), anaIs, req)
	w.ok(err)
	return i
}

// states are the states of the steps of an incident.
func (w *world) states(i incident.Incident) (states []incident.StepState) {
	w.Helper()
	for _, r := range w.runs(i) {
		states = append(states, r.State)
	}
	return states
}

func (w *world) runs(i incident.Incident) []incident.StepRun {
	w.Helper()
	runs, err := w.store.StepRuns(w.Context(), i.Number)
	w.ok(err)
	return runs
}

func (w *world) wantStates(i incident.Incident, when string, want ...incident.StepState) {
	w.Helper()
	if got := w.states(i); !slices.Equal(got, want) {
		w.Errorf("%s the states are %q, want %q", when, got, want)
	}
}

const (
	waiting   = incident.StepWaiting
	scheduled = incident.StepScheduled
	running   = incident.StepRunning
	done      = incident.StepDone
	skipped   = incident.StepSkipped
	failed    = incident.StepFailed
)

// line is a step of a checklist.
func line(text string, c incident.Schedule) incident.Step {
	return incident.Step{Kind: incident.StepChecklist, ExecuteAutomatically: true, Text: text, Schedule: c}
}

func meetingStep(c incident.Schedule) incident.Step {
	step := incident.NewStep(incident.StepCreateMeeting)
	step.Schedule = c
	return step
}

func sev1() incident.Conditions {
	return incident.Conditions{All: []incident.Condition{{Field: "severity", Is: incident.AtLeast, Value: incident.Values{"SEV1"}}}}
}

func TestStepWaitsForTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.openWith(w.saveSteps(meetingStep(incident.Schedule{}), line("Tell {{ vars.customer }}", incident.Schedule{Wait: 5})))
	w.wantStates(i, "at first", done, waiting)
	w.work(4 * time.Minute)
	w.wantStates(i, "after four minutes", done, waiting)
	w.work(61 * time.Second)
	w.wantStates(i, "after five minutes", done, running)
	w.ok(w.service.TickStep(t.Context(), anaIs, w.runs(i)[1].ID, true))
	w.wantStates(i, "once ticked", done, done)
	w.work(10 * time.Minute)
	w.wantStates(i, "later", done, done)
	if n := len(w.ledger()); n != 1 {
		t.Errorf("Zoom has %d meetings, want 1", n)
	}
}

func TestStepOnlyIf(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.saveSteps(meetingStep(incident.Schedule{}), meetingStep(incident.Schedule{OnlyIf: sev1()}))
	i := w.openWith(r)
	w.wantStates(i, "of a SEV3", done, waiting)
	critical := w.openWith(r, func(r *incident.OpenRequest) { r.Severity = "SEV1" })
	w.wantStates(critical, "of a SEV1", done, done)

	facts, err := w.store.StepFacts(t.Context(), i, w.clock.Now())
	w.ok(err)
	o := facts.Outlook(facts.Runs[1])
	if o.Code != incident.OutlookConditions || len(o.Conditions) != 1 || o.Conditions[0].Holds || o.Conditions[0].Now != "SEV3" {
		t.Errorf("the outlook is %+v", o)
	}

	w.ok(w.service.ResolveIncident(t.Context(), anaIs, i.Number))
	w.work(time.Second)
	w.wantStates(i, "once resolved", done, skipped)
	if why := w.runs(i)[1].Reason; why.Code != incident.ReasonMissed || why.Waited == nil || why.Waited.Code != incident.OutlookConditions {
		t.Errorf("it was skipped because of %+v", why)
	}
	w.ok(w.service.ReopenIncident(t.Context(), anaIs, i.Number))
	w.work(time.Second)
	w.wantStates(i, "once reopened", done, waiting)
}

func TestStepRepeats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.openWith(w.saveSteps(
		line("until it is resolved", incident.Schedule{Repeat: incident.Repeat{Every: 10}}),
		line("three times", incident.Schedule{Repeat: incident.Repeat{Every: 10, Times: 3}}),
	))
	begin := w.clock.Now()
	for minute := 1; minute <= 40; minute++ {
		w.work(time.Minute)
	}
	times := func() (n []int) {
		for _, r := range w.runs(i) {
			n = append(n, r.Times)
		}
		return n
	}
	if got := times(); !slices.Equal(got, []int{5, 3}) {
		t.Errorf("after 40 minutes they ran %v times, want 5 and 3", got)
	}
	// The server stops for half an hour: nothing is caught up.
	w.work(35 * time.Minute)
	if got := times(); !slices.Equal(got, []int{5, 3}) {
		t.Errorf("after a stop they ran %v times, want 5 and 3", got)
	}
	w.work(5 * time.Minute)
	if got := times(); !slices.Equal(got, []int{6, 3}) {
		t.Errorf("at the next time they ran %v times, want 6 and 3", got)
	}
	if got, want := w.runs(i)[0].DueAt, begin.Add(80*time.Minute); !got.Equal(want) {
		t.Errorf("it was due at %s, want %s", got, want)
	}
	w.ok(w.service.ResolveIncident(t.Context(), anaIs, i.Number))
	w.work(20 * time.Minute)
	if got := times(); !slices.Equal(got, []int{6, 3}) {
		t.Errorf("once resolved they ran %v times, want 6 and 3", got)
	}
}

func TestStepAfterStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	after := func(outcome incident.Outcome) incident.Schedule {
		return incident.Schedule{When: incident.TriggerAfter, After: incident.After{Step: 1, Outcome: outcome}}
	}
	i := w.openWith(w.saveSteps(
		line("first", incident.Schedule{}), line("then", after(incident.OutcomeDone)), line("if it failed", after(incident.OutcomeFailed)), line("either", after(incident.OutcomeEither)),
		incident.Step{Kind: incident.StepResolve, ExecuteAutomatically: true, Schedule: incident.Schedule{When: incident.TriggerAfter, After: incident.After{Step: 2}}},
		meetingStep(incident.Schedule{When: incident.TriggerResolved, Wait: 10}),
		line("after the review", incident.Schedule{When: incident.TriggerAfter, After: incident.After{Step: 6}}),
	))
	w.wantStates(i, "at first", running, waiting, waiting, waiting, waiting, waiting, waiting)
	w.ok(w.service.TickStep(t.Context(), anaIs, w.runs(i)[0].ID, true))
	w.work(time.Second)
	w.wantStates(i, "once the first is done", done, running, waiting, running, waiting, waiting, waiting)
	w.ok(w.service.TickStep(t.Context(), anaIs, w.runs(i)[1].ID, true))
	w.work(time.Second)
	w.work(time.Second)
	w.work(time.Second)
	w.wantStates(i, "once the second is done", done, done, skipped, running, done, waiting, waiting)
	w.work(11 * time.Minute)
	w.work(time.Second)
	w.work(time.Second)
	w.wantStates(i, "ten minutes after it was resolved", done, done, skipped, running, done, done, running)
}
