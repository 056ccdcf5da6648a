package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// outage returns a runbook with one step and variables of every type.
func outage() incident.Runbook {
	return incident.Runbook{
		Name: "Production outage", IncidentType: "outage", Description: "When customers notice.",
		Variables: []incident.Variable{
			{Name: "customer", Label: "Customer", Type: "text", Required: true},
			{Name: "affected", Label: "How many", Type: "number", Default: "1"},
			{Name: "region", Label: "Region", Type: "choice", Choices: []string{"eu", "us"}, Default: "eu"},
			{Name: "since", Label: "Since", Type: "date"},
		},
		Steps: []incident.Step{{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: meeting()}},
	}
}

func (w *world) saveRunbook(r incident.Runbook) incident.Runbook {
	w.Helper()
	saved, _, err := w.service.SaveRunbook(w.Context(), admin, r)
	w.ok(err)
	return saved
}

func (w *world) readRunbook(id string) incident.Runbook {
	w.Helper()
	r, err := w.store.Runbook(w.Context(), id)
	w.ok(err)
	return r
}

func TestSaveRunbookRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	known, entries := w.runbook, len(w.trail())
	variable := func(f func(*incident.Variable)) func(*incident.Runbook) {
		return func(r *incident.Runbook) { f(&r.Variables[0]) }
	}
	template := func(f func(*incident.MeetingTemplate)) func(*incident.Runbook) {
		return func(r *incident.Runbook) { f(&r.Steps[0].Meeting) }
	}
	long := strings.Repeat("ø", 4001)
	for _, test := range []struct {
		name   string
		change func(*incident.Runbook)
		want   []string
	}{
		{"no name", func(r *incident.Runbook) { r.Name = " \n" }, []string{"name"}},
		{"F-34 name of 121 characters", func(r *incident.Runbook) { r.Name = long[:2*121] }, []string{"name"}},
		{"name that is not text", func(r *incident.Runbook) { r.Name = "a\xffb" }, []string{"name"}},
		{"NUL", func(r *incident.Runbook) { r.Description = "a\x00b" }, []string{"description"}},
		{"F-34 type of 101 characters", func(r *incident.Runbook) { r.IncidentType = long[:2*101] }, []string{"incident_type"}},
		{"F-34 description of 2001 characters", func(r *incident.Runbook) { r.Description = long[:2*2001] }, []string{"description"}},

		{"31 variables", func(r *incident.Runbook) {
			r.Variables = nil
			for i := range 31 {
				r.Variables = append(r.Variables, incident.Variable{Name: fmt.Sprint("v", i)})
			}
		}, []string{"variables"}},
		{"variable without a name", variable(func(v *incident.Variable) { v.Name = "" }), []string{"variables.0.name"}},
		{"variable in upper case", variable(func(v *incident.Variable) { v.Name = "Customer" }), []string{"variables.0.name"}},
		{"variable with a dash", variable(func(v *incident.Variable) { v.Name = "the-customer" }), []string{"variables.0.name"}},
		{"variable that starts with a digit", variable(func(v *incident.Variable) { v.Name = "1st" }), []string{"variables.0.name"}},
		{"variable of 41 characters", variable(func(v *incident.Variable) { v.Name = strings.Repeat("a", 41) }), []string{"variables.0.name"}},
		{"two variables with the same name", func(r *incident.Runbook) { r.Variables[3].Name = " region " }, []string{"variables.3.name"}},
		{"variable of unknown type", variable(func(v *incident.Variable) { v.Type = "file" }), []string{"variables.0.type"}},
		{"F-34 label of 101 characters", variable(func(v *incident.Variable) { v.Label = long[:2*101] }), []string{"variables.0.label"}},
		{"F-34 help of 301 characters", variable(func(v *incident.Variable) { v.Help = long[:2*301] }), []string{"variables.0.help"}},
		{"F-34 default of 1001 characters", variable(func(v *incident.Variable) { v.Default = long[:2*1001] }), []string{"variables.0.default"}},
		{"default that is not a number", func(r *incident.Runbook) { r.Variables[1].Default = "many" }, []string{"variables.1.default"}},
		{"default that is not a date", func(r *incident.Runbook) { r.Variables[3].Default = "2026-02-30" }, []string{"variables.3.default"}},
		{"default that is not a choice", func(r *incident.Runbook) { r.Variables[2].Default = "mars" }, []string{"variables.2.default"}},
		{"no choices", func(r *incident.Runbook) { r.Variables[2].Choices = nil }, []string{"variables.2.choices"}},
		{"only empty choices", func(r *incident.Runbook) { r.Variables[2].Choices = []string{"", " \n"} }, []string{"variables.2.choices"}},
		{"51 choices", func(r *incident.Runbook) {
			r.Variables[2].Choices = nil
			for i := range 51 {
				r.Variables[2].Choices = append(r.Variables[2].Choices, fmt.Sprint(i))
			}
		}, []string{"variables.2.choices"}},
		{"F-34 a choice of 1001 characters", func(r *incident.Runbook) { r.Variables[2].Choices = []string{"eu", long[:2*1001]} }, []string{"variables.2.choices"}},
		{"a choice that is not text", func(r *incident.Runbook) { r.Variables[2].Choices = []string{"eu", "\xff"} }, []string{"variables.2.choices"}},

		{"21 steps", func(r *incident.Runbook) {
			r.Steps = slices.Repeat(r.Steps, 21)
		}, []string{"steps"}},
		{"step name of 101 characters", func(r *incident.Runbook) { r.Steps[0].Name = long[:2*101] }, []string{"steps.0.name"}},
		{"short fields of two lines", func(r *incident.Runbook) {
			r.Name, r.IncidentType, r.Steps[0].Name = "a\nb", "a\rb", "a\u2028b"
			r.Variables[0].Label, r.Variables[0].Help, r.Variables[2].Choices = "a\nb", "a\nb", []string{"eu", "a\nb"}
		}, []string{"incident_type", "name", "steps.0.name", "variables.0.help", "variables.0.label", "variables.2.choices"}},
		{"step of unknown kind", func(r *incident.Runbook) { r.Steps[0].Kind = "shell" }, []string{"steps.0.kind"}},
		{"no topic", template(func(m *incident.MeetingTemplate) { m.Topic = " " }), []string{"steps.0.topic"}},
		{"T-01 tag that is not allowed", template(func(m *incident.MeetingTemplate) { m.Topic = "{% for i in (1..1000000000) %}x{% endfor %}" }), []string{"steps.0.topic"}},
		{"T-02 source of 5 KB", template(func(m *incident.MeetingTemplate) { m.Agenda = long + long }), []string{"steps.0.agenda"}},
		{"T-06 environment variable", template(func(m *incident.MeetingTemplate) { m.Agenda = "{{ env.DRAWBRIDGE_KEY }}" }), []string{"steps.0.agenda"}},
		{"variable that the runbook does not have", template(func(m *incident.MeetingTemplate) { m.Topic = "{{ vars.custommer }}" }), []string{"steps.0.topic"}},
		{"unclosed", template(func(m *incident.MeetingTemplate) { m.Topic = "{{ incident.name" }), []string{"steps.0.topic"}},
		{"recording", template(func(m *incident.MeetingTemplate) { m.Recording = "everything" }), []string{"steps.0.recording"}},
		{"less than a minute", template(func(m *incident.MeetingTemplate) { m.DurationMinutes = -1 }), []string{"steps.0.duration_minutes"}},
		{"more than a day", template(func(m *incident.MeetingTemplate) { m.DurationMinutes = 1441 }), []string{"steps.0.duration_minutes"}},
		{"host", template(func(m *incident.MeetingTemplate) { m.Host = "anyone" }), []string{"steps.0.host"}},
		{"alternative host that is not an address", template(func(m *incident.MeetingTemplate) { m.AlternativeHosts = []string{"ana"} }), []string{"steps.0.alternative_hosts"}},
		{"two alternative hosts as one", template(func(m *incident.MeetingTemplate) { m.AlternativeHosts = []string{"a@example.com;b@example.com"} }), []string{"steps.0.alternative_hosts"}},
		{"11 alternative hosts", template(func(m *incident.MeetingTemplate) {
			for i := range 11 {
				m.AlternativeHosts = append(m.AlternativeHosts, fmt.Sprintf("h%d@example.com", i))
			}
		}), []string{"steps.0.alternative_hosts"}},
		{"the second step", func(r *incident.Runbook) {
			r.Steps = append(r.Steps, incident.Step{Kind: incident.StepCreateMeeting, Meeting: incident.MeetingTemplate{Topic: "{{ x }}", Agenda: "{{ y }}"}})
		}, []string{"steps.1.agenda", "steps.1.topic"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := outage()
			test.change(&r)
			_, _, err := w.service.SaveRunbook(t.Context(), admin, r)
			wantFields(t, err, test.want...)
			r = outage()
			test.change(&r)
			r.ID, r.Version = known.ID, known.Version
			_, _, err = w.service.SaveRunbook(t.Context(), admin, r)
			wantFields(t, err, test.want...)
		})
	}

	t.Run("a template error has line, column and suggestion", func(t *testing.T) {
		r := outage()
		r.Steps[0].Meeting.Agenda = "What happened:\n  {{ vars.custommer }} and {{ incident.nmae }}"
		_, _, err := w.service.SaveRunbook(t.Context(), admin, r)
		got := fieldsOf(t, err)["steps.0.agenda"]
		for _, part := range []string{"Line 2, column 6:", "vars.customer?", "Line 2, column 31:", "incident.name?"} {
			if !strings.Contains(got, part) {
				t.Errorf("%q does not say %q", got, part)
			}
		}
	})
	t.Run("guard: role", func(t *testing.T) {
		for _, actor := range []incident.Actor{anaIs, viewer, {}} {
			_, _, err := w.service.SaveRunbook(t.Context(), actor, outage())
			wantCode(t, err, incident.Forbidden)
		}
	})
	t.Run("name is taken", func(t *testing.T) {
		r := outage()
		r.Name = " " + known.Name + " "
		_, _, err := w.service.SaveRunbook(t.Context(), admin, r)
		wantCode(t, err, incident.Conflict)
	})
	t.Run("unknown runbook", func(t *testing.T) {
		r := outage()
		r.ID = "0192"
		_, _, err := w.service.SaveRunbook(t.Context(), admin, r)
		wantCode(t, err, incident.NotFound)
	})
	if books, err := w.store.Runbooks(t.Context(), false); err != nil || len(books) != 1 || len(w.trail()) != entries {
		t.Errorf("%d runbooks, %d audit entries more: something was written (%v)", len(books), len(w.trail())-entries, err)
	}
}

