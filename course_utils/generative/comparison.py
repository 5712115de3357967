"""All models of the course on one data set, compared in one table.

Every likelihood is the lecture's p(x|z) = N(x̂, σ²I) with the same σ, ``SIGMA``, a tenth of
the gray scale. A model without prior is sampled from a Gaussian that is fitted to its codes
(Ghosh et al., 2020).
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

from course_utils import objectives
from course_utils.generative import diffusion, metrics, vq_vae
from course_utils.generative.gan import adversarial_epochs, mlp_gan
from course_utils.generative.vq_vae import (
    VQVAE2,
    CodePrior,
    code_nll,
    generate,
    log_code_probability,
    perplexity,
)
from course_utils.models import VAE, Autoencoder, SparseAutoencoder
from course_utils.theory import elbo, linear_gaussian
from course_utils.training import Objective, fit

SIGMA = 0.1  # of every decoder's noise, in gray levels from 0 to 1
LATENT_DIM, HIDDEN = 16, (256,)
N_NEW_IMAGES = 2000  # new images of each model
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
    latent_use: Callable[[Tensor], str] = lambda x: "–"


def compare_models(
    images: Tensor,
    labels: Tensor,
    test: Tensor,
    classifier: nn.Module,
    names: Iterable[str] | None = None,
) -> Iterator[dict]:
    """Train all models, or those with these names, one by one, and yield their table rows.

    images (N, 196) float in [0, 1] and their labels (N,), test (M, 196): ``half_size``
    digits. Yields name, error (squared, per image), nats, bound, distance (energy distance
    of N_NEW_IMAGES new images to the test images), digits (share of the new images that the
    classifier gives a label with more than 90 %), use, parameters, seconds (of training)
    and images (20, 196), the first of the new ones. None: not defined. The first row is
    that of real training digits, a reference for all models. ValueError for a name not in
    ``MODELS``.
    """
    names = list(MODELS if names is None else names)
    for name in names:
        if name not in MODELS:
            raise ValueError(f"no model {name!r}: choose among {', '.join(MODELS)}.")
    real = TrainedModel(0, lambda n: images[torch.randperm(len(images))[:n]])
    yield {"name": "real digits", "seconds": None, **_measure(real, test, classifier)}
    for name in names:
        torch.manual_seed(0)
        start = time.perf_counter()
        model = MODELS[name](images, labels)
        seconds = time.perf_counter() - start
        yield {"name": name, "seconds": seconds, **_measure(model, test, classifier)}


def stored() -> list[dict]:
    """The rows that ``python benchmarks/comparison.py --write`` has stored."""
    with as_file(STORED) as path:
        rows = torch.load(path, weights_only=True)
    return [{**row, "images": row["images"] / 255} for row in rows]


def table(rows: Sequence[dict]) -> str:
    """The rows as a table in Markdown."""
    header = ("", "squared error", "log p(x), nats", "energy distance", "sure digits",
             "latent use", "parameters", "training, s")  # fmt: skip
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    for row in rows:
        sign = "≥ " if row["bound"] else ""
        cells = (
            row["name"],
            _number(row["error"], "{:.2f}"),
            _number(row["nats"], sign + "{:.0f}"),
            _number(row["distance"], "{:.3f}"),
            _number(row["digits"], "{:.0%}"),
            row["use"],
            _number(row["parameters"] or None, "{:,}").replace(",", " "),
            _number(row["seconds"], "{:.0f}"),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _number(value: float | None, form: str) -> str:
    return "not defined" if value is None else form.format(value)


@torch.no_grad()
def _measure(model: TrainedModel, test: Tensor, classifier: nn.Module) -> dict:
    torch.manual_seed(0)
    new = model.sample(N_NEW_IMAGES).clamp(0, 1)
    sure = classifier(new).softmax(1).amax(1) > 0.9
    error = nats = None
    if model.reconstruct:
        error = objectives.squared_error(test, model.reconstruct(test)).mean().item()
    if model.log_likelihood:
        nats = model.log_likelihood(test).mean().item()
    return {
        "error": error,
        "nats": nats,
        "bound": model.bound,
        "distance": metrics.energy_distance(
            new, test[torch.randperm(len(test))[:N_NEW_IMAGES]]
        ).item(),
        "digits": sure.float().mean().item(),
        "use": model.latent_use(test),
        "parameters": model.parameters,
        "images": new[:20],
    }


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
        latent_use=lambda x: _units(linear_gaussian.linear_posterior(x, w, b, SIGMA)[0]),
    )


def _autoencoder(
    images: Tensor,
    labels: Tensor,
    objective: Objective = objectives.ae_loss,
    model: Callable[[int], Autoencoder | SparseAutoencoder] = plain_autoencoder,
) -> TrainedModel:
    network = model(images.shape[1]).to(images.device)
    fit(network, objective, images, epochs=8, batch_size=128, lr=3e-3)
    network.requires_grad_(False)
    codes = network.encoder(images)
    spread = torch.cov(codes.T) + 1e-6 * torch.eye(codes.shape[1], device=codes.device)
    prior = MultivariateNormal(codes.mean(0), spread)
    return TrainedModel(
        parameters=_count(network),
        sample=lambda n: network.decoder(prior.sample((n,))),
        reconstruct=network,
        latent_use=lambda x: _units(network.encoder(x), prior=False),
    )


def _units(codes: Tensor, *, prior: bool = True) -> str:
    """Number of active units: code variance above a hundredth of a reference variance.

    The reference is the prior's variance, 1 (Burda et al., 2016), or without a prior the
    mean over units, so that the scale of the codes does not matter.
    """
    variance = codes.var(0, correction=0)
    active = (variance > 0.01 * (1 if prior else variance.mean())).sum().item()
    return f"{active} of {codes.shape[1]} units"


def _regularized_pae(images: Tensor, labels: Tensor) -> TrainedModel:
    """With λ = σ² its loss is 2σ² times that of a VAE whose encoder has the fixed σ τ."""
    tau = 0.2
    objective = partial(objectives.regularized_pae_loss, lam=SIGMA**2, sigma=tau)
    model = Autoencoder(images.shape[1], LATENT_DIM, HIDDEN).to(images.device)
    fit(model, objective, images, epochs=8, batch_size=128, lr=3e-3)
    model.requires_grad_(False)

    def f(x: Tensor) -> tuple[Tensor, Tensor]:
        z = model.encoder(x)
        return z, torch.full_like(z, 2 * math.log(tau))

    return TrainedModel(
        parameters=_count(model),
        sample=lambda n: model.decoder(torch.randn(n, LATENT_DIM, device=images.device)),
        reconstruct=model,
        log_likelihood=lambda x: elbo.elbo(f, model.decoder, x, nll=pixel_nll),
        latent_use=lambda x: _units(model.encoder(x)),
    )


def _vae(images: Tensor, labels: Tensor, beta: float = 1.0) -> TrainedModel:
    objective = partial(objectives.vae_loss, beta=beta, nll=pixel_nll)
    model = VAE(images.shape[1], LATENT_DIM, HIDDEN).to(images.device)
    fit(model, objective, images, epochs=8, batch_size=128, lr=3e-3)
    model.requires_grad_(False)
    return TrainedModel(
        parameters=_count(model),
        sample=lambda n: model.decoder(torch.randn(n, LATENT_DIM, device=images.device)),
        reconstruct=model,
        log_likelihood=lambda x: elbo.elbo(model.encoder, model.decoder, x, nll=pixel_nll),
        latent_use=lambda x: _units(model.encoder(x)[0]),
    )


def _vq_vae_2(images: Tensor, labels: Tensor) -> TrainedModel:
    sizes = (32, 8)
    model = VQVAE2(sizes, side=14, channels=16)
    top_prior = CodePrior(sizes[0], 4, width=32)
    bottom_prior = CodePrior(sizes[1], 7, n_top=sizes[0], width=32)
    for network in (model, top_prior, bottom_prior):
        network.to(images.device)
    objective = partial(vq_vae.vq_vae_loss, nll=pixel_nll)
    fit(model, objective, images, epochs=4, batch_size=128, lr=4e-3)
    top, bottom = model.codes(images)
    fit(top_prior, code_nll, (top, labels), epochs=4, batch_size=128, lr=6e-3)
    fit(bottom_prior, code_nll, (bottom, labels, top), epochs=3, batch_size=128, lr=6e-3)

    def sample(n: int) -> Tensor:
        label = torch.randint(10, (n,), device=images.device)
        return generate(model, top_prior, bottom_prior, label)

    def log_likelihood(x: Tensor) -> Tensor:
        codes = model.codes(x)
        return log_code_probability(top_prior, bottom_prior, *codes) - pixel_nll(
            x, model.decode(*codes)
        )

    def use(x: Tensor) -> str:
        counts = (perplexity(codes, n) for codes, n in zip(model.codes(x), sizes))
        return (
            " + ".join(f"{count:.0f} of {n}" for count, n in zip(counts, sizes)) + " codes"
        )

    return TrainedModel(
        _count(model, top_prior, bottom_prior),
        sample,
        model,
        log_likelihood,
        latent_use=use,
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
        latent_use=lambda x: (
            f"{torch.special.entr(weights).sum().exp():.0f} of {components} components"
        ),
    )


def _gan(images: Tensor, labels: Tensor) -> TrainedModel:
    gan = mlp_gan(images.shape[1], 32, (256, 256), last=nn.Sigmoid()).to(images.device)
    for _ in adversarial_epochs(gan, images, epochs=20, batch_size=128, lr=1e-3):
        pass
    return TrainedModel(_count(gan), gan.sample)


def _diffusion(images: Tensor, labels: Tensor) -> TrainedModel:
    """Its last step is the p(x|z) of the other models, with variance β₁ = (2 SIGMA)², since
    pixels from −1 to 1 have twice the scale of gray levels."""
    first = torch.tensor([1.0, 1 - (2 * SIGMA) ** 2], device=images.device)
    rest = diffusion.cosine_schedule(60, device=images.device)
    alpha_bar = torch.cat([first, rest[rest < first[1]]])
    model = diffusion.UNet(alpha_bar, side=14, width=16).to(images.device)
    objective = partial(diffusion.diffusion_loss, alpha_bar=alpha_bar)
    fit(model, objective, 2 * images - 1, epochs=4, batch_size=128, lr=5e-3)

    def sample(n: int) -> Tensor:
        noise = torch.randn(n, images.shape[1], device=images.device)
        *_, x = diffusion.reverse_steps(model, noise, alpha_bar)
        return (x + 1) / 2

    def log_likelihood(x: Tensor) -> Tensor:
        nats = diffusion.diffusion_elbo(model, 2 * x - 1, alpha_bar)
        return nats + x.shape[1] * math.log(2)  # density of gray levels in [0, 1]

    return TrainedModel(_count(model), sample, log_likelihood=log_likelihood)


MODELS: dict[str, Callable[[Tensor, Tensor], TrainedModel]] = {
    "PCA": _pca,
    "autoencoder": _autoencoder,
    "sparse": partial(
        _autoencoder,
        objective=partial(objectives.sparse_ae_loss, lam=0.3),
        model=partial(SparseAutoencoder, latent_dim=256),
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
}
