package handlers_test

import (
	"context"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views/words"
)

// sends returns what a browser would send of the editor on a page, except the button.
func (r reply) sends(t *testing.T) map[string]string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	attribute := func(n *html.Node, key string) (value string, has bool) {
		for _, a := range n.Attr {
			if a.Key == key {
				return a.Val, true
			}
		}
		return "", false
	}
	sent := map[string]string{}
	for form := range root.Descendants() {
		if id, _ := attribute(form, "id"); id != "runbook" {
			continue
		}
		for n := range form.Descendants() {
			name, _ := attribute(n, "name")
			kind, _ := attribute(n, "type")
			_, checked := attribute(n, "checked")
			value, _ := attribute(n, "value")
			switch {
			case name == "" || n.Data == "button":
			case n.Data == "textarea":
				if sent[name] = ""; n.FirstChild != nil {
					sent[name] = n.FirstChild.Data
				}
			case n.Data == "select":
				for option := range n.Descendants() {
					value, _ := attribute(option, "value")
					if _, selected := attribute(option, "selected"); selected {
						sent[name] = value
					} else if _, has := sent[name]; !has && option.Data == "option" {
						sent[name] = value
					}
				}
			case kind != "checkbox" && kind != "radio" || checked:
				sent[name] = value
			}
		}
	}
	return sent
}

// with returns fields as post takes them, after changes.
func with(fields map[string]string, changes ...string) (list []string) {
	fields = maps.Clone(fields)
	for i := 0; i < len(changes); i += 2 {
		fields[changes[i]] = changes[i+1]
	}
	for name, value := range fields {
		list = append(list, name, value)
	}
	return list
}

// offered are the values of a select on the page.
func (r reply) offered(name string) (values []string) {
	_, rest, _ := strings.Cut(r.body, `name="`+name+`"`)
	list, _, _ := strings.Cut(rest, "</select>")
	for _, m := range regexp.MustCompile(`<option value="([^"]*)"`).FindAllStringSubmatch(list, -1) {
		values = append(values, m[1])
	}
	return values
}

// scheduledRunbook has all kinds of steps, with conditions.
func scheduledRunbook() incident.Runbook {
	meeting := incident.NewStep(incident.StepCreateMeeting)
	meeting.Name = "War room"
	return incident.Runbook{
		Name: "Scheduled", Variables: []incident.Variable{
			{Name: "region", Label: "Region", Type: "choice", Choices: []string{"eu, north", "us"}}, {Name: "due", Label: "Due", Type: "date"}, {Name: "many", Label: "Many", Type: "number"},
		},
		Steps: []incident.Step{
			meeting,
			{Kind: incident.StepChecklist, ExecuteAutomatically: true, Text: "Tell {{ vars.region }}", Schedule: incident.Schedule{
				When: incident.TriggerAfter, After: incident.After{Step: 1, Outcome: incident.OutcomeEither}, Wait: 90, Repeat: incident.Repeat{Every: 30, Times: 4},
				OnlyIf: incident.Conditions{All: []incident.Condition{
					{Field: "severity", Is: incident.IsOneOf, Value: []string{"SEV1", "a, b"}}, {Field: "severity", Is: incident.WentUp},
					{Field: "weekday", Is: incident.IsOneOf, Value: []string{"mon", "sun"}, Zone: "Europe/Oslo"}, {Field: "time_of_day", Is: incident.IsBetween, Value: []string{"22:00", "06:30"}, Zone: "UTC"},
					{Field: "vars.region", Is: incident.IsOneOf, Value: []string{"eu, north"}}, {Field: "vars.region", Is: incident.IsNot, Value: []string{"us"}},
					{Field: "vars.due", Is: incident.IsBefore, Value: []string{"2026-12-01"}}, {Field: "vars.many", Is: incident.AtLeast, Value: []string{"3"}},
					{Field: "opened_for", Is: incident.AtLeast, Value: []string{"1h30m"}}, {Field: "type", Is: incident.Contains, Value: []string{"a, b"}},
				}},
			}},
			{Kind: incident.StepEndMeeting, WithPeople: true},
			{Kind: incident.StepResolve, ExecuteAutomatically: true, Schedule: incident.Schedule{
				When: incident.TriggerNobody, Wait: 15, OnlyIf: incident.Conditions{Any: []incident.Condition{{Field: "people_inside", Is: incident.IsEqual, Value: []string{"0"}}}},
			}},
			{Kind: incident.StepChecklist, ExecuteAutomatically: true, Text: "Look again", Schedule: incident.Schedule{
				Repeat: incident.Repeat{OnChange: true}, OnlyIf: incident.Conditions{All: []incident.Condition{{Field: "severity", Is: incident.IsEqual, Value: []string{"SEV1"}}}},
			}},
		},
	}
}

