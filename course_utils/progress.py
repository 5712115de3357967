"""A progress bar for work that takes long."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from tqdm.auto import tqdm

T = TypeVar("T")

BAR_AFTER = 2  # seconds


def progress(steps: Sequence[T], unit: str) -> Iterator[T]:
    """The steps of a long work, under a bar that is made after ``BAR_AFTER`` and then goes.

    Not before: in a notebook each bar, shown or not, costs ten messages.
    """
    start = time.monotonic()
    for done, step in enumerate(steps):
        if time.monotonic() - start > BAR_AFTER:
            yield from tqdm(
                steps[done:], unit=unit, leave=False, initial=done, total=len(steps)
            )
            return
        yield step
