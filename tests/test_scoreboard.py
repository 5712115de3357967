"""The board: every row is there, and says what is so."""

import math
from functools import partial

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal
from torch.testing import assert_close

from course_utils import objectives, scoreboard
from course_utils.scoreboard import FAMILY, SIGMA, half_size, table

N = 150


@pytest.fixture(scope="module")
def images():
    """Blots of the size of half a digit, with some structure to learn.  (N, 196)"""
    torch.manual_seed(0)
    return (torch.rand(N, 3) @ torch.rand(3, 196) / 3 + 0.02 * torch.rand(N, 196)).clamp(
        0, 1
    )


@pytest.fixture(scope="module")
def rows(images):
    classifier = nn.Linear(196, 10)
    labels = torch.arange(N) % 10
    return {r["name"]: r for r in scoreboard.scoreboard(images, labels, images, classifier)}


def test_half_size_is_the_mean_of_four_pixels():
    image = torch.rand(1, 784)
    square = image.view(28, 28)
    assert_close(half_size(image).view(14, 14)[3, 5], square[6:8, 10:12].mean())


def test_the_whole_family_has_a_row(rows):
    assert list(rows) == ["real digits", *FAMILY]
    for row in rows.values():
        assert row["samples"].shape == (20, 196)
        assert math.isfinite(row["distance"]) and 0 <= row["digits"] <= 1
    assert abs(rows["real digits"]["distance"]) < 0.1  # the data themselves


def test_what_is_not_defined_is_not_filled_in(rows):
    def without(what):
        return {name for name, row in rows.items() if row[what] is None}

    no_prior = {"autoencoder", "sparse", "denoising", "probabilistic"}
    assert without("nats") == {"real digits", "GAN", *no_prior}
    assert without("error") == {"real digits", "GAN", "Gaussian mixture", "diffusion"}
    assert {name for name, row in rows.items() if row["nats"] and not row["bound"]} == {
        "PCA",
        "Gaussian mixture",
    }


def test_pca_tells_the_density_of_its_gaussian(images):
    member = FAMILY["PCA"](images, None)
    drawn = member.sample(20_000)
    covariance = torch.cov(drawn.T) + SIGMA**2 * torch.eye(196)
    by_draws = MultivariateNormal(drawn.mean(0), covariance).log_prob(images).mean()
    assert_close(member.log_likelihood(images).mean(), by_draws, rtol=0, atol=1)  # of 250


def test_the_mixture_samples_what_its_density_says(images):
    """Without its bells' own noise of SIGMA, a draw has the mixture's mean and variance."""
    member = FAMILY["Gaussian mixture"](images, None)
    drawn = member.sample(20_000)
    assert_close(drawn.mean(0), images.mean(0), rtol=0, atol=0.02)
    assert_close(drawn.var(0), images.var(0), rtol=0, atol=0.02)


def test_the_regularized_pae_is_a_vae(images):
    """Its loss, divided by 2σ², is −ELBO up to a constant: the slides' identity."""
    torch.manual_seed(0)
    tau, k, d = 0.2, scoreboard.LATENT_DIM, 196
    member = FAMILY["regularized probabilistic"](images, None)
    network = member.reconstruct
    loss = partial(objectives.regularized_pae_loss, lam=SIGMA**2, sigma=tau)
    nats = torch.stack([-member.log_likelihood(images).mean() for _ in range(200)])
    with torch.no_grad():
        losses = torch.stack(
            [loss(network.encoder, network.decoder, images)["loss"] for _ in range(200)]
        )
    constant = k / 2 * (tau**2 - 1 - math.log(tau**2))
    constant += d / 2 * math.log(2 * math.pi * SIGMA**2)
    spread = nats.std() + losses.std() / (2 * SIGMA**2)
    difference = nats.mean() - losses.mean() / (2 * SIGMA**2) - constant
    assert difference.abs() < 5 * spread / math.sqrt(200)


def test_the_table_says_what_is_exact_what_a_bound_and_what_undefined():
    row = {"name": "VAE", "error": 1.234, "nats": 140.6, "bound": True, "distance": 0.1234,
           "digits": 0.256, "use": "9 of 16 units", "parameters": 113380, "seconds": 4.4}  # fmt: skip
    told = "| VAE | 1.23 | ≥ 141 | 0.123 | 26% | 9 of 16 units | 113 380 | 4 |"
    assert table([row]).splitlines()[2] == told
    exact = table([row | {"bound": False, "error": None}]).splitlines()[2]
    assert exact.startswith("| VAE | not defined | 141 |")
