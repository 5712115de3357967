"""Student, solution and nbgrader versions of notebooks, and slides, for a class.

    python -m tools.handout                            all notebooks, in folder handout
    python -m tools.handout notebooks/02_pca.ipynb -o class

For each notebook it writes:

    student/<name>.ipynb          with stubs, without solutions
    solution/<name>.ipynb         with solutions instead of stubs
    slides/<name>.html            the deck
    source/<name>/<name>.ipynb    nbgrader's instructor version

An exercise consists of cells with the tags exercise (a task in Markdown and a stub that
defines ``my_x``), check (ends with a call, ``check_y(my_x)``) and solution (Markdown with
one block of Python, which defines ``my_x``, too). The notebooks have no outputs, no speaker
notes and no metadata but those listed below, since all of these could contain answers; the
slides are executed, since widgets need it. docs/handout.md explains how to grade.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import unicodedata
import warnings
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from glob import escape
from pathlib import Path
from symtable import symtable
from tempfile import TemporaryDirectory
from urllib.parse import unquote  # noqa: TID251 - connects to nothing

import nbformat
from nbformat import NotebookNode

from tools import execute, files, slides
from tools.files import ToolError, errors_at

CONFIG_NAME = "nbgrader_config.py"
CONFIG = '''"""Settings of nbgrader for this class: written once, then yours to edit."""

c = get_config()
c.CourseDirectory.course_id = "autoencoders"
# The stub above a removed solution remains, so nbgrader adds no text.
c.ClearSolutions.code_stub = {"python": ""}
c.Execute.timeout = 300  # seconds per cell; some train a network
'''
ANSWER = """\
{stub}
### BEGIN SOLUTION
{answer}
### END SOLUTION"""
# nbgrader counts a warning as a failure, but a right answer may warn. Students see only the
# line in the middle.
TEST = """\
### BEGIN HIDDEN TESTS
import warnings
warnings.simplefilter("ignore")
### END HIDDEN TESTS
{check}
### BEGIN HIDDEN TESTS
result = {call}
assert result.status == "right", result.message
### END HIDDEN TESTS"""
# A check has no partial credit, so each exercise is worth one point.
POINTS = 1
CODE = re.compile(r"^```python[ \t]*\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)
FOLD = re.compile(r"</?details.*?>|<summary.*?</summary>", re.DOTALL)
# The last three: null characters, and very deep brackets.
NOT_PYTHON = (SyntaxError, ValueError, MemoryError, RecursionError)
TAGS = ("exercise", "check", "solution")
# What is kept of the metadata: all that a student's front end needs. Others store outputs,
# texts of deleted cells or whole notebooks there.
NOTEBOOK_METADATA = ("kernelspec", "language_info")
CELL_METADATA = (
    *("tags", "slideshow", "jupyter", "nbgrader"),
    *("editable", "deletable", "format", "raw_mimetype"),
)
# The marks of nbgrader and otter-grader.
MARK = re.compile(
    r"(BEGIN|END) (SOLUTION|(HIDDEN )?TESTS|MARK SCHEME)|AUTOTEST|#[ \t]*SOLUTION\b"
)
# How an untagged solution may begin: "## Solution", "**Solution 2.** Since", "# solution:",
# "Solution to exercise 2".
TITLE = re.compile(
    r"^\W*(sample |model )?solutions?"
    r"([ \d]*([^\w ]|$)| (to|for|of) (the )?(exercise|task)\b)|<summary.*solution",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass
class Exercise:
    """The cells of one exercise; the code of its solution, and the text around it."""

    stub: NotebookNode
    check: NotebookNode
    solution: NotebookNode
    answer: str
    reason: str


# --- from a notebook to its exercises -------------------------------------------------


def exercises_of(notebook: NotebookNode) -> list[Exercise]:
    """The exercises, in order.  ToolError if stub, check and solution do not match."""
    tagged: dict[str, list[NotebookNode]] = {tag: [] for tag in ("", *TAGS)}
    for cell in notebook.cells:
        tagged[_tag(cell)].append(cell)
    tagged["exercise"] = [c for c in tagged["exercise"] if c.cell_type != "markdown"]
    stubs = _by_name(tagged["exercise"], "exercise", lambda c: _assigned(c, _python(c)))
    checks = _by_name(tagged["check"], "check", _checked)
    solutions = _by_name(tagged["solution"], "solution", lambda c: _assigned(c, _code(c)))
    for name in {**stubs, **checks, **solutions}:
        for kind, cells in {"stub": stubs, "check": checks, "solution": solutions}.items():
            if name not in cells:
                raise ToolError(f"the exercise {name!r} has no {kind} with my_{name}")
        if notebook.cells.index(stubs[name]) > notebook.cells.index(checks[name]):
            raise ToolError(
                f"the check {checks[name].id!r} is above its stub, {stubs[name].id!r}"
            )
    if not stubs:
        raise ToolError("there is no exercise")
    return [
        Exercise(stubs[name], checks[name], cell, _code(cell), _reason(cell))
        for name, cell in solutions.items()
    ]


def _tag(cell: NotebookNode) -> str:
    """The tag of TAGS that a cell has, or "".  ToolError for two, or another spelling."""
    found = [tag for tag in cell.metadata.get("tags", []) if tag in TAGS]
    if len(found) > 1:
        raise ToolError(f"cell {cell.id!r} has several tags, {' and '.join(found)}")
    for tag in cell.metadata.get("tags", []):
        plain = unicodedata.normalize("NFKC", tag).casefold()
        like = get_close_matches(plain, TAGS, 1, 0.8) or "solution" in plain
        if tag not in TAGS and (like or "answer" in plain):
            raise ToolError(
                f"cell {cell.id!r} has the tag {tag!r}; the tags of an exercise are "
                f"{', '.join(TAGS)}, so if it means one of these, write it exactly so, "
                "else take another word"
            )
    return found[0] if found else ""


def _by_name(
    tagged: list[NotebookNode], tag: str, name_of: Callable[[NotebookNode], str]
) -> dict[str, NotebookNode]:
    """The cells with this tag: name of the exercise -> cell."""
    cells: dict[str, NotebookNode] = {}
    for cell in tagged:
        try:
            name = name_of(cell)
        except NOT_PYTHON as error:
            raise ToolError(f"cell {cell.id!r} is not Python: {error}") from error
        if name in cells:
            raise ToolError(
                f"cells {cells[name].id!r} and {cell.id!r} have the same tag, {tag}, "
                f"and name, {name}"
            )
        cells[name] = cell
    return cells


def _python(cell: NotebookNode) -> str:
    """The source of a code cell."""
    if cell.cell_type != "code":
        raise ToolError(
            f"cell {cell.id!r}, a stub or check, must be code, not {cell.cell_type}"
        )
    return cell.source


def _assigned(cell: NotebookNode, code: str) -> str:
    """The exercise of the code of a cell, which assigns one my_…."""
    names = _my_names(cell, code)
    if len(names) != 1:
        raise ToolError(f"cell {cell.id!r} must assign one my_…, not {names}")
    return names[0].removeprefix("my_")


def _my_names(cell: NotebookNode, code: str) -> list[str]:
    """The names my_… that the code of a cell assigns."""
    symbols = symtable(code, cell.id, "exec").get_symbols()
    names = [symbol.get_name() for symbol in symbols if symbol.is_assigned()]
    return [name for name in names if name.startswith("my_")]


def _checked(cell: NotebookNode) -> str:
    """The exercise that the last statement of a cell checks."""
    match ast.parse(_python(cell)).body:
        case [*_, ast.Expr(ast.Call(_, [ast.Name(name)], []))] if name.startswith("my_"):
            return name.removeprefix("my_")
    raise ToolError(f"cell {cell.id!r} must end with a check of one my_…")


def _code(cell: NotebookNode) -> str:
    """The code of a solution."""
    if cell.cell_type != "markdown":
        raise ToolError(
            f"cell {cell.id!r}, a solution, must be Markdown; as code it is run"
        )
    blocks = CODE.findall(_lines(cell.source))
    if len(blocks) != 1:
        raise ToolError(
            f"cell {cell.id!r} must have one block of code between the lines ```python "
            f"and ```, not {len(blocks)}"
        )
    return blocks[0].strip("\n")


def _reason(cell: NotebookNode) -> str:
    """The text around the code of a solution, without what folds it."""
    return FOLD.sub("", CODE.sub("", _lines(cell.source))).strip()


def _lines(text: str) -> str:
    """A text with the line ends of Linux; Markdown ends a line at all three."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


# --- from exercises to notebooks ------------------------------------------------------


def instructor_version(notebook: NotebookNode) -> NotebookNode:
    """The source of an nbgrader assignment: stub and solution in one cell, hidden tests."""
    result, exercises = _marked(notebook)
    for exercise in exercises:
        stub, check = exercise.stub, exercise.check
        call = ast.unparse(ast.parse(check.source).body[-1])
        stub.source = ANSWER.format(stub=stub.source, answer=exercise.answer)
        check.source = TEST.format(check=check.source, call=call)
        for cell in (stub, check):
            with errors_at(f"cell {cell.id!r}, stub and solution in one cell"):
                symtable(cell.source, cell.id, "exec")
                for statement in ast.parse(cell.source).body[1:]:
                    if getattr(statement, "module", "") == "__future__":
                        raise ToolError("an import from __future__ must be the first")
    return result


def solved_version(notebook: NotebookNode) -> NotebookNode:
    """The notebook with each solution in place of its stub, its reason below the check."""
    result, exercises = _marked(notebook)
    for exercise in exercises:
        exercise.stub.source = exercise.answer
        if exercise.reason:
            exercise.solution.source = exercise.reason
            result.cells.insert(result.cells.index(exercise.check) + 1, exercise.solution)
    return result


def student_version(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """The release version of nbgrader, with the settings in the folder; no gradebook.

    Without settings in the folder, it uses those that ``hand_out`` will write there.
    ToolError if an answer would be left in it.
    """
    try:
        with warnings.catch_warnings():  # nbgrader 0.9.5, the last for Python 3.10
            warnings.simplefilter("ignore")
            from nbgrader import preprocessors as nbgrader
            from nbgrader.nbgraderformat import MetadataValidator
    except ImportError as error:
        raise ToolError(
            f"nbgrader is needed: pip install -r requirements.txt ({error})"
        ) from error
    from traitlets.config import PyFileConfigLoader

    with TemporaryDirectory() as defaults, errors_at(CONFIG_NAME):
        Path(defaults, CONFIG_NAME).write_text(CONFIG, encoding="utf-8")
        place = str(folder) if (folder / CONFIG_NAME).exists() else defaults
        config = PyFileConfigLoader(CONFIG_NAME, path=place).load_config()
        steps = [
            nbgrader.LockCells(config=config),
            nbgrader.ClearSolutions(config=config),
            nbgrader.ClearHiddenTests(config=config),
            nbgrader.ClearMarkScheme(config=config),
            nbgrader.ComputeChecksums(config=config),
        ]
    result = instructor_version(notebook)
    for cell in result.cells:
        with errors_at(f"cell {cell.id!r}, in nbgrader"):
            for step in steps:  # each changes the cell in place
                step.preprocess(NotebookNode(result, cells=[cell]), {})
            MetadataValidator().validate_cell(cell)
    _check_nothing_is_left(result, exercises_of(_cleaned(notebook)))
    return result


def _check_nothing_is_left(student: NotebookNode, exercises: list[Exercise]) -> None:
    """ToolError if stubs and checks are not those of the exercises, or answers are left."""
    cells = {cell.id: cell for cell in student.cells}
    for exercise in exercises:
        stub, check = exercise.stub, exercise.check
        same = cells[check.id].source == check.source
        if not (same and cells[stub.id].source.startswith(stub.source)):
            raise ToolError(
                f"cell {stub.id!r} or {check.id!r} is changed by the settings in "
                f"{CONFIG_NAME}; leave nbgrader's delimiters as they are"
            )
        name = _assigned(stub, stub.source)
        answer = " ".join(exercise.answer.split())
        for cell in student.cells:
            source = " ".join(cell.source.split())
            if re.search(rf"(?<!\w){re.escape(answer)}(?!\w|\.\d)", source):
                raise ToolError(
                    f"cell {cell.id!r} contains the answer of {exercise.solution.id!r}"
                )
            if cell.cell_type != "markdown" and cell.id != stub.id:
                code = re.sub(r"^[ \t]*[%!].*", "", _lines(cell.source), flags=re.MULTILINE)
                with suppress(*NOT_PYTHON):  # another language, or text
                    if f"my_{name}" in _my_names(cell, code):
                        raise ToolError(
                            f"cell {cell.id!r} assigns my_{name}, as a solution does"
                        )


def _marked(notebook: NotebookNode) -> tuple[NotebookNode, list[Exercise]]:
    """A copy without all that could hold an answer; exercises are marked for nbgrader."""
    result = _cleaned(notebook)
    exercises = exercises_of(result)
    for exercise in exercises:
        result.cells.remove(exercise.solution)
        _mark(exercise.stub, solution=True, grade=False, locked=False)
        _mark(exercise.check, solution=False, grade=True, locked=True, points=POINTS)
    for exercise in exercises:
        if mark := MARK.search(exercise.answer):
            raise ToolError(
                f"cell {exercise.solution.id!r} contains {mark[0]!r}, a mark of a grader"
            )
    _check_cells(result.cells, [c.id for e in exercises for c in (e.stub, e.check)])
    return result, exercises


def _check_cells(cells: list[NotebookNode], ours: list[str]) -> None:
    """ToolError for a cell that looks like a solution, or that nbgrader treats as none.

    A cell with metadata of nbgrader that is not ours is nbgrader's matter, by its marks.
    """
    ids: dict[str, str] = {}
    for cell in cells:
        with errors_at(f"cell {cell.id!r}"):
            grader = cell.metadata.get("nbgrader")
            if cell.cell_type == "code":
                text = "\n".join(re.findall("#.*", cell.source))
            else:  # without tags, but with comments
                text = re.sub(r"<(?!!|summary)[^>]*>", "", _lines(cell.source))
            if grader and cell.id not in ours:
                if cell.get("attachments"):
                    raise ToolError("nbgrader would hand out its attachments")
            elif mark := MARK.search(cell.source):
                raise ToolError(f"it contains {mark[0]!r}, a mark of a grader")
            elif title := TITLE.search(text):
                raise ToolError(f"{title[0].strip()!r} begins a solution without the tag")
            if grader and (name := grader.get("grade_id")):
                if name in ids:
                    raise ToolError(f"cell {ids[name]!r} has the same grade_id, {name!r}")
                ids[name] = cell.id


def _cleaned(notebook: NotebookNode) -> NotebookNode:
    """A copy that has only what is listed above, and no speaker notes."""
    cells = []
    for cell in notebook.cells:
        with errors_at(f"cell {cell.id!r}"):
            if _slide_type(cell) == "notes":
                continue
            kept = NotebookNode(
                id=cell.id,
                cell_type=cell.cell_type,
                metadata=_only(CELL_METADATA, cell.metadata),
                source=cell.source,
            )
            if cell.cell_type == "code":
                kept.outputs, kept.execution_count = [], None
            elif attachments := _only(
                _attached(cell), cell.get("attachments") or NotebookNode()
            ):
                kept.attachments = attachments
            if cell.cell_type not in ("code", "markdown", "raw"):
                raise ToolError(f"it has the type {cell.cell_type!r} of another tool")
            cells.append(kept)
    _check_format(cells)
    metadata = _only(NOTEBOOK_METADATA, notebook.metadata)
    return NotebookNode(cells=cells, metadata=metadata, nbformat=4, nbformat_minor=5)


def _check_format(cells: list[NotebookNode]) -> None:
    """An error for the first cell that the format of notebooks does not allow."""
    try:  # all at once, which is quick
        whole = NotebookNode(cells=cells, metadata={}, nbformat=4, nbformat_minor=5)
        nbformat.validate(whole)
    except nbformat.ValidationError:
        for cell in cells:
            with errors_at(f"cell {cell.id!r}"):
                kind = f"{cell.cell_type}_cell"
                nbformat.validate(cell, kind, version=4, version_minor=5)
        raise


def _only(keys: tuple[str, ...], values: NotebookNode) -> NotebookNode:
    return deepcopy(NotebookNode({key: values[key] for key in keys if key in values}))


def _attached(cell: NotebookNode) -> tuple[str, ...]:
    """The attachments that the text of a cell shows; others remain of deleted text."""
    names = tuple(cell.get("attachments") or {})
    text = _letters(cell.source)
    return tuple(name for name in names if _letters(f"attachment:{name}") in text)


def _letters(text: str) -> str:
    """Letters and digits of an address, in which a blank may be %20, and _ be \\_."""
    return re.sub(r"\W|_", "", unquote(text))


def _slide_type(cell: NotebookNode) -> str:
    kind = (cell.metadata.get("slideshow") or {}).get("slide_type") or ""
    return kind.strip().casefold()


def _mark(cell: NotebookNode, **marks: bool | int) -> None:
    cell.metadata["nbgrader"] = NotebookNode(
        schema_version=3, grade_id=cell.id, task=False, **marks
    )


# --- from notebooks to files ----------------------------------------------------------


def notebooks_for(path: Path, folder: Path) -> dict[Path, str]:
    """All versions of one notebook: path -> text."""
    notebook = files.read_notebook(path)
    with errors_at(str(path)):
        if path.stem != escape(path.stem).strip() or "+" in path.stem:
            raise ToolError(
                "nbgrader finds no assignment with * ? [ + or a blank at an end of its name"
            )
        versions = {
            Path("source", path.stem): instructor_version(notebook),
            Path("solution"): solved_version(notebook),
            Path("student"): student_version(notebook, folder),
        }
    return {
        folder / subfolder / f"{path.stem}.ipynb": nbformat.writes(version) + "\n"
        for subfolder, version in versions.items()
    }


def texts_for(paths: list[Path], folder: Path) -> dict[Path, str]:
    """All files of a class but the slides: path -> text."""
    texts: dict[Path, str] = {}
    for path in paths:
        texts |= notebooks_for(path, folder)
    for target in texts:
        for path in paths:
            if target.exists() and target.samefile(path):
                raise ToolError(
                    f"{path} would be overwritten by a version of itself; name another "
                    "folder by -o"
                )
    config = folder / CONFIG_NAME
    return texts if config.exists() else {config: CONFIG, **texts}


def hand_out(paths: list[Path], folder: Path) -> None:
    """Write all versions of these notebooks, or none if one of them has an error."""
    files.write_all(texts_for(paths, folder))


def deck(path: Path) -> str:
    """The slides of one notebook, executed; "" if no cell has a slide type."""
    notebook = files.read_notebook(path)
    if not any(_slide_type(cell) for cell in notebook.cells):
        return ""
    execute.run(notebook, path, dpi=execute.DPI)
    return slides.deck(notebook, path)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="handout", description="A class from notebooks.")
    parser.add_argument(
        "notebooks", nargs="*", type=Path, help="default: all of the course"
    )
    parser.add_argument("-o", dest="folder", type=Path, default=files.ROOT / "handout")
    options = parser.parse_args(arguments)
    # macOS and Windows take names as the same that differ in case or in the code of an ü.
    names = [unicodedata.normalize("NFC", path.stem) for path in options.notebooks]
    if len(set(map(str.casefold, names))) < len(names):
        parser.error("two notebooks with the same name would give one assignment")
    with files.exit_with_message():
        paths = options.notebooks or files.course_notebooks()
        texts = texts_for(paths, options.folder)
        for path in paths:
            print(f"{path.name} …", flush=True)
            if html := deck(path):
                texts[options.folder / "slides" / f"{path.stem}.html"] = html
        files.write_all(texts)
        print(*texts, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
