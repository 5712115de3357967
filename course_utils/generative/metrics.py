"""Measures of sample quality, which need no likelihood, and images that set their scale."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils._validation import check_finite_rows, check_integers, check_rows
from course_utils.theory.lattice import distance_to_nearest


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


def off_data_share(x: Tensor, data: Tensor, fresh: Tensor) -> Tensor:
    """Share of the points x that are farther from the data than 99 % of fresh data are.

    (N, D), (M, D), (L, D) -> (). Distances are those to the nearest of the M data points;
    about 0.01 for points of the same distribution. Points between two clusters or beside a
    thin curve hardly change the energy distance, but count here.
    """
    check_rows(x, data, fresh)
    limit = distance_to_nearest(fresh, data).quantile(0.99)
    return (distance_to_nearest(x, data) > limit).float().mean()


def chimeras(images: Tensor, labels: Tensor) -> Tensor:
    """Upper halves of images over lower halves of others with another label.

    (N, D), (N,) -> (M, D), M < N. Their pixels are those of real digits and they are no
    digits: what a measure of new digits gives them is its zero.
    ValueError if no two labels differ.
    """
    check_finite_rows(images)
    check_integers("labels", labels, 10, (len(images),))
    other = torch.randperm(len(images), device=images.device)
    differ = labels != labels[other]
    if not differ.any():
        raise ValueError("chimeras need images with different labels.")
    half = images.shape[1] // 2
    return torch.cat([images[:, :half], images[other, half:]], dim=1)[differ]


def _mean_distance(x: Tensor) -> Tensor:
    return torch.cdist(x, x).sum() / (len(x) * (len(x) - 1))
