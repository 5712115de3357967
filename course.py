"""The course's commands. Each first installs what it needs, in the folder .venv.

    python course.py lab        open JupyterLab on the first notebook
    python course.py check      lint, types, layers and the quick tests: before every commit
    python course.py test       run the tests and all notebooks
    python course.py execute    run the notebooks and store their outputs
    python course.py slides     turn notebooks or a talk into slides, in the folder slides
    python course.py handout    make assignments of them, in the folder handout
    python course.py playground write a page that trains an autoencoder: playground.html
    python course.py site       write the course as web pages, in the folder site
    python course.py new NAME   write a new notebook, with an example of each required cell

Further arguments go to JupyterLab, pytest, or the tool in the folder tools. On Linux
without an NVIDIA GPU, --cpu after the command installs the small CPU build of PyTorch.
Needs only Python 3.10 or newer.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
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


# --- the environment --------------------------------------------------------------------

# PyTorch's own packages for Linux without a GPU; the Python Package Index has only those
# for NVIDIA GPUs. For macOS and Windows it has small ones.
CPU_TORCH = "https://download.pytorch.org/whl/cpu"
QUESTION = """
No NVIDIA GPU was found. There are two builds of PyTorch for Linux:

    cpu   .venv takes 2.3 GB; PyTorch is a download of 190 MB
    gpu   .venv takes 6.8 GB; 5.3 GB of it is PyTorch for NVIDIA GPUs

Without such a GPU both are equally fast and give the same results."""


def has_gpu() -> bool:
    """Whether the driver of an NVIDIA GPU is installed."""
    return bool(shutil.which("nvidia-smi")) or Path("/proc/driver/nvidia/version").exists()


def at_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def choose_build() -> str:
    """The build of PyTorch to install, "cpu" or "default".

    Nobody is asked where nobody can answer, as in CI, nor where pip has been told another
    place to look for packages.
    """
    if sys.platform != "linux" or has_gpu() or "PIP_EXTRA_INDEX_URL" in os.environ:
        return "default"
    print(QUESTION)
    if not at_a_terminal():
        print("Installing gpu. For the small one, add --cpu to the command.\n")
        return "default"
    answer = input("Press Enter to install cpu, or type gpu: ")
    return "default" if answer.strip().lower() == "gpu" else "cpu"


def installer() -> list[str]:
    """The command that installs packages: of uv if it is installed, else of pip.

    uv is several times faster, but does not read pip's settings. Where these name a place
    to look for packages, pip is taken.
    """
    pip = [str(PYTHON), "-m", "pip"]
    list_settings = [*pip, "config", "list"]
    done = subprocess.run(list_settings, capture_output=True, text=True, check=True)
    uv = shutil.which("uv")
    if uv and not re.search("index-url|find-links|no-index", done.stdout):
        return [uv, "pip", "install", "--python", str(PYTHON)]
    return [*pip, "install", "--disable-pip-version-check"]


def size(folder: Path) -> str:
    total = sum(path.lstat().st_size for path in folder.rglob("*"))
    return f"{total / 1e9:.1f} GB"


def set_up(cpu: bool = False) -> None:
    """Make the environment, or bring it up to date when the dependencies have changed."""
    names = ("requirements.txt", "pyproject.toml")
    requirements = b"".join((ROOT / name).read_bytes() for name in names)
    path = str(ROOT).encode()  # a copied or renamed course needs an environment of its own
    wanted = hashlib.sha256(requirements + path).hexdigest()
    stamp, build_file = VENV / "installed", VENV / "build"
    known = "default" if stamp.is_file() else None
    if build_file.is_file():
        known = build_file.read_text()
    build = "cpu" if cpu else known or choose_build()
    done = stamp.read_text() if stamp.is_file() else None
    if PYTHON.exists() and build == known and done == wanted:
        return
    print("Setting up the course in .venv: this takes some minutes, once.", flush=True)
    start = time.monotonic()
    # Anew if it holds the other build, or a broken link to Python.
    anew = not PYTHON.exists() or known not in (build, None)
    clear = ["--clear"] if anew else []
    # The newest pip continues a download that broke off.
    make = [sys.executable, "-m", "venv", "--upgrade-deps", *clear, str(VENV)]
    subprocess.run(make, check=True)
    build_file.write_text(build)
    install = installer()
    if build == "cpu":
        torch = re.findall(r'"(torch(?:vision)?>=[^"]+)"', requirements.decode())
        print("PyTorch for CPUs, then all other packages:", flush=True)
        subprocess.run([*install, "--index-url", CPU_TORCH, *torch], cwd=ROOT, check=True)
    subprocess.run([*install, "-r", "requirements.txt"], cwd=ROOT, check=True)
    stamp.write_text(wanted)
    minutes = (time.monotonic() - start) / 60
    print(f"\nThe set-up took {minutes:.1f} minutes. To remove it, delete the folder")
    print(f"{VENV} with its {size(VENV)}.\n", flush=True)


def main(arguments: list[str]) -> int:
    cpu = "--cpu" in arguments[1:]
    arguments = [argument for argument in arguments if argument != "--cpu"]
    first = min(ROOT.glob("notebooks/*.ipynb"), default=ROOT / "notebooks")
    commands = {
        "lab": [lab(first.relative_to(ROOT))],
        "check": [["tools.check"]],
        "test": [["pytest"]] if arguments[1:] else ALL_TESTS,
        "execute": [["tools.execute"]],
        "slides": [["tools.slides"]],
        "handout": [["tools.handout"]],
        "playground": [["tools.playground"]],
        "site": [["tools.site"]],
        "new": [["tools.new_notebook"]],
    }
    if not arguments or arguments[0] not in commands:
        print(__doc__)
        return 2
    if sys.version_info < (3, 10):
        print("The course needs Python 3.10 or newer; this is", sys.version.split()[0])
        return 1
    set_up(cpu)
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
        print("The set-up failed, for the reason above. Nothing else was started.")
        sys.exit("Complete downloads are kept: the same command continues after them.")
    except (KeyboardInterrupt, EOFError):
        sys.exit(130)
