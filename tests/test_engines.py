"""Decks and widgets in Firefox, and in WebKitGTK, which has Safari's engine.

``apt install firefox-esr webkit2gtk-driver xvfb`` brings both to Debian. A missing one
is skipped; COURSE_REQUIRE_ENGINES=1 turns that into a failure.
"""

from pathlib import Path

import nbformat
import pytest
from deck_inspection import LAYOUT_PROBLEMS, LOOK, SHOW_SLIDE, controls
from engines import ENGINES
from small_widgets import deck_of_widgets

from course_utils import widgets
from tools import slides

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module", params=ENGINES)
def engine(request, slow):
    with ENGINES[request.param]() as opened:
        yield opened


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_deck_fits_its_slides_without_an_error(engine, path, tmp_path):
    """With the stored outputs: the widgets are pictures."""
    engine.open(slides.deck(nbformat.read(path, as_version=4), path), tmp_path)
    assert engine.evaluate(LAYOUT_PROBLEMS) == []
    assert engine.evaluate("() => errors") == []


@pytest.fixture(scope="module")
def deck(engine, tmp_path_factory):
    """A deck with a widget of each kind, open in the engine."""
    engine.open(deck_of_widgets(), tmp_path_factory.mktemp("deck"))
    return engine


@pytest.mark.parametrize("name", widgets.__all__)
def test_a_widget_answers_to_mouse_and_keys(deck, name):
    deck.evaluate(f"() => ({SHOW_SLIDE})('{name}')")
    stage = f"document.querySelector('#{name} .stage')"
    deck.wait(f"document.querySelector('#{name} [data-awake=yes]')")
    shown, handle, _, keys = controls(name)

    def box(selector: str) -> list[float]:
        rect = f"{stage}.querySelector('{selector}').getBoundingClientRect()"
        return deck.evaluate(
            f"() => {{ const b = {rect}; return [b.x, b.y, b.width, b.height]; }}"
        )

    def look() -> str:
        return deck.evaluate(f"() => ({LOOK})({stage}.querySelector('{shown}'))")

    def at_rest() -> str:
        """What it shows, once it changes no more."""
        last, picture = "", look()
        while last != picture:
            deck.evaluate("() => new Promise((done) => setTimeout(done, 300))")
            last, picture = picture, look()
        return picture

    before = at_rest()
    left, top, width, height = box(handle)
    deck.drag(
        *(
            (left + x * width, top + y * height)
            for x, y in ((0.5, 0.4), (0.7, 0.6), (0.9, 0.7))
        )
    )
    after = at_rest()
    assert after != before, "the mouse changes nothing"
    deck.evaluate(f"() => {stage}.querySelector('{handle}').focus()")
    for key in keys:
        deck.press(key)
        if at_rest() != after:
            break
    else:
        raise AssertionError("no key changes anything")
    assert deck.evaluate("() => Reveal.getCurrentSlide().id") == name
    assert deck.evaluate("() => errors") == []
