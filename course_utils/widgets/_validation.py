"""Checks shared by widgets: of arguments, and of the values of traits."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor
from traitlets import TraitError

from course_utils.plots import DIGIT_COLORS, as_array

# --- arguments ------------------------------------------------------------------------


def checked_points(name: str, points: ArrayLike) -> np.ndarray:
    """Points of the plane as an array (N, 2); ValueError for anything else."""
    points = as_array(points)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise ValueError(
            f"{name} must have shape (N, 2), one row per point, not {points.shape}."
        )
    if not np.isfinite(points).all():
        raise ValueError(f"{name} contain NaN or infinity.")
    return points


def checked_labels(labels: ArrayLike, n: int, of: str) -> np.ndarray:
    """Labels of n codes or images (``of``); ValueError for another shape.  (n,)"""
    labels = as_array(labels)
    if labels.shape != (n,):
        raise ValueError(
            f"one label for each is needed: {n} {of}, labels of shape {labels.shape}."
        )
    return labels


def checked_digits(labels: ArrayLike, n: int, of: str) -> np.ndarray:
    """As ``checked_labels``; ValueError unless each has a color.  -> uint8 (n,)"""
    labels = checked_labels(labels, n, of)
    known = range(len(DIGIT_COLORS))
    if not np.isin(labels, known).all():
        raise ValueError(f"labels must be whole numbers from 0 to {known[-1]}.")
    return labels.astype(np.uint8)


def check_square_images(x: Tensor) -> None:
    """TypeError or ValueError unless x holds square images, one per row.  (N, side²)"""
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a tensor (N, side²), not {type(x).__name__}.")
    if x.ndim != 2 or len(x) == 0 or math.isqrt(x.shape[1]) ** 2 != x.shape[1]:
        raise ValueError(
            f"x must hold square images, one per row, (N, side²), not {tuple(x.shape)}."
        )


# --- traits: a validator's proposal -> its value, or TraitError -----------------------


def finite(proposal: dict) -> list[float]:
    if not all(map(math.isfinite, proposal["value"])):
        raise TraitError(f"{proposal['trait'].name} must be two finite numbers.")
    return proposal["value"]


def one_of(known: Collection, proposal: dict) -> Any:
    if proposal["value"] not in known:
        raise TraitError(f"{proposal['trait'].name} must be one of {known}.")
    return proposal["value"]


def index_below(n: int, proposal: dict) -> int:
    if not 0 <= proposal["value"] < n:
        raise TraitError(f"{proposal['trait'].name} must be from 0 to {n - 1}.")
    return proposal["value"]
