"""How a widget's sources become one module and one style sheet for the browser."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)

# Of a trait that the user and Python both write. No echo: from a busy kernel the view's own
# value would come back when the user has long moved on, and undo the move.
BOTH_WAYS = {"sync": True, "echo_update": False}


def with_core(name: str) -> str:
    """A widget's own file and, before it, all that it shares with others, as one text.

    "dial.js"  -> what it imports, each file once, + dial.js, without the imports
    "dial.css" -> core.css + dial.css
    """
    names = ["core.css", name] if name.endswith(".css") else _in_order(name)
    texts = [(HERE / name).read_text(encoding="utf-8") for name in names]
    return "\n".join(IMPORT.sub("", text) for text in texts)


def _in_order(name: str) -> list[str]:
    """A module's file after those that it imports, each once."""
    imported = IMPORT.findall((HERE / name).read_text(encoding="utf-8"))
    return [*dict.fromkeys(n for i in imported for n in _in_order(i)), name]
