"""tools.execute stores the outputs of a complete run, or leaves the notebook unchanged."""

import copy
import os
import signal
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from io import BytesIO

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from course_utils import plots
from tools import execute

WIDGET = """
from base64 import b64encode
from io import BytesIO
from PIL import Image
from ipywidgets import IntSlider
from IPython.display import display
class Walk(IntSlider):
    def __repr__(self): return "Walk"
    def _repr_mimebundle_(self, **_):
        png = BytesIO()
        Image.new("RGB", (4, 4)).save(png, "png")
        picture = {"image/png": b64encode(png.getvalue()).decode()}
        return super()._repr_mimebundle_() | picture
display(Walk())
"""
PROGRESS = "IntSlider()"
PRINTS = """
import sys, time
print("one")
sys.stdout.flush(); time.sleep(0.3)
print("two")
"""


@pytest.fixture
def notebook(slow, tmp_path):
    """Write a notebook of these cells and return its path."""

    def write(*sources):
        path = tmp_path / "01_small.ipynb"
        cells = [new_code_cell(source) for source in sources]
        nbformat.write(new_notebook(cells=cells, metadata={"widgets": {"state": 1}}), path)
        return path

    return write


def files(path):
    return [file.name for file in path.parent.iterdir()]


def test_what_is_stored_can_be_read_without_a_kernel(notebook):
    path = notebook(WIDGET, PROGRESS, PRINTS, "import os; os.getcwd()")
    execute.main([str(path)])
    stored = nbformat.read(path, as_version=4)
    nbformat.validate(stored)
    widget, progress, printed, place = stored.cells

    assert [cell.execution_count for cell in stored.cells] == [1, 2, 3, 4]
    assert stored.metadata == execute.METADATA
    assert all("execution" not in cell.metadata for cell in stored.cells)
    # a widget's picture is stored, a progress bar is not
    [output] = widget.outputs
    assert set(output.data) == {"image/png", "text/plain"}
    assert progress.outputs == []
    # two prints are one text
    assert [output.text for output in printed.outputs] == ["one\ntwo\n"]
    # it ran in its own folder, as in JupyterLab
    assert place.outputs[0].data["text/plain"] == repr(str(path.parent))
    assert files(path) == [path.name]


def test_jupyterlab_saves_the_same_metadata_with_every_version_of_python():
    metadata = copy.deepcopy(execute.METADATA)
    metadata["language_info"]["version"] = "3.13.1"
    model = {"type": "notebook", "content": {"metadata": metadata}}
    execute.without_version(model=model, path="02_pca.ipynb", contents_manager=None)
    assert metadata == execute.METADATA
    execute.without_version(model={"type": "file", "content": "text"}, path="a.txt")


def test_a_picture_is_stored_small_and_looks_the_same():
    rng = np.random.default_rng(0)
    figure = plots.latent_plane(rng.normal(size=(2000, 2)), np.arange(2000) % 10, title="A")
    png = BytesIO()
    figure.savefig(png)
    output = {"data": {"image/png": b64encode(png.getvalue()).decode()}}
    execute.shrink_picture(output)
    small = b64decode(output["data"]["image/png"])
    assert len(small) < 0.7 * len(png.getvalue())
    before, after = (
        np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(int)
        for data in (png.getvalue(), small)
    )
    assert np.abs(after - before).mean() < 1  # of 255 shades


def test_a_notebook_that_fails_stays_unchanged(notebook):
    path = notebook("1 + 1", "1 / 0")
    before = path.read_bytes()
    with pytest.raises(SystemExit, match="cell '.+': the execution failed: ZeroDiv"):
        execute.main([str(path)])
    assert path.read_bytes() == before
    assert files(path) == [path.name]


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
def test_an_interrupted_execution_changes_no_file_and_ends_its_kernel(notebook):
    path = notebook(
        "import os, time; open('kernel', 'w').write(str(os.getpid())); time.sleep(60)"
    )
    before = path.read_bytes()
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.execute", path], stderr=subprocess.PIPE, text=True
    )
    note = path.parent / "kernel"
    try:
        while not (note.exists() and note.read_text()) and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, message = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode != 0
    assert "01_small.ipynb, cell" in message
    assert path.read_bytes() == before
    assert sorted(files(path)) == [path.name, "kernel"]
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)
