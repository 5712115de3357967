"""MNIST is complete and needs only the package; toy sets follow their formulas."""

import hashlib
import math
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
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


# --- pictures of one's own ------------------------------------------------------------

RED = (255, 0, 0)


def picture(size=(6, 6), color=RED, mode="RGB"):
    return Image.new(mode, size, color)


def half_and_half(mode="RGB", first=RED, second=(0, 0, 255), size=(8, 8)):
    """The left half has the first color."""
    image = Image.new(mode, size, second)
    image.paste(first, (0, 0, size[0] // 2, size[1]))
    return image


def saved(folder, name, image, **settings):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **settings)
    return path


def load(folder, size=4, **settings):
    images, _, _ = data.load_images(folder, size, **settings)
    return images


def color_of(images):
    return [round(value, 2) for value in images.mean((0, 2, 3)).tolist()]


def test_a_folder_becomes_tensors_between_0_and_1(tmp_path):
    saved(tmp_path, "b.png", picture(color=(255, 102, 0)))
    saved(tmp_path, "a.jpg", picture(color=(255, 255, 255)), quality=100)
    images, labels, classes = data.load_images(tmp_path, 4)
    assert (images.shape, images.dtype) == ((2, 3, 4, 4), torch.float32)
    assert_close(images[0], torch.ones(3, 4, 4))  # in the order of their names
    assert_close(images[1, :, 0, 0], torch.tensor([1, 0.4, 0]))
    assert labels.tolist() == [0, 0] and labels.dtype == torch.int64
    assert classes == (tmp_path.name,)


def test_subfolders_are_classes_in_the_order_of_their_names(tmp_path, capsys):
    for name in ("dog/x.png", "cat/deep/y.png", "cat/z.png", ".hidden/no.png"):
        saved(tmp_path, name, picture(color=RED if "dog" in name else (0, 0, 0)))
    images, labels, classes = data.load_images(str(tmp_path), 4)
    assert classes == ("cat", "dog")
    assert labels.tolist() == [0, 0, 1]
    assert images[:, 0].mean((1, 2)).tolist() == [0, 0, 1]
    assert capsys.readouterr().out == ""  # a folder is no bad file


def test_hidden_and_system_files_are_passed_over_silently(tmp_path, capsys):
    saved(tmp_path, "a.png", picture())
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).write_bytes(b"?")
    assert len(load(tmp_path)) == 1
    assert capsys.readouterr().out == ""


