// The reparameterization playground: h on the axis of z, its draws, and the gradients.

import { drawTicks, INTERACTIVE, marksAt, panel, PICTURE, quarters, ticks } from "./axes.js";
import { fillChoice, markChoice, onArrows } from "./controls.js";
import {
  bytesOf, callAll, clamp, fill, fixed, float32, inTurns, listenTo, makeSetter, put, rewrite,
  short, tuple,
} from "./core.js";
import { nearestHandle, onDrag } from "./drag.js";
import { makePlane } from "./plane.js";

const TITLE = "Draws <i>z</i> = <i>μ</i> + <i>σε</i>, and the slope of <i>h</i> at each";
const ESTIMATORS = ["score function", "reparameterized"]; // the second is drawn on top
const COLORS = ["#e8710a", "#1976d2"]; // of the estimators
const CLOUD = 540; // pixels of the plane of gradients, redrawn in every frame
const WIDTH = 600, HEIGHT = 390; // of the viewBox of the axis
const CURVE = [16, 138], LANES = [152, 262], BELL = [298, 376]; // from top to bottom
const SIGMA_HANDLE = BELL[1] - (BELL[1] - BELL[0]) * Math.exp(-0.5); // height of q at μ ± σ
const GRAB_RADIUS = 24; // around a handle, in units of the viewBox
const ARROW_OFFSET = 9; // of the estimate above a handle and the exact gradient below
const CURVE_POINTS = 200;

// --- h and its gradients -------------------------------------------------------------

/** h, from its values and slopes on a lattice over [−reach, reach], by cubic interpolation. */
export function makeFunction(reach, heights, slopes) {
  const y = new Float64Array(bytesOf(heights)), dy = new Float64Array(bytesOf(slopes));
  const n = y.length, step = (2 * reach) / (n - 1);
  const cell = (z) => clamp(Math.floor((z + reach) / step), 0, n - 2);
  return {
    n, step, slopes: dy,
    height(z) {
      const i = cell(z), t = (z + reach) / step - i, s = 1 - t;
      return s * s * ((1 + 2 * t) * y[i] + t * step * dy[i])
        + t * t * ((1 + 2 * s) * y[i + 1] - s * step * dy[i + 1]);
    },
    slope(z) {
      const i = cell(z), t = (z + reach) / step - i, s = 1 - t;
      return (6 * s * t * (y[i + 1] - y[i])) / step
        + s * (1 - 3 * t) * dy[i] + t * (1 - 3 * s) * dy[i + 1];
    },
    /** ∂/∂μ and ∂/∂σ of E[h(z)], z ~ N(μ, σ²): a sum over the lattice. */
    gradient(mu, sigma) {
      let mass = 0, byMu = 0, bySigma = 0;
      for (let i = 0; i < n; i++) {
        const eps = (i * step - reach - mu) / sigma, weight = Math.exp(-0.5 * eps * eps);
        mass += weight;
        byMu += weight * dy[i];
        bySigma += weight * dy[i] * eps;
      }
      return [byMu / mass, bySigma / mass];
    },
    /** Estimates of the gradient by both estimators: for each set of ε the means over its
        first draws. */
    estimates(mu, sigma, noise, sets, draws) {
      const size = noise.length / sets;
      const estimated = ESTIMATORS.map(() => new Float64Array(2 * sets));
      for (let set = 0; set < sets; set++) {
        for (let l = 0; l < draws; l++) {
          const eps = noise[set * size + l], z = mu + sigma * eps;
          const score = this.height(z) / sigma / draws, slope = this.slope(z) / draws;
          estimated[0][2 * set] += score * eps;
          estimated[0][2 * set + 1] += score * (eps * eps - 1);
          estimated[1][2 * set] += slope;
          estimated[1][2 * set + 1] += slope * eps;
        }
      }
      return estimated;
    },
  };
}

/** Root mean squared distance of points (2N) from the exact one. */
export function rmsError([x, y], points) {
  let sum = 0;
  for (let i = 0; i < points.length; i += 2) {
    sum += (points[i] - x) ** 2 + (points[i + 1] - y) ** 2;
  }
  return Math.sqrt((2 * sum) / points.length);
}

