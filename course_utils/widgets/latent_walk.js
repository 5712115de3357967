// The latent walk: decodes in the browser, in the same frame as the pointer moves, or asks the
// kernel.

import { drawAxes, INTERACTIVE, marksAt, panel, quarters } from "./axes.js";
import { fillChoice, markChoice } from "./controls.js";
import {
  clamp, escapeHtml, fill, fixed, float32, callAll, listenTo, makeSetter, perFrame, short,
  uint8,
} from "./core.js";
import { makeCursor, htmlOfZ } from "./cursor.js";
import { canDecode, makeDecoder } from "./decoder.js";
import { makeFrame } from "./frame.js";
import { drawPixels } from "./image.js";
import { drawShades, MAPS } from "./maps.js";
import { along, makePaths } from "./paths.js";
import {
  classesOf, ellipse, makeLegend, makePlane, nearestCode, polyline, RINGS, ringsOfPrior,
} from "./plane.js";
import { drawPlayButton, inSlices, makePlayer, prefersReducedMotion } from "./player.js";

const POINTS = 21; // per side of the lattice
const SPREAD = 200; // the order of the lattice's images, which fills it evenly
const MIDDLE = (POINTS - 1) / 2; // row and column of z = (0, 0)
const STRIP = 11; // images along a path
const DURATION = 3000; // ms along a path, from one end to the other

// --- the view ------------------------------------------------------------------------

const Q = "<i>q</i>(<i>z</i>|<i>x</i>)";

const PAGE = `
  <div class="cw-row">
    <figure class="cw-plane lw-panel lw-plane">
      <figcaption class="cw-title"></figcaption>
      ${panel(INTERACTIVE)}
      <div class="cw-foot cw-legend"></div>
    </figure>
    <div class="lw-here">
      <p class="cw-title">Decoded at the cursor</p>
      <canvas role="img"></canvas>
      <p class="lw-z"></p>
      <div class="lw-boxes" aria-label="box"></div>
      <div>
        <p class="lw-near"></p>
        <p class="lw-share"></p>
        <p class="cw-help">Move over a square, or click it and use the arrow keys; with
          shift, a lattice step.</p>
      </div>
    </div>
    <figure class="cw-plane lw-panel lw-lattice">
      <figcaption class="cw-title"></figcaption>
      ${panel(INTERACTIVE)}
      <div class="cw-foot"></div>
    </figure>
  </div>
  <p class="lw-kernel" role="status"></p>
  <div class="cw-line lw-more lw-space">
    <div class="cw-line lw-group">
      <span class="lw-name">Axes</span>
      <div class="lw-bases" aria-label="axes"></div>
      <label>across <select></select></label>
      <label>up <select></select></label>
    </div>
    <div class="lw-group lw-others">
      <p><span class="lw-name">The other axes</span>
        <button type="button" class="cw-button lw-reset">All to 0</button>
        <button type="button" class="cw-button lw-code">All axes to the nearest code</button></p>
      <div class="lw-sliders"></div>
    </div>
  </div>
  <div class="cw-line lw-more">
    <div class="cw-line lw-group lw-draw">
      <span class="lw-name">Draw</span>
      <label title="one, two and three standard deviations, and the prior mass within">
        <input type="checkbox" class="lw-rings">prior’s rings</label>
      <label title="for some images, the ellipse one σ around μ">
        <input type="checkbox" class="lw-clouds">${Q}</label>
    </div>
    <div class="cw-line lw-group">
      <span class="lw-name">Map</span>
      <div class="lw-maps" aria-label="map behind the dots"></div>
      <span class="lw-scale">
        <span class="lw-low"></span><span class="lw-bar"><i></i></span><span
        class="lw-high"></span><span class="lw-value"><b></b> <span></span></span>
      </span>
    </div>
    <div class="cw-line lw-group lw-paths">
      <span class="lw-name">Path</span>
      <label>from <select></select></label>
      <label>to <select></select></label>
      <div class="lw-kinds" aria-label="path"></div>
      <button type="button" class="cw-button lw-play"></button>
      <canvas class="lw-strip" role="img" aria-label="images along the path"></canvas>
      <p class="cw-help">The numbers are the lengths of the paths in image space: 1 is one
        pixel from white to black. The curved path is the shortest.<span
        class="lw-most"> The classes are those with the most codes.</span></p>
    </div>
  </div>`;

