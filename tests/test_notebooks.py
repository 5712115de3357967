"""Rules for every notebook in the folder, one function each.

A rule yields a message for each violation. A notebook that breaks it tests each rule.
"""

import ast
import copy
import json
import re
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from nbformat.v4.rwbase import rejoin_lines
from nbformat.validator import iter_validate
from reading_time import in_class, longest_wait, minutes, slides
from test_injected_errors import INJECTED, with_error

from tools import handout, new_notebook
from tools.execute import METADATA, WIDGET_VIEW
from tools.files import ToolError

SOLUTION = re.compile(
    r"<details>\n<summary>Solution</summary>\n\n```python\n.*\n```\n\n(.+\n\n)?</details>",
    re.DOTALL,
)
SOLUTIONER = Path(__file__).parents[1] / "notebooks"
PATHS = sorted(SOLUTIONER.glob("*.ipynb"))
SLIDES = {"slide", "subslide", "fragment", "skip"}  # no "notes": they have their own file
CLAIM = "nbval-check-output"
RULES = {}


def rule(function):
    RULES[function.__name__] = function
    return function


class Lesson:
    """A notebook with its cells by kind."""

    def __init__(self, path):
        self.path = path
        raw = json.loads(path.read_text("utf-8"))  # nbformat.read would repair it silently
        self.notebook = rejoin_lines(nbformat.from_dict(raw))
        self.cells = self.notebook.cells
        self.code = [cell for cell in self.cells if cell.cell_type == "code"]
        self.markdown = [cell for cell in self.cells if cell.cell_type == "markdown"]
        self.outputs = [(cell, output) for cell in self.code for output in cell.outputs]

    def tagged(self, tag):
        return [cell for cell in self.cells if tag in cell.metadata.get("tags", [])]

    def named(self, name):
        return [cell for cell in self.cells if re.fullmatch(rf"{name}(-.*)?", cell.id)]


def slide(cell):
    return cell.metadata.get("slideshow", {}).get("slide_type")


def text(cell):
    """The text outputs of a code cell."""
    parts = [
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for output in cell.outputs
    ]
    return "\n".join(parts)


def nodes(cell, kind):
    return [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, kind)]


def calls(cell, name):
    """Whether the cell calls a function whose name matches the pattern."""
    functions = [call.func for call in nodes(cell, ast.Call)]
    names = [getattr(f, "id", None) or getattr(f, "attr", "") for f in functions]
    return any(re.fullmatch(name, called) for called in names)


def items(cell):
    """The points of a list in Markdown."""
    return re.findall(r"^(?:\d+\.|[-*]) ", cell.source, re.MULTILINE)


def headings(cell):
    prose = re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL)
    return re.findall(r"^# .*", prose, re.MULTILINE)


# --- stored as one complete run -------------------------------------------------------


@rule
def it_is_a_valid_notebook(lesson):
    yield from iter_validate(lesson.notebook)


@rule
def it_is_stored_as_one_run(lesson):
    counts = [cell.execution_count for cell in lesson.code]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts {counts}"


@rule
def it_has_the_metadata_that_jupyterlab_saves(lesson):
    """So that git sees no change when a notebook is opened and saved."""
    if lesson.notebook.metadata != METADATA:
        yield f"{lesson.notebook.metadata}"


@rule
def it_is_written_as_jupyterlab_writes_it(lesson):
    stored = lesson.path.read_text("utf-8")
    if stored != nbformat.writes(nbformat.reads(stored, as_version=4)) + "\n":
        yield "another order or indentation than nbformat's"


@rule
def nothing_stored_needs_a_kernel(lesson):
    for cell, output in lesson.outputs:
        if any("widget-view" in kind for kind in output.get("data", {})):
            yield f"a widget's view at {cell.id}"


@rule
def no_output_is_an_error_or_a_warning(lesson):
    for cell, output in lesson.outputs:
        if output.output_type == "error" or output.get("name") == "stderr":
            yield cell.id


