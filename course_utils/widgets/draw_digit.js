// Draw a digit: what the VAE makes of a drawing, computed while the pen moves.

import { drawAxes, drawTicks, marksAt, panel, PICTURE, ticks, viewBox } from "./axes.js";
import { fillChoice, markChoice, onArrows, onKeys, onPointer, placeIn } from "./controls.js";
import {
  clamp, fill, fixed, float32, inTurn, listen, makeSetter, perFrame, put, tuple, uint8,
  whenAtRest,
} from "./core.js";
import { drawInk, inkOf } from "./image.js";
import { makeNetwork } from "./network.js";
import { drawDots, ellipse, legend, makePlane, ringsOfPrior } from "./plane.js";
import { inSlices } from "./player.js";

const SIDE = 28, BOX = 20; // pixels of an image, and of a digit's longer side in it
const GRAIN = 15; // pixels of the paper for one of an image, where neither is scaled
const PAPER = GRAIN * SIDE;
const SHOWN = 6; // draws that are seen; they follow the pen in turns, so many a frame,
const TURN = 2; // and all others come at rest
const LENS = 240; // pixels of its canvas: a large one would cost a frame its time
const BINS = 76; // of the histogram
const PENS = [["thin", 1.6], ["medium", 2.6], ["thick", 4]]; // width in pixels of an image

// --- from the paper to x -----------------------------------------------------------------

/** An image like MNIST's of what is on a paper of side² pixels, ink from 0 to 255: cropped,
    its longer side scaled to 20 pixels by averaging areas, its center of mass within the
    pixel at (14, 14), as in every image of MNIST.  -> uint8 (784), zeros for empty paper */
export function asMnist(ink, side) {
  const image = new Uint8Array(SIDE * SIDE), box = boxOf(ink, side);
  if (!box) return image;
  const scale = Math.max(box.width, box.height) / BOX; // pixels of the paper for one of ours
  const columns = stretches(box.width, scale), rows = stretches(box.height, scale);
  const small = [];
  let mass = 0, massX = 0, massY = 0;
  for (const [r, row] of rows.entries()) {
    for (const [c, column] of columns.entries()) {
      let sum = 0;
      for (let i = 0; i < row.shares.length; i++) {
        const at = (box.top + row.first + i) * side + box.left + column.first;
        let line = 0;
        for (let j = 0; j < column.shares.length; j++) line += column.shares[j] * ink[at + j];
        sum += row.shares[i] * line;
      }
      small.push(sum);
      mass += sum;
      massX += sum * (c + 0.5);
      massY += sum * (r + 0.5);
    }
  }
  const shift = (center, length) =>
    clamp(Math.ceil(SIDE / 2 - center - 1e-6), 0, SIDE - length); // nothing is cut off
  const x = shift(massX / mass, columns.length), y = shift(massY / mass, rows.length);
  for (const [i, sum] of small.entries()) {
    const c = i % columns.length, r = Math.floor(i / columns.length);
    image[(y + r) * SIDE + x + c] = Math.round(sum);
  }
  return image;
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

/** Stretches of `scale` pixels: where each starts, and its share in each of its pixels. */
function stretches(length, scale) {
  return Array.from({ length: Math.ceil(length / scale - 1e-6) }, (_, i) => {
    const from = i * scale, to = from + scale, first = Math.floor(from + 1e-6);
    const end = Math.min(length, Math.ceil(to - 1e-6));
    return { first, shares: Array.from({ length: end - first }, (__, j) =>
      (Math.min(first + j + 1, to) - Math.max(first + j, from)) / scale) };
  });
}

// --- what the model says of x ------------------------------------------------------------

/** q(z|x) of an image, draws from it decoded, and its ELBO in nats. */
export function makeJudge(model) {
  const encode = makeNetwork(model.get("encoder")), decode = makeNetwork(model.get("decoder"));
  const eps = float32(model.get("eps"));

  /** Pixels' probabilities of ink at z, and −log p(x|z) = Σ log(1 + eˡ) − x l of logits l. */
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

  /** `recent`: −log p(x|z) of the first draws a frame ago, until they are drawn again. */
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
      /** Draw number i, z = μ + σ ⊙ ε, decoded; it goes into the means below. */
      draw(i = taken.size) {
        const found = at(z(i), x);
        taken.add(i);
        nlls[i] = found.nll;
        return found.image;
      },
      has: (i) => taken.has(i),
      taken: () => taken.size,
      terms() {
        const known = nlls.filter((nll) => nll !== undefined); // also leaves out holes
        const nll = known.reduce((sum, value) => sum + value, 0) / known.length;
        return { elbo: -nll - kl, reconstruction: -nll, kl };
      },
    };
  };
}

