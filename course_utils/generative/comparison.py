"""All models of the course on one data set, compared in one table.

Every likelihood is the lecture's p(x|z) = N(x̂, σ²I) with the same σ, ``SIGMA``, a tenth of
the gray scale. A model without prior is sampled from a Gaussian that is fitted to its codes
(Ghosh et al., 2020). The default ``epochs`` of all models that are trained by gradients
take about the same time, near 18 seconds of one core; the last rows of ``MODELS`` are some
of them after shorter and longer training.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal
from torch.nn import functional as F

from course_utils import data, objectives
from course_utils.generative import diffusion, metrics, vq_vae
from course_utils.generative.classifier import (
    classification_loss,
    digit_classifier,
    features,
    sure_share,
)
from course_utils.generative.gan import adversarial_epochs, mlp_gan
from course_utils.generative.vq_vae import (
    VQVAE2,
    CodePrior,
    code_nll,
    generate,
    log_code_probability,
)
from course_utils.models import VAE, Autoencoder, SparseAutoencoder
from course_utils.modes import measure
from course_utils.theory import elbo, linear_gaussian
from course_utils.training import Objective, fit

SIGMA = 0.1  # of every decoder's noise, in gray levels from 0 to 1
LATENT_DIM, HIDDEN = 16, (256,)
N_NEW_IMAGES = 1000  # new images of each model
MEASURES = ("error", "nats", "distance", "features", "digits", "seconds")
STORED = files("course_utils") / "checkpoints" / "comparison.pt"
pixel_nll = partial(objectives.gaussian_nll, sigma=SIGMA)
plain_autoencoder = partial(Autoencoder, latent_dim=LATENT_DIM, hidden=HIDDEN)


@dataclass(frozen=True)
class TrainedModel:
    """The functions of a trained model; None where the model does not define one."""

    parameters: int
    sample: Callable[[int], Tensor]  # n -> (n, D)
    reconstruct: Callable[[Tensor], Tensor] | None = None  # (B, D) -> (B, D)
    log_likelihood: Callable[[Tensor], Tensor] | None = None  # (B, D) -> (B,), nats
    bound: bool = True  # log_likelihood is a lower bound, not exact
    network: str = "MLP"
    labels: bool = False  # of the training images are used


def small_digits() -> tuple[Tensor, Tensor, Tensor, nn.Sequential]:
    """The data of the comparison, and a classifier of them, trained in some seconds.

    -> images (20000, 196) and labels (20000,) for training, test (1000, 196), classifier:
    the first arguments of ``compare_models``.
    """
    images, labels = data.mnist("train")
    half, test = map(data.half_size, (images, data.mnist("test")[0][::10]))
    torch.manual_seed(0)
    classifier = digit_classifier(side=14).to(images.device)
    fit(classifier, classification_loss, (half, labels), epochs=2)
    return half[:20_000], labels[:20_000], test, classifier.requires_grad_(False)


def compare_models(
    images: Tensor,
    labels: Tensor,
    test: Tensor,
    classifier: nn.Sequential,
    names: Iterable[str] | None = None,
    seeds: Sequence[int] = (0,),
) -> Iterator[dict]:
    """Train all models, or those with these names, one by one, and yield their table rows.

    images (N, 196) float in [0, 1] and their labels (N,), test (M, 196): ``half_size``
    digits. Yields, as the mean over the seeds,

        error      squared, of the reconstruction, per image
        nats       log p(x), exact or, where ``bound`` is true, a lower bound
        distance   energy distance of N_NEW_IMAGES new images to the test images
        features   the same in the last hidden layer of the classifier
        digits     share of the new images with a label of more than 90 %
        seconds    of training, of one core

    with ``spread``, half the difference of largest and smallest value of each, and name,
    network, labels, parameters and images (20, 196), the first new ones of the first seed.
    None: not defined. The first two rows, which set the scale, are real training digits and
    chimeras: upper and lower halves of different digits.
    ValueError for a name not in ``MODELS``.
    """
    chosen = MODELS if names is None else names
    for name, train in (REFERENCES | {name: _model(name) for name in chosen}).items():
        runs = [_run(train, images, labels, test, classifier, seed) for seed in seeds]
        if name in REFERENCES:
            runs = [{**run, "seconds": None} for run in runs]
        yield {"name": name, **_mean_of(runs)}


def _model(name: str) -> Callable[[Tensor, Tensor], TrainedModel]:
    if name not in MODELS:
        raise ValueError(f"no model {name!r}: choose among {', '.join(MODELS)}.")
    return MODELS[name]


def stored() -> list[dict]:
    """The rows that ``python benchmarks/comparison.py --write`` has stored."""
    with as_file(STORED) as path:
        rows = torch.load(path, weights_only=True)
    return [{**row, "images": row["images"] / 255} for row in rows]


def nats_against_seconds(rows: Sequence[dict], name: str) -> dict[float, float]:
    """The model's log p(x) after shorter and longer training: seconds -> nats, sorted."""
    same = [row for row in rows if row["name"].split(", ")[0] == name]
    return dict(sorted((row["seconds"], row["nats"]) for row in same))


