// The replay: frames that were recorded during training, and a playhead.

import { drawTicks, marksAt, panel, PICTURE, ticks } from "./axes.js";
import { fillChoice, markChoice, onArrows, onKeys } from "./controls.js";
import {
  bytesOf, clamp, escapeHtml, fill, fixed, callAll, listenTo, makeSetter, perFrame, put, uint8,
} from "./core.js";
import { drawPixels, pixelsFrom } from "./image.js";
import { fromFloat16 } from "./network.js";
import { legend, makePlane, polyline, ringsOfPrior } from "./plane.js";
import { drawPlayButton, makePlayer, prefersReducedMotion } from "./player.js";

const PLANE = 520; // pixels of a plane, redrawn in every frame
const NEAR = 4; // half width of the close view, and the minimum of the wide one
const MARGIN = 1.04; // between the outermost codes and the edge
const EPOCHS_PER_SECOND = 4; // at least; a long training plays in PLAY_TIME
const PLAY_TIME = 4; // seconds
const ZOOM = 90; // ms, time constant of the edge
const LABEL = 17; // height of a line of text, percent of the chart
const SHADE = 17; // 255 / 15, for 4-bit pixels

// --- recorded data -------------------------------------------------------------------

/** Pixels from 0 to 255, stored as two per byte, the first in the high half. */
export function pixelsOf(view) {
  const pairs = uint8(view), pixels = new Uint8Array(2 * pairs.length);
  for (let i = 0; i < pairs.length; i++) {
    pixels[2 * i] = SHADE * (pairs[i] >> 4);
    pixels[2 * i + 1] = SHADE * (pairs[i] & 15);
  }
  return pixels;
}

/** Codes between two epochs, interpolated linearly. */
export function codesBetween(before, after, share, codes) {
  for (let i = 0; i < codes.length; i++) {
    codes[i] = before[i] + share * (after[i] - before[i]);
  }
  return codes;
}

/** Standard deviations along both axes, and how many codes lie beyond the edge. */
export function describe(codes, edge) {
  const n = codes.length / 2, sum = [0, 0], squares = [0, 0];
  let outside = 0;
  for (let i = 0; i < codes.length; i += 2) {
    for (const k of [0, 1]) {
      sum[k] += codes[i + k];
      squares[k] += codes[i + k] ** 2;
    }
    if (Math.abs(codes[i]) > edge || Math.abs(codes[i + 1]) > edge) outside++;
  }
  const deviation = (k) => Math.sqrt(Math.max(0, squares[k] / n - (sum[k] / n) ** 2));
  return { std: [deviation(0), deviation(1)], outside, n };
}

/** Curves of a model's terms; equal curves are joined under both names. */
export function curvesOf(frames, index) {
  const epochs = frames.slice(1).map((frame) => frame.terms[index]);
  const curves = [];
  for (const name of Object.keys(Object.assign({}, ...epochs))) {
    const values = epochs.map((terms) => terms[name] ?? NaN);
    const equal = curves.find((curve) =>
      curve.values.every((value, i) => Object.is(value, values[i])));
    if (equal) equal.name += ` = ${name}`;
    else curves.push({ name, values });
  }
  return curves;
}

// --- the view ------------------------------------------------------------------------

const REPLAY = `
  <div class="tr-columns" tabindex="0" role="group"
    aria-label="the models' planes of codes: space plays, arrow keys step"></div>
  <div class="cw-line tr-timeline">
    <button type="button" class="cw-button tr-play"></button>
    <input type="range" min="0" step="1" aria-label="epoch">
    <output class="tr-when"></output>
    <form class="tr-zoom" aria-label="part of the planes"></form>
  </div>
  <div class="cw-line tr-foot">
    <span class="cw-legend"></span>
    <span class="cw-help">Dashed: 1, 2, 3 standard deviations of the prior. Between two
      epochs the points move in a straight line.</span>
  </div>`;

