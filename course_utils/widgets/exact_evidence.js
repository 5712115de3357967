// log p(x) of a decoder with one or two latent dimensions, summed over a lattice, and the
// ELBO beside it: the sums of course_utils/theory/evidence.py.

import { BATCH, logNormalizer } from "./trainer.js";

const HALF_WIDTH = 5; // of the lattice, at least: the prior's mass outside is about 1e−6
const MARGIN = 2; // around the codes
const COARSEST = 51; // points per axis; the spacing is halved
const TOLERANCE = 0.02; // nats: refined until log p(x) changes by less
const MOST_PAIRS = 2e6; // of a point and an x, at most: 401² points for six x

const EPSILONS = Array.from({ length: 21 }, (_, i) => i / 2 - 5); // for E_q

/** All points whose coordinates are among `axis`, one after another. */
function grid(axis, dimensions) {
  return dimensions === 1 ? axis.map((z) => [z])
    : axis.flatMap((z) => axis.map((other) => [z, other]));
}

/** Calls f(row of y, index of the point) for the decoder's output at each point. */
function decodeEach({ decode, inputs }, points, f) {
  for (let start = 0; start < points.length; start += BATCH) {
    const some = points.slice(start, start + BATCH);
    const y = decode(Float32Array.from(some.flat()), some.length);
    for (let i = 0; i < some.length; i++) {
      f(y.subarray(i * inputs, (i + 1) * inputs), start + i);
    }
  }
}

/** Σ log(1 + eʸ), with one logarithm for many factors 1 + e^−|y| ≤ 2. */
function sumSoftplus(y) {
  let sum = 0, product = 1;
  for (let i = 0; i < y.length; i++) {
    sum += Math.max(y[i], 0);
    product *= 1 + Math.exp(-Math.abs(y[i]));
    if (i % 1000 === 999) { // 2¹⁰²⁴ would overflow
      sum += Math.log(product);
      product = 1;
    }
  }
  return sum + Math.log(product);
}

/** log p(x|z) of each x for an output y of the decoder, nats. */
function logLikelihoods(xs, y, spread) {
  if (spread) {
    return xs.map((x) => {
      let squares = 0;
      for (let i = 0; i < y.length; i++) squares += (x[i] - y[i]) ** 2;
      return -squares / (2 * spread * spread) - y.length * logNormalizer(spread);
    });
  }
  const normalizer = sumSoftplus(y); // the same for all x
  return xs.map((x) => {
    let sum = -normalizer;
    for (let i = 0; i < y.length; i++) sum += x[i] * y[i];
    return sum;
  });
}

const logPrior = (z) => z.reduce((sum, v) => sum - (v * v) / 2 - logNormalizer(1), 0);

/** log p(x) of each x by a sum over n^latent points; null after each batch of them. */
function* latticeSum(trainer, xs, spread, halfWidth, n) {
  const spacing = (2 * halfWidth) / (n - 1);
  const axis = Array.from({ length: n }, (_, i) => i * spacing - halfWidth);
  const points = grid(axis, trainer.latent);
  const largest = xs.map(() => -Infinity), sums = xs.map(() => 0);
  const add = (y, at) => {
    const prior = logPrior(points[at]);
    logLikelihoods(xs, y, spread).forEach((value, i) => {
      const joint = value + prior;
      if (joint > largest[i]) { // rescale, so that no exponential overflows
        sums[i] *= Math.exp(largest[i] - joint);
        largest[i] = joint;
      }
      sums[i] += Math.exp(joint - largest[i]);
    });
  };
  for (let start = 0; start < points.length; start += BATCH) {
    decodeEach(trainer, points.slice(start, start + BATCH), (y, i) => add(y, start + i));
    yield null;
  }
  return sums.map((sum, i) =>
    largest[i] + Math.log(sum) + trainer.latent * Math.log(spacing));
}

/** Of a box around the prior and the codes μ of all x, which a small β drives far out. */
function halfWidthFor({ encode, latent }, xs) {
  const farthest = xs.map((x) => Math.max(...encode(x, 1).subarray(0, latent).map(Math.abs)));
  return Math.max(HALF_WIDTH, MARGIN + Math.max(...farthest));
}

/** The sums over finer and finer lattices, in small parts of work: null after each part, and
    after each sum {values: log p(x) of each x, converged: whether none changed by TOLERANCE}. */
export function* refinedEvidence(trainer, xs, spread) {
  const halfWidth = halfWidthFor(trainer, xs);
  let n = COARSEST, values = yield* latticeSum(trainer, xs, spread, halfWidth, n), change;
  yield { values, converged: false };
  while (!(change < TOLERANCE)) { // it may be NaN
    n = 2 * n - 1;
    if (n ** trainer.latent * xs.length > MOST_PAIRS) return;
    const finer = yield* latticeSum(trainer, xs, spread, halfWidth, n);
    change = Math.max(...finer.map((value, i) => Math.abs(value - values[i])));
    values = finer;
    yield { values, converged: change < TOLERANCE };
  }
}

/** The last of the sums, or the last that was ready after `limit` ms; never less than one. */
export function logEvidence(trainer, xs, spread, limit = Infinity) {
  const end = performance.now() + limit;
  let latest;
  for (const sum of refinedEvidence(trainer, xs, spread)) {
    latest = sum ?? latest;
    if (latest && performance.now() >= end) break;
  }
  return latest;
}

/** ELBO of each x: E_q [log p(x|z)] as a sum over z = μ + σε, and the KL in closed form. */
export function elbos(trainer, xs, spread) {
  const { latent } = trainer, epsilons = grid(EPSILONS, latent);
  const densities = epsilons.map((epsilon) => Math.exp(logPrior(epsilon)));
  const total = densities.reduce((sum, density) => sum + density);
  return xs.map((x) => {
    const code = Float32Array.from(trainer.encode(x, 1));
    const mu = code.subarray(0, latent), logvar = code.subarray(latent);
    const points = epsilons.map((epsilon) =>
      epsilon.map((value, j) => mu[j] + Math.exp(logvar[j] / 2) * value));
    let recon = 0, kl = 0;
    decodeEach(trainer, points, (y, at) => {
      recon -= (densities[at] / total) * logLikelihoods([x], y, spread)[0];
    });
    for (let j = 0; j < latent; j++) {
      kl += (mu[j] * mu[j] + Math.exp(logvar[j]) - logvar[j] - 1) / 2;
    }
    return { recon, kl, elbo: -recon - kl };
  });
}
