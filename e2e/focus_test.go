package e2e

import (
	"testing"
)

// After an act from the keyboard, the focus is on what came of it: the message, the field
// to correct, or the same control.
func TestJourneyFocusAfterActs(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newSeededWorld(t)
	b := newTab(t, w.url)
	b.logIn(demoEmail)
	press := func(selector string) {
		t.Helper()
		b.wait("the control "+selector, find(selector)+" !== undefined && "+find(selector)+" !== null")
		get[bool](b, `(`+find(selector)+`.focus(), true)`)
		b.press("Enter")
	}
	const message = `document.activeElement.matches(".db-flash")`

	b.open("/incidents/2")
	press("a[href='#resolve'], form[action$='/resolve'] button")
	b.wait("the dialog, or the message", `document.querySelector("#resolve[open]") || `+message)
	if get[bool](b, `!!document.querySelector("#resolve[open]")`) {
		press("#resolve button >> Resolve")
	}
	b.wait("the focus on the message that it is resolved", message)
	press("form[action$='/reopen'] button")
	b.wait("the focus on the message that it is open", message+` && document.activeElement.innerText.includes("open again")`)
	if at := get[string](b, `location.pathname + location.search`); at != "/incidents/2" {
		t.Errorf("the address is %s", at)
	}

	press("a >> Add note")
	press("dialog[open] button >> Add note")
	b.wait("the focus on the field to correct", `document.activeElement.name === "note" && document.activeElement.getAttribute("aria-invalid") === "true"`)
	b.press("d", "o", "n", "e")
	press("button >> Add note")
	b.wait("the focus on the message", message)

	// Edit, on a phone: Save is in view from the start.
	b.size(390, 844)
	press("a >> Edit")
	b.at("/incidents/2/edit")
	b.wait("Save in view", `((r) => r.height > 20 && r.bottom <= innerHeight)(`+find("button >> Save")+`.getBoundingClientRect())`)
	b.fill("#f-name", "")
	b.press("Enter")
	b.wait("the focus on what is wrong", `document.activeElement.querySelector(".db-errors a[href='#f-name']")`)
	press(".db-errors a")
	b.wait("the focus on the field to correct", `document.activeElement.id === "f-name"`)
	b.fill("#f-name", "Payments are down")
	press("button >> Save")
	b.at("/incidents/2")
	b.wait("the focus on the message", message+` && document.activeElement.innerText.includes("Saved: name.")`)
	b.size(1280, 900)

	// A part of the page that htmx replaces, with its button.
	b.open("/account")
	press("#check form[action='/account/check'] button")
	b.wait("the focus on the same button", `!document.querySelector("#check .htmx-request, #check.htmx-request") && document.activeElement.matches("#check button:not(:disabled)")`)

	b.open("/preflight")
	press("form[action='/preflight/check'] button")
	b.wait("the focus on the message", message)
}
