"""Run notebooks from the top and store their outputs, ready to be committed.

    python -m tools.execute                            all notebooks
    python -m tools.execute notebooks/02_pca.ipynb

A notebook that fails is not changed. Widgets are stored as their static picture, since a
widget without a kernel shows an error message. Pictures are stored with 256 colors, which
halves the file.
"""

from __future__ import annotations

import argparse
import sys
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from tools import files
from tools.files import ToolError

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
TIGHT = {"bbox_inches": "tight"}  # the default of the inline backend
# Of figures on slides, three times that of plots: they fill 1920 × 1080 pixels sharply.
DPI = 270
# Of each notebook: what the course's JupyterLab writes when it saves one, so that opening
# and saving it changes nothing.
METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}


def without_version(model: dict, **_: object) -> None:
    """Drop the version of Python, which differs among machines, from what JupyterLab saves.

    A ``ContentsManager.pre_save_hook`` of the server.
    """
    if model["type"] == "notebook":
        model["content"]["metadata"].get("language_info", {}).pop("version", None)


def run(
    notebook: NotebookNode, path: Path, figures: str = "png", dpi: int | None = None
) -> None:
    """Execute a notebook in place, with the state of its widgets.

    The working directory is that of the path; figures is a format of the inline backend,
    dpi another resolution than the figures' own. ToolError names the cell that failed.
    """
    position = "its start"

    def record_position(cell: NotebookNode, cell_index: int) -> None:
        nonlocal position
        position = f"cell {cell.get('id', '?')!r}"

    arguments = [f"--InlineBackend.figure_formats={figures}", "--log-level=ERROR"]
    if dpi:
        arguments.append(f"--InlineBackend.print_figure_kwargs={dict(TIGHT, dpi=dpi)}")
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        store_widget_state=True,
        coalesce_streams=True,
        extra_arguments=arguments,
        on_cell_execute=record_position,
        resources={"metadata": {"path": path.parent}},
    )
    try:
        client.execute()
    # An error in a cell, a dead kernel, a timeout, an interrupt in one of its many forms.
    except (Exception, KeyboardInterrupt) as error:
        cause = str(error) or f"was it interrupted? ({type(error).__name__})"
        if isinstance(error, CellExecutionError):
            cause = f"{error.ename}: {error.evalue}"
        raise ToolError(f"{path}, {position}: the execution failed: {cause}") from error


def execute(path: Path) -> None:
    """Run one notebook and replace it by its executed copy."""
    notebook = files.read_notebook(path)
    run(notebook, path)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _keep(output)]
            for output in cell.outputs:
                shrink_picture(output)
    notebook.metadata = METADATA
    files.write(path, nbformat.writes(notebook) + "\n")


def _keep(output: dict) -> bool:
    """Remove the widget view from an output; False if it was only a progress bar."""
    if WIDGET_VIEW not in output.get("data", {}):
        return True
    del output["data"][WIDGET_VIEW]
    return any(kind.startswith("image/") for kind in output["data"])


def shrink_picture(output: dict) -> None:
    """Reduce the PNG of an output to 256 colors, if that makes it smaller."""
    from PIL import Image

    png = output.get("data", {}).get("image/png")
    if png is None:
        return
    small = BytesIO()
    picture = Image.open(BytesIO(b64decode(png))).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(small, format="png", optimize=True)
    if len(small.getvalue()) < len(b64decode(png)):
        data = output["data"]
        before, data["image/png"] = data["image/png"], b64encode(small.getvalue()).decode()
        if "text/html" in data:  # the same picture with its alternative
            data["text/html"] = data["text/html"].replace(before.strip(), data["image/png"])


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="execute", description="Run notebooks in place.")
    parser.add_argument(
        "notebooks", nargs="*", type=Path, help="default: all of the course"
    )
    options = parser.parse_args(arguments)
    with files.exit_with_message():
        for path in options.notebooks or files.course_notebooks():
            print(f"{path.name} …", flush=True)
            execute(path)


if __name__ == "__main__":
    main(sys.argv[1:])
