"""How much the code tells about the image: active units, mutual information."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils._validation import batches, check_finite_rows, gaussian_code
from course_utils.modes import measure
from course_utils.objectives import GaussianEncoder, reparameterize
from course_utils.progress import progress
from course_utils.theory.evidence import log_gaussian


@measure
def active_units(f: GaussianEncoder, x: Tensor) -> Tensor:
    """Var over x of μₖ(x) > 0.01: which units depend on x?  -> (K,) bool

    In eval mode. Source: Burda, Grosse & Salakhutdinov (2016), section 5.
    """
    mu, _ = gaussian_code(f, x)
    check_finite_rows(mu)
    return mu.var(0, correction=0) > 0.01


@measure
def mutual_information(f: GaussianEncoder, x: Tensor) -> Tensor:
    """I(x; z) = E [ log q(z|x) − log q(z) ],  q(z) = (1/N) Σᵢ q(z|xᵢ).  (N, D) -> (), nats

    An estimate by one z for each x. It never exceeds log N, the entropy of a choice among
    N images. The mean rate is I(x; z) + KL(q(z) ‖ p(z)). In eval mode.
    Source: Hoffman & Johnson (2016); Alemi et al. (2018).
    """
    mu, logvar = gaussian_code(f, x)
    z = reparameterize(mu, logvar)
    log_ratios = []
    rows = [part.split(256) for part in (z, mu, logvar)]
    for own, *q in progress(list(zip(*rows)), "batch"):  # not all N² pairs at once
        log_sum = torch.full_like(own[:, 0], -math.inf)  # log Σᵢ q(z|xᵢ)
        for others in zip(batches(mu), batches(logvar)):
            log_q = log_gaussian(own[:, None], *others)  # (256, 1024)
            log_sum = torch.logaddexp(log_sum, log_q.logsumexp(1))
        log_ratios.append(log_gaussian(own, *q) - log_sum + math.log(len(x)))
    return torch.cat(log_ratios).mean()