const COLUMN = `
  <figure class="tr-model">
    <figcaption class="cw-title"><span class="tr-name"></span>
      <span class="tr-std"></span></figcaption>
    ${panel(PICTURE)}
    <div class="tr-data">
      <div class="tr-images">
        <i>x</i><canvas role="img"></canvas>
        <i>x̂</i><canvas role="img"></canvas>
      </div>
      <div class="tr-chart" role="img">
        <div class="tr-plot"><svg class="cw-lines" preserveAspectRatio="none"></svg>
          <div class="tr-playhead"></div></div>
        <div class="tr-labels"></div>
      </div>
    </div>
  </figure>`;

/** The chart of a model's terms; each line has its name, and its value at the playhead. */
function makeChart(root, name) {
  const chart = root.querySelector(".tr-chart"), svg = chart.querySelector("svg");
  const labels = chart.querySelector(".tr-labels");
  let curves = [], last = 1;
  const x = (epoch) => (100 * epoch) / last;
  return {
    draw(terms, epochs) {
      curves = terms;
      last = Math.max(1, epochs);
      const all = curves.flatMap(({ values }) => values).filter(Number.isFinite);
      const low = Math.min(0, ...all), high = Math.max(...all, low + 1e-9);
      const y = (value) => 100 * (1 - (value - low) / (high - low));
      put(svg, { viewBox: "0 0 100 100" });
      svg.innerHTML = curves.map(({ values }, i) =>
        polyline(values.map((value, k) => [x(k + 1), y(value)])
          .filter((at) => Number.isFinite(at[1])), `tr-term-${i % 4}`)).join("");
      const places = spread(curves.map(({ values }) => y(values.at(-1))));
      labels.innerHTML = curves.map((curve, i) =>
        `<span class="tr-term-${i % 4}" style="top:${places[i]}%">${escapeHtml(curve.name)}
          <b></b></span>`).join("");
    },
    movePlayhead(position) {
      chart.querySelector(".tr-playhead").style.left = `${x(position)}%`;
    },
    showValues(epoch) {
      const cells = labels.querySelectorAll("b");
      const texts = curves.map((curve, i) => {
        const value = epoch ? curve.values[epoch - 1] : NaN; // terms may be missing
        cells[i].textContent = Number.isFinite(value) ? fixed(value, 1) : "";
        return `${curve.name} ${cells[i].textContent}`.trim();
      });
      chart.setAttribute("aria-label", `terms of the loss of ${name}: ${texts.join(", ")}`);
    },
  };
}

/** Positions of labels, percent from the top: in order, without overlap, inside the chart. */
function spread(wanted) {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b] || a - b);
  const positions = [];
  for (const [rank, i] of order.entries()) {
    const above = rank ? positions[order[rank - 1]] + LABEL : 0;
    positions[i] = Math.max(above, Number.isFinite(wanted[i]) ? wanted[i] : 0);
  }
  for (let rank = order.length - 1, below = 100; rank >= 0; rank--) {
    const i = order[rank];
    positions[i] = Math.min(positions[i], below);
    below = positions[i] - LABEL;
  }
  return positions;
}

/** A model's column: its plane, its images and its chart. */
function makeColumn(root, name, index, { labels, colors, digits, originals, at }) {
  const find = (selector) => root.querySelector(selector), stage = find(".cw-stage");
  const plane = makePlane(stage, () => at.edge, PLANE), chart = makeChart(root, name);
  plane.lines.innerHTML = ringsOfPrior();
  stage.insertAdjacentHTML("beforeend", '<div class="tr-outside"></div>');
  stage.setAttribute("aria-label", `codes of ${name}`);
  find(".tr-name").textContent = name;
  const [above, below] = root.querySelectorAll(".tr-images canvas");
  above.setAttribute("aria-label", `digits ${digits.join(", ")}`);
  below.setAttribute("aria-label", `the same digits, reconstructed by ${name}`);
  drawStrip(above, originals, digits.length);
  const codes = new Float32Array(2 * labels.length);
  let shown; // the epoch of images and values
  return {
    read(frames) {
      chart.draw(curvesOf(frames, index), frames.length - 1);
      shown = -1;
    },
    draw(frames) {
      const last = frames.length - 1, before = Math.min(Math.floor(at.position), last);
      const from = frames[before], to = frames[Math.min(before + 1, last)];
      codesBetween(from.codes[index], to.codes[index], at.position - before, codes);
      plane.show();
      plane.dots(codes, labels, colors, 5);
      const { std, outside, n } = describe(codes, at.edge);
      find(".tr-std").textContent = `std ${std.map((s) => fixed(s)).join(", ")}`;
      find(".tr-outside").textContent = outside ? `${outside} of ${n} outside` : "";
      chart.movePlayhead(at.position);
      if (shown === epochOf(at)) return;
      shown = epochOf(at);
      drawStrip(below, frames[shown].images[index], digits.length);
      chart.showValues(shown);
    },
  };
}

