package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// The first day of a team, on the pages alone: from an empty server to a bridge with
// people in it.
func TestJourneyFirstDay(t *testing.T) { everywhere(t, journeyFirstDay) }

func journeyFirstDay(t *testing.T, w *world) {
	b := newTab(t, w.url)
	b.allow("htmx:sendAbort") // a newer preview aborts an older one
	b.allow("htmx:afterRequest")

	// The link in the terminal creates the first admin.
	token, err := w.service.SetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.open("/setup?token=" + token)
	b.fill("#f-name", "Ada Admin")
	b.fill("#f-email", demoEmail)
	b.fill("#f-password", "short")
	b.click("button >> Create admin")
	b.wait("the error at the field", `document.querySelector("#f-password[aria-invalid=true]")`)
	if name := get[string](b, `document.querySelector("#f-name").value`); name != "Ada Admin" {
		t.Errorf("the rejected form lost the name: %q", name)
	}
	b.fill("#f-password", demoPassword)
	b.click("button >> Create admin")
	b.see("Three steps to the first bridge")

	second := newTab(t, w.url)
	second.open("/setup?token=" + token)
	if second.wait("an explanation", `document.querySelector("h1")`); get[int](second, `document.forms.length`) != 0 {
		t.Error("the setup link shows its form again after it was used")
	}

	// Zoom account.
	b.click("main a[href='/account']")
	b.at("/account")
	b.fill("#f-account_id", demoAccountID)
	b.fill("#f-client_id", demoClientID)
	b.fill("#f-client_secret", "with a space")
	b.fill("#f-backup_user_emails", demoBackup)
	b.fill("#f-webhook_secret_token_1", demoSecretToken)
	b.click("button >> Save account and check")
	b.wait("the error at the field", `document.querySelector("#f-client_secret[aria-invalid=true]") && document.querySelector("#f-account_id").value`)
	b.fill("#f-client_secret", "WrongClientSecretOfTheSimulator")
	b.fill("#f-webhook_secret_token_1", demoSecretToken) // a rejected form does not return secrets
	b.click("button >> Save account and check")
	b.wait("a bad finding about the credentials", `document.querySelector("#check .db-found-bad")`)
	b.click("summary >> Replace")
	b.fill("#f-client_secret", demoClientSecret)
	b.click("button >> Save account and check")
	b.wait("a list without bad findings", `document.querySelector("#check .db-found-ok") && !document.querySelector("#check .db-found-bad")`)
	if html := get[string](b, `document.documentElement.outerHTML`); strings.Contains(html, demoClientSecret) || strings.Contains(html, demoSecretToken) {
		t.Error("the account page shows a stored secret")
	}
	b.fill("#check-email", "ravi@example.com")
	b.click("button >> Check connection")
	b.wait("the settings of ravi@example.com", `document.querySelector("#check").innerText.includes("ravi@example.com") && document.querySelector("#check .db-found-warning, #check .db-found-bad")`)
	if v, err := w.sim.Validate(t.Context()); err != nil || !v.OK {
		t.Fatalf("Zoom's validation: %+v, %v", v, err)
	}
	if err := w.validated(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.open("/account")
	b.see("Zoom validated this address")

	// Runbook.
	b.open("/runbooks/new")
	b.fill("input[name=name]", "Production outage")
	b.fill("input[name=incident_type]", "outage")
	b.click("button >> Add variable")
	b.wait("the fields of a variable", `document.querySelector("[name='variable.0.name']") === document.activeElement`)
	b.fill("[name='variable.0.name']", "customer")
	b.fill("[name='variable.0.label']", "Customer")
	b.fill("[name='variable.0.default']", "all")
	b.fill("[name='step.0.topic']", "{{ incident.severtiy }} {{ incident.name }} ({{ vars.customer }})")
	b.wait("a preview that suggests the right name", `document.querySelector("#preview-body").innerText.match(/Did you mean\s+incident\.severity/)`)
	b.click("button >> Save")
	b.wait("the error at the field", `document.querySelector("[name='step.0.topic']").getAttribute("aria-invalid") === "true"`)
	b.fill("[name='step.0.topic']", "{{ incident.severity }} {{ incident.name }} (")
	b.click("button[data-insert-for='" + get[string](b, `document.querySelector("[name='step.0.topic']").id`) + "']")
	b.fill("#insert input[type=search]", "customer")
	b.press("Enter")
	b.wait("the inserted variable", `document.querySelector("[name='step.0.topic']").value.endsWith("({{ vars.customer }}")`)
	b.press(")")
	b.wait("the preview", `/\(all\)/.test(document.querySelector("#preview-body").innerText) && !document.querySelector("#preview-body .db-preview-error")`)
	b.click("button >> Save")
	b.see("“Production outage” was created.")

	// Run it.
	id := w.runbookID(t, "Production outage")
	b.open("/runbooks/" + id + "/run")
	b.wait("the focus in the form", `document.activeElement.name === "name"`)
	b.press("d", "b", " ", "d", "o", "w", "n")
	b.click("label >> SEV1")
	b.fill("[name='vars.customer']", "Kråkerøy & Sønn")
	b.press("Enter")
	b.at("/incidents/1")
	b.see("SEV1")
	join := get[string](b, find("a >> Join")+".href")
	if bridge := w.bridge(t, 1); join != bridge.JoinURL || bridge.Topic != "SEV1 db down (Kråkerøy & Sønn)" {
		t.Errorf("Join leads to %s; the bridge is %+v", join, bridge)
	}

	// When people join, the page shows them without a reload.
	b.wait("a live page", `document.querySelector("[data-db-live=live]")`)
	w.join(t, w.bridge(t, 1).MeetingID, "Søren Ødegård")
	b.wait("Søren inside", `document.querySelector(".db-people").innerText.includes("Søren Ødegård")`)

	b.click("a >> Resolve")
	b.click("dialog[open] button >> Resolve")
	b.see("Reopen")
	b.click("button >> Reopen")
	b.see("Resolve")
}

// One form submitted several times, also from a second tab, gives one incident, one
// bridge and one call to Zoom.
func TestJourneySameFormTwice(t *testing.T) { everywhere(t, journeySameFormTwice) }

func journeySameFormTwice(t *testing.T, w *world) {
	w.seeded(t)
	b := newTab(t, w.url)
	b.logIn("ravi@example.com")
	b.open("/runbooks/" + w.runbookID(t, "Production outage") + "/run")
	b.fill("#f-name", "sent twice")
	b.click("label >> SEV2")
	created := func() (n int) {
		for _, c := range w.sim.Calls() {
			if c.Method == http.MethodPost && strings.HasSuffix(c.Path, "/meetings") {
				n++
			}
		}
		return n
	}
	before := created()
	// fetch acts as two other tabs, requestSubmit as a double click.
	get[bool](b, `(async () => {
		const form = document.querySelector("form.db-run"), body = new URLSearchParams(new FormData(form));
		await Promise.all([1, 2].map(() => fetch(form.action, { method: "POST", body })));
		form.requestSubmit(); form.requestSubmit();
		return true;
	})()`)
	b.at("/incidents/3")
	b.see("This form was already submitted")
	bridges, err := w.store.Bridges(t.Context(), 3)
	if err != nil || len(bridges) != 1 {
		t.Errorf("bridges: %v, %v", bridges, err)
	}
	if n, err := w.store.CountIncidents(t.Context(), db.IncidentFilter{Status: incident.StatusOpen}); err != nil || n != 2 {
		t.Errorf("open incidents: %d, %v; want 2", n, err)
	}
	if n := created() - before; n != 1 {
		t.Errorf("%d meetings were created", n)
	}

}

func TestJourneyJoinOnPhone(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newSeededWorld(t)
	i, err := w.store.Incident(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	b := newTab(t, w.url)
	b.size(390, 844)
	b.open(strings.TrimPrefix(w.service.JoinPage(i), w.url))
	b.see("Database primary is down")
	width := get[float64](b, find("a >> Join")+".getBoundingClientRect().width")
	if width < 340 {
		t.Errorf("Join is %v px wide on a screen of 390 px", width)
	}
	if bottom := get[float64](b, find("a >> Join")+".getBoundingClientRect().bottom"); bottom > 844 {
		t.Errorf("Join ends at %v, below the screen", bottom)
	}
	if href := get[string](b, find("a >> Join")+".href"); href != w.bridge(t, 2).JoinURL {
		t.Errorf("Join leads to %s", href)
	}

	// Without the key of the link, a stranger sees nothing of the incident.
	stranger := newTab(t, w.url)
	stranger.open("/j/INC-2")
	stranger.at("/login?next=")
	if text := get[string](stranger, `document.documentElement.outerHTML`); strings.Contains(text, "Database primary") {
		t.Error("the join page shows a stranger the incident's name")
	}
}

// Zoom's events update open pages without a reload.
func TestJourneyLivePages(t *testing.T) { onTwoServers(t, journeyLivePages) }

func journeyLivePages(t *testing.T, w *world) {
	w.seeded(t)
	meeting := w.bridge(t, 2).MeetingID
	pages := map[string]*tab{}
	for _, path := range []string{"/events", "/bridges", "/incidents/2", "/"} {
		b := newTab(t, w.url)
		b.logIn("vera@example.com")
		b.open(path)
		b.wait("a live page", `document.querySelector("[data-db-live=live]")`)
		get[bool](b, `window.sameDocument = true`)
		pages[path] = b
	}

	key := w.join(t, meeting, "Zoë, from Oslo")

	pages["/events"].wait("the event", `document.querySelector("table.db-events tbody tr").innerText.includes("Zoë, from Oslo")`)
	pages["/incidents/2"].wait("the person", `document.querySelector(".db-people").innerText.includes("Zoë, from Oslo")`)
	pages["/bridges"].wait("three people in the call", `[...document.querySelectorAll("tr")].some((r) => r.innerText.includes("INC-2") && /\b3\b/.test(r.innerText))`)
	pages["/"].wait("the event", `document.body.innerText.includes("Zoë, from Oslo")`)

	// The focused element keeps the focus when the page updates.
	b := pages["/incidents/2"]
	get[bool](b, `(document.querySelector("#live a[href='/j/INC-2']").focus(), true)`)
	if err := w.sim.Leave(t.Context(), meeting, key); err != nil {
		t.Fatal(err)
	}
	pages["/incidents/2"].wait("that the person left", `!document.querySelector(".db-people").innerText.includes("Zoë, from Oslo")`)
	b.wait("the focus to stay", `document.activeElement.getAttribute("href") === "/j/INC-2"`)
	if err := w.sim.End(t.Context(), meeting); err != nil {
		t.Fatal(err)
	}
	pages["/bridges"].wait("the end", `[...document.querySelectorAll("tr")].some((r) => r.innerText.includes("INC-2") && /ended/i.test(r.innerText))`)
	for path, b := range pages {
		if !get[bool](b, `window.sameDocument === true`) {
			t.Errorf("%s was reloaded", path)
		}
	}

	// The buttons of a row copy the meeting ID without spaces, and a text that is cut shows the whole in a tooltip.
	log := pages["/bridges"]
	get[bool](log, `(navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }, true)`)
	get[bool](log, `([...document.querySelectorAll(".db-bridges tr")].find((r) => r.innerText.includes("INC-2")).querySelector("[title='Copy meeting ID']").click(), true)`)
	log.wait("the copied meeting ID", `window.copied === "`+meeting+`"`)
	get[bool](log, `((text) => { text.parentElement.style.width = "60px"; text.dispatchEvent(new PointerEvent("pointerover", { bubbles: true })); return true; })(document.querySelector(".db-bridges td:nth-child(2) > p > bdi:last-child"))`)
	log.wait("the tooltip", `((text) => text.title !== "" && text.title === text.textContent)(document.querySelector(".db-bridges td:nth-child(2) > p > bdi:last-child"))`)

	// A row opens its event next to the list.
	b = pages["/events"]
	b.click("table.db-events tbody a.db-row-main")
	b.wait("the event next to the list", `document.querySelector("[data-db-detail]") && document.querySelector("table.db-events")`)
	b.click("[data-db-detail] summary >> Raw body")
	b.wait("the raw body", `document.querySelector(".db-json-raw").innerText.includes('"event"')`)
}

// When Zoom is down, an incident can still be opened. It says why it has no bridge,
// and accepts another link.
func TestJourneyZoomDown(t *testing.T) { onTwoServers(t, journeyZoomDown) }

func journeyZoomDown(t *testing.T, w *world) {
	w.seeded(t)
	b := newTab(t, w.url)
	b.logIn(demoEmail)
	open := func(name string) {
		t.Helper()
		b.open("/runbooks/" + w.runbookID(t, "Security incident") + "/run")
		b.fill("#f-name", name)
		b.click("label >> SEV1")
		b.click("button >> Open incident")
	}
	noJoin := func() {
		t.Helper()
		if get[bool](b, `[...document.querySelectorAll("main a")].some((a) => a.innerText.trim() === "Join")`) {
			t.Error("there is a Join button, but no bridge")
		}
	}

	// Zoom rejects the token: there is no meeting, and the page says so.
	w.sim.SetFaults(func(f *zoomsim.Faults) { f.TokenRefused = true })
	open("Credentials are gone")
	b.at("/incidents/3")
	b.wait("a failed bridge with its cause and its fix", `document.querySelectorAll(".db-bridge-bad .db-bridge-cause p").length === 2`)
	noJoin()
	b.click("a >> Use another link")
	b.fill("dialog[open] input[name=join_url]", "javascript:alert(1)")
	b.click("dialog[open] button >> Use this link")
	b.wait("the error at the field", `document.querySelector("input[name=join_url][aria-invalid=true]").value === "javascript:alert(1)"`)
	for range 2 { // the page stays current, although its address is the form's
		get[bool](b, `(document.activeElement.blur(), document.querySelector("#live").dataset.old = "1", htmx.trigger("#live", "db:refresh"), true)`)
		b.wait("a refreshed page", `!document.querySelector("#live").dataset.old`)
	}
	b.fill("input[name=join_url][aria-invalid=true]", "https://meet.example.com/war-room")
	b.click(".db-late-form button >> Use this link")
	b.wait("the link as the bridge", find("main a >> Join")+`.href === "https://meet.example.com/war-room"`)
	b.open("/j/INC-3")
	b.wait("the link on the join page", find("a >> Join")+`.href === "https://meet.example.com/war-room"`)

	// Retry after the fault is gone.
	open("Credentials are gone again")
	b.at("/incidents/4")
	b.wait("a failed bridge", find("button >> Retry"))
	w.sim.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{} })
	b.click("button >> Retry")
	b.wait("a bridge", find("main a >> Join"))

	// No clear answer: a meeting may exist, so Drawbridge creates no other one yet and shows no Join button.
	w.sim.SetFaults(func(f *zoomsim.Faults) { f.Down = true })
	open("Zoom is gone")
	b.at("/incidents/5")
	b.wait("an unknown bridge with its cause", `document.querySelector(".db-bridge .db-state").innerText.includes("unknown") && document.querySelector(".db-bridge-cause").innerText.length > 20`)
	noJoin()
	b.open("/j/INC-5")
	b.see("We don’t know yet whether Zoom created the meeting")
}

