"""Checks of notebook 04, the denoising autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from course_utils import objectives
from course_utils.exercises._wrappers import (
    identity,
    loss_and_gradients,
    loss_mistakes,
    mean_square,
    no_noise,
)
from course_utils.exercises.grading import (
    CheckResult,
    Function,
    Mistakes,
    compare,
    compare_value,
)
from course_utils.objectives import Encoder


def _dae_loss(f, g, x, sigma, *, draw=torch.randn_like, error=mean_square):
    return error(x - g(f(x + sigma * draw(x))))


def _with_noise(draw):
    return partial(_dae_loss, draw=draw)


def _two_noises(f, g, x, sigma):
    target, x = (objectives.add_noise(x, sigma) for _ in range(2))
    return mean_square(target - g(f(x)))


_DAE_LOSS_MISTAKES: Mistakes = loss_mistakes(_dae_loss) | {
    "the target. Compare with the clean x, not with the noisy one.": (
        lambda f, g, x, sigma: _dae_loss(f, g, objectives.add_noise(x, sigma), 0.0)
    ),
    "the noise belongs on the input, not on the target or the reconstruction.": (
        lambda f, g, x, sigma: mean_square(objectives.add_noise(x, sigma) - g(f(x)))
    ),
    "the target has noise as well; it has to be the clean x.": _two_noises,
    "the noise belongs on the image, not on the code.": (
        lambda f, g, x, sigma: objectives.pae_loss(f, g, x, sigma=sigma)["loss"]
    ),
    "sigma is a standard deviation, and no root of it is needed.": (
        lambda f, g, x, sigma: _dae_loss(f, g, x, sigma**0.5)
    ),
    "sigma is a standard deviation: multiply by it, not by its square.": (
        lambda f, g, x, sigma: _dae_loss(f, g, x, sigma**2)
    ),
    "sigma is missing in front of the noise.": (
        lambda f, g, x, sigma: _dae_loss(f, g, x, 1.0)
    ),
    "randn draws from the normal distribution, rand from the uniform one.": (
        _with_noise(torch.rand_like)
    ),
    "one ε for all. Every pixel of every image has noise of its own.": (
        _with_noise(lambda x: torch.randn(()))
    ),
    "one ε for all images. Every image has noise of its own.": (
        _with_noise(lambda x: torch.randn_like(x[0]))
    ),
    "one ε for all pixels of an image. Every pixel has noise of its own.": (
        _with_noise(lambda x: torch.randn(len(x), 1))
    ),
    "the noise has mean 0.": _with_noise(lambda x: torch.randn_like(x) + 1),
    "the noise is added to the image; it does not replace it.": (
        lambda f, g, x, sigma: mean_square(x - g(f(sigma * torch.randn_like(x))))
    ),
    "the noise is added to the image; it does not multiply it.": (
        lambda f, g, x, sigma: mean_square(x - g(f(x * (1 + sigma * torch.randn_like(x)))))
    ),
    "the noise is missing.": _with_noise(no_noise),
    "return the loss only, not a dictionary of all terms.": (
        lambda f, g, x, sigma: objectives.dae_loss(f, g, x, sigma=sigma)
    ),
}


def check_dae_loss(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 04: E ‖x − g(f(x + ε))‖², ε ~ N(0, σ²I), and its gradients.

    (f, g, x, sigma) -> (). The noise may be drawn in any way, so the samples are large:
    with 100,000 numbers a mean square has a standard deviation of 0.5 percent, the
    difference of two 0.7.
    """
    x = torch.linspace(-1, 1, 100_000).reshape(20_000, 5)
    copy = identity, identity
    partly = lambda x: 2 * x[:, :3], lambda z: torch.cat([z.relu(), z[:, :2] / 2], dim=1)
    # With a code of three numbers, noise on it differs from noise on the image.
    three = lambda x: 2 * x[:, :3], lambda z: torch.cat([z / 2, x[:, 3:]], dim=1)
    # Sums of neighbors show whether they share their noise.
    sums = lambda x: x[:, 1:] + x[:, :-1], lambda z: torch.cat([z, z[:, :1]], dim=1)
    cases = {
        "σ = 0 leaves the plain autoencoder": ("value", *partly, x, 0.0),
        "a perfect denoiser, so the loss is 0": ("value", identity, lambda z: x, x, 1.0),
        "f and g copy, so only the noise is left, Dσ²": ("value", *copy, x, 0.5),
        "f keeps three numbers, and g adds what they had": ("value", *three, x, 0.5),
        "f adds up neighbors": ("value", *sums, x, 0.5),
        "f and g that copy in part": ("value", *partly, x, 0.5),
        "σ = 2": ("value", *partly, x, 2.0),
        "the gradient that reaches the encoder": ("f", *partly, x, 1.0),
        "the gradient that reaches the decoder": ("g", *partly, x, 1.0),
    }
    return compare(
        answer, _dae_loss, cases, _DAE_LOSS_MISTAKES, wrapper=loss_and_gradients, rtol=0.04
    )