func TestSaveRunbook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, changed, err := w.service.SaveRunbook(t.Context(), admin, incident.Runbook{
		Name: "  Production outage\n", IncidentType: " outage ", Description: " When customers notice. ",
		Variables: []incident.Variable{
			{Name: " customer ", Label: " "},
			{Name: "region", Type: "choice", Choices: []string{" eu ", "", "us\n", "eu"}, Default: "eu"},
			{Name: "note", Type: "text", Choices: []string{"left over"}},
		},
		Steps: []incident.Step{
			{Kind: incident.StepCreateMeeting, Name: " War room\n", Meeting: incident.MeetingTemplate{Topic: " {{ incident.name }} ", WaitingRoom: true, JoinBeforeHost: true, AlternativeHosts: []string{" Ben@Example.com ", ""}}},
			{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: meeting()},
		},
	})
	w.ok(err)

	t.Run("missing values get defaults, texts are trimmed", func(t *testing.T) {
		want := incident.Runbook{
			ID: r.ID, Name: "Production outage", IncidentType: "outage", Description: "When customers notice.",
			Variables: []incident.Variable{
				{Name: "customer", Label: "customer", Type: "text"},
				{Name: "region", Label: "region", Type: "choice", Choices: []string{"eu", "us"}, Default: "eu"},
				{Name: "note", Label: "note", Type: "text"},
			},
			Steps: []incident.Step{
				{ID: r.Steps[0].ID, Kind: incident.StepCreateMeeting, Name: "War room", Meeting: incident.MeetingTemplate{Topic: "{{ incident.name }}", Recording: "none", DurationMinutes: 60,
					Host: incident.HostOpener, WaitingRoom: true, AlternativeHosts: []string{"ben@example.com"}}},
				{ID: r.Steps[1].ID, Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: meeting()},
			},
			Version: 1, CreatedAt: w.clock.Now(), UpdatedAt: w.clock.Now(),
		}
		if diff := cmp.Diff(want, w.readRunbook(r.ID)); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, r); diff != "" {
			t.Errorf("returned (-want +got):\n%s", diff)
		}
		if r.ID == "" || r.Steps[0].ID == "" || r.Steps[0].ID == r.Steps[1].ID || len(changed) == 0 {
			t.Errorf("ids %s, %s, %s; changed %q", r.ID, r.Steps[0].ID, r.Steps[1].ID, changed)
		}
		wantEntry(t, w.trail()[0], "runbook.create", "Production outage", changed...)
		if !slices.Contains(changed, incident.Change{Field: "steps.0.topic", After: "{{ incident.name }}"}) || slices.ContainsFunc(changed, func(c incident.Change) bool { return c.Before != "" }) {
			t.Errorf("changed %q", changed)
		}
	})
	t.Run("saving without a change writes nothing", func(t *testing.T) {
		entries := len(w.trail())
		same, changed, err := w.service.SaveRunbook(t.Context(), admin, w.readRunbook(r.ID))
		w.ok(err)
		if len(changed) > 0 || same.Version != 1 || w.readRunbook(r.ID).Version != 1 || len(w.trail()) != entries {
			t.Errorf("changed %q, version %d, %d audit entries more", changed, same.Version, len(w.trail())-entries)
		}
	})
	t.Run("what looks the same in the audit trail is a change all the same", func(t *testing.T) {
		one := outage()
		one.Name, one.Variables[2].Choices = "Two choices", []string{"eu", "us, north"}
		stored := w.saveRunbook(one)
		stored.Variables[2].Choices = []string{"eu, us", "north"}
		stored.Variables[2].Default = ""
		saved, changed, err := w.service.SaveRunbook(t.Context(), admin, stored)
		w.ok(err)
		if got := w.readRunbook(saved.ID).Variables[2].Choices; !slices.Equal(got, stored.Variables[2].Choices) || !slices.Contains(fieldsIn(changed), "variables.2.choices") {
			t.Errorf("choices %q, changed %q", got, changed)
		}
	})
	t.Run("reordered steps keep their ids", func(t *testing.T) {
		next := w.readRunbook(r.ID)
		first, second := next.Steps[0].ID, next.Steps[1].ID
		slices.Reverse(next.Steps)
		next.Steps = append(next.Steps, incident.Step{ID: "made up", Kind: incident.StepCreateMeeting, Meeting: meeting()})
		next.Description = "Changed."
		saved, changed, err := w.service.SaveRunbook(t.Context(), admin, next)
		w.ok(err)
		if saved.Version != 2 || w.readRunbook(r.ID).Version != 2 {
			t.Errorf("version %d, stored %d; want 2", saved.Version, w.readRunbook(r.ID).Version)
		}
		got := w.readRunbook(r.ID).Steps
		if got[0].ID != second || got[1].ID != first || got[2].ID == "made up" || got[2].ID == "" {
			t.Errorf("ids %s, %s, %s; want %s, %s and one of ours", got[0].ID, got[1].ID, got[2].ID, second, first)
		}
		for _, want := range []string{"description", "steps.0.topic", "steps.2.kind"} {
			if !slices.Contains(fieldsIn(changed), want) {
				t.Errorf("changed %q, want %q among them", changed, want)
			}
		}
		if slices.Contains(fieldsIn(changed), "name") || slices.Contains(fieldsIn(changed), "steps.0.kind") {
			t.Errorf("changed %q, and some of that did not", changed)
		}
		wantEntry(t, w.trail()[0], "runbook.update", next.Name, changed...)
		if !slices.Contains(changed, incident.Change{Field: "description", Before: "When customers notice.", After: "Changed."}) {
			t.Errorf("changed %q", changed)
		}
	})
	t.Run("the same step sent twice becomes two steps", func(t *testing.T) {
		next := w.readRunbook(r.ID)
		next.Steps = append(next.Steps, next.Steps[0])
		saved, _, err := w.service.SaveRunbook(t.Context(), admin, next)
		w.ok(err)
		ids := map[string]bool{}
		for _, step := range saved.Steps {
			ids[step.ID] = true
		}
		if len(ids) != 4 {
			t.Errorf("%d ids of %d steps", len(ids), len(saved.Steps))
		}
	})
	t.Run("F-35 two tabs", func(t *testing.T) {
		one, two := w.readRunbook(r.ID), w.readRunbook(r.ID)
		one.Name, two.Name = "One", "Two"
		w.saveRunbook(one)
		_, _, err := w.service.SaveRunbook(t.Context(), admin, two)
		wantCode(t, err, incident.Conflict)
		if got := w.readRunbook(r.ID).Name; got != "One" {
			t.Errorf("name %q: the second tab wrote over the first", got)
		}
	})
	t.Run("F-31 fields that a form may not set", func(t *testing.T) {
		next := w.readRunbook(r.ID)
		next.CreatedAt, next.ArchivedAt, next.DisabledAt = next.CreatedAt.AddDate(-1, 0, 0), w.clock.Now(), w.clock.Now()
		next.Description = "Changed again."
		w.saveRunbook(next)
		if got := w.readRunbook(r.ID); !got.ArchivedAt.IsZero() || !got.DisabledAt.IsZero() || !got.CreatedAt.Equal(r.CreatedAt) {
			t.Errorf("stored %+v", got)
		}
	})
	t.Run("broken: the store is closed", func(t *testing.T) {
		w.ok(w.store.Close())
		_, _, err := w.service.SaveRunbook(t.Context(), admin, outage())
		wantCode(t, err, incident.Unavailable)
	})
}

