"""Whether a model, its objective and the data fit together; a ValueError in words if not.

What an objective takes and gives is said in ``training``. Nothing is guessed from the
layers of a model: whether all fit shows when the objective is first called.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from course_utils._validation import MISFITS, check_count, check_positive, described
from course_utils.modes import eval_mode

Objective = Callable[..., dict[str, Tensor]]
Data = Tensor | tuple[Tensor, ...]

# --- arguments of a training ----------------------------------------------------------


def check_training(
    model: nn.Module, data: Data, epochs: int, batch_size: int, lr: float
) -> tuple[Tensor, ...]:
    """The data as a tuple of tensors; ValueError for unusable arguments."""
    data = check_data(model, data)
    check_count("epochs", epochs)
    check_count("batch_size", batch_size)
    check_positive("lr", lr)
    parameters = list(model.parameters())
    if not any(parameter.requires_grad for parameter in parameters):
        raise ValueError(
            "all weights are frozen: use model.requires_grad_(True)."
            if parameters
            else "the model has no weights to train."
        )
    if not torch.is_grad_enabled():
        raise ValueError("gradients are off: train outside of torch.no_grad().")
    return data


def warn_of_eval_mode(model: nn.Module) -> None:
    """For a model that is in eval mode as a whole, not for single layers."""
    kinds = {type(layer).__name__ for layer in model.modules() if _reads_mode(layer)}
    if kinds and not model.training:
        warnings.warn(
            f"the model is in eval mode and is trained so, which matters for its "
            f"{', '.join(sorted(kinds))}: unless this is meant, call model.train() first.",
            stacklevel=3,
        )


def _reads_mode(layer: nn.Module) -> bool:
    """Whether the code of ``forward`` names ``training``, as in Dropout and BatchNorm."""
    code = getattr(getattr(type(layer), "forward", None), "__code__", None)
    return code is not None and "training" in code.co_names


def check_data(model: nn.Module, data: Data) -> tuple[Tensor, ...]:
    """The data as a tuple; a clear ValueError now instead of an obscure error later."""
    if not isinstance(model, nn.Module):
        raise ValueError(  # noqa: TRY004 - ValueError for all bad arguments
            "the first argument must be a model, an nn.Module, and the second its "
            f"objective; the first is {_name(model)}."
        )
    tensors = data if isinstance(data, tuple) else (data,)
    for rows in tensors:
        if not isinstance(rows, Tensor):
            raise ValueError(  # noqa: TRY004 - ValueError for all bad data
                f"data must be a tensor (N, D), not {type(rows).__name__}: "
                "use torch.as_tensor(data, dtype=torch.float32)."
            )
        if rows.layout != torch.strided or rows.is_nested or rows.is_quantized:
            raise ValueError("data must be a dense tensor: use data.to_dense().")
        if rows.is_complex():
            raise ValueError(f"data must be real numbers, not {rows.dtype}.")
    counts = [len(rows) if rows.ndim else 0 for rows in tensors]
    if len(set(counts)) != 1:
        raise ValueError(f"data must be tensors of the same number of rows, not {counts}.")
    x = tensors[0]
    if x.ndim != 2 or len(x) == 0:
        raise ValueError(
            f"data must have shape (N, D), one row per data point, not {tuple(x.shape)}: "
            "flatten images with images.flatten(1)."
        )
    weights = next(model.parameters(), None)
    for rows in tensors:
        if weights is not None and weights.device != rows.device:
            raise ValueError(
                f"the model is on {weights.device}, the data on {rows.device}: "
                "use model.to(data.device)."
            )
        # NaN or infinity shows in the extremes; isfinite(rows) would need a copy.
        if rows.numel() and not torch.stack(rows.aminmax()).isfinite().all():
            raise ValueError("data contain NaN or infinity: remove those rows first.")
    return tuple(rows.detach() for rows in tensors)


# --- an objective and the model that it gets ------------------------------------------


def _networks(model: nn.Module, objective: Objective, data: tuple) -> tuple[Any, ...]:
    """First arguments of an objective: f and g, or the model if it has no encoder."""
    if isinstance(model, nn.DataParallel):
        model = model.module  # its parts are called one by one, on one device
    encoder, decoder = getattr(model, "encoder", None), getattr(model, "decoder", None)
    if callable(encoder) and callable(decoder):
        return encoder, decoder
    encode, decode = getattr(model, "encode", None), getattr(model, "decode", None)
    methods = callable(encode) and callable(decode)
    if methods and not _mismatch(objective, (encode, decode, *data)):
        return encode, decode
    return (model,)


def _mismatch(function: Callable, arguments: tuple) -> str:
    """Why a function cannot be called with these positional arguments; empty if it can."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of a built-in function
        return ""
    try:
        signature.bind(*arguments)
    except TypeError as error:
        by_name = " (functools.partial gives a weight)" if "missing" in str(error) else ""
        return f"{_name(function)}({', '.join(signature.parameters)}): {error}{by_name}"
    return ""


