// Draw an image: q(z|x), reconstruction and ELBO of a drawing, computed while the pen moves.

import { drawAxes, drawTicks, marksAt, panel, PICTURE, ticks, viewBox } from "./axes.js";
import { fillChoice, markChoice, onArrows, onKeys, onPointer, positionIn } from "./controls.js";
import {
  clamp, fill, fixed, float32, callAll, inTurns, listenTo, makeSetter, put, tuple, uint8,
  debounce,
} from "./core.js";
import { drawPixels, pixelsFrom } from "./image.js";
import { makeNetwork } from "./network.js";
import { classesOf, drawDots, ellipse, makeLegend, makePlane, ringsOfPrior } from "./plane.js";
import { inSlices } from "./player.js";

const BOX = 20 / 28; // a digit's longer side, in sides of an image of MNIST
const PAPER = 420; // pixels of the paper's longer side, about, before scaling
const SHOWN = 6; // draws that are shown; one is updated while the pen moves, in turn
const LENS = 240; // pixels of its canvas; a larger one would be too slow
const BINS = 76; // of the histogram
const PENS = [["thin", 1.6], ["medium", 2.6], ["thick", 4]]; // width in 28ths of the longer side

// --- from the paper to x -----------------------------------------------------------------

/** An image like those of MNIST from a paper of side² pixels, 0 to 255: cropped, its longer
    side scaled to 20 of 28 pixels by averaging areas, its center of mass within the pixel at
    (14, 14), as in every image of MNIST, and in proportion for 14 × 14.
    -> uint8 (size²), zeros for empty paper */
export function asMnist(ink, side, size = 28) {
  const image = new Uint8Array(size * size), box = boxOf(ink, side);
  if (!box) return image;
  const scale = Math.max(box.width, box.height) / Math.round(BOX * size); // pixels for one
  const columns = intervals(box.left, box.width, scale);
  const rows = intervals(box.top, box.height, scale);
  const small = means(ink, side, columns, rows);
  let mass = 0, massX = 0, massY = 0;
  for (const [i, value] of small.entries()) {
    mass += value;
    massX += value * ((i % columns.length) + 0.5);
    massY += value * (Math.floor(i / columns.length) + 0.5);
  }
  const shift = (center, length) =>
    clamp(Math.ceil(size / 2 - center - 1e-6), 0, size - length); // nothing is cut off
  const x = shift(massX / mass, columns.length), y = shift(massY / mass, rows.length);
  for (const [i, value] of small.entries()) {
    const c = i % columns.length, r = Math.floor(i / columns.length);
    image[(y + r) * size + x + c] = Math.round(value);
  }
  return image;
}

/** An image of this shape [height, width], each pixel the mean of the grain² pixels of the
    paper under it.  -> uint8 (height · width) */
export function asItIs(ink, grain, [height, width]) {
  const columns = intervals(0, grain * width, grain), rows = intervals(0, grain * height, grain);
  return Uint8Array.from(means(ink, grain * width, columns, rows), Math.round);
}

function boxOf(ink, side) {
  let left = side, right = -1, top = side, bottom = -1;
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++, at++) {
      if (!ink[at]) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
    }
  }
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** Intervals of `scale` pixels, on from `start`: first pixel, and weights of the pixels that
    each covers. */
function intervals(start, length, scale) {
  return Array.from({ length: Math.ceil(length / scale - 1e-6) }, (_, i) => {
    const from = i * scale, to = from + scale, first = Math.floor(from + 1e-6);
    const end = Math.min(length, Math.ceil(to - 1e-6));
    return { first: start + first, weights: Array.from({ length: end - first }, (__, j) =>
      (Math.min(first + j + 1, to) - Math.max(first + j, from)) / scale) };
  });
}

/** The mean of the ink, in lines of `side` pixels, in each cell of a grid, row by row. */
function means(ink, side, columns, rows) {
  return rows.flatMap((row) => columns.map((column) => {
    let sum = 0;
    for (let i = 0; i < row.weights.length; i++) {
      const at = (row.first + i) * side + column.first;
      let line = 0;
      for (let j = 0; j < column.weights.length; j++) line += column.weights[j] * ink[at + j];
      sum += row.weights[i] * line;
    }
    return sum;
  }));
}

