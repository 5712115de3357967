// Trains a small network x → f → z → g → x̂ in the browser, under one of six objectives.
//
// The formulas are those of course_utils/objectives.py, the arithmetic is in
// training_kernel.c. The same seed gives the same bits in every browser: what a step uses is
// + − × ÷ √, which round alike everywhere, and the kernel's exp and log. (Math.exp does not.)

export const BATCH = 64;
const WIDEST = 4096; // inputs of a layer, as in the kernel
const EPSILON = 1e-8, DECAY = [0.9, 0.999]; // of Adam; the kernel has the same decays

/** What each objective adds to the autoencoder's ‖x − g(f(x))‖²: noise, and a penalty with
    its weight. A penalty gives its value and its derivatives by μ and log σ².
    The VAE learns the noise of the code, and has a likelihood instead of the error. */
export const OBJECTIVES = {
  ae: {},
  sparse: { term: "sparsity", weight: "lam",
    penalty: (mu) => [Math.abs(mu), Math.sign(mu), 0] },
  denoising: { noise: "input" },
  probabilistic: { noise: "code" },
  regularized: { noise: "code", term: "penalty", weight: "lam",
    penalty: (mu) => [mu * mu, 2 * mu, 0] },
  vae: { noise: "code", term: "kl", weight: "beta",
    penalty: (mu, logvar, variance) =>
      [(mu * mu + variance - logvar - 1) / 2, mu, (variance - 1) / 2] },
};

// --- random numbers ------------------------------------------------------------------

/** A function whose calls give uniform numbers in [0, 1): mulberry32. */
export function makeUniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A function that fills an array with standard normal numbers (Marsaglia's polar method). */
export function makeNormal(seed, log) {
  const uniform = makeUniform(seed);
  return (numbers) => {
    for (let i = 0; i < numbers.length; i += 2) {
      let a, b, square;
      do {
        a = 2 * uniform() - 1;
        b = 2 * uniform() - 1;
        square = a * a + b * b;
      } while (square >= 1 || square === 0);
      const scale = Math.sqrt((-2 * log(square)) / square);
      numbers[i] = scale * a;
      if (i + 1 < numbers.length) numbers[i + 1] = scale * b;
    }
    return numbers;
  };
}

/** A function that gives the indices of the next batch: each epoch has an order of its own,
    and leaves out what does not fill its last batch. */
function makeBatches(n, seed) {
  const uniform = makeUniform(seed), order = Int32Array.from({ length: n }, (_, i) => i);
  let at = n;
  return () => {
    if (at + BATCH > n) {
      for (let i = n - 1; i > 0; i--) {
        const j = Math.floor(uniform() * (i + 1)), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
      }
      at = 0;
    }
    return order.subarray(at, (at += BATCH));
  };
}

// --- the network in the kernel's memory ------------------------------------------------

/** Arrays in the kernel's memory, each with its address `.at`; `lengths` has their names. */
function allocate({ memory, __heap_base: heap }, lengths) {
  let end = heap.value;
  const places = Object.entries(lengths).map(([name, length]) => {
    const at = (end + 15) & ~15; // of a vector
    end = at + 4 * length;
    return { name, at, length };
  });
  const missing = end - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / 65536)); // moves earlier arrays
  return Object.fromEntries(places.map(({ name, at, length }) =>
    [name, Object.assign(new Float32Array(memory.buffer, at, length), { at })]));
}

/** The layers of encoder and decoder, and where each one's W, then b, begin among the
    parameters. The encoder gives μ, then log σ², which only the VAE uses: so the objective
    may change while the network learns. */
export function layersOf({ inputs, width, latent }) {
  const sizes = [[inputs, width], [width, 2 * latent], [latent, width], [width, inputs]];
  let at = 0;
  return sizes.map(([n, m], i) => {
    const layer = { n, m, at, relu: i % 2 ? 0 : 1 };
    at += n * m + m;
    return layer;
  });
}