def _name(value: object) -> str:
    """Of a function or class, else of its type."""
    return getattr(value, "__name__", type(value).__name__)


def terms_of(
    model: nn.Module, objective: Objective, data: tuple[Tensor, ...]
) -> Callable[..., dict[str, Tensor]]:
    """The objective as a function of the batch; what does not fit is a ValueError.

    Whether model, objective and data fit together shows when they are first called.
    """
    if isinstance(objective, type) or not callable(objective):
        raise ValueError(  # noqa: TRY004 - ValueError for all bad arguments
            f"the objective must be a function such as ae_loss, not {_name(objective)}."
        )
    networks = _networks(model, objective, data)
    names = ["encoder", "decoder"] if len(networks) == 2 else ["model"]
    call = f"objective({', '.join([*names, *['batch'] * len(data)])})"
    if reason := _mismatch(objective, (*networks, *data)):
        why = "" if len(networks) == 2 else ", since the model has no encoder and decoder"
        raise ValueError(f"it is called as {call}{why}, which does not fit {reason}.")
    tried = False

    def compute_terms(*batch: Tensor) -> dict[str, Tensor]:
        nonlocal tried
        if tried:
            return objective(*networks, *batch)
        tried = True
        try:
            return objective(*networks, *batch)
        except torch.OutOfMemoryError:
            raise
        except MISFITS as error:
            text = str(error).rstrip(".")
            raise ValueError(
                f"{call} failed on its first batch, {described(batch)}: {text}."
                f"{_hints(model, networks, batch)}"
            ) from error

    return compute_terms


def _hints(model: nn.Module, networks: tuple, batch: tuple[Tensor, ...]) -> str:
    """What the encoder gives, and a dtype that is not the model's."""
    hints, x, weights = "", batch[0], next(model.parameters(), None)
    if not x.is_floating_point():
        hints += f" The data are {x.dtype}; for pixels use data.float() / 255."
    elif weights is not None and weights.dtype != x.dtype:
        hints += (
            f" The model computes in {weights.dtype}, the data are {x.dtype}: "
            "use data.to(next(model.parameters()).dtype)."
        )
    if len(networks) == 2:
        try:
            with torch.no_grad(), eval_mode(model):
                hints += f" The encoder gives {described(networks[0](x))}."
        except MISFITS:  # the error says it already
            pass
    return hints


def check_terms(terms: dict[str, Tensor]) -> None:
    """ValueError unless these are named tensors with one number each."""
    if not isinstance(terms, dict) or not terms:
        raise ValueError(
            f'an objective returns named terms, {{"loss": loss, …}}, not {terms!r:.60}.'
        )
    for name, term in terms.items():
        if not isinstance(term, Tensor) or term.ndim:
            kind = described(term)
            raise ValueError(
                f'the term "{name}" must be a tensor with one number, of shape (), not '
                f"{kind}: a mean over the batch, .sum(1).mean(), and no .item()."
            )


def check_loss(terms: dict[str, Tensor]) -> None:
    """ValueError unless one of the terms is the "loss" and has a gradient."""
    if "loss" not in terms:
        names = ", ".join(map(repr, terms))
        raise ValueError(
            f'the objective returns {names}, but no "loss", the term to minimize.'
        )
    if not terms["loss"].requires_grad:
        raise ValueError(
            "the loss has no gradient, so nothing can be learned: no .detach(), .item(), "
            "numpy or torch.no_grad() between the model and the loss, and no frozen "
            "weights only."
        )
