// Additions to reveal.js: fits each slide into its box, starts the widgets, adds a menu; and the
// reading view, without reveal.js.

import { fitAgain, fitOrSplit } from "./slides_fit.js";
import { addArrows, addMenu, lettersAct } from "./slides_menu.js";
import { addressed, showAsColumn } from "./slides_reading.js";
import { startWidget } from "./without_kernel.js";

const STAGES = [1152, 860, 720, 580]; // widths of a widget in its own pixels, before it is scaled
const LOW = 600; // pixels of height below which a widget leaves out explanations
const SETTLED = 1000; // ms after which a widget keeps its width
const PRINT = /[?&](print-pdf|view=print)/.test(location.search);
const SPEAKER = /[?&]receiver/.test(location.search); // a small picture in the speaker view
const VIEW = /[?&]view=(slides|reading)/.exec(location.search)?.[1];
const NARROW = matchMedia("(width < 700px)"); // a phone, or a browser's zoom of 200 %
const READING = !PRINT && !SPEAKER && (VIEW ? VIEW === "reading" : NARROW.matches);

// --- widgets ---------------------------------------------------------------------------

/** Scales the stage to its container; once settled it only shrinks: nothing jumps in use. */
function scaleToFit(stage, container) {
  const start = performance.now();
  let scale = Infinity;
  stage.classList.toggle("low", container.clientHeight < LOW);
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
      const best = scale = Math.max(...scales);
      stage.style.width = `${STAGES[scales.findLastIndex((s) => s > 0.97 * best)]}px`;
    }
    scale = Math.min(scale, allowed());
    stage.style.transform = `scale(${scale}) translate(-50%, -50%)`;
  };
  measure();
  // In the next frame: a size changed here would be reported as an error, which Safari shows.
  new ResizeObserver(() => requestAnimationFrame(measure)).observe(stage);
}

async function startOnSlide(container) {
  container.setAttribute("data-prevent-swipe", "");
  const stage = await startWidget(container);
  if (stage) scaleToFit(stage, container);
}

// --- keys ------------------------------------------------------------------------------

/** Whether the deck handles a key: not in a widget or the menu, not space on a button. Keys from the
 *  speaker view have no target. */
function deckHandles({ target, key }) {
  if (!lettersAct() && /^\S$/.test(key)) return false;
  if (target?.closest?.(".deck-menu, .widget")) return false;
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
const follow = () => setTheme(!PRINT && prefersDark.matches);
follow();
prefersDark.addEventListener("change", follow);

function changeTheme() {
  prefersDark.removeEventListener("change", follow); // the user has chosen
  setTheme(!isDark());
}

function openView(view) {
  location.assign(`?view=${view}${location.hash}`);
}

const deck = document.querySelector(".reveal");
const slides = () => [...deck.querySelectorAll(".slides section > section")];

/** Fits the slides that are not, this one first: with new slides, reveal.js counts anew. */
const fitted = new Set();
function fitOne(slide) {
  if (fitted.has(slide)) return;
  fitted.add(slide);
  const added = fitOrSplit(slide);
  for (let next = slide, i = 0; i < added; i++) fitted.add(next = next.nextElementSibling);
  if (!added || !Reveal.isReady()) return;
  Reveal.sync();
  const { h, v } = Reveal.getIndices(Reveal.getCurrentSlide());
  Reveal.slide(h, v); // earlier slides may have moved it
}

/** The font of formulas, half a megabyte: without it they have another size. */
const loadMathFont = () => document.fonts.load('30px "deck math"');

/** The others, one at a time, so that the page stays awake. */
async function fitOthers() {
  await loadMathFont();
  for (const shown of fitted) if (shown.querySelector("math")) fitAgain(shown);
  for (const slide of slides()) {
    if (fitted.has(slide)) continue;
    await new Promise((done) => setTimeout(done)); // Safari has no requestIdleCallback
    fitOne(slide);
  }
}

/** Fits all slides again when the text spacing or the size of text changes. */
function watchTextSize() {
  const ruler = Object.assign(document.createElement("div"), { className: "ruler" });
  ruler.setAttribute("aria-hidden", "true");
  ruler.innerHTML = "<p>two words</p><p>two words</p>";
  deck.append(ruler);
  let size;
  new ResizeObserver(() => {
    const before = size;
    size = `${ruler.offsetWidth} ${ruler.offsetHeight}`;
    if (before && before !== size) slides().forEach(fitAgain);
  }).observe(ruler);
}

async function showAsSlides() {
  const named = addressed()?.closest("section");
  const first = slides().includes(named) ? named : slides()[0];
  if (PRINT || first.querySelector("math")) await loadMathFont();
  (PRINT ? slides() : [first]).forEach(fitOne);

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
    scrollActivationWidth: null, // the reading view is our own
    navigationMode: "linear", // right and left visit all slides, including vertical ones
    pdfSeparateFragments: false,
    pdfMaxPagesPerSlide: 1,
    keyboardCondition: deckHandles,
    plugins: [RevealNotes],
  });
  document.documentElement.classList.remove("opening");
  // A screen reader would leave its reading mode for an application.
  deck.removeAttribute("role");
  if (PRINT) {
    // reveal.js hides all slides but one from a screen reader, and the tags of a PDF lack them.
    for (const slide of slides()) {
      slide.removeAttribute("aria-hidden");
      slide.removeAttribute("hidden");
    }
    return;
  }
  Reveal.addKeyBinding({ keyCode: 67, key: "C", description: "Code of a figure" }, openCode);
  Reveal.addKeyBinding({ keyCode: 68, key: "D", description: "Dark or light" }, changeTheme);
  const show = ({ currentSlide, previousSlide }) => {
    fitOne(currentSlide);
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
  document.addEventListener("keydown", handleInWidget, { capture: true }); // before any widget
  if (SPEAKER) return fitOthers();
  addArrows(() => Reveal.prev(), () => Reveal.next());
  addMenu({
    "Reading view": () => openView("reading"),
    "Dark or light": changeTheme,
    "Code of the figure": openCode,
    "Overview": () => Reveal.toggleOverview(),
    "Speaker view": () => Reveal.getPlugin("notes").open(),
    "All keys": () => Reveal.toggleHelp(),
  }, true);
  // Zoomed in far enough, the page is as narrow as a phone: text can grow in the reading view only.
  const ratio = devicePixelRatio;
  NARROW.addEventListener("change", () => {
    if (!VIEW && NARROW.matches && devicePixelRatio > ratio) location.reload();
  });
  await fitOthers();
  watchTextSize();
}

if (READING) {
  showAsColumn(deck);
  addMenu({ "Show as slides": () => openView("slides"), "Dark or light": changeTheme }, false);
} else await showAsSlides();

// Remove the focus from a clicked button, so that space does not press it again.
document.addEventListener("click", ({ target, detail }) => {
  if (detail) target.closest?.(".fold > summary, .deck-arrows button")?.blur();
});
document.documentElement.dataset.ready = "";
