// The plane of two-dimensional codes on a stage: dots on its canvas, lines in an SVG above it,
// which has the coordinates of z and the colors of the theme.

import { viewBox } from "./axes.js";
import { uint16 } from "./core.js";

const RESOLUTION = 840; // of the canvas, enough for a dense screen
export const RINGS = [1, 2, 3]; // standard deviations of the prior

/** The stage shows [−e, e]² with z₂ upwards; show() applies a new e = edge(). A plane that is
    redrawn in every frame needs a low resolution, since pixels cost time. */
export function makePlane(stage, edge, resolution = RESOLUTION) {
  const canvas = stage.querySelector("canvas"), ink = canvas.getContext("2d");
  canvas.width = canvas.height = resolution;
  canvas.insertAdjacentHTML("afterend",
    '<svg class="cw-lines" aria-hidden="true"><g transform="scale(1 -1)"></g></svg>');
  const svg = canvas.nextElementSibling;
  const across = (z1) => (1 + z1 / edge()) / 2; // 0 at the left, 1 at the right
  const down = (z2) => (1 - z2 / edge()) / 2; // 0 at the top
  const pixels = { x: (z1) => across(z1) * resolution, y: (z2) => down(z2) * resolution };
  return {
    ink, across, down, pixels,
    lines: svg.firstElementChild, // for circle, ellipse, path … in units of z
    /** z at a position from [0, 0], the top left, to [1, 1]. */
    at: ([x, y]) => [(2 * x - 1) * edge(), (1 - 2 * y) * edge()],
    /** Clears the canvas and applies the edge to the lines. */
    show() {
      ink.clearRect(0, 0, resolution, resolution);
      svg.setAttribute("viewBox", viewBox(edge()));
    },
    /** codes (2N); labels (N) are indices of colors and markers. */
    dots(codes, labels, colors, { markers, radius = labels.length > 3000 ? 3.2 : 4.2 } = {}) {
      drawDots(ink, codes, labels, colors, radius, pixels, markers);
    },
  };
}

// The markers of plots.py but its circle "o", in units of the radius, y downwards.
const CORNERS = {
  s: [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
  "^": [[0, -1.2], [1.2, 0.9], [-1.2, 0.9]],
  D: [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]],
  v: [[0, 1.2], [1.2, -0.9], [-1.2, -0.9]],
  P: [[-0.4, -1.2], [0.4, -1.2], [0.4, -0.4], [1.2, -0.4], [1.2, 0.4], [0.4, 0.4],
    [0.4, 1.2], [-0.4, 1.2], [-0.4, 0.4], [-1.2, 0.4], [-1.2, -0.4], [-0.4, -0.4]],
};

/** Dots of codes (2N), at x(z₁) and y(z₂) in pixels; skips those outside. */
export function drawDots(ink, codes, labels, colors, radius, { x, y }, markers = []) {
  const { width, height } = ink.canvas;
  for (let i = 0; i < labels.length; i++) {
    const left = x(codes[2 * i]), top = y(codes[2 * i + 1]);
    if (Math.abs(left / width - 0.5) > 0.55 || Math.abs(top / height - 0.5) > 0.55) continue;
    ink.fillStyle = colors[labels[i]];
    const corners = CORNERS[markers[labels[i]]];
    ink.beginPath();
    if (!corners) ink.arc(left, top, radius, 0, 2 * Math.PI);
    else for (const [h, v] of corners) ink.lineTo(left + radius * h, top + radius * v);
    ink.fill();
  }
}

/** The digit of each code (2N), in the color of its class: told apart without color, too. */
export function drawGlyphs(ink, codes, labels, colors, size, { x, y }) {
  ink.font = `600 ${size}px system-ui, sans-serif`;
  ink.textAlign = "center";
  ink.textBaseline = "middle";
  for (let i = 0; i < labels.length; i++) {
    ink.fillStyle = colors[labels[i]];
    ink.fillText(labels[i], x(codes[2 * i]), y(codes[2 * i + 1]));
  }
}

