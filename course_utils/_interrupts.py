"""The stop button, held back where it would leave something half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def hold_interrupt() -> Iterator[Callable[[], None]]:
    """Hold back the stop button (SIGINT); KeyboardInterrupt at the end of the block.

    The yielded function raises it earlier, where the block allows a stop. Only the main
    thread is interrupted and may set signal handlers; elsewhere nothing changes.
    """
    asked = threading.Event()

    def stop_if_asked() -> None:
        if asked.is_set():
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield stop_if_asked
        return
    before = signal.signal(signal.SIGINT, lambda *_: asked.set())
    try:
        yield stop_if_asked
    finally:
        signal.signal(signal.SIGINT, before)
    stop_if_asked()
