"""Particles in the plane that follow the field of a denoiser."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import traitlets
from numpy.typing import ArrayLike
from torch import Tensor, nn

from course_utils import plots
from course_utils.modes import measure
from course_utils.theory.lattice import latent_lattice
from course_utils.widgets._validation import checked_points, finite, one_of
from course_utils.widgets.core import BOTH_WAYS, with_core
from course_utils.widgets.network import browser_network, n_out
from course_utils.widgets.picture import WithPicture, png

MAX_POINTS = 5000  # each frame searches the nearest one for each particle
HALF_WIDTH = 3.0  # a of the plane [−a, a]²
ETA = 0.1  # η of each step


class DenoisingField(WithPicture):
    """The field r(x) − x of a denoiser r in the plane, and particles that follow it.

        DenoisingField({0.2: nn.Sequential(r.encoder, r.decoder), 0.4: …}, points)

    denoisers  σ -> the denoiser that was trained at this σ: an nn.Sequential (may be
               nested) of Linear, ReLU and Sigmoid, (B, 2) -> (B, 2). The browser runs it
               from a copy of its weights in float16, in eval mode.
    points     (N, 2), the data, drawn as dots; at most 5000

    The plane is [−3, 3]². Each step is x ← x + 0.1 (r(x) − x), one per frame; with more
    than 50 particles, one in two frames. A particle is at rest once ‖r(x) − x‖ < 0.003, and
    stops after 1000 steps in any case. It goes on when σ is changed.

    Traits shared with the view: ``sigma``, one of the keys, and ``start``, two numbers,
    where the last single particle was dropped. Both may be set from Python.
    TypeError or ValueError for anything that the browser cannot draw.
    """

    _esm = with_core("denoising_field.js")
    _css = with_core("denoising_field.css")

    sigmas = traitlets.List(traitlets.Float()).tag(sync=True)
    networks = traitlets.List(traitlets.Dict()).tag(sync=True)  # of browser_network
    lattice = traitlets.Bytes().tag(sync=True)  # float32 (n², 2), where arrows start
    fields = traitlets.List(traitlets.Bytes()).tag(sync=True)  # float32 (n², 2), per σ
    points = traitlets.Bytes().tag(sync=True)  # float32 (N, 2)
    half_width = traitlets.Float(HALF_WIDTH).tag(sync=True)
    eta = traitlets.Float(ETA).tag(sync=True)
    sigma = traitlets.Float().tag(**BOTH_WAYS)
    start = traitlets.List(traitlets.Float(), [0.0, 0.0], 2, 2).tag(**BOTH_WAYS)

    def __init__(self, denoisers: Mapping[float, nn.Module], points: ArrayLike) -> None:
        _check_sigmas(denoisers)
        networks = [_checked_network(sigma, r) for sigma, r in denoisers.items()]
        points = checked_points("points", points)
        if len(points) > MAX_POINTS:
            raise ValueError(f"the field draws at most {MAX_POINTS} points.")
        lattice = latent_lattice(0.94 * HALF_WIDTH, 19).cpu()
        fields = [_field(r, lattice) for r in denoisers.values()]
        super().__init__(
            sigmas=[float(sigma) for sigma in denoisers],
            networks=networks,
            lattice=_bytes(lattice),
            fields=[_bytes(field) for field in fields],
            points=_bytes(points),
            sigma=float(next(iter(denoisers))),
        )
        self._shown = lattice, fields, points

    @traitlets.validate("sigma")
    def _one_of_the_sigmas(self, proposal: dict) -> float:
        return one_of(self.sigmas, proposal)

    @traitlets.validate("start")
    def _in_the_plane(self, proposal: dict) -> list[float]:
        return [min(HALF_WIDTH, max(-HALF_WIDTH, value)) for value in finite(proposal)]

    def picture(self) -> bytes:
        """The fields of all σ, side by side."""
        lattice, fields, points = self._shown
        named = {f"σ = {sigma:g}": field for sigma, field in zip(self.sigmas, fields)}
        title = "Where the denoiser trained at σ moves a point: r(x) − x"
        return png(plots.arrows(lattice, named, points=points, title=title), colors=64)

    def __repr__(self) -> str:
        sigmas = ", ".join(f"{sigma:g}" for sigma in self.sigmas)
        return f"DenoisingField(σ = {sigmas}; {len(self.points) // 8} points)"


# --- data for the browser -------------------------------------------------------------


@measure
def _field(r: nn.Module, at: Tensor) -> Tensor:
    weight = next(r.parameters())
    return (r(at.to(weight)).cpu() - at).float()


def _bytes(values: ArrayLike) -> bytes:
    return np.asarray(values, "<f4").tobytes()


# --- checks ---------------------------------------------------------------------------


def _check_sigmas(denoisers: Mapping[float, nn.Module]) -> None:
    if not denoisers:
        raise ValueError("the field needs at least one denoiser: {sigma: r, …}.")
    for sigma in denoisers:
        if not isinstance(sigma, int | float) or not 0 <= sigma < math.inf:
            raise ValueError(
                f"each denoiser is named by its σ, a number such as 0.4, not {sigma!r}."
            )


def _checked_network(sigma: float, r: nn.Module) -> dict:
    if not isinstance(r, nn.Module):
        raise TypeError(
            f"a denoiser is an nn.Module; for σ = {sigma} it is a {type(r).__name__}."
        )
    network = browser_network(r, n_in=2)
    if n_out(network) != 2:
        raise ValueError(
            f"a denoiser of the plane has 2 outputs; at σ = {sigma} it has "
            f"{n_out(network)}."
        )
    return network
