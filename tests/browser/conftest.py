"""What the tests of the widgets in a real browser start from."""

import pytest
from jupyterlab_session import SIZE, nothing_wrong, open_page


@pytest.fixture(scope="module")
def window(browser):
    """One page for all tests of a file: a new one takes longer than most of them."""
    with open_page(browser) as page:
        yield page


@pytest.fixture
def page(window):
    """The page as if it were new."""
    window.set_viewport_size(SIZE)
    window.emulate_media(color_scheme="light", reduced_motion="no-preference")
    window.mouse.up()  # in case that a test before has failed
    window.mouse.move(0, 0)
    window.goto("about:blank")
    with nothing_wrong(window):
        yield window
        window.evaluate("() => new Promise(requestAnimationFrame)")  # late errors, too
