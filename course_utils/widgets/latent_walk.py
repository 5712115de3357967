"""Move through the plane of two-dimensional codes and see each point decoded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor, nn

from course_utils import plots
from course_utils.modes import measure
from course_utils.theory.geodesics import curve_length, shortest_paths, straight_paths
from course_utils.theory.lattice import (
    distance_to_nearest,
    latent_lattice,
    pixel_entropy,
    prior_mass,
    ring_mass,
)
from course_utils.widgets._validation import (
    checked_digits,
    checked_points,
    gray_shape,
    one_of,
)
from course_utils.widgets.core import BOTH_WAYS, with_core
from course_utils.widgets.cursor import WithCursor, checked_half_widths
from course_utils.widgets.network import browser_network, n_out
from course_utils.widgets.picture import WithPicture, png

CLOUDS = 300  # q(z|x) that are drawn; more would hide each other
CELLS = 60  # per side of a map
RINGS = 1, 2, 3  # standard deviations of the prior
STAGE = 21 / 20  # the view shows this times the half-width, a margin around the box
PATHS = "none", "straight", "curved"


class LatentWalk(WithPicture, WithCursor):
    """The latent plane with its codes, and the image g(z) at the cursor.

        LatentWalk(nn.Sequential(vae.decoder, nn.Sigmoid()), mu, labels)
        LatentWalk(decode, mu, labels, sigmas=torch.exp(logvar / 2))

    g            the decoder: nn.Sequential (may be nested) of Linear, ReLU and Sigmoid,
                 from (B, 2) to images (B, D) in [0, 1]; other values are clipped. The
                 browser runs a copy of its weights in float16, in eval mode, which does
                 not follow further training.
    codes        (N, 2), drawn as dots, up to about 10000.
    labels       (N,), digits 0 to 9 that color the dots.
    half_widths  a of each box [−a, a]² to choose from, initially the first.
    sigmas       (N, 2), of a VAE: the standard deviations of each q(z|x), whose means are
                 the codes. Only then ellipses of q and the prior N(0, I) are shown, by
                 its rings and its mass in the box.
    shape        height and width of the images, by default square

    Optional: rings, ellipses, a map behind the dots, and a path between two classes,
    straight or a geodesic of ``theory.geodesics``, which joins the codes nearest to the
    medians of the classes.

    Traits shared with the view: ``z``, two numbers, about 0.1 s after the cursor stops;
    ``half_width``; ``rings`` and ``clouds`` of q, whether they are drawn; ``map``: "none",
    "distance" (to the nearest code) or "uncertainty" (Σ_d H(p_d) of the image, nats;
    only of a decoder that ends in a Sigmoid); ``path``: "none", "straight" or "curved";
    ``path_ends``, its two classes. All may be set from Python.
    TypeError or ValueError for anything that the browser cannot draw.
    """

    _esm = with_core("latent_walk.js")
    _css = with_core("latent_walk.css")

    decoder = traitlets.Dict().tag(sync=True)  # of browser_network
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # height and width of images
    codes = traitlets.Bytes().tag(sync=True)  # float32 (N, 2)
    labels = traitlets.Bytes().tag(sync=True)  # uint8 (N,)
    colors = traitlets.List(traitlets.Unicode()).tag(sync=True)
    prior_shares = traitlets.List(traitlets.Unicode()).tag(sync=True)  # per box
    ring_shares = traitlets.List(traitlets.Unicode()).tag(sync=True)  # per ring
    sampled = traitlets.Bytes().tag(sync=True)  # float32 (n, 5): μ, σ, label of q(z|x)
    maps = traitlets.Dict().tag(sync=True)  # name -> ranges and values per box
    path_classes = traitlets.List(traitlets.Int()).tag(sync=True)  # M, by label
    path_points = traitlets.Bytes().tag(sync=True)  # float32 (P, 2, T, 2): straight, curved
    path_lengths = traitlets.List(traitlets.List()).tag(sync=True)  # (P, 2), the same

    rings = traitlets.Bool(False).tag(**BOTH_WAYS)
    clouds = traitlets.Bool(False).tag(**BOTH_WAYS)
    map = traitlets.Unicode("none").tag(**BOTH_WAYS)
    path = traitlets.Enum(PATHS, "none").tag(**BOTH_WAYS)
    path_ends = traitlets.List(traitlets.Int()).tag(**BOTH_WAYS)

    @measure
    def __init__(
        self,
        g: nn.Module,
        codes: ArrayLike,
        labels: ArrayLike,
        half_widths: Sequence[float] = (1, 5),
        *,
        sigmas: ArrayLike | None = None,
        shape: plots.Shape | None = None,
    ) -> None:
        codes = checked_points("codes", codes)
        labels = checked_digits(labels, len(codes), "codes")
        half_widths = checked_half_widths(half_widths)
        network = browser_network(g, n_in=2)
        sides = gray_shape(n_out(network), shape)
        sampled = _sample(codes, _checked_sigmas(sigmas, codes), labels)
        self._points = codes, labels
        decode = _decoder_of(g)
        self._lattice = decode(latent_lattice(half_widths[0])).numpy()
        super().__init__(
            decoder=network,
            shape=sides,
            codes=codes.astype("<f4").tobytes(),
            labels=labels.tobytes(),
            colors=list(plots.DIGIT_COLORS),
            half_widths=half_widths,
            prior_shares=[_percent(prior_mass(a)) for a in half_widths],
            ring_shares=[_percent(ring_mass(r)) for r in RINGS],
            sampled=sampled.astype("<f4").tobytes(),
            maps=_maps(decode, network, codes, half_widths),
            **_paths(decode, codes, labels, half_widths),
            half_width=half_widths[0],
        )

    @traitlets.validate("rings", "clouds")
    def _only_of_a_vae(self, proposal: dict) -> bool:
        if proposal["value"] and not self.sampled:
            name = proposal["trait"].name
            raise traitlets.TraitError(f"there are no {name} to draw: give sigmas=….")
        return proposal["value"]

    @traitlets.validate("map")
    def _one_of_the_maps(self, proposal: dict) -> str:
        return one_of(["none", *self.maps], proposal)

    @traitlets.validate("path")
    def _only_with_two_classes(self, proposal: dict) -> str:
        if proposal["value"] != "none" and not self.path_classes:
            raise traitlets.TraitError(
                "a path needs codes of two classes within the largest box."
            )
        return proposal["value"]

    @traitlets.validate("path_ends")
    def _two_classes(self, proposal: dict) -> list[int]:
        known, ends = self.path_classes, proposal["value"]
        if ends and (len(set(ends)) != 2 or len(ends) != 2 or not {*ends} <= {*known}):
            raise traitlets.TraitError(f"path_ends must be two different ones of {known}.")
        return ends

    def picture(self) -> bytes:
        """Plane and lattice of the first box, side by side."""
        box, shape = self.half_widths[0], self.shape
        return png(_draw(*self._points, self._lattice, box, shape), colors=128)

    def __repr__(self) -> str:
        layers = self.decoder["layers"]
        linear = [layer for layer in layers if layer[0] == "linear"]
        widths = " → ".join(str(width) for width in [2] + [layer[2] for layer in linear])
        boxes = ", ".join(f"{a:g}" for a in self.half_widths)
        codes = len(self.labels)
        return f"LatentWalk(decoder {widths}, {codes} codes, half_widths ({boxes}))"


def _draw(
    codes: np.ndarray,
    labels: np.ndarray,
    images: np.ndarray,
    half_width: float,
    shape: plots.Shape | None = None,
) -> Figure:
    """Codes and decoded lattice side by side, over the same part of the plane."""
    box = f"[−{half_width:g}, {half_width:g}]²"
    title = f"The latent plane over {box}: codes and decoded images"
    figure, [left, right] = plots.new_figure((10.4, 4.9), 1, 2, title)
    plots.draw_codes(left, codes, labels, half_width=half_width)
    plots.draw_lattice(right, images, half_width, shape)
    limits, ticks = right.get_xlim(), right.get_xticks()
    left.set(xlim=limits, ylim=limits, xticks=ticks, yticks=ticks)
    return figure


# --- data for the browser -------------------------------------------------------------


def _percent(share: float) -> str:
    """0.466 → 46.6 %; close to one, with enough digits to differ from 100 %."""
    rest = 1 - share
    if rest < 1e-7:
        return "100 %"
    return f"{100 * share:.{max(1, math.ceil(-math.log10(rest)) - 2)}f} %"


def _decoder_of(g: nn.Module) -> Callable[[Tensor], Tensor]:
    """z -> pixels of the decoder, clipped to [0, 1], on the CPU."""
    weight = next(g.parameters())
    return lambda z: g(z.to(weight)).clamp(0, 1).float().cpu()


def _sample(codes: np.ndarray, sigmas: np.ndarray | None, labels: np.ndarray) -> np.ndarray:
    """μ, σ and label of q(z|x) for evenly spaced rows.  -> (n, 5), (0, 5) without σ"""
    if sigmas is None:
        return np.empty((0, 5))
    rows = np.linspace(0, len(codes) - 1, min(CLOUDS, len(codes))).round().astype(int)
    return np.concatenate([codes[rows], sigmas[rows], labels[rows, None]], axis=1)


def _maps(
    decode: Callable, network: dict, codes: np.ndarray, half_widths: list[float]
) -> dict[str, dict]:
    """name -> {"ranges": lowest and highest of each box, "values": between them, uint8}"""
    points = torch.as_tensor(codes).float()
    functions = {"distance": lambda z: distance_to_nearest(z, points)}
    if network["layers"][-1] == ["sigmoid"]:
        functions["uncertainty"] = lambda z: pixel_entropy(decode(z))
    maps = {}
    for name, function in functions.items():
        ranges, values = [], []
        for a in half_widths:
            z = latent_lattice(STAGE * a * (1 - 1 / CELLS), CELLS)  # middles of cells
            value = function(z)
            low = 0.0 if name == "distance" else float(value.min())
            span = float(value.max()) - low or 1.0  # or 1 for a constant map
            ranges.append([low, low + span])
            values.append((255 * (value - low) / span).round().byte().numpy().tobytes())
        maps[name] = {"ranges": ranges, "values": values}
    return maps


def _paths(
    decode: Callable, codes: np.ndarray, labels: np.ndarray, half_widths: list[float]
) -> dict:
    """The traits of the paths between classes; none without two in the largest box."""
    a = max(half_widths)
    inside = np.abs(codes).max(1) <= a
    classes = np.unique(labels[inside]).astype(int).tolist()
    if len(classes) < 2:
        return {}
    ends = torch.stack(
        [_typical(codes[labels == c], codes[inside & (labels == c)]) for c in classes]
    )
    reach = min(a, 1.25 * float(ends.abs().max()))
    kinds = [straight_paths(decode, ends), shortest_paths(decode, ends, half_width=reach)]
    both = torch.stack(kinds, dim=1)  # (P, 2, T, 2)
    lengths = curve_length(decode, both)
    saved = int((1 - lengths[:, 1] / lengths[:, 0].clamp_min(1e-9)).argmax())
    return {
        "path_classes": classes,
        "path_points": both.numpy().astype("<f4").tobytes(),
        "path_lengths": lengths.tolist(),
        "path_ends": [*list(combinations(classes, 2))[saved]],  # the largest saving
    }


def _typical(codes: np.ndarray, inside: np.ndarray) -> Tensor:
    """The code inside the box that is nearest to the median of all codes.  -> (2,)"""
    distance = np.linalg.norm(inside - np.median(codes, axis=0), axis=1)
    return torch.as_tensor(inside[distance.argmin()]).float()


# --- checks ---------------------------------------------------------------------------


def _checked_sigmas(sigmas: ArrayLike | None, codes: np.ndarray) -> np.ndarray | None:
    if sigmas is None:
        return None
    sigmas = plots.as_array(sigmas)
    if sigmas.shape != codes.shape:
        raise ValueError(
            f"each code needs two standard deviations: codes {codes.shape}, sigmas "
            f"{sigmas.shape}."
        )
    if not (np.isfinite(sigmas).all() and (sigmas > 0).all()):
        raise ValueError(
            "sigmas are standard deviations, finite and above zero; from logvar: "
            "torch.exp(logvar / 2)."
        )
    return sigmas