/** `count` images side by side. */
function drawStrip(canvas, pixels, count) {
  const side = Math.floor(Math.sqrt(Math.floor(pixels.length / count)));
  const ink = canvas.getContext("2d"), size = side * side;
  if (canvas.height !== side) put(canvas, { width: side * count, height: side });
  for (let i = 0; i < count; i++) {
    drawPixels(ink, pixelsFrom(pixels.subarray(i * size, (i + 1) * size)), i * side, 0);
  }
}

/** All columns, and the decoded frames. */
function makeColumns(el, model, at) {
  const labels = uint8(model.get("labels")), colors = model.get("colors");
  const originals = pixelsOf(model.get("originals")), digits = model.get("digits");
  const place = el.querySelector(".tr-columns"), names = model.get("names");
  place.innerHTML = COLUMN.repeat(names.length);
  el.querySelector(".cw-legend").innerHTML = legend(labels, colors);
  const columns = [...place.children].map((root, i) =>
    makeColumn(root, names[i], i, { labels, colors, digits, originals, at }));
  let frames;
  return {
    last: () => frames.length - 1,
    /** The half width for the codes of all frames. */
    wide: () => Math.max(NEAR, MARGIN * Math.max(...frames.map(({ reach }) => reach))),
    read() {
      frames = model.get("frames").map(({ codes, images, ...frame }) => ({ ...frame,
        codes: codes.map((view) => fromFloat16(new Uint16Array(bytesOf(view)))),
        images: images.map(pixelsOf) }));
      for (const column of columns) column.read(frames);
    },
    draw() {
      for (const column of columns) column.draw(frames);
    },
  };
}

// --- the playhead --------------------------------------------------------------------

// `at`: position, between epochs; goal, a whole epoch; playing; edge of all planes, animated.
const epochOf = (at) => Math.round(at.position);

/** Moves position and edge for `passed` ms.  -> whether both have arrived */
function advance(at, edge, last, passed) {
  const rate = at.playing ? Math.max(EPOCHS_PER_SECOND, last / PLAY_TIME)
    : EPOCHS_PER_SECOND * Math.max(1, at.goal - at.position); // new frames may come faster
  at.position = Math.min(at.goal, at.position + rate * passed / 1000);
  at.edge += (edge - at.edge) * (1 - Math.exp(-passed / ZOOM));
  if (Math.abs(at.edge / edge - 1) < 0.003) at.edge = edge;
  return at.position >= at.goal && at.edge === edge;
}

function playOrPause(at, last) {
  if (at.playing) at.goal = Math.ceil(at.position); // stop at a recorded epoch
  else {
    if (at.position >= last) at.position = 0;
    at.goal = last;
  }
  at.playing = !at.playing && last > 0;
}

