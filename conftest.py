"""What pytest needs to know about the notebooks, and that nothing may need a network.

Settings stand in pyproject.toml.

This file lies at the root, so that it is in force for every run: all tests, one folder,
one notebook.
"""

import copy
import inspect
import os
import time
from pathlib import Path
from queue import Empty

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, coalesce_streams

# Workers of pytest-xdist share the machine's cores, and so do the kernels they start.
# The variable is read when torch is imported, here and in the kernels, which inherit it.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if WORKERS > 1:
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // WORKERS)))

wait_for_message = RunningKernel.get_message


def get_message(self, stream, timeout=None):
    """Wait for a message, but not for one from a dead kernel.

    nbval itself would wait for the whole cell timeout.
    """
    end = float("inf") if timeout is None else time.monotonic() + timeout
    while True:
        left = end - time.monotonic()
        try:
            message = wait_for_message(self, stream, timeout=max(0, min(1, left)))
        except Empty:
            if not self.is_alive():
                raise RuntimeError("the kernel died while it ran this cell") from None
            if left <= 1:
                raise
        else:
            if stream == "iopub" and hasattr(self, "record"):
                self.record(message)
            return message


RunningKernel.get_message = get_message


# --- no network ------------------------------------------------------------------------


def refuse_network():
    """From here on this process reaches no other machine: whoever tries gets an error.

    Python tells such a hook of every connection; it stays until the process ends.
    """
    import sys

    events = {"socket.connect": 1, "socket.sendto": 1, "socket.getaddrinfo": 0}

    def refuse(event, arguments):
        if event in events:
            to = arguments[events[event]]
            host = to[0] if isinstance(to, tuple) else to  # else a file of this machine
            name = host.decode() if isinstance(host, bytes) else host
            here = name in (None, "", "localhost", "::1") or name.startswith(("127.", "/"))
            if not here:
                raise RuntimeError(f"{name} was asked for: the course needs no network")

    sys.addaudithook(refuse)


refuse_network()
IN_KERNEL = f"exec({inspect.getsource(refuse_network) + 'refuse_network()'!r}, {{}})"


@pytest.hookimpl(trylast=True)  # when the kernel has been started
def pytest_runtest_setup(item):
    if isinstance(item, IPyNbCell) and not hasattr(item.parent, "offline"):
        item.parent.offline = True
        item.parent.kernel.kc.execute(IN_KERNEL, silent=True)
    if RUNS and isinstance(item, IPyNbCell):
        keep_run(item)


def pytest_collection_modifyitems(items):
    """The notebooks come first, and of these the last ones: they take longest, and a worker
    that begins with them at the end leaves the others idle."""
    cells = [item for item in items if isinstance(item, IPyNbCell)]
    notebooks = list(dict.fromkeys(cell.parent for cell in cells))
    rest = [item for item in items if not isinstance(item, IPyNbCell)]
    items[:] = [
        cell for n in reversed(notebooks) for cell in cells if cell.parent is n
    ] + rest


# --- the runs that nbval makes, kept for the tests of the decks -------------------------

RUNS = os.environ.get("COURSE_RUNS")  # a folder; without it nothing is kept
RETINA = (
    "get_ipython().config.InlineBackend.figure_formats = {'retina'}"  # as slides have it
)


def keep_run(item):
    """From here on what the kernel says belongs to this cell."""
    file = item.parent
    if not hasattr(file, "run"):
        file.run = NotebookClient(copy.deepcopy(file.nb), record_timing=False)
        file.kernel.kc.execute(RETINA, silent=True)
    code = [i for i, cell in enumerate(file.nb.cells) if cell.cell_type == "code"]
    index = code[item.cell_num]
    cell = file.run.nb.cells[index]
    cell.outputs, file.run.clear_before_next_output = [], False

    def record(message):
        """As nbclient does, which knows of displays that change and of widgets."""
        try:
            file.run.process_message(message, cell, index)
        except CellExecutionComplete:
            pass

    file.kernel.record = record


def pytest_runtest_teardown(item, nextitem):
    """After its last cell a notebook is written down as it ran."""
    last = nextitem is None or nextitem.parent is not item.parent
    if RUNS and isinstance(item, IPyNbCell) and last:
        file = item.parent
        for cell in file.run.nb.cells:
            if cell.cell_type == "code":
                cell.outputs = coalesce_streams(cell.outputs)
        file.run.set_widgets_metadata()
        nbformat.write(file.run.nb, Path(RUNS) / file.path.name)
