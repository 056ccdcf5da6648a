package incident_test

import (
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/drawbridge-hq/drawbridge/incident"
)

var templateVars = []string{"customer", "zone", "customer_tier"}

func templateData() incident.TemplateData {
	d := incident.SampleTemplateData()
	d.Vars = map[string]string{"customer": "Acme", "zone": "Europe/Oslo", "customer_tier": "gold"}
	return d
}

func TestTemplateNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, src, want string }{
		{"every name", "{{incident.number}} {{incident.key}} {{incident.type}} {{incident.opener.name}} {{incident.opener.email}} {{incident.url}} {{incident.join_page}} {{runbook.name}}",
			"42 INC-42 outage Ada Berg ada@example.com https://bridge.example.com/incidents/42 https://bridge.example.com/j/INC-42 Production outage"},
		{"names of the hosted tool", "{{incident.id}} {{incident.created_by.name}} {{incident.created_by.email}} {{incident.incident_url}} {{incident.custom_fields.customer.value}} {{incident.custom_fields.customer-tier.value}} {{incident.custom_fields.customer_tier.value}} {{incident.created_at}}",
			"INC-42 Ada Berg ada@example.com https://bridge.example.com/incidents/42 Acme gold gold 2026-03-14 09:26:53 UTC"},
		{"names of the hosted tool that have no value here", "[{{ incident.priority }}{{ incident.tag_list | join: \", \" }}{{ incident.last_note.body }}] {{ incident.current_milestone }} {{ incident.summary }}",
			"[] started Payments take longer than ten seconds since the last release."},
		{"template of the README", "{{ incident.severity }} {{ incident.name }} ({{ vars.customer }})", "SEV2 Checkout is slow (Acme)"},
		{"hours subtracted manually", `{{ incident.created_at | date: "%s" | minus: 28800 | date: "%H:%M" }}`, "01:26"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, wrong := incident.RenderTemplate(tt.src, templateVars, templateData(), 2000); wrong != nil || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, wrong, tt.want)
			}
		})
	}
	t.Run("empty incident", func(t *testing.T) {
		got, wrong := incident.RenderTemplate("[{{ vars.customer }}{{ incident.started_at }}{{ incident.created_at }}]", templateVars, incident.TemplateData{}, 200)
		if wrong != nil || got != "[]" {
			t.Errorf("got %q, %v; want []", got, wrong)
		}
	})
}

func TestTemplateNamesRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, word, want string }{
		{"misspelt", "incident.nmae", "incident.name"},
		{"variable of the runbook without vars", "customer", "vars.customer"},
		{"incident's variable without incident", "severity", "incident.severity"},
		{"misspelled variable of the runbook", "vars.custmoer", "vars.customer"},
		{"misspelled slug", "incident.custom_fields.cusomer.value", "incident.custom_fields.customer.value"},
		{"group", "incident.opener", "incident.opener.name"},
		{"whole incident", "incident", "incident.name"},
		{"no similar name", "incident.wholly_unlike", ""},
		{"T-06 env", "env.HOME", ""},
		{"T-06 method", "incident.name.String", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, wrong := incident.RenderTemplate("{{ "+tt.word+" }}", templateVars, templateData(), 200)
			if got != "" || len(wrong) != 1 || wrong[0].Code != "unknown_variable" || wrong[0].Name != tt.word || wrong[0].Suggestion != tt.want {
				t.Errorf("got %q, %v; want the suggestion %q", got, wrong, tt.want)
			}
		})
	}
}

func TestTemplateVariablesAllRender(t *testing.T) {
	t.Parallel()
	for _, v := range incident.TemplateVariables() {
		got, wrong := incident.RenderTemplate("{{ "+v.Name+" }}", templateVars, templateData(), 2000)
		if wrong != nil || got == "" || v.Label == "" || v.Example != got {
			t.Errorf("%s renders %q, %v; its example is %q", v.Name, got, wrong, v.Example)
		}
	}
	if d := incident.SampleTemplateData(); d.CreatedAt.Location() != time.UTC || !utf8.ValidString(d.Description) {
		t.Error("the sample's time is not in UTC")
	}
}

// FireHydrant's names render, the docs list them, and those without a value have a hint
// unless the runbook has such a variable.
func TestHostedNames(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../docs/runbooks.md")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	hints := func(name string, vars ...incident.Variable) []string {
		p := w.preview(incident.MeetingTemplate{Topic: "x {{ " + name + " }}", Agenda: "{{ " + name + " }}"}, vars, incident.Pretend{})
		if len(p.TopicErrors)+len(p.AgendaErrors) > 0 || len(p.TopicHints) != len(p.AgendaHints) {
			t.Errorf("%s: errors %v %v, hints %v and %v", name, p.TopicErrors, p.AgendaErrors, p.TopicHints, p.AgendaHints)
		}
		var list []string
		for _, h := range p.TopicHints {
			list = append(list, h.Error())
		}
		return list
	}
	known := map[string]bool{}
	for _, v := range incident.TemplateVariables() {
		known[v.Name] = true
	}
	for _, h := range incident.HostedNames {
		line := "| `" + h.Name + "` | `" + h.Is + "` |"
		if h.Is == "" {
			line = "`" + h.Name + "`"
		}
		if !strings.Contains(string(docs), line) {
			t.Errorf("docs/runbooks.md lacks %s", line)
		}
		if known[h.Name] || h.Is != "" && !known[h.Is] {
			t.Errorf("%s is %q", h.Name, h.Is)
		}
		got := hints(h.Name)
		if want := h.Is == ""; want != (len(got) == 1) {
			t.Errorf("%s has the hints %q", h.Name, got)
		}
	}
	if got := hints("incident.priority"); len(got) != 1 || got[0] != `Line 1, column 6: Drawbridge doesn’t know "incident.priority", so it stays empty. Did you mean incident.severity?` {
		t.Errorf("hints %q", got)
	}
	if got := hints("incident.priority", incident.Variable{Name: "priority", Type: "text", Default: "P1"}); len(got) > 0 {
		t.Errorf("with a variable of the runbook: %q", got)
	}
	d := templateData()
	d.Vars["priority"] = "P1"
	if got, wrong := incident.RenderTemplate("{{ incident.priority }}", []string{"priority"}, d, 200); wrong != nil || got != "P1" {
		t.Errorf("with a variable of the runbook it is %q, %v", got, wrong)
	}
}