/** The plane of codes, with elements for rings, ellipses, map and path. */
function makeCodes(find, el, model, edge, frame, codes) {
  const classes = classesOf(model), { labels, markers } = classes;
  const stage = find(".lw-plane .cw-stage");
  const plane = makePlane(stage, edge);
  plane.lines.innerHTML =
    ["rings", "clouds", "path"].map((name) => `<g class="lw-on-${name}"></g>`).join("");
  stage.insertAdjacentHTML("afterbegin",
    '<canvas class="lw-map" aria-hidden="true"></canvas><div class="lw-box"></div>');
  stage.insertAdjacentHTML("beforeend",
    '<div class="lw-shares"></div><div class="lw-cursor"></div>');
  stage.setAttribute("aria-label", "plane of codes: arrow keys move z");
  let places = frame.places();
  function draw() {
    const a = model.get("half_width"), marks = marksAt(quarters(a), plane.across);
    const names = frame.shown().map(frame.html);
    drawAxes(el, marks, marks, plane.across(0.75 * a), "z", names); // of both stages
    plane.show();
    plane.dots(places, labels, shown(), { markers });
    const outside = labels.filter((_, n) => Math.max(
      Math.abs(places[2 * n]), Math.abs(places[2 * n + 1])) > edge()).length;
    find(".lw-plane .cw-title").textContent = `${labels.length} codes by class${
      outside ? `, ${outside} outside` : ""}`;
  }
  const shown = makeLegend(find(".cw-legend"), classes, draw);
  return {
    ...plane, stage, codes, classes, draw,
    project() {
      places = frame.places();
    },
  };
}

/** The lattice of a box, decoded. */
function makeLattice(find, model, { decode, frame }) {
  const stage = find(".lw-lattice .cw-stage"), canvas = find(".lw-lattice canvas");
  const ink = canvas.getContext("2d"), shape = model.get("shape");
  const [height, width] = shape.slice(-2);
  canvas.width = POINTS * width;
  canvas.height = POINTS * height;
  stage.insertAdjacentHTML("beforeend", '<div class="lw-cursor"></div>');
  stage.setAttribute("aria-label", "lattice of decoded images: arrow keys move z");
  find(".lw-lattice .cw-title").textContent = "The lattice, decoded";
  let drawn = []; // the values along the other axes that are drawn
  const others = () => frame.others().map((i) => frame.value(i, model.get("z")));
  const drawImages = inSlices(POINTS ** 2, (i) => {
    const step = model.get("half_width") / MIDDLE, at = (SPREAD * (i + 1) - 1) % POINTS ** 2;
    const column = at % POINTS, row = Math.floor(at / POINTS), [across, up] = frame.shown();
    const z = frame.moved(model.get("z"),
      [[across, (column - MIDDLE) * step], [up, (MIDDLE - row) * step]]);
    decode.at(at, z, (pixels) =>
      drawPixels(ink, pixels, shape, column * width, row * height));
  });
  return {
    stage,
    /** Draws it again if z has moved along other axes than those on show. */
    follow() {
      const values = others(); // as drawn, except for rounding errors of directions
      if (values.every((value, i) => Math.abs(value - drawn[i]) < 1e-4)) return;
      drawn = values;
      drawImages();
    },
    draw() {
      drawn = others();
      find(".lw-lattice .cw-foot").textContent =
        `${POINTS} × ${POINTS} points, ${short(model.get("half_width") / MIDDLE)} apart`;
      ink.clearRect(0, 0, canvas.width, canvas.height);
      drawImages();
    },
    pause: drawImages.pause,
    cancel: drawImages.cancel,
  };
}

/** The prior's rings with their shares, and the ellipses of q(z|x). */
function makeOverlays(find, model, set, plane, { edge, frame }) {
  const sampled = float32(model.get("sampled")), colors = model.get("colors");
  for (const name of ["rings", "clouds"]) {
    const box = find(`.lw-${name}`);
    box.addEventListener("change", () => set(name, box.checked));
  }
  // Without q(z|x) the model is no VAE: it has no prior either.
  for (const part of [".lw-draw", ".lw-share"]) find(part).hidden = !sampled.length;
  return {
    drawRings() {
      const on = model.get("rings"), shares = model.get("ring_shares");
      find(".lw-rings").checked = on;
      find(".lw-on-rings").innerHTML = on ? ringsOfPrior() : "";
      find(".lw-shares").innerHTML = !on ? "" : RINGS.map((r, i) => {
        const at = r * Math.SQRT1_2; // where the ring meets the diagonal
        if (at > 0.85 * edge()) return "";
        return `<span style="left:${100 * plane.across(at)}%;top:${100 * plane.down(-at)}%">
          ${shares[i]}</span>`;
      }).join("");
    },
    drawClouds() {
      const on = model.get("clouds"), shapes = [];
      find(".lw-clouds").checked = on;
      const { k } = frame;
      for (let i = 0; on && i < sampled.length; i += 2 * k + 1) {
        const row = sampled.subarray(i, i + 2 * k + 1);
        const { axes, turn } = frame.ellipse(row.subarray(k, 2 * k));
        const shape = ellipse(frame.place(row.subarray(0, k)), axes, 1, "cw-ellipse", turn);
        shapes.push(`<g style="color:${colors[row[2 * k]]}">${shape}</g>`);
      }
      find(".lw-on-clouds").innerHTML = shapes.join("");
    },
  };
}

