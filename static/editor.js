// Makes forms quicker: each thing here has a slower way that works without it.
(() => {
  "use strict";
  const on = (type, selector, act) =>
    document.addEventListener(type, (event) => {
      const found = event.target instanceof Element && event.target.closest(selector);
      if (found) act(found, event);
    });

  // Adding, moving and removing rows posts the form and swaps the editor, so that nothing jumps.
  on("click", "button[data-op]", (button, event) => {
    if (!window.htmx || !button.form) return;
    event.preventDefault();
    if (button.closest("[popover]")) button.closest("[popover]").hidePopover();
    window.htmx.ajax("POST", button.form.action, {
      source: button.form, target: "#editor", select: "#editor", swap: "outerHTML", values: { op: button.value },
    });
  });

  // The form remembers which steps are open.
  document.addEventListener("toggle", (event) => {
    if (!(event.target instanceof Element) || !event.target.matches("details[data-step-open]")) return;
    event.target.parentElement.querySelector("input[name$='.open']").value = String(event.target.open);
  }, true);

  // What was typed is not lost by a wrong click.
  let leaving = false; // by sending a form, which is no mistake
  on("input", "form[data-guard]", (form) => { form.dataset.changed = ""; });
  on("submit", "form", (form, event) => { leaving = !event.defaultPrevented; });
  addEventListener("beforeunload", (event) => {
    if (!leaving && document.querySelector("form[data-guard][data-changed]")) event.preventDefault();
  });

  // Insert variable puts its text where the cursor was.
  let field = null;
  on("focusin", "[data-template]", (found) => { field = found; });
  on("click", "[data-insert-for]", (button) => {
    field = document.getElementById(button.dataset.insertFor) || field;
  });
  on("click", "[data-insert]", (button) => {
    if (!field || !field.isConnected) field = document.querySelector("[data-template]");
    if (!field) return;
    button.closest("[popover]").hidePopover();
    field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
    field.focus();
  });

  // Searchable lists.
  on("input", "input[data-filter]", (input) => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const list = document.getElementById(input.dataset.filter);
    for (const item of list.querySelectorAll("[data-filter-item]")) {
      const text = item.textContent.toLowerCase();
      item.hidden = !words.every((word) => text.includes(word));
    }
    for (const group of list.querySelectorAll("[data-filter-group]")) {
      group.hidden = !group.querySelector("[data-filter-item]:not([hidden])");
    }
    const none = list.querySelector("[data-filter-none]");
    if (none) none.hidden = !!list.querySelector("[data-filter-item]:not([hidden])");
  });
  on("keydown", "input[data-filter]", (input, event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const first = document.getElementById(input.dataset.filter).querySelector("[data-filter-item]:not([hidden]) button, button[data-filter-item]:not([hidden])");
    if (first) first.click();
  });

  // A form answered in place may be sent again.
  document.addEventListener("htmx:afterRequest", (event) => { delete event.detail.elt.dataset.dbSent; });

  // Opening a bridge takes a moment; the form says so.
  on("submit", "form[data-busy]", (form) => {
    form.setAttribute("aria-busy", "true");
    const note = form.querySelector("[data-busy-note]");
    if (!note) return;
    note.textContent = note.dataset.busyNote;
    setTimeout(() => { if (form.isConnected) note.textContent = note.dataset.busySlow || note.dataset.busyNote; }, 3000);
  });
  // Going back leads to this address again: by the key in it the server knows that the form was sent.
  const key = document.querySelector("input[name=idempotency_key]");
  if (key) history.replaceState(history.state, "", location.pathname + "?form=" + encodeURIComponent(key.value));
  addEventListener("pageshow", (event) => {
    leaving = false;
    if (!event.persisted) return; // back from the incident: the form may be sent again, its key finds the same incident
    for (const form of document.querySelectorAll("form[data-busy]")) form.removeAttribute("aria-busy");
  });
})();
