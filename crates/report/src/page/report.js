// What can be done with a report beyond reading it: tables are sorted and filtered, figures tell their values and hide
// series, and a link into a fold opens it. Without this script everything stays readable.
"use strict";

// --- Tables ---------------------------------------------------------------------------------------------------------

const SIZES = {
  ns: 1e-9, "µs": 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600, d: 86400,
  B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4, k: 1e3, M: 1e6, G: 1e9,
};

// The number that a cell begins with, in the base of its unit; NaN for words.
function numberOf(text) {
  const found = text.match(/^[~<>]*([-+−]?[\d.]+)[\s\u00a0]*([a-zµA-Z]*)/);
  return found ? parseFloat(found[1].replace("−", "-")) * (SIZES[found[2]] ?? 1) : NaN;
}

function compared(one, other) {
  const [a, b] = [numberOf(one), numberOf(other)];
  if (isNaN(a) !== isNaN(b)) return isNaN(a) ? 1 : -1; // words and absent values come last
  return isNaN(a) ? one.localeCompare(other) : a - b;
}

function sortBy(table, column, th) {
  const descending = th.getAttribute("aria-sort") === "ascending";
  table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
  th.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => [row.cells[column].textContent, row]);
  rows.sort((one, other) => (descending ? compared(other[0], one[0]) : compared(one[0], other[0])));
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

// Shows the rows that have every word; a word with a minus in front of it must be absent.
function filterBy(table, words, status) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of table.tBodies[0].rows) {
    const titles = [...row.querySelectorAll("[title]")].map((marked) => marked.title).join(" ");
    const text = (row.textContent + " " + titles).toLowerCase().replaceAll("\u00a0", " ");
    const fits = wanted.every((word) => (word.length > 1 && word[0] === "-" ? !text.includes(word.slice(1)) : text.includes(word)));
    row.hidden = !fits;
    shown += fits ? 1 : 0;
  }
  status.textContent = `${shown} of ${table.tBodies[0].rows.length} cases`;
}

function enliven(table) {
  [...table.tHead.rows[0].cells].forEach((th, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...th.childNodes);
    button.addEventListener("click", () => sortBy(table, column, th));
    th.append(button);
  });
  const [form, label, input, status] = ["p", "label", "input", "span"].map((name) => document.createElement(name));
  form.className = "filter";
  input.type = "search";
  input.placeholder = "words, -words";
  status.setAttribute("role", "status");
  label.append("Show rows with", input);
  form.append(label, status);
  input.addEventListener("input", () => filterBy(table, input.value, status));
  table.parentElement.before(form);
}

// --- Figures --------------------------------------------------------------------------------------------------------

const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
tip.setAttribute("aria-hidden", "true"); // the mark has the same words as its name

function showTip(mark) {
  const box = mark.getBoundingClientRect();
  tip.textContent = mark.getAttribute("aria-label");
  tip.hidden = false;
  const left = Math.min(box.right + 8, document.documentElement.clientWidth - tip.offsetWidth - 4);
  tip.style.left = `${Math.max(4, left) + scrollX}px`;
  tip.style.top = `${Math.max(0, box.top - tip.offsetHeight - 6 + scrollY)}px`;
}

function hideTip() {
  tip.hidden = true;
}

// The title of a mark would also be shown by the browser; it becomes its name.
function nameMark(title, figure) {
  const mark = title.parentElement;
  mark.setAttribute("aria-label", title.textContent);
  mark.setAttribute("role", mark.dataset.case ? "link" : "img");
  mark.setAttribute("tabindex", figure.querySelector("[tabindex='0'][aria-label]") ? "-1" : "0");
  title.remove();
}

function follow(mark) {
  if (mark.dataset.case) location.hash = `c${mark.dataset.case}`;
}

// Marks are one stop of the tab key; the arrows go from one to the next.
function moveFocus(figure, mark, step) {
  const marks = [...figure.querySelectorAll("[aria-label][tabindex]")].filter((one) => one.getClientRects().length);
  const next = marks[marks.indexOf(mark) + step];
  if (!next) return;
  mark.setAttribute("tabindex", "-1");
  next.setAttribute("tabindex", "0");
  next.focus();
}

function enlivenMarks(figure) {
  figure.querySelectorAll("svg :not(svg) > title").forEach((title) => nameMark(title, figure));
  const markOf = (event) => event.target.closest("[aria-label][tabindex]");
  figure.addEventListener("pointerover", (event) => (markOf(event) ? showTip(markOf(event)) : hideTip()));
  figure.addEventListener("pointerleave", hideTip);
  figure.addEventListener("focusin", (event) => markOf(event) && showTip(markOf(event)));
  figure.addEventListener("focusout", hideTip);
  figure.addEventListener("click", (event) => markOf(event) && follow(markOf(event)));
  figure.addEventListener("keydown", (event) => {
    const mark = markOf(event);
    if (!mark) return;
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step) {
      moveFocus(figure, mark, step);
      event.preventDefault();
    }
    if (event.key === "Enter") follow(mark);
    if (event.key === "Escape") hideTip();
  });
}

function toggle(key) {
  const on = key.getAttribute("aria-pressed") === "false";
  const drawing = key.closest("svg");
  for (const one of drawing.querySelectorAll("[data-series]")) {
    if (one.dataset.series !== key.dataset.series) continue;
    one.classList.toggle("off", !on);
    if (one.classList.contains("key")) one.setAttribute("aria-pressed", String(on));
  }
}

function enlivenKeys(figure) {
  for (const key of figure.querySelectorAll(".key[data-series]")) {
    key.setAttribute("role", "button");
    key.setAttribute("tabindex", "0");
    key.setAttribute("aria-pressed", "true");
    key.addEventListener("click", () => toggle(key));
    key.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      toggle(key);
      event.preventDefault();
    });
  }
}

// --- Folds ----------------------------------------------------------------------------------------------------------

// Opens the folds around what the address names, and shows its row if it was filtered out.
function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  target.hidden = false;
  for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  target.scrollIntoView({ block: "center" });
}

let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((fold) => (fold.open = true));
});
addEventListener("afterprint", () => folded.forEach((fold) => (fold.open = false)));
addEventListener("hashchange", openTarget);

document.querySelectorAll("td.marks a").forEach((mark) => {
  mark.title = document.querySelector(`${mark.getAttribute("href")} strong`)?.textContent ?? "";
});
document.querySelectorAll("table.cases").forEach(enliven);
document.querySelectorAll("figure").forEach((figure) => {
  enlivenMarks(figure);
  enlivenKeys(figure);
});
document.body.append(tip);
openTarget();
