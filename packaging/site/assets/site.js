"use strict";
// Theme, search and copying. Without this script the pages read as well.
(() => {
  const root = document.documentElement, up = document.body.dataset.up;
  let stored = null;
  try { stored = localStorage.getItem("momus-theme"); } catch { /* storage may be forbidden */ }
  if (stored) root.dataset.theme = stored;
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("momus-theme", root.dataset.theme); } catch { /* it lasts for this page */ }
  });

  const menu = document.getElementById("menu"), contents = document.getElementById("contents");
  menu.addEventListener("click", () => menu.setAttribute("aria-expanded", contents.classList.toggle("open")));

  for (const pre of document.querySelectorAll("pre")) {
    if (!navigator.clipboard) break;
    const text = pre.textContent, button = document.createElement("button");
    button.textContent = "Copy";
    button.addEventListener("click", () => navigator.clipboard.writeText(text).then(() => { button.textContent = "Copied"; }, () => {}));
    pre.append(button);
  }

  const input = document.getElementById("query"), list = document.getElementById("results");
  let loading = null;
  const index = () => loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = up + "index.js";
    script.onload = () => resolve(window.searchIndex);
    script.onerror = reject;
    document.head.append(script);
  });

  // Every word must be there; in a heading it counts more than in the text, as a whole word more than as a part.
  const score = (e, words) => {
    const head = (e.h + " " + e.p).toLowerCase(), text = e.x.toLowerCase();
    let sum = 0;
    for (const w of words) {
      const inHead = head.indexOf(w), inText = text.indexOf(w);
      if (inHead < 0 && inText < 0) return 0;
      if (inHead >= 0) sum += e.h.toLowerCase() === w ? 40 : 10;
      if (inText >= 0) sum += /[\w.-]/.test(text[inText - 1] ?? " ") ? 1 : 3;
    }
    return sum;
  };
  const marked = (text, words) => {
    const span = document.createElement("small"), lower = text.toLowerCase();
    let at = -1, word = "";
    for (const w of words) { const i = lower.indexOf(w); if (i >= 0 && (at < 0 || i < at)) { at = i; word = w; } }
    if (at < 0) { span.textContent = text.slice(0, 140); return span; }
    const from = Math.max(0, at - 50), mark = document.createElement("mark");
    mark.textContent = text.slice(at, at + word.length);
    span.append((from > 0 ? "…" : "") + text.slice(from, at), mark, text.slice(at + word.length, at + word.length + 90));
    return span;
  };
  const search = async () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) { list.hidden = true; return; }
    let all;
    try { all = await index(); } catch { return; }
    const found = all.map(e => [score(e, words), e]).filter(([s]) => s > 0).sort((a, b) => b[0] - a[0]).slice(0, 20);
    list.replaceChildren(...found.map(([, e]) => {
      const item = document.createElement("li"), a = document.createElement("a");
      a.href = up + e.u;
      a.append(e.h === e.p ? e.p : e.p + " › " + e.h, marked(e.x, words));
      item.append(a);
      return item;
    }));
    if (!found.length) {
      const none = document.createElement("p");
      none.textContent = "Nothing is found.";
      list.append(none);
    }
    list.hidden = false;
  };
  input.addEventListener("input", search);
  input.addEventListener("focus", () => { index().catch(() => {}); if (input.value) search(); });
  document.addEventListener("keydown", e => {
    if (e.key === "/" && !/INPUT|TEXTAREA/.test(document.activeElement.tagName)) { e.preventDefault(); input.focus(); }
    if (e.key === "Escape") { list.hidden = true; input.blur(); }
    const links = [...list.querySelectorAll("a")];
    if (list.hidden || !links.length) return;
    const here = links.indexOf(document.activeElement);
    if (e.key === "ArrowDown") { e.preventDefault(); (links[here + 1] ?? links[0]).focus(); }
    if (e.key === "ArrowUp") { e.preventDefault(); (here > 0 ? links[here - 1] : input).focus(); }
    if (e.key === "Enter" && document.activeElement === input) links[0].click();
  });
  document.addEventListener("click", e => { if (!e.target.closest(".search")) list.hidden = true; });
})();
