"""Text, formulas and outputs of a cell as self-contained HTML without scripts."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from functools import cache
from html import escape, unescape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pygments
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from math_core import LatexToMathML
from nbconvert.filters.ansi import strip_ansi
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from tools import formulas, self_contained
from tools.execute import WIDGET_VIEW
from tools.files import ToolError

if TYPE_CHECKING:
    from PIL.Image import Image

LATEX_COMMAND = re.compile(r"\\[a-zA-Z]+")
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp")
EMPTY_HEADER = re.compile(r"<th([^>]*)></th>")
ALT = re.compile(r'<img\b[^>]*\balt="([^"]+)"')
VIEW_BOX = re.compile(
    r"""<svg\b[^>]*\bviewBox\s*=\s*["']\s*(?:[\d.e+-]+[\s,]+){2}"""
    r"""([\d.e+-]+)[\s,]+([\d.e+-]+)\s*["']"""
)
# What other front ends store about an output beside it.
DESCRIPTIONS = (
    "application/vnd.dataresource",
    "application/vnd.google.colaboratory.",
    "application/vnd.microsoft.datawrangler.",
)
BACKSPACE = re.compile(r"[^\n\x08]\x08|(?:\A|(?<=\n))\x08")
LINKED = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")  # marks of a link in a terminal
ERASED = re.compile(r"[^\n]*(?:\r\x1b\[0?K|\x1b\[2K)")  # by a progress bar


@cache
def highlight(code: str, language: str = "python") -> str:
    """Code with its colors; in an unknown language as plain text."""
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        lexer = get_lexer_by_name("text")
    return pygments.highlight(code, lexer, HtmlFormatter(nowrap=True)).rstrip()


# --- Markdown -------------------------------------------------------------------------

ADDRESS = re.compile(
    r"""(?:(?:(?:https?|ftp)://|www\.)[^\s<]*[^\s<?!.,:;*_~'")\]]"""
    r"""|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"""
)
BOX = '<input {}disabled type="checkbox">'
TASK = re.compile(r"\[([ xX])\](?=\s)")


class _Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:
        return True  # self_contained decides


def _parser() -> MarkdownIt:
    """CommonMark with tables, and with what else JupyterLab takes from GitHub."""
    parser = _Parser("commonmark", {"xhtmlOut": False}).enable(["table", "strikethrough"])
    parser.core.ruler.push("github", _as_github)
    for name in ("fence", "code_block"):
        parser.add_render_rule(name, _code_block)
    return parser


def _code_block(self, tokens: list[Token], index: int, options: object, env: object) -> str:
    language = (tokens[index].info.split() or ["text"])[0]
    return (
        f'<pre class="code">{highlight(tokens[index].content.rstrip(), language)}</pre>\n'
    )


def _as_github(state: StateCore) -> None:
    """Deleted text, check boxes of tasks, and addresses as links."""
    before = [""] * 2
    for token in state.tokens:
        children = token.children or []
        in_item = before == ["list_item_open", "paragraph_open"] and children
        if in_item and (found := TASK.match(children[0].content)):
            checked = "" if found[1] == " " else "checked "
            children[0].content = children[0].content[found.end() :]
            children.insert(0, Token("html_inline", "", 0, content=BOX.format(checked)))
        before = [before[1], token.type]
        for child in children:
            child.tag = "del" if child.tag == "s" else child.tag
        if token.type == "inline":
            token.children = list(_with_links(children))


def _with_links(tokens: list[Token]) -> Iterator[Token]:
    links = 0  # that are open
    for token in tokens:
        links += (token.type == "link_open") - (token.type == "link_close")
        if token.type == "html_inline":
            links += bool(re.match(r"<a\b", token.content, re.IGNORECASE))
            links -= bool(re.match(r"</a\b", token.content, re.IGNORECASE))
        if token.type != "text" or links > 0:
            yield token
            continue
        end = 0
        for found in ADDRESS.finditer(token.content):
            scheme = "" if ":" in found[0] else "mailto:" if "@" in found[0] else "http://"
            yield Token("text", "", 0, content=token.content[end : found.start()])
            yield Token("link_open", "a", 1, attrs={"href": scheme + found[0]})
            yield Token("text", "", 0, content=found[0])
            yield Token("link_close", "a", -1)
            end = found.end()
        yield Token("text", "", 0, content=token.content[end:])


MARKDOWN = _parser()


def markdown(source: str, cell: NotebookNode, folder: Path, known: LatexToMathML) -> str:
    """Markdown as HTML, with the images of the folder and the attachments of the cell.

    ``known`` has the macros of earlier cells and remembers those of this one.
    """
    text, latex = formulas.take_out(source)
    html = formulas.put_back(MARKDOWN.render(text), latex)
    html = html.replace("<p><strong>Predict", '<p class="predict"><strong>Predict')
    outside = []

    def draw(text: str) -> str:
        html, rest = formulas.draw(text, known)
        outside.append(rest)
        return html

    html = self_contained.written(
        html,
        draw,
        lambda address: self_contained.as_data(
            address, folder, cell.get("attachments", {})
        ),
        in_markdown=True,
    )
    rest = " ".join(outside)
    if "$" in rest and (found := LATEX_COMMAND.search(rest)):
        raise ToolError(f"LaTeX that is no formula: {found[0]} (an unpaired $)")
    return EMPTY_HEADER.sub(r"<td\1></td>", html)  # a header must have words