/** W and b uniform within ±1/√n, as torch initializes a Linear. */
function initialize(parameters, layers, seed) {
  const uniform = makeUniform(seed);
  for (const { n, m, at } of layers) {
    const bound = 1 / Math.sqrt(n);
    for (let i = at; i < at + n * m + m; i++) parameters[i] = bound * (2 * uniform() - 1);
  }
}

/** Encoder and decoder: parameters, their gradient, and the arrays of one batch.
    encode(points, rows), decode(codes, rows)  at most BATCH rows; the result, μ and log σ²
              of each row or x̂, is valid until the next call
    decodeBack(), encodeBack()  dz from dy, and the gradient from dcode, of the last batch */
function makeAutoencoder(kernel, { inputs, width, latent, seed }) {
  const layers = layersOf({ inputs, width, latent }), B = BATCH;
  const size = layers[3].at + (width + 1) * inputs;
  const data = B * inputs, hidden = B * width, coded = B * latent;
  const arrays = allocate(kernel, { parameters: size, gradient: size, mean: size, square: size,
    x: data, input: data, h: hidden, code: 2 * coded, z: coded, k: hidden, y: data,
    dy: data, dk: hidden, dz: coded, dcode: 2 * coded, dh: hidden });
  const { parameters, gradient, input, h, code, z, k, y, dy, dk, dz, dcode, dh } = arrays;
  arrays.mean.fill(0); // the memory may have been used before
  arrays.square.fill(0);
  initialize(parameters, layers, seed);

  function forward({ n, m, at, relu }, from, to, rows) {
    const w = parameters.at + 4 * at;
    kernel.forward(from.at, w, w + 4 * n * m, to.at, rows, n, m, relu);
  }
  /** from: input of the layer; relu: it comes from a ReLU; dfrom: wanted if not null */
  function backward({ n, m, at }, from, dto, dfrom, relu) {
    const dw = gradient.at + 4 * at;
    kernel.backward(from.at, parameters.at + 4 * at, dto.at, dw, dw + 4 * n * m,
      dfrom === null ? 0 : dfrom.at, B, n, m, relu);
  }
  return {
    ...arrays, layers,
    encode(points, rows) {
      input.set(points);
      forward(layers[0], input, h, rows);
      forward(layers[1], h, code, rows);
      return code.subarray(0, 2 * rows * latent);
    },
    decode(codes, rows) {
      z.set(codes);
      forward(layers[2], z, k, rows);
      forward(layers[3], k, y, rows);
      return y.subarray(0, rows * inputs);
    },
    decodeBack() {
      backward(layers[3], k, dy, dk, 1);
      backward(layers[2], z, dk, dz, 0);
    },
    encodeBack() {
      backward(layers[1], h, dcode, dh, 1);
      backward(layers[0], input, dh, null, 0);
    },
  };
}

/** The network, its gradients and its optimizer.
    kernel    the exports of training_kernel.wasm, which one trainer at a time may use
    data      Float32Array of N × inputs numbers
    step(settings)  one step of Adam; see `gradients`
    encode, decode  see makeAutoencoder */