func TestDuplicateRunbook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.saveRunbook(outage())
	duplicate := func(id string) incident.Runbook {
		t.Helper()
		copied, err := w.service.DuplicateRunbook(t.Context(), admin, id)
		w.ok(err)
		return w.readRunbook(copied.ID)
	}

	first, second := duplicate(r.ID), duplicate(r.ID)
	if first.Name != "Production outage (copy)" || second.Name != "Production outage (copy 2)" {
		t.Errorf("copies are called %q and %q", first.Name, second.Name)
	}
	if first.DisabledAt.IsZero() {
		t.Error("a copy can be run before anyone looked at it")
	}
	if first.ID == r.ID || first.Steps[0].ID == r.Steps[0].ID || first.Version != 1 {
		t.Errorf("the copy shares ids with the original: %+v", first)
	}
	if diff := cmp.Diff(r.Variables, first.Variables); diff != "" || first.Steps[0].Meeting.Topic != r.Steps[0].Meeting.Topic {
		t.Errorf("the copy differs:\n%s", diff)
	}
	if got := w.readRunbook(r.ID); !got.DisabledAt.IsZero() || got.Version != 1 {
		t.Error("the original was changed")
	}
	if e := w.trail()[0]; e.Action != "runbook.create" || e.Target != second.Name {
		t.Errorf("audit entry %+v", e)
	}

	long := outage()
	long.Name = strings.Repeat("ø", 120)
	if got := duplicate(w.saveRunbook(long).ID).Name; got == long.Name || len([]rune(got)) > 120 {
		t.Errorf("the copy of a long name is called %q", got)
	}

	t.Run("an archived runbook can be copied", func(t *testing.T) {
		w.open(func(req *incident.OpenRequest) { req.RunbookID = w.runbook.ID })
		archived, err := w.service.DeleteRunbook(t.Context(), admin, w.runbook.ID)
		w.ok(err)
		if copied := duplicate(w.runbook.ID); !archived || !copied.ArchivedAt.IsZero() {
			t.Errorf("archived %v; the copy is archived too, where nobody finds it", archived)
		}
	})
	t.Run("refused", func(t *testing.T) {
		for _, actor := range []incident.Actor{anaIs, viewer} {
			_, err := w.service.DuplicateRunbook(t.Context(), actor, r.ID)
			wantCode(t, err, incident.Forbidden)
			_, err = w.service.DuplicateRunbook(t.Context(), actor, "nothing")
			wantCode(t, err, incident.Forbidden)
		}
		_, err := w.service.DuplicateRunbook(t.Context(), admin, "nothing")
		wantCode(t, err, incident.NotFound)
	})
}

