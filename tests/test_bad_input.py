"""Invalid input raises an error that says what to do, or gives a result that is not finite.

A row of the table is a function of the package, valid arguments of a size (B, D), and the
kind of each argument. A kind lists ways to corrupt an argument. A call with a corrupted
argument must raise ValueError, or FloatingPointError for NaN and infinity. NaN and infinity
may also be passed on to the result, but must not disappear in it.
"""

import inspect
import math
import re
from collections.abc import Iterator
from functools import partial
from itertools import product

import pytest
import torch

from course_utils import data, models, objectives
from course_utils.generative import classifier, diffusion, gan, metrics, vq_vae
from course_utils.models import VAE, Autoencoder, SparseAutoencoder, mlp
from course_utils.theory import (
    elbo,
    evidence,
    geodesics,
    gradient_estimators,
    information,
    lattice,
    linear_gaussian,
    mixtures,
    posterior_grid,
)

K = 2
PASSED_ON = "may raise an error, or give a result that is not finite"
REFUSED = "must raise an error"

# --- how arguments are corrupted ------------------------------------------------------


def with_last(value):
    def corrupt(x):
        x = x.clone()
        x.view(-1)[-1] = value
        return x

    return corrupt


NOT_FINITE = {
    "NaN": (with_last(math.nan), PASSED_ON),
    "infinity": (with_last(math.inf), PASSED_ON),
}
NOT_FLOATS = {
    "a list": (lambda x: x.tolist(), REFUSED),
    "whole numbers": (lambda x: x.long(), REFUSED),
    "empty": (lambda x: x[:0], REFUSED),
}
SCALE = {"-1": -1.0, "NaN": math.nan, "infinity": math.inf, "a word": "1", "None": None}
COUNT = {"0": 0, "-1": -1, "1.5": 1.5, "a word": "2", "None": None}
LABELS = {
    "negative": (lambda y: y - 100, REFUSED),
    "too large": (lambda y: y + 100, REFUSED),
    "floats": (lambda y: y.float(), REFUSED),
    "too few": (lambda y: y[:-1], REFUSED),
    "a list": (lambda y: y.tolist(), REFUSED),
}


def replaced_by(values):
    return {name: (lambda _, v=value: v, REFUSED) for name, value in values.items()}


NO_BATCH = {"one row": (lambda x: x[0], REFUSED)}
ROWS = NOT_FINITE | NOT_FLOATS | NO_BATCH
FINITE_ONLY = {name: (corrupt, REFUSED) for name, (corrupt, _) in NOT_FINITE.items()}
MISMATCH = {
    "too wide": (lambda x: torch.cat([x, x], dim=1), REFUSED),
    "double": (lambda x: x.double(), REFUSED),
    "another device": (lambda x: x.to("meta"), REFUSED),
}
KINDS = {
    "rows": ROWS,  # (B, D), of any D
    "pixels": ROWS | {"too wide": MISMATCH["too wide"]},  # (B, D) of a fixed D
    "matching": ROWS | MISMATCH,  # (B, D), whose D another argument or a network sets
    "vector": NOT_FINITE | NOT_FLOATS,
    "network input": NOT_FLOATS  # a network does not check for infinity
    | {name: (ROWS | MISMATCH)[name] for name in ("NaN", *MISMATCH)},
    "in [0, 1]": {
        "negative": (with_last(-0.01), REFUSED),
        "beyond 1": (with_last(1.01), REFUSED),
        "NaN": (with_last(math.nan), REFUSED),
    },
    "code": FINITE_ONLY | NOT_FLOATS | {"too long": (lambda z: torch.cat([z, z]), REFUSED)},
    "sigmas": FINITE_ONLY | NOT_FLOATS | {"0": (with_last(0.0), REFUSED)},
    "ends": FINITE_ONLY
    | NOT_FLOATS
    | NO_BATCH
    | {name: MISMATCH[name] for name in ("too wide", "double")},
    "labels": LABELS,
    "positive": replaced_by(SCALE | {"0": 0.0}),
    "not negative": replaced_by(SCALE),
    "count": replaced_by(COUNT),
}

NUMBERS = "positive", "not negative", "count"  # the error names the argument
# Infinity is a valid half-width or radius: the whole plane.
WIDTH = replaced_by({name: SCALE[name] for name in SCALE if name != "infinity"})

