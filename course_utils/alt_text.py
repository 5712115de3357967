"""Figures in words: a text alternative, read from what matplotlib has drawn.

The words come from the same arrays as the picture, so they cannot be out of date. In a
notebook every figure is shown with them, for screen readers and in exported pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import Any
from weakref import WeakKeyDictionary

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection, LineCollection, PathCollection
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle, StepPatch
from matplotlib.quiver import Quiver

LISTED = 12  # longer lists are summed up

_descriptions: WeakKeyDictionary[Axes, str] = WeakKeyDictionary()


def describe(axis: Axes, words: str) -> None:
    """Say what a panel shows, where its artists alone would not tell it."""
    _descriptions[axis] = _plain(words)


def alt_text(figure: Figure) -> str:
    """What a figure shows: its title, then each panel with its axes, names and numbers."""
    panels = [_panel(axis) for axis in figure.axes if axis.get_label() != "<colorbar>"]
    sentences = [_plain(figure.get_suptitle()), *filter(None, panels)]
    return " ".join(f"{s.rstrip('.')}." for s in sentences if s)


def _panel(axis: Axes) -> str:
    """One panel: its title, what is drawn, the range of its axes."""
    drawn = _descriptions.get(axis) or "; ".join(filter(None, map(_artist, _shown(axis))))
    if not drawn:
        return ""
    title = _plain(axis.get_title())
    ranges = [_range(axis, which) for which in "xy"] if axis.axison else []
    return "; ".join(filter(None, [f"{title}: {drawn}" if title else drawn, *ranges]))


def _shown(axis: Axes) -> list[Any]:
    """The artists of a panel that carry data; a bar chart is one."""
    steps = [p for p in axis.patches if isinstance(p, StepPatch)]
    bars = [c for c in axis.containers if isinstance(c, BarContainer) and not steps]
    bars = [c for c in bars if c and isinstance(c[0], Rectangle)]  # not in three dimensions
    return [*axis.images, *bars, *steps, *axis.lines, *axis.collections]


def _artist(artist: Any) -> str:
    """What one artist shows; "" for one without data."""
    if isinstance(artist, BarContainer):
        words = _bars(artist)
    elif isinstance(artist, StepPatch):
        words = _steps(artist)
    elif isinstance(artist, AxesImage):
        words = _map(artist)
    elif isinstance(artist, Line2D):
        words = _line(artist)
    else:
        words = _collection(artist)
    name = "" if isinstance(artist, AxesImage) else _name(artist)
    return f"{name}: {words}" if name and words else words


def _line(line: Line2D) -> str:
    """First and last value, and the lowest and highest between them."""
    x, y = (np.asarray(values, float) for values in line.get_data(orig=False))
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    if not len(y):
        return ""
    if len(y) == 1:
        return f"a point at ({_number(x[0])}, {_number(y[0])})"
    words = f"{_number(y[0])} at {_number(x[0])}, {_number(y[-1])} at {_number(x[-1])}"
    for name, i in ("lowest", y.argmin()), ("highest", y.argmax()):
        if y[i] not in (y[0], y[-1]):
            words += f", {name} {_number(y[i])} at {_number(x[i])}"
    return words


def _bars(bars: BarContainer) -> str:
    """Each bar with its name, or the range of many."""
    axis: Any = bars[0].axes
    horizontal = bars.orientation == "horizontal"
    ticks = axis.yaxis if horizontal else axis.xaxis
    heights = np.asarray(bars.datavalues, float)
    if len(heights) > LISTED:
        return f"{len(heights)} bars {_span(heights)}, highest bar {heights.argmax() + 1}"
    at = [
        p.get_y() + p.get_height() / 2 if horizontal else p.get_x() + p.get_width() / 2
        for p in bars
    ]
    labels = (label.get_text() for label in ticks.get_ticklabels())
    named = dict(zip(ticks.get_ticklocs(), labels))
    names = [_plain(named.get(round(a, 9), "")) or _number(a) for a in at]
    return ", ".join(f"{name} {_number(h)}" for name, h in zip(names, heights))


def _steps(steps: StepPatch) -> str:
    """A histogram: how many, and where the middle half lies."""
    counts, edges, _ = steps.get_data()
    counts, edges = np.asarray(counts, float), np.asarray(edges, float)
    if not counts.sum():
        return ""
    share = np.concatenate([[0], counts.cumsum() / counts.sum()])
    low, median, high = (_number(np.interp(q, share, edges)) for q in (0.25, 0.5, 0.75))
    middle = f"half of them between {low} and {high}, median {median}"
    return f"{_number(counts.sum())} values, {middle}"


def _map(image: AxesImage) -> str:
    """A matrix as colors, or a picture in color: its size and range."""
    values: np.ndarray = np.ma.filled(np.ma.asarray(image.get_array(), float), np.nan)
    rows, columns = values.shape[:2]
    if values.ndim == 3:
        return f"{rows} × {columns} pixels in color, {mean_color(values)}"
    bar = image.colorbar
    of = f" of {_plain(bar.ax.get_ylabel())}" if bar else ""
    return f"{rows} × {columns} values{of} {_span(values)}"


def mean_color(pixels: np.ndarray) -> str:
    """The mean of red, green and blue, the first of the channels.  (…, channels)"""
    means = pixels.reshape(-1, pixels.shape[-1])[:, :3].mean(0)
    colors = zip(("red", "green", "blue"), means)
    return "mean " + ", ".join(f"{color} {_number(mean)}" for color, mean in colors)


def _collection(collection: Collection) -> str:
    """Points, arrows or lines: how many, and where."""
    if isinstance(collection, Quiver):
        length = np.hypot(collection.U, collection.V)
        return f"{len(length)} arrows, lengths {_span(length)}"
    if isinstance(collection, LineCollection):
        return f"{len(collection.get_segments())} lines"
    if isinstance(collection, PathCollection):
        at = np.asarray(collection.get_offsets(), float)
        if len(at):
            return f"{len(at)} points, x {_span(at[:, 0])}, y {_span(at[:, 1])}"
    return ""


def _range(axis: Axes, which: str) -> str:
    """Name and limits of an axis; "" for one without name."""
    label = _plain(getattr(axis, f"get_{which}label")())
    if not label:
        return ""
    limits = np.sort(getattr(axis, f"get_{which}lim")())
    log = ", logarithmic" * (getattr(axis, f"get_{which}scale")() == "log")
    return f"{which} axis: {label}, {_span(limits)}{log}"


def _name(artist: Artist) -> str:
    """The label of an artist, unless it is matplotlib's own."""
    label = str(artist.get_label())
    return "" if label.startswith("_") else _plain(label)


