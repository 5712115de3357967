"""Identities between the formulas of the slides.

Tests with samples allow five standard errors, estimated from the sample. The seed is fixed,
so their results are always the same, and a wrong factor is an error many times larger.
"""

import inspect
import itertools
import math
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.testing import assert_close

from course_utils import objectives
from course_utils.models import VAE, Autoencoder
from course_utils.objectives import (
    add_noise,
    ae_loss,
    bernoulli_nll,
    dae_loss,
    gaussian_nll,
    kl_to_standard_normal,
    pae_loss,
    regularized_pae_loss,
    reparameterize,
    sparse_ae_loss,
    squared_error,
    vae_loss,
)

D, K = 6, 3
AE_FAMILY = {
    "ae": ae_loss,
    "sparse": partial(sparse_ae_loss, lam=0.3),
    "dae": partial(dae_loss, sigma=0.3),
    "pae": partial(pae_loss, sigma=0.3),
    "regularized pae": partial(regularized_pae_loss, lam=0.3, sigma=0.3),
}
VAE_FAMILY = {
    "vae": vae_loss,
    "beta-vae": partial(vae_loss, beta=4.0),
    "gaussian vae": partial(vae_loss, nll=partial(gaussian_nll, sigma=0.3)),
}
WEIGHTED = {
    "sparse": (partial(sparse_ae_loss, lam=0.7), {"recon": 1, "sparsity": 0.7}),
    "regularized pae": (
        partial(regularized_pae_loss, lam=0.7),
        {"recon": 1, "penalty": 0.7},
    ),
    "vae": (partial(vae_loss, beta=0.7), {"recon": 1, "kl": 0.7}),
    "ae": (ae_loss, {"recon": 1}),
    "dae": (partial(dae_loss, sigma=0.7), {"recon": 1}),
    "pae": (pae_loss, {"recon": 1}),
}


@pytest.fixture
def x():
    return torch.rand(8, D)


@pytest.fixture
def ae():
    return Autoencoder(D, K, (5,))


@pytest.fixture
def vae():
    return VAE(D, K, (5,))


def with_same_noise(objective, *arguments, **weights):
    """Terms of an objective, always from the same stream of random numbers."""
    torch.manual_seed(1)
    return objective(*arguments, **weights)


def model_of(objective, ae, vae):
    return vae if objective in VAE_FAMILY.values() else ae


def identity(values):
    return values


def assert_mean(sample, exact):
    """The mean over the first dimension is exact, up to five standard errors."""
    error = 5 * sample.std(0) / math.sqrt(len(sample))
    assert ((sample.mean(0) - exact).abs() <= error).all(), (sample.mean(0), exact, error)


# --- one reduction everywhere: sum over dimensions, mean over the batch ----------------


def by_hand(x, x_hat):
    """‖x − x̂‖² of each data point, one number after the other."""
    return [
        sum((a - b) ** 2 for a, b in zip(row, row_hat))
        for row, row_hat in zip(x.tolist(), x_hat.tolist())
    ]


def test_squared_error_is_a_sum_over_dimensions(x):
    x_hat = torch.rand_like(x)
    assert_close(squared_error(x, x_hat), torch.tensor(by_hand(x, x_hat)))


def test_recon_is_a_mean_over_the_batch(ae, x):
    errors = by_hand(x, ae(x))
    assert_close(ae_loss(ae.encoder, ae.decoder, x)["recon"].item(), sum(errors) / len(x))


def test_sparsity_is_the_mean_l1_norm_of_the_code(ae, x):
    norms = [sum(map(abs, row)) for row in ae.encoder(x).tolist()]
    terms = sparse_ae_loss(ae.encoder, ae.decoder, x, lam=0.3)
    assert_close(terms["sparsity"].item(), sum(norms) / len(x))


def test_penalty_is_the_mean_squared_norm_of_the_code_without_noise(ae, x):
    norms = [sum(z * z for z in row) for row in ae.encoder(x).tolist()]
    terms = regularized_pae_loss(ae.encoder, ae.decoder, x, lam=0.3)
    assert_close(terms["penalty"].item(), sum(norms) / len(x))


