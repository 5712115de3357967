"""Answers for notebook 02: right ones, and wrong ones with a part of the message."""

import numpy as np
import torch
from sklearn.decomposition import PCA

from course_utils.exercises import pca


def training(
    *,
    zero=True,
    step=True,
    late=False,
    parameters=lambda f, g: [*f.parameters(), *g.parameters()],
    error=lambda x, x_hat: (x - x_hat).pow(2).sum(1).mean(),
    optimizer=torch.optim.Adam,
    record=lambda losses: losses,
):
    """A training loop; each argument replaces a part of it."""

    def train(f, g, x, steps, lr):
        adam = optimizer(parameters(f, g), lr)
        losses = []
        for _ in range(steps):
            if zero:
                adam.zero_grad()
            loss = error(x, g(f(x)))
            loss.backward()
            if late:
                adam.zero_grad()
            if step:
                adam.step()
            losses.append(loss.detach())
        return record(losses)

    return train


def training_with_a_chain(f, g, x, steps, lr):
    both = torch.nn.Sequential(f, g)
    adam = torch.optim.Adam(both.parameters(), lr=lr, foreach=True)
    losses = np.zeros(steps)
    for step in range(steps):
        loss = torch.nn.functional.mse_loss(both(x), x, reduction="sum") / len(x)
        losses[step] = loss.item()
        both.zero_grad()
        loss.backward()
        adam.step()
    return losses


def training_after_the_step(f, g, x, steps, lr):
    one_more = training()(f, g, x, steps, lr)[1:]
    return [*one_more, (x - g(f(x))).pow(2).sum(1).mean()]


def weights(x, k, *, b=True, c=True, sign=-1, rows=True):
    """A, b, B, c from scikit-learn's PCA, with mistakes."""
    pca = PCA(k).fit(x.numpy())
    components, mean = torch.as_tensor(pca.components_), torch.as_tensor(pca.mean_)
    return (
        components if rows else components.T,
        sign * b * components @ mean,
        components.T if rows else components,
        c * mean,
    )


def mixed_weights(x, k):
    """As NumPy arrays, with another basis of the plane, and the mean added twice."""
    big_a, b, big_b, c = (w.double().numpy() for w in weights(x, k))
    mix = np.random.default_rng(0).normal(size=(k, k)) + 3 * np.eye(k)
    shift = np.arange(1, k + 1)  # any shift of the code: the decoder takes it back
    inverse = big_b @ np.linalg.inv(mix)
    return mix @ big_a, mix @ b + shift, inverse, c - inverse @ shift


def weights_by_singular_vectors(x, k):
    v = torch.linalg.svd(x - x.mean(0), full_matrices=False).Vh[:k]
    return [v, -(v @ x.mean(0)), v.T, x.mean(0)]


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
    pca.check_training: {
        "a loop": training(),
        "one network, NumPy": training_with_a_chain,
        "a tensor": training(record=torch.stack),
        "an equal optimizer": training(
            optimizer=lambda parameters, lr: torch.optim.AdamW(
                parameters, lr, weight_decay=0.0
            )
        ),
    },
    pca.check_pca_error: {
        "singular values": lambda x, k: left_out(x - x.mean(0), k) / len(x),
        "scikit-learn": pca_error_by_scikit_learn,
        "a Python number": lambda x, k: float(left_out(x - x.mean(0), k)) / len(x),
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
        "pca_lowrank, enough of them": lambda x, k: torch.pca_lowrank(x, q=x.shape[1])[2].T[
            :k
        ],
        "NumPy, other signs": lambda x, k: (
            -np.linalg.eigh(np.cov(x.numpy().T))[1][:, ::-1][:, :k].T
        ),
    },
    pca.check_weights: {
        "scikit-learn": weights,
        "another basis, NumPy": mixed_weights,
        "singular vectors": weights_by_singular_vectors,
    },
}

WRONG = {
    pca.check_training: {
        "gradients add up": ("add up over the steps", training(zero=False)),
        "no step": ("step() is missing", training(step=False)),
        "zero_grad() before step()": ("comes between", training(late=True)),
        "encoder only": (
            "no weights of the decoder",
            training(parameters=lambda f, g: f.parameters()),
        ),
        "decoder only": (
            "no weights of the encoder",
            training(parameters=lambda f, g: g.parameters()),
        ),
        "mean over pixels": (
            "add up the pixels",
            training(error=torch.nn.functional.mse_loss),
        ),
        "sum over the data": (
            "take the mean over the data",
            training(error=lambda x, x_hat: (x - x_hat).pow(2).sum()),
        ),
        "sum over the wrong dimension": (
            "the pixels are dimension 1",
            training(error=lambda x, x_hat: (x - x_hat).pow(2).sum(0).mean()),
        ),
        "gradient descent": ("Adam was asked for", training(optimizer=torch.optim.SGD)),
        "default learning rate": (
            "has to reach Adam",
            training(optimizer=lambda parameters, lr: torch.optim.Adam(parameters)),
        ),
        "after the step": ("not the one after the step", training_after_the_step),
        "last loss": ("not only the last", training(record=lambda losses: losses[-1])),
        "forgotten return": ("a return may be missing", training(record=lambda _: None)),
    },
    pca.check_pca_error: {
        "kept, not left out": (
            "kept",
            lambda x, k: torch.linalg.svdvals(x - x.mean(0)).square()[:k].sum() / len(x),
        ),
        "one mean for all": (
            "x.mean() is one number",
            lambda x, k: left_out(x - x.mean(), k) / len(x),
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
        "dimension k": (
            "Python counts from 0",
            lambda x, k: left_out(x - x.mean(0), k + 1) / len(x),
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
        "pca_lowrank, k of them": (
            "only approximates",
            lambda x, k: torch.pca_lowrank(x, q=k)[2].T,
        ),
        "values and vectors": (
            "expected a tensor",
            lambda x, k: torch.linalg.eigh(torch.cov(x.T)),
        ),
        "forgotten return": ("a return may be missing", lambda x, k: None),
    },
    pca.check_weights: {
        "no b": ("b is missing", lambda x, k: weights(x, k, b=False)),
        "no c": ("c is missing", lambda x, k: weights(x, k, c=False)),
        "no biases": ("both biases", lambda x, k: weights(x, k, b=False, c=False)),
        "sign of b": ("sign of b", lambda x, k: weights(x, k, sign=1)),
        "transposed": ("components as rows", lambda x, k: weights(x, k, rows=False)),
        "b is the mean": (
            "b has k numbers",
            lambda x, k: ((w := weights(x, k))[0], -w[3], *w[2:]),
        ),
        "only A": ("expected", lambda x, k: weights(x, k)[0]),
        "forgotten return": ("a return may be missing", lambda x, k: None),
    },
}
