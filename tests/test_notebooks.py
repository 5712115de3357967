"""The anatomy of a notebook, one rule a function, for every notebook in the folder.

A rule yields what it finds wrong, in words. At the end each rule is shown a notebook that
breaks it, so that none of them is a rule that nothing can break.
"""

import ast
import json
import re
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbformat.v4.rwbase import rejoin_lines
from nbformat.validator import iter_validate

from tools import handout
from tools.files import ToolError

FOLDER = Path(__file__).parents[1] / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
SLIDES = {"slide", "subslide", "fragment", "notes", "skip"}
CLAIM = "nbval-check-output"
RULES = {}


def rule(function):
    RULES[function.__name__] = function
    return function


class Lesson:
    """A notebook as the rules see it."""

    def __init__(self, path):
        self.path = path
        raw = json.loads(path.read_text("utf-8"))  # nbformat.read would mend it in silence
        self.notebook = rejoin_lines(nbformat.from_dict(raw))
        self.cells = self.notebook.cells
        self.code = [cell for cell in self.cells if cell.cell_type == "code"]
        self.markdown = [cell for cell in self.cells if cell.cell_type == "markdown"]
        self.outputs = [(cell, output) for cell in self.code for output in cell.outputs]

    def tagged(self, tag):
        return [cell for cell in self.cells if tag in cell.metadata.get("tags", [])]

    def on(self, slide_type):
        return [cell for cell in self.cells if slide(cell) == slide_type]

    def named(self, name):
        return [cell for cell in self.cells if re.fullmatch(rf"{name}(-.*)?", cell.id)]


def slide(cell):
    return cell.metadata.get("slideshow", {}).get("slide_type")


def folded(cell):
    return cell.metadata.get("jupyter", {}).get("source_hidden") is True


def text(cell):
    """What a code cell has printed, or shown as text."""
    parts = [output.get("text") or output.get("data", {}).get("text/plain", "")
             for output in cell.outputs]  # fmt: skip
    return "\n".join(parts)


def nodes(cell, kind):
    return [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, kind)]


def calls(cell, name):
    """Does the cell call a function of that name (a pattern)?"""
    functions = [call.func for call in nodes(cell, ast.Call)]
    names = [getattr(f, "id", None) or getattr(f, "attr", "") for f in functions]
    return any(re.fullmatch(name, found) for found in names)


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
def nothing_stored_needs_a_kernel(lesson):
    if "widgets" in lesson.notebook.metadata:
        yield "the state of widgets"
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
    size = lesson.path.stat().st_size
    if size >= 700_000:
        yield f"{size // 1000} kB"


# --- claims ---------------------------------------------------------------------------


@rule
def it_claims_something(lesson):
    if not lesson.tagged(CLAIM):
        yield f"no cell is tagged {CLAIM}"


@rule
def a_claim_is_asserted_printed_and_stored(lesson):
    """A tagged cell without stored output would pass nbval's comparison in silence."""
    for cell in lesson.tagged(CLAIM):
        if not nodes(cell, ast.Assert) and not calls(cell, "assert_.*"):
            yield f"{cell.id} asserts nothing"
        if not calls(cell, "print"):
            yield f"{cell.id} prints nothing"
        if not text(cell).strip():
            yield f"{cell.id} has no stored text"


# --- cells ----------------------------------------------------------------------------


@rule
def cells_have_names_of_their_own(lesson):
    ids = [cell.id for cell in lesson.cells]
    for name in ids:
        if ids.count(name) > 1 or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            yield name


@rule
def code_fits_on_a_slide(lesson):
    for cell in lesson.code:
        if not 1 <= len(cell.source.splitlines()) <= 12:
            yield f"{cell.id} has {len(cell.source.splitlines())} lines"


@rule
def every_cell_has_its_place_on_the_slides(lesson):
    for cell in lesson.cells:
        if slide(cell) not in SLIDES:
            yield f"{cell.id} is on {slide(cell)}"


@rule
def imports_stand_in_the_setup(lesson):
    for cell in lesson.code:
        if nodes(cell, ast.Import | ast.ImportFrom) and cell not in lesson.named("setup"):
            yield cell.id


@rule
def code_is_plain_python_and_draws_through_the_package(lesson):
    for cell in lesson.code:
        if re.search(r"^\s*[%!]|\bplt\b|pyplot|get_ipython", cell.source, re.MULTILINE):
            yield cell.id


