"""The comparison of the notebooks can fail: one small cell for each way to be wrong.

They are run by a pytest of their own, in a copy of the course that has its settings and
nothing else.
"""

import re
import time

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
def explode(change): raise RuntimeError("in the callback")
slider = IntSlider()
slider.observe(explode, "value")
slider.value = 3
"""
KILL = """
import os, signal
os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
"""
ASK_THIS_MACHINE = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
"""
ASK_ANOTHER = "import urllib.request; urllib.request.urlopen('http://192.0.2.1', timeout=1)"
ASK_A_NAME = "import socket; socket.getaddrinfo('example.com', 80)"

GREEN = {
    "a true claim": claim(),
    "a cell that asks this machine": new_code_cell(ASK_THIS_MACHINE),
    "other text in a cell that is no claim": new_code_cell(
        "print('now')", execution_count=1, outputs=claim().outputs
    ),
}
RED = {  # name: a cell, what the report says
    "a wrong stored claim": (claim(stored="One and one make three.\n"), "outputs differ"),
    "a false assert": (claim(CLAIM.replace("== 2", "== 3")), "AssertionError"),
    "an exception": (new_code_cell("1 / 0"), "ZeroDivisionError"),
    "an exception in a widget's callback": (new_code_cell(CALLBACK), "in the callback"),
    "a cell that asks the network": (new_code_cell(ASK_ANOTHER), "needs no network"),
    "a cell that looks a name up": (new_code_cell(ASK_A_NAME), "needs no network"),
}
DEATHS = {
    "a kernel that exits": (new_code_cell("import os; os._exit(0)"), "kernel died"),
    "a kernel that is killed": (new_code_cell(KILL), "kernel died"),
}


@pytest.fixture
def run(slow, tmp_path):
    """Write notebooks, run pytest on them, return its exit code, report and seconds."""

    def run(notebooks, *options, **variables):
        numbered = dict(enumerate(notebooks.values(), start=1))
        start = time.monotonic()
        code, report = run_pytest(tmp_path, numbered, *options, **variables)
        return code, report, time.monotonic() - start

    return run


def test_every_faulty_cell_fails_and_every_correct_cell_passes(run):
    """All of them in one notebook; but a kernel that dies needs a notebook of its own."""
    together = GREEN | {name: cell for name, (cell, _) in RED.items()}
    places = {name: f"notebooks/1.ipynb::Cell {i}" for i, name in enumerate(together)}
    for number, name in enumerate(DEATHS, start=2):
        places[name] = f"notebooks/{number}.ipynb::Cell 0"
    deaths = {name: [cell] for name, (cell, _) in DEATHS.items()}
    code, report, seconds = run({"together": list(together.values()), **deaths})
    assert code == pytest.ExitCode.TESTS_FAILED, report
    for name, place in places.items():
        said = [
            kind for kind in ("PASSED", "FAILED") if re.search(rf"{kind} {place}\b", report)
        ]
        assert said == (["PASSED"] if name in GREEN else ["FAILED"]), f"{name}:\n{report}"
    for name, (_, words) in (RED | DEATHS).items():
        section = report.split(f"_ {places[name]} _")[1].split("\n____")[0]
        assert words in section, f"{name}:\n{section}"
    # Two kernels died; waiting for the cell timeout instead would take 300 seconds each.
    assert seconds < 200


def test_workers_and_their_kernels_share_the_cores(run):
    source = (
        "import os\n"
        "threads, workers = (int(os.environ[name]) for name in\n"
        "    ('OMP_NUM_THREADS', 'PYTEST_XDIST_WORKER_COUNT'))\n"
        "assert threads >= 1 and threads * workers <= max(os.cpu_count(), workers)"
    )
    code, report, _ = run({"shares": [new_code_cell(source)]}, "-n2")
    assert code == pytest.ExitCode.OK, report


SHOWN = [
    """
from IPython.display import display
from ipywidgets import IntSlider
slider = IntSlider(3)
handle = display("at first", display_id=True)
display(slider)""",
    "handle.update('in the end')",
    "slider.value = 7",
    "print('one')\nprint('two', flush=True)",
    """
%matplotlib inline
from matplotlib import pyplot
pyplot.plot([0, 1])
pyplot.show()""",
]


def test_a_saved_run_holds_the_final_outputs(run, tmp_path):
    shown = {"shown": [new_code_cell(source) for source in SHOWN]}
    code, report, _ = run(shown, COURSE_RUNS=str(tmp_path))
    assert code == pytest.ExitCode.OK, report
    kept = nbformat.read(tmp_path / "1.ipynb", as_version=4)
    text, widget = kept.cells[0].outputs
    assert text.data["text/plain"] == "'in the end'"
    view = widget.data["application/vnd.jupyter.widget-view+json"]
    states = kept.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    assert states[view["model_id"]]["state"]["value"] == 7
    assert [output.text for output in kept.cells[3].outputs] == ["one\ntwo\n"]
    picture = kept.cells[4].outputs[-1]
    assert picture.metadata["image/png"]["width"] > 100  # sharp, as in slides


def test_notebooks_run_in_reverse_order_before_the_other_tests(run, tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_one.py").write_text("def test_one(): pass\n")
    notebooks = {name: [new_code_cell("1"), new_code_cell("2")] for name in "ab"}
    code, report, _ = run(notebooks, "--collect-only", "-q")
    assert code == pytest.ExitCode.OK, report
    order = [line for line in report.splitlines() if "::" in line]
    cells = [f"notebooks/{n}.ipynb::Cell {i}" for n in (2, 1) for i in (0, 1)]
    assert order == [*cells, "tests/test_one.py::test_one"]