// --- the model ---------------------------------------------------------------------------

/** For an image x: q(z|x), decoded draws from it, and the ELBO in nats. */
export function makeEvaluator(model) {
  const encode = makeNetwork(model.get("encoder")), decode = makeNetwork(model.get("decoder"));
  const eps = float32(model.get("eps"));

  /** Probabilities of black pixels at z, and −log p(x|z) = Σ log(1 + eˡ) − x l of logits l. */
  function at(z, x) {
    const image = decode(z);
    let nll = 0;
    for (let i = 0; i < image.length; i++) {
      const logit = image[i], small = Math.exp(-Math.abs(logit)); // never overflows
      nll += Math.max(logit, 0) - x[i] * logit + Math.log1p(small);
      image[i] = (logit > 0 ? 1 : small) / (1 + small);
    }
    return { image, nll }; // the image is valid until the next call
  }

  /** `recent`: −log p(x|z) of the first draws in the last frame, until they are updated. */
  return (x, recent = []) => {
    const [mu1, mu2, logvar1, logvar2] = encode(x), logvar = [logvar1, logvar2];
    const mu = [mu1, mu2], sigma = logvar.map((value) => Math.exp(0.5 * value));
    const kl = mu.reduce((sum, m, k) =>
      sum + 0.5 * (m * m + sigma[k] ** 2 - logvar[k] - 1), 0);
    const nlls = [...recent], taken = new Set();
    const z = (i) => mu.map((m, k) => m + sigma[k] * eps[2 * i + k]);
    return {
      mu, sigma, z, nlls, draws: eps.length / 2,
      reconstruct: () => at(mu, x).image,
      /** Draw i, z = μ + σ ⊙ ε, decoded; it enters the mean of terms(). */
      draw(i = taken.size) {
        const { image, nll } = at(z(i), x);
        taken.add(i);
        nlls[i] = nll;
        return image;
      },
      has: (i) => taken.has(i),
      taken: () => taken.size,
      terms() {
        const known = nlls.filter((nll) => nll !== undefined); // also skips holes
        const nll = known.reduce((sum, value) => sum + value, 0) / known.length;
        return { elbo: -nll - kl, reconstruction: -nll, kl };
      },
    };
  };
}

// --- the view ----------------------------------------------------------------------------

const Q = "<i>q</i>(<i>z</i>|<i>x</i>)";
const kindOf = (model) => (model.get("digits") ? "digit" : "image");
const article = (kind) => (kind === "image" ? "an image" : "a digit");
const imageCanvas = ([height, width]) =>
  `<canvas width="${width}" height="${height}" role="img"></canvas>`;

