"""Student, solution and nbgrader versions of notebooks, and slides, for a class.

    python -m tools.handout                            all notebooks, in folder handout
    python -m tools.handout notebooks/02_pca.ipynb -o class

For each notebook it writes:

    student/<name>.ipynb          with stubs, without solutions
    solution/<name>.ipynb         with solutions instead of stubs
    slides/<name>.html            the deck
    source/<name>/<name>.ipynb    nbgrader's instructor version

An exercise consists of cells with the tags exercise (a task in Markdown and a stub that
defines ``my_x``), check (one call, ``check_y(my_x)``) and solution (Markdown with one block
of Python, which defines ``my_x``, too). The notebooks have no outputs, which could contain
answers, and no speaker notes; the slides are executed, since widgets need it.
docs/handout.md explains how to grade.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from symtable import symtable
from tempfile import TemporaryDirectory

import nbformat
from nbformat import NotebookNode

from tools import files, slides
from tools.files import ToolError

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
result = {check}
assert result.status == "right", result.message
### END HIDDEN TESTS"""
# A check has no partial credit, so each exercise is worth one point.
POINTS = 1
CODE = re.compile(r"^```python\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)
FOLD = re.compile(r"</?details.*?>|<summary>.*?</summary>", re.DOTALL)


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
    stubs = _by_name(notebook, "exercise", lambda cell: _assigned(cell, cell.source))
    checks = _by_name(notebook, "check", _checked)
    solutions = _by_name(notebook, "solution", lambda cell: _assigned(cell, _code(cell)))
    for name in {**stubs, **checks, **solutions}:
        for kind, cells in {"stub": stubs, "check": checks, "solution": solutions}.items():
            if name not in cells:
                raise ToolError(f"the exercise {name!r} has no {kind} with my_{name}")
    if not stubs:
        raise ToolError("there is no exercise")
    return [
        Exercise(stubs[name], checks[name], cell, _code(cell), _reason(cell))
        for name, cell in solutions.items()
    ]


def _by_name(
    notebook: NotebookNode, tag: str, name_of: Callable[[NotebookNode], str]
) -> dict[str, NotebookNode]:
    """The cells with this tag but the tasks: name of the exercise -> cell."""
    cells: dict[str, NotebookNode] = {}
    for cell in notebook.cells:
        is_task = tag == "exercise" and cell.cell_type == "markdown"
        if tag in cell.metadata.get("tags", []) and not is_task:
            try:
                name = name_of(cell)
            except SyntaxError as error:
                raise ToolError(f"cell {cell.id!r} is not Python: {error}") from error
            if name in cells:
                raise ToolError(
                    f"cells {cells[name].id!r} and {cell.id!r} have the same tag, {tag}, "
                    f"and name, {name}"
                )
            cells[name] = cell
    return cells


def _assigned(cell: NotebookNode, code: str) -> str:
    """The exercise of the code of a cell, which assigns one my_…."""
    symbols = symtable(code, cell.id, "exec").get_symbols()
    names = [symbol.get_name() for symbol in symbols if symbol.is_assigned()]
    names = [name for name in names if name.startswith("my_")]
    if len(names) != 1:
        raise ToolError(f"cell {cell.id!r} must assign one my_…, not {names}")
    return names[0].removeprefix("my_")


def _checked(cell: NotebookNode) -> str:
    """The exercise that the last statement of a cell checks."""
    match ast.parse(cell.source).body:
        case [*_, ast.Expr(ast.Call(_, [ast.Name(name)], []))] if name.startswith("my_"):
            return name.removeprefix("my_")
    raise ToolError(f"cell {cell.id!r} must end with a check of one my_…")


def _code(cell: NotebookNode) -> str:
    """The code of a solution."""
    if cell.cell_type != "markdown":
        raise ToolError(
            f"cell {cell.id!r}, a solution, must be Markdown; as code it is run"
        )
    blocks = CODE.findall(cell.source)
    if len(blocks) != 1:
        raise ToolError(
            f"cell {cell.id!r} must have one block of code between the lines ```python "
            f"and ```, not {len(blocks)}"
        )
    return blocks[0].strip("\n")


def _reason(cell: NotebookNode) -> str:
    """The text around the code of a solution, without what folds it."""
    return FOLD.sub("", CODE.sub("", cell.source)).strip()


# --- from exercises to notebooks ------------------------------------------------------


def instructor_version(notebook: NotebookNode) -> NotebookNode:
    """The source of an nbgrader assignment: stub and solution in one cell, hidden tests."""
    result, exercises = _marked(notebook)
    for exercise in exercises:
        stub, check = exercise.stub, exercise.check
        stub.source = ANSWER.format(stub=stub.source, answer=exercise.answer)
        check.source = TEST.format(check=check.source)
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
    """
    try:
        with warnings.catch_warnings():  # nbgrader 0.9.5, the last for Python 3.10
            warnings.simplefilter("ignore")
            from nbgrader import preprocessors as nbgrader
    except ImportError as error:
        raise ToolError(
            f"nbgrader is needed: pip install -r requirements.txt ({error})"
        ) from error
    from traitlets.config import PyFileConfigLoader

    with TemporaryDirectory() as defaults:
        Path(defaults, CONFIG_NAME).write_text(CONFIG, encoding="utf-8")
        place = str(folder) if (folder / CONFIG_NAME).exists() else defaults
        config = PyFileConfigLoader(CONFIG_NAME, path=place).load_config()
    result = instructor_version(notebook)
    for step in (
        nbgrader.LockCells,
        nbgrader.ClearSolutions,
        nbgrader.ClearHiddenTests,
        nbgrader.ComputeChecksums,
        nbgrader.CheckCellMetadata,
    ):
        result, _ = step(config=config).preprocess(result, {})
    return result


def _marked(notebook: NotebookNode) -> tuple[NotebookNode, list[Exercise]]:
    """A copy without outputs, solutions and notes; exercises are marked for nbgrader."""
    result = deepcopy(notebook)
    result.cells = [cell for cell in result.cells if not _is_note(cell)]
    exercises = exercises_of(result)
    for exercise in exercises:
        result.cells.remove(exercise.solution)
        _mark(exercise.stub, solution=True, grade=False, locked=False)
        _mark(exercise.check, solution=False, grade=True, locked=True, points=POINTS)
    for cell in result.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return result, exercises


def _is_note(cell: NotebookNode) -> bool:
    return cell.metadata.get("slideshow", {}).get("slide_type") == "notes"


def _mark(cell: NotebookNode, **marks: bool | int) -> None:
    cell.metadata["nbgrader"] = NotebookNode(
        schema_version=3, grade_id=cell.id, task=False, **marks
    )


# --- from notebooks to files ----------------------------------------------------------


def notebooks_for(path: Path, folder: Path) -> dict[Path, str]:
    """All versions of one notebook: path -> text."""
    notebook = files.read_notebook(path)
    try:
        versions = {
            Path("source", path.stem): instructor_version(notebook),
            Path("solution"): solved_version(notebook),
            Path("student"): student_version(notebook, folder),
        }
    except ToolError as error:
        raise ToolError(f"{path}: {error}") from error
    return {
        folder / subfolder / path.name: nbformat.writes(version) + "\n"
        for subfolder, version in versions.items()
    }


def hand_out(paths: list[Path], folder: Path) -> None:
    """Write all versions of these notebooks, or none if one of them has an error."""
    texts = [one for path in paths for one in notebooks_for(path, folder).items()]
    config = folder / CONFIG_NAME
    if not config.exists():
        files.write(config, CONFIG)
    for target, text in texts:
        print(target, flush=True)
        files.write(target, text)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="handout", description="A class from notebooks.")
    parser.add_argument(
        "notebooks", nargs="*", type=Path, help="default: all of the course"
    )
    parser.add_argument("-o", dest="folder", type=Path, default=files.ROOT / "handout")
    options = parser.parse_args(arguments)
    if len({path.stem for path in options.notebooks}) < len(options.notebooks):
        parser.error("two notebooks with the same name would give one assignment")
    with files.exit_with_message():
        paths = options.notebooks or files.course_notebooks()
        hand_out(paths, options.folder)
        for path in paths:
            deck = options.folder / "slides" / f"{path.stem}.html"
            print(deck, flush=True)
            slides.build(path, deck)


if __name__ == "__main__":
    main(sys.argv[1:])
