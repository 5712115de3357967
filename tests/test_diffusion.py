"""Diffusion: its process, loss, reverse steps, bound on log p(x), and networks."""

import math
from functools import partial
from itertools import pairwise

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.testing import assert_close

from course_utils.generative import diffusion
from course_utils.generative.diffusion import (
    NoisePredictor,
    TimeConditionedMLP,
    UNet,
    best_variance,
    cosine_schedule,
    diffuse,
    diffusion_elbo,
    diffusion_loss,
    eps_from_v,
    euler_steps,
    flow_matching_loss,
    forward_variance,
    posterior_variance,
    predict_x0,
    reverse_steps,
    sinusoidal_embedding,
)
from course_utils.generative.metrics import energy_distance
from course_utils.objectives import dae_loss
from course_utils.theory.mixtures import (
    mixture_log_density,
    mixture_score,
    ring_of_means,
    sample_mixture,
)
from course_utils.training import training_epochs

B, D = 64, 3


@pytest.fixture
def same_noise(monkeypatch):
    """Every draw of noise gives the same numbers."""
    eps = torch.randn(B, D)
    monkeypatch.setattr(torch, "randn_like", lambda x: eps)
    return eps


def true_noise(x, alpha_bar):
    """A denoiser that returns the noise in xₜ exactly."""
    return lambda x_t, t: (
        (x_t - alpha_bar[t, None].sqrt() * x) / (1 - alpha_bar[t, None]).sqrt()
    )


def mixture_denoiser(means, sigma, alpha_bar):
    """The optimal denoiser for a mixture of Gaussians, by Tweedie's formula."""

    def denoiser(x_t, t):
        a = alpha_bar[t[0]]
        spread = (a * sigma**2 + 1 - a).sqrt().item()
        return -(1 - a).sqrt() * mixture_score(x_t, a.sqrt() * means, sigma=spread)

    return denoiser


# --- the process ----------------------------------------------------------------------


def test_the_schedule_goes_from_data_to_noise():
    alpha_bar = cosine_schedule(100)
    assert alpha_bar.shape == (101,) and alpha_bar[0] == 1
    assert (alpha_bar.diff() < 0).all() and 0 < alpha_bar[-1] < 1e-5
    assert abs(alpha_bar[50] - 0.5) < 0.02  # cos²(π/4), apart from the small offset


def test_a_schedule_of_one_step_is_refused():
    with pytest.raises(ValueError, match="two steps or more"):
        cosine_schedule(1)


def test_many_small_steps_are_the_closed_form():
    """xₜ = √αₜ xₜ₋₁ + √(1 − αₜ) ε, step by step: its mean and variance are diffuse's."""
    alpha_bar = cosine_schedule(40).double()
    share, variance = (
        torch.ones((), dtype=torch.float64),
        torch.zeros((), dtype=torch.float64),
    )
    zero, one = torch.zeros(1, 1).double(), torch.ones(1, 1).double()
    for t in range(1, 41):
        alpha = alpha_bar[t] / alpha_bar[t - 1]
        share, variance = alpha.sqrt() * share, alpha * variance + 1 - alpha
        assert_close(diffuse(one, zero, alpha_bar[t]).squeeze(), share)
        assert_close(diffuse(zero, one, alpha_bar[t]).squeeze() ** 2, variance)


def test_predict_x0_inverts_diffuse():
    x, eps, alpha_bar_t = torch.randn(B, D), torch.randn(B, D), torch.rand(B, 1)
    x_t = diffuse(x, eps, alpha_bar_t)
    assert_close(predict_x0(x_t, eps, alpha_bar_t), x, atol=1e-3, rtol=1e-3)


def test_a_row_of_noise_levels_is_refused():
    """With as many dimensions as data points it would broadcast along the wrong axis."""
    x, eps = torch.randn(2, D, D)
    with pytest.raises(ValueError, match=r"must be \(B, 1\)"):
        diffuse(x, eps, torch.rand(D))
    for number in (torch.tensor(0.3), torch.tensor([0.3])):
        assert_close(diffuse(x, eps, number), 0.3**0.5 * x + 0.7**0.5 * eps)


# --- the objective --------------------------------------------------------------------


