// The latent walk: decodes in the browser, so that the picture keeps up with the hand.

const POINTS = 21; // a side of the lattice
const MIDDLE = (POINTS - 1) / 2; // number of the row and column of z = (0, 0)
const RESOLUTION = 840; // of the plane; more than the pixels of a dense screen
const SLICE = 8; // ms a frame for the lattice, so that the page stays alive

// --- the decoder ---------------------------------------------------------------------

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

const PAGE = `
  <div class="lw-row">
    <figure class="lw-panel lw-plane">
      <figcaption class="cw-title"></figcaption>
      ${PANEL}
      <div class="cw-foot lw-legend"></div>
    </figure>
    <div class="lw-here">
      <p class="cw-title">Decoded at the cursor</p>
      <canvas role="img"></canvas>
      <p class="lw-z"></p>
      <form class="lw-boxes" aria-label="box"></form>
      <div>
        <p class="lw-share"></p>
        <p class="cw-help">Move over a square with the mouse or a finger, or click it and
          use the arrow keys: with shift, a lattice step.</p>
      </div>
    </div>
    <figure class="lw-panel lw-lattice">
      <figcaption class="cw-title"></figcaption>
      ${PANEL}
      <div class="cw-foot"></div>
    </figure>
  </div>
  <p class="cw-spoken" aria-live="polite"></p>`;

function render({ model, el }) {
  el.classList.add("course-widget", "latent-walk");
  el.innerHTML = PAGE;
  const find = (selector) => el.querySelector(selector);
  const stages = [...el.querySelectorAll(".cw-stage")];
  const [planeCursor, latticeCursor] = stages.map((stage) => {
    stage.insertAdjacentHTML("beforeend", '<div class="lw-cursor"></div>');
    return stage.lastElementChild;
  });
  const zText = find(".lw-z"), spoken = find(".cw-spoken");

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

  // Both squares show [−e, e]² with e = 21/20 a, so that an image of the lattice is centered
  // on its z, and the same z lies at the same place in both.
  const edge = () => (model.get("half_width") * POINTS) / (2 * MIDDLE);
  const across = (z1) => (1 + z1 / edge()) / 2; // 0 at the left, 1 at the right
  const down = (z2) => (1 - z2 / edge()) / 2;

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
        const z = [(column - MIDDLE) * step, (MIDDLE - row) * step];
        drawInk(latticeInk, decode(z), column * side, row * side);
      }
      if (next < POINTS ** 2) latticeFrame = requestAnimationFrame(drawSome);
    };
    latticeFrame = requestAnimationFrame(drawSome);
  }

  function drawAxes() {
    const a = model.get("half_width");
    const marks = [-a, -a / 2, 0, a / 2, a].map((value) => [across(value), short(value)]);
    const named = (index) => [...marks, [across(0.75 * a), `<i>z</i><sub>${index}</sub>`]];
    drawTicks(el, named(1), named(2));
  }

  function drawBox() {
    const a = model.get("half_width"), index = halfWidths.indexOf(a);
    markChoice(find(".lw-boxes"), index);
    find(".lw-share").textContent = `holds ${model.get("prior_shares")[index]} of the prior`;
    find(".lw-lattice .cw-foot").textContent =
      `${POINTS} × ${POINTS} points, ${short(a / MIDDLE)} apart`;
    drawAxes();
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
      (clamp(Math.floor(share * POINTS), 0, POINTS - 1) + 0.5) / POINTS;
    drawInk(hereInk, decode(z));
    move(planeCursor, across(z[0]), down(z[1]));
    move(latticeCursor, snap(across(z[0])), snap(down(z[1])));
    zText.innerHTML = `<i>z</i> = (${z.map((value) => fixed(value)).join(", ")})`;
  }

  const cursorMoved = perFrame(drawCursor);
  const tellKernel = whenAtRest(() => {
    model.save_changes();
    spoken.textContent = zText.textContent;
  });
  function walkTo(z) {
    const a = model.get("half_width");
    model.set("z", z.map((value) => clamp(value, -a, a))); // comes back as change:z
    tellKernel();
  }

  find(".lw-plane .cw-title").textContent = `${labels.length} encoded images by class`;
  find(".lw-lattice .cw-title").textContent = "The lattice, decoded";
  here.setAttribute("aria-label", "the image decoded at the cursor");
  stages[0].setAttribute("aria-label", "plane of codes: arrow keys move z");
  stages[1].setAttribute("aria-label", "lattice of decoded images: arrow keys move z");
  stages[0].insertAdjacentHTML("afterbegin", '<div class="lw-box"></div>');
  find(".lw-legend").innerHTML = [...new Set(labels)].sort().map(
    (label) => `<span><i style="background:${colors[label]}"></i>${label}</span>`).join("");
  fillChoice(find(".lw-boxes"), halfWidths.map((a) => `[−${short(a)}, ${short(a)}]²`), (i) => {
    model.set("half_width", halfWidths[i]);
    walkTo(model.get("z")); // into the box
  });
  for (const stage of stages) {
    onPointer(stage, ([x, y]) => walkTo([(2 * x - 1) * edge(), (1 - 2 * y) * edge()]));
    onArrows(stage, (direction, event) => {
      const step = model.get("half_width") / (event.shiftKey ? 10 : 50);
      walkTo(model.get("z").map((value, i) => value + step * direction[i]));
    });
  }
  const deafen = listen(model, { "change:z": cursorMoved, "change:half_width": drawBox });
  drawBox();

  return () => {
    deafen();
    cursorMoved.cancel();
    cancelAnimationFrame(latticeFrame);
    tellKernel.finish();
  };
}

export default { render };