def _score(r, x, sigma):
    return (r(x) - x) / sigma**2


_SCORE_FROM_DENOISER_MISTAKES: Mistakes = {
    "the sign. The score points towards the output of the denoiser.": lambda *a: (
        -_score(*a)
    ),
    "divide by the variance, not by the standard deviation.": (
        lambda r, x, sigma: _score(r, x, sigma) * sigma
    ),
    "the step has to be divided by the variance of the noise.": (
        lambda r, x, sigma: r(x) - x
    ),
    "divide by the variance; do not multiply.": (
        lambda r, x, sigma: _score(r, x, sigma) * sigma**4
    ),
    "what the denoiser adds is needed: subtract x.": (lambda r, x, sigma: r(x) / sigma**2),
    "there is no factor ½. It belongs to the Langevin step.": (lambda *a: _score(*a) / 2),
    "brackets. The whole difference has to be divided.": (
        lambda r, x, sigma: r(x) - x / sigma**2
    ),
    "a vector was asked for: all D numbers, not their length.": (
        lambda *a: _score(*a).norm(dim=1)
    ),
    "the length of the score counts as well; do not normalize it.": (
        lambda r, x, sigma: torch.nn.functional.normalize(r(x) - x, dim=1)
    ),
    "this is the output of the denoiser. What does it add to x?": lambda r, x, sigma: r(x),
    "the noise is in the points already; do not add more.": (
        lambda r, x, sigma: _score(r, objectives.add_noise(x, sigma), sigma)
    ),
}


def check_score_from_denoiser(
    answer: Callable[[Callable[[Tensor], Tensor], Tensor, float], Tensor],
) -> CheckResult:
    """Notebook 04: (r(x) − x) / σ² of a denoiser r.  (r, x, sigma) -> (B, D)"""
    x = torch.tensor([[0.0, 0.5], [1.0, -2.0], [3.0, 4.0]])

    def gaussian(sigma: float) -> Callable[[Tensor], Tensor]:
        """The best denoiser for data from N(0, I) shrinks x."""
        return lambda x: x / (1 + sigma**2)

    cases = {
        "r copies, so no direction is better than another": (identity, x, 0.5),
        "data from N(0, I), σ = 1": (gaussian(1.0), x, 1.0),
        "data from N(0, I), σ = 0.5": (gaussian(0.5), x, 0.5),
        "all data in one place, σ = 2": (torch.ones_like, x, 2.0),
    }
    return compare(answer, _score, cases, _SCORE_FROM_DENOISER_MISTAKES)


