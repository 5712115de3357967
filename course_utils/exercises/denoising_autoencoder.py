"""Checks of notebook 04, the denoising autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from course_utils import objectives
from course_utils.exercises._wrappers import (
    identity,
    loss_and_gradients,
    loss_mistakes,
    mean_square,
    noise_mistakes,
    only_shape,
    over_copies,
    sigma_mistakes,
    variants,
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


def _two_noises(f, g, x, sigma):
    target, x = (objectives.add_noise(x, sigma) for _ in range(2))
    return mean_square(target - g(f(x)))


def _predicted_noise(f, g, x, sigma, *, scale=1.0):
    eps = torch.randn_like(x)
    return mean_square(scale * eps - g(f(x + sigma * eps)))


_DAE_LOSS_MISTAKES: Mistakes = {
    **loss_mistakes(_dae_loss),
    **noise_mistakes(_dae_loss, "image", "pixel"),
    **sigma_mistakes(_dae_loss),
    "the target. Compare with the clean x, not with the noisy one.": (
        lambda f, g, x, sigma: _dae_loss(f, g, objectives.add_noise(x, sigma), 0.0)
    ),
    "the noise belongs on the input, not on the target or the reconstruction.": (
        lambda f, g, x, sigma: mean_square(objectives.add_noise(x, sigma) - g(f(x)))
    ),
    "the target has noise as well; it has to be the clean x.": _two_noises,
    "the target is the clean image, not the noise.": _predicted_noise,
    "the target is the clean image, not the noise σε.": (
        lambda f, g, x, sigma: _predicted_noise(f, g, x, sigma, scale=sigma)
    ),
    "do not clamp the noisy image: the noise has no bounds.": (
        lambda f, g, x, sigma: mean_square(
            x - g(f(objectives.add_noise(x, sigma).clamp(0, 1)))
        )
    ),
    "the noise belongs on the image, not on the code.": (
        lambda f, g, x, sigma: objectives.pae_loss(f, g, x, sigma=sigma)["loss"]
    ),
    "the noise is added to the image; it does not replace it.": (
        lambda f, g, x, sigma: mean_square(x - g(f(sigma * torch.randn_like(x))))
    ),
    "the noise is added to the image; it does not multiply it.": (
        lambda f, g, x, sigma: mean_square(x - g(f(x * (1 + sigma * torch.randn_like(x)))))
    ),
}


def check_dae_loss(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 04: E ‖x − g(f(x + ε))‖², ε ~ N(0, σ²I), and its gradients.

    (f, g, x, sigma) -> (). The noise may be drawn in any way, image by image as well, so
    the samples are large: with 100,000 numbers a mean square has a standard deviation of
    0.5 percent, the difference of two 0.7. f and g also take a single image (D,).
    """
    x = torch.sin(1.7 * torch.arange(100_000.0)).reshape(4000, 25)
    one = x[7]  # all images alike, so a decoder may know the answer
    partly = (
        lambda x: 2 * x[..., :15],
        lambda z: torch.cat([z.relu(), z[..., :10] / 2], dim=-1),
    )
    # With a code of 15 numbers, noise on it differs from noise on the image.
    fewer = lambda x: 2 * x[..., :15], lambda z: pad(z / 2, (0, 10))
    # Sums of neighbors show whether they share their noise.
    sums = lambda x: x[..., 1:] + x[..., :-1], lambda z: pad(z, (0, 1))
    cases = {
        "σ is almost 0, which leaves the plain autoencoder": ("value", *partly, x, 1e-6),
        "a perfect denoiser, so the loss is 0": (
            "value", identity, lambda z: 0 * z + one, one.expand(4000, 25), 0.7,
        ),
        "f and g copy, so only the noise is left, Dσ²": (
            "value", identity, identity, x[:, :10], 0.5,
        ),
        "f squares, which shows whether the noise is normal": (
            "value", torch.square, identity, x, 0.6,
        ),
        "f keeps 15 numbers, and g fills up with zeros": ("value", *fewer, x, 0.5),
        "f adds up neighbors": ("value", *sums, x[:3000], 0.5),
        "f and g that copy in part": ("value", *partly, x, 0.5),
        "σ = 2": ("value", *partly, x, 2.0),
        "the gradient that reaches the encoder": (0, *partly, x, 1.3),
        "the gradient that reaches the decoder": (1, *partly, x, 1.3),
    }  # fmt: skip
    return compare(
        answer, _dae_loss, cases, _DAE_LOSS_MISTAKES, wrapper=loss_and_gradients, rtol=0.04
    )