# --- the table ------------------------------------------------------------------------


def pair(b, d):
    return {"a": torch.rand(b, d), "b": torch.rand(b, d)}


def networks(kind):
    """f and g of a model that reads D numbers."""

    def make(d):
        torch.manual_seed(1)
        model = kind(d, K, (4,)) if kind is not SparseAutoencoder else kind(d, K)
        return model.encoder, model.decoder

    return make


def with_model(loss, kind):
    """The loss of a model, as a function of the data, which have D columns by ``d``."""

    def call(x, d, **options):
        return loss(*networks(kind)(d), x, **options)

    return call


def with_network(make):
    def call(d, **arguments):
        torch.manual_seed(1)
        return make(d)(**arguments)

    return call


def x_of(b, d):
    return {"x": torch.rand(b, d), "d": d}


def x_and(**more):
    return lambda b, d: x_of(b, d) | more


def linear(b, d):
    d = d + 1  # K < D
    return {
        "x": torch.randn(b, d),
        "w": torch.randn(d, K),
        "b": torch.randn(d),
        "sigma": 0.5,
    }


def mixture(b, d):
    return {"x": torch.randn(b, d), "means": torch.randn(3, d), "sigma": 0.5}


def noisy(b, d):
    return pair(b, d) | {"alpha_bar_t": torch.full((b, 1), 0.5)}


def last_of(steps, *arguments):
    """The last value that a generator yields."""
    return list(steps(*arguments))[-1]


def code():
    return {"mu": torch.zeros(K), "sigma": torch.full((K,), 0.5)}


def some_grid():
    return posterior_grid.posterior_grid(plane_decoder(), torch.rand(3), **code())


def plane_decoder():
    return networks(VAE)(3)[1]


def schedule():
    return diffusion.cosine_schedule(4)