// Logging out, or being disabled, also ends live pages in other tabs.
func TestJourneyLogOut(t *testing.T) { onTwoServers(t, journeyLogOut) }

func journeyLogOut(t *testing.T, w *world) {
	w.seeded(t)
	b := newTab(t, w.url)
	b.allow("answer 401") // the stream reconnects after the server ended it
	b.allow("ERR_")
	b.logIn("ravi@example.com")
	b.open("/incidents/2")
	b.wait("a live page", `document.querySelector("[data-db-live=live]")`)

	u, err := w.store.UserByEmail(t.Context(), "ravi@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.service.SetDisabled(t.Context(), commandLine, u.ID, true); err != nil {
		t.Fatal(err)
	}
	b.wait("the end of the stream", `document.querySelector("[data-db-live=reconnecting]") || location.pathname === "/login"`)
	b.open("/incidents")
	b.at("/login")

	if err := w.service.SetDisabled(t.Context(), commandLine, u.ID, false); err != nil {
		t.Fatal(err)
	}
	b.logIn("ravi@example.com")
	b.click("button[aria-label='Log out']")
	b.at("/login")
	b.open("/incidents/2")
	b.at("/login?next=")
	b.fill("#f-email", "ravi@example.com")
	b.fill("#f-password", "not the password")
	b.click("button >> Log in")
	b.wait("an error message", `document.querySelector("[role=alert]")`)
	b.fill("#f-password", demoPassword)
	b.click("button >> Log in")
	b.at("/incidents/2")
}

