"""Text, formulas and outputs of a cell as self-contained HTML without scripts."""

from __future__ import annotations

import re
import struct
from base64 import b64decode, b64encode
from html import escape
from pathlib import Path

import pygments
from math_core import LatexError, LatexToMathML
from nbconvert.filters.ansi import strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from tools.execute import WIDGET_VIEW
from tools.files import ToolError

LINK_TO_NOTEBOOK = re.compile(r'(<a href=")(?!\w+:)(?:[^"#]*/)?([^"/#]+)\.ipynb(?=[#"])')
RENDERED = re.compile(r"<(pre|code|math)\b.*?</\1>", re.DOTALL)
LATEX_COMMAND = re.compile(r"\\[a-zA-Z]+")
# HTML that would load a resource or run a script.
EXTERNAL = re.compile(
    r"""<[^>]*\s(?:src|srcset|poster|background)=["']?(?!data:)[^\s"'>]+"""
    r"""|<[^>]*\s(?:on\w+=|style=[^>]*\burl\()[^>]*|<style[^>]*>[^<]*(?:\burl\(|@import)"""
    r"""|<(?:audio|base|embed|iframe|image|link|meta|object|script|source|use|video)\b[^>]*""",
    re.IGNORECASE,
)
VIEW_BOX = re.compile(r'<svg\b[^>]*\bviewBox="\S+ \S+ (\S+) ([^"\s]+)"')
OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n)")  # by a progress bar


def formula(latex: str, display: bool) -> str:
    """LaTeX as MathML. ToolError with the position of an unknown command."""
    try:
        return LatexToMathML(fancy_error=False).convert_with_local_state(
            latex.strip(), displaystyle=display
        )
    except LatexError as error:
        raise ToolError(
            f"LaTeX that cannot be rendered: {error} in ${latex.strip()}$"
        ) from error


def highlight(code: str, language: str = "python") -> str:
    lexer = get_lexer_by_name(language)
    return pygments.highlight(code, lexer, HtmlFormatter(nowrap=True)).rstrip()


class _Renderer(IPythonRenderer):
    """Jupyter's Markdown, with formulas as MathML and code highlighted."""

    def heading(self, text: str, level: int, **attrs) -> str:
        return f"<h{level}>{text}</h{level}>\n"

    def paragraph(self, text: str) -> str:
        is_question = text.startswith("<strong>Predict")
        return f'<p class="predict">{text}</p>\n' if is_question else f"<p>{text}</p>\n"

    def inline_math(self, body: str) -> str:
        return formula(body, display=False)

    def block_math(self, body: str) -> str:
        return f'<span class="formula">{formula(body, display=True)}</span>'

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")

    def block_code(self, code: str, info: str | None = None) -> str:
        language = (info or "text").split()[0]
        return f'<pre class="code">{highlight(code.rstrip(), language)}</pre>\n'


def markdown(source: str, cell: NotebookNode, folder: Path) -> str:
    """Markdown as HTML, with the images of the folder and the attachments of the cell."""
    renderer = _Renderer(
        escape=False,
        embed_images=True,
        path=str(folder),
        attachments=cell.get("attachments", {}),
    )
    html = MarkdownWithMath(renderer=renderer).render(source)
    html = self_contained(LINK_TO_NOTEBOOK.sub(r"\1\2.html", html))
    if found := LATEX_COMMAND.search(RENDERED.sub("", html)):
        raise ToolError(
            f"LaTeX that is no formula: {found[0]} (an unpaired $, or a line of a formula "
            "that begins like a list; other backslashes need `…`)"
        )
    return html


def self_contained(html: str) -> str:
    """The same HTML; ToolError if it may load a resource or run a script."""
    if found := EXTERNAL.search(html):
        raise ToolError(f"the slides would load a resource or run a script: {found[0]}")
    return html


def output(shown: NotebookNode, cell: NotebookNode, folder: Path, title: str) -> str:
    """One output of a cell as HTML; "" for progress and warnings, which slides omit."""
    if shown.output_type == "error":
        raise ToolError(f"the execution failed: {shown.ename}: {shown.evalue}")
    if shown.output_type == "stream":
        return _printed(shown.text) if shown.name == "stdout" else ""
    data = shown.data
    if WIDGET_VIEW in data or "image/png" in data:
        return _picture(data, title)  # of a widget its static picture, if any
    if "image/svg+xml" in data:  # in preference to the same picture as HTML
        return _drawing(data, title)
    for kind in ("text/markdown", "text/latex"):
        if kind in data:
            return markdown(data[kind], cell, folder)
    if "text/html" in data:
        return f'<div class="html">{self_contained(data["text/html"])}</div>'
    for kind in data:
        if kind.startswith(("image/", "application/java")):
            raise ToolError(f"an output of type {kind} cannot be shown; give it as PNG")
    return _printed(data.get("text/plain", ""))


def _printed(text: str) -> str:
    """Text as in a terminal, without colors."""
    text = strip_ansi(OVERWRITTEN.sub("", text)).strip("\n")
    return f'<pre class="output">{escape(text)}</pre>' if text else ""


def _picture(data: dict, title: str) -> str:
    """The PNG of an output, or ""."""
    if "image/png" not in data:
        return ""
    picture = data["image/png"].replace("\n", "")
    width, height = struct.unpack(">II", b64decode(picture[:32])[16:24])  # PNG header
    return _image("image/png", picture, width / height, data, title)


def _drawing(data: dict, title: str) -> str:
    """The SVG of an output, as an image: no script runs, and its ids are its own."""
    svg = data["image/svg+xml"]
    box = VIEW_BOX.search(svg)
    if not box:
        raise ToolError("an SVG without viewBox cannot be shown")
    source = b64encode(svg.encode()).decode()
    return _image("image/svg+xml", source, float(box[1]) / float(box[2]), data, title)


def _image(kind: str, source: str, ratio: float, data: dict, title: str) -> str:
    """An image whose ratio lets the style sheet fill the slide, with its alternative."""
    text = data.get("text/plain", "<")
    alt = f"figure: {title}" if text.startswith("<") else escape(text)
    return (
        f'<div class="picture" style="--ratio: {ratio:.4f}">'
        f'<img src="data:{kind};base64,{source}" alt="{alt}"></div>'
    )
