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
from torch.nn import functional as F
from torch.testing import assert_close

from course_utils import data, objectives
from course_utils.generative import comparison, diffusion
from course_utils.generative.classifier import digit_classifier
from course_utils.generative.comparison import (
    MEASURES,
    MODELS,
    SIGMA,
    TrainedModel,
    nats_against_seconds,
    table,
)
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


LABELS = torch.arange(N) % 10
NAMES = [name for name in MODELS if "epochs" not in name]


@pytest.fixture(scope="module")
def classifier():
    torch.manual_seed(0)
    return digit_classifier(14).requires_grad_(False)


@pytest.fixture(scope="module")
def rows(slow, images, classifier):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "N_NEW_IMAGES", 100)  # 1000 take a minute
        rows = comparison.compare_models(images, LABELS, images, classifier, NAMES)
        return {row["name"]: row for row in rows}


def test_selected_rows_equal_those_of_the_whole_table(
    images, rows, classifier, monkeypatch
):
    monkeypatch.setattr(comparison, "N_NEW_IMAGES", 100)
    names = ["VAE", "PCA"]
    *_, vae, pca = comparison.compare_models(images, LABELS, images, classifier, names)
    assert (vae["name"], pca["name"]) == ("VAE", "PCA")
    assert vae["nats"] == rows["VAE"]["nats"] and pca["error"] == rows["PCA"]["error"]
    with pytest.raises(ValueError, match="no model 'Vae': choose among PCA, auto"):
        next(comparison.compare_models(images, LABELS, images, classifier, ["Vae"]))


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
    """Models keep their first weights.  -> the arguments of each ``fit``, by name last"""
    calls = []
    monkeypatch.setattr(comparison, "fit", lambda *what, **how: calls.append((*what, how)))
    return calls


def test_every_model_has_a_row(rows):
    assert list(rows) == ["real digits", "chimeras", *NAMES]
    for row in rows.values():
        assert row["images"].shape == (20, 196)
        assert math.isfinite(row["distance"]) and 0 <= row["digits"] <= 1
        assert math.isfinite(row["features"])
    assert abs(rows["real digits"]["distance"]) < 0.1  # the same distribution


def test_undefined_measures_stay_empty(rows):
    def without(what):
        return {name for name, row in rows.items() if row[what] is None}

    references = {"real digits", "chimeras"}
    no_prior = {"autoencoder", "sparse", "denoising", "probabilistic"}
    assert without("seconds") == references
    assert without("nats") == {*references, "GAN", *no_prior}
    assert without("error") == {*references, "GAN", "Gaussian mixture", "diffusion"}
    assert {name for name, row in rows.items() if row["nats"] and not row["bound"]} == {
        "PCA",
        "Gaussian mixture",
    }


def test_the_table_says_which_models_have_convolutions_and_labels(rows):
    by_network = {name: row["network"] for name, row in rows.items()}
    convolutions = {name for name, what in by_network.items() if what == "convolutions"}
    assert convolutions == {"VQ-VAE-2", "diffusion"}
    assert {name for name, row in rows.items() if row["labels"]} == {"VQ-VAE-2"}
    lines = table(list(rows.values())).splitlines()
    assert any(line.startswith("| VQ-VAE-2 | convolutions | yes |") for line in lines)
    assert any(line.startswith("| VAE | MLP | no |") for line in lines)


def test_the_references_are_training_images_and_halves_of_two():
    """The upper half of each image has the value of its label, the lower half minus it."""
    torch.manual_seed(0)
    half = LABELS[:, None].expand(N, 98).float()
    images = torch.cat([half, -half], dim=1)
    drawn = comparison.REFERENCES["real digits"](images, LABELS).sample(N)
    assert_close(drawn.sum(0), images.sum(0))
    assert (drawn[:, 0] == -drawn[:, -1]).all()
    glued = comparison.REFERENCES["chimeras"](images, LABELS).sample(50)
    assert glued.shape == (50, 196) and (glued[:, 0] != -glued[:, -1]).all()


