"""Every check accepts right answers in several styles and refuses typical wrong ones."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    kl_divergence,
)
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss, normalize

from course_utils import (
    data,
    evidence,
    exercises,
    linear_gaussian,
    models,
    objectives,
    vq_vae,
)

SMALL = load_digits().data / 16


def kl_from_distributions(mu, logvar):
    q = Normal(mu, (0.5 * logvar).exp())
    return kl_divergence(q, Normal(torch.zeros_like(mu), 1.0)).sum(1)


def kl_with_loops(mu, logvar):
    rows = []
    for m, v in zip(mu.tolist(), logvar.exp().tolist()):
        terms = [(a * a + b - torch.tensor(b).log().item() - 1) / 2 for a, b in zip(m, v)]
        rows.append(sum(terms))
    return torch.tensor(rows)


def nll_pixel_by_pixel(x, mean, sigma):
    variance = torch.tensor(sigma) ** 2
    return 0.5 * ((x - mean) ** 2 / variance + torch.log(2 * torch.pi * variance)).sum(1)


def regularized_pae_in_one_line(f, g, x, lam):
    z = f(x)
    return ((x - g(z + torch.randn_like(z))) ** 2).sum(1).mean() + lam * z.pow(2).sum(
        1
    ).mean()


def regularized_pae_with_distributions(f, g, x, lam):
    q = Normal(f(x), 1.0)
    error = torch.linalg.vector_norm(x - g(q.rsample()), dim=1) ** 2
    return (error + lam * torch.linalg.vector_norm(q.mean, dim=1) ** 2).mean()


def regularized_pae(f, g, x, lam, sigma=1.0):
    return objectives.regularized_pae_loss(f, g, x, lam=lam, sigma=sigma)["loss"]


def draw_in_place(mu, logvar):
    z = torch.randn_like(mu)
    z *= logvar.exp().sqrt()
    z += mu
    return z


def draw_from_distributions(mu, logvar):
    return Normal(mu, logvar.exp().sqrt()).rsample()


def plain_draw(mu, logvar):
    return Normal(mu, logvar.exp().sqrt()).sample()


def ae_loss_with_loops(f, g, x):
    total = 0.0
    for image in x:
        x_hat = g(f(image[None]))[0]
        total += sum((a - b) ** 2 for a, b in zip(image, x_hat))
    return total / len(x)


def nearest_with_loops(points, codes):
    rows = [min(math.dist(z, code) for code in codes.tolist()) for z in points.tolist()]
    return torch.tensor(rows)


def pca_image_by_image(x, mean, components):
    rows = []
    for image in x:
        z = [torch.dot(v, image - mean) for v in components]
        rows.append(mean + sum(a * v for a, v in zip(z, components)))
    return torch.stack(rows)


def pca_with_scikit_learn(x, mean, components):
    pca = PCA(len(components))
    pca.mean_, pca.components_ = mean.numpy(), components.numpy()
    pca.explained_variance_ = np.ones(len(components))  # some versions look at it
    return torch.as_tensor(pca.inverse_transform(pca.transform(x.numpy()))).float()


def pca_error_by_scikit_learn(x, k):
    if k == 0:
        return x.var(0, correction=0).sum()
    pca = PCA(k).fit(x.numpy())
    x_hat = pca.inverse_transform(pca.transform(x.numpy()))
    return torch.tensor(((x.numpy() - x_hat) ** 2).sum(1).mean())


def left_out(x, k):
    """Squared singular values beyond the first k: not centered, not divided by N."""
    return torch.linalg.svdvals(x).square()[k:].sum()


def sparse_ae_image_by_image(f, g, x, lam):
    total = 0.0
    for image in x.split(1):
        z = f(image)
        total += (image - g(z)).pow(2).sum() + lam * sum(abs(a) for a in z[0])
    return total / len(x)


def unit_columns_one_by_one(weight):
    return torch.stack([column / column.norm() for column in weight.T], dim=1)


def dae_with(draw):
    """The DAE's loss with the noise added by ``draw(x, sigma)``."""
    return lambda f, g, x, sigma: (x - g(f(draw(x, sigma)))).square().sum(1).mean()


def noise_column_by_column(x, sigma):
    """Other numbers than torch.randn_like(x) draws, and as right."""
    return torch.stack([pixel + sigma * torch.randn(len(x)) for pixel in x.T], dim=1)


def water_filling_with_loops(values, level, alive=lambda value, level: value > level):
    active, rate, distortion = 0, 0.0, 0.0
    for value in values.tolist():
        if alive(value, level):
            active += 1
            rate += 0.5 * math.log(value / level)
        distortion += min(value, level)
    return torch.tensor([active, rate, distortion])


def vae_loss_by_hand(f, g, x, width=lambda logvar: (logvar / 2).exp()):
    mu, logvar = f(x)
    logits = g(mu + width(logvar) * torch.randn_like(mu))
    nll = ((1 + logits.exp()).log() - x * logits).sum(1)
    kl = (mu**2 + logvar.exp() - logvar - 1).sum(1) / 2
    return nll.mean() + kl.mean()


def vae_loss_with_distributions(f, g, x):
    mu, logvar = f(x)
    q = Normal(mu, (logvar / 2).exp())
    recon = binary_cross_entropy_with_logits(g(q.rsample()), x, reduction="sum") / len(x)
    return recon + kl_divergence(q, Normal(0.0, 1.0)).sum() / len(x)


def mixture_pair_by_pair(log_prior, log_likelihood):
    total = log_prior[0] + log_likelihood[:, 0]
    for k in range(1, len(log_prior)):
        total = torch.logaddexp(total, log_prior[k] + log_likelihood[:, k])
    return total


def mixture_largest_first(log_prior, log_likelihood):
    log_joint = log_likelihood + log_prior
    top = log_joint.amax(1, keepdim=True)
    return top.squeeze(1) + (log_joint - top).exp().sum(1).log()


def draws_around(means, sigma):
    return means + sigma * torch.randn_like(means)


def choices(n, weights):
    return torch.multinomial(weights, n, replacement=True)


def draws_by_distributions(n, weights, means, sigma):
    components = Independent(Normal(means, sigma), 1)
    return MixtureSameFamily(Categorical(weights), components).sample((n,))


def draws_component_by_component(n, weights, means, sigma):
    """Sorted by component, as scikit-learn returns them."""
    counts = choices(n, weights).bincount(minlength=len(means)).tolist()
    parts = [draws_around(m.expand(c, -1), sigma) for m, c in zip(means, counts)]
    return torch.cat(parts)


def draws_by_thresholds(n, weights, means, sigma):
    z = (torch.rand(n, 1) > weights.cumsum(0)[:-1]).sum(1)
    return torch.normal(means[z], sigma)


def elbo_by_matrices(x, w, b, sigma, mu, logvar):
    """E ‖x − Wz − b‖² by the trace of W diag(s²) Wᵀ, image by image."""
    rows = []
    for image, m, v in zip(x, mu, logvar.exp()):
        away = image - w @ m - b
        square = away @ away + torch.trace(w @ torch.diag(v) @ w.T)
        log_p = -0.5 * (square / sigma**2 + len(b) * math.log(2 * math.pi * sigma**2))
        rows.append(log_p - 0.5 * (m.square() + v - v.log() - 1).sum())
    return torch.stack(rows)


def elbo_by_the_gap(x, w, b, sigma, mu, logvar):
    """log p(x) − KL(q ‖ p(z|x))."""
    center, covariance = linear_gaussian.linear_posterior(x, w, b, sigma)
    q = MultivariateNormal(mu, torch.diag_embed(logvar.exp()))
    gap = kl_divergence(q, MultivariateNormal(center, covariance))
    return linear_gaussian.linear_log_evidence(x, w, b, sigma) - gap


def elbo_with(x, w, b, sigma, mu, logvar, *, spread=1.0, kl=1.0, constant=1.0):
    """The ELBO with terms that may be mangled."""
    square = (x - mu @ w.T - b).square().sum(1)
    square = square + spread * (logvar.exp() @ w.square().sum(0))
    constants = constant * len(b) * math.log(2 * math.pi * sigma**2)
    log_p = -0.5 * (square / sigma**2 + constants)
    return log_p - kl * objectives.kl_to_standard_normal(mu, logvar)


def turning_point():
    """The least σ, in steps of 0.001, at which the score near the middle leads to it."""
    means, near = data.ring_of_means().cpu(), torch.tensor([[0.01, 0.0]])
    sigmas = torch.arange(1, 2, 0.001).tolist()
    scores = (data.mixture_score(near, means, sigma=math.hypot(0.2, s)) for s in sigmas)
    return next(s for s, score in zip(sigmas, scores) if score[0, 0] < 0)


