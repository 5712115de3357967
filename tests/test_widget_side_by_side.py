"""SideBySide in Python: its state, traits and errors. The view: tests/browser."""

from base64 import b64decode

import numpy as np
import pytest
import torch
from torch import nn
from traitlets import TraitError

from course_utils import plots
from course_utils.widgets.side_by_side import SideBySide

LABELS = torch.tensor([0, 9, 3, 3, 1])


def make_decoder(*more: nn.Module, out: int = 16) -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, out), *more)


def make_side(**arguments) -> SideBySide:
    torch.manual_seed(0)
    models = {
        "AE": (make_decoder(), torch.randn(5, 2, requires_grad=True)),
        "VAE": (make_decoder(nn.Sigmoid(), out=25), torch.randn(5, 2)),
    }
    return SideBySide(models, LABELS, **arguments)


def test_state_holds_each_decoder_and_its_codes():
    torch.manual_seed(1)
    codes = [torch.randn(5, 2), torch.randn(5, 2)]
    decoders = [make_decoder(), make_decoder(nn.Sigmoid(), out=25)]
    widget = SideBySide(dict(zip(("AE", "VAE"), zip(decoders, codes))), LABELS)
    state = widget.get_state()
    assert state["names"] == ["AE", "VAE"]
    for sent, plane in zip(state["codes"], codes, strict=True):
        assert np.array_equal(np.frombuffer(sent, "<f4").reshape(5, 2), plane)
    assert np.frombuffer(state["labels"], "<u2").tolist() == LABELS.tolist()
    assert state["colors"] == list(plots.DIGIT_COLORS)
    for network, decoder in zip(state["decoders"], decoders, strict=True):
        parameters = torch.cat([p.detach().flatten() for p in decoder.parameters()])
        assert network["weights"] == parameters.half().numpy().tobytes()
    assert [network["layers"][-1][0] for network in state["decoders"]] == [
        "linear",
        "sigmoid",
    ]


def test_the_first_thousand_codes_are_shown():
    codes = torch.randn(1200, 2)
    widget = SideBySide({"AE": (make_decoder(), codes)}, torch.arange(1200) % 10)
    assert widget.codes[0] == codes[:1000].numpy().tobytes()
    assert len(np.frombuffer(widget.labels, "<u2")) == 1000
    assert "1000 codes" in repr(widget)


def test_z_and_the_box_can_be_set_and_observed():
    widget, changes = make_side(), []
    widget.observe(lambda change: changes.append(change["new"]), names=["z", "half_width"])
    assert (widget.half_width, widget.z) == (3, [0, 0])
    widget.set_state({"z": [0.5, -7], "half_width": 10})  # as a message from the browser
    assert changes == [[0.5, -7], 10]
    widget.half_width = 3
    assert widget.z == [0.5, -3], "z is moved into the smaller box"


@pytest.mark.parametrize(
    "name, value", [("half_width", 2), ("z", [float("nan"), 0]), ("z", [0]), ("z", "up")]
)
def test_traits_refuse_invalid_values(name, value):
    with pytest.raises(TraitError):
        setattr(make_side(), name, value)


CODES = torch.zeros(5, 2)
REFUSED = {
    "no model": (({}, LABELS), {}, TypeError, "dict of pairs"),
    "a list of pairs": (([(make_decoder(), CODES)], LABELS), {}, TypeError, "dict of"),
    "no pair": (({"AE": make_decoder()}, LABELS), {}, TypeError, "'AE' needs a pair"),
    "a function as decoder": (
        ({"AE": (lambda z: z, CODES)}, LABELS), {}, TypeError, "nn.Module"),
    "a layer without a browser's version": (
        ({"AE": (make_decoder(nn.LayerNorm(16)), CODES)}, LABELS), {},
        TypeError, "LayerNorm"),
    "a decoder of three numbers": (
        ({"AE": (nn.Linear(3, 16), CODES)}, LABELS), {}, ValueError, "has 3"),
    "pixels that make no square": (
        ({"AE": (make_decoder(out=15), CODES)}, LABELS), {}, ValueError, "15 numbers"),
    "codes in space": (
        ({"AE": (make_decoder(), torch.zeros(5, 3))}, LABELS), {}, ValueError, r"\(5, 3\)"),
    "codes of fewer images": (
        ({"AE": (make_decoder(), CODES), "PAE": (make_decoder(), CODES[1:])}, LABELS),
        {}, ValueError, "4 codes"),
    "no codes": (
        ({"AE": (make_decoder(), torch.zeros(0, 2))}, torch.zeros(0)),
        {}, ValueError, r"\(0, 2\)"),
    "no box": (
        ({"AE": (make_decoder(), CODES)}, LABELS), {"half_widths": ()}, ValueError, "half"),
    "an unknown argument": (
        ({"AE": (make_decoder(), CODES)}, LABELS), {"half_width": 3}, TypeError, "half_w"),
}  # fmt: skip


@pytest.mark.parametrize("arguments, named, error, message", REFUSED.values(), ids=REFUSED)
def test_invalid_arguments_are_refused(arguments, named, error, message):
    with pytest.raises(error, match=message):
        SideBySide(*arguments, **named)


def test_it_has_a_static_picture_and_a_stable_repr():
    widget = make_side()
    assert repr(widget) == "SideBySide(AE, VAE; 5 codes each, half_widths (3, 10))"
    picture = b64decode(widget._repr_mimebundle_()[0]["image/png"])
    assert picture.startswith(b"\x89PNG\r\n")
