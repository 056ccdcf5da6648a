package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// outage saves a runbook with one step and one variable.
func (o *office) outage() incident.Runbook {
	o.t.Helper()
	meeting := incident.NewMeetingTemplate()
	meeting.Topic = "{{ incident.key }} {{ vars.customer }}"
	r, _, err := o.service.SaveRunbook(context.Background(), theConsole, incident.Runbook{
		Name: "Production outage", IncidentType: "outage", Description: "When customers notice.",
		Variables: []incident.Variable{{Name: "customer", Label: "Customer", Type: "text", Default: "all"}},
		Steps:     []incident.Step{{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: meeting}},
	})
	o.must(err)
	return r
}

// run opens an incident with the runbook.
func (o *office) run(r incident.Runbook, name string) {
	o.t.Helper()
	_, _, err := o.service.OpenIncident(context.Background(), theConsole, incident.OpenRequest{RunbookID: r.ID, Name: name, Source: "api"})
	o.must(err)
}

func (o *office) runbook(id string) incident.Runbook {
	o.t.Helper()
	r, err := o.store.Runbook(context.Background(), id)
	o.must(err)
	return r
}

// runbookFields is the form of a complete runbook.
func runbookFields(version int64, changes ...string) []string {
	v := pairs("version", strconv.FormatInt(version, 10), "name", "Database down", "incident_type", "outage", "description", "Run it early.",
		"step.0.id", "", "step.0.kind", "create_meeting", "step.0.topic", "{{ incident.name }} {{ vars.region }}", "step.0.agenda", "Line one\r\nline two",
		"step.0.recording", "cloud", "step.0.execute_automatically", "true", "step.0.duration", "45", "step.0.host", "always_backup",
		"step.0.alarm_nobody_minutes", "0", "step.0.alarm_empty_minutes", "20", "step.0.alarm_long_hours", "4", "step.0.end_empty", "true",
		"step.0.waiting_room", "true", "step.0.alternative_hosts", "Ana@example.com; bo@example.com", "step.0.open", "true",
		"variable.0.name", "region", "variable.0.label", "Region", "variable.0.type", "choice", "variable.0.required", "true",
		"variable.0.default", "eu", "variable.0.help", "Where", "variable.0.choices", "eu\r\n us \r\n\r\n", "preview_incident", "", "op", "save")
	for i := 0; i < len(changes); i += 2 {
		v.Set(changes[i], changes[i+1])
	}
	var fields []string
	for name := range v {
		fields = append(fields, name, v.Get(name))
	}
	return fields
}

func TestRunbooksPage(t *testing.T) {
	t.Parallel()
	t.Run("empty", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).get("/runbooks").want(t, http.StatusOK, "No runbooks yet", "Write the first runbook")
	})
	t.Run("with runs", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.outage()
		o.run(r, "db down")
		o.run(r, "db down again")
		page := o.as(incident.Responder).get("/runbooks")
		page.want(t, http.StatusOK, "Production outage", "Create Zoom meeting, automatically", "INC-2")
		if strings.Contains(page.text(), "New runbook") || !strings.Contains(page.body, `href="/runbooks/`+r.ID+`/run"`) {
			t.Error("a responder may run and not edit")
		}
	})
	t.Run("one without steps", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		_, _, err := o.service.SaveRunbook(context.Background(), theConsole, incident.Runbook{Name: "Nothing to do"})
		o.must(err)
		o.as(incident.Viewer).get("/runbooks").want(t, http.StatusOK, "It has no step")
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		testBroken(t, o, "runbooks", func() reply { return b.get("/runbooks") })
	})
}

