"""Weights are saved completely or not at all, and loaded only where they fit."""

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from course_utils import saving
from course_utils.models import VAE, SparseAutoencoder
from course_utils.saving import load_weights, save_weights


def weights(model):
    return torch.cat([value.flatten() for value in model.state_dict().values()])


def vae(k=3, hidden=(4,)):
    return VAE(6, k, hidden)


@pytest.mark.parametrize(
    "make", [vae, lambda: SparseAutoencoder(6, 8), lambda: nn.BatchNorm1d(5)]
)
def test_what_is_loaded_is_what_was_saved(tmp_path, make):
    torch.manual_seed(0)
    model, other = make(), make()
    if isinstance(model, nn.BatchNorm1d):
        model(torch.randn(7, 5))  # its buffers are saved, too
    save_weights(model, tmp_path / "model.pt")
    other.eval()
    assert load_weights(other, str(tmp_path / "model.pt")) is other
    assert weights(other).equal(weights(model))
    assert not other.training


def test_the_file_is_the_one_that_torch_writes(tmp_path):
    save_weights(vae(), tmp_path / "vae.pt")
    vae().load_state_dict(torch.load(tmp_path / "vae.pt", weights_only=True))
    torch.save(vae().state_dict(), tmp_path / "other.pt")
    load_weights(vae(), tmp_path / "other.pt")


def test_a_lazy_model_is_loaded_before_its_first_call(tmp_path):
    model = nn.Sequential(nn.LazyLinear(4))
    model(torch.randn(2, 3))
    save_weights(model, tmp_path / "lazy.pt")
    other = load_weights(nn.Sequential(nn.LazyLinear(4)), tmp_path / "lazy.pt")
    assert weights(other).equal(weights(model))


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "vae.pt"
    save_weights(vae(), path)
    before = path.read_bytes()

    def stops(weights, target):
        Path(target).write_bytes(before[:10])
        raise KeyboardInterrupt

    monkeypatch.setattr(saving.torch, "save", stops)
    with pytest.raises(KeyboardInterrupt):
        save_weights(vae(), path)
    assert [file.name for file in tmp_path.iterdir()] == ["vae.pt"]
    assert path.read_bytes() == before


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_model_that_diverged_does_not_replace_a_file(tmp_path, value):
    model = vae()
    save_weights(model, tmp_path / "vae.pt")
    before = (tmp_path / "vae.pt").read_bytes()
    with torch.no_grad():
        model.decoder[0].weight[0, 0] = value
    with pytest.raises(
        ValueError, match=r"decoder.0.weight holds NaN or infinity, so noth"
    ):
        save_weights(model, tmp_path / "vae.pt")
    assert (tmp_path / "vae.pt").read_bytes() == before


def masked(value: float) -> nn.Module:
    model = nn.Linear(2, 2)
    model.register_buffer("mask", torch.tensor([0.0, value]))
    return model


def test_a_mask_of_infinities_is_saved_and_one_of_nan_is_not(tmp_path):
    save_weights(masked(-math.inf), tmp_path / "masked.pt")
    loaded = load_weights(masked(0.0), tmp_path / "masked.pt")
    assert loaded.mask.tolist() == [0, -math.inf]
    with pytest.raises(ValueError, match="mask holds NaN"):
        save_weights(masked(math.nan), tmp_path / "masked.pt")


def test_a_file_without_permission_is_not_called_damaged(tmp_path, monkeypatch):
    save_weights(vae(), tmp_path / "vae.pt")

    def refused(*_, **__):  # root may read every file
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(saving.torch, "load", refused)
    with pytest.raises(ValueError, match="no permission to read .*vae.pt"):
        load_weights(vae(), tmp_path / "vae.pt")


def test_a_folder_or_file_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"the folder .*gone does not exist"):
        save_weights(vae(), tmp_path / "gone" / "vae.pt")
    with pytest.raises(ValueError, match=r"there is no file .*vae.pt"):
        load_weights(vae(), tmp_path / "vae.pt")


MISFITS = {
    "another K": (
        lambda: vae(k=5),
        r"encoder.2.mu.weight is \(3, 4\) in the file and \(5, 4\) in the model; .*; and 1",
    ),
    "a layer more": (lambda: vae(hidden=(4, 4)), r"encoder.0.2.weight is not in the file"),
    "a layer less": (
        lambda: vae(hidden=()),
        r"encoder.0.mu.weight is not in the file; .*; and 10 more",
    ),
    "another model": (lambda: nn.Linear(2, 2), r"weight is not in the file"),
}


@pytest.mark.parametrize("make, message", MISFITS.values(), ids=MISFITS)
def test_a_model_that_does_not_fit_is_told_where_and_stays_as_it_is(
    tmp_path, make, message
):
    save_weights(vae(), tmp_path / "vae.pt")
    model = make()
    before = weights(model)
    with pytest.raises(ValueError, match=rf"vae.pt does not fit this model: .*{message}"):
        load_weights(model, tmp_path / "vae.pt")
    assert weights(model).equal(before)


class CreatesFile:
    """A pickle that calls a function when it is loaded, here to create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


OTHER = {
    "a page": lambda path: path.write_bytes(b"<html>"),
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(half_of(path)),
    "a whole model": lambda path: torch.save(vae(), path),
    "code": lambda path: torch.save(CreatesFile(path.with_name("trace")), path),
    "a list": lambda path: torch.save([1, 2], path),
}


def half_of(path):
    save_weights(vae(), path)
    content = path.read_bytes()
    return content[: len(content) // 2]


@pytest.mark.parametrize("write", OTHER.values(), ids=OTHER)
def test_a_file_of_something_else_is_refused_and_not_executed(tmp_path, write):
    write(tmp_path / "vae.pt")
    with pytest.raises(
        ValueError, match=r"vae.pt does not hold weights alone, or is damaged"
    ):
        load_weights(vae(), tmp_path / "vae.pt")
    assert not (tmp_path / "trace").exists()


def test_what_is_not_in_the_model_is_named(tmp_path):
    save_weights(nn.Linear(2, 2), tmp_path / "a.pt")
    with pytest.raises(ValueError, match="model: bias is not in the model"):
        load_weights(nn.Linear(2, 2, bias=False), tmp_path / "a.pt")


def test_what_is_no_tensor_in_the_file_is_named(tmp_path):
    torch.save({"weight": 1, "bias": torch.zeros(2)}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match="weight is no tensor in the file"):
        load_weights(nn.Linear(2, 2), tmp_path / "a.pt")
