"""Slides: the place of each cell, decks as single files, and widgets that respond.

The browser tests run offline; a request of a deck is an error.
"""

import json
import math
import mimetypes
import re
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path

import nbformat
import pytest
from deck_inspection import LAYOUT_PROBLEMS
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
    new_raw_cell,
)
from PIL import Image, ImageChops

from tools import files, formulas, render, slides, without_kernel
from tools.execute import WIDGET_VIEW
from tools.files import ToolError

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


# --- small notebooks ------------------------------------------------------------------


def png(width=600, height=300):
    file = BytesIO()
    Image.new("RGB", (width, height), "orange").save(file, format="png")
    return b64encode(file.getvalue()).decode()


def text(source, kind="slide", name=None, **metadata):
    return named(new_markdown_cell(source, metadata=typed(kind, metadata)), name)


def slide_named(name):
    return text(f"## {name}", name=name)


def code(source, *outputs, kind="slide", name=None, **metadata):
    cell = new_code_cell(source, outputs=list(outputs), metadata=typed(kind, metadata))
    return named(cell, name)


def named(cell, name):
    cell.id = name or cell.id
    return cell


def typed(kind, metadata):
    return metadata if kind is None else {"slideshow": {"slide_type": kind}, **metadata}


def shows(**data):
    return new_output("display_data", {k.replace("_", "/", 1): v for k, v in data.items()})


def view(number, **data):
    output = shows(**data)
    output.data[WIDGET_VIEW] = {"model_id": number}
    return output


def prints(text, stream="stdout"):
    return new_output("stream", name=stream, text=text)


def claim(source, sentence, kind="fragment"):
    return code(source, prints(sentence), kind=kind, tags=["nbval-check-output"])


def notebook(*cells, models=None):
    state = {"state": models or {}, "version_major": 2, "version_minor": 0}
    return new_notebook(cells=cells, metadata={"widgets": {slides.WIDGET_STATE: state}})


PATH = Path("notebooks/09_small.ipynb")


def columns(*cells, models=None):
    return slides.slides_of(notebook(*cells, models=models), PATH)


def html(*cells, models=None):
    [[slide]] = columns(*cells, models=models)
    return slides._section(slide)