def test_the_diffusion_loss_is_the_denoising_objective_up_to_its_weight(same_noise):
    """‖x − x̂‖² = (1 − ᾱ)/ᾱ ‖ε − ε̂‖²: one step, seen as notebook 04 and as diffusion."""
    alpha_bar = torch.tensor([1.0, 0.6])
    variance = (1 / alpha_bar[1] - 1).item()
    network = NoisePredictor(D, alpha_bar, width=8)
    x = torch.randn(B, D)
    step = torch.ones(B, dtype=torch.long)

    def denoiser(noisy):  # of x + σε, which is xₜ divided by √ᾱ
        x_t = alpha_bar[1].sqrt() * noisy
        return predict_x0(x_t, network(x_t, step), alpha_bar[1])

    dae = dae_loss(lambda x: x, denoiser, x, sigma=math.sqrt(variance))["loss"]
    loss = diffusion_loss(network, x, alpha_bar=alpha_bar)["loss"]
    assert_close(dae, variance * loss)


def test_all_steps_from_1_to_t_are_drawn():
    drawn = set()

    def denoiser(x_t, t):
        drawn.update(t.tolist())
        return x_t

    diffusion_loss(denoiser, torch.randn(500, D), alpha_bar=cosine_schedule(5))
    assert drawn == {1, 2, 3, 4, 5}


def test_the_steps_are_drawn_on_the_device_of_the_data():
    x, alpha_bar = torch.randn(B, D), cosine_schedule(5)
    with torch.device("meta"):  # the default device of new tensors
        loss = diffusion_loss(lambda x_t, t: x_t + t[:, None], x, alpha_bar=alpha_bar)
    assert loss["loss"].isfinite()


def test_a_perfect_denoiser_has_no_loss():
    x, alpha_bar = torch.randn(B, D), cosine_schedule(10)
    loss = diffusion_loss(true_noise(x, alpha_bar), x, alpha_bar=alpha_bar)["loss"]
    assert_close(loss, torch.zeros(()), atol=1e-4, rtol=0)


# --- the reverse process --------------------------------------------------------------


def test_reverse_steps_with_the_true_noise_return_to_the_data():
    x, alpha_bar = torch.randn(B, D), cosine_schedule(20)
    *_, last = reverse_steps(true_noise(x, alpha_bar), torch.randn(B, D), alpha_bar)
    assert_close(last, x, atol=1e-4, rtol=0)


def test_reverse_steps_with_the_exact_score_sample_the_data_distribution():
    torch.manual_seed(0)
    means, n = ring_of_means(8), 1500
    alpha_bar = cosine_schedule(200)
    denoiser = mixture_denoiser(means, 0.1, alpha_bar)
    steps = list(reverse_steps(denoiser, torch.randn(n, 2), alpha_bar))
    assert len(steps) == 200
    data = sample_mixture(n, means, sigma=0.1)
    # New draws of the data differ by 0.000 to 0.003, a missing mode by 0.05.
    assert energy_distance(steps[-1], data).abs() < 0.01
    share = torch.bincount(torch.cdist(steps[-1], means).argmin(1), minlength=8) / n
    assert ((share - 1 / 8).abs() < 5 * math.sqrt(7 / 64 / n)).all()
    off = steps[-1] - means[torch.cdist(steps[-1], means).argmin(1)]
    assert abs(off.std() - 0.1) < 0.005  # the width of a mode


def test_each_step_but_the_last_adds_noise_of_variance_beta(same_noise):
    alpha_bar, x = cosine_schedule(4), torch.randn(B, D)
    path = [x, *reverse_steps(lambda x_t, t: torch.zeros_like(x_t), x, alpha_bar)]
    for t, (before, after) in zip(range(4, 1, -1), pairwise(path)):
        alpha = alpha_bar[t] / alpha_bar[t - 1]
        assert_close(after, before / alpha.sqrt() + (1 - alpha).sqrt() * same_noise)


def test_the_last_step_adds_no_noise():
    alpha_bar = cosine_schedule(3)
    x, denoiser = torch.randn(B, D), lambda x_t, t: torch.zeros_like(x_t)
    *_, before, last = reverse_steps(denoiser, x, alpha_bar)
    assert_close(last, before / alpha_bar[1].sqrt())


# --- the bound ------------------------------------------------------------------------


