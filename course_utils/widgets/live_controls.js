// The controls of LiveTraining: objective and knobs, data and network, play and speed.

import { fillChoice, markChoice } from "./controls.js";
import { escapeHtml, short } from "./core.js";
import { READ_OBJECTIVES } from "./live_objectives.js";
import { OBJECTIVE_NAMES } from "./live_state.js";

const KNOBS = { // round numbers from low to high; `zero`: and 0 at the left
  lam: { face: "<i>λ</i>", label: "λ, weight of the penalty", low: 0.001, high: 100, zero: 1 },
  sigma: { face: "<i>σ</i>", label: "σ, deviation of the noise", low: 0.01, high: 10, zero: 1 },
  beta: { face: "<i>β</i>", label: "β, weight of the KL", low: 0.01, high: 100, zero: 1 },
  spread: { face: "noise of <i>x</i>", label: "deviation of p(x|z)", low: 0.02, high: 1, zero: 0 },
  lr: { face: "learning rate", label: "learning rate", low: 1e-4, high: 1, zero: 0 },
};
const ROUND = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8]; // of each power of ten

/** What a knob can be, in order. */
function valuesOf({ low, high, zero }) {
  const values = zero ? [0] : [];
  for (let power = -4; power <= 2; power++) {
    values.push(...ROUND.map((n) => +`${n}e${power}`).filter((v) => v >= low && v <= high));
  }
  return values;
}

/** Index of the value that is nearest in ratio. */
function positionOf(value, values) {
  const distances = values.map((v) => Math.abs(Math.log((v || 1e-9) / (value || 1e-9))));
  return distances.indexOf(Math.min(...distances));
}

const WIDTHS = [4, 8, 16, 32, 64, 128, 256];
const SPEEDS = [[1, "1 step/s"], [10, "10 steps/s"], [100, "100 steps/s"],
  [1000, "1000 steps/s"], [0, "full speed"]];

const option = (value, text) => `<option value="${value}">${escapeHtml(String(text))}</option>`;

export const CONTROLS = `
  <div class="lt-head">
    <div class="lt-objectives" aria-label="objective"></div>
    <div class="cw-line lt-setup">
      <label>data <select class="lt-data"></select></label>
      <label>width <select class="lt-width"></select></label>
      <label>seed <input class="lt-seed" type="number" min="0" max="4294967295"></label>
    </div>
  </div>
  <div class="lt-goal">
    <p class="lt-formula"><span class="lt-smallest">minimize</span> <span
      role="math"></span></p>
    <div class="cw-line lt-knobs">${Object.entries(KNOBS).map(([name, { face, label }]) => `
      <label class="lt-knob" data-knob="${name}"><span>${face} = <b></b></span>
        <input type="range" min="0" max="${valuesOf(KNOBS[name]).length - 1}" aria-label="${label}"></label>`).join("")}
    </div>
  </div>
  <div class="cw-line lt-player">
    <button type="button" class="cw-button lt-play">▶ train</button>
    <button type="button" class="cw-button lt-step">1 step</button>
    <button type="button" class="cw-button lt-epoch">1 epoch</button>
    <button type="button" class="cw-button lt-again"
      title="a new network, step 0; the same seed gives the same one">↺ start again</button>
    <select class="lt-speed" aria-label="speed">${
  SPEEDS.map(([value, text]) => option(value, text)).join("")}</select>
    <p class="lt-when"></p>
    <div class="cw-line lt-share">
      <label>this run as text <input class="lt-state" spellcheck="false"></label>
      <button type="button" class="cw-button lt-copy"
        title="what restores this run, to share it"></button>
    </div>
  </div>
  <div class="lt-message" role="alert" hidden><p></p>
    <button type="button" class="cw-button"></button></div>`;

// --- objective and knobs -------------------------------------------------------------