// scheduled stores it.
func (o *office) scheduled() incident.Runbook {
	o.t.Helper()
	r, _, err := o.service.SaveRunbook(context.Background(), theConsole, scheduledRunbook())
	o.must(err)
	return r
}

func TestStepsInTheEditor(t *testing.T) {
	t.Parallel()
	t.Run("the page sends back what is stored", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.scheduled()
		b := o.as(incident.Admin)
		page := b.get("/runbooks/" + r.ID)
		page.want(t, http.StatusOK, "War room", "Runs 1 h 30 min after “War room” is done or has failed, if severity is SEV1 or a, b, severity went up,", "Runs when somebody presses Run.", "Runs when nobody has joined for 15 minutes")
		b.post("/runbooks/"+r.ID, with(page.sends(t), "op", "save")...).leadsTo(b, "/runbooks/"+r.ID, "Nothing was changed.")
		again := b.post("/runbooks/"+r.ID, with(page.sends(t), "op", "preview")...)
		if again.want(t, http.StatusOK); strings.Contains(again.body, " data-changed") {
			t.Error("the page says that something was changed")
		}
		if diff := cmp.Diff(page.sends(t), again.sends(t)); diff != "" {
			t.Errorf("a button that changes nothing changes the form (-page +answer):\n%s", diff)
		}
	})
	for _, kind := range incident.StepKinds() {
		t.Run("add "+string(kind), func(t *testing.T) {
			t.Parallel()
			b := newOffice(t).as(incident.Admin)
			page := b.post("/runbooks", with(b.get("/runbooks/new").sends(t), "op", "add-step:"+string(kind))...)
			page.want(t, http.StatusOK, words.StepKind(string(kind)), words.StepDoes(string(kind)))
			if got := page.sends(t)["step.1.kind"]; got != string(kind) || strings.Count(page.body, " autofocus") < 2 {
				t.Errorf("a step of kind %q was added, or the cursor is not in it", got)
			}
		})
	}
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		sent := b.get("/runbooks/new").sends(t)
		for _, kind := range []incident.StepKind{incident.StepCreateMeeting, incident.StepChecklist, incident.StepEndMeeting, incident.StepResolve} {
			sent = b.post("/runbooks", with(sent, "op", "add-step:"+string(kind))...).sends(t)
		}
		answer := b.post("/runbooks", with(sent, "op", "save", "name", "All kinds", "step.2.text", " Tell them ", "step.2.wait", "1h30m", "step.2.when", "bridge_ready", "step.2.after_step", "1",
			"step.2.match", "any", "step.2.if.4.field", "severity", "step.2.if.4.is", "one_of", "step.2.if.4.value", "SEV1\r\n\r\n SEV2\r\n", "step.2.if.7.field", "type", "step.2.if.7.is", "empty", "step.2.if.7.value", "left",
			"step.2.repeat", "every", "step.2.every", "10m", "step.2.times", "", "step.3.with_people", "true", "step.3.repeat", "every", "step.3.every", "1")...)
		path := answer.header.Get("Location")
		answer.leadsTo(b, path, "“All kinds” was created.")
		got := o.runbook(strings.TrimPrefix(path, "/runbooks/")).Steps
		want := []incident.Step{
			incident.NewStep(incident.StepCreateMeeting), incident.NewStep(incident.StepCreateMeeting),
			{Kind: incident.StepChecklist, ExecuteAutomatically: true, Text: "Tell them", Schedule: incident.Schedule{
				When: incident.TriggerReady, Wait: 90, Repeat: incident.Repeat{Every: 10},
				OnlyIf: incident.Conditions{Any: []incident.Condition{{Field: "severity", Is: incident.IsOneOf, Value: []string{"SEV1", "SEV2"}}, {Field: "type", Is: incident.IsEmpty}}},
			}},
			{Kind: incident.StepEndMeeting, ExecuteAutomatically: true, WithPeople: true}, {Kind: incident.StepResolve, ExecuteAutomatically: true},
		}
		for i := range got {
			got[i].ID = ""
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.scheduled()
		b := o.as(incident.Admin)
		typed := map[string]string{
			"step.1.text": "", "step.1.after_step": "0", "step.1.wait": "soon", "step.1.if.0.value": " , ", "step.1.if.2.zone": "Oslo", "step.1.if.3.value.0": "", "step.1.if.7.value": "many",
			"step.1.every": "4", "step.1.times": "-1", "step.3.when": "later", "step.4.if.0.is": "between", "step.4.if.0.value": "SEV1",
		}
		sent := b.get("/runbooks/" + r.ID).sends(t)
		maps.Copy(sent, typed)
		page := b.post("/runbooks/"+r.ID, with(sent, "op", "save")...)
		page.want(t, http.StatusUnprocessableEntity, "Not saved", "The one that was chosen was deleted or moved.", "Enter 0 to 10080 minutes", "Enter a value.", "Enter a time zone such as Europe/Oslo", "Enter two times", "Choose how to compare.")
		for name, want := range typed {
			if got := page.sends(t)[name]; got != want && name != "step.3.when" { // only a forged form has this
				t.Errorf("what was typed is not kept: %s is %q, want %q", name, got, want)
			}
		}
		var listed []string
		for _, m := range regexp.MustCompile(`<li><a href="#([^"]+)">([^<]+)</a>`).FindAllStringSubmatch(page.body, -1) {
			if listed = append(listed, m[2]); strings.Count(page.body, ` id="`+m[1]+`"`) != 1 {
				t.Errorf("%s leads to #%s, which no field or more than one has", m[2], m[1])
			}
		}
		if diff := cmp.Diff([]string{"Step 2, what is to be done", "Step 2, which step", "Step 2, minutes", "Step 2, condition 1, value", "Step 2, condition 3, time zone", "Step 2, condition 4, value", "Step 2, condition 8, value",
			"Step 2, every", "Step 2, times", "Step 4, when", "Step 5, condition 1, comparison"}, listed); diff != "" {
			t.Errorf("the list of errors (-want +got):\n%s", diff)
		}
		for _, i := range []string{"1", "3", "4"} {
			if !strings.Contains(page.body, `id="step-`+i+`-schedule" open`) {
				t.Errorf("the section of step %s is closed, although something in it is wrong", i)
			}
		}
		if got := page.offered("step.4.if.0.is"); !slices.Contains(got, "at_least") {
			t.Errorf("the comparisons that are offered don’t suit the field: %v", got)
		}
		o.wantTrail("runbook.create Scheduled")

		// The form that comes back can be mended.
		b.post("/runbooks/"+r.ID, with(page.sends(t), "op", "save", "step.1.text", "Tell", "step.1.after_step", "1", "step.1.wait", "90", "step.1.if.0.value", "SEV1", "step.1.if.2.zone", "UTC",
			"step.1.if.3.value.0", "22:00", "step.1.if.7.value", "3", "step.1.every", "5", "step.1.times", "", "step.3.when", "", "step.4.if.0.is", "equals")...).leadsTo(b, "/runbooks/"+r.ID, "Saved:")
	})
	t.Run("too many conditions", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		sent := b.get("/runbooks/new").sends(t)
		for range 22 {
			sent = b.post("/runbooks", with(sent, "op", "add-condition:0")...).sends(t)
		}
		b.post("/runbooks", with(sent, "op", "save")...).want(t, http.StatusUnprocessableEntity, "Step 1, only if : Use at most 20 conditions.")
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.scheduled()
		b := o.as(incident.Admin)
		sent := b.get("/runbooks/" + r.ID).sends(t)
		testBroken(t, o, "steps", func() reply { return b.post("/runbooks/"+r.ID, with(sent, "op", "save", "step.1.wait", "7")...) })
	})
}

