/* The editor of a playbook's file: line numbers, the way to a fault's line, saving by key, a warning before text is lost. Without it the field is a plain one. */
"use strict";
(() => {
  const box = document.querySelector("[data-editor]");
  if (!box) return;
  const text = box.querySelector("textarea"), gutter = box.querySelector("[data-gutter]");
  let drawn = "";

  const faulty = () => new Set([...document.querySelectorAll("#faults a[data-line]")].map((one) => Number(one.dataset.line)));
  const draw = () => {
    const lines = text.value.split("\n").length, bad = faulty(), state = `${lines} ${[...bad].join(" ")}`;
    if (state !== drawn) {
      drawn = state;
      const parts = document.createDocumentFragment();
      for (let line = 1; line <= lines; line++) {
        if (bad.has(line)) {
          const mark = document.createElement("b");
          mark.textContent = `! ${line}`;
          parts.append(mark, "\n");
        } else parts.append(`${line}\n`);
      }
      gutter.replaceChildren(parts);
    }
    gutter.scrollTop = text.scrollTop;
  };

  const go = (line) => {
    const lines = text.value.split("\n"), at = Math.min(Math.max(1, line), lines.length);
    const start = lines.slice(0, at - 1).reduce((sum, one) => sum + one.length + 1, 0);
    const height = parseFloat(getComputedStyle(text).lineHeight) || 18;
    text.focus();
    text.setSelectionRange(start, start + lines[at - 1].length);
    text.scrollTop = Math.max(0, (at - 4) * height);
    draw();
  };
  const hashed = () => { const found = /^#L(\d+)$/.exec(location.hash); if (found) go(Number(found[1])); };

  text.addEventListener("input", draw);
  text.addEventListener("scroll", () => (gutter.scrollTop = text.scrollTop));
  document.addEventListener("htmx:afterSwap", draw);
  document.addEventListener("htmx:oobAfterSwap", draw);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-line]");
    if (link) { event.preventDefault(); go(Number(link.dataset.line)); }
  });
  window.addEventListener("hashchange", hashed);

  /* Ctrl S or Cmd S saves; leaving with text that is not saved is asked about */
  const form = text.form, save = form?.querySelector("[data-save]");
  let leaving = false;
  form?.addEventListener("submit", () => (leaving = true));
  document.addEventListener("keydown", (event) => {
    if (save && (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") { event.preventDefault(); form.requestSubmit(save); }
  });
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && !text.readOnly && text.value !== text.defaultValue) event.preventDefault();
  });

  draw();
  hashed();
})();
