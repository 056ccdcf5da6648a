package incident_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
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

// What happens to the bridge starts steps.
func TestStepTriggers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	when := func(trigger incident.Trigger, wait incident.Minutes) incident.Schedule {
		return incident.Schedule{When: trigger, Wait: wait}
	}
	r := w.saveSteps(meetingStep(incident.Schedule{}), line("bridge", when(incident.TriggerReady, 0)), line("first", when(incident.TriggerJoined, 1)),
		line("nobody", when(incident.TriggerNobody, 5)), line("stuck", when(incident.TriggerStuck, 0)), line("changed", when(incident.TriggerChanged, 0)))
	minutes := func(n int) {
		for range n {
			w.work(time.Minute)
		}
	}
	i := w.openWith(r)
	w.work(time.Second)
	w.wantStates(i, "when the bridge is ready", done, running, waiting, waiting, waiting, waiting)
	minutes(4)
	w.wantStates(i, "after four minutes", done, running, waiting, waiting, waiting, waiting)
	minutes(2)
	w.wantStates(i, "after six minutes without anybody", done, running, waiting, running, waiting, waiting)
	w.join(w.bridge(i), zoomsim.Person{Name: "Ana", Email: opener})
	minutes(2)
	w.wantStates(i, "a minute after the first joined", done, running, running, running, waiting, waiting)
	_, err := w.service.EditIncident(t.Context(), anaIs, i.Number, incident.IncidentEdit{Fields: map[string]string{"severity": "SEV1"}})
	w.ok(err)
	w.work(time.Second)
	w.wantStates(i, "when the severity changed", done, running, running, running, waiting, running)

	other := w.openWith(r, func(r *incident.OpenRequest) { r.OpenerEmail = backup })
	w.join(w.bridge(other), zoomsim.Person{Name: "Bob"})
	minutes(10)
	w.wantStates(other, "when somebody joined at once", done, running, running, waiting, waiting, waiting)
	w.ok(w.service.ResolveIncident(t.Context(), anaIs, other.Number))
	w.work(time.Second)
	w.wantStates(other, "once resolved", done, running, running, skipped, skipped, skipped)
	if why := w.runs(other)[3].Reason; why.Waited == nil || why.Waited.Code != incident.OutlookTrigger {
		t.Errorf("it was skipped because of %+v", why)
	}
}

// A step ends the calls of the incident, and by itself only those that nobody is in.
func TestStepEndMeeting(t *testing.T) {
	t.Parallel()
	end := func(people bool) incident.Step {
		return incident.Step{Kind: incident.StepEndMeeting, ExecuteAutomatically: true, WithPeople: people, Schedule: incident.Schedule{When: incident.TriggerResolved}}
	}
	t.Run("no call", func(t *testing.T) {
		w := newWorld(t)
		i := w.openWith(w.saveSteps(meetingStep(incident.Schedule{}), end(false)))
		w.ok(w.service.ResolveIncident(t.Context(), anaIs, i.Number))
		w.work(time.Second)
		w.work(time.Second)
		w.wantStates(i, "once resolved", done, done)
		if why := w.runs(i)[1].Reason; why.Code != incident.ReasonNoCall {
			t.Errorf("the reason is %+v", why)
		}
	})
	t.Run("people inside", func(t *testing.T) {
		w := newWorld(t)
		i := w.openWith(w.saveSteps(meetingStep(incident.Schedule{}), end(false)))
		ana := w.join(w.bridge(i), zoomsim.Person{Name: "Ana", Email: opener})
		w.work(time.Second)
		w.ok(w.service.ResolveIncident(t.Context(), anaIs, i.Number))
		w.work(time.Second)
		w.work(time.Second)
		w.wantStates(i, "while somebody is inside", done, scheduled)
		if why := w.runs(i)[1].Reason; why.Code != incident.ReasonWaitsEmpty || why.Count != 1 {
			t.Errorf("the reason is %+v", why)
		}
		w.ok(w.sim.Leave(t.Context(), w.bridge(i).MeetingID, ana))
		for range 4 {
			w.work(20 * time.Second)
		}
		w.wantStates(i, "when everybody left", done, done)
	})
	t.Run("also with people", func(t *testing.T) {
		w := newWorld(t)
		i := w.openWith(w.saveSteps(meetingStep(incident.Schedule{}), end(true)))
		w.join(w.bridge(i), zoomsim.Person{Name: "Ana", Email: opener})
		w.work(time.Second)
		w.ok(w.service.ResolveIncident(t.Context(), anaIs, i.Number))
		w.work(time.Second)
		w.work(time.Second)
		w.wantStates(i, "once resolved", done, done)
		if m := w.ledger()[0]; m.Status == "started" {
			t.Errorf("the call goes on: %+v", m)
		}
	})
	t.Run("Zoom refuses", func(t *testing.T) {
		w := newWorld(t)
		i := w.openWith(w.saveSteps(meetingStep(incident.Schedule{}), end(true)))
		w.join(w.bridge(i), zoomsim.Person{Name: "Ana", Email: opener})
		w.work(time.Second)
		w.faults(zoomsim.Faults{Down: true})
		w.ok(w.service.ResolveIncident(t.Context(), anaIs, i.Number))
		for range 8 {
			w.work(time.Minute)
		}
		w.wantStates(i, "while Zoom is down", done, failed)
		if why := w.runs(i)[1].Reason; why.Code != incident.ReasonZoom {
			t.Errorf("the reason is %+v", why)
		}
		w.faults(zoomsim.Faults{})
		w.ok(w.service.ReopenIncident(t.Context(), anaIs, i.Number))
		w.ok(w.service.RunStep(t.Context(), anaIs, w.runs(i)[1].ID))
		w.work(time.Second)
		w.wantStates(i, "run again", done, done)
	})
}