RIGHT = {
    exercises.check_m_step: {
        "matrices": lambda x, r: (r / r.sum(0)).T @ x,
        "einsum": lambda x, r: torch.einsum("nk,nd->kd", r, x) / r.sum(0).unsqueeze(1),
        "component by component": lambda x, r: torch.stack(
            [(share[:, None] * x).sum(0) / share.sum() for share in r.T]
        ),
        "numpy": lambda x, r: torch.from_numpy(
            np.stack([np.average(x.numpy(), axis=0, weights=w) for w in r.T.numpy()])
        ),
    },
    exercises.check_mixture_size: {
        "counted": 30 * 40 + 30 * 40 * 41 // 2 + 29,
        "a float": 25_829.0,
        "a tensor": torch.tensor(25_829),
        "by numpy": 30 * (40 + np.tril(np.ones((40, 40))).sum()) + 29,
    },
    exercises.check_lost_share: {
        "a share": 164 / 196,
        "rounded": 0.84,
        "by variances": torch.full((196,), 1 / 12)[32:].sum() / (196 / 12),
    },
    exercises.check_error_share: {
        "mended": lambda x, x_hat: (
            (x - x_hat).square().sum(1).mean() / (x - x.mean(0)).square().sum(1).mean()
        ),
        "variance": lambda x, x_hat: mse_loss(x_hat, x) / x.var(0, correction=0).mean(),
        "loops": lambda x, x_hat: (
            sum(((a - b) ** 2).sum() for a, b in zip(x, x_hat))
            / sum(((a - x.mean(0)) ** 2).sum() for a in x)
        ),
        "numpy": lambda x, x_hat: torch.tensor(
            ((x - x_hat).numpy() ** 2).sum() / (len(x) * x.numpy().var(axis=0).sum())
        ),
    },
    exercises.check_leading_components: {
        "eigh, flipped": lambda x, k: (
            torch.linalg.eigh(torch.cov(x.T)).eigenvectors.flip(1)[:, :k].T
        ),
        "singular vectors": lambda x, k: torch.linalg.svd(
            x - x.mean(0), full_matrices=False
        )[2][:k],
        "scikit-learn": lambda x, k: torch.as_tensor(PCA(k).fit(x.numpy()).components_),
        "numpy, other signs": lambda x, k: torch.from_numpy(
            -np.linalg.eigh(np.cov(x.numpy().T))[1][:, ::-1][:, :k].T.copy()
        ),
    },
    exercises.check_code_width: {
        "an int": 21,
        "a float": 21.0,
        "scikit-learn": int(
            (1 - PCA().fit(SMALL).explained_variance_ratio_.cumsum() < 0.1).argmax()
        )
        + 1,
        "a share to explain": PCA(0.9).fit(SMALL).n_components_,
    },
    exercises.check_silent_price: {
        "two times": 2 * 0.3,
        "a fraction": 3 / 5,
        "a tensor": torch.tensor(0.6),
    },
    exercises.check_active_units: {
        "mended": lambda z: (z != 0).sum(1).float().mean(),
        "count": lambda z: torch.count_nonzero(z) / len(z),
        "loops": lambda z: (
            torch.tensor([sum(a != 0 for a in row) for row in z.tolist()]).double().mean()
        ),
        "L0": lambda z: z.norm(p=0, dim=1).mean(),
        "numpy": lambda z: torch.tensor(np.count_nonzero(z.numpy(), axis=1).mean()),
    },
    exercises.check_summit: {
        "1.4": 1.4,
        "by theory": math.sqrt(2**2 / 2 - 0.2**2),
        "by trying": turning_point(),
    },
    exercises.check_langevin_step: {
        "formula": lambda score, x, h: (
            x + h / 2 * score(x) + math.sqrt(h) * torch.randn_like(x)
        ),
        "torch.normal": lambda score, x, h: torch.normal(x + h / 2 * score(x), h**0.5),
        "torch.distributions": lambda score, x, h: Normal(
            x + 0.5 * h * score(x), math.sqrt(h)
        ).sample(),
        "row by row": lambda score, x, h: (
            x + (h * score(x)) / 2 + torch.randn(x.shape[::-1]).T * h**0.5
        ),
    },
    exercises.check_perfect_nll: {
        "constant": 392 * math.log(2 * math.pi),
        "rounded": 720,
        "torch.distributions": -Normal(torch.zeros(784), 1.0)
        .log_prob(torch.zeros(784))
        .sum(),
        "package": objectives.gaussian_nll(torch.zeros(1, 784), torch.zeros(1, 784)).item(),
    },
    exercises.check_safe_nll: {
        "package": objectives.gaussian_nll,
        "logarithm first": lambda x, mean: (
            (x - mean) ** 2 / 2 + math.log(2 * math.pi) / 2
        ).sum(1),
        "torch.distributions": lambda x, mean: (
            -Independent(Normal(mean, 1.0), 1).log_prob(x)
        ),
        "sum of logarithms": lambda x, mean: (
            -((-(x - mean).square() / 2).exp() / math.sqrt(2 * math.pi)).log().sum(1)
        ),
        "double": lambda x, mean: -Normal(mean.double(), 1.0).log_prob(x.double()).sum(1),
    },
    exercises.check_diffuse: {
        "closed form": lambda x, eps, alpha: (
            math.prod(alpha) ** 0.5 * x + (1 - math.prod(alpha)) ** 0.5 * eps
        ),
        "tensors": lambda x, eps, alpha: objectives.diffuse(
            x, eps, torch.tensor(alpha).prod()
        ),
        "numpy": lambda x, eps, alpha: torch.from_numpy(
            np.sqrt(np.prod(alpha)) * x.numpy() + np.sqrt(1 - np.prod(alpha)) * eps.numpy()
        ).float(),
    },
    exercises.check_discriminator_loss: {
        "softplus": lambda real, fake: (
            torch.nn.functional.softplus(-real).mean()
            + torch.nn.functional.softplus(fake).mean()
        ),
        "logsigmoid": lambda real, fake: (
            -torch.nn.functional.logsigmoid(real).mean()
            - torch.nn.functional.logsigmoid(-fake).mean()
        ),
        "cross entropy": lambda real, fake: sum(
            torch.nn.functional.binary_cross_entropy_with_logits(d, torch.full_like(d, y))
            for d, y in ((real, 1.0), (fake, 0.0))
        ),
        "logaddexp": lambda real, fake: (
            torch.logaddexp(torch.zeros_like(real), -real).mean()
            + torch.logaddexp(torch.zeros_like(fake), fake).mean()
        ),
    },
    exercises.check_nearest_code: {
        "package": vq_vae.nearest_code,
        "cdist": lambda z, codebook: torch.cdist(z, codebook).argmin(1),
        "differences": lambda z, codebook: (
            (z[:, None] - codebook[None]).square().sum(2).min(1).indices
        ),
        "loop": lambda z, codebook: torch.tensor(
            [min(range(len(codebook)), key=lambda k: (v - codebook[k]).norm()) for v in z]
        ),
    },
    exercises.check_perplexity: {
        "entr": lambda p: torch.special.entr(p).sum().exp(),
        "xlogy": lambda p: torch.exp(-torch.special.xlogy(p, p).sum()),
        "used ones": lambda p: torch.exp(-(p[p > 0] * p[p > 0].log()).sum()),
        "distribution": lambda p: torch.distributions.Categorical(p).entropy().exp(),
        "product": lambda p: torch.prod(p**-p),
    },
    exercises.check_straight_through: {
        "package": objectives.straight_through,
        "detach each": lambda z, e: z - z.detach() + e.detach(),
        "rounding error": lambda z, e: z - (z.detach() - e.detach()),
        "data": lambda z, e: z + (e.data - z.data),
    },
    exercises.check_linear_elbo: {
        "package": linear_gaussian.linear_elbo,
        "trace": elbo_by_matrices,
        "evidence less the gap": elbo_by_the_gap,
        "one line": elbo_with,
    },
    exercises.check_importance_bound: {
        "package's line": lambda lw: torch.logsumexp(lw, 0) - math.log(len(lw)),
        "log of the mean, the largest put aside": lambda lw: (
            (lw - lw.amax(0)).exp().mean(0).log() + lw.amax(0)
        ),
        "log L first": lambda lw: (lw - math.log(lw.shape[0])).logsumexp(dim=0),
        "image by image": lambda lw: torch.stack(
            [column.logsumexp(0) - torch.tensor(len(column)).log() for column in lw.T]
        ),
    },
    exercises.check_mixture_log_density: {
        "logsumexp": lambda prior, likelihood: torch.logsumexp(prior + likelihood, dim=1),
        "pair by pair": mixture_pair_by_pair,
        "largest first": mixture_largest_first,
        "Bayes' rule": lambda prior, likelihood: (
            (prior + likelihood) - (prior + likelihood).log_softmax(1)
        )[:, 0],
    },
    exercises.check_mixture_draws: {
        "two steps": lambda n, weights, means, sigma: draws_around(
            means[choices(n, weights)], sigma
        ),
        "torch.distributions": draws_by_distributions,
        "component by component": draws_component_by_component,
        "thresholds": draws_by_thresholds,
    },
    exercises.check_sparse_ae_loss: {
        "package": lambda f, g, x, lam: objectives.sparse_ae_loss(f, g, x, lam=lam)["loss"],
        "image by image": sparse_ae_image_by_image,
        "norms": lambda f, g, x, lam: (
            torch.linalg.vector_norm(x - g(f(x)), dim=1) ** 2
            + lam * torch.linalg.vector_norm(f(x), ord=1, dim=1)
        ).mean(),
        "torch's losses": lambda f, g, x, lam: (
            (mse_loss(g(f(x)), x, reduction="sum") + lam * f(x).abs().sum()) / len(x)
        ),
    },
    exercises.check_unit_columns: {
        "package": models.UnitColumns(),
        "norm": lambda weight: weight / weight.norm(dim=0, keepdim=True),
        "transposed": lambda weight: normalize(weight.T, dim=1).T,
        "one by one": unit_columns_one_by_one,
        "squares": lambda weight: weight * weight.square().sum(0).rsqrt(),
    },
    exercises.check_dae_loss: {
        "package": dae_with(objectives.add_noise),
        "shape by hand": dae_with(lambda x, sigma: x + sigma * torch.randn(x.shape)),
        "torch.normal": dae_with(lambda x, sigma: torch.normal(x, sigma)),
        "torch.distributions": dae_with(
            lambda x, sigma: Normal(0.0, max(sigma, 1e-9)).sample(x.shape) + x
        ),
        "in another order": dae_with(noise_column_by_column),
        "a draw to spare": lambda f, g, x, sigma: objectives.dae_loss(
            f, g, torch.randn(7).sum() * 0 + x, sigma=sigma
        )["recon"],
    },
    exercises.check_score_from_denoiser: {
        "one line": lambda r, x, sigma: (r(x) - x) / sigma**2,
        "noise, then its sign": lambda r, x, sigma: -(x - r(x)).div(sigma).div(sigma),
        "row by row": lambda r, x, sigma: torch.cat(
            [(r(row) - row) * sigma**-2 for row in x.split(1)]
        ),
    },
    exercises.check_ae_loss: {
        "package": lambda f, g, x: objectives.ae_loss(f, g, x)["recon"],
        "loops": ae_loss_with_loops,
        "torch's mse": lambda f, g, x: mse_loss(g(f(x)), x, reduction="sum") / len(x),
        "norms": lambda f, g, x: torch.linalg.norm(x - g(f(x)), dim=1).square().mean(),
    },
    exercises.check_distance_to_nearest: {
        "package": evidence.distance_to_nearest,
        "loops": nearest_with_loops,
        "broadcasting": lambda points, codes: (
            (points[:, None] - codes).square().sum(2).sqrt().min(1).values
        ),
        "cdist": lambda points, codes: torch.cdist(points, codes).min(dim=1)[0],
    },
    exercises.check_pca_reconstruction: {
        "projector": lambda x, mean, v: (x - mean) @ (v.T @ v) + mean,
        "image by image": pca_image_by_image,
        "scikit-learn": pca_with_scikit_learn,
        "einsum": lambda x, mean, v: mean + torch.einsum("bd,kd,ke->be", x - mean, v, v),
    },
    exercises.check_pca_error: {
        "singular values": lambda x, k: left_out(x - x.mean(0), k) / len(x),
        "scikit-learn": pca_error_by_scikit_learn,
        "what the projection leaves": lambda x, k: (
            (x - x.mean(0))
            .sub((x - x.mean(0)) @ (v := torch.linalg.svd(x - x.mean(0))[2][:k]).T @ v)
            .square()
            .sum(1)
            .mean()
        ),
    },
    exercises.check_kl: {
        "package": objectives.kl_to_standard_normal,
        "torch.distributions": kl_from_distributions,
        "loops": kl_with_loops,
    },
    exercises.check_gaussian_nll: {
        "package": lambda x, mean, sigma: objectives.gaussian_nll(x, mean, sigma=sigma),
        "torch.distributions": lambda x, mean, sigma: (
            -Independent(Normal(mean, sigma), 1).log_prob(x)
        ),
        "pixel by pixel": nll_pixel_by_pixel,
    },
    exercises.check_regularized_pae: {
        "package": regularized_pae,
        "one line": regularized_pae_in_one_line,
        "torch.distributions": regularized_pae_with_distributions,
    },
    exercises.check_reparameterize: {
        "package": objectives.reparameterize,
        "torch.distributions": draw_from_distributions,
        "in place": draw_in_place,
        "shape by hand": lambda mu, logvar: (
            torch.randn(len(mu), mu.shape[1]) * (logvar / 2).exp() + mu
        ),
    },
    exercises.check_water_filling: {
        "package": lambda values, level: torch.tensor(
            linear_gaussian.reverse_water_filling(values, level)
        ),
        "loops": water_filling_with_loops,
        "clamp": lambda values, level: torch.stack(
            [
                (values > level).sum().float(),
                (values / level).clamp(min=1).log().sum() / 2,
                values.clamp(max=level).sum(),
            ]
        ),
    },
    exercises.check_kl_weight: {
        "formula": lambda a, sigma: 2 * a * sigma**2,
        "variance first": lambda a, sigma: sigma.square() * a * 2,
        "one by one": lambda a, sigma: torch.tensor(
            [s * s / (0.5 / r) for r, s in zip(a.tolist(), sigma.tolist())]
        ),
    },
    exercises.check_vae_loss: {
        "package": lambda f, g, x: objectives.vae_loss(f, g, x)["loss"],
        "two draws": lambda f, g, x: objectives.vae_loss(f, g, x, samples=2)["loss"],
        "by hand": vae_loss_by_hand,
        "torch.distributions": vae_loss_with_distributions,
    },
    exercises.check_prior_share: {
        "rounded": 0.466,
        "by the error function": math.erf(math.sqrt(0.5)) ** 2,
        "package": evidence.prior_mass(1),
        "torch.distributions": (2 * Normal(0.0, 1.0).cdf(torch.tensor(1.0)) - 1) ** 2,
    },
    exercises.check_hidden_beta: {
        "counted": 32 * 32 * 3 / 128,
        "an integer": 24,
        "a tensor": torch.tensor(24.0),
    },
    exercises.check_width_price: {
        "formula": (4 - 1 - math.log(4)) / 2,
        "rounded": 0.81,
        "package": objectives.kl_to_standard_normal(
            torch.zeros(1, 1), torch.full((1, 1), math.log(4))
        ).squeeze(),
        "torch.distributions": torch.distributions.kl_divergence(
            Normal(3.0, 1.0), Normal(3.0, 0.5)
        ).item(),
    },
    exercises.check_lattice_sum: {
        "logsumexp": lambda log_joint, h, k: log_joint.logsumexp(1) + k * math.log(h),
        "into the logs": lambda log_joint, h, k: (log_joint + math.log(h**k)).logsumexp(-1),
        "largest first": lambda log_joint, h, k: (
            ((log_joint - log_joint.amax(1, keepdim=True)).exp().sum(1) * h**k).log()
            + log_joint.amax(1)
        ),
        "image by image, double precision": lambda log_joint, h, k: torch.stack(
            [(row.double().exp().sum() * h**k).log() for row in log_joint]
        ),
        "numpy": lambda log_joint, h, k: torch.from_numpy(
            np.logaddexp.reduce(log_joint.numpy(), axis=1) + k * np.log(h)
        ),
    },
    exercises.check_plain_bits: {
        "counted": (32 * 32 + 64 * 64) * 9,
        "by the logarithm": 32**2 * math.log2(512) + 64**2 * math.log2(512),
        "a tensor": torch.tensor(46_080),
    },
    exercises.check_best_reply: {
        "densities": math.exp(-1.125) / (math.exp(-1.125) + math.exp(-0.125)),
        "sigmoid of the logit": torch.sigmoid(torch.tensor(2 - 2 * 1.5)),
        "rounded": 0.269,
    },
    exercises.check_reverse_step: {
        "formula": lambda x, eps, alpha, alpha_bar, xi: (
            (x - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps) / math.sqrt(alpha)
            + math.sqrt(1 - alpha) * xi
        ),
        "along the score": lambda x, eps, alpha, alpha_bar, xi: (
            (x + (1 - alpha) * (-eps / (1 - alpha_bar) ** 0.5)) * alpha**-0.5
            + (1 - alpha) ** 0.5 * xi
        ),
        "torch roots": lambda x, eps, alpha, alpha_bar, xi: (
            torch.tensor(1 / alpha).sqrt()
            * (x - (1 - alpha) * eps * torch.tensor(1 - alpha_bar).rsqrt())
            + torch.tensor(1 - alpha).sqrt() * xi
        ),
        "numpy": lambda x, eps, alpha, alpha_bar, xi: torch.from_numpy(
            (x.numpy() - (1 - alpha) / np.sqrt(1 - alpha_bar) * eps.numpy())
            / np.sqrt(alpha)
            + np.sqrt(1 - alpha) * xi.numpy()
        ),
    },
}
WRONG = {
    exercises.check_diffuse: {
        "roots forgotten": (
            "by its root",
            lambda x, eps, alpha: math.prod(alpha) * x + (1 - math.prod(alpha)) * eps,
        ),
        "sum of the steps": (
            "not added",
            lambda x, eps, alpha: (
                (sum(alpha) / len(alpha)) ** 0.5 * x
                + (1 - sum(alpha) / len(alpha)) ** 0.5 * eps
            ),
        ),
        "the last step alone": (
            "last one alone",
            lambda x, eps, alpha: alpha[-1] ** 0.5 * x + (1 - alpha[-1]) ** 0.5 * eps,
        ),
        "x and noise changed over": (
            "changed places",
            lambda x, eps, alpha: (
                math.prod(alpha) ** 0.5 * eps + (1 - math.prod(alpha)) ** 0.5 * x
            ),
        ),
        "noise not scaled": (
            "not scaled",
            lambda x, eps, alpha: math.prod(alpha) ** 0.5 * x + eps,
        ),
        "x not shrunk": (
            "explodes",
            lambda x, eps, alpha: x + (1 - math.prod(alpha)) ** 0.5 * eps,
        ),
        "noise of each step added up": (
            "do not",
            lambda x, eps, alpha: (
                math.prod(alpha) ** 0.5 * x + sum((1 - a) ** 0.5 for a in alpha) * eps
            ),
        ),
    },
    exercises.check_discriminator_loss: {
        "sign": (
            "the sign",
            lambda real, fake: (
                -torch.nn.functional.softplus(-real).mean()
                - torch.nn.functional.softplus(fake).mean()
            ),
        ),
        "real and fake changed over": (
            "changed places",
            lambda real, fake: (
                torch.nn.functional.softplus(real).mean()
                + torch.nn.functional.softplus(-fake).mean()
            ),
        ),
        "overflow": (
            "is infinite",
            lambda real, fake: (
                -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()
            ),
        ),
        "sum": (
            "not a sum",
            lambda real, fake: (
                torch.nn.functional.softplus(-real).sum()
                + torch.nn.functional.softplus(fake).sum()
            ),
        ),
        "mean over both": (
            "own mean",
            lambda real, fake: torch.cat(
                [torch.nn.functional.softplus(-real), torch.nn.functional.softplus(fake)]
            ).mean(),
        ),
        "not averaged": (
            "one number",
            lambda real, fake: (
                torch.nn.functional.softplus(-real) + torch.nn.functional.softplus(fake)
            ),
        ),
        "real alone": (
            "samples are missing",
            lambda real, fake: torch.nn.functional.softplus(-real).mean(),
        ),
        "the generator's": (
            "generator's",
            lambda real, fake: torch.nn.functional.softplus(-fake).mean(),
        ),
    },
    exercises.check_nearest_code: {
        "the furthest": (
            "farthest",
            lambda z, codebook: torch.cdist(z, codebook).argmax(1),
        ),
        "over encodings": (
            "the axis",
            lambda z, codebook: torch.cdist(z, codebook).argmin(0),
        ),
        "largest product": ("long codes", lambda z, codebook: (z @ codebook.T).argmax(1)),
        "product and half the length forgotten": (
            "twice",
            lambda z, codebook: (codebook.square().sum(1) - z @ codebook.T).argmin(1),
        ),
        "the vector": (
            "not its vector",
            lambda z, codebook: codebook[torch.cdist(z, codebook).argmin(1)],
        ),
        "the distance": ("how far", lambda z, codebook: torch.cdist(z, codebook).amin(1)),
        "signed sum": (
            "cancel",
            lambda z, codebook: (z[:, None] - codebook).sum(2).abs().argmin(1),
        ),
        "one for all": (
            "all the same",
            lambda z, codebook: torch.cdist(z, codebook).sum(0).argmin(),
        ),
    },
    exercises.check_perplexity: {
        "0 log 0": ("counts as 0", lambda p: torch.exp(-(p * p.log()).sum())),
        "sign": ("the sign", lambda p: torch.special.entr(p).sum().neg().exp()),
        "entropy": ("its exp", lambda p: torch.special.entr(p).sum()),
        "bits without two": (
            "same base",
            lambda p: (torch.special.entr(p).sum() / math.log(2)).exp(),
        ),
        "mean": ("not their mean", lambda p: torch.special.entr(p).mean().exp()),
        "used codes counted": ("counts for less", lambda p: (p > 0).sum().float()),
        "one over the largest": ("most frequent", lambda p: 1 / p.max()),
        "one over the sum of squares": (
            "a log, not a square",
            lambda p: 1 / p.square().sum(),
        ),
    },
    exercises.check_straight_through: {
        "e itself": ("goes to e", lambda z, e: e),
        "z itself": ("must get e", lambda z, e: z),
        "nothing stopped": ("goes to e", lambda z, e: z + (e - z)),
        "z stopped": ("goes to e", lambda z, e: z.detach() + (e - z.detach())),
        "only e stopped": ("whole difference", lambda z, e: z + (e.detach() - z)),
        "both": ("half-way", lambda z, e: (z + e) / 2),
        "sign": ("the sign", lambda z, e: z - (e - z).detach()),
        "half the gradient": (
            "a share of it",
            lambda z, e: e.detach() + (z - z.detach()) / 2,
        ),
        "e learns as well": ("e must not learn", lambda z, e: e + (z - z.detach())),
    },
    exercises.check_linear_elbo: {
        "decoded at the mean alone": ("the spread of q", partial(elbo_with, spread=0.0)),
        "s⁴ for s²": (
            "once",
            lambda x, w, b, sigma, mu, logvar: (
                elbo_with(x, w, b, sigma, mu, logvar, spread=0.0)
                - (2 * logvar).exp() @ w.square().sum(0) / (2 * sigma**2)
            ),
        ),
        "w not squared": (
            "squares of W",
            lambda x, w, b, sigma, mu, logvar: (
                elbo_with(x, w, b, sigma, mu, logvar, spread=0.0)
                - logvar.exp() @ w.sum(0) / (2 * sigma**2)
            ),
        ),
        "KL added": ("taken away", partial(elbo_with, kl=-1.0)),
        "KL forgotten": ("KL is missing", partial(elbo_with, kl=0.0)),
        "no constant": ("constant", partial(elbo_with, constant=0.0)),
        "sign": ("the sign", lambda *q: -elbo_with(*q)),
        "b forgotten": (
            "b is missing",
            lambda x, w, b, sigma, mu, logvar: elbo_with(x, w, 0 * b, sigma, mu, logvar),
        ),
        "σ for σ²": (
            "its square",
            lambda x, w, b, sigma, mu, logvar: elbo_with(x, w, b, sigma**0.5, mu, logvar),
        ),
        "mean over the batch": (
            "one number for each image",
            lambda *q: elbo_with(*q).mean(),
        ),
        "one draw": (
            "leaves chance",
            lambda x, w, b, sigma, mu, logvar: (
                -objectives.gaussian_nll(
                    x, objectives.reparameterize(mu, logvar) @ w.T + b, sigma=sigma
                )
                - objectives.kl_to_standard_normal(mu, logvar)
            ),
        ),
        "log p(x)": (
            "no q reaches",
            lambda x, w, b, sigma, mu, logvar: linear_gaussian.linear_log_evidence(
                x, w, b, sigma
            ),
        ),
    },
    exercises.check_importance_bound: {
        "mean of the logs, the ELBO": ("outside of the mean", lambda lw: lw.mean(0)),
        "log L forgotten": ("log L is missing", lambda lw: lw.logsumexp(0)),
        "divided by L after the log": (
            "inside the log",
            lambda lw: lw.logsumexp(0) / len(lw),
        ),
        "log L added": ("sign of log L", lambda lw: lw.logsumexp(0) + math.log(len(lw))),
        "sum": ("product", lambda lw: lw.sum(0)),
        "best draw": ("largest weight", lambda lw: lw.amax(0)),
        "exp without care": ("takes care", lambda lw: lw.exp().mean(0).log()),
        "no log": ("the log is missing", lambda lw: lw.exp().mean(0)),
        "over the images": ("the axis", lambda lw: lw.logsumexp(1) - math.log(lw.shape[1])),
        "number of images": (
            "not of images",
            lambda lw: lw.logsumexp(0) - math.log(lw.shape[1]),
        ),
        "mean over the images": (
            "not their mean",
            lambda lw: (lw.logsumexp(0) - math.log(len(lw))).mean(),
        ),
    },
    exercises.check_mixture_log_density: {
        "exp rounds to 0": (
            "Avoid the exp",
            lambda prior, likelihood: torch.log((prior.exp() * likelihood.exp()).sum(1)),
        ),
        "double": (
            "Avoid the exp",
            lambda prior, likelihood: (
                (prior.double() + likelihood.double()).exp().sum(1).log()
            ),
        ),
        "a small number": (
            "1e-09 inside",
            lambda prior, likelihood: torch.log((prior + likelihood).exp().sum(1) + 1e-9),
        ),
        "largest of all": (
            "of its own",
            lambda prior, likelihood: (
                likelihood.max()
                + (prior + likelihood - likelihood.max()).exp().sum(1).log()
            ),
        ),
        "prior forgotten": ("weights", lambda prior, likelihood: likelihood.logsumexp(1)),
        "prior not in logs": (
            "as logarithms already",
            lambda prior, likelihood: (prior.exp() + likelihood).logsumexp(1),
        ),
        "log of the log": (
            "got -inf",
            lambda prior, likelihood: torch.logsumexp(prior.log() + likelihood, 1),
        ),
        "product": (
            "products of densities",
            lambda prior, likelihood: torch.logsumexp(likelihood * prior, dim=1),
        ),
        "equal weights": (
            "1/K",
            lambda prior, likelihood: likelihood.logsumexp(1) - math.log(len(prior)),
        ),
        "the best component alone": (
            "likeliest",
            lambda prior, likelihood: (prior + likelihood).max(1).values,
        ),
        "mean of the logs": (
            "mean of logarithms",
            lambda prior, likelihood: likelihood @ prior.exp(),
        ),
        "sum of the logs": (
            "sum of logarithms",
            lambda prior, likelihood: (prior + likelihood).sum(1),
        ),
        "over the batch": (
            "axis",
            lambda prior, likelihood: (prior + likelihood).logsumexp(0),
        ),
        "mean for sum": (
            "divide by nothing",
            lambda prior, likelihood: (
                torch.logsumexp(prior + likelihood, 1) - math.log(likelihood.shape[1])
            ),
        ),
        "posterior": (
            "posterior",
            lambda prior, likelihood: (prior + likelihood).log_softmax(1),
        ),
        "not added up": (
            "sum over the components",
            lambda prior, likelihood: likelihood + prior,
        ),
        "sign": (
            "sign",
            lambda prior, likelihood: -torch.logsumexp(prior + likelihood, 1),
        ),
        "mean over the images": (
            "one number for each",
            lambda prior, likelihood: (prior + likelihood).logsumexp(1).mean(),
        ),
        "numpy": (
            "got ndarray",
            lambda prior, likelihood: (prior + likelihood).logsumexp(1).numpy(),
        ),
    },
    exercises.check_mixture_draws: {
        "one component for all": (
            "one component was chosen",
            lambda n, weights, means, sigma: draws_around(
                means[choices(1, weights)].expand(n, -1), sigma
            ),
        ),
        "equal weights": (
            "Not all components",
            lambda n, weights, means, sigma: draws_around(
                means[torch.randint(len(means), (n,))], sigma
            ),
        ),
        "always the heaviest": (
            "heaviest",
            lambda n, weights, means, sigma: draws_around(
                means[weights.argmax()].expand(n, -1), sigma
            ),
        ),
        "average of the means": (
            "average the means",
            lambda n, weights, means, sigma: draws_around(
                (weights @ means).expand(n, -1), sigma
            ),
        ),
        "average of draws": (
            "average draws",
            lambda n, weights, means, sigma: sum(
                w * draws_around(m.expand(n, -1), sigma) for w, m in zip(weights, means)
            ),
        ),
        "weights on the means": (
            "scale its mean",
            lambda n, weights, means, sigma: draws_around(
                (weights[:, None] * means)[choices(n, weights)], sigma
            ),
        ),
        "variance for σ": (
            "not by its square",
            lambda n, weights, means, sigma: draws_around(
                means[choices(n, weights)], sigma**2
            ),
        ),
        "root of σ": (
            "no root",
            lambda n, weights, means, sigma: draws_around(
                means[choices(n, weights)], sigma**0.5
            ),
        ),
        "σ forgotten": (
            "sigma is missing",
            lambda n, weights, means, sigma: torch.normal(means[choices(n, weights)], 1.0),
        ),
        "no noise": (
            "second step",
            lambda n, weights, means, sigma: means[choices(n, weights)],
        ),
        "one ε for all": (
            "one ε for all draws",
            lambda n, weights, means, sigma: (
                means[choices(n, weights)] + sigma * torch.randn(2)
            ),
        ),
        "one ε a draw": (
            "coordinates",
            lambda n, weights, means, sigma: (
                means[choices(n, weights)] + sigma * torch.randn(n, 1)
            ),
        ),
        "uniform noise": (
            "uniform",
            lambda n, weights, means, sigma: (
                means[choices(n, weights)] + sigma * torch.rand(n, 2)
            ),
        ),
        "uniform noise as wide": (
            "got",
            lambda n, weights, means, sigma: (
                means[choices(n, weights)] + sigma * 12**0.5 * (torch.rand(n, 2) - 0.5)
            ),
        ),
        "noise without a place": (
            "mean is missing",
            lambda n, weights, means, sigma: sigma * torch.randn(n, means.shape[1]),
        ),
        "components without noise or place": (
            "choices",
            lambda n, weights, means, sigma: choices(n, weights),
        ),
        "forgotten return": (
            "a return may be missing",
            lambda n, weights, means, sigma: None,
        ),
    },
    exercises.check_sparse_ae_loss: {
        "squared norm": (
            "not squares",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"] + lam * f(x).square().sum(1).mean()
            ),
        ),
        "norm": (
            "not the length",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"] + lam * f(x).norm(dim=1).mean()
            ),
        ),
        "signs cancel": (
            "opposite sign cancel",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"] + lam * f(x).sum(1).mean()
            ),
        ),
        "absolute value of the sum": (
            "before the sum",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"] + lam * f(x).sum(1).abs().mean()
            ),
        ),
        "positive numbers only": (
            "negative numbers",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"] + lam * f(x).clamp(min=0).sum(1).mean()
            ),
        ),
        "L0": (
            "counts active units",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"] + lam * f(x).norm(p=0, dim=1).mean()
            ),
        ),
        "mean over units": (
            "penalty adds up",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"] + lam * f(x).abs().mean()
            ),
        ),
        "penalty summed over the batch": (
            "mean over the batch, too",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"] + lam * f(x).abs().sum()
            ),
        ),
        "penalty on the image": (
            "not on the image",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"] + lam * x.abs().sum(1).mean()
            ),
        ),
        "penalty on the reconstruction": (
            "not on the reconstruction",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"] + lam * g(f(x)).abs().sum(1).mean()
            ),
        ),
        "no penalty": (
            "penalty is missing",
            lambda f, g, x, lam: objectives.ae_loss(f, g, x)["loss"],
        ),
        "λ forgotten": (
            "multiplied by lam",
            lambda f, g, x, lam: objectives.sparse_ae_loss(f, g, x, lam=1)["loss"],
        ),
        "penalty subtracted": (
            "sign of the penalty",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"] - lam * f(x).abs().sum(1).mean()
            ),
        ),
        "mean over pixels": (
            "squared error adds up",
            lambda f, g, x, lam: mse_loss(g(f(x)), x) + lam * f(x).abs().sum(1).mean(),
        ),
        "torch's mean for both": (
            "in both terms",
            lambda f, g, x, lam: mse_loss(g(f(x)), x) + lam * f(x).abs().mean(),
        ),
        "half the error": (
            "no factor",
            lambda f, g, x, lam: (
                0.5 * objectives.ae_loss(f, g, x)["loss"] + lam * f(x).abs().sum(1).mean()
            ),
        ),
        "L1 error": (
            "error is squared",
            lambda f, g, x, lam: (
                (x - g(f(x))).abs().sum(1) + lam * f(x).abs().sum(1)
            ).mean(),
        ),
        "axis of the error": (
            "sum over pixels",
            lambda f, g, x, lam: (
                (x - g(f(x))).pow(2).sum(0).mean() + lam * f(x).abs().sum(1).mean()
            ),
        ),
        "both axes": (
            "Sum over dimensions",
            lambda f, g, x, lam: (
                (x - g(f(x))).pow(2).sum(0).mean() + lam * f(x).norm(p=1, dim=0).mean()
            ),
        ),
        "sum over the batch": (
            "not the sum",
            lambda f, g, x, lam: (x - g(f(x))).square().sum() + lam * f(x).abs().sum(),
        ),
        "no mean over the batch": (
            "one number is asked",
            lambda f, g, x, lam: (x - g(f(x))).square().sum(1) + lam * f(x).abs().sum(1),
        ),
        "penalty detached": (
            "gradient of the penalty",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"]
                + lam * f(x).detach().abs().sum(1).mean()
            ),
        ),
        "code detached for the decoder": (
            "gradient of the error",
            lambda f, g, x, lam: (
                (x - g(f(x).detach())).square().sum(1) + lam * f(x).abs().sum(1)
            ).mean(),
        ),
        "code detached": (
            "in both terms",
            lambda f, g, x, lam: objectives.sparse_ae_loss(
                lambda x: f(x).detach(), g, x, lam=lam
            )["loss"],
        ),
        "terms instead of the loss": (
            "loss alone",
            lambda f, g, x, lam: objectives.sparse_ae_loss(f, g, x, lam=lam),
        ),
        "Python number": (
            "Python number",
            lambda f, g, x, lam: sparse_ae_image_by_image(f, g, x, lam).item(),
        ),
    },
    exercises.check_unit_columns: {
        "rows": ("axis", lambda weight: normalize(weight, dim=1)),
        "the whole matrix": ("whole matrix", lambda weight: weight / weight.norm()),
        "squared length": ("not by its square", lambda weight: weight / (weight**2).sum(0)),
        "root of the length": (
            "too little",
            lambda weight: weight / weight.square().sum(0) ** 0.25,
        ),
        "absolute values": ("not of absolute", lambda weight: weight / weight.abs().sum(0)),
        "largest entry": ("largest entry", lambda weight: weight / weight.abs().amax(0)),
        "sum": ("plain sum", lambda weight: weight / weight.sum(dim=0, keepdim=True)),
        "multiplied": ("divide; do not", lambda weight: weight * weight.norm(dim=0)),
        "signs lost": ("signs", lambda weight: normalize(weight.abs(), dim=0)),
        "transposed": ("transposed", lambda weight: normalize(weight, dim=0).T),
        "lengths": ("these are the lengths", lambda weight: weight.square().sum(0).sqrt()),
        "unchanged": ("nothing was divided", lambda weight: weight),
        "at most one": (
            "have to grow",
            lambda weight: weight / weight.norm(dim=0).clamp(min=1),
        ),
        "centered": (
            "nothing has to be centered",
            lambda weight: normalize(weight - weight.mean(0), dim=0),
        ),
        "length detached": (
            "detach() hides",
            lambda weight: weight / weight.detach().norm(dim=0),
        ),
        "weights detached": (
            "gradient from the weights",
            lambda weight: (
                torch.tensor(weight.tolist()) / torch.tensor(weight.tolist()).norm(dim=0)
            ),
        ),
        "in place": (
            "changed its argument",
            lambda weight: weight.div_(weight.norm(dim=0)),
        ),
    },
    exercises.check_dae_loss: {
        "noise on the target too": (
            "the clean x, not with the noisy",
            lambda f, g, x, sigma: objectives.ae_loss(f, g, objectives.add_noise(x, sigma))[
                "loss"
            ],
        ),
        "noise on the target alone": (
            "not on the target",
            lambda f, g, x, sigma: (
                (objectives.add_noise(x, sigma) - g(f(x))).square().sum(1).mean()
            ),
        ),
        "two noises": (
            "has to be the clean x",
            lambda f, g, x, sigma: (
                mse_loss(
                    g(f(x + sigma * torch.randn(x.shape))),
                    x + sigma * torch.randn(x.shape),
                    reduction="sum",
                )
                / len(x)
            ),
        ),
        "noise on the code": (
            "not on the code",
            lambda f, g, x, sigma: objectives.pae_loss(f, g, x, sigma=sigma)["loss"],
        ),
        "noise on the reconstruction": (
            "not on the target or the reconstruction",
            lambda f, g, x, sigma: (
                (x - g(f(x)) - sigma * torch.randn(x.shape)).square().sum(1).mean()
            ),
        ),
        "σ for a variance": (
            "no root",
            dae_with(lambda x, sigma: x + sigma**0.5 * torch.randn_like(x)),
        ),
        "σ²": (
            "not by its square",
            dae_with(lambda x, sigma: x + sigma**2 * torch.randn_like(x)),
        ),
        "σ forgotten": (
            "sigma is missing",
            dae_with(lambda x, sigma: torch.normal(x, 1.0)),
        ),
        "uniform noise": (
            "uniform",
            dae_with(lambda x, sigma: x + sigma * torch.rand_like(x)),
        ),
        "one number for all": (
            "one number for all",
            dae_with(lambda x, sigma: x + sigma * torch.randn(1)),
        ),
        "one ε for all images": (
            "all images",
            dae_with(lambda x, sigma: x + sigma * torch.randn(x.shape[1])),
        ),
        "one ε for all pixels": (
            "all pixels",
            dae_with(lambda x, sigma: x + sigma * torch.randn(len(x), 1)),
        ),
        "the mean is 1": (
            "mean 0",
            dae_with(lambda x, sigma: x + sigma * torch.normal(1.0, 1.0, x.shape)),
        ),
        "noise instead of the image": (
            "does not replace",
            dae_with(lambda x, sigma: sigma * torch.randn_like(x)),
        ),
        "speckles": (
            "does not multiply",
            dae_with(lambda x, sigma: x + x * sigma * torch.randn(x.shape)),
        ),
        "no noise": (
            "noise is missing",
            lambda f, g, x, sigma: objectives.ae_loss(f, g, x)["loss"],
        ),
        "mean over pixels": (
            "add up the pixels",
            lambda f, g, x, sigma: mse_loss(g(f(objectives.add_noise(x, sigma))), x),
        ),
        "sum over the batch": (
            "not the sum",
            lambda f, g, x, sigma: mse_loss(
                g(f(objectives.add_noise(x, sigma))), x, reduction="sum"
            ),
        ),
        "no mean over the batch": (
            "one number is asked",
            lambda f, g, x, sigma: objectives.squared_error(
                x, g(f(x + sigma * torch.randn_like(x)))
            ),
        ),
        "length": (
            "squared",
            lambda f, g, x, sigma: torch.linalg.vector_norm(
                x - g(f(torch.normal(x, sigma))), dim=1
            ).mean(),
        ),
        "code detached": (
            "from the encoder",
            lambda f, g, x, sigma: objectives.squared_error(
                x, g(f(objectives.add_noise(x, sigma)).detach())
            ).mean(),
        ),
        "reconstruction detached": (
            "both networks",
            lambda f, g, x, sigma: objectives.squared_error(
                x, g(f(objectives.add_noise(x, sigma))).data
            ).mean(),
        ),
        "terms instead of the loss": (
            "loss alone",
            lambda f, g, x, sigma: objectives.dae_loss(f, g, x, sigma=sigma),
        ),
        "Python number": (
            "Python number",
            lambda f, g, x, sigma: objectives.dae_loss(f, g, x, sigma=sigma)["loss"].item(),
        ),
    },
    exercises.check_score_from_denoiser: {
        "σ for σ²": (
            "not by the standard deviation",
            lambda r, x, sigma: (r(x) - x) / sigma,
        ),
        "sign": ("sign", lambda r, x, sigma: (x - r(x)) / sigma**2),
        "not divided": ("has to be divided", lambda r, x, sigma: r(x) - x),
        "multiplied": ("do not multiply", lambda r, x, sigma: (r(x) - x) * sigma**2),
        "x not subtracted": ("subtracted", lambda r, x, sigma: r(x) / sigma**2),
        "half of it": ("no factor ½", lambda r, x, sigma: (r(x) - x) / (2 * sigma**2)),
        "brackets": ("brackets", lambda r, x, sigma: r(x) - x / sigma**2),
        "its length": (
            "not their length",
            lambda r, x, sigma: torch.linalg.norm((r(x) - x) / sigma**2, dim=1),
        ),
        "its direction": (
            "do not normalize",
            lambda r, x, sigma: (
                (r(x) - x) / (r(x) - x).norm(dim=1, keepdim=True).clamp(min=1e-9)
            ),
        ),
        "the denoiser": ("denoiser itself", lambda r, x, sigma: r(x)),
        "noise added": (
            "do not add more",
            lambda r, x, sigma: (r(y := x + sigma * torch.randn(x.shape)) - y) / sigma**2,
        ),
        "numpy": ("got ndarray", lambda r, x, sigma: ((r(x) - x) / sigma**2).numpy()),
    },
    exercises.check_ae_loss: {
        "mean over pixels": ("add up the pixels", lambda f, g, x: mse_loss(g(f(x)), x)),
        "sum over the batch": (
            "not the sum",
            lambda f, g, x: mse_loss(g(f(x)), x, reduction="sum"),
        ),
        "no mean over the batch": (
            "one number for the whole",
            lambda f, g, x: (x - g(f(x))).square().sum(1),
        ),
        "sum and mean swapped": (
            "swapped",
            lambda f, g, x: ((x - g(f(x))) ** 2).sum(0).mean(),
        ),
        "norm without its square": (
            "length of the difference",
            lambda f, g, x: (x - g(f(x))).norm(dim=1).mean(),
        ),
        "absolute error": ("absolute", lambda f, g, x: (x - g(f(x))).abs().sum(1).mean()),
        "no square": ("opposite sign", lambda f, g, x: (x - g(f(x))).sum(1).mean()),
        "square of the sum": (
            "square each pixel",
            lambda f, g, x: ((x - g(f(x))).sum(1) ** 2).mean(),
        ),
        "half": ("factor ½", lambda f, g, x: 0.5 * ((x - g(f(x))) ** 2).sum(1).mean()),
        "decoder first": ("order", lambda f, g, x: (x - f(g(x))).square().sum(1).mean()),
        "decoder forgotten": (
            "g is missing",
            lambda f, g, x: (x - f(x)).square().sum(1).mean(),
        ),
        "sign": ("sign", lambda f, g, x: -((x - g(f(x))) ** 2).sum(1).mean()),
        "code detached": (
            "gradient from the encoder",
            lambda f, g, x: ((x - g(f(x).detach())) ** 2).sum(1).mean(),
        ),
        "reconstruction detached": (
            "both networks",
            lambda f, g, x: ((x - g(f(x)).detach()) ** 2).sum(1).mean(),
        ),
        "terms instead of the loss": (
            "loss alone",
            lambda f, g, x: {"loss": ((x - g(f(x))) ** 2).sum(1).mean()},
        ),
        "Python number": (
            "Python number",
            lambda f, g, x: objectives.ae_loss(f, g, x)["loss"].item(),
        ),
        "forgotten return": ("a return may be missing", lambda f, g, x: None),
    },
    exercises.check_distance_to_nearest: {
        "the squared distance": (
            "square root",
            lambda points, codes: (points[:, None] - codes).square().sum(2).min(1).values,
        ),
        "which code, not how far": (
            "number of the nearest",
            lambda points, codes: torch.cdist(points, codes).argmin(1).float(),
        ),
        "of each code": ("axis", lambda points, codes: torch.cdist(points, codes).amin(0)),
        "farthest": ("farthest", lambda points, codes: torch.cdist(points, codes).amax(1)),
        "mean distance": (
            "mean distance",
            lambda points, codes: torch.cdist(points, codes).mean(1),
        ),
        "nearest of all": (
            "smallest of all",
            lambda points, codes: torch.cdist(points, codes).min(),
        ),
        "city blocks": (
            "not absolute",
            lambda points, codes: (points[:, None] - codes).abs().sum(2).amin(1),
        ),
        "the largest difference": (
            "not its length",
            lambda points, codes: (points[:, None] - codes).abs().amax(2).amin(1),
        ),
        "all distances": (
            "minimum over the codes",
            lambda points, codes: (points[:, None] - codes).norm(dim=2),
        ),
        "values and indices": (
            "values and indices",
            lambda points, codes: (points[:, None] - codes).norm(dim=2).min(dim=1),
        ),
        "the nearest code": (
            "nearest code itself",
            lambda points, codes: codes[torch.cdist(points, codes).min(1).indices],
        ),
        "kept dimension": (
            "kept dimension",
            lambda points, codes: torch.cdist(points, codes).amin(1)[:, None],
        ),
        "numpy": (
            "got ndarray",
            lambda points, codes: np.linalg.norm(
                points.numpy()[:, None] - codes.numpy(), axis=2
            ).min(1),
        ),
        "a list": (
            "got list",
            lambda points, codes: [(codes - z).norm(dim=1).min() for z in points],
        ),
    },
    exercises.check_pca_reconstruction: {
        "code only": ("still has to be decoded", lambda x, mean, v: (x - mean) @ v.T),
        "mean not added back": ("added back", lambda x, mean, v: (x - mean) @ v.T @ v),
        "mean not subtracted": (
            "before the projection",
            lambda x, mean, v: mean + x @ v.T @ v,
        ),
        "no mean at all": ("before and after", lambda x, mean, v: x @ v.T @ v),
        "mean added first": (
            "subtract it",
            lambda x, mean, v: (x + mean) @ v.T @ v + mean,
        ),
        "mean of the batch": (
            "mean of a batch",
            lambda x, mean, v: x.mean(0) + (x - x.mean(0)) @ v.T @ v,
        ),
        "components transposed": (
            "transpose comes first",
            lambda x, mean, v: mean + (x - mean) @ v @ v.T,
        ),
        "what is left over": (
            "left over",
            lambda x, mean, v: (x - mean) - (x - mean) @ v.T @ v,
        ),
        "first component only": (
            "not only the first",
            lambda x, mean, v: mean + torch.outer((x - mean) @ v[0], v[0]),
        ),
        "encoded twice": (
            "transposes of each other",
            lambda x, mean, v: mean + (x - mean) @ v.T @ v.T,
        ),
        "numpy": (
            "got ndarray",
            lambda x, mean, v: (mean + (x - mean) @ v.T @ v).numpy(),
        ),
    },
    exercises.check_pca_error: {
        "kept, not left out": (
            "kept",
            lambda x, k: torch.linalg.svdvals(x - x.mean(0)).square()[:k].sum() / len(x),
        ),
        "not centered": ("centered", lambda x, k: left_out(x, k) / len(x)),
        "not divided": (
            "number of data points N.",
            lambda x, k: left_out(x - x.mean(0), k),
        ),
        "N − 1": ("N − 1", lambda x, k: left_out(x - x.mean(0), k) / (len(x) - 1)),
        "mean over pixels": (
            "divide by N only",
            lambda x, k: left_out(x - x.mean(0), k) / len(x) / x.shape[1],
        ),
        "D for N": (
            "not of dimensions",
            lambda x, k: left_out(x - x.mean(0), k) / x.shape[1],
        ),
        "no squares": (
            "squared singular value",
            lambda x, k: torch.linalg.svdvals(x - x.mean(0))[k:].sum() / len(x),
        ),
        "standard deviations": (
            "not the standard deviations",
            lambda x, k: torch.linalg.svdvals((x - x.mean(0)) / len(x) ** 0.5)[k:].sum(),
        ),
        "smallest first": (
            "order",
            lambda x, k: torch.linalg.eigvalsh(torch.cov(x.T, correction=0))[k:].sum(),
        ),
        "one too many": (
            "counts from 0",
            lambda x, k: left_out(x - x.mean(0), k + 1) / len(x),
        ),
        "the next one alone": (
            "not only the next",
            lambda x, k: torch.linalg.svdvals(x - x.mean(0))[k] ** 2 / len(x),
        ),
        "not added up": (
            "sum is missing",
            lambda x, k: torch.linalg.svdvals(x - x.mean(0))[k:] ** 2 / len(x),
        ),
        "a Python number": (
            "Python number",
            lambda x, k: float(left_out(x - x.mean(0), k) / len(x)),
        ),
    },
    exercises.check_kl: {
        "sign": (
            "the sign",
            lambda mu, logvar: -objectives.kl_to_standard_normal(mu, logvar),
        ),
        "missing half": (
            "½ is missing",
            lambda mu, logvar: 2 * objectives.kl_to_standard_normal(mu, logvar),
        ),
        "sigma for log sigma²": (
            "not logvar²",
            lambda mu, logvar: 0.5 * (mu**2 + logvar**2 - (logvar**2).log() - 1).sum(1),
        ),
        "mean for sum": (
            "not their mean",
            lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - logvar - 1).mean(1),
        ),
        "no reduction": (
            "add up",
            lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - logvar - 1),
        ),
        "forgotten return": ("a return may be missing", lambda mu, logvar: None),
    },
    exercises.check_gaussian_nll: {
        "no constant": (
            "constant is missing",
            lambda x, mean, sigma: (x - mean).square().sum(1) / (2 * sigma**2),
        ),
        "constant without σ": (
            "depends on σ",
            lambda x, mean, sigma: (
                (x - mean).square().sum(1) / (2 * sigma**2) + 1.5 * math.log(2 * math.pi)
            ),
        ),
        "one constant for all pixels": (
            "D of them",
            lambda x, mean, sigma: (
                (x - mean).square().sum(1) / (2 * sigma**2)
                + 0.5 * math.log(2 * math.pi * sigma**2)
            ),
        ),
        "B for D": (
            "not of images",
            lambda x, mean, sigma: (
                (x - mean).square().sum(1) / (2 * sigma**2)
                + 0.5 * len(x) * math.log(2 * math.pi * sigma**2)
            ),
        ),
        "a whole constant": (
            "the constant. A factor",
            lambda x, mean, sigma: (
                (x - mean).square().sum(1) / (2 * sigma**2)
                + x.shape[1] * math.log(2 * math.pi * sigma**2)
            ),
        ),
        "a whole error": (
            "the squared error. A factor",
            lambda x, mean, sigma: (
                (x - mean).square().sum(1) / sigma**2
                + x.shape[1] / 2 * math.log(2 * math.pi * sigma**2)
            ),
        ),
        "error over σ": (
            "under the error",
            lambda x, mean, sigma: (
                (x - mean).square().sum(1) / (2 * sigma)
                + x.shape[1] / 2 * math.log(2 * math.pi * sigma**2)
            ),
        ),
        "σ for σ²": (
            "variance is its square",
            lambda x, mean, sigma: nll_pixel_by_pixel(x, mean, sigma**0.5),
        ),
        "sign": ("sign", lambda x, mean, sigma: Normal(mean, sigma).log_prob(x).sum(1)),
        "mean over the pixels": (
            "add up the D pixels of an image",
            lambda x, mean, sigma: -Normal(mean, sigma).log_prob(x).mean(1),
        ),
        "mean detached": (
            "gradient from the mean",
            lambda x, mean, sigma: -Normal(mean.detach(), sigma).log_prob(x).sum(1),
        ),
        "mean squared error": (
            "add up the squared errors",
            lambda x, mean, sigma: (
                ((x - mean) ** 2).mean(1) / (2 * sigma**2)
                + x.shape[1] / 2 * math.log(2 * math.pi * sigma**2)
            ),
        ),
        "mean over the batch": (
            "not their mean",
            lambda x, mean, sigma: -Normal(mean, sigma).log_prob(x).sum(1).mean(),
        ),
        "no reduction": (
            "one number for each image.",
            lambda x, mean, sigma: -Normal(mean, sigma).log_prob(x),
        ),
        "numpy": (
            "got ndarray",
            lambda x, mean, sigma: nll_pixel_by_pixel(x, mean, sigma).detach().numpy(),
        ),
    },
    exercises.check_regularized_pae: {
        "no noise": (
            "noise ε is missing",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"] + lam * f(x).square().sum(1).mean()
            ),
        ),
        "noise on the image": (
            "not on the image",
            lambda f, g, x, lam: (
                objectives.dae_loss(f, g, x, sigma=1.0)["loss"]
                + lam * f(x).square().sum(1).mean()
            ),
        ),
        "penalty on the noisy code": (
            "without its noise",
            lambda f, g, x, lam: regularized_pae(
                lambda x: f(x) + torch.randn_like(f(x)), g, x, lam, sigma=0.0
            ),
        ),
        "uniform noise": (
            "uniform",
            lambda f, g, x, lam: (
                (x - g(f(x) + torch.rand(len(x), 2))).square().sum(1)
                + lam * f(x).square().sum(1)
            ).mean(),
        ),
        "one ε for all": (
            "one ε for all images",
            lambda f, g, x, lam: (
                (x - g(f(x) + torch.randn(2))).square().sum(1) + lam * f(x).square().sum(1)
            ).mean(),
        ),
        "one ε a code": (
            "all numbers of a code",
            lambda f, g, x, lam: (
                (x - g(f(x) + torch.randn(len(x), 1))).square().sum(1)
                + lam * f(x).square().sum(1)
            ).mean(),
        ),
        "norm without its square": (
            "square of the length",
            lambda f, g, x, lam: (
                objectives.pae_loss(f, g, x)["loss"] + lam * f(x).norm(dim=1).mean()
            ),
        ),
        "sparse penalty": (
            "not absolute values",
            lambda f, g, x, lam: (
                objectives.pae_loss(f, g, x)["loss"] + lam * f(x).abs().sum(1).mean()
            ),
        ),
        "penalty averaged over the code": (
            "penalty adds up",
            lambda f, g, x, lam: (
                objectives.pae_loss(f, g, x)["loss"] + lam * (f(x) ** 2).mean()
            ),
        ),
        "penalty summed over the batch": (
            "over the batch, too",
            lambda f, g, x, lam: (
                objectives.pae_loss(f, g, x)["loss"] + lam * (f(x) ** 2).sum()
            ),
        ),
        "no penalty": (
            "penalty is missing",
            lambda f, g, x, lam: objectives.pae_loss(f, g, x)["loss"],
        ),
        "λ forgotten": (
            "multiplied by lam",
            lambda f, g, x, lam: (
                objectives.pae_loss(f, g, x)["loss"] + f(x).square().sum(1).mean()
            ),
        ),
        "penalty subtracted": (
            "sign of the penalty",
            lambda f, g, x, lam: (
                objectives.pae_loss(f, g, x)["loss"] - lam * f(x).square().sum(1).mean()
            ),
        ),
        "mean over pixels": (
            "squared error adds up",
            lambda f, g, x, lam: (
                mse_loss(g(f(x) + torch.randn_like(f(x))), x)
                + lam * f(x).square().sum(1).mean()
            ),
        ),
        "torch's mean for both": (
            "in both terms",
            lambda f, g, x, lam: (
                mse_loss(g(f(x) + torch.randn_like(f(x))), x) + lam * f(x).square().mean()
            ),
        ),
        "axis of the error": (
            "sum over pixels",
            lambda f, g, x, lam: (
                (x - g(f(x) + torch.randn_like(f(x)))).pow(2).sum(dim=0).mean()
                + lam * f(x).square().sum(1).mean()
            ),
        ),
        "both axes": (
            "Sum over dimensions",
            lambda f, g, x, lam: (
                (x - g(f(x) + torch.randn_like(f(x)))).pow(2).sum(dim=0).mean()
                + lam * f(x).pow(2).sum(dim=0).mean()
            ),
        ),
        "sum over the batch": (
            "not the sum",
            lambda f, g, x, lam: regularized_pae(f, g, x, lam) * len(x),
        ),
        "no mean over the batch": (
            "one number is asked",
            lambda f, g, x, lam: (
                objectives.squared_error(x, g(f(x) + torch.randn_like(f(x))))
                + lam * f(x).square().sum(1)
            ),
        ),
        "code detached for the decoder": (
            "gradient of the error",
            lambda f, g, x, lam: (
                (x - g(f(x).detach() + torch.randn_like(f(x)))).square().sum(1)
                + lam * f(x).square().sum(1)
            ).mean(),
        ),
        "penalty detached": (
            "gradient of the penalty",
            lambda f, g, x, lam: (
                objectives.pae_loss(f, g, x)["loss"]
                + lam * f(x).detach().square().sum(1).mean()
            ),
        ),
        "drawn by sample": (
            "gradient of the error",
            lambda f, g, x, lam: (
                (x - g(Normal(f(x), 1.0).sample())).square().sum(1).mean()
                + lam * f(x).square().sum(1).mean()
            ),
        ),
        "code detached": (
            "in both terms",
            lambda f, g, x, lam: regularized_pae(lambda x: f(x).detach(), g, x, lam),
        ),
        "terms instead of the loss": (
            "loss alone",
            lambda f, g, x, lam: objectives.regularized_pae_loss(f, g, x, lam=lam),
        ),
        "Python number": (
            "Python number",
            lambda f, g, x, lam: regularized_pae(f, g, x, lam).item(),
        ),
    },
    exercises.check_reparameterize: {
        "variance for σ": (
            "not σ",
            lambda mu, logvar: mu + logvar.exp() * torch.randn_like(mu),
        ),
        "logvar for σ": (
            "not σ itself",
            lambda mu, logvar: mu + logvar * torch.randn_like(mu),
        ),
        "sample cuts the gradient": ("no gradient through", plain_draw),
        "noise term detached": (
            "cut off from logvar",
            lambda mu, logvar: mu + (torch.randn_like(mu) * (logvar / 2).exp()).detach(),
        ),
        "mean detached": (
            "cut off from mu",
            lambda mu, logvar: objectives.reparameterize(mu.detach(), logvar),
        ),
        "one ε for all": (
            "not one for all",
            lambda mu, logvar: mu + (logvar / 2).exp() * torch.randn(1),
        ),
        "one ε a row": (
            "for each row",
            lambda mu, logvar: mu + (logvar / 2).exp() * torch.randn(len(mu), 1),
        ),
        "uniform noise": (
            "uniform",
            lambda mu, logvar: mu + (logvar / 2).exp() * torch.rand_like(mu),
        ),
        "no noise": ("nothing is random", lambda mu, logvar: mu + (logvar / 2).exp()),
        "arguments swapped": (
            "changed places",
            lambda mu, logvar: objectives.reparameterize(logvar, mu),
        ),
        "numpy array": (
            "expected a tensor",
            lambda mu, logvar: plain_draw(mu, logvar).numpy(),
        ),
        "forgotten return": ("a return may be missing", lambda mu, logvar: None),
    },
    exercises.check_water_filling: {
        "all count": (
            "only directions above",
            lambda values, level: water_filling_with_loops(
                values, level, alive=lambda value, level: True
            ),
        ),
        "at the level too": (
            "at the level gains nothing",
            lambda values, level: water_filling_with_loops(
                values, level, alive=lambda value, level: value >= level
            ),
        ),
        "dead instead of living": (
            "not below",
            lambda values, level: water_filling_with_loops(
                values, level, alive=lambda value, level: value < level
            ),
        ),
        "half forgotten": (
            "½ is missing",
            lambda values, level: (
                water_filling_with_loops(values, level) * torch.tensor([1, 2, 1])
            ),
        ),
        "bits": (
            "nats",
            lambda values, level: (
                water_filling_with_loops(values, level) / torch.tensor([1, math.log(2), 1])
            ),
        ),
        "distortion of the living alone": (
            "leaves its whole variance",
            lambda values, level: torch.tensor(
                [
                    *water_filling_with_loops(values, level)[:2],
                    level * (values > level).sum(),
                ]
            ),
        ),
        "distortion without noise": (
            "as high as the level",
            lambda values, level: torch.tensor(
                [
                    *water_filling_with_loops(values, level)[:2],
                    values[values <= level].sum(),
                ]
            ),
        ),
        "level for its root": (
            "neither a root",
            lambda values, level: water_filling_with_loops(values, level**2),
        ),
        "a list": (
            "expected a tensor, got list",
            lambda values, level: list(
                linear_gaussian.reverse_water_filling(values, level)
            ),
        ),
    },
    exercises.check_kl_weight: {
        "σ for σ²": ("standard deviation", lambda a, sigma: 2 * a * sigma),
        "no two": ("factor 2", lambda a, sigma: a * sigma**2),
        "half": ("a factor is wrong", lambda a, sigma: a * sigma**2 / 2),
        "divided by σ²": ("Noisier", lambda a, sigma: 2 * a / sigma**2),
        "divided by a": ("grow together", lambda a, sigma: 2 * sigma**2 / a),
        "without a": ("doubled", lambda a, sigma: 2 * sigma**2),
        "inverse": ("upside down", lambda a, sigma: 1 / (2 * a * sigma**2)),
        "always one": ("only where", lambda a, sigma: torch.ones_like(a)),
    },
    exercises.check_vae_loss: {
        "mean over pixels": (
            "the pixels",
            lambda f, g, x: objectives.vae_loss(
                f, g, x, nll=lambda x, logits: objectives.bernoulli_nll(x, logits) / 3
            )["loss"],
        ),
        "mean over units": (
            "over the units",
            lambda f, g, x: objectives.vae_loss(f, g, x, beta=0.5)["loss"],
        ),
        "no KL": (
            "KL is missing",
            lambda f, g, x: objectives.vae_loss(f, g, x, beta=0)["loss"],
        ),
        "sign of the KL": (
            "sign of the KL",
            lambda f, g, x: (
                2 * objectives.vae_loss(f, g, x, beta=0)["loss"] - vae_loss_by_hand(f, g, x)
            ),
        ),
        "logvar for σ": (
            "not σ",
            lambda f, g, x: vae_loss_by_hand(f, g, x, width=lambda v: v),
        ),
        "variance for σ": (
            "is the variance",
            lambda f, g, x: vae_loss_by_hand(f, g, x, width=torch.exp),
        ),
        "no draw": (
            "must hear a draw",
            lambda f, g, x: vae_loss_by_hand(f, g, x, width=torch.zeros_like),
        ),
        "Gaussian pixels": (
            "Bernoulli",
            lambda f, g, x: objectives.vae_loss(f, g, x, nll=objectives.gaussian_nll)[
                "loss"
            ],
        ),
        "sum over the batch": (
            "average over the images",
            lambda f, g, x: len(x) * vae_loss_by_hand(f, g, x),
        ),
        "one number an image": (
            "one number was asked for",
            lambda f, g, x: (
                objectives.bernoulli_nll(x, g(objectives.reparameterize(*f(x))))
                + objectives.kl_to_standard_normal(*f(x))
            ),
        ),
        "terms instead of the loss": ("loss alone", objectives.vae_loss),
    },
    exercises.check_m_step: {
        "divided by N": ("divided by", lambda x, r: r.T @ x / len(x)),
        "divided by N, by einsum": (
            "divided by",
            lambda x, r: torch.einsum("nk,nd->knd", r, x).mean(1),
        ),
        "not divided": ("add up to 1", lambda x, r: torch.einsum("nk,nd->kd", r, x)),
        "sum over the other axis": (
            "add up to 1",
            lambda x, r: torch.stack(
                [
                    sum(r[n, k] * x[n] / r[n].sum() for n in range(len(x)))
                    for k in range(r.shape[1])
                ]
            ),
        ),
        "K-means": (
            "not winners",
            lambda x, r: torch.stack(
                [
                    x[r.argmax(1) == k].mean(0) if (r.argmax(1) == k).any() else 0 * x[0]
                    for k in range(r.shape[1])
                ]
            ),
        ),
        "divided by K": ("number of components", lambda x, r: (r.T @ x) / r.size(1)),
        "softmax again": (
            "apply none",
            lambda x, r: (p := torch.softmax(r, 1)).T @ x / p.sum(0).unsqueeze(1),
        ),
        "the mean of all": (
            "where are the shares",
            lambda x, r: x.mean(0).repeat(r.shape[1], 1),
        ),
        "transposed": ("shape", lambda x, r: x.T @ r / r.sum(0)),
        "weights": ("weights of the components", lambda x, r: r.sum(0) / len(r)),
        "a list": ("got list", lambda x, r: [x.mean(0) for _ in r.T]),
        "forgotten return": ("a return may be missing", lambda x, r: None),
    },
    exercises.check_mixture_size: {
        "all weights": ("know the last", 30 * 861),
        "no weights": ("weights of the components are missing", 25_800),
        "whole covariances": ("symmetric", 49_229),
        "whole covariances, all weights": ("symmetric", 49_230),
        "without the diagonal": ("or the diagonals", 30 * (40 + 780) + 29),
        "diagonals alone": ("more than its diagonal", 2429),
        "no means": ("means are missing", 30 * 820 + 29),
        "no covariances": ("covariances are missing", 1229),
        "one component": ("one component", 860),
        "pixels": ("784", 30 * (784 + 307_720) + 29),
        "a word": ("not a number", "many"),
        "several numbers": ("not a number", (30, 860)),
        "anything": ("It is not 7", 7),
    },
    exercises.check_lost_share: {
        "what is kept": ("kept", 0.163),
        "nothing": ("nothing is lost only", 0),
        "all": ("all is lost only", 1),
        "large pictures": ("196 pixels", 1 - 32 / 784),
        "the error": ("not the error", 164 / 12),
        "directions": ("number of directions", 196 - 32),
        "percent": ("percent", 83.7),
        "of the ink": ("not with the ink", 0.209),
        "of what is kept": ("all directions", 164 / 32),
        "a word": ("not a number", "most"),
    },
    exercises.check_error_share: {
        "one gray value": (
            "One gray value",
            lambda x, x_hat: (
                (x - x_hat).square().sum(1).mean() / (x - x.mean()).square().sum(1).mean()
            ),
        ),
        "one gray value, by var": (
            "One gray value",
            lambda x, x_hat: mse_loss(x_hat, x) / x.var(correction=0),
        ),
        "mean over pixels": (
            "over what",
            lambda x, x_hat: (
                ((x - x_hat) ** 2).sum() / ((x - x.mean(1)[:, None]) ** 2).sum()
            ),
        ),
        "the ink": ("blank page", lambda x, x_hat: ((x - x_hat) ** 2).sum() / (x**2).sum()),
        "mean reconstruction": (
            "not of the reconstructions",
            lambda x, x_hat: ((x - x_hat) ** 2).sum() / ((x - x_hat.mean(0)) ** 2).sum(),
        ),
        "the error": (
            "yardstick is missing",
            lambda x, x_hat: objectives.squared_error(x, x_hat).mean(),
        ),
        "upside down": (
            "upside down",
            lambda x, x_hat: (
                x.var(0, correction=0).sum() / ((x - x_hat) ** 2).sum(1).mean()
            ),
        ),
        "R²": (
            "explained",
            lambda x, x_hat: 1 - mse_loss(x_hat, x) / x.var(0, correction=0).mean(),
        ),
        "a share an image": (
            "one number for all",
            lambda x, x_hat: ((x - x_hat) ** 2).sum(1) / ((x - x.mean(0)) ** 2).sum(1),
        ),
        "median": (
            "median",
            lambda x, x_hat: (
                ((x - x_hat) ** 2).sum() / ((x - x.median(dim=0)[0]) ** 2).sum()
            ),
        ),
        "N − 1": (
            "B − 1",
            lambda x, x_hat: ((x - x_hat) ** 2).sum(1).mean() / torch.var(x, 0).sum(),
        ),
        "root": (
            "roots",
            lambda x, x_hat: (x - x_hat).norm() / (x - x.mean(0)).norm(),
        ),
        "one reduction forgotten": (
            "divided by D",
            lambda x, x_hat: mse_loss(x_hat, x) / (x - x.mean(0)).square().sum(1).mean(),
        ),
        "a Python number": (
            "got float",
            lambda x, x_hat: float(mse_loss(x_hat, x) / x.var(0, correction=0).mean()),
        ),
    },
    exercises.check_leading_components: {
        "smallest first": (
            "which order",
            lambda x, k: torch.linalg.eigh(torch.cov(x.T)).eigenvectors[:, :k].T,
        ),
        "not flipped": (
            "the largest has to come first",
            lambda x, k: torch.linalg.eigh(torch.cov(x.T)).eigenvectors[:, -k:].T,
        ),
        "columns": (
            "a row",
            lambda x, k: torch.linalg.eigh(torch.cov(x.T))[1].flip(1)[:, :k],
        ),
        "rows of eigh": (
            "not its rows",
            lambda x, k: torch.linalg.eigh(torch.cov(x.T))[1][-k:].flip(0),
        ),
        "rows flipped": (
            "flip those",
            lambda x, k: torch.flip(torch.linalg.eigh(torch.cov(x.T))[1], [0])[:, :k].T,
        ),
        "not centered": (
            "centered",
            lambda x, k: torch.linalg.svd(x, full_matrices=False)[2][:k],
        ),
        "scaled": (
            "length one",
            lambda x, k: (
                torch.linalg.svd(x - x.mean(0), full_matrices=False)[2][:k]
                * (torch.linalg.svdvals(x - x.mean(0))[:k, None] / len(x) ** 0.5)
            ),
        ),
        "all of them": (
            "only the first k",
            lambda x, k: torch.linalg.svd(x - x.mean(0), full_matrices=False)[2],
        ),
        "the other singular vectors": (
            "not among the N points",
            lambda x, k: torch.linalg.svd(x - x.mean(0), full_matrices=False)[0][:, :k].T,
        ),
        "values and vectors": (
            "expected a tensor",
            lambda x, k: torch.linalg.eigh(torch.cov(x.T)),
        ),
        "forgotten return": ("a return may be missing", lambda x, k: None),
    },
    exercises.check_code_width: {
        "without biases": ("without biases", 9),
        "one too few": ("by a little", 20),
        "one too many": ("one number less", 22),
        "nine tenths": ("not nine tenths", 1),
        "a twentieth": ("twentieth", 29),
        "roots": ("squared already", 41),
        "one eigenvalue": ("next eigenvalue", 14),
        "the error": ("not the error", 0.1),
        "all": ("It is not 64", 64),
        "half": ("It is not 32", 32),
    },
    exercises.check_silent_price: {
        "no two": ("factor 2", 0.3),
        "half": ("wrong side", 0.15),
        "costs": ("slopes at 0", 0.09),
        "squared": ("square of what", 0.36),
        "never": ("kink", float("inf")),
        "for free": ("λ = 0", 0),
        "a round number": ("a lower price", 1),
        "sign": ("sign", -0.6),
        "a word": ("not a number", "never"),
    },
    exercises.check_active_units: {
        "units in use, by the mean": (
            "which units are counted",
            lambda z: (z.mean(0) != 0).sum().float(),
        ),
        "units in use": ("one image use", lambda z: (z != 0).any(dim=0).sum().float()),
        "positive ones": ("negative", lambda z: (z > 0).float().sum(1).mean()),
        "silent ones": ("silent ones", lambda z: torch.mean((z == 0).sum(1) * 1.0)),
        "share": ("share", lambda z: torch.count_nonzero(z) / z.numel()),
        "sum": ("not the sum", lambda z: torch.count_nonzero(z).float()),
        "one number an image": (
            "one number is asked",
            lambda z: torch.count_nonzero(z, dim=1) * 1.0,
        ),
        "images of a unit": ("axis", lambda z: (z != 0).float().sum(0).mean()),
        "L1": ("however loud", lambda z: z.norm(p=1, dim=1).mean()),
        "a threshold": ("exactly 0", lambda z: (abs(z) > 0.001).sum() / len(z)),
        "a Python number": ("Python number", lambda z: (z != 0).sum().item() / len(z)),
        "the code": ("expected shape", lambda z: z),
        "mean of whole numbers": (
            "could not infer output dtype",
            lambda z: (z != 0).sum(1).mean(),
        ),
        "forgotten return": ("a return may be missing", lambda z: print(end="")),
    },
    exercises.check_summit: {
        "√2": ("width of the smoothed", 1.414),
        "variance": ("its root", 1.96),
        "two clusters": ("two clusters", 1.99),
        "the radius": ("two clusters", 2.0),
        "widths subtracted": ("do not add up", 1.214),
        "variances added": ("less than the sum", 1.428),
        "too small": ("outward", 0.8),
        "too large": ("a smaller one", 1.6),
        "a guess": ("It is not 1.2", 1.2),
    },
    exercises.check_langevin_step: {
        "one shake for all": (
            "all particles",
            lambda score, x, h: x + h / 2 * score(x) + h**0.5 * torch.randn(x.shape[1]),
        ),
        "one shake a particle": (
            "coordinate",
            lambda score, x, h: x + h / 2 * score(x) + h**0.5 * torch.randn(len(x), 1),
        ),
        "one number for all": (
            "All particles and coordinates",
            lambda score, x, h: x + h / 2 * score(x) + h**0.5 * torch.randn(1),
        ),
        "h for its root": (
            "root of h",
            lambda score, x, h: x + h / 2 * score(x) + h * torch.randn(x.shape),
        ),
        "no h": (
            "h is missing",
            lambda score, x, h: x + h / 2 * score(x) + torch.randn(x.shape),
        ),
        "√2h": (
            "factor 2",
            lambda score, x, h: (
                x + h / 2 * score(x) + math.sqrt(2 * h) * torch.randn_like(x)
            ),
        ),
        "not shaken": ("shake is missing", lambda score, x, h: x + h / 2 * score(x)),
        "uniform": (
            "uniform",
            lambda score, x, h: x + h / 2 * score(x) + math.sqrt(h) * torch.rand(x.shape),
        ),
        "downhill": (
            "uphill",
            lambda score, x, h: x - h / 2 * score(x) + math.sqrt(h) * torch.randn(x.shape),
        ),
        "a whole step": (
            "½",
            lambda score, x, h: x + h * score(x) + math.sqrt(h) * torch.randn(x.shape),
        ),
        "no score": ("score", lambda score, x, h: torch.normal(x, h**0.5)),
        "the step alone": (
            "starts at x",
            lambda score, x, h: h / 2 * score(x) + math.sqrt(h) * torch.randn(x.shape),
        ),
        "forgotten return": ("a return may be missing", lambda score, x, h: None),
    },
    exercises.check_perfect_nll: {
        "zero": ("perfect reconstruction", 0.0),
        "sign": ("sign", -720.45),
        "one pixel": ("one pixel", 0.9189),
        "missing half": ("factor ½", 1440.9),
        "no two": ("and so does the 2", 448.7),
        "no logarithm": ("missing a logarithm", 2463.0),
        "base 10": ("base 10", 312.9),
        "base 2": ("base 2", 1039.4),
        "a word": ("not a number", "zero"),
        "a density": ("It is not 1", 1),
    },
    exercises.check_safe_nll: {
        "the product": (
            "still the product",
            lambda x, mean: -torch.prod(Normal(mean, 1.0).log_prob(x).exp(), 1).log(),
        ),
        "double": (
            "double precision",
            lambda x, mean: (
                -Normal(mean.double(), 1.0).log_prob(x.double()).exp().prod(1).log()
            ),
        ),
        "a small number": (
            "1e-09 inside",
            lambda x, mean: -(Normal(mean, 1.0).log_prob(x).exp().prod(1) + 1e-9).log(),
        ),
        "a smaller number": (
            "1e-30 inside",
            lambda x, mean: -torch.log(Normal(mean, 1.0).log_prob(x).exp().prod(1) + 1e-30),
        ),
        "clamped": (
            "1e-30 inside",
            lambda x, mean: (
                -torch.log(
                    torch.clamp(Normal(mean, 1.0).log_prob(x).exp().prod(1), min=1e-30)
                )
            ),
        ),
        "sign": ("sign", lambda x, mean: Normal(mean, 1.0).log_prob(x).sum(1)),
        "mean": ("not a mean", lambda x, mean: -Normal(mean, 1.0).log_prob(x).mean(1)),
        "not added up": (
            "one number for each",
            lambda x, mean: -Normal(mean, 1.0).log_prob(x),
        ),
        "over the images": (
            "not the images",
            lambda x, mean: -Normal(mean, 1.0).log_prob(x).sum(dim=0),
        ),
        "one number": (
            "not their sum",
            lambda x, mean: -Normal(mean, 1.0).log_prob(x).sum(),
        ),
        "no constant": (
            "constant is missing",
            lambda x, mean: (x - mean).square().sum(1) / 2,
        ),
        "one constant": (
            "Every pixel",
            lambda x, mean: (x - mean).square().sum(1) / 2 + math.log(math.tau) / 2,
        ),
        "forgotten return": ("a return may be missing", lambda x, mean: None),
    },
    exercises.check_prior_share: {
        "on a line": ("both numbers", 0.683),
        "outside, on a line": ("inside was asked", 0.317),
        "outside": ("share outside", 0.534),
        "in percent": ("between 0 and 1", 46.6),
        "the disk": ("corners", 0.3935),
        "from 0 to 1": ("quarter", 0.1165),
        "two standard deviations": ("not at two", 0.954),
        "share of the area": ("not spread evenly", 4 / 100),
        "a guess": ("It is not 0.9", 0.9),
    },
    exercises.check_hidden_beta: {
        "KL summed": ("its 128 dimensions", 3072),
        "gray": ("three numbers here", 8),
        "gray, KL summed": ("a pixel has three", 1024),
        "upside down": ("its inverse", 128 / 3072),
        "both are means": ("equally many", 1),
        "error summed": ("error was averaged", 1 / 128),
        "multiplied": ("divide the one count", 128 * 3072),
        "the code": ("stands before the KL", 128),
        "MNIST": ("784 pixels", 6.125),
        "a guess": ("It is not 10", 10),
    },
    exercises.check_width_price: {
        "half as wide": ("half as wide", 0.318),
        "sign": ("never negative", -0.807),
        "no ½": ("½ is missing", 1.614),
        "no logarithm": ("paid back", 1.5),
        "½ for the square alone": ("belongs to the logarithm", 0.1137),
        "sign of the logarithm": ("sign of the logarithm", 2.193),
        "the logarithm alone": ("far out", 0.693),
        "σ for σ²": ("four times the variance", 0.1534),
        "nothing": ("posterior itself", 0),
        "bits": ("are bits", 1.164),
        "a guess": ("It is not 0.7", 0.7),
    },
    exercises.check_lattice_sum: {
        "all three bugs": (
            "takes care. And the cells are added up, not averaged. And a cell of the plane",
            lambda log_joint, h, k: (log_joint.exp().mean(1) * h).log(),
        ),
        "underflow and mean": (
            "takes care. And the cells are added up",
            lambda log_joint, h, k: (log_joint.exp().mean(1) * h**k).log(),
        ),
        "underflow and h": (
            "takes care. And a cell of the plane",
            lambda log_joint, h, k: (log_joint.exp().sum(1) * h).log(),
        ),
        "underflow": (
            "takes care.",
            lambda log_joint, h, k: (log_joint.exp().sum(1) * h**k).log(),
        ),
        "mean": (
            "Hint: the cells are added up",
            lambda log_joint, h, k: (
                log_joint.logsumexp(1) - math.log(log_joint.shape[1]) + k * math.log(h)
            ),
        ),
        "mean and h": (
            "averaged. And a cell of the plane",
            lambda log_joint, h, k: (
                log_joint.logsumexp(1) + math.log(h / log_joint.shape[1])
            ),
        ),
        "h": (
            "Hint: a cell of the plane",
            lambda log_joint, h, k: log_joint.logsumexp(1) + math.log(h),
        ),
        "no cell": ("is missing", lambda log_joint, h, k: log_joint.logsumexp(1)),
        "cell outside": (
            "inside the log",
            lambda log_joint, h, k: h**k * log_joint.logsumexp(1),
        ),
        "sign": (
            "sign of log h",
            lambda log_joint, h, k: log_joint.logsumexp(1) - k * math.log(h),
        ),
        "sum of logs": (
            "log of a product",
            lambda log_joint, h, k: log_joint.sum(1) + math.log(h**k),
        ),
        "no log": (
            "log is missing",
            lambda log_joint, h, k: log_joint.logsumexp(1).exp() * h**k,
        ),
        "axis": (
            "the axis",
            lambda log_joint, h, k: log_joint.logsumexp(0) + k * math.log(h),
        ),
        "k times h": (
            "a power of h",
            lambda log_joint, h, k: log_joint.logsumexp(1) + math.log(h * k),
        ),
        "forgotten return": ("a return may be missing", lambda log_joint, h, k: None),
    },
    exercises.check_plain_bits: {
        "top": ("top alone", 1024 * 9),
        "bottom": ("bottom alone", 4096 * 9),
        "symbols": ("How many bits", 5120),
        "512 bits": ("log₂ 512", 5120 * 512),
        "bytes": ("are bytes", 5760),
        "nats": ("are nats", 5120 * math.log(512)),
        "a row": ("32 rows", 96 * 9),
        "multiplied": ("not multiplied", 1024 * 4096 * 9),
        "the picture": ("picture itself", 256 * 256 * 24),
        "eight bits": ("eight bits", 5120 * 8),
        "a guess": ("It is not 100", 100),
    },
    exercises.check_best_reply: {
        "changed over": ("changed places", 0.731),
        "logit": ("the logit", -1),
        "quotient": ("share of their sum", 0.3679),
        "half-way": ("half-way", 0.5),
        "density": ("density of the data", 0.1295),
        "no ½": ("a factor ½", 0.1192),
        "no square": ("squares", 0.3775),
        "percent": ("in percent", 26.9),
        "a guess": ("It is not 0.2", 0.2),
    },
    exercises.check_reverse_step: {
        "all three bugs": (
            "x as well. And the noise that the network sees has the width √(1 − ᾱ). And β is",
            lambda x, eps, alpha, alpha_bar, xi: (
                x
                - (1 - alpha) / (1 - alpha_bar) * eps / math.sqrt(alpha)
                + (1 - alpha) * xi
            ),
        ),
        "two bugs, x and the seen noise": (
            "x as well. And the noise",
            lambda x, eps, alpha, alpha_bar, xi: (
                x
                - (1 - alpha) / (1 - alpha_bar) * eps / math.sqrt(alpha)
                + math.sqrt(1 - alpha) * xi
            ),
        ),
        "two bugs, x and the new noise": (
            "x as well. And β",
            lambda x, eps, alpha, alpha_bar, xi: (
                x
                - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps / math.sqrt(alpha)
                + (1 - alpha) * xi
            ),
        ),
        "two bugs, both noises": (
            "√(1 − ᾱ). And β",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - (1 - alpha) / (1 - alpha_bar) * eps) / math.sqrt(alpha)
                + (1 - alpha) * xi
            ),
        ),
        "x is not divided": (
            "x as well",
            lambda x, eps, alpha, alpha_bar, xi: (
                x
                - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps / math.sqrt(alpha)
                + math.sqrt(1 - alpha) * xi
            ),
        ),
        "variance of the seen noise": (
            "Hint: the noise that the network sees",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - (1 - alpha) / (1 - alpha_bar) * eps) / math.sqrt(alpha)
                + math.sqrt(1 - alpha) * xi
            ),
        ),
        "variance of the new noise": (
            "Hint: β",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps) / math.sqrt(alpha)
                + (1 - alpha) * xi
            ),
        ),
        "sign": (
            "the sign",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x + (1 - alpha) / math.sqrt(1 - alpha_bar) * eps) / math.sqrt(alpha)
                + math.sqrt(1 - alpha) * xi
            ),
        ),
        "α and ᾱ": (
            "changed places",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - (1 - alpha_bar) / math.sqrt(1 - alpha) * eps) / math.sqrt(alpha_bar)
                + math.sqrt(1 - alpha_bar) * xi
            ),
        ),
        "α twice": (
            "of all steps",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - math.sqrt(1 - alpha) * eps) / math.sqrt(alpha)
                + math.sqrt(1 - alpha) * xi
            ),
        ),
        "no new noise": (
            "new noise is missing",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps) / math.sqrt(alpha)
            ),
        ),
        "loud new noise": (
            "not shrunk",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps) / math.sqrt(alpha) + xi
            ),
        ),
        "new noise divided": (
            "after the division",
            lambda x, eps, alpha, alpha_bar, xi: (
                (
                    x
                    - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps
                    + math.sqrt(1 - alpha) * xi
                )
                / math.sqrt(alpha)
            ),
        ),
        "not divided": (
            "larger again",
            lambda x, eps, alpha, alpha_bar, xi: (
                x - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps + math.sqrt(1 - alpha) * xi
            ),
        ),
        "divided by α": (
            "root of α",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps) / alpha
                + math.sqrt(1 - alpha) * xi
            ),
        ),
        "all at once": (
            "at once",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - math.sqrt(1 - alpha_bar) * eps) / math.sqrt(alpha_bar)
            ),
        ),
        "forgotten return": (
            "a return may be missing",
            lambda x, eps, alpha, alpha_bar, xi: None,
        ),
    },
}


