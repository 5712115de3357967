"""What the README shows of the benchmarks, and how it gets there."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
from test_readme import table

from course_utils import scoreboard, widgets

ROOT = Path(__file__).parents[1]


@pytest.fixture
def latency(monkeypatch):
    """benchmarks/widget_latency.py, as a module that is not run."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("widget_latency")


ROWS = [("`a`", 75.04, 93.46, 11.2), ("`b`", 7.0, 9.25, 30.0)]


def test_a_new_table_takes_the_place_of_the_old_one(latency):
    start, end = "<!-- widget latency -->", "<!-- end -->"
    old = f"Before.\n\n{start}\n\n| old |\n\n{end}\nAfter.\n{end}"
    text = latency.table(ROWS, "156.0")
    new = latency.readme.with_table(old, "widget latency", text)
    assert "| `a` | 75.0 ms | 93.5 ms | 11 |\n| `b` | 7.0 ms | 9.2 ms | 30 |" in new
    assert "old" not in new and new.startswith("Before.") and new.endswith(f"After.\n{end}")
    assert latency.readme.with_table(new, "widget latency", text) == new
    assert latency.readme.machine() in new and "Chromium 156.0" in new


def latencies():
    rows = table("The widgets", 1)
    return {
        name.strip("`"): [float(cell.split()[0]) for cell in cells] for name, *cells in rows
    }


def test_the_readme_shows_every_widget_and_none_misses_a_frame():
    shown = latencies()
    interact = shown.pop("interact` with matplotlib")
    assert shown.pop("ipywidgets.Image")
    assert set(shown) == set(widgets.__all__)
    assert all(late < 1000 / 60 for _, late, _ in shown.values())
    # Both decode one digit; the other widgets draw more than that.
    for ours, theirs in zip(shown["LatentWalk"][:2], interact):
        assert ours < theirs / 10


def test_the_readme_tells_what_each_widget_is_for():
    rows = {name.strip("`"): places for name, *_, places in table("The widgets")}
    assert set(rows) == set(widgets.__all__)
    for name, places in rows.items():
        used = [
            path.name[:2]
            for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
            if re.search(rf"\b{name}\(", path.read_text("utf-8"))
        ]
        assert used == numbers(places), name
    for name in widgets.__all__:
        assert inspect.getdoc(getattr(widgets, name)), name


def numbers(places: str) -> list[str]:
    """ "00, 02 to 05" -> ["00", "02", "03", "04", "05"]"""
    found = []
    for part in places.split(", "):
        first, *last = part.split(" to ")
        found += [f"{i:02d}" for i in range(int(first), int((last or [first])[0]) + 1)]
    return found


def test_the_scoreboard_in_the_readme_has_the_whole_family():
    rows = {row[0]: row[1:] for row in table("The scoreboard")}
    assert list(rows) == ["real digits", *scoreboard.FAMILY]
    for name in ("autoencoder", "sparse", "denoising", "probabilistic", "GAN"):
        assert rows[name][1] == "not defined"
    for name in ("VAE", "VQ-VAE-2", "diffusion"):
        assert rows[name][1].startswith("≥ ")
