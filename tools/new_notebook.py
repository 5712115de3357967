"""Write a new notebook with the next number and an example of each required cell.

    python course.py new flow_matching

writes notebooks/11_flow_matching.ipynb, which runs. The next steps are in CONTRIBUTING.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

FOLDER = Path(__file__).parents[1] / "notebooks"
HIDDEN = {"jupyter": {"source_hidden": True}}

NOTE = "**Speaker note.** What to say, where to pause, which misconception to catch."
# Id, slide type, tag, source; notes and solutions are collapsed.
CELLS = [
    ("title", "slide", "", """\
# {number} · {title}

One sentence: what the notebook shows.

About a minute on two cores · previous: [{before}]({before}.ipynb)"""),
    ("note-title", "notes", "", NOTE),
    ("goals", "slide", "", """\
## Afterwards you can

1. explain the objective;
2. compute it;
3. say what it does not measure."""),
    ("note-goals", "notes", "", NOTE),
    ("setup-imports", "skip", "", """\
import torch

from course_utils import data, objectives, plots
from course_utils.exercises import autoencoder as exercises
from course_utils.exercises.grading import progress
from course_utils.notebook import show_source
from course_utils.widgets import Dial"""),
    ("setup-knobs", "skip", "", """\
torch.manual_seed(0)
x, labels = data.mnist("test")"""),
    ("question-error", "slide", "", """\
## The question that makes the formula necessary

$$\\mathbb{{E}}\\,\\|x - \\hat{{x}}\\|^2$$

All symbols: $x$ is an image, $\\hat{{x}}$ its reconstruction."""),
    ("code-error", "fragment", "", "show_source(objectives.squared_error)"),
    ("predict-error", "fragment", "", "**Predict.** What is the error of a copy?"),
    ("claim-error", "fragment", "nbval-check-output", """\
error = objectives.squared_error(x, x).mean()
assert error == 0  # or a tolerance, with its reason
print("A copy has no error.")"""),
    ("note-question-error", "notes", "", NOTE),
    ("widget-error", "slide", "widget", """\
Dial("n", {{n: plots.image_rows({{"x": x[:n].cpu()}}, title="x") for n in (5, 9)}})"""),
    ("note-widget-error", "notes", "", NOTE),
    ("exercise-loss", "skip", "exercise", """\
### Exercise 1 · The objective

Return $\\mathbb{{E}}\\,\\|x - g(f(x))\\|^2$, one number."""),
    ("stub-loss", "skip", "exercise", """\
def my_loss(f, g, x):
    raise NotImplementedError"""),
    ("check-loss", "skip", "check", "exercises.check_ae_loss(my_loss)"),
    ("solution-loss", "skip", "solution", """\
def solution_loss(f, g, x):
    return objectives.squared_error(x, g(f(x))).mean()


exercises.check_ae_loss(solution_loss)"""),
    ("summary", "slide", "", """\
## What you can do now

1. The answer to the first goal.
2. The answer to the second.
3. The answer to the third."""),
    ("note-summary", "notes", "", NOTE),
    ("progress", "skip", "progress", "progress({{exercises.check_ae_loss: my_loss}})"),
    ("sources", "slide", "", """\
## Sources

- Author (year), *Title*."""),
    ("note-sources", "notes", "", NOTE),
]  # fmt: skip
CODE = ("setup", "code", "claim", "widget", "stub", "check", "solution", "progress")


def example(name: str, folder: Path) -> tuple[Path, nbformat.NotebookNode]:
    """Path and content, not executed, of the notebook after the last one in the folder."""
    last = max(folder.glob("[0-9][0-9]_*.ipynb"))
    number = int(last.name[:2]) + 1
    fields = {"number": number, "title": name.replace("_", " ").capitalize()}
    cells = []
    for cell, slide_type, tag, source in CELLS:
        metadata: dict = {"slideshow": {"slide_type": slide_type}}
        if slide_type == "notes" or tag == "solution":
            metadata |= HIDDEN
        if tag:
            metadata["tags"] = [tag]
        make = new_code_cell if cell.startswith(CODE) else new_markdown_cell
        text = source.format(before=last.stem, **fields)
        cells.append(make(text, id=cell, metadata=metadata))
    return folder / f"{number:02d}_{name}.ipynb", new_notebook(cells=cells)


def main(arguments: list[str]) -> None:
    if len(arguments) != 1 or not arguments[0].isidentifier():
        sys.exit(__doc__)
    path, notebook = example(arguments[0], FOLDER)
    nbformat.write(notebook, path)
    print(path.relative_to(FOLDER.parent))


if __name__ == "__main__":
    main(sys.argv[1:])