func TestJourneyKeyboard(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newSeededWorld(t)
	b := newTab(t, w.url)
	b.logIn(demoEmail)

	b.press("Tab")
	if at := b.focused(); !strings.Contains(at, "Skip to content") {
		t.Errorf("the first Tab stop is %s", at)
	}
	if !get[bool](b, `((r) => r.top >= 0 && r.width > 40)(document.activeElement.getBoundingClientRect())`) {
		t.Error("the skip link cannot be seen while it has the focus")
	}
	b.press("Enter")
	b.wait("the focus in the content", `document.activeElement.id === "main"`)

	b.goTo("/incidents", "g", "i")
	b.press("f")
	b.wait("the focus in the filter", `document.activeElement.matches("[data-db-search]")`)
	b.press("c", "h", "e", "c", "k", "o", "u", "t", "Enter")
	b.at("/incidents?")
	b.see("Checkout answers slowly")
	if get[bool](b, `document.body.innerText.includes("Database primary is down")`) {
		t.Error("the search shows an incident that does not match")
	}
	b.press("/")
	b.wait("the focus in the search", `document.activeElement.matches("[data-db-find]")`)
	b.press("c", "h", "e", "c", "k", "o", "u", "t", "Enter")
	b.at("/search?")
	b.see("Checkout answers slowly")
	for keys, path := range map[string]string{"g o": "/", "g b": "/bridges", "g r": "/runbooks", "g e": "/events", "g z": "/account", "g s": "/settings/users"} {
		b.goTo(path, strings.Fields(keys)...)
	}

	// Escape closes the event that is open.
	b.goTo("/events", "g", "e")
	b.click("table.db-events tbody a.db-row-main")
	b.wait("the event", `document.readyState === "complete" && document.querySelector("[data-db-detail]") && location.pathname !== "/events"`)
	b.press("Escape")
	b.wait("the list", `!document.querySelector("[data-db-detail]") && location.pathname === "/events"`)

	// n opens the form of the page, or the one that opens an incident.
	b.goTo("/runbooks", "g", "r")
	b.press("n")
	b.at("/runbooks/new")
	b.open("/account")
	b.press("n")
	b.at("/incidents/new")

	// The help dialog keeps the focus inside, and returns it when it closes.
	b.open("/incidents/2")
	b.press("Tab", "Tab")
	before := b.focused()
	b.press("?")
	b.wait("the help", `document.querySelector("#help").open`)
	for range 4 {
		b.press("Tab")
		if !get[bool](b, `document.activeElement === document.body || !!document.activeElement.closest("#help")`) {
			t.Errorf("Tab leaves the open dialog to %s", b.focused())
		}
	}
	b.press("Escape")
	b.wait("the help closed", `!document.querySelector("#help").open`)
	if at := b.focused(); at != before {
		t.Errorf("after the dialog the focus is on %s, want %s", at, before)
	}

	// The focus is visible at every Tab stop.
	b.open("/incidents")
	for range 30 {
		b.press("Tab")
		if unseen := get[string](b, `((e) => {
			if (e === document.body) return "";
			const ring = (e) => { const s = getComputedStyle(e); return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0 };
			return [e, e.closest("label"), e.closest("tr, li")].some((e) => e && ring(e)) ? "" : "no outline";
		})(document.activeElement)`); unseen != "" {
			t.Errorf("%s has %s when focused", b.focused(), unseen)
		}
	}
}

