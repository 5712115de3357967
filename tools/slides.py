"""One HTML file of slides from a notebook, a plan or a talk: offline, with live widgets.

    python -m tools.slides                             all, and a page that links them
    python -m tools.slides notebooks/02_pca.ipynb      one: slides/02_pca.html
    python -m tools.slides notebooks/02_pca.ipynb -o talk.html
    python -m tools.slides docs/plans/one_lecture.txt  slides of several notebooks
    python -m tools.slides docs/talk/talk.toml         with a title page and own slides
    python -m tools.slides --stored                    from stored outputs

A plan chooses slides, a talk has a title page and colors, too: docs/talks.md, talk.py.

Slide types are those of JupyterLab; every cell needs one. The speaker notes are beside the
notebook, in speaker_notes/02_pca.md, a section for each slide. A copy of the notebook is
executed for the states of widgets, which a stored notebook lacks. The file loads nothing:
reveal.js and the math font come from the folder vendor.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html import escape, unescape
from pathlib import Path

from math_core import LatexToMathML
from nbformat import NotebookNode

from course_utils.widgets.core import with_imports
from tools import files, formulas, render, self_contained
from tools.execute import DPI, WIDGET_VIEW, run
from tools.files import ToolError, errors_at
from tools.talk import Talk, prefix_of, read_source, read_talks, slide_name
from tools.without_kernel import ICON, script, states_json

VENDOR = Path(__file__).with_name("vendor")
THEME, SLIDES_STYLE, WIDGET_STYLE, TALK_STYLE = (
    Path(__file__).with_name(name).read_text("utf-8")
    for name in ("theme.css", "slides.css", "slides_widgets.css", "talk.css")
)
STYLE = SLIDES_STYLE + WIDGET_STYLE
SCRIPT = with_imports(Path(__file__).with_suffix(".js"))
OPENING = Path(__file__).with_name("slides_opening.js").read_text("utf-8")
LICENSES = (
    "reveal.js/LICENSE",
    "fitty/LICENSE",
    "marked/LICENSE.md",
    "stix-two-math/OFL.txt",
)
# What a deck may load: only what is inside. Eval: LiveTraining compiles WebAssembly, and a
# widget of others may compile code. Frames: the speaker view shows the deck.
POLICY = (
    "default-src data: blob: 'unsafe-inline' 'unsafe-eval'; frame-src 'self' file:; "
    "form-action 'none'; base-uri 'none'"
)
TYPES = ("slide", "subslide", "fragment", "notes", "skip")
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
HEADING = re.compile(r"\A\s*<h([1-6])\b[^>]*>(.*?)</h\1>", re.DOTALL)
TITLE = re.compile(r"\s*##?\s")  # of a slide; exercises have smaller ones
LINK = re.compile(r'href="(?:([^"/#:]+)\.html)?(?:#/?([^"]*))?"')
PICTURE_ALONE = re.compile(r'<p><img src="(data:image/[^"]+)" alt="([^"]*)"></p>')
WITHOUT_ALT = re.compile(r'<img\b(?![^>]*\balt="[^"]*[^"\s])[^>]*\bsrc="([^"]*)"')


@dataclass
class Slide:
    """One slide: its visible parts in order, the collapsed code, its notes."""

    name: str  # the id of its first cell, and its address in the deck
    kicker: str = ""  # the previous heading, shown if there is no new one
    heading: str = ""
    level: str = "2"
    parts: list[str] = field(default_factory=list)
    folded: list[str] = field(default_factory=list)  # collapsed code
    notes: list[str] = field(default_factory=list)
    language: str = ""  # if it is not that of the deck

    @property
    def has_picture(self) -> bool:
        return any(map(_has_picture, self.parts))


def _has_picture(html: str) -> bool:
    """Whether it has a picture or widget; quotes of text are escaped."""
    return '<div class="picture"' in html or '<div class="widget"' in html


# --- from a notebook to slides --------------------------------------------------------


def slides_of(notebook: NotebookNode, path: Path) -> list[list[Slide]]:
    """The slides in columns: a "slide" starts a column, a "subslide" extends it.

    ToolError for a cell without a slide type or with an unknown one, for a fragment or a
    note before the first slide, for LaTeX that cannot be rendered, for a cell that failed,
    for speaker notes that belong to no slide.
    """
    columns: list[list[Slide]] = []
    widgets = live_widgets(notebook)
    known = formulas.macros()
    notes = speaker_notes(notes_file(path))
    skipped = None  # the cell that would have begun the slide
    for cell in notebook.cells:
        position = f"{path}, cell {cell.id!r}"
        with errors_at(position):
            kind = _slide_type(cell)
            if kind == "skip":
                is_title = cell.cell_type == "markdown" and TITLE.match(cell.source)
                if is_title or slide_name(cell) in notes:
                    skipped = cell.id
                if cell.cell_type == "markdown":
                    formulas.learn(cell.source, known)
                if notes.pop(slide_name(cell), ""):
                    _warn(position, "its speaker note is left out with it")
                continue
            if kind in ("slide", "subslide"):
                skipped = None
            if skipped:
                _warn(position, f"left out with the skipped slide {skipped!r}")
                continue
            _add(cell, kind, columns, widgets, path.parent, known)
            if any(_is_lost(output, widgets) for output in cell.get("outputs", [])):
                lost = "a widget without a picture, which needs a kernel, is left out"
                _warn(position, lost)
    _add_notes(columns, notes, path, known)
    return columns


def _slide_type(cell: NotebookNode) -> str:
    kind = (cell.metadata.get("slideshow") or {}).get("slide_type")
    if kind not in TYPES:
        raise ToolError(f"its slide type is {kind!r}; it must be one of {', '.join(TYPES)}")
    return kind


def _warn(position: str, what: str) -> None:
    print(f"{position}: {what}", file=sys.stderr)


def _add(
    cell: NotebookNode,
    kind: str,
    columns: list[list[Slide]],
    widgets: dict,
    folder: Path,
    known: LatexToMathML,
) -> None:
    """Add a cell by its slide type: as a new slide, or to the last one or its notes."""
    if cell.cell_type == "raw":
        raise ToolError("a raw cell cannot be shown; its slide type must be skip")
    if kind in ("slide", "subslide"):
        before = columns[-1][-1] if columns else Slide("")
        if kind == "slide" or not columns:
            columns.append([])
        columns[-1].append(Slide(slide_name(cell), kicker=before.heading or before.kicker))
    if not columns:
        raise ToolError(f"a {kind} before the first slide")
    slide = columns[-1][-1]
    if cell.cell_type == "markdown":
        html = render.markdown(cell.source, cell, folder, known)
        if kind not in ("fragment", "notes") and (found := HEADING.match(html)):
            slide.level, slide.heading = found.groups()
            html = html[found.end() :]
    elif kind == "notes":  # which fold no code and start no widget
        note = Slide("")
        parts = list(code_parts(cell, note, {}, folder, known))
        html = "\n".join([*note.folded, *parts])
    else:
        html = "\n".join(code_parts(cell, slide, widgets, folder, known))
    if kind == "notes":
        slide.notes.append(html)
    elif html.strip():
        fragment = " fragment" if kind == "fragment" else ""
        filled = " filled" if _has_picture(html) else ""
        slide.parts.append(
            f'<div class="part{fragment}{filled}" data-cell="{escape(cell.id)}">'
            f"{html.strip()}</div>"
        )


def _is_lost(output: NotebookNode, widgets: dict) -> bool:
    """Whether it is a widget that a slide cannot show; progress bars are not missed."""
    data = output.get("data", {})
    number = data.get(WIDGET_VIEW, {}).get("model_id", "")
    has_other = (
        number in widgets or "image/png" in data or "%|" in data.get("text/plain", "")
    )
    return bool(number) and not has_other


def code_parts(
    cell: NotebookNode, slide: Slide, widgets: dict, folder: Path, known: LatexToMathML
) -> Iterator[str]:
    """Outputs and code of a code cell. The code is omitted if the cell only shows a source,
    collapsed if it has a picture, a widget, a table or a claim, which repeats its sentence,
    and otherwise above its output."""
    outputs, source, sentence = _joined(cell.outputs), cell.source, ""
    if "nbval-check-output" in (cell.metadata.get("tags") or []):
        sentence = "".join(o.text for o in outputs if o.get("name") == "stdout").strip()
        outputs = [o for o in outputs if o.get("name") != "stdout"]
    title = escape(unescape(re.sub(r"<[^>]+>", "", slide.heading or slide.kicker)))
    shown = []
    for output in outputs:
        html = render.output(output, cell, folder, title, known)
        number = output.get("data", {}).get(WIDGET_VIEW, {}).get("model_id")
        if number in widgets:
            _check_widget(widgets[number]["state"])
            html = f'<div class="widget" data-widget="{escape(number)}">{html}</div>'
        shown += [html] if html else []
    code = f'<pre class="code">{render.highlight(source)}</pre>'
    shows_source = source.startswith("show_source(")
    rich = sentence or not all(html.startswith("<pre") for html in shown)
    if rich or (slide.folded and shown and not shows_source):
        slide.folded.append(code.replace("<pre", f'<pre data-cell="{escape(cell.id)}"'))
    elif source and not (shows_source and shown):
        yield code
    yield from shown
    if sentence:
        yield f'<p class="claim">{escape(sentence)}</p>'


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The outputs without warnings, and as one what was printed in pieces.

    A carriage return may be in the piece after its line.
    """
    joined: list[NotebookNode] = []
    for output in outputs:
        if output.get("name") == "stderr":
            continue
        before = joined[-1] if joined else NotebookNode()
        if output.output_type == "stream" and output.name == before.get("name"):
            joined[-1] = NotebookNode(before, text=before.text + output.text)
        else:
            joined.append(output)
    return joined