def best_denoiser(score: Encoder, x: Tensor, sigma: float) -> Tensor:
    """E[x | x̃] = x̃ + σ² ∇ log p_σ(x̃): the best denoiser of a known density.

    score: (B, D) -> (B, D), of the noisy data. (B, D) -> (B, D).
    Source: Robbins (1956), Tweedie's formula; Miyasawa (1961).
    """
    return x + sigma**2 * score(x)


_BEST_DENOISER_MISTAKES: Mistakes = {
    "the sign. The denoiser moves a point along the score, not against it.": (
        lambda score, x, sigma: x - sigma**2 * score(x)
    ),
    "multiply by the variance, not by the standard deviation.": (
        lambda score, x, sigma: x + sigma * score(x)
    ),
    "the score has to be multiplied by the variance of the noise.": (
        lambda score, x, sigma: x + score(x)
    ),
    "multiply by the variance; do not divide.": (
        lambda score, x, sigma: x + score(x) / sigma**2
    ),
    "this is what the denoiser adds to x. Add it.": (
        lambda score, x, sigma: sigma**2 * score(x)
    ),
    "this is the score itself, not the denoiser.": lambda score, x, sigma: score(x),
    "there is no factor ½. It belongs to Langevin dynamics.": (
        lambda score, x, sigma: x + sigma**2 / 2 * score(x)
    ),
    "brackets. The variance belongs to the score only.": (
        lambda score, x, sigma: sigma**2 * (x + score(x))
    ),
    "the formula is used as if score were the denoiser. Solve it for r.": (
        lambda score, x, sigma: (score(x) - x) / sigma**2
    ),
    "the length of the score counts as well; do not normalize it.": (
        lambda score, x, sigma: x + sigma**2 * torch.nn.functional.normalize(score(x))
    ),
    "the noise is in the points already; do not add more.": (
        lambda score, x, sigma: best_denoiser(score, objectives.add_noise(x, sigma), sigma)
    ),
}


def check_best_denoiser(
    answer: Callable[[Encoder, Tensor, float], Tensor],
) -> CheckResult:
    """Notebook 04: x + σ² ∇ log p_σ(x).  (score, x, sigma) -> (B, D)"""
    x = torch.tensor([[0.3, -1.2, 0.8], [1.7, 0.4, -2.1], [-0.6, 2.3, 0.9]])
    center = torch.tensor([0.5, -0.2, 1.1])

    def gaussian(width: float) -> Encoder:
        """The score of N(center, width² I)."""
        return lambda x: (center - x) / width**2

    cases = {
        "noisy data from N(m, 1.3² I), σ = 0.5": (gaussian(1.3), x, 0.5),
        "noisy data from N(m, 2.5² I), σ = 2.1": (gaussian(2.5), x, 2.1),
        "all clean data in one place, σ = 0.7": (gaussian(0.7), x, 0.7),
        "a score that is no straight line, σ = 1.4": (lambda x: -x.tanh(), x[:2, :2], 1.4),
    }
    return compare(answer, best_denoiser, cases, _BEST_DENOISER_MISTAKES)


