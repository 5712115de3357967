"""The whole family of the course on one data set: trains all of it, prints the table.

python benchmarks/scoreboard.py             # about two minutes
python benchmarks/scoreboard.py --write     # and put it into README.md
"""

from __future__ import annotations

import argparse

import readme
import torch

from course_utils import data, samples, scoreboard
from course_utils.device import choose_device
from course_utils.training import fit


def run() -> str:
    """As notebook 10 does it: the same data, the same judge, the same seeds."""
    images, labels = data.mnist("train")
    half, test = map(scoreboard.half_size, (images, data.mnist("test")[0][::5]))
    torch.manual_seed(0)
    classifier = samples.digit_classifier(side=14).to(images.device)
    fit(classifier, samples.classification_loss, (half, labels), epochs=2)
    classifier.requires_grad_(False)
    rows = scoreboard.scoreboard(half[:20_000], labels[:20_000], test, classifier)
    device = choose_device().type
    return f"{scoreboard.table(list(rows))}\n\nSeconds on {readme.machine()}; device: {device}.\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    write = parser.parse_args().write
    text = run()
    print(text)
    if write:
        readme.write("scoreboard", text)


if __name__ == "__main__":
    main()
