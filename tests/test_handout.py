"""tools.handout makes stubs, solutions and slides of a notebook.

What nbgrader makes of them is in test_nbgrader.py, which is a command of its own.
"""

import ast
import sys
import zlib
from base64 import b64encode
from pathlib import Path

import awkward_handouts as awkward
import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from small_handout import (
    REASON,
    SOLUTION_ERROR,
    SOLUTION_KL,
    cell,
    names,
    read,
    small,
    solution,
    stored,
    tag,
)

from tools import execute, handout

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def made(slow, tmp_path_factory):
    """The folder that the command makes of the small notebook."""
    folder = tmp_path_factory.mktemp("class")
    nbformat.write(small(), folder / "01_small.ipynb")
    handout.main([str(folder / "01_small.ipynb"), "-o", str(folder / "handout")])
    return folder / "handout"


@pytest.fixture
def path(tmp_path):
    """The path of the small notebook."""
    path = tmp_path / "01_small.ipynb"
    nbformat.write(small(), path)
    return path


@pytest.fixture
def no_deck(monkeypatch):
    """No decks, which take seconds."""
    monkeypatch.setattr(handout, "deck", lambda path: "")


# --- the files of a class -------------------------------------------------------------


def test_one_command_makes_all_files_of_a_class(made):
    assert sorted(
        file.relative_to(made).as_posix() for file in made.rglob("*") if file.is_file()
    ) == [
        "nbgrader_config.py",
        "slides/01_small.html",
        "solution/01_small.ipynb",
        "source/01_small/01_small.ipynb",
        "student/01_small.ipynb",
    ]
    assert "1 · Small" in (made / "slides/01_small.html").read_text("utf-8")


def test_the_student_version_has_the_stubs_and_no_part_of_the_solutions(made):
    text = (made / "student/01_small.ipynb").read_text("utf-8")
    for hidden in (
        *("Solution", "SOLUTION", "HIDDEN", "result.status", "Ask them first"),
        *("kl_to_standard_normal", "my_width = 4", "not the mean", "The mean hides"),
    ):
        assert hidden not in text
    student, source = read(made, "student/01_small.ipynb"), small()
    for name in ("stub-kl", "stub-width", "stub-error"):
        assert cell(student, name).source.rstrip("\n") == cell(source, name).source
    for name in ("check-kl", "check-width", "check-error", "progress", "setup"):
        assert cell(student, name).source == cell(source, name).source
    assert names(student) == [
        name for name in names(source) if not name.startswith(("solution", "note"))
    ]


def test_the_solutions_stand_in_the_place_of_the_stubs(made):
    solved = read(made, "solution/01_small.ipynb")
    assert cell(solved, "stub-kl").source == SOLUTION_KL
    assert cell(solved, "stub-width").source == "my_width = 4"
    assert cell(solved, "stub-error").source == SOLUTION_ERROR


def test_the_reason_of_a_solution_stands_below_its_check(made):
    solved = read(made, "solution/01_small.ipynb")
    assert cell(solved, "solution-error").source == REASON
    order = names(solved)
    assert order.pop(order.index("check-error") + 1) == "solution-error"
    assert order == names(read(made, "student/01_small.ipynb"))


def test_no_version_has_outputs_or_execution_counts(made):
    for file in made.rglob("*.ipynb"):
        for one in read(file).cells:
            assert one.get("outputs", []) == [] and one.get("execution_count") is None


def test_all_other_cells_stay_unchanged(made):
    for file in made.rglob("*.ipynb"):
        for name in ("title", "setup", "look", "task-kl", "progress"):
            after, before = cell(read(file), name), cell(small(), name)
            assert (after.source, after.metadata) == (before.source, before.metadata)


def test_each_check_is_a_locked_test_of_one_point(made):
    source = read(made, "source/01_small/01_small.ipynb")
    marks = {
        one.id: one.metadata.nbgrader for one in source.cells if "nbgrader" in one.metadata
    }
    kinds = {
        name: (m.solution, m.grade, m.locked, m.get("points")) for name, m in marks.items()
    }
    assert kinds == {
        f"{kind}-{name}": (kind == "stub", kind == "check", kind == "check", points)
        for name in ("kl", "width", "error")
        for kind, points in (("stub", None), ("check", 1))
    }
    assert all(mark.grade_id == name for name, mark in marks.items())