def _check_widget(state: dict) -> None:
    """ToolError if the module or the style of a widget would load something."""
    for what, found in (
        ("module", self_contained.outside(state["_esm"])),
        ("style", self_contained.loads(state.get("_css") or "")),
    ):
        if found:
            raise ToolError(f"the {what} of a widget would load a resource: {found}")


def notes_file(path: Path) -> Path:
    """Where the speaker notes of a notebook are."""
    return path.parent / "speaker_notes" / f"{path.stem}.md"


def speaker_notes(path: Path) -> dict[str, str]:
    """The sections of a file of speaker notes: id of a slide's first cell -> Markdown.

    ToolError for two sections with one id.
    """
    sections = files.sections(path)
    notes = dict(sections)
    for name in notes:
        if [other for other, _ in sections].count(name) > 1:
            raise ToolError(f"{path}: two sections are called {name!r}; join them")
    return notes


def _add_notes(
    columns: list[list[Slide]], notes: dict[str, str], path: Path, known: LatexToMathML
) -> None:
    """Add the speaker notes of a notebook to its slides."""
    source = notes_file(path)
    for slide in (slide for column in columns for slide in column):
        if text := notes.pop(slide.name, "").strip():
            with errors_at(f"{source}, section {slide.name!r}"):
                slide.notes.append(
                    render.markdown(text, NotebookNode(), path.parent, known)
                )
    if notes:
        raise ToolError(
            f"{source}: no slide of {path.name} begins with the cell "
            f"{' or '.join(map(repr, notes))}; a section has the id of the first cell of "
            "its slide"
        )