export function makeTrainer(kernel, data, { inputs, width, latent, seed }) {
  if (inputs > WIDEST || width > WIDEST) throw new RangeError(`a layer is wider than ${WIDEST}`);
  if (data.length < BATCH * inputs) throw new RangeError(`there are less than ${BATCH} points`);
  const B = BATCH, network = makeAutoencoder(kernel, { inputs, width, latent, seed });
  const { parameters, gradient, x, code, y, dy, dz, dcode, encode, decode } = network;
  const nextBatch = makeBatches(data.length / inputs, seed + 1);
  const fillNormal = makeNormal(seed + 2, kernel.log);
  const inputNoise = new Float32Array(B * inputs), codeNoise = new Float32Array(B * latent);
  let steps = 0, powers = [1, 1]; // of the decays: ** differs between browsers

  /** Squared error, or nats of the VAE's likelihood, and dy; mean over the batch. */
  function reconstruct({ objective, spread }) {
    let sum = 0;
    if (objective === "vae" && !spread) {
      for (let i = 0; i < B * inputs; i += B) { // B pixels: float32 is exact enough for their sum
        sum += kernel.bernoulli(x.at + 4 * i, y.at + 4 * i, dy.at + 4 * i, B, 1 / B);
      }
      return sum / B;
    }
    const factor = objective === "vae" ? 1 / (2 * spread * spread) : 1;
    for (let i = 0; i < B * inputs; i++) {
      const error = y[i] - x[i];
      sum += error * error;
      dy[i] = (2 * factor * error) / B;
    }
    const constant = objective === "vae" ? inputs * logNormalizer(spread) : 0;
    return (factor * sum) / B + constant;
  }

  /** Standard deviation of the code's noise: σ of the VAE is learned. */
  function deviation({ objective, sigma }, logvar) {
    if (objective === "vae") return kernel.exp(logvar / 2);
    return OBJECTIVES[objective].noise === "code" ? sigma : 0;
  }

  /** Terms of the loss of a batch, and the gradient of the loss.
      rows      BATCH × inputs numbers
      noise     {input, code}: standard normal numbers
      settings  {objective, lam, sigma, beta, spread, lr}; spread: the VAE's likelihood is
                N(x̂, spread² I), or Bernoulli with logits x̂ if it is 0 */
  function gradients(rows, noise, settings) {
    const { noise: place, term, weight, penalty } = OBJECTIVES[settings.objective];
    x.set(rows);
    encode(place === "input"
      ? rows.map((value, i) => value + settings.sigma * noise.input[i]) : rows, B);
    const codes = new Float32Array(B * latent);
    eachCode((i, mu, logvar) => {
      codes[i] = mu + deviation(settings, logvar) * noise.code[i];
    });
    decode(codes, B);
    const recon = reconstruct(settings);
    network.decodeBack();
    let extra = 0;
    eachCode((i, mu, logvar, at) => {
      const sigma = deviation(settings, logvar), share = settings[weight] / B;
      const [value, byMu, byLogvar] = penalty ? penalty(mu, logvar, sigma * sigma) : [0, 0, 0];
      extra += value / B;
      dcode[at] = dz[i] + (penalty ? share * byMu : 0);
      dcode[at + latent] = settings.objective === "vae"
        ? (dz[i] * sigma * noise.code[i]) / 2 + share * byLogvar : 0;
    });
    network.encodeBack();
    return penalty ? { loss: recon + settings[weight] * extra, recon, [term]: extra }
      : { loss: recon, recon };
  }

  /** f(index of a code's number, its μ, its log σ², index of μ in `code`) for each. */
  function eachCode(f) {
    for (let i = 0; i < B * latent; i++) {
      const at = i + latent * Math.floor(i / latent);
      f(i, code[at], code[at + latent], at);
    }
  }

  /** RangeError, before the parameters change, if the loss is not finite. */
  function step(settings) {
    const rows = new Float32Array(B * inputs), { noise } = OBJECTIVES[settings.objective];
    nextBatch().forEach((n, i) => {
      rows.set(data.subarray(n * inputs, (n + 1) * inputs), i * inputs);
    });
    if (noise === "input") fillNormal(inputNoise);
    if (noise === "code") fillNormal(codeNoise);
    const terms = gradients(rows, { input: inputNoise, code: codeNoise }, settings);
    if (!Number.isFinite(terms.loss)) throw new RangeError("the loss is not finite");
    update(settings.lr);
    return terms;
  }

  function update(lr) {
    steps++;
    powers = powers.map((power, i) => power * DECAY[i]);
    const root = Math.sqrt(1 - powers[1]);
    kernel.adam(parameters.at, gradient.at, network.mean.at, network.square.at,
      parameters.length, (lr * root) / (1 - powers[0]), EPSILON * root);
  }

  return { inputs, latent, layers: network.layers, parameters, gradient, gradients, update,
    step, encode, decode, steps: () => steps };
}

/** ½ log 2πσ² */
export const logNormalizer = (sigma) => Math.log(2 * Math.PI * sigma * sigma) / 2;