// A step that waits for what it changes ends by itself.
func TestStepLoop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.openWith(w.saveSteps(line("again", incident.Schedule{OnlyIf: incident.Conditions{All: []incident.Condition{{Field: "severity", Is: incident.IsNotEmpty}}}, Repeat: incident.Repeat{OnChange: true}})))
	for n := range 30 {
		_, err := w.service.EditIncident(t.Context(), anaIs, i.Number, incident.IncidentEdit{Fields: map[string]string{"severity": []string{"SEV1", "SEV2"}[n%2]}})
		w.ok(err)
		w.work(time.Second)
	}
	run := w.runs(i)[0]
	facts, err := w.store.StepFacts(t.Context(), i, w.clock.Now())
	w.ok(err)
	if o := facts.Outlook(run); run.Times != 20 || o.Code != incident.OutlookLoop {
		t.Errorf("it ran %d times, and its outlook is %s", run.Times, o.Code)
	}
	if n := strings.Count(strings.Join(w.kinds(i), " "), "step_loop"); n != 1 {
		t.Errorf("the timeline says %d times that it does not run again:\n%s", n, strings.Join(w.timeline(i), "\n"))
	}
}

// An hour that comes twice, or never, makes a step run once.
func TestStepChangedClock(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		start time.Time
		want  string // when it runs, in UTC
	}{
		{"twice", time.Date(2026, time.October, 24, 23, 30, 0, 0, time.UTC), "00:15"},
		{"never", time.Date(2026, time.March, 29, 0, 30, 0, 0, time.UTC), "01:15"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.clock.Add(tt.start.Sub(w.clock.Now()))
			values := incident.Values{"02:15", "04:00"}
			if tt.name == "never" {
				values = incident.Values{"03:15", "04:00"}
			}
			i := w.openWith(w.saveSteps(line("at night", incident.Schedule{OnlyIf: incident.Conditions{All: []incident.Condition{
				{Field: "time_of_day", Is: incident.IsBetween, Value: values, Zone: "Europe/Oslo"},
			}}})))
			for range 5 * 60 {
				w.work(time.Minute)
			}
			run := w.runs(i)[0]
			if got := run.StartedAt.UTC().Format("15:04"); run.Times != 1 || got != tt.want {
				t.Errorf("it ran %d times, at %s, want once at %s", run.Times, got, tt.want)
			}
		})
	}
}
