// Images of ink on white paper.

/** Ink from 0 to 1, of bytes from 0 to 255. */
export const inkOf = (bytes) => Float32Array.from(bytes, (value) => value / 255);

/** The side of a square image of so many pixels. */
export const sideOf = (pixels) => Math.round(Math.sqrt(pixels.length));

/** Ink from 0 to 1 onto white paper, as a square image with its corner at (x, y). */
export function drawInk(context, pixels, x = 0, y = 0) {
  const side = sideOf(pixels);
  const image = new ImageData(side, side), data = image.data;
  for (let i = 0, at = 0; i < pixels.length; i++, at += 4) {
    data[at] = data[at + 1] = data[at + 2] = 255 - 255 * pixels[i];
    data[at + 3] = 255;
  }
  context.putImageData(image, x, y);
}
