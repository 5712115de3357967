"""One HTML file of slides from a notebook or a plan. It works offline, with live widgets.

    python -m tools.slides                             all, and a page that links them
    python -m tools.slides notebooks/02_pca.ipynb      one: slides/02_pca.html
    python -m tools.slides notebooks/02_pca.ipynb -o talk.html
    python -m tools.slides docs/plans/one_lecture.txt  slides of several notebooks
    python -m tools.slides --stored                    from stored outputs

A plan is a text file that chooses slides; docs/slides.md describes it.

Slide types are those of JupyterLab; every cell needs one. The speaker notes are beside the
notebook, in speaker_notes/02_pca.md, a section for each slide. A copy of the notebook is
executed for the states of widgets, which a stored notebook lacks. The file loads nothing:
reveal.js and the math font come from the folder vendor.
"""

from __future__ import annotations

import argparse
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
from tools.execute import WIDGET_VIEW, run
from tools.files import ToolError, errors_at
from tools.without_kernel import script, states_json

VENDOR = Path(__file__).with_name("vendor")
THEME, STYLE = (
    Path(__file__).with_name(name).read_text("utf-8")
    for name in ("theme.css", "slides.css")
)
SCRIPT = with_imports(Path(__file__).with_suffix(".js"))
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
    widgets = _live_widgets(notebook)
    known = formulas.macros()
    skipped = None  # the cell that would have begun the slide
    for cell in notebook.cells:
        position = f"{path}, cell {cell.id!r}"
        with errors_at(position):
            kind = _slide_type(cell)
            if kind == "skip":
                if cell.cell_type == "markdown":
                    formulas.learn(cell.source, known)
                    skipped = cell.id if TITLE.match(cell.source) else skipped
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
    _add_notes(columns, path, known)
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
        columns[-1].append(Slide(_name(cell), kicker=before.heading or before.kicker))
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
        parts = list(_code_parts(cell, note, {}, folder, known))
        html = "\n".join([*note.folded, *parts])
    else:
        html = "\n".join(_code_parts(cell, slide, widgets, folder, known))
    if kind == "notes":
        slide.notes.append(html)
    elif html.strip():
        fragment = " fragment" if kind == "fragment" else ""
        filled = " filled" if _has_picture(html) else ""
        slide.parts.append(
            f'<div class="part{fragment}{filled}" data-cell="{escape(cell.id)}">'
            f"{html.strip()}</div>"
        )


def _name(cell: NotebookNode) -> str:
    """The name of the slide that begins with a cell."""
    # reveal.js reads a number in an address as the position of a slide.
    return f"cell-{cell.id}" if cell.id.isdigit() else cell.id


def _is_lost(output: NotebookNode, widgets: dict) -> bool:
    """Whether it is a widget that a slide cannot show; progress bars are not missed."""
    data = output.get("data", {})
    number = data.get(WIDGET_VIEW, {}).get("model_id", "")
    has_other = (
        number in widgets or "image/png" in data or "%|" in data.get("text/plain", "")
    )
    return bool(number) and not has_other


