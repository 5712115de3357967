"""Checks of notebook 02, PCA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.exercises._wrappers import as_tensor, identity, only_shape, variants
from course_utils.exercises.grading import CheckResult, Function, Mistakes, compare
from course_utils.theory.linear_gaussian import spectrum


def _cloud(n: int, d: int, seed: int) -> Tensor:
    """Correlated points whose mean is not 0, with clear gaps between the variances."""
    generator = torch.Generator().manual_seed(seed)
    spread = 3 * 0.6 ** torch.arange(d)
    turn = torch.linalg.qr(torch.randn(d, d, generator=generator))[0]
    points = spread * torch.randn(n, d, generator=generator)
    return points @ turn + torch.randn(d, generator=generator)


def _leading(x, k):
    return torch.linalg.eigh(torch.cov(x.T))[1].T.flip(0)[:k]


_LEADING_COMPONENTS_MISTAKES: Mistakes = {
    "in which order does eigh return the eigenvalues?": (
        lambda x, k: _leading(x, x.shape[1])[-k:].flip(0)
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
        lambda x, k: _leading(x, x.shape[1])
    ),
    "the directions are vectors of D numbers, not of N.": (
        lambda x, k: torch.linalg.svd(x - x.mean(0))[0].T[:k]
    ),
    "pca_lowrank with q = k only approximates; ask for more components and cut.": (
        lambda x, k: torch.pca_lowrank(x, q=k)[2].T
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
        "twenty points in five dimensions": ("projectors", _cloud(20, 5, 8), 2),
        "the rows are orthogonal and have length one": ("products", turned, 2),
    }
    return compare(
        answer, _leading, cases, _LEADING_COMPONENTS_MISTAKES, wrapper=_without_signs
    )


def _without_signs(components: Function) -> Function:
    """(what, x, k): functions of the components that do not depend on their signs."""

    def wrapped(what: str, x: Tensor, k: int) -> Any:
        v = as_tensor(components)(x, k)
        if what == "shape" or not isinstance(v, Tensor) or v.ndim != 2:
            return only_shape(v)
        if what == "products":
            return v @ v.T
        return torch.einsum("k,kd,ke->de", torch.arange(1.0, 1 + len(v)), v, v)

    return wrapped


def train(f: nn.Module, g: nn.Module, x: Tensor, steps: int, lr: float) -> list[float]:
    """Minimize E ‖x − g(f(x))‖² by Adam, all data x (N, D) in each step.

    Returns the loss before each step.
    """
    return _train(f, g, x, steps, lr)


def _train(
    f: nn.Module,
    g: nn.Module,
    x: Tensor,
    steps: int,
    lr: float,
    *,
    networks: tuple[int, ...] = (0, 1),
    optimizer: Callable[..., Any] = torch.optim.Adam,
    error: Callable[[Tensor], Tensor] = lambda d: d.square().sum(1).mean(),
    zero: bool = True,
    step: bool = True,
    new: bool = False,
    after: bool = False,
) -> list[float]:
    """``train``, and what it becomes by the usual mistakes."""
    weights = [weight for i in networks for weight in (f, g)[i].parameters()]
    adam = optimizer(weights, lr=lr)
    losses = []
    for _ in range(steps):
        if new:
            adam = optimizer(weights, lr=lr)
        loss = error(x - g(f(x)))
        if zero:
            adam.zero_grad()
        loss.backward()
        if step:
            adam.step()
        losses.append(error(x - g(f(x))).item() if after else loss.item())
    return losses


_TRAINING_MISTAKES: Mistakes = {
    **variants(
        _train,
        networks={
            "the optimizer has no weights of the encoder.": (1,),
            "the optimizer has no weights of the decoder.": (0,),
        },
        optimizer={
            "the optimizer is plain gradient descent; Adam was asked for.": torch.optim.SGD
        },
        error={
            "add up the pixels; their mean was not asked for.": lambda d: d.square().mean(),
            "take the mean over the data, not the sum.": lambda d: d.square().sum(),
            "the pixels are dimension 1: sum over it, then take the mean.": (
                lambda d: d.square().sum(0).mean()
            ),
            "the length of the difference has to be squared.": (
                lambda d: d.norm(dim=1).mean()
            ),
        },
        zero={"gradients add up over the steps until zero_grad() removes them.": False},
        step={
            "nothing is learned: backward() or step() is missing, or zero_grad() comes "
            "between them.": False
        },
        new={"make the optimizer before the loop: Adam remembers earlier gradients.": True},
        after={"record the loss of the gradient, not the one after the step.": True},
    ),
    "the learning rate lr has to reach Adam.": (
        lambda f, g, x, steps, lr: _train(f, g, x, steps, 1e-3)
    ),
    "all losses were asked for, not only the last one.": (lambda *case: _train(*case)[-1]),
}


def check_training(answer: Callable[..., Any]) -> CheckResult:
    """Notebook 02: a training loop, by the losses that it returns and by what it leaves.

    f, g, x (N, D), steps, lr -> the loss before each step
    """
    cases = {
        "the losses, k = 2": ("losses", 2, _cloud(40, 5, 0), 20, 0.03),
        "the losses, k = 3": ("losses", 3, _cloud(30, 6, 1), 15, 0.1),
        "the error after the training": ("after", 2, _cloud(40, 5, 2), 20, 0.03),
    }
    return compare(
        answer, train, cases, _TRAINING_MISTAKES, wrapper=_from_the_same_start, rtol=1e-3
    )


def _from_the_same_start(training: Function) -> Function:
    """(what, k, x, steps, lr): losses of a new linear autoencoder, or its last error."""

    def wrapped(what: str, k: int, x: Tensor, steps: int, lr: float) -> Any:
        f, g = nn.Linear(x.shape[1], k), nn.Linear(k, x.shape[1])
        losses = training(f, g, x, steps, lr)
        if what == "losses":
            return as_tensor(identity)(losses)
        return (x - g(f(x))).square().sum(1).mean().detach()

    return wrapped


def _left_out(x, k):
    return spectrum(x)[k:].sum()


_PCA_ERROR_MISTAKES: Mistakes = {
    "these are the directions that are kept. The error is that of the others.": (
        lambda x, k: spectrum(x)[:k].sum()
    ),
    "the data have to be centered first.": (
        lambda x, k: torch.linalg.svdvals(x).square()[k:].sum() / len(x)
    ),
    "x.mean() is one number; the mean of each dimension is x.mean(0).": (
        lambda x, k: torch.linalg.svdvals(x - x.mean()).square()[k:].sum() / len(x)
    ),
    "divide by the number of data points N.": lambda x, k: _left_out(x, k) * len(x),
    "divide by N, not by N − 1.": lambda x, k: _left_out(x, k) * len(x) / (len(x) - 1),
    "add up the dimensions; divide by N only.": lambda x, k: _left_out(x, k) / x.shape[1],
    "divide by the number of data points N, not of dimensions.": (
        lambda x, k: _left_out(x, k) * len(x) / x.shape[1]
    ),
    "a variance is a squared singular value.": (
        lambda x, k: torch.linalg.svdvals(x - x.mean(0))[k:].sum() / len(x)
    ),
    "the variances are added up, not the standard deviations.": (
        lambda x, k: torch.linalg.svdvals((x - x.mean(0)) / len(x) ** 0.5)[k:].sum()
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
}


def check_pca_error(answer: Callable[[Tensor, int], Any]) -> CheckResult:
    """Notebook 02: the least E ‖x − x̂‖² of a linear code of k numbers.  (N, D), int -> ()

    By Eckart and Young the eigenvalues of the covariance (1/N) that were left out, summed.
    """
    x = _cloud(20, 4, 3)
    flat = x[:, :2] @ _cloud(2, 4, 4) + 1  # in a plane
    cases = {
        "k = 1": (x, 1),
        "k = 0 leaves the variance": (x, 0),
        "k = 3, other points": (_cloud(30, 5, 5), 3),
        "k = 2 of points that lie in a plane, so nothing is lost": (flat, 2),
    }
    return compare(answer, _left_out, cases, _PCA_ERROR_MISTAKES, wrapper=as_tensor)


def best_weights(x: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A (k, D), b (k,), B (D, k), c (D,) of the linear autoencoder that is PCA."""
    mean, v = x.mean(0), _leading(x, k)
    return v, -v @ mean, v.T, mean


