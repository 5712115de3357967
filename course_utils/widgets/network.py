"""Encodes a network for the browser, which evaluates it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.models import GaussianHead

LARGEST_FLOAT16 = 65504


def browser_network(module: nn.Module, n_in: int) -> dict:
    """The argument of ``makeNetwork`` in network.js: the value of a trait, sent once.

    module  nn.Sequential (may be nested) of Linear, ReLU and Sigmoid; at the end also a
            GaussianHead, which outputs μ, then log σ².
    n_in    the number of inputs.

    {"layers": ["linear", n_in, n_out], ["relu"], …; "weights": float16, for each linear
    layer its rows, then its bias}. float16 changes images by less than one gray level.
    TypeError or ValueError for a network that the browser cannot run.
    """
    steps = list(_flatten(module))
    _check_chain(steps, n_in)
    return {"layers": [_describe(step) for step in steps], "weights": _float16_bytes(steps)}


def check_image_side(network: dict) -> int:
    """Side of the square image that a network outputs; ValueError if it is not square."""
    pixels = n_out(network)
    if math.isqrt(pixels) ** 2 != pixels:
        raise ValueError(
            f"the decoder outputs {pixels} numbers, which is no square image; for 28 × 28 "
            "pixels it must output 784."
        )
    return math.isqrt(pixels)


def n_out(network: dict) -> int:
    """The number of outputs of a network."""
    return [layer for layer in network["layers"] if layer[0] == "linear"][-1][2]


class _Affine:
    """W x + b of a Linear, or of the two Linears of a GaussianHead, concatenated."""

    def __init__(self, module: nn.Linear | GaussianHead) -> None:
        parts = [module] if isinstance(module, nn.Linear) else [module.mu, module.logvar]
        self.weight = torch.cat([part.weight for part in parts]).detach()
        self.bias = torch.cat([_bias(part) for part in parts]).detach()
        self.n_out, self.n_in = self.weight.shape


def _bias(linear: nn.Linear) -> Tensor:
    if linear.bias is None:
        return linear.weight.new_zeros(linear.out_features)
    return linear.bias


Step = _Affine | str


def _flatten(module: nn.Module) -> Iterator[Step]:
    """The steps of nested Sequentials, in order; TypeError for other layers."""
    if isinstance(module, nn.Sequential):
        for child in module:
            yield from _flatten(child)
    elif isinstance(module, nn.Linear | GaussianHead):
        yield _Affine(module)
    elif isinstance(module, nn.ReLU | nn.Sigmoid):
        yield "relu" if isinstance(module, nn.ReLU) else "sigmoid"
    else:
        raise TypeError(
            "the browser runs nn.Sequential of Linear, ReLU and Sigmoid only; this network "
            f"has {type(module).__name__}."
        )


def _describe(step: Step) -> list:
    return [step] if isinstance(step, str) else ["linear", step.n_in, step.n_out]


def _float16_bytes(steps: Sequence[Step]) -> bytes:
    affine = [step for step in steps if isinstance(step, _Affine)]
    parts = [part for step in affine for part in (step.weight.flatten(), step.bias)]
    weights = torch.cat(parts).float().cpu().numpy()
    if not np.abs(weights).max() <= LARGEST_FLOAT16:  # "not" also refuses NaN
        raise ValueError(
            "the network has weights that are NaN, infinite or beyond 65504, the largest "
            "number in float16: was it trained with too large a learning rate?"
        )
    return weights.astype("<f2").tobytes()


def _check_chain(steps: Sequence[Step], n_in: int) -> None:
    """ValueError unless the first layer has n_in inputs and the layers fit together."""
    affine = [step for step in steps if isinstance(step, _Affine)]
    if not affine or affine[0].n_in != n_in:
        first = f"has {affine[0].n_in}" if affine else "has no Linear layer"
        raise ValueError(f"the network must have {n_in} inputs; this one {first}.")
    for layer, following in pairwise(affine):
        if layer.n_out != following.n_in:
            raise ValueError(
                f"the network's layers do not fit: one has {layer.n_out} outputs, the next "
                f"{following.n_in} inputs."
            )
