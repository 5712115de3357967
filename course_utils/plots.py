"""Pictures of the course: arrays in, a matplotlib Figure out. Nothing shows, nothing trains.

Images are rows of 784 pixels, 0 black and 1 white, drawn dark on light as ink on paper.
Every title is the picture's message, so every function asks for one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

DIGIT_COLORS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd",
    "#8c564b", "#e377c2", "#7f7f7f", "#a8a812", "#17becf",
)  # fmt: skip


def image_rows(rows: Mapping[str, ArrayLike], *, title: str) -> Figure:
    """Rows of images under each other, each with its name.  name -> (n, 784)"""
    arrays = {name: _array(images) for name, images in rows.items()}
    columns = max(len(images) for images in arrays.values())
    figure, axes = _figure(
        (0.62 * columns + 1.3, 0.68 * len(arrays) + 0.5), len(arrays), columns, title
    )
    for axis in axes.flat:
        axis.axis("off")
    for line, (name, images) in zip(axes, arrays.items()):
        line[0].text(
            -0.2, 0.5, name, ha="right", va="center", transform=line[0].transAxes
        )
        for axis, image in zip(line, images):
            axis.imshow(_square(image), cmap="gray_r", vmin=0, vmax=1)
    return figure


def digit_grid(images: ArrayLike, *, half_width: float, title: str) -> Figure:
    """The latent lattice over [−a, a]², a = half_width, decoded.  (n·n, 784)

    Images in the order of ``latent_lattice``: the first row has the largest z₂.
    """
    images = _array(images)
    n, side = math.isqrt(len(images)), math.isqrt(images.shape[1])
    picture = images.reshape(n, n, side, side).transpose(0, 2, 1, 3).reshape(n * side, -1)
    figure, axis = _figure((6.2, 6.4), 1, 1, title)
    edge = half_width * n / (n - 1)  # an image is centered on its z
    axis.imshow(
        picture, cmap="gray_r", vmin=0, vmax=1, extent=(-edge, edge, -edge, edge)
    )
    axis.set(xlabel="$z_1$", ylabel="$z_2$")
    return figure


def latent_plane(
    codes: ArrayLike, labels: ArrayLike, *, title: str, half_width: float | None = None
) -> Figure:
    """Two-dimensional codes, colored by class.  (N, 2), (N,)

    ``half_width`` = a shows the box [−a, a]² only.
    """
    codes, labels = _array(codes), _array(labels)
    figure, axis = _figure((6, 5.2), 1, 1, title)
    for digit, color in enumerate(DIGIT_COLORS):
        at = codes[labels == digit]
        axis.scatter(at[:, 0], at[:, 1], s=4, color=color, linewidths=0, label=str(digit))
    if half_width:
        axis.set(xlim=(-half_width, half_width), ylim=(-half_width, half_width))
    axis.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    axis.legend(
        markerscale=4, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False
    )
    return figure


def curves(
    x: ArrayLike,
    lines: Mapping[str, ArrayLike],
    *,
    xlabel: str,
    ylabel: str,
    title: str,
    log_x: bool = False,
) -> Figure:
    """Named curves over a common axis.  (n,), name -> (n,)"""
    figure, axis = _figure((6.4, 3.6), 1, 1, title)
    for name, y in lines.items():
        axis.plot(_array(x), _array(y), marker="o", markersize=4, label=name)
    if log_x:
        axis.set_xscale("log")
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.grid(alpha=0.3)
    if len(lines) > 1:
        axis.legend(frameon=False)
    return figure


def history(records: Sequence[Mapping[str, float]], *, ylabel: str, title: str) -> Figure:
    """The terms of an objective against the epoch, from what ``fit`` returns."""
    terms = [name for name in records[0] if name != "epoch"]
    lines = {name: [record[name] for record in records] for name in terms}
    if len(terms) == 2:  # the loss is its one term
        del lines["loss"]
    epochs = [record["epoch"] for record in records]
    figure = curves(epochs, lines, xlabel="epoch", ylabel=ylabel, title=title)
    figure.axes[0].xaxis.get_major_locator().set_params(integer=True)
    return figure


def arrows(
    at: ArrayLike, fields: Mapping[str, ArrayLike], *, points: ArrayLike, title: str
) -> Figure:
    """Vector fields over a cloud of points, side by side.  (n, 2), name -> (n, 2), (N, 2)"""
    at, points = _array(at), _array(points)
    figure, axes = _figure((4.2 * len(fields), 4.4), 1, len(fields), title)
    for axis, (name, vectors) in zip(np.atleast_1d(axes).flat, fields.items()):
        vectors = _array(vectors)
        axis.scatter(points[:, 0], points[:, 1], s=2, color="#9ecae1", linewidths=0)
        axis.quiver(at[:, 0], at[:, 1], vectors[:, 0], vectors[:, 1], angles="xy")
        axis.set(title=name, aspect="equal", xticks=[], yticks=[])
    return figure


def _figure(size: tuple[float, float], rows: int, columns: int, title: str):
    """A figure with its axes: an array of them for a grid, one axes for 1 × 1."""
    figure, axes = plt.subplots(
        rows, columns, figsize=size, dpi=90, layout="constrained", squeeze=False
    )
    plt.close(figure)  # else the notebook would show it twice
    figure.suptitle(title, fontsize=12, fontweight="bold")
    return figure, axes[0, 0] if rows == columns == 1 else axes


def _array(values: ArrayLike) -> np.ndarray:
    """Tensors from any device, lists and arrays, as a numpy array."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def _square(image: np.ndarray) -> np.ndarray:
    side = math.isqrt(image.size)
    return image.reshape(side, side)
