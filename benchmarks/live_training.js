// What live_training.py compares with our trainer: its kernel in plain JavaScript, and the same
// VAE in tensorflow.js.

/** The exports of training_kernel.wasm as plain functions of typed arrays. */
export function plainKernel() {
  const memory = new WebAssembly.Memory({ initial: 1 }); // a buffer that grows, no more
  let numbers = new Float32Array(memory.buffer);
  function all() {
    if (numbers.buffer !== memory.buffer) numbers = new Float32Array(memory.buffer);
    return numbers;
  }
  return {
    memory, __heap_base: { value: 16 }, exp: Math.exp, log: Math.log,
    forward(x, w, b, y, rows, n, m, relu) {
      const f = all();
      [x, w, b, y] = [x / 4, w / 4, b / 4, y / 4];
      for (let r = 0; r < rows; r++, x += n, y += m) {
        for (let j = 0; j < m; j++) f[y + j] = f[b + j];
        for (let i = 0; i < n; i++) {
          const value = f[x + i], row = w + i * m;
          if (value !== 0) for (let j = 0; j < m; j++) f[y + j] += value * f[row + j];
        }
        if (relu) for (let j = 0; j < m; j++) if (f[y + j] < 0) f[y + j] = 0;
      }
    },
    backward(x, w, dy, dw, db, dx, rows, n, m, relu) {
      const f = all();
      const wanted = dx !== 0;
      [x, w, dy, dw, db, dx] = [x / 4, w / 4, dy / 4, dw / 4, db / 4, dx / 4];
      f.fill(0, dw, dw + n * m);
      f.fill(0, db, db + m);
      for (let r = 0; r < rows; r++, x += n, dx += n, dy += m) {
        for (let j = 0; j < m; j++) f[db + j] += f[dy + j];
        for (let k = 0; k < n; k++) {
          const value = f[x + k], row = dw + k * m, weights = w + k * m;
          if (value !== 0) for (let j = 0; j < m; j++) f[row + j] += value * f[dy + j];
          if (!wanted) continue;
          let sum = 0;
          if (!relu || value > 0) for (let j = 0; j < m; j++) sum += f[dy + j] * f[weights + j];
          f[dx + k] = sum;
        }
      }
    },
    adam(p, g, mean, square, count, rate, epsilon) {
      const f = all();
      [p, g, mean, square] = [p / 4, g / 4, mean / 4, square / 4];
      for (let i = 0; i < count; i++) {
        const slope = f[g + i];
        f[mean + i] += 0.1 * (slope - f[mean + i]);
        f[square + i] += 0.001 * (slope * slope - f[square + i]);
        f[p + i] -= (rate * f[mean + i]) / (Math.sqrt(f[square + i]) + epsilon);
      }
    },
    bernoulli(x, y, d, count, scale) {
      const f = all();
      [x, y, d] = [x / 4, y / 4, d / 4];
      let sum = 0;
      for (let j = 0; j < count; j++) {
        const logit = f[y + j], e = Math.exp(-Math.abs(logit));
        sum += Math.max(logit, 0) - f[x + j] * logit + Math.log(1 + e);
        f[d + j] = scale * ((logit > 0 ? 1 : e) / (1 + e) - f[x + j]);
      }
      return sum;
    },
  };
}

/** A step of the VAE in tensorflow.js, of the same sizes, with its own Adam.
    -> {step(), finish()}: finish waits until the steps are computed, and gives the loss */
export async function tensorflowTrainer(tf, backend, data, { inputs, width, latent, lr }) {
  if (!(await tf.setBackend(backend))) throw new Error(`the backend ${backend} does not start`);
  await tf.ready();
  const batch = 64, points = tf.tensor2d(data, [data.length / inputs, inputs]);
  const sizes = [[inputs, width], [width, 2 * latent], [latent, width], [width, inputs]];
  const layers = sizes.map(([n, m]) => {
    const bound = 1 / Math.sqrt(n), draw = (shape) =>
      tf.variable(tf.randomUniform(shape, -bound, bound));
    return [draw([n, m]), draw([m])];
  });
  const optimizer = tf.train.adam(lr, 0.9, 0.999, 1e-8);
  const apply = (i, x) => x.matMul(layers[i][0]).add(layers[i][1]);
  let loss = null;
  function vae(x) {
    const [mu, logvar] = tf.split(apply(1, apply(0, x).relu()), 2, 1);
    const z = mu.add(logvar.div(2).exp().mul(tf.randomNormal([batch, latent])));
    const y = apply(3, apply(2, z).relu());
    const nll = y.relu().sub(x.mul(y)).add(y.abs().neg().exp().add(1).log()).sum();
    const kl = mu.square().add(logvar.exp()).sub(logvar).sub(1).sum().div(2);
    return nll.add(kl).div(batch);
  }
  return {
    step() {
      const rows = Int32Array.from({ length: batch }, () =>
        Math.floor(Math.random() * points.shape[0]));
      loss?.dispose();
      loss = tf.tidy(() => {
        const x = points.gather(tf.tensor1d(rows, "int32"));
        return optimizer.minimize(() => vae(x), true);
      });
    },
    async finish() {
      return (await loss.data())[0];
    },
  };
}
