"""Two estimators of the gradient of E[h(z)], for movable μ and σ and fixed or new ε."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor

from course_utils import plots
from course_utils.theory.gradient_estimators import (
    Function,
    reparameterized_gradients,
    score_function_gradients,
)
from course_utils.widgets._validation import index_below, one_of
from course_utils.widgets.core import BOTH_WAYS, with_core
from course_utils.widgets.picture import WithPicture, png

HALF_WIDTH = 5.0  # the axis shows [−a, a]
LIMITS = {  # lowest and highest value
    "mu": [-HALF_WIDTH / 2, HALF_WIDTH / 2],
    "sigma": [HALF_WIDTH / 30, HALF_WIDTH / 3],
}
SETS = 400  # of ε; each gives one estimate
DRAWS = (1, 4, 16)  # numbers of ε that an estimate averages
TAIL = 6  # standard deviations; the mass beyond is below 1e-8


class Reparameterization(WithPicture):
    """Draws z = μ + σε, their estimates of the gradient of E[h(z)] by μ and σ, and 400
    estimates by each estimator as clouds.

        Reparameterization(lambda z: z.square() + z.sin(), mu=0.5, sigma=1.0)

    h          a smooth function of one number, (n,) -> (n,), of torch operations, for all
               z that μ and σ allow: three times the range of the axis.
    mu, sigma  initial q = N(μ, σ²): μ within ±2.5, σ from 1/6 to 5/3

    The axis shows [−5, 5]. The browser gets h and its slope on a fine lattice and
    interpolates by cubics. The 400 sets of 16 standard normal ε are always the same.

    Traits shared with the view: ``mu``; ``sigma``; ``draws``, how many ε one estimate
    averages, 1, 4 or 16; ``number`` of the set of ε; and ``keep``: whether the set stays
    while μ and σ move, or another one comes each time.
    Properties: ``eps`` of the present set; the ``gradient`` by (μ, σ), and its estimates
    ``reparameterized`` and ``score_function`` from these ε.
    TypeError or ValueError for an h that cannot be drawn; TraitError for a mu
    or sigma out of range.
    Source: lecture, "Reparameterization trick"; Kingma and Welling (2014), Williams (1992).
    """

    _esm = with_core("reparameterization.js")
    _css = with_core("reparameterization.css")

    half_width = traitlets.Float(HALF_WIDTH).tag(sync=True)
    limits = traitlets.Dict(default_value=LIMITS).tag(sync=True)
    reach = traitlets.Float().tag(sync=True)  # the lattice covers [−reach, reach]
    heights = traitlets.Bytes().tag(sync=True)  # float64, h on the lattice
    slopes = traitlets.Bytes().tag(sync=True)  # float64, h′ on the lattice
    noise = traitlets.Bytes().tag(sync=True)  # float32 (SETS, 16)
    choices = traitlets.List(traitlets.Int(), list(DRAWS)).tag(sync=True)
    mu = traitlets.Float(0.0).tag(**BOTH_WAYS)
    sigma = traitlets.Float(1.0).tag(**BOTH_WAYS)
    draws = traitlets.Int(4).tag(**BOTH_WAYS)
    number = traitlets.Int(0).tag(**BOTH_WAYS)
    keep = traitlets.Bool(True).tag(**BOTH_WAYS)

    def __init__(self, h: Function, *, mu: float = 0.0, sigma: float = 1.0) -> None:
        generator = torch.Generator().manual_seed(0)
        self._h = h
        self._noise = torch.randn(SETS, max(DRAWS), generator=generator)
        farthest = max(TAIL, self._noise.abs().max().item())
        reach = LIMITS["mu"][1] + farthest * LIMITS["sigma"][1]
        heights, slopes = _on_lattice(h, reach, spacing=HALF_WIDTH / 150)
        super().__init__(
            reach=reach,
            heights=heights.numpy().astype("<f8").tobytes(),
            slopes=slopes.numpy().astype("<f8").tobytes(),
            noise=self._noise.numpy().astype("<f4").tobytes(),
            mu=float(mu),
            sigma=float(sigma),
        )

    @property
    def eps(self) -> Tensor:
        """The ε that are averaged now.  (draws,)"""
        return self._noise[self.number, : self.draws].double()

    @property
    def gradient(self) -> tuple[float, float]:
        """∂/∂μ and ∂/∂σ of E[h(z)], summed over a lattice instead of draws."""
        eps = torch.linspace(-TAIL, TAIL, 2001, dtype=torch.float64)
        shares = (-0.5 * eps.square()).softmax(0)
        exact = reparameterized_gradients(self._h, self.mu, self.sigma, eps)
        return _pair(shares @ exact)

    @property
    def reparameterized(self) -> tuple[float, float]:
        return _pair(self._estimates(reparameterized_gradients)[self.number])

    @property
    def score_function(self) -> tuple[float, float]:
        return _pair(self._estimates(score_function_gradients)[self.number])

    def _estimates(self, estimator: Callable) -> Tensor:
        """One from each set of ε.  -> (SETS, 2)"""
        eps = self._noise[:, : self.draws].double()
        single = estimator(self._h, self.mu, self.sigma, eps.flatten())
        return single.detach().view(*eps.shape, 2).mean(1)

    @traitlets.validate("mu", "sigma")
    def _on_the_axis(self, proposal: dict) -> float:
        name, value = proposal["trait"].name, proposal["value"]
        low, high = LIMITS[name]
        if not low <= value <= high:  # "not" also refuses NaN
            raise traitlets.TraitError(
                f"{name} must be from {low:.3g} to {high:.3g}, so that draws stay on the "
                f"axis, not {value:g}."
            )
        return value

    @traitlets.validate("draws")
    def _one_of_the_choices(self, proposal: dict) -> int:
        return one_of(DRAWS, proposal)

    @traitlets.validate("number")
    def _one_of_the_sets(self, proposal: dict) -> int:
        return index_below(SETS, proposal)

    def picture(self) -> bytes:
        """The current draws on h, and the two clouds."""
        z = torch.linspace(-HALF_WIDTH, HALF_WIDTH, 401, dtype=torch.float64)
        clouds = {
            "score function": self._estimates(score_function_gradients),
            "reparameterized": self._estimates(reparameterized_gradients),
        }
        q = self.mu, self.sigma
        figure = _draw(z, self._h(z), *q, self.eps, clouds, self.gradient)
        return png(figure, colors=256)

    def __repr__(self) -> str:
        a = f"{HALF_WIDTH:g}"
        return f"Reparameterization(h on [−{a}, {a}], {SETS} sets of ε)"


def _draw(
    z: ArrayLike,
    heights: ArrayLike,
    mu: float,
    sigma: float,
    eps: ArrayLike,
    clouds: Mapping[str, ArrayLike],
    exact: tuple[float, float],
) -> Figure:
    """h with q and its draws; beside it the clouds, about 90 % within the axes."""
    title = "One gradient, estimated in two ways from the same draws"
    z, h, eps = map(plots.as_array, (z, heights, eps))
    h = h - h.min()
    figure, [left, right] = plots.new_figure((9.4, 4.5), 1, 2, title)
    density, at = np.exp(-0.5 * ((z - mu) / sigma) ** 2), mu + sigma * eps
    left.fill_between(z, 0.4 * density * h.max(), color="#dddddd", label="q(z)")
    left.plot(z, h, color="black", label="h(z)")
    left.plot(at, np.interp(at, z, h), "o", label="z = μ + σε")
    left.set(xlabel="$z$", yticks=[], xlim=(z[0], z[-1]))
    left.legend(frameon=False, loc="upper center")
    arrays = {name: plots.as_array(points) for name, points in clouds.items()}
    for color, (name, points) in zip(("#e8710a", "#1976d2"), arrays.items()):
        right.scatter(points[:, 0], points[:, 1], 7, color, linewidths=0, label=name)
    right.plot(*exact, "P", color="black", ms=9, label="exact")
    far = max(np.quantile(np.abs(points), 0.95) for points in arrays.values())
    edge = max(far, 1.2 * np.abs(exact).max())
    right.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal")
    right.set(xlabel=r"by $\mu$", ylabel=r"by $\sigma$")
    right.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _pair(values: Tensor) -> tuple[float, float]:
    first, second = values.tolist()
    return first, second


# --- data for the browser -------------------------------------------------------------


def _on_lattice(h: Function, reach: float, spacing: float) -> tuple[Tensor, Tensor]:
    """h and h′ on a lattice over [−reach, reach]; ValueError if cubics do not fit h."""
    if not callable(h):
        raise TypeError(
            f"h must be a function of z, such as lambda z: z.square(), not "
            f"{type(h).__name__}."
        )
    n = 2 * math.ceil(reach / spacing) + 1
    z = torch.linspace(-reach, reach, 2 * n - 1, dtype=torch.float64)
    heights, slopes = _heights_and_slopes(h, z)
    if not (heights.isfinite() & slopes.isfinite()).all():
        raise ValueError(
            f"h and its slope must be finite for all draws, on [−{reach:.3g}, {reach:.3g}]."
        )
    even, odd = heights[::2], heights[1::2]
    step = z[2] - z[0]
    cubic = (even[:-1] + even[1:]) / 2 + step / 8 * (slopes[:-2:2] - slopes[2::2])
    visible = z.abs() < reach / 3
    if (cubic - odd).abs().max() > 1e-3 * np.ptp(heights[visible].numpy()):
        raise ValueError(
            "h jumps or bends too sharply for the axis: the slope shows how E[h] changes "
            "only for a smooth h."
        )
    return even, slopes[::2]


def _heights_and_slopes(h: Function, z: Tensor) -> tuple[Tensor, Tensor]:
    z = z.requires_grad_()
    heights = h(z)
    if not isinstance(heights, Tensor) or heights.shape != z.shape:
        shape = getattr(heights, "shape", type(heights).__name__)
        raise ValueError(
            f"h must return one number for each z: (n,) -> (n,), not {tuple(z.shape)} -> "
            f"{tuple(shape) if isinstance(shape, torch.Size) else shape}."
        )
    if not heights.requires_grad:
        raise ValueError(
            "h has no gradient by z: use torch operations on z, no .detach() and no numpy."
        )
    (slopes,) = torch.autograd.grad(heights.sum(), z)
    return heights.detach().double(), slopes.double()
