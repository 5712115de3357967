"""The decks of the executed notebooks, in a browser without a network."""

import json
import os
from pathlib import Path

import nbformat
import pytest
from deck_inspection import (
    LAYOUT_PROBLEMS,
    PRINT_PROBLEMS,
    SHOW_ALL,
    axe_violations,
    cpu_seconds,
    offline_files,
    offline_page,
    printed_pages,
    report,
    unresponsive,
)

from tools import files, slides

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 4_000_000  # bytes, which mail and learning platforms take
VIEW = "application/vnd.jupyter.widget-view+json"
SLOWEST = 1.5  # CPU seconds until a deck can be shown


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return request.param


@pytest.fixture(scope="module")
def deck(slow, notebook, tmp_path_factory):
    """The deck of each notebook, built once.

    If nbval has saved the executed notebook (see conftest.py at the root), the deck is made
    of it and saved beside it; else the notebook is executed here.
    """
    path, target = notebook, tmp_path_factory.mktemp("deck") / "deck.html"
    run = Path(os.environ.get("COURSE_RUNS", target.parent)) / path.name
    if not run.exists():
        slides.build(path, target)
        return target
    saved = run.with_suffix(".html")
    if not saved.exists():
        files.write(saved, slides.deck(nbformat.read(run, as_version=4), path))
    return saved


@pytest.fixture(scope="module")
def opened(deck, browser):
    """A new page that shows the deck, CPU seconds until it does, the number of slides."""
    with offline_page(browser) as window, offline_files(window) as open_file:
        page = open_file(deck)
        yield window, cpu_seconds(page), page.evaluate("Reveal.getSlides().length")


@pytest.fixture
def offline(opened):
    """Opens the deck again in its page: a new one would take a second longer."""
    with offline_files(opened[0]) as open_file:
        yield open_file


@pytest.fixture
def page(opened, deck, request):
    """The deck's slides, as the tests before left them."""
    (page, errors), *_ = opened
    if "?" in page.url:
        page = request.getfixturevalue("offline")(deck)
    yield page
    report(errors)


def test_a_deck_is_small_and_opens_fast(page, deck, opened):
    _, seconds, _ = opened
    assert deck.stat().st_size < LARGEST
    assert seconds < SLOWEST


def test_a_deck_shows_every_figure_that_the_notebook_stores(page, notebook):
    stored = [
        output.data
        for cell in nbformat.read(notebook, as_version=4).cells
        for output in cell.get("outputs", [])
        if "data" in output and VIEW not in output.data  # widgets are alive in the deck
    ]
    figures = sum("image/png" in data for data in stored)
    assert page.locator("img:not([src^='data:image/svg'])").count() == figures > 0


def test_every_slide_is_inside_its_box(page):
    assert page.evaluate(LAYOUT_PROBLEMS) == []


def test_every_widget_responds_and_its_slide_does_not_turn(page):
    names = page.evaluate(
        "Reveal.getSlides().filter((s) => s.querySelector('.widget')).map((s) => s.id)"
    )
    assert names
    for name in names:
        assert unresponsive(page, name) == [], name
        assert page.evaluate("Reveal.getCurrentSlide().id") == name


# The tests below need no slides.


def test_each_slide_is_one_printed_page_and_fits_it(opened, deck, offline):
    _, _, count = opened
    in_print = offline(deck, "?print-pdf")
    in_print.wait_for_selector(".pdf-page")
    assert in_print.evaluate(PRINT_PROBLEMS) == []
    assert printed_pages(in_print) == count


def test_axe_finds_no_violation_on_any_slide(deck, offline):
    column = offline(deck, "?view=reading")
    column.evaluate(SHOW_ALL)
    assert axe_violations(column) == []


def test_a_deck_holds_no_path_of_the_machine_that_made_it(deck):
    page = deck.read_text("utf-8")
    for path in (ROOT, Path.home(), deck.parent):
        for form in (str(path), path.as_posix(), json.dumps(str(path))[1:-1]):
            # A short path such as /root may be a word of the text: look for paths inside.
            assert (form if len(path.parts) > 2 else f"{form}{os.sep}") not in page