// --- the view ----------------------------------------------------------------------------

const Q = "<i>q</i>(<i>z</i>|<i>x</i>)";
const LOOK_AT = `<canvas width="${SIDE}" height="${SIDE}" role="img"></canvas>`;

const DRAW_PAGE = `
  <div class="cw-row">
    <figure class="dd-draw">
      <figcaption class="cw-title">Draw a digit</figcaption>
      <div class="cw-stage dd-paper" tabindex="0" role="application"
        aria-roledescription="paper">
        <canvas width="${PAPER}" height="${PAPER}" aria-hidden="true"></canvas>
        <span class="dd-hint" aria-hidden="true">draw here</span>
        <i class="dd-pen"></i>
      </div>
      <div class="cw-line dd-tools">
        <form class="dd-pens" aria-label="pen"></form>
        <button type="button" class="cw-button dd-undo">Undo</button>
        <button type="button" class="cw-button dd-clear">Clear</button>
      </div>
      <div class="cw-line dd-examples" role="group" aria-label="test digits to start from">
        <span>or take a test digit</span>
      </div>
      <p class="cw-help">Mouse, pen or finger; or arrow keys, and space puts the pen down.</p>
    </figure>
    <div class="dd-images">
      <figure class="dd-pair">
        <figcaption>Encoder sees</figcaption><figcaption>It comes back</figcaption>
        ${LOOK_AT}<span aria-hidden="true">→</span>${LOOK_AT}
        <p class="cw-help"><i>x</i>, 28 × 28</p><p class="cw-help"><i>g</i>(<i>μ</i>)</p>
      </figure>
      <figure class="dd-draws">
        <figcaption>${SHOWN} draws <i>z</i> from ${Q}, decoded</figcaption>
        ${LOOK_AT.repeat(SHOWN)}
      </figure>
      <p class="dd-q"></p>
    </div>
    <figure class="cw-plane dd-plane">
      <figcaption class="cw-title"><i class="cw-key dd-key"></i>${Q} among codes of test
        digits</figcaption>
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
      <p class="dd-verdict"></p>
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

/** An image, or none, strokes on it, and the pen of the keys. */
const newPaper = (canvas) => ({
  ink: canvas.getContext("2d", { willReadFrequently: true }),
  image: null, strokes: [],
  pen: [0.5, 0.5], down: false, width: PENS[1][1],
  pointer: null, // whose stroke grows
});

function drawPaper({ ink, image, strokes }) {
  ink.clearRect(0, 0, PAPER, PAPER);
  for (const [i, value] of (image ?? []).entries()) {
    ink.fillStyle = `rgb(0 0 0 / ${value / 255})`;
    ink.fillRect(GRAIN * (i % SIDE), GRAIN * Math.floor(i / SIDE), GRAIN, GRAIN);
  }
  for (const stroke of strokes) drawStroke(ink, stroke);
}

/** From its point number `from` on, so that a stroke that grows costs no more. */
function drawStroke(ink, { width, points }, from = 0) {
  ink.lineWidth = width * GRAIN;
  ink.lineCap = "round";
  ink.fillStyle = ink.strokeStyle = "#000000";
  for (let i = from; i < points.length; i++) {
    const [x, y] = points[i].map((value) => value * PAPER);
    ink.beginPath();
    if (i) {
      ink.moveTo(...points[i - 1].map((value) => value * PAPER));
      ink.lineTo(x, y);
      ink.stroke();
    } else {
      ink.arc(x, y, ink.lineWidth / 2, 0, 2 * Math.PI);
      ink.fill();
    }
  }
}

/** Bytes (784) for the encoder; an image without strokes goes as it is. */
function readPaper({ ink, image, strokes }) {
  if (!strokes.length) return image ?? new Uint8Array(SIDE * SIDE);
  const { data } = ink.getImageData(0, 0, PAPER, PAPER), alpha = new Uint8Array(PAPER ** 2);
  for (let i = 0; i < alpha.length; i++) alpha[i] = data[4 * i + 3];
  return asMnist(alpha, PAPER);
}

function extend(paper, place) {
  const stroke = paper.strokes.at(-1);
  stroke.points.push(place);
  drawStroke(paper.ink, stroke, stroke.points.length - 1);
  paper.pen = place.map((value) => clamp(value, 0, 1));
}

function begin(paper, place) {
  paper.strokes.push({ width: paper.width, points: [] });
  extend(paper, place);
}

/** Shows the pen, if the keys move it. */
function showPen(find, { pen, down, width }, keyed) {
  const mark = find(".dd-pen");
  find(".dd-paper").classList.toggle("dd-keyed", keyed);
  mark.classList.toggle("dd-down", down);
  mark.style.left = `${100 * pen[0]}%`;
  mark.style.top = `${100 * pen[1]}%`;
  mark.style.setProperty("--width", `${(100 * width) / SIDE}%`);
}
const showPenAgain = (find, paper) =>
  showPen(find, paper, find(".dd-paper").classList.contains("dd-keyed"));

/** Puts an image and strokes on the paper; a stroke that grows there ends. */
function change(find, paper, image, strokes) {
  Object.assign(paper, { image, strokes, pointer: null, down: false });
  showPenAgain(find, paper);
  drawPaper(paper);
}

function connectPointer(find, paper, drawn) {
  const stage = find(".dd-paper");
  onPointer(stage, (place, event) => {
    if (event.type === "pointerdown" && paper.pointer === null) {
      Object.assign(paper, { pointer: event.pointerId, down: false });
      begin(paper, place);
      showPen(find, paper, false);
      drawn();
    } else if (event.type === "pointermove" && event.pointerId === paper.pointer) {
      const box = stage.getBoundingClientRect(); // a fast pen is at several places a frame
      const events = event.getCoalescedEvents?.() ?? [];
      for (const one of events.length ? events : [event]) extend(paper, placeIn(box, one));
      drawn();
    }
  });
  stage.addEventListener("lostpointercapture", ({ pointerId }) => {
    if (pointerId === paper.pointer) paper.pointer = null;
  });
}

function connectKeys(find, paper, drawn, takeBack) {
  const stage = find(".dd-paper");
  stage.setAttribute("aria-label",
    "paper: arrow keys move a pen, space puts it down and lifts it, backspace takes back");
  onArrows(stage, (direction, event) => {
    const step = event.shiftKey ? 0.1 : 0.025;
    paper.pen = paper.pen.map((value, k) =>
      clamp(value + (k ? -step : step) * direction[k], 0, 1));
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
  onKeys(stage, ["Backspace"], takeBack);
  stage.addEventListener("focus", () =>
    showPen(find, paper, stage.matches(":focus-visible")));
}

// --- what the model makes of it --------------------------------------------------------

const white = new Float32Array(SIDE * SIDE);

/** The images: what the encoder sees, its reconstruction, and draws from q. */
function makeImages(el) {
  const [seen, comesBack] = el.querySelectorAll(".dd-pair canvas");
  const draws = [...el.querySelectorAll(".dd-draws canvas")];
  seen.setAttribute("aria-label", "what the encoder sees");
  comesBack.setAttribute("aria-label", "the reconstruction");
  for (const [i, canvas] of draws.entries()) canvas.setAttribute("aria-label", `draw ${i + 1}`);
  const onto = (canvas, pixels) => drawInk(canvas.getContext("2d"), pixels);
  let turn = 0; // of the draws, while the pen moves
  const drawOne = (now, i) => onto(draws[i], now.draw(i));
  return {
    drawOne,
    see: (x) => onto(seen, x),
    judge(now, moving) {
      onto(comesBack, now.reconstruct());
      for (let n = moving ? TURN : SHOWN; n > 0; n--) drawOne(now, turn++ % SHOWN);
    },
    clear() {
      for (const canvas of [comesBack, ...draws]) onto(canvas, white);
    },
  };
}

/** The lens in a corner of the plane: codes, ellipses and draws around μ, up to `reach`. */
function makeLens(lens, { codes, labels, colors }) {
  const ink = lens.querySelector("canvas").getContext("2d");
  return {
    draw({ mu, sigma, z }, reach, zoom) {
      lens.classList.toggle("dd-left", mu[0] > 0 && mu[1] > 0);
      lens.querySelector("span").textContent = `× ${zoom}`;
      ink.clearRect(0, 0, LENS, LENS);
      drawDots(ink, codes, labels, colors, 3.7, {
        x: (z1) => (1 + (z1 - mu[0]) / reach) * LENS / 2,
        y: (z2) => (1 - (z2 - mu[1]) / reach) * LENS / 2 });
      put(lens.querySelector("svg"), { viewBox: viewBox(reach) });
      const draws = Array.from({ length: SHOWN }, (_, i) => z(i)).map(([z1, z2]) => `<circle
        class="dd-draw-of-q" r="${reach / 22}" cx="${z1 - mu[0]}" cy="${z2 - mu[1]}"/>`);
      lens.querySelector("g").innerHTML = ellipse([0, 0], sigma, 2, "dd-two")
        + ellipse([0, 0], sigma, 1, "dd-one") + draws.join("");
    },
  };
}

/** The plane of codes with the ellipse of q, or an arrow to it where it lies beyond. */
function makePosterior(find, model) {
  const codes = float32(model.get("codes")), labels = uint8(model.get("labels"));
  const colors = model.get("colors");
  const edge = 1.05 * codes.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  const stage = find(".dd-plane .cw-stage"), plane = makePlane(stage, () => edge);
  const lens = makeLens(find(".dd-lens"), { codes, labels, colors });
  plane.show();
  plane.dots(codes, labels, colors);
  const marks = marksAt(ticks(-edge, edge, 6.4).filter((z) => Math.abs(z) < 0.88 * edge),
    plane.across);
  drawAxes(stage.parentElement, marks, marks, 0.97);
  find(".dd-plane .cw-legend").innerHTML = legend(labels, colors);
  stage.setAttribute("aria-label", "where the drawing lies on the plane of codes");

  return {
    draw(now) {
      const { mu, sigma } = now;
      const inside = mu.map((value) => clamp(value, -0.95 * edge, 0.95 * edge));
      const away = mu.some((value, k) => value !== inside[k]);
      const angle = (180 / Math.PI) * Math.atan2(mu[1] - inside[1], mu[0] - inside[0]);
      const zoom = 2 ** clamp(Math.floor(Math.log2(edge / (3 * Math.max(...sigma)))), 0, 6);
      const reach = edge / zoom;
      plane.lines.innerHTML = ringsOfPrior() + (away
        ? `<path class="dd-away" d="M-1-0.7L0.5 0L-1 0.7z" transform="translate(${inside})
            rotate(${angle}) scale(${edge / 22})"/>`
        : `<rect class="dd-window" x="${mu[0] - reach}" y="${mu[1] - reach}"
            width="${2 * reach}" height="${2 * reach}"/>
          ${ellipse(mu, sigma, 2, "dd-one")}`);
      lens.draw(now, reach, zoom);
    },
    clear() {
      plane.lines.innerHTML = ringsOfPrior(); // the style sheet hides the lens
    },
  };
}

