"""What every test of the package starts from; the notebooks see nothing of this."""

import os
import signal

import pytest
import torch
from deck_inspection import offline_pages
from hypothesis import settings
from jupyterlab_session import chromium

# The same examples on every run, and no clock: a slow machine is not a wrong one.
settings.register_profile("course", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("course")

# No windows; read when matplotlib is imported.
os.environ.setdefault("MPLBACKEND", "agg")

# The tensors of the tests are tiny: a second thread would only wait for the first.
torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    """A warning is an error in a test; a notebook's warnings are test_notebooks' matter.

    And a test that has the fixture browser or slow, itself or by another, is marked so.
    """
    for item in items:
        if isinstance(item, pytest.Function):
            item.add_marker(pytest.mark.filterwarnings("error"), append=False)
            for name in {"browser", "slow"}.intersection(item.fixturenames):
                item.add_marker(name)


@pytest.fixture(scope="session")
def slow():
    """For fixtures that train, start processes or take a second; a test is marked slow."""


@pytest.fixture(autouse=True)
def same_start(monkeypatch):
    """Each test starts from the same seed, on the CPU, whichever tests ran before."""
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def stop_button():
    """Ctrl-C interrupts, here and in what a test starts, even if the shell ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def offline(browser):
    with offline_pages(browser) as open_file:
        yield open_file
