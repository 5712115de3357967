// Points and their reconstructions, and what the model says about their probability.

import { fixed, rewrite, short } from "./core.js";
import { drawMosaic } from "./image.js";
import { meanOf } from "./live_data.js";
import { whyNoEvidence } from "./live_objectives.js";

const DEPTHS = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500]; // nats
const P = "log <i>p</i>(<i>x</i>)", POSTERIOR = "<i>p</i>(<i>z</i>|<i>x</i>)";
const NUMBERS = [
  ["evidence", P, "exact, summed over all codes"],
  ["gap", "gap", `KL(<i>q</i> ‖ ${POSTERIOR})`],
  ["elbo", "ELBO", `${P} − gap`],
];

export const TABLE = `
  <figure class="lt-panel lt-digits">
    <table>
      <caption class="cw-title"></caption>
      <colgroup><col class="lt-heads"></colgroup>
      <tbody class="lt-images"></tbody>
      <tbody class="lt-numbers"></tbody>
    </table>
    <p class="lt-note"></p>
  </figure>`;

const cells = (count, inside) => `<td>${inside}</td>`.repeat(count);

function rowsOf(count, isPlane) {
  const images = isPlane ? "" : ["x", "x̂"].map((name) =>
    `<tr><th scope="row"><i>${name}</i></th>${
      cells(count, '<canvas role="img"></canvas>')}<td>${
      name === "x" ? "" : '<span class="lt-mean" hidden>mean</span>'}</td></tr>`).join("");
  const bars = `<tr class="lt-bars" aria-hidden="true"><th></th>${
    cells(isPlane ? 1 : count + 1, '<i class="lt-bar"></i>')}</tr>`;
  const numbers = NUMBERS.map(([name, face, title]) => `<tr class="lt-${name}">
    <th scope="row"><span class="lt-key"></span>${face}${isPlane ? ` <small>${title}</small>` : ""}</th>${
  cells(isPlane ? 0 : count, "")}<td></td></tr>`).join("");
  return { images, numbers: bars + numbers };
}

/** Draws x̂ of the shown points, and log p(x), ELBO and gap of each and their mean. For data
    in the plane, x and x̂ are in the plane, and only means stand here. */
export function makeTable(find, data, shown) {
  const isPlane = data.inputs === 2, size = data.inputs, rows = rowsOf(shown.length, isPlane);
  find(".lt-digits caption").innerHTML = isPlane
    ? `Mean of ${shown.length} test points`
    : `<span>${data.digits ? "Digits" : "Images"} <i>x</i>, their reconstructions <i>x̂</i></span>`;
  find(".lt-images").innerHTML = rows.images;
  find(".lt-numbers").innerHTML = rows.numbers;
  const canvases = [...find(".lt-images").querySelectorAll("canvas")];
  const nameOf = (i) => data.classes[data.labels[shown[i]]];
  const severalClasses = new Set(data.labels).size > 1;
  const label = (i) => (data.digits ? `digit ${nameOf(i)}` : severalClasses ? nameOf(i) : "image");
  for (const [k, canvas] of canvases.entries()) {
    const i = k % shown.length;
    canvas.setAttribute("aria-label", k < shown.length ? label(i) : `${label(i)}, reconstructed`);
    if (k < shown.length) {
      const pixels = data.test.subarray(shown[i] * size, (shown[i] + 1) * size);
      drawMosaic(canvas, Uint8Array.from(pixels, (v) => 255 * v + 0.5), 1, 1);
    }
  }
  return (frame) => {
    for (const [i, canvas] of canvases.slice(shown.length).entries()) {
      drawMosaic(canvas, frame.shown.subarray(i * size, (i + 1) * size), 1, 1);
    }
    drawNumbers(find, frame, isPlane);
  };
}

function drawNumbers(find, { evidence, settings, step }, isPlane) {
  find(".lt-numbers").hidden = !evidence;
  if (!isPlane) find(".lt-mean").hidden = !evidence;
  const note = find(".lt-digits .lt-note");
  if (!evidence) return rewrite(note, noEvidence(settings));
  const columns = columnsOf(evidence).slice(isPlane ? -1 : 0);
  const deepest = 1.5 * Math.max(...columns.map(({ gap }) => gap));
  const depth = DEPTHS.find((nats) => nats >= deepest) ?? DEPTHS.at(-1);
  for (const [name] of NUMBERS) {
    const places = find(`.lt-${name}`).querySelectorAll("td");
    columns.forEach((column, i) => {
      places[i].textContent = numberOf(column[name], isPlane);
    });
  }
  drawBars(find, columns, depth);
  rewrite(note, noteOf(evidence, settings, { now: step, isPlane }));
}

/** In three digits, as many as a column of a phone has room for. */
const numberOf = (nats, isPlane) =>
  fixed(nats, isPlane ? 2 : Number(Math.abs(nats) < 99.95));

/** The numbers of each point, then their means. */
function columnsOf({ values, bounds }) {
  const columns = values.map((value, i) =>
    ({ evidence: value, elbo: bounds[i].elbo, gap: value - bounds[i].elbo }));
  const means = Object.fromEntries(NUMBERS.map(([name]) =>
    [name, meanOf(columns.map((column) => column[name]))]));
  return [...columns, means];
}

/** The bars begin at log p(x), and are `depth` nats high; their hatched part down to the ELBO
    is the gap, as in EvidenceGap. */
function drawBars(find, columns, depth) {
  find(".lt-bars th").textContent = `↕ ${short(depth)} nats`;
  find(".lt-bars").querySelectorAll(".lt-bar").forEach((bar, i) => {
    bar.style.setProperty("--elbo", `${(100 * columns[i].gap) / depth}%`);
  });
}

const noEvidence = ({ objective }) => (objective === "vae" ? "log p(x) is being computed …"
  : whyNoEvidence(objective));

function noteOf({ converged, step }, { beta }, { now, isPlane }) {
  const parts = [
    `In nats, computed at step ${step}${step === now ? "" : ` (now ${now})`};`,
    isPlane ? `upper end of the bar: ${P}.`
      : `gap = KL(<i>q</i> ‖ ${POSTERIOR}).`,
    beta === 1 ? "" : "ELBO at <i>β</i> = 1.",
    converged ? "" : "The sum over codes is still coarse here.",
  ];
  return parts.filter(Boolean).join(" ");
}