@rule
def no_path_of_a_machine_is_stored(lesson):
    pattern = r"(?<![\w.~])/(home|Users|root|tmp|usr|opt|work|mnt|var)/|\b[A-Z]:\\"
    for cell in lesson.cells:
        shown = [
            str(value)
            for output in cell.get("outputs", [])
            for value in [output.get("text"), *output.get("data", {}).values()]
        ]
        if any(re.search(pattern, part) for part in [cell.source, *shown]):
            yield cell.id


@rule
def it_is_small_enough_to_clone(lesson):
    # a picture is in it twice: as PNG, and in HTML with its alternative
    size = lesson.path.stat().st_size
    if size >= 1_200_000:
        yield f"{size // 1000} kB"


# --- claims ---------------------------------------------------------------------------


@rule
def it_claims_something(lesson):
    if not lesson.tagged(CLAIM):
        yield f"no cell is tagged {CLAIM}"


@rule
def a_claim_is_a_sentence_with_measurements_that_holds(lesson):
    """nbval compares the sentence; it does not fail for a cell without stored output."""
    for cell in lesson.tagged(CLAIM):
        call = ast.parse(cell.source).body[-1]
        match call:
            case ast.Expr(ast.Call(ast.Name("claim"), [ast.Constant(sentence), *values])):
                if text(cell) != f"{sentence}\n":
                    yield f"{cell.id} has stored {text(cell)!r}"
                measured = [v for v in values if isinstance(v, ast.Tuple | ast.Starred)]
                if not measured or len(measured) < len(values):
                    yield f"{cell.id} has a measurement of another form, or none"
                for value in measured:
                    if isinstance(getattr(value, "elts", [0, 0])[1], ast.Constant):
                        yield f"{cell.id} compares a number that was not measured"
            case _:
                yield f"{cell.id} does not end with claim(sentence, measurement, …)"
    for cell in lesson.code:
        if nodes(cell, ast.Assert):
            yield f"{cell.id} asserts: a claim lets the notebook go on"
        if calls(cell, "claim") and cell not in lesson.tagged(CLAIM):
            yield f"{cell.id} is not tagged {CLAIM}"


def literals(cell):
    """The capitals and constants that a cell assigns, alone or in tuples, as written."""
    found = {}
    for node in nodes(cell, ast.Assign):
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = zip(target.elts, node.value.elts)
            found |= {
                name.id: ast.unparse(value)
                for part, value in pairs
                for name in ast.walk(part)
                if isinstance(name, ast.Name) and name.id != "DEVICE"
                if name.id.isupper() or isinstance(value, ast.Constant)
            }
    return found


@rule
def claims_name_the_settings_of_the_course(lesson):
    """So that a claim that does not hold can say which of them differ."""
    knobs = {
        k: v for cell in lesson.named("setup-knobs") for k, v in literals(cell).items()
    }
    named = {
        keyword.arg: ast.unparse(keyword.value)
        for cell in lesson.code
        for call in nodes(cell, ast.Call)
        if getattr(call.func, "id", "") == "claims_with"
        for keyword in call.keywords
    }
    if knobs != named:
        yield f"claims_with has {named}, the cell setup-knobs {knobs}"


# --- cells ----------------------------------------------------------------------------


@rule
def cells_have_unique_names(lesson):
    ids = [cell.id for cell in lesson.cells]
    for name in ids:
        if ids.count(name) > 1 or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            yield name


def only_imports(cell):
    return all(
        isinstance(statement, ast.Import | ast.ImportFrom)
        for statement in ast.parse(cell.source).body
    )


@rule
def code_fits_on_a_slide(lesson):
    for cell in lesson.code:
        lines = len(cell.source.splitlines())
        if not lines or (lines > 12 and not only_imports(cell)):  # which is on no slide
            yield f"{cell.id} has {lines} lines"


@rule
def every_cell_has_its_place_on_the_slides(lesson):
    for cell in lesson.cells:
        if slide(cell) not in SLIDES:
            yield f"{cell.id} is on {slide(cell)}"


