// Runs before the first paint, so it only sets the theme and the time zone.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");
  const cookie = (name) => {
    const hit = document.cookie.split("; ").find((c) => c.startsWith(name + "="));
    return hit ? hit.slice(name.length + 1) : "";
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const chosen = cookie("theme");
    const known = chosen === "light" || chosen === "dark";
    root.dataset.bsTheme = known ? chosen : dark.matches ? "dark" : "light";
    root.dataset.dbTheme = known ? chosen : "auto";
  };
  apply();
  dark.addEventListener("change", apply);
  document.addEventListener("db:theme", apply);
  // The server shows times in this zone. The first page in a new browser is in UTC.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  if (/^[A-Za-z0-9_+\-\/]{1,64}$/.test(zone) && cookie("tz") !== zone) {
    document.cookie = "tz=" + zone + "; path=/; max-age=31536000; samesite=lax";
  }
})();
