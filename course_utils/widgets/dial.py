"""A slider over figures that were made beforehand."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
from matplotlib.figure import Figure

from course_utils.widgets.picture import WithPicture, png


class Dial(WithPicture, ipywidgets.VBox):
    """Turn ``name`` and see the figure of each value, at once: nothing is computed.

        Dial("λ", {lam: plots.curves(…) for lam in (0.1, 1, 10)})

    ``slider.value`` is one of the keys, in the order of the mapping; ``image.value`` is
    the PNG of its figure. Without a script, the first figure stands in.
    ValueError for an empty mapping, TypeError for a value that is no Figure.
    """

    def __init__(self, name: str, figures: Mapping[float | str, Figure]) -> None:
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
        self._name = name
        self._pictures = {value: png(figure) for value, figure in figures.items()}
        self.slider = ipywidgets.SelectionSlider(
            options=[(_label(value), value) for value in figures],
            description=name,
            style={"description_width": "initial"},
            layout={"width": "28em", "max_width": "100%"},
        )
        self.image = ipywidgets.Image(
            value=self.picture(),
            layout={"max_width": "100%", "align_self": "flex-start"},  # not stretched
        )
        self.slider.observe(self._turn, names="value")
        super().__init__([self.slider, self.image])

    def _turn(self, change: dict) -> None:
        self.image.value = self._pictures[change["new"]]

    def picture(self) -> bytes:
        return next(iter(self._pictures.values()))

    def __repr__(self) -> str:
        return f"Dial({self._name!r}, {len(self._pictures)} figures)"


def _label(value: float | str) -> str:
    """0.30000000000000004 reads 0.3; whole numbers and words read as they are."""
    return str(value) if isinstance(value, str | int) else f"{value:g}"