# --- outputs --------------------------------------------------------------------------


def output(
    shown: NotebookNode, cell: NotebookNode, folder: Path, title: str, known: LatexToMathML
) -> str:
    """One output of a cell as HTML; "" for progress and warnings, which slides omit."""
    if shown.output_type == "error":
        if "raises-exception" in (cell.metadata.get("tags") or []):
            return _printed(f"{shown.ename}: {shown.evalue}")
        raise ToolError(f"the execution failed: {shown.ename}: {shown.evalue}")
    if shown.output_type == "stream":
        return _printed(shown.text) if shown.name == "stdout" else ""
    data, alt = shown.data, _alternative(shown, title)
    for kind in PICTURES:
        if kind in data:
            return _picture(kind, data[kind], alt)
    if WIDGET_VIEW in data:
        return ""
    if "image/svg+xml" in data:  # in preference to the same picture as HTML
        return _drawing(data["image/svg+xml"], alt)
    if "text/markdown" in data:
        return markdown(data["text/markdown"], cell, folder, known)
    if "text/latex" in data:
        return f"<div>{formulas.draw(data['text/latex'], known)[0]}</div>\n"
    if "text/html" in data:
        html = self_contained.written(
            data["text/html"],
            lambda text: formulas.draw(text, known)[0],
            lambda address: self_contained.as_data(address, folder, {}),
        )
        return f'<div class="html">{html}</div>'
    for kind in data:
        if kind != "text/plain" and not kind.startswith(DESCRIPTIONS):
            raise ToolError(f"an output of type {kind} cannot be shown; give it as PNG")
    return _printed(data.get("text/plain", ""))


def _printed(text: str) -> str:
    """Text as a terminal shows it, without colors."""
    text = strip_ansi(LINKED.sub("", ERASED.sub("", text)))
    while "\b" in text:
        text = BACKSPACE.sub("", text)
    lines = [_overwritten(line) if "\r" in line else line for line in text.split("\n")]
    text = "\n".join(lines).strip("\n")
    return f'<pre class="output">{escape(text)}</pre>' if text else ""


def _overwritten(line: str) -> str:
    """A line in which each part after a carriage return is written over the part before."""
    shown = ""
    for part in line.split("\r"):
        shown = part + shown[len(part) :]
    return shown


def _alternative(shown: NotebookNode, title: str) -> str:
    """The text alternative of an output's picture: its own, else what text there is."""
    about = [v for v in shown.get("metadata", {}).values() if isinstance(v, dict)]
    own = [text for v in about if (text := v.get("alt"))]
    in_html = ALT.search(shown.data.get("text/html", ""))
    text = shown.data.get("text/plain", "<")
    words = own[0] if own else unescape(in_html[1]) if in_html else text
    return f"figure: {title}" if words.startswith("<") else escape(words)


def _picture(kind: str, source: str, alt: str) -> str:
    """The picture of an output, which consists of pixels."""
    return _image(*_smallest(kind, source), alt)


@cache
def _smallest(kind: str, source: str) -> tuple[str, str, float]:
    """Type, base64 text and ratio of a picture with the same pixels in the fewest bytes."""
    from PIL.features import check
    from PIL.Image import open as read

    source, small = "".join(source.split()), BytesIO()
    try:
        with read(BytesIO(b64decode(source))) as picture:
            picture.load()
            # A Pillow that was built without WebP keeps the PNG: twice the bytes.
            if kind == "image/png" and _is_plain(picture) and check("webp"):
                picture.save(small, "webp", lossless=True, quality=50, method=2)
    except (OSError, SyntaxError, ValueError) as error:
        raise ToolError(f"its {kind} is not complete: {error}") from error
    if 0 < len(small.getvalue()) < len(b64decode(source)):
        kind, source = "image/webp", b64encode(small.getvalue()).decode()
    return kind, source, picture.width / picture.height


def _is_plain(picture: Image) -> bool:
    """Whether WebP holds the same pixels, for a figure in half the bytes."""
    return (
        picture.mode in ("L", "P", "RGB", "RGBA")
        and max(picture.size) < 16384
        and getattr(picture, "n_frames", 1) == 1
    )


def _drawing(svg: str, alt: str) -> str:
    """The SVG of an output, as an image: no script runs, and its ids are its own."""
    box = VIEW_BOX.search(svg)
    if not box:
        raise ToolError("an SVG without viewBox cannot be shown")
    source = b64encode(svg.encode()).decode()
    return _image("image/svg+xml", source, float(box[1]) / float(box[2]), alt)


def figure(address: str, alt: str) -> str:
    """A picture, given as a data address, as one that fills its slide."""
    kind, _, source = address.removeprefix("data:").partition(";base64,")
    if kind == "image/svg+xml":
        return _drawing(b64decode(source).decode("utf-8"), alt)
    return _picture(kind, source, alt)


def _image(kind: str, source: str, ratio: float, alt: str) -> str:
    """An image whose ratio lets the style sheet fill the slide, with its alternative."""
    return (
        f'<div class="picture" style="--ratio: {ratio:.4f}">'
        f'<img src="data:{kind};base64,{source}" alt="{alt}"></div>'
    )