def test_the_same_notebook_gives_the_same_files_and_stays_unchanged(made, path):
    before = path.read_bytes()
    texts = handout.notebooks_for(path, made)
    assert path.read_bytes() == before
    assert len(texts) == 3
    for file, text in texts.items():
        assert file.read_text("utf-8") == text


def test_an_instructor_s_settings_are_kept_and_applied(path, tmp_path, no_deck):
    settings = tmp_path / "class" / "nbgrader_config.py"
    handout.main([str(path), "-o", str(settings.parent)])
    ours = settings.read_text("utf-8").replace('""}', '"# Here."}')
    settings.write_text(ours, "utf-8")
    handout.main([str(path), "-o", str(settings.parent)])
    assert settings.read_text("utf-8") == ours
    student = read(settings.parent, "student/01_small.ipynb")
    assert cell(student, "stub-width").source == "my_width = None\n# Here."


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_of_the_course_can_be_handed_out(path, tmp_path):
    handout.hand_out([path], tmp_path)
    student = read(tmp_path, "student", path.name)
    solved = read(tmp_path, "solution", path.name)
    source = read(tmp_path, "source", path.stem, path.name)
    text = "\n".join(one.source for one in student.cells)
    solution = "<summary>Solution</summary>"
    for hidden in (solution, "BEGIN SOLUTION", "HIDDEN TESTS", "result.status"):
        assert hidden not in text
    assert not any("solution" in one.metadata.get("tags", []) for one in student.cells)
    exercises = handout.exercises_of(read(path))
    for exercise in exercises:
        stub, check = exercise.stub.id, exercise.check.id
        assert cell(student, stub).source == f"{exercise.stub.source}\n"
        assert cell(student, check).source == exercise.check.source
        assert exercise.solution.id not in names(student)
        assert exercise.answer not in text
        assert not exercise.reason or exercise.reason not in text
        assert cell(solved, stub).source == exercise.answer
        assert exercise.answer in cell(source, stub).source
        assert cell(source, check).metadata.nbgrader.points == 1
    marked = [one.id for one in student.cells if "nbgrader" in one.metadata]
    assert len(marked) == 2 * len(exercises)


def imported(notebook):
    """The names that a notebook imports."""
    statements = [
        statement
        for one in notebook.cells
        if one.cell_type == "code"
        for statement in ast.parse(one.source).body
        if isinstance(statement, ast.Import | ast.ImportFrom)
    ]
    names = {}
    exec("\n".join(map(ast.unparse, statements)), names)
    return names


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_solutions_are_right(path):
    """With no more than the imports of their notebook."""
    notebook = read(path)
    for exercise in handout.exercises_of(notebook):
        names = imported(notebook)
        exec(exercise.answer, names)
        result = eval(exercise.check.source, names)
        assert result.status == "right", f"{exercise.solution.id}: {result.message}"


# --- notebooks that are refused -------------------------------------------------------


def change(name, source):
    return lambda notebook: cell(notebook, name).update(source=source)


def drop(*wanted):
    def corrupt(notebook):
        notebook.cells = [one for one in notebook.cells if one.id not in wanted]

    return corrupt


def twice(name):
    def corrupt(notebook):
        notebook.cells.append(NotebookNode(cell(notebook, name), id="again"))

    return corrupt


