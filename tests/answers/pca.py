"""Answers for notebook 02: right ones, and wrong ones with a part of the message."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from course_utils.exercises import pca

SMALL = load_digits().data / 16


def pca_image_by_image(x, mean, components):
    rows = []
    for image in x:
        z = [torch.dot(v, image - mean) for v in components]
        rows.append(mean + sum(a * v for a, v in zip(z, components)))
    return torch.stack(rows)


def pca_with_scikit_learn(x, mean, components):
    pca = PCA(len(components))
    pca.mean_, pca.components_ = mean.numpy(), components.numpy()
    pca.explained_variance_ = np.ones(len(components))  # needed by some versions
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


RIGHT = {
    pca.check_pca_reconstruction: {
        "projector": lambda x, mean, v: (x - mean) @ (v.T @ v) + mean,
        "image by image": pca_image_by_image,
        "scikit-learn": pca_with_scikit_learn,
        "einsum": lambda x, mean, v: mean + torch.einsum("bd,kd,ke->be", x - mean, v, v),
    },
    pca.check_pca_error: {
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
    pca.check_leading_components: {
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
    pca.check_code_width: {
        "an int": 21,
        "a float": 21.0,
        "scikit-learn": int(
            (1 - PCA().fit(SMALL).explained_variance_ratio_.cumsum() < 0.1).argmax()
        )
        + 1,
        "a share to explain": PCA(0.9).fit(SMALL).n_components_,
    },
}

WRONG = {
    pca.check_pca_reconstruction: {
        "mean not added back": ("added back", lambda x, mean, v: (x - mean) @ v.T @ v),
        "mean not subtracted": (
            "before the projection",
            lambda x, mean, v: mean + x @ v.T @ v,
        ),
        "what is left over": (
            "left over",
            lambda x, mean, v: (x - mean) - (x - mean) @ v.T @ v,
        ),
        "first component only": (
            "not only the first",
            lambda x, mean, v: mean + torch.outer((x - mean) @ v[0], v[0]),
        ),
        "numpy": ("got ndarray", lambda x, mean, v: (mean + (x - mean) @ v.T @ v).numpy()),
    },
    pca.check_pca_error: {
        "kept, not left out": (
            "kept",
            lambda x, k: torch.linalg.svdvals(x - x.mean(0)).square()[:k].sum() / len(x),
        ),
        "N − 1": ("N − 1", lambda x, k: left_out(x - x.mean(0), k) / (len(x) - 1)),
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
        "a Python number": (
            "Python number",
            lambda x, k: float(left_out(x - x.mean(0), k) / len(x)),
        ),
    },
    pca.check_leading_components: {
        "smallest first": (
            "which order",
            lambda x, k: torch.linalg.eigh(torch.cov(x.T)).eigenvectors[:, :k].T,
        ),
        "not flipped": (
            "the largest has to come first",
            lambda x, k: torch.linalg.eigh(torch.cov(x.T)).eigenvectors[:, -k:].T,
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
        "the other singular vectors": (
            "not of N",
            lambda x, k: torch.linalg.svd(x - x.mean(0), full_matrices=False)[0][:, :k].T,
        ),
        "values and vectors": (
            "expected a tensor",
            lambda x, k: torch.linalg.eigh(torch.cov(x.T)),
        ),
        "forgotten return": ("a return may be missing", lambda x, k: None),
    },
    pca.check_code_width: {
        "without biases": ("center the data", 9),
        "a twentieth": ("twentieth", 29),
        "roots": ("squared already", 41),
        "one eigenvalue": ("next eigenvalue", 14),
        "all": ("It is not 64", 64),
        "half": ("It is not 32", 32),
    },
}
