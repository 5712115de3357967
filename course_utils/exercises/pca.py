"""Checks of notebook 02, PCA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises.grading import (
    CheckResult,
    Function,
    Mistakes,
    compare,
    compare_value,
)
from course_utils.theory.linear_gaussian import spectrum


def _project(x, mean, v):
    return mean + (x - mean) @ v.T @ v


_PCA_RECONSTRUCTION_MISTAKES: Mistakes = {
    "the mean has to be added back at the end.": (
        lambda x, mean, v: _project(x, mean, v) - mean
    ),
    "the mean has to be subtracted before the projection.": (
        lambda x, mean, v: mean + _project(x, 0 * mean, v)
    ),
    "the mean is missing, before and after.": lambda x, mean, v: _project(x, 0 * mean, v),
    "the mean is added before the projection; subtract it.": (
        lambda x, mean, v: mean + (x + mean) @ v.T @ v
    ),
    "the mean is given. The mean of a batch is another one.": (
        lambda x, mean, v: _project(x, x.mean(0), v)
    ),
    "this is the code. It still has to be decoded.": lambda x, mean, v: (x - mean) @ v.T,
    "this is what is left over, not the reconstruction.": (
        lambda x, mean, v: x - _project(x, mean, v)
    ),
    "the components are the rows, so the transpose comes first.": (
        lambda x, mean, v: mean + (x - mean) @ v @ v.T
    ),
    "all components, not only the first.": lambda x, mean, v: _project(x, mean, v[:1]),
    "the encoder and the decoder are transposes of each other.": (
        lambda x, mean, v: mean + (x - mean) @ v.T @ v.T
    ),
}


def check_pca_reconstruction(
    answer: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> CheckResult:
    """Notebook 02: mean + Vᵀ V (x − mean), one component per row of V.

    (B, D), (D,), (K, D) -> (B, D)
    """
    x = torch.tensor([[1.0, 2.0, 3.0], [0.5, -1.0, 2.0], [4.0, 0.0, -2.0], [1.0, 1.0, 1.0]])
    zero, mean = torch.zeros(3), torch.tensor([1.0, -2.0, 0.5])
    # Not symmetric: V and its transpose differ.
    v = torch.tensor([[0.6, 0.8, 0.0], [0.0, 0.0, 1.0], [0.8, -0.6, 0.0]])
    cases = {
        "the mean is 0, one component": (x, zero, v[:1]),
        "the mean is not 0": (x, mean, v[:1]),
        "two components": (x, mean, v[1:]),
        "as many components as dimensions, so nothing is lost": (x, mean, v),
    }
    return compare(answer, _project, cases, _PCA_RECONSTRUCTION_MISTAKES)


def _left_out(x, k):
    return spectrum(x)[k:].sum()


_PCA_ERROR_MISTAKES: Mistakes = {
    "these are the directions that are kept. The error is that of the others.": (
        lambda x, k: spectrum(x)[:k].sum()
    ),
    "the data have to be centered first.": (
        lambda x, k: torch.linalg.svdvals(x).square()[k:].sum() / len(x)
    ),
    "divide by the number of data points N.": lambda x, k: _left_out(x, k) * len(x),
    "divide by N, not by N − 1.": lambda x, k: _left_out(x, k) * len(x) / (len(x) - 1),
    "add up the dimensions; divide by N only.": lambda x, k: _left_out(x, k) / x.shape[1],
    "divide by the number of data points N, not of dimensions.": (
        lambda x, k: _left_out(x, k) * len(x) / x.shape[1]
    ),
    "a variance is a squared singular value.": (
        lambda x, k: (spectrum(x) * len(x)).sqrt()[k:].sum() / len(x)
    ),
    "the variances are added up, not the standard deviations.": (
        lambda x, k: spectrum(x)[k:].sqrt().sum()
    ),
    "the order. eigh and eigvalsh sort the smallest first.": (
        lambda x, k: spectrum(x).flip(0)[k:].sum()
    ),
    "Python counts from 0: after k directions the next one has index k.": (
        lambda x, k: spectrum(x)[k + 1 :].sum()
    ),
    "all directions beyond the first k, not only the next one.": (
        lambda x, k: spectrum(x)[k]
    ),
    "the sum is missing: one number was asked for.": lambda x, k: spectrum(x)[k:],
    "return a tensor, not a Python number.": lambda x, k: _left_out(x, k).item(),
}


def check_pca_error(answer: Callable[[Tensor, int], Tensor]) -> CheckResult:
    """Notebook 02: the least E ‖x − x̂‖² of a linear code of k numbers.  (N, D), int -> ()

    By Eckart and Young the eigenvalues of the covariance (1/N) that were left out, summed.
    """
    x = torch.tensor([[3.0, 0, 1], [-3, 0, 1], [0, 2, 1], [0, -2, 1], [0, 0, 1]])
    turned = x @ torch.tensor([[0.6, 0.8, 0.0], [0.8, -0.6, 0.0], [0.0, 0.0, 1.0]]) - 0.5
    cases = {
        "k = 0 leaves the variance": (x, 0),
        "k = 1": (x, 1),
        "the same points, turned and moved": (turned, 1),
        "k = 2 of points that lie in a plane, so nothing is lost": (turned, 2),
    }
    return compare(answer, _left_out, cases, _PCA_ERROR_MISTAKES)


def _leading(x, k):
    return torch.linalg.eigh(torch.cov(x.T))[1].T.flip(0)[:k]


_LEADING_COMPONENTS_MISTAKES: Mistakes = {
    "in which order does eigh return the eigenvalues?": (
        lambda x, k: _leading(x, 4)[4 - k :].flip(0)
    ),
    "the right ones, but the largest has to come first.": (
        lambda x, k: _leading(x, k).flip(0)
    ),
    "rows were asked for: one component per row.": lambda x, k: _leading(x, k).T,
    "the eigenvectors are the columns of what eigh returns, not its rows.": (
        lambda x, k: torch.linalg.eigh(torch.cov(x.T))[1][-k:].flip(0)
    ),
    "the eigenvectors are the columns of what eigh returns; flip those.": (
        lambda x, k: torch.linalg.eigh(torch.cov(x.T))[1].flip(0)[:, :k].T
    ),
    "the data have to be centered first.": (
        lambda x, k: torch.linalg.eigh(x.T @ x)[1].T.flip(0)[:k]
    ),
    "an eigenvector has length one; its eigenvalue does not scale it.": (
        lambda x, k: spectrum(x)[:k, None].sqrt() * _leading(x, k)
    ),
    "all components are returned; only the first k were asked for.": (
        lambda x, k: _leading(x, 4)
    ),
    "the directions are vectors of D numbers, not of N.": (
        lambda x, k: torch.linalg.svd(x - x.mean(0))[0].T[:k]
    ),
}


def check_leading_components(answer: Callable[[Tensor, int], Tensor]) -> CheckResult:
    """Notebook 02: the k leading eigenvectors of the covariance as rows.

    (N, D), int -> (k, D). Eigenvectors are known up to their sign, so what is compared are
    their shape, the projectors vⱼ vⱼᵀ, weighted by j, and V Vᵀ.
    """
    generator = torch.Generator().manual_seed(0)
    spread = torch.tensor([3.0, 0.3, 2.0, 1.0])
    x = spread * torch.randn(200, 4, generator=generator)
    turned = x @ torch.linalg.qr(torch.randn(4, 4, generator=generator))[0] + 5
    cases = {
        "k = 1 of points in four dimensions": ("shape", x, 1),
        "k = 3": ("shape", x, 3),
        "the spread is largest along an axis": ("projectors", x, 1),
        "two directions, the first of them first": ("projectors", x, 2),
        "points that were turned and moved": ("projectors", turned, 3),
        "the rows are orthogonal and have length one": ("products", turned, 2),
    }
    return compare(
        answer, _leading, cases, _LEADING_COMPONENTS_MISTAKES, wrapper=_without_signs
    )


def _without_signs(components: Function) -> Function:
    """(what, x, k): functions of the components that do not depend on their signs."""

    def wrapped(what: str, x: Tensor, k: int) -> Any:
        v = components(x, k)
        if what == "shape" or not isinstance(v, Tensor) or v.ndim != 2:
            return 0 * v if isinstance(v, Tensor) else v
        v = v.to(x)
        if what == "products":
            return v @ v.T
        return torch.einsum("k,kd,ke->de", torch.arange(1.0, 1 + len(v)), v, v)

    return wrapped


def check_code_width(answer: int | None) -> CheckResult:
    """Notebook 02: the least k at which E(k) is below a tenth of the variance.

    For scikit-learn's small digits, by the singular values of the centered data.
    """
    from sklearn.datasets import load_digits  # a second, so only when it is needed

    small = torch.as_tensor(load_digits().data / 16)

    def width(x: Tensor, share: float, of: Tensor) -> int:
        """How many directions leave less than ``share`` of ``of``."""
        variances = torch.linalg.svdvals(x).square() / len(x)
        left = variances.sum() - variances.cumsum(0)
        return 1 + (left < share * of).int().argmax().item()

    centered = small - small.mean(0)
    variance = centered.square().sum(1).mean()
    expected = width(centered, 0.1, variance)
    eigenvalues = torch.linalg.svdvals(centered).square()
    return compare_value(
        answer,
        expected,
        {
            "center the data, both for the error and for the variance.": width(
                small, 0.1, small.square().sum(1).mean()
            ),
            "with this code more than a tenth is lost, by a little.": expected - 1,
            "one number less is enough. The first error belongs to k = 0, not to 1.": (
                expected + 1
            ),
            "a tenth may be left, not nine tenths.": width(centered, 0.9, variance),
            "a tenth, not a twentieth.": width(centered, 0.05, variance),
            "errors are squared already: no root is needed.": width(
                centered, 0.01, variance
            ),
            "the sum of all that is left out counts, not only the next eigenvalue.": (
                (eigenvalues < 0.1 * eigenvalues[0]).int().argmax().item()
            ),
            "a number of directions was asked for, not the error.": 0.1,
        },
    )
