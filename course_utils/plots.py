"""Figures of the course: arrays in, a matplotlib Figure out. Nothing is shown or trained.

Images are (n, height, width) or (n, channels, height, width), gray with 1 channel and in
color (red, green, blue) with 3, or rows of pixels (n, D) of a ``shape``, (height, width) or
(channels, height, width); without it they are gray and square. Values beyond [0, 1] are
drawn as 0 and 1. Gray is ink, 0 white and 1 black; color is light, 0 black and 1 full.
Labels are whole numbers from 0, with ``names`` of the classes if wanted, or words.
Points of the plane are (N, 2); ValueError for more dimensions, since only two of them would
be seen.
Every figure has a title, which states its message.
"""

from __future__ import annotations

import itertools
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, TypeVar

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Patch, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import ArrayLike

from course_utils.alt_text import describe, mean_color, show_figures_with_words

# Contrast to white at least 3. Digits stay apart for color-blind readers (CIE76 over
# 16 in the simulations of Machado et al. 2009 of protanopia, deuteranopia and tritanopia);
# lines also differ by dash and marker.
DIGIT_COLORS = (
    "#3a3c67", "#f83b17", "#00a95c", "#9e0000", "#464ac0",
    "#70242a", "#b07be9", "#93606c", "#719f30", "#6695b7",
)  # fmt: skip
LINE_COLORS = ("#1f77b4", "#d95f02", "#00441b", "#7b3fa0", "#a50f15", "#666666")
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P")  # as many as LINE_COLORS
HALO = [withStroke(linewidth=3, foreground="white")]  # text stays legible on dots
# Lighter than the points that are drawn on them, in gray print too.
PALE = ListedColormap(matplotlib.colormaps["Blues"](np.linspace(0, 0.6, 256)))
MOST_IN_LEGEND = 48  # classes: more would leave no room for the plane, which names them too
INK = matplotlib.colormaps["gray_r"].resampled(12)  # a third of the file size of 256

T = TypeVar("T")
Shape = Sequence[int]  # of an image: (height, width) or (channels, height, width)

show_figures_with_words()


