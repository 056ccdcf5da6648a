package incident

import (
	"slices"
	"strings"
)

// incidentFields are the fields of an incident that people may change, named as in forms
// and the API. The variables of its runbook follow as "vars.customer".
var incidentFields = []string{"name", "severity", "type", "description", "opener_email"}

const varPrefix = "vars."

// maxDescription and the others are the limits of what forms and API clients may send, in
// characters.
const (
	maxDescription = 4000
	maxVar         = 1000
	maxKey         = 200
)

var maxField = map[string]int{"name": 200, "severity": 40, "type": 100, "description": maxDescription}

// field returns where the incident has a field that isn't a variable, or nil.
func (i *Incident) field(name string) *string {
	switch name {
	case "name":
		return &i.Name
	case "severity":
		return &i.Severity
	case "type":
		return &i.Type
	case "description":
		return &i.Description
	case "opener_email":
		return &i.OpenerEmail
	}
	return nil
}

// Field returns the value of a field, such as "severity" or "vars.customer".
func (i Incident) Field(name string) string {
	if at := i.field(name); at != nil {
		return *at
	}
	return i.Vars[strings.TrimPrefix(name, varPrefix)]
}

// Variable returns the variable with this name. One that the runbook does not have, or no
// longer has, is any text.
func (r Runbook) Variable(name string) Variable {
	if at := slices.IndexFunc(r.Variables, func(v Variable) bool { return v.Name == name }); at >= 0 {
		return r.Variables[at]
	}
	return Variable{Name: name}
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// cleanField returns the form of a value that is stored and compared.
func cleanField(field, value string) string {
	value = strings.TrimSpace(lineEnds.Replace(value))
	if field == "opener_email" {
		value = CanonicalEmail(value)
	}
	return value
}

// fieldProblem returns why a field can't have a value, or "".
func fieldProblem(r Runbook, field, value string) string {
	switch field {
	case "opener_email":
		if value != "" && !validEmail(value) {
			return "This isn’t an email address."
		}
		return ""
	case "description":
		return textProblem(value, maxDescription)
	case "name":
		if value == "" {
			return "Describe in a few words what is wrong."
		}
		return shortProblem(value, maxField[field])
	case "severity", "type":
		return shortProblem(value, maxField[field])
	}
	return r.Variable(strings.TrimPrefix(field, varPrefix)).check(value)
}

// field makes the value of a field usable. It returns "" for one that can't be.
func (f *fitter) field(r Runbook, field, value string) string {
	switch field {
	case "opener_email":
		return f.opener(value)
	case "name", "severity", "type", "description":
		return f.text(field, value, maxField[field], field != "description")
	}
	value = f.text(field, value, maxVar, true)
	if value != "" && fieldProblem(r, field, value) != "" {
		f.adjust(AdjustedValue, field, value, 0)
		return ""
	}
	return value
}
