"""Encodes a network for the browser, which evaluates it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils._validation import in_words
from course_utils.models import GaussianHead, _check_layer_input
from course_utils.modes import measure

LARGEST_FLOAT16 = 65504
PROBES = 256  # points at which the browser's layers are compared with the network


@measure
def browser_network(module: nn.Module, n_in: int) -> dict:
    """The argument of ``makeNetwork`` in network.js: the value of a trait, sent once.

    module  nn.Sequential (may be nested) of Linear, ReLU and Sigmoid, in eval mode; at the
            end also a GaussianHead, which outputs μ, then log σ². Dropout, Identity and
            Flatten change no row and are left out.
    n_in    the number of inputs.

    {"layers": ["linear", n_in, n_out], ["relu"], …; "weights": float16, for each linear
    layer its rows, then its bias}. float16 changes images by less than one gray level.
    TypeError or ValueError for a network that the browser cannot run: other layers, layers
    with a ``forward`` or hooks of their own, and outputs that its layers do not give.
    """
    steps = list(_flatten(module))
    _check_chain(steps, n_in)
    _check_outputs(module, steps, n_in)
    return {"layers": [_describe(step) for step in steps], "weights": _float16_bytes(steps)}


def n_out(network: dict) -> int:
    """The number of outputs of a network."""
    return [layer for layer in network["layers"] if layer[0] == "linear"][-1][2]


class _Affine:
    """W x + b of a Linear, or of the two Linears of a GaussianHead, concatenated."""

    def __init__(self, parts: Sequence[nn.Linear]) -> None:
        self.parts = parts
        self.n_in = parts[0].in_features
        self.n_out = sum(part.out_features for part in parts)

    @property
    def weight(self) -> Tensor:  # read after a first call: a hook may set it
        return torch.cat([part.weight for part in self.parts]).detach()

    @property
    def bias(self) -> Tensor:
        return torch.cat([_bias(part) for part in self.parts]).detach()


def _bias(linear: nn.Linear) -> Tensor:
    if linear.bias is None:
        return linear.weight.new_zeros(linear.out_features)
    return linear.bias


Step = _Affine | str


def _flatten(module: nn.Module) -> Iterator[Step]:
    """The steps of nested Sequentials, in order; TypeError for other layers."""
    if isinstance(module, nn.Sequential) and _runs_as(nn.Sequential, module):
        for child in module:
            yield from _flatten(child)
    elif isinstance(module, nn.Linear) and _runs_as(nn.Linear, module):
        yield _Affine([module])
    elif isinstance(module, GaussianHead) and _is_plain_head(module):
        yield _Affine([module.mu, module.logvar])
    elif _runs_as(nn.ReLU, module):
        yield "relu"
    elif _runs_as(nn.Sigmoid, module):
        yield "sigmoid"
    elif not any(_runs_as(kind, module) for kind in LEFT_OUT):
        raise TypeError(
            "the browser runs nn.Sequential of Linear, ReLU and Sigmoid only; this network "
            f"has {type(module).__name__}{_own_code(module)}."
        )


LEFT_OUT = nn.Identity, nn.Flatten, nn.Dropout, nn.AlphaDropout


def _is_plain_head(head: GaussianHead) -> bool:
    parts = head.mu, head.logvar
    return _runs_as(GaussianHead, head) and all(_runs_as(nn.Linear, p) for p in parts)


def _runs_as(kind: type[nn.Module], module: nn.Module) -> bool:
    """Whether a call of the module runs the forward of that class, and nothing else."""
    return (
        isinstance(module, kind)
        and type(module).forward is kind.forward
        and type(module).__call__ is kind.__call__
        and not _own_code(module)
    )


def _own_code(module: nn.Module) -> str:
    """Names what a module runs besides the forward of its class."""
    if not isinstance(module, nn.Module):
        return ""
    if "forward" in vars(module):
        return " with a forward of its own"
    hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]
    for hook in hooks:
        sets_weights = type(hook).__module__.startswith("torch.nn.utils.")  # spectral_norm
        if hook is not _check_layer_input and not sets_weights:
            return " with a forward hook"
    return ""


def _check_outputs(module: nn.Module, steps: Sequence[Step], n_in: int) -> None:
    """TypeError unless the steps, one after the other, give what the module gives."""
    x = 3 * torch.randn(PROBES, n_in, generator=torch.Generator().manual_seed(0))
    x = x.to(next(module.parameters()))
    with in_words("the network"):
        output = module(x)
    expected = torch.cat(output, 1) if isinstance(output, tuple) else output
    for step in steps:
        if isinstance(step, _Affine):
            x = F.linear(x, step.weight, step.bias)
        else:
            x = x.relu() if step == "relu" else x.sigmoid()
    rounding = 100 * torch.finfo(x.dtype).eps * float(expected.nan_to_num().abs().max())
    same = x.shape == expected.shape and torch.allclose(
        x, expected, rtol=0, atol=rounding, equal_nan=True
    )
    if not same:
        raise TypeError(
            "the browser would draw something else: the layers of this network, run one "
            "after the other, do not give its output."
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
