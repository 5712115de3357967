"""One HTML file of slides from one notebook: it opens offline, and its widgets move.

    python -m tools.slides                             all, and a page that links them
    python -m tools.slides notebooks/02_pca.ipynb      one: slides/02_pca.html
    python -m tools.slides notebooks/02_pca.ipynb -o talk.html
    python -m tools.slides --stored                    as stored, nothing is executed

The slides' types are JupyterLab's; every cell needs one. A copy of the notebook is executed,
so that each widget of ours has its state, which a stored notebook lacks. Nothing in the file
points outside: reveal.js, the math font and the styles come out of installed packages.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import struct
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape, unescape
from importlib.metadata import distribution
from io import BytesIO
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).parents[1]
TYPES = ("slide", "subslide", "fragment", "notes", "skip")
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
NOTE = re.compile(r"\A\s*\*\*Speaker note\.\*\*\s*")
HEADING = re.compile(r"\A\s*<h([1-6])>(.*?)</h\1>", re.DOTALL)
LINK_TO_NOTEBOOK = re.compile(r'(<a href=")(?!\w+:)(?:[^"#]*/)?([^"/#]+)\.ipynb(?=[#"])')
DRAWN = re.compile(r"<(pre|code|math)\b.*?</\1>", re.DOTALL)
UNDRAWN = re.compile(r"\\[a-zA-Z]+")
# What would load something, or run.
FOREIGN = re.compile(
    r"""<[^>]*\s(?:src|srcset|poster|background)=["']?(?!data:)[^\s"'>]+"""
    r"""|<[^>]*\s(?:on\w+=|style=[^>]*\burl\()[^>]*|<style[^>]*>[^<]*(?:\burl\(|@import)"""
    r"""|<(?:audio|base|embed|iframe|image|link|meta|object|script|source|use|video)\b[^>]*""",
    re.IGNORECASE,
)
REWRITTEN = re.compile(r"[^\n]*\r(?!\n)")  # a line that a progress bar wrote again
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class SlideError(Exception):
    """A notebook that gives no slides; the text names notebook, cell and cause."""


@dataclass
class Slide:
    """One slide: what lies on it, in order, and what is said to it."""

    name: str  # the id of its first cell, and its address in the deck
    kicker: str = ""  # the heading that is still in force, where there is no new one
    heading: str = ""
    level: str = "2"
    parts: list[str] = field(default_factory=list)
    folded: list[str] = field(default_factory=list)  # code behind the button
    notes: list[str] = field(default_factory=list)

    @property
    def has_picture(self) -> bool:
        return any(map(_has_picture, self.parts))


def _has_picture(html: str) -> bool:
    """Whether something in it fills what is left of a slide; text never has these quotes."""
    return '<div class="picture"' in html or '<div class="widget"' in html


# --- from a notebook to slides --------------------------------------------------------


