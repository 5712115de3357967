// The menu of a deck: for readers without a keyboard, and for those whose speech or hands
// press letters that they do not mean.

import { translated } from "./slides_labels.js";

const LETTERS = "deck: single letters are commands";

/** Whether single letters are commands. The choice is kept where the browser allows it. */
let letters = true;
try {
  letters = localStorage.getItem(LETTERS) !== "no";
} catch { /* a page that may not store */ }

export const lettersAct = () => letters;

function setLetters(on) {
  letters = on;
  try {
    localStorage.setItem(LETTERS, on ? "yes" : "no");
  } catch { /* kept until the page is closed */ }
}

function button(label, act) {
  const element = Object.assign(document.createElement("button"), { type: "button" });
  element.append(translated(label));
  element.addEventListener("click", act);
  return element;
}

/** Adds the menu to the page. commands: label -> function */
export function addMenu(commands, withLetters) {
  const menu = Object.assign(document.createElement("details"), { className: "deck-menu" });
  const summary = document.createElement("summary");
  summary.append(translated("menu"));
  const items = document.createElement("div");
  for (const [label, act] of Object.entries(commands)) {
    items.append(button(label, () => {
      menu.open = false;
      act();
    }));
  }
  const { home } = document.querySelector("main").dataset;
  if (home) { // a deck of the site
    const link = Object.assign(document.createElement("a"), { href: home });
    link.append("The notebook, to read");
    items.append(link);
  }
  if (withLetters) {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: letters });
    box.addEventListener("change", () => setLetters(box.checked));
    label.append(box, ` ${translated("single letters are commands")}`);
    items.append(label);
  }
  menu.append(summary, items);
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    summary.focus();
    event.stopPropagation();
  });
  document.addEventListener("pointerdown", ({ target }) => {
    if (!menu.contains(target)) menu.open = false;
  });
  const landmark = document.createElement("nav");
  landmark.setAttribute("aria-label", translated("menu"));
  landmark.append(menu);
  document.body.append(landmark);
}

/** Buttons to turn the slides, where there is no keyboard. */
export function addArrows(back, next) {
  const arrows = Object.assign(document.createElement("nav"), { className: "deck-arrows" });
  arrows.setAttribute("aria-label", translated("Slides"));
  for (const [sign, label, act] of [["‹", "Previous slide", back], ["›", "Next slide", next]]) {
    const element = button(sign, act);
    element.setAttribute("aria-label", translated(label));
    arrows.append(element);
  }
  document.body.append(arrows);
}
