"""Run pytest in a subprocess, on notebooks of a test, with the course's settings."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_notebook

ROOT = Path(__file__).parents[1]


def run_pytest(folder, notebooks, *options, **variables):
    """Write notebooks {name: cells} into the folder and test them.  -> exit code, report

    ``variables`` are added to the environment; those of this pytest are removed from it.
    """
    for name in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / name, folder)
    (folder / "notebooks").mkdir()
    for name, cells in notebooks.items():
        nbformat.write(new_notebook(cells=cells), folder / "notebooks" / f"{name}.ipynb")
    ours = ("PYTEST_", "OMP_", "COURSE_RUNS")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", *options],
        cwd=folder,
        # The copied conftest.py imports the folder tools.
        env={**inherited, "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT), **variables},
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=600,
    )
    return done.returncode, done.stdout + done.stderr
