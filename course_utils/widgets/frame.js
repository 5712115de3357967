// The axes on show: coordinates of z, or the directions of largest variance of the codes.

import { subscript } from "./axes.js";
import { float32 } from "./core.js";

const small = (index) => String(index).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]);

/** Traits as in LatentWalk: z (K), axes, principal, directions (K, K), codes (N, K). */
export function makeFrame(model, codes) {
  const k = model.get("z").length, rows = float32(model.get("directions"));
  const principal = () => model.get("principal");
  const entry = (i, j) => (principal() ? rows[i * k + j] : Number(i === j));
  const value = (i, z) => {
    if (!principal()) return z[i];
    let sum = 0;
    for (let j = 0; j < k; j++) sum += rows[i * k + j] * z[j];
    return sum;
  };
  return {
    k, value, entry,
    shown: () => model.get("axes"),
    others: () => [...Array(k).keys()].filter((i) => !model.get("axes").includes(i)),
    /** The place of z in the plane. */
    place: (z) => model.get("axes").map((i) => value(i, z)),
    /** z with these values [i, v] along axes. */
    moved: (z, values) => values.reduce((at, [i, v]) => {
      if (!principal()) return at.map((number, j) => (j === i ? v : number));
      const step = v - value(i, at);
      return at.map((number, j) => number + step * entry(i, j));
    }, z),
    /** The places of all codes, 2N numbers. */
    places() {
      if (k === 2 && !model.get("axes")[0]) return codes;
      const axes = model.get("axes"), all = new Float32Array((2 * codes.length) / k);
      for (let n = 0; n < all.length / 2; n++) {
        const code = codes.subarray(n * k, (n + 1) * k);
        for (const [at, i] of axes.entries()) all[2 * n + at] = value(i, code);
      }
      return all;
    },
    html: (i) => (principal() ? `PC<sub>${i + 1}</sub>` : subscript("z", i + 1)),
    text: (i) => (principal() ? `PC ${i + 1}` : `z${small(i + 1)}`),
    /** Half-axes and turn, in degrees, of the ellipse that N(μ, diag σ²) casts on the plane. */
    ellipse(sigma) {
      const [i, j] = model.get("axes");
      if (!principal()) return { axes: [sigma[i], sigma[j]], turn: 0 };
      let a = 0, b = 0, c = 0; // the covariance ((a, b), (b, c))
      for (let d = 0; d < k; d++) {
        const variance = sigma[d] ** 2, x = entry(i, d), y = entry(j, d);
        a += x * x * variance;
        b += x * y * variance;
        c += y * y * variance;
      }
      const middle = (a + c) / 2, half = Math.hypot((a - c) / 2, b);
      return { axes: [Math.sqrt(middle + half), Math.sqrt(Math.max(middle - half, 0))],
        turn: (Math.atan2(2 * b, a - c) * 90) / Math.PI };
    },
  };
}
