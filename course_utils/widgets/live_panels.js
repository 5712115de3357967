// What LiveTraining shows of a network: of images, the plane of codes and decoded codes; of
// points in the plane, the learned curve among them, and the codes along a line.

import { drawAxes, drawTicks, marksAt, panel, PICTURE, ticks } from "./axes.js";
import { fillChoice, markChoice } from "./controls.js";
import { fixed, put, rewrite, short } from "./core.js";
import { drawMosaic } from "./image.js";
import { meanOf, reachOf } from "./live_data.js";
import { aboutDraws, READ_OBJECTIVES } from "./live_objectives.js";
import { drawShades } from "./maps.js";
import {
  drawClouds, drawGlyphs, isDarkTheme, lightened, makeLegend, makePlane, ringsOfPrior,
} from "./plane.js";
import { prefersReducedMotion } from "./player.js";

const PLANE = 640; // pixels of a plane, redrawn in every frame
const PRIOR = 3.3; // half width of a plane that shows the prior
const SIDE = 11, DRAWS = 10; // of the worker
const BINS = 60; // of the codes along a line
const DATA = "#2f7fc4", DRAWN = "#9a55d8"; // on light and dark
const TRIED = 60; // points of the plane whose reconstructions are drawn
export const WINDOWS = [1, 5]; // half widths of the decoded lattice, those of the lecture

const MAIN = `
  <figure class="lt-panel lt-main">
    <figcaption class="cw-title"></figcaption>
    ${panel(PICTURE)}
    <div class="cw-legend"></div>
    <p class="cw-foot lt-note"></p>
  </figure>`;

const DECODED = `
  <figure class="lt-panel lt-lattice">
    <figcaption class="cw-title"><span>Decoded <i>z</i> from</span> <div class="lt-window"
      aria-label="part of the plane of codes that is decoded"></div></figcaption>
    <canvas class="lt-map" role="img" aria-label="decoded codes"></canvas>
    <p class="lt-about"></p>
    <canvas class="lt-draws" role="img" aria-label="decoded draws from N(0, I)"></canvas>
  </figure>`;

const CODES = `
  <figure class="lt-panel lt-lattice">
    <figcaption class="cw-title"><span><i>g</i>(<i>z</i>) for <i>z</i> from</span> <div class="lt-window"
      aria-label="part of the codes that is decoded"></div></figcaption>
    <div class="lt-line">
      <svg class="cw-lines" viewBox="0 0 100 100" preserveAspectRatio="none"
        aria-hidden="true"><rect class="lt-range" y="0" height="100"/><path
        class="lt-bins"/><path class="lt-q"/><path class="lt-prior"/></svg>
      <div class="cw-below" aria-hidden="true"></div>
    </div>
    <p class="cw-foot lt-keys"></p>
    <p class="lt-about"></p>
  </figure>`;

export const pagesOf = (data) => MAIN + (data.inputs === 2 ? CODES : DECODED);

/** Indices of the test points that the worker reconstructs. */
export const shownOf = (data) => (data.inputs === 2
  ? Array.from({ length: Math.min(TRIED, data.labels.length) }, (_, i) => i)
  : [...data.shown]);

// --- shared --------------------------------------------------------------------------

/** A half width that follows what it shall hold: at once if it is larger, and smaller only
    where much is empty, so that it does not shake.  follow(wanted) -> whether it still moves */
function makeEdge() {
  let edge = 0, goal = 0;
  return {
    get: () => edge || 1,
    follow(wanted) {
      if (wanted > goal || wanted < 0.6 * goal) goal = 1.15 * wanted;
      edge += (goal - edge) * (edge && !prefersReducedMotion() ? 0.2 : 1);
      if (Math.abs(edge - goal) < 0.005 * goal) edge = goal;
      return edge !== goal;
    },
  };
}