func TestDisableRunbook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	set := func(disabled bool) {
		t.Helper()
		w.ok(w.service.SetRunbookDisabled(t.Context(), admin, w.runbook.ID, disabled))
	}
	set(true)
	if r := w.readRunbook(w.runbook.ID); !r.DisabledAt.Equal(w.clock.Now()) || r.Version != 2 {
		t.Errorf("disabled at %s, version %d", r.DisabledAt, r.Version)
	}
	disabled := w.clock.Now().UTC().Format(time.RFC3339)
	wantEntry(t, w.trail()[0], "runbook.disable", w.runbook.Name, incident.Change{Field: "disabled", After: disabled})
	_, _, err := w.service.OpenIncident(t.Context(), anaIs, incident.OpenRequest{RunbookID: w.runbook.ID, Name: "db down"})
	wantFields(t, err, "runbook")

	entries := len(w.trail())
	set(true)
	if len(w.trail()) != entries {
		t.Error("disabling what is disabled was written down")
	}
	set(false)
	if r := w.readRunbook(w.runbook.ID); !r.DisabledAt.IsZero() {
		t.Errorf("disabled at %s", r.DisabledAt)
	}
	wantEntry(t, w.trail()[0], "runbook.enable", w.runbook.Name, incident.Change{Field: "disabled", Before: disabled})
	w.open()

	t.Run("refused", func(t *testing.T) {
		wantCode(t, w.service.SetRunbookDisabled(t.Context(), anaIs, w.runbook.ID, true), incident.Forbidden)
		wantCode(t, w.service.SetRunbookDisabled(t.Context(), admin, "nothing", true), incident.NotFound)
	})
}

