// The latent walk: decodes in the browser, so that the picture keeps up with the hand.
//
// Of the model it uses get, set, on, off and save_changes, nothing else, so that a page
// without a kernel can stand in for it.

const POINTS = 21; // a side of the lattice
const MIDDLE = (POINTS - 1) / 2; // number of the row and column of z = (0, 0)
const RESOLUTION = 840; // of the plane; more than the pixels of a dense screen
const REST = 100; // ms without a move until the kernel hears of z
const SLICE = 8; // ms a frame for the lattice, so that the page stays alive

// --- the decoder ---------------------------------------------------------------------

function bytesOf(view) {
  return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
}

/** float16 to float32: the same bits, further left, and 2^112 for the other exponent. */
function fromHalf(halves) {
  const numbers = new Float32Array(halves.length);
  const bits = new Uint32Array(numbers.buffer);
  for (let i = 0; i < halves.length; i++) {
    bits[i] = (halves[i] & 0x7fff) << 13;
    numbers[i] *= halves[i] & 0x8000 ? -(2 ** 112) : 2 ** 112;
  }
  return numbers;
}

function linear(nIn, nOut, weights, bias) {
  const y = new Float32Array(nOut);
  return (x) => {
    let i = 0;
    for (; i + 4 <= nOut; i += 4) {
      // four sums at a time keep the processor's pipeline full: 2 to 4 times faster
      const row0 = i * nIn, row1 = row0 + nIn, row2 = row1 + nIn, row3 = row2 + nIn;
      let sum0 = bias[i], sum1 = bias[i + 1], sum2 = bias[i + 2], sum3 = bias[i + 3];
      for (let j = 0; j < nIn; j++) {
        const value = x[j];
        sum0 += weights[row0 + j] * value;
        sum1 += weights[row1 + j] * value;
        sum2 += weights[row2 + j] * value;
        sum3 += weights[row3 + j] * value;
      }
      y[i] = sum0; y[i + 1] = sum1; y[i + 2] = sum2; y[i + 3] = sum3;
    }
    for (; i < nOut; i++) {
      let sum = bias[i];
      for (let j = 0; j < nIn; j++) sum += weights[i * nIn + j] * x[j];
      y[i] = sum;
    }
    return y;
  };
}

function inPlace(f) {
  return (x) => {
    for (let i = 0; i < x.length; i++) x[i] = f(x[i]);
    return x;
  };
}

/** z, two numbers, to the pixels of an image, ink from 0 to 1: valid until the next call. */
export function makeDecoder(layers, weights) {
  const numbers = fromHalf(new Uint16Array(bytesOf(weights)));
  let at = 0;
  const take = (count) => numbers.subarray(at, (at += count));
  const steps = layers.map(([kind, nIn, nOut]) => {
    if (kind === "linear") return linear(nIn, nOut, take(nIn * nOut), take(nOut));
    return inPlace(kind === "relu" ? (v) => (v > 0 ? v : 0) : (v) => 1 / (1 + Math.exp(-v)));
  });
  return (z) => steps.reduce((x, step) => step(x), Float32Array.from(z));
}

// --- the view ------------------------------------------------------------------------

// Keeps JupyterLab's single keys away, such as b and x; it must be on what has the focus.
const QUIET = 'data-lm-suppress-shortcuts="true"';

const PANEL = `
  <div class="lw-axes">
    <div class="lw-stage" tabindex="0" role="application" aria-roledescription="plane" ${QUIET}>
      <canvas aria-hidden="true"></canvas>
      <div class="lw-cursor"></div>
    </div>
    <div class="lw-below" aria-hidden="true"></div>
    <div class="lw-beside" aria-hidden="true"></div>
  </div>`;

const PAGE = `
  <div class="lw-row">
    <figure class="lw-panel lw-plane">
      <figcaption class="lw-title"></figcaption>
      ${PANEL}
      <div class="lw-foot lw-legend"></div>
    </figure>
    <div class="lw-here">
      <p class="lw-title">Decoded at the cursor</p>
      <canvas role="img"></canvas>
      <p class="lw-z"></p>
      <form class="lw-boxes" role="radiogroup" aria-label="box"></form>
      <div>
        <p class="lw-share"></p>
        <p class="lw-help">Move over a square with the mouse or a finger, or click it and
          use the arrow keys: with shift, a lattice step.</p>
      </div>
    </div>
    <figure class="lw-panel lw-lattice">
      <figcaption class="lw-title"></figcaption>
      ${PANEL}
      <div class="lw-foot"></div>
    </figure>
  </div>
  <p class="lw-spoken" aria-live="polite"></p>`;

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

