package incident

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident/template"
)

// StepKind says what a step does. The codes are stored.
type StepKind string

const (
	StepCreateMeeting StepKind = "create_meeting"
	StepEndMeeting    StepKind = "end_meeting"
	StepResolve       StepKind = "resolve"
	StepChecklist     StepKind = "checklist"
)

// stepKind is what Drawbridge knows about a kind of step.
type stepKind struct {
	kind    StepKind
	repeats bool
	// check rejects values that cannot work. fields are those of Invalid, p is the prefix
	// of their names, and vars are the names of the runbook's variables.
	check func(step *Step, p string, vars []string, fields map[string]string)
	// begin says what a step that starts writes, beside its state. nil: the worker does the
	// step.
	begin func(s *Service, i Incident, run *StepRun) StepsChange
	// do does the step. A zero reason means that it is done, or that do has stored how it
	// went. again asks for another call.
	do func(s *Service, ctx context.Context, run StepRun, job Job) (why Reason, again time.Time, err error)
}

// stepKinds are all kinds, in the order in which forms offer them.
var stepKinds = []stepKind{createMeeting, checklist, endMeeting, resolveIncident}

// StepKinds returns all kinds of steps, in the order in which forms offer them.
func StepKinds() (kinds []StepKind) {
	for _, k := range stepKinds {
		kinds = append(kinds, k.kind)
	}
	return kinds
}

func kindOf(kind StepKind) (k stepKind, known bool) {
	i := slices.IndexFunc(stepKinds, func(k stepKind) bool { return k.kind == kind })
	if i < 0 {
		return stepKind{}, false
	}
	return stepKinds[i], true
}

// Repeats reports whether steps of this kind can run more than once.
func (k StepKind) Repeats() bool {
	kind, _ := kindOf(k)
	return kind.repeats
}

// Step is one action of a runbook.
type Step struct {
	ID                   string          `yaml:"-"`
	Kind                 StepKind        `yaml:"kind"`
	Name                 string          `json:"name,omitempty" yaml:"name,omitempty"` // "": pages show what its kind does
	ExecuteAutomatically bool            `yaml:"execute_automatically"`
	Schedule             Schedule        `json:"timing,omitzero" yaml:",inline"`                     // of a step that executes automatically
	Meeting              MeetingTemplate `yaml:",inline,omitempty"`                                  // of create_meeting
	Text                 string          `json:"text,omitempty" yaml:"text,omitempty"`               // of checklist: a Liquid template of one line
	WithPeople           bool            `json:"with_people,omitempty" yaml:"with_people,omitempty"` // of end_meeting: also while people are inside
}

// AtOnce reports whether the step runs as soon as an incident is opened.
func (step Step) AtOnce() bool {
	c := step.Schedule
	list, _, _ := c.OnlyIf.list()
	return step.ExecuteAutomatically && c.When == TriggerOpened && c.Wait == 0 && len(list) == 0
}

// NewStep returns a step as forms and files begin with it.
func NewStep(kind StepKind) Step {
	step := Step{Kind: kind, ExecuteAutomatically: true}
	if kind == StepCreateMeeting {
		step.Meeting = NewMeetingTemplate()
	}
	return step
}

// UnmarshalYAML starts from the values of a new step, so that a file may omit
// them.
func (step *Step) UnmarshalYAML(decode func(any) error) error {
	type plain Step
	*step = Step{Meeting: NewMeetingTemplate()}
	if err := decode((*plain)(step)); err != nil {
		return err
	}
	if step.Kind != StepCreateMeeting && reflect.DeepEqual(step.Meeting, NewMeetingTemplate()) {
		step.Meeting = MeetingTemplate{}
	}
	return nil
}

// MarshalYAML leaves out the fields of other kinds.
func (step Step) MarshalYAML() (any, error) {
	type plain Step
	if step.Kind == StepCreateMeeting {
		return plain(step), nil
	}
	return struct {
		Kind                 StepKind `yaml:"kind"`
		Name                 string   `yaml:"name,omitempty"`
		ExecuteAutomatically bool     `yaml:"execute_automatically"`
		Schedule             `yaml:",inline"`
		Text                 string `yaml:"text,omitempty"`
		WithPeople           bool   `yaml:"with_people,omitempty"`
	}{step.Kind, step.Name, step.ExecuteAutomatically, step.Schedule, step.Text, step.WithPeople}, nil
}

// normalise trims the texts, fills in defaults, and rejects values that cannot work.
// number is the number of the step in the runbook, from 1.
func (step *Step) normalise(p string, number int, r Runbook, fields map[string]string) {
	k, known := kindOf(step.Kind)
	if !known {
		fields[p+"kind"] = "This kind of step doesn’t exist."
		return
	}
	step.Name = strings.TrimSpace(step.Name)
	notShort(fields, p+"name", step.Name, maxStepName)
	step.Text = strings.TrimSpace(step.Text)
	for other, has := range map[StepKind]bool{
		StepCreateMeeting: !reflect.DeepEqual(step.Meeting, MeetingTemplate{}), StepChecklist: step.Text != "", StepEndMeeting: step.WithPeople,
	} {
		if has && other != step.Kind {
			fields[p+"kind"] = "This step has a setting that only steps of the kind " + string(other) + " have."
		}
	}
	if k.check != nil {
		k.check(step, p, r.VariableNames(), fields)
	}
	if !step.ExecuteAutomatically {
		step.Schedule = Schedule{}
		return
	}
	step.Schedule.normalise(p, number, k, r, fields)
}

// stepTemplate checks a Liquid template of a step.
func stepTemplate(field, src string, vars []string, fields map[string]string) {
	if _, err := template.Parse(src, templateNames(vars)); err != nil {
		fields[field] = err.Error()
	}
}