def test_bad_files_are_named_with_the_reason_and_skipped(tmp_path, capsys):
    saved(tmp_path, "k/good.png", picture())
    whole = saved(tmp_path, "k/half.png", half_and_half(size=(64, 64))).read_bytes()
    (tmp_path / "k" / "half.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "k" / "notes.txt").write_text("no picture")
    (tmp_path / "k" / "empty.jpg").touch()
    values = np.full((4, 4), 70000, np.int32)
    saved(tmp_path, "k/wide.tiff", Image.fromarray(values))
    assert len(load(tmp_path)) == 1
    out = capsys.readouterr().out
    assert "k/notes.txt (no picture)" in out and "k/empty.jpg (no picture)" in out
    assert "k/half.png (" in out
    assert "k/wide.tiff (values from 7e+04 to 7e+04, not 0 to 65535)" in out
    assert "good" not in out and str(tmp_path) not in out


def test_many_bad_files_are_counted(tmp_path, capsys):
    saved(tmp_path, "good.png", picture())
    for i in range(9):
        (tmp_path / f"bad{i}.png").touch()
    assert len(load(tmp_path)) == 1
    assert "bad4.png (no picture) and 4 more." in capsys.readouterr().out


def test_a_picture_covers_the_size_and_its_center_is_kept(tmp_path):
    wide = Image.new("RGB", (40, 10), "blue")
    wide.paste(RED, (15, 0, 25, 10))  # the center, 10 × 10
    saved(tmp_path, "wide.png", wide)
    assert load(tmp_path, 5)[0, :, 2, 2].tolist() == [1, 0, 0]
    assert load(tmp_path, 5)[0, 0].min() > 0.8  # no column is blue
    assert load(tmp_path, (2, 6)).shape == (1, 3, 2, 6)  # height, width


def test_a_picture_is_turned_as_its_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown rotated clockwise by 90°: left becomes top
    saved(tmp_path, "a.jpg", half_and_half(size=(16, 16)), exif=exif, quality=100)
    image = load(tmp_path, 4)[0]
    assert image[0, 0].min() > 0.9 and image[0, 3].max() < 0.1
    exif[0x0112] = 1
    saved(tmp_path, "a.jpg", half_and_half(size=(16, 16)), exif=exif, quality=100)
    image = load(tmp_path, 4)[0]
    assert image[0, :, 0].min() > 0.9 and image[0, :, 3].max() < 0.1


def test_transparent_parts_become_white(tmp_path):
    clear = (255, 0, 0, 0)
    saved(tmp_path, "a.png", picture(color=clear, mode="RGBA"))
    saved(tmp_path, "b.png", picture(color=(0, 0), mode="LA"))
    palette = picture(color=3, mode="P")
    palette.putpalette([0] * 768)
    saved(tmp_path, "c.png", palette, transparency=3)
    saved(tmp_path, "d.png", picture(), transparency=RED)
    for gray in False, True:
        images = load(tmp_path, gray=gray)
        assert_close(images, torch.ones_like(images))


def test_half_transparent_parts_are_mixed_with_white(tmp_path):
    saved(tmp_path, "a.png", picture(color=(0, 0, 0, 51), mode="RGBA"))
    assert_close(load(tmp_path), torch.full((1, 3, 4, 4), 0.8))


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_16_bits_keep_their_precision_and_are_not_cut_off(tmp_path, kind):
    """PIL's own conversion would make 1000 of 65535 white."""
    values = np.full((6, 6), 1000, np.uint16)
    saved(tmp_path, f"a.{kind}", Image.fromarray(values))
    assert_close(load(tmp_path, gray=True), torch.full((1, 1, 4, 4), 1000 / 65535))
    assert_close(load(tmp_path), torch.full((1, 3, 4, 4), 1000 / 65535))


def test_floats_between_0_and_1_are_read_as_they_are(tmp_path, capsys):
    saved(tmp_path, "a.tiff", Image.fromarray(np.full((6, 6), 0.25, np.float32)))
    saved(tmp_path, "b.tiff", Image.fromarray(np.full((6, 6), 3.0, np.float32)))
    saved(tmp_path, "c.tiff", Image.fromarray(np.full((6, 6), np.nan, np.float32)))
    assert_close(load(tmp_path), torch.full((1, 3, 4, 4), 0.25))
    assert capsys.readouterr().out.count("not 0 to 1") == 2


def test_palettes_two_colors_and_prints_have_their_colors(tmp_path):
    saved(tmp_path, "a.gif", picture().quantize(4))
    assert color_of(load(tmp_path)) == [1, 0, 0]
    saved(tmp_path, "a.gif", picture(color=1, mode="1"))
    assert color_of(load(tmp_path)) == [1, 1, 1]
    (tmp_path / "a.gif").unlink()
    saved(tmp_path, "a.tiff", picture(color=(0, 255, 255, 0), mode="CMYK"))
    assert color_of(load(tmp_path)) == [1, 0, 0]


def test_of_several_pictures_the_first_is_taken_and_this_is_said(tmp_path, capsys):
    frames = [picture(color=c) for c in (RED, (0, 0, 255))]
    for kind in ("gif", "png", "tiff"):
        saved(tmp_path, f"a.{kind}", frames[0], save_all=True, append_images=frames[1:])
    images = load(tmp_path)
    assert color_of(images) == [1, 0, 0]
    said = capsys.readouterr().out
    assert said == "Only the first picture is taken of a.gif, a.png, a.tiff.\n"


def test_gray_is_the_brightness(tmp_path):
    saved(tmp_path, "a.png", picture())
    assert_close(load(tmp_path, gray=True), torch.full((1, 1, 4, 4), 76 / 255))


def test_a_large_photo_is_not_aliased(tmp_path):
    """A checkerboard of single pixels becomes gray, also if JPEG is read at an eighth."""
    board = np.indices((800, 800)).sum(0) % 2 * 255
    saved(tmp_path, "a.jpg", Image.fromarray(board.astype(np.uint8)), quality=95)
    assert (load(tmp_path, 16) - 0.5).abs().max() < 0.05


def test_a_small_photo_stays_sharp(tmp_path):
    stripes = np.indices((64, 64))[1] // 4 % 2 * 255
    image = Image.fromarray(stripes.astype(np.uint8))
    saved(tmp_path, "a.jpg", image, quality=100)
    expected = torch.tensor(stripes / 255, dtype=torch.float32)
    assert_close(load(tmp_path, 64, gray=True)[0, 0], expected, rtol=0, atol=0.05)


def test_numbers_stay_between_0_and_1_at_sharp_edges(tmp_path):
    edge = np.indices((9, 9))[1] > 4  # the bicubic filter overshoots here
    saved(tmp_path, "a.tiff", Image.fromarray(edge.astype(np.float32)))
    image = load(tmp_path, 6)
    assert image.min() >= 0 and image.max() <= 1


@pytest.mark.parametrize("size", [0, -3, 2.5, "32", None, (4,), (4, 0), (4, 4, 3), ()])
def test_a_wrong_size_is_refused(tmp_path, size):
    with pytest.raises(ValueError, match=r"size must be .*\(height, width\), not "):
        data.load_images(tmp_path, size)


def test_a_folder_without_pictures_is_named(tmp_path, capsys):
    with pytest.raises(ValueError, match="gone does not exist"):
        data.load_images(tmp_path / "gone", 4)
    with pytest.raises(ValueError, match="there is no picture in"):
        data.load_images(tmp_path, 4)
    (tmp_path / "a.png").write_bytes(b"bad")
    with pytest.raises(ValueError, match="there is no picture in"):
        data.load_images(tmp_path, 4)
    assert "Skipped a.png (no picture)." in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"a.png is a file"):
        data.load_images(tmp_path / "a.png", 4)


