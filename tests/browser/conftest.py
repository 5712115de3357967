"""Fixtures of the browser tests of widgets."""

import pytest
from jupyterlab_session import SIZE, no_errors, open_page


@pytest.fixture(scope="module")
def window(browser):
    """One page for all tests of a file: a new one takes longer than most of them."""
    with open_page(browser) as page:
        yield page


@pytest.fixture
def page(window):
    """The page, reset to its initial state."""
    window.set_viewport_size(SIZE)
    window.emulate_media(color_scheme="light", reduced_motion="no-preference")
    window.mouse.up()  # a failed test may have left it pressed
    window.mouse.move(0, 0)
    window.goto("about:blank")
    with no_errors(window):
        yield window
        window.evaluate("() => new Promise(requestAnimationFrame)")  # late errors, too
