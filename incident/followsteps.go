package incident

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"
)

// StepFacts is what decides which steps of an incident run.
type StepFacts struct {
	At          time.Time // now
	Incident    Incident
	Runs        []StepRun // in the order of the runbook
	Bridges     []Bridge  // oldest first
	FirstJoined time.Time // when somebody first joined one of them, as far as Zoom said
}

// StepsChange is what follows from StepFacts. The rows of Runs are those that change, with
// their state before; each is written only if the step still has it, and has run as often.
type StepsChange struct {
	Runs     []RunChange
	Bridges  []Bridge
	Jobs     []Job
	Timeline []TimelineEntry
	Audit    AuditEntry
	Next     time.Time // when to look again although nothing changes; zero: not before something does
}

// RunChange is one transition of a step run.
type RunChange struct {
	Run   StepRun
	From  StepState
	Times int // how often it had run
}

// StepRule says what follows from the facts about an incident.
type StepRule func(StepFacts) StepsChange

// Watched reports whether the step may run by itself later.
func (r StepRun) Watched() bool {
	return r.Step.ExecuteAutomatically && (r.State == StepWaiting || r.Step.Schedule.Repeat.again())
}

func (f StepFacts) run(number int) (StepRun, bool) {
	i := slices.IndexFunc(f.Runs, func(r StepRun) bool { return r.Position == number-1 })
	if i < 0 {
		return StepRun{}, false
	}
	return f.Runs[i], true
}

func (f StepFacts) inside() (n int) {
	for _, b := range f.Bridges {
		n += b.Inside
	}
	return n
}

func (f StepFacts) readyAt() (first time.Time) {
	for _, b := range f.Bridges {
		if !b.ReadyAt.IsZero() && (first.IsZero() || b.ReadyAt.Before(first)) {
			first = b.ReadyAt
		}
	}
	return first
}

// watchedSince returns since when people can join bridges whose calls Drawbridge sees.
func (f StepFacts) watchedSince() (last time.Time) {
	for _, b := range f.Bridges {
		if b.Kind != KindStatic && b.ReadyAt.After(last) {
			last = b.ReadyAt
		}
	}
	return last
}

// toldSince reports whether Zoom has said since then how the calls are.
func (f StepFacts) toldSince(since time.Time) bool {
	return !slices.ContainsFunc(f.Bridges, func(b Bridge) bool {
		return b.Kind != KindStatic && !b.ReadyAt.IsZero() && (!b.ToldAt.After(since) || b.Watch.Failures > 0)
	})
}

// joinedAt returns when somebody first joined; zero: nobody has.
func (f StepFacts) joinedAt() time.Time {
	at := f.FirstJoined
	for _, b := range f.Bridges {
		if !b.StartedAt.IsZero() && (at.IsZero() || b.StartedAt.Before(at)) {
			at = b.StartedAt
		}
	}
	return at
}

// runsResolved reports whether a step runs on a resolved incident: because it is resolved,
// or after a step that does.
func (f StepFacts) runsResolved(run StepRun) bool {
	for range f.Runs {
		if run.Step.Schedule.When != TriggerAfter {
			break
		}
		before, found := f.run(run.Step.Schedule.After.Step)
		if !found {
			return false
		}
		run = before
	}
	return run.Step.ExecuteAutomatically && run.Step.Schedule.When == TriggerResolved
}

// may reports whether the status of the incident lets a step run by itself.
func (f StepFacts) may(run StepRun) bool {
	return run.Step.ExecuteAutomatically && (f.Incident.Status == StatusOpen || f.runsResolved(run))
}

// seen returns what the fields have now that the conditions of a step are about.
func (f StepFacts) seen(c Conditions) string {
	list, _, _ := c.list()
	names := c.subjects()
	values := map[string]string{}
	for _, one := range list {
		if field, zone, known := one.field(f); known && slices.Contains(names, one.Field) {
			values[one.Field] = field.is(f, zone)
		}
	}
	text, _ := json.Marshal(values) // a map of texts always is JSON
	return string(text)
}

// StepOutlook says what happens next to a step.
type StepOutlook struct {
	Code       OutlookCode `json:"code"`
	At         time.Time   `json:"at,omitzero"`          // of a time; see OutlookCode
	Conditions []Checked   `json:"conditions,omitempty"` // with whether each holds now
	All        bool        `json:"all,omitempty"`        // all of them must hold
	Left       int         `json:"left,omitempty"`       // how many more times it runs; 0: until the incident is resolved

	hold bool // the conditions do
}

