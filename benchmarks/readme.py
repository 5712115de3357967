"""Tables of the README, or of a page, that a benchmark writes, between marks of their own."""

from __future__ import annotations

import os
import platform
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def with_table(readme: str, name: str, text: str) -> str:
    """The README with this table between its marks, in place of the one that was there."""
    start, end = f"<!-- {name} -->\n", "<!-- end -->"
    before, rest = readme.split(start)
    return f"{before}{start}\n{text}\n{end}{rest.split(end, 1)[1]}"


def write(name: str, text: str, page: Path = README) -> None:
    page.write_text(with_table(page.read_text("utf-8"), name, text), "utf-8")


def machine() -> str:
    """What it ran on, in words: the processor's own name where Linux tells it."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.split(":")[1] for line in info.read_text().splitlines()
                 if line.startswith("model name")]  # fmt: skip
        name = names[0].strip() if names else name
    return f"{os.cpu_count()} cores of {name}, {platform.system()}"
