"""Move through the space of codes, two axes at a time, and see each point decoded."""

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
from course_utils._validation import described, in_words
from course_utils.modes import eval_mode, measure
from course_utils.theory.geodesics import curve_length, shortest_paths, straight_paths
from course_utils.theory.lattice import (
    distance_to_nearest,
    latent_lattice,
    pixel_entropy,
    prior_mass,
    ring_mass,
)
from course_utils.widgets._validation import checked_codes, checked_shape, one_of
from course_utils.widgets.classes import WithClasses, class_traits
from course_utils.widgets.core import BOTH_WAYS, with_core
from course_utils.widgets.cursor import WithCursor, checked_half_widths
from course_utils.widgets.network import NotForTheBrowser, browser_network
from course_utils.widgets.picture import WithPicture, png

CLOUDS = 300  # q(z|x) that are drawn; more would hide each other
CELLS = 60  # per side of a map
RINGS = 1, 2, 3  # standard deviations of the prior
STAGE = 21 / 20  # the view shows this times the half-width, a margin around the box
PATHS = "none", "straight", "curved"
PATH_CLASSES = 10  # whose pairs are joined, 45 paths of each kind


class LatentWalk(WithPicture, WithCursor, WithClasses):
    """The codes over two axes of their space, and the image g(z) at the cursor.

        LatentWalk(nn.Sequential(vae.decoder, nn.Sigmoid()), mu, labels)
        LatentWalk(decode, mu, labels, sigmas=torch.exp(logvar / 2))
        LatentWalk(vae.decoder, mu, labels, shape=(3, 32, 32), axes=(0, 3))

    g            the decoder, from (B, K) to images (B, D), (B, H, W) or (B, C, H, W) in
                 [0, 1]; other values are clipped. The browser runs a copy of its weights
                 in float16, in eval mode, if ``browser_network`` knows its layers and it
                 is not too large; the copy does not follow further training. Any other
                 function of torch is run by the kernel, where the widget says so; a page
                 without a kernel shows its picture.
    codes        (N, K), K ≥ 2, drawn as dots, up to about 10000.
    labels       (N,), whole numbers from 0, or words, of any number of classes. Ten have
                 colors of their own; more than ten differ by color and marker.
    half_widths  a of each box [−a, a]² to choose from, initially the first.
    sigmas       (N, K), of a VAE: the standard deviations of each q(z|x), whose means are
                 the codes. Only then ellipses of q and the prior N(0, I) are shown, by
                 its rings and its mass in the box.
    shape        (height, width), gray, or (channels, height, width) of images that are
                 rows, by default gray and square
    names        of the classes: those of labels 0, 1, …, or the order of words
    axes         K > 2: the two coordinates of z to start with, counted from 0; by default
                 the two directions of largest variance of the codes (PCA, from z = 0).

    K > 2: two axes are under the pointer, the others under sliders, which start at 0, the
    mean of the prior. In the view the axes are chosen, among coordinates or directions.
    Dots are projected; the distance to the nearest code is that in all K dimensions.

    Optional: rings, ellipses; of K = 2 a map behind the dots, and a path between two
    classes, straight or a geodesic of ``theory.geodesics``, which joins the codes nearest
    to the medians of the classes, of the ten with the most codes if there are more.

    Traits shared with the view: ``z``, K numbers, about 0.1 s after the cursor stops;
    ``half_width``; ``axes``, two numbers from 0, and ``principal``, whether they count
    directions; ``rings`` and ``clouds`` of q, whether they are drawn; ``map``: "none",
    "distance" (to the nearest code) or "uncertainty" (Σ_d H(p_d) of the image, nats;
    only of a decoder that ends in a Sigmoid); ``path``: "none", "straight" or "curved";
    ``path_ends``, its two classes, counted from 0 as in ``classes``, their names. All may
    be set from Python.
    TypeError or ValueError for anything that cannot be decoded or drawn.
    """

    _esm = with_core("latent_walk.js")
    _css = with_core("latent_walk.css")

    decoder = traitlets.Dict().tag(sync=True)  # of browser_network; {}: the kernel's
    kernel_because = traitlets.Unicode().tag(sync=True)  # why the kernel decodes, or ""
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # as of checked_shape
    codes = traitlets.Bytes().tag(sync=True)  # float32 (N, K)
    directions = traitlets.Bytes().tag(sync=True)  # float32 (K, K), rows; empty if K = 2
    variances = traitlets.List(traitlets.List()).tag(sync=True)  # shares, see _shares
    prior_shares = traitlets.List(traitlets.Unicode()).tag(sync=True)  # per box
    ring_shares = traitlets.List(traitlets.Unicode()).tag(sync=True)  # per ring
    sampled = traitlets.Bytes().tag(sync=True)  # float32 (n, 2K + 1): μ, σ, class of q
    maps = traitlets.Dict().tag(sync=True)  # name -> ranges and values per box
    path_classes = traitlets.List(traitlets.Int()).tag(sync=True)  # M of the classes
    path_points = traitlets.Bytes().tag(sync=True)  # float32 (P, 2, T, 2): straight, curved
    path_lengths = traitlets.List(traitlets.List()).tag(sync=True)  # (P, 2), the same

    z = traitlets.List(traitlets.Float()).tag(**BOTH_WAYS)
    axes = traitlets.List(traitlets.Int(), [0, 1]).tag(**BOTH_WAYS)
    principal = traitlets.Bool(False).tag(**BOTH_WAYS)
    rings = traitlets.Bool(False).tag(**BOTH_WAYS)
    clouds = traitlets.Bool(False).tag(**BOTH_WAYS)
    map = traitlets.Unicode("none").tag(**BOTH_WAYS)
    path = traitlets.Enum(PATHS, "none").tag(**BOTH_WAYS)
    path_ends = traitlets.List(traitlets.Int()).tag(**BOTH_WAYS)

    @measure
    def __init__(
        self,
        g: nn.Module | Callable[[Tensor], Tensor],
        codes: ArrayLike,
        labels: ArrayLike,
        half_widths: Sequence[float] = (1, 5),
        *,
        names: Sequence[str] | None = None,
        sigmas: ArrayLike | None = None,
        shape: plots.Shape | None = None,
        axes: Sequence[int] | None = None,
    ) -> None:
        like, codes = codes, checked_codes(codes)
        numbers, classes = class_traits(labels, len(codes), names)
        half_widths = checked_half_widths(half_widths)
        k = codes.shape[1]
        network, because = _network_or_why_not(g, k)
        decode = _decoder_of(g, like)
        sides = checked_shape(decode(torch.zeros(1, k)), shape)
        sampled = _sample(codes, _checked_sigmas(sigmas, codes), numbers)
        directions = _principal_directions(codes)
        self._decode, self._directions = decode, directions
        self._points = codes, labels, names
        super().__init__(
            decoder=network,
            kernel_because=because,
            shape=sides,
            codes=codes.astype("<f4").tobytes(),
            directions=directions.astype("<f4").tobytes() if k > 2 else b"",
            variances=[_shares(codes), _shares(codes @ directions.T)],
            **classes,
            half_widths=half_widths,
            prior_shares=[_percent(prior_mass(a)) for a in half_widths],
            ring_shares=[_percent(ring_mass(r)) for r in RINGS],
            sampled=sampled.astype("<f4").tobytes(),
            z=[0.0] * k,
            principal=k > 2 and axes is None,
            axes=[0, 1] if axes is None else _checked_axes(axes, k),
            **(
                _of_the_plane(decode, network, codes, numbers, half_widths)
                if k == 2
                else {}
            ),
            half_width=half_widths[0],
        )
        plane = self._frame()[self.axes]  # (2, K)
        lattice = latent_lattice(half_widths[0]) @ torch.as_tensor(plane).float()
        self._lattice = decode(lattice).flatten(1).numpy()
        self.on_msg(LatentWalk._answer)

    def _frame(self) -> np.ndarray:
        """The directions that ``axes`` count, in rows.  -> (K, K)"""
        return self._directions if self.principal else np.eye(len(self._directions))

    def _answer(self, message: dict, buffers: Sequence[bytes]) -> None:
        """Decodes for a view: {"id", "points": (n, K)} -> the id, uint8 (n, D)."""
        reply = {"id": message["id"]}
        try:
            with torch.no_grad():
                images = self._decode(torch.tensor(message["points"]).float())
        except Exception as error:  # noqa: BLE001 - whatever it raises, the view shows it
            self.send({**reply, "error": f"{type(error).__name__}: {error}"})
        else:
            self.send(reply, [(255 * images).round().byte().numpy().tobytes()])

    @traitlets.observe("half_width")
    def _into_the_box(self, change: dict) -> None:
        a, plane = change["new"], self._frame()[self.axes]
        values = plane @ self.z
        beyond = values - values.clip(-a, a)
        if beyond.any():
            self.z = (self.z - beyond @ plane).tolist()

    @traitlets.validate("z")
    def _of_finite_numbers(self, proposal: dict) -> list[float]:
        k = len(self._directions)
        if len(proposal["value"]) != k or not all(map(math.isfinite, proposal["value"])):
            raise traitlets.TraitError(f"z must be {k} finite numbers.")
        return proposal["value"]

    @traitlets.validate("axes")
    def _two_axes(self, proposal: dict) -> list[int]:
        try:
            return _checked_axes(proposal["value"], len(self._directions))
        except ValueError as error:
            raise traitlets.TraitError(str(error)) from None

    @traitlets.validate("principal")
    def _only_beyond_the_plane(self, proposal: dict) -> bool:
        if proposal["value"] and len(self._directions) == 2:
            raise traitlets.TraitError("a plane has no other axes to choose.")
        return proposal["value"]

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
        codes, labels, names = self._points
        box, plane = self.half_widths[0], codes @ self._frame()[self.axes].T
        axes = [self._axis_name(axis) for axis in self.axes]
        figure = _draw(plane, labels, self._lattice, box, self.shape, axes, names)
        return png(figure, colors=128)

    def _axis_name(self, axis: int) -> str:
        return f"PC {axis + 1}" if self.principal else f"$z_{{{axis + 1}}}$"

    def __repr__(self) -> str:
        boxes = ", ".join(f"{a:g}" for a in self.half_widths)
        decoder = f"decoder {self._sizes()}"
        if not self.decoder:
            decoder += ", run by the kernel"
        codes = len(self._points[0])
        return f"LatentWalk({decoder}, {codes} codes, half_widths ({boxes}))"

    def _sizes(self) -> str:
        """2 → 128 → 784, or 10 → … → 3 × 32 × 32 of a decoder with other layers."""
        layers = self.decoder.get("layers", [])
        widths = [str(layer[2]) for layer in layers if layer[0] == "linear"]
        plain = layers and {layer[0] for layer in layers} <= {"linear", "relu", "sigmoid"}
        inner = widths if plain else ["…", " × ".join(map(str, self.shape))]
        return " → ".join([str(len(self.z)), *inner])


