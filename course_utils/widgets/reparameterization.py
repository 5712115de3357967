"""Move μ and σ, keep or redraw ε, and see two ways to differentiate E[h(z)]."""

from __future__ import annotations

import math

import anywidget
import numpy as np
import torch
import traitlets
from torch import Tensor

from course_utils import plots
from course_utils.theory.gradient_estimators import (
    Function,
    reparameterized_gradients,
    score_function_gradients,
)
from course_utils.widgets.core import BOTH_WAYS, with_core
from course_utils.widgets.picture import WithPicture, png

SETS = 400  # of ε, from which as many estimates follow
DRAWS = (1, 4, 16)  # ε of a set that are averaged
TAIL = 6  # standard deviations; what lies further out weighs less than 1e-8


class Reparameterization(WithPicture, anywidget.AnyWidget):
    """Draws z = μ + σε on the axis of z, what each says of the gradient of E[h(z)] by μ and
    σ, and beside them the clouds of 400 such estimates, by either road.

        Reparameterization(lambda z: z.square() + z.sin(), mu=0.5, sigma=1.0)

    h           a smooth function of one number, (n,) -> (n,), of torch operations, for all z
                that μ and σ can reach: three times as far as the axis shows.
    mu, sigma   where q = N(μ, σ²) starts
    draws       how many ε one estimate averages: 1, 4 or 16
    half_width  the axis shows [−a, a]; μ stays within ±a/2, σ from a/30 to a/3.

    The browser gets h and its slope on a fine lattice and goes between its points by cubics.
    The 400 sets of 16 standard normal ε are the same for everyone.

    Traits that live with the view: ``mu``, ``sigma``, ``draws``, ``number`` of the set of ε,
    and ``keep``: whether the set stays while μ and σ move, or another one comes each time.
    Properties: ``eps`` of the present set; the ``gradient`` by (μ, σ), and its estimates
    ``reparameterized`` and ``score_function`` from these ε.
    TypeError or ValueError, in words, for an h or a start that cannot be drawn.
    Source: lecture, "Reparameterization trick"; Kingma and Welling (2014), Williams (1992).
    """

    _esm = with_core("plane.js", "reparameterization.js")
    _css = with_core("reparameterization.css")

    half_width = traitlets.Float().tag(sync=True)
    limits = traitlets.Dict().tag(sync=True)  # name -> lowest and highest value
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

    def __init__(
        self,
        h: Function,
        *,
        mu: float = 0.0,
        sigma: float = 1.0,
        draws: int = 4,
        half_width: float = 5.0,
    ) -> None:
        a = float(half_width)
        if not 0 < a < math.inf:
            raise ValueError(f"half_width must be a positive number, not {half_width}.")
        limits = {"mu": [-a / 2, a / 2], "sigma": [a / 30, a / 3]}
        _check_start(mu, sigma, draws, limits)
        generator = torch.Generator().manual_seed(0)
        self._h = h
        self._noise = torch.randn(SETS, max(DRAWS), generator=generator)
        farthest = max(TAIL, self._noise.abs().max().item())
        reach = a / 2 + farthest * a / 3
        heights, slopes = _on_lattice(h, reach, spacing=a / 150)
        super().__init__(
            half_width=a,
            limits=limits,
            reach=reach,
            heights=heights.numpy().astype("<f8").tobytes(),
            slopes=slopes.numpy().astype("<f8").tobytes(),
            noise=self._noise.numpy().astype("<f4").tobytes(),
            mu=float(mu),
            sigma=float(sigma),
            draws=draws,
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
        return tuple((shares @ exact).tolist())

    @property
    def reparameterized(self) -> tuple[float, float]:
        return tuple(self._estimates(reparameterized_gradients)[self.number].tolist())

    @property
    def score_function(self) -> tuple[float, float]:
        return tuple(self._estimates(score_function_gradients)[self.number].tolist())

    def _estimates(self, road) -> Tensor:
        """One from each set of ε.  -> (SETS, 2)"""
        eps = self._noise[:, : self.draws].double()
        single = road(self._h, self.mu, self.sigma, eps.flatten())
        return single.detach().view(*eps.shape, 2).mean(1)

    @traitlets.validate("mu", "sigma")
    def _on_the_axis(self, proposal: dict) -> float:
        name = proposal["trait"].name
        return _checked(name, proposal["value"], self.limits[name], traitlets.TraitError)

    @traitlets.validate("draws")
    def _one_of_the_choices(self, proposal: dict) -> int:
        if proposal["value"] not in DRAWS:
            raise traitlets.TraitError(f"draws must be one of {DRAWS}.")
        return proposal["value"]

    @traitlets.validate("number")
    def _one_of_the_sets(self, proposal: dict) -> int:
        if not 0 <= proposal["value"] < SETS:
            raise traitlets.TraitError(f"number must be from 0 to {SETS - 1}.")
        return proposal["value"]

    def picture(self) -> bytes:
        """As it is now: h with the draws on it, and the two clouds."""
        z = torch.linspace(-self.half_width, self.half_width, 401, dtype=torch.float64)
        figure = plots.draws_and_gradients(
            z, self._h(z), mu=self.mu, sigma=self.sigma, eps=self.eps,
            estimates={
                "score function": self._estimates(score_function_gradients),
                "reparameterized": self._estimates(reparameterized_gradients),
            },
            exact=self.gradient,
            title="One gradient, estimated by two roads from the same draws",
        )  # fmt: skip
        return png(figure, colors=256)

    def __repr__(self) -> str:
        a = f"{self.half_width:g}"
        return f"Reparameterization(h on [−{a}, {a}], {SETS} sets of ε)"


# --- what the browser is sent ---------------------------------------------------------


def _on_lattice(h: Function, reach: float, spacing: float) -> tuple[Tensor, Tensor]:
    """h and h′ at equal steps over [−reach, reach], if cubics between them are h."""
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
            f"h and its slope must be finite wherever a draw may fall, on [−{reach:.3g}, "
            f"{reach:.3g}]."
        )
    even, odd = heights[::2], heights[1::2]
    step = z[2] - z[0]
    cubic = (even[:-1] + even[1:]) / 2 + step / 8 * (slopes[:-2:2] - slopes[2::2])
    seen = z.abs() < reach / 3
    if (cubic - odd).abs().max() > 1e-3 * np.ptp(heights[seen].numpy()):
        raise ValueError(
            "h jumps or bends too sharply for the axis: only a smooth h has a slope that "
            "tells how E[h] changes."
        )
    return even, slopes[::2]


