"""What the widgets send, take back and refuse; tests/test_browser.py looks at the pictures."""

import base64

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn
from traitlets import TraitError

from course_utils import plots
from course_utils.refresh import WIDGET_VIEW, _keep
from course_utils.widgets import Dial, LatentWalk

PNG = b"\x89PNG\r\n"


def make_decoder(*more: nn.Module, out: int = 784) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, out), *more)


def make_walk(decoder=None, n=50, **arguments) -> LatentWalk:
    generator = torch.Generator().manual_seed(1)
    codes = torch.randn(n, 2, generator=generator)
    decoder = decoder or make_decoder(nn.Sigmoid())
    return LatentWalk(decoder, codes, torch.arange(n) % 10, **arguments)


def sent(walk: LatentWalk, name: str, dtype: str) -> np.ndarray:
    return np.frombuffer(walk.get_state()[name], dtype)


def mimebundle(widget) -> dict:
    return widget._repr_mimebundle_()[0]


def figures(*values) -> dict:
    return {
        value: plots.curves([0, 1], {"y": [0, i]}, xlabel="x", ylabel="y", title=f"{value}")
        for i, value in enumerate(values)
    }


# --- the latent walk ------------------------------------------------------------------


def test_the_browser_gets_the_codes_with_their_classes_and_colors():
    codes = torch.randn(7, 2, requires_grad=True)  # straight from an encoder
    labels = torch.tensor([0, 9, 3, 3, 1, 7, 2])
    walk = LatentWalk(make_decoder(), codes, labels)
    assert np.array_equal(sent(walk, "codes", "<f4").reshape(7, 2), codes.detach())
    assert sent(walk, "labels", "u1").tolist() == labels.tolist()
    assert walk.get_state()["colors"] == list(plots.DIGIT_COLORS)


def test_weights_are_sent_once_in_half_precision_layer_by_layer():
    decoder = make_decoder(nn.Sigmoid())
    walk = make_walk(decoder)
    parameters = [parameter.detach().flatten() for parameter in decoder.parameters()]
    weights = torch.from_numpy(sent(walk, "weights", "<f2").copy())
    assert torch.equal(weights, torch.cat(parameters).half())
    assert walk.layers == [["linear", 2, 6], ["relu"], ["linear", 6, 784], ["sigmoid"]]


def test_a_nested_decoder_is_sent_as_the_flat_one():
    inner = make_decoder()
    assert (
        make_walk(nn.Sequential(inner, nn.Sigmoid())).get_state()["weights"]
        == (make_walk(nn.Sequential(*inner, nn.Sigmoid())).get_state()["weights"])
    )


def test_a_layer_without_bias_is_sent_with_zeros():
    walk = make_walk(nn.Linear(2, 4, bias=False))
    assert sent(walk, "weights", "<f2")[-4:].tolist() == [0, 0, 0, 0]


def test_the_share_of_the_prior_is_computed_in_python():
    walk = make_walk(half_widths=(1, 3, 5, 20))
    assert walk.prior_shares == ["46.6 %", "99.5 %", "99.9999 %", "100 %"]


def test_z_and_the_box_can_be_set_and_heard():
    walk, heard = make_walk(), []
    walk.observe(lambda change: heard.append(change["new"]), names=["z", "half_width"])
    assert (walk.half_width, walk.z) == (1, [0, 0])
    walk.set_state({"z": [0.5, -0.25], "half_width": 5})  # as a message from the browser
    assert heard == [[0.5, -0.25], 5]


@pytest.mark.parametrize(
    "name, value", [("half_width", 2), ("z", [float("nan"), 0]), ("z", [0]), ("z", "up")]
)
def test_traits_refuse_what_cannot_be_shown(name, value):
    with pytest.raises(TraitError):
        setattr(make_walk(), name, value)