/** Ellipses of N(μ, diag σ²) at one standard deviation, of codes and deviations (2N). */
export function drawClouds(ink, codes, deviations, labels, colors, { x, y }) {
  const unit = x(1) - x(0);
  ink.lineWidth = 1;
  for (let i = 0; i < labels.length; i++) {
    ink.fillStyle = ink.strokeStyle = colors[labels[i]];
    ink.beginPath();
    ink.ellipse(x(codes[2 * i]), y(codes[2 * i + 1]), unit * deviations[2 * i],
      unit * deviations[2 * i + 1], 0, 0, 2 * Math.PI);
    ink.globalAlpha = 0.07;
    ink.fill();
    ink.globalAlpha = 0.4;
    ink.stroke();
  }
  ink.globalAlpha = 1;
}

/** Colors (#rrggbb) that are read on a dark surface: mixed with white. */
export const lightened = (colors) => colors.map((color) =>
  `rgb(${[1, 3, 5].map((at) => {
    const level = Number.parseInt(color.slice(at, at + 2), 16);
    return Math.round(level + 0.5 * (255 - level));
  }).join(" ")})`);

/** The code (of N · K numbers) nearest to z (K), its number and its distance. */
export function nearestCode(codes, z) {
  const k = z.length;
  let smallest = Infinity, at = 0;
  for (let i = 0; i < codes.length; i += k) {
    let square = 0;
    for (let j = 0; j < k; j++) square += (codes[i + j] - z[j]) ** 2;
    if (square < smallest) [smallest, at] = [square, i];
  }
  const code = Array.from(codes.slice(at, at + k));
  return { code, index: at / k, distance: Math.sqrt(smallest) };
}

/** Circles at one, two and three standard deviations of N(0, I). */
export function ringsOfPrior() {
  return RINGS.map((r) => `<circle class="cw-ring" r="${r}"/>`).join("");
}

/** The ellipse of N(μ, diag σ²) at a number of standard deviations, turned by degrees. */
export function ellipse([m1, m2], [s1, s2], deviations = 1, kind = "cw-ellipse", turn = 0) {
  return `<ellipse class="${kind}" cx="${m1}" cy="${m2}" rx="${deviations * s1}"
    ry="${deviations * s2}"${turn ? ` transform="rotate(${turn} ${m1} ${m2})"` : ""}/>`;
}

/** A line through points [z₁, z₂]. */
export function polyline(points, kind = "cw-path") {
  return `<polyline class="${kind}" points="${points.map((z) => z.join(" ")).join(",")}"/>`;
}

export const isDarkTheme = (node) =>
  (getComputedStyle(node).color.match(/[\d.]+/g) ?? []).slice(0, 3)
    .reduce((sum, level) => sum + +level, 0) > 384;

/** The classes of WithClasses in Python, and the class of each code (N). */
export function classesOf(model) {
  return { labels: uint16(model.get("labels")), names: model.get("classes"),
    colors: model.get("colors"), markers: model.get("markers") };
}

/** A button for each class among the labels: it shows the dots of this class alone, so that
    color is not all that tells them apart; pressed again, all of them. redraw() is called
    after a change.
    -> the color of each class, "transparent" if it is not shown */
export function makeLegend(root, { labels, names, colors, markers }, redraw) {
  let only = null;
  const classes = [...new Set(labels)].sort((a, b) => a - b);
  const inTheme = () => (isDarkTheme(root) ? lightened(colors) : colors);
  root.innerHTML = classes.map(() =>
    '<button type="button" aria-pressed="false"><i></i></button>').join("");
  const buttons = [...root.children];
  for (const [i, button] of buttons.entries()) {
    const name = names[classes[i]];
    button.append(name);
    button.title = `show only ${name}`;
    const corners = CORNERS[markers[classes[i]]];
    if (!corners) continue;
    const place = (share) => `${50 + 38 * share}%`;
    button.firstElementChild.className = "cw-marker";
    button.firstElementChild.style.clipPath =
      `polygon(${corners.map((at) => at.map(place).join(" ")).join()})`;
  }
  function draw() {
    const shown = inTheme();
    for (const [i, button] of buttons.entries()) {
      button.setAttribute("aria-pressed", classes[i] === only);
      button.firstElementChild.style.background = shown[classes[i]];
    }
    redraw();
  }
  for (const [i, button] of buttons.entries()) {
    button.addEventListener("click", () => {
      only = only === classes[i] ? null : classes[i];
      draw();
    });
  }
  requestAnimationFrame(draw); // the theme is known once it is in the page
  return () => inTheme().map((color, label) =>
    (only === null || only === label ? color : "transparent"));
}
