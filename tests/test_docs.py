"""The names in README.md, docs and notebooks exist: links, commands, formulas, tests."""

import ast
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import course
from course_utils import objectives
from course_utils.theory import gradient_estimators

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "course_utils/*/*.md", ".github/**/*.md")
    for path in ROOT.glob(pattern)
)


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def table(page: str, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, each a list of its cells."""
    section = re.split(rf"^#+ {heading}\n", read(page), flags=re.MULTILINE)[1]
    lines = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)[0].splitlines()
    return [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines[2:]
    ]


@cache
def names_of_tests() -> set[str]:
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


# --- links ------------------------------------------------------------------------------


def prose(page: str) -> str:
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", read(page), flags=re.DOTALL | re.MULTILINE)


def anchors(path: Path) -> set[str]:
    """The fragments of links to the headings of a page."""
    headings = re.findall(r"^#+ (.*)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings}


def broken_links(page: str) -> Iterator[str]:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue  # an external link
        target, _, fragment = link.partition("#")
        path = (ROOT / page).parent / target if target else ROOT / page
        if not path.exists() or (fragment and fragment not in anchors(path)):
            yield link


@pytest.mark.parametrize("page", PAGES)
def test_links_have_a_target(page):
    assert not list(broken_links(page))


# --- commands ---------------------------------------------------------------------------


def text(path: str) -> str:
    """A page, or the Markdown cells of a notebook."""
    if not path.endswith(".ipynb"):
        return read(path)
    cells = json.loads(read(path))["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


NOTEBOOKS = [
    f"notebooks/{path.name}" for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
]


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS])
def test_commands_exist(path):
    for module in re.findall(r"python3? -m ((?:tools|course_utils)[.\w]*)", text(path)):
        source = ROOT.joinpath(*module.split(".")).with_suffix(".py")
        assert source.is_file(), module
        assert 'if __name__ == "__main__":' in source.read_text(encoding="utf-8"), module
    known = re.findall(r"python course\.py (\w+)", course.__doc__)
    assert set(re.findall(r"course\.py ([a-z]+)", text(path))) <= set(known)


# --- code in the docs ---------------------------------------------------------------------


def run_page(page):
    """What the blocks of code of a page define, run from top to bottom."""
    names = {}
    blocks = re.findall(r"^```python\n(.*?)^```", read(page), re.DOTALL | re.MULTILINE)
    assert len(blocks) > 5
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    return names


@pytest.mark.slow
def test_the_code_of_own_objective_runs_and_contracts():
    norms = run_page("docs/own_objective.md")["norms"]
    assert norms[1] < 0.5 * norms[0]  # the title of its figure


@pytest.mark.slow
def test_the_code_of_own_data_runs_and_learns(capsys):
    names = run_page("docs/own_data.md")
    names["folder"].cleanup()  # its finalizer would warn, within some later test
    out = capsys.readouterr().out
    error, units = map(float, re.search(r"error (.+), (\d) active units", out).groups())
    assert error < 0.75 and units == 3  # the mean has 1, three principal components 0.34
    first, last = map(int, re.search(r"−ELBO (\d+) to (\d+) nats", out).groups())
    assert last < 0.8 * first
    saved, loaded = (names[name].state_dict() for name in ("vae", "again"))
    assert all(value.equal(loaded[name]) for name, value in saved.items())


# --- README.md --------------------------------------------------------------------------


def test_the_readme_is_short():
    text = read("README.md")
    assert len(text.splitlines()) <= 120
    assert len(text.split()) <= 1000


def test_the_map_names_every_notebook_in_order():
    named = [
        re.search(r"\((.*)\)", row[0])[1] for row in table("README.md", "The notebooks")
    ]
    assert named == NOTEBOOKS


# --- docs/formulas.md -------------------------------------------------------------------

FORMULAS = table("docs/formulas.md", "The formulas")


def source_of_cell(number: str, name: str) -> str:
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    (cell,) = [cell for cell in cells if cell["id"] == name]
    return "".join(cell["source"])


@pytest.mark.parametrize(
    "slide, formula, function, cell, test",
    FORMULAS,
    ids=[f"{row[0]}, {row[2]}" for row in FORMULAS],
)
def test_a_row_of_the_formula_table_is_true(slide, formula, function, cell, test):
    module, name = function.strip("`").rsplit(".", 1)
    code = getattr(importlib.import_module(f"course_utils.{module}"), name)
    if formula.startswith("`"):
        assert formula.strip("`") in " ".join(inspect.getdoc(code).split())
    assert re.search(rf"\b{name}\b", source_of_cell(*cell.split()))
    assert test.strip("`") in names_of_tests()


# The slides of the lecture that hold a formula, in its order.
LECTURE = [
    "Generative models",
    "Autoencoders",
    "The undercomplete and linear autoencoder",
    "Sparse Autoencoder",
    "Denoising Autoencoder",
    "Probabilistic Autoencoder",
    "Comparison between autoencoders",
    "VAE",
    "MLE is intractable",
    "VAEs objective function",
    "Derivation of VAE objective",
    "Error and regularization",
    "Minibatch loss",
    "Reparameterization trick",
    "Visualization of latent space",
    "The VAE algorithm",
    "Testing",
    "Posterior collapse",
    "Introduce a hyper-parameter β",
    "VQ-VAE-2",
    "Topics",
]


def test_the_formula_table_follows_the_lecture_and_leaves_no_slide_out():
    slides = [row[0].split(":")[0] for row in FORMULAS]
    assert list(dict.fromkeys(slides)) == LECTURE


def test_the_formula_table_is_complete():
    public = {
        f"`{module.__name__.removeprefix('course_utils.')}.{name}`"
        for module in (objectives, gradient_estimators)
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }
    assert public <= {row[2] for row in FORMULAS}


# --- docs/architecture.md, docs/performance.md, docs/robustness.md ----------------------


def test_the_architecture_names_every_module():
    """All but the exercises of a notebook, which have its name."""
    lessons = {path.stem[3:] for path in (ROOT / "notebooks").glob("*.ipynb")}
    modules = {
        path.relative_to(ROOT).as_posix()
        for folder in ("course_utils", "tools")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "__init__.py"
        and not (path.parent.name == "exercises" and path.stem in lessons)
    }
    described = re.findall(
        r"^\| `(\S+\.py)` \|", read("docs/architecture.md"), re.MULTILINE
    )
    assert sorted(described) == sorted(modules)


def test_the_table_of_times_names_every_notebook():
    named = [row[0] for row in table("docs/performance.md", "Notebooks")]
    assert named == [Path(path).stem for path in NOTEBOOKS]


def test_the_tests_named_in_robustness_exist():
    named = re.findall(r"\| `(test_\w+)` \|$", read("docs/robustness.md"), re.MULTILINE)
    assert len(named) > 20
    assert set(named) <= names_of_tests()
