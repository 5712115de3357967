"""Seconds of each notebook until its imports, its first figure and its end.

    python benchmarks/notebook_time.py              # print the table
    python benchmarks/notebook_time.py --write      # and put it into docs/performance.md

Each notebook is run in a kernel of its own, as *Run All* does; the time includes the start
of the kernel. A figure is an image, or a widget with its picture, but no progress bar.
Outputs are not stored. About five minutes on two cores, with nothing else running.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import docs_table
import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class NotebookTimes:
    """Seconds from before the kernel's start, and the kernel's peak memory in MB."""

    name: str
    imports: float
    first_figure: float | None
    total: float
    peak: float | None


class TimedClient(NotebookClient):
    """A client that records the time of the first figure."""

    first_figure: float | None = None

    def process_message(self, msg, cell, cell_index):
        if "image/png" in msg["content"].get("data", {}):  # not the drawings in SVG
            self.first_figure = self.first_figure or time.perf_counter()
        return super().process_message(msg, cell, cell_index)


def peak_memory(pid: int) -> float | None:
    """The peak of a process's main memory in MB; None except on Linux."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1e3 for line in lines if "VmHWM" in line), None)


def time_notebook(path: Path) -> NotebookTimes:
    """Run one notebook; an error in a cell is raised."""
    notebook = nbformat.read(path, as_version=4)
    client = TimedClient(
        notebook, timeout=600, kernel_name="python3",
        resources={"metadata": {"path": path.parent}},
    )  # fmt: skip
    start = imports = time.perf_counter()
    with client.setup_kernel():
        kernel = client.km.provisioner.pid  # type: ignore[union-attr]
        for number, cell in enumerate(notebook.cells):
            client.execute_cell(cell, number)
            if cell.id == "setup":
                imports = time.perf_counter()
        end = time.perf_counter()
        peak = peak_memory(kernel)
    figure = client.first_figure and client.first_figure - start
    return NotebookTimes(path.stem, imports - start, figure, end - start, peak)


def times_table(rows: list[NotebookTimes]) -> str:
    lines = [
        "| notebook | imports, s | first figure, s | all of it, s | peak memory, MB |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        figure = "–" if row.first_figure is None else f"{row.first_figure:.1f}"
        peak = "–" if row.peak is None else f"{row.peak:.0f}"
        cells = [row.name, f"{row.imports:.1f}", figure, f"{row.total:.0f}", peak]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put it into the docs")
    write = parser.parse_args().write
    rows = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        print(path.name, "…", flush=True)
        rows.append(time_notebook(path))
    text = f"{times_table(rows)}\n\nOn {docs_table.machine()}.\n"
    print(text)
    if write:
        docs_table.write("performance.md", "notebook time", text)


if __name__ == "__main__":
    main()
