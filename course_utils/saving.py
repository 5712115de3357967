"""Save the weights of a model, and load them into a model that they fit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

Model = TypeVar("Model", bound=nn.Module)


def save_weights(model: nn.Module, path: str | Path) -> None:
    """Write ``model.state_dict()``, all weights and buffers, to a file, by torch.save.

    Completely or not at all: a file that exists is replaced only by a whole one. The file
    holds no code: to load it, make the same model again. ValueError for a folder that does
    not exist, for NaN, and for infinite weights, as of a training that diverged; a buffer,
    such as a mask of −∞, may be infinite.
    """
    path = Path(path).expanduser()
    if not path.parent.is_dir():
        raise ValueError(f"the folder {path.parent.resolve()} does not exist.")
    weights, buffers = model.state_dict(), dict(model.named_buffers(remove_duplicate=False))
    for name, value in weights.items():
        if not isinstance(value, Tensor) or is_lazy(value):
            continue
        if value.isnan().any() or not (name in buffers or value.isfinite().all()):
            raise ValueError(f"{name} holds NaN or infinity, so nothing was saved.")
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        torch.save(weights, part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def load_weights(model: Model, path: str | Path) -> Model:
    """The model, with the weights of a file of ``save_weights``, on the model's device.

    Nothing in the file is executed (``weights_only``). ValueError if there is no such file,
    if it may not be read or holds something else, or if it does not fit: then the message
    names the weights and shapes that differ, and the model is as before. Train or eval mode
    stays as it is.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise ValueError(f"there is no file {path.resolve()}.")
    try:
        weights = torch.load(path, weights_only=True, map_location="cpu")
    except PermissionError as error:
        raise ValueError(f"you have no permission to read {path.resolve()}.") from error
    except Exception as error:
        raise ValueError(_OTHER.format(path.name)) from error
    if not isinstance(weights, Mapping):
        raise ValueError(_OTHER.format(path.name))  # noqa: TRY004 - as for all bad files
    if misfits := _misfits(model.state_dict(), weights):
        more = f"; and {len(misfits) - 4} more" if len(misfits) > 4 else ""
        raise ValueError(
            f"{path.name} does not fit this model: {'; '.join(misfits[:4])}{more}. Make "
            "the model as it was made when it was saved."
        )
    model.load_state_dict(weights)
    return model


_OTHER = (
    "{} does not hold weights alone, or is damaged: save with save_weights(model, path), "
    "or torch.save(model.state_dict(), path)."
)


def _misfits(own: Mapping, saved: Mapping) -> list[str]:
    """What differs, in words, in the order of the model."""
    found = []
    for name, value in own.items():
        if name not in saved:
            found.append(f"{name} is not in the file")
        elif isinstance(value, Tensor) and not is_lazy(value):
            shape, wanted = getattr(saved[name], "shape", None), tuple(value.shape)
            if shape is None or tuple(shape) != wanted:
                kind = "no tensor" if shape is None else tuple(shape)
                found.append(f"{name} is {kind} in the file and {wanted} in the model")
    return found + [f"{name} is not in the model" for name in saved if name not in own]
