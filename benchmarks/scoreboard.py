"""The whole family of the course on one data set: trains all of it, prints the table.

python benchmarks/scoreboard.py             # about four minutes
python benchmarks/scoreboard.py --write     # and keep it, for README.md and notebook 10
"""

from __future__ import annotations

import argparse

import readme
import torch

from course_utils import data, samples, scoreboard
from course_utils.device import choose_device
from course_utils.training import fit


def run() -> list[dict]:
    """As notebook 10 does it for three rows: the same data, the same judge, the same seeds."""
    images, labels = data.mnist("train")
    half, test = map(scoreboard.half_size, (images, data.mnist("test")[0][::5]))
    torch.manual_seed(0)
    classifier = samples.digit_classifier(side=14).to(images.device)
    fit(classifier, samples.classification_loss, (half, labels), epochs=2)
    classifier.requires_grad_(False)
    return list(scoreboard.scoreboard(half[:20_000], labels[:20_000], test, classifier))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the board in the course")
    write = parser.parse_args().write
    rows, device = run(), choose_device().type
    text = f"{scoreboard.table(rows)}\n\nSeconds on {readme.machine()}; device: {device}.\n"
    print(text)
    if write:
        readme.write("scoreboard", text)
        scoreboard.store(rows)


if __name__ == "__main__":
    main()