@rule
def imports_stand_folded_in_the_setup(lesson):
    for cell in lesson.named("setup"):
        hidden = cell.metadata.get("jupyter", {}).get("source_hidden") is True
        if only_imports(cell) and not hidden:
            yield f"{cell.id} is not folded"
    for cell in lesson.code:
        if nodes(cell, ast.Import | ast.ImportFrom) and cell not in lesson.named("setup"):
            yield cell.id


@rule
def code_is_plain_python_and_draws_through_the_package(lesson):
    for cell in lesson.code:
        found = re.search(r"^\s*[%!]|\bplt\b|pyplot|get_ipython", cell.source, re.MULTILINE)
        if found and cell.id != "setup-install":  # it installs by a magic
            yield cell.id


@rule
def the_first_code_installs_the_course_where_it_is_missing(lesson):
    [source] = [cell[3] for cell in new_notebook.CELLS if cell[0] == "setup-install"]
    if lesson.code[0].id != "setup-install" or lesson.code[0].source != source.format():
        yield lesson.code[0].id


# --- structure ------------------------------------------------------------------------


@rule
def it_begins_with_title_goals_setup_and_ends_with_summary_sources(lesson):
    ids = [cell.id for cell in lesson.cells if cell not in lesson.tagged("progress")]
    setup = [cell.id for cell in lesson.named("setup")]
    first, last = ["title", "goals", *setup], ["summary", "sources"]
    if not setup or ids[: len(first)] != first or ids[-2:] != last:
        yield f"{ids[: len(first) + 1]} … {ids[-2:]}"


@rule
def the_title_is_its_number_and_the_only_one(lesson):
    found = [title for cell in lesson.markdown for title in headings(cell)]
    number = int(lesson.path.name[:2])
    if len(found) != 1 or not re.match(rf"# {number} · \S", lesson.cells[0].source):
        yield f"{found}"


@rule
def it_links_the_adjacent_notebooks_and_no_missing_one(lesson):
    folder = sorted(path.name for path in lesson.path.parent.glob("*.ipynb"))
    here = folder.index(lesson.path.name)
    adjacent = {*folder[max(0, here - 1) : here], *folder[here + 1 : here + 2]}

    def links(cells):
        return {
            link for c in cells for link in re.findall(r"\]\(([^)]*\.ipynb)\)", c.source)
        }

    for missing in adjacent - links(lesson.cells[:1]):
        yield f"the title does not link {missing}"
    for missing in {*folder[here + 1 : here + 2]} - links(lesson.cells[-2:]):
        yield f"the end does not link {missing}"
    for broken in links(lesson.markdown) - set(folder):
        yield f"{broken} does not exist"


@rule
def the_summary_answers_every_goal(lesson):
    goals, summary = (
        [len(items(cell)) for cell in lesson.cells if cell.id == name]
        for name in ("goals", "summary")
    )
    if goals != summary or not all(3 <= count <= 5 for count in goals):
        yield f"{goals} goals, {summary} answers"


@rule
def the_seed_is_set_before_random_numbers_are_drawn(lesson):
    seeded = False
    for cell in lesson.code:
        seeded = seeded or calls(cell, "manual_seed")
        if not seeded and calls(
            cell, "fit|training_epochs|.*Autoencoder|VAE|rand.*|sample_.*"
        ):
            yield f"{cell.id} comes before any torch.manual_seed"
    if not seeded:
        yield "no torch.manual_seed"


@rule
def every_prediction_is_typed_and_answered(lesson):
    asked = [cell for cell in lesson.markdown if "**Predict" in cell.source]
    guesses = lesson.tagged("guess")
    if not guesses or len(asked) != len(guesses):
        yield f"{len(asked)} predictions are asked for, {len(guesses)} can be typed"
    for cell in guesses:
        match ast.parse(cell.source).body:
            case [ast.Assign([ast.Name(name)], ast.Constant(None))] if "#" in cell.source:
                later = lesson.cells[lesson.cells.index(cell) :]
                call = rf"^answer\(\s*{name}\b"
                found = [c for c in later if re.search(call, c.source, re.MULTILINE)]
                if len(found) != 1 or "Measured: " not in text(found[0]):
                    yield f"{cell.id} is not answered by a number below it"
                before = lesson.cells[: lesson.cells.index(cell)]
                above = [c.source for c in before if c.cell_type == "markdown"]
                if "**Predict" not in above[-1]:
                    yield f"{cell.id} does not follow its prediction"
            case _:
                yield f"{cell.id} is not of the form guess_x = None  # what may be guessed"


