// The loss of a run and its terms, as curves.

import { ticks } from "./axes.js";
import { fixed, put, rewrite, short } from "./core.js";
import { READ_OBJECTIVES, unitOf } from "./live_objectives.js";

const MOST = 400; // points of a curve; neighbors are joined, if there are more
const QUANTILE = 0.97, ROOM = 1.1; // the first steps may be above the chart
const CURVES = ["loss", "recon", "extra"];

/** Means of the loss, of the reconstruction and of what is added, between frames. */
export function makeHistory() {
  let entries = [];
  return {
    entries: () => entries,
    add({ step, terms, settings: { objective } }) {
      if (terms.loss === undefined) return;
      const last = entries.at(-1), steps = step - (last?.step ?? 0);
      const part = (last?.part ?? 0) + (last?.objective !== objective);
      entries.push({ step, steps, objective, part, loss: terms.loss, recon: terms.recon,
        extra: terms.loss - terms.recon, kl: terms.kl });
      if (entries.length > MOST) entries = joined(entries);
    },
  };
}

/** Two neighbors of the same objective become one. */
function joined(entries) {
  const half = [];
  for (const entry of entries) {
    const last = half.at(-1);
    if (!last || last.full || last.objective !== entry.objective) {
      half.push({ ...entry, full: false });
      continue;
    }
    const steps = last.steps + entry.steps || 1, mean = { ...entry, steps, full: true };
    for (const name of CURVES) {
      mean[name] = (last.steps * last[name] + entry.steps * entry[name]) / steps;
    }
    half[half.length - 1] = mean;
  }
  return half;
}

export const CHART = `
  <figure class="lt-panel lt-curves">
    <figcaption class="cw-title">Loss <span class="lt-unit"></span></figcaption>
    <p class="lt-legend"></p>
    <div class="lt-chart" role="img" aria-label="no step has been trained yet">
      <svg class="cw-lines" viewBox="0 0 100 100" preserveAspectRatio="none"
        aria-hidden="true"><path class="lt-grid"/><path class="lt-switches"/>${
  CURVES.map((name) => `<path class="lt-${name}"/>`).join("")}</svg>
      <div class="lt-names" aria-hidden="true"></div>
      <p class="lt-empty">Press ▶ to train.</p>
    </div>
  </figure>`;

const number = (value) => (Math.abs(value) < 1e6 ? fixed(value, Math.abs(value) < 0.1 ? 4 : 2)
  : value.toExponential(1));

/** A line sample, name and value of each curve, as an equation. */
function legendOf({ objective, loss, recon, extra, kl }) {
  const sample = (name) =>
    `<svg class="cw-lines lt-sample lt-${name}" aria-hidden="true"><path d="M0 5H26"/></svg>`;
  const item = (name, text, value) =>
    `<span>${sample(name)}${text} <b>${number(value)}</b></span>`;
  const { extra: name } = READ_OBJECTIVES[objective];
  return name === undefined ? item("loss", "loss = reconstruction", loss)
    : `${item("loss", "loss", loss)} = ${item("recon", "reconstruction", recon)} + ${
      item("extra", name, extra)}${kl === undefined || Math.abs(extra - kl) < 0.005 * kl ? ""
      : ` <span>(KL <b>${number(kl)}</b>)</span>`}`;
}

/** Draws the curves of entries that have the present objective's unit. */
export function makeChart(find) {
  const names = find(".lt-names");
  return (entries, objective) => {
    const unit = unitOf(objective), same = entries.filter((e) => unitOf(e.objective) === unit);
    const other = unit === "nats" ? "squared errors" : "nats";
    find(".lt-unit").textContent = `in ${unit}${same.length < entries.length
      ? `; ${other} are not drawn` : ", mean of the batches"}`;
    find(".lt-empty").hidden = entries.length > 0;
    const last = Math.max(1, entries.at(-1)?.step ?? 1), { low, high } = rangeOf(same);
    const x = (step) => (100 * step) / last;
    const y = (value) => 100 * (1 - (value - low) / (high - low));
    const heights = same.length ? ticks(low, high, 4).filter((v) => y(v) > 6) : [];
    const starts = entries.filter((e, i) => i && e.objective !== entries[i - 1].objective);
    put(find(".lt-grid"), { d: heights.map((v) => `M0 ${y(v)}H100`).join("") });
    put(find(".lt-switches"), { d: starts.map((e) => `M${x(e.step)} 0V100`).join("") });
    for (const name of CURVES) {
      const drawn = same.filter((e) => name === "loss" || READ_OBJECTIVES[e.objective].extra);
      put(find(`.lt-chart .lt-${name}`), { d: pathOf(drawn, name, x, y) });
    }
    rewrite(names, labelsOf(heights, starts, x, y, last));
    const latest = same.at(-1)?.objective === objective ? same.at(-1) : undefined;
    rewrite(find(".lt-legend"), latest ? legendOf(latest) : "");
    find(".lt-chart").setAttribute("aria-label", latest
      ? `curves of the loss over ${last} steps; now ${find(".lt-legend").textContent} ${unit}`
      : "no step has been trained yet");
  };
}

function rangeOf(entries) {
  const low = Math.min(0, ...entries.map((e) => Math.min(e.loss, e.recon, e.extra)));
  const most = CURVES.map((name) => {
    const values = entries.map((e) => e[name]).sort((a, b) => a - b);
    return values[Math.floor(QUANTILE * (values.length - 1))] ?? 1;
  });
  return { low: ROOM * low, high: ROOM * Math.max(...most, 1e-6) };
}

/** A line through the entries, broken where the objective was changed. */
function pathOf(entries, name, x, y) {
  let before;
  return entries.map((entry) => {
    const joins = before === entry.part;
    before = entry.part;
    return `${joins ? "L" : "M"}${x(entry.step).toFixed(2)} ${y(entry[name]).toFixed(2)}`;
  }).join("");
}

function labelsOf(heights, starts, x, y, last) {
  const hasRoom = ({ step, objective }, i) => // in percent, 2 for a letter
    x((starts[i + 1]?.step ?? Infinity) - step) > 2 * READ_OBJECTIVES[objective].face.length;
  const at = (kind, place, text) => `<span class="${kind}" style="${place}">${text}</span>`;
  return [
    ...heights.map((v) => at("lt-height", `top:${y(v)}%`, short(v))),
    ...starts.filter(hasRoom).map(({ step, objective }) => at("lt-switch", x(step) < 70
      ? `left:${x(step)}%` : `right:${100 - x(step)}%`, READ_OBJECTIVES[objective].face)),
    at("lt-first", "", "step 0"), at("lt-last", "", last > 1 ? last : ""),
  ].join("");
}