// Steps that run after another step follow it when it moves.
func TestMovedStepKeepsWhatRunsAfterIt(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	b := o.as(incident.Admin)
	sent := b.get("/runbooks/new").sends(t)
	for range 3 {
		sent = b.post("/runbooks", with(sent, "op", "add-step:resolve")...).sends(t)
	}
	for i, name := range []string{"a", "b", "c", "d"} {
		sent["step."+string('0'+rune(i))+".name"] = name
	}
	maps.Copy(sent, map[string]string{"step.2.when": "after_step", "step.2.after_step": "2", "step.3.when": "after_step", "step.3.after_step": "3"})
	tests := []struct{ op, want string }{
		{"step-up:1", "b a c>b d>c"},
		{"step-up:3", "a b d>c c>b"},
		{"step-down:2", "a b d>c c>b"},
		{"step-up:2", "a c>b b d>c"},
		{"remove-step:0", "b c>b d>c"},
		{"remove-step:1", "a c>? d>c"},
		{"remove-step:2", "a b d>?"},
	}
	for _, tt := range tests {
		t.Run(tt.op, func(t *testing.T) {
			page := b.post("/runbooks", with(sent, "op", tt.op)...)
			page.want(t, http.StatusOK)
			got := page.sends(t)
			name := func(number string) string {
				if number == "0" {
					return "?"
				}
				return got["step."+string(number[0]-1)+".name"]
			}
			var said []string
			for i := 0; got["step."+string('0'+rune(i))+".kind"] != ""; i++ {
				p := "step." + string('0'+rune(i)) + "."
				one := got[p+"name"]
				if got[p+"when"] == "after_step" {
					one += ">" + name(got[p+"after_step"])
				}
				said = append(said, one)
			}
			if s := strings.Join(said, " "); s != tt.want {
				t.Errorf("got %q, want %q", s, tt.want)
			}
			lost := strings.Contains(tt.want, "?") || tt.want == "a b d>c c>b" || tt.want == "a c>b b d>c"
			if says := strings.Contains(page.text(), "The one that was chosen was deleted or moved."); says != lost {
				t.Errorf("the page says that a step was deleted or moved: %v, want %v", says, lost)
			}
			saved := b.post("/runbooks", with(got, "op", "save", "name", "Moved "+tt.op)...)
			if refused := saved.status == http.StatusUnprocessableEntity; refused != lost {
				t.Errorf("saving is refused: %v, want %v (status %d)", refused, lost, saved.status)
			}
		})
	}
}

