// Makes forms faster to use. Every form also works without this script.
(() => {
  "use strict";
  const on = (type, selector, act) =>
    document.addEventListener(type, (event) => {
      const found = event.target instanceof Element && event.target.closest(selector);
      if (found) act(found, event);
    });

  // Adding, moving and removing rows posts the form and replaces only the editor, so the page does not jump.
  on("click", "button[data-op]", (button, event) => {
    if (!window.htmx || !button.form) return;
    event.preventDefault();
    if (button.closest("[popover]")) button.closest("[popover]").hidePopover();
    window.htmx.ajax("POST", button.form.action, {
      source: button.form, target: "#editor", select: "#editor", swap: "outerHTML", values: { op: button.value },
    });
  });

  // Keep track of what is open.
  document.addEventListener("toggle", (event) => {
    if (!(event.target instanceof Element) || !event.target.matches("details[data-keep-open]")) return;
    document.getElementsByName(event.target.dataset.keepOpen)[0].value = String(event.target.open);
  }, true);

  // Another field of a condition has other comparisons and values: the server sends the section anew. What is typed
  // meanwhile stays.
  on("change", "select[data-again]", (select) => {
    if (!window.htmx) return;
    const section = select.closest(".db-sched");
    const fields = [...section.querySelectorAll("input:not([type=hidden]), textarea, select")];
    const sent = new Map(fields.map((field) => [field, field.value]));
    window.htmx.ajax("POST", select.form.action, {
      source: section, target: section, select: "#" + section.id, swap: "outerHTML", values: { op: "preview" },
    }).then(() => {
      for (const [field, value] of sent) {
        const now = field.id && !field.isConnected && field.value !== value && document.getElementById(field.id);
        if (now && now.type === field.type) now.value = field.value;
      }
    }, () => {}); // a newer one took its place
  });

  // The browser knows the names of time zones.
  on("focusin", "input[list=zones]", (input) => {
    if (input.list && !input.list.options.length) input.list.append(...Intl.supportedValuesOf("timeZone").map((zone) => new Option(zone, zone)));
  });

  // Warn before a click discards unsaved input.
  let sent = null; // the form because of which the page unloads; another one on the page keeps its guard
  on("input", "form[data-guard]", (form, event) => { if (!event.target.name.startsWith("preview_")) form.dataset.changed = ""; });
  on("submit", "form", (form, event) => { sent = event.defaultPrevented ? null : form; });
  addEventListener("beforeunload", (event) => {
    const changed = [...document.querySelectorAll("form[data-guard][data-changed]")];
    if (changed.some((form) => form !== sent)) event.preventDefault();
  });

  // Insert variable inserts its text at the last cursor position.
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

  on("keydown", "[popover]:has([data-filter])", (popover, event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const stops = [...popover.querySelectorAll("[data-filter], .db-pop-item")].filter((stop) => stop.checkVisibility());
    stops.at((stops.indexOf(document.activeElement) + step) % stops.length).focus();
  });

  // A form that htmx sent stays on the page and can be sent again.
  document.addEventListener("htmx:afterRequest", (event) => { delete event.detail.elt.dataset.dbSent; });

  // Opening a bridge can take seconds; show that it is in progress.
  on("submit", "form[data-busy]", (form) => {
    form.setAttribute("aria-busy", "true");
    const note = form.querySelector("[data-busy-note]");
    if (!note) return;
    note.textContent = note.dataset.busyNote;
    setTimeout(() => { if (form.isConnected) note.textContent = note.dataset.busySlow || note.dataset.busyNote; }, 3000);
  });
  // The back button returns to this address. The key in it tells the server that the form was already sent.
  const key = document.querySelector("form[data-busy] input[name=idempotency_key]");
  if (key) {
    const query = new URLSearchParams(location.search);
    query.set("form", key.value);
    history.replaceState(history.state, "", location.pathname + "?" + query);
  }
  // Another runbook has other fields. What was typed goes along.
  on("change", "form[data-db-choose]", (form) => {
    for (const [name, value] of new FormData(document.querySelector("form[data-busy]"))) {
      if (!value || !/^(name|severity|description|opener_email)$/.test(name)) continue;
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name, value });
      form.append(input);
    }
    form.requestSubmit();
  });
  addEventListener("pageshow", (event) => {
    sent = null;
    if (!event.persisted) return; // after Back, the form can be sent again: its key finds the same incident
    for (const form of document.querySelectorAll("form[data-busy]")) form.removeAttribute("aria-busy");
  });
})();
