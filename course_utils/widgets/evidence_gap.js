// The gap: q over the true posterior and its bound, computed in the browser.

import { drawAxes, INTERACTIVE, marksAt, panel, ticks, viewBox } from "./axes.js";
import { fillChoice, markChoice, onArrows } from "./controls.js";
import {
  clamp, fill, fixed, float32, callAll, listenTo, makeSetter, perFrame, put, short, tuple,
  uint8,
} from "./core.js";
import { nearestHandle, onDrag } from "./drag.js";
import { drawPixels, pixelsFrom } from "./image.js";
import { makePlayer, prefersReducedMotion } from "./player.js";

const DEPTH = 16; // nats below log p(x) that the bars show
const ABOVE = 1; // nats above it
const TRANSITION = 400; // ms from one q to another
const GRAB_RADIUS = 0.09; // around a handle or the center; half of the stage is 1
const HANDLES = [[1, 0], [-1, 0], [0, 1], [0, -1]]; // on the ellipse of two σ

// --- the bound -----------------------------------------------------------------------

/** The bound of any q for one image, from its log p(x, z) on a grid. */
export function makeBound([center1, center2, reach, n], values) {
  const joint = float32(values); // rows of z1, columns of z2
  const spacing = (2 * reach) / (n - 1);
  const axes = [center1, center2].map((center) =>
    Float64Array.from({ length: n }, (_, i) => center - reach + i * spacing));
  const peak = joint.reduce((a, b) => Math.max(a, b));
  const mass = joint.reduce((sum, value) => sum + Math.exp(value - peak), 0);
  const logEvidence = peak + Math.log(mass) + 2 * Math.log(spacing);

  /** N(mu, sigma²), normalized over an axis, its entropy and the mean of z². */
  function gaussian(axis, mu, sigma) {
    const powers = axis.map((z) => -0.5 * ((z - mu) / sigma) ** 2);
    const highest = powers.reduce((a, b) => Math.max(a, b)); // against underflow
    const shares = powers.map((power) => Math.exp(power - highest));
    const sum = shares.reduce((a, b) => a + b);
    let entropy = 0, square = 0;
    for (let i = 0; i < n; i++) {
      shares[i] /= sum;
      entropy -= shares[i] * (powers[i] - highest - Math.log(sum));
      square += shares[i] * axis[i] ** 2;
    }
    return { shares, entropy, square };
  }

  function bound(mu, sigma) {
    const [q1, q2] = axes.map((axis, k) => gaussian(axis, mu[k], sigma[k]));
    let mean = 0; // of log p(x, z): q1ᵀ L q2
    for (let i = 0, at = 0; i < n; i++) {
      let row = 0;
      for (let j = 0; j < n; j++, at++) row += q2.shares[j] * joint[at];
      mean += q1.shares[i] * row;
    }
    const entropy = q1.entropy + q2.entropy + 2 * Math.log(spacing);
    const logPrior = -0.5 * (q1.square + q2.square) - Math.log(2 * Math.PI);
    const elbo = mean + entropy;
    return { logEvidence, elbo, gap: logEvidence - elbo,
      reconstruction: mean - logPrior, klToPrior: -entropy - logPrior };
  }
  return { center: [center1, center2], reach, n, spacing, joint, peak, logEvidence, bound };
}

// --- the view ------------------------------------------------------------------------

const ELBO = "ELBO";
const LOG_P = "log <i>p</i>(<i>x</i>)";
const GAP = "KL(<i>q</i> ‖ <i>p</i>(<i>z</i>|<i>x</i>))";
const RECONSTRUCTION = "E<sub><i>q</i></sub>[log <i>p</i>(<i>x</i>|<i>z</i>)]";
const TO_PRIOR = "KL(<i>q</i> ‖ <i>p</i>(<i>z</i>))";

