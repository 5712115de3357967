"""The course's decks, of notebooks that have run, in a browser without a network."""

import json
import os
import time
from pathlib import Path

import nbformat
import pytest
from deck_inspection import LOOK, LOOK_AT_PAPER, offline_pages, pages, unresponsive

from tools import files, slides

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 8_000_000  # bytes; notebook 06 carries five networks
SLOWEST = 2.0  # seconds until a deck can be shown


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def deck(slow, request, tmp_path_factory):
    """The deck of each notebook, built once.

    Of the run that its own tests have kept, if they came before (see conftest.py at the
    root), and kept beside it; else it is executed, as an instructor does.
    """
    path, target = request.param, tmp_path_factory.mktemp("deck") / "deck.html"
    run = Path(os.environ.get("COURSE_RUNS", target.parent)) / path.name
    if not run.exists():
        slides.build(path, target)
        return target
    kept = run.with_suffix(".html")
    if not kept.exists():
        files.write(kept, slides.deck(nbformat.read(run, as_version=4), path))
    return kept


@pytest.mark.timing
def test_a_deck_is_small_and_opens_fast(deck, offline):
    assert deck.stat().st_size < LARGEST
    seconds = []
    for _ in range(3):  # the best of three: another process may hold the machine
        start = time.monotonic()
        offline(deck).close()
        seconds.append(time.monotonic() - start)
        if seconds[-1] < SLOWEST:
            break
    assert min(seconds) < SLOWEST


@pytest.fixture(scope="module")
def page(deck, browser):
    """The deck, opened once."""
    with offline_pages(browser) as open_file:
        yield open_file(deck)


def test_every_slide_is_inside_its_box(page):
    assert page.evaluate(LOOK) == []


def test_each_slide_is_one_printed_page_and_fits_it(page, deck, offline):
    count = page.evaluate("Reveal.getSlides().length")  # paper might count others
    paper = offline(deck, "?print-pdf")
    paper.wait_for_selector(".pdf-page")
    assert paper.evaluate(LOOK_AT_PAPER) == []
    assert pages(paper) == count


def test_a_deck_holds_no_path_of_the_machine_that_made_it(deck):
    page = deck.read_text("utf-8")
    for path in (ROOT, Path.home(), deck.parent):
        for form in (str(path), path.as_posix(), json.dumps(str(path))[1:-1]):
            # A short home such as /root is a word, too: then only what lies in it.
            assert (form if len(path.parts) > 2 else f"{form}{os.sep}") not in page


def test_every_widget_responds_and_its_slide_does_not_turn(page):
    names = page.evaluate(
        "Reveal.getSlides().filter((s) => s.querySelector('.widget')).map((s) => s.id)"
    )
    assert names
    for name in names:
        assert unresponsive(page, name) == [], name
        assert page.evaluate("Reveal.getCurrentSlide().id") == name
