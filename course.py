"""The course's commands. Each first installs what it needs, in the folder .venv.

    python course.py lab        open JupyterLab on the first notebook
    python course.py check      lint, types, layers and the quick tests: before every commit
    python course.py test       run the tests and all notebooks
    python course.py execute    run the notebooks and store their outputs
    python course.py slides     turn notebooks or a talk into slides, in the folder slides
    python course.py handout    make assignments of them, in the folder handout
    python course.py playground write a page that trains an autoencoder: playground.html
    python course.py new NAME   write a new notebook, with an example of each required cell

Further arguments go to JupyterLab, pytest, or the tool in the folder tools.
Needs only Python 3.10 or newer.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

# Run 1: everything but the timing tests, in parallel; decks are made of the executed
# notebooks, which it saves in the folder COURSE_RUNS. Run 2: the timing tests, serially.
# Not included, since they take minutes to half an hour, or need more browsers:
SEPARATE_SUITES = [
    "tests/test_engines.py",
    "tests/test_nbgrader.py",
    "tests/test_injected_errors.py",
    "tests/test_run_twice.py",
    "tests/test_knobs.py",
]
TIMING_TESTS = ["tests/test_benchmarks.py", "tests/browser"]
WORKERS = ["-n", "logical", "--maxprocesses", "4", "--no-loadscope-reorder"]
ALL_TESTS = [
    [
        "pytest",
        *("-m", "not timing"),
        *WORKERS,
        *(f"--ignore={path}" for path in SEPARATE_SUITES),
    ],
    ["pytest", "-m", "timing", *TIMING_TESTS],
]

# A student's JupyterLab: without nbgrader's menus and pages, a question about news and a
# search for updates. The folder holds page configuration and defaults of settings. What is
# saved without an edit is the same file, whichever version of Python is in use.
NBGRADER = ("formgrader", "validate_assignment", "assignment_list", "course_list")
LAB = [
    "jupyterlab",
    f"--LabApp.app_settings_dir={ROOT / 'tools' / 'jupyterlab'}",
    "--ContentsManager.pre_save_hook=tools.execute.without_version",
    *(
        f"--ServerApp.jpserver_extensions=nbgrader.server_extensions.{name}=False"
        for name in NBGRADER
    ),
]


def lab(page: Path) -> list[str]:
    """JupyterLab on a page of the course, which is also the address that it prints."""
    return [*LAB, f"--LabApp.default_url=/lab/tree/{page.as_posix()}"]


def set_up() -> None:
    """Make the environment, or bring it up to date when the dependencies have changed."""
    names = ("requirements.txt", "pyproject.toml")
    requirements = b"".join((ROOT / name).read_bytes() for name in names)
    path = str(ROOT).encode()  # a copied or renamed course needs an environment of its own
    wanted = hashlib.sha256(requirements + path).hexdigest()
    stamp = VENV / "installed"
    if PYTHON.exists() and stamp.is_file() and stamp.read_text() == wanted:
        return
    print("Setting up the course in .venv: this takes some minutes, once.", flush=True)
    clear = [] if PYTHON.exists() else ["--clear"]  # there may be a broken link to Python
    subprocess.run([sys.executable, "-m", "venv", *clear, str(VENV)], check=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", "requirements.txt"], cwd=ROOT, check=True)
    stamp.write_text(wanted)


def main(arguments: list[str]) -> int:
    first = min(ROOT.glob("notebooks/*.ipynb"), default=ROOT / "notebooks")
    commands = {
        "lab": [lab(first.relative_to(ROOT))],
        "check": [["tools.check"]],
        "test": [["pytest"]] if arguments[1:] else ALL_TESTS,
        "execute": [["tools.execute"]],
        "slides": [["tools.slides"]],
        "handout": [["tools.handout"]],
        "playground": [["tools.playground"]],
        "new": [["tools.new_notebook"]],
    }
    if not arguments or arguments[0] not in commands:
        print(__doc__)
        return 2
    if sys.version_info < (3, 10):
        print("The course needs Python 3.10 or newer; this is", sys.version.split()[0])
        return 1
    set_up()
    # What Apple's GPU lacks is computed on the CPU, with a warning, instead of an error.
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    signal.signal(signal.SIGINT, lambda *_: None)  # the module handles Ctrl-C
    exit_code = 0
    with tempfile.TemporaryDirectory() as runs:
        if commands[arguments[0]] is ALL_TESTS:
            os.environ["COURSE_RUNS"] = runs
        for command in commands[arguments[0]]:
            command = [str(PYTHON), "-m", *command, *arguments[1:]]
            code = subprocess.run(command, cwd=ROOT, check=False).returncode
            exit_code = exit_code or code
            if code not in (0, 1):  # 1: tests have failed; the others run all the same
                break
    return exit_code


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError:
        sys.exit("The set-up failed, for the reason above. Nothing else was started.")
    except KeyboardInterrupt:
        sys.exit(130)