/** The map behind the dots, and its scale. */
function makeMap(find, model, set, codes, box) {
  const maps = model.get("maps"), names = ["none", ...Object.keys(maps)];
  find(".lw-maps").parentElement.hidden = names.length === 1;
  const range = () => maps[model.get("map")]?.ranges[box()];
  fillChoice(find(".lw-maps"), names, (i) => set("map", names[i]));
  return {
    draw() {
      const name = model.get("map"), ends = range();
      markChoice(find(".lw-maps"), names.indexOf(name));
      find(".lw-map").hidden = !ends;
      find(".lw-scale").classList.toggle("lw-off", !ends);
      if (!ends) return;
      drawShades(find(".lw-map"), uint8(maps[name].values[box()]));
      find(".lw-low").textContent = short(ends[0]);
      find(".lw-high").textContent = short(ends[1]);
      find(".lw-value span").textContent = MAPS[name].unit;
    },
    read(z, image) {
      const ends = range();
      if (!ends) return;
      const { value, digits } = MAPS[model.get("map")], current = value(z, image, codes);
      const share = clamp((current - ends[0]) / (ends[1] - ends[0]), 0, 1);
      find(".lw-bar i").style.left = `${100 * share}%`;
      find(".lw-value b").textContent = fixed(current, digits);
    },
    text: () => (range() ? `; ${find(".lw-value").textContent}` : ""),
  };
}

/** The path between two classes on the plane, and its images in a strip. */
function makePathOnPlane(find, el, model, { decode, edge }) {
  const paths = makePaths(model), colors = model.get("colors"), strip = find(".lw-strip");
  const shape = model.get("shape"), [height, width] = shape.slice(-2);
  strip.width = STRIP * width;
  strip.height = height;
  let points = []; // of the path that is shown
  const drawStrip = inSlices(STRIP, (i) => decode.at(`strip ${i}`,
    along(points, i / (STRIP - 1)),
    (pixels) => drawPixels(strip.getContext("2d"), pixels, shape, i * width)));
  const dot = ([x, y], label) =>
    `<circle cx="${x}" cy="${y}" r="${0.025 * edge()}" style="fill:${colors[label]}"/>`;
  return {
    classes: paths.classes, kinds: ["none", ...paths.kinds],
    points: () => points,
    draw() {
      const ends = model.get("path_ends"), kind = model.get("path"), shown = kind !== "none";
      points = shown ? paths.points(ends, kind) : [];
      for (const [i, name] of paths.kinds.entries()) {
        el.querySelectorAll(".lw-length")[i].textContent = fixed(paths.length(ends, name), 1);
      }
      const other = paths.kinds.find((name) => name !== kind);
      find(".lw-on-path").innerHTML = !shown ? "" :
        polyline(paths.points(ends, other), "lw-other") + polyline(points, "lw-under")
        + polyline(points, "lw-over") + dot(points[0], ends[0]) + dot(points.at(-1), ends[1]);
      strip.hidden = !shown;
      if (shown) drawStrip();
    },
    cancel: drawStrip.cancel,
  };
}