def test_several_seeds_give_their_mean_and_spread(images, classifier, monkeypatch):
    """Half the difference of the largest and the smallest value."""
    trained = []

    def train(x, y):
        trained.append(torch.rand(()).item())  # the seed makes it
        return TrainedModel(
            1, lambda n: x[:n], log_likelihood=lambda x, r=trained[-1]: r + x
        )

    monkeypatch.setattr(comparison, "MODELS", {"drawn": train})
    seeds = (3, 1, 2)
    *_, row = comparison.compare_models(
        images, LABELS, torch.zeros(10, 196), classifier, seeds=seeds
    )
    values = [torch.manual_seed(seed) and torch.rand(()).item() for seed in seeds]
    assert trained == values
    assert row["nats"] == pytest.approx(sum(values) / 3)
    assert row["spread"]["nats"] == pytest.approx((max(values) - min(values)) / 2)
    assert "error" not in row["spread"] and set(row["spread"]) < set(MEASURES)


def test_the_curve_of_a_model_is_sorted_by_its_time():
    rows = [
        {"name": name, "seconds": seconds, "nats": nats}
        for name, seconds, nats in [
            ("VAE", 18.0, 166.0),
            ("β-VAE, β = 4", 18.0, 150.0),
            ("VAE, 150 epochs", 60.0, 170.0),
            ("VAE, 5 epochs", 2.0, 130.0),
        ]
    ]
    assert nats_against_seconds(rows, "VAE") == {2.0: 130.0, 18.0: 166.0, 60.0: 170.0}
    assert list(nats_against_seconds(rows, "VAE")) == [2.0, 18.0, 60.0]


def test_other_epochs_train_longer(untrained, images):
    for name, other in MODELS.items():
        if "epochs" not in name:
            continue
        untrained.clear()
        MODELS[name.split(", ")[0]](images, LABELS)
        usual = [how["epochs"] for *_, how in untrained]
        untrained.clear()
        other(images, LABELS)
        epochs = {how["epochs"] for *_, how in untrained}
        assert epochs == {int(name.split()[-2])} and epochs.isdisjoint(usual)


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


@pytest.mark.slow
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