// The overlay has coordinates from -1 to 1, down is positive.
const ellipses = '<ellipse class="eg-two"></ellipse><ellipse class="eg-one"></ellipse>';
const equation = (...cells) => cells.map((cell) => `<span>${cell}</span>`).join("");
const number = (name) => `<b data-number="${name}"></b>`;

const BEST = "the Gaussian with axes along z₁ and z₂ that has the highest ELBO";

const GAP_PAGE = `
  <div class="cw-line eg-choices">
    <div class="eg-digits" aria-label="digit"></div>
    <button type="button">encoder’s <i>q</i></button>
    <button type="button" title="${BEST}">best <i>q</i></button>
  </div>
  <div class="cw-row">
    <figure class="cw-plane eg-plane">
      <figcaption class="cw-title"><i class="cw-key eg-posterior"></i>true posterior
        <i>p</i>(<i>z</i>|<i>x</i>) &emsp;<i class="cw-key eg-q"></i><i>q</i>, 1σ and
        2σ</figcaption>
      ${panel(INTERACTIVE)}
      <div class="cw-foot">
        <p class="eg-read"></p>
        <p class="cw-help">Drag <i>q</i>, or a handle to change a width. Arrow keys move
          <i>q</i>; with shift they change its widths. In the corner, the whole plane with
          the prior’s rings.</p>
      </div>
    </figure>
    <figure class="eg-bars">
      <figcaption class="cw-title">${ELBO} + ${GAP} = ${LOG_P}, in nats</figcaption>
      <div class="eg-chart" aria-hidden="true">
        <div class="eg-scale"></div>
        <div class="eg-bar eg-evidence"></div>
        <div class="eg-bar eg-elbo"></div>
        <div class="eg-bar eg-gap"></div>
        <div class="eg-line"></div>
        <span class="eg-label eg-top">${LOG_P} = ${number("logEvidence")}</span>
        <span class="eg-label eg-gap-label">${GAP} = ${number("gap")}</span>
        <span class="eg-label eg-deep">↓ beyond the chart</span>
        <span class="eg-label eg-elbo-label">${ELBO} = ${number("elbo")}</span>
      </div>
      <div class="eg-sum" aria-hidden="true">
        ${equation(ELBO, "=", RECONSTRUCTION, "−", TO_PRIOR)}
        ${equation(number("elbo"), "=", number("reconstruction"), "−", number("klToPrior"))}
      </div>
    </figure>
  </div>`;

const OVERLAY = `
  <svg class="cw-lines eg-overlay" viewBox="-1 -1 2 2" aria-hidden="true">
    ${ellipses}<circle class="eg-center" r="0.02"></circle>
    ${HANDLES.map(() => '<circle class="eg-handle" r="0.028"></circle>').join("")}
  </svg>
  <svg class="eg-map" aria-hidden="true">
    <circle class="eg-ring" r="1"></circle><circle class="eg-ring" r="2"></circle>
    <rect class="eg-window"></rect>
  </svg>`;

/** What depends on the digit only: posterior, axes, map and scale. */
function makeBackdrop(find, halfWidth) {
  const stage = find(".cw-stage"), canvas = find("canvas");
  find(".eg-map").setAttribute("viewBox", viewBox(halfWidth));

  function drawPosterior({ n, joint, peak }) {
    const heat = new ImageData(n, n);
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < n; column++) {
        const density = Math.exp(joint[column * n + n - 1 - row] - peak);
        heat.data.set([25, 118, 210, 255 * density ** 0.7], 4 * (row * n + column));
      }
    }
    canvas.width = canvas.height = n;
    canvas.getContext("2d").putImageData(heat, 0, 0);
  }

  return ({ center, reach, logEvidence, ...view }) => {
    drawPosterior(view);
    const [below, beside] = center.map((middle) =>
      marksAt(ticks(middle - reach, middle + reach), (z) => (1 + (z - middle) / reach) / 2)
        .filter(([at]) => at > 0.02 && at < 0.86));
    drawAxes(stage.parentElement, below, beside, 0.95);
    put(find(".eg-window"), { x: center[0] - reach, y: -center[1] - reach,
      width: 2 * reach, height: 2 * reach });
    const scale = [];
    for (let v = 5 * Math.floor(logEvidence / 5); v > logEvidence - DEPTH; v -= 5) {
      scale.push(`<span style="top:${down(v, logEvidence)}%">${short(v)}</span>`);
    }
    find(".eg-scale").innerHTML = scale.join("");
    find(".eg-chart").style.setProperty("--line-at", `${down(logEvidence, logEvidence)}%`);
  };
}

