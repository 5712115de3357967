"""The site: pages of notebooks and docs, their links, and how they work in a browser.

It is built from stored outputs, or of the notebooks that nbval has just executed.
"""

import functools
import http.server
import json
import os
import re
import threading
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from deck_inspection import cpu_seconds, offline_files, offline_page
from test_docs import FORMULAS
from test_slides import WIDGET, claim, code, notebook, png, prints, shows, text, view, words
from widget_page import grays

from tools import files, site, slides
from tools.files import ToolError

LARGEST = 5_000_000  # bytes of a chapter with all that it loads
SLOWEST = 1.5  # CPU seconds until a chapter can be read
CHAPTER = "notebooks/06_variational_autoencoder.html"
PATH = Path("notebooks/09_small.ipynb")


# --- cells ----------------------------------------------------------------------------


def page(*cells, models=None):
    """The page of a small notebook."""
    return site.chapter(site.Lesson(PATH, notebook(*cells, models=models)))


def test_a_page_has_headings_that_the_contents_name():
    made = page(text("# 9 · Small"), text("## One $x$", name="one"), text("no heading"))
    assert made.title == "9 · Small"
    [(name, title)] = made.sections
    assert name == "one" and words(title) == "One x"
    assert '<h2 id="one">' in made.body


def test_code_is_shown_where_it_is_the_lesson_and_else_collapsed():
    shown = page(code("x = 1", name="lesson")).body
    assert "<details" not in shown and "<pre" in shown
    for cell in (
        code("import torch", kind="skip"),
        code("plot()", shows(image_png=png())),
        claim("claim(1)", "True."),
    ):
        outside = re.sub(r"<details.*?</details>", "", page(cell).body, flags=re.DOTALL)
        assert '<pre class="code"' not in outside
        assert '<details class="fold"><summary>code</summary>' in page(cell).body
    assert "True." in words(outside)


def test_answers_and_solutions_are_collapsed_and_the_stub_is_not():
    answer = page(code('answer(g, 2, "nats")', prints("Measured: 2 nats."))).body
    assert re.search(r"<details class=.measured.>.*Measured: 2 nats", answer, re.DOTALL)
    exercise = page(
        text("### Exercise 1", "skip", tags=["exercise"]),
        code("my_x = None", kind="skip", tags=["exercise"]),
        code("check_x(my_x)", prints("To do"), kind="skip", tags=["check"]),
        text("<details><summary>Solution</summary>\n\nfour\n</details>", tags=["solution"]),
    ).body
    open_part = words(re.sub(r"<details.*?</details>", "", exercise, flags=re.DOTALL))
    assert open_part == "Exercise 1 my_x = None"
    assert "four" in exercise


def test_cells_for_a_kernel_and_speaker_notes_are_left_out():
    made = page(
        code("guess_x = None", kind="skip", tags=["guess"]),
        code("progress({})", prints("0 of 1"), kind="skip", tags=["progress"]),
        text("say this", "notes"),
        text("seen"),
    )
    assert words(made.body) == "seen"


def test_an_error_names_the_cell():
    with pytest.raises(ToolError, match=r"09_small.ipynb, cell 'bad': LaTeX"):
        page(text(r"$\nothing$", name="bad"))


# --- the whole ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(slow, tmp_path_factory):
    """The folder of the site, with a small widget in notebook 06."""
    runs = Path(os.environ.get("COURSE_RUNS", "/no/runs"))
    lessons = []
    for path in files.course_notebooks():
        executed = runs / path.name
        if executed.exists():
            lessons.append(site.Lesson(path, nbformat.read(executed, as_version=4)))
        else:
            lessons.append(site.read(path, stored=True))
        if lessons[-1].place == CHAPTER:
            _add_widget(lessons[-1].notebook)
    folder = tmp_path_factory.mktemp("web") / "some path" / "site"
    site.write(lessons, folder)
    return folder


def _add_widget(lesson):
    lesson.cells.append(code("W()", view("1", image_png=png()), name="small-widget"))
    state = {"_esm": WIDGET, "_css": "", "rows": [{}, {}], "x": 0}
    buffers = [{"encoding": "base64", "path": ["rows", 1, "data"], "data": "Kg=="}]
    saved = lesson.metadata.setdefault("widgets", {}).setdefault(slides.WIDGET_STATE, {})
    saved.setdefault("state", {})["1"] = {"state": state, "buffers": buffers}


