package views

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// IncidentEditPage is GET /incidents/{number}/edit, and the answer to a rejected POST (422).
//
// The form posts the fields of the form that opens an incident, type, note and
// idempotency_key, and for each field seen.{name} with the value that it showed: a field
// that doesn't differ from that was not changed.
type IncidentEditPage struct {
	Frame  Frame
	Number int64
	Key    string

	IncidentFields
	Type    string
	Seen    []Hidden
	Note    string
	NoteKey string // makes submitting the note twice harmless

	Changed  bool              // something was typed that isn't saved
	Problem  string            // why nothing was saved, if no field is wrong; "" for nothing
	Conflict string            // who changed the same fields meanwhile; "": nobody
	Theirs   map[string]string // those fields, with the values that they have now
}

func (p IncidentEditPage) path() string { return "/incidents/" + strconv.FormatInt(p.Number, 10) }

// editInput is a field of the form: where it is, what it is called and what it posts.
type editInput struct{ id, label, name string }

// refused lists the rejected fields in the order of the page.
func (p IncidentEditPage) refused() []editInput {
	all := []editInput{{"f-name", "What’s wrong?", "name"}, {"severity", "Severity", "severity"}}
	for i, v := range p.Variables {
		f := p.field(i, v)
		all = append(all, editInput{f.ID, f.Label, f.Name})
	}
	all = append(all, editInput{"f-description", "Description", "description"}, editInput{"f-opener_email", "Opened by", "opener_email"},
		editInput{"f-type", "Type", "type"}, editInput{"f-note", "Note", "note"})
	for _, name := range slices.Sorted(maps.Keys(p.Errors)) {
		if !slices.ContainsFunc(all, func(f editInput) bool { return f.name == name }) {
			all = append(all, editInput{"edit", name, name})
		}
	}
	return slices.DeleteFunc(all, func(f editInput) bool { return p.Errors[f.name] == "" })
}

// folded reports whether a value is too long for a line.
func folded(value string) bool {
	return utf8.RuneCountInString(value) > 100 || strings.Contains(value, "\n")
}