/** Three numbers, and a line among the test digits'. */
function makeScore(find, el, elbos) {
  const numbers = el.querySelectorAll("[data-number]"), verdict = find(".dd-verdict");
  const lowest = elbos[0], highest = elbos.at(-1);
  drawHistogram(find(".dd-histogram"), elbos);
  return {
    draw(now) {
      const terms = now.terms(), { elbo } = terms;
      for (const cell of numbers) cell.textContent = fixed(terms[cell.dataset.number], 1);
      find(".dd-sum").classList.toggle("dd-rough", now.taken() < now.draws);
      verdict.textContent = verdictOn(elbo, elbos);
      const at = clamp((elbo - lowest) / (highest - lowest), 0, 1);
      find(".dd-chart").style.setProperty("--at", `${100 * at}%`);
      find(".dd-here").textContent = (elbo < lowest ? "← " : "") + fixed(elbo, 0)
        + (elbo > highest ? " →" : "");
    },
    clear() {
      for (const cell of numbers) cell.textContent = "–";
      verdict.textContent = "Draw a digit, and see where it lies among the test digits.";
    },
    words: (now) => (now ? `ELBO ${fixed(now.terms().elbo, 1)} nats. ${verdict.textContent}`
      : "the paper is empty"),
  };
}

/** 10000 -> 10 000 */
const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** Where an ELBO lies among those of test digits, sorted, in words. */
function verdictOn(elbo, elbos) {
  const below = elbos.filter((value) => value < elbo).length, all = elbos.length;
  const count = grouped(all);
  if (below === 0) return `Far out: lower than all ${count} test digits.`;
  if (below === all) return `Higher than all ${count} test digits.`;
  const percent = (100 * below) / all, digits = percent < 1 || percent > 99 ? 2 : 0;
  return `Higher than ${percent.toFixed(digits)} % of the ${count} test digits.`;
}

