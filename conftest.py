"""What pytest needs to know about the notebooks. Settings stand in pyproject.toml.

This file lies at the root, so that it is in force for every run: all tests, one folder,
one notebook.
"""

import os
import time
from queue import Empty

from nbval.kernel import RunningKernel

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
            return wait_for_message(self, stream, timeout=max(0, min(1, left)))
        except Empty:
            if not self.is_alive():
                raise RuntimeError("the kernel died while it ran this cell") from None
            if left <= 1:
                raise


RunningKernel.get_message = get_message