const PAGE = (shape, kind) => `
  <div class="cw-row">
    <figure class="dd-draw">
      <figcaption class="cw-title">Draw ${article(kind)}</figcaption>
      <div class="cw-stage dd-paper" tabindex="0" role="application"
        aria-roledescription="paper">
        <canvas aria-hidden="true"></canvas>
        <span class="dd-hint" aria-hidden="true">draw here</span>
        <i class="dd-pen"></i>
      </div>
      <div class="cw-line dd-tools">
        <div class="dd-pens" aria-label="pen"></div>
        <button type="button" class="cw-button dd-undo">Undo</button>
        <button type="button" class="cw-button dd-clear">Clear</button>
      </div>
      <div class="cw-line dd-examples" role="group" aria-label="test ${kind}s to start from">
        <span>or take a test ${kind}</span>
      </div>
      <p class="cw-help">Mouse, pen or finger; or arrow keys, and space puts the pen down.</p>
    </figure>
    <div class="dd-images">
      <figure class="dd-pair">
        <figcaption>Input</figcaption><figcaption>Reconstruction</figcaption>
        ${imageCanvas(shape)}<span aria-hidden="true">→</span>${imageCanvas(shape)}
        <p class="cw-help"><i>x</i>, ${shape.join(" × ")}</p><p class="cw-help"><i>g</i>(<i>μ</i>)</p>
      </figure>
      <figure class="dd-draws">
        <figcaption>${SHOWN} draws <i>z</i> from ${Q}, decoded</figcaption>
        ${imageCanvas(shape).repeat(SHOWN)}
      </figure>
      <p class="dd-q"></p>
    </div>
    <figure class="cw-plane dd-plane">
      <figcaption class="cw-title"><i class="cw-key dd-key"></i>${Q} among codes of test
        ${kind}s</figcaption>
      ${panel(PICTURE, `<div class="dd-lens" aria-hidden="true">
        <canvas width="${LENS}" height="${LENS}"></canvas>
        <svg class="cw-lines"><g transform="scale(1 -1)"></g></svg><span></span></div>`)}
      <div class="cw-foot cw-legend"></div>
    </figure>
  </div>
  <div class="cw-line dd-score">
    <div>
      <p class="cw-title">Its ELBO, in nats</p>
      <div class="dd-sum" aria-hidden="true">
        <span>ELBO</span><span>=</span><span>reconstruction</span><span>−</span><span>KL</span>
        <b data-number="elbo"></b><span>=</span><b data-number="reconstruction"></b>
        <span>−</span><b data-number="kl"></b>
      </div>
      <p class="dd-result"></p>
    </div>
    <figure class="dd-histogram" aria-hidden="true">
      <figcaption class="cw-help"></figcaption>
      <div class="dd-chart">
        <svg viewBox="0 0 ${BINS} 1" preserveAspectRatio="none"><path></path></svg>
        <div class="dd-line"></div><span class="dd-here"></span>
      </div>
      <div class="cw-below"></div>
    </figure>
  </div>`;

// --- the paper -------------------------------------------------------------------------

/** An image or none, strokes on it, and the pen that keys move. Positions are shares of the
    paper's width and height. */
function newPaper(canvas, shape, digits) {
  const [height, width] = shape, longer = Math.max(...shape);
  const grain = Math.max(1, Math.round(PAPER / longer)); // pixels of the paper for one of an image
  Object.assign(canvas, { width: grain * width, height: grain * height });
  return {
    shape, digits, grain,
    alpha: new Uint8Array(canvas.width * canvas.height), // of the ink, as it was last read
    added: [], // points that hold what was drawn since then
    ink: canvas.getContext("2d", { willReadFrequently: true }),
    side: grain * longer, // of which the pen is a share
    image: null, strokes: [],
    pen: [0.5, 0.5], down: false, width: PENS[1][1],
    pointer: null, // id of the pointer that draws
  };
}

function drawPaper(paper) {
  const { ink, image, grain, shape: [, width] } = paper;
  paper.added = [[0, 0], [1, 1]];
  ink.clearRect(0, 0, ink.canvas.width, ink.canvas.height);
  for (const [i, value] of (image ?? []).entries()) {
    ink.fillStyle = `rgb(0 0 0 / ${value / 255})`;
    ink.fillRect(grain * (i % width), grain * Math.floor(i / width), grain, grain);
  }
  for (const stroke of paper.strokes) drawStroke(paper, stroke);
}

/** Draws a stroke from its point `from` on, so that extending it is cheap. */
function drawStroke({ ink, side }, { width, points }, from = 0) {
  const inPixels = ([x, y]) => [x * ink.canvas.width, y * ink.canvas.height];
  ink.lineWidth = (width * side) / 28;
  ink.lineCap = "round";
  ink.fillStyle = ink.strokeStyle = "#000000";
  for (let i = from; i < points.length; i++) {
    const [x, y] = inPixels(points[i]);
    ink.beginPath();
    if (i) {
      ink.moveTo(...inPixels(points[i - 1]));
      ink.lineTo(x, y);
      ink.stroke();
    } else {
      ink.arc(x, y, ink.lineWidth / 2, 0, 2 * Math.PI);
      ink.fill();
    }
  }
}

