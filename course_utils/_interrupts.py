"""Delays the stop button where an interrupt would leave something half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def hold_interrupt() -> Iterator[Callable[[], None]]:
    """Delay the stop button (SIGINT): KeyboardInterrupt at the end of the block.

    The block may call the yielded function to raise it earlier. Only the main
    thread is interrupted and may set signal handlers; elsewhere nothing changes.
    """
    requested = threading.Event()

    def stop_if_requested() -> None:
        if requested.is_set():
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield stop_if_requested
        return
    previous = signal.signal(signal.SIGINT, lambda *_: requested.set())
    try:
        yield stop_if_requested
    finally:
        signal.signal(signal.SIGINT, previous)
    stop_if_requested()