func TestRunbookPage(t *testing.T) {
	t.Parallel()
	t.Run("new", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		page := o.as(incident.Admin).get("/runbooks/new")
		page.want(t, http.StatusOK, "New runbook", "INC-42 Checkout is slow", "23/200")
		if got := page.value("step.0.topic"); got != "{{ incident.key }} {{ incident.name }}" {
			t.Errorf("topic %q", got)
		}
		o.as(incident.Responder).get("/runbooks/new").want(t, http.StatusForbidden)
	})
	t.Run("stored", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.outage()
		page := o.as(incident.Admin).get("/runbooks/" + r.ID)
		page.want(t, http.StatusOK, "Never used", "INC-42 all", "{{ vars.customer }} Customer · all")
		if got := page.value("variable.0.name"); got != "customer" {
			t.Errorf("variable %q", got)
		}
	})
	t.Run("a viewer only reads", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.outage()
		o.run(r, "db down")
		page := o.as(incident.Viewer).get("/runbooks/" + r.ID)
		page.want(t, http.StatusOK, "1 incident", "INC-42 all")
		if strings.Contains(page.body, `value="save"`) || strings.Contains(page.text(), "INC-1 ·") {
			t.Error("a viewer is offered to change the form")
		}
	})
	t.Run("unknown", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).get("/runbooks/nothing").want(t, http.StatusNotFound)
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.outage()
		b := o.as(incident.Admin)
		testBroken(t, o, "steps", func() reply { return b.get("/runbooks/" + r.ID) })
	})
}

