// The replay: frames recorded while models trained, and a playhead over them.

const PLANE = 520; // pixels of a plane, drawn anew in every frame
const NEAR = 4; // half width of the close view, and the least of the other
const MARGIN = 1.04; // between the outermost codes and the edge
const EPOCHS_A_SECOND = 4; // at least; a long training plays in PLAY_TIME
const PLAY_TIME = 4; // seconds
const ZOOM = 90; // ms in which the edge comes closer to its goal by a factor of e
const LABEL = 17; // percent of a chart's height that a line of text needs
const SHADE = 17; // 255 / 15: of two pixels a byte

// --- what was recorded ---------------------------------------------------------------

/** Ink from 0 to 255, two pixels a byte: the first in the high half. */
export function pixelsOf(view) {
  const pairs = new Uint8Array(bytesOf(view)), pixels = new Uint8Array(2 * pairs.length);
  for (let i = 0; i < pairs.length; i++) {
    pixels[2 * i] = SHADE * (pairs[i] >> 4);
    pixels[2 * i + 1] = SHADE * (pairs[i] & 15);
  }
  return pixels;
}

/** Codes of a model at a position between two epochs: each moves in a straight line. */
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

/** Curves of a model's terms; one that equals an earlier one shares its name and line. */
export function curvesOf(frames, index) {
  const epochs = frames.slice(1).map((frame) => frame.terms[index]);
  const curves = [];
  for (const name of Object.keys(Object.assign({}, ...epochs))) {
    const values = epochs.map((terms) => terms[name] ?? NaN);
    const twin = curves.find((curve) =>
      curve.values.every((value, i) => Object.is(value, values[i])));
    if (twin) twin.name += ` = ${name}`;
    else curves.push({ name, values });
  }
  return curves;
}

// --- the view ------------------------------------------------------------------------

