"""A small notebook with three kinds of exercises, for the tests of tools.handout.

A formula whose solution is a function of the package, a prediction, and a bug to find.
"""

import json
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

SETUP = """\
import torch
from course_utils import objectives
from course_utils.notebook import show_source
from course_utils.exercises.variational_autoencoder import check_kl
from course_utils.exercises.grading import compare, compare_value, progress

def check_width(answer):
    return compare_value(answer, 4, {"count the bias, too.": 3})

def check_error(answer):
    cases = {"two numbers": (torch.ones(2), torch.zeros(2))}
    return compare(answer, lambda x, y: (x - y).square().sum(), cases)
"""
STUB_KL = "def my_kl(mu, logvar):\n    raise NotImplementedError"
SOLUTION_KL = "my_kl = objectives.kl_to_standard_normal"
STUB_ERROR = """\
def my_error(x, x_hat):
    raise NotImplementedError
    return (x - x_hat).square().mean()"""
SOLUTION_ERROR = """\
def my_error(x, x_hat):
    return (x - x_hat).square().sum()  # not the mean"""
REASON = "The mean hides how many pixels a picture has: $784$."


def solution(code, reason=""):
    return (
        "<details>\n<summary>Solution</summary>\n\n"
        f"```python\n{code}\n```\n\n{reason}\n\n</details>"
    )


def small():
    """A notebook with three exercises."""
    cells = [
        new_markdown_cell("# 1 · Small", id="title"),
        new_code_cell(SETUP, id="setup"),
        new_code_cell("torch.tensor(1.5)", id="look"),
        new_markdown_cell("Ask them first.", id="note"),
    ]
    for name, stub, answer in (
        ("kl", STUB_KL, solution(SOLUTION_KL)),
        ("width", "my_width = None", solution("my_width = 4")),
        ("error", STUB_ERROR, solution(SOLUTION_ERROR, REASON)),
    ):
        cells += [
            new_markdown_cell(f"Do {name}.", id=f"task-{name}", metadata=tag("exercise")),
            new_code_cell(stub, id=f"stub-{name}", metadata=tag("exercise")),
            new_code_cell(
                f"check_{name}(my_{name})", id=f"check-{name}", metadata=tag("check")
            ),
            new_markdown_cell(answer, id=f"solution-{name}", metadata=tag("solution")),
        ]
    everything = "{check_kl: my_kl, check_width: my_width, check_error: my_error}"
    cells.append(
        new_code_cell(f"progress({everything})", id="progress", metadata=tag("progress"))
    )
    for cell in cells:
        kind = {"title": "slide", "note": "notes"}.get(cell.id, "skip")
        cell.metadata["slideshow"] = {"slide_type": kind}
        if cell.cell_type == "code":
            cell.execution_count = 7
            cell.outputs = [new_output("stream", name="stdout", text="earlier output")]
    return new_notebook(cells=cells)


def tag(name):
    return {"tags": [name]}


def cell(notebook, name):
    return next(cell for cell in notebook.cells if cell.id == name)


def names(notebook):
    return [cell.id for cell in notebook.cells]


def read(*parts):
    return nbformat.read(Path(*parts), as_version=4)


def stored(made, folder, name="hw.ipynb"):
    """The path of a notebook given as JSON."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(made), "utf-8")
    return folder / name
