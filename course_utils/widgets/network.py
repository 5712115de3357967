"""Encodes a network for the browser, which evaluates it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils._validation import in_words
from course_utils.models import GaussianHead, check_layer_input, check_pixels
from course_utils.modes import measure

LARGEST_FLOAT16 = 65504
PROBES = 256  # points at which the browser's layers are compared with the network
# Limits of what the browser runs: some 20 ms for one point, and 8 MB (docs/widgets.md).
MOST_PRODUCTS = 20_000_000  # multiplications for one point
MOST_WEIGHTS = 4_000_000


class NotForTheBrowser(TypeError):
    """A network that the browser cannot run, or not fast enough."""


@measure
def browser_network(module: nn.Module, n_in: int) -> dict:
    """The argument of ``makeNetwork`` in network.js: the value of a trait, sent once.

    module  nn.Sequential (may be nested), in eval mode, of Linear, Conv2d, ConvTranspose2d,
            BatchNorm1d, BatchNorm2d, Upsample, Flatten, Unflatten, Dropout, Identity, and
            ReLU, LeakyReLU, ELU, GELU, SiLU, Softplus, Tanh, Sigmoid; at the end also a
            GaussianHead, which outputs μ, then log σ².
    n_in    the number of inputs: it takes rows (B, n_in).

    {"layers": ["linear", n_in, n_out], ["relu"], …; "weights": float16, of one layer after
    the other; "shape": of an output, (D,) or (channels, height, width)}. float16 changes
    images by less than one gray level.
    NotForTheBrowser, a TypeError, for other layers, layers with a ``forward`` or hooks of
    their own, outputs that its layers do not give, and networks that are too large;
    ValueError for one that does not fit its inputs, and for weights beyond float16.
    """
    layers = list(_flatten(module))
    x = _probes(module, layers, n_in)
    with in_words("the network"):
        output = module(x.clone())  # before the weights are read: a hook may set them
    steps = []
    for layer in layers:
        steps.append(_step(layer, x))
        x = steps[-1].run(x)
    _check_outputs(x, output)
    _check_size(steps)
    return {
        "layers": [step.layer for step in steps if step.layer],
        "weights": _float16_bytes(steps),
        "shape": list(x.shape[1:]),
    }


def n_out(network: dict) -> int:
    """The number of outputs of a network."""
    return math.prod(network["shape"])


# --- from a module to its layers ------------------------------------------------------


def _flatten(module: nn.Module) -> Iterator[nn.Module]:
    """The layers of nested Sequentials, in order; NotForTheBrowser for unknown ones."""
    if isinstance(module, nn.Sequential) and _runs_as(nn.Sequential, module):
        for child in module:
            yield from _flatten(child)
    elif _kind_of(module):
        yield module
    else:
        raise NotForTheBrowser(
            "the browser runs nn.Sequential of Linear, Conv2d, ConvTranspose2d, BatchNorm, "
            "Upsample, Flatten, Unflatten, Dropout and the usual activations only; this "
            f"network has {type(module).__name__}{_own_code(module)}."
        )


def _kind_of(module: nn.Module) -> type[nn.Module] | None:
    """The class in STEPS whose forward the module runs."""
    kind = next((kind for kind in STEPS if _runs_as(kind, module)), None)
    if kind is GaussianHead:
        parts = list(module.children())
        return kind if all(_runs_as(nn.Linear, part) for part in parts) else None
    return kind


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
        checks = getattr(hook, "func", hook) in (check_layer_input, check_pixels)
        sets_weights = type(hook).__module__.startswith("torch.nn.utils.")  # spectral_norm
        if not checks and not sets_weights:
            return " with a forward hook"
    return ""


# --- from a layer to the browser's ----------------------------------------------------


class Step(NamedTuple):
    """A layer for the browser, the same layer for torch, and its work for one point."""

    layer: list  # its kind and numbers; [] if it changes no number
    weights: Sequence[Tensor]
    run: Callable[[Tensor], Tensor]
    products: int = 0


def _step(layer: nn.Module, x: Tensor) -> Step:
    return STEPS[_kind_of(layer) or nn.Identity](layer, x)  # _flatten has found it


def _refuse(layer: nn.Module, x: Tensor | None = None) -> NotForTheBrowser:
    of = f" of inputs {tuple(x.shape[1:])}" if x is not None else ""
    return NotForTheBrowser(f"the browser does not run {layer}{of}.")


def _same_numbers(layer: nn.Module, x: Tensor) -> Step:
    """Dropout in eval mode; Flatten and Unflatten, since the numbers keep their order."""
    return Step([], (), layer)


def _linear(layer: nn.Linear, x: Tensor) -> Step:
    return _affine(layer.weight, _bias(layer, layer.out_features), layer, x)


def _gaussian_head(layer: GaussianHead, x: Tensor) -> Step:
    parts = layer.mu, layer.logvar
    weight = torch.cat([part.weight for part in parts])
    bias = torch.cat([_bias(part, part.out_features) for part in parts])
    return _affine(weight, bias, layer, x)


def _affine(weight: Tensor, bias: Tensor, layer: nn.Module, x: Tensor) -> Step:
    """W x + b"""
    if x.ndim != 2:
        raise _refuse(layer, x)
    run = partial(F.linear, weight=weight, bias=bias)
    return Step(["linear", *weight.T.shape], (weight, bias), run, weight.numel())


def _bias(layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, n: int) -> Tensor:
    return layer.weight.new_zeros(n) if layer.bias is None else layer.bias


def _conv(layer: nn.Conv2d, x: Tensor) -> Step:
    if x.ndim != 4 or layer.padding_mode != "zeros":
        raise _refuse(layer, x)
    y = layer(x)
    return _kernel("conv", layer, x, y, _first_padding(layer), layer.weight)


def _first_padding(layer: nn.Conv2d | nn.ConvTranspose2d) -> Sequence[int]:
    """Above and left of the image; "same" puts the odd pixel below and right."""
    if layer.padding == "valid":
        return 0, 0
    if layer.padding == "same":
        sides = zip(layer.dilation, layer.kernel_size)
        return [dilation * (size - 1) // 2 for dilation, size in sides]
    return layer.padding  # type: ignore[return-value]


def _transposed_conv(layer: nn.ConvTranspose2d, x: Tensor) -> Step:
    if x.ndim != 4 or layer.padding_mode != "zeros":
        raise _refuse(layer, x)
    # (C, O/groups, …) -> (O, C/groups, …), as of Conv2d
    weight = layer.weight.unflatten(0, (layer.groups, -1)).transpose(1, 2).flatten(0, 1)
    return _kernel("transposed", layer, x, layer(x), _first_padding(layer), weight)


def _kernel(
    kind: str,
    layer: nn.Conv2d | nn.ConvTranspose2d,
    x: Tensor,
    y: Tensor,
    padding: Sequence[int],
    weight: Tensor,
) -> Step:
    """Weights (O, C/groups, kh, kw) are sent as (O, kh, kw, C/groups)."""
    bias = _bias(layer, y.shape[1])
    sizes = layer.kernel_size, layer.stride, padding, layer.dilation
    numbers = [*x.shape[1:], *y.shape[1:], *(n for pair in sizes for n in pair)]
    products = weight.numel() * (x if kind == "transposed" else y)[0, 0].numel()
    weights = weight.permute(0, 2, 3, 1), bias
    return Step([kind, *numbers, layer.groups], weights, layer, products)


def _batch_norm(layer: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor) -> Step:
    """In eval mode s x + t per channel, s = γ / √(σ² + ε), t = β − μ s."""
    mean, variance = layer.running_mean, layer.running_var
    if mean is None or variance is None:  # it takes those of the batch
        raise _refuse(layer)
    s = (variance + layer.eps).rsqrt()
    s = s if layer.weight is None else layer.weight * s
    t = -mean * s if layer.bias is None else layer.bias - mean * s
    n = x[0, 0].numel()  # numbers per channel
    return Step(["scale", len(s), n], (s, t), layer, len(s) * n)


MODES = "nearest", "nearest-exact", "bilinear"


def _upsample(layer: nn.Upsample, x: Tensor) -> Step:
    if x.ndim != 4 or layer.mode not in MODES:
        raise _refuse(layer, x)
    y = layer(x)
    mode = "corners" if layer.align_corners else layer.mode
    factors = layer.scale_factor
    if factors is None or layer.recompute_scale_factor:
        ratios = [n / m for n, m in zip(x.shape[2:], y.shape[2:])]
    else:
        ratios = [1 / f for f in (factors if isinstance(factors, tuple) else [factors] * 2)]
    products = 4 * y[0].numel()
    return Step(
        ["upsample", *x.shape[1:], *y.shape[2:], *ratios, mode], (), layer, products
    )


def _activation(describe: Callable[..., list]) -> Callable[..., Step]:
    return lambda layer, x: Step(describe(layer), (), layer, x[0].numel())


LEFT_OUT = (
    nn.Identity, nn.Flatten, nn.Unflatten, nn.Dropout, nn.Dropout1d, nn.Dropout2d,
    nn.AlphaDropout,
)  # fmt: skip
STEPS: dict[type[nn.Module], Callable[..., Step]] = {
    nn.Linear: _linear,
    GaussianHead: _gaussian_head,
    nn.Conv2d: _conv,
    nn.ConvTranspose2d: _transposed_conv,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.Upsample: _upsample,
    **dict.fromkeys(LEFT_OUT, _same_numbers),
    nn.ReLU: _activation(lambda layer: ["relu"]),
    nn.Sigmoid: _activation(lambda layer: ["sigmoid"]),
    nn.Tanh: _activation(lambda layer: ["tanh"]),
    nn.SiLU: _activation(lambda layer: ["silu"]),
    nn.LeakyReLU: _activation(lambda layer: ["leaky relu", layer.negative_slope]),
    nn.ELU: _activation(lambda layer: ["elu", layer.alpha]),
    nn.GELU: _activation(lambda layer: ["gelu", layer.approximate]),
    nn.Softplus: _activation(lambda layer: ["softplus", layer.beta, layer.threshold]),
}


# --- checks ---------------------------------------------------------------------------


def _probes(module: nn.Module, layers: Sequence[nn.Module], n_in: int) -> Tensor:
    """Points of N(0, 3² I).  -> (256, n_in); ValueError for a network of other inputs"""
    first = next((layer for layer in layers if type(layer) not in LEFT_OUT), None)
    if isinstance(first, nn.Linear) and first is layers[0] and first.in_features != n_in:
        raise ValueError(
            f"the network must have {n_in} inputs; this one has {first.in_features}."
        )
    x = 3 * torch.randn(PROBES, n_in, generator=torch.Generator().manual_seed(0))
    return x.to(next(module.parameters(), x))


def _check_outputs(x: Tensor, output: Tensor | tuple[Tensor, ...]) -> None:
    """NotForTheBrowser unless x, of the layers, is the output of the network."""
    expected = torch.cat(output, 1) if isinstance(output, tuple) else output
    rounding = 100 * torch.finfo(x.dtype).eps * float(expected.nan_to_num().abs().max())
    same = x.shape == expected.shape and torch.allclose(
        x, expected, rtol=0, atol=rounding, equal_nan=True
    )
    if not same or len(x) != PROBES:
        raise NotForTheBrowser(
            "the browser would draw something else: the layers of this network, run one "
            "after the other, do not give its output."
        )


def _check_size(steps: Sequence[Step]) -> None:
    products = sum(step.products for step in steps)
    weights = sum(weight.numel() for step in steps for weight in step.weights)
    if products > MOST_PRODUCTS or weights > MOST_WEIGHTS:
        raise NotForTheBrowser(
            f"the network is too large for the browser: {products / 1e6:.3g} million "
            f"multiplications a point and {weights / 1e6:.3g} million weights; at most "
            f"{MOST_PRODUCTS / 1e6:g} and {MOST_WEIGHTS / 1e6:g} million."
        )


def _float16_bytes(steps: Sequence[Step]) -> bytes:
    parts = [weight.float().flatten() for step in steps for weight in step.weights]
    weights = torch.cat(parts).cpu().numpy() if parts else np.zeros(0)
    if not np.abs(weights).max(initial=0) <= LARGEST_FLOAT16:  # "not" also refuses NaN
        raise ValueError(
            "the network has weights that are NaN, infinite or beyond 65504, the largest "
            "number in float16: was it trained with too large a learning rate?"
        )
    return weights.astype("<f2").tobytes()