/** Percent of the chart's height above a value. */
function down(value, logEvidence) {
  return clamp((100 * (logEvidence + ABOVE - value)) / (DEPTH + ABOVE), 0, 100);
}

// In the window each axis is from -1 to 1, up is positive.
const placeOf = ({ center, reach }, mu) =>
  mu.map((value, k) => (value - center[k]) / reach);
const handlesOf = ({ reach }, sigma) => HANDLES.map((handle) =>
  handle.map((way, k) => way * Math.max(2 * sigma[k] / reach, 0.13))); // 0.13: apart

/** Draws q with its handles, and the bars and numbers of its bound. */
function makeQ(find, el) {
  const handles = [...el.querySelectorAll(".eg-handle")];
  return (view, mu, sigma) => {
    const [x, y] = placeOf(view, mu), terms = view.bound(mu, sigma);
    for (const [name, times] of [["one", 1], ["two", 2]]) {
      const [rx, ry] = sigma.map((value) => (times * value) / view.reach);
      put(find(`.eg-${name}`), { cx: x, cy: -y, rx, ry });
    }
    put(find(".eg-center"), { cx: x, cy: -y });
    for (const [i, [dx, dy]] of handlesOf(view, sigma).entries()) {
      put(handles[i], { cx: x + dx, cy: -y - dy });
    }
    for (const cell of el.querySelectorAll("[data-number]")) {
      cell.textContent = fixed(terms[cell.dataset.number]);
    }
    find(".eg-chart").style.setProperty("--elbo-at", `${down(terms.elbo, terms.logEvidence)}%`);
    find(".eg-deep").hidden = terms.gap <= DEPTH;
    find(".eg-map").classList.toggle("eg-aside", x > 0.3 && y > 0.3); // avoids q
    find(".eg-read").innerHTML =
      `<span><i>μ</i> = ${tuple(mu)}</span> &emsp;<span><i>σ</i> = ${tuple(sigma, 3)}</span>`;
  };
}

/** What a press at a position, -1 to 1, would drag: a handle, or q. */
function gripOfQ(view, mu, sigma, from, setQ) {
  const at = placeOf(view, mu), offset = at.map((value, k) => value - from[k]);
  const { index, distance } = nearestHandle(handlesOf(view, sigma),
    offset.map((value) => -value));
  if (distance < GRAB_RADIUS && distance < Math.hypot(...offset)) {
    const axis = HANDLES[index][0] ? 0 : 1, start = Math.abs(offset[axis]);
    return { cursor: ["ew-resize", "ns-resize"][axis],
      drag: (to) => setQ(mu, sigma.map((value, k) =>
        k === axis ? value * Math.abs(to[k] - at[k]) / start : value)) };
  }
  const inside = offset.every((value, k) =>
    Math.abs(value) < Math.max(2 * sigma[k] / view.reach, GRAB_RADIUS));
  const kept = inside ? offset : [0, 0]; // outside, q jumps to the pointer
  return { cursor: "move", drag: (to) => setQ(to.map((value, k) =>
    view.center[k] + view.reach * (value + kept[k])), sigma) };
}

/** Animates q to a new one: linear in μ, geometric in σ. */
function makeTransition(getQ, setQ) {
  const player = makePlayer();
  const transition = (q) => {
    const from = getQ().flat();
    player.start((time) => {
      const t = prefersReducedMotion() ? 1 : Math.min(1, time / TRANSITION);
      const s = t * t * (3 - 2 * t); // slow at both ends
      const moved = q.map((to, i) => t === 1 ? to
        : i < 2 ? from[i] + s * (to - from[i]) : from[i] * (to / from[i]) ** s);
      setQ(moved.slice(0, 2), moved.slice(2));
      return t < 1;
    });
  };
  return Object.assign(transition, { cancel: player.stop });
}