def live_widgets(notebook: NotebookNode) -> dict[str, dict]:
    """The saved widgets with a JavaScript module: id -> stored model."""
    widgets = notebook.metadata.get("widgets") or {}
    saved = (widgets.get(WIDGET_STATE) or {}).get("state") or {}
    return {
        number: model
        for number, model in saved.items()
        if (model.get("state") or {}).get("_esm")
    }


# --- from slides to a file ------------------------------------------------------------


def deck(notebook: NotebookNode, path: Path, home: str = "") -> str:
    """The HTML of a notebook's slides, which needs no other file and no network.

    home is the address of the notebook as a page, where there is one.
    """
    columns = slides_of(notebook, path)
    if not columns:
        raise ToolError(f"{path}: no cell is a slide")
    title = columns[0][0].heading or escape(path.stem)
    return _page(title, columns, live_widgets(notebook), path, home=home)


def _page(
    title: str,
    columns: list[list[Slide]],
    widgets: dict,
    path: Path,
    *,
    language: str = "en",
    labels: dict[str, str] | None = None,
    style: str = "",
    home: str = "",
) -> str:
    """The HTML of slides; the path is for the message of an error."""
    body = "\n".join(
        "<section>" + "\n".join(map(_section, column)) + "</section>" for column in columns
    )
    if labels:
        body = _translated(body, labels)
    font = b64encode((VENDOR / "stix-two-math/STIXTwoMath-Regular.woff2").read_bytes())
    source = f"data:font/woff2;base64,{font.decode()}"
    licenses = "\n".join(map(_vendored, LICENSES))
    return f"""<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
{ICON}
<title>{re.sub(r"<[^>]+>", "", title)}</title>
<!-- This file contains reveal.js, with fitty and marked in it, and the font STIX Two Math.
Their licenses:
{licenses}-->
<style>{_vendored("reveal.js/dist/reveal.css")}</style>
<style>@font-face {{ font-family: "deck math"; src: url("{source}"); }}
{THEME}{STYLE}{style}</style>
<script>{script(OPENING)}</script>
</head>
<body>
<main class="reveal" data-labels="{escape(json.dumps(labels or {}))}"
data-home="{escape(home)}"><div class="slides">
{body}
</div></main>
<script type="application/json">{widgets_json(widgets, body, path)}</script>
<script>{script(_vendored("reveal.js/dist/reveal.js"))}</script>
<script>{script(_vendored("reveal.js/dist/plugin/notes.js"))}</script>
<script type="module">{script(SCRIPT)}</script>
</body>
</html>
"""