def _draw(
    codes: np.ndarray,
    labels: ArrayLike,
    images: np.ndarray,
    half_width: float,
    shape: plots.Shape | None = None,
    axis_names: Sequence[str] = ("$z_1$", "$z_2$"),
    names: Sequence[str] | None = None,
) -> Figure:
    """Codes and decoded lattice side by side, over the same part of the plane."""
    box = f"[−{half_width:g}, {half_width:g}]²"
    title = f"The latent plane over {box}: codes and decoded images"
    figure, [left, right] = plots.new_figure((10.4, 4.9), 1, 2, title)
    plots.draw_codes(left, codes, labels, names=names, half_width=half_width)
    plots.draw_lattice(right, images, half_width, shape)
    limits, ticks = right.get_xlim(), right.get_xticks()
    left.set(xlim=limits, ylim=limits, xticks=ticks, yticks=ticks)
    for axis in (left, right):
        axis.set(xlabel=axis_names[0], ylabel=axis_names[1])
    return figure


# --- data for the browser -------------------------------------------------------------


def _percent(share: float) -> str:
    """0.466 → 46.6 %; close to one, with enough digits to differ from 100 %."""
    rest = 1 - share
    if rest < 1e-7:
        return "100 %"
    return f"{100 * share:.{max(1, math.ceil(-math.log10(rest)) - 2)}f} %"