func TestSaveRunbook(t *testing.T) {
	t.Parallel()
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		testGuard(t, o, "/runbooks", incident.Admin, runbookFields(0)...)
	})
	t.Run("guard of a stored one", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.outage()
		testGuard(t, o, "/runbooks/"+r.ID, incident.Admin, runbookFields(1)...)
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		page := o.as(incident.Admin).post("/runbooks", runbookFields(0, "name", "", "step.0.topic", "{{ incident.severty }} {% for x in y %}", "step.0.duration", "soon",
			"step.0.alternative_hosts", "ops@", "step.0.recording", "tape", "step.0.host", "nobody", "variable.0.name", "Re gion", "variable.0.default", "mars")...)
		page.want(t, http.StatusUnprocessableEntity, "Not saved", "Give the runbook a name.", "Line 1, column 4", "Did you mean incident.severity?",
			"Enter a length from 1 to 1440 minutes.", "isn’t an email address", "Choose none, cloud or local.", "Use lowercase letters", "Choose one of: eu, us.")
		for name, want := range map[string]string{"step.0.duration": "soon", "variable.0.name": "Re gion", "step.0.alternative_hosts": "ops@", "description": "Run it early."} {
			if got := page.value(name); got != want {
				t.Errorf("what was typed is not kept: %s is %q, want %q", name, got, want)
			}
		}
		o.wantTrail()

		// The list of errors names each field and leads to it, and each field points at its own error.
		var listed []string
		for _, m := range regexp.MustCompile(`<li><a href="#([^"]+)">([^<]+)</a>`).FindAllStringSubmatch(page.body, -1) {
			if listed = append(listed, m[2]); strings.Count(page.body, ` id="`+m[1]+`"`) != 1 {
				t.Errorf("%s leads to #%s, which no field or more than one has", m[2], m[1])
			}
		}
		if diff := cmp.Diff([]string{"Name", "Step 1, topic", "Step 1, recording", "Step 1, host", "Step 1, length", "Step 1, alternative hosts", "Variable 1, name", "Variable 1, default"}, listed); diff != "" {
			t.Errorf("the list of errors (-want +got):\n%s", diff)
		}
		if described := len(regexp.MustCompile(`aria-describedby="[^"]*-error`).FindAllString(page.body, -1)); described != len(listed) {
			t.Errorf("%d fields point at their error, want %d", described, len(listed))
		}
		if focus := regexp.MustCompile(`<[^>]* autofocus[^>]*>`).FindAllString(page.body[strings.Index(page.body, "<main"):strings.Index(page.body, `id="add-step"`)], -1); len(focus) != 1 || !strings.HasPrefix(focus[0], "<div") {
			t.Errorf("the focus goes to %q, want the list of errors", focus)
		}
	})
	t.Run("what isn’t a field", func(t *testing.T) {
		t.Parallel()
		fields := runbookFields(0, "step.0.kind", "shell")
		for i := range 31 {
			fields = append(fields, fmt.Sprintf("variable.%d.name", i+1), fmt.Sprint("v", i))
		}
		newOffice(t).as(incident.Admin).post("/runbooks", fields...).want(t, http.StatusUnprocessableEntity,
			"Step 1 : This kind of step doesn’t exist.", "Variables : Use at most 30 variables.")
	})
	t.Run("Enter in a field saves", func(t *testing.T) {
		t.Parallel()
		page := newOffice(t).as(incident.Admin).get("/runbooks/new")
		form := page.body[strings.Index(page.body, `<form id="runbook"`):]
		if first := regexp.MustCompile(`<button[^>]*type="submit"[^>]*>`).FindString(form); !strings.Contains(first, `value="save"`) {
			t.Errorf("Enter presses %s", first)
		}
	})
	t.Run("a name that is taken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.outage()
		o.as(incident.Admin).post("/runbooks", runbookFields(0, "name", "Production outage")...).
			want(t, http.StatusUnprocessableEntity, "Another runbook has this name.")
	})
	t.Run("conflict", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.outage()
		b := o.as(incident.Admin)
		r.Description = "Changed by someone else."
		_, _, err := o.service.SaveRunbook(context.Background(), theConsole, r)
		o.must(err)
		o.wait(3 * time.Minute)

		page := b.post("/runbooks/"+r.ID, runbookFields(1)...)
		page.want(t, http.StatusUnprocessableEntity, "Someone else saved this runbook", "command line changed this 3 min ago.", "saving now replaces their version")
		if got := page.value("name"); got != "Database down" {
			t.Errorf("what was typed is not kept: %q", got)
		}
		if got := o.runbook(r.ID).Description; got != "Changed by someone else." {
			t.Errorf("overwritten with %q", got)
		}
		version, err := strconv.ParseInt(page.value("version"), 10, 64)
		o.must(err)
		b.post("/runbooks/"+r.ID, runbookFields(version)...).leadsTo(b, "/runbooks/"+r.ID, "Saved:")
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		testBroken(t, o, "audit_entries", func() reply { return b.post("/runbooks", runbookFields(0)...) })
		if rows, err := o.store.Runbooks(context.Background(), false); err != nil || len(rows) > 0 {
			t.Errorf("half a runbook was saved: %v %v", rows, err)
		}
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		answer := b.post("/runbooks", runbookFields(0)...)
		path := answer.header.Get("Location")
		answer.leadsTo(b, path, "“Database down” was created.")
		got := o.runbook(strings.TrimPrefix(path, "/runbooks/"))
		want := incident.Runbook{
			ID: got.ID, Version: 1, CreatedAt: got.CreatedAt, UpdatedAt: got.UpdatedAt, Name: "Database down", IncidentType: "outage", Description: "Run it early.",
			Variables: []incident.Variable{{Name: "region", Label: "Region", Type: "choice", Required: true, Default: "eu", Help: "Where", Choices: []string{"eu", "us"}}},
			Steps: []incident.Step{{ID: got.Steps[0].ID, Kind: "create_meeting", ExecuteAutomatically: true, Meeting: incident.MeetingTemplate{
				Topic: "{{ incident.name }} {{ vars.region }}", Agenda: "Line one\nline two", Recording: "cloud", DurationMinutes: 45, Host: "always_backup",
				WaitingRoom: true, AlternativeHosts: []string{"ana@example.com", "bo@example.com"},
				EmptyMinutes: 20, LongHours: 4, EndEmpty: true,
			}}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}
		o.wantTrail("runbook.create Database down")

		b.post(path, runbookFields(1, "step.0.id", got.Steps[0].ID, "step.0.topic", "New topic", "step.0.alarm_nobody_minutes", "7")...).leadsTo(b, path, "Saved: step 1 topic, step 1 nobody has joined (minutes).")
		if again := o.runbook(got.ID); again.Steps[0].ID != got.Steps[0].ID || again.Steps[0].Meeting.Topic != "New topic" {
			t.Errorf("stored: %+v", again.Steps)
		}
		b.post(path, runbookFields(2, "step.0.topic", "New topic", "step.0.alarm_nobody_minutes", "7")...).leadsTo(b, path, "Nothing was changed.")
	})
	t.Run("archived", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r := o.outage()
		o.run(r, "db down")
		b := o.as(incident.Admin)
		b.post("/runbooks/"+r.ID+"/delete", "version", "1")
		b.get("/runbooks/"+r.ID).want(t, http.StatusOK, "Archived", "1 incident")
		for _, action := range []string{"", "/duplicate", "/enable", "/disable", "/delete"} {
			b.post("/runbooks/"+r.ID+action, runbookFields(1)...).want(t, http.StatusConflict, "is archived and can’t be changed")
		}
	})
}

