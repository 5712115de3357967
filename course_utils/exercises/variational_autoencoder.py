"""Checks of notebook 06, the variational autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn.functional import binary_cross_entropy

from course_utils import objectives
from course_utils.exercises._wrappers import (
    KLS,
    NLLS,
    WIDTHS,
    as_tensor,
    drawn_kl,
    exact_kl,
    identity,
    noise_mistakes,
    only_shape,
    over_copies,
    sigma_of,
    value_and_gradient,
    variants,
    weighted_sum,
    wrong_kl,
)
from course_utils.exercises.grading import CheckResult, Function, Mistakes, compare
from course_utils.models import GaussianHead
from course_utils.training import hold_interrupt

_kl, _nll = objectives.kl_to_standard_normal, objectives.bernoulli_nll
_draw = objectives.reparameterize

# In general position: four images, three axes, no number twice, none 0 or 1.
_MU = torch.tensor(
    [[0.7, -1.3, 0.2], [-0.4, 1.9, -0.9], [1.6, 0.3, -2.1], [-1.1, 0.5, 0.8]]
)
_LOGVAR = torch.tensor(
    [[-1.2, 0.4, -0.3], [0.9, -2.2, 0.6], [-0.7, 1.3, -1.8], [0.2, -0.5, -3.1]]
)


def _kl_of(variance: Function) -> Function:
    """The KL with another σ² in both of its terms."""
    return partial(wrong_kl, variance=variance, log=lambda v: variance(v).log())


_VARIANCES = {
    "σ² is exp(logvar), not logvar.": identity,
    "the root of logvar is not σ: σ² is exp(logvar).": lambda v: v.sqrt() ** 2,
    "exp(logvar) is σ² already; do not square it.": lambda v: v.exp() ** 2,
    "this has σ where the formula has σ².": sigma_of,
}
_LOGS = {
    "logvar is log σ² already; take no other logarithm of it.": torch.log,
    "log σ² is logvar, not half of it.": lambda v: v / 2,
    "the term −log σ² is missing.": torch.zeros_like,
}
_KL_MISTAKES: Mistakes = {
    "the sign. A KL is never negative.": lambda *a: -_kl(*a),
    "the factor ½ is missing.": lambda *a: 2 * _kl(*a),
    "a sum over the K axes was asked for, not their mean.": (
        lambda mu, logvar: _kl(mu, logvar) / mu.shape[1]
    ),
    "add up the K axes: one number for each image.": (
        lambda mu, logvar: (mu**2 + logvar.exp() - 1 - logvar) / 2
    ),
    "one number for each image was asked for, not one for all.": (
        lambda mu, logvar: _kl(mu, logvar).sum()
    ),
    "one number for each image was asked for, not their mean.": (
        lambda mu, logvar: _kl(mu, logvar).mean()
    ),
    **variants(wrong_kl, variance=_VARIANCES, log=_LOGS),
    "logvar is log σ², so that σ² = exp(logvar), not logvar².": _kl_of(torch.square),
    "logvar is log σ², not σ². It may be negative, and then has no logarithm.": (
        _kl_of(identity)
    ),
    "the root of logvar is not σ. logvar is log σ², so take exp before the root.": (
        _kl_of(lambda v: v.sqrt() ** 2)
    ),
    "logvar is log σ²: exp(logvar) is σ² already, not σ.": (
        lambda mu, logvar: _kl(mu, 2 * logvar)
    ),
    "logvar is log σ² already, not log σ: nothing has to be halved.": (
        lambda mu, logvar: _kl(mu, logvar / 2)
    ),
    "logvar is log σ², not σ. It may be negative, and then has no logarithm.": (
        partial(wrong_kl, variance=torch.square, log=lambda v: 2 * v.log())
    ),
    "this is the value for a draw of z. The KL is its mean, which has a closed form.": (
        lambda mu, logvar: drawn_kl(mu, logvar, _draw(mu, logvar))
    ),
    "μ enters as its square.": partial(wrong_kl, square=identity),
    "the −1 of each axis is missing.": partial(wrong_kl, one=0),
    "no gradient reaches mu and logvar; detach(), item() and tolist() stop it.": (
        lambda mu, logvar: _kl(mu, logvar).detach()
    ),
    "the gradient is cut off from mu.": lambda mu, logvar: _kl(mu.detach(), logvar),
    "the gradient is cut off from logvar.": lambda mu, logvar: _kl(mu, logvar.detach()),
}


def check_kl(answer: Callable[[Tensor, Tensor], Tensor]) -> CheckResult:
    """Notebook 06: KL(N(μ, diag σ²) ‖ N(0, I)) in closed form.  (B, K), (B, K) -> (B,)"""
    cases = {
        "four images": ("value", _MU, _LOGVAR),
        "one image": ("value", _MU[:1, :2], _LOGVAR[:1, :2]),
        "the gradient that reaches mu": (0, _MU, _LOGVAR),
        "the gradient that reaches logvar": (1, _MU, _LOGVAR),
        "a tiny σ and a far μ": ("value", 20 * _MU, 20 * _LOGVAR.abs().neg()),
        "a large σ": ("value", _MU, 5 * _LOGVAR.abs()),
    }
    return compare(answer, _kl, cases, _KL_MISTAKES, wrapper=value_and_gradient)


def _drawn(mu, logvar, *, width=sigma_of, draw=torch.randn_like):
    """μ + σε; the keywords replace σ or ε by a mistake."""
    return mu + width(logvar) * draw(mu)


_REPARAMETERIZE_MISTAKES: Mistakes = {
    **variants(_drawn, width=WIDTHS),
    **noise_mistakes(_drawn, "row", "number"),
    "the scale of Normal is σ, not log σ².": (
        lambda mu, logvar: Normal(mu, logvar).rsample()
    ),
    "the scale of Normal is σ, and logvar is log σ²: take exp before the root.": (
        lambda mu, logvar: Normal(mu, logvar.sqrt()).rsample()
    ),
    "a draw by sample() or under no_grad() has no gradient.": (
        lambda mu, logvar: _draw(mu, logvar).detach()
    ),
    "the gradient is cut off from mu.": lambda mu, logvar: _draw(mu.detach(), logvar),
    "the gradient is cut off from logvar.": lambda mu, logvar: _draw(mu, logvar.detach()),
    "nothing is random yet.": lambda mu, logvar: mu + sigma_of(logvar),
    "σ multiplies ε; it is not added to it.": (
        lambda mu, logvar: mu + sigma_of(logvar) + torch.randn_like(mu)
    ),
    "mu and logvar have changed places.": lambda mu, logvar: _draw(logvar, mu),
}


def check_reparameterize(answer: Callable[[Tensor, Tensor], Tensor]) -> CheckResult:
    """Notebook 06: z = μ + σ ⊙ ε and its gradients.  (B, K), (B, K) -> (B, K)

    Any way of drawing is right, so what is compared are statistics of 12,000 draws for each
    μ and σ, with errors below a percent, and gradients, which follow from the draw itself.
    """
    mu = torch.tensor([[2.7, -1.3, 3.1], [-3.4, 1.9, -2.2]])
    logvar = torch.tensor([[-1.2, 0.4, -0.4], [0.9, -0.7, 0.3]])
    many = mu.repeat(40, 300), logvar.repeat(40, 300)
    cases = {
        "two images": ("shape", mu, logvar),
        "one image": ("shape", mu[:1, :2], logvar[:1, :2]),
        "σ is almost 0, so z is μ": ("z", _MU, _LOGVAR - 40),
        "the mean of z": ("mean", *many),
        "the spread of z, and of the sum of two": ("spread", *many),
        "∂z/∂μ, the gradient that reaches mu": ("mu", _MU, _LOGVAR),
        "∂z/∂log σ², the gradient that reaches logvar, divided by σε/2": (
            "logvar", _MU, _LOGVAR
        ),
    }  # fmt: skip
    mistakes, wrapper = _REPARAMETERIZE_MISTAKES, _statistics_of_draws
    return compare(answer, _draw, cases, mistakes, wrapper=wrapper, rtol=0.04)


def _statistics_of_draws(draw: Function) -> Function:
    """(what, mu, logvar): z, a statistic of it over the copies of each image, or what its
    gradient by mu or logvar has to be multiplied by."""

    def wrapped(what: str, mu: Tensor, logvar: Tensor) -> Any:
        leaves = {"mu": mu.requires_grad_(), "logvar": logvar.requires_grad_()}
        z = draw(mu, logvar)
        if what == "shape" or not isinstance(z, Tensor) or z.shape != mu.shape:
            return only_shape(z)
        if what in leaves:
            if not z.requires_grad:
                return torch.zeros_like(mu)
            [gradient] = torch.autograd.grad(
                weighted_sum(z), leaves[what], allow_unused=True, materialize_grads=True
            )
            return gradient if what == "mu" else 2 * gradient / (z - mu)
        if what == "z":
            return z
        return over_copies(what, z.detach(), mu[:2, :3])

    return wrapped


def _step(f, g, optimizer, x, *, nll=_nll, kl=exact_kl, mean=torch.mean, **wrong):
    """The seven steps; the keywords replace a part of them by a mistake."""
    mu, logvar = f(x)
    z = _drawn(mu, logvar, **wrong)
    loss = mean(nll(x, g(z)) + kl(mu, logvar, z))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def _without(method: str) -> Function:
    """The step without one method of its optimizer."""

    def step(f: Function, g: Function, optimizer: torch.optim.Optimizer, x: Tensor) -> Any:
        setattr(optimizer, method, lambda: None)
        return _step(f, g, optimizer, x)

    return step


def _at(step: int, mistakes: Mistakes) -> Mistakes:
    return {f"step {step}: {hint}": mistake for hint, mistake in mistakes.items()}


_STEP_NLL = {
    "step 5: binary_cross_entropy takes probabilities, g gives logits: take a sigmoid.": (
        lambda x, logits: binary_cross_entropy(logits, x, reduction="none").sum(1)
    ),
    "step 6: the sign. The negative log likelihood is minimized.": lambda *a: -_nll(*a),
}
_STEP_6_KL = {
    "step 6: take the mean of the KL over the minibatch, not its sum.": (
        lambda *q: exact_kl(*q).sum()
    ),
    "step 6: this is log q(z|x) − log p(z) of a draw. Take the KL's closed form.": drawn_kl,
    "step 6: the gradient of the KL is blocked.": lambda *q: exact_kl(*q).detach(),
}
_STEP_6_MEAN = {
    "step 6: the sign. The loss is −ELBO: less is better.": lambda loss: -loss.mean(),
    "step 6: take the mean over the minibatch, not the sum.": torch.sum,
}
_STEP_MISTAKES: Mistakes = {
    **_at(3, variants(_step, width=WIDTHS)),
    **_at(3, noise_mistakes(_step, "image", "axis")),
    "step 3: the gradient of the draw is blocked, as by sample().": (
        lambda f, g, *more: _step(f, lambda z: g(z.detach()), *more)
    ),
    **_at(5, variants(_step, nll=NLLS)),
    **_at(6, variants(_step, kl=KLS)),
    **variants(_step, nll=_STEP_NLL, kl=_STEP_6_KL, mean=_STEP_6_MEAN),
    "step 3: this draw is right; write μ + σε, so that the numbers agree.": (
        lambda *a: _step(*a, draw=lambda mu: -torch.randn_like(mu))
    ),
    "step 7: zero_grad() is missing, so the gradients of all steps add up.": (
        _without("zero_grad")
    ),
    "step 7: nothing is updated: backward() or optimizer.step() is missing, or "
    "zero_grad() comes between them.": (_without("step")),
    "step 7: only the decoder is updated; the gradient stops before the encoder.": (
        lambda f, *more: _step(lambda x: tuple(part.detach() for part in f(x)), *more)
    ),
}


class _Networks(nn.Module):
    """Some pixels, three axes; weights without a pattern.

    log σ² is positive, and the logits lie between 0 and 1: a root or a logarithm of them,
    which is a mistake, is then a number of its own instead of nan.
    """

    def __init__(self, pixels: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(1)
            self.encoder, self.decoder = GaussianHead(pixels, 3), nn.Linear(3, pixels)
        with torch.no_grad():
            self.encoder.logvar.bias.add_(1)
            self.decoder.weight.mul_(0.2)
            self.decoder.bias.mul_(0.2).add_(0.5)


def _after_steps(step: Function) -> Function:
    """(what, shift, x, …): the loss of the last of some steps, one for each minibatch, or
    the weights of a network after them. ``shift``: what is added to the first logits."""

    def wrapped(what: str, shift: float, *batches: Tensor) -> Any:
        model, loss = _Networks(batches[0].shape[1]), None
        with torch.no_grad():
            model.decoder.bias.add_(shift)
        with hold_interrupt():
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x in batches:
            loss = step(model.encoder, model.decoder, optimizer, x)
        if what != "loss":
            weights = getattr(model, what).parameters()
            return torch.cat([weight.detach().flatten() for weight in weights])
        loss = as_tensor(identity)(loss)
        is_number = isinstance(loss, Tensor) and loss.numel() == 1
        return loss.reshape(()) if is_number else loss

    return wrapped


def check_training_step(answer: Callable[..., Any]) -> CheckResult:
    """Notebook 06: one step of training, from the minibatch to the update.

    (f, g, optimizer, x (B, D)) -> the loss, a tensor or a number.
    """
    x = torch.linspace(0.05, 0.95, 24).sin().reshape(4, 6)[:, [3, 0, 5, 1, 4, 2]]
    other = x.flip(0, 1).square()[:3]
    cases = {
        "the loss": ("loss", 0.0, x),
        "the decoder after a step": ("decoder", 0.0, x),
        "the encoder after a step": ("encoder", 0.0, x),
        "the encoder after two steps": ("encoder", 0.0, x, other),
        "the decoder after two steps": ("decoder", 0.0, x, other),
        "the loss of the second step": ("loss", 0.0, x, other),
        "the loss of another decoder, of five pixels": ("loss", -0.7, x[:, :5]),
    }
    return compare(answer, _step, cases, _STEP_MISTAKES, wrapper=_after_steps)
