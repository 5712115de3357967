"""A small autoencoder that is trained in the browser, while its objective is changed."""

from __future__ import annotations

import gzip
import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
import traitlets
from numpy.typing import ArrayLike
from torch import Tensor, nn
from traitlets import TraitError

from course_utils import data, plots
from course_utils.models import VAE, Autoencoder
from course_utils.widgets._validation import check_image_rows
from course_utils.widgets.classes import are_digits, class_traits
from course_utils.widgets.core import BOTH_WAYS, HERE, as_script, with_core
from course_utils.widgets.network import browser_network
from course_utils.widgets.picture import WithPicture, four_bit_pixels, png

IMAGES = 10_000  # for training
TESTED = 300  # codes in the plane
POINTS = 2_000  # of data in the plane
BATCH = 64  # of trainer.js
MOST_PIXELS = 28 * 28
WIDTH = 64  # of the hidden layers, if the state does not set it
WIDEST = 512

OBJECTIVES = ("ae", "sparse", "denoising", "probabilistic", "regularized", "vae")
KNOBS = ("lr", "lam", "sigma", "beta", "spread")
EXAMPLE = "data=digits&width=64&seed=0&0=ae,lr:0.003&500=vae&700=beta:4&steps=1200"

Model = Autoencoder | VAE


class LiveTraining(WithPicture):
    """A network x → f → z → g → x̂ that learns in the browser, without a kernel.

        LiveTraining()                           # halved digits, or points in the plane
        LiveTraining(state="0=vae&steps=500")    # trained for 500 steps when it opens
        LiveTraining(images, labels, model=vae)  # from a model's weights

    x       (N, side²) in [0, 1], up to 28 × 28 pixels: the last 300 are for testing, up to
            10 000 others for training. The browser gets 16 gray levels.
    labels  (N,), whole numbers from 0, or words, of any number of classes
    names   of the classes: those of labels 0, 1, …, or the order of words
    state   what is trained, as text: see below
    model   an ``Autoencoder`` or a ``VAE`` with two latent dimensions and one hidden layer,
            whose weights are the initial ones

    The encoder has one hidden layer and a code of two numbers (one for points), the decoder
    mirrors it; batches of 64, Adam. The six objectives are those of ``objectives``.

    Traits shared with the view: ``state``, such as
    "data=digits&width=64&seed=0&0=ae,lr:0.003&500=vae&700=beta:4&steps=1200": from step 0
    the autoencoder's objective, from step 500 the VAE's, from step 700 β = 4, trained for
    1200 steps. The same text gives the same network in every browser. When training stops,
    the view updates it, ``step`` and ``parameters``, of which ``trained_model()`` is made.
    Such a text can also be pasted into the view.
    TypeError or ValueError for anything that cannot be trained.
    """

    _esm = with_core("live_training.js")
    _css = with_core("live_training.css")

    kernel = traitlets.Bytes().tag(sync=True)  # training_kernel.wasm
    worker = traitlets.Unicode().tag(sync=True)  # source of the worker, a classic script
    datasets = traitlets.List(traitlets.Dict()).tag(
        sync=True
    )  # of _image_data, _point_data
    initial = traitlets.Bytes().tag(sync=True)  # float32, empty: random, from the seed
    state = traitlets.Unicode().tag(**BOTH_WAYS)
    parameters = traitlets.Bytes().tag(  # float32, empty before training
        **BOTH_WAYS,
        from_json=lambda value, widget: bytes(value),  # the browser's is a memoryview
    )
    step = traitlets.Int(0).tag(**BOTH_WAYS)

    def __init__(
        self,
        x: Tensor | None = None,
        labels: ArrayLike | None = None,
        *,
        names: Sequence[str] | None = None,
        state: str = "",
        model: Model | None = None,
    ) -> None:
        if x is None:
            if labels is not None or names is not None:
                raise TypeError(
                    "labels without images: give both, LiveTraining(x, labels)."
                )
            datasets = [_digits(), _arc()]
        else:
            train, test = _checked_images(x)
            given = [0] * len(x) if labels is None else labels
            labels = plots.as_labels(given, len(x), "images")
            datasets = [_image_data("images", train, test, labels, names)]
        self._sizes = {one["name"]: (one["inputs"], one["latent"]) for one in datasets}
        initial = b""
        if model is not None:
            width = _checked_width(model, datasets[0]["inputs"])
            state = "&".join([f"width={width}", *filter(None, [state])])
            initial = _pack(model)
        super().__init__(
            kernel=(HERE / "training_kernel.wasm").read_bytes(),
            worker=as_script(with_core("trainer_worker.js")),
            datasets=datasets,
            initial=initial,
            state=state,
        )

    @traitlets.validate("state")
    def _readable(self, proposal: dict) -> str:
        _check_state(proposal["value"], self._sizes)
        return proposal["value"]

    def trained_model(self) -> Model:
        """The network as it was when training stopped: a VAE if its objective is the VAE's,
        otherwise an Autoencoder. RuntimeError before the view has trained."""
        if not self.parameters:
            raise RuntimeError(
                "nothing has been trained yet: press train in the widget, then pause; or "
                "wait until it has trained the steps of its state."
            )
        query = _parse(self.state)
        sizes = self._sizes[query.get("data", self.datasets[0]["name"])]
        model_class = VAE if _objective(query) == "vae" else Autoencoder
        model = model_class(*sizes, (int(query.get("width", WIDTH)),))
        return _unpack(self.parameters, model)

    def picture(self) -> bytes:
        """Some test images: the network is trained and drawn by the view only."""
        first = self.datasets[0]
        shades = np.frombuffer(gzip.decompress(first["test"]), np.uint8)
        pixels = np.stack([shades >> 4, shades & 15], 1).reshape(TESTED, -1) / 15
        title = f"Trained in the browser, on {first['label']}"
        return png(plots.image_rows({"x": pixels[first["shown"]]}, title=title), colors=32)

    def __repr__(self) -> str:
        return f"LiveTraining({self.datasets[0]['label']})"


