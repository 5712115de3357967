"""A cursor on the plane of codes: what the widgets that walk there have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import traitlets
from numpy.typing import ArrayLike

from course_utils.plots import DIGIT_COLORS
from course_utils.widgets.core import BOTH_WAYS


class WithCursor(traitlets.HasTraits):
    """Mixin for a widget: ``z``, two numbers, inside of the box [−a, a]², a = ``half_width``.

    ``half_width`` is one of ``half_widths``; z follows into a smaller box.
    """

    half_widths = traitlets.List(traitlets.Float()).tag(sync=True)
    half_width = traitlets.Float().tag(**BOTH_WAYS)
    z = traitlets.List(traitlets.Float(), [0.0, 0.0], 2, 2).tag(**BOTH_WAYS)

    @traitlets.validate("half_width")
    def _one_of_the_boxes(self, proposal: dict) -> float:
        if proposal["value"] not in self.half_widths:
            raise traitlets.TraitError(f"half_width must be one of {self.half_widths}.")
        return proposal["value"]

    @traitlets.observe("half_width")
    def _into_the_box(self, change: dict) -> None:
        a = change["new"]
        self.z = [min(a, max(-a, value)) for value in self.z]

    @traitlets.validate("z")
    def _finite(self, proposal: dict) -> list[float]:
        if not all(map(math.isfinite, proposal["value"])):
            raise traitlets.TraitError("z must be two finite numbers.")
        return proposal["value"]


def checked_half_widths(half_widths: Sequence[float]) -> list[float]:
    """As floats; ValueError unless there is one, and all are positive and finite."""
    half_widths = [float(a) for a in half_widths]
    if not half_widths or not all(0 < a < math.inf for a in half_widths):
        raise ValueError(
            "half_widths must be positive numbers, a for each box [−a, a]², such as (1, 5)."
        )
    return half_widths


def checked_points(codes: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Codes (N, 2) and their labels (N,), as arrays; ValueError if a plane cannot show them."""
    codes = torch.as_tensor(codes).detach().cpu().numpy()
    labels = torch.as_tensor(labels).cpu().numpy()
    if codes.ndim != 2 or codes.shape[1] != 2 or len(codes) == 0:
        raise ValueError(
            f"the plane needs codes of shape (N, 2), a point each, not {codes.shape}."
        )
    if labels.shape != (len(codes),):
        raise ValueError(
            f"each code needs its label: {len(codes)} codes, labels of shape {labels.shape}."
        )
    if not np.isfinite(codes).all():
        raise ValueError("codes contain NaN or infinity.")
    known = range(len(DIGIT_COLORS))
    if not np.isin(labels, known).all():
        raise ValueError(f"labels must be whole numbers from 0 to {known[-1]}.")
    return codes, labels
