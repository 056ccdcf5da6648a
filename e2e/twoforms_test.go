package e2e

import "testing"

// The Zoom account page has two forms. Sending one warns before it discards what was typed
// in the other, and only then.
func TestJourneyTwoForms(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newSeededWorld(t)
	b := newTab(t, w.url)
	b.logIn(demoEmail)
	b.open("/account")
	// The events that a browser sends when a form leads away from the page.
	warns := func(form string) bool {
		t.Helper()
		return get[bool](b, `(() => {
			document.querySelector(`+quoted(form)+`).dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
			const leave = new Event("beforeunload", { cancelable: true });
			dispatchEvent(leave);
			return leave.defaultPrevented;
		})()`)
	}
	b.fill("#f-client_id", "typed")
	if warns("#account") {
		t.Error("saving the only form that changed warns")
	}
	if !warns("#static-links") {
		t.Error("saving the static links discards what was typed in the account")
	}
	b.click("#add-static")
	b.wait("a row", `document.querySelector("#static-links input[name$='.url']")`)
	last := `[...document.querySelectorAll("#static-links input[name$='.url']")].at(-1)`
	get[bool](b, `((e) => { e.value = "https://meet.example.com/"; e.dispatchEvent(new Event("input", { bubbles: true })); return true })(`+last+`)`)
	if !warns("#account") {
		t.Error("saving the account discards what was typed in the static links")
	}
	get[bool](b, `(document.querySelectorAll("form[data-changed]").forEach((form) => form.removeAttribute("data-changed")), true)`)
}
