"""The lattice of points, the prior mass of boxes and rings, and functions on the plane."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal
from torch.testing import assert_close

from course_utils.theory.lattice import (
    Lattice,
    distance_to_nearest,
    latent_lattice,
    pixel_entropy,
    prior_mass,
    ring_mass,
)


@pytest.mark.parametrize("half_width, step", [(1, 0.1), (5, 0.5)])
def test_the_two_lattices_of_the_lecture(half_width, step):
    z = latent_lattice(half_width)
    assert z.shape == (21 * 21, 2)
    axis = [-half_width + step * i for i in range(21)]
    for column in z.T:
        assert_close(column.unique(), torch.tensor(axis), rtol=0, atol=1e-5)


def test_lattice_points_are_in_reading_order():
    """From the top left to the right, then the row below."""
    expected = [
        [-2, 2],
        [0, 2],
        [2, 2],
        [-2, 0],
        [0, 0],
        [2, 0],
        [-2, -2],
        [0, -2],
        [2, -2],
    ]
    assert latent_lattice(2, n=3).tolist() == expected


@pytest.mark.parametrize("latent_dim", [1, 2, 3])
def test_a_lattice_of_any_dimension_is_a_box(latent_dim):
    z = latent_lattice(2, n=3, latent_dim=latent_dim)
    assert z.shape == (3**latent_dim, latent_dim)
    assert len(z.unique(dim=0)) == 3**latent_dim
    assert z[0].tolist() == [-2] + [2] * (latent_dim - 1)
    assert (z[1] - z[0]).tolist() == [2] + [0] * (latent_dim - 1)


def test_a_lattice_of_one_point_a_side_is_refused():
    with pytest.raises(ValueError, match="n, .* must be .* >= 2"):
        latent_lattice(1, n=1)


@pytest.mark.parametrize("half_width, percent", [(1, 46.6), (3, 99.46), (5, 99.9999)])
def test_prior_mass_of_the_lecture_s_boxes(half_width, percent):
    digits = len(str(percent).split(".")[1])
    assert round(100 * prior_mass(half_width), digits) == percent


def test_prior_mass_is_the_share_of_draws_in_the_box():
    draws = 100_000
    inside = (torch.randn(draws, 2).abs() <= 1.2).all(1).double().mean().item()
    mass = prior_mass(1.2)
    assert abs(inside - mass) < 5 * math.sqrt(mass * (1 - mass) / draws)


def test_prior_mass_grows_from_0_to_1():
    assert prior_mass(0) == 0
    assert prior_mass(math.inf) == 1


def test_the_lattice_is_made_on_the_cpu_or_the_given_device(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "meta")  # has no effect here
    assert latent_lattice(1).device.type == "cpu"
    assert latent_lattice(1, device="meta").device.type == "meta"


@pytest.mark.parametrize("latent_dim", [1, 2, 3])
def test_a_cell_is_the_volume_around_each_point(latent_dim):
    lattice = Lattice(half_width=2, n=5, latent_dim=latent_dim)
    z = latent_lattice(*lattice)
    assert lattice.cell == (z[1] - z[0]).norm().item() ** latent_dim == 1
    assert Lattice(half_width=1, n=5, latent_dim=latent_dim).cell == 0.5**latent_dim


@pytest.mark.parametrize("radius", [0.0, 0.5, 1.0, 2.0, 3.0])
def test_ring_mass_is_the_integral_of_the_density(radius):
    """∫₀ʳ 2πs · N(s; 0, I) ds, by the midpoint rule."""
    s = (torch.arange(10_000, dtype=torch.float64) + 0.5) * radius / 10_000
    density = torch.exp(2 * Normal(0.0, 1.0).log_prob(torch.zeros(())).double() - s**2 / 2)
    ring = (2 * math.pi * s * density).sum() * radius / 10_000
    assert ring_mass(radius) == pytest.approx(float(ring), abs=1e-6)


def test_ring_mass_of_the_lecture_s_radii():
    assert [f"{100 * ring_mass(r):.1f}" for r in (1, 2, 3)] == ["39.3", "86.5", "98.9"]
    assert ring_mass(1) < prior_mass(1) < math.erf(1 / math.sqrt(2))


def test_pixel_entropy_is_the_sum_of_bernoulli_entropies():
    p = torch.rand(5, 784)
    assert_close(pixel_entropy(p), Bernoulli(p).entropy().sum(1))


def test_pixel_entropy_is_0_for_certain_pixels_and_log_2_for_one_half():
    assert pixel_entropy(torch.tensor([[0.0, 1.0], [0.5, 0.5]])).tolist() == pytest.approx(
        [0, 2 * math.log(2)]
    )


def test_distance_to_nearest_is_the_least_of_all_distances():
    points, codes = (
        torch.randn(600, 3),
        torch.randn(50, 3),
    )  # more points than are processed at once
    every = torch.linalg.norm(points[:, None] - codes, dim=2)
    assert_close(distance_to_nearest(points, codes), every.amin(1))


def test_distance_to_nearest_is_exact_for_close_codes_far_from_the_origin():
    """A computation by a matrix product would lose such differences."""
    codes = 100 + torch.tensor([[0.0, 0.0], [1e-3, 0.0]])
    assert (distance_to_nearest(codes.repeat(50, 1), codes.repeat(50, 1)) == 0).all()
    gap = distance_to_nearest(codes[:1].repeat(50, 1), codes[1:].repeat(50, 1))
    assert_close(gap, torch.full((50,), 1e-3), rtol=0.02, atol=0)  # float32 near 100
