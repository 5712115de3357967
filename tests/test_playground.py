"""The page that trains without a notebook, in a browser without a network."""

import re
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from widget_page import grays

from course_utils.widgets import LiveTraining
from tools import playground

ROOT = Path(__file__).parents[1]
LARGEST = 1_000_000  # bytes


@pytest.fixture(scope="module")
def path(slow, tmp_path_factory):
    target = tmp_path_factory.mktemp("page") / "a page.html"
    playground.main(["-o", str(target)])
    return target


def test_the_command_writes_the_same_small_file_and_says_where(path, tmp_path, capsys):
    again = tmp_path / "new folder" / "page.html"
    playground.main(["-o", str(again)])
    assert capsys.readouterr().out == f"Open it in a browser: {again}\n"
    assert again.read_bytes() == path.read_bytes()
    assert path.stat().st_size < LARGEST


def test_a_file_that_cannot_be_written_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(playground, "page", str)
    (tmp_path / "taken").touch()
    with pytest.raises(SystemExit, match="could not be written"):
        playground.main(["-o", str(tmp_path / "taken" / "page.html")])


def states() -> list[str]:
    """The states of LiveTraining in the links of the questions."""
    addresses = re.findall(r'href="\?([^"]+)"', playground.PAGE.template)
    return [parse_qs(address)["live"][0] for address in addresses]


def test_each_question_has_a_valid_state_and_a_notebook(slow):
    questions = re.findall(r"<li>(.*?)</li>", playground.PAGE.template, re.DOTALL)
    assert len(questions) == len(states()) > 3
    widget = LiveTraining()
    for state in states():
        widget.state = state  # an error for an unknown one
    titles = re.findall(r"· notebook (.*?)</span>", playground.PAGE.template)
    assert len(titles) == len(questions)
    readme = (ROOT / "README.md").read_text("utf-8")
    for title in titles:
        assert f"| [{title}](notebooks/" in readme


# --- in a browser ---------------------------------------------------------------------


def test_it_opens_from_the_disk(path, offline):
    page = offline(path)
    assert page.locator(".widget").get_attribute("data-awake") == "yes"
    assert page.locator("main .live-training").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"
    (heading,) = page.locator("h1").all()
    assert page.title() == heading.inner_text()
    assert page.get_by_text("did not start").is_hidden()


def test_it_trains_and_pauses(path, offline):
    page = offline(path)
    train = page.get_by_role("button", name="train", exact=False).first
    train.press("Space")
    page.get_by_role("button", name="pause").press("Space")
    train.wait_for()
    text = page.locator(".lt-state").input_value()
    assert int(parse_qs(text)["steps"][0]) > 0


def test_the_link_of_a_question_restores_a_trained_network(path, offline):
    page = offline(path)
    link = page.get_by_role("link", name="VAE after 1500 steps")
    link.click()
    page.locator(".live-training", has_text="step 1500").wait_for()
    assert page.get_by_role("radio", name="VAE").is_checked()
    text = page.locator(".lt-state").input_value()
    assert parse_qs(text)["0"] == ["vae"] and parse_qs(text)["steps"] == ["1500"]


@pytest.mark.parametrize("width, scheme", [(390, "light"), (390, "dark"), (1600, "dark")])
def test_it_fits_the_window_in_light_and_dark(path, offline, width, scheme):
    page = offline(path)
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    share = page.locator(".widget").bounding_box()["width"] / width
    assert share > 0.9
    ink, paper = grays(page.locator("body"))
    assert abs(ink - paper) > 128 and (paper > 128) == (scheme == "light")
    page.emulate_media(media="print", color_scheme=scheme)
    ink, paper = grays(page.locator("body"))
    assert ink < 80 and paper > 200


def test_a_widget_that_fails_is_reported_in_words(path, browser, tmp_path):
    broken = tmp_path / "page.html"
    text = path.read_text("utf-8")
    assert text.count("export default") == 1
    broken.write_text(text.replace("export default", "throw"), encoding="utf-8")
    page = browser.new_page()
    page.goto(broken.as_uri())
    page.get_by_text("The training did not start.").wait_for()
    page.close()