def _translated(body: str, labels: dict[str, str]) -> str:
    """The slides with the builder's own words in another language."""
    for english, html in (("code", "<summary>{}</summary>"), ("figure", 'alt="{}: ')):
        own = escape(labels.get(english, english))
        body = body.replace(html.format(english), html.format(own))
    predict = f"<strong>{escape(labels.get('Predict', 'Predict'))}"
    return body.replace(f"<p>{predict}", f'<p class="predict">{predict}')


def _section(slide: Slide) -> str:
    tag = "h1" if slide.level == "1" else "h2"
    if slide.heading:
        head = f"<{tag}>{slide.heading}</{tag}>"
    else:
        head = f'<h2 class="kicker">{slide.kicker}</h2>'
    fold = notes = ""
    if slide.folded:
        code = "\n".join(slide.folded)
        fold = (
            '<details class="fold"><summary>code</summary>'
            f'<div tabindex="0">{code}</div></details>'
        )
    if slide.notes:
        notes = f'<aside class="notes">{"".join(slide.notes)}</aside>'
    kind = "title" if slide.level == "1" else "full" if slide.has_picture else "text"
    body = "\n".join(slide.parts)
    language = f' lang="{slide.language}"' if slide.language else ""
    return (
        f'<section id="{escape(slide.name)}" class="{kind}"{language}>{head}'
        f'<div class="body">{body}</div>{fold}{notes}</section>'
    )


def widgets_json(widgets: dict[str, dict], body: str, path: Path) -> str:
    """States of the widgets on the slides."""
    shown = {n: model for n, model in widgets.items() if f'data-widget="{n}"' in body}
    try:
        return states_json(shown)
    except ValueError as error:
        raise ToolError(f"{path}: the state of a widget holds NaN or infinity") from error


def _vendored(name: str) -> str:
    return (VENDOR / name).read_text("utf-8")


