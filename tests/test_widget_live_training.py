"""LiveTraining in Python: its data, state, weights and errors. The view: tests/browser."""

import gzip
from base64 import b64decode

import numpy as np
import pytest
import torch
from traitlets import TraitError

from course_utils import data
from course_utils.models import VAE, Autoencoder
from course_utils.widgets import LiveTraining
from course_utils.widgets.live_training import EXAMPLE, TESTED


def make_images(n: int = 400, pixels: int = 100) -> torch.Tensor:
    return torch.rand(n, pixels, generator=torch.Generator().manual_seed(0))


def unpacked(sent: bytes, pixels: int) -> np.ndarray:
    """Images in [0, 1] from what the browser gets."""
    pairs = np.frombuffer(gzip.decompress(sent), np.uint8)
    return np.stack([pairs >> 4, pairs & 15], 1).reshape(-1, pixels) / 15


@pytest.mark.slow  # reads MNIST
def test_default_data_are_halved_digits_and_an_arc():
    digits, arc = LiveTraining().datasets
    images = data.half_size(data.mnist("train")[0][:10_000]).cpu().numpy()
    assert np.abs(unpacked(digits["train"], 196) - images).max() <= 0.5 / 15 + 1e-6
    labels = data.mnist("test")[1][:TESTED].tolist()
    assert np.frombuffer(digits["labels"], "<u2").tolist() == labels and digits["digits"]
    assert sorted(labels[i] for i in digits["shown"]) == [0, 1, 2, 3, 4, 5]
    assert len(digits["train"]) < 400_000  # bytes in each deck
    points = np.frombuffer(arc["train"], "<f4").reshape(-1, 2)
    assert abs(np.linalg.norm(points, axis=1).mean() - 1) < 0.01


def test_the_data_do_not_touch_the_random_numbers_of_the_notebook():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    LiveTraining()
    assert torch.equal(torch.rand(3), expected)


def test_the_last_images_are_for_testing():
    x, labels = make_images(), torch.arange(400) % 10
    (images,) = LiveTraining(x, labels).datasets
    assert np.abs(unpacked(images["train"], 100) - x[:-TESTED].numpy()).max() < 0.034
    assert np.abs(unpacked(images["test"], 100) - x[-TESTED:].numpy()).max() < 0.034
    assert np.frombuffer(images["labels"], "<u2").tolist() == labels[-TESTED:].tolist()
    assert images["digits"]


def test_classes_have_names_and_may_be_many():
    x, names = make_images(), ["circle", "ring", "square"]
    (images,) = LiveTraining(x, torch.arange(400) % 3, names=names).datasets
    assert images["classes"] == names and not images["digits"]
    (images,) = LiveTraining(x, [names[i % 3] for i in range(400)]).datasets
    assert images["classes"] == names and len(images["shown"]) == 3
    (images,) = LiveTraining(x, torch.arange(400)).datasets
    assert np.frombuffer(images["labels"], "<u2").tolist() == list(range(100, 400))
    assert len(images["colors"]) == len(images["markers"]) == 400
    assert not LiveTraining(x).datasets[0]["digits"], "one class is none"


@pytest.mark.parametrize("model_class, objective", [(Autoencoder, "ae"), (VAE, "vae")])
def test_weights_go_to_the_browser_and_back(model_class, objective):
    torch.manual_seed(0)
    model = model_class(100, 2, hidden=(7,))
    widget = LiveTraining(make_images(), model=model, state=f"0={objective}")
    assert widget.state == f"width=7&0={objective}"
    widget.set_state({"parameters": memoryview(widget.initial)})  # as from the browser
    back = widget.trained_model()
    assert type(back) is model_class
    for mine, theirs in zip(model.parameters(), back.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_the_order_of_the_weights_is_that_of_the_browser():
    model = VAE(4, 2, hidden=(3,))
    sent = LiveTraining(make_images(pixels=4), model=model).initial
    numbers = torch.from_numpy(np.frombuffer(sent, "<f4").copy())
    first, head = model.encoder[0][0], model.encoder[-1]
    assert torch.equal(numbers[:12].view(4, 3), first.weight.T)
    assert torch.equal(numbers[12:15], first.bias)
    heads = torch.cat([head.mu.weight, head.logvar.weight])
    assert torch.equal(numbers[15:27].view(3, 4), heads.T)


def test_the_class_of_the_trained_model_follows_the_last_objective():
    widget = LiveTraining(make_images(), model=Autoencoder(100, 2, hidden=(7,)))
    widget.parameters = widget.initial
    for state, expected in (("0=vae&500=ae", Autoencoder), ("0=ae&9=beta:2&10=vae", VAE)):
        widget.state = f"width=7&{state}"
        assert type(widget.trained_model()) is expected


def test_nothing_trained_is_said():
    with pytest.raises(RuntimeError, match="press train in the widget, then pause"):
        LiveTraining(make_images()).trained_model()


@pytest.mark.parametrize(
    "state", ["", EXAMPLE.replace("digits", "images"), "0=sparse,lam:.2,lr:1e-3", "steps=5"]
)
def test_states_that_can_be_restored(state):
    assert LiveTraining(make_images(), state=state).state == state


@pytest.mark.parametrize(
    "state",
    ["data=faces", "0=gan", "beta=4", "0=vae,beta:-1", "0=lr:nan", "seed=a", "steps=-1",
     "vae", "0=vae;500=ae", "width=0", "width=5000", "0=lr:0"],
)  # fmt: skip
def test_states_that_mean_nothing(state):
    with pytest.raises(TraitError, match="means nothing here; a state is such as"):
        LiveTraining(make_images(), state=state)
    widget = LiveTraining(make_images(), state="0=vae")
    with pytest.raises(TraitError):
        widget.state = state
    assert widget.state == "0=vae"


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"labels": [1]}, TypeError, "labels without images"),
        ({"names": ["a"]}, TypeError, "labels without images"),
        ({"x": make_images(), "labels": [-1] * 400}, ValueError, "whole numbers from 0"),
        ({"x": make_images(pixels=10)}, ValueError, "square images"),
        ({"x": make_images(pixels=900)}, ValueError, "not 30 × 30"),
        ({"x": make_images(n=300)}, ValueError, "at least 364 images"),
        ({"x": 2 * make_images()}, ValueError, r"pixels must be in \[0, 1\]"),
        ({"x": make_images() * torch.nan}, ValueError, r"pixels must be in \[0, 1\]"),
        ({"x": make_images(), "labels": [1]}, ValueError, "one label for each"),
        ({"x": make_images(), "model": torch.nn.Linear(1, 1)}, TypeError, "not Linear"),
        ({"x": make_images(), "model": VAE(100, 3, (7,))}, ValueError, "code of 2 num"),
        ({"x": make_images(), "model": VAE(100, 2, ())}, ValueError, "one hidden layer"),
        ({"x": make_images(), "model": VAE(100, 2, (7, 5))}, ValueError, "one hidden"),
        ({"x": make_images(), "model": VAE(81, 2, (7,))}, ValueError, "of 100 inputs"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wanted(arguments, error, message):
    with pytest.raises(error, match=message):
        LiveTraining(**arguments)


def test_the_picture_shows_the_data():
    bundle, _ = LiveTraining(make_images())._repr_mimebundle_()
    assert b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"] == "LiveTraining(100 images of 10 × 10 pixels)"