/** μ and deviation of each code; the latter null if the code has no noise. */
function splitCodes({ codes, settings }, latent) {
  const n = codes.length / 2, means = new Float32Array(n);
  const deviations = READ_OBJECTIVES[settings.objective].cloud ? new Float32Array(n) : null;
  for (let i = 0; i < n; i++) {
    const at = i + latent * Math.floor(i / latent);
    means[i] = codes[at];
    if (deviations) {
      deviations[i] = settings.objective === "vae" ? Math.exp(codes[at + latent] / 2)
        : settings.sigma;
    }
  }
  return { means, deviations };
}

/** The half width that holds nearly all of these numbers. */
function reachOfMost(numbers) {
  const sizes = numbers.map(Math.abs).sort();
  return sizes[Math.floor(0.995 * (sizes.length - 1))] || 0.1;
}

const tooLarge = '<b>The numbers are too large to draw.</b>';
const allFinite = (numbers) => numbers.every(Number.isFinite);

/** The buttons of the decoded part; a half width of 0: as far as the codes reach. */
function makeWindow(find, halfWidths, faces, see) {
  const group = find(".lt-window");
  let chosen = halfWidths.at(-1), sent = 0;
  const send = (window) => {
    if (window !== sent) see({ window: sent = window });
  };
  fillChoice(group, faces, (i) => {
    chosen = halfWidths[i];
    send(chosen || sent);
  });
  markChoice(group, halfWidths.length - 1);
  return {
    get: () => sent || chosen || 5,
    follow(reach) { // of the codes
      if (chosen === 0 && (reach > sent || reach < 0.5 * sent)) {
        send(+(1.2 * reach).toPrecision(2));
      }
    },
  };
}

// --- images ----------------------------------------------------------------------------

/** The plane of codes, the decoded lattice and draws; redraw() calls draw(frame) again.
    -> draw(frame) */
export function makeImagePanels(find, data, see, redraw) {
  const drawPlane = makeCodePlane(find, data, redraw);
  const window = makeWindow(find, WINDOWS, WINDOWS.map((a) => `[−${a}, ${a}]²`), see);
  return (frame) => {
    const moves = drawPlane(frame, window.get());
    const map = find(".lt-map");
    drawMosaic(map, frame.lattice, SIDE * SIDE, SIDE);
    map.setAttribute("aria-label", `${SIDE} × ${SIDE} codes of [−${window.get()}, ${
      window.get()}]², decoded`);
    rewrite(find(".lt-about"), aboutDraws(frame.settings.objective, 2));
    drawMosaic(find(".lt-draws"), frame.draws, DRAWS, DRAWS);
    return moves;
  };
}

function makeCodePlane(find, data, redraw) {
  const { labels, digits, markers } = data;
  const stage = find(".cw-stage"), edge = makeEdge(), plane = makePlane(stage, edge.get, PLANE);
  const shown = colorsShown(find, data, redraw);
  stage.setAttribute("aria-label", `plane of the codes of ${labels.length} test images`);
  find(".lt-main .cw-title").innerHTML = `<span>Codes <i>z</i> of ${labels.length} test ${
    digits ? "digits" : "images"}</span>`;
  let drawnEdge;
  return (frame, window) => {
    const { means, deviations } = splitCodes(frame, 2), note = find(".lt-main .lt-note");
    if (!allFinite(means)) {
      rewrite(note, tooLarge);
      return false;
    }
    const isVae = frame.settings.objective === "vae", colors = shown();
    const moves = edge.follow(Math.max(reachOfMost(means), isVae ? PRIOR / 1.15 : 0));
    if (drawnEdge !== edge.get()) drawEdges(find, plane, drawnEdge = edge.get());
    plane.show();
    if (deviations) drawClouds(plane.ink, means, deviations, labels, colors, plane.pixels);
    if (digits) drawGlyphs(plane.ink, means, labels, colors, 19, plane.pixels);
    else plane.dots(means, labels, colors, { markers });
    rewrite(plane.lines, `${isVae ? ringsOfPrior() : ""}<rect class="lt-box" x="${
      -window}" y="${-window}" width="${2 * window}" height="${2 * window}"/>`);
    rewrite(note, aboutCodes({ means, deviations }, frame.settings, edge.get(), window));
    return moves;
  };
}

