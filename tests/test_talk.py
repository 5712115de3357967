"""Plans and talks: decks of several notebooks, with title page, colors and own slides."""

import json
import re
from base64 import b64decode
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from deck_inspection import (
    LAYOUT_PROBLEMS,
    PRINT_PROBLEMS,
    SHOW_SLIDE,
    printed_pages,
)
from reading_time import minutes, tagged
from test_slides import code, notebook, png, text, view, words

from tools import files, slides, talk, talk_style
from tools.files import ToolError

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "docs" / "talk" / "talk.toml"


# --- plans ------------------------------------------------------------------------------


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of two notebooks, each with a widget and notes, and a function that writes
    plan.txt or another file beside them."""
    monkeypatch.setattr(files, "ROOT", tmp_path)
    (tmp_path / "notebooks" / "speaker_notes").mkdir(parents=True)
    for number, name in (("01", "one"), ("02", "two")):
        models = {
            number: {
                "state": {"_esm": f"export default {{ render() {{}} }} // {name}"},
                "buffers": [],
            }
        }
        cells = (
            text(f"# {name.title()}", name="title"),
            text("## Look", name="look"),
            code("f()", view(number), name="see", kind="fragment"),
            text("below", "subslide", name="below"),
        )
        path = tmp_path / "notebooks" / f"{number}_{name}.ipynb"
        nbformat.write(notebook(*cells, models=models), path)
        slides.notes_file(path).write_text(f"## look\n\nPoint at {name}.", "utf-8")

    def write(content, name="plan.txt"):
        (tmp_path / name).write_text(content, "utf-8")
        return tmp_path / name

    return write


def test_a_plan_makes_one_deck_of_several_notebooks(course, tmp_path):
    plan = course("# All & *more*\n\n02 below look\n01 look\n")
    slides.main([str(plan), "--stored", "-o", str(tmp_path / "deck.html")])
    page = (tmp_path / "deck.html").read_text("utf-8")
    assert re.findall(r'<section id="([^"]*)"', page) == [
        "title",
        "two-below",
        "two-look",
        "one-look",
    ]
    assert "<title>All &amp; *more*</title>" in page
    assert page.index("Point at two.") < page.index("Point at one.")
    assert 'data-cell="two-see"' in page and 'data-cell="one-see"' in page
    data = re.search(r'application/json">(.*?)</script>', page, re.DOTALL)[1]
    assert set(json.loads(data)["models"]) == {"01", "02"}


def test_a_plan_of_several_decks_numbers_them_and_a_bare_number_takes_all(course, tmp_path):
    plan = course("# First\n01\n# Second\n02 look\n")
    slides.build_talk(plan, tmp_path / "talk.html", stored=True)
    first, second = (
        re.findall(r'<section id="([^"]*)"', path.read_text("utf-8"))
        for path in sorted(tmp_path.glob("talk_0[12].html"))
    )
    assert first == ["title", "one-title", "one-look", "one-below"]
    assert second == ["title", "two-look"]


@pytest.mark.parametrize(
    "plan, cause",
    [
        ("# A\n01 look\n01 gone", "line 3: 01_one.ipynb has no slide 'gone', but title, "),
        ("# A\n01 see", "line 2: 01_one.ipynb has no slide 'see'"),  # a fragment
        ("# A\n07 look", "line 2: no notebook has the number '07'"),
        ("# A\n01 look\n01 below look", "line 3: the slide 'look' is already in this deck"),
        ("01 look", "line 1: a deck begins with a line '# ' and its title"),
        ("# A\n01\n# A\n02", "line 3: two decks are called 'A'"),
        ("# A\n# B\n01", ": a deck has no slides"),
        ("", ": a deck has no slides"),
        ("# A\n01 -look below", "line 2: a line names the slides to show or, with a minus"),
        ("# A\n01 -gone", "line 2: 01_one.ipynb has no slide 'gone'"),
        ("# A\n01 -title -look -below", "line 2: no slide of 01_one.ipynb is left"),
    ],
)
def test_an_error_of_a_plan_names_file_and_line(plan, cause, course):
    with pytest.raises(ToolError, match=rf"plan\.txt(, )?{cause}"):
        talk.read_plan(course(plan))


def test_a_minus_leaves_slides_out(course):
    [(_, names)] = talk.read_plan(course("# A\n01 -title -below\n"))["A"]
    assert names == ["look"]


def test_a_plan_that_is_missing_is_named(course, tmp_path):
    with pytest.raises(ToolError, match=r"gone\.txt: FileNotFoundError"):
        talk.read_plan(tmp_path / "gone.txt")


# --- a talk and its file ----------------------------------------------------------------


TALK = """\
title = "Two & two"
subtitle = "<of> four"
speaker = "Ada"
university = "Here"
date = 2027-05-14
footer = 'A "footer" </style>'
logo = "logo.png"
style = "style.css"
slides = \"\"\"
02 look
own.md why
01 -title
own.md pictured
\"\"\"
"""
OWN = """\
# Mine

