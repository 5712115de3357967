"""Shared by the tools: paths of notebooks, atomic writing of files, error messages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).parents[1]


class ToolError(Exception):
    """An error of a tool; the message names file, cell and cause."""


def course_notebooks() -> list[Path]:
    """All notebooks of the course, in order."""
    folder = ROOT / "notebooks"
    if not (paths := sorted(folder.glob("*.ipynb"))):
        raise ToolError(f"there is no notebook in {folder}")
    return paths


def read_notebook(path: Path) -> NotebookNode:
    try:
        return nbformat.read(path, as_version=4)
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}") from error
    except Exception as error:  # nbformat raises many kinds of errors
        raise ToolError(f"{path} cannot be read as a notebook: {error}") from error


def write(path: Path, text: str) -> None:
    """Write a file atomically: completely or not at all."""
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
def exit_with_message() -> Iterator[None]:
    """End the program with the message of an error and exit code 1, without traceback."""
    try:
        yield
    except ToolError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("interrupted: no incomplete file was left")
