"""Measures of sample quality, which need no likelihood."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils._validation import check_rows


def sharpness(images: Tensor) -> Tensor:
    """Gradient energy Σ (difference of neighboring pixels)², both ways.  (B, D) -> (B,)

    Images are square. Blur lowers it: an edge of height 1 that is spread over n pixels
    counts 1/n.
    """
    check_rows(images)
    side = round(images.shape[1] ** 0.5)
    if side * side != images.shape[1]:
        raise ValueError(f"images must be square; {images.shape[1]} pixels are not.")
    square = images.unflatten(1, (side, side))
    return square.diff(dim=1).square().sum((1, 2)) + square.diff(dim=2).square().sum((1, 2))


def energy_distance(x: Tensor, y: Tensor) -> Tensor:
    """2 E‖x − y‖ − E‖x − x′‖ − E‖y − y′‖, 0 only for equal distributions.

    (N, D), (M, D) -> (). Pairs x, x′ and y, y′ are pairs of different points, so the
    estimate has no bias and may fall a little below 0.
    ValueError for less than two points. Source: Székely & Rizzo (2013).
    """
    check_rows(x, y)
    if min(len(x), len(y)) < 2:
        raise ValueError("the energy distance needs at least two points of each set.")
    return 2 * torch.cdist(x, y).mean() - _mean_distance(x) - _mean_distance(y)


def _mean_distance(x: Tensor) -> Tensor:
    return torch.cdist(x, x).sum() / (len(x) * (len(x) - 1))
