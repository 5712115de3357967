"""Ways from one code to another: straight in the plane, or short for the eye.

A step dz in the plane changes the picture by ‖g(z + dz) − g(z)‖. Adding this up along a
path gives its length: 1 is one pixel that turns from white to black. So the decoder
gives the plane a distance of its own, the pull-back metric JᵀJ with the Jacobian J of g,
and the path that changes the picture least is seldom the straight one.
Source: Arvanitidis, Hansen & Hauberg (2018), "Latent space oddity"; Shao, Kumar & Fletcher
(2018), "The Riemannian geometry of deep generative models".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from course_utils._interrupts import hold_interrupt
from course_utils._validation import (
    check_count,
    check_floats,
    check_positive,
    check_rows,
    check_vector,
)

Decoder = Callable[[Tensor], Tensor]  # z (B, 2) -> x (B, D)
STRIDES = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1))  # 16 ways
LENGTH_PENALTY = 1e-4  # added per unit of ‖dz‖, so that ties go to the shorter path
SMOOTHING_ROUNDS = (
    16  # rounds of the average with both neighbors, against the corners of the lattice
)
RELAX_STEPS = 10  # Adam steps on the energy; ten more shorten the path by about 0.3 %


@torch.no_grad()
def curve_length(g: Decoder, path: Tensor) -> Tensor:
    """Σₜ ‖g(zₜ₊₁) − g(zₜ)‖, how much the picture changes on the way.  (…, T, 2) -> (…)"""
    check_floats(path)
    if path.ndim < 2 or not path.numel():
        raise ValueError(f"a path is points in rows, (T, 2), not {tuple(path.shape)}.")
    return _steps(g, path).sum(-1)


@torch.no_grad()
def straight_paths(g: Decoder, ends: Tensor, *, points: int = 48) -> Tensor:
    """Between each two of the ends the straight line.  (M, 2) -> (P, T, 2)

    Pairs as in itertools.combinations; T = ``points``, in steps that change the picture
    equally, so that it takes its time where much happens.
    """
    _check_ends(ends)
    check_count("points", points, least=2)
    first, second = torch.combinations(torch.arange(len(ends)))[:, :, None].unbind(1)
    start, end = ends[first], ends[second]  # (P, 1, 2)
    share = torch.linspace(0, 1, points).to(ends)[:, None]
    return _evenly(g, torch.lerp(start, end, share))


def shortest_path(g: Decoder, start: Tensor, end: Tensor, **options) -> Tensor:
    """``shortest_paths`` between two points of the plane.  (2,), (2,) -> (T, 2)"""
    for point in (start, end):
        check_vector(point)
    check_rows(start[None], end[None])
    return shortest_paths(g, torch.stack([start, end]), **options)[0]


def shortest_paths(
    g: Decoder,
    ends: Tensor,
    *,
    half_width: float | None = None,
    n: int = 41,
    points: int = 48,
) -> Tensor:
    """Paths between the ends that change the picture least.  (M, 2) -> (P, T, 2)

    Pairs come as in itertools.combinations, T = ``points``, in equal steps of the picture.
    Dijkstra's algorithm finds a way over a lattice of n × n points z in [−a, a]², with
    a = half_width (a quarter more than the ends need, if it is not given) and steps to 16
    neighbors, of weight ‖g(zᵢ) − g(zⱼ)‖. It is smoothed, and relaxed by some steps down the
    energy Σₜ ‖g(zₜ₊₁) − g(zₜ)‖². Whichever is the shortest of both and the straight path
    is returned, so none is longer than that.

    ValueError unless there are two finite ends or more, all inside of the lattice.
    """
    _check_ends(ends)
    if half_width is None:
        half_width = 1.25 * float(ends.abs().max()) or 1.0
    check_positive("half_width", half_width)
    check_count("n", n, least=2)
    check_count("points", points, least=2)
    if half_width < ends.abs().max():
        raise ValueError(
            f"an end lies outside of the lattice over [−a, a]², a = {half_width:g}."
        )
    with torch.no_grad():
        nodes = _over_the_lattice(g, ends, half_width, n)
        found = _resampled(nodes, [path.diff(dim=0).norm(dim=1) for path in nodes], points)
        found = _evenly(g, found)
        ways = [straight_paths(g, ends, points=points), found]
        ways = torch.stack([*ways, _evenly(g, _relaxed(g, found, half_width / 1000))])
        return ways[curve_length(g, ways).argmin(0), torch.arange(ways.shape[1])]


# --- over the lattice -----------------------------------------------------------------


def _over_the_lattice(g: Decoder, ends: Tensor, half_width: float, n: int) -> list[Tensor]:
    """A shortest path of nodes for each pair, with both ends.  -> P times (nodes, 2)"""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    axis = torch.linspace(-half_width, half_width, n).to(ends)
    z = torch.cat([torch.cartesian_prod(axis, axis), ends])
    i, j = torch.cat(
        [_edges(n), _end_edges(z, ends, 1.5 * float(axis[1] - axis[0]))], dim=1
    )
    x = g(z)
    parts = zip(i.split(4096), j.split(4096))
    weight = torch.cat([(x[a] - x[b]).norm(dim=1) for a, b in parts])
    weight = weight.double() + LENGTH_PENALTY * (z[i] - z[j]).norm(dim=1)
    graph = coo_array((weight.cpu().numpy(), (i.numpy(), j.numpy())), (len(z), len(z)))
    sources = np.arange(n * n, len(z))
    _, before = dijkstra(graph.tocsr(), False, sources, return_predecessors=True)
    paths = []
    for a, b in combinations(range(len(ends)), 2):
        nodes = [n * n + b]
        while nodes[-1] != n * n + a:
            nodes.append(before[a, nodes[-1]])
        paths.append(z[nodes[::-1]])
    return paths


def _edges(n: int) -> Tensor:
    """Pairs of neighbors among the nodes of an n × n lattice.  -> (2, E)"""
    number, pairs = torch.arange(n * n).view(n, n), []
    for down, right in STRIDES:
        left = number[: n - down, max(0, -right) : n - max(0, right)]
        other = number[down:, max(0, right) : n - max(0, -right)]
        pairs.append(torch.stack([left.flatten(), other.flatten()]))
    return torch.cat(pairs, dim=1)


def _end_edges(z: Tensor, ends: Tensor, reach: float) -> Tensor:
    """From each end, which stand last in z, to all that is within reach.  -> (2, E)"""
    first, second = (torch.cdist(ends, z) < reach).nonzero().cpu().T
    first = first + len(z) - len(ends)
    return torch.stack([first, second])[:, second < first]


# --- along a path ---------------------------------------------------------------------


def _steps(g: Decoder, path: Tensor) -> Tensor:
    """‖g(zₜ₊₁) − g(zₜ)‖.  (…, T, 2) -> (…, T − 1)"""
    x = g(path.flatten(0, -2)).unflatten(0, path.shape[:-1])
    return x.diff(dim=-2).norm(dim=-1)


def _evenly(g: Decoder, paths: Tensor) -> Tensor:
    """The same ways, in steps that change the picture equally.  (P, T, 2) -> (P, T, 2)"""
    for _ in range(2):  # the first round's steps are measured on too coarse a line
        paths = _resampled(paths, _steps(g, paths), paths.shape[1])
    return paths


def _resampled(paths: Sequence[Tensor], steps: Sequence[Tensor], points: int) -> Tensor:
    """Points at equal shares of ways whose steps have these lengths.  -> (P, points, 2)"""
    new = []
    for path, step in zip(paths, steps):
        way = np.concatenate([[0], np.cumsum(step.double().cpu().numpy())])
        way += np.linspace(0, 1e-9, len(way))  # where nothing changes, z goes on
        at = np.linspace(0, way[-1], points)
        axes = [np.interp(at, way, axis) for axis in path.cpu().numpy().T]
        new.append(torch.from_numpy(np.stack(axes, axis=1)).to(path))
        new[-1][[0, -1]] = path[[0, -1]]  # exactly
    return torch.stack(new)


@torch.enable_grad()
def _relaxed(g: Decoder, paths: Tensor, rate: float) -> Tensor:
    """Smoothed, then down the energy Σₜ ‖g(zₜ₊₁) − g(zₜ)‖²; the ends stay.  -> (P, T, 2)"""
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
