"""The cursor in the latent plane, shared by several widgets."""

from __future__ import annotations

import math
from collections.abc import Sequence

import traitlets

from course_utils.widgets._validation import finite, one_of
from course_utils.widgets.core import BOTH_WAYS


class WithCursor(traitlets.HasTraits):
    """Mixin for a widget: ``z``, two numbers, within the box [−a, a]², a = ``half_width``.

    ``half_width`` is one of ``half_widths``; choosing a smaller box clips z to it.
    """

    half_widths = traitlets.List(traitlets.Float()).tag(sync=True)
    half_width = traitlets.Float().tag(**BOTH_WAYS)
    z = traitlets.List(traitlets.Float(), [0.0, 0.0], 2, 2).tag(**BOTH_WAYS)

    @traitlets.validate("half_width")
    def _one_of_the_boxes(self, proposal: dict) -> float:
        return one_of(self.half_widths, proposal)

    @traitlets.observe("half_width")
    def _into_the_box(self, change: dict) -> None:
        a = change["new"]
        self.z = [min(a, max(-a, value)) for value in self.z]

    @traitlets.validate("z")
    def _of_finite_numbers(self, proposal: dict) -> list[float]:
        return finite(proposal)


def checked_half_widths(half_widths: Sequence[float]) -> list[float]:
    """As floats; ValueError if there is none, or one is not positive and finite."""
    try:
        numbers = [float(a) for a in half_widths]
    except (TypeError, ValueError):
        numbers = []
    if not numbers or not all(0 < a < math.inf for a in numbers):
        raise ValueError(
            "half_widths must be positive numbers, a for each box [−a, a]², such as (1, 5)."
        )
    return numbers
