// A sequential network, evaluated in the browser with float16 weights.

import { bytesOf } from "./core.js";

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

function inPlace(f) {
  return (x) => {
    for (let i = 0; i < x.length; i++) x[i] = f(x[i]);
    return x;
  };
}

/** A function from the output of browser_network in Python: point -> output, a Float32Array
    that is valid until the next call. */
export function makeNetwork({ layers, weights }) {
  const numbers = fromFloat16(new Uint16Array(bytesOf(weights)));
  let at = 0;
  const take = (count) => numbers.subarray(at, (at += count));
  const steps = layers.map(([kind, nIn, nOut]) => {
    if (kind === "linear") return linear(nIn, nOut, take(nIn * nOut), take(nOut));
    return inPlace(kind === "relu" ? (v) => (v > 0 ? v : 0) : (v) => 1 / (1 + Math.exp(-v)));
  });
  return (point) => steps.reduce((x, step) => step(x), Float32Array.from(point));
}
