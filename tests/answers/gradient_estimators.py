"""Answers for notebook 09: right ones, and wrong ones with a part of the message."""

from functools import partial

import torch

from course_utils.exercises import gradient_estimators
from course_utils.theory.gradient_estimators import score_function_loss


def slopes(slope, mu, sigma, eps):
    by_mu = slope(mu + sigma * eps)
    return by_mu, by_mu * eps


def slopes_by_autograd(slope, mu, sigma, eps):
    """The chain rule left to autograd, with the slope as the gradient by z."""
    mu = torch.full_like(eps, mu, requires_grad=True)
    sigma = torch.full_like(eps, sigma, requires_grad=True)
    z = mu + sigma * eps
    z.backward(slope(z.detach()))
    return mu.grad, sigma.grad


def slopes_one_by_one(slope, mu, sigma, eps):
    pairs = [(slope(mu + sigma * e), slope(mu + sigma * e) * e) for e in eps]
    return [torch.stack(column) for column in zip(*pairs)]


def loss_with_loops(h, log_q):
    terms = []
    for i in range(len(h)):
        others = torch.cat([h[:i], h[i + 1 :]])
        terms.append((h[i] - others.mean()) * log_q[i])
    return sum(terms) / len(terms)


def loss_by_ratios(h, log_q):
    """The ratio of q to itself has the value 1 and the gradient of log q."""
    ratio = torch.exp(log_q - log_q.detach())
    baseline = (h.sum() - h) / (len(h) - 1)
    return ((h - baseline) * ratio).mean()


RIGHT = {
    gradient_estimators.check_slopes: {
        "two lines": slopes,
        "autograd": slopes_by_autograd,
        "one by one, a list": slopes_one_by_one,
        "vmap": lambda slope, mu, sigma, eps: torch.vmap(partial(slopes, slope, mu, sigma))(
            eps
        ),
        "float64": lambda *a: slopes(*a[:3], a[3].double()),
        "one tensor": lambda slope, mu, sigma, eps: (
            slope(eps * sigma + mu) * torch.stack([torch.ones_like(eps), eps])
        ),
    },
    gradient_estimators.check_score_loss: {
        "package": score_function_loss,
        "loops": loss_with_loops,
        "ratios": loss_by_ratios,
        "pairs": lambda h, log_q: (
            sum(
                (h[i] - h[j]) * (log_q[i] - log_q[j])
                for i in range(len(h))
                for j in range(i)
            )
            / (len(h) * (len(h) - 1))
        ),
        "covariance": lambda h, log_q: torch.cov(torch.stack([h, log_q]))[0, 1],
        "one number in a list": lambda h, log_q: (
            (h @ log_q - h.sum() * log_q.mean()).reshape(1) / (len(h) - 1)
        ),
    },
}

WRONG = {
    gradient_estimators.check_slopes: {
        "divided by σ": (
            "from number 6 on",
            lambda slope, mu, sigma, eps: (
                slope(mu + sigma * eps),
                slope(mu + sigma * eps) * eps / sigma,
            ),
        ),
        "σε for ε": (
            "by log σ",
            lambda slope, mu, sigma, eps: (
                slope(mu + sigma * eps),
                slope(mu + sigma * eps) * (sigma * eps),
            ),
        ),
        "averaged": (
            "not their mean",
            lambda slope, mu, sigma, eps: (
                slope(mu + sigma * eps).mean(),
                (slope(mu + sigma * eps) * eps).mean(),
            ),
        ),
        "score function": (
            "h(z) = z² + sin z: expected",
            lambda slope, mu, sigma, eps: (
                slope(mu + sigma * eps) * eps / sigma,
                slope(mu + sigma * eps) * (eps**2 - 1) / sigma,
            ),
        ),
        "arrays": (
            "expected a tensor, got ndarray",
            lambda *a: tuple(part.numpy() for part in slopes(*a)),
        ),
        "numbers": ("expected a tensor, got float", lambda *_: (1.0, 2.0)),
        "forgotten return": ("a return may be missing", lambda *_: None),
    },
    gradient_estimators.check_score_loss: {
        "mean of all": (
            "contains h itself",
            lambda h, log_q: ((h - h.mean()) * log_q).sum() / len(h),
        ),
        "no baseline": ("the baseline is missing", lambda h, log_q: h @ log_q / len(h)),
        "a number": (
            "log_q must not be detached",
            lambda h, log_q: torch.tensor(score_function_loss(h, log_q).item()),
        ),
        "item": ("return a tensor", lambda *a: score_function_loss(*a).item()),
        "the first weight detached": (
            "its gradient by log q: expected",
            lambda h, log_q: score_function_loss(
                h, torch.cat([log_q[:1].detach(), log_q[1:]])
            ),
        ),
        "averaged too early": (
            "each draw has its own weight",
            lambda h, log_q: (h - (h.sum() - h) / (len(h) - 1)).mean() * log_q.mean(),
        ),
        "draw by draw": (
            "one number was asked for",
            lambda h, log_q: torch.stack(
                [
                    (h[i] - h[torch.arange(len(h)) != i].mean()) * log_q[i]
                    for i in range(len(h))
                ]
            ),
        ),
        "median": (
            "its gradient by log q: expected",
            lambda h, log_q: ((h - h.median()) * log_q).mean(),
        ),
    },
}