/** The row of objectives, the formula, and the knobs that are in it. */
export function makeObjectives(find, { change, knobsMoved }) {
  const faces = OBJECTIVE_NAMES.map((key) => {
    const { face, name } = READ_OBJECTIVES[key];
    return `<span title="${name}">${face}</span>`;
  });
  fillChoice(find(".lt-objectives"), faces, (i) => change({ objective: OBJECTIVE_NAMES[i] }));
  const knobs = Object.entries(KNOBS).map(([name, knob]) => {
    const values = valuesOf(knob), root = find(`[data-knob=${name}]`), range = root.querySelector("input");
    const write = (value) => {
      root.querySelector("b").textContent = short(value);
      range.setAttribute("aria-valuetext", short(value));
    };
    range.addEventListener("input", () => {
      const value = values[range.value];
      write(value);
      knobsMoved({ [name]: value });
    });
    return { name, root, draw(value) {
      range.value = positionOf(value, values);
      write(value);
    } };
  });
  return function draw(settings) {
    const { objective } = settings, { formula, spoken, knobs: needed } = READ_OBJECTIVES[objective];
    markChoice(find(".lt-objectives"), OBJECTIVE_NAMES.indexOf(objective));
    const math = find(".lt-formula [role=math]");
    math.innerHTML = formula;
    math.setAttribute("aria-label", spoken);
    for (const { name, root, draw: drawKnob } of knobs) {
      root.hidden = !(name === "lr" || needed.includes(name))
        || (name === "spread" && !settings.spread); // a Bernoulli likelihood has none
      drawKnob(settings[name]);
    }
  };
}

// --- data, network, player -----------------------------------------------------------

/** Selects of data, width and seed: choose({dataset, width or seed}). */
export function makeSetup(find, datasets, choose) {
  const data = find(".lt-data"), width = find(".lt-width"), seed = find(".lt-seed");
  data.innerHTML = datasets.map(({ label }, i) => option(i, label)).join("");
  data.parentElement.hidden = datasets.length < 2;
  data.addEventListener("change", () => choose({ dataset: datasets[data.value] }));
  width.addEventListener("change", () => choose({ width: +width.value }));
  seed.addEventListener("change", () => {
    if (seed.value !== "" && seed.checkValidity()) choose({ seed: Math.floor(+seed.value) });
  });
  return function draw(plan) {
    data.value = datasets.indexOf(plan.dataset);
    const widths = [...new Set([...WIDTHS, plan.width])].sort((a, b) => a - b);
    width.innerHTML = widths.map((w) => option(w, w)).join("");
    width.value = plan.width;
    seed.value = plan.seed;
  };
}

/** The buttons, and where the training is. */
export function makePlayControls(find, { toggle, steps, epoch, again, speed }) {
  find(".lt-play").addEventListener("click", toggle);
  find(".lt-step").addEventListener("click", () => steps(1));
  find(".lt-epoch").addEventListener("click", epoch);
  find(".lt-again").addEventListener("click", again);
  const select = find(".lt-speed");
  select.value = 0;
  select.addEventListener("change", () => speed(+select.value));
  return {
    speed: () => +select.value,
    draw(trains) {
      find(".lt-play").textContent = trains ? "❚❚ pause" : "▶ train";
    },
    drawWhen({ step, stepsPerEpoch }, perSecond) {
      const speedNow = perSecond === null ? "" : `${short(perSecond)} steps/s`;
      find(".lt-when").innerHTML = `<b>step ${step}</b> <span>epoch ${
        (step / stepsPerEpoch).toFixed(1)}</span> <span>${speedNow}</span>`;
    },
  };
}

/** Steps per second over the last second of frames. */
export function makeMeter() {
  let seen = [];
  return {
    clear() {
      seen = [];
    },
    rate(step, now) {
      seen.push([now, step]);
      while (now - seen[0][0] > 1000 && seen.length > 2) seen.shift();
      const [since, from] = seen[0];
      return now > since ? (1000 * (step - from)) / (now - since) : null;
    },
  };
}