INCONSISTENT = {
    "the exercise 'kl' has no solution": drop("solution-kl"),
    "the exercise 'kl' has no check": drop("check-kl"),
    "the exercise 'kl' has no stub": drop("stub-kl"),
    "cells 'check-kl' and 'again' have the same tag, check, and name": twice("check-kl"),
    "cells 'stub-kl' and 'again' have the same tag": twice("stub-kl"),
    "cell 'stub-kl' must assign one my_…, not []": change("stub-kl", "kl = None"),
    "cell 'stub-kl' must assign one my_…, not ['my_a', 'my_b']": change(
        "stub-kl", "my_a, my_b = None, None"
    ),
    "cell 'solution-kl' must assign one my_…, not []": change(
        "solution-kl", solution("solution_kl = 1")
    ),
    "the exercise 'kl' has no solution with my_kl": change(
        "solution-kl", solution("my_lk = 1")
    ),
    "cell 'solution-kl' is not Python": change("solution-kl", solution("my_kl =")),
    "cell 'solution-kl' must have one block of code between the lines ```python and ```, "
    "not 0": change("solution-kl", "my_kl = 1"),
    "cell 'solution-kl' must have one block of code between the lines ```python and ```, "
    "not 2": change("solution-kl", 2 * solution("my_kl = 1")),
    "cell 'solution-kl', a solution, must be Markdown": lambda notebook: cell(
        notebook, "solution-kl"
    ).update(new_code_cell("my_kl = 1", id="solution-kl", metadata=tag("solution"))),
    "cell 'check-kl' must end with a check of one my_…": change("check-kl", "my_kl"),
    "cell 'check-kl' must end with": change("check-kl", "check_kl(my_kl, 1)"),
    "cell 'check-kl' must end": change("check-kl", "check_kl(kl)"),
    "cell 'stub-kl' is not Python": change("stub-kl", "%time my_kl = None"),
    "there is no exercise": drop(
        *(f"{kind}-{name}" for kind in ("stub", "check", "solution")
          for name in ("kl", "width", "error"))
    ),
}  # fmt: skip


@pytest.mark.parametrize("message", INCONSISTENT)
def test_inconsistent_exercise_cells_are_refused(message, path, tmp_path, no_deck):
    notebook = small()
    INCONSISTENT[message](notebook)
    inconsistent = tmp_path / "02_inconsistent.ipynb"
    nbformat.write(notebook, inconsistent)
    with pytest.raises(SystemExit) as ended:
        handout.main([str(path), str(inconsistent), "-o", str(tmp_path / "class")])
    assert str(ended.value).startswith(f"{inconsistent}: {message}")
    # Nothing was made of the other notebook either.
    assert not (tmp_path / "class").exists()


def test_two_notebooks_of_one_name_are_refused(path, capsys):
    with pytest.raises(SystemExit):
        handout.main([str(path), str(path)])
    assert "one assignment" in capsys.readouterr().err