# --- anatomy --------------------------------------------------------------------------


@rule
def it_begins_with_title_goals_setup_and_ends_with_summary_sources(lesson):
    apart = [*lesson.on("notes"), *lesson.tagged("progress")]
    ids = [cell.id for cell in lesson.cells if cell not in apart]
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
def it_links_its_neighbors_and_no_notebook_that_is_not_there(lesson):
    folder = sorted(path.name for path in lesson.path.parent.glob("*.ipynb"))
    here = folder.index(lesson.path.name)
    neighbors = {*folder[max(0, here - 1) : here], *folder[here + 1 : here + 2]}

    def links(cells):
        return {
            link for c in cells for link in re.findall(r"\]\(([^)]*\.ipynb)\)", c.source)
        }

    for missing in neighbors - links(lesson.cells[:1]):
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
def the_seed_is_set_before_chance_comes_in(lesson):
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
def it_has_a_formula_its_source_a_prediction_and_notes(lesson):
    if not any("$$" in cell.source for cell in lesson.markdown):
        yield "no formula"
    if not any(calls(cell, "show_source") for cell in lesson.code):
        yield "no source of the package"
    if not any("Predict" in cell.source for cell in lesson.markdown):
        yield "nothing to predict"
    if not lesson.on("notes"):
        yield "no speaker note"


@rule
def speaker_notes_are_folded_prose(lesson):
    for cell in lesson.on("notes"):
        if cell.cell_type != "markdown" or not folded(cell):
            yield cell.id


@rule
def a_widget_is_one_line_with_a_picture_to_stand_in(lesson):
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
        if not folded(cell):
            yield f"{cell.id} gives the solution away"
    for cell in [*exercise, *checks, *lesson.tagged("solution")]:
        if slide(cell) != "skip":
            yield f"{cell.id} is on a slide"


@rule
def exercises_can_be_handed_out(lesson):
    """The stub binds my_x, the solution solution_x, and both go through one check."""
    try:
        handout.exercises_of(lesson.notebook)
    except ToolError as error:
        yield str(error)


@rule
def it_ends_with_the_progress(lesson):
    cells = lesson.tagged("progress")
    if cells != lesson.code[-1:]:
        yield "its last code cell is not the one that is tagged progress"
    for cell in cells:
        if not calls(cell, "progress") or "To do" not in text(cell):
            yield f"{cell.id} does not show the progress of who has done nothing"
        asked = {name.id for name in nodes(cell, ast.Name)}
        for check in lesson.tagged("check"):
            missing = {name.id for name in nodes(check, ast.Name)} - asked
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


# --- the rules themselves -------------------------------------------------------------


def markdown(name, source, kind="slide", **metadata):
    slideshow = {"slide_type": kind}
    return new_markdown_cell(source, id=name, metadata={"slideshow": slideshow, **metadata})


def code(name, source, kind="skip", outputs=(), **metadata):
    slideshow = {"slide_type": kind}
    return new_code_cell(
        source,
        id=name,
        outputs=list(outputs),
        metadata={"slideshow": slideshow, **metadata},
    )


def printed(words):
    return new_output("stream", name="stdout", text=words)


def shown(**data):
    return new_output("display_data", data=data)


FOLDED = {"jupyter": {"source_hidden": True}}
SOLUTION = "solution_f = objectives.f\nshow_source(solution_f)\ncheck_f(solution_f)"


