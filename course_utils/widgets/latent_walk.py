"""Walk the plane of two-dimensional codes and see what the decoder makes of each point."""

from __future__ import annotations

import math
from collections.abc import Sequence

import anywidget
import numpy as np
import torch
import traitlets
from numpy.typing import ArrayLike
from torch import nn

from course_utils import plots
from course_utils.evidence import latent_lattice, prior_mass
from course_utils.widgets.core import with_core
from course_utils.widgets.network import browser_network, check_image_side
from course_utils.widgets.picture import WithPicture, png


class LatentWalk(WithPicture, anywidget.AnyWidget):
    """The latent plane with its codes, the decoded lattice, and z under the cursor, decoded.

        LatentWalk(nn.Sequential(vae.decoder, nn.Sigmoid()), mu, labels)

    decoder      nn.Sequential (may be nested) of Linear, ReLU and Sigmoid, from (B, 2) to
                 square images (B, side²) with ink in [0, 1]; other values are clipped.
                 The browser runs it, from a copy of its weights in float16: the walk does
                 not follow a model that is trained further.
    codes        (N, 2), drawn as dots; at 10000 the plane is as quick as at 100.
    labels       (N,), digits 0 to 9 that color the dots.
    half_widths  a of each box [−a, a]² that the reader can switch to; the first is shown.

    Traits that live with the view: ``z``, two numbers, about 0.1 s after the cursor rests,
    and ``half_width``. Both may be set from Python.
    TypeError or ValueError, in words, for anything that the browser could not draw.
    """

    _esm = with_core("network.js", "plane.js", "latent_walk.js")
    _css = with_core("latent_walk.css")

    decoder = traitlets.Dict().tag(sync=True)  # of browser_network
    codes = traitlets.Bytes().tag(sync=True)  # float32 (N, 2)
    labels = traitlets.Bytes().tag(sync=True)  # uint8 (N,)
    colors = traitlets.List(traitlets.Unicode()).tag(sync=True)
    half_widths = traitlets.List(traitlets.Float()).tag(sync=True)
    prior_shares = traitlets.List(traitlets.Unicode()).tag(sync=True)  # one a box
    half_width = traitlets.Float().tag(sync=True)
    z = traitlets.List(traitlets.Float(), [0.0, 0.0], 2, 2).tag(sync=True)

    def __init__(
        self,
        decoder: nn.Module,
        codes: ArrayLike,
        labels: ArrayLike,
        half_widths: Sequence[float] = (1, 5),
    ) -> None:
        codes, labels = _checked_points(codes, labels)
        half_widths = _checked_half_widths(half_widths)
        network = browser_network(decoder, n_in=2)
        check_image_side(network)
        self._points = codes, labels
        self._lattice = _decode_lattice(decoder, half_widths[0])
        super().__init__(
            decoder=network,
            codes=codes.astype("<f4").tobytes(),
            labels=labels.astype(np.uint8).tobytes(),
            colors=list(plots.DIGIT_COLORS),
            half_widths=half_widths,
            prior_shares=[_percent(prior_mass(a)) for a in half_widths],
            half_width=half_widths[0],
        )

    @traitlets.validate("half_width")
    def _one_of_the_boxes(self, proposal: dict) -> float:
        if proposal["value"] not in self.half_widths:
            raise traitlets.TraitError(f"half_width must be one of {self.half_widths}.")
        return proposal["value"]

    @traitlets.observe("half_width")
    def _into_the_box(self, change: dict) -> None:
        a = change["new"]
        self.z = [min(a, max(-a, value)) for value in self.z]

    @traitlets.validate("z")
    def _finite(self, proposal: dict) -> list[float]:
        if not all(map(math.isfinite, proposal["value"])):
            raise traitlets.TraitError("z must be two finite numbers.")
        return proposal["value"]

    def picture(self) -> bytes:
        """Plane and lattice of the first box, side by side."""
        a = self.half_widths[0]
        title = f"The latent plane over [−{a:g}, {a:g}]²: codes, and what is decoded there"
        figure = plots.plane_and_lattice(
            *self._points, self._lattice, half_width=a, title=title
        )
        return png(figure, colors=128)

    def __repr__(self) -> str:
        layers = self.decoder["layers"]
        linear = [layer for layer in layers if layer[0] == "linear"]
        widths = " → ".join(str(width) for width in [2] + [layer[2] for layer in linear])
        boxes = ", ".join(f"{a:g}" for a in self.half_widths)
        codes = len(self.labels)
        return f"LatentWalk(decoder {widths}, {codes} codes, half_widths ({boxes}))"


# --- what the browser is sent ---------------------------------------------------------


def _percent(share: float) -> str:
    """0.466 → 46.6 %; close to one, as many digits as tell it from one."""
    rest = 1 - share
    if rest < 1e-7:
        return "100 %"
    return f"{100 * share:.{max(1, math.ceil(-math.log10(rest)) - 2)}f} %"


# --- what is refused ------------------------------------------------------------------


def _checked_points(codes: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    codes = torch.as_tensor(codes).detach().cpu().numpy()
    labels = torch.as_tensor(labels).cpu().numpy()
    if codes.ndim != 2 or codes.shape[1] != 2:
        raise ValueError(
            f"the walk needs codes of shape (N, 2), a point of the plane each, not "
            f"{codes.shape}."
        )
    if labels.shape != (len(codes),):
        raise ValueError(
            f"each code needs its label: {len(codes)} codes, labels of shape {labels.shape}."
        )
    if not np.isfinite(codes).all():
        raise ValueError("codes contain NaN or infinity.")
    known = range(len(plots.DIGIT_COLORS))
    if not np.isin(labels, known).all():
        raise ValueError(f"labels must be whole numbers from 0 to {known[-1]}.")
    return codes, labels


def _checked_half_widths(half_widths: Sequence[float]) -> list[float]:
    half_widths = [float(a) for a in half_widths]
    if not half_widths or not all(0 < a < math.inf for a in half_widths):
        raise ValueError(
            "half_widths must be positive numbers, a for each box [−a, a]², such as (1, 5)."
        )
    return half_widths


@torch.no_grad()
def _decode_lattice(decoder: nn.Module, half_width: float) -> np.ndarray:
    weight = next(decoder.parameters())
    images = decoder(latent_lattice(half_width).to(weight))
    return images.clamp(0, 1).float().cpu().numpy()
