"""Checks of notebook 11, VQ-VAE-2."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.exercises._wrappers import as_tensor, value_and_gradient
from course_utils.exercises.grading import CheckResult, Mistakes, compare, compare_value
from course_utils.generative import vq_vae

_NEAREST_CODE_MISTAKES: Mistakes = {
    "the axis. Find the code for each encoding, not the encoding for each code.": (
        lambda *a: torch.cdist(*a).argmin(0)
    ),
    "the largest product favors long codes. Distances are asked for.": (
        lambda z, codebook: (z @ codebook.T).argmax(1)
    ),
    "‖z − e‖² has the product twice.": (
        lambda z, codebook: (codebook.square().sum(1) - z @ codebook.T).argmin(1)
    ),
    "the number of the code is asked for, not its vector.": (
        lambda z, codebook: codebook[vq_vae.nearest_code(z, codebook)]
    ),
    "the number of a code is an index, so an integer, as argmin gives it.": (
        lambda *a: vq_vae.nearest_code(*a).float()
    ),
    "add up the squares of the differences, not their absolute values.": (
        lambda z, codebook: torch.cdist(z, codebook, p=1).argmin(1)
    ),
    "directions are not enough: two codes may share one. Distances are asked for.": (
        lambda z, codebook: (z @ F.normalize(codebook, dim=1).T).argmax(1)
    ),
    "the number of the code is asked for, not how far it is.": (
        lambda *a: torch.cdist(*a).amin(1)
    ),
    "square the differences before you add them up, or they cancel.": (
        lambda z, codebook: (z[:, None] - codebook).sum(2).abs().argmin(1)
    ),
    "each encoding has a code of its own, not all the same one.": (
        lambda *a: torch.cdist(*a).sum(0).argmin()
    ),
    "the nearest, not the farthest.": lambda *a: torch.cdist(*a).argmax(1),
}


def check_nearest_code(answer: Callable[[Tensor, Tensor], Tensor]) -> CheckResult:
    """Notebook 11: the number of the nearest codebook vector.  (N, D), (K, D) -> (N,)"""
    generator = torch.Generator().manual_seed(0)
    # So many that the nearest in another sense, such as Σ|zᵢ − eᵢ|, is another for some.
    z = 2 * torch.randn(200, 3, generator=generator)
    codebook = 2 * torch.randn(9, 3, generator=generator)
    line = torch.tensor([[0.5], [1.5], [5.0]])
    cases = {
        "three codes on a line": (torch.tensor([[0.9], [1.1], [2.9], [9.0]]), line),
        "codes of different lengths": (z, codebook * torch.linspace(0.2, 2, 9)[:, None]),
        "as many encodings as codes": (z[:9], codebook),
        "one encoding": (z[:1], codebook),
        "each code is nearest to itself": (codebook, codebook),
    }
    return compare(answer, vq_vae.nearest_code, cases, _NEAREST_CODE_MISTAKES)


def _entropy(share):
    return torch.special.entr(share).sum()


def _perplexity(share):
    return _entropy(share).exp()


_PERPLEXITY_MISTAKES: Mistakes = {
    "0 log 0 counts as 0; in floating point it is nan.": (
        lambda p: (-(p * p.log()).sum()).exp()
    ),
    "the sign. An entropy is not negative.": lambda p: _entropy(p).neg().exp(),
    "that is the entropy; its exp is asked for.": lambda p: _entropy(p),
    "log and exp must have the same base.": lambda p: (_entropy(p) / math.log(2)).exp(),
    "the entropy is a sum over the codes, not their mean.": (
        lambda p: torch.special.entr(p).mean().exp()
    ),
    "a code that is hardly used counts for less than one that is used often.": (
        lambda p: (p > 0).sum().float()
    ),
    "all codes count, not only the most frequent.": lambda p: 1 / p.max(),
    "the entropy has a log, not a square.": lambda p: 1 / p.square().sum(),
    **{
        f"{tiny:g} inside the logarithm changes it. Leave out what is never used.": (
            lambda p, tiny=tiny: (-(p * (p + tiny).log()).sum()).exp()
        )
        for tiny in (1e-3, 1e-4, 1e-5, 1e-6)
    },
}


def check_perplexity(answer: Callable[[Tensor], Tensor]) -> CheckResult:
    """Notebook 11: exp(−Σₖ pₖ log pₖ), with 0 log 0 = 0.  (K,) -> one number"""
    many = 2 * torch.randn(512, generator=torch.Generator().manual_seed(0))
    cases = {
        "four codes, used alike": (torch.full((4,), 0.25),),
        "two codes, one of them more often": (torch.tensor([0.9, 0.1]),),
        "three codes": (torch.tensor([0.5, 0.3, 0.2]),),
        "some are never used": (torch.tensor([0.5, 0.0, 0.5, 0.0]),),
        "only one is used": (torch.tensor([0.0, 1.0, 0.0]),),
        "512 codes, most of them rare": (many.softmax(0),),
    }
    return compare(answer, _perplexity, cases, _PERPLEXITY_MISTAKES, wrapper=as_tensor)


_STRAIGHT_THROUGH_MISTAKES: Mistakes = {
    "the value is right, but the gradient goes to e: detach the difference.": (
        lambda z, e: e
    ),
    "the gradient is right, but the decoder must get e.": lambda z, e: z,
    "no gradient reaches z. The difference e − z is detached, all of it and no more.": (
        lambda z, e: z + (e.detach() - z)
    ),
    "the value is e, not half-way to it.": lambda z, e: (z + e) / 2,
    "the sign of the difference.": lambda z, e: z - (e - z).detach(),
    "z gets the whole gradient, not a share of it.": (
        lambda z, e: e.detach() + (z - z.detach()) / 2
    ),
    "e must not get a gradient.": lambda z, e: e + (z - z.detach()),
}


def check_straight_through(answer: Callable[[Tensor, Tensor], Tensor]) -> CheckResult:
    """Notebook 11: the value of e with the gradient of z.  (B, D), (B, D) -> (B, D)"""
    z, e = 2 * torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    cases = {
        "the value": ("value", z, e),
        "the gradient in z": (0, z, e),
        "the gradient in e": (1, z, e),
        "nothing to round": ("value", e, e.clone()),
        "one number, its gradient in z": (0, z[:1, :1], e[:1, :1]),
    }
    reference, mistakes = vq_vae.straight_through, _STRAIGHT_THROUGH_MISTAKES
    return compare(answer, reference, cases, mistakes, wrapper=value_and_gradient)


def check_plain_bits(answer: int | None) -> CheckResult:
    """Notebook 11: (32² + 64²) · log₂ 512, a photograph's codes at 9 bits each."""
    return compare_value(
        answer,
        (32**2 + 64**2) * 9,
        {
            "this is only the top.": 32**2 * 9,
            "this is only the bottom.": 64**2 * 9,
            "these are the symbols. How many bits does one of 512 take?": 32**2 + 64**2,
            "one of 512 symbols is named by log₂ 512 bits, not by 512.": (32**2 + 64**2)
            * 512,
            "these are bytes.": (32**2 + 64**2) * 9 / 8,
            "these are nats. A bit is log 2 of a nat.": (32**2 + 64**2) * math.log(512),
            "these are decimal digits: that was log₁₀. A bit asks for log₂.": (
                (32**2 + 64**2) * math.log10(512)
            ),
            "that is how many times as many bits the pixels take.": (
                256**2 * 3 * 8 / ((32**2 + 64**2) * 9)
            ),
            "a map has 32 rows of 32 places.": (32 + 64) * 9,
            "places of both maps are added, not multiplied.": 32**2 * 64**2 * 9,
            "these are the bits of the picture itself.": 256**2 * 3 * 8,
            "with eight bits a symbol there are 256 of them.": (32**2 + 64**2) * 8,
        },
        rtol=1e-4,
    )
