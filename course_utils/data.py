"""MNIST from this package, and toy data in the plane."""

from __future__ import annotations

import gzip
import math
import zlib
from importlib.resources import files

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils._validation import check_count, check_not_negative, check_rows
from course_utils.device import Device, choose_device

# --- images ---------------------------------------------------------------------------


def mnist(split: str) -> tuple[Tensor, Tensor]:
    """Handwritten digits, from the archives in this package: needs no network.

    split "train": images (60000, 784) float32 in [0, 1], labels (60000,) int64;
    split "test": the same with 10000. Both on ``choose_device()``; takes half a second.
    ValueError for another split, RuntimeError for a damaged archive.
    Source: Y. LeCun, C. Cortes, C. Burges; see mnist/README.md.
    """
    if split not in ("train", "test"):
        raise ValueError(f'split must be "train" or "test", not {split!r}.')
    prefix = "train" if split == "train" else "t10k"
    images = _read(f"{prefix}-images-idx3-ubyte.gz", header=16).to(choose_device())
    labels = _read(f"{prefix}-labels-idx1-ubyte.gz", header=8).to(images.device)
    return images.view(-1, 784).float().div_(255), labels.long()


def _read(name: str, header: int) -> Tensor:
    """The bytes after an archive's header (their shape); gzip verifies the checksum."""
    try:
        content = gzip.decompress((files("course_utils") / "mnist" / name).read_bytes())
        return torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=header)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise RuntimeError(
            f"{name} in course_utils/mnist is missing or damaged: get the course again."
        ) from error


def half_size(images: Tensor) -> Tensor:
    """Means of 2 × 2 pixels.  (B, 784) -> (B, 196). ValueError for another width."""
    check_rows(images)
    if images.shape[1] != 784:
        raise ValueError(f"half_size needs 28 × 28 pixels per row, not {images.shape[1]}.")
    return F.avg_pool2d(images.unflatten(1, (1, 28, 28)), 2).flatten(1)


# --- toy data in the plane ------------------------------------------------------------


def noisy_arc(n: int, *, noise: float = 0.05, device: Device = None) -> Tensor:
    """Points along three quarters of the unit circle, with Gaussian noise.  -> (n, 2)"""
    _check_toy(n, noise)
    angle = 1.5 * math.pi * torch.rand(n, device=device)
    circle = torch.stack([angle.cos(), angle.sin()], dim=1)
    return circle + noise * torch.randn_like(circle)


def two_moons(n: int, *, noise: float = 0.07, device: Device = None) -> Tensor:
    """Points on two interlocking half circles, with noise.  -> (n, 2)"""
    _check_toy(n, noise)
    angle = math.pi * torch.rand(n, device=device)
    upper = torch.stack([angle.cos() - 0.5, angle.sin() - 0.25], dim=1)
    flip = torch.where(torch.rand_like(angle) < 0.5, 1.0, -1.0)  # rotated by 180° or not
    return flip[:, None] * upper + noise * torch.randn_like(upper)


def spiral(n: int, *, noise: float = 0.07, device: Device = None) -> Tensor:
    """Points along a spiral from radius ½ to 2, even in length, with noise.  -> (n, 2)"""
    _check_toy(n, noise)
    radius = torch.sqrt(0.25 + 3.75 * torch.rand(n, device=device))
    angle = 2 * math.pi * (radius - 0.5)  # one and a half turns
    points = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)
    return points + noise * torch.randn_like(points)


def _check_toy(n: int, noise: float) -> None:
    check_count("n", n)
    check_not_negative("noise, a standard deviation,", noise)