@rule
def it_is_as_long_as_a_lesson(lesson):
    if slides(lesson.cells) > 35:
        yield f"{slides(lesson.cells)} slides"
    if minutes(lesson.cells) > 45:
        yield f"{minutes(lesson.cells):.0f} minutes to read"
    wait, end = longest_wait(lesson.cells)
    if wait > 5:
        yield f"{wait:.1f} minutes without anything to do before {end}"


@rule
def the_title_states_minutes_and_prerequisites(lesson):
    title = " ".join(lesson.cells[0].source.split())
    found = re.search(r"About (\d+) minutes to read, (\d+) in class · needs: \S", title)
    if not found:
        yield title
        return
    for stated, measured in zip(
        map(int, found.groups()),
        (minutes(lesson.cells), in_class(lesson.cells)),
        strict=True,
    ):
        if stated % 5 or abs(stated - measured) > 5:
            yield f"it states {stated} minutes, measured are {measured:.0f}"


@rule
def it_has_a_formula_its_source_and_a_prediction(lesson):
    if not any("$$" in cell.source for cell in lesson.markdown):
        yield "no formula"
    if not any(calls(cell, "show_source") for cell in lesson.code):
        yield "no source of the package"
    if not any("Predict" in cell.source for cell in lesson.markdown):
        yield "nothing to predict"


@rule
def a_widget_is_one_line_with_a_static_picture(lesson):
    if not lesson.tagged("widget"):
        yield "no widget"
    for cell in lesson.tagged("widget"):
        if len(cell.source.splitlines()) != 1:
            yield f"{cell.id} is longer than a line"
        if not any("image/png" in output.get("data", {}) for output in cell.outputs):
            yield f"{cell.id} has no picture"


@rule
def exercises_have_task_stub_check_and_folded_solution(lesson):
    exercise, checks = lesson.tagged("exercise"), lesson.tagged("check")
    if not any(cell.cell_type == "markdown" for cell in exercise):
        yield "no task"
    stubs = [cell for cell in exercise if cell.cell_type == "code"]
    if not stubs or not checks or not lesson.tagged("solution"):
        yield "stub, check or solution is missing"
    for cell in stubs:
        values = [node.value for node in nodes(cell, ast.Assign)]
        none = [v for v in values if isinstance(v, ast.Constant) and v.value is None]
        if "raise NotImplementedError" not in cell.source and not none:
            yield f"{cell.id} is no stub"
    for cell in checks:
        if not calls(cell, "check_.*") or "To do" not in text(cell):
            yield f"{cell.id} does not show that something is to do"
    for cell in lesson.tagged("solution"):
        if not SOLUTION.fullmatch(cell.source):
            yield f"{cell.id} is not folded: it must have the form {SOLUTION.pattern}"
    for cell in [*exercise, *checks, *lesson.tagged("solution")]:
        if slide(cell) != "skip":
            yield f"{cell.id} is on a slide"


@rule
def exercises_can_be_handed_out(lesson):
    """Stub and solution bind the same my_x, which goes through the check between them."""
    try:
        exercises = handout.exercises_of(lesson.notebook)
    except ToolError as error:
        yield str(error)
        return
    for exercise in exercises:
        check, solution = map(lesson.cells.index, (exercise.check, exercise.solution))
        if solution != check + 1:
            yield f"{exercise.solution.id} is not directly below its check"


