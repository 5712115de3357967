"""Checks that a notebook runs on a student's answer; each returns a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils import evidence, linear_gaussian, models, objectives, vq_vae
from course_utils.verdicts import Verdict, compare


def check_kl(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 06: KL(N(μ, diag σ²) ‖ N(0, I)) in closed form.  (B, K), (B, K) -> (B,)"""
    kl, zeros = objectives.kl_to_standard_normal, torch.zeros(2, 3)
    return compare(
        answer,
        kl,
        {
            "q is the prior, so the KL is 0": (zeros, zeros),
            "q is shifted": (torch.tensor([[1.0, -2.0, 0.5]]), torch.zeros(1, 3)),
            "q is narrower than the prior": (zeros, zeros - 2),
            "q is wider than the prior": (zeros, zeros + 1),
        },
        slips={
            "the sign. A KL is never negative.": lambda mu, logvar: -kl(mu, logvar),
            "the factor ½ is missing.": lambda mu, logvar: 2 * kl(mu, logvar),
            "a sum over the K dimensions was asked for, not their mean.": (
                lambda mu, logvar: kl(mu, logvar) / mu.shape[1]
            ),
            "add up the K dimensions: one number for each data point.": (
                lambda mu, logvar: (mu**2 + logvar.exp() - 1 - logvar) / 2
            ),
            "logvar is log σ², so that σ² = exp(logvar), not logvar².": (
                lambda mu, logvar: ((mu**2 + logvar**2 - 1) / 2 - logvar.abs().log()).sum(1)
            ),
        },
    )


def check_gaussian_nll(answer: Callable[[Tensor, Tensor, float], Tensor]) -> Verdict:
    """Notebook 05: −log N(x; x̂, σ²I) with its constant.  (B, D), (B, D), float -> (B,)"""
    x = torch.tensor([[0.0, 0.5, 1.0], [0.2, 0.4, 0.9]])
    mean = torch.tensor([[0.0, 1.0, 0.0], [0.3, 0.1, 1.0]])
    return compare(
        answer,
        lambda x, mean, sigma: objectives.gaussian_nll(x, mean, sigma=sigma),
        {
            "x is the mean and σ = 1, so only the constant is left": (x, x, 1.0),
            "σ = 1": (x, mean, 1.0),
            "a narrow σ, whose density exceeds one": (x, mean, 0.2),
            "a wide σ": (x, mean, 3.0),
        },
    )


def _linear_pair() -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """An encoder from three numbers to two and a decoder back, for the cases of a check."""
    a = torch.tensor([[1.0, -0.5], [0.5, 2.0], [-1.5, 0.3]])
    return lambda x: x @ a, lambda z: z @ a.T / 4