def words(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", html)).strip()


# --- cells and slides -----------------------------------------------------------------


def test_slide_types_make_columns_of_slides():
    deck = columns(
        text("# Name", name="a"),
        text("## One", name="b"),
        text("more", "fragment", name="c"),
        text("below", "subslide", name="d"),
        text("hidden", "skip", name="e"),
        text("## Two", name="f"),
    )
    assert [[slide.name for slide in column] for column in deck] == [
        ["a"],
        ["b", "d"],
        ["f"],
    ]
    one = deck[1][0]
    assert (one.heading, deck[0][0].level) == ("One", "1")
    assert [words(part) for part in one.parts] == ["more"]
    assert 'class="part fragment" data-cell="c"' in one.parts[0]
    assert deck[1][1].kicker == "One"  # the last heading
    assert "hidden" not in str(deck)


def test_cells_of_type_notes_go_to_their_slide():
    page = html(text("## One"), text("Ask $x$.", "notes"), text("Wait.", "notes"))
    note = re.search(r'<aside class="notes">(.*?)</aside>', page, re.DOTALL)[1]
    assert words(note).startswith("Ask") and words(note).endswith("Wait.")
    assert "<math>" in note


def test_a_displayed_source_replaces_its_cell():
    page = html(code("show_source(f)", shows(text_markdown="```python\ndef f(): ...\n```")))
    assert words(page) == "def f(): ..."
    assert '<span class="k">def</span>' in page


def test_code_is_above_its_text_output():
    page = html(code("6 * 7", shows(text_plain="42")))
    assert page.index('class="code"') < page.index('<pre class="output">42')


def test_code_of_a_figure_is_folded():
    figure = shows(image_png=png(), text_plain="<Figure>")
    page = html(text("## Ask & *see*"), code("draw()", figure, kind="fragment"))
    body, fold = page.split("<details")
    assert "--ratio: 2.0000" in body and "draw" not in body and "draw" in fold
    assert 'alt="figure: Ask &amp; see"' in body


def test_a_claim_is_its_sentence_and_its_code_is_folded():
    page = html(
        claim('claim("One is less.", ("one", 1, "<", 2))  # why', "One is less.\n", "slide")
    )
    body, fold = page.split("<details")
    assert words(body) == "One is less." and "# why" in fold
    assert '<p class="claim">One is less.</p>' in body


def test_code_of_a_table_is_folded():
    page = html(code("table()", shows(text_markdown="| a | b |\n|---|---|\n| 1 | 2 |")))
    body, fold = page.split("<details")
    assert "<table>" in body and words(body) == "a b 1 2" and "table()" in words(fold)


def test_a_claim_that_does_not_hold_is_shown_line_by_line():
    page = html(claim("claim()", "Not in this run: So it is.\n- one: 3\n", "slide"))
    assert '<p class="claim">Not in this run: So it is.\n- one: 3</p>' in page


def test_a_claim_keeps_its_figure():
    both = new_output("stream", name="stdout", text="So it is.")
    page = html(
        code("draw(); print()", shows(image_png=png()), both, tags=["nbval-check-output"])
    )
    assert 'class="picture"' in page and words(page).startswith("So it is.")


def test_only_the_first_heading_is_the_title_of_the_slide():
    page = html(text("## One"), text("### Two\n\nmore", "fragment"))
    assert "<h2>One</h2>" in page and "<h3>Two</h3>" in page


def test_text_about_widgets_and_classes_is_shown_as_text():
    page = html(text('A widget, and `class="widget"`.'))
    assert "filled" not in page and 'class="text"' in page


@pytest.mark.parametrize(
    "printed, shown",
    [
        ("epoch 1\repoch 2\r", "epoch 2"),
        ("epoch 10\repoch 9\n", "epoch 90"),  # as a terminal leaves it
        ("a\r\nb\r\n", "a\nb"),
        ("one\rtwo\nthree\r", "two\nthree"),
        ("50 %|##  |\r\x1b[Kdone\n", "done"),
        ("50 %|##  |\x1b[2K\rdone\n", "done"),
        ("wait |\b/\b-\b done", "wait  done"),
        ("\b\bx", "x"),
        (
            "\x1b]8;;https://x.org\x1b\\a link\x1b]8;;\x1b\\ \x1b[1mbold\x1b[0m",
            "a link bold",
        ),
    ],
)
def test_text_output_is_shown_as_in_a_terminal(printed, shown):
    page = html(code("f()", prints(printed), shows(text_plain=printed)))
    assert page.count(f'<pre class="output">{shown}</pre>') == 2


def test_what_is_printed_in_pieces_is_one_text():
    pieces = [
        prints("50 %\r"),
        prints("a warning", "stderr"),
        prints("100 %\n"),
        prints("end"),
    ]
    page = html(code("f()", *pieces))
    assert page.count('class="output"') == 1 and words(page) == "f() 100 % end"


@pytest.mark.parametrize("kind", ["image/jpeg", "image/gif", "image/bmp", "image/webp"])
def test_a_picture_of_any_kind_fills_its_slide(kind):
    file = BytesIO()
    Image.new("RGB", (6, 3)).save(file, format=kind.partition("/")[2])
    data = {kind.replace("/", "_"): b64encode(file.getvalue()).decode()}
    page = html(code("f()", shows(**data, text_plain="<Image>")))
    assert "--ratio: 2.0000" in page and f'src="data:{kind};base64,' in page


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_a_figure_keeps_its_pixels_in_fewer_bytes(mode):
    file = BytesIO()
    picture = Image.radial_gradient("L").convert(mode)
    picture.save(file, format="png")
    page = html(code("f()", shows(image_png=b64encode(file.getvalue()).decode())))
    stored = b64decode(re.search(r"data:image/webp;base64,([^\"]*)", page)[1])
    assert len(stored) < len(file.getvalue())
    shown = Image.open(BytesIO(stored)).convert("RGBA")
    assert ImageChops.difference(shown, picture.convert("RGBA")).getbbox() is None


@pytest.mark.parametrize("data", [{}, {"text/plain": "alt.Chart(…)"}])
@pytest.mark.parametrize(
    "kind",
    [
        "application/vnd.plotly.v1+json",
        "application/vnd.vegalite.v5+json",
        "application/geo+json",
    ],
)
def test_an_output_that_cannot_be_shown_is_named(kind, data):
    output = new_output("display_data", {kind: {}, **data})
    with pytest.raises(ToolError, match=f"cell 'bad': an output of type {re.escape(kind)}"):
        columns(code("f()", output, name="bad"))


def test_what_colab_stores_beside_an_output_is_no_output():
    kind = "application/vnd.google.colaboratory.intrinsic+json"
    output = new_output("execute_result", {kind: {"type": "string"}, "text/plain": "a"})
    assert words(html(code("f()", output))) == "f() a"


def test_an_error_that_is_meant_is_shown():
    error = new_output("error", ename="ValueError", evalue="no", traceback=[])
    page = html(code("f()", error, tags=["raises-exception"]))
    assert words(page) == "f() ValueError: no"


PICTURES = {
    "![x](fig.png)": "fig.png",
    "![x](my%20fig.png)": "my fig.png",
    "![x](<my fig.png>)": "my fig.png",
    "![x](Büld.png)": "Büld.png",
    "![x](B%C3%BCld.png)": "Büld.png",
    "![x](a%20100%25.png)": "a 100%.png",
    "![x](fig.png?raw=true)": "fig.png",
    "<img src='./my fig.png' width=200>": "my fig.png",
    '<p><img alt="x" src="my%20fig.png"></p>': "my fig.png",
}


@pytest.mark.parametrize("source, name", PICTURES.items())
@pytest.mark.parametrize("attached", [False, True])
def test_a_picture_is_found_by_its_name(source, name, attached, tmp_path):
    cell = text(source)
    if attached:
        cell.source = re.sub(r"(?<=[(<'\"])(?:\./)?(?=[\w ]+[.%])", "attachment:", source)
        cell.source = cell.source.replace("?raw=true", "")
        cell.attachments = {name: {"image/png": png()}}
    else:
        (tmp_path / name).write_bytes(b64decode(png()))
    [[slide]] = slides.slides_of(notebook(cell), tmp_path / "09_small.ipynb")
    assert f'src="data:image/png;base64,{png()}"' in slide.parts[0]


def test_without_webp_in_pillow_a_figure_stays_a_png(monkeypatch):
    monkeypatch.setattr("PIL.features.check", lambda feature: False)
    stored = png(301)  # of a size that no test before had compressed
    page = html(code("f()", shows(image_png=stored)))
    assert f'src="data:image/png;base64,{stored}"' in page


def test_a_webp_file_is_a_picture_for_every_python(tmp_path, monkeypatch):
    monkeypatch.setattr(mimetypes, "_db", mimetypes.MimeTypes())  # without the system's
    (tmp_path / "a.webp").touch()
    [[slide]] = slides.slides_of(notebook(text("![x](a.webp)")), tmp_path / "a.ipynb")
    assert 'src="data:image/webp;base64,"' in slide.parts[0]


def test_a_picture_outside_of_the_folder_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b64decode(png()))
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "text.txt").write_text("private")
    for source, cause in {
        "![x](../a.png)": "'../a.png' is outside of the folder",
        f"![x](<{tmp_path / 'a.png'}>)": "is outside of the folder",
        "![x](text.txt)": "'text.txt' is no picture",
        "![x](gone%20fig.png)": "there is no picture 'gone fig.png'",
    }.items():
        with pytest.raises(ToolError, match=re.escape(cause)):
            slides.slides_of(notebook(text(source)), tmp_path / "inner" / "a.ipynb")


