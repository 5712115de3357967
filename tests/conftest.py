"""Settings and fixtures of all tests; the runs of notebooks do not use them."""

import signal

import matplotlib
import pytest
from deck_inspection import offline_files, offline_page
from hypothesis import settings
from jupyterlab_session import chromium

# The same examples on every run, and no deadline: a slow machine is not an error.
settings.register_profile("course", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("course")


def pytest_collection_modifyitems(items):
    """Turn warnings into errors, and mark the tests that use the fixture browser or slow.

    For the warnings in notebooks there is a rule in test_notebooks.py.
    """
    for item in items:
        if isinstance(item, pytest.Function):
            item.add_marker(pytest.mark.filterwarnings("error"), append=False)
            for name in {"browser", "slow"}.intersection(item.fixturenames):
                item.add_marker(name)


@pytest.fixture(scope="session")
def slow():
    """Requested by fixtures that train, start processes or take a second."""


@pytest.fixture(scope="session")
def torch():
    """torch with one thread, since the tensors of the tests are too small for a second.

    Imported here: the process that distributes the tests loads this file, but runs none.
    """
    import torch

    torch.set_num_threads(1)
    return torch


@pytest.fixture(scope="session", autouse=True)
def no_windows():
    """Not by MPLBACKEND: kernels that tests start would inherit it, and show no figures."""
    matplotlib.use("agg")


@pytest.fixture(autouse=True)
def same_start(monkeypatch, torch):
    """Each test starts from the same seed, on the CPU, whichever tests ran before."""
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    # torch.manual_seed would keep a stack trace for GPUs not yet in use, in a millisecond.
    torch.default_generator.manual_seed(0)


@pytest.fixture(autouse=True)
def stop_button():
    """Ctrl-C interrupts, here and in what a test starts, even if the shell ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def offline_window(browser):
    """One page for all files that the tests open: a new one takes a second."""
    with offline_page(browser) as window:
        yield window


@pytest.fixture
def offline(offline_window):
    with offline_files(offline_window) as open_file:
        yield open_file
