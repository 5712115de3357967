"""HTML of a cell as a deck can hold it: complete, loading and running nothing.

The HTML is parsed and written anew, so that a browser reads what was checked: text and
attributes are escaped, comments are left out, and each tag that is opened is closed, since
a cell must not end the slide that it is on.
"""

from __future__ import annotations

import mimetypes
import re
from base64 import b64encode
from collections.abc import Callable
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote  # noqa: TID251 - connects to nothing

from tools.files import ToolError

# Elements that load or run something, or change how the page is read.
REFUSED = set(
    """
    applet base embed frame frameset iframe link meta noembed noscript object plaintext
    portal script template xmp
    """.split()
)
# Attributes with the address of something that is loaded, or sent to.
ADDRESSES = set(
    """
    action archive background code codebase data dynsrc formaction href imagesrcset lowsrc
    manifest ping poster src srcdoc srcset xlink:href
    """.split()
)
# Attributes that hold a style, the later ones of drawings.
STYLES = set(
    """
    style clip-path cursor fill filter marker-end marker-mid marker-start mask stroke
    """.split()
)
PAGE = {"body", "head", "html"}  # a browser would give their attributes to the deck
MEDIA = {"audio", "image", "img", "input", "source", "track", "video"}
VOID = set("area br col hr img input source track wbr".split())
# Elements that a browser closes by itself.
OPTIONAL = set(
    "colgroup dd dt li optgroup option p rp rt tbody td tfoot th thead tr".split()
)
VERBATIM = {"code", "pre", "style", "textarea"}  # without formulas, as for MathJax
ELEMENTS = PAGE.union(
    REFUSED,
    """
    a abbr acronym address area article aside audio b bdi bdo big blockquote br button
    canvas caption center cite code col colgroup data datalist dd del details dfn dialog dir
    div dl dt em fieldset figcaption figure font footer form h1 h2 h3 h4 h5 h6 header hgroup
    hr i img input ins kbd label legend li main map mark menu meter nav nobr ol optgroup
    option output p picture pre progress q rp rt ruby s samp search section select small
    source span strike strong style sub summary sup table tbody td textarea tfoot th thead
    time tr track tt u ul var video wbr
    """.split(),
    # SVG and MathML
    """
    animate animatetransform circle clippath defs desc ellipse filter foreignobject g image
    line lineargradient marker mask math metadata mfrac mi mn mo mover mpadded mroot mrow
    mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover path
    pattern polygon polyline radialgradient rect set stop svg symbol switch text textpath
    title tspan use view
    """.split(),
)
NOTEBOOK = re.compile(r"(?!\w+:)(?:[^#]*/)?([^/#]+)\.ipynb(#.*)?", re.DOTALL)
INSIDE = re.compile(r"\s*(?:data:|#)", re.IGNORECASE)
SCRIPT = re.compile(r"[\0-\x20]*(?:javascript|vbscript)[\0-\x20]*:", re.IGNORECASE)
LOADED = re.compile(
    r"""@import[^;]*|\S*//\S*|\b(?:url|src|image-set)\(\s*["']?\s*[^#"')\s][^)]*""",
    re.IGNORECASE,
)
# Strings first, so that // in one begins no comment.
COMMENT = re.compile(
    r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|/\*.*?\*/|//[^\n]*""",
    re.DOTALL,
)
IMPORTED = re.compile(
    r"""(?<!\.)\b(?:from|import\s*\(?)\s*(["'`])(?!data:|blob:)[^"'`\s]+\1"""
    r"""|\bimportScripts\b[^;]*|(["'`])//\w[^\s"'`]*"""
    r"""|(?:https?|wss?):\\?/(?!/www\.w3\.org/)[^\s"'`]*""",
    re.IGNORECASE,
)


def loads(css: str) -> str:
    """What a style sheet, or the value of a style, would load; or ""."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    css = re.sub(
        r"\\([0-9a-fA-F]{1,6})\s?", lambda code: chr(int(code[1], 16) % 0x110000), css
    )
    css = re.sub(r"""data:[^"')]*""", "", css.replace("\\", ""), flags=re.IGNORECASE)
    found = LOADED.search(css)
    return found[0] if found else ""


def outside(script: str) -> str:
    """An import, or the address of another machine, in JavaScript; or "".

    A module of a page without a server can import nothing. Comments may hold addresses, and
    so may the names of the W3C.
    """
    code = COMMENT.sub(lambda found: found[1] or " ", script)
    found = IMPORTED.search(code)
    return found[0] if found else ""


