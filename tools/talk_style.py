"""Colors and fonts of a talk: a style sheet of custom properties, checked for contrast."""

from __future__ import annotations

import re
from pathlib import Path

from tools.files import ToolError, errors_at

DEFAULTS = (Path(__file__).with_name("theme.css")).read_text("utf-8")
COLORS = "paper ink quiet line accent tint question question-tint".split()
FONTS = ("sans", "mono")
# Text and its ground. WCAG 2.1 asks for a contrast of 4.5 between them.
PAIRS = (
    *(("ink", "paper"), ("quiet", "paper"), ("accent", "paper"), ("ink", "tint")),
    *(("ink", "question-tint"), ("question", "question-tint")),
    *(("ink", "code"), ("quiet", "code")),
    *(("accent", "tint"), ("accent", "question-tint")),  # links in boxes
)
LOWEST = 4.5
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
RULE = re.compile(r"\s*:root\s*\{([^{}]*)\}\s*")
PROPERTY = re.compile(r"\s*--([\w-]+)\s*:\s*(.+?)\s*", re.DOTALL)
HEX = r"#[0-9a-fA-F]{6}"
COLOR = re.compile(rf"({HEX})|light-dark\(\s*({HEX})\s*,\s*({HEX})\s*\)")
NAME = r"""(?:"[\w\s-]+"|'[\w\s-]+'|[\w-][\w -]*)"""
FONT = re.compile(rf"{NAME}(?:\s*,\s*{NAME})*")


def read_style(path: Path) -> str:
    """A style sheet ``:root { --accent: #8a1538; … }`` of colors and fonts.

    ToolError for anything else, with the line, and for text that stands out too little.
    """
    with errors_at(str(path)):
        css = path.read_text("utf-8-sig")
    css = COMMENT.sub(lambda found: "\n" * found[0].count("\n"), css)
    rule = RULE.fullmatch(css)
    if not rule:
        raise ToolError(f"{path}: a style is one block :root {{ --accent: #8a1538; … }}")
    values: dict[str, str] = {}
    line = 1 + css[: rule.start(1)].count("\n")
    for part in rule[1].split(";"):
        here = line + part[: len(part) - len(part.lstrip())].count("\n")
        with errors_at(f"{path}, line {here}"):
            if part.strip():
                name, value = _property(part)
                values[name] = value
        line += part.count("\n")
    with errors_at(str(path)):
        _check_contrast(values)
    return ":root {" + "".join(f"--{name}: {v}; " for name, v in values.items()) + "}"


def _property(text: str) -> tuple[str, str]:
    found = PROPERTY.fullmatch(text)
    if not found or found[1] not in (*COLORS, *FONTS):
        known = ", ".join(f"--{name}" for name in (*COLORS, *FONTS))
        raise ToolError(f"{text.strip()!r} is none of {known}")
    name, value = found.groups()
    if name in COLORS and not COLOR.fullmatch(value):
        raise ToolError(
            f"the color {value!r} must be like #8a1538, or for the light and the dark "
            "theme light-dark(#8a1538, #f0889f)"
        )
    if name in FONTS and not FONT.fullmatch(value):
        raise ToolError(f"{value!r} is no list of names of fonts")
    return name, value


def _check_contrast(values: dict[str, str]) -> None:
    """ToolError for two colors, in the light or the dark theme, of too little contrast."""
    defaults = dict(re.findall(r"--([\w-]+): (.+?);", DEFAULTS))
    for text, ground in PAIRS:
        if not {text, ground} & set(values):
            continue
        for theme in (0, 1):
            one, two = (_color((defaults | values)[name], theme) for name in (text, ground))
            if (found := contrast(one, two)) < LOWEST:
                raise ToolError(
                    f"in the {('light', 'dark')[theme]} theme, --{text} {one} on "
                    f"--{ground} {two} has a contrast of {found:.1f}; text needs {LOWEST}. "
                    "light-dark(…, …) gives each theme a color of its own"
                )


def _color(value: str, theme: int) -> str:
    """The color in the light (0) or the dark (1) theme."""
    colors = re.findall(HEX, value)
    return colors[min(theme, len(colors) - 1)]


def contrast(one: str, two: str) -> float:
    """The ratio of luminances of two colors, 1 to 21 (WCAG 2.1, contrast ratio)."""
    low, high = sorted(map(_luminance, (one, two)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    """Relative luminance: 0 black, 1 white (WCAG 2.1)."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