def execute(notebook: NotebookNode, path: Path) -> None:
    """Execute in place, for sharper figures and the state of every widget."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    running = ["its start"]
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        store_widget_state=True,
        coalesce_streams=True,
        extra_arguments=["--InlineBackend.figure_formats=retina", "--log-level=ERROR"],
        on_cell_execute=lambda cell, cell_index: running.append(_place(cell)),
        resources={"metadata": {"path": path.parent}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        cause = f"{error.ename}: {error.evalue}"
        raise SlideError(f"{path}, {running[-1]}: the execution failed: {cause}") from error
    except Exception as error:  # a dead kernel, a cell that takes too long, Ctrl-C
        cause = str(error) or f"was it interrupted? ({type(error).__name__})"
        raise SlideError(f"{path}, {running[-1]}: the execution failed: {cause}") from error


def slides_of(notebook: NotebookNode, path: Path) -> list[list[Slide]]:
    """The slides, in columns: a "slide" starts one, a "subslide" goes below.

    SlideError for a cell without a slide type or with an unknown one, for a fragment or a
    note before the first slide, for LaTeX that cannot be drawn, for a cell that failed.
    """
    columns: list[list[Slide]] = []
    widgets, markdown = _live_widgets(notebook), _markdown(path.parent)
    for cell in notebook.cells:
        try:
            _add(cell, columns, widgets, markdown)
        except SlideError as error:
            raise SlideError(f"{path}, {_place(cell)}: {error}") from error.__cause__
        except Exception as error:  # whatever a library says, it is this cell's
            cause = f"{type(error).__name__}: {error}"
            raise SlideError(f"{path}, {_place(cell)}: {cause}") from error
    return columns


def _add(
    cell: NotebookNode, columns: list[list[Slide]], widgets: dict, markdown: Callable
) -> None:
    """Put a cell where its slide type says: on a new slide, the last one, or its notes."""
    if "id" not in cell:
        raise SlideError("it has no id: save the notebook once in JupyterLab")
    kind = cell.metadata.get("slideshow", {}).get("slide_type")
    if kind not in TYPES:
        raise SlideError(
            f"its slide type is {kind!r}; it must be one of {', '.join(TYPES)}"
        )
    if kind == "skip":
        return
    if cell.cell_type == "raw":
        raise SlideError("a raw cell cannot be shown; its slide type must be skip")
    if kind in ("slide", "subslide"):
        before = columns[-1][-1] if columns else Slide("")
        if kind == "slide" or not columns:
            columns.append([])
        # reveal.js takes a number in an address for the place of a slide.
        name = f"cell-{cell.id}" if cell.id.isdigit() else cell.id
        columns[-1].append(Slide(name, kicker=before.heading or before.kicker))
    if not columns:
        raise SlideError(f"a {kind} before the first slide")
    slide = columns[-1][-1]
    if kind == "notes":
        slide.notes.append(markdown(NOTE.sub("", cell.source), cell))
        return
    if cell.cell_type == "markdown":
        html = markdown(cell.source, cell)
        if kind != "fragment" and (found := HEADING.match(html)):
            slide.level, slide.heading = found.groups()
            html = html[found.end() :]
    else:
        html = "\n".join(_code_parts(cell, slide, widgets, markdown))
    if html.strip():
        fragment = " fragment" if kind == "fragment" else ""
        filled = " filled" if _has_picture(html) else ""
        slide.parts.append(
            f'<div class="part{fragment}{filled}" data-cell="{escape(cell.id)}">'
            f"{html.strip()}</div>"
        )


def _place(cell: NotebookNode) -> str:
    return f"cell {cell.get('id', '?')!r}"


def _code_parts(
    cell: NotebookNode, slide: Slide, widgets: dict, markdown: Callable
) -> Iterator[str]:
    """What a code cell shows. Its code: not at all if the cell only shows a source; behind
    the button if a picture, a widget or a table wants the slide; else above its output."""
    outputs = cell.outputs
    source = cell.source
    said = ""
    if "nbval-check-output" in cell.metadata.get("tags", []):
        said = "".join(o.text for o in outputs if o.get("name") == "stdout").strip()
        source = _without_final_print(source) if said else source
        outputs = [o for o in outputs if o.get("name") != "stdout"]
    title = escape(unescape(re.sub(r"<[^>]+>", "", slide.heading or slide.kicker)))
    drawn = (_output(output, widgets, markdown, cell, title) for output in outputs)
    shown = [html for html in drawn if html]
    code = f'<pre class="code">{highlight(source)}</pre>'
    rich = not all(html.startswith("<pre") for html in shown)
    if rich or (slide.folded and (shown or said) and not source.startswith("show_source(")):
        slide.folded.append(code.replace("<pre", f'<pre data-cell="{escape(cell.id)}"'))
    elif source and not (source.startswith("show_source(") and shown):
        yield code
    yield from shown
    if said:
        yield f'<p class="claim">{escape(said)}</p>'


def _without_final_print(source: str) -> str:
    """A claim's code without the print that ends it: what it says stands there, large."""
    try:
        last = ast.parse(source).body[-1]
    except SyntaxError:  # a %magic: Jupyter's, not Python's
        return source
    if last.col_offset or not ast.unparse(last).startswith("print("):
        return source
    return "\n".join(source.splitlines()[: last.lineno - 1]).rstrip()


