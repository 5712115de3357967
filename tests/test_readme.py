"""What README.md says of the course is so."""

import ast
import importlib
import inspect
import json
import re
from pathlib import Path

import pytest

from course_utils import objectives

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def table(heading, number=0):
    """The rows of a table below a heading, each a list of its cells."""
    section = README.split(f"## {heading}\n")[1].split("\n## ")[0]
    tables = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)
    lines = tables[number].splitlines()
    return [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines[2:]
    ]


FORMULAS = table("The formulas")


def source_of_cell(number, name):
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    (cell,) = [cell for cell in cells if cell["id"] == name]
    return "".join(cell["source"])


def names_of_tests():
    for path in (ROOT / "tests").glob("test_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node.name


@pytest.mark.parametrize(
    "slide, formula, function, cell, test",
    FORMULAS,
    ids=[f"{row[0]}, {row[2]}" for row in FORMULAS],
)
def test_a_row_of_the_formula_table_is_true(slide, formula, function, cell, test):
    module, name = function.strip("`").split(".")
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
        f"`{module.__name__.split('.')[1]}.{name}`"
        for module in (objectives, gradient_estimators)
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }
    assert public <= {row[2] for row in FORMULAS}


def test_the_map_names_every_notebook_in_order():
    named = [re.search(r"\((.*)\)", row[0])[1] for row in table("The notebooks")]
    there = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert named == [f"notebooks/{path.name}" for path in there]


def test_the_layout_names_every_module():
    described = " ".join(row[0] for row in table("The files"))
    lessons = {path.stem[3:] for path in (ROOT / "notebooks").glob("*.ipynb")}
    checks = {path.stem for path in (ROOT / "course_utils" / "exercises").glob("*.py")}
    assert checks == lessons | {"__init__", "probes"}  # a row of its own has the last only
    missing = [
        path.name
        for path in (ROOT / "course_utils").rglob("*.py")
        if path.name != "__init__.py"
        and not (path.parent.name == "exercises" and path.stem in lessons)
        and f"`{path.relative_to(ROOT).as_posix()}`" not in described
    ]
    assert not missing


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_a_link_leads_somewhere(link):
    assert (ROOT / link).exists()


def test_ci_runs_the_readme_s_test_command_word_for_word():
    block = re.search(r"<!-- test -->\n\n(.+?)\n\n<!-- end -->", README, re.DOTALL)[1]
    assert block.splitlines() == ["    python3 course.py test"]
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "<!-- test -->/,/<!-- end -->/" in script and "course.py" not in script


# --- docs/survives.md -----------------------------------------------------------------

SURVIVES = (ROOT / "docs" / "survives.md").read_text(encoding="utf-8")


def test_what_it_survives_is_shown_by_tests_that_exist():
    rows = re.findall(r"^\|(.+)\|(.+)\|(.+)\|$", SURVIVES, re.MULTILINE)
    named = [test.strip(" `") for *_, test in rows if test.strip(" `").startswith("test_")]
    tables = SURVIVES.count("| fault |")
    assert len(named) == len(rows) - 2 * tables > 20  # less heads and rules
    assert set(named) <= set(names_of_tests())
