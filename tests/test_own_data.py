"""The page docs/own_data.md: its code runs, in its order, and gives what it says."""

import re
from pathlib import Path

import pytest
import torch

from course_utils import training

PAGE = Path(__file__).parents[1] / "docs" / "own_data.md"


@pytest.mark.slow
def test_the_code_of_the_page_runs_and_learns(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    blocks = re.findall(r"(?ms)^```python\n(.*?)^```", PAGE.read_text("utf-8"))
    assert len(blocks) == 6
    names = {}
    for block in blocks:
        exec(block, names)
    out = capsys.readouterr().out
    error, units = map(float, re.search(r"error (.+), (\d) active units", out).groups())
    assert error < 0.75 and units == 3  # the mean has 1, three principal components 0.34
    first, last = map(int, re.search(r"−ELBO (\d+) to (\d+) nats", out).groups())
    assert last < 0.8 * first
    assert torch.equal(names["again"](names["new"]), vae_of_the_loop(names)(names["new"]))


def vae_of_the_loop(names):
    """The last one on the page, which was saved."""
    assert training.evaluate(names["vae"], names["objective"], names["new"])["loss"] > 0
    return names["vae"]
