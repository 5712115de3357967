"""MNIST from this package, pictures of one's own, and toy data in the plane."""

from __future__ import annotations

import gzip
import math
import zlib
from importlib.resources import files
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils._validation import check_count, check_not_negative, check_rows
from course_utils.device import Device, choose_device
from course_utils.progress import progress

if TYPE_CHECKING:
    from PIL import Image

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


# --- pictures of one's own ------------------------------------------------------------

SYSTEM_FILES = "thumbs.db", "desktop.ini"  # of Windows; those of others begin with a dot


def load_images(
    folder: str | Path, size: int | tuple[int, int], *, gray: bool = False
) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """All pictures below a folder, as tensors:  images, labels, classes.

    images   (N, 3, H, W), or (N, 1, H, W) if ``gray``, float32 from 0 to 1
    labels   (N,) int64: each subfolder is a class, in the order of their names
    classes  the names of the subfolders; without any, that of the folder alone

    ``size`` is H = W, or (H, W). A picture is scaled until it covers this size, and its
    center is cut out. It is turned as its camera says (EXIF), and transparent parts become
    white. 16 bits keep their precision in gray pictures. Color profiles are ignored.

    Long work has a progress bar. What cannot be read is skipped, and printed with the
    reason, as are the files of which only the first of several pictures is taken. Hidden
    files and those of the system are passed over. On ``choose_device()``.
    ValueError for a wrong size, a folder that does not exist or has no picture, and for
    pictures beside subfolders, whose class is not known.
    """
    folder, (height, width) = Path(folder).expanduser(), _height_and_width(size)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise ValueError(f"the folder {folder.resolve()} {what}.")
    paths = _files_below(folder)
    images = torch.empty(len(paths), 1 if gray else 3, height, width)
    names: list[str] = []
    skipped: dict[str, str] = {}
    several: list[str] = []
    for path in progress(paths, "file"):
        name = path.relative_to(folder).as_posix()
        try:
            images[len(names)], is_first = _read_image(path, height, width, gray)
        except Exception as error:  # noqa: BLE001 - a damaged file may end in any
            skipped[name] = _reason(error)
            continue
        names.append(name)
        several += [name] if is_first else []
    _print_files("Skipped", [f"{name} ({reason})" for name, reason in skipped.items()])
    _print_files("Only the first picture is taken of", several)
    if not names:
        raise ValueError(f"there is no picture in {folder.resolve()}.")
    of_class = [name.split("/")[0] if "/" in name else "" for name in names]
    classes = tuple(sorted(set(of_class)))
    if len(classes) > 1 and not classes[0]:
        loose = of_class.count("")
        raise ValueError(
            f"{folder.name} has subfolders, which are classes, and {loose} more pictures "
            f"beside them, such as {names[of_class.index('')]}: move these into one, too."
        )
    labels = torch.tensor([classes.index(name) for name in of_class])
    device = choose_device()
    classes = tuple(name or folder.resolve().name for name in classes)
    return images[: len(names)].to(device), labels.to(device), classes


def images_from_array(array: Any) -> Tensor:
    """Pictures in an array, as a tensor (N, C, H, W), float32 from 0 to 1.

    array: numpy or torch, (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3. Whole
    numbers of 8 or 16 bits are divided by the largest one, 255 or 65535; floats must lie
    between 0 and 1 already. On ``choose_device()``. ValueError for anything else.
    """
    array = torch.as_tensor(array)
    if array.ndim not in (3, 4) or not array.numel():
        raise ValueError(
            f"pictures must be an array (N, H, W), (N, H, W, C) or (N, C, H, W), not "
            f"{tuple(array.shape)}; a single picture is array[None]."
        )
    if array.ndim == 3:
        array = array[:, None]
    elif array.shape[1] not in (1, 3):
        array = array.movedim(-1, 1)
    elif array.shape[3] in (1, 3):
        raise ValueError(
            f"in {tuple(array.shape)} the channels may come second or last: for pictures "
            "of so few pixels use array.reshape(len(array), -1), rows of numbers."
        )
    if array.shape[1] not in (1, 3):
        raise ValueError(
            f"pictures have C = 1 or 3 channels, but neither the second nor the last axis "
            f"of {tuple(array.movedim(1, -1).shape)} is so long: take three of them."
        )
    largest = {torch.bool: 1, torch.uint8: 255, torch.uint16: 65535}.get(array.dtype)
    if largest is None and not array.is_floating_point():
        raise ValueError(
            f"which of these whole numbers, {array.dtype}, is white is not known: divide "
            "by it, so that they lie between 0 and 1."
        )
    images = array.to(choose_device(), torch.float32) / (largest or 1)
    low, high = images.min().item(), images.max().item()
    if not 0 <= low <= high <= 1:  # also for NaN
        raise ValueError(
            f"pixels must lie between 0 and 1, not between {low:.4g} and {high:.4g}: "
            "divide by the largest possible one, and replace NaN."
        )
    return images.contiguous()


