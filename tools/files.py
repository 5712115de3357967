"""Shared by the tools: notebooks, complete writing of files, error messages."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from itertools import chain, count
from pathlib import Path
from zlib import crc32

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
    """A notebook of any version and front end, as version 4.5; each cell has its own id."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}") from error
    with errors_at(f"{path} cannot be read as a notebook"):
        # Editors on Windows may write a signature.
        stored = nbformat.reader.reads(content.decode("utf-8-sig"))
        notebook = nbformat.convert(stored, 4)
        if stored.nbformat < 4:
            for cell in notebook.cells:
                del cell.id  # random
        add_ids(notebook.cells)
        notebook.nbformat_minor = max(notebook.nbformat_minor, 5)
    for cell in notebook.cells:
        try:
            json.dumps(cell, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ToolError(
                f"{path}, cell {cell.id!r}: half a character, such as one of the two codes "
                "of an emoji, cannot be stored in a file"
            ) from error
    return notebook


def add_ids(cells: list[NotebookNode]) -> None:
    """Give each cell an id that is valid and its own; a valid one stays.

    Older notebooks and those of Colab have none, VS Code writes #VSC-…, and a copied cell
    may have that of its original. A new id depends on the text of the cell, not on its
    position: a cell that is inserted later does not change those below it.
    """
    used: set[str] = set()
    for cell in cells:
        name = re.sub(r"[^A-Za-z0-9_-]", "", str(cell.get("id") or ""))[:64]
        name = name or f"{crc32(cell.source.encode('utf-8', 'replace')):08x}"
        others = (f"{name[:60]}-{number}" for number in count(2))
        cell.id = next(other for other in chain([name], others) if other not in used)
        used.add(cell.id)


def sections(path: Path) -> list[tuple[str, str]]:
    """The sections of a Markdown file, each below a line ``## name``: name, text.

    Only titles, ``# …``, stand above the first; ToolError for other text. No file, no
    sections.
    """
    try:
        text = path.read_text("utf-8-sig")  # editors on Windows may write a signature
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ToolError(f"{path} cannot be read: {error}") from error
    found: list[tuple[str, str]] = []
    in_code = False
    for line in text.splitlines():
        in_code ^= line.startswith("```")
        if line.startswith("## ") and not in_code:  # in code it is a comment
            found.append((line[3:].strip(), ""))
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
        elif line.strip() and not line.startswith("# "):
            raise ToolError(
                f"{path}: {line!r} is above the first section, so it belongs to no slide; "
                "begin with a line ## and the name of the section"
            )
    if in_code:
        raise ToolError(
            f"{path}, section {found[-1][0]!r}: a code block has no closing ```"
        )
    return found


def write(path: Path, text: str) -> None:
    """Write a file atomically: completely or not at all."""
    write_all({path: text})


def write_all(texts: Mapping[Path, str]) -> None:
    """Write files: if one cannot be written, none is replaced."""
    drafts = {path: path.with_name(f"{path.name}.draft") for path in texts}
    try:
        for path, draft in drafts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(texts[path], encoding="utf-8")
            if path.is_dir():
                raise IsADirectoryError(0, "it is a folder")
        for path, draft in drafts.items():
            draft.replace(path)
    except (OSError, UnicodeEncodeError) as error:  # half a character
        cause = getattr(error, "strerror", error)
        raise ToolError(f"{path} could not be written: {cause}") from error
    finally:
        for draft in drafts.values():
            with suppress(OSError):
                draft.unlink()


@contextmanager
def errors_at(position: str) -> Iterator[None]:
    """Put the position in front of the message of any error."""
    try:
        yield
    except ToolError as error:
        raise ToolError(f"{position}: {error}") from error
    except Exception as error:  # of any library; some print a whole notebook below
        cause = (str(error).strip().splitlines() or ["no message"])[0].strip()
        raise ToolError(f"{position}: {type(error).__name__}: {cause}") from error


@contextmanager
def exit_with_message() -> Iterator[None]:
    """End the program with the message of an error and exit code 1, without traceback."""
    if isinstance(sys.stdout, TextIOWrapper):  # whose code page may lack a name's letters
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    except ToolError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("interrupted: no incomplete file was left")
