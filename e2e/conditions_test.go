package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// steps returns the steps of a stored runbook, without their ids.
func (w *world) steps(t *testing.T, name string) []incident.Step {
	t.Helper()
	r, err := w.store.RunbookByName(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Steps {
		r.Steps[i].ID = ""
	}
	return r.Steps
}

// workdays is the step that the journeys below write.
func workdays() incident.Step {
	return incident.Step{Kind: incident.StepChecklist, ExecuteAutomatically: true, Text: "Page the second list", Schedule: incident.Schedule{
		When: incident.TriggerNobody, Wait: 5, Repeat: incident.Repeat{Every: 30},
		OnlyIf: incident.Conditions{Any: []incident.Condition{
			{Field: "weekday", Is: incident.IsOneOf, Value: []string{"mon", "fri"}, Zone: "Europe/Oslo"},
			{Field: "severity", Is: incident.IsOneOf, Value: []string{"SEV1", "SEV2"}},
		}},
	}}
}

const workdaysSay = "Runs when nobody has joined for 5 minutes, if weekday is Monday or Friday (Europe/Oslo) or severity is SEV1 or SEV2; again every 30 minutes until the incident is resolved."

// says waits until the sentence under the section of a step is this one.
func (b *tab) says(id, text string) {
	b.t.Helper()
	b.wait("the sentence "+text, `document.querySelector(`+quoted(id)+`).textContent.trim() === `+quoted(text))
}

// Conditions can be written with the keyboard alone.
func TestJourneyConditionsKeyboard(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newSeededWorld(t)
	b := newTab(t, w.url)
	b.allow("htmx:sendAbort") // a newer preview aborts an older one
	b.allow("htmx:afterRequest")
	b.logIn(demoEmail)
	b.goTo("/runbooks", "g", "r")
	b.press("n")
	b.wait("the focus in the name", `location.pathname === "/runbooks/new" && document.activeElement.name === "name"`)
	b.keys("Keys")

	b.tabTo("button[popovertarget=add-step]")
	b.press("Enter")
	b.wait("the search", `document.activeElement.matches("#add-step [type=search]")`)
	b.press("ArrowDown", "ArrowDown", "ArrowUp", "ArrowUp")
	b.keys("tick")
	b.press("ArrowDown")
	b.wait("the focus on the step", `document.activeElement.value === "add-step:checklist"`)
	b.press("Enter")
	b.wait("the new step", `document.activeElement.name === "step.1.text"`)
	b.keys("Page the second list")
	b.tabTo("#step-1-schedule > summary")
	b.press("Enter")
	b.tabTo("[name='step.1.when']")
	b.press("N") // one letter, as a slow machine takes the next one for another word
	b.tabTo("[name='step.1.wait']")
	b.keys("5")
	b.says("#step-1-says-whole", "Runs when nobody has joined for 5 minutes.")

	b.tabTo("[value='add-condition:1']")
	b.press("Enter")
	b.wait("the new condition", `document.activeElement.name === "step.1.if.0.field"`)
	b.press("W")
	b.wait("what suits a weekday", `document.activeElement.name === "step.1.if.0.field" && document.querySelector("[name='step.1.if.0.zone']")?.value === "UTC"`)
	b.tabTo("[name='step.1.if.0.zone']")
	b.keys("Europe/Oslo")
	b.tabTo("[value=mon]")
	b.press("Space")
	b.tabTo("[value=fri]")
	b.press("Space")
	b.says("#step-1-says-whole", "Runs when nobody has joined for 5 minutes, if weekday is Monday or Friday (Europe/Oslo).")
	b.tabTo("[value='add-condition:1']")
	b.press("Enter")
	b.wait("the new condition", `document.activeElement.name === "step.1.if.1.field"`)
	b.tabTo("[name='step.1.if.1.is']")
	b.press("ArrowDown", "ArrowDown")
	b.wait("a place for several values", `document.activeElement.name === "step.1.if.1.is" && document.querySelector("textarea[name='step.1.if.1.value']")`)
	b.press("Tab")
	b.keys("SEV1, SEV2")
	b.tabTo("[name='step.1.repeat']")
	b.press("E")
	b.tabTo("[name='step.1.every']")
	b.keys("30")
	// Back to "all" or "any", which is above.
	get[bool](b, `(document.querySelector("#step-1-schedule > summary").focus(), true)`)
	b.tabTo("[name='step.1.match']")
	b.press("ArrowDown")
	b.says("#step-1-says-whole", workdaysSay)

	b.tabTo("[name='step.1.every']")
	b.press("Enter")
	b.see("“Keys” was created.")
	if d := gocmp.Diff([]incident.Step{incident.NewStep(incident.StepCreateMeeting), workdays()}, w.steps(t, "Keys")); d != "" {
		t.Errorf("stored (-want +got):\n%s", d)
	}
}

// Conditions can be written without JavaScript: buttons show what suits a field.
func TestJourneyConditionsNoScript(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newSeededWorld(t)
	b := newTab(t, w.url)
	b.run("switch JavaScript off", emulation.SetScriptExecutionDisabled(true))
	b.logIn(demoEmail)
	b.open("/runbooks/new")
	b.fill("input[name=name]", "Plain")
	b.click("button >> Add step")
	b.click("#add-step button >> Checklist line")
	b.wait("the new step", `document.querySelector("[name='step.1.text']")`)
	b.fill("[name='step.1.text']", "Page the second list")
	b.click("#step-1-schedule > summary")
	if get[bool](b, `document.querySelector("[name='step.1.after_step']").checkVisibility()`) {
		t.Error("a step that runs at once asks after which step")
	}
	b.choose("[name='step.1.when']", "nobody_joined")
	b.see("For, minutes")
	b.fill("[name='step.1.wait']", "5")
	b.click("#step-1-add-condition")
	b.wait("the new condition", `document.querySelector("[name='step.1.if.0.field']")`)

	// Without the button, saving is refused, and what suits the field is there.
	b.choose("[name='step.1.if.0.field']", "weekday")
	b.click("button >> Save")
	b.wait("the refusal", `document.querySelector("[name='step.1.if.0.is'][aria-invalid=true]")`)
	b.see("Step 2, condition 1, comparison")
	b.choose("[name='step.1.if.0.is']", "one_of")
	b.click("button >> Show what suits")
	b.wait("the days", `document.querySelector("[value=mon]")`)
	b.click("label >> Monday")
	b.click("label >> Friday")
	b.fill("[name='step.1.if.0.zone']", "Europe/Oslo")
	b.click("#step-1-add-condition")
	b.wait("the new condition", `document.querySelector("[name='step.1.if.1.field']")`)
	b.choose("[name='step.1.if.1.is']", "one_of")
	b.fill("[name='step.1.if.1.value']", "SEV1, SEV2")
	b.click("label >> Any of these holds")
	b.choose("[name='step.1.repeat']", "every")
	b.fill("[name='step.1.every']", "30")
	b.click("button >> Save")
	b.see("“Plain” was created.")
	b.says("#step-1-says-whole", workdaysSay)
	if d := gocmp.Diff([]incident.Step{incident.NewStep(incident.StepCreateMeeting), workdays()}, w.steps(t, "Plain")); d != "" {
		t.Errorf("stored (-want +got):\n%s", d)
	}
}

// Conditions can be written on a phone.
func TestJourneyConditionsOnPhone(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newSeededWorld(t)
	b := newTab(t, w.url)
	b.allow("htmx:sendAbort")
	b.allow("htmx:afterRequest")
	b.size(390, 844)
	b.logIn(demoEmail)
	b.open("/runbooks/new")
	b.fill("input[name=name]", "Phone")
	b.click("button >> Add step")
	b.click("#add-step button >> Checklist line")
	b.wait("the new step", `document.activeElement.name === "step.1.text"`)
	b.fill("[name='step.1.text']", "Page the second list")
	b.click("#step-1-schedule > summary")
	b.choose("[name='step.1.when']", "nobody_joined")
	b.fill("[name='step.1.wait']", "5")
	b.click("#step-1-add-condition")
	b.choose("[name='step.1.if.0.field']", "weekday")
	b.click("label >> Monday")
	b.click("label >> Friday")
	b.fill("[name='step.1.if.0.zone']", "Europe/Oslo")
	b.click("#step-1-add-condition")
	b.choose("[name='step.1.if.1.is']", "one_of")
	b.wait("a place for several values", `document.querySelector("textarea[name='step.1.if.1.value']")`)
	b.fill("[name='step.1.if.1.value']", "SEV1, SEV2")
	b.click("label >> Any of these holds")
	b.choose("[name='step.1.repeat']", "every")
	b.fill("[name='step.1.every']", "30")
	b.says("#step-1-says-whole", workdaysSay)
	b.fits(t, "on a phone")
	b.click("button >> Save")
	b.see("“Phone” was created.")
	if d := gocmp.Diff([]incident.Step{incident.NewStep(incident.StepCreateMeeting), workdays()}, w.steps(t, "Phone")); d != "" {
		t.Errorf("stored (-want +got):\n%s", d)
	}
}

// The complete file of the documentation can be applied, and its runbook is as it says.
func TestDocumentedFile(t *testing.T) {
	text, err := os.ReadFile("../docs/runbooks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, file, _ := strings.Cut(string(text), "```yaml\n")
	file, _, _ = strings.Cut(file, "```")
	t.Setenv("ZOOM_CLIENT_SECRET", demoClientSecret)
	t.Setenv("ZOOM_WEBHOOK_SECRET", demoSecretToken)
	dir := t.TempDir()
	ok(t, file, "apply", "-", "--data-dir", dir)
	exported := ok(t, "", "export", "--data-dir", dir)
	for _, line := range []string{"when: nobody_joined", "wait: 5m", "zone: Europe/Oslo", "on_change: true", "outcome: either"} {
		if !strings.Contains(exported, line) {
			t.Errorf("the export lacks %q", line)
		}
	}
	if again := ok(t, exported, "apply", "-", "--data-dir", dir); !strings.Contains(again, "nothing to change") {
		t.Errorf("applying the export changes something: %s", again)
	}
}
