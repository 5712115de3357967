r"""Formulas as JupyterLab reads them: what is LaTeX in a text, and LaTeX as MathML.

JupyterLab takes the formulas out of Markdown before it is read, so that no ``_`` or ``|``
in them is Markdown. Its MathJax then looks for formulas in every text of the page, also in
HTML. A macro holds from the formula that defines it to the end of the notebook. No equation
has a number.
"""

from __future__ import annotations

import re
from contextlib import suppress
from html import escape, unescape
from xml.etree.ElementTree import Element, fromstring

from math_core import LatexError, LatexToMathML

from tools.files import ToolError

# --- LaTeX as MathML ------------------------------------------------------------------

# Commands that the converter lacks.
MACROS = {
    "hbox": r"\text{#1}",
    "mbox": r"\text{#1}",
    "pmb": r"\boldsymbol{#1}",
    "substack": r"\begin{subarray}{c}#1\end{subarray}",
}
NAME = r"\s*\{?\s*(\\[a-zA-Z]+)\s*\}?\s*"
# What the converter lacks, and in which form it has the same; without numbers.
REWRITTEN = [
    (r"\\(begin|end)\{(equation|align|gather|multline)\}", r"\\\1{\2*}"),
    (r"\\(begin|end)\{(?:alignat|flalign)\*?\}(?:\{\d+\})?", r"\\\1{align*}"),
    (r"\\(begin|end)\{(?:alignedat|split)\}(?:\{\d+\})?", r"\\\1{aligned}"),
    (r"\\begin\{eqnarray\*?\}", r"\\begin{array}{rcl}"),
    (r"\\end\{eqnarray\*?\}", r"\\end{array}"),
    (r"\\begin\{smallmatrix\}", r"\\begin{subarray}{cccccccc}"),
    (r"\\end\{smallmatrix\}", r"\\end{subarray}"),
    (r"\\\\\*?\s*\[\s*-?[\d.]+\s*[a-z]{2}\s*\]", r"\\\\ "),  # the distance of two rows
    (r"\\require\s*\{\w+\}", ""),
    # A bracket opens: a minus behind it is a sign, and a function has no space before it.
    (r"\\([bB]igg?)(?=\s*(?:\(|\[|\\[\{]))", r"\\\1l"),
    # Engines do not agree on the width of a wide accent over one letter.
    (r"\\wide(hat|tilde)\s*\{((?:\\math\w+\s*\{?)?[A-Za-z]\}?)\}", r"\\\1{\2}"),
    (
        rf"\\DeclareMathOperator(\*?){NAME}\{{([^{{}}]*)\}}",
        r"\\def\2{\\operatorname\1{\3}}",
    ),
]
# MathML that three engines show alike, in place of what the converter writes.
MENDED = [
    # A sign in a superscript is no operator between two things: Safari spaces r * (x).
    (r"<mo>([∗⋆†])</mo>(?=</msup>|</msubsup>)", r'<mo lspace="0" rspace="0">\1</mo>'),
    # A prime is high and small in the font already; only Firefox takes another one there.
    (
        r"<msup>(<mi>[^<]*</mi>)<mo>([′″‴]+)</mo></msup>",
        r'<mrow>\1<mo lspace="0" rspace="0">\2</mo></mrow>',
    ),
    (r"<mo( [^>]*)?>(?=[⊕⊖⊗⊘⊙])", r'<mo\1 largeop="false">'),  # large in Firefox
    (r"(<mtd[^>]*(?<!/)>)", r"\1<mrow>"),  # Safari enlarges brackets only in rows
    (r"</mtd>", "</mrow></mtd>"),
]
DEFINITION = re.compile(rf"\\(?:new|renew|provide)command\*?{NAME}(?:\[(\d)\]\s*)?(?=\{{)")
DEFINES = re.compile(r"\\(?:(?:new|renew|provide)command|def|let|DeclareMathOperator)\b")
INSIDE = r"(?:[^{}\\]|\\.)*"  # without braces
TEXT = re.compile(
    rf"(\\(?:text\w*|[hm]box))\s*\{{({INSIDE}(?:\{{{INSIDE}(?:\{{{INSIDE}\}}{INSIDE})*\}}{INSIDE})*)\}}",
    re.DOTALL,
)


def macros() -> LatexToMathML:
    """A converter without macros; it remembers those that it meets."""
    return LatexToMathML(fancy_error=False, global_group=True, macros=MACROS)


def mathml(latex: str, display: bool, known: LatexToMathML) -> str:
    """LaTeX as MathML. ToolError with the position of an unknown command."""
    latex = latex.strip()
    try:
        html = known.convert_with_global_state(
            _rewritten(latex, display), displaystyle=display
        )
    except LatexError as error:
        raise ToolError(f"LaTeX that cannot be rendered: {error} in ${latex}$") from error
    for pattern, replacement in MENDED:
        html = re.sub(pattern, replacement, html)
    return f'<span class="formula">{html}</span>' if display else html


