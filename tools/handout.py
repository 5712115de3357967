"""A class from the course's notebooks: to hand out, to compare with, to show, to grade.

    python -m tools.handout                            all notebooks, into handout
    python -m tools.handout notebooks/02_pca.ipynb -o class

Of each notebook are made:

    student/<name>.ipynb          the stubs, without solutions
    solution/<name>.ipynb         the solutions in their place
    slides/<name>.html            the deck
    source/<name>/<name>.ipynb    nbgrader's instructor version, an assignment of that name

An exercise is made of cells with the tags exercise (a task in Markdown and a stub that
binds ``my_x``), check (one call, ``check_y(my_x)``) and solution (binds ``solution_x`` and
ends with the same check on it). The notebooks are not executed, so that nobody gets the
answers of an earlier run; the deck is, since its widgets need it. docs/handout.md explains
how to grade.
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

import nbformat
from nbformat import NotebookNode

from tools import files, slides
from tools.files import ToolError

CONFIG = '''"""The class's settings of nbgrader: made once, and from then on yours."""

c = get_config()
c.CourseDirectory.course_id = "autoencoders"
# The stub above a removed solution remains, so no other text takes the place.
c.ClearSolutions.code_stub = {"python": ""}
c.Execute.timeout = 300  # seconds for a cell; some train a network
'''
ANSWER = """\
{stub}
### BEGIN SOLUTION
{answer}
### END SOLUTION"""
# nbgrader takes a warning for a failure, and a right answer may warn. The student sees only
# the line in the middle.
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


@dataclass
class Exercise:
    """The cells of one exercise, and its solution as the student would write it."""

    stub: NotebookNode
    check: NotebookNode
    solution: NotebookNode
    answer: str


# --- from a notebook to its exercises -------------------------------------------------


def exercises_of(notebook: NotebookNode) -> list[Exercise]:
    """The exercises, in order.  ToolError if stub, check and solution do not match."""
    stubs = _by_name(notebook, "exercise", _binds("my_"))
    checks = _by_name(notebook, "check", lambda cell: _checked(cell)[1])
    solutions = _by_name(notebook, "solution", _binds("solution_"))
    for name in {**stubs, **checks, **solutions}:
        for kind, found in {"stub": stubs, "check": checks, "solution": solutions}.items():
            if name not in found:
                raise ToolError(f"the exercise {name!r} has no {kind}")
    if not stubs:
        raise ToolError("there is no exercise in it")
    ours = re.compile(rf"\bsolution_({'|'.join(stubs)})\b")
    for cell in notebook.cells:
        if cell not in solutions.values() and ours.search(cell.source):
            raise ToolError(f"cell {cell.id!r} uses a solution, which is not handed out")
    exercises = []
    for name, solution in solutions.items():
        check = ast.dump(_checked(checks[name])[0])
        if ast.dump(_checked(solution)[0]) != check or _checked(solution)[1] != name:
            raise ToolError(f"cell {solution.id!r} does not end with its check")
        answer = ours.sub(r"my_\1", _without_last_statement(solution.source))
        exercises.append(Exercise(stubs[name], checks[name], solution, answer))
    return exercises


def _by_name(
    notebook: NotebookNode, tag: str, name_of: Callable[[NotebookNode], str]
) -> dict[str, NotebookNode]:
    """The code cells of that tag, each under the name of its exercise."""
    found: dict[str, NotebookNode] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and tag in cell.metadata.get("tags", []):
            try:
                name = name_of(cell)
            except SyntaxError as error:
                raise ToolError(f"cell {cell.id!r} is no Python: {error}") from error
            if name in found:
                raise ToolError(
                    f"cells {found[name].id!r} and {cell.id!r} have one tag, {tag}, "
                    f"and one name, {name}"
                )
            found[name] = cell
    return found


def _binds(prefix: str) -> Callable[[NotebookNode], str]:
    """A function from a cell to the one name that it binds, without the prefix."""

    def name_of(cell: NotebookNode) -> str:
        symbols = symtable(cell.source, cell.id, "exec").get_symbols()
        names = [symbol.get_name() for symbol in symbols if symbol.is_assigned()]
        names = [name for name in names if name.startswith(prefix)]
        if len(names) != 1:
            raise ToolError(f"cell {cell.id!r} must bind one {prefix}…, not {names}")
        return names[0].removeprefix(prefix)

    return name_of


def _checked(cell: NotebookNode) -> tuple[ast.expr, str]:
    """The check that the cell's last statement calls, and the exercise it is called on."""
    match ast.parse(cell.source).body:
        case [*_, ast.Expr(ast.Call(check, [ast.Name(name)], []))]:
            return check, re.sub(r"\A(my|solution)_", "", name)
    raise ToolError(f"cell {cell.id!r} must end with a check on one name")


def _without_last_statement(source: str) -> str:
    last = ast.parse(source).body[-1]
    return "\n".join(source.splitlines()[: last.lineno - 1]).rstrip()


# --- from exercises to notebooks ------------------------------------------------------


def instructor_version(notebook: NotebookNode) -> NotebookNode:
    """The source of an nbgrader assignment: stub and solution in one cell, hidden tests."""
    made, exercises = _marked(notebook)
    for exercise in exercises:
        stub, check = exercise.stub, exercise.check
        stub.source = ANSWER.format(stub=stub.source, answer=exercise.answer)
        check.source = TEST.format(check=check.source)
    return made


def solved_version(notebook: NotebookNode) -> NotebookNode:
    """The notebook with each solution in place of its stub."""
    made, exercises = _marked(notebook)
    for exercise in exercises:
        exercise.stub.source = exercise.answer
    return made


def student_version(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """What nbgrader releases with the settings in the folder; no gradebook is touched."""
    try:
        with warnings.catch_warnings():  # of nbgrader 0.9.5, the last one for Python 3.10
            warnings.simplefilter("ignore")
            from nbgrader import preprocessors as nbgrader
    except ImportError as error:
        raise ToolError(f"nbgrader is needed: pip install nbgrader ({error})") from error
    from traitlets.config import PyFileConfigLoader

    config = PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
    made = instructor_version(notebook)
    for step in (
        nbgrader.LockCells,
        nbgrader.ClearSolutions,
        nbgrader.ClearHiddenTests,
        nbgrader.ComputeChecksums,
        nbgrader.CheckCellMetadata,
    ):
        made, _ = step(config=config).preprocess(made, {})
    return made


def _marked(notebook: NotebookNode) -> tuple[NotebookNode, list[Exercise]]:
    """A copy without outputs and solutions, its exercises marked for nbgrader."""
    made = deepcopy(notebook)
    exercises = exercises_of(made)
    for exercise in exercises:
        made.cells.remove(exercise.solution)
        _mark(exercise.stub, solution=True, grade=False, locked=False)
        _mark(exercise.check, solution=False, grade=True, locked=True, points=POINTS)
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return made, exercises


def _mark(cell: NotebookNode, **marks: bool | int) -> None:
    cell.metadata["nbgrader"] = NotebookNode(
        schema_version=3, grade_id=cell.id, task=False, **marks
    )


# --- from notebooks to files ----------------------------------------------------------


def notebooks_for(path: Path, folder: Path) -> dict[Path, str]:
    """The notebooks that are made of one: the path of each, and its text."""
    notebook = files.read_notebook(path)
    try:
        made = {
            Path("source", path.stem): instructor_version(notebook),
            Path("solution"): solved_version(notebook),
            Path("student"): student_version(notebook, folder),
        }
    except ToolError as error:
        raise ToolError(f"{path}: {error}") from error
    return {
        folder / place / path.name: nbformat.writes(one) + "\n"
        for place, one in made.items()
    }


def hand_out(paths: list[Path], folder: Path) -> None:
    """Write the notebooks that are made of these, or none if one of them has an error."""
    config = folder / "nbgrader_config.py"
    if not config.exists():
        files.write(config, CONFIG)
    for target, text in [
        one for path in paths for one in notebooks_for(path, folder).items()
    ]:
        print(target, flush=True)
        files.write(target, text)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="handout", description="A class from notebooks.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="all of the course if none")
    parser.add_argument("-o", dest="folder", type=Path, default=files.ROOT / "handout")
    wanted = parser.parse_args(arguments)
    if len({path.stem for path in wanted.notebooks}) < len(wanted.notebooks):
        parser.error("two notebooks of one name would give one assignment")
    with files.errors_in_words():
        paths = wanted.notebooks or files.course_notebooks()
        hand_out(paths, wanted.folder)
        for path in paths:
            deck = wanted.folder / "slides" / f"{path.stem}.html"
            print(deck, flush=True)
            slides.build(path, deck)


if __name__ == "__main__":
    main(sys.argv[1:])
