// Draw a digit: what the VAE makes of a drawing, computed while the pen moves.

const SIDE = 28, BOX = 20; // pixels of an image, and of a digit's longer side in it
const GRAIN = 15; // pixels of the paper for one of an image, where neither is scaled
const PAPER = GRAIN * SIDE;
const SHOWN = 6; // draws that are seen; they follow the pen in turns, so many a frame,
const TURN = 2; // and all others come at rest
const SLICE = 8; // ms a frame for the others
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
    return { first, shares: Array.from({ length: end - first }, (_, j) =>
      (Math.min(first + j + 1, to) - Math.max(first + j, from)) / scale) };
  });
}

// --- what the model says of x ------------------------------------------------------------

/** q(z|x) of an image, draws from it decoded, and its ELBO in nats. */
export function makeJudge(model) {
  const encode = makeNetwork(model.get("encoder")), decode = makeNetwork(model.get("decoder"));
  const eps = new Float32Array(bytesOf(model.get("eps")));

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
  <div class="dd-row">
    <figure class="dd-draw">
      <figcaption class="cw-title">Draw a digit</figcaption>
      <div class="cw-stage dd-paper" tabindex="0" role="application"
        aria-roledescription="paper" ${QUIET}>
        <canvas width="${PAPER}" height="${PAPER}" aria-hidden="true"></canvas>
        <span class="dd-hint" aria-hidden="true">draw here</span>
        <i class="dd-pen"></i>
      </div>
      <div class="dd-tools">
        <form class="dd-pens" aria-label="pen"></form>
        <button type="button" class="cw-button dd-undo" ${QUIET}>Undo</button>
        <button type="button" class="cw-button dd-clear" ${QUIET}>Clear</button>
      </div>
      <div class="dd-examples" role="group" aria-label="test digits to start from">
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
    <figure class="dd-plane">
      <figcaption class="cw-title"><i class="dd-key"></i>${Q} among codes of test digits</figcaption>
      ${panel(PICTURE, `<div class="dd-lens" aria-hidden="true">
        <canvas width="${LENS}" height="${LENS}"></canvas>
        <svg class="cw-lines"><g transform="scale(1 -1)"></g></svg><span></span></div>`)}
      <div class="cw-foot cw-legend"></div>
    </figure>
  </div>
  <div class="dd-score">
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
  </div>
  <p class="cw-spoken" aria-live="polite"></p>`;

function render({ model, el }) {
  el.classList.add("course-widget", "draw-digit");
  el.innerHTML = DRAW_PAGE;
  const find = (selector) => el.querySelector(selector);
  const paper = find(".dd-paper"), penMark = find(".dd-pen");
  const ink = paper.querySelector("canvas").getContext("2d", { willReadFrequently: true });
  const [seen, comesBack] = el.querySelectorAll(".dd-pair canvas");
  const drawn = [...el.querySelectorAll(".dd-draws canvas")];
  const spoken = find(".cw-spoken"), undo = find(".dd-undo");

  const judge = makeJudge(model);
  const codes = new Float32Array(bytesOf(model.get("codes")));
  const labels = new Uint8Array(bytesOf(model.get("labels")));
  const colors = model.get("colors");
  const elbos = new Float32Array(bytesOf(model.get("elbos"))).sort();
  const lowest = elbos[0], highest = elbos.at(-1);

  // --- what lies on the paper: an image, or none, and strokes on it ---
  let image = null, strokes = [], mine = new Uint8Array(0), penWidth = PENS[1][1];

  function drawPaper() {
    ink.clearRect(0, 0, PAPER, PAPER);
    if (image) {
      for (const [i, value] of image.entries()) {
        ink.fillStyle = `rgb(0 0 0 / ${value / 255})`;
        ink.fillRect(GRAIN * (i % SIDE), GRAIN * Math.floor(i / SIDE), GRAIN, GRAIN);
      }
    }
    for (const stroke of strokes) drawStroke(stroke);
  }

  /** From its point number `from` on, so that a stroke that grows costs no more. */
  function drawStroke({ width, points }, from = 0) {
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

  /** What is on the paper becomes x; an image without strokes goes as it is. */
  const readPaper = perFrame(() => {
    let pixels = image ?? new Uint8Array(SIDE * SIDE);
    if (strokes.length) {
      const { data } = ink.getImageData(0, 0, PAPER, PAPER), alpha = new Uint8Array(PAPER ** 2);
      for (let i = 0; i < alpha.length; i++) alpha[i] = data[4 * i + 3];
      pixels = asMnist(alpha, PAPER);
    }
    mine = pixels;
    model.set("pixels", new DataView(pixels.slice().buffer)); // comes back as change:pixels
    tellKernel();
  });

  function put(newImage, newStrokes) {
    letGo();
    [image, strokes] = [newImage, newStrokes];
    drawPaper();
    readPaper();
  }

  function heard() {
    const pixels = new Uint8Array(bytesOf(model.get("pixels")));
    if (pixels.some((value, i) => value !== mine[i])) { // from Python
      letGo();
      [image, strokes, mine] = [pixels.some(Boolean) ? pixels : null, [], pixels];
      drawPaper();
    }
    show();
  }

  // --- what the model makes of it ---
  let now = null; // the judgment of x, null for empty paper
  let turn = 0; // of the shown draws, while the pen moves
  function drawShown(i) {
    drawInk(drawn[i].getContext("2d"), now.draw(i));
  }
  function show() {
    const x = Float32Array.from(mine, (value) => value / 255), empty = !mine.some(Boolean);
    const moving = now && (drawing !== null || penDown);
    now = empty ? null : judge(x, moving ? now.nlls.slice(0, SHOWN) : []);
    cancelAnimationFrame(refining);
    el.classList.toggle("dd-empty", empty);
    undo.disabled = !strokes.length;
    drawInk(seen.getContext("2d"), x);
    if (now) {
      drawInk(comesBack.getContext("2d"), now.reconstruct());
      for (let n = moving ? TURN : SHOWN; n > 0; n--) drawShown(turn++ % SHOWN);
      const pair = (values, digits) => `(${values.map((v) => fixed(v, digits)).join(", ")})`;
      find(".dd-q").innerHTML =
        `<i>μ</i> = ${pair(now.mu, 2)}<br><i>σ</i> = ${pair(now.sigma, 3)}`;
      showPosterior();
      refineSoon();
    } else {
      const white = new Float32Array(SIDE * SIDE);
      for (const canvas of [comesBack, ...drawn]) drawInk(canvas.getContext("2d"), white);
      find(".dd-q").textContent = "";
      plane.lines.innerHTML = ringsOfPrior();
    }
    showScore();
  }

  /** The ellipses on the plane, and in the lens, which looks at μ. */
  let reach = 1; // of the lens
  function showPosterior() {
    const { mu, sigma } = now, shown = mu.map((value) => clamp(value, -0.95 * edge, 0.95 * edge));
    const away = mu.some((value, k) => value !== shown[k]);
    const zoom = 2 ** clamp(Math.floor(Math.log2(edge / (3 * Math.max(...sigma)))), 0, 6);
    reach = edge / zoom;
    const angle = (180 / Math.PI) * Math.atan2(mu[1] - shown[1], mu[0] - shown[0]);
    plane.lines.innerHTML = ringsOfPrior() + (away
      ? `<path class="dd-away" d="M-1-0.7L0.5 0L-1 0.7z" transform="translate(${shown})
          rotate(${angle}) scale(${edge / 22})"/>`
      : `<rect class="dd-window" x="${mu[0] - reach}" y="${mu[1] - reach}"
          width="${2 * reach}" height="${2 * reach}"/>
        ${ellipse(mu, sigma, 2, "dd-one")}`);
    const corner = mu[0] > 0 && mu[1] > 0;
    lens.classList.toggle("dd-left", corner);
    lens.querySelector("span").textContent = `× ${zoom}`;
    closeUp.clearRect(0, 0, LENS, LENS);
    for (let i = 0; i < labels.length; i++) {
      const z1 = codes[2 * i] - mu[0], z2 = codes[2 * i + 1] - mu[1];
      if (Math.abs(z1) > 1.1 * reach || Math.abs(z2) > 1.1 * reach) continue;
      closeUp.fillStyle = colors[labels[i]];
      closeUp.beginPath();
      closeUp.arc((1 + z1 / reach) * LENS / 2, (1 - z2 / reach) * LENS / 2, 3.7, 0, 2 * Math.PI);
      closeUp.fill();
    }
    lens.querySelector("svg").setAttribute("viewBox",
      [-reach, -reach, 2 * reach, 2 * reach].join(" "));
    lens.querySelector("g").innerHTML = ellipse([0, 0], sigma, 2, "dd-two")
      + ellipse([0, 0], sigma, 1, "dd-one")
      + drawn.map((_, i) => now.z(i)).map((z) => `<circle class="dd-draw-of-q"
          r="${reach / 22}" cx="${z[0] - mu[0]}" cy="${z[1] - mu[1]}"/>`).join("");
  }

  function showScore() {
    const numbers = el.querySelectorAll("[data-number]"), verdict = find(".dd-verdict");
    if (!now) {
      for (const cell of numbers) cell.textContent = "–";
      verdict.textContent = "Draw a digit, and see where it lies among the test digits.";
      return;
    }
    const terms = now.terms(), { elbo } = terms;
    for (const cell of numbers) cell.textContent = fixed(terms[cell.dataset.number], 1);
    find(".dd-sum").classList.toggle("dd-rough", now.taken() < now.draws);
    verdict.textContent = verdictOn(elbo, elbos);
    const at = clamp((elbo - lowest) / (highest - lowest), 0, 1);
    find(".dd-chart").style.setProperty("--at", `${100 * at}%`);
    find(".dd-here").textContent = (elbo < lowest ? "← " : "") + fixed(elbo, 0)
      + (elbo > highest ? " →" : "");
  }

  // At rest, the mean over all draws.
  let refining = 0;
  function refine() {
    const until = performance.now() + SLICE;
    for (let i = 0; now && i < now.draws && performance.now() < until; i++) {
      if (now.has(i)) continue;
      if (i < SHOWN) drawShown(i);
      else now.draw(i);
    }
    if (now && now.taken() < now.draws) refining = requestAnimationFrame(refine);
    else {
      showScore();
      spoken.textContent = now
        ? `ELBO ${fixed(now.terms().elbo, 1)} nats. ${find(".dd-verdict").textContent}`
        : "the paper is empty";
    }
  }
  const refineSoon = whenAtRest(refine);
  const tellKernel = whenAtRest(() => model.save_changes());

  // --- hands ---
  let drawing = null; // the pointer whose stroke grows
  let pen = [0.5, 0.5], penDown = false; // of the keys

  function begin(place) {
    strokes.push({ width: penWidth, points: [] });
    extend(place);
  }
  function extend(place) {
    const stroke = strokes.at(-1);
    stroke.points.push(place);
    drawStroke(stroke, stroke.points.length - 1);
    pen = place.map((value) => clamp(value, 0, 1));
    readPaper();
  }
  /** Ends the stroke that grows, before what lies on the paper changes under it. */
  function letGo() {
    drawing = null;
    penDown = false;
    showPen(paper.classList.contains("dd-keyed"));
  }
  function showPen(keyed) {
    paper.classList.toggle("dd-keyed", keyed);
    penMark.classList.toggle("dd-down", penDown);
    penMark.style.left = `${100 * pen[0]}%`;
    penMark.style.top = `${100 * pen[1]}%`;
    penMark.style.setProperty("--width", `${(100 * penWidth) / SIDE}%`);
  }

  onPointer(paper, (place, event) => {
    if (event.type === "pointerdown" && drawing === null) {
      drawing = event.pointerId;
      penDown = false;
      begin(place);
      showPen(false);
    } else if (event.type === "pointermove" && event.pointerId === drawing) {
      const box = paper.getBoundingClientRect(); // a fast hand is at several places a frame
      const places = event.getCoalescedEvents?.() ?? [];
      for (const { clientX, clientY } of places.length ? places : [event]) {
        extend([(clientX - box.left) / box.width, (clientY - box.top) / box.height]);
      }
    }
  });
  paper.addEventListener("lostpointercapture", (event) => {
    if (event.pointerId === drawing) drawing = null;
  });

  onArrows(paper, (direction, event) => {
    const step = event.shiftKey ? 0.1 : 0.025;
    pen = pen.map((value, k) => clamp(value + (k ? -step : step) * direction[k], 0, 1));
    if (penDown) extend(pen);
    showPen(true);
  });
  paper.addEventListener("keydown", (event) => {
    if (event.key !== " " && event.key !== "Backspace") return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Backspace") return takeBack();
    penDown = !penDown;
    if (penDown) begin(pen);
    showPen(true);
  });
  paper.addEventListener("focus", () => showPen(paper.matches(":focus-visible")));

  function takeBack() {
    put(image, strokes.slice(0, -1));
  }
  function onClick(button, act) {
    button.addEventListener("click", act);
    button.addEventListener("keydown", (event) => event.stopPropagation());
  }
  onClick(undo, takeBack);
  onClick(find(".dd-clear"), () => put(null, []));
  fillChoice(find(".dd-pens"), PENS.map(([name, width]) =>
    `<i style="--dot:${2.4 * width + 2}px"></i><span class="cw-spoken">${name}</span>`), (i) => {
    penWidth = PENS[i][1];
    showPen(paper.classList.contains("dd-keyed"));
  });
  markChoice(find(".dd-pens"), 1);
  const examples = model.get("examples").map((bytes) => new Uint8Array(bytesOf(bytes)));
  find(".dd-examples").hidden = !examples.length;
  for (const [i, example] of examples.entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.lmSuppressShortcuts = "true";
    button.setAttribute("aria-label", `test digit ${i + 1}`);
    button.innerHTML = LOOK_AT;
    drawInk(button.firstElementChild.getContext("2d"), Float32Array.from(example, (v) => v / 255));
    onClick(button, () => put(example, []));
    find(".dd-examples").append(button);
  }

  // --- what stays ---
  const edge = 1.05 * codes.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  const stage = find(".dd-plane .cw-stage"), lens = find(".dd-lens");
  const plane = makePlane(stage, () => edge);
  const closeUp = lens.querySelector("canvas").getContext("2d");
  closeUp.globalAlpha = 0.75;
  plane.show();
  plane.dots(codes, labels, colors);
  const marks = [];
  for (let n = 2, by = edge > 3 ? 2 : 1, z = -n * by; z <= n * by; z += by) {
    if (Math.abs(z) < 0.88 * edge) marks.push([plane.across(z), short(z)]);
  }
  drawTicks(stage.parentElement, [...marks, [0.97, "<i>z</i><sub>1</sub>"]],
    [...marks, [0.97, "<i>z</i><sub>2</sub>"]]);
  find(".dd-plane .cw-legend").innerHTML = legend(labels, colors);
  stage.setAttribute("aria-label", "where the drawing lies on the plane of codes");
  paper.setAttribute("aria-label",
    "paper: arrow keys move a pen, space puts it down and lifts it, backspace takes back");
  seen.setAttribute("aria-label", "what the encoder sees");
  comesBack.setAttribute("aria-label", "the reconstruction");
  for (const [i, canvas] of drawn.entries()) canvas.setAttribute("aria-label", `draw ${i + 1}`);
  drawHistogram(find(".dd-histogram"), elbos);

  const deafen = listen(model, { "change:pixels": heard });
  heard();

  return () => {
    deafen();
    readPaper.cancel();
    tellKernel.finish();
    refineSoon.finish();
    cancelAnimationFrame(refining);
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
  const low = elbos[0], high = elbos.at(-1), counts = new Array(BINS).fill(0);
  for (const value of elbos) {
    counts[clamp(Math.floor((BINS * (value - low)) / (high - low)), 0, BINS - 1)] += 1;
  }
  const most = Math.max(...counts);
  figure.querySelector("path").setAttribute("d",
    counts.map((n, i) => `M${i} 1V${1 - n / most}h0.9V1z`).join(""));
  figure.querySelector("figcaption").textContent =
    `ELBOs of ${grouped(elbos.length)} test digits, and the drawing’s`;
  const power = 10 ** Math.floor(Math.log10((high - low) / 4)), ticks = [];
  const step = power * [1, 2, 5].findLast((m) => m * power <= (high - low) / 4);
  for (let i = Math.ceil(low / step); i * step <= high; i++) {
    ticks.push([(i * step - low) / (high - low), short(i * step)]);
  }
  drawTicks(figure, ticks, []);
}

export default { render };
