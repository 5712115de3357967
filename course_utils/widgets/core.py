"""What the widgets share in the browser: ``core.js`` and ``core.css``, before their own."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def with_core(name: str) -> str:
    """The core and a widget's own source as one text, since a widget is one module.

    "dial.js" -> core.js + dial.js,   "dial.css" -> core.css + dial.css
    """
    core = f"core{Path(name).suffix}"
    return "\n".join((HERE / part).read_text(encoding="utf-8") for part in (core, name))
