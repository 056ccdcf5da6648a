package incident

import (
	"maps"
	"slices"
)

// MaxLine is the maximum length of a line of a checklist, in characters.
const MaxLine = 300

// checklist is a line that a person ticks. Its step runs until somebody does.
var checklist = stepKind{
	kind: StepChecklist, repeats: true,
	check: func(step *Step, p string, vars []string, fields map[string]string) {
		if step.Text == "" {
			fields[p+"text"] = "Write what is to be done."
			return
		}
		notShort(fields, p+"text", step.Text, MaxLine)
		stepTemplate(p+"text", step.Text, vars, fields)
	},
	begin: func(s *Service, i Incident, run *StepRun) StepsChange {
		run.State, run.Said = StepRunning, s.Line(i, run.Step)
		return StepsChange{}
	},
}

// Line returns what a line of a checklist asks for in an incident. A template that fails is
// shown as it is.
func (s *Service) Line(i Incident, step Step) string {
	text, wrong := renderTemplate(step.Text, slices.Sorted(maps.Keys(i.Vars)), s.templateData(i), MaxLine)
	if text = oneLine(text); len(wrong) > 0 || text == "" {
		return oneLine(step.Text)
	}
	return text
}