def test_without_nbgrader_the_error_names_the_package(path, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nbgrader", None)
    with pytest.raises(SystemExit, match="pip install -r requirements.txt"):
        handout.main([str(path), "-o", str(tmp_path / "class")])


# --- notebooks of others --------------------------------------------------------------


def versions(path):
    """What a notebook becomes: version -> the sources of its cells, and the whole file."""
    handout.hand_out([path], path.parent / "class")
    texts = {}
    for kind in ("student", "solution", f"source/{path.stem}"):
        file = path.parent / "class" / kind / path.name
        cells = "\n".join(one.source for one in read(file).cells)
        texts[kind.partition("/")[0]] = cells + file.read_text("utf-8")
    return texts


@pytest.mark.parametrize("name", awkward.CASES)
def test_an_awkward_notebook_is_handed_out_right_or_refused_in_words(name, tmp_path):
    change, wanted = awkward.CASES[name]
    change(made := awkward.notebook())
    path = stored(made, tmp_path)
    if isinstance(wanted, str):
        with pytest.raises(handout.ToolError) as refusal:
            versions(path)
        assert str(refusal.value).startswith(str(path)) and wanted in str(refusal.value)
        assert list(tmp_path.iterdir()) == [path]
        return
    texts = versions(path)
    assert wanted.get("hidden", "Solution") not in texts["student"]
    for kind in wanted.keys() - {"hidden"}:
        assert wanted[kind] in texts[kind]
    handout.hand_out([path], tmp_path / "again")
    for file in (tmp_path / "class").rglob("*.ipynb"):
        again = tmp_path / "again" / file.relative_to(tmp_path / "class")
        assert again.read_bytes() == file.read_bytes()


def encoded(text):
    """A text as a notebook may store it."""
    zipped = b64encode(zlib.compress(text.encode())).decode()
    return [text, b64encode(text.encode()).decode(), zipped]


@pytest.mark.parametrize("text", encoded(awkward.SECRET), ids=["plain", "base64", "zipped"])
@pytest.mark.parametrize("place", awkward.PLACES)
def test_nothing_that_belongs_to_a_solution_reaches_the_students(place, text, tmp_path):
    awkward.PLACES[place](made := awkward.notebook(), text)
    path = stored(made, tmp_path)
    assert text in path.read_text("utf-8")
    handout.hand_out([path], tmp_path / "class")
    assert text not in (tmp_path / "class/student/hw.ipynb").read_text("utf-8")


def test_a_secret_in_a_stub_would_be_found(tmp_path):
    made = awkward.notebook()
    made["cells"][awkward.STUB]["source"] += f"  # {awkward.SECRET}"
    handout.hand_out([stored(made, tmp_path)], tmp_path)
    assert awkward.SECRET in (tmp_path / "student/hw.ipynb").read_text("utf-8")


@pytest.mark.parametrize("folder", ["student", "solution", "source/hw"])
def test_no_version_overwrites_its_notebook(folder, tmp_path):
    (tmp_path / folder).mkdir(parents=True)
    path = stored(awkward.notebook(), tmp_path / folder)
    before = path.read_bytes()
    with pytest.raises(handout.ToolError, match="would be overwritten"):
        handout.hand_out([path], tmp_path)
    assert path.read_bytes() == before
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


@pytest.mark.parametrize("name", ["a+b", "a*", "a[1]", "what?", " a", "a "])
def test_names_that_nbgrader_cannot_find_are_refused(name, tmp_path):
    path = Path(tmp_path, f"{name}.ipynb")
    nbformat.write(small(), path)
    with pytest.raises(handout.ToolError, match="nbgrader finds no assignment"):
        handout.hand_out([path], tmp_path / "class")


@pytest.mark.parametrize("other", ["HW", "hw", "hw.json"])
def test_names_that_some_systems_take_as_one_are_refused(other, tmp_path, capsys):
    with pytest.raises(SystemExit):
        handout.main([str(tmp_path / "hw.ipynb"), str(tmp_path / "b" / other)])
    assert "one assignment" in capsys.readouterr().err


@pytest.mark.parametrize(
    "settings, words",
    [
        ("c = (", "SyntaxError"),
        ("c.ClearSolutions.text_stub = 3", "TraitError"),
        ('c.ClearSolutions.begin_solution_delimeter = "X"', "is changed by the settings"),
        ('c.ClearHiddenTests.begin_test_delimeter = "X"', "is changed by the settings"),
        ('c.ClearSolutions.code_stub = {"R": ""}', "language 'python'"),
    ],
)
def test_settings_with_which_nbgrader_would_fail_are_named(settings, words, path, tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text(settings, "utf-8")
    with pytest.raises(handout.ToolError, match=words) as refusal:
        handout.hand_out([path], folder)
    assert str(path) in str(refusal.value)


def test_a_deck_that_fails_leaves_no_file(path, tmp_path, monkeypatch):
    def fail(path):
        raise handout.ToolError("no slide")

    monkeypatch.setattr(handout, "deck", fail)
    with pytest.raises(SystemExit, match="no slide"):
        handout.main([str(path), "-o", str(tmp_path / "class")])
    assert list(tmp_path.iterdir()) == [path]


def test_a_notebook_without_slides_gets_no_deck(tmp_path):
    path = stored(awkward.notebook(), tmp_path)
    handout.main([str(path), "-o", str(tmp_path / "class")])
    assert (tmp_path / "class/student/hw.ipynb").exists()
    assert not (tmp_path / "class/slides").exists()


def test_blanks_and_umlauts_in_names(tmp_path, no_deck, capsys):
    path = stored(awkward.notebook(), tmp_path / "Übung 1", "Blatt ä 1.ipynb")
    handout.main([str(path), "-o", str(tmp_path / "Klaße 1")])
    assert "Blatt ä 1.ipynb" in capsys.readouterr().out
    assert "my_kl = None" in (tmp_path / "Klaße 1/student/Blatt ä 1.ipynb").read_text(
        "utf-8"
    )


# --- run --------------------------------------------------------------------------------


def test_run_all_ends_and_every_check_shows_a_result(made):
    """Both versions in one kernel, whose start takes seconds; the second finds no names."""
    student = read(made, "student/01_small.ipynb")
    solved = read(made, "solution/01_small.ipynb")
    for one in solved.cells:
        one.id = f"solved-{one.id}"
    reset = new_code_cell("%reset -f")
    both = new_notebook(cells=[*student.cells, reset, *solved.cells])
    execute.run(both, made / "both.ipynb")
    for name in ("check-kl", "check-width", "check-error"):
        for place, answer in (name, "To do."), (f"solved-{name}", "Right."):
            assert answer in cell(both, place).outputs[0].data["text/plain"]