## Why?

Because, see [one](notebooks/01_one.ipynb), [its end](01_one.ipynb#below),
[the title](01_one.ipynb#title) and [elsewhere](page.html#x).

Note: Wait.

Then go on.

## Pictured

![An orange field](field.png)
"""
STYLE = ":root { --accent: light-dark(#8a1538, #f28ba5); }"


@pytest.fixture
def files_of_a_talk(course, tmp_path):
    """A function that writes talk.toml, with parts of TALK replaced."""
    (tmp_path / "logo.png").write_bytes(b64decode(png(400, 100)))
    (tmp_path / "field.png").write_bytes(b64decode(png()))
    course(OWN, "own.md")
    course(STYLE, "style.css")

    def write(**replaced):
        content = TALK
        for key, line in replaced.items():
            content = re.sub(rf"^{key} = .*\n", line + "\n", content, flags=re.MULTILINE)
        return course(content, "talk.toml")

    return write


def built(path):
    target = path.with_name("deck.html")
    slides.main([str(path), "--stored", "-o", str(target)])
    return target.read_text("utf-8")


def section(page, name):
    return re.search(rf'<section id="{name}".*?</section>', page, re.DOTALL)[0]


def test_a_talk_has_a_title_page_and_slides_of_all_its_files(files_of_a_talk):
    page = built(files_of_a_talk())
    assert re.findall(r'<section id="([^"]*)"', page) == [
        *("title", "two-look", "own-why", "one-look", "one-below", "own-pictured")
    ]
    assert "<title>Two &amp; two</title>" in page
    title = section(page, "title")
    assert words(title) == "Two &amp; two&lt;of&gt; fourAdaHere2027-05-14"
    assert 'alt="Here"' in title and "data:image/png;base64," in title
    assert "--accent: light-dark(#8a1538, #f28ba5);" in page
    assert "</style>" not in talk_style_of(page)
    assert '<section id="two-look" class="full"' in page  # its widget
    assert words(section(page, "own-why")).endswith("elsewhere.Wait. Then go on.")


def talk_style_of(page):
    return page.partition("--footer:")[2].partition(";")[0]


def test_links_lead_to_slides_of_the_talk_or_nowhere(files_of_a_talk):
    page = section(built(files_of_a_talk()), "own-why")
    assert re.findall(r"<a( [^>]*)>", page) == [
        ' href="#/one-look"',  # the first that is shown
        ' href="#/one-below"',
        " ",  # not shown
        ' href="page.html#x"',
    ]


def test_a_picture_alone_in_a_paragraph_fills_its_slide(files_of_a_talk):
    page = section(built(files_of_a_talk()), "own-pictured")
    assert 'class="full"' in page and 'class="part filled"' in page
    assert 'alt="An orange field"' in page and "--ratio: 2.0000" in page


def test_own_slides_with_one_heading_have_their_own_names(tmp_path):
    path = tmp_path / "own.md"
    path.write_text("## Größe?\n\n```\n## no\n```\n\n## Größe!\n\n## 日本\n", "utf-8")
    names = [cell.id for cell in talk.own_slides(path).cells]
    assert names == ["groe", "groe-2", "slide"]


def test_a_talk_in_another_language(files_of_a_talk, tmp_path):
    own = tmp_path / "own.md"
    own.write_text(f"{OWN}\n**Vorhersage.** Wie viele?\n", "utf-8")
    labels = 'language = "de"\n[labels]\ncode = "Quelle"\n"Predict" = "Vorhersage"'
    path = files_of_a_talk()
    path.write_text(f"{path.read_text()}{labels}", "utf-8")
    page = built(path)
    assert '<html lang="de">' in page
    assert "<summary>Quelle</summary>" in section(page, "one-look")
    assert ' lang="en"' in section(page, "one-look").partition(">")[0]
    assert "lang=" not in section(page, "own-why").partition(">")[0]
    assert '<p class="predict"><strong>Vorhersage.' in section(page, "own-pictured")


@pytest.mark.parametrize(
    "replaced, cause",
    [
        ({"date": "datum = 1"}, ", line 5: unknown key 'datum'; known are title, slides"),
        ({"title": "title = 1"}, ", line 1: 'title' must be a text in quotes"),
        ({"title": "title = x"}, r": TOMLDecodeError: .*line 1"),
        ({"title": ""}, ": the key 'title' is missing"),
        ({"university": ""}, ", line 7: the key 'university' is missing"),
        ({"logo": 'logo = "gone.png"'}, ", line 7: there is no file 'gone.png'"),
        ({"style": 'style = "gone.css"'}, ", line 8: there is no file 'gone.css'"),
        ({"date": 'language = "German"'}, ", line 5: 'German' is no language"),
        ({"date": "labels = 1"}, ": labels are a table"),
        ({"date": "labels.Menu = 'x'"}, ": unknown label 'Menu'; known are menu"),
        ({"slides": 'slides = """01 lok'}, ": 01_one.ipynb has no slide 'lok'"),
        ({"slides": 'slides = """\n01 lok'}, ", line 10: 01_one.ipynb has no slide"),
        ({"slides": 'slides = """\n7'}, ", line 10: no notebook has the number '7'"),
        ({"slides": 'slides = """\na.md'}, ", line 10: there is no file 'a.md'"),
        ({"slides": 'slides = """\nown.md wy'}, ", line 10: own.md has no slide 'wy', but"),
    ],
)
def test_an_error_of_a_talk_names_its_line(replaced, cause, files_of_a_talk, tmp_path):
    path = files_of_a_talk(**replaced)
    with pytest.raises(SystemExit, match=rf"talk\.toml{cause}"):
        built(path)
    assert not list(tmp_path.glob("deck*"))