/** Bytes for the encoder; an image without strokes is not changed. */
function readPaper(paper) {
  const { alpha, image, strokes, grain, side, shape, digits } = paper;
  if (!strokes.length) return image ?? new Uint8Array(shape[0] * shape[1]);
  readInk(paper);
  return digits ? asMnist(alpha, side, shape[0]) : asItIs(alpha, grain, shape);
}

/** Reads what was added: a small part of the paper, since pixels cost time. */
function readInk({ ink, alpha, added, side }) {
  const { width, height } = ink.canvas, radius = (PENS.at(-1)[1] * side) / 56 + 1;
  const ends = (axis, length) => {
    const places = added.map((position) => position[axis] * length);
    const first = clamp(Math.floor(Math.min(...places) - radius), 0, length - 1);
    return [first, clamp(Math.ceil(Math.max(...places) + radius), first + 1, length)];
  };
  const [left, right] = ends(0, width), [top, bottom] = ends(1, height);
  const { data } = ink.getImageData(left, top, right - left, bottom - top);
  for (let y = top, from = 3; y < bottom; y++) {
    for (let at = y * width + left; at < y * width + right; at++, from += 4) {
      alpha[at] = data[from];
    }
  }
  added.length = 0;
}

function extend(paper, position) {
  const stroke = paper.strokes.at(-1);
  stroke.points.push(position);
  paper.added.push(...stroke.points.slice(-2));
  drawStroke(paper, stroke, stroke.points.length - 1);
  paper.pen = position.map((value) => clamp(value, 0, 1));
}

function begin(paper, position) {
  paper.strokes.push({ width: paper.width, points: [] });
  extend(paper, position);
}

/** Shows the pen if keys move it. */
function showPen(find, { pen, down, width, side, ink }, keyed) {
  const mark = find(".dd-pen");
  find(".dd-paper").classList.toggle("dd-keyed", keyed);
  mark.classList.toggle("dd-down", down);
  mark.style.left = `${100 * pen[0]}%`;
  mark.style.top = `${100 * pen[1]}%`;
  mark.style.setProperty("--width", `${(100 * width * side) / 28 / ink.canvas.width}%`);
}
const showPenAgain = (find, paper) =>
  showPen(find, paper, find(".dd-paper").classList.contains("dd-keyed"));

/** Replaces image and strokes on the paper; ends the current stroke. */
function change(find, paper, image, strokes) {
  Object.assign(paper, { image, strokes, pointer: null, down: false });
  showPenAgain(find, paper);
  drawPaper(paper);
}

function connectPointer(find, paper, drawn) {
  const stage = find(".dd-paper");
  onPointer(stage, (position, event) => {
    if (event.type === "pointerdown" && paper.pointer === null) {
      Object.assign(paper, { pointer: event.pointerId, down: false });
      begin(paper, position);
      showPen(find, paper, false);
      drawn();
    } else if (event.type === "pointermove" && event.pointerId === paper.pointer) {
      const box = stage.getBoundingClientRect(); // a fast pen has several positions per frame
      const events = event.getCoalescedEvents?.() ?? [];
      for (const e of events.length ? events : [event]) extend(paper, positionIn(box, e));
      drawn();
    }
  });
  stage.addEventListener("lostpointercapture", ({ pointerId }) => {
    if (pointerId === paper.pointer) paper.pointer = null;
  });
}

function connectKeys(find, paper, drawn, undo) {
  const stage = find(".dd-paper");
  stage.setAttribute("aria-label",
    "paper: arrow keys move a pen, space puts it down and lifts it, backspace takes back");
  onArrows(stage, (direction, event) => {
    const { width, height } = paper.ink.canvas, step = paper.side * (event.shiftKey ? 0.1 : 0.025);
    paper.pen = [step / width, -step / height].map((by, k) =>
      clamp(paper.pen[k] + by * direction[k], 0, 1));
    if (paper.down) {
      extend(paper, paper.pen);
      drawn();
    }
    showPen(find, paper, true);
  });
  onKeys(stage, [" "], () => {
    paper.down = !paper.down;
    if (paper.down) {
      begin(paper, paper.pen);
      drawn();
    }
    showPen(find, paper, true);
  });
  onKeys(stage, ["Backspace"], undo);
  stage.addEventListener("focus", () =>
    showPen(find, paper, stage.matches(":focus-visible")));
}