def test_a_row_holds_the_measures_of_its_model(monkeypatch):
    """The classifier gives a quarter of the samples 95 %, the others 85 %."""
    monkeypatch.setattr(comparison, "N_NEW_IMAGES", 400)
    test, sizes = torch.rand(30, 2), []

    def sample(n):
        sizes.append(n)
        share = torch.tensor([0.95, 0.85, 0.85, 0.85]).repeat(n // 4)
        return torch.stack([share, torch.linspace(-1, 2, n).roll(70)], dim=1)

    trained = TrainedModel(
        7, sample, lambda x: x + 1, lambda x: -x[:, 0], False, "MLP", True
    )

    class LogOdds(nn.Module):
        def forward(self, x):
            return torch.stack([x[:, 0], 1 - x[:, 0]], dim=1).log()

    class Triple(nn.Module):
        def forward(self, x):
            return 3 * x

    class Third(nn.Module):
        def forward(self, x):
            return x / 3

    judge = nn.Sequential(Triple(), nn.Sequential(Third(), LogOdds()))
    row = comparison._measure(trained, test, judge)
    new = sample(400).clamp(0, 1)
    assert sizes[0] == 400 and torch.equal(row["images"], new[:20])
    assert row["digits"] == 0.25
    assert row["error"] == pytest.approx(2)  # two pixels, each off by 1
    assert row["nats"] == pytest.approx(-test[:, 0].mean().item())
    expected = energy_distance(new, test).item()
    assert row["distance"] == pytest.approx(expected, rel=1e-4)
    assert row["features"] == pytest.approx(3 * expected, rel=1e-4)
    found = (row["bound"], row["network"], row["labels"], row["parameters"])
    assert found == (False, "MLP", True, 7)


def test_the_seconds_count_the_training_only(images, classifier, monkeypatch):
    clock = [0.0]

    def after(seconds, value):
        clock[0] += seconds
        return value

    trained = TrainedModel(1, lambda n: after(100, torch.rand(n, 196)))
    monkeypatch.setattr(comparison, "MODELS", {"slow": lambda x, y: after(7, trained)})
    monkeypatch.setattr(comparison, "time", SimpleNamespace(process_time=lambda: clock[0]))
    *_, row = comparison.compare_models(images, LABELS, images, classifier)
    assert row["name"] == "slow" and row["seconds"] == 7


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
    ((model, objective, *_),) = untrained
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


def test_latent_diffusion_has_the_bound_of_its_prior_and_decodes_its_draws(monkeypatch):
    """With codes N(m, s²I) and the best denoiser all is Gaussian: log p(x) is known."""
    k, m, s = comparison.LATENT_DIM, 3.0, 2.0

    class Known(nn.Module):
        """Decoder z -> (z, 0); encoder: the true posterior for the prior N(m, s²I)."""

        def encoder(self, x):
            precision = 1 / SIGMA**2 + 1 / s**2
            mu = (x[:, :k] / SIGMA**2 + m / s**2) / precision
            return mu, torch.full_like(mu, -math.log(precision))

        def decoder(self, z):
            return F.pad(z, (0, 196 - k))

    monkeypatch.setattr(comparison, "_trained_vae", lambda images, epochs: Known())
    monkeypatch.setattr(diffusion, "NoisePredictor", lambda k, a: NormalDenoiser(a))
    monkeypatch.setattr(comparison, "fit", lambda *what, **how: None)
    torch.manual_seed(0)
    x = F.pad(m + s * torch.randn(3000, k), (0, 196 - k)) + SIGMA * torch.randn(3000, 196)
    trained = MODELS["latent diffusion"](x, None)
    exact = Normal(m, math.hypot(s, SIGMA)).log_prob(x[:, :k]).sum(1)
    exact += Normal(0.0, SIGMA).log_prob(x[:, k:]).sum(1)
    gap = exact - trained.log_likelihood(x)
    # Zero for mean and deviation known exactly; 48 000 numbers estimate them.
    assert abs(gap.mean()) < 5 * gap.std() / math.sqrt(3000) + 0.1
    drawn = trained.sample(3000)
    assert_close(drawn[:, :k].mean(), torch.tensor(m), rtol=0, atol=0.1)
    assert_close(drawn[:, :k].std(), torch.tensor(s), rtol=0, atol=0.1)
    assert (drawn[:, k:] == 0).all()


def test_the_table_marks_what_is_exact_a_bound_undefined_or_uncertain():
    row = {"name": "VAE", "network": "MLP", "labels": False, "error": 1.234, "nats": 140.6,
           "bound": True, "distance": 0.1234, "features": 0.456, "digits": 0.256,
           "parameters": 113380, "seconds": 4.4,
           "spread": {"error": 0.004, "nats": 1.2, "distance": 0.0004, "features": 0.02,
                      "digits": 0.011, "seconds": 3.0}}  # fmt: skip
    expected = "| VAE | MLP | no | 1.23 | ≥ 141 ± 1 | 0.123 | 0.46 ± 0.02 | 26% ± 1% | "
    assert table([row]).splitlines()[2] == expected + "113 380 | 4 |"
    exact = table([row | {"bound": False, "error": None}]).splitlines()[2]
    assert exact.startswith("| VAE | MLP | no | – | 141 ± 1 |")
    undefined = table([row | {"nats": None, "seconds": None}]).splitlines()[2]
    assert "| 1.23 | – | 0.123 |" in undefined and undefined.endswith("| – |")


@pytest.mark.slow
def test_the_data_of_the_comparison_are_halved_digits(monkeypatch):
    fitted = []
    monkeypatch.setattr(comparison, "fit", lambda *what, **how: fitted.append(what))
    images, labels, test, classifier = comparison.small_digits()
    pixels, digits = data.mnist("train")
    assert torch.equal(images, data.half_size(pixels[:20_000]))
    assert torch.equal(labels, digits[:20_000])
    assert test.shape == (1000, 196) and classifier(test[:5]).shape == (5, 10)
    assert not any(p.requires_grad for p in classifier.parameters())
    assert len(fitted[0][2][0]) == 60_000  # the classifier sees all training digits
