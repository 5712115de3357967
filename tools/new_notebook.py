"""Write a new notebook with the next number and an example of each required cell.

    python course.py new flow_matching

writes notebooks/12_flow_matching.ipynb, which runs, and its speaker notes. The next steps
are in CONTRIBUTING.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import files
from tools.execute import METADATA
from tools.slides import notes_file

FOLDER = Path(__file__).parents[1] / "notebooks"

NOTE = "What to say, where to pause, which misconception to catch."
# Id, slide type, tag, source.
CELLS = [
    ("title", "slide", "", """\
# {number} · {title}

One sentence: what the notebook shows.

About 5 minutes to read, 15 in class · needs: {before} ·
previous: {before}"""),
    ("goals", "slide", "", """\
## Afterwards you can

1. explain the objective;
2. compute it;
3. say what it does not measure."""),
    ("setup-install", "skip", "", """\
# Does nothing where the course is installed. Colab and Kaggle have torch already.
import os
import sys
from importlib.util import find_spec

if not find_spec("course_utils"):
    if "google.colab" not in sys.modules and "KAGGLE_KERNEL_RUN_TYPE" not in os.environ:
        raise ModuleNotFoundError("Choose .venv of the course as kernel: docs/elsewhere.md")
    packages = "anywidget psygnal git+<address of this repository>"
    get_ipython().run_line_magic("pip", f"install -q --no-deps {{packages}}")"""),
    ("setup", "skip", "", """\
import torch

from course_utils import data, objectives, plots
from course_utils.exercises import autoencoder as exercises
from course_utils.exercises.grading import progress
from course_utils.notebook import answer, claims_with, show_source
from course_utils.widgets import Dial"""),
    ("setup-knobs", "skip", "", """\
SHIFT = 0.1  # of each pixel
torch.manual_seed(0)
x = data.mnist("test")[0][:500]
claim = claims_with(globals(), SHIFT=0.1)  # the settings of the course"""),
    ("question-error", "slide", "", """\
## The question that makes the formula necessary

$$\\mathbb{{E}}\\,\\|x - \\hat{{x}}\\|^2$$

All symbols: $x$ is an image, $\\hat{{x}}$ its reconstruction."""),
    ("code-error", "fragment", "", "show_source(objectives.squared_error)"),
    ("predict-error", "fragment", "", """\
**Predict.** Each pixel of a copy is off by 0.1. What is the error? A number."""),
    ("guess-error", "skip", "guess", "guess_error = None  # a number above 0"),
    ("see-error", "slide", "", """\
error = objectives.squared_error(x, x + SHIFT).mean()
answer(guess_error, error)"""),
    ("claim-error", "fragment", "nbval-check-output", """\
# 784 pixels with 0.1² each; single precision rounds the sum
claim(
    "A copy that is off by 0.1 in each of its 784 pixels has an error of 7.84.",
    ("error", error, "=", 7.84, 1e-3),
)"""),
    ("widget-error", "slide", "widget", """\
Dial("n", {{n: plots.image_rows({{"x": x[:n].cpu()}}, title="x") for n in (5, 9)}})"""),
    ("exercise-loss", "skip", "exercise", """\
### Exercise 1 · The objective

Return $\\mathbb{{E}}\\,\\|x - g(f(x))\\|^2$, one number."""),
    ("stub-loss", "skip", "exercise", """\
def my_loss(f, g, x):
    raise NotImplementedError"""),
    ("check-loss", "skip", "check", "exercises.check_ae_loss(my_loss)"),
    ("solution-loss", "skip", "solution", """\
<details>
<summary>Solution</summary>

```python
def my_loss(f, g, x):
    return (x - g(f(x))).square().sum(1).mean()
```

A sum over the pixels, then a mean over the images.

</details>"""),
    ("summary", "slide", "", """\
## What you can do now

1. The answer to the first goal.
2. The answer to the second.
3. The answer to the third."""),
    ("progress", "skip", "progress", "progress({{exercises.check_ae_loss: my_loss}})"),
    ("sources", "slide", "", """\
## Sources

- Author (year), *Title*."""),
]  # fmt: skip
CODE = ("setup", "code", "guess", "see", "claim", "widget", "stub", "check", "progress")


def example(name: str, folder: Path) -> tuple[Path, nbformat.NotebookNode, str]:
    """Path and content, not executed, of the notebook after the last one in the folder, and
    its speaker notes."""
    last = max(folder.glob("[0-9][0-9]_*.ipynb"))
    number = int(last.name[:2]) + 1
    heading = files.read_notebook(last).cells[0].source.splitlines()[0]
    fields = {
        "number": number,
        "title": name.replace("_", " ").capitalize(),
        "before": f"[{heading.removeprefix('# ')}]({last.name})",
    }
    notes = "# Speaker notes: {number} · {title}\n".format(**fields)
    cells = []
    for cell, slide_type, tag, source in CELLS:
        metadata: dict = {"slideshow": {"slide_type": slide_type}}
        if cell in ("setup-install", "setup"):
            metadata["jupyter"] = {"source_hidden": True}  # on the first screen
        if tag:
            metadata["tags"] = [tag]
        make = new_code_cell if cell.startswith(CODE) else new_markdown_cell
        cells.append(make(source.format(**fields), id=cell, metadata=metadata))
        if slide_type == "slide":
            notes += f"\n## {cell}\n\n{NOTE}\n"
    notebook = new_notebook(cells=cells, metadata=METADATA)
    return folder / f"{number:02d}_{name}.ipynb", notebook, notes


def main(arguments: list[str]) -> None:
    if len(arguments) != 1 or not arguments[0].isidentifier():
        sys.exit(__doc__)
    path, notebook, notes = example(arguments[0], FOLDER)
    nbformat.write(notebook, path)
    files.write(notes_file(path), notes)
    for written in (path, notes_file(path)):
        print(written.relative_to(FOLDER.parent))


if __name__ == "__main__":
    main(sys.argv[1:])