/** The color of each class. Digits are drawn as such; other classes get a legend.  -> colors() */
function colorsShown(find, { labels, classes, colors, markers, digits }, redraw) {
  const stage = find(".cw-stage"), light = lightened(colors);
  if (digits || new Set(labels).size === 1) {
    return () => (isDarkTheme(stage) ? light : colors);
  }
  const legend = find(".lt-main .cw-legend");
  return makeLegend(legend, { labels, names: classes, colors, markers }, redraw);
}

function drawEdges(find, plane, edge) {
  const values = ticks(-edge, edge, 6.4).filter((v) => Math.abs(v) < 0.9 * edge);
  const marks = marksAt(values, plane.across);
  drawTicks(find(".lt-main"), marks, marks);
}

function aboutCodes({ means, deviations }, { objective }, edge, window) {
  const spreads = [0, 1].map((k) => deviationOf(means.filter((_, i) => i % 2 === k)));
  let outside = 0;
  for (let i = 0; i < means.length; i += 2) {
    if (Math.max(Math.abs(means[i]), Math.abs(means[i + 1])) > edge) outside++;
  }
  return [
    deviations ? `Clouds: <i>σ</i> of the code’s noise, ${fixed(meanOf(deviations))}${
      objective === "vae" ? " on average" : ""}.` : "",
    objective === "vae" ? "Dashed: 1, 2, 3 standard deviations of <i>p</i>(<i>z</i>)." : "",
    window < edge ? "Square: the part that is decoded." : "",
    `Standard deviation of the codes: ${spreads.map((s) => fixed(s)).join(", ")}.`,
    outside ? `Outside the picture: ${outside}.` : "",
  ].join(" ");
}

function deviationOf(values) {
  const middle = meanOf(values);
  return Math.sqrt(meanOf(Array.from(values, (v) => (v - middle) ** 2)));
}

// --- points in the plane ----------------------------------------------------------------

/** Points, learned curve, noise and density, and the codes along a line.  -> draw(frame) */
export function makePointPanels(find, data, see) {
  const drawPlane = makeDataPlane(find, data, shownOf(data));
  const drawLine = makeCodeLine(find);
  const window = makeWindow(find, [...WINDOWS, 0],
    [...WINDOWS.map((a) => `[−${a}, ${a}]`), "all"], see);
  return (frame) => {
    const { means, deviations } = splitCodes(frame, 1);
    if (!allFinite(means) || !allFinite(frame.lattice)) {
      rewrite(find(".lt-main .lt-note"), tooLarge);
      return false;
    }
    window.follow(means.reduce((most, z) => Math.max(most, Math.abs(z)), 0.1));
    drawPlane(frame, means, window.get());
    rewrite(find(".lt-about"), `+ ${aboutDraws(frame.settings.objective, 1)}`);
    return drawLine(frame.settings, means, deviations, window.get());
  };
}

export const extentOf = (data) => {
  const a = reachOf(data.test);
  return [-a, a, -a, a];
};

const KEY = (kind, text, shape = '<path d="M0 5H26"/>') =>
  `<span><svg class="cw-lines lt-sample ${kind}" aria-hidden="true">${shape}</svg>${text}</span>`;

