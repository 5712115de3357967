"""choose_device() takes the fastest device; an environment variable overrides it."""

import pytest
import torch

from course_utils.device import choose_device


@pytest.fixture
def machine(monkeypatch):
    """A machine with the given accelerators, without the user's variable."""

    def machine(*, cuda=False, mps=False):
        monkeypatch.delenv("COURSE_DEVICE")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return machine


@pytest.mark.parametrize(
    "cuda, mps, expected",
    [
        (True, True, "cuda"),
        (True, False, "cuda"),
        (False, True, "mps"),
        (False, False, "cpu"),
    ],
)
def test_the_fastest_available_device_is_chosen(machine, cuda, mps, expected):
    machine(cuda=cuda, mps=mps)
    assert choose_device() == torch.device(expected)


def test_the_variable_overrides_the_available_devices(machine, monkeypatch):
    machine(cuda=True)
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    assert choose_device() == torch.device("cpu")


def test_an_empty_variable_counts_as_unset(machine, monkeypatch):
    machine(cuda=True)
    monkeypatch.setenv("COURSE_DEVICE", "")
    assert choose_device() == torch.device("cuda")


@pytest.mark.parametrize("name", ["abacus", "cuda:99", "cpu:x", "gpu"])
def test_a_device_that_is_not_available_is_refused(monkeypatch, name):
    monkeypatch.setenv("COURSE_DEVICE", name)
    words = f"COURSE_DEVICE is '{name}'.*unset it.*cpu.*cuda:1 or mps"
    with pytest.raises(ValueError, match=words):
        choose_device()
