"""Data arrive whole, on the chosen device, from the package; toy sets obey their formulas."""

import errno
import gc
import gzip
import hashlib
import math
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
from torch.testing import assert_close
from torchvision import datasets

from course_utils import data
from course_utils.theory import mixtures

BUNDLE = Path(str(files("course_utils"))) / "mnist"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A fresh cache folder, which the code has to make."""
    folder = tmp_path / "new" / "cache"
    monkeypatch.setenv("COURSE_CACHE", str(folder))
    return folder


# --- MNIST ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Both halves of MNIST, unpacked for this file alone, and the cache they are in."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", str(folder))
        patch.setenv("COURSE_DEVICE", "cpu")
        return {split: data.mnist(split) for split in ("train", "test")}, folder


@pytest.mark.parametrize("split, n", [("train", 60_000), ("test", 10_000)])
def test_mnist_is_all_there(digits, split, n):
    images, labels = digits[0][split]
    assert (images.shape, images.dtype) == ((n, 784), torch.float32)
    assert (labels.shape, labels.dtype) == ((n,), torch.int64)
    assert (images.min(), images.max()) == (0, 1)
    # 8-bit gray values over 255: nothing was scaled twice or shifted
    assert_close(255 * images[:100], (255 * images[:100]).round(), rtol=0, atol=1e-4)


def test_mnist_has_its_known_label_counts(digits):
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert digits[0]["train"][1].bincount().tolist() == train
    assert digits[0]["test"][1].bincount().tolist() == test


def test_mnist_images_belong_to_their_labels(digits):
    """The mean zero has an empty center, the mean one a full one; and rows are rows."""
    images, labels = digits[0]["train"]
    zero, one = (images[labels == k].mean(0).view(28, 28) for k in (0, 1))
    assert zero[14, 14] < 0.1
    assert one[14, 14] > 0.8
    assert one[8:20, 14].mean() > 2 * one[14, 8:20].mean()


def test_the_bundled_archives_are_the_canonical_ones():
    found = {
        path.name: hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        for path in BUNDLE.glob("*.gz")
    }
    assert found == dict(datasets.MNIST.resources)


def test_the_cache_holds_mnist_unpacked_and_nothing_else(digits):
    folder = digits[1]
    assert [path.name for path in folder.iterdir()] == ["MNIST"]
    assert {path.suffix for path in (folder / "MNIST" / "raw").iterdir()} == {""}


def test_unpacking_touches_nothing_in_the_package(cache):
    def state():
        return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in BUNDLE.rglob("*")}

    before, folder_before = state(), BUNDLE.stat().st_mtime_ns
    data.mnist("test")
    assert (cache / "MNIST").is_dir()
    assert state() == before
    assert BUNDLE.stat().st_mtime_ns == folder_before


def test_the_second_time_nothing_is_unpacked(digits, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(digits[1]))
    monkeypatch.setattr(data, "_unpack", lambda *_: pytest.fail("unpacked again"))
    images, _ = data.mnist("test")
    assert images.equal(digits[0]["test"][0])


@pytest.mark.parametrize("split", ["valid", "Train", "", None])
def test_an_unknown_split_is_refused(cache, split):
    with pytest.raises(ValueError, match='"train" or "test"'):
        data.mnist(split)
    assert not cache.exists()


def flip_a_bit(path):
    """The length stays and the header too: only a checksum can tell."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "another file": lambda path: path.write_bytes(b"<html>" + path.read_bytes()[6:]),
    "one bit": flip_a_bit,
}