def _network_or_why_not(g: Callable, k: int) -> tuple[dict, str]:
    """The decoder for the browser, or {} and the reason why the kernel runs it."""
    try:
        return browser_network(g, n_in=k), ""  # type: ignore[arg-type]
    except NotForTheBrowser as reason:
        if not callable(g):
            raise
        return {}, str(reason)


def _decoder_of(g: Callable, codes: ArrayLike) -> Callable[[Tensor], Tensor]:
    """z -> images, clipped to [0, 1], on the CPU, in eval mode.  (n, K) -> (n, …)

    z has device and dtype of the decoder's weights; of the codes if a function hides them.
    """
    network = getattr(g, "__self__", g)  # of a method
    own = list(network.parameters()) if isinstance(network, nn.Module) else []
    known = [x for x in (*own, codes) if isinstance(x, Tensor) and x.is_floating_point()]

    def decode(z: Tensor) -> Tensor:
        with eval_mode(g), in_words(f"the decoder, for z of {described(z)},"):
            images = g(z.to(known[0]) if known else z)
        if not isinstance(images, Tensor) or len(images) != len(z):
            raise ValueError(
                f"the decoder must return an image for each row of z of {described(z)}, "
                f"not {described(images)}."
            )
        return images.clamp(0, 1).float().cpu()

    return decode


