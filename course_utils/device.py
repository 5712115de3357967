"""Where the course computes: CUDA, Apple's MPS or the CPU."""

from __future__ import annotations

import os

import torch

Device = torch.device | str | None  # None is the CPU


def choose_device() -> torch.device:
    """The best available device: CUDA, else MPS, else the CPU.

    The environment variable COURSE_DEVICE overrides it, by ``cpu``, ``cuda``, ``cuda:1``
    or ``mps``.
    ValueError for a device that this machine does not have.
    """
    name = os.environ.get("COURSE_DEVICE")
    if not name:
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.backends.mps.is_available():
            return torch.device("mps")
        return torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"COURSE_DEVICE is {name!r}, which this machine cannot use: "
            "unset it, or set it to cpu, or where there is one to cuda, cuda:1 or mps."
        ) from error
    return device