SCRIPTS = re.compile(r"(<script\b[^>]*>).*?</script>", re.DOTALL)


@functools.cache
def html_of(path):
    """The text of a page without scripts."""
    return SCRIPTS.sub(r"\1", path.read_text("utf-8"))


@functools.cache
def anchors(path):
    return re.findall(r'\sid="([^"]*)"', html_of(path))


def dead_links(folder):
    """Links and files of the pages in a folder that lead to no file or no anchor."""
    for path in folder.rglob("*.html"):
        # The text of a deck may hold such words in code, but no tag.
        found = re.findall(r'<[^<>]*?\s(?:href|src|data-home)="([^"]*)"', html_of(path))
        for address in map(unescape, found):
            if re.match(r"(https?|data):", address):
                continue
            name, _, anchor = address.partition("#")
            name = unquote(name.partition("?")[0])
            target = (path.parent / name).resolve() if name else path
            exists = target.is_file() and target.is_relative_to(folder.resolve())
            anchor = unquote(anchor).removeprefix("/")
            if not exists or (anchor and anchor not in anchors(target)):
                yield f"{path.relative_to(folder)}: {address}"


def test_every_link_has_a_target(built):
    assert list(dead_links(built)) == []


def test_no_page_has_an_anchor_twice(built):
    for path in built.rglob("*.html"):
        assert len(anchors(path)) == len(set(anchors(path))), path


def test_equal_headings_have_different_anchors(tmp_path):
    source = tmp_path / "changes.md"
    source.write_text("# Changes\n\n## Added\n\n## Added\n")
    made = site.doc_page(source, "docs/changes.html")
    assert re.findall(r'id="([^"]*)"', made.body) == ["changes", "added", "added-1"]


def test_decks_and_trainer_lead_back(built):
    for path in files.course_notebooks():
        deck = html_of(built / "slides" / f"{path.stem}.html")
        assert f'data-home="../notebooks/{path.stem}.html"' in deck
    assert '<a href="index.html">' in html_of(built / "trainer.html")


def test_no_page_asks_the_server_for_an_icon(built):
    for path in built.rglob("*.html"):
        assert '<link rel="icon" href="data:' in html_of(path), path


def test_a_dead_link_is_noticed(tmp_path):
    (tmp_path / "b.html").write_text('<p id="here">')
    good = '<a href="b.html#here"> <a href="#/me" id="me"> <a href="https://a.org/">'
    bad = '<a href="c.html"> <script src="d.js"> <a href="b.html#gone"> <a href="../x">'
    (tmp_path / "a.html").write_text(good + bad)
    assert len(list(dead_links(tmp_path))) == 4


def test_the_site_has_every_notebook_in_every_form(built):
    for path in files.course_notebooks():
        for place in (
            f"notebooks/{path.stem}.html",
            f"slides/{path.stem}.html",
            f"downloads/notebooks/{path.name}",
            f"downloads/class/student/{path.name}",
            f"downloads/class/solution/{path.name}",
        ):
            assert (built / place).stat().st_size > 1000
    assert (built / "downloads" / "class.zip").read_bytes()[:2] == b"PK"


def test_each_formula_links_code_cell_and_slide(built):
    html = (built / "docs" / "formulas.html").read_text("utf-8")
    for kind in (
        r"\.\./code/[\w.]+\.html#\w+",
        r"\.\./notebooks/\d\d_",
        r"\.\./slides/\d\d_",
    ):
        assert len(re.findall(rf'<td><a href="{kind}|· <a href="{kind}', html)) == len(
            FORMULAS
        )


def test_a_chapter_is_small(built):
    shared = sum(path.stat().st_size for path in (built / "assets").iterdir())
    for path in (built / "notebooks").iterdir():
        assert path.stat().st_size + shared < LARGEST


def test_no_page_names_the_machine_that_made_it(built):
    for path in built.rglob("*.html"):
        text = path.read_text("utf-8")
        assert str(files.ROOT) not in text and str(built) not in text


