"""Joins the sources of a widget to one module and one style sheet for the browser."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export ", re.MULTILINE)

# Tag of traits that the user and Python both set. No echo: the late echo of a busy kernel
# would overwrite a newer value of the view.
BOTH_WAYS = {"sync": True, "echo_update": False}


def with_core(name: str) -> str:
    """The shared files that a widget uses, then its own file, as one text.

    "dial.js"  -> the files that it imports, each once, + dial.js, without import lines
    "dial.css" -> core.css + dial.css
    """
    if not name.endswith(".css"):
        return with_imports(HERE / name)
    return "\n".join((HERE / name).read_text("utf-8") for name in ("core.css", name))


def with_imports(module: Path) -> str:
    """A JavaScript module after the files that it imports, each once, as one text."""
    return "\n".join(IMPORT.sub("", path.read_text("utf-8")) for path in _files(module))


def as_script(module: str) -> str:
    """The text of a module without ``export``, for a worker: in a page opened from the disk
    Chromium starts no worker from a module that the page itself holds."""
    return EXPORT.sub("", module)


def _files(module: Path) -> list[Path]:
    """The files that a module imports, each once, then its own."""
    names = IMPORT.findall(module.read_text("utf-8"))
    return [*dict.fromkeys(f for n in names for f in _files(module.with_name(n))), module]