def check_summit(answer: float | None) -> CheckResult:
    """Notebook 04: the σ at which the middle of the ring becomes a maximum of p_σ.

    The curvature at the middle changes its sign where s² + σ² = radius² / 2, here
    0.2² + σ² = 2² / 2.
    """
    return compare_value(
        answer,
        1.4,
        {
            "this is the width of the smoothed clusters, which includes their own s.": (
                2**0.5
            ),
            "this is the variance of the noise; σ is its root.": 1.96,
            "this is the value for two clusters. A ring has more.": 2.0,
            "the widths do not add up; their squares do.": 2**0.5 - 0.2,
            "the variances of clusters and noise add up: σ is less than the sum.": (
                2.04**0.5
            ),
            "at this σ the arrows in the middle still point outward.": 0.8,
            "at this σ the middle is a maximum, but a smaller σ is enough.": 1.6,
        },
        rtol=0.005,
    )


def _step(score, x, h, *, drift=0.5, width=lambda h: h**0.5, draw=torch.randn_like):
    return x + drift * h * score(x) + width(h) * draw(x)


_LANGEVIN_STEP_MISTAKES: Mistakes = {
    "the noise. Every particle needs its own, not one for all.": (
        partial(_step, draw=lambda x: torch.randn(x.shape[1]))
    ),
    "the noise. Every coordinate of a particle needs its own.": (
        partial(_step, draw=lambda x: torch.randn(len(x), 1))
    ),
    "the noise. It is one number for all particles and coordinates.": (
        partial(_step, draw=lambda x: torch.randn(()))
    ),
    "the noise. Its width is the root of h, not h.": partial(_step, width=lambda h: h),
    "the noise. Its width √h is missing.": partial(_step, width=lambda h: 1.0),
    "the noise. If the score has a factor ½, the width has no factor 2.": (
        partial(_step, width=lambda h: (2 * h) ** 0.5)
    ),
    "the noise is missing.": partial(_step, draw=no_noise),
    "the noise is normal; rand is uniform.": partial(_step, draw=torch.rand_like),
    "the sign. The step follows the score, towards higher density.": partial(
        _step, drift=-0.5
    ),
    "the factor ½ in front of the score is missing.": partial(_step, drift=1.0),
    "the score is missing.": partial(_step, drift=0.0),
    "a step starts at x: x has to be added.": lambda score, x, h: _step(score, x, h) - x,
}


def check_langevin_step(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 04: x + (h/2) score(x) + √h ξ, ξ ~ N(0, I).  (score, x, h) -> (B, D)

    Any way of drawing is right, so the sample is large: thirty thousand steps from one
    point, whose mean and spread (along the axes and the diagonals) are compared. Their
    sampling error is below a percent.
    """
    start = torch.tensor([3.0, -2.0]).expand(30_000, 2).clone()

    def score(x: Tensor) -> Tensor:
        return 10 - 2 * x

    cases = {
        "five points": ("shape", score, start[:5], 0.5),
        "h is almost 0, so nothing moves": ("mean", score, start, 1e-9),
        "the mean step": ("mean", score, start, 0.5),
        "the spread of the points after a step": ("spread", score, start, 0.5),
        "h = 0.04, the mean step": ("mean", score, start, 0.04),
        "h = 0.04, the spread": ("spread", score, start, 0.04),
    }
    wrapper = _statistics_of_steps
    return compare(
        answer, _step, cases, _LANGEVIN_STEP_MISTAKES, wrapper=wrapper, rtol=0.03
    )


def _statistics_of_steps(step: Function) -> Function:
    """(what, score, x, h): shape of a step, or its mean or spread over equal particles."""

    def wrapped(what: str, score: Encoder, x: Tensor, h: float) -> Any:
        after = step(score, x, h)
        if what == "shape" or not isinstance(after, Tensor) or after.shape != x.shape:
            return 0 * after if isinstance(after, Tensor) else after
        after = after.to(x)
        if what == "mean":
            return after.mean(0)
        along = [after, after.sum(1, keepdim=True), after[:, :1] - after[:, 1:]]
        return torch.cat(along, dim=1).std(0)

    return wrapped
