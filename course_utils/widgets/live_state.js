// What restores a run of LiveTraining, as a text such as
// data=digits&width=64&seed=0&0=ae,lr:0.003&500=vae&700=beta:4&steps=1200: from step 500 the
// VAE's objective, from step 700 another β. The same text gives the same run, bit for bit.

export const OBJECTIVE_NAMES =
  ["ae", "sparse", "denoising", "probabilistic", "regularized", "vae"];
const WIDTH = 64, MOST_WIDTH = 512, MOST_STEPS = 1e6, MOST_SEED = 2 ** 32 - 1;

/** Values of the knobs that a text does not set; spread 0 is a Bernoulli likelihood. */
const defaultsOf = ({ inputs }) =>
  ({ lr: 0.003, lam: 0.1, sigma: 0.5, beta: 1, spread: inputs === 2 ? 0.1 : 0 });

/** "vae,beta:4" -> {objective: "vae", beta: 4}; skips what it does not know */
function readSettings(text, known) {
  const settings = {};
  for (const part of text.split(",")) {
    const [name, number] = part.split(":"), value = Number.parseFloat(number);
    if (OBJECTIVE_NAMES.includes(name)) settings.objective = name;
    else if (name in known && value >= 0 && value < Infinity) settings[name] = value;
  }
  return settings;
}

function wholeNumber(text, most, otherwise) {
  return /^\d+$/.test(text ?? "") ? Math.min(most, +text) : otherwise;
}

/** -> {dataset, width, seed, steps, changes: [[step, settings], …] in order, all at step 0} */
export function readState(text, datasets) {
  const query = new URLSearchParams(text);
  const dataset = datasets.find(({ name }) => name === query.get("data")) ?? datasets[0];
  const defaults = defaultsOf(dataset), changes = [[0, { objective: "ae", ...defaults }]];
  const steps = [...query.keys()].filter((key) => /^\d+$/.test(key)).sort((a, b) => a - b);
  for (const step of steps) changes.push([+step, readSettings(query.get(step), defaults)]);
  return {
    dataset, changes: merged(changes),
    width: Math.max(1, wholeNumber(query.get("width"), MOST_WIDTH, WIDTH)),
    seed: wholeNumber(query.get("seed"), MOST_SEED, 0),
    steps: wholeNumber(query.get("steps"), MOST_STEPS, 0),
  };
}

/** The inverse of readState. */
export function writeState({ dataset, width, seed }, changes, steps) {
  const settings = { ...defaultsOf(dataset) };
  const parts = [`data=${dataset.name}`, `width=${width}`, `seed=${seed}`];
  for (const [step, changed] of merged(changes)) {
    const items = Object.entries(changed).flatMap(([name, value]) => {
      if (settings[name] === value) return [];
      settings[name] = value;
      return name === "objective" ? [value] : [`${name}:${value}`];
    });
    if (items.length) parts.push(`${step}=${items.join(",")}`);
  }
  return [...parts, `steps=${steps}`].join("&");
}

/** One entry per step: what is changed twice before a step counts as it was last. */
function merged(changes) {
  const byStep = new Map();
  for (const [step, settings] of changes) {
    byStep.set(step, { ...byStep.get(step), ...settings });
  }
  return [...byStep];
}

// --- the text in the address of a deck or page ---------------------------------------

let used = false; // by the first view: the link leads to its slide

export function stateOfAddress() {
  if (used) return null;
  used = true;
  return new URLSearchParams(location.search).get("live");
}

export function addressOf(state) {
  const address = new URL(location.href);
  const others = Object.fromEntries(address.searchParams);
  address.search = new URLSearchParams({ ...others, live: state });
  return address.href;
}