func TestDeleteRunbook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fresh := w.saveRunbook(outage())
	w.open()

	archived, err := w.service.DeleteRunbook(t.Context(), admin, fresh.ID)
	w.ok(err)
	if _, err := w.store.Runbook(t.Context(), fresh.ID); archived || incident.CodeOf(err) != incident.NotFound {
		t.Errorf("a runbook that never ran: archived %v, then %v; want it gone", archived, err)
	}
	if e := w.trail()[0]; e.Action != "runbook.delete" || e.Target != fresh.Name || !slices.ContainsFunc(e.Changes, func(c incident.Change) bool { return c.Field == "steps.0.topic" && c.Before != "" && c.After == "" }) {
		t.Errorf("audit entry %+v", e)
	}

	archived, err = w.service.DeleteRunbook(t.Context(), admin, w.runbook.ID)
	w.ok(err)
	if r := w.readRunbook(w.runbook.ID); !archived || r.ArchivedAt.IsZero() {
		t.Errorf("a runbook that ran: archived %v at %s", archived, r.ArchivedAt)
	}
	_, _, err = w.service.OpenIncident(t.Context(), anaIs, incident.OpenRequest{RunbookID: w.runbook.ID, Name: "db down"})
	wantFields(t, err, "runbook")
	again := outage()
	again.Name = w.runbook.Name
	w.saveRunbook(again) // its name can be used again

	_, err = w.service.DeleteRunbook(t.Context(), admin, w.runbook.ID)
	wantCode(t, err, incident.NotFound)
	_, err = w.service.DeleteRunbook(t.Context(), anaIs, w.runbook.ID)
	wantCode(t, err, incident.Forbidden)
}

