"""Run notebooks from the top and store what they show, ready to be committed.

    python -m tools.execute                      all notebooks
    python -m tools.execute notebooks/02_pca.ipynb

A notebook that fails is left as it was. Widgets are stored as their static picture, since
without a kernel a stored widget would be an error message. Pictures are stored with 256
colors, in half the bytes.
"""

from __future__ import annotations

import os
import sys
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path

import nbformat
from nbclient import NotebookClient

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def refresh(path: Path) -> None:
    """Execute one notebook and replace it by its executed copy."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": path.parent}},
    )
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _keep(output)]
            for output in cell.outputs:
                _shrink_picture(output)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    draft = path.with_suffix(".refreshed")
    nbformat.write(notebook, draft)
    os.replace(draft, path)


def _keep(output: dict) -> bool:
    """Strip the widget view from an output; False if only progress was in it."""
    if WIDGET_VIEW not in output.get("data", {}):
        return True
    del output["data"][WIDGET_VIEW]
    return any(kind.startswith("image/") for kind in output["data"])


def _shrink_picture(output: dict) -> None:
    """Give the PNG of an output a palette of 256 colors, if that makes it smaller."""
    from PIL import Image

    png = output.get("data", {}).get("image/png")
    if png is None:
        return
    small = BytesIO()
    picture = Image.open(BytesIO(b64decode(png))).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(small, format="png", optimize=True)
    if len(small.getvalue()) < len(b64decode(png)):
        output["data"]["image/png"] = b64encode(small.getvalue()).decode()


def main(names: list[str]) -> None:
    folder = Path(__file__).parents[1] / "notebooks"
    for path in map(Path, names) if names else sorted(folder.glob("*.ipynb")):
        print(f"{path.name} …", flush=True)
        try:
            refresh(path)
        except (Exception, KeyboardInterrupt) as error:  # Ctrl-C ends nbclient in many ways
            sys.exit(f"{path} was left as it was: {str(error) or repr(error)}")


if __name__ == "__main__":
    main(sys.argv[1:])
