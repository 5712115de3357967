"""Plans and talks: which slides a deck shows, and how it looks; read and checked.

A plan (.txt) chooses slides of the course for one deck or several, a talk (.toml) chooses
them for one deck with a title page, colors and slides of its own. docs/talks.md describes
both.
"""

from __future__ import annotations

import datetime
import re
import sys
import unicodedata
from dataclasses import dataclass, field, fields
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from tools import files
from tools.files import ToolError, errors_at
from tools.talk_style import read_style

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# What the builder itself writes in a deck. A talk in another language translates it.
LABELS = (
    *("menu", "Slides", "Previous slide", "Next slide", "Reading view", "Show as slides"),
    *("Dark or light", "Code of the figure", "Overview", "Speaker view", "All keys"),
    *("single letters are commands", "code", "figure", "Predict"),
)
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
NOTE = re.compile(r"^Notes?:", re.MULTILINE)

# A notebook or a Markdown file, and the names of its slides that are shown.
Choice = tuple[Path, list[str]]


@dataclass(frozen=True)
class Talk:
    """A deck of several notebooks; the fields are the keys of a file talk.toml."""

    title: str
    slides: list[Choice]
    subtitle: str = ""
    speaker: str = ""
    university: str = ""
    date: str = ""
    footer: str = ""
    logo: str = ""  # a file; its text alternative is the university
    style: str = ""  # in talk.toml a file, here its CSS
    language: str = "en"
    labels: dict[str, str] = field(default_factory=dict)
    folder: Path = Path()


# --- slides to choose from ------------------------------------------------------------


def slide_name(cell: NotebookNode) -> str:
    """The name of the slide that begins with a cell."""
    # reveal.js reads a number in an address as the position of a slide.
    return f"cell-{cell.id}" if cell.id.isdigit() else cell.id


def read_source(path: Path) -> NotebookNode:
    """A notebook, or a Markdown file as a notebook."""
    return own_slides(path) if path.suffix == ".md" else files.read_notebook(path)


def own_slides(path: Path) -> NotebookNode:
    """A Markdown file as a notebook: a slide for each heading ``##``. What follows a line
    that begins with ``Note:`` is for the speaker. The name of a slide is its heading."""
    cells = []
    for heading, text in files.sections(path):
        shown, *note = NOTE.split(text, maxsplit=1)
        for source, kind in (
            (f"## {heading}\n\n{shown}", "slide"),
            *((n, "notes") for n in note),
        ):
            cell = new_markdown_cell(source, metadata={"slideshow": {"slide_type": kind}})
            cell.id = _address(heading) if kind == "slide" else "note"
            cells.append(cell)
    files.add_ids(cells)
    return new_notebook(cells=cells)


def _address(heading: str) -> str:
    letters = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", letters.lower()).strip("-") or "slide"


def prefix_of(source: Path) -> str:
    """What stands before the names of its slides in a deck: its name without a number."""
    return re.sub(r"^\d+_", "", source.stem) + "-"


def _choice(line: str, folder: Path, before: list[Choice]) -> Choice:
    """The source and the slides of one line; a deck shows no slide twice."""
    first, *names = line.split()
    source = _source(first, folder)
    known = [
        slide_name(cell)
        for cell in read_source(source).cells
        if (cell.metadata.get("slideshow") or {}).get("slide_type") in ("slide", "subslide")
    ]
    left_out = [name[1:] for name in names if name.startswith("-")]
    if left_out and len(left_out) < len(names):
        raise ToolError(
            "a line names the slides to show or, with a minus, those to leave out"
        )
    for name in left_out or names:
        if name not in known:
            raise ToolError(f"{source.name} has no slide {name!r}, but {', '.join(known)}")
    if left_out or not names:
        names = [name for name in known if name not in left_out]
    if not names:
        raise ToolError(f"no slide of {source.name} is left")
    for earlier, _ in before:
        if earlier != source and prefix_of(earlier) == prefix_of(source):
            raise ToolError(f"{earlier.name} and {source.name} give slides one address")
    shown = [name for earlier, names in before if earlier == source for name in names]
    for name in names:
        if name in shown:
            raise ToolError(f"the slide {name!r} is already in this deck")
        shown.append(name)
    return source, names