// --- the view ------------------------------------------------------------------------

const REPARAMETERIZATION = `
  <div class="cw-line rp-choices">
    <div class="cw-line"><span>while you move:</span>
      <div class="rp-keep" aria-label="epsilon while you move"></div></div>
    <button type="button" class="cw-button">redraw ε once</button>
    <div class="cw-line"><span>draws in an average:</span>
      <div class="rp-count" aria-label="draws in an average"></div></div>
  </div>
  <div class="cw-row">
    <figure class="rp-axis">
      <figcaption class="cw-title">${TITLE}</figcaption>
      ${panel(INTERACTIVE)}
      <div class="cw-foot">
        <p class="rp-read"></p>
        <p class="rp-key"><b class="rp-blue">➞</b> slope <i>h</i>′(<i>z</i>) at each <i>z</i>; on
          <i>μ</i> the mean of <i>h</i>′(<i>z</i>), on <i>σ</i> of <i>h</i>′(<i>z</i>)<i>ε</i>
          &ensp;<b>➞</b> exact</p>
        <p class="cw-help">Drag <i>q</i>, or one of the two lower handles for <i>σ</i>. Arrow
          keys move <i>μ</i>; with shift, <i>σ</i>.</p>
      </div>
    </figure>
    <figure class="cw-plane rp-clouds">
      <figcaption class="cw-title"></figcaption>
      ${panel(PICTURE)}
      <div class="cw-foot"></div>
    </figure>
  </div>`;

const AXIS = `
  <svg class="cw-lines rp-lines" viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-hidden="true">
    <path class="rp-bell"></path><path class="rp-middle"></path><path class="rp-ties"></path>
    <path class="rp-h"></path><path class="rp-fan"></path><path class="rp-tangents"></path>
    <path class="rp-on-h"></path><path class="rp-slopes"></path><path class="rp-z"></path>
    <path class="rp-exact"></path><path class="rp-estimate"></path>
    <circle class="rp-handle" r="6" cy="${BELL[0]}"></circle>
    <circle class="rp-handle" r="5.5" cy="${SIGMA_HANDLE}"></circle>
    <circle class="rp-handle" r="5.5" cy="${SIGMA_HANDLE}"></circle>
  </svg>
  <div class="rp-words" aria-hidden="true">
    <span class="rp-name" style="top:3%"><i>h</i>(<i>z</i>)</span>
    <span style="top:40%"><i>z</i> = <i>μ</i> + <i>σε</i>
      <b class="rp-beyond"></b></span>
    <span style="top:76%"><i>q</i> = N(<i>μ</i>, <i>σ</i>²)</span>
  </div>`;

/** Positions of h and the draws in the viewBox. */
function makeScales(h, a) {
  const grid = Array.from({ length: CURVE_POINTS + 1 }, (_, i) =>
    a * ((2 * i) / CURVE_POINTS - 1));
  const heights = grid.map((z) => h.height(z));
  const lowest = Math.min(...heights), range = Math.max(...heights) - lowest || 1;
  const rise = (CURVE[1] - CURVE[0]) / range; // per unit of h
  // One scale for all arrows: the steepest slope in the middle has the length a/3.
  const steepest = Math.max(...grid.filter((z) => Math.abs(z) < 0.6 * a)
    .map((z) => Math.abs(h.slope(z)))) || 1;
  return {
    grid, heights, steepness: rise * ((2 * a) / WIDTH), // of a drawn slope of 1
    across: (z) => ((z + a) / (2 * a)) * WIDTH,
    onCurve: (height) => CURVE[1] - (height - lowest) * rise,
    length: (slope) => (WIDTH / 6) * (slope / steepest),
  };
}