def index(decks: list[Path]) -> str:
    """A page that links the decks, by their titles."""
    rows = []
    for path in decks:
        title = path.read_text("utf-8").partition("<title>")[2].partition("</title>")[0]
        rows.append(f'<li><a href="{path.name}">{title}</a></li>')
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{ICON}
<title>Slides</title>
<style>{THEME}{STYLE}</style>
</head>
<body class="index">
<h1>Slides</h1>
<ul>
{"".join(rows)}
</ul>
<p>Space or → next, ← back. <kbd>S</kbd> speaker notes · <kbd>C</kbd> the code of a
figure · <kbd>D</kbd> dark or light · <kbd>F</kbd> full screen · <kbd>O</kbd> overview ·
<kbd>?</kbd> all keys. For paper, open a deck with <code>?print-pdf</code> directly
after <code>.html</code> and print it.</p>
</body>
</html>
"""


def with_outputs(path: Path, stored: bool) -> NotebookNode:
    """A notebook, executed unless its stored outputs are wanted."""
    notebook = files.read_notebook(path)
    if not stored:
        run(notebook, path, dpi=DPI)
    return notebook


def build(path: Path, target: Path, stored: bool = False) -> None:
    """Write the slides of one notebook; on any error the target is not changed."""
    files.write(target, deck(with_outputs(path, stored), path))


# --- from several notebooks to a deck ------------------------------------------------


def build_talk(path: Path, target: Path, stored: bool = False) -> None:
    """Write the decks of a plan or a talk: one is the target, several are numbered."""
    talks = read_talks(path)
    names = [target.name]
    if len(talks) > 1:
        names = [f"{target.stem}_{n:02}{target.suffix}" for n in range(1, len(talks) + 1)]
    sources = sorted({source for talk in talks for source, _ in talk.slides})
    notebooks = {
        source: read_source(source)
        if source.suffix == ".md"
        else with_outputs(source, stored)
        for source in sources
    }
    decks = [talk_deck(talk, notebooks, path) for talk in talks]
    files.write_all({target.with_name(name): html for name, html in zip(names, decks)})


def talk_deck(talk: Talk, notebooks: dict[Path, NotebookNode], path: Path) -> str:
    """The HTML of a talk, from its executed notebooks; the path is for errors.

    The address of a slide begins with its notebook, such as pca-question-arc, since several
    notebooks may have a slide of the same name.
    """
    addresses = {
        (source.stem, name): prefix_of(source) + name
        for source, names in talk.slides
        for name in names
    }
    for (stem, _), address in list(addresses.items()):
        addresses.setdefault((stem, ""), address)
    slides: dict[tuple[Path, str], Slide] = {}
    titles: list[str] = []
    widgets: dict[str, dict] = {}
    for source in dict.fromkeys(source for source, _ in talk.slides):
        notebook = notebooks[source]
        if source.suffix == ".md":
            _check_words(notebook, source)
        columns = slides_of(notebook, source)
        titles += [columns[0][0].heading] if source.suffix == ".ipynb" else []
        widgets |= live_widgets(notebook)
        for slide in (slide for column in columns for slide in column):
            slides[source, slide.name] = _in_talk(slide, source, talk, addresses)
    chosen = [[slides[source, name]] for source, names in talk.slides for name in names]
    with errors_at(str(path)):
        first, style = _title_page(talk, "<br>".join(titles))
    return _page(
        escape(talk.title),
        [[first], *chosen],
        widgets,
        path,
        language=talk.language,
        labels=talk.labels,
        style=style,
    )


def _in_talk(
    slide: Slide, source: Path, talk: Talk, addresses: dict[tuple[str, str], str]
) -> Slide:
    """A slide as one of a talk: its name and cells have a prefix, and its links lead to
    slides of the talk. In a Markdown file, a picture alone in a paragraph is a figure."""
    prefix = prefix_of(source)

    def linked(html: str) -> str:
        return LINK.sub(lambda found: _link(found, source.stem, addresses), html)

    def prefixed(html: list[str]) -> list[str]:
        html = [part.replace('data-cell="', f'data-cell="{prefix}') for part in html]
        return [linked(part) for part in html]

    parts = prefixed(slide.parts)
    if source.suffix == ".md":
        parts = [_with_figures(part) for part in parts]
    is_foreign = source in files.course_notebooks() and talk.language[:2] != "en"
    return replace(
        slide,
        name=prefix + slide.name,
        level="2",  # the deck has a title of its own
        parts=parts,
        folded=prefixed(slide.folded),
        notes=[linked(note) for note in slide.notes],
        language="en" if is_foreign else "",
    )


def _link(found: re.Match, stem: str, addresses: dict[tuple[str, str], str]) -> str:
    """A link to a slide of the talk; none to a notebook or a slide that is not in it."""
    page, name = found[1] or stem, found[2] or ""
    if not found[1] and not name:
        return found[0]
    if address := addresses.get((page, name)):
        return f'href="#/{escape(address)}"'
    is_lesson = page in [lesson.stem for lesson in files.course_notebooks()]
    return "" if found[1] and (is_lesson or (page, "") in addresses) else found[0]


def _check_words(notebook: NotebookNode, source: Path) -> None:
    """ToolError for a picture in slides of one's own that has no words, by its file."""
    for cell in notebook.cells:
        heading = cell.source.partition("\n")[0].strip("# ")
        with errors_at(f"{source}, slide {heading!r}"):
            html = render.MARKDOWN.render(formulas.take_out(cell.source)[0])
            html = self_contained.written(html, str, str, in_markdown=True)  # as it is
            if found := WITHOUT_ALT.search(html):
                raise ToolError(
                    "a picture needs words for those who cannot see it, but "
                    f"{unescape(found[1])} has none: ![what it shows](file)"
                )