@pytest.mark.parametrize("last", [6, 3])  # x₃ still holds half of the data
@pytest.mark.parametrize("by_default", [True, False])
def test_the_bound_is_a_sum_of_divergences(same_noise, last, by_default):
    """Term by term from the Gaussians themselves, with torch.distributions."""
    torch.manual_seed(0)
    alpha_bar = cosine_schedule(6)[: last + 1]
    variance = forward_variance(alpha_bar) if by_default else torch.rand(last + 1) + 0.1
    network = NoisePredictor(D, alpha_bar, width=8)
    x, eps = torch.randn(B, D), same_noise
    with torch.no_grad():
        end = Normal(alpha_bar[-1].sqrt() * x, (1 - alpha_bar[-1]).sqrt())
        nats = kl_divergence(end, Normal(0.0, 1.0)).sum(1)
        for t in range(last, 0, -1):
            a, before = alpha_bar[t], alpha_bar[t - 1]
            alpha, beta = a / before, 1 - a / before
            x_t = a.sqrt() * x + (1 - a).sqrt() * eps
            x_hat = predict_x0(x_t, network(x_t, torch.full((B,), t)), a)
            # q(xₜ₋₁|xₜ, x₀), Ho et al. (2020), equation 7; p puts x̂₀ for x₀.
            of_x = before.sqrt() * beta / (1 - a)
            of_x_t = alpha.sqrt() * (1 - before) / (1 - a)
            p = Normal(of_x * x_hat + of_x_t * x_t, variance[t].sqrt())
            if t == 1:
                nats -= p.log_prob(x).sum(1)
            else:
                width = (beta * (1 - before) / (1 - a)).sqrt()
                q = Normal(of_x * x + of_x_t * x_t, width)
                nats += kl_divergence(q, p).sum(1)
    given = () if by_default else (variance,)
    assert_close(diffusion_elbo(network, x, alpha_bar, *given), -nats, rtol=1e-3, atol=1e-2)


def test_more_steps_close_the_bound():
    """With the optimal denoiser the ELBO is below log p(x) and approaches it as T grows."""
    torch.manual_seed(0)
    means = ring_of_means(4)
    x = sample_mixture(2000, means, sigma=0.3)
    log_p = mixture_log_density(x, means, sigma=0.3)
    gaps = []
    for steps in (5, 20, 80):
        alpha_bar = cosine_schedule(steps)
        bound = diffusion_elbo(mixture_denoiser(means, 0.3, alpha_bar), x, alpha_bar)
        gaps.append((log_p - bound).mean().item())
    assert gaps[0] > gaps[1] > gaps[2] > 0
    assert gaps[2] < 0.1


def gaussian_denoiser(sigma, alpha_bar):
    """The optimal denoiser for data N(0, σ²I)."""

    def denoiser(x_t, t):
        a = alpha_bar[t, None]
        return (1 - a).sqrt() / (a * sigma**2 + 1 - a) * x_t

    return denoiser


@pytest.mark.parametrize("sigma", [1.0, 0.3])
def test_the_best_variance_for_gaussian_data_is_that_of_the_true_reverse(sigma):
    """p(xₜ₋₁|xₜ) is Gaussian there, with the variance vₜ₋₁ βₜ / vₜ; vₜ is that of xₜ."""
    torch.manual_seed(0)
    alpha_bar = cosine_schedule(30)
    x, denoiser = sigma * torch.randn(20_000, 2), gaussian_denoiser(sigma, alpha_bar)
    best = best_variance(denoiser, x, alpha_bar)
    v = alpha_bar * sigma**2 + 1 - alpha_bar
    expected = v[:-1] * forward_variance(alpha_bar)[1:] / v[1:]
    assert_close(best[1:], expected, rtol=0.04, atol=0)  # of 40 000 squares: 5 × 0.7 %
    # The reverse process is then exact, so the bound is log p(x), up to the last KL.
    log_p = Normal(0.0, sigma).log_prob(x).sum(1)
    bound = diffusion_elbo(denoiser, x, alpha_bar, best)
    error = 5 * (log_p - bound).std() / math.sqrt(len(x))
    assert (log_p - bound).mean().abs() < error + 0.005


def test_the_two_usual_variances_are_best_for_a_normal_and_for_a_point():
    """Ho et al. (2020), section 3.2: βₜ for data N(0, I), β̃ₜ if all data are one point."""
    torch.manual_seed(0)
    alpha_bar = cosine_schedule(20)
    normal = torch.randn(20_000, 2)
    best = best_variance(gaussian_denoiser(1.0, alpha_bar), normal, alpha_bar)
    assert_close(best, forward_variance(alpha_bar), rtol=0.04, atol=0)
    point = torch.ones(500, 2)
    best = best_variance(true_noise(point, alpha_bar), point, alpha_bar)
    assert_close(best[2:], posterior_variance(alpha_bar)[2:])
    assert best[1] < 1e-6 and posterior_variance(alpha_bar)[1] == best[2]


