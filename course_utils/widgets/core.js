// Shared by all widgets: elements, numbers, bytes of traits, events of the model, timing.
//
// Widgets use only get, set, on, off and save_changes of the model, which slides.js replaces
// where there is no kernel. core.py joins a widget's file and its imports to one module.

const REST = 100; // ms without a change before changes are sent to the kernel
const ONE_FRAME = 17; // ms

// --- elements ------------------------------------------------------------------------

/** Fills the element of a widget, and adds a live region for screen readers.
    -> find(selector), the first match in it */
export function fill(el, name, html) {
  el.classList.add("course-widget", name);
  el.innerHTML = `${html}<p class="cw-spoken" aria-live="polite"></p>`;
  keepKeys(el);
  return (selector) => el.querySelector(selector);
}

/** Keys act on the focused element only: no shortcuts of JupyterLab, such as b and x, and on
    a control none of the slides. */
function keepKeys(el) {
  el.addEventListener("focusin", ({ target }) => {
    target.dataset.lmSuppressShortcuts = "true"; // JupyterLab checks only the target
  });
  el.addEventListener("keydown", (event) => {
    if (event.target.matches("button, input, select")) event.stopPropagation();
  });
}

export function put(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

const written = new WeakMap();

/** Writes the HTML of a node, if it is another one: a picture is drawn often. */
export function rewrite(node, html) {
  if (written.get(node) === html) return;
  written.set(node, html);
  node.innerHTML = html;
}

/** Text as HTML, with special characters escaped. */
export function escapeHtml(text) {
  const node = document.createElement("span");
  node.textContent = text;
  return node.innerHTML;
}

// --- numbers -------------------------------------------------------------------------

const minus = (text) => text.replace("-", "−");
export const short = (value) => minus(String(+value.toPrecision(3)));
export const fixed = (value, digits = 2) =>
  minus((+value.toFixed(digits) + 0).toFixed(digits)); // no −0
export const tuple = (values, digits) => `(${values.map((v) => fixed(v, digits)).join(", ")})`;
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

export function bytesOf(view) {
  return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
}
export const uint8 = (view) => new Uint8Array(bytesOf(view));
export const uint16 = (view) => new Uint16Array(bytesOf(view));
export const float32 = (view) => new Float32Array(bytesOf(view));

// --- the model -----------------------------------------------------------------------

/** Calls each function on its event of the model.  -> a function that stops listening */
export function listenTo(model, handlers) {
  for (const [event, f] of Object.entries(handlers)) model.on(event, f);
  return () => {
    for (const [event, f] of Object.entries(handlers)) model.off(event, f);
  };
}

/** set(name, value) for changes by the user: change:name follows at once; after a pause the
    changes are sent to the kernel and sent() is called. set.now, set.finish: see debounce. */
export function makeSetter(model, sent = () => {}) {
  const send = debounce(() => {
    model.save_changes();
    sent();
  });
  const set = (name, value) => {
    model.set(name, value);
    send();
  };
  return Object.assign(set, send);
}

/** One function that calls all of these functions in order. */
export const callAll = (...functions) => () => functions.forEach((f) => f());

// --- time ----------------------------------------------------------------------------

/** At most one call per frame, however many are requested. */
export function perFrame(draw) {
  let frame = 0;
  const request = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  };
  request.cancel = () => cancelAnimationFrame(frame);
  return request;
}

/** As perFrame, for a picture in two parts. Where painting both takes longer than a frame, they
    take turns: a slow computer soon shows the part that follows the pointer, the first. */
export function inTurns(first, second) {
  let frame = 0, isNew = false, waits = false, slow = false, start = 0;
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => { // once the frame is painted; a turn is half of it
    slow = performance.now() - start > (slow ? ONE_FRAME / 2 : ONE_FRAME);
  };
  function draw() {
    start = performance.now();
    frame = 0;
    if (!waits) {
      isNew = false;
      first();
    }
    waits = slow && !waits;
    if (!waits) second();
    if (waits || isNew) frame = requestAnimationFrame(draw);
    port2.postMessage(0);
  }
  const request = () => {
    isNew = true;
    frame ||= requestAnimationFrame(draw);
  };
  request.cancel = () => {
    cancelAnimationFrame(frame);
    port1.close();
  };
  return request;
}

/** One call REST ms after the first request, for all requests until then; finish() calls at
    once if one is pending, cancel() drops it. */
export function throttle(f) {
  let timer = 0;
  const now = () => {
    timer = 0;
    f();
  };
  const request = () => {
    timer ||= setTimeout(now, REST);
  };
  const cancel = () => {
    clearTimeout(timer);
    timer = 0;
  };
  return Object.assign(request, { cancel, finish() {
    if (!timer) return;
    cancel();
    f();
  } });
}

/** One call after a pause in requests; now() calls at once, finish() if a call is pending. */
export function debounce(f) {
  let timer = 0;
  const now = () => {
    clearTimeout(timer);
    timer = 0;
    f();
  };
  const request = () => {
    clearTimeout(timer);
    timer = setTimeout(now, REST);
  };
  return Object.assign(request, { now, finish: () => timer && now() });
}