def _with_figures(part: str) -> str:
    """Pictures alone in a paragraph fill the slide."""
    shown = PICTURE_ALONE.sub(lambda one: render.figure(one[1], one[2]), part)
    return part if shown == part else shown.replace('class="part', 'class="part filled', 1)


def _title_page(talk: Talk, notebooks: str) -> tuple[Slide, str]:
    """The first slide of a talk, and the style of the talk."""
    who = "<br>".join(escape(name) for name in (talk.speaker, talk.university) if name)
    texts = (escape(talk.subtitle) or notebooks, who, escape(talk.date))
    part = "".join(f"<p>{text}</p>" for text in texts if text)
    parts = [f'<div class="part">{part}</div>']
    style = f"{TALK_STYLE}{talk.style}\n:root {{ --footer: {_css_text(talk.footer)}; "
    if talk.logo:
        address = self_contained.as_data(talk.logo, talk.folder, {})
        picture = render.figure(address, escape(talk.university))
        ratio = picture.partition("--ratio: ")[2].partition('"')[0]
        parts.append(
            f'<div class="logo"><img src="{address}" alt="{escape(talk.university)}"></div>'
        )
        style += f"--logo: url({address}); --logo-ratio: {ratio}; "
    return Slide("title", heading=escape(talk.title), level="1", parts=parts), style + "}"


def _css_text(text: str) -> str:
    """A text as a string of CSS, in a style element."""
    return '"' + re.sub(r"[^\w .,·–-]", lambda sign: f"\\{ord(sign[0]):x} ", text) + '"'


def _refuse_source(target: Path | None, sources: list[Path]) -> None:
    """ToolError if the deck would replace what it is made of, or any notebook."""
    if target and (
        target.suffix.lower() == ".ipynb" or target.resolve() in map(Path.resolve, sources)
    ):
        raise ToolError(f"{target} is no place for slides: -o names an HTML file to write")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="slides", description="Slides from notebooks.")
    parser.add_argument(
        "notebooks",
        nargs="*",
        type=Path,
        help="notebooks, plans (.txt), talks (.toml); default: all notebooks of the course",
    )
    parser.add_argument("-o", dest="target", type=Path, help="the file, for one notebook")
    parser.add_argument("--stored", action="store_true", help="use stored outputs")
    options = parser.parse_args(arguments)
    if options.target and len(options.notebooks) != 1:
        parser.error("-o is for one notebook")
    if len({path.stem for path in options.notebooks}) < len(options.notebooks):
        parser.error("two notebooks with the same name would give one deck; use -o")
    folder = files.ROOT / "slides"
    decks = []
    with files.exit_with_message():
        _refuse_source(options.target, options.notebooks)
        for path in options.notebooks or files.course_notebooks():
            decks.append(options.target or folder / f"{path.stem}.html")
            print(f"{path.name}: {decks[-1]}", flush=True)
            make = build_talk if path.suffix in (".txt", ".toml") else build
            make(path, decks[-1], options.stored)
        if not options.notebooks:
            files.write(folder / "index.html", index(decks))


if __name__ == "__main__":
    main(sys.argv[1:])
