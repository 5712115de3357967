// The data of LiveTraining, as Python sends them, as rows of numbers.

import { bytesOf, float32, uint16 } from "./core.js";

/** Bytes of pixels: of 4 bits, two per byte, the first in the high half; gzipped.
    -> Float32Array from 0 to 1, which is ink */
async function unpackPixels(view) {
  const packed = new Blob([bytesOf(view)]).stream();
  const stream = packed.pipeThrough(new DecompressionStream("gzip"));
  const pairs = new Uint8Array(await new Response(stream).arrayBuffer());
  const pixels = new Float32Array(2 * pairs.length);
  for (let i = 0; i < pairs.length; i++) {
    pixels[2 * i] = (pairs[i] >> 4) / 15;
    pixels[2 * i + 1] = (pairs[i] & 15) / 15;
  }
  return pixels;
}

/** A data set with train and test as Float32Array; rows of `inputs` numbers. */
export async function unpack(dataset) {
  const read = dataset.inputs === 2 ? float32 : unpackPixels;
  const [train, test] = await Promise.all([read(dataset.train), read(dataset.test)]);
  return { ...dataset, train, test, labels: uint16(dataset.labels) };
}

export const meanOf = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;

/** Half width of the square around points of the plane, with a margin. */
export function reachOf(points) {
  let largest = 0;
  for (const value of points) largest = Math.max(largest, Math.abs(value));
  return 1.15 * largest;
}