def test_kl_is_a_sum_over_the_code_and_a_mean_over_the_batch(vae, x):
    mu, logvar = vae.encoder(x)
    per_datum = [
        sum((m * m + math.exp(v) - v - 1) / 2 for m, v in zip(*rows))
        for rows in zip(mu.tolist(), logvar.tolist())
    ]
    assert_close(kl_to_standard_normal(mu, logvar), torch.tensor(per_datum))
    terms = vae_loss(vae.encoder, vae.decoder, x)
    assert_close(terms["kl"].item(), sum(per_datum) / len(x))


@pytest.mark.parametrize("objective", AE_FAMILY.values(), ids=AE_FAMILY)
def test_doubling_every_dimension_doubles_the_error(objective):
    """With f = 0 and g = 0 the error is the mean of ‖x‖², whatever the noise."""
    x = torch.rand(8, D)

    def zero(values):
        return torch.zeros_like(values)

    once, twice = (objective(zero, zero, batch) for batch in (x, torch.cat([x, x], 1)))
    assert_close(once["recon"], x.square().sum(1).mean())
    assert_close(twice["recon"], 2 * once["recon"])


@given(
    head=st.integers(1, 9),
    tail=st.integers(1, 9),
    lam=st.floats(0, 10),
    seed=st.integers(0, 99),
)
def test_the_loss_of_a_batch_is_the_weighted_mean_over_its_parts(head, tail, lam, seed):
    torch.manual_seed(seed)
    model = Autoencoder(D, K, (5,))
    x = torch.rand(head + tail, D)
    whole, first, second = (
        sparse_ae_loss(model.encoder, model.decoder, part, lam=lam)
        for part in (x, x[:head], x[head:])
    )
    for name, value in whole.items():
        mean = (head * first[name] + tail * second[name]) / (head + tail)
        assert_close(value, mean)


@pytest.mark.parametrize("objective, weights", WEIGHTED.values(), ids=WEIGHTED)
def test_loss_is_the_weighted_sum_of_unweighted_terms(objective, weights, ae, vae, x):
    model = vae if "kl" in weights else ae
    terms = objective(model.encoder, model.decoder, x)
    assert list(terms) == ["loss", *weights]
    assert all(term.shape == () for term in terms.values())
    assert_close(terms["loss"], sum(weights[name] * terms[name] for name in weights))


# --- signatures: f, g, x first; weights of the lecture without default -----------------


@pytest.mark.parametrize(
    "objective, weights",
    [
        (ae_loss, {}),
        (sparse_ae_loss, {"lam": inspect.Parameter.empty}),
        (dae_loss, {"sigma": inspect.Parameter.empty}),
        (pae_loss, {"sigma": 1.0}),
        (regularized_pae_loss, {"lam": inspect.Parameter.empty, "sigma": 1.0}),
        (vae_loss, {"beta": 1.0, "samples": 1, "nll": bernoulli_nll}),
    ],
)
def test_weights_are_keyword_only_and_those_of_the_lecture_have_no_default(
    objective, weights
):
    parameters = inspect.signature(objective).parameters.values()
    assert [p.name for p in parameters][:3] == ["f", "g", "x"]
    assert {p.name: p.default for p in parameters if p.kind == p.KEYWORD_ONLY} == weights
    assert len(parameters) == 3 + len(weights)


def test_every_objective_is_tested_here():
    named = {name for name in vars(objectives) if name.endswith("_loss")}
    tables = [*AE_FAMILY.values(), *VAE_FAMILY.values()]
    assert named == {getattr(f, "func", f).__name__ for f in tables}


# --- without weight or noise each one is the autoencoder -------------------------------


@pytest.mark.parametrize(
    "objective",
    [
        partial(sparse_ae_loss, lam=0),
        partial(dae_loss, sigma=0),
        partial(pae_loss, sigma=0),
        partial(regularized_pae_loss, lam=0, sigma=0),
    ],
    ids=lambda objective: objective.func.__name__,
)
def test_without_weight_and_noise_it_is_the_autoencoder(objective, ae, x):
    assert_close(
        objective(ae.encoder, ae.decoder, x)["loss"],
        ae_loss(ae.encoder, ae.decoder, x)["loss"],
    )


def test_regularized_pae_without_weight_is_the_pae(ae, x):
    assert_close(
        with_same_noise(regularized_pae_loss, ae.encoder, ae.decoder, x, lam=0)["loss"],
        with_same_noise(pae_loss, ae.encoder, ae.decoder, x)["loss"],
    )


