"""What the tests of the widgets in a real browser start from."""

import pytest


@pytest.fixture
def page(browser):
    """A page with a touch screen; in the end, nothing may have gone wrong in it."""
    context = browser.new_context(
        viewport={"width": 1400, "height": 1000}, has_touch=True, device_scale_factor=2
    )
    page, errors = context.new_page(), []
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    yield page
    page.evaluate("() => window.jupyterapp?.serviceManager.sessions.shutdownAll()")
    context.close()
    assert not errors
