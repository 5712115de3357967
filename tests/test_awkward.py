"""Awkward cells, from the folder awkward: a deck shows what JupyterLab shows.

awkward/README.md says how to add one. Those without words of their own are compared in
browser/test_jupyterlab.py, where JupyterLab runs.
"""

import re
import unicodedata
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import formulas, render, slides
from tools.files import ToolError
from tools.talk import slide_name

FOLDER = Path(__file__).with_name("awkward")
HEAD = re.compile(r'^=== (.+?)(?:: (shows|refused) "(.*)")?\n', re.MULTILINE)
KINDS = {".md": "text/markdown", ".html": "text/html", ".tex": "text/latex"}


class Case(NamedTuple):
    file: str
    name: str
    verb: str | None  # shows, refused, or None: as in JupyterLab
    words: str | None
    source: str


def cases_of(file: Path) -> list[Case]:
    parts = HEAD.split(file.read_text("utf-8"))[1:]
    rows = zip(*[iter(parts)] * 4)
    return [
        Case(file.name, name, verb, words, text.removesuffix("\n"))
        for name, verb, words, text in rows
    ]


CASES = [
    case
    for file in sorted(FOLDER.iterdir())
    if file.suffix in KINDS and file.name != "README.md"
    for case in cases_of(file)
]


@cache
def on_slides(file: str) -> dict[str, str | ToolError]:
    """The cells of a file, as those of one notebook: their HTML, or the refusal."""
    known, shown = formulas.macros(), {}
    kind = KINDS[Path(file).suffix]
    for case in (case for case in CASES if case.file == file):
        cell = new_markdown_cell(case.source)
        try:
            shown[case.name] = (
                render.markdown(case.source, cell, FOLDER, known)
                if kind == "text/markdown"
                else render.output(
                    new_output("display_data", {kind: case.source}), cell, FOLDER, "", known
                )
            )
        except ToolError as error:
            shown[case.name] = error
    return shown


# --- what a reader sees ---------------------------------------------------------------

# No difference to be seen.
IGNORED = set("div section span tbody mjx-container annotation".split())
ATTRIBUTES = {"href", "open", "start", "type", "checked", "colspan", "align", "alt"}
INVISIBLE = re.compile("[\u2061-\u2064\u200b\ufe00-\ufe0f]")
# Signs of a formula that look the same: accents and bars.
SAME = str.maketrans("\u02c6\u0302\u0303\u20d7\u0332\u2015\u2016", "^^~→__∥")


class Seen(HTMLParser):
    """The text and the elements of HTML; of a formula its signs, of code its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tokens: list[str] = []
        self.inside: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        self.flush()

    def flush(self):
        text, self.text = self.text, ""
        if "math" in self.inside:
            signs = unicodedata.normalize("NFKD", text)
            text = re.sub(r"\s", "", INVISIBLE.sub("", signs.translate(SAME)))
        elif "pre" in self.inside:
            text = text.strip("\n")
        else:
            text = re.sub(r"\s+", " ", text).strip()
        if text:
            self.tokens.append(text)

    def handle_data(self, data):
        hidden = {"script", "style", "mjx-math"}.intersection(self.inside)
        if not hidden and "anchor" not in self.inside:
            self.text += data

    def handle_starttag(self, tag, attributes):
        values = {name: value or "" for name, value in attributes}
        if found := re.fullmatch(r"text-align:\s*(\w+);?", values.get("style", "")):
            values["align"] = found[1]
        if "jp-InternalAnchorLink" in values.get("class", ""):
            tag = "anchor"
        if self.matters(tag):
            self.flush()
            kept = "".join(
                f" {name}={value}"
                for name, value in sorted(values.items())
                if name in ATTRIBUTES
            )
            self.tokens.append(f"<{tag}{kept}>")
        if tag not in ("br", "img", "hr", "input", "col", "wbr"):
            self.inside.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.inside = self.inside[:-1] if self.inside[-1:] == [tag] else self.inside

    def handle_endtag(self, tag):
        if tag == "a" and "anchor" in self.inside:
            tag = "anchor"
        if tag in self.inside:
            if self.matters(tag):
                self.flush()
            while self.inside.pop() != tag:
                pass
            if self.matters(tag):
                self.tokens.append(f"</{tag}>")

    def matters(self, tag):
        in_code = "pre" in self.inside and tag != "pre"
        in_formula = ("math" in self.inside and tag != "math") or "mjx-math" in self.inside
        return not (
            in_code
            or in_formula
            or tag in IGNORED
            or tag.startswith("mjx")
            or tag == "anchor"
            or "anchor" in self.inside
        )


def seen(html: str) -> list[str]:
    return Seen(html).tokens


RENDER = """async (sources) => {
  const { rendermime } = jupyterapp.shell.currentWidget.content;
  const place = document.createElement("div"), nodes = [];
  document.body.append(place);
  const rendered = async ([kind, source]) => {
    const renderer = rendermime.createRenderer(kind);
    renderer.constructor.attach(renderer, place);  // else MathJax would not be called
    await renderer.renderModel(
      rendermime.createModel({ data: { [kind]: source }, trusted: true }));
    return renderer.node;
  };
  const settled = async () => {  // MathJax draws one after the other
    const node = await rendered(["text/markdown", "$z$"]);
    while (!node.querySelector("mjx-container")) await new Promise(requestAnimationFrame);
  };
  await settled();
  for (const source of sources) nodes.push(await rendered(source));
  await settled();
  place.remove();
  return nodes.map((node) => node.innerHTML);
}"""
# As a browser reads it: it closes what is open.
READ = """(pages) => pages.map((html) => {
  const place = document.createElement("div");
  place.innerHTML = html;
  return place.innerHTML;
})"""


def differences(page):
    """Of the cells that a deck must show as JupyterLab does: both, where they differ.

    page: of JupyterLab, with a notebook.
    """
    compared = [case for case in CASES if case.verb is None]
    sources = [[KINDS[Path(case.file).suffix], case.source] for case in compared]
    theirs = page.evaluate(RENDER, sources)
    ours = page.evaluate(READ, [on_slides(case.file)[case.name] for case in compared])
    return {
        f"{case.file}: {case.name}": (seen(deck), seen(lab))
        for case, deck, lab in zip(compared, ours, theirs)
        if seen(deck) != seen(lab)
    }


# --- tests ----------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}: {case.name}")
def test_a_cell_is_shown_or_refused_in_words(case):
    shown = on_slides(case.file)[case.name]
    if case.verb == "refused":
        assert isinstance(shown, ToolError) and case.words in str(shown)
    else:
        assert not isinstance(shown, ToolError), shown
        assert (case.words or "") in " ".join(seen(shown))


def test_a_deck_of_all_cells_is_whole_and_requests_nothing(offline, tmp_path):
    """An unclosed tag would swallow the slides below it, or end the deck."""
    cells = []
    for case in CASES:
        if case.verb != "refused":
            metadata = {"slideshow": {"slide_type": "slide"}}
            kind = KINDS[Path(case.file).suffix]
            output = new_output("display_data", {kind: case.source})
            cells.append(
                new_markdown_cell(case.source, metadata=metadata)
                if kind == "text/markdown"
                else new_code_cell("f()", outputs=[output], metadata=metadata)
            )
    deck = tmp_path / "deck.html"
    deck.write_text(slides.deck(new_notebook(cells=cells), tmp_path / "a.ipynb"), "utf-8")
    page = offline(deck)
    names = page.evaluate(
        "[...document.querySelectorAll('.slides > * > section')].map((s) => s.id)"
    )
    assert names == [slide_name(cell) for cell in cells]
