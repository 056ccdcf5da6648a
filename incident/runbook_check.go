package incident

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The limits of a runbook.
const (
	maxSteps     = 20
	maxVariables = 30
	maxChoices   = 50
	maxStepName  = 100 // characters
)

var variableName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// normalise trims the texts, fills in defaults, and rejects values that cannot
// work.
func (r *Runbook) normalise() error {
	fields := map[string]string{}
	text := func(key string, s *string, limit int, missing string) {
		*s = strings.TrimSpace(*s)
		if *s == "" && missing != "" {
			fields[key] = missing
		}
		notShort(fields, key, *s, limit)
	}
	text("name", &r.Name, 120, "Give the runbook a name.")
	text("incident_type", &r.IncidentType, 100, "")
	r.Description = strings.TrimSpace(lineEnds.Replace(r.Description))
	tooLong(fields, "description", r.Description, 2000)

	if len(r.Variables) > maxVariables {
		fields["variables"] = fmt.Sprintf("Use at most %d variables.", maxVariables)
	}
	names := r.VariableNames()
	for i := range r.Variables {
		v := &r.Variables[i]
		p := fmt.Sprintf("variables.%d.", i)
		v.Name = strings.TrimSpace(v.Name)
		switch {
		case !variableName.MatchString(v.Name):
			fields[p+"name"] = "Use lowercase letters, digits and _, starting with a letter."
		case slices.Index(names, v.Name) < i:
			fields[p+"name"] = "Another variable already has this name."
		}
		text(p+"label", &v.Label, 100, "")
		text(p+"help", &v.Help, 300, "")
		text(p+"default", &v.Default, maxVar, "")
		if v.Label == "" {
			v.Label = v.Name
		}
		if v.Type == "" {
			v.Type = "text"
		}
		if !slices.Contains([]string{"text", "number", "choice", "date"}, v.Type) {
			fields[p+"type"] = "Choose text, number, choice or date."
		}
		var choices []string
		for _, c := range v.Choices {
			if c = strings.TrimSpace(c); v.Type == "choice" && c != "" && !slices.Contains(choices, c) {
				choices = append(choices, c)
				notShort(fields, p+"choices", c, maxVar)
			}
		}
		v.Choices = choices
		if v.Type == "choice" && (len(v.Choices) == 0 || len(v.Choices) > maxChoices) {
			fields[p+"choices"] = fmt.Sprintf("Enter 1 to %d choices.", maxChoices)
		}
		if v.Default != "" {
			if problem := v.check(v.Default); problem != "" && fields[p+"type"] == "" && fields[p+"choices"] == "" {
				fields[p+"default"] = problem
			}
		}
	}

	if len(r.Steps) > maxSteps {
		fields["steps"] = fmt.Sprintf("Use at most %d steps.", maxSteps)
	}
	for i := range r.Steps {
		r.Steps[i].normalise(fmt.Sprintf("steps.%d.", i), i+1, *r, fields)
	}
	if len(fields) > 0 {
		return invalid("Some fields are missing or invalid. Nothing was saved.", fields)
	}
	return nil
}

// Problems returns for each field that SaveRunbook would reject what to do about it.
func (r Runbook) Problems() map[string]string {
	r.Variables, r.Steps = slices.Clone(r.Variables), slices.Clone(r.Steps)
	for i := range r.Steps {
		only := &r.Steps[i].Schedule.OnlyIf
		only.All, only.Any = slices.Clone(only.All), slices.Clone(only.Any)
	}
	if refused, ok := errors.AsType[*Error](r.normalise()); ok {
		return refused.Fields
	}
	return nil
}

// VariableNames returns the names of the runbook's variables, in order.
func (r Runbook) VariableNames() []string {
	names := make([]string, len(r.Variables))
	for i, v := range r.Variables {
		names[i] = strings.TrimSpace(v.Name)
	}
	return names
}