def cases(table):
    return [
        pytest.param(check, answer, id=f"{check.__name__}-{name}")
        for check, answers in table.items()
        for name, answer in answers.items()
    ]


@pytest.mark.parametrize("check, answer", cases(RIGHT))
def test_right_answers_are_accepted(check, answer):
    verdict = check(answer)
    assert verdict.status == "right", verdict.message


@pytest.mark.parametrize("check, answer", cases(WRONG))
def test_wrong_answers_are_refused(check, answer):
    hint, answer = answer
    verdict = check(answer)
    assert verdict.status == "wrong"
    assert hint and hint in verdict.message


@pytest.mark.parametrize("check", RIGHT)
def test_a_stub_is_still_to_do(check):
    def stub(*_, **__):
        raise NotImplementedError

    is_prediction = not any(callable(answer) for answer in RIGHT[check].values())
    assert check(None if is_prediction else stub).status == "todo"


def test_every_check_has_right_and_wrong_answers():
    checks = {value for name, value in vars(exercises).items() if name.startswith("check_")}
    assert checks == set(RIGHT) == set(WRONG)
    assert all(len(answers) >= 3 for answers in RIGHT.values())
    assert all(len(answers) >= 6 for answers in WRONG.values())


def test_an_answer_must_not_change_its_arguments():
    def centers_in_place(x, mean, components):
        x -= mean
        return mean + x @ components.T @ components

    verdict = exercises.check_pca_reconstruction(centers_in_place)
    assert verdict.status == "wrong" and "changed its argument" in verdict.message


def test_a_check_leaves_the_random_numbers_alone():
    torch.manual_seed(0)
    expected = torch.randn(3)
    torch.manual_seed(0)
    exercises.check_reparameterize(objectives.reparameterize)
    assert torch.randn(3).equal(expected)