// A condition about a variable that was removed says how to mend it.
func TestConditionAboutRemovedVariable(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := o.scheduled()
	b := o.as(incident.Admin)
	const cure = "The runbook has no variable “region”. Add it, or delete this condition."
	sent := b.get("/runbooks/" + r.ID).sends(t)
	sent["step.1.text"] = "Tell"
	for name, change := range map[string][]string{"removed": {"op", "remove-variable:0"}, "renamed": {"op", "preview", "variable.0.name", "place"}} {
		t.Run(name, func(t *testing.T) {
			page := b.post("/runbooks/"+r.ID, with(sent, change...)...)
			page.want(t, http.StatusOK, cure, "Variable region (doesn’t exist)")
			if got := page.sends(t)["step.1.if.4.field"]; got != "vars.region" {
				t.Errorf("the condition is now about %q", got)
			}
			refused := b.post("/runbooks/"+r.ID, with(page.sends(t), "op", "save")...)
			refused.want(t, http.StatusUnprocessableEntity, "Step 2, condition 5, field : "+cure)
			mended := b.post("/runbooks/"+r.ID, with(refused.sends(t), "op", "remove-condition:1.4")...)
			mended = b.post("/runbooks/"+r.ID, with(mended.sends(t), "op", "remove-condition:1.4")...)
			if mended.want(t, http.StatusOK); strings.Contains(mended.text(), cure) {
				t.Error("the page still says so after the conditions were deleted")
			}
		})
	}
	b.get("/runbooks/"+r.ID).want(t, http.StatusOK)
}

