// The worker of LiveTraining: trains in slices between two messages, and sends frames, which
// hold what is to be seen.
//
// in:   {type: "start" | "change" | "see" | "run" | "pause", …}, see `handlers`
// out:  {type: "frame", …}, see `makeFrame`; {type: "stopped" or, at rest, "changed", …};
//       {type: "failed", step}: the loss is not finite; {type: "broken", reason}: an error

import { elbos, logEvidence, refinedEvidence } from "./exact_evidence.js";
import { BATCH, makeNormal, makeTrainer } from "./trainer.js";

const SLICE = 12; // ms of training between two looks at the messages
const FRAME = 33; // ms from one frame to the next, at least
const FRAME_REST = 2; // a frame takes at most one part in 1 + FRAME_REST of the time
const LOOK = 250; // ms for log p(x) while it trains; at rest as long as it needs
const REST = 6; // log p(x) takes at most one part in 1 + REST of the time
const SIDE = 11; // points of the decoded lattice, or CURVE points if there is one dimension
const CURVE = 241;
const PIXELS = 48; // of the map of the density, along each axis
const DRAWS = 10; // from the prior

let kernel, run;

const handlers = {
  /** Makes a network, replays what was changed, and pauses.
      kernel      bytes of training_kernel.wasm
      shape       {inputs, width, latent, seed}
      data        {train, test}: Float32Array, rows of `inputs` numbers
      changes     [[step, settings], …]: the first at step 0, see `gradients` in trainer.js
      steps       how many are trained at once
      parameters  initial ones, or null
      view        see `see` */
  async start({ kernel: bytes, shape, data, changes, steps, parameters, view }) {
    kernel ??= (await WebAssembly.instantiate(bytes)).instance.exports;
    const trainer = makeTrainer(kernel, data.train, shape);
    if (parameters) trainer.parameters.set(parameters);
    const draws = makeNormal(shape.seed + 3, kernel.log)(new Float32Array(DRAWS * shape.latent));
    run = { trainer, data, view, draws, changes: [], pending: [...changes], settings: {},
      target: 0, active: false, means: makeMeans(), evidence: null, evidenceDue: 0,
      frameDue: 0, finest: null };
    applyChanges();
    sendFrame();
    handlers.run({ steps });
  },
  /** New values of some settings, from the next step on. */
  change({ settings }) {
    run.pending = [];
    const { objective, spread } = run.settings;
    apply(settings);
    if (objective !== run.settings.objective || spread !== run.settings.spread) {
      run.evidence = null; // β does not change the model
      run.evidenceDue = 0;
    }
    if (isRunning()) return;
    sendFrame();
    postMessage({ type: "changed", changes: run.changes });
    catchUp();
  },
  /** window: half width of the decoded lattice; shown: indices of test points to reconstruct;
      extent: [x from, x to, y from, y to] of the plane of two-dimensional data, or null;
      speed: steps per second, 0 for as many as possible. */
  see({ view }) {
    Object.assign(run.view, view);
    run.paceFrom = null;
    if (!isRunning()) sendFrame();
  },
  /** Trains `steps` more steps (Infinity: until `pause`). */
  run({ steps }) {
    run.target = run.trainer.steps() + steps;
    run.paceFrom = null;
    if (!run.active) next();
    run.active = true;
  },
  pause() {
    run.target = run.trainer.steps();
  },
};

const isRunning = () => run.target > run.trainer.steps();

function apply(settings) {
  Object.assign(run.settings, settings);
  run.changes.push([run.trainer.steps(), settings]);
}

function applyChanges() {
  while (run.pending.length && run.pending[0][0] <= run.trainer.steps()) {
    apply(run.pending.shift()[1]);
  }
}

// --- training --------------------------------------------------------------------------

// A message to oneself comes after the messages that wait: setTimeout would lose 4 ms.
const { port1, port2 } = new MessageChannel();
port1.onmessage = trainSlice;
const next = () => port2.postMessage(null);

function stop() {
  const { trainer, changes } = run;
  run.active = false;
  applyChanges(); // those of this very step
  sendFrame();
  postMessage({ type: "stopped", step: trainer.steps(), changes,
    parameters: trainer.parameters.slice() });
  catchUp();
}

/** At rest, log p(x) of this very step in full precision; in slices, between which messages
    are answered, as it takes long. The next training or change ends it. */
function catchUp() {
  const { trainer, settings, evidence } = run, step = trainer.steps();
  if (settings.objective !== "vae") return;
  if (evidence?.result.step === step && evidence.result.converged) return;
  const sums = refinedEvidence(trainer, shownPoints(), settings.spread), mine = run.finest = {};
  let latest;
  function go() {
    if (run.finest !== mine || isRunning() || step !== trainer.steps()) return;
    const end = performance.now() + SLICE;
    for (let part = sums.next(); !part.done; part = sums.next()) {
      latest = part.value ?? latest;
      if (latest && !run.evidence) { // better coarse than none
        keepEvidence(latest);
        sendFrame();
      }
      if (performance.now() > end) return setTimeout(go);
    }
    keepEvidence(latest);
    sendFrame();
  }
  setTimeout(go);
}

/** Steps that the speed allows until now. */
function allowed(now) {
  const { speed } = run.view;
  if (!speed) return Infinity;
  run.paceFrom ??= [now, run.trainer.steps()];
  return run.paceFrom[1] + ((now - run.paceFrom[0]) * speed) / 1000 + 1;
}