/** The controls of the path: its ends, its kind, and a button that moves z along it. */
function makePathControls(find, el, model, { set, way, player, cursor }) {
  const selects = [...el.querySelectorAll(".lw-paths select")], button = find(".lw-play");
  const names = model.get("classes"), present = new Set(classesOf(model).labels).size;
  find(".lw-most").hidden = present <= way.classes.length;
  const faces = way.kinds.slice(1).map((kind) => `${kind} <span class="lw-length"></span>`);
  fillChoice(find(".lw-kinds"), ["none", ...faces], (i) => set("path", way.kinds[i]));
  for (const [i, select] of selects.entries()) {
    select.innerHTML = way.classes.map((c) =>
      `<option value="${c}">${escapeHtml(names[c])}</option>`).join("");
    select.addEventListener("change", () => {
      const before = model.get("path_ends"), ends = [...before];
      ends[i] = +select.value;
      if (ends[0] === ends[1]) ends[1 - i] = before[i]; // swap the ends
      set("path_ends", ends);
    });
  }
  const drawButton = () => drawPlayButton(button, player.plays(), "play the path");
  button.addEventListener("click", () => {
    if (player.plays()) return player.stop();
    if (!way.points().length) set("path", "straight");
    player.start((time) => {
      const t = Math.min(1, time / DURATION), steps = STRIP - 1; // few with reduced motion
      cursor.moveTo(along(way.points(),
        prefersReducedMotion() ? Math.floor(steps * t) / steps : t));
      return t < 1;
    });
    drawButton();
  });
  drawButton();
  function draw() {
    way.draw();
    markChoice(find(".lw-kinds"), way.kinds.indexOf(model.get("path")));
    for (const [i, select] of selects.entries()) select.value = model.get("path_ends")[i];
  }
  function changed() {
    player.stop();
    draw();
    cursor.makeRoom(Math.max(...way.points().flat().map(Math.abs))); // −∞ without a path
  }
  return { draw, drawButton, changed };
}

/** z in both stages, and its decoded image. */
function makeCursorImage(find, el, model, { decode, plane, frame }) {
  const canvas = find(".lw-here canvas"), ink = canvas.getContext("2d");
  const shape = model.get("shape"), [height, width] = shape.slice(-2);
  Object.assign(canvas, { width, height });
  canvas.setAttribute("aria-label", "the image decoded at the cursor");
  const [onPlane, onLattice] = el.querySelectorAll(".lw-cursor");
  const move = (cursor, x, y) => {
    cursor.style.transform = `translate(${100 * x}%, ${100 * y}%)`;
  };
  const snap = (share) => (clamp(Math.floor(share * POINTS), 0, POINTS - 1) + 0.5) / POINTS;
  return (z, drawn) => {
    const place = frame.place(z), x = plane.across(place[0]), y = plane.down(place[1]);
    decode.at("cursor", z, (image) => {
      drawPixels(ink, image, shape);
      drawn(image);
    });
    move(onPlane, x, y);
    move(onLattice, snap(x), snap(y));
    find(".lw-z").innerHTML = frame.k === 2 ? htmlOfZ(z)
      : frame.shown().map((i, at) => `${frame.html(i)} = ${fixed(place[at])}`).join("<br>");
    if (frame.k > 2) find(".lw-near").textContent = nearestInWords(plane, z);
  };
}

function nearestInWords({ codes, classes: { labels, names } }, z) {
  const { index, distance } = nearestCode(codes, z);
  return `nearest code: ${names[labels[index]]}, ${fixed(distance)} away`;
}

/** K > 2: the choice of the axes, and a slider for each of the others. */
function makeSpace(find, el, model, { set, frame, codes, cursor }) {
  const selects = [...el.querySelectorAll(".lw-space select")], sliders = find(".lw-sliders");
  const reach = Math.max(...model.get("half_widths"));
  const bases = ["directions of largest variance", "coordinates"];
  fillChoice(find(".lw-bases"), bases, (i) => set("principal", i === 0));
  find(".lw-bases").title = "Directions: principal components of the codes, through z = 0";
  for (const [at, select] of selects.entries()) {
    select.addEventListener("change", () => {
      const before = model.get("axes"), axes = [...before];
      axes[at] = +select.value;
      if (axes[0] === axes[1]) axes[1 - at] = before[at]; // swap them
      set("axes", axes);
    });
  }
  const moveTo = (values) => set("z", frame.moved(model.get("z"), values));
  sliders.addEventListener("input", ({ target }) =>
    moveTo([[+target.dataset.axis, +target.value]]));
  find(".lw-reset").addEventListener("click", () =>
    moveTo(frame.others().map((i) => [i, 0])));
  find(".lw-code").addEventListener("click", () => {
    const { code } = nearestCode(codes, model.get("z"));
    cursor.makeRoom(Math.max(...frame.place(code).map(Math.abs)));
    set("z", code);
  });
  return {
    drawChoice() {
      const principal = model.get("principal"), shares = model.get("variances")[+principal];
      markChoice(find(".lw-bases"), principal ? 0 : 1);
      for (const [at, select] of selects.entries()) {
        select.innerHTML = shares.map((share, i) => `<option value="${i}">${frame.text(i)} · ${
          Math.round(100 * share)} % of variance</option>`).join("");
        select.value = model.get("axes")[at];
      }
      sliders.innerHTML = frame.others().map((i) => `<label><span>${frame.html(i)}</span>
        <input type="range" min="${-reach}" max="${reach}" step="${reach / 100}"
          data-axis="${i}" aria-label="${frame.text(i)}"><output></output></label>`).join("");
    },
    drawValues() {
      const z = model.get("z");
      for (const input of sliders.querySelectorAll("input")) {
        const value = frame.value(+input.dataset.axis, z);
        if (+input.value !== value) input.value = value;
        input.nextElementSibling.textContent = fixed(value);
      }
    },
  };
}

