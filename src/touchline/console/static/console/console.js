/* Keyboard, the theme, the encounter that is pointed at, dialogs, what is pasted once. Every page works without it. */
"use strict";
(() => {
  document.documentElement.classList.add("js");
  const $ = (sel, root = document) => root.querySelector(sel);
  const $$ = (sel, root = document) => [...root.querySelectorAll(sel)];
  const typing = (el) => el.closest("input,textarea,select,[contenteditable]");

  /* keyboard: / search, g then a letter, arrows or j k along rows, ? help */
  let went = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      $$("details.pop[open]").forEach((one) => (one.open = false));
      if (typing(event.target)) event.target.blur();
      return;
    }
    if (typing(event.target)) return;
    if (event.key === "/") {
      const field = $("[data-search]");
      event.preventDefault();
      if (field) { field.focus(); field.select(); } else { location.href = "/customers/"; }
    } else if (event.key === "?") {
      $("#keys")?.showModal();
    } else if (event.key === "g") {
      went = Date.now();
    } else if (Date.now() - went < 1200) {
      const link = $(`.rail a[data-key="${CSS.escape(event.key)}"]`);
      went = 0;
      if (link) { event.preventDefault(); link.click(); }
    } else if (["ArrowDown", "ArrowUp", "j", "k"].includes(event.key)) {
      const rows = $$("[data-rows] tbody tr a:first-of-type, [data-rows] li > a:first-of-type").filter((one, index, all) =>
        all.findIndex((other) => other.closest("tr,li") === one.closest("tr,li")) === index);
      if (!rows.length) return;
      const here = rows.findIndex((one) => one.closest("tr,li").contains(document.activeElement));
      const step = event.key === "ArrowDown" || event.key === "j" ? 1 : -1;
      if (here < 0 && event.key.startsWith("Arrow")) return;
      event.preventDefault();
      rows[Math.max(0, Math.min(rows.length - 1, here < 0 ? 0 : here + step))].focus();
    }
  });

  /* the encounter: pointed at or focused on the line, it opens below; a click leads to its row */
  const open = (mark) => {
    const box = $("#encounter"), row = $(mark.getAttribute("href"));
    const told = row && $(".enc", row);
    if (box && told) box.replaceChildren(told.cloneNode(true));
  };
  for (const kind of ["mouseover", "focusin"])
    document.addEventListener(kind, (event) => {
      const mark = event.target.closest?.("svg.line a.m");
      if (mark) open(mark);
    });

  document.addEventListener("click", (event) => {
    const closer = event.target.closest?.("[data-close]");
    if (closer) closer.closest("dialog").close();
    const opener = event.target.closest?.("[data-open]");
    if (opener) { event.preventDefault(); $(opener.dataset.open)?.showModal?.(); }
    const link = event.target.closest?.('svg.line a.m, a[data-list]');
    if (link) $$("details[data-list]").forEach((one) => (one.open = true));
    const copy = event.target.closest?.("[data-copy]");
    if (copy) navigator.clipboard?.writeText($(copy.dataset.copy).textContent.trim()).then(() => (copy.textContent = "Copied"));
    const fill = event.target.closest?.("[data-fill]");
    if (fill) {
      const field = $(fill.dataset.into);
      field.value = field.value.trim() ? `${field.value.trim()} AND ${fill.dataset.fill}` : fill.dataset.fill;
      field.dispatchEvent(new Event("input", {bubbles: true}));
      field.focus();
    }
  });

  /* the theme changes at once; the cookie is the server's to set as well, where there is no script */
  document.addEventListener("submit", (event) => {
    const form = event.target.closest?.("form[data-theme-form]");
    if (!form) return;
    event.preventDefault();
    const next = document.documentElement.dataset.theme === "dark" ? "light"
      : document.documentElement.dataset.theme === "light" ? "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    document.cookie = `theme=${next};path=/;max-age=31536000;SameSite=Lax${location.protocol === "https:" ? ";Secure" : ""}`;
  });

  /* a file that is sent: refused here where it is too large, and told of while it goes */
  document.addEventListener("change", (event) => {
    const field = event.target.closest?.("input[data-largest]");
    if (!field) return;
    const large = field.files[0]?.size > Number(field.dataset.largest);
    field.setCustomValidity(large ? "This file is too large: bring it with touchline import in a terminal." : "");
    field.reportValidity();
  });
  document.addEventListener("htmx:xhr:progress", (event) => {
    const box = $("[data-sending]", event.target);
    if (box && event.detail.lengthComputable) { box.hidden = false; $("progress", box).value = event.detail.loaded / event.detail.total; }
  });
  for (const kind of ["htmx:responseError", "htmx:sendError"])
    document.addEventListener(kind, (event) => {
      const told = event.target.matches?.("form[data-upload]") && $("[role=alert]", event.target), xhr = event.detail.xhr;
      if (!told) return;
      told.textContent = xhr?.getResponseHeader("content-type")?.startsWith("text/plain") ? xhr.responseText : "The file did not arrive. Try again.";
      $("[data-sending]", event.target).hidden = true;
    });

  /* toasts leave by themselves, faults stay */
  const fade = () => $$(".toasts p:not(.error):not(.warning)").forEach((one) => setTimeout(() => one.remove(), 8000));
  fade();
  document.addEventListener("htmx:afterSwap", fade);

  /* timers count in place */
  const tick = () => $$("time[data-until]").forEach((one) => {
    const left = Number(one.dataset.until) - Date.now() - Number(one.dataset.skew || 0);
    const minutes = Math.max(0, Math.floor(left / 60000)), days = Math.floor(minutes / 1440), hours = Math.floor(minutes / 60);
    one.textContent = left <= 0 ? "over" : days >= 2 ? `${days} days left` : hours >= 1 ? `${hours} h ${minutes % 60} min left` : `${minutes} min left`;
  });
  if ($("time[data-until]")) { $$("time[data-until]").forEach((one) => (one.dataset.skew = Number(one.dataset.now) - Date.now())); tick(); setInterval(tick, 30000); }
})();
