// Package template parses and renders Liquid templates within limits: no loops, a
// few filters, only existing variables, and bounded cost. It takes plain data and
// must not know what an incident is.
package template

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/osteele/liquid"
	"github.com/osteele/liquid/expressions"
)

// The limits of a template. Liquid has none: a loop can run forever and a filter
// can multiply a text. Parse therefore rejects templates that could do this.
const (
	maxBytes   = 4 << 10  // of the source
	maxFilters = 20       // in one template
	maxDepth   = 5        // levels of nested blocks
	maxValue   = 16 << 10 // bytes of one value and of the result of one filter
	maxNumber  = 15       // characters of a number
)

// timeLayout is the format of a time in a rendered template.
const timeLayout = "2006-01-02 15:04:05 MST"

// Names are the variables that a template may use.
type Names struct {
	Known   []string          // with their dots; suggestions prefer those at the front
	Instead map[string]string // maps a name that people often use to the known name that they mean
	Empty   []string          // more names, which are always ""; a template that uses one has a hint about it
}

// Template is a checked Liquid template. It is safe for concurrent use.
type Template struct {
	liquid *liquid.Template
	names  []string
	hints  Errors
}

// engine has only the tags that the check allows, and our own filters instead of
// the library's.
var engine = newEngine()

func newEngine() *liquid.Engine {
	e := liquid.NewEngine()
	for _, tag := range []string{"assign", "include", "render", "break", "continue", "cycle", "capture", "comment", "for", "raw", "tablerow"} {
		e.UnregisterTag(tag)
	}
	for name, f := range filters {
		e.RegisterFilter(name, f.apply)
	}
	e.StrictVariables()
	return e
}

// Parse checks the size and the syntax of a template. It also checks that the
// template uses only existing variables and only tags and filters that are
// allowed. Every error is of type Errors.
func Parse(src string, names Names) (*Template, error) {
	errs, hints := check(src, names)
	if len(errs) > 0 {
		return nil, errs
	}
	parsed, line := parse(src)
	if parsed == nil {
		text := strings.Split(src, "\n")[min(line, strings.Count(src, "\n")+1)-1]
		return nil, Errors{{Code: Syntax, Line: line, Column: 1, Name: clip(text)}}
	}
	return &Template{parsed, slices.Concat(names.Known, names.Empty), hints}, nil
}

// Hints say what works but may surprise, in the order of the source.
func (t *Template) Hints() Errors { return t.hints }

// parse parses src with the library. If the library cannot parse it, or panics on
// unusual input, the template is nil and line is the line of the error, from 1.
func parse(src string) (t *liquid.Template, line int) {
	defer func() {
		if recover() != nil {
			t, line = nil, 1
		}
	}()
	// With a path, an error inside a block keeps its own line number.
	t, err := engine.ParseTemplateLocation([]byte(src), "template", 1)
	if err != nil {
		return nil, max(1, err.LineNumber())
	}
	return t, 0
}

// Render renders the template and returns at most limit characters of the result,
// without control characters other than newline and tab. data maps each name of
// the template to a string, an int or a time.Time (rendered in UTC); a missing
// name is "". cut reports whether the result was longer. Render never panics, and
// its memory use is bounded for any data. Every error is of type Errors, and out
// is then "".
func (t *Template) Render(data map[string]any, limit int) (out string, cut bool, err error) {
	defer func() {
		if recover() != nil {
			out, cut, err = "", false, Errors{{Code: Failed}}
		}
	}()
	w := writer{left: limit}
	if err := t.liquid.FRender(&w, t.bindings(data)); err != nil {
		e := Error{Code: Failed, Line: max(0, err.LineNumber())}
		if filter := (expressions.FilterError{}); errors.As(err.Cause(), &filter) {
			e.Code, e.Name = BadArgument, filter.FilterName
		}
		return "", false, Errors{e}
	}
	return w.text.String(), w.cut, nil
}

// bindings are nested maps of strings and numbers, so that a template cannot call
// methods.
func (t *Template) bindings(data map[string]any) map[string]any {
	root := map[string]any{}
	for _, name := range t.names {
		at, path := root, strings.Split(name, ".")
		for _, part := range path[:len(path)-1] {
			next, ok := at[part].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[part] = next
			}
			at = next
		}
		value := data[name]
		if _, ok := value.(int); !ok {
			value = Text(value)
		}
		at[path[len(path)-1]] = value
	}
	return root
}

// Text returns a value as a template prints it.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return bounded(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []string:
		return join(v, "")
	case time.Time:
		if v.IsZero() {
			return ""
		}
		return v.UTC().Format(timeLayout)
	default:
		return bounded(fmt.Sprint(v))
	}
}

// bounded makes s valid UTF-8 and at most maxValue bytes long.
func bounded(s string) string {
	if len(s) > maxValue {
		n := maxValue
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return strings.ToValidUTF8(s, string(utf8.RuneError))
}

// writer keeps the first characters that are written and discards the rest, so
// that a long result needs no memory.
type writer struct {
	text strings.Builder
	left int
	cut  bool
}

func (w *writer) Write(p []byte) (int, error) {
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