@rule
def it_ends_with_the_progress(lesson):
    cells = lesson.tagged("progress")
    if cells != lesson.code[-1:]:
        yield "its last code cell is not the one that is tagged progress"
    for cell in cells:
        if not calls(cell, "progress") or "To do" not in text(cell):
            yield f"{cell.id} does not show the progress before any exercise"
        shown = {name.id for name in nodes(cell, ast.Name)}
        for check in lesson.tagged("check"):
            missing = {name.id for name in nodes(check, ast.Name)} - shown
            yield from (f"{cell.id} leaves {name} out" for name in sorted(missing))
        if slide(cell) != "skip":
            yield f"{cell.id} is on a slide"


# --- the notebooks of the course ------------------------------------------------------

lesson_at = cache(Lesson)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
@pytest.mark.parametrize("check", RULES.values(), ids=RULES)
def test_notebook(path, check):
    assert not (found := list(check(lesson_at(path)))), "\n".join(map(str, found))


def test_notebooks_are_numbered_without_a_gap():
    assert PATHS
    first = int(PATHS[0].name[:2])
    assert [int(path.name[:2]) for path in PATHS] == list(range(first, first + len(PATHS)))


@pytest.mark.parametrize("row", INJECTED, ids=[row[0] for row in INJECTED])
def test_the_error_to_be_injected_can_be_injected(row, tmp_path):
    """The suite that injects it is not part of the full test."""
    assert with_error(*row, tmp_path / "changed")


# --- notebooks that break the rules -----------------------------------------------------


def names_of(cell):
    """The names by which ``find`` finds a cell: its id, its slide type, its tags."""
    return [cell.id, slide(cell), *cell.metadata.get("tags", [])]


def find(notebook, wanted):
    return next(cell for cell in notebook.cells if wanted in names_of(cell))


def change(wanted, **fields):
    return lambda notebook: find(notebook, wanted).update(fields)


def change_metadata(wanted, **fields):
    return lambda notebook: find(notebook, wanted).metadata.update(fields)


def add_output(wanted, kind, **fields):
    return lambda notebook: find(notebook, wanted).outputs.append(
        new_output(kind, **fields)
    )


def drop(wanted):
    return lambda notebook: notebook.update(
        cells=[cell for cell in notebook.cells if wanted not in names_of(cell)]
    )


def replace_everywhere(old, new):
    def corrupt(notebook):
        for cell in notebook.cells:
            cell.source = cell.source.replace(old, new)

    return corrupt


