"""What the README shows of the benchmarks, and how it gets there."""

import importlib
import inspect
import re
import runpy
from pathlib import Path

import nbformat
import pytest
import torch
from test_readme import table
from torch.utils.data import TensorDataset

from course_utils import widgets
from course_utils.generative import comparison

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


def test_the_scoreboard_in_the_readme_is_the_stored_one():
    assert comparison.table(comparison.stored()) in (ROOT / "README.md").read_text("utf-8")


def test_the_scoreboard_in_the_readme_has_the_whole_family():
    rows = {row[0]: row[1:] for row in table("The scoreboard")}
    assert list(rows) == ["real digits", *comparison.MODELS]
    for name in ("autoencoder", "sparse", "denoising", "probabilistic", "GAN"):
        assert rows[name][1] == "not defined"
    for name in ("VAE", "VQ-VAE-2", "diffusion"):
        assert rows[name][1].startswith("≥ ")


# --- training -------------------------------------------------------------------------


@pytest.fixture
def speed(monkeypatch):
    """benchmarks/training_speed.py, as a module that is not run."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("training_speed")


CPU = torch.device("cpu")


def test_every_loop_of_the_benchmark_learns_the_same(speed):
    torch.manual_seed(0)
    images = (torch.rand(40, 784) < torch.linspace(0, 1, 784)).float().repeat(16, 1)
    digits = TensorDataset(images, torch.zeros(len(images)))
    runs = speed.take_turns(images, digits, images[:100], CPU, epochs=3)
    for part in (speed.FLOOR, speed.ADAM, speed.COPIES):  # of a loop; they learn nothing
        run = runs.pop(part)
        assert len(run.seconds) == 3 and not run.losses
    there = {name: run.losses for name, run in runs.items() if run}
    assert len(there) >= 4  # two of the course, two of its usual rivals; peers if installed
    cycle = there.pop("ours, `training_epochs`")
    assert len(cycle) == 3
    for losses in there.values():  # they differ in the order of batches and in the noise
        assert losses == pytest.approx(there[speed.USUAL], rel=0.02)


def test_the_gradients_by_hand_are_those_of_autograd(speed):
    images = torch.rand(speed.BATCH, 784)
    first, second = (speed.new_model(CPU) for _ in range(2))
    for loop, model in ((speed.by_hand_held, first), (speed.ours_held, second)):
        torch.manual_seed(1)
        next(loop(images, model, 1))
    for ours, theirs in zip(first.parameters(), second.parameters()):
        # Sums, not means; in another order: the largest mean slopes are about ½.
        assert torch.allclose(ours.grad / len(images), theirs.grad, atol=1e-6)
        # Adam's first step is the sign of a slope: it must be more than rounding.
        clear = theirs.grad.abs() > 1e-5
        assert torch.allclose(ours[clear], theirs[clear], atol=1e-5)


def test_products_in_bfloat16_give_nearly_the_same_gradients(speed):
    images = torch.rand(speed.BATCH, 784)
    model, by_hand = speed.new_model(CPU), speed.new_model(CPU)
    slopes = {}
    for precision, objective in speed.PRECISIONS.items():
        torch.manual_seed(1)
        model.zero_grad()
        batch = images[torch.randperm(len(images))]  # the same draws as by hand
        objective(model.encoder, model.decoder, batch)["loss"].backward()
        slopes[precision] = [p.grad for p in model.parameters()]
    torch.manual_seed(1)
    next(speed.by_hand(images, by_hand, [speed.BATCH], lambda done: 0.0, torch.bfloat16))
    slopes["by hand"] = [p.grad / len(images) for p in by_hand.parameters()]
    exact = torch.cat([slope.flatten() for slope in slopes["float32"]])
    for some in ("bfloat16", "by hand"):
        found = torch.cat([slope.flatten() for slope in slopes[some]])
        # bfloat16 keeps eight bits, 0.4 percent, and several roundings follow each other.
        assert 1e-4 < (found - exact).norm() / exact.norm() < 0.02


def test_the_soonest_recipe_learns(speed):
    torch.manual_seed(0)
    images = (torch.rand(40, 784) < torch.linspace(0, 1, 784)).float().repeat(64, 1)
    model = speed.new_model(CPU)
    speed.start_at_the_mean(model, images)
    before = speed.test_loss(model, images[:40])
    assert len(list(speed.growing(images, model))) == len(speed.GROWING)
    assert speed.test_loss(model, images[:40]) < before - 1


def test_ours_costs_at_most_three_floors_and_the_usual_loop_costs_more(speed):
    """Within one process and in turn, the best of several, with wide margins."""
    images = torch.rand(3200, 784)
    pixels = (images * 255).byte().view(-1, 28, 28)

    class Digits(torch.utils.data.Dataset):
        def __len__(self):
            return len(pixels)

        def __getitem__(self, i):  # the least that ToTensor does
            return pixels[i][None].float().div(255), 0

    floor = speed.floor(len(images), CPU)
    model = [speed.new_model(CPU) for _ in range(2)]
    own = speed.ours(images, model[0], 6)
    usual = speed.usual(Digits(), model[1], 6)
    works = [floor, lambda: next(own), lambda: next(usual)]
    turns = [[speed.timed(work, CPU) for work in works] for _ in range(6)]
    least, ours, theirs = (min(times) for times in zip(*turns))
    assert ours < 3 * least
    assert ours < theirs


def test_the_tables_hold_what_was_measured(speed):
    run = speed.Run
    runs = {
        "ours": run([2.0, 3.0, 2.0], [120, 110, 104.0]),
        speed.USUAL: run([18.0, 21.0, 22.0], [127, 115, 105.5]),
        "peer": None,
        speed.FLOOR: run([1.0, 2.0, 1.0]),
    }
    assert speed.epoch_table(runs, CPU).splitlines()[2:] == [
        "| ours | 2.00 (2.00–3.00) | 1.00 | 2.00 | 104.00 |",
        f"| {speed.USUAL} | 21.00 (18.00–22.00) | 9.00 | 18.00 | 105.50 |",
        "| peer | not installed | – | – | – |",
        f"| {speed.FLOOR} | 1.00 (1.00–2.00) | 0.50 | 1.00 | – |",
    ]
    recipes = {"float32": [run([3.15], [105.4]), run([3.15], [105.6])]}
    least, flat = {"products": run([2.1])}, {"float32": run([9.0], [151.0])}
    lines = speed.quality_table(runs[speed.USUAL], recipes, least, flat, CPU)
    found = [line.split(" | ")[-1] for line in lines.splitlines()[2:]]
    assert found == ["1 |", "20.0 |", "not reached |", "30.0 |", "– |"]


def test_training_needs_little_memory_beside_the_data(speed):
    with speed.ProcessPoolExecutor(1, speed.get_context("spawn")) as one:
        cost, held, peak = one.submit(speed.train_many, 40_000).result()
    assert cost > 0 and held == 40_000 * 784 * 4 / 1e6
    assert not peak > 1.5 * held  # not a number but on Linux


def test_a_notebook_is_timed_to_its_first_figure(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    notebook_time = importlib.import_module("notebook_time")
    bar = 'display({"application/vnd.jupyter.widget-view+json": {}}, raw=True)'
    picture = 'display({"image/png": "aaaa"}, raw=True)'
    sources = ["1", bar, "import time; time.sleep(0.5)", picture, "time.sleep(0.5)"]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "some.ipynb")
    wait = notebook_time.wait_for(tmp_path / "some.ipynb")
    assert wait.first_figure - wait.first_cell >= 0.5
    assert wait.total - wait.first_figure >= 0.5
    wait = notebook_time.Wait("some", 1.0, None, 59.6, None)
    assert notebook_time.wait_table([wait]).endswith("| some | 1.0 | – | 60 | – |")


def figures(number, row):
    """Of a table below "Training": the numbers of the rows that begin so, range left out."""
    rows = [cells for cells in table("Training", number) if f"{cells[0]} ".startswith(row)]
    assert rows, row
    parts = [[re.match(r"[\d.]+", cell) for cell in cells[1:]] for cells in rows]
    return [[float(part[0]) if part else None for part in cells] for cells in parts]


def test_the_readme_s_loops_have_bought_the_same_loss_for_less(speed):
    ((_, _, to_floor, _),) = figures(0, "ours, `training_epochs`")
    ((_, _, held_to_floor, held),) = figures(0, "ours, learning rate held")
    ((_, times, _, usual),) = figures(0, speed.USUAL)
    assert max(to_floor, held_to_floor) <= 2.5
    assert times >= 1.8
    assert abs(held - usual) < 1
    for peer in ("lightning", "pythae"):  # in the table, even where it could not be tried
        assert figures(0, peer)


def test_the_readme_s_reasons_why_it_is_not_less_are_those_of_its_tables(speed):
    names = (speed.FLOOR, speed.ADAM, speed.COPIES, speed.USUAL)
    floor, adam, copies, usual = (figures(0, name)[0][2] for name in names)
    assert floor == 1 and floor + adam + copies > 1.3
    assert usual < 8
    single, half, growing = (row[-1] for row in figures(1, "matrix products alone"))
    assert single < 20 < min(half, growing)


def test_the_readme_s_recipe_is_sooner_from_every_seed():
    rows = figures(1, "`epochs=")
    assert len(rows) == 6 and all(gain and gain >= 6 for *_, gain in rows)
    by_hand = figures(1, "batches of")
    assert len(by_hand) == 3 and all(gain and gain >= 20 for *_, gain in by_hand)


def test_the_readme_s_cost_per_image_does_not_grow_with_the_data():
    (small,), (mnist,), (large,) = (figures(3, f"{n} ") for n in (6000, 60_000, 240_000))
    assert large[0] < 1.2 * mnist[0] < 1.44 * small[0]
    for _, held, peak in (mnist, large):
        assert peak is None or peak < 1.2 * held + 20


# --- mutants ----------------------------------------------------------------------------


def test_a_module_means_the_same_without_its_decorators(monkeypatch, tmp_path):
    """mutmut gets this copy of it."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    mutants = importlib.import_module("mutants")
    source = """
@twice
@more
def f():
    return 1

class A:
    @property
    def g(self):
        return 2
"""
    plain = mutants.undecorated(source)
    (tmp_path / "plain.py").write_text(plain)
    wrappers = {"twice": lambda f: lambda: 2 * f(), "more": lambda f: lambda: f() + 1}
    values = runpy.run_path(tmp_path / "plain.py", wrappers)
    assert "@" not in plain and values["f"]() == 4 and values["A"]().g == 2
    assert mutants.undecorated(plain) == plain


MUTANTS = (ROOT / "docs" / "mutants.md").read_text(encoding="utf-8")


def test_the_mutants_add_up_and_every_survivor_is_explained():
    rows = re.findall(r"^\| `(.+)` \| (\d+) \| (\d+) \| (.+) % \|", MUTANTS, re.MULTILINE)
    assert rows
    for name, all_of_them, killed, share in rows:
        assert float(share) == round(100 * int(killed) / int(all_of_them), 1) >= 95
        survivors = MUTANTS.split(f"\n## `{name}`\n")[1].split("\n## ")[0]
        explained = re.findall(r"^\| (\d+) \| .+ \| .+ \|$", survivors, re.MULTILINE)
        assert sum(map(int, explained)) == int(all_of_them) - int(killed), name
