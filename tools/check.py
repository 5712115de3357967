"""The quick check before every commit: lint, types, layers, rules of notebooks, quick tests.

    python -m tools.check

Each step says how long it took; the first that fails does not keep the others from running.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from course_utils.widgets import __all__ as widgets

ROOT = Path(__file__).parents[1]
SCRIPTS = Path(sysconfig.get_path("scripts"))
# Names are shared between the parts of a widget, so it is the assembled module that is linted.
JAVASCRIPT = ["--deny-warnings", "-D", "no-undef", "-D", "no-shadow", "--env", "browser"]


def steps(bundles: Path) -> dict[str, list[str | Path]]:
    python = [sys.executable, "-m"]
    return {
        "Python style": [*python, "ruff", "check", "--quiet", "."],
        "Python format": [*python, "ruff", "format", "--check", "--quiet", "."],
        "JavaScript": [SCRIPTS / "oxlint", *JAVASCRIPT, bundles],
        "types": [*python, "mypy"],
        "layers": [SCRIPTS / "lint-imports"],
        "quick tests": [*python, "pytest", "-q", "-m", "quick"],
    }