// Dialogs open from the keyboard and return the focus to the element that opened them.
func TestJourneyDialogFocus(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newSeededWorld(t)
	b := newTab(t, w.url)
	b.logIn(demoEmail)
	b.open("/runbooks/" + w.runbookID(t, "Production outage"))
	get[bool](b, `(document.querySelector("a[href='#delete']").focus(), true)`)
	b.press("Enter")
	b.wait("the dialog", `document.querySelector("#delete").open`)
	b.press("Escape")
	b.wait("the focus to stay", `!document.querySelector("#delete").open && document.activeElement.getAttribute("href") === "#delete"`)
	b.press("Enter")
	b.wait("the dialog", `document.querySelector("#delete").open`)
	b.click("#delete a >> Cancel")
	b.wait("the focus to stay", `!document.querySelector("#delete").open && document.activeElement.getAttribute("href") === "#delete"`)
}

// The editor's Save button stays in view, doesn't cover where one types, and says
// when there is something to save; a refusal leads to its fields.
func TestJourneyEditor(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newSeededWorld(t)
	b := newTab(t, w.url)
	b.allow("htmx:sendAbort") // a newer preview aborts an older one
	b.allow("htmx:afterRequest")
	b.logIn(demoEmail)
	id := w.runbookID(t, "Production outage")
	for _, width := range []int64{390, 1280} {
		b.size(width, 700)
		b.open("/runbooks/" + id)
		b.click(".db-sc summary")
		b.click(".db-sc .db-fold summary")
		for _, to := range []string{"forwards", "backwards"} {
			if covered := get[string](b, `(() => {
				const fields = [...document.querySelectorAll("#runbook :is(input:not([type=hidden]), textarea, select)")].filter((e) => e.checkVisibility());
				const bar = document.querySelector(".db-savebar");
				for (const e of `+map[string]string{"forwards": "fields", "backwards": "fields.reverse()"}[to]+`) {
					e.focus();
					const field = e.getBoundingClientRect(), save = bar.getBoundingClientRect();
					if (save.bottom > innerHeight + 1 || save.top < 0) return "out of view at " + e.name;
					// A browser brings the line with the cursor into view, not all of a text of several lines.
					const bottom = e.tagName === "TEXTAREA" ? field.top + 32 : field.bottom;
					if (bottom > save.top + 1 && field.top < save.bottom && e.closest(".db-sticky") === null) return "it covers " + e.name;
				}
				return "";
			})()`); covered != "" {
				t.Errorf("Save at %d px, %s: %s", width, to, covered)
			}
		}
	}
	const unsaved = `document.querySelector(".db-savebar-changed").checkVisibility()`
	get[bool](b, `((e) => { e.selectedIndex = 1; e.dispatchEvent(new Event("input", { bubbles: true })); return true })(document.querySelector("#preview-incident"))`)
	if get[bool](b, unsaved) {
		t.Error("choosing an incident to preview counts as a change")
	}
	b.fill("[name='step.0.duration']", "soon")
	b.wait("what is unsaved", unsaved)
	b.click("button >> Save")
	b.wait("the focus on the list of errors", `document.activeElement.querySelector("a[href='#step-0-duration']")`)
	b.click("a >> Step 1, length")
	b.wait("the focus in the field", `document.activeElement.name === "step.0.duration" && document.activeElement.value === "soon"`)
	b.fill("[name='step.0.duration']", "45")
	b.press("Enter")
	b.see("Saved: step 1 length in minutes.")
	if get[bool](b, unsaved) {
		t.Error("there are unsaved changes after saving")
	}

	// A note reaches another browser, and what someone types there stays.
	b.open("/incidents/1")
	other := newTab(t, w.url)
	other.logIn(demoEmail)
	other.open("/incidents/1")
	other.wait("the stream", `document.querySelector("[data-db-live=live]")`)
	other.click("a >> Add note")
	other.fill("#note-text", "half a sen")
	b.click("a >> Add note")
	b.fill("#note-text", "Restarted db-1.")
	b.click("dialog[open] button >> Add note")
	b.see("The note was added.")
	other.wait("the note", `document.querySelector(".db-note")?.textContent.includes("Restarted db-1.")`)
	if typed := get[string](other, `document.querySelector("#note-text").value`); typed != "half a sen" {
		t.Errorf("what was typed is now %q", typed)
	}
}

