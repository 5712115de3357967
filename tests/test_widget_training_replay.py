"""TrainingReplay in Python: its frames, traits and errors. The view: tests/browser."""

import json
import math
from base64 import b64decode

import numpy as np
import pytest
import torch
from ipywidgets.widgets.widget import _remove_buffers
from torch import nn
from traitlets import TraitError

from course_utils.models import VAE, Autoencoder
from course_utils.widgets import training_replay
from course_utils.widgets.training_replay import TrainingReplay

PNG = b"\x89PNG\r\n"
RECORDS = [
    {"epoch": 1, "loss": 5.0, "recon": 5.0},
    {"epoch": 1, "loss": 7.0, "recon": 6.0, "kl": 1.0},
]


def make_models(side: int = 6) -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {"AE": Autoencoder(side**2, 2, (8,)), "VAE": VAE(side**2, 2, (8,))}


def make_images(n: int = 40, side: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.rand(n, side**2), torch.arange(n) % 10


def make_replay(models=None) -> TrainingReplay:
    return TrainingReplay(models or make_models(), *make_images())


def codes_of(replay, frame: int, index: int) -> np.ndarray:
    return np.frombuffer(replay.frames[frame]["codes"][index], "<f2").reshape(-1, 2)


def pixels_of(data: bytes) -> np.ndarray:
    pairs = np.frombuffer(data, np.uint8)
    return np.stack([pairs >> 4, pairs & 15], 1).ravel() / 15


@torch.no_grad()
def stretch(model: nn.Module, factor: float) -> None:
    """Multiply the codes by a factor."""
    last = list(model.encoder.modules())[-1]
    last.weight *= factor
    last.bias *= factor


# --- frames --------------------------------------------------------------------------


def test_the_first_frame_is_before_training():
    models, (x, labels) = make_models(), make_images()
    replay = make_replay(models)
    assert (len(replay.frames), replay.epoch) == (1, 0)
    assert replay.frames[0]["terms"] == [{}, {}]
    assert np.frombuffer(replay.labels, np.uint8).tolist() == labels.tolist()
    with torch.no_grad():
        expected = models["AE"].encoder(x), models["VAE"].encoder(x)[0]
    for index, z in enumerate(expected):
        # float16 has 11 binary digits.
        assert codes_of(replay, 0, index) == pytest.approx(z.numpy(), rel=2**-11, abs=1e-7)


def test_reconstructions_are_pixels_of_either_model():
    """The AE's decoder gives pixels, which are clipped; the VAE's gives logits."""
    models, (x, _) = make_models(), make_images()
    replay = make_replay(models)
    assert replay.digits == [0, 1, 2, 3, 4, 5]
    with torch.no_grad():
        ae, vae = models["AE"](x[:6]).clamp(0, 1), models["VAE"](x[:6]).sigmoid()
    assert not torch.allclose(ae, vae, atol=0.1)
    sent = [replay.originals, *replay.frames[0]["images"]]
    for found, exact in zip(sent, (x[:6], ae, vae), strict=True):
        # 16 gray levels: an error of at most half a step of 1/15.
        assert np.abs(pixels_of(found) - exact.flatten().numpy()).max() <= 1 / 30 + 1e-6


def test_images_with_an_odd_number_of_pixels_are_packed():
    x = torch.rand(1, 25)
    replay = TrainingReplay({"AE": Autoencoder(25, 2, ())}, x, [7])
    assert len(replay.originals) == 13
    assert np.abs(pixels_of(replay.originals)[:25] - x[0].numpy()).max() <= 1 / 30 + 1e-6


def test_add_records_the_models_as_they_are_now():
    models = make_models()
    replay = make_replay(models)
    stretch(models["AE"], 3)
    replay.add(RECORDS)
    assert codes_of(replay, 1, 0) == pytest.approx(3 * codes_of(replay, 0, 0), rel=2e-3)
    assert np.array_equal(codes_of(replay, 1, 1), codes_of(replay, 0, 1))
    assert replay.frames[1]["terms"] == [
        {"loss": 5.0, "recon": 5.0},
        {"loss": 7.0, "recon": 6.0, "kl": 1.0},
    ]
    assert replay.epoch == 0, "Python does not change the epoch"


def test_recording_changes_neither_the_models_nor_the_random_state():
    models = make_models()
    replay = make_replay(models)
    before = [weight.clone() for model in models.values() for weight in model.parameters()]
    state = torch.get_rng_state()
    replay.add(RECORDS)
    after = [weight for model in models.values() for weight in model.parameters()]
    assert all(a.equal(b) for a, b in zip(before, after, strict=True))
    assert all(weight.grad is None for weight in after)
    assert torch.get_rng_state().equal(state)


def test_the_reach_holds_99_percent_of_the_widest_model_s_codes():
    models = make_models()
    stretch(models["AE"], 50)
    replay = make_replay(models)
    farthest = np.abs(codes_of(replay, 0, 0).astype(float)).max(1)
    assert (farthest <= replay.frames[0]["reach"]).mean() == pytest.approx(0.99, abs=0.02)


def test_forty_frames_of_three_models_are_small():
    torch.manual_seed(0)
    models = {name: Autoencoder(784, 2, ()) for name in ("AE", "PAE", "other")}
    replay = TrainingReplay(models, torch.rand(1000, 784), torch.arange(1000) % 10)
    replay.add([{"loss": 1.0}] * 3)
    assert len(replay.labels) == training_replay.POINTS
    *_, buffers = _remove_buffers({"frames": [replay.frames[1]]})
    assert 40 * sum(map(len, buffers)) < 450_000


def test_frames_are_sent_as_binary_buffers_and_the_rest_as_json():
    replay = make_replay()
    replay.add(RECORDS)
    state, paths, _ = _remove_buffers(replay.get_state())
    assert ["frames", 1, "codes", 0] in paths and ["frames", 1, "images", 1] in paths
    shown = {name: value for name, value in state.items() if not name.startswith("_")}
    json.dumps(shown, allow_nan=False, default=str)


# --- errors in add() ------------------------------------------------------------------


@pytest.mark.parametrize("place", ["_encode", "_pixels", "_checked_records"])
def test_an_interrupted_add_adds_nothing(monkeypatch, place):
    replay = make_replay()
    replay.add(RECORDS)
    before = replay.frames

    def press_stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training_replay, place, press_stop)
        with pytest.raises(KeyboardInterrupt):
            replay.add(RECORDS)
    assert replay.frames is before
    replay.add(RECORDS)
    assert len(replay.frames) == 3


