"""Straight and short paths in the plane of codes, held against decoders of known metric."""

from itertools import combinations

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from course_utils.theory.geodesics import (
    curve_length,
    shortest_paths,
    straight_paths,
)

ENDS = torch.tensor([[-1.0, -0.3], [1.0, 0.5], [0.2, 1.4]])


@pytest.fixture
def vivid():
    """A decoder that bends, with weights large enough for sharp pictures."""
    torch.manual_seed(0)
    decoder = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 49), nn.Sigmoid())
    for layer in (decoder[0], decoder[2]):
        nn.init.normal_(layer.weight, std=1.5)
        nn.init.normal_(layer.bias)
    return decoder


def linear(z):
    """Twice as far along z₁ as along z₂: a metric that is the same everywhere."""
    return z @ torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.6, 0.8]])


def hill(z):
    """A hill of height 4 at the origin, above a plane: a surface that one can walk on."""
    return torch.cat([z, 4 * torch.exp(-4 * z.square().sum(-1, keepdim=True))], dim=-1)


def test_curve_length_is_the_sum_of_the_steps():
    path = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0], [0.0, 0.0]])
    last = (2**2 + 2**2) ** 0.5
    assert_close(curve_length(linear, path), torch.tensor(2 + 2 + last))
    both = torch.stack([path, path.flip(0)])[None]
    assert_close(curve_length(linear, both), torch.full((1, 2), 2 + 2 + last))


def test_a_change_of_one_pixel_from_white_to_black_has_length_one():
    path = torch.tensor([[0.0, 0.0], [0.5, 0.0], [1.0, 0.0]])
    assert curve_length(lambda z: z[:, :1], path) == 1


@pytest.mark.parametrize("find", [straight_paths, shortest_paths])
def test_paths_join_each_pair_of_ends_exactly_and_in_equal_steps(find, vivid):
    paths = find(vivid, ENDS)
    assert paths.shape == (3, 48, 2)
    for path, (i, j) in zip(paths, combinations(range(3), 2)):
        assert path[0].tolist() == ENDS[i].tolist()
        assert path[-1].tolist() == ENDS[j].tolist()
        with torch.no_grad():
            steps = vivid(path).diff(dim=0).norm(dim=1)
        # A chord is not the arc, and the line has corners: not equal, but nearly.
        assert steps.max() < 1.25 * steps.mean() and steps.min() > 0.75 * steps.mean()


def test_under_a_constant_metric_the_straight_line_is_the_shortest():
    paths, straight = shortest_paths(linear, ENDS), straight_paths(linear, ENDS)
    assert_close(paths, straight, rtol=0, atol=1e-5)  # rounding
    ends = (linear(ENDS[0]) - linear(ENDS[1])).norm()
    assert_close(curve_length(linear, paths[0]), ends)


def test_a_constant_decoder_has_finite_paths_of_length_zero():
    blank = nn.Linear(2, 9)
    nn.init.zeros_(blank.weight)
    paths = shortest_paths(blank, ENDS)
    assert paths.isfinite().all()
    assert torch.equal(paths[:, [0, -1]], straight_paths(linear, ENDS)[:, [0, -1]])
    assert curve_length(blank, paths).tolist() == [0, 0, 0]


def test_the_shortest_path_goes_around_a_hill():
    """Over the top it is 2 + about 8 long; around, the foot of the hill is nearly flat."""
    ends = torch.tensor([[-1.0, 0.05], [1.0, 0.05]])
    (path,) = shortest_paths(hill, ends)
    around = curve_length(hill, path)
    over = curve_length(hill, straight_paths(hill, ends)[0])
    assert over > 7 and around < 3.3
    assert path[:, 1].max() > 0.6, "on the side on which it starts"
    assert path.norm(dim=1).min() > 0.6


def test_the_shortest_path_goes_through_the_gap_in_a_wall():
    """Light on one side, dark on the other; there is no jump where z₂ > 1."""

    def gate(z):
        wall = torch.sigmoid(20 * z[:, :1]) * torch.sigmoid(20 * (1 - z[:, 1:]))
        return torch.cat([z, 9 * wall.expand(-1, 2)], dim=1)

    (path,) = shortest_paths(gate, torch.tensor([[-0.8, 1.4], [0.8, 1.4]]))
    assert path[:, 1].min() > 1.2, "straight through the gate"
    (path,) = shortest_paths(gate, torch.tensor([[-0.8, 0.6], [0.8, 1.5]]))
    at_the_wall = path[path[:, 0].abs().argmin(), 1]
    assert at_the_wall > 1.1


def test_no_path_is_longer_than_the_straight_one_and_some_are_shorter(vivid):
    torch.manual_seed(1)
    ends = torch.randn(6, 2)
    curved = curve_length(vivid, shortest_paths(vivid, ends))
    straight = curve_length(vivid, straight_paths(vivid, ends))
    assert (curved <= straight).all()
    assert (curved < 0.95 * straight).any()


def test_the_lattice_path_is_kept_where_relaxation_makes_it_longer(vivid, monkeypatch):
    def spoil(g, paths, rate):
        return paths + torch.randn_like(paths)

    good = curve_length(vivid, shortest_paths(vivid, ENDS))
    monkeypatch.setattr("course_utils.theory.geodesics._relaxed", spoil)
    kept = curve_length(vivid, shortest_paths(vivid, ENDS))
    assert (kept <= curve_length(vivid, straight_paths(vivid, ENDS))).all()
    assert (kept < 1.1 * good).all()


def test_paths_have_no_gradient_and_set_none(vivid):
    assert not shortest_paths(vivid, ENDS).requires_grad
    assert all(parameter.grad is None for parameter in vivid.parameters())


@pytest.mark.parametrize(
    "ends, half_width, words",
    [
        (ENDS[:1], None, "at least two ends"),
        (torch.zeros(3, 3), None, "at least two ends"),
        (ENDS, 1.0, "outside the lattice"),
    ],
)
def test_invalid_ends_are_refused(ends, half_width, words):
    with pytest.raises(ValueError, match=words):
        shortest_paths(linear, ends, half_width=half_width)