def _height_and_width(size: int | tuple[int, int]) -> tuple[int, int]:
    sides = tuple(size) if isinstance(size, list | tuple) else (size, size)
    if len(sides) != 2 or not all(isinstance(n, Integral) and n >= 1 for n in sides):
        raise ValueError(
            f"size must be a number of pixels, or (height, width), not {size!r}."
        )
    return int(sides[0]), int(sides[1])


def _files_below(folder: Path) -> list[Path]:
    """Without hidden ones, in the order of their names, which is the same everywhere."""
    found = {}
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in parts)
        if not hidden and path.name.lower() not in SYSTEM_FILES and path.is_file():
            found[parts] = path
    return [found[parts] for parts in sorted(found)]


def _read_image(path: Path, height: int, width: int, gray: bool) -> tuple[Tensor, bool]:
    """(C, H, W) from 0 to 1, and whether it is the first of several in the file."""
    import numpy as np
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        several = getattr(image, "n_frames", 1) > 1
        # A JPEG of a camera is decoded at a fraction of its size, many times as fast.
        image.draft(None, (2 * max(height, width),) * 2)
        upright = _in_8_bits_or_floats(ImageOps.exif_transpose(image), gray)
    fitted = ImageOps.fit(upright, (width, height), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(fitted, dtype=np.float32))
    pixels = pixels.clamp(0, 1) if fitted.mode == "F" else pixels / 255  # it overshoots
    return (pixels[None] if pixels.ndim == 2 else pixels.movedim(2, 0)), several


def _in_8_bits_or_floats(image: Image.Image, gray: bool) -> Image.Image:
    """Mode L or RGB; mode F, from 0 to 1, of pictures with 16 bits or floats."""
    import numpy as np
    from PIL import Image

    if image.mode[0] in "IF":  # PIL's convert would cut their values off at 255
        largest = 65535 if image.mode[0] == "I" else 1
        values = np.asarray(image, dtype=np.float32) / np.float32(largest)
        low, high = values.min() * largest, values.max() * largest
        if not 0 <= low <= high <= largest:  # also for NaN
            raise ValueError(f"values from {low:.4g} to {high:.4g}, not 0 to {largest}")
        return Image.fromarray(values)
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("L" if gray else "RGB")


def _reason(error: Exception) -> str:
    """Why a file is skipped, in a few words without the path of the machine."""
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "no picture"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{error}".partition("\n")[0] or type(error).__name__


def _print_files(what: str, names: list[str], shown: int = 5) -> None:
    if names:
        more = f" and {len(names) - shown} more" if len(names) > shown else ""
        print(f"{what} {', '.join(names[:shown])}{more}.")


def write_colored_shapes(folder: str | Path, n: int, size: int = 40) -> None:
    """n PNG files of a disc, a square or a triangle each, in subfolders of these names.

    What varies is the shape, its place (2), size and hue, at random by torch's seed; some
    thousands take a second. ValueError unless n and size are whole numbers above 0; files
    of the same names are overwritten.
    """
    from PIL import Image, ImageDraw

    check_count("n", n)
    check_count("size", size)
    for i in range(n):
        shape = ("disc", "square", "triangle")[int(torch.randint(3, ()))]
        x, y, radius, hue = torch.rand(4).tolist()
        r = 4 * size * (0.16 + 0.1 * radius)  # drawn four times as large, for soft edges
        cx, cy = (4 * size * (0.3 + 0.4 * place) for place in (x, y))
        image = Image.new("RGB", (4 * size, 4 * size), "white")
        draw, color = ImageDraw.Draw(image), f"hsv({200 + 160 * hue:.0f}, 80%, 85%)"
        if shape == "disc":
            draw.ellipse((cx - r, cy - r, cx + r, cy + r), color)
        elif shape == "square":
            draw.rectangle((cx - r, cy - r, cx + r, cy + r), color)
        else:
            draw.polygon([(cx, cy - r), (cx - r, cy + r), (cx + r, cy + r)], color)
        path = Path(folder, shape, f"{i:04}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        image.resize((size, size), Image.Resampling.BOX).save(path)


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
