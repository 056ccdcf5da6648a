package incident

import (
	"encoding"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Trigger says what a step that executes automatically waits for before its Wait begins.
// The codes are stored.
type Trigger string

const (
	TriggerOpened   Trigger = ""              // the incident was opened
	TriggerAfter    Trigger = "after_step"    // an earlier step ended as After says
	TriggerReady    Trigger = "bridge_ready"  // a bridge of the incident has a link
	TriggerJoined   Trigger = "first_joined"  // somebody joined
	TriggerNobody   Trigger = "nobody_joined" // a bridge has had a link for Wait, and nobody has joined
	TriggerStuck    Trigger = "people_stuck"  // people wait to get in, and nobody lets them in
	TriggerChanged  Trigger = "changed"       // the severity or the status of the incident changed
	TriggerResolved Trigger = "resolved"      // the incident was resolved; the step then runs although it is
)

// Triggers are all triggers, in the order in which forms offer them.
var Triggers = []Trigger{TriggerOpened, TriggerAfter, TriggerReady, TriggerJoined, TriggerNobody, TriggerStuck, TriggerChanged, TriggerResolved}

// triggerOpened is how a file may write TriggerOpened.
const triggerOpened = "opened"

// Outcome is how an earlier step ended. The codes are stored.
type Outcome string

const (
	OutcomeDone   Outcome = "" // also how a new step starts
	OutcomeFailed Outcome = "failed"
	OutcomeEither Outcome = "either"
)

// After names the step that TriggerAfter waits for.
type After struct {
	Step    int     `json:"step,omitempty" yaml:"step,omitempty"` // its number in the runbook, from 1; 0: the one before
	Outcome Outcome `json:"outcome,omitempty" yaml:"outcome,omitempty"`
}

// Minutes is a length of time in whole minutes. As a text it is "5m", "1h30m" or "2h".
type Minutes int

var (
	_ encoding.TextMarshaler   = Minutes(0)
	_ encoding.TextUnmarshaler = (*Minutes)(nil)
)

// Span returns the length as a Duration.
func (m Minutes) Span() time.Duration { return time.Duration(m) * time.Minute }

func (m Minutes) String() string {
	text := strings.TrimSuffix(m.Span().String(), "0s")
	if m != 0 && m%60 == 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText implements encoding.TextMarshaler.
func (m Minutes) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. A number without a unit means minutes.
func (m *Minutes) UnmarshalText(text []byte) error {
	n, err := ParseMinutes(string(text))
	*m = n
	return err
}

// ParseMinutes parses "5m", "1h30m" or "5".
func ParseMinutes(text string) (Minutes, error) {
	text = strings.TrimSpace(text)
	if n, err := strconv.Atoi(text); err == nil {
		return Minutes(n), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d%time.Minute != 0 {
		return 0, fmt.Errorf("%q is not a number of minutes, such as 5m or 1h30m", cutRunes(text, 40))
	}
	return Minutes(d / time.Minute), nil
}

// Repeat says how often a step runs again.
type Repeat struct {
	Every    Minutes `json:"every,omitempty" yaml:"every,omitempty"`         // 0: not by time
	Times    int     `json:"times,omitempty" yaml:"times,omitempty"`         // how often it runs in all; 0: until the incident is resolved
	OnChange bool    `json:"on_change,omitempty" yaml:"on_change,omitempty"` // whenever something changes that its conditions name
}

func (r Repeat) again() bool { return r.Every > 0 || r.OnChange }

// Schedule says when a step that executes automatically runs: at When, after Wait, if
// OnlyIf holds, and again as Repeat says.
type Schedule struct {
	When   Trigger    `json:"when,omitempty" yaml:"when,omitempty"`
	After  After      `json:"after,omitzero" yaml:"after,omitempty"`
	Wait   Minutes    `json:"wait,omitempty" yaml:"wait,omitempty"`
	OnlyIf Conditions `json:"only_if,omitzero" yaml:"only_if,omitempty"`
	Repeat Repeat     `json:"repeat,omitzero" yaml:"repeat,omitempty"`
}

// The limits of a schedule. shortestRepeat keeps a step from flooding people.
const (
	maxWait        = 7 * 24 * 60 // minutes
	shortestRepeat = 5           // minutes
	maxRepeats     = 1000
	// maxOnChange is how often a step runs because something changed. A step that changes
	// what it waits for would otherwise never end.
	maxOnChange = 20
)

// normalise rejects values that cannot work. number is the number of the step, from 1.
func (c *Schedule) normalise(p string, number int, k stepKind, r Runbook, fields map[string]string) {
	if c.When == triggerOpened {
		c.When = TriggerOpened
	}
	if _, known := triggers[c.When]; !known {
		fields[p+"when"] = "Choose when the step runs."
	}
	if c.When == TriggerAfter {
		if c.After.Step == 0 {
			c.After.Step = number - 1
		}
		if c.After.Outcome == "done" {
			c.After.Outcome = OutcomeDone
		}
		switch {
		case number == 1:
			fields[p+"after.step"] = "The first step has no step before it. Move it down, or choose another time."
		case c.After.Step < 1 || c.After.Step >= number:
			fields[p+"after.step"] = "Choose a step that comes before this one. The one that was chosen was deleted or moved."
		}
		if c.After.Outcome != OutcomeDone && c.After.Outcome != OutcomeFailed && c.After.Outcome != OutcomeEither {
			fields[p+"after.outcome"] = "Choose done, failed or either."
		}
	} else {
		c.After = After{}
	}
	switch {
	case c.When == TriggerNobody && c.Wait == 0 && fields[p+"wait"] == "":
		fields[p+"wait"] = "Enter after how many minutes without anybody in the call the step runs."
	case c.Wait < 0 || c.Wait > maxWait:
		fields[p+"wait"] = "Enter 0 to 10080 minutes (a week)."
	}
	c.OnlyIf.normalise(p+"only_if.", r.Variables, fields)
	switch {
	case c.Repeat.again() && !k.repeats:
		fields[p+"repeat.every"] = "This kind of step runs once."
	case c.Repeat.Every > 0 && c.Repeat.OnChange:
		fields[p+"repeat.every"] = "Repeat the step either by time or at changes."
	case c.Repeat.Every != 0 && (c.Repeat.Every < shortestRepeat || c.Repeat.Every > maxWait):
		fields[p+"repeat.every"] = "Enter 5 to 10080 minutes."
	case c.Repeat.OnChange && len(c.OnlyIf.subjects()) == 0:
		fields[p+"repeat.on_change"] = "Add a condition. The step runs again whenever something changes that its conditions name."
	}
	if c.Repeat.Every > 0 && c.Repeat.Times == 0 && r.runsResolved(number) {
		fields[p+"repeat.times"] = "Enter how often it runs: once the incident is resolved, nothing else ends its repetitions."
	}
	if c.Repeat.Times < 0 || c.Repeat.Times > maxRepeats {
		fields[p+"repeat.times"] = "Enter 1 to 1000 times, or nothing to repeat until the incident is resolved."
	}
	if !c.Repeat.again() {
		c.Repeat = Repeat{}
	}
}

// runsResolved reports whether a step, by its number, runs on a resolved incident.
func (r Runbook) runsResolved(number int) bool {
	f := StepFacts{}
	for n, step := range r.Steps {
		f.Runs = append(f.Runs, StepRun{Position: n, Step: step})
	}
	run, found := f.run(number)
	return found && f.runsResolved(run)
}

// triggers says for each trigger when it happened; zero: not yet.
var triggers = map[Trigger]func(f StepFacts, run StepRun) time.Time{
	TriggerOpened: func(f StepFacts, _ StepRun) time.Time { return f.Incident.CreatedAt },
	TriggerAfter: func(f StepFacts, run StepRun) time.Time {
		before, found := f.run(run.Step.Schedule.After.Step)
		switch outcome := run.Step.Schedule.After.Outcome; {
		case !found:
		case before.State == StepDone && outcome != OutcomeFailed, before.State == StepFailed && outcome != OutcomeDone:
			return before.FinishedAt
		}
		return time.Time{}
	},
	TriggerReady:  func(f StepFacts, _ StepRun) time.Time { return f.readyAt() },
	TriggerJoined: func(f StepFacts, _ StepRun) time.Time { return f.joinedAt() },
	TriggerNobody: func(f StepFacts, run StepRun) time.Time {
		ready := f.watchedSince()
		// Without a word from Zoom since then it is not known that nobody came.
		if ready.IsZero() || !f.joinedAt().IsZero() || !f.At.Before(ready.Add(run.Step.Schedule.Wait.Span())) && !f.toldSince(ready) {
			return time.Time{}
		}
		return ready
	},
	TriggerStuck: func(f StepFacts, _ StepRun) time.Time {
		for _, b := range f.Bridges {
			if b.Alarm == AlarmStuck {
				return b.AlarmSince.Add(StuckAfter)
			}
		}
		return time.Time{}
	},
	TriggerChanged: func(f StepFacts, _ StepRun) time.Time { return f.Incident.ChangedAt },
	TriggerResolved: func(f StepFacts, _ StepRun) time.Time {
		if f.Incident.Status != StatusResolved {
			return time.Time{}
		}
		return f.Incident.ResolvedAt
	},
}
