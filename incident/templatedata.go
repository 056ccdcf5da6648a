package incident

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident/template"
)

// TemplateError is one error in a template.
type TemplateError = template.Error

// TemplateData is the data that templates can use: an incident and the URLs of its
// pages. Strangers may have typed any of it; it is shown but never parsed as a
// template.
type TemplateData struct {
	Incident
	URL, JoinPage string
}

// milestone is the last milestone that the incident has reached.
func (d TemplateData) milestone() string {
	if d.Status == StatusResolved {
		return "resolved"
	}
	return "started"
}

func (s *Service) templateData(i Incident) TemplateData {
	return TemplateData{i, fmt.Sprintf("%s/incidents/%d", s.publicURL, i.Number), s.JoinPage(i)}
}

// SampleTemplateData returns the incident that previews show when there is no
// real one.
func SampleTemplateData() TemplateData {
	return TemplateData{Incident{
		Name: "Checkout is slow", Number: 42, Severity: "SEV2", Type: "outage",
		Description: "Payments take longer than ten seconds since the last release.",
		OpenerName:  "Ada Berg", OpenerEmail: "ada@example.com",
		CreatedAt: time.Date(2026, time.March, 14, 9, 26, 53, 0, time.UTC),
		Vars:      map[string]string{}, RunbookName: "Production outage",
	}, "https://bridge.example.com/incidents/42", "https://bridge.example.com/j/INC-42"}
}

// fixedNames are the variables that every template may use, in the order in which
// pages list them.
var fixedNames = []struct {
	name, label string
	value       func(TemplateData) any
}{
	{"incident.name", "Name of the incident", func(d TemplateData) any { return d.Name }},
	{"incident.number", "Number", func(d TemplateData) any { return int(d.Number) }},
	{"incident.key", "Key", func(d TemplateData) any { return d.Key() }},
	{"incident.severity", "Severity", func(d TemplateData) any { return d.Severity }},
	{"incident.type", "Type of incident", func(d TemplateData) any { return d.Type }},
	{"incident.description", "Description", func(d TemplateData) any { return d.Description }},
	{"incident.milestone", "started while the incident is open, then resolved", func(d TemplateData) any { return d.milestone() }},
	{"incident.opener.name", "Opener, name", func(d TemplateData) any { return d.OpenerName }},
	{"incident.opener.email", "Opener, email address", func(d TemplateData) any { return d.OpenerEmail }},
	{"incident.started_at", "Start time, in UTC unless you add the filter tz", func(d TemplateData) any { return d.CreatedAt }},
	{"incident.url", "Page of the incident", func(d TemplateData) any { return d.URL }},
	{"incident.join_page", "Join page, a link that never changes", func(d TemplateData) any { return d.JoinPage }},
	{"runbook.name", "Name of the runbook", func(d TemplateData) any { return d.RunbookName }},
}

// HostedName is a variable of FireHydrant's templates and the variable of ours that
// has its value; "" means that Drawbridge doesn't know it.
type HostedName struct{ Name, Is string }

// HostedNames are variables of FireHydrant's templates (docs.firehydrant.com,
// "Template variables"). They work because people paste templates from it; pages do
// not list them. Names that both tools have, such as incident.name, are not here.
//
// A variable that Drawbridge doesn't know is empty, unless the runbook has a variable
// of the same name: incident.priority is then vars.priority.
var HostedNames = []HostedName{
	{"incident.id", "incident.key"},
	{"incident.incident_url", "incident.url"},
	{"incident.summary", "incident.description"},
	{"incident.created_at", "incident.started_at"},
	{"incident.created_by.name", "incident.opener.name"},
	{"incident.created_by.email", "incident.opener.email"},
	{"incident.current_milestone", "incident.milestone"},
	{"incident.current_lifecycle_milestone.slug", "incident.milestone"},
	{"incident.current_lifecycle_milestone.name", "incident.milestone"},

	{"incident.ai_incident_summary", ""},
	{"incident.channel_id", ""},
	{"incident.channel_name", ""},
	{"incident.channel_reference", ""},
	{"incident.channel_status", ""},
	{"incident.created_by.id", ""},
	{"incident.created_by.source", ""},
	{"incident.current_lifecycle", ""},
	{"incident.current_lifecycle_milestone.description", ""},
	{"incident.customer_impact_summary", ""},
	{"incident.customers_impacted", ""},
	{"incident.environments", ""},
	{"incident.functionalities", ""},
	{"incident.impacts", ""},
	{"incident.incident_roles", ""},
	{"incident.incident_tickets", ""},
	{"incident.labels", ""},
	{"incident.last_note.body", ""},
	{"incident.last_note.created_at", ""},
	{"incident.last_update", ""},
	{"incident.links", ""},
	{"incident.milestones", ""},
	{"incident.monetary_impact", ""},
	{"incident.monetary_impact_cents", ""},
	{"incident.organization.id", ""},
	{"incident.organization.name", ""},
	{"incident.organization_id", ""},
	{"incident.priority", ""},
	{"incident.private_id", ""},
	{"incident.private_status_page_url", ""},
	{"incident.recent_updates", ""},
	{"incident.report_id", ""},
	{"incident.retro_exports", ""},
	{"incident.role_assignments", ""},
	{"incident.services", ""},
	{"incident.severity_condition", ""},
	{"incident.severity_impact", ""},
	{"incident.status_pages", ""},
	{"incident.tag_list", ""},
	{"incident.team_assignments", ""},
}