CODES, LABELS = torch.zeros(4, 2), torch.zeros(4)
REFUSED = {
    "a layer without a browser's version": (
        (make_decoder(nn.Tanh()), CODES, LABELS), TypeError, "Tanh"),
    "a model that is no chain of layers": (
        (nn.Bilinear(2, 2, 4), CODES, LABELS), TypeError, "Bilinear"),
    "a decoder of three numbers": (
        (nn.Linear(3, 784), CODES, LABELS), ValueError, "reads 3"),
    "a decoder that learns nothing": (
        (nn.Sequential(nn.ReLU()), CODES, LABELS), ValueError, "has no Linear layer"),
    "layers that do not fit": (
        (nn.Sequential(nn.Linear(2, 5), nn.Linear(6, 784)), CODES, LABELS),
        ValueError, "5 numbers, the next reads 6"),
    "pixels that make no square": (
        (make_decoder(out=783), CODES, LABELS), ValueError, "783 numbers"),
    "codes with three columns": (
        (make_decoder(), torch.zeros(4, 3), LABELS), ValueError, r"\(4, 3\)"),
    "codes without a second axis": (
        (make_decoder(), torch.zeros(4), LABELS), ValueError, r"\(N, 2\)"),
    "codes that are not finite": (
        (make_decoder(), CODES / 0, LABELS), ValueError, "NaN or infinity"),
    "labels of another length": (
        (make_decoder(), CODES, torch.zeros(5)), ValueError, "4 codes"),
    "labels without a color": (
        (make_decoder(), CODES, LABELS + 10), ValueError, "0 to 9"),
    "no box": ((make_decoder(), CODES, LABELS, ()), ValueError, "half_widths"),
    "a box without extent": (
        (make_decoder(), CODES, LABELS, (1, 0)), ValueError, "half_widths"),
}  # fmt: skip


@pytest.mark.parametrize("arguments, error, words", REFUSED.values(), ids=REFUSED)
def test_what_the_browser_could_not_draw_is_refused_in_words(arguments, error, words):
    with pytest.raises(error, match=words):
        LatentWalk(*arguments)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e5])
def test_weights_that_float16_cannot_hold_are_refused(value):
    decoder = make_decoder()
    with torch.no_grad():
        decoder[0].weight[0, 0] = value
    with pytest.raises(ValueError, match="float16"):
        make_walk(decoder)


# --- the dial -------------------------------------------------------------------------


def test_the_slider_changes_the_picture_and_draws_nothing(monkeypatch):
    dial = Dial("λ", figures(0.1, 1, 10))
    monkeypatch.setattr(Figure, "savefig", None)  # drawing would fail from here on
    seen = []
    for value in (0.1, 1, 10):
        dial.slider.value = value
        seen.append(bytes(dial.image.value))
    assert len(set(seen)) == 3
    assert all(picture.startswith(PNG) for picture in seen)


def test_values_are_labeled_as_a_reader_would_write_them():
    values = (0.1 + 0.2, np.float32(0.1), 5, 784, "PCA")
    labels = [label for label, _ in Dial("k", figures(*values)).slider.options]
    assert labels == ["0.3", "0.1", "5", "784", "PCA"]


def test_a_dial_needs_figures():
    with pytest.raises(ValueError, match="at least one"):
        Dial("λ", {})
    with pytest.raises(TypeError, match="Figures; for 1 it got list"):
        Dial("λ", {1: [0, 1]})


def test_the_box_takes_z_with_it():
    walk = make_walk()
    walk.half_width = 5.0
    walk.z = [4.0, -0.5]
    walk.half_width = 1.0
    assert walk.z == [1.0, -0.5]


def test_a_kind_of_relu_is_a_relu():
    class OwnReLU(nn.ReLU):
        pass

    decoder = nn.Sequential(nn.Linear(2, 4), OwnReLU(), nn.Linear(4, 9), nn.Sigmoid())
    kinds = [layer[0] for layer in LatentWalk(decoder, torch.zeros(1, 2), [0]).layers]
    assert kinds == ["linear", "relu", "linear", "sigmoid"]


# --- both -----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [make_walk, lambda: Dial("λ", figures(0.1, 1))])
def test_a_picture_and_a_stable_text_stand_in_for_the_view(make):
    bundle = mimebundle(make())
    assert base64.b64decode(bundle["image/png"]).startswith(PNG)
    assert "0x" not in bundle["text/plain"]
    assert bundle["text/plain"] == mimebundle(make())["text/plain"]
    assert WIDGET_VIEW in bundle  # a live JupyterLab prefers it


def test_a_stored_notebook_keeps_the_picture_only():
    output = {"output_type": "execute_result", "data": mimebundle(make_walk())}
    assert _keep(output)
    assert set(output["data"]) == {"text/plain", "image/png"}


def test_the_picture_of_ten_thousand_codes_is_small():
    assert len(mimebundle(make_walk(n=10_000))["image/png"]) < 200_000  # characters
