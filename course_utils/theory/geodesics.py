"""Paths between codes: straight lines, and geodesics, along which the image changes least.

A step dz in the plane changes the image by ‖g(z + dz) − g(z)‖. The sum of these along a
path is its length: 1 is one pixel that turns from white to black. So the decoder induces a
metric on the plane, the pull-back metric JᵀJ with the Jacobian J of g, and the shortest
path, the geodesic, is seldom the straight line. The decoder g runs in eval mode.
Source: Arvanitidis, Hansen & Hauberg (2018), "Latent space oddity"; Shao, Kumar & Fletcher
(2018), "The Riemannian geometry of deep generative models".
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from course_utils._validation import (
    check_floats,
    check_positive,
    check_rows,
)
from course_utils.modes import measure
from course_utils.objectives import Decoder
from course_utils.training import hold_interrupt

POINTS = 48  # T, points of each path
NODES = 41  # per side of the lattice
STRIDES = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1))  # undirected
LENGTH_PENALTY = 1e-4  # added per unit of ‖dz‖, so that ties go to the shorter path
SMOOTHING_ROUNDS = 16  # averages with both neighbors, to round the corners of lattice paths
RELAX_STEPS = 10  # Adam steps on the energy; ten more shorten the path by about 0.3 %


@measure
def curve_length(g: Decoder, path: Tensor) -> Tensor:
    """Σₜ ‖g(zₜ₊₁) − g(zₜ)‖, how much the image changes along a path.  (…, T, 2) -> (…)"""
    check_floats(path)
    if path.ndim < 2 or not path.numel():
        raise ValueError(f"a path is points in rows, (T, 2), not {tuple(path.shape)}.")
    return _steps(g, path).sum(-1)


@measure
def straight_paths(g: Decoder, ends: Tensor) -> Tensor:
    """The straight line between each pair of ends.  (M, 2) -> (P, T, 2)

    Pairs as in itertools.combinations; T = 48 points, in steps that change the image
    equally: short where it changes fast.
    """
    _check_ends(ends)
    first, second = torch.combinations(torch.arange(len(ends)))[:, :, None].unbind(1)
    start, end = ends[first], ends[second]  # (P, 1, 2)
    fraction = torch.linspace(0, 1, POINTS).to(ends)[:, None]
    return _equal_steps(g, torch.lerp(start, end, fraction))


@measure
def shortest_paths(g: Decoder, ends: Tensor, *, half_width: float | None = None) -> Tensor:
    """Paths between the ends along which the image changes least.  (M, 2) -> (P, T, 2)

    Pairs and points as in ``straight_paths``. Dijkstra's algorithm finds a path over a
    lattice of 41 × 41 points z in [−a, a]², with a = half_width (by default 1.25 times
    the largest coordinate of an end) and edges to 16 neighbors, of weight ‖g(zᵢ) − g(zⱼ)‖.
    It is smoothed, and relaxed by gradient descent on the energy Σₜ ‖g(zₜ₊₁) − g(zₜ)‖². The
    shortest of these two and the straight line is returned.

    ValueError unless there are at least two finite ends, all inside the lattice.
    """
    _check_ends(ends)
    if half_width is None:
        half_width = 1.25 * float(ends.abs().max()) or 1.0
    check_positive("half_width", half_width)
    if half_width < ends.abs().max():
        raise ValueError(
            f"an end lies outside the lattice over [−a, a]², a = {half_width:g}."
        )
    nodes = _lattice_paths(g, ends, half_width)
    coarse = _resampled(nodes, [path.diff(dim=0).norm(dim=1) for path in nodes])
    coarse = _equal_steps(g, coarse)
    relaxed = _equal_steps(g, _relaxed(g, coarse, half_width / 1000))
    paths = torch.stack([straight_paths(g, ends), coarse, relaxed])
    return paths[curve_length(g, paths).argmin(0), torch.arange(paths.shape[1])]


# --- paths over the lattice -----------------------------------------------------------


def _lattice_paths(g: Decoder, ends: Tensor, half_width: float) -> list[Tensor]:
    """A shortest path of nodes for each pair, with both ends.  -> P times (nodes, 2)"""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    axis = torch.linspace(-half_width, half_width, NODES).to(ends)
    z = torch.cat([torch.cartesian_prod(axis, axis), ends])
    radius = 1.5 * float(axis[1] - axis[0])
    i, j = torch.cat([_edges(), _end_edges(z, ends, radius)], dim=1)
    x = g(z)
    chunks = zip(i.split(4096), j.split(4096))
    weight = torch.cat([(x[a] - x[b]).norm(dim=1) for a, b in chunks])
    weight = weight.double() + LENGTH_PENALTY * (z[i] - z[j]).norm(dim=1)
    graph = coo_array((weight.cpu().numpy(), (i.numpy(), j.numpy())), (len(z), len(z)))
    first = NODES**2  # index of the first end
    sources = np.arange(first, len(z))
    _, predecessors = dijkstra(graph.tocsr(), False, sources, return_predecessors=True)
    paths = []
    for a, b in combinations(range(len(ends)), 2):
        nodes = [first + b]
        while nodes[-1] != first + a:
            nodes.append(predecessors[a, nodes[-1]])
        paths.append(z[nodes[::-1]])
    return paths


def _edges() -> Tensor:
    """Pairs of neighbors among the nodes of the lattice.  -> (2, E)"""
    index, pairs = torch.arange(NODES**2).view(NODES, NODES), []
    for down, right in STRIDES:
        start = index[: NODES - down, max(0, -right) : NODES - max(0, right)]
        end = index[down:, max(0, right) : NODES - max(0, -right)]
        pairs.append(torch.stack([start.flatten(), end.flatten()]))
    return torch.cat(pairs, dim=1)


def _end_edges(z: Tensor, ends: Tensor, radius: float) -> Tensor:
    """From each end, the last rows of z, to all nodes within the radius.  -> (2, E)"""
    first, second = (torch.cdist(ends, z) < radius).nonzero().cpu().T
    first = first + len(z) - len(ends)
    return torch.stack([first, second])[:, second < first]


# --- along a path ---------------------------------------------------------------------


def _steps(g: Decoder, path: Tensor) -> Tensor:
    """‖g(zₜ₊₁) − g(zₜ)‖.  (…, T, 2) -> (…, T − 1)"""
    x = g(path.flatten(0, -2)).unflatten(0, path.shape[:-1])
    return x.diff(dim=-2).norm(dim=-1)


def _equal_steps(g: Decoder, paths: Tensor) -> Tensor:
    """The same paths, in steps that change the image equally.  (P, T, 2) -> (P, T, 2)"""
    for _ in range(2):  # the first round measures its steps on too coarse a path
        paths = _resampled(paths.unbind(), _steps(g, paths).unbind())
    return paths


def _resampled(paths: Iterable[Tensor], steps: Iterable[Tensor]) -> Tensor:
    """Points at equal distances along paths with these step lengths.  -> (P, T, 2)"""
    resampled = []
    for path, step in zip(paths, steps):
        length = np.concatenate([[0], np.cumsum(step.double().cpu().numpy())])
        length += np.linspace(0, 1e-9, len(length))  # increasing for a constant image
        at = np.linspace(0, length[-1], POINTS)
        axes = [np.interp(at, length, axis) for axis in path.cpu().numpy().T]
        resampled.append(torch.from_numpy(np.stack(axes, axis=1)).to(path))
        resampled[-1][[0, -1]] = path[[0, -1]]  # without rounding
    return torch.stack(resampled)


@torch.enable_grad()
def _relaxed(g: Decoder, paths: Tensor, rate: float) -> Tensor:
    """Smoothed, then gradient descent on Σₜ ‖g(zₜ₊₁) − g(zₜ)‖²; the ends are fixed."""
    first, last = paths[:, :1], paths[:, -1:]
    for _ in range(SMOOTHING_ROUNDS):
        inner = (paths[:, :-2] + 2 * paths[:, 1:-1] + paths[:, 2:]) / 4
        paths = torch.cat([first, inner, last], dim=1)
    inner = inner.clone().requires_grad_()
    with hold_interrupt():
        adam = torch.optim.Adam([inner], lr=rate)
    for _ in range(RELAX_STEPS):
        path = torch.cat([first, inner, last], dim=1)
        (inner.grad,) = torch.autograd.grad(_steps(g, path).square().sum(), inner)
        adam.step()
    return torch.cat([first, inner.detach(), last], dim=1)


def _check_ends(ends: Tensor) -> None:
    check_rows(ends)
    if ends.shape[1] != 2 or len(ends) < 2 or not ends.isfinite().all():
        raise ValueError(
            "a path needs at least two ends, finite points of the plane in rows, not "
            f"{tuple(ends.shape)}."
        )