def _heights_and_slopes(h: Function, z: Tensor) -> tuple[Tensor, Tensor]:
    z = z.requires_grad_()
    heights = h(z)
    if not isinstance(heights, Tensor) or heights.shape != z.shape:
        given = getattr(heights, "shape", type(heights).__name__)
        raise ValueError(
            f"h must give one number for each z: (n,) -> (n,), not {tuple(z.shape)} -> "
            f"{tuple(given) if isinstance(given, torch.Size) else given}."
        )
    if not heights.requires_grad:
        raise ValueError(
            "h has no slope by z: build it of torch operations on z, without .detach() and "
            "numpy."
        )
    (slopes,) = torch.autograd.grad(heights.sum(), z)
    return heights.detach().double(), slopes.double()


# --- what is refused ------------------------------------------------------------------


def _check_start(mu: float, sigma: float, draws: int, limits: dict) -> None:
    _checked("mu", mu, limits["mu"], ValueError)
    _checked("sigma", sigma, limits["sigma"], ValueError)
    if draws not in DRAWS:
        raise ValueError(f"draws must be one of {DRAWS}, not {draws}.")


def _checked(name: str, value: float, limits: list[float], error: type) -> float:
    low, high = limits
    if not low <= value <= high:  # not: NaN is refused as well
        raise error(
            f"{name} must be from {low:.3g} to {high:.3g}, so that the draws stay on the "
            f"axis, not {value:g}; half_width widens it."
        )
    return value