def test_a_cell_cannot_end_its_slide():
    page = html(text("</div></section> one"), text("<div><b>two", "fragment"))
    assert page.count("<section") == page.count("</section") == 1
    assert page.count("<div") == page.count("</div") and page.count("</b>") == 1


def test_text_that_looks_like_css_is_shown_as_text():
    assert "@important.org" in html(text("write to us@important.org, `url(x)`"))


def test_warnings_and_widgets_without_a_picture_are_left_out():
    page = html(
        code(
            "fit()",
            prints("50 %|###", "stderr"),
            view("bar", text_plain="HBox()"),
            prints("end"),
        )
    )
    assert words(page) == "fit() end"


def test_a_widget_that_needs_a_kernel_shows_its_picture():
    models = {"1": {"state": {"value": 3}, "buffers": []}}
    page = html(code("Slider()", view("1", image_png=png())), models=models)
    assert 'class="picture"' in page and "data-widget" not in page


@pytest.mark.parametrize("box", ["'0 0 250 200'", '"0, 0, 250, 200"', '"0,0 250 200 "'])
def test_the_view_box_of_a_drawing_is_read_in_each_spelling(box):
    svg = f"<svg xmlns='http://www.w3.org/2000/svg'\n viewBox={box}></svg>"
    page = html(code("draw()", shows(**{"image_svg+xml": svg})))
    assert "--ratio: 1.2500" in page


@pytest.mark.parametrize("widgets", [None, {slides.WIDGET_STATE: {"state": {"a": {}}}}])
def test_incomplete_states_of_widgets_are_no_live_widgets(widgets):
    notebook = new_notebook(cells=[text("# A")], metadata={"widgets": widgets})
    assert "A</h1>" in slides.deck(notebook, PATH)


def test_a_widget_without_a_number_is_refused_with_its_cell():
    output = shows(text_plain="W()")
    output.data[WIDGET_VIEW] = "broken"
    with pytest.raises(ToolError, match="cell 'bad'"):
        html(code("w", output, name="bad"))


def test_links_to_notebooks_become_links_to_decks():
    links = ["02_pca.ipynb", "../notebooks/02_pca.ipynb#x", "https://x.org/a.ipynb", "#x"]
    page = html(text(" ".join(f"[a]({link})" for link in links)))
    hrefs = re.findall('href="(.*?)"', page)
    assert hrefs == ["02_pca.html", "02_pca.html#x", "https://x.org/a.ipynb", "#x"]


def test_formulas_are_rendered_at_build_time():
    page = html(text("Let $\\sqrt a < b$ be\n\n$$\\mathbb{E}_q\\big[x\\big]$$"))
    assert page.count("<math") == 2 and "$" not in page and "𝔼" in page


@pytest.mark.parametrize(
    "cell, cause",
    [
        (text("a", None, name="bad"), "its slide type is None; it must be one of slide"),
        (text("a", "-", name="bad"), "its slide type is '-'"),
        (text(r"$\frak{g}$ $\nonsense$", name="bad"), r"Unknown command .\\nonsense"),
        (text(r"$$\begin{align} x$$", name="bad"), "LaTeX that cannot be rendered"),
        (text("It costs $5 or \\frac12", name="bad"), r"LaTeX that is no formula: \\frac"),
        (text("![x](https://x.org/x.png)", name="bad"), "script: <img"),
        (text('<img src="missing.png">', name="bad"), "no picture 'missing.png' in the"),
        (text("<script>fetch(1)</script>", name="bad"), "script: <script"),
        (text('<p onclick="x()">', name="bad"), "script: <p onclick"),
        (text('<base href="x">', name="bad"), "script: <base"),
        (
            code("f()", shows(text_html="<style>a{b: url(x)}</style>"), name="bad"),
            "script: <style",
        ),
        (named(new_raw_cell("x", metadata=typed("slide", {})), "bad"), "a raw cell cannot"),
        (text('<p style="background: url(x)">', name="bad"), "script: <p style"),
        (
            code("f()", shows(text_html='<img src="a.png">'), name="bad"),
            "no picture 'a.png'",
        ),
        (code("f()", shows(image_jpeg="aaaa"), name="bad"), "image/jpeg is not complete"),
        (code("f()", shows(image_png=png()[:90]), name="bad"), "image/png is not complete"),
        (
            code("f()", shows(image_png="iVBORw0KGgo="), name="bad"),
            "image/png is not compl",
        ),
        (text("![x](attachment:f.png)", name="bad"), "no picture 'f.png' is attached"),
        (
            code(
                "1/0",
                new_output("error", ename="ZeroDivisionError", evalue="no"),
                name="bad",
            ),
            "execution failed: ZeroDivisionError: no",
        ),
    ],
)
def test_an_error_names_notebook_cell_and_cause(cell, cause):
    with pytest.raises(ToolError, match=rf"{re.escape(str(PATH))}, cell 'bad': .*{cause}"):
        columns(text("# Name"), cell)


def test_a_code_cell_of_type_notes_is_code_in_the_notes():
    note = html(text("# T"), code("# remember\ny*z*w", prints("0.25"), kind="notes"))
    note = re.search(r'<aside class="notes">(.*?)</aside>', note, re.DOTALL)[1]
    assert words(note) == "# remember y*z*w 0.25"
    assert note.startswith('<pre class="code">') and '<pre class="output">0.25' in note


