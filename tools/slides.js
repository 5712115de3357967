// Additions to reveal.js: fits each slide into its box, moves fragments that do not fit to a
// new slide, and starts the widgets.

import { startWidget } from "./without_kernel.js";

const MIN_SIZE = 0.8; // text of 24, code of 18 pixels at 1280: readable from afar
const STAGES = [1180, 860, 720, 580]; // widths of a widget in its own pixels, before it is scaled
const SETTLED = 1000; // ms after which a widget keeps its width
const PRINT = /[?&](print-pdf|view=print)/.test(location.search);

// --- fitting slides --------------------------------------------------------------------

const body = (slide) => slide.querySelector(".body");

function fits(slide) {
  const box = body(slide);
  return box.scrollHeight <= box.clientHeight + 1 && box.scrollWidth <= box.clientWidth + 1;
}

/** Sets the largest text size from MIN_SIZE to 1 that fits.  -> whether there is one */
function fit(slide) {
  const at = (size) => {
    slide.style.setProperty("--fit", size);
    return fits(slide);
  };
  if (at(1)) return true;
  if (!at(MIN_SIZE)) return false;
  let low = MIN_SIZE, high = 1;
  while (high - low > 0.02) {
    const middle = (low + high) / 2;
    if (at(middle)) low = middle;
    else high = middle;
  }
  return at(low);
}

/** Moves fragments that do not fit to a new slide below, with the same notes. */
function fitOrSplit(slide) {
  if (fit(slide)) return;
  const parts = [...body(slide).children], moved = [];
  while (parts.length > 1 && parts.at(-1).classList.contains("fragment")) {
    moved.unshift(parts.pop());
    moved[0].remove();
    if (fit(slide)) break;
  }
  if (!moved.length) return fits(slide) || console.error(`${slide.id} does not fit its slide`);
  if (!body(slide).querySelector(".filled")) slide.classList.replace("full", "text");
  moved[0].classList.remove("fragment");
  const next = slide.cloneNode(false);
  next.id = moved[0].dataset.cell.replace(/^\d+$/, "cell-$&"); // reveal.js reads a number as a position
  next.className = moved.some((part) => part.matches(".filled")) ? "full" : "text";
  const heading = slide.querySelector(":scope > :is(h1, h2, .kicker)");
  const kicker = Object.assign(document.createElement("h2"), { className: "kicker" });
  kicker.innerHTML = heading.innerHTML;
  const rest = Object.assign(document.createElement("div"), { className: "body" });
  rest.append(...moved);
  next.append(kicker, rest);
  const fold = slide.querySelector(":scope > .fold");
  const movedCode = [...fold?.querySelectorAll("pre") ?? []].filter((code) =>
    moved.some((part) => part.dataset.cell === code.dataset.cell));
  if (movedCode.length) {
    const other = fold.cloneNode(true);
    other.querySelector("div").replaceChildren(...movedCode);
    next.append(other);
    if (!fold.querySelector("pre")) fold.remove();
  }
  for (const note of slide.querySelectorAll(":scope > .notes")) {
    next.append(note.cloneNode(true));
  }
  slide.after(next);
  fitOrSplit(next);
}

// --- widgets ---------------------------------------------------------------------------

/** Scales the stage to its container; it only shrinks later, so that nothing jumps in use. */
function scaleToFit(stage, container) {
  const start = performance.now();
  let scale = Infinity;
  const allowed = () => Math.min(container.clientWidth / stage.offsetWidth,
    container.clientHeight / stage.offsetHeight);
  const measure = () => {
    if (!stage.offsetHeight || !container.clientHeight) return;
    if (performance.now() - start < SETTLED) {
      // the narrowest width with about the best scale
      const scales = STAGES.map((width) => {
        stage.style.width = `${width}px`;
        return allowed();
      });
      const best = Math.max(...scales);
      stage.style.width = `${STAGES[scales.findLastIndex((s) => s > 0.97 * best)]}px`;
    }
    scale = Math.min(scale, allowed());
    stage.style.transform = `scale(${scale}) translate(-50%, -50%)`;
  };
  measure();
  new ResizeObserver(measure).observe(stage);
}

