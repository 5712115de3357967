"""Straight and shortest paths in the plane of codes, for decoders of known metric."""

from itertools import combinations

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from course_utils.theory.geodesics import curve_length, shortest_paths, straight_paths

ENDS = torch.tensor([[-1.0, -0.3], [1.0, 0.5], [0.2, 1.4]])


@pytest.fixture
def random_decoder():
    """A nonlinear decoder with weights large enough for images of high contrast."""
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
    """A hill of height 4 at the origin, above a plane."""
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
def test_paths_join_each_pair_of_ends_exactly_and_in_equal_steps(find, random_decoder):
    paths = find(random_decoder, ENDS)
    assert paths.shape == (3, 48, 2)
    for path, (i, j) in zip(paths, combinations(range(3), 2)):
        assert path[0].tolist() == ENDS[i].tolist()
        assert path[-1].tolist() == ENDS[j].tolist()
        with torch.no_grad():
            steps = random_decoder(path).diff(dim=0).norm(dim=1)
        # Nearly equal: a chord is shorter than its arc, and the path has corners.
        assert steps.max() < 1.25 * steps.mean() and steps.min() > 0.75 * steps.mean()


def test_under_a_constant_metric_the_straight_line_is_the_shortest():
    paths, straight = shortest_paths(linear, ENDS), straight_paths(linear, ENDS)
    assert_close(paths, straight, rtol=0, atol=1e-5)  # rounding
    ends = (linear(ENDS[0]) - linear(ENDS[1])).norm()
    assert_close(curve_length(linear, paths[0]), ends)


def test_a_constant_decoder_has_finite_paths_of_length_zero():
    constant = nn.Linear(2, 9)
    nn.init.zeros_(constant.weight)
    paths = shortest_paths(constant, ENDS)
    assert paths.isfinite().all()
    assert torch.equal(paths[:, [0, -1]], straight_paths(linear, ENDS)[:, [0, -1]])
    assert curve_length(constant, paths).tolist() == [0, 0, 0]


def test_the_shortest_path_goes_around_a_hill():
    """Over the top the length is about 10; around the hill the surface is nearly flat."""
    ends = torch.tensor([[-1.0, 0.05], [1.0, 0.05]])
    (path,) = shortest_paths(hill, ends)
    around = curve_length(hill, path)
    over = curve_length(hill, straight_paths(hill, ends)[0])
    assert over > 7 and around < 3.3
    assert path[:, 1].max() > 0.6, "on the side of its ends"
    assert path.norm(dim=1).min() > 0.6


def test_the_shortest_path_goes_through_the_gap_in_a_wall():
    """The pixels jump at z₁ = 0, except where z₂ > 1."""

    def wall_with_gap(z):
        wall = torch.sigmoid(20 * z[:, :1]) * torch.sigmoid(20 * (1 - z[:, 1:]))
        return torch.cat([z, 9 * wall.expand(-1, 2)], dim=1)

    (path,) = shortest_paths(wall_with_gap, torch.tensor([[-0.8, 1.4], [0.8, 1.4]]))
    assert path[:, 1].min() > 1.2, "straight through the gap"
    (path,) = shortest_paths(wall_with_gap, torch.tensor([[-0.8, 0.6], [0.8, 1.5]]))
    at_the_wall = path[path[:, 0].abs().argmin(), 1]
    assert at_the_wall > 1.1


def test_no_path_is_longer_than_the_straight_one_and_some_are_shorter(random_decoder):
    torch.manual_seed(1)
    ends = torch.randn(6, 2)
    curved = curve_length(random_decoder, shortest_paths(random_decoder, ends))
    straight = curve_length(random_decoder, straight_paths(random_decoder, ends))
    assert (curved <= straight).all()
    assert (curved < 0.95 * straight).any()


def test_the_lattice_path_is_kept_where_relaxation_makes_it_longer(
    random_decoder, monkeypatch
):
    def longer(g, paths, rate):
        return paths + torch.randn_like(paths)

    good = curve_length(random_decoder, shortest_paths(random_decoder, ENDS))
    monkeypatch.setattr("course_utils.theory.geodesics._relaxed", longer)
    lengths = curve_length(random_decoder, shortest_paths(random_decoder, ENDS))
    assert (
        lengths <= curve_length(random_decoder, straight_paths(random_decoder, ENDS))
    ).all()
    assert (lengths < 1.1 * good).all()


def test_paths_have_no_gradient_and_set_none(random_decoder):
    assert not shortest_paths(random_decoder, ENDS).requires_grad
    assert all(parameter.grad is None for parameter in random_decoder.parameters())


@pytest.mark.parametrize(
    "ends, half_width, message",
    [
        (ENDS[:1], None, "at least two ends"),
        (torch.zeros(3, 3), None, "at least two ends"),
        (ENDS, 1.0, "outside the lattice"),
    ],
)
def test_invalid_ends_are_refused(ends, half_width, message):
    with pytest.raises(ValueError, match=message):
        shortest_paths(linear, ends, half_width=half_width)
