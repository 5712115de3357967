"""The latent lattice, the share of the prior that it covers, the ELBO of an image."""

import math

import pytest
import torch
from torch.distributions import Normal
from torch.testing import assert_close

from course_utils.evidence import distance_to_nearest, elbo, latent_lattice, prior_mass
from course_utils.models import VAE
from course_utils.objectives import gaussian_nll, vae_loss


@pytest.mark.parametrize("half_width, step", [(1, 0.1), (5, 0.5)])
def test_the_lecture_s_two_lattices(half_width, step):
    z = latent_lattice(half_width)
    assert z.shape == (21 * 21, 2)
    axis = [-half_width + step * i for i in range(21)]
    for column in z.T:
        assert_close(column.unique(), torch.tensor(axis), rtol=0, atol=1e-5)


def test_lattice_points_are_in_reading_order():
    """Top left first, then to the right; the next row lies lower."""
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


def test_a_lattice_has_no_point_twice():
    assert len(latent_lattice(1, n=7).unique(dim=0)) == 49


@pytest.mark.parametrize("half_width, n", [(0, 21), (-1, 21), (math.nan, 21), (1, 1)])
def test_an_empty_lattice_is_refused(half_width, n):
    with pytest.raises(ValueError, match="half_width > 0 and n >= 2"):
        latent_lattice(half_width, n)


@pytest.mark.parametrize("half_width, percent", [(1, 46.6), (3, 99.46), (5, 99.9999)])
def test_prior_mass_of_the_lecture_s_boxes(half_width, percent):
    digits = len(str(percent).split(".")[1])
    assert round(100 * prior_mass(half_width), digits) == percent


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_prior_mass_is_the_share_of_draws_in_the_box(latent_dim):
    draws = 100_000
    inside = (torch.randn(draws, latent_dim).abs() <= 1.2).all(1).double().mean().item()
    mass = prior_mass(1.2, latent_dim)
    assert abs(inside - mass) < 5 * math.sqrt(mass * (1 - mass) / draws)


def test_prior_mass_grows_from_nothing_to_everything():
    assert prior_mass(0) == 0
    assert prior_mass(math.inf) == 1


def test_the_lattice_lies_on_the_chosen_device(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "meta")
    assert latent_lattice(1).device.type == "meta"


# --- the ELBO of each image -----------------------------------------------------------


@pytest.fixture
def vae():
    return VAE(6, 2, (5,))


@pytest.fixture
def x():
    return torch.rand(8, 6)


def test_the_mean_elbo_is_minus_the_vae_loss(vae, x):
    torch.manual_seed(1)
    each = elbo(vae.encoder, vae.decoder, x)
    torch.manual_seed(1)
    loss = vae_loss(vae.encoder, vae.decoder, x)["loss"]
    assert each.shape == (8,)
    assert_close(each.mean(), -loss.detach())


def test_samples_are_averaged(vae, x):
    torch.manual_seed(1)
    three = elbo(vae.encoder, vae.decoder, x, samples=3)
    torch.manual_seed(1)
    one_by_one = [elbo(vae.encoder, vae.decoder, x) for _ in range(3)]
    assert_close(three, torch.stack(one_by_one).mean(0))
    assert not torch.allclose(one_by_one[0], one_by_one[1])


def test_distance_to_nearest_is_the_least_of_all_distances():
    points, codes = torch.randn(600, 3), torch.randn(50, 3)  # more points than a part holds
    every = torch.linalg.norm(points[:, None] - codes, dim=2)
    assert_close(distance_to_nearest(points, codes), every.amin(1))


def test_a_code_is_at_no_distance_from_itself_and_close_codes_are_told_apart():
    """Far from the origin, a matrix product would lose such differences."""
    codes = 100 + torch.tensor([[0.0, 0.0], [1e-3, 0.0]])
    assert (distance_to_nearest(codes.repeat(50, 1), codes.repeat(50, 1)) == 0).all()
    gap = distance_to_nearest(codes[:1].repeat(50, 1), codes[1:].repeat(50, 1))
    assert_close(gap, torch.full((50,), 1e-3), rtol=0.02, atol=0)  # float32 near 100


def test_elbo_is_the_log_evidence_where_q_is_the_true_posterior():
    """p(z) = N(0, 1), p(x|z) = N(z, 1): p(x) = N(0, 2) and p(z|x) = N(x/2, 1/2)."""
    x = torch.tensor([[-2.0], [0.0], [3.0]])

    def posterior(x):
        return x / 2, torch.full_like(x, math.log(0.5))

    draws = 20_000
    bound = elbo(posterior, lambda z: z, x, samples=draws, nll=gaussian_nll)
    exact = Normal(0.0, math.sqrt(2)).log_prob(x).squeeze(1)
    # ½(x − z)² has variance ⅛ + x²/8 when x − z ~ N(x/2, 1/2)
    error = 5 * ((1 + x.square()) / 8 / draws).sqrt().squeeze(1)
    assert ((bound - exact).abs() < error).all()


def test_elbo_is_testing_and_needs_no_gradient(vae, x):
    assert not elbo(vae.encoder, vae.decoder, x).requires_grad


def test_elbo_of_no_sample_is_refused(vae, x):
    with pytest.raises(ValueError, match="at least one sample, not 0"):
        elbo(vae.encoder, vae.decoder, x, samples=0)