/** Paths of the draws, each in its own lane. */
function pathsOfDraws(h, scales, { mu, sigma, eps }) {
  const { across, onCurve, length, steepness } = scales, middle = across(mu);
  const gap = (LANES[1] - LANES[0]) / eps.length;
  const draws = [...eps].sort((one, other) => other - one).map((e, i) => {
    const z = mu + sigma * e;
    return { x: across(z), lane: LANES[0] + (i + 0.5) * gap, y: onCurve(h.height(z)),
      slope: h.slope(z) };
  });
  const each = (line) => draws.map(line).join("");
  return {
    ties: each(({ x, y, lane }) => `M${x} ${y}V${lane}`),
    fan: each(({ x, lane }) => `M${middle} ${lane}H${x}`),
    tangents: each(({ x, y, slope }) => {
      const rise = slope * steepness, k = 17 / Math.hypot(1, rise);
      return `M${x - k} ${y + k * rise}L${x + k} ${y - k * rise}`;
    }),
    "on-h": each(({ x, y }) => `M${x} ${y}h0`),
    slopes: each(({ x, lane, slope }) => arrow(x, lane, length(slope), 5)),
    z: each(({ x, lane }) => `M${x} ${lane}h0`),
  };
}

/** Paths of q, and of the gradient and its estimate at the handles of μ and σ. */
function pathsOfQ({ grid, across, length }, { mu, sigma, exact, here }) {
  const middle = across(mu), side = across(mu + sigma);
  const bell = grid.map((z) => [across(z),
    BELL[1] - (BELL[1] - BELL[0]) * Math.exp(-0.5 * ((z - mu) / sigma) ** 2)]);
  const arrows = ([byMu, bySigma], offset) =>
    arrow(middle, BELL[0] + offset, length(byMu), 7)
    + arrow(side, SIGMA_HANDLE + offset, length(bySigma), 7);
  return {
    bell: `M0 ${BELL[1]}L${bell.map((at) => at.join(" ")).join("L")}L${WIDTH} ${BELL[1]}`,
    middle: `M${middle} ${LANES[0]}V${BELL[0]}`,
    estimate: arrows(here[1], -ARROW_OFFSET),
    exact: arrows(exact, ARROW_OFFSET),
  };
}

/** A horizontal arrow; the head is at most as long as the arrow. */
function arrow(x, y, long, head) {
  const back = Math.sign(long) * Math.min(head, Math.abs(long));
  const end = x + long, half = 0.6 * Math.abs(back);
  return `M${x} ${y}H${end}M${end - back} ${y - half}L${end} ${y}L${end - back} ${y + half}`;
}

/** The axis of z: h above, the draws in their lanes, q with its handles below. */
function makeAxis(find, el, h, a) {
  const stage = find(".rp-axis .cw-stage"), scales = makeScales(h, a);
  const { grid, heights, across, onCurve } = scales;
  stage.querySelector("canvas").remove();
  stage.insertAdjacentHTML("beforeend", AXIS);
  stage.setAttribute("aria-label",
    "q on the axis of z: arrow keys move mu, with shift they change sigma");
  const handles = [...el.querySelectorAll(".rp-handle")];
  const drawPaths = (paths) => {
    for (const [name, d] of Object.entries(paths)) put(find(`.rp-${name}`), { d });
  };
  drawPaths({ h: `M${grid.map((z, i) => `${across(z)} ${onCurve(heights[i])}`).join("L")}` });
  const free = [8, 48, 90].map((left) => [heights[2 * left], left]).sort((one, other) =>
    one[0] - other[0])[0][1]; // the label is placed where the curve is lowest
  find(".rp-name").style.left = `${free}%`;
  const marks = marksAt(ticks(-a, a, 10), (z) => across(z) / WIDTH)
    .filter(([x]) => x > 0.02 && x < 0.93);
  drawTicks(find(".rp-axis"), [...marks, [0.97, "<i>z</i>"]], []);

  return {
    stage,
    places: () => handles.map((node) => [+node.getAttribute("cx"), +node.getAttribute("cy")]),
    draw(current) {
      const { mu, sigma, eps } = current;
      drawPaths({ ...pathsOfDraws(h, scales, current), ...pathsOfQ(scales, current) });
      for (const [i, z] of [mu, mu + sigma, mu - sigma].entries()) {
        put(handles[i], { cx: across(z) });
      }
      const beyond = eps.filter((e) => Math.abs(mu + sigma * e) > a).length;
      find(".rp-beyond").textContent = beyond ? `(${beyond} beyond the edge)` : "";
      find(".rp-read").innerHTML = `<i>μ</i> = ${fixed(mu)} &emsp;<i>σ</i> = ${fixed(sigma)}`;
    },
  };
}

