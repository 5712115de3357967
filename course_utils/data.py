"""Data as tensors on the device: MNIST and its relatives, and toy sets in the plane."""

from __future__ import annotations

import atexit
import errno
import math
import os
import shutil
import struct
import tempfile
import zlib
from functools import cache
from http.client import HTTPException
from importlib.resources import as_file, files
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils._validation import (
    check_count,
    check_finite_number,
    check_not_negative,
)
from course_utils.device import choose_device

# What torchvision raises without a network or behind a login page; a full disk is no part.
DOWNLOAD_FAILED = (RuntimeError, URLError, HTTPException, ConnectionError, TimeoutError)
# What torchvision raises for an unpacked file that is missing, cut short or no such file.
DAMAGED = (RuntimeError, OSError, EOFError, AssertionError, ValueError)
# A folder that one must not write, that is none, or a disk without room.
CANNOT_WRITE = ("EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "ENOTDIR", "EEXIST")

# --- images ---------------------------------------------------------------------------


def mnist(split: str) -> tuple[Tensor, Tensor]:
    """Handwritten digits, from the archives in this package: needs no network.

    split "train": images (60000, 784) float32 in [0, 1], labels (60000,) int64;
    split "test": the same with 10000. Both on ``choose_device()``. A damaged cache is made
    anew, and a temporary folder serves where there is none to write in; both are said.
    Source: Y. LeCun, C. Cortes, C. Burges; see mnist/README.md.
    """
    return _images("MNIST", split)


def fashion_mnist(split: str) -> tuple[Tensor, Tensor]:
    """Clothes, in the form of ``mnist``; downloaded the first time (30 MB).

    ConnectionError without a network. Source: Xiao, Rasul & Vollgraf (2017).
    """
    return _images("FashionMNIST", split)


def kmnist(split: str) -> tuple[Tensor, Tensor]:
    """Cursive Japanese characters, in the form of ``mnist``; downloaded the first time (20 MB).

    ConnectionError without a network. Source: Clanuwat et al. (2018).
    """
    return _images("KMNIST", split)


def cache_folder() -> Path:
    """Where unpacked data live: COURSE_CACHE if set, else the user's cache folder."""
    import platformdirs

    chosen = os.environ.get("COURSE_CACHE")
    return Path(chosen or platformdirs.user_cache_dir("course_utils", False)).expanduser()


def _images(name: str, split: str) -> tuple[Tensor, Tensor]:
    if split not in ("train", "test"):
        raise ValueError(f'split must be "train" or "test", not {split!r}.')
    from torchvision import datasets  # two seconds, so only when it is needed

    loader, root = getattr(datasets, name), cache_folder()
    try:
        dataset = _read(loader, root, split)
    except OSError as error:
        if errno.errorcode.get(error.errno) not in CANNOT_WRITE:
            raise
        dataset = _read(loader, _temporary_folder(root, error.strerror), split)
    device = choose_device()
    images = dataset.data.to(device).flatten(1).float().div_(255)
    return images, dataset.targets.to(device)


@cache
def _temporary_folder(root: Path, why: str) -> Path:
    """Where data live while the cache cannot be written; goes when this kernel ends."""
    print(
        f"{root} cannot be written ({why}): data are unpacked into a temporary folder, for "
        "this kernel alone. Free some room, or let COURSE_CACHE name another folder."
    )
    folder = Path(tempfile.mkdtemp(prefix="course_utils-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _read(loader: type, root: Path, split: str):
    """The data set in ROOT/NAME, unpacked where it is missing and again where it is damaged."""
    folder = root / loader.__name__
    for _ in range(3):  # another kernel may repair it too, and take this copy away
        if not folder.is_dir():
            _unpack(loader, root)
        try:
            _check_sums(folder, split)
            return loader(root, train=split == "train")
        except DAMAGED as error:
            wrong = error
        print(f"{folder} is incomplete or damaged: it is made anew.")
        _remove(folder)
    raise RuntimeError(
        f"{folder} is damaged each time that it is made: let COURSE_CACHE name a folder on "
        "another disk."
    ) from wrong


def _check_sums(folder: Path, split: str) -> None:
    """ValueError where MNIST's unpacked files are not what the package's archives hold.

    A gzip archive ends in the CRC-32 and the length of what is in it.
    """
    if folder.name != "MNIST":
        return  # of the others no archive is kept
    half = {"train": "train", "test": "t10k"}[split]
    with as_file(files("course_utils") / "mnist") as bundle:
        for archive in bundle.glob(f"{half}*.gz"):
            crc, _ = struct.unpack("<II", archive.read_bytes()[-8:])
            if zlib.crc32((folder / "raw" / archive.stem).read_bytes()) != crc:
                raise ValueError(f"{archive.stem} is not what it was.")


def _remove(folder: Path) -> None:
    """Out of the way at once, as others may be reading, then deleted."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="damaged-") as private:
        try:
            folder.rename(Path(private, folder.name))
        except FileNotFoundError:
            pass  # another kernel was first


def _unpack(loader: type, root: Path) -> None:
    """Let torchvision verify and unpack a data set into ROOT/NAME, wholly or not at all.

    The work happens in a private folder that is renamed when it is complete, so that two
    kernels may do this at once and an interruption leaves nothing behind.
    """
    name = loader.__name__
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=f"{name}-") as private:
        if name == "MNIST":
            raw = Path(private, name, "raw")
            raw.mkdir(parents=True)
            with as_file(files("course_utils") / "mnist") as bundle:
                for archive in bundle.glob("*.gz"):
                    shutil.copyfile(archive, raw / archive.name)
        try:
            loader(private, download=True)
        except DOWNLOAD_FAILED as error:
            if name == "MNIST":
                raise RuntimeError(
                    "the archives in course_utils/mnist are damaged: get the course again."
                ) from error
            raise ConnectionError(
                f"{name} is not on this machine and could not be downloaded: "
                "connect to the network once and run this cell again."
            ) from error
        for archive in Path(private, name, "raw").glob("*.gz"):
            archive.unlink()  # unpacked; the cache need not hold it twice
        try:
            Path(private, name).rename(root / name)
        except OSError:
            if not (root / name).is_dir():  # else another kernel was first: use its copy
                raise


def half_size(images: Tensor) -> Tensor:
    """Means of 2 × 2 pixels.  (B, 784) -> (B, 196)"""
    return F.avg_pool2d(images.unflatten(1, (1, 28, 28)), 2).flatten(1)


# --- toy sets in the plane ------------------------------------------------------------


def noisy_arc(n: int, *, noise: float = 0.05) -> Tensor:
    """Points along three quarters of the unit circle, with Gaussian noise.  -> (n, 2)"""
    _check_toy(n, noise)
    angle = 1.5 * math.pi * torch.rand(n, device=choose_device())
    circle = torch.stack([angle.cos(), angle.sin()], dim=1)
    return circle + noise * torch.randn_like(circle)


def two_moons(n: int, *, noise: float = 0.07) -> Tensor:
    """Points on two half circles that reach into each other, with Gaussian noise.  -> (n, 2)"""
    _check_toy(n, noise)
    angle = math.pi * torch.rand(n, device=choose_device())
    upper = torch.stack([angle.cos() - 0.5, angle.sin() - 0.25], dim=1)
    flip = torch.where(torch.rand_like(angle) < 0.5, 1.0, -1.0)  # turned about the origin
    return flip[:, None] * upper + noise * torch.randn_like(upper)


def spiral(n: int, *, turns: float = 1.5, noise: float = 0.07) -> Tensor:
    """Points along a spiral from radius ½ to 2, evenly by length, with noise.  -> (n, 2)"""
    _check_toy(n, noise)
    check_finite_number("turns", turns)
    radius = torch.sqrt(0.25 + 3.75 * torch.rand(n, device=choose_device()))
    angle = 2 * math.pi * turns * (radius - 0.5) / 1.5
    points = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)
    return points + noise * torch.randn_like(points)


def _check_toy(n: int, noise: float, name: str = "noise") -> None:
    check_count("n", n)
    check_not_negative(f"{name}, a standard deviation,", noise)
