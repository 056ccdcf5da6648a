package incident

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/osteele/liquid"
	"github.com/osteele/liquid/expressions"
)

// Limits of a template. Liquid itself has none: a loop may run for ever and a
// filter may multiply its text, so both are fenced in when a template is saved.
const (
	templateMaxBytes   = 4 << 10  // of the source
	templateMaxFilters = 20       // in one template
	templateMaxDepth   = 5        // of blocks inside blocks
	templateMaxValue   = 16 << 10 // bytes of one value and of one filter's result
)

// TemplateData is what a template may see: plain strings, a number and a time.
// All of it may have been typed by a stranger; it is shown, never parsed again.
type TemplateData struct {
	Name                    string
	Number                  int64
	Key, Severity, Type     string
	Description             string
	OpenerName, OpenerEmail string
	StartedAt               time.Time
	URL, JoinPage           string
	Vars                    map[string]string // by variable name; one that is missing is ""
	Runbook                 string            // its name
}

// TemplateError is one thing that is wrong with a template.
type TemplateError struct {
	Line, Column int    // from 1; the column counts characters
	Message      string // a sentence
	Suggestion   string // what was probably meant; "" when nothing is near
}

func (e TemplateError) Error() string {
	s := fmt.Sprintf("Line %d, column %d: %s", e.Line, e.Column, e.Message)
	if e.Suggestion != "" {
		s += " Did you mean " + e.Suggestion + "?"
	}
	return s
}

// TemplateErrors is everything that is wrong with a template, in the order of
// its text.
type TemplateErrors []TemplateError

func (e TemplateErrors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Template is a checked Liquid template. It may be rendered by several
// goroutines at once.
type Template struct {
	liquid *liquid.Template
	vars   []string
}

// templateEngine knows only the tags that the check lets through, and our own
// filters in place of the library's.
var templateEngine = newTemplateEngine()

func newTemplateEngine() *liquid.Engine {
	e := liquid.NewEngine()
	for _, tag := range []string{"assign", "include", "render", "break", "continue", "cycle", "capture", "comment", "for", "raw", "tablerow"} {
		e.UnregisterTag(tag)
	}
	for name, f := range templateFilters {
		e.RegisterFilter(name, f.apply)
	}
	e.StrictVariables()
	return e
}

// ParseTemplate checks a template: its size, its syntax, that it uses only tags
// and filters that are safe and variables that exist (varNames are the
// runbook's own). Its error is TemplateErrors.
func ParseTemplate(src string, varNames []string) (*Template, error) {
	if errs := checkTemplate(src, varNames); len(errs) > 0 {
		return nil, errs
	}
	parsed, err := parseLiquid(src)
	if err != nil {
		return nil, TemplateErrors{{Line: max(1, templateErrorLine(err)), Column: 1, Message: "This cannot be read as Liquid."}}
	}
	return &Template{liquid: parsed, vars: slices.Clone(varNames)}, nil
}

// parseLiquid turns the library's panics on odd input into errors.
func parseLiquid(src string) (t *liquid.Template, err error) {
	defer func() {
		if r := recover(); r != nil {
			t, err = nil, fmt.Errorf("liquid: %v", r)
		}
	}()
	t, sourceErr := templateEngine.ParseTemplateLocation([]byte(src), "", 1)
	if sourceErr != nil {
		return nil, sourceErr
	}
	return t, nil
}

func templateErrorLine(err error) int {
	var at liquid.SourceError
	if errors.As(err, &at) {
		return at.LineNumber()
	}
	return 0
}

// Render fills the template with d and returns at most limit characters of the
// result without control characters other than newline and tab. cut says that
// there was more. It never panics and its memory is bounded whatever d holds;
// after an error out is "" and the caller uses its literal.
func (t *Template) Render(d TemplateData, limit int) (out string, cut bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, cut, err = "", false, fmt.Errorf("the template could not be filled (%T)", r)
		}
	}()
	w := templateWriter{left: limit}
	if err := t.liquid.FRender(&w, t.bindings(d)); err != nil {
		cause := err.Cause()
		var filter expressions.FilterError
		if errors.As(cause, &filter) {
			cause = filter.Err
		}
		return "", false, fmt.Errorf("line %d of the template: %w", err.LineNumber(), cause)
	}
	return w.text.String(), w.cut, nil
}

// templateWriter keeps the first characters written to it and swallows the
// rest, so that a long value costs no memory.
type templateWriter struct {
	text strings.Builder
	left int
	cut  bool
}

func (w *templateWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && !w.cut; {
		r, size := utf8.DecodeRune(rest)
		rest = rest[size:]
		switch {
		case unicode.IsControl(r) && r != '\n' && r != '\t':
		case w.left <= 0:
			w.cut = true
		default:
			w.text.WriteRune(r)
			w.left--
		}
	}
	return len(p), nil
}

// templateName is one variable of the fixed part of the vocabulary.
type templateName struct {
	name, label string
	alias       bool // a name of the hosted incident tool that templates are pasted from
	value       func(TemplateData) any
}