def _output(
    output: NotebookNode, widgets: dict, markdown: Callable, cell: NotebookNode, title: str
) -> str:
    """One output as HTML; "" for what has no place on a slide: progress, warnings."""
    if output.output_type == "error":
        raise SlideError(f"the execution failed: {output.ename}: {output.evalue}")
    if output.output_type == "stream":
        return _printed(output.text) if output.name == "stdout" else ""
    data = output.data
    picture = _picture(output, title)
    if WIDGET_VIEW in data:
        number = data[WIDGET_VIEW]["model_id"]
        if number in widgets:
            return f'<div class="widget" data-widget="{escape(number)}">{picture}</div>'
        return picture  # what needs a kernel shows its static picture, if it has one
    if picture:
        return picture
    if "text/markdown" in data:
        return markdown(data["text/markdown"], cell)
    if "text/latex" in data:
        return markdown(data["text/latex"], cell)
    if "text/html" in data:
        return f'<div class="html">{_self_contained(data["text/html"])}</div>'
    if foreign := [
        kind for kind in data if kind.startswith(("image/", "application/java"))
    ]:
        raise SlideError(f"an output of type {foreign[0]} cannot be shown; give it as PNG")
    return _printed(data.get("text/plain", ""))


def _printed(text: str) -> str:
    """Text as a terminal would leave it, without its colors."""
    text = ANSI.sub("", REWRITTEN.sub("", text)).strip("\n")
    return f'<pre class="output">{escape(text)}</pre>' if text else ""


def _picture(output: NotebookNode, title: str) -> str:
    """The PNG of an output; it tells the page its shape, so that it can fill its slide."""
    if "image/png" not in output.data:
        return ""
    picture = output.data["image/png"].replace("\n", "")
    width, height = struct.unpack(">II", b64decode(picture[:32])[16:24])  # its first chunk
    called = output.data.get("text/plain", "<")
    alt = f"figure: {title}" if called.startswith("<") else escape(called)
    return (
        f'<div class="picture" style="--ratio: {width / height:.4f}">'
        f'<img src="data:image/png;base64,{picture}" alt="{alt}"></div>'
    )


def _live_widgets(notebook: NotebookNode) -> dict[str, dict]:
    """Saved state of the widgets that bring their own module: id -> model of the file."""
    saved = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    return {number: model for number, model in saved.items() if model["state"].get("_esm")}


# --- text, formulas, code -------------------------------------------------------------


def formula(latex: str, display: bool) -> str:
    """LaTeX as MathML. SlideError with the place in the formula for what is unknown."""
    from math_core import LatexError, LatexToMathML

    try:
        return LatexToMathML(fancy_error=False).convert_with_local_state(
            latex.strip(), displaystyle=display
        )
    except LatexError as error:
        raise SlideError(
            f"LaTeX that cannot be drawn: {error} in ${latex.strip()}$"
        ) from error


def highlight(code: str, language: str = "python") -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name

    return highlight(code, get_lexer_by_name(language), HtmlFormatter(nowrap=True)).rstrip()


def _markdown(folder: Path) -> Callable[[str, NotebookNode], str]:
    """A function from Markdown, as Jupyter knows it, to HTML with formulas drawn."""
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Renderer(IPythonRenderer):
        def heading(self, text: str, level: int, **attrs) -> str:
            return f"<h{level}>{text}</h{level}>\n"

        def paragraph(self, text: str) -> str:
            asks = text.startswith("<strong>Predict")
            return f'<p class="predict">{text}</p>\n' if asks else f"<p>{text}</p>\n"

        def inline_math(self, body: str) -> str:
            return formula(body, display=False)

        def block_math(self, body: str) -> str:
            return f'<span class="formula">{formula(body, display=True)}</span>'

        def latex_environment(self, name: str, body: str) -> str:
            return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")

        def block_code(self, code: str, info: str | None = None) -> str:
            language = (info or "text").split()[0]
            return f'<pre class="code">{highlight(code.rstrip(), language)}</pre>\n'

    def render(source: str, cell: NotebookNode) -> str:
        renderer = Renderer(
            escape=False,
            embed_images=True,
            path=str(folder),
            attachments=cell.get("attachments", {}),
        )
        html = MarkdownWithMath(renderer=renderer).render(source)
        html = LINK_TO_NOTEBOOK.sub(r"\1\2.html", html)
        html = _self_contained(html)
        if found := UNDRAWN.search(DRAWN.sub("", html)):
            raise SlideError(
                f"LaTeX that is no formula: {found[0]} (a $ without its partner, or a line "
                "of a formula that begins like a list; other backslashes need `…`)"
            )
        return html

    return render