// OutlookCode says what a step waits for.
type OutlookCode string

const (
	OutlookNone       OutlookCode = ""           // nothing: it runs, or has run and does not run again
	OutlookPerson     OutlookCode = "person"     // somebody to run it
	OutlookTrigger    OutlookCode = "trigger"    // its trigger
	OutlookTime       OutlookCode = "time"       // its time has come at At
	OutlookConditions OutlookCode = "conditions" // they do not hold
	OutlookRepeat     OutlookCode = "repeat"     // At: its next repetition, if the conditions hold then
	OutlookChange     OutlookCode = "change"     // something that its conditions name changes
	OutlookLoop       OutlookCode = "loop"       // it has run maxOnChange times because something changed, and does not do so again
	OutlookMissed     OutlookCode = "missed"     // it does not run any more: the incident was resolved before it could
	OutlookNow        OutlookCode = "now"        // it runs now
)

// Outlook returns what happens next to a step.
func (f StepFacts) Outlook(run StepRun) StepOutlook {
	o, _ := f.outlook(run)
	return o
}

// outlook also returns when it was due, if it is to run now.
func (f StepFacts) outlook(run StepRun) (o StepOutlook, due time.Time) {
	c := run.Step.Schedule
	o.All = len(c.OnlyIf.Any) == 0
	fresh := run.State == StepWaiting
	switch {
	case !run.Step.ExecuteAutomatically && fresh:
		o.Code = OutlookPerson
		return o, due
	case !run.Step.ExecuteAutomatically, run.State == StepScheduled, run.State == StepSkipped,
		run.State == StepRunning && run.Step.Kind != StepChecklist, !fresh && !c.Repeat.again():
		return o, due
	case !f.may(run):
		if fresh {
			o.Code = OutlookMissed
		}
		return o, due
	case !fresh && c.Repeat.Times > 0 && run.Times >= c.Repeat.Times:
		return o, due
	}
	var began time.Time
	if happened, known := triggers[c.When]; known {
		began = happened(f, run)
	}
	if o.Conditions, o.hold = c.OnlyIf.check(f); !o.hold && run.Step.Kind == StepCreateMeeting {
		// What can't be checked holds back nothing that people wait for.
		o.hold = slices.ContainsFunc(o.Conditions, func(c Checked) bool { return c.Broken }) &&
			!slices.ContainsFunc(o.Conditions, func(c Checked) bool { return !c.Broken && !c.Holds })
	}
	if c.Repeat.Times > 0 {
		o.Left = c.Repeat.Times - run.Times
	}
	switch {
	case began.IsZero():
		o.Code = OutlookTrigger
		return o, due
	case fresh, c.Repeat.OnChange:
		due = began.Add(c.Wait.Span())
	default:
		due = nextSlot(run.DueAt, c.Repeat.Every.Span(), f.At)
		if from := began.Add(c.Wait.Span()); due.Before(from) { // such as after it was resolved again
			due = nextSlot(run.DueAt, c.Repeat.Every.Span(), from.Add(repeatLate))
		}
	}
	switch {
	case due.After(f.At) && fresh:
		o.Code, o.At = OutlookTime, due
	case due.After(f.At):
		o.Code, o.At = OutlookRepeat, due
	case !fresh && c.Repeat.OnChange && run.Times >= maxOnChange:
		o.Code = OutlookLoop
	case !fresh && c.Repeat.OnChange && (!o.hold || f.seen(c.OnlyIf) == run.Seen):
		o.Code = OutlookChange
	case !o.hold && !fresh:
		o.Code, o.At = OutlookRepeat, due.Add(c.Repeat.Every.Span())
	case !o.hold:
		o.Code = OutlookConditions
	default:
		o.Code = OutlookNow
		return o, due
	}
	return o, time.Time{}
}

// repeatLate is how late a repetition may be. A later one is left out, such as after a
// stop of the server, and the next one comes at its time.
const repeatLate = time.Minute

// nextSlot returns the time of the repetition that is due now, or else of the next one.
func nextSlot(last time.Time, every time.Duration, now time.Time) time.Time {
	slot := last.Add(every)
	if now.Before(slot) {
		return slot
	}
	slot = last.Add(now.Sub(last).Truncate(every))
	if now.Sub(slot) > repeatLate {
		slot = slot.Add(every)
	}
	return slot
}

