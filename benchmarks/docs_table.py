"""Write a benchmark's table into a page of docs, between comments with its name."""

from __future__ import annotations

import os
import platform
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def with_table(page: str, name: str, text: str) -> str:
    """The page with a new text between ``<!-- name -->`` and ``<!-- end -->``."""
    start, end = f"<!-- {name} -->\n", "<!-- end -->"
    before, rest = page.split(start)
    return f"{before}{start}\n{text}\n{end}{rest.split(end, 1)[1]}"


def write(page: str, name: str, text: str) -> None:
    path = DOCS / page
    path.write_text(with_table(path.read_text("utf-8"), name, text), "utf-8")


def machine() -> str:
    """The number of cores, the name of the processor and of the system."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        name = names[0].split(":")[1].strip() if names else name
    return f"{os.cpu_count()} cores of {name}, {platform.system()}"
