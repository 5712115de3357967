"""nbgrader releases what tools.handout makes, and grades stubs and solutions.

Each notebook is run twice, which takes half an hour; so this is a command of its own.
"""

from html import unescape
from pathlib import Path

import awkward_handouts as awkward
import nbformat
import pytest
from nbgrader_commands import failed, grade, graded, nbgrader, submit
from small_handout import cell, read, small, stored

from tools import handout

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# --- a small notebook -------------------------------------------------------------------

MISSING_HALF = (
    "def my_kl(mu, logvar):\n    return (mu**2 + logvar.exp() - logvar - 1).sum(1)"
)
WARNS = """\
import warnings

def my_error(x, x_hat):
    warnings.warn("slow")
    return sum((a - b) ** 2 for a, b in zip(x, x_hat))"""
# A warning costs no points, and an edited check gives none.
ANSWERS = {
    "stub-kl": MISSING_HALF,
    "check-kl": "1",
    "stub-width": "my_width =",
    "stub-error": WARNS,
}
# Each student's cells, and points.
STUDENTS = {"idle": ({}, 0), "busy": (ANSWERS, 1)}


@pytest.fixture(scope="module")
def made(slow, tmp_path_factory):
    """The folder of a class, with the small notebook."""
    folder = tmp_path_factory.mktemp("class")
    nbformat.write(small(), folder / "01_small.ipynb")
    handout.hand_out([folder / "01_small.ipynb"], folder)
    return folder


@pytest.fixture(scope="module")
def scores(made):
    submit(made, "solver", "01_small", read(made, "solution/01_small.ipynb"))
    for student, (cells, _) in STUDENTS.items():
        notebook = read(made, "student/01_small.ipynb")
        for name, source in cells.items():
            cell(notebook, name).source = source
        submit(made, student, "01_small", notebook)
    return grade(made, "01_small")


def test_the_student_s_notebook_is_the_one_that_nbgrader_releases(made, scores):
    released = (made / "release/01_small/01_small.ipynb").read_text("utf-8")
    assert released == (made / "student/01_small.ipynb").read_text("utf-8")


def test_each_right_answer_gives_one_point(made, scores):
    wanted = {"solver": 3} | {student: points for student, (_, points) in STUDENTS.items()}
    assert scores == {student: (points, 3) for student, points in wanted.items()}


def test_only_checks_fail_and_a_notebook_runs_to_its_end(made, scores):
    assert failed(graded(made, "solver", "01_small")) == {}
    assert failed(graded(made, "idle", "01_small")) == dict.fromkeys(
        ["check-kl", "check-width", "check-error"], "AssertionError"
    )
    assert failed(graded(made, "busy", "01_small")) == {
        "check-kl": "AssertionError",
        "stub-width": "SyntaxError",
        "check-width": "NameError",
        "progress": "NameError",
    }


def test_the_feedback_names_the_hint(made, scores):
    page = unescape((made / "feedback/busy/01_small/01_small.html").read_text("utf-8"))
    assert "Hint: the factor ½ is missing." in page


@pytest.mark.slow
def test_every_awkward_student_notebook_is_the_one_that_nbgrader_releases(tmp_path):
    names = []
    for number, (change, wanted) in enumerate(awkward.CASES.values()):
        if not isinstance(wanted, str):
            change(made := awkward.notebook())
            names.append(f"c{number}")
            handout.hand_out([stored(made, tmp_path, f"c{number}.ipynb")], tmp_path)
    nbgrader(tmp_path, *(f"generate_assignment {name}" for name in names))
    for name in names:
        released = (tmp_path / "release" / name / f"{name}.ipynb").read_text("utf-8")
        assert released == (tmp_path / "student" / f"{name}.ipynb").read_text("utf-8")


# --- every notebook ---------------------------------------------------------------------


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
