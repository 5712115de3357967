"""Checks that a notebook runs on a student's answer; each returns a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from course_utils import objectives


@dataclass(frozen=True)
class Verdict:
    """What a check shows under the cell: to do, wrong (and where), or right."""

    status: Literal["todo", "wrong", "right"]
    message: str

    def __repr__(self) -> str:
        sign = {"todo": "✏️ To do", "wrong": "❌ Not yet", "right": "✅ Right"}[self.status]
        return f"{sign}. {self.message}"

    _repr_markdown_ = __repr__


def compare(
    answer: Callable[..., Tensor],
    reference: Callable[..., Tensor],
    cases: Mapping[str, tuple],
) -> Verdict:
    """Run answer and reference on named cases; stop at the first that differs.

    Both see the same random numbers. A wrong answer is a verdict, never an exception, so
    the notebook always runs to its end.
    """
    for case, arguments in cases.items():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            want = reference(*arguments)
            torch.manual_seed(0)
            try:
                got = answer(*arguments)
            except NotImplementedError:
                return Verdict("todo", "Replace the line that raises NotImplementedError.")
            except Exception as error:  # a student's slip, not a crash of the course
                return Verdict("wrong", f"{case}: your function raised {error!r}.")
        if not isinstance(got, Tensor):
            kind = type(got).__name__
            return Verdict("wrong", f"{case}: expected a tensor, got {kind}.")
        if got.shape != want.shape:
            shapes = f"expected shape {tuple(want.shape)}, got {tuple(got.shape)}"
            return Verdict("wrong", f"{case}: {shapes}.")
        if not torch.allclose(got.to(want), want, rtol=1e-4, atol=1e-5):
            numbers = f"expected {_short(want)}, got {_short(got)}"
            return Verdict("wrong", f"{case}: {numbers}.")
    return Verdict("right", f"All {len(cases)} cases agree.")


def _short(values: Tensor) -> str:
    """The first few numbers of a tensor, for a message."""
    first = ", ".join(f"{value:.4g}" for value in values.flatten()[:4].tolist())
    return f"{first}, …" if values.numel() > 4 else first


def check_kl(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 06: KL(N(μ, diag σ²) ‖ N(0, I)) in closed form.  (B, K), (B, K) -> (B,)"""
    zeros = torch.zeros(2, 3)
    return compare(
        answer,
        objectives.kl_to_standard_normal,
        {
            "q is the prior, so the KL is 0": (zeros, zeros),
            "q is shifted": (torch.tensor([[1.0, -2.0, 0.5]]), torch.zeros(1, 3)),
            "q is narrower than the prior": (zeros, zeros - 2),
            "q is wider than the prior": (zeros, zeros + 1),
        },
    )
