package incident_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const head = "runbooks:\n  - name: a\n"

// laughs returns YAML in which each of n lines stands for the one before it ten times.
func laughs(n int) string {
	b := "runbooks:\n  - name: &a0 lol\n    variables:\n"
	for i := range n {
		b += fmt.Sprintf("      - choices: &a%d [%s*a%d]\n", i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), i)
	}
	return b
}

func TestReadRunbook(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"a runbook", head + "    steps:\n      - kind: create_meeting\n", ""},
		{"an alias", "runbooks:\n  - name: &x a\n    description: *x\n", ""},
		{"one document between lines", "---\n" + head + "---\n", ""},
		{"an unknown field", head + "    topicc: b\n", `[3:5] unknown field "topicc"`},
		{"an unknown field of a step", head + "    steps:\n      - kind: create_meeting\n        topicc: b\n", `[5:9] unknown field "topicc"`},
		{"a number that is text", head + "    steps:\n      - kind: create_meeting\n        duration_minutes: long\n", "[5:27] this must be a whole number"},
		{"yes or no", head + "    default: maybe\n", "[3:14] this must be true or false"},
		{"a text that is a list", "runbooks:\n  - name: [a]\n", "[2:11] this must be text"},
		{"a list that is a text", head + "    steps: all\n", "[3:12] string was used where sequence is expected"},
		{"a field twice", head + "    name: b\n", `[3:5] mapping key "name" already defined at [2:5]`},
		{"times without quotes", head + "    steps:\n      - {kind: resolve, only_if: {all: [{field: time_of_day, is: between, value: [09:00, 17:00]}]}}\n",
			`[4:85] this must be a text, a number or a list of them; put what has a colon in quotes, such as "09:00"`},
		{"a quote that isn't closed", "runbooks:\n  - name: \"a\n", "[2:11] could not find end character of double-quoted text"},
		{"a tab", "runbooks:\n\t- name: a\n", "[2:1] found character '\t' that cannot start any token"},
		{"another section", "account: {}\n" + head, `[1:1] unknown field "account"`},
		{"nothing", "", "there is no runbook; the first line must be “runbooks:”"},
		{"a comment", "# later\n", "there is no runbook; the first line must be “runbooks:”"},
		{"two runbooks", head + "  - name: b\n", "there are 2 runbooks; keep one"},
		{"two documents", head + "---\n" + head, "[4:9] a second document begins here; use one"},
		{"a billion laughs", laughs(9), "[4:23] an anchor must not contain an alias"},
		{"many aliases", "runbooks:\n  - name: &a x\n    variables: [{choices: [" + strings.Repeat("*a,", 101) + "]}]\n", "[3:328] use at most 100 aliases"},
		{"an alias of itself", "runbooks: &a [*a]\n", "[1:15] an anchor must not contain an alias"},
		{"an unknown alias", "runbooks: *a\n", `[1:12] could not find alias "a"`},
		{"deep brackets", head + "    steps: " + strings.Repeat("[", 15_000), "[3:42] values are nested more than 30 deep"},
		{"deep lists", "runbooks:\n  " + strings.Repeat("- ", 15_000) + "\n", "[2:63] values are nested more than 30 deep"},
		{"tags without a value", "runbooks: !!a !!a !!a\n", "this can’t be read as YAML"},
		{"empty lines", head + "    description: |\n" + strings.Repeat("\n", 200_000), "[1004:1] there are more than 1000 empty lines in a row"},
		{"a long text", head + "    description: " + strings.Repeat("x", 256<<10), "the text is larger than 256 KiB"},
		{"many values", head + "    steps: [" + strings.Repeat("a,", 20_000) + "]", "the text has too many values"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, err := incident.ReadRunbook(tt.text)
			said := ""
			if err != nil {
				said = err.Error()
				if _, ok := errors.AsType[*incident.YAMLError](err); !ok {
					t.Errorf("%T", err)
				}
			}
			if said != tt.want {
				t.Errorf("got  %s\nwant %s", said, tt.want)
			}
			if took := time.Since(start); took > slowly {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// What a runbook's YAML says is read back, and names the lines of its fields.
func TestRunbookYAML(t *testing.T) {
	t.Parallel()
	r := outage()
	r.DisabledAt = time.Now()
	r.Description = "one: two # three\n- \"four\"\n\n  'five' \u202e"
	text, err := r.YAML()
	if err != nil {
		t.Fatal(err)
	}
	file, err := incident.ReadRunbook(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.File(), file, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".DisabledAt" }, cmp.Ignore())); diff != "" {
		t.Errorf("-written +read:\n%s\n%s", diff, text)
	}

	text = "# mine\nruns: x\n" // not what it should be
	if got := incident.RunbookLines(text, []string{"name"}); len(got) != 0 {
		t.Errorf("%v", got)
	}
	text = "# mine\nrunbooks:\n  - steps:\n      - kind: create_meeting\n        agenda: |\n          a\n        topic: b\n    name: x\n"
	want := map[string]int{"name": 8, "steps": 4, "steps.0.kind": 4, "steps.0.topic": 7, "steps.0.agenda": 5, "steps.0.host": 4, "description": 3, "variables.3.name": 3}
	var fields []string
	for field := range want {
		fields = append(fields, field)
	}
	if diff := cmp.Diff(want, incident.RunbookLines(text, fields)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Values of conditions are what the file says, whatever YAML would make of them.
func TestConditionValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"1.10": {"1.10"}, "007": {"007"}, "5": {"5"}, "yes": {"yes"}, "true": {"true"}, "'09:00'": {"09:00"}, "": nil, "[1.10, ~, \"2\"]": {"1.10", "2"},
		"\n              - 09:00\n              - 17:00": {"09:00", "17:00"}, "&v 1.20": {"1.20"}, "*n": {"a"}, "|-\n                b": {"b"},
	} {
		r, err := incident.ReadRunbook("runbooks:\n  - name: &n a\n    steps:\n      - kind: resolve\n        only_if:\n          all:\n            - value: " + text + "\n")
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if d := cmp.Diff(incident.Values(want), r.Steps[0].Schedule.OnlyIf.All[0].Value); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
	}
}

func TestSaveRunbookFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	save := func(file incident.RunbookFile, old incident.Runbook, want ...string) incident.Runbook {
		t.Helper()
		saved, changes, err := w.service.SaveRunbookFile(ctx, admin, file, old)
		w.ok(err)
		if diff := cmp.Diff(want, fieldsIn(changes)); old.ID != "" && diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		return w.readRunbook(saved.ID)
	}
	file := outage().File()
	file.Disabled = true
	r := save(file, incident.Runbook{})
	if r.Version != 1 || r.DisabledAt.IsZero() {
		t.Errorf("it was created as version %d, disabled at %s", r.Version, r.DisabledAt)
	}
	save(file, r)
	file.Disabled, file.Steps[0].Name = false, "War room"
	next := save(file, r, "steps.0.name", "enabled")
	if !next.DisabledAt.IsZero() || next.Steps[0].ID != r.Steps[0].ID || next.Version != 3 {
		t.Errorf("it is version %d, disabled at %s, with the steps %v", next.Version, next.DisabledAt, next.Steps)
	}
	file.Disabled = true
	save(file, next, "disabled")
	_, _, err := w.service.SaveRunbookFile(ctx, admin, incident.RunbookFile{}, r)
	wantCode(t, err, incident.Invalid)
	file.Description = "x"
	_, _, err = w.service.SaveRunbookFile(ctx, admin, file, r)
	wantCode(t, err, incident.Conflict)
}

// What was written comes back as it was.
func TestWriteYAML(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"? what", "?", "a\tb", "- a", "a: b", "# c", "@x", "null", "1e3", "multi\nline", "multi\n  indented\n\nmore", "x\n\ty", "it's", `q"uote`, "{{ a }}", "[x]", "2026-01-01"} {
		written, err := incident.WriteYAML(map[string]string{"text": text})
		if err != nil {
			t.Fatal(err)
		}
		var back map[string]string
		if err := incident.ReadYAML(written, &back); err != nil || back["text"] != text {
			t.Errorf("%q became %q (%v):\n%s", text, back["text"], err, written)
		}
	}
}