// --- the clouds ----------------------------------------------------------------------

/** Edge that holds the exact gradient and 98 % of the estimates; outliers would shrink the
    rest to a dot. */
function edgeOf(clouds, exact) {
  const sorted = clouds.map((cloud) => cloud.map(Math.abs).sort());
  const last = Math.floor(0.98 * sorted[0].length);
  return roundUp(Math.max(...sorted.map((values) => values[last]),
    ...exact.map((v) => 1.2 * Math.abs(v))));
}

/** Rounds up to a number whose half is short, too. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return [1, 1.5, 2, 3, 4, 6, 8, 10].find((m) => m * power >= value) * power;
}

/** How many estimates (2N) lie beyond the edge, along μ or σ. */
const countBeyond = (cloud, edge) => cloud.filter((v, i) =>
  i % 2 === 0 && Math.max(Math.abs(v), Math.abs(cloud[i + 1])) > edge).length;

function comparison([score, slope]) {
  if (!(slope > 1e-9 * score)) return "The reparameterized one has no error.";
  return `The error of the score function is ${fixed(score / slope, 1)} times as large.`;
}

/** The plane of gradients: both clouds, the estimates of the shown ε, and the exact one. */
function makeClouds(find) {
  const root = find(".rp-clouds"), stage = root.querySelector(".cw-stage");
  let edge = 1;
  const plane = makePlane(stage, () => edge, CLOUD);
  stage.setAttribute("aria-label",
    "two clouds of estimates around the exact gradient, by mu and by sigma");

  function drawLines(exact, here) {
    const s = edge / 30, [x, y] = exact;
    const circles = here.map((at, i) => {
      const [cx, cy] = at.map((v) => clamp(v, -edge, edge));
      return `<circle class="rp-here rp-estimator-${i}" cx="${cx}" cy="${cy}" r="${s}"/>`;
    });
    plane.lines.innerHTML = circles.join("")
      + `<path class="rp-cross" d="M${x - s} ${y}h${2 * s}m${-s} ${-s}v${2 * s}"/>`;
  }

  const foot = root.querySelector(".cw-foot");
  foot.innerHTML = `<div class="rp-table">${[1, 0].map((i) => `
    <span><i class="cw-key rp-dot rp-estimator-${i}"></i>${ESTIMATORS[i]}</span>
    <span>rms error <b></b></span>`).join("")}
    <span><i class="rp-plus">✚</i> exact</span><span></span></div>
    <p class="rp-result"></p>
    <p class="cw-help">Large: from the draws that the axis shows. <span></span></p>`;
  const [reparameterized, score] = foot.querySelectorAll("b");
  const [result, outside] = foot.querySelectorAll(".rp-result, .cw-help span");

  function drawFoot(exact, errors, beyond) {
    score.textContent = short(errors[0]);
    reparameterized.textContent = short(errors[1]);
    foot.querySelector(".rp-table").lastElementChild.textContent = tuple(exact);
    rewrite(result, comparison(errors));
    rewrite(outside, beyond ? `${beyond} lie beyond the edge.` : "");
  }

  return {
    draw({ clouds, exact, here, errors }) {
      edge = edgeOf(clouds, exact);
      plane.show();
      for (const [i, cloud] of clouds.entries()) {
        plane.dots(cloud, new Uint8Array(cloud.length / 2).fill(i), COLORS, { radius: 3.2 });
      }
      const inside = marksAt(quarters(edge).slice(1, -1), plane.across);
      drawTicks(root, [...inside, [0.94, "by <i>μ</i>"]], [...inside, [0.95, "by <i>σ</i>"]]);
      drawLines(exact, here);
      drawFoot(exact, errors, clouds.reduce((sum, cloud) => sum + countBeyond(cloud, edge), 0));
    },
  };
}

// --- the widget ----------------------------------------------------------------------