def _self_contained(html: str) -> str:
    """The same HTML; SlideError if it seems to load something or to run."""
    if found := FOREIGN.search(html):
        raise SlideError(
            f"the slides would fetch or run something from outside: {found[0]}"
        )
    return html


def math_font(html: str) -> bytes:
    """STIX Two Math (SIL Open Font License) with what the formulas of a deck need, as WOFF.

    A system has such a font or has none; without one, brackets and sums do not grow.
    """
    from fontTools import subset
    from fontTools.ttLib import TTFont

    drawn = "".join(re.findall(r"<math.*?</math>", html, re.DOTALL))
    wanted = {ord(sign) for sign in unescape(re.sub(r"<[^>]*>", "", drawn))}
    # Letters that a browser makes italic by itself, Latin and Greek, and the root it draws.
    wanted |= {*range(0x20, 0x7F), *range(0x1D434, 0x1D468), *range(0x1D6A4, 0x1D71C)}
    wanted |= {ord("ℎ"), ord("√")}
    options = subset.Options(
        flavor="woff", hinting=False, layout_features=["ssty", "dtls", "kern"]
    )
    file = BytesIO()
    with TTFont(_file("ziamath", "ziamath/fonts/STIXTwoMath-Regular.ttf")) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=wanted)
        subsetter.subset(font)
        subset.save_font(font, file, options)
    return file.getvalue()


# --- from slides to a file ------------------------------------------------------------


def deck(notebook: NotebookNode, path: Path) -> str:
    """The HTML of a notebook's slides, whole: no other file and no network is needed."""
    columns = slides_of(notebook, path)
    if not columns:
        raise SlideError(f"{path}: no cell is a slide")
    body = "\n".join(
        "<section>" + "\n".join(map(_section, column)) + "</section>" for column in columns
    )
    title = re.sub(r"<[^>]+>", "", columns[0][0].heading) or escape(path.stem)
    font = b64encode(math_font(body)).decode()
    face = f'@font-face {{ font-family: "deck math"; src: url("data:font/woff;base64,{font}"); }}'
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<!-- This file contains reveal.js:
{_reveal("LICENSE").replace("--", "- -")}-->
<style>{_reveal("dist/reveal.css")}</style>
<style>{face}
{_beside("slides.css")}</style>
</head>
<body>
<div class="reveal"><div class="slides">
{body}
</div></div>
<script type="application/json">{_widgets_json(notebook, body, path)}</script>
<script>{_script(_reveal("dist/reveal.js"))}</script>
<script>{_script(_reveal("dist/plugin/notes.js"))}</script>
<script type="module">{_script(_beside("slides.js"))}</script>
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
        fold = f'<details class="fold"><summary>code</summary><div tabindex="0">{code}</div></details>'
    if slide.notes:
        notes = f'<aside class="notes">{"".join(slide.notes)}</aside>'
    kind = "title" if slide.level == "1" else "full" if slide.has_picture else "text"
    body = "\n".join(slide.parts)
    return (
        f'<section id="{escape(slide.name)}" class="{kind}">{head}'
        f'<div class="body">{body}</div>{fold}{notes}</section>'
    )