const REPLAY = `
  <div class="tr-columns" tabindex="0" role="group" ${QUIET}
    aria-label="the models' planes of codes: space plays, arrow keys step"></div>
  <div class="tr-timeline">
    <button type="button" class="cw-button tr-play" ${QUIET}></button>
    <input type="range" min="0" step="1" aria-label="epoch" ${QUIET}>
    <output class="tr-when"></output>
    <form class="tr-zoom" aria-label="part of the planes"></form>
  </div>
  <div class="tr-foot">
    <span class="cw-legend"></span>
    <span class="cw-help">Dashed: 1, 2, 3 standard deviations of the prior. Between two
      epochs the points move in a straight line.</span>
  </div>
  <p class="cw-spoken" aria-live="polite"></p>`;

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
        <div class="tr-plot"><svg preserveAspectRatio="none"></svg>
          <div class="tr-playhead"></div></div>
        <div class="tr-labels"></div>
      </div>
    </div>
  </figure>`;

function render({ model, el }) {
  el.classList.add("course-widget", "training-replay");
  el.innerHTML = REPLAY;
  const find = (selector) => el.querySelector(selector);
  const columns = find(".tr-columns"), range = find("input[type=range]");
  const button = find(".tr-play"), when = find(".tr-when"), spoken = find(".cw-spoken");
  const labels = new Uint8Array(bytesOf(model.get("labels")));
  const colors = model.get("colors"), digits = model.get("digits");

  let frames; // as recorded; codes and images unpacked
  let position; // of the playhead, between epochs while it moves
  let goal; // a whole epoch, to which it moves
  let edge; // of all planes; it glides, too
  let playing = false;

  const last = () => frames.length - 1;
  const now = () => Math.round(position);
  const wide = () => model.get("half_width")
    ?? Math.max(NEAR, MARGIN * Math.max(...frames.map(({ reach }) => reach)));
  const wanted = () => (model.get("near") ? NEAR : wide());
  const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  // --- the columns ---
  const views = model.get("names").map((name, index) => {
    columns.insertAdjacentHTML("beforeend", COLUMN);
    const column = columns.lastElementChild, stage = column.querySelector(".cw-stage");
    const get = (selector) => column.querySelector(selector);
    const plane = makePlane(stage, () => edge, PLANE);
    plane.lines.innerHTML = ringsOfPrior();
    stage.insertAdjacentHTML("beforeend", '<div class="tr-outside"></div>');
    stage.setAttribute("aria-label", `codes of ${name}`);
    get(".tr-name").textContent = name;
    const [above, below] = column.querySelectorAll(".tr-images canvas");
    above.setAttribute("aria-label", `digits ${digits.join(", ")}`);
    below.setAttribute("aria-label", `the same digits, reconstructed by ${name}`);
    return { name, index, plane, images: [above, below], column, get, curves: [],
      codes: new Float32Array(2 * labels.length), shown: -1 };
  });

  function drawStrip(canvas, pixels) {
    const size = Math.floor(pixels.length / digits.length);
    const side = Math.floor(Math.sqrt(size)), ink = canvas.getContext("2d");
    if (canvas.height !== side) {
      canvas.width = side * digits.length;
      canvas.height = side;
    }
    for (let i = 0; i < digits.length; i++) {
      const image = pixels.subarray(i * side * side, (i + 1) * side * side);
      drawInk(ink, Float32Array.from(image, (value) => value / 255), i * side, 0);
    }
  }

  // --- the charts ---
  function drawChart(view) {
    view.curves = curvesOf(frames, view.index);
    const all = view.curves.flatMap(({ values }) => values).filter(Number.isFinite);
    view.low = Math.min(0, ...all);
    view.high = Math.max(...all, view.low + 1e-9);
    const svg = view.get(".tr-plot svg"), n = Math.max(1, last());
    view.x = (epoch) => (100 * epoch) / n;
    view.y = (value) => 100 * (1 - (value - view.low) / (view.high - view.low));
    svg.setAttribute("viewBox", "0 0 100 100");
    svg.innerHTML = view.curves.map(({ values }, i) =>
      polyline(values.map((value, k) => [view.x(k + 1), view.y(value)])
        .filter(([, y]) => Number.isFinite(y)), `tr-term tr-term-${i % 4}`)).join("");
    const places = spread(view.curves.map(({ values }) => view.y(values.at(-1))));
    view.get(".tr-labels").innerHTML = view.curves.map(({ name }, i) =>
      `<span class="tr-term-${i % 4}" style="top:${places[i]}%">${escaped(name)}
        <b></b></span>`).join("");
    view.values = [...view.get(".tr-labels").querySelectorAll("b")];
  }

  // --- what follows the playhead ---
  function draw() {
    const epoch = now(), before = Math.min(Math.floor(position), last());
    const from = frames[before], to = frames[Math.min(before + 1, last())];
    for (const view of views) {
      const { plane, index, codes } = view;
      codesBetween(from.codes[index], to.codes[index], position - before, codes);
      plane.show();
      plane.dots(codes, labels, colors, 5);
      const { std, outside, n } = describe(codes, edge);
      view.get(".tr-std").textContent = `std ${std.map((s) => fixed(s)).join(", ")}`;
      view.get(".tr-outside").textContent = outside ? `${outside} of ${n} outside` : "";
      view.get(".tr-playhead").style.left = `${view.x(position)}%`;
      if (view.shown !== epoch) {
        view.shown = epoch;
        drawStrip(view.images[1], frames[epoch].images[index]);
        const said = view.curves.map(({ name, values }, i) => {
          const value = epoch ? values[epoch - 1] : NaN; // some terms come later, or never
          view.values[i].textContent = Number.isFinite(value) ? fixed(value, 1) : "";
          return `${name} ${view.values[i].textContent}`.trim();
        });
        view.get(".tr-chart").setAttribute("aria-label",
          `terms of the loss of ${view.name}: ${said.join(", ")}`);
      }
    }
    range.value = epoch;
    const text = epoch ? `epoch ${epoch} of ${last()}` : "before training";
    if (when.textContent !== text) {
      when.textContent = text;
      range.setAttribute("aria-valuetext", text);
    }
  }

  function drawAxes() {
    const step = [1, 2, 5, 10, 20, 50].find((s) => edge / s < 3.2) ?? edge / 2;
    const ticks = [-2, -1, 0, 1, 2].map((i) => i * step)
      .filter((value) => Math.abs(value) < 0.97 * edge);
    const marks = ticks.map((value) => [(1 + value / edge) / 2, short(value)]);
    drawTicks(el, marks, marks);
  }

  function drawButton() {
    button.textContent = playing ? "❚❚" : "▶";
    button.setAttribute("aria-label", playing ? "pause" : "play");
  }

  // --- time ---
  let frame = 0, earlier = 0;
  const moved = perFrame(draw);

  /** Moves playhead and edge a bit further, again and again, until both have arrived. */
  function step(time) {
    // A page that slept goes on where it was; a frame may be older than the wish for it.
    const passed = clamp(time - earlier, 0, 100) / 1000;
    earlier = time;
    const ahead = goal - position;
    const rate = playing ? Math.max(EPOCHS_A_SECOND, last() / PLAY_TIME)
      : EPOCHS_A_SECOND * Math.max(1, ahead); // frames may come faster than that
    position = Math.min(goal, position + rate * passed);
    if (edge !== wanted()) {
      edge += (wanted() - edge) * (1 - Math.exp((-1000 * passed) / ZOOM));
      if (Math.abs(edge / wanted() - 1) < 0.003) edge = wanted();
      drawAxes();
    }
    draw();
    if (now() !== model.get("epoch")) model.set("epoch", now());
    if (position < goal || edge !== wanted()) frame = requestAnimationFrame(step);
    else arrive();
  }
  function arrive() {
    frame = 0;
    playing = false;
    drawButton();
    tellKernel();
  }
  function go() {
    if (frame) return;
    earlier = performance.now();
    frame = requestAnimationFrame(step);
  }
  const tellKernel = whenAtRest(() => {
    model.save_changes();
    spoken.textContent = when.textContent;
  });

  // --- hands ---
  function jump(epoch) {
    position = goal = clamp(epoch, 0, last());
    playing = false;
    drawButton();
    model.set("epoch", goal);
    moved();
    tellKernel();
  }
  function toggle() {
    if (playing) {
      playing = false;
      goal = Math.ceil(position); // the points come to rest where they were recorded
    } else {
      playing = last() > 0;
      if (position >= last()) position = 0;
      goal = last();
    }
    drawButton();
    go();
  }
  function onKey(event) {
    if (event.key === " " && event.currentTarget !== button) { // a button has its space
      event.preventDefault();
      if (!event.repeat) toggle();
    }
    if ([" ", "Enter", ...Object.keys(ARROWS), "Home", "End", "PageUp", "PageDown"]
      .includes(event.key)) event.stopPropagation();
  }
  for (const node of [columns, range, button]) node.addEventListener("keydown", onKey);
  onArrows(columns, ([right, up]) => jump(now() + right + up));
  range.addEventListener("input", () => jump(+range.value));
  button.addEventListener("click", toggle);
  fillChoice(find(".tr-zoom"), ["all codes", "the prior"], (choice) => {
    model.set("near", choice === 1); // comes back as change:near
    tellKernel();
  });

  // --- the model ---
  function readFrames() {
    frames = model.get("frames").map(({ codes, images, terms, reach }) => ({
      terms, reach,
      codes: codes.map((view) => fromHalf(new Uint16Array(bytesOf(view)))),
      images: images.map(pixelsOf),
    }));
    range.max = last();
    for (const view of views) {
      drawChart(view);
      view.shown = -1;
    }
    find(".tr-zoom").hidden = !(wide() > 1.25 * NEAR);
  }
  function framesCame() {
    const newest = last();
    readFrames();
    if (goal === newest) goal = last(); // it stood there and follows
    if (still()) {
      position = goal;
      edge = wanted();
      drawAxes();
    }
    go();
  }
  function zoomed() {
    markChoice(find(".tr-zoom"), +model.get("near"));
    if (still()) edge = wanted();
    go();
  }
  const deafen = listen(model, {
    "change:frames": framesCame,
    "change:near": zoomed,
    "change:half_width": zoomed,
    "change:epoch": () => model.get("epoch") !== now() && jump(model.get("epoch")),
  });

  position = goal = model.get("epoch");
  readFrames();
  edge = wanted();
  const originals = pixelsOf(model.get("originals"));
  for (const { images } of views) drawStrip(images[0], originals);
  find(".cw-legend").innerHTML = legend(labels, colors);
  markChoice(find(".tr-zoom"), +model.get("near"));
  drawButton();
  drawAxes();
  draw();

  return () => {
    deafen();
    cancelAnimationFrame(frame);
    moved.cancel();
    tellKernel.finish();
  };
}

/** Places of labels, percent from the top: in order, none on another, all inside. */
function spread(places) {
  const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b] || a - b);
  const found = [];
  for (const [rank, i] of order.entries()) {
    const above = rank ? found[order[rank - 1]] + LABEL : 0;
    found[i] = Math.max(above, Number.isFinite(places[i]) ? places[i] : 0);
  }
  for (let rank = order.length - 1, below = 100; rank >= 0; rank--) {
    const i = order[rank];
    found[i] = Math.min(found[i], below);
    below = found[i] - LABEL;
  }
  return found;
}

export default { render };