async function startOnSlide(container) {
  container.setAttribute("data-prevent-swipe", "");
  const stage = await startWidget(container);
  if (stage) scaleToFit(stage, container);
}

// --- keys ------------------------------------------------------------------------------

/** Whether the deck handles a key: not in a widget, not space on a button. Keys from the
 *  speaker view have no target. */
function deckHandles({ target, key }) {
  if (target?.closest?.(".widget")) return false;
  if (target?.closest?.(".fold > div") && /^Arrow(Up|Down)$/.test(key)) return false; // scrolls
  return !(target?.closest?.("summary, a, button") && [" ", "Enter"].includes(key));
}

/** In a widget, the keys of a presenter's remote change the slide; Escape blurs the widget. */
function handleInWidget(event) {
  const turns = { PageDown: () => Reveal.next(), PageUp: () => Reveal.prev(),
    Escape: () => event.target.blur() };
  if (!event.target.closest?.(".widget") || !turns[event.key]) return;
  event.preventDefault(); // otherwise a slider would move
  event.stopPropagation();
  turns[event.key]();
}

function openCode() {
  const fold = Reveal.getCurrentSlide().querySelector(".fold");
  if (!fold) return;
  fold.open = !fold.open;
  if (fold.open) fold.querySelector("div").focus();
}

function setTheme(dark) {
  document.documentElement.style.colorScheme = dark ? "dark" : "light";
  document.documentElement.classList.toggle("dark", dark);
}

const isDark = () => document.documentElement.classList.contains("dark");

// --- start -----------------------------------------------------------------------------

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
setTheme(!PRINT && prefersDark.matches);
const follow = () => !PRINT && setTheme(prefersDark.matches);
prefersDark.addEventListener("change", follow);

await document.fonts.load('30px "deck math"');
document.documentElement.classList.add("measured");
document.querySelectorAll(".slides section > section").forEach(fitOrSplit);
document.documentElement.classList.remove("measured");

await Reveal.initialize({
  width: 1280,
  height: 720,
  margin: 0,
  maxScale: 4,
  center: false,
  hash: true,
  controls: false,
  slideNumber: "c/t",
  transition: "none",
  backgroundTransition: "none",
  scrollActivationWidth: null, // no scroll view in small windows
  navigationMode: "linear", // right and left visit all slides, including vertical ones
  pdfSeparateFragments: false,
  pdfMaxPagesPerSlide: 1,
  keyboardCondition: deckHandles,
  plugins: [RevealNotes],
});
Reveal.addKeyBinding({ keyCode: 67, key: "C", description: "Code of a figure" }, openCode);
Reveal.addKeyBinding({ keyCode: 68, key: "D", description: "Dark or light" },
  () => {
    prefersDark.removeEventListener("change", follow); // the user has chosen
    setTheme(!isDark());
  });
if (!PRINT) {
  const show = ({ currentSlide, previousSlide }) => {
    for (const fold of previousSlide?.querySelectorAll(".fold") ?? []) fold.open = false;
    if (previousSlide?.contains(document.activeElement)) document.activeElement.blur();
    for (const container of currentSlide.querySelectorAll(".widget")) startOnSlide(container);
  };
  Reveal.on("slidechanged", show);
  Reveal.on("fragmentshown", () => {
    const fold = Reveal.getCurrentSlide().querySelector(".fold");
    if (fold) fold.open = false; // it would cover the new fragment
  });
  show({ currentSlide: Reveal.getCurrentSlide() });
}
document.addEventListener("keydown", handleInWidget, { capture: true }); // before any widget
// Remove the focus from a clicked button, so that space does not press it again.
document.addEventListener("click", ({ target, detail }) => {
  if (detail) target.closest?.("summary")?.blur();
});
document.documentElement.dataset.ready = "";
