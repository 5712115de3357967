"""What the widgets share in the browser: ``core.js`` and ``core.css``, before their own."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent

# Of a trait that the hand and Python both write. No echo: from a busy kernel the view's own
# value would come back when the hand has long moved on, and pull it back.
BOTH_WAYS = {"sync": True, "echo_update": False}


def with_core(*names: str) -> str:
    """The core and further sources as one text, since a widget is one module.

    "dial.js" -> core.js + dial.js,   "network.js", "draw_digit.js" -> core.js + both
    """
    core = f"core{Path(names[0]).suffix}"
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in (core, *names))
