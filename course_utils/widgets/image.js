// Images of pixels from 0 to 1: gray from white to black, or in color.

/** Pixels from 0 to 1, of bytes from 0 to 255. */
export const pixelsFrom = (bytes) => Float32Array.from(bytes, (value) => value / 255);

/** Draws an image of shape [height, width], gray, 1 is black, or [3, height, width], red, green
    and blue, 1 is full. Its top left corner is at (x, y). */
export function drawPixels(context, pixels, shape, x = 0, y = 0) {
  const [height, width] = shape.slice(-2), n = height * width, inColor = shape.length === 3;
  const image = new ImageData(width, height), data = image.data;
  for (let i = 0, at = 0; i < n; i++, at += 4) {
    if (inColor) for (let c = 0; c < 3; c++) data[at + c] = 255 * pixels[c * n + i];
    else data[at] = data[at + 1] = data[at + 2] = 255 - 255 * pixels[i];
    data[at + 3] = 255;
  }
  context.putImageData(image, x, y);
}

/** Draws square images, bytes from 0 to 255 for ink, in rows of so many columns. */
export function drawMosaic(canvas, bytes, count, columns) {
  const size = bytes.length / count, side = Math.round(Math.sqrt(size));
  const width = columns * side, height = Math.ceil(count / columns) * side;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const image = new ImageData(width, height), gray = new Uint32Array(image.data.buffer);
  for (let i = 0; i < count; i++) {
    const corner = Math.floor(i / columns) * side * width + (i % columns) * side;
    for (let pixel = 0; pixel < size; pixel++) {
      const shade = 255 - bytes[i * size + pixel];
      gray[corner + Math.floor(pixel / side) * width + (pixel % side)] =
        0xff000000 | (shade * 0x010101); // alpha, blue, green, red
    }
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