def exemplary():
    cells = [
        markdown("title", "# 2 · Two\n[one](01_one.ipynb) [three](03_three.ipynb)"),
        markdown("goals", "1. say a\n2. say b\n3. say c"),
        code("setup-imports", "import torch"),
        code("setup", "torch.manual_seed(0)"),
        markdown("formula", "$$x = x$$\n```python\n# a comment, no title\n```"),
        code("source", "show_source(objectives.ae_loss)", "fragment"),
        markdown("predict", "**Predict.**", "fragment"),
        markdown("note", "**Speaker note.**", "notes", **FOLDED),
        code(
            "claim",
            'assert True\nprint("So.")',
            "fragment",
            [printed("So.\n")],
            tags=[CLAIM],
        ),
        code(
            "walk", "LatentWalk()", "slide", [shown(**{"image/png": ""})], tags=["widget"]
        ),
        markdown("task", "Write it.", "skip", tags=["exercise"]),
        code("stub", "def my_f(x):\n    raise NotImplementedError", tags=["exercise"]),
        code(
            "check",
            "check_f(my_f)",
            outputs=[shown(**{"text/plain": "To do."})],
            tags=["check"],
        ),
        code("solution", SOLUTION, tags=["solution"], **FOLDED),
        markdown("task-value", "Guess.", "skip", tags=["exercise"]),
        code("stub-value", "my_value = None", tags=["exercise"]),
        code(
            "check-value",
            "check_value(my_value)",
            outputs=[shown(**{"text/plain": "To do."})],
            tags=["check"],
        ),
        code(
            "solution-value",
            "solution_value = 3\ncheck_value(solution_value)",
            tags=["solution"],
            **FOLDED,
        ),
        markdown("summary", "1. a\n2. b\n3. c"),
        code(
            "progress",
            "progress({check_f: my_f, check_value: my_value})",
            outputs=[shown(**{"text/plain": "To do. 0 of 2"})],
            tags=["progress"],
        ),
        markdown("sources", "Next: [three](03_three.ipynb)"),
    ]
    count = 0
    for cell in cells:
        if cell.cell_type == "code":
            cell.execution_count = count = count + 1
    return new_notebook(cells=cells)


def change(name, **fields):
    """Give the named cell other fields."""
    return lambda notebook: next(c for c in notebook.cells if c.id == name).update(fields)


def retag(name, tags):
    return lambda notebook: next(
        cell for cell in notebook.cells if cell.id == name
    ).metadata.update(tags=tags)


def without_metadata(name, key):
    return lambda notebook: next(
        cell for cell in notebook.cells if cell.id == name
    ).metadata.pop(key)


def drop(*names):
    return lambda notebook: notebook.update(
        cells=[cell for cell in notebook.cells if cell.id not in names]
    )