// --- the results -----------------------------------------------------------------------

/** The images: input of the encoder, reconstruction, and draws from q. */
function makeImages(el, shape) {
  const [input, reconstruction] = el.querySelectorAll(".dd-pair canvas");
  const draws = [...el.querySelectorAll(".dd-draws canvas")];
  input.setAttribute("aria-label", "input of the encoder");
  reconstruction.setAttribute("aria-label", "the reconstruction");
  for (const [i, canvas] of draws.entries()) canvas.setAttribute("aria-label", `draw ${i + 1}`);
  const onto = (canvas, pixels) => drawPixels(canvas.getContext("2d"), pixels, shape);
  let turn = 0; // the next draw to update
  const drawOne = (current, i) => onto(draws[i], current.draw(i));
  return {
    drawOne,
    drawInput: (x) => onto(input, x),
    draw(current, moving) {
      onto(reconstruction, current.reconstruct());
      for (let n = moving ? 1 : SHOWN; n > 0; n--) drawOne(current, turn++ % SHOWN);
    },
    clear() {
      for (const canvas of [reconstruction, ...draws]) {
        onto(canvas, new Float32Array(canvas.width * canvas.height));
      }
    },
  };
}

/** The magnified part of the plane: codes, ellipses and draws within `reach` of μ. */
function makeLens(lens, { codes, labels, markers }) {
  const ink = lens.querySelector("canvas").getContext("2d");
  return {
    draw({ mu, sigma, z }, reach, zoom, colors) {
      lens.classList.toggle("dd-left", mu[0] > 0 && mu[1] > 0);
      lens.querySelector("span").textContent = `× ${zoom}`;
      ink.clearRect(0, 0, LENS, LENS);
      drawDots(ink, codes, labels, colors, 3.7, {
        x: (z1) => (1 + (z1 - mu[0]) / reach) * LENS / 2,
        y: (z2) => (1 - (z2 - mu[1]) / reach) * LENS / 2 }, markers);
      put(lens.querySelector("svg"), { viewBox: viewBox(reach) });
      const draws = Array.from({ length: SHOWN }, (_, i) => z(i)).map(([z1, z2]) => `<circle
        class="dd-draw-of-q" r="${reach / 22}" cx="${z1 - mu[0]}" cy="${z2 - mu[1]}"/>`);
      lens.querySelector("g").innerHTML = ellipse([0, 0], sigma, 2, "dd-two")
        + ellipse([0, 0], sigma, 1, "dd-one") + draws.join("");
    },
  };
}

/** The plane of codes with the ellipse of q, or an arrow if q lies outside. */
function makePosterior(find, model) {
  const codes = float32(model.get("codes")), classes = classesOf(model);
  const { labels, markers } = classes;
  const edge = 1.05 * codes.reduce((max, value) => Math.max(max, Math.abs(value)), 1);
  const stage = find(".dd-plane .cw-stage"), plane = makePlane(stage, () => edge);
  const shown = makeLegend(find(".dd-plane .cw-legend"), classes, () => {
    colors = shown();
    plane.show();
    plane.dots(codes, labels, colors, { markers });
    redrawLens();
  });
  const lens = makeLens(find(".dd-lens"), { codes, labels, markers });
  let colors = shown(), redrawLens = () => {}; // the lens has the colors of the plane
  const marks = marksAt(ticks(-edge, edge, 6.4).filter((z) => Math.abs(z) < 0.88 * edge),
    plane.across);
  drawAxes(stage.parentElement, marks, marks, 0.97);
  stage.setAttribute("aria-label", "the posterior of the drawing on the plane of codes");

  return {
    draw(current) {
      const { mu, sigma } = current;
      const inside = mu.map((value) => clamp(value, -0.95 * edge, 0.95 * edge));
      const outside = mu.some((value, k) => value !== inside[k]);
      const angle = (180 / Math.PI) * Math.atan2(mu[1] - inside[1], mu[0] - inside[0]);
      const zoom = 2 ** clamp(Math.floor(Math.log2(edge / (3 * Math.max(...sigma)))), 0, 6);
      const reach = edge / zoom;
      plane.lines.innerHTML = ringsOfPrior() + (outside
        ? `<path class="dd-away" d="M-1-0.7L0.5 0L-1 0.7z" transform="translate(${inside})
            rotate(${angle}) scale(${edge / 22})"/>`
        : `<rect class="dd-window" x="${mu[0] - reach}" y="${mu[1] - reach}"
            width="${2 * reach}" height="${2 * reach}"/>
          ${ellipse(mu, sigma, 2, "dd-one")}`);
      redrawLens = () => lens.draw(current, reach, zoom, colors);
      redrawLens();
    },
    clear() {
      redrawLens = () => {};
      plane.lines.innerHTML = ringsOfPrior(); // the style sheet hides the lens
    },
  };
}

