"""Checks of arguments: a clear ValueError instead of an obscure error of torch.

NaN and infinity are allowed where they show in the result, such as the loss of a training
that diverges, and refused where the result would look valid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

# --- numbers --------------------------------------------------------------------------


def check_number(
    name: str, value: float | Tensor, range_text: str, low: float, high: float
) -> None:
    """ValueError, "NAME must be RANGE_TEXT, not VALUE", unless low <= value < high."""
    scalar = isinstance(value, Real) or (isinstance(value, Tensor) and value.numel() == 1)
    if not (scalar and low <= value < high):
        raise ValueError(f"{name} must be {range_text}, not {value!r}.")


def check_positive(name: str, value: float | Tensor) -> None:
    check_number(name, value, "> 0 and finite", math.nextafter(0, 1), math.inf)


def check_not_negative(name: str, value: float) -> None:
    check_number(name, value, "a finite number >= 0", 0, math.inf)


def check_finite_number(name: str, value: float) -> None:
    check_number(name, value, "a finite number", math.nextafter(-math.inf, 0), math.inf)


def check_count(name: str, value: int, minimum: int = 1) -> None:
    if not (isinstance(value, Integral) and value >= minimum):
        raise ValueError(f"{name} must be a whole number >= {minimum}, not {value!r}.")


# --- tensors --------------------------------------------------------------------------


def check_floats(*tensors: Tensor) -> None:
    """ValueError unless these are float tensors of one dtype, on one device."""
    for x in tensors:
        if not isinstance(x, Tensor):
            raise ValueError(  # noqa: TRY004 - ValueError for all bad arguments
                f"this must be a tensor, not {type(x).__name__}: "
                "use torch.as_tensor(x, dtype=torch.float32)."
            )
        if x.layout != torch.strided or x.is_nested:
            raise ValueError("this must be a dense tensor: use x.to_dense().")
        if not x.is_floating_point():
            raise ValueError(f"this must be float, not {x.dtype}: use x.float().")
    for kind in ("device", "dtype"):
        values = dict.fromkeys(str(getattr(x, kind)) for x in tensors)
        if len(values) > 1:
            raise ValueError(f"these need the same {kind}, but are {', '.join(values)}.")


def check_rows(*tensors: Tensor) -> None:
    """ValueError unless each is (N, D), floats, with at least one row and the same D."""
    check_floats(*tensors)
    for x in tensors:
        if x.ndim != 2 or not x.numel():
            raise ValueError(
                f"this must be (N, D), one row per data point and at least one row, not "
                f"{tuple(x.shape)}: use x.flatten(1), or x[None] for a single data point."
            )
    widths = dict.fromkeys(str(x.shape[1]) for x in tensors)
    if len(widths) > 1:
        raise ValueError(f"rows must have the same length, but have {', '.join(widths)}.")


def check_same_shape(a: Tensor, b: Tensor) -> None:
    """ValueError unless both are (B, D) or (B, …), floats, of the same shape, not empty."""
    check_floats(a, b)
    if a.shape != b.shape:
        raise ValueError(
            f"these two must have the same shape, but are {tuple(a.shape)} "
            f"and {tuple(b.shape)}."
        )
    if a.ndim < 2 or not a.numel():
        raise ValueError(
            f"this must be (B, D), one row per data point, not {tuple(a.shape)}: use "
            "x[None] for a single one; an empty batch has no loss."
        )


def check_vector(x: Tensor) -> None:
    """ValueError unless it is (N,), floats, not empty."""
    check_floats(x)
    if x.ndim != 1 or not x.numel():
        raise ValueError(f"this must be (N,), at least one number, not {tuple(x.shape)}.")


def check_finite(*tensors: Tensor) -> None:
    """FloatingPointError for NaN or infinity that the result would not show."""
    if not all(x.is_meta or x.isfinite().all() for x in tensors):
        raise FloatingPointError(
            "NaN or infinity in the input: check the data and whether a training diverged."
        )


def check_finite_rows(*tensors: Tensor) -> None:
    """ValueError as in check_rows, FloatingPointError as in check_finite."""
    check_rows(*tensors)
    check_finite(*tensors)


def check_integers(name: str, x: Tensor, below: int, shape: tuple[int, ...]) -> None:
    """ValueError unless x is an int64 tensor of that shape, with numbers 0 … below − 1."""
    if not isinstance(x, Tensor) or x.dtype != torch.int64:
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"{name} must be a tensor of whole numbers, int64, not {kind}.")
    if x.shape != shape or not x.numel():
        raise ValueError(f"{name} must have shape {shape}, not {tuple(x.shape)}.")
    if x.min() < 0 or x.max() >= below:
        raise ValueError(f"{name} must lie between 0 and {below - 1}.")


# --- models and likelihoods -----------------------------------------------------------

# What a model raises that does not fit its data, and a function that does not fit a model.
MISFITS = TypeError, ValueError, RuntimeError, AttributeError, KeyError, IndexError


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """ValueError, "WHAT failed: …", for an error that does not name its cause."""
    try:
        yield
    except (ValueError, torch.OutOfMemoryError):
        raise
    except MISFITS as error:
        raise ValueError(f"{what} failed: {error}") from error


def described(value: object) -> str:
    """(128, 784) float32; of a few, one after the other; the type of anything else."""
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, tuple | list) and 0 < len(value) < 5:
        return " and ".join(map(described, value))
    return type(value).__name__


ROWS = 1024  # that a network gets at a time, to bound the memory


def batches(x: Tensor) -> tuple[Tensor, ...]:
    """The rows of x, so many at a time; what is no tensor is refused later, in words."""
    return x.split(ROWS) if isinstance(x, Tensor) and x.ndim else (x,)


def gaussian_code(f: Callable, x: Tensor) -> tuple[Tensor, Tensor]:
    """mu, logvar of q(z|x) = f(x), each (B, K); ValueError for anything else."""
    mu, logvar = zip(*(_gaussian_code(f, rows) for rows in batches(x)))
    return torch.cat(mu), torch.cat(logvar)


def _gaussian_code(f: Callable, x: Tensor) -> tuple[Tensor, Tensor]:
    with in_words(f"the encoder, for x of {described(x)},"):
        q = f(x)
    if not isinstance(q, tuple | list) or len(q) != 2:
        raise ValueError(
            f"the encoder must return mu and logvar, each (B, K), not {described(q)}."
        )
    mu, logvar = q
    check_same_shape(mu, logvar)
    if mu.ndim != 2 or len(mu) != len(x):
        raise ValueError(f"mu must be (B, K), a row for each of x, not {tuple(mu.shape)}.")
    return mu, logvar


def batch_nats(nll: Callable, g: Callable, x: Tensor, z: Tensor) -> Tensor:
    """nll(x, g(z)), which is −log p(x|z); ValueError unless it is a number a row.  (B,)"""
    with in_words(f"the decoder, for z of {described(z)},"):
        output = g(z)
    with in_words(f"nll, for x and g(z) of {described((x, output))},"):
        nats = nll(x, output)
    check_nats(nats, x)
    return nats


def check_likelihood(nll: Callable, g: Callable, x: Tensor, z: Tensor) -> None:
    """ValueError for a sigmoid before a likelihood of logits, as in ``check_logits``.

    A graph is made for the first x and z alone, repeated. A decoder that takes other
    batches only, such as one with labels, is not checked.
    """
    x, z = x[:1].repeat(3, 1), z[:1].repeat(3, 1)
    with torch.enable_grad():
        try:
            nats = batch_nats(nll, g, x, z.requires_grad_())
        except ValueError:
            return
    check_logits(nats)


def check_nats(nats: Tensor, x: Tensor) -> None:
    """ValueError unless these, of nll(x, g(z)), are a number for each row of x, (B,)."""
    if not isinstance(nats, Tensor) or nats.shape != x.shape[:1]:
        raise ValueError(
            "nll must return a number for each row, (B,), summed over dimensions, no mean "
            f"over rows; for x of {described(x)} it gives {described(nats)}."
        )


# Names of nodes in a graph of gradients. Those that are passed select or move numbers.
OF_LOGITS = "BinaryCrossEntropyWithLogits", "LogSoftmax", "LogSigmoid", "Softplus"
PROBABILITIES = "Sigmoid", "Hardsigmoid", "Softmax"
PASSED = (
    "View UnsafeView ReshapeAlias Alias Clone ToCopy Squeeze Unsqueeze Expand T Transpose "
    "Permute Slice Select Clamp Neg"
).split()


def check_logits(*values: Tensor) -> None:
    """ValueError if one was computed by a likelihood of logits from probabilities.

    A sigmoid (or softmax) directly before binary_cross_entropy_with_logits (cross_entropy)
    is found in the graph of the gradients, so there is no false alarm: the likelihood
    applies it again, and p stays between 0.5 and 0.73.
    """
    waiting: list[Any] = [value.grad_fn for value in values]
    seen = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        waiting += [parent for parent, _ in node.next_functions]
        if _kind(node) in OF_LOGITS:
            source, _ = node.next_functions[0]
            while _kind(source) in PASSED:
                source, _ = source.next_functions[0]
            if _kind(source) in PROBABILITIES:
                raise ValueError(
                    f"a {_kind(source).lower()} comes before a likelihood of logits, which "
                    "applies it again: remove it, or use a likelihood of probabilities."
                )


def _kind(node: object) -> str:
    """SigmoidBackward0 -> Sigmoid"""
    return type(node).__name__.partition("Backward")[0]


# --- noise schedules ------------------------------------------------------------------


def check_schedule(alpha_bar: Tensor, x: Tensor) -> None:
    """ValueError unless it is (T + 1,), from ᾱ₀ to ᾱ_T, T >= 1, and fits x (B, D)."""
    check_rows(x)
    check_floats(alpha_bar, x)
    if alpha_bar.ndim != 1 or len(alpha_bar) < 2:
        raise ValueError(
            f"alpha_bar must be (T + 1,), ᾱ₀ to ᾱ_T, not {tuple(alpha_bar.shape)}: use "
            "diffusion.cosine_schedule."
        )
    _check_in_unit_interval(alpha_bar)


def check_alpha_bar_t(alpha_bar_t: Tensor, x: Tensor) -> None:
    """ValueError unless ᾱₜ is one number, or one for each row of x, in [0, 1]."""
    check_floats(alpha_bar_t, x)
    one_per_row = (len(x), *[1] * (x.ndim - 1))
    if alpha_bar_t.numel() != 1 and alpha_bar_t.shape != one_per_row:
        raise ValueError("alpha_bar_t must be (B, 1), one for each row: use [:, None].")
    _check_in_unit_interval(alpha_bar_t)


def _check_in_unit_interval(alpha_bar: Tensor) -> None:
    if not ((alpha_bar >= 0) & (alpha_bar <= 1)).all():
        raise ValueError("alpha_bar is a share of the variance and must lie in [0, 1].")
