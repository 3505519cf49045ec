// Keys, quiet connection notices, and a page that stays still under the reader while it grows. Everything works without this file.
(() => {
  "use strict";
  const $ = (selector) => document.querySelector(selector);

  // Keys: / searches, j and k move through the list, Enter opens by itself, Escape leaves the search.
  const typing = (element) => element.matches?.("input, textarea, select, [contenteditable]");
  const move = (step) => {
    const rows = [...document.querySelectorAll(".row-open")];
    const here = rows.indexOf(document.activeElement);
    const next = rows[here < 0 ? (step > 0 ? 0 : rows.length - 1) : here + step];
    if (next) { next.focus(); next.scrollIntoView({ block: "nearest" }); }
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (typing(event.target)) { if (event.key === "Escape") event.target.blur(); return; }
    if (event.key === "/" && $("#search")) { event.preventDefault(); $("#search").focus(); $("#search").select(); }
    else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
  });

  // Choosing is sending: the button is for browsers without scripts.
  const tidy = () => document.querySelectorAll("[data-unneeded]").forEach((button) => { button.hidden = true; });
  tidy();
  document.addEventListener("change", (event) => { if (event.target.matches("[data-submits]")) event.target.form.requestSubmit(); });

  // What arrived after the page did is marked as fresh, once.
  const known = new Set([...document.querySelectorAll("[data-entry]")].map((entry) => entry.id));
  const greet = () => document.querySelectorAll("[data-entry]").forEach((entry) => {
    if (!known.has(entry.id)) { known.add(entry.id); entry.setAttribute("data-fresh", ""); }
  });

  // The row or entry the reader points at stays where it is, whatever comes in above it.
  let held = null;
  const hold = () => {
    const at = document.activeElement?.closest("[data-entry]") ?? document.querySelector("[data-entry]:hover")
      ?? (window.scrollY > 0 ? [...document.querySelectorAll("[data-entry]")].find((entry) => entry.checkVisibility() && entry.getBoundingClientRect().top >= 0) : null);
    held = at ? { id: at.id, top: at.getBoundingClientRect().top } : null;
  };
  const release = () => {
    const at = held && document.getElementById(held.id);
    if (at) window.scrollBy({ top: at.getBoundingClientRect().top - held.top, behavior: "instant" });
    held = null;
  };
  document.addEventListener("htmx:before:swap", hold);
  document.addEventListener("htmx:after:swap", () => { greet(); tidy(); release(); });

  // The connection: said quietly when it is lost, healed by itself, told once when it is back. While it is lost the page looks
  // again every few seconds, because what it failed to fetch is not announced a second time.
  const lost = $("#link-lost"), back = $("#link-back");
  const look = () => htmx.trigger(document.body, "changed");
  let hush = 0, again = 0;
  const gone = () => {
    lost.hidden = false; back.hidden = true;
    clearTimeout(again); again = setTimeout(look, 4000);
  };
  const here = () => {
    if (lost.hidden) return;
    clearTimeout(again);
    lost.hidden = true; back.hidden = false;
    clearTimeout(hush); hush = setTimeout(() => { back.hidden = true; }, 4000);
  };
  document.addEventListener("htmx:sse:error", (event) => {
    if (event.detail?.status === 401) location.reload();
    else gone();
  });
  document.addEventListener("htmx:response:error", (event) => { if (event.detail?.ctx?.response?.status >= 500) gone(); });
  document.addEventListener("htmx:error", (event) => {
    gone();
    // The extension heals a connection it once had; the very first one is ours to try again.
    const line = event.target?.closest?.("[hx-sse\\:connect]");
    if (line) setTimeout(() => htmx.ajax("GET", line.getAttribute("hx-sse:connect"), { source: line }), 3000);
  });
  document.addEventListener("htmx:sse:after:connection", (event) => {
    if (!lost.hidden && event.detail?.connection?.status === 200) look();
  });
  document.addEventListener("htmx:after:swap", (event) => { if (event.detail?.ctx?.response?.status < 400) here(); });
})();