function fillDigits(group, model, choose) {
  const labels = model.get("labels"), [height, width] = model.get("shape");
  fillChoice(group, labels.map(() => '<canvas role="img"></canvas>'), choose);
  for (const [i, face] of group.querySelectorAll("canvas").entries()) {
    const ink = pixelsFrom(uint8(model.get("images")[i]));
    Object.assign(face, { width, height });
    face.setAttribute("aria-label", labels[i]);
    drawPixels(face.getContext("2d"), ink, [height, width]);
  }
}

/** Pointer and arrow keys on the plane. */
function connect(stage, getView, getQ, setQ, transition) {
  onDrag(stage, (position) => {
    const inWindow = ([left, top]) => [2 * left - 1, 1 - 2 * top];
    const grip = gripOfQ(getView(), ...getQ(), inWindow(position), setQ);
    return { ...grip, drag(to) {
      transition.cancel();
      grip.drag(inWindow(to));
    } };
  });
  onArrows(stage, (direction, event) => {
    transition.cancel();
    const [mu, sigma] = getQ();
    if (event.shiftKey) setQ(mu, sigma.map((value, k) => value * 1.05 ** direction[k]));
    else setQ(mu.map((value, k) => value + 0.02 * getView().reach * direction[k]), sigma);
  });
}

function render({ model, el }) {
  const find = fill(el, "evidence-gap", GAP_PAGE), stage = find(".cw-stage");
  stage.insertAdjacentHTML("beforeend", OVERLAY);
  stage.setAttribute("aria-label",
    "q over the true posterior: arrow keys move q, with shift they change its widths");
  let view; // the bound of the chosen digit
  const getQ = () => [model.get("mu"), model.get("sigma")];
  const set = makeSetter(model, () => {
    const { elbo, gap } = view.bound(...getQ());
    find(".cw-spoken").textContent =
      `ELBO ${fixed(elbo)}, KL to the true posterior ${fixed(gap)} nats`;
  });
  function setQ(mu, sigma) {
    const { center, reach, spacing } = view;
    set("mu", mu.map((value, k) => clamp(value, center[k] - reach, center[k] + reach)));
    set("sigma", sigma.map((value) => clamp(value, spacing, reach / 4)));
  }
  const transition = makeTransition(getQ, setQ);
  const drawBackdrop = makeBackdrop(find, model.get("half_width"));
  const drawQ = makeQ(find, el), draw = () => drawQ(view, ...getQ());
  function drawDigit() {
    const digit = model.get("digit");
    view = makeBound(model.get("windows")[digit], model.get("log_joints")[digit]);
    markChoice(find(".eg-digits"), digit);
    drawBackdrop(view);
    draw();
  }

  connect(stage, () => view, getQ, setQ, transition);
  for (const [i, button] of el.querySelectorAll("button").entries()) {
    const name = ["encoder_q", "best_q"][i];
    button.addEventListener("click", () => transition(model.get(name)[model.get("digit")]));
  }
  fillDigits(find(".eg-digits"), model, (index) => {
    const q = model.get("encoder_q")[index];
    transition.cancel();
    set("mu", q.slice(0, 2)); // first q, then its image: no frame mixes two digits
    set("sigma", q.slice(2));
    set("digit", index);
    set.now(); // before later moves: the kernel sets q, too
  });
  const qMoved = perFrame(draw);
  const stopListening = listenTo(model, {
    "change:digit": drawDigit, "change:mu": qMoved, "change:sigma": qMoved,
  });
  drawDigit();
  return callAll(stopListening, transition.cancel, qMoved.cancel, set.finish);
}

export default { render };