def _source(name: str, folder: Path) -> Path:
    """The notebook of the course with this number, or a file of the folder."""
    lessons = {lesson.stem[:2]: lesson for lesson in files.course_notebooks()}
    if name in lessons:
        return lessons[name]
    if not name.endswith((".ipynb", ".md")):
        raise ToolError(
            f"no notebook has the number {name!r}; a line begins with a number, or with "
            "a file .ipynb or .md"
        )
    if not (folder / name).is_file():
        raise ToolError(f"there is no file {name!r} in the folder {folder}")
    return folder / name


# --- plans and talks ------------------------------------------------------------------


def read_talks(path: Path) -> list[Talk]:
    """The decks of a plan, or the one of a talk."""
    if path.suffix == ".toml":
        return [read_talk(path)]
    return [Talk(title, slides) for title, slides in read_plan(path).items()]


def read_plan(path: Path) -> dict[str, list[Choice]]:
    """The decks of a plan: title -> the notebooks in order, each with names of slides.

    A line ``# title`` begins a deck. ``06 question-model see-free`` takes these slides of
    the course's notebook 06, ``06`` alone all of them, ``06 -goals`` all but one. ToolError
    for anything else.
    """
    with errors_at(str(path)):
        lines = path.read_text("utf-8-sig").splitlines()
    plan: dict[str, list[Choice]] = {}
    for number, line in enumerate(lines, 1):
        with errors_at(f"{path}, line {number}"):
            if line.startswith("# "):
                title = line[2:].strip()
                if title in plan:
                    raise ToolError(f"two decks are called {title!r}")
                plan[title] = []
            elif not plan and line.strip():
                raise ToolError("a deck begins with a line '# ' and its title")
            elif line.strip():
                plan[title].append(_choice(line, path.parent, plan[title]))
    if not all(plan.values()) or not plan:
        raise ToolError(f"{path}: a deck has no slides")
    return plan


def read_talk(path: Path) -> Talk:
    """A talk from its TOML file. ToolError, with the line, for all that cannot be used."""
    with errors_at(str(path)):
        text = path.read_text("utf-8-sig")
        content = tomllib.loads(text)
    lines = [line.strip().lstrip("\"'") for line in text.splitlines()]

    def position(start: str) -> str:
        found = [number for number, line in enumerate(lines, 1) if line.startswith(start)]
        return f"{path}, line {found[0]}" if found else str(path)

    known = [f.name for f in fields(Talk) if f.name != "folder"]
    for key, value in content.items():
        with errors_at(position("[labels]" if key == "labels" else key)):
            if key not in known:
                raise ToolError(f"unknown key {key!r}; known are {', '.join(known)}")
            content[key] = _value(key, value, path.parent)
    for label in content.get("labels", {}):
        if label not in LABELS:
            cause = f"unknown label {label!r}; known are {', '.join(LABELS)}"
            raise ToolError(f"{position(label)}: {cause}")
    for key in ("title", "slides"):
        if not content.get(key):
            raise ToolError(f"{path}: the key {key!r} is missing")
    if "logo" in content and not content.get("university"):
        raise ToolError(
            f"{position('logo')}: the key 'university' is missing; it is the text of the "
            "logo for those who cannot see it"
        )
    slides: list[Choice] = []
    for line in filter(str.strip, content["slides"].splitlines()):
        with errors_at(position(line.strip())):
            slides.append(_choice(line, path.parent, slides))
    return Talk(**{**content, "slides": slides}, folder=path.parent)


def _value(key: str, value: object, folder: Path) -> object:
    """The value of a key of a talk, checked; the style as CSS."""
    if key == "labels":
        if not isinstance(value, dict) or not all(map(_is_text, value.values())):
            raise ToolError('labels are a table of texts: "menu" = "Menü"')
        return value
    if key == "date" and isinstance(value, datetime.date):
        return value.isoformat()
    if not _is_text(value):
        raise ToolError(f"{key!r} must be a text in quotes")
    text = str(value)
    if key == "language" and not LANGUAGE.fullmatch(text):
        raise ToolError(f"{text!r} is no language; write a code such as de or pt-BR")
    if key in ("logo", "style") and not (folder / text).is_file():
        raise ToolError(f"there is no file {text!r} in the folder {folder}")
    return read_style(folder / text) if key == "style" else text


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
