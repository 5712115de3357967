// The six objectives as they are read: formula, knobs, what the codes and p(x) are.

const F = "<i>f</i>(<i>x</i>)", G = "<i>g</i>", X = "<i>x</i>", Z = "<i>z</i>";
const EXPECTATION = "E", NOISE = "<mark>+ <i>ε</i></mark>";
const SOURCE = "<mark><i>ε</i> ~ N(0, <i>σ</i>²<i>I</i>)</mark>";
const errorOf = (inside) => `‖${X} − ${G}(${inside})‖²`;
const NO_PRIOR = `an autoencoder has no <i>p</i>(<i>z</i>)`;

/** Faces of the buttons and full names; <mark>: what differs from the autoencoder; `extra`:
    what is added to the reconstruction; `cloud`: the code has noise. */
export const READ_OBJECTIVES = {
  ae: { face: "AE", name: "autoencoder", knobs: [], formula: `${EXPECTATION} ${errorOf(F)}`,
    spoken: "mean of the squared error of x and g of f of x" },
  sparse: { face: "sparse", name: "sparse autoencoder", knobs: ["lam"],
    extra: "<i>λ</i> ‖<i>z</i>‖₁",
    formula: `${EXPECTATION} [ ${errorOf(F)} <mark>+ <i>λ</i> ‖${F}‖₁</mark> ]`,
    spoken: "mean of the squared error, plus lambda times the sum of absolute codes" },
  denoising: { face: "denoising", name: "denoising autoencoder", knobs: ["sigma"],
    formula: `${EXPECTATION} ${errorOf(`<i>f</i>(${X} ${NOISE})`)}, &ensp;${SOURCE}`,
    spoken: "mean of the squared error, with noise of deviation sigma on the input" },
  probabilistic: { face: "probabilistic", name: "probabilistic autoencoder",
    knobs: ["sigma"], cloud: true,
    formula: `${EXPECTATION} ${errorOf(`${F} ${NOISE}`)}, &ensp;${SOURCE}`,
    spoken: "mean of the squared error, with noise of deviation sigma on the code" },
  regularized: { face: "regularized", name: "regularized probabilistic autoencoder",
    knobs: ["sigma", "lam"], cloud: true,
    extra: "<i>λ</i> ‖<i>z</i>‖²",
    formula: `${EXPECTATION} [ ${errorOf(`${F} ${NOISE}`)} <mark>+ <i>λ</i> ‖${F}‖²</mark> ],
      &ensp;${SOURCE}`,
    spoken: "mean of the squared error, with noise of deviation sigma on the code, plus "
      + "lambda times the squared length of the code" },
  vae: { face: "VAE", name: "variational autoencoder",
    knobs: ["beta", "spread"], cloud: true, extra: "<i>β</i> KL",
    formula: `${EXPECTATION} [ <mark>−log <i>p</i>(${X}|${Z})</mark> <mark>+ <i>β</i>
      KL(<i>q</i>(${Z}|${X}) ‖ <i>p</i>(${Z}))</mark> ], &ensp;<mark>${Z} ~
      <i>q</i>(${Z}|${X})</mark>`,
    spoken: "mean of minus log p of x given z, plus beta times the K L divergence of q of z "
      + "given x from the prior; z is drawn from q, whose mean and deviation f learns" },
};

export const unitOf = (objective) => (objective === "vae" ? "nats" : "squared error");

/** Why there is no log p(x). */
export function whyNoEvidence(objective) {
  if (!READ_OBJECTIVES[objective].cloud) {
    return `<b>No log <i>p</i>(<i>x</i>) here:</b> ${NO_PRIOR} to draw a code from, and its
      squared error is no probability. It cannot say how likely an <i>x</i> is.`;
  }
  return `<b>No log <i>p</i>(<i>x</i>) here:</b> the squared error can be read as a Gaussian
    <i>p</i>(<i>x</i>|<i>z</i>), but there is no <i>p</i>(<i>z</i>) to average it over.`;
}

export function aboutDraws(objective, dimensions) {
  const normal = dimensions === 1 ? "N(0, 1)" : "N(0, <i>I</i>)";
  return objective === "vae"
    ? `Draws from the prior: <i>z</i> ~ ${normal}, decoded`
    : `<i>z</i> ~ ${normal} decoded, though an AE has no <i>p</i>(<i>z</i>)`;
}