@pytest.mark.parametrize("spoil", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("kind", ["images", "labels"])
def test_a_damaged_cache_is_repaired_and_says_so(digits, cache, spoil, kind, capsys):
    shutil.copytree(digits[1], cache)
    spoil(next(cache.rglob(f"t10k-{kind}*")))
    images, labels = data.mnist("test")
    assert images.equal(digits[0]["test"][0]) and labels.equal(digits[0]["test"][1])
    said = f"{cache / 'MNIST'} is incomplete or damaged: it is made anew.\n"
    assert capsys.readouterr().out == said
    assert [path.name for path in cache.iterdir()] == ["MNIST"]
    data.mnist("test")
    assert capsys.readouterr().out == ""


def test_a_disk_that_damages_everything_is_named(digits, cache, monkeypatch):
    shutil.copytree(digits[1], cache)

    def wrong(*_):
        raise ValueError("not what it was")

    monkeypatch.setattr(data, "_check_sums", wrong)
    with pytest.raises(RuntimeError, match="MNIST is damaged each time.*another disk"):
        data.mnist("test")


def test_damaged_archives_in_the_package_are_named(cache, monkeypatch, tmp_path):
    shutil.copytree(BUNDLE, tmp_path / "mnist")
    flip_a_bit(tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz")
    monkeypatch.setattr(data, "files", lambda package: tmp_path)
    with pytest.raises(RuntimeError, match="archives in course_utils/mnist are damaged"):
        data.mnist("test")
    assert list(cache.iterdir()) == []


def test_without_a_choice_the_cache_is_the_user_s(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_CACHE", raising=False)
    assert data.cache_folder().name == "course_utils"
    assert data.cache_folder().is_absolute()
    monkeypatch.setenv("COURSE_CACHE", "~/digits")
    assert data.cache_folder() == Path.home() / "digits"


# --- together, interrupted, half done -------------------------------------------------

TOGETHER = """
import sys, time
from pathlib import Path
from torchvision import datasets
from course_utils import data

folder, number = Path(sys.argv[1]), sys.argv[2]
(folder / f"ready-{number}").touch()
while not (folder / "go").exists():
    time.sleep(0.001)
found = (data.cache_folder() / "MNIST").exists()
images, labels = data.mnist("test")
print(found, len(images), labels.sum().item())
"""


def test_kernels_that_start_at_once_share_one_cache(cache, tmp_path, digits):
    kernels = [
        subprocess.Popen(
            [sys.executable, "-c", TOGETHER, tmp_path, str(number)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in range(2)
    ]
    try:
        while len(list(tmp_path.glob("ready-*"))) < 2 and all(
            kernel.poll() is None for kernel in kernels
        ):
            time.sleep(0.01)
        (tmp_path / "go").touch()
        mine, _ = data.mnist("test")  # a third one: this process
        said = [kernel.communicate(timeout=60)[0] for kernel in kernels]
    finally:
        for kernel in kernels:
            kernel.kill()
    images, labels = digits[0]["test"]
    assert mine.equal(images)
    # False: nobody had been there before, so each of them did unpack
    assert said == [f"False 10000 {labels.sum()}\n"] * 2
    assert [path.name for path in cache.iterdir()] == ["MNIST"]


FIFTY = """
import sys, time
from pathlib import Path
import torchvision
from course_utils import data

folder, number, other = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
data.files = lambda package: folder
torchvision.datasets.MNIST.resources = [
    (path.name, None) for path in (folder / "mnist").iterdir()
]
for i in range(50):
    root = folder / f"cache-{i}"
    data.cache_folder = lambda: root
    (folder / f"ready-{i}-{number}").touch()
    patience = time.monotonic() + 30  # the other may have failed
    while not (folder / f"ready-{i}-{other}").exists():
        assert time.monotonic() < patience
    images, labels = data.mnist("train")
    print(labels.tolist(), [path.name for path in root.glob("MNIST/raw/*-ubyte")] != [])
"""


def test_two_kernels_unpack_at_once_fifty_times(tmp_path):
    """Small archives, so that both are through within a few milliseconds of each other."""
    (tmp_path / "mnist").mkdir()
    for name, archive in ARCHIVES.items():
        (tmp_path / "mnist" / name).write_bytes(archive)
    kernels = [
        subprocess.Popen(
            [sys.executable, "-c", FIFTY, tmp_path, *order],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for order in ("01", "10")
    ]
    try:
        said = [kernel.communicate(timeout=120)[0] for kernel in kernels]
    finally:
        for kernel in kernels:
            kernel.kill()
    assert said == ["[3, 1, 4, 1, 5] True\n" * 50] * 2
    for i in range(50):
        assert [path.name for path in (tmp_path / f"cache-{i}").iterdir()] == ["MNIST"]


def test_the_cache_is_complete_at_the_moment_it_appears(cache):
    """Else a second kernel could read half of it."""

    def contents():
        return {
            path.name: path.stat().st_size for path in (cache / "MNIST").rglob("*-ubyte")
        }

    def watch():
        while not (cache / "MNIST").exists() and reading.is_alive():
            time.sleep(0)
        return contents()

    reading = threading.Thread(target=data.mnist, args=["test"])
    reading.start()
    at_first_sight = watch()
    reading.join()
    assert at_first_sight == contents()
    assert len(at_first_sight) == 4


def test_an_interrupted_unpacking_leaves_nothing(cache, monkeypatch):
    def half(self):
        (Path(self.raw_folder) / "train-images-idx3-ubyte").write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(datasets.MNIST, "download", half)
        with pytest.raises(KeyboardInterrupt):
            data.mnist("test")
    assert list(cache.iterdir()) == []
    assert len(data.mnist("test")[0]) == 10_000


# --- a cache that cannot be written ---------------------------------------------------


def no_folder(cache):
    """A file stands where the folder should be."""
    cache.parent.mkdir()
    cache.touch()


def read_only(cache):
    cache.mkdir(parents=True)
    cache.chmod(0o500)


def read_only_and_damaged(cache):
    """As thirty kernels share one copy that none of them may touch."""
    (cache / "MNIST" / "raw").mkdir(parents=True)
    cache.chmod(0o500)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where temporary folders go."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


@pytest.mark.parametrize("spoil", [no_folder, read_only, read_only_and_damaged])
def test_without_a_cache_there_is_a_temporary_folder(cache, spoil, temporary, capsys):
    if spoil is not no_folder and (sys.platform == "win32" or os.geteuid() == 0):
        pytest.skip("root writes where it likes, and Windows has other bits")
    spoil(cache)
    try:
        images, _ = data.mnist("test")
        again, _ = data.mnist("test")
    finally:
        cache.chmod(0o700)
    assert len(images) == 10_000 and again.equal(images)
    (folder,) = temporary.iterdir()
    assert [path.name for path in folder.iterdir()] == ["MNIST"]
    said = capsys.readouterr().out
    assert said.count(f"{cache} cannot be written (") == 1
    assert "temporary folder, for this kernel alone" in said


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_read_only_home_or_a_full_disk_is_called_so(
    cache, code, temporary, monkeypatch, capsys
):
    """What the system answers, as root would never hear it."""
    download = datasets.MNIST.download

    def refused(self):
        if cache in Path(self.root).parents:
            raise OSError(code, os.strerror(code))
        download(self)

    monkeypatch.setattr(datasets.MNIST, "download", refused)
    assert len(data.mnist("test")[0]) == 10_000
    assert f"{cache} cannot be written ({os.strerror(code)})" in capsys.readouterr().out
    assert list(cache.iterdir()) == [] and len(list(temporary.iterdir())) == 1


def test_without_room_anywhere_the_full_disk_is_called_so(
    cache, temporary, monkeypatch, capsys
):
    def full(self):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(datasets.MNIST, "download", full)
    with pytest.raises(OSError, match="No space left"):
        data.mnist("test")
    assert "Free some room, or let COURSE_CACHE name" in capsys.readouterr().out
    assert list(cache.iterdir()) == []


def test_the_temporary_folder_goes_with_the_kernel(cache, tmp_path):
    no_folder(cache)
    code = "from course_utils import data; print(len(data.mnist('test')[0]))"
    environment = os.environ | {"TMPDIR": str(tmp_path), "TMP": str(tmp_path)}
    said = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert said.endswith("\n10000\n")
    assert not list(tmp_path.glob("course_utils-*"))


# --- the downloaded relatives ---------------------------------------------------------

RELATIVES = {"FashionMNIST": data.fashion_mnist, "KMNIST": data.kmnist}
relatives = pytest.mark.parametrize("name", RELATIVES)


def idx(values):
    """An archive in MNIST's format: big-endian magic number, sizes, bytes."""
    header = struct.pack(">I", 0x0800 + values.dim()) + struct.pack(
        f">{values.dim()}I", *values.shape
    )
    return gzip.compress(header + bytes(values.flatten().tolist()))


IMAGES = torch.arange(5 * 784).remainder(256).view(5, 28, 28)
LABELS = torch.tensor([3, 1, 4, 1, 5])
ARCHIVES = {
    "train-images-idx3-ubyte.gz": idx(IMAGES),
    "train-labels-idx1-ubyte.gz": idx(LABELS),
    "t10k-images-idx3-ubyte.gz": idx(IMAGES[:2]),
    "t10k-labels-idx1-ubyte.gz": idx(LABELS[:2]),
}


@pytest.fixture
def mirror(monkeypatch):
    """A mirror on this machine: ``mirror(name, answer)``, answer(archive) -> bytes sent."""
    servers = []

    def serve(name, answer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.wfile.write(answer(self.path.rsplit("/", 1)[1]))

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        servers.append(server)
        use_mirror(monkeypatch, name, server.server_port)

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()
    gc.collect()  # urllib leaves the sockets of broken answers to the garbage collector


def use_mirror(monkeypatch, name, port):
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    loader = getattr(datasets, name)
    monkeypatch.setattr(loader, "mirrors", [f"http://127.0.0.1:{port}/"])
    sums = {
        n: hashlib.md5(a, usedforsecurity=False).hexdigest() for n, a in ARCHIVES.items()
    }
    monkeypatch.setattr(loader, "resources", list(sums.items()))


def ok(body):
    return b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@relatives
def test_a_relative_is_downloaded_once(name, cache, mirror):
    asked = []

    def answer(archive):
        asked.append(archive)
        return ok(ARCHIVES[archive])

    mirror(name, answer)
    images, labels = RELATIVES[name]("train")
    assert_close(images, IMAGES.flatten(1) / 255)
    assert labels.equal(LABELS)
    assert set(asked) == set(ARCHIVES)
    assert [path.name for path in cache.iterdir()] == [name]

    asked.clear()
    assert RELATIVES[name]("train")[0].equal(images)
    assert len(RELATIVES[name]("test")[0]) == 2
    assert asked == []


NO_NETWORK = "is not on this machine and could not be downloaded: connect to the network"


@relatives
def test_without_a_network_one_sentence_says_what_to_do(name, cache, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    use_mirror(monkeypatch, name, port)  # closed again: the connection is refused
    with pytest.raises(ConnectionError, match=f"^{name} {NO_NETWORK}.*[.]$"):
        RELATIVES[name]("train")
    assert list(cache.iterdir()) == []


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(answer, id=name)
        for name, answer in {
            "a login page": lambda archive: ok(b"<html>Welcome to our Wi-Fi</html>"),
            "an error": lambda archive: b"HTTP/1.0 403 Forbidden\r\n\r\n",
            "not even HTTP": lambda archive: b"\x00\x00\r\n\r\n",
            "half an archive": lambda archive: ok(ARCHIVES[archive])[:-200],
            "the last archive missing": lambda archive: (
                b"HTTP/1.0 404 Not Found\r\n\r\n"
                if archive.startswith("t10k-labels")
                else ok(ARCHIVES[archive])
            ),
        }.items()
    ],
)
def test_a_broken_download_leaves_nothing(answer, cache, mirror):
    mirror("KMNIST", answer)
    with pytest.raises(ConnectionError, match=NO_NETWORK):
        data.kmnist("train")
    assert list(cache.iterdir()) == []


# --- toy sets -------------------------------------------------------------------------


def test_an_arc_without_noise_is_three_quarters_of_the_unit_circle():
    x = data.noisy_arc(4000, noise=0)
    angle = torch.atan2(x[:, 1], x[:, 0]).remainder(2 * math.pi)
    assert_close(x.norm(dim=1), torch.ones(4000))
    assert angle.max() < 1.5 * math.pi
    # evenly spread: each of the three quarters holds its third, up to five standard errors
    quarters = angle.div(math.pi / 2).long().bincount(minlength=4).double() / 4000
    assert_close(quarters[:3], torch.full((3,), 1 / 3).double(), rtol=0, atol=0.04)
    assert quarters[3] == 0


def test_noise_of_an_arc_is_a_standard_deviation():
    torch.manual_seed(1)
    clean = data.noisy_arc(20_000, noise=0)
    torch.manual_seed(1)
    noise = data.noisy_arc(20_000, noise=0.3) - clean
    # a sample's standard deviation is off by about σ / √(2n)
    assert_close(noise.std(0), torch.full((2,), 0.3), rtol=0, atol=5 * 0.3 / 200)


def test_the_ring_is_evenly_spaced():
    means = mixtures.ring_of_means(8, radius=2.0)
    assert_close(means[0], torch.tensor([2.0, 0.0]))
    assert_close(means.norm(dim=1), torch.full((8,), 2.0))
    gaps = (means - means.roll(1, 0)).norm(dim=1)
    assert_close(gaps, torch.full((8,), 4 * math.sin(math.pi / 8)))


def test_mixture_draws_share_the_components_and_spread_by_sigma():
    means = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    x = mixtures.sample_mixture(30_000, means, sigma=0.5)
    nearest = torch.cdist(x, means).argmin(1)
    shares = nearest.bincount().double() / len(x)
    # binomial: five standard errors of √(⅓ · ⅔ / n)
    assert_close(shares, torch.full((3,), 1 / 3).double(), rtol=0, atol=0.014)
    noise = x - means[nearest]
    assert_close(noise.T.cov(), 0.25 * torch.eye(2), rtol=0, atol=0.25 * 5 * 0.0082)


def mixture(means, sigma):
    """The same density, from torch.distributions."""
    components = Independent(Normal(means, sigma), 1)
    return MixtureSameFamily(Categorical(logits=torch.zeros(len(means))), components)


@pytest.mark.parametrize("sigma", [0.2, 1.0, 3.0])
def test_mixture_log_density_is_the_log_of_the_sum(sigma):
    means, x = mixtures.ring_of_means(5), 2 * torch.randn(50, 2)
    found = mixtures.mixture_log_density(x, means, sigma=sigma)
    assert_close(found, mixture(means, sigma).log_prob(x), rtol=1e-5, atol=1e-4)


def test_mixture_log_density_far_away_is_that_of_the_nearest_component():
    """exp(−½ · 9980²) is 0 in every precision; its logarithm is needed all the same."""
    far = torch.tensor([[1000.0, 0.0]])
    found = mixtures.mixture_log_density(far, mixtures.ring_of_means(), sigma=0.1)
    nearest = -(998**2) / 0.02 - math.log(2 * math.pi * 0.01) - math.log(8)
    assert_close(found, torch.tensor([nearest]))


def test_mixture_score_is_the_gradient_of_mixture_log_density():
    means, x = mixtures.ring_of_means(5), (2 * torch.randn(50, 2)).requires_grad_()
    mixtures.mixture_log_density(x, means, sigma=0.7).sum().backward()
    score = mixtures.mixture_score(x.detach(), means, sigma=0.7)
    assert_close(score, x.grad, rtol=1e-4, atol=1e-4)  # float32


@pytest.mark.parametrize("sigma", [0.2, 1.0, 3.0])
def test_mixture_score_is_the_gradient_of_the_log_density(sigma):
    means = mixtures.ring_of_means(5)
    x = (2 * torch.randn(50, 2)).requires_grad_()
    mixture(means, sigma).log_prob(x).sum().backward()
    score = mixtures.mixture_score(x.detach(), means, sigma=sigma)
    assert_close(score, x.grad, rtol=1e-5, atol=1e-4)  # float32, divided by σ² = 0.04


def test_mixture_score_far_away_points_home_and_stays_finite():
    far = torch.tensor([[1000.0, 0.0]])
    score = mixtures.mixture_score(far, mixtures.ring_of_means(), sigma=0.1)
    assert_close(score, (torch.tensor([[2.0, 0.0]]) - far) / 0.01)


def test_a_smoothed_mixture_is_a_mixture_with_more_variance():
    """Noise of standard deviation s turns σ² into σ² + s²: what the DAE's score relies on."""
    means = torch.tensor([[-1.0], [2.0]])
    sigma, s = 0.4, 0.7
    x = mixtures.sample_mixture(50_000, means, sigma=sigma)
    smoothed = mixture(means, math.hypot(sigma, s))
    at = torch.linspace(-3, 4, 15)[:, None]
    kernel = Normal(at, s).log_prob(x.T).exp()  # density of at, averaged over the draws
    error = 5 * kernel.std(1) / math.sqrt(len(x))
    assert ((kernel.mean(1) - smoothed.log_prob(at).exp()).abs() < error).all()


# --- the chosen device ----------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    {
        "arc": partial(data.noisy_arc, 5),
        "ring": mixtures.ring_of_means,
        "mixture": lambda: mixtures.sample_mixture(5, mixtures.ring_of_means(), sigma=1),
        "density": lambda: mixtures.mixture_log_density(
            data.noisy_arc(5), mixtures.ring_of_means(), sigma=1
        ),
        "score": lambda: mixtures.mixture_score(
            data.noisy_arc(5), mixtures.ring_of_means(), sigma=1
        ),
    }.values(),
)
def test_toy_sets_lie_on_the_chosen_device(make, monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "meta")
    assert make().device.type == "meta"


def test_images_and_labels_lie_on_the_chosen_device(digits, monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "meta")
    monkeypatch.setenv("COURSE_CACHE", str(digits[1]))
    assert {values.device.type for values in data.mnist("test")} == {"meta"}


def test_two_moons_are_one_another_turned():
    torch.manual_seed(0)
    points = data.two_moons(4000, noise=0.0).cpu()
    upper = torch.tensor([-0.5, -0.25])
    away = torch.stack([(points - c).norm(dim=1) for c in (upper, -upper)])
    assert_close((away - 1).abs().amin(0), torch.zeros(4000), atol=1e-5, rtol=0)
    on_upper = ((away[0] - 1).abs() < 1e-5).float().mean()
    assert abs(on_upper - 0.5) < 5 * 0.5 / math.sqrt(4000)


def test_a_spiral_winds_outward_evenly():
    torch.manual_seed(0)
    points = data.spiral(4000, turns=1.5, noise=0.0).cpu()
    radius = points.norm(dim=1)
    assert 0.5 <= radius.min() < 0.55 and 1.95 < radius.max() <= 2
    angle = 2 * math.pi * 1.5 * (radius - 0.5) / 1.5
    assert_close(points, torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1))
    # As dense everywhere along its thread: r² is uniform, up to the slope of the thread.
    assert abs(radius.square().mean() - 2.125) < 5 * 1.08 / math.sqrt(4000)