def test_the_loss_of_the_identity_is_zero(x):
    assert ae_loss(identity, identity, x)["loss"] == 0


@pytest.mark.parametrize("sigma", [0.5, 2.0])
@pytest.mark.parametrize("objective", [dae_loss, pae_loss])
def test_under_noise_the_loss_of_the_identity_is_the_noise_variance(objective, sigma):
    """With g(f(x)) = x the error is E ‖ε‖² = D σ²; with a noisy target it would be 0."""
    x = torch.rand(20_000, D)
    exact = D * sigma**2
    # ‖ε‖² / σ² is chi-squared with D degrees of freedom: its variance is 2D.
    error = 5 * sigma**2 * math.sqrt(2 * D / len(x))
    assert abs(objective(identity, identity, x, sigma=sigma)["recon"] - exact) < error


# --- where the noise is added ----------------------------------------------------------


class Spy:
    """A network that records its input and its output."""

    def __init__(self, network):
        self.network = network

    def __call__(self, values):
        self.input, self.output = values, self.network(values)
        return self.output


@pytest.fixture
def spies(ae):
    return Spy(ae.encoder), Spy(ae.decoder)


def test_dae_puts_noise_on_the_input_and_none_on_the_code(spies, x):
    f, g = spies
    recon = dae_loss(f, g, x, sigma=0.5)["recon"]
    assert (f.input != x).all()
    assert g.input is f.output
    assert_close(recon, squared_error(x, g.output).mean())


@pytest.mark.parametrize("objective", [pae_loss, partial(regularized_pae_loss, lam=0.3)])
def test_pae_puts_noise_on_the_code_and_none_on_the_input(objective, spies, x):
    f, g = spies
    recon = objective(f, g, x, sigma=0.5)["recon"]
    assert f.input is x
    assert (g.input != f.output).all()
    assert_close(recon, squared_error(x, g.output).mean())


def test_regularized_pae_encodes_once(ae, x):
    calls = []

    def f(values):
        calls.append(values)
        return ae.encoder(values)

    regularized_pae_loss(f, ae.decoder, x, lam=1)
    assert len(calls) == 1


@pytest.mark.parametrize("sigma", [0.3, 2.0])
def test_noise_has_mean_zero_and_covariance_sigma_squared_times_identity(sigma):
    x = torch.full((50_000, 2), 7.0)
    noise = add_noise(x, sigma) - x
    assert_mean(noise, torch.zeros(2))
    assert_mean(noise[:, :, None] * noise[:, None], sigma**2 * torch.eye(2))
    # independent from row to row as well
    assert_mean(noise[1:] * noise[:-1], torch.zeros(2))


# --- likelihoods and the KL divergence -------------------------------------------------


@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
def test_gaussian_nll_is_that_of_torch_distributions(sigma, x):
    mean = torch.randn_like(x)
    expected = -Normal(mean, sigma).log_prob(x).sum(1)
    assert_close(gaussian_nll(x, mean, sigma=sigma), expected)
    assert_close(gaussian_nll(x[:1], mean[:1], sigma=sigma), expected[:1])


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_one_sigma_of_any_shape_gives_a_number_for_each_row(shape, x):
    nats = gaussian_nll(x, x + 1, sigma=torch.full(shape, 0.3))
    assert_close(nats, gaussian_nll(x, x + 1, sigma=0.3))


def test_a_learned_sigma_of_gaussian_nll_gets_its_gradient(x):
    """The derivative of the mean is 0 where σ² is the mean squared error per number."""
    mean = x + 0.3 * torch.randn_like(x)
    best = (x - mean).square().mean().sqrt()
    for factor in 0.8, 1.0, 1.25:
        log_sigma = (factor * best).log().requires_grad_()
        loss = gaussian_nll(x, mean, sigma=log_sigma.exp()).mean()
        expected = x.shape[1] * (1 - factor**-2)
        assert_close(loss, gaussian_nll(x, mean, sigma=factor * best.item()).mean())
        loss.backward()
        assert_close(log_sigma.grad, torch.tensor(expected), rtol=1e-3, atol=1e-3)


def test_gaussian_nll_is_half_the_squared_error_plus_a_constant(x):
    """−log p(x|z) = ½ ‖x − g(z)‖² + c, as in the lecture."""
    mean = torch.randn_like(x)
    assert_close(
        gaussian_nll(x, mean),
        0.5 * squared_error(x, mean) + 0.5 * D * math.log(2 * math.pi),
    )


