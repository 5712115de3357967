"""Joins the sources of a widget to one module and one style sheet for the browser."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)

# Tag of traits that the user and Python both set. No echo: the late echo of a busy kernel
# would overwrite a newer value of the view.
BOTH_WAYS = {"sync": True, "echo_update": False}


def with_core(name: str) -> str:
    """The shared files that a widget uses, then its own file, as one text.

    "dial.js"  -> the files that it imports, each once, + dial.js, without import lines
    "dial.css" -> core.css + dial.css
    """
    names = ["core.css", name] if name.endswith(".css") else _with_imports(name)
    texts = [(HERE / name).read_text(encoding="utf-8") for name in names]
    return "\n".join(IMPORT.sub("", text) for text in texts)


def _with_imports(name: str) -> list[str]:
    """The files that a module imports, each once, then its own."""
    imported = IMPORT.findall((HERE / name).read_text(encoding="utf-8"))
    return [*dict.fromkeys(n for i in imported for n in _with_imports(i)), name]
