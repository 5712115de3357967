// Maps of the plane, behind the dots: drawn from bytes, read exactly at the cursor.

const SHADE = [116, 99, 166], STRONGEST = 0.8; // seen on light and on dark

const MAPS = {
  distance: { value: (z, image, codes) => distanceToNearest(z, codes),
    digits: 2, unit: "to the nearest code" },
  uncertainty: { value: (z, image) => pixelEntropy(image),
    digits: 0, unit: "nats" },
};

/** How far z lies from the nearest of the codes (2N). */
export function distanceToNearest([z1, z2], codes) {
  let least = Infinity;
  for (let i = 0; i < codes.length; i += 2) {
    const d1 = codes[i] - z1, d2 = codes[i + 1] - z2, square = d1 * d1 + d2 * d2;
    if (square < least) least = square;
  }
  return Math.sqrt(least);
}

/** Σ H(p) of pixels that are ink with probability p, nats. */
export function pixelEntropy(image) {
  let sum = 0;
  for (const p of image) {
    if (p > 0 && p < 1) sum -= p * Math.log(p) + (1 - p) * Math.log(1 - p);
  }
  return sum;
}

/** Bytes from 0 to 255 onto a canvas of n × n, as shades. */
function drawShades(canvas, values) {
  const n = Math.sqrt(values.length), shades = new ImageData(n, n);
  for (const [i, value] of values.entries()) {
    shades.data.set([...SHADE, STRONGEST * value], 4 * i);
  }
  canvas.width = canvas.height = n;
  canvas.getContext("2d").putImageData(shades, 0, 0);
}