def check_regularized_pae(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 05: E [ ‖x − g(f(x) + ε)‖² + λ ‖f(x)‖² ], ε ~ N(0, I).

    (f, g, x, lam) -> (); the answer draws ε once, as torch.randn_like does.
    """
    x = torch.tensor([[0.0, 0.5, 1.0], [0.2, 0.4, 0.9], [1.0, 0.0, 0.3]])
    encode, decode = _linear_pair()
    return compare(
        answer,
        lambda f, g, x, lam: objectives.regularized_pae_loss(f, g, x, lam=lam)["loss"],
        {
            "λ = 0 leaves the PAE": (encode, decode, x, 0.0),
            "a decoder that ignores the code": (encode, lambda z: x, x, 0.5),
            "λ = 0.5": (encode, decode, x, 0.5),
            "λ = 2, other images": (encode, decode, 3 * x, 2.0),
        },
    )


def check_reparameterize(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 06: z = μ + σ ⊙ ε and its gradients.  (B, K), (B, K) -> (B, K)"""
    mu = torch.linspace(-2, 2, 12).reshape(4, 3)
    logvar = mu.flip(1)
    return compare(
        _draw_and_gradients(answer),
        _draw_and_gradients(objectives.reparameterize),
        {
            "σ is almost 0, so z is μ": ("z", mu, mu - 40),
            "σ is 1, every number has an ε of its own": ("z", mu, 0 * mu),
            "σ differs from number to number": ("z", mu, logvar),
            "∂z/∂μ, the gradient that reaches mu": ("mu", mu, logvar),
            "∂z/∂log σ², the gradient that reaches logvar": ("logvar", mu, logvar),
        },
    )


def _draw_and_gradients(draw: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """A draw, asked for z or for the derivative of Σ z by mu or by logvar; 0 if cut off."""

    def measure(what: str, mu: Tensor, logvar: Tensor) -> Tensor:
        by = {"mu": mu.clone().requires_grad_(), "logvar": logvar.clone().requires_grad_()}
        z = draw(by["mu"], by["logvar"])
        if what == "z":
            return z.detach() if isinstance(z, Tensor) else z
        if z.requires_grad:
            z.sum().backward()
        gradient = by[what].grad
        return torch.zeros_like(mu) if gradient is None else gradient

    return measure


def check_ae_loss(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 01: E ‖x − g(f(x))‖².  (f, g, x) -> ()"""
    x = torch.tensor([[0.0, 0.5, 1.0, 0.1], [0.2, 0.4, 0.9, 0.7], [1.0, 0.0, 0.3, 0.6]])
    a = torch.tensor([[1.0, -0.5], [0.5, 2.0], [-1.5, 0.3], [0.2, 0.8]])

    def encode(x: Tensor) -> Tensor:
        return x @ a[: x.shape[1]]

    def decode(z: Tensor) -> Tensor:
        return z @ a.T / 4

    return compare(
        answer,
        lambda f, g, x: objectives.ae_loss(f, g, x)["loss"],
        {
            "f and g copy, so the loss is 0": (lambda x: x, lambda z: z, x),
            "one image and a linear f and g": (encode, decode, x[:1]),
            "three images": (encode, decode, x),
            "f and g that are not linear": (lambda x: encode(x).relu(), decode, 2 * x),
        },
    )


def check_distance_to_nearest(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 01: minⱼ ‖zᵢ − codeⱼ‖ of each zᵢ.  (N, K), (M, K) -> (N,)"""
    codes = torch.tensor([[0.0, 0.0], [3.0, 4.0], [-2.0, 1.0]])
    points = torch.tensor([[3.0, 0.0], [3.0, 5.0], [-2.0, -2.0], [0.5, 0.0]])
    return compare(
        answer,
        evidence.distance_to_nearest,
        {
            "one point, one code": (points[:1], codes[:1]),
            "every point is a code": (codes, codes),
            "four points, three codes": (points, codes),
            "codes of one number": (points[:, :1], codes[:, :1]),
        },
    )


def check_pca_reconstruction(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 02: mean + Vᵀ V (x − mean), a component a row of V.

    (B, D), (D,), (K, D) -> (B, D)
    """
    x = torch.tensor([[1.0, 2.0, 3.0], [0.5, -1.0, 2.0], [4.0, 0.0, -2.0], [1.0, 1.0, 1.0]])
    zero, mean = torch.zeros(3), torch.tensor([1.0, -2.0, 0.5])
    v = torch.tensor([[0.6, 0.8, 0.0], [0.8, -0.6, 0.0], [0.0, 0.0, 1.0]])
    return compare(
        answer,
        lambda x, mean, components: mean + (x - mean) @ components.T @ components,
        {
            "the mean is 0, one component": (x, zero, v[:1]),
            "the mean is not 0": (x, mean, v[:1]),
            "two components": (x, mean, v[1:]),
            "as many components as dimensions, so nothing is lost": (x, mean, v),
        },
    )


def check_pca_error(answer: Callable[[Tensor, int], Tensor]) -> Verdict:
    """Notebook 02: the least E ‖x − x̂‖² of a linear code of k numbers.  (N, D), int -> ()

    By Eckart and Young the eigenvalues of the covariance (1/N) that were left out, summed.
    """
    x = torch.tensor([[3.0, 0, 1], [-3, 0, 1], [0, 2, 1], [0, -2, 1]])
    turned = x @ torch.tensor([[0.6, 0.8, 0.0], [0.8, -0.6, 0.0], [0.0, 0.0, 1.0]]) - 0.5

    def eigenvalues_left_out(x: Tensor, k: int) -> Tensor:
        covariance = torch.cov(x.T, correction=0)
        return torch.linalg.eigvalsh(covariance).flip(0)[k:].sum()

    return compare(
        answer,
        eigenvalues_left_out,
        {
            "k = 0 leaves the variance": (x, 0),
            "k = 1": (x, 1),
            "the same points, turned and moved": (turned, 1),
            "k = 2 of points that lie in a plane, so nothing is lost": (turned, 2),
        },
    )


def check_sparse_ae_loss(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 03: E [ ‖x − g(f(x))‖² + λ ‖f(x)‖₁ ].  (f, g, x, lam) -> ()"""
    x = torch.tensor([[0.0, 0.5, 1.0], [0.2, -0.4, 0.9], [1.0, 0.0, 0.3]])
    encode, decode = _linear_pair()
    return compare(
        answer,
        lambda f, g, x, lam: objectives.sparse_ae_loss(f, g, x, lam=lam)["loss"],
        {
            "λ = 0 leaves the plain autoencoder": (encode, decode, x, 0.0),
            "f and g copy, so only the penalty is left": (_copy, _copy, x, 1.0),
            "λ = 0.5, a code with both signs": (encode, decode, x, 0.5),
            "λ = 2, other images": (encode, decode, 3 * x, 2.0),
        },
    )


def check_unit_columns(answer: Callable[[Tensor], Tensor]) -> Verdict:
    """Notebook 03: every column divided by its length.  (D, K) -> (D, K)"""
    weight = torch.tensor([[3.0, 1.0], [4.0, 0.0], [0.0, -1.0]])
    return compare(
        answer,
        models.UnitColumns(),
        {
            "columns that have length one stay": (torch.eye(3),),
            "one column": (weight[:, :1],),
            "three rows, two columns": (weight,),
            "as many rows as columns": (weight[:2] + 1,),
            "columns of very different lengths": (weight * torch.tensor([100.0, 0.01]),),
        },
    )


def check_dae_loss(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 04: E ‖x − g(f(x + ε))‖², ε ~ N(0, σ²I).  (f, g, x, sigma) -> ()

    The noise may be drawn in any way, so the samples are large: 100,000 numbers fix a mean
    square within 0.5 percent (one standard deviation), two of them within 0.7.
    """
    x = torch.linspace(-1, 1, 100_000).reshape(20_000, 5)

    def encode(x: Tensor) -> Tensor:
        return 2 * x[:, :3]

    def decode(z: Tensor) -> Tensor:
        return torch.cat([z.relu(), z[:, :2] / 2], dim=1)

    return compare(
        answer,
        lambda f, g, x, sigma: objectives.dae_loss(f, g, x, sigma=sigma)["loss"],
        {
            "σ = 0 leaves the plain autoencoder": (encode, decode, x, 0.0),
            "a perfect denoiser, so the loss is 0": (_copy, lambda z: x, x, 1.0),
            "f and g copy, so only the noise is left, Dσ²": (_copy, _copy, x, 0.5),
            "f and g that keep some of it": (encode, decode, x, 0.5),
            "σ = 2": (encode, decode, x, 2.0),
        },
        rtol=0.03,
    )


def check_score_from_denoiser(
    answer: Callable[[Callable[[Tensor], Tensor], Tensor, float], Tensor],
) -> Verdict:
    """Notebook 04: (r(x) − x) / σ² of a denoiser r.  (r, x, sigma) -> (B, D)"""
    x = torch.tensor([[0.0, 0.5], [1.0, -2.0], [3.0, 4.0]])

    def gaussian(sigma: float) -> Callable[[Tensor], Tensor]:
        """The best denoiser of data from N(0, I): it shrinks."""
        return lambda x: x / (1 + sigma**2)

    return compare(
        answer,
        lambda r, x, sigma: (r(x) - x) / sigma**2,
        {
            "r copies, so no direction is better than another": (_copy, x, 0.5),
            "data from N(0, I), σ = 1": (gaussian(1.0), x, 1.0),
            "data from N(0, I), σ = 0.5": (gaussian(0.5), x, 0.5),
            "all data in one place, σ = 2": (lambda x: torch.ones_like(x), x, 2.0),
        },
    )


def _copy(x: Tensor) -> Tensor:
    return x


def check_water_filling(answer: Callable[[Tensor, float], Tensor]) -> Verdict:
    """Notebook 08: living units, rate, distortion of the best linear β-VAE.

    eigenvalues (D,), level βσ² -> (3,): how many λₖ exceed it, ½ Σ log (λₖ / βσ²) over
    these in nats, Σ min(λₖ, βσ²) over all.
    """
    values = torch.tensor([4.0, 2.0, 1.0, 0.5, 0.1])
    return compare(
        answer,
        lambda values, level: torch.tensor(
            linear_gaussian.reverse_water_filling(values, level)
        ),
        {
            "one direction, which lives": (torch.tensor([4.0]), 1.0),
            "one direction, which dies": (torch.tensor([0.5]), 1.0),
            "two live": (values, 1.5),
            "one stands at the level, and gains nothing": (values, 1.0),
            "all live": (values, 0.05),
            "none lives": (values, 7.0),
        },
    )


def check_kl_weight(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 08: b that makes a ‖x − x̂‖² + b KL the −ELBO of pixels N(x̂, σ²I): 2aσ².

    a (n,), sigma (n,) -> (n,), one for each code base.
    """

    def cases(*pairs: tuple[float, float]) -> tuple[Tensor, ...]:
        return tuple(torch.tensor(pairs, dtype=torch.float64).T.clone())

    return compare(
        answer,
        lambda a, sigma: 2 * a * sigma**2,
        {
            "half a sum and σ = 1, the lecture's own": cases((0.5, 1)),
            "a sum of squares and σ = 1": cases((1, 1)),
            "a mean over 784 pixels and σ = 1": cases((1 / 784, 1)),
            "a sum of squares and narrow pixels": cases((1, 0.1)),
            "several code bases at once": cases((1, 0.5), (500 / 784, 0.3), (0.5, 2)),
        },
    )


def check_vae_loss(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 08: E_q [−log p(x|z)] + KL for Bernoulli pixels.  (f, g, x) -> ()

    The draw may be made in any way, so the batch is large: the mean over 40,000 images
    of a reconstruction moves by less than a percent.
    """
    x = (torch.arange(120_000).reshape(40_000, 3) % 7 / 6).clone()
    weight = torch.tensor([[1.0, -0.5], [0.5, 1.5], [-1.5, 0.3]])

    def encoder(shift: float, logvar: float) -> objectives.GaussianEncoder:
        return lambda x: (x @ weight + shift, logvar - x[:, :2] / 2)

    def flat(z: Tensor) -> Tensor:
        return torch.zeros(len(z), 3)

    def decoder(z: Tensor) -> Tensor:
        return z @ weight.T

    def prior(x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros(len(x), 2), torch.zeros(len(x), 2)

    return compare(
        answer,
        lambda f, g, x: objectives.vae_loss(f, g, x)["loss"],
        {
            "a collapsed VAE with undecided pixels, D log 2": (prior, flat, x),
            "only the KL differs from that": (encoder(0.5, -1.0), flat, x),
            "the prior as q, and a decoder that listens": (prior, decoder, x),
            "narrow clouds": (encoder(0.0, -4.0), decoder, x),
            "clouds wider than the prior": (encoder(0.0, 1.0), decoder, x),
        },
        rtol=0.02,
    )


def check_mixture_log_density(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 00: log p(x) = log Σₖ πₖ p(x|z = k).

    log πₖ (K,), log p(x|z = k) (B, K) -> (B,), nats, also where exp rounds to 0.
    """
    log_prior = torch.tensor([0.5, 0.3, 0.2]).log()
    log_likelihood = torch.tensor(
        [[-1.0, -2.0, -0.5], [0.4, 1.5, -3.0], [-9.0, -8.0, -9.5]]
    )
    return compare(
        answer,
        lambda log_prior, log_likelihood: (log_prior + log_likelihood).logsumexp(1),
        {
            "one component, so no sum is left": (torch.zeros(1), log_likelihood[:, :1]),
            "three equal components": (torch.full((3,), 1 / 3).log(), log_likelihood),
            "three components of different weight": (log_prior, log_likelihood),
            "images so improbable that exp gives 0": (log_prior, log_likelihood - 2000),
        },
    )


def check_mixture_draws(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 00: n draws of Σₖ πₖ N(meanₖ, σ²I).

    (n, weights (K,), means (K, D), sigma) -> (n, D). Any way of drawing is right, so the
    sample is large: shares and spreads of 40,000 draws or more move by less than a percent.
    """
    weights, means = (
        torch.tensor([0.5, 0.3, 0.2]),
        torch.tensor([[6.0, -6], [-6, 6], [9, 9]]),
    )
    mixture = 200_000, weights, means, 0.5
    return compare(
        _statistics_of_draws(answer),
        _expected_statistics,
        {
            "five draws": ("shape", 5, weights, means, 0.5),
            "one component": ("spread", 200_000, weights[:1] / 0.5, means[:1], 0.5),
            "the share of draws near each mean": ("share", *mixture),
            "the middle of the draws near each mean": ("middle", *mixture),
            "their spread along each axis and along the diagonal": ("spread", *mixture),
        },
        rtol=0.03,
    )


def _statistics_of_draws(draw: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A sampler, asked for one statistic of its draws, grouped by the nearest mean."""

    def measure(what: str, n: int, weights: Tensor, means: Tensor, sigma: float) -> Tensor:
        x = draw(n, weights, means, sigma)
        if what == "shape" or not isinstance(x, Tensor) or x.shape != (n, means.shape[1]):
            return 0 * x if isinstance(x, Tensor) else x
        nearest = torch.cdist(x.to(means), means).argmin(1)
        if what == "share":
            return nearest.bincount(minlength=len(means)) / n
        groups = [x[nearest == k].to(means) for k in range(len(means))]
        if what == "middle":
            return torch.stack([group.mean(0) for group in groups])
        along = [torch.cat([group, group.sum(1, keepdim=True)], dim=1) for group in groups]
        return torch.stack([group.std(0) for group in along])

    return measure


def _expected_statistics(
    what: str, n: int, weights: Tensor, means: Tensor, sigma: float
) -> Tensor:
    """The same statistics for infinitely many draws."""
    dim = means.shape[1]
    if what == "shape":
        return torch.zeros(n, dim)
    if what == "share":
        return weights
    if what == "middle":
        return means
    return torch.tensor([sigma] * dim + [sigma * dim**0.5]).expand(len(means), -1)


def check_linear_elbo(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 07: the ELBO of q = N(μ, diag s²) where x | z ~ N(Wz + b, σ²I), exactly.

    x (B, D), w (D, K), b (D,), sigma, mu (B, K), logvar (B, K) -> (B,)
    """
    x = torch.tensor([[1.5, 0.2, -1.0], [0.0, 0.4, 2.0]])
    w = torch.tensor([[1.0, 0.5], [0.5, -1.0], [2.0, 0.3]])
    zero, b = torch.zeros(3), torch.tensor([0.5, -1.0, 0.2])
    mu, logvar = torch.tensor([[0.3, -0.7], [1.0, 0.1]]), torch.tensor([[-2.0, 0.5]] * 2)
    center, covariance = linear_gaussian.linear_posterior(x, w[:, :1], b, 0.6)
    width = covariance.log().expand(2, 1)
    return compare(
        answer,
        linear_gaussian.linear_elbo,
        {
            "q is the prior, σ = 1, b = 0": (x, w, zero, 1.0, 0 * mu, 0 * mu),
            "q is the true posterior, K = 1": (x, w[:, :1], b, 0.6, center, width),
            "any q, σ = 1": (x, w, zero, 1.0, mu, logvar),
            "any q, a narrow σ, b not 0": (x, w, b, 0.3, mu, logvar),
            "one image": (x[:1], w, b, 2.0, mu[:1], logvar[:1]),
        },
    )


def check_importance_bound(answer: Callable[[Tensor], Tensor]) -> Verdict:
    """Notebook 07: log (1/L) Σₗ wₗ from log wₗ = log p(x, zₗ) − log q(zₗ|x).  (L, B) -> (B,)"""
    log_weights = torch.tensor([[0.0, -1.0, 2.0], [1.0, -1.0, -3.0], [-2.0, 0.5, 0.0]])
    return compare(
        answer,
        lambda log_weights: log_weights.logsumexp(0) - math.log(len(log_weights)),
        {
            "one draw, so the bound is its log weight": (log_weights[:1],),
            "all draws weigh the same": (log_weights[:1].expand(5, 3),),
            "three draws for each of three images": (log_weights,),
            "two draws for each of three images": (log_weights[:2],),
            "pictures: weights of e⁻²⁰⁰, too small for exp": (log_weights - 200,),
        },
    )


def check_nearest_code(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 09: the number of the nearest codebook vector.  (N, D), (K, D) -> (N,)"""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(7, 3, generator=generator)
    codebook = torch.randn(5, 3, generator=generator)
    line = torch.tensor([[0.0], [1.0], [5.0]])
    return compare(
        answer,
        vq_vae.nearest_code,
        {
            "three codes on a line": (torch.tensor([[0.4], [0.6], [2.9], [9.0]]), line),
            "codes of different lengths": (z, codebook * torch.arange(1.0, 6.0)[:, None]),
            "as many encodings as codes": (z[:5], codebook),
            "one encoding": (z[:1], codebook),
            "each code is nearest to itself": (codebook, codebook),
        },
    )


def check_perplexity(answer: Callable[[Tensor], Tensor]) -> Verdict:
    """Notebook 09: exp(−Σₖ pₖ log pₖ), with 0 log 0 = 0.  (K,) -> ()"""
    return compare(
        answer,
        lambda share: torch.special.entr(share).sum().exp(),
        {
            "four codes, used alike": (torch.full((4,), 0.25),),
            "two codes, one of them more often": (torch.tensor([0.9, 0.1]),),
            "three codes": (torch.tensor([0.5, 0.3, 0.2]),),
            "some are never used": (torch.tensor([0.5, 0.0, 0.5, 0.0]),),
            "one takes all": (torch.tensor([0.0, 1.0, 0.0]),),
        },
    )


def check_straight_through(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 09: the value of e with the gradient of z.  (B, D), (B, D) -> (B, D)

    What is compared: the value, and the gradients in z and e of a weighted sum of it.
    """

    def value_and_gradients(
        through: Callable[[Tensor, Tensor], Tensor],
    ) -> Callable[..., Tensor]:
        def run(z: Tensor, e: Tensor) -> Tensor:
            z, e = z.requires_grad_(), e.requires_grad_()
            value = through(z, e)
            weight = torch.arange(1.0, 1 + value.numel()).view_as(value)
            gradients = torch.autograd.grad(
                (weight * value).sum(), (z, e), allow_unused=True, materialize_grads=True
            )
            return torch.stack([value.detach(), *gradients])

        return run

    z, e = torch.tensor([[0.2, -1.4], [3.0, 0.6]]), torch.tensor([[0.0, -1.0], [3.0, 1.0]])
    return compare(
        value_and_gradients(answer),
        value_and_gradients(objectives.straight_through),
        {
            "value, gradient in z, gradient in e": (z, e),
            "nothing to round": (e, e.clone()),
            "one number": (z[:1, :1], e[:1, :1]),
        },
    )


def check_diffuse(answer: Callable[[Tensor, Tensor, list[float]], Tensor]) -> Verdict:
    """Notebook 10: √ᾱ x + √(1 − ᾱ) ε with ᾱ = ∏ αₛ, all steps at once.  -> (B, D)"""
    generator = torch.Generator().manual_seed(0)
    x, eps = torch.randn(2, 3, 4, generator=generator)
    return compare(
        answer,
        lambda x, eps, alpha: objectives.diffuse(x, eps, torch.tensor(math.prod(alpha))),
        {
            "one step": (x, eps, [0.7]),
            "two equal steps": (x, eps, [0.9, 0.9]),
            "three different steps": (x, eps, [0.99, 0.8, 0.4]),
            "a step without noise": (x, eps, [1.0]),
            "nothing is left of x": (x, eps, [0.5, 0.0]),
        },
    )


def check_discriminator_loss(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 10: −E log D(real) − E log(1 − D(fake)), from logits.  (B,), (B,) -> ()"""
    return compare(
        answer,
        lambda real, fake: objectives.discriminator_loss(lambda d: d, real, fake),
        {
            "it cannot tell: 2 log 2": (torch.zeros(3), torch.zeros(3)),
            "it knows a little": (torch.tensor([1.0, 0.5]), torch.tensor([-1.0, 0.3])),
            "it is wrong about both": (torch.tensor([-2.0]), torch.tensor([3.0])),
            "batches of different sizes": (torch.tensor([1.0, 2, 3]), torch.tensor([-1.0])),
            "very sure, and right": (torch.tensor([100.0]), torch.tensor([-100.0])),
            "very sure, and wrong": (torch.tensor([-100.0]), torch.tensor([100.0])),
        },
    )
