// A sequential network, evaluated in the browser with float16 weights.

import { uint16 } from "./core.js";

/** float16 to float32: shifts the bits, and corrects the exponent by 2^112. */
export function fromFloat16(halves) {
  const numbers = new Float32Array(halves.length);
  const bits = new Uint32Array(numbers.buffer);
  for (let i = 0; i < halves.length; i++) {
    bits[i] = (halves[i] & 0x7fff) << 13;
    numbers[i] *= halves[i] & 0x8000 ? -(2 ** 112) : 2 ** 112;
  }
  return numbers;
}

function linear(nIn, nOut, weights, bias) {
  const y = new Float32Array(nOut);
  return (x) => {
    let i = 0;
    for (; i + 4 <= nOut; i += 4) {
      // four sums at a time use the processor's pipeline: 2 to 4 times faster
      const row0 = i * nIn, row1 = row0 + nIn, row2 = row1 + nIn, row3 = row2 + nIn;
      let sum0 = bias[i], sum1 = bias[i + 1], sum2 = bias[i + 2], sum3 = bias[i + 3];
      for (let j = 0; j < nIn; j++) {
        const value = x[j];
        sum0 += weights[row0 + j] * value;
        sum1 += weights[row1 + j] * value;
        sum2 += weights[row2 + j] * value;
        sum3 += weights[row3 + j] * value;
      }
      y[i] = sum0; y[i + 1] = sum1; y[i + 2] = sum2; y[i + 3] = sum3;
    }
    for (; i < nOut; i++) {
      let sum = bias[i];
      for (let j = 0; j < nIn; j++) sum += weights[i * nIn + j] * x[j];
      y[i] = sum;
    }
    return y;
  };
}

/** Convolutions. For each position of the output, pairs of a tap of the kernel and the position
    of the input under it: along an axis, then in the image. Zeros beyond the edges are skipped. */
function tapsAlong(nIn, nOut, size, stride, padding, dilation, transposed) {
  return Array.from({ length: nOut }, (_, i) => {
    const pairs = [];
    for (let tap = 0; tap < size; tap++) {
      const at = transposed ? (i + padding - tap * dilation) / stride
        : i * stride - padding + tap * dilation;
      if (Number.isInteger(at) && at >= 0 && at < nIn) pairs.push([tap, at]);
    }
    return pairs;
  });
}

/** Weights are (O, taps, C / groups); numbers between layers (channels, height, width). */
function convolution(transposed, shapes, weights, bias) {
  const [c, h, w, o, hOut, wOut, hKernel, wKernel, sy, sx, py, px, dy, dx, groups] = shapes;
  const rows = tapsAlong(h, hOut, hKernel, sy, py, dy, transposed);
  const columns = tapsAlong(w, wOut, wKernel, sx, px, dx, transposed);
  const taps = rows.flatMap((row) => columns.map((column) => Int32Array.from(row.flatMap(
    ([ky, y]) => column.flatMap(([kx, x]) => [ky * wKernel + kx, y * w + x])))));
  const cGroup = c / groups, oGroup = o / groups, perOutput = hKernel * wKernel * cGroup;
  const pixels = h * w, positions = hOut * wOut;
  const turned = new Float32Array(c * pixels); // (height, width, channels): long inner loops
  const y = new Float32Array(o * positions);
  return (x) => {
    for (let k = 0; k < c; k++) {
      for (let i = 0; i < pixels; i++) turned[i * c + k] = x[k * pixels + i];
    }
    for (let position = 0; position < positions; position++) {
      const pairs = taps[position];
      for (let group = 0; group < groups; group++) {
        const end = (group + 1) * oGroup;
        let out = group * oGroup;
        for (; out + 4 <= end; out += 4) {
          let sum0 = bias[out], sum1 = bias[out + 1], sum2 = bias[out + 2];
          let sum3 = bias[out + 3];
          for (let t = 0; t < pairs.length; t += 2) {
            const row0 = out * perOutput + pairs[t] * cGroup, row1 = row0 + perOutput;
            const row2 = row1 + perOutput, row3 = row2 + perOutput;
            const from = pairs[t + 1] * c + group * cGroup;
            for (let k = 0; k < cGroup; k++) {
              const value = turned[from + k];
              sum0 += weights[row0 + k] * value;
              sum1 += weights[row1 + k] * value;
              sum2 += weights[row2 + k] * value;
              sum3 += weights[row3 + k] * value;
            }
          }
          const at = out * positions + position;
          y[at] = sum0; y[at + positions] = sum1;
          y[at + 2 * positions] = sum2; y[at + 3 * positions] = sum3;
        }
        for (; out < end; out++) {
          let sum = bias[out];
          for (let t = 0; t < pairs.length; t += 2) {
            const row = out * perOutput + pairs[t] * cGroup;
            const from = pairs[t + 1] * c + group * cGroup;
            for (let k = 0; k < cGroup; k++) sum += weights[row + k] * turned[from + k];
          }
          y[out * positions + position] = sum;
        }
      }
    }
    return y;
  };
}