# --- data for the browser ---------------------------------------------------------------


def _digits() -> dict:
    """Halved digits of MNIST."""
    train = data.half_size(data.mnist("train")[0][:IMAGES])
    test, labels = data.mnist("test")
    test = data.half_size(test[:TESTED])
    return _image_data("digits", train, test, labels[:TESTED])


def _image_data(
    name: str,
    train: Tensor,
    test: Tensor,
    labels: np.ndarray | Tensor,
    names: Sequence[str] | None = None,
) -> dict:
    """Images (N, side²) for the browser; the last of the labels are of the test images."""
    side = math.isqrt(train.shape[1])
    of_class, classes = class_traits(labels, len(labels), names)
    of_class = of_class[-TESTED:]
    found, first = np.unique(of_class, return_index=True)
    return {
        "name": name,
        "label": f"{len(train)} {name} of {side} × {side} pixels",
        "inputs": train.shape[1],
        "latent": 2,
        "train": _four_bits(train),
        "test": _four_bits(test),
        **classes,
        "labels": of_class.astype("<u2").tobytes(),
        "digits": are_digits(classes) and len(found) > 1,
        "shown": first[:6].tolist(),
    }


def _arc() -> dict:
    """Points along an arc of the plane, for a code of one number."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        points = data.noisy_arc(POINTS + TESTED)
    train, test = (
        points.numpy().astype("<f4")[:POINTS],
        points.numpy().astype("<f4")[POINTS:],
    )
    return {
        "name": "arc",
        "label": f"{POINTS} points along an arc",
        "inputs": 2,
        "latent": 1,
        "train": train.tobytes(),
        "test": test.tobytes(),
        "labels": bytes(2 * TESTED),
        "shown": [],
    }


def _four_bits(images: Tensor) -> bytes:
    """Pixels in [0, 1] as 16 shades, two per byte, the first in the high half; gzipped.

    At level 6: level 9 saves a fortieth of the bytes, and takes nine times as long.
    """
    return gzip.compress(four_bit_pixels(images), 6, mtime=0)


def _checked_images(x: Tensor) -> tuple[Tensor, Tensor]:
    """Images for training and for testing."""
    check_image_rows(x)
    if math.isqrt(x.shape[1]) ** 2 != x.shape[1]:
        raise ValueError(
            f"the browser trains on square images, (N, side²), not {tuple(x.shape)}."
        )
    if x.shape[1] > MOST_PIXELS:
        side = math.isqrt(x.shape[1])
        raise ValueError(
            f"the browser trains on images of up to 28 × 28 pixels, not {side} × {side}: "
            "make them smaller, for example with data.half_size."
        )
    if len(x) < TESTED + BATCH:
        raise ValueError(
            f"at least {TESTED + BATCH} images are needed, {TESTED} of them for testing, "
            f"not {len(x)}."
        )
    if not (x.min() >= 0 and x.max() <= 1):  # "not" also refuses NaN
        raise ValueError("pixels must be in [0, 1], 1 for ink.")
    return x[:-TESTED][:IMAGES], x[-TESTED:]


# --- the weights ------------------------------------------------------------------------


def _layers(model: Model) -> list[list[nn.Linear]]:
    """The four layers of the browser's network; the second has a VAE's μ and log σ²."""
    linears = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    return [linears[:1], linears[1:-2], linears[-2:-1], linears[-1:]]


@torch.no_grad()
def _pack(model: Model) -> bytes:
    """The weights in the order of trainer.js: of each layer Wᵀ, then b. The browser's
    encoder always gives log σ² as well: that of an autoencoder is 0."""
    parts = []
    for layer in _layers(model):
        weight = torch.cat([linear.weight for linear in layer])
        bias = torch.cat([linear.bias for linear in layer])
        if layer[0] is model.encoder[-1]:  # of an autoencoder
            weight = torch.cat([weight, torch.zeros_like(weight)])
            bias = torch.cat([bias, torch.zeros_like(bias)])
        parts += [weight.T.flatten(), bias]
    return torch.cat(parts).cpu().numpy().astype("<f4").tobytes()


@torch.no_grad()
def _unpack(parameters: bytes, model: Model) -> Model:
    """The model with the weights of the browser: the inverse of ``_pack``."""
    rest = torch.from_numpy(np.frombuffer(parameters, "<f4").copy())
    for layer in _layers(model):
        n_out = sum(linear.out_features for linear in layer)
        if layer[0] is model.encoder[-1]:
            n_out *= 2  # log σ² is left out
        size = layer[0].in_features * n_out
        weight, bias, rest = rest.split([size, n_out, len(rest) - size - n_out])
        rows = weight.view(-1, n_out).T
        for linear in layer:
            linear.weight.copy_(rows[: linear.out_features])
            linear.bias.copy_(bias[: linear.out_features])
            rows, bias = rows[linear.out_features :], bias[linear.out_features :]
    return model


def _checked_width(model: Model, inputs: int) -> int:
    """Width of the hidden layers; TypeError or ValueError for a model that does not fit."""
    if not isinstance(model, Autoencoder | VAE):
        raise TypeError(
            f"model must be a models.Autoencoder or models.VAE, not {type(model).__name__}."
        )
    linears = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    width = linears[0].out_features
    expected = type(model)(inputs, 2, (width,))
    shapes = [tuple(weight.shape) for weight in model.parameters()]
    if shapes != [tuple(weight.shape) for weight in expected.parameters()]:
        raise ValueError(
            f"the browser trains a network of {inputs} inputs, one hidden layer and a code "
            f"of 2 numbers: {type(model).__name__}({inputs}, 2, hidden=({width},))."
        )
    for part, n_in in (("encoder", inputs), ("decoder", 2)):
        pair = [browser_network(getattr(one, part), n_in) for one in (model, expected)]
        if pair[0]["layers"] != pair[1]["layers"]:
            raise ValueError(f"the {part} has other layers than Linear, ReLU, Linear.")
    return width


# --- the state as text --------------------------------------------------------------------


def _parse(state: str) -> dict[str, str]:
    """ "width=64&0=vae" -> {"width": "64", "0": "vae"}"""
    pairs = [part.partition("=") for part in state.split("&") if part]
    return {key: value for key, _, value in pairs}


def _settings(value: str) -> dict[str, str]:
    """ "vae,beta:4" -> {"objective": "vae", "beta": "4"}"""
    pairs = [part.split(":", 1) for part in value.split(",")]
    return {pair[0] if pair[1:] else "objective": pair[-1] for pair in pairs}


def _objective(query: Mapping[str, str]) -> str:
    """The last objective that a state sets."""
    changes = sorted((int(key), _settings(query[key])) for key in query if key.isdecimal())
    named = [one["objective"] for _, one in changes if "objective" in one]
    return named[-1] if named else OBJECTIVES[0]


def _check_state(state: str, datasets: Collection[str]) -> None:
    """TraitError, in words, for a state that the view could not restore."""
    for key, value in _parse(state).items():
        if key == "data":
            known = value in datasets
        elif key == "width":
            known = value.isdecimal() and 1 <= int(value) <= WIDEST
        elif key in ("seed", "steps"):
            known = value.isdecimal()
        elif key.isdecimal():
            known = all(map(_is_setting, _settings(value).items()))
        else:
            known = False
        if not known:
            raise TraitError(
                f'"{key}={value}" in state means nothing here; a state is such as {EXAMPLE}'
            )


def _is_setting(setting: tuple[str, str]) -> bool:
    name, value = setting
    if name == "objective":
        return value in OBJECTIVES
    try:
        return name in KNOBS and (name == "lr") * 1e-9 <= float(value) < math.inf
    except ValueError:
        return False
