"""What the tests of the widgets in a real browser start from."""

import pytest
from lab import open_page


@pytest.fixture
def page(browser):
    with open_page(browser) as page:
        yield page