/** All that is drawn at μ and σ: ε, the gradient, its estimates from all sets. */
function estimate(h, noise, sets, { mu, sigma, draws, number }) {
  const first = number * noise.length / sets;
  const clouds = h.estimates(mu, sigma, noise, sets, draws), exact = h.gradient(mu, sigma);
  return { mu, sigma, clouds, exact, eps: noise.slice(first, first + draws),
    here: clouds.map((cloud) => Array.from(cloud.slice(2 * number, 2 * number + 2))),
    errors: clouds.map((cloud) => rmsError(exact, cloud)) };
}

/** Pointer and arrow keys on the axis. */
function connect(axis, model, a, setQ) {
  const getQ = () => [model.get("mu"), model.get("sigma")];
  const zAt = ([left]) => a * (2 * left - 1);
  onDrag(axis.stage, (position) => {
    const [mu, sigma] = getQ(), z = zAt(position);
    const { index, distance } = nearestHandle(axis.places(),
      [position[0] * WIDTH, position[1] * HEIGHT]);
    const wide = index > 0 && distance < GRAB_RADIUS, start = Math.abs(z - mu) || sigma;
    const offset = Math.abs(z - mu) < Math.max(2 * sigma, a / 10) ? mu - z : 0; // else μ jumps
    return { cursor: wide ? "ew-resize" : "move", drag(to, event) {
      if (event.type !== "pointermove") return; // a press does not redraw ε
      if (wide) setQ(mu, (sigma * Math.abs(zAt(to) - mu)) / start);
      else setQ(zAt(to) + offset, sigma);
    } };
  });
  onArrows(axis.stage, ([right, up], event) => {
    const [mu, sigma] = getQ();
    if (event.shiftKey || up) setQ(mu, sigma * 1.05 ** (right + up));
    else setQ(mu + (a / 100) * right, sigma);
  });
}

function render({ model, el }) {
  const find = fill(el, "reparameterization", REPARAMETERIZATION);
  const choices = model.get("choices"), limits = model.get("limits");
  const a = model.get("half_width");
  const h = makeFunction(model.get("reach"), model.get("heights"), model.get("slopes"));
  const axis = makeAxis(find, el, h, a), clouds = makeClouds(find);
  const noise = float32(model.get("noise")), sets = noise.length / Math.max(...choices);
  let current; // the result of the last estimate()

  function drawAxis() {
    current = estimate(h, noise, sets, Object.fromEntries(
      ["mu", "sigma", "draws", "number"].map((name) => [name, model.get(name)])));
    axis.draw(current);
  }
  const parts = [drawAxis, () => clouds.draw(current)];
  const draw = callAll(...parts), moved = inTurns(...parts);
  function drawChoices() {
    const count = model.get("draws");
    markChoice(find(".rp-keep"), model.get("keep") ? 0 : 1);
    markChoice(find(".rp-count"), choices.indexOf(count));
    find(".rp-clouds .cw-title").textContent =
      `${sets} gradients, from ${count} draw${count > 1 ? "s" : ""} each`;
    moved();
  }
  const set = makeSetter(model, () => {
    draw();
    const pair = ([x, y]) => `${fixed(x)} by mu, ${fixed(y)} by sigma`;
    find(".cw-spoken").textContent = `mu ${fixed(current.mu)}, sigma ${fixed(current.sigma)}. `
      + `Exact gradient ${pair(current.exact)}; reparameterized ${pair(current.here[1])}; `
      + `score function ${pair(current.here[0])}. ${comparison(current.errors)}`;
  });
  const redraw = () => set("number", (model.get("number") + 1) % sets);
  connect(axis, model, a, (mu, sigma) => {
    set("mu", clamp(mu, ...limits.mu));
    set("sigma", clamp(sigma, ...limits.sigma));
    if (!model.get("keep")) redraw();
  });
  find("button").addEventListener("click", redraw);
  fillChoice(find(".rp-keep"), ["keep ε", "redraw ε"], (i) => set("keep", i === 0));
  fillChoice(find(".rp-count"), choices.map(String), (i) => set("draws", choices[i]));
  const stopListening = listenTo(model, {
    "change:mu": moved, "change:sigma": moved, "change:number": moved,
    "change:draws": drawChoices, "change:keep": drawChoices,
  });
  drawChoices();
  draw();
  return callAll(stopListening, moved.cancel, set.finish);
}

export default { render };