def _code_parts(
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

    A section begins with the line ``## <id>``; only titles, ``# …``, stand above the first.
    No file, no notes. ToolError for other text above, and for two sections with one id.
    """
    try:
        text = path.read_text("utf-8-sig")  # editors on Windows may write a signature
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ToolError(f"{path} cannot be read: {error}") from error
    notes: dict[str, str] = {}
    name, in_code = "", False
    for line in text.splitlines():
        in_code ^= line.startswith("```")
        if line.startswith("## ") and not in_code:  # in code it is a comment
            name = line[3:].strip()
            if name in notes:
                raise ToolError(f"{path}: two sections are called {name!r}; join them")
            notes[name] = ""
        elif name:
            notes[name] += f"{line}\n"
        elif line.strip() and not line.startswith("# "):
            raise ToolError(
                f"{path}: {line!r} is above the first section, so it belongs to no slide; "
                "begin a section with ## and the id of the first cell of a slide"
            )
    if in_code:
        raise ToolError(f"{path}, section {name!r}: a code block has no closing ```")
    return notes


def _add_notes(columns: list[list[Slide]], path: Path, known: LatexToMathML) -> None:
    """Add the speaker notes of a notebook to its slides."""
    source = notes_file(path)
    notes = speaker_notes(source)
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


def _live_widgets(notebook: NotebookNode) -> dict[str, dict]:
    """The saved widgets with a JavaScript module: id -> stored model."""
    widgets = notebook.metadata.get("widgets") or {}
    saved = (widgets.get(WIDGET_STATE) or {}).get("state") or {}
    return {
        number: model
        for number, model in saved.items()
        if (model.get("state") or {}).get("_esm")
    }


# --- from slides to a file ------------------------------------------------------------


def deck(notebook: NotebookNode, path: Path) -> str:
    """The HTML of a notebook's slides, which needs no other file and no network."""
    columns = slides_of(notebook, path)
    if not columns:
        raise ToolError(f"{path}: no cell is a slide")
    title = columns[0][0].heading or escape(path.stem)
    return _page(title, columns, _live_widgets(notebook), path)


def _page(title: str, columns: list[list[Slide]], widgets: dict, path: Path) -> str:
    """The HTML of slides; the path is for the message of an error."""
    body = "\n".join(
        "<section>" + "\n".join(map(_section, column)) + "</section>" for column in columns
    )
    font = b64encode((VENDOR / "stix-two-math/STIXTwoMath-Regular.woff2").read_bytes())
    source = f"data:font/woff2;base64,{font.decode()}"
    licenses = "\n".join(map(_vendored, LICENSES))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{re.sub(r"<[^>]+>", "", title)}</title>
<!-- This file contains reveal.js, with fitty and marked in it, and the font STIX Two Math.
Their licenses:
{licenses}-->
<style>{_vendored("reveal.js/dist/reveal.css")}</style>
<style>@font-face {{ font-family: "deck math"; src: url("{source}"); }}
{THEME}{STYLE}</style>
</head>
<body>
<main class="reveal"><div class="slides">
{body}
</div></main>
<script type="application/json">{_widgets_json(widgets, body, path)}</script>
<script>{script(_vendored("reveal.js/dist/reveal.js"))}</script>
<script>{script(_vendored("reveal.js/dist/plugin/notes.js"))}</script>
<script type="module">{script(SCRIPT)}</script>
</body>
</html>
"""


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
    return (
        f'<section id="{escape(slide.name)}" class="{kind}">{head}'
        f'<div class="body">{body}</div>{fold}{notes}</section>'
    )


def _widgets_json(widgets: dict[str, dict], body: str, path: Path) -> str:
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


def _outputs(path: Path, stored: bool) -> NotebookNode:
    """A notebook, executed unless its stored outputs are wanted."""
    notebook = files.read_notebook(path)
    if not stored:
        run(notebook, path, figures="retina")
    return notebook


def build(path: Path, target: Path, stored: bool = False) -> None:
    """Write the slides of one notebook; on any error the target is not changed."""
    files.write(target, deck(_outputs(path, stored), path))


# --- from a plan to decks -------------------------------------------------------------


def read_plan(path: Path) -> dict[str, list[tuple[Path, list[str]]]]:
    """The decks of a plan: title -> the notebooks in order, each with names of slides.

    A line ``# title`` begins a deck. ``06 question-model see-free`` takes these slides of
    the course's notebook 06, ``06`` alone takes all of them. ToolError for anything else.
    """
    lessons = {lesson.stem[:2]: lesson for lesson in files.course_notebooks()}
    with errors_at(str(path)):
        lines = path.read_text("utf-8-sig").splitlines()
    plan: dict[str, list[tuple[Path, list[str]]]] = {}
    for number, line in enumerate(lines, 1):
        with errors_at(f"{path}, line {number}"):
            if line.startswith("# "):
                title = line[2:].strip()
                if title in plan:
                    raise ToolError(f"two decks are called {title!r}")
                plan[title] = []
            elif not plan and line.strip():
                raise ToolError("a deck begins with a line '# ' and its title")
            elif line.strip():
                plan[title].append(_choice(line.split(), lessons, plan[title]))
    if not all(plan.values()) or not plan:
        raise ToolError(f"{path}: a deck has no slides")
    return plan


def _choice(
    words: list[str], lessons: dict[str, Path], before: list[tuple[Path, list[str]]]
) -> tuple[Path, list[str]]:
    """The notebook and the slides of one line; a deck shows no slide twice."""
    if words[0] not in lessons:
        raise ToolError(f"no notebook has the number {words[0]!r}")
    lesson = lessons[words[0]]
    known = [
        _name(cell)
        for cell in files.read_notebook(lesson).cells
        if cell.metadata.get("slideshow", {}).get("slide_type") in ("slide", "subslide")
    ]
    names = words[1:] or known
    shown = [name for earlier, names in before if earlier == lesson for name in names]
    for name in names:
        if name not in known:
            raise ToolError(
                f"no slide of {lesson.name} begins with the cell {name!r}; a slide has the "
                "id of its first cell"
            )
        if name in shown:
            raise ToolError(f"the slide {name!r} is already in this deck")
        shown.append(name)
    return lesson, names


def plan_decks(path: Path, stored: bool = False) -> Iterator[str]:
    """The HTML of each deck of a plan; each notebook is executed once.

    The address of a slide begins with its notebook, such as pca-question-arc, since several
    notebooks may have a slide of the same name.
    """
    plan = read_plan(path)
    slides: dict[tuple[Path, str], Slide] = {}
    titles: dict[Path, str] = {}
    widgets: dict[str, dict] = {}
    for lesson in sorted({lesson for parts in plan.values() for lesson, _ in parts}):
        notebook = _outputs(lesson, stored)
        columns = slides_of(notebook, lesson)
        titles[lesson] = columns[0][0].heading
        widgets |= _live_widgets(notebook)
        for slide in (slide for column in columns for slide in column):
            slides[lesson, slide.name] = _prefixed(slide, f"{lesson.stem[3:]}-")
    for title, parts in plan.items():
        used = "<br>".join(dict.fromkeys(titles[lesson] for lesson, _ in parts))
        contents = f'<div class="part"><p>{used}</p></div>'
        first = Slide("title", heading=escape(title), level="1", parts=[contents])
        chosen = [[slides[lesson, name]] for lesson, names in parts for name in names]
        yield _page(escape(title), [[first], *chosen], widgets, path)


def _prefixed(slide: Slide, prefix: str) -> Slide:
    """A slide whose name and cells have a prefix."""

    def prefixed(html: list[str]) -> list[str]:
        return [part.replace('data-cell="', f'data-cell="{prefix}') for part in html]

    return replace(
        slide,
        name=prefix + slide.name,
        level="2",  # the deck has a title of its own
        parts=prefixed(slide.parts),
        folded=prefixed(slide.folded),
    )


def build_plan(path: Path, target: Path, stored: bool = False) -> None:
    """Write the decks of a plan: one is the target, several are numbered."""
    several = len(read_plan(path)) > 1
    for number, html in enumerate(plan_decks(path, stored), 1):
        name = f"{target.stem}_{number:02}{target.suffix}" if several else target.name
        files.write(target.with_name(name), html)


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
        help="notebooks, or plans (.txt); default: all notebooks of the course",
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
            make = build_plan if path.suffix == ".txt" else build
            make(path, decks[-1], options.stored)
        if not options.notebooks:
            files.write(folder / "index.html", index(decks))


if __name__ == "__main__":
    main(sys.argv[1:])