def test_a_diverged_model_is_refused_and_adds_nothing():
    for factor in (math.nan, math.inf, 1e9):
        models = make_models()
        replay = make_replay(models)
        with torch.no_grad():
            models["VAE"].encoder[-1].mu.weight *= factor
        with pytest.raises(ValueError, match="VAE has codes that are NaN.*smaller lr"):
            replay.add(RECORDS)
        assert len(replay.frames) == 1


REFUSED_RECORDS = {
    "one too few": (RECORDS[:1], ValueError, r"2 models \(AE, VAE\), 1 records"),
    "a bare record": (RECORDS[0], ValueError, "2 models .*3 records"),
    "no dict": ([1.0, 2.0], TypeError, "AE has float"),
    "not finite": ([{"loss": math.nan}, {}], ValueError, '"loss" of AE is nan'),
}  # fmt: skip


@pytest.mark.parametrize(
    "records, error, message", REFUSED_RECORDS.values(), ids=REFUSED_RECORDS
)
def test_invalid_records_are_refused(records, error, message):
    replay = make_replay()
    with pytest.raises(error, match=message):
        replay.add(records)
    assert len(replay.frames) == 1


# --- errors in TrainingReplay() -------------------------------------------------------

X, LABELS = make_images(4)
MODELS = make_models()
REFUSED = {
    "no dict": (([MODELS["AE"]], X, LABELS), TypeError, "dict of names"),
    "no model": (({}, X, LABELS), TypeError, "dict of names"),
    "half a model": (
        ({"AE": nn.Linear(36, 2)}, X, LABELS), TypeError, "AE must have an encoder"),
    "three numbers": (
        ({"AE": Autoencoder(36, 3, ())}, X, LABELS), ValueError, r"those of AE are \(3,\)"),
    "no tensor": ((MODELS, X.tolist(), LABELS), TypeError, "tensor"),
    "no squares": ((MODELS, X[:, :35], LABELS), ValueError, r"square.*\(4, 35\)"),
    "no images": ((MODELS, X[:0], LABELS[:0]), ValueError, "square"),
    "labels of another length": (
        (MODELS, X, LABELS[:3]), ValueError, "4 images, labels of shape"),
    "labels without a color": ((MODELS, X, LABELS + 10), ValueError, "0 to 9"),
}  # fmt: skip


@pytest.mark.parametrize("arguments, error, message", REFUSED.values(), ids=REFUSED)
def test_invalid_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        TrainingReplay(*arguments)


def test_a_decoder_of_another_size_is_refused():
    model = Autoencoder(36, 2, ())
    model.decoder = nn.Linear(2, 49)
    with pytest.raises(ValueError, match=r"AE reconstructs \(4, 49\) from \(4, 36\)"):
        TrainingReplay({"AE": model}, X, LABELS)


# --- the epoch ------------------------------------------------------------------------


def test_the_epoch_stays_within_the_recorded_frames():
    replay = make_replay()
    replay.add(RECORDS)
    replay.epoch = 1
    for epoch in (-1, 2):
        with pytest.raises(TraitError, match="from 0 to 1"):
            replay.epoch = epoch
    assert replay.epoch == 1
    replay.set_state({"epoch": 0, "near": True})  # as a message from the browser
    assert (replay.epoch, replay.near) == (0, True)


# --- without the view -----------------------------------------------------------------


def test_it_has_a_picture_of_the_newest_frame_and_a_stable_repr():
    replay = make_replay()
    assert repr(replay) == "TrainingReplay(AE | VAE, 40 codes each, 0 epochs)"
    untrained = replay.picture()
    assert untrained.startswith(PNG)
    stretch(replay._models["AE"], 5)
    replay.add(RECORDS)
    assert repr(replay) == "TrainingReplay(AE | VAE, 40 codes each, 1 epoch)"
    data = replay._repr_mimebundle_()[0]
    newest = b64decode(data["image/png"])
    assert newest.startswith(PNG) and len(newest) < 100_000
    assert newest != untrained, "the picture is that of the newest frame"
    assert data["text/plain"] == repr(replay)