// customFields returns the aliases of a runbook's variable.
func customFields(name string) []string {
	const p = "incident.custom_fields."
	return []string{p + name + ".value", p + strings.ReplaceAll(name, "_", "-") + ".value"}
}

// insteadNames maps names that people often write to the variable that they mean:
// words of the hosted tool that have another meaning there, and plain guesses.
var insteadNames = map[string]string{
	"incident.priority":                "incident.severity",
	"incident.title":                   "incident.name",
	"incident.customer_impact_summary": "incident.description",
	"incident.conference_bridges":      "incident.join_page",
	"incident.link":                    "incident.url",
	"incident.created_by":              "incident.opener.name",
	"incident.opener":                  "incident.opener.name",
	"incident.incident_type":           "incident.type",
	"incident.runbook":                 "runbook.name",
	"incident":                         "incident.name",
	"runbook":                          "runbook.name",
}

func (d TemplateData) values() map[string]any {
	values := map[string]any{}
	for _, n := range fixedNames {
		values[n.name] = n.value(d)
	}
	for _, h := range HostedNames {
		if values[h.Name] = values[h.Is]; h.Is == "" {
			values[h.Name] = d.Vars[strings.TrimPrefix(h.Name, "incident.")]
		}
	}
	for name, value := range d.Vars {
		values["vars."+name] = value
		for _, alias := range customFields(name) {
			values[alias] = value
		}
	}
	return values
}

// templateNames returns the names that a template may use in a runbook with these
// variables.
func templateNames(varNames []string) template.Names {
	var known, empty []string
	for _, name := range varNames {
		known = append(known, "vars."+name)
	}
	for _, n := range fixedNames {
		known = append(known, n.name)
	}
	for _, h := range HostedNames {
		if h.Is == "" && !slices.Contains(varNames, strings.TrimPrefix(h.Name, "incident.")) {
			empty = append(empty, h.Name)
		} else {
			known = append(known, h.Name)
		}
	}
	for _, name := range varNames {
		known = append(known, customFields(name)...)
	}
	return template.Names{Known: known, Instead: insteadNames, Empty: empty}
}

// renderTemplate renders a template for an incident. If it has errors, out is "".
func renderTemplate(src string, varNames []string, d TemplateData, limit int) (out string, wrong template.Errors) {
	t, err := template.Parse(src, templateNames(varNames))
	if err == nil {
		out, _, err = t.Render(d.values(), limit)
	}
	errors.As(err, &wrong)
	return strings.TrimSpace(out), wrong // an empty variable or a condition at an end leaves spaces and lines
}

// templateHints says what may surprise in a template without errors.
func templateHints(src string, varNames []string) []TemplateError {
	t, err := template.Parse(src, templateNames(varNames))
	if err != nil {
		return nil
	}
	return t.Hints()
}

// TemplateVariable is one entry in the list from which people insert variables.
type TemplateVariable struct{ Name, Label, Example string }

// TemplateVariables returns the variables that every template may use, in the
// order in which pages list them.
func TemplateVariables() []TemplateVariable {
	list := make([]TemplateVariable, len(fixedNames))
	for i, n := range fixedNames {
		list[i] = TemplateVariable{n.name, n.label, template.Text(n.value(SampleTemplateData()))}
	}
	return list
}