def test_a_figure_of_a_code_cell_of_type_notes_is_in_the_notes():
    page = html(text("# T"), code("draw()", shows(image_png=png()), kind="notes"))
    slide, note = page.split("<aside")
    assert "<details" not in slide and "draw" in note and 'class="picture"' in note


def test_a_skipped_heading_takes_its_fragments_and_notes_along(capsys):
    deck = columns(
        slide_named("one"),
        text("### Exercise", "skip"),  # not the beginning of a slide
        text("of one", "fragment"),
        text("## Two", "skip", name="two"),
        code("prepare()", kind="skip"),
        text("of two", "fragment", name="more"),
        text("note of two", "notes", name="note"),
        slide_named("three"),
        text("of three", "notes"),
    )
    assert [[words(part) for part in slide.parts] for [slide] in deck] == [["of one"], []]
    assert [len(slide.notes) for [slide] in deck] == [0, 1]
    assert capsys.readouterr().err.splitlines() == [
        f"{PATH}, cell '{name}': left out with the skipped slide 'two'"
        for name in ("more", "note")
    ]


def test_a_skipped_slide_with_a_note_takes_its_fragments_along(noted, capsys):
    """Also one that begins with code: its section in the speaker notes tells."""
    deck = noted(
        "## one\n\nStay.\n\n## two\n\nGo.\n",
        slide_named("one"),
        code("plot()", kind="skip", name="two"),
        text("of two", "fragment", name="more"),
        text("of two, too", "notes", name="note"),
        slide_named("three"),
    )
    assert [words(note) for note in deck["one"].notes] == ["Stay."]
    assert deck["one"].parts == deck["three"].parts == deck["three"].notes == []
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_a_widget_that_is_left_out_is_named_but_no_progress_bar(capsys):
    bar = view("2", text_plain="  0%|          | 0/3 [00:00<?, ?it/s]")
    html(code("interact(f)", view("1", text_plain="interactive()"), bar, name="lost"))
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{PATH}, cell 'lost': a widget without a picture")


@pytest.mark.parametrize(
    "state, cause",
    [
        ({"_esm": 'import c from "https://esm.sh/c@1"; export default {}'}, "module.*esm"),
        ({"_esm": "import * as d3 from 'd3'"}, "module .* from 'd3'"),
        ({"_esm": 'const CDN = "https://cdn.x.org/"; import(CDN + "d3")'}, "module.*cdn.x"),
        ({"_esm": 'fetch("//x.org/a.json")'}, "module .*//x.org"),
        ({"_esm": "el.innerHTML = `<img src=https://x.org/a.png>`"}, "module .*x.org"),
        ({"_esm": "", "_css": '@import url("https://x.org/a.css");'}, "style .*@import"),
        ({"_esm": "", "_css": "a { background: u\\72l(//x.org/a) }"}, "style .*x.org"),
    ],
)
def test_a_widget_that_loads_something_is_refused(state, cause):
    state = {"_esm": f"x = 1; {state['_esm']}", "_css": state.get("_css", "")}
    with pytest.raises(ToolError, match=f"cell 'bad': the {cause}"):
        columns(code("W()", view("1"), name="bad"), models={"1": {"state": state}})


@pytest.mark.parametrize(
    "esm",
    [
        "// see https://x.org\n/* and http://x.org */ let a = 1 / 2;",
        'document.createElementNS("http://www.w3.org/2000/svg", "g");',
        'Array.from("abc"); const from = "x"; "a//b"; `<p class="from">`',
        "import('blob:x'); import a from 'data:text/javascript,1';",
    ],
)
def test_a_widget_that_loads_nothing_is_shown(esm):
    state = {"_esm": esm, "_css": "a { background: url(data:image/png;base64,AA//A) }"}
    page = html(code("W()", view("1")), models={"1": {"state": state}})
    assert 'data-widget="1"' in page


@pytest.mark.parametrize("name", ["09_small.ipynb", "other.ipynb", "other.IPYNB"])
def test_slides_replace_no_notebook(name, small, tmp_path):
    path = small(text("# Name"))
    with pytest.raises(SystemExit, match=f"{name} is no place for slides"):
        slides.main([str(path), "-o", str(tmp_path / name), "--stored"])
    assert nbformat.read(path, as_version=4).cells[0].source == "# Name"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_macros_of_a_skipped_cell_are_known_to_slides_and_notes(noted):
    deck = noted(
        "## one\n\n$\\KL$",
        text("$\\newcommand{\\KL}{K} \\nonsense$\n\n$\\def\\KL{K}$", "skip"),
        text("## One $\\KL$", name="one"),
        code("f()", shows(text_html="<b>$\\KL$</b>"), kind="fragment"),
    )
    slide = deck["one"]
    for shown in (slide.heading, "".join(slide.parts), slide.notes[0]):
        assert "<mi>K</mi>" in shown


def test_a_table_with_a_style_of_its_own_is_shown():
    table = "<style scoped>td {vertical-align: top}</style><table><td>1</td></table>"
    assert words(html(code("frame", shows(text_html=table)))).startswith("td {vertical")


def test_a_numeric_cell_id_gets_a_prefix():
    [[slide]] = columns(text("# Name", name="12345678"))
    assert slide.name == "cell-12345678"


def test_an_internal_error_is_reported_with_its_type(monkeypatch):
    monkeypatch.setattr(render, "highlight", lambda *_: {}["x"])
    with pytest.raises(ToolError, match="cell 'bad': KeyError: 'x'"):
        columns(code("f()", name="bad"))