/** Moves the playhead frame by frame, and draws what depends on it. */
function makeMotion(find, el, model, { at, columns, wanted, set }) {
  const player = makePlayer(), range = find("input[type=range]"), when = find(".tr-when");
  const drawButton = () =>
    drawPlayButton(find(".tr-play"), at.playing, "play", "pause", "❚❚");
  let edge; // of the drawn ticks
  function draw() {
    const epoch = epochOf(at), last = columns.last();
    if (edge !== at.edge) drawEdge(el, edge = at.edge);
    columns.draw();
    range.value = epoch;
    const text = epoch ? `epoch ${epoch} of ${last}` : "before training";
    if (when.textContent === text) return;
    when.textContent = text;
    range.setAttribute("aria-valuetext", text);
  }
  const moved = perFrame(draw);
  function move(time, passed) {
    const arrived = advance(at, wanted(), columns.last(), passed);
    draw();
    if (epochOf(at) !== model.get("epoch")) model.set("epoch", epochOf(at));
    if (!arrived) return true;
    at.playing = false;
    drawButton();
    set("epoch", epochOf(at)); // and sent to the kernel
    return false;
  }
  function go() {
    drawButton();
    if (!player.plays()) player.start(move);
  }
  function jump(epoch) {
    at.position = at.goal = clamp(epoch, 0, columns.last());
    at.playing = false;
    drawButton();
    set("epoch", at.goal);
    moved();
  }
  function end() {
    player.stop();
    moved.cancel();
  }
  drawButton();
  return { draw, go, jump, end };
}

function drawEdge(el, edge) {
  const marks = marksAt(ticks(-edge, edge, 6.4).filter((v) => Math.abs(v) < 0.97 * edge),
    (value) => (1 + value / edge) / 2);
  drawTicks(el, marks, marks);
}

/** Keys, slider and buttons. */
function connect(find, set, { jump, step, toggle }) {
  const columns = find(".tr-columns"), range = find("input[type=range]");
  for (const node of [columns, range]) { // buttons handle space
    onKeys(node, [" "], (key, event) => event.repeat || toggle());
  }
  onArrows(columns, ([right, up]) => step(right + up));
  columns.addEventListener("keydown", (event) => {
    const others = ["Enter", "Home", "End", "PageUp", "PageDown"]; // slides use them
    if (others.includes(event.key)) event.stopPropagation();
  });
  range.addEventListener("input", () => jump(+range.value));
  find(".tr-play").addEventListener("click", toggle);
  fillChoice(find(".tr-zoom"), ["all codes", "the prior"],
    (choice) => set("near", choice === 1));
}

function render({ model, el }) {
  const find = fill(el, "training-replay", REPLAY), start = model.get("epoch");
  const at = { position: start, goal: start, playing: false, edge: NEAR };
  const columns = makeColumns(el, model, at);
  const wanted = () => (model.get("near") ? NEAR : columns.wide());
  const set = makeSetter(model, () => {
    find(".cw-spoken").textContent = find(".tr-when").textContent;
  });
  const motion = makeMotion(find, el, model, { at, columns, wanted, set });

  function readFrames() {
    columns.read();
    find("input[type=range]").max = columns.last();
    find(".tr-zoom").hidden = columns.wide() <= 1.25 * NEAR;
  }
  function framesAdded() {
    const newest = columns.last();
    readFrames();
    if (at.goal === newest) at.goal = columns.last(); // it was at the newest frame
    if (prefersReducedMotion()) at.position = at.goal;
    zoomed();
  }
  function zoomed() {
    markChoice(find(".tr-zoom"), +model.get("near"));
    if (prefersReducedMotion()) at.edge = wanted();
    motion.go();
  }

  connect(find, set, {
    jump: motion.jump, step: (by) => motion.jump(epochOf(at) + by),
    toggle() {
      playOrPause(at, columns.last());
      motion.go();
    },
  });
  const stopListening = listenTo(model, {
    "change:frames": framesAdded, "change:near": zoomed,
    "change:epoch"() {
      if (model.get("epoch") !== epochOf(at)) motion.jump(model.get("epoch"));
    },
  });
  readFrames();
  markChoice(find(".tr-zoom"), +model.get("near"));
  at.edge = wanted();
  motion.draw();
  return callAll(stopListening, motion.end, set.finish);
}

export default { render };
