// What the widgets share. Python puts it before each widget's own source.
//
// Of the model they use get, set, on, off and save_changes, nothing else, so that a page
// without a kernel can stand in for it.

const REST = 100; // ms without a change until the kernel hears of it
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

// Keeps JupyterLab's single keys away, such as b and x; it must be on what has the focus.
const QUIET = 'data-lm-suppress-shortcuts="true"';

/** A square stage, with these attributes and room for ticks below and beside it. */
const panel = (attributes, inside = "") => `
  <div class="cw-axes">
    <div class="cw-stage" ${attributes}><canvas aria-hidden="true"></canvas>${inside}</div>
    <div class="cw-below" aria-hidden="true"></div>
    <div class="cw-beside" aria-hidden="true"></div>
  </div>`;
const PANEL = panel( // for the hand
  `tabindex="0" role="application" aria-roledescription="plane" ${QUIET}`);
const PICTURE = 'role="img"'; // for the eye

// --- numbers -------------------------------------------------------------------------

const minus = (text) => text.replace("-", "−");
const short = (value) => minus(String(+value.toPrecision(3)));
const fixed = (value, digits = 2) => minus((+value.toFixed(digits) + 0).toFixed(digits)); // no −0
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

function bytesOf(view) {
  return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
}

// --- time ----------------------------------------------------------------------------

/** At most one call a frame, however many events come. */
function perFrame(draw) {
  let frame = 0;
  const ask = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  };
  ask.cancel = () => cancelAnimationFrame(frame);
  return ask;
}

/** One call, once the hand rests; finish() makes one that is due at once. */
function whenAtRest(tell) {
  let timer = 0;
  const now = () => {
    clearTimeout(timer);
    timer = 0;
    tell();
  };
  const ask = () => {
    clearTimeout(timer);
    timer = setTimeout(now, REST);
  };
  ask.now = now;
  ask.finish = () => timer && now();
  return ask;
}

/** Calls each function on its event of the model.  -> a function that ends this */
function listen(model, handlers) {
  for (const [event, f] of Object.entries(handlers)) model.on(event, f);
  return () => {
    for (const [event, f] of Object.entries(handlers)) model.off(event, f);
  };
}

// --- hands ---------------------------------------------------------------------------

/** Mouse, pen or finger on a stage: place is [0, 0] at its top left, [1, 1] at its end. */
function onPointer(stage, handle) {
  const listener = (event) => {
    if (event.type === "pointerdown") {
      if (event.button !== 0) return; // neither the menu nor the wheel
      stage.setPointerCapture(event.pointerId);
      stage.focus({ preventScroll: true });
    }
    const box = stage.getBoundingClientRect(); // also right when a slide is scaled
    handle([
      (event.clientX - box.left) / box.width,
      (event.clientY - box.top) / box.height,
    ], event);
  };
  stage.addEventListener("pointerdown", listener);
  stage.addEventListener("pointermove", listener); // a drag has the pointer captured
}

/** Arrow keys on a stage: direction is (±1, 0) or (0, ±1), up is +1. With Alt, Ctrl or Meta
    they are the browser's or a screen reader's. */
function onArrows(stage, handle) {
  stage.addEventListener("keydown", (event) => {
    const direction = ARROWS[event.key];
    if (!direction || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation(); // slides and JupyterLab listen to arrows, too
    handle(direction, event);
  });
}

/** A row of buttons of which one is chosen; arrow keys walk along it. */
function fillChoice(form, faces, choose) {
  form.classList.add("cw-choice");
  form.setAttribute("role", "radiogroup");
  form.innerHTML = faces.map((face, i) => `<label>
    <input type="radio" name="choice" value="${i}" ${QUIET}>${face}</label>`).join("");
  form.addEventListener("change", (event) => choose(+event.target.value));
  form.addEventListener("keydown", (event) => event.stopPropagation());
}

function markChoice(form, index) {
  for (const [i, input] of form.querySelectorAll("input").entries()) {
    input.checked = i === index;
  }
}

/** Text that is no markup, whatever stands in it. */
function escaped(text) {
  const node = document.createElement("span");
  node.textContent = text;
  return node.innerHTML;
}

// --- pictures ------------------------------------------------------------------------

/** Ink from 0 to 1 onto white paper, as a square image with its corner at (x, y). */
function drawInk(context, pixels, x = 0, y = 0) {
  const side = Math.round(Math.sqrt(pixels.length));
  const image = new ImageData(side, side), data = image.data;
  for (let i = 0, at = 0; i < pixels.length; i++, at += 4) {
    data[at] = data[at + 1] = data[at + 2] = 255 - 255 * pixels[i];
    data[at + 3] = 255;
  }
  context.putImageData(image, x, y);
}

/** Ticks of the axes in an element: each [place from 0 to 1, text], places grow up. */
function drawTicks(el, below, beside) {
  const tick = (kind, where, text) =>
    `<span class="cw-tick ${kind}" style="${where}%">${text}</span>`;
  const put = (selector, html) => {
    for (const axis of el.querySelectorAll(selector)) axis.innerHTML = html;
  };
  put(".cw-below", below.map(([x, t]) => tick("cw-across", `left:${100 * x}`, t)).join(""));
  put(".cw-beside", beside.map(([y, t]) => tick("cw-up", `top:${100 - 100 * y}`, t)).join(""));
}
