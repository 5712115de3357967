"""Text, formulas and outputs of a cell as HTML that loads nothing and runs nothing."""

from __future__ import annotations

import re
import struct
from base64 import b64decode
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


def formula(latex: str, display: bool) -> str:
    """LaTeX as MathML. ToolError with the place in the formula for what is unknown."""
    try:
        return LatexToMathML(fancy_error=False).convert_with_local_state(
            latex.strip(), displaystyle=display
        )
    except LatexError as error:
        raise ToolError(
            f"LaTeX that cannot be drawn: {error} in ${latex.strip()}$"
        ) from error


def highlight(code: str, language: str = "python") -> str:
    lexer = get_lexer_by_name(language)
    return pygments.highlight(code, lexer, HtmlFormatter(nowrap=True)).rstrip()


class _Renderer(IPythonRenderer):
    """Jupyter's Markdown, with formulas drawn and code highlighted."""

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
    if found := UNDRAWN.search(DRAWN.sub("", html)):
        raise ToolError(
            f"LaTeX that is no formula: {found[0]} (a $ without its partner, or a line "
            "of a formula that begins like a list; other backslashes need `…`)"
        )
    return html


def self_contained(html: str) -> str:
    """The same HTML; ToolError if it seems to load something or to run."""
    if found := FOREIGN.search(html):
        raise ToolError(f"the slides would fetch or run something from outside: {found[0]}")
    return html


def output(shown: NotebookNode, cell: NotebookNode, folder: Path, title: str) -> str:
    """One output of a cell as HTML; "" for what no slide shows: progress, warnings."""
    if shown.output_type == "error":
        raise ToolError(f"the execution failed: {shown.ename}: {shown.evalue}")
    if shown.output_type == "stream":
        return _printed(shown.text) if shown.name == "stdout" else ""
    data = shown.data
    if WIDGET_VIEW in data or "image/png" in data:
        return _picture(
            data, title
        )  # a widget without a kernel: its static picture, if any
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
    """Text as a terminal would leave it, without its colors."""
    text = strip_ansi(REWRITTEN.sub("", text)).strip("\n")
    return f'<pre class="output">{escape(text)}</pre>' if text else ""


def _picture(data: dict, title: str) -> str:
    """The PNG of an output, or "". The page needs its shape, to let it fill its slide."""
    if "image/png" not in data:
        return ""
    picture = data["image/png"].replace("\n", "")
    width, height = struct.unpack(">II", b64decode(picture[:32])[16:24])  # its first chunk
    text = data.get("text/plain", "<")
    alt = f"figure: {title}" if text.startswith("<") else escape(text)
    return (
        f'<div class="picture" style="--ratio: {width / height:.4f}">'
        f'<img src="data:image/png;base64,{picture}" alt="{alt}"></div>'
    )
