"""Every check accepts right answers in several styles and refuses typical wrong ones."""

import math
from functools import partial

import numpy as np
import pytest
import torch
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

from course_utils import evidence, exercises, linear_gaussian, models, objectives, vq_vae


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
    pi = torch.sigmoid(g(mu + width(logvar) * torch.randn_like(mu)))
    nll = -(x * pi.log() + (1 - x) * (1 - pi).log()).sum(1)
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


RIGHT = {
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
}
WRONG = {
    exercises.check_diffuse: {
        "roots forgotten": lambda x, eps, alpha: (
            math.prod(alpha) * x + (1 - math.prod(alpha)) * eps
        ),
        "sum of the steps": lambda x, eps, alpha: (
            (sum(alpha) / len(alpha)) ** 0.5 * x
            + (1 - sum(alpha) / len(alpha)) ** 0.5 * eps
        ),
        "the last step alone": lambda x, eps, alpha: (
            alpha[-1] ** 0.5 * x + (1 - alpha[-1]) ** 0.5 * eps
        ),
        "x and noise changed over": lambda x, eps, alpha: (
            math.prod(alpha) ** 0.5 * eps + (1 - math.prod(alpha)) ** 0.5 * x
        ),
        "noise not scaled": lambda x, eps, alpha: math.prod(alpha) ** 0.5 * x + eps,
        "x not shrunk": lambda x, eps, alpha: x + (1 - math.prod(alpha)) ** 0.5 * eps,
        "noise of each step added up": lambda x, eps, alpha: (
            math.prod(alpha) ** 0.5 * x + sum((1 - a) ** 0.5 for a in alpha) * eps
        ),
    },
    exercises.check_discriminator_loss: {
        "sign": lambda real, fake: (
            -torch.nn.functional.softplus(-real).mean()
            - torch.nn.functional.softplus(fake).mean()
        ),
        "real and fake changed over": lambda real, fake: (
            torch.nn.functional.softplus(real).mean()
            + torch.nn.functional.softplus(-fake).mean()
        ),
        "overflow": lambda real, fake: (
            -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()
        ),
        "sum": lambda real, fake: (
            torch.nn.functional.softplus(-real).sum()
            + torch.nn.functional.softplus(fake).sum()
        ),
        "mean over both": lambda real, fake: torch.cat(
            [torch.nn.functional.softplus(-real), torch.nn.functional.softplus(fake)]
        ).mean(),
        "not averaged": lambda real, fake: (
            torch.nn.functional.softplus(-real) + torch.nn.functional.softplus(fake)
        ),
        "real alone": lambda real, fake: torch.nn.functional.softplus(-real).mean(),
        "the generator's": lambda real, fake: torch.nn.functional.softplus(-fake).mean(),
    },
    exercises.check_nearest_code: {
        "the furthest": lambda z, codebook: torch.cdist(z, codebook).argmax(1),
        "over encodings": lambda z, codebook: torch.cdist(z, codebook).argmin(0),
        "largest product": lambda z, codebook: (z @ codebook.T).argmax(1),
        "product and half the length forgotten": lambda z, codebook: (
            codebook.square().sum(1) - z @ codebook.T
        ).argmin(1),
        "the vector": lambda z, codebook: codebook[torch.cdist(z, codebook).argmin(1)],
        "the distance": lambda z, codebook: torch.cdist(z, codebook).amin(1),
        "signed sum": lambda z, codebook: (z[:, None] - codebook).sum(2).abs().argmin(1),
        "one for all": lambda z, codebook: torch.cdist(z, codebook).sum(0).argmin(),
    },
    exercises.check_perplexity: {
        "0 log 0": lambda p: torch.exp(-(p * p.log()).sum()),
        "sign": lambda p: torch.special.entr(p).sum().neg().exp(),
        "entropy": lambda p: torch.special.entr(p).sum(),
        "bits without two": lambda p: (torch.special.entr(p).sum() / math.log(2)).exp(),
        "mean": lambda p: torch.special.entr(p).mean().exp(),
        "used codes counted": lambda p: (p > 0).sum().float(),
        "one over the largest": lambda p: 1 / p.max(),
        "one over the sum of squares": lambda p: 1 / p.square().sum(),
    },
    exercises.check_straight_through: {
        "e itself": lambda z, e: e,
        "z itself": lambda z, e: z,
        "nothing stopped": lambda z, e: z + (e - z),
        "z stopped": lambda z, e: z.detach() + (e - z.detach()),
        "only e stopped": lambda z, e: z + (e.detach() - z),
        "both": lambda z, e: (z + e) / 2,
        "sign": lambda z, e: z - (e - z).detach(),
        "half the gradient": lambda z, e: e.detach() + (z - z.detach()) / 2,
        "e learns as well": lambda z, e: e + (z - z.detach()),
    },
    exercises.check_linear_elbo: {
        "decoded at the mean alone": partial(elbo_with, spread=0.0),
        "s⁴ for s²": lambda x, w, b, sigma, mu, logvar: (
            elbo_with(x, w, b, sigma, mu, logvar, spread=0.0)
            - (2 * logvar).exp() @ w.square().sum(0) / (2 * sigma**2)
        ),
        "w not squared": lambda x, w, b, sigma, mu, logvar: (
            elbo_with(x, w, b, sigma, mu, logvar, spread=0.0)
            - logvar.exp() @ w.sum(0) / (2 * sigma**2)
        ),
        "KL added": partial(elbo_with, kl=-1.0),
        "KL forgotten": partial(elbo_with, kl=0.0),
        "no constant": partial(elbo_with, constant=0.0),
        "sign": lambda *q: -elbo_with(*q),
        "b forgotten": lambda x, w, b, sigma, mu, logvar: elbo_with(
            x, w, 0 * b, sigma, mu, logvar
        ),
        "σ for σ²": lambda x, w, b, sigma, mu, logvar: elbo_with(
            x, w, b, sigma**0.5, mu, logvar
        ),
        "mean over the batch": lambda *q: elbo_with(*q).mean(),
        "one draw": lambda x, w, b, sigma, mu, logvar: (
            -objectives.gaussian_nll(
                x, objectives.reparameterize(mu, logvar) @ w.T + b, sigma=sigma
            )
            - objectives.kl_to_standard_normal(mu, logvar)
        ),
        "log p(x)": lambda x, w, b, sigma, mu, logvar: linear_gaussian.linear_log_evidence(
            x, w, b, sigma
        ),
    },
    exercises.check_importance_bound: {
        "mean of the logs, the ELBO": lambda lw: lw.mean(0),
        "log L forgotten": lambda lw: lw.logsumexp(0),
        "divided by L after the log": lambda lw: lw.logsumexp(0) / len(lw),
        "log L added": lambda lw: lw.logsumexp(0) + math.log(len(lw)),
        "sum": lambda lw: lw.sum(0),
        "best draw": lambda lw: lw.amax(0),
        "exp without care": lambda lw: lw.exp().mean(0).log(),
        "no log": lambda lw: lw.exp().mean(0),
        "over the images": lambda lw: lw.logsumexp(1) - math.log(lw.shape[1]),
        "number of images": lambda lw: lw.logsumexp(0) - math.log(lw.shape[1]),
        "mean over the images": lambda lw: (lw.logsumexp(0) - math.log(len(lw))).mean(),
    },
    exercises.check_mixture_log_density: {
        "exp rounds to 0": lambda prior, likelihood: (
            (prior + likelihood).exp().sum(1).log()
        ),
        "prior forgotten": lambda prior, likelihood: likelihood.logsumexp(1),
        "prior not in logs": lambda prior, likelihood: (prior.exp() + likelihood).logsumexp(
            1
        ),
        "equal weights": lambda prior, likelihood: (
            likelihood.logsumexp(1) - math.log(len(prior))
        ),
        "the best component alone": lambda prior, likelihood: (prior + likelihood).amax(1),
        "mean of the logs": lambda prior, likelihood: (prior.exp() * likelihood).sum(1),
        "sum of the logs": lambda prior, likelihood: (prior + likelihood).sum(1),
        "over the batch": lambda prior, likelihood: (prior + likelihood).logsumexp(0),
        "mean for sum": lambda prior, likelihood: (
            (prior + likelihood).logsumexp(1) - math.log(len(prior))
        ),
        "posterior": lambda prior, likelihood: (prior + likelihood).log_softmax(1),
        "sign": lambda prior, likelihood: -(prior + likelihood).logsumexp(1),
    },
    exercises.check_mixture_draws: {
        "one component for all": lambda n, weights, means, sigma: draws_around(
            means[choices(1, weights)].expand(n, -1), sigma
        ),
        "equal weights": lambda n, weights, means, sigma: draws_around(
            means[torch.randint(len(means), (n,))], sigma
        ),
        "always the heaviest": lambda n, weights, means, sigma: draws_around(
            means[weights.argmax()].expand(n, -1), sigma
        ),
        "average of the means": lambda n, weights, means, sigma: draws_around(
            (weights @ means).expand(n, -1), sigma
        ),
        "average of draws": lambda n, weights, means, sigma: sum(
            w * draws_around(m.expand(n, -1), sigma) for w, m in zip(weights, means)
        ),
        "variance for σ": lambda n, weights, means, sigma: draws_around(
            means[choices(n, weights)], sigma**2
        ),
        "root of σ": lambda n, weights, means, sigma: draws_around(
            means[choices(n, weights)], sigma**0.5
        ),
        "no noise": lambda n, weights, means, sigma: means[choices(n, weights)],
        "one ε for all": lambda n, weights, means, sigma: (
            means[choices(n, weights)] + sigma * torch.randn(2)
        ),
        "one ε a draw": lambda n, weights, means, sigma: (
            means[choices(n, weights)] + sigma * torch.randn(n, 1)
        ),
        "uniform noise": lambda n, weights, means, sigma: (
            means[choices(n, weights)] + sigma * torch.rand(n, 2)
        ),
        "components without noise or place": lambda n, weights, means, sigma: choices(
            n, weights
        ),
        "forgotten return": lambda n, weights, means, sigma: None,
    },
    exercises.check_sparse_ae_loss: {
        "squared norm": lambda f, g, x, lam: (
            objectives.ae_loss(f, g, x)["loss"] + lam * f(x).square().sum(1).mean()
        ),
        "norm": lambda f, g, x, lam: (
            objectives.ae_loss(f, g, x)["loss"] + lam * f(x).norm(dim=1).mean()
        ),
        "signs cancel": lambda f, g, x, lam: (
            objectives.ae_loss(f, g, x)["loss"] + lam * f(x).sum(1).mean()
        ),
        "mean over units": lambda f, g, x, lam: (
            objectives.ae_loss(f, g, x)["loss"] + lam * f(x).abs().mean()
        ),
        "penalty summed over the batch": lambda f, g, x, lam: (
            objectives.ae_loss(f, g, x)["loss"] + lam * f(x).abs().sum()
        ),
        "penalty on the image": lambda f, g, x, lam: (
            objectives.ae_loss(f, g, x)["loss"] + lam * x.abs().sum(1).mean()
        ),
        "penalty on the reconstruction": lambda f, g, x, lam: (
            objectives.ae_loss(f, g, x)["loss"] + lam * g(f(x)).abs().sum(1).mean()
        ),
        "λ forgotten": lambda f, g, x, lam: objectives.sparse_ae_loss(f, g, x, lam=1)[
            "loss"
        ],
        "penalty subtracted": lambda f, g, x, lam: (
            objectives.ae_loss(f, g, x)["loss"] - lam * f(x).abs().sum(1).mean()
        ),
        "no mean over the batch": lambda f, g, x, lam: (
            (x - g(f(x))).square().sum(1) + lam * f(x).abs().sum(1)
        ),
        "terms instead of the loss": lambda f, g, x, lam: objectives.sparse_ae_loss(
            f, g, x, lam=lam
        ),
    },
    exercises.check_unit_columns: {
        "rows": lambda weight: normalize(weight, dim=1),
        "the whole matrix": lambda weight: weight / weight.norm(),
        "squared length": lambda weight: weight / weight.square().sum(0),
        "absolute values": lambda weight: weight / weight.abs().sum(0),
        "largest entry": lambda weight: weight / weight.abs().amax(0),
        "signs lost": lambda weight: normalize(weight.abs(), dim=0),
        "transposed": lambda weight: normalize(weight, dim=0).T,
        "lengths": lambda weight: weight.norm(dim=0),
        "unchanged": lambda weight: weight,
        "at most one": lambda weight: weight / weight.norm(dim=0).clamp(min=1),
    },
    exercises.check_dae_loss: {
        "noise on the target too": lambda f, g, x, sigma: objectives.ae_loss(
            f, g, objectives.add_noise(x, sigma)
        )["loss"],
        "noise on the target alone": lambda f, g, x, sigma: (
            (objectives.add_noise(x, sigma) - g(f(x))).square().sum(1).mean()
        ),
        "noise on the code": lambda f, g, x, sigma: objectives.pae_loss(
            f, g, x, sigma=sigma
        )["loss"],
        "σ for a variance": dae_with(lambda x, sigma: x + sigma**0.5 * torch.randn_like(x)),
        "σ²": dae_with(lambda x, sigma: x + sigma**2 * torch.randn_like(x)),
        "uniform noise": dae_with(lambda x, sigma: x + sigma * torch.rand_like(x)),
        "one ε for all": dae_with(lambda x, sigma: x + sigma * torch.randn(())),
        "the mean is 1": dae_with(lambda x, sigma: x + 1 + sigma * torch.randn_like(x)),
        "noise instead of the image": dae_with(
            lambda x, sigma: sigma * torch.randn_like(x)
        ),
        "no noise": lambda f, g, x, sigma: objectives.ae_loss(f, g, x)["loss"],
        "mean over pixels": lambda f, g, x, sigma: (
            objectives.dae_loss(f, g, x, sigma=sigma)["loss"] / x.shape[1]
        ),
        "sum over the batch": lambda f, g, x, sigma: (
            objectives.dae_loss(f, g, x, sigma=sigma)["loss"] * len(x)
        ),
        "terms instead of the loss": lambda f, g, x, sigma: objectives.dae_loss(
            f, g, x, sigma=sigma
        ),
    },
    exercises.check_score_from_denoiser: {
        "σ for σ²": lambda r, x, sigma: (r(x) - x) / sigma,
        "sign": lambda r, x, sigma: (x - r(x)) / sigma**2,
        "not divided": lambda r, x, sigma: r(x) - x,
        "multiplied": lambda r, x, sigma: (r(x) - x) * sigma**2,
        "x not subtracted": lambda r, x, sigma: r(x) / sigma**2,
        "half of it": lambda r, x, sigma: (r(x) - x) / (2 * sigma**2),
        "brackets": lambda r, x, sigma: r(x) - x / sigma**2,
        "its length": lambda r, x, sigma: (r(x) - x).norm(dim=1) / sigma**2,
    },
    exercises.check_ae_loss: {
        "mean over pixels": lambda f, g, x: (x - g(f(x))).square().mean(),
        "sum over the batch": lambda f, g, x: (x - g(f(x))).square().sum(),
        "no mean over the batch": lambda f, g, x: (x - g(f(x))).square().sum(1),
        "norm without its square": lambda f, g, x: (x - g(f(x))).norm(dim=1).mean(),
        "absolute error": lambda f, g, x: (x - g(f(x))).abs().sum(1).mean(),
        "no square": lambda f, g, x: (x - g(f(x))).sum(1).mean(),
        "decoder first": lambda f, g, x: (x - f(g(x))).square().sum(1).mean(),
        "decoder forgotten": lambda f, g, x: (x - f(x)).square().sum(1).mean(),
        "terms instead of the loss": objectives.ae_loss,
        "Python number": lambda f, g, x: objectives.ae_loss(f, g, x)["loss"].item(),
        "forgotten return": lambda f, g, x: None,
    },
    exercises.check_distance_to_nearest: {
        "the squared distance": lambda points, codes: (
            (points[:, None] - codes).square().sum(2).min(1).values
        ),
        "which code, not how far": lambda points, codes: (
            torch.cdist(points, codes).argmin(1).float()
        ),
        "of each code": lambda points, codes: torch.cdist(points, codes).min(0).values,
        "farthest": lambda points, codes: torch.cdist(points, codes).max(1).values,
        "mean distance": lambda points, codes: torch.cdist(points, codes).mean(1),
        "nearest of all": lambda points, codes: torch.cdist(points, codes).min(),
        "city blocks": lambda points, codes: torch.cdist(points, codes, p=1).min(1).values,
        "values and indices": lambda points, codes: torch.cdist(points, codes).min(1),
    },
    exercises.check_pca_reconstruction: {
        "code only": lambda x, mean, v: (x - mean) @ v.T,
        "mean not added back": lambda x, mean, v: (x - mean) @ v.T @ v,
        "mean not subtracted": lambda x, mean, v: mean + x @ v.T @ v,
        "no mean at all": lambda x, mean, v: x @ v.T @ v,
        "mean of the batch": lambda x, mean, v: x.mean(0) + (x - x.mean(0)) @ v.T @ v,
        "components transposed": lambda x, mean, v: mean + (x - mean) @ v @ v.T,
        "what is left over": lambda x, mean, v: (x - mean) - (x - mean) @ v.T @ v,
        "first component only": lambda x, mean, v: mean + (x - mean) @ v[:1].T @ v[:1],
    },
    exercises.check_pca_error: {
        "kept, not left out": lambda x, k: (
            torch.linalg.svdvals(x - x.mean(0)).square()[:k].sum() / len(x)
        ),
        "not centered": lambda x, k: left_out(x, k) / len(x),
        "not divided": lambda x, k: left_out(x - x.mean(0), k),
        "N − 1": lambda x, k: left_out(x - x.mean(0), k) / (len(x) - 1),
        "mean over pixels": lambda x, k: left_out(x - x.mean(0), k) / len(x) / x.shape[1],
        "no squares": lambda x, k: torch.linalg.svdvals(x - x.mean(0))[k:].sum() / len(x),
        "smallest first": lambda x, k: torch.linalg.eigvalsh(torch.cov(x.T, correction=0))[
            k:
        ].sum(),
        "one too many": lambda x, k: left_out(x - x.mean(0), k + 1) / len(x),
    },
    exercises.check_kl: {
        "sign": lambda mu, logvar: -objectives.kl_to_standard_normal(mu, logvar),
        "missing half": lambda mu, logvar: 2 * objectives.kl_to_standard_normal(mu, logvar),
        "sigma for log sigma²": lambda mu, logvar: (
            0.5 * (mu**2 + logvar**2 - (logvar**2 + 1e-9).log() - 1).sum(1)
        ),
        "mean for sum": lambda mu, logvar: (
            0.5 * (mu**2 + logvar.exp() - logvar - 1).mean(1)
        ),
        "no reduction": lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - logvar - 1),
        "forgotten return": lambda mu, logvar: None,
    },
    exercises.check_gaussian_nll: {
        "no constant": lambda x, mean, sigma: (x - mean).square().sum(1) / (2 * sigma**2),
        "constant without σ": lambda x, mean, sigma: (
            (x - mean).square().sum(1) / (2 * sigma**2) + 1.5 * math.log(2 * math.pi)
        ),
        "one constant for all pixels": lambda x, mean, sigma: (
            (x - mean).square().sum(1) / (2 * sigma**2)
            + 0.5 * math.log(2 * math.pi * sigma**2)
        ),
        "σ for σ²": lambda x, mean, sigma: nll_pixel_by_pixel(x, mean, sigma**0.5),
        "sign": lambda x, mean, sigma: -nll_pixel_by_pixel(x, mean, sigma),
        "mean over the pixels": lambda x, mean, sigma: (
            nll_pixel_by_pixel(x, mean, sigma) / x.shape[1]
        ),
        "mean over the batch": lambda x, mean, sigma: nll_pixel_by_pixel(
            x, mean, sigma
        ).mean(),
    },
    exercises.check_regularized_pae: {
        "no noise": lambda f, g, x, lam: (
            objectives.ae_loss(f, g, x)["loss"] + lam * f(x).square().sum(1).mean()
        ),
        "noise on the image": lambda f, g, x, lam: (
            objectives.dae_loss(f, g, x, sigma=1.0)["loss"]
            + lam * f(x).square().sum(1).mean()
        ),
        "penalty on the noisy code": lambda f, g, x, lam: regularized_pae(
            lambda x: f(x) + torch.randn_like(f(x)), g, x, lam, sigma=0.0
        ),
        "norm without its square": lambda f, g, x, lam: (
            objectives.pae_loss(f, g, x)["loss"] + lam * f(x).norm(dim=1).mean()
        ),
        "no penalty": lambda f, g, x, lam: objectives.pae_loss(f, g, x)["loss"],
        "mean over dimensions": lambda f, g, x, lam: regularized_pae(f, g, x, lam) / 3,
        "sum over the batch": lambda f, g, x, lam: regularized_pae(f, g, x, lam) * len(x),
        "terms instead of the loss": lambda f, g, x, lam: objectives.regularized_pae_loss(
            f, g, x, lam=lam
        ),
    },
    exercises.check_reparameterize: {
        "variance for σ": lambda mu, logvar: mu + logvar.exp() * torch.randn_like(mu),
        "logvar for σ": lambda mu, logvar: mu + logvar * torch.randn_like(mu),
        "sample cuts the gradient": plain_draw,
        "noise term detached": lambda mu, logvar: (
            mu + (torch.randn_like(mu) * (logvar / 2).exp()).detach()
        ),
        "mean detached": lambda mu, logvar: objectives.reparameterize(mu.detach(), logvar),
        "one ε for all": lambda mu, logvar: mu + (logvar / 2).exp() * torch.randn(1),
        "one ε a row": lambda mu, logvar: mu + (logvar / 2).exp() * torch.randn(len(mu), 1),
        "uniform noise": lambda mu, logvar: mu + (logvar / 2).exp() * torch.rand_like(mu),
        "no noise": lambda mu, logvar: mu + (logvar / 2).exp(),
        "arguments swapped": lambda mu, logvar: objectives.reparameterize(logvar, mu),
        "numpy array": lambda mu, logvar: plain_draw(mu, logvar).numpy(),
        "forgotten return": lambda mu, logvar: None,
    },
    exercises.check_water_filling: {
        "all count": lambda values, level: water_filling_with_loops(
            values, level, alive=lambda value, level: True
        ),
        "at the level too": lambda values, level: water_filling_with_loops(
            values, level, alive=lambda value, level: value >= level
        ),
        "dead instead of living": lambda values, level: water_filling_with_loops(
            values, level, alive=lambda value, level: value < level
        ),
        "half forgotten": lambda values, level: (
            water_filling_with_loops(values, level) * torch.tensor([1, 2, 1])
        ),
        "bits": lambda values, level: (
            water_filling_with_loops(values, level) / torch.tensor([1, math.log(2), 1])
        ),
        "distortion of the living alone": lambda values, level: torch.tensor(
            [
                *water_filling_with_loops(values, level)[:2],
                level * (values > level).sum(),
            ]
        ),
        "distortion without noise": lambda values, level: torch.tensor(
            [
                *water_filling_with_loops(values, level)[:2],
                values[values <= level].sum(),
            ]
        ),
        "level for its root": lambda values, level: water_filling_with_loops(
            values, level**2
        ),
        "a list": lambda values, level: list(
            linear_gaussian.reverse_water_filling(values, level)
        ),
    },
    exercises.check_kl_weight: {
        "σ for σ²": lambda a, sigma: 2 * a * sigma,
        "no two": lambda a, sigma: a * sigma**2,
        "half": lambda a, sigma: a * sigma**2 / 2,
        "divided by σ²": lambda a, sigma: 2 * a / sigma**2,
        "divided by a": lambda a, sigma: 2 * sigma**2 / a,
        "without a": lambda a, sigma: 2 * sigma**2,
        "inverse": lambda a, sigma: 1 / (2 * a * sigma**2),
        "always one": lambda a, sigma: torch.ones_like(a),
    },
    exercises.check_vae_loss: {
        "mean over pixels": lambda f, g, x: objectives.vae_loss(
            f, g, x, nll=lambda x, logits: objectives.bernoulli_nll(x, logits) / 3
        )["loss"],
        "mean over units": lambda f, g, x: objectives.vae_loss(f, g, x, beta=0.5)["loss"],
        "no KL": lambda f, g, x: objectives.vae_loss(f, g, x, beta=0)["loss"],
        "sign of the KL": lambda f, g, x: (
            2 * objectives.vae_loss(f, g, x, beta=0)["loss"] - vae_loss_by_hand(f, g, x)
        ),
        "logvar for σ": lambda f, g, x: vae_loss_by_hand(f, g, x, width=lambda v: v),
        "variance for σ": lambda f, g, x: vae_loss_by_hand(f, g, x, width=torch.exp),
        "no draw": lambda f, g, x: vae_loss_by_hand(f, g, x, width=torch.zeros_like),
        "Gaussian pixels": lambda f, g, x: objectives.vae_loss(
            f, g, x, nll=objectives.gaussian_nll
        )["loss"],
        "sum over the batch": lambda f, g, x: len(x) * vae_loss_by_hand(f, g, x),
        "one number an image": lambda f, g, x: (
            objectives.bernoulli_nll(x, g(f(x)[0]))
            + objectives.kl_to_standard_normal(*f(x))
        ),
        "terms instead of the loss": objectives.vae_loss,
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
    assert check(answer).status == "wrong"


@pytest.mark.parametrize("check", RIGHT)
def test_a_stub_is_still_to_do(check):
    def stub(*_, **__):
        raise NotImplementedError

    assert check(stub).status == "todo"


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
