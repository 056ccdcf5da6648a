package views

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// RunPage is GET /runbooks/{id}/run, and the answer to a rejected POST (422).
//
// The form posts name, severity (SEV1 … SEV4 or ""), description, opener_email, one
// vars.{name} for each variable, and idempotency_key. Posting the same key again redirects to the
// incident that the first request opened.
type RunPage struct {
	Frame Frame

	Runbooks       []Choice // the enabled ones, the last used first
	RunbookID      string
	RunbookName    string
	Description    string   // of the runbook
	Automatic      []string // steps that run automatically: "Create Zoom meeting"
	Later          []string // steps that run by themselves later, and when
	Manual         []string // steps that someone runs
	IdempotencyKey string

	IncidentFields
	Problem    string // why the form was refused, if no field is wrong; "" for nothing
	NoBridges  string // why no incident gets a bridge; "" if nothing is known to prevent it
	FromMemory bool   // the database doesn't answer: others don't see the incident yet
	Disabled   string // why this runbook can't be used; "" if it can
}

// IncidentFields are the fields of an incident, in the form that opens it and in the one
// that edits it.
type IncidentFields struct {
	Name        string
	Severity    string
	Text        string // the incident's description as typed
	OpenerEmail string
	Variables   []RunVariable
	Errors      map[string]string // field name → sentence
}

func (p RunPage) says() string {
	if p.chosen() {
		return ""
	}
	if p.about() == "" {
		return p.RunbookName
	}
	return p.RunbookName + " · " + p.about()
}

// about describes the runbook, which may say that it creates a meeting.
func (p RunPage) about() string {
	if p.NoBridges != "" {
		return ""
	}
	return p.Description
}

// chosen reports whether there is a choice of runbooks.
func (p RunPage) chosen() bool { return len(p.Runbooks) > 1 && p.Disabled == "" }

// RunNothingPage is the form when there is no runbook.
type RunNothingPage struct {
	Frame   Frame
	CanEdit bool
}

// RunVariable is one of the runbook's own fields.
type RunVariable struct {
	Name     string
	Label    string
	Type     string // "text", "number", "choice", "date"
	Required bool
	Value    string
	Help     string
	Choices  []string
}

// hosts says what the address of the opener is for.
func (p RunPage) hosts() string {
	if p.NoBridges != "" {
		return ""
	}
	return "Hosts the bridge if Zoom knows the address; otherwise a backup user does."
}

// busy and slow are shown while the form is sent.
func (p RunPage) busy() string {
	if p.NoBridges != "" {
		return "Opening the incident…"
	}
	return "Opening the incident and asking Zoom for a meeting…"
}

func (p RunPage) slow() string {
	if p.NoBridges != "" {
		return "This takes a few seconds."
	}
	return "Zoom is slow to answer. The incident page opens anyway, with what is known."
}

// severities are the choices, most severe first. A severity that isn't one of them is kept as another choice.
func (p IncidentFields) severities() []Choice {
	all := []Choice{{Value: "SEV1", Label: "SEV1"}, {Value: "SEV2", Label: "SEV2"}, {Value: "SEV3", Label: "SEV3"}, {Value: "SEV4", Label: "SEV4"}, {Value: "", Label: "Not known yet"}}
	for i := range all {
		if all[i].Value == p.Severity {
			all[i].Selected = true
			return all
		}
	}
	return append(all, Choice{Value: p.Severity, Label: p.Severity, Selected: true})
}

func (p IncidentFields) field(i int, v RunVariable) Field {
	name := "vars." + v.Name
	f := Field{
		Label: cmp.Or(v.Label, v.Name), Name: name, ID: "vars-" + strconv.Itoa(i), Value: v.Value, Error: p.Errors[name], Help: v.Help,
		Required: v.Required, Optional: !v.Required,
	}
	switch v.Type {
	case "choice":
		return f
	case "number":
		f.InputMode = "decimal"
	case "date":
		if _, err := time.Parse(time.DateOnly, v.Value); err == nil || v.Value == "" { // a browser drops any other value
			f.Type = "date"
		}
	}
	f.MaxLength = 1000
	return f
}

// short reports whether all choices fit in a row of buttons.
func (v RunVariable) short() bool {
	n := 0
	for _, c := range v.Choices {
		n += len(c)
	}
	return n <= 40
}

// choices are those of v, and an empty one if v is optional or for a list. A value that
// isn't one of them is kept as another choice.
func (v RunVariable) choices(list bool) []Choice {
	var all []Choice
	if list || !v.Required {
		all = append(all, Choice{Value: "", Label: "None", Selected: v.Value == ""})
		if v.Required {
			all[0].Label = "Choose one"
		}
	}
	for _, c := range v.Choices {
		all = append(all, Choice{Value: c, Label: c, Selected: c == v.Value})
	}
	if v.Value != "" && !slices.Contains(v.Choices, v.Value) {
		all = append(all, Choice{Value: v.Value, Label: v.Value, Selected: true})
	}
	return all
}