def test_two_decks_of_one_name_are_refused(capsys):
    with pytest.raises(SystemExit):
        slides.main(["a/01.ipynb", "b/01.ipynb"])
    assert "two notebooks with the same name" in capsys.readouterr().err


def test_nan_in_a_widget_s_state_is_refused():
    models = {"1": {"state": {"_esm": "x", "x": math.nan}, "buffers": []}}
    cells = text("# Name"), code("f()", view("1"))
    with pytest.raises(ToolError, match="NaN"):
        slides.deck(notebook(*cells, models=models), PATH)


@pytest.mark.parametrize("kind", ["fragment", "notes"])
def test_nothing_can_come_before_the_first_slide(kind):
    with pytest.raises(ToolError, match=f"cell 'early': a {kind} before the first slide"):
        columns(text("a", kind, name="early"))


def test_a_notebook_without_slides_is_refused():
    with pytest.raises(ToolError, match="no cell is a slide"):
        slides.deck(notebook(text("a", "skip")), PATH)


# --- speaker notes --------------------------------------------------------------------


@pytest.fixture
def noted(tmp_path):
    """The slides, {name: slide}, of these cells with a file of speaker notes."""
    path = tmp_path / PATH.name

    def slides_with(notes, *cells):
        file = slides.notes_file(path)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(notes if isinstance(notes, bytes) else notes.encode())
        deck = slides.slides_of(notebook(*cells), path)
        return {slide.name: slide for column in deck for slide in column}

    return slides_with


NOTES = """\
# Speaker notes: 9 · Small

## one

Ask *them* $x$.

### Then

```python
## a comment
wait()
```

## below

Point at it.
"""


def test_sections_go_to_the_slides_with_their_ids(noted):
    deck = noted(
        NOTES,
        text("## One", name="one"),
        text("more", "fragment", name="more"),
        text("below", "subslide", name="below"),
        text("## Two", name="two"),
        text("In a cell.", "notes"),
    )
    assert {name: len(slide.notes) for name, slide in deck.items()} == {
        "one": 1,
        "below": 1,
        "two": 1,
    }
    [note] = deck["one"].notes
    assert words(note).startswith("Ask them") and words(note).endswith("wait()")
    assert "<math>" in note and "<h3>Then</h3>" in note and "## a comment" in words(note)
    assert '<span class="n">wait</span>' in note
    assert words(deck["below"].notes[0]) == "Point at it."
    assert words(deck["two"].notes[0]) == "In a cell."


def test_images_of_notes_are_relative_to_the_notebook(noted, tmp_path):
    (tmp_path / "map.png").write_bytes(b64decode(png()))
    deck = noted("## one\n\n![map](map.png)", text("## One", name="one"))
    assert f'src="data:image/png;base64,{png()}"' in deck["one"].notes[0]


def test_a_section_of_a_numeric_id_has_the_address_of_its_slide(noted):
    deck = noted("## cell-12345678\n\nWait.", text("# Name", name="12345678"))
    assert words(deck["cell-12345678"].notes[0]) == "Wait."


def test_a_section_without_text_is_no_note(noted):
    deck = noted("\ufeff# Title\n\n## one\n\n## two\n", *map(slide_named, ("one", "two")))
    assert [slide.notes for slide in deck.values()] == [[], []]


@pytest.mark.parametrize(
    "notes, cause",
    [
        ("## one\n\na\n\n## gone\n\nb", ": no slide of .*small.ipynb begins with .*'gone'"),
        ("## more\n\na", ": no slide of .* 'more'"),  # a fragment
        ("## one\n\na\n\n## one\n\nb", ": two sections are called 'one'"),
        ("# Title\n\nHello.\n\n## one\n\na", ": 'Hello.' is above the first section"),
        ("## one\n\n```\na\n\n## two\n", ", section 'one': a code block has no closing"),
        ("## one\n\n$\\nonsense$", r", section 'one': .*Unknown command .\\nonsense"),
        ("## one\n\n![x](gone.png)", r", section 'one': .*gone\.png"),
        (b"## one\n\n\xff", " cannot be read: 'utf-8' codec"),
    ],
)
def test_an_error_of_speaker_notes_names_file_and_section(notes, cause, noted):
    with pytest.raises(ToolError, match=rf"speaker_notes.09_small\.md{cause}"):
        noted(notes, slide_named("one"), text("more", "fragment", name="more"))


# --- the file -------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path):
    """Write a notebook of these cells and return its path."""

    def write(*cells):
        path = tmp_path / "09_small.ipynb"
        nbformat.write(notebook(*cells), path)
        return path

    return write


@pytest.mark.slow
def test_a_failed_execution_names_the_cell_and_leaves_the_file(small, tmp_path):
    path = small(text("# Name"), code("1 / 0", name="divide"))
    target = tmp_path / "talk.html"
    target.write_text("before")
    with pytest.raises(SystemExit) as stop:
        slides.main([str(path), "-o", str(target)])
    assert f"{path}, cell 'divide': " in str(stop.value)
    assert "ZeroDivisionError: division by zero" in str(stop.value)
    assert target.read_text() == "before"
    assert {file.name for file in tmp_path.iterdir()} == {"09_small.ipynb", "talk.html"}


def test_all_decks_are_listed_in_an_index(small, tmp_path, monkeypatch, capsys):
    path = small(text("# 9 · Small & *fine*"))
    monkeypatch.setattr(files, "ROOT", tmp_path)
    (tmp_path / "notebooks").mkdir()
    path.rename(tmp_path / "notebooks" / path.name)
    slides.main(["--stored"])
    index = (tmp_path / "slides" / "index.html").read_text("utf-8")
    assert '<a href="09_small.html">9 · Small &amp; fine</a>' in index
    assert "<title>9 · Small &amp; fine</title>" in (
        tmp_path / "slides" / "09_small.html"
    ).read_text("utf-8")
    assert "09_small.ipynb: " in capsys.readouterr().out