def test_two_files_cannot_give_slides_one_address(files_of_a_talk, tmp_path):
    (tmp_path / "one.md").write_text("## Look\n", "utf-8")
    path = files_of_a_talk(slides='slides = """\none.md')
    with pytest.raises(ToolError, match="line 13: one.md and 01_one.ipynb give slides one"):
        talk.read_talk(path)


@pytest.mark.parametrize(
    "picture", ["![](field.png)", "<img src='field.png'> so", "![ ](field.png) beside"]
)
def test_a_picture_without_words_is_refused(picture, files_of_a_talk, tmp_path):
    (tmp_path / "own.md").write_text(f"## Why\n\n## Pictured\n\n{picture}\n", "utf-8")
    with pytest.raises(
        SystemExit, match=r"own\.md, slide 'Pictured': .* but field\.png has"
    ):
        built(files_of_a_talk())


# --- its style --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "css, cause",
    [
        ("p { color: red }", ": a style is one block"),
        (
            ":root {\n--acent: #8a1538;\n}",
            ", line 2: '--acent: #8a1538' is none of --paper",
        ),
        (":root {\n/* a\n*/\n--ink: red }", ", line 4: the color 'red' must be like"),
        (':root { --sans: "Foo }', ", line 1: .* is no list of names of fonts"),
        (":root { --sans: url(x) }", ", line 1: .* is no list of names of fonts"),
        (
            ":root { --accent: #ff8800 }",
            ": in the light theme, --accent #ff8800 on .* of 2.4",
        ),
        (
            ":root { --accent: #8a1538 }",
            ": in the dark theme, --accent #8a1538 on .* of 1.9",
        ),
        (
            ":root { --tint: light-dark(#c8d4e0, #1b2a3c) }",
            ": in the light theme, --accent #1565c0 on --tint #c8d4e0 has a contrast of 3",
        ),
        (":root { --paper: #dddddd }", ": in the dark theme, --ink #e8ecf1 on --paper"),
    ],
)
def test_a_style_that_cannot_be_used_is_refused(css, cause, tmp_path):
    path = tmp_path / "style.css"
    path.write_text(css, "utf-8")
    with pytest.raises(ToolError, match=rf"style\.css{cause}"):
        talk_style.read_style(path)


