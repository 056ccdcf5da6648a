// Copying, themes, dialogs, keyboard shortcuts and live updates. Pages also work without this script.
(() => {
  "use strict";
  const $ = (sel, from = document) => from.querySelector(sel);
  const $$ = (sel, from = document) => Array.from(from.querySelectorAll(sel));
  const say = (text) => { const el = $("#db-say"); if (el) el.textContent = text; };

  // Copy. navigator.clipboard does not exist on plain http from another machine.
  const copy = async (text) => {
    if (navigator.clipboard && isSecureContext) {
      try { await navigator.clipboard.writeText(text); return true; } catch { /* fall back to execCommand */ }
    }
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    document.body.append(area);
    area.select();
    let ok = false;
    try { ok = document.execCommand("copy"); } catch { ok = false; }
    area.remove();
    return ok;
  };
  const copied = async (button) => {
    const { dbCopy, dbCopyFrom } = button.dataset;
    // In lists, a button copies the meeting ID before it, without the spaces between its groups.
    const ok = await copy(dbCopy ?? (dbCopyFrom ? document.getElementById(dbCopyFrom).textContent : button.previousElementSibling.textContent.replace(/ /g, "")));
    const label = $("[data-db-copy-label]", button);
    if (label) {
      button.dataset.dbWas ??= label.textContent;
      label.textContent = ok ? "Copied" : "Select and copy";
    }
    button.classList.toggle("db-copied", ok);
    say(ok ? "Copied" : "The browser didn’t allow copying");
    button.focus();
    clearTimeout(button.dbTimer);
    button.dbTimer = setTimeout(() => {
      button.classList.remove("db-copied");
      if (label) label.textContent = button.dataset.dbWas;
      say("");
    }, 1600);
  };

  // A text that is cut off shows the whole in a tooltip.
  document.addEventListener("pointerover", (e) => {
    const text = e.target instanceof Element && e.target.closest("bdi");
    if (text && text.scrollWidth > text.clientWidth) text.title = text.textContent;
  });

  // The sharing menu of phones.
  const showShare = () => { if (navigator.share) for (const b of $$("[data-db-share]")) b.hidden = false; };

  // Relative times, in the same words as views.Ago and views.lasting.
  const span = (s, plus = 0) => {
    if (s < 90 * 60) return Math.max(1, Math.floor(s / 60 + plus)) + " min";
    if (s < 36 * 3600) return Math.floor(s / 3600 + plus) + " h";
    const days = Math.floor(s / 86400 + plus);
    return days === 1 ? "1 day" : days + " days";
  };
  const ago = (s) => {
    if (s < 0) return s > -45 ? "now" : "in " + span(-s, 0.5);
    return s < 60 ? "just now" : span(s) + " ago";
  };
  const lasting = (s) => s < 60 ? Math.max(1, Math.floor(s)) + " s" : span(s);
  const ahead = Math.max(0, Date.parse(document.documentElement.dataset.dbNow) - Date.now()) || 0;
  const tick = () => {
    for (const el of $$("time:is(:not([class]), .db-for)")) {
      const text = (el.className ? lasting : ago)((Date.now() + ahead - Date.parse(el.dateTime)) / 1000);
      if (el.textContent !== text) el.textContent = text;
    }
  };
  setInterval(tick, 15000);

  // Theme. It is stored in a cookie, so that the server renders the page with it.
  const showTheme = () => {
    for (const b of $$("[data-db-theme-set]")) {
      b.setAttribute("aria-pressed", String(b.dataset.dbThemeSet === document.documentElement.dataset.dbTheme));
    }
  };
  const setTheme = (theme) => {
    document.cookie = theme === "auto"
      ? "theme=; path=/; max-age=0; samesite=lax"
      : "theme=" + theme + "; path=/; max-age=31536000; samesite=lax";
    document.dispatchEvent(new Event("db:theme"));
    showTheme();
  };

  // After an act the focus is on its result: the field to correct, the message, or the control that was used.
  let pointed = false; // the last act was by pointer
  for (const type of ["pointerdown", "keydown"]) addEventListener(type, () => { pointed = type === "pointerdown"; }, true);
  const actOf = (form, button) => ({ action: form.getAttribute("action"), text: (button ?? form).textContent.trim(), pointed, at: Date.now() });
  const land = (act, within, part) => {
    const seen = (sel) => $$(sel, within).find((el) => el.checkVisibility());
    if (seen("[autofocus]:not(input, select, textarea)")) return; // a list of what is wrong
    const wrong = seen("[aria-invalid=true]");
    if (!wrong && (document.activeElement !== document.body || seen("[autofocus]"))) return;
    const used = $$("form button", within).find((b) => b.form.getAttribute("action") === act.action && b.textContent.trim() === act.text && b.checkVisibility());
    const to = wrong ?? seen(".db-flash") ?? seen("[role=alert]") ?? used ?? part;
    if (!to) return; // a page begins at its top
    if (to.tabIndex < 0) to.tabIndex = -1;
    to.toggleAttribute("data-db-pointed", act.pointed);
    to.focus({ preventScroll: !wrong && location.hash !== "" });
  };

  // Dialogs. showModal restores the focus itself; we remember the opener in case a refresh replaced that part of the page.
  const openDialog = (id, opener) => {
    const dialog = document.getElementById(id);
    if (!(dialog instanceof HTMLDialogElement) || dialog.open) return false;
    const menu = $("#menu:popover-open");
    if (menu) menu.hidePopover();
    dialog.showModal();
    $(".db-dialog-body :is(input:not([type=hidden]), textarea, select, .btn)", dialog)?.focus(); // else Close has the focus
    dialog.addEventListener("close", () => {
      const back = opener && (opener.isConnected ? opener : stops().find((s) => same(s, opener)));
      if (back) back.focus();
    }, { once: true });
    return true;
  };

  document.addEventListener("click", (e) => {
    if (!(e.target instanceof Element)) return;
    const copyButton = e.target.closest("[data-db-copy], [data-db-copy-from], .db-copy, .db-bridges button");
    if (copyButton) { e.preventDefault(); copied(copyButton); return; }
    const share = e.target.closest("[data-db-share]");
    // Closing the sharing menu rejects the promise.
    if (share) { navigator.share({ title: share.dataset.dbShareTitle, url: share.dataset.dbShare }).catch(() => {}); return; }
    const theme = e.target.closest("[data-db-theme-set]");
    if (theme) { setTheme(theme.dataset.dbThemeSet); return; }
    const opener = e.target.closest("a[data-db-dialog]");
    if (opener) {
      if (openDialog(opener.hash.slice(1), opener)) e.preventDefault();
      return;
    }
    const closer = e.target.closest("[data-db-close]");
    if (closer) {
      const dialog = closer.closest("dialog");
      if (dialog && dialog.open) { e.preventDefault(); dialog.close(); }
      return;
    }
    if (e.target instanceof HTMLDialogElement && e.target.open) {
      // Close on a click on the backdrop only: a click inside hits a child, or lies within the box.
      const box = e.target.getBoundingClientRect();
      if (e.clientX < box.left || e.clientX > box.right || e.clientY < box.top || e.clientY > box.bottom) e.target.close();
    }
  });

  // Show that a form was sent, and do not send it twice. A page restored by the back button can send it again.
  document.addEventListener("submit", (e) => {
    const form = e.target;
    // A download does not load a new page, so ask for its progress.
    if (form instanceof HTMLFormElement && form.matches("[data-db-export]")) setTimeout(() => htmx.trigger("#export-progress", "db:export"), 300);
    if (!(form instanceof HTMLFormElement) || form.method !== "post") return;
    if (form.dataset.dbSent) { e.preventDefault(); return; }
    form.dataset.dbSent = "1";
    const button = e.submitter;
    if (button) setTimeout(() => { if (form.isConnected) button.classList.add("db-busy"); }, 200);
    if (!form.matches("[data-db-export], [hx-post]")) sessionStorage.setItem("db:act", JSON.stringify(actOf(form, button)));
  });
  addEventListener("pageshow", () => {
    for (const f of $$("form[data-db-sent]")) delete f.dataset.dbSent;
    for (const b of $$(".db-busy")) b.classList.remove("db-busy");
    showTheme();
    tick();
  });

  // Keyboard.
  let afterG = 0;
  const typing = (el) => el instanceof HTMLElement && (el.isContentEditable || /^(input|textarea|select)$/i.test(el.tagName) && !/^(checkbox|radio|button|submit)$/.test(el.type));
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || e.isComposing) return;
    if (typing(e.target)) return;
    if ($("dialog[open]")) return;
    if (afterG && Date.now() - afterG < 1500) {
      afterG = 0;
      const link = $$("[data-db-key]").find((a) => a.dataset.dbKey === e.key);
      if (link) { e.preventDefault(); location.assign(link.href); }
      return;
    }
    switch (e.key) {
      case "g": afterG = Date.now(); break;
      case "/": {
        e.preventDefault();
        const find = $("main [data-db-find]") || $("[data-db-find]");
        if (!find || !find.checkVisibility()) { location.href = "/search"; return; }
        find.focus();
        find.select();
        break;
      }
      case "f": {
        const search = $("[data-db-search]");
        if (!search) return;
        const folded = search.closest("details:not([open])");
        if (folded) folded.open = true;
        e.preventDefault();
        search.focus();
        search.select();
        break;
      }
      case "n": {
        const link = $("a[data-db-new]");
        if (!link && !$("[data-db-opens]")) return; // viewers open no incidents
        e.preventDefault();
        if (link) link.click(); else location.assign("/incidents/new");
        break;
      }
      case "p": { const pause = $("[data-db-pause]"); if (pause) { e.preventDefault(); pause.click(); } break; }
      case "?": if (openDialog("help", document.activeElement)) e.preventDefault(); break;
    }
  });

  // Live updates. A message says only that something changed. We refresh at most once a second and never drop the last change.
  const words = { live: "up to date", paused: "paused", reconnecting: "reconnecting", connecting: "connecting" };
  let state = "connecting", wanted = false, last = 0, timer = 0, wasDown = false;
  // A reader can pause a page; updates then wait.
  const held = () => $("[data-db-held]") !== null;
  const show = (next) => {
    state = next ?? state;
    const now = state === "live" && held() ? "paused" : state;
    for (const el of $$("[data-db-live]")) {
      if (el.dataset.dbLive !== now) el.dataset.dbLive = now;
      const word = $("[data-db-live-word]", el);
      if (word && word.textContent !== words[now]) word.textContent = words[now];
    }
  };
  // Do not refresh between press and release: a button that is replaced then is never clicked.
  let pressed = false;
  addEventListener("pointerdown", () => { pressed = true; }, true);
  for (const type of ["pointerup", "pointercancel"]) addEventListener(type, () => { pressed = false; }, true);
  // Do not refresh while a link loads: the refresh would discard its answer.
  let following = 0;
  document.addEventListener("htmx:beforeRequest", (e) => { if (e.detail.boosted) following = Date.now(); });
  document.addEventListener("htmx:afterRequest", (e) => { if (e.detail.boosted) following = 0; });
  const inUse = (live) => {
    const at = document.activeElement;
    return pressed || Date.now() - following < 5000 || live.contains(at) && typing(at) || $("dialog[open]", live) !== null ||
      (() => { const s = getSelection(); return s && !s.isCollapsed && live.contains(s.anchorNode); })();
  };
  const refresh = () => {
    timer = 0;
    const live = $("#live");
    if (!live || !wanted) return;
    if (document.hidden) return;
    if (!held() && inUse(live)) { timer = setTimeout(refresh, 1000); return; }
    wanted = false;
    last = Date.now();
    if (held()) document.dispatchEvent(new Event("db:missed"));
    else htmx.trigger(live, "db:refresh");
  };
  const want = () => {
    wanted = true;
    timer ||= setTimeout(refresh, Math.max(50, last + 1000 - Date.now()));
  };
  document.addEventListener("db:held", () => { show(); if (!held()) want(); });
  // A hidden tab closes its stream, because without HTTP/2 a browser opens six connections to a host for all tabs
  // together. The first message of a new stream is "changed", so no change is missed.
  const hiddenFor = 5000;
  let stream = null, closing = 0;
  const connect = () => {
    const at = $("[data-db-topic]");
    if (!at || stream || document.hidden) return;
    stream = new EventSource("/live?topic=" + encodeURIComponent(at.dataset.dbTopic));
    stream.addEventListener("changed", want);
    stream.onopen = () => { show("live"); if (wasDown) want(); wasDown = false; };
    stream.onerror = () => {
      show("reconnecting");
      wasDown = true;
      if (stream?.readyState === EventSource.CLOSED) { stream = null; setTimeout(connect, 3000); }
    };
  };
  document.addEventListener("visibilitychange", () => {
    clearTimeout(closing);
    if (document.hidden) closing = setTimeout(() => { stream?.close(); stream = null; }, hiddenFor);
    else { connect(); if (wanted) want(); }
  });
  connect();
  // After a form is rejected, the page's address is the form's, which does not answer GET. Only the first live part
  // knows the other address: those that take its place come from there.
  let rejected = {};
  document.addEventListener("htmx:configRequest", (e) => {
    const { elt } = e.detail;
    const path = elt.dataset.dbPath;
    if (elt.id === "live") {
      if (path) rejected = { at: location.pathname, path };
      if (rejected.at === location.pathname) e.detail.path = rejected.path;
    } else if (path) {
      e.detail.path = path;
    }
  });
  document.addEventListener("htmx:beforeSwap", (e) => {
    const { xhr, target } = e.detail;
    if (!target || target.id !== "live") return;
    // The session ended or another page answered: load the whole page instead of showing an empty space.
    if (xhr.status === 200 && !/\sid="live"/.test(xhr.responseText)) {
      e.detail.shouldSwap = false;
      location.reload();
    } else if (!e.detail.boosted && (held() || inUse(target))) {
      e.detail.shouldSwap = false;
      want();
    }
  });
  document.addEventListener("htmx:responseError", (e) => {
    if (e.detail.target?.id === "live") { show("paused"); wanted = true; setTimeout(want, 5000); }
  });
  document.addEventListener("htmx:sendError", (e) => {
    if (e.detail.target?.id === "live") { show("paused"); wanted = true; setTimeout(want, 5000); }
  });
  // When a part of the page is replaced, keep open details open and restore the focus. htmx restores it only for
  // elements with an id.
  let open = [], focus = null;
  const stops = () => $$("#live :is(a[href], button, summary)");
  const same = (a, b) => a.tagName === b.tagName && a.getAttribute("href") === b.getAttribute("href") && a.textContent === b.textContent;
  document.addEventListener("htmx:beforeSwap", (e) => {
    if (e.detail.target?.id !== "live" || !e.detail.shouldSwap) return;
    open = $$("details[id][open]", e.detail.target).map((d) => d.id);
    focus = stops().find((s) => s === document.activeElement);
  });
  document.addEventListener("htmx:afterSettle", () => {
    for (const id of open) { const d = document.getElementById(id); if (d) d.open = true; }
    if (focus && document.activeElement === document.body) {
      const to = stops().find((s) => same(s, focus)) ?? $("#live");
      if (to.tabIndex < 0) to.tabIndex = -1;
      to.focus({ preventScroll: true });
    }
    open = [];
    focus = null;
    showShare();
    if (state === "paused") state = "live";
    show();
    tick();
  });
  // A form that htmx sends replaces a part of the page, with its button.
  let sent = null;
  document.addEventListener("htmx:beforeRequest", (e) => {
    const { elt, requestConfig } = e.detail;
    if (elt.matches("form") && requestConfig.verb === "post" && elt.contains(document.activeElement) && !typing(document.activeElement)) sent = actOf(elt, requestConfig.triggeringEvent?.submitter);
  });
  document.addEventListener("htmx:afterSettle", (e) => {
    if (!sent || e.detail.requestConfig?.verb !== "post") return;
    const part = document.getElementById(e.detail.target.id) ?? $("main");
    land(sent, part, $("h1, h2", part) ?? part);
    sent = null;
  });
  // On a narrow screen the opened row is shown outside the view, so scroll to it.
  document.addEventListener("htmx:afterSettle", (e) => {
    const pane = $("#detail");
    if (pane && e.detail.requestConfig?.boosted && innerWidth < 1100) pane.scrollIntoView({ block: "start" });
  });

  const act = JSON.parse(sessionStorage.getItem("db:act"));
  sessionStorage.removeItem("db:act");
  if (act && Date.now() - act.at < 30000) land(act, $("main") ?? document.body);

  showTheme();
  showShare();
  tick();
})();
