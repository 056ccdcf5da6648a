// Live updates of the event list. The reader can pause them, and they pause automatically while the reader is in the
// middle of the list. The page also works without this script.
(() => {
  "use strict";
  const bar = document.querySelector("[data-db-tail]");
  const rows = () => document.querySelector("#live .db-events");
  const newest = () => rows()?.querySelector("a.db-row-main")?.id.slice(2) ?? "";

  const follow = () => {
    const button = bar.querySelector("[data-db-pause]"), label = bar.querySelector("[data-db-pause-label]");
    let byHand = false;
    const detail = () => document.querySelector("[data-db-detail]");
    const scrolled = () => { const r = rows(); return r !== null && scrollY > 0 && r.getBoundingClientRect().top < 0; };
    const inRows = () => rows()?.contains(document.activeElement) ?? false;
    const apply = () => {
      const held = byHand || detail() !== null || scrolled() || inRows();
      if (held === bar.hasAttribute("data-db-held")) return;
      bar.toggleAttribute("data-db-held", held);
      label.textContent = held ? "Resume" : "Pause";
      document.dispatchEvent(new Event("db:held"));
    };
    button.addEventListener("click", () => {
      byHand = !bar.hasAttribute("data-db-held");
      if (!byHand) {
        if (scrolled()) scrollTo(0, 0);
        detail()?.querySelector("a[aria-label=Close]")?.click();
      }
      apply();
    });
    document.addEventListener("keydown", (e) => {
      if (e.key !== "Escape" || e.defaultPrevented || document.querySelector("dialog[open], :popover-open") || e.target.closest("input, textarea, select")) return;
      detail()?.querySelector("a[aria-label=Close]")?.click();
    });
    let looking = false;
    addEventListener("scroll", () => {
      if (looking) return;
      looking = true;
      requestAnimationFrame(() => { looking = false; apply(); });
    }, { passive: true });
    for (const type of ["focusin", "focusout", "htmx:afterSettle"]) document.addEventListener(type, () => setTimeout(apply));
    apply();

    // Send the newest event on the page, so that the server can say how many are new.
    document.addEventListener("htmx:configRequest", (e) => {
      if (e.detail.elt.id === "live" && newest()) e.detail.parameters.seen = newest();
    });
    // A paused page only asks how many events it does not show.
    let asking = false;
    document.addEventListener("db:missed", async () => {
      if (asking || !newest()) return;
      asking = true;
      try {
        const query = new URL(document.getElementById("live")?.dataset.dbPath || location.href, location.href).searchParams;
        for (const name of ["cursor", "newer", "around"]) query.delete(name);
        query.set("seen", newest());
        const answer = await fetch("/events/tail?" + query, { redirect: "error" });
        const says = document.getElementById("tail");
        if (answer.ok && says && bar.hasAttribute("data-db-held")) says.textContent = await answer.text();
      } catch { /* the next change retries */ } finally { asking = false; }
    });
  };
  if (bar) follow();

  // A field with several comma-separated values: append each suggestion to what is already typed.
  for (const field of document.querySelectorAll("input[data-db-many]")) {
    const offers = Array.from(field.list?.options ?? []), values = offers.map((o) => o.value);
    field.addEventListener("input", () => {
      const before = field.value.replace(/[^,]*$/, "").replace(/,$/, ", ").trimStart();
      offers.forEach((o, i) => { const v = before + values[i]; if (o.value !== v) o.value = v; });
    });
  }
})();