def test_a_style_of_colors_and_fonts(tmp_path):
    path = tmp_path / "style.css"
    path.write_text(":root {\n  --sans: \"A b\", 'C', d-e;  /* x: y; */\n}\n", "utf-8")
    assert talk_style.read_style(path) == ":root {--sans: \"A b\", 'C', d-e; }"


def test_contrast_is_that_of_wcag():
    assert talk_style.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert talk_style.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


# --- the example, in a browser ----------------------------------------------------------


@pytest.fixture(scope="module")
def example(slow, tmp_path_factory):
    path = tmp_path_factory.mktemp("talk") / "talk.html"
    slides.build_talk(EXAMPLE, path, stored=True)
    return path


def test_the_example_takes_45_minutes():
    total = 0
    for source, names in talk.read_talk(EXAMPLE).slides:
        name, shown = "", []
        for cell in talk.read_source(source).cells:
            if cell.metadata.slideshow.slide_type in ("slide", "subslide"):
                name = talk.slide_name(cell)
            shown += [cell] if name in names else []
        total += minutes(shown) + 2 * sum(tagged(cell, "guess") for cell in shown)
    assert total == pytest.approx(45, abs=3)


def test_every_slide_of_the_example_fits(example, offline):
    page = offline(example)
    assert page.evaluate(LAYOUT_PROBLEMS) == []
    count = page.evaluate("Reveal.getSlides().length")
    in_print = offline(example, "?print-pdf")
    in_print.wait_for_selector(".pdf-page")
    assert in_print.evaluate(PRINT_PROBLEMS) == []
    assert printed_pages(in_print) == count


BELOW = """(slide) => { const [before, after] = ["::before", "::after"].map((name) =>
  getComputedStyle(document.getElementById(slide), name));
  return [before.content, before.width, after.content]; }"""


@pytest.mark.parametrize("query", ["", "?print-pdf"])
def test_footer_and_logo_are_on_each_slide_but_the_title_page(query, example, offline):
    page = offline(example, query)
    if query:
        page.wait_for_selector(".pdf-page")
    else:
        page.evaluate(SHOW_SLIDE, "own-where-to-go-on")
    content, width, footer = page.evaluate(BELOW, "own-where-to-go-on")
    assert footer.startswith('"Machine Learning II · Jane Doe"')
    assert content == '""' and width.startswith("86.4")  # 22 pixels high
    assert page.evaluate(BELOW, "title")[2] == "none"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_on_the_title_page(example, offline, scheme):
    page = offline(example, "#/title")
    page.emulate_media(color_scheme=scheme)
    assert page.locator(".title .logo img").is_visible()
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []


# The menu, the arrows: all that the builder writes in a deck.
OWN_WORDS = """() => [...document.querySelectorAll("nav, nav :is(button, summary, label)")]
  .map((el) => el.ariaLabel ?? el.textContent.trim()).filter((text) => /\\w/.test(text))"""


def test_every_label_of_the_page_can_be_translated(files_of_a_talk, tmp_path, offline):
    path = files_of_a_talk()
    rows = [f"{json.dumps(label)} = {json.dumps(f'«{label}»')}" for label in talk.LABELS]
    path.write_text("\n".join([path.read_text(), "[labels]", *rows]), "utf-8")
    built(path)
    written = set()
    for query in ("?view=slides", "?view=reading"):
        page = offline(tmp_path / "deck.html", query)
        written |= set(page.evaluate(OWN_WORDS))
    assert [label for label in written if not label.startswith("«")] == []
    of_slides = {"«code»", "«figure»", "«Predict»"}
    assert {f"«{label}»" for label in talk.LABELS} - of_slides == written