CODE = {"mu": "code", "sigma": "sigmas"}
LINEAR = {"x": "matching", "b": "vector", "sigma": "positive"}
NOISY = {"a": "matching", "b": "matching", "alpha_bar_t": "in [0, 1]"}
PAIR = {"a": "matching", "b": "matching"}
TABLE = {
    # objectives
    objectives.squared_error: (pair, PAIR),
    objectives.add_noise: (
        lambda b, d: {"x": torch.rand(b, d), "sigma": 0.1},
        {"sigma": "not negative"},
    ),
    objectives.ae_loss: (
        with_model(objectives.ae_loss, Autoencoder),
        x_of,
        {"x": "matching"},
    ),
    objectives.sparse_ae_loss: (
        with_model(objectives.sparse_ae_loss, SparseAutoencoder),
        x_and(lam=0.1),
        {"x": "matching", "lam": "not negative"},
    ),
    objectives.dae_loss: (
        with_model(objectives.dae_loss, Autoencoder),
        x_and(sigma=0.1),
        {"x": "matching", "sigma": "not negative"},
    ),
    objectives.pae_loss: (
        with_model(objectives.pae_loss, Autoencoder),
        x_and(sigma=0.1),
        {"x": "matching", "sigma": "not negative"},
    ),
    objectives.regularized_pae_loss: (
        with_model(objectives.regularized_pae_loss, Autoencoder),
        x_and(sigma=0.1, lam=0.1),
        {"x": "matching", "sigma": "not negative", "lam": "not negative"},
    ),
    objectives.reparameterize: (pair, PAIR),
    objectives.kl_to_standard_normal: (pair, PAIR),
    objectives.gaussian_nll: (
        lambda b, d: {"x": torch.rand(b, d), "mean": torch.rand(b, d), "sigma": 0.5},
        {"x": "matching", "mean": "matching", "sigma": "positive"},
    ),
    objectives.bernoulli_nll: (pair, PAIR),
    objectives.vae_loss: (
        with_model(objectives.vae_loss, VAE),
        x_and(beta=1.0, samples=2),
        {"x": "matching", "beta": "not negative", "samples": "count"},
    ),
    vq_vae.straight_through: (pair, PAIR),
    vq_vae.vq_vae_loss: (
        lambda x, commitment: vq_vae.vq_vae_loss(*small_vq_vae(), x, commitment=commitment),
        lambda b, d: {"x": torch.rand(b, 196), "commitment": 0.25},
        {"x": "matching", "commitment": "not negative"},
    ),
    gan.discriminator_loss: (
        with_network(lambda d: partial(gan.discriminator_loss, mlp(d, 4, 1))),
        lambda b, d: {"x": torch.rand(b, d), "fake": torch.rand(b, d), "d": d},
        {"x": "network input", "fake": "network input"},
    ),
    gan.generator_loss: (
        with_network(lambda d: partial(gan.generator_loss, mlp(d, 4, 1))),
        lambda b, d: {"fake": torch.rand(b, d), "d": d},
        {"fake": "network input"},
    ),
    diffusion.diffuse: (noisy, NOISY),
    diffusion.diffusion_loss: (
        lambda x, d, alpha_bar: diffusion.diffusion_loss(
            diffusion.NoisePredictor(d, schedule(), width=4), x, alpha_bar=alpha_bar
        ),
        x_and(alpha_bar=schedule()),
        {"x": "matching", "alpha_bar": "in [0, 1]"},
    ),
    # models
    mlp: (lambda b, d: {"a": b, "b": d}, {"a": "count", "b": "count"}),
    Autoencoder: (
        lambda x, d: Autoencoder(d, K, (4,))(x),
        x_of,
        {"x": "network input", "d": "count"},
    ),
    SparseAutoencoder: (
        lambda x, d: SparseAutoencoder(d, K)(x),
        x_of,
        {"x": "network input", "d": "count"},
    ),
    VAE: (
        lambda x, d, k: VAE(d, k, ())(x),
        x_and(k=K),
        {"x": "network input", "d": "count", "k": "count"},
    ),
    models.as_images: (
        lambda b, d: {"x": torch.rand(b, d * d), "side": d},
        {"x": "pixels"},
    ),
    # lattice
    lattice.latent_lattice: (
        lambda b, d: {"half_width": 1.0, "n": 3, "latent_dim": K},
        {"half_width": "positive", "n": "count", "latent_dim": "count"},
    ),
    lattice.prior_mass: (lambda b, d: {"half_width": 1.0}, {"half_width": WIDTH}),
    lattice.ring_mass: (lambda b, d: {"radius": 1.0}, {"radius": WIDTH}),
    lattice.distance_to_nearest: (
        lambda b, d: {"points": torch.rand(b, d), "codes": torch.rand(4, d)},
        {"points": "matching", "codes": "matching"},
    ),
    lattice.pixel_entropy: (lambda b, d: {"p": torch.rand(b, d)}, {"p": "in [0, 1]"}),
    # evidence
    evidence.log_evidence: (
        lambda x, d, **box: evidence.log_evidence(
            networks(VAE)(d)[1], x, lattice=lattice.Lattice(**box)
        ),
        x_and(half_width=5.0, n=11, latent_dim=K),
        {"x": "matching", "half_width": "positive", "n": "count", "latent_dim": "count"},
    ),
    evidence.kl_to_true_posterior: (
        lambda x, d, **box: evidence.kl_to_true_posterior(
            *networks(VAE)(d), x, lattice=lattice.Lattice(**box)
        ),
        x_and(half_width=5.0, n=21, latent_dim=K),
        {"x": "matching", "half_width": "positive", "n": "count", "latent_dim": "count"},
    ),
    evidence.log_joint: (
        lambda x, z, d: evidence.log_joint(networks(VAE)(d)[1], x, z),
        lambda b, d: x_of(b, d) | {"z": torch.randn(3, K)},
        {"x": "matching", "z": "matching"},
    ),
    elbo.rate_and_distortion: (
        with_model(elbo.rate_and_distortion, VAE),
        x_and(samples=2),
        {"x": "matching", "samples": "count"},
    ),
    elbo.elbo: (with_model(elbo.elbo, VAE), x_of, {"x": "matching"}),
    elbo.importance_weighted_bound: (
        with_model(elbo.importance_weighted_bound, VAE),
        x_and(samples=2),
        {"x": "matching", "samples": "count"},
    ),
    information.active_units: (
        lambda x, d: information.active_units(networks(VAE)(d)[0], x),
        x_of,
        {"x": "matching"},
    ),
    information.mutual_information: (
        lambda x, d: information.mutual_information(networks(VAE)(d)[0], x),
        x_of,
        {"x": "matching"},
    ),
    # posterior_grid
    posterior_grid.posterior_grid: (
        lambda x, mu, sigma, half_width: (
            posterior_grid.posterior_grid(
                networks(VAE)(len(x))[1], x, mu, sigma, half_width=half_width
            ).log_joint
        ),
        lambda b, d: code() | {"x": torch.rand(d), "half_width": 5.0},
        CODE | {"x": "vector", "half_width": "positive"},
    ),
    posterior_grid.bound_on_grid: (
        lambda mu, sigma: posterior_grid.bound_on_grid(some_grid(), mu, sigma),
        lambda b, d: code(),
        CODE,
    ),
    posterior_grid.best_gaussian: (
        lambda mu, sigma: posterior_grid.best_gaussian(some_grid(), mu, sigma),
        lambda b, d: code(),
        CODE,
    ),
    # geodesics
    geodesics.curve_length: (
        lambda path: geodesics.curve_length(plane_decoder(), path),
        lambda b, d: {"path": torch.rand(b + 1, K)},
        {"path": "network input"},
    ),
    geodesics.straight_paths: (
        lambda ends: geodesics.straight_paths(plane_decoder(), ends),
        lambda b, d: {"ends": torch.rand(b + 1, K)},
        {"ends": "ends"},
    ),
    geodesics.shortest_paths: (
        lambda ends, half_width: geodesics.shortest_paths(
            plane_decoder(), ends, half_width=half_width
        ),
        lambda b, d: {"ends": torch.rand(b + 1, K), "half_width": 2.0},
        {
            "ends": "ends",
            "half_width": replaced_by({k: v for k, v in SCALE.items() if v is not None}),
        },
    ),
    # linear_gaussian
    linear_gaussian.spectrum: (lambda b, d: {"x": torch.rand(b, d)}, {"x": "rows"}),
    linear_gaussian.fit_ppca: (
        lambda b, d: {"x": torch.randn(9, d + 1), "latent_dim": 1, "sigma": 0.1},
        {"x": "rows", "latent_dim": "count"},
    ),
    linear_gaussian.linear_log_evidence: (linear, LINEAR),
    linear_gaussian.linear_posterior: (linear, LINEAR),
    linear_gaussian.linear_elbo: (
        lambda b, d: linear(b, d) | {"mu": torch.randn(b, K), "logvar": torch.randn(b, K)},
        LINEAR | {"mu": "matching", "logvar": "matching"},
    ),
    linear_gaussian.reverse_water_filling: (
        lambda b, d: {"eigenvalues": torch.rand(d), "level": 0.5},
        {"eigenvalues": "vector", "level": "positive"},
    ),
    linear_gaussian.implied_variance: (
        lambda b, d: {"recon_scale": 1.0, "kl_scale": 1.0},
        {"recon_scale": "positive", "kl_scale": "positive"},
    ),
    # vq_vae
    vq_vae.nearest_code: (
        lambda b, d: {"z": torch.rand(b, d), "codebook": torch.rand(4, d)},
        {"z": "matching", "codebook": "matching"},
    ),
    vq_vae.perplexity: (
        lambda b, d: {"codes": torch.randint(4, (b,)), "n_codes": 4},
        {"codes": {name: LABELS[name] for name in LABELS if name != "too few"}}
        | {"n_codes": "count"},
    ),
    vq_vae.VectorQuantizer: (
        lambda n_codes, dim: vq_vae.VectorQuantizer(n_codes, dim)(torch.rand(2, dim, 3, 3)),
        lambda b, d: {"n_codes": 4, "dim": d},
        {"n_codes": "count", "dim": "count"},
    ),
    vq_vae.VQVAE2: (
        lambda x: small_vq_vae_model()(x),
        lambda b, d: {"x": torch.rand(b, 196)},
        {"x": "matching"},
    ),
    vq_vae.VQVAE2.codes: (
        lambda x: small_vq_vae_model().codes(x),
        lambda b, d: {"x": torch.rand(b, 196)},
        {"x": "matching"},
    ),
    vq_vae.VQVAE2.decode: (
        lambda top, bottom: small_vq_vae_model().decode(top, bottom),
        lambda b, d: {
            "top": torch.randint(4, (b, 16)),
            "bottom": torch.randint(3, (b, 49)),
        },
        {"top": "labels", "bottom": "labels"},
    ),
    vq_vae.CodePrior: (
        lambda codes, label: vq_vae.CodePrior(4, 4, width=4, depth=1)(codes, label),
        lambda b, d: {"codes": torch.randint(4, (b, 16)), "label": torch.randint(10, (b,))},
        {"codes": "labels", "label": "labels"},
    ),
    vq_vae.code_nll: (
        lambda codes, label, top: vq_vae.code_nll(bottom_prior(), codes, label, top),
        lambda b, d: {
            "codes": torch.randint(3, (b, 49)),
            "label": torch.randint(10, (b,)),
            "top": torch.randint(4, (b, 16)),
        },
        {"codes": "labels", "label": "labels", "top": "labels"},
    ),
    vq_vae.log_code_probability: (
        lambda top, bottom: vq_vae.log_code_probability(
            vq_vae.CodePrior(4, 4, width=4, depth=1), bottom_prior(), top, bottom
        ),
        lambda b, d: {
            "top": torch.randint(4, (b, 16)),
            "bottom": torch.randint(3, (b, 49)),
        },
        {"top": "labels", "bottom": "labels"},
    ),
    vq_vae.generate: (
        lambda label: vq_vae.generate(
            small_vq_vae_model(),
            vq_vae.CodePrior(4, 4, width=4, depth=1),
            bottom_prior(),
            label,
        ),
        lambda b, d: {"label": torch.randint(10, (1,))},
        {"label": {name: LABELS[name] for name in ("negative", "too large", "floats")}},
    ),
    # gan
    gan.mlp_gan: (
        lambda d, k, n: gan.mlp_gan(d, k, (4,)).sample(n),
        lambda b, d: {"d": d, "k": K, "n": b},
        {"d": "count", "k": "count", "n": "count"},
    ),
    gan.GAN.noise: (
        lambda n: gan.mlp_gan(3, K, (4,)).noise(n),
        lambda b, d: {"n": b},
        {"n": "count"},
    ),
    gan.adversarial_epochs: (
        lambda x, d, lr: last_of(
            partial(gan.adversarial_epochs, epochs=1, lr=lr), gan.mlp_gan(d, K, (4,)), x
        ),
        x_and(lr=1e-3),
        {"x": "matching"},
    ),
    # diffusion
    diffusion.cosine_schedule: (lambda b, d: {"steps": b + 1}, {"steps": "count"}),
    diffusion.predict_x0: (noisy, NOISY),
    diffusion.eps_from_v: (noisy, NOISY),
    diffusion.reverse_steps: (
        lambda x, d, alpha_bar: last_of(
            diffusion.reverse_steps,
            diffusion.NoisePredictor(d, schedule(), width=4),
            x,
            alpha_bar,
        ),
        x_and(alpha_bar=schedule()),
        {"x": "matching", "alpha_bar": "in [0, 1]"},
    ),
    diffusion.diffusion_elbo: (
        lambda x, d, alpha_bar: diffusion.diffusion_elbo(
            diffusion.NoisePredictor(d, schedule(), width=4), x, alpha_bar
        ),
        x_and(alpha_bar=schedule()),
        {"x": "matching", "alpha_bar": "in [0, 1]"},
    ),
    diffusion.forward_variance: (
        lambda b, d: {"alpha_bar": schedule()},
        {"alpha_bar": "in [0, 1]"},
    ),
    diffusion.posterior_variance: (
        lambda b, d: {"alpha_bar": schedule()},
        {"alpha_bar": "in [0, 1]"},
    ),
    diffusion.best_variance: (
        lambda x, d, alpha_bar: diffusion.best_variance(
            diffusion.NoisePredictor(d, schedule(), width=4), x, alpha_bar
        ),
        x_and(alpha_bar=schedule()),
        {"x": "matching", "alpha_bar": "in [0, 1]"},
    ),
    diffusion.flow_matching_loss: (
        lambda x, d: diffusion.flow_matching_loss(
            diffusion.TimeConditionedMLP(d, width=4), x
        ),
        x_of,
        {"x": "matching"},
    ),
    diffusion.euler_steps: (
        lambda x, d, steps: last_of(
            diffusion.euler_steps, diffusion.TimeConditionedMLP(d, width=4), x, steps
        ),
        x_and(steps=2),
        {"x": "matching", "steps": "count"},
    ),
    diffusion.NoisePredictor: (
        lambda x, t, d: diffusion.NoisePredictor(d, schedule(), width=4)(x, t),
        lambda b, d: x_of(b, d) | {"t": torch.randint(1, 5, (b,))},
        {"x": "matching", "t": "labels"},
    ),
    diffusion.UNet: (
        lambda x, t: diffusion.UNet(schedule(), side=14, width=8)(x, t),
        lambda b, d: {"x": torch.rand(b, 196), "t": torch.randint(1, 5, (b,))},
        {"x": "matching", "t": "labels"},
    ),
    # metrics and classifier
    metrics.sharpness: (
        lambda b, d: {"images": torch.rand(b, (d + 1) ** 2)},
        {"images": "rows"},
    ),
    metrics.energy_distance: (
        lambda b, d: {"x": torch.rand(b + 1, d), "y": torch.rand(3, d)},
        {"x": "matching", "y": "matching"},
    ),
    metrics.off_data_share: (
        lambda b, d: dict.fromkeys(("x", "data", "fresh"), torch.rand(b + 1, d)),
        {"x": "matching", "data": "matching", "fresh": "matching"},
    ),
    metrics.chimeras: (
        lambda b, d: {"images": torch.rand(b + 2, d + 1), "labels": torch.arange(b + 2)},
        {"images": "rows", "labels": "labels"},
    ),
    classifier.features: (
        lambda x: classifier.features(classifier.digit_classifier(14), x),
        lambda b, d: {"x": torch.rand(b, 196)},
        {"x": "matching"},
    ),
    classifier.sure_share: (
        lambda x: classifier.sure_share(classifier.digit_classifier(14), x),
        lambda b, d: {"x": torch.rand(b, 196)},
        {"x": "matching"},
    ),
    classifier.digit_classifier: (
        lambda x: classifier.digit_classifier(14)(x),
        lambda b, d: {"x": torch.rand(b, 196)},
        {"x": "matching"},
    ),
    classifier.classification_loss: (
        lambda x, labels: classifier.classification_loss(
            classifier.digit_classifier(14), x, labels
        ),
        lambda b, d: {"x": torch.rand(b, 196), "labels": torch.randint(10, (b,))},
        {"x": "matching", "labels": "labels"},
    ),
    classifier.accuracy: (
        lambda x, labels: classifier.accuracy(classifier.digit_classifier(14), x, labels),
        lambda b, d: {"x": torch.rand(b, 196), "labels": torch.randint(10, (b,))},
        {"x": "matching", "labels": "labels"},
    ),
    # gradient_estimators
    gradient_estimators.reparameterized_gradients: (
        lambda b, d: {"h": torch.sin, "mu": 0.0, "sigma": 1.0, "eps": torch.randn(b)},
        {"sigma": "positive", "eps": "vector"},
    ),
    gradient_estimators.score_function_gradients: (
        lambda b, d: {"h": torch.sin, "mu": 0.0, "sigma": 1.0, "eps": torch.randn(b)},
        {"sigma": "positive", "eps": "vector"},
    ),
    gradient_estimators.score_function_loss: (
        lambda b, d: {"h": torch.randn(b + 1), "log_q": torch.randn(b + 1)},
        {"h": "vector", "log_q": "vector"},
    ),
    # data
    data.half_size: (lambda b, d: {"images": torch.rand(b, 784)}, {"images": "pixels"}),
    data.noisy_arc: (
        lambda b, d: {"n": b, "noise": 0.1},
        {"n": "count", "noise": "not negative"},
    ),
    data.two_moons: (
        lambda b, d: {"n": b, "noise": 0.1},
        {"n": "count", "noise": "not negative"},
    ),
    data.spiral: (
        lambda b, d: {"n": b, "noise": 0.1},
        {"n": "count", "noise": "not negative"},
    ),
    data.images_from_array: (
        lambda b, d: {"array": torch.rand(b, 4, d)},
        {"array": FINITE_ONLY | {"one picture": (lambda x: x[0], REFUSED)}},
    ),
    # mixtures
    mixtures.ring_of_means: (lambda b, d: {"modes": b}, {"modes": "count"}),
    mixtures.sample_mixture: (
        lambda b, d: {"n": b, "means": torch.randn(3, d), "sigma": 0.5},
        {"n": "count", "means": "rows", "sigma": "not negative"},
    ),
    mixtures.mixture_log_density: (
        mixture,
        {"x": "matching", "means": "matching", "sigma": "positive"},
    ),
    mixtures.mixture_score: (
        mixture,
        {"x": "matching", "means": "matching", "sigma": "positive"},
    ),
}


