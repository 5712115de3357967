"""DenoisingField in Python: its state, traits and errors. The view: tests/browser."""

from base64 import b64decode

import numpy as np
import pytest
import torch
from torch import nn
from traitlets import TraitError

from course_utils.theory.lattice import latent_lattice
from course_utils.widgets.denoising_field import DenoisingField


def make_denoiser(pull=0.5, to=(1.0, -1.0)) -> nn.Sequential:
    """The linear denoiser r(x) = x + pull (to − x)."""
    linear = nn.Linear(2, 2)
    with torch.no_grad():
        linear.weight.copy_((1 - pull) * torch.eye(2))
        linear.bias.copy_(pull * torch.tensor(to))
    return nn.Sequential(linear)


def make_field(denoisers=None, points=None) -> DenoisingField:
    denoisers = denoisers or {0.2: make_denoiser(), 0.4: make_denoiser(1.0)}
    points = torch.tensor([[1.0, -1.0], [0.0, 2.0]]) if points is None else points
    return DenoisingField(denoisers, points)


def points_in(values: bytes) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(values, "<f4").reshape(-1, 2).copy())


def test_state_holds_points_networks_and_their_fields():
    torch.manual_seed(0)
    points = torch.randn(7, 2, requires_grad=True)
    widget = make_field({0.2: make_denoiser(), 1: make_denoiser(1.0)}, points)
    assert torch.equal(points_in(widget.points), points.detach())
    lattice = points_in(widget.lattice)
    assert torch.equal(lattice, latent_lattice(2.82, 19).cpu())
    goal = torch.tensor([1.0, -1.0])
    for field, pull in zip(widget.fields, (0.5, 1.0), strict=True):
        torch.testing.assert_close(points_in(field), pull * (goal - lattice))
    assert widget.sigmas == [0.2, 1] and widget.sigma == 0.2
    assert [len(network["weights"]) for network in widget.networks] == [12, 12]


def test_sigma_and_start_can_be_set_and_observed():
    widget, changes = make_field(), []
    widget.observe(lambda change: changes.append(change["new"]), names=["sigma", "start"])
    widget.set_state({"sigma": 0.4, "start": [0.5, -1.5]})  # as a message from the browser
    assert changes == [0.4, [0.5, -1.5]]
    widget.start = [7, 0]
    assert widget.start == [3, 0], "the start is clipped to the plane"


@pytest.mark.parametrize(
    "name, value",
    [("sigma", 0.3), ("start", [float("nan"), 0]), ("start", [0]), ("start", "middle")],
)
def test_traits_refuse_invalid_values(name, value):
    with pytest.raises(TraitError):
        setattr(make_field(), name, value)


REFUSED = {
    "no denoiser": (({}, torch.zeros(1, 2)), ValueError, "at least one"),
    "a σ that is a word": (({"a": make_denoiser()}, torch.zeros(1, 2)), ValueError, "'a'"),
    "a negative σ": (({-1: make_denoiser()}, torch.zeros(1, 2)), ValueError, "not -1"),
    "a function": (({1: lambda x: x}, torch.zeros(1, 2)), TypeError, "function"),
    "a layer without a browser's version": (
        ({1: nn.Sequential(nn.Linear(2, 2), nn.Softsign())}, torch.zeros(1, 2)),
        TypeError, "Softsign"),
    "a network of three numbers": (
        ({1: nn.Linear(3, 2)}, torch.zeros(1, 2)), ValueError, "has 3"),
    "a network that leaves the plane": (
        ({1: nn.Linear(2, 3)}, torch.zeros(1, 2)), ValueError, "has 3"),
    "points in space": (
        ({1: make_denoiser()}, torch.zeros(4, 3)), ValueError, r"\(4, 3\)"),
    "too many points": (
        ({1: make_denoiser()}, torch.zeros(5001, 2)), ValueError, "at most 5000"),
}  # fmt: skip


@pytest.mark.parametrize("arguments, error, message", REFUSED.values(), ids=REFUSED)
def test_invalid_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        DenoisingField(*arguments)


def test_it_has_a_static_picture_and_a_stable_repr():
    widget = make_field()
    assert repr(widget) == "DenoisingField(σ = 0.2, 0.4; 2 points)"
    picture = b64decode(widget._repr_mimebundle_()[0]["image/png"])
    assert picture.startswith(b"\x89PNG\r\n")