def _plain(text: str) -> str:
    """Text without the signs of formulas: z1 for $z_1$, beta for $\\beta$."""

    def words(formula: re.Match) -> str:
        return re.sub(r"[{}_]", "", formula[1].replace("\\", " "))

    return " ".join(re.sub(r"\$([^$]*)\$", words, str(text)).split())


def _number(value: float) -> str:
    """Three digits."""
    return f"{float(value):.3g}".replace("-", "−").replace("e+0", "e")


def _span(values: np.ndarray) -> str:
    """From the smallest to the largest finite value."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "without a number"
    return f"from {_number(finite.min())} to {_number(finite.max())}"


# --- in notebooks -----------------------------------------------------------------------


def mime_bundle(png: str, words: str, size: dict[str, int]) -> tuple[dict, dict]:
    """An output with a picture and its alternative: data and metadata by MIME type.

    ``png`` in base64. JupyterLab and nbconvert ignore an alternative in the metadata and
    prefer HTML; other readers of notebooks look for the PNG.
    """
    shape = "".join(f' {name}="{pixels}"' for name, pixels in size.items())
    html = f'<img src="data:image/png;base64,{png}"{shape} alt="{escape(words)}">'
    return {"image/png": png, "text/html": html}, {"image/png": {**size, "alt": words}}


class _Drawing:
    """Draws a figure once for the two forms in which a notebook has it, HTML and PNG."""

    def __init__(self, draw: Callable) -> None:
        self.draw = draw  # figure -> PNG, or PNG and size
        self.kept: tuple[Any, Any] = (None, None)

    def html(self, figure: Figure) -> str:
        drawn = self.draw(figure)
        png, size = drawn if isinstance(drawn, tuple) else (drawn, {})
        data, metadata = mime_bundle(png.strip(), alt_text(figure), size)
        self.kept = figure, (data["image/png"], metadata["image/png"])
        return data["text/html"]

    def __call__(self, figure: Figure) -> tuple[str, dict]:
        if figure is not self.kept[0]:
            self.html(figure)
        (_, picture), self.kept = self.kept, (None, None)
        return picture


def show_figures_with_words() -> None:
    """From now on every matplotlib figure that a notebook shows has its alternative."""
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    if not hasattr(shell, "kernel"):  # no shell, or one in a terminal, which shows none
        return
    # Loaded at the first figure, the inline backend would take the form away again.
    plt.switch_backend(plt.get_backend())
    forms = shell.display_formatter.formatters

    def html(figure: Figure) -> str | None:
        draw = forms["image/png"].for_type(Figure)
        if draw is None:  # without matplotlib's inline backend
            return None
        if not isinstance(draw, _Drawing):  # now, or after %matplotlib inline
            draw = _Drawing(draw)
            forms["image/png"].for_type(Figure, draw)
        return draw.html(figure)

    forms["text/html"].for_type(Figure, html)  # it is called before that of the PNG
