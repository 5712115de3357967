"""Lint the JavaScript: each widget as assembled for the browser, and that of pages.

    python -m tools.lint_javascript

The assembled module is linted for undefined names, since a widget uses several files; the
single files are linted for unused imports.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from course_utils import widgets

ROOT = Path(__file__).parents[1]
SOURCES = Path(widgets.__file__).parent
EXPORT = re.compile(
    r"^export (?:async )?(?:const|let|class|function\*?) (\w+)", re.MULTILINE
)
COMMENT = re.compile(r"(?<!:)//.*|/\*[\s\S]*?\*/")  # and not https://


def unused_exports() -> list[str]:
    """Exported names that no file uses, apart from comments."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES.glob("*.js"))
    text = COMMENT.sub("", text)
    return [n for n in EXPORT.findall(text) if len(re.findall(rf"\b{n}\b", text)) == 1]


def main() -> int:
    oxlint = str(Path(sysconfig.get_path("scripts"), "oxlint"))
    command = [oxlint, "--deny-warnings", f"--config={ROOT / '.oxlintrc.json'}"]
    with tempfile.TemporaryDirectory() as folder:
        for name in widgets.__all__:
            module = Path(folder) / f"{name}.js"
            module.write_text(getattr(widgets, name)._esm, encoding="utf-8")
        pages = map(str, Path(__file__).parent.glob("*.js"))
        sources = [folder, str(SOURCES), *pages]
        code = subprocess.run([*command, *sources], check=False).returncode
    for name in unused_exports():
        code = 1
        print(f"{name} is exported, but not used.")
    return code


if __name__ == "__main__":
    sys.exit(main())
