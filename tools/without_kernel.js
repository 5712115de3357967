// Runs the widgets of an HTML page without a kernel: their states are JSON in the page, see
// without_kernel.py.

const modules = new Map(), models = new Map();
let parsed;

/** The states of the page, megabytes, parsed when the first widget starts. */
function saved() {
  return parsed ??= JSON.parse(
    document.querySelector('script[type="application/json"]').textContent);
}

function once(map, key, make) {
  if (!map.has(key)) map.set(key, make());
  return map.get(key);
}

function bytes(base64) {
  return new DataView(Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0)).buffer);
}

/** Replaces the model of anywidget: the same state and events, without a kernel. */
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
  save_changes() {} // no send(): a widget that needs answers can see that none will come
  #notify(name, value) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(this, value);
  }
}

function stateOf({ state, buffers }) {
  const whole = structuredClone(state);
  for (const [path, key] of buffers) {
    const last = path.at(-1);
    const holder = path.slice(0, -1).reduce((inner, step) => inner[step], whole);
    holder[last] = bytes(saved().shared[key]);
  }
  return whole;
}

async function loadWidget(id) {
  const { models: states, shared } = saved();
  const widget = states[id];
  const module = await once(modules, widget.esm, async () => {
    const source = new Blob([shared[widget.esm]], { type: "text/javascript" });
    const style = document.createElement("style");
    style.textContent = shared[widget.css];
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

/** Starts the widget of a container in a new element, in place of its static picture, which
    stays if it fails.  -> the element, or null if it failed or was started before */
export async function startWidget(container) {
  if (container.dataset.awake) return null;
  container.dataset.awake = "starting";
  const stage = document.createElement("div");
  stage.className = "stage";
  container.append(stage);
  try {
    const render = await loadWidget(container.dataset.widget);
    await render(stage);
    const picture = container.querySelector(":scope > .picture");
    const note = stage.querySelector("[data-needs-kernel]"); // the widget cannot compute here
    if (note && picture) note.after(picture.querySelector("img"));
    picture?.remove();
    container.dataset.awake = "yes";
    return stage;
  } catch (error) {
    stage.remove();
    container.dataset.awake = "failed";
    console.error(`The widget ${container.dataset.widget} did not start:`, error);
    return null;
  }
}

/** Starts the widgets of an element when they come into sight. */
export function startInSight(root) {
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      startWidget(target);
    }
  }, { rootMargin: "50%" });
  for (const container of root.querySelectorAll(".widget")) seen.observe(container);
}
