"""Train every model of the course on one data set, and print the table of comparison.

python benchmarks/comparison.py             # about a quarter of an hour of one core
python benchmarks/comparison.py --write     # and store it for the notebooks and the docs
"""

from __future__ import annotations

import argparse
from pathlib import Path

import docs_table
import torch
from matplotlib import rc_context
from matplotlib.figure import Figure

from course_utils.device import choose_device
from course_utils.generative import comparison

ROOT = Path(__file__).parents[1]
SEEDS = (0, 1)


def run() -> list[dict]:
    """With one thread, so that the seconds are those of one core."""
    torch.set_num_threads(1)
    return list(comparison.compare_models(*comparison.small_digits(), seeds=SEEDS))


def store(rows: list[dict]) -> None:
    """Store the rows in this checkout, their images in 256 shades of gray."""
    rows = [{**row, "images": (255 * row["images"]).round().byte().cpu()} for row in rows]
    torch.save(rows, ROOT / "course_utils" / "checkpoints" / "comparison.pt")


def draw(rows: list[dict]) -> None:
    """log p(x) against the seconds of training, as a picture for the docs."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axis = figure.subplots()
    for name, marker in (("VAE", "o"), ("VQ-VAE-2", "s"), ("diffusion", "^")):
        nats = comparison.nats_against_seconds(rows, name)
        axis.plot(list(nats), list(nats.values()), marker=marker)
        axis.annotate(f"  {name}", list(nats.items())[-1], va="center")
    axis.set(xscale="log", xlabel="seconds of training", ylabel="log p(x), nats")
    axis.set_xticks([2, 5, 10, 20, 50], ["2", "5", "10", "20", "50"])
    axis.minorticks_off()
    axis.margins(x=0.2)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "comparison"}):
        figure.savefig(ROOT / "docs" / "nats_against_seconds.svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="store rows and table")
    write = parser.parse_args().write
    rows = run()
    text = page(rows)
    print(text)
    if write:
        docs_table.write("comparison.md", "comparison", text)
        store(rows)
        draw(rows)


def page(rows: list[dict]) -> str:
    """What stands in the docs: the table, and where it was measured."""
    where = f"Seconds on one of {docs_table.machine()}; device: {choose_device().type}."
    return f"{comparison.table(rows)}\n\n{where}\n"


if __name__ == "__main__":
    main()
