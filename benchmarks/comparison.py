"""Train every model of the course on one data set, and print the table of comparison.

python benchmarks/comparison.py             # about four minutes
python benchmarks/comparison.py --write     # and store it for notebook 11 and the docs
"""

from __future__ import annotations

import argparse
from pathlib import Path

import docs_table
import torch

from course_utils import data
from course_utils.device import choose_device
from course_utils.generative import comparison
from course_utils.generative.classifier import classification_loss, digit_classifier
from course_utils.training import fit

ROOT = Path(__file__).parents[1]


def run() -> list[dict]:
    """With the data, classifier and seeds of notebook 11, which trains three rows."""
    images, labels = data.mnist("train")
    half, test = map(data.half_size, (images, data.mnist("test")[0][::5]))
    torch.manual_seed(0)
    classifier = digit_classifier(side=14).to(images.device)
    fit(classifier, classification_loss, (half, labels), epochs=2)
    classifier.requires_grad_(False)
    return list(comparison.compare_models(half[:20_000], labels[:20_000], test, classifier))


def store(rows: list[dict]) -> None:
    """Store the rows in this checkout, their images in 256 shades of gray."""
    rows = [{**row, "images": (255 * row["images"]).round().byte().cpu()} for row in rows]
    torch.save(rows, ROOT / "course_utils" / "checkpoints" / "comparison.pt")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="store rows and table")
    write = parser.parse_args().write
    rows, device = run(), choose_device().type
    where = f"Seconds on {docs_table.machine()}; device: {device}."
    text = f"{comparison.table(rows)}\n\n{where}\n"
    print(text)
    if write:
        docs_table.write("comparison.md", "comparison", text)
        store(rows)


if __name__ == "__main__":
    main()
