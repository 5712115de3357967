// The reading view of a deck: one column of text, as wide as the window. Text grows with the
// browser's zoom, and a phone that is held upright can show it.

import { addressedName, letKeysScroll } from "./page.js";
import { startInSight } from "./without_kernel.js";

/** Shows all slides below each other; widgets start when they come into sight. */
export function showAsColumn(deck) {
  document.documentElement.classList.add("reading");
  deck.className = "column"; // without the styles of reveal.js
  for (const kicker of deck.querySelectorAll(".kicker")) kicker.remove(); // repeated headings
  startInSight(deck);
  letKeysScroll(deck, ".formula, table");
  const goToAddress = () => addressed()?.scrollIntoView();
  addEventListener("hashchange", goToAddress); // a link to another slide
  goToAddress();
}

/** The slide that the address names, or the part of a slide that a cell became. */
export function addressed() {
  const name = addressedName();
  return document.getElementById(name)
    ?? document.querySelector(`[data-cell="${CSS.escape(name)}"]`);
}