def image_rows(
    rows: Mapping[str, ArrayLike],
    *,
    title: str,
    numbered: bool = False,
    signed: bool = False,
    shape: Shape | None = None,
) -> Figure:
    """Rows of images, each with its name.  name -> (n, D), (n, H, W) or (n, C, H, W)

    ``numbered`` counts the images, on from row to row. ``signed`` adds the legend of
    images from ``signed_ink``.
    """
    arrays = {name: as_images(images, shape) for name, images in named(rows)}
    columns = max(len(images) for images in arrays.values())
    count, first = 0, next(iter(arrays.values()))
    stretch = math.sqrt(first.shape[2] / first.shape[1])  # wide images: lower rows
    inch = 0.62 / stretch + (0.18 if numbered else 0.06)
    below = 0.75 if signed else 0.5
    size = (0.62 * stretch * columns + 1.3, inch * len(arrays) + below)
    figure, axes = new_figure(size, len(arrays), 1, title)
    for axis, (name, images) in zip(axes, arrays.items()):
        _, height, width, channels = images.shape
        gap = -(-width // 28)  # one axes per row: a hundred axes would take seconds
        line = on_paper(images, columns, gap)
        draw_image(axis, line.swapaxes(0, 1).reshape(height, -1, channels))
        axis.text(-0.01, 0.5, name, ha="right", va="center", transform=axis.transAxes)
        axis.axis("off")
        describe(axis, f"{name}: {_images(images, first)}")
        for i, image in enumerate(images):
            left = i * (width + 2 * gap) + gap - 0.5
            if channels == 3 or image.any():  # an empty gray image is a gap
                frame: dict[str, Any] = {"color": "#c8c8c8", "lw": 0.5, "clip_on": False}
                axis.add_patch(Rectangle((left, -0.5), width, height, fill=False, **frame))
            if numbered:
                count += 1
                axis.text(left + width / 2, -1.5, str(count), ha="center", size=10)
    if signed:
        shade = str if first.shape[-1] == 3 else INK  # "0.5" is a gray of matplotlib
        shades = [Patch(fc=shade(value), ec="gray", lw=0.5) for value in (0.0, 0.5, 1.0)]
        names = ["negative", "0", "positive"]
        figure.legend(shades, names, loc="outside lower center", ncols=3, frameon=False)
    return figure


def signed_ink(images: ArrayLike) -> np.ndarray:
    """Values of both signs as ink: mid-gray is 0, dark positive, light negative.

    ½ + x / (2 max |x|), each image by its own maximum; an image of zeros is mid-gray.
    (n, D), (n, H, W) or (n, C, H, W) -> the same; in color, light is positive.
    """
    images = as_array(images)
    largest = np.abs(images).max(tuple(range(1, images.ndim)), keepdims=True)
    return 0.5 + images / (2 * np.where(largest > 0, largest, 1))


def _images(images: np.ndarray, first: np.ndarray) -> str:
    """Images in words, compared with those of the first row.  Each (n, H, W, channels)"""
    words = f"{len(images)} image{'s' * (len(images) != 1)}, {_shades(images)}"
    if images is not first and images.shape == first.shape:
        error = ((images - first) ** 2).sum((1, 2, 3)).mean()
        words += f", mean squared error {error:.3g} to the first row"
    return words


def _shades(images: np.ndarray) -> str:
    """How much of the paper is black, or the mean color.  (…, channels)"""
    if images.shape[-1] == 3:
        return f"in color, {mean_color(images)}"
    return f"{100 * images.mean():.2g} % ink"


def digit_grid(
    images: ArrayLike, *, half_width: float, title: str, shape: Shape | None = None
) -> Figure:
    """The latent lattice over [−a, a]², a = half_width, decoded.  (n·n, D), (n·n, C, H, W)

    Images in the order of ``latent_lattice``: the first row has the largest z₂.
    """
    figure, [axis] = new_figure((5.8, 6.0), 1, 1, title)
    draw_lattice(axis, images, half_width, shape)
    return figure


def latent_plane(
    codes: ArrayLike,
    labels: ArrayLike,
    *,
    title: str,
    names: Sequence[str] | None = None,
    half_width: float | None = None,
    rings: bool = False,
) -> Figure:
    """Two-dimensional codes, colored by class, with its digit or name near their median.

    (N, 2), (N,). ``half_width`` = a shows the box [−a, a]² only; ``rings`` draws the prior
    N(0, I) as circles of one, two and three σ.
    """
    figure, [axis] = new_figure((5.2, 4.4), 1, 1, title)
    draw_codes(axis, codes, labels, names=names, half_width=half_width)
    if rings:
        draw_rings(axis)
    return figure


def latent_planes(
    planes: Mapping[str, ArrayLike],
    labels: ArrayLike,
    *,
    title: str,
    names: Sequence[str] | None = None,
    share: bool = False,
    rings: bool = False,
) -> Figure:
    """Codes of the same images in several planes, side by side.  name -> (N, 2), (N,)

    Each plane is a square around the origin that holds all its codes; with ``share`` all
    planes show the largest of these squares. ``rings`` are those of the prior N(0, I).
    """
    arrays = {name: as_points(codes, "codes") for name, codes in named(planes)}
    edges = [1.05 * np.abs(codes).max(initial=0) or 1.0 for codes in arrays.values()]
    width = min(10.4, 3.8 * len(arrays))
    height = 0.85 * width / len(arrays) + 0.75
    figure, axes = new_figure((width, height), 1, len(arrays), title)
    for axis, (name, codes), edge in zip(axes, arrays.items(), edges):
        edge = max(edges) if share else edge
        last = axis is axes[-1]
        draw_codes(axis, codes, labels, names=names, legend=last, half_width=edge)
        if rings:
            draw_rings(axis)
        axis.set_title(name)
    return figure


def distance_map(
    distances: ArrayLike, codes: ArrayLike, *, half_width: float, title: str
) -> Figure:
    """Distance of each point of ``latent_lattice`` to the codes, which are drawn as dots.

    (n·n,), (N, 2). The color scale is logarithmic, since codes lie far closer
    together in the dense parts of a plane than in its corners.
    """
    half_width = as_half_width(half_width)
    distances, codes = as_vector("distances", distances), as_points(codes, "codes")
    n = lattice_side(distances)
    edge = half_width * n / (n - 1)  # a square is centered on its z
    figure, [axis] = new_figure((6.4, 5.2), 1, 1, title)
    picture = axis.imshow(
        distances.reshape(n, n),
        extent=(-edge, edge, -edge, edge),
        cmap="YlOrRd",
        norm="log",
    )
    axis.scatter(codes[:, 0], codes[:, 1], s=1, color="black", linewidths=0)
    axis.set(xlabel="$z_1$", ylabel="$z_2$", xlim=(-edge, edge), ylim=(-edge, edge))
    bar = figure.colorbar(picture, label="distance to the nearest code")
    plain_log_ticks(bar.ax.yaxis, distances)
    return figure


def residuals(
    points: ArrayLike, reconstructions: Mapping[str, ArrayLike], *, title: str
) -> Figure:
    """Points of the plane, with lines to their reconstructions whose squared lengths are
    the squared errors; one panel per model.  (N, 2), name -> (N, 2)"""
    points = as_points(points)
    arrays = {name: as_points(x_hat) for name, x_hat in named(reconstructions)}
    figure, axes = new_figure((4.2 * len(arrays), 3.8), 1, len(arrays), title)
    for axis, (name, x_hat) in zip(axes, arrays.items()):
        check_length(name, x_hat, len(points))
        segments = LineCollection(
            list(np.stack([points, x_hat], axis=1)), colors="#bbbbbb", lw=0.5
        )
        axis.add_collection(segments)
        for ends, color, marker, label in (
            (points, "#4a90c4", "o", "$x$"),
            (x_hat, "#7f0000", "D", "$g(f(x))$"),
        ):
            style: dict[str, Any] = {"color": color, "marker": marker, "label": label}
            axis.scatter(ends[:, 0], ends[:, 1], s=8, linewidths=0, **style)
        axis.set(title=name, aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    handles, labels = axes[0].get_legend_handles_labels()
    place: dict[str, Any] = {"loc": "outside lower center", "ncols": 2, "markerscale": 3}
    figure.legend(handles, labels, frameon=False, **place)
    return figure


def curves(
    x: ArrayLike,
    lines: Mapping[str, ArrayLike],
    *,
    xlabel: str,
    ylabel: str,
    title: str,
    log_x: bool = False,
    log_y: bool = False,
    fill: bool = False,
    bands: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
) -> Figure:
    """Named curves over a common axis; ``fill`` shades the area under them.

    x (n,), name -> y (n,). ``bands``: name -> (low (n,), high (n,)), shaded between the
    two. Several names stand at the right ends of what they name.
    """
    x = as_vector("x", x)
    bands = bands or {}
    figure, [axis] = new_figure((6.4, 3.6), 1, 1, title)
    ends = {}
    for name, (low, high) in bands.items():
        low, high = as_vector(name, low), as_vector(name, high)
        check_length(name, low, len(x))
        axis.fill_between(x, low, high, color="#888888", alpha=0.3, lw=0)
        ends[name] = (low + high) / 2, "#555555"
    styles = itertools.cycle(zip(LINE_COLORS, MARKERS, itertools.cycle(DASHES)))
    for (name, y), (color, marker, dash) in zip(named(lines), styles):
        y = as_vector(name, y)
        check_length(name, y, len(x))
        style: dict[str, Any] = {"color": color, "ls": dash}
        if len(x) <= 30:  # more would hide the line
            style |= {"marker": marker, "markersize": 5}
        axis.plot(x, y, label=name, **style)
        ends[name] = y, color
        if fill:
            axis.fill_between(x, y, color=color, alpha=0.2)
    if log_x:
        axis.set_xscale("log")
        plain_log_ticks(axis.xaxis, x)
        round_numbers = np.allclose([float(f"{v:.3g}") for v in x], x, rtol=1e-6, atol=0)
        if len(x) <= 10 and round_numbers:  # label each
            axis.set_xticks(x)
    if log_y:
        axis.set_yscale("log")
        plain_log_ticks(axis.yaxis, np.array(axis.get_ylim()))
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.grid(alpha=0.3)
    if len(ends) > 1:
        name_ends(axis, x, ends)
    return figure


def history(records: Sequence[Mapping[str, float]], *, ylabel: str, title: str) -> Figure:
    """The terms of an objective against the epoch, from what ``fit`` returns.

    ValueError if there is no record, or one without the terms of the first.
    """
    if not isinstance(records, Sequence) or not all(
        isinstance(record, Mapping) and "epoch" in record for record in records
    ):
        raise ValueError(
            'records are what fit returns, a list such as [{"epoch": 1, "loss": 0.5}, …].'
        )
    if not records:
        raise ValueError("there is no record, so there is nothing to draw.")
    terms = [name for name in records[0] if name != "epoch"]
    if any(missing := set(terms) - set(record) for record in records):
        raise ValueError(f"some of the records have no {', '.join(sorted(missing))}.")
    lines = {name: [record[name] for record in records] for name in terms}
    if len(terms) == 2:  # the loss and its only term are the same
        del lines["loss"]
    epochs = [record["epoch"] for record in records]
    figure = curves(epochs, lines, xlabel="epoch", ylabel=ylabel, title=title)
    figure.axes[0].locator_params("x", integer=True)
    return figure


def histograms(
    values: Mapping[str, ArrayLike],
    *,
    xlabel: str,
    title: str,
    ylabel: str = "images",
    log_x: bool = False,
) -> Figure:
    """Histograms of named samples over common bins.  name -> (n,)

    ValueError for NaN and infinity, which have no bin, as 0 has none on a logarithmic axis.
    """
    arrays = {name: as_vector(name, sample) for name, sample in named(values)}
    for name, sample in arrays.items():
        if not np.isfinite(sample).all():
            raise ValueError(
                f"{name!r} has NaN or infinity: draw values[isfinite(values)]."
            )
        if log_x and not (sample > 0).all():
            raise ValueError(f"{name!r} must be > 0 on a logarithmic axis.")
    low = min(sample.min() for sample in arrays.values())
    high = max(sample.max() for sample in arrays.values())
    bins = np.geomspace(low, high, 81) if log_x else np.linspace(low, high, 81)
    figure, [axis] = new_figure((6.4, 3.6), 1, 1, title)
    styles = zip(LINE_COLORS, itertools.cycle(DASHES))
    for (name, sample), (color, dash) in zip(arrays.items(), itertools.cycle(styles)):
        counts, _, _ = axis.hist(sample, bins.tolist(), color=color, alpha=0.3)
        axis.stairs(counts, bins, color=color, ls=dash, lw=1.5, label=name)
    if log_x:
        axis.set_xscale("log")
        plain_log_ticks(axis.xaxis, bins)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    if len(arrays) > 1:
        axis.legend(frameon=False)
    return figure


def arrows(
    at: ArrayLike, fields: Mapping[str, ArrayLike], *, points: ArrayLike, title: str
) -> Figure:
    """Vector fields over a cloud of points, side by side.  (n, 2), name -> (n, 2), (N, 2)

    All arrows have the same scale, so that lengths may be compared; the longest
    is an eighth as long as the range of ``at``.
    """
    at, points = as_points(at), as_points(points)
    arrays = {name: as_points(vectors) for name, vectors in named(fields)}
    longest = max(np.linalg.norm(vectors, axis=1).max() for vectors in arrays.values())
    scale = {"scale_units": "xy", "scale": 8 * (longest or 1) / np.ptp(at[:, 0])}
    width = min(10.4, 4.2 * len(arrays))
    figure, axes = new_figure((width, width / len(arrays) + 0.3), 1, len(arrays), title)
    for axis, (name, vectors) in zip(axes, arrays.items()):
        axis.scatter(points[:, 0], points[:, 1], s=2, color="#9ecae1", linewidths=0)
        axis.quiver(*at.T, *vectors.T, angles="xy", width=0.004, **scale)
        axis.set(title=name, aspect="equal", xticks=[], yticks=[])
    return figure


def code_bars(
    images: ArrayLike,
    codes: ArrayLike,
    reconstructions: ArrayLike,
    *,
    title: str,
    shape: Shape | None = None,
) -> Figure:
    """Images, their codes with a bar per unit, reconstructions.  (n, D), (n, K), (n, D)"""
    images, reconstructions = (as_images(x, shape) for x in (images, reconstructions))
    codes = as_matrix("codes", codes)
    check_length("codes", codes, len(images))
    check_length("reconstructions", reconstructions, len(images))
    size = (9, 1.25 * len(images) + 0.6)
    ratios = {"width_ratios": (1, 7, 1), "sharey": "col"}
    figure, axes = new_figure(size, len(images), 3, title, **ratios)
    left, middle, right = axes[::3], axes[1::3], axes[2::3]
    for axis, image in zip(left + right, (*images, *reconstructions)):
        draw_image(axis, image)
        axis.axis("off")
    for axis, code in zip(middle, codes):
        active = np.flatnonzero(code)
        axis.vlines(active, 0, code[active], lw=1, color="#1f77b4")
        axis.set(xlim=(-5, len(code) + 4), ylabel="$z_k$")
        axis.set_title(f"{len(active)} of {len(code)} units active", fontsize=10)
        axis.tick_params(labelbottom=axis is middle[-1])
    left[0].set_title("$x$", fontsize=10)
    right[0].set_title("$g(f(x))$", fontsize=10)
    middle[-1].set_xlabel("unit $k$")
    return figure


def heatmap(
    values: ArrayLike, *, xlabel: str, ylabel: str, label: str, title: str
) -> Figure:
    """A matrix as colors from white (0) to dark, rows counted from 0.  (rows, columns)"""
    values = as_matrix("values", values)
    figure, [axis] = new_figure((8.6, 3.4), 1, 1, title)
    picture = axis.imshow(
        values, aspect="auto", cmap="Blues", vmin=0, interpolation="nearest"
    )
    axis.set(xlabel=xlabel, ylabel=ylabel, yticks=range(len(values)))
    figure.colorbar(picture, label=label)
    return figure


def clouds(
    panels: Mapping[str, ArrayLike], *, half_width: float | None = None, title: str
) -> Figure:
    """Clouds of points in the plane, side by side on the same axes.  name -> (N, 2)

    The axes are [−half_width, half_width]², by default large enough for all points.
    """
    arrays = {name: as_points(points) for name, points in named(panels)}
    largest = max(np.abs(points).max(initial=0) for points in arrays.values())
    edge = 1.05 * largest or 1.0 if half_width is None else as_half_width(half_width)
    width = min(10.4, 3.4 * len(arrays))
    figure, axes = new_figure((width, width / len(arrays) + 0.6), 1, len(arrays), title)
    for axis, (name, points) in zip(axes, arrays.items()):
        axis.scatter(points[:, 0], points[:, 1], s=4, color="#1f77b4", linewidths=0)
        axis.set(title=name, aspect="equal", xticks=[], yticks=[])
        axis.set(xlim=(-edge, edge), ylim=(-edge, edge))
    return figure


def cloud_rows(
    rows: Mapping[str, Mapping[str, ArrayLike]], *, half_width: float, title: str
) -> Figure:
    """Rows of clouds of points, each row with its name.  row -> name -> (N, 2)"""
    half_width = as_half_width(half_width)
    arrays = {row: dict(named(panels)) for row, panels in named(rows)}
    columns = max(len(panels) for panels in arrays.values())
    size = (1.75 * columns + 0.6, 1.75 * len(rows) + 0.7)
    figure, axes = new_figure(size, len(rows), columns, title)
    for i, (row, panels) in enumerate(arrays.items()):
        line = axes[i * columns : (i + 1) * columns]
        line[0].set_ylabel(row)
        for axis, (name, points) in zip(line, panels.items()):
            points = as_points(points)
            axis.scatter(points[:, 0], points[:, 1], s=2, color="#1f77b4", linewidths=0)
            axis.set(aspect="equal", xticks=[], yticks=[])
            axis.set(xlim=(-half_width, half_width), ylim=(-half_width, half_width))
            if i == 0:
                axis.set_title(name)
    return figure


def codebooks(
    panels: Mapping[str, tuple[ArrayLike, ArrayLike]], *, half_width: float, title: str
) -> Figure:
    """Points of the plane and codebook vectors among them.  name -> ((N, 2), (K, 2))"""
    half_width = as_half_width(half_width)
    arrays = {name: tuple(map(as_points, pair)) for name, pair in named_parts(panels, 2)}
    figure, axes = new_figure((3.7 * len(arrays), 4.1), 1, len(arrays), title)
    for axis, (name, (points, codes)) in zip(axes, arrays.items()):
        axis.scatter(points[:, 0], points[:, 1], s=5, color="#9bb8d3", linewidths=0)
        axis.scatter(codes[:, 0], codes[:, 1], s=60, color="#d62728", marker="X", lw=0)
        axis.set(title=name, aspect="equal", xticks=[], yticks=[])
        axis.set(xlim=(-half_width, half_width), ylim=(-half_width, half_width))
    return figure


def bars(
    panels: Mapping[str, ArrayLike], *, xlabel: str, ylabel: str, title: str
) -> Figure:
    """One bar for each entry of a list, a panel for each list.  name -> (n,)"""
    arrays = {name: as_vector(name, heights) for name, heights in named(panels)}
    figure, axes = new_figure((8.6, 3.2), 1, len(arrays), title)
    for axis, (name, heights) in zip(axes, arrays.items()):
        axis.bar(np.arange(len(heights)), heights, color="#1f77b4", width=0.8)
        axis.set(title=name, xlabel=xlabel, ylabel=ylabel)
        if len(heights) <= 10:  # label each
            axis.set_xticks(range(len(heights)))
    return figure


def named_bars(
    panels: Mapping[str, Mapping[str, float]], *, xlabel: str, title: str
) -> Figure:
    """Horizontal bars with names and numbers, a panel for each set; panels share x.

    All numbers have as many decimals as give the largest three digits.
    """
    arrays = {name: dict(named(bars)) for name, bars in named(panels)}
    figure, axes = new_figure((9.4, 2.6), 1, len(arrays), title)
    widest = max(max(bars.values()) for bars in arrays.values())
    if not 0 <= widest < math.inf:
        raise ValueError(f"the largest of the bars must be a number >= 0, not {widest!r}.")
    widest = widest or 1.0
    decimals = max(0, 2 - math.floor(math.log10(widest)))
    for axis, (panel, bars) in zip(axes, arrays.items()):
        axis.barh(list(bars), list(bars.values()), color="#1f77b4")
        for row, value in enumerate(bars.values()):  # a value may be slightly negative
            number = f"{round(value, decimals) + 0.0:.{decimals}f}"  # + 0.0: no "-0"
            axis.text(max(value, 0) + widest / 40, row, number, va="center", size=10)
        axis.set(title=panel, xlabel=xlabel, xlim=(min(0, *bars.values()), 1.3 * widest))
        axis.invert_yaxis()  # the first on top
    return figure


def image_grids(
    grids: Mapping[str, ArrayLike], *, title: str, shape: Shape | None = None
) -> Figure:
    """Blocks of images side by side, ten images per row.  name -> (n, D) or (n, C, H, W)"""
    columns = 10
    arrays = {name: as_images(images, shape) for name, images in named(grids)}
    rows = math.ceil(max(len(images) for images in arrays.values()) / columns)
    inch = min(0.42, 10 / (columns * len(arrays)))
    size = (inch * columns * len(arrays) + 0.3 * len(arrays), inch * rows + 0.8)
    figure, axes = new_figure(size, 1, len(arrays), title)
    for axis, (name, images) in zip(axes, arrays.items()):
        draw_image(axis, _tiled(on_paper(images, rows * columns), rows))
        axis.set_title(name)
        describe(axis, _images(images, images))
        axis.axis("off")
    return figure


def densities(
    panels: Mapping[str, tuple[ArrayLike, ArrayLike]], *, half_width: float, title: str
) -> Figure:
    """Log densities on ``latent_lattice``, with points on them.  name -> ((n·n,), (N, 2))

    One scale for all panels, one shade per nat: the darkest shade is the maximum of the
    median panel, white is eight nats below.
    """
    half_width = as_half_width(half_width)
    arrays = {
        name: (as_vector(name, log_density), as_points(points))
        for name, (log_density, points) in named_parts(panels, 2)
    }
    heights = sorted(log_density.max() for log_density, _ in arrays.values())
    levels = heights[len(heights) // 2] + np.arange(-8, 1)
    width = min(10.4, 3.7 * len(arrays) + 0.8)
    figure, axes = new_figure((width, width / len(arrays) + 0.6), 1, len(arrays), title)
    for axis, (name, (log_density, points)) in zip(axes, arrays.items()):
        n = lattice_side(log_density)
        line = np.linspace(-half_width, half_width, n)
        values = log_density.reshape(n, n)[::-1]  # z₂ upwards, as contourf expects
        shades = axis.contourf(line, line, values, levels=levels, cmap=PALE, extend="max")
        axis.scatter(points[:, 0], points[:, 1], s=5, color="#7f2704", linewidths=0)
        axis.set(title=name, aspect="equal", xticks=[], yticks=[])
        axis.set(xlim=(-half_width, half_width), ylim=(-half_width, half_width))
    figure.colorbar(shades, ax=axes, label="log p, nats", ticks=levels[::4], format="%.0f")
    return figure


def gaussians_on_posteriors(
    posteriors: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
    gaussians: Mapping[str, Sequence[tuple[ArrayLike, ArrayLike]]],
    *,
    title: str,
) -> Figure:
    """True posteriors side by side, with Gaussians two σ wide drawn on each.

    Posterior: name -> (z1 (n,), z2 (m,), log p(x, z) (n, m)), each on its own grid.
    Gaussians: name -> a pair mu (2,), sigma (2,) for each of the posteriors, in order.
    """
    grids = named_parts(posteriors, 3)
    for name, pairs in named(gaussians):
        check_length(name, pairs, len(grids))
    figure, axes = new_figure((3.4 * len(grids), 4.2), 1, len(grids), title)
    styles = dict(zip(gaussians, zip(("#d95f02", "#00441b", "#6a51a3"), DASHES)))
    for number, (axis, (name, grid)) in enumerate(zip(axes, grids)):
        draw_posterior(axis, *map(as_array, grid))
        for q, (color, dash) in styles.items():
            mu, sigma = map(as_array, gaussians[q][number])
            draw_gaussian(axis, mu, sigma, times=(2,), color=color, lw=1.8, ls=dash)
            axis.plot(*mu, "o", color=color, ms=3)
            axis.plot([], [], color=color, ls=dash, label=q)
        axis.set(xlabel="$z_1$", title=name)
    axes[0].set_ylabel("$z_2$")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def water_level(
    eigenvalues: ArrayLike,
    level: float,
    *,
    title: str,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """A spectrum, and the level βσ² that an active linear unit must exceed.  (n,)

    The height of a blue bar above the line, in natural logarithms, is twice the rate
    ½ log (λₖ / βσ²) of its unit. ``limits`` of the λ axis make several figures comparable.
    """
    eigenvalues = as_vector("eigenvalues", eigenvalues)
    units = np.arange(1, len(eigenvalues) + 1)
    active = eigenvalues > level
    figure, [axis] = new_figure((6.4, 3.6), 1, 1, title)
    for name, part, color in (
        ("active", active, "#1f77b4"),
        ("inactive", ~active, "#c7c7c7"),
    ):
        axis.bar(units[part], eigenvalues[part], color=color, label=name)
    axis.axhline(level, color="#d62728", lw=1.5, label=rf"$\beta\sigma^2$ = {level:.3g}")
    low, high = min(eigenvalues.min(), level), max(eigenvalues.max(), level)
    axis.set(xlabel="unit $k$", ylabel=r"eigenvalue $\lambda_k$", yscale="log")
    axis.set(ylim=limits or (low / 1.6, 1.6 * high), xlim=(0.3, len(units) + 0.7))
    axis.locator_params("x", integer=True)
    for formatted in (axis.yaxis.set_major_formatter, axis.yaxis.set_minor_formatter):
        formatted(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "125" else "")
    axis.legend(loc="upper right", framealpha=1)
    return figure


def tradeoff(
    lines: Mapping[str, ArrayLike],
    *,
    marks: Sequence[str],
    xlabel: str,
    ylabel: str,
    title: str,
) -> Figure:
    """Two quantities against each other while a parameter varies.  name -> (n, 2)

    The last of the lines is drawn as dots; ``marks`` labels each with its parameter.
    """
    arrays = {name: as_points(points) for name, points in named(lines)}
    check_length("marks", marks, len(list(arrays.values())[-1]))
    figure, [axis] = new_figure((6.4, 3.8), 1, 1, title)
    styles = zip(LINE_COLORS, itertools.cycle(DASHES))
    for (color, dash), (name, points) in zip(itertools.cycle(styles), arrays.items()):
        last = name == list(arrays)[-1]
        axis.plot(*points.T, "o" if last else dash, color=color, label=name)
    near_edge = points[:, 0].min() + 0.75 * np.ptp(points[:, 0])
    for mark, (x, y) in zip(marks, points, strict=True):
        offset, align = ((6, 5), "left") if x <= near_edge else ((-6, -13), "right")
        axis.annotate(
            mark, (x, y), offset, textcoords="offset points", ha=align, fontsize=10
        )
    axis.margins(x=0.08, y=0.12)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.grid(alpha=0.3)
    if len(arrays) > 1:
        axis.legend(frameon=False)
    return figure


def posteriors(
    mu: ArrayLike,
    sigma: ArrayLike,
    labels: ArrayLike,
    *,
    title: str,
    names: Sequence[str] | None = None,
) -> Figure:
    """Each q(z|x) as the one-σ ellipse around its μ.  (N, 2), (N, 2), (N,)

    The dashed circles are those of the prior, at one, two and three σ.
    """
    mu, sigma = as_points(mu), as_points(sigma)
    check_length("sigma", sigma, len(mu))
    figure, [axis] = new_figure((5.2, 4.5), 1, 1, title)
    draw_codes(axis, mu, labels, names=names, half_width=4)
    numbers, _ = as_classes(labels, len(mu), names)
    for center, widths, number in zip(mu, sigma, numbers):
        line = {"color": class_color(number), "lw": 0.8, "alpha": 0.5}
        draw_gaussian(axis, center, widths, times=(1,), **line)
    draw_rings(axis)
    return figure


# --- parts of figures, used by the widgets too ----------------------------------------


def new_figure(
    size: tuple[float, float], rows: int, columns: int, title: str, **grid: Any
) -> tuple[Figure, list[Axes]]:
    """A figure and its axes, row by row. ``grid`` goes to ``plt.subplots``."""
    figure, axes = plt.subplots(
        rows, columns, figsize=size, dpi=90, layout="constrained", squeeze=False, **grid
    )
    plt.close(figure)  # otherwise the notebook would show it twice
    figure.suptitle(with_minus(title), fontsize=12, fontweight="bold", wrap=True)
    return figure, list(axes.flat)


def with_minus(text: str) -> str:
    """The text with the sign of its negative numbers as the axes write it: -2 as −2."""
    return re.sub(r"(?<![^\s(\[])-(?=\d)", "−", text)


def as_array(values: ArrayLike) -> np.ndarray:
    """Tensors from any device, lists and arrays, as numbers of numpy.

    ValueError for what is no array of numbers, such as words or rows of several lengths.
    """
    array = _array(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"these must be real numbers, not {_kind(array)}.")
    return array


def _array(values: Any) -> np.ndarray:
    """As ``as_array``, of any kind."""
    if isinstance(values, list | tuple):
        values = [_array(x) if hasattr(x, "detach") else x for x in values]
    if not hasattr(values, "detach"):
        try:
            return np.asarray(values)
        except ValueError as error:
            raise ValueError(f"rows must have the same length: {error}") from error
    tensor: Any = values.detach().cpu().to_dense()
    # numpy has no bfloat16
    return np.asarray(tensor.float() if "bfloat16" in str(tensor.dtype) else tensor)


def _kind(array: np.ndarray) -> str:
    """What an array holds, in words: its dtype, or the type of its first element."""
    if array.dtype.kind != "O":
        return "words" if array.dtype.kind in "US" else str(array.dtype)
    return type(next(array.flat, None)).__name__


def as_vector(name: str, values: ArrayLike) -> np.ndarray:
    """(n,) numbers, at least one; ValueError with this name for anything else."""
    vector = as_array(values)
    if vector.ndim != 1 or not vector.size:
        raise ValueError(
            f"{name!r} must be a list of numbers, (n,) with n >= 1, not {vector.shape}."
        )
    return vector


def as_matrix(name: str, values: ArrayLike) -> np.ndarray:
    """(rows, columns) numbers; ValueError with this name for anything else."""
    matrix = as_array(values)
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"{name!r} must be a matrix, (rows, columns), not {matrix.shape}.")
    return matrix


def check_length(name: str, values: Sequence | np.ndarray, n: int) -> None:
    """ValueError unless there are n of them."""
    if len(values) != n:
        raise ValueError(
            f"{name!r} must have {n} entries, one for each, not {len(values)}."
        )


def named(values: Mapping[str, T]) -> list[tuple[str, T]]:
    """The items of a dict; ValueError if it is another type, or empty."""
    if not isinstance(values, Mapping) or not values:
        found = "an empty one" if isinstance(values, Mapping) else type(values).__name__
        raise ValueError(
            f'names are needed: a dict such as {{"name": values, …}}, not {found}.'
        )
    return list(values.items())


def named_parts(values: Mapping[str, T], n: int) -> list[tuple[str, T]]:
    """As ``named``; ValueError unless each entry is n arrays."""
    items = named(values)
    for name, parts in items:
        if not isinstance(parts, tuple | list) or len(parts) != n:
            raise ValueError(f"{name!r} must be {n} arrays, not {type(parts).__name__}.")
    return items


def as_half_width(value: float) -> float:
    """The number a of a box [−a, a]²; ValueError unless it is > 0 and finite."""
    a = _array(value)
    if a.size != 1 or a.dtype.kind not in "iuf" or not 0 < a.item() < math.inf:
        raise ValueError(f"half_width must be a number > 0, not {value!r}.")
    return a.item()


def as_points(values: ArrayLike, name: str = "points of a plane") -> np.ndarray:
    """An array (N, 2); ValueError for anything else: further dimensions would be lost.

    And for NaN and infinity, which would not be seen.
    """
    points = as_array(values)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"{name} must have shape (N, 2), one row per point, not {points.shape}."
            + " Choose two columns, such as codes[:, [0, 1]]." * (points.ndim == 2)
        )
    if not np.isfinite(points).all():
        raise ValueError(f"{name} contain NaN or infinity.")
    return points


def as_labels(labels: ArrayLike, n: int, of: str) -> np.ndarray:
    """One label of any kind for each of n codes or images (``of``).  (n,)"""
    labels = _array(labels)
    if labels.shape != (n,):
        raise ValueError(
            f"one label for each is needed: {n} {of}, labels of shape {labels.shape}."
        )
    return labels


def as_classes(
    labels: ArrayLike, n: int, names: Sequence[str] | None = None
) -> tuple[np.ndarray, dict[int, str]]:
    """The number of the class of each of n codes, and the name of each class.

    (n,) -> int64 (n,), number -> name. Words are numbered in the order of ``names``, or of
    the alphabet. Without names, numbers are names: 0 to 9, or those that there are.
    ValueError for a label without a name, and for what is no class.
    """
    labels = as_labels(labels, n, "codes")
    if names is not None and (isinstance(names, str) or not isinstance(names, Sequence)):
        raise ValueError(f'names must be a list such as ["cat", "dog"], not {names!r}.')
    if labels.dtype.kind in "USO":
        words = [str(label) for label in labels]
        names = sorted(set(words)) if names is None else list(map(str, names))
        if unknown := sorted(set(words) - set(names)):
            raise ValueError(f"names must hold all labels; {unknown[0]!r} is not in it.")
        return np.array([names.index(word) for word in words], int), dict(enumerate(names))
    if labels.dtype.kind not in "biuf" or not (labels % 1 == 0).all() or (labels < 0).any():
        raise ValueError(
            "labels must be whole numbers from 0, or words, one for each code."
        )
    numbers = labels.astype(int)
    largest = max(numbers, default=0)
    if names is None:
        classes = range(10) if largest < 10 else np.unique(numbers).tolist()
        return numbers, {number: str(number) for number in classes}
    if largest >= len(names):
        raise ValueError(
            f"there is a label {largest}, but names for 0 to {len(names) - 1} only."
        )
    return numbers, dict(enumerate(map(str, names)))


def class_color(number: int) -> str:
    """One of ten; a class beyond the tenth shares it and has another ``class_marker``."""
    return DIGIT_COLORS[number % len(DIGIT_COLORS)]


def class_marker(number: int) -> str:
    return MARKERS[number // len(DIGIT_COLORS) % len(MARKERS)]


def lattice_side(values: np.ndarray) -> int:
    """n, for n · n values on a lattice; ValueError for another number of them."""
    n = math.isqrt(len(values))
    if n * n != len(values) or n < 2:
        raise ValueError(f"a lattice has n · n points, n >= 2, not {len(values)}.")
    return n


def name_ends(
    axis: Axes, x: np.ndarray, lines: Mapping[str, tuple[np.ndarray, str]]
) -> None:
    """Names at the right of the axes, at the ends of lines.  (n,), name -> (y (n,), color)

    Names that would overlap move apart; each is tied to its end by a thin line. A line
    ends at its last finite value (positive, if the axis is logarithmic).
    """
    axis.autoscale_view()  # transData is up to date only after this
    log = axis.get_yscale() == "log"
    last = {
        name: np.flatnonzero(np.isfinite(y) & ((y > 0) | (not log)))[-1:]
        for name, (y, _) in lines.items()
    }
    ends = {
        name: (x[last[name]].item(), y[last[name]].item(), color)
        for name, (y, color) in lines.items()
        if len(last[name])
    }
    names = {  # a formula stays in one piece
        name: [name] if "$" in name else textwrap.wrap(name, 20, break_long_words=False)
        for name in ends
    }
    points = {name: axis.transData.transform((0, y))[1] for name, (_, y, _) in ends.items()}
    to_axes = axis.transAxes.inverted()
    # height of the axes in inches: that of the figure without title and labels
    height = axis.figure.bbox.height / axis.figure.dpi - 1.0
    unit = 10 * 1.25 / 72 / height  # a line of text, as a share of the axes
    order = sorted(ends, key=lambda name: points[name])
    wanted = np.array([to_axes.transform((0, points[name]))[1] for name in order])
    sizes = np.array([unit * (len(names[name]) + 0.15) for name in order])
    for name, y in zip(order, spread(wanted, sizes)):
        x_end, y_end, color = ends[name]
        axis.annotate(
            "\n".join(names[name]),
            (x_end, y_end),
            (1.04, y),
            textcoords="axes fraction",
            va="center",
            color=color,
            linespacing=1.05,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "lw": 0.6, "alpha": 0.6},
        )


def spread(wanted: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Centers near the ``wanted`` ones, ascending, such that ``sizes`` do not overlap.

    (n,), (n,) -> (n,). With offsets o of a dense stack, centers − o must not decrease: the
    nearest such sequence (least squares) comes from pooling adjacent violators.
    """
    offsets = np.cumsum(sizes) - sizes / 2
    pools: list[list[float]] = []  # (mean, number) of centers − o
    for value in wanted - offsets:
        pools.append([value, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, number = pools.pop()
            total = pools[-1][1] + number
            pools[-1] = [(pools[-1][0] * pools[-1][1] + mean * number) / total, total]
    return offsets + np.concatenate([np.full(int(n), mean) for mean, n in pools])


def in_data(axis: Axes, points: float) -> float:
    """A length on paper, in points, as a length in the data of a plane.

    The layout, made when the figure is drawn, leaves the axes four fifths of their box.
    """
    box, figure = axis.get_position(), axis.figure
    side = min(box.width * figure.bbox.width, box.height * figure.bbox.height)
    span = max(np.ptp(axis.get_xlim()), np.ptp(axis.get_ylim()))
    return points / 72 * figure.dpi / (0.8 * side) * span


def apart(points: np.ndarray, least: float) -> np.ndarray:
    """The points, moved until all distances are ``least`` or nearly so.  (n, 2)

    Again and again, points that are too close move away from each other by a share of what
    is missing.
    """
    angles = np.arange(len(points))  # points at the same place need a direction
    points = points + 1e-6 * least * np.stack([np.cos(angles), np.sin(angles)], 1)
    for _ in range(200):
        gaps = points[:, None] - points
        distances = np.linalg.norm(gaps, axis=2, keepdims=True)
        missing = np.clip(least - distances, 0, None) / np.maximum(distances, 1e-12)
        points = points + (gaps * missing).mean(1)
    return points


def plain_log_ticks(axis: Axis, values: np.ndarray) -> None:
    """Ticks of a logarithmic axis over the ``values`` as plain numbers: 0.03, 1, 10 000."""
    wide = values.max() > 50 * values.min()
    axis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
    # seven digits: a float32 0.03 is 0.0299999993
    axis.set_major_formatter(lambda value, _: f"{value:,.7g}".replace(",", " "))
    axis.set_minor_locator(NullLocator())


def draw_posterior(
    axis: Axes, z1: np.ndarray, z2: np.ndarray, log_joint: np.ndarray
) -> None:
    """p(z|x) ∝ p(x, z) as shades, each value centered on its z.  (n,), (m,), (n, m)"""
    half = (z1[1] - z1[0]) / 2
    axis.imshow(
        np.exp(log_joint - log_joint.max()).T,
        origin="lower",
        extent=(z1[0] - half, z1[-1] + half, z2[0] - half, z2[-1] + half),
        cmap="Blues",
        interpolation="bilinear",
    )


def draw_codes(
    axis: Axes,
    codes: ArrayLike,
    labels: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    legend: bool = True,
    half_width: float | None = None,
) -> None:
    """Dots colored by class, its digit or name near the median of its dots.  (N, 2), (N,)

    ``half_width`` = a shows the box [−a, a]², and medians are those of the codes in it.
    Each ten classes have a marker.
    """
    points = as_points(codes, "codes")
    numbers, classes = as_classes(labels, len(points), names)
    if half_width is not None:
        half_width = as_half_width(half_width)
        inside = np.abs(points).max(1) <= half_width
        points, numbers = points[inside], numbers[inside]
        axis.set(xlim=(-half_width, half_width), ylim=(-half_width, half_width))
    shown = np.unique(numbers).tolist()
    dot: dict[str, Any] = {"s": 5, "linewidths": 0}
    markers = np.array([class_marker(number) for number in numbers], "U1")
    for marker in np.unique(markers):
        # In order of the codes: no class lies on top. Snapped to pixels: a smaller file.
        part = markers == marker
        dot |= {"color": [class_color(k) for k in numbers[part]], "marker": marker}
        axis.scatter(*points[part].T, **dot, snap=True)
    if shown:
        medians = [np.median(points[numbers == number], 0) for number in shown]
        center: dict[str, Any] = {"ha": "center", "va": "center", "weight": "bold"}
        center["zorder"] = 4  # above the names of the rings
        places = (with_minus(f"({z1:.2g}, {z2:.2g})") for z1, z2 in medians)
        told = ", ".join(f"{classes[k]} at {place}" for k, place in zip(shown, places))
        describe(axis, f"{len(points)} dots; medians of the classes: {told}")
        longest = max(len(classes[number]) for number in shown)
        size = 13 if longest == 1 else 10
        least = in_data(axis, min(10 + 2 * longest, 20))  # points between names
        for number, (z1, z2) in zip(shown, apart(np.array(medians), least)):
            name = classes[number]
            axis.text(z1, z2, name, size=size, path_effects=HALO, **center)
    axis.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    if legend and len(classes) <= MOST_IN_LEGEND:
        for number, name in classes.items():
            dot |= {"color": class_color(number), "marker": class_marker(number)}
            axis.scatter([], [], **dot, label=name)
        place: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
        columns = -(-len(classes) // 16)
        axis.legend(markerscale=4, frameon=False, ncols=columns, **place)


def draw_rings(axis: Axes) -> None:
    """The prior N(0, I) as dashed circles of one, two and three σ, named at the bottom."""
    draw_gaussian(axis, (0, 0), (1, 1), times=(1, 2, 3), color="#333333", lw=0.9, ls="--")
    low, high = axis.get_ylim()
    for k in (1, 2, 3) if high - low < 16 else (3,):  # names that would touch are left out
        paper = {"fc": "white", "ec": "none", "pad": 1}  # hides the dashes beside the name
        where: dict[str, Any] = {"ha": "center", "va": "center", "clip_on": True}
        axis.text(0, -k, f"{k}σ", size=10, bbox=paper, **where)


def image_shape(numbers: int, shape: Shape | None) -> tuple[int, int, int]:
    """Channels, height and width of an image of so many numbers.

    Gray and square by default: 36 numbers are 6 × 6 pixels, so those of 4 × 9 need their
    ``shape``. ValueError if it has not so many numbers, or not 1 or 3 channels.
    """
    if shape is None:
        shape = (math.isqrt(numbers),) * 2
        if math.prod(shape) != numbers:
            raise ValueError(
                f"an image of {numbers} numbers is no square: give shape=(height, width), "
                "or shape=(3, height, width) if it is in color."
            )
    sides = tuple(shape) if isinstance(shape, Sequence) else ()
    if (
        len(sides) not in (2, 3)
        or not all(isinstance(side, Integral) and side > 0 for side in sides)
        or math.prod(sides) != numbers
        or (1, *sides)[-3] not in (1, 3)
    ):
        raise ValueError(
            "shape must be (height, width), or (channels, height, width) with 1 or 3 "
            f"channels, of {numbers} numbers together, not {shape!r}."
        )
    channels, height, width = (1, *map(int, sides))[-3:]
    return channels, height, width


def as_images(values: ArrayLike, shape: Shape | None = None) -> np.ndarray:
    """Images with their channels last, as matplotlib has them.  -> (n, H, W, channels)

    From rows of pixels (n, D) of this shape, from (n, H, W), or from (n, channels, H, W).
    """
    images = as_array(values)
    if images.ndim not in (2, 3, 4):
        raise ValueError(
            "images must be (n, D), rows of pixels, (n, height, width) or (n, channels, "
            f"height, width), not {images.shape}: use image[None] for a single one."
        )
    if images.ndim == 4 and images.shape[1] not in (1, 3):
        raise ValueError(
            "images must be (n, channels, height, width) with 1 or 3 channels, not "
            f"{images.shape}: use images.permute(0, 3, 1, 2) if channels come last."
        )
    if images.dtype.kind in "iu" and images.size and images.max() > 1:
        raise ValueError("pixels lie in [0, 1]; for whole numbers to 255 divide by 255.")
    n, *own = images.shape
    numbers = math.prod(own)
    sides = image_shape(numbers, shape if len(own) == 1 else own)
    if shape is not None and image_shape(numbers, shape) != sides:
        raise ValueError(f"shape is {shape!r}, but the images are {images.shape}.")
    return np.moveaxis(images.reshape(n, *sides), 1, -1)


def on_paper(images: np.ndarray, n: int, gap: int = 0) -> np.ndarray:
    """The images with white at their left and right, and white ones up to n of them."""
    white = 1 if images.shape[-1] == 3 else 0  # color is light, gray is ink
    margins = (0, n - len(images)), (0, 0), (gap, gap), (0, 0)
    return np.pad(images, margins, constant_values=white)


def _tiled(images: np.ndarray, rows: int) -> np.ndarray:
    """Rows of images as one image.  (rows · n, H, W, C) -> (rows · H, n · W, C)"""
    _, height, width, channels = images.shape
    lines = images.reshape(rows, -1, height, width, channels).swapaxes(1, 2)
    return lines.reshape(rows * height, -1, channels)


def draw_image(
    axis: Axes, image: np.ndarray, shape: Shape | None = None, **where: Any
) -> None:
    """An image: dark on white, or in color.  (D,), (H, W) or (H, W, channels)

    Stage "data": interpolate before coloring, so that no new shade appears.
    """
    if image.ndim == 1:
        [image] = as_images(image[None], shape)
    if image.shape[-1] == 3 and image.ndim == 3:  # NaN is white, as it is in gray
        image = np.nan_to_num(image.astype(float).clip(0, 1), nan=1.0)
    image = image.squeeze(-1) if image.shape[2:] == (1,) else image
    axis.imshow(image, cmap=INK, vmin=0, vmax=1, interpolation_stage="data", **where)


def draw_lattice(
    axis: Axes, images: ArrayLike, half_width: float, shape: Shape | None = None
) -> None:
    """Decoded images, each at its z in [−a, a]², a = half_width.  (n·n, D)

    Images that are no squares are stretched to squares, so that they fill the plane.
    """
    images, half_width = as_images(images, shape), as_half_width(half_width)
    n = lattice_side(images)
    edge = half_width * n / (n - 1)  # an image is centered on its z
    draw_image(axis, _tiled(images, n), extent=(-edge, edge, -edge, edge))
    describe(axis, f"{n} × {n} decoded images, {_shades(images)}")
    ticks = half_width * np.linspace(-1, 1, 5)
    axis.set(xlabel="$z_1$", ylabel="$z_2$", xticks=ticks, yticks=ticks)


def draw_gaussian(
    axis: Axes, mu: ArrayLike, sigma: ArrayLike, times: Sequence[int], **line: Any
) -> None:
    """N(μ, diag σ²) as ellipses of ``times`` σ around μ.  (2,), (2,)"""
    z1, z2 = as_array(mu)
    for k in times:
        width, height = 2 * k * as_array(sigma)
        axis.add_patch(Ellipse((z1, z2), width, height, fill=False, **line))