// TestRunbookForm presses the buttons of the editor that don't save.
func TestRunbookForm(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	b := o.as(incident.Admin)

	// Rows are identified by their topics and names; their numbers may have gaps.
	form := func(op string, steps, variables []string) []string {
		fields := []string{"version", "3", "name", "Kept", "op", op}
		for i, topic := range steps {
			p := fmt.Sprintf("step.%d.", i*2)
			fields = append(fields, p+"kind", "create_meeting", p+"topic", topic, p+"duration", "as typed")
		}
		for i, name := range variables {
			fields = append(fields, fmt.Sprintf("variable.%d.name", i), name)
		}
		return fields
	}
	ten := strings.Split("a b c d e f g h i j k", " ")
	tests := []struct {
		name, op         string
		steps, variables []string
		wantSteps        []string
		wantVariables    []string
		wantFocus        string // what stands before autofocus
	}{
		{name: "preview", op: "preview", steps: []string{"a", "b"}, variables: []string{"x"}, wantSteps: []string{"a", "b"}, wantVariables: []string{"x"}},
		{name: "order by number and not by text", op: "preview", steps: ten, wantSteps: ten},
		{name: "add a step", op: "add-step:create_meeting", steps: []string{"a"}, wantSteps: []string{"a", "{{ incident.key }} {{ incident.name }}"}, wantFocus: `name="step.1.topic"`},
		{name: "add the first step", op: "add-step:create_meeting", wantSteps: []string{"{{ incident.key }} {{ incident.name }}"}, wantFocus: `name="step.0.topic"`},
		{name: "remove the first step", op: "remove-step:0", steps: []string{"a", "b", "c"}, wantSteps: []string{"b", "c"}},
		{name: "remove the last step", op: "remove-step:2", steps: []string{"a", "b", "c"}, wantSteps: []string{"a", "b"}},
		{name: "step up", op: "step-up:2", steps: []string{"a", "b", "c"}, wantSteps: []string{"a", "c", "b"}, wantFocus: `value="step-up:1"`},
		{name: "step up to the top", op: "step-up:1", steps: []string{"a", "b"}, wantSteps: []string{"b", "a"}, wantFocus: `value="step-down:0"`},
		{name: "the first step up", op: "step-up:0", steps: []string{"a", "b"}, wantSteps: []string{"a", "b"}},
		{name: "step down to the end", op: "step-down:0", steps: []string{"a", "b"}, wantSteps: []string{"b", "a"}, wantFocus: `value="step-up:1"`},
		{name: "the last step down", op: "step-down:1", steps: []string{"a", "b"}, wantSteps: []string{"a", "b"}},
		{name: "add a variable", op: "add-variable", variables: []string{"x"}, wantVariables: []string{"x", ""}, wantFocus: `name="variable.1.name"`},
		{name: "remove a variable", op: "remove-variable:0", variables: []string{"x", "y"}, wantVariables: []string{"y"}},
		{name: "variable up", op: "variable-up:1", variables: []string{"x", "y", "z"}, wantVariables: []string{"y", "x", "z"}, wantFocus: `value="variable-down:0"`},
		{name: "variable down", op: "variable-down:0", variables: []string{"x", "y", "z"}, wantVariables: []string{"y", "x", "z"}, wantFocus: `value="variable-down:1"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page := b.post("/runbooks", form(tt.op, tt.steps, tt.variables)...)
			page.want(t, http.StatusOK)
			var steps, variables []string
			for i := 0; strings.Contains(page.body, fmt.Sprintf(`name="step.%d.kind"`, i)); i++ {
				steps = append(steps, page.value(fmt.Sprintf("step.%d.topic", i)))
			}
			for i := 0; strings.Contains(page.body, fmt.Sprintf(`name="variable.%d.name"`, i)); i++ {
				variables = append(variables, page.value(fmt.Sprintf("variable.%d.name", i)))
			}
			if !slices.Equal(steps, tt.wantSteps) || !slices.Equal(variables, tt.wantVariables) {
				t.Errorf("steps %q variables %q, want %q %q", steps, variables, tt.wantSteps, tt.wantVariables)
			}
			if tt.wantFocus != "" && !focused(page.body, tt.wantFocus) {
				t.Errorf("the cursor is not at %s", tt.wantFocus)
			}
			if page.value("name") != "Kept" || page.value("version") != "3" {
				t.Error("what was typed is gone")
			}
		})
	}
	if rows, err := o.store.Runbooks(t.Context(), false); err != nil || len(rows) > 0 {
		t.Errorf("something was saved: %v %v", rows, err)
	}

	var many []string
	for i := range 51 {
		many = append(many, fmt.Sprintf("step.%d.kind", i), "create_meeting")
	}
	refused := []struct {
		name string
		form []string
	}{
		{"unknown button", form("explode", nil, nil)},
		{"unknown kind", form("add-step:send_money", nil, nil)},
		{"row that doesn’t exist", form("remove-step:1", []string{"a"}, nil)},
		{"row below zero", form("step-up:-1", []string{"a"}, nil)},
		{"row that isn’t a number", form("variable-up:x", nil, []string{"a"})},
		{"unknown field of a step", []string{"step.0.evil", "x"}},
		{"deeper field", []string{"step.0.topic.x", "x"}},
		{"no number", []string{"step.x.topic", "x"}},
		{"number with a sign", []string{"step.+1.topic", "x"}},
		{"number with zeros", []string{"step.01.topic", "x"}},
		{"huge number", []string{"step.99999999999999999999.topic", "x"}},
		{"negative number", []string{"variable.-1.name", "x"}},
		{"unknown field", []string{"archived_at", "1"}},
		{"field sent twice", []string{"step.0.topic", "a", "step.0.topic", "b"}},
		{"too many rows", many},
		{"version that isn’t a number", []string{"version", "x"}},
	}
	for _, tt := range refused {
		t.Run(tt.name, func(t *testing.T) {
			b.post("/runbooks", tt.form...).want(t, http.StatusBadRequest)
		})
	}

	t.Run("unsaved changes are said if there are any", func(t *testing.T) {
		path := b.post("/runbooks", runbookFields(0)...).header.Get("Location")
		stored := o.runbook(strings.TrimPrefix(path, "/runbooks/"))
		for _, tt := range []struct {
			name   string
			change []string
			want   bool
		}{
			{"a preview", []string{"op", "preview", "preview_incident", "", "step.0.open", ""}, false},
			{"another topic", []string{"op", "preview", "step.0.topic", "other"}, true},
			{"another name of a variable", []string{"op", "preview", "variable.0.name", "other"}, true},
			{"a step more", []string{"op", "add-step:create_meeting"}, true},
			{"a refused save", []string{"name", ""}, true},
		} {
			page := b.post(path, runbookFields(1, append(tt.change, "step.0.id", stored.Steps[0].ID, "step.0.alternative_hosts", "ana@example.com, bo@example.com", "variable.0.choices", "eu\r\nus")...)...)
			if got := strings.Contains(page.body, " data-changed"); got != tt.want {
				t.Errorf("%s: changed is %v, want %v", tt.name, got, tt.want)
			}
		}
	})
	t.Run("no row is added beyond the limit", func(t *testing.T) {
		page := b.post("/runbooks", append(slices.Clone(many[:100]), "op", "add-step:create_meeting")...)
		page.want(t, http.StatusOK)
		if strings.Contains(page.body, `name="step.50.kind"`) {
			t.Error("there are 51 steps")
		}
	})
	t.Run("more steps than a runbook may have", func(t *testing.T) {
		b.post("/runbooks", append(slices.Clone(many[:60]), "op", "save", "name", "Many")...).want(t, http.StatusUnprocessableEntity, "Use at most 20 steps.")
	})
}

// focused reports whether the element with this attribute has the focus.
func focused(body, attribute string) bool {
	for _, tag := range strings.Split(body, "<") {
		element, _, _ := strings.Cut(tag, ">")
		if strings.Contains(element, attribute) && strings.Contains(element, "autofocus") {
			return true
		}
	}
	return false
}

func TestPreviewRunbook(t *testing.T) {
	t.Parallel()
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		testGuard(t, newOffice(t), "/runbooks/preview", incident.Admin, runbookFields(0)...)
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		b := newOffice(t).as(incident.Admin)
		b.post("/runbooks/preview", runbookFields(0, "preview_incident", "7")...).want(t, http.StatusNotFound)
		b.post("/runbooks/preview", runbookFields(0, "preview_incident", "x")...).want(t, http.StatusBadRequest)
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		testBroken(t, o, "incidents", func() reply { return b.post("/runbooks/preview", runbookFields(0)...) })
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.run(o.outage(), "<b>db down</b>")
		b := o.as(incident.Admin)
		part := b.post("/runbooks/preview", runbookFields(0)...)
		part.want(t, http.StatusOK, "Checkout is slow eu", "Line one line two", "Recording to the cloud", "hosted by a backup user")
		if strings.Contains(part.body, "<html") {
			t.Error("htmx got a whole page")
		}
		part.want(t, http.StatusOK, "No Zoom app is connected", "The incident would get no link")
		typed := b.post("/runbooks/preview", runbookFields(0, "preview_incident", "", "preview_number", " inc-1")...)
		typed.want(t, http.StatusOK, "<b>db down</b> eu")
		b.post("/runbooks/preview", runbookFields(0, "preview_number", "INC-999")...).want(t, http.StatusOK, "There is no incident with this number", "Checkout is slow eu")
		b.post("/runbooks/preview", runbookFields(0, "preview_opener", "noor@partner.example", "step.0.agenda", "{{ incident.opener.email }}")...).
			want(t, http.StatusOK, "noor@partner.example")
		past := b.post("/runbooks/preview", runbookFields(0, "preview_incident", "1")...)
		past.want(t, http.StatusOK, "<b>db down</b> eu")
		if strings.Contains(past.body, "<b>db") {
			t.Error("a name is markup")
		}
	})
	t.Run("a template with a mistake", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).post("/runbooks/preview", runbookFields(0, "step.0.topic", "a {{ incident.nam }}", "step.0.agenda", "{% for %}")...).
			want(t, http.StatusOK, "If this template fails or gives no text in an incident, the meeting is called “INC-42 Checkout is slow”.", "Line 1, column 6", "incident.name", "If this template fails or gives no text in an incident, the meeting has no agenda.")
	})
	t.Run("a mistake leaves nothing that looks like a result", func(t *testing.T) {
		t.Parallel()
		part := newOffice(t).as(incident.Admin).post("/runbooks/preview", runbookFields(0, "step.0.topic", "a {{ incident.nam }}", "step.0.agenda", "b {{ incident.nam }}")...)
		if strings.Contains(part.body, "db-preview-out") || strings.Contains(part.body, "/200") {
			t.Errorf("the preview shows a text: %s", part.body)
		}
	})
	t.Run("a topic that comes out empty", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).post("/runbooks/preview", runbookFields(0, "step.0.topic", "{% if vars.region == 'x' %}x{% endif %}", "step.0.agenda", "")...).
			want(t, http.StatusOK, "Topic 0/200 Empty", "If this template fails or gives no text in an incident, the meeting is called “INC-42 Checkout is slow”.")
	})
	t.Run("a long topic", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).post("/runbooks/preview", runbookFields(0, "step.0.topic", strings.Repeat("å", 201))...).
			want(t, http.StatusOK, "201/200", "Drawbridge cuts this after 200 characters")
	})
}

func TestDuplicateRunbook(t *testing.T) {
	t.Parallel()
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		testGuard(t, o, "/runbooks/"+o.outage().ID+"/duplicate", incident.Admin)
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).post("/runbooks/nothing/duplicate").want(t, http.StatusNotFound)
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r, b := o.outage(), o.as(incident.Admin)
		testBroken(t, o, "audit_entries", func() reply { return b.post("/runbooks/" + r.ID + "/duplicate") })
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r, b := o.outage(), o.as(incident.Admin)
		answer := b.post("/runbooks/" + r.ID + "/duplicate")
		path := answer.header.Get("Location")
		answer.leadsTo(b, path, "Production outage (copy)", "Off: nobody can use it")
		if path == "/runbooks/"+r.ID {
			t.Error("the copy is the runbook itself")
		}
		o.wantTrail("runbook.create Production outage", "runbook.create Production outage (copy)")
	})
}

func TestSwitchRunbook(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"enable", "disable"} {
		t.Run("guard "+action, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			testGuard(t, o, "/runbooks/"+o.outage().ID+"/"+action, incident.Admin)
		})
		t.Run("refused "+action, func(t *testing.T) {
			t.Parallel()
			newOffice(t).as(incident.Admin).post("/runbooks/nothing/"+action).want(t, http.StatusNotFound)
		})
	}
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r, b := o.outage(), o.as(incident.Admin)
		testBroken(t, o, "audit_entries", func() reply { return b.post("/runbooks/" + r.ID + "/disable") })
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r, b := o.outage(), o.as(incident.Admin)
		b.post("/runbooks/"+r.ID+"/disable").leadsTo(b, "/runbooks/"+r.ID, "“Production outage” is off.", "Off: nobody can use it")
		if o.runbook(r.ID).DisabledAt.IsZero() {
			t.Error("it is not disabled")
		}
		list := b.send(http.MethodPost, "/runbooks/"+r.ID+"/enable", pairs(), "Referer", o.url+"/runbooks")
		list.leadsTo(b, "/runbooks", "“Production outage” is on.")
		if !o.runbook(r.ID).DisabledAt.IsZero() {
			t.Error("it is still disabled")
		}
		o.wantTrail("runbook.create Production outage", "runbook.disable Production outage", "runbook.enable Production outage")
	})
}

func TestDeleteRunbook(t *testing.T) {
	t.Parallel()
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		testGuard(t, o, "/runbooks/"+o.outage().ID+"/delete", incident.Admin, "version", "1")
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		newOffice(t).as(incident.Admin).post("/runbooks/nothing/delete").want(t, http.StatusNotFound)
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r, b := o.outage(), o.as(incident.Admin)
		testBroken(t, o, "audit_entries", func() reply { return b.post("/runbooks/"+r.ID+"/delete", "version", "1") })
		o.runbook(r.ID)
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r, b := o.outage(), o.as(incident.Admin)
		b.get("/runbooks/"+r.ID).want(t, http.StatusOK, "This deletes it permanently, with 1 step and 1 variable.")
		b.post("/drills/schedule", "schedule", "daily", "hour", "6", "runbook", r.Name).want(t, http.StatusSeeOther)
		b.get("/runbooks/"+r.ID).want(t, http.StatusOK, "Scheduled drills use it.")
		b.post("/runbooks/"+r.ID+"/delete", "version", "1").leadsTo(b, "/runbooks", "“Production outage” was deleted. Scheduled drills fail until you choose another runbook for them under Drills.", "No runbooks yet")
		if _, err := o.store.Runbook(t.Context(), r.ID); incident.CodeOf(err) != incident.NotFound {
			t.Errorf("it is still there: %v", err)
		}
		o.wantTrail("runbook.create Production outage", "drill.plan", "runbook.delete Production outage")
	})
	t.Run("one with incidents is archived", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		r, b := o.outage(), o.as(incident.Admin)
		o.run(r, "db down")
		b.post("/runbooks/"+r.ID+"/delete", "version", "1").leadsTo(b, "/runbooks", "“Production outage” was archived, because incidents used it.", "1 archived runbook")
		if o.runbook(r.ID).ArchivedAt.IsZero() {
			t.Error("it is not archived")
		}
	})
}