def _rewritten(latex: str, display: bool) -> str:
    """The same LaTeX with what the converter knows."""
    for pattern, replacement in REWRITTEN:
        latex = re.sub(pattern, replacement, latex)
    latex = TEXT.sub(_without_formulas_inside, DEFINITION.sub(_as_def, latex))
    latex = re.sub(r"(?<!\\)\$", r"\$", latex)  # a sign, as for MathJax
    if r"\tag" not in latex:
        return re.sub(r"\\label\s*\{[^{}]*\}", "", latex)
    inside = display and not latex.startswith(r"\begin")
    return rf"\begin{{equation*}}{latex}\end{{equation*}}" if inside else latex


def _as_def(found: re.Match) -> str:
    r"""\newcommand as \def, which may define a macro again, as MathJax does."""
    parameters = "".join(f"#{n}" for n in range(1, int(found[2] or 0) + 1))
    return rf"\def{found[1]}{parameters}"


def _without_formulas_inside(found: re.Match) -> str:
    r"""\text{if $x$} as \text{if }x."""
    command, text = found.groups()
    parts = re.split(r"(?<!\\)\$", text)
    parts[::2] = [f"{command}{{{part}}}" if part else "" for part in parts[::2]]
    return " ".join(parts)


# --- MathML as text -------------------------------------------------------------------

ENTITY = re.compile(r"&(?!(?:lt|gt|amp|quot);)\w+;")
SIGN = {"msub": "_", "munder": "_", "msup": "^", "mover": "^", "mfrac": "/"}
ACCENT = {"ˆ": "\u0302", "˜": "\u0303", "¯": "\u0304", "⏟": ""}
SPACED = re.compile("([=≠≈≤≥<>∈∉∼→←⇒⟹⟺+−×⊙]|log|exp|KL|ELBO)")
APPLY = "\u2061"  # stands between a function and its argument


def as_text(mathml: str) -> str:
    """MathML as a line of text, such as log p(x) = (a + b)/2."""
    tree = fromstring(ENTITY.sub(lambda name: unescape(name[0]), mathml))  # noqa: S314 - from here
    text = _text(tree).replace(f"{APPLY}(", "(").replace(APPLY, " ")
    return re.sub(r"(?<=[(\[])\s+", "", " ".join(text.split()))


def _text(node: Element) -> str:
    parts = [_text(part).strip() for part in node]
    if node.tag in ("mover", "munder") and parts[1] in ACCENT:
        return parts[0] + ACCENT[parts[1]]
    if node.tag in SIGN:
        return SIGN[node.tag].join(map(_grouped, parts))
    if node.tag in ("msubsup", "munderover"):
        base, low, high = map(_grouped, parts)
        return f"{base}_{low}^{high}"
    inside = "".join(map(_text, node))
    if node.tag == "msqrt":
        return f"√{_grouped(inside)}"
    if node.tag in ("mspace", "mtd"):
        return f"{inside} "
    text = (node.text or "").replace("∣", "|")
    if node.tag == "mo" and SPACED.fullmatch(text):
        text = f" {text} "
    elif text in (",", ";"):
        text += " "
    return text + inside


def _grouped(text: str) -> str:
    return f"({text})" if re.search(r"[ /]", text) else text


# --- formulas in Markdown -------------------------------------------------------------

# Code has no formulas: a fence, or a piece of a line.
CODE = (
    r"^(?P<fence>`{3,}|~{3,})[^`\n]*\n(?:.*\n)*?(?P=fence)`*$"
    r"|(?<![\\`])(?P<ticks>`+)[^\n]*?[^`\n](?P=ticks)(?!`)"
)
ENVIRONMENT = r"\{[a-z]*\*?\}"
OUTSIDE = re.compile(
    rf"(?P<code>{CODE})|(?P<dollar>(?<!\\)\\\$)"
    rf"|(?P<opens>\$\$?|\\\\[(\[]|\\begin{ENVIRONMENT})",
    re.MULTILINE | re.IGNORECASE,
)
INSIDE_FORMULA = re.compile(
    rf"{CODE}|(?P<paragraph>\n\s*\n)|\\[{{}}$]|[{{}}]"
    rf"|\$\$?|\\\\[)\]]|\\end{ENVIRONMENT}",
    re.MULTILINE | re.IGNORECASE,
)
CLOSES = {"$": "$", "$$": "$$", r"\\(": r"\\)", r"\\[": r"\\]"}
PLACE = re.compile(r"@@(\d+)@@")


