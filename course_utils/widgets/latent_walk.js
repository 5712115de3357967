// The latent walk: decodes in the browser, in the same frame as the pointer moves.

import { drawAxes, INTERACTIVE, marksAt, panel, quarters } from "./axes.js";
import { fillChoice, markChoice } from "./controls.js";
import {
  clamp, fill, fixed, float32, callAll, listenTo, makeSetter, perFrame, short, uint8,
} from "./core.js";
import { makeCursor, htmlOfZ } from "./cursor.js";
import { drawPixels } from "./image.js";
import { drawShades, MAPS } from "./maps.js";
import { makeNetwork } from "./network.js";
import { along, makePaths } from "./paths.js";
import { ellipse, legend, makePlane, nearestCode, polyline, RINGS, ringsOfPrior } from "./plane.js";
import { drawPlayButton, inSlices, makePlayer } from "./player.js";

const POINTS = 21; // per side of the lattice
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
  <div class="cw-line lw-more">
    <div class="cw-line lw-group lw-draw">
      <span class="lw-name">Draw</span>
      <label title="one, two and three standard deviations, and the prior mass within">
        <input type="checkbox" class="lw-rings">prior’s rings</label>
      <label title="for some digits, the ellipse one σ around μ">
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
        pixel from white to black. The curved path is the shortest.</p>
    </div>
  </div>`;

/** The plane of codes, with elements for rings, ellipses, map and path. */
function makeCodes(find, el, model, edge) {
  const codes = float32(model.get("codes")), labels = uint8(model.get("labels"));
  const colors = model.get("colors"), stage = find(".lw-plane .cw-stage");
  const plane = makePlane(stage, edge);
  plane.lines.innerHTML =
    ["rings", "clouds", "path"].map((name) => `<g class="lw-on-${name}"></g>`).join("");
  stage.insertAdjacentHTML("afterbegin",
    '<canvas class="lw-map" aria-hidden="true"></canvas><div class="lw-box"></div>');
  stage.insertAdjacentHTML("beforeend",
    '<div class="lw-shares"></div><div class="lw-cursor"></div>');
  stage.setAttribute("aria-label", "plane of codes: arrow keys move z");
  find(".lw-plane .cw-title").textContent = `${labels.length} encoded images by class`;
  find(".cw-legend").innerHTML = legend(labels, colors);
  return {
    ...plane, stage, codes, labels,
    draw() {
      const a = model.get("half_width"), marks = marksAt(quarters(a), plane.across);
      drawAxes(el, marks, marks, plane.across(0.75 * a)); // of both stages
      plane.show();
      plane.dots(codes, labels, colors);
    },
  };
}

/** The lattice of a box, decoded. */
function makeLattice(find, model, decode) {
  const stage = find(".lw-lattice .cw-stage"), canvas = find(".lw-lattice canvas");
  const ink = canvas.getContext("2d");
  const [height, width] = model.get("shape");
  canvas.width = POINTS * width;
  canvas.height = POINTS * height;
  stage.insertAdjacentHTML("beforeend", '<div class="lw-cursor"></div>');
  stage.setAttribute("aria-label", "lattice of decoded images: arrow keys move z");
  find(".lw-lattice .cw-title").textContent = "The lattice, decoded";
  const drawImages = inSlices(POINTS ** 2, (i) => {
    const step = model.get("half_width") / MIDDLE;
    const column = i % POINTS, row = Math.floor(i / POINTS);
    const z = [(column - MIDDLE) * step, (MIDDLE - row) * step];
    drawPixels(ink, decode(z), column * width, row * height, width);
  });
  return {
    stage,
    draw() {
      find(".lw-lattice .cw-foot").textContent =
        `${POINTS} × ${POINTS} points, ${short(model.get("half_width") / MIDDLE)} apart`;
      ink.clearRect(0, 0, canvas.width, canvas.height);
      drawImages();
    },
    cancel: drawImages.cancel,
  };
}

/** The prior's rings with their shares, and the ellipses of q(z|x). */
function makeOverlays(find, model, set, plane, edge) {
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
      for (let i = 0; on && i < sampled.length; i += 5) {
        const [m1, m2, s1, s2, label] = sampled.subarray(i, i + 5);
        shapes.push(`<g style="color:${colors[label]}">${ellipse([m1, m2], [s1, s2])}</g>`);
      }
      find(".lw-on-clouds").innerHTML = shapes.join("");
    },
  };
}

/** The map behind the dots, and its scale. */
function makeMap(find, model, set, codes, box) {
  const maps = model.get("maps"), names = ["none", ...Object.keys(maps)];
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
  const [height, width] = model.get("shape");
  strip.width = STRIP * width;
  strip.height = height;
  let points = []; // of the path that is shown
  const drawStrip = inSlices(STRIP, (i) => drawPixels(strip.getContext("2d"),
    decode(along(points, i / (STRIP - 1))), i * width, 0, width));
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
  const selects = [...el.querySelectorAll("select")], button = find(".lw-play");
  const faces = way.kinds.slice(1).map((kind) => `${kind} <span class="lw-length"></span>`);
  fillChoice(find(".lw-kinds"), ["none", ...faces], (i) => set("path", way.kinds[i]));
  for (const [i, select] of selects.entries()) {
    select.innerHTML = way.classes.map((c) => `<option>${c}</option>`).join("");
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
      const t = Math.min(1, time / DURATION);
      cursor.moveTo(along(way.points(), t));
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
function makeCursorImage(find, el, model, { decode, plane }) {
  const canvas = find(".lw-here canvas"), ink = canvas.getContext("2d");
  const [height, width] = model.get("shape");
  Object.assign(canvas, { width, height });
  canvas.setAttribute("aria-label", "the image decoded at the cursor");
  const [onPlane, onLattice] = el.querySelectorAll(".lw-cursor");
  const move = (cursor, x, y) => {
    cursor.style.transform = `translate(${100 * x}%, ${100 * y}%)`;
  };
  const snap = (share) => (clamp(Math.floor(share * POINTS), 0, POINTS - 1) + 0.5) / POINTS;
  return (z) => {
    const image = decode(z), x = plane.across(z[0]), y = plane.down(z[1]);
    drawPixels(ink, image, 0, 0, width);
    move(onPlane, x, y);
    move(onLattice, snap(x), snap(y));
    find(".lw-z").innerHTML = htmlOfZ(z);
    return image;
  };
}

function render({ model, el }) {
  const find = fill(el, "latent-walk", PAGE);
  const decode = makeNetwork(model.get("decoder"));
  // Both stages show [−e, e]² with e = 21/20 a, so that an image of the lattice is centered
  // on its z, and the same z has the same position in both.
  const edge = () => (model.get("half_width") * POINTS) / (2 * MIDDLE);
  const plane = makeCodes(find, el, model, edge);
  const lattice = makeLattice(find, model, decode);
  const drawAtCursor = makeCursorImage(find, el, model, { decode, plane });
  const set = makeSetter(model, () => {
    const { index, distance } = nearestCode(plane.codes, model.get("z"));
    find(".cw-spoken").textContent = `${find(".lw-z").textContent}; the nearest code is of a ${
      plane.labels[index]}, ${fixed(distance)} away${map.text()}`;
  });
  const player = makePlayer(() => path.drawButton());
  const cursor = makeCursor(model, set, find(".lw-boxes"), (event) => {
    if (event.type !== "pointermove") player.stop(); // clicks stop the animation
    return !player.plays();
  });
  const map = makeMap(find, model, set, plane.codes, cursor.index);
  const overlays = makeOverlays(find, model, set, plane, edge);
  const pathOnPlane = model.get("path_classes").length < 2 ? null
    : makePathOnPlane(find, el, model, { decode, edge });
  const path = pathOnPlane
    && makePathControls(find, el, model, { set, way: pathOnPlane, player, cursor });
  find(".lw-paths").hidden = !path;

  function drawCursor() {
    const z = model.get("z");
    map.read(z, drawAtCursor(z));
  }
  function drawMap() {
    map.draw();
    drawCursor();
  }
  function drawBox() {
    cursor.markBox();
    find(".lw-share").textContent =
      `holds ${model.get("prior_shares")[cursor.index()]} of the prior`;
    for (const draw of [plane.draw, lattice.draw, overlays.drawRings, drawMap]) draw();
    path?.draw();
  }

  for (const { stage } of [plane, lattice]) cursor.follow(stage, plane);
  const cursorMoved = perFrame(drawCursor);
  const stopListening = listenTo(model, {
    "change:z": cursorMoved, "change:half_width": drawBox, "change:map": drawMap,
    "change:rings": overlays.drawRings, "change:clouds": overlays.drawClouds,
    ...(path && { "change:path": path.changed, "change:path_ends": path.changed }),
  });
  drawBox();
  overlays.drawClouds();
  return callAll(stopListening, player.stop, cursorMoved.cancel, lattice.cancel,
    () => pathOnPlane?.cancel(), set.finish);
}

export default { render };