/** s x + t per channel of n numbers. */
function scaleChannels(n, s, t) {
  return (x) => {
    for (let i = 0; i < x.length; i++) {
      const channel = Math.floor(i / n);
      x[i] = s[channel] * x[i] + t[channel];
    }
    return x;
  };
}

/** Two input positions of each output position along an axis, and the second one's weight. */
function neighbors(nIn, nOut, ratio, mode) {
  return Array.from({ length: nOut }, (_, i) => {
    const at = mode === "nearest" ? Math.floor(i * ratio)
      : mode === "nearest-exact" ? Math.floor((i + 0.5) * ratio)
      : mode === "corners" ? (nOut > 1 ? (i * (nIn - 1)) / (nOut - 1) : 0)
      : Math.max(0, (i + 0.5) * ratio - 0.5);
    const first = Math.min(Math.floor(at), nIn - 1);
    return [first, Math.min(first + 1, nIn - 1), at - first];
  });
}

function upsample(channels, h, w, hOut, wOut, ratioY, ratioX, mode) {
  const rows = neighbors(h, hOut, ratioY, mode), columns = neighbors(w, wOut, ratioX, mode);
  const y = new Float32Array(channels * hOut * wOut);
  return (x) => {
    let at = 0;
    for (let channel = 0; channel < channels; channel++) {
      for (const [above, below, down] of rows) {
        const row0 = (channel * h + above) * w, row1 = (channel * h + below) * w;
        for (const [left, right, across] of columns) {
          const high = x[row0 + left] + across * (x[row0 + right] - x[row0 + left]);
          const low = x[row1 + left] + across * (x[row1 + right] - x[row1 + left]);
          y[at++] = high + down * (low - high);
        }
      }
    }
    return y;
  };
}

const sigmoid = (v) => 1 / (1 + Math.exp(-v));

/** The error function; absolute error below 2e-7 (Abramowitz and Stegun, 7.1.26). */
function erf(v) {
  const t = 1 / (1 + 0.3275911 * Math.abs(v));
  const sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741
    + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(v) * (1 - sum * Math.exp(-v * v));
}

const ACTIVATIONS = {
  relu: () => (v) => (v > 0 ? v : 0),
  sigmoid: () => sigmoid,
  tanh: () => Math.tanh,
  silu: () => (v) => v * sigmoid(v),
  "leaky relu": (slope) => (v) => (v > 0 ? v : slope * v),
  elu: (alpha) => (v) => (v > 0 ? v : alpha * Math.expm1(v)),
  gelu: (approximate) => (approximate === "tanh"
    ? (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)))
    : (v) => 0.5 * v * (1 + erf(v * Math.SQRT1_2))),
  softplus: (beta, threshold) => (v) =>
    (beta * v > threshold ? v : Math.log1p(Math.exp(beta * v)) / beta),
};

function inPlace(f) {
  return (x) => {
    for (let i = 0; i < x.length; i++) x[i] = f(x[i]);
    return x;
  };
}

/** A function from the output of browser_network in Python: point -> output, a Float32Array
    that is valid until the next call. */
export function makeNetwork({ layers, weights }) {
  const all = fromFloat16(uint16(weights));
  let at = 0;
  const take = (count) => all.subarray(at, (at += count));
  const makers = {
    linear: (nIn, nOut) => linear(nIn, nOut, take(nIn * nOut), take(nOut)),
    conv: (...shapes) => convolve(false, shapes),
    transposed: (...shapes) => convolve(true, shapes),
    scale: (channels, n) => scaleChannels(n, take(channels), take(channels)),
    upsample,
  };
  function convolve(transposed, shapes) {
    const [c, , , o, , , height, width] = shapes, groups = shapes.at(-1);
    return convolution(transposed, shapes, take((o * height * width * c) / groups), take(o));
  }
  const steps = layers.map(([kind, ...numbers]) =>
    (makers[kind] ?? ((...n) => inPlace(ACTIVATIONS[kind](...n))))(...numbers));
  return (point) => steps.reduce((x, step) => step(x), Float32Array.from(point));
}