func TestPreview(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	past, _ := w.open(func(r *incident.OpenRequest) {
		r.RunbookID = w.saveRunbook(outage()).ID
		r.Name, r.Description = "disk {{ secrets }} full", "{% raw %}<b>"
		r.Vars = map[string]string{"customer": "Acme"}
	})
	vars := append(outage().Variables, incident.Variable{Name: "note", Label: "Your note"}, incident.Variable{Name: "size", Type: "choice", Choices: []string{"big", "small"}})
	for _, test := range []struct {
		name                  string
		topic, agenda         string
		number                int64
		wantTopic, wantAgenda string
		wantLengths           [2]int
		wantErrors            [2]string // "line.column suggestion" of the first error
	}{
		{name: "sample: defaults, the first choice, else the label", topic: "{{ incident.key }} {{ vars.affected }} {{ vars.region }} {{ vars.size }} {{ vars.note }}", agenda: "{{ runbook.name }}",
			wantTopic: "INC-42 1 eu big Your note", wantAgenda: "Production outage", wantLengths: [2]int{25, 17}},
		{name: "T-05 a past incident, whose text stays text", topic: "{{ incident.name }} ({{ vars.customer }}, {{ vars.region }})", agenda: "{{ incident.description }} {{ incident.opener.email }}", number: past.Number,
			wantTopic: "disk {{ secrets }} full (Acme, eu)", wantAgenda: "{% raw %}<b> " + opener, wantLengths: [2]int{34, 28}},
		{name: "what is empty leaves no spaces at the ends", topic: "{% if vars.region == 'mars' %}x{% endif %} b ", agenda: "{% if vars.region == 'mars' %}Mars{% endif %}\n\na\n\n  b {% if vars.region == 'mars' %}x{% endif %}\n",
			wantTopic: "b", wantAgenda: "a\n\n  b", wantLengths: [2]int{1, 6}},
		{name: "a topic is one line", topic: "a\n  b", wantTopic: "a b", wantLengths: [2]int{5, 0}},
		{name: "T-03 longer than Zoom takes, in characters", topic: strings.Repeat("ø", 201), agenda: strings.Repeat("é", 2001),
			wantTopic: strings.Repeat("ø", 200), wantAgenda: strings.Repeat("é", incident.MaxAgenda), wantLengths: [2]int{201, 2001}},
		{name: "unknown name", topic: "{{ incident.nmae }}", agenda: "x\n {{ vars.custommer }}", wantLengths: [2]int{0, 0},
			wantErrors: [2]string{"1.4 incident.name", "2.5 vars.customer"}},
		{name: "one of two is wrong", topic: "fine", agenda: "{% for %}", wantTopic: "fine", wantLengths: [2]int{4, 0}, wantErrors: [2]string{"", "1."}},
		{name: "nothing"},
		{name: "a template that comes out empty", topic: "{% if vars.region == 'mars' %}x{% endif %}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := incident.NewMeetingTemplate()
			m.Topic, m.Agenda = test.topic, test.agenda
			p := w.preview(m, vars, incident.Pretend{Number: test.number})
			if p.Topic != test.wantTopic || p.Agenda != test.wantAgenda || p.TopicLength != test.wantLengths[0] || p.AgendaLength != test.wantLengths[1] {
				t.Errorf("topic %q (%d), agenda %q (%d); want %q, %q and %d", p.Topic, p.TopicLength, p.Agenda, p.AgendaLength, test.wantTopic, test.wantAgenda, test.wantLengths)
			}
			if want := map[int64]string{0: "INC-42 Checkout is slow", past.Number: "INC-1 disk {{ secrets }} full"}[test.number]; p.PlainTopic != want {
				t.Errorf("the topic otherwise %q, want %q", p.PlainTopic, want)
			}
			for i, list := range [][]incident.TemplateError{p.TopicErrors, p.AgendaErrors} {
				got := ""
				if len(list) > 0 {
					got = fmt.Sprintf("%d.%d %s", list[0].Line, list[0].Column, list[0].Suggestion)
				}
				if (got == "") != (test.wantErrors[i] == "") || !strings.HasPrefix(got, test.wantErrors[i]) {
					t.Errorf("errors of %d: %q, want %q", i, got, test.wantErrors[i])
				}
			}
		})
	}
	t.Run("unknown incident", func(t *testing.T) {
		_, err := w.service.Preview(t.Context(), admin, incident.Runbook{}, incident.Pretend{Number: 999})
		wantCode(t, err, incident.NotFound)
	})
}