def test_an_output_file_for_several_notebooks_is_refused(capsys):
    with pytest.raises(SystemExit):
        slides.main(["a.ipynb", "b.ipynb", "-o", "talk.html"])
    assert "-o is for one notebook" in capsys.readouterr().err


WITH_TAGS = "</script><!-- </SCRIPT> <script>"


def test_no_text_of_a_widget_ends_its_script():
    models = {
        "1": {
            "state": {"_esm": f"// {WITH_TAGS}", "_css": "", "name": WITH_TAGS},
            "buffers": [],
        }
    }
    cells = text("# Name"), code(f"f({WITH_TAGS!r})", view("1"))
    page = slides.deck(notebook(*cells, models=models), PATH)
    data = re.search(r'application/json">(.*?)</script>', page, re.DOTALL)[1]
    assert "<" not in data
    read = json.loads(data)
    [model] = read["models"].values()
    assert model["state"] == {"name": WITH_TAGS}
    assert read["shared"][model["esm"]] == f"// {WITH_TAGS}"
    assert page.lower().count("</script") == 5  # those of the page itself
    assert without_kernel.script(WITH_TAGS) == r"\x3c/script>\x3c!-- \x3c/SCRIPT> <script>"


def test_third_party_parts_come_with_their_licenses():
    """In full: the text "-->" in one of them would end the comment that holds them."""
    page = slides.deck(notebook(text("# Name")), PATH)
    comment = page.partition("<!-- This file")[2].partition("-->")[0]
    for path in [*slides.VENDOR.glob("*/LICENSE*"), *slides.VENDOR.glob("*/OFL.txt")]:
        assert path.read_text("utf-8") in comment
    for owner in ("Hakim", "Schennink", "MarkedJS", "Jeffrey", "Gruber", "STIX"):
        assert owner in comment


# --- the course's decks ---------------------------------------------------------------


def cells(path):
    return {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_slide_has_one_note(path):
    deck = slides.slides_of(nbformat.read(path, as_version=4), path)
    notes = {slide.name: len(slide.notes) for column in deck for slide in column}
    assert notes == dict.fromkeys(notes, 1)  # a section that is left over is an error


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_markdown_cell_can_be_rendered(path):
    for cell in cells(path).values():
        if cell.cell_type == "markdown":
            render.markdown(cell.source, cell, path.parent, formulas.macros())


# All slides of the lecture, in its order.
LECTURE = [
    "Generative models & Variational Autoencoder",
    "Generative models: topics",
    "Motivations: photos, style, resolution",
    "Motivations: physics, possible futures",
    "Highlights: StyleGAN",
    "Highlights: DALL-E",
    "Highlights: Stable Diffusion",
    "Generative models: recover P(x) or sample like it",
    "Autoencoders map an input to a latent code",
    "The autoencoder objective",
    "No constraints: the identity function",
    "Undercomplete autoencoders, k < d",
    "The undercomplete and linear autoencoder",
    "Why might we want a non-linear autoencoder?",
    "Sparse Autoencoder",
    "Denoising Autoencoder: the objective",
    "Denoising Autoencoder: the structure of the distribution",
    "Probabilistic Autoencoder: outputs are distributions",
    "Probabilistic Autoencoder: the negative log likelihood",
    "Comparison between autoencoders",
    "Variational Autoencoders produce both",
    "VAEs have inference and generative networks",
    "MLE is intractable",
    "VAE implementation",
    "VAEs objective function: ELBO",
    "Derivation of VAE objective",
    "VAEs objective function: error and regularization",
    "The loss of a minibatch",
    "Reparameterization trick",
    "Visualization of latent space: [−1.0, 1.0]²",
    "Visualization of latent space: [−5.0, 5.0]²",
    "The VAE algorithm using (mini-batch) SGD",
    "Inference",
    "Testing",
    "The KL term, and posterior collapse",
    "A hyper-parameter β",
    '"Traditional" drawback: blurry images',
    "Maybe not a drawback: VQ-VAE-2",
]
# The table of them in the guide.
GUIDE = (ROOT / "docs" / "slides.md").read_text("utf-8").split("## The lecture's slides")[1]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in GUIDE.splitlines()
    if line.startswith("| ")
][1:]


def test_the_decks_follow_the_lecture_and_leave_no_slide_out():
    first = {}
    for title, link, _ in ROWS:
        first.setdefault(title, link[1:3])
    assert list(first) == LECTURE
    assert list(first.values()) == sorted(first.values())


@pytest.mark.parametrize(
    "title, link, named", ROWS, ids=[f"{r[0]}, {r[1][1:3]}" for r in ROWS]
)
def test_a_row_of_the_lecture_s_table_is_true(title, link, named):
    number, name = re.fullmatch(r"\[(\d\d)\]\(\.\./notebooks/(.+)\)", link).groups()
    assert name.startswith(number)
    heading, headings = "", {}
    for cell in cells(ROOT / "notebooks" / name).values():
        if cell.metadata.slideshow.slide_type in ("slide", "subslide"):
            found = cell.cell_type == "markdown" and re.match(r"#+ (.+)", cell.source)
            heading = found[1] if found else heading
            headings[cell.id] = heading
    for group in re.split("(?<=`) · ", named):
        words, names = re.fullmatch(r"(.+?): ((?:`[\w-]+`(?:, )?)+)", group).groups()
        for slide in re.findall("`(.+?)`", names):
            assert headings[slide] == words


# --- in a browser, offline ------------------------------------------------------------