def as_data(address: str, folder: Path, attachments: dict) -> str:
    """The address of a picture or a film as one that holds it.

    It is attached to the cell or lies in the folder of the notebook; blanks and umlauts of
    its name may be written as in an address.

    ToolError if it is neither.
    """
    name = unquote(address).strip()
    if name.startswith("attachment:"):
        name = name.removeprefix("attachment:")
        attached = attachments.get(name) or attachments.get(address.partition(":")[2])
        if not attached:
            raise ToolError(f"no picture {name!r} is attached to the cell")
        # The order of JupyterLab.
        kind = min(attached, key=lambda k: (k != "image/svg+xml", k != "image/png"))
        data = attached[kind]
        if kind == "image/svg+xml" and "<" in data:
            data = b64encode(data.encode()).decode()
        return f"data:{kind};base64,{''.join(data.split())}"
    for candidate in (address, name, re.sub(r"[?#].*", "", name)):
        path = folder / candidate
        if path.is_file():
            break
    else:
        raise ToolError(f"there is no picture {name!r} in the folder of the notebook")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ToolError(f"the picture {name!r} is outside of the folder of the notebook")
    # Not strict: before Python 3.13 WebP is no official type.
    kind = mimetypes.guess_type(path.name, strict=False)[0] or ""
    if not kind.startswith(("image/", "video/", "audio/", "text/vtt")):
        raise ToolError(f"{name!r} is no picture")
    return f"data:{kind};base64,{b64encode(path.read_bytes()).decode()}"


class _Writer(HTMLParser):
    """Writes HTML anew, see ``written``."""

    def __init__(
        self, draw: Callable[[str], str], find: Callable[[str], str], in_markdown: bool
    ) -> None:
        super().__init__(convert_charrefs=True)
        self.draw, self.find, self.in_markdown = draw, find, in_markdown
        self.html: list[str] = []
        self.text = ""  # since the last tag
        self.open: list[str] = []

    def flush(self) -> None:
        """Write the text since the last tag."""
        text, self.text = self.text, ""
        if "style" in self.open:
            if loads(text):
                self.refuse()
            # JupyterLab applies no style of a Markdown cell.
            self.html.append("" if self.in_markdown else text)
        elif VERBATIM.isdisjoint(self.open):
            self.html.append(self.draw(text))
        else:
            self.html.append(escape(text, quote=False))

    def refuse(self) -> None:
        tag = (self.get_starttag_text() or "")[:200]
        raise ToolError(f"the slides would load a resource or run a script: {tag}")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attributes: list, end: str = "") -> None:
        if self.in_markdown and tag not in ELEMENTS and "-" not in tag:
            self.text += self.get_starttag_text() or ""  # such as List<int>
            return
        self.flush()
        if tag in PAGE:
            return
        if tag in REFUSED:
            self.refuse()
        written = "".join(self.attribute(tag, name, value) for name, value in attributes)
        self.html.append(f"<{tag}{written}{end}>")
        if tag not in VOID and not end:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list) -> None:
        self.handle_starttag(tag, attributes, " /")

    def attribute(self, tag: str, name: str, value: str | None) -> str:
        """One attribute, if it is safe, with a blank before it."""
        if value is None:
            return f" {name}"
        is_link = tag in ("a", "area") and name == "href"
        if (
            name.startswith("on")
            or (name == "attributename" and "href" in value)  # what an animation sets
            or (is_link and SCRIPT.match(value))
            or (name in STYLES and loads(value))
        ):
            self.refuse()
        if is_link and (found := NOTEBOOK.fullmatch(value)):
            value = f"{found[1]}.html{found[2] or ''}"
        elif name in ADDRESSES and not is_link and not INSIDE.match(value):
            if tag not in MEDIA or "srcset" in name or re.match(r"\s*(\w+:)?//", value):
                self.refuse()
            value = self.find(value)
        return f' {name}="{escape(value)}"'

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            self.flush()
            while (last := self.open.pop()) != tag:
                self.close_tag(last)
            self.html.append(f"</{tag}>")

    def close_tag(self, tag: str) -> None:
        if tag not in OPTIONAL:
            self.html.append(f"</{tag}>")


def written(
    html: str,
    draw: Callable[[str], str],
    find: Callable[[str], str],
    in_markdown: bool = False,
) -> str:
    """The HTML anew: ``draw`` makes HTML of a text, ``find`` data of a picture's address.

    In Markdown ``<int>`` is text. ToolError if the HTML would load or run anything.
    """
    writer = _Writer(draw, find, in_markdown)
    writer.feed(html)
    writer.close()
    writer.flush()
    while writer.open:
        writer.close_tag(writer.open.pop())
    return "".join(writer.html)
