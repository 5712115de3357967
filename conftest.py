"""How nbval runs the notebooks: without a network, and noticing when a kernel dies.

This file is at the root, so that it applies to every run: all tests, one folder, one
notebook. Settings are in pyproject.toml.
"""

import contextlib
import copy
import gc
import inspect
import math
import os
import time
from pathlib import Path
from queue import Empty

import tools  # noqa: F401 - before nbformat, which it makes quick to import

# isort: split
import nbformat
import nbval.plugin
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, coalesce_streams

from tools.execute import DPI, TIGHT

pytest_plugins = "nbval.plugin"

# Workers of pytest-xdist share the machine's cores, and so do the kernels they start.
# The variable is read when torch is imported, here and in the kernels, which inherit it.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if WORKERS > 1:
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // WORKERS)))


class Kernel(RunningKernel):
    """nbval's kernel, with three differences.

    It has no network. A kernel that died is noticed within a second, not at the cell's
    timeout. ``record`` is called with each output message.
    """

    record = staticmethod(lambda message: None)

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.kc.execute(IN_KERNEL, silent=True)

    def get_message(self, stream, timeout=None):
        end = time.monotonic() + (math.inf if timeout is None else timeout)
        while True:
            with contextlib.suppress(Empty):
                left = max(0, end - time.monotonic())
                message = super().get_message(stream, timeout=min(1, left))
                if stream == "iopub":
                    self.record(message)
                return message
            if not self.is_alive():
                raise RuntimeError("the kernel died while it ran this cell")
            if time.monotonic() >= end:
                raise Empty


nbval.plugin.RunningKernel = Kernel


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collect tests without the garbage collector.

    The modules and tests that it would go through again and again all stay.
    """
    gc.disable()
    result = yield
    gc.freeze()
    gc.enable()
    return result


def pytest_collection_modifyitems(items):
    """Run the notebooks before the other tests, and the last notebooks first.

    These take longest: started at the end, they would leave the other workers idle.
    """
    notebooks = [item for item in items if isinstance(item, IPyNbCell)]
    notebooks.sort(key=lambda cell: cell.path, reverse=True)  # cells keep their order
    items[:] = notebooks + [item for item in items if not isinstance(item, IPyNbCell)]


# --- no network -------------------------------------------------------------------------


def refuse_network():
    """Raise an error at each connection of this process to another machine.

    Python calls an audit hook at every connection, until the process ends.
    """
    import sys

    events = {"socket.connect": 1, "socket.sendto": 1, "socket.getaddrinfo": 0}

    def refuse(event, arguments):
        if event in events:
            address = arguments[events[event]]
            host = address[0] if isinstance(address, tuple) else address  # or a local file
            name = host.decode() if isinstance(host, bytes) else host
            local = name in (None, "", "localhost", "::1") or name.startswith(("127.", "/"))
            if not local:
                raise RuntimeError(f"no connection to {name}: the course needs no network")

    sys.addaudithook(refuse)


refuse_network()
IN_KERNEL = f"exec({inspect.getsource(refuse_network) + 'refuse_network()'!r}, {{}})"


# --- executed notebooks, saved for the tests of the decks -------------------------------

RUNS = os.environ.get("COURSE_RUNS")  # a folder; without it nothing is saved
DENSE = "get_ipython().config.InlineBackend.print_figure_kwargs = {}"


@pytest.hookimpl(trylast=True)  # when the kernel has been started
def pytest_runtest_setup(item):
    """Record the kernel's messages as outputs of this cell."""
    if not (RUNS and isinstance(item, IPyNbCell)):
        return
    file = item.parent
    if not hasattr(file, "run"):
        file.run = NotebookClient(copy.deepcopy(file.nb), record_timing=False)
        figures = dict(TIGHT, dpi=DPI)
        file.kernel.kc.execute(DENSE.format(figures), silent=True)
    code = [i for i, cell in enumerate(file.nb.cells) if cell.cell_type == "code"]
    index = code[item.cell_num]
    cell = file.run.nb.cells[index]
    cell.outputs, file.run.clear_before_next_output = [], False

    def record(message):
        """With nbclient, which also handles updated displays and widgets."""
        with contextlib.suppress(CellExecutionComplete):
            file.run.process_message(message, cell, index)

    file.kernel.record = record


def pytest_runtest_teardown(item, nextitem):
    """Save the executed notebook after its last cell, if its kernel has started."""
    last = nextitem is None or nextitem.parent is not item.parent
    file = item.parent
    if isinstance(item, IPyNbCell) and last and hasattr(file, "run"):
        for cell in file.run.nb.cells:
            if cell.cell_type == "code":
                cell.outputs = coalesce_streams(cell.outputs)
        file.run.set_widgets_metadata()
        nbformat.write(file.run.nb, Path(RUNS) / file.path.name)