def check_closing_sigma(answer: float | None) -> CheckResult:
    """Notebook 04: the σ at which the middle of the ring becomes a maximum of p_σ.

    The curvature at the middle changes its sign where s² + σ² = radius² / 2, here
    0.6² + σ² = 2² / 2. The tolerance of one percent holds 1.27 to 1.29.
    """
    return compare_value(
        answer,
        (2**2 / 2 - 0.6**2) ** 0.5,
        {
            "this is the width of the smoothed clusters, which includes their own s.": (
                2**0.5
            ),
            "this is the variance of the noise; σ is its root.": 1.64,
            "this is the value for two clusters. A ring has more.": 3.64**0.5,
            "the widths do not add up; their squares do.": 2**0.5 - 0.6,
            "the variances of clusters and noise add up: σ is less than the sum.": (
                2.36**0.5
            ),
            "this is for clusters of width 0.2. Here s is 0.6.": 1.4,
            "half a unit from the middle is too far; take 1/100.": 1.256,
            "a whole unit from the middle is too far; take 1/100.": 1.169,
        },
        rtol=0.01,
    )


def langevin_step(score, x, h, *, drift=0.5, width=lambda h: h**0.5, draw=torch.randn_like):
    """x + (h/2) score(x) + √h ξ, ξ ~ N(0, I).  (B, D) -> (B, D)

    The keywords change the factor of the score and the noise, for wrong answers.
    """
    return x + drift * h * score(x) + width(h) * draw(x)


_STEP_WIDTHS = {
    "the noise. Its width is the root of h, not h.": lambda h: h,
    "the noise. Its width √h is missing.": lambda h: 1.0,
    "the noise. If the score has a factor ½, the width has no factor 2.": (
        lambda h: (2 * h) ** 0.5
    ),
}
_DRIFTS = {
    "the sign. The step follows the score, towards higher density.": -0.5,
    "the factor ½ in front of the score is missing.": 1.0,
    "the score is missing.": 0.0,
}
_LANGEVIN_STEP_MISTAKES: Mistakes = {
    **noise_mistakes(langevin_step, "particle", "coordinate"),
    **variants(langevin_step, width=_STEP_WIDTHS, drift=_DRIFTS),
    "this is a step of length 2h: both h and the noise are too large.": partial(
        langevin_step, drift=1.0, width=lambda h: (2 * h) ** 0.5
    ),
    "a step starts at x: x has to be added.": lambda score, x, h: (
        langevin_step(score, x, h) - x
    ),
}


def check_langevin_step(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 04: x + (h/2) score(x) + √h ξ, ξ ~ N(0, I).  (score, x, h) -> (B, D)

    Any way of drawing is right, so the sample is large: 20,000 copies of each coordinate,
    whose means and spreads after a step are compared. Their sampling error is below a
    percent.
    """
    points = torch.tensor([[2.6, -1.7], [-1.4, -3.3], [-2.2, 1.9]])
    start = points.repeat(40, 500)

    def score(x: Tensor) -> Tensor:
        return -4 * (1.3 * x.flip(-1)).sin() - x

    cases = {
        "three points": ("shape", score, points, 0.5),
        "one point": ("shape", score, points[:1], 0.5),
        "h is almost 0, so nothing moves": ("mean", score, start, 1e-9),
        "the mean step": ("mean", score, start, 0.5),
        "the spread of the points after a step": ("spread", score, start, 0.5),
        "h = 0.04, the mean step": ("mean", score, start, 0.04),
        "h = 0.04, the spread": ("spread", score, start, 0.04),
    }
    wrapper = _statistics_of_steps
    return compare(
        answer, langevin_step, cases, _LANGEVIN_STEP_MISTAKES, wrapper=wrapper, rtol=0.03
    )


def _statistics_of_steps(step: Function) -> Function:
    """(what, score, x, h): shape of a step, or mean or spread of equal coordinates."""

    def wrapped(what: str, score: Encoder, x: Tensor, h: float) -> Any:
        after = step(score, x, h)
        if what == "shape" or not isinstance(after, Tensor) or after.shape != x.shape:
            return only_shape(after)
        return over_copies(what, after.to(x), x[:3, :2])

    return wrapped
