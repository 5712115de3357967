"""Checkpoints are read as trained, in half precision; foreign ones are refused."""

import math
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from course_utils import data
from course_utils.generative import pretrained
from course_utils.generative.diffusion import diffuse
from course_utils.theory.elbo import elbo, importance_weighted_bound
from tools import train_checkpoints

SHIPPED = files("course_utils") / "checkpoints"
EPOCHS = {"vq_vae_2": (1, 1, 1), "digit_gan": 1, "digit_diffusion": 1, "binary_vae": 1}


@pytest.mark.parametrize("name", train_checkpoints.MAKERS)
def test_the_recipe_makes_the_weights_that_are_read(name, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "files", lambda package: tmp_path)
    monkeypatch.setattr(train_checkpoints, "CHECKPOINTS", tmp_path / "checkpoints")
    (tmp_path / "checkpoints").mkdir()
    torch.manual_seed(0)
    made = train_checkpoints.MAKERS[name](torch.rand(8, 784), torch.arange(8), EPOCHS[name])
    train_checkpoints.write(name, made)
    read = getattr(pretrained, name)()
    for a, b in zip(made, read if isinstance(read, tuple) else (read,), strict=True):
        for (key, want), got in zip(a.state_dict().items(), b.state_dict().values()):
            assert_close(got, want, rtol=1e-3, atol=1e-3, msg=key)  # 11 bits of precision
        assert not b.training and not any(p.requires_grad for p in b.parameters())


@pytest.mark.parametrize("name", train_checkpoints.MAKERS)
def test_the_shipped_weights_are_small_and_in_half_precision(name):
    states = torch.load(SHIPPED / f"{name}.pt", weights_only=True)
    kinds = {value.dtype for state in states for value in state.values()}
    assert torch.float16 in kinds and not kinds & {torch.float32, torch.float64}
    assert (SHIPPED / f"{name}.pt").stat().st_size < 3e6


def test_the_shipped_gan_draws_pixels():
    torch.manual_seed(0)
    x = pretrained.digit_gan().sample(50)
    assert x.shape == (50, 784) and x.min() >= 0 and x.max() <= 1
    assert 0.05 < x.mean() < 0.3  # MNIST's mean is 0.13


def test_the_shipped_denoiser_predicts_the_noise():
    """On digits the error is small; the prediction 0 would have an error of 784."""
    model = pretrained.digit_diffusion()
    x = 2 * data.mnist("test")[0][:50].cpu() - 1
    torch.manual_seed(0)
    eps = torch.randn_like(x)
    t = torch.full((50,), pretrained.STEPS // 2)
    error = model(diffuse(x, eps, model.alpha_bar[t, None]), t) - eps
    assert error.square().sum(1).mean() < 100


def test_the_vae_of_binarized_digits_has_the_network_and_the_bound_of_the_literature():
    """784-200-200-50 with tanh; the ELBO on the 10 000 test digits is −93.9 nats."""
    model = pretrained.binary_vae()
    encoder = [layer for layer in model.encoder.modules() if not list(layer.children())]
    decoder = [layer for layer in model.decoder.modules() if not list(layer.children())]
    kinds = [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    assert [type(layer) for layer in decoder] == kinds
    assert [type(layer) for layer in encoder] == [*kinds, nn.Linear]  # μ and log σ²
    widths = [layer.in_features for layer in encoder if isinstance(layer, nn.Linear)]
    assert widths == [784, 200, 200, 200]
    assert [layer.out_features for layer in decoder[::2]] == [200, 200, 784]

    torch.manual_seed(0)
    x = torch.bernoulli(data.mnist("test")[0][::5].cpu())
    bound = elbo(model.encoder, model.decoder, x).mean()
    # Of 2000 digits with a spread of 27 nats the mean has a standard error of 0.6.
    assert bound == pytest.approx(-93.9, abs=3)
    few = x[::10]
    tighter = importance_weighted_bound(model.encoder, model.decoder, few, samples=50)
    gap = (tighter - elbo(model.encoder, model.decoder, few)).mean()
    assert gap == pytest.approx(3.5, abs=0.7)  # four nats below log p(x)


class CreatesFile:
    """A pickle that calls a function when it is loaded, here to create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def nan_in(states):
    next(iter(states[0].values())).view(-1)[0] = math.nan
    return states


FOREIGN = {
    "one that runs code": lambda states, trace: CreatesFile(trace),
    "one with nested code": lambda states, trace: [{"weight": CreatesFile(trace)}],
    "another model": lambda states, trace: nn.Linear(2, 2),
    "another model's weights": lambda states, trace: [nn.Linear(2, 2).state_dict()],
    "one model more": lambda states, trace: states * 2,
    "other names": lambda states, trace: [
        {f"module.{key}": value for key, value in state.items()} for state in states
    ],
    "NaN": lambda states, trace: nan_in(states),
    "a number": lambda states, trace: 7,
}


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    """A folder that replaces the shipped checkpoints."""
    monkeypatch.setattr(pretrained, "files", lambda package: tmp_path)
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_checkpoint_is_refused_and_not_executed(make, checkpoints, tmp_path):
    states = torch.load(SHIPPED / "digit_gan.pt", weights_only=True)
    torch.save(make(states, tmp_path / "trace"), checkpoints / "digit_gan.pt")
    with pytest.raises(ValueError, match="does not hold the weights of digit_gan: get the"):
        pretrained.digit_gan()
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("content", [b"", b"<html>", None], ids=["empty", "page", "half"])
def test_a_damaged_checkpoint_is_refused(content, checkpoints):
    whole = (SHIPPED / "digit_gan.pt").read_bytes()
    half = whole[: len(whole) // 2]
    (checkpoints / "digit_gan.pt").write_bytes(half if content is None else content)
    with pytest.raises(ValueError, match="digit_gan.*train them again with python -m"):
        pretrained.digit_gan()


def test_an_unknown_checkpoint_name_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train_checkpoints", "vqvae"])
    with pytest.raises(SystemExit):
        train_checkpoints.main()
    assert "vq_vae_2" in capsys.readouterr().err
