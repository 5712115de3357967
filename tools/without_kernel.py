"""Widgets in an HTML page without a kernel: states as JSON, scripts, the icon of pages.

A page holds ``<div class="widget" data-widget="{id}">`` for each widget, the JSON in one
script element of the type application/json, and a module that calls ``startWidget`` of
without_kernel.js.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256

# Of each page: without it a browser asks the server for one.
ICON = (
    '<link rel="icon" href="data:image/svg+xml,'
    "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Cpath d='M1 1l6 4v6l-6 4zM15 1l-6 4v6l6 4z' fill='%231565c0'/%3E%3C/svg%3E\">"
)


def states_json(models: dict[str, dict]) -> str:
    """Widgets as a notebook stores them, id -> model; equal sources and buffers only once.

    ValueError for NaN or infinity in a state.
    """
    shared: dict[str, str] = {}

    def share(text: str) -> str:
        key = sha256(text.encode()).hexdigest()[:16]
        shared[key] = text
        return key

    packed = {}
    for number, model in models.items():
        state = model["state"]
        packed[number] = {
            "state": {
                k: v for k, v in state.items() if not k.startswith("_") and k != "layout"
            },
            "esm": share(state["_esm"]),
            "css": share(state.get("_css") or ""),
            "buffers": [[b["path"], share(b["data"])] for b in model.get("buffers", [])],
        }
    data = json.dumps({"models": packed, "shared": shared}, allow_nan=False)
    # "<" could end the script element; the escape has the same meaning in JSON.
    return data.replace("<", "\\u003c")


def script(source: str) -> str:
    """JavaScript for a script element, escaped so that it cannot end the element."""
    return re.sub(r"<(?=/script|!--)", r"\\x3c", source, flags=re.IGNORECASE)
