"""The ELBO of test images and the importance-weighted bound, estimated by draws from q.

Networks get 1024 rows at a time, so memory holds no more than these and the results. So a
conditional decoder g that holds the labels of its images is given at most 1024 images.

Which ELBO is which:

    objectives.vae_loss             −ELBO as a loss: β, gradients, mean over the batch
    elbo.elbo                       of each test image, estimated by draws of z
    linear_gaussian.linear_elbo     closed form, for a linear decoder with Gaussian noise
    posterior_grid.bound_on_grid    exact, for any Gaussian q and one image, in the plane
    diffusion.diffusion_elbo        of each image, estimated by draws of all noise steps
    evidence_gap.js, makeBound      bound_on_grid in the browser, while q is dragged
    draw_digit.js, makeEvaluator    elbo in the browser, of the drawing
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils._validation import (
    batch_nats,
    batches,
    check_count,
    check_likelihood,
    gaussian_code,
)
from course_utils.modes import measure
from course_utils.objectives import (
    Decoder,
    GaussianEncoder,
    bernoulli_nll,
    kl_to_standard_normal,
    reparameterize,
)
from course_utils.progress import progress
from course_utils.theory.evidence import Nll, log_gaussian


@measure
def rate_and_distortion(
    f: GaussianEncoder, g: Decoder, x: Tensor, *, samples: int = 1, nll: Nll = bernoulli_nll
) -> tuple[Tensor, Tensor]:
    """Rate KL(q(z|x) ‖ p(z)) and distortion E_q [−log p(x|z)].  (B, D) -> (B,), (B,), nats

    The cost of the code of an image and the error that remains, averaged over ``samples``
    draws of z. For testing, so in eval mode and without gradients.
    Source: Alemi et al. (2018), section 2.
    """
    check_count("samples", samples)
    mu, logvar = gaussian_code(f, x)
    check_likelihood(nll, g, x, mu)
    draws = [row_nats(nll, g, x, reparameterize(mu, logvar)) for _ in range(samples)]
    return kl_to_standard_normal(mu, logvar), torch.stack(draws).mean(0)


def elbo(
    f: GaussianEncoder, g: Decoder, x: Tensor, *, samples: int = 1, nll: Nll = bernoulli_nll
) -> Tensor:
    """E_q [log p(x|z)] − KL(q(z|x) ‖ p(z)) of each image.  (B, D) -> (B,), nats

    Minus distortion, minus rate; E_q is the mean over ``samples`` draws of z. In eval mode.
    Source: lecture, "Testing"; Kingma & Welling (2014), equation 7.
    """
    rate, distortion = rate_and_distortion(f, g, x, samples=samples, nll=nll)
    return -distortion - rate


@measure
def importance_weighted_bound(
    f: GaussianEncoder, g: Decoder, x: Tensor, *, samples: int, nll: Nll = bernoulli_nll
) -> Tensor:
    """log (1/L) Σₗ p(x, zₗ) / q(zₗ|x),  zₗ ~ q, L = samples.  (B, D) -> (B,), nats

    Its expectation is the ELBO at L = 1 and grows with L up to log p(x). In eval mode.
    ValueError for less than one draw. Source: Burda, Grosse & Salakhutdinov (2016), eq. 8.
    """
    check_count("samples", samples)
    mu, logvar = gaussian_code(f, x)
    check_likelihood(nll, g, x, mu)
    log_sum = torch.full_like(mu[:, 0], -math.inf)
    for _ in progress(range(samples), "draw"):
        z, zero = reparameterize(mu, logvar), torch.zeros_like(mu)
        log_p, log_q = log_gaussian(z, zero, zero), log_gaussian(z, mu, logvar)
        log_sum = torch.logaddexp(log_sum, log_p - row_nats(nll, g, x, z) - log_q)
    return log_sum - math.log(samples)


def row_nats(nll: Nll, g: Decoder, x: Tensor, z: Tensor) -> Tensor:
    """−log p(x|z) of each row, in batches.  (B, D), (B, K) -> (B,)"""
    pairs = progress(list(zip(batches(x), batches(z))), "batch")
    return torch.cat([batch_nats(nll, g, *pair) for pair in pairs])