@pytest.mark.slow
def test_on_the_ring_most_of_the_gap_is_the_choice_of_the_variance():
    """βₜ leaves a gap of 0.38 nats, the best variance 0.11, any other more than it."""
    torch.manual_seed(0)
    means, alpha_bar = ring_of_means(8), cosine_schedule(50)
    x, denoiser = (
        sample_mixture(8000, means, sigma=0.1),
        mixture_denoiser(means, 0.1, alpha_bar),
    )
    log_p = mixture_log_density(x, means, sigma=0.1)
    best = best_variance(denoiser, x, alpha_bar)
    variances = {
        "beta": forward_variance(alpha_bar),
        "posterior": posterior_variance(alpha_bar),
        "best": best,
        "smaller": 0.9 * best,
        "larger": 1.1 * best,
    }
    gaps = {
        name: (log_p - diffusion_elbo(denoiser, x, alpha_bar, variance)).mean().item()
        for name, variance in variances.items()
    }
    # The standard error of 8000 points is 0.02 nats.
    assert gaps["beta"] == pytest.approx(0.385, abs=0.08)
    assert gaps["best"] == pytest.approx(0.107, abs=0.08)
    assert min(gaps, key=gaps.get) == "best" and max(gaps, key=gaps.get) == "posterior"


def test_the_reverse_steps_shake_by_the_given_variance(same_noise):
    alpha_bar, x = cosine_schedule(4), torch.randn(B, D)
    variance = torch.rand(5)

    def silent(x_t, t):
        return torch.zeros_like(x_t)

    path = [x, *reverse_steps(silent, x, alpha_bar, variance)]
    for t, (before, after) in zip(range(4, 1, -1), pairwise(path)):
        alpha = alpha_bar[t] / alpha_bar[t - 1]
        assert_close(after, before / alpha.sqrt() + variance[t].sqrt() * same_noise)


def test_a_schedule_other_than_the_network_s_is_refused():
    network, x = NoisePredictor(D, cosine_schedule(8), width=8), torch.randn(B, D)
    for other in (cosine_schedule(8)[::2], cosine_schedule(8) / 2):
        with pytest.raises(ValueError, match="another schedule"):
            diffusion_elbo(network, x, other)
        with pytest.raises(ValueError, match="another schedule"):
            list(reverse_steps(network, x, other))


# --- flow matching --------------------------------------------------------------------


def gaussian_velocity(sigma):
    """E[ε − x | xₜ] for data N(0, σ²I): the best velocity."""

    def velocity(x_t, t):
        t = t[:, None]
        variance = (1 - t).square() * sigma**2 + t.square()
        return (t - (1 - t) * sigma**2) / variance * x_t

    return velocity


@pytest.mark.parametrize("sigma", [1.0, 0.5])
def test_the_loss_of_the_best_velocity_has_a_closed_form(sigma):
    """Data N(0, σ²I): D ∫ σ² / ((1 − t)²σ² + t²) dt = D σ π/2. Others lose more."""
    torch.manual_seed(0)
    n, best = 40_000, gaussian_velocity(sigma)
    x = sigma * torch.randn(n, D)
    loss = flow_matching_loss(best, x)["loss"]
    expected = D * sigma * math.pi / 2
    assert_close(loss.item(), expected, rtol=0.03, atol=0)  # 5 standard errors
    for scale in (0.0, 2.0):  # times v, with E‖v‖² = E‖ε − x‖² − the loss of v
        other = flow_matching_loss(lambda x_t, t, s=scale: s * best(x_t, t), x)["loss"]
        assert_close(other.item(), D * (1 + sigma**2), rtol=0.03, atol=0)


@pytest.mark.parametrize("sigma", [2.0, 0.5])
def test_the_flow_of_a_gaussian_scales_the_noise(sigma):
    """x(t) / √((1 − t)²σ² + t²) is constant along dx/dt = v: noise x₁ ends at σ x₁."""
    noise = torch.randn(B, D)
    off = []
    for steps in (20, 200):
        *_, end = euler_steps(gaussian_velocity(sigma), noise, steps)
        off.append((end - sigma * noise).abs().max())
    assert off[1] < 0.02 * noise.abs().max()
    assert 5 < off[0] / off[1] < 20  # the error of Euler's method is of order 1 / steps


def test_one_step_of_the_flow_goes_to_the_mean_of_the_data():
    """At t = 1 the best velocity is ε − E[x]."""
    mean = torch.tensor([3.0, 0.0, -1.0])
    path = list(euler_steps(lambda x, t: x - mean, torch.randn(B, D), 1))
    assert len(path) == 1
    assert_close(path[0], mean.expand(B, D))