function drawHistogram(figure, elbos) {
  const low = elbos[0], high = elbos.at(-1), counts = Array.from({ length: BINS }, () => 0);
  const share = (value) => (value - low) / (high - low);
  for (const value of elbos) {
    counts[clamp(Math.floor(BINS * share(value)), 0, BINS - 1)] += 1;
  }
  const most = Math.max(...counts);
  figure.querySelector("path").setAttribute("d",
    counts.map((n, i) => `M${i} 1V${1 - n / most}h0.9V1z`).join(""));
  figure.querySelector("figcaption").textContent =
    `ELBOs of ${grouped(elbos.length)} test digits, and the drawing’s`;
  drawTicks(figure, marksAt(ticks(low, high), share), []);
}

/** show(bytes, moving) judges x and draws what the model makes of it. */
function makeView(find, el, model) {
  const judge = makeJudge(model), images = makeImages(el);
  const posterior = makePosterior(find, model);
  const score = makeScore(find, el, float32(model.get("elbos")).sort());
  let now = null; // the judgment of x, null for empty paper

  // At rest, the mean over all draws.
  const refine = inSlices(float32(model.get("eps")).length / 2, (i) => {
    if (now.has(i)) return;
    if (i < SHOWN) images.drawOne(now, i);
    else now.draw(i);
  }, () => {
    score.draw(now);
    say();
  });
  const atRest = whenAtRest(() => (now ? refine() : say()));
  function say() {
    find("p.cw-spoken").textContent = score.words(now); // the pens have such names, too
  }

  return {
    show(bytes, penMoves) {
      const x = inkOf(bytes), moving = now && penMoves;
      now = bytes.some(Boolean) ? judge(x, moving ? now.nlls.slice(0, SHOWN) : []) : null;
      refine.cancel();
      el.classList.toggle("dd-empty", !now);
      images.see(x);
      if (now) {
        images.judge(now, moving);
        posterior.draw(now);
        score.draw(now);
        find(".dd-q").innerHTML =
          `<i>μ</i> = ${tuple(now.mu)}<br><i>σ</i> = ${tuple(now.sigma, 3)}`;
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

/** Buttons for test digits; take(bytes) puts one on the paper. */
function fillExamples(group, examples, take) {
  group.hidden = !examples.length;
  for (const [i, example] of examples.entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `test digit ${i + 1}`);
    button.innerHTML = LOOK_AT;
    drawInk(button.firstElementChild.getContext("2d"), inkOf(example));
    button.addEventListener("click", () => take(example));
    group.append(button);
  }
}

function fillPens(form, choose) {
  fillChoice(form, PENS.map(([name, width]) =>
    `<i style="--dot:${2.4 * width + 2}px"></i><span class="cw-spoken">${name}</span>`),
  (i) => choose(PENS[i][1]));
  markChoice(form, 1);
}

function render({ model, el }) {
  const find = fill(el, "draw-digit", DRAW_PAGE);
  const set = makeSetter(model), view = makeView(find, el, model);
  const paper = newPaper(find(".dd-paper canvas"));
  let mine = new Uint8Array(0); // what the view has last told, or was told
  const drawn = perFrame(() => {
    mine = readPaper(paper);
    set("pixels", new DataView(mine.slice().buffer)); // comes back as change:pixels
  });
  function lay(image, strokes = []) {
    change(find, paper, image, strokes);
    drawn();
  }
  const takeBack = () => lay(paper.image, paper.strokes.slice(0, -1));
  function show() {
    const pixels = uint8(model.get("pixels"));
    if (pixels.some((value, i) => value !== mine[i])) { // from Python
      mine = pixels;
      change(find, paper, pixels.some(Boolean) ? pixels : null, []);
    }
    view.show(mine, paper.pointer !== null || paper.down);
    find(".dd-undo").disabled = !paper.strokes.length;
  }

  connectPointer(find, paper, drawn);
  connectKeys(find, paper, drawn, takeBack);
  find(".dd-undo").addEventListener("click", takeBack);
  find(".dd-clear").addEventListener("click", () => lay(null));
  fillPens(find(".dd-pens"), (width) => {
    paper.width = width;
    showPenAgain(find, paper);
  });
  fillExamples(find(".dd-examples"), model.get("examples").map(uint8), (image) => lay(image));
  const stopListening = listen(model, { "change:pixels": show });
  show();
  return inTurn(stopListening, drawn.cancel, set.finish, view.end);
}

export default { render };
