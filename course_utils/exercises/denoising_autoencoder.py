"""Checks of notebook 04, the denoising autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from course_utils import objectives
from course_utils.exercises._wrappers import (
    detached,
    identity,
    loss_and_slopes,
    losses_and_slopes,
    mean_square,
    no_noise,
)
from course_utils.exercises.grading import CheckResult, compare, compare_value
from course_utils.objectives import Encoder


def check_dae_loss(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 04: E ‖x − g(f(x + ε))‖², ε ~ N(0, σ²I), and gradients.  (f, g, x, sigma) -> ()

    The noise may be drawn in any way, so the samples are large: 200,000 numbers fix a mean
    square within 0.3 percent (one standard deviation), two of them within 0.5.
    """
    x = torch.linspace(-1, 1, 200_000).reshape(40_000, 5)

    def encode(x: Tensor) -> Tensor:
        return 2 * x[:, :3]

    def decode(z: Tensor) -> Tensor:
        return torch.cat([z.relu(), z[:, :2] / 2], dim=1)

    def dae(f, g, x, sigma, *, draw=torch.randn_like, error=mean_square):
        return error(x - g(f(x + sigma * draw(x))))

    def drawn(draw):
        return partial(dae, draw=draw)

    def noisy_target(f, g, x, sigma):
        return mean_square(objectives.add_noise(x, sigma) - g(f(x)))

    def two_noises(f, g, x, sigma):
        return mean_square(
            objectives.add_noise(x, sigma) - g(f(objectives.add_noise(x, sigma)))
        )

    return compare(
        loss_and_slopes(answer),
        loss_and_slopes(dae),
        {
            "σ = 0 leaves the plain autoencoder": ("value", encode, decode, x, 0.0),
            "a perfect denoiser, so the loss is 0": (
                "value",
                identity,
                lambda z: x,
                x,
                1.0,
            ),
            "f and g copy, so only the noise is left, Dσ²": (
                "value",
                identity,
                identity,
                x,
                0.5,
            ),
            # The code has three numbers, which tells noise on it from noise on the image.
            "f keeps three numbers, and g adds what they had": (
                "value",
                lambda x: 2 * x[:, :3],
                lambda z: torch.cat([z / 2, x[:, 3:]], dim=1),
                x,
                0.5,
            ),
            # Sums of neighbors tell whether they share their noise.
            "f adds up neighbors": (
                "value",
                lambda x: x[:, 1:] + x[:, :-1],
                lambda z: torch.cat([z, z[:, :1]], dim=1),
                x,
                0.5,
            ),
            "f and g that keep some of it": ("value", encode, decode, x, 0.5),
            "σ = 2": ("value", encode, decode, x, 2.0),
            "the gradient that reaches the encoder": ("f", encode, decode, x, 1.0),
            "the gradient that reaches the decoder": ("g", encode, decode, x, 1.0),
        },
        mistakes=losses_and_slopes(
            {
                "the target. Compare with the clean x, not with the noisy one.": (
                    lambda f, g, x, sigma: dae(f, g, objectives.add_noise(x, sigma), 0.0)
                ),
                "the noise belongs on the input, not on the target or the reconstruction.": (
                    noisy_target
                ),
                "the target has noise as well; it has to be the clean x.": two_noises,
                "the noise belongs on the image, not on the code.": (
                    lambda f, g, x, sigma: objectives.pae_loss(f, g, x, sigma=sigma)["loss"]
                ),
                "sigma is a standard deviation, and no root of it is needed.": (
                    lambda f, g, x, sigma: dae(f, g, x, sigma**0.5)
                ),
                "sigma is a standard deviation: multiply by it, not by its square.": (
                    lambda f, g, x, sigma: dae(f, g, x, sigma**2)
                ),
                "sigma is missing in front of the noise.": (
                    lambda f, g, x, sigma: dae(f, g, x, 1.0)
                ),
                "randn draws from the normal distribution, rand from the uniform one.": (
                    drawn(torch.rand_like)
                ),
                "one number for all is no noise: every pixel of every image has its own.": (
                    drawn(lambda x: torch.randn(()))
                ),
                "one ε for all images. Every image has noise of its own.": drawn(
                    lambda x: torch.randn_like(x[0])
                ),
                "one ε for all pixels of an image. Every pixel has noise of its own.": (
                    drawn(lambda x: torch.randn(len(x), 1))
                ),
                "the noise has mean 0.": drawn(lambda x: torch.randn_like(x) + 1),
                "the noise is added to the image; it does not replace it.": (
                    lambda f, g, x, sigma: mean_square(
                        x - g(f(sigma * torch.randn_like(x)))
                    )
                ),
                "the noise is added to the image; it does not multiply it.": (
                    lambda f, g, x, sigma: mean_square(
                        x - g(f(x * (1 + sigma * torch.randn_like(x))))
                    )
                ),
                "the noise is missing.": drawn(no_noise),
                "add up the pixels; their mean was not asked for.": partial(
                    dae, error=lambda d: d.square().mean()
                ),
                "take the mean over the batch, not the sum.": partial(
                    dae, error=lambda d: d.square().sum()
                ),
                "take the mean over the batch: one number is asked for.": partial(
                    dae, error=lambda d: d.square().sum(1)
                ),
                "the length of the difference has to be squared.": partial(
                    dae, error=lambda d: d.norm(dim=1).mean()
                ),
                "detach() keeps the gradient from the encoder.": (
                    lambda f, g, x, sigma: dae(detached(f), g, x, sigma)
                ),
                "detach() keeps the gradient from both networks.": (
                    lambda f, g, x, sigma: dae(f, detached(g), x, sigma)
                ),
                "return the loss alone; a dictionary holds all terms.": (
                    lambda f, g, x, sigma: objectives.dae_loss(f, g, x, sigma=sigma)
                ),
                "return a tensor. A Python number, as of item(), has no gradient.": (
                    lambda f, g, x, sigma: dae(f, g, x, sigma).item()
                ),
            }
        ),
        rtol=0.03,
    )