def test_the_times_of_the_flow_go_from_1_to_one_step_above_0():
    times = []
    path = euler_steps(lambda x, t: (times.append(t[0].item()), x)[1], torch.zeros(2, D), 4)
    assert len(list(path)) == 4 and times == [1, 0.75, 0.5, 0.25]
    with pytest.raises(ValueError, match="steps must be a whole number >= 1"):
        next(euler_steps(lambda x, t: x, torch.zeros(2, D), 0))


@pytest.mark.slow
def test_a_trained_velocity_draws_the_ring():
    torch.manual_seed(0)
    means = ring_of_means(8)
    x, velocity = sample_mixture(2000, means, sigma=0.1), TimeConditionedMLP(2, width=64)
    for _ in training_epochs(
        velocity, flow_matching_loss, x, epochs=60, batch_size=400, lr=1.5e-2
    ):
        pass
    *_, new = euler_steps(velocity, torch.randn(2000, 2), 50)
    assert energy_distance(new, x).abs() < 0.03  # measured: 0.012; noise has 0.25


# --- the network ----------------------------------------------------------------------


ALPHA_BAR = cosine_schedule(50)
NETWORKS = {  # denoisers, which are told t
    "MLP": (D, partial(NoisePredictor, D, width=16)),
    "U-Net": (784, partial(UNet, width=8)),
    "U-Net of side 14": (196, partial(UNet, side=14, width=8)),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_network_depends_on_the_time(kind):
    data_dim, make = NETWORKS[kind]
    network, x = make(ALPHA_BAR), torch.randn(B, data_dim)
    early, late = (network(x, torch.full((B,), t)) for t in (1, 2))
    assert early.shape == x.shape and (early - late).abs().max() > 1e-3
    both = torch.cat([early[:2], late[2:]])  # each row has a time of its own
    t = torch.tensor([1, 1] + [2] * (B - 2))
    assert_close(network(x, t), both, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_time_goes_from_0_to_1(kind, monkeypatch):
    times = []
    monkeypatch.setattr(
        diffusion,
        "sinusoidal_embedding",
        lambda t: (times.append(t), sinusoidal_embedding(t))[1],
    )
    data_dim, make = NETWORKS[kind]
    make(ALPHA_BAR)(torch.randn(3, data_dim), torch.tensor([0, 10, 50]))
    assert_close(times[0], torch.tensor([0.0, 0.2, 1.0]))


def test_the_time_is_embedded_in_sines_and_cosines_of_half_a_turn_and_more():
    t = torch.tensor([0.0, 0.3, 1.0])
    sines, cosines = sinusoidal_embedding(t).chunk(2, dim=1)
    assert_close(sines.square() + cosines.square(), torch.ones(3, 16))
    assert_close(sines[:, 0], (math.pi * t).sin(), atol=1e-5, rtol=0)
    assert_close(cosines[:, 0], (math.pi * t).cos(), atol=1e-5, rtol=0)
    assert_close(sines[:, -1], (200 * math.pi * t).sin(), atol=1e-3, rtol=0)


def test_eps_from_v_inverts_the_definition_of_v():
    x, eps = torch.randn(2, B, D)
    a = ALPHA_BAR[torch.randint(1, 51, (B,)), None]
    v = a.sqrt() * eps - (1 - a).sqrt() * x
    assert_close(eps_from_v(v, diffuse(x, eps, a), a), eps, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("side", [14, 28])
def test_the_u_net_s_output_depends_most_on_nearby_pixels(side):
    """The noise predicted for a pixel depends most on nearby pixels."""
    torch.manual_seed(0)
    network, t = UNet(ALPHA_BAR, side=side, width=8), torch.ones(1, dtype=torch.long)
    weight = torch.autograd.functional.jacobian(
        lambda x: network(x, t)[0], torch.randn(1, side**2)
    )[:, 0]
    places = torch.cartesian_prod(*[torch.arange(float(side))] * 2)
    far = torch.cdist(places, places) > side / 2
    assert weight[~far].abs().mean() > 3 * weight[far].abs().mean()


def test_a_u_net_for_an_unsupported_side_is_refused():
    with pytest.raises(ValueError, match="not side 20"):
        UNet(ALPHA_BAR, side=20)


@pytest.mark.parametrize("kind", NETWORKS)
def test_training_changes_every_layer(kind):
    torch.manual_seed(0)
    alpha_bar = cosine_schedule(5)
    data_dim, make = NETWORKS[kind]
    network, x = make(alpha_bar), torch.randn(B, data_dim)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}

    def objective(model, x):
        return diffusion_loss(model, x, alpha_bar=alpha_bar)

    for _ in training_epochs(network, objective, x, epochs=2, batch_size=16):
        pass
    for name, value in network.named_parameters():
        assert not torch.equal(value, before[name]), name