def _changed(number: int, change: Callable[[Tensor], Tensor]) -> Function:
    """The right weights, but one of A, b, B, c."""

    def wrong(x, k):
        weights = list(best_weights(x, k))
        weights[number] = change(weights[number])
        return tuple(weights)

    return wrong


_WEIGHTS_MISTAKES: Mistakes = {
    "b is missing: the encoder has to subtract the mean before it projects.": (
        _changed(1, torch.zeros_like)
    ),
    "the sign of b: the encoder computes A (x − mean).": _changed(1, torch.neg),
    "c is missing: the decoder has to add the mean.": _changed(3, torch.zeros_like),
    "both biases are missing: the plane goes through 0.": (
        lambda x, k: (
            _leading(x, k),
            torch.zeros(k),
            _leading(x, k).T,
            torch.zeros(x.shape[1]),
        )
    ),
    "in which order does eigh return the eigenvalues?": (
        lambda x, k: (v := _leading(x, x.shape[1])[-k:], -v @ x.mean(0), v.T, x.mean(0))
    ),
    "the data have to be centered before the components are computed.": (
        lambda x, k: (
            v := torch.linalg.svd(x, full_matrices=False)[2][:k],
            -v @ x.mean(0),
            v.T,
            x.mean(0),
        )
    ),
    "A has the components as rows, B as columns.": (
        lambda x, k: ((w := best_weights(x, k))[0].T, w[1], w[2].T, w[3])
    ),
    "B has one component a column; this is its transpose.": _changed(2, torch.t),
    "b has k numbers: A times the mean, with a minus sign.": (
        lambda x, k: ((w := best_weights(x, k))[0], -x.mean(0), w[2], w[3])
    ),
}


def check_weights(answer: Callable[[Tensor, int], Any]) -> CheckResult:
    """Notebook 02: A (k, D), b (k,), B (D, k), c (D,) of a best linear autoencoder.

    Compared are shapes, and reconstructions, since A and B are known up to a mixing only.
    (N, D), int -> A, b, B, c
    """
    x, other = _cloud(20, 4, 6), _cloud(30, 5, 7)
    cases = {
        "the shapes of A, b, B, c": ("shapes", x, 2),
        "reconstructions, k = 1": ("x_hat", x, 1),
        "reconstructions, k = 3": ("x_hat", other, 3),
    }
    return compare(
        answer, best_weights, cases, _WEIGHTS_MISTAKES, wrapper=_without_mixing, rtol=1e-3
    )


def _without_mixing(weights_of: Function) -> Function:
    """(what, x, k): shapes of the weights, or g(f(x)), which no mixing changes."""

    def wrapped(what: str, x: Tensor, k: int) -> Any:
        weights = weights_of(x, k)
        if not isinstance(weights, (tuple, list)) or len(weights) != 4:
            return weights
        a, b, big_b, c = (as_tensor(identity)(w).float() for w in weights)
        if what == "shapes":
            return torch.tensor([n for w in (a, b, big_b, c) for n in w.shape])
        return (x @ a.T + b) @ big_b.T + c

    return wrapped