/** ELBO, reconstruction and KL, and the rank of the ELBO among those of test images. */
function makeScore(find, el, elbos, kind) {
  const numbers = el.querySelectorAll("[data-number]"), result = find(".dd-result");
  const lowest = elbos[0], highest = elbos.at(-1);
  drawHistogram(find(".dd-histogram"), elbos, kind);
  return {
    draw(current) {
      const terms = current.terms(), { elbo } = terms;
      for (const cell of numbers) cell.textContent = fixed(terms[cell.dataset.number], 1);
      find(".dd-sum").classList.toggle("dd-rough", current.taken() < current.draws);
      result.textContent = rankText(elbo, elbos, kind);
      const at = clamp((elbo - lowest) / (highest - lowest), 0, 1);
      find(".dd-chart").style.setProperty("--at", `${100 * at}%`);
      find(".dd-here").textContent = (elbo < lowest ? "← " : "") + fixed(elbo, 0)
        + (elbo > highest ? " →" : "");
    },
    clear() {
      for (const cell of numbers) cell.textContent = "–";
      result.textContent = `Draw ${article(kind)}, and compare it with the test ${kind}s.`;
    },
    text: (current) => (current
      ? `ELBO ${fixed(current.terms().elbo, 1)} nats. ${result.textContent}` : "the paper is empty"),
  };
}

/** 10000 -> 10 000 */
const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** The rank of an ELBO among those of test images, sorted, as text. */
function rankText(elbo, elbos, kind) {
  const all = elbos.length, count = grouped(all);
  const first = elbos.findIndex((value) => value >= elbo), below = first < 0 ? all : first;
  if (below === 0) return `Lower than all ${count} test ${kind}s.`;
  if (below === all) return `Higher than all ${count} test ${kind}s.`;
  const percent = (100 * below) / all, digits = percent < 1 || percent > 99 ? 2 : 0;
  return `Higher than ${percent.toFixed(digits)} % of the ${count} test ${kind}s.`;
}

function drawHistogram(figure, elbos, kind) {
  const low = elbos[0], high = elbos.at(-1), counts = Array.from({ length: BINS }, () => 0);
  const share = (value) => (value - low) / (high - low);
  for (const value of elbos) {
    counts[clamp(Math.floor(BINS * share(value)), 0, BINS - 1)] += 1;
  }
  const largest = Math.max(...counts);
  figure.querySelector("path").setAttribute("d",
    counts.map((n, i) => `M${i} 1V${1 - n / largest}h0.9V1z`).join(""));
  figure.querySelector("figcaption").textContent =
    `ELBOs of ${grouped(elbos.length)} test ${kind}s, and the drawing’s`;
  drawTicks(figure, marksAt(ticks(low, high), share), []);
}

/** show(bytes, penMoves) evaluates x and draws the results; while the pen moves only the images,
    and tell() the others. */