var templateNames = []templateName{
	{"incident.name", "Name of the incident", false, func(d TemplateData) any { return d.Name }},
	{"incident.number", "Number", false, func(d TemplateData) any { return int(d.Number) }},
	{"incident.key", "Key", false, func(d TemplateData) any { return d.Key }},
	{"incident.severity", "Severity", false, func(d TemplateData) any { return d.Severity }},
	{"incident.type", "Type of incident", false, func(d TemplateData) any { return d.Type }},
	{"incident.description", "Description", false, func(d TemplateData) any { return d.Description }},
	{"incident.opener.name", "Opener, name", false, func(d TemplateData) any { return d.OpenerName }},
	{"incident.opener.email", "Opener, e-mail address", false, func(d TemplateData) any { return d.OpenerEmail }},
	{"incident.started_at", "Start, in UTC unless the filter tz is added", false, func(d TemplateData) any { return templateTime(d.StartedAt) }},
	{"incident.url", "Page of the incident", false, func(d TemplateData) any { return d.URL }},
	{"incident.join_page", "Join page, a link that never changes", false, func(d TemplateData) any { return d.JoinPage }},
	{"runbook.name", "Name of the runbook", false, func(d TemplateData) any { return d.Runbook }},
	{"incident.id", "The same as incident.key", true, func(d TemplateData) any { return d.Key }},
	{"incident.incident_url", "The same as incident.url", true, func(d TemplateData) any { return d.URL }},
	{"incident.created_at", "The same as incident.started_at", true, func(d TemplateData) any { return templateTime(d.StartedAt) }},
	{"incident.created_by.name", "The same as incident.opener.name", true, func(d TemplateData) any { return d.OpenerName }},
	{"incident.created_by.email", "The same as incident.opener.email", true, func(d TemplateData) any { return d.OpenerEmail }},
}

func templateTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(templateTimeLayout)
}

// bindings are maps of strings and numbers, so that a template reaches no method.
func (t *Template) bindings(d TemplateData) map[string]any {
	root := map[string]any{}
	for _, n := range templateNames {
		value := n.value(d)
		if s, ok := value.(string); ok {
			value = templateValue(s)
		}
		at, path := root, strings.Split(n.name, ".")
		for _, part := range path[:len(path)-1] {
			next, ok := at[part].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[part] = next
			}
			at = next
		}
		at[path[len(path)-1]] = value
	}
	vars, fields := map[string]any{}, map[string]any{}
	for _, name := range t.vars {
		value := templateValue(d.Vars[name])
		vars[name] = value
		fields[name] = map[string]any{"value": value}
		fields[templateSlug(name)] = fields[name]
	}
	root["vars"] = vars
	root["incident"].(map[string]any)["custom_fields"] = fields
	return root
}

// templateSlug is a variable's name as the hosted tool spells it.
func templateSlug(name string) string { return strings.ReplaceAll(name, "_", "-") }

// TemplateVariable is one line of the list from which variables are inserted.
type TemplateVariable struct {
	Name    string // incident.severity
	Label   string
	Example string // "" when there is none
	Alias   bool   // works, but only for templates that are pasted over
}

// TemplateVariables lists what a template of a runbook with these variables may
// use, in the order to show it.
func TemplateVariables(varNames []string) []TemplateVariable {
	sample := SampleTemplateData()
	var list, aliases []TemplateVariable
	for _, n := range templateNames {
		v := TemplateVariable{Name: n.name, Label: n.label, Example: templateText(n.value(sample)), Alias: n.alias}
		if n.alias {
			aliases = append(aliases, v)
		} else {
			list = append(list, v)
		}
	}
	for _, name := range varNames {
		list = append(list, TemplateVariable{Name: "vars." + name, Label: "Variable " + name + " of this runbook"})
		aliases = append(aliases, TemplateVariable{Name: "incident.custom_fields." + name + ".value", Label: "The same as vars." + name, Alias: true})
	}
	return append(list, aliases...)
}

// SampleTemplateData is the incident that previews show when there is no past one.
func SampleTemplateData() TemplateData {
	return TemplateData{
		Name: "Checkout is slow", Number: 42, Key: "INC-42", Severity: "SEV2", Type: "outage",
		Description: "Payments take longer than ten seconds since the last release.",
		OpenerName:  "Ada Berg", OpenerEmail: "ada@example.com",
		StartedAt: time.Date(2026, time.March, 14, 9, 26, 53, 0, time.UTC),
		URL:       "https://bridge.example.com/incidents/42", JoinPage: "https://bridge.example.com/j/INC-42",
		Vars: map[string]string{}, Runbook: "Production outage",
	}
}

// templateKnown is every name that a template may use, and whether it is an alias.
func templateKnown(varNames []string) map[string]bool {
	known := map[string]bool{}
	for _, n := range templateNames {
		known[n.name] = n.alias
	}
	for _, name := range varNames {
		known["vars."+name] = false
		known["incident.custom_fields."+name+".value"] = true
		known["incident.custom_fields."+templateSlug(name)+".value"] = true
	}
	return known
}