// clockLook is how often the conditions are looked at that change as time passes.
const clockLook = 30 * time.Second

// next returns when the outlook may change although nothing happens; zero: never.
func (o StepOutlook) next(f StepFacts, run StepRun) time.Time {
	switch o.Code {
	case OutlookTime, OutlookRepeat:
		return o.At
	case OutlookTrigger:
		if run.Step.Schedule.When == TriggerNobody { // Zoom may not have said anything yet
			return f.At.Add(clockLook)
		}
	case OutlookConditions:
		if slices.ContainsFunc(o.Conditions, func(c Checked) bool {
			return !c.Holds && slices.ContainsFunc(ConditionFields, func(f ConditionField) bool { return f.Name == c.Field && f.Clock })
		}) {
			return f.At.Add(clockLook)
		}
	default:
	}
	return time.Time{}
}

// followSteps is the StepRule: it starts the steps that are to run now, and ends those that
// never will.
func (s *Service) followSteps(f StepFacts) (all StepsChange) {
	for _, run := range f.Runs {
		before, was := run, RunChange{From: run.State, Times: run.Times}
		if run.State == StepSkipped && run.Reason.Code == ReasonMissed && f.may(run) { // it was reopened
			run.State, run.Reason, run.FinishedAt = StepWaiting, Reason{}, time.Time{}
		}
		o, due := f.outlook(run)
		switch o.Code {
		case OutlookMissed:
			open := f
			open.Incident.Status = StatusOpen
			waited := open.Outlook(run)
			run.State, run.Reason, run.FinishedAt = StepSkipped, Reason{Code: ReasonMissed, Waited: &waited}, f.At
		case OutlookNow:
			begun := s.begin(f.Incident, &run, due, f.At)
			run.Seen = f.seen(run.Step.Schedule.OnlyIf)
			all.Bridges, all.Jobs = append(all.Bridges, begun.Bridges...), append(all.Jobs, begun.Jobs...)
			all.Timeline = append(all.Timeline, begun.Timeline...)
			if o, _ = f.outlook(run); o.Code == OutlookLoop {
				all.Timeline = append(all.Timeline, TimelineEntry{ID: newID(), IncidentNumber: f.Incident.Number, At: f.At, Kind: EntryStepLoop,
					Data: TimelineData{Step: run.Step.Kind, StepName: cmp.Or(run.Step.Name, run.Said), Count: run.Times}})
			}
		default:
		}
		if o.Code == OutlookChange && !o.hold { // once they hold again, that is a change
			run.Seen = ""
		}
		if run.State != was.From || run.Times != was.Times || run.Seen != before.Seen {
			was.Run = run
			all.Runs = append(all.Runs, was)
		}
		if at := o.next(f, run); !at.IsZero() && (all.Next.IsZero() || at.Before(all.Next)) {
			all.Next = at
		}
	}
	return all
}

// begin starts a step that was due at a time.
func (s *Service) begin(i Incident, run *StepRun, due, now time.Time) (c StepsChange) {
	k, _ := kindOf(run.Step.Kind)
	run.Times++
	run.DueAt, run.StartedAt, run.FinishedAt, run.Reason = due, now, time.Time{}, Reason{}
	if now.Sub(due) > repeatLate { // it was late, so the repetitions count from now on
		run.DueAt = now
	}
	if k.begin != nil {
		c = k.begin(s, i, run)
	} else {
		run.State = StepScheduled
		c.Jobs = []Job{s.newJob(JobRunStep, run.ID, now)}
	}
	entry := TimelineEntry{ID: newID(), IncidentNumber: i.Number, At: now, Kind: EntryStepStarted, Data: TimelineData{Step: run.Step.Kind, StepName: run.Step.Name}}
	if run.Step.Kind == StepChecklist {
		entry.Kind, entry.Data = EntryStepDue, TimelineData{Text: run.Said, Count: run.Times}
	}
	c.Timeline = append(c.Timeline, entry)
	return c
}

// stepsOnce starts the steps of one incident that is to be looked at.
func (s *Service) stepsOnce(ctx context.Context) (int, error) {
	n, err := s.store.FollowSteps(ctx, s.now(), s.followSteps)
	if CodeOf(err) == Conflict { // somebody else changed a step; it is looked at again
		return n, nil
	}
	if n > 0 {
		nudge(s.wakeJobs)
	}
	return n, err
}