@pytest.fixture
def show(offline, tmp_path):
    """Open the deck of these cells."""

    def open_deck(*cells, models=None, query=""):
        path = tmp_path / "deck.html"
        files.write(path, slides.deck(notebook(*cells, models=models), PATH))
        return offline(path, query)

    return open_deck


@pytest.fixture
def show_with_problems(browser, tmp_path):
    """Open a deck with problems.  -> page, lines of its console"""
    pages = []

    def open_deck(*cells, models=None):
        path, console = tmp_path / "deck.html", []
        files.write(path, slides.deck(notebook(*cells, models=models), PATH))
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        pages.append(page)
        page.on("console", lambda message: console.append(message.text))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        return page, console

    yield open_deck
    for page in pages:
        page.close()


def test_the_layout_check_and_the_console_report_content_that_does_not_fit(
    show_with_problems,
):
    page, console = show_with_problems(
        text("## Wide\n\n```\n" + 150 * "w" + "\n```", name="wide"),
        text(
            "## High\n\n" + 60 * "word word word word word word word word\n\n", name="high"
        ),
        text("## Fine\n\nword", name="fine"),
    )
    problems = page.evaluate(LAYOUT_PROBLEMS)
    page.close()
    assert any(line.startswith("slide wide: pre.code") for line in problems)
    assert any(line.startswith("slide high: p") for line in problems)
    assert not any(line.startswith("slide fine") for line in problems)
    assert console == ["wide does not fit its slide", "high does not fit its slide"]


LONG = "\n\n".join(8 * [40 * "word "])


def test_fragments_without_room_move_to_a_new_slide_with_heading_and_notes(show):
    page = show(
        text(f"## Long\n\n{LONG}", name="first"),
        code("f()", shows(image_png=png()), kind="fragment", name="second"),
        text("Wait.", "notes"),
        text("## End"),
    )
    ids = "Reveal.getSlides().map((slide) => slide.id)"
    assert page.evaluate(ids)[:2] == ["first", "second"]
    page.keyboard.press("ArrowRight")
    assert page.locator("section.present section.present").get_attribute("id") == "second"
    assert page.locator("#second .kicker").text_content() == "Long"
    assert page.locator("#second .fold").count() == 1
    assert page.locator("#first .fold").count() == 0  # its code is on the new slide
    assert page.locator("#second .notes").text_content().strip() == "Wait."
    box = page.locator("#second img").bounding_box()
    assert box["width"] > 1000  # scaled up to fill its slide


def test_keys_for_code_and_theme(show):
    page = show(text("# Name"), code("draw()", shows(image_png=png())), text("## End"))
    page.keyboard.press("ArrowRight")
    here = page.evaluate("Reveal.getIndices().h")
    fold = page.locator("section.present .fold")
    page.keyboard.press("c")
    assert fold.locator("pre").is_visible()
    page.keyboard.press("ArrowDown")  # scrolls the code
    assert page.evaluate("Reveal.getIndices().h") == here
    fold.locator("summary").focus()
    page.keyboard.press("Space")  # for the button, not for the deck
    assert not fold.locator("pre").is_visible()
    assert page.evaluate("Reveal.getIndices().h") == here
    ink = "getComputedStyle(document.querySelector('.reveal')).color"
    light = page.evaluate(ink)
    page.keyboard.press("d")
    assert page.evaluate(ink) != light
    page.keyboard.press("d")
    assert page.evaluate(ink) == light


def test_the_dark_theme_leaves_no_white_area(show):
    page = show(text("# Name"))
    page.keyboard.press("d")
    for key, overview in (("o", "true"), ("Escape", "false")):  # and out again
        page.keyboard.press(key)
        page.wait_for_function(
            f"Reveal.isOverview() === {overview} && !document.getAnimations().length"
        )
        corner = Image.open(BytesIO(page.screenshot())).convert("L").getpixel((1270, 10))
        assert corner < 40


def test_a_small_window_shows_the_same_slides(show):
    page = show(text("# Name"), text("## One"))
    page.set_viewport_size({"width": 400, "height": 700})
    page.wait_for_function("Math.abs(Reveal.getScale() - 400 / 1280) < 0.01")
    assert not page.evaluate("Reveal.isScrollView()")
    page.keyboard.press("ArrowRight")
    box = page.locator("section.present section.present").bounding_box()
    assert abs(box["width"] - 400) < 2


def test_formulas_use_the_font_inside_the_deck(show):
    page = show(text("# Name\n\n$x$"))
    fonts = page.evaluate("[...document.fonts].map((font) => [font.family, font.status])")
    assert fonts == [["deck math", "loaded"]]


def test_a_large_image_in_a_text_fits(show):
    cell = text("## Picture\n\n![x](attachment:f.png)")
    cell.attachments = {"f.png": {"image/png": png(2400, 1600)}}
    assert show(cell).evaluate(LAYOUT_PROBLEMS) == []


def test_the_speaker_sees_the_note(show):
    page = show(text("# Name"), text("Ask them first.", "notes"), text("## End"))
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    speaker = opened.value
    speaker.get_by_text("Ask them first.").wait_for()
    speaker.keyboard.press("ArrowRight")  # it changes the slide of the deck
    page.wait_for_function("Reveal.getIndices().h === 1")


WIDGET = """
export default {
  initialize({ model }) { model.set("started", true); },
  render({ model, el }) {
    const bytes = model.get("rows")[1].data;
    el.innerHTML = `<p>${model.get("started")} ${bytes instanceof DataView}
      ${bytes.getUint8(0)}</p><div tabindex="0" style="height: 200px"></div>`;
    const stage = el.querySelector("div"), line = el.querySelector("p");
    const update = () => { line.textContent = model.get("x"); };
    model.on("change:x", update);
    stage.onpointermove = (event) => {
      const box = stage.getBoundingClientRect();
      model.set("x", Math.round(100 * (event.clientX - box.left) / box.width));
      model.save_changes();
    };
    stage.onkeydown = (event) => model.set("x", event.key);
    return () => model.off("change:x", update);
  },
};
"""