def take_out(source: str) -> tuple[str, list[str]]:
    """Markdown with ``@@0@@``, ``@@1@@``, … in place of its formulas, and these.

    As in JupyterLab a formula ends with its paragraph, at the latest, and code has none. In
    addition ``\\$`` is a dollar, as in all other front ends.
    """
    source = re.sub(r"\r\n?", "\n", source)
    formulas: list[str] = []

    def place(formula: str) -> str:
        formulas.append(formula)
        return f"@@{len(formulas) - 1}@@"

    def text(part: str) -> str:
        """A part without formulas, which may itself hold what looks like a place."""
        return PLACE.sub(lambda found: place(found[0]), part)

    shown, position = [], 0
    while found := OUTSIDE.search(source, position):
        shown.append(text(source[position : found.start()]))
        position = found.end()
        if found["code"]:
            shown.append(text(found[0]))
        elif found["dollar"]:
            shown.append(place(found[0]))
        else:
            close = CLOSES.get(found[0]) or found[0].replace("begin", "end", 1)
            end, position = _end(source, position, close)
            if end:
                shown.append(place(source[found.start() : end]))
            shown.append(text(source[end or found.start() : position]))
    return "".join([*shown, text(source[position:])]), formulas


def _end(source: str, start: int, close: str) -> tuple[int, int]:
    """Where a formula ends, 0 if it does not, and where the text goes on.

    It ends at the first closing mark outside of braces. Where the braces do not match, it
    ends at the last one of its paragraph.
    """
    depth = last = 0
    for mark in INSIDE_FORMULA.finditer(source, start):
        if mark["paragraph"]:
            return last, mark.start()
        if mark[0] == close and depth == 0:
            return mark.end(), mark.end()
        if mark[0] == close:
            last = mark.end()
        depth = max(0, depth + (mark[0] == "{") - (mark[0] == "}"))
    return last, len(source)


def learn(source: str, known: LatexToMathML) -> None:
    """Remember the macros of a cell that is not shown."""
    for formula in take_out(source)[1]:
        if DEFINES.search(formula):
            with suppress(ToolError):  # what else it holds does not matter
                draw(formula, known)


def put_back(html: str, formulas: list[str]) -> str:
    """HTML with the formulas in their places, as text."""

    def formula(found: re.Match) -> str:
        latex = formulas[int(found[1])]
        return escape(
            re.sub(r"\A\\\\([(\[].*)\\\\([)\]])\Z", r"\\\1\\\2", latex, flags=re.DOTALL)
        )

    return PLACE.sub(formula, html)


# --- formulas in a text ---------------------------------------------------------------

START = re.compile(
    r"\$\$?|\\[(\[]|\\begin\s*\{([^}]*)\}|\\(?:eq)?ref\s*\{[^}]*\}|\\([\\$])"
)
# What stands directly before and after a formula in the line, and must not leave it.
TOUCHING = re.compile(r"([(\[]*)(<math>.*?</math>)([^\s<]*)", re.DOTALL)
CLOSING = {"$": r"\$", "$$": r"\$\$", r"\(": r"\\\)", r"\[": r"\\\]"}


def draw(text: str, known: LatexToMathML) -> tuple[str, str]:
    """A text as HTML with its formulas as MathML, and the text that is outside of them.

    The rules are those of MathJax: a formula ends where its braces match; a mark that is
    never closed is text.
    """
    html, outside = [], []
    done = look = 0
    while found := START.search(text, look):
        look = found.end()
        if found[2]:  # an escaped dollar or backslash
            drawn, end = found[2], look
        elif found[0].startswith((r"\ref", r"\eqref")):  # no equation has a number
            drawn, end = "???" if found[0].startswith(r"\ref") else "(???)", look
        else:
            close = CLOSING.get(found[0]) or rf"\\end\s*\{{{re.escape(found[1])}\}}"
            last = _end_of_formula(text, look, close)
            if last is None:
                continue
            end, latex = last, text[found.start() : last]
            if found[0] in CLOSING:
                latex = latex[len(found[0]) : -len(found[0])]
            drawn = mathml(latex, found[0] not in ("$", r"\("), known)
        html += [escape(text[done : found.start()], quote=False), drawn]
        outside.append(text[done : found.start()])
        done = look = end
    html.append(escape(text[done:], quote=False))
    drawn = TOUCHING.sub(_joined, "".join(html))
    return drawn, " ".join([*outside, text[done:]])


def _joined(found: re.Match) -> str:
    """A formula and its punctuation, between which browsers would break the line."""
    return f'<span class="joined">{found[0]}</span>' if found[1] or found[3] else found[0]


def _end_of_formula(text: str, position: int, close: str) -> int | None:
    """The end of the first closing mark outside of braces."""
    braces = 0
    for found in re.compile(rf"({close})|\\(?:[a-zA-Z]|.)|[{{}}]").finditer(text, position):
        if found[1] and not braces:
            return found.end()
        braces += (found[0] == "{") - (found[0] == "}" and braces > 0)
    return None
