"""Paths between codes: straight ones, and those on which the picture changes least.

A step dz in the plane changes the picture by ‖g(z + dz) − g(z)‖. Their sum along a path is
its length: 1 is one pixel that turns from white to black. So the decoder induces a metric
on the plane, the pull-back metric JᵀJ with the Jacobian J of g, and the shortest path, the
geodesic, is seldom the straight one.
Source: Arvanitidis, Hansen & Hauberg (2018), "Latent space oddity"; Shao, Kumar & Fletcher
(2018), "The Riemannian geometry of deep generative models".
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from course_utils._interrupts import hold_interrupt
from course_utils._validation import (
    check_floats,
    check_positive,
    check_rows,
)
from course_utils.objectives import Decoder

POINTS = 48  # T, of each path
NODES = 41  # a side of the lattice
STRIDES = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1))  # and back
LENGTH_PENALTY = 1e-4  # added per unit of ‖dz‖, so that ties go to the shorter path
SMOOTHING_ROUNDS = 16  # averages with both neighbors, against the corners of the lattice
RELAX_STEPS = 10  # Adam steps on the energy; ten more shorten the path by about 0.3 %


@torch.no_grad()
def curve_length(g: Decoder, path: Tensor) -> Tensor:
    """Σₜ ‖g(zₜ₊₁) − g(zₜ)‖, how much the picture changes along a path.  (…, T, 2) -> (…)"""
    check_floats(path)
    if path.ndim < 2 or not path.numel():
        raise ValueError(f"a path is points in rows, (T, 2), not {tuple(path.shape)}.")
    return _steps(g, path).sum(-1)


@torch.no_grad()
def straight_paths(g: Decoder, ends: Tensor) -> Tensor:
    """The straight line between each two of the ends.  (M, 2) -> (P, T, 2)

    Pairs as in itertools.combinations; T = 48 points, in steps that change the picture
    equally: short where it changes fast.
    """
    _check_ends(ends)
    first, second = torch.combinations(torch.arange(len(ends)))[:, :, None].unbind(1)
    start, end = ends[first], ends[second]  # (P, 1, 2)
    share = torch.linspace(0, 1, POINTS).to(ends)[:, None]
    return _evenly(g, torch.lerp(start, end, share))


def shortest_paths(g: Decoder, ends: Tensor, *, half_width: float | None = None) -> Tensor:
    """Paths between the ends on which the picture changes least.  (M, 2) -> (P, T, 2)

    Pairs and points as in ``straight_paths``. Dijkstra's algorithm finds a path over a
    lattice of 41 × 41 points z in [−a, a]², with a = half_width (a quarter more than the
    ends need, if it is not given) and edges to 16 neighbors, of weight ‖g(zᵢ) − g(zⱼ)‖. It
    is smoothed, and relaxed by gradient descent on the energy Σₜ ‖g(zₜ₊₁) − g(zₜ)‖². The
    shortest of these two and the straight path is returned, so none is longer than that.

    ValueError unless there are two finite ends or more, all inside of the lattice.
    """
    _check_ends(ends)
    if half_width is None:
        half_width = 1.25 * float(ends.abs().max()) or 1.0
    check_positive("half_width", half_width)
    if half_width < ends.abs().max():
        raise ValueError(
            f"an end lies outside of the lattice over [−a, a]², a = {half_width:g}."
        )
    with torch.no_grad():
        nodes = _over_the_lattice(g, ends, half_width)
        found = _resampled(nodes, [path.diff(dim=0).norm(dim=1) for path in nodes])
        found = _evenly(g, found)
        relaxed = _evenly(g, _relaxed(g, found, half_width / 1000))
        paths = torch.stack([straight_paths(g, ends), found, relaxed])
        return paths[curve_length(g, paths).argmin(0), torch.arange(paths.shape[1])]


# --- over the lattice -----------------------------------------------------------------


def _over_the_lattice(g: Decoder, ends: Tensor, half_width: float) -> list[Tensor]:
    """A shortest path of nodes for each pair, with both ends.  -> P times (nodes, 2)"""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    axis = torch.linspace(-half_width, half_width, NODES).to(ends)
    z = torch.cat([torch.cartesian_prod(axis, axis), ends])
    reach = 1.5 * float(axis[1] - axis[0])
    i, j = torch.cat([_edges(), _end_edges(z, ends, reach)], dim=1)
    x = g(z)
    parts = zip(i.split(4096), j.split(4096))
    weight = torch.cat([(x[a] - x[b]).norm(dim=1) for a, b in parts])
    weight = weight.double() + LENGTH_PENALTY * (z[i] - z[j]).norm(dim=1)
    graph = coo_array((weight.cpu().numpy(), (i.numpy(), j.numpy())), (len(z), len(z)))
    first = NODES**2  # the number of the first end
    sources = np.arange(first, len(z))
    _, before = dijkstra(graph.tocsr(), False, sources, return_predecessors=True)
    paths = []
    for a, b in combinations(range(len(ends)), 2):
        nodes = [first + b]
        while nodes[-1] != first + a:
            nodes.append(before[a, nodes[-1]])
        paths.append(z[nodes[::-1]])
    return paths


def _edges() -> Tensor:
    """Pairs of neighbors among the nodes of the lattice.  -> (2, E)"""
    number, pairs = torch.arange(NODES**2).view(NODES, NODES), []
    for down, right in STRIDES:
        left = number[: NODES - down, max(0, -right) : NODES - max(0, right)]
        other = number[down:, max(0, right) : NODES - max(0, -right)]
        pairs.append(torch.stack([left.flatten(), other.flatten()]))
    return torch.cat(pairs, dim=1)


def _end_edges(z: Tensor, ends: Tensor, reach: float) -> Tensor:
    """From each end, the last rows of z, to all nodes within reach.  -> (2, E)"""
    first, second = (torch.cdist(ends, z) < reach).nonzero().cpu().T
    first = first + len(z) - len(ends)
    return torch.stack([first, second])[:, second < first]


# --- along a path ---------------------------------------------------------------------


def _steps(g: Decoder, path: Tensor) -> Tensor:
    """‖g(zₜ₊₁) − g(zₜ)‖.  (…, T, 2) -> (…, T − 1)"""
    x = g(path.flatten(0, -2)).unflatten(0, path.shape[:-1])
    return x.diff(dim=-2).norm(dim=-1)


def _evenly(g: Decoder, paths: Tensor) -> Tensor:
    """The same paths, in steps that change the picture equally.  (P, T, 2) -> (P, T, 2)"""
    for _ in range(2):  # the first round's steps are measured on too coarse a line
        paths = _resampled(paths.unbind(), _steps(g, paths).unbind())
    return paths


def _resampled(paths: Iterable[Tensor], steps: Iterable[Tensor]) -> Tensor:
    """Points at equal shares of paths whose steps have these lengths.  -> (P, T, 2)"""
    new = []
    for path, step in zip(paths, steps):
        length = np.concatenate([[0], np.cumsum(step.double().cpu().numpy())])
        length += np.linspace(0, 1e-9, len(length))  # z moves on where nothing changes
        at = np.linspace(0, length[-1], POINTS)
        axes = [np.interp(at, length, axis) for axis in path.cpu().numpy().T]
        new.append(torch.from_numpy(np.stack(axes, axis=1)).to(path))
        new[-1][[0, -1]] = path[[0, -1]]  # exactly
    return torch.stack(new)


@torch.enable_grad()
def _relaxed(g: Decoder, paths: Tensor, rate: float) -> Tensor:
    """Smoothed, then down the energy Σₜ ‖g(zₜ₊₁) − g(zₜ)‖²; the ends are fixed."""
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
            "a path needs two ends or more, finite points of the plane in rows, not "
            f"{tuple(ends.shape)}."
        )