function makeDataPlane(find, { test, labels }, shown) {
  const a = reachOf(test), stage = find(".cw-stage"), plane = makePlane(stage, () => a, PLANE);
  const shades = stage.querySelector("canvas").cloneNode(), above = shades.cloneNode();
  shades.className = "lt-density";
  stage.querySelector("canvas").before(shades);
  stage.append(above);
  const top = { ink: above.getContext("2d"), pixels: plane.pixels };
  plane.lines.innerHTML = '<path class="lt-noise"/><path class="lt-errors"/>'
    + '<path class="lt-hole"/><path class="lt-learned"/>';
  const marks = marksAt(ticks(-a, a, 6).filter((v) => Math.abs(v) < 0.72 * a), plane.across);
  drawAxes(find(".lt-main"), marks, marks, 0.94, "x");
  find(".lt-main .cw-title").innerHTML =
    "<span>Data <i>x</i>, and the curve <i>g</i>(<i>z</i>)</span>";
  stage.setAttribute("aria-label", "points of the plane, and the curve that the decoder draws");
  return (frame, means, window) => {
    const { settings, lattice } = frame, isVae = settings.objective === "vae";
    const { color: ink, backgroundColor: halo } = getComputedStyle(stage);
    plane.show();
    plane.dots(test, labels, Array(256).fill(DATA), { radius: 4 });
    drawDensity(shades, frame.density);
    drawCurve(find, frame, { means, window, test, shown });
    put(find(".lt-noise"), isVae ? { style: `stroke-width:${2 * settings.spread}` } : { d: "" });
    top.ink.clearRect(0, 0, PLANE, PLANE);
    drawCrosses(top, frame.draws);
    drawMarks(top, lattice, window, { ink, halo });
    rewrite(find(".lt-main .lt-note"), keysOf(isVae, settings.spread));
  };
}

const keysOf = (isVae, spread) => [
  KEY("lt-dot", "test <i>x</i>", '<circle cx="13" cy="5" r="3"/>'),
  KEY("lt-errors", "<i>x</i> → <i>x̂</i>"),
  KEY("lt-learned", "<i>g</i>(<i>z</i>)"), KEY("lt-hole", "no code falls here"),
  isVae ? KEY("lt-noise", `noise ±${short(spread)}`) : "",
  isVae ? KEY("lt-shade", "<i>p</i>(<i>x</i>)", '<rect y="0" width="26" height="10"/>') : "",
].join(" ");

/** p(x) as shades, of its logarithms from the top left; none without a density. */
function drawDensity(canvas, density) {
  canvas.hidden = !density;
  if (!density) return;
  const peak = density.reduce((most, v) => Math.max(most, v), -Infinity);
  drawShades(canvas, Uint8Array.from(density, (v) => 255 * Math.exp(0.6 * (v - peak))));
}

/** The curve g(z), thin and dashed where no code is near z; and lines from x to x̂. */
function drawCurve(find, frame, { means, window, test, shown }) {
  const { lattice } = frame, count = lattice.length / 2, step = (2 * window) / (count - 1);
  const sorted = means.slice().sort(), near = Math.max(step, 0.015 * (sorted.at(-1) - sorted[0]));
  const paths = { learned: "", hole: "" };
  let before;
  for (let i = 0, k = 0; i < count; i++) {
    const z = i * step - window;
    while (k < sorted.length && sorted[k] < z - near) k++;
    const kind = k < sorted.length && sorted[k] <= z + near ? "learned" : "hole";
    const point = `${lattice[2 * i]} ${lattice[2 * i + 1]}`;
    paths[kind] += before === kind ? `L${point}` : `M${
      i ? `${lattice[2 * i - 2]} ${lattice[2 * i - 1]}L` : ""}${point}`;
    before = kind;
  }
  put(find(".lt-learned"), { d: paths.learned });
  put(find(".lt-hole"), { d: paths.hole });
  put(find(".lt-noise"), { d: paths.learned });
  put(find(".lt-errors"), { d: shown.map((n, i) => `M${test[2 * n]} ${test[2 * n + 1]}L${
    frame.shown[2 * i]} ${frame.shown[2 * i + 1]}`).join("") });
}

/** The values of z along the curve. */
function drawMarks({ ink, pixels }, lattice, window, { ink: color, halo }) {
  const count = lattice.length / 2;
  ink.font = "600 21px system-ui, sans-serif";
  ink.textAlign = "left";
  ink.textBaseline = "middle";
  ink.lineJoin = "round";
  for (const z of ticks(-window, window, 7)) {
    const i = Math.round(((z + window) / (2 * window)) * (count - 1));
    const x = pixels.x(lattice[2 * i]), y = pixels.y(lattice[2 * i + 1]);
    if (Math.max(Math.abs(x / PLANE - 0.5), Math.abs(y / PLANE - 0.5)) > 0.47) continue;
    ink.fillStyle = color;
    ink.beginPath();
    ink.arc(x, y, 6, 0, 2 * Math.PI);
    ink.fill();
    ink.strokeStyle = halo;
    ink.lineWidth = 5;
    const text = z ? short(z) : "z = 0";
    ink.strokeText(text, x + 10, y);
    ink.fillText(text, x + 10, y);
  }
}