/** In words: there is no kernel, and the browser alone cannot decode. Below data-needs-kernel
    without_kernel.js puts the picture of the widget. */
function renderWithoutDecoder(model, el) {
  el.classList.add("course-widget", "latent-walk");
  el.innerHTML = `<p class="lw-kernel" data-needs-kernel>This decoder needs a running kernel: ${
    ""}open the notebook in JupyterLab to move through its codes. This is its picture.</p>`;
}

function render({ model, el }) {
  if (!canDecode(model)) return renderWithoutDecoder(model, el);
  const find = fill(el, "latent-walk", PAGE);
  const note = find(".lw-kernel");
  const ofKernel = model.get("kernel_because") && "The kernel decodes, not the browser.";
  note.title = model.get("kernel_because");
  const say = (text) => {
    note.textContent = text || ofKernel;
    note.hidden = !note.textContent;
  };
  say("");
  const decode = makeDecoder(model, say);
  const codes = float32(model.get("codes")), frame = makeFrame(model, codes);
  // Both stages show [−e, e]² with e = 21/20 a, so that an image of the lattice is centered
  // on its z, and the same z has the same position in both.
  const edge = () => (model.get("half_width") * POINTS) / (2 * MIDDLE);
  const plane = makeCodes(find, el, model, edge, frame, codes);
  const lattice = makeLattice(find, model, { decode, frame });
  const drawAtCursor = makeCursorImage(find, el, model, { decode, plane, frame });
  const set = makeSetter(model, () => {
    const spoken = `${find(".lw-z").textContent}; ${nearestInWords(plane, model.get("z"))}`;
    find(".cw-spoken").textContent = spoken + map.text();
  });
  const player = makePlayer(() => path.drawButton());
  const cursor = makeCursor(model, set, find(".lw-boxes"), (event) => {
    if (event.type !== "pointermove") player.stop(); // clicks stop the animation
    return !player.plays();
  }, {
    read: () => frame.place(model.get("z")),
    write: (place) => set("z",
      frame.moved(model.get("z"), frame.shown().map((i, at) => [i, place[at]]))),
  });
  const map = makeMap(find, model, set, codes, cursor.index);
  const overlays = makeOverlays(find, model, set, plane, { edge, frame });
  const pathOnPlane = model.get("path_classes").length < 2 ? null
    : makePathOnPlane(find, el, model, { decode, edge });
  const path = pathOnPlane
    && makePathControls(find, el, model, { set, way: pathOnPlane, player, cursor });
  find(".lw-paths").hidden = !path;
  const space = frame.k > 2 && makeSpace(find, el, model, { set, frame, codes, cursor });
  find(".lw-space").hidden = !space;

  function drawCursor() {
    const z = model.get("z");
    drawAtCursor(z, (image) => map.read(z, image));
    lattice.follow();
    if (space) space.drawValues();
  }
  function drawMap() {
    map.draw();
    drawCursor();
  }
  function drawBox() {
    cursor.markBox();
    find(".lw-share").textContent = `holds ${
      model.get("prior_shares")[cursor.index()]} of the prior${space ? " in these axes" : ""}`;
    for (const draw of [plane.draw, lattice.draw, overlays.drawRings, drawMap]) draw();
    path?.draw();
  }
  function drawAxesOnShow() {
    plane.project();
    if (space) space.drawChoice();
    overlays.drawClouds();
    drawBox();
  }

  for (const { stage } of [plane, lattice]) cursor.follow(stage, plane);
  const cursorMoved = perFrame(drawCursor), axesChanged = perFrame(drawAxesOnShow);
  const stopListening = listenTo(model, {
    "change:z"() {
      lattice.pause(); // until the cursor rests: its image is that of the next frame
      cursorMoved();
    },
    "change:half_width": drawBox,
    "change:map": drawMap,
    "change:axes": axesChanged, "change:principal": axesChanged,
    "change:rings": overlays.drawRings, "change:clouds": overlays.drawClouds,
    ...(path && { "change:path": path.changed, "change:path_ends": path.changed }),
  });
  drawAxesOnShow();
  return callAll(stopListening, player.stop, cursorMoved.cancel, axesChanged.cancel,
    lattice.cancel, decode.stop, () => pathOnPlane?.cancel(), set.finish);
}

export default { render };