def table(rows: Sequence[dict]) -> str:
    """The rows as a table in Markdown; after ± half the difference between the seeds."""
    header = ("", "network", "labels", "squared error", "log p(x), nats",
              "energy distance", "in features", "sure digits", "parameters",
              "training, s")  # fmt: skip
    lines = ["| " + " | ".join(header) + " |", "|---" * 3 + "|" + "---:|" * 7]
    for row in rows:
        sign = "≥ " if row["bound"] else ""
        cells = (
            row["name"],
            row["network"],
            "yes" if row["labels"] else "no",
            _number(row, "error", "{:.2f}"),
            sign * (row["nats"] is not None) + _number(row, "nats", "{:.0f}"),
            _number(row, "distance", "{:.3f}"),
            _number(row, "features", "{:.2f}"),
            _number(row, "digits", "{:.0%}"),
            f"{row['parameters']:,}".replace(",", " ") if row["parameters"] else "–",
            _number(row, "seconds", "{:.0f}"),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _number(row: dict, measure: str, form: str) -> str:
    """A value and its spread; – where it is not defined."""
    if row[measure] is None:
        return "–"
    text, spread = form.format(row[measure]), form.format(row["spread"][measure])
    certain = measure == "seconds" or not float(spread.rstrip("%"))
    return text if certain else f"{text} ± {spread}"


def _run(
    train: Callable[[Tensor, Tensor], TrainedModel],
    images: Tensor,
    labels: Tensor,
    test: Tensor,
    classifier: nn.Sequential,
    seed: int,
) -> dict:
    torch.manual_seed(seed)
    start = time.process_time()
    model = train(images, labels)
    seconds = time.process_time() - start
    torch.manual_seed(seed)
    return {"seconds": seconds, **_measure(model, test, classifier)}


@measure
def _measure(model: TrainedModel, test: Tensor, classifier: nn.Sequential) -> dict:
    new = model.sample(N_NEW_IMAGES).clamp(0, 1)
    some = test[torch.randperm(len(test), device=test.device)[:N_NEW_IMAGES]]
    error = nats = None
    if model.reconstruct:
        error = objectives.squared_error(test, model.reconstruct(test)).mean().item()
    if model.log_likelihood:
        nats = model.log_likelihood(test).mean().item()
    return {
        "error": error,
        "nats": nats,
        "bound": model.bound,
        "distance": metrics.energy_distance(new, some).item(),
        "features": metrics.energy_distance(
            features(classifier, new), features(classifier, some)
        ).item(),
        "digits": sure_share(classifier, new).item(),
        "network": model.network,
        "labels": model.labels,
        "parameters": model.parameters,
        "images": new[:20],
    }


def _mean_of(runs: Sequence[dict]) -> dict:
    """The first run, with the mean of each measure over all runs, and their ``spread``."""
    row = {**runs[0], "spread": {}}
    for name in MEASURES:
        values = [run[name] for run in runs]
        if None not in values:
            row[name] = sum(values) / len(values)
            row["spread"][name] = (max(values) - min(values)) / 2
    return row


@contextmanager
def ignore_convergence_warning() -> Iterator[None]:
    """Hide scikit-learn's ConvergenceWarning: max_iter is small on purpose."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _count(*models: nn.Module) -> int:
    return sum(p.numel() for model in models for p in model.parameters())


# --- the models -----------------------------------------------------------------------


def _pca(images: Tensor, labels: Tensor) -> TrainedModel:
    w, b, _ = linear_gaussian.fit_ppca(images, LATENT_DIM, sigma=SIGMA)
    u = F.normalize(w, dim=0)
    return TrainedModel(
        parameters=w.numel() + b.numel(),
        sample=lambda n: torch.randn(n, LATENT_DIM, device=b.device) @ w.T + b,
        reconstruct=lambda x: (x - b) @ u @ u.T + b,
        log_likelihood=lambda x: linear_gaussian.linear_log_evidence(x, w, b, SIGMA),
        bound=False,
        network="linear",
    )


def _autoencoder(
    images: Tensor,
    labels: Tensor,
    objective: Objective = objectives.ae_loss,
    model: Callable[[int], Autoencoder | SparseAutoencoder] = plain_autoencoder,
    network: str = "MLP",
    epochs: int = 45,
) -> TrainedModel:
    trained = model(images.shape[1]).to(images.device)
    fit(trained, objective, images, epochs=epochs, batch_size=128, lr=3e-3)
    trained.requires_grad_(False)
    codes = trained.encoder(images)
    spread = torch.cov(codes.T) + 1e-6 * torch.eye(codes.shape[1], device=codes.device)
    prior = MultivariateNormal(codes.mean(0), spread)
    return TrainedModel(
        parameters=_count(trained),
        sample=lambda n: trained.decoder(prior.sample((n,))),
        reconstruct=trained,
        network=network,
    )


def _regularized_pae(images: Tensor, labels: Tensor, epochs: int = 45) -> TrainedModel:
    """With λ = σ² its loss is 2σ² times that of a VAE whose encoder has the fixed σ τ."""
    tau = 0.2
    objective = partial(objectives.regularized_pae_loss, lam=SIGMA**2, sigma=tau)
    model = Autoencoder(images.shape[1], LATENT_DIM, HIDDEN).to(images.device)
    fit(model, objective, images, epochs=epochs, batch_size=128, lr=3e-3)
    model.requires_grad_(False)

    def f(x: Tensor) -> tuple[Tensor, Tensor]:
        z = model.encoder(x)
        return z, torch.full_like(z, 2 * math.log(tau))

    return TrainedModel(
        parameters=_count(model),
        sample=lambda n: model.decoder(torch.randn(n, LATENT_DIM, device=images.device)),
        reconstruct=model,
        log_likelihood=lambda x: elbo.elbo(f, model.decoder, x, nll=pixel_nll),
    )


def _vae(
    images: Tensor, labels: Tensor, beta: float = 1.0, epochs: int = 45
) -> TrainedModel:
    model = _trained_vae(images, epochs, beta)
    return TrainedModel(
        parameters=_count(model),
        sample=lambda n: model.decoder(torch.randn(n, LATENT_DIM, device=images.device)),
        reconstruct=model,
        log_likelihood=lambda x: elbo.elbo(model.encoder, model.decoder, x, nll=pixel_nll),
    )


def _trained_vae(images: Tensor, epochs: int, beta: float = 1.0) -> VAE:
    objective = partial(objectives.vae_loss, beta=beta, nll=pixel_nll)
    model = VAE(images.shape[1], LATENT_DIM, HIDDEN).to(images.device)
    fit(model, objective, images, epochs=epochs, batch_size=128, lr=3e-3)
    return model.requires_grad_(False)


def _latent_diffusion(images: Tensor, labels: Tensor, epochs: int = 20) -> TrainedModel:
    """A VAE whose prior is then replaced by a diffusion model of its codes z ~ q(z|x).

    ELBO = E_q[log p(x|z) + log p(z) − log q(z|x)], with diffusion's bound for log p(z).
    Source: Rombach et al. (2022); Vahdat, Kreis & Kautz (2021) for the bound.
    """
    vae = _trained_vae(images, epochs)
    z = objectives.reparameterize(*vae.encoder(images))
    mean, std = z.mean(0), z.std(0)
    alpha_bar = diffusion.cosine_schedule(50, device=images.device)
    denoiser = diffusion.NoisePredictor(LATENT_DIM, alpha_bar).to(images.device)
    objective = partial(diffusion.diffusion_loss, alpha_bar=alpha_bar)
    scaled = (z - mean) / std
    fit(denoiser, objective, scaled, epochs=2 * epochs, batch_size=500, lr=3e-3)
    denoiser.requires_grad_(False)
    variance = diffusion.best_variance(denoiser, scaled[:4000], alpha_bar)

    def sample(n: int) -> Tensor:
        noise = torch.randn(n, LATENT_DIM, device=images.device)
        *_, new = diffusion.reverse_steps(denoiser, noise, alpha_bar, variance)
        return vae.decoder(mean + std * new)

    def log_likelihood(x: Tensor) -> Tensor:
        mu, logvar = vae.encoder(x)
        z = objectives.reparameterize(mu, logvar)
        log_p = diffusion.diffusion_elbo(denoiser, (z - mean) / std, alpha_bar, variance)
        entropy = (logvar + math.log(2 * math.pi * math.e)).sum(1) / 2  # E_q[−log q(z|x)]
        return log_p - std.log().sum() + entropy - pixel_nll(x, vae.decoder(z))

    return TrainedModel(_count(vae, denoiser), sample, vae, log_likelihood)


def _vq_vae_2(images: Tensor, labels: Tensor, epochs: int = 1) -> TrainedModel:
    sizes = (32, 8)
    model = VQVAE2(sizes, side=14, channels=16)
    top_prior = CodePrior(sizes[0], 4, width=32)
    bottom_prior = CodePrior(sizes[1], 7, n_top=sizes[0], width=32)
    for network in (model, top_prior, bottom_prior):
        network.to(images.device)
    objective = partial(vq_vae.vq_vae_loss, nll=pixel_nll)
    fit(model, objective, images, epochs=epochs, batch_size=128, lr=4e-3)
    top, bottom = model.codes(images)
    train = partial(fit, epochs=epochs, batch_size=128, lr=6e-3)
    train(top_prior, code_nll, (top, labels))
    train(bottom_prior, code_nll, (bottom, labels, top))

    def sample(n: int) -> Tensor:
        label = torch.randint(10, (n,), device=images.device)
        return generate(model, top_prior, bottom_prior, label)

    def log_likelihood(x: Tensor) -> Tensor:
        codes = model.codes(x)
        return log_code_probability(top_prior, bottom_prior, *codes) - pixel_nll(
            x, model.decode(*codes)
        )

    return TrainedModel(
        _count(model, top_prior, bottom_prior),
        sample,
        model,
        log_likelihood,
        network="convolutions",
        labels=True,
    )


def _gmm(images: Tensor, labels: Tensor) -> TrainedModel:
    from sklearn.mixture import GaussianMixture

    components = 50
    mixture = GaussianMixture(
        components, covariance_type="diag", reg_covar=SIGMA**2, max_iter=30, random_state=0
    )
    with ignore_convergence_warning():
        mixture.fit(images.cpu().numpy())
    means = torch.as_tensor(mixture.means_, dtype=images.dtype, device=images.device)
    spread = torch.as_tensor(mixture.covariances_ - SIGMA**2).clamp(min=0).sqrt().to(means)
    weights = torch.as_tensor(mixture.weights_).to(means)

    def sample(n: int) -> Tensor:
        k = torch.multinomial(weights, n, replacement=True)
        return means[k] + spread[k] * torch.randn_like(means[k])

    return TrainedModel(
        parameters=mixture._n_parameters(),
        sample=sample,
        log_likelihood=lambda x: torch.as_tensor(mixture.score_samples(x.cpu().numpy())),
        bound=False,
        network="–",
    )


def _gan(images: Tensor, labels: Tensor, epochs: int = 15) -> TrainedModel:
    gan = mlp_gan(images.shape[1], 32, (256, 256), last=nn.Sigmoid()).to(images.device)
    for _ in adversarial_epochs(gan, images, epochs=epochs, batch_size=128, lr=1e-3):
        pass
    return TrainedModel(_count(gan), gan.sample)


def _diffusion(images: Tensor, labels: Tensor, epochs: int = 2) -> TrainedModel:
    """Its last step is the p(x|z) of the other models, with variance β₁ = (2 SIGMA)², since
    pixels from −1 to 1 have twice the scale of gray levels."""
    first = torch.tensor([1.0, 1 - (2 * SIGMA) ** 2], device=images.device)
    rest = diffusion.cosine_schedule(60, device=images.device)
    alpha_bar = torch.cat([first, rest[rest < first[1]]])
    model = diffusion.UNet(alpha_bar, side=14, width=16).to(images.device)
    objective = partial(diffusion.diffusion_loss, alpha_bar=alpha_bar)
    fit(model, objective, 2 * images - 1, epochs=epochs, batch_size=128, lr=5e-3)

    def sample(n: int) -> Tensor:
        noise = torch.randn(n, images.shape[1], device=images.device)
        *_, x = diffusion.reverse_steps(model, noise, alpha_bar)
        return (x + 1) / 2

    def log_likelihood(x: Tensor) -> Tensor:
        nats = diffusion.diffusion_elbo(model, 2 * x - 1, alpha_bar)
        return nats + x.shape[1] * math.log(2)  # density of gray levels in [0, 1]

    return TrainedModel(
        _count(model), sample, log_likelihood=log_likelihood, network="convolutions"
    )


def _real(images: Tensor, labels: Tensor) -> TrainedModel:
    return _given(lambda: images)


def _chimeras(images: Tensor, labels: Tensor) -> TrainedModel:
    return _given(lambda: metrics.chimeras(images, labels))


def _given(images: Callable[[], Tensor]) -> TrainedModel:
    """No model: draws some of these images."""

    def sample(n: int) -> Tensor:
        x = images()
        return x[torch.randperm(len(x), device=x.device)[:n]]

    return TrainedModel(0, sample, network="–")


REFERENCES: dict[str, Callable[[Tensor, Tensor], TrainedModel]] = {
    "real digits": _real,
    "chimeras": _chimeras,
}

MODELS: dict[str, Callable[[Tensor, Tensor], TrainedModel]] = {
    "PCA": _pca,
    "autoencoder": _autoencoder,
    "sparse": partial(
        _autoencoder,
        objective=partial(objectives.sparse_ae_loss, lam=0.3),
        model=partial(SparseAutoencoder, latent_dim=256),
        network="linear, ReLU",
    ),
    "denoising": partial(_autoencoder, objective=partial(objectives.dae_loss, sigma=0.3)),
    "probabilistic": partial(_autoencoder, objective=objectives.pae_loss),
    "regularized probabilistic": _regularized_pae,
    "VAE": _vae,
    "β-VAE, β = 4": partial(_vae, beta=4.0),
    "VQ-VAE-2": _vq_vae_2,
    "Gaussian mixture": _gmm,
    "GAN": _gan,
    "diffusion": _diffusion,
    "latent diffusion": _latent_diffusion,
    "VAE, 5 epochs": partial(_vae, epochs=5),
    "VAE, 15 epochs": partial(_vae, epochs=15),
    "VAE, 150 epochs": partial(_vae, epochs=150),
    "VQ-VAE-2, 3 epochs": partial(_vq_vae_2, epochs=3),
    "diffusion, 6 epochs": partial(_diffusion, epochs=6),
}