function makeView(find, el, model) {
  const evaluate = makeEvaluator(model), images = makeImages(el, model.get("shape"));
  const posterior = makePosterior(find, model);
  const score = makeScore(find, el, float32(model.get("elbos")).sort(), kindOf(model));
  let current = null; // the results for x, null for empty paper

  // At rest, the mean over all draws.
  const refine = inSlices(float32(model.get("eps")).length / 2, (i) => {
    if (current.has(i)) return;
    if (i < SHOWN) images.drawOne(current, i);
    else current.draw(i);
  }, () => {
    tell();
    announce();
  });
  const atRest = debounce(() => (current ? refine() : announce()));
  function announce() {
    find("p.cw-spoken").textContent = score.text(current); // p: the pens have such spans, too
  }

  function tell() {
    if (!current) return;
    posterior.draw(current);
    score.draw(current);
    find(".dd-q").innerHTML =
      `<i>μ</i> = ${tuple(current.mu)}<br><i>σ</i> = ${tuple(current.sigma, 3)}`;
  }

  return {
    tell,
    pause: refine.pause, // else its next slice delays the picture of an event
    show(bytes, penMoves) {
      const x = pixelsFrom(bytes), moving = current && penMoves;
      const recent = moving ? current.nlls.slice(0, SHOWN) : [];
      current = bytes.some(Boolean) ? evaluate(x, recent) : null;
      refine.cancel();
      el.classList.toggle("dd-empty", !current);
      images.drawInput(x);
      if (current) {
        images.draw(current, moving);
        if (!moving) tell();
        atRest();
      } else {
        for (const part of [images, posterior, score]) part.clear();
        find(".dd-q").textContent = "";
      }
    },
    end() {
      atRest.finish();
      refine.cancel();
    },
  };
}

/** Buttons for test images; take(bytes) replaces the drawing by one. */
function fillExamples(group, model, take) {
  const examples = model.get("examples").map(uint8), shape = model.get("shape");
  group.hidden = !examples.length;
  for (const [i, example] of examples.entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `test ${kindOf(model)} ${i + 1}`);
    button.innerHTML = imageCanvas(shape).replace('role="img"', 'aria-hidden="true"');
    drawPixels(button.firstElementChild.getContext("2d"), pixelsFrom(example), shape);
    button.addEventListener("click", () => take(example));
    group.append(button);
  }
}

function fillPens(group, choose) {
  fillChoice(group, PENS.map(([name, width]) =>
    `<i style="--dot:${2.4 * width + 2}px"></i><span class="cw-spoken">${name}</span>`),
  (i) => choose(PENS[i][1]));
  markChoice(group, 1);
}

function render({ model, el }) {
  const shape = model.get("shape");
  const find = fill(el, "draw-digit", PAGE(shape, kindOf(model)));
  el.style.setProperty("--ratio", shape[1] / shape[0]); // of width to height
  const set = makeSetter(model), view = makeView(find, el, model);
  const paper = newPaper(find(".dd-paper canvas"), shape, model.get("digits"));
  let known = new Uint8Array(0); // the last pixels that were sent or received
  const inFrames = inTurns(() => {
    known = readPaper(paper);
    set("pixels", new DataView(known.slice().buffer)); // triggers change:pixels
  }, view.tell);
  function drawn() {
    view.pause();
    inFrames();
  }
  function replace(image, strokes = []) {
    change(find, paper, image, strokes);
    drawn();
  }
  const undo = () => replace(paper.image, paper.strokes.slice(0, -1));
  function show() {
    const pixels = uint8(model.get("pixels"));
    if (pixels.some((value, i) => value !== known[i])) { // from Python
      known = pixels;
      change(find, paper, pixels.some(Boolean) ? pixels : null, []);
    }
    view.show(known, paper.pointer !== null || paper.down);
    find(".dd-undo").disabled = !paper.strokes.length;
  }

  connectPointer(find, paper, drawn);
  connectKeys(find, paper, drawn, undo);
  find(".dd-undo").addEventListener("click", undo);
  find(".dd-clear").addEventListener("click", () => replace(null));
  fillPens(find(".dd-pens"), (width) => {
    paper.width = width;
    showPenAgain(find, paper);
  });
  fillExamples(find(".dd-examples"), model, (image) => replace(image));
  const stopListening = listenTo(model, { "change:pixels": show });
  show();
  return callAll(stopListening, inFrames.cancel, set.finish, view.end);
}

export default { render };