def _principal_directions(codes: np.ndarray) -> np.ndarray:
    """Eigenvectors of the covariance of the codes, in rows, the largest variance first.

    The largest entry of each is positive, so that it does not depend on the machine.
    (N, K) -> (K, K); of the plane the axes themselves.
    """
    k = codes.shape[1]
    if k == 2:
        return np.eye(2)
    centered = codes - codes.mean(0)
    _, vectors = np.linalg.eigh(centered.T @ centered)  # the smallest first
    rows = vectors.T[::-1]
    largest = rows[np.arange(k), np.abs(rows).argmax(1)]
    return rows * np.sign(largest)[:, None]


def _shares(codes: np.ndarray) -> list[float]:
    """The share of the codes' variance along each axis.  (N, K) -> K"""
    variances = codes.var(0)
    return (variances / (variances.sum() or 1)).tolist()


def _of_the_plane(
    decode: Callable,
    network: dict,
    codes: np.ndarray,
    labels: np.ndarray,
    half_widths: list[float],
) -> dict:
    """The traits of the maps and paths, K = 2."""

    def flat(z: Tensor) -> Tensor:
        return decode(z).flatten(1)

    maps = _maps(flat, network, codes, half_widths)
    return {"maps": maps, **_paths(flat, codes, labels, half_widths)}


def _sample(codes: np.ndarray, sigmas: np.ndarray | None, labels: np.ndarray) -> np.ndarray:
    """μ, σ, class of q(z|x) for evenly spaced rows.  -> (n, 2K + 1), n = 0 without σ"""
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
    if network and network["layers"][-1:] == [["sigmoid"]]:
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
    found, counts = np.unique(labels[inside], return_counts=True)
    largest = np.argsort(-counts, kind="stable")[:PATH_CLASSES]
    classes = np.sort(found[largest]).tolist()
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
            f"each code needs its standard deviations: codes {codes.shape}, sigmas "
            f"{sigmas.shape}."
        )
    if not (np.isfinite(sigmas).all() and (sigmas > 0).all()):
        raise ValueError(
            "sigmas are standard deviations, finite and above zero; from logvar: "
            "torch.exp(logvar / 2)."
        )
    return sigmas


def _checked_axes(axes: Sequence[int], k: int) -> list[int]:
    """Two different numbers from 0 to K − 1."""
    numbers = list(axes)
    if len(set(numbers)) != 2 or len(numbers) != 2 or not {*numbers} <= {*range(k)}:
        raise ValueError(
            f"axes must be two different whole numbers from 0 to {k - 1}, such as (0, 1), "
            f"not {axes!r}."
        )
    return [int(number) for number in numbers]
