"""Several decoders with one cursor: the same z in each latent plane, decoded by each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import traitlets
from numpy.typing import ArrayLike
from torch import nn

from course_utils import plots
from course_utils.widgets._validation import checked_points, checked_shape
from course_utils.widgets.classes import WithClasses, class_traits
from course_utils.widgets.core import with_core
from course_utils.widgets.cursor import WithCursor, checked_half_widths
from course_utils.widgets.network import browser_network
from course_utils.widgets.picture import WithPicture, png

CODES = 1000  # shown for each model; each frame searches the nearest


class SideBySide(WithPicture, WithCursor, WithClasses):
    """One z in several latent planes: each decoded image, and the nearest code.

        SideBySide({"AE": (ae.decoder, codes), "VAE": (g, mu)}, labels)

    models       name -> (g, codes). The decoder g: an nn.Sequential that the browser can
                 run, see ``browser_network``, from (B, 2) to images (B, D) or (B, C, H, W)
                 in [0, 1]; other values are clipped. The browser runs a copy of its weights
                 in float16, in eval mode. Codes (N, 2) of the same N images; only the first
                 1000 are used.
    labels       (N,), whole numbers from 0, or words, of any number of classes. Ten have
                 colors of their own; more than ten differ by color and marker.
    half_widths  a of each box [−a, a]² to choose from, initially the first.
    names        of the classes: those of labels 0, 1, …, or the order of words
    shape        (height, width), gray, or (channels, height, width) of images that are
                 rows, by default gray and square

    The button draws z from the prior N(0, I), and switches to a larger box if there is one
    and z needs it.

    Traits shared with the view: ``z``, two numbers, about 0.1 s after the cursor stops,
    and ``half_width``. Both may be set from Python.
    TypeError or ValueError for anything that the browser cannot draw.
    """

    _esm = with_core("side_by_side.js")
    _css = with_core("side_by_side.css")

    names = traitlets.List(traitlets.Unicode()).tag(sync=True)  # of the models
    decoders = traitlets.List(traitlets.Dict()).tag(sync=True)  # of browser_network
    shapes = traitlets.List(traitlets.List()).tag(sync=True)  # of images, per model
    codes = traitlets.List(traitlets.Bytes()).tag(sync=True)  # float32 (N, 2), per model

    def __init__(
        self,
        models: Mapping[str, tuple[nn.Module, ArrayLike]],
        labels: ArrayLike,
        half_widths: Sequence[float] = (3, 10),
        *,
        names: Sequence[str] | None = None,
        shape: plots.Shape | None = None,
    ) -> None:
        _check_pairs(models)
        half_widths = checked_half_widths(half_widths)
        self._planes, networks = {}, []
        for name, (g, codes) in models.items():
            points = checked_points("codes", codes)
            self._labels = plots.as_labels(labels, len(points), "codes")[:CODES]
            self._planes[name] = points[:CODES]
            networks.append(browser_network(g, n_in=2))
        _, classes = class_traits(self._labels, len(self._labels), names)
        self._names = names
        outputs = [torch.empty(1, *network["shape"]) for network in networks]
        shapes = [checked_shape(output, shape) for output in outputs]
        super().__init__(
            names=list(models),
            decoders=networks,
            shapes=shapes,
            codes=[codes.astype("<f4").tobytes() for codes in self._planes.values()],
            **classes,
            half_widths=half_widths,
            half_width=half_widths[0],
        )

    def picture(self) -> bytes:
        """The planes with their codes and the prior's rings, each on its own scale."""
        title = (
            "The same digits in several planes, each on its own scale; dashed: the prior"
        )
        figure = plots.latent_planes(
            self._planes, self._labels, title=title, names=self._names, rings=True
        )
        return png(figure, colors=128)

    def __repr__(self) -> str:
        boxes = ", ".join(f"{a:g}" for a in self.half_widths)
        names = ", ".join(self.names)
        return f"SideBySide({names}; {len(self._labels)} codes each, half_widths ({boxes}))"


def _check_pairs(models: Mapping[str, tuple[nn.Module, ArrayLike]]) -> None:
    if not isinstance(models, Mapping) or not models:
        raise TypeError('models is a dict of pairs: {"AE": (decoder, codes), …}.')
    for name, pair in models.items():
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(
                f"{name!r} needs a pair (decoder, codes), not a {type(pair).__name__}."
            )
        if not isinstance(pair[0], nn.Module):
            raise TypeError(
                f"the decoder of {name!r} must be an nn.Module; it is a "
                f"{type(pair[0]).__name__}."
            )