function drawCrosses({ ink, pixels }, draws) {
  ink.strokeStyle = DRAWN;
  ink.lineWidth = 3.5;
  ink.beginPath();
  for (let i = 0; i < draws.length; i += 2) {
    const x = pixels.x(draws[i]), y = pixels.y(draws[i + 1]);
    ink.moveTo(x - 12, y);
    ink.lineTo(x + 12, y);
    ink.moveTo(x, y - 12);
    ink.lineTo(x, y + 12);
  }
  ink.stroke();
}

const normal = (z, mean, deviation) =>
  Math.exp(-(((z - mean) / deviation) ** 2) / 2) / (deviation * Math.sqrt(2 * Math.PI));

/** Density of the codes in BINS equal parts of [−edge, edge]. */
function histogram(codes, edge) {
  const width = (2 * edge) / BINS, bins = Array(BINS).fill(0);
  for (const z of codes) {
    const k = Math.floor((z + edge) / width);
    if (k >= 0 && k < BINS) bins[k] += 1 / (codes.length * width);
  }
  return bins;
}

/** Histogram of the codes, the mean of q(z|x), and the prior, as densities along z. */
function makeCodeLine(find) {
  const edge = makeEdge(), svg = find(".lt-line svg");
  find(".lt-line").setAttribute("role", "img");
  find(".lt-line").setAttribute("aria-label", "histogram of the codes");
  let drawnEdge;
  return ({ objective }, means, deviations, window) => {
    const isVae = objective === "vae";
    const moves = edge.follow(Math.max(reachOfMost(means), isVae ? PRIOR / 1.15 : 0));
    const e = edge.get(), bins = histogram(means, e);
    const axis = Array.from({ length: 81 }, (_, i) => (i / 40 - 1) * e);
    const isNoisy = deviations?.every((sigma) => sigma > 0 && sigma < Infinity);
    const q = isNoisy && axis.map((z) =>
      means.reduce((sum, m, i) => sum + normal(z, m, deviations[i]), 0) / means.length);
    const high = 1.1 * Math.max(...bins, ...(q || []), isVae ? 0.4 : 0);
    const x = (z) => 50 * (1 + z / e), y = (density) => 100 * (1 - density / high);
    const line = (f) => `M${axis.map((z, i) => `${x(z)} ${y(f(z, i))}`).join("L")}`;
    put(svg.querySelector(".lt-range"), { x: x(-window), width: x(window) - x(-window) });
    put(svg.querySelector(".lt-bins"), { d: bins.map((density, k) =>
      `M${(100 * k) / BINS} 100V${y(density)}h${100 / BINS}V100z`).join("") });
    put(svg.querySelector(".lt-q"), { d: q ? line((_, i) => q[i]) : "" });
    put(svg.querySelector(".lt-prior"), { d: isVae ? line((z) => normal(z, 0, 1)) : "" });
    if (drawnEdge !== e) {
      const values = ticks(-(drawnEdge = e), e, 7).filter((z) => Math.abs(z) < 0.93 * e);
      drawTicks(find(".lt-lattice"), marksAt(values, (z) => x(z) / 100), []);
    }
    rewrite(find(".lt-keys"), [
      KEY("lt-shade lt-bin", "codes", '<rect y="0" width="26" height="10"/>'),
      q ? KEY("lt-q", isVae ? "mean of <i>q</i>(<i>z</i>|<i>x</i>)" : "with noise <i>σ</i>") : "",
      isVae ? KEY("lt-prior", "prior <i>p</i>(<i>z</i>)") : "",
      `standard deviation of the codes ${fixed(deviationOf(means))}`,
    ].join(" "));
    return moves;
  };
}