const minus = (text) => text.replace("-", "−");
const short = (value) => minus(String(+value.toPrecision(3)));
const clamp = (value, a) => Math.min(a, Math.max(-a, value));

function render({ model, el }) {
  el.classList.add("latent-walk");
  el.innerHTML = PAGE;
  const find = (selector) => el.querySelector(selector);
  const stages = [...el.querySelectorAll(".lw-stage")];
  const [planeCursor, latticeCursor] = el.querySelectorAll(".lw-cursor");
  const zText = find(".lw-z"), spoken = find(".lw-spoken");

  const decode = makeDecoder(model.get("layers"), model.get("weights"));
  const side = Math.round(Math.sqrt(decode([0, 0]).length));
  const codes = new Float32Array(bytesOf(model.get("codes")));
  const labels = new Uint8Array(bytesOf(model.get("labels")));
  const colors = model.get("colors"), halfWidths = model.get("half_widths");

  const plane = find(".lw-plane canvas"), lattice = find(".lw-lattice canvas");
  const here = find(".lw-here canvas");
  plane.width = plane.height = RESOLUTION;
  lattice.width = lattice.height = POINTS * side;
  here.width = here.height = side;
  const planeInk = plane.getContext("2d"), latticeInk = lattice.getContext("2d");
  const hereInk = here.getContext("2d");
  const image = new ImageData(side, side);
  image.data.fill(255);

  // Both squares show [−e, e]² with e = 21/20 a, so that an image of the lattice is centered
  // on its z, and the same z lies at the same place in both.
  const edge = () => (model.get("half_width") * POINTS) / (2 * MIDDLE);
  const across = (z1) => (1 + z1 / edge()) / 2; // 0 at the left, 1 at the right
  const down = (z2) => (1 - z2 / edge()) / 2;

  function drawImage(ink, z, x, y) {
    const pixels = decode(z), data = image.data;
    for (let i = 0, at = 0; i < pixels.length; i++, at += 4) {
      data[at] = data[at + 1] = data[at + 2] = 255 - 255 * pixels[i]; // ink on paper
    }
    ink.putImageData(image, x, y);
  }

  function drawCodes() {
    const radius = labels.length > 3000 ? 3.2 : 4.2;
    planeInk.clearRect(0, 0, RESOLUTION, RESOLUTION);
    planeInk.globalAlpha = 0.75;
    for (let i = 0; i < labels.length; i++) {
      const x = across(codes[2 * i]) * RESOLUTION, y = down(codes[2 * i + 1]) * RESOLUTION;
      planeInk.fillStyle = colors[labels[i]];
      planeInk.beginPath();
      planeInk.arc(x, y, radius, 0, 2 * Math.PI);
      planeInk.fill();
    }
  }

  let latticeFrame = 0;
  function drawLattice() {
    const step = model.get("half_width") / MIDDLE;
    let next = 0;
    cancelAnimationFrame(latticeFrame);
    latticeInk.clearRect(0, 0, lattice.width, lattice.height);
    const drawSome = () => {
      const until = performance.now() + SLICE;
      for (; next < POINTS ** 2 && performance.now() < until; next++) {
        const column = next % POINTS, row = Math.floor(next / POINTS);
        drawImage(latticeInk, [(column - MIDDLE) * step, (MIDDLE - row) * step],
          column * side, row * side);
      }
      if (next < POINTS ** 2) latticeFrame = requestAnimationFrame(drawSome);
    };
    latticeFrame = requestAnimationFrame(drawSome);
  }

  function drawTicks() {
    const a = model.get("half_width");
    const marks = [-a, -a / 2, 0, a / 2, a].map((value) => [value, short(value)]);
    const tick = (kind, place, text) =>
      `<span class="lw-tick ${kind}" style="${place}%">${text}</span>`;
    const named = (index) => [...marks, [0.75 * a, `<i>z</i><sub>${index}</sub>`]];
    const below = named(1).map(([z, t]) => tick("lw-across", `left:${100 * across(z)}`, t));
    const beside = named(2).map(([z, t]) => tick("lw-up", `top:${100 * down(z)}`, t));
    for (const axis of el.querySelectorAll(".lw-below")) axis.innerHTML = below.join("");
    for (const axis of el.querySelectorAll(".lw-beside")) axis.innerHTML = beside.join("");
  }

  function drawBox() {
    const a = model.get("half_width"), index = halfWidths.indexOf(a);
    for (const [i, input] of el.querySelectorAll(".lw-boxes input").entries()) {
      input.checked = i === index;
    }
    find(".lw-share").textContent = `holds ${model.get("prior_shares")[index]} of the prior`;
    find(".lw-lattice .lw-foot").textContent =
      `${POINTS} × ${POINTS} points, ${short(a / MIDDLE)} apart`;
    drawTicks();
    drawCodes();
    drawLattice();
    drawCursor();
  }

  function drawCursor() {
    const z = model.get("z");
    const move = (cursor, x, y) => {
      cursor.style.transform = `translate(${100 * x}%, ${100 * y}%)`;
    };
    const snap = (share) =>
      (clamp(Math.floor(share * POINTS) - MIDDLE, MIDDLE) + MIDDLE + 0.5) / POINTS;
    drawImage(hereInk, z, 0, 0);
    move(planeCursor, across(z[0]), down(z[1]));
    move(latticeCursor, snap(across(z[0])), snap(down(z[1])));
    zText.innerHTML = `<i>z</i> = (${z.map((value) => minus(value.toFixed(2))).join(", ")})`;
  }

  let cursorFrame = 0; // at most one picture a frame, however many events come
  function cursorMoved() {
    cancelAnimationFrame(cursorFrame);
    cursorFrame = requestAnimationFrame(drawCursor);
  }

  let rest = 0;
  function tellKernel() {
    clearTimeout(rest);
    rest = 0;
    model.save_changes();
    spoken.textContent = zText.textContent;
  }
  function walkTo(z) {
    const a = model.get("half_width");
    model.set("z", z.map((value) => clamp(value, a))); // comes back as change:z
    clearTimeout(rest);
    rest = setTimeout(tellKernel, REST);
  }

  function onPointer(event) {
    const stage = event.currentTarget;
    if (event.type === "pointerdown") {
      stage.setPointerCapture(event.pointerId);
      stage.focus({ preventScroll: true });
    }
    const box = stage.getBoundingClientRect(); // also right when a slide is scaled
    walkTo([
      (2 * (event.clientX - box.left) / box.width - 1) * edge(),
      (1 - 2 * (event.clientY - box.top) / box.height) * edge(),
    ]);
  }

  function onKey(event) {
    const direction = ARROWS[event.key];
    if (!direction) return;
    event.preventDefault();
    event.stopPropagation(); // slides and JupyterLab listen to arrows, too
    const step = model.get("half_width") / (event.shiftKey ? 10 : 50);
    walkTo(model.get("z").map((value, i) => value + step * direction[i]));
  }

  function onBox(event) {
    model.set("half_width", halfWidths[event.target.value]);
    walkTo(model.get("z")); // into the box
  }

  find(".lw-plane .lw-title").textContent = `${labels.length} encoded images by class`;
  find(".lw-lattice .lw-title").textContent = "The lattice, decoded";
  here.setAttribute("aria-label", "the image decoded at the cursor");
  stages[0].setAttribute("aria-label", "plane of codes: arrow keys move z");
  stages[1].setAttribute("aria-label", "lattice of decoded images: arrow keys move z");
  stages[0].insertAdjacentHTML("afterbegin", '<div class="lw-box"></div>');
  find(".lw-legend").innerHTML = [...new Set(labels)].sort().map(
    (label) => `<span><i style="background:${colors[label]}"></i>${label}</span>`).join("");
  find(".lw-boxes").innerHTML = halfWidths.map((a, i) => `<label>
    <input type="radio" name="box" value="${i}" ${QUIET}>[−${short(a)}, ${short(a)}]²</label>`).join("");

  for (const stage of stages) {
    stage.addEventListener("pointerdown", onPointer);
    stage.addEventListener("pointermove", onPointer);
    stage.addEventListener("keydown", onKey);
  }
  find(".lw-boxes").addEventListener("change", onBox);
  model.on("change:z", cursorMoved);
  model.on("change:half_width", drawBox);
  drawBox();

  return () => {
    model.off("change:z", cursorMoved);
    model.off("change:half_width", drawBox);
    cancelAnimationFrame(cursorFrame);
    cancelAnimationFrame(latticeFrame);
    if (rest) tellKernel();
  };
}

export default { render };