def test_a_widget_responds_without_a_kernel(show):
    state = {"_esm": WIDGET, "_css": ".x {}", "rows": [{}, {}], "x": 0}
    buffers = [{"encoding": "base64", "path": ["rows", 1, "data"], "data": "Kg=="}]
    page = show(
        text("# Name"),
        code("W()", view("1", image_png=png())),
        text("## End"),
        models={"1": {"state": state, "buffers": buffers}},
    )
    page.keyboard.press("ArrowRight")
    line, stage = page.locator(".stage p"), page.locator(".stage div")
    assert re.sub(r"\s+", " ", line.text_content()) == "true true 42"
    assert page.locator(".widget .picture").count() == 0
    box = stage.bounding_box()
    assert box["width"] > 1000  # scaled to its slide
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 20)
    assert line.text_content() == "25"
    here = page.evaluate("Reveal.getIndices().h")
    stage.focus()
    for key in ("ArrowRight", "ArrowDown", "n"):
        page.keyboard.press(key)
        assert line.text_content() == key
    assert page.evaluate("Reveal.getIndices().h") == here
    page.keyboard.press("PageDown")  # a presenter's remote
    assert page.evaluate("Reveal.getIndices().h") == here + 1


def test_no_widget_reaches_another_machine(show_with_problems):
    """Also one that hides the address: the browser refuses what the deck does not hold."""
    esm = (
        """export default { async render() { await fetch("ht" + "tp://192.0.2.1/"); } };"""
    )
    page, console = show_with_problems(
        text("# Name"),
        code("W()", view("1", image_png=png()), name="hidden"),
        models={"1": {"state": {"_esm": esm}, "buffers": []}},
    )
    page.evaluate(LAYOUT_PROBLEMS)
    page.close()
    assert any("Content Security Policy" in line for line in console), console


def test_a_widget_that_fails_leaves_its_picture_and_is_reported(show_with_problems):
    state = {"_esm": "export default { render() { throw new Error('no'); } };"}
    page, console = show_with_problems(
        text("# Name"),
        code("W()", view("1", image_png=png()), name="broken"),
        models={"1": {"state": state, "buffers": []}},
    )
    problems = page.evaluate(LAYOUT_PROBLEMS)
    assert page.locator("#broken .widget .picture").is_visible()
    page.close()
    assert any("did not start" in line for line in console)
    assert [line for line in problems if "slide broken: div.widget" in line]


SETUP = """
import torch
from matplotlib.figure import Figure
from torch import nn
from course_utils.widgets import Dial, LatentWalk
torch.manual_seed(0)
"""
WALK = """
decoder = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 784), nn.Sigmoid())
LatentWalk(decoder, torch.randn(100, 2), torch.arange(100) % 10)
"""
DIAL = """
figures = {1: Figure(), 2: Figure()}
figures[2].add_subplot().plot([0, 1])
Dial("count", figures)
"""


@pytest.fixture(scope="module")
def executed(slow, tmp_path_factory):
    """The deck of an executed notebook with three widgets."""
    folder = tmp_path_factory.mktemp("executed")
    by_kernel = WALK.replace("Walk(decoder", "Walk(lambda z: decoder(z)")
    cells = notebook(
        text("# Name"),
        code(SETUP, kind="skip"),
        code(by_kernel, name="by-kernel"),
        code(WALK, name="walk"),
        code(DIAL, name="dial"),
        text("## End"),
    )
    nbformat.write(cells, folder / "09_small.ipynb")
    slides.build(folder / "09_small.ipynb", folder / "deck.html")
    return folder / "deck.html"


def test_a_walk_that_the_kernel_decodes_is_a_picture_in_a_deck(executed, offline):
    page = offline(executed)
    page.evaluate("() => { location.hash = '/by-kernel'; }")
    page.wait_for_selector("section.present#by-kernel [data-awake=yes]")
    stage = page.locator("#by-kernel .stage")
    assert "needs a running kernel" in stage.inner_text()
    picture = stage.locator("img")
    assert picture.evaluate("(image) => image.naturalWidth") > 600
    box = picture.bounding_box()
    assert box["width"] > 500 and box["y"] >= 0 and box["y"] + box["height"] <= 720


def test_widgets_start_and_release_the_keys_in_an_executed_deck(executed, offline):
    page = offline(executed)
    assert page.evaluate(LAYOUT_PROBLEMS) == []
    for name, control in {"walk": ".cw-stage", "dial": "input"}.items():
        page.evaluate("(name) => { location.hash = '/' + name; }", name)
        page.wait_for_selector(f"section.present#{name} [data-awake=yes]")
        here = page.evaluate("Reveal.getIndices().h")
        box = page.locator(f"#{name} .stage").bounding_box()
        assert box["width"] > 700 and box["y"] >= 0 and box["y"] + box["height"] <= 720
        place = page.locator(f"#{name} {control}").first
        place.focus()
        page.keyboard.press("PageDown")  # of a presenter's remote; also a key of sliders
        assert page.evaluate("Reveal.getIndices().h") == here + 1
        page.keyboard.press("PageUp")
        assert page.evaluate("Reveal.getIndices().h") == here
        place.click()
        page.keyboard.press("Escape")
        page.keyboard.press("ArrowRight")
        assert page.evaluate("Reveal.getIndices().h") == here + 1