def small_vq_vae_model():
    torch.manual_seed(1)
    return vq_vae.VQVAE2((4, 3), side=14, channels=4)


def small_vq_vae():
    model = small_vq_vae_model()
    return model.encoder, model.decoder


def bottom_prior():
    return vq_vae.CodePrior(3, 7, n_top=4, width=4, depth=1)


def rows_of_the_table():
    for function, row in TABLE.items():
        call, make, kinds = row if len(row) == 3 else (positional(function), *row)
        yield pytest.param(call, make, kinds, id=function.__qualname__)


def positional(function):
    """In the table, a and b stand for two tensors of one shape, given by position."""

    def call(**arguments):
        if "a" in arguments:
            return function(*arguments.values())
        return function(**arguments)

    return call


# --- the tests ------------------------------------------------------------------------


def numbers_in(result):
    """Every tensor and number of a result, as tensors of floats."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, tuple | list | Iterator):
        for part in result:
            yield from numbers_in(part)
    elif isinstance(result, torch.Tensor | float | int):
        yield torch.as_tensor(result).detach()


def is_finite(result):
    return all(part.isfinite().all() and part.numel() for part in numbers_in(result))


SIZES = (1, 1), (1, 5), (4, 1), (2, 3), (4, 5)  # B, D
every_row = pytest.mark.parametrize("call, make, kinds", list(rows_of_the_table()))


@every_row
def test_valid_input_of_any_size_gives_finite_numbers(call, make, kinds):
    for size in SIZES:
        assert is_finite(call(**make(*size))), size


@every_row
def test_invalid_input_is_refused_or_gives_a_nonfinite_result(call, make, kinds):
    for argument, kind in kinds.items():
        corruptions = KINDS[kind] if isinstance(kind, str) else kind
        for (name, (corrupt, allowed)), size in product(corruptions.items(), SIZES[::2]):
            arguments = make(*size)
            arguments[argument] = corrupt(arguments[argument])
            where = argument, name, size
            try:
                result = call(**arguments)
            except (ValueError, FloatingPointError) as error:
                message = str(error)
                assert len(message) > 20 and message[-1] in ".?", (where, message)
                # Names of one letter are those of this table.
                if kind in (*NUMBERS, WIDTH) and len(argument) > 1:
                    assert re.search(rf"\b{argument}\b", message), (where, message)
            except Exception as error:
                raise AssertionError(f"{where}: {error!r}") from error
            else:
                assert allowed is PASSED_ON, (where, result)
                assert not is_finite(result), (where, result)


def test_the_table_holds_every_public_function():
    modules = [objectives, models, data, evidence, geodesics, gradient_estimators, lattice]
    modules += [linear_gaussian, mixtures, posterior_grid]
    modules += [classifier, diffusion, gan, metrics, vq_vae]
    public = {
        function
        for module in modules
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and inspect.signature(function).parameters
        and function.__module__ == module.__name__
        and not name.startswith("_")
    }
    # Parts of networks and of the evidence, checks of input, a function of a finished grid.
    parts = {diffusion.sinusoidal_embedding, models.to_images, evidence.log_gaussian}
    parts |= {models.check_input, models.check_layer_input, models.check_pixels}
    parts.add(posterior_grid.grid_log_evidence)
    files = {data.mnist, data.load_images, data.write_colored_shapes}  # in test_data.py
    assert public - files - parts <= set(TABLE)