// Forms work without JavaScript.
func TestJourneyNoScript(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newSeededWorld(t)
	b := newTab(t, w.url)
	b.run("switch JavaScript off", emulation.SetScriptExecutionDisabled(true))
	b.logIn(demoEmail)
	if get[bool](b, `document.documentElement.classList.contains("js")`) {
		t.Fatal("JavaScript is on")
	}

	// Runbook editor: plain posts add a variable and save the runbook.
	b.open("/runbooks/new")
	b.fill("input[name=name]", "Plain")
	b.click("button >> Add variable")
	b.wait("the fields of a variable", `document.querySelector("[name='variable.0.name']")`)
	b.fill("[name='variable.0.name']", "team")
	b.fill("[name='variable.0.label']", "Team")
	b.fill("[name='step.0.topic']", "{{ incident.nam }}")
	b.click("button >> Save")
	b.wait("the error at the field", `document.querySelector("[name='step.0.topic']").getAttribute("aria-invalid") === "true"`)
	if v := get[string](b, `document.querySelector("[name='variable.0.label']").value`); v != "Team" {
		t.Errorf("the rejected form lost the variable: %q", v)
	}
	b.fill("[name='step.0.topic']", "{{ incident.name }} {{ vars.team }}")
	b.click("button >> Save")
	b.see("“Plain” was created.")

	b.open("/runbooks/" + w.runbookID(t, "Plain") + "/run")
	b.fill("#f-name", "no scripts here")
	b.click("label >> SEV3")
	b.fill("[name='vars.team']", "core")
	b.click("button >> Open incident")
	b.at("/incidents/3")
	b.wait("a bridge", find("a >> Join"))
	if topic := w.bridge(t, 3).Topic; topic != "no scripts here core" {
		t.Errorf("topic %q", topic)
	}
	b.click("a >> Edit")
	b.at("/incidents/3/edit")
	b.fill("#f-name", "")
	b.fill("#f-note", "It spreads.")
	b.click("label >> SEV1")
	b.click("button >> Save")
	b.wait("the error at the field", `document.querySelector("#f-name").getAttribute("aria-invalid") === "true" && document.querySelector("#f-note").value === "It spreads."`)
	b.fill("#f-name", "no scripts anywhere")
	b.click("button >> Save")
	b.see("Saved: name, severity. The note was added.")
	b.see("Changed the severity from SEV3 to SEV1.")
	b.click("button >> Resolve")
	b.wait("a resolved incident", find("button >> Reopen"))

	// The delete dialog opens by its link alone.
	b.open("/runbooks/" + w.runbookID(t, "Plain"))
	b.click("a[href='#delete']")
	b.click("#delete button")
	b.wait("the list", `location.pathname === "/runbooks"`)
	if _, err := w.store.RunbookByName(t.Context(), "Plain"); incident.CodeOf(err) != incident.NotFound {
		t.Errorf("the deleted runbook can still be found: %v", err)
	}
}
