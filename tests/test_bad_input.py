"""Bad input ends in a ValueError that says what to do, or in a number that is not one.

A row of the table is a function of the package, good arguments of any size, and what kind
each argument is; a kind knows the ways to spoil it. A spoiled call may raise ValueError, or
FloatingPointError for NaN and infinity. Where it answers, it may not hide them.
"""

import inspect
import math
import re
from collections.abc import Iterator
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import data, models, objectives
from course_utils.generative import classifier, diffusion, gan, metrics, vq_vae
from course_utils.models import VAE, Autoencoder, SparseAutoencoder, mlp
from course_utils.theory import (
    evidence,
    geodesics,
    gradient_estimators,
    lattice,
    linear_gaussian,
    mixtures,
    posterior_grid,
)

K = 2
INVISIBLE = "may answer, but not with finite numbers alone"
REFUSED = "must be refused"

# --- how arguments are spoiled --------------------------------------------------------


def with_one(value):
    def spoil(x):
        x = x.clone()
        x.view(-1)[-1] = value
        return x

    return spoil


NOT_FINITE = {
    "NaN": (with_one(math.nan), INVISIBLE),
    "infinity": (with_one(math.inf), INVISIBLE),
}
NO_FLOATS = {
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


def instead(values):
    return {name: (lambda _, v=value: v, REFUSED) for name, value in values.items()}


ONE = {"one row": (lambda x: x[0], REFUSED)}
ALONE = NOT_FINITE | NO_FLOATS | ONE
HIDDEN = {name: (spoil, REFUSED) for name, (spoil, _) in NOT_FINITE.items()}
FITTING = {
    "too wide": (lambda x: torch.cat([x, x], dim=1), REFUSED),
    "double": (lambda x: x.double(), REFUSED),
    "another device": (lambda x: x.to("meta"), REFUSED),
}
KINDS = {
    "rows": ALONE,  # (B, D), which need fit nothing else
    "pixels": ALONE | {"too wide": FITTING["too wide"]},  # (B, D) of a fixed D
    "fitting": ALONE | FITTING,  # (B, D), which must fit another argument or a network
    "vector": NOT_FINITE | NO_FLOATS,
    "read": NO_FLOATS  # by a network, which looks at no value: its training has done so
    | {name: (ALONE | FITTING)[name] for name in ("NaN", *FITTING)},
    "share": {
        "negative": (with_one(-0.01), REFUSED),
        "beyond 1": (with_one(1.01), REFUSED),
        "NaN": (with_one(math.nan), REFUSED),
    },
    "code": HIDDEN | NO_FLOATS | {"too long": (lambda z: torch.cat([z, z]), REFUSED)},
    "widths": HIDDEN | NO_FLOATS | {"0": (with_one(0.0), REFUSED)},
    "ends": HIDDEN
    | NO_FLOATS
    | ONE
    | {name: FITTING[name] for name in ("too wide", "double")},
    "labels": LABELS,
    "positive": instead(SCALE | {"0": 0.0}),
    "not negative": instead(SCALE),
    "count": instead(COUNT),
}

NUMBERS = "positive", "not negative", "count"  # refused by name
WIDTH = instead({name: SCALE[name] for name in SCALE if name != "infinity"})  # all of it

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


def network(make):
    def call(d, **arguments):
        torch.manual_seed(1)
        return make(d)(**arguments)

    return call


def x_of(b, d):
    return {"x": torch.rand(b, d), "d": d}


def plus(make, **more):
    return lambda b, d: make(b, d) | more


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


def everything(steps, *arguments):
    """The last thing that a generator yields."""
    return list(steps(*arguments))[-1]


def code():
    return {"mu": torch.zeros(K), "sigma": torch.full((K,), 0.5)}


def some_grid():
    return posterior_grid.posterior_grid(plane_decoder(), torch.rand(3), **code())


def plane_decoder():
    return networks(VAE)(3)[1]


def schedule():
    return diffusion.cosine_schedule(4)


CODE = {"mu": "code", "sigma": "widths"}
LINEAR = {"x": "fitting", "b": "vector", "sigma": "positive"}
SIZED = {"d": None}
TABLE = {
    # objectives
    objectives.squared_error: (pair, {"a": "fitting", "b": "fitting"}),
    objectives.add_noise: (
        lambda b, d: {"x": torch.rand(b, d), "sigma": 0.1},
        {"sigma": "not negative"},
    ),
    objectives.ae_loss: (
        with_model(objectives.ae_loss, Autoencoder),
        x_of,
        {"x": "fitting"},
    ),
    objectives.sparse_ae_loss: (
        with_model(objectives.sparse_ae_loss, SparseAutoencoder),
        plus(x_of, lam=0.1),
        {"x": "fitting", "lam": "not negative"},
    ),
    objectives.dae_loss: (
        with_model(objectives.dae_loss, Autoencoder),
        plus(x_of, sigma=0.1),
        {"x": "fitting", "sigma": "not negative"},
    ),
    objectives.pae_loss: (
        with_model(objectives.pae_loss, Autoencoder),
        plus(x_of, sigma=0.1),
        {"x": "fitting", "sigma": "not negative"},
    ),
    objectives.regularized_pae_loss: (
        with_model(objectives.regularized_pae_loss, Autoencoder),
        plus(x_of, sigma=0.1, lam=0.1),
        {"x": "fitting", "sigma": "not negative", "lam": "not negative"},
    ),
    objectives.reparameterize: (pair, {"a": "fitting", "b": "fitting"}),
    objectives.kl_to_standard_normal: (pair, {"a": "fitting", "b": "fitting"}),
    objectives.gaussian_nll: (
        lambda b, d: {"x": torch.rand(b, d), "mean": torch.rand(b, d), "sigma": 0.5},
        {"x": "fitting", "mean": "fitting", "sigma": "positive"},
    ),
    objectives.bernoulli_nll: (pair, {"a": "fitting", "b": "fitting"}),
    objectives.vae_loss: (
        with_model(objectives.vae_loss, VAE),
        plus(x_of, beta=1.0, samples=2),
        {"x": "fitting", "beta": "not negative", "samples": "count"},
    ),
    objectives.straight_through: (pair, {"a": "fitting", "b": "fitting"}),
    objectives.vq_vae_loss: (
        lambda x, commitment: objectives.vq_vae_loss(
            *small_vq_vae(), x, commitment=commitment
        ),
        lambda b, d: {"x": torch.rand(b, 196), "commitment": 0.25},
        {"x": "fitting", "commitment": "not negative"},
    ),
    objectives.discriminator_loss: (
        network(lambda d: partial(objectives.discriminator_loss, mlp(d, 4, 1))),
        lambda b, d: {"x": torch.rand(b, d), "fake": torch.rand(b, d), "d": d},
        {"x": "read", "fake": "read"},
    ),
    objectives.generator_loss: (
        network(lambda d: partial(objectives.generator_loss, mlp(d, 4, 1))),
        lambda b, d: {"fake": torch.rand(b, d), "d": d},
        {"fake": "read"},
    ),
    objectives.diffuse: (
        lambda a, b, alpha_bar_t: objectives.diffuse(a, b, alpha_bar_t),
        noisy,
        {"a": "fitting", "b": "fitting", "alpha_bar_t": "share"},
    ),
    objectives.diffusion_loss: (
        lambda x, d, alpha_bar: objectives.diffusion_loss(
            diffusion.NoisePredictor(d, schedule(), width=4), x, alpha_bar=alpha_bar
        ),
        lambda b, d: x_of(b, d) | {"alpha_bar": schedule()},
        {"x": "fitting", "alpha_bar": "share"},
    ),
    # models
    mlp: (
        lambda n, m: mlp(n, m),
        lambda b, d: {"n": b, "m": d},
        {"n": "count", "m": "count"},
    ),
    Autoencoder: (
        lambda x, d: Autoencoder(d, K, (4,))(x),
        x_of,
        {"x": "read", "d": "count"},
    ),
    SparseAutoencoder: (
        lambda x, d: SparseAutoencoder(d, K)(x),
        x_of,
        {"x": "read", "d": "count"},
    ),
    VAE: (
        lambda x, d, k: VAE(d, k, ())(x),
        plus(x_of, k=K),
        {"x": "read", "d": "count", "k": "count"},
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
        {"points": "fitting", "codes": "fitting"},
    ),
    lattice.pixel_entropy: (lambda b, d: {"p": torch.rand(b, d)}, {"p": "share"}),
    # evidence
    evidence.log_evidence: (
        lambda x, d, **box: evidence.log_evidence(
            networks(VAE)(d)[1], x, lattice=lattice.Lattice(**box)
        ),
        plus(x_of, half_width=5.0, n=11, latent_dim=K),
        {"x": "fitting", "half_width": "positive", "n": "count", "latent_dim": "count"},
    ),
    evidence.kl_to_true_posterior: (
        lambda x, d, **box: evidence.kl_to_true_posterior(
            *networks(VAE)(d), x, lattice=lattice.Lattice(**box)
        ),
        plus(x_of, half_width=5.0, n=21, latent_dim=K),
        {"x": "fitting", "half_width": "positive", "n": "count", "latent_dim": "count"},
    ),
    evidence.log_joint: (
        lambda x, z, d: evidence.log_joint(networks(VAE)(d)[1], x, z),
        lambda b, d: x_of(b, d) | {"z": torch.randn(3, K)},
        {"x": "fitting", "z": "fitting"},
    ),
    evidence.rate_and_distortion: (
        with_model(evidence.rate_and_distortion, VAE),
        plus(x_of, samples=2),
        {"x": "fitting", "samples": "count"},
    ),
    evidence.elbo: (with_model(evidence.elbo, VAE), x_of, {"x": "fitting"}),
    evidence.importance_weighted_bound: (
        with_model(evidence.importance_weighted_bound, VAE),
        plus(x_of, samples=2),
        {"x": "fitting", "samples": "count"},
    ),
    evidence.active_units: (
        lambda x, d: evidence.active_units(networks(VAE)(d)[0], x),
        x_of,
        {"x": "fitting"},
    ),
    evidence.mutual_information: (
        lambda x, d: evidence.mutual_information(networks(VAE)(d)[0], x),
        x_of,
        {"x": "fitting"},
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
        {"path": "read"},
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
            "half_width": instead({k: v for k, v in SCALE.items() if v is not None}),
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
        LINEAR | {"mu": "fitting", "logvar": "fitting"},
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
        {"z": "fitting", "codebook": "fitting"},
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
        {"x": "fitting"},
    ),
    vq_vae.VQVAE2.codes: (
        lambda x: small_vq_vae_model().codes(x),
        lambda b, d: {"x": torch.rand(b, 196)},
        {"x": "fitting"},
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
        lambda b, d: {
            "codes": torch.randint(4, (b, 16)),
            "label": torch.randint(10, (b,)),
        },
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
        lambda x, d, lr: everything(
            partial(gan.adversarial_epochs, epochs=1, lr=lr), gan.mlp_gan(d, K, (4,)), x
        ),
        plus(x_of, lr=1e-3),
        {"x": "fitting"},
    ),
    # diffusion
    diffusion.cosine_schedule: (lambda b, d: {"steps": b + 1}, {"steps": "count"}),
    diffusion.predict_x0: (
        lambda a, b, alpha_bar_t: diffusion.predict_x0(a, b, alpha_bar_t),
        noisy,
        {"a": "fitting", "b": "fitting", "alpha_bar_t": "share"},
    ),
    diffusion.eps_from_v: (
        lambda a, b, alpha_bar_t: diffusion.eps_from_v(a, b, alpha_bar_t),
        noisy,
        {"a": "fitting", "b": "fitting", "alpha_bar_t": "share"},
    ),
    diffusion.reverse_steps: (
        lambda x, d, alpha_bar: everything(
            diffusion.reverse_steps,
            diffusion.NoisePredictor(d, schedule(), width=4),
            x,
            alpha_bar,
        ),
        lambda b, d: x_of(b, d) | {"alpha_bar": schedule()},
        {"x": "fitting", "alpha_bar": "share"},
    ),
    diffusion.diffusion_elbo: (
        lambda x, d, alpha_bar: diffusion.diffusion_elbo(
            diffusion.NoisePredictor(d, schedule(), width=4), x, alpha_bar
        ),
        lambda b, d: x_of(b, d) | {"alpha_bar": schedule()},
        {"x": "fitting", "alpha_bar": "share"},
    ),
    diffusion.NoisePredictor: (
        lambda x, t, d: diffusion.NoisePredictor(d, schedule(), width=4)(x, t),
        lambda b, d: x_of(b, d) | {"t": torch.randint(1, 5, (b,))},
        {"x": "fitting", "t": "labels"},
    ),
    diffusion.UNet: (
        lambda x, t: diffusion.UNet(schedule(), side=14, width=8)(x, t),
        lambda b, d: {"x": torch.rand(b, 196), "t": torch.randint(1, 5, (b,))},
        {"x": "fitting", "t": "labels"},
    ),
    # metrics and classifier
    metrics.sharpness: (
        lambda b, d: {"images": torch.rand(b, (d + 1) ** 2)},
        {"images": "rows"},
    ),
    metrics.energy_distance: (
        lambda b, d: {"x": torch.rand(b + 1, d), "y": torch.rand(3, d)},
        {"x": "fitting", "y": "fitting"},
    ),
    classifier.digit_classifier: (
        lambda x: classifier.digit_classifier(14)(x),
        lambda b, d: {"x": torch.rand(b, 196)},
        {"x": "fitting"},
    ),
    classifier.classification_loss: (
        lambda x, labels: classifier.classification_loss(
            classifier.digit_classifier(14), x, labels
        ),
        lambda b, d: {"x": torch.rand(b, 196), "labels": torch.randint(10, (b,))},
        {"x": "fitting", "labels": "labels"},
    ),
    classifier.accuracy: (
        lambda x, labels: classifier.accuracy(classifier.digit_classifier(14), x, labels),
        lambda b, d: {"x": torch.rand(b, 196), "labels": torch.randint(10, (b,))},
        {"x": "fitting", "labels": "labels"},
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
    # data
    data.half_size: (
        lambda b, d: {"images": torch.rand(b, 784)},
        {"images": "pixels"},
    ),
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
    # mixtures
    mixtures.ring_of_means: (lambda b, d: {"modes": b}, {"modes": "count"}),
    mixtures.sample_mixture: (
        lambda b, d: {"n": b, "means": torch.randn(3, d), "sigma": 0.5},
        {"n": "count", "means": "rows", "sigma": "not negative"},
    ),
    mixtures.mixture_log_density: (
        mixture,
        {"x": "fitting", "means": "fitting", "sigma": "positive"},
    ),
    mixtures.mixture_score: (
        mixture,
        {"x": "fitting", "means": "fitting", "sigma": "positive"},
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
    """Names in the table are those of the kinds where the function's own differ."""

    def call(**arguments):
        if set(arguments) == {"a", "b"}:
            return function(*arguments.values())
        return function(**arguments)

    return call


# --- what may come back ---------------------------------------------------------------


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


sizes = {"b": st.integers(1, 4), "d": st.integers(1, 5)}
table = pytest.mark.parametrize("call, make, kinds", list(rows_of_the_table()))


@table
@settings(max_examples=8)
@given(**sizes)
def test_valid_input_of_any_size_gives_finite_numbers(call, make, kinds, b, d):
    torch.manual_seed(0)
    assert is_finite(call(**make(b, d)))


@table
@settings(max_examples=3)
@given(**sizes)
def test_invalid_input_is_refused_or_gives_a_nonfinite_result(call, make, kinds, b, d):
    for argument, kind in kinds.items():
        for way, (spoil, verdict) in (
            KINDS[kind] if isinstance(kind, str) else kind
        ).items():
            torch.manual_seed(0)
            arguments = make(b, d)
            arguments[argument] = spoil(arguments[argument])
            try:
                result = call(**arguments)
            except (ValueError, FloatingPointError) as error:
                words = str(error)
                assert len(words) > 20 and words[-1] in ".?", (argument, way, words)
                if (
                    kind in (*NUMBERS, WIDTH) and len(argument) > 1
                ):  # d and k are the table's own
                    assert re.search(rf"\b{argument}\b", words), (argument, way, words)
            except Exception as error:
                raise AssertionError(f"{argument}, {way}: {error!r}") from error
            else:
                assert verdict is INVISIBLE, f"{argument}, {way}: gave {result}"
                assert not is_finite(result), f"{argument}, {way}: hidden in {result}"


def test_the_table_holds_every_public_function():
    modules = [
        objectives,
        evidence,
        linear_gaussian,
        vq_vae,
        gan,
        diffusion,
        metrics,
        classifier,
        geodesics,
        gradient_estimators,
        lattice,
        mixtures,
        posterior_grid,
        data,
        models,
    ]
    public = {
        function
        for module in modules
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and inspect.signature(function).parameters
        and function.__module__ == module.__name__
        and not name.startswith("_")
    }
    # What networks are made of, what checks their input, and what reads a finished grid.
    parts = {diffusion.sinusoidal_embedding, models.check_input, models.to_images}
    parts.add(posterior_grid.grid_log_evidence)
    assert public - {data.mnist} - parts <= set(TABLE)
