// Maps of the plane behind the dots: drawn from bytes, computed exactly at the cursor.

import { nearestCode } from "./plane.js";

const SHADE = [116, 99, 166], MAX_OPACITY = 0.8; // visible on light and dark

export const MAPS = {
  distance: { value: (z, image, codes) => nearestCode(codes, z).distance,
    digits: 2, unit: "to the nearest code" },
  uncertainty: { value: (z, image) => pixelEntropy(image),
    digits: 0, unit: "nats" },
};

/** Σ H(p) of pixels that are black with probability p, nats. */
export function pixelEntropy(image) {
  let sum = 0;
  for (const p of image) {
    if (p > 0 && p < 1) sum -= p * Math.log(p) + (1 - p) * Math.log(1 - p);
  }
  return sum;
}

/** Draws bytes from 0 to 255 as shades on a canvas of n × n. */
export function drawShades(canvas, values) {
  const n = Math.sqrt(values.length), shades = new ImageData(n, n);
  for (const [i, value] of values.entries()) {
    shades.data.set([...SHADE, MAX_OPACITY * value], 4 * i);
  }
  canvas.width = canvas.height = n;
  canvas.getContext("2d").putImageData(shades, 0, 0);
}