def test_bernoulli_nll_is_that_of_torch_distributions_for_binary_pixels(x):
    logits = 3 * torch.randn_like(x)
    expected = -Bernoulli(logits=logits).log_prob(x.round()).sum(1)
    assert_close(bernoulli_nll(x.round(), logits), expected)


def test_bernoulli_nll_of_gray_pixels_is_the_mean_over_binarized_images():
    gray, logits = torch.rand(1, 3), torch.randn(1, 3)
    mean = 0.0
    for bits in itertools.product([0.0, 1.0], repeat=3):
        image = torch.tensor([bits])
        chance = Bernoulli(probs=gray).log_prob(image).sum().exp()
        mean += chance * bernoulli_nll(image, logits)
    assert_close(bernoulli_nll(gray, logits), mean)


@given(
    st.lists(st.tuples(st.floats(-4, 4), st.floats(-6, 6)), min_size=1, max_size=5).map(
        lambda pairs: torch.tensor(pairs).T[:, None]
    )
)
def test_kl_is_that_of_torch_distributions_and_never_negative(parameters):
    mu, logvar = parameters
    q = Normal(mu, (0.5 * logvar).exp())
    prior = Normal(torch.zeros_like(mu), torch.ones_like(mu))
    kl = kl_to_standard_normal(mu, logvar)
    assert_close(kl, kl_divergence(q, prior).sum(1), rtol=1e-5, atol=1e-5)
    assert (kl >= -1e-6).all()  # float32 rounds near σ² + μ² = 1 + log σ²


def test_kl_is_zero_for_the_prior_only():
    zero = torch.zeros(1, K)
    assert kl_to_standard_normal(zero, zero) == 0
    assert kl_to_standard_normal(zero + 0.1, zero) > 0
    assert kl_to_standard_normal(zero, zero + 0.1) > 0
    assert kl_to_standard_normal(zero, zero - 0.1) > 0


def test_kl_is_the_monte_carlo_mean_of_log_q_over_p():
    mu, logvar = torch.randn(1, K), torch.randn(1, K)
    q, prior = Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)
    z = q.sample((100_000,))
    log_ratio = (q.log_prob(z) - prior.log_prob(z)).sum(2)
    assert_mean(log_ratio, kl_to_standard_normal(mu, logvar))


# --- the reparameterization trick ------------------------------------------------------


def test_reparameterized_draws_have_the_moments_of_q():
    mu, logvar = torch.tensor([1.0, -2.0]), torch.tensor([-1.0, 0.8])
    z = reparameterize(mu.repeat(50_000, 1), logvar.repeat(50_000, 1))
    assert_mean(z, mu)
    centered = z - mu
    assert_mean(centered[:, :, None] * centered[:, None], logvar.exp().diag())


def test_gradient_of_a_draw_is_one_for_mu_and_half_its_noise_for_logvar():
    mu = torch.randn(4, K, requires_grad=True)
    logvar = torch.randn(4, K, requires_grad=True)
    z = reparameterize(mu, logvar)
    z.sum().backward()
    assert_close(mu.grad, torch.ones(4, K))
    assert_close(logvar.grad, 0.5 * (z - mu).detach())  # dσ/dlogvar · ε = ½ σ ε


@pytest.mark.parametrize("phi, exact", [(0.5, 5.728164), (0.3, 3.747565)])
def test_reparameterized_gradient_is_unbiased(phi, exact):
    """d/dφ E[z² + sin z], z ~ N(φ³, e²ᵠ), against E = μ² + σ² + e^(−σ²/2) sin μ."""
    at = torch.tensor(phi, dtype=torch.float64, requires_grad=True)
    mu, var = at**3, torch.exp(2 * at)
    (mu**2 + var + torch.exp(-var / 2) * torch.sin(mu)).backward()
    assert_close(at.grad.item(), exact, rtol=0, atol=1e-6)

    phis = torch.full((200_000, 1), phi, requires_grad=True)
    z = reparameterize(phis**3, 2 * phis)
    (z**2 + z.sin()).sum().backward()
    assert_mean(phis.grad, exact)


