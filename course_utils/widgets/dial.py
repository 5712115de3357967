"""Figures made in advance, one per value, with a slider or a row of buttons."""

from __future__ import annotations

from collections.abc import Mapping

import traitlets
from matplotlib.figure import Figure

from course_utils.widgets._validation import index_below
from course_utils.widgets.core import BOTH_WAYS, with_core
from course_utils.widgets.picture import WithPicture, halved, png, words_of

Value = float | str


class Dial(WithPicture):
    """Choose a value of ``name`` and see its figure at once: nothing is computed.

        Dial("λ", {lam: plots.curves(…) for lam in (0.1, 1, 10)})
        Dial("what went wrong", {"collapse": …, "holes": …}, captions={"collapse": "…"})

    Numbers get a slider, in the order of the mapping, and a button that plays them; if
    one of the values is a word, each value gets a button. ``captions`` are plain texts
    above the figure, for some values or all. The view needs no kernel, since it holds them.

    ``value`` is one of the keys, initially the first, and may be set; the trait ``index``,
    its position, may also be observed.
    ValueError for an empty mapping, an unknown value or a caption without its figure;
    TypeError for a value that is no Figure.
    """

    _esm = with_core("dial.js")
    _css = with_core("dial.css")

    name = traitlets.Unicode().tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)  # per value
    named = traitlets.Bool().tag(sync=True)  # buttons, otherwise a slider
    pictures = traitlets.List(traitlets.Bytes()).tag(sync=True)  # PNG, double resolution
    words = traitlets.List(traitlets.Unicode()).tag(sync=True)  # the figures in words
    captions = traitlets.List(traitlets.Unicode()).tag(sync=True)  # per value
    index = traitlets.Int(0).tag(**BOTH_WAYS)

    def __init__(
        self,
        name: str,
        figures: Mapping[Value, Figure],
        captions: Mapping[Value, str] | None = None,
        *,
        value: Value | None = None,
    ) -> None:
        _check(figures, captions or {})
        self._values = list(figures)
        pictures = [png(f, colors=256, density=2) for f in figures.values()]
        super().__init__(
            name=name,
            labels=[_label(value) for value in figures],
            named=any(isinstance(value, str) for value in figures),
            pictures=pictures,
            words=[words_of(picture) for picture in pictures],
            captions=[(captions or {}).get(value, "") for value in figures],
        )
        if value is not None:
            self.value = value

    @property
    def value(self) -> Value:
        return self._values[self.index]

    @value.setter
    def value(self, value: Value) -> None:
        if value not in self._values:
            raise ValueError(
                f"{value!r} is not a value of this dial: {', '.join(self.labels)}."
            )
        self.index = self._values.index(value)

    @traitlets.validate("index")
    def _valid_index(self, proposal: dict) -> int:
        return index_below(len(self._values), proposal)

    def picture(self) -> bytes:
        return halved(self.pictures[self.index])

    def __repr__(self) -> str:
        return f"Dial({self.name!r}, {len(self.pictures)} figures)"


def _label(value: Value) -> str:
    """0.30000000000000004 -> "0.3"; whole numbers and words are unchanged."""
    return str(value) if isinstance(value, str | int) else f"{value:g}"


def _check(figures: Mapping[Value, Figure], captions: Mapping[Value, str]) -> None:
    if not figures:
        raise ValueError(
            "a Dial needs at least one value and its figure: {value: figure, …}."
        )
    for value, figure in figures.items():
        if not isinstance(figure, Figure):
            raise TypeError(
                f"a Dial shows matplotlib Figures; for {value!r} it got "
                f"{type(figure).__name__}: use a function of course_utils.plots."
            )
    for value in captions:
        if value not in figures:
            raise ValueError(f"there is a caption for {value!r}, but no figure.")
