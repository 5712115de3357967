"""The comparison of models: every model has its row of measures."""

import importlib
import math
from functools import partial
from itertools import repeat
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal, Normal
from torch.testing import assert_close

from course_utils import objectives
from course_utils.generative import comparison, diffusion
from course_utils.generative.comparison import MODELS, SIGMA, TrainedModel, table
from course_utils.generative.metrics import energy_distance
from course_utils.generative.vq_vae import log_code_probability

N = 150


@pytest.fixture(scope="module")
def images():
    """Images of 14 × 14 pixels, with some structure to learn.  (N, 196)"""
    torch.manual_seed(0)
    return (torch.rand(N, 3) @ torch.rand(3, 196) / 3 + 0.02 * torch.rand(N, 196)).clamp(
        0, 1
    )


@pytest.fixture(scope="module")
def rows(slow, images):
    classifier = nn.Linear(196, 10)
    labels = torch.arange(N) % 10
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "N_NEW_IMAGES", 200)  # 2000 take a minute
        rows = comparison.compare_models(images, labels, images, classifier)
        return {row["name"]: row for row in rows}


def test_selected_rows_equal_those_of_the_whole_table(images, rows, monkeypatch):
    monkeypatch.setattr(comparison, "N_NEW_IMAGES", 200)
    classifier, labels = nn.Linear(196, 10), torch.arange(N) % 10
    names = ["VAE", "PCA"]
    _, vae, pca = comparison.compare_models(images, labels, images, classifier, names)
    assert (vae["name"], pca["name"]) == ("VAE", "PCA")
    assert vae["nats"] == rows["VAE"]["nats"] and pca["error"] == rows["PCA"]["error"]
    with pytest.raises(ValueError, match="no model 'Vae': choose among PCA, auto"):
        next(comparison.compare_models(images, labels, images, classifier, ["Vae"]))


