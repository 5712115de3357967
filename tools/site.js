// The pages of the site: widgets, search, colors. A plain script: a page that is opened from
// the disk may import no module and fetch nothing.

import { addressedName, letKeysScroll } from "./page.js";
import { startInSight } from "./without_kernel.js";

// --- widgets ---------------------------------------------------------------------------

startInSight(document);

// An address with a state of the widget leads to the widget.
if (location.search) document.querySelector(".landing .widget")?.scrollIntoView();

// --- text ------------------------------------------------------------------------------

letKeysScroll(document.querySelector("main"), ".cell, .formula, table, pre");

const codes = document.querySelector(".all-code");
codes?.addEventListener("click", () => {
  const folds = [...document.querySelectorAll(".fold")];
  const open = folds.some((fold) => !fold.open);
  for (const fold of folds) fold.open = open;
  codes.textContent = open ? "Hide all code" : "Show all code";
});

/** Opens what is collapsed around the place that the address names. */
function openAddressed() {
  const target = document.getElementById(addressedName());
  const fold = target?.closest("details") ?? target?.querySelector(":scope > details.fold");
  if (!fold || fold.open) return;
  fold.open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", openAddressed);
openAddressed();

const menu = document.querySelector(".contents > details");
menu.addEventListener("click", ({ target }) => {
  if (innerWidth < 1000 && target.closest("a")) menu.open = false;
});

// --- dark or light ---------------------------------------------------------------------

const isDark = () => {
  const chosen = document.documentElement.style.colorScheme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};
const colors = document.querySelector(".colors");
colors.hidden = false;
colors.addEventListener("click", () => {
  const scheme = isDark() ? "light" : "dark";
  document.documentElement.style.colorScheme = scheme;
  try {
    localStorage.setItem("course: colors", scheme);
  } catch { /* kept until the page is closed */ }
});

// --- search ----------------------------------------------------------------------------

const SHOWN = 30; // results
const AROUND = 60; // letters of the text before a word that was found
const dialog = document.querySelector("dialog.search");
const field = dialog.querySelector("input");
const list = dialog.querySelector("ol");
const root = document.querySelector(".brand").getAttribute("href").replace("index.html", "");

/** The list of search.js, megabytes, loaded when it is first needed.  -> a promise */
let index;
function loadIndex() {
  return index ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = `${root}assets/search.js`;
    script.onload = () => done(window.courseIndex.map((row) =>
      [...row, plain(row[1]), plain(row[2]), plain(row[3])]));
    script.onerror = failed;
    document.head.append(script);
  });
}

/** Lower case without accents, letter by letter, so that places are those of the text. */
function plain(text) {
  return [...text].map((sign) => {
    const bare = sign.normalize("NFD")[0].toLowerCase();
    return bare.length === sign.length ? bare : sign;
  }).join("");
}

/**
 * How well a section answers: the words must all be in it. Headings count more, and the
 * words next to each other; what is only cited counts half. Then the number of times decides.
 */
function score([, , , , page, section, text], words) {
  let sum = text.includes(words.join(" ")) ? 2 : 0;
  for (const word of words) {
    const inPage = page.includes(word), inSection = section.includes(word);
    const times = Math.min(9, text.split(word).length - 1);
    if (!inPage && !inSection && !times) return 0;
    sum += 4 * inSection + 2 * inPage + 1 + times / 100;
  }
  return section === "sources" ? sum / 2 : sum;
}

/** A piece of text around the words, or the first that is there, with the words marked. */
function excerpt(text, lower, words) {
  const sought = [words.join(" "), ...words].find((piece) => lower.includes(piece));
  const found = lower.indexOf(sought ?? "");
  const start = Math.max(0, lower.lastIndexOf(" ", Math.max(0, found - AROUND)));
  const space = text.indexOf(" ", start + 3 * AROUND);
  const end = space < 0 ? text.length : space;
  const line = document.createElement("p");
  let at = start;
  while (at < end) {
    const hits = words.map((word) => [lower.indexOf(word, at), word.length])
      .filter(([place]) => place >= 0 && place < end).sort(([a], [b]) => a - b);
    if (!hits.length) break;
    const [place, length] = hits[0];
    const mark = document.createElement("mark");
    mark.append(text.slice(place, place + length));
    line.append(text.slice(at, place), mark);
    at = place + length;
  }
  line.append(text.slice(at, Math.max(at, end)), text.length > end ? " …" : "");
  if (start) line.prepend("… ");
  return line;
}

async function search() {
  const words = plain(field.value).split(/\s+/).filter(Boolean);
  const rows = await loadIndex();
  const found = words.length ? rows.map((row) => [score(row, words), row])
    .filter(([points]) => points).sort(([a], [b]) => b - a) : [];
  dialog.querySelector(".found").textContent = !words.length ? ""
    : found.length > SHOWN ? `${found.length} sections, the first ${SHOWN}:`
    : found.length ? `${found.length} section${found.length > 1 ? "s" : ""}:`
    : "Nothing was found. Try another word, or a part of one.";
  list.replaceChildren(...found.slice(0, SHOWN).map(([, row]) => {
    const [address, page, section, text, , , lower] = row;
    const item = document.createElement("li"), link = document.createElement("a");
    link.href = root + address;
    link.textContent = section && section !== page ? `${page}: ${section}` : page;
    link.addEventListener("click", () => dialog.close());
    item.append(link, excerpt(text, lower, words));
    return item;
  }));
}

function openSearch() {
  dialog.showModal();
  field.select();
  loadIndex();
}

const opener = document.querySelector(".open-search");
opener.hidden = false;
opener.addEventListener("click", openSearch);
field.addEventListener("input", search);
dialog.querySelector("form").addEventListener("submit", (event) => {
  if (event.submitter) return; // the button that closes
  event.preventDefault();
  list.querySelector("a")?.click();
});
dialog.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (key === "Enter" && target === field) list.querySelector("a")?.click();
  else if (key === "Escape") dialog.close(); // the field alone would only be emptied
  else if (key === "ArrowDown" || key === "ArrowUp") {
    const places = [field, ...list.querySelectorAll("a")];
    places[places.indexOf(target) + (key === "ArrowDown" ? 1 : -1)]?.focus();
  } else return;
  event.preventDefault();
});
addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, .widget, dialog");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  openSearch();
});

document.documentElement.dataset.ready = "";
