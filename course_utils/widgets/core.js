// What the widgets share: elements, numbers, bytes of traits, events of the model, and time.
//
// Of the model they use get, set, on, off and save_changes, nothing else, so that a page
// without a kernel can stand in for it. Python joins a widget's file and all that it imports
// into one module.

const REST = 100; // ms without a change until the kernel is told

// --- elements ------------------------------------------------------------------------

/** Fills the element of a widget, and adds a place for what screen readers say.
    -> find(selector), the first match in it */
export function fill(el, name, html) {
  el.classList.add("course-widget", name);
  el.innerHTML = `${html}<p class="cw-spoken" aria-live="polite"></p>`;
  keepKeys(el);
  return (selector) => el.querySelector(selector);
}

/** Keys are for what has the focus: none of JupyterLab's single keys, such as b and x, and on
    a control none that turns a slide. */
function keepKeys(el) {
  el.addEventListener("focusin", ({ target }) => {
    target.dataset.lmSuppressShortcuts = "true"; // JupyterLab looks at the target alone
  });
  el.addEventListener("keydown", (event) => {
    if (event.target.matches("button, input, select")) event.stopPropagation();
  });
}

export function put(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

/** Text that is no markup, whatever stands in it. */
export function escaped(text) {
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
export const float32 = (view) => new Float32Array(bytesOf(view));

// --- the model -----------------------------------------------------------------------

/** Calls each function on its event of the model.  -> a function that ends this */
export function listen(model, handlers) {
  for (const [event, f] of Object.entries(handlers)) model.on(event, f);
  return () => {
    for (const [event, f] of Object.entries(handlers)) model.off(event, f);
  };
}

/** set(name, value) for changes by the user: change:name follows at once; the kernel is told,
    and told() called, once the changes rest. Also set.now() and set.finish(), see below. */
export function makeSetter(model, told = () => {}) {
  const tell = whenAtRest(() => {
    model.save_changes();
    told();
  });
  const set = (name, value) => {
    model.set(name, value);
    tell();
  };
  return Object.assign(set, tell);
}

/** One function that calls all of these. */
export const inTurn = (...acts) => () => acts.forEach((act) => act());

// --- time ----------------------------------------------------------------------------

/** At most one call a frame, however many events come. */
export function perFrame(draw) {
  let frame = 0;
  const ask = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  };
  ask.cancel = () => cancelAnimationFrame(frame);
  return ask;
}

/** One call, once no more are asked for; now() makes it at once, finish() if one is due. */
export function whenAtRest(act) {
  let timer = 0;
  const now = () => {
    clearTimeout(timer);
    timer = 0;
    act();
  };
  const ask = () => {
    clearTimeout(timer);
    timer = setTimeout(now, REST);
  };
  return Object.assign(ask, { now, finish: () => timer && now() });
}