def test_the_stored_table_is_the_table_in_256_shades(rows, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    benchmark = importlib.import_module("comparison")
    monkeypatch.setattr(benchmark, "ROOT", tmp_path)
    folder = tmp_path / "course_utils" / "checkpoints"
    folder.mkdir(parents=True)
    monkeypatch.setattr(comparison, "STORED", folder / "comparison.pt")
    benchmark.store(rows.values())
    for row, read in zip(rows.values(), comparison.stored(), strict=True):
        assert_close(read.pop("images"), row["images"], rtol=0, atol=0.5 / 255 + 1e-6)
        assert read == {name: value for name, value in row.items() if name != "images"}
    assert table(comparison.stored()) == table(list(rows.values()))


@pytest.fixture
def untrained(monkeypatch):
    """Models keep their first weights.  -> the positional arguments of each ``fit``"""
    calls = []
    monkeypatch.setattr(comparison, "fit", lambda *what, **how: calls.append(what))
    return calls


def test_every_model_has_a_row(rows):
    assert list(rows) == ["real digits", *MODELS]
    for row in rows.values():
        assert row["images"].shape == (20, 196)
        assert math.isfinite(row["distance"]) and 0 <= row["digits"] <= 1
    assert abs(rows["real digits"]["distance"]) < 0.1  # the same distribution


def test_undefined_measures_stay_empty(rows):
    def without(what):
        return {name for name, row in rows.items() if row[what] is None}

    no_prior = {"autoencoder", "sparse", "denoising", "probabilistic"}
    assert without("nats") == {"real digits", "GAN", *no_prior}
    assert without("error") == {"real digits", "GAN", "Gaussian mixture", "diffusion"}
    assert {name for name, row in rows.items() if row["nats"] and not row["bound"]} == {
        "PCA",
        "Gaussian mixture",
    }


def test_pca_has_the_density_of_its_gaussian(images):
    trained = MODELS["PCA"](images, None)
    drawn = trained.sample(20_000)
    covariance = torch.cov(drawn.T) + SIGMA**2 * torch.eye(196)
    by_draws = MultivariateNormal(drawn.mean(0), covariance).log_prob(images).mean()
    assert_close(trained.log_likelihood(images).mean(), by_draws, rtol=0, atol=1)  # of 250


def test_mixture_samples_have_the_moments_of_the_data(images):
    """Without the components' noise SIGMA, samples have the data's mean and variance."""
    trained = MODELS["Gaussian mixture"](images, None)
    drawn = trained.sample(20_000)
    assert_close(drawn.mean(0), images.mean(0), rtol=0, atol=0.02)
    assert_close(drawn.var(0), images.var(0), rtol=0, atol=SIGMA**2 / 4)


def test_the_regularized_pae_is_a_vae(images):
    """Its loss, divided by 2σ², is −ELBO up to a constant: the slides' identity."""
    torch.manual_seed(0)
    tau, k, d = 0.2, comparison.LATENT_DIM, 196
    trained = MODELS["regularized probabilistic"](images, None)
    network = trained.reconstruct
    loss = partial(objectives.regularized_pae_loss, lam=SIGMA**2, sigma=tau)
    nats = torch.stack([-trained.log_likelihood(images).mean() for _ in range(200)])
    with torch.no_grad():
        losses = torch.stack(
            [loss(network.encoder, network.decoder, images)["loss"] for _ in range(200)]
        )
    constant = k / 2 * (tau**2 - 1 - math.log(tau**2))
    constant += d / 2 * math.log(2 * math.pi * SIGMA**2)
    spread = nats.std() + losses.std() / (2 * SIGMA**2)
    difference = nats.mean() - losses.mean() / (2 * SIGMA**2) - constant
    assert difference.abs() < 5 * spread / math.sqrt(200)


# --- the parts of a row ----------------------------------------------------------------


def test_a_row_holds_the_measures_of_its_model():
    """The classifier gives a quarter of the samples 95 %, the others 85 %."""
    test, sizes = torch.rand(30, 2), []

    def sample(n):
        sizes.append(n)
        share = torch.tensor([0.95, 0.85, 0.85, 0.85]).repeat(n // 4)
        return torch.stack([share, torch.linspace(-1, 2, n).roll(700)], dim=1)

    trained = TrainedModel(
        7, sample, lambda x: x + 1, lambda x: -x[:, 0], False, lambda x: f"all {len(x)}"
    )

    def classifier(x):
        return torch.stack([x[:, 0], 1 - x[:, 0]], dim=1).log()

    row = comparison._measure(trained, test, classifier)
    new = sample(2000).clamp(0, 1)
    assert sizes[0] == 2000 and torch.equal(row["images"], new[:20])
    assert row["digits"] == 0.25
    assert row["error"] == pytest.approx(2)  # two pixels, each off by 1
    assert row["nats"] == pytest.approx(-test[:, 0].mean().item())
    assert row["distance"] == pytest.approx(energy_distance(new, test).item(), rel=1e-4)
    assert (row["bound"], row["use"], row["parameters"]) == (False, "all 30", 7)


def test_the_seconds_count_the_training_only(images, monkeypatch):
    clock = [0.0]

    def after(seconds, value):
        clock[0] += seconds
        return value

    trained = TrainedModel(1, lambda n: after(100, torch.rand(n, 196)))
    monkeypatch.setattr(comparison, "MODELS", {"slow": lambda x, y: after(7, trained)})
    monkeypatch.setattr(comparison, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    _, row = comparison.compare_models(images, None, images, nn.Linear(196, 10))
    assert row["name"] == "slow" and row["seconds"] == 7


def test_a_unit_counts_as_used_from_a_hundredth_of_the_variance_on():
    code = torch.tensor([-1.0, 1.0])[:, None]  # of variance 1
    codes = code * torch.tensor([2.0, 0.12, 0.08, 0.0])
    assert comparison._units(codes) == "2 of 4 units"
    assert comparison._units(code * torch.full((4,), 0.05)) == "0 of 4 units"
    # Without a prior the scale does not matter: the mean variance is near 1 for any.
    for scale in (0.1, 1, 10):
        assert comparison._units(scale * codes, prior=False) == "2 of 4 units"


def test_pca_counts_its_own_units(images):
    """For data of three dimensions it uses three units."""
    flat = torch.rand(N, 3) @ torch.eye(3, 196)
    assert MODELS["PCA"](flat, None).latent_use(flat) == "3 of 16 units"


def test_an_autoencoder_draws_from_the_gaussian_of_its_codes(untrained):
    class Mirror(nn.Module):
        encoder = decoder = nn.Identity()

    codes = torch.randn(500, 3) @ torch.randn(3, 3) + torch.tensor([5.0, 0, -5])
    drawn = comparison._autoencoder(codes, None, model=lambda d: Mirror()).sample(20_000)
    assert_close(drawn.mean(0), codes.mean(0), rtol=0, atol=0.1)
    assert_close(drawn.T.cov(), codes.T.cov(), rtol=0.1, atol=0.1)


@pytest.mark.parametrize("name, beta", [("VAE", 1), ("β-VAE, β = 4", 4)])
def test_beta_weights_the_kl_term_of_the_loss(name, beta, untrained, images):
    MODELS[name](images, None)
    ((model, objective, _),) = untrained
    terms = objective(model.encoder, model.decoder, images)
    assert terms["kl"] > 0
    assert_close(terms["loss"], terms["recon"] + beta * terms["kl"])


def test_the_bound_of_vq_vae_2_is_that_of_its_codes_and_its_pixels(untrained, images):
    x = images[:20]
    trained = MODELS["VQ-VAE-2"](x, None)
    model, top_prior, bottom_prior = (call[0] for call in untrained)
    with torch.no_grad():
        codes = model.codes(x)
        pixels = Normal(model.decode(*codes), SIGMA).log_prob(x).sum(1)
        expected = pixels + log_code_probability(top_prior, bottom_prior, *codes)
        assert_close(trained.log_likelihood(x), expected)


class NormalDenoiser(nn.Module):
    """The optimal denoiser for data N(0, I): it predicts the noise √(1 − ᾱ) xₜ."""

    def __init__(self, alpha_bar, **how):
        super().__init__()
        self.alpha_bar = alpha_bar

    def forward(self, x_t, t):
        return (1 - self.alpha_bar[t, None]).sqrt() * x_t


def test_the_diffusion_bound_is_that_of_gray_levels(untrained, monkeypatch):
    """Gray levels N(½, ¼ I), scaled to [−1, 1], are N(0, I): its denoiser is known."""
    monkeypatch.setattr(diffusion, "UNet", NormalDenoiser)
    x = 0.5 + 0.5 * torch.randn(400, 196)
    trained = MODELS["diffusion"](x, None)
    assert_close(untrained[0][2], 2 * x - 1)
    exact = Normal(0.5, 0.5).log_prob(x).sum(1).mean()
    gap = exact - trained.log_likelihood(x).mean()
    # The bound of sixty steps has a gap; a factor of 2 would be one of 196 log 2.
    assert 0 < gap < 196 * 0.2


def test_diffusion_samples_start_from_noise_and_end_as_gray_levels(untrained, monkeypatch):
    monkeypatch.setattr(diffusion, "UNet", NormalDenoiser)
    trained = MODELS["diffusion"](torch.rand(50, 196), None)
    starts = []

    def steps(model, noise, alpha_bar):
        starts.append(noise)
        return repeat(torch.tensor([[-1.0, 0.0, 1.0]]), 3)

    monkeypatch.setattr(diffusion, "reverse_steps", steps)
    assert_close(trained.sample(500), torch.tensor([[0, 0.5, 1]]))
    assert starts[0].shape == (500, 196)
    assert abs(starts[0].mean()) < 0.02 and abs(starts[0].std() - 1) < 0.02


def test_the_table_marks_what_is_exact_a_bound_or_undefined():
    row = {"name": "VAE", "error": 1.234, "nats": 140.6, "bound": True, "distance": 0.1234,
           "digits": 0.256, "use": "9 of 16 units", "parameters": 113380,
           "seconds": 4.4}  # fmt: skip
    expected = "| VAE | 1.23 | ≥ 141 | 0.123 | 26% | 9 of 16 units | 113 380 | 4 |"
    assert table([row]).splitlines()[2] == expected
    exact = table([row | {"bound": False, "error": None}]).splitlines()[2]
    assert exact.startswith("| VAE | not defined | 141 |")