function trainSlice() {
  const end = performance.now() + SLICE, limit = Math.min(run.target, allowed(end - SLICE));
  try {
    while (run.trainer.steps() < limit && performance.now() < end) {
      applyChanges();
      run.means.add(run.trainer.step(run.settings));
    }
  } catch (error) {
    if (!(error instanceof RangeError)) return broken(error);
    run.target = run.trainer.steps();
    postMessage({ type: "failed", step: run.trainer.steps() });
  }
  if (!isRunning()) return stop();
  if (performance.now() >= run.frameDue) {
    if (performance.now() >= run.evidenceDue) computeEvidence();
    sendFrame();
  }
  if (run.trainer.steps() < limit) next();
  else setTimeout(next, SLICE); // as fast as it shall be
}

/** Means of the terms since the last frame. */
function makeMeans() {
  let sums = {}, count = 0;
  return {
    add(terms) {
      for (const [name, value] of Object.entries(terms)) {
        sums[name] = (sums[name] ?? 0) + value;
      }
      count++;
    },
    take() {
      const means = {};
      for (const [name, sum] of Object.entries(sums)) means[name] = sum / count;
      sums = {};
      count = 0;
      return means;
    },
  };
}

// --- frames ----------------------------------------------------------------------------

function sendFrame() {
  const begun = performance.now();
  postMessage(makeFrame());
  const end = performance.now();
  run.frameDue = Math.max(begun + FRAME, end + FRAME_REST * (end - begun));
}

/** What is to be seen now:
    step, steps per epoch, settings
    terms     means of the terms of the loss since the last frame, {} before the first step
    codes     of all test points, row by row: μ, then log σ²
    shown     x̂ of the points `view.shown`
    lattice   x̂ of SIDE² points of [−window, window]², row by row from the top left; for one
              latent dimension of CURVE points of [−window, window]
    draws     x̂ of DRAWS points from the prior
    evidence  {values: log p(x) of the shown points, converged, bounds: [{recon, kl, elbo}],
              step} for the VAE, of the last time that it was computed; otherwise null
    density   log p(x) of PIXELS² points of `view.extent`, for the VAE of data in the plane
    x̂ of pictures are bytes, 255 black; x̂ of data in the plane float32. */
function makeFrame() {
  const { trainer, data, view, settings, draws } = run;
  const codes = inBatches(data.test, trainer.inputs, trainer.encode), means = view.shown.map((i) =>
    codes.subarray(2 * i * trainer.latent, (2 * i + 1) * trainer.latent));
  return {
    type: "frame", step: trainer.steps(), settings,
    stepsPerEpoch: Math.floor(data.train.length / trainer.inputs / BATCH),
    terms: run.means.take(), codes,
    shown: decodeAll(joined(means)), lattice: decodeAll(joined(latticePoints(view.window))),
    draws: decodeAll(draws),
    evidence: run.evidence?.result ?? null, density: run.evidence?.density ?? null,
  };
}

function rows(numbers, width) {
  return Array.from({ length: numbers.length / width }, (_, i) =>
    numbers.subarray(i * width, (i + 1) * width));
}

const joined = (points) => Float32Array.from(points.flatMap((point) => [...point]));

/** One array of the results of f for at most BATCH rows of `width` numbers at a time. */
function inBatches(numbers, width, f) {
  const count = numbers.length / width;
  let all;
  for (let start = 0; start < count; start += BATCH) {
    const end = Math.min(start + BATCH, count);
    const part = f(numbers.subarray(start * width, end * width), end - start);
    all ??= new part.constructor((part.length / (end - start)) * count);
    all.set(part, (part.length / (end - start)) * start);
  }
  return all;
}

const decodeAll = (codes) => inBatches(codes, run.trainer.latent, (some, n) =>
  visible(run.trainer.decode(some, n)));

/** The decoder's output as it is drawn: gray levels, or points of the plane. */
function visible(y) {
  if (run.trainer.inputs === 2) return y;
  const logits = run.settings.objective === "vae" && !run.settings.spread;
  const shades = new Uint8Array(y.length);
  for (let i = 0; i < y.length; i++) { // Uint8Array.from is ten times slower
    const level = logits ? 1 / (1 + Math.exp(-y[i])) : Math.min(1, Math.max(0, y[i]));
    shades[i] = 255 * level + 0.5;
  }
  return shades;
}

const between = (low, high, n) =>
  Array.from({ length: n }, (_, i) => low + ((high - low) * i) / (n - 1));

function latticePoints(window) {
  if (run.trainer.latent === 1) return between(-window, window, CURVE).map((z) => [z]);
  const axis = between(-window, window, SIDE);
  return [...axis].reverse().flatMap((up) => axis.map((right) => [right, up]));
}

function shownPoints() {
  const test = rows(run.data.test, run.trainer.inputs);
  return run.view.shown.map((i) => test[i]);
}

/** While it trains: log p(x) of the present network, as precise as the time allows. */
function computeEvidence() {
  if (run.settings.objective !== "vae") return;
  const begun = performance.now();
  keepEvidence(logEvidence(run.trainer, shownPoints(), run.settings.spread, LOOK));
  run.evidenceDue = performance.now() + REST * (performance.now() - begun);
}

/** Adds the ELBO, and the density of data in the plane. */
function keepEvidence(evidence) {
  const { trainer, view, settings: { spread } } = run;
  const result = { ...evidence, step: trainer.steps(),
    bounds: elbos(trainer, shownPoints(), spread) };
  const density = view.extent
    && Float32Array.from(logEvidence(trainer, planePoints(view.extent), spread, LOOK).values);
  run.evidence = { result, density };
}

function planePoints([left, right, low, high]) {
  return between(high, low, PIXELS).flatMap((up) =>
    between(left, right, PIXELS).map((across) => [across, up]));
}

// In order, also while the first `start` waits for the kernel. After an error, words.
const broken = (error) => postMessage({ type: "broken", reason: String(error?.message ?? error) });
let before = Promise.resolve();
onmessage = ({ data }) => {
  before = before.then(() => handlers[data.type](data)).catch(broken);
};
