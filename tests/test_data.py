"""MNIST is complete and needs only the package; toy sets follow their formulas."""

import hashlib
import math
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from course_utils import data

BUNDLE = Path(str(files("course_utils"))) / "mnist"

# --- MNIST ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    """Both halves of MNIST."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DEVICE", "cpu")
        return {split: data.mnist(split) for split in ("train", "test")}


@pytest.mark.parametrize("split, n", [("train", 60_000), ("test", 10_000)])
def test_mnist_has_its_size_dtype_and_range(digits, split, n):
    images, labels = digits[split]
    assert (images.shape, images.dtype) == ((n, 784), torch.float32)
    assert (labels.shape, labels.dtype) == ((n,), torch.int64)
    assert (images.min(), images.max()) == (0, 1)


@pytest.fixture(scope="module")
def datasets(slow):
    """torchvision's, whose import takes longer than all tests of this file."""
    from torchvision import datasets

    return datasets


@pytest.mark.parametrize("split", ["train", "test"])
def test_mnist_is_what_torchvision_reads(digits, datasets, split, tmp_path):
    shutil.copytree(BUNDLE, tmp_path / "MNIST" / "raw")
    expected = datasets.MNIST(tmp_path, train=split == "train", download=True)
    images, labels = digits[split]
    assert images.equal(expected.data.flatten(1) / 255)
    assert labels.equal(expected.targets)


def test_the_bundled_archives_are_the_canonical_ones(datasets):
    checksums = {
        path.name: hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        for path in BUNDLE.glob("*.gz")
    }
    assert checksums == dict(datasets.MNIST.resources)


@pytest.mark.parametrize("split", ["valid", "Train", "", None])
def test_an_unknown_split_is_refused(split):
    with pytest.raises(ValueError, match='"train" or "test"'):
        data.mnist(split)


def flip_a_bit(path):
    """Header and length stay the same; only the checksum differs."""
    content = bytearray(path.read_bytes())
    content[-6] ^= 1  # of the checksum; the length follows it
    path.write_bytes(content)


def break_the_first_block(path):
    """The block begins after the archive's name; its type becomes 3, which is invalid."""
    content = bytearray(path.read_bytes())
    content[content.index(0, 10) + 1] |= 0b110
    path.write_bytes(content)


DAMAGE = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "another file": lambda path: path.write_bytes(b"<html>" + path.read_bytes()[6:]),
    "broken inside": break_the_first_block,
    "one bit": flip_a_bit,
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("kind", ["images-idx3", "labels-idx1"])
def test_a_damaged_archive_is_named_in_the_error(tmp_path, monkeypatch, damage, kind):
    shutil.copytree(BUNDLE, tmp_path / "mnist")
    damage(tmp_path / "mnist" / f"t10k-{kind}-ubyte.gz")
    monkeypatch.setattr(data, "files", lambda package: tmp_path)
    with pytest.raises(RuntimeError, match=f"t10k-{kind}-ubyte.gz .* get the course again"):
        data.mnist("test")


def test_images_and_labels_lie_on_the_chosen_device(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "meta")
    assert {values.device.type for values in data.mnist("test")} == {"meta"}


def test_half_size_is_the_mean_of_four_pixels():
    image = torch.rand(1, 784)
    square = image.view(28, 28)
    half = data.half_size(image).view(14, 14)
    assert_close(half[3, 5], square[6:8, 10:12].mean())


# --- toy sets -------------------------------------------------------------------------


def test_an_arc_without_noise_is_three_quarters_of_the_unit_circle():
    x = data.noisy_arc(4000, noise=0)
    angle = torch.atan2(x[:, 1], x[:, 0]).remainder(2 * math.pi)
    assert_close(x.norm(dim=1), torch.ones(4000))
    assert angle.max() < 1.5 * math.pi
    # a third of the points in each quarter, up to five standard errors
    quarters = angle.div(math.pi / 2).long().bincount(minlength=4).double() / 4000
    assert_close(quarters[:3], torch.full((3,), 1 / 3).double(), rtol=0, atol=0.04)
    assert quarters[3] == 0


def test_the_noise_of_an_arc_has_the_given_standard_deviation():
    torch.manual_seed(1)
    clean = data.noisy_arc(20_000, noise=0)
    torch.manual_seed(1)
    noise = data.noisy_arc(20_000, noise=0.3) - clean
    # a sample's standard deviation is off by about σ / √(2n)
    assert_close(noise.std(0), torch.full((2,), 0.3), rtol=0, atol=5 * 0.3 / 200)


def test_the_two_moons_are_unit_half_circles_around_opposite_centers():
    torch.manual_seed(0)
    points = data.two_moons(4000, noise=0.0)
    upper = torch.tensor([-0.5, -0.25])
    distance = torch.stack([(points - c).norm(dim=1) for c in (upper, -upper)])
    assert_close((distance - 1).abs().amin(0), torch.zeros(4000), atol=1e-5, rtol=0)
    on_upper = ((distance[0] - 1).abs() < 1e-5).float().mean()
    assert abs(on_upper - 0.5) < 5 * 0.5 / math.sqrt(4000)


def test_the_spiral_has_its_radius_and_angle_and_an_even_density():
    torch.manual_seed(0)
    points = data.spiral(4000, noise=0.0)
    radius = points.norm(dim=1)
    assert 0.5 <= radius.min() < 0.55 and 1.95 < radius.max() <= 2
    angle = 2 * math.pi * 1.5 * (radius - 0.5) / 1.5
    assert_close(points, torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1))
    # The density along the curve is even: r² is uniform, up to the slope of the curve.
    assert abs(radius.square().mean() - 2.125) < 5 * 1.08 / math.sqrt(4000)


@pytest.mark.parametrize("make", [data.noisy_arc, data.two_moons, data.spiral])
def test_a_toy_set_is_made_on_the_cpu_or_the_given_device(make, monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "meta")  # has no effect here
    assert make(5).device.type == "cpu"
    assert make(5, device="meta").device.type == "meta"