def check_score_from_denoiser(
    answer: Callable[[Callable[[Tensor], Tensor], Tensor, float], Tensor],
) -> CheckResult:
    """Notebook 04: (r(x) − x) / σ² of a denoiser r.  (r, x, sigma) -> (B, D)"""
    x = torch.tensor([[0.0, 0.5], [1.0, -2.0], [3.0, 4.0]])

    def gaussian(sigma: float) -> Callable[[Tensor], Tensor]:
        """The best denoiser of data from N(0, I): it shrinks."""
        return lambda x: x / (1 + sigma**2)

    def score(r: Callable[[Tensor], Tensor], x: Tensor, sigma: float) -> Tensor:
        return (r(x) - x) / sigma**2

    return compare(
        answer,
        score,
        {
            "r copies, so no direction is better than another": (identity, x, 0.5),
            "data from N(0, I), σ = 1": (gaussian(1.0), x, 1.0),
            "data from N(0, I), σ = 0.5": (gaussian(0.5), x, 0.5),
            "all data in one place, σ = 2": (lambda x: torch.ones_like(x), x, 2.0),
        },
        mistakes={
            "the sign. The score points to where the denoiser goes.": (
                lambda r, x, sigma: -score(r, x, sigma)
            ),
            "divide by the variance, not by the standard deviation.": (
                lambda r, x, sigma: score(r, x, sigma) * sigma
            ),
            "the step has to be divided by the variance of the noise.": (
                lambda r, x, sigma: r(x) - x
            ),
            "divide by the variance; do not multiply.": (
                lambda r, x, sigma: score(r, x, sigma) * sigma**4
            ),
            "what the denoiser adds was asked for: x has to be subtracted.": (
                lambda r, x, sigma: r(x) / sigma**2
            ),
            "there is no factor ½. It belongs to the step of the walk.": (
                lambda r, x, sigma: score(r, x, sigma) / 2
            ),
            "brackets. The whole difference has to be divided.": (
                lambda r, x, sigma: r(x) - x / sigma**2
            ),
            "a direction was asked for: all D numbers, not their length.": (
                lambda r, x, sigma: score(r, x, sigma).norm(dim=1)
            ),
            "the length of the score counts as well; do not normalize it.": (
                lambda r, x, sigma: torch.nn.functional.normalize(r(x) - x, dim=1)
            ),
            "this is the denoiser itself. Which way does it step?": (
                lambda r, x, sigma: r(x)
            ),
            "the noise is in the points already; do not add more.": (
                lambda r, x, sigma: score(r, objectives.add_noise(x, sigma), sigma)
            ),
        },
    )