def test_pictures_beside_subfolders_are_refused(tmp_path):
    saved(tmp_path, "cat/x.png", picture())
    saved(tmp_path, "loose.png", picture())
    with pytest.raises(
        ValueError, match=r"1 more pictures? beside them, such as loose.png"
    ):
        data.load_images(tmp_path, 4)


def test_loaded_pictures_lie_on_the_chosen_device(tmp_path, monkeypatch):
    saved(tmp_path, "a.png", picture())
    monkeypatch.setenv("COURSE_DEVICE", "meta")
    images, labels, _ = data.load_images(tmp_path, 4)
    assert {images.device.type, labels.device.type} == {"meta"}


@pytest.mark.parametrize("shape", [(5, 4, 6), (5, 1, 4, 6), (5, 4, 6, 1)])
def test_gray_arrays_become_one_channel(shape):
    numbers = np.arange(120, dtype=np.uint8).reshape(shape)
    images = data.images_from_array(numbers)
    assert (images.shape, images.dtype) == ((5, 1, 4, 6), torch.float32)
    assert_close(images.flatten(), torch.arange(120) / 255)


def test_channels_may_come_second_or_last():
    last = torch.rand(5, 4, 6, 3)
    first = last.movedim(-1, 1)
    assert data.images_from_array(last).equal(first)
    assert data.images_from_array(first.double().numpy()).allclose(first)


def test_whole_numbers_are_divided_by_the_largest_of_their_type():
    ones = np.ones((2, 4, 6))
    assert data.images_from_array((65535 * ones).astype(np.uint16)).eq(1).all()
    assert data.images_from_array((51 * ones).astype(np.uint8)).eq(0.2).all()
    assert data.images_from_array(ones.astype(bool)).eq(1).all()


def test_an_array_is_not_changed_later():
    array = np.zeros((2, 4, 6), np.float32)
    images = data.images_from_array(array)
    array[:] = 1
    assert images.eq(0).all()


@pytest.mark.parametrize(
    "array, message",
    [
        (np.zeros((4, 6)), r"array\[None\]"),
        (np.zeros((0, 4, 6)), r"pictures must be an array"),
        (np.zeros((2, 4, 6, 4)), "1 or 3 channels"),
        (np.zeros((2, 3, 6, 3)), "second or last"),
        (np.zeros((2, 4, 6), np.int64), "divide by it"),
        (np.full((2, 4, 6), 255.0), "not between 255 and 255"),
        (np.full((2, 4, 6), -0.1), "not between -0.1"),
        (np.full((2, 4, 6), np.nan), "between nan and nan"),
    ],
)
def test_an_array_of_something_else_is_refused(array, message):
    with pytest.raises(ValueError, match=message):
        data.images_from_array(array)


def test_colored_shapes_are_what_the_notebook_says(tmp_path):
    torch.manual_seed(0)
    data.write_colored_shapes(tmp_path, 300)
    images, labels, classes = data.load_images(tmp_path, 32)
    assert images.shape == (300, 3, 32, 32)
    assert classes == ("disc", "square", "triangle")
    # a third of each, up to five standard errors
    assert ((labels.bincount() - 100).abs() < 5 * math.sqrt(300 * 2 / 9)).all()
    ink = 1 - images.amin(1)  # white has none
    assert ink[..., 0].max() < 0.02 and ink[..., -1].max() < 0.02  # nothing is cut off
    assert (ink.flatten(1).amax(1) > 0.5).all()  # each picture has a shape
    torch.manual_seed(0)
    data.write_colored_shapes(tmp_path / "again", 300)
    assert data.load_images(tmp_path / "again", 32)[0].equal(images)