VIEW = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
BREAKS = {
    it_is_a_valid_notebook: [
        change("claim", execution_count="1"),
        change("note", cell_type="text"),
    ],
    it_is_stored_as_one_run: [
        change("claim", execution_count=9),
        change("claim", execution_count=None),
        drop("source"),
    ],
    nothing_stored_needs_a_kernel: [
        lambda notebook: notebook.metadata.update(widgets={}),
        change("walk", outputs=[shown(**VIEW)]),
    ],
    no_output_is_an_error_or_a_warning: [
        change("source", outputs=[new_output("error", ename="E", evalue="", traceback=[])]),
        change("source", outputs=[new_output("stream", name="stderr", text="Warning")]),
    ],
    no_path_of_a_machine_is_stored: [
        change("source", source="open('/home/me/x')"),
        change("source", outputs=[printed("in /home/me/x.py")]),
        change("source", outputs=[shown(**{"text/plain": r"C:\Users\me"})]),
        change("summary", source="see /Users/me/x"),
    ],
    it_is_small_enough_to_clone: [change("walk", outputs=[printed("x" * 700_000)])],
    it_claims_something: [retag("claim", [])],
    a_claim_is_asserted_printed_and_stored: [
        change("claim", outputs=[]),
        change("claim", outputs=[printed("\n")]),
        change("claim", outputs=[shown(**{"image/png": ""})]),
        change("claim", source='print("So, without an assert.")'),
        change("claim", source='assert True, "print()"'),
    ],
    cells_have_names_of_their_own: [
        change("note", id="formula"),
        change("note", id="Note_1"),
    ],
    code_fits_on_a_slide: [
        change("source", source="1\n" * 13),
        change("source", source=""),
    ],
    every_cell_has_its_place_on_the_slides: [
        without_metadata("formula", "slideshow"),
        lambda notebook: notebook.cells[4].metadata.slideshow.update(slide_type="-"),
    ],
    imports_stand_in_the_setup: [
        change("source", source="import math"),
        change("stub", source="def f():\n    from math import pi"),
    ],
    code_is_plain_python_and_draws_through_the_package: [
        change("source", source="%matplotlib inline"),
        change("source", source="!pip install x"),
        change("source", source="plt.show()"),
    ],
    it_begins_with_title_goals_setup_and_ends_with_summary_sources: [
        drop("goals"),
        drop("summary"),
        lambda notebook: notebook.cells.insert(3, notebook.cells.pop(5)),
        lambda notebook: notebook.cells.reverse(),
    ],
    the_title_is_its_number_and_the_only_one: [
        change("title", source="# 3 · Two"),
        change("title", source="## 2 · Two"),
        change("formula", source="# Another title"),
    ],
    it_links_its_neighbors_and_no_notebook_that_is_not_there: [
        change("title", source="# 2 · Two\n[one](01_one.ipynb)"),
        change("title", source="# 2 · Two\n[three](03_three.ipynb)"),
        change("sources", source="The end."),
        change("formula", source="[gone](04_gone.ipynb)"),
    ],
    the_summary_answers_every_goal: [
        change("summary", source="1. a\n2. b"),
        change("goals", source="To learn."),
    ],
    the_seed_is_set_before_chance_comes_in: [
        change("setup", source="1"),
        change("setup-imports", source="import torch\nx = torch.randn(3)"),
        change("setup-imports", source="model = models.Autoencoder(784, 2)"),
    ],
    it_has_a_formula_its_source_a_prediction_and_notes: [
        change("formula", source="x is x"),
        lambda notebook: [
            change(name, source="1")(notebook) for name in ("source", "solution")
        ],
        change("predict", source="Look."),
        drop("note"),
    ],
    speaker_notes_are_folded_prose: [without_metadata("note", "jupyter")],
    a_widget_is_one_line_with_a_picture_to_stand_in: [
        retag("walk", []),
        change("walk", source="x = 1\nLatentWalk(x)"),
        change("walk", outputs=[]),
    ],
    exercises_have_task_stub_check_and_folded_solution: [
        drop("task", "task-value"),
        drop("stub", "stub-value"),
        drop("check", "check-value"),
        drop("solution", "solution-value"),
        change("stub", source="def my_f(x): return x"),
        change("stub-value", source="my_value = 3"),
        change("check", source="f(1)"),
        change("check", outputs=[shown(**{"text/plain": "Right."})]),
        without_metadata("solution", "jupyter"),
        lambda notebook: next(
            cell for cell in notebook.cells if cell.id == "stub"
        ).metadata.slideshow.update(slide_type="slide"),
    ],
    exercises_can_be_handed_out: [
        change("stub", source="def f(x):\n    raise NotImplementedError"),
        change("check", source="check_f(my_g)"),
        change("solution", source=SOLUTION.replace("solution_f", "solution")),
        change("solution", source=SOLUTION.replace("solution_f", "solution_g")),
        change("solution", source=SOLUTION.replace("check_f", "check_g")),
        change("solution", source="solution_f = objectives.f\nshow_source(solution_f)"),
        change("claim", source='assert solution_f\nprint("So.")'),
        drop("solution"),
        drop("check-value"),
    ],
    it_ends_with_the_progress: [
        drop("progress"),
        retag("progress", []),
        lambda notebook: notebook.cells.insert(4, notebook.cells.pop(-2)),
        change("progress", source="progress({check_f: my_f})"),
        change("progress", source="print({check_f: my_f, check_value: my_value})"),
        change("progress", outputs=[shown(**{"text/plain": "Right. 2 of 2"})]),
        lambda notebook: notebook.cells[-2].metadata.slideshow.update(slide_type="slide"),
    ],
}


@pytest.fixture
def written(tmp_path):
    def written(notebook):
        for name in ("01_one.ipynb", "03_three.ipynb"):
            (tmp_path / name).touch()
        path = tmp_path / "02_two.ipynb"
        path.write_text(json.dumps(notebook), "utf-8")
        return Lesson(path)

    return written


@pytest.mark.parametrize("check", RULES.values(), ids=RULES)
def test_an_exemplary_notebook_passes(check, written):
    assert list(check(written(exemplary()))) == []


@pytest.mark.parametrize(
    "check, spoil",
    [
        pytest.param(check, spoil, id=f"{check.__name__}-{number}")
        for check, spoils in BREAKS.items()
        for number, spoil in enumerate(spoils)
    ],
)
def test_a_rule_can_be_broken(check, spoil, written):
    notebook = exemplary()
    spoil(notebook)
    assert list(check(written(notebook)))


def test_every_rule_is_shown_to_be_breakable():
    assert set(BREAKS) == set(RULES.values())