def _widgets_json(notebook: NotebookNode, body: str, path: Path) -> str:
    """States of the widgets on the slides. Sources and buffers, often shared, stand once."""
    shared: dict[str, str] = {}

    def share(text: str) -> str:
        key = sha256(text.encode()).hexdigest()[:16]
        shared[key] = text
        return key

    models = {}
    for number, model in _live_widgets(notebook).items():
        if f'data-widget="{number}"' not in body:
            continue
        state = model["state"]
        models[number] = {
            "state": {
                k: v for k, v in state.items() if not k.startswith("_") and k != "layout"
            },
            "esm": share(state["_esm"]),
            "css": share(state.get("_css") or ""),
            "buffers": [[b["path"], share(b["data"])] for b in model.get("buffers", [])],
        }
    try:
        data = json.dumps({"models": models, "shared": shared}, allow_nan=False)
    except ValueError as error:
        raise SlideError(f"{path}: the state of a widget holds NaN or infinity") from error
    # "<" would let a text end the script; as an escape it stays the same text.
    return data.replace("<", "\\u003c")


def _script(source: str) -> str:
    """JavaScript that a script element can hold: nothing in it may end the element."""
    return re.sub(r"<(?=/script|!--)", r"\\x3c", source, flags=re.IGNORECASE)


def _reveal(name: str) -> str:
    return Path(_file("pyreveal", f"pyreveal/revealjs/{name}")).read_text("utf-8")


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _file(package: str, name: str) -> str:
    """A file of an installed package, whose code is not run."""
    return str(distribution(package).locate_file(name))


def index(decks: list[Path]) -> str:
    """A page that links the decks, by their titles."""
    rows = []
    for path in decks:
        title = re.search(r"<title>(.*?)</title>", path.read_text("utf-8"))[1]
        rows.append(f'<li><a href="{path.name}">{title}</a></li>')
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Slides</title>
<style>{_beside("slides.css")}</style>
</head>
<body class="index">
<h1>Slides</h1>
<ul>
{"".join(rows)}
</ul>
<p>Space or → goes on, ← back. <kbd>S</kbd> speaker notes · <kbd>C</kbd> the code of a
figure · <kbd>D</kbd> dark or light · <kbd>F</kbd> full screen · <kbd>O</kbd> overview ·
<kbd>?</kbd> all keys. For paper, open a deck with <code>?print-pdf</code> right
behind <code>.html</code> and print it.</p>
</body>
</html>
"""


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.draft")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def read(path: Path) -> NotebookNode:
    """A notebook; SlideError in words for what is none."""
    try:
        return nbformat.read(path, as_version=4)
    except OSError as error:
        raise SlideError(f"{path}: {error.strerror}") from error
    except Exception as error:  # nbformat's many ways to say that it is no notebook
        raise SlideError(f"{path} cannot be read as a notebook: {error}") from error


def build(path: Path, target: Path, stored: bool = False) -> None:
    """Write the slides of one notebook; on any error the target stays as it was."""
    notebook = read(path)
    if not stored:
        execute(notebook, path)
    html = deck(notebook, path)
    try:
        write(target, html)
    except OSError as error:
        raise SlideError(f"{target} could not be written: {error.strerror}") from error


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="slides", description="Slides from notebooks.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="all of the course if none")
    parser.add_argument("-o", dest="target", type=Path, help="the file, for one notebook")
    parser.add_argument("--stored", action="store_true", help="execute nothing")
    wanted = parser.parse_args(arguments)
    if wanted.target and len(wanted.notebooks) != 1:
        parser.error("-o is for one notebook")
    if len({path.stem for path in wanted.notebooks}) < len(wanted.notebooks):
        parser.error("two notebooks of one name would give one deck; build them with -o")
    every = sorted((ROOT / "notebooks").glob("*.ipynb"))
    folder = ROOT / "slides"
    try:
        for path in wanted.notebooks or every:
            target = wanted.target or folder / f"{path.stem}.html"
            print(f"{path.name}: {target}", flush=True)
            build(path, target, wanted.stored)
        if not wanted.notebooks:
            write(folder / "index.html", index([folder / f"{p.stem}.html" for p in every]))
    except SlideError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("interrupted: no half-written file was left")


if __name__ == "__main__":
    main(sys.argv[1:])
