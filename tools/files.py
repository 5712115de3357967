"""What the tools share: the course's notebooks, whole files, errors in words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).parents[1]


class ToolError(Exception):
    """What stops a tool; the text names file, cell and cause."""


def course_notebooks() -> list[Path]:
    """All notebooks of the course, in order."""
    folder = ROOT / "notebooks"
    if not (found := sorted(folder.glob("*.ipynb"))):
        raise ToolError(f"there is no notebook in {folder}")
    return found


def read_notebook(path: Path) -> NotebookNode:
    try:
        return nbformat.read(path, as_version=4)
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}") from error
    except Exception as error:  # nbformat raises many kinds for what is no notebook
        raise ToolError(f"{path} cannot be read as a notebook: {error}") from error


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f"{path.name}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise ToolError(f"{path} could not be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            draft.unlink()


@contextmanager
def errors_in_words() -> Iterator[None]:
    """End the program with a sentence and exit code 1 instead of a traceback."""
    try:
        yield
    except ToolError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("interrupted: no half-written file was left")