BREAKS = [
    (it_is_a_valid_notebook, change("summary", cell_type="text")),
    (it_is_stored_as_one_run, change("progress", execution_count=None)),
    (
        it_has_the_metadata_that_jupyterlab_saves,
        lambda notebook: notebook.metadata.update(widgets={}),
    ),
    (it_is_written_as_jupyterlab_writes_it, lambda notebook: None),  # has no indentation
    (
        nothing_stored_needs_a_kernel,
        add_output("widget", "display_data", data={WIDGET_VIEW: {}}),
    ),
    (
        no_output_is_an_error_or_a_warning,
        add_output(CLAIM, "stream", name="stderr", text="warning"),
    ),
    (no_path_of_a_machine_is_stored, add_output(CLAIM, "stream", text="in /home/me/x.py")),
    (no_path_of_a_machine_is_stored, change("summary", source="see C:\\Users\\me")),
    (it_is_small_enough_to_clone, change("summary", source="x" * 1_200_000)),
    (it_claims_something, drop(CLAIM)),
    (a_claim_is_a_sentence_with_measurements_that_holds, change(CLAIM, outputs=[])),
    (
        a_claim_is_a_sentence_with_measurements_that_holds,
        change(CLAIM, source='claim("Without a measurement.")'),
    ),
    (
        a_claim_is_a_sentence_with_measurements_that_holds,
        change(CLAIM, source='claim("Nothing is measured.", ("one", 1, "<", 2))'),
    ),
    (a_claim_is_a_sentence_with_measurements_that_holds, change_metadata(CLAIM, tags=[])),
    (
        a_claim_is_a_sentence_with_measurements_that_holds,
        change("progress", source="assert True"),
    ),
    (
        claims_name_the_settings_of_the_course,
        change("setup-knobs", source="EPOCHS = 123456"),
    ),
    (
        claims_name_the_settings_of_the_course,
        replace_everywhere("torch.manual_seed(0)", "WIDTH, DEPTH = 1, 2"),
    ),
    (cells_have_unique_names, change("summary", id="goals")),
    (code_fits_on_a_slide, change(CLAIM, source="1\n" * 13)),
    (every_cell_has_its_place_on_the_slides, change_metadata("goals", slideshow={})),
    (
        every_cell_has_its_place_on_the_slides,
        change_metadata("goals", slideshow={"slide_type": "notes"}),
    ),
    (imports_stand_folded_in_the_setup, change_metadata("setup", jupyter={})),
    (imports_stand_folded_in_the_setup, change(CLAIM, source="def f():\n    import math")),
    (
        code_is_plain_python_and_draws_through_the_package,
        change(CLAIM, source="plt.show()"),
    ),
    (
        the_first_code_installs_the_course_where_it_is_missing,
        change("setup-install", source="import os"),
    ),
    (it_begins_with_title_goals_setup_and_ends_with_summary_sources, drop("goals")),
    (the_title_is_its_number_and_the_only_one, change("goals", source="# Goals")),
    (it_links_the_adjacent_notebooks_and_no_missing_one, change("title", source="")),
    (
        it_links_the_adjacent_notebooks_and_no_missing_one,
        change("goals", source="[gone](99_gone.ipynb)"),
    ),
    (the_summary_answers_every_goal, change("summary", source="1. a\n2. b")),
    (
        the_seed_is_set_before_random_numbers_are_drawn,
        lambda notebook: notebook.cells.insert(0, new_code_cell("x = torch.randn(3)")),
    ),
    (every_prediction_is_typed_and_answered, drop("guess")),
    (every_prediction_is_typed_and_answered, change("guess", source="guess_x = 0")),
    (every_prediction_is_typed_and_answered, change("guess", source="x = None  # x")),
    (
        it_is_as_long_as_a_lesson,
        lambda notebook: notebook.cells.extend(
            new_markdown_cell(metadata={"slideshow": {"slide_type": "slide"}})
            for _ in range(36)
        ),
    ),
    (it_is_as_long_as_a_lesson, change("summary", source="word " * 130 * 6)),
    (the_title_states_minutes_and_prerequisites, change("title", source="# 1 · Title")),
    (it_has_a_formula_its_source_and_a_prediction, replace_everywhere("$$", "$")),
    (it_has_a_formula_its_source_and_a_prediction, replace_everywhere("show_source", "f")),
    (it_has_a_formula_its_source_and_a_prediction, replace_everywhere("Predict", "See")),
    (a_widget_is_one_line_with_a_static_picture, change("widget", outputs=[])),
    (exercises_have_task_stub_check_and_folded_solution, change("check", outputs=[])),
    (
        exercises_have_task_stub_check_and_folded_solution,
        replace_everywhere("<summary>Solution</summary>", ""),
    ),
    (exercises_can_be_handed_out, drop("solution")),
    (
        exercises_can_be_handed_out,
        lambda notebook: notebook.cells.append(
            notebook.cells.pop(notebook.cells.index(find(notebook, "solution")))
        ),
    ),
    (it_ends_with_the_progress, drop("progress")),
    (it_ends_with_the_progress, change("progress", source="progress({})")),
]


@pytest.mark.parametrize(
    "check, break_rule",
    BREAKS,
    ids=[f"{check.__name__}-{number}" for number, (check, _) in enumerate(BREAKS)],
)
def test_a_rule_can_be_broken(check, break_rule, tmp_path):
    for path in PATHS[:3]:
        (tmp_path / path.name).touch()  # the adjacent notebooks
    path = tmp_path / PATHS[1].name
    notebook = copy.deepcopy(lesson_at(PATHS[1]).notebook)
    break_rule(notebook)
    path.write_text(json.dumps(notebook), "utf-8")
    assert list(check(Lesson(path)))


def test_every_rule_has_a_notebook_that_breaks_it():
    assert {check for check, _ in BREAKS} == set(RULES.values())
