"""Checks shared by widgets: of arguments, and of the values of traits."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor
from traitlets import TraitError

from course_utils.plots import Shape, as_array, as_points, image_shape

# --- arguments ------------------------------------------------------------------------


def checked_points(name: str, points: ArrayLike) -> np.ndarray:
    """Points of the plane as an array (N, 2); ValueError for anything else."""
    points = as_points(points, name)
    if len(points) == 0:
        raise ValueError(f"{name} must have at least one row, not {points.shape}.")
    if not np.isfinite(points).all():
        raise ValueError(f"{name} contain NaN or infinity.")
    return points


def checked_codes(codes: ArrayLike) -> np.ndarray:
    """Codes of two or more dimensions as an array (N, K); ValueError for anything else."""
    codes = as_array(codes)
    if codes.ndim != 2 or codes.shape[1] < 2 or len(codes) == 0:
        raise ValueError(
            f"codes must have shape (N, K), one row per image and K ≥ 2, not {codes.shape}."
        )
    if not np.isfinite(codes).all():
        raise ValueError("codes contain NaN or infinity.")
    return codes


def checked_shape(images: Tensor, shape: Shape | None) -> list[int]:
    """Of one image each: [height, width] if it is gray, [3, height, width] in color.

    ``images`` are rows (n, D), which need a ``shape`` if they are no gray squares, or
    (n, height, width), or (n, channels, height, width).
    """
    own = images.shape[1:]
    sides = [*image_shape(math.prod(own), tuple(own) if len(own) > 1 else shape)]
    if shape is not None and sides != [*image_shape(math.prod(own), shape)]:
        raise ValueError(f"shape is {shape!r}, but the images are {tuple(own)}.")
    return sides if sides[:-2] == [3] else sides[-2:]


def gray_shape(pixels: int, shape: Shape | None) -> list[int]:
    """Height and width of a gray image; ValueError for one in color."""
    channels, *sides = image_shape(pixels, shape)
    if channels > 1:
        raise ValueError(f"this widget draws gray images only, not those of {shape!r}.")
    return sides


def check_image_rows(x: Tensor) -> None:
    """TypeError or ValueError unless x holds images, one per row.  (N, D)"""
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a tensor (N, D), not {type(x).__name__}.")
    if x.ndim != 2 or len(x) == 0:
        raise ValueError(f"x must hold images, one per row, (N, D), not {tuple(x.shape)}.")


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
