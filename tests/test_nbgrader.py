"""nbgrader grades the stubs and the solutions of every notebook.

Each notebook is run twice, which takes half an hour; so this is a command of its own.
"""

from pathlib import Path

import nbformat
import pytest
from nbgrader_commands import failed, grade, graded, submit

from tools import handout

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


class GradedNotebook:
    """A notebook graded for two students: one submits the stubs, one the solutions."""

    def __init__(self, path, folder):
        self.path, self.folder, self.name = path, folder, path.stem
        handout.hand_out([path], folder)
        for student, file in (("idle", "student"), ("solver", "solution")):
            notebook = nbformat.read(folder / file / path.name, as_version=4)
            submit(folder, student, self.name, notebook)
        self.scores = grade(folder, self.name)

    def graded(self, student):
        return graded(self.folder, student, self.name)


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def lesson(slow, request, tmp_path_factory):
    return GradedNotebook(request.param, tmp_path_factory.mktemp("class"))


def printed(notebook):
    """The printed claims, {cell: text}, of the cells that nbval compares."""
    return {
        cell.id: "".join(output.get("text", "") for output in cell.outputs)
        for cell in notebook.cells
        if "nbval-check-output" in cell.metadata.get("tags", [])
    }


def test_the_solutions_score_full_marks_and_the_stubs_none(lesson):
    exercises = handout.exercises_of(nbformat.read(lesson.path, as_version=4))
    full = len(exercises) * handout.POINTS
    assert lesson.scores == {"idle": (0, full), "solver": (full, full)}


def test_only_the_checks_of_stubs_fail(lesson):
    notebook = nbformat.read(lesson.path, as_version=4)
    checks = [exercise.check.id for exercise in handout.exercises_of(notebook)]
    assert failed(lesson.graded("solver")) == {}
    assert failed(lesson.graded("idle")) == dict.fromkeys(checks, "AssertionError")


def test_the_claims_do_not_depend_on_the_answers(lesson):
    stored = printed(nbformat.read(lesson.path, as_version=4))
    assert stored
    assert printed(lesson.graded("solver")) == printed(lesson.graded("idle")) == stored
