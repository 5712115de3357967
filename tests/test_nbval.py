"""The tests of notebooks fail where they should: a small cell for each kind of fault.

The cells are run by pytest in a subprocess, with the settings of the course.
"""

import re
import time
from base64 import b64decode

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output
from pytest_in_subprocess import run_pytest

CLAIM = 'assert 1 + 1 == 2\nprint("One and one make two.")'


def claim(source=CLAIM, stored="One and one make two.\n"):
    return new_code_cell(
        source,
        execution_count=1,
        outputs=[new_output("stream", name="stdout", text=stored)],
        metadata={"tags": ["nbval-check-output"]},
    )


CALLBACK = """
from ipywidgets import IntSlider
def fail(change): raise RuntimeError("in the callback")
slider = IntSlider()
slider.observe(fail, "value")
slider.value = 3
"""
KILL = """
import os, signal
os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
"""
CONNECT_LOCALLY = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
"""
REQUEST_A_PAGE = (
    "import urllib.request; urllib.request.urlopen('http://192.0.2.1', timeout=1)"
)
LOOK_UP_A_NAME = "import socket; socket.getaddrinfo('example.com', 80)"

CORRECT = {
    "a true claim": claim(),
    "a local connection": new_code_cell(CONNECT_LOCALLY),
    "other text in a cell that is no claim": new_code_cell(
        "print('now')", execution_count=1, outputs=claim().outputs
    ),
}
FAULTY = {  # name: a cell, a part of the report
    "a wrong stored claim": (claim(stored="One and one make three.\n"), "outputs differ"),
    "a false assert": (claim(CLAIM.replace("== 2", "== 3")), "AssertionError"),
    "an exception": (new_code_cell("1 / 0"), "ZeroDivisionError"),
    "an exception in a widget's callback": (new_code_cell(CALLBACK), "in the callback"),
    "a request of a page": (new_code_cell(REQUEST_A_PAGE), "needs no network"),
    "a look-up of a name": (new_code_cell(LOOK_UP_A_NAME), "needs no network"),
}
DEATHS = {
    "a kernel that exits": (new_code_cell("import os; os._exit(0)"), "kernel died"),
    "a kernel that is killed": (new_code_cell(KILL), "kernel died"),
}


SHARES = """
import os
threads, workers = (int(os.environ[name]) for name in
    ("OMP_NUM_THREADS", "PYTEST_XDIST_WORKER_COUNT"))
assert threads >= 1 and threads * workers <= max(os.cpu_count(), workers)
"""
SHOWN = [
    """
from IPython.display import display
from ipywidgets import IntSlider
slider = IntSlider(3)
handle = display("at first", display_id=True)
display(slider)""",
    "handle.update('finally')",
    "slider.value = 7",
    "print('one')\nprint('two', flush=True)",
    """
%matplotlib inline
from matplotlib import pyplot
pyplot.plot([0, 1])
pyplot.show()""",
]
NOTEBOOKS = {
    "cells": [*CORRECT.values(), *(cell for cell, _ in FAULTY.values())],
    "shares": [new_code_cell(SHARES)],
    "shown": [new_code_cell(source) for source in SHOWN],
    # Each cell that ends the kernel has its own notebook.
    **{f"death{i}": [cell] for i, (cell, _) in enumerate(DEATHS.values())},
}


@pytest.fixture(scope="module")
def run(slow, tmp_path_factory):
    """All notebooks in one run with two workers.  -> folder, exit code, report, seconds"""
    folder = tmp_path_factory.mktemp("nbval")
    start = time.monotonic()
    code, report = run_pytest(folder, NOTEBOOKS, "-n2", COURSE_RUNS=str(folder))
    return folder, code, report, time.monotonic() - start


def outcomes(report, place):
    return [
        kind for kind in ("PASSED", "FAILED") if re.search(rf"{kind} {place}\b", report)
    ]


def test_every_faulty_cell_fails_and_every_correct_cell_passes(run):
    _, code, report, seconds = run
    places = {
        name: f"notebooks/cells.ipynb::Cell {i}" for i, name in enumerate(CORRECT | FAULTY)
    }
    for i, name in enumerate(DEATHS):
        places[name] = f"notebooks/death{i}.ipynb::Cell 0"
    assert code == pytest.ExitCode.TESTS_FAILED, report
    for name, place in places.items():
        expected = ["PASSED"] if name in CORRECT else ["FAILED"]
        assert outcomes(report, place) == expected, f"{name}:\n{report}"
    for name, (_, words) in (FAULTY | DEATHS).items():
        section = report.split(f"_ {places[name]} _")[1].split("\n____")[0]
        assert words in section, f"{name}:\n{section}"
    # Waiting for the cell timeout of the two dead kernels would take 300 seconds each.
    assert seconds < 200


def test_workers_and_their_kernels_share_the_cores(run):
    _, _, report, _ = run
    assert outcomes(report, "notebooks/shares.ipynb::Cell 0") == ["PASSED"], report


def test_a_saved_run_holds_the_final_outputs(run):
    folder, _, report, _ = run
    assert outcomes(report, "notebooks/shown.ipynb::Cell 0") == ["PASSED"], report
    saved = nbformat.read(folder / "shown.ipynb", as_version=4)
    text, widget = saved.cells[0].outputs
    assert text.data["text/plain"] == "'finally'"
    view = widget.data["application/vnd.jupyter.widget-view+json"]
    states = saved.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    assert states[view["model_id"]]["state"]["value"] == 7
    assert [output.text for output in saved.cells[3].outputs] == ["one\ntwo\n"]
    picture = saved.cells[4].outputs[-1]
    png = b64decode(picture.data["image/png"])
    assert int.from_bytes(png[16:20], "big") > 1000  # pixels across, as in slides


@pytest.mark.slow
def test_notebooks_run_in_reverse_order_before_the_other_tests(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_one.py").write_text("def test_one(): pass\n")
    notebooks = {name: [new_code_cell("1"), new_code_cell("2")] for name in (1, 2)}
    code, report = run_pytest(tmp_path, notebooks, "--collect-only", "-q")
    assert code == pytest.ExitCode.OK, report
    order = [line for line in report.splitlines() if "::" in line]
    cells = [f"notebooks/{n}.ipynb::Cell {i}" for n in (2, 1) for i in (0, 1)]
    assert order == [*cells, "tests/test_one.py::test_one"]