def check_summit(answer: float | None) -> CheckResult:
    """Notebook 04: the σ at which the middle of the ring becomes a summit of p_σ.

    The curvature at the middle changes its sign where s² + σ² = radius² / 2, here
    0.2² + σ² = 2² / 2.
    """
    return compare_value(
        answer,
        1.4,
        {
            "this is the width of the smoothed clusters. Part of it is their own s.": 2
            ** 0.5,
            "this is the variance of the noise; σ is its root.": 1.96,
            "so it would be for two clusters alone. A ring has more of them.": 2.0,
            "the widths do not add up; their squares do.": 2**0.5 - 0.2,
            "the variances of clusters and noise add up: σ is less than the sum.": 2.04
            ** 0.5,
            "at this σ the arrows in the middle still point outward.": 0.8,
            "at this σ the middle is a summit already, but a smaller one will do.": 1.6,
        },
        rtol=0.005,
    )


def check_langevin_step(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 04: x + (h/2) score(x) + √h ξ, ξ ~ N(0, I).  (score, x, h) -> (B, D)

    Any way of drawing is right, so the sample is large: a hundred thousand steps from one
    place, whose mean and spread (along the axes and the diagonals) are compared. They move
    by less than a percent.
    """
    start = torch.tensor([3.0, -2.0]).expand(100_000, 2).clone()

    def step(score, x, h, *, drift=0.5, width=lambda h: h**0.5, draw=torch.randn_like):
        return x + drift * h * score(x) + width(h) * draw(x)

    def away(x: Tensor) -> Tensor:
        return 10 - 2 * x

    return compare(
        _statistics_of_steps(answer),
        _statistics_of_steps(step),
        {
            "five points": ("shape", away, start[:5], 0.5),
            "h is almost 0, so nothing moves": ("mean", away, start, 1e-9),
            "the mean step": ("mean", away, start, 0.5),
            "the spread of the points after a step": ("spread", away, start, 0.5),
            "h = 0.04, the mean step": ("mean", away, start, 0.04),
            "h = 0.04, the spread": ("spread", away, start, 0.04),
        },
        mistakes={
            hint: _statistics_of_steps(mistake)
            for hint, mistake in {
                "the shake. Do all particles get the same one?": partial(
                    step, draw=lambda x: torch.randn(x.shape[1])
                ),
                "the shake. Every coordinate of a particle has its own.": partial(
                    step, draw=lambda x: torch.randn(len(x), 1)
                ),
                "the shake. All particles and coordinates get the same one.": partial(
                    step, draw=lambda x: torch.randn(())
                ),
                "the shake. Its width is the root of h, not h.": partial(
                    step, width=lambda h: h
                ),
                "the shake. It has no width: h is missing.": partial(
                    step, width=lambda h: 1.0
                ),
                "the shake. A factor 2 is too much when the score has ½.": partial(
                    step, width=lambda h: (2 * h) ** 0.5
                ),
                "the shake is missing.": partial(step, draw=no_noise),
                "the shake is normal noise; rand is uniform.": partial(
                    step, draw=torch.rand_like
                ),
                "the sign. The walk goes uphill.": partial(step, drift=-0.5),
                "the factor ½ in front of the score is missing.": partial(step, drift=1.0),
                "the walk has lost its score.": partial(step, drift=0.0),
                "a step starts at x: x has to be added.": (
                    lambda score, x, h: step(score, x, h) - x
                ),
            }.items()
        },
        rtol=0.03,
    )


def _statistics_of_steps(step: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A random step, asked for its shape, or for mean or spread over equal particles."""

    def measure(what: str, score: Encoder, x: Tensor, h: float) -> Tensor:
        after = step(score, x, h)
        if what == "shape" or not isinstance(after, Tensor) or after.shape != x.shape:
            return 0 * after if isinstance(after, Tensor) else after
        after = after.to(x)
        if what == "mean":
            return after.mean(0)
        along = [after, after.sum(1, keepdim=True), after[:, :1] - after[:, 1:]]
        return torch.cat(along, dim=1).std(0)

    return measure