def test_vae_gradient_reaches_mean_and_variance_through_the_draw(vae, x):
    """With β = 0 only the reconstruction has a gradient, which passes through z."""
    vae_loss(vae.encoder, vae.decoder, x, beta=0)["loss"].backward()
    head = vae.encoder[-1]
    assert head.mu.weight.grad.abs().sum() > 0
    assert head.logvar.weight.grad.abs().sum() > 0


# --- the VAE ---------------------------------------------------------------------------


def test_vae_with_frozen_variance_is_the_regularized_pae(ae, x):
    """2s² (−ELBO) = ‖x − g(f(x) + ε)‖² + s² ‖f(x)‖² + constant, for q = N(f(x), σ²I)."""
    sigma, s = 0.3, 0.5

    def frozen(batch):
        z = ae.encoder(batch)
        return z, torch.full_like(z, 2 * math.log(sigma))

    likelihood = partial(gaussian_nll, sigma=s)
    loss = with_same_noise(vae_loss, frozen, ae.decoder, x, nll=likelihood)["loss"]
    pae = with_same_noise(
        regularized_pae_loss, ae.encoder, ae.decoder, x, lam=s**2, sigma=sigma
    )["loss"]
    constant = s**2 * (
        D * math.log(2 * math.pi * s**2) + K * (sigma**2 - 2 * math.log(sigma) - 1)
    )
    assert_close(2 * s**2 * loss, pae + constant)


def test_vae_decodes_a_draw_and_scores_it_against_the_clean_batch(vae, x):
    calls = []

    def nll(target, output):
        calls.append((target, output))
        return bernoulli_nll(target, output)

    terms = with_same_noise(vae_loss, vae.encoder, vae.decoder, x, nll=nll)
    z = with_same_noise(reparameterize, *vae.encoder(x))
    [(target, output)] = calls
    assert target is x
    assert_close(output, vae.decoder(z))
    assert_close(terms["recon"], bernoulli_nll(x, output).mean())


def test_the_loss_averages_over_its_samples(vae, x):
    """The lecture's 1/L: L draws of z for each x, the KL only once."""
    torch.manual_seed(1)
    three = vae_loss(vae.encoder, vae.decoder, x, beta=0.5, samples=3)
    torch.manual_seed(1)
    single = [vae_loss(vae.encoder, vae.decoder, x, beta=0.5) for _ in range(3)]
    for name in three:
        assert_close(three[name], torch.stack([terms[name] for terms in single]).mean())
    assert single[0]["recon"] != single[1]["recon"]


# --- invalid arguments; more of them in test_bad_input.py ------------------------------

COLUMN, ROW = torch.ones(4, 1), torch.ones(1, 4)
PIXELS = torch.linspace(0.1, 0.9, 4 * D).view(4, D)


@pytest.mark.parametrize(
    "call, message",
    {
        "squared error": (lambda: squared_error(COLUMN, ROW), "same shape"),
        "a decoder of the wrong width": (
            lambda: ae_loss(identity, lambda z: z[:, :1], PIXELS),
            r"same shape.*\(4, 6\).*\(4, 1\)",
        ),
        "pixels above 1": (lambda: bernoulli_nll(PIXELS + 0.2, PIXELS), r"\[0, 1\].*Scale"),
        "pixels below 0": (lambda: bernoulli_nll(-PIXELS, PIXELS), r"\[0, 1\].*Scale"),
        "one NaN pixel": (
            lambda: bernoulli_nll(
                torch.where(PIXELS[2, 1] == PIXELS, math.nan, PIXELS), PIXELS
            ),
            "nan",
        ),
    }.values(),
)
def test_invalid_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- devices ---------------------------------------------------------------------------


@pytest.fixture
def meta_by_default():
    """New tensors are on the device ``meta`` by default, unlike model and data."""
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


@pytest.mark.parametrize(
    "objective", (AE_FAMILY | VAE_FAMILY).values(), ids=AE_FAMILY | VAE_FAMILY
)
def test_objectives_allocate_on_the_device_of_the_batch(objective, ae, vae, x, request):
    model = model_of(objective, ae, vae)
    request.getfixturevalue("meta_by_default")  # after model and data have been made
    terms = objective(model.encoder, model.decoder, x)
    assert {term.device.type for term in terms.values()} == {"cpu"}
    assert all(term.isfinite() for term in terms.values())