def test_links_to_the_repository_exist_only_with_its_address(monkeypatch):
    source = files.ROOT / "docs" / "teaching.md"
    made = site.Page("docs/teaching.html", "", "")
    for address, link in (
        ("", "plan"),
        ("https://a.org/b", '<a href="https://a.org/b/blob/main/docs/plans">plan</a>'),
    ):
        monkeypatch.setattr(site, "repository", lambda address=address: address)
        assert site._linked(made, source, "plans", "plan") == link


def test_the_zip_of_a_class_is_complete_when_the_site_is_written_anew(tmp_path):
    config = tmp_path / "downloads" / "class" / "nbgrader_config.py"
    config.parent.mkdir(parents=True)
    config.touch()
    assert site.downloads([], tmp_path)[config]


@pytest.mark.parametrize("names", [["thesis.txt"], [".nojekyll", ".git"]])
def test_a_folder_with_other_files_or_a_history_is_left_alone(tmp_path, names):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(ToolError, match="holds other files"):
        site.write([], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


# --- in a browser ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(built):
    """The address of the site in a path of a web server."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=str(built.parents[1]))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/some%20path/site/"
        server.shutdown()
        thread.join()


def test_in_a_path_of_a_server_it_asks_for_its_own_files_only(served, browser):
    page = browser.new_page()
    requests, problems = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("response", lambda r: r.status >= 400 and problems.append(r.url))
    page.goto(f"{served}")
    page.wait_for_selector("[data-awake=yes]")
    page.get_by_role("link", name="6 · The variational autoencoder").click()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.url == f"{served}{CHAPTER}"
    page.close()
    assert problems == []
    assert {
        url for url in requests if not url.startswith((served, "data:", "blob:"))
    } == set()


def test_the_policy_of_a_page_forbids_other_addresses(built, browser):
    page = browser.new_page()
    page.goto((built / CHAPTER).as_uri())
    blocked = page.evaluate(
        """() => new Promise((done) => {
            document.addEventListener("securitypolicyviolation", (e) => done(e.blockedURI));
            new Image().src = "https://example.org/picture.png";
        })"""
    )
    page.close()
    assert blocked.startswith("https://example.org")


def test_the_first_page_is_alive_and_trains(built, offline):
    page = offline(built / "index.html")
    page.locator(".live-training", has_text="step 1500").wait_for()
    # The page's rules for tables are not for widgets.
    cell = page.locator(".lt-digits td").first
    assert cell.evaluate("(td) => getComputedStyle(td).verticalAlign") != "top"
    page.get_by_role("link", name="Start from a new VAE").click()
    page.wait_for_url("**?live=*")
    page.wait_for_selector("[data-awake=yes]")
    assert 0 < page.locator(".widget").bounding_box()["y"] < 200  # in sight at once
    page.get_by_role("button", name="train", exact=False).first.press("Space")
    page.get_by_role("button", name="pause").press("Space")
    page.locator(".lt-state").wait_for()
    assert "steps=" in page.locator(".lt-state").input_value()


def test_a_widget_of_a_notebook_starts_when_it_is_seen(built, browser):
    with offline_page(browser) as window, offline_files(window) as open_file:
        page = open_file(built / CHAPTER)
        seconds = cpu_seconds(page)  # of its process
        widget = page.locator("#small-widget .widget")
        assert widget.get_attribute("data-awake") is None
        widget.scroll_into_view_if_needed()
        page.wait_for_selector("#small-widget [data-awake=yes]")
        assert widget.locator(".picture").count() == 0
        assert seconds < SLOWEST


def test_the_search_finds_a_word_from_the_disk(built, offline):
    page = offline(built / "docs" / "teaching.html", "#100%")  # no place, and no error
    page.keyboard.press("/")
    page.get_by_role("searchbox").fill("reparameterization trick")
    results = page.locator("dialog li a")
    results.first.wait_for()
    assert page.locator("dialog mark").count() > 1
    page.get_by_role("searchbox").fill("LEIBLER kullb")
    page.get_by_text(re.compile(r"\d sections?:")).wait_for()
    assert "Kullb" in page.locator("dialog mark").all_inner_texts()
    page.get_by_role("searchbox").fill("KL divergence")
    results.filter(has_text="The sparse autoencoder: Sources").wait_for()
    first, *_, last = results.all_inner_texts()
    assert first.endswith("Glossary") and last.endswith("Sources")
    page.keyboard.press("ArrowDown")
    assert results.first.evaluate("link => link === document.activeElement")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Escape")  # with words in the field
    page.locator("dialog").wait_for(state="hidden")
    page.keyboard.press("/")
    page.get_by_role("searchbox").fill("posterior xyzzy")
    page.get_by_text("Nothing was found").wait_for()
    page.get_by_role("searchbox").fill("evidence lower bound")
    link = results.filter(has_text="6 · The variational autoencoder").first
    link.wait_for()
    link.click()
    page.wait_for_url("**/notebooks/06_variational_autoencoder.html#*")


def test_a_link_into_collapsed_code_opens_it(built, offline):
    page = offline(built / CHAPTER, "#code-draws")
    assert page.locator("#code-draws details").get_attribute("open") is not None
    assert page.locator("#code-draws pre").first.is_visible()
    closed = page.locator(".solution details").first
    assert closed.get_attribute("open") is None
    page.get_by_role("button", name="Show all code").click()
    assert page.locator(".fold:not([open])").count() == 0
    assert closed.get_attribute("open") is None


@pytest.mark.parametrize("place", ["index.html", "notebooks/09_gradient_estimators.html"])
def test_axe_finds_nothing(served, browser, place):
    page = browser.new_page(color_scheme="light")
    page.goto(f"{served}{place}")  # from the disk axe could not read the style sheets
    page.wait_for_selector("html[data-ready]", state="attached")
    found = []
    for scheme, rules in (("light", {}), ("dark", {"runOnly": "color-contrast"})):
        page.emulate_media(color_scheme=scheme)
        ink, paper = grays(page.locator("body"))
        assert abs(ink - paper) > 128 and (paper > 128) == (scheme == "light")
        options = {"resultTypes": ["violations"], **rules}
        found += Axe().run(page, options=options).response["violations"]
    page.close()
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_a_deck_leads_back_to_its_notebook(built, offline):
    page = offline(built / "slides" / "02_pca.html", "?view=reading#100%")
    page.get_by_text("menu", exact=True).click()
    page.get_by_role("link", name="The notebook").click()
    page.wait_for_url("**/notebooks/02_pca.html")


def test_dark_and_light_are_kept_on_the_next_page(served, browser):
    page = browser.new_page(color_scheme="light")
    page.goto(f"{served}docs/teaching.html")
    page.get_by_role("button", name="Dark or light").click()
    assert grays(page.locator("body"))[1] < 128
    page.goto(f"{served}downloads.html")
    assert grays(page.locator("body"))[1] < 128
    page.emulate_media(media="print")
    assert grays(page.locator("body"))[0] < 80
    assert page.locator(".contents").is_hidden()
    page.close()


PLACES = [
    "index.html",
    "docs/formulas.html",
    "downloads.html",
    "slides/index.html",
]


def test_a_phone_scrolls_in_one_direction(built, offline):
    chapters = [f"notebooks/{path.stem}.html" for path in files.course_notebooks()]
    page = offline(built / CHAPTER)
    page.set_viewport_size({"width": 320, "height": 640})
    for place in PLACES + chapters:
        page.goto((built / place).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == 320, place
    page.get_by_text("Contents", exact=True).click()
    page.get_by_role("link", name="5 · The probabilistic autoencoder").first.click()
    page.wait_for_url("**/05_probabilistic_autoencoder.html")


def test_the_index_of_the_search_has_all_pages(built):
    script = (built / "assets" / "search.js").read_text("utf-8")
    rows = json.loads(script.removeprefix("window.courseIndex = ").rstrip().rstrip(";"))
    named = {address.partition("#")[0] for address, *_ in rows}
    made = {path.relative_to(built).as_posix() for path in built.rglob("*.html")}
    made = {place for place in made if not re.match(r"slides/\d|trainer", place)}
    assert named == made
    assert any("‖^2" in text for *_, text in rows)  # a formula
