"""The quick check before every commit: lint, types, layers, rules of notebooks, unit tests.

    python -m tools.check

The steps run in parallel, and a failure stops none of them. The tests are those without the
marks browser, slow and timing, which pyproject.toml explains.
"""

from __future__ import annotations

import io
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPTS = Path(sysconfig.get_path("scripts"))
PYTHON = [sys.executable, "-m"]
QUICK = ["-m", "not (browser or slow or timing)", "--ignore=tests/browser"]
QUICK += ["--dist=worksteal"]  # one file holds a third of them
STEPS = {
    "unit tests": [*PYTHON, "pytest", "-q", "-n2", *QUICK, "tests"],
    "Python lint": [*PYTHON, "ruff", "check", "--quiet", "."],
    "Python format": [*PYTHON, "ruff", "format", "--check", "--quiet", "."],
    "JavaScript lint": [*PYTHON, "tools.lint_javascript"],
    "types": [*PYTHON, "mypy"],
    "layers": [SCRIPTS / "lint-imports"],
    "dependencies": [SCRIPTS / "deptry", "course_utils", "tools", "tests", "notebooks"],
    # Tests may use extras, and what only tests use is an extra.
    "dependencies without extras": [
        *(SCRIPTS / "deptry", "course_utils", "notebooks"),
        *("--optional-dependencies-dev-groups", "lab,slides,class,site,test,lint,all"),
    ],
}


def run(command: list[str | Path]) -> tuple[int, str, float]:
    """-> exit code, output, seconds"""
    start = time.monotonic()
    process = subprocess.run(
        command,
        cwd=ROOT,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    return process.returncode, process.stdout, time.monotonic() - start


def main(arguments: list[str]) -> int:
    if arguments:
        sys.exit("check takes no arguments; for some of the tests: course.py test FILE")
    # A pipe on Windows has an encoding without most of Unicode.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    with ThreadPoolExecutor(2) as pool:  # the tests, and one linter at a time
        results = dict(zip(STEPS, pool.map(run, STEPS.values())))
    for name, (code, _, seconds) in results.items():
        print(f"{'FAILED' if code else 'passed'} {seconds:5.1f} s  {name}")
    for name, (code, output, _) in results.items():
        if code:
            print(f"\n--- {name}\n{output.strip()}")
    return int(any(code for code, _, _ in results.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
