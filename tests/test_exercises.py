"""Every check accepts right answers in several styles and refuses typical wrong ones."""

import math

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch.distributions import Independent, Normal, kl_divergence
from torch.nn.functional import mse_loss, normalize

from course_utils import evidence, exercises, models, objectives


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


RIGHT = {
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
}
WRONG = {
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