// Another field of a condition has other comparisons and values.
func TestConditionThatSuitsItsField(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := o.scheduled()
	b := o.as(incident.Admin)
	sent := b.get("/runbooks/" + r.ID).sends(t)
	for _, tt := range []struct {
		name, row string
		change    []string
		want      map[string]string // "–": not on the page
		offers    []string
		says      string
	}{
		{"severity to weekday", "4.if.0", []string{"field", "weekday"}, map[string]string{"is": "one_of", "value": "–", "value.0": "–", "zone": "UTC"}, []string{"one_of", "none_of"}, "if weekday is … (UTC)"},
		{"severity to a number", "4.if.0", []string{"field", "vars.many"}, map[string]string{"is": "equals", "value": "SEV1", "zone": "–"}, []string{"equals", "not_equals", "greater_than", "less_than", "at_least", "at_most", "empty", "not_empty"}, "if many is SEV1"},
		{"severity to a choice", "4.if.0", []string{"field", "vars.region"}, map[string]string{"is": "equals", "value": ""}, []string{"equals", "not_equals", "one_of", "none_of", "empty", "not_empty"}, "if region is …"},
		{"a choice to some", "1.if.5", []string{"is", "none_of"}, map[string]string{"value": "–", "value.1": "us"}, nil, "region is not us"},
		{"some choices to one", "1.if.4", []string{"is", "equals"}, map[string]string{"value": "eu, north"}, nil, "region is eu, north"},
		{"one to none", "4.if.0", []string{"is", "empty"}, map[string]string{"value": "SEV1"}, nil, "if severity is empty"},
		{"a time to its opposite", "1.if.3", []string{"is", "not_between"}, map[string]string{"value.0": "22:00", "value.1": "06:30"}, []string{"between", "not_between"}, "time is not between 22:00 and 06:30 (UTC)"},
		{"a field that doesn’t exist", "4.if.0", []string{"field", "moon"}, map[string]string{"field": "moon", "value": "SEV1"}, nil, "if moon is SEV1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := "step." + tt.row + "."
			fields := with(sent, p+tt.change[0], tt.change[1], "op", "preview")
			page := b.post("/runbooks/"+r.ID, fields...)
			page.want(t, http.StatusOK, tt.says)
			got := page.sends(t)
			for key, want := range tt.want {
				if is, there := got[p+key]; want == "–" && there || want != "–" && is != want {
					t.Errorf("%s is %q, want %q", key, is, want)
				}
			}
			if offers := page.offered(p + "is"); tt.offers != nil && !slices.Equal(offers, tt.offers) {
				t.Errorf("offers %v, want %v", offers, tt.offers)
			}
			b.post("/runbooks/preview", fields...).want(t, http.StatusOK, tt.says)
		})
	}
}

// The buttons of the section change the rows; what isn't a field is refused.
func TestConditionButtons(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := o.scheduled()
	b := o.as(incident.Admin)
	sent := b.get("/runbooks/" + r.ID).sends(t)

	page := b.post("/runbooks/"+r.ID, with(sent, "op", "add-condition:0")...)
	if page.want(t, http.StatusOK); page.sends(t)["step.0.if.0.field"] != "severity" || !focused(page.body, `name="step.0.if.0.field"`) || !strings.Contains(page.body, `id="step-0-schedule" open`) {
		t.Error("no condition was added, or the cursor is not in it")
	}
	b.post("/runbooks/preview", with(page.sends(t))...).want(t, http.StatusOK, "the condition on severity isn’t complete")
	page = b.post("/runbooks/"+r.ID, with(page.sends(t), "op", "remove-condition:0.0")...)
	if page.want(t, http.StatusOK); page.sends(t)["step.0.if.0.field"] != "" || !focused(page.body, `value="add-condition:0"`) || !strings.Contains(page.body, `id="step-0-schedule" open`) {
		t.Error("the condition was not removed, or the section has closed")
	}
	for name, fields := range map[string][]string{
		"a step that doesn’t exist": with(sent, "op", "add-condition:9"), "a step below zero": with(sent, "op", "add-condition:-1"), "no step": with(sent, "op", "add-condition"),
		"a row that doesn’t exist": with(sent, "op", "remove-condition:1.10"), "no row": with(sent, "op", "remove-condition:1"),
		"a field of a condition": with(sent, "step.1.if.0.evil", "x"), "a row that isn’t a number": with(sent, "step.1.if.x.field", "x"), "a deeper field": with(sent, "step.1.if.0.field.x", "x"),
		"a value with a sign": with(sent, "step.1.if.0.value.+1", "x"), "a huge number of a value": with(sent, "step.1.if.0.value.99999", "x"), "no condition": with(sent, "step.1.if.", "x"),
	} {
		t.Run(name, func(t *testing.T) { b.post("/runbooks/"+r.ID, fields...).want(t, http.StatusBadRequest) })
	}
	t.Run("forged values don’t break the page", func(t *testing.T) {
		for _, key := range []string{"when", "after_step", "after_outcome", "wait", "match", "repeat", "every", "times", "if.0.field", "if.0.is", "if.0.value", "if.2.zone", "kind"} {
			for _, value := range []string{"", "x", "-1", "99999999999999999999", "0"} {
				for _, op := range []string{"preview", "save"} {
					if page := b.post("/runbooks", with(sent, "step.1."+key, value, "op", op)...); page.status >= http.StatusInternalServerError {
						t.Errorf("%s %q: status %d", key, value, page.status)
					}
				}
			}
		}
	})
}
