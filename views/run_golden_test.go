package views_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/views"
)

func runFull() views.RunPage {
	return views.RunPage{
		Frame: in("Production outage", "incidents"), RunbookID: "1", RunbookName: "Production outage", Description: "Customers cannot use the product.",
		Automatic: []string{"Create Zoom meeting"}, Manual: []string{"Create Zoom meeting"},
		IdempotencyKey: "6f2c9f6e-5a35-4d0b-9d6e-2f3f6f0f0a11",
		IncidentFields: incidentFields(),
	}
}

func incidentFields() views.IncidentFields {
	return views.IncidentFields{
		OpenerEmail: "ana@example.com", Severity: "SEV2",
		Variables: []views.RunVariable{
			{Name: "customer", Label: "Customer", Type: "text", Required: true, Help: "As it stands in the contract"},
			{Name: "region", Label: "Region", Type: "choice", Value: "eu-north-1", Choices: []string{"eu-north-1", "us-east-1", "ap-south-1"}},
			{Name: "customers", Label: "Customers hit", Type: "number"},
			{Name: "since", Label: "Since", Type: "date"},
		},
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	empty := views.RunPage{Frame: in("Production outage", "incidents"), RunbookID: "1", RunbookName: "Production outage", Automatic: []string{"Create Zoom meeting"}, IdempotencyKey: "k", IncidentFields: views.IncidentFields{OpenerEmail: "ana@example.com"}}
	refused := runFull()
	refused.Text = "Checkout answers 500 since 02:10."
	refused.Errors = map[string]string{"name": "Say in a few words what is wrong.", "vars.customer": "This runbook needs a customer.", "opener_email": "That isn’t an email address."}
	refused.OpenerEmail = "ana@"
	refused.Problem = "Zoom does not answer. The incident opens all the same, and you can paste a link of your own."
	long := runFull()
	long.Name, long.Text, long.RunbookName, long.Description = longWord, longWords, longWords, longWords
	long.Variables[0].Label, long.Variables[0].Help, long.Variables[1].Choices = longWords, longWords, []string{longWords, longWord}
	nasty := runFull()
	nasty.Name, nasty.Text, nasty.RunbookName, nasty.OpenerEmail, nasty.Severity = hostile, hostile, hostile, hostile, hostile
	nasty.Variables[0] = views.RunVariable{Name: hostile, Label: hostile, Type: hostile, Value: hostile, Help: hostile}
	nasty.Variables[1].Choices = []string{hostile}
	choice := runFull()
	choice.Runbooks = []views.Choice{{Value: "r1", Label: "Production outage", Selected: true}, {Value: "r2", Label: strings.Repeat("Outage ", 30)}, {Value: "r3", Label: hostile}}
	disabled := runFull()
	disabled.Disabled = "This runbook is switched off."

	cases := []struct {
		name string
		page views.RunPage
	}{
		{"empty", empty}, {"full", runFull()}, {"error", refused}, {"long", long}, {"hostile", nasty}, {"disabled", disabled}, {"choice", choice},
	}
	var all []golden
	for _, canEdit := range []bool{true, false} {
		all = append(all, golden{fmt.Sprint("run-nothing-", canEdit), views.RunNothing(views.RunNothingPage{CanEdit: canEdit})})
	}
	for _, c := range cases {
		all = append(all, golden{"run-" + c.name, views.Run(c.page)})
	}
	testGolden(t, all)
}
