// Square stages (canvas and overlays), with ticks below and at the side.

import { rewrite, short } from "./core.js";

/** A stage with these attributes, and elements for its ticks. */
export const panel = (attributes, inside = "") => `
  <div class="cw-axes">
    <div class="cw-stage" ${attributes}><canvas aria-hidden="true"></canvas>${inside}</div>
    <div class="cw-below" aria-hidden="true"></div>
    <div class="cw-beside" aria-hidden="true"></div>
  </div>`;
export const INTERACTIVE = // for pointer and keys
  'tabindex="0" role="application" aria-roledescription="plane"';
export const PICTURE = 'role="img"'; // not interactive

/** Multiples of 1, 2 or 5 times a power of ten from low to high, in at most maxSteps steps. */
export function ticks(low, high, maxSteps = 8) {
  const minStep = (high - low) / maxSteps;
  const power = 10 ** Math.floor(Math.log10(minStep));
  const step = power * [1, 2, 5, 10].find((m) => m * power >= minStep);
  const values = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) values.push(i * step);
  return values;
}

/** The ends of a box [−a, a], its middle and the quarters. */
export const quarters = (a) => [-a, -a / 2, 0, a / 2, a];

/** Values as marks: [position from 0 to 1, text]. */
export const marksAt = (values, position) =>
  values.map((value) => [position(value), short(value)]);

/** Marks of the axes in an element; positions beside the stage grow upwards. */
export function drawTicks(el, below, beside) {
  const tick = (kind, where, text) =>
    `<span class="cw-tick ${kind}" style="${where}%">${text}</span>`;
  const write = (selector, parts) => {
    for (const axis of el.querySelectorAll(selector)) rewrite(axis, parts.join(""));
  };
  write(".cw-below", below.map(([x, t]) => tick("cw-across", `left:${100 * x}`, t)));
  write(".cw-beside", beside.map(([y, t]) => tick("cw-up", `top:${100 - 100 * y}`, t)));
}

/** <i>z</i><sub>1</sub> and the like. */
export const subscript = (letter, index) => `<i>${letter}</i><sub>${index}</sub>`;

/** Marks of both axes, and their names, by default z₁ and z₂, at position `at`. */
export function drawAxes(el, below, beside, at, letter = "z",
  names = [subscript(letter, 1), subscript(letter, 2)]) {
  drawTicks(el, [...below, [at, names[0]]], [...beside, [at, names[1]]]);
}

/** The viewBox of an SVG that shows [−e, e]². */
export const viewBox = (e) => `${-e} ${-e} ${2 * e} ${2 * e}`;
