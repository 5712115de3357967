// What a deck does beyond reveal.js: it fits each slide into its box, moves fragments that do
// not fit to a new slide, and runs the widgets without a kernel.

const SMALLEST = 0.8; // text of 24, code of 18 pixels at 1280: readable from afar
const STAGES = [860, 720, 580]; // widths of a widget in its own pixels, before it is scaled
const SETTLED = 1000; // ms after which a widget keeps its width
const PRINT = /[?&](print-pdf|view=print)/.test(location.search);

// --- each slide inside its box ---------------------------------------------------------

const body = (slide) => slide.querySelector(".body");

function fits(slide) {
  const box = body(slide);
  return box.scrollHeight <= box.clientHeight + 1 && box.scrollWidth <= box.clientWidth + 1;
}

/** Sets the largest text, from 1 to SMALLEST, with which all fits.  -> whether it does */
function fit(slide) {
  const at = (size) => {
    slide.style.setProperty("--fit", size);
    return fits(slide);
  };
  if (at(1)) return true;
  if (!at(SMALLEST)) return false;
  let low = SMALLEST, high = 1;
  while (high - low > 0.02) {
    const middle = (low + high) / 2;
    if (at(middle)) low = middle;
    else high = middle;
  }
  return at(low);
}

/** Moves fragments that do not fit to a new slide below, with the same notes. */
function fitOrMoveOn(slide) {
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
  next.id = moved[0].dataset.cell.replace(/^\d+$/, "cell-$&"); // a number is no address
  next.className = moved.some((part) => part.matches(".filled")) ? "full" : "text";
  const heading = slide.querySelector(":scope > :is(h1, h2, .kicker)");
  const kicker = Object.assign(document.createElement("h2"), { className: "kicker" });
  kicker.innerHTML = heading.innerHTML;
  const rest = Object.assign(document.createElement("div"), { className: "body" });
  rest.append(...moved);
  next.append(kicker, rest);
  const fold = slide.querySelector(":scope > .fold");
  const mine = [...fold?.querySelectorAll("pre") ?? []].filter((code) =>
    moved.some((part) => part.dataset.cell === code.dataset.cell));
  if (mine.length) {
    const other = fold.cloneNode(true);
    other.querySelector("div").replaceChildren(...mine);
    next.append(other);
    if (!fold.querySelector("pre")) fold.remove();
  }
  for (const note of slide.querySelectorAll(":scope > .notes")) {
    next.append(note.cloneNode(true));
  }
  slide.after(next);
  fitOrMoveOn(next);
}

// --- widgets without a kernel ----------------------------------------------------------

const saved = JSON.parse(
  document.querySelector('script[type="application/json"]').textContent);
const modules = new Map(), models = new Map();

function once(map, key, make) {
  if (!map.has(key)) map.set(key, make());
  return map.get(key);
}

function bytes(base64) {
  return new DataView(Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0)).buffer);
}

/** In place of anywidget's model: the same state and events, without a kernel. */
class Model {
  #state;
  #listeners = new Map();
  constructor(state) {
    this.#state = state;
  }
  get(name) {
    return this.#state[name];
  }
  set(name, value) {
    if (Object.is(this.#state[name], value)) return;
    this.#state[name] = value;
    this.#notify(`change:${name}`, value);
    this.#notify("change");
  }
  on(name, listener) {
    once(this.#listeners, name, () => new Set()).add(listener);
  }
  off(name, listener) {
    if (!name) this.#listeners.clear();
    else if (!listener) this.#listeners.delete(name);
    else this.#listeners.get(name)?.delete(listener);
  }
  save_changes() {}
  send() {}
  #notify(name, value) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(this, value);
  }
}

function stateOf({ state, buffers }) {
  const whole = structuredClone(state);
  for (const [path, key] of buffers) {
    const last = path.at(-1);
    const holder = path.slice(0, -1).reduce((inner, step) => inner[step], whole);
    holder[last] = bytes(saved.shared[key]);
  }
  return whole;
}

async function live(id) {
  const widget = saved.models[id];
  const module = await once(modules, widget.esm, async () => {
    const source = new Blob([saved.shared[widget.esm]], { type: "text/javascript" });
    const style = document.createElement("style");
    style.textContent = saved.shared[widget.css];
    document.head.append(style);
    const main = (await import(URL.createObjectURL(source))).default;
    return typeof main === "function" ? main() : main;
  });
  const model = await once(models, id, async () => {
    const made = new Model(stateOf(widget));
    await module.initialize?.({ model: made });
    return made;
  });
  return (el) => module.render({ model, el });
}

/** Scales to the size of the place; it never grows again, so that nothing jumps in use. */
function scaleToFit(stage, place) {
  const start = performance.now();
  let scale = Infinity;
  const allowed = () => Math.min(place.clientWidth / stage.offsetWidth,
    place.clientHeight / stage.offsetHeight);
  const measure = () => {
    if (!stage.offsetHeight || !place.clientHeight) return;
    if (performance.now() - start < SETTLED) {
      // the narrowest stage that is shown as large: not every widget needs its full width
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

async function wake(place) {
  if (place.dataset.awake) return;
  place.dataset.awake = "starting";
  place.setAttribute("data-prevent-swipe", "");
  const stage = document.createElement("div");
  stage.className = "stage";
  stage.style.width = `${STAGES[0]}px`;
  place.append(stage);
  try {
    const render = await live(place.dataset.widget);
    await render(stage);
    place.querySelector(":scope > .picture")?.remove();
    scaleToFit(stage, place);
    place.dataset.awake = "yes";
  } catch (error) {
    stage.remove(); // the picture stays
    place.dataset.awake = "failed";
    console.error(`The widget ${place.dataset.widget} did not start:`, error);
  }
}

// --- keys ------------------------------------------------------------------------------

/** Whether the deck handles a key: a widget keeps its keys, a button its space. A key from
 *  the speaker view has no target. */
function isOurs({ target, key }) {
  if (target?.closest?.(".widget")) return false;
  if (target?.closest?.(".fold > div") && /^Arrow(Up|Down)$/.test(key)) return false; // scrolls
  return !(target?.closest?.("summary, a, button") && [" ", "Enter"].includes(key));
}

/** The keys of a presenter's remote turn the slide also in a widget; Escape blurs it. */
function turnOrLeave(event) {
  const turns = { PageDown: () => Reveal.next(), PageUp: () => Reveal.prev(),
    Escape: () => event.target.blur() };
  if (!event.target.closest?.(".widget") || !turns[event.key]) return;
  event.preventDefault(); // a slider would jump
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
document.querySelectorAll(".slides section > section").forEach(fitOrMoveOn);
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
  scrollActivationWidth: null, // a small window shows the same slides, small
  navigationMode: "linear", // right and left visit all slides, also those below
  pdfSeparateFragments: false,
  pdfMaxPagesPerSlide: 1,
  keyboardCondition: isOurs,
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
    for (const place of currentSlide.querySelectorAll(".widget")) wake(place);
  };
  Reveal.on("slidechanged", show);
  Reveal.on("fragmentshown", () => {
    const fold = Reveal.getCurrentSlide().querySelector(".fold");
    if (fold) fold.open = false; // it would lie on what has just appeared
  });
  show({ currentSlide: Reveal.getCurrentSlide() });
}
document.addEventListener("keydown", turnOrLeave, { capture: true }); // before any widget
// No focus stays on a clicked button, where the space bar would press it again.
document.addEventListener("click", ({ target, detail }) => {
  if (detail) target.closest?.("summary")?.blur();
});
document.documentElement.dataset.ready = "";
