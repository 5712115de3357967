"""The classes of the codes in a plane: names, colors and markers, as in ``plots``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import traitlets
from numpy.typing import ArrayLike

from course_utils import plots

MOST = 2**16  # numbers of two bytes


class WithClasses(traitlets.HasTraits):
    """Mixin for a widget: the class of each code, and name, color and marker of each class.

    Classes are counted from 0, as ``classes`` lists them. Ten of them have colors of their
    own; the next ten have the same colors and another marker.
    """

    labels = traitlets.Bytes().tag(sync=True)  # uint16 (N,), the class of each code
    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)  # names
    colors = traitlets.List(traitlets.Unicode()).tag(sync=True)  # of each class
    markers = traitlets.List(traitlets.Unicode()).tag(sync=True)


def class_traits(
    labels: ArrayLike, n: int, names: Sequence[str] | None
) -> tuple[np.ndarray, dict]:
    """The class of each of n codes, and the traits of WithClasses.  -> int64 (n,), dict

    ValueError for labels that ``plots.as_classes`` refuses.
    """
    numbers, known = plots.as_classes(labels, n, names)
    if len(known) > MOST:
        raise ValueError(f"a plane shows at most {MOST} classes, not {len(known)}.")
    of_class = np.searchsorted(list(known), numbers)  # 0, 1, … for labels 12, 40, …
    return of_class, {
        "labels": of_class.astype("<u2").tobytes(),
        "classes": list(known.values()),
        "colors": [plots.class_color(number) for number in known],
        "markers": [plots.class_marker(number) for number in known],
    }


def are_digits(classes: dict) -> bool:
    """Whether these traits of WithClasses are those of the digits 0 to 9."""
    return classes["classes"] == [str(digit) for digit in range(10)]
